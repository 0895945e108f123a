//go:build peers

package pades_test

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/pades"
	"github.com/tram-exchange/tram/signing/trialca"
)

// known is what DSS has to know of w.
func known(t *testing.T, w *world, dir string) judges.Material {
	t.Helper()
	crl, err := w.ca.CRL(at)
	if err != nil {
		t.Fatal(err)
	}
	return judges.Material{At: at,
		Trust: []string{put(t, dir, "ca.pem", signing.MarshalCertificates([]*x509.Certificate{w.ca.Certificate}))},
		CRLs:  []string{put(t, dir, "ca.crl", crl)},
	}
}

func pkcs8(t *testing.T, dir, name string, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return put(t, dir, name, der)
}

// What DSS signs and augments in PDFs, we read as it does.
func TestDSSSigns(t *testing.T) {
	dss, dir := judges.DSS(t), t.TempDir()
	for _, tt := range []struct {
		kind      trialca.KeyType
		algorithm string
	}{{trialca.RSA2048, "RSA"}, {trialca.RSA2048, "RSASSA_PSS"}, {trialca.P256, "ECDSA"}} {
		w := newWorld(t, tt.kind)
		m := known(t, w, dir)
		cert := put(t, dir, "sign.pem", signing.MarshalCertificates([]*x509.Certificate{w.cert}))
		tsa := put(t, dir, "tsa.pem", signing.MarshalCertificates(w.tsa.Certificates()))
		for _, style := range []string{"table", "stream"} {
			plain := put(t, dir, "plain.pdf", newPDF(style).b)
			for _, level := range []string{"B", "T", "LT", "LTA"} {
				out := filepath.Join(dir, "signed.pdf")
				err := dss.Sign(plain, out, judges.Signing{Format: "PADES", Level: level, Key: pkcs8(t, dir, "sign.key", w.key), Chain: []string{cert, m.Trust[0]},
					Algorithm: tt.algorithm, Digest: "SHA256", TSAKey: pkcs8(t, dir, "tsa.key", w.tsaKey), TSACert: []string{tsa, m.Trust[0]}}, m)
				if err != nil {
					t.Fatalf("%s %s %s: %v", tt.algorithm, style, level, err)
				}
				b, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				d := read(t, b)
				if d.Problem != "" || len(d.Signatures) == 0 || d.Signatures[0].Level != "B-"+strings.TrimPrefix(level, "B") && level != "B" {
					t.Fatalf("%s %s %s: %+v %+v", tt.algorithm, style, level, d, d.Signatures)
				}
				for _, s := range d.Signatures {
					if !s.Intact || s.Signer == nil {
						t.Errorf("%s %s %s: %v", tt.algorithm, style, level, s.Problems)
					}
				}
				b[60] ^= 1
				if changed := read(t, b); len(changed.Signatures) > 0 && changed.Signatures[0].Intact {
					t.Errorf("%s %s %s: intact after a change", tt.algorithm, style, level)
				}
			}
		}
	}
}

// What our test writer signs, DSS takes at the same level: the files that our reader is tried with are real ones.
func TestDSSTakesOurs(t *testing.T) {
	dss, dir := judges.DSS(t), t.TempDir()
	for _, kind := range []trialca.KeyType{trialca.P256, trialca.RSA2048} {
		w := newWorld(t, kind)
		m := known(t, w, dir)
		for _, style := range []string{"table", "stream", "hybrid"} {
			p := newPDF(style)
			p.sign(t, w, "ca-nhan", how{entries: words(reason)})
			p.sign(t, w, "co-quan", how{stamp: true, entries: words("Ký số của cơ quan")})
			p.sign(t, w, "dau", how{sub: "ETSI.RFC3161"})
			o, err := dss.Validate(put(t, dir, style+".pdf", p.b), m)
			if err != nil {
				t.Fatal(err)
			}
			d := read(t, p.b)
			if len(o.Signatures) != 2 || !o.Passed() {
				t.Fatalf("%s: %s", style, o)
			}
			for i, s := range o.Signatures {
				if want := "PAdES-BASELINE-" + strings.TrimPrefix(d.Signatures[i].Level, "B-"); s.Level != want {
					t.Errorf("%s: signature %d is %s for DSS, %s for us", style, i, s.Level, want)
				}
			}
		}
	}
}

// Of the forged files, none that we refuse for its octets passes with DSS unless it is told here why we are stricter, and none that DSS refuses
// for its octets is intact with us.
func TestDSSOnVectors(t *testing.T) {
	dss, dir := judges.DSS(t), t.TempDir()
	w := newWorld(t, trialca.P256)
	m := known(t, w, dir)
	judged := 0
	for _, a := range attacks() {
		b := a.make(t, w)
		o, err := dss.Validate(put(t, dir, "attack.pdf", b), m)
		if err != nil {
			t.Logf("%s: DSS can't read it: %v", a.name, err)
			continue
		}
		if len(o.Signatures) > 0 {
			judged++
		}
		clear := false
		for _, s := range read(t, b).Signatures {
			clear = clear || s.Intact && len(s.Notes) == 0
		}
		failed := len(o.Signatures) > 0 && !o.Passed()
		if clear && failed {
			t.Errorf("%s: intact with us, DSS says %s", a.name, o)
		}
		if o.Passed() && a.want != "" {
			t.Logf("%s: DSS takes it, we say %s", a.name, fmt.Sprint(pades.Problem(a.want)))
		}
		t.Logf("%s: %d for DSS, passed %v", a.name, len(o.Signatures), o.Passed())
	}
	if judged < len(attacks())/2 {
		t.Errorf("DSS judged %d of %d files only", judged, len(attacks()))
	}
}
