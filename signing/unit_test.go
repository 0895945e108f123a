package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

func TestTrialAuthorityRefused(t *testing.T) {
	ca := newCA(t, "trial")
	if _, err := signing.NewTrust([]*x509.Certificate{ca.Certificate}, false); !errors.Is(err, signing.ErrTrialAuthority) {
		t.Errorf("error %v, want ErrTrialAuthority", err)
	}
	dir := t.TempDir()
	if err := signing.SaveCertificates(filepath.Join(dir, "ca.pem"), []*x509.Certificate{ca.Certificate}); err != nil {
		t.Fatal(err)
	}
	if _, err := signing.LoadTrust(dir, false); !errors.Is(err, signing.ErrTrialAuthority) {
		t.Errorf("from a folder: error %v, want ErrTrialAuthority", err)
	}
	if trust, err := signing.LoadTrust(dir, true); err != nil || trust.Empty() {
		t.Errorf("on trial: %v", err)
	}
}

func TestTrustFolder(t *testing.T) {
	ca := newCA(t, "folder")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.cer"), ca.Certificate.Raw, 0o644); err != nil { // DER
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not a certificate"), 0o644); err != nil {
		t.Fatal(err)
	}
	trust, err := signing.LoadTrust(dir, true)
	if err != nil || len(trust.Certificates()) != 1 {
		t.Fatalf("%d certificates, error %v, want the one of a.cer", len(trust.Certificates()), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.pem"), []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := signing.LoadTrust(dir, true); err == nil || !strings.Contains(err.Error(), "b.pem") {
		t.Errorf("error %v, want one that names b.pem", err)
	}
	l := newLeaf(t, ca, trialca.P256)
	if _, err := signing.NewTrust([]*x509.Certificate{l.cert}, true); err == nil {
		t.Error("a certificate of no authority was taken as one")
	}
}

// intermediate issues an authority below ca, with a path length that allows it.
func intermediate(t *testing.T) (root, middle *x509.Certificate, l leaf) {
	t.Helper()
	now := func() time.Time { return day }
	ca := newCA(t, "root")
	rootKey, rootCert, err := ca.IssueWith(trialca.Leaf{Name: "root"}, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	})
	if err != nil {
		t.Fatal(err)
	}
	// The trial authority allows no authority below it, so a root of our own is made by signing itself.
	self := *rootCert
	self.ExtraExtensions = nil
	der, err := x509.CreateCertificate(rand.Reader, &self, &self, rootKey.Public(), rootKey)
	if err != nil {
		t.Fatal(err)
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	top, err := trialca.Open(root, rootKey, seeded("top"), now)
	if err != nil {
		t.Fatal(err)
	}
	middleKey, middle, err := top.IssueWith(trialca.Leaf{Name: "middle"}, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	})
	if err != nil {
		t.Fatal(err)
	}
	below, err := trialca.Open(middle, middleKey, seeded("middle"), now)
	if err != nil {
		t.Fatal(err)
	}
	key, cert, err := below.Issue(trialca.Leaf{Name: "leaf"})
	if err != nil {
		t.Fatal(err)
	}
	return root, middle, leaf{key, cert, []*x509.Certificate{cert, middle}}
}

func TestIntermediate(t *testing.T) {
	root, middle, l := intermediate(t)
	trust := func(certs ...*x509.Certificate) *signing.Trust {
		tr, err := signing.NewTrust(certs, true)
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	for _, c := range []struct {
		name   string
		trust  *signing.Trust
		others []*x509.Certificate
		want   signing.Refusal
	}{
		{"sent along", trust(root), []*x509.Certificate{middle}, signing.Accepted},
		{"in the trust directory", trust(root, middle), nil, signing.Accepted},
		{"missing", trust(root), nil, signing.UntrustedCertificate},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time from memory
				res := c.trust.Check(l.cert, c.others, day)
				if res.Refusal != c.want || res.ChainOK != (c.want == "") || c.want == "" && len(res.Chain) != 3 {
					t.Errorf("%+v, want %q", res, c.want)
				}
			}
		})
	}
}

// TestRememberedChain: that a chain was found once says nothing about another time.
func TestRememberedChain(t *testing.T) {
	ca := newCA(t, "remember")
	l := newLeaf(t, ca, trialca.P256)
	trust := trustIn(t, ca)
	for _, c := range []struct {
		at   time.Time
		want signing.Refusal
	}{{day, ""}, {l.cert.NotAfter.Add(time.Second), signing.ExpiredCertificate}, {day, ""}, {l.cert.NotBefore.Add(-time.Second), signing.NotYetValid}} {
		res := trust.Check(l.cert, nil, c.at)
		if res.Refusal != c.want || res.ValidityOK != (c.want == "") || !res.ChainOK {
			t.Errorf("at %v: %+v, want %q with a chain", c.at, res, c.want)
		}
	}
}

