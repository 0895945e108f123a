package xades_test

import (
	"bytes"
	"context"
	"crypto"

	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// FuzzUnsigned puts anything among the unsigned properties of a good signature: it stays good, and what is told about it is in
// bounds. Where the properties have level B-LTA by their looks, augmenting either refuses or proves them anew.
func FuzzUnsigned(f *testing.F) {
	p := newPKI(f)
	signed := sign(f, documents["generic"], p.ecdsa, p, xades.SignOptions{})
	for _, s := range []string{"", "<x/>", `<xades:UnsignedProperties/>`, `<xades:UnsignedProperties><xades:UnsignedSignatureProperties/></xades:UnsignedProperties>`,
		`<xades:UnsignedProperties><xades:UnsignedDataObjectProperties/></xades:UnsignedProperties>`, `<xades:UnsignedProperties/><xades:UnsignedProperties/>`,
		`<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp><xades:EncapsulatedTimeStamp>AAAA</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>`,
		`<xades:UnsignedProperties><xades:UnsignedSignatureProperties><y:ArchiveTimeStamp xmlns:y="` + xades.Namespace141 + `"><xades:Include URI="#x"/><xades:EncapsulatedTimeStamp>AAAA</xades:EncapsulatedTimeStamp></y:ArchiveTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>`,
		`<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:CounterSignature/><xades:RefsOnlyTimeStamp/><xades:SigAndRefsTimeStamp/></xades:UnsignedSignatureProperties></xades:UnsignedProperties>`} {
		f.Add([]byte(s))
	}
	at := bytes.Index(signed, []byte("</xades:QualifyingProperties>"))
	o := p.options(xades.LevelA, now)
	f.Fuzz(func(t *testing.T, fragment []byte) {
		doc := append(append(bytes.Clone(signed[:at]), fragment...), signed[at:]...)
		src := signing.BytesSource(doc)
		rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{CryptoOnly: true})
		if err != nil || len(rep.Signatures) != 1 || rep.Signatures[0].Refusal != signing.Accepted {
			return // not well-formed, or it names an Id twice, or holds a signature
		}
		props, err := xades.Read(context.Background(), src, &rep.Signatures[0])
		if err != nil {
			return
		}
		for _, list := range [][]xades.TimeStamp{props.SignatureTimeStamps, props.ArchiveTimeStamps, props.SigAndRefsTimeStamps, props.RefsOnlyTimeStamps} {
			for k := range list {
				_, _ = list[k].Imprint(context.Background(), src, &rep.Signatures[0], crypto.SHA256)
			}
		}
		_ = xades.RenewBefore(props, nil)
		var out bytes.Buffer
		if err := xades.Augment(context.Background(), &out, src, o); err != nil {
			if out.Len() > 0 {
				t.Errorf("refused (%v), but %d bytes were written", err, out.Len())
			}
			return
		}
		after, err := signing.Verify(context.Background(), signing.BytesSource(out.Bytes()), signing.VerifyOptions{Trust: p.trust, At: now})
		if err != nil {
			t.Fatal(err)
		}
		if refusal, detail := after.Refusal(); refusal != signing.Accepted {
			t.Errorf("%s: %s", refusal, detail)
		}
		again, err := xades.Read(context.Background(), signing.BytesSource(out.Bytes()), &after.Signatures[0])
		if err != nil || again.Level() != xades.LevelA {
			t.Errorf("level %q: %v", again.Level(), err)
		}
	})
}
