package tiles_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
)

var errWitness = errors.New("the witness is away")

const line = "— witness.example AAAA\n"

// A binding cosignature comes between the files and the checkpoint; while there is none, the checkpoint stays.
func TestFollowBinding(t *testing.T) {
	r, d := newRecord(t), newDisk()
	r.size = 1000
	g := &growing{record: r, now: r.head(t, 300), next: make(chan struct{})}
	waits, pause, outcomes := make(chan time.Duration, 20), make(chan time.Time), make(chan outcome, 20)
	away := true
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w := tiles.NewWriter(r, d, tiles.Options{})
	go tiles.Follow(ctx, g, w, tiles.FollowOptions{
		Interval: time.Second, Binding: true,
		After: func(d time.Duration) <-chan time.Time { waits <- d; return pause },
		Cosign: func(_ context.Context, b []byte) ([]byte, error) {
			h, err := ledger.ReadCheckpoint(b)
			if err != nil {
				t.Error(err)
			}
			for name, want := range plainFiles(h.Size) { // tiles first
				if d.files[name] != want {
					t.Errorf("size %d is shown to witnesses before %s is there", h.Size, name)
				}
			}
			if away {
				return nil, errWitness
			}
			return append(bytes.Clone(b), line...), nil
		},
		Report: func(h events.Head, err error) { outcomes <- outcome{h.Size, err} },
	})
	for i := range 9 {
		if o := <-outcomes; !errors.Is(o.err, errWitness) || o.size != 300 {
			t.Fatalf("try %d: %+v", i, o)
		}
		if want := time.Duration(min(1<<i, 64)) * time.Second; <-waits != want {
			t.Errorf("try %d: doesn't wait %s", i, want)
		}
		if d.files["checkpoint"] != "" {
			t.Fatal("a checkpoint is published without its cosignatures")
		}
		if i == 8 {
			away = false
			g.set(r.head(t, 301), nil)
		}
		pause <- time.Time{}
	}
	if o := <-outcomes; o.err != nil || o.size != 301 {
		t.Fatalf("with cosignatures: %+v", o)
	}
	if c := d.files["checkpoint"]; !strings.HasSuffix(c, line) {
		t.Errorf("published %q", c)
	}
}

// Where cosignatures are not binding the checkpoint is there at once, and gets them when they come, also after a restart
// and though the log has not grown.
func TestFollowNotBinding(t *testing.T) {
	r, d := newRecord(t), newDisk()
	r.size = 1000
	head := r.head(t, 300)
	pause, outcomes := make(chan time.Time), make(chan outcome, 20)
	answers := make(chan error, 20)
	run := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			tiles.Follow(ctx, &growing{record: r, now: head, next: make(chan struct{})}, tiles.NewWriter(r, d, tiles.Options{}), tiles.FollowOptions{
				After: func(time.Duration) <-chan time.Time { return pause },
				Cosign: func(_ context.Context, b []byte) ([]byte, error) {
					if d.files["checkpoint"] != string(b) {
						t.Error("not published before it is shown to witnesses")
					}
					if err := <-answers; err != nil {
						return nil, err
					}
					if bytes.HasSuffix(b, []byte(line)) {
						return b, nil
					}
					return append(bytes.Clone(b), line...), nil
				},
				Report: func(h events.Head, err error) { outcomes <- outcome{h.Size, err} },
			})
		}()
		return func() { cancel(); <-ended }
	}
	stop := run()
	answers <- errWitness
	failed := new(tiles.CosignError)
	if o := <-outcomes; !errors.As(o.err, &failed) || d.files["checkpoint"] != string(head.Checkpoint) {
		t.Fatalf("%+v, published %q", o, d.files["checkpoint"])
	}
	stop()
	stop = run()
	defer func() { stop() }()
	answers <- nil
	if o := <-outcomes; o.err != nil || d.files["checkpoint"] != string(head.Checkpoint)+line {
		t.Errorf("%+v, published %q", o, d.files["checkpoint"])
	}
	stop()
	stop = run()
	answers <- nil
	if o := <-outcomes; o.err != nil || d.files["checkpoint"] != string(head.Checkpoint)+line {
		t.Errorf("after a restart: %+v, published %q", o, d.files["checkpoint"])
	}
}

