package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// The work of an agency, as rows. Every incoming document, outgoing document and dossier of an agency that has an office is a
// target: one row of target, the events of its stream in act (as recorded, for its page), the lists it stands in (listed), and
// what somebody must do about it (work).
//
// A list is named by (agency, class, what) and holds targets in order of their id. Every filter of a question is such a list, so
// that a page is an intersection of lists that is read from its end: see office_list.go. Who may see a target is a list too: those of
// the persons and units whom it concerns. The lists and the work of a target follow from its row alone (derive), so that views
// made at once and views made step by step are the same.

// targetKind is what a target is. The numbers stand in classes and in views.db.
type targetKind uint8

const (
	targetIncoming targetKind = 1
	targetOutgoing targetKind = 2
	targetDossier  targetKind = 3
	// targetIssued is an outgoing document in its register. It has lists of its own: they hold the places in the register
	// (target.number) of those that have a number.
	targetIssued targetKind = 4
)

// kindNames are the words of package view and of streams.
var kindNames = [...]string{targetIncoming: "incoming", targetOutgoing: "outgoing", targetDossier: "dossier"}

func (k targetKind) String() string { return kindNames[k] }

// kindOf is the kind with a name, 0 if there is none.
func kindOf(name string) targetKind {
	return targetKind(max(slices.Index(kindNames[1:], name)+1, 0))
}

// Classes of lists. What stands in the list is a number of the dictionary unless said.
const (
	listAll      = 0  // every target of the kind; what is 0
	listState    = 1  // what is the state
	listPerson   = 2  // persons to whom it is or was given
	listUnit     = 3  // units to which it is or was given, or to somebody there
	listWith     = 4  // persons with whom it lies now
	listWithUnit = 5  // units with which it lies now
	listBook     = 6  // register, series or heading of the file plan, with the year: see bookName
	listMonth    = 7  // of arrival, issue or opening; what is yyyymm
	listType     = 8  // type name, folded
	listParty    = 9  // organisation on the other side
	listChannel  = 10 // other than the exchange
	listLateDone = 11 // done after the deadline; what is 0
	listAuthor   = 12 // who wrote it, or is in charge of it
	listShelf    = 13 // as listBook, of any year
	listYear     = 14 // what is the year
	listPool     = 15 // units to which it is or was given, and to nobody by name
	// Of outgoing documents.
	listAuthorUnit = 16 // unit of who wrote it
	listOpen       = 17 // neither issued nor given up; what is 0
	listValid      = 18 // its number is not void; what is 0
	listRole       = 23 // whoever has a role for a unit sees it: see roleName
	listAbout      = 22 // what is the id of the own document that it updates, replaces, corrects or copies
	// Of incoming documents.
	listInCharge = 19 // unit that is or was in charge
	listOutcome  = 20 // what is the outcome
	listDays     = 21 // what is the working days until it was finished, at most manyDays
)

// States of a dossier.
const (
	dossierOpen   = 1
	dossierClosed = 2
)

// class of a list of targets of a kind.
func (k targetKind) class(list uint8) uint8 { return uint8(k)<<classBits | list }

const classBits = 5 // of a class are the list

// row is the kind of the targets that stand in lists of this kind.
func (k targetKind) row() targetKind {
	if k == targetIssued {
		return targetOutgoing
	}
	return k
}

// place of the target in a list: its id, or its number in the register.
func (t *target) place(l listKey) uint64 {
	if targetKind(l.class>>classBits) == targetIssued {
		return t.number
	}
	return t.id
}

// bookName names a register, series or plan in one year.
func bookName(book string, year int) string { return fmt.Sprintf("%s/%d", book, year) }

// listKey names a list of an agency.
type listKey struct {
	class uint8
	what  uint64
}

func (l listKey) compare(o listKey) int {
	return cmp.Or(cmp.Compare(l.class, o.class), cmp.Compare(l.what, o.what))
}

// Classes of lists of work.
const (
	workPerson = 1 // with this person
	workPool   = 2 // for whoever is clerk: who is the unit, 0 the agency
	workHead   = 3 // for whoever heads the unit
	workUnit   = 4 // with the unit or with somebody for the unit
	workWatch  = 5 // given by this person to others
	workAll    = 6 // of the agency; who is 0
	// For whoever has another role: who is the unit, 0 the agency.
	workLeader     = 7
	workSpecialist = 8
	workStep       = 9 // of heads, at a step of a chain: what is given to a unit (workHead) is also for its specialists
)

// workNames number the things that work asks for. Only add at the end.
var workNames = [...]string{
	1: view.WorkRegister, 2: view.WorkPresent, 3: view.WorkAssign, 4: view.WorkHandle, 5: view.WorkCooperate, 6: view.WorkReturned,
	7: view.WorkApprove, 8: view.WorkSign, 9: view.WorkOpinion, 10: view.WorkIssue, 11: view.WorkDraft, 12: view.WorkTask,
	13: view.WorkDossier, 14: view.WorkNotTaken, 15: view.WorkRefusedBy, 16: view.WorkAsked,
}

func workNumber(name string) uint8 { return uint8(max(slices.Index(workNames[1:], name)+1, 0)) }

// noDue sorts after every day.
const noDue = "~"

// workItem is one thing that somebody must do. It follows from the row of its target: since and n tell it from the others.
type workItem struct {
	since uint64 // position of the event that asked for it
	n     uint8  // among those that the same event asked for
	what  uint8
	prio  uint8
	due   string // day, "" none
	body  workBody
	lists []listKey // of work
}

// workBody is what a line of a box shows and the target's row does not know.
type workBody struct {
	Since  int64  `json:"since"` // microseconds
	From   string `json:"from,omitempty"`
	Unit   string `json:"unit,omitempty"`
	Person string `json:"person,omitempty"`
}

