// Package trialca makes certificates for trying Trạm out: a certificate authority that anybody can see is none, and
// leaf certificates for organisations, nodes and clients. A node takes such an authority only with `trial: true` (see IsTrial).
package trialca

import (
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/tram-exchange/tram/signing"
)

// Mark is the organisational unit in the subject of every trial certificate.
const Mark = signing.TrialMark

// IsTrial tells trial certificates, authority or leaf, by extension or by subject.
func IsTrial(c *x509.Certificate) bool { return signing.IsTrial(c) }

// Use is what a leaf certificate is for.
type Use int

const (
	Sign      Use = iota // an organisation's or person's signature: digitalSignature, nonRepudiation
	Node                 // TLS server and client, and the node's line on checkpoints
	Client               // TLS client
	TimeStamp            // time-stamps: critical extended key usage timeStamping
	OCSP                 // OCSP responses in the authority's name, without having to be checked for revocation itself
)

// KeyType of a new leaf.
type KeyType int

const (
	P256 KeyType = iota
	P384
	RSA2048
	RSA3072
	RSA4096
)

// Authority is a trial certificate authority. Not safe for concurrent use.
type Authority struct {
	Certificate *x509.Certificate
	// Places go into the certificates that are issued from now on.
	Places Places
	key    crypto.Signer
	rand   io.Reader
	now    func() time.Time
}

// Places are the URLs at which the state of certificates can be asked for. Empty ones are left out.
type Places struct {
	CRL    string // distribution point
	OCSP   string // responder
	Issuer string // the authority's own certificate
}

// Options of an authority beyond the usual.
type Options struct {
	Key       KeyType
	Below     int                     // how many authorities may stand between it and an end certificate
	NotBefore time.Time               // zero: a day ago
	Lifetime  time.Duration           // zero: ten years
	Change    func(*x509.Certificate) // a last change before it is signed; may be nil
}

// New makes an authority that is valid for ten years from now. With a source other than crypto/rand.Reader keys, serial
// numbers and certificates follow from its bytes alone, so that tests and demonstrations can repeat them.
func New(name string, rand io.Reader, now func() time.Time) (*Authority, error) {
	return NewWith(name, rand, now, Options{})
}

// NewWith is New with options.
func NewWith(name string, rand io.Reader, now func() time.Time, o Options) (*Authority, error) {
	key, err := newKey(o.Key, rand)
	if err != nil {
		return nil, err
	}
	tmpl := o.template(name, now())
	a := &Authority{key: key, rand: rand, now: now}
	if a.Certificate, err = a.create(tmpl, tmpl, key.Public()); err != nil {
		return nil, err
	}
	return a, nil
}

// Intermediate makes an authority below a, with the same clock and randomness. a must have room for it (Options.Below).
func (a *Authority) Intermediate(name string, o Options) (*Authority, error) {
	key, err := newKey(o.Key, a.rand)
	if err != nil {
		return nil, err
	}
	return a.cross(name, key, o)
}

// Cross certifies another authority: same name, same key, another issuer.
func (a *Authority) Cross(other *Authority, o Options) (*Authority, error) {
	return a.cross(other.Certificate.Subject.CommonName, other.key, o)
}

func (a *Authority) cross(name string, key crypto.Signer, o Options) (*Authority, error) {
	tmpl := o.template(name, a.now())
	a.place(tmpl)
	cert, err := a.create(tmpl, a.Certificate, key.Public())
	if err != nil {
		return nil, err
	}
	return &Authority{Certificate: cert, key: key, rand: a.rand, now: a.now}, nil
}

func (o Options) template(name string, now time.Time) *x509.Certificate {
	t := now.UTC().Truncate(time.Second)
	tmpl := &x509.Certificate{
		Subject:               subject(name, ""),
		NotBefore:             t.Add(-24 * time.Hour),
		NotAfter:              t.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLen:            o.Below,
		MaxPathLenZero:        o.Below == 0,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if !o.NotBefore.IsZero() {
		tmpl.NotBefore = o.NotBefore.UTC().Truncate(time.Second)
	}
	if o.Lifetime != 0 {
		tmpl.NotAfter = tmpl.NotBefore.Add(o.Lifetime)
	}
	if o.Change != nil {
		o.Change(tmpl)
	}
	return tmpl
}

// Open continues an authority whose certificate and key were kept.
func Open(cert *x509.Certificate, key crypto.Signer, rand io.Reader, now func() time.Time) (*Authority, error) {
	if !IsTrial(cert) || !cert.IsCA {
		return nil, fmt.Errorf("couldn't open trial authority: %s is none", cert.Subject)
	}
	type equaler interface{ Equal(crypto.PublicKey) bool }
	if pub, ok := key.Public().(equaler); !ok || !pub.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("couldn't open trial authority: the key isn't that of %s", cert.Subject)
	}
	return &Authority{Certificate: cert, key: key, rand: rand, now: now}, nil
}

// Key is the authority's key, for keeping.
func (a *Authority) Key() crypto.Signer { return a.key }

