package sqlitestore

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// keys proves how log keys followed each other, and by whom the checkpoints are signed. That the two keys of a rotation
// signed its binding's checkpoint has been seen when the event was folded; here the tree must give the root that they
// signed. Without that, whoever has the new key only could put another beginning before it.
func (v *verifier) keys(tree ledger.Snapshot) error {
	log := v.report.Log
	for _, r := range log.Rotations {
		if r.Bound == nil {
			continue
		}
		root, err := tree.RootAt(r.Bound.Size, tilesOf(v.db))
		if err != nil {
			return err
		}
		if root != r.Bound.Root {
			return problem("log key", "root of size %d is %s, both keys of the rotation signed it as %s: events before it were changed", r.Bound.Size, root, r.Bound.Root).at(r.Position)
		}
	}
	if v.opts.Key == nil || len(v.opts.Key.Chains()) == 0 {
		return nil
	}
	key, err := log.Trust(*v.opts.Key)
	if err != nil {
		return problem("checkpoint", "%w", err)
	}
	if len(v.row.checkpoint) > 0 {
		if err := v.signedInForce(key, log); err != nil {
			return problem("checkpoint", "%w", err)
		}
	}
	if v.opts.Checkpoint != nil {
		if _, err := key.Open(v.opts.Checkpoint, v.row.origin); err != nil {
			return problem("older checkpoint", "%w", err)
		}
	}
	return nil
}

// signedInForce verifies the stored checkpoint by the keys that had to sign it.
func (v *verifier) signedInForce(key ledger.Key, log logbook.State) error {
	h, err := key.Open(v.row.checkpoint, v.row.origin)
	if err != nil {
		return err
	}
	r := log.Pending()
	if r == nil || h.Size <= r.Position {
		return nil
	}
	old, err := note.NewVerifier(r.Old)
	if err == nil {
		_, _, err = ledger.OpenCheckpoint(v.row.checkpoint, v.row.origin, old)
	}
	if err != nil {
		return fmt.Errorf("the rotation of the log key at position %d is not bound yet, so both keys must sign: %w", r.Position, err)
	}
	return nil
}
