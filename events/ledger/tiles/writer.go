package tiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Record is what a Writer reads of the sealed log. events.Store has it.
type Record interface {
	All(ctx context.Context, from uint64, f func(events.Event) error) error
	Proof(ctx context.Context, position, size uint64) ([]events.Digest, events.Head, error)
}

// Fault says that a published file is not what the record gives, or that the record does not give the head that was signed
// over it. It stays until a person has acted.
type Fault struct {
	Path   string // of the file, with slashes; empty if it is the record
	Reason string
}

func (e *Fault) Error() string {
	if e.Path == "" {
		return "the record is not what was signed: " + e.Reason
	}
	return fmt.Sprintf("published file %s is wrong: %s", e.Path, e.Reason)
}

// Options of a Writer.
type Options struct {
	// Batch is the number of events after which files are written while catching up, and with that the memory used: about
	// 200 bytes an event. 4096 if zero.
	Batch int
	// Verifiers are the keys of the log. A checkpoint that is found must be signed by one of them; if there are none its
	// signatures are not looked at, only its head.
	Verifiers []note.Verifier
	// Keys gives the history of the log's keys up to a head, which is published before that; nil or empty: there is none.
	Keys func(ctx context.Context, head events.Head) ([]byte, error)
}

const (
	scratch       = ".tmp" // files that are not whole yet; nobody else looks there
	maxCheckpoint = 64 << 10
)

// Writer writes the files of one log. It is not safe for concurrent use, and nobody else may write into its folder.
type Writer struct {
	record Record
	files  Files
	o      Options

	head   *ledger.Head // the published one; nil before the first
	note   []byte       // its checkpoint as it is published
	keys   []byte       // the key history that is published, as far as this writer knows
	tree   *ledger.Tree // of the published head; nil: to be loaded from the files
	tail   []events.Digest
	dirty  map[string]bool // folders in which names are not durable yet
	pruned map[int]uint64  // of each level: partial tiles below this number are gone
	made   map[string]bool // folders that this writer has made; their names are durable, or the folder they stand in is dirty
}

// NewWriter gives a writer that goes on from what is in files.
func NewWriter(record Record, files Files, o Options) *Writer {
	if o.Batch <= 0 {
		o.Batch = 4096
	}
	return &Writer{record: record, files: files, o: o}
}

// Publish brings the files up to a signed head and then replaces the checkpoint by it. A head that is not newer than the
// published one changes nothing. After an error, a *Fault excepted, it may be tried again, also by another writer.
func (w *Writer) Publish(ctx context.Context, head events.Head) error {
	return w.PublishCosigned(ctx, head, nil)
}

// PublishCosigned is Publish with a step between the files and the checkpoint: cosign is given the checkpoint when all
// that it speaks of is on stable storage, and gives it with further signature lines. If it fails, the files of the head
// are there, the checkpoint is not, and the error is a *CosignError.
func (w *Writer) PublishCosigned(ctx context.Context, head events.Head, cosign Cosigner) (err error) {
	defer func() {
		if err != nil {
			if failed := new(CosignError); !errors.As(err, &failed) {
				w.tree = nil // what is in memory may be ahead of the files
			}
			err = fmt.Errorf("couldn't publish log up to %d: %w", head.Size, err)
		}
	}()
	if len(head.Checkpoint) == 0 {
		return errors.New("the head is not signed")
	}
	if w.tree == nil {
		if err := w.load(ctx, head); err != nil {
			return err
		}
	}
	if w.head != nil && head.Size <= w.head.Size {
		return nil
	}
	if err := w.grow(ctx, head); err != nil {
		return err
	}
	if err := w.publishKeys(ctx, head); err != nil {
		return err
	}
	checkpoint := head.Checkpoint
	if cosign != nil {
		if checkpoint, err = cosigned(ctx, checkpoint, cosign); err != nil {
			return err
		}
	}
	if err := w.replaceCheckpoint(checkpoint); err != nil {
		return err
	}
	var replaced uint64
	if w.head != nil {
		replaced = w.head.Size
	}
	w.head, w.note = &ledger.Head{Origin: head.Origin, Size: head.Size, Root: head.Root}, checkpoint
	return w.prune(replaced)
}

