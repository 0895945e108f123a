package keystore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"slices"
)

// KeyType is the type of a new key.
type KeyType string

// The types. Ed25519 is for the log only.
const (
	P256    KeyType = "p256"
	P384    KeyType = "p384"
	RSA2048 KeyType = "rsa2048"
	RSA3072 KeyType = "rsa3072"
	RSA4096 KeyType = "rsa4096"
	Ed25519 KeyType = "ed25519"
)

// KeyTypes lists them.
func KeyTypes() []KeyType { return []KeyType{P256, P384, RSA2048, RSA3072, RSA4096, Ed25519} }

func (t KeyType) bits() int {
	return map[KeyType]int{RSA2048: 2048, RSA3072: 3072, RSA4096: 4096}[t]
}

func (t KeyType) curve() elliptic.Curve {
	switch t {
	case P256:
		return elliptic.P256()
	case P384:
		return elliptic.P384()
	}
	return nil
}

// Generate makes a key in memory, from the system's randomness.
func Generate(t KeyType) (crypto.Signer, error) {
	var key crypto.Signer
	var err error
	switch {
	case t.bits() > 0:
		key, err = rsa.GenerateKey(rand.Reader, t.bits())
	case t.curve() != nil:
		key, err = ecdsa.GenerateKey(t.curve(), rand.Reader)
	case t == Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("type %q, want one of %v", t, KeyTypes())
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't make key: %w", err)
	}
	return key, nil
}

// Request is what a certificate is asked for.
type Request struct {
	CommonName   string // name of the agency, person or node
	Organization string
	Unit         string
	Locality     string
	Province     string
	SerialNumber string // identifier of the holder: organisation code, tax code or citizen number, as the authority wants it
	Hosts        []string
	Purpose      Purpose // key usages that are asked for; empty: none
}

// CSR makes a PKCS#10 request (RFC 2986), PEM. The authority decides what of it goes into the certificate.
func CSR(key crypto.Signer, r Request) ([]byte, error) {
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	tmpl := &x509.CertificateRequest{Subject: pkix.Name{
		Country: []string{"VN"}, CommonName: r.CommonName, Organization: one(r.Organization), OrganizationalUnit: one(r.Unit),
		Locality: one(r.Locality), Province: one(r.Province), SerialNumber: r.SerialNumber,
	}}
	for _, h := range r.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	if r.Purpose != "" {
		ext, err := requestedUsage(r.Purpose)
		if err != nil {
			return nil, err
		}
		tmpl.ExtraExtensions = slices.Concat(tmpl.ExtraExtensions, ext)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, tmpl, key)
	if err != nil {
		return nil, fmt.Errorf("couldn't make certificate request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}
