package tiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// KeyHistoryPath is where the history of the log's keys lies, once a key has followed another. It is no part of tlog-tiles:
// other tools do not look there. Nobody need believe it: it leads on from a key that its reader has already.
const KeyHistoryPath = "key-history"

const maxKeyHistory = 1 << 20

// publishKeys writes the key history before a checkpoint that may need it.
func (w *Writer) publishKeys(ctx context.Context, head events.Head) error {
	if w.o.Keys == nil {
		return nil
	}
	b, err := w.o.Keys(ctx, head)
	if err != nil || len(b) == 0 || bytes.Equal(b, w.keys) {
		return err
	}
	if len(b) > maxKeyHistory {
		return fmt.Errorf("the key history has %d bytes, expected %d at most", len(b), maxKeyHistory)
	}
	there, err := w.files.ReadFile(KeyHistoryPath, maxKeyHistory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil || !bytes.Equal(there, b) {
		if err := w.put(KeyHistoryPath, b); err != nil {
			return err
		}
		if err := w.sync(); err != nil {
			return err
		}
	}
	w.keys = b
	return nil
}

// KeyHistory reads the published history of the log's keys; nil if none followed another.
func KeyHistory(files fs.FS) (rotations [][]byte, err error) {
	b, err := readPublished(files, KeyHistoryPath, maxKeyHistory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h, err := ledger.ParseKeyHistory(b)
	if err != nil {
		return nil, &Fault{Path: KeyHistoryPath, Reason: err.Error()}
	}
	return h.Rotations, nil
}

// CheckWith is Check by a key that may have been followed by others: the published history leads on from it, and the
// checkpoint must be signed by the one in force for its size.
func CheckWith(ctx context.Context, files fs.FS, key ledger.Key) (ledger.Head, error) {
	rotations, err := KeyHistory(files)
	if err != nil {
		return ledger.Head{}, fmt.Errorf("couldn't prove published log: %w", err)
	}
	if key, err = key.Follow(rotations); err != nil {
		return ledger.Head{}, fmt.Errorf("couldn't prove published log: %w", &Fault{Path: KeyHistoryPath, Reason: err.Error()})
	}
	h, err := check(ctx, files, func(b []byte) (ledger.Head, error) {
		h, err := key.Open(b, "")
		if err != nil {
			err = &Fault{Path: CheckpointPath, Reason: err.Error()}
		}
		return h, err
	})
	if err != nil {
		err = fmt.Errorf("couldn't prove published log: %w", err)
	}
	return h, err
}
