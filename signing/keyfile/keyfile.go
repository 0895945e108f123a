// Package keyfile reads and writes keys and certificates as PEM files: the simplest place a key can live. Later
// places (PKCS#12, PKCS#11, remote signing) stand beside it; all of them give a crypto.Signer.
package keyfile

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds a key or certificate file, in bytes.
const maxFile = 1 << 20

// WriteKey writes a private key as PKCS#8 PEM, readable by its owner only. It never overwrites a file.
func WriteKey(file string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("couldn't encode key: %w", err)
	}
	return write(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// WriteChain writes certificates as PEM, the leaf first. It never overwrites a file.
func WriteChain(file string, chain ...*x509.Certificate) error {
	return write(file, EncodeChain(chain...), 0o644)
}

// EncodeChain is the PEM form of certificates.
func EncodeChain(chain ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range chain {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

// write makes the file, its folder, and both durable.
func write(file string, b []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("couldn't make folder of %s: %w", file, err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("couldn't create %s: %w", file, err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("couldn't write %s: %w", file, err)
	}
	return nil
}

// ReadKey reads an unencrypted PKCS#8, PKCS#1 or SEC 1 private key. A file that others may read is refused.
func ReadKey(file string) (crypto.Signer, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("couldn't use key %s: its mode is %v; run chmod 600", file, info.Mode().Perm())
	}
	b, err := read(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		var key any
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't parse key %s: %w", file, err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("couldn't use key %s: a %T doesn't sign", file, key)
		}
		return signer, nil
	}
	return nil, fmt.Errorf("couldn't use key %s: no private key in PEM form", file)
}

// ReadChain reads all certificates of a PEM file, in order. None is an error.
func ReadChain(file string) ([]*x509.Certificate, error) {
	b, err := read(file)
	if err != nil {
		return nil, err
	}
	chain, err := ParseChain(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read certificates of %s: %w", file, err)
	}
	return chain, nil
}

// ParseChain reads all certificates of PEM text, in order. None is an error.
func ParseChain(b []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("couldn't parse certificate: %w", err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("no certificate in PEM form")
	}
	return chain, nil
}

func read(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read file: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("couldn't read %s: %d bytes, at most %d", file, info.Size(), maxFile)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read file: %w", err)
	}
	return b, nil
}
