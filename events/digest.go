package events

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Sum is the digest of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads 64 lower-case hexadecimal digits; any other spelling is an error.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*len(d) {
		return Digest{}, fmt.Errorf("couldn't parse digest: %d characters, expected %d", len(s), 2*len(d))
	}
	if !unhex(d[:], s) {
		return Digest{}, fmt.Errorf("couldn't parse digest %q: not lower-case hexadecimal", s)
	}
	return d, nil
}

// String is the digest as 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero says whether the digest was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes String, so that digests in event data are hexadecimal too.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads what MarshalText writes, strictly.
func (d *Digest) UnmarshalText(b []byte) error {
	v, err := ParseDigest(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// unhex decodes lower-case hexadecimal s into dst, which has half its length.
func unhex[T string | []byte](dst []byte, s T) bool {
	for i := range dst {
		hi, lo := hexValue[s[2*i]], hexValue[s[2*i+1]]
		if hi|lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range "0123456789abcdef" {
		t[c] = byte(i)
	}
	return t
}()
