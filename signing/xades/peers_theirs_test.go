//go:build peers

package xades_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// rooted are the documents with an Id on the root, which internally detached signatures need.
func rooted(doc string) string {
	i := strings.Index(doc, "<")
	if strings.HasPrefix(doc[i:], "<?") {
		i += strings.Index(doc[i+1:], "<") + 1
	}
	j := i + strings.IndexAny(doc[i:], " >")
	return doc[:j] + ` Id="root"` + doc[j:]
}

// theirs checks a document with one signature of DSS: form, digests, value, properties, every imprint.
func theirs(t *testing.T, doc []byte, original string, level xades.Level, by holder) (*signing.SignatureResult, *xades.Properties) {
	t.Helper()
	o := signing.VerifyOptions{CryptoOnly: true, Detached: func(string) (signing.Source, bool) { return signing.BytesSource(original), true }}
	rep, err := signing.Verify(context.Background(), signing.BytesSource(doc), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Signatures) != 1 {
		t.Fatalf("%d signatures", len(rep.Signatures))
	}
	res := &rep.Signatures[0]
	if !res.DigestsOK || !res.ValueOK || res.Refusal != signing.Accepted {
		t.Fatalf("digests %v, value %v: %v\n%s", res.DigestsOK, res.ValueOK, res.Err, doc)
	}
	props, err := xades.Read(context.Background(), signing.BytesSource(doc), res)
	if err != nil {
		t.Fatal(err)
	}
	noProblems(t, props)
	if props.Level() != level {
		t.Errorf("level %q, want %q", props.Level(), level)
	}
	if err := props.CheckCertificate(by.cert); err != nil {
		t.Error(err)
	}
	if !props.SigningTime.Equal(now) {
		t.Errorf("signing time %s", props.SigningTime)
	}
	checkStamps(t, doc, res, props)
	return res, props
}

// TestDSSSigns has us read what DSS signs: all levels and packagings, several algorithms, old forms, indented.
func TestDSSSigns(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	levels := []struct {
		theirs string
		ours   xades.Level
	}{{"B", xades.LevelB}, {"T", xades.LevelT}, {"LT", xades.LevelLT}, {"LTA", xades.LevelA}}
	server := httptest.NewServer(p.stamper(p.tsa2, now))
	defer server.Close()
	n := 0
	for name, doc := range documents {
		doc := rooted(doc)
		in := write(t, dir, "in.xml", []byte(doc))
		for _, packaging := range []string{"ENVELOPED", "ENVELOPING", "EMBEDDED", "DETACHED", "INTERNALLY_DETACHED"} {
			for i, level := range levels {
				n++
				h, alg := p.rsa, "RSA"
				switch n % 3 {
				case 1:
					alg = "RSASSA_PSS"
				case 2:
					h, alg = p.ecdsa, "ECDSA"
				}
				s := judges.Signing{Level: level.theirs, Packaging: packaging, Algorithm: alg, Digest: []string{"SHA256", "SHA384", "SHA512"}[n%3], Pretty: n%4 == 0, OldForms: n%5 == 0,
					C14N: []string{"", signing.C14N10, signing.C14N11, signing.ExcC14N}[(n+i)%4], Roles: []string{"Chánh Văn phòng"}, City: "Huế", KeyInfo: n%2 == 0 && packaging != "DETACHED",
					Key: keyFile(t, dir, "signer", h), Chain: []string{write(t, dir, "signer.crt", h.cert.Raw), write(t, dir, "issuing.crt", p.issuing.cert.Raw)}}
				if packaging == "EMBEDDED" {
					s.Packaging, s.EmbedXML = "ENVELOPING", true
				}
				if n%2 == 0 {
					s.TSA = server.URL
				} else {
					s.TSAKey = keyFile(t, dir, "tsa", p.tsa)
					s.TSACert = []string{write(t, dir, "tsa.crt", p.tsa.cert.Raw), write(t, dir, "stamping.crt", p.stamping.cert.Raw)}
				}
				t.Run(fmt.Sprintf("%s/%s/%s/%s", name, packaging, level.theirs, alg), func(t *testing.T) {
					out := filepath.Join(dir, "out.xml")
					if err := dss.Sign(in, out, s, m); err != nil {
						t.Fatal(err)
					}
					b, err := os.ReadFile(out)
					if err != nil {
						t.Fatal(err)
					}
					_, props := theirs(t, b, doc, level.ours, h)
					if len(props.ClaimedRoles) != 1 || props.ClaimedRoles[0] != s.Roles[0] || props.Place == nil || props.Place.City != s.City {
						t.Errorf("roles %q, place %+v", props.ClaimedRoles, props.Place)
					}
					if props.SigningCertificate2 == s.OldForms {
						t.Errorf("old form %v, read as new: %v", s.OldForms, props.SigningCertificate2)
					}
				})
			}
		}
	}
	t.Logf("%d signatures", n)
}

