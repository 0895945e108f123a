package verdict_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// day is when the documents of the vectors are signed.
var day = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

const month = 30 * 24 * time.Hour

// holder is a key with its chain, its own certificate first.
type holder struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

func (h holder) cert() *x509.Certificate { return h.chain[0] }

// world is all that takes part in the vectors: authorities for organisations (with one below the root), for persons and for
// time-stamps, a signer of each, and the lists of what is revoked.
type world struct {
	t                              testing.TB
	clock                          time.Time
	root, issuing, persons, stamps *trialca.Authority
	quiet                          *trialca.Authority // says nothing of revocation
	org, person, tsa, tsa2         holder
	revoked                        map[*trialca.Authority][]trialca.Revoked
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: day.Add(-time.Hour), revoked: map[*trialca.Authority][]trialca.Revoked{}}
	var seed [32]byte
	copy(seed[:], "verdict vectors")
	src := rand.NewChaCha8(seed)
	now := func() time.Time { return w.clock }
	var err error
	if w.root, err = trialca.NewWith("CA gốc", src, now, trialca.Options{Below: 1}); err != nil {
		t.Fatal(err)
	}
	w.root.Places.CRL = "http://crl.example/root.crl"
	if w.issuing, err = w.root.Intermediate("CA cơ quan", trialca.Options{}); err != nil {
		t.Fatal(err)
	}
	w.issuing.Places.CRL = "http://crl.example/issuing.crl"
	if w.persons, err = trialca.New("CA cá nhân", src, now); err != nil {
		t.Fatal(err)
	}
	w.persons.Places.CRL = "http://crl.example/persons.crl"
	if w.quiet, err = trialca.New("CA không CRL", src, now); err != nil {
		t.Fatal(err)
	}
	if w.stamps, err = trialca.New("CA dấu thời gian", src, now); err != nil {
		t.Fatal(err)
	}
	w.stamps.Places.CRL = "http://crl.example/stamps.crl"
	w.org = w.issue(w.issuing, trialca.Leaf{Name: "Sở Nội vụ", OrgCode: "H02.15", Lifetime: 365 * 24 * time.Hour})
	w.person = w.issue(w.persons, trialca.Leaf{Name: "Nguyễn Thị Hạnh"})
	w.tsa = w.issue(w.stamps, trialca.Leaf{Name: "TSA 1", Use: trialca.TimeStamp, Lifetime: 3 * 365 * 24 * time.Hour})
	w.tsa2 = w.issue(w.stamps, trialca.Leaf{Name: "TSA 2", Use: trialca.TimeStamp, Lifetime: 8 * 365 * 24 * time.Hour})
	return w
}

func (w *world) issue(ca *trialca.Authority, l trialca.Leaf) holder {
	return w.issueWith(ca, l, func(*x509.Certificate) {})
}

func (w *world) issueWith(ca *trialca.Authority, l trialca.Leaf, change func(*x509.Certificate)) holder {
	w.t.Helper()
	key, cert, err := ca.IssueWith(l, change)
	if err != nil {
		w.t.Fatal(err)
	}
	h := holder{key, []*x509.Certificate{cert}}
	if ca == w.issuing {
		h.chain = append(h.chain, ca.Certificate)
	}
	return h
}

func (w *world) revoke(ca *trialca.Authority, c *x509.Certificate, at time.Time, reason int) {
	w.revoked[ca] = append(w.revoked[ca], trialca.Revoked{Serial: c.SerialNumber, At: at, Reason: reason})
}

