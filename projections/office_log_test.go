package projections

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/internal/view"
)

// officeLog is a log with the work of an agency (sxd). Acts are judged by the deciders, so that only histories come up that can.
type officeLog struct {
	*testLog
	directory directory.State
	incoming  map[string]incoming.State
	dossiers  map[string]dossier.State
	exchange  map[string]*incoming.Exchange // by document key
	last      map[string]int                // numbers of books
}

// The people of sxd: their ids say what they are.
var officePersons = map[string][]directory.Duty{
	"clerk":       {{Role: directory.RoleClerk}},
	"leader":      {{Role: directory.RoleLeader}},
	"deputy":      {{Role: directory.RoleLeader}},
	"auditor":     {{Role: directory.RoleAuditor}},
	"admin":       {{Role: directory.RoleAdministrator}},
	"archivist":   {{Role: directory.RoleArchivist}},
	"head":        {{Role: directory.RoleHead, Unit: "ql"}}, // of the division with a part
	"specialist":  {{Role: directory.RoleSpecialist, Unit: "ql"}},
	"subordinate": {{Role: directory.RoleSpecialist, Unit: "ql-1"}},
	"other-head":  {{Role: directory.RoleHead, Unit: "vp"}},
	"other":       {{Role: directory.RoleSpecialist, Unit: "vp"}},
	"idle":        nil,
}

func newOfficeLog(t testing.TB) *officeLog {
	o := &officeLog{testLog: newTestLog("bg/log"), incoming: map[string]incoming.State{}, dossiers: map[string]dossier.State{},
		exchange: map[string]*incoming.Exchange{}, last: map[string]int{}}
	o.clock = time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC) // a Monday, eight in the morning
	o.organisations(t)
	for i, e := range o.stmts {
		s, err := events.DecodeStatement(e)
		if err != nil {
			t.Fatal(err)
		}
		o.fold(t, events.Event{Position: uint64(i), Statement: s, Bytes: e, Facts: o.facts[i]})
	}
	return o
}

func (o *officeLog) fold(t testing.TB, e events.Event) {
	t.Helper()
	var err error
	if o.directory, err = directory.Fold(o.directory, e); err != nil {
		t.Fatal(err)
	}
}

// event gives back what was recorded last.
func (o *officeLog) event(t testing.TB, position uint64) events.Event {
	t.Helper()
	s, err := events.DecodeStatement(o.stmts[position])
	if err != nil {
		t.Fatal(err)
	}
	return events.Event{Position: position, Statement: s, Bytes: o.stmts[position], Facts: o.facts[position]}
}

func (o *officeLog) change(t testing.TB, name string, data, facts any) {
	t.Helper()
	o.fold(t, o.event(t, o.add(t, record{stream: directory.Stream, name: name, data: data, facts: facts})))
}

// begin sets the office up: units vp, ql with its part ql-1, people, registers, a file plan, deadlines.
func (o *officeLog) begin(t testing.TB) {
	t.Helper()
	for _, u := range [][3]string{{"vp", "", "Văn phòng"}, {"ql", "", "Phòng Quản lý xây dựng"}, {"ql-1", "ql", "Tổ Giám định"}} {
		o.change(t, directory.NameUnitSet, directory.UnitSet{Org: sxd, Unit: u[0], Parent: u[1]}, directory.WordFacts{Name: u[2]})
	}
	for _, id := range sortedNames(mapOf(officePersons)) {
		o.change(t, directory.NamePersonSet, directory.PersonSet{Org: sxd, Person: id, Duties: officePersons[id]}, directory.PersonFacts{Name: "Ông " + id, Position: "Chức vụ " + id})
	}
	o.change(t, directory.NameRegisterSet, directory.RegisterSet{Org: sxd, Register: directory.Register{ID: "chung"}}, directory.WordFacts{Name: "Sổ chung"})
	o.change(t, directory.NameRegisterSet, directory.RegisterSet{Org: sxd, Register: directory.Register{ID: "mat"}}, directory.WordFacts{Name: "Sổ hai"})
	o.change(t, directory.NameRetentionSet, directory.RetentionSet{Org: sxd, Retention: directory.Retention{ID: "20n", Years: 20}}, directory.WordFacts{})
	o.change(t, directory.NameFilePlanSet, directory.FilePlanSet{Org: sxd, Code: "01.QL", Retention: "20n"}, directory.WordFacts{Name: "Cấp phép xây dựng"})
	o.change(t, directory.NameDeadlinesSet, directory.DeadlinesSet{Org: sxd, Rules: []directory.DeadlineRule{
		{What: "assign", Days: 1}, {What: "handle", Days: 5}, {What: "present", Days: 1}, {What: "register", Days: 1}, {What: "register", Priority: 3}}}, nil)
}