// Leaf is a request for a certificate.
type Leaf struct {
	Name      string // common name
	OrgCode   string // organisation identifier, as organizationIdentifier-like serial in the subject; may be empty
	Use       Use
	Key       KeyType
	Hosts     []string      // names and addresses of a Node certificate
	NotBefore time.Time     // zero: an hour ago
	Lifetime  time.Duration // zero: two years
}

// Issue makes a key and its certificate.
func (a *Authority) Issue(l Leaf) (crypto.Signer, *x509.Certificate, error) {
	key, err := newKey(l.Key, a.rand)
	if err != nil {
		return nil, nil, err
	}
	cert, err := a.IssueFor(l, key.Public())
	if err != nil {
		return nil, nil, err
	}
	return key, cert, nil
}

// IssueWith is Issue with a last change to the certificate before it is signed: for trying out certificates that should be
// refused.
func (a *Authority) IssueWith(l Leaf, change func(*x509.Certificate)) (crypto.Signer, *x509.Certificate, error) {
	key, err := newKey(l.Key, a.rand)
	if err != nil {
		return nil, nil, err
	}
	cert, err := a.certify(l, key.Public(), change)
	if err != nil {
		return nil, nil, err
	}
	return key, cert, nil
}

// IssueFor certifies a key made elsewhere; l.Key is ignored.
func (a *Authority) IssueFor(l Leaf, pub crypto.PublicKey) (*x509.Certificate, error) {
	return a.certify(l, pub, func(*x509.Certificate) {})
}

func (a *Authority) certify(l Leaf, pub crypto.PublicKey, change func(*x509.Certificate)) (*x509.Certificate, error) {
	from, life := l.NotBefore, l.Lifetime
	if from.IsZero() {
		from = a.now().Add(-time.Hour)
	}
	if life == 0 {
		life = 2 * 365 * 24 * time.Hour
	}
	from = from.UTC().Truncate(time.Second)
	tmpl := &x509.Certificate{
		Subject:               subject(l.Name, l.OrgCode),
		NotBefore:             from,
		NotAfter:              from.Add(life),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}
	switch l.Use {
	case Sign:
		tmpl.KeyUsage |= x509.KeyUsageContentCommitment
	case Node:
		tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	case Client:
		tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case TimeStamp:
		// A critical one, as RFC 3161 §2.3 asks; the standard library would write it as not critical.
		tmpl.ExtraExtensions = append(tmpl.ExtraExtensions, pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: timeStampingUsage})
		tmpl.KeyUsage |= x509.KeyUsageContentCommitment
	case OCSP:
		tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		tmpl.ExtraExtensions = append(tmpl.ExtraExtensions, pkix.Extension{Id: oidNoCheck, Value: []byte{5, 0}})
	}
	for _, h := range l.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	a.place(tmpl)
	change(tmpl)
	return a.create(tmpl, a.Certificate, pub)
}

func (a *Authority) create(tmpl, parent *x509.Certificate, pub crypto.PublicKey) (*x509.Certificate, error) {
	var serial [16]byte
	if _, err := io.ReadFull(a.rand, serial[:]); err != nil {
		return nil, fmt.Errorf("couldn't make serial number: %w", err)
	}
	serial[0] &= 0x7f
	serial[0] |= 0x40 // never zero, always 16 bytes
	tmpl.SerialNumber = new(big.Int).SetBytes(serial[:])
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode public key: %w", err)
	}
	id := sha1.Sum(spki) // an identifier (RFC 5280 §4.2.1.2), not a security property
	tmpl.SubjectKeyId = id[:]
	mark, err := asn1.Marshal(Mark)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode trial mark: %w", err)
	}
	tmpl.ExtraExtensions = append(tmpl.ExtraExtensions, pkix.Extension{Id: signing.TrialExtension(), Value: mark})
	source := a.rand
	if !isSystem(source) {
		source = nil // then ECDSA signs deterministically (RFC 6979), which a source would not make it do
	}
	der, err := x509.CreateCertificate(source, tmpl, parent, pub, a.key)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign certificate of %s: %w", tmpl.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("couldn't read back certificate: %w", err)
	}
	return cert, nil
}

// place writes where the state of a certificate can be asked for.
func (a *Authority) place(tmpl *x509.Certificate) {
	add := func(list *[]string, url string) {
		if url != "" {
			*list = append(*list, url)
		}
	}
	add(&tmpl.CRLDistributionPoints, a.Places.CRL)
	add(&tmpl.OCSPServer, a.Places.OCSP)
	add(&tmpl.IssuingCertificateURL, a.Places.Issuer)
}

var (
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidNoCheck     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	// timeStampingUsage is ExtKeyUsageSyntax with id-kp-timeStamping alone.
	timeStampingUsage = []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8}
)

func subject(name, code string) pkix.Name {
	return pkix.Name{Country: []string{"VN"}, OrganizationalUnit: []string{Mark}, CommonName: name, SerialNumber: code}
}
