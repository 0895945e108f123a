package projections

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/refusal"
)

// Names of counters. Those of registers have the organisation after them.
const (
	countEvents     = "events"
	countDocuments  = "documents"
	countResent     = "resent"
	countStatuses   = "statuses"
	countOffered    = "offered"
	countDeliveries = "deliveries" // documents acknowledged by their recipients: (document, recipient) pairs
	countForwarded  = "forwarded"
	countFailed     = "failed"
	countWithdrawn  = "withdrawn"
	countRefused    = "refused"
	countRefusedBy  = "refused:"
	countOutgoing   = "out:"
	countIncoming   = "in:"
)

// add folds one event into the transaction in progress. Nothing is written before flush. After an error the batch must be
// dropped.
func (b *batch) add(ctx context.Context, e *decoded) error {
	b.count(countEvents, 1)
	b.at = e.Statement.Time
	var err error
	switch data := e.data.(type) {
	case *document.Received:
		err = b.received(ctx, e, data)
	case *document.Resent:
		err = b.resent(ctx, e, data)
	case *document.StatusReported:
		err = b.statusReported(ctx, e, data)
	case *document.Recalled:
		err = b.affected(ctx, e, markRecalled, data.By, data.Recipients)
	case *document.Updated:
		err = b.affected(ctx, e, markUpdated, data.By, nil)
	case *document.Replaced:
		err = b.affected(ctx, e, markReplaced, data.By, data.Recipients)
	case *delivery.Offered:
		err = b.offered(ctx, e, data)
	case *destruction.Decided:
		err = b.destructionDecided(ctx, e, data)
	case *destruction.Executed:
		err = b.destructionExecuted(ctx, e, data)
	case *readingEvent:
		err = b.opened(e, data)
	case *officeEvent:
		err = b.acted(ctx, e, data)
	case *refusal.Recorded:
		b.count(countRefused, 1)
		b.count(countRefusedBy+data.Code, 1)
	case nil:
		if e.Statement.Stream == directory.Stream {
			err = b.directoryEvent(ctx, e)
		}
	default:
		err = b.delivered(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("couldn't fold event %d (%s): %w", e.Position, e.Statement.Name, err)
	}
	return nil
}

// line begins a line of history for the event.
func (b *batch) line(e *decoded) entry {
	s := &e.Statement
	l := entry{
		position: e.Position, at: micros(s.Time), name: b.id(s.Name), actor: b.id(s.Actor), client: b.id(s.Client),
	}
	if s.Package != nil {
		d := key(s.Package.SHA256)
		l.pkg = &d
	}
	return l
}

func (b *batch) with(l *entry, name, value string) {
	if value != "" {
		l.detail = append(l.detail, detail{name: b.id(name), value: value})
	}
}

func (b *batch) received(ctx context.Context, e *decoded, data *document.Received) error {
	d, err := b.documentFor(ctx, e)
	if err != nil {
		return err
	}
	if d.received != 0 || d.org != 0 {
		return fmt.Errorf("document was received at %d already", d.received)
	}
	pkg := e.Statement.Package
	if pkg == nil {
		return fmt.Errorf("event names no package")
	}
	d.org = b.id(data.Sender)
	d.received, d.at = e.Position, micros(e.Statement.Time)
	d.pkg, d.size = pkg.SHA256, pkg.Length
	if e.Statement.Evidence != nil {
		d.evidence = *e.Statement.Evidence
	}
	d.assurance, d.client, d.senderNode = b.id(data.Assurance), b.id(e.Statement.Client), b.id(data.SenderNode)
	d.business, d.priority, d.destroyed = uint8(data.Business), uint8(data.Priority), e.Destroyed
	d.number, d.typ, d.date = e.search.number, e.search.typ, e.search.date
	for i := range data.Recipients {
		d.addReader(b.id(data.Recipients[i].Org))
	}
	tokens := appendOrg(e.search.tokens, signSender, data.Sender)
	for _, r := range d.readers {
		tokens = appendOrg(tokens, signRecipient, b.texts(r))
	}
	b.papers = append(b.papers, paperRow{id: e.Position, data: e.Statement.Data, facts: e.Facts})
	b.index(e.Position, d, tokens)
	b.package_(e, kindDocument, d.id)

	l := b.line(e)
	l.open = true
	b.with(&l, "assurance", data.Assurance)
	b.with(&l, "recipients", strconv.Itoa(len(data.Recipients)))
	if data.Business != 0 {
		b.with(&l, "business", strconv.Itoa(data.Business))
	}
	b.hop(&l, data.Peer)
	b.history(d, &l)
	b.count(countDocuments, 1)
	b.count(countOutgoing+data.Sender, 1)
	return nil
}

func (b *batch) hop(l *entry, hop *document.PeerHop) {
	if hop == nil {
		return
	}
	b.with(l, "peer", hop.Origin)
	b.with(l, "peer_position", strconv.FormatUint(hop.Position, 10))
}

func (b *batch) resent(ctx context.Context, e *decoded, data *document.Resent) error {
	d, err := b.documentFor(ctx, e)
	if err != nil {
		return err
	}
	if d.org == 0 {
		return fmt.Errorf("document was never received")
	}
	tokens := appendOrg(e.search.tokens, signLate, b.texts(d.org))
	found := false
	for i := range data.Recipients {
		if d.addReader(b.id(data.Recipients[i].Org)) {
			tokens = appendOrg(tokens, signRecipient, data.Recipients[i].Org)
			found = true
		}
	}
	b.papers = append(b.papers, paperRow{id: e.Position, data: e.Statement.Data, facts: e.Facts})
	if found {
		b.index(e.Position, d, tokens)
	} else {
		b.lates = append(b.lates, lateRow{id: e.Position, doc: d.id}) // its words are those of the document
	}
	b.package_(e, kindDocument, d.id)
	l := b.line(e)
	l.open = true
	b.with(&l, "assurance", data.Assurance)
	b.with(&l, "recipients", strconv.Itoa(len(data.Recipients)))
	b.hop(&l, data.Peer)
	b.history(d, &l)
	b.count(countResent, 1)
	return nil
}

func (b *batch) statusReported(ctx context.Context, e *decoded, data *document.StatusReported) error {
	d, err := b.documentFor(ctx, e)
	if err != nil {
		return err
	}
	d.lastStatus = b.id(data.Code)
	l := b.line(e)
	l.org, l.other, l.code = b.id(data.Reporter), b.id(data.About), b.id(data.Code)
	l.open = data.About == "" // asked back from all recipients
	b.with(&l, "timestamp", data.Timestamp)
	b.with(&l, "assurance", data.Assurance)
	b.hop(&l, data.Peer)
	b.history(d, &l)

	row := statusRow{doc: d.id, id: e.Position, data: e.Statement.Data, facts: e.Facts}
	row.body = putTime(row.body, l.at)
	if l.pkg != nil {
		row.body = append(row.body, l.pkg[:]...)
	}
	b.statuses = append(b.statuses, row)
	b.package_(e, kindStatus, d.id)
	b.count(countStatuses, 1)
	if err := b.followStatus(ctx, e, d, data.Reporter, data.Code); err != nil {
		return err
	}

	k, err := parseKey(delivery.Key(e.Statement.Stream, delivery.ItemDocument, data.Reporter))
	if err != nil {
		return err
	}
	v, err := b.delivery(ctx, k)
	if err != nil || v == nil {
		return err
	}
	v.status, v.statusAt = l.code, l.at
	b.touch(v)
	if data.Code == "15" || data.Code == "16" {
		return b.answered(ctx, d, data.Reporter, data.Code == "15")
	}
	return nil
}

// affected folds what a later document, or a request to take it back, did to this one.
func (b *batch) affected(ctx context.Context, e *decoded, mark uint8, by string, recipients []string) error {
	d, err := b.documentFor(ctx, e)
	if err != nil {
		return err
	}
	if mark != markRecalled || len(recipients) == 0 {
		d.marks |= mark
	}
	if mark == markReplaced {
		if d.replacedBy, err = parseKey(by); err != nil {
			return err
		}
	}
	l := b.line(e)
	l.open = len(recipients) == 0
	b.with(&l, "by", by)
	if len(recipients) == 1 {
		l.org = b.id(recipients[0])
	}
	b.with(&l, "for", strings.Join(recipients, " "))
	b.history(d, &l)
	return nil
}

func (b *batch) offered(ctx context.Context, e *decoded, data *delivery.Offered) error {
	k, err := parseKey(strings.TrimPrefix(data.Item, document.StreamPrefix))
	if err != nil {
		return err
	}
	d, err := b.document(ctx, k)
	if err != nil {
		return err
	}
	if d == nil {
		return fmt.Errorf("delivery of an unknown document %s", data.Item)
	}
	var v *deliveryState
	if e.Statement.Version > 0 { // offered again
		if v, err = b.delivery(ctx, e.key); err != nil {
			return err
		}
		if v == nil {
			return fmt.Errorf("delivery is not in views.db, and this is version %d of its stream", e.Statement.Version)
		}
	}
	at := micros(e.Statement.Time)
	if v == nil {
		v = &deliveryState{id: e.Position, key: e.key, doc: d.id, org: b.id(data.Org), sender: b.id(data.From), offered: at, isNew: true}
		v.peer, v.priority = b.id(data.Node), uint8(data.Priority)
		if data.ItemID != delivery.ItemDocument {
			v.kind = kindStatus
		}
		if c := e.Statement.Cause; c != nil && c.Origin == e.Statement.Origin {
			v.cause = c.Position
		}
		b.cache.deliveries.put(v.key, v)
		b.count(countOffered, 1)
		if v.kind == kindDocument {
			b.count(countIncoming+data.Org, 1)
			if err := b.lateReader(ctx, e, d, v.org); err != nil {
				return err
			}
			if err := b.arrived(ctx, d, v); err != nil {
				return err
			}
		}
	}
	v.peer = b.id(data.Node)
	v.pkg, v.size, v.priority, v.assurance = data.Package, data.Size, uint8(data.Priority), b.id(data.Assurance)
	v.latest = at
	to := stateWaiting
	if v.peer != 0 {
		to = stateQueued
	}
	b.move(d, v, to, at)
	l := b.deliveryLine(e, v)
	b.with(&l, "node", data.Node)
	b.history(d, &l)
	return b.followUp(ctx, d)
}

// lateReader makes a document findable for a recipient that it did not name when it came in.
func (b *batch) lateReader(ctx context.Context, e *decoded, d *docState, org uint32) error {
	if !d.addReader(org) || d.received == 0 && d.org == 0 {
		return nil
	}
	s, err := b.searchable(ctx, d)
	if err != nil {
		return err
	}
	tokens := appendOrg(s.tokens, signLate, b.texts(d.org))
	b.index(e.Position, d, appendOrg(tokens, signRecipient, b.texts(org)))
	return nil
}

// delivered folds everything that follows an offer.
func (b *batch) delivered(ctx context.Context, e *decoded) error {
	v, err := b.delivery(ctx, e.key)
	if err != nil {
		return err
	}
	if v == nil {
		return fmt.Errorf("delivery was never offered")
	}
	d, err := b.documentByID(ctx, v.doc)
	if err != nil {
		return err
	}
	at := micros(e.Statement.Time)
	l := b.deliveryLine(e, v)
	switch data := e.data.(type) {
	case *delivery.Taken:
		v.client, v.until = b.id(data.Client), micros(data.Until)
		b.with(&l, "client", data.Client)
		b.with(&l, "until", data.Until.UTC().Format("2006-01-02T15:04:05Z"))
		b.move(d, v, stateTaken, at)
	case *delivery.Acknowledged:
		v.acked, v.ackedAt = b.id(data.Client), at
		b.with(&l, "client", data.Client)
		b.move(d, v, stateAcknowledged, at)
		if v.kind == kindDocument {
			b.count(countDeliveries, 1)
		}
	case *delivery.Withdrawn:
		b.with(&l, "by", data.By)
		b.move(d, v, stateWithdrawn, at)
		b.count(countWithdrawn, 1)
		if v.kind == kindDocument {
			b.count(countIncoming+b.texts(v.org), -1)
		}
		if err := b.takenBack(ctx, e, d, v, false); err != nil {
			return err
		}
	case *delivery.Marked:
		b.with(&l, "mark", string(data.Mark))
		b.with(&l, "by", data.By)
		bit := slices.Index(markNames[:], string(data.Mark))
		if bit < 0 {
			return fmt.Errorf("unknown mark %q", data.Mark)
		}
		v.marks |= 1 << bit
		if data.Mark == delivery.MarkRecalled {
			if err := b.takenBack(ctx, e, d, v, true); err != nil {
				return err
			}
		}
	case *delivery.Forwarded:
		b.with(&l, "node", data.Node)
		b.with(&l, "position", strconv.FormatUint(data.Position, 10))
		b.with(&l, "receipt", data.Receipt.String())
		b.move(d, v, stateForwarded, at)
		b.count(countForwarded, 1)
	case *delivery.Retrying:
		v.reason, v.attempts = b.id(data.Reason), uint64(data.Attempts)
		b.with(&l, "reason", data.Reason)
		b.with(&l, "attempts", strconv.Itoa(data.Attempts))
		b.move(d, v, stateRetrying, at)
	case *delivery.Failed:
		v.reason, v.attempts = b.id(data.Reason), uint64(data.Attempts)
		b.with(&l, "reason", data.Reason)
		b.with(&l, "attempts", strconv.Itoa(data.Attempts))
		b.move(d, v, stateFailed, at)
		b.count(countFailed, 1)
	default:
		return fmt.Errorf("no view knows %T", e.data)
	}
	b.touch(v)
	b.history(d, &l)
	return b.followUp(ctx, d)
}

func (b *batch) deliveryLine(e *decoded, v *deliveryState) entry {
	l := b.line(e)
	l.org, l.other = v.org, v.sender
	if v.kind == kindStatus {
		b.with(&l, "item", "status")
	}
	return l
}

// move changes the state of a delivery and what the document counts.
func (b *batch) move(d *docState, v *deliveryState, to state, at int64) {
	if v.kind == kindDocument {
		if v.state != stateNone {
			d.counts[v.state]--
		}
		d.counts[to]++
		b.touchDoc(d)
	}
	if v.state != to {
		v.since = at
	}
	if to != stateRetrying && to != stateFailed {
		v.reason = 0 // it has been got over
	}
	v.state = to
	b.touch(v)
}

func parseKey(s string) (k key, err error) {
	if len(s) != 2*len(k) {
		return k, fmt.Errorf("couldn't read key %q: %d characters, expected %d", s, len(s), 2*len(k))
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return k, fmt.Errorf("couldn't read key %q: %w", s, err)
	}
	return k, nil
}

// package_ makes the package of the event findable by its digest.
func (b *batch) package_(e *decoded, kind uint8, doc uint64) {
	if p := e.Statement.Package; p != nil {
		b.packages = append(b.packages, packageRow{id: e.Position, sha256: events.Digest(p.SHA256), doc: doc, kind: kind})
	}
}
