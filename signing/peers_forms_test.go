//go:build peers

package signing_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// TestFormsOfXmlsec: the forms of signature that we verify and do not make ourselves, made by xmlsec1. Of each a byte of what is
// signed is changed afterwards.
func TestFormsOfXmlsec(t *testing.T) {
	xmlsec := peer(t, "xmlsec1")
	ca := newCA(t, "forms")
	l := newLeaf(t, ca, trialca.RSA2048)
	dir := t.TempDir()
	key := filepath.Join(dir, "key.pem")
	if err := signing.SaveKey(key, l.key); err != nil {
		t.Fatal(err)
	}
	cert := write(t, filepath.Join(dir, "cert.pem"), signing.MarshalCertificates(l.chain[:1]))
	transform := func(uri string) string { return `<ds:Transform Algorithm="` + uri + `"/>` }
	form := func(c14n, object string, refs ...[2]string) string {
		var b strings.Builder
		fmt.Fprintf(&b, `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=%q/><ds:SignatureMethod Algorithm=%q/>`, c14n, signing.RSASHA256)
		for _, r := range refs {
			fmt.Fprintf(&b, `<ds:Reference URI=%q><ds:Transforms>%s</ds:Transforms><ds:DigestMethod Algorithm=%q/><ds:DigestValue/></ds:Reference>`, r[0], r[1], signing.DigestSHA256)
		}
		return b.String() + `</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo>` + object + `</ds:Signature>`
	}
	object := `<ds:Object Id="o"><p:x xmlns:p="urn:p" k="&#9;"> ký so7 <!-- c --> tên </p:x></ds:Object>`
	enveloped, base64 := transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature"), transform("http://www.w3.org/2000/09/xmldsig#base64")
	type test struct {
		name, doc, old, new string
		whole               bool
	}
	tests := []test{
		{"enveloping, base64", form(signing.ExcC14N, "<ds:Object Id=\"o\">S8O9\nIHTDqm4=</ds:Object>", [2]string{"#o", base64}), "S8O9", "S8O8", false},
		{"filter that subtracts", "<r><a>ký so7</a>" + form(signing.C14N10, "", [2]string{"", `<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">/descendant::ds:Signature</f:XPath></ds:Transform>` + transform(signing.ExcC14N)}) + "</r>", "so7", "so8", true},
		{"XPath without signatures", "<r><a>ký so7</a>" + form(signing.C14N10, "", [2]string{"", `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath></ds:Transform>` + transform(signing.C14N10)}) + "</r>", "so7", "so8", true},
	}
	for _, c14n := range []string{signing.C14N10, signing.C14N10WithComments, signing.C14N11, signing.C14N11WithComments, signing.ExcC14N, signing.ExcC14NComments} {
		tests = append(tests,
			test{"enveloping, " + c14n, form(c14n, object, [2]string{"#o", transform(c14n)}), "so7", "so8", false},
			test{"enveloping inside a document, " + c14n, `<r xmlns="urn:r" xml:lang="vi" xml:base="http://x.vn/a/">` + form(c14n, object, [2]string{"#o", transform(c14n)}) + "</r>", "so7", "so8", false},
			test{"the document and an object, " + c14n, `<r xmlns="urn:r" xmlns:u="urn:u"><a k="x&#10;y"/><!-- c -->` + form(c14n, object, [2]string{"", enveloped + transform(c14n)}, [2]string{"#o", transform(c14n)}) + "</r>", "so7", "so8", true},
		)
	}
	for i, c := range tests {
		in := write(t, filepath.Join(dir, fmt.Sprintf("in-%d.xml", i)), []byte(c.doc))
		out := filepath.Join(dir, fmt.Sprintf("out-%d.xml", i))
		if msg, err := exec.Command(xmlsec, "--sign", "--id-attr:Id", "http://www.w3.org/2000/09/xmldsig#:Object", "--privkey-pem", key+","+cert, "--output", out, in).CombinedOutput(); err != nil {
			t.Errorf("%s: xmlsec1 does not sign: %v\n%s", c.name, err, msg)
			continue
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		for how, doc := range map[string]string{"": string(b), "changed": strings.Replace(string(b), c.old, c.new, 1)} {
			for _, src := range []signing.Source{signing.BytesSource(doc), windowed{signing.BytesSource(doc)}} {
				rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{Trust: trustIn(t, ca), At: day})
				if err != nil {
					t.Fatalf("%s: %v", c.name, err)
				}
				want := signing.Accepted
				if how != "" {
					want = signing.DigestMismatch
				}
				if res := &rep.Signatures[0]; res.Refusal != want || how == "" && res.WholeDocument != c.whole {
					t.Errorf("%s %s: %q (%v), whole %v", c.name, how, res.Refusal, res.Err, res.WholeDocument)
				}
			}
		}
	}
	t.Logf("%d forms", len(tests))
}
