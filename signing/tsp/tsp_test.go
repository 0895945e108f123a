package tsp_test

import (
	"crypto"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

func TestStamp(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind trialca.KeyType
		o    tsp.Options
		hash crypto.Hash
	}{
		{"RSA", trialca.RSA2048, tsp.Options{}, crypto.SHA256},
		{"RSA SHA-512", trialca.RSA2048, tsp.Options{Hash: crypto.SHA512}, crypto.SHA384},
		{"PSS", trialca.RSA2048, tsp.Options{PSS: true}, crypto.SHA256},
		{"P-256", trialca.P256, tsp.Options{Accuracy: 1500*time.Millisecond + 7*time.Microsecond}, crypto.SHA512},
		{"P-384", trialca.P384, tsp.Options{}, crypto.SHA256},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthority(t, tt.kind, tt.o)
			imprint := tsp.HashOf(tt.hash, []byte("Công văn số 01/UBND"))
			token, err := a.Stamp(t.Context(), tt.hash, imprint)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.o.Accuracy
			if want == 0 {
				want = time.Second
			}
			if !token.Time.Equal(at) || token.Accuracy != want || token.Policy != tsp.TrialPolicy || token.Nonce != nil || !token.Signer.Equal(a.cert) {
				t.Fatalf("token says %v ±%v, policy %s, nonce %v", token.Time, token.Accuracy, token.Policy, token.Nonce)
			}
			if err := token.CheckSigner(); err != nil {
				t.Fatal(err)
			}
			imprint[3] ^= 1
			if err := token.Verify(imprint); err == nil {
				t.Fatal("verifies over other octets")
			}
		})
	}
}

// BenchmarkVerify reads and checks a token.
func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{"good-rsa", "good-p256"} {
		b.Run(name, func(b *testing.B) {
			_, imprint, der := readVector(b, name)
			b.ReportAllocs()
			for b.Loop() {
				token, err := tsp.Parse(der)
				if err != nil {
					b.Fatal(err)
				}
				if err := token.Verify(imprint); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
