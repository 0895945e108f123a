// Package view holds the plain questions and answers of the read side. projections gives the answers, gateway and
// the portal ask; it lives here so that none of them imports another for a struct. No behaviour, no storage.
//
// Every question carries a Reader: what the reader may not see is not there (design: "the answer for does not exist").
package view

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is the one answer for "does not exist" and "not yours to see".
var ErrNotFound = errors.New("not found")

// ErrQuery says that a question cannot be read: a cursor, date, state or direction that is none. The asker must change it.
var ErrQuery = errors.New("question cannot be read")

// DestroyedByUnrecorded stands for the decision under which words were destroyed when no event names it as far as the views have read: as of an
// earlier day, when the decision came later; else a loss, which tram verify names.
const DestroyedByUnrecorded = "quyết định ghi sau lúc này, hoặc không có (decided later than this, or not at all)"

// Reader is who asks. Orgs are organisation identities (not codes).
type Reader struct {
	Orgs  []string  // reads documents that one of these sent or received
	Right string    // id of a recorded reading right, or "": all rights of its holder count that are in force as of Now
	Now   time.Time // as of when rights are judged
	Audit bool      // sees every document, as with a recorded right over every agency
	// Person, if set, is a person of the one agency of Orgs (id in its part of the directory): of the agency's documents the reader sees
	// what the person's duties allow as of Now (see Staff). The package of an act of the agency's work is read so too.
	Person string
}

// Direction of a register.
type Direction string

const (
	Outgoing Direction = "outgoing" // văn bản đi
	Incoming Direction = "incoming" // văn bản đến
)

// RegisterQuery asks for one page of an agency's register. Zero values mean "no filter".
type RegisterQuery struct {
	Reader        Reader
	Org           string // whose register
	Direction     Direction
	Words         string // with or without Vietnamese diacritics; all words must occur
	Number        string // number/notation, in part: "7816/VPCP"
	From, To      string // dates of the document, yyyy-MM-dd (the asker has parsed dd/MM/yyyy), inclusive
	Correspondent string // organisation identity of the other side
	TypeName      string
	State         string // one of the State* constants
	Cursor        string // from the previous page, "" for the first
	Limit         int    // 1..500, 0 = 50
}

// SearchQuery asks for documents of every agency that the reader may read. Zero values mean "no filter".
type SearchQuery struct {
	Reader    Reader
	Words     string // as in RegisterQuery
	Number    string
	From, To  string
	Sender    string // organisation identity
	Recipient string // organisation identity
	TypeName  string
	Cursor    string // from the previous page, "" for the first
	Limit     int    // 1..500, 0 = 50
}

// RegisterRow has the ten columns of NĐ 30/2020 Phụ lục IV plus what the page needs. Fields that no event has
// set are empty: a view invents nothing (no arrival number, no handling).
type RegisterRow struct {
	Document      string    // document key: the hex part of its stream
	Number        string    // số và ký hiệu, "7816/VPCP-TTĐT"
	Date          string    // ngày tháng văn bản, yyyy-MM-dd
	TypeName      string    // tên loại
	Subject       string    // trích yếu
	Signer        string    // người ký
	From          Party     // tác giả
	To            []Party   // nơi nhận
	Copies        string    // số lượng bản
	KeptBy        string    // đơn vị, người nhận bản lưu (empty until an event sets it)
	SentAt        time.Time // ngày chuyển: when the node accepted it (outgoing)
	ArrivedAt     time.Time // ngày đến: when it was offered (incoming)
	ArrivalNumber string    // số đến: empty until an event sets it
	Handler       string    // đơn vị hoặc người nhận: empty until an event sets it
	Signed        string    // ký nhận: acknowledged by (client) or ""
	Note          string    // ghi chú: e.g. "đã thu hồi", "thay thế bởi 12/QĐ-UBND"
	Priority      int       // 0..4
	Business      int       // 0 new, 1 recall, 2 update, 3 replace
	State         string    // State*
	LastStatus    string    // last edXML status code known, "" if none
	Assurance     string
	Attachments   int
	Destroyed     string // decision under which the words were destroyed, ""
}

// Party is an organisation as written in the document and as the directory knows it.
type Party struct {
	Org  string // identity
	Code string // as written
	Name string
}

// States of a register entry, for one side.
const (
	StateWaiting      = "waiting"      // offered, nobody has taken it
	StateTaken        = "taken"        // taken, not acknowledged
	StateAcknowledged = "acknowledged" // acknowledged
	StateForwarded    = "forwarded"    // handed to the recipient's node
	StateQueued       = "queued"       // waiting for the peer node
	StateFailed       = "failed"       // không gửi được
	StateWithdrawn    = "withdrawn"    // recalled before it was taken
	StateRecalled     = "recalled"     // đã thu hồi
)

// Page of anything, with the log position up to which the view had read.
type Page[T any] struct {
	Rows  []T
	Next  string // cursor, "" at the end
	Total int    // of the filter, -1 if not counted
	AsOf  uint64 // log size the view has read
}

