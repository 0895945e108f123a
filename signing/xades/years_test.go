package xades_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/xades"
)

// months after now.
func months(n int) time.Time { return now.AddDate(0, n, 0) }

// overYears is a signature that was archived at once and renewed after ten months. The signer's certificate expired after six and was
// revoked in the seventh, that of the first time-stamp expired after twelve.
func overYears(t *testing.T, p *pki) (doc []byte, renew func(at time.Time) ([]byte, error)) {
	t.Helper()
	signer := p.issue("Sở Xây dựng", p.ecdsa.key, p.issuing, func(c *x509.Certificate) { c.NotAfter = months(6) })
	first := p.issue("TSA 2026", p.tsa2.key, p.stamping, func(c *x509.Certificate) { stamps(c); c.NotAfter = months(12) })
	o := p.options(xades.LevelA, now)
	o.Stamper = p.stamper(first, now)
	doc = augment(t, sign(t, documents["edxml"], signer, p, xades.SignOptions{}), o)
	if _, props := verify(t, doc, p); !xades.RenewBefore(props, nil).Equal(months(12)) {
		t.Errorf("renew before %s", xades.RenewBefore(props, nil))
	}
	p.revoked = []x509.RevocationListEntry{{SerialNumber: signer.cert.SerialNumber, RevocationTime: months(5), ReasonCode: revocation.KeyCompromise}}
	return doc, func(at time.Time) ([]byte, error) {
		second := p.issue("TSA 2027", p.tsa2.key, p.stamping, func(c *x509.Certificate) { stamps(c); c.NotBefore, c.NotAfter = months(8), months(40) })
		o := p.options(xades.LevelA, at)
		o.Stamper = p.stamper(second, at)
		var b bytes.Buffer
		err := xades.Augment(context.Background(), &b, signing.BytesSource(doc), o)
		return b.Bytes(), err
	}
}

func TestOverYears(t *testing.T) {
	p := newPKI(t)
	_, renew := overYears(t, p)
	doc, err := renew(months(10))
	if err != nil {
		t.Fatal(err)
	}
	rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	props, err := xades.Read(context.Background(), signing.BytesSource(doc), &rep.Signatures[0])
	if err != nil {
		t.Fatal(err)
	}
	noProblems(t, props)
	checkStamps(t, doc, &rep.Signatures[0], props)
	if len(props.ArchiveTimeStamps) != 2 || !xades.RenewBefore(props, nil).Equal(months(40)) {
		t.Errorf("%d archive time-stamps, renew before %s", len(props.ArchiveTimeStamps), xades.RenewBefore(props, nil))
	}
	if _, err := renew(months(13)); !errors.Is(err, xades.ErrExpired) {
		t.Errorf("too late: got %v, want %v", err, xades.ErrExpired)
	}
}
