package xades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// now is when the tests take place.
var now = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

func clock() time.Time { return now }

// holder is a key with its certificate.
type holder struct {
	key  crypto.Signer
	cert *x509.Certificate
}

// pki is a small world: a root, an issuing authority and one for time-stamps below it, a signer of each kind of key.
type pki struct {
	t                       testing.TB
	root, issuing, stamping holder
	rsa, ecdsa, person      holder
	tsa, tsa2               holder
	trust                   *signing.Trust
	serial                  int64
	revoked                 []x509.RevocationListEntry // by the issuing authority
	revokedTSA              []x509.RevocationListEntry
}

var (
	keysOnce sync.Once
	keys     struct{ rsa, ec [2]crypto.Signer }
)

// testKeys makes keys once for all tests: RSA keys are slow to make.
func testKeys(t testing.TB) {
	keysOnce.Do(func() {
		for i := range keys.rsa {
			r, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				t.Fatal(err)
			}
			keys.rsa[i], keys.ec[i] = r, newKey(t)
		}
	})
}

func newKey(t testing.TB) crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newPKI(t testing.TB) *pki {
	t.Helper()
	testKeys(t)
	p := &pki{t: t, serial: 1000}
	ca := func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		c.NotBefore, c.NotAfter = now.AddDate(-5, 0, 0), now.AddDate(15, 0, 0)
	}
	p.root = p.issue("Root", newKey(t), holder{}, ca) // keys of its own: a second world must be strange to the first
	p.issuing = p.issue("Issuing", newKey(t), p.root, ca)
	p.stamping = p.issue("Stamping", newKey(t), p.root, ca)
	p.rsa = p.issue("Sở Nội vụ", keys.rsa[0], p.issuing, nil)
	p.ecdsa = p.issue("Sở Y tế", keys.ec[0], p.issuing, nil)
	p.person = p.issue("Nguyễn Văn A", keys.ec[1], p.issuing, nil)
	p.tsa = p.issue("TSA 1", keys.rsa[1], p.stamping, stamps)
	p.tsa2 = p.issue("TSA 2", keys.ec[1], p.stamping, stamps)
	var err error
	if p.trust, err = signing.NewTrustList([]signing.Authority{{Certificate: p.root.cert}, {Certificate: p.issuing.cert}, {Certificate: p.stamping.cert}}, false); err != nil {
		t.Fatal(err)
	}
	return p
}

// stamps makes a certificate one of a time-stamping authority.
func stamps(c *x509.Certificate) {
	value, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		panic(err)
	}
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: value}}
	c.NotAfter = now.AddDate(8, 0, 0)
}

func (p *pki) issue(name string, key crypto.Signer, by holder, change func(*x509.Certificate)) holder {
	p.t.Helper()
	p.serial++
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		p.t.Fatal(err)
	}
	id := sha1.Sum(spki)
	c := &x509.Certificate{SerialNumber: big.NewInt(p.serial), Subject: pkix.Name{Country: []string{"VN"}, CommonName: name}, BasicConstraintsValid: true,
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, SubjectKeyId: id[:]}
	if change != nil {
		change(c)
	}
	if by.cert == nil {
		by = holder{key, c}
	} else {
		if len(c.OCSPServer) == 0 {
			c.CRLDistributionPoints = []string{"http://crl.example/" + by.cert.Subject.CommonName}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, key.Public(), by.key)
	if err != nil {
		p.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	return holder{key, cert}
}

// crl is the list of an authority of this time.
func (p *pki) crl(by holder, at time.Time, entries []x509.RevocationListEntry) []byte {
	p.t.Helper()
	p.serial++
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(p.serial), ThisUpdate: at, NextUpdate: at.AddDate(0, 1, 0),
		RevokedCertificateEntries: entries}, by.cert, by.key)
	if err != nil {
		p.t.Fatal(err)
	}
	return der
}

// crls are those of all three authorities.
func (p *pki) crls(at time.Time) [][]byte {
	return [][]byte{p.crl(p.root, at, nil), p.crl(p.issuing, at, p.revoked), p.crl(p.stamping, at, p.revokedTSA)}
}

func (p *pki) revocation(at time.Time) revocation.Source {
	o := revocation.NewOffline(p.crls(at)...)
	for _, err := range o.Problems() {
		p.t.Fatal(err)
	}
	return o
}

func (p *pki) stamper(h holder, at time.Time) *tsp.Authority {
	p.t.Helper()
	a, err := tsp.NewAuthority(h.key, []*x509.Certificate{h.cert, p.stamping.cert}, tsp.Options{Now: func() time.Time { return at }})
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

func (h holder) chain(p *pki) []*x509.Certificate {
	return []*x509.Certificate{h.cert, p.issuing.cert}
}

// write puts bytes into a file and returns its name.
func write(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// documents are what is signed in most tests.
var documents = map[string]string{
	"generic": `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<a:report xmlns:a="urn:example:a" xml:lang="vi"><!-- n --><a:body Id="body" x='1'>Báo cáo &lt;quý&gt;</a:body><b xmlns="urn:b"/></a:report>`,
	"edxml": `<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLHeader>` +
		`<edXML:MessageHeader Id="header"><edXML:Subject>Về việc</edXML:Subject></edXML:MessageHeader><edXML:TraceHeaderList><edXML:TraceHeader/></edXML:TraceHeaderList>` +
		`</edXML:edXMLHeader><edXML:edXMLBody Id="manifest"/></edXML:edXMLEnvelope><AttachmentEncoded Id="attachment-1"><c>UEsDBA==</c></AttachmentEncoded></edXML>`,
	"tram": `<Package xmlns="https://github.com/tram-exchange/tram/schemas/tram-1"><Header><Id>1</Id></Header><Body Id="b"><Report>5</Report></Body></Package>`,
}

func sign(t testing.TB, doc string, h holder, p *pki, o xades.SignOptions) []byte {
	t.Helper()
	if o.SigningTime.IsZero() {
		o.SigningTime = now.Add(-time.Minute)
	}
	var b bytes.Buffer
	if err := xades.Sign(context.Background(), &b, signing.BytesSource(doc), h.key, h.chain(p), o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// verify returns the result of a document with one signature, and its properties.
func verify(t testing.TB, doc []byte, p *pki) (*signing.SignatureResult, *xades.Properties) {
	t.Helper()
	rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), signing.VerifyOptions{Trust: p.trust, At: now})
	if err != nil {
		t.Fatal(err)
	}
	if refusal, detail := rep.Refusal(); refusal != signing.Accepted && refusal != signing.PartialCoverage {
		t.Fatalf("%s: %s\n%s", refusal, detail, doc)
	}
	res := &rep.Signatures[0]
	props, err := xades.Read(context.Background(), signing.BytesSource(doc), res)
	if err != nil {
		t.Fatal(err)
	}
	return res, props
}

func noProblems(t testing.TB, p *xades.Properties) {
	t.Helper()
	var all []string
	for _, pr := range p.Problems {
		all = append(all, pr.Error())
	}
	if len(all) > 0 {
		t.Errorf("problems: %s", strings.Join(all, "; "))
	}
}
