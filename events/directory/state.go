package directory

import (
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/pmap"
)

// Holder is who a certificate, a client or a right belongs to.
type Holder struct {
	Kind HolderKind `json:"kind"`
	ID   string     `json:"id"` // organisation identity, channel name, peer origin, …
}

// HolderKind says what kind of holder it is. The values are those of the DirectoryChange schema.
type HolderKind string

// Kinds of holders.
const (
	HolderOrganisation HolderKind = "organisation"
	HolderChannel      HolderKind = "channel"
	HolderPeer         HolderKind = "peer"
	HolderNode         HolderKind = "node"
	HolderAuditor      HolderKind = "auditor"
	HolderOperator     HolderKind = "operator"
	HolderArchive      HolderKind = "archive"
)

// Purpose says what a certificate may do.
type Purpose string

// Purposes. A certificate of an operator with PurposeSign is an administrator key; one of a peer with PurposeSign or
// PurposePeer signs that peer's directory changes.
const (
	PurposeSign       Purpose = "sign"
	PurposeCustody    Purpose = "custody" // key kept by the node for the agency: what it signs is "custody"
	PurposePerson     Purpose = "person"  // a natural person of the organisation
	PurposeTLS        Purpose = "tls"
	PurposeVoucher    Purpose = "submission-voucher"
	PurposeChannel    Purpose = "channel"
	PurposePeer       Purpose = "peer"
	PurposeCheckpoint Purpose = "checkpoint"
)

// Organisation as the directory knows it. Not to be changed by readers.
type Organisation struct {
	ID         string // stable identity: its first code, in the form of QĐ 20/2020 if that was known
	Name       string // from facts: empty when they were destroyed; decides nothing
	Codes      []Code // the first is ID
	Parent     string // identity, "" none
	Level      int    // 1 province or ministry, 2 department or district, 3 commune …; 0 unknown
	Node       string // origin of the node that serves it, "" this one
	From       time.Time
	Closed     bool
	ClosedFrom time.Time
	Successor  string          // identity, "" none
	Succeeds   []string        // identities of those closed in favour of this one, in order of their closing
	Holds      []events.Digest // certificates, in order of enrolment
}

// Code is one code of an organisation and when it is valid: From ≤ t < Until, zero is open.
type Code struct {
	Code        string
	From, Until time.Time
}

// Certificate as enrolled.
type Certificate struct {
	SHA256      events.Digest
	Holder      Holder
	Purposes    []Purpose
	From, Until time.Time // of the certificate itself
	Enrolled    time.Time // node time of its enrolment
	Revoked     bool
	RevokedFrom time.Time
	Suspended   bool // Revoked may be lifted by enrolling again
	// Suspensions that are over: lifted, or followed by a revocation. What was signed in one stays without effect.
	Suspensions []Period
}

// Period is From ≤ t < Until.
type Period struct {
	From, Until time.Time
}

// CertificateStanding is what the directory says of an enrolled certificate at a time.
type CertificateStanding int

// Standings.
const (
	StandingGood CertificateStanding = iota
	StandingSuspended
	StandingRevoked
)

// Client is a program that may call.
type Client struct {
	ID       string
	Holder   Holder
	Token    *events.Digest
	TLS      *events.Digest
	SendsFor []string
	Removed  bool
}

// Peer is another node.
type Peer struct {
	PeerSet
	Name string // from facts
}

// Reading is a right to read. From ≤ t < Until, zero Until is open.
type Reading struct {
	ReadingGranted
}

// State of the directory as of a version. The zero value is the empty directory. A State is never changed: Fold gives
// a new one that shares what stayed. It may be copied and read from any goroutine; every question takes constant time
// (times the length of a successor chain).
type State struct {
	events    uint64 // number of events folded
	began     uint64 // version of the event that begins the change being folded
	basis     uint64 // position of the last event folded, plus one
	orgs      pmap.Map[*Organisation]
	codes     pmap.Map[string] // code → identity; for ever, valid or not
	certs     pmap.Map[*Certificate]
	clients   pmap.Map[*Client]
	creds     pmap.Map[string] // "token:<hex>" or "tls:<hex>" → client id
	peers     pmap.Map[*Peer]
	peerTLS   pmap.Map[string] // hex of certificate → origin
	peerList  []string         // origins in order of adding
	readings  pmap.Map[*Reading]
	rights    pmap.Map[[]string] // reader and org ("" any) → ids of rights
	assurance pmap.Map[string]   // sender + kind → level
	secrecy   []SecrecyElement
	limits    pmap.Map[int64]
	changes   pmap.Map[accepted] // by change id
	admins    []events.Digest    // certificates ever enrolled for an administrator
	offices   pmap.Map[*Office]  // by identity

	authorities   pmap.Map[*TrustedAuthority] // by digest
	authorityList []events.Digest             // in order of adding
	trustEvents   uint64                      // number of changes of the trust list
}

// accepted is what is kept of a change.
type accepted struct {
	content events.Digest
	address events.Address
	events  int // how many, this one included
}

// Resolution is what a code means at a time.
type Resolution struct {
	Written string   // the code asked for
	Known   bool     // the code belongs to an organisation and is valid at the time
	Expired bool     // it belongs to one, but is not valid at the time
	Direct  string   // identity the code names
	Org     string   // identity of the organisation that acts for it: Direct, or the end of its chain of successors
	Via     []string // closed organisations passed on the way, Direct first; nil if Direct is open
	Closed  bool     // Org is closed and has no successor: nobody receives
	Node    string   // origin of the node that serves Org, "" this one
}
