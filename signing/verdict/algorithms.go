package verdict

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
)

// Names of the signature schemes in a policy.
const (
	sigPKCS1 = "RSA-PKCS1"
	sigPSS   = "RSA-PSS"
	sigECDSA = "ECDSA"
)

// scheme is a signature algorithm as a policy names it.
type scheme struct{ signature, digest string }

// schemes are the signature algorithms by their URIs.
var schemes = map[string]scheme{
	signing.RSASHA1: {sigPKCS1, "SHA-1"}, signing.RSASHA256: {sigPKCS1, "SHA-256"}, signing.RSASHA384: {sigPKCS1, "SHA-384"}, signing.RSASHA512: {sigPKCS1, "SHA-512"},
	signing.PSSSHA1: {sigPSS, "SHA-1"}, signing.PSSSHA256: {sigPSS, "SHA-256"}, signing.PSSSHA384: {sigPSS, "SHA-384"}, signing.PSSSHA512: {sigPSS, "SHA-512"},
	signing.ECDSASHA1: {sigECDSA, "SHA-1"}, signing.ECDSASHA256: {sigECDSA, "SHA-256"}, signing.ECDSASHA384: {sigECDSA, "SHA-384"}, signing.ECDSASHA512: {sigECDSA, "SHA-512"},
}

// certificateSchemes are those that certificates are signed with.
var certificateSchemes = map[x509.SignatureAlgorithm]scheme{
	x509.SHA1WithRSA: {sigPKCS1, "SHA-1"}, x509.SHA256WithRSA: {sigPKCS1, "SHA-256"}, x509.SHA384WithRSA: {sigPKCS1, "SHA-384"}, x509.SHA512WithRSA: {sigPKCS1, "SHA-512"},
	x509.SHA256WithRSAPSS: {sigPSS, "SHA-256"}, x509.SHA384WithRSAPSS: {sigPSS, "SHA-384"}, x509.SHA512WithRSAPSS: {sigPSS, "SHA-512"},
	x509.ECDSAWithSHA1: {sigECDSA, "SHA-1"}, x509.ECDSAWithSHA256: {sigECDSA, "SHA-256"}, x509.ECDSAWithSHA384: {sigECDSA, "SHA-384"}, x509.ECDSAWithSHA512: {sigECDSA, "SHA-512"},
}

// digestName names a hash as a policy does; empty if no policy can.
func digestName(h crypto.Hash) string {
	switch h {
	case crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512:
		return h.String()
	}
	return ""
}

func digestNameOf(uri string) string {
	h, ok := signing.DigestByURI(uri)
	if !ok {
		return ""
	}
	return digestName(h)
}

// keyOf describes a public key: type, bits, and both for people.
func keyOf(pub any) (typ string, bits int, words string) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return "RSA", k.N.BitLen(), fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		n := k.Curve.Params()
		return "ECDSA", n.BitSize, "ECDSA " + n.Name
	}
	return "", 0, strings.TrimPrefix(fmt.Sprintf("%T", pub), "*")
}

// standing is what policy says of an algorithm at a time.
type standing int

const (
	allowed standing = iota
	aged             // counted once, and nothing proves that this was used then
	refused          // never counted
)

func (r Rule) at(t time.Time) standing { return r.Before.at(t) }

func (d Date) at(t time.Time) standing {
	if d.IsZero() || t.Before(d.Time) {
		return allowed
	}
	return aged
}

func (p *Policy) digestAt(name string, t time.Time) standing {
	r, ok := p.Digests[name]
	if !ok || name == "" {
		return refused
	}
	return r.at(t)
}

func (p *Policy) signatureAt(name string, t time.Time) standing {
	r, ok := p.Signatures[name]
	if !ok || name == "" {
		return refused
	}
	return r.at(t)
}

// keyAt judges a key by the most lenient rule that it satisfies.
func (p *Policy) keyAt(pub any, t time.Time) standing {
	typ, bits, _ := keyOf(pub)
	best := refused
	for _, r := range p.Keys {
		if r.Type == typ && bits >= r.Bits {
			best = min(best, r.Before.at(t))
		}
	}
	return best
}

// constrain records what policy says of one algorithm.
func (l *checklist) constrain(id string, s standing, detail string) {
	switch s {
	case allowed:
		l.pass(id, detail)
	case aged:
		l.fail(id, Unknown, indeterminate(CryptoConstraintsNoPOE), detail)
	default:
		l.fail(id, Failed, indeterminate(CryptoConstraintsFailure), detail)
	}
}

// cmsAt judges the algorithm of a CMS signature.
func (p *Policy) cmsAt(by *cms.Signer, t time.Time) (s standing, words string) {
	hash := by.Hash
	if by.Algorithm.Hash != 0 {
		hash = by.Algorithm.Hash
	}
	return max(p.signatureAt(cmsSchemes[by.Algorithm.Kind], t), p.digestAt(digestName(hash), t)), fmt.Sprintf("%s, %s", by.Algorithm.Kind, hash)
}
