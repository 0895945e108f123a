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
