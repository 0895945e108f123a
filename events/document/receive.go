package document

import (
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
)

// vietnam is the zone in which dates without zone are meant. Việt Nam has had no other since 1975.
var vietnam = time.FixedZone("+07:00", 7*60*60)

// levels orders assurance; what is not in it is none.
var levels = map[string]int{AssuranceChannel: 1, AssuranceAgency: 2, AssuranceCustody: 3, AssuranceOwn: 4}

// assured says what is wrong with the assurance of a package.
func assured(have, required string) *Refusal {
	if levels[have] == 0 || levels[have] < levels[required] {
		return &Refusal{Reason: ReasonAssurance, Detail: have, Required: required}
	}
	return nil
}

// from says what is wrong with whoever the package comes from.
func from(p Party, peer *FromPeer) *Refusal {
	switch {
	case !p.Known:
		return &Refusal{Reason: ReasonSenderUnknown, Codes: []string{p.Code}}
	case p.Closed || len(p.Via) > 0:
		return &Refusal{Reason: ReasonSenderClosed, Codes: []string{p.Code}, Detail: p.Org}
	case peer == nil && p.Node != "":
		return &Refusal{Reason: ReasonSenderElsewhere, Codes: []string{p.Code}, Detail: p.Node}
	case peer != nil && (p.Node == "" || p.Node != peer.Hop.Origin):
		return &Refusal{Reason: ReasonSenderNotOfPeer, Codes: []string{p.Code}, Detail: peer.Hop.Origin}
	}
	return nil
}

// DecideReceive judges a document on the stream that exists among those of Keys(sender's identities, DocumentId), or on
// Stream(sender's identity, DocumentId) if none does. A refusal is a *Refusal.
//
// The very bytes handed in before get the earlier receipt whatever has changed since. The same content in another package is
// judged like a new document and then sent only to those not yet served: recipients that were not named before and those
// whose delivery has failed. If there are none it gets the earlier receipt.
func DecideReceive(s State, c Receive) (Decision, error) {
	for _, p := range s.Packages {
		if p.Package == c.Package {
			return Decision{Outcome: OutcomeEarlier, Earlier: p.Address}, nil
		}
	}
	key := Key(c.Sender.Org, c.DocumentID)
	if s.Document != "" && slices.Contains(Keys(c.Sender.Identities, c.DocumentID), s.Document) {
		key = s.Document // an organisation and those it succeeds are one sender
	}
	if r := c.check(key); r != nil {
		return Decision{}, r
	}
	if s.Document != "" && s.Document != key {
		return Decision{}, &Refusal{Reason: ReasonWrongStream, Detail: key}
	}
	recipients, r := c.recipients()
	if r != nil {
		return Decision{}, r
	}
	effects, r := c.effects(key)
	if r != nil {
		return Decision{}, r
	}
	recipients = c.reached(recipients, effects)
	if s.Received && s.Content != c.Content {
		return Decision{}, &Refusal{Reason: ReasonOtherContent, Earlier: s.Address}
	}
	hop := c.hop()
	if !s.Received {
		return Decision{Outcome: OutcomeRecord, Events: []events.New{{Name: NameReceived, Data: Received{
			Document: key, Business: c.Business, Sender: c.Sender.Org, SenderCode: c.Sender.Code, SenderNode: c.Sender.Node,
			Content: c.Content, Assurance: c.Assurance, Priority: c.Priority, Recipients: recipients, Effects: effects,
			Judged: c.AsOf(), Peer: hop,
		}, Facts: c.Facts}}}, nil
	}
	unserved, r := s.unserved(recipients, c.Failed)
	if r != nil {
		return Decision{}, r
	}
	if len(unserved) == 0 {
		return Decision{Outcome: OutcomeEarlier, Earlier: s.Address}, nil
	}
	return Decision{Outcome: OutcomeResend, Earlier: s.Address, Events: []events.New{{Name: NameResent, Data: Resent{
		Document: key, Assurance: c.Assurance, Recipients: unserved, Judged: c.AsOf(), Peer: hop,
	}, Facts: c.Facts}}}, nil
}

