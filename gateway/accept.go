package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// Accept takes a package in from a client of this node: size is its announced length or -1. The error is a *Refusal for
// everything the caller can act on. When it returns an Accepted, the package is durable and proved by its receipt; when
// it returns an error, nothing of the package is stored.
func (n *Node) Accept(ctx context.Context, c Caller, r io.Reader, size int64) (Accepted, error) {
	return n.handIn(ctx, c, r, size, nil, nil)
}

// AcceptFollowing takes in what the node itself has made because of an event of its own log: a status, a document that an agency
// issues. The rules of the door are the same, and what was signed in custody must follow from the event.
func (n *Node) AcceptFollowing(ctx context.Context, cause events.Address, r io.Reader, size int64) (Accepted, error) {
	return n.handIn(ctx, Caller{Client: ClientNode, Kind: KindNode}, r, size, nil, &cause)
}

// Handover is what a peer node sends along with the bytes of a package.
type Handover struct {
	Receipt  []byte   // the peer's own receipt of this package (C2SP tlog-proof text)
	Evidence []byte   // the peer's stored validation evidence; kept, never trusted
	Handed   []string // codes of the recipients handed over to this node, as written; empty: all that this node serves
}

// AcceptFromPeer takes in a package that another node has accepted. It is judged as of the peer's sealed receive time,
// which the receipt proves under the peer's checkpoint keys in the directory; a peer brings only senders that the
// directory says it serves. Same answers as Accept.
func (n *Node) AcceptFromPeer(ctx context.Context, c Caller, r io.Reader, size int64, h Handover) (Accepted, error) {
	if c.Kind != KindPeer || c.Peer == "" {
		return Accepted{}, Refuse(CodeForbidden)
	}
	return n.handIn(ctx, c, r, size, &h, nil)
}

// handIn is one hand-in on its way through the stages. Fields are filled in order and only read after that.
type handIn struct {
	n       *Node // nil when a record is judged again
	terms   *terms
	caller  Caller
	peer    *hop // nil: from a client of this node
	over    *Handover
	follows *events.Address // the event that the node made it because of; nil: none
	at      time.Time       // as of when it is judged
	read    time.Time       // when snap was read
	snap    *Snapshot
	body    *body
	kind    schemas.Kind
	sender  string // code as written, "" until read
	org     string // identity, "" until known
	secret  bool
	verdict judged

	peerSigns bool                  // a directory change that a peer has signed
	urgent    bool                  // a directory change that only takes away: it does not wait for what nobody can say
	chains    [][]*x509.Certificate // of each signature, to an authority believed for it
	purposes  [][]signing.Purpose   // any of which that authority had to be believed for
}

func (n *Node) handIn(ctx context.Context, c Caller, r io.Reader, size int64, over *Handover, follows *events.Address) (acc Accepted, err error) {
	if !n.inside.enter() {
		n.metrics.refusal(CodeDraining)
		return Accepted{}, Refuse(CodeDraining)
	}
	defer n.inside.leave()
	start := n.c.Now()
	n.metrics.inflight.Inc()
	h := &handIn{n: n, terms: n.terms, caller: c, follows: follows}
	defer func() {
		n.metrics.inflight.Dec()
		n.metrics.stage("total", n.c.Now().Sub(start))
		n.counted(ctx, h, acc, err)
	}()
	if err := n.Ready(ctx); err != nil {
		return Accepted{}, err
	}
	if c.Client == "" || c.Kind == "" {
		return Accepted{}, Refuse(CodeUnauthenticated)
	}
	select {
	case n.accepting <- struct{}{}:
		defer func() { <-n.accepting }()
	default:
		return Accepted{}, Refuse(CodeBusy)
	}
	leave, ok := n.perClient.enter(c.Client, n.l.PerClient)
	if !ok {
		return Accepted{}, Refuse(CodeConcurrency)
	}
	defer leave()

	if h.body, err = n.spool.receive(ctx, r, size, n.maxPackage()); err != nil {
		return Accepted{}, err
	}
	defer h.body.Close()
	received := n.c.Now()
	n.metrics.stage("receive", received.Sub(start))
	n.metrics.bytes.Add(float64(h.body.size))

	defer n.packages.Lock(h.body.digest.String())()
	if over != nil {
		h.snap, h.over = n.Snapshot(), over
		if err := h.openHandover(over, n.Now()); err != nil {
			return Accepted{}, err
		}
	}
	if acc, ok, err := h.known(ctx); err != nil || ok {
		return acc, err
	}
	plan, err := h.examine(ctx)
	if err == nil {
		err = plan.find(ctx, n.others)
	}
	if err == nil {
		err = h.revoked(ctx, plan)
	}
	examined := n.c.Now()
	n.metrics.stage("verify", examined.Sub(received))
	if err != nil {
		return Accepted{}, err
	}
	acc, err = h.conclude(ctx, plan)
	n.metrics.stage("decide", n.c.Now().Sub(examined))
	return acc, err
}

