package main

import (
	"testing"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/signing/verdict"
)

// A page doesn't call the moment that it was opened a proof, nor a forged file one that was added to.
func TestDescribePDF(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	of := func(sub verdict.SubIndication, whole bool, by string) portal.FileSignature {
		return describePDF(&verdict.Verdict{Signatures: []verdict.SignatureVerdict{{Conclusion: verdict.Conclusion{SubIndication: sub}, Whole: whole, BestTime: now, BestTimeBy: by}}}, directory.State{}).Signatures[0]
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
