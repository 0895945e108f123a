//go:build peers

package pades_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/pades"
	"github.com/tram-exchange/tram/signing/trialca"
)

func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s isn't there: %v", name, err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

func put(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// opinion is what pdfsig says of one signature.
type opinion struct {
	field, ranges string
	valid, whole  bool
}

func pdfsig(t testing.TB, file string) []opinion {
	t.Helper()
	out, _ := run(t, "pdfsig", "-nocert", file)
	var list []opinion
	for _, part := range strings.Split(out, "Signature #")[1:] {
		o := opinion{valid: strings.Contains(part, "Signature is Valid."), whole: strings.Contains(part, "- Total document signed")}
		for line := range strings.Lines(part) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				switch key {
				case "- Signature Field Name":
					o.field = value
				case "- Signed Ranges":
					o.ranges = value
				}
			}
		}
		list = append(list, o)
	}
	return list
}

func ranges(s *pades.Signature) string {
	r := s.ByteRange
	if len(r) != 4 {
		return ""
	}
	return fmt.Sprintf("[%d - %d], [%d - %d]", r[0], r[0]+r[1], r[2], r[2]+r[3])
}

// pdfsig of Poppler finds the same signatures and takes those that we take.
func TestPdfsigAgrees(t *testing.T) {
	dir := t.TempDir()
	for _, kind := range []trialca.KeyType{trialca.P256, trialca.RSA2048} {
		w := newWorld(t, kind)
		for name, b := range good(t, w) {
			d := read(t, b)
			theirs := pdfsig(t, put(t, dir, name+".pdf", b))
			if len(theirs) != len(d.Signatures) {
				t.Fatalf("%s: pdfsig finds %d, we %d", name, len(theirs), len(d.Signatures))
			}
			for i, s := range d.Signatures {
				if o := theirs[i]; o.field != s.Field || o.ranges != ranges(s) || !s.Stamp && (!o.valid || o.whole != s.Whole) {
					t.Errorf("%s: pdfsig says %+v, we %s %s whole %v", name, o, s.Field, ranges(s), s.Whole)
				}
			}
		}
		for _, h := range []how{{sub: "adbe.pkcs7.detached", signTime: true}, {stamp: true}} {
			p := newPDF("stream")
			p.sign(t, w, "a", h)
			if o := pdfsig(t, put(t, dir, "one.pdf", p.b)); len(o) != 1 || !o[0].valid || !o[0].whole {
				t.Errorf("%s: %+v", h.sub, o)
			}
		}
	}
}

// What pdfsig doesn't take of the vectors, we don't either. Where we are stricter is told.
func TestPdfsigOnVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.pdf"))
	if err != nil || len(files) < 10 {
		t.Fatal("no vectors")
	}
	stricter := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		theirs := pdfsig(t, file)
		for _, s := range read(t, b).Signatures {
			for _, o := range theirs {
				if o.ranges != ranges(s) || s.Stamp { // pdfsig doesn't check document time-stamps
					continue
				}
				clear := s.Intact && len(s.Notes) == 0
				if clear && !o.valid {
					t.Errorf("%s: we take what pdfsig doesn't", filepath.Base(file))
				}
				if !clear && o.valid {
					stricter++
					t.Logf("%s: pdfsig takes it, we say %v %v", filepath.Base(file), s.Problems, s.Notes)
				}
			}
		}
	}
	if stricter == 0 {
		t.Error("pdfsig takes none of the forged ranges: the comparison doesn't compare")
	}
}

// One octet of every 23 changed: what pdfsig doesn't take, we don't.
func TestPdfsigOnMutations(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, trialca.P256)
	p := newPDF("table")
	p.sign(t, w, "a", how{room: 1400})
	asked := 0
	for i := 0; i < len(p.b); i += 23 {
		b := bytes.Clone(p.b)
		b[i] ^= 0x04
		d := read(t, b)
		if len(d.Signatures) != 1 || !d.Signatures[0].Intact {
			continue
		}
		asked++
		if o := pdfsig(t, put(t, dir, "m.pdf", b)); len(o) != 1 || !o[0].valid {
			t.Errorf("octet %d: we take it, pdfsig says %+v", i, o)
		}
	}
	t.Logf("%d changed files hold with us, all in the padding of Contents; pdfsig takes them too", asked)
}

// openssl cms takes the same signatures over the same octets.
func TestOpenSSLAgrees(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		kind trialca.KeyType
		h    how
	}{{trialca.P256, how{}}, {trialca.P384, how{stamp: true}}, {trialca.RSA2048, how{}}, {trialca.RSA2048, how{pss: true}}} {
		w := newWorld(t, tt.kind)
		p := newPDF("table")
		p.sign(t, w, "a", tt.h)
		p.overwrite()
		s := read(t, p.b).Signatures[0]
		r := s.ByteRange
		content := put(t, dir, "content", append(bytes.Clone(p.b[:r[1]]), p.b[r[2]:r[2]+r[3]]...))
		message := put(t, dir, "sig.der", s.Message.Raw)
		ca := put(t, dir, "ca.pem", signing.MarshalCertificates([]*x509.Certificate{w.ca.Certificate}))
		args := []string{"cms", "-verify", "-cades", "-inform", "DER", "-in", message, "-content", content, "-binary", "-CAfile", ca, "-purpose", "any", "-out", filepath.Join(dir, "out"), "-attime", fmt.Sprint(at.Unix())}
		if out, err := run(t, "openssl", args...); err != nil || !s.Intact {
			t.Errorf("%v %+v: intact %v, openssl says %s", tt.kind, tt.h, s.Intact, out)
		}
		put(t, dir, "content", p.b[:r[1]])
		if out, err := run(t, "openssl", args...); err == nil {
			t.Errorf("openssl takes other octets: %s", out)
		}
	}
}