// TestAugmentTheirs augments what DSS signed, and DSS judges the result; and the other way round.
func TestAugmentTheirs(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	later := m
	later.At = now.Add(2 * time.Hour)
	s := judges.Signing{Key: keyFile(t, dir, "signer", p.ecdsa), Chain: []string{write(t, dir, "signer.crt", p.ecdsa.cert.Raw)}, Algorithm: "ECDSA",
		TSAKey: keyFile(t, dir, "tsa", p.tsa), TSACert: []string{write(t, dir, "tsa.crt", p.tsa.cert.Raw), write(t, dir, "stamping.crt", p.stamping.cert.Raw)}}
	for name, doc := range documents {
		in, out := write(t, dir, "in.xml", []byte(doc)), filepath.Join(dir, "out.xml")
		for i, from := range []string{"B", "T", "LT", "LTA"} {
			s := s
			s.Level, s.Packaging, s.Pretty = from, []string{"ENVELOPED", "ENVELOPING"}[i%2], i == 2
			if err := dss.Sign(in, out, s, m); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			b = augment(t, b, p.options(xades.LevelA, now.Add(time.Hour)))
			opinion, err := dss.ValidateWithReports(write(t, dir, "augmented.xml", b), later, dir)
			if err != nil {
				t.Fatal(err)
			}
			if !opinion.Passed() || opinion.Signatures[0].Level != "XAdES-BASELINE-LTA" {
				t.Errorf("%s from %s: %s", name, from, opinion)
			}
		}
		for _, to := range []string{"T", "LT", "LTA"} {
			signed := sign(t, doc, p.rsa, p, xades.SignOptions{SigningTime: now})
			s := s
			s.Level = to
			if err := dss.Extend(write(t, dir, "ours.xml", signed), out, s, m); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]xades.Level{"T": xades.LevelT, "LT": xades.LevelLT, "LTA": xades.LevelA}[to]
			theirs(t, b, doc, want, p.rsa)
			b = augment(t, b, p.options(xades.LevelA, now.Add(time.Hour)))
			opinion, err := dss.Validate(write(t, dir, "augmented.xml", b), later)
			if err != nil {
				t.Fatal(err)
			}
			if !opinion.Passed() || opinion.Signatures[0].Level != "XAdES-BASELINE-LTA" {
				t.Errorf("%s, ours extended by DSS to %s: %s", name, to, opinion)
			}
		}
	}
}

// TestDSSRefusesToo changes signed documents, and asks both for their opinion.
func TestDSSRefusesToo(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	m.At = now.Add(time.Hour)
	good := augment(t, sign(t, documents["edxml"], p.ecdsa, p, everythingButPolicy()), p.options(xades.LevelA, now))
	for what, change := range map[string][2]string{
		"content":               {"Về việc", "về việc"},
		"attribute":             {`Id="header"`, `Id="headers"`},
		"signing time":          {"<xades:SigningTime>2026", "<xades:SigningTime>2025"},
		"role":                  {"Giám đốc", "Bộ trưởng"},
		"format":                {"text/xml", "text/xm1"},
		"digest of certificate": {"<xades:CertDigest><DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></DigestMethod><DigestValue>", "<xades:CertDigest><DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></DigestMethod><DigestValue>AAAA"},
		"type of reference":     {`Type="http://uri.etsi.org/01903#SignedProperties"`, `Type="http://uri.etsi.org/01903#Signed"`},
	} {
		bad := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(bad, good) {
			t.Fatalf("%s: nothing was changed", what)
		}
		opinion, err := dss.Validate(write(t, dir, "bad.xml", bad), m)
		if err != nil {
			t.Fatal(err)
		}
		if opinion.Passed() {
			t.Errorf("%s: DSS passes it", what)
		}
		rep, err := signing.Verify(context.Background(), signing.BytesSource(bad), signing.VerifyOptions{CryptoOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if res := &rep.Signatures[0]; res.Refusal == signing.Accepted {
			t.Errorf("%s: we accept it", what)
		}
	}
}

// TestDSSNoticesTheSame changes what time-stamps protect; DSS must find the same ones broken.
func TestDSSNoticesTheSame(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	m.At = now.Add(2 * time.Hour)
	good := augment(t, augment(t, sign(t, documents["generic"], p.ecdsa, p, xades.SignOptions{}), p.options(xades.LevelA, now)), p.options(xades.LevelA, now.Add(time.Hour)))
	for name, c := range tampers {
		if strings.Contains(name, "canonicalisation") {
			continue // DSS falls back to another one where it doesn't know the name
		}
		opinion, err := dss.Validate(write(t, dir, "changed.xml", bytes.Replace(good, []byte(c.from), []byte(c.to), 1)), m)
		if err != nil {
			t.Fatal(err)
		}
		var holds []bool
		for _, ts := range opinion.Signatures[0].Timestamps {
			holds = append(holds, strings.Contains(ts, "intact=true valid=true"))
		}
		if want := []bool{c.signature, c.first, c.second}; !slices.Equal(holds, want) {
			t.Errorf("%s: DSS finds %v, we %v: %s", name, holds, want, opinion)
		}
	}
}

func everythingButPolicy() xades.SignOptions {
	o := everything()
	o.Policy = nil
	return o
}
