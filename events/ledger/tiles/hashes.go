package tiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Reader reads published files, of this node or of anybody's. Nothing it gives is believed. OSFiles is one.
type Reader interface {
	// ReadFile reads a file of at most limit bytes; fs.ErrNotExist if it isn't there.
	ReadFile(name string, limit int) ([]byte, error)
}

// Doer sends requests; *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Remote reads the files of a log that is served under base (without checkpoint or tile at its end), until ctx ends.
func Remote(ctx context.Context, client Doer, base string) Reader {
	return &remote{ctx, client, strings.TrimRight(base, "/") + "/"}
}

type remote struct {
	ctx    context.Context
	client Doer
	base   string
}

func (r *remote) ReadFile(name string, limit int) ([]byte, error) {
	req, err := http.NewRequestWithContext(r.ctx, http.MethodGet, r.base+name, nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't read published log: %w", err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("couldn't read published log: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return readAtMost(resp.Body, name, limit)
	case http.StatusNotFound:
		return nil, fmt.Errorf("couldn't read published log: %s: %w", r.base+name, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("couldn't read published log: %s: HTTP %d", r.base+name, resp.StatusCode)
}

// ReadCheckpoint reads the published checkpoint; nothing of it is verified.
func ReadCheckpoint(r Reader) ([]byte, error) { return r.ReadFile(CheckpointPath, maxCheckpoint) }

// Hashes gives the hashes of the tree under a head, each proved to be under its root.
func Hashes(head ledger.Head, r Reader) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: int64(head.Size), Hash: tlog.Hash(head.Root)}, tileReader{r})
}

type tileReader struct{ r Reader }

func (t tileReader) Height() int                             { return ledger.TileHeight }
func (t tileReader) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}

func (t tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, tile := range tiles {
		name := Tile{Level: tile.L, Number: uint64(tile.N), Width: tile.W}
		b, err := t.r.ReadFile(name.Path(), name.size())
		if errors.Is(err, fs.ErrNotExist) && tile.W < Width { // a partial one may be gone when the full one is there
			whole := name
			whole.Width = Width
			if b, err = t.r.ReadFile(whole.Path(), whole.size()); err == nil && len(b) == whole.size() {
				b = b[:name.size()]
			}
		}
		if err != nil {
			return nil, err
		}
		if len(b) != name.size() {
			return nil, &Fault{Path: name.Path(), Reason: fmt.Sprintf("%d bytes, expected %d", len(b), name.size())}
		}
		out[i] = b
	}
	return out, nil
}

// Contradiction says that the tree under one head does not begin with the tree under another of the same log. With the
// signed checkpoints of both it is proof that the log showed two histories.
type Contradiction struct {
	Older, Newer ledger.Head     // Older is not larger than Newer
	Root         events.Digest   // of size Older.Size in the tree under Newer
	Proof        []events.Digest // that Root is so: RFC 6962, 2.1.2; none if the sizes are equal
}

func (c *Contradiction) Error() string {
	return fmt.Sprintf("two histories of %q: one head says root %s of size %d, under the other head, of size %d, it is %s",
		c.Older.Origin, c.Older.Root, c.Older.Size, c.Newer.Size, c.Root)
}

// Consistent proves from the files under the larger of two heads that it continues the smaller. If it does not, the error is a
// *Contradiction; any other error says that nobody can tell yet.
func Consistent(a, b ledger.Head, r Reader) error {
	if a.Origin != b.Origin {
		return fmt.Errorf("couldn't compare heads: of %q and %q", a.Origin, b.Origin)
	}
	if a.Size > b.Size {
		a, b = b, a
	}
	switch {
	case a.Size == b.Size && a.Root == b.Root || a.Size == 0 && a.Root == events.Sum(nil):
		return nil
	case a.Size == b.Size:
		return &Contradiction{Older: a, Newer: b, Root: b.Root}
	}
	return continues(a, b, Hashes(b, r))
}

// ConsistentUnder is Consistent by the files under a third head, for heads that were passed over by publication and have none of their own. If it
// is the larger of the two that the third one does not continue, the *Contradiction is of those.
func ConsistentUnder(a, b, under ledger.Head, r Reader) error {
	if a.Size > b.Size {
		a, b = b, a
	}
	if b.Size > under.Size {
		return fmt.Errorf("couldn't compare heads: size %d by files up to %d", b.Size, under.Size)
	}
	if err := Consistent(b, under, r); err != nil {
		return err
	}
	if a.Origin != b.Origin || a.Size == b.Size || a.Size == 0 {
		return Consistent(a, b, r)
	}
	return continues(a, b, Hashes(under, r))
}

// continues proves that the larger head b continues a, by hashes of b's tree.
func continues(a, b ledger.Head, hashes tlog.HashReader) error {
	c := &Contradiction{Older: a, Newer: b, Root: events.Sum(nil)}
	if a.Size > 0 {
		root, err := tlog.TreeHash(int64(a.Size), hashes)
		if err != nil {
			return fmt.Errorf("couldn't compare heads of size %d and %d: %w", a.Size, b.Size, err)
		}
		proof, err := tlog.ProveTree(int64(b.Size), int64(a.Size), hashes)
		if err != nil {
			return fmt.Errorf("couldn't compare heads of size %d and %d: %w", a.Size, b.Size, err)
		}
		c.Root = events.Digest(root)
		for _, h := range proof {
			c.Proof = append(c.Proof, events.Digest(h))
		}
	}
	if c.Root == a.Root {
		return nil
	}
	return c
}
