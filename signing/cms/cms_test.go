package cms_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/trialca"
)

var (
	at      = time.Date(2026, 11, 22, 10, 20, 30, 0, time.UTC)
	content = []byte("Nội dung văn bản\n")
)

type signer struct {
	ca   *trialca.Authority
	key  crypto.Signer
	cert *x509.Certificate
}

func newSigner(t testing.TB, kind trialca.KeyType) signer {
	t.Helper()
	ca, err := trialca.New("CA thử nghiệm", rand.Reader, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	key, cert, err := ca.Issue(trialca.Leaf{Name: "Trần Thị Bình", Use: trialca.Sign, Key: kind})
	if err != nil {
		t.Fatal(err)
	}
	return signer{ca, key, cert}
}

func (s signer) sign(t testing.TB, o cms.SignOptions) []byte {
	t.Helper()
	if o.Certificates == nil {
		o.Certificates = []*x509.Certificate{s.cert}
	}
	der, err := cms.Sign(content, s.key, s.cert, o)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func parse(t testing.TB, der []byte) *cms.SignedData {
	t.Helper()
	d, err := cms.Parse(der, cms.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func verify(d *cms.SignedData, o cms.VerifyOptions) error {
	_, err := d.Verify(d.Signers[0], o)
	return err
}

func TestSign(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind trialca.KeyType
		o    cms.SignOptions
		alg  cms.Kind
		hash crypto.Hash
	}{
		{"RSA", trialca.RSA2048, cms.SignOptions{}, cms.RSAPKCS1, crypto.SHA256},
		{"RSA SHA-384", trialca.RSA2048, cms.SignOptions{Hash: crypto.SHA384}, cms.RSAPKCS1, crypto.SHA384},
		{"PSS SHA-512", trialca.RSA2048, cms.SignOptions{Hash: crypto.SHA512, PSS: true}, cms.RSAPSS, crypto.SHA512},
		{"P-256", trialca.P256, cms.SignOptions{SigningTime: at}, cms.ECDSA, crypto.SHA256},
		{"P-384", trialca.P384, cms.SignOptions{SigningTime: at.AddDate(30, 0, 0)}, cms.ECDSA, crypto.SHA384},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSigner(t, tt.kind)
			d := parse(t, s.sign(t, tt.o))
			one := d.Signers[0]
			cert, err := d.Verify(one, cms.VerifyOptions{Bound: true})
			if err != nil {
				t.Fatal(err)
			}
			if !cert.Equal(s.cert) || one.Hash != tt.hash || one.Algorithm.Kind != tt.alg || !one.SigningTime.Equal(tt.o.SigningTime) || !bytes.Equal(d.Content, content) {
				t.Fatalf("%+v", one)
			}
			if err := one.CheckChain([]*x509.Certificate{s.cert, s.ca.Certificate}); err != nil {
				t.Fatal(err)
			}
			if err := one.CheckChain([]*x509.Certificate{s.ca.Certificate}); cms.ProblemOf(err) != cms.SigningCertificateMismatch {
				t.Fatalf("another chain: %v", err)
			}
			d.Content = append(slices.Clone(d.Content), ' ')
			if err := verify(d, cms.VerifyOptions{}); cms.ProblemOf(err) != cms.DigestMismatch {
				t.Fatalf("changed content: %v", err)
			}
		})
	}
}

func TestDetached(t *testing.T) {
	s := newSigner(t, trialca.P256)
	h := crypto.SHA512.New()
	h.Write(content)
	der, err := cms.SignDetached(h.Sum(nil), s.key, s.cert, cms.SignOptions{Hash: crypto.SHA512, Certificates: []*x509.Certificate{s.cert}})
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, der)
	if err := verify(d, cms.VerifyOptions{}); cms.ProblemOf(err) != cms.NoContent {
		t.Fatalf("without content: %v", err)
	}
	give := func(b []byte, err error) cms.VerifyOptions {
		return cms.VerifyOptions{Digest: func(hash crypto.Hash) ([]byte, error) {
			h := hash.New()
			h.Write(b)
			return h.Sum(nil), err
		}}
	}
	disk := errors.New("disk")
	if err := verify(d, give(content, nil)); err != nil {
		t.Fatal(err)
	}
	if err := verify(d, give(nil, nil)); cms.ProblemOf(err) != cms.DigestMismatch {
		t.Fatalf("other content: %v", err)
	}
	if err := verify(d, give(content, disk)); !errors.Is(err, disk) {
		t.Fatalf("error of the content: %v", err)
	}
	if _, err := cms.SignDetached(make([]byte, 20), s.key, s.cert, cms.SignOptions{Hash: crypto.SHA256}); err == nil {
		t.Fatal("digest of the wrong length")
	}
	if _, err := cms.Sign(content, s.key, s.cert, cms.SignOptions{Hash: crypto.SHA1}); err == nil {
		t.Fatal("signs with SHA-1")
	}
}

