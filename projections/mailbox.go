package projections

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

// Mailbox gives entries of one recipient of this node in order of their offers. Who may ask is the gateway's affair:
// q.Org must be an organisation the caller acts for. A delivery given up as failed still waits for its recipient here.
func (v *Views) Mailbox(ctx context.Context, mq view.MailboxQuery) (page view.Page[view.MailboxEntry], err error) {
	err = v.ask(ctx, func(q *question) error {
		page, err = q.mailbox(ctx, mq)
		return err
	})
	if err != nil {
		return view.Page[view.MailboxEntry]{}, err
	}
	return page, nil
}

func (q *question) mailbox(ctx context.Context, mq view.MailboxQuery) (view.Page[view.MailboxEntry], error) {
	page := view.Page[view.MailboxEntry]{AsOf: q.position}
	org, ok := q.dict.find(mq.Org)
	if !ok || org == 0 {
		return page, nil
	}
	index, where, args := "delivery_open", "org = ? AND peer = 0 AND (state = 1 OR state = 2 OR state = 5)", []any{org}
	switch mq.State {
	case "":
	case view.StateWaiting:
		where += " AND state IN (1, 5)"
	case view.StateTaken:
		where += " AND state = 2"
	case view.StateAcknowledged:
		index, where = "delivery_org", "org = ? AND peer = 0 AND state = 6"
	case view.StateWithdrawn:
		index, where = "delivery_org", "org = ? AND peer = 0 AND state = 8"
	default:
		return page, fmt.Errorf("couldn't read state %q: %w", mq.State, view.ErrQuery)
	}
	switch mq.Kind {
	case "":
	case "document":
		where += " AND kind = 0"
	case "status":
		where += " AND kind = 1"
	default:
		return page, fmt.Errorf("couldn't read kind %q: %w", mq.Kind, view.ErrQuery)
	}
	from := " FROM delivery INDEXED BY " + index + " WHERE " + where
	if err := q.conn.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1"+from+" LIMIT ?)", append(args[:1:1], countLimit+1)...).Scan(&page.Total); err != nil {
		return page, fmt.Errorf("couldn't count mailbox: %w", err)
	}
	if page.Total > countLimit {
		page.Total = -1
	}
	limit := clamp(mq.Limit, 100)
	var found []*deliveryState
	after := int64(-1)
	if mq.After > 0 {
		after = int64(min(mq.After, 1<<62))
	}
	err := eachRow(ctx, q.conn, "SELECT "+deliveryColumns+from+" AND id > ? ORDER BY id LIMIT ?", append(args[:1:1], after, limit+1), func(rows *sql.Rows) error {
		v := &deliveryState{}
		found = append(found, v)
		return scanDelivery(rows, v)
	})
	if err != nil {
		return page, fmt.Errorf("couldn't read mailbox: %w", err)
	}
	if len(found) > limit {
		found = found[:limit]
		page.Next = strconv.FormatUint(found[limit-1].id, 10)
	}
	page.Rows = make([]view.MailboxEntry, 0, len(found))
	for _, v := range found {
		e, err := q.mailboxEntry(ctx, v)
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, e)
	}
	return page, nil
}

