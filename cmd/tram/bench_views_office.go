package main

import (
	"fmt"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/projections"
)

// The office of viewsLog: a division of ten people for each of viewsUnits, clerks and leaders.
const (
	viewsClerk    = "van-thu-1"
	viewsLeader   = "lanh-dao-1"
	viewsDivision = "don-vi-3"
	viewsRegister = "chung"
	viewsPeople   = 10 // of a division; the first heads it
)

func viewsUnit(i int) string      { return fmt.Sprintf("don-vi-%d", i) }
func viewsPerson(u, p int) string { return fmt.Sprintf("nguoi-%d-%d", u, p) }

// office records the agency's part of the directory.
func (l *viewsLog) office(put func(name string, data, facts any)) {
	person := func(id string, role directory.Role, unit string) {
		put(directory.NamePersonSet, directory.PersonSet{Org: viewsOrg, Person: id, Duties: []directory.Duty{{Role: role, Unit: unit}}},
			directory.PersonFacts{Name: l.person(), Position: string(role)})
	}
	for u, short := range viewsUnits {
		put(directory.NameUnitSet, directory.UnitSet{Org: viewsOrg, Unit: viewsUnit(u), Short: short}, directory.WordFacts{Name: "Phòng " + short})
		for p := range viewsPeople {
			role := directory.RoleSpecialist
			if p == 0 {
				role = directory.RoleHead
			}
			person(viewsPerson(u, p), role, viewsUnit(u))
		}
	}
	for i := range 3 {
		person(fmt.Sprintf("van-thu-%d", i+1), directory.RoleClerk, "")
		person(fmt.Sprintf("lanh-dao-%d", i+1), directory.RoleLeader, "")
	}
	put(directory.NameRegisterSet, directory.RegisterSet{Org: viewsOrg, Register: directory.Register{ID: viewsRegister}}, directory.WordFacts{Name: "Sổ văn bản đến"})
	put(directory.NameSeriesSet, directory.SeriesSet{Org: viewsOrg, Series: directory.Series{ID: viewsRegister, Notation: "{type}-{unit}"}}, directory.WordFacts{Name: "Sổ văn bản đi"})
	put(directory.NameDeadlinesSet, directory.DeadlinesSet{Org: viewsOrg, Rules: []directory.DeadlineRule{{What: "register", Days: 1}}}, nil)
	l.plan(put)
	for year := 2016; year < 2030; year++ {
		day := func(s string) string { return fmt.Sprintf("%d-%s", year, s) }
		put(directory.NameCalendarSet, directory.CalendarSet{Org: viewsOrg, Year: year, Calendar: directory.Calendar{Holidays: []string{day("01-01"), day("04-30"), day("05-01"), day("09-02")}}}, nil)
	}
}

// today and after are days of the log's clock.
func (l *viewsLog) today() string         { return directory.Day(l.clock) }
func (l *viewsLog) after(days int) string { return directory.Day(l.clock.AddDate(0, 0, days)) }

// next number of a book in this year.
func (l *viewsLog) number(book string) (n, year int) {
	year = l.clock.Year()
	k := fmt.Sprint(book, "/", year)
	l.numbers[k]++
	return l.numbers[k], year
}

// act records an act of a person, or a step of the node.
func (l *viewsLog) act(f *viewsLife, stream, name string, data, facts any) {
	e := viewsEvent{stream: stream, name: name, actor: viewsOrg, client: "node", data: data, facts: facts}
	v := f.version(stream)
	if facts != nil {
		e.pkg = &events.PackageRef{SHA256: events.Sum(fmt.Append(nil, stream, v)), Length: 4_000}
	}
	l.record(v, e)
}

// handled is what the agency does with a document that has come: one in a thousand stays undone.
func (l *viewsLog) handled(f *viewsLife) []func(*viewsLife) {
	stream := incoming.Stream(viewsOrg, f.doc.key)
	u := min(l.r.IntN(len(viewsUnits)), l.r.IntN(len(viewsUnits)))
	who := directory.Assignee{Unit: viewsUnit(u), Person: viewsPerson(u, l.r.IntN(viewsPeople))}
	due := ""
	steps := []func(*viewsLife){
		func(f *viewsLife) {
			n, year := l.number(viewsRegister)
			book := numbering.Register(viewsRegister)
			l.act(f, stream, incoming.NameRegistrationAsked, incoming.RegistrationAsked{Person: viewsClerk, Document: f.doc.key, Register: viewsRegister, Book: book, Year: year, Due: l.after(1), Judged: l.clock}, nil)
			l.act(f, stream, incoming.NameNumberChosen, incoming.NumberChosen{Book: book, Year: year, N: n}, nil)
			l.act(f, stream, incoming.NameRegistered, incoming.Registered{Book: book, Year: year, N: n}, nil)
		},
		func(f *viewsLife) {
			l.act(f, stream, incoming.NamePresented, incoming.Presented{Person: viewsClerk, To: viewsLeader, Due: l.after(1), Judged: l.clock}, incoming.NoteFacts{Note: "Kính trình"})
		},
		func(f *viewsLife) {
			due = l.after(5 + l.r.IntN(20))
			a := incoming.Assigned{Person: viewsLeader, InCharge: who, Due: due, Leader: true, Judged: l.clock}
			if l.r.IntN(3) == 0 {
				a.Cooperating = []directory.Assignee{{Unit: viewsUnit((u + 1) % len(viewsUnits))}}
			}
			l.act(f, stream, incoming.NameAssigned, a, incoming.AssignedFacts{Opinion: "Đề nghị chủ trì tham mưu, báo cáo trước thời hạn"})
		},
	}
	if l.r.IntN(1000) == 0 {
		return steps
	}
	return append(steps, func(f *viewsLife) {
		l.act(f, stream, incoming.NameFinished, incoming.Finished{Person: who.Person, Late: due < l.today(), Judged: l.clock}, incoming.FinishedFacts{Result: "Đã tham mưu văn bản trả lời"})
	})
}

