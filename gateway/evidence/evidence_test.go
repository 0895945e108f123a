package evidence_test

import (
	"testing"

	"github.com/tram-exchange/tram/signing/verdict"
)

func TestWholeStory(t *testing.T) {
	w := newWorld(t)
	w.grown()
	r := w.check(w.container(w.options()), nil)
	if r.Indication != verdict.TotalPassed {
		t.Fatal(written(r))
	}
	if len(r.Proofs) != 2 || r.Proofs[0].Proved == nil || r.Proofs[1].Proved == nil || !r.Proofs[0].Proved.Time.Before(r.Proofs[1].Proved.Time) {
		t.Errorf("proofs: %+v", r.Proofs)
	}
}
