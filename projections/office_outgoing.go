package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/internal/view"
)

// Outgoing documents. A row is there from the first version of the draft on. Once it has a number the document also stands in the
// register (targetIssued), whose lists are in order of the numbers; a number that is void stays there. What recipients do with it is
// told by the document that was sent: docState.maker leads from there to the target, followUp takes in what has changed.

// outgoingStates number view.Outgoing*. Only add at the end.
var outgoingStates = [...]string{
	1: view.OutgoingDraft, 2: view.OutgoingSubmitted, 3: view.OutgoingSentBack, 4: view.OutgoingSigned, 5: view.OutgoingNumbering,
	6: view.OutgoingNumbered, 7: view.OutgoingIssued, 8: view.OutgoingCancelled, 9: view.OutgoingRecalled,
}

// outgoingOf is the state of a phase. What is sealed shows as numbered.
func outgoingOf(p outgoing.Phase) uint8 {
	if p == outgoing.PhaseSealed {
		p = outgoing.PhaseNumbered
	}
	return uint8(max(slices.Index(outgoingStates[1:], string(p))+1, 0))
}

// outgoingRow is what is kept of an outgoing document.
type outgoingRow struct {
	State outgoing.State `json:"state"`

	At      int64   `json:"at"`                // when it was begun
	Text    uint64  `json:"text,omitempty"`    // event of the latest version
	Step    uint64  `json:"step"`              // event since when it lies where it lies
	StepAt  int64   `json:"step_at"`           //
	StepBy  string  `json:"step_by,omitempty"` // person who laid it there
	IssueBy string  `json:"by,omitempty"`      // day by which it should go out
	Asked   []asked `json:"asked,omitempty"`   // opinions that are not given
	About   uint64  `json:"about,omitempty"`   // target that it updates, replaces, corrects or copies

	// Follow-up, once it was sent.
	TakeBy  string     `json:"take_by,omitempty"` // day by which recipients should have taken it
	Untaken uint32     `json:"untaken,omitempty"` // recipients that have not
	Refused []refusing `json:"refused,omitempty"` // recipients that gave it back

	Destroyed bool `json:"destroyed,omitempty"` // the words of the latest version were
}

// asked is an opinion that somebody was asked for.
type asked struct {
	directory.Assignee
	By       string `json:"by"`
	Position uint64 `json:"position"`
	At       int64  `json:"at"`
	Due      string `json:"due,omitempty"`
}

// refusing is a recipient that gave the document back.
type refusing struct {
	Org      string `json:"org"`
	Position uint64 `json:"position"`
	At       int64  `json:"at"`
}

// outgoingWords are the words that lists show.
type outgoingWords struct {
	Subject  string   `json:"subject,omitempty"`
	Number   string   `json:"number,omitempty"` // số và ký hiệu
	ToPlaces []string `json:"to_places,omitempty"`
	KeptBy   string   `json:"kept_by,omitempty"`
	Void     string   `json:"void,omitempty"` // why its number is void, or it was given up
}

// place in the register: year, series, number. It is the number of the target.
func registerPlace(year int, series uint32, n int) uint64 {
	return uint64(year)<<placeYear | uint64(series)<<placeSeries | uint64(n)
}

// Bits of a place: numbering.Max is below 1<<24.
const (
	placeSeries = 24
	placeYear   = 51
)

// placeNumber is the number in series and year.
func placeNumber(place uint64) int { return int(place & (1<<placeSeries - 1)) }

func (r *outgoingRow) fold(ctx context.Context, b *batch, t *target, e *decoded) error {
	var err error
	if r.State, err = outgoing.Fold(r.State, e.Event); err != nil {
		return err
	}
	var who struct {
		Person string `json:"person"`
		For    string `json:"for"`
	}
	if err := json.Unmarshal(e.Statement.Data, &who); err != nil {
		return fmt.Errorf("couldn't read data: %w", err)
	}
	by := who.Person
	if who.For != "" {
		by = who.For
	}
	at := micros(e.Statement.Time)
	step := func() { r.Step, r.StepAt, r.StepBy = e.Position, at, by }
	office, _ := b.office(b.texts(t.org))
	due := func(what string) string {
		if office == nil {
			return ""
		}
		return office.Due(what, r.State.Latest.Priority, e.Statement.Time)
	}
	switch e.Statement.Name {
	case outgoing.NameOpened:
		r.At = at
		step()
	case outgoing.NameRevised:
		err = r.revised(ctx, b, t, e)
	case outgoing.NameOpinionAsked:
		err = r.opinionAsked(e, by)
	case outgoing.NameOpinionGiven:
		r.opinionGiven(office, who.Person, who.For)
	case outgoing.NameSubmitted, outgoing.NameApproved, outgoing.NameSentBack:
		step()
	case outgoing.NameSigned:
		step()
		r.Asked, r.IssueBy = nil, due("issue")
	case outgoing.NameIssueAsked, outgoing.NameSendRefused:
		step()
	case outgoing.NameNumbered:
		err = r.numbered(ctx, b, t, e)
	case outgoing.NameSent:
		step()
		if office != nil {
			r.TakeBy = office.Calendar.Add(directory.Day(e.Statement.Time), 1)
		}
		b.noteFor(t, noteDone, "", strconv.Itoa(r.State.Number), r.State.Author())
		err = r.sent(ctx, b, t)
	case outgoing.NameCancelled:
		step()
		r.Asked = nil
		err = r.cancelled(t, e)
	}
	r.settle(t)
	return err
}

