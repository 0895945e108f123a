package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// properties is an Object with a part to sign, which uses a namespace of the document around it.
func properties(sigID string) (object []byte, refID, refType string, err error) {
	refID = sigID + "-signed"
	return fmt.Appendf(nil, `<Object><q:Props xmlns:q="urn:q" Target="#%s"><q:Signed Id="%s"><q:Time>2026</q:Time></q:Signed><q:Unsigned/></q:Props></Object>`, sigID, refID),
		refID, "http://uri.etsi.org/01903#SignedProperties", nil
}

// TestProperties: an object inside the signature is signed by it, whatever the canonicalisation, and its parts can be read back.
func TestProperties(t *testing.T) {
	ca := newCA(t, "properties")
	l := newLeaf(t, ca, trialca.P256)
	o := signing.VerifyOptions{Trust: trustIn(t, ca), At: day}
	doc := bytes.Replace(edxml("x"), []byte("<edXML:edXMLEnvelope>"), []byte(`<edXML:edXMLEnvelope xml:lang="vi" xmlns:u="urn:unused">`), 1)
	for _, c14n := range []string{signing.ExcC14N, signing.C14N10, signing.C14N11} {
		signed, err := signing.Sign(doc, l.key, l.chain, signing.SignOptions{C14N: c14n, Properties: properties})
		if err != nil {
			t.Fatal(err)
		}
		for how, src := range map[string]signing.Source{"memory": signing.BytesSource(signed), "window": windowed{signed}} {
			v, err := signing.VerifyPackage(context.Background(), src, o)
			if err != nil {
				t.Fatalf("%s %s: %v", c14n, how, err)
			}
			res := v.Signature()
			if n := len(res.References); n != 2 || res.References[1].Type == "" || len(res.Value) != 64 || len(res.Certificates) != 2 || len(v.Report().Uncovered) != 0 {
				t.Errorf("%s %s: %+v", c14n, how, res)
			}
			e := res.Elements
			for _, p := range []struct {
				r          signing.Range
				open, shut string
			}{{e.SignedInfo, "<SignedInfo>", "</SignedInfo>"}, {e.SignatureValue, "<SignatureValue", "</SignatureValue>"}, {e.KeyInfo, "<KeyInfo>", "</KeyInfo>"}, {e.Objects[0], "<Object>", "</Object>"}} {
				if part := string(signed[p.r.Start:p.r.End]); !strings.HasPrefix(part, p.open) || !strings.HasSuffix(part, p.shut) {
					t.Errorf("%s: element %s", how, part)
				}
			}
			// The signed part, canonicalised by its range, with the signature's context and without, is what the reference digests.
			ref := res.References[1]
			for _, c := range []signing.Context{e.Context, {}} {
				var b, r bytes.Buffer
				if err := signing.Canonicalize(context.Background(), &b, src, ref.Range, c, c14n, nil); err != nil {
					t.Fatal(err)
				}
				if err := signing.WriteReference(context.Background(), &r, src, res, 1, o); err != nil {
					t.Fatal(err)
				}
				if sum := sha256.Sum256(b.Bytes()); !bytes.Equal(sum[:], ref.DigestValue) || !bytes.Equal(b.Bytes(), r.Bytes()) {
					t.Errorf("%s %s: canonical form %s, reference %s", c14n, how, b.Bytes(), r.Bytes())
				}
			}
			var whole bytes.Buffer
			if err := signing.WriteReference(context.Background(), &whole, src, res, 0, o); err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(whole.Bytes()); !bytes.Equal(sum[:], res.References[0].DigestValue) {
				t.Errorf("%s %s: the reference to the document is written as %s", c14n, how, whole.Bytes())
			}
		}
		bad := bytes.Replace(signed, []byte("<q:Time>2026"), []byte("<q:Time>2025"), 1)
		if got := outcome(t, signing.BytesSource(bad), o); got != string(signing.DigestMismatch) {
			t.Errorf("%s: changed property: %s", c14n, got)
		}
	}
}

func TestCanonicalizeRefusesWhatIsNoElement(t *testing.T) {
	doc := signing.BytesSource("<a><b>x</b><c/></a>")
	for _, c := range []struct {
		r    signing.Range
		want string
	}{{signing.Range{Start: 3, End: 11}, "<b>x</b>"}, {signing.Range{Start: 11, End: 15}, "<c></c>"}, {signing.Range{Start: 3, End: 10}, ""},
		{signing.Range{Start: 4, End: 11}, ""}, {signing.Range{Start: 3, End: 15}, ""}, {signing.Range{Start: 3, End: 99}, ""}, {signing.Range{}, ""}} {
		var b bytes.Buffer
		err := signing.Canonicalize(context.Background(), &b, doc, c.r, signing.Context{}, signing.C14N10, nil)
		if (err == nil) != (c.want != "") || err == nil && b.String() != c.want {
			t.Errorf("%v: %q, %v", c.r, b.String(), err)
		}
	}
}