// maxPackage is the smaller of the node's limit and the policy's.
func (n *Node) maxPackage() int64 { return leastOf(n.l.MaxPackage, n.Snapshot()) }

func (h *handIn) maxPackage() int64 { return leastOf(h.terms.maxPackage, h.snap) }

func leastOf(limit int64, s *Snapshot) int64 {
	if p := s.Policy.Policy.Limits.PackageBytes; p > 0 {
		return min(limit, p)
	}
	return limit
}

// known answers for bytes that are recorded already: the same statement and position, without verifying again. The caller
// must be one who could have handed them in.
func (h *handIn) known(ctx context.Context) (Accepted, bool, error) {
	positions, err := h.n.c.Store.FindPackage(ctx, h.body.digest)
	if err != nil {
		return Accepted{}, false, fmt.Errorf("couldn't look for package: %w", err)
	}
	if len(positions) == 0 {
		return Accepted{}, false, nil
	}
	acc, e, err := h.n.earlier(ctx, positions[0])
	if err != nil {
		return Accepted{}, false, err
	}
	h.sender, h.org = e.Statement.Actor, e.Statement.Actor
	if !h.mayAskAgain(e) {
		return Accepted{}, false, Refuse(CodeNotSender)
	}
	d, err := h.n.others.Destruction(ctx)
	if err != nil {
		return Accepted{}, false, err
	}
	if m, covered := d.Index().Package(&e); covered {
		return Accepted{}, false, destroyedAgain(m)
	}
	return acc, true, nil
}

func (h *handIn) mayAskAgain(e events.Event) bool {
	s := h.n.Snapshot()
	switch {
	case h.caller.Client == e.Statement.Client || h.caller.Kind == KindNode:
		return true
	case e.Statement.Stream == directory.Stream, e.Statement.Stream == destruction.Stream:
		return h.caller.Kind == KindAdministrator || h.caller.Kind == KindOperator
	case h.peer != nil:
		o, ok := s.Directory.Organisation(e.Statement.Actor)
		return ok && o.Node == h.caller.Peer
	}
	return maySendFor(s.Directory, h.caller, e.Statement.Actor, h.n.Now())
}

// examine parses and verifies, in a slot of its own: at most as many at once as there are processors, so that a crowd
// waits instead of sharing the caches, and large ones never in all of them, so that small ones need not wait for those. The result is what only a verified package can lead to.
func (h *handIn) examine(ctx context.Context) (*plan, error) {
	release, err := h.n.slot(ctx, h.body.file != nil)
	if err != nil {
		return nil, err
	}
	defer release()
	before := h.snap
	h.snap, h.read = h.n.Snapshot(), h.n.Now()
	switch {
	case h.peer != nil && h.snap.Basis.Directory != before.Basis.Directory: // the peer's keys may have changed
		if err := h.openHandover(h.over, h.read); err != nil {
			return nil, err
		}
	case h.peer == nil:
		h.at = h.read.Truncate(time.Microsecond) // as it is recorded: everything is judged as of this one time
	}
	return h.judge(ctx)
}

// judge parses and verifies by the snapshot, as of h.at: the rules of the door up to where the record is asked.
func (h *handIn) judge(ctx context.Context) (*plan, error) {
	p, err := h.parse(ctx, schemas.Received{Source: h.body.src, SHA256: h.body.digest})
	if err != nil {
		return nil, err
	}
	h.kind = p.Kind
	switch p.Kind {
	case schemas.KindDirectoryChange:
		return h.planChange(ctx, p)
	case schemas.KindSubmission:
		return h.planSubmission(ctx, p)
	case schemas.KindDestruction:
		return h.planDestruction(ctx, p)
	case schemas.KindDossierAction:
		return h.planAction(ctx, p)
	case schemas.KindDocument, schemas.KindStatus:
		return h.planOwn(ctx, p)
	}
	return nil, Refuse(CodeKindUnknown)
}

