package xades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// stampOf makes time-stamps over something else.
type stampOf struct {
	tsp.Stamper
	other []byte
}

func (s stampOf) Stamp(ctx context.Context, h crypto.Hash, imprint []byte) (*tsp.Token, error) {
	return s.Stamper.Stamp(ctx, h, tsp.HashOf(h, s.other))
}

// silent never has an answer.
type silent struct{}

func (silent) Find(context.Context, *x509.Certificate, *x509.Certificate, time.Time) ([]revocation.Answer, error) {
	return nil, errors.New("not reached")
}

func TestAugmentRefuses(t *testing.T) {
	p := newPKI(t)
	doc := sign(t, documents["generic"], p.ecdsa, p, xades.SignOptions{})
	revoked := func(h holder, at time.Time) revocation.Source {
		q := *p
		entry := x509.RevocationListEntry{SerialNumber: h.cert.SerialNumber, RevocationTime: at}
		q.revoked, q.revokedTSA = []x509.RevocationListEntry{entry}, []x509.RevocationListEntry{entry}
		return q.revocation(now)
	}
	expired := p.issue("Hết hạn", p.ecdsa.key, p.issuing, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) })
	early := p.issue("Chưa đến", p.ecdsa.key, p.issuing, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) })
	stranger := newPKI(t)
	plain, err := signing.Sign([]byte(documents["generic"]), p.ecdsa.key, p.ecdsa.chain(p), signing.SignOptions{ID: "s"})
	if err != nil {
		t.Fatal(err)
	}
	later := augment(t, doc, p.options(xades.LevelT, now))
	cases := map[string]struct {
		doc    []byte
		change func(*xades.AugmentOptions)
		want   error
	}{
		"content changed":        {doc: bytes.Replace(doc, []byte("Báo cáo"), []byte("báo cáo"), 1), want: xades.ErrInvalid},
		"properties changed":     {doc: bytes.Replace(doc, []byte("<xades:SigningTime>2026"), []byte("<xades:SigningTime>2025"), 1), want: xades.ErrInvalid},
		"value changed":          {doc: changeValue(doc), want: xades.ErrInvalid},
		"no signature":           {doc: []byte(documents["generic"]), want: xades.ErrNoSignature},
		"index beyond":           {change: func(o *xades.AugmentOptions) { o.Signatures = []int{1} }, want: xades.ErrNoSignature},
		"not XAdES":              {doc: plain, want: xades.ErrNotXAdES},
		"expired":                {doc: sign(t, documents["generic"], expired, p, xades.SignOptions{}), want: xades.ErrExpired},
		"not yet valid":          {doc: sign(t, documents["generic"], early, p, xades.SignOptions{}), want: xades.ErrUntrusted},
		"revoked":                {change: func(o *xades.AugmentOptions) { o.Revocation = revoked(p.ecdsa, now.Add(-time.Hour)) }, want: xades.ErrRevoked},
		"untrusted":              {doc: sign(t, documents["generic"], stranger.ecdsa, stranger, xades.SignOptions{}), want: xades.ErrUntrusted},
		"no revocation data":     {change: func(o *xades.AugmentOptions) { o.Revocation = silent{} }, want: xades.ErrNoRevocation},
		"stamp of another":       {change: func(o *xades.AugmentOptions) { o.Stamper = stampOf{o.Stamper, []byte("x")} }, want: xades.ErrTimeStamp},
		"stamp of a stranger":    {change: func(o *xades.AugmentOptions) { o.Stamper = stranger.stamper(stranger.tsa, now) }, want: xades.ErrUntrusted},
		"second one a stranger":  {change: func(o *xades.AugmentOptions) { o.Also = []tsp.Stamper{stranger.stamper(stranger.tsa, now)} }, want: xades.ErrTimeStamp},
		"authority was revoked":  {change: func(o *xades.AugmentOptions) { o.Revocation = revoked(p.tsa, now.Add(-time.Hour)) }, want: xades.ErrRevoked},
		"revoked before stamped": {doc: later, change: func(o *xades.AugmentOptions) { o.Revocation = revoked(p.ecdsa, now.Add(-time.Hour)) }, want: xades.ErrRevoked},
		"stamp expired": {doc: later, change: func(o *xades.AugmentOptions) {
			at := p.tsa.cert.NotAfter.Add(time.Hour)
			fresh := p.issue("TSA 3", p.tsa.key, p.stamping, func(c *x509.Certificate) { stamps(c); c.NotAfter = at.AddDate(1, 0, 0) })
			*o = xades.AugmentOptions{Level: xades.LevelA, Stamper: p.stamper(fresh, at), Trust: p.trust, Now: func() time.Time { return at },
				Revocation: revocation.Join(p.revocation(now), p.revocation(at))}
		}, want: xades.ErrExpired},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := c.doc
			if in == nil {
				in = doc
			}
			o := p.options(xades.LevelA, now)
			if c.change != nil {
				c.change(&o)
			}
			var out bytes.Buffer
			err := xades.Augment(context.Background(), &out, signing.BytesSource(in), o)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if out.Len() > 0 {
				t.Errorf("%d bytes were written", out.Len())
			}
		})
	}
}

