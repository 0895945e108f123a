package rerun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// Record is the record at random: events.Store and sqlitestore.Reader are ones. Streams that Apply has not at hand are read from it
// up to the position it has come to, so that memory does not grow with the record.
type Record interface {
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	Event(ctx context.Context, position uint64) (events.Event, error)
	Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error)
	OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error)
	FindPackage(ctx context.Context, sha256 events.Digest) ([]uint64, error)
}

// Options of a Rerun. Origin and Record are required.
type Options struct {
	Origin string
	Record Record
	// From is the first position to judge: what a run that was cut short had applied is not judged again. It must be the first event
	// of an append (Between).
	From uint64
	// Pinned are the administrators that the configuration let begin the directory. nil: not known, and told as unproved.
	Pinned []events.Digest
	// Destroyed says whether facts and package of an event were destroyed by a recorded decision. nil: what the record's own
	// decisions cover.
	Destroyed func(e events.Event) bool
	// Streams is how many states of streams are kept in memory; 0: 32768.
	Streams int
}

// Source gives what an event refers to, for who has it at hand. Nil functions: it is read from the Record. That the bytes are those that
// the statement names is for the verification of the store to say.
type Source struct {
	Evidence func() ([]byte, error)
	Package  func() (events.PackageReader, error)
}

// Mismatch is one event that the rules do not give.
type Mismatch struct {
	Position uint64
	Stream   string
	Name     string
	Rule     string // one word: basis, caller, package, evidence, signature, revocation, receipt, decision, data, facts, cause, form, stream, order, …
	Recorded string // what stands in the record, as far as it can be told in a line
	Given    string // what the rules give
}

func (m *Mismatch) Error() string {
	s := fmt.Sprintf("event %d (%s on %s) is not what the rules give: %s", m.Position, m.Name, m.Stream, m.Rule)
	if m.Recorded != "" {
		s += ": recorded " + m.Recorded
	}
	if m.Given != "" {
		s += ", by the rules: " + m.Given
	}
	return s
}

func mismatch(e events.Event, rule, recorded, given string) *Mismatch {
	return &Mismatch{Position: e.Position, Stream: e.Statement.Stream, Name: e.Statement.Name, Rule: rule, Recorded: short(recorded), Given: short(given)}
}

// maxShown bounds what a Mismatch shows of recorded and given data, in bytes.
const maxShown = 400