// slot waits for a place to parse and verify in.
func (n *Node) slot(ctx context.Context, large bool) (release func(), err error) {
	slots := []chan struct{}{n.verifiers}
	if large {
		slots = []chan struct{}{n.large, n.verifiers} // always in this order
	}
	for i, slot := range slots {
		select {
		case slot <- struct{}{}:
		case <-ctx.Done():
			for _, s := range slots[:i] {
				<-s
			}
			return nil, Refuse(CodeCutShort).Because(ctx.Err())
		}
	}
	return func() {
		for _, s := range slots {
			<-s
		}
	}, nil
}

// parse reads a package, and once more when its sender has ways of its own to state secrecy.
func (h *handIn) parse(ctx context.Context, r schemas.Received) (*schemas.Package, error) {
	limits := h.snap.Policy.Policy.Limits
	o := schemas.Options{
		Now: h.at, SecrecyElements: secrecyElements(h.snap.Directory.SecrecyElements("")),
		Limits: schemas.Limits{
			MaxPackage: h.maxPackage(), MaxUnpacked: limits.UnpackedBytes,
			MaxRecipients: limits.Recipients, MaxAttachments: limits.Attachments,
		},
	}
	p, err := schemas.Parse(ctx, r, o)
	if err == nil && p.Kind.IsEdXML() {
		of := secrecyElements(h.snap.Directory.SecrecyElements(h.resolve(p.Sender()).Org))
		if len(of) != len(o.SecrecyElements) {
			o.SecrecyElements = of
			p, err = schemas.Parse(ctx, r, o)
		}
	}
	if err != nil {
		var refused *schemas.Refusal
		if errors.As(err, &refused) {
			h.note(refused.Sender)
			h.secret = h.secret || refused.Has(schemas.Secret)
		}
		return nil, refuseParse(err)
	}
	h.note(p.Sender())
	return p, nil
}

// note remembers the outermost sender that could be read, for the refusal event.
func (h *handIn) note(sender string) {
	if h.sender != "" || sender == "" {
		return
	}
	h.sender = sender
	if r := h.resolve(sender); r.Known {
		h.org = r.Org
	}
}

// secrecyElements hold for the sender asked for, so the reader need not compare senders again.
func secrecyElements(in []directory.SecrecyElement) []schemas.SecrecyElement {
	out := make([]schemas.SecrecyElement, len(in))
	for i, e := range in {
		out[i] = schemas.SecrecyElement{Namespace: e.Namespace, Local: e.Local}
	}
	return out
}

func (h *handIn) resolve(code string) directory.Resolution {
	return h.snap.Directory.Resolve(normalCode(code), h.at)
}

// verify checks every signature of the package at the time it is judged as of.
func (h *handIn) verify(ctx context.Context, src signing.Source) (*signing.Verified, error) {
	rules := h.snap.Policy.Policy.Signature
	v, err := signing.VerifyPackage(ctx, src, signing.VerifyOptions{
		Trust: h.snap.Trust, At: h.at, MaxSignatures: rules.MaxSignatures, MaxReferences: rules.MaxReferences,
	})
	if err != nil {
		return nil, refuseSigning(err)
	}
	return v, obeys(rules, v)
}