// settle sets what of the row stands in columns.
func (r *outgoingRow) settle(t *target) {
	t.state, t.due = outgoingOf(r.State.Phase), ""
	switch r.State.Phase {
	case outgoing.PhaseSubmitted:
		t.due = r.State.Chain.Due
	case outgoing.PhaseSigned, outgoing.PhaseNumbering, outgoing.PhaseNumbered, outgoing.PhaseSealed:
		t.due = r.IssueBy
	}
}

// words reads those of the target.
func (t *target) outgoingWords() (w outgoingWords, err error) {
	if t.facts == nil {
		return w, nil
	}
	if err := json.Unmarshal(t.facts, &w); err != nil {
		return w, fmt.Errorf("couldn't read words of %s %s: %w", t.kind, t.name, err)
	}
	return w, nil
}

// say changes the words that lists show.
func (t *target) say(change func(*outgoingWords)) error {
	w, err := t.outgoingWords()
	if err != nil {
		return err
	}
	change(&w)
	if t.facts, err = json.Marshal(w); err != nil {
		return fmt.Errorf("couldn't write words: %w", err)
	}
	return nil
}

func (r *outgoingRow) revised(ctx context.Context, b *batch, t *target, e *decoded) error {
	r.Text, r.Destroyed, r.About = e.Position, e.Destroyed, 0
	about := r.State.Latest.RelatedTo
	if c := r.State.Opened.Copy; c != nil {
		about = c.Outgoing
	}
	if about != "" {
		other, err := b.target(ctx, targetOutgoing, b.texts(t.org), about)
		if err != nil {
			return err
		}
		if other != nil {
			r.About = other.id
		}
	}
	var f outgoing.RevisedFacts
	if e.Facts != nil {
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return fmt.Errorf("couldn't read facts: %w", err)
		}
	}
	err := t.say(func(w *outgoingWords) { w.Subject, w.ToPlaces, w.KeptBy = f.Subject, f.ToPlaces, f.KeptBy })
	if err != nil {
		return err
	}
	b.search(e, t, r.tokens(b, &f, "", ""))
	return nil
}

// tokens of what the document says.
func (r *outgoingRow) tokens(b *batch, f *outgoing.RevisedFacts, number, notation string) []byte {
	known := document.Facts{
		CodeNumber: number, CodeNotation: notation, TypeName: r.State.Latest.Type, Subject: f.Subject, Content: f.Content,
		SenderName: strings.Join(f.ToPlaces, " "), PromulgationDate: r.State.Issue.Date,
	}
	for _, a := range f.Files {
		known.Attachments = append(known.Attachments, document.AttachmentFacts{Name: a.Name})
	}
	s := makeSearchable(&known)
	tokens := s.tokens
	for _, to := range r.State.Latest.Recipients {
		tokens = appendOrg(tokens, signRecipient, to.Org)
	}
	return tokens
}

func (r *outgoingRow) opinionAsked(e *decoded, by string) error {
	var d outgoing.OpinionAsked
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return fmt.Errorf("couldn't read data: %w", err)
	}
	for _, a := range d.Of {
		r.Asked = append(r.Asked, asked{Assignee: a, By: by, Position: e.Position, At: micros(e.Statement.Time), Due: d.Due})
	}
	return nil
}

// opinionGiven takes away what was asked of the person, of whom it was given for, and of units of theirs.
func (r *outgoingRow) opinionGiven(office *directory.Office, who ...string) {
	r.Asked = slices.DeleteFunc(slices.Clone(r.Asked), func(a asked) bool {
		if a.Person != "" {
			return slices.Contains(who, a.Person)
		}
		return office != nil && slices.ContainsFunc(who, func(id string) bool {
			p, ok := office.Person(id)
			return ok && slices.ContainsFunc(p.Duties, func(d directory.Duty) bool { return d.Unit != "" && office.Within(d.Unit, a.Unit) })
		})
	})
}

