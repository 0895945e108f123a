package ledger

// Partial gives the hashes of the unfinished tile of a level, one after the other; nil if there is none. They are what
// the files of a published log hold beside the full tiles (package tiles).
func (s Snapshot) Partial(level int) []byte {
	if level < 0 || level >= maxLevels || len(s.tiles[level]) == 0 {
		return nil
	}
	return join(s.tiles[level])
}
