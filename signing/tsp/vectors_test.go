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

// vector is a token and what is to be said of it. forge changes a good token of the workshop's RSA authority; nil leaves it as it is.
type vector struct {
	name, expect, why string
	forge             func(*forgery)
}

func vectors() []vector {
	return slices.Concat(goodVectors(), signerVectors(), referenceVectors(), messageVectors(), algorithmVectors(), encodingVectors(), infoVectors())
}

func goodVectors() []vector {
	return []vector{
		{"good-rsa", "", "as the trial authority makes them", nil},
		{"good-p256", "", "the same with an elliptic curve", func(x *forgery) { x.stamp(x.w.p256) }},
		{"good-pss", "", "the same with RSASSA-PSS", func(x *forgery) { x.stamp(x.w.pss) }},
		{"good-name", "", "names its authority as the certificate does", func(x *forgery) { x.name(x.w.cert.RawSubject) }},
		{"good-ess-chain", "", "the signing-certificate attribute lists the issuer too", func(x *forgery) { x.listing(x.w.ca.Certificate) }},
	}
}

func signerVectors() []vector {
	return []vector{
		{"untrusted", "untrusted-signer", "from an authority that nobody named", func(x *forgery) { x.stamp(x.w.other) }},
		{"no-usage", "wrong-purpose", "certificate without extended key usage", func(x *forgery) { x.certified(func(c *x509.Certificate) { c.ExtraExtensions = nil }) }},
		{"usage-not-critical", "wrong-purpose", "extended key usage not critical", func(x *forgery) {
			x.certified(func(c *x509.Certificate) { c.ExtraExtensions[0] = usage(x.t, false) })
		}},
		{"usage-more", "wrong-purpose", "extended key usage with another purpose beside", func(x *forgery) {
			x.certified(func(c *x509.Certificate) {
				c.ExtraExtensions[0] = usage(x.t, true, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 4})
			})
		}},
		{"key-usage", "wrong-purpose", "key usage allows encryption", func(x *forgery) {
			x.certified(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment })
		}},
		{"after-expiry", "outside-of-life", "time after the validity of the certificate", func(x *forgery) {
			x.certified(func(c *x509.Certificate) { c.NotAfter = at.Add(-time.Minute) })
		}},
		{"other-name", "wrong-name", "names another authority", func(x *forgery) { x.name(x.w.ca.Certificate.RawSubject) }},
		{"no-certificate", "no-certificate", "certificate not embedded", func(x *forgery) { x.data.kids = slices.Delete(x.data.kids, 3, 4) }},
	}
}

// referenceVectors are about the signing-certificate attribute.
func referenceVectors() []vector {
	id := func(x *forgery) *node { return x.attribute(47).kids[1].kids[0].kids[0].kids[0] }
	return []vector{
		{"ess-other", "signing-certificate-mismatch", "signing-certificate attribute names another certificate", func(x *forgery) {
			id(x).kids[0].val[0] ^= 1
			x.resign()
		}},
		{"ess-serial", "signing-certificate-mismatch", "its digest fits, its serial number doesn't", func(x *forgery) {
			id(x).kids[1].kids[1].val[3] ^= 1
			x.resign()
		}},
		{"ess-missing", "missing-attribute", "no signing-certificate attribute", func(x *forgery) {
			gone := x.attribute(47)
			x.attrs.kids = slices.DeleteFunc(x.attrs.kids, func(n *node) bool { return n == gone })
			x.resign()
		}},
		{"ess-chain-other", "signing-certificate-mismatch", "lists a certificate that isn't in the chain", func(x *forgery) { x.listing(x.w.other.Certificates()[0]) }},
	}
}