func short(s string) string {
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

// Report says what a Rerun has judged.
type Report struct {
	Events   uint64 // judged
	Appends  uint64 // decisions they came from
	Packages uint64 // parsed and their signatures verified again
	Unproved []Unproved
}

// Unproved is something that the record alone can not prove, however right it may be.
type Unproved struct {
	What  bilingual.Text
	Count uint64
	First uint64 // position of the first event it is about
}

// Prepared is an event on its way to Apply.
type Prepared struct {
	e         events.Event
	bad       error             // found by Prepare, told by Apply, so that the first bad event is told first
	snapshot  *gateway.Snapshot // of the event's basis
	work      any
	src       Source
	late      bool // nothing is prepared: Record does not have its basis yet
	destroyed bool // the package is gone, by a recorded decision
	unproved  []bilingual.Text
	before    any // state of the stream before the event
}

// Event is the event itself.
func (p *Prepared) Event() events.Event { return p.e }

// Rerun judges one record. Apply and Finish are for one goroutine, Prepare for any number; all may run side by side.
type Rerun struct {
	o      Options
	rows   []row
	bases  *bases
	states *states
	shared shared
	open   open

	next     uint64
	append   appending
	report   Report
	unproved map[bilingual.Text]*Unproved
}

// appending is the append that is being applied.
type appending struct {
	first      events.Event
	rest       []events.New
	asRecorded bool
}

// New begins at o.From. It reads the directory and the policy.
func New(ctx context.Context, o Options) (*Rerun, error) {
	if o.Origin == "" || o.Record == nil {
		return nil, errors.New("couldn't judge record: origin and record are required")
	}
	if o.Streams <= 0 {
		o.Streams = 32768
	}
	if o.Destroyed == nil {
		var err error
		if o.Destroyed, err = destroyed(ctx, o.Record); err != nil {
			return nil, fmt.Errorf("couldn't judge record: %w", err)
		}
	}
	r := &Rerun{
		o: o, rows: table(), bases: newBases(), next: o.From,
		unproved: make(map[bilingual.Text]*Unproved), open: newOpen(), shared: newShared(),
	}
	r.states = newStates(o.Record, r.rows, o.Streams)
	r.states.at, r.states.complete = o.From, o.From == 0
	return r, r.bases.load(ctx, o.Record)
}

// Prepare does what does not depend on other streams. What is wrong with the record it leaves to Apply to say; an error means that it
// could not be judged (ctx ended, the disk failed).
func (r *Rerun) Prepare(ctx context.Context, e events.Event, src Source) (*Prepared, error) {
	p := &Prepared{e: e}
	if !r.bases.has(e.Statement.Basis) {
		p.src, p.late = src, true
		return p, nil
	}
	return p, r.prepared(ctx, p, src)
}

func (r *Rerun) prepared(ctx context.Context, p *Prepared, src Source) error {
	err := r.prepare(ctx, p, src)
	var bad *Mismatch
	if errors.As(err, &bad) {
		p.bad, err = bad, nil
	}
	if err != nil {
		return fmt.Errorf("couldn't judge event %d: %w", p.e.Position, err)
	}
	return nil
}

func (r *Rerun) prepare(ctx context.Context, p *Prepared, src Source) (err error) {
	row, ok := rowOf(r.rows, p.e.Statement.Stream)
	if !ok {
		return mismatch(p.e, "stream", "", "no rules for such a stream")
	}
	if p.e.Statement.Origin != r.o.Origin {
		return mismatch(p.e, "origin", p.e.Statement.Origin, r.o.Origin)
	}
	if p.snapshot, err = r.bases.at(p.e); err != nil || row.prepare == nil {
		return err
	}
	return row.prepare(ctx, r, p, src)
}

// Apply takes the next event in order, and gives a *Mismatch if the rules do not give it. Every other error means that it could not be
// judged. After an error the Rerun is of no further use.
func (r *Rerun) Apply(ctx context.Context, p *Prepared) error {
	if p.e.Position != r.next {
		return fmt.Errorf("couldn't judge event %d: event %d is expected", p.e.Position, r.next)
	}
	err := r.bases.read(p.e)
	if err == nil && p.late {
		err = r.prepared(ctx, p, p.src)
	}
	if err == nil {
		err = r.apply(ctx, p)
	}
	if err == nil {
		r.next++
		r.report.Events++
		return nil
	}
	var bad *Mismatch
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &bad):
		return bad
	}
	return fmt.Errorf("couldn't judge event %d: %w", p.e.Position, err)
}

func (r *Rerun) apply(ctx context.Context, p *Prepared) error {
	if r.append.rest != nil || r.append.asRecorded && r.append.continues(p.e) == "" {
		if err := r.append.take(p.e); err != nil {
			return err
		}
	} else {
		if p.bad != nil {
			return p.bad
		}
		if err := r.begin(ctx, p); err != nil {
			return err
		}
		r.report.Appends++
	}
	row, _ := rowOf(r.rows, p.e.Statement.Stream)
	r.states.at = p.e.Position
	if row.fold != nil {
		var err error
		if p.before, err = r.own(ctx, p.e); err != nil {
			return err
		}
		next, err := row.fold(p.before, p.e)
		if err != nil {
			return err
		}
		if !row.once {
			r.states.put(p.e.Statement.Stream, next)
		}
	}
	for _, what := range p.unproved {
		r.note(what, p.e.Position)
	}
	if row.applied != nil {
		return row.applied(ctx, r, p)
	}
	return nil
}

