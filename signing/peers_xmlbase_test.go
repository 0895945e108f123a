//go:build peers

package signing_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// TestXMLBaseOfParts: parts below xml:base, signed here with Canonical XML 1.1, are judged by xmlsec1, and those with one such
// ancestor by Santuario too, which overlooks some of several (seen with 2.1.7).
func TestXMLBaseOfParts(t *testing.T) {
	xmlsec := peer(t, "xmlsec1")
	ca := newCA(t, "xmlbase")
	l := newLeaf(t, ca, trialca.P256)
	dir := t.TempDir()
	root := write(t, filepath.Join(dir, "ca.pem"), signing.MarshalCertificates(trustIn(t, ca).Certificates()))
	// No dots inside the path of a base: libxml2 does not remove them there.
	values := []string{"-", "http://x.vn/a/b", "http://x.vn/a/", "c", "c/", "../d", "../../e/", "/f/g", "./k", "http://y.vn/z?q=1&amp;r", ""}
	base := func(v string) string {
		if v == "-" {
			return ""
		}
		return fmt.Sprintf(" xml:base=%q", v)
	}
	var tasks, what []string
	alone := map[int]bool{}
	for i, outer := range values {
		for k, inner := range values {
			for _, own := range []string{"-", append(values, "h/i/../j")[(i+k)%len(values)+1]} {
				doc := fmt.Sprintf(`<r><o%s><m%s xml:lang="vi"><part Id="p"%s>x</part></m></o></r>`, base(outer), base(inner), base(own))
				signed, err := signing.Sign([]byte(doc), l.key, l.chain, signing.SignOptions{IDs: []string{"p"}, C14N: signing.C14N11})
				if err != nil {
					t.Fatal(err)
				}
				alone[len(tasks)] = inner == "-" || outer == "-"
				path := write(t, filepath.Join(dir, fmt.Sprintf("%d.xml", len(tasks))), signed)
				tasks, what = append(tasks, "verify\t"+path), append(what, fmt.Sprintf("%q %q %q", outer, inner, own))
			}
		}
	}
	answers := santuario(t, tasks)
	for i := range tasks {
		args := []string{"--verify", "--id-attr:Id", "part", "--trusted-pem", root, "--verification-time", day.Format("2006-01-02 15:04:05"), filepath.Join(dir, fmt.Sprintf("%d.xml", i))}
		if out, err := exec.Command(xmlsec, args...).CombinedOutput(); err != nil {
			t.Errorf("%s: xmlsec1 %v: %s", what[i], err, out)
		}
		if alone[i] && answers[i] != "ok" {
			t.Errorf("%s: Santuario %s", what[i], answers[i])
		}
	}
}
