package signing_test

import (
	"context"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

func TestSignAndVerify(t *testing.T) {
	ca := newCA(t, "ca")
	for name, k := range map[string]trialca.KeyType{"P-256": trialca.P256, "P-384": trialca.P384, "RSA-2048": trialca.RSA2048, "RSA-3072": trialca.RSA3072} {
		t.Run(name, func(t *testing.T) {
			l := newLeaf(t, ca, k)
			doc, err := signing.Sign(edxml("UEsDBA=="), l.key, l.chain, signing.SignOptions{})
			if err != nil {
				t.Fatal(err)
			}
			v, err := signing.VerifyPackage(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{Trust: trustIn(t, ca), At: day})
			if err != nil {
				t.Fatalf("%v\n%s", err, doc)
			}
			if v.Fingerprint() != signing.Fingerprint(l.cert) {
				t.Error("wrong signer")
			}
		})
	}
}
