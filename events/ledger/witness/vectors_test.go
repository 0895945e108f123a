package witness_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

var update = flag.Bool("update", false, "write the vectors in testdata again")

// vector is one request to a witness; see testdata/README.
type vector struct {
	expect  int // status
	now     int64
	name    string // of the witness
	seed    []byte // of its key
	logs    string // verifier keys, one a line
	stored  []byte // what it has cosigned; empty: nothing
	request []byte
	answer  string // body of 200 and 409
}

func readVector(t *testing.T, path string) vector {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	for line := range strings.Lines(string(a.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "expect":
			v.expect, err = strconv.Atoi(value)
		case "now":
			v.now, err = strconv.ParseInt(value, 10, 64)
		case "witness":
			v.name = value
		case "seed":
			v.seed, err = hex.DecodeString(value)
		default:
			t.Fatalf("%s: line %q", path, line)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	for _, f := range a.Files {
		switch f.Name {
		case "logs":
			v.logs = string(f.Data)
		case "stored":
			v.stored = f.Data
		case "request":
			v.request = f.Data
		case "answer":
			v.answer = string(f.Data)
		default:
			t.Fatalf("%s: file %q", path, f.Name)
		}
	}
	return v
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	paths, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	statuses := map[int]int{}
	for _, path := range paths {
		v := readVector(t, path)
		statuses[v.expect]++
		t.Run(filepath.Base(path), func(t *testing.T) { v.run(t) })
	}
	for _, s := range []int{200, 400, 403, 404, 409, 422} {
		if statuses[s] < 2 {
			t.Errorf("%d vectors expect %d", statuses[s], s)
		}
	}
}

func (v vector) witness(t *testing.T) (*witness.Witness, *memory) {
	t.Helper()
	keys := map[string][]note.Verifier{}
	for line := range strings.Lines(v.logs) {
		k, err := note.NewVerifier(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		keys[k.Name()] = append(keys[k.Name()], k)
	}
	c, err := witness.NewCosigner(v.name, ed25519.NewKeyFromSeed(v.seed), nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	if len(v.stored) > 0 {
		name, _, _ := strings.Cut(string(v.stored), "\n")
		m.m[name] = v.stored
	}
	w, err := witness.New(witness.Options{
		Keys: func(o string) []note.Verifier { return keys[o] }, Cosigner: c, Store: m,
		Now: func() time.Time { return time.Unix(v.now, 0) }, Split: (&evidence{}).keep,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, m
}

func (v vector) run(t *testing.T) {
	w, m := v.witness(t)
	origin, _, _ := strings.Cut(string(v.stored), "\n")
	a := w.Add(context.Background(), v.request)
	if a.Status != v.expect {
		t.Fatalf("%d %q, expected %d", a.Status, a.Body, v.expect)
	}
	if v.answer != "" && a.Body != v.answer {
		t.Errorf("answer %q, expected %q", a.Body, v.answer)
	}
	if a.Status != 200 {
		if !bytes.Equal(m.m[origin], v.stored) || len(m.m) > 1 {
			t.Error("a refusal changed what is stored")
		}
		return
	}
	// The second implementation agrees, over the text as it stands in the request.
	_, checkpoint, _ := strings.Cut(string(v.request), "\n\n")
	text, _, _ := strings.Cut(checkpoint, "\n\n")
	public := ed25519.NewKeyFromSeed(v.seed).Public().(ed25519.PublicKey)
	if at, ok := judge(v.answer, v.name, public, text+"\n"); !ok || at != v.now {
		t.Errorf("the second implementation finds time %d, verifies %t", at, ok)
	}
}

// writeVectors makes the files anew; what each expects is written here by hand.
func writeVectors(t *testing.T) {
	l := newLog(origin).grow(t, "a", 70)
	fork := l.fork(t, 30, "b", 40)
	other := newLog("other.example/log").grow(t, "a", 70)
	var stored []byte
	{
		m := newMemory()
		newWitness(t, ourName, m, newClock(), &evidence{}, origin).Add(context.Background(), l.request(t, 0, 50))
		stored = m.m[origin]
	}
	replace := func(b []byte, old, with string) []byte {
		if !bytes.Contains(b, []byte(old)) {
			t.Fatalf("no %q in %q", old, b)
		}
		return bytes.Replace(b, []byte(old), []byte(with), 1)
	}
	raw := func(old int64, proof []byte, checkpoint []byte) []byte {
		return fmt.Appendf(nil, "old %d\n%s\n%s", old, proof, checkpoint)
	}
	extended, err := note.Sign(&note.Note{Text: l.text(t, 60) + "an extension\nanother\n"}, l.signer(t))
	if err != nil {
		t.Fatal(err)
	}
	proofLines := func(old, size int64) []byte {
		b := witness.Request{Proof: l.proof(t, old, size), Checkpoint: []byte("x")}.Encode()
		return bytes.TrimPrefix(bytes.TrimSuffix(b, []byte("\nx")), []byte("old 0\n"))
	}
	hash := strings.Repeat("A", 43) + "=\n"
	for _, c := range []struct {
		name    string
		expect  int
		stored  []byte
		request []byte
	}{
		{"first", 200, nil, l.request(t, 0, 50)},
		{"first-of-size-0", 200, nil, l.request(t, 0, 0)},
		{"next", 200, stored, l.request(t, 50, 70)},
		{"same", 200, stored, l.request(t, 50, 50)},
		{"extension-lines", 200, stored, raw(50, proofLines(50, 60), extended)},
		{"line-of-unknown-key", 200, stored, append(l.request(t, 50, 70), "— other.example AAAAAAAA\n"...)},
		{"empty", 400, stored, nil},
		{"no-old", 400, stored, replace(l.request(t, 50, 70), "old ", "new ")},
		{"old-leading-zero", 400, stored, replace(l.request(t, 50, 70), "old 50", "old 050")},
		{"old-negative", 400, stored, replace(l.request(t, 50, 70), "old 50", "old -1")},
		{"old-above-size", 400, stored, l.request(t, 70, 60)},
		{"proof-line-short", 400, stored, raw(50, []byte("AAAA\n"), l.checkpoint(t, 70))},
		{"proof-lines-64", 400, stored, raw(50, []byte(strings.Repeat(hash, 64)), l.checkpoint(t, 70))},
		{"carriage-return", 400, stored, replace(l.request(t, 50, 70), "old 50", "old 50\r")},
		{"no-signature", 400, stored, raw(50, nil, []byte(l.text(t, 50)))},
		{"size-2-to-63", 400, stored, replace(l.request(t, 50, 70), "\n70\n", "\n9223372036854775808\n")},
		{"root-of-empty-tree", 400, nil, replace(l.request(t, 0, 1), "\n1\n", "\n0\n")},
		{"changed-size", 403, stored, replace(l.request(t, 50, 70), "\n70\n", "\n71\n")},
		{"only-unknown-key", 403, stored, raw(50, proofLines(50, 70), append([]byte(l.text(t, 70)), "\n— other.example AAAAAAAA\n"...))},
		{"signature-of-other-head", 403, stored, raw(50, proofLines(50, 70), append([]byte(l.text(t, 70)), fork.checkpoint(t, 70)[len(fork.text(t, 70)):]...))},
		{"unknown-origin", 404, stored, other.request(t, 0, 70)},
		{"unknown-origin-known-name-in-line", 404, nil, raw(0, nil, replace(l.checkpoint(t, 70), origin+"\n", "third.example\n"))},
		{"old-unknown", 409, nil, l.request(t, 50, 70)},
		{"old-smaller", 409, stored, l.request(t, 49, 70)},
		{"old-zero", 409, stored, l.request(t, 0, 70)},
		{"older-head", 409, stored, l.request(t, 40, 45)},
		{"split-view", 409, stored, fork.request(t, 50, 50)},
		{"split-view-from-zero", 409, stored, fork.request(t, 0, 50)},
		{"fork", 422, stored, fork.request(t, 50, 70)},
		{"proof-missing", 422, stored, raw(50, nil, l.checkpoint(t, 70))},
		{"proof-of-first", 422, nil, raw(0, []byte(hash), l.checkpoint(t, 70))},
		{"proof-of-same", 422, stored, raw(50, []byte(hash), l.checkpoint(t, 50))},
		{"proof-too-long", 422, stored, raw(50, append(proofLines(50, 70), hash...), l.checkpoint(t, 70))},
	} {
		v := vector{expect: c.expect, now: start.Unix() + 100, name: ourName, seed: privateKey(ourName).Seed(), logs: logKey(t, origin) + "\n", stored: c.stored, request: c.request}
		w, _ := v.witness(t)
		a := txtar.Archive{Comment: fmt.Appendf(nil, "expect: %d\nnow: %d\nwitness: %s\nseed: %x\n", v.expect, v.now, v.name, v.seed)}
		a.Files = append(a.Files, txtar.File{Name: "logs", Data: []byte(v.logs)}, txtar.File{Name: "stored", Data: v.stored}, txtar.File{Name: "request", Data: v.request})
		if got := w.Add(context.Background(), v.request); got.Status == 200 || got.Status == 409 {
			a.Files = append(a.Files, txtar.File{Name: "answer", Data: []byte(got.Body)})
		}
		if err := os.WriteFile(filepath.Join("testdata", c.name+".txtar"), txtar.Format(&a), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
