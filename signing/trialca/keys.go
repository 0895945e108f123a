package trialca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// isSystem reports whether r is the system's randomness, for which the standard library makes the keys.
func isSystem(r io.Reader) bool { return r == rand.Reader }

func newKey(t KeyType, r io.Reader) (key crypto.Signer, err error) {
	switch t {
	case P256:
		key, err = newECDSA(elliptic.P256(), r)
	case P384:
		key, err = newECDSA(elliptic.P384(), r)
	case RSA2048:
		key, err = newRSA(2048, r)
	case RSA3072:
		key, err = newRSA(3072, r)
	case RSA4096:
		key, err = newRSA(4096, r)
	default:
		err = fmt.Errorf("unknown type %d", t)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't make key: %w", err)
	}
	return key, nil
}

// newECDSA draws the key from an injected source, which the standard library does not do.
func newECDSA(c elliptic.Curve, r io.Reader) (crypto.Signer, error) {
	if isSystem(r) {
		return ecdsa.GenerateKey(c, r)
	}
	b := make([]byte, (c.Params().BitSize+7)/8)
	for range 100 {
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		if key, err := ecdsa.ParseRawPrivateKey(c, b); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("the source of randomness gives no valid scalar")
}

// newRSA likewise.
func newRSA(bits int, r io.Reader) (crypto.Signer, error) {
	if isSystem(r) {
		return rsa.GenerateKey(r, bits)
	}
	const e = 65537
	one, exp := big.NewInt(1), big.NewInt(e)
	for range 100 {
		p, err := prime(bits/2, r)
		if err != nil {
			return nil, err
		}
		q, err := prime(bits/2, r)
		if err != nil {
			return nil, err
		}
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(exp, phi)
		n := new(big.Int).Mul(p, q)
		if d == nil || p.Cmp(q) == 0 || n.BitLen() != bits {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: e}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		if err := key.Validate(); err != nil {
			return nil, err
		}
		return key, nil
	}
	return nil, errors.New("the source of randomness gives no primes")
}

// prime draws an odd number of so many bits, the two highest set, and counts up to the next prime.
func prime(bits int, r io.Reader) (*big.Int, error) {
	b := make([]byte, bits/8)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	b[0] |= 0xC0
	b[len(b)-1] |= 1
	p, two := new(big.Int).SetBytes(b), big.NewInt(2)
	for !p.ProbablyPrime(20) {
		p.Add(p, two)
	}
	return p, nil
}
