package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

const (
	listDefault = 100
	listMost    = 500
	takeMost    = 100
	takePage    = 200             // candidates looked at in one go
	takeAtOnce  = 16              // decisions in flight of one take, so that the store can commit them together
	leaseLook   = 5 * time.Second // how often a waiting take looks for leases that have ended, which no event says
)

// Mailbox lists open entries in order of offer, after the cursor; with Wait it waits for one.
func (n *Node) Mailbox(ctx context.Context, c Caller, q MailboxRequest) (view.Page[view.MailboxEntry], error) {
	var page view.Page[view.MailboxEntry]
	orgs, err := n.mailboxes(c, q.Org)
	if err != nil {
		return page, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = listDefault
	}
	limit = min(limit, listMost)
	err = n.poll(ctx, orgs, q.Wait, 0, func() (bool, error) {
		page, err = n.list(ctx, orgs, q.Kind, q.After, limit)
		return len(page.Rows) > 0, err
	})
	return page, err
}

// mailboxes are the identities whose entries are meant: those the caller stands for, or the one it names.
func (n *Node) mailboxes(c Caller, code string) ([]string, error) {
	if c.Kind != KindAgency || len(c.Orgs) == 0 {
		return nil, Refuse(CodeForbidden)
	}
	if code == "" {
		return c.Orgs, nil
	}
	org := code
	if r := n.Snapshot().Directory.Resolve(normalCode(code), n.Now()); r.Direct != "" {
		org = r.Direct
	}
	if !slices.Contains(c.Orgs, org) {
		return nil, Refuse(CodeNotFound)
	}
	return []string{org}, nil
}

// list merges the mailboxes of an organisation and those it succeeds.
func (n *Node) list(ctx context.Context, orgs []string, kind string, after uint64, limit int) (view.Page[view.MailboxEntry], error) {
	var out view.Page[view.MailboxEntry]
	for _, org := range orgs {
		page, err := n.c.Views.Mailbox(ctx, view.MailboxQuery{Org: org, Kind: kind, After: after, Limit: limit})
		if err != nil {
			return out, fmt.Errorf("couldn't list mailbox: %w", err)
		}
		out.Rows = append(out.Rows, page.Rows...)
		out.Next = cmp.Or(out.Next, page.Next)
		out.AsOf = page.AsOf
	}
	out.Total = -1
	if len(orgs) > 1 {
		slices.SortFunc(out.Rows, func(a, b view.MailboxEntry) int { return cmp.Compare(a.Seq, b.Seq) })
		if len(out.Rows) > limit {
			out.Rows = out.Rows[:limit]
			out.Next = "more"
		}
	}
	if out.Next != "" {
		out.Next = strconv.FormatUint(out.Rows[len(out.Rows)-1].Seq, 10)
	}
	return out, nil
}

// poll asks until there is something or the time is over. The view lags the log by moments, so a waiter first lets it
// reach the log as it was on arrival: everything later rings the bell.
func (n *Node) poll(ctx context.Context, orgs []string, wait, look time.Duration, ask func() (bool, error)) error {
	wait = min(wait, n.l.LongPoll)
	if wait <= 0 {
		_, err := ask()
		return err
	}
	select {
	case n.waiters <- struct{}{}:
		defer func() { <-n.waiters }()
	default:
		return Refuse(CodeBusy)
	}
	end := time.NewTimer(wait)
	defer end.Stop()
	w := n.offers.enter(orgs)
	defer n.offers.leave(w)
	size := n.c.Store.Head().Size
	var again <-chan time.Time
	if look > 0 {
		t := time.NewTicker(look)
		defer t.Stop()
		again = t.C
	}
	for {
		if n.draining.Load() {
			return Refuse(CodeDraining)
		}
		if err := n.viewsReach(ctx, size, wait); err != nil {
			return err
		}
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-w.bell:
			size = n.offers.seen(w)
		case <-again:
		case <-end.C:
			return nil
		case <-n.drained:
			return Refuse(CodeDraining)
		case <-ctx.Done():
			return Refuse(CodeCutShort).Because(ctx.Err())
		}
	}
}

