package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

var update = flag.Bool("update", false, "make the vectors of testdata/tsp anew")

const vectorDir = "../../testdata/tsp"

var document = []byte("Công văn số 01/UBND-VP ngày 22/11/2026\n")

// judge is what a caller does with a token, and gives the word for why it refuses.
func judge(der, imprint []byte, root *x509.Certificate) tsp.Problem {
	t, err := tsp.Parse(der)
	if err == nil {
		err = t.Verify(imprint)
	}
	if err == nil {
		err = t.CheckSigner()
	}
	if err != nil {
		return tsp.ProblemOf(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	chains, err := t.Signer.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: t.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	if err != nil {
		return tsp.UntrustedChain
	}
	return tsp.ProblemOf(t.CheckChain(chains[0]))
}

type vector struct{ name, expect, why string }

func vectors() []vector {
	return []vector{
		{"good-rsa", "", "as the trial authority makes them"},
		{"good-p256", "", "the same with an elliptic curve"},
		{"good-pss", "", "the same with RSASSA-PSS"},
		{"good-name", "", "names its authority as the certificate does"},
		{"good-ess-chain", "", "the signing-certificate attribute lists the issuer too"},
		{"other-octets", "wrong-imprint", "a good token over other octets"},
		{"imprint-sha1", "weak-hash", "message imprint by SHA-1"},
		{"untrusted", "untrusted-signer", "from an authority that nobody named"},
		{"no-usage", "wrong-purpose", "certificate without extended key usage"},
		{"usage-not-critical", "wrong-purpose", "extended key usage not critical"},
		{"usage-more", "wrong-purpose", "extended key usage with another purpose beside"},
		{"key-usage", "wrong-purpose", "key usage allows encryption"},
		{"after-expiry", "outside-of-life", "time after the validity of the certificate"},
		{"other-name", "wrong-name", "names another authority"},
		{"ess-other", "signing-certificate-mismatch", "signing-certificate attribute names another certificate"},
		{"ess-serial", "signing-certificate-mismatch", "its digest fits, its serial number doesn't"},
		{"ess-missing", "missing-attribute", "no signing-certificate attribute"},
		{"ess-chain-other", "signing-certificate-mismatch", "lists a certificate that isn't in the chain"},
		{"altered-time", "digest-mismatch", "TSTInfo changed after signing"},
		{"altered-digest", "value-mismatch", "TSTInfo and message-digest changed after signing"},
		{"wrong-content-type", "content-type-mismatch", "content-type attribute says plain data"},
		{"plain-data", "malformed", "content isn't TSTInfo"},
		{"no-attributes", "malformed", "value is over the TSTInfo itself"},
		{"twice-digest", "malformed", "two message-digest attributes"},
		{"two-signers", "malformed", "two signers, the first good"},
		{"no-signers", "malformed", "nobody signs"},
		{"no-certificate", "no-certificate", "certificate not embedded"},
		{"digest-unannounced", "unsupported-algorithm", "digest algorithm isn't announced"},
		{"algorithm-md5", "unsupported-algorithm", "signature with MD5"},
		{"algorithm-mixed", "unsupported-algorithm", "signature algorithm with another digest"},
		{"algorithm-ecdsa", "unsupported-algorithm", "ECDSA with an RSA certificate"},
		{"algorithm-sha1", "legacy-algorithm", "digest and signature with SHA-1"},
		{"unsorted", "not-der", "signed attributes not in the order of DER"},
		{"indefinite", "not-der", "an indefinite length (BER)"},
		{"trailing", "not-der", "an octet behind the end"},
		{"trailing-info", "malformed", "octets behind the TSTInfo, signed"},
		{"huge-serial", "malformed", "serial number of 21 octets"},
		{"huge-nonce", "malformed", "nonce of 65 octets"},
		{"huge-accuracy", "malformed", "accuracy of 300 years"},
		{"accuracy-1000", "malformed", "accuracy of 1000 milliseconds"},
		{"time-zero", "malformed", "fraction of the time ends with 0"},
		{"time-offset", "malformed", "time with an offset"},
		{"critical", "malformed", "critical extension that nobody knows"},
		{"version-2", "malformed", "TSTInfo of version 2"},
		{"imprint-short", "malformed", "imprint shorter than its hash function gives"},
	}
}

// makeVector forges what its name says.
func makeVector(t *testing.T, name string, w *workshop) []byte {
	t.Helper()
	hash := crypto.SHA256
	imprint := tsp.HashOf(hash, document)
	stamp := func(a *tsp.Authority) *forged {
		t.Helper()
		token, err := a.Stamp(t.Context(), hash, imprint)
		if err != nil {
			t.Fatal(err)
		}
		return takeApart(t, token.Raw)
	}
	build := func(change func(*x509.Certificate)) *forged {
		t.Helper()
		key, cert := issue(t, w.ca, trialca.P256, change)
		return takeApart(t, w.raw(t, key, cert, w.info(t), cms.SignOptions{}))
	}
	f := stamp(w.rsa)
	resign := func() { f.sign(t, w.key) }
	insert := func(at int, n *node) { f.info.kids = slices.Insert(f.info.kids, at, n) }
	oid := func(n *node, id asn1.ObjectIdentifier) {
		der, err := asn1.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		n.val = der[2:]
	}
	switch name {
	case "good-rsa":
	case "good-p256":
		f = stamp(w.p256)
	case "good-pss":
		f = stamp(w.pss)
	case "good-name", "other-name":
		subject := w.cert.RawSubject
		if name == "other-name" {
			subject = w.ca.Certificate.RawSubject
		}
		rdn, _ := parseNode(t, subject)
		f.info.kids = append(f.info.kids, &node{tag: 0xA0, kids: []*node{{tag: 0xA4, kids: []*node{rdn}}}})
		resign()
	case "good-ess-chain":
		return w.raw(t, w.key, w.cert, w.info(t), cms.SignOptions{Listed: []*x509.Certificate{w.ca.Certificate}})
	case "ess-chain-other":
		return w.raw(t, w.key, w.cert, w.info(t), cms.SignOptions{Listed: []*x509.Certificate{w.other.Certificates()[0]}})
	case "other-octets":
		imprint = tsp.HashOf(hash, []byte("khác"))
		f = stamp(w.rsa)
	case "imprint-sha1":
		oid(f.info.kids[2].kids[0].kids[0], asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26})
		f.info.kids[2].kids[1].val = tsp.HashOf(crypto.SHA1, document)
		resign()
	case "imprint-short":
		f.info.kids[2].kids[1].val = imprint[:31]
		resign()
	case "untrusted":
		f = stamp(w.other)
	case "no-usage":
		f = build(func(c *x509.Certificate) { c.ExtraExtensions = nil })
	case "usage-not-critical":
		f = build(func(c *x509.Certificate) { c.ExtraExtensions[0] = usage(t, false) })
	case "usage-more":
		f = build(func(c *x509.Certificate) {
			c.ExtraExtensions[0] = usage(t, true, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 4})
		})
	case "key-usage":
		f = build(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment })
	case "after-expiry":
		f = build(func(c *x509.Certificate) { c.NotAfter = at.Add(-time.Minute) })
	case "ess-other":
		f.attribute(47).kids[1].kids[0].kids[0].kids[0].kids[0].val[0] ^= 1
		resign()
	case "ess-serial":
		is := f.attribute(47).kids[1].kids[0].kids[0].kids[0].kids[1]
		is.kids[1].val[3] ^= 1
		resign()
	case "ess-missing":
		gone := f.attribute(47)
		f.attrs.kids = slices.DeleteFunc(f.attrs.kids, func(n *node) bool { return n == gone })
		resign()
	case "altered-time":
		f.info.kids[4].val[3] ^= 1
		f.keep()
	case "altered-digest":
		f.info.kids[4].val[3] ^= 1
		f.keep()
		f.attribute(4).kids[1].kids[0].val = tsp.HashOf(hash, f.info.encode())
	case "wrong-content-type":
		oid(f.attribute(3).kids[1].kids[0], cms.OIDData)
		resign()
	case "plain-data":
		oid(f.data.kids[2].kids[0], cms.OIDData)
		oid(f.attribute(3).kids[1].kids[0], cms.OIDData)
		resign()
	case "no-attributes":
		v, err := w.key.Sign(nil, tsp.HashOf(hash, f.info.encode()), hash)
		if err != nil {
			t.Fatal(err)
		}
		f.signer.kids[5].val = v
		f.signer.kids = slices.Delete(f.signer.kids, 3, 4)
	case "twice-digest":
		f.attrs.kids = append(f.attrs.kids, f.attribute(4))
		resign()
	case "two-signers":
		f.signers.kids = append(f.signers.kids, f.signer)
	case "no-signers":
		f.signers.kids = nil
	case "no-certificate":
		f.data.kids = slices.Delete(f.data.kids, 3, 4)
	case "digest-unannounced":
		oid(f.data.kids[1].kids[0].kids[0], asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3})
	case "algorithm-md5":
		oid(f.signer.kids[4].kids[0], asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4})
	case "algorithm-mixed":
		oid(f.signer.kids[4].kids[0], asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13})
	case "algorithm-ecdsa":
		oid(f.signer.kids[4].kids[0], asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2})
		f.signer.kids[4].kids = f.signer.kids[4].kids[:1]
	case "algorithm-sha1":
		sha1 := asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
		oid(f.data.kids[1].kids[0].kids[0], sha1)
		oid(f.signer.kids[2].kids[0], sha1)
		oid(f.signer.kids[4].kids[0], asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5})
	case "unsorted":
		f.unsorted = true
		resign()
	case "indefinite":
		f.root.kids[1].ber = true
	case "trailing":
		return append(f.root.encode(), 0)
	case "trailing-info":
		f.info.kids = append(f.info.kids, &node{tag: 0x02, val: []byte{1}}, &node{tag: 0x02, val: []byte{1}})
		resign()
	case "huge-serial":
		f.info.kids[3].val = bytes.Repeat([]byte{0x11}, 21)
		resign()
	case "huge-nonce":
		insert(6, &node{tag: 0x02, val: bytes.Repeat([]byte{0x11}, 65)})
		resign()
	case "huge-accuracy":
		f.info.kids[5].kids = []*node{{tag: 0x02, val: []byte{0x02, 0x36, 0x00, 0x00, 0x00}}}
		resign()
	case "accuracy-1000":
		f.info.kids[5].kids = []*node{{tag: 0x80, val: []byte{0x03, 0xE8}}}
		resign()
	case "time-zero":
		f.info.kids[4].val = []byte("20261122102030.450Z")
		resign()
	case "time-offset":
		f.info.kids[4].val = []byte("20261122102030+0700")
		resign()
	case "critical":
		ext := &node{tag: 0x30, kids: []*node{{tag: 0x06, val: []byte{0x2A, 0x03}}, {tag: 0x01, val: []byte{0xFF}}, {tag: 0x04}}}
		f.info.kids = append(f.info.kids, &node{tag: 0xA1, kids: []*node{ext}})
		resign()
	case "version-2":
		f.info.kids[0].val = []byte{2}
		resign()
	default:
		t.Fatalf("no way to make %s", name)
	}
	return f.root.encode()
}

