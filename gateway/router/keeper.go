package router

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tram-exchange/tram/events"
)

// Keeper keeps the router's positions between runs. Losing them, or finding older ones, costs time and nothing else.
type Keeper interface {
	Load() ([]byte, error) // nil bytes: none kept
	Save([]byte) error
}

// FileKeeper keeps positions in a file.
type FileKeeper string

// Load reads the file; a missing one is empty.
func (f FileKeeper) Load() ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the router's positions: %w", err)
	}
	return b, nil
}

// Save replaces the file. It is not synced: a torn or old file is noticed or harmless.
func (f FileKeeper) Save(b []byte) error {
	next := string(f) + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return fmt.Errorf("couldn't write the router's positions: %w", err)
	}
	if err := os.Rename(next, string(f)); err != nil {
		return fmt.Errorf("couldn't replace the router's positions: %w", err)
	}
	return nil
}

// positions is what is kept. Last binds it to the log: it is the SHA-256 of the statement before Cursor.
type positions struct {
	Version int                      `json:"version"`
	Origin  string                   `json:"origin"`
	Cursor  uint64                   `json:"cursor"` // first event not yet followed
	Last    events.Digest            `json:"last"`
	Sweep   uint64                   `json:"sweep"` // first event not yet looked at for giving up
	Peers   map[string]peerPositions `json:"peers"`
}

type peerPositions struct {
	Next  uint64 `json:"next"`  // every unfinished offer stands here or later
	Depth int64  `json:"depth"` // unfinished offers before Cursor
	Open  bool   `json:"open"`  // something is unfinished: an offer, or the doubt about one that was withdrawn
}

const positionsVersion = 2

// readPositions gives what is kept, if it is readable and of this log.
func readPositions(b []byte, origin string, size uint64, statement func(uint64) ([]byte, error)) (positions, bool, error) {
	var p positions
	if len(b) == 0 || json.Unmarshal(b, &p) != nil || p.Version != positionsVersion || p.Origin != origin || p.Cursor > size {
		return positions{}, false, nil
	}
	if p.Cursor == 0 {
		return p, true, nil
	}
	last, err := statement(p.Cursor - 1)
	if err != nil {
		return positions{}, false, err
	}
	return p, events.Digest(sha256.Sum256(last)) == p.Last, nil
}
