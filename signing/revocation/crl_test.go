package revocation_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

func extension(t testing.TB, id asn1.ObjectIdentifier, critical bool, value any) pkix.Extension {
	t.Helper()
	v, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: id, Critical: critical, Value: v}
}

// scopeOf is an issuing distribution point: tags and contents in order.
func scopeOf(parts ...asn1.RawValue) pkix.Extension {
	var b []byte
	for _, p := range parts {
		p.Class = asn1.ClassContextSpecific
		der, _ := asn1.Marshal(p)
		b = append(b, der...)
	}
	v, _ := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: b})
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: v}
}

func set(tag int) asn1.RawValue { return asn1.RawValue{Tag: tag, Bytes: []byte{0xff}} }

func point(url string) asn1.RawValue {
	uri, _ := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(url)})
	full, _ := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: uri})
	return asn1.RawValue{Tag: 0, IsCompound: true, Bytes: full}
}

func TestCRL(t *testing.T) {
	w := newWorld(t, trialca.Places{CRL: "http://crl.example/ca.crl"})
	stranger, err := trialca.New("CA cấp chứng thư", seeded("stranger"), func() time.Time { return day.AddDate(-1, 0, 0) })
	w.must(err)
	crlKey, crlCert := w.issue(w.mid, trialca.Leaf{}, func(c *x509.Certificate) {
		c.Subject, c.KeyUsage = w.mid.Certificate.Subject, x509.KeyUsageCRLSign
	})
	falseKey, falseCert := w.issue(stranger, trialca.Leaf{}, func(c *x509.Certificate) {
		c.Subject, c.KeyUsage = w.mid.Certificate.Subject, x509.KeyUsageCRLSign
	})
	noUseKey, noUseCert := w.issue(w.mid, trialca.Leaf{}, func(c *x509.Certificate) { c.Subject = w.mid.Certificate.Subject })
	bareKey, bareCert := w.issue(w.mid, trialca.Leaf{}, func(c *x509.Certificate) {
		c.Subject, c.KeyUsage, c.ExtKeyUsage = w.mid.Certificate.Subject, 0, []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	})
	by := func(key crypto.Signer, cert *x509.Certificate, o trialca.CRLOptions) []byte {
		der, err := x509.CreateRevocationList(nil, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: o.ThisUpdate, NextUpdate: o.ThisUpdate.Add(hour)}, withCRLSign(cert), key)
		w.must(err)
		return der
	}
	usual := trialca.CRLOptions{ThisUpdate: day}
	listed := func(reason int) trialca.CRLOptions {
		return trialca.CRLOptions{ThisUpdate: day, Entries: []trialca.Revoked{{Serial: w.leaf.SerialNumber, At: day.Add(-hour), Reason: reason, InvalidSince: day.Add(-2 * hour)}}}
	}
	with := func(o trialca.CRLOptions, e ...pkix.Extension) trialca.CRLOptions { o.Extra = e; return o }
	unknown := asn1.ObjectIdentifier{2, 25, 1947231, 1}
	for _, c := range []struct {
		name   string
		der    []byte
		help   *x509.Certificate
		want   revocation.Status // Unknown: no answer
		refuse string            // in the error
	}{
		{"good", w.crl(w.mid, usual), nil, revocation.Good, ""},
		{"revoked", w.crl(w.mid, listed(revocation.KeyCompromise)), nil, revocation.Revoked, ""},
		{"without reason", w.crl(w.mid, listed(revocation.Unspecified)), nil, revocation.Revoked, ""},
		{"held", w.crl(w.mid, listed(revocation.CertificateHold)), nil, revocation.Suspended, ""},
		{"removed", w.crl(w.mid, listed(revocation.RemoveFromCRL)), nil, revocation.Good, ""},
		{"of the authority above", w.crl(w.root, usual), nil, revocation.Unknown, ""},
		{"same name, other key", w.crl(stranger, usual), nil, revocation.Unknown, "names the key"},
		{"delta", w.crl(w.mid, with(usual, extension(t, asn1.ObjectIdentifier{2, 5, 29, 27}, true, big.NewInt(1)))), nil, revocation.Unknown, "delta"},
		{"critical extension", w.crl(w.mid, with(usual, extension(t, unknown, true, 1))), nil, revocation.Unknown, "critical extension"},
		{"extension that may be ignored", w.crl(w.mid, with(usual, extension(t, unknown, false, 1))), nil, revocation.Good, ""},
		{"for users only", w.crl(w.mid, with(usual, scopeOf(set(1)))), nil, revocation.Good, ""},
		{"for authorities only", w.crl(w.mid, with(usual, scopeOf(set(2)))), nil, revocation.Unknown, ""},
		{"for attributes only", w.crl(w.mid, with(usual, scopeOf(set(5)))), nil, revocation.Unknown, ""},
		{"some reasons, not listed", w.crl(w.mid, with(usual, scopeOf(asn1.RawValue{Tag: 3, Bytes: []byte{6, 0x40}}))), nil, revocation.Unknown, ""},
		{"some reasons, listed", w.crl(w.mid, with(listed(1), scopeOf(asn1.RawValue{Tag: 3, Bytes: []byte{6, 0x40}}))), nil, revocation.Revoked, ""},
		{"indirect", w.crl(w.mid, with(usual, scopeOf(set(4)))), nil, revocation.Unknown, "indirect"},
		{"the certificate's point", w.crl(w.mid, with(usual, scopeOf(point("http://crl.example/ca.crl")))), nil, revocation.Good, ""},
		{"another point", w.crl(w.mid, with(usual, scopeOf(point("http://crl.example/other.crl")))), nil, revocation.Unknown, ""},
		{"a key for CRLs", by(crlKey, crlCert, usual), crlCert, revocation.Good, ""},
		{"a key for CRLs, not at hand", by(crlKey, crlCert, usual), nil, revocation.Unknown, "names the key"},
		{"a key for CRLs of another authority", by(falseKey, falseCert, usual), falseCert, revocation.Unknown, "names the key"},
		{"a key for OCSP", by(bareKey, bareCert, usual), bareCert, revocation.Unknown, "names the key"},
		{"a key that is not for CRLs", by(noUseKey, noUseCert, usual), noUseCert, revocation.Unknown, "names the key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := vector{about: "CRL " + c.name, expect: c.want, all: c.want, why: c.refuse, at: day, chain: w.chain()[:2], answers: [][]byte{c.der}, helpers: []*x509.Certificate{c.help}}
			if c.want != revocation.Unknown {
				v.by = revocation.CRL
			}
			v.write(t)
			o := revocation.NewOffline(c.der)
			if len(o.Problems()) > 0 {
				t.Fatal(o.Problems())
			}
			o.Certify(c.help)
			got, err := find(t, o, w.leaf, w.mid.Certificate)
			if c.refuse == "" && err != nil || c.refuse != "" && (err == nil || !strings.Contains(err.Error(), c.refuse)) {
				t.Errorf("error %v, want %q", err, c.refuse)
			}
			if c.want == revocation.Unknown {
				if len(got) > 0 {
					t.Errorf("%+v, want no answer", got)
				}
				return
			}
			if len(got) != 1 || got[0].Status != c.want || !got[0].ThisUpdate.Equal(day) {
				t.Fatalf("%+v, want one that says %s", got, c.want)
			}
			if a := got[0]; c.want != revocation.Good && (!a.At.Equal(day.Add(-hour)) || !a.InvalidSince.Equal(day.Add(-2*hour))) {
				t.Errorf("revoked %s, invalid since %s", a.At, a.InvalidSince)
			}
		})
	}
}