// messageVectors are about the CMS around the TSTInfo.
func messageVectors() []vector {
	return []vector{
		{"altered-time", "digest-mismatch", "TSTInfo changed after signing", func(x *forgery) {
			x.info.kids[4].val[3] ^= 1
			x.keep()
		}},
		{"altered-digest", "value-mismatch", "TSTInfo and message-digest changed after signing", func(x *forgery) {
			x.info.kids[4].val[3] ^= 1
			x.keep()
			x.attribute(4).kids[1].kids[0].val = tsp.HashOf(crypto.SHA256, x.info.encode())
		}},
		{"wrong-content-type", "content-type-mismatch", "content-type attribute says plain data", func(x *forgery) {
			x.oid(x.attribute(3).kids[1].kids[0], cms.OIDData)
			x.resign()
		}},
		{"plain-data", "malformed", "content isn't TSTInfo", func(x *forgery) {
			x.oid(x.data.kids[2].kids[0], cms.OIDData)
			x.oid(x.attribute(3).kids[1].kids[0], cms.OIDData)
			x.resign()
		}},
		{"no-attributes", "malformed", "value is over the TSTInfo itself", func(x *forgery) {
			v, err := x.w.key.Sign(nil, tsp.HashOf(crypto.SHA256, x.info.encode()), crypto.SHA256)
			if err != nil {
				x.t.Fatal(err)
			}
			x.signer.kids[5].val = v
			x.signer.kids = slices.Delete(x.signer.kids, 3, 4)
		}},
		{"twice-digest", "malformed", "two message-digest attributes", func(x *forgery) {
			x.attrs.kids = append(x.attrs.kids, x.attribute(4))
			x.resign()
		}},
		{"two-signers", "malformed", "two signers, the first good", func(x *forgery) { x.signers.kids = append(x.signers.kids, x.signer) }},
		{"no-signers", "malformed", "nobody signs", func(x *forgery) { x.signers.kids = nil }},
	}
}

func algorithmVectors() []vector {
	announced := func(x *forgery) *node { return x.data.kids[1].kids[0].kids[0] }
	signature := func(x *forgery) *node { return x.signer.kids[4].kids[0] }
	sha1 := asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	return []vector{
		{"digest-unannounced", "unsupported-algorithm", "digest algorithm isn't announced", func(x *forgery) { x.oid(announced(x), asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}) }},
		{"algorithm-md5", "unsupported-algorithm", "signature with MD5", func(x *forgery) { x.oid(signature(x), asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4}) }},
		{"algorithm-mixed", "unsupported-algorithm", "signature algorithm with another digest", func(x *forgery) { x.oid(signature(x), asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}) }},
		{"algorithm-ecdsa", "unsupported-algorithm", "ECDSA with an RSA certificate", func(x *forgery) {
			x.oid(signature(x), asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2})
			x.signer.kids[4].kids = x.signer.kids[4].kids[:1]
		}},
		{"algorithm-sha1", "legacy-algorithm", "digest and signature with SHA-1", func(x *forgery) {
			x.oid(announced(x), sha1)
			x.oid(x.signer.kids[2].kids[0], sha1)
			x.oid(signature(x), asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5})
		}},
	}
}

func encodingVectors() []vector {
	return []vector{
		{"unsorted", "not-der", "signed attributes not in the order of DER", func(x *forgery) {
			x.unsorted = true
			x.resign()
		}},
		{"indefinite", "not-der", "an indefinite length (BER)", func(x *forgery) { x.root.kids[1].ber = true }},
		{"trailing", "not-der", "an octet behind the end", func(x *forgery) { x.der = append(x.root.encode(), 0) }},
	}
}

// infoVectors are about the TSTInfo; all but the first are signed again.
func infoVectors() []vector {
	signed := func(change func(x *forgery)) func(*forgery) { return func(x *forgery) { change(x); x.resign() } }
	value := func(i int, v []byte) func(*forgery) { return signed(func(x *forgery) { x.info.kids[i].val = v }) }
	accuracy := func(n *node) func(*forgery) { return signed(func(x *forgery) { x.info.kids[5].kids = []*node{n} }) }
	number := func(v ...byte) *node { return &node{tag: 0x02, val: v} }
	return []vector{
		{"other-octets", "wrong-imprint", "a good token over other octets", func(x *forgery) {
			x.imprint = tsp.HashOf(crypto.SHA256, []byte("khác"))
			x.stamp(x.w.rsa)
		}},
		{"imprint-sha1", "weak-hash", "message imprint by SHA-1", signed(func(x *forgery) {
			x.oid(x.info.kids[2].kids[0].kids[0], asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26})
			x.info.kids[2].kids[1].val = tsp.HashOf(crypto.SHA1, document)
		})},
		{"imprint-short", "malformed", "imprint shorter than its hash function gives", signed(func(x *forgery) { x.info.kids[2].kids[1].val = x.imprint[:31] })},
		{"trailing-info", "malformed", "octets behind the TSTInfo, signed", signed(func(x *forgery) { x.info.kids = append(x.info.kids, number(1), number(1)) })},
		{"huge-serial", "malformed", "serial number of 21 octets", value(3, bytes.Repeat([]byte{0x11}, 21))},
		{"huge-nonce", "malformed", "nonce of 65 octets", signed(func(x *forgery) {
			x.info.kids = slices.Insert(x.info.kids, 6, number(bytes.Repeat([]byte{0x11}, 65)...))
		})},
		{"huge-accuracy", "malformed", "accuracy of 300 years", accuracy(number(0x02, 0x36, 0x00, 0x00, 0x00))},
		{"accuracy-1000", "malformed", "accuracy of 1000 milliseconds", accuracy(&node{tag: 0x80, val: []byte{0x03, 0xE8}})},
		{"time-zero", "", "fraction of the time ends with 0: a deviation that is told", value(4, []byte("20261122102030.450Z"))},
		{"time-long", "malformed", "fraction of ten digits", value(4, []byte("20261122102030.1234567891Z"))},
		{"time-comma", "malformed", "fraction behind a comma", value(4, []byte("20261122102030,5Z"))},
		{"time-offset", "malformed", "time with an offset", value(4, []byte("20261122102030+0700"))},
		{"critical", "malformed", "critical extension that nobody knows", signed(func(x *forgery) {
			ext := &node{tag: 0x30, kids: []*node{{tag: 0x06, val: []byte{0x2A, 0x03}}, {tag: 0x01, val: []byte{0xFF}}, {tag: 0x04}}}
			x.info.kids = append(x.info.kids, &node{tag: 0xA1, kids: []*node{ext}})
		})},
		{"version-2", "malformed", "TSTInfo of version 2", value(0, []byte{2})},
	}
}