// changeValue changes a character in the middle of the signature value.
func changeValue(doc []byte) []byte {
	out := bytes.Clone(doc)
	i := bytes.Index(out, []byte("<SignatureValue")) + 60
	if out[i] == 'A' {
		out[i] = 'B'
	} else {
		out[i] = 'A'
	}
	return out
}

// TestRevokedAfterStamp: a proof of existence from before saves the signature.
func TestRevokedAfterStamp(t *testing.T) {
	p := newPKI(t)
	doc := augment(t, sign(t, documents["tram"], p.rsa, p, xades.SignOptions{}), p.options(xades.LevelT, now))
	p.revoked = []x509.RevocationListEntry{{SerialNumber: p.rsa.cert.SerialNumber, RevocationTime: now.Add(time.Hour)}}
	at := now.Add(2 * time.Hour)
	o := p.options(xades.LevelA, at)
	o.Revocation = p.revocation(at)
	_, props := verify(t, augment(t, doc, o), p)
	if props.Level() != xades.LevelA {
		t.Errorf("level %q", props.Level())
	}
}

// TestExpiredAfterStamp likewise, for expiry.
func TestExpiredAfterStamp(t *testing.T) {
	p := newPKI(t)
	h := p.issue("Sắp hết hạn", p.ecdsa.key, p.issuing, func(c *x509.Certificate) { c.NotAfter = now.Add(time.Hour) })
	doc := augment(t, sign(t, documents["tram"], h, p, xades.SignOptions{}), p.options(xades.LevelT, now))
	at := now.Add(24 * time.Hour)
	o := p.options(xades.LevelA, at)
	o.Revocation = revocation.Join(p.revocation(now), p.revocation(at))
	_, props := verify(t, augment(t, doc, o), p)
	if props.Level() != xades.LevelA {
		t.Errorf("level %q", props.Level())
	}
}

func TestPersonAndOrganisation(t *testing.T) {
	p := newPKI(t)
	person := sign(t, documents["edxml"], p.person, p, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"header", "manifest", "attachment-1"}}, ClaimedRoles: []string{"Giám đốc"}})
	both := sign(t, string(person), p.rsa, p, xades.SignOptions{})
	var out bytes.Buffer
	err := xades.Augment(context.Background(), &out, signing.BytesSource(both), p.options(xades.LevelLT, now))
	if !errors.Is(err, xades.ErrCovered) || !strings.Contains(err.Error(), "signature 2") {
		t.Fatalf("got %v, want %v", err, xades.ErrCovered)
	}
	check := func(doc []byte, want ...xades.Level) []*xades.Properties {
		t.Helper()
		rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{Trust: p.trust, At: now})
		if err != nil {
			t.Fatal(err)
		}
		if refusal, detail := rep.Refusal(); refusal != signing.Accepted {
			t.Fatal(refusal, detail)
		}
		var all []*xades.Properties
		for i := range rep.Signatures {
			props, err := xades.Read(context.Background(), signing.BytesSource(doc), &rep.Signatures[i])
			if err != nil {
				t.Fatal(err)
			}
			if props.Level() != want[i] {
				t.Errorf("signature %d: level %q, want %q", i+1, props.Level(), want[i])
			}
			checkStamps(t, doc, &rep.Signatures[i], props)
			all = append(all, props)
		}
		return all
	}
	o := p.options(xades.LevelA, now)
	o.SkipCovered = true
	props := check(augment(t, both, o), xades.LevelB, xades.LevelA)
	found := false
	for _, der := range props[1].CertificateValues {
		found = found || bytes.Equal(der, p.person.cert.Raw)
	}
	if !found {
		t.Error("the organisation's signature doesn't bring what is needed to judge the person's")
	}
	// In order of signing everything goes.
	first := augment(t, person, p.options(xades.LevelA, now))
	check(augment(t, sign(t, string(first), p.rsa, p, xades.SignOptions{}), o), xades.LevelA, xades.LevelA)
}

