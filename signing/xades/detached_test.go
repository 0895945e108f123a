package xades_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// attachment is something that is signed outside the document.
var attachment = []byte("PK\x03\x04 không phải XML")

// detached is a document of level B-LTA whose signature is over a file beside it alone.
func detached(t *testing.T, p *pki) []byte {
	t.Helper()
	doc := sign(t, `<signatures></signatures>`, p.ecdsa, p, xades.SignOptions{SignOptions: signing.SignOptions{External: []signing.ExternalContent{{URI: "attachment.bin",
		Source: signing.BytesSource(attachment)}}}, MimeTypes: map[string]string{"attachment.bin": "application/zip"}})
	o := p.options(xades.LevelA, now)
	o.Detached = resolve(attachment)
	return augment(t, doc, o)
}

func resolve(content []byte) func(string) (signing.Source, bool) {
	return func(uri string) (signing.Source, bool) { return signing.BytesSource(content), uri == "attachment.bin" }
}

func TestDetached(t *testing.T) {
	p := newPKI(t)
	doc := detached(t, p)
	rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true, Detached: resolve(attachment)})
	if err != nil {
		t.Fatal(err)
	}
	res := &rep.Signatures[0]
	props, err := xades.Read(context.Background(), signing.BytesSource(doc), res)
	if err != nil {
		t.Fatal(err)
	}
	noProblems(t, props)
	if res.Refusal != signing.Accepted || props.Level() != xades.LevelA || len(props.DataObjectFormats) != 1 || props.DataObjectFormats[0].MimeType != "application/zip" {
		t.Errorf("%q, level %q, formats %+v", res.Refusal, props.Level(), props.DataObjectFormats)
	}
	checkStamps(t, doc, res, props)
	for name, o := range map[string]xades.AugmentOptions{"missing": {}, "changed": {Detached: resolve(attachment[1:])}} {
		with := p.options(xades.LevelA, now)
		with.Detached = o.Detached
		if err := xades.Augment(context.Background(), new(bytes.Buffer), signing.BytesSource(doc), with); !errors.Is(err, xades.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", name, err, xades.ErrInvalid)
		}
	}
}

// TestAugmentOne augments one of several signatures.
func TestAugmentOne(t *testing.T) {
	p := newPKI(t)
	parts := func(ids ...string) xades.SignOptions {
		return xades.SignOptions{SignOptions: signing.SignOptions{IDs: ids}}
	}
	doc := sign(t, documents["edxml"], p.person, p, parts("header"))
	doc = sign(t, string(doc), p.rsa, p, parts("attachment-1"))
	o := p.options(xades.LevelLT, now)
	o.Signatures = []int{1}
	out := augment(t, doc, o)
	rep, err := signing.Verify(context.Background(), signing.BytesSource(out), signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []xades.Level{xades.LevelB, xades.LevelLT} {
		props, err := xades.Read(context.Background(), signing.BytesSource(out), &rep.Signatures[i])
		if err != nil || rep.Signatures[i].Refusal != signing.Accepted {
			t.Fatal(err, rep.Signatures[i].Err)
		}
		if props.Level() != want {
			t.Errorf("signature %d: level %q, want %q", i+1, props.Level(), want)
		}
	}
	o.Signatures, o.IDs = nil, []string{rep.Signatures[0].ID}
	again := augment(t, out, o)
	if again = augment(t, again, p.options(xades.LevelLT, now)); bytes.Equal(again, out) {
		t.Error("the first signature was not augmented by its Id")
	}
	o.IDs = []string{"another"}
	if err := xades.Augment(context.Background(), new(bytes.Buffer), signing.BytesSource(out), o); !errors.Is(err, xades.ErrNoSignature) {
		t.Errorf("got %v, want %v", err, xades.ErrNoSignature)
	}
}

// TestCountersignature: a signature inside another is left alone, because archive time-stamps of the other cover it.
func TestCountersignature(t *testing.T) {
	p := newPKI(t)
	outer := augment(t, sign(t, documents["generic"], p.rsa, p, xades.SignOptions{}), p.options(xades.LevelT, now))
	res, _ := verify(t, outer, p)
	at := bytes.Index(outer, []byte("</xades:UnsignedSignatureProperties>"))
	both := sign(t, string(outer), p.person, p, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{res.ID + "-value"}, At: int64(at)}})
	if err := xades.Augment(context.Background(), new(bytes.Buffer), signing.BytesSource(both), p.options(xades.LevelA, now)); !errors.Is(err, xades.ErrCovered) {
		t.Errorf("got %v, want %v", err, xades.ErrCovered)
	}
	o := p.options(xades.LevelA, now)
	o.SkipCovered = true
	doc := augment(t, both, o)
	rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []xades.Level{xades.LevelA, xades.LevelB} {
		props, err := xades.Read(context.Background(), signing.BytesSource(doc), &rep.Signatures[i])
		if err != nil || rep.Signatures[i].Refusal != signing.Accepted || props.Level() != want {
			t.Errorf("signature %d: %v, level %q, want %q, %v", i+1, err, props.Level(), want, rep.Signatures[i].Err)
		}
		checkStamps(t, doc, &rep.Signatures[i], props)
	}
}
