package main

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing/revocation"
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
