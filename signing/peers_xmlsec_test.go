//go:build peers

package signing_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: %v", name, err)
	}
	return path
}

func write(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var idElements = []string{"--id-attr:Id", "MessageHeader", "--id-attr:Id", "edXMLManifest", "--id-attr:Id", "Attachment"}

type keyCase struct {
	name string
	key  trialca.KeyType
	algs []string
}

var keyCases = []keyCase{
	{"RSA-2048", trialca.RSA2048, []string{signing.RSASHA256, signing.RSASHA384, signing.RSASHA512}},
	{"RSA-3072", trialca.RSA3072, []string{signing.RSASHA256, signing.RSASHA512}},
	{"RSA-4096", trialca.RSA4096, []string{signing.RSASHA512}},
	{"P-256", trialca.P256, []string{signing.ECDSASHA256, signing.ECDSASHA384, signing.ECDSASHA512}},
	{"P-384", trialca.P384, []string{signing.ECDSASHA256, signing.ECDSASHA384, signing.ECDSASHA512}},
}

var allDigests = []string{signing.DigestSHA256, signing.DigestSHA384, signing.DigestSHA512}

// TestXmlsecVerifiesOurs: every algorithm that xmlsec1 has, as organisation and as person.
func TestXmlsecVerifiesOurs(t *testing.T) {
	xmlsec := peer(t, "xmlsec1")
	ca := newCA(t, "xmlsec")
	dir := t.TempDir()
	root := write(t, filepath.Join(dir, "ca.pem"), signing.MarshalCertificates(trustIn(t, ca).Certificates()))
	n := 0
	for _, kc := range keyCases {
		l := newLeaf(t, ca, kc.key)
		for _, alg := range kc.algs {
			for i, c14n := range []string{signing.ExcC14N, signing.C14N10, signing.C14N11} {
				for _, ids := range [][]string{nil, {"header", "manifest", "attachment-1"}} {
					o := signing.SignOptions{Algorithm: alg, C14N: c14n, Digest: allDigests[(i+n)%3], IDs: ids}
					doc, err := signing.Sign(edxml("UEsDBA=="), l.key, l.chain, o)
					if err != nil {
						t.Fatalf("%s %+v: %v", kc.name, o, err)
					}
					path := write(t, filepath.Join(dir, fmt.Sprintf("%d.xml", n)), doc)
					n++
					args := append(append([]string{"--verify"}, idElements...), "--trusted-pem", root, "--verification-time", day.Format("2006-01-02 15:04:05"), path)
					if out, err := exec.Command(xmlsec, args...).CombinedOutput(); err != nil {
						t.Errorf("%s %+v: xmlsec1 refuses: %v\n%s", kc.name, o, err, out)
					}
				}
			}
		}
	}
	t.Logf("xmlsec1 accepts %d signatures of ours", n)
}

// template is a Signature for xmlsec1 to fill in.
func template(alg, c14n, digest, prefixes string, ids []string) string {
	list := ""
	if prefixes != "" {
		list = `<ec:InclusiveNamespaces xmlns:ec="` + signing.ExcC14N + `" PrefixList="` + prefixes + `"/>`
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n <ds:SignedInfo>\n  <ds:CanonicalizationMethod Algorithm=%q>%s</ds:CanonicalizationMethod>\n  <ds:SignatureMethod Algorithm=%q/>\n", c14n, list, alg)
	refs := []string{""}
	if ids != nil {
		refs = ids
	}
	for _, id := range refs {
		uri, first := "", `<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`
		if id != "" {
			uri, first = "#"+id, ""
		}
		fmt.Fprintf(&b, "  <ds:Reference URI=%q><ds:Transforms>%s<ds:Transform Algorithm=%q>%s</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm=%q/><ds:DigestValue/></ds:Reference>\n", uri, first, c14n, list, digest)
	}
	b.WriteString(" </ds:SignedInfo>\n <ds:SignatureValue/>\n <ds:KeyInfo><ds:X509Data/></ds:KeyInfo>\n</ds:Signature>")
	return b.String()
}

// TestOursVerifiesXmlsec: what xmlsec1 signs is accepted here, from memory and through a window.
func TestOursVerifiesXmlsec(t *testing.T) {
	xmlsec := peer(t, "xmlsec1")
	ca := newCA(t, "xmlsec")
	trust := trustIn(t, ca)
	dir := t.TempDir()
	n := 0
	for _, kc := range keyCases {
		l := newLeaf(t, ca, kc.key)
		pem, err := signing.MarshalKey(l.key)
		if err != nil {
			t.Fatal(err)
		}
		key := write(t, filepath.Join(dir, kc.name+".key"), pem)
		cert := write(t, filepath.Join(dir, kc.name+".pem"), signing.MarshalCertificates(l.chain[:1]))
		for _, alg := range kc.algs {
			for i, c14n := range []string{signing.ExcC14N, signing.ExcC14NComments, signing.C14N10, signing.C14N10WithComments, signing.C14N11} {
				for _, ids := range [][]string{nil, {"header", "attachment-1"}} {
					prefixes := ""
					if strings.HasPrefix(c14n, signing.ExcC14N) && n%2 == 0 {
						prefixes = "#default xlink"
					}
					// Comments and CR LF line ends, which canonical form drops and changes.
					doc := strings.ReplaceAll(string(edxml("UEsDBA==\r\nUEsDBA==<!-- c -->")), "      </edXML:MessageHeader>", "<!-- d -->\r\n      </edXML:MessageHeader>")
					doc = strings.Replace(doc, "</edXML:edXMLHeader>", template(alg, c14n, allDigests[(i+n)%3], prefixes, ids)+"</edXML:edXMLHeader>", 1)
					in := write(t, filepath.Join(dir, "in.xml"), []byte(doc))
					out := filepath.Join(dir, fmt.Sprintf("out-%d.xml", n))
					n++
					args := append(append([]string{"--sign"}, idElements...), "--privkey-pem", key+","+cert, "--output", out, in)
					if msg, err := exec.Command(xmlsec, args...).CombinedOutput(); err != nil {
						t.Fatalf("%s %s %s: xmlsec1 does not sign: %v\n%s", kc.name, alg, c14n, err, msg)
					}
					acceptSigned(t, fmt.Sprintf("%s %s %s %v", kc.name, alg, c14n, ids), out, trust, ids == nil)
				}
			}
		}
	}
	t.Logf("%d signatures of xmlsec1 are accepted", n)
}

// acceptSigned verifies a file, whole and in memory, and checks what it covers.
func acceptSigned(t *testing.T, what, path string, trust *signing.Trust, whole bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := signing.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for how, src := range map[string]signing.Source{"memory": signing.BytesSource(b), "file": f} {
		rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{Trust: trust, At: day})
		if err != nil {
			t.Errorf("%s, %s: %v", what, how, err)
			return
		}
		if len(rep.Signatures) != 1 || rep.Signatures[0].Refusal != signing.Accepted || rep.Signatures[0].WholeDocument != whole {
			t.Errorf("%s, %s: %+v", what, how, rep.Signatures)
		}
	}
	// One changed letter of the content must be found.
	for _, at := range [][]byte{[]byte("Báo cáo"), []byte("UEsDBA==")} {
		bad := bytes.Replace(b, at, bytes.ToLower(at), 1)
		rep, err := signing.Verify(context.Background(), signing.BytesSource(bad), signing.VerifyOptions{Trust: trust, At: day})
		if err != nil || rep.Signatures[0].Refusal != signing.DigestMismatch {
			t.Errorf("%s: change of %s: %v, %v", what, at, rep.Signatures[0].Refusal, err)
		}
	}
}

// TestXmlsecVerifiesParts signs a part of generated documents, in which declarations and xml: attributes around the part and
// around SignedInfo matter, and lets xmlsec1 judge.
func TestXmlsecVerifiesParts(t *testing.T) {
	xmlsec := peer(t, "xmlsec1")
	ca := newCA(t, "parts")
	l := newLeaf(t, ca, trialca.P256)
	trust := trustIn(t, ca)
	dir := t.TempDir()
	root := write(t, filepath.Join(dir, "ca.pem"), signing.MarshalCertificates(trust.Certificates()))
	gen := signing.Documents()
	n := 0
	for seed := 0; n < 60 && seed < 2000; seed++ {
		doc := gen.Example(seed)
		ids := regexp.MustCompile(`Id ?= ?"(i\d+)"`).FindAllStringSubmatch(doc, -1)
		if len(ids) == 0 {
			continue
		}
		o := signing.SignOptions{IDs: []string{ids[len(ids)-1][1]}, C14N: []string{signing.ExcC14N, signing.C14N10, signing.C14N11}[n%3]}
		signed, err := signing.Sign([]byte(doc), l.key, l.chain, o)
		if err != nil {
			continue // no place for a signature: the root is an empty-element tag
		}
		n++
		path := write(t, filepath.Join(dir, fmt.Sprintf("%d.xml", seed)), signed)
		args := []string{"--verify", "--id-attr:Id", "a", "--id-attr:Id", "b", "--id-attr:Id", "Văn_bản", "--trusted-pem", root,
			"--verification-time", day.Format("2006-01-02 15:04:05"), path}
		if out, err := exec.Command(xmlsec, args...).CombinedOutput(); err != nil {
			t.Errorf("%s of %q: xmlsec1 refuses: %v\n%s", o.C14N, signed, err, out)
		}
		rep, err := signing.Verify(context.Background(), signing.BytesSource(signed), signing.VerifyOptions{Trust: trust, At: day})
		if err != nil || rep.Signatures[0].Refusal != signing.Accepted {
			t.Errorf("%s of %q: refused here: %v, %v", o.C14N, signed, rep, err)
		}
	}
	if n < 60 {
		t.Errorf("%d documents, want 60", n)
	}
}
