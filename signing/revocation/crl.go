package revocation

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// MaxCRL bounds one CRL, in bytes: some 1.5 million entries. It is held in memory as it is, with four bytes an entry beside it.
const MaxCRL = 64 << 20

var (
	oidReason       = oid{2, 5, 29, 21}
	oidInvalidity   = oid{2, 5, 29, 24}
	oidDelta        = oid{2, 5, 29, 27}
	oidScope        = oid{2, 5, 29, 28}
	oidEntryIssuer  = oid{2, 5, 29, 29}
	oidCRLNumber    = oid{2, 5, 29, 20}
	oidAuthorityKey = oid{2, 5, 29, 35}
	oidKeepsExpired = oid{2, 5, 29, 60}
	errIndirect     = errors.New("it is an indirect CRL, which is not supported")
	errDelta        = errors.New("it is a delta CRL, which is not used without its base")
)

// list is a CRL that was read, not yet believed. It is safe for concurrent use.
type list struct {
	raw          []byte
	tbs          []byte
	algorithm    x509.SignatureAlgorithm
	value        []byte
	issuer       []byte // Name, DER
	this, next   time.Time
	number       []byte
	keyID        []byte // authority key identifier; nil if not told
	keepsExpired time.Time
	scope        scope
	unusable     error // why it may not be used although it can be read

	base  []byte   // the entries
	index []uint32 // where each entry starts in base, ordered by serial number

	mu      sync.Mutex
	checked map[[32]byte]error // signature verified with the key of this certificate
}

// scope is the issuing distribution point (RFC 5280 §5.2.5).
type scope struct {
	urls        []string // of the distribution point; nil with hasPoint: none that could be compared
	hasPoint    bool
	user, ca    bool
	attribute   bool
	someReasons bool
	indirect    bool
}

// parseCRL reads a CRL in DER and checks all its entries.
func parseCRL(der []byte) (*list, error) {
	if len(der) > MaxCRL {
		return nil, fmt.Errorf("couldn't read CRL: %d bytes, limit is %d", len(der), MaxCRL)
	}
	l := &list{raw: der, checked: make(map[[32]byte]error)}
	if err := l.parse(der); err != nil {
		return nil, fmt.Errorf("couldn't read CRL: %w", err)
	}
	return l, nil
}

func (l *list) parse(der []byte) error {
	in := cryptobyte.String(der)
	var outer, tbs, alg cryptobyte.String
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1Element(&tbs, asn1.SEQUENCE) || !outer.ReadASN1Element(&alg, asn1.SEQUENCE) ||
		!outer.ReadASN1BitStringAsBytes(&l.value) || !outer.Empty() {
		return errMalformed
	}
	l.tbs = tbs
	algorithm, err := signatureAlgorithm(alg)
	if err != nil {
		l.unusable = err
	}
	l.algorithm = algorithm
	var body, inner, issuer cryptobyte.String
	version := 0
	if !tbs.ReadASN1(&body, asn1.SEQUENCE) || body.PeekASN1Tag(asn1.INTEGER) && !body.ReadASN1Integer(&version) || version > 1 || version < 0 ||
		!body.ReadASN1Element(&inner, asn1.SEQUENCE) || !body.ReadASN1Element(&issuer, asn1.SEQUENCE) || !readTime(&body, &l.this) {
		return errMalformed
	}
	if !bytes.Equal(alg, inner) {
		return errors.New("two signature algorithms that differ")
	}
	l.issuer = issuer
	if (body.PeekASN1Tag(asn1.UTCTime) || body.PeekASN1Tag(asn1.GeneralizedTime)) && !readTime(&body, &l.next) {
		return fmt.Errorf("nextUpdate: %w", errMalformed)
	}
	if body.PeekASN1Tag(asn1.SEQUENCE) {
		var entries cryptobyte.String
		body.ReadASN1(&entries, asn1.SEQUENCE)
		if err := l.parseEntries(entries); err != nil {
			return err
		}
	}
	return l.parseExtensions(body)
}

func (l *list) parseExtensions(body cryptobyte.String) error {
	var explicit, exts cryptobyte.String
	var has bool
	if !body.ReadOptionalASN1(&explicit, &has, asn1.Tag(0).ContextSpecific().Constructed()) || !body.Empty() {
		return errMalformed
	}
	if !has {
		return nil
	}
	if !explicit.ReadASN1(&exts, asn1.SEQUENCE) || !explicit.Empty() {
		return errMalformed
	}
	return extensions(exts, func(id oid, critical bool, v cryptobyte.String) error {
		switch {
		case id.Equal(oidCRLNumber):
			n, ok := readSerial(&v)
			if !ok || !v.Empty() {
				return fmt.Errorf("number: %w", errMalformed)
			}
			l.number = n
		case id.Equal(oidAuthorityKey):
			return l.parseAuthorityKey(v)
		case id.Equal(oidScope):
			return l.parseScope(v)
		case id.Equal(oidKeepsExpired):
			if !readTime(&v, &l.keepsExpired) || !v.Empty() {
				return fmt.Errorf("expiredCertsOnCRL: %w", errMalformed)
			}
		case id.Equal(oidDelta):
			l.refuse(errDelta)
		case critical:
			l.refuse(fmt.Errorf("it has the critical extension %s, which is not understood", id))
		}
		return nil
	})
}

