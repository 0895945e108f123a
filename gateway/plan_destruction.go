package gateway

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/schemas"
)

// Who may destroy. The law lets the head of the agency that keeps records decide, after appraisal. A node keeps one copy for the
// sender and for every recipient that it serves, so one agency's decision is not enough: each that keeps the document here must have
// decided, itself or through its successor or an agency above it. None of them can be asked to sign for the others, and none may reach
// into what another keeps; so the request is signed by an administrator of the node, who has all decisions in hand, names them, and
// answers for it for ever. Neither alone suffices: no agency's key destroys anything, and no administrator may without decisions.
// A key in the node's custody signs no destruction, and no peer's: what another node keeps is its own affair.

// planDestruction is for a signed request to destroy content.
func (h *handIn) planDestruction(ctx context.Context, p *schemas.Package) (*plan, error) {
	switch h.caller.Kind {
	case KindChannel, KindAuditor, KindPeer:
		return nil, Refuse(CodeForbidden)
	}
	if h.n != nil && h.n.c.Destroyer == nil {
		return nil, Refuse(CodeForbidden).With("this node cannot destroy what its store keeps")
	}
	if !h.caller.stands(h.snap.Directory, h.at) {
		return nil, Refuse(CodeForbidden)
	}
	v, err := h.verify(ctx, h.body.src)
	if err != nil {
		return nil, err
	}
	signer, ok := h.snap.Directory.Certificate(v.Fingerprint())
	if !ok || signer.Holder.Kind != directory.HolderOperator {
		return nil, Refuse(CodeDestructionSigner).Because(fmt.Errorf("certificate %x is no administrator's", v.Fingerprint()))
	}
	if signer, err = h.enrolled(v, func(directory.Holder) bool { return true }); err != nil {
		return nil, err
	}
	if !signer.ValidAt(h.at, directory.PurposeSign) {
		return nil, Refuse(CodeDestructionSigner).Because(errors.New("the certificate is not for signing"))
	}
	if err := h.judgeChains(v, authoritiesFor(directory.HolderOperator, directory.PurposeSign)); err != nil {
		return nil, err
	}
	r, err := h.destruction(p)
	if err != nil {
		return nil, err
	}
	r.Content, r.Signer = v.SignedContent(), v.Fingerprint()
	r.Holder = destruction.Holder{Kind: string(signer.Holder.Kind), ID: signer.Holder.ID}
	pl := &plan{stream: destruction.Stream, actor: h.signerName(v.Fingerprint()), warnings: warnings(p.Warnings)}
	pl.locate = func(ctx context.Context, streams Streams) (string, error) {
		// A document must not be sent anew while it is decided that it goes.
		for _, t := range r.Targets {
			c, err := streams.Gather(ctx, t.Target, r.Scope)
			if err != nil {
				return "", err
			}
			for _, e := range c.Events {
				pl.beside = append(pl.beside, e.Statement.Stream)
			}
		}
		slices.Sort(pl.beside)
		pl.beside = slices.Compact(pl.beside)
		return destruction.Stream, nil
	}
	pl.decide = func(ctx context.Context, streams Streams, own Own) ([]events.New, outcome, error) {
		found := r
		found.Targets = slices.Clone(r.Targets)
		decided := own.Destruction.Index()
		for i := range found.Targets {
			if err := h.findTarget(ctx, streams, decided, r.Scope, &found.Targets[i]); err != nil {
				return nil, outcome{}, err
			}
		}
		news, earlier, err := destruction.Decide(own.Destruction, found)
		if err != nil {
			return nil, outcome{}, refuseDestruction(err)
		}
		if earlier != nil {
			return nil, outcome{earlier: *earlier}, nil
		}
		return news, outcome{}, nil
	}
	return pl, nil
}

