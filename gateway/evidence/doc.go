// Package evidence makes and checks evidence containers: everything that proves one document, in one file (ASiC-E) that can be
// judged years later on a machine that never heard of the node.
//
// # What is in one
//
//	evidence.json                 what is here: see Manifest
//	README.html                   the same for people, in Vietnamese and English
//	packages/<sha256>.xml         each package that a statement names, byte for byte
//	statements/<position>.json    each statement of the document's stream, byte for byte
//	receipts/<position>.tlog-proof  proof that the log holds the statement: see package ledger
//	witnessed/<position>.tlog-proof the same under a head that witnesses have cosigned, where the first leads to a stamped one
//	evidence/<sha256>.json        how the package was judged: chains, and what a peer sent along
//	revocation/<sha256>.der       answers of authorities (CRL, OCSP) that the judgement rests on
//	timestamps/<position>.tst     RFC 3161 tokens over checkpoints of receipts
//	node/key-history              how the log's key was followed by others, if it was: from a key that the reader has on
//	node/chain.pem, node/log.vkey the node's certificate chain and the log's verifier key, as the node states them
//	META-INF/signatures.xml       XAdES of the node over all of the above
//
// A receipt leads to a head that a time-stamp authority has seen, if there is one by then: its checkpoint is the very
// octets that the token is over, so the token's time is a time at which the statement existed. The statements of those stamps
// are here too, each under a later stamp, up to the newest: as long as a later one can be believed, so can the first.
//
// A receipt without a stamp leads to the published checkpoint that witnesses of the log have cosigned, if that is large enough: who knows their keys
// needs the log's word no longer that it shows everybody one history. A stamped statement has a second receipt for that.
//
// # What is believed
//
// Nothing for being in the container. A check starts from what its caller brings: the authorities of a trust folder, and the
// log's key or the node's certificate. Without a key, the node's certificate must lead to an authority of the folder and name
// the log's host. Check says of every part what was found and on what it rests.
//
// Facts (the words beside a statement) are not here: what they say stands in the package, which its sender signed.
package evidence

import (
	"time"

	"github.com/tram-exchange/tram/events"
)

// Format begins every manifest.
const Format = "tram-evidence-container-1"

// Names of entries.
const (
	ManifestName  = "evidence.json"
	ReadmeName    = "README.html"
	chainName     = "node/chain.pem"
	logKeyName    = "node/log.vkey"
	historyName   = "node/key-history"
	packageDir    = "packages/"
	statementDir  = "statements/"
	receiptDir    = "receipts/"
	witnessedDir  = "witnessed/"
	evidenceDir   = "evidence/"
	revocationDir = "revocation/"
	timestampDir  = "timestamps/"
)

// Bounds of what is held in memory.
const (
	maxManifest  = 32 << 20
	maxSmall     = 8 << 20 // a statement, receipt, token, stored evidence
	maxCRL       = 32 << 20
	maxTokenFile = 256 << 10
)

// Manifest says what a container holds. It is for programs and proves nothing: Check compares it with what is there.
type Manifest struct {
	Format     string           `json:"format"`
	Origin     string           `json:"origin"`   // of the log
	Document   string           `json:"document"` // hex key of the document's stream
	Made       time.Time        `json:"made"`
	Head       uint64           `json:"head"`               // size of the log when it was made
	Proved     *ProvedTime      `json:"proved,omitempty"`   // first time-stamp over the first statement
	Cosigned   *CosignedHead    `json:"cosigned,omitempty"` // head under which witnesses stand; its receipts are StatementEntry.Witnessed
	Statements []StatementEntry `json:"statements"`         // of the document's stream, in order of version
	Withheld   []uint64         `json:"withheld,omitempty"` // versions that the reader may not see
	Timestamps []StampEntry     `json:"timestamps"`         // in order of position
	Files      []FileEntry      `json:"files"`              // every data object but this one, in the order of the container
}

// CosignedHead is a published head with the names on its cosignatures.
type CosignedHead struct {
	Size      uint64   `json:"size"`
	Witnesses []string `json:"witnesses"`
}

// ProvedTime is a time at which something is proved to have existed.
type ProvedTime struct {
	Time     time.Time `json:"time"`
	TSA      string    `json:"tsa"`
	Position uint64    `json:"position"` // of the time-stamp's event
}

// StatementEntry is one statement with what belongs to it.
type StatementEntry struct {
	Position   uint64         `json:"position"`
	Version    uint64         `json:"version"`
	Name       string         `json:"name"`
	Time       time.Time      `json:"time"`
	Statement  string         `json:"statement"`           // entry
	Receipt    string         `json:"receipt"`             // entry
	Witnessed  string         `json:"witnessed,omitempty"` // entry of the receipt under the cosigned head: the same, or a second one
	Package    *events.Digest `json:"package,omitempty"`
	Absent     string         `json:"absent,omitempty"`   // why the package is not here: "destroyed" or "withheld"
	Evidence   string         `json:"evidence,omitempty"` // entry
	Revocation []string       `json:"revocation,omitempty"`
	Stamp      *uint64        `json:"stamp,omitempty"` // position of the time-stamp over the receipt's checkpoint
}

// StampEntry is one time-stamp over a checkpoint.
type StampEntry struct {
	Position  uint64    `json:"position"`
	Size      uint64    `json:"size"`
	Time      time.Time `json:"time"`
	TSA       string    `json:"tsa"`
	Token     string    `json:"token"`     // entry
	Statement string    `json:"statement"` // entry
	Receipt   string    `json:"receipt"`   // entry
	Stamp     *uint64   `json:"stamp,omitempty"`
}

// FileEntry is one data object.
type FileEntry struct {
	Name   string        `json:"name"`
	SHA256 events.Digest `json:"sha256"`
	Size   int64         `json:"size"`
}
