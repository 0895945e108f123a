package xades_test

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// options to augment with at this time.
func (p *pki) options(level xades.Level, at time.Time) xades.AugmentOptions {
	return xades.AugmentOptions{Level: level, Stamper: p.stamper(p.tsa, at), Trust: p.trust, Revocation: p.revocation(at.Add(-time.Hour)),
		Now: func() time.Time { return at }}
}

func augment(t testing.TB, doc []byte, o xades.AugmentOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := xades.Augment(context.Background(), &b, signing.BytesSource(doc), o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// checkStamps recomputes the imprint of every time-stamp of a signature.
func checkStamps(t testing.TB, doc []byte, res *signing.SignatureResult, props *xades.Properties) {
	t.Helper()
	all := append(append([]xades.TimeStamp(nil), props.SignatureTimeStamps...), props.ArchiveTimeStamps...)
	for i := range all {
		ts := &all[i]
		token, err := tsp.Parse(ts.Token)
		if err != nil {
			t.Fatal(err)
		}
		imprint, err := ts.Imprint(context.Background(), signing.BytesSource(doc), res, token.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Verify(imprint); err != nil {
			t.Errorf("%s %d: %v", ts.Name, i, err)
		}
	}
}

func TestAugment(t *testing.T) {
	p := newPKI(t)
	for name, doc := range documents {
		for _, h := range []holder{p.rsa, p.ecdsa} {
			signed := sign(t, doc, h, p, xades.SignOptions{})
			for _, level := range []xades.Level{xades.LevelT, xades.LevelLT, xades.LevelA} {
				t.Run(fmt.Sprintf("%s/%s", name, level), func(t *testing.T) {
					at := now.Add(time.Minute)
					out := augment(t, signed, p.options(level, at))
					res, props := verify(t, out, p)
					noProblems(t, props)
					if props.Level() != level || !res.WholeDocument {
						t.Fatalf("level %q, want %q", props.Level(), level)
					}
					checkStamps(t, out, res, props)
					again := augment(t, out, p.options(level, at.Add(time.Minute)))
					if level != xades.LevelA {
						if !bytes.Equal(out, again) {
							t.Error("a document that has the level was changed")
						}
						return
					}
					res, props = verify(t, again, p)
					if len(props.ArchiveTimeStamps) != 2 || len(props.SignatureTimeStamps) != 1 {
						t.Errorf("%d archive and %d signature time-stamps after renewal", len(props.ArchiveTimeStamps), len(props.SignatureTimeStamps))
					}
					checkStamps(t, again, res, props)
				})
			}
		}
	}
}

// TestAugmentInSteps reaches each level from the one before.
func TestAugmentInSteps(t *testing.T) {
	p := newPKI(t)
	doc := sign(t, documents["tram"], p.rsa, p, xades.SignOptions{SignOptions: signing.SignOptions{C14N: signing.C14N10}})
	at := now
	for _, level := range []xades.Level{xades.LevelT, xades.LevelLT, xades.LevelA} {
		at = at.Add(time.Hour)
		o := p.options(level, at)
		o.C14N, o.Hash = signing.C14N11, crypto.SHA512
		doc = augment(t, doc, o)
		res, props := verify(t, doc, p)
		noProblems(t, props)
		if props.Level() != level {
			t.Errorf("level %q, want %q", props.Level(), level)
		}
		checkStamps(t, doc, res, props)
	}
}

// tampers are changes to a B-LTA signature with two archive time-stamps, and which of its three time-stamps hold afterwards.
var tampers = map[string]struct {
	from, to                 string
	signature, first, second bool
}{
	"nothing":                          {"", "", true, true, true},
	"comment in the content":           {"<!-- n -->", "<!-- m -->", true, true, true}, // no reference covers comments
	"content":                          {"Báo cáo", "báo cáo", true, false, false},
	"signing time":                     {"<xades:SigningTime>2026", "<xades:SigningTime>2025", true, false, false},
	"Id of the value":                  {"-value\">", "-valuf\">", false, false, false},
	"space in KeyInfo":                 {"<KeyInfo>", "<KeyInfo> ", true, false, false},
	"space in certificate values":      {"</xades:CertificateValues>", " </xades:CertificateValues>", true, false, false},
	"how a tag is written":             {"</xades:RevocationValues>", "</xades:RevocationValues >", true, true, true},
	"property put in front":            {"<xades:UnsignedSignatureProperties>", "<xades:UnsignedSignatureProperties><xades:CompleteCertificateRefs/>", true, false, false},
	"space between properties":         {"<xades:CertificateValues ", " <xades:CertificateValues ", true, true, true},
	"first archive time-stamp":         {"<xades141:ArchiveTimeStamp ", "<xades141:ArchiveTimeStamp x=\"\" ", true, true, false},
	"an Object more":                   {"<Object>", "<Object><a/></Object><Object>", true, false, false},
	"attribute of the Signature":       {"<Signature ", "<Signature x=\"\" ", true, true, true},
	"canonicalisation of a time-stamp": {"<ds:CanonicalizationMethod xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"", "<ds:CanonicalizationMethod xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"urn:x\"", false, false, false},
}

// TestStampsNotice changes what time-stamps protect: each byte of it counts.
func TestStampsNotice(t *testing.T) {
	p := newPKI(t)
	good := augment(t, augment(t, sign(t, documents["generic"], p.ecdsa, p, xades.SignOptions{}), p.options(xades.LevelA, now)), p.options(xades.LevelA, now.Add(time.Hour)))
	holds := func(doc []byte) (signature, first, second bool) {
		t.Helper()
		rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		res := &rep.Signatures[0]
		props, err := xades.Read(context.Background(), signing.BytesSource(doc), res)
		if err != nil {
			t.Fatal(err)
		}
		check := func(ts *xades.TimeStamp) bool {
			token, err := tsp.Parse(ts.Token)
			if err != nil {
				return false
			}
			imprint, err := ts.Imprint(context.Background(), signing.BytesSource(doc), res, token.Hash)
			return err == nil && token.Verify(imprint) == nil
		}
		if len(props.SignatureTimeStamps) != 1 || len(props.ArchiveTimeStamps) != 2 {
			t.Fatalf("%d and %d time-stamps", len(props.SignatureTimeStamps), len(props.ArchiveTimeStamps))
		}
		return check(&props.SignatureTimeStamps[0]), check(&props.ArchiveTimeStamps[0]), check(&props.ArchiveTimeStamps[1])
	}
	for name, c := range tampers {
		doc := bytes.Replace(good, []byte(c.from), []byte(c.to), 1)
		if c.from != c.to && bytes.Equal(doc, good) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if signature, first, second := holds(doc); signature != c.signature || first != c.first || second != c.second {
			t.Errorf("%s: time-stamps hold %v, %v, %v, want %v, %v, %v", name, signature, first, second, c.signature, c.first, c.second)
		}
	}
}
