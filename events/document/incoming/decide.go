package incoming

import (
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/numbering"
)

// What the agency's deadline rules call the steps.
const (
	stepRegister = "register"
	stepPresent  = "present"
	stepAssign   = "assign"
	stepHandle   = "handle"
)

// Decide judges one act of a person. A refusal is a *Refusal.
func Decide(s State, c Command) ([]events.New, error) {
	if c.Office == nil || c.At.IsZero() || c.ID == "" {
		return nil, fmt.Errorf("couldn't decide %T: no office, time or document", c.Act)
	}
	if err := s.may(c.Act.act(), c.Standing, c.Exchange); err != nil {
		return nil, err
	}
	j := judge{By: c.By, s: s, org: c.Org, id: c.ID, x: c.Exchange, today: directory.Day(c.At)}
	switch a := c.Act.(type) {
	case Register:
		return j.register(a)
	case Enter:
		return j.enter(a)
	case Refuse:
		return j.refuse(a)
	case Present:
		return j.present(a)
	case Assign:
		return j.assign(a)
	case TransferBack:
		return j.transferBack(a)
	case Start:
		return one(NameHandlingStarted, HandlingStarted{
			Person: c.Standing.Person, For: c.Standing.For, Late: j.late(), Judged: c.judged(),
		}, NoteFacts(a))
	case Opine:
		if a.Text == "" {
			return nil, refuse(ReasonIncomplete, "Text")
		}
		return one(NameOpinionGiven, OpinionGiven{Person: c.Standing.Person, For: c.Standing.For, Judged: c.judged()}, OpinionFacts(a))
	case ChangeDeadline:
		return j.changeDeadline(a)
	case LinkReply:
		return j.linkReply(a)
	case Finish:
		return one(NameFinished, Finished{
			Person: c.Standing.Person, For: c.Standing.For, Late: j.late(), Judged: c.judged(),
		}, FinishedFacts(a))
	case Agree:
		return j.answer(true, a.Reason)
	case Decline:
		if a.Reason == "" {
			return nil, refuse(ReasonIncomplete, "Reason")
		}
		return j.answer(false, a.Reason)
	case Reopen:
		if a.Reason == "" {
			return nil, refuse(ReasonIncomplete, "Reason")
		}
		return one(NameReopened, Reopened{Person: c.Standing.Person, For: c.Standing.For, Judged: c.judged()}, ReasonFacts(a))
	}
	return nil, fmt.Errorf("couldn't decide act %T", c.Act)
}

func one(name string, data, facts any) ([]events.New, error) {
	return []events.New{{Name: name, Data: data, Facts: facts}}, nil
}

func (b By) judged() time.Time { return b.At.UTC() }

// judge is one act under judgement, which the person may do.
type judge struct {
	By
	s     State
	org   string
	id    string
	x     *Exchange
	today string
}

// late says whether the step that is due comes after its day.
func (j *judge) late() bool { return passed(j.s.Due, j.today) }

// passed compares days: both are yyyy-MM-dd.
func passed(due, today string) bool { return due != "" && due < today }

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil && len(s) == len(time.DateOnly)
}

// asked is the clerk's wish for a number of a register. The day by which the document must be before a leader counts from when it came
// (Decree 30/2020/NĐ-CP, Art. 23), not from when somebody took it in hand.
func (j *judge) asked(id, kind string, priority int, came time.Time) (RegistrationAsked, error) {
	r, ok := j.Office.RegisterFor(kind)
	if id != "" {
		r, ok = j.Office.Register(id)
	}
	if !ok || r.Closed {
		return RegistrationAsked{}, refuse(ReasonRegister, id)
	}
	return RegistrationAsked{
		Person: j.Standing.Person, For: j.Standing.For, Register: r.ID, Org: j.otherBooks(), Book: numbering.Register(r.ID),
		Year: j.At.In(directory.Vietnam).Year(), Priority: priority, Due: j.Office.Due(stepPresent, priority, came), Judged: j.judged(),
	}, nil
}

// otherBooks names the agency in whose books it is numbered, if that is not the stream's: who succeeds an agency registers in its own.
func (j *judge) otherBooks() string {
	if j.org == "" || j.org == j.Office.Org {
		return ""
	}
	return j.Office.Org
}

func (j *judge) register(a Register) ([]events.New, error) {
	if j.x == nil {
		return nil, refuse(ReasonUnknown)
	}
	came := j.x.Arrived
	if came.IsZero() {
		came = j.At
	}
	d, err := j.asked(a.Register, "", j.x.Priority, came)
	if err != nil {
		return nil, err
	}
	d.Document = j.x.Document
	d.Late = !j.x.Arrived.IsZero() && passed(j.Office.Due(stepRegister, d.Priority, j.x.Arrived), j.today)
	return one(NameRegistrationAsked, d, nil)
}

