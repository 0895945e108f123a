package signing_test

import (
	"context"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

func BenchmarkVerify(b *testing.B) {
	ca := newCA(b, "bench")
	l := newLeaf(b, ca, trialca.RSA2048)
	loads, err := signing.Workloads(l.key, l.chain[:1], trustIn(b, ca), day)
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range loads {
		b.Run(w.Name, func(b *testing.B) {
			b.SetBytes(int64(len(w.Document)))
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Verify(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyWindow reads the same documents through a window, as from a file.
func BenchmarkVerifyWindow(b *testing.B) {
	ca := newCA(b, "bench")
	l := newLeaf(b, ca, trialca.RSA2048)
	trust := trustIn(b, ca)
	loads, err := signing.Workloads(l.key, l.chain[:1], trust, day)
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range loads {
		b.Run(w.Name, func(b *testing.B) {
			b.SetBytes(int64(len(w.Document)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signing.VerifyPackage(context.Background(), windowed{w.Document}, signing.VerifyOptions{Trust: trust, At: day}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestNoAllocationPerToken: what a verification allocates does not depend on how many tokens the document has.
func TestNoAllocationPerToken(t *testing.T) {
	ca := newCA(t, "allocations")
	l := newLeaf(t, ca, trialca.P256)
	loads, err := signing.Workloads(l.key, l.chain[:1], trustIn(t, ca), day)
	if err != nil {
		t.Fatal(err)
	}
	var n []float64
	for _, w := range loads[1:3] {
		n = append(n, testing.AllocsPerRun(20, func() {
			if err := w.Verify(); err != nil {
				t.Fatal(err)
			}
		}))
	}
	if n[1] > n[0]+10 {
		t.Errorf("%v allocations for 60 tokens, %v for 20,000", n[0], n[1])
	}
}
