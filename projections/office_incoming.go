package projections

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/internal/view"
)

// Incoming documents: a row is there from the offer of a document to an agency that has an office, or from the entry of what came on
// paper; the events of its stream go on with it.

// incomingStates number view.Incoming*. Only add at the end.
var incomingStates = [...]string{
	1: view.IncomingArrived, 2: view.IncomingRegistered, 3: view.IncomingPresented, 4: view.IncomingAssigned, 5: view.IncomingHandling,
	6: view.IncomingFinished, 7: view.IncomingRefused, 8: view.IncomingWithdrawn,
}

const (
	incomingArrived   = 1
	incomingHandling  = 5
	incomingWithdrawn = 8
)

// incomingOf is the state of a phase.
func incomingOf(p incoming.Phase) uint8 {
	switch p {
	case incoming.PhaseRegistered:
		return 2
	case incoming.PhasePresented:
		return 3
	case incoming.PhaseAssigned:
		return 4
	case incoming.PhaseHandling:
		return incomingHandling
	case incoming.PhaseFinished:
		return 6
	case incoming.PhaseRefused:
		return 7
	case incoming.PhaseWithdrawn:
		return incomingWithdrawn
	}
	return incomingArrived
}

// incomingRow is what is kept of an incoming document.
type incomingRow struct {
	State incoming.State `json:"state,omitzero"`

	At       int64  `json:"at"`             // of arrival, microseconds
	Day      string `json:"day"`            // of arrival
	From     string `json:"from,omitempty"` // identity of who sent it
	Type     string `json:"type,omitempty"` // folded
	Date     string `json:"date,omitempty"` // of what came on paper
	Priority int    `json:"priority,omitempty"`
	By       string `json:"by,omitempty"` // day by which it should be registered

	Step     uint64 `json:"step"`             // event since when it lies where it lies
	StepAt   int64  `json:"step_at"`          //
	StepBy   string `json:"step_by,omitzero"` // person who laid it there
	Register int64  `json:"registered,omitempty"`
	Done     int64  `json:"done,omitempty"` // end of the work
	DoneLate bool   `json:"done_late,omitempty"`
	Asked    uint64 `json:"asked,omitempty"` // event by which the sender asks for it back, and is not answered
	AskedAt  int64  `json:"asked_at,omitempty"`
	Given    bool   `json:"given,omitempty"` // the agency has agreed to give it back
	Gone     bool   `json:"gone,omitempty"`  // taken back before anybody acted

	Measured measured `json:"measured,omitzero"`

	Package   *key `json:"package,omitempty"` // of what came on paper
	Destroyed bool `json:"destroyed,omitempty"`
}