// withCRLSign is what the standard library wants to see in the issuer of a CRL.
func withCRLSign(c *x509.Certificate) *x509.Certificate {
	d := *c
	d.KeyUsage |= x509.KeyUsageCRLSign
	return &d
}

// TestCRLBytes changes every byte of a CRL in turn: never may it be taken for authentic.
func TestCRLBytes(t *testing.T) {
	w := newWorld(t)
	der := w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day, Entries: []trialca.Revoked{{Serial: w.leaf.SerialNumber, At: day, Reason: 1}}})
	for i := range der {
		for _, x := range []byte{1, 0x80} {
			b := append([]byte(nil), der...)
			b[i] ^= x
			if got, _ := find(t, revocation.NewOffline(b), w.leaf, w.mid.Certificate); len(got) > 0 {
				t.Fatalf("byte %d changed by %#x: answered %+v", i, x, got[0])
			}
		}
	}
}

// TestIndex compares the index with what the standard library reads.
func TestIndex(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		serials := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 400), 0, 60, rapid.ID[uint64]).Draw(rt, "serials")
		var entries []trialca.Revoked
		for i, s := range serials {
			n := new(big.Int).SetUint64(s)
			if s%3 == 0 { // long ones, with a high bit that needs a leading zero
				n.Lsh(n, 135)
			}
			entries = append(entries, trialca.Revoked{Serial: n, At: day.Add(time.Duration(i) * time.Minute), Reason: []int{0, 1, 4, 6}[i%4]})
		}
		der, err := w.mid.CRLWith(trialca.CRLOptions{ThisUpdate: day, Entries: entries})
		if err != nil {
			rt.Fatal(err)
		}
		l, err := revocation.ParseCRL(der)
		if err != nil {
			rt.Fatal(err)
		}
		theirs, err := x509.ParseRevocationList(der)
		if err != nil {
			rt.Fatal(err)
		}
		if l.Len() != len(theirs.RevokedCertificateEntries) {
			rt.Fatalf("%d entries, want %d", l.Len(), len(theirs.RevokedCertificateEntries))
		}
		for _, e := range theirs.RevokedCertificateEntries {
			got, ok := l.Lookup(e.SerialNumber)
			if !ok || !got.At.Equal(e.RevocationTime) || got.Reason != e.ReasonCode {
				rt.Fatalf("%s: %+v, %v, want %s, %d", e.SerialNumber, got, ok, e.RevocationTime, e.ReasonCode)
			}
		}
		for _, absent := range []int64{0, 401, 1 << 40} {
			if _, ok := l.Lookup(big.NewInt(absent)); ok {
				rt.Fatalf("%d was found", absent)
			}
		}
	})
}