// own is the state of the event's stream before it.
func (r *Rerun) own(ctx context.Context, e events.Event) (any, error) {
	if e.Statement.Version == 0 {
		return nil, nil
	}
	if row, _ := rowOf(r.rows, e.Statement.Stream); row.once {
		return nil, mismatch(e, "order", fmt.Sprintf("version %d", e.Statement.Version), "one event in such a stream")
	}
	return r.states.state(ctx, e.Statement.Stream)
}

// begin decides the append that begins with p's event. Its decision may have read other streams a moment before: when the rules give
// something else on what those say now, they are asked about what those said since the decision can have begun.
func (r *Rerun) begin(ctx context.Context, p *Prepared) error {
	row, _ := rowOf(r.rows, p.e.Statement.Stream)
	r.states.at = p.e.Position
	c := &cut{s: r.states, at: p.e.Position}
	err := r.decide(ctx, row, p, c)
	var bad *Mismatch
	if !errors.As(err, &bad) || len(c.read) == 0 {
		return err
	}
	cuts, cerr := c.earlier(ctx, p.e)
	if cerr != nil {
		return cerr
	}
	slices.Sort(cuts)
	for _, at := range slices.Backward(slices.Compact(cuts)) {
		again := r.decide(ctx, row, p, &cut{s: r.states, at: at})
		if again == nil {
			return nil
		}
		if !errors.As(again, new(*Mismatch)) {
			return again
		}
	}
	return err
}

func (r *Rerun) decide(ctx context.Context, row row, p *Prepared, c *cut) error {
	g, err := row.decide(ctx, r, p, c)
	if errors.Is(err, gateway.ErrRejudged) {
		var wrong *gateway.RejudgeError
		errors.As(err, &wrong)
		return mismatch(p.e, wrong.Rule, "", wrong.Err.Error())
	}
	if err != nil {
		return err
	}
	return r.compare(p.e, g)
}

// compare says where an event differs from the first that the rules give, and takes note of the rest.
func (r *Rerun) compare(e events.Event, g given) error {
	s := &e.Statement
	actor, client := g.actor, g.client
	if actor == "" {
		actor = gateway.ActorNode
	}
	if client == "" {
		client = gateway.ClientNode
	}
	switch {
	case g.stream != "" && g.stream != s.Stream:
		return mismatch(e, "stream", s.Stream, g.stream)
	case len(g.events) == 0 && !g.asRecorded:
		return mismatch(e, "decision", s.Name, "nothing to record")
	case !g.asRecorded && s.Actor != actor:
		return mismatch(e, "actor", s.Actor, actor)
	case s.Client != client:
		return mismatch(e, "client", s.Client, client)
	case !sameAddress(s.Cause, g.cause):
		return mismatch(e, "cause", addressText(s.Cause), addressText(g.cause))
	case g.packaged != (s.Package != nil):
		return mismatch(e, "package", fmt.Sprint(s.Package != nil), fmt.Sprint(g.packaged))
	case (g.evidence == nil) != (s.Evidence == nil) || g.evidence != nil && *g.evidence != *s.Evidence:
		return mismatch(e, "evidence", fmt.Sprint(s.Evidence), fmt.Sprint(g.evidence))
	}
	if g.asRecorded {
		r.append = appending{first: e, asRecorded: true}
		return nil
	}
	if err := sameEvent(e, g.events[0]); err != nil {
		return err
	}
	r.append = appending{first: e}
	if len(g.events) > 1 {
		r.append.rest = g.events[1:]
	}
	return nil
}

// continues says in what an event is not of the append, "" if it is.
func (a *appending) continues(e events.Event) string {
	s, f := &e.Statement, &a.first.Statement
	switch {
	case s.Stream != f.Stream:
		return "stream " + f.Stream
	case !s.Time.Equal(f.Time):
		return "the time of the append it is of"
	case s.Actor != f.Actor || s.Client != f.Client:
		return "actor and client of the append it is of"
	case !sameAddress(s.Cause, f.Cause) || s.Basis != f.Basis:
		return "cause and basis of the append it is of"
	case (s.Package == nil) != (f.Package == nil) || s.Package != nil && *s.Package != *f.Package:
		return "the package of the append it is of"
	case s.Evidence != nil:
		return "no evidence: the first event of the append names it"
	}
	return ""
}

