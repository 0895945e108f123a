package directory

import (
	"time"

	"github.com/tram-exchange/tram/events"
)

// Basis is the position of the last event folded, plus one: what events.Basis.Directory wants.
func (s State) Basis() uint64 { return s.basis }

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return int64(s.events) - 1 }

// Resolve says what a code means at a time.
func (s State) Resolve(code string, at time.Time) Resolution { return Resolution{} }

// Organisation by identity.
func (s State) Organisation(org string) (*Organisation, bool) { return nil, false }

// Organisations calls f for each organisation, in an order that depends only on their identities, until it returns false.
func (s State) Organisations(f func(*Organisation) bool) {}

// Identities are the organisation and all that it succeeds at the time, itself first.
func (s State) Identities(org string, at time.Time) []string { return nil }

// Certificate by the SHA-256 of its DER.
func (s State) Certificate(sha256 events.Digest) (*Certificate, bool) { return nil, false }

// ValidAt says whether the certificate may be used for the purpose at the time: enrolled for it, within its validity, not revoked.
// It says nothing about chain, CRL and OCSP, which package signing judges.
func (c *Certificate) ValidAt(at time.Time, purpose Purpose) bool { return false }

// Client by id; removed ones are not found.
func (s State) Client(id string) (*Client, bool) { return nil, false }

// ClientByToken finds a client by the SHA-256 of its token.
func (s State) ClientByToken(sha256 events.Digest) (*Client, bool) { return nil, false }

// ClientByTLS finds a client by the SHA-256 of its certificate's DER.
func (s State) ClientByTLS(sha256 events.Digest) (*Client, bool) { return nil, false }

// MaySendFor says whether the client may hand in packages of the organisation with identity org at the time: an organisation for
// itself, those it succeeds and those named in SendsFor; a channel for those named in SendsFor or, if none are named, for every
// organisation of this node; a peer for the organisations it serves.
func (s State) MaySendFor(c *Client, org string, at time.Time) bool { return false }

// Acts gives the identities whose mailbox and documents the client may use at the time: its organisation's Identities, else none.
func (s State) Acts(c *Client, at time.Time) []string { return nil }

// Peer by origin.
func (s State) Peer(origin string) (*Peer, bool) { return nil, false }

// PeerByTLS finds a peer by the SHA-256 of its TLS certificate's DER.
func (s State) PeerByTLS(sha256 events.Digest) (*Peer, bool) { return nil, false }

// Peers lists origins in order of adding.
func (s State) Peers() []string { return nil }

// Right by id.
func (s State) Right(id string) (*Reading, bool) { return nil, false }

// MayRead says whether reader has a recorded right to the document (hex key) of the organisation at the time.
func (s State) MayRead(reader Holder, org, document string, at time.Time) bool { return false }

// RequiredAssurance is the least level for a sender (identity) and package kind: the most specific item, or "" if none is set.
// Order: sender and kind, sender, kind, everybody.
func (s State) RequiredAssurance(sender, kind string) string { return "" }

// SecrecyElements are those that hold for the sender (identity).
func (s State) SecrecyElements(sender string) []SecrecyElement { return nil }

// Limit by name; false if it is not set.
func (s State) Limit(name string) (int64, bool) { return 0, false }

// InSpace says whether a code lies in the identifier space of a prefix: the prefix itself or below it. "H02" covers "H02",
// "H02.05" and, in the form of QCVN 102:2016, "000.00.05.H02".
func InSpace(prefix, code string) bool { return false }