// written is how the agency comes to send a document. One in fifty is given up as a draft, one in a hundred with its number.
func (l *viewsLog) written(f *viewsLife) []func(*viewsLife) {
	f.id = fmt.Sprintf("vb-%d", l.made)
	stream := outgoing.Stream(viewsOrg, f.id)
	u := min(l.r.IntN(len(viewsUnits)), l.r.IntN(len(viewsUnits)))
	author, head := viewsPerson(u, l.r.IntN(viewsPeople)), viewsPerson(u, 0)
	var to []outgoing.Recipient
	for _, org := range f.doc.to {
		to = append(to, outgoing.Recipient{Code: org, Org: org})
	}
	end := l.r.IntN(100)
	steps := []func(*viewsLife){
		func(f *viewsLife) {
			l.act(f, stream, outgoing.NameOpened, outgoing.Opened{Org: viewsOrg, ID: f.id, Person: author, Unit: viewsUnit(u), Judged: l.clock}, nil)
			l.act(f, stream, outgoing.NameRevised, outgoing.Revised{Version: 1, Person: author, Type: strings.ToLower(f.doc.facts.TypeName), Signer: viewsLeader, Recipients: to, Pages: 2, Copies: 3, Judged: l.clock},
				outgoing.RevisedFacts{Subject: f.doc.facts.Subject, Content: "Kính gửi để phối hợp thực hiện.", ToPlaces: []string{"Lưu: VT"}, KeptBy: "Văn thư"})
		},
		func(f *viewsLife) {
			l.act(f, stream, outgoing.NameSubmitted, outgoing.Submitted{Person: author, Version: 1, Chain: "thuong", Due: l.after(2), Judged: l.clock, Steps: []outgoing.Step{
				{Role: string(directory.RoleHead), Unit: viewsUnit(u), Days: 2}, {Role: string(directory.RoleLeader), Person: viewsLeader, Days: 1, Signs: true}}}, outgoing.NoteFacts{Note: "Kính trình"})
		},
		func(f *viewsLife) {
			l.act(f, stream, outgoing.NameApproved, outgoing.Approved{Person: head, Step: 1, Due: l.after(1), Judged: l.clock}, outgoing.NoteFacts{Note: "Nhất trí"})
		},
		func(f *viewsLife) {
			l.act(f, stream, outgoing.NameSigned, outgoing.Signed{Person: viewsLeader, Step: 2, Version: 1, Judged: l.clock}, outgoing.NoteFacts{})
		},
	}
	cancel := func(f *viewsLife) {
		c := outgoing.Cancelled{Person: author, Judged: l.clock}
		if f.n > 0 {
			c.Book, c.Year, c.N = numbering.Series(viewsRegister), f.year, f.n
		}
		l.act(f, stream, outgoing.NameCancelled, c, outgoing.ReasonFacts{Reason: "Nội dung không còn phù hợp"})
	}
	if end < 2 {
		return append(steps[:2], cancel)
	}
	steps = append(steps, func(f *viewsLife) {
		f.n, f.year = l.number(viewsRegister + "-di")
		book := numbering.Series(viewsRegister)
		l.act(f, stream, outgoing.NameIssueAsked, outgoing.IssueAsked{Person: viewsClerk, Series: viewsRegister, Book: book, Year: f.year, Date: l.today(), Notation: f.doc.facts.CodeNotation, Judged: l.clock}, nil)
		l.act(f, stream, outgoing.NameNumberChosen, outgoing.NumberChosen{Book: book, Year: f.year, N: f.n}, nil)
		l.act(f, stream, outgoing.NameNumbered, outgoing.Numbered{Book: book, Year: f.year, N: f.n}, outgoing.NumberedFacts{Number: outgoing.FormatNumber(f.n), Notation: f.doc.facts.CodeNotation})
	})
	if end < 3 {
		return append(steps, cancel)
	}
	steps = append(steps,
		func(f *viewsLife) {
			l.act(f, stream, outgoing.NameSealed, outgoing.Sealed{Document: f.doc.key}, nil)
			l.receive(f)
			l.act(f, stream, outgoing.NameSent, outgoing.Sent{Document: f.doc.key, Package: f.doc.pkg.SHA256.String()}, nil)
		},
		l.offer)
	for _, org := range f.doc.to {
		steps = append(steps, func(f *viewsLife) { l.take(f, org) }, func(f *viewsLife) { l.acknowledge(f, org) })
	}
	return append(steps, l.status)
}

var _ projections.Source = (*viewsLog)(nil)
