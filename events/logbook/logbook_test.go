package logbook_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

const origin = "tram.example/log"

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// log is a log in memory that is sealed as a store seals: every append is one commit with its own head.
type log struct {
	t      testing.TB
	origin string
	signer *ledger.Signer
	tree   ledger.Tree
	list   []events.Event
	heads  []events.Head // of each size from 1 on
	state  logbook.State
}

func newLog(t testing.TB, origin string, keys ...crypto.Signer) *log {
	t.Helper()
	node, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ledger.NewSigner(origin, keys[0], node, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := &log{t: t, origin: origin, signer: signer}
	for _, key := range keys[1:] {
		l.add(key)
	}
	if l.state, _, err = logbook.Resume(logbook.State{}, signer, nil); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *log) add(key crypto.Signer) string {
	l.t.Helper()
	text, err := l.signer.AddLogKey(key)
	if err != nil {
		l.t.Fatal(err)
	}
	return text
}

// append records events of the log's own stream, or one of another's if there are none.
func (l *log) append(news ...events.New) events.Head {
	l.t.Helper()
	if len(news) == 0 {
		l.one("other", uint64(len(l.list)), events.New{Name: "n.v1", Data: struct{}{}})
	}
	for _, n := range news {
		l.one(logbook.Stream, l.state.Count, n)
	}
	checkpoint, err := l.state.Sign(l.signer, l.tree.Size(), l.tree.Root())
	if err != nil {
		l.t.Fatal(err)
	}
	h := events.Head{Origin: l.origin, Size: l.tree.Size(), Root: l.tree.Root(), Checkpoint: checkpoint}
	l.heads = append(l.heads, h)
	return h
}

func (l *log) one(stream string, version uint64, n events.New) {
	l.t.Helper()
	e := event(l.t, l.origin, stream, uint64(len(l.list)), version, n)
	if stream == logbook.Stream {
		var err error
		if l.state, err = logbook.Plan(l.state, l.signer, []events.Event{e}); err != nil {
			l.t.Fatal(err)
		}
	}
	l.list = append(l.list, e)
	l.tree.Append([]events.Digest{ledger.Entry(e.Bytes)})
}

func event(t testing.TB, origin, stream string, position, version uint64, n events.New) events.Event {
	t.Helper()
	data, err := events.MarshalObject(n.Data)
	if err != nil {
		t.Fatal(err)
	}
	e := events.Event{Position: position, Statement: events.Statement{Origin: origin, Stream: stream, Version: version, Name: n.Name,
		Actor: "node", Client: "node", Data: data}}
	if e.Bytes, err = e.Statement.Encode(); err != nil {
		t.Fatal(err)
	}
	return e
}

func (l *log) rotate(key string) events.Head {
	l.t.Helper()
	return l.append(must(l.t)(logbook.DecideRotate(l.state, logbook.Rotate{Origin: l.origin, New: key}))...)
}

func (l *log) bind(head events.Head) {
	l.t.Helper()
	l.append(must(l.t)(logbook.DecideBind(l.state, logbook.Bind{Origin: l.origin, Checkpoint: head.Checkpoint}))...)
}

func must(t testing.TB) func([]events.New, error) []events.New {
	return func(news []events.New, err error) []events.New {
		t.Helper()
		if err != nil || len(news) != 1 {
			t.Fatalf("decided %v, %v", news, err)
		}
		return news
	}
}

// Event and Proof make a log a Prover.
func (l *log) Event(_ context.Context, position uint64) (events.Event, error) {
	return l.list[position], nil
}

func (l *log) Proof(_ context.Context, position, size uint64) ([]events.Digest, events.Head, error) {
	s := l.tree.Snapshot()
	proof, err := s.Prove(position, size, nil)
	return proof, events.Head{}, err
}

// lines are the verifier keys whose lines a checkpoint bears.
func lines(t testing.TB, checkpoint []byte, keys ...string) (out []string) {
	t.Helper()
	for _, key := range keys {
		v, err := note.NewVerifier(key)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := note.Open(checkpoint, note.VerifierList(v)); err == nil && len(n.Sigs) == 1 {
			out = append(out, key)
		}
	}
	return out
}

// Before the rotation the old key signs, from it to its binding both, then the new one, and so on; the history leads from
// each key to the last.
func TestKeysFollowEachOther(t *testing.T) {
	l := newLog(t, origin, newKey(t))
	keys := l.signer.LogKeys()
	want := func(head events.Head, signers ...string) {
		t.Helper()
		if got := lines(t, head.Checkpoint, keys...); strings.Join(got, " ") != strings.Join(signers, " ") {
			t.Errorf("head of size %d has lines of %v, expected %v", head.Size, got, signers)
		}
	}
	for range 3 {
		want(l.append(), keys[len(keys)-1])
		old := keys[len(keys)-1]
		key := l.add(newKey(t))
		keys = append(keys, key)
		want(l.append(), old)
		both := l.rotate(key)
		want(both, old, key)
		want(l.append(), old, key)
		l.bind(both)
		want(l.heads[len(l.heads)-1], key)
	}
	want(l.append(), keys[3])

	history, err := logbook.History(t.Context(), l.state, l, l.heads[len(l.heads)-1])
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		chain, err := ledger.FollowKeys(key, history.Rotations)
		if err != nil {
			t.Fatal(err)
		}
		if len(chain) != len(keys)-i || chain.Last().Key != keys[3] {
			t.Errorf("from key %d: %d keys, expected %d", i, len(chain), len(keys)-i)
		}
		for _, h := range l.heads {
			_, err := chain.Open(h.Checkpoint, origin)
			if first := chain[0].From; (err == nil) != (h.Size >= first) {
				t.Errorf("from key %d, in force from %d: head of size %d: %v", i, first, h.Size, err)
			}
		}
	}
}

