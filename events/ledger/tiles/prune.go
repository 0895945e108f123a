package tiles

import (
	"fmt"
	"path"

	"github.com/tram-exchange/tram/events/ledger"
)

// pruneStep bounds how many tiles one publication looks at, so that the first one over a log of millions does not wait.
const pruneStep = 4096

// prune removes partial tiles that no reader needs: those whose full tile was under a checkpoint that has now been replaced by
// another. Whoever reads an older checkpoint still, and does not find a partial tile, takes the full one, which begins with
// the same hashes (tlog-tiles, "Partial Tiles"). replaced is the size of the checkpoint that was published before.
//
// What fails here, or is cut off, is done by a later writer: each begins at the first tile. That names go is not made durable.
func (w *Writer) prune(replaced uint64) error {
	budget := pruneStep
	for level := Entries; budget > 0; level++ {
		height := ledger.TileHeight * (max(level, 0) + 1)
		if level > Entries && replaced>>height == 0 {
			return nil
		}
		if w.pruned == nil {
			w.pruned = map[int]uint64{}
		}
		for n := w.pruned[level]; n < replaced>>height && budget > 0; n++ {
			name := path.Dir(Tile{Level: level, Number: n, Width: 1}.Path())
			if err := w.files.RemoveAll(name); err != nil {
				return fmt.Errorf("couldn't remove partial tiles %s: %w", name, err)
			}
			delete(w.made, name)
			delete(w.dirty, name)
			w.pruned[level] = n + 1
			budget--
		}
	}
	return nil
}
