package tiles_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// sizes draws log sizes, mostly around the ends of tiles.
func sizes(t *rapid.T, most uint64) []uint64 {
	one := rapid.Custom(func(t *rapid.T) uint64 {
		around := rapid.SampledFrom([]uint64{0, 1, 255, 256, 257, 511, 512, 768, 1024}).Draw(t, "around")
		return min(around+rapid.Uint64Range(0, 40).Draw(t, "more"), most)
	})
	list := rapid.SliceOfN(one, 1, 5).Draw(t, "sizes")
	slices.Sort(list)
	return slices.Compact(list)
}

// Whatever heads are published, in whatever batches, by one writer or by one after the other: the files are those that the
// plain computation gives for every published size, without the partial tiles that nobody needs any more, and nothing else.
func TestFilesAreThePlainOnes(t *testing.T) {
	r := newRecord(t)
	v := r.verifier(t)
	rapid.Check(t, func(rt *rapid.T) {
		d := newDisk()
		o := tiles.Options{Batch: rapid.SampledFrom([]int{1, 7, 256, 300, 4096}).Draw(rt, "batch"), Verifiers: []note.Verifier{v}}
		r.size = 0
		want := map[string]string{}
		var replaced uint64
		w := tiles.NewWriter(r, d, o)
		for _, size := range sizes(rt, 1100) {
			if rapid.Bool().Draw(rt, "restart") {
				w = tiles.NewWriter(r, d, o)
			}
			r.size = size + rapid.Uint64Range(0, 3).Draw(rt, "later") // the record may be ahead of the head
			h := r.head(t, size)
			if err := w.Publish(t.Context(), h); err != nil {
				rt.Fatalf("publish %d: %v", size, err)
			}
			maps.Copy(want, plainFiles(size))
			want = without(want, needless(want, replaced))
			replaced = size
			want["checkpoint"] = string(h.Checkpoint)
			if p := w.Published(); p == nil || p.Size != size {
				rt.Fatalf("published %v, expected %d", p, size)
			}
		}
		same(rt, d, want)
	})
}

