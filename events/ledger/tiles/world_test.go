package tiles_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
)

const origin = "tram.example/log"

// record is a log of made-up statements, with everything computed plainly from them.
type record struct {
	size    uint64
	changed map[uint64]bool // positions whose statement was changed after it was sealed
	signer  *ledger.Signer
	vkey    string
}

func newRecord(t testing.TB) *record {
	t.Helper()
	pub, log, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	node, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := &record{changed: map[uint64]bool{}}
	if r.signer, err = ledger.NewSigner(origin, log, node, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if r.vkey, err = ledger.LogKey(origin, pub); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *record) verifier(t testing.TB) note.Verifier {
	t.Helper()
	v, err := note.NewVerifier(r.vkey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func statement(position uint64) []byte { return fmt.Appendf(nil, `{"statement":%d}`, position) }

func entry(position uint64) []byte {
	sum := sha256.Sum256(statement(position))
	return sum[:]
}

func (r *record) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	for p := from; p < r.size; p++ {
		b := statement(p)
		if r.changed[p] {
			b[len(b)-1] ^= 1
		}
		if err := f(events.Event{Position: p, Bytes: b}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (r *record) Proof(_ context.Context, position, size uint64) ([]events.Digest, events.Head, error) {
	if position >= size || size > r.size {
		return nil, events.Head{}, errors.New("no such leaf")
	}
	return nil, events.Head{Origin: origin, Size: size, Root: plainRoot(size)}, nil
}

// head signs the head of a size.
func (r *record) head(t testing.TB, size uint64) events.Head {
	t.Helper()
	h := events.Head{Origin: origin, Size: size, Root: plainRoot(size)}
	var err error
	if h.Checkpoint, err = r.signer.Sign(size, h.Root); err != nil {
		t.Fatal(err)
	}
	return h
}

// The plain computation: the definitions of RFC 6962 and tlog-tiles, level by level, sharing no code with the package.

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func leaves(size uint64) [][]byte {
	out := make([][]byte, size)
	for i := range out {
		out[i] = hash([]byte{0}, entry(uint64(i)))
	}
	return out
}

// mth is the Merkle tree hash over leaf hashes: RFC 6962, 2.1.
func mth(l [][]byte) []byte {
	switch len(l) {
	case 0:
		return hash()
	case 1:
		return l[0]
	}
	k := 1
	for 2*k < len(l) {
		k *= 2
	}
	return hash([]byte{1}, mth(l[:k]), mth(l[k:]))
}

func plainRoot(size uint64) events.Digest { return events.Digest(mth(leaves(size))) }

// plainFiles are the tiles and bundles of one size, by path.
func plainFiles(size uint64) map[string]string {
	out := map[string]string{}
	group := func(prefix string, items [][]byte) {
		for n := 0; n*256 < len(items); n++ {
			part := items[n*256 : min(n*256+256, len(items))]
			name := prefix + number(n)
			if len(part) < 256 {
				name += fmt.Sprintf(".p/%d", len(part))
			}
			out[name] = string(slices.Concat(part...))
		}
	}
	bundles := make([][]byte, size)
	for i := range bundles {
		bundles[i] = binary.BigEndian.AppendUint16(nil, 32)
		bundles[i] = append(bundles[i], entry(uint64(i))...)
	}
	group("tile/entries/", bundles)
	level := leaves(size)
	for l := 0; len(level) > 0; l++ {
		group(fmt.Sprintf("tile/%d/", l), level)
		var next [][]byte
		for n := 0; n+256 <= len(level); n += 256 {
			next = append(next, mth(level[n:n+256]))
		}
		level = next
	}
	return out
}

// number writes groups of three digits.
func number(n int) string {
	s := fmt.Sprint(n)
	for len(s)%3 != 0 {
		s = "0" + s
	}
	var groups []string
	for ; len(s) > 3; s = s[3:] {
		groups = append(groups, "x"+s[:3])
	}
	return strings.Join(append(groups, s), "/")
}

// disk is a folder in memory that can be made to fail, and that forgets at a loss of power what was not synced.
type disk struct {
	files map[string]string
	dirs  map[string]bool
	undo  []undo // of names that are not durable yet, oldest first

	steps  int // changes so far
	failAt int // the step that fails, and all after it; 0: none
	mode   failure
	wrote  []string // names that were written, in order

	names  map[string]int // how often each operation came, as docs/faults.md calls it
	struck string         // the one that failed
}

// called is how docs/faults.md calls a file.
func called(name string) string {
	switch name {
	case "checkpoint":
		return "the checkpoint"
	case tiles.KeyHistoryPath:
		return "the key history"
	}
	return "a tile or bundle"
}

type undo struct {
	dir string // whose sync makes it durable
	do  func()
}

type failure int

const (
	fails      failure = iota // the step is not done
	persists                  // it is done, but said to have failed
	torn                      // half of it is done
	powerFails                // it is not done, and what is not durable is gone
	failures
)

func newDisk() *disk {
	return &disk{files: map[string]string{}, dirs: map[string]bool{".": true}}
}

var errDisk = errors.New("the disk failed")

// step counts a change and says whether it is done and whether it fails.
func (d *disk) step(name string) (do, half bool, err error) {
	d.steps++
	if d.names == nil {
		d.names = map[string]int{}
	}
	d.names[name]++
	if d.failAt == 0 || d.steps < d.failAt {
		return true, false, nil
	}
	first := d.steps == d.failAt
	if first {
		d.struck = name
	}
	if first && d.mode == powerFails {
		d.losePower()
	}
	return first && d.mode == persists, first && d.mode == torn, errDisk
}

// losePower forgets what is not durable.
func (d *disk) losePower() {
	for _, u := range slices.Backward(d.undo) {
		u.do()
	}
	d.undo = nil
}

// revive ends the failure: the next process starts.
func (d *disk) revive() { d.failAt = 0 }

func (d *disk) ReadFile(name string, limit int) ([]byte, error) {
	if d.failAt > 0 && d.steps >= d.failAt {
		return nil, errDisk
	}
	s, ok := d.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if len(s) > limit {
		return nil, errors.New("too long")
	}
	return []byte(s), nil
}

func (d *disk) MkdirAll(name string) error {
	if d.dirs[name] {
		return nil
	}
	if err := d.MkdirAll(path.Dir(name)); err != nil {
		return err
	}
	do, _, err := d.step("making of a folder")
	if do {
		d.dirs[name] = true
		d.undo = append(d.undo, undo{path.Dir(name), func() { d.remove(name) }})
	}
	return err
}

func (d *disk) remove(name string) {
	for f := range d.files {
		if f == name || strings.HasPrefix(f, name+"/") {
			delete(d.files, f)
		}
	}
	for f := range d.dirs {
		if f == name || strings.HasPrefix(f, name+"/") {
			delete(d.dirs, f)
		}
	}
}

func (d *disk) WriteFile(name string, b []byte) error {
	do, half, err := d.step("write of a file beside")
	if half {
		b = b[:len(b)/2]
	}
	if (do || half) && d.dirs[path.Dir(name)] {
		d.files[name] = string(b)
	}
	return err
}

func (d *disk) Rename(from, to string) error {
	do, half, err := d.step("renaming of " + called(to))
	if do || half {
		old, there := d.files[to]
		d.files[to] = d.files[from]
		delete(d.files, from)
		d.wrote = append(d.wrote, to)
		d.undo = append(d.undo, undo{path.Dir(to), func() {
			if delete(d.files, to); there {
				d.files[to] = old
			}
		}})
	}
	return err
}

func (d *disk) SyncDir(name string) error {
	folder := "sync of a folder of tiles"
	if name == "." {
		folder = "sync of the folder"
	}
	do, _, err := d.step(folder)
	if do {
		d.undo = slices.DeleteFunc(d.undo, func(u undo) bool { return u.dir == name })
	}
	return err
}

func (d *disk) RemoveAll(name string) error {
	if !d.dirs[name] {
		return nil
	}
	do, half, err := d.step("removal of partial tiles")
	if do || half {
		d.remove(name)
	}
	return err
}

// published are the files without the scratch folder.
func (d *disk) published() fstest.MapFS {
	out := fstest.MapFS{}
	for name, s := range d.files {
		if !strings.HasPrefix(name, ".") {
			out[name] = &fstest.MapFile{Data: []byte(s)}
		}
	}
	return out
}
