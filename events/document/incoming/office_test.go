package incoming

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/numbering"
)

// The office of the tests: units nv, of which nv1 is part, kt and vp.
//
//	an, binh  specialists of nv         em    clerk of the agency        ha    administrator
//	cuc       head of nv                dung  leader, and oanh another   khoa  auditor
//	giang     specialist of kt          phu   clerk of kt only           lan   head of vp, stands in for dung
//	hoa       head of kt                nam   has left                   quan  archivist
//	minh      specialist of kt, stands in for an as clerk only           son   specialist of nv1, stands in for an
//	an        is also clerk of the agency
var (
	monday = time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)
	office = &directory.Office{
		Org:   "H02",
		Units: []directory.Unit{{ID: "cu", Closed: true}, {ID: "kt"}, {ID: "nv"}, {ID: "nv1", Parent: "nv"}, {ID: "vp"}},
		Persons: []directory.Person{
			{ID: "an", Duties: []directory.Duty{{Role: directory.RoleSpecialist, Unit: "nv"}, {Role: directory.RoleClerk}}},
			person("binh", directory.RoleSpecialist, "nv"), person("cuc", directory.RoleHead, "nv"), person("dung", directory.RoleLeader, ""),
			person("em", directory.RoleClerk, ""), person("giang", directory.RoleSpecialist, "kt"), person("ha", directory.RoleAdministrator, ""),
			person("hoa", directory.RoleHead, "kt"), person("khoa", directory.RoleAuditor, ""), person("lan", directory.RoleHead, "vp"),
			person("minh", directory.RoleSpecialist, "kt"), {ID: "nam", Duties: []directory.Duty{{Role: directory.RoleHead, Unit: "nv"}}, Gone: true},
			person("oanh", directory.RoleLeader, ""), person("phu", directory.RoleClerk, "kt"), person("quan", directory.RoleArchivist, ""),
			person("son", directory.RoleSpecialist, "nv1"),
		},
		Delegations: []directory.Delegation{
			{ID: "1", From: "dung", To: "lan", Start: monday.AddDate(0, 0, -7), End: monday.AddDate(99, 0, 0)},
			{ID: "2", From: "an", To: "minh", Roles: []directory.Role{directory.RoleClerk}, Start: monday.AddDate(0, 0, -7), End: monday.AddDate(99, 0, 0)},
			{ID: "3", From: "an", To: "son", Start: monday.AddDate(0, 0, -7), End: monday.AddDate(99, 0, 0)},
		},
		Registers: []directory.Register{{ID: "cu", Closed: true}, {ID: "chung"}, {ID: "don", Types: []string{"đơn"}}},
		Deadlines: []directory.DeadlineRule{
			{What: "register", Days: 0}, {What: "present", Days: 1}, {What: "assign", Days: 1}, {What: "handle", Days: 5},
			{What: "handle", Priority: 2, Days: 1},
		},
		Calendar: directory.Calendar{Holidays: []string{"2026-12-24"}},
	}
)

func person(id string, role directory.Role, unit string) directory.Person {
	return directory.Person{ID: id, Duties: []directory.Duty{{Role: role, Unit: unit}}}
}

// people are all who can act: "lan/dung" is lan in the place of dung.
var people = []string{
	"an", "binh", "cuc", "dung", "em", "giang", "ha", "hoa", "khoa", "lan", "lan/dung", "minh", "minh/an", "oanh", "phu", "quan", "son", "son/an",
}

// fataler is a test, or a check of rapid.
type fataler interface {
	Helper()
	Fatal(...any)
}

func standing(t fataler, who string, at time.Time) directory.Standing {
	t.Helper()
	who, other, _ := strings.Cut(who, "/")
	st, ok := office.Standing(who, other, at)
	if !ok {
		t.Fatal("no such person:", who, other)
	}
	return st
}

// key is that of a document of the exchange.
const key = "aa00000000000000000000000000000000000000000000000000000000000001"

// of gives an assignee: "nv", "nv/an" or "/an".
func of(s string) directory.Assignee {
	unit, person, _ := strings.Cut(s, "/")
	return directory.Assignee{Unit: unit, Person: person}
}

func all(list ...string) (out []directory.Assignee) {
	for _, s := range list {
		out = append(out, of(s))
	}
	return out
}

// story is a stream as a store keeps it, of a document of the exchange, or of paper.
type story struct {
	fataler
	id     string
	x      *Exchange
	at     time.Time
	state  State
	events []events.Event
}