func TestCertificates(t *testing.T) {
	s, other := newSigner(t, trialca.P256), newSigner(t, trialca.P256)
	d := parse(t, s.sign(t, cms.SignOptions{Certificates: []*x509.Certificate{other.cert, other.ca.Certificate}}))
	if cert, err := d.Verify(d.Signers[0], cms.VerifyOptions{}); cert != nil || cms.ProblemOf(err) != cms.NoCertificate {
		t.Fatalf("no certificate: %v %v", cert, err)
	}
	if err := verify(d, cms.VerifyOptions{Certificates: []*x509.Certificate{s.cert}}); err != nil {
		t.Fatal(err)
	}
	// Two certificates of one issuer and serial number: the one that the signed attribute names counts.
	twin := *s.cert
	twin.Raw = append(slices.Clone(twin.Raw), 0)
	twin.PublicKey = other.cert.PublicKey
	d = parse(t, s.sign(t, cms.SignOptions{}))
	d.Certificates = []*x509.Certificate{&twin, s.cert}
	if err := verify(d, cms.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	d.Certificates = d.Certificates[:1]
	if err := verify(d, cms.VerifyOptions{}); cms.ProblemOf(err) != cms.SigningCertificateMismatch {
		t.Fatalf("twin alone: %v", err)
	}
}

func TestUnsigned(t *testing.T) {
	s := newSigner(t, trialca.P256)
	d := parse(t, s.sign(t, cms.SignOptions{CRLs: [][]byte{{0x30, 0x00}}}))
	for n := 1; n < 4; n++ {
		der, err := d.WithUnsigned(0, cms.Attribute{Type: cms.OIDSignatureTimeStamp, Values: [][]byte{{0x04, 0x01, byte(n)}}})
		if err != nil {
			t.Fatal(err)
		}
		d = parse(t, der)
		if err := verify(d, cms.VerifyOptions{Bound: true}); err != nil {
			t.Fatal(err)
		}
		if got := d.Signers[0].UnsignedValues(cms.OIDSignatureTimeStamp); len(got) != n || len(d.CRLs) != 1 {
			t.Fatalf("%d values", len(got))
		}
	}
	for _, bad := range []cms.Attribute{{Type: cms.OIDSignatureTimeStamp}, {Type: asn1.ObjectIdentifier{9}, Values: [][]byte{{5, 0}}}} {
		if _, err := d.WithUnsigned(0, bad); err == nil {
			t.Errorf("%+v taken", bad)
		}
	}
	if _, err := d.WithUnsigned(1, cms.Attribute{}); err == nil {
		t.Error("signer that isn't there")
	}
}

// wrap re-encodes the content in two pieces and all levels around it with indefinite lengths.
func wrap(t testing.TB, der []byte) []byte {
	t.Helper()
	whole := append([]byte{0x04, byte(len(content))}, content...)
	pieces := append([]byte{0x24, 0x80, 0x04, 0x01, content[0], 0x04, byte(len(content) - 1)}, content[1:]...)
	pieces = append(pieces, 0, 0)
	var open func(b []byte) []byte
	open = func(b []byte) []byte {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(b, &v)
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		switch {
		case bytes.Equal(v.FullBytes, whole):
			out = pieces
		case v.IsCompound && bytes.Contains(v.Bytes, whole):
			out = append([]byte{v.FullBytes[0], 0x80}, open(v.Bytes)...)
			out = append(out, 0, 0)
		default:
			out = v.FullBytes
		}
		if len(rest) > 0 {
			out = append(slices.Clone(out), open(rest)...)
		}
		return out
	}
	return open(der)
}

func TestBER(t *testing.T) {
	s := newSigner(t, trialca.P256)
	der := s.sign(t, cms.SignOptions{})
	ber := wrap(t, der)
	if _, err := cms.Parse(ber, cms.Options{}); cms.ProblemOf(err) != cms.NotDER {
		t.Fatalf("BER: %v", err)
	}
	d, err := cms.Parse(append(ber, 0, 0, 0), cms.Options{BER: true})
	if err != nil || !bytes.Equal(d.Raw, der) || len(d.Deviations) != 1 {
		t.Fatalf("%v %v", d, err)
	}
	if err := verify(d, cms.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	if d, err = cms.Parse(append(slices.Clone(der), 0, 7), cms.Options{BER: true}); err != nil || len(d.Deviations) != 1 {
		t.Fatalf("octets behind the end: %v %v", d, err)
	}
}

func TestBounds(t *testing.T) {
	deep := bytes.Repeat([]byte{0x30, 0x80}, 5000)
	for name, b := range map[string][]byte{
		"empty": nil, "one octet": {0x30}, "cut off": {0x30, 0x05, 0x06}, "deep": deep, "long length": {0x30, 0x85, 1, 1, 1, 1, 1}, "high tag": {0x3F, 0x81, 0x01, 0x00},
		"no end": {0x30, 0x80, 0x02, 0x01, 0x01}, "indefinite primitive": {0x04, 0x80, 0, 0}, "too big": make([]byte, cms.MaxSize+1), "null": {0x05, 0x00},
	} {
		for _, ber := range []bool{false, true} {
			if d, err := cms.Parse(b, cms.Options{BER: ber}); err == nil || d != nil || cms.ProblemOf(err) == "" {
				t.Errorf("%s (BER %v): %v", name, ber, err)
			}
		}
	}
	many := make([]byte, 0, 900_000)
	for range 300_000 {
		many = append(many, 0x05, 0x00)
	}
	many = append([]byte{0x30, 0x83, byte(len(many) >> 16), byte(len(many) >> 8), byte(len(many))}, many...)
	if _, err := cms.Parse(many, cms.Options{}); cms.ProblemOf(err) != cms.TooBig {
		t.Errorf("many elements: %v", err)
	}
}

// Every octet changed in turn: what still holds has the same content and signer.
func TestMutations(t *testing.T) {
	s := newSigner(t, trialca.P256)
	der := s.sign(t, cms.SignOptions{SigningTime: at})
	for i := range der {
		for _, x := range []byte{0x01, 0x20, 0x80} {
			b := bytes.Clone(der)
			b[i] ^= x
			for _, ber := range []bool{false, true} {
				d, err := cms.Parse(b, cms.Options{BER: ber})
				if err != nil || len(d.Signers) == 0 {
					continue
				}
				cert, err := d.Verify(d.Signers[0], cms.VerifyOptions{Bound: true})
				if err == nil && (!bytes.Equal(d.Content, content) || !bytes.Equal(cert.RawTBSCertificate, s.cert.RawTBSCertificate)) {
					t.Fatalf("octet %d changed by %#x, and it holds with other content or signer", i, x)
				}
			}
		}
	}
}

// What is read has one encoding; what is read in BER is the DER that would be read.
func FuzzParse(f *testing.F) {
	for _, kind := range []trialca.KeyType{trialca.P256, trialca.RSA2048} {
		s := newSigner(f, kind)
		der := s.sign(f, cms.SignOptions{SigningTime: at, PSS: true, CRLs: [][]byte{{0x30, 0x00}}})
		f.Add(der)
		f.Add(wrap(f, der))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := cms.Parse(b, cms.Options{}); err == nil {
			if !bytes.Equal(d.Raw, b) || len(d.Deviations) > 0 {
				t.Fatal("strict reading took something else")
			}
			for _, s := range d.Signers {
				_, _ = d.Verify(s, cms.VerifyOptions{Legacy: true})
				s.AdobeRevocation()
			}
			if len(d.Signers) > 0 {
				again, err := d.WithUnsigned(0, cms.Attribute{Type: cms.OIDSignatureTimeStamp, Values: [][]byte{{5, 0}}})
				if err != nil {
					t.Fatal(err)
				}
				if back, err := cms.Parse(again, cms.Options{}); err != nil || len(back.Signers) != len(d.Signers) {
					t.Fatalf("with an attribute more it can't be read: %v", err)
				}
			}
		}
		d, err := cms.Parse(b, cms.Options{BER: true})
		if err != nil {
			return
		}
		again, err := cms.Parse(d.Raw, cms.Options{BER: true})
		if err != nil || !bytes.Equal(again.Raw, d.Raw) || slices.Contains(again.Deviations, "encoded in BER, not DER") {
			t.Fatalf("what was made of BER isn't DER: %v", err)
		}
	})
}
