//go:build peers

package verdict_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/verdict"
)

func keep(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (h holder) files(t *testing.T, dir, name string) (key string, chain []string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(h.key)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range h.chain {
		chain = append(chain, keep(t, dir, fmt.Sprintf("%s-%d.crt", name, i), c.Raw))
	}
	return keep(t, dir, name+".key", der), chain
}

// TestDSSSigned judges what EU DSS signs, at every level and in every packaging.
func TestDSSSigned(t *testing.T) {
	w := newWorld(t)
	dss, dir := judges.DSS(t), t.TempDir()
	rsa := w.issue(w.issuing, trialca.Leaf{Name: "DSS RSA", Key: trialca.RSA2048})
	keys := map[string]holder{"RSA": rsa, "RSASSA_PSS": rsa, "ECDSA": w.org}
	m := judges.Material{At: day}
	for name, b := range w.material(day) {
		path := keep(t, dir, name, b)
		if strings.HasSuffix(name, ".crl") {
			m.CRLs = append(m.CRLs, path)
		} else {
			m.Trust = append(m.Trust, path)
		}
	}
	m.Trust = append(m.Trust, keep(t, dir, "issuing.pem", certificatePEM(w.issuing.Certificate)))
	doc := []byte(strings.Replace(string(plainDoc), "<r:report ", `<r:report Id="report" `, 1)) // for INTERNALLY_DETACHED
	in := keep(t, dir, "in.xml", doc)
	tsaKey, tsaCert := w.tsa.files(t, dir, "tsa")
	n := 0
	for alg, h := range keys {
		key, chain := h.files(t, dir, alg)
		for _, packaging := range []string{"ENVELOPED", "ENVELOPING", "INTERNALLY_DETACHED", "DETACHED"} {
			for _, level := range []string{"B", "T", "LT", "LTA"} {
				for _, old := range []bool{false, true} {
					s := judges.Signing{Level: level, Packaging: packaging, Algorithm: alg, Key: key, Chain: chain, TSAKey: tsaKey, TSACert: tsaCert, OldForms: old,
						Roles: []string{"Giám đốc"}, EmbedXML: old && packaging == "ENVELOPING", KeyInfo: old}
					n++
					out := filepath.Join(dir, fmt.Sprintf("out-%d.xml", n))
					if err := dss.Sign(in, out, s, m); err != nil {
						t.Errorf("%s %s %s: %v", alg, packaging, level, err)
						continue
					}
					src, err := signing.OpenFile(out)
					if err != nil {
						t.Fatal(err)
					}
					v, err := verdict.Judge(context.Background(), src, verdict.Options{Trust: w.trust(), At: now, Revocation: w.source(now), Detached: func(uri string) (signing.Source, bool) {
						return signing.BytesSource(doc), uri == "in.xml"
					}})
					src.Close()
					if err != nil {
						t.Fatal(err)
					}
					want := map[string]string{"B": "B-B", "T": "B-T", "LT": "B-LT", "LTA": "B-LTA"}[level]
					if !v.OK() || v.Signatures[0].Level != want {
						t.Errorf("%s %s %s old=%v: %s %s\n%s", alg, packaging, level, old, v.Indication, v.SubIndication, explain(v))
					}
				}
			}
		}
	}
	t.Logf("%d signatures of EU DSS", n)
}

// template is what xmlsec1 fills in.
const template = `<report xmlns="urn:example:report"><body year='2026'>Kết quả quý III</body><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo><CanonicalizationMethod Algorithm="%s"/><SignatureMethod Algorithm="%s"/>` +
	`<Reference URI=""><Transforms><Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></Transforms><DigestMethod Algorithm="%s"/><DigestValue/></Reference></SignedInfo><SignatureValue/>` +
	`<KeyInfo><X509Data/></KeyInfo></Signature></report>`

// TestXmlsecSigned judges what xmlsec1 signs.
func TestXmlsecSigned(t *testing.T) {
	xmlsec, err := exec.LookPath("xmlsec1")
	if err != nil {
		t.Fatalf("xmlsec1 is missing: %v", err)
	}
	w, dir := newWorld(t), t.TempDir()
	rsa := w.issue(w.issuing, trialca.Leaf{Name: "xmlsec RSA", Key: trialca.RSA2048})
	ca := keep(t, dir, "issuing.pem", certificatePEM(w.issuing.Certificate))
	for alg, h := range map[string]holder{signing.RSASHA256: rsa, signing.RSASHA512: rsa, signing.ECDSASHA256: w.org} {
		der, err := x509.MarshalPKCS8PrivateKey(h.key)
		if err != nil {
			t.Fatal(err)
		}
		key := keep(t, dir, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		cert := keep(t, dir, "cert.pem", certificatePEM(h.cert()))
		for _, c14n := range []string{signing.C14N10, signing.C14N11, signing.ExcC14N} {
			in := keep(t, dir, "template.xml", fmt.Appendf(nil, template, c14n, alg, signing.DigestSHA256))
			out := filepath.Join(dir, "out.xml")
			if msg, err := exec.Command(xmlsec, "--sign", "--privkey-pem", key+","+cert+","+ca, "--output", out, in).CombinedOutput(); err != nil {
				t.Fatalf("xmlsec1: %v\n%s", err, msg)
			}
			judgeFile(t, w, out, alg+" "+c14n)
		}
	}
}

// TestSantuarioSigned judges what Apache Santuario signs.
func TestSantuarioSigned(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	path := strings.Join([]string{"/usr/share/java/xmlsec.jar", "/usr/share/java/slf4j-api.jar", "/usr/share/java/slf4j-nop.jar", "/usr/share/java/commons-codec.jar"}, ":")
	if out, err := exec.Command("javac", "-nowarn", "-encoding", "UTF-8", "-cp", path, "-d", dir, "../../testdata/signing/santuario/Santuario.java").CombinedOutput(); err != nil {
		t.Fatalf("couldn't compile against Santuario: %v\n%s", err, out)
	}
	// It puts one certificate into KeyInfo: that of an authority without others between.
	h := w.issue(w.persons, trialca.Leaf{Name: "Santuario", Key: trialca.RSA2048})
	key, chain := h.files(t, dir, "rsa")
	in := keep(t, dir, "in.xml", edDoc)
	var tasks, outs []string
	for i, alg := range []string{signing.RSASHA256, signing.PSSSHA256, signing.PSSSHA512} {
		out := filepath.Join(dir, fmt.Sprintf("out-%d.xml", i))
		tasks, outs = append(tasks, strings.Join([]string{"sign", in, key, chain[0], alg, signing.ExcC14N, signing.DigestSHA256, out}, "\t")), append(outs, out)
	}
	cmd := exec.Command("java", "-Dfile.encoding=UTF-8", "-cp", path+":"+dir, "Santuario")
	cmd.Stdin = strings.NewReader(strings.Join(tasks, "\n") + "\n")
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("couldn't run Santuario: %v\n%s", err, out)
	}
	for i, out := range outs {
		judgeFile(t, w, out, tasks[i])
	}
}

func judgeFile(t *testing.T, w *world, path, what string) {
	t.Helper()
	src, err := signing.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	v, err := verdict.Judge(context.Background(), src, verdict.Options{Trust: w.trust(), At: now.Add(time.Minute), Revocation: w.source(now)})
	if err != nil {
		t.Fatal(err)
	}
	if !v.OK() || len(v.Signatures) != 1 || !v.Signatures[0].Whole {
		t.Errorf("%s: %s %s\n%s", what, v.Indication, v.SubIndication, explain(v))
	}
}

// blankPDF is one empty page.
func blankPDF() []byte {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	var at []int
	for i, o := range []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Resources<<>>>>"} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	b.WriteString("xref\n0 4\n0000000000 65535 f \n")
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", xref)
	return []byte(b.String())
}

// TestDSSSignedPDF judges PDFs that EU DSS signs, at every level.
func TestDSSSignedPDF(t *testing.T) {
	w := newWorld(t)
	dss, dir := judges.DSS(t), t.TempDir()
	m := judges.Material{At: day}
	for name, b := range w.material(day) {
		path := keep(t, dir, name, b)
		if strings.HasSuffix(name, ".crl") {
			m.CRLs = append(m.CRLs, path)
		} else {
			m.Trust = append(m.Trust, path)
		}
	}
	m.Trust = append(m.Trust, keep(t, dir, "issuing.pem", certificatePEM(w.issuing.Certificate)))
	in := keep(t, dir, "in.pdf", blankPDF())
	tsaKey, tsaCert := w.tsa.files(t, dir, "tsa")
	rsa := w.issue(w.issuing, trialca.Leaf{Name: "DSS RSA", Key: trialca.RSA2048})
	for alg, h := range map[string]holder{"ECDSA": w.org, "RSA": rsa} {
		key, chain := h.files(t, dir, alg)
		for _, level := range []string{"B", "T", "LT", "LTA"} {
			out := filepath.Join(dir, alg+level+".pdf")
			if err := dss.Sign(in, out, judges.Signing{Format: "PADES", Level: level, Algorithm: alg, Key: key, Chain: chain, TSAKey: tsaKey, TSACert: tsaCert}, m); err != nil {
				t.Errorf("%s %s: %v", alg, level, err)
				continue
			}
			pdf, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			v := judgePDF(t, pdf, verdict.Options{Trust: w.trust(), At: now, Revocation: w.source(now)})
			if !v.OK() || len(v.Signatures) != 1 || v.Signatures[0].Level != "B-"+level {
				t.Errorf("%s %s: %s %s\n%s", alg, level, v.Indication, v.SubIndication, explain(v))
			}
			if level != "B" { // long after, with the lists of then
				later := day.AddDate(2, 0, 0)
				v = judgePDF(t, pdf, verdict.Options{Trust: w.trust(), At: later, Revocation: w.source(later)})
				if !v.OK() || v.Signatures[0].BestTimeBy != "time-stamp" {
					t.Errorf("%s %s, long after: %s %s\n%s", alg, level, v.Indication, v.SubIndication, explain(v))
				}
			}
		}
	}
}
