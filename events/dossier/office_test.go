package dossier

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
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
		FilePlan: []directory.FilePlanEntry{
			{Code: "01", Retention: "5n"}, {Code: "02.NV", Retention: "vv", Unit: "nv"}, {Code: "03", Retention: "5n", Closed: true}, {Code: "04", Retention: "cu"},
		},
		Retentions: []directory.Retention{{ID: "5n", Years: 5}, {ID: "vv"}},
		Deadlines:  []directory.DeadlineRule{{What: "dossier", Days: 20}, {What: "handle", Days: 5}},
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

// of gives an assignee: "nv", "nv/an" or "/an".
func of(s string) directory.Assignee {
	unit, person, _ := strings.Cut(s, "/")
	return directory.Assignee{Unit: unit, Person: person}
}

// story is a stream as a store keeps it.
type story struct {
	fataler
	at     time.Time
	state  State
	events []events.Event
}

func begin(t fataler) *story { return &story{fataler: t, at: monday} }

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
	return Command{By: By{At: h.at, Standing: standing(h, who, h.at), Office: office}, Act: a}
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
		func() ([]events.New, error) { return DecideChosen(h.state, n) }, func() ([]events.New, error) { return DecideNumbered(h.state) },
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

// letter is a document that the person may see.
func letter(id string) *Found {
	return &Found{Target: Target{Kind: KindIncoming, ID: id}, Document: id, Exists: true}
}

// Stories that lead to each phase. In all an of nv has it in charge, and a task is given to the unit kt.
func opened(t fataler) *story {
	return begin(t).do("an", Open{FilePlan: "01", Title: "Kế hoạch năm 2027"}).number(1)
}

func withTask(t fataler) *story {
	return opened(t).do("an", GiveTask{Task: "t1", To: of("kt"), Text: "Góp ý"})
}

func closed(t fataler) *story {
	return withTask(t).do("giang", FinishTask{Task: "t1"}).do("an", Close{})
}

// A dossier from its opening to its closing, with what is recorded on the way.
func TestLife(t *testing.T) {
	h := begin(t).do("son/an", Open{FilePlan: "02.NV", Title: "Kế hoạch năm 2027"})
	d := last[Opened](h)
	if d.Person != "son" || d.For != "an" || d.InCharge != "an" || d.Unit != "nv" || d.Retention != "vv" || d.Due != "2026-12-28" || d.Book != "hs" || d.Year != 2026 {
		t.Errorf("opened: %+v", d)
	}
	if got := reason(h.try("an", Close{})); got != ReasonNumbering {
		t.Errorf("closed without a code: %q", got)
	}
	h.number(12)
	if code := Code(h.state.Number, h.state.Year); code != "12/2026/HS" || Code(3, 2027) != "03/2027/HS" {
		t.Error(code)
	}
	h.do("an", Add{Document: letter("d1")}).do("an", Add{Facts: ItemFacts{Files: []FileFacts{{Name: "a.pdf"}, {Name: "b.pdf"}}}}).do("an", Add{Document: letter("d2")})
	if d := last[ItemAdded](h); d.Item != 3 || d.Target == nil || d.Target.ID != "d2" || d.Document != "d2" {
		t.Errorf("added: %+v", d)
	}
	h.do("an", Remove{Item: 1, Reason: "Nhầm"}).do("an", Add{Document: letter("d1")})
	if d := last[ItemAdded](h); d.Item != 4 || h.state.InIt != 3 {
		t.Errorf("a number of the contents list was given again: %+v", d)
	}
	h.do("an", GiveTask{Task: "t1", To: of("/giang"), Text: "Góp ý"})
	if d := last[TaskGiven](h); d.To != of("kt/giang") || d.Due != "2026-12-28" {
		t.Errorf("task: %+v", d)
	}
	h.do("giang", Opine{Text: "Nhất trí"}).do("dung", Decision{Text: "Đồng ý", Document: letter("d2")}).do("cuc", HandOver{To: "binh"})
	if d := last[HandedOver](h); d.From != "an" || d.To != "binh" || d.Unit != "nv" {
		t.Errorf("handed over: %+v", d)
	}
	if got := reason(h.try("binh", Close{})); got != ReasonOpenTasks {
		t.Errorf("closed with open tasks: %q", got)
	}
	h.days(40).do("hoa", FinishTask{Task: "t1", Result: "Xong"})
	if d := last[TaskFinished](h); !d.Late {
		t.Errorf("task: %+v", d)
	}
	h.do("binh", Close{})
	if d := last[Closed](h); !d.Late || d.Items != 3 {
		t.Errorf("closed: %+v", d)
	}
	s, err := FoldAll(h.events)
	if err != nil || !reflect.DeepEqual(s, h.state) || s.Version() != int64(len(h.events))-1 {
		t.Errorf("folded anew: %+v, %v", s, err)
	}
}
