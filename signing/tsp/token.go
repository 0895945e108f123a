package tsp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/tram-exchange/tram/signing/cms"
)

// Token is a time-stamp. What it says is proved only after Verify, CheckSigner and a look at the chain.
type Token struct {
	Raw          []byte // DER of the ContentInfo
	Time         time.Time
	Accuracy     time.Duration // either way; zero if none is stated
	Ordering     bool          // tokens of this authority can always be ordered by their times
	Hash         crypto.Hash   // zero if it isn't known
	HashOID      asn1.ObjectIdentifier
	Imprint      []byte
	Policy       string // dotted
	Serial       *big.Int
	Nonce        *big.Int // nil if none
	Name         []byte   // DER of the GeneralName of the authority; nil if none
	Signer       *x509.Certificate
	Certificates []*x509.Certificate // embedded, the signer's among them
	Message      *cms.SignedData
	Deviations   []string // from RFC 3161, in English, that leave no doubt about what the token says

	others []*x509.Certificate
}

// Problem says in one word why a token does not hold, where the message that carries it is not to blame.
type Problem string

// The problems, besides those of package cms.
const (
	Malformed      Problem = "malformed"        // not a TSTInfo as RFC 3161 has it
	WrongImprint   Problem = "wrong-imprint"    // a token over other octets
	WeakHash       Problem = "weak-hash"        // imprint made with an algorithm that isn't accepted
	NoSigner       Problem = "no-signer"        // certificate neither embedded nor given
	WrongPurpose   Problem = "wrong-purpose"    // the certificate isn't one of a time-stamping authority
	OutsideOfLife  Problem = "outside-of-life"  // token time outside the validity of the certificate
	WrongName      Problem = "wrong-name"       // names an authority that the certificate doesn't
	WrongNonce     Problem = "wrong-nonce"      // answer to another request
	WrongPolicy    Problem = "wrong-policy"     // made under another policy than asked for
	WrongTime      Problem = "wrong-time"       // too far from our clock
	UntrustedChain Problem = "untrusted-signer" // the caller's check of the chain refused it
)

// Error tells a Problem.
type Error struct {
	Problem Problem
	Detail  string
	Err     error // what is behind it, if anything
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v (%s)", e.Detail, e.Err, e.Problem)
	}
	return fmt.Sprintf("%s (%s)", e.Detail, e.Problem)
}

func (e *Error) Unwrap() error { return e.Err }

// ProblemOf returns the word for what err tells of, of this package or of package cms, or "" if it is another kind of error.
func ProblemOf(err error) Problem {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Problem
	}
	return Problem(cms.ProblemOf(err))
}

func problemf(p Problem, format string, args ...any) *Error {
	return &Error{Problem: p, Detail: fmt.Sprintf(format, args...)}
}

// Parse reads a TimeStampToken. It checks form alone.
func Parse(der []byte) (*Token, error) {
	if len(der) > MaxToken {
		return nil, problemf(Malformed, "couldn't read time-stamp: %d octets, limit is %d", len(der), MaxToken)
	}
	d, err := cms.Parse(der, cms.Options{})
	if err != nil {
		return nil, fmt.Errorf("couldn't read time-stamp: %w", err)
	}
	t := &Token{Raw: d.Raw, Message: d, Certificates: d.Certificates}
	if err := t.checkMessage(); err != nil {
		return nil, fmt.Errorf("couldn't read time-stamp: %w", err)
	}
	if err := t.readInfo(d.Content); err != nil {
		return nil, fmt.Errorf("couldn't read time-stamp: %w", err)
	}
	t.Signer = d.Certificate(d.Signers[0], nil)
	return t, nil
}

func (t *Token) checkMessage() error {
	d := t.Message
	switch {
	case !d.ContentType.Equal(cms.OIDTSTInfo):
		return problemf(Malformed, "content of type %v, want TSTInfo", d.ContentType)
	case d.Detached:
		return problemf(Malformed, "TSTInfo isn't embedded")
	case len(d.Signers) != 1:
		return problemf(Malformed, "%d signers, want one", len(d.Signers))
	case len(d.Signers[0].Signed) == 0:
		return problemf(Malformed, "no signed attributes")
	case d.Unreadable > 0:
		return problemf(Malformed, "%d certificates can't be read", d.Unreadable)
	}
	for _, crl := range d.CRLs {
		if _, err := x509.ParseRevocationList(crl); err != nil {
			return &Error{Problem: Malformed, Detail: "CRL can't be read", Err: err}
		}
	}
	return nil
}