func mapOf[V any](m map[string]V) map[string]string {
	out := make(map[string]string, len(m))
	for k := range m {
		out[k] = ""
	}
	return out
}

func (o *officeLog) delegate(t testing.TB, id, from, to string, roles ...directory.Role) {
	t.Helper()
	start := o.clock.Truncate(time.Microsecond)
	o.change(t, directory.NameDelegated, directory.Delegated{Org: sxd, Delegation: id, From: from, To: to, Roles: roles, Start: start, End: start.AddDate(0, 1, 0)}, nil)
}

// arrive lets a document come to sxd and gives its key.
func (o *officeLog) arrive(t testing.TB, n int, subject string, priority int) string {
	t.Helper()
	p := paperSpec{from: ubnd, number: fmt.Sprint(n), notation: "UBND-XD", subject: subject, typ: "Công văn", date: "2026-10-30", to: []string{sxd}}
	pos := o.receive(t, p)
	key := p.key()
	o.add(t, record{stream: deliveryStream(p, sxd), name: "delivery.offered.v1", cause: pos, data: map[string]any{
		"item": p.stream(), "item_id": "document", "org": sxd, "from": p.from, "package": p.pkg().SHA256, "size": p.pkg().Length, "priority": priority, "assurance": "own"}})
	o.exchange[key] = &incoming.Exchange{Document: key, Priority: priority, Arrived: o.clock}
	return key
}

func (o *officeLog) office(t testing.TB) *directory.Office {
	t.Helper()
	office, ok := o.directory.Office(sxd)
	if !ok {
		t.Fatal("no office")
	}
	return office
}

