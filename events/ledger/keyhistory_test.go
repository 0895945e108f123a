package ledger_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// keyLog is a log with the keys that followed each other in it.
type keyLog struct {
	t       testing.TB
	signer  *ledger.Signer
	keys    []string
	tree    ledger.Tree
	version uint64
	history ledger.KeyHistory
	heads   [][]byte
}

func newKeyLog(t testing.TB) *keyLog {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	node, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := &keyLog{t: t}
	if l.signer, err = ledger.NewSigner(origin, key, node, rand.Reader); err != nil {
		t.Fatal(err)
	}
	l.keys = l.signer.LogKeys()
	l.history.First = l.keys[0]
	return l
}

func (l *keyLog) statement(stream, name string, data any) []byte {
	l.t.Helper()
	raw, err := events.MarshalObject(data)
	if err != nil {
		l.t.Fatal(err)
	}
	s := events.Statement{Origin: origin, Stream: stream, Version: l.version, Name: name, Time: day, Actor: "node", Client: "node", Data: raw}
	b, err := s.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	l.version++
	return b
}

func (l *keyLog) sign(keys ...string) []byte {
	l.t.Helper()
	b, err := l.signer.SignWith(l.tree.Size(), l.tree.Root(), keys...)
	if err != nil {
		l.t.Fatal(err)
	}
	l.heads = append(l.heads, b)
	return b
}

// others adds n events of other streams.
func (l *keyLog) others(n int) {
	for range n {
		l.tree.Append([]events.Digest{ledger.Entry(l.statement("other", "n.v1", struct{}{}))})
	}
	l.sign(l.keys[len(l.keys)-1])
}

func (l *keyLog) next() string {
	l.t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	text, err := l.signer.AddLogKey(key)
	if err != nil {
		l.t.Fatal(err)
	}
	return text
}

// rotate records a rotation and gives its receipt under a head with the lines of the given keys.
func (l *keyLog) rotate(next string, lines ...string) []byte {
	l.t.Helper()
	r := ledger.KeyRotated{Old: l.keys[len(l.keys)-1], New: next}
	if lines == nil {
		lines = []string{r.Old, r.New}
	}
	b := l.statement(ledger.LogStream, ledger.NameKeyRotated, r)
	at := l.tree.Size()
	l.tree.Append([]events.Digest{ledger.Entry(b)})
	receipt := l.receipt(b, at, l.sign(lines...))
	l.keys = append(l.keys, next)
	l.history.Rotations = append(l.history.Rotations, receipt)
	return receipt
}

func (l *keyLog) receipt(statement []byte, at uint64, checkpoint []byte) []byte {
	l.t.Helper()
	proof, err := l.tree.Snapshot().Prove(at, l.tree.Size(), nil)
	if err != nil {
		l.t.Fatal(err)
	}
	r := ledger.Receipt{Bytes: statement, Position: at, Proof: proof, Checkpoint: checkpoint}
	return r.Encode()
}

// historyVectors makes the vectors: history file, key that the reader has, and the key that it leads to ("bad": refused).
func historyVectors(t testing.TB) (files map[string][]byte, lines []string) {
	l := newKeyLog(t)
	l.others(3)
	first := l.rotate(l.next())
	l.others(5)
	second := l.rotate(l.next())
	l.others(1)
	files = map[string][]byte{}
	for i, key := range l.keys {
		files[fmt.Sprintf("keys-%d.key", i+1)] = []byte(key + "\n")
	}
	add := func(name string, h ledger.KeyHistory, results ...string) {
		files[name+".history"] = h.Encode()
		for i, result := range results {
			lines = append(lines, fmt.Sprintf("%s.history keys-%d.key %s", name, i+1, result))
		}
	}
	history := func(rotations ...[]byte) ledger.KeyHistory {
		return ledger.KeyHistory{First: l.keys[0], Rotations: rotations}
	}
	add("keys", history(first, second), "keys-3.key", "keys-3.key", "keys-3.key")
	add("keys-none", history(), "keys-1.key", "keys-2.key", "keys-3.key")
	add("keys-first", history(first), "keys-2.key", "keys-2.key", "keys-3.key")
	add("keys-second", history(second), "keys-1.key", "keys-3.key", "keys-3.key") // from the first nothing leads on
	add("keys-proof", history(bytes.Replace(first, []byte("\nindex 3\n"), []byte("\nindex 2\n"), 1), second), "bad", "bad", "keys-3.key")

	// A rotation that the old key's owner did not record: the lines of both keys under a head of his prove nothing.
	forged := newKeyLog(t)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if forged.keys[0], err = forged.signer.AddLogKey(key); err != nil {
		t.Fatal(err)
	}
	stolen := forged.statement(ledger.LogStream, ledger.NameKeyRotated, ledger.KeyRotated{Old: l.keys[0], New: forged.keys[0]})
	own, err := forged.signer.SignWith(l.tree.Size(), l.tree.Root(), forged.keys[0])
	if err != nil {
		t.Fatal(err)
	}
	ours, err := l.signer.SignWith(l.tree.Size(), l.tree.Root(), l.keys[0])
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(own), "\n\n")
	line, _, _ = strings.Cut(line, "\n")
	add("keys-line-added", history(l.receipt(stolen, 3, append(ours, line+"\n"...))), "bad")

	for name, side := range map[string]int{"keys-old-only": 0, "keys-new-only": 1} {
		one := newKeyLog(t)
		one.signer, one.keys, one.version = l.signer, l.keys[:1:1], 0
		one.others(3)
		next := l.keys[1]
		add(name, history(one.rotate(next, []string{l.keys[0], next}[side])), "bad")
	}
	return files, lines
}

