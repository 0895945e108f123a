package verdict

import (
	"os"
	"strings"
	"testing"
)

// TestSentences: whatever a check can say, it says in both languages.
func TestSentences(t *testing.T) {
	for id, results := range sentences {
		for r, s := range results {
			if s.vi == "" || s.en == "" || !strings.HasSuffix(s.vi, ".") || !strings.HasSuffix(s.en, ".") {
				t.Errorf("%s %s: %q / %q", id, r, s.vi, s.en)
			}
			if (r == Failed || r == Unknown) && !strings.HasPrefix(id, "time-stamp") {
				if vi, en := (Check{ID: id, Result: r}).Advice(); vi == "" || en == "" {
					t.Errorf("%s %s gives no advice", id, r)
				}
			}
		}
	}
	for id, s := range advice {
		if sentences[id] == nil || s.vi == "" || s.en == "" {
			t.Errorf("advice for %s: %q / %q", id, s.vi, s.en)
		}
	}
}

// TestDocumented: docs/signatures.md names every check and every reason.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/signatures.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for id := range sentences {
		if !strings.Contains(text, "`"+id+"`") {
			t.Errorf("check %s is not in docs/signatures.md", id)
		}
	}
	for _, s := range []SubIndication{FormatFailure, HashFailure, SigCryptoFailure, Revoked, Expired, NotYetValid, SigConstraintsFailure, ChainConstraintsFailure,
		CryptoConstraintsFailure, PolicyProcessingError, PolicyNotAvailable, TimestampOrderFailure, NoSigningCertificate, NoCertificateChain, RevokedNoPOE, RevokedCANoPOE,
		OutOfBoundsNoPOE, TryLater, SignedDataNotFound} {
		if !strings.Contains(text, "`"+string(s)+"`") {
			t.Errorf("%s is not in docs/signatures.md", s)
		}
	}
}