// id of the row: place in the order of age.
func (w *workItem) id() int64 { return int64(w.since<<8 | uint64(w.n)) }

// rank is the urgency as it sorts, and sortDue the day.
func (w *workItem) rank() int64 { return int64(4 - min(w.prio, 4)) }

func (w *workItem) sortDue() string {
	if w.due == "" {
		return noDue
	}
	return w.due
}

func (w *workItem) equal(o *workItem) bool {
	return w.what == o.what && w.prio == o.prio && w.due == o.due && w.body == o.body && slices.Equal(w.lists, o.lists)
}

// target is one incoming document, outgoing document or dossier of an agency, as the writer and questions hold it.
type target struct {
	id      uint64
	kind    targetKind
	org     uint32
	name    string // its id within kind and agency
	doc     uint64 // document of the exchange, 0: none
	state   uint8
	version uint64 // events of its stream
	number  uint64 // in its register, series or plan, 0: none
	due     string // day by which it must be done; "" when there is none or it is done
	words   uint64 // its row in words, 0: that of doc
	row     targetRow
	facts   []byte // the words that lists show, of a shape of its kind; nil: none, or destroyed

	lists []listKey  // sorted
	work  []workItem // in order of id
	fact  countedFact

	// What views.db holds.
	hadLists []listKey
	hadWork  []workItem
	hadFact  countedFact

	isNew, dirty bool
}

// targetRow is what a kind keeps in target.body, as JSON: ids, codes and times, no words.
type targetRow interface {
	// fold takes in the next event of the target's stream. It sets state, number, due and facts of the target.
	fold(ctx context.Context, b *batch, t *target, e *decoded) error
	// derive works out lists and work from the target's row.
	derive(d *derivation)
}

// newRow gives the empty row of a kind.
func newRow(kind targetKind) (targetRow, error) {
	switch kind {
	case targetIncoming:
		return new(incomingRow), nil
	case targetOutgoing:
		return new(outgoingRow), nil
	case targetDossier:
		return new(dossierRow), nil
	}
	return nil, fmt.Errorf("no view knows targets of kind %d", kind)
}

// derivation gathers lists and work of a target.
type derivation struct {
	*target
	id func(string) uint32 // of the dictionary
}

// concern lets those see the target to whom it is or was given: a unit, a person in it, or a person.
func (d *derivation) concern(unit, person string) {
	d.list(listPerson, person)
	d.list(listUnit, unit)
	if person == "" {
		d.list(listPool, unit)
	}
}

// list puts the target into one. Names that are empty are no lists.
func (d *derivation) list(class uint8, name string) {
	if name != "" {
		d.listNumber(class, uint64(d.id(name)))
	}
}

func (d *derivation) listNumber(class uint8, what uint64) {
	d.lists = append(d.lists, listKey{d.kind.class(class), what})
}

// do adds work. For whom it is says the first list: the box of one person, or of whoever is clerk or head.
func (d *derivation) do(w workItem, class uint8, who string, watcher string) {
	w.n = 0
	for i := range d.work {
		if d.work[i].since == w.since {
			w.n++
		}
	}
	w.lists = []listKey{{class, uint64(d.id(who))}}
	if w.body.Unit != "" {
		w.lists = append(w.lists, listKey{workUnit, uint64(d.id(w.body.Unit))})
	}
	if watcher != "" && !(class == workPerson && who == watcher) {
		w.lists = append(w.lists, listKey{workWatch, uint64(d.id(watcher))})
	}
	w.lists = append(w.lists, listKey{workAll, 0})
	d.work = append(d.work, w)
}

// give adds work that lies with a unit or a person, and the lists of those with whom it lies. watcher gave it.
func (d *derivation) give(w workItem, unit, person, watcher string) {
	w.body.Unit, w.body.Person = unit, person
	d.list(listWith, person)
	d.list(listWithUnit, unit)
	if person != "" {
		d.do(w, workPerson, person, watcher)
	} else {
		d.do(w, workHead, unit, watcher)
	}
}

// derive works out anew where the target stands.
func (t *target) derive(id func(string) uint32) {
	t.lists, t.work, t.fact = nil, nil, countedFact{}
	d := &derivation{target: t, id: id}
	d.listNumber(listAll, 0)
	d.listNumber(listState, uint64(t.state))
	t.row.derive(d)
	slices.SortFunc(t.lists, listKey.compare)
	t.lists = slices.Compact(t.lists)
	slices.SortFunc(t.work, func(a, b workItem) int { return cmp.Compare(a.id(), b.id()) })
}

func (t *target) body() ([]byte, error) {
	b, err := json.Marshal(t.row)
	if err != nil {
		return nil, fmt.Errorf("couldn't write row of %s %s: %w", t.kind, t.name, err)
	}
	return b, nil
}

const targetColumns = "id, kind, org, name, doc, state, version, number, due, words, body, facts"

// scanTarget reads a row of target, with columns before it going to more.
func scanTarget(row scanner, t *target, more ...any) error {
	var body []byte
	if err := row.Scan(append(more, &t.id, &t.kind, &t.org, &t.name, &t.doc, &t.state, &t.version, &t.number, &t.due, &t.words, &body, &t.facts)...); err != nil {
		return err
	}
	var err error
	if t.row, err = newRow(t.kind); err != nil {
		return err
	}
	if err := json.Unmarshal(body, t.row); err != nil {
		return fmt.Errorf("couldn't read row of target %d: %w", t.id, err)
	}
	return nil
}

func (w *workBody) encode() ([]byte, error) {
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("couldn't write work: %w", err)
	}
	return b, nil
}

// month of a day as a number, 0 if it is none.
func month(day string) uint64 {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0
	}
	return uint64(t.Year()*100 + int(t.Month()))
}