// crl is the list that an authority publishes at a time, good for a week. It also names certificates that have expired.
func (w *world) crl(ca *trialca.Authority, at time.Time) []byte {
	w.t.Helper()
	var entries []trialca.Revoked
	for _, e := range w.revoked[ca] {
		if !e.At.After(at) {
			entries = append(entries, e)
		}
	}
	der, err := ca.CRLWith(trialca.CRLOptions{ThisUpdate: at, Entries: entries, KeepsExpired: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}

// lists are those of the authorities that publish any.
func (w *world) lists(at time.Time) map[string][]byte {
	return map[string][]byte{"root.crl": w.crl(w.root, at), "issuing.crl": w.crl(w.issuing, at), "persons.crl": w.crl(w.persons, at), "stamps.crl": w.crl(w.stamps, at)}
}

// material is a trust folder: the authorities, and their lists of a time.
func (w *world) material(at time.Time) map[string][]byte {
	m := map[string][]byte{"root.pem": certificatePEM(w.root.Certificate), "persons.pem": certificatePEM(w.persons.Certificate),
		"quiet.pem": certificatePEM(w.quiet.Certificate), "stamps.pem": certificatePEM(w.stamps.Certificate)}
	for name, der := range w.lists(at) {
		m[name] = pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	}
	return m
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (w *world) trust() *signing.Trust {
	w.t.Helper()
	t, err := signing.NewTrust([]*x509.Certificate{w.root.Certificate, w.persons.Certificate, w.stamps.Certificate}, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *world) source(at time.Time) revocation.Source {
	w.t.Helper()
	var raws [][]byte
	for _, der := range w.lists(at) {
		raws = append(raws, der)
	}
	return revocation.NewOffline(raws...)
}

// sign makes a XAdES signature of level B-B over the whole document unless o says otherwise.
func (w *world) sign(doc []byte, h holder, o xades.SignOptions) []byte {
	w.t.Helper()
	if o.SigningTime.IsZero() {
		o.SigningTime = day
	}
	var b bytes.Buffer
	if err := xades.Sign(context.Background(), &b, signing.BytesSource(doc), h.key, h.chain, o); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// plain makes an XML signature without properties.
func (w *world) plain(doc []byte, h holder, o signing.SignOptions) []byte {
	w.t.Helper()
	out, err := signing.Sign(doc, h.key, h.chain, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// stamper is an authority for time-stamps whose clock stands.
func (w *world) stamper(h holder, at time.Time) *tsp.Authority {
	w.t.Helper()
	a, err := tsp.NewAuthority(h.key, h.chain, tsp.Options{Now: func() time.Time { return at }})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// augment raises a document's signatures to a level, at a time, with the lists of that time.
func (w *world) augment(doc []byte, level xades.Level, by holder, at time.Time) []byte {
	w.t.Helper()
	var b bytes.Buffer
	err := xades.Augment(context.Background(), &b, signing.BytesSource(doc), xades.AugmentOptions{Level: level, Stamper: w.stamper(by, at),
		Trust: w.trust(), Revocation: w.source(at), Now: func() time.Time { return at }})
	if err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// read returns the first signature of a document and its properties.
func (w *world) read(doc []byte) (*signing.SignatureResult, *xades.Properties) {
	w.t.Helper()
	rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{CryptoOnly: true, Legacy: true})
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := xades.Read(context.Background(), signing.BytesSource(doc), &rep.Signatures[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return &rep.Signatures[0], p
}

var tokens = regexp.MustCompile(`(<[a-z0-9]*:?EncapsulatedTimeStamp[^>]*>)([^<]*)(</)`)

// restamp puts another token, of the same bytes, into the place of the n-th time-stamp of the first signature.
func (w *world) restamp(doc []byte, n int, by holder, at time.Time) []byte {
	w.t.Helper()
	res, p := w.read(doc)
	all := append(append([]xades.TimeStamp{}, p.SignatureTimeStamps...), p.ArchiveTimeStamps...)
	imprint, err := all[n].Imprint(context.Background(), signing.BytesSource(doc), res, crypto.SHA256)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.replaceToken(doc, n, w.token(imprint, by, at))
}

func (w *world) token(imprint []byte, by holder, at time.Time) []byte {
	w.t.Helper()
	token, err := w.stamper(by, at).Stamp(context.Background(), crypto.SHA256, imprint)
	if err != nil {
		w.t.Fatal(err)
	}
	return token.Raw
}

func (w *world) replaceToken(doc []byte, n int, token []byte) []byte {
	w.t.Helper()
	at := tokens.FindAllSubmatchIndex(doc, -1)
	if n >= len(at) {
		w.t.Fatalf("%d time-stamps, want %d", len(at), n+1)
	}
	return bytes.Join([][]byte{doc[:at[n][4]], []byte(base64.StdEncoding.EncodeToString(token)), doc[at[n][5]:]}, nil)
}

// replace changes a document, which must contain old.
func (w *world) replace(doc []byte, old, by string) []byte {
	w.t.Helper()
	if !bytes.Contains(doc, []byte(old)) {
		w.t.Fatalf("no %q in %s", old, doc)
	}
	return bytes.Replace(doc, []byte(old), []byte(by), 1)
}