// At every state of a log, with each set of keys: whoever holds what the log asks for can sign, nobody else.
func TestResume(t *testing.T) {
	oldKey, newer, stranger := newKey(t), newKey(t), newKey(t)
	l := newLog(t, origin, oldKey)
	old := l.signer.LogKeys()[0]
	key := l.add(newer)
	l.append()
	before := *l
	both := l.rotate(key)
	pending := *l
	l.bind(both)
	bound := *l
	for name, c := range map[string]struct {
		log   log
		keys  []crypto.Signer
		signs []string // nil: refused
	}{
		"before, old":      {before, []crypto.Signer{oldKey}, []string{old}},
		"before, both":     {before, []crypto.Signer{oldKey, newer}, []string{old}},
		"before, reversed": {before, []crypto.Signer{newer, oldKey}, []string{old}},
		"before, new":      {before, []crypto.Signer{newer}, nil},
		"before, stranger": {before, []crypto.Signer{stranger}, nil},
		"pending, old":     {pending, []crypto.Signer{oldKey}, nil},
		"pending, new":     {pending, []crypto.Signer{newer}, nil},
		"pending, both":    {pending, []crypto.Signer{oldKey, newer}, []string{old, key}},
		"bound, old":       {bound, []crypto.Signer{oldKey}, nil},
		"bound, both":      {bound, []crypto.Signer{oldKey, newer}, []string{key}},
		"bound, new":       {bound, []crypto.Signer{newer}, []string{key}},
		"bound, stranger":  {bound, []crypto.Signer{stranger}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			again := newLog(t, origin, c.keys...)
			var state logbook.State
			for _, e := range c.log.list {
				if e.Statement.Stream == logbook.Stream {
					var err error
					if state, err = logbook.Fold(state, e); err != nil {
						t.Fatal(err)
					}
				}
			}
			// The stored checkpoint may be any that was signed: what was stored last can be older than what was.
			for _, stored := range c.log.heads {
				state, head, err := logbook.Resume(state, again.signer, stored.Checkpoint)
				if c.signs == nil {
					if err == nil || !strings.Contains(err.Error(), "log_key") {
						t.Fatalf("resumed, or did not say what to do: %v", err)
					}
					continue
				}
				if err != nil || head.Size != stored.Size {
					t.Fatalf("%v, %v", head, err)
				}
				checkpoint, err := state.Sign(again.signer, c.log.tree.Size(), c.log.tree.Root())
				if err != nil {
					t.Fatal(err)
				}
				if got := lines(t, checkpoint, old, key); strings.Join(got, " ") != strings.Join(c.signs, " ") {
					t.Errorf("signed by %v, expected %v", got, c.signs)
				}
			}
		})
	}
}

