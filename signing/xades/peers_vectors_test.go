//go:build peers

package xades_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

var update = flag.Bool("update", false, "write testdata/xades anew, with documents that DSS signs")

// TestWriteVectors writes testdata/xades if asked to. What is expected follows from how a document was made, not from what we find.
func TestWriteVectors(t *testing.T) {
	if !*update {
		t.Log("nothing to do without -update")
		return
	}
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	doc := rooted(documents["generic"])
	in := write(t, vectorDir, "detached.xml", []byte(doc))
	for _, c := range []struct {
		name, level string
		s           judges.Signing
	}{
		{"dss-enveloped-b", "B", judges.Signing{Packaging: "ENVELOPED", Algorithm: "ECDSA"}},
		{"dss-enveloped-t", "T", judges.Signing{Packaging: "ENVELOPED", Algorithm: "RSA"}},
		{"dss-enveloped-lt", "LT", judges.Signing{Packaging: "ENVELOPED", Algorithm: "RSASSA_PSS", Digest: "SHA512"}},
		{"dss-enveloped-lta", "LTA", judges.Signing{Packaging: "ENVELOPED", Algorithm: "ECDSA", Digest: "SHA384"}},
		{"dss-enveloping-lta", "LTA", judges.Signing{Packaging: "ENVELOPING", Algorithm: "ECDSA", C14N: signing.C14N11}},
		{"dss-embedded-lta", "LTA", judges.Signing{Packaging: "ENVELOPING", EmbedXML: true, Algorithm: "ECDSA", C14N: signing.C14N10}},
		{"dss-detached-lta", "LTA", judges.Signing{Packaging: "DETACHED", Algorithm: "ECDSA"}},
		{"dss-internal-lta", "LTA", judges.Signing{Packaging: "INTERNALLY_DETACHED", Algorithm: "ECDSA", Pretty: true}},
		{"dss-old-forms-lta", "LTA", judges.Signing{Packaging: "ENVELOPED", Algorithm: "RSA", OldForms: true, Roles: []string{"Giám đốc"}, KeyInfo: true}},
	} {
		h := p.rsa
		if c.s.Algorithm == "ECDSA" {
			h = p.ecdsa
		}
		c.s.Level, c.s.Key, c.s.Chain = c.level, keyFile(t, dir, "signer", h), []string{write(t, dir, "signer.crt", h.cert.Raw)}
		c.s.TSAKey, c.s.TSACert = keyFile(t, dir, "tsa", p.tsa), []string{write(t, dir, "tsa.crt", p.tsa.cert.Raw), write(t, dir, "stamping.crt", p.stamping.cert.Raw)}
		out := filepath.Join(dir, "out.xml")
		if err := dss.Sign(in, out, c.s, m); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		stamps := map[string]string{"T": "SignatureTimeStamp ok", "LT": "SignatureTimeStamp ok", "LTA": "SignatureTimeStamp ok, ArchiveTimeStamp ok"}[c.level]
		vector(t, c.name, "signed by EU DSS 6.4", finding{"ok", "B-" + c.level, stamps}, b)
	}
	for name, c := range notSigned {
		vector(t, "properties-"+strings.ReplaceAll(name, " ", "-"), "the signature fits, its properties count as none: "+name, finding{"ok", "", ""}, withObject(t, p, c.object, c.refID, c.refType))
	}
	good := augment(t, augment(t, sign(t, documents["generic"], p.ecdsa, p, xades.SignOptions{}), p.options(xades.LevelA, now)), p.options(xades.LevelA, now.Add(time.Hour)))
	state := map[bool]string{true: "ok", false: "broken"}
	for name, c := range tampers {
		f := finding{"ok", string(xades.LevelA), fmt.Sprintf("SignatureTimeStamp %s, ArchiveTimeStamp %s, ArchiveTimeStamp %s", state[c.signature], state[c.first], state[c.second])}
		if name == "content" {
			f.signature = string(signing.DigestMismatch)
		}
		if name == "signing time" {
			f.signature, f.level = string(signing.DigestMismatch), ""
		}
		vector(t, "lta-"+strings.ToLower(strings.ReplaceAll(name, " ", "-")), "renewed signature of our own, then changed: "+name, f, bytes.Replace(good, []byte(c.from), []byte(c.to), 1))
	}
}

func vector(t *testing.T, name, about string, f finding, doc []byte) {
	t.Helper()
	head := ""
	for _, line := range [][2]string{{"about", about}, {"signature", f.signature}, {"level", f.level}, {"time-stamps", f.stamps}} {
		head += strings.TrimSuffix(line[0]+": "+line[1], " ") + "\n"
	}
	head += "\n"
	if err := os.WriteFile(filepath.Join(vectorDir, name+".case"), append([]byte(head), doc...), 0o644); err != nil {
		t.Fatal(err)
	}
}