func TestVerifyNeedsTrustAndTime(t *testing.T) {
	ca := newCA(t, "needs")
	if _, err := signing.Verify(context.Background(), signing.BytesSource("<a/>"), signing.VerifyOptions{At: day}); err == nil {
		t.Error("verified without trust")
	}
	if _, err := signing.Verify(context.Background(), signing.BytesSource("<a/>"), signing.VerifyOptions{Trust: trustIn(t, ca)}); err == nil {
		t.Error("verified without a time")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := signing.Verify(ctx, signing.BytesSource("<a/>"), signing.VerifyOptions{Trust: trustIn(t, ca), At: day}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

type failing struct{ signing.BytesSource }

func (failing) Bytes() {}
func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 100 {
		return 0, iotest.ErrTimeout
	}
	return f.BytesSource.ReadAt(p[:min(len(p), 101)], off)
}

func TestReadErrors(t *testing.T) {
	ca := newCA(t, "failing")
	_, err := signing.Verify(context.Background(), failing{edxml("x")}, signing.VerifyOptions{Trust: trustIn(t, ca), At: day})
	if !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("error %v, want that of the source", err)
	}
}

// TestSignedContent: signing again, with another key, algorithm and person, leaves the signed content the same; changing it does not.
func TestSignedContent(t *testing.T) {
	ca := newCA(t, "content")
	a, b := newLeaf(t, ca, trialca.P256), newLeaf(t, ca, trialca.P384)
	o := signing.VerifyOptions{Trust: trustIn(t, ca), At: day}
	sum := func(l leaf, so signing.SignOptions, doc []byte) [32]byte {
		signed, err := signing.Sign(doc, l.key, l.chain, so)
		if err != nil {
			t.Fatal(err)
		}
		v, err := signing.VerifyPackage(context.Background(), signing.BytesSource(signed), o)
		if err != nil {
			t.Fatal(err)
		}
		return v.SignedContent()
	}
	doc := edxml("x")
	person, err := signing.Sign(doc, b.key, b.chain, signing.SignOptions{IDs: []string{"header"}})
	if err != nil {
		t.Fatal(err)
	}
	first := sum(a, signing.SignOptions{}, doc)
	for what, got := range map[string][32]byte{
		"other key":    sum(b, signing.SignOptions{}, doc),
		"inclusive":    sum(a, signing.SignOptions{C14N: signing.C14N10}, doc),
		"SHA-512":      sum(a, signing.SignOptions{Digest: signing.DigestSHA512}, doc),
		"with person":  sum(a, signing.SignOptions{}, person),
		"other quotes": sum(a, signing.SignOptions{}, bytes.Replace(doc, []byte(`"manifest"`), []byte(`'manifest'`), 1)),
	} {
		if got != first {
			t.Errorf("%s: other signed content", what)
		}
	}
	if sum(a, signing.SignOptions{}, edxml("y")) == first {
		t.Error("other content has the same digest")
	}
}

func TestVerifiedServesOnlyWhatIsSigned(t *testing.T) {
	ca := newCA(t, "ranges")
	l := newLeaf(t, ca, trialca.P256)
	doc := edxml("UEsDBA==")
	signed, err := signing.Sign(doc, l.key, l.chain, signing.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := signing.VerifyPackage(context.Background(), signing.BytesSource(signed), signing.VerifyOptions{Trust: trustIn(t, ca), At: day})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(iotest.OneByteReader(v.Reader()))
	if err != nil || !bytes.Equal(got, doc) {
		t.Errorf("reader serves %d bytes (%v), want the %d that were signed", len(got), err, len(doc))
	}
	sig := v.Signature().Range
	if v.Ranges()[0].End != sig.Start || v.Ranges()[1].Start != sig.End || !v.Signature().Whole() {
		t.Errorf("ranges %v around signature %v", v.Ranges(), sig)
	}
	for _, c := range []struct {
		r  signing.Range
		ok bool
	}{{signing.Range{Start: 0, End: sig.Start}, true}, {signing.Range{Start: sig.End, End: int64(len(signed))}, true},
		{signing.Range{Start: sig.Start, End: sig.End}, false}, {signing.Range{Start: sig.Start - 1, End: sig.Start + 1}, false},
		{signing.Range{Start: 0, End: int64(len(signed))}, false}, {signing.Range{Start: -1, End: 1}, false},
		{signing.Range{Start: 5, End: 4}, false}, {signing.Range{Start: sig.End, End: int64(len(signed)) + 1}, false}} {
		s, err := v.Section(c.r)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, signing.ErrNotSigned) {
			t.Errorf("section %v: %v", c.r, err)
		}
		if err == nil {
			if b, err := io.ReadAll(s); err != nil || !bytes.Equal(b, signed[c.r.Start:c.r.End]) {
				t.Errorf("section %v: %d bytes, %v", c.r, len(b), err)
			}
		}
	}
	if _, err := v.Reader().ReadAt(make([]byte, 10), sig.Start); !errors.Is(err, signing.ErrNotSigned) {
		t.Errorf("ReadAt inside the signature: %v", err)
	}
	if n, err := v.Reader().ReadAt(make([]byte, 10), 5); n != 10 || err != nil {
		t.Errorf("ReadAt inside the content: %d, %v", n, err)
	}
}

func TestSignPlaces(t *testing.T) {
	ca := newCA(t, "places")
	l := newLeaf(t, ca, trialca.P256)
	for _, c := range []struct {
		name, doc, want string // want: what stands before the signature; "" for an error
		o               signing.SignOptions
	}{
		{"behind TraceHeaderList", "<edXML><edXMLEnvelope><edXMLHeader><M/><TraceHeaderList></TraceHeaderList><X/></edXMLHeader></edXMLEnvelope></edXML>", "</TraceHeaderList>", signing.SignOptions{}},
		{"behind an empty TraceHeaderList", "<edXML><edXMLEnvelope><edXMLHeader><TraceHeaderList/><X/></edXMLHeader></edXMLEnvelope></edXML>", "<TraceHeaderList/>", signing.SignOptions{}},
		{"end of the header", "<edXML><edXMLEnvelope><edXMLHeader><M/></edXMLHeader></edXMLEnvelope></edXML>", "<M/>", signing.SignOptions{}},
		{"not a TraceHeaderList elsewhere", "<edXML><edXMLEnvelope><edXMLHeader><M><TraceHeaderList/></M></edXMLHeader><TraceHeaderList/></edXMLEnvelope></edXML>", "</M>", signing.SignOptions{}},
		{"last in another root", "<p><q/></p>", "<q/>", signing.SignOptions{}},
		{"given place", "<p><q/><r/></p>", "<q/>", signing.SignOptions{At: 7}},
		{"given place in text", "<p>x</p>", "<p>", signing.SignOptions{At: 3}},
		{"no header", "<edXML><edXMLEnvelope/></edXML>", "", signing.SignOptions{}},
		{"empty root", "<p/>", "", signing.SignOptions{}},
		{"inside a tag", "<p><q/></p>", "", signing.SignOptions{At: 5}},
		{"outside the root", "<?x?><p></p>", "", signing.SignOptions{At: 5}},
		{"unknown Id", "<p><q/></p>", "", signing.SignOptions{IDs: []string{"x"}}},
		{"two of an Id", "<p><q Id='x'/><r ID='x'/></p>", "", signing.SignOptions{IDs: []string{"x"}}},
		{"refused algorithm", "<p></p>", "", signing.SignOptions{Algorithm: "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}},
		{"algorithm of another key", "<p></p>", "", signing.SignOptions{Algorithm: signing.RSASHA256}},
		{"refused digest", "<p></p>", "", signing.SignOptions{Digest: "http://www.w3.org/2000/09/xmldsig#sha1"}},
		{"refused canonicalisation", "<p></p>", "", signing.SignOptions{C14N: signing.C14N10WithComments}},
		{"not XML", "<p>", "", signing.SignOptions{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := signing.Sign([]byte(c.doc), l.key, l.chain, c.o)
			if c.want == "" {
				if err == nil {
					t.Errorf("signed: %s", out)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			before, _, _ := bytes.Cut(out, []byte("<Signature "))
			if !bytes.HasSuffix(before, []byte(c.want)) {
				t.Errorf("signature stands behind %s, want %s", before, c.want)
			}
			rep, err := signing.Verify(context.Background(), signing.BytesSource(out), signing.VerifyOptions{Trust: trustIn(t, ca), At: day})
			if err != nil || len(rep.Signatures) != 1 || rep.Signatures[0].Refusal != signing.Accepted {
				t.Errorf("own signature not accepted: %+v, %v", rep, err)
			}
		})
	}
	other := newLeaf(t, ca, trialca.P256)
	if _, err := signing.Sign([]byte("<p></p>"), other.key, l.chain, signing.SignOptions{}); err == nil {
		t.Error("signed with a key that is not the certificate's")
	}
	if _, err := signing.Sign([]byte("<p></p>"), l.key, nil, signing.SignOptions{}); err == nil {
		t.Error("signed without a certificate")
	}
}

func TestKeyFiles(t *testing.T) {
	ca := newCA(t, "keys")
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"P-256": newLeaf(t, ca, trialca.P256).key, "P-384": newLeaf(t, ca, trialca.P384).key, "RSA": newLeaf(t, ca, trialca.RSA2048).key, "Ed25519": ed}
	for name, key := range keys {
		path := filepath.Join(t.TempDir(), "k.pem")
		if err := signing.SaveKey(path, key); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, want 0600 (%v)", name, st.Mode(), err)
		}
		got, err := signing.LoadKey(path)
		if err != nil || !got.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
			t.Errorf("%s: another key came back (%v)", name, err)
		}
		if err := signing.SaveKey(path, key); !errors.Is(err, os.ErrExist) {
			t.Errorf("%s: error %v, want that the file exists", name, err)
		}
	}
	for _, bad := range []string{"", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"} {
		if _, err := signing.ParseKey([]byte(bad)); err == nil {
			t.Errorf("key read from %q", bad)
		}
	}
}

func TestEvidence(t *testing.T) {
	ca := newCA(t, "evidence")
	l := newLeaf(t, ca, trialca.P256)
	signed, err := signing.Sign(edxml("x"), l.key, l.chain, signing.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := signing.VerifyOptions{Trust: trustIn(t, ca), At: day}
	var sums [2][32]byte
	for i := range sums {
		rep, err := signing.Verify(context.Background(), signing.BytesSource(signed), o)
		if err != nil {
			t.Fatal(err)
		}
		b, err := rep.Evidence().Bytes()
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = sha256.Sum256(b)
		var e signing.Evidence
		if err := json.Unmarshal(b, &e); err != nil || e.Policy != signing.PolicyVersion || len(e.Signatures) != 1 || len(e.Signatures[0].Chain) != 2 ||
			!bytes.Equal(e.Signatures[0].Chain[0], l.cert.Raw) || !e.At.Equal(day) {
			t.Errorf("evidence %s, %v", b, err)
		}
	}
	if sums[0] != sums[1] {
		t.Error("the same verification gave other evidence")
	}
}

var filling = bytes.Repeat([]byte("UEsDBBQA"), 8<<10)

// endless is a document of any size that is never in memory: head, so many bytes of filling, tail.
type endless struct {
	head, tail []byte
	fill       int64
}

func (e endless) Size() int64 { return int64(len(e.head)) + e.fill + int64(len(e.tail)) }

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		switch h := int64(len(e.head)); {
		case at < h:
			n += copy(p[n:], e.head[at:])
		case at < h+e.fill:
			n += copy(p[n:min(int64(len(p)), int64(n)+h+e.fill-at)], filling[(at-h)%8:])
		case at < e.Size():
			n += copy(p[n:], e.tail[at-h-e.fill:])
		default:
			return n, io.EOF
		}
	}
	return n, nil
}

// TestConstantMemory signs and verifies 64 MiB, in one reading and in two, and looks at what was allocated.
func TestConstantMemory(t *testing.T) {
	ca := newCA(t, "memory")
	l := newLeaf(t, ca, trialca.P256)
	o := signing.VerifyOptions{Trust: trustIn(t, ca), At: day}
	head, tail, _ := bytes.Cut(edxml("@"), []byte("@"))
	big := endless{head: head, tail: tail, fill: 64 << 20}
	for _, digest := range []string{signing.DigestSHA256, signing.DigestSHA512} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var out ends
		if err := signing.SignTo(context.Background(), &out, big, l.key, l.chain, signing.SignOptions{Digest: digest}); err != nil {
			t.Fatal(err)
		}
		head, tail := out.around()
		signed := endless{head: head, tail: tail, fill: big.fill}
		if _, err := signing.VerifyPackage(context.Background(), signed, o); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%s: %d bytes allocated for a document of %d", digest, n, signed.Size())
		}
	}
}

// ends keeps the first and the last bytes of what is written.
type ends struct{ first, last []byte }

func (e *ends) Write(p []byte) (int, error) {
	const keep = 16 << 10
	e.first = append(e.first, p[:min(len(p), keep-len(e.first))]...)
	end := p[max(0, len(p)-keep):]
	if over := len(e.last) + len(end) - keep; over > 0 {
		e.last = e.last[:copy(e.last, e.last[over:])]
	}
	e.last = append(e.last, end...)
	return len(p), nil
}

// around returns the document's bytes before and behind its filling.
func (e *ends) around() (head, tail []byte) {
	open, end := []byte("<edXML:ContentTransferEncoded>"), []byte("</edXML:ContentTransferEncoded>")
	return e.first[:bytes.Index(e.first, open)+len(open)], e.last[bytes.LastIndex(e.last, end):]
}
