package keystore

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Purpose is what a key may sign.
type Purpose string

// The purposes. Organisation, Person and Administrator sign documents.
const (
	Organisation  Purpose = "organisation"  // an agency's packages: its own, in custody in the portal, exchange messages
	Person        Purpose = "person"        // a person's signature inside a package
	Administrator Purpose = "administrator" // changes of the directory
	Node          Purpose = "node"          // the node certificate: TLS both ways, second checkpoint line, published directory
	Log           Purpose = "log"           // Ed25519, first checkpoint line, nothing else; no certificate
	Witness       Purpose = "witness"       // Ed25519, cosignatures of others' checkpoints, nothing else; no certificate
	TLS           Purpose = "tls"           // TLS server towards people
	Client        Purpose = "client"        // TLS client
	TSA           Purpose = "tsa"           // time-stamps (RFC 3161)
	OCSP          Purpose = "ocsp"          // answers about revocation (RFC 6960)
	Authority     Purpose = "authority"     // certificates and CRLs; here only of trial authorities
)

// Purposes lists all of them.
func Purposes() []Purpose {
	return []Purpose{Organisation, Person, Administrator, Node, Log, Witness, TLS, Client, TSA, OCSP, Authority}
}

// ParsePurpose reads a purpose's name.
func ParsePurpose(s string) (Purpose, error) {
	if p := Purpose(s); slices.Contains(Purposes(), p) {
		return p, nil
	}
	return "", fmt.Errorf("couldn't use purpose %q: want one of %v", s, Purposes())
}

// bare reports whether keys for p have no certificate.
func (p Purpose) bare() bool { return p == Log || p == Witness }

// Documents reports whether p signs documents.
func (p Purpose) Documents() bool { return p == Organisation || p == Person || p == Administrator }

// ErrWrongPurpose: the key or its certificate isn't for what it was to be used for. Another key is needed; asking again
// does not help.
var ErrWrongPurpose = errors.New("key is not for this purpose")

// Further extended key usages that certificates for signing documents carry.
var (
	ekuDocumentRFC9336 = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}
	ekuDocumentMS      = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 10, 3, 12}
	ekuDocumentAdobe   = asn1.ObjectIdentifier{1, 2, 840, 113583, 1, 1, 5}
)

// CheckPurpose says whether a key with this certificate may be used for p; the error is an ErrWrongPurpose. cert may be nil
// for Log and Witness only. The rules, by KeyUsage, extended key usage and CA flag (RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.12):
//
//   - log, witness: an Ed25519 key without a certificate; Ed25519 keys are for nothing else.
//   - a CA certificate is for authority and nothing else, and authority needs one with keyCertSign.
//   - documents: digitalSignature or nonRepudiation; extended usages absent, or one among them that is for documents
//     (any, e-mail protection, document signing). One for TLS, time-stamps or OCSP alone signs no documents.
//   - node, tls: digitalSignature; extended usages absent, any or serverAuth. client: likewise clientAuth.
//   - tsa: digitalSignature or nonRepudiation and timeStamping as the only extended usage (RFC 3161 §2.3).
//   - ocsp: digitalSignature or nonRepudiation and OCSPSigning.
func CheckPurpose(p Purpose, pub crypto.PublicKey, cert *x509.Certificate) error {
	_, edwards := pub.(ed25519.PublicKey)
	if p.bare() {
		if !edwards || cert != nil {
			return wrong(p, cert, "want an Ed25519 key without a certificate, got %T", pub)
		}
		return nil
	}
	if edwards {
		return wrong(p, cert, "an Ed25519 key signs checkpoints and cosignatures only")
	}
	if cert == nil {
		return wrong(p, nil, "no certificate")
	}
	if isCA := cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0; isCA != (p == Authority) {
		if isCA {
			return wrong(p, cert, "the certificate is an authority's")
		}
		return wrong(p, cert, "the certificate isn't an authority's")
	}
	if p == Authority {
		if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0 {
			return wrong(p, cert, "its key usage lacks keyCertSign")
		}
		return nil
	}
	return checkUsage(p, cert)
}

func checkUsage(p Purpose, cert *x509.Certificate) error {
	want := x509.KeyUsageDigitalSignature
	if p.Documents() || p == TSA || p == OCSP {
		want |= x509.KeyUsageContentCommitment
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&want == 0 {
		return wrong(p, cert, "its key usage allows no such signature")
	}
	none := len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0
	has := func(u x509.ExtKeyUsage) bool { return slices.Contains(cert.ExtKeyUsage, u) }
	other := func(oid asn1.ObjectIdentifier) bool { return slices.ContainsFunc(cert.UnknownExtKeyUsage, oid.Equal) }
	ok := none || has(x509.ExtKeyUsageAny)
	switch p {
	case Organisation, Person, Administrator:
		ok = ok || has(x509.ExtKeyUsageEmailProtection) || other(ekuDocumentRFC9336) || other(ekuDocumentMS) || other(ekuDocumentAdobe)
	case Node, TLS:
		ok = ok || has(x509.ExtKeyUsageServerAuth)
	case Client:
		ok = ok || has(x509.ExtKeyUsageClientAuth)
	case TSA:
		ok = has(x509.ExtKeyUsageTimeStamping) && len(cert.ExtKeyUsage) == 1 && len(cert.UnknownExtKeyUsage) == 0
	case OCSP:
		ok = has(x509.ExtKeyUsageOCSPSigning)
	default:
		return wrong(p, cert, "no such purpose")
	}
	if !ok {
		return wrong(p, cert, "its extended key usage is for %s", usages(cert))
	}
	return nil
}

// PurposesOf lists what a key with this certificate (nil: none) may be used for.
func PurposesOf(pub crypto.PublicKey, cert *x509.Certificate) []Purpose {
	var out []Purpose
	for _, p := range Purposes() {
		if CheckPurpose(p, pub, cert) == nil {
			out = append(out, p)
		}
	}
	return out
}

func wrong(p Purpose, cert *x509.Certificate, format string, args ...any) error {
	whose := "key"
	if cert != nil {
		whose = fmt.Sprintf("key of %q", cert.Subject)
	}
	return fmt.Errorf("couldn't use %s as %s: %w: %s", whose, p, ErrWrongPurpose, fmt.Sprintf(format, args...))
}

func usages(cert *x509.Certificate) string {
	names := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth", x509.ExtKeyUsageTimeStamping: "timeStamping",
		x509.ExtKeyUsageOCSPSigning: "OCSPSigning", x509.ExtKeyUsageCodeSigning: "codeSigning", x509.ExtKeyUsageEmailProtection: "emailProtection",
	}
	var out []string
	for _, u := range cert.ExtKeyUsage {
		if n, ok := names[u]; ok {
			out = append(out, n)
		} else {
			out = append(out, fmt.Sprintf("usage %d", u))
		}
	}
	for _, oid := range cert.UnknownExtKeyUsage {
		out = append(out, oid.String())
	}
	if len(out) == 0 {
		return "nothing named"
	}
	return strings.Join(out, ", ")
}