// readInfo reads TSTInfo (RFC 3161 2.4.2).
func (t *Token) readInfo(der []byte) error {
	in := cryptobyte.String(der)
	var info cryptobyte.String
	var version int
	var policy asn1.ObjectIdentifier
	t.Serial = new(big.Int)
	if !in.ReadASN1(&info, casn1.SEQUENCE) || !in.Empty() || !info.ReadASN1Integer(&version) || !info.ReadASN1ObjectIdentifier(&policy) {
		return problemf(Malformed, "not a TSTInfo")
	}
	if version != 1 {
		return problemf(Malformed, "TSTInfo of version %d, want 1", version)
	}
	t.Policy = policy.String()
	var err error
	if t.Hash, t.HashOID, t.Imprint, err = readImprint(&info); err != nil {
		return err
	}
	if !info.ReadASN1Integer(t.Serial) || len(t.Serial.Bytes()) > maxSerial {
		return problemf(Malformed, "serial number isn't an integer of at most %d octets", maxSerial)
	}
	var when cryptobyte.String
	if !info.ReadASN1(&when, casn1.GeneralizedTime) {
		return problemf(Malformed, "no time")
	}
	var zeros bool
	if t.Time, zeros, err = parseTime(string(when)); err != nil {
		return err
	}
	if zeros {
		t.Deviations = append(t.Deviations, "the fraction of the time ends with 0")
	}
	return t.readOptional(&info)
}

func (t *Token) readOptional(info *cryptobyte.String) error {
	if info.PeekASN1Tag(casn1.SEQUENCE) {
		var err error
		if t.Accuracy, err = readAccuracy(info); err != nil {
			return err
		}
	}
	if info.PeekASN1Tag(casn1.BOOLEAN) && (!info.ReadASN1Boolean(&t.Ordering) || !t.Ordering) {
		return problemf(Malformed, "ordering isn't in DER")
	}
	if info.PeekASN1Tag(casn1.INTEGER) {
		var err error
		if t.Nonce, err = readNonce(info); err != nil {
			return err
		}
	}
	name := casn1.Tag(0).Constructed().ContextSpecific()
	if info.PeekASN1Tag(name) {
		var wrapped, any cryptobyte.String
		var tag casn1.Tag
		if !info.ReadASN1(&wrapped, name) || !wrapped.ReadAnyASN1Element(&any, &tag) || !wrapped.Empty() {
			return problemf(Malformed, "name of the authority can't be read")
		}
		t.Name = any
	}
	if err := readExtensions(info, casn1.Tag(1).Constructed().ContextSpecific()); err != nil {
		return err
	}
	if !info.Empty() {
		return problemf(Malformed, "octets behind the TSTInfo")
	}
	return nil
}

// readImprint reads a MessageImprint; hash is zero if it isn't known.
func readImprint(in *cryptobyte.String) (crypto.Hash, asn1.ObjectIdentifier, []byte, error) {
	var imprint, algorithm, params, digest cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&imprint, casn1.SEQUENCE) || !imprint.ReadASN1(&algorithm, casn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return 0, nil, nil, problemf(Malformed, "no message imprint")
	}
	if !algorithm.Empty() && (!algorithm.ReadASN1(&params, casn1.NULL) || len(params) != 0 || !algorithm.Empty()) {
		return 0, nil, nil, problemf(Malformed, "hash function %v has parameters", oid)
	}
	if !imprint.ReadASN1(&digest, casn1.OCTET_STRING) || !imprint.Empty() || len(digest) > 64 {
		return 0, nil, nil, problemf(Malformed, "message imprint can't be read")
	}
	hash, _ := cms.HashByOID(oid)
	if hash != 0 && len(digest) != hash.Size() {
		return 0, nil, nil, problemf(Malformed, "message imprint of %d octets, %v has %d", len(digest), hash, hash.Size())
	}
	return hash, oid, digest, nil
}