// take compares the next event of an append.
func (a *appending) take(e events.Event) error {
	if a.asRecorded {
		return nil
	}
	if why := a.continues(e); why != "" {
		return mismatch(e, "order", e.Statement.Stream, fmt.Sprintf("%s, after event %d", why, a.first.Position))
	}
	if err := sameEvent(e, a.rest[0]); err != nil {
		return err
	}
	if a.rest = a.rest[1:]; len(a.rest) == 0 {
		a.rest = nil
	}
	return nil
}

// sameEvent compares name, data and facts.
func sameEvent(e events.Event, n events.New) error {
	s := &e.Statement
	if s.Name != n.Name {
		return mismatch(e, "decision", s.Name, n.Name)
	}
	data, err := events.MarshalObject(n.Data)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, s.Data) {
		return mismatch(e, "data", string(s.Data), string(data))
	}
	if (n.Facts == nil) != (s.Facts == nil) {
		return mismatch(e, "facts", fmt.Sprintf("facts: %t", s.Facts != nil), fmt.Sprintf("facts: %t", n.Facts != nil))
	}
	if n.Facts == nil || e.Destroyed || e.Facts == nil {
		return nil
	}
	facts, err := events.MarshalObject(n.Facts)
	if err != nil {
		return err
	}
	if !bytes.Equal(facts, e.Facts) {
		return mismatch(e, "facts", "others than the package gives", "") // no content: the answer may be shown to anybody
	}
	return nil
}

func sameAddress(a, b *events.Address) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func addressText(a *events.Address) string {
	if a == nil {
		return "none"
	}
	return fmt.Sprintf("%s %d", a.Origin, a.Position)
}

// note adds to what is unproved.
func (r *Rerun) note(what bilingual.Text, position uint64) {
	u := r.unproved[what]
	if u == nil {
		u = &Unproved{What: what, First: position}
		r.unproved[what] = u
	}
	u.Count++
}

// One does both steps for the next event, for who has only one goroutine.
func (r *Rerun) One(ctx context.Context, e events.Event, src Source) error {
	p, err := r.Prepare(ctx, e, src)
	if err != nil {
		return err
	}
	return r.Apply(ctx, p)
}

// Between says whether the next event to apply begins an append: only there can another run go on (Options.From).
func (r *Rerun) Between() bool { return r.append.rest == nil && !r.append.asRecorded }

// Finish judges what spans streams, and says what is left open.
func (r *Rerun) Finish(ctx context.Context) (Report, error) {
	if r.append.rest != nil {
		e := r.append.first
		return r.report, mismatch(e, "order", "the record ends", fmt.Sprintf("%s would follow in the same append", r.append.rest[0].Name))
	}
	if err := r.finishOpen(ctx); err != nil {
		return r.report, err
	}
	r.report.Packages = r.shared.packages.Load()
	r.report.Unproved = nil
	for _, u := range slices.SortedFunc(maps.Values(r.unproved), func(a, b *Unproved) int { return strings.Compare(a.What.En, b.What.En) }) {
		r.report.Unproved = append(r.report.Unproved, *u)
	}
	return r.report, nil
}

// generations is a bounded map for many goroutines: what was not asked for since half of it was filled is forgotten.
type generations[K comparable, V any] struct {
	mu         sync.Mutex
	most       int
	young, old map[K]V
}

func (g *generations[K, V]) get(k K) (V, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	v, ok := g.young[k]
	if !ok {
		if v, ok = g.old[k]; ok {
			g.put(k, v)
		}
	}
	return v, ok
}

func (g *generations[K, V]) set(k K, v V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.put(k, v)
}

func (g *generations[K, V]) put(k K, v V) {
	if g.young == nil || len(g.young) >= g.most {
		g.young, g.old = make(map[K]V), g.young
	}
	g.young[k] = v
}