// same compares the published files of a disk.
func same(t interface{ Fatalf(string, ...any) }, d *disk, want map[string]string) {
	got := d.published()
	for name, s := range want {
		f, ok := got[name]
		if !ok {
			t.Fatalf("%s is missing", name)
		}
		if string(f.Data) != s {
			t.Fatalf("%s has other bytes", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Fatalf("%s should not be there", name)
	}
}

// Three levels of tiles, caught up in batches.
func TestManyEntries(t *testing.T) {
	r, d := newRecord(t), newDisk()
	w := tiles.NewWriter(r, d, tiles.Options{Batch: 1000})
	const size = 256*256 + 300
	r.size = size
	if err := w.Publish(t.Context(), r.head(t, size)); err != nil {
		t.Fatal(err)
	}
	want := plainFiles(size)
	want["checkpoint"] = d.files["checkpoint"]
	same(t, d, want)
	if _, ok := want["tile/2/000.p/1"]; !ok {
		t.Fatal("the plain computation has no third level")
	}
	// Another writer goes on from there without reading the record again.
	r.size++
	w = tiles.NewWriter(&from{record: r, least: size}, d, tiles.Options{})
	if err := w.Publish(t.Context(), r.head(t, size+1)); err != nil {
		t.Fatal(err)
	}
}

// from is a record that may be read from one position on only.
type from struct {
	*record
	least uint64
}

func (f *from) All(ctx context.Context, from uint64, do func(events.Event) error) error {
	if from < f.least {
		return errors.New("read again from the start")
	}
	return f.record.All(ctx, from, do)
}

// A process that ends between any two changes of the disk, in four ways: at every moment a checkpoint that is there has all
// its files, and whoever goes on, the same writer or another, ends with the same files as if nothing had happened.
func TestEveryStepCanFail(t *testing.T) {
	r := newRecord(t)
	var heads []events.Head
	want := map[string]string{}
	for _, size := range []uint64{3, 250, 257, 600} {
		heads = append(heads, r.head(t, size))
		maps.Copy(want, plainFiles(size))
	}
	want["checkpoint"] = string(heads[len(heads)-1].Checkpoint)
	r.size = 600
	o := tiles.Options{Batch: 200, Verifiers: []note.Verifier{r.verifier(t)}}
	run := func(d *disk, w *tiles.Writer, heads []events.Head) (int, error) {
		for i, h := range heads {
			if err := w.Publish(t.Context(), h); err != nil {
				return i, err
			}
		}
		return len(heads), nil
	}
	clean := newDisk()
	if _, err := run(clean, tiles.NewWriter(r, clean, o), heads); err != nil {
		t.Fatal(err)
	}
	gone := needless(want, 257)
	same(t, clean, without(want, gone))
	if clean.steps < 50 {
		t.Fatalf("%d steps only", clean.steps)
	}
	for mode := range failures {
		for at := 1; at <= clean.steps; at++ {
			for _, another := range []bool{false, true} {
				d := newDisk()
				d.failAt, d.mode = at, mode
				w := tiles.NewWriter(r, d, o)
				i, err := run(d, w, heads)
				if !errors.Is(err, errDisk) {
					t.Fatalf("mode %d, step %d: %v", mode, at, err)
				}
				if _, ok := d.files["checkpoint"]; ok {
					if _, err := tiles.Check(t.Context(), d.published(), r.verifier(t)); err != nil {
						t.Fatalf("mode %d, step %d: a checkpoint without its files: %v", mode, at, err)
					}
				} else if i > 0 {
					t.Fatalf("mode %d, step %d: the checkpoint is gone", mode, at)
				}
				d.revive()
				if another {
					w = tiles.NewWriter(r, d, o)
				}
				if _, err := run(d, w, heads[i:]); err != nil {
					t.Fatalf("mode %d, step %d: couldn't go on: %v", mode, at, err)
				}
				like(t, d, want, gone) // what could not be removed goes with a later head
			}
		}
	}
}

// What a killed process left and the next one takes up must be durable before the checkpoint too: the power fails at every
// step after every kill.
func TestPowerFailsAfterKill(t *testing.T) {
	r := newRecord(t)
	h := r.head(t, 257)
	r.size = 257
	clean := newDisk()
	if err := tiles.NewWriter(r, clean, tiles.Options{}).Publish(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	want := plainFiles(257)
	want["checkpoint"] = string(h.Checkpoint)
	for kill := 1; kill <= clean.steps; kill++ {
		for power := 1; ; power++ {
			d := newDisk()
			d.failAt = kill
			if err := tiles.NewWriter(r, d, tiles.Options{}).Publish(t.Context(), h); !errors.Is(err, errDisk) {
				t.Fatalf("kill at %d: %v", kill, err)
			}
			d.failAt, d.mode = d.steps+power, powerFails
			err := tiles.NewWriter(r, d, tiles.Options{}).Publish(t.Context(), h)
			if err == nil { // all steps have been tried: what is published stays
				d.revive()
				d.losePower()
				same(t, d, want)
				break
			}
			if _, ok := d.files["checkpoint"]; ok {
				if _, err := tiles.Check(t.Context(), d.published(), r.verifier(t)); err != nil {
					t.Fatalf("kill at %d, power at %d: a checkpoint without its files: %v", kill, power, err)
				}
			}
			d.revive()
			if err := tiles.NewWriter(r, d, tiles.Options{}).Publish(t.Context(), h); err != nil {
				t.Fatalf("kill at %d, power at %d: couldn't go on: %v", kill, power, err)
			}
			same(t, d, want)
		}
	}
}

// The checkpoint is the last thing that is written of every publication.
func TestCheckpointComesLast(t *testing.T) {
	r, d := newRecord(t), newDisk()
	w := tiles.NewWriter(r, d, tiles.Options{})
	for _, size := range []uint64{1, 300} {
		r.size, d.wrote = size, nil
		if err := w.Publish(t.Context(), r.head(t, size)); err != nil {
			t.Fatal(err)
		}
		if n := slices.Index(d.wrote, "checkpoint"); n != len(d.wrote)-1 {
			t.Errorf("size %d: the checkpoint is number %d of %v", size, n, d.wrote)
		}
	}
}

// Every changed, cut or missing file is found by Check, with its name.
func TestCheckNamesWhatIsWrong(t *testing.T) {
	r, d := newRecord(t), newDisk()
	r.size = 700
	if err := tiles.NewWriter(r, d, tiles.Options{}).Publish(t.Context(), r.head(t, 700)); err != nil {
		t.Fatal(err)
	}
	if _, err := tiles.Check(t.Context(), d.published(), r.verifier(t)); err != nil {
		t.Fatal(err)
	}
	changes := map[string]func([]byte) []byte{
		"first byte": func(b []byte) []byte { b[0] ^= 1; return b },
		"last byte":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"cut":        func(b []byte) []byte { return b[:len(b)-1] },
		"empty":      func(b []byte) []byte { return nil },
		"longer":     func(b []byte) []byte { return append(b, 0) },
	}
	for name := range d.published() {
		for what, change := range changes {
			files := d.published()
			files[name].Data = change(files[name].Data)
			_, err := tiles.Check(t.Context(), files, r.verifier(t))
			fault := new(tiles.Fault)
			if !errors.As(err, &fault) {
				t.Errorf("%s, %s: %v", name, what, err)
				continue
			}
			// The tile of a changed bundle is where the two part.
			if fault.Path != name && fault.Path != strings.Replace(name, "entries", "0", 1) {
				t.Errorf("%s, %s: named %s", name, what, fault.Path)
			}
		}
		files := d.published()
		delete(files, name)
		if _, err := tiles.Check(t.Context(), files, r.verifier(t)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s missing: %v", name, err)
		}
	}
	if _, err := tiles.Check(t.Context(), d.published(), newRecord(t).verifier(t)); err == nil {
		t.Error("signed by a key that is not the log's")
	}
}

// A writer that starts over wrong files names the wrong one and leaves it alone; a file that is gone is written again.
func TestWriterNamesWhatIsWrong(t *testing.T) {
	r := newRecord(t)
	r.size = 700
	o := tiles.Options{Verifiers: []note.Verifier{r.verifier(t)}}
	written := func() *disk {
		d := newDisk()
		if err := tiles.NewWriter(r, d, o).Publish(t.Context(), r.head(t, 600)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, name := range []string{"checkpoint", "tile/0/002.p/88", "tile/entries/002.p/88", "tile/1/000.p/2", "tile/0/000"} {
		d := written()
		b := []byte(d.files[name])
		b[40] ^= 1
		d.files[name] = string(b)
		err := tiles.NewWriter(r, d, o).Publish(t.Context(), r.head(t, 700))
		fault := new(tiles.Fault)
		if !errors.As(err, &fault) || fault.Path != name {
			t.Errorf("%s changed: %v", name, err)
		}
		if d.files[name] != string(b) {
			t.Errorf("%s was overwritten", name)
		}
		if name == "checkpoint" {
			continue
		}
		d = written()
		delete(d.files, name)
		if err := tiles.NewWriter(r, d, o).Publish(t.Context(), r.head(t, 700)); err != nil {
			t.Errorf("%s missing: %v", name, err)
		}
		if _, ok := d.files[name]; !ok {
			t.Errorf("%s was not written again", name)
		}
	}
}

// Full tiles that lie ahead of the checkpoint, from a writer that was ended, must be those of the record.
func TestTileAheadOfCheckpoint(t *testing.T) {
	r, d := newRecord(t), newDisk()
	d.files["tile/0/000"] = strings.Repeat("x", 8192)
	r.size = 300
	err := tiles.NewWriter(r, d, tiles.Options{}).Publish(t.Context(), r.head(t, 300))
	fault := new(tiles.Fault)
	if !errors.As(err, &fault) || fault.Path != "tile/0/000" {
		t.Errorf("%v", err)
	}
	if _, ok := d.files["checkpoint"]; ok {
		t.Error("a checkpoint was published over it")
	}
}

// A record that was rolled back, forked or changed behind its head is not published.
func TestRecordThatIsNotWhatWasPublished(t *testing.T) {
	r := newRecord(t)
	r.size = 500
	d := newDisk()
	publish := func(r *record, h events.Head) error {
		return tiles.NewWriter(r, d, tiles.Options{}).Publish(t.Context(), h)
	}
	if err := publish(r, r.head(t, 500)); err != nil {
		t.Fatal(err)
	}
	fault := new(tiles.Fault)
	before := maps.Clone(d.files)
	if err := publish(r, r.head(t, 400)); !errors.As(err, &fault) || fault.Path != "checkpoint" || !strings.Contains(fault.Reason, "lost") {
		t.Errorf("rolled back: %v", err)
	}
	r.size = 600
	r.changed[550] = true
	if err := publish(r, r.head(t, 600)); !errors.As(err, &fault) || fault.Path != "" {
		t.Errorf("changed behind its head: %v", err)
	}
	fork := r.head(t, 500)
	fork.Root[0] ^= 1
	if err := publish(r, fork); !errors.As(err, &fault) || fault.Path != "checkpoint" {
		t.Errorf("another root of the published size: %v", err)
	}
	other := r.head(t, 600)
	other.Origin = "other.example/log"
	if err := publish(r, other); !errors.As(err, &fault) || fault.Path != "checkpoint" {
		t.Errorf("another log: %v", err)
	}
	if err := publish(r, events.Head{Origin: origin, Size: 600}); err == nil {
		t.Error("an unsigned head was published")
	}
	delete(d.files, ".tmp/file")
	if !maps.Equal(before, d.files) {
		t.Error("files were changed")
	}
}