// bigCRL has n entries of 16-byte serial numbers, written directly: the standard library's writer needs gigabytes for a million.
func bigCRL(tb testing.TB, w *world, n int) []byte {
	tb.Helper()
	at, _ := asn1.Marshal(day)
	var entries []byte
	for i := range n {
		serial := make([]byte, 16)
		serial[0] = 0x41
		x := uint64(i) * 0x9E3779B97F4A7C15 // not in order
		for j := range 8 {
			serial[8+j] = byte(x >> (8 * j))
		}
		entry := append([]byte{0x02, 16}, serial...)
		entry = append(entry, at...)
		entries = append(append(entries, 0x30, byte(len(entry))), entry...)
	}
	seq := func(b ...[]byte) []byte {
		var all []byte
		for _, x := range b {
			all = append(all, x...)
		}
		der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: all})
		if err != nil {
			tb.Fatal(err)
		}
		return der
	}
	alg, _ := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}})
	tbs := seq([]byte{2, 1, 1}, alg, w.mid.Certificate.RawSubject, at, at, seq(entries))
	digest := crypto.SHA256.New()
	digest.Write(tbs)
	value, err := w.mid.Key().Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	if err != nil {
		tb.Fatal(err)
	}
	bits, _ := asn1.Marshal(asn1.BitString{Bytes: value, BitLength: 8 * len(value)})
	return seq(tbs, alg, bits)
}

