package signing_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/signing"
)

// TestCanonicalizeEach: several elements in one reading give what each gives alone.
func TestCanonicalizeEach(t *testing.T) {
	file, err := os.ReadFile("../testdata/xades/dss-enveloped-lta.case")
	if err != nil {
		t.Fatal(err)
	}
	_, doc, _ := bytes.Cut(file, []byte("\n\n"))
	src := signing.BytesSource(doc)
	rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	res := &rep.Signatures[0]
	e := res.Elements
	parts := append([]signing.Range{e.SignedInfo, e.SignatureValue, e.KeyInfo}, e.Objects...)
	each := func(c signing.Context, method string, parts ...signing.Range) ([]byte, error) {
		var b bytes.Buffer
		err := signing.CanonicalizeEach(context.Background(), &b, src, parts, c, method, nil)
		return b.Bytes(), err
	}
	for _, method := range []string{signing.ExcC14N, signing.C14N10, signing.C14N11WithComments} {
		var want []byte
		for _, p := range parts {
			var b bytes.Buffer
			if err := signing.Canonicalize(context.Background(), &b, src, p, e.Context, method, nil); err != nil {
				t.Fatal(err)
			}
			want = append(want, b.Bytes()...)
		}
		for name, c := range map[string]signing.Context{"signature": e.Context, "document": {}} {
			if got, err := each(c, method, parts...); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %v\n got %s\nwant %s", method, name, err, got, want)
			}
		}
	}
	if b, err := each(e.Context, signing.ExcC14N); err != nil || len(b) > 0 {
		t.Errorf("nothing: %q, %v", b, err)
	}
	for name, bad := range map[string][]signing.Range{
		"in the wrong order":    {e.KeyInfo, e.SignedInfo},
		"one inside another":    {e.KeyInfo, {Start: e.KeyInfo.Start + 1, End: e.KeyInfo.End - 1}},
		"not an element":        {{Start: e.KeyInfo.Start + 1, End: e.KeyInfo.End}},
		"not its end":           {{Start: e.KeyInfo.Start, End: e.KeyInfo.End - 1}},
		"outside the signature": {{Start: 0, End: 10}},
		"empty":                 {{Start: e.KeyInfo.Start, End: e.KeyInfo.Start}},
	} {
		if _, err := each(e.Context, signing.ExcC14N, bad...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var s xmlstream.Scanner
	res.Scan(&s, src, xmlstream.Limits{})
	first, err := s.Next()
	if err != nil || first.Start != res.Range.Start || string(first.Local) != "Signature" {
		t.Errorf("the scan begins with %+v: %v", first, err)
	}
}