// workshop is what vectors are forged with.
type workshop struct {
	ca                    *trialca.Authority
	rsa, p256, pss, other *tsp.Authority
	key                   crypto.Signer // of rsa and pss
	cert                  *x509.Certificate
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{ca: newCA(t)}
	w.key, w.cert = issue(t, w.ca, trialca.RSA2048, nil)
	curve, curveCert := issue(t, w.ca, trialca.P256, nil)
	for _, a := range []struct {
		to   **tsp.Authority
		key  crypto.Signer
		cert *x509.Certificate
		o    tsp.Options
	}{{&w.rsa, w.key, w.cert, tsp.Options{}}, {&w.pss, w.key, w.cert, tsp.Options{PSS: true}}, {&w.p256, curve, curveCert, tsp.Options{}}} {
		a.o.Now = clock
		made, err := tsp.NewAuthority(a.key, []*x509.Certificate{a.cert}, a.o)
		if err != nil {
			t.Fatal(err)
		}
		*a.to = made
	}
	w.other = newAuthority(t, trialca.P256, tsp.Options{}).Authority
	return w
}

// info is a good TSTInfo.
func (w *workshop) info(t *testing.T) []byte {
	t.Helper()
	token, err := w.rsa.Stamp(t.Context(), crypto.SHA256, tsp.HashOf(crypto.SHA256, document))
	if err != nil {
		t.Fatal(err)
	}
	return token.Message.Content
}

