package rerun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/internal/bilingual"
	"github.com/tram-exchange/tram/signing"
)

// shared is what Prepare keeps for all goroutines.
type shared struct {
	packages *atomic.Uint64
	answers  *generations[events.Digest, []byte]         // CRLs and OCSP responses
	known    *generations[events.Digest, *gateway.Known] // evidence that many packages share
	receipts *generations[receiptKey, *handedOn]
}

func newShared() shared {
	return shared{
		packages: new(atomic.Uint64), answers: &generations[events.Digest, []byte]{most: 16},
		known:    &generations[events.Digest, *gateway.Known]{most: 1024},
		receipts: &generations[receiptKey, *handedOn]{most: 4096},
	}
}

// small packages are read into memory at once.
const small = 1 << 20

// prepareHandIn parses and verifies the package of an acceptance.
func prepareHandIn(ctx context.Context, r *Rerun, p *Prepared, src Source) error {
	s := &p.e.Statement
	if s.Package == nil || s.Evidence == nil {
		return nil
	}
	evidence, err := r.evidence(ctx, p, src)
	if err != nil {
		return err
	}
	open := src.Package
	if open == nil {
		open = func() (events.PackageReader, error) { return r.o.Record.OpenPackage(ctx, s.Package.SHA256) }
	}
	pkg, err := open()
	if errors.Is(err, events.ErrNotFound) {
		if r.o.Destroyed != nil && r.o.Destroyed(p.e) {
			p.destroyed = true
			return nil
		}
		return mismatch(p.e, "package", "", "package "+s.Package.SHA256.String()+" is missing and no decision to destroy it is known")
	}
	if err != nil {
		return fmt.Errorf("couldn't open package: %w", err)
	}
	defer pkg.Close()
	var source signing.Source = pkg
	if n := pkg.Size(); n <= small {
		b := make([]byte, n)
		if _, err := io.ReadFull(io.NewSectionReader(pkg, 0, n), b); err != nil {
			return fmt.Errorf("couldn't read package: %w", err)
		}
		source = signing.BytesSource(b)
	}
	known, err := r.known(ctx, p, evidence)
	if err != nil {
		return err
	}
	again, err := gateway.Rejudge(ctx, gateway.AcceptedBefore{
		Event: p.e, Snapshot: p.snapshot, Origin: r.o.Origin, Pinned: r.o.Pinned, Evidence: evidence, Known: known, Package: source,
	})
	if err != nil {
		return judged(p, err)
	}
	p.work, p.unproved = again, again.Unproved
	r.shared.packages.Add(1)
	return nil
}

// judged makes what gateway says of the record a Mismatch.
func judged(p *Prepared, err error) error {
	var wrong *gateway.RejudgeError
	if errors.As(err, &wrong) {
		return mismatch(p.e, wrong.Rule, "", wrong.Err.Error())
	}
	return err
}

// evidence reads the evidence that an event names.
func (r *Rerun) evidence(ctx context.Context, p *Prepared, src Source) (b []byte, err error) {
	d := *p.e.Statement.Evidence
	if src.Evidence != nil {
		b, err = src.Evidence()
	} else {
		b, err = r.o.Record.Evidence(ctx, d)
	}
	switch {
	case errors.Is(err, events.ErrNotFound):
		return nil, mismatch(p.e, "evidence", "", "evidence "+d.String()+" is missing")
	case err != nil:
		return nil, fmt.Errorf("couldn't read evidence: %w", err)
	case events.Sum(b) != d:
		return nil, mismatch(p.e, "evidence", d.String(), events.Sum(b).String())
	}
	return b, nil
}

// known reads evidence. That of clients of the node is shared by all packages of a signer.
func (r *Rerun) known(ctx context.Context, p *Prepared, b []byte) (*gateway.Known, error) {
	d := *p.e.Statement.Evidence
	if k, ok := r.shared.known.get(d); ok {
		return k, nil
	}
	e, err := gateway.DecodeEvidence(b)
	if err != nil {
		return nil, mismatch(p.e, "evidence", "", err.Error())
	}
	var failed error
	k, err := e.Known(func(d events.Digest) (b []byte, err error) {
		b, err = r.answer(ctx, d)
		if err != nil && !errors.Is(err, events.ErrNotFound) {
			failed = err
		}
		return b, err
	})
	switch {
	case failed != nil:
		return nil, failed
	case err != nil:
		return nil, mismatch(p.e, "evidence", "", err.Error())
	}
	if e.Peer == nil {
		r.shared.known.set(d, k)
	}
	return k, nil
}

