package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// maxPEM bounds a file of keys or certificates.
const maxPEM = 4 << 20

// LoadKey reads a private key (RSA, ECDSA or Ed25519) from a PEM file: PKCS#8, or the older forms
// "RSA PRIVATE KEY" and "EC PRIVATE KEY". The key is the first such block; blocks of other types are skipped.
func LoadKey(path string) (crypto.Signer, error) {
	b, err := readBounded(path, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("couldn't read key: %w", err)
	}
	key, err := ParseKey(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read key %s: %w", path, err)
	}
	return key, nil
}

// ParseKey is LoadKey for PEM bytes.
func ParseKey(b []byte) (crypto.Signer, error) {
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			return nil, errors.New("no PEM block with a private key")
		}
		b = rest
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the private key is encrypted; store it decrypted with mode 0600, or in an HSM")
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't parse private key: %w", err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("key of type %T cannot sign", key)
		}
		return signer, nil
	}
}

// MarshalKey returns a private key as PKCS#8 in PEM.
func MarshalKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// SaveKey writes a private key as PKCS#8 in PEM to a new file with mode 0600. An existing file is never overwritten.
func SaveKey(path string, key crypto.Signer) error {
	b, err := MarshalKey(key)
	if err != nil {
		return err
	}
	if err := writeNew(path, b, 0o600); err != nil {
		return fmt.Errorf("couldn't save key: %w", err)
	}
	return nil
}

// LoadCertificates reads every certificate of a PEM file, or the one of a DER file.
func LoadCertificates(path string) ([]*x509.Certificate, error) {
	b, err := readBounded(path, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("couldn't read certificates: %w", err)
	}
	certs, err := ParseCertificates(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read certificates %s: %w", path, err)
	}
	return certs, nil
}

// ParseCertificates is LoadCertificates for bytes. There must be at least one certificate.
func ParseCertificates(b []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("couldn't parse certificate: %w", err)
		}
		certs = append(certs, c)
	}
	if len(certs) > 0 {
		return certs, nil
	}
	c, err := x509.ParseCertificate(b)
	if err != nil {
		return nil, errors.New("neither PEM nor DER certificates")
	}
	return []*x509.Certificate{c}, nil
}

// MarshalCertificates returns certificates as PEM, in order.
func MarshalCertificates(certs []*x509.Certificate) []byte {
	var b []byte
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

// SaveCertificates writes certificates as PEM to a new file with mode 0644. An existing file is never overwritten.
func SaveCertificates(path string, certs []*x509.Certificate) error {
	if err := writeNew(path, MarshalCertificates(certs), 0o644); err != nil {
		return fmt.Errorf("couldn't save certificates: %w", err)
	}
	return nil
}

// KeyFits reports whether key is the private key of c.
func KeyFits(key crypto.Signer, c *x509.Certificate) bool {
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(c.PublicKey)
}

// readBounded is os.ReadFile for files of at most limit bytes; larger ones are an error that names both numbers.
func readBounded(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, limit is %d", path, st.Size(), limit)
	}
	return os.ReadFile(path)
}

// writeNew creates a file with exactly this mode, whatever the umask, and syncs it.
func writeNew(path string, b []byte, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Sync()
}

// curveBytes returns the bytes of one coordinate of an ECDSA key.
func curveBytes(pub *ecdsa.PublicKey) int { return (pub.Curve.Params().BitSize + 7) / 8 }
