package trialca

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/tram-exchange/tram/signing/revocation"
)

// Revoked is one entry of a CRL.
type Revoked struct {
	Serial       *big.Int
	At           time.Time
	Reason       int       // as in package revocation; CertificateHold suspends
	InvalidSince time.Time // zero: not told
}

// CRLOptions are a CRL beyond the usual. Zero values are left out.
type CRLOptions struct {
	ThisUpdate, NextUpdate time.Time // zero NextUpdate: a week later
	Number                 *big.Int  // nil: seconds of ThisUpdate
	Entries                []Revoked
	KeepsExpired           time.Time        // expiredCertsOnCRL
	Extra                  []pkix.Extension // of the list
}

// CRL signs a list of what is revoked at this time, good for a week.
func (a *Authority) CRL(now time.Time, entries ...Revoked) ([]byte, error) {
	return a.CRLWith(CRLOptions{ThisUpdate: now, Entries: entries})
}

// CRLWith is CRL with options.
func (a *Authority) CRLWith(o CRLOptions) ([]byte, error) {
	if o.NextUpdate.IsZero() {
		o.NextUpdate = o.ThisUpdate.Add(7 * 24 * time.Hour)
	}
	if o.Number == nil {
		o.Number = big.NewInt(o.ThisUpdate.Unix())
	}
	tmpl := &x509.RevocationList{Number: o.Number, ThisUpdate: o.ThisUpdate.UTC(), NextUpdate: o.NextUpdate.UTC(), ExtraExtensions: o.Extra}
	if !o.KeepsExpired.IsZero() {
		e, err := timeExtension(asn1.ObjectIdentifier{2, 5, 29, 60}, o.KeepsExpired)
		if err != nil {
			return nil, err
		}
		tmpl.ExtraExtensions = append(tmpl.ExtraExtensions, e)
	}
	for _, r := range o.Entries {
		e := x509.RevocationListEntry{SerialNumber: r.Serial, RevocationTime: r.At.UTC(), ReasonCode: r.Reason}
		if !r.InvalidSince.IsZero() {
			x, err := timeExtension(asn1.ObjectIdentifier{2, 5, 29, 24}, r.InvalidSince)
			if err != nil {
				return nil, err
			}
			e.ExtraExtensions = append(e.ExtraExtensions, x)
		}
		tmpl.RevokedCertificateEntries = append(tmpl.RevokedCertificateEntries, e)
	}
	der, err := x509.CreateRevocationList(a.signRand(), tmpl, a.Certificate, a.key)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign CRL of %s: %w", a.Certificate.Subject.CommonName, err)
	}
	return der, nil
}

func timeExtension(id asn1.ObjectIdentifier, t time.Time) (pkix.Extension, error) {
	v, err := asn1.MarshalWithParams(t.UTC().Truncate(time.Second), "generalized")
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("couldn't encode time: %w", err)
	}
	return pkix.Extension{Id: id, Value: v}, nil
}

// signRand is what signatures are made with: nothing where they should be repeatable (see create).
func (a *Authority) signRand() io.Reader {
	if isSystem(a.rand) {
		return a.rand
	}
	return nil
}

// Responder makes an OCSP responder that answers in the authority's name. Key and certificate are those of a Leaf for OCSP, or nil: the authority's own.
func (a *Authority) Responder(key crypto.Signer, cert *x509.Certificate, lookup func(*big.Int) (revocation.Record, error)) (*revocation.Responder, error) {
	if key == nil {
		key, cert = a.key, a.Certificate
	}
	return revocation.NewResponder(revocation.ResponderOptions{Issuer: a.Certificate, Key: key, Certificate: cert, Now: a.now, Lookup: lookup, Rand: a.signRand()})
}
