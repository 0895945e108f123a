//go:build peers

package xades_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// ours are XAdES signatures of all kinds in files, as name and path; the names of those that are tampered with begin with "bad".
func ours(t *testing.T, p *pki, dir string) (names, files []string) {
	t.Helper()
	add := func(name string, doc []byte) {
		names = append(names, name)
		files = append(files, write(t, dir, fmt.Sprintf("%d.xml", len(files)), doc))
	}
	for name, doc := range documents {
		for alg, h := range map[string]holder{signing.RSASHA256: p.rsa, signing.PSSSHA384: p.rsa, signing.ECDSASHA256: p.ecdsa} {
			for i, c14n := range []string{signing.ExcC14N, signing.C14N10, signing.C14N11} {
				o := everything()
				o.Algorithm, o.C14N, o.Digest = alg, c14n, []string{signing.DigestSHA256, signing.DigestSHA384, signing.DigestSHA512}[i]
				b := sign(t, doc, h, p, o)
				what := fmt.Sprintf("%s %s %s", name, alg, c14n)
				add(what, b)
				add("bad role "+what, bytes.Replace(b, []byte("Giám đốc"), []byte("Bộ trưởng"), 1))
				add("augmented "+what, augment(t, b, p.options(xades.LevelA, now)))
			}
		}
	}
	person := sign(t, documents["edxml"], p.person, p, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"header", "manifest", "attachment-1"}}})
	person = augment(t, person, p.options(xades.LevelLT, now))
	add("person and organisation", augment(t, sign(t, string(person), p.ecdsa, p, xades.SignOptions{}), xadesSkipping(p)))
	return names, files
}

func xadesSkipping(p *pki) xades.AugmentOptions {
	o := p.options(xades.LevelA, now)
	o.SkipCovered = true
	return o
}

func TestXmlsecVerifiesXAdES(t *testing.T) {
	xmlsec, err := exec.LookPath("xmlsec1")
	if err != nil {
		t.Fatal(err)
	}
	p, dir := newPKI(t), t.TempDir()
	m := material(t, p, dir)
	names, files := ours(t, p, dir)
	n := 0
	for i, name := range names {
		if strings.Contains(name, "MGF1") {
			continue // this version doesn't know RSASSA-PSS
		}
		n++
		args := []string{"--verify", "--id-attr:Id", xades.Namespace + ":SignedProperties", "--id-attr:Id", "MessageHeader", "--id-attr:Id", "edXMLBody", "--id-attr:Id", "AttachmentEncoded",
			"--trusted-pem", m.Trust[0], "--trusted-pem", m.Trust[1], "--verification-time", now.Format("2006-01-02 15:04:05"), files[i]}
		out, err := exec.Command(xmlsec, args...).CombinedOutput()
		if ok := err == nil; ok == strings.HasPrefix(name, "bad") {
			t.Errorf("%s: xmlsec1 says %v\n%s", name, err, out)
		}
	}
	t.Logf("%d signatures", n)
}

func TestSantuarioVerifiesXAdES(t *testing.T) {
	dir := t.TempDir()
	jars := strings.Join([]string{"/usr/share/java/xmlsec.jar", "/usr/share/java/slf4j-api.jar", "/usr/share/java/slf4j-nop.jar", "/usr/share/java/commons-codec.jar"}, ":")
	if out, err := exec.Command("javac", "-nowarn", "-encoding", "UTF-8", "-cp", jars, "-d", dir, "../../testdata/signing/santuario/Santuario.java").CombinedOutput(); err != nil {
		t.Fatalf("couldn't compile against Santuario: %v\n%s", err, out)
	}
	names, files := ours(t, newPKI(t), dir)
	var tasks strings.Builder
	for _, f := range files {
		tasks.WriteString("verify\t" + filepath.Clean(f) + "\n")
	}
	cmd := exec.Command("java", "-Dfile.encoding=UTF-8", "-cp", jars+":"+dir, "Santuario")
	cmd.Stdin = strings.NewReader(tasks.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't run Santuario: %v", err)
	}
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(answers) != len(names) {
		t.Fatalf("%d answers to %d questions", len(answers), len(names))
	}
	for i, a := range answers {
		if ok := a == "ok"; ok == strings.HasPrefix(names[i], "bad") {
			t.Errorf("%s: Santuario says %s", names[i], a)
		}
	}
	t.Logf("%d signatures", len(names))
}
