package ledger_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

const origin = "tram.bacgiang.example/log"

var update = flag.Bool("update", false, "make the vectors in testdata/record anew (with new keys)")

const vectors = "../../testdata/record"

type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

var day = time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)

func newAuthority(t testing.TB, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: day.AddDate(-1, 0, 0), NotAfter: day.AddDate(9, 0, 0), KeyUsage: x509.KeyUsageCertSign}
	return authority{key, sign(t, c, c, key.Public(), key)}
}

func sign(t testing.TB, c, parent *x509.Certificate, pub any, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (a authority) node(t testing.TB, host string, until time.Time, pub any) *x509.Certificate {
	return sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: day.AddDate(-1, 0, 0), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature}, a.cert, pub, a.key)
}

func pemOf(certs ...*x509.Certificate) (b []byte) {
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

// sealedLog is n events with the head over them.
func sealedLog(t testing.TB, n int, s *ledger.Signer) events.Sealed {
	t.Helper()
	var out events.Sealed
	var all []events.Digest
	for i := range n {
		st := events.Statement{Origin: s.Origin(), Stream: "document/x", Version: uint64(i), Name: "document.received.v1", Time: day.Add(time.Duration(i) * time.Second),
			Actor: "H02.18", Client: "token:1", Data: []byte(`{"to":["G22"]}`), Nonce: [16]byte{byte(i)}}
		b, err := st.Encode()
		if err != nil {
			t.Fatal(err)
		}
		out.Events = append(out.Events, events.Event{Position: uint64(i), Statement: st, Bytes: b})
		all = append(all, ledger.Entry(b))
	}
	tree := new(ledger.Tree)
	g := tree.Append(all)
	for i := range n {
		p, err := g.Prove(uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		out.Proofs = append(out.Proofs, p)
	}
	out.Head = events.Head{Origin: s.Origin(), Size: uint64(n), Root: tree.Root()}
	var err error
	if out.Head.Checkpoint, err = s.Sign(out.Head.Size, out.Head.Root); err != nil {
		t.Fatal(err)
	}
	return out
}

func newLogKey(t testing.TB) ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newSigner(t testing.TB, origin string, log ed25519.PrivateKey, node crypto.Signer) *ledger.Signer {
	s, err := ledger.NewSigner(origin, log, node, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// makeVectors writes receipts, keys and the list of what each pair must give.
func makeVectors(t *testing.T) {
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(vectors, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(vectors, 0o755); err != nil {
		t.Fatal(err)
	}
	ca, otherCA := newAuthority(t, "Trial authority"), newAuthority(t, "Another authority")
	log := newLogKey(t)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	receipt := func(name string, s *ledger.Signer, n, i int, chain ...*x509.Certificate) []byte {
		b, err := ledger.NewReceipt(sealedLog(t, n, s), i, chain)
		if err != nil {
			t.Fatal(err)
		}
		write(name, b)
		return b
	}
	host, _, _ := strings.Cut(origin, "/")
	nodeP256, nodeRSA := ca.node(t, host, day.AddDate(2, 0, 0), p256.Public()), ca.node(t, host, day.AddDate(2, 0, 0), rsaKey.Public())
	s := newSigner(t, origin, log, p256)
	good := receipt("p256.tlog-proof", s, 7, 3, nodeP256, ca.cert)
	receipt("rsa.tlog-proof", newSigner(t, origin, log, rsaKey), 1000, 998, nodeRSA)
	receipt("one.tlog-proof", s, 1, 0, nodeP256)
	receipt("expired.tlog-proof", s, 2, 1, ca.node(t, host, day.AddDate(0, 0, -1), p256.Public()))
	receipt("otherhost.tlog-proof", s, 2, 1, ca.node(t, "tram.other.example", day.AddDate(2, 0, 0), p256.Public()))
	receipt("otherorigin.tlog-proof", newSigner(t, "tram.vpcp.example/log", log, p256), 7, 3, nodeP256)
	foreign := newSigner(t, origin, newLogKey(t), p256)
	receipt("foreignlog.tlog-proof", foreign, 7, 3, nodeP256)

	r, err := ledger.ParseReceipt(good)
	if err != nil {
		t.Fatal(err)
	}
	alter := func(name string, f func(*ledger.Receipt)) {
		c := *r
		c.Bytes, c.Proof, c.Checkpoint = bytes.Clone(r.Bytes), append([]events.Digest{}, r.Proof...), bytes.Clone(r.Checkpoint)
		f(&c)
		write(name, c.Encode())
	}
	alter("statement.tlog-proof", func(r *ledger.Receipt) { r.Bytes = bytes.Replace(r.Bytes, []byte("G22"), []byte("G23"), 1) })
	alter("index.tlog-proof", func(r *ledger.Receipt) { r.Position = 2 })
	alter("proof.tlog-proof", func(r *ledger.Receipt) { r.Proof[1][0] ^= 1 })
	alter("short.tlog-proof", func(r *ledger.Receipt) { r.Proof = r.Proof[:2] })
	alter("long.tlog-proof", func(r *ledger.Receipt) { r.Proof = append(r.Proof, r.Proof[0]) })
	alter("root.tlog-proof", func(r *ledger.Receipt) { r.Checkpoint[len(origin)+5] ^= 1 })
	write("cut.tlog-proof", good[:len(good)-60])

	key, err := ledger.LogKey(origin, log.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	otherKey, _ := ledger.LogKey(origin, newLogKey(t).Public().(ed25519.PublicKey))
	write("log.key", []byte(key+"\n"))
	write("otherlog.key", []byte(otherKey+"\n"))
	write("p256.pem", pemOf(nodeP256))
	write("rsa.pem", pemOf(nodeRSA))
	write("ca.pem", pemOf(ca.cert))
	write("otherca.pem", pemOf(otherCA.cert))
	write("receipts.txt", []byte(`# receipt            key           expect
# A receipt with a key must be proved (ok) or refused (bad). Keys named ca are authorities.
p256.tlog-proof        log.key       ok
p256.tlog-proof        p256.pem      ok
p256.tlog-proof        ca.pem        ok
p256.tlog-proof        otherlog.key  bad
p256.tlog-proof        rsa.pem       bad
p256.tlog-proof        otherca.pem   bad
rsa.tlog-proof         log.key       ok
rsa.tlog-proof         rsa.pem       ok
rsa.tlog-proof         ca.pem        ok
rsa.tlog-proof         p256.pem      bad
one.tlog-proof         log.key       ok
one.tlog-proof         p256.pem      ok
expired.tlog-proof     ca.pem        bad
otherhost.tlog-proof   ca.pem        bad
otherorigin.tlog-proof log.key       bad
otherorigin.tlog-proof ca.pem        bad
foreignlog.tlog-proof  log.key       bad
foreignlog.tlog-proof  p256.pem      ok
statement.tlog-proof   log.key       bad
statement.tlog-proof   p256.pem      bad
index.tlog-proof       log.key       bad
index.tlog-proof       p256.pem      bad
proof.tlog-proof       log.key       bad
short.tlog-proof       log.key       bad
long.tlog-proof        log.key       bad
long.tlog-proof        p256.pem      bad
root.tlog-proof        log.key       bad
root.tlog-proof        p256.pem      bad
cut.tlog-proof         p256.pem      bad
`))
}

type vector struct {
	receipt, key string
	ok           bool
}

func readVectors(t testing.TB) (out []vector) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, "receipts.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) != 3 || f[2] != "ok" && f[2] != "bad" {
			t.Fatalf("line %q", line)
		}
		out = append(out, vector{f[0], f[1], f[2] == "ok"})
	}
	if len(out) < 20 {
		t.Fatalf("%d vectors", len(out))
	}
	return out
}

func readVector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReceiptVectors(t *testing.T) {
	if *update {
		makeVectors(t)
	}
	for _, v := range readVectors(t) {
		key, err := ledger.ParseKey(readVector(t, v.key))
		if err != nil {
			t.Fatal(err)
		}
		file := readVector(t, v.receipt)
		r, head, err := ledger.CheckReceipt(file, key)
		if v.ok != (err == nil) {
			t.Errorf("%s with %s: %v, expected ok: %t", v.receipt, v.key, err, v.ok)
		}
		if err != nil {
			continue
		}
		if !bytes.Equal(r.Encode(), file) {
			t.Errorf("%s: encodes differently", v.receipt)
		}
		if head.Origin != origin || head.Size <= r.Position || r.Statement.Name != "document.received.v1" {
			t.Errorf("%s: head %+v, statement %s", v.receipt, head, r.Bytes)
		}
	}
}

// Whatever byte is changed, a receipt that is still proved says the same.
func TestEveryChangedByteOfAReceipt(t *testing.T) {
	for _, v := range []vector{{"p256.tlog-proof", "log.key", true}, {"p256.tlog-proof", "p256.pem", true}, {"p256.tlog-proof", "ca.pem", true}} {
		key, err := ledger.ParseKey(readVector(t, v.key))
		if err != nil {
			t.Fatal(err)
		}
		file := readVector(t, v.receipt)
		want, wantHead, err := ledger.CheckReceipt(file, key)
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for i := range file {
			for _, x := range []byte{1, 2, 0x20, 0x80} {
				b := bytes.Clone(file)
				b[i] ^= x
				r, head, err := ledger.CheckReceipt(b, key)
				if err != nil {
					refused++
					continue
				}
				if !bytes.Equal(r.Bytes, want.Bytes) || r.Position != want.Position || head != wantHead {
					t.Fatalf("%s: byte %d changed, and another statement is proved", v.key, i)
				}
			}
			if _, _, err := ledger.CheckReceipt(file[:i], key); err == nil && i < len(file)-200 {
				t.Fatalf("the first %d bytes are proved", i)
			}
		}
		if refused < len(file)*2 {
			t.Errorf("%s: only %d of %d changes refused", v.key, refused, 4*len(file))
		}
	}
}

func TestCheckpointLines(t *testing.T) {
	log := newLogKey(t)
	node, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s := newSigner(t, origin, log, node)
	root := events.Sum([]byte("root"))
	b, err := s.Sign(12, root)
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Head{Origin: origin, Size: 12, Root: root}
	// The log line is what the library itself would open.
	vkey, err := ledger.LogKey(origin, log.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	lib, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		v    []note.Verifier
		want ledger.Lines
	}{
		"log":  {[]note.Verifier{lib}, ledger.Lines{Log: true}},
		"node": {[]note.Verifier{s.NodeVerifier()}, ledger.Lines{Node: true}},
		"both": {[]note.Verifier{s.LogVerifier(), s.NodeVerifier()}, ledger.Lines{Log: true, Node: true}},
	} {
		h, lines, err := ledger.OpenCheckpoint(b, origin, c.v...)
		if err != nil || h != want || lines != c.want {
			t.Errorf("%s: %+v, %+v, %v", name, h, lines, err)
		}
	}
	if h, err := ledger.ReadCheckpoint(b); err != nil || h != want {
		t.Errorf("read %+v, %v", h, err)
	}
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1
		if h, lines, err := ledger.OpenCheckpoint(c, origin, s.LogVerifier(), s.NodeVerifier()); err == nil && (h != want || lines.Log && lines.Node && !bytes.Equal(meaning(c), meaning(b))) {
			t.Fatalf("byte %d changed: opens as %+v %+v", i, h, lines)
		}
	}
	if _, _, err := ledger.OpenCheckpoint(b, "other.example/log", lib); err == nil {
		t.Error("opens for another origin")
	}
	if _, _, err := ledger.OpenCheckpoint(b, origin); err == nil {
		t.Error("opens without a key")
	}
}

// meaning is a checkpoint without the bits of base64 that mean nothing: the note library does not look at them.
func meaning(b []byte) []byte {
	var out []byte
	for f := range bytes.FieldsSeq(b) {
		if raw, err := base64.StdEncoding.DecodeString(string(f)); err == nil {
			f = raw
		}
		out = append(append(out, f...), ' ')
	}
	return out
}

func TestCheckpointTextIsStrict(t *testing.T) {
	log := newLogKey(t)
	node, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s := newSigner(t, origin, log, node)
	root := "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for text, ok := range map[string]bool{
		origin + "\n0\n" + root + "\n":                   true,
		origin + "\n00\n" + root + "\n":                  false,
		origin + "\n-1\n" + root + "\n":                  false,
		origin + "\n9223372036854775808\n" + root + "\n": false,
		origin + "\n0\n" + root + "\nextension\n":        false,
		origin + "\n0\n" + root[1:] + "\n":               false,
		origin + "\n0\n":                                 false,
		"\n0\n" + root + "\n":                            false,
	} {
		b, err := note.Sign(&note.Note{Text: text}, noteSigner{s.LogVerifier(), log})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ledger.OpenCheckpoint(b, "", s.LogVerifier()); ok != (err == nil) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

type noteSigner struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

func TestSignerRefusesKeys(t *testing.T) {
	log := newLogKey(t)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for name, c := range map[string]struct {
		origin    string
		log, node crypto.Signer
	}{
		"P-384":           {origin, log, p384},
		"Ed25519 node":    {origin, log, log},
		"P-256 log":       {origin, p256, p256},
		"no origin":       {"", log, p256},
		"space in origin": {"a b", log, p256},
		"plus in origin":  {"a+b", log, p256},
		"newline":         {"a\nb", log, p256},
		"not ASCII":       {"trạm", log, p256},
	} {
		if _, err := ledger.NewSigner(c.origin, c.log, c.node, rand.Reader); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	failing := broken{p256}
	s, err := ledger.NewSigner(origin, log, failing, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(0, events.Sum(nil)); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("HSM is away")

type broken struct{ *ecdsa.PrivateKey }

func (broken) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return nil, errBroken
}

func TestParseKeyRefuses(t *testing.T) {
	for _, bad := range []string{"", "x", "a+b+c", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN"} {
		if _, err := ledger.ParseKey([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzParseReceipt(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(readVector(f, v.receipt))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ledger.ParseReceipt(b)
		if err != nil {
			if r != nil {
				t.Fatal("an error came with a partial result")
			}
			return
		}
		if !bytes.Equal(r.Encode(), b) {
			t.Fatalf("encodes differently: %q", r.Encode())
		}
		again, err := ledger.ParseReceipt(r.Encode())
		if err != nil || !reflect.DeepEqual(again.Statement, r.Statement) {
			t.Fatal(fmt.Errorf("does not parse again: %w", err))
		}
	})
}

// The chain in a receipt is what encoding/pem writes, whatever the length of a certificate.
func TestReceiptChainIsPEM(t *testing.T) {
	for n := range 200 {
		raw := bytes.Repeat([]byte{0xfb, 0xff, byte(n)}, n)[:n]
		r := ledger.Receipt{Bytes: []byte("{}"), Chain: []*x509.Certificate{{Raw: raw}, {Raw: []byte("second")}}}
		_, rest, _ := strings.Cut(string(r.Encode()), "extra ")
		line, _, _ := strings.Cut(rest, "\n")
		got, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		want := []byte("{}\n")
		for _, c := range r.Chain {
			want = append(want, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("certificate of %d bytes:\n%s\nexpected\n%s", n, got, want)
		}
	}
}

func BenchmarkReceipt(b *testing.B) {
	r := ledger.Receipt{
		Bytes: make([]byte, 900), Position: 1 << 20, Proof: make([]events.Digest, 18), Checkpoint: make([]byte, 300),
		Chain: []*x509.Certificate{{Raw: make([]byte, 800)}, {Raw: make([]byte, 800)}},
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Encode()
	}
}
