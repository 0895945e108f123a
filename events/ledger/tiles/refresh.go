package tiles

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// ErrNotPublished: the head of the receipt is not published yet. Publication follows the record, at most seconds behind it,
// or as long as it waits for witnesses: try again.
var ErrNotPublished = errors.New("the head of the receipt is not published yet")

// Refresh leads a receipt to the published head of its log: the same statement at the same position, with a proof computed
// from the published files. Old and new head must each be signed by the key or one that followed it, and the new one must continue the old
// one: if it does not, the error is a *Contradiction. A published head that is not newer gives the receipt its lines
// (cosignatures) only. The file that comes back has been checked like any receipt.
func Refresh(file []byte, key ledger.Key, r Reader) (fresh []byte, err error) {
	old, head, err := ledger.CheckReceipt(file, key)
	if err != nil {
		return nil, fmt.Errorf("couldn't refresh receipt: %w", err)
	}
	checkpoint, err := ReadCheckpoint(r)
	if err != nil {
		return nil, fmt.Errorf("couldn't refresh receipt: %w", err)
	}
	next, err := ledger.ReadCheckpoint(checkpoint)
	if err != nil {
		return nil, fmt.Errorf("couldn't refresh receipt: %w", err)
	}
	switch {
	case next.Origin != head.Origin:
		return nil, fmt.Errorf("couldn't refresh receipt: it is of log %q, published is %q", head.Origin, next.Origin)
	case next.Size < head.Size:
		return nil, fmt.Errorf("couldn't refresh receipt: published is size %d, the receipt is under size %d: %w", next.Size, head.Size, ErrNotPublished)
	}
	again := *old
	again.Checkpoint = checkpoint
	if next.Size > head.Size {
		proof, err := tlog.ProveRecord(int64(next.Size), int64(old.Position), Hashes(next, r))
		if err != nil {
			return nil, fmt.Errorf("couldn't refresh receipt: %w", err)
		}
		again.Proof = nil
		for _, h := range proof {
			again.Proof = append(again.Proof, events.Digest(h))
		}
	}
	fresh = again.Encode()
	_, _, bad := ledger.CheckReceipt(fresh, key)
	if bad != nil && len(again.Chain) > 0 {
		// The node's certificate may have been renewed: then the chain in the receipt says nothing about the new head.
		again.Chain = nil
		fresh = again.Encode()
		if _, _, err := ledger.CheckReceipt(fresh, key); err == nil {
			bad = nil
		}
	}
	if bad != nil {
		if _, err := key.Open(checkpoint, next.Origin); err != nil {
			return nil, fmt.Errorf("couldn't refresh receipt: the published head: %w", bad)
		}
	}
	// The published head is signed. Whether it continues the receipt's is a question of its own: if not, that is the news.
	if err := Consistent(head, next, r); err != nil {
		return nil, fmt.Errorf("couldn't refresh receipt: %w", err)
	}
	if bad != nil {
		return nil, fmt.Errorf("couldn't refresh receipt: %w", bad)
	}
	return fresh, nil
}
