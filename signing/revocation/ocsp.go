package revocation

import (
	"bytes"
	"crypto"
	"crypto/sha1" // identifiers (RFC 6960 §4.1.1, §4.2.1), not a security property
	"crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// MaxOCSP bounds one OCSP response, in bytes.
const MaxOCSP = 256 << 10

// maxSingle and maxResponderCerts bound what is read of one response.
const (
	maxSingle         = 1024
	maxResponderCerts = 16
)

var (
	oidBasic         = oid{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidNonce         = oid{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidNoCheck       = oid{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidArchiveCutoff = oid{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}
	oidExtended      = oid{1, 3, 6, 1, 5, 5, 7, 48, 1, 9}
	oidCRLReference  = oid{1, 3, 6, 1, 5, 5, 7, 48, 1, 3}
)

// digests that a certificate may be named with. SHA-1 here names an issuer among those whose signature fits; it protects nothing.
var digests = []struct {
	id   oid
	hash crypto.Hash
}{
	{oid{1, 3, 14, 3, 2, 26}, crypto.SHA1},
	{oid{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{oid{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{oid{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

// response is an OCSP response that was read, not yet believed. It is safe for concurrent use.
type response struct {
	raw          []byte // as it came, or wrapped into an OCSPResponse
	tbs          []byte
	algorithm    x509.SignatureAlgorithm
	value        []byte
	byName       []byte // responder, DER of its name; or
	byKey        []byte // SHA-1 of its key
	produced     time.Time
	nonce        []byte // nil: none
	single       []single
	certificates []*x509.Certificate
	unusable     error

	mu      sync.Mutex
	signers map[[32]byte]*x509.Certificate // who signed it, entitled by the issuer with this SHA-256
}

type single struct {
	hash               crypto.Hash // 0: unknown
	nameHash, keyHash  []byte
	serial             []byte
	status             Status
	at                 time.Time
	reason             int
	this, next, cutoff time.Time
	unusable           error
}

// ocspStatus tells that a responder gave no answer but a code (RFC 6960 §4.2.1).
type ocspStatus int

func (s ocspStatus) Error() string {
	names := map[ocspStatus]string{1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}
	if n, ok := names[s]; ok {
		return "the responder answers " + n
	}
	return fmt.Sprintf("the responder answers status %d", int(s))
}

func explicit(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }

// parseOCSP reads an OCSPResponse in DER; a bare BasicOCSPResponse, as some signatures embed it, is taken too.
func parseOCSP(der []byte) (*response, error) {
	if len(der) > MaxOCSP {
		return nil, fmt.Errorf("couldn't read OCSP response: %d bytes, limit is %d", len(der), MaxOCSP)
	}
	r, err := readOCSP(der)
	if err != nil {
		return nil, fmt.Errorf("couldn't read OCSP response: %w", err)
	}
	return r, nil
}

func readOCSP(der []byte) (*response, error) {
	in := cryptobyte.String(der)
	var outer, bytesPart, seq, basic cryptobyte.String
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !in.Empty() {
		return nil, errMalformed
	}
	if outer.PeekASN1Tag(asn1.SEQUENCE) {
		raw, err := wrapBasic(der)
		if err != nil {
			return nil, err
		}
		return readBasic(raw, der)
	}
	var status int
	var id oid
	if !outer.ReadASN1Enum(&status) {
		return nil, errMalformed
	}
	if status != 0 {
		if !outer.Empty() {
			return nil, errMalformed
		}
		return nil, ocspStatus(status)
	}
	if !outer.ReadASN1(&bytesPart, explicit(0)) || !outer.Empty() || !bytesPart.ReadASN1(&seq, asn1.SEQUENCE) || !bytesPart.Empty() ||
		!seq.ReadASN1ObjectIdentifier(&id) || !seq.ReadASN1(&basic, asn1.OCTET_STRING) || !seq.Empty() {
		return nil, errMalformed
	}
	if !id.Equal(oidBasic) {
		return nil, fmt.Errorf("responses of type %s are not understood", id)
	}
	return readBasic(der, basic)
}

// wrapBasic puts a BasicOCSPResponse into an OCSPResponse.
func wrapBasic(basic []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidBasic)
				b.AddASN1OctetString(basic)
			})
		})
	})
	return b.Bytes()
}

func readBasic(raw, der []byte) (*response, error) {
	r := &response{raw: raw}
	in := cryptobyte.String(der)
	var outer, tbs, alg cryptobyte.String
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1Element(&tbs, asn1.SEQUENCE) || !outer.ReadASN1Element(&alg, asn1.SEQUENCE) ||
		!outer.ReadASN1BitStringAsBytes(&r.value) {
		return nil, errMalformed
	}
	r.tbs = tbs
	var err error
	if r.algorithm, err = signatureAlgorithm(alg); err != nil {
		r.unusable = err
	}
	if err := r.readCertificates(outer); err != nil {
		return nil, err
	}
	if err := r.readData(tbs); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *response) readCertificates(in cryptobyte.String) error {
	var part, certs cryptobyte.String
	var has bool
	if !in.ReadOptionalASN1(&part, &has, explicit(0)) || !in.Empty() {
		return errMalformed
	}
	if !has {
		return nil
	}
	if !part.ReadASN1(&certs, asn1.SEQUENCE) || !part.Empty() {
		return errMalformed
	}
	for !certs.Empty() {
		var der cryptobyte.String
		if !certs.ReadASN1Element(&der, asn1.SEQUENCE) {
			return errMalformed
		}
		if len(r.certificates) == maxResponderCerts {
			return fmt.Errorf("more than %d certificates", maxResponderCerts)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("certificate in it: %w", err)
		}
		r.certificates = append(r.certificates, c)
	}
	return nil
}

func (r *response) readData(tbs cryptobyte.String) error {
	var data, part, responses cryptobyte.String
	var has bool
	version := 0
	if !tbs.ReadASN1(&data, asn1.SEQUENCE) || !tbs.Empty() || !data.ReadOptionalASN1(&part, &has, explicit(0)) ||
		has && (!part.ReadASN1Integer(&version) || !part.Empty() || version != 0) {
		return errMalformed
	}
	var tag asn1.Tag
	if !data.ReadAnyASN1(&part, &tag) {
		return errMalformed
	}
	switch tag {
	case explicit(1):
		var name cryptobyte.String
		if !part.ReadASN1Element(&name, asn1.SEQUENCE) || !part.Empty() {
			return errMalformed
		}
		r.byName = name
	case explicit(2):
		var key cryptobyte.String
		if !part.ReadASN1(&key, asn1.OCTET_STRING) || !part.Empty() {
			return errMalformed
		}
		r.byKey = key
	default:
		return errMalformed
	}
	if !readTime(&data, &r.produced) || !data.ReadASN1(&responses, asn1.SEQUENCE) {
		return errMalformed
	}
	for !responses.Empty() {
		var one cryptobyte.String
		if !responses.ReadASN1(&one, asn1.SEQUENCE) {
			return errMalformed
		}
		if len(r.single) == maxSingle {
			return fmt.Errorf("more than %d single responses", maxSingle)
		}
		s, err := readSingle(one)
		if err != nil {
			return err
		}
		r.single = append(r.single, s)
	}
	return optionalExtensions(data, func(id oid, critical bool, v cryptobyte.String) error {
		switch {
		case id.Equal(oidNonce):
			if r.nonce = v; len(v) > 256 {
				return errors.New("nonce of more than 256 bytes")
			}
			var inner cryptobyte.String
			if v.ReadASN1(&inner, asn1.OCTET_STRING) && v.Empty() {
				r.nonce = inner
			}
		case critical && !id.Equal(oidExtended):
			r.unusable = fmt.Errorf("it has the critical extension %s, which is not understood", id)
		}
		return nil
	})
}

// optionalExtensions reads [1] EXPLICIT Extensions OPTIONAL, behind which nothing may stand.
func optionalExtensions(in cryptobyte.String, f func(oid, bool, cryptobyte.String) error) error {
	var part, exts cryptobyte.String
	var has bool
	if !in.ReadOptionalASN1(&part, &has, explicit(1)) || !in.Empty() {
		return errMalformed
	}
	if !has {
		return nil
	}
	if !part.ReadASN1(&exts, asn1.SEQUENCE) || !part.Empty() {
		return errMalformed
	}
	return extensions(exts, f)
}

func readSingle(in cryptobyte.String) (single, error) {
	var s single
	var id, part cryptobyte.String
	var tag asn1.Tag
	var ok, has bool
	if !in.ReadASN1(&id, asn1.SEQUENCE) {
		return s, errMalformed
	}
	alg, ok := algorithmID(&id)
	if !ok || !id.ReadASN1((*cryptobyte.String)(&s.nameHash), asn1.OCTET_STRING) || !id.ReadASN1((*cryptobyte.String)(&s.keyHash), asn1.OCTET_STRING) {
		return s, errMalformed
	}
	if s.serial, ok = readSerial(&id); !ok || !id.Empty() || !in.ReadAnyASN1(&part, &tag) {
		return s, errMalformed
	}
	for _, d := range digests {
		if d.id.Equal(alg) {
			s.hash = d.hash
		}
	}
	switch tag {
	case asn1.Tag(0).ContextSpecific():
		s.status = Good
	case explicit(1):
		if err := s.readRevoked(part); err != nil {
			return s, err
		}
	case asn1.Tag(2).ContextSpecific():
		s.status = Unknown
	default:
		return s, errMalformed
	}
	if tag != explicit(1) && len(part) != 0 || !readTime(&in, &s.this) || !in.ReadOptionalASN1(&part, &has, explicit(0)) || has && (!readTime(&part, &s.next) || !part.Empty()) {
		return s, errMalformed
	}
	return s, optionalExtensions(in, func(id oid, critical bool, v cryptobyte.String) error {
		switch {
		case id.Equal(oidArchiveCutoff):
			if !readTime(&v, &s.cutoff) || !v.Empty() {
				return errMalformed
			}
		case critical && !id.Equal(oidCRLReference):
			s.unusable = fmt.Errorf("it has the critical extension %s, which is not understood", id)
		}
		return nil
	})
}

func (s *single) readRevoked(in cryptobyte.String) error {
	var part cryptobyte.String
	var has bool
	if !readTime(&in, &s.at) || !in.ReadOptionalASN1(&part, &has, explicit(0)) || !in.Empty() || has && (!part.ReadASN1Enum(&s.reason) || !part.Empty()) {
		return errMalformed
	}
	s.status = Revoked
	if s.reason == CertificateHold {
		s.status = Suspended
	}
	return nil
}

// names reports whether the single response is about cert, which issuer issued.
func (s *single) names(cert, issuer *x509.Certificate) bool {
	if s.hash == 0 || !bytes.Equal(s.serial, serialOf(cert.SerialNumber)) {
		return false
	}
	name, key := issuerHashes(issuer, s.hash)
	return bytes.Equal(s.nameHash, name) && bytes.Equal(s.keyHash, key)
}

// issuerHashes are the two of a CertID: over the issuer's name and the bits of its key.
func issuerHashes(issuer *x509.Certificate, hash crypto.Hash) (name, key []byte) {
	h := hash.New()
	h.Write(issuer.RawSubject)
	name = h.Sum(nil)
	h.Reset()
	h.Write(keyBits(issuer))
	return name, h.Sum(nil)
}

// keyBits is the content of the BIT STRING of a certificate's key.
func keyBits(c *x509.Certificate) []byte {
	in := cryptobyte.String(c.RawSubjectPublicKeyInfo)
	var spki, alg cryptobyte.String
	var bits []byte
	if !in.ReadASN1(&spki, asn1.SEQUENCE) || !spki.ReadASN1(&alg, asn1.SEQUENCE) || !spki.ReadASN1BitStringAsBytes(&bits) {
		return nil // cannot be: x509 has parsed it
	}
	return bits
}

// find says what the response says about cert.
func (r *response) find(cert, issuer *x509.Certificate, helpers []*x509.Certificate) (*Answer, error) {
	i := slices.IndexFunc(r.single, func(s single) bool { return s.names(cert, issuer) })
	if i < 0 {
		return nil, nil
	}
	s := &r.single[i]
	why := r.unusable
	if why == nil {
		why = s.unusable
	}
	var signer *x509.Certificate
	if why == nil {
		signer, why = r.signer(issuer, helpers)
	}
	if why != nil {
		return nil, fmt.Errorf("couldn't use OCSP response of %s: %w", r.produced.Format(time.RFC3339), why)
	}
	return &Answer{Status: s.status, At: s.at, Reason: s.reason, ThisUpdate: s.this, NextUpdate: s.next, ProducedAt: r.produced, KeepsExpired: s.cutoff, Kind: OCSP,
		Raw: r.raw, Signer: signer, NoCheck: hasNoCheck(signer), Certificates: r.certificates}, nil
}

func hasNoCheck(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNoCheck) })
}

// signer finds who signed the response and checks that it may, once for each issuer.
func (r *response) signer(issuer *x509.Certificate, helpers []*x509.Certificate) (*x509.Certificate, error) {
	key := sha256.Sum256(issuer.Raw)
	r.mu.Lock()
	known := r.signers[key]
	r.mu.Unlock()
	if known != nil {
		return known, nil
	}
	c, err := r.findSigner(issuer, helpers)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signers == nil || len(r.signers) >= maxResponderCerts {
		r.signers = make(map[[32]byte]*x509.Certificate)
	}
	r.signers[key] = c
	return c, nil
}

func (r *response) findSigner(issuer *x509.Certificate, helpers []*x509.Certificate) (*x509.Certificate, error) {
	var why error
	for _, c := range slices.Concat([]*x509.Certificate{issuer}, r.certificates, helpers) {
		if !r.isResponder(c) {
			continue
		}
		if err := checkSignature(c, r.algorithm, r.tbs, r.value); err != nil {
			why = errors.Join(why, err)
			continue
		}
		if c.Equal(issuer) || bytes.Equal(c.RawSubject, issuer.RawSubject) && bytes.Equal(c.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo) {
			return issuer, nil
		}
		if err := r.entitled(c, issuer); err != nil {
			why = errors.Join(why, err)
			continue
		}
		return c, nil
	}
	if why == nil {
		why = errors.New("the certificate of its responder is missing")
	}
	return nil, why
}

func (r *response) isResponder(c *x509.Certificate) bool {
	if r.byName != nil {
		return bytes.Equal(r.byName, c.RawSubject)
	}
	sum := sha1.Sum(keyBits(c))
	return bytes.Equal(r.byKey, sum[:])
}

// entitled says why a certificate that is not the issuer's may not answer for it (RFC 6960 §4.2.2.2).
func (r *response) entitled(c, issuer *x509.Certificate) error {
	switch {
	case !issuedBy(c, issuer):
		return fmt.Errorf("the responder %q was not certified by %q", c.Subject, issuer.Subject)
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return fmt.Errorf("the responder %q is not certified for signing OCSP responses", c.Subject)
	case c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return fmt.Errorf("the key of the responder %q is not for signing", c.Subject)
	case r.produced.Before(c.NotBefore) || r.produced.After(c.NotAfter):
		return fmt.Errorf("the certificate of the responder %q was not valid when it answered, at %s", c.Subject, r.produced.Format(time.RFC3339))
	}
	return nil
}