// destruction translates the form.
func (h *handIn) destruction(p *schemas.Package) (r destruction.Request, err error) {
	d := p.Destruction
	r = destruction.Request{
		ID: p.Header.ID, Scope: destruction.Scope(d.Scope), NotBefore: d.NotBefore, At: h.at,
		Facts: destruction.Facts{Reason: d.Reason, Person: p.Header.Person.Name, Position: p.Header.Person.Position, Account: p.Header.Person.Account},
	}
	for i, c := range d.Decisions {
		org := h.resolve(c.Organisation)
		if !org.Known {
			return r, Refuse(CodeDestructionUndecided).At(fmt.Sprintf("/Package/Body/Destruction/Decision[%d]/Organisation", i+1)).With(c.Organisation)
		}
		by := org.Org
		if org.Closed {
			by = org.Direct
		}
		r.Decisions = append(r.Decisions, destruction.Ruling{Org: by, Date: isoDate(c.Date)})
		r.Facts.Decisions = append(r.Facts.Decisions, destruction.RulingFacts{Number: c.Number, Body: c.DecidedBy, Ground: c.Ground, Appraisal: c.Appraisal})
	}
	for _, t := range d.Targets {
		x := destruction.Target{Event: t.Event, Package: (*events.Digest)(t.Package)}
		if t.Document != nil {
			x.Document = hex.EncodeToString(t.Document[:])
		}
		r.Targets = append(r.Targets, destruction.Found{CountedTarget: destruction.CountedTarget{Target: x}})
	}
	return r, nil
}

// findTarget fills in what the record says of a target.
func (h *handIn) findTarget(ctx context.Context, streams Streams, decided *destruction.Index, scope destruction.Scope, t *destruction.Found) error {
	c, err := streams.Gather(ctx, t.Target, scope)
	if err != nil {
		return err
	}
	*t = destruction.Found{CountedTarget: destruction.CountedTarget{Target: t.Target}, Exists: len(c.Events) > 0, Content: true}
	going := make(map[events.Digest]bool, len(c.Packages))
	for _, sum := range c.Packages {
		going[sum] = true
	}
	for i := range c.Events {
		e := &c.Events[i]
		if !strings.HasPrefix(e.Statement.Stream, destruction.DocumentPrefix) {
			t.Content = false
			continue
		}
		if e.Statement.Facts != nil && scope.Facts() {
			if _, before := decided.Facts(e); before {
				t.Before = true
			} else {
				t.Facts++
			}
		}
		if p := e.Statement.Package; p != nil && going[p.SHA256] {
			delete(going, p.SHA256)
			if _, before := decided.Package(e); before {
				t.Before = true
			} else {
				t.Packages++
			}
		}
	}
	if !t.Content {
		return nil
	}
	if t.Document == "" && len(c.Events) > 0 {
		t.Of = strings.TrimPrefix(c.Events[0].Statement.Stream, destruction.DocumentPrefix)
	}
	return h.stakes(ctx, streams, c.Events, t)
}

// stakes finds who keeps what the events are about, to whom it is still under way, and who holds on to it.
func (h *handIn) stakes(ctx context.Context, streams Streams, list []events.Event, t *destruction.Found) error {
	seen := map[string]bool{}
	for i := range list {
		stream := list[i].Statement.Stream
		if seen[stream] {
			continue
		}
		seen[stream] = true
		s, err := streams.Document(ctx, stream)
		if err != nil {
			return err
		}
		items := []item{}
		if s.Received {
			h.keeper(t, s.Sender)
			one := item{id: delivery.ItemDocument}
			for _, r := range s.Recipients {
				_, back := s.Recalled(r.Org)
				one.to = append(one.to, addressee{r.Org, !r.Elsewhere && !back})
			}
			items = append(items, one)
		}
		all, err := streams.Gather(ctx, destruction.Target{Document: strings.TrimPrefix(stream, destruction.DocumentPrefix)}, destruction.ScopeAll)
		if err != nil {
			return err
		}
		statuses, err := h.statusItems(all.Events)
		if err != nil {
			return err
		}
		for _, it := range append(items, statuses...) {
			if err := h.deliveries(ctx, streams, stream, it, t); err != nil {
				return err
			}
		}
		t.Holds = append(t.Holds, h.snap.Directory.DocumentRights(strings.TrimPrefix(stream, destruction.DocumentPrefix), h.at)...)
	}
	return nil
}

// item is what is delivered, and to whom.
type item struct {
	id string
	to []addressee
}

// addressee is a recipient; awaited: if no delivery to it has begun, one will.
type addressee struct {
	org     string
	awaited bool
}

// statusItems are the status messages of a document's stream.
func (h *handIn) statusItems(list []events.Event) (out []item, err error) {
	for _, e := range list {
		if e.Statement.Name != document.NameStatusReported || e.Statement.Package == nil {
			continue
		}
		var d document.StatusReported
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
			return nil, fmt.Errorf("couldn't read event %d: %w", e.Position, err)
		}
		it := item{id: delivery.ItemStatus(e.Statement.Package.SHA256)}
		for _, org := range d.To {
			it.to = append(it.to, addressee{org, d.Peer == nil || h.servedHere(org)})
		}
		out = append(out, it)
	}
	return out, nil
}

