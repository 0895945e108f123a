package signing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// TestEveryByte changes each byte of a signed document in several ways, with and without properties of XAdES. A change may be accepted only
// if what was signed, and by whom, is still the same: white space and quotes inside tags, comments, the XML declaration, white space
// outside the root, white space in the base64 of value and certificate, names of prefixes nothing depends on, and in XAdES what
// stands around the signed properties.
func TestEveryByte(t *testing.T) {
	ca := newCA(t, "mutation")
	l := newLeaf(t, ca, 0)
	doc := bytes.Replace(edxml("UEsDBA=="), []byte("</edXML>"), []byte("<!-- c --></edXML>"), 1)
	for _, form := range []struct {
		name string
		sign func() ([]byte, error)
	}{
		{"XML Signature", func() ([]byte, error) { return signing.Sign(doc, l.key, l.chain, signing.SignOptions{}) }},
		{"XAdES", func() ([]byte, error) {
			var b bytes.Buffer
			err := xades.Sign(context.Background(), &b, signing.BytesSource(doc), l.key, l.chain, xades.SignOptions{SigningTime: day, ClaimedRoles: []string{"văn thư"}})
			return b.Bytes(), err
		}},
	} {
		t.Run(form.name, func(t *testing.T) {
			good, err := form.sign()
			if err != nil {
				t.Fatal(err)
			}
			mutateEveryByte(t, good, signing.VerifyOptions{Trust: trustIn(t, ca), At: day})
		})
	}
}

func mutateEveryByte(t *testing.T, good []byte, o signing.VerifyOptions) {
	ref, err := signing.VerifyPackage(context.Background(), signing.BytesSource(good), o)
	if err != nil {
		t.Fatal(err)
	}
	accepted, refused := 0, 0
	bad := bytes.Clone(good)
	for i, c := range good {
		for _, to := range []byte{c ^ 1, c ^ 0x20, ' ', '<', 'A', 0} {
			if to == c {
				continue
			}
			bad[i] = to
			v, err := signing.VerifyPackage(context.Background(), signing.BytesSource(bad), o)
			var r *signing.RefusedError
			var se *xmlstream.SyntaxError
			switch {
			case err == nil:
				accepted++
				if v.SignedContent() != ref.SignedContent() || v.Fingerprint() != ref.Fingerprint() {
					t.Errorf("byte %d changed from %q to %q: accepted with other content or signer", i, c, to)
				}
				if !harmless(good, i) {
					t.Errorf("byte %d changed from %q to %q: accepted: …%s…", i, c, to, bad[max(0, i-20):min(len(bad), i+20)])
				}
			case errors.As(err, &r), errors.As(err, &se):
				refused++
			default:
				t.Fatal(err)
			}
		}
		bad[i] = c
	}
	t.Logf("%d changes refused, %d harmless ones accepted", refused, accepted)
	if refused < 15000 || accepted == 0 {
		t.Errorf("%d refused, %d accepted: the test tests nothing", refused, accepted)
	}
}

// harmless says where the byte at i stands in one of the places that a signature does not cover.
func harmless(doc []byte, i int) bool {
	inside := func(from, to string) bool {
		start := bytes.LastIndex(doc[:i+1], []byte(from))
		return start >= 0 && bytes.Index(doc[start:], []byte(to))+start+len(to) > i
	}
	switch {
	case inside("<?xml", "?>"), inside("<!--", "-->"): // declaration and comments
		return true
	case doc[i] == ' ' || doc[i] == '\n': // between root and declaration, or between attributes
		return inside("<", ">") || i < bytes.Index(doc, []byte("<edXML")) || i > bytes.LastIndexByte(doc, '>')
	case inside("<KeyInfo>", "</KeyInfo>"): // of which the certificate alone counts, and the signer's is compared above
		return true
	case inside("<Signature ", ">"), inside("<SignatureValue ", ">"): // their Ids
		return true
	case inside("<Object>", "</Object>"):
		return !inside("<xades:SignedProperties", "</xades:SignedProperties>")
	}
	return false
}

// FuzzVerify: whatever the bytes, no panic, the same outcome from memory and through a window, and nothing accepted that
// the seeds' keys did not sign.
func FuzzVerify(f *testing.F) {
	m := newMaker(f)
	for _, c := range vectorCases {
		if doc := c.make(m); len(doc) < 8<<10 {
			f.Add(doc)
		}
	}
	o := signing.VerifyOptions{Trust: trustIn(f, m.ca), At: day}
	signed := map[[32]byte]bool{}
	for _, c := range vectorCases {
		if v, err := signing.VerifyPackage(context.Background(), signing.BytesSource(c.make(m)), o); err == nil {
			signed[v.SignedContent()] = true
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		a, b := outcome(t, signing.BytesSource(doc), o), outcome(t, windowed{doc}, o)
		if a != b {
			t.Fatalf("from memory %s, through a window %s", a, b)
		}
		if a, b := cryptoOnly(signing.BytesSource(doc)), cryptoOnly(windowed{doc}); a != b {
			t.Fatalf("without trust, from memory %s, through a window %s", a, b)
		}
		if a != "accepted" {
			return
		}
		rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), o)
		if err != nil || !signed[rep.SignedContent] {
			t.Fatalf("accepted, but nobody signed it: %v", err)
		}
	})
}

// cryptoOnly tells what those learn who judge certificates themselves.
func cryptoOnly(src signing.Source) string {
	o := signing.VerifyOptions{CryptoOnly: true, Legacy: true, Detached: func(string) (signing.Source, bool) { return signing.BytesSource("QUJD"), true }}
	rep, err := signing.Verify(context.Background(), src, o)
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprint(rep.SignedContent, rep.Uncovered)
	for i := range rep.Signatures {
		res := &rep.Signatures[i]
		s += fmt.Sprint(res.Refusal, res.Covered, res.WholeDocument, res.Elements.Objects)
	}
	return s
}
