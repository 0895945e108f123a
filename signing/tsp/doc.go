// Package tsp gives documents a time that others vouch for: time-stamp tokens of RFC 3161, with the certificate reference of
// RFC 5816. It reads and checks tokens, asks authorities for them over HTTP, and has a small authority for trials.
//
// A token says: octets with this digest existed at this time. Parse checks its form (DER alone, exactly one signer, content
// TSTInfo, signed attributes), Token.Verify the digest and the signature, Token.CheckSigner that the certificate is one of a
// time-stamping authority: extended key usage timeStamping, alone and critical (RFC 3161 2.3). Whether that certificate leads to
// someone who is trusted, then and now, is for the caller, who should also call Token.CheckChain with the chain that was found.
//
// Refused: SHA-1 anywhere but in a version 1 signing-certificate reference, several signers, a token without such a reference,
// unknown critical extensions, numbers over 160 bits (serial) or 64 octets (nonce), a name of the authority that its
// certificate doesn't bear.
package tsp

import (
	"context"
	"crypto"
	"encoding/asn1"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Stamper gives time-stamps. Both Client and Authority are one. It is safe for concurrent use.
type Stamper interface {
	// Stamp returns a checked token over the digest imprint, made with hash.
	Stamp(ctx context.Context, hash crypto.Hash, imprint []byte) (*Token, error)
}

// Bounds.
const (
	MaxToken    = 256 << 10 // octets of a token that Parse reads
	MaxResponse = 64 << 10  // octets of an answer that the client reads
	MaxRequest  = 4 << 10   // octets of a request that the authority reads
	maxNonce    = 64        // octets
	maxSerial   = 20        // octets (RFC 3161: at least 160 bits must be managed)
)

// HashOf is a convenience: the digest of b.
func HashOf(hash crypto.Hash, b []byte) []byte {
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}

// checkImprint says whether imprint can be a digest made with hash, and hash is one to rely on.
func checkImprint(hash crypto.Hash, imprint []byte) error {
	switch hash {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	default:
		return fmt.Errorf("hash function %v, accepted are SHA-256, SHA-384 and SHA-512", hash)
	}
	if len(imprint) != hash.Size() {
		return fmt.Errorf("digest of %d octets, %v has %d", len(imprint), hash, hash.Size())
	}
	return nil
}

// parseOID reads the dotted form.
func parseOID(s string) (asn1.ObjectIdentifier, error) {
	parts := strings.Split(s, ".")
	oid := make(asn1.ObjectIdentifier, len(parts))
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || p != strconv.Itoa(n) {
			return nil, fmt.Errorf("couldn't read object identifier %q", s)
		}
		oid[i] = n
	}
	if len(oid) < 2 || oid[0] > 2 || oid[0] < 2 && oid[1] > 39 {
		return nil, fmt.Errorf("couldn't read object identifier %q", s)
	}
	return slices.Clip(oid), nil
}