// channels by which a document comes that does not come through the exchange.
var channels = []string{"paper", "mail", "fax", "by-hand", "other"}

func (j *judge) enter(a Enter) ([]events.New, error) {
	switch {
	case j.s.Entered():
		return nil, refuse(ReasonRegistered, j.id)
	case j.x != nil || isKey(j.id):
		return nil, refuse(ReasonExchange, j.id)
	case !slices.Contains(channels, a.Channel):
		return nil, refuse(ReasonIncomplete, "Channel", a.Channel)
	case a.Facts.Subject == "":
		return nil, refuse(ReasonIncomplete, "Subject")
	case a.Priority < 0 || a.Priority > 4 || a.Pages < 0:
		return nil, refuse(ReasonIncomplete, "Priority", fmt.Sprint(a.Priority))
	}
	if a.Received == "" {
		a.Received = j.today
	}
	for _, day := range []string{a.Received, a.Date} {
		switch {
		case day != "" && !isDay(day):
			return nil, refuse(ReasonDate, day)
		case day > j.today:
			return nil, refuse(ReasonFuture, day)
		}
	}
	if a.Asked != "" && !isDay(a.Asked) {
		return nil, refuse(ReasonDate, a.Asked)
	}
	came, _ := time.ParseInLocation(time.DateOnly, a.Received, directory.Vietnam)
	ask, err := j.asked(a.Register, a.Facts.TypeName, a.Priority, came)
	if err != nil {
		return nil, err
	}
	ask.Late = passed(j.Office.Due(stepRegister, a.Priority, came), j.today)
	return []events.New{
		{Name: NamePaperEntered, Data: PaperEntered{
			Person: j.Standing.Person, For: j.Standing.For, Channel: a.Channel, From: a.From, Date: a.Date, Received: a.Received,
			Asked: a.Asked, Pages: a.Pages, Files: len(a.Facts.Files), Judged: j.judged(),
		}, Facts: a.Facts},
		{Name: NameRegistrationAsked, Data: ask},
	}, nil
}