// incomingWords are the words of what came on paper. Those of what came through the exchange lie with its document.
type incomingWords struct {
	Number   string `json:"number,omitempty"`
	Folded   string `json:"folded,omitempty"` // number as compared
	TypeName string `json:"type,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Signer   string `json:"signer,omitempty"`
	Code     string `json:"code,omitempty"`
	From     string `json:"from,omitempty"`
}

// arrived begins the row of a document that is offered to an agency with an office.
func (b *batch) arrived(ctx context.Context, d *docState, v *deliveryState) error {
	org := b.texts(v.org)
	office, ok := b.office(org)
	if !ok || v.peer != 0 || v.kind != kindDocument {
		return nil
	}
	name := hex.EncodeToString(d.key[:])
	t, err := b.target(ctx, targetIncoming, org, name)
	if err != nil {
		return err
	}
	if t == nil {
		if t, err = b.newTarget(v.id, targetIncoming, org, name); err != nil {
			return err
		}
	}
	row := t.row.(*incomingRow)
	if row.Step == 0 {
		row.Step, row.StepAt = v.id, v.offered
	}
	b.cameThrough(t, d)
	row.At, row.Day, row.Priority = v.offered, directory.Day(fromMicros(v.offered)), int(v.priority)
	row.By = office.Due("register", row.Priority, fromMicros(v.offered))
	row.settle(t)
	b.touchTarget(t)
	return nil
}

// cameThrough says which document of the exchange it is.
func (b *batch) cameThrough(t *target, d *docState) {
	row := t.row.(*incomingRow)
	t.doc = d.id
	row.From, row.Type = b.texts(d.org), d.typ
}

// arrivalOf is the row of a document that came through the exchange and has none yet: it came before the agency had an office, or is
// acted on before it is offered. nil if it came another way.
func (b *batch) arrivalOf(ctx context.Context, e *decoded, org, name string) (*target, error) {
	k, err := parseKey(name)
	if err != nil {
		return nil, nil
	}
	d, err := b.document(ctx, k)
	if d == nil || err != nil {
		return nil, err
	}
	v, err := b.delivery(ctx, deliveryKey(name, org))
	if err != nil {
		return nil, err
	}
	if v != nil {
		if err := b.arrived(ctx, d, v); err != nil {
			return nil, err
		}
		if t, err := b.target(ctx, targetIncoming, org, name); t != nil || err != nil {
			return t, err
		}
	}
	t, err := b.newTarget(e.Position, targetIncoming, org, name)
	if err != nil {
		return nil, err
	}
	b.cameThrough(t, d)
	row := t.row.(*incomingRow)
	at := e.Statement.Time
	if v != nil {
		at = fromMicros(v.offered)
	}
	row.At, row.Day, row.Priority = micros(at), directory.Day(at), int(d.priority)
	return t, nil
}

// takenBack folds what the sender did to an item in the mailbox of an agency with an office: took it back before it was handed out
// (mark ""), or asked for it.
func (b *batch) takenBack(ctx context.Context, e *decoded, d *docState, v *deliveryState, asked bool) error {
	if v.kind != kindDocument || v.peer != 0 {
		return nil
	}
	org := b.texts(v.org)
	if _, ok := b.office(org); !ok {
		return nil
	}
	t, err := b.target(ctx, targetIncoming, org, hex.EncodeToString(d.key[:]))
	if t == nil || err != nil {
		return err
	}
	row := t.row.(*incomingRow)
	if asked {
		row.Asked, row.AskedAt, row.Given = e.Position, micros(e.Statement.Time), false
		b.noteFor(t, noteRecalled, "", "", row.State.Assignment.InCharge.Person)
	} else {
		row.Gone = true
	}
	row.settle(t)
	b.touchTarget(t)
	return nil
}

// answered folds the agency's answer to a request for a document: a status 15 or 16.
func (b *batch) answered(ctx context.Context, d *docState, reporter string, agreed bool) error {
	if _, ok := b.office(reporter); !ok {
		return nil
	}
	t, err := b.target(ctx, targetIncoming, reporter, hex.EncodeToString(d.key[:]))
	if t == nil || err != nil {
		return err
	}
	row := t.row.(*incomingRow)
	if row.Asked == 0 {
		return nil
	}
	row.Asked, row.AskedAt, row.Given = 0, 0, agreed
	b.touchTarget(t)
	return nil
}

// settle sets what of the row stands in columns.
func (r *incomingRow) settle(t *target) {
	s := &r.State
	t.state, t.number, t.due = incomingOf(s.Phase), uint64(s.Number), s.Due
	switch {
	case s.Phase == incoming.PhaseArrived && r.Gone:
		t.state, t.due = incomingWithdrawn, ""
	case s.Phase == incoming.PhaseArrived:
		t.due = r.By
	case !s.Open():
		t.due = ""
	}
}

func (r *incomingRow) fold(_ context.Context, b *batch, t *target, e *decoded) error {
	before := r.State
	var err error
	if r.State, err = incoming.Fold(before, e.Event); err != nil {
		return err
	}
	at := micros(e.Statement.Time)
	var who struct {
		Person string `json:"person"`
		For    string `json:"for"`
	}
	if err := json.Unmarshal(e.Statement.Data, &who); err != nil {
		return err
	}
	step := func() {
		r.Step, r.StepAt, r.StepBy = e.Position, at, who.Person
		if who.For != "" {
			r.StepBy = who.For
		}
	}
	switch e.Statement.Name {
	case incoming.NamePaperEntered:
		step()
		if err := r.entered(b, t, e); err != nil {
			return err
		}
	case incoming.NameRegistrationAsked:
		r.StepBy = who.Person
	case incoming.NameRegistered:
		r.Register, r.Step, r.StepAt = at, e.Position, at
	case incoming.NamePresented, incoming.NameAssigned, incoming.NameTransferredBack, incoming.NameReopened:
		step()
		r.Done, r.DoneLate = 0, false
	case incoming.NameFinished:
		var d incoming.Finished
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
			return err
		}
		r.Done, r.DoneLate = at, d.Late || before.Assigned() && before.Due != "" && directory.Day(e.Statement.Time) > before.Due
	case incoming.NameRefused:
		r.Done, r.Asked, r.AskedAt = at, 0, 0
	case incoming.NameWithdrawn:
		r.Done, r.Asked, r.AskedAt = at, 0, 0
	}
	office, _ := b.office(b.texts(t.org))
	r.measure(office, before, e)
	if e.Statement.Name == incoming.NameFinished {
		b.noteFor(t, noteDone, who.Person, "", before.Assignment.By)
	}
	r.settle(t)
	return nil
}

// entered takes in what came on paper.
func (r *incomingRow) entered(b *batch, t *target, e *decoded) error {
	var d incoming.PaperEntered
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return err
	}
	r.At, r.Day, r.From, r.Date = micros(e.Statement.Time), d.Received, d.From, d.Date
	if r.Day == "" {
		r.Day = directory.Day(e.Statement.Time)
	}
	if p := e.Statement.Package; p != nil {
		k := key(p.SHA256)
		r.Package = &k
	}
	r.Destroyed = e.Destroyed
	var f incoming.PaperFacts
	if e.Facts != nil {
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return fmt.Errorf("couldn't read facts: %w", err)
		}
		number := codeOf(&document.Facts{CodeNumber: f.Number, CodeNotation: f.Notation})
		words := incomingWords{Number: number, Folded: foldNumber(number), TypeName: f.TypeName, Subject: f.Subject, Signer: f.Signer, Code: f.FromCode, From: f.FromName}
		var err error
		if t.facts, err = json.Marshal(words); err != nil {
			return fmt.Errorf("couldn't write words: %w", err)
		}
	}
	known := document.Facts{
		CodeNumber: f.Number, CodeNotation: f.Notation, TypeName: f.TypeName, Subject: f.Subject, SenderName: f.FromName, PromulgationDate: d.Date,
		Signer: &document.SignerFacts{Name: f.Signer},
	}
	for _, a := range f.Files {
		known.Attachments = append(known.Attachments, document.AttachmentFacts{Name: a.Name})
	}
	s := makeSearchable(&known)
	r.Type = s.typ
	tokens := s.tokens
	if d.From != "" {
		tokens = appendOrg(tokens, signSender, d.From)
	}
	b.search(e, t, tokens)
	return nil
}

func (r *incomingRow) derive(d *derivation) {
	s := &r.State
	d.list(listType, r.Type)
	d.list(listParty, r.From)
	d.listNumber(listMonth, month(r.Day))
	d.list(listChannel, s.Channel)
	if s.Number > 0 {
		d.list(listBook, bookName(s.Register, s.Year))
		d.list(listShelf, s.Register)
		d.listNumber(listYear, uint64(s.Year))
	}
	if r.DoneLate && r.Done != 0 {
		d.listNumber(listLateDone, 0)
	}
	d.concern("", s.Presented)
	d.concern(s.Assignment.InCharge.Unit, s.Assignment.InCharge.Person)
	for _, list := range [][]directory.Assignee{s.Assignment.Cooperating, s.Before} {
		for _, a := range list {
			d.concern(a.Unit, a.Person)
		}
	}
	r.work(d)
	r.fact(d)
}

// work of an incoming document.
func (r *incomingRow) work(d *derivation) {
	s := &r.State
	item := workItem{since: r.Step, prio: uint8(r.priority()), due: d.due, body: workBody{Since: r.StepAt, From: r.StepBy}}
	clerk := func(what string) {
		item.what = workNumber(what)
		d.do(item, workPool, "", "")
	}
	switch s.Phase {
	case incoming.PhaseArrived:
		if !r.Gone {
			clerk(view.WorkRegister)
		}
	case incoming.PhaseRegistered:
		clerk(view.WorkPresent)
	case incoming.PhasePresented:
		item.what = workNumber(view.WorkAssign)
		if s.Returned {
			item.what = workNumber(view.WorkReturned)
		}
		item.body.Person = s.Presented
		d.list(listWith, s.Presented)
		d.do(item, workPerson, s.Presented, "")
	case incoming.PhaseAssigned, incoming.PhaseHandling:
		r.assigned(d, item, view.WorkHandle, s.Assignment.InCharge)
		for _, a := range s.Assignment.Cooperating {
			r.assigned(d, item, view.WorkCooperate, a)
		}
	}
	if r.Asked != 0 && d.state != incomingWithdrawn {
		d.do(workItem{since: r.Asked, what: workNumber(view.WorkAsked), prio: item.prio, body: workBody{Since: r.AskedAt}}, workPool, "", "")
	}
}

// assigned is the work of a unit or person.
func (r *incomingRow) assigned(d *derivation, item workItem, what string, a directory.Assignee) {
	item.what = workNumber(what)
	d.give(item, a.Unit, a.Person, r.State.Assignment.By)
}

func (r *incomingRow) priority() int { return max(r.Priority, r.State.Priority) }