func (c Receive) hop() *PeerHop {
	if c.Peer == nil {
		return nil
	}
	h := c.Peer.Hop
	h.Received = h.Received.UTC()
	return &h
}

// check judges everything that does not depend on recipients.
func (c Receive) check(key string) *Refusal {
	switch {
	case c.Secrecy != "":
		return &Refusal{Reason: ReasonSecret, Detail: c.SecrecyPath}
	case c.DocumentID == "" || c.Sender.Code == "" || c.Package.IsZero() || c.Content.IsZero() || c.At.IsZero():
		return &Refusal{Reason: ReasonIncomplete}
	case c.Peer != nil && (c.Peer.Hop.Origin == "" || c.Peer.Hop.Received.IsZero()):
		return &Refusal{Reason: ReasonIncomplete, Detail: "peer"}
	case c.Business < 0 || c.Business > 3:
		return &Refusal{Reason: ReasonBusiness}
	}
	if r := from(c.Sender, c.Peer); r != nil {
		return r
	}
	if r := assured(c.Assurance, c.Required); r != nil {
		return r
	}
	if c.Promulgated == "" {
		return nil
	}
	day, err := time.ParseInLocation(time.DateOnly, c.Promulgated, vietnam)
	if err != nil {
		return &Refusal{Reason: ReasonDate, Detail: c.Promulgated}
	}
	if day.After(c.AsOf()) {
		return &Refusal{Reason: ReasonFutureDate, Detail: c.Promulgated}
	}
	return nil
}

// recipients gives every organisation once, in the order first named. All that cannot be served are named together.
func (c Receive) recipients() ([]Recipient, *Refusal) {
	var out []Recipient
	var unknown, closed []string
	index := make(map[string]int, len(c.Recipients))
	here := 0
	for _, p := range c.Recipients {
		ours := c.ours(p)
		switch {
		case ours && !p.Known, ours && c.Peer != nil && p.Node != "":
			unknown = once(unknown, p.Code)
			continue
		case ours && p.Closed:
			closed = once(closed, p.Code)
			continue
		}
		if ours {
			here++
		}
		r := recipient(p, !ours)
		i, ok := index[r.Org]
		if !ok {
			index[r.Org] = len(out)
			out = append(out, r)
			continue
		}
		out[i].Codes = once(out[i].Codes, p.Code)
		if ours && out[i].Elsewhere {
			out[i].Elsewhere, out[i].Node, out[i].Via = false, r.Node, r.Via
		}
	}
	switch {
	case len(unknown) > 0:
		return nil, &Refusal{Reason: ReasonRecipientsUnknown, Codes: append(unknown, closed...)}
	case len(closed) > 0:
		return nil, &Refusal{Reason: ReasonRecipientsClosed, Codes: closed}
	case here == 0 && (c.Peer == nil || len(c.Effects) == 0):
		// A peer also hands over what recalls, updates or replaces a document that is held here, though it names nobody here.
		return nil, &Refusal{Reason: ReasonNoRecipients}
	}
	return out, nil
}

// ours says whether this node answers for the recipient: for every one of a document handed in here; of one from a peer, for
// those it hands over.
func (c Receive) ours(p Party) bool {
	switch {
	case c.Peer == nil:
		return true
	case len(c.Peer.Handed) > 0:
		return slices.Contains(c.Peer.Handed, p.Code)
	}
	return p.Known && p.Node == "" && !p.Closed
}

func recipient(p Party, elsewhere bool) Recipient {
	r := Recipient{Org: p.Org, Codes: []string{p.Code}, Via: p.Via, Node: p.Node, Elsewhere: elsewhere}
	if !p.Known || r.Org == "" {
		// Another node knows it; here the code stands for it.
		r.Org, r.Via, r.Node = p.Code, nil, ""
	}
	return r
}

