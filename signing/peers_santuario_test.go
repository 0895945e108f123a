//go:build peers

package signing_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// santuario runs tasks in one Java process and returns an answer for each.
func santuario(t *testing.T, tasks []string) []string {
	t.Helper()
	javac, java := peer(t, "javac"), peer(t, "java")
	dir := t.TempDir()
	jars := []string{"/usr/share/java/xmlsec.jar", "/usr/share/java/slf4j-api.jar", "/usr/share/java/slf4j-nop.jar", "/usr/share/java/commons-codec.jar"}
	path := strings.Join(jars, ":")
	if out, err := exec.Command(javac, "-nowarn", "-encoding", "UTF-8", "-cp", path, "-d", dir, "../testdata/signing/santuario/Santuario.java").CombinedOutput(); err != nil {
		t.Fatalf("couldn't compile against Santuario (Debian's libxml-security-java): %v\n%s", err, out)
	}
	cmd := exec.Command(java, "-Dfile.encoding=UTF-8", "-cp", path+":"+dir, "Santuario")
	cmd.Stdin = strings.NewReader(strings.Join(tasks, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't run Santuario: %v\n%s", err, stderr.String())
	}
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(answers) != len(tasks) {
		t.Fatalf("%d answers to %d tasks:\n%s", len(answers), len(tasks), out)
	}
	return answers
}

// TestSantuario exchanges signatures with Apache Santuario, which judges what xmlsec1 cannot: RSASSA-PSS.
func TestSantuario(t *testing.T) {
	ca := newCA(t, "santuario")
	trust := trustIn(t, ca)
	dir := t.TempDir()
	var tasks, what []string
	in := write(t, filepath.Join(dir, "in.xml"), edxml("UEsDBA=="))
	var made []string
	for _, key := range []trialca.KeyType{trialca.RSA2048, trialca.RSA3072} {
		l := newLeaf(t, ca, key)
		der, err := x509.MarshalPKCS8PrivateKey(l.key)
		if err != nil {
			t.Fatal(err)
		}
		keyFile := write(t, filepath.Join(dir, fmt.Sprintf("%d.key", key)), der)
		certFile := write(t, filepath.Join(dir, fmt.Sprintf("%d.crt", key)), l.cert.Raw)
		for i, alg := range []string{signing.PSSSHA256, signing.PSSSHA384, signing.PSSSHA512, signing.RSASHA256} {
			for j, c14n := range []string{signing.ExcC14N, signing.C14N10, signing.C14N11} {
				digest := allDigests[(i+j)%3]
				for k, ids := range [][]string{nil, {"header", "attachment-1"}} {
					doc, err := signing.Sign(edxml("UEsDBA=="), l.key, l.chain, signing.SignOptions{Algorithm: alg, C14N: c14n, Digest: digest, IDs: ids})
					if err != nil {
						t.Fatal(err)
					}
					name := fmt.Sprintf("%d-%d-%d-%d", key, i, j, k)
					path := write(t, filepath.Join(dir, "ours-"+name+".xml"), doc)
					tasks, what = append(tasks, "verify\t"+path), append(what, "ours "+alg+" "+c14n)
					if k == 0 {
						bad := bytes.Replace(doc, []byte("UEsDBA=="), []byte("UEsDBB=="), 1)
						path := write(t, filepath.Join(dir, "bad-"+name+".xml"), bad)
						tasks, what = append(tasks, "verify\t"+path), append(what, "tampered "+alg+" "+c14n)
						out := filepath.Join(dir, "theirs-"+name+".xml")
						tasks = append(tasks, strings.Join([]string{"sign", in, keyFile, certFile, alg, c14n, digest, out}, "\t"))
						what, made = append(what, "theirs "+alg+" "+c14n), append(made, out)
					}
				}
			}
		}
	}
	for i, answer := range santuario(t, tasks) {
		if ok := answer == "ok"; ok == strings.HasPrefix(what[i], "tampered") {
			t.Errorf("%s: Santuario says %s", what[i], answer)
		}
	}
	for _, path := range made {
		acceptSigned(t, path, path, trust, true)
	}
	t.Logf("%d tasks, %d signatures of Santuario are accepted", len(tasks), len(made))
}
