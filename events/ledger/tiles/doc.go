// Package tiles publishes a log as plain files that anyone can mirror and check: C2SP tlog-tiles (c2sp.org/tlog-tiles).
//
//	checkpoint                    the newest published head, a signed note (package ledger)
//	tile/<L>/<N>[.p/<W>]          up to 256 hashes of 32 bytes at tree level 8·L, from index 256·N on
//	tile/entries/<N>[.p/<W>]      up to 256 entries from position 256·N on, each a big-endian uint16 length and its bytes
//
// N is written in groups of three digits, all but the last with an x before them: 1234067 is x001/x234/067. An entry is the
// SHA-256 of a statement (package ledger), so these files reveal how many events there are and when, never what they say.
//
// A Writer follows the sealed log, behind the commits: acceptance never waits for it. Every file but the checkpoint is
// written once and never changed; a checkpoint appears only when everything under it is on stable storage. A file that is
// there with other bytes than the record gives is a Fault, which ends publication until somebody has looked: the writer
// neither repairs nor overwrites what others may have seen. The folder follows from the record alone; a folder that was
// lost is written again.
//
// Partial tiles go when the full tile has been under a checkpoint that another has replaced since (Writer.Publish): whoever
// reads an older checkpoint still takes the full tile, which begins with the same hashes.
package tiles
