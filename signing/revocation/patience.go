package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"time"
)

// Otherwise asks second about those certificates only of which first knows nothing.
func Otherwise(first, second Source) Source {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return otherwise{first, second}
}

type otherwise struct{ first, second Source }

func (o otherwise) Find(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]Answer, error) {
	answers, err := o.first.Find(ctx, cert, issuer, at)
	if len(answers) > 0 || ctx.Err() != nil {
		return answers, err
	}
	answers, other := o.second.Find(ctx, cert, issuer, at)
	if len(answers) > 0 {
		return answers, other
	}
	return nil, errors.Join(err, other)
}

// Within asks as long as asking lasts, all questions together: for those who show something to a person, who must not
// wait for whomever a certificate names. What is not heard by then is an error of the question, not the end of ctx.
func Within(asking context.Context, s Source) Source {
	if s == nil {
		return nil
	}
	return within{s, asking}
}

type within struct {
	Source
	asking context.Context
}

var errNotInTime = errors.New("couldn't hear in time whether a certificate is revoked")

func (w within) Find(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]Answer, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	answers, err := w.Source.Find(w.asking, cert, issuer, at)
	if err != nil && w.asking.Err() != nil && ctx.Err() == nil {
		err = errNotInTime
	}
	return answers, err
}