// The vectors are in testdata/record: histories.txt says what each key is led to.
func TestHistoryVectors(t *testing.T) {
	if *update {
		files, lines := historyVectors(t)
		files["histories.txt"] = []byte(strings.Join(lines, "\n") + "\n")
		for name, b := range files {
			if err := os.WriteFile(filepath.Join(vectors, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(vectors, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for line := range strings.Lines(string(read("histories.txt"))) {
		f := strings.Fields(line)
		if len(f) != 3 {
			t.Fatalf("line %q", line)
		}
		last, err := func() (string, error) {
			h, err := ledger.ParseKeyHistory(read(f[0]))
			if err != nil {
				return "", err
			}
			if !bytes.Equal(h.Encode(), read(f[0])) {
				t.Errorf("%s: encodes to other bytes", f[0])
			}
			c, err := ledger.FollowKeys(strings.TrimSpace(string(read(f[1]))), h.Rotations)
			if err != nil {
				return "", err
			}
			return c.Last().Key, nil
		}()
		switch {
		case f[2] == "bad" && err == nil:
			t.Errorf("%s from %s leads to %s", f[0], f[1], last)
		case f[2] != "bad" && (err != nil || last != strings.TrimSpace(string(read(f[2])))):
			t.Errorf("%s from %s: %s, %v", f[0], f[1], last, err)
		}
	}
}

// Each head counts by the key in force for its size alone, and sumdb/note opens every one.
func TestHeadsAcrossRotations(t *testing.T) {
	l := newKeyLog(t)
	l.others(2)
	first := l.keys[0]
	l.rotate(l.next())
	l.others(2)
	l.rotate(l.next())
	l.others(1)
	chain, err := l.history.Chain()
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range l.heads {
		if _, err := note.Open(head, note.VerifierList(chain.Verifiers()...)); err != nil {
			t.Error(err)
		}
		h, err := chain.Open(head, origin)
		if err != nil {
			t.Error(err)
		}
		period, err := chain.At(h.Size)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range l.keys {
			only, err := l.signer.SignWith(h.Size, h.Root, key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := chain.Open(only, origin); (err == nil) != (key == period.Key) {
				t.Errorf("size %d, signed by %s only: %v; in force is %s", h.Size, key, err, period.Key)
			}
		}
	}
	// A receipt by the first key, after it was followed, is proved by the first key alone and not by the history.
	b := l.statement("other", "n.v1", struct{}{})
	l.tree.Append([]events.Digest{ledger.Entry(b)})
	late, err := l.signer.SignWith(l.tree.Size(), l.tree.Root(), first)
	if err != nil {
		t.Fatal(err)
	}
	receipt := l.receipt(b, l.tree.Size()-1, late)
	alone, err := ledger.ParseKey([]byte(first))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ledger.CheckReceipt(receipt, alone); err != nil {
		t.Error(err)
	}
	led, err := alone.Follow(l.history.Rotations)
	if err != nil {
		t.Fatal(err)
	}
	file, err := ledger.ParseKey(l.history.Encode())
	if err != nil {
		t.Fatal(err)
	}
	several, err := ledger.ParseKey([]byte(l.keys[1] + "\n" + l.keys[2] + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]ledger.Key{"followed": led, "history": file, "the later two": several} {
		if _, _, err := ledger.CheckReceipt(receipt, key); err == nil {
			t.Errorf("%s: a late receipt by the first key passed", name)
		}
	}
}

func FuzzKeyHistory(f *testing.F) {
	for _, name := range []string{"keys.history", "keys-none.history", "keys-line-added.history"} {
		b, err := os.ReadFile(filepath.Join(vectors, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ledger.ParseKeyHistory(b)
		if err != nil {
			if h.First != "" || h.Rotations != nil {
				t.Error("an error with a part of the result")
			}
			return
		}
		if !bytes.Equal(h.Encode(), b) {
			t.Errorf("%q encodes to other bytes", b)
		}
	})
}