func arrived(t fataler) *story {
	return &story{fataler: t, id: key, x: &Exchange{Document: key, Arrived: monday}, at: monday}
}

func paper(t fataler) *story { return &story{fataler: t, id: "giay-1", at: monday} }

// record folds what was decided.
func (h *story) record(news []events.New) {
	h.Helper()
	for _, n := range news {
		e := event(h, uint64(len(h.events)), n)
		before := h.state
		s, err := Fold(h.state, e)
		if err != nil {
			h.Fatal(err)
		}
		if !reflect.DeepEqual(before, h.state) {
			h.Fatal("Fold changed the state that it was given")
		}
		h.events, h.state = append(h.events, e), s
	}
}

func event(t fataler, position uint64, n events.New) events.Event {
	t.Helper()
	data, err := events.MarshalObject(n.Data)
	if err != nil {
		t.Fatal(err)
	}
	return events.Event{Position: position, Statement: events.Statement{Origin: "o", Version: position, Name: n.Name, Data: data, Time: monday}}
}

func (h *story) command(who string, a Act) Command {
	h.Helper()
	return Command{By: By{At: h.at, Standing: standing(h, who, h.at), Office: office}, ID: h.id, Exchange: h.x, Act: a}
}

// try decides and records what was accepted.
func (h *story) try(who string, a Act) error {
	h.Helper()
	news, err := Decide(h.state, h.command(who, a))
	if err != nil {
		return err
	}
	h.record(news)
	return nil
}

// do records what has to be accepted.
func (h *story) do(who string, a Act) *story {
	h.Helper()
	if err := h.try(who, a); err != nil {
		h.Fatal(who, a.act(), err)
	}
	return h
}

// number does the node's steps.
func (h *story) number(n int) *story {
	h.Helper()
	for _, step := range []func() ([]events.New, error){
		func() ([]events.New, error) { return DecideChosen(h.state, n) }, func() ([]events.New, error) { return DecideRegistered(h.state) },
	} {
		news, err := step()
		if err != nil {
			h.Fatal(err)
		}
		h.record(news)
	}
	return h
}

func (h *story) days(n int) *story { h.at = h.at.AddDate(0, 0, n); return h }

// last is the data of the latest event.
func last[D any](h *story) D {
	h.Helper()
	var d D
	if err := apply(new(State), h.events[len(h.events)-1].Statement.Data, func(_ *State, x D) error { d = x; return nil }); err != nil {
		h.Fatal(err)
	}
	return d
}

func reason(err error) Reason {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	if err != nil {
		return Reason("error: " + err.Error())
	}
	return ""
}

// Stories that lead to each phase. In all an is in charge in nv, kt cooperates, and dung had it before him.
func registered(t fataler) *story { return arrived(t).do("em", Register{}).number(1) }
func presented(t fataler) *story  { return registered(t).do("em", Present{To: "dung"}) }
func assigned(t fataler) *story {
	return presented(t).do("dung", Assign{InCharge: of("nv/an"), Cooperating: all("kt")})
}
func handling(t fataler) *story { return assigned(t).do("an", Start{}) }
func finished(t fataler) *story { return handling(t).do("an", Finish{Result: "Đã trả lời"}) }
func withdrawn(t fataler) *story {
	h := handling(t)
	h.x.Back = BackGiven
	news, err := DecideWithdrawn(h.state, *h.x, "by")
	if err != nil {
		h.Fatal(err)
	}
	h.record(news)
	h.x.Back = BackNone
	return h
}

