package dossier

import (
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/numbering"
)

// What the agency's deadline rules call the steps.
const (
	stepDossier = "dossier"
	stepHandle  = "handle"
)

// Decide judges one act of a person. A refusal is a *Refusal.
func Decide(s State, c Command) ([]events.New, error) {
	if c.Office == nil || c.At.IsZero() {
		return nil, fmt.Errorf("couldn't decide %T: no office or time", c.Act)
	}
	var task string
	if a, ok := c.Act.(FinishTask); ok {
		task = a.Task
	}
	if err := s.may(c.Act.act(), c.Standing, task); err != nil {
		return nil, err
	}
	j := judge{By: c.By, s: s, today: directory.Day(c.At)}
	switch a := c.Act.(type) {
	case Open:
		return j.open(a)
	case Classify:
		return j.classify(a)
	case Add:
		return j.add(a)
	case Remove:
		return j.remove(a)
	case Opine:
		if a.Text == "" {
			return nil, refuse(ReasonIncomplete, "Text")
		}
		return one(NameOpinionGiven, OpinionGiven{Person: j.Standing.Person, For: j.Standing.For, Judged: j.judged()}, TextFacts(a))
	case GiveTask:
		return j.giveTask(a)
	case FinishTask:
		return j.finishTask(a)
	case Decision:
		return j.decision(a)
	case HandOver:
		return j.handOver(a)
	case Close:
		return one(NameClosed, Closed{
			Person: j.Standing.Person, For: j.Standing.For, Items: s.InIt, Late: passed(s.Due, j.today), Judged: j.judged(),
		}, NoteFacts(a))
	case Reopen:
		if a.Reason == "" {
			return nil, refuse(ReasonIncomplete, "Reason")
		}
		return one(NameReopened, Reopened{Person: j.Standing.Person, For: j.Standing.For, Judged: j.judged()}, ReasonFacts(a))
	}
	return nil, fmt.Errorf("couldn't decide act %T", c.Act)
}

func one(name string, data, facts any) ([]events.New, error) {
	return []events.New{{Name: name, Data: data, Facts: facts}}, nil
}

// judge is one act under judgement, which the person may do.
type judge struct {
	By
	s     State
	today string
}

func (b By) judged() time.Time { return b.At.UTC() }

// passed compares days: both are yyyy-MM-dd.
func passed(due, today string) bool { return due != "" && due < today }

// day judges a deadline that was named.
func (j *judge) day(due string) error {
	if _, err := time.Parse(time.DateOnly, due); err != nil {
		return refuse(ReasonDate, due)
	}
	if due < j.today {
		return refuse(ReasonPast, due)
	}
	return nil
}

// entry finds the entry of the file plan and the period for which a dossier of a unit is kept under it.
func (j *judge) entry(code, retention, unit string) (string, error) {
	e, ok := j.Office.FilePlanEntry(code)
	if !ok || e.Closed || e.Unit != "" && !j.Office.Within(unit, e.Unit) && !leader(j.Standing) {
		return "", refuse(ReasonFilePlan, code)
	}
	if retention == "" {
		retention = e.Retention
	}
	if _, ok := j.Office.Retention(retention); !ok {
		return "", refuse(ReasonRetention, retention)
	}
	return retention, nil
}

func (j *judge) open(a Open) ([]events.New, error) {
	if a.Title == "" {
		return nil, refuse(ReasonIncomplete, "Title")
	}
	d := Opened{
		Person: j.Standing.Person, For: j.Standing.For, FilePlan: a.FilePlan, InCharge: a.InCharge, Unit: j.Standing.MainUnit(), Due: a.Due,
		Book: numbering.Dossiers, Year: j.At.In(directory.Vietnam).Year(), Judged: j.judged(),
	}
	if d.InCharge == "" {
		d.InCharge = j.Standing.Name()
	}
	if !j.Standing.Is(d.InCharge) {
		var err error
		if d.Unit, err = j.recipient(d.InCharge); err != nil {
			return nil, err
		}
		if !leader(j.Standing) && !j.Standing.HasFor(directory.RoleHead, d.Unit) {
			return nil, refuse(ReasonOutside, d.InCharge)
		}
	}
	var err error
	if d.Retention, err = j.entry(a.FilePlan, a.Retention, d.Unit); err != nil {
		return nil, err
	}
	if a.Due == "" {
		d.Due = j.Office.Due(stepDossier, 0, j.At)
	} else if err := j.day(a.Due); err != nil {
		return nil, err
	}
	return one(NameOpened, d, OpenedFacts{Title: a.Title})
}

// recipient judges a person who is to have the dossier in charge, and gives the unit.
func (j *judge) recipient(person string) (unit string, err error) {
	st, ok := j.Office.Standing(person, "", j.At)
	if !ok || !st.Handles() {
		return "", refuse(ReasonPerson, person)
	}
	return st.MainUnit(), nil
}

func (j *judge) classify(a Classify) ([]events.New, error) {
	d := Classified{
		Person: j.Standing.Person, For: j.Standing.For, FilePlan: a.FilePlan, Titled: a.Title != "", Judged: j.judged(),
	}
	if d.FilePlan == "" {
		d.FilePlan = j.s.FilePlan
	}
	var err error
	switch d.FilePlan == j.s.FilePlan {
	case true: // an entry closed since keeps what it has
		d.Retention = j.s.Retention
		if a.Retention != "" {
			d.Retention = a.Retention
		}
		if _, ok := j.Office.Retention(d.Retention); !ok {
			err = refuse(ReasonRetention, d.Retention)
		}
	default:
		d.Retention, err = j.entry(d.FilePlan, a.Retention, j.s.Unit)
	}
	switch {
	case err != nil:
		return nil, err
	case d.FilePlan == j.s.FilePlan && d.Retention == j.s.Retention && !d.Titled:
		return nil, refuse(ReasonSame, d.FilePlan)
	}
	return one(NameClassified, d, ClassifiedFacts{Title: a.Title, Reason: a.Reason})
}

