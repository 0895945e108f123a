// Package witness lets logs vouch for each other, so that no operator can show two histories or go back in one
// without somebody else's signed word against it. A Witness cosigns the heads of other logs; a Client asks the
// witnesses of our own log; a Policy says offline, from a checkpoint alone, how many known witnesses stand behind it.
//
// # Cosignature
//
// A cosignature is a line of a signed note (c2sp.org/tlog-cosignature, version 1, Ed25519). The key id and the
// signature after the key name are, in this order and in one base64:
//
//	4 bytes    first bytes of SHA-256(name ‖ "\n" ‖ 0x04 ‖ 32-byte public key)
//	8 bytes    time, seconds since 1970, big-endian, at most 2^63-1
//	64 bytes   Ed25519 signature of: "cosignature/v1\n" ‖ "time " ‖ decimal time ‖ "\n" ‖ text of the checkpoint
//
// The text of the checkpoint ends with its last newline, before the empty line, and contains its extension lines.
// It says: at this time, this was the largest head of this log that I have seen, and all heads before it were its
// prefixes. A verifier key is written name+id+base64 of 0x04 and the public key.
//
// # Request
//
// POST of (c2sp.org/tlog-witness, add-checkpoint):
//
//	old <size that the witness has cosigned, or 0>
//	<base64 of a hash of the consistency proof>      none to 63 lines (RFC 6962, 2.1.2)
//	                                                 an empty line
//	<the checkpoint, with its signature lines>
//
//	answer   when
//	200      cosigned; the body is the line
//	400      malformed, or old is greater than the size of the checkpoint
//	403      no signature by a key of the origin
//	404      origin unknown here
//	409      old is not what was cosigned last (the body is that size, as text/x.tlog.size), or this size was
//	         cosigned with another root
//	422      the proof doesn't lead from the old root to the new one
//	503      the head couldn't be kept, or the clock of the witness went back
//
// # What is kept
//
// Per origin one file: the last cosigned checkpoint, with its verified signatures and the own cosignature, which
// also guards the file. It is replaced by compare-and-swap and fsync before the cosignature leaves the house (the
// commit point); running and recovery read the same file on every request. A file that is there but cannot be
// trusted stops cosigning for that log: to start from nothing again would be to forget. A witness whose folder is
// lost or restored from a backup must get a new key.
//
// Trusted: whoever has the cosigning key and may write the folder can break this witness's promise; the policy "at least
// k of n" is for that. Not trusted: logs, senders of requests, and, beyond their own promise, other witnesses.
package witness