func (n *Node) viewsReach(ctx context.Context, size uint64, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := n.c.Views.WaitFor(ctx, size); err != nil {
		if ctx.Err() != nil {
			return nil // the question is then answered from what the view has
		}
		return fmt.Errorf("couldn't wait for the views: %w", err)
	}
	return nil
}

// Take hands out open entries under a lease. Parallel takers get different ones: each entry is decided on its own stream,
// and whoever comes second is told that it is leased. An empty answer means there is nothing to take.
func (n *Node) Take(ctx context.Context, c Caller, q TakeRequest) ([]view.MailboxEntry, error) {
	orgs, err := n.mailboxes(c, q.Org)
	if err != nil {
		return nil, err
	}
	if n.draining.Load() {
		return nil, Refuse(CodeDraining)
	}
	if q.Max <= 0 {
		q.Max = 1
	}
	q.Max = min(q.Max, takeMost)
	if q.Lease <= 0 {
		q.Lease = cmp.Or(time.Duration(n.Snapshot().Policy.Policy.Delivery.LeaseSeconds)*time.Second, n.l.Lease)
	}
	q.Lease = min(q.Lease, n.l.LongestLease)
	var taken []view.MailboxEntry
	err = n.poll(ctx, orgs, q.Wait, leaseLook, func() (bool, error) {
		taken, err = n.takeOnce(ctx, c, orgs, q)
		return len(taken) > 0, err
	})
	n.metrics.taken.Add(float64(len(taken)))
	return taken, err
}

func (n *Node) takeOnce(ctx context.Context, c Caller, orgs []string, q TakeRequest) ([]view.MailboxEntry, error) {
	var taken []view.MailboxEntry
	for after := uint64(0); len(taken) < q.Max; {
		page, err := n.list(ctx, orgs, q.Kind, after, takePage)
		if err != nil {
			return nil, err
		}
		rows := page.Rows
		for len(rows) > 0 && len(taken) < q.Max {
			var batch []view.MailboxEntry
			batch, rows = n.candidates(c, q, rows, min(q.Max-len(taken), takeAtOnce))
			got, err := n.takeBatch(ctx, c, q, batch)
			if err != nil {
				return nil, err
			}
			taken = append(taken, got...)
		}
		if page.Next == "" || len(page.Rows) == 0 {
			break
		}
		after = page.Rows[len(page.Rows)-1].Seq
	}
	return taken, nil
}

// candidates cuts the next entries worth deciding off a list: not those whose lease the view knows to run (but for a named
// request, which may be this caller's own), and not those that another take is deciding at this moment.
func (n *Node) candidates(c Caller, q TakeRequest, rows []view.MailboxEntry, most int) (batch, rest []view.MailboxEntry) {
	now := n.Now()
	for i, e := range rows {
		if len(batch) == most {
			return batch, rows[i:]
		}
		mine := q.Request != "" && e.TakenBy == c.Client
		if e.State == view.StateTaken && now.Before(e.LeaseUntil) && !mine {
			continue
		}
		if _, busy := n.taking.LoadOrStore(e.ID, true); !busy {
			batch = append(batch, e)
		}
	}
	return batch, nil
}