// answer reads a CRL or an OCSP response: packages of one signer refer to the same.
func (r *Rerun) answer(ctx context.Context, d events.Digest) ([]byte, error) {
	if b, ok := r.shared.answers.get(d); ok {
		return b, nil
	}
	b, err := r.o.Record.Evidence(ctx, d)
	if err == nil {
		r.shared.answers.set(d, b)
	}
	return b, err
}

// decideHandIn decides a change of the directory.
func decideHandIn(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	return r.handIn(ctx, p, c, gateway.Own{Directory: r.bases.before(p.e.Position)})
}

// decideDocument decides what a package brought, or what another document does to this one.
func decideDocument(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	h, err := as[router.History](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	if p.e.Statement.Package == nil {
		return r.effect(ctx, p, c, h.State())
	}
	return r.handIn(ctx, p, c, gateway.Own{Document: h.State()})
}

func (r *Rerun) handIn(ctx context.Context, p *Prepared, c *cut, own gateway.Own) (given, error) {
	s := &p.e.Statement
	again, ok := p.work.(*gateway.Rejudged)
	switch {
	case ok:
	case p.destroyed:
		r.note(bilingual.Say("rằng những gói tin đã tiêu hủy theo quyết định từng được xét đúng",
			"that packages which were destroyed by decision had been judged rightly"), p.e.Position)
		return given{client: s.Client, cause: s.Cause, packaged: true, evidence: s.Evidence, asRecorded: true}, nil
	case s.Package == nil:
		return given{}, mismatch(p.e, "package", "none", "the package that asks for it")
	default:
		return given{}, mismatch(p.e, "evidence", "none", "what the package was judged by")
	}
	stream, err := again.Find(ctx, c)
	if err != nil {
		return given{}, err
	}
	if stream != s.Stream {
		return given{}, mismatch(p.e, "stream", s.Stream, stream)
	}
	d, err := again.Decide(ctx, c, own)
	if err != nil {
		return given{}, err
	}
	if d.HeaderID != "" {
		delete(r.open.binds, d.HeaderID)
	}
	return given{
		stream: d.Stream, actor: d.Actor, client: s.Client, cause: d.Cause, packaged: true, evidence: s.Evidence, events: d.Events,
	}, nil
}

// effect decides what a document does to an earlier one: the router records it on that one's stream.
func (r *Rerun) effect(ctx context.Context, p *Prepared, c *cut, own document.State) (given, error) {
	by, err := r.cause(ctx, p)
	if err != nil {
		return given{}, err
	}
	if by.Statement.Name != document.NameReceived {
		return given{}, mismatch(p.e, "cause", by.Statement.Name, document.NameReceived)
	}
	d, err := readReceived(by)
	if err != nil {
		return given{}, err
	}
	around, err := r.bases.around(p.e)
	if err != nil {
		return given{}, err
	}
	why := error(mismatch(p.e, "cause", addressText(p.e.Statement.Cause), "an event that has an effect on this document"))
	for _, snap := range around {
		for _, command := range router.Effects(snap.Directory, by, d) {
			if document.StreamPrefix+command.Effect.Document != p.e.Statement.Stream {
				continue
			}
			decision, err := document.DecideEffect(own, command)
			if err != nil {
				why = mismatch(p.e, "decision", p.e.Statement.Name, err.Error())
				continue
			}
			if len(decision.Events) == 0 {
				why = mismatch(p.e, "decision", p.e.Statement.Name, "nothing to record: it was recorded before")
				continue
			}
			g := given{cause: p.e.Statement.Cause, events: decision.Events}
			if err := sameEvent(p.e, decision.Events[0]); err != nil {
				why = err
				continue
			}
			return g, nil
		}
	}
	return given{}, why
}

// cause reads the event of this log that an event follows from.
func (r *Rerun) cause(ctx context.Context, p *Prepared) (events.Event, error) {
	c := p.e.Statement.Cause
	if c == nil || c.Origin != r.o.Origin || c.Position >= p.e.Position {
		return events.Event{}, mismatch(p.e, "cause", addressText(c), "an earlier event of this log")
	}
	if e, ok := r.open.recent.get(c.Position); ok {
		return e, nil
	}
	e, err := r.o.Record.Event(ctx, c.Position)
	if err != nil {
		return e, fmt.Errorf("couldn't read event %d: %w", c.Position, err)
	}
	r.open.recent.set(c.Position, e)
	return e, nil
}
