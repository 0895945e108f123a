package keystore

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/tram-exchange/tram/signing"
)

// maxFile bounds a key file, in bytes.
const maxFile = 4 << 20

// openPEM reads a key that only its owner can read. Its certificates are in the same file, or in NAME.crt beside NAME.pem.
func openPEM(ref Ref, o Options) (*Key, error) {
	path := resolve(o.Base, ref.Path())
	b, err := readSecretFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	signer, err := signing.ParseKey(b)
	if err != nil {
		return nil, err
	}
	k := &Key{Ref: ref, raw: signer, Location: "PEM " + path}
	if o.Chain != "" || o.NoCertificate || o.Purpose.bare() {
		return k, nil
	}
	if k.Chain, err = certificatesIn(b); err != nil || len(k.Chain) > 0 {
		return k, err
	}
	beside := strings.TrimSuffix(path, filepath.Ext(path)) + ".crt"
	k.Chain, err = signing.LoadCertificates(beside)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	return k, err
}

// certificatesIn gives the certificates of a PEM file; there may be none.
func certificatesIn(b []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return out, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("couldn't parse certificate: %w", err)
		}
		out = append(out, c)
	}
}

func openPKCS12(ref Ref, o Options) (*Key, error) {
	path := resolve(o.Base, ref.Path())
	b, err := readSecretFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	password, err := o.secret(ref, "password of "+ref.String())
	if err != nil {
		return nil, err
	}
	k, err := ParsePKCS12(b, password)
	if err != nil {
		return nil, err
	}
	k.Ref, k.Location = ref, "PKCS#12 "+path
	return k, nil
}

// ParsePKCS12 reads key and certificates of a PKCS#12 file (RFC 7292), modern or legacy. The Key has no purpose and no
// Signer yet; Open gives a whole one.
func ParsePKCS12(der []byte, password string) (*Key, error) {
	secret, leaf, others, err := pkcs12.DecodeChain(der, password)
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, ErrWrongPIN
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read PKCS#12: %w", err)
	}
	signer, ok := secret.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("couldn't read PKCS#12: key of type %T cannot sign", secret)
	}
	return &Key{raw: signer, Chain: append([]*x509.Certificate{leaf}, others...)}, nil
}

// MarshalPKCS12 writes key and chain as PKCS#12: PBES2 with AES-256 and SHA-256, or with legacy 3DES and SHA-1, for programs
// that know nothing newer.
func MarshalPKCS12(key crypto.Signer, chain []*x509.Certificate, password string, legacy bool) ([]byte, error) {
	if len(chain) == 0 || !signing.KeyFits(key, chain[0]) {
		return nil, fmt.Errorf("couldn't write PKCS#12: %w", ErrKeyMismatch)
	}
	enc := pkcs12.Modern2023
	if legacy {
		enc = pkcs12.LegacyDES
	}
	b, err := enc.Encode(key, chain[0], chain[1:], password)
	if err != nil {
		return nil, fmt.Errorf("couldn't write PKCS#12: %w", err)
	}
	return b, nil
}

// secret reads the PIN or password that ref needs.
func (o Options) secret(ref Ref, what string) (string, error) {
	if ref.PINSource() != "" {
		return ReadSecret(ref.PINSource(), o.Base, o.Getenv)
	}
	if o.Prompt != nil {
		return o.Prompt(what)
	}
	return "", nil
}
