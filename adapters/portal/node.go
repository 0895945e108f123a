package portal

import (
	"context"
	"io"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/signing/verdict"
)

// Views is what the pages ask of the read side. view.Views satisfies it.
// Every question carries the reader; view.ErrNotFound means "does not exist" and "not yours" alike.
type Views interface {
	Register(ctx context.Context, q view.RegisterQuery) (view.Page[view.RegisterRow], error)
	Document(ctx context.Context, r view.Reader, key string) (view.Document, error)
	NotTaken(ctx context.Context, r view.Reader, org string, limit int) ([]view.Pending, error)
	Search(ctx context.Context, q view.SearchQuery) (view.Page[view.RegisterRow], error)
	MayRead(ctx context.Context, r view.Reader, packageSHA256 string) (document string, err error)
	Health(ctx context.Context) (view.Health, error)
}

// Node is what the pages ask of the rest of the node. cmd satisfies it. All methods may be called
// concurrently. Whatever is unknown (or destroyed) is view.ErrNotFound. None of them judges who may
// read: the portal asks Views.MayRead or Views.Document first.
type Node interface {
	// OpenPackage gives the stored bytes of a package, unchanged. The portal closes it.
	OpenPackage(ctx context.Context, sha256 string) (Package, error)
	// Receipt is the receipt file (C2SP tlog-proof text) of the event at a log position.
	Receipt(ctx context.Context, position uint64) ([]byte, error)
	// Verdict is what was found about the signatures of a stored package when it was accepted.
	Verdict(ctx context.Context, sha256 string) (Verdict, error)
	// Attachment opens the decoded attachment of a package; index as in view.Attachment. The portal closes Body.
	Attachment(ctx context.Context, sha256 string, index int) (Attachment, error)
	// FileSignatures reads the signatures that stand inside an attachment itself (a signed PDF), as of now. They are the
	// sender's words beside the package's own: nothing was refused or accepted for them. It reads the whole attachment.
	FileSignatures(ctx context.Context, sha256 string, index int) (FileSignatures, error)
	// WriteEvidence writes the evidence container (ASiC-E) of a document: of packages, statements, receipts and validation
	// data what the reader may see. ErrBusy before the first byte if too many are being made.
	WriteEvidence(ctx context.Context, document string, reader Sight, w io.Writer) error
	// Proved is the earliest trusted time-stamp over a head of the log that holds this position.
	Proved(ctx context.Context, position uint64) (Stamp, error)
	// Authorities is the trust list, those no longer trusted included.
	Authorities(ctx context.Context) ([]Authority, error)
	// Witnesses is who cosigns this node's log and whose logs it cosigns, with every alarm.
	Witnesses(ctx context.Context) (Witnesses, error)
	// Health lists the node's named checks, the worst ones need not come first.
	Health(ctx context.Context) ([]Check, error)
	// Head is the latest signed head of the log.
	Head(ctx context.Context) (Head, error)
	// Organisation is what the directory knows of an organisation identity.
	Organisation(ctx context.Context, org string) (Organisation, error)
	// Organisations whose name or any code contains words (without regard to case and diacritics), at most limit,
	// in order of name. Empty words: all.
	Organisations(ctx context.Context, words string, limit int) ([]Organisation, error)
	// ReadingRight is what the holder of the recorded right that an auditor's account names may read as of a time, by all its
	// rights in force then. view.ErrNotFound if there is none.
	ReadingRight(ctx context.Context, id string, at time.Time) (ReadingRight, error)
	// Now is the node's time.
	Now() time.Time
}

// Sight is what of a document's record a reader may see.
type Sight struct {
	Position func(position uint64) bool // of an event of the document
	Package  func(ctx context.Context, sha256 string) (bool, error)
}

// Package is the bytes of a stored package.
type Package interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Organisation as the directory knows it.
type Organisation struct {
	Org        string   // identity
	Code       string   // code in force, e.g. "H02.15"
	Name       string   // full name
	Identities []string // every identity whose documents it may read: its own, then those it succeeds
	Local      bool     // served by this node
	Closed     bool     // its code is closed
}