func readNonce(in *cryptobyte.String) (*big.Int, error) {
	n := new(big.Int)
	if !in.ReadASN1Integer(n) || len(n.Bytes()) > maxNonce {
		return nil, problemf(Malformed, "nonce isn't an integer of at most %d octets", maxNonce)
	}
	return n, nil
}

func readAccuracy(in *cryptobyte.String) (time.Duration, error) {
	var acc cryptobyte.String
	if !in.ReadASN1(&acc, casn1.SEQUENCE) {
		return 0, problemf(Malformed, "accuracy can't be read")
	}
	var seconds int64
	if acc.PeekASN1Tag(casn1.INTEGER) && (!acc.ReadASN1Integer(&seconds) || seconds < 0 || seconds > 1e8) {
		return 0, problemf(Malformed, "seconds of the accuracy")
	}
	d := time.Duration(seconds) * time.Second
	for n, unit := range []time.Duration{time.Millisecond, time.Microsecond} {
		tag := casn1.Tag(n).ContextSpecific()
		if !acc.PeekASN1Tag(tag) {
			continue
		}
		var v int64
		if !acc.ReadASN1Int64WithTag(&v, tag) || v < 1 || v > 999 {
			return 0, problemf(Malformed, "fraction of the accuracy isn't 1 to 999")
		}
		d += time.Duration(v) * unit
	}
	if !acc.Empty() {
		return 0, problemf(Malformed, "accuracy can't be read")
	}
	return d, nil
}

// readExtensions passes over extensions that aren't critical; none that is critical is known.
func readExtensions(in *cryptobyte.String, tag casn1.Tag) error {
	var list cryptobyte.String
	var there bool
	if !in.ReadOptionalASN1(&list, &there, tag) {
		return problemf(Malformed, "extensions can't be read")
	}
	for !list.Empty() {
		var one, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		critical := false
		if !list.ReadASN1(&one, casn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) {
			return problemf(Malformed, "extension can't be read")
		}
		if one.PeekASN1Tag(casn1.BOOLEAN) && !one.ReadASN1Boolean(&critical) || !one.ReadASN1(&value, casn1.OCTET_STRING) || !one.Empty() {
			return problemf(Malformed, "extension %v can't be read", oid)
		}
		if critical {
			return &Error{Problem: Malformed, Detail: fmt.Sprintf("critical extension %v isn't known", oid), Err: errCriticalExtension}
		}
	}
	return nil
}

var errCriticalExtension = errors.New("extension must be understood")

// parseTime reads YYYYMMDDhhmmss[.f…]Z, of at most nine digits of fraction. zeros tells a fraction that ends with 0, which RFC 3161 2.4.2
// forbids and some authorities write one time in ten.
func parseTime(s string) (t time.Time, zeros bool, err error) {
	if strings.ContainsFunc(strings.TrimSuffix(s, "Z"), func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) { // time.Parse takes commas
		return t, false, problemf(Malformed, "time %q isn't of the form YYYYMMDDhhmmss[.f]Z", s)
	}
	layout := "20060102150405Z0700"
	if i := len("20060102150405"); len(s) > i && s[i] == '.' {
		layout = "20060102150405.999999999Z0700"
		if len(s) < i+3 || len(s) > i+11 {
			return t, false, problemf(Malformed, "time %q has a fraction of no or more than nine digits", s)
		}
		zeros = s[len(s)-2] == '0'
	}
	t, err = time.Parse(layout, s)
	if err != nil || s[len(s)-1] != 'Z' {
		return t, false, problemf(Malformed, "time %q isn't of the form YYYYMMDDhhmmss[.f]Z", s)
	}
	return t.UTC(), zeros, nil
}

// Supply gives certificates for a token that embeds none. They are not trusted for that.
func (t *Token) Supply(certs []*x509.Certificate) {
	t.others = slices.Clone(certs)
	if t.Signer == nil {
		t.Signer = t.Message.Certificate(t.Message.Signers[0], certs)
	}
}

