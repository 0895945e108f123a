package directory

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/events"
)

// province is a directory of the size of a big province: n organisations with two codes and a certificate each.
func province(t testing.TB, n int) State {
	t.Helper()
	s := world(t)
	c := change("province", "root", 1)
	for i := range n {
		code := fmt.Sprintf("H02.%05d", i)
		c.Operations = append(c.Operations,
			AddOrganisation{Code: code, Other: []Code{{Code: "alias." + code}}, Name: "Đơn vị", Parent: "H02"},
			enrol(org(code), "seal of "+code, PurposeSign))
	}
	return mustChange(t, s, c)
}

// The gateway asks five thousand times a second while the next state is being folded: nothing is copied, nothing is locked.
func TestReadWhileFolding(t *testing.T) {
	s := province(t, 500)
	if n := testing.AllocsPerRun(100, func() { s.Resolve("alias.H02.00123", at(2)) }); n != 0 {
		t.Errorf("Resolve makes %v allocations, expected 0", n)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				code := fmt.Sprintf("H02.%05d", i%500)
				if r := s.Resolve(code, at(2)); !r.Known || r.Closed {
					t.Errorf("%s: got %+v", code, r)
					return
				}
			}
		})
	}
	next := s
	for i := range 50 {
		next = mustChange(t, next, change(fmt.Sprint("close ", i), "root", 1, CloseOrganisation{Code: fmt.Sprintf("H02.%05d", i), From: at(1)}))
	}
	wg.Wait()
	if r := next.Resolve("H02.00049", at(2)); !r.Closed {
		t.Errorf("got %+v", r)
	}
	if r := s.Resolve("H02.00049", at(2)); r.Closed {
		t.Errorf("the earlier state has changed: %+v", r)
	}
}

func BenchmarkResolve(b *testing.B) {
	s := province(b, 5000)
	b.ReportAllocs()
	for b.Loop() {
		s.Resolve("alias.H02.00123", at(2))
	}
}

func BenchmarkCertificate(b *testing.B) {
	s := province(b, 5000)
	fp := dig("seal of H02.00123")
	b.ReportAllocs()
	for b.Loop() {
		c, _ := s.Certificate(fp)
		c.ValidAt(at(2), PurposeSign)
	}
}

func BenchmarkFoldCodeAdded(b *testing.B) {
	s := province(b, 5000)
	e := events.Event{Statement: events.Statement{Name: NameCodeAdded, Data: []byte(`{"org":"H02.00123","code":"another"}`)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fold(s, e); err != nil {
			b.Fatal(err)
		}
	}
}