func (l *list) refuse(err error) {
	if l.unusable == nil {
		l.unusable = err
	}
}

func (l *list) parseAuthorityKey(v cryptobyte.String) error {
	var seq, id cryptobyte.String
	var has bool
	if !v.ReadASN1(&seq, asn1.SEQUENCE) || !v.Empty() || !seq.ReadOptionalASN1(&id, &has, asn1.Tag(0).ContextSpecific()) {
		return fmt.Errorf("authority key identifier: %w", errMalformed)
	}
	if has {
		l.keyID = id
	}
	return nil
}

func (l *list) parseScope(v cryptobyte.String) error {
	bad := fmt.Errorf("issuing distribution point: %w", errMalformed)
	var seq, point cryptobyte.String
	if !v.ReadASN1(&seq, asn1.SEQUENCE) || !v.Empty() || !seq.ReadOptionalASN1(&point, &l.scope.hasPoint, asn1.Tag(0).ContextSpecific().Constructed()) {
		return bad
	}
	if l.scope.hasPoint {
		urls, ok := pointURLs(point)
		if !ok {
			return bad
		}
		l.scope.urls = urls
	}
	for !seq.Empty() {
		var value cryptobyte.String
		var tag asn1.Tag
		if !seq.ReadAnyASN1(&value, &tag) {
			return bad
		}
		set := len(value) == 1 && value[0] != 0
		switch tag {
		case asn1.Tag(1).ContextSpecific():
			l.scope.user = set
		case asn1.Tag(2).ContextSpecific():
			l.scope.ca = set
		case asn1.Tag(3).ContextSpecific():
			l.scope.someReasons = true
		case asn1.Tag(4).ContextSpecific():
			l.scope.indirect = set
		case asn1.Tag(5).ContextSpecific():
			l.scope.attribute = set
		default:
			return bad
		}
	}
	if l.scope.indirect {
		l.refuse(errIndirect)
	}
	return nil
}

// pointURLs gives the URIs of a DistributionPointName's full name.
func pointURLs(in cryptobyte.String) ([]string, bool) {
	var urls []string
	if !in.PeekASN1Tag(asn1.Tag(0).ContextSpecific().Constructed()) {
		return nil, true // relative to the issuer: cannot be compared
	}
	var names cryptobyte.String
	if !in.ReadASN1(&names, asn1.Tag(0).ContextSpecific().Constructed()) || !in.Empty() {
		return nil, false
	}
	for !names.Empty() {
		var value cryptobyte.String
		var tag asn1.Tag
		if !names.ReadAnyASN1(&value, &tag) {
			return nil, false
		}
		if tag == asn1.Tag(6).ContextSpecific() {
			urls = append(urls, string(value))
		}
	}
	return urls, true
}

// entry is one revoked certificate.
type entry struct {
	serial  []byte
	at      time.Time
	reason  int
	invalid time.Time
}

// parseEntries reads every entry once and keeps only where it starts.
func (l *list) parseEntries(in cryptobyte.String) error {
	l.base = in
	l.index = make([]uint32, 0, len(in)/40+1)
	var last []byte
	ordered := true
	for total := len(in); !in.Empty(); {
		at := uint32(total - len(in))
		var element cryptobyte.String
		if !in.ReadASN1(&element, asn1.SEQUENCE) {
			return fmt.Errorf("entry %d: %w", len(l.index), errMalformed)
		}
		e, err := readEntry(element)
		switch {
		case errors.Is(err, errMalformed):
			return fmt.Errorf("entry %d: %w", len(l.index), err)
		case err != nil:
			l.refuse(err)
		}
		if compareSerials(last, e.serial) > 0 {
			ordered = false
		}
		last = e.serial
		l.index = append(l.index, at)
	}
	if !ordered {
		sort.SliceStable(l.index, func(i, j int) bool { return compareSerials(l.serialAt(i), l.serialAt(j)) < 0 })
	}
	l.index = slices.Clip(l.index)
	return nil
}

// readEntry reads the content of one entry. An error that is not errMalformed means that it is not understood.
func readEntry(in cryptobyte.String) (entry, error) {
	var e entry
	var ok bool
	if e.serial, ok = readSerial(&in); !ok || !readTime(&in, &e.at) {
		return e, errMalformed
	}
	if in.Empty() {
		return e, nil
	}
	var exts cryptobyte.String
	if !in.ReadASN1(&exts, asn1.SEQUENCE) || !in.Empty() {
		return e, errMalformed
	}
	return e, extensions(exts, func(id oid, critical bool, v cryptobyte.String) error {
		switch {
		case id.Equal(oidReason):
			if !v.ReadASN1Enum(&e.reason) || !v.Empty() {
				return errMalformed
			}
		case id.Equal(oidInvalidity):
			if !readTime(&v, &e.invalid) || !v.Empty() {
				return errMalformed
			}
		case id.Equal(oidEntryIssuer):
			return errIndirect
		case critical:
			return fmt.Errorf("an entry has the critical extension %s, which is not understood", id)
		}
		return nil
	})
}

