package signing_test

import (
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
