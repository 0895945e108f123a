package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events"
)

// ProveConsistency proves that the tree as it stood at old is what the tree of the given size begins with. Both are at
// most s.Size; nothing needs to be proved of the empty tree and of two equal ones, so that proof is empty.
func (s Snapshot) ProveConsistency(old, size uint64, tiles TileSource) ([]events.Digest, error) {
	if size > s.size || old > size {
		return nil, fmt.Errorf("couldn't prove that a tree of %d continues one of %d: the log has %d", size, old, s.size)
	}
	if old == 0 || old == size {
		return nil, nil
	}
	p, err := tlog.ProveTree(int64(size), int64(old), s.reader(tiles))
	if err != nil {
		return nil, fmt.Errorf("couldn't prove that a tree of %d continues one of %d: %w", size, old, err)
	}
	out := make([]events.Digest, len(p))
	for i := range p {
		out[i] = events.Digest(p[i])
	}
	return out, nil
}

// CheckConsistency says whether proof shows that the tree of the given size and root continues the one of old and oldRoot.
func CheckConsistency(proof []events.Digest, size uint64, root events.Digest, old uint64, oldRoot events.Digest) error {
	fail := func(err error) error {
		return fmt.Errorf("couldn't prove that root %s of size %d continues root %s of size %d: %w", root, size, oldRoot, old, err)
	}
	switch {
	case size > 1<<62 || old > size:
		return fail(fmt.Errorf("sizes do not follow"))
	case old == 0 || old == size:
		if want := events.Sum(nil); old == 0 && oldRoot != want {
			return fail(fmt.Errorf("the root of an empty tree is %s", want))
		}
		if old == size && root != oldRoot {
			return fail(fmt.Errorf("two roots of one size"))
		}
		if len(proof) != 0 {
			return fail(fmt.Errorf("proof of %d hashes, expected none", len(proof)))
		}
		return nil
	}
	p := make(tlog.TreeProof, len(proof))
	for i := range proof {
		p[i] = tlog.Hash(proof[i])
	}
	if err := tlog.CheckTree(p, int64(size), tlog.Hash(root), int64(old), tlog.Hash(oldRoot)); err != nil {
		return fail(err)
	}
	return nil
}
