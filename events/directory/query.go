package directory

import (
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/orgid"
)

// Basis is the position of the last event folded, plus one: what events.Basis.Directory wants.
func (s State) Basis() uint64 { return s.basis }

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return int64(s.events) - 1 }

// ChangeAccepted is where a change was accepted, by its id.
func (s State) ChangeAccepted(id string) (events.Address, bool) {
	c, ok := s.changes.Get(id)
	return c.address, ok
}

func validAt(from, until, at time.Time) bool {
	return !at.Before(from) && (until.IsZero() || at.Before(until))
}

// Resolve says what a code means at a time.
func (s State) Resolve(code string, at time.Time) Resolution {
	r := Resolution{Written: code}
	id, ok := s.codes.Get(code)
	if !ok {
		// At level 1 the old and the new form of a code follow from each other; a code of its own in the directory goes first.
		if other, has := orgid.Counterpart(code); has {
			code = other
			id, ok = s.codes.Get(code)
		}
	}
	if !ok {
		return r
	}
	o, _ := s.orgs.Get(id)
	r.Direct = id
	valid := false
	for i := range o.Codes {
		if o.Codes[i].Code == code && validAt(o.Codes[i].From, o.Codes[i].Until, at) {
			valid = true
			break
		}
	}
	if !valid {
		r.Expired = true
		return r
	}
	r.Known = true
	for o.closedAt(at) && o.Successor != "" {
		r.Via = append(r.Via, o.ID)
		o, _ = s.orgs.Get(o.Successor)
	}
	r.Org, r.Node, r.Closed = o.ID, o.Node, o.closedAt(at)
	return r
}

func (o *Organisation) closedAt(at time.Time) bool { return o.Closed && !at.Before(o.ClosedFrom) }

// Organisation by identity.
func (s State) Organisation(org string) (*Organisation, bool) { return s.orgs.Get(org) }

// Organisations calls f for each organisation, in an order that depends only on their identities, until it returns false.
func (s State) Organisations(f func(*Organisation) bool) {
	for _, o := range s.orgs.All() {
		if !f(o) {
			return
		}
	}
}

// Identities are the organisation and all that it succeeds at the time, itself first. An identity that the directory does
// not know has no one.
func (s State) Identities(org string, at time.Time) []string {
	o, ok := s.orgs.Get(org)
	if !ok {
		return nil
	}
	if len(o.Succeeds) == 0 {
		return []string{org}
	}
	out := []string{org}
	// Chains form no ring, so every identity comes once.
	for i := 0; i < len(out); i++ {
		o, _ := s.orgs.Get(out[i])
		for _, id := range o.Succeeds {
			if before, _ := s.orgs.Get(id); before.closedAt(at) {
				out = append(out, id)
			}
		}
	}
	return out
}

// Heir is who goes on at the time with what an organisation has begun: itself, or who succeeds it.
func (s State) Heir(org string, at time.Time) string {
	o, ok := s.orgs.Get(org)
	for ok && o.closedAt(at) && o.Successor != "" {
		org = o.Successor
		o, ok = s.orgs.Get(org)
	}
	return org
}

// Certificate by the SHA-256 of its DER.
func (s State) Certificate(sha256 events.Digest) (*Certificate, bool) {
	return s.certs.Get(sha256.String())
}

// ValidAt says whether the certificate may be used for the purpose at the time: enrolled for it, within its validity, not revoked.
// It says nothing about chain, CRL and OCSP, which package signing judges. A certificate counts from its own NotBefore on, not
// only from its enrolment: what a later enrolled key had signed before is judged by the assurance of the moment it comes in.
func (c *Certificate) ValidAt(at time.Time, purpose Purpose) bool {
	if at.Before(c.From) || at.After(c.Until) || c.StandingAt(at) != StandingGood {
		return false
	}
	return slices.Contains(c.Purposes, purpose)
}

// StandingAt says whether the directory had suspended or revoked the certificate at the time. A suspension counts from its first
// moment to its last, also after it was lifted.
func (c *Certificate) StandingAt(at time.Time) CertificateStanding {
	if c.Revoked && !at.Before(c.RevokedFrom) {
		if c.Suspended {
			return StandingSuspended
		}
		return StandingRevoked
	}
	for _, p := range c.Suspensions {
		if validAt(p.From, p.Until, at) {
			return StandingSuspended
		}
	}
	return StandingGood
}

// Client by id; removed ones are not found.
func (s State) Client(id string) (*Client, bool) {
	c, ok := s.clients.Get(id)
	if !ok || c.Removed {
		return nil, false
	}
	return c, true
}

// ClientByToken finds a client by the SHA-256 of its token.
func (s State) ClientByToken(sha256 events.Digest) (*Client, bool) {
	return s.clientBy("token:" + sha256.String())
}

// ClientByTLS finds a client by the SHA-256 of its certificate's DER.
func (s State) ClientByTLS(sha256 events.Digest) (*Client, bool) {
	return s.clientBy("tls:" + sha256.String())
}

func (s State) clientBy(credential string) (*Client, bool) {
	id, ok := s.creds.Get(credential)
	if !ok {
		return nil, false
	}
	return s.Client(id)
}

