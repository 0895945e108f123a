package keystore

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// timers collects what a ring wants done later.
type timers struct {
	mu    sync.Mutex
	later []func()
}

func (l *timers) after(_ time.Duration, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.later = append(l.later, f)
}

func (l *timers) run() {
	l.mu.Lock()
	later := l.later
	l.later = nil
	l.mu.Unlock()
	for _, f := range later {
		f()
	}
}

// world is a folder of keys and a ring over them.
type world struct {
	t      testing.TB
	dir    string
	timers timers
}

// key writes a key valid for some days around noon and gives its entry.
func (w *world) key(name string, p Purpose, holder string, fromDay, toDay int) Entry {
	key := mustGenerate(P256)
	cert := testCA().issue(w.t, key.Public(), func(c *x509.Certificate) {
		c.Subject.CommonName, c.NotBefore, c.NotAfter = name, noon.AddDate(0, 0, fromDay), noon.AddDate(0, 0, toDay)
	})
	writePEM(w.t, w.dir, name+".pem", key, cert)
	return Entry{Purpose: p, Holder: holder, Ref: mustRef(w.t, name+".pem")}
}

func (w *world) ring(entries ...Entry) *Keyring {
	w.t.Helper()
	r, err := NewKeyring(w.t.Context(), entries, RingOptions{Open: Options{Base: w.dir}, AfterFunc: w.timers.after})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) reload(r *Keyring, entries ...Entry) Changes {
	w.t.Helper()
	ch, err := r.Reload(w.t.Context(), entries, Options{Base: w.dir})
	if err != nil {
		w.t.Fatal(err)
	}
	return ch
}

// name tells which key a lease is of.
func name(l *Lease) string { return l.Chain[0].Subject.CommonName }