// Verify checks that the token is over this digest and that its signature holds. The certificate is judged by CheckSigner, its chain by
// the caller.
func (t *Token) Verify(imprint []byte) error {
	if t.Hash == 0 || t.Hash == crypto.SHA1 {
		return problemf(WeakHash, "couldn't verify time-stamp: message imprint by %v, accepted are SHA-256, SHA-384 and SHA-512", t.HashOID)
	}
	if !bytes.Equal(t.Imprint, imprint) {
		return problemf(WrongImprint, "couldn't verify time-stamp: it is over %x, not over %x", t.Imprint, imprint)
	}
	return t.VerifySignature()
}

// VerifySignature is Verify without a digest to compare with.
func (t *Token) VerifySignature() error {
	_, err := t.Message.Verify(t.Message.Signers[0], cms.VerifyOptions{Certificates: t.others, Bound: true})
	if err != nil {
		return fmt.Errorf("couldn't verify time-stamp: %w", err)
	}
	return nil
}

var oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

// CheckSigner says whether the token's certificate is one of a time-stamping authority that was valid at the token's time and
// bears the name in the token.
func (t *Token) CheckSigner() error {
	c := t.Signer
	if c == nil {
		return problemf(NoSigner, "couldn't check time-stamp: the certificate of its signer isn't there")
	}
	if err := checkCertificate(c); err != nil {
		return fmt.Errorf("couldn't check time-stamp: %w", err)
	}
	if t.Time.Before(c.NotBefore) || t.Time.After(c.NotAfter) {
		return problemf(OutsideOfLife, "couldn't check time-stamp: made at %s, the certificate of %q is valid from %s to %s", t.Time.Format(time.RFC3339),
			c.Subject, c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
	}
	if t.Name != nil && !bears(c, t.Name) {
		return problemf(WrongName, "couldn't check time-stamp: it names an authority that its certificate of %q doesn't", c.Subject)
	}
	return nil
}

// checkCertificate: RFC 3161 2.3.
func checkCertificate(c *x509.Certificate) error {
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) > 0 {
		return problemf(WrongPurpose, "certificate of %q isn't for time-stamping alone", c.Subject)
	}
	critical := slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidExtKeyUsage) && e.Critical })
	if !critical {
		return problemf(WrongPurpose, "extended key usage in the certificate of %q isn't critical", c.Subject)
	}
	const signs = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	if c.KeyUsage != 0 && (c.KeyUsage&signs == 0 || c.KeyUsage&^signs != 0) {
		return problemf(WrongPurpose, "key usage in the certificate of %q isn't for signatures alone", c.Subject)
	}
	if c.IsCA {
		return problemf(WrongPurpose, "certificate of %q is one of a certificate authority", c.Subject)
	}
	return nil
}

// bears reports whether a GeneralName is the subject or one of the alternative names of c.
func bears(c *x509.Certificate, name []byte) bool {
	in := cryptobyte.String(name)
	var dir, rdn cryptobyte.String
	if directory := casn1.Tag(4).Constructed().ContextSpecific(); in.PeekASN1Tag(directory) {
		if in.ReadASN1(&dir, directory) && dir.ReadASN1Element(&rdn, casn1.SEQUENCE) && dir.Empty() && sameName(rdn, c.RawSubject) {
			return true
		}
	}
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		san := cryptobyte.String(e.Value)
		var names, one cryptobyte.String
		var tag casn1.Tag
		if !san.ReadASN1(&names, casn1.SEQUENCE) {
			return false
		}
		for !names.Empty() && names.ReadAnyASN1Element(&one, &tag) {
			if bytes.Equal(one, name) {
				return true
			}
		}
	}
	return false
}

// sameName compares distinguished names by their octets, else by types and values: authorities differ in the string types they write.
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y pkix.RDNSequence
	if rest, err := asn1.Unmarshal(a, &x); err != nil || len(rest) > 0 {
		return false
	}
	if rest, err := asn1.Unmarshal(b, &y); err != nil || len(rest) > 0 {
		return false
	}
	return x.String() == y.String()
}

// CheckChain says whether all certificates that the token's signing-certificate attribute lists are in the chain, the signer's first.
func (t *Token) CheckChain(chain []*x509.Certificate) error {
	if err := t.Message.Signers[0].CheckChain(chain); err != nil {
		return fmt.Errorf("couldn't check time-stamp: %w", err)
	}
	return nil
}
