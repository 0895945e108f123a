package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// publishedAnswer is what was found of the published log.
type publishedAnswer struct {
	Size      uint64           `json:"size"`
	Root      string           `json:"root"`
	Files     uint64           `json:"files"` // each compared with what the entries give
	Cosigned  []cosignedAnswer `json:"cosigned"`
	Need      int              `json:"cosignatures_needed"` // at the least, by the policy; 0: none, or no policy was given
	Of        int              `json:"witnesses"`
	Satisfied bool             `json:"policy_satisfied"`

	head       ledger.Head
	checkpoint []byte
}

type cosignedAnswer struct {
	Witness string    `json:"witness"`
	Time    time.Time `json:"time"`
}

const kindPublished = "published log"

// verifyPublished proves the published files of a node by themselves, and that they are of its record. nil: it publishes nothing, or nothing yet: a node that is
// stopped before its first checkpoint leaves tiles that nobody can be shown (unpublishedText).
func verifyPublished(ctx context.Context, data string, open func(context.Context) (savedRecord, error), verifiers []note.Verifier, policy *witness.Policy, progress verifyProgress) (*publishedAnswer, *verifyProblem, error) {
	dir := filepath.Join(data, logFolder)
	if _, err := os.Stat(filepath.Join(dir, tiles.CheckpointPath)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	a, err := checkPublished(ctx, os.DirFS(dir), verifiers, progress)
	if err == nil {
		err = a.inRecord(ctx, open)
	}
	if fault := new(tiles.Fault); errors.As(err, &fault) {
		return a, publishedFault(fault), nil
	}
	if err != nil {
		return nil, nil, err
	}
	return a, a.witnessed(policy), nil
}

// unpublishedText says why there is nothing to compare.
func unpublishedText(data string) bilingual.Text {
	if _, err := os.Stat(filepath.Join(data, logFolder, "tile")); err == nil {
		return bilingual.Say("điều gì đã được công bố: có tệp nhật ký công khai nhưng chưa có đầu nhật ký nào", "what is published: there are files of a published log and no checkpoint yet")
	}
	return bilingual.Say("điều gì đã được công bố: không có tệp nhật ký công khai", "what is published: there are no files of a published log")
}

func publishedFault(f *tiles.Fault) *verifyProblem {
	return &verifyProblem{Kind: kindPublished, File: path.Join(logFolder, f.Path), Reason: f.Reason}
}

// checkPublished proves files by themselves: those of the checkpoint give its root, and those of earlier heads are the same entries
// and hashes.
func checkPublished(ctx context.Context, files fs.FS, verifiers []note.Verifier, progress verifyProgress) (*publishedAnswer, error) {
	before, err := fs.ReadFile(files, tiles.CheckpointPath)
	if err != nil {
		return nil, fmt.Errorf("couldn't read published checkpoint: %w", err)
	}
	a := &publishedAnswer{Cosigned: []cosignedAnswer{}, checkpoint: before}
	// The files that are proved are those under the checkpoint that was read here: a node may publish a newer one meanwhile.
	if a.head, err = tiles.Check(ctx, atCheckpoint{files, before}, verifiers...); err != nil {
		return a, err
	}
	a.Size, a.Root = a.head.Size, a.head.Root.String()
	err = fs.WalkDir(files, "tile", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == "tile" {
			return nil
		}
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		if a.Files++; a.Files%256 == 0 {
			progress(stagePublic, int64(a.Files), int64(a.Files))
		}
		return checkPublishedFile(files, name, a.head.Size)
	})
	return a, err
}

// checkPublishedFile compares an unfinished tile of an earlier head with the tile that it became.
func checkPublishedFile(files fs.FS, name string, size uint64) error {
	t, err := tiles.ParsePath(name)
	if err != nil {
		return &tiles.Fault{Path: name, Reason: "it is no file of a published log"}
	}
	level := max(t.Level, 0)
	if t.Level == tiles.Entries {
		level = 0
	}
	have := size >> (ledger.TileHeight * level)
	if t.Number*tiles.Width+uint64(t.Width) > have || t.Width == tiles.Width {
		return nil // of a later head than the one proved; or full, and proved
	}
	whole := t
	whole.Width = int(min(tiles.Width, have-t.Number*tiles.Width))
	if whole.Width == t.Width {
		return nil
	}
	got, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	want, err := fs.ReadFile(files, whole.Path())
	if err != nil {
		return err
	}
	if len(got) == 0 || len(got)*whole.Width != len(want)*t.Width || !bytes.HasPrefix(want, got) {
		return &tiles.Fault{Path: name, Reason: "it is not the beginning of " + whole.Path()}
	}
	return nil
}

// atCheckpoint has the checkpoint that was read, whatever is there by now.
type atCheckpoint struct {
	fs.FS
	checkpoint []byte
}

func (p atCheckpoint) Open(name string) (fs.File, error) {
	if name != tiles.CheckpointPath {
		return p.FS.Open(name)
	}
	return &checkpointFile{bytes.NewReader(p.checkpoint), p.FS}, nil
}

type checkpointFile struct {
	*bytes.Reader
	files fs.FS
}

func (f *checkpointFile) Stat() (fs.FileInfo, error) { return fs.Stat(f.files, tiles.CheckpointPath) }
func (f *checkpointFile) Close() error               { return nil }

// inRecord compares the published head with the record.
func (a *publishedAnswer) inRecord(ctx context.Context, open func(context.Context) (savedRecord, error)) error {
	if a.head.Size == 0 {
		return nil
	}
	r, err := open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	now := r.Head()
	if a.head.Origin != now.Origin || a.head.Size > now.Size {
		return &tiles.Fault{Path: tiles.CheckpointPath, Reason: fmt.Sprintf("it is of %q and size %d, the record of %q and size %d: the record has lost events that were published",
			a.head.Origin, a.head.Size, now.Origin, now.Size)}
	}
	_, h, err := r.Proof(ctx, a.head.Size-1, a.head.Size)
	if err != nil {
		return err
	}
	if h.Root != a.head.Root {
		return &tiles.Fault{Path: tiles.CheckpointPath, Reason: fmt.Sprintf("it says root %s of size %d, the record gives %s: two histories", a.head.Root, a.head.Size, h.Root)}
	}
	return nil
}

// witnessed judges who stands behind the published checkpoint.
func (a *publishedAnswer) witnessed(policy *witness.Policy) *verifyProblem {
	if policy == nil {
		return nil
	}
	bad := func(reason string) *verifyProblem {
		return &verifyProblem{Kind: "cosignatures", File: path.Join(logFolder, tiles.CheckpointPath), Reason: reason}
	}
	v, err := witness.Witnessed(a.checkpoint, policy)
	if err != nil {
		return bad(err.Error())
	}
	for _, c := range v.Cosignatures {
		a.Cosigned = append(a.Cosigned, cosignedAnswer{c.Name, c.Time})
	}
	a.Need, a.Of = policy.Need()
	if a.Satisfied = v.Satisfied; !v.Satisfied {
		return bad(fmt.Sprintf("the published checkpoint bears %d cosignatures of the policy's witnesses, it asks for %d of %d", len(a.Cosigned), a.Need, a.Of))
	}
	return nil
}

// readPolicy reads a witness policy (c2sp.org/tlog-policy).
func readPolicy(name string) (*witness.Policy, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read witness policy: %w", err)
	}
	return witness.ParsePolicy(b)
}