// MailboxEntry is one (item, recipient).
type MailboxEntry struct {
	ID         string // hex part of the delivery stream
	Seq        uint64 // position of its offer: the list's order and cursor
	Org        string // recipient identity
	Kind       string // "document" or "status"
	Document   string // document key it belongs to
	Package    string // hex SHA-256 of the package
	Size       int64  // bytes
	From       Party
	Number     string
	Subject    string
	Priority   int
	OfferedAt  time.Time
	State      string // waiting|taken|acknowledged|withdrawn
	LeaseUntil time.Time
	TakenBy    string
	Marks      []string // "recalled", "updated", "replaced"
}

// MailboxQuery asks for entries of one recipient in order of offer.
type MailboxQuery struct {
	Org   string
	Kind  string // "" all
	State string // "" = waiting or taken (open)
	After uint64 // Seq cursor
	Limit int    // 1..500, 0 = 100
}

// Document is everything the page of one document shows.
type Document struct {
	Row          RegisterRow
	Stream       string
	DocumentID   string
	Package      PackageInfo
	History      []HistoryEntry
	Recipients   []RecipientState
	Statuses     []StatusRow
	Attachments  []Attachment
	Related      []Relation
	DueDate      string
	Place        string
	Content      string
	SteeringType int
	ToPlaces     []string
}

// PackageInfo is one stored package.
type PackageInfo struct {
	SHA256    string
	Size      int64
	Position  uint64 // of the event that recorded it
	At        time.Time
	Assurance string
	Evidence  string // digest of the stored validation evidence
}

// HistoryEntry is one event of a document or its deliveries.
type HistoryEntry struct {
	Position uint64
	At       time.Time
	Name     string // event name
	Actor    string
	Client   string
	Org      string            // organisation concerned, if any
	Code     string            // status code, if any
	Detail   map[string]string // event's own ids and codes, for the sentence
	Package  string            // hex, if it carries one
}

// RecipientState is "who has it".
type RecipientState struct {
	Party
	Delivery   string // delivery id
	State      string
	Since      time.Time
	Peer       string // node that serves it, "" if local
	LastStatus string
	StatusAt   time.Time
	Reason     string // of a failure or refusal
}

// StatusRow is one edXML status message.
type StatusRow struct {
	Code        string
	From        Party
	At          time.Time // node time
	Timestamp   string    // as claimed in the message
	Staff       string
	Description string
	Package     string
	Position    uint64
}

// Attachment of a document.
type Attachment struct {
	Index       int
	Name        string
	ContentType string
	Description string
	Size        int64 // decoded bytes if known, else -1
}

// Relation to another document.
type Relation struct {
	Kind     string // replies-to|recalls|recalled-by|updates|updated-by|replaces|replaced-by|corrects|corrected-by|copies|copied-as
	Document string // key if known here
	Number   string
	Org      string
	Target   Target // in the work of the asker's agency
}

// Pending is one line of "who has not taken it".
type Pending struct {
	Document string
	Number   string
	Subject  string
	From     Party
	To       Party
	State    string // waiting|queued|failed
	Since    time.Time
	Priority int
}

// Outstanding is one delivery that still has to be handed to a peer node.
type Outstanding struct {
	Seq       uint64 // position of its first offer: order and cursor
	ID        string // hex part of the delivery stream
	Cause     uint64 // log position of the event that it follows from, 0 if that lies in another log
	Document  string // document key it belongs to
	Kind      string // "document" or "status"
	Org       string // recipient identity
	Peer      string // origin of the recipient's node
	Package   string // hex SHA-256
	Size      int64  // bytes
	Priority  int
	OfferedAt time.Time // latest offer
	Attempts  int
	Reason    string // of the latest attempt that did not succeed
}

// Certificate as enrolled in the directory, for the list of those about to expire.
type Certificate struct {
	SHA256     string // of the DER
	HolderKind string // organisation, peer, node, …
	Holder     string // identity, origin, …
	Name       string // of the organisation, "" if it is none
	Purposes   []string
	From       time.Time
	Until      time.Time // not after
	Revoked    bool
}

// Health of the read side.
type Health struct {
	Position uint64        // events read
	Lag      time.Duration // age of the oldest sealed event not yet read, 0 if none
	Counts   map[string]int64
}

// Views is the whole read side, as asked by gateway and portal (which declare the parts they use).
// All methods may be called concurrently and see a consistent snapshot per call.
type Views interface {
	Register(ctx context.Context, q RegisterQuery) (Page[RegisterRow], error)
	Document(ctx context.Context, r Reader, key string) (Document, error)
	Mailbox(ctx context.Context, q MailboxQuery) (Page[MailboxEntry], error)
	MailboxEntry(ctx context.Context, id string) (MailboxEntry, error)
	NotTaken(ctx context.Context, r Reader, org string, limit int) ([]Pending, error)
	// Search finds documents across agencies, as far as the reader may read them.
	Search(ctx context.Context, q SearchQuery) (Page[RegisterRow], error)
	// MayRead says whether the reader may see the package (sender, recipient or recorded right).
	MayRead(ctx context.Context, r Reader, packageSHA256 string) (document string, err error)
	Health(ctx context.Context) (Health, error)
	// WaitFor returns when the views have read at least size events.
	WaitFor(ctx context.Context, size uint64) error
}