// numbered puts it into the register, and makes it findable by its number.
func (r *outgoingRow) numbered(ctx context.Context, b *batch, t *target, e *decoded) error {
	t.number = registerPlace(r.State.Issue.Year, b.id(r.State.Issue.Series), r.State.Number)
	var f outgoing.NumberedFacts
	if e.Facts != nil {
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return fmt.Errorf("couldn't read facts: %w", err)
		}
	}
	if err := t.say(func(w *outgoingWords) {
		w.Number = codeOf(&document.Facts{CodeNumber: f.Number, CodeNotation: f.Notation})
	}); err != nil {
		return err
	}
	var text outgoing.RevisedFacts
	facts, err := b.actFacts(ctx, t, r.Text)
	if err != nil {
		return err
	}
	if facts != nil {
		if err := json.Unmarshal(facts, &text); err != nil {
			return fmt.Errorf("couldn't read facts of event %d: %w", r.Text, err)
		}
	}
	b.search(e, t, r.tokens(b, &text, f.Number, f.Notation))
	return nil
}

// actFacts are the words of an earlier event of the target.
func (b *batch) actFacts(ctx context.Context, t *target, position uint64) (facts []byte, err error) {
	for i := len(b.acts) - 1; i >= 0; i-- {
		if b.acts[i].event.Position == position {
			return b.acts[i].event.Facts, nil
		}
	}
	if err := b.w.find.actFacts.QueryRowContext(ctx, t.id, position).Scan(&facts); err != nil {
		return nil, fmt.Errorf("couldn't load event %d: %w", position, err)
	}
	return facts, nil
}

// sent binds the target to the document that went out.
func (r *outgoingRow) sent(ctx context.Context, b *batch, t *target) error {
	if r.State.Sent.Document == "" {
		return nil
	}
	k, err := parseKey(r.State.Sent.Document)
	if err != nil {
		return err
	}
	d, err := b.document(ctx, k)
	if err != nil {
		return err
	}
	if d == nil {
		return fmt.Errorf("document %s was sent, and is not in views.db", r.State.Sent.Document)
	}
	t.doc = d.id
	d.maker = streamKey(targetStream(t.kind, b.texts(t.org), t.name))
	b.touchDoc(d)
	r.Untaken = d.untaken()
	return nil
}

func (r *outgoingRow) cancelled(t *target, e *decoded) error {
	var f outgoing.ReasonFacts
	if e.Facts != nil {
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return fmt.Errorf("couldn't read facts: %w", err)
		}
	}
	return t.say(func(w *outgoingWords) { w.Void = f.Reason })
}

// untaken counts recipients that have not taken the document.
func (d *docState) untaken() uint32 {
	return d.counts[stateWaiting] + d.counts[stateQueued] + d.counts[stateRetrying] + d.counts[stateFailed]
}

// madeBy is the outgoing document as which an agency made a document, nil if none did.
func (b *batch) madeBy(ctx context.Context, d *docState) (*target, *outgoingRow, error) {
	if d.maker == (key{}) {
		return nil, nil, nil
	}
	t, err := b.targetOf(ctx, d.maker)
	if err != nil {
		return nil, nil, err
	}
	if t == nil {
		return nil, nil, fmt.Errorf("document %d was made by nothing that is in views.db", d.id)
	}
	return t, t.row.(*outgoingRow), nil
}

// followUp takes in that a recipient has taken the document, or that it can't be sent.
func (b *batch) followUp(ctx context.Context, d *docState) error {
	t, r, err := b.madeBy(ctx, d)
	if t == nil || err != nil || r.Untaken == d.untaken() {
		return err
	}
	r.Untaken = d.untaken()
	b.touchTarget(t)
	return nil
}

// statusRefused is the code by which a recipient gives a document back.
const statusRefused = "02"

// followStatus takes in what a recipient says: one that gave it back and then says something else has it after all.
func (b *batch) followStatus(ctx context.Context, e *decoded, d *docState, reporter, code string) error {
	t, r, err := b.madeBy(ctx, d)
	if t == nil || err != nil {
		return err
	}
	if reporter != b.texts(d.org) {
		b.noteFor(t, noteStatus, "", code, r.State.Author())
	}
	i := slices.IndexFunc(r.Refused, func(f refusing) bool { return f.Org == reporter })
	switch {
	case code == statusRefused && i < 0:
		r.Refused = append(r.Refused, refusing{Org: reporter, Position: e.Position, At: micros(e.Statement.Time)})
	case code != statusRefused && i >= 0 && reporter != b.texts(d.org):
		r.Refused = slices.Delete(slices.Clone(r.Refused), i, i+1)
	default:
		return nil
	}
	b.touchTarget(t)
	return nil
}