// Cosign has the published checkpoint cosigned and replaces it by what comes back, if that has other lines. What cosign
// gives beside an error is published, too: some cosignatures are better than none. The error is a *CosignError then.
func (w *Writer) Cosign(ctx context.Context, cosign Cosigner) error {
	if w.head == nil {
		return errors.New("couldn't have checkpoint cosigned: none is published")
	}
	next, err := cosigned(ctx, w.note, cosign)
	if next == nil || bytes.Equal(next, w.note) {
		return err
	}
	if bad := w.replaceCheckpoint(next); bad != nil {
		w.tree = nil
		return errors.Join(err, fmt.Errorf("couldn't publish cosignatures of %d: %w", w.head.Size, bad))
	}
	w.note = next
	return err
}

// Cosigner gives a checkpoint with further signature lines; package witness has one. Beside an error it may give those
// that it got all the same.
type Cosigner func(ctx context.Context, checkpoint []byte) ([]byte, error)

// CosignError says that a head was not cosigned as it should be. Ask again later.
type CosignError struct{ Err error }

func (e *CosignError) Error() string { return "couldn't get checkpoint cosigned: " + e.Err.Error() }
func (e *CosignError) Unwrap() error { return e.Err }

// cosigned asks, and refuses what is over another text.
func cosigned(ctx context.Context, checkpoint []byte, cosign Cosigner) ([]byte, error) {
	next, err := cosign(ctx, checkpoint)
	if err != nil {
		err = &CosignError{err}
	}
	if next == nil && err == nil {
		return nil, &CosignError{errors.New("nothing came back")}
	}
	text, _, _ := bytes.Cut(checkpoint, []byte("\n\n"))
	if next != nil && !bytes.HasPrefix(next, append(bytes.Clone(text), "\n\n"...)) {
		return nil, &CosignError{errors.Join(err, errors.New("a checkpoint with another text came back"))}
	}
	return next, err
}

// Published is the head that the files stand at, as far as this writer knows; nil before its first Publish.
func (w *Writer) Published() *ledger.Head { return w.head }

var errEnough = errors.New("enough")

