package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// TestLegacy: SHA-1 is computed for those who ask for it, and refused for everybody else.
func TestLegacy(t *testing.T) {
	ca := newCA(t, "legacy")
	for _, c := range []struct {
		key                   trialca.KeyType
		usual, legacy, method string
	}{
		{trialca.RSA2048, signing.RSASHA256, signing.RSASHA1, signing.C14N10},
		{trialca.P256, signing.ECDSASHA256, signing.ECDSASHA1, signing.ExcC14N},
	} {
		l := newLeaf(t, ca, c.key)
		content := []byte(`<a Id="x">cũ</a>`)
		sum := sha1.Sum(content)
		ref := reference("#x", "", content)
		ref = strings.Replace(strings.Replace(ref, signing.DigestSHA256, signing.DigestSHA1, 1), between([]byte(ref), "<DigestValue>", "</DigestValue>"),
			"<DigestValue>"+base64.StdEncoding.EncodeToString(sum[:])+"</DigestValue>", 1)
		sig := strings.NewReplacer(c.usual, c.legacy, `<CanonicalizationMethod Algorithm="`+signing.ExcC14N, `<CanonicalizationMethod Algorithm="`+c.method).Replace(signature(l, ref))
		doc := "<r>" + string(content) + sig + "</r>"
		r := signing.Range{Start: int64(strings.Index(doc, "<SignedInfo>")), End: int64(strings.Index(doc, "</SignedInfo>") + len("</SignedInfo>"))}
		var b bytes.Buffer
		if err := signing.Canonicalize(context.Background(), &b, signing.BytesSource(doc), r, signing.Context{}, c.method, nil); err != nil {
			t.Fatal(err)
		}
		sum = sha1.Sum(b.Bytes())
		value, err := l.key.Sign(rand.Reader, sum[:], crypto.SHA1)
		if err != nil {
			t.Fatal(err)
		}
		if c.key == trialca.P256 {
			value = rawECDSA(t, value)
		}
		doc = strings.Replace(doc, ">?<", ">"+base64.StdEncoding.EncodeToString(value)+"<", 1)
		for _, legacy := range []bool{false, true} {
			rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true, Legacy: legacy})
			if err != nil {
				t.Fatal(err)
			}
			want := signing.AlgorithmRefused
			if legacy {
				want = signing.Accepted
			}
			if res := &rep.Signatures[0]; res.Refusal != want || res.ValueOK != legacy {
				t.Errorf("%s, legacy %v: %q (%v)", c.legacy, legacy, res.Refusal, res.Err)
			}
		}
		tampered := strings.Replace(doc, "cũ", "mới", 1)
		rep, err := signing.Verify(context.Background(), signing.BytesSource(tampered), signing.VerifyOptions{CryptoOnly: true, Legacy: true})
		if err != nil || rep.Signatures[0].Refusal != signing.DigestMismatch || len(rep.Uncovered) == 0 {
			t.Errorf("%s, tampered: %+v, %v", c.legacy, rep, err)
		}
	}
}