// isKey says whether an id is that of a document of the exchange. Nothing else may have such an id: the document could still come.
func isKey(id string) bool {
	return len(id) == 64 && !slices.ContainsFunc([]byte(id), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

func (j *judge) refuse(a Refuse) ([]events.New, error) {
	switch {
	case j.x == nil:
		return nil, refuse(ReasonUnknown)
	case a.Reason == "":
		return nil, refuse(ReasonIncomplete, "Reason")
	}
	return one(NameRefused, Refused{
		Person: j.Standing.Person, For: j.Standing.For, Document: j.x.Document, Judged: j.judged(),
	}, ReasonFacts(a))
}

func (j *judge) present(a Present) ([]events.New, error) {
	to, ok := j.Office.Standing(a.To, "", j.At)
	switch {
	case !ok:
		return nil, refuse(ReasonPerson, a.To)
	case !leader(to) && !to.Has(directory.RoleHead):
		return nil, refuse(ReasonPresentTo, a.To)
	case j.s.Phase == PhasePresented && j.s.Presented == a.To && !j.s.Returned:
		return nil, refuse(ReasonSame, a.To)
	}
	return one(NamePresented, Presented{
		Person: j.Standing.Person, For: j.Standing.For, To: a.To, Due: j.Office.Due(stepAssign, j.s.Priority, j.At),
		Late: j.s.Phase == PhaseRegistered && j.late(), Judged: j.judged(),
	}, NoteFacts{Note: a.Note})
}

func (j *judge) assign(a Assign) ([]events.New, error) {
	d := Assigned{
		Person: j.Standing.Person, For: j.Standing.For, Leader: leader(j.Standing), Again: j.s.Assigned(), Judged: j.judged(),
	}
	if len(a.Cooperating) > MaxCooperating {
		return nil, refuse(ReasonFull, fmt.Sprintf("%d cooperating, limit %d", len(a.Cooperating), MaxCooperating))
	}
	all := append([]directory.Assignee{a.InCharge}, a.Cooperating...)
	if err := j.assignees(all, d.Leader); err != nil {
		return nil, err
	}
	d.InCharge = all[0]
	if len(all) > 1 {
		d.Cooperating = all[1:]
	}
	var err error
	if d.Due, err = j.due(a, d.Leader); err != nil {
		return nil, err
	}
	if now := j.s.Assignment; d.Again && a.Opinion == "" && d.Due == j.s.Due && d.InCharge == now.InCharge && slices.Equal(d.Cooperating, now.Cooperating) {
		return nil, refuse(ReasonSame, d.InCharge.String())
	}
	d.Late = !d.Again && j.late()
	return one(NameAssigned, d, AssignedFacts{Opinion: a.Opinion})
}

// assignees judges those named, and names the unit of each person.
func (j *judge) assignees(all []directory.Assignee, byLeader bool) error {
	for i, a := range all {
		found, fault := j.Office.Assignable(a, j.At)
		if fault != directory.FaultNone {
			return refuse(map[directory.Fault]Reason{
				directory.FaultNobody: ReasonIncomplete, directory.FaultUnit: ReasonUnit, directory.FaultPerson: ReasonPerson,
				directory.FaultApart: ReasonApart,
			}[fault], a.String())
		}
		switch {
		case slices.Contains(all[:i], found):
			return refuse(ReasonTwice, a.String())
		case !byLeader && !j.Standing.Heads(found):
			return refuse(ReasonOutside, a.String())
		}
		all[i] = found
	}
	return nil
}

// due is the day by which an assignment is to be finished.
func (j *judge) due(a Assign, byLeader bool) (string, error) {
	again, limit := j.s.Assigned(), j.s.Assignment.Limit
	switch {
	case a.Due == "" && again:
		return j.s.Due, nil
	case a.Due == "" && limit != "":
		return limit, nil
	case a.Due == "":
		return j.Office.Due(stepHandle, j.s.Priority, j.At), nil
	case again && a.Due == j.s.Due:
		return a.Due, nil
	case again && j.late() && (!byLeader || a.Opinion == ""):
		return "", refuse(ReasonPassed, j.s.Due)
	}
	return a.Due, j.mayBeDue(a.Due, byLeader)
}

// mayBeDue judges a new deadline.
func (j *judge) mayBeDue(day string, byLeader bool) error {
	switch {
	case !isDay(day):
		return refuse(ReasonDate, day)
	case day < j.today:
		return refuse(ReasonPast, day)
	case !byLeader && j.s.Assignment.Limit != "" && day > j.s.Assignment.Limit:
		return refuse(ReasonBeyond, day, j.s.Assignment.Limit)
	}
	return nil
}

func (j *judge) transferBack(a TransferBack) ([]events.New, error) {
	if a.Reason == "" {
		return nil, refuse(ReasonIncomplete, "Reason")
	}
	return one(NameTransferredBack, TransferredBack{
		Person: j.Standing.Person, For: j.Standing.For, To: j.s.Assignment.By,
		Due: j.Office.Due(stepAssign, j.s.Priority, j.At), Judged: j.judged(),
	}, ReasonFacts(a))
}

func (j *judge) answer(agree bool, reason string) ([]events.New, error) {
	return one(NameRecallAnswered, RecallAnswered{
		Person: j.Standing.Person, For: j.Standing.For, Document: j.x.Document, By: j.x.By, Agree: agree, Judged: j.judged(),
	}, ReasonFacts{Reason: reason})
}

func (j *judge) changeDeadline(a ChangeDeadline) ([]events.New, error) {
	byLeader := leader(j.Standing)
	switch {
	case a.Reason == "":
		return nil, refuse(ReasonIncomplete, "Reason")
	case j.late() && !byLeader:
		return nil, refuse(ReasonPassed, j.s.Due)
	case a.Due == j.s.Due:
		return nil, refuse(ReasonSame, a.Due)
	}
	if err := j.mayBeDue(a.Due, byLeader); err != nil {
		return nil, err
	}
	return one(NameDeadlineChanged, DeadlineChanged{
		Person: j.Standing.Person, For: j.Standing.For, Due: a.Due, Before: j.s.Due, Leader: byLeader, Late: j.late(), Judged: j.judged(),
	}, ReasonFacts{Reason: a.Reason})
}

func (j *judge) linkReply(a LinkReply) ([]events.New, error) {
	switch {
	case (a.Document == "") == (a.Outgoing == ""):
		return nil, refuse(ReasonIncomplete, "Document")
	case slices.Contains(j.s.Replies, Reply{Document: a.Document, Outgoing: a.Outgoing}):
		return nil, refuse(ReasonLinked, a.Document+a.Outgoing)
	case !a.Own:
		return nil, refuse(ReasonReply, a.Document+a.Outgoing)
	case len(j.s.Replies) >= MaxReplies:
		return nil, refuse(ReasonFull, fmt.Sprintf("%d replies", len(j.s.Replies)))
	}
	return one(NameReplyLinked, ReplyLinked{
		Person: j.Standing.Person, For: j.Standing.For, Document: a.Document, Outgoing: a.Outgoing, Judged: j.judged(),
	}, nil)
}