// conclude loads, decides and appends, and answers with the receipt.
func (h *handIn) conclude(ctx context.Context, p *plan) (Accepted, error) {
	for _, s := range p.beside { // before the stream itself: it is the last in every order of locks
		defer h.n.streams.Lock(s)()
	}
	var o outcome
	sealed, recorded, err := h.n.decide(ctx, p.stream, func(history []events.Event) (events.Append, error) {
		if h.n.Now().Sub(h.read) > MaxDeciding {
			return events.Append{}, Refuse(CodeConflict).Because(fmt.Errorf("examined %s ago", h.n.Now().Sub(h.read)))
		}
		own, err := h.n.own(p.stream, history)
		if err != nil {
			return events.Append{}, err
		}
		news, out, err := p.news(ctx, h.n.others, own)
		if err != nil {
			return events.Append{}, err
		}
		if p.header != nil && len(news) > 0 {
			if err := p.header.record(ctx, h, p.actor); err != nil {
				return events.Append{}, err
			}
		}
		o = out
		h.body.lent = len(news) > 0
		return events.Append{
			Actor: p.actor, Client: h.caller.Client, Cause: h.cause(), Basis: h.snap.Basis,
			Package: recordedPackage{h.body.src, h.body.digest}, Evidence: p.evidence, Events: news,
		}, nil
	})
	if err != nil {
		return Accepted{}, err
	}
	h.body.lent = false
	if !recorded {
		acc, _, err := h.n.earlier(ctx, o.earlier.Position)
		acc.Warnings = slices.Concat(p.warnings, p.notes)
		return acc, err
	}
	if p.stream == directory.Stream {
		if err := h.n.CatchUp(ctx); err != nil {
			return Accepted{}, err
		}
	}
	if p.stream == destruction.Stream {
		h.n.wakeDestruction()
	}
	first := &sealed.Events[0]
	receipt, err := h.n.receipt(sealed, 0)
	if err != nil {
		return Accepted{}, err
	}
	return Accepted{
		SHA256: h.body.digest, Kind: string(h.kind), Document: documentKey(p.stream), Stream: p.stream,
		Position: first.Position, At: first.Statement.Time, Assurance: p.assurance,
		Resent: o.resent, Receipt: receipt, Warnings: slices.Concat(p.warnings, p.notes),
	}, nil
}

// cause is the peer's event, when a peer hands over what it had accepted, or what the node acts on.
func (h *handIn) cause() *events.Address {
	if h.peer == nil {
		return h.follows
	}
	a := h.peer.Hop.Address()
	return &a
}

// recordedPackage is what the store takes in. Only conclude makes one, from a plan, which only verification makes.
type recordedPackage struct {
	schemas.Source
	digest events.Digest
}

func (p recordedPackage) Digest() events.Digest { return p.digest }

// counted is the end of every hand-in: the counters, and the refusal event where the design asks for one.
func (n *Node) counted(ctx context.Context, h *handIn, acc Accepted, err error) {
	if err == nil {
		outcome := "new"
		switch {
		case acc.Duplicate:
			outcome = "earlier"
		case acc.Resent:
			outcome = "resent"
		}
		n.metrics.accepted.WithLabelValues(acc.Kind, outcome).Inc()
		return
	}
	r := AsRefusal(err)
	n.metrics.refusal(r.Code)
	if !recordable(r) || h.sender == "" {
		return
	}
	if !n.refusals.allow(h.caller.Client, n.c.Now(), n.l.RefusalsPerMin) {
		n.c.Log.Warn("refusal not recorded: too many from this client", "client", h.caller.Client, "code", r.Code)
		return
	}
	if err := n.recordRefusal(ctx, h, r); err != nil {
		n.c.Log.Error("couldn't record refusal", "client", h.caller.Client, "code", r.Code, "error", err)
	}
}

// recordable says whether a refusal is one about the package (not about the request, the load or the node).
func recordable(r *Refusal) bool {
	return (r.Code >= 2000 && r.Code < 6000 || r.Code >= 7000 && r.Code < 8000) && !r.Retryable
}

// Refuses says whether a published number is one under which refusals are recorded.
func Refuses(code int) bool {
	known := slices.ContainsFunc(catalogue, func(e Entry) bool { return e.Code == code })
	return known && recordable(Refuse(code))
}

func (n *Node) recordRefusal(ctx context.Context, h *handIn, r *Refusal) error {
	var random [16]byte
	if _, err := io.ReadFull(n.c.Rand, random[:]); err != nil {
		return fmt.Errorf("couldn't name refusal stream: %w", err)
	}
	command := refusal.Record{
		Digest: h.body.digest, Caller: h.caller.Client, Sender: h.org, Code: strconv.Itoa(r.Code),
		Secret: h.secret || r.Code == CodeSecret,
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.l.CloseAppend)
	defer cancel()
	_, _, err := n.Record(ctx, Step{Stream: refusal.Stream(random), Decide: func(history []events.Event) ([]events.New, error) {
		var s refusal.State
		for _, e := range history {
			var err error
			if s, err = refusal.Fold(s, e); err != nil {
				return nil, err
			}
		}
		return refusal.Decide(s, command)
	}})
	return err
}