func once(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// reached gives the recipients named and those whom the effects reach besides: added ones, and those who hold what is
// recalled, replaced or changed in content, but for those an update takes it from.
func (c Receive) reached(named []Recipient, effects []EffectOn) []Recipient {
	out := named
	for i, e := range effects {
		out = State{Recipients: out}.with(e.Added)
		for _, r := range c.Effects[i].Held {
			switch {
			case e.Kind == EffectUpdate && !e.Content, slices.Contains(e.Removed, r.Org),
				len(e.Recipients) > 0 && !slices.Contains(e.Recipients, r.Org):
			default:
				out = State{Recipients: out}.with([]Recipient{r})
			}
		}
	}
	return out
}

// kinds of effects by business type.
var kinds = map[int]EffectKind{1: EffectRecall, 2: EffectUpdate, 3: EffectReplace}

// effects gives what the document does to earlier ones. Whether they are known here does not matter.
func (c Receive) effects(key string) ([]EffectOn, *Refusal) {
	var out []EffectOn
	var unknown []string
	for _, q := range c.Effects {
		switch {
		case q.Kind != kinds[c.Business] || q.Kind == "":
			return nil, &Refusal{Reason: ReasonBusiness, Detail: string(q.Kind)}
		case q.Document == "":
			return nil, &Refusal{Reason: ReasonIncomplete, Detail: string(q.Kind)}
		case q.Document == key:
			return nil, &Refusal{Reason: ReasonOwnDocument}
		case q.Owner.Code != "" && !(q.Owner.Known && owns(c.Sender, q.Owner.Org)):
			return nil, &Refusal{Reason: ReasonNotOwner, Codes: []string{q.Owner.Code}}
		}
		e := EffectOn{Kind: q.Kind, Document: q.Document, Content: q.Content}
		e.Recipients, unknown = c.concerned(q.Recipients, unknown)
		e.Removed, unknown = c.concerned(q.Removed, unknown)
		for _, p := range q.Added {
			if c.Peer == nil && (!p.Known || p.Closed) {
				unknown = once(unknown, p.Code)
				continue
			}
			r := recipient(p, c.Peer != nil && !c.ours(p))
			if !slices.ContainsFunc(e.Added, func(x Recipient) bool { return x.Org == r.Org }) {
				e.Added = append(e.Added, r)
			}
		}
		out = append(out, e)
	}
	if len(unknown) > 0 {
		return nil, &Refusal{Reason: ReasonRecipientsUnknown, Codes: unknown}
	}
	return out, nil
}

// concerned gives identities, each once. What a peer's document says of organisations unknown here is kept by code, so that a
// list never becomes empty, which would mean everybody.
func (c Receive) concerned(parties []Party, unknown []string) (orgs, stillUnknown []string) {
	for _, p := range parties {
		switch {
		case p.Known:
			orgs = once(orgs, p.Org)
		case c.Peer != nil:
			orgs = once(orgs, p.Code)
		default:
			unknown = once(unknown, p.Code)
		}
	}
	return orgs, unknown
}

// owns says whether the party is the organisation or succeeds it.
func owns(p Party, org string) bool {
	return org != "" && (p.Org == org || slices.Contains(p.Identities, org))
}

// unserved gives those of the recipients that the document has not reached: not named before, or failed. The sender has taken it
// back from some: naming one of those anew is refused, because two contrary wishes of the sender would stand.
func (s State) unserved(recipients []Recipient, failed []string) ([]Recipient, *Refusal) {
	served := make(map[string]bool, len(s.Recipients))
	for _, r := range s.Recipients {
		served[r.Org] = !r.Elsewhere
	}
	var out []Recipient
	var recalled []string
	for _, r := range recipients {
		if r.Elsewhere || served[r.Org] && !slices.Contains(failed, r.Org) {
			continue
		}
		if _, back := s.Recalled(r.Org); back {
			if !served[r.Org] {
				recalled = append(recalled, r.Codes...)
			}
			continue
		}
		out = append(out, r)
	}
	if len(recalled) > 0 {
		return nil, &Refusal{Reason: ReasonRecalled, Codes: recalled, Earlier: s.Address}
	}
	return out, nil
}