// act lets a person do something with an incoming document, and the node what follows. It gives the refusal, if it is one.
func (o *officeLog) act(t testing.TB, person, inPlaceOf, id string, a incoming.Act) error {
	t.Helper()
	office := o.office(t)
	st, ok := office.Standing(person, inPlaceOf, o.clock)
	if !ok {
		return errors.New("no standing")
	}
	list, err := incoming.Decide(o.incoming[id], incoming.Command{By: incoming.By{At: o.clock, Standing: st, Office: office}, ID: id, Exchange: o.exchange[id], Act: a})
	var refused *incoming.Refusal
	if errors.As(err, &refused) {
		return err
	}
	if err != nil {
		t.Fatal(err)
	}
	o.incomingEvents(t, id, list, packageOf(fmt.Sprintf("act %d of %s", len(o.stmts), id)))
	for s := o.incoming[id]; s.Phase == incoming.PhaseRegistering; s = o.incoming[id] {
		if s.Chosen == 0 {
			book := bookName(s.Book, s.Year)
			o.last[book]++
			list, err = incoming.DecideChosen(s, o.last[book])
		} else {
			list, err = incoming.DecideRegistered(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		o.incomingEvents(t, id, list, nil)
	}
	return nil
}

func (o *officeLog) incomingEvents(t testing.TB, id string, list []events.New, pkg *events.PackageRef) {
	t.Helper()
	for _, n := range list {
		pos := o.add(t, record{stream: incoming.Stream(sxd, id), name: n.Name, data: n.Data, facts: n.Facts, pkg: pkg, actor: sxd})
		var err error
		if o.incoming[id], err = incoming.Fold(o.incoming[id], o.event(t, pos)); err != nil {
			t.Fatal(err)
		}
	}
}

// must is act, which may not be refused.
func (o *officeLog) must(t testing.TB, person, id string, a incoming.Act) {
	t.Helper()
	if err := o.act(t, person, "", id, a); err != nil {
		t.Fatalf("%s: %T: %v", person, a, err)
	}
}

// file lets a person do something with a dossier, and the node what follows.
func (o *officeLog) file(t testing.TB, person, id string, a dossier.Act) error {
	t.Helper()
	office := o.office(t)
	st, ok := office.Standing(person, "", o.clock)
	if !ok {
		return errors.New("no standing")
	}
	list, err := dossier.Decide(o.dossiers[id], dossier.Command{By: dossier.By{At: o.clock, Standing: st, Office: office}, Act: a})
	var refused *dossier.Refusal
	if errors.As(err, &refused) {
		return err
	}
	if err != nil {
		t.Fatal(err)
	}
	o.dossierEvents(t, id, list, packageOf(fmt.Sprintf("act %d of %s", len(o.stmts), id)))
	for _, _, wanted := o.dossiers[id].Wanted(); wanted; _, _, wanted = o.dossiers[id].Wanted() {
		s := o.dossiers[id]
		if s.Chosen == 0 {
			book := bookName(s.Book, s.Year)
			o.last[book]++
			list, err = dossier.DecideChosen(s, o.last[book])
		} else {
			list, err = dossier.DecideNumbered(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		o.dossierEvents(t, id, list, nil)
	}
	return nil
}

func (o *officeLog) dossierEvents(t testing.TB, id string, list []events.New, pkg *events.PackageRef) {
	t.Helper()
	for _, n := range list {
		pos := o.add(t, record{stream: dossier.Stream(sxd, id), name: n.Name, data: n.Data, facts: n.Facts, pkg: pkg, actor: sxd})
		var err error
		if o.dossiers[id], err = dossier.Fold(o.dossiers[id], o.event(t, pos)); err != nil {
			t.Fatal(err)
		}
	}
}

func (o *officeLog) mustFile(t testing.TB, person, id string, a dossier.Act) {
	t.Helper()
	if err := o.file(t, person, id, a); err != nil {
		t.Fatalf("%s: %T: %v", person, a, err)
	}
}

func (o *officeLog) opened(t testing.TB, person, kind, id, what string) {
	t.Helper()
	o.add(t, record{stream: reading.Stream(sxd, kind, id), name: reading.NameOpened, data: reading.Opened{Org: sxd, Person: person, What: what}})
}

// staff asks as of the log's clock.
func (o *officeLog) staff(person string) view.Staff {
	return view.Staff{Org: sxd, Person: person, Now: o.clock}
}

// officeDay is a log in which everything happens that views of incoming documents and dossiers know of.
type officeDay struct {
	*officeLog
	old, acknowledged                 string // came before there was an office: waiting, and taken by another program
	arrived, urgent                   string // nobody has acted
	registered, presented             string
	assigned, unit, returned, handled string
	finished, late, refused, asked    string
	paper                             string
}

func newOfficeDay(t testing.TB) *officeDay {
	o := newOfficeLog(t)
	d := &officeDay{officeLog: o}
	d.old = o.arrive(t, 1, "Về việc đã đến trước", 0)
	p := paperSpec{from: ubnd, number: "2", notation: "UBND-XD", subject: "Phần mềm khác đã nhận", typ: "Công văn", date: "2026-10-30", to: []string{sxd}}
	pos := o.receive(t, p)
	o.offer(t, p, pos, sxd)
	o.take(t, p, sxd)
	o.acknowledge(t, p, sxd)
	d.acknowledged = p.key()
	o.begin(t)
	o.delegate(t, "thay", "specialist", "other")

	d.arrived = o.arrive(t, 10, "Về việc thẩm định thiết kế cầu", 0)
	d.urgent = o.arrive(t, 11, "Hỏa tốc phòng chống bão", 3)
	for i, id := range []*string{&d.registered, &d.presented, &d.assigned, &d.unit, &d.returned, &d.handled, &d.finished, &d.late, &d.asked} {
		*id = o.arrive(t, 20+i, fmt.Sprintf("Về việc cấp phép xây dựng công trình số %d", i), i%3)
		o.must(t, "clerk", *id, incoming.Register{})
	}
	for _, id := range []string{d.presented, d.assigned, d.unit, d.returned, d.handled, d.finished, d.late} {
		o.must(t, "clerk", id, incoming.Present{To: "leader", Note: "Kính trình"})
	}
	person := directory.Assignee{Unit: "ql", Person: "specialist"}
	o.must(t, "leader", d.assigned, incoming.Assign{InCharge: person, Cooperating: []directory.Assignee{{Unit: "vp"}}, Opinion: "Khẩn trương thẩm định"})
	o.must(t, "leader", d.unit, incoming.Assign{InCharge: directory.Assignee{Unit: "ql"}, Opinion: "Phòng chủ trì"})
	o.must(t, "leader", d.returned, incoming.Assign{InCharge: person})
	o.must(t, "specialist", d.returned, incoming.TransferBack{Reason: "Không đúng chức năng"})
	o.must(t, "leader", d.handled, incoming.Assign{InCharge: person})
	o.must(t, "specialist", d.handled, incoming.Start{Note: "Đã liên hệ"})
	o.must(t, "leader", d.finished, incoming.Assign{InCharge: person})
	o.must(t, "specialist", d.finished, incoming.Finish{Result: "Đã trả lời"})
	o.must(t, "leader", d.late, incoming.Assign{InCharge: person, Due: "2026-11-03"})
	d.refused = o.arrive(t, 40, "Gửi nhầm cơ quan", 0)
	o.must(t, "clerk", d.refused, incoming.Refuse{Reason: "Không thuộc thẩm quyền"})
	d.paper = "don-giay-1"
	o.must(t, "clerk", d.paper, incoming.Enter{Channel: "paper", From: stp, Date: "2026-10-28", Facts: incoming.PaperFacts{FromName: "Sở Tư pháp", FromCode: stp, Number: "88", Notation: "STP-VB",
		TypeName: "Công văn", Subject: "Đơn đề nghị giải quyết tranh chấp", Signer: "Lê Thị Hòa", Files: []incoming.FileFacts{{Name: "quet.pdf", ContentType: "application/pdf", Size: 9}}}})

	o.mustFile(t, "specialist", "ho-so-1", dossier.Open{FilePlan: "01.QL", Title: "Cấp phép công trình cầu", Due: "2026-11-20"})
	o.mustFile(t, "specialist", "ho-so-1", dossier.Add{Document: &dossier.Found{Target: dossier.Target{Kind: "incoming", ID: d.finished}, Document: d.finished, Exists: true}, Facts: dossier.ItemFacts{Note: "Văn bản gốc"}})
	o.mustFile(t, "specialist", "ho-so-1", dossier.Add{Document: &dossier.Found{Target: dossier.Target{Kind: "incoming", ID: d.late}, Document: d.late, Exists: true}})
	o.mustFile(t, "specialist", "ho-so-1", dossier.Add{Facts: dossier.ItemFacts{Note: "Bản vẽ", Files: []dossier.FileFacts{{Name: "ban-ve.pdf", Size: 5}}}})
	o.mustFile(t, "specialist", "ho-so-1", dossier.Remove{Item: 2, Reason: "Xếp nhầm"})
	o.mustFile(t, "specialist", "ho-so-1", dossier.GiveTask{Task: "viec-1", To: directory.Assignee{Unit: "vp", Person: "other"}, Text: "Chuẩn bị phòng họp", Due: "2026-11-04"})
	o.mustFile(t, "specialist", "ho-so-1", dossier.Decision{Text: "Đồng ý cấp phép"})
	o.mustFile(t, "specialist", "ho-so-2", dossier.Open{FilePlan: "01.QL", Title: "Hồ sơ đã xong"})
	o.mustFile(t, "specialist", "ho-so-2", dossier.Add{Document: &dossier.Found{Target: dossier.Target{Kind: "incoming", ID: d.finished}, Document: d.finished, Exists: true}})
	o.mustFile(t, "specialist", "ho-so-2", dossier.Close{})
	o.opened(t, "specialist", "incoming", d.assigned, reading.WhatPage)
	o.opened(t, "head", "document", d.assigned, reading.WhatAttachment)
	return d
}

// all names every incoming document of the day.
func (d *officeDay) all() []string {
	return []string{d.old, d.acknowledged, d.arrived, d.urgent, d.registered, d.presented, d.assigned, d.unit, d.returned, d.handled, d.finished, d.late, d.refused, d.asked, d.paper}
}

// later moves the clock.
func (o *officeLog) later(days int) { o.clock = o.clock.AddDate(0, 0, days) }
