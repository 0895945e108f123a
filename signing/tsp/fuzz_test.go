package tsp_test

import (
	"bytes"
	"crypto"
	"math/big"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/tsp"
)

// Whatever is read as a token has one encoding, and holds only if it is one of the good seeds.
func FuzzParse(f *testing.F) {
	good := map[string]bool{}
	var imprint []byte
	for _, v := range vectors() {
		expect, i, der := readVector(f, v.name)
		imprint = i
		good[string(der)] = expect == "" || expect == string(tsp.UntrustedChain) || expect == "outside-of-life" || expect == "wrong-purpose" || expect == "wrong-name" || v.name == "ess-chain-other"
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		token, err := tsp.Parse(der)
		if err != nil {
			if token != nil {
				t.Fatal("error and a token")
			}
			return
		}
		if !bytes.Equal(token.Raw, der) {
			t.Fatal("read something else than given")
		}
		if len(token.Serial.Bytes()) > 20 || token.Time.IsZero() || token.Accuracy < 0 {
			t.Fatalf("out of bounds: %+v", token)
		}
		_ = token.CheckSigner()
		if token.Verify(imprint) == nil && !good[string(der)] && !sameSigned(t, token, good) {
			t.Fatal("a forged token holds")
		}
	})
}

// sameSigned tells a token that differs from a good one only where nothing is signed, such as its certificates.
func sameSigned(t *testing.T, token *tsp.Token, good map[string]bool) bool {
	for der, ok := range good {
		if !ok {
			continue
		}
		if seed, err := tsp.Parse([]byte(der)); err == nil && bytes.Equal(seed.Message.Content, token.Message.Content) {
			return true
		}
	}
	return false
}

// What is asked for can be written and read back.
func FuzzParseRequest(f *testing.F) {
	for _, r := range []tsp.Request{
		{Hash: crypto.SHA256, Imprint: digest},
		{Hash: crypto.SHA256, Imprint: digest, Nonce: big.NewInt(-1), Certificates: true, Policy: "1.2.3"},
		{Hash: crypto.SHA1, Imprint: make([]byte, 20)},
	} {
		der, err := r.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := tsp.ParseRequest(der)
		if err != nil || r.Hash == 0 {
			return
		}
		again, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		back, err := tsp.ParseRequest(again)
		if err != nil {
			t.Fatal(err)
		}
		sameNonce := (r.Nonce == nil) == (back.Nonce == nil) && (r.Nonce == nil || r.Nonce.Cmp(back.Nonce) == 0)
		if back.Hash != r.Hash || !bytes.Equal(back.Imprint, r.Imprint) || back.Policy != r.Policy || !sameNonce || back.Certificates != r.Certificates {
			t.Fatalf("%+v came back as %+v", r, back)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	_, _, token := readVector(f, "good-p256")
	n := len(token)
	f.Add(append([]byte{0x30, 0x82, byte((n + 5) >> 8), byte(n + 5), 0x30, 3, 2, 1, 0}, token...))
	f.Add([]byte{0x30, 0x0C, 0x30, 0x0A, 2, 1, 2, 0x30, 3, 0x0C, 1, 'x', 3, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		if token, err := tsp.ParseResponse(der); err == nil && token.Message == nil {
			t.Fatal("neither token nor error")
		}
	})
}

// Every byte of a good token changed in turn: what still holds says the same thing, by the same signer.
func TestMutations(t *testing.T) {
	root, err := signing.LoadCertificates(vectorDir + "/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"good-p256", "good-rsa"} {
		_, imprint, der := readVector(t, name)
		good, err := tsp.Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		held := 0
		for i := range der {
			for _, x := range []byte{0x01, 0x80, 0xFF} {
				b := bytes.Clone(der)
				b[i] ^= x
				if judge(b, imprint, root[0]) != "" {
					continue
				}
				token, err := tsp.Parse(b)
				if err != nil || !bytes.Equal(token.Message.Content, good.Message.Content) || !token.Signer.Equal(good.Signer) {
					t.Fatalf("%s: octet %d changed by %#x, and it holds with other content", name, i, x)
				}
				held++
			}
		}
		// versions of SignedData and SignerInfo, which nothing covers
		if held > 8 {
			t.Errorf("%s: %d changed tokens hold", name, held)
		}
		t.Logf("%s: %d of %d changed tokens hold", name, held, 3*len(der))
	}
}