// What comes back over another text is not published.
func TestCosignOfAnotherHead(t *testing.T) {
	r, d := newRecord(t), newDisk()
	r.size = 10
	w := tiles.NewWriter(r, d, tiles.Options{})
	other := r.head(t, 9)
	cosign := func(context.Context, []byte) ([]byte, error) { return other.Checkpoint, nil }
	failed := new(tiles.CosignError)
	if err := w.PublishCosigned(t.Context(), r.head(t, 10), cosign); !errors.As(err, &failed) || d.files["checkpoint"] != "" {
		t.Errorf("published: %v, %q", err, d.files["checkpoint"])
	}
	if err := w.Publish(t.Context(), r.head(t, 10)); err != nil {
		t.Fatal(err)
	}
	if err := w.Cosign(t.Context(), cosign); !errors.As(err, &failed) {
		t.Error(err)
	}
}

// fork is the record with one statement changed: its files and roots.
func forked(t testing.TB, size, changed uint64) (*disk, ledger.Head) {
	t.Helper()
	l := leaves(size)
	if changed < size {
		l[changed] = hash([]byte{0}, []byte("another entry"))
	}
	d := newDisk()
	level := l
	for n := 0; len(level) > 0; n++ {
		for i := 0; i*256 < len(level); i++ {
			part := level[i*256 : min(i*256+256, len(level))]
			tile := tiles.Tile{Level: n, Number: uint64(i), Width: len(part)}
			d.files[tile.Path()] = string(bytes.Join(part, nil))
		}
		var next [][]byte
		for i := 0; i+256 <= len(level); i += 256 {
			next = append(next, mth(level[i:i+256]))
		}
		level = next
	}
	return d, ledger.Head{Origin: origin, Size: size, Root: events.Digest(mth(l))}
}

// Two heads are consistent exactly if the smaller tree is the beginning of the larger; a contradiction proves itself.
func TestConsistent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.Uint64Range(1, 700).Draw(rt, "size")
		changed := rapid.Uint64Range(0, 800).Draw(rt, "changed")
		older := rapid.Uint64Range(0, size).Draw(rt, "older")
		files, newer := forked(t, size, changed)
		old := ledger.Head{Origin: origin, Size: older, Root: plainRoot(older)}
		err := tiles.Consistent(newer, old, files)
		c := new(tiles.Contradiction)
		if differs := changed < older; differs != errors.As(err, &c) || !differs && err != nil {
			rt.Fatalf("changed at %d: %v", changed, err)
		}
		if changed >= older || older == size {
			return
		}
		proof := make(tlog.TreeProof, len(c.Proof))
		for i, h := range c.Proof {
			proof[i] = tlog.Hash(h)
		}
		if err := tlog.CheckTree(proof, int64(size), tlog.Hash(newer.Root), int64(older), tlog.Hash(c.Root)); err != nil || c.Root == old.Root {
			rt.Fatalf("the contradiction does not prove itself: %v", err)
		}
		// A tile that does not fit is no contradiction: nobody can tell.
		for name := range files.files {
			files.files[name] = strings.Repeat("x", len(files.files[name]))
		}
		if err := tiles.Consistent(newer, old, files); err == nil || errors.As(err, &c) {
			rt.Fatalf("with other tiles: %v", err)
		}
	})
}

func TestRemote(t *testing.T) {
	files, head := forked(t, 600, 1000)
	files.files["checkpoint"] = "a checkpoint"
	server := httptest.NewServer(http.StripPrefix("/log/", tiles.Handler(files.published())))
	defer server.Close()
	r := tiles.Remote(t.Context(), server.Client(), server.URL+"/log")
	if b, err := tiles.ReadCheckpoint(r); err != nil || string(b) != "a checkpoint" {
		t.Errorf("%q, %v", b, err)
	}
	if err := tiles.Consistent(ledger.Head{Origin: origin, Size: 300, Root: plainRoot(300)}, head, r); err != nil {
		t.Error(err)
	}
	if err := tiles.Consistent(ledger.Head{Origin: origin, Size: 300, Root: plainRoot(301)}, head, tiles.Remote(t.Context(), server.Client(), server.URL)); err == nil {
		t.Error("files at another place")
	}
}