// ReadingRight lets an auditor read. Each part was recorded in the directory by a signed change.
type ReadingRight struct {
	ID        string    // that the account names
	Parts     []RightTo // in force, in order of granting; at least one
	Orgs      []string  // identities whose documents they cover, each once
	All       bool      // one covers every agency
	Documents []string  // keys of single documents
}

// RightTo is one recorded right.
type RightTo struct {
	ID       string
	Org      string // identity; "" every agency
	Document string // key of the one document it is about; "" all of the agency
	From, To time.Time
}

// Wide says whether it covers more than single documents.
func (r ReadingRight) Wide() bool { return r.All || len(r.Orgs) > 0 }

// Head of the log.
type Head struct {
	Origin string
	Size   uint64
	Root   string // base64
	Time   time.Time
}

// Attachment of a package, decoded. Name and ContentType are the sender's words and are not trusted.
type Attachment struct {
	Name        string
	ContentType string
	Size        int64 // decoded bytes, -1 if unknown
	Body        io.ReadCloser
}

// Verdict on all signatures of one package, as judged when it was accepted.
type Verdict struct {
	At         time.Time // as of when it was judged
	Signatures []Signature
	Refusal    string // numbered refusal if the package as a whole would not pass (an inner package of a submission), else ""
}

// Signature is one signature and what was found.
type Signature struct {
	Kind         string // Kind* constants
	Signer       string // person or system named in the certificate (CN)
	Organisation string // organisation it was bound to, by name
	Subject      string // certificate subject, RFC 4514
	Issuer       string // certificate issuer, RFC 4514
	Serial       string // hex
	NotBefore    time.Time
	NotAfter     time.Time
	Algorithm    string    // e.g. "RSA-2048, SHA-256"
	Whole        bool      // covers the whole document
	Parts        []string  // what it covers when not Whole: "header", "manifest", attachment names
	Valid        bool      // counts as a valid signature
	Results      []string  // Result* constants, in the order they were checked
	Refusal      string    // numbered refusal code if not valid, e.g. "TRAM-2107", else ""
	Claimed      time.Time // signing time the signer claims, zero if none
	Proved       time.Time // earliest proved time, zero if none

	Conclusion verdict.Conclusion // EN 319 102-1
	Level      string             // XAdES or PAdES level, "" for a plain signature
	Checks     []verdict.Check    // every check, in the order of the standard
	Stamps     []Stamp            // time-stamps that the signature carries
}

// Stamp is a trusted time-stamp.
type Stamp struct {
	Time  time.Time
	By    string // the authority, in the words of its certificate
	Valid bool
	Size  uint64 // of the log's head it was made over, 0 for one inside a signature
}

// FileSignatures is what was found inside an attached file.
type FileSignatures struct {
	Name       string
	Readable   bool   // false: encrypted, broken, or no PDF; Problem says which
	Problem    string // Problem* constant or another text
	Signatures []FileSignature
}

// FileSignature is one signature inside a PDF.
type FileSignature struct {
	Signature
	Field    string // name of the form field
	Reason   string // the signer's words
	Location string
	Changed  bool // the file was added to after this signature; what was added it does not cover
}

// Why signatures inside a file cannot be read.
const (
	ProblemNotPDF    = "not-pdf"
	ProblemEncrypted = "encrypted"
	ProblemBroken    = "broken"
	ProblemTooLarge  = "too-large"
)

// Authority is an entry of the trust list.
type Authority struct {
	Name     string
	Kind     string   // "state", "public", "trial", "other"
	Purposes []string // "organisation", "person", "time-stamp", "node"; none: all
	Subject  string   // RFC 4514
	SHA256   string   // of the certificate, hex
	From     time.Time
	Until    time.Time // zero: open
	NotAfter time.Time // of the certificate itself
	Trusted  bool      // now
}

// Kinds of signature.
const (
	KindOrganisation = "organisation" // the agency's own
	KindPerson       = "person"       // a person's
	KindCustody      = "custody"      // made by the node with the agency's key on a person's click
	KindAgency       = "agency"       // an agency vouches for what it could not have signed itself
	KindChannel      = "channel"      // the receiving channel vouches
	KindForeign      = "foreign"      // outside the signature namespace: shown, counts as none
)