// MailboxEntry gives one delivery by its id (hex part of its stream), also of a recipient on another node, and in any
// state. view.ErrNotFound if there is none. Who may ask is the gateway's affair.
func (v *Views) MailboxEntry(ctx context.Context, id string) (e view.MailboxEntry, err error) {
	err = v.ask(ctx, func(q *question) error {
		k, err := parseKey(id)
		if err != nil {
			return view.ErrNotFound
		}
		var found *deliveryState
		err = eachRow(ctx, q.conn, "SELECT "+deliveryColumns+" FROM delivery WHERE k = ?", []any{prefix(&k)}, func(rows *sql.Rows) error {
			d := &deliveryState{}
			if err := scanDelivery(rows, d); err != nil {
				return err
			}
			if d.key == k {
				found = d
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("couldn't load delivery: %w", err)
		}
		if found == nil {
			return view.ErrNotFound
		}
		e, err = q.mailboxEntry(ctx, found)
		return err
	})
	if err != nil {
		return view.MailboxEntry{}, err
	}
	return e, nil
}

func (q *question) mailboxEntry(ctx context.Context, v *deliveryState) (view.MailboxEntry, error) {
	d, err := q.documentByID(ctx, v.doc)
	if err != nil {
		return view.MailboxEntry{}, err
	}
	p, err := q.paper(ctx, d)
	if err != nil {
		return view.MailboxEntry{}, err
	}
	e := view.MailboxEntry{
		ID: hex.EncodeToString(v.key[:]), Seq: v.id, Org: q.text(v.org), Kind: kindName(v.kind), Document: hex.EncodeToString(d.key[:]),
		Package: hex.EncodeToString(v.pkg[:]), Size: v.size, Number: codeOf(&p.facts), Subject: p.facts.Subject, Priority: int(v.priority),
		OfferedAt: fromMicros(v.offered), State: stateNames[v.state], LeaseUntil: fromMicros(v.until), TakenBy: q.text(v.client),
		Marks: listMarks(v.marks),
	}
	if v.state == stateFailed && v.peer == 0 {
		e.State = view.StateWaiting
	}
	if v.kind == kindDocument {
		e.From = q.sender(d, p)
	} else {
		e.From = q.party(v.sender, v.offered)
	}
	return e, nil
}

func kindName(kind uint8) string {
	if kind == kindStatus {
		return "status"
	}
	return "document"
}

// NotTaken lists documents sent by org that a recipient has not taken: waiting there, queued for another node, or failed;
// oldest first. limit 0 is 100, at most 500. view.ErrNotFound if the reader may not see the organisation's registers.
func (v *Views) NotTaken(ctx context.Context, vr view.Reader, org string, limit int) (out []view.Pending, err error) {
	err = v.ask(ctx, func(q *question) error {
		r := q.reader(vr)
		if !q.mayList(&r, org) {
			return view.ErrNotFound
		}
		n, ok := q.dict.find(org)
		if !ok {
			return nil
		}
		var found []*deliveryState
		err := eachRow(ctx, q.conn, "SELECT "+deliveryColumns+" FROM delivery INDEXED BY delivery_untaken WHERE sender = ? AND kind = 0 AND (state = 1 OR state = 3 OR state = 4 OR state = 5) ORDER BY id LIMIT ?",
			[]any{n, clamp(limit, 100)}, func(rows *sql.Rows) error {
				d := &deliveryState{}
				found = append(found, d)
				return scanDelivery(rows, d)
			})
		if err != nil {
			return fmt.Errorf("couldn't read what is not taken: %w", err)
		}
		for _, f := range found {
			p, err := q.pending(ctx, f)
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (q *question) pending(ctx context.Context, v *deliveryState) (view.Pending, error) {
	d, err := q.documentByID(ctx, v.doc)
	if err != nil {
		return view.Pending{}, err
	}
	p, err := q.paper(ctx, d)
	if err != nil {
		return view.Pending{}, err
	}
	out := view.Pending{
		Document: hex.EncodeToString(d.key[:]), Number: codeOf(&p.facts), Subject: p.facts.Subject, From: q.sender(d, p),
		To: q.party(v.org, v.offered), State: stateNames[v.state], Since: fromMicros(v.offered), Priority: int(v.priority),
	}
	for _, party := range q.recipients(d, p) {
		if party.Org == out.To.Org {
			out.To = party
			break
		}
	}
	return out, nil
}

// Outstanding lists what still has to be handed to a peer node, in order of offer, after a cursor (0: from the beginning).
// limit 0 is 100, at most 500. It is for the node itself: it asks for no reader.
func (v *Views) Outstanding(ctx context.Context, peer string, after uint64, limit int) (out []view.Outstanding, err error) {
	err = v.ask(ctx, func(q *question) error {
		n, ok := q.dict.find(peer)
		if !ok || n == 0 {
			return nil
		}
		place := int64(-1)
		if after > 0 {
			place = int64(min(after, 1<<62))
		}
		columns := "v." + strings.ReplaceAll(deliveryColumns, ", ", ", v.")
		return eachRow(ctx, q.conn, "SELECT "+columns+`, d.key FROM delivery v INDEXED BY delivery_outstanding CROSS JOIN doc d ON d.id = v.doc
			WHERE v.peer = ? AND v.peer <> 0 AND (v.state = 3 OR v.state = 4) AND v.id > ? ORDER BY v.id LIMIT ?`, []any{n, place, clamp(limit, 100)}, func(rows *sql.Rows) error {
			d := &deliveryState{}
			var k, body, doc []byte
			if err := rows.Scan(&d.id, &k, &d.doc, &d.org, &d.sender, &d.kind, &d.state, &d.marks, &d.peer, &body, &doc); err != nil {
				return err
			}
			if err := d.readBody(body); err != nil {
				return err
			}
			out = append(out, view.Outstanding{
				Seq: d.id, ID: hex.EncodeToString(k), Cause: d.cause, Document: hex.EncodeToString(doc), Kind: kindName(d.kind), Org: q.text(d.org),
				Peer: peer, Package: hex.EncodeToString(d.pkg[:]), Size: d.size, Priority: int(d.priority), OfferedAt: fromMicros(d.latest),
				Attempts: int(d.attempts), Reason: q.text(d.reason),
			})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't list outstanding deliveries: %w", err)
	}
	return out, nil
}
