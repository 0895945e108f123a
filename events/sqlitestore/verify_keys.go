package sqlitestore

import (
	"fmt"
	"slices"

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
	key := *v.opts.Key
	if log.First != "" {
		chain, err := knownChain(key.Chains(), log)
		if err != nil {
			return problem("checkpoint", "%w", err)
		}
		key = ledger.ChainKey(chain)
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

// knownChain is the keys of a log that has said what they are, one of which must be among those given.
func knownChain(given []ledger.KeyChain, log logbook.State) (ledger.KeyChain, error) {
	chain, err := log.Chain()
	if err != nil {
		return nil, err
	}
	for _, g := range given {
		if slices.ContainsFunc(g, func(p ledger.KeyPeriod) bool {
			return slices.ContainsFunc(chain, func(q ledger.KeyPeriod) bool { return p.Key == q.Key })
		}) {
			return chain, nil
		}
	}
	return nil, fmt.Errorf("the log's keys are %v, none of which is the one given", keyNames(chain))
}

func keyNames(c ledger.KeyChain) (out []string) {
	for _, p := range c {
		out = append(out, p.Key)
	}
	return out
}
