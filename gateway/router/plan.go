package router

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
)

// offer is one recipient of one item: what the log says must be delivered.
type offer struct {
	delivery.Offered
	codes []string // of the recipient, as written where they were written
}

func (o offer) stream() string { return delivery.Stream(o.Item, o.ItemID, o.Org) }

// History is what the rules of delivery need to know of a document. It is never changed: Fold gives a new one.
type History struct {
	state    document.State
	received document.Received // zero while state.Received is false
	content  []uint64          // positions of updates that changed the content
}

// State is the document itself.
func (h History) State() document.State { return h.state }

// Fold gives the history after one more event of the document's stream.
func (h History) Fold(e events.Event) (History, error) {
	s, err := document.Fold(h.state, e)
	if err != nil {
		return h, err
	}
	h.state = s
	switch e.Statement.Name {
	case document.NameReceived:
		h.received = document.Received{}
		if err := decode(e, &h.received); err != nil {
			return h, err
		}
	case document.NameUpdated:
		var d document.Updated
		if err := decode(e, &d); err != nil {
			return h, err
		}
		if d.Content {
			h.content = append(slices.Clip(h.content), e.Position)
		}
	}
	return h, nil
}

// Documents reads what a document's stream said before a position of the log.
type Documents func(ctx context.Context, stream string, before uint64) (History, error)

// plan says which offers follow from an event, in the order in which recipients are named. It depends on the log
// before the event only: the same event always has the same offers. What came from a peer goes to recipients of this
// node alone; the peer sees to the others itself.
func plan(ctx context.Context, docs Documents, e events.Event) ([]offer, error) {
	s := &e.Statement
	switch s.Name {
	case document.NameReceived:
		var d document.Received
		if err := decode(e, &d); err != nil {
			return nil, err
		}
		return planReceived(ctx, docs, e, d)
	case document.NameResent:
		var d document.Resent
		if err := decode(e, &d); err != nil {
			return nil, err
		}
		h, err := docs(ctx, s.Stream, e.Position)
		if err != nil {
			return nil, err
		}
		return recipients(e, h.received, d.Recipients, d.Assurance, d.Peer != nil)
	case document.NameStatusReported:
		return planStatus(ctx, docs, e)
	}
	return nil, nil
}

// planReceived is plan for a document.received whose data is d.
func planReceived(ctx context.Context, docs Documents, e events.Event, d document.Received) ([]offer, error) {
	to := slices.Clip(d.Recipients)
	for _, f := range d.Effects {
		if len(f.Removed) == 0 {
			continue
		}
		h, err := docs(ctx, document.StreamPrefix+f.Document, e.Position)
		if err != nil {
			return nil, err
		}
		to = append(to, h.removed(f)...)
	}
	return recipients(e, d, to, d.Assurance, d.Peer != nil)
}

func recipients(e events.Event, d document.Received, to []document.Recipient, assurance string, fromPeer bool) ([]offer, error) {
	p := e.Statement.Package
	if p == nil {
		return nil, fmt.Errorf("couldn't route event %d (%s): it has no package", e.Position, e.Statement.Name)
	}
	out := make([]offer, 0, len(to))
	seen := make(map[string]bool, len(to))
	for _, r := range to {
		if r.Elsewhere || fromPeer && r.Node != "" || seen[r.Org] {
			continue
		}
		seen[r.Org] = true
		out = append(out, offer{codes: r.Codes, Offered: delivery.Offered{
			Item: e.Statement.Stream, ItemID: delivery.ItemDocument, Org: r.Org, From: d.Sender, Node: r.Node,
			Package: p.SHA256, Size: p.Length, Priority: d.Priority, Assurance: assurance,
		}})
	}
	return out, nil
}

func planStatus(ctx context.Context, docs Documents, e events.Event) ([]offer, error) {
	var d document.StatusReported
	if err := decode(e, &d); err != nil {
		return nil, err
	}
	p := e.Statement.Package
	if p == nil {
		return nil, fmt.Errorf("couldn't route event %d (%s): it has no package", e.Position, e.Statement.Name)
	}
	h, err := docs(ctx, e.Statement.Stream, e.Position)
	if err != nil {
		return nil, err
	}
	out := make([]offer, 0, len(d.To))
	seen := make(map[string]bool, len(d.To))
	for _, org := range d.To {
		node, codes, here := h.serves(org)
		if !here || d.Peer != nil && node != "" || seen[org] {
			continue
		}
		seen[org] = true
		out = append(out, offer{codes: codes, Offered: delivery.Offered{
			Item: e.Statement.Stream, ItemID: delivery.ItemStatus(p.SHA256), Org: org, From: d.Reporter, Node: node,
			Package: p.SHA256, Size: p.Length, Priority: h.received.Priority, Assurance: d.Assurance,
		}})
	}
	return out, nil
}

// removed are the recipients of the document from whom an update takes it, as far as other nodes serve them. They do not
// get the new document; but those nodes must learn of it, so it is handed over there, where it reaches no mailbox of theirs.
func (h History) removed(f document.EffectOn) []document.Recipient {
	var out []document.Recipient
	for _, r := range h.state.Recipients {
		if h.state.Received && r.Node != "" && !r.Elsewhere && slices.Contains(f.Removed, r.Org) {
			out = append(out, r)
		}
	}
	return out
}

// serves says which node serves a party of the document, and by what codes it was named; false when that is another
// node's affair.
func (h History) serves(org string) (node string, codes []string, here bool) {
	if org == h.state.Sender {
		return h.state.SenderNode, []string{h.received.SenderCode}, true
	}
	for _, r := range h.state.Recipients {
		if r.Org == org {
			return r.Node, r.Codes, !r.Elsewhere
		}
	}
	return "", nil, false
}

// lanesOf are the document streams that an event concerns: work on events that share one keeps the order of the log. It
// also gives the data of a document.received, which it had to read.
func lanesOf(e events.Event) ([]string, document.Received, error) {
	var d document.Received
	keys := []string{e.Statement.Stream}
	if e.Statement.Name != document.NameReceived {
		return keys, d, nil
	}
	if err := decode(e, &d); err != nil {
		return nil, d, err
	}
	for _, f := range d.Effects {
		keys = append(keys, document.StreamPrefix+f.Document)
	}
	return keys, d, nil
}

func decode(e events.Event, into any) error {
	if err := json.Unmarshal(e.Statement.Data, into); err != nil {
		return fmt.Errorf("couldn't read event %d (%s): %w", e.Position, e.Statement.Name, err)
	}
	return nil
}