// grow writes what lies between the published head and this one.
func (w *Writer) grow(ctx context.Context, head events.Head) error {
	batch := make([]events.Digest, 0, min(uint64(w.o.Batch), head.Size-w.tree.Size()))
	next := w.tree.Size()
	if next < head.Size {
		err := w.record.All(ctx, next, func(e events.Event) error {
			if e.Position != next {
				return fmt.Errorf("event %d follows, expected %d", e.Position, next)
			}
			batch = append(batch, ledger.Entry(e.Bytes))
			next++
			if next == head.Size {
				return errEnough
			}
			if len(batch) < w.o.Batch {
				return nil
			}
			err := w.add(batch, nil)
			batch = batch[:0]
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	if next != head.Size {
		return fmt.Errorf("the record ended at %d", next)
	}
	return w.add(batch, &head)
}

// add takes in entries and writes the files that they fill. With the last ones comes the head: then the tree is compared
// with it before anything of them is written, and the unfinished files are written too.
func (w *Writer) add(entries []events.Digest, head *events.Head) error {
	first := w.tree.Size() / Width
	growth := w.tree.Append(entries)
	if head != nil && w.tree.Root() != head.Root {
		return &Fault{Reason: fmt.Sprintf("the statements give root %s of size %d, it was signed as %s", w.tree.Root(), head.Size, head.Root)}
	}
	w.tail = append(w.tail, entries...)
	for n := first; len(w.tail) >= Width; n++ {
		if err := w.writeOnce(Tile{Level: Entries, Number: n, Width: Width}, Bundle(w.tail[:Width])); err != nil {
			return err
		}
		w.tail = append(w.tail[:0], w.tail[Width:]...)
	}
	for _, t := range growth.Full {
		if err := w.writeOnce(Tile{Level: t.Level, Number: t.Number, Width: Width}, t.Hashes); err != nil {
			return err
		}
	}
	if head != nil {
		if err := w.writePartial(); err != nil {
			return err
		}
	}
	return w.sync()
}

// writePartial writes the unfinished tiles of every level.
func (w *Writer) writePartial() error {
	size := w.tree.Size()
	if len(w.tail) > 0 {
		if err := w.writeOnce(Tile{Level: Entries, Number: size / Width, Width: len(w.tail)}, Bundle(w.tail)); err != nil {
			return err
		}
	}
	for t, b := range partial(w.tree) {
		if err := w.writeOnce(t, b); err != nil {
			return err
		}
	}
	return nil
}

// writeOnce makes a file that is there whole or not at all, and is never changed.
func (w *Writer) writeOnce(t Tile, b []byte) error {
	name := t.Path()
	there, err := w.files.ReadFile(name, len(b))
	switch {
	case err == nil && !bytes.Equal(there, b):
		return differs(name, there, b)
	case err == nil:
		if err := w.folder(path.Dir(name)); err != nil {
			return err
		}
		w.dirty[path.Dir(name)] = true // who wrote it may have ended before its name was durable
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return w.put(name, b)
}

// differs says where a file is not what it should be.
func differs(name string, there, want []byte) *Fault {
	if len(there) != len(want) {
		return &Fault{Path: name, Reason: fmt.Sprintf("%d bytes, expected %d", len(there), len(want))}
	}
	i := 0
	for i < len(want) && there[i] == want[i] {
		i++
	}
	return &Fault{Path: name, Reason: fmt.Sprintf("byte %d is %#02x, expected %#02x", i, there[i], want[i])}
}

// put writes a file beside and moves it to its place.
func (w *Writer) put(name string, b []byte) error {
	if err := w.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := w.folder(scratch); err != nil {
		return err
	}
	tmp := path.Join(scratch, "file")
	if err := w.files.WriteFile(tmp, b); err != nil {
		return fmt.Errorf("couldn't write %s: %w", name, err)
	}
	if err := w.files.Rename(tmp, name); err != nil {
		return fmt.Errorf("couldn't write %s: %w", name, err)
	}
	w.dirty[path.Dir(name)] = true
	return nil
}

// maxMade bounds what a writer remembers of folders. Forgetting one costs some syncs of what is durable already.
const maxMade = 1024

// folder makes a folder. Those above it must keep its name too, also when an earlier writer made it.
func (w *Writer) folder(name string) error {
	if w.made[name] {
		return nil
	}
	if err := w.files.MkdirAll(name); err != nil {
		return fmt.Errorf("couldn't make folder %s: %w", name, err)
	}
	for ; name != "." && !w.made[name]; name = path.Dir(name) {
		w.made[name] = true
		w.dirty[path.Dir(name)] = true
	}
	return nil
}

// sync makes all new names durable.
func (w *Writer) sync() error {
	for _, name := range slices.Sorted(maps.Keys(w.dirty)) {
		if err := w.files.SyncDir(name); err != nil {
			return fmt.Errorf("couldn't sync folder %s: %w", name, err)
		}
	}
	clear(w.dirty)
	if len(w.made) > maxMade {
		clear(w.made)
	}
	return nil
}

// replaceCheckpoint publishes the head. Everything under it is durable.
func (w *Writer) replaceCheckpoint(b []byte) error {
	if len(b) > maxCheckpoint {
		return fmt.Errorf("the checkpoint has %d bytes, expected %d at most", len(b), maxCheckpoint)
	}
	if err := w.put(CheckpointPath, b); err != nil {
		return err
	}
	return w.sync()
}
