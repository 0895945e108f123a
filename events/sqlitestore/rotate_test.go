package sqlitestore

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

func nextLogKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func logKeyText(t testing.TB, key ed25519.PrivateKey) string {
	t.Helper()
	text, err := ledger.LogKey(testOrigin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// logAppend appends what a decider of the log's own stream gives.
func logAppend(t testing.TB, s *Store, news []events.New, err error) events.Sealed {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.Append(context.Background(), events.Append{Stream: logbook.Stream, Expected: s.Log().Version(), Actor: "node", Client: "node", Events: news})
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func rotateTo(t testing.TB, s *Store, key string) events.Sealed {
	t.Helper()
	news, err := logbook.DecideRotate(s.Log(), logbook.Rotate{Origin: testOrigin, New: key})
	return logAppend(t, s, news, err)
}

func bindRotation(t testing.TB, s *Store, head events.Head) events.Sealed {
	t.Helper()
	news, err := logbook.DecideBind(s.Log(), logbook.Bind{Origin: testOrigin, Checkpoint: head.Checkpoint})
	return logAppend(t, s, news, err)
}

// signedBy are the keys whose lines a checkpoint bears.
func signedBy(t testing.TB, checkpoint []byte, keys ...string) (out []string) {
	t.Helper()
	for _, key := range keys {
		v, err := note.NewVerifier(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ledger.OpenCheckpoint(checkpoint, testOrigin, v); err == nil {
			out = append(out, key)
		}
	}
	return out
}

// setCheckpoint stores a checkpoint as the last signed one: what a process leaves that ends before it has stored a later.
func setCheckpoint(t testing.TB, dir string, checkpoint []byte) {
	t.Helper()
	db, err := openConn(filepath.Join(dir, dbName), "rw", "")
	if err != nil {
		t.Fatal(err)
	}
	row, err := readLog(db)
	if err == nil {
		row.checkpoint = checkpoint
		sum := row.sum()
		_, err = db.exec(`UPDATE log SET checkpoint = ?, sum = ?`, row.checkpoint, sum[:])
	}
	if err := errors.Join(err, db.close()); err != nil {
		t.Fatal(err)
	}
}

// At every step of a rotation the process ends, and another starts with some of the keys. It signs the durable head with
// those that the log asks for, or refuses and says what to do; no size ever has two roots.
func TestRotationCutOffAtEveryStep(t *testing.T) {
	oldKey, _ := testKeys()
	newKey := nextLogKey(t)
	old, next := logKeyText(t, oldKey), logKeyText(t, newKey)
	dir := t.TempDir()
	opts := testOptions()
	opts.LogKeys = []crypto.Signer{newKey}
	opts.runLength = 2 // the stream is partly in the index, partly not
	type step struct {
		name   string
		dir    string
		stored []byte // nil: as it is
		head   events.Head
		signs  []string
	}
	var steps []step
	var heads []events.Head
	// at runs one step, closes the store and keeps a copy.
	at := func(name string, signs []string, do func(*Store)) {
		s := openTest(t, dir, opts)
		do(s)
		heads = append(heads, s.Head())
		if got := signedBy(t, s.Head().Checkpoint, old, next); !slices.Equal(got, signs) {
			t.Errorf("%s: signed by %v, expected %v", name, got, signs)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step{name, copyDir(t, dir), nil, s.Head(), signs})
		if n := len(heads); n > 1 {
			steps = append(steps, step{name + ", not signed", copyDir(t, dir), heads[n-2].Checkpoint, s.Head(), signs})
		}
	}
	var both events.Head
	add := func(s *Store) {
		if _, err := s.Append(t.Context(), plain("a", lastOf(t, s, "a"))); err != nil {
			t.Fatal(err)
		}
	}
	at("before", []string{old}, add)
	at("rotated", []string{old, next}, func(s *Store) { both = rotateTo(t, s, next).Head })
	at("rotated, more", []string{old, next}, add)
	at("bound", []string{next}, func(s *Store) { bindRotation(t, s, both) })
	at("bound, more", []string{next}, add)

	for _, st := range steps {
		for name, keys := range map[string][]ed25519.PrivateKey{"old": {oldKey}, "new": {newKey}, "both": {oldKey, newKey}, "both, reversed": {newKey, oldKey}} {
			t.Run(st.name+"/"+name, func(t *testing.T) {
				dir := copyDir(t, st.dir)
				if st.stored != nil {
					setCheckpoint(t, dir, st.stored)
				}
				o := testOptions()
				o.LogKey = keys[0]
				held := []string{logKeyText(t, keys[0])}
				for _, k := range keys[1:] {
					o.LogKeys = append(o.LogKeys, k)
					held = append(held, logKeyText(t, k))
				}
				may := !slices.ContainsFunc(st.signs, func(key string) bool { return !slices.Contains(held, key) })
				s, err := Open(t.Context(), dir, o)
				if !may {
					if err == nil {
						s.Close()
						t.Fatal("opened without a key that the log asks for")
					}
					if !strings.Contains(err.Error(), "log_key") {
						t.Errorf("the refusal does not say what to do: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				h := s.Head()
				if h.Size != st.head.Size || h.Root != st.head.Root {
					t.Errorf("head %d %s, expected %d %s", h.Size, h.Root, st.head.Size, st.head.Root)
				}
				if got := signedBy(t, h.Checkpoint, old, next); !slices.Equal(got, st.signs) {
					t.Errorf("signed by %v, expected %v", got, st.signs)
				}
				add(s) // it goes on
				if r := s.Log().Pending(); r != nil {
					bindRotation(t, s, s.Head())
				}
			})
		}
	}
}

func lastOf(t testing.TB, s *Store, stream string) int64 {
	t.Helper()
	last := int64(-1)
	if err := s.Stream(context.Background(), stream, 0, func(e events.Event) error { last = int64(e.Statement.Version); return nil }); err != nil {
		t.Fatal(err)
	}
	return last
}

// What could not be sealed is refused, and the store goes on.
func TestTheLogsOwnStreamIsGuarded(t *testing.T) {
	newKey := nextLogKey(t)
	next := logKeyText(t, newKey)
	s := openTest(t, t.TempDir(), testOptions())
	rotated := events.New{Name: logbook.NameKeyRotated, Data: logbook.KeyRotated{Old: s.Log().First, New: next}}
	try := func(news ...events.New) error {
		_, err := s.Append(t.Context(), events.Append{Stream: logbook.Stream, Expected: s.Log().Version(), Actor: "node", Client: "node", Events: news})
		return err
	}
	missing := new(logbook.KeyError)
	if err := try(rotated); !errors.As(err, &missing) || missing.Missing != next {
		t.Errorf("rotated to a key that is not at hand: %v", err)
	}
	for name, n := range map[string]events.New{
		"unknown": {Name: "ledger.key-lost.v1", Data: struct{}{}},
		"begun":   {Name: logbook.NameBegun, Data: logbook.Begun{Origin: "lost.example/log"}},
		"bound":   {Name: logbook.NameKeyBound, Data: logbook.KeyBound{}},
	} {
		if err := try(n); err == nil {
			t.Errorf("recorded %s", name)
		}
	}
	if _, err := s.AddLogKey(newKey); err != nil {
		t.Fatal(err)
	}
	if err := try(rotated); err != nil {
		t.Error(err)
	}
	if err := try(rotated); err == nil {
		t.Error("rotated twice")
	}
	if _, err := s.Append(t.Context(), plain("a", -1)); err != nil {
		t.Error(err)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
}

// rotated is a folder with events before, between and after two rotations, and the keys.
func rotatedStore(t testing.TB) (dir string, keys []string, secret []crypto.Signer, heads []events.Head) {
	t.Helper()
	first, _ := testKeys()
	secret, keys = []crypto.Signer{first}, []string{logKeyText(t, first)}
	dir = t.TempDir()
	s, err := Open(context.Background(), dir, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	add := func() {
		sealed, err := s.Append(context.Background(), plain("a", lastOf(t, s, "a")))
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, sealed.Head)
	}
	for range 2 {
		add()
		key := nextLogKey(t)
		secret, keys = append(secret, key), append(keys, logKeyText(t, key))
		if _, err := s.AddLogKey(key); err != nil {
			t.Fatal(err)
		}
		both := rotateTo(t, s, keys[len(keys)-1]).Head
		heads = append(heads, both, bindRotation(t, s, both).Head)
		add()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, keys, secret, heads
}

// Any key of the log leads to all heads; a key that is not the log's does not.
func TestVerifyFollowsRotations(t *testing.T) {
	dir, keys, _, heads := rotatedStore(t)
	key := func(text string) *ledger.Key {
		t.Helper()
		k, err := ledger.ParseKey([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return &k
	}
	for _, text := range keys {
		for _, h := range heads {
			r := verify(t, dir, VerifyOptions{Key: key(text), Checkpoint: h.Checkpoint})
			if r.Problem != nil || len(r.Unproved) != 0 || len(r.Log.Rotations) != 2 || r.Log.First != keys[0] {
				t.Fatalf("key %s, head %d: %+v", text, h.Size, r)
			}
		}
	}
	r := verify(t, dir, VerifyOptions{Key: key(logKeyText(t, nextLogKey(t)))})
	if r.Problem == nil || r.Problem.Kind != "checkpoint" {
		t.Errorf("a stranger's key: %v", r.Problem)
	}
	// A head that the first key signs after it was followed by another counts for nothing.
	first, node := testKeys()
	signer, err := ledger.NewSigner(testOrigin, first, node, nil)
	if err != nil {
		t.Fatal(err)
	}
	last := heads[len(heads)-1]
	late, err := signer.Sign(last.Size, last.Root)
	if err != nil {
		t.Fatal(err)
	}
	if r := verify(t, dir, VerifyOptions{Key: key(keys[0]), Checkpoint: late}); r.Problem == nil || r.Problem.Kind != "older checkpoint" {
		t.Errorf("a late head by the first key: %v", r.Problem)
	}
	changed := copyDir(t, dir)
	setCheckpoint(t, changed, late)
	if r := verify(t, changed, VerifyOptions{Key: key(keys[0])}); r.Problem == nil || r.Problem.Kind != "checkpoint" {
		t.Errorf("stored head by the first key: %v", r.Problem)
	}
}

// Whoever has the newest key only cannot put another beginning before the rotation that brought it.
func TestVerifyFindsAnotherBeginning(t *testing.T) {
	dir, keys, secret, _ := rotatedStore(t)
	forged := t.TempDir()
	// The forger copies the log's own events and changes the others. His store signs with all keys; what he hands out is the
	// last head, by the key that he has.
	o := testOptions()
	o.LogKeys = secret[1:]
	s := openTest(t, forged, o)
	r, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.All(t.Context(), 0, func(e events.Event) error {
		a := plain("b", lastOf(t, s, "b"))
		if e.Statement.Stream == logbook.Stream {
			a = events.Append{Stream: logbook.Stream, Expected: s.Log().Version(), Actor: "node", Client: "node",
				Events: []events.New{{Name: e.Statement.Name, Data: e.Statement.Data}}}
		}
		_, err := s.Append(t.Context(), a)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range append([]string{""}, keys...) {
		var o VerifyOptions
		if text != "" {
			k, err := ledger.ParseKey([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			o.Key = &k
		}
		if r := verify(t, forged, o); r.Problem == nil || r.Problem.Kind != "log key" || !strings.Contains(r.Problem.Reason, "events before it were changed") {
			t.Errorf("key %q: %v", text, r.Problem)
		}
	}
}