func (n *Node) takeBatch(ctx context.Context, c Caller, q TakeRequest, batch []view.MailboxEntry) ([]view.MailboxEntry, error) {
	errs := make([]error, len(batch))
	ok := make([]bool, len(batch))
	var wg sync.WaitGroup
	for i := range batch {
		wg.Go(func() {
			defer n.taking.Delete(batch[i].ID)
			ok[i], errs[i] = n.take(ctx, c, q, &batch[i])
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var out []view.MailboxEntry
	for i := range batch {
		if ok[i] {
			out = append(out, batch[i])
		}
	}
	return out, nil
}

// take decides one entry and updates its row. false means that it is not to be had: leased, withdrawn, acknowledged.
func (n *Node) take(ctx context.Context, c Caller, q TakeRequest, e *view.MailboxEntry) (bool, error) {
	var request *events.Digest
	if q.Request != "" {
		d := events.Digest(sha256.Sum256([]byte(c.Client + "\n" + q.Request)))
		request = &d
	}
	var decision delivery.Decision
	snap := n.Snapshot()
	_, _, err := n.Record(ctx, Step{
		Stream: delivery.StreamPrefix + e.ID, Actor: e.Org, Client: c.Client, Basis: &snap.Basis,
		Decide: func(history []events.Event) ([]events.New, error) {
			s, err := foldAll(history, delivery.Fold)
			if err != nil {
				return nil, err
			}
			decision, err = DecideTake(snap.Directory, c, s, delivery.Take{At: n.Now(), Client: c.Client, Lease: q.Lease, Request: request})
			return decision.Events, err
		},
	})
	var refused *delivery.Refusal
	switch {
	case errors.As(err, &refused):
		return false, nil
	case err != nil:
		return false, err
	}
	e.State, e.TakenBy, e.LeaseUntil = view.StateTaken, c.Client, decision.Until
	return true, nil
}

// DecideTake judges a taking by a caller at the door: it must stand for the recipient.
func DecideTake(d directory.State, c Caller, s delivery.State, t delivery.Take) (delivery.Decision, error) {
	if !mayEmpty(d, c, s.Offer.Org, t.At) {
		return delivery.Decision{}, Refuse(CodeForbidden)
	}
	return delivery.DecideTake(s, t)
}

// DecideAcknowledge judges an acknowledgement likewise.
func DecideAcknowledge(d directory.State, c Caller, s delivery.State, at time.Time) (delivery.Decision, error) {
	if s.Phase == delivery.PhaseNone || s.Offer.Node != "" || !mayEmpty(d, c, s.Offer.Org, at) {
		return delivery.Decision{}, Refuse(CodeNotFound)
	}
	return delivery.DecideAcknowledge(s, delivery.Acknowledge{Client: c.Client})
}

// Acknowledged is the answer to an acknowledgement.
type Acknowledged struct {
	ID       string
	Position uint64 // of delivery.acknowledged
	At       time.Time
	Receipt  []byte // the node's proof that it has recorded the acknowledgement
}

// Acknowledge ends an entry: the recipient has it. Repeating it is answered like the first time.
func (n *Node) Acknowledge(ctx context.Context, c Caller, id string) (Acknowledged, error) {
	if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
		return Acknowledged{}, Refuse(CodeNotFound)
	}
	if c.Kind != KindAgency {
		return Acknowledged{}, Refuse(CodeForbidden)
	}
	stream := delivery.StreamPrefix + id
	s, err := n.others.Delivery(ctx, stream)
	if err != nil {
		return Acknowledged{}, err
	}
	if s.Phase == delivery.PhaseNone || s.Offer.Node != "" || !slices.Contains(c.Orgs, s.Offer.Org) {
		return Acknowledged{}, Refuse(CodeNotFound)
	}
	var decision delivery.Decision
	snap := n.Snapshot()
	sealed, recorded, err := n.Record(ctx, Step{
		Stream: stream, Actor: s.Offer.Org, Client: c.Client, Basis: &snap.Basis,
		Decide: func(history []events.Event) ([]events.New, error) {
			s, err := foldAll(history, delivery.Fold)
			if err != nil {
				return nil, err
			}
			decision, err = DecideAcknowledge(snap.Directory, c, s, n.Now())
			return decision.Events, err
		},
	})
	if err != nil {
		return Acknowledged{}, refuseDelivery(err)
	}
	if !recorded {
		acc, e, err := n.earlier(ctx, decision.Earlier.Position)
		return Acknowledged{ID: id, Position: acc.Position, At: e.Statement.Time, Receipt: acc.Receipt}, err
	}
	receipt, err := n.receipt(sealed, 0)
	return Acknowledged{ID: id, Position: sealed.Events[0].Position, At: sealed.Events[0].Statement.Time, Receipt: receipt}, err
}

func refuseDelivery(err error) error {
	var r *delivery.Refusal
	if !errors.As(err, &r) {
		return err
	}
	switch r.Reason {
	case delivery.ReasonUnknown, delivery.ReasonElsewhere:
		return Refuse(CodeNotFound).Because(err)
	}
	return Refuse(CodeDeliveryState).With(string(r.Reason)).Because(err)
}