// TestDetached: content outside the document is signed as it is, and only what the resolver knows is accepted.
func TestDetached(t *testing.T) {
	ca := newCA(t, "detached")
	l := newLeaf(t, ca, trialca.P256)
	content := signing.BytesSource(strings.Repeat("\x00một tệp\r\n", 20000))
	signed, err := signing.Sign([]byte("<s></s>"), l.key, l.chain, signing.SignOptions{External: []signing.ExternalContent{{URI: "tệp 1.pdf", Source: content}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files map[string]signing.Source
		want  signing.Refusal
	}{
		{"as signed", map[string]signing.Source{"tệp 1.pdf": content}, signing.Accepted},
		{"other bytes", map[string]signing.Source{"tệp 1.pdf": content[1:]}, signing.DigestMismatch},
		{"unknown", map[string]signing.Source{"x": content}, signing.ExternalReference},
		{"no resolver", nil, signing.ExternalReference},
	} {
		o := signing.VerifyOptions{Trust: trustIn(t, ca), At: day}
		if c.files != nil {
			o.Detached = func(uri string) (signing.Source, bool) { s, ok := c.files[uri]; return s, ok }
		}
		rep, err := signing.Verify(context.Background(), signing.BytesSource(signed), o)
		if err != nil {
			t.Fatal(err)
		}
		res := &rep.Signatures[0]
		if res.Refusal != c.want || res.WholeDocument || len(res.Covered) != 0 {
			t.Errorf("%s: %+v", c.name, res)
		}
		if c.want == signing.Accepted {
			if refusal, _ := rep.Refusal(); refusal != signing.PartialCoverage {
				t.Errorf("%s: as a package %q", c.name, refusal)
			}
			if !res.References[0].External || res.References[0].URI != "tệp 1.pdf" {
				t.Errorf("%s: %+v", c.name, res.References)
			}
		}
	}
}

// TestCryptoOnly: without trust digests and value are judged, and nothing is accepted.
func TestCryptoOnly(t *testing.T) {
	ca := newCA(t, "crypto")
	l := newLeaf(t, ca, trialca.P256)
	signed, err := signing.Sign(edxml("x"), l.key, l.chain, signing.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := signing.Verify(context.Background(), signing.BytesSource(signed), signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	res := &rep.Signatures[0]
	if res.Refusal != signing.Accepted || !res.DigestsOK || !res.ValueOK || res.ChainOK || res.ValidityOK || !res.Certificate.Equal(l.cert) {
		t.Errorf("%+v", res)
	}
	if refusal, _ := rep.Refusal(); refusal == signing.Accepted || rep.Signer() != nil {
		t.Error("a package was accepted though no certificate was judged")
	}
	if _, err := signing.VerifyPackage(context.Background(), signing.BytesSource(signed), signing.VerifyOptions{CryptoOnly: true}); err == nil {
		t.Error("a package was verified though no certificate was judged")
	}
}

func TestUncovered(t *testing.T) {
	ca := newCA(t, "uncovered")
	l := newLeaf(t, ca, trialca.P256)
	for _, c := range []struct {
		doc  string
		ids  []string
		want []string // what is uncovered
	}{
		{`<r xmlns:p="urn:p"><a Id="a">x</a> <!-- c --></r>`, []string{"a"}, nil},
		{`<r><w><a Id="a">x</a></w><w><b Id="b"/></w></r>`, []string{"a", "b"}, nil},
		{`<r><a Id="a">x</a><b>y</b></r>`, []string{"a"}, []string{"<b>y</b>"}},
		{`<r v="1"><a Id="a">x</a></r>`, []string{"a"}, []string{`<r v="1">`}},
		{`<r><w k="v"><a Id="a">x</a><e/></w>text</r>`, []string{"a"}, []string{`<w k="v">`, "<e/>", "text"}},
		{`<r><a Id="a">x</a><b><c/>y<d><e/></d></b><?p i?>&#32;</r>`, []string{"a"}, []string{"<b><c/>y<d><e/></d></b><?p i?>&#32;"}},
		{`<r>` + strings.Repeat("<b/><a/>", 150) + `<a Id="a">x</a></r>`, []string{"a"}, nil},
	} {
		signed, err := signing.Sign([]byte(c.doc), l.key, l.chain, signing.SignOptions{IDs: c.ids})
		if err != nil {
			t.Fatal(err)
		}
		for _, src := range []signing.Source{signing.BytesSource(signed), windowed{signed}} {
			rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{CryptoOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range rep.Uncovered {
				got = append(got, string(signed[r.Start:r.End]))
			}
			if len(c.doc) > 1000 { // one run of elements
				if len(got) != 1 || strings.Count(got[0], "<b/>") != 150 {
					t.Errorf("many: %d ranges, %q", len(got), got)
				}
				continue
			}
			if strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("%s: uncovered %q, want %q", c.doc, got, c.want)
			}
		}
	}
	// Nothing that fits: everything is uncovered.
	signed, err := signing.Sign([]byte("<r><a>x</a></r>"), l.key, l.chain, signing.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Replace(signed, []byte("x"), []byte("y"), 1)
	rep, err := signing.Verify(context.Background(), signing.BytesSource(bad), signing.VerifyOptions{CryptoOnly: true})
	if err != nil || len(rep.Uncovered) != 1 || !strings.HasPrefix(string(bad[rep.Uncovered[0].Start:]), "<a>") {
		t.Errorf("uncovered %v, %v", rep.Uncovered, err)
	}
}

// TestUncoveredObjects: who signs something inside an Object of the signature has not signed what stands beside it.
func TestUncoveredObjects(t *testing.T) {
	ca := newCA(t, "objects")
	l := newLeaf(t, ca, trialca.P256)
	const whole, part = `<Object xmlns="http://www.w3.org/2000/09/xmldsig#" Id="o">thật</Object>`, `<a xmlns="" Id="o">thật</a>`
	const xades, props = `xmlns:x="http://uri.etsi.org/01903/v1.3.2#"`, `<x:SignedProperties Id="p">lúc</x:SignedProperties>`
	signedProps := strings.Replace(props, "SignedProperties ", "SignedProperties "+xades+" ", 1)
	typed := func(ref string) string {
		return strings.Replace(ref, "<Reference ", `<Reference Type="http://uri.etsi.org/01903#SignedProperties" `, 1)
	}
	for _, c := range []struct{ signed, objects, want string }{
		{whole, `<Object Id="o">thật</Object>`, ""},
		{whole, `<Object Id="o">thật</Object><Object>giả</Object>`, "<Object>giả</Object>"},
		{part, `<Object>` + part + `</Object>`, ""},
		{part, `<Object Id="w"> ` + part + "\n</Object>", ""},
		{part, `<Object><w xmlns="">` + part + `</w></Object>`, ""},
		{part, `<Object>` + part + `giả</Object>`, "giả"},
		{part, `<Object><b/>` + part + `<a xmlns="">giả</a></Object>`, `<b/>|<a xmlns="">giả</a>`},
		{part, `<Object><w v="1">` + part + `</w></Object>`, `<w v="1">`},
		{part, `<Object>` + part + `</Object><Object><x:QualifyingProperties ` + xades + `>` + props + `<x:UnsignedProperties><y z="1">t</y></x:UnsignedProperties></x:QualifyingProperties></Object>`, ""},
		{part, `<Object>` + part + `</Object><Object><x:QualifyingProperties ` + xades + `>` + props + `</x:QualifyingProperties>giả</Object>`, "giả"},
		{part, `<Object>` + part + `</Object><Object><x:QualifyingProperties ` + xades + `>` + props + strings.Repeat("<y/>z<u v='1'>"+"</u>", 200) + `</x:QualifyingProperties></Object>`, ""},
		{part, `<Object>` + part + `</Object><Object><x:QualifyingProperties ` + xades + `/></Object>`, `<Object><x:QualifyingProperties ` + xades + `/></Object>`},
		{part, `<Object>` + part + `<Signature><Object>giả</Object></Signature></Object>`, ""},
	} {
		refs := []string{reference("#o", excTransform, []byte(strings.Replace(c.signed, ` xmlns=""`, "", 1)))}
		if strings.Contains(c.objects, props) {
			refs = append(refs, typed(reference("#p", excTransform, []byte(signedProps))))
		}
		doc := sealed(t, l, strings.Replace(signature(l, refs...), sigClose, c.objects+sigClose, 1))
		rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if res := &rep.Signatures[0]; !res.DigestsOK || !res.ValueOK {
			t.Fatalf("%s: %v", c.objects, res.Err)
		}
		var got []string
		for _, r := range rep.Uncovered {
			got = append(got, doc[r.Start:r.End])
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: uncovered %q, want %q", c.objects, got, c.want)
		}
	}
}

func TestDigestIdentifiers(t *testing.T) {
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		uri, ok := signing.DigestURI(h)
		if back, known := signing.DigestByURI(uri); !ok || !known || back != h {
			t.Errorf("%v is %q is %v", h, uri, back)
		}
	}
	if _, ok := signing.DigestURI(crypto.MD5); ok {
		t.Error("MD5 has an identifier")
	}
	if _, ok := signing.DigestByURI("x"); ok {
		t.Error("x is a digest")
	}
}

// TestBase64Transform: the digest is over what the element's text encodes, and over nothing around it.
func TestBase64Transform(t *testing.T) {
	ca := newCA(t, "base64")
	l := newLeaf(t, ca, trialca.P256)
	o := signing.VerifyOptions{Trust: trustIn(t, ca), At: day}
	content := bytes.Repeat([]byte("nội dung "), 1000)
	text := base64.StdEncoding.EncodeToString(content)
	doc := "<r><a Id=\"a\">\n" + text[:70] + "\n" + text[70:] + "\n</a></r>"
	signed := signBase64(t, l, doc, "a", content)
	for _, c := range []struct {
		name, old, new string
		want           signing.Refusal
	}{
		{"as signed", "", "", signing.Accepted},
		{"comment between", text[:70], text[:35] + "<!-- x -->" + text[35:70], signing.Accepted},
		{"element between", text[:70], text[:35] + "<x/>" + text[35:70], signing.TransformRefused},
		{"other content", text[:4], "AAAA", signing.DigestMismatch},
		{"not base64", text[:4], "****", signing.DigestMismatch},
		{"more behind padding", "\n</a>", "\nAA==AA==</a>", signing.DigestMismatch},
	} {
		bad := strings.Replace(signed, c.old, c.new, 1)
		rep, err := signing.Verify(context.Background(), signing.BytesSource(bad), o)
		if err != nil {
			t.Fatal(err)
		}
		res := &rep.Signatures[0]
		if res.Refusal != c.want {
			t.Errorf("%s: %q, %v", c.name, res.Refusal, res.Err)
		}
		if c.want == "" && (len(res.Covered) != 1 || bad[res.Covered[0].Start-1] != '>' || bad[res.Covered[0].End] != '<' || len(rep.Uncovered) != 1) {
			t.Errorf("%s: covered %v, uncovered %v", c.name, res.Covered, rep.Uncovered)
		}
	}
}

// TestDetachedTransforms: what lies outside may be canonicalised as a document of its own, with its comments, or decoded; nothing else.
func TestDetachedTransforms(t *testing.T) {
	ca := newCA(t, "detached transforms")
	l := newLeaf(t, ca, trialca.P256)
	const file = "<?xml version='1.0'?>\n<a  b='1'><!-- c --></a>\n"
	transform := func(uri string) string { return `<Transform Algorithm="` + uri + `"></Transform>` }
	for _, c := range []struct {
		name, transforms, file, content string
		want                            signing.Refusal
	}{
		{"canonicalised", transform(signing.C14N10), file, `<a b="1"></a>`, signing.Accepted},
		{"canonicalised with comments", transform(signing.ExcC14NComments), file, `<a b="1"><!-- c --></a>`, signing.Accepted},
		{"decoded", transform("http://www.w3.org/2000/09/xmldsig#base64"), "QUJD\n", "ABC", signing.Accepted},
		{"not base64", transform("http://www.w3.org/2000/09/xmldsig#base64"), "QUJD*", "ABC", signing.DigestMismatch},
		{"not XML", transform(signing.C14N10), "<a>", "", signing.TransformRefused},
		{"enveloped", transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature"), file, file, signing.TransformRefused},
	} {
		doc := sealed(t, l, "<s>"+signature(l, reference("f.xml", c.transforms, []byte(c.content)))+"</s>")
		for _, src := range []signing.Source{signing.BytesSource(c.file), windowed{signing.BytesSource(c.file)}} {
			o := signing.VerifyOptions{CryptoOnly: true, Detached: func(string) (signing.Source, bool) { return src, true }}
			rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), o)
			if err != nil {
				t.Fatal(err)
			}
			res := &rep.Signatures[0]
			if res.Refusal != c.want {
				t.Errorf("%s: %q (%v), want %q", c.name, res.Refusal, res.Err, c.want)
			}
			if c.want != signing.Accepted {
				continue
			}
			var b bytes.Buffer
			if err := signing.WriteReference(context.Background(), &b, signing.BytesSource(doc), res, 0, o); err != nil || b.String() != c.content {
				t.Errorf("%s: written %q, %v", c.name, b.String(), err)
			}
		}
	}
}
