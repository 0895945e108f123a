package httpapi_test

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
)

// BenchmarkAccept hands in distinct signed packages of 20 KB (RSA-2048), from many goroutines, to the core: reading,
// hashing, parsing, verifying, deciding, durable append, receipt. Views and router are not running.
func BenchmarkAccept(b *testing.B) {
	w := newWorld(b, func(o *worldOptions) { o.limits.PerClient = 1 << 20 })
	key, cert := w.issue(w.ca, trialca.Leaf{Name: "RSA", OrgCode: codeSender, Use: trialca.Sign, Key: trialca.RSA2048})
	if _, err := w.change(schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender},
		Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: cert.Raw}); err != nil {
		b.Fatal(err)
	}
	content := make([]byte, 12<<10)
	_, _ = (&noise{}).Read(content)
	file := schemas.FileBytes("a.bin", "application/octet-stream", content)
	file.Raw = true
	packages := make([][]byte, b.N)
	for i := range packages {
		packages[i] = w.sign(w.unsigned(w.doc(fmt.Sprint(1000+i)), file), &agency{key: key, cert: cert})
	}
	caller, err := w.node.Authenticate(gateway.Credential{Token: w.actors["sender"].token})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(packages[0])))
	b.SetParallelism(64)
	b.ReportAllocs()
	var next atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p := packages[next.Add(1)-1]
			if _, err := w.node.Accept(w.ctx, caller, bytes.NewReader(p), int64(len(p))); err != nil {
				b.Error(err)
			}
		}
	})
}