// TestLargeCRL reads a million entries: beside the bytes themselves a few for each.
func TestLargeCRL(t *testing.T) {
	const n = 1_000_000
	w := newWorld(t)
	der := bigCRL(t, w, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	o := revocation.NewOffline(der)
	if len(o.Problems()) > 0 {
		t.Fatal(o.Problems())
	}
	serial := func(i uint64) *big.Int {
		b := make([]byte, 16)
		b[0] = 0x41
		x := i * 0x9E3779B97F4A7C15
		for j := range 8 {
			b[8+j] = byte(x >> (8 * j))
		}
		return new(big.Int).SetBytes(b)
	}
	for i, want := range map[uint64]revocation.Status{0: revocation.Revoked, 1: revocation.Revoked, n / 2: revocation.Revoked, n - 1: revocation.Revoked, n: revocation.Good} {
		cert := *w.leaf
		cert.SerialNumber = serial(i)
		got, err := find(t, o, &cert, w.mid.Certificate)
		if err != nil || len(got) != 1 || got[0].Status != want {
			t.Errorf("entry %d: %v, %v, want %s", i, got, err, want)
		}
	}
	runtime.ReadMemStats(&after)
	if extra := int64(after.TotalAlloc - before.TotalAlloc); extra > 64<<20 {
		t.Errorf("%d MiB allocated for %d MiB of CRL, want at most 64", extra>>20, len(der)>>20)
	}
	runtime.KeepAlive(der)
}

func TestOfflineOdd(t *testing.T) {
	w := newWorld(t)
	good := w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day})
	o := revocation.NewOffline(good, good, []byte("garbage"), nil, w.leaf.Raw)
	if len(o.Problems()) != 3 || o.Empty() {
		t.Errorf("problems %v, want 3", o.Problems())
	}
	if got, err := find(t, o, w.leaf, w.mid.Certificate); len(got) != 1 || err != nil {
		t.Errorf("the same CRL twice gives %d answers, %v", len(got), err)
	}
	if !o.Speaks(w.mid.Certificate) || o.Speaks(w.root.Certificate) {
		t.Error("Speaks says otherwise")
	}
	if _, err := revocation.ParseCRL(make([]byte, revocation.MaxCRL+1)); err == nil {
		t.Error("a CRL beyond the limit was read")
	}
}

func TestLoadFolder(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	write := func(name string, b []byte) {
		w.must(os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	key, responder := w.issue(w.mid, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP}, nil)
	write("mid.crl", w.crl(w.mid, trialca.CRLOptions{ThisUpdate: day}))
	block := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: w.crl(w.root, trialca.CRLOptions{ThisUpdate: day})})
	write("all.pem", append(block, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: responder.Raw})...))
	write("0a1b2c3d.r0", w.crl(w.root, trialca.CRLOptions{ThisUpdate: day.Add(hour)}))
	write("leaf.ocsp", respond(w.answering(w.mid, key, responder, day, hour, revocation.Record{Status: revocation.Good}), w.leaf, w.mid.Certificate))
	write("notes.txt", []byte("nothing"))
	o, err := revocation.LoadFolder(dir)
	w.must(err)
	got, err := find(t, o, w.leaf, w.mid.Certificate)
	if err != nil || len(got) != 2 || got[0].Source != "leaf.ocsp" || got[1].Source != "mid.crl" {
		t.Errorf("%+v, %v, want what leaf.ocsp and mid.crl say", got, err)
	}
	if got, err := find(t, o, w.mid.Certificate, w.root.Certificate); err != nil || len(got) != 2 {
		t.Errorf("%+v, %v, want what all.pem and 0a1b2c3d.r0 say", got, err)
	}
	write("bad.crl", []byte("garbage"))
	if _, err := revocation.LoadFolder(dir); err == nil || !strings.Contains(err.Error(), "bad.crl") {
		t.Errorf("error %v, want one that names bad.crl", err)
	}
	if _, err := revocation.LoadFolder(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there was read")
	}
}

func BenchmarkFindInMillion(b *testing.B) {
	w := newWorld(b)
	o := revocation.NewOffline(bigCRL(b, w, 1_000_000))
	if _, err := find(b, o, w.leaf, w.mid.Certificate); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := find(b, o, w.leaf, w.mid.Certificate); err != nil {
			b.Fatal(err)
		}
	}
}
