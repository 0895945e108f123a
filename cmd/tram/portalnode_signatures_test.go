package main

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/verdict"
)

// silent answers when the one who asks gives up.
type silent struct{ asked int }

func (s *silent) Find(ctx context.Context, _, _ *x509.Certificate, _ time.Time) ([]revocation.Answer, error) {
	s.asked++
	<-ctx.Done()
	return nil, ctx.Err()
}

// A page goes on without those who do not answer, however many it has to ask, and its own end is told from theirs.
func TestPageDoesNotWait(t *testing.T) {
	asking, stop := context.WithCancel(t.Context())
	stop()
	s := &silent{}
	i := impatient{s, asking}
	for range 3 {
		if _, err := i.Find(t.Context(), nil, nil, time.Time{}); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := i.Find(ended, nil, nil, time.Time{}); !errors.Is(err, context.Canceled) || s.asked != 3 {
		t.Errorf("%v after asking %d times", err, s.asked)
	}
}

// A page doesn't call the moment that it was opened a proof, nor a forged file one that was added to.
func TestDescribePDF(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	of := func(sub verdict.SubIndication, whole bool, by string) portal.FileSignature {
		return describePDF(&verdict.Verdict{Signatures: []verdict.SignatureVerdict{{Conclusion: verdict.Conclusion{SubIndication: sub}, Whole: whole, BestTime: now, BestTimeBy: by}}}).Signatures[0]
	}
	if s := of("", true, "time-stamp"); s.Changed || !s.Proved.Equal(now) {
		t.Errorf("good: %+v", s)
	}
	if s := of("", false, "validation"); !s.Changed || !s.Proved.IsZero() {
		t.Errorf("added to: %+v", s)
	}
	if s := of(verdict.Revoked, false, "validation"); !s.Changed {
		t.Errorf("added to, and revoked: %+v", s)
	}
	if s := of(verdict.HashFailure, false, "validation"); s.Changed || !s.Proved.IsZero() {
		t.Errorf("forged: %+v", s)
	}
}
