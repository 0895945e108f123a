package revocation_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

// day is when the tests take place.
var day = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

const hour = time.Hour

func seeded(label string) *rand.ChaCha8 {
	var seed [32]byte
	copy(seed[:], label)
	return rand.NewChaCha8(seed)
}

// world is a root, an authority below it and a certificate, with everything repeatable.
type world struct {
	tb        testing.TB
	root, mid *trialca.Authority
	leaf      *x509.Certificate
	leafKey   crypto.Signer
}

func newWorld(tb testing.TB, places ...trialca.Places) *world {
	tb.Helper()
	w := &world{tb: tb}
	now := func() time.Time { return day.AddDate(-1, 0, 0) } // when certificates were issued
	var err error
	w.root, err = trialca.NewWith("CA gốc", seeded(tb.Name()), now, trialca.Options{Below: 1})
	w.must(err)
	if len(places) > 0 {
		w.root.Places = places[0]
	}
	w.mid, err = w.root.Intermediate("CA cấp chứng thư", trialca.Options{})
	w.must(err)
	if len(places) > 0 {
		w.mid.Places = places[len(places)-1]
	}
	w.leafKey, w.leaf, err = w.mid.Issue(trialca.Leaf{Name: "Sở Nội vụ", OrgCode: "H02.02"})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

func (w *world) chain() []*x509.Certificate {
	return []*x509.Certificate{w.leaf, w.mid.Certificate, w.root.Certificate}
}

func (w *world) issue(ca *trialca.Authority, l trialca.Leaf, change func(*x509.Certificate)) (crypto.Signer, *x509.Certificate) {
	w.tb.Helper()
	if change == nil {
		change = func(*x509.Certificate) {}
	}
	key, cert, err := ca.IssueWith(l, change)
	w.must(err)
	return key, cert
}

func (w *world) crl(ca *trialca.Authority, o trialca.CRLOptions) []byte {
	w.tb.Helper()
	der, err := ca.CRLWith(o)
	w.must(err)
	return der
}

// answering makes a responder of ca's that says the same of every certificate, at the given time.
func (w *world) answering(ca *trialca.Authority, key crypto.Signer, cert *x509.Certificate, at time.Time, validity time.Duration, rec revocation.Record) *revocation.Responder {
	w.tb.Helper()
	if key == nil {
		key, cert = ca.Key(), ca.Certificate
	}
	r, err := revocation.NewResponder(revocation.ResponderOptions{Issuer: ca.Certificate, Key: key, Certificate: cert, Now: func() time.Time { return at }, Validity: validity,
		Lookup: func(*big.Int) (revocation.Record, error) { return rec, nil }})
	w.must(err)
	return r
}

func find(tb testing.TB, s revocation.Source, cert, issuer *x509.Certificate) ([]revocation.Answer, error) {
	tb.Helper()
	return s.Find(context.Background(), cert, issuer, day)
}
