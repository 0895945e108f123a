package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/signing"
)

// keptEvidence is how many pieces of evidence are kept read: those of a signer's packages are the same for weeks.
const keptEvidence = 4096

// besides gives what lies beside an event: in a folder, or at a node.
type besides interface {
	Evidence() ([]byte, error)                     // of the event
	OtherEvidence(d events.Digest) ([]byte, error) // that the event's own refers to
	OpenPackage() (events.PackageReader, error)
}

// judging judges the events of one record again: signatures on as many processors as call it, what depends on earlier events in
// their order.
type judging struct {
	ctx   context.Context
	since uint64             // the packages of events before it were judged by an earlier verification
	each  func(events.Event) // nil: nobody wants to see every event
	rules *rulesAgain        // nil: signatures alone are judged again

	// In order.
	trust  believed
	judged uint64
	bad    bool // something was not good

	mu   sync.Mutex
	kept map[events.Digest]*keptAcceptance
}

// keptAcceptance is stored evidence, read once for all events that name it.
type keptAcceptance struct {
	evidence gateway.Evidence
	trust    *signing.Trust
	known    *gateway.Known
}

func newJudging(ctx context.Context) *judging {
	return &judging{ctx: ctx, kept: map[events.Digest]*keptAcceptance{}}
}

// event judges one event. It may be called several times at once; what it gives must be called in order of position.
func (j *judging) event(e events.Event, b besides) (func() error, error) {
	var a *acceptance
	var p *rerun.Prepared
	var err error
	switch {
	case e.Position < j.since:
	case j.rules != nil && !j.rules.stopped.Load():
		p, err = j.rules.prepare(e, b)
	default:
		a, err = j.signatures(e, b)
	}
	return func() error {
		var bad error
		switch {
		case a != nil:
			j.judged++
			bad = j.trust.check(e, &a.evidence, a.at)
		case p != nil && !j.rules.stopped.Load():
			if bad = j.rules.apply(p); bad == nil && e.Statement.Package != nil && e.Statement.Evidence != nil {
				j.judged++
			}
		}
		if folded := j.trust.follow(e); bad == nil {
			bad = folded
		}
		if j.each != nil {
			j.each(e)
		}
		j.bad = j.bad || err != nil || bad != nil
		return bad
	}, err
}

// good says whether all events before done are good, and another verification may go on there.
func (j *judging) good(done uint64) bool {
	return !j.bad && done > j.since && (j.rules == nil || j.rules.between())
}

// signatures verifies the signatures of an event's package as of its acceptance, and what was known of revocation then. Only the
// first event of an append names evidence; events without a package have nothing to judge.
func (j *judging) signatures(e events.Event, b besides) (*acceptance, error) {
	if e.Statement.Package == nil || e.Statement.Evidence == nil {
		return nil, nil
	}
	k, err := j.evidence(*e.Statement.Evidence, b)
	if err != nil {
		return nil, err
	}
	at, err := judgedAt(e)
	if err != nil {
		return nil, err
	}
	a := &acceptance{at: at, evidence: k.evidence, trust: k.trust}
	p, err := b.OpenPackage()
	if errors.Is(err, events.ErrNotFound) {
		return nil, nil // destroyed by a decision of the record: without one, that it is missing was found before
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open package: %w", err)
	}
	report, err := a.verify(j.ctx, p)
	if err == nil {
		err = a.fits(report)
	}
	if err == nil {
		err = k.known.JudgeAgain(j.ctx, a.at)
	}
	return a, errors.Join(err, p.Close())
}

// evidence reads an event's evidence, or has it already.
func (j *judging) evidence(d events.Digest, b besides) (*keptAcceptance, error) {
	j.mu.Lock()
	k := j.kept[d]
	j.mu.Unlock()
	if k != nil {
		return k, nil
	}
	raw, err := b.Evidence()
	if err != nil {
		return nil, fmt.Errorf("couldn't read evidence: %w", err)
	}
	k = new(keptAcceptance)
	if k.evidence, err = gateway.DecodeEvidence(raw); err != nil {
		return nil, err
	}
	if k.trust, err = trustOf(&k.evidence); err != nil {
		return nil, err
	}
	if k.known, err = k.evidence.Known(b.OtherEvidence); err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.kept) >= keptEvidence {
		clear(j.kept)
	}
	j.kept[d] = k
	return k, nil
}
