package tiles_test

import (
	"maps"
	"path"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// needless are the partial tiles that go when a head is published after one of size replaced: whose full tile was under that.
func needless(files map[string]string, replaced uint64) map[string]string {
	out := map[string]string{}
	for name, b := range files {
		dir, partial := strings.CutSuffix(path.Dir(name), ".p")
		if !partial {
			continue
		}
		t, err := tiles.ParsePath(dir)
		if err != nil {
			panic(err)
		}
		width := uint64(256)
		for range t.Level {
			width *= 256
		}
		if (t.Number+1)*width <= replaced {
			out[name] = b
		}
	}
	return out
}

// without is a copy without some names.
func without(files, gone map[string]string) map[string]string {
	out := maps.Clone(files)
	for name := range gone {
		delete(out, name)
	}
	return out
}

// like is the same as same, but that files of may can be there or not.
func like(t interface{ Fatalf(string, ...any) }, d *disk, want, may map[string]string) {
	there := without(want, may)
	for name, b := range may {
		if _, ok := d.files[name]; ok {
			there[name] = b
		}
	}
	same(t, d, there)
}

// A log that grows event by event keeps partial tiles of its newest tiles only; readers of the checkpoint now, and of the one
// before, find every file that they ask for.
func TestPartialTilesGo(t *testing.T) {
	r, d := newRecord(t), newDisk()
	w := tiles.NewWriter(r, d, tiles.Options{Verifiers: []note.Verifier{r.verifier(t)}})
	most := 0
	for size := uint64(1); size <= 1030; size++ {
		r.size = size
		if err := w.Publish(t.Context(), r.head(t, size)); err != nil {
			t.Fatal(err)
		}
		if size%7 != 0 && size%256 > 2 {
			continue
		}
		published := d.published()
		most = max(most, len(published))
		for _, readers := range []uint64{size, size - 1} {
			for name := range plainFiles(readers) {
				if _, ok := published[name]; !ok {
					t.Fatalf("size %d: a reader of size %d does not find %s", size, readers, name)
				}
			}
		}
	}
	for name := range d.published() {
		if dir, width, partial := strings.Cut(name, ".p/"); partial {
			tile, err := tiles.ParsePath(dir)
			if n, bad := strconv.Atoi(width); err != nil || bad != nil || tile.Level < 1 && tile.Number != 4 || n > 255 {
				t.Errorf("%s is still there", name)
			}
		}
	}
	if most > 2*2*256+3*5+10 {
		t.Errorf("%d files at most", most)
	}
}

// What an earlier writer has left is cleared by a later one, a bounded number of tiles at a time.
func TestPartialTilesOfEarlierWriters(t *testing.T) {
	r, d := newRecord(t), newDisk()
	left := map[string]string{}
	for _, size := range []uint64{3, 300, 600, 700} {
		maps.Copy(left, plainFiles(size))
	}
	r.size = 701
	if err := tiles.NewWriter(r, d, tiles.Options{}).Publish(t.Context(), r.head(t, 700)); err != nil {
		t.Fatal(err)
	}
	for name, b := range left {
		d.files[name], d.dirs[path.Dir(name)] = b, true
	}
	h := r.head(t, 701)
	if err := tiles.NewWriter(r, d, tiles.Options{}).Publish(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	maps.Copy(left, plainFiles(701))
	left["checkpoint"] = string(h.Checkpoint)
	same(t, d, without(left, needless(left, 700)))
}
