package ledger_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
)

// A tree continues each of its earlier ones and nothing else; a proof with anything changed proves nothing.
func TestConsistency(t *testing.T) {
	all := entries(1500)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, len(all)).Draw(rt, "log")
		size := rapid.Uint64Range(0, uint64(n)).Draw(rt, "size")
		old := rapid.Uint64Range(0, size).Draw(rt, "old")
		tree, k := new(ledger.Tree), kept{}
		k.put(t, tree.Append(all[:n]))
		proof, err := tree.Snapshot().ProveConsistency(old, size, k.source)
		if err != nil {
			rt.Fatal(err)
		}
		root, oldRoot := eventstest.Root(all[:size]), eventstest.Root(all[:old])
		if err := ledger.CheckConsistency(proof, size, root, old, oldRoot); err != nil {
			rt.Fatal(err)
		}
		bad := root
		bad[rapid.IntRange(0, 31).Draw(rt, "byte")] ^= 1
		if old > 0 && ledger.CheckConsistency(proof, size, bad, old, oldRoot) == nil {
			rt.Error("proved for another root")
		}
		if ledger.CheckConsistency(proof, size, root, old, bad) == nil {
			rt.Error("proved for another old root")
		}
		if len(proof) > 0 {
			i := rapid.IntRange(0, len(proof)-1).Draw(rt, "hash")
			proof[i][0] ^= 1
			if ledger.CheckConsistency(proof, size, root, old, oldRoot) == nil {
				rt.Error("proved with a changed hash")
			}
		}
		if ledger.CheckConsistency(append(proof, events.Digest{}), size, root, old, oldRoot) == nil {
			rt.Error("proved with a hash too many")
		}
	})
	tree := new(ledger.Tree)
	tree.Append(all[:10])
	for _, x := range [][2]uint64{{3, 11}, {8, 7}} {
		if _, err := tree.Snapshot().ProveConsistency(x[0], x[1], kept{}.source); err == nil {
			t.Errorf("proved %d to %d of a log of 10", x[0], x[1])
		}
	}
}