func TestDecidersRefuse(t *testing.T) {
	l := newLog(t, origin, newKey(t))
	key := l.add(newKey(t))
	old := l.signer.LogKeys()[0]
	third := l.add(newKey(t))
	lone := l.append()
	for name, c := range map[string]logbook.Rotate{
		"no key":        {Origin: origin},
		"another log's": {Origin: origin, New: newLog(t, "other.example/log", newKey(t)).signer.LogKeys()[0]},
		"another log":   {Origin: "other.example/log", New: key},
		"not a key":     {Origin: origin, New: origin + "+00000000+AAAA"},
	} {
		if news, err := logbook.DecideRotate(l.state, c); err == nil {
			t.Errorf("%s: %v", name, news)
		}
	}
	if news, err := logbook.DecideRotate(l.state, logbook.Rotate{Origin: origin, New: old}); err != nil || news != nil {
		t.Errorf("rotating to the key in force: %v, %v", news, err)
	}
	if news, err := logbook.DecideBind(l.state, logbook.Bind{Origin: origin, Checkpoint: lone.Checkpoint}); err != nil || news != nil {
		t.Errorf("binding nothing: %v, %v", news, err)
	}
	both := l.rotate(key)
	if _, err := logbook.DecideRotate(l.state, logbook.Rotate{Origin: origin, New: third}); !errors.Is(err, logbook.ErrPending) {
		t.Errorf("a second rotation before the first is bound: %v", err)
	}
	if news, err := logbook.DecideRotate(l.state, logbook.Rotate{Origin: origin, New: key}); err != nil || news != nil {
		t.Errorf("the same rotation again: %v, %v", news, err)
	}
	oldOnly, err := l.signer.SignWith(both.Size, both.Root, old)
	if err != nil {
		t.Fatal(err)
	}
	newOnly, err := l.signer.SignWith(both.Size, both.Root, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, checkpoint := range map[string][]byte{
		"before the rotation": lone.Checkpoint, "old line only": oldOnly, "new line only": newOnly, "nothing": nil,
		"another text": []byte(strings.Replace(string(both.Checkpoint), "\n2\n", "\n3\n", 1)),
		"huge":         append(append([]byte{}, both.Checkpoint...), strings.Repeat("— x AAAAAAA=\n", 2000)...),
	} {
		if news, err := logbook.DecideBind(l.state, logbook.Bind{Origin: origin, Checkpoint: checkpoint}); err == nil {
			t.Errorf("bound by a checkpoint with %s: %v", name, news)
		}
	}
	l.bind(both)
	for _, back := range []string{old} {
		if news, err := logbook.DecideRotate(l.state, logbook.Rotate{Origin: origin, New: back}); err == nil {
			t.Errorf("a key that was in force came back: %v", news)
		}
	}
}

func TestBegin(t *testing.T) {
	lost := newLog(t, "lost.example/log", newKey(t))
	first := lost.signer.LogKeys()[0]
	second := lost.add(newKey(t))
	early := lost.append()
	both := lost.rotate(second)
	lost.bind(both)
	last := lost.append()
	history, err := logbook.History(t.Context(), lost.state, lost, last)
	if err != nil {
		t.Fatal(err)
	}
	key := func(b []byte) ledger.Key {
		t.Helper()
		k, err := ledger.ParseKey(b)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	begin := func(checkpoint []byte, known ledger.Key) logbook.Begin {
		return logbook.Begin{Origin: origin, Checkpoint: checkpoint, Known: known, Reason: "máy chủ cháy"}
	}
	for name, c := range map[string]struct {
		begin logbook.Begin
		key   string // "": refused
	}{
		"by the history":         {begin(last.Checkpoint, key(history.Encode())), second},
		"by the last key":        {begin(last.Checkpoint, key([]byte(second))), second},
		"an early head":          {begin(early.Checkpoint, key([]byte(first))), first},
		"a key not in force":     {begin(last.Checkpoint, key([]byte(first))), ""},
		"an early head, new key": {begin(early.Checkpoint, key([]byte(second))), ""},
		"no checkpoint":          {begin(nil, key([]byte(first))), ""},
		"changed":                {begin([]byte(strings.Replace(string(early.Checkpoint), "\n1\n", "\n9\n", 1)), key([]byte(first))), ""},
	} {
		news, err := logbook.DecideBegin(logbook.State{}, c.begin)
		if c.key == "" {
			if err == nil {
				t.Errorf("%s: %v", name, news)
			}
			continue
		}
		if err != nil || len(news) != 1 {
			t.Fatalf("%s: %v, %v", name, news, err)
		}
		s, err := logbook.Fold(logbook.State{}, event(t, origin, logbook.Stream, 0, 0, news[0]))
		if err != nil || s.Begun.Key != c.key || s.Begun.Origin != "lost.example/log" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if _, err := logbook.Fold(logbook.State{}, event(t, origin, logbook.Stream, 1, 0, news[0])); !errors.Is(err, logbook.ErrNotFirst) {
			t.Errorf("%s: taken at position 1: %v", name, err)
		}
		if _, err := logbook.Fold(logbook.State{}, event(t, "lost.example/log", logbook.Stream, 0, 0, news[0])); !errors.Is(err, logbook.ErrSame) {
			t.Errorf("%s: taken by the lost log itself: %v", name, err)
		}
		if _, err := logbook.DecideBegin(s, c.begin); !errors.Is(err, logbook.ErrNotFirst) {
			t.Errorf("%s: decided twice: %v", name, err)
		}
	}
	same := begin(early.Checkpoint, key([]byte(first)))
	same.Origin = "lost.example/log"
	if _, err := logbook.DecideBegin(logbook.State{}, same); !errors.Is(err, logbook.ErrSame) {
		t.Errorf("same origin: %v", err)
	}
	silent := begin(early.Checkpoint, key([]byte(first)))
	silent.Reason = " "
	if _, err := logbook.DecideBegin(logbook.State{}, silent); err == nil {
		t.Error("begun without a reason")
	}
}

// Whatever byte of the data of an event is changed, it is refused or the same.
func TestFoldFindsChanges(t *testing.T) {
	l := newLog(t, origin, newKey(t))
	key := l.add(newKey(t))
	l.bind(l.rotate(key))
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, len(l.list)-1).Draw(rt, "event")
		var s logbook.State
		var err error
		for i, e := range l.list {
			if i == n {
				data := []byte(string(e.Statement.Data))
				at := rapid.IntRange(0, len(data)-1).Draw(rt, "byte")
				data[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
				e.Statement.Data = data
			}
			if s, err = logbook.Fold(s, e); err != nil {
				return
			}
		}
		// The signature lines in base64 have no room for change, nor has a key: its id is a hash of it. What can be changed is
		// a line that neither key knows.
		if c := s.Rotations[0].Bound.Checkpoint; s.Key() != key || !strings.HasPrefix(c, origin+"\n") || len(lines(t, []byte(c), l.signer.LogKeys()...)) != 2 {
			rt.Fatalf("folded %+v", s)
		}
	})
	for _, e := range l.list {
		e.Statement.Name = "ledger.key-lost.v1"
		if _, err := logbook.Fold(logbook.State{}, e); err == nil {
			t.Error("an unknown event was folded")
		}
	}
}