// A document of the exchange from arrival to its end, with what is recorded on the way.
func TestLife(t *testing.T) {
	h := arrived(t).do("em", Register{})
	if d := last[RegistrationAsked](h); d.Document != key || d.Register != "chung" || d.Book != numbering.Register("chung") || d.Year != 2026 ||
		d.Due != "2026-12-01" || d.Late || d.Person != "em" || !d.Judged.Equal(monday) {
		t.Errorf("asked: %+v", d)
	}
	if book, year, ok := h.state.Wanted(); book != "den-chung" || year != 2026 || !ok {
		t.Error("no number is wanted")
	}
	// Another has taken number 6 meanwhile.
	news, err := DecideChosen(h.state, 6)
	if err != nil {
		t.Fatal(err)
	}
	h.record(news)
	h.number(7)
	if h.state.Number != 7 || h.state.Phase != PhaseRegistered {
		t.Errorf("state %+v", h.state)
	}
	h.do("em", Present{To: "dung", Note: "Kính trình"}).days(3)
	h.do("lan/dung", Assign{InCharge: of("/an"), Cooperating: all("kt", "/lan"), Opinion: "Giao chị An"})
	d := last[Assigned](h)
	if d.Person != "lan" || d.For != "dung" || d.InCharge != of("nv/an") || d.Cooperating[1] != of("vp/lan") || !d.Leader || d.Again || !d.Late {
		t.Errorf("assigned: %+v", d)
	}
	if d.Due != "2026-12-10" { // five working days after Thursday the 3rd
		t.Errorf("due %s", d.Due)
	}
	h.do("an", Start{}).do("giang", Opine{Text: "Nhất trí"}).do("an", LinkReply{Outgoing: "tra-loi", Own: true}).days(8)
	h.do("son/an", Finish{Result: "Đã trả lời"})
	if d := last[Finished](h); !d.Late || d.For != "an" {
		t.Errorf("finished: %+v", d)
	}
	h.do("dung", Reopen{Reason: "Còn thiếu"})
	if h.state.Phase != PhaseHandling || h.state.Assignment.InCharge != of("nv/an") {
		t.Errorf("reopened: %+v", h.state)
	}
	s, err := FoldAll(h.events)
	if err != nil || !reflect.DeepEqual(s, h.state) || s.Version() != int64(len(h.events))-1 {
		t.Errorf("folded anew: %+v, %v", s, err)
	}
}

// What lay unregistered for days is late before the leader at once: the deadline counts from when it came.
func TestDueCountsFromArrival(t *testing.T) {
	h := arrived(t).days(3).do("em", Register{})
	if d := last[RegistrationAsked](h); !d.Late || d.Due != "2026-12-01" {
		t.Errorf("asked: %+v", d)
	}
	h = arrived(t)
	h.x.Arrived = time.Time{} // an update made the agency a recipient: nobody knows when
	if d := last[RegistrationAsked](h.days(3).do("em", Register{})); d.Late || d.Due != "2026-12-04" {
		t.Errorf("asked: %+v", d)
	}
}

func TestPaper(t *testing.T) {
	good := Enter{Channel: "paper", Received: "2026-11-27", Date: "2026-11-20", Facts: PaperFacts{Subject: "Đơn đề nghị", TypeName: "Đơn", FromName: "Ông A"}}
	h := paper(t).do("em", good)
	if h.state.Phase != PhaseRegistering || h.state.Register != "don" || h.state.Channel != "paper" || h.state.Document != "" {
		t.Errorf("state %+v", h.state)
	}
	if d := last[RegistrationAsked](h); !d.Late || d.Due != "2026-11-30" || len(h.events) != 2 {
		t.Errorf("what came on Friday was to be registered on Friday: %+v", d)
	}
	h.number(1).do("dung", Assign{InCharge: of("nv")})
	for name, x := range map[string]struct {
		change func(*Enter)
		h      func(*story)
		want   Reason
	}{
		"again":       {h: func(h *story) { h.do("em", good) }, want: ReasonRegistered},
		"channel":     {change: func(e *Enter) { e.Channel = "pigeon" }, want: ReasonIncomplete},
		"subject":     {change: func(e *Enter) { e.Facts.Subject = "" }, want: ReasonIncomplete},
		"priority":    {change: func(e *Enter) { e.Priority = 5 }, want: ReasonIncomplete},
		"no day":      {change: func(e *Enter) { e.Date = "2026-11-31" }, want: ReasonDate},
		"no day due":  {change: func(e *Enter) { e.Asked = "mai" }, want: ReasonDate},
		"future":      {change: func(e *Enter) { e.Received = "2026-12-01" }, want: ReasonFuture},
		"future date": {change: func(e *Enter) { e.Date = "2026-12-01" }, want: ReasonFuture},
		"register":    {change: func(e *Enter) { e.Register = "khong" }, want: ReasonRegister},
		"closed":      {change: func(e *Enter) { e.Register = "cu" }, want: ReasonRegister},
		"key":         {h: func(h *story) { h.id = key }, want: ReasonExchange},
	} {
		h, e := paper(t), good
		if x.h != nil {
			x.h(h)
		}
		if x.change != nil {
			x.change(&e)
		}
		if got := reason(h.try("em", e)); got != x.want {
			t.Errorf("%s: %q, expected %q", name, got, x.want)
		}
	}
	if got := reason(paper(t).try("em", Register{})); got != ReasonUnknown {
		t.Errorf("registering what is not there: %q", got)
	}
}