func (j *judge) add(a Add) ([]events.New, error) {
	d := ItemAdded{
		Person: j.Standing.Person, For: j.Standing.For, Item: j.s.Items + 1, Files: len(a.Facts.Files), Judged: j.judged(),
	}
	switch {
	case (a.Document == nil) == (d.Files == 0):
		return nil, refuse(ReasonIncomplete, "Item")
	case d.Item > MaxItems:
		return nil, refuse(ReasonFull, fmt.Sprintf("%d items", j.s.Items))
	}
	if f := a.Document; f != nil {
		if err := f.check(); err != nil {
			return nil, err
		}
		if n, in := j.s.contains(f.Target); in {
			return nil, refuse(ReasonInside, fmt.Sprint(n))
		}
		d.Target, d.Document = &f.Target, f.Document
	}
	return one(NameItemAdded, d, a.Facts)
}

func (f *Found) check() error {
	if !f.Exists || f.Kind != KindIncoming && f.Kind != KindOutgoing {
		return refuse(ReasonDocument, f.Kind, f.ID)
	}
	return nil
}

func (j *judge) remove(a Remove) ([]events.New, error) {
	it, ok := j.s.items.Get(itemKey(a.Item))
	switch {
	case a.Reason == "":
		return nil, refuse(ReasonIncomplete, "Reason")
	case !ok || it.removed:
		return nil, refuse(ReasonItem, fmt.Sprint(a.Item))
	}
	return one(NameItemRemoved, ItemRemoved{
		Person: j.Standing.Person, For: j.Standing.For, Item: a.Item, Judged: j.judged(),
	}, ReasonFacts{Reason: a.Reason})
}

func (j *judge) giveTask(a GiveTask) ([]events.New, error) {
	switch {
	case a.Task == "" || len(a.Task) > 64:
		return nil, refuse(ReasonIncomplete, "Task")
	case a.Text == "":
		return nil, refuse(ReasonIncomplete, "Text")
	case j.s.Tasks >= MaxTasks:
		return nil, refuse(ReasonFull, fmt.Sprintf("%d tasks", j.s.Tasks))
	}
	if _, taken := j.s.tasks.Get(a.Task); taken {
		return nil, refuse(ReasonTaskTaken, a.Task)
	}
	to, fault := j.Office.Assignable(a.To, j.At)
	if fault != directory.FaultNone {
		return nil, refuse(map[directory.Fault]Reason{
			directory.FaultNobody: ReasonIncomplete, directory.FaultUnit: ReasonUnit, directory.FaultPerson: ReasonPerson,
			directory.FaultApart: ReasonApart,
		}[fault], a.To.String())
	}
	d := TaskGiven{Person: j.Standing.Person, For: j.Standing.For, Task: a.Task, To: to, Due: a.Due, Judged: j.judged()}
	switch {
	case a.Due != "":
		if err := j.day(a.Due); err != nil {
			return nil, err
		}
	case j.s.Due >= j.today:
		d.Due = j.s.Due
	default:
		d.Due = j.Office.Due(stepHandle, 0, j.At)
	}
	return one(NameTaskGiven, d, TextFacts{Text: a.Text, Files: a.Files})
}

func (j *judge) finishTask(a FinishTask) ([]events.New, error) {
	t, ok := j.s.tasks.Get(a.Task)
	switch {
	case !ok:
		return nil, refuse(ReasonTask, a.Task)
	case t.Done:
		return nil, refuse(ReasonTaskDone, a.Task)
	}
	return one(NameTaskFinished, TaskFinished{
		Person: j.Standing.Person, For: j.Standing.For, Task: a.Task, Late: passed(t.Due, j.today), Judged: j.judged(),
	}, ResultFacts{Result: a.Result, Files: a.Files})
}

func (j *judge) decision(a Decision) ([]events.New, error) {
	if a.Text == "" && a.Document == nil {
		return nil, refuse(ReasonIncomplete, "Text")
	}
	d := DecisionRecorded{Person: j.Standing.Person, For: j.Standing.For, Judged: j.judged()}
	if f := a.Document; f != nil {
		if err := f.check(); err != nil {
			return nil, err
		}
		d.Target, d.Document = &f.Target, f.Document
	}
	return one(NameDecisionRecorded, d, TextFacts{Text: a.Text, Files: a.Files})
}

func (j *judge) handOver(a HandOver) ([]events.New, error) {
	if a.To == j.s.InCharge {
		return nil, refuse(ReasonSame, a.To)
	}
	unit, err := j.recipient(a.To)
	switch {
	case err != nil:
		return nil, err
	case !leader(j.Standing) && !j.Standing.HasFor(directory.RoleHead, unit) && !j.Office.Within(unit, j.s.Unit):
		return nil, refuse(ReasonOutside, a.To)
	}
	return one(NameHandedOver, HandedOver{
		Person: j.Standing.Person, For: j.Standing.For, From: j.s.InCharge, To: a.To, Unit: unit, Judged: j.judged(),
	}, ReasonFacts{Reason: a.Reason})
}