// MaySendFor says whether the client may hand in packages of the organisation with identity org at the time: an organisation for
// itself, those it succeeds and those named in SendsFor; a channel for those named in SendsFor or, if none are named, for every
// organisation of this node; a peer for the organisations it serves.
func (s State) MaySendFor(c *Client, org string, at time.Time) bool {
	o, ok := s.orgs.Get(org)
	if !ok {
		return false
	}
	if slices.Contains(c.SendsFor, org) {
		return true
	}
	switch c.Holder.Kind {
	case HolderOrganisation:
		return slices.Contains(s.Identities(c.Holder.ID, at), org)
	case HolderChannel:
		return len(c.SendsFor) == 0 && o.Node == ""
	case HolderPeer:
		return o.Node == c.Holder.ID
	}
	return false
}

// Acts gives the identities whose mailbox and documents the client may use at the time: its organisation's Identities, else none.
func (s State) Acts(c *Client, at time.Time) []string {
	if c.Holder.Kind != HolderOrganisation {
		return nil
	}
	return s.Identities(c.Holder.ID, at)
}

// Peer by origin.
func (s State) Peer(origin string) (*Peer, bool) { return s.peers.Get(origin) }

// PeerByTLS finds a peer by the SHA-256 of its TLS certificate's DER.
func (s State) PeerByTLS(sha256 events.Digest) (*Peer, bool) {
	origin, ok := s.peerTLS.Get(sha256.String())
	if !ok {
		return nil, false
	}
	p, ok := s.peers.Get(origin)
	if !ok || !slices.Contains(p.TLS, sha256) {
		return nil, false
	}
	return p, true
}

// Peers lists origins in order of adding.
func (s State) Peers() []string { return slices.Clone(s.peerList) }

// Right by id.
func (s State) Right(id string) (*Reading, bool) { return s.readings.Get(id) }

func rightKey(reader Holder, org string) string {
	return string(reader.Kind) + "\x00" + reader.ID + "\x00" + org
}

// MayRead says whether reader has a recorded right to the document (hex key) of the organisation at the time. An auditor's right over
// every agency is told by Rights.
func (s State) MayRead(reader Holder, org, document string, at time.Time) bool {
	ids, _ := s.rights.Get(rightKey(reader, org))
	for _, id := range ids {
		r, _ := s.readings.Get(id)
		if validAt(r.From, r.Until, at) && (r.Document == "" || r.Document == document) {
			return true
		}
	}
	return false
}

// Rights calls f for each right of the reader that is valid at the time, in order of granting, until it returns false.
func (s State) Rights(reader Holder, at time.Time, f func(*Reading) bool) {
	ids, _ := s.rights.Get(rightKey(reader, ""))
	for _, id := range ids {
		if r, _ := s.readings.Get(id); validAt(r.From, r.Until, at) && !f(r) {
			return
		}
	}
}

func assuranceKey(sender, kind string) string { return sender + "\x00" + kind }

// RequiredAssurance is the least level for a sender (identity) and package kind: the most specific item, or "" if none is set.
// Order: sender and kind, sender, kind, everybody.
func (s State) RequiredAssurance(sender, kind string) string {
	for _, key := range [...]string{
		assuranceKey(sender, kind), assuranceKey(sender, ""), assuranceKey("", kind), assuranceKey("", ""),
	} {
		if level, _ := s.assurance.Get(key); level != "" {
			return level
		}
	}
	return ""
}

// SecrecyElements are those that hold for the sender (identity), in order of setting.
func (s State) SecrecyElements(sender string) []SecrecyElement {
	var out []SecrecyElement
	for _, e := range s.secrecy {
		if e.Sender == "" || e.Sender == sender {
			out = append(out, e)
		}
	}
	return out
}

// Limit by name; false if it is not set.
func (s State) Limit(name string) (int64, bool) { return s.limits.Get(name) }

// InSpace says whether a code lies in the identifier space of a prefix: the prefix itself or below it. "H02" covers "H02",
// "H02.05" and, in the form of QCVN 102:2016, "000.00.05.H02".
func InSpace(prefix, code string) bool {
	if prefix == "" {
		return false
	}
	p, c := levels(prefix), levels(code)
	return len(p) <= len(c) && slices.Equal(p, c[:len(p)])
}

// levels gives the parts of a code, most significant first, without the zero parts with which the form of QCVN 102:2016
// fills up.
func levels(code string) []string {
	parts := strings.Split(code, ".")
	if !oldForm(parts) {
		return parts
	}
	slices.Reverse(parts)
	for len(parts) > 1 && strings.Trim(parts[len(parts)-1], "0") == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// oldForm says whether the parts are a code of QCVN 102:2016, whose last part is a letter and two digits and whose other parts
// are numbers: 000.00.00.H02; real senders also shorten it: 28.22.H17.
func oldForm(parts []string) bool {
	last := len(parts) - 1
	if last < 1 || !levelOne(parts[last]) {
		return false
	}
	for _, p := range parts[:last] {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

func levelOne(part string) bool {
	return len(part) == 3 && part[0] >= 'A' && part[0] <= 'Z' && strings.Trim(part[1:], "0123456789") == ""
}

// DocumentRights are the ids of the rights in force at the time that name just this document (hex key), in order of id.
func (s State) DocumentRights(document string, at time.Time) (ids []string) {
	for id, r := range s.readings.All() {
		if r.Document == document && validAt(r.From, r.Until, at) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