// raw signs a TSTInfo with any certificate.
func (w *workshop) raw(t *testing.T, key crypto.Signer, cert *x509.Certificate, info []byte, o cms.SignOptions) []byte {
	t.Helper()
	o.ContentType, o.Certificates = cms.OIDTSTInfo, []*x509.Certificate{cert}
	der, err := cms.Sign(info, key, cert, o)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	root, err := signing.LoadCertificates(filepath.Join(vectorDir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil || len(files) != len(vectors()) {
		t.Fatalf("%d files, %d vectors (%v)", len(files), len(vectors()), err)
	}
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			expect, imprint, der := readVector(t, v.name)
			if expect != v.expect {
				t.Fatalf("file expects %q, table %q", expect, v.expect)
			}
			if got := judge(der, imprint, root[0]); string(got) != expect {
				_, err := tsp.Parse(der)
				t.Fatalf("judged %q, want %q (%v)", got, expect, err)
			}
		})
	}
}

func writeVectors(t *testing.T) {
	w := newWorkshop(t)
	for _, v := range vectors() {
		der := makeVector(t, v.name, w)
		body := base64.StdEncoding.EncodeToString(der)
		var lines strings.Builder
		for c := range slices.Chunk([]byte(body), 76) {
			fmt.Fprintf(&lines, "%s\n", c)
		}
		text := fmt.Sprintf("expect: %s\nwhy: %s\nimprint: %x\n\n%s", v.expect, v.why, tsp.HashOf(crypto.SHA256, document), lines.String())
		if err := os.WriteFile(filepath.Join(vectorDir, v.name+".txt"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(vectorDir, "ca.crt"), signing.MarshalCertificates([]*x509.Certificate{w.ca.Certificate}), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readVector(t testing.TB, name string) (expect string, imprint, der []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		t.Fatalf("%s has no body", name)
	}
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch value = strings.TrimSpace(value); key {
		case "expect":
			expect = value
		case "imprint":
			if imprint, err = hex.DecodeString(value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if der, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", "")); err != nil {
		t.Fatal(err)
	}
	return expect, imprint, der
}