func (h *handIn) deliveries(ctx context.Context, streams Streams, stream string, it item, t *destruction.Found) error {
	for _, a := range it.to {
		d, err := streams.Delivery(ctx, delivery.Stream(stream, it.id, a.org))
		if err != nil {
			return err
		}
		switch d.Phase {
		case delivery.PhaseOffered, delivery.PhaseTaken, delivery.PhaseRetrying:
			t.Open = append(t.Open, a.org)
		case delivery.PhaseNone:
			if a.awaited {
				t.Open = append(t.Open, a.org)
			}
		case delivery.PhaseAcknowledged, delivery.PhaseFailed:
			h.keeper(t, a.org)
		}
	}
	return nil
}

func (h *handIn) servedHere(org string) bool {
	o, ok := h.snap.Directory.Organisation(org)
	return ok && o.Node == ""
}

// keeper adds an agency of this node that keeps the document, with those who may decide for it.
func (h *handIn) keeper(t *destruction.Found, org string) {
	if !h.servedHere(org) || slices.ContainsFunc(t.Keepers, func(k destruction.Keeper) bool { return k.Org == org }) {
		return
	}
	k := destruction.Keeper{Org: org}
	add := func(id string) {
		for id != "" && !slices.Contains(k.By, id) {
			k.By = append(k.By, id)
			o, ok := h.snap.Directory.Organisation(id)
			if !ok {
				return
			}
			id = o.Parent
		}
	}
	add(org)
	if r := h.resolve(org); r.Known && !r.Closed {
		add(r.Org) // the successor, if it has one
	}
	t.Keepers = append(t.Keepers, k)
}

// destructionCodes numbers the reasons of the decider.
var destructionCodes = map[destruction.Reason]int{
	destruction.ReasonIDReused:  CodeHeaderTaken,
	destruction.ReasonUnknown:   CodeDestructionUnknown,
	destruction.ReasonNothing:   CodeDestructionUnknown,
	destruction.ReasonKept:      CodeDestructionKept,
	destruction.ReasonTwice:     CodeDestructionTwice,
	destruction.ReasonUndecided: CodeDestructionUndecided,
	destruction.ReasonDelivery:  CodeDestructionDelivery,
	destruction.ReasonHeld:      CodeDestructionHeld,
	destruction.ReasonDecided:   CodeDestructionDecided,
	destruction.ReasonMalformed: CodeValue,
}

func refuseDestruction(err error) error {
	var r *destruction.Refusal
	if !errors.As(err, &r) {
		return err
	}
	code, ok := destructionCodes[r.Reason]
	if !ok {
		return fmt.Errorf("couldn't number the refusal %q of a destruction", r.Reason)
	}
	return Refuse(code).Because(err).With(r.Detail...)
}

// Destruction folds what was decided.
func (s storeStreams) Destruction(ctx context.Context) (destruction.State, error) {
	return destruction.Load(ctx, s.store)
}

// Gather finds what a target covers now.
func (s storeStreams) Gather(ctx context.Context, t destruction.Target, scope destruction.Scope) (destruction.Covered, error) {
	return destruction.Gather(ctx, s.store, t, scope, math.MaxUint64)
}

// gone says that a document, or one of the packages that carried it, is destroyed or going to be: it is not taken in again, and its
// identity stays occupied.
func gone(ctx context.Context, streams Streams, s document.State) error {
	d, err := streams.Destruction(ctx)
	if err != nil {
		return err
	}
	x := d.Index()
	if x.Empty() {
		return nil
	}
	if m, ok := x.Document(s.Document); ok {
		return destroyedAgain(m)
	}
	for _, c := range s.Packages {
		e := &events.Event{Position: c.Address.Position, Statement: events.Statement{Package: &events.PackageRef{SHA256: c.Package}}}
		for _, by := range []func(*events.Event) (destruction.Mark, bool){x.Package, x.Facts} {
			if m, ok := by(e); ok {
				return destroyedAgain(m)
			}
		}
	}
	return nil
}

func destroyedAgain(m destruction.Mark) error {
	return Refuse(CodeDestroyedAgain).With(fmt.Sprintf("position %d", m.Decision.Address.Position))
}