// serialAt and entryAt read what parseEntries has accepted before.
func (l *list) serialAt(i int) []byte {
	in := cryptobyte.String(l.base[l.index[i]:])
	var element cryptobyte.String
	in.ReadASN1(&element, asn1.SEQUENCE)
	s, _ := readSerial(&element)
	return s
}

func (l *list) entryAt(i int) entry {
	in := cryptobyte.String(l.base[l.index[i]:])
	var element cryptobyte.String
	in.ReadASN1(&element, asn1.SEQUENCE)
	e, _ := readEntry(element)
	return e
}

// lookup finds the entry of a serial number. A revocation goes before a hold, should both stand there.
func (l *list) lookup(serial []byte) (found entry, ok bool) {
	i := sort.Search(len(l.index), func(i int) bool { return compareSerials(l.serialAt(i), serial) >= 0 })
	for ; i < len(l.index) && compareSerials(l.serialAt(i), serial) == 0; i++ {
		e := l.entryAt(i)
		if e.reason == RemoveFromCRL {
			continue
		}
		if !ok || found.reason == CertificateHold && e.reason != CertificateHold {
			found, ok = e, true
		}
	}
	return found, ok
}

// find says what the CRL says about cert. No error and no answer: nothing.
func (l *list) find(cert, issuer *x509.Certificate, helpers []*x509.Certificate) (*Answer, error) {
	if !bytes.Equal(l.issuer, cert.RawIssuer) || !bytes.Equal(l.issuer, issuer.RawSubject) {
		return nil, nil
	}
	if l.unusable != nil {
		return nil, fmt.Errorf("couldn't use CRL of %s: %w", l.this.Format(time.RFC3339), l.unusable)
	}
	if !l.scope.includes(cert) {
		return nil, nil
	}
	signer, err := l.signer(issuer, helpers)
	if err != nil {
		return nil, fmt.Errorf("couldn't use CRL of %s: %w", l.this.Format(time.RFC3339), err)
	}
	a := &Answer{Status: Good, ThisUpdate: l.this, NextUpdate: l.next, ProducedAt: l.this, KeepsExpired: l.keepsExpired, Kind: CRL, Raw: l.raw, Signer: signer}
	if e, ok := l.lookup(serialOf(cert.SerialNumber)); ok {
		a.Status, a.At, a.Reason, a.InvalidSince = Revoked, e.at, e.reason, e.invalid
		if e.reason == CertificateHold {
			a.Status = Suspended
		}
	} else if l.scope.someReasons {
		return nil, nil // it may be revoked for another reason
	}
	return a, nil
}

// includes reports whether the CRL answers for certificates such as c.
func (s *scope) includes(c *x509.Certificate) bool {
	if s.attribute || s.user && c.IsCA || s.ca && !c.IsCA {
		return false
	}
	if !s.hasPoint {
		return true
	}
	return slices.ContainsFunc(s.urls, func(u string) bool { return slices.Contains(c.CRLDistributionPoints, u) })
}

// signer finds who signed the CRL: the issuer, or a certificate of the same name that it issued for signing CRLs.
func (l *list) signer(issuer *x509.Certificate, helpers []*x509.Certificate) (*x509.Certificate, error) {
	first := l.signedBy(issuer)
	if first == nil {
		return issuer, nil
	}
	for _, h := range helpers {
		if h.KeyUsage&x509.KeyUsageCRLSign != 0 && bytes.Equal(h.RawSubject, l.issuer) && !h.Equal(issuer) && l.signedBy(h) == nil && issuedBy(h, issuer) &&
			!l.this.Before(h.NotBefore) && !l.this.After(h.NotAfter) {
			return h, nil
		}
	}
	return nil, first
}

func (l *list) signedBy(c *x509.Certificate) error {
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return fmt.Errorf("%q may not sign CRLs", c.Subject)
	}
	if len(l.keyID) > 0 && len(c.SubjectKeyId) > 0 && !bytes.Equal(l.keyID, c.SubjectKeyId) {
		return fmt.Errorf("it names the key %x, that of %q is %x", l.keyID, c.Subject, c.SubjectKeyId)
	}
	key := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	l.mu.Lock()
	defer l.mu.Unlock()
	err, ok := l.checked[key]
	if !ok {
		err = checkSignature(c, l.algorithm, l.tbs, l.value)
		if len(l.checked) < 64 {
			l.checked[key] = err
		}
	}
	return err
}
