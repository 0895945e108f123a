package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/events/witnessing"
)

// Audit is what one auditor may see of the log, as of one call. Any right in force shows what the node says of itself: directory,
// policy, trust, keys, time-stamps, witnesses, destruction. What is about documents is seen as far as a right covers it, all of it by rights over
// every organisation that this node serves. It is for one goroutine.
type Audit struct {
	node   *Node
	caller Caller
	whole  bool                 // a right over everything
	seen   map[string]*Readable // by document; nil: may not be read
}

// Audit asks for the rights of an auditor. CodeForbidden without one in force.
func (n *Node) Audit(c Caller) (*Audit, error) {
	a := &Audit{node: n, caller: c, seen: map[string]*Readable{}}
	d, over := n.Snapshot().Directory, map[string]bool{}
	any := false
	if c.Kind == KindAuditor {
		d.Rights(c.holder, n.Now(), func(r *directory.Reading) bool {
			any = true
			if r.Document == "" {
				over[r.Org] = true
			}
			return true
		})
	}
	if !any {
		return nil, Refuse(CodeForbidden)
	}
	a.whole = coversAll(d, n.Origin(), over)
	return a, nil
}

// coversAll says whether rights over these organisations ("": every one) are rights over all that a node serves. Of a node that serves none
// they cover nothing: what it relays is of others.
func coversAll(d directory.State, origin string, over map[string]bool) bool {
	if over[""] {
		return true
	}
	all, served := true, false
	d.Organisations(func(o *directory.Organisation) bool {
		if o.Node == "" || o.Node == origin {
			served, all = true, over[o.ID]
		}
		return all
	})
	return served && all
}

// openStreams are those of what a node says of itself.
var openStreams = map[string]bool{directory.Stream: true, policy.Stream: true, timestamp.Stream: true, logbook.Stream: true, destruction.Stream: true}

// What auditors read of the log, as it is counted.
const (
	readStatement = "statement"
	readFacts     = "facts"
	readEvidence  = "evidence"
	readPackage   = "package"
	readWithheld  = "withheld"
)

func (a *Audit) read(what string) { a.node.metrics.audited.WithLabelValues(what).Inc() }

// Event says whether the statement of an event may be seen, to give it if so.
func (a *Audit) Event(ctx context.Context, e events.Event) (bool, error) {
	seen, err := a.sees(ctx, e)
	switch {
	case err != nil:
	case seen:
		a.read(readStatement)
	default:
		a.read(readWithheld)
	}
	return seen, err
}

func (a *Audit) sees(ctx context.Context, e events.Event) (bool, error) {
	stream := e.Statement.Stream
	switch {
	case a.whole, openStreams[stream], strings.HasPrefix(stream, validation.StreamPrefix), strings.HasPrefix(stream, witnessing.StreamPrefix):
		return true, nil
	case strings.HasPrefix(stream, document.StreamPrefix):
		return a.ofDocument(ctx, e, strings.TrimPrefix(stream, document.StreamPrefix))
	case strings.HasPrefix(stream, delivery.StreamPrefix):
		return a.ofDelivery(ctx, e)
	}
	return false, nil
}

func (a *Audit) ofDocument(ctx context.Context, e events.Event, key string) (bool, error) {
	r, asked := a.seen[key]
	if !asked {
		var err error
		if r, err = a.node.Readable(ctx, a.caller, key); err != nil && !errors.Is(err, Refuse(CodeNotFound)) {
			return false, err
		}
		a.seen[key] = r
	}
	return r != nil && r.Event(e), nil
}

// ofDelivery goes by the document that the delivery is of, which the first event of its stream follows from.
func (a *Audit) ofDelivery(ctx context.Context, e events.Event) (bool, error) {
	var cause *events.Address
	err := a.node.c.Store.Stream(ctx, e.Statement.Stream, 0, func(first events.Event) error {
		cause = first.Statement.Cause
		return errSeen
	})
	if err != nil && !errors.Is(err, errSeen) {
		return false, fmt.Errorf("couldn't read stream: %w", err)
	}
	if cause == nil || cause.Origin != a.node.Origin() {
		return false, nil
	}
	of, err := a.node.c.Store.Event(ctx, cause.Position)
	if err != nil {
		return false, fmt.Errorf("couldn't read event: %w", err)
	}
	key, ok := strings.CutPrefix(of.Statement.Stream, document.StreamPrefix)
	if !ok {
		return false, nil
	}
	return a.ofDocument(ctx, e, key)
}

// Facts are what an event that may be seen says besides its statement, with the salt that binds them to it. CodeNotFound if it names none or
// they were destroyed.
func (a *Audit) Facts(ctx context.Context, e events.Event) (events.Facts, error) {
	if ok, err := a.sees(ctx, e); err != nil || !ok {
		return events.Facts{}, errors.Join(err, Refuse(CodeNotFound))
	}
	f, err := a.node.c.Store.Facts(ctx, e)
	switch {
	case errors.Is(err, events.ErrNotFound):
		return f, Refuse(CodeNotFound).Because(err)
	case err != nil:
		return f, fmt.Errorf("couldn't read facts: %w", err)
	}
	a.read(readFacts)
	return f, nil
}

// Package opens the package of an event that the auditor may see. CodeNotFound if it has none or it may not be read.
func (a *Audit) Package(ctx context.Context, position uint64) (events.PackageReader, events.Event, error) {
	e, err := a.event(ctx, position)
	if err != nil || e.Statement.Package == nil {
		return nil, e, errors.Join(err, Refuse(CodeNotFound))
	}
	p, err := a.node.c.Store.OpenPackage(ctx, e.Statement.Package.SHA256)
	switch {
	case errors.Is(err, events.ErrNotFound):
		return nil, e, Refuse(CodeDestroyed).Because(err)
	case err != nil:
		return nil, e, fmt.Errorf("couldn't open package: %w", err)
	}
	a.read(readPackage)
	return p, e, nil
}

// Evidence is the stored evidence of an event that the auditor may see. CodeNotFound if it has none or may not be seen.
func (a *Audit) Evidence(ctx context.Context, position uint64) ([]byte, error) {
	e, err := a.event(ctx, position)
	if err != nil {
		return nil, err
	}
	if e.Statement.Evidence == nil {
		return nil, Refuse(CodeNotFound)
	}
	b, err := a.node.c.Store.Evidence(ctx, *e.Statement.Evidence)
	if err != nil {
		return nil, fmt.Errorf("couldn't read evidence: %w", err)
	}
	a.read(readEvidence)
	return b, nil
}

func (a *Audit) event(ctx context.Context, position uint64) (events.Event, error) {
	e, err := a.node.c.Store.Event(ctx, position)
	if errors.Is(err, events.ErrNotFound) {
		return e, Refuse(CodeNotFound)
	}
	if err != nil {
		return e, fmt.Errorf("couldn't read event: %w", err)
	}
	ok, err := a.sees(ctx, e)
	if err == nil && !ok {
		a.read(readWithheld)
		err = Refuse(CodeNotFound)
	}
	return e, err
}