func TestSeveralAuthorities(t *testing.T) {
	p := newPKI(t)
	o := p.options(xades.LevelA, now)
	o.Also = []tsp.Stamper{p.stamper(p.tsa2, now.Add(time.Second))}
	doc := augment(t, sign(t, documents["generic"], p.rsa, p, xades.SignOptions{}), o)
	res, props := verify(t, doc, p)
	if len(props.SignatureTimeStamps) != 2 || len(props.ArchiveTimeStamps) != 2 {
		t.Errorf("%d and %d time-stamps", len(props.SignatureTimeStamps), len(props.ArchiveTimeStamps))
	}
	checkStamps(t, doc, res, props)
}

func TestRenewBefore(t *testing.T) {
	p := newPKI(t)
	doc := sign(t, documents["generic"], p.rsa, p, xades.SignOptions{})
	_, props := verify(t, doc, p)
	if got := xades.RenewBefore(props, nil); !got.IsZero() {
		t.Errorf("without time-stamp: %s", got)
	}
	short := p.issue("TSA ngắn", p.tsa.key, p.stamping, func(c *x509.Certificate) { stamps(c); c.NotAfter = now.AddDate(0, 6, 0) })
	o := p.options(xades.LevelA, now)
	o.Stamper = p.stamper(short, now)
	_, props = verify(t, augment(t, doc, o), p)
	if got := xades.RenewBefore(props, nil); !got.Equal(short.cert.NotAfter) {
		t.Errorf("got %s, want %s", got, short.cert.NotAfter)
	}
	o.Also = []tsp.Stamper{p.stamper(p.tsa2, now)}
	_, props = verify(t, augment(t, doc, o), p)
	if got := xades.RenewBefore(props, nil); !got.Equal(p.tsa2.cert.NotAfter) {
		t.Errorf("got %s, want %s", got, p.tsa2.cert.NotAfter)
	}
	sunset := now.AddDate(0, 3, 0)
	if got := xades.RenewBefore(props, func(*tsp.Token) time.Time { return sunset }); !got.Equal(sunset) {
		t.Errorf("got %s, want %s", got, sunset)
	}
}

// TestWithoutTrust: a time-stamp can be had without a trust list, more can't.
func TestWithoutTrust(t *testing.T) {
	p := newPKI(t)
	doc := sign(t, documents["generic"], p.ecdsa, p, xades.SignOptions{})
	o := p.options(xades.LevelT, now)
	o.Trust = nil
	if _, props := verify(t, augment(t, doc, o), p); props.Level() != xades.LevelT {
		t.Errorf("level %q", props.Level())
	}
	o.Now = func() time.Time { return p.ecdsa.cert.NotAfter.Add(time.Second) }
	if err := xades.Augment(context.Background(), new(bytes.Buffer), signing.BytesSource(doc), o); !errors.Is(err, xades.ErrExpired) {
		t.Errorf("got %v, want %v", err, xades.ErrExpired)
	}
	o = p.options(xades.LevelLT, now)
	o.Trust = nil
	if err := xades.Augment(context.Background(), new(bytes.Buffer), signing.BytesSource(doc), o); err == nil {
		t.Error("level B-LT without a trust list")
	}
}