// What was found about a signature. The portal has a sentence for each in both languages; another text
// is shown as it is.
const (
	ResultIntact               = "intact"                 // not one byte it covers has changed
	ResultChanged              = "changed"                // the content is not what was signed
	ResultWhole                = "whole"                  // covers everything that is used
	ResultPartial              = "partial"                // covers a part only
	ResultChain                = "chain"                  // certificate leads to a trusted authority
	ResultUntrusted            = "untrusted"              // it does not
	ResultInValidity           = "in-validity"            // certificate was valid at the time
	ResultExpired              = "expired"                // it was not
	ResultBound                = "bound"                  // certificate belongs to the sender in the directory
	ResultNotBound             = "not-bound"              // it does not
	ResultNotRevoked           = "not-revoked"            // revocation looked up: good
	ResultRevoked              = "revoked"                // revoked
	ResultSuspended            = "suspended"              // on hold
	ResultRevocationUnknown    = "revocation-unknown"     // looked up, but nobody answered
	ResultRevocationNotChecked = "revocation-not-checked" // nobody looked
	ResultTimeProved           = "time-proved"            // a time-stamp proves when
	ResultTimeReceived         = "time-received"          // judged at the time the node received it
	ResultNotCounted           = "not-counted"            // outside the signature namespace
)

// States of a check.
const (
	StateOK   = "ok"
	StateWarn = "warn"
	StateBad  = "bad"
)

// Names of checks that the portal has words for; others are shown by their name.
const (
	CheckPeerQueue   = "peer-queue"    // Subject: peer; Number: entries waiting
	CheckDisk        = "disk"          // Number: bytes free; Share: used
	CheckCertificate = "certificate"   // Subject: whose; At: when it ends
	CheckViewLag     = "view-lag"      // Number: seconds
	CheckRebuild     = "rebuild"       // Number: events read; Share: of all
	CheckHead        = "head"          // Number: log size; At: when signed
	CheckPublished   = "published log" // Number: size of the head that is published
	CheckKey         = "key"           // Subject: a signing key that cannot be used
	CheckCluster     = "cluster"       // who sequences
	CheckClock       = "clock"         // Number: seconds off
	CheckPackages    = "packages"      // Number: bytes stored
	CheckEvents      = "events"        // Number: events
	CheckReady       = "ready"         // accepting or not
	CheckBackup      = "backup"        // At: last copy
	CheckTimestamp   = "timestamp"     // At: last time-stamp over the log's head
	// The log and those who stand behind it.
	CheckWitnesses     = "witnesses"     // Number: size of the newest cosigned head; At: when; Detail: by whom
	CheckWitness       = "witness"       // Subject: one of them; Number: size that it cosigned last; At: when
	CheckContradiction = "contradiction" // Subject: another log that has shown two histories; Number: at which size
	CheckOtherLog      = "other-log"     // Subject: another log; Number: size of the head that it publishes; At: when that was seen
	CheckOffice        = "office"        // Number: things that could not be done for agencies yet
	CheckNotices       = "notices"       // Number: messages to people that wait
	CheckRevocation    = "revocation"    // Number: authorities whose revocation lists are not current
)

// Units of a check's number.
const (
	UnitNone    = ""
	UnitCount   = "count"
	UnitBytes   = "bytes"
	UnitSeconds = "seconds"
	UnitDays    = "days"
	UnitTime    = "time" // At is the value
)

// Check is one line of the node's health.
type Check struct {
	Name    string // Check* constant or another word
	Subject string // what it is about when there are several of the name (a peer, a certificate)
	State   string // StateOK, StateWarn, StateBad
	Number  float64
	Unit    string    // Unit*
	Share   float64   // 0..1 of what is possible, for a bar; 0: no bar
	At      time.Time // a point in time the check speaks of
	Since   time.Time // in this state since
	Detail  string    // for the operator, e.g. the last error of a peer; never document content
}