func TestKeyringFor(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	late := w.key("late", Organisation, "H02.02", -5, 40)
	late.From = noon.AddDate(0, 0, 3)
	r := w.ring(w.key("old", Organisation, "H02.02", -30, 2), w.key("new", Organisation, "H02.02", -1, 30), late, w.key("other", Organisation, "H02.11", -1, 90),
		w.key("person", Person, "H02.02", -1, 90), w.key("longer", Organisation, "H02.02", -1, 20))
	for _, c := range []struct {
		day    int
		holder string
		p      Purpose
		want   string
	}{
		{0, "H02.02", Organisation, "new"}, {-10, "H02.02", Organisation, "old"}, {3, "H02.02", Organisation, "late"}, {2, "H02.02", Organisation, "new"},
		{35, "H02.02", Organisation, "late"}, {0, "H02.11", Organisation, "other"}, {0, "H02.02", Person, "person"},
		{100, "H02.02", Organisation, ""}, {-100, "H02.02", Organisation, ""}, {0, "", Organisation, ""}, {0, "H02.02", TSA, ""},
	} {
		l, err := r.For(c.p, c.holder, noon.AddDate(0, 0, c.day))
		if c.want == "" {
			if !errors.Is(err, ErrNoKey) {
				t.Errorf("day %d %s %s: %v, want ErrNoKey", c.day, c.p, c.holder, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("day %d: %v", c.day, err)
			continue
		}
		if name(l) != c.want {
			t.Errorf("day %d: %s, want %s", c.day, name(l), c.want)
		}
		l.Release()
		l.Release()
	}
	if _, err := r.For(Organisation, "H02.02", noon.AddDate(0, 0, 100)); err == nil || !strings.Contains(err.Error(), "old.pem ended on 2026-11-24") {
		t.Errorf("the error should say what there is: %v", err)
	}
	want := map[string]Standing{"old.pem": Previous, "new.pem": Active, "late.pem": Next, "other.pem": Active, "person.pem": Active, "longer.pem": Previous}
	for _, i := range r.List(noon) {
		if i.Standing != want[i.Ref.String()] || i.Uses != 0 || i.Err != nil {
			t.Errorf("%s: %s %d %v", i.Ref, i.Standing, i.Uses, i.Err)
		}
	}
}

func TestKeyringBrokenAndRequired(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	missing := Entry{Purpose: Organisation, Ref: mustRef(t, "missing.pem")}
	wrong := w.key("tsa", TSA, "", -1, 1)
	r := w.ring(missing, wrong)
	for _, i := range r.List(noon) {
		if i.Standing != Broken || i.Err == nil {
			t.Errorf("%s: %s %v", i.Ref, i.Standing, i.Err)
		}
	}
	if err := r.List(noon)[1].Err; !errors.Is(err, ErrWrongPurpose) {
		t.Error(err)
	}
	missing.Required = true
	if _, err := NewKeyring(t.Context(), []Entry{missing}, RingOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a required key: %v", err)
	}
	good := w.key("good", Organisation, "", -1, 1)
	w.reload(r, good)
	if _, err := r.Reload(t.Context(), []Entry{missing}, Options{Base: w.dir}); err == nil {
		t.Error("reloaded without a required key")
	}
	l, err := r.For(Organisation, "", noon)
	if err != nil {
		t.Fatal("a failed reload changed the ring:", err)
	}
	l.Release()
	// The file of an open key is damaged: the key goes on, and says so.
	if err := os.WriteFile(filepath.Join(w.dir, "good.pem"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	good.Required = true
	if ch := w.reload(r, good); ch.Kept != 1 || len(ch.Errors) != 1 {
		t.Errorf("%+v", ch)
	}
	if l, err = r.For(Organisation, "", noon); err != nil {
		t.Fatal(err)
	}
	l.Release()
	if i := r.List(noon)[0]; i.Standing != Active || i.Err == nil {
		t.Errorf("%s %v", i.Standing, i.Err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.For(Organisation, "", noon); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := r.Reload(t.Context(), nil, Options{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A key that was replaced is closed when its last use has ended and it has lingered, not before.
func TestKeyringClosesWhenUnused(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	a := w.key("a", Organisation, "", -2, 9)
	r := w.ring(a)
	var closed atomic.Int32
	r.slots[0].key.closer = func() error { closed.Add(1); return nil }
	held, err := r.For(Organisation, "", noon)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := r.Certificate(Organisation, "", noon)
	if err != nil {
		t.Fatal(err)
	}
	if ch := w.reload(r, w.key("b", Organisation, "", -1, 9)); ch.Added != 1 || ch.Removed != 1 || ch.Kept != 0 {
		t.Errorf("%+v", ch)
	}
	fresh, err := r.For(Organisation, "", noon)
	if err != nil || name(fresh) != "b" {
		t.Fatal(name(fresh), err)
	}
	fresh.Release()
	signCheck(t, held.Signer, held.Chain[0])
	tlsSigner := cert.PrivateKey.(crypto.Signer)
	signCheck(t, tlsSigner, cert.Leaf)
	held.Release()
	if closed.Load() != 0 {
		t.Error("closed before it lingered: a TLS handshake may be under way")
	}
	signCheck(t, tlsSigner, cert.Leaf)
	w.timers.run()
	if closed.Load() != 1 {
		t.Errorf("closed %d times", closed.Load())
	}
	digest := sha256.Sum256(nil)
	if _, err := tlsSigner.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	// Lingered first, released later.
	held, err = r.For(Organisation, "", noon)
	if err != nil {
		t.Fatal(err)
	}
	r.slots[0].key.closer = func() error { closed.Add(1); return nil }
	w.reload(r)
	w.timers.run()
	if closed.Load() != 1 {
		t.Error("closed under a lease")
	}
	signCheck(t, held.Signer, held.Chain[0])
	held.Release()
	if closed.Load() != 2 {
		t.Error("not closed at the end")
	}
}

func TestKeyringKeepsUnchanged(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	a, b := w.key("a", Organisation, "", -2, 9), w.key("b", Person, "x", -2, 9)
	r := w.ring(a, b)
	before := r.slots[0]
	if ch := w.reload(r, b, a); ch.Kept != 2 || ch.Added != 0 || ch.Removed != 0 {
		t.Errorf("%+v", ch)
	}
	if r.slots[1] != before {
		t.Error("an unchanged key was opened anew")
	}
	w.key("a", Organisation, "", -1, 20) // renewed in place
	if ch := w.reload(r, a, b); ch.Kept != 1 || ch.Added != 1 || ch.Removed != 1 {
		t.Errorf("%+v", ch)
	}
	if ch := w.reload(r, a, a, b); ch.Kept != 2 || ch.Added != 1 {
		t.Errorf("the same key twice: %+v", ch)
	}
}

// Whatever is added, removed and renewed while others sign: every signature verifies with the chain that came with its key, and the
// chain is of a key that was configured for this purpose and holder.
func TestRotationProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "keyring")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		w := &world{t: t, dir: dir}
		holders := []string{"H02.02", "H02.11"}
		always := []Entry{w.key("base-0", Organisation, holders[0], -9, 99), w.key("base-1", Organisation, holders[1], -9, 99)}
		r := w.ring(always...)
		stop := make(chan struct{})
		var signers sync.WaitGroup
		var signed atomic.Int64
		problems := make(chan error, 8)
		for i := range 4 {
			signers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					if err := useRing(r, holders[(i+n)%2], n%3 == 0); err != nil {
						problems <- err
						return
					}
					signed.Add(1)
				}
			})
		}
		extra := map[int]Entry{}
		for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			which := rapid.IntRange(0, 3).Draw(rt, "key")
			switch rapid.SampledFrom([]string{"add", "remove", "renew", "linger"}).Draw(rt, "what") {
			case "add", "renew":
				extra[which] = w.key(fmt.Sprintf("%s#%d", holders[which%2], which), Organisation, holders[which%2], -which, 10+step)
			case "remove":
				delete(extra, which)
			case "linger":
				w.timers.run()
			}
			entries := append([]Entry{}, always...)
			for i := range 4 {
				if e, ok := extra[i]; ok {
					entries = append(entries, e)
				}
			}
			w.reload(r, entries...)
		}
		for before := signed.Load(); signed.Load() < before+8 && len(problems) == 0; {
		}
		close(stop)
		signers.Wait()
		w.timers.run()
		select {
		case err := <-problems:
			rt.Fatal(err)
		default:
		}
		for _, i := range r.List(noon) {
			if i.Uses != 0 {
				rt.Fatalf("%s: %d uses left", i.Ref, i.Uses)
			}
		}
		if err := r.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

// useRing signs once, by lease or as TLS does.
func useRing(r *Keyring, holder string, asTLS bool) error {
	digest := sha256.Sum256([]byte(holder))
	var signer crypto.Signer
	var leaf *x509.Certificate
	if asTLS {
		cert, err := r.Certificate(Organisation, holder, noon)
		if err != nil {
			return err
		}
		signer, leaf = cert.PrivateKey.(crypto.Signer), cert.Leaf
	} else {
		l, err := r.For(Organisation, holder, noon)
		if err != nil {
			return err
		}
		defer l.Release()
		signer, leaf = l.Signer, l.Chain[0]
	}
	sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if asTLS && errors.Is(err, ErrClosed) {
		return nil // the test lets keys linger for no time
	}
	if err != nil {
		return err
	}
	if cn := leaf.Subject.CommonName; !strings.HasPrefix(cn, "base-") && !strings.HasPrefix(cn, holder) {
		return fmt.Errorf("%s signed with the key of %s", holder, cn)
	}
	return VerifyDigest(leaf.PublicKey, digest[:], sig, crypto.SHA256)
}

// A listener shows the new certificate at the first handshake after the reload, and connections that stand go on.
func TestTLSRotation(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	tlsKey := func(name string, from int) Entry {
		key := testRSA()
		cert := testCA().issue(t, key.Public(), func(c *x509.Certificate) {
			c.Subject.CommonName, c.NotBefore, c.ExtKeyUsage = name, noon.AddDate(0, 0, from), []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})
		writePEM(t, w.dir, name+".pem", key, cert)
		return Entry{Purpose: TLS, Ref: mustRef(t, name+".pem")}
	}
	first := tlsKey("first", -9)
	r := w.ring(first)
	conf := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return r.Certificate(TLS, "", noon) }}
	roots := x509.NewCertPool()
	roots.AddCert(testCA().cert)
	connect := func() (*tls.Conn, func()) {
		a, b := net.Pipe()
		server := tls.Server(b, conf)
		go func() { _, _ = io.Copy(server, server) }()
		client := tls.Client(a, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, CurrentTime: noon})
			return err
		}})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		return client, func() { a.Close(); b.Close() }
	}
	shown := func(c *tls.Conn) string { return c.ConnectionState().PeerCertificates[0].Subject.CommonName }
	before, done := connect()
	defer done()
	if shown(before) != "first" {
		t.Fatal(shown(before))
	}
	w.reload(r, first, tlsKey("second", -1))
	w.timers.run()
	after, done := connect()
	defer done()
	if shown(after) != "second" {
		t.Errorf("%s is shown after the reload", shown(after))
	}
	if _, err := before.Write([]byte("ping")); err != nil {
		t.Error(err)
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(before, b); err != nil || string(b) != "ping" {
		t.Error(string(b), err)
	}
}