// forgery is a token being forged.
type forgery struct {
	*forged
	t       testing.TB
	w       *workshop
	imprint []byte
	der     []byte // instead of what forged makes
}

// make forges a vector.
func (w *workshop) make(t *testing.T, v vector) []byte {
	t.Helper()
	x := &forgery{t: t, w: w, imprint: tsp.HashOf(crypto.SHA256, document)}
	x.stamp(w.rsa)
	if v.forge != nil {
		v.forge(x)
	}
	if x.der != nil {
		return x.der
	}
	return x.root.encode()
}

// stamp starts again with a token of a.
func (x *forgery) stamp(a *tsp.Authority) {
	x.t.Helper()
	token, err := a.Stamp(x.t.Context(), crypto.SHA256, x.imprint)
	if err != nil {
		x.t.Fatal(err)
	}
	x.forged = takeApart(x.t, token.Raw)
}

// certified starts again with a token by a changed certificate.
func (x *forgery) certified(change func(*x509.Certificate)) {
	x.t.Helper()
	key, cert := issue(x.t, x.w.ca, trialca.P256, change)
	x.der = x.w.raw(x.t, key, cert, x.w.info(x.t), cms.SignOptions{})
}

// listing starts again with a token whose signing-certificate attribute lists one more certificate.
func (x *forgery) listing(c *x509.Certificate) {
	x.t.Helper()
	x.der = x.w.raw(x.t, x.w.key, x.w.cert, x.w.info(x.t), cms.SignOptions{Listed: []*x509.Certificate{c}})
}

// name puts the name of an authority into the TSTInfo.
func (x *forgery) name(subject []byte) {
	x.t.Helper()
	rdn, _ := parseNode(x.t, subject)
	x.info.kids = append(x.info.kids, &node{tag: 0xA0, kids: []*node{{tag: 0xA4, kids: []*node{rdn}}}})
	x.resign()
}

func (x *forgery) resign() { x.sign(x.t, x.w.key) }

func (x *forgery) oid(n *node, id asn1.ObjectIdentifier) {
	x.t.Helper()
	der, err := asn1.Marshal(id)
	if err != nil {
		x.t.Fatal(err)
	}
	n.val = der[2:]
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
func (w *workshop) info(t testing.TB) []byte {
	t.Helper()
	token, err := w.rsa.Stamp(t.Context(), crypto.SHA256, tsp.HashOf(crypto.SHA256, document))
	if err != nil {
		t.Fatal(err)
	}
	return token.Message.Content
}

// raw signs a TSTInfo with any certificate.
func (w *workshop) raw(t testing.TB, key crypto.Signer, cert *x509.Certificate, info []byte, o cms.SignOptions) []byte {
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
			if token, err := tsp.Parse(der); err == nil && (len(token.Deviations) > 0) != (v.name == "time-zero") {
				t.Errorf("deviations %v", token.Deviations)
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
		der := w.make(t, v)
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
