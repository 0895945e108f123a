package witnessing_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/witnessing"
)

const log = "tram.other.example/log"

// tree is a log that goes another way from a position on.
type tree []tlog.Hash

func (t tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = t[x]
	}
	return out, nil
}

func grow(size, fork int64) tree {
	var t tree
	for i := range size {
		b := fmt.Sprintf("event %d", i)
		if i >= fork {
			b = "another " + b
		}
		hashes, err := tlog.StoredHashes(i, []byte(b), t)
		if err != nil {
			panic(err)
		}
		t = append(t, hashes...)
	}
	return t
}

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("witnessing test " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func vkey(name string) string {
	s, err := note.NewEd25519VerifierKey(log, key(name).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return s
}

type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s signer) Sign(b []byte) ([]byte, error) { return ed25519.Sign(s.key, b), nil }

func checkpoint(name string, t tree, size int64) string {
	v, err := note.NewVerifier(vkey(name))
	if err != nil {
		panic(err)
	}
	root, err := tlog.TreeHash(size, t)
	if err != nil {
		panic(err)
	}
	b, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", log, size, base64.StdEncoding.EncodeToString(root[:]))}, signer{v, key(name)})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// found is what is found when a log of size a is known and one of size b comes that left it at fork.
func found(a, b, fork int64) witnessing.Contradiction {
	one, other := grow(a, 1<<40), grow(b, fork)
	c := witnessing.Contradiction{Log: log, Source: witnessing.SourceRequest, Keys: []string{vkey("log")},
		First: checkpoint("log", one, a), Second: checkpoint("log", other, b)}
	larger, small, large := other, a, b
	if a > b {
		larger, small, large = one, b, a
	}
	root, err := tlog.TreeHash(small, larger)
	if err != nil {
		panic(err)
	}
	c.Root = events.Digest(root)
	if small < large {
		proof, err := tlog.ProveTree(large, small, larger)
		if err != nil {
			panic(err)
		}
		for _, h := range proof {
			c.Proof = append(c.Proof, events.Digest(h))
		}
	}
	return c
}

func event(t *rapid.T, position uint64, n events.New) events.Event {
	data, err := events.MarshalObject(n.Data)
	if err != nil {
		t.Fatal(err)
	}
	return events.Event{Position: position, Statement: events.Statement{Origin: "tram.example/log", Stream: witnessing.Stream(log), Name: n.Name, Data: data}}
}

// What contradicts is recorded once, whichever of the two came first; what does not is never recorded.
func TestDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Range(1, 40).Draw(t, "known"), rapid.Int64Range(1, 40).Draw(t, "new")
		fork := rapid.Int64Range(0, 45).Draw(t, "fork")
		c := found(a, b, fork)
		news, err := witnessing.Decide(witnessing.State{}, c)
		if fork >= min(a, b) { // one history so far
			if !errors.Is(err, witnessing.ErrUnproved) {
				t.Fatalf("%v, %v", news, err)
			}
			return
		}
		if err != nil || len(news) != 1 {
			t.Fatalf("%v, %v", news, err)
		}
		s, err := witnessing.Fold(witnessing.State{}, event(t, 7, news[0]))
		if err != nil {
			t.Fatal(err)
		}
		want := witnessing.KindRollback
		if a == b {
			want = witnessing.KindSplit
		}
		if x := s.Alarms[0]; x.Kind != want || x.Size != uint64(min(a, b)) || x.Position != 7 || s.Version() != 0 {
			t.Fatalf("%+v", s)
		}
		for _, again := range []witnessing.Contradiction{c, found(a, b, fork)} {
			if news, err := witnessing.Decide(s, again); err != nil || len(news) != 0 {
				t.Fatalf("again: %v, %v", news, err)
			}
		}
		swapped := c
		swapped.First, swapped.Second = c.Second, c.First
		if a == b {
			root, err := tlog.TreeHash(a, grow(a, 1<<40))
			if err != nil {
				t.Fatal(err)
			}
			swapped.Root = events.Digest(root)
		}
		if news, err := witnessing.Decide(s, swapped); err != nil || len(news) != 0 {
			t.Fatalf("the other way round: %v, %v", news, err)
		}
	})
}

func TestUnproved(t *testing.T) {
	for name, change := range map[string]func(*witnessing.Contradiction){
		"no log":            func(c *witnessing.Contradiction) { c.Log = "" },
		"another log":       func(c *witnessing.Contradiction) { c.Log = "x.example/log" },
		"no keys":           func(c *witnessing.Contradiction) { c.Keys = nil },
		"another key":       func(c *witnessing.Contradiction) { c.Keys = []string{vkey("stranger")} },
		"no key":            func(c *witnessing.Contradiction) { c.Keys = []string{"x"} },
		"unsigned":          func(c *witnessing.Contradiction) { c.Second = checkpoint("stranger", grow(9, 3), 9) },
		"unknown source":    func(c *witnessing.Contradiction) { c.Source = "rumour" },
		"another root":      func(c *witnessing.Contradiction) { c.Root[0] ^= 1 },
		"another proof":     func(c *witnessing.Contradiction) { c.Proof[0][0] ^= 1 },
		"no proof":          func(c *witnessing.Contradiction) { c.Proof = nil },
		"too much of proof": func(c *witnessing.Contradiction) { c.Proof = make([]events.Digest, 64) },
		"twice the same":    func(c *witnessing.Contradiction) { c.Second = c.First },
		"empty tree":        func(c *witnessing.Contradiction) { c.First = checkpoint("log", nil, 0) },
	} {
		c := found(5, 9, 3)
		change(&c)
		if news, err := witnessing.Decide(witnessing.State{}, c); !errors.Is(err, witnessing.ErrUnproved) {
			t.Errorf("%s: %v, %v", name, news, err)
		}
	}
	news, err := witnessing.Decide(witnessing.State{}, found(5, 9, 3))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		for name, change := range map[string]func(*events.Event){
			"unknown event":  func(e *events.Event) { e.Statement.Name = "witness.forgiven.v1" },
			"another stream": func(e *events.Event) { e.Statement.Stream = witnessing.Stream("x") },
			"no object":      func(e *events.Event) { e.Statement.Data = json.RawMessage("{") },
			"another member": func(e *events.Event) { e.Statement.Data = json.RawMessage(`{"x":1,` + string(e.Statement.Data[1:])) },
			"another kind": func(e *events.Event) {
				e.Statement.Data = json.RawMessage(strings.Replace(string(e.Statement.Data), "rollback", "split", 1))
			},
		} {
			e := event(rt, 3, news[0])
			change(&e)
			if s, err := witnessing.Fold(witnessing.State{}, e); err == nil || len(s.Alarms) != 0 {
				rt.Fatalf("%s: folded", name)
			}
		}
	})
}
