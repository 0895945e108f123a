// Package ledger makes the record of a node provable: a Merkle tree over the statements, heads signed with two
// keys, and receipts that anyone can check later, without network and without this program.
//
// This comment is the whole specification. testdata/record holds vectors of it, and docs/receipt-check.py is a short
// checker written from it, for python3 and openssl.
//
// # Entry and leaf
//
// The log entry of an event is the SHA-256 of the bytes of its statement (package events): 32 bytes, no text. The
// tree is that of RFC 6962 over these entries:
//
//	leaf = SHA-256(0x00 ‖ entry)
//	node = SHA-256(0x01 ‖ left ‖ right)
//
// The position of an event is the index of its leaf. The root of the empty tree is SHA-256 of nothing.
//
// # Checkpoint
//
// A head is signed as a C2SP checkpoint (c2sp.org/tlog-checkpoint), which is a signed note (c2sp.org/signed-note).
// The text is three lines, each ended by a newline (U+000A), without extension lines:
//
//	<origin>
//	<size, decimal>
//	<root, base64>
//
// An empty line and the signature lines follow. Each is an em dash (U+2014), a space, the key name, a space and the
// base64 of a key id of 4 bytes followed by the signature. Both signatures are over the text, with its last newline
// and without the empty line.
//
//	line    key name            key id = first 4 bytes of                          signature
//	log     <origin>            SHA-256(name ‖ "\n" ‖ 0x01 ‖ 32-byte public key)   Ed25519 (RFC 8032), 64 bytes
//	node    <origin>/node       SHA-256(name ‖ "\n" ‖ 0xff ‖                       ECDSA P-256 with SHA-256, ASN.1 DER;
//	                            "tram-node-certificate-v1" ‖ "\n" ‖ SPKI DER)      or RSASSA-PKCS1-v1_5 with SHA-256
//
// SPKI DER is the SubjectPublicKeyInfo of the node's certificate. The log line is what log tools and witnesses
// know; the node line can be checked with nothing but a certificate:
//
//	openssl dgst -sha256 -verify node.pub -signature node.sig checkpoint.txt
//
// While one log key follows another a checkpoint has the lines of both, the old one first; see "Keys" below.
//
// A head of one size is never signed for two roots. After a restart the last durable head is signed again, so one
// head can stand under several signatures of the node line (ECDSA is not deterministic).
//
// # Receipt
//
// A receipt is one text file in the form of c2sp.org/tlog-proof, for exactly one statement:
//
//	c2sp.org/tlog-proof@v1
//	extra <base64 of: the statement, a newline, the node's certificate chain in PEM, its own first>
//	index <position, decimal>
//	<base64 of a hash of the inclusion proof>     none or more lines, leaf's sibling first
//	                                              an empty line
//	<the checkpoint, with its signature lines>
//
// To check it: decode extra, hash its bytes up to the first newline (the entry), hash that to a leaf, fold the proof
// into it (RFC 9162, 2.1.3.2), compare with the root in the checkpoint, compare the origin in the statement with that
// of the checkpoint, and verify one of the signature lines with a key known from elsewhere: the log's verifier key,
// the node's certificate, or an authority that the node's certificate leads to. In the last case the certificate
// must name the host of the origin (the part before the first slash) as a DNS name, because other certificates of
// the same authority must not sign for this log; it is judged as of the time in the statement.
//
// What a receipt proves: the node said, under its signature, that this statement stands at this position. It does not
// prove that the node showed everyone the same log; that is for witnesses, in a later form.
//
// # Keys
//
// A log keeps its origin and tree for ever; its log keys follow each other. The event ledger.key-rotated.v1 of stream "log"
// says so, with data
//
//	{"old":"<verifier key>","new":"<verifier key>"}
//
// where a verifier key is <origin>+<key id, 8 hexadecimal digits>+<base64 of 0x01 ‖ 32-byte public key>. If it stands at position
// p, heads of size p or less must bear the line of the old key, larger ones that of the new one; a line of another key than the one in
// force for the size counts for nothing. The first heads of more than p events bear both lines, until one of them is recorded
// (ledger.key-bound.v1, package logbook).
//
// A rotation is proved, to who has the old key, by the receipt of its statement (without certificates) under a checkpoint that
// bears both lines: the old key's owner says which key follows, the new key's owner that he has it. A checkpoint with both
// lines is not enough by itself, since anybody can put one more line under a signed note.
//
// A key history is the text file that leads from one key to the last, for who checks offline:
//
//	tram-key-history-1
//	<verifier key of the first log key>
//	<receipt of the first rotation>
//	<receipt of the second>                       and so on, with nothing between
//
// A receipt begins at each line c2sp.org/tlog-proof@v1. To check it from a key K: go through the receipts; where old is K, prove
// the receipt with K and again with new, which then is K. Its position must be larger than that of the receipt before. The second line is for those
// who trust the file as a whole; others begin with the key that they know, which may be a later one. testdata/record/histories.txt
// has vectors: history, key, and the key that it leads to.
//
// # Tiles
//
// Hashes are kept in tiles of height 8 (c2sp.org/tlog-tiles): tile n of level l holds the 256 hashes at tree level 8·l
// from index 256·n on. Only full tiles are kept; the unfinished ones at the right edge follow from the tiles below and
// the last statements.
package ledger
