package xades_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

const qp = `<x:QualifyingProperties xmlns:x="` + xades.Namespace + `" Target="#%s">`

// signedTime is a SignedProperties element with nothing but a time.
func signedTime(id, at string) string {
	return `<x:SignedProperties Id="` + id + `"><x:SignedSignatureProperties><x:SigningTime>` + at + `</x:SigningTime></x:SignedSignatureProperties></x:SignedProperties>`
}

// withObject signs a document with this Object.
func withObject(t *testing.T, p *pki, object, refID, refType string) []byte {
	t.Helper()
	o := signing.SignOptions{ID: "s", Properties: func(string) ([]byte, string, string, error) { return []byte(object), refID, refType, nil }}
	doc, err := signing.Sign([]byte(documents["generic"]), p.ecdsa.key, p.ecdsa.chain(p), o)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

const at = "2026-11-22T09:00:00Z"

var (
	target = fmt.Sprintf(qp, "s")
	good   = `<Object>` + target + signedTime("p", at) + `</x:QualifyingProperties></Object>`
)

// notSigned are Objects of valid signatures, with the Id and Type of a reference to them, whose properties count as none.
var notSigned = map[string]struct{ object, refID, refType string }{
	"reference without type":          {good, "p", ""},
	"reference of another type":       {good, "p", xades.SignedPropertiesType + "2"},
	"target is another signature":     {strings.Replace(good, "#s", "#other", 1), "p", xades.SignedPropertiesType},
	"target is missing":               {strings.Replace(good, ` Target="#s"`, "", 1), "p", xades.SignedPropertiesType},
	"reference to all of the Object":  {strings.Replace(good, "<Object>", `<Object Id="o">`, 1), "o", xades.SignedPropertiesType},
	"signed ones stand elsewhere":     {`<Object>` + target + signedTime("q", at) + `</x:QualifyingProperties><x:Other xmlns:x="` + xades.Namespace + `">` + signedTime("p", at) + `</x:Other></Object>`, "p", xades.SignedPropertiesType},
	"twice":                           {`<Object>` + target + signedTime("p", at) + signedTime("q", at) + `</x:QualifyingProperties></Object>`, "p", xades.SignedPropertiesType},
	"two of all":                      {`<Object>` + target + signedTime("p", at) + `</x:QualifyingProperties>` + target + signedTime("q", at) + `</x:QualifyingProperties></Object>`, "p", xades.SignedPropertiesType},
	"deeper than they should":         {`<Object><a>` + target + signedTime("p", at) + `</x:QualifyingProperties></a></Object>`, "p", xades.SignedPropertiesType},
	"another namespace":               {strings.ReplaceAll(good, xades.Namespace, "http://uri.etsi.org/01903/v1.1.1#"), "p", xades.SignedPropertiesType},
	"signed are the unsigned":         {`<Object>` + target + `<x:UnsignedProperties Id="p"/>` + signedTime("q", at) + `</x:QualifyingProperties></Object>`, "p", xades.SignedPropertiesType},
	"time twice":                      {strings.Replace(good, "<x:SigningTime>", "<x:SigningTime>2020-01-01T00:00:00Z</x:SigningTime><x:SigningTime>", 1), "p", xades.SignedPropertiesType},
	"time in the wrong namespace":     {strings.ReplaceAll(good, "x:SigningTime>", "SigningTime>"), "p", xades.SignedPropertiesType},
	"time among the data objects":     {strings.ReplaceAll(good, "SignedSignatureProperties", "SignedDataObjectProperties"), "p", xades.SignedPropertiesType},
	"time is none":                    {strings.Replace(good, at, "yesterday", 1), "p", xades.SignedPropertiesType},
	"time is long":                    {strings.Replace(good, at, at[:len(at)-1]+"."+strings.Repeat("0", 100)+"Z", 1), "p", xades.SignedPropertiesType},
	"properties are named by another": {strings.Replace(good, `Id="p"`, `Id="p"`, 1) + `<Object Id="z"/>`, "z", xades.SignedPropertiesType},
}

// TestOnlySignedCounts: properties count only if they are signed in the way that the standard says.
func TestOnlySignedCounts(t *testing.T) {
	p := newPKI(t)
	if _, props := verify(t, withObject(t, p, good, "p", xades.SignedPropertiesType), p); !props.Signed || props.SigningTime.IsZero() || len(props.Problems) > 0 {
		t.Fatalf("%+v", props)
	}
	for name, c := range notSigned {
		t.Run(name, func(t *testing.T) {
			_, props := verify(t, withObject(t, p, c.object, c.refID, c.refType), p)
			if !props.SigningTime.IsZero() || props.Level() != xades.NoLevel {
				t.Errorf("time %s, level %q", props.SigningTime, props.Level())
			}
			if len(props.Problems) == 0 && !strings.Contains(name, "namespace") && !strings.Contains(name, "among") {
				t.Error("nothing is told about it")
			}
		})
	}
}

func TestReadIsBounded(t *testing.T) {
	p := newPKI(t)
	many := strings.Repeat("<x:a/>", 21_000)
	object := `<Object>` + fmt.Sprintf(qp, "s") + signedTime("p", "2026-11-22T09:00:00Z") + `<x:UnsignedProperties><x:UnsignedSignatureProperties>` + many +
		`</x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties></Object>`
	doc, err := signing.Sign([]byte(documents["generic"]), p.ecdsa.key, p.ecdsa.chain(p), signing.SignOptions{ID: "s",
		Properties: func(string) ([]byte, string, string, error) {
			return []byte(object), "p", xades.SignedPropertiesType, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := xades.Read(context.Background(), signing.BytesSource(doc), &rep.Signatures[0]); !errors.Is(err, xades.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, xades.ErrTooLarge)
	}
}

// TestAugmentChangesNothing: with what was added cut out again, every augmented document is the one from before.
func TestAugmentChangesNothing(t *testing.T) {
	p := newPKI(t)
	stamper, source := p.stamper(p.tsa, now), p.revocation(now)
	rapid.Check(t, func(rt *rapid.T) {
		doc := rapid.SampledFrom([]string{documents["generic"], documents["edxml"], documents["tram"]}).Draw(rt, "document")
		text := rapid.StringMatching(`[a-zà-ỹ ]{0,20}`).Draw(rt, "role")
		c14n := rapid.SampledFrom([]string{signing.ExcC14N, signing.C14N10, signing.C14N11}).Draw(rt, "c14n")
		o := xades.SignOptions{SigningTime: now, SignOptions: signing.SignOptions{C14N: c14n}}
		if text = strings.TrimSpace(text); text != "" {
			o.ClaimedRoles = []string{text}
		}
		before := sign(t, doc, p.ecdsa, p, o)
		ao := xades.AugmentOptions{Level: rapid.SampledFrom([]xades.Level{xades.LevelT, xades.LevelLT, xades.LevelA}).Draw(rt, "level"), Stamper: stamper, Revocation: source,
			Trust: p.trust, Now: clock, C14N: rapid.SampledFrom([]string{signing.ExcC14N, signing.C14N10, signing.C14N11}).Draw(rt, "c14n of time-stamps")}
		after := augment(t, before, ao)
		start := commonPrefix(before, after)
		if !bytes.Equal(before[start:], after[len(after)-(len(before)-start):]) {
			rt.Fatalf("something else was changed:\n%s\n%s", before, after)
		}
		res, props := verify(t, after, p)
		checkStamps(t, after, res, props)
		if props.Level() != ao.Level {
			rt.Fatalf("level %q, want %q", props.Level(), ao.Level)
		}
	})
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// FuzzRead: whatever stands in a signature, reading it ends, and what it says of places lies in the document.
func FuzzRead(f *testing.F) {
	p := newPKI(f)
	for _, doc := range documents {
		signed := sign(f, doc, p.ecdsa, p, everything())
		f.Add(signed)
		f.Add(augment(f, signed, p.options(xades.LevelA, now)))
	}
	o := p.options(xades.LevelA, now)
	f.Fuzz(func(t *testing.T, doc []byte) {
		src := signing.BytesSource(doc)
		rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{CryptoOnly: true, Legacy: true})
		if err != nil {
			return
		}
		for i := range rep.Signatures {
			res := &rep.Signatures[i]
			props, err := xades.Read(context.Background(), src, res)
			if err != nil {
				continue
			}
			if !props.Signed && (!props.SigningTime.IsZero() || len(props.SigningCertificates)+len(props.ClaimedRoles)+len(props.DataObjectFormats) > 0 || props.Policy != nil) {
				t.Error("something that is not signed counts")
			}
			for _, u := range props.Unsigned {
				if u.Range.Start < res.Range.Start || u.Range.End > res.Range.End || u.Range.Len() <= 0 {
					t.Errorf("%s at %v, outside the signature at %v", u.Name, u.Range, res.Range)
				}
			}
			for _, ts := range props.ArchiveTimeStamps {
				_, _ = ts.Imprint(context.Background(), src, res, crypto.SHA256)
			}
		}
		_ = xades.Augment(context.Background(), io.Discard, src, o)
	})
}
