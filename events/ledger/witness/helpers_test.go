package witness_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// privateKey is the same key for the same name in every run.
func privateKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("witness test " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func must[T any](t fataler, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// testLog is a log with one history; fork gives another one with the same key.
type testLog struct {
	origin string
	hashes []tlog.Hash // stored hashes
	size   int64
}

func newLog(origin string) *testLog { return &testLog{origin: origin} }

func (l *testLog) grow(t fataler, branch string, n int) *testLog {
	t.Helper()
	for range n {
		h := must(t, []byte(fmt.Sprintf("%s %d", branch, l.size)), nil)
		stored, err := tlog.StoredHashes(l.size, h, l)
		l.hashes = append(l.hashes, must(t, stored, err)...)
		l.size++
	}
	return l
}

// fork goes another way from size on.
func (l *testLog) fork(t fataler, size int64, branch string, n int) *testLog {
	t.Helper()
	f := &testLog{origin: l.origin, size: size, hashes: append([]tlog.Hash(nil), l.hashes[:tlog.StoredHashCount(size)]...)}
	return f.grow(t, branch, n)
}

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		out[i] = l.hashes[x]
	}
	return out, nil
}

func (l *testLog) root(t fataler, size int64) tlog.Hash {
	t.Helper()
	h, err := tlog.TreeHash(size, l)
	return must(t, h, err)
}

func (l *testLog) signer(t fataler) logSigner {
	t.Helper()
	key := privateKey(l.origin)
	vkey, err := note.NewEd25519VerifierKey(l.origin, key.Public().(ed25519.PublicKey))
	v, err := note.NewVerifier(must(t, vkey, err))
	return logSigner{must(t, v, err), key}
}

type logSigner struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s logSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

func (l *testLog) text(t fataler, size int64) string {
	t.Helper()
	root := l.root(t, size)
	return fmt.Sprintf("%s\n%d\n%s\n", l.origin, size, base64.StdEncoding.EncodeToString(root[:]))
}

func (l *testLog) checkpoint(t fataler, size int64) []byte {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: l.text(t, size)}, l.signer(t))
	return must(t, b, err)
}

func (l *testLog) proof(t fataler, old, size int64) tlog.TreeProof {
	t.Helper()
	if old == 0 || old >= size {
		return nil
	}
	p, err := tlog.ProveTree(size, old, l)
	return must(t, p, err)
}

func (l *testLog) request(t fataler, old, size int64) []byte {
	t.Helper()
	return witness.Request{Old: uint64(old), Proof: l.proof(t, old, size), Checkpoint: l.checkpoint(t, size)}.Encode()
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

var start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func newClock() *clock { return &clock{t: start} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// keysOf knows the logs given by their origins.
func keysOf(t fataler, origins ...string) func(string) []note.Verifier {
	t.Helper()
	known := map[string][]note.Verifier{}
	for _, o := range origins {
		known[o] = []note.Verifier{newLog(o).signer(t)}
	}
	return func(origin string) []note.Verifier { return known[origin] }
}

func cosigner(t fataler, name string) *witness.Cosigner {
	t.Helper()
	c, err := witness.NewCosigner(name, privateKey(name), nil)
	return must(t, c, err)
}

// evidence collects what a witness reports.
type evidence struct {
	mu   sync.Mutex
	all  []witness.Evidence
	fail error
}

func (e *evidence) keep(_ context.Context, x witness.Evidence) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return e.fail
	}
	e.all = append(e.all, x)
	return nil
}

func newWitness(t fataler, name string, store witness.Store, c *clock, e *evidence, origins ...string) *witness.Witness {
	t.Helper()
	w, err := witness.New(witness.Options{
		Keys: keysOf(t, origins...), Cosigner: cosigner(t, name), Store: store, Now: c.now, Split: e.keep,
	})
	return must(t, w, err)
}

func openFolder(t testing.TB, dir string) *witness.Folder {
	t.Helper()
	f, err := witness.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// memory is a strict Store: it refuses to go back in size and to be handed what nobody signed.
type memory struct {
	mu sync.Mutex
	m  map[string][]byte
	// fault is asked before a write; persist says whether the write happens nevertheless.
	fault func() (persist bool, err error)
}

func newMemory() *memory { return &memory{m: map[string][]byte{}} }

func (m *memory) Load(origin string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.m[origin], nil
}

func (m *memory) Replace(origin string, old, next []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if string(m.m[origin]) != string(old) {
		return witness.ErrChanged
	}
	if len(next) == 0 {
		panic("stored nothing")
	}
	if m.fault != nil {
		if persist, err := m.fault(); err != nil {
			if persist {
				m.m[origin] = append([]byte(nil), next...)
			}
			return err
		}
	}
	m.m[origin] = append([]byte(nil), next...)
	return nil
}

// judge is the second implementation of cosignature/v1, written from the bytes of the specification: it reads a line
// by hand and gives the time, or false.
func judge(line, name string, public ed25519.PublicKey, text string) (int64, bool) {
	const dash = "\xe2\x80\x94 "
	if len(line) < len(dash)+len(name)+2 || line[:len(dash)] != dash || line[len(line)-1] != '\n' {
		return 0, false
	}
	rest := line[len(dash) : len(line)-1]
	if rest[:len(name)] != name || rest[len(name)] != ' ' {
		return 0, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(rest[len(name)+1:])
	if err != nil || len(raw) != 76 {
		return 0, false
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n\x04%s", name, public)
	if string(h.Sum(nil)[:4]) != string(raw[:4]) {
		return 0, false
	}
	var at int64
	for _, b := range raw[4:12] {
		at = at<<8 | int64(b)
	}
	return at, at >= 0 && ed25519.Verify(public, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text), raw[12:])
}

func public(name string) ed25519.PublicKey { return privateKey(name).Public().(ed25519.PublicKey) }
