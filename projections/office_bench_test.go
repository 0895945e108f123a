package projections

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/internal/view"
)

// busyOffice is the log of one agency to which all documents come: 20 units of ten people. Of the last thousand documents most are open,
// the rest is done, some of it late.
type busyOffice struct {
	*testLog
	r       *rand.Rand
	made    int
	year, n int
}

func newBusyOffice(t testing.TB) *busyOffice {
	l := newTestLog("bench/log")
	l.clock = time.Date(2016, 1, 4, 1, 0, 0, 0, time.UTC)
	l.organisations(t)
	change := func(name string, data, facts any) {
		l.add(t, record{stream: directory.Stream, name: name, data: data, facts: facts})
	}
	for u := range 20 {
		unit := fmt.Sprint("don-vi-", u)
		change(directory.NameUnitSet, directory.UnitSet{Org: sxd, Unit: unit}, directory.WordFacts{Name: unit})
		for p := range 10 {
			role := directory.RoleSpecialist
			if p == 0 {
				role = directory.RoleHead
			}
			change(directory.NamePersonSet, directory.PersonSet{Org: sxd, Person: fmt.Sprintf("nguoi-%d-%d", u, p), Duties: []directory.Duty{{Role: role, Unit: unit}}}, directory.PersonFacts{Name: "Người"})
		}
	}
	change(directory.NamePersonSet, directory.PersonSet{Org: sxd, Person: "clerk", Duties: []directory.Duty{{Role: directory.RoleClerk}}}, directory.PersonFacts{Name: "Văn thư"})
	change(directory.NamePersonSet, directory.PersonSet{Org: sxd, Person: "leader", Duties: []directory.Duty{{Role: directory.RoleLeader}}}, directory.PersonFacts{Name: "Lãnh đạo"})
	return &busyOffice{testLog: l, r: rand.New(rand.NewPCG(3, 4))}
}

// next makes the log go on up to a number of documents.
func (l *busyOffice) next(t testing.TB, documents int) {
	r := l.r
	subject := func() string {
		w := make([]string, 18)
		for i := range w {
			w[i] = subjectWords[r.IntN(len(subjectWords))]
		}
		w[9] = fmt.Sprintf("%d%c", r.IntN(5000), 'a'+rune(r.IntN(20)))
		return strings.Join(w, " ")
	}
	for ; l.made < documents; l.made++ {
		i := l.made
		l.clock = l.clock.Add(5 * time.Minute)
		p := paperSpec{from: []string{ubnd, syt, stp}[r.IntN(3)], number: fmt.Sprint(i), notation: "CV-TH", subject: subject(), typ: []string{"Công văn", "Quyết định", "Báo cáo"}[r.IntN(3)],
			date: l.clock.Format(time.DateOnly), to: []string{sxd}}
		pos := l.receive(t, p)
		l.add(t, record{stream: deliveryStream(p, sxd), name: delivery.NameOffered, cause: pos, data: delivery.Offered{
			Item: p.stream(), ItemID: delivery.ItemDocument, Org: sxd, From: p.from, Package: p.pkg().SHA256, Size: 1000, Priority: r.IntN(3), Assurance: "own"}})
		stream := incoming.Stream(sxd, p.key())
		act := func(name string, data, facts any) {
			l.add(t, record{stream: stream, name: name, data: data, facts: facts, actor: sxd, pkg: p.pkg()})
		}
		open := i > documents-1000
		if open && r.IntN(4) == 0 {
			continue
		}
		if y := l.clock.Year(); y != l.year {
			l.year, l.n = y, 0
		}
		l.n++
		year, n := l.year, l.n
		act(incoming.NameRegistrationAsked, incoming.RegistrationAsked{Person: "clerk", Document: p.key(), Register: "chung", Book: "den-chung", Year: year, Judged: l.clock.UTC()}, nil)
		act(incoming.NameNumberChosen, incoming.NumberChosen{Book: "den-chung", Year: year, N: n}, nil)
		act(incoming.NameRegistered, incoming.Registered{Book: "den-chung", Year: year, N: n}, nil)
		u := r.IntN(20)
		person := directory.Assignee{Unit: fmt.Sprint("don-vi-", u), Person: fmt.Sprintf("nguoi-%d-%d", u, r.IntN(10))}
		act(incoming.NameAssigned, incoming.Assigned{Person: "leader", InCharge: person, Due: l.clock.AddDate(0, 0, 7).Format(time.DateOnly), Leader: true, Judged: l.clock.UTC()},
			incoming.AssignedFacts{Opinion: "Đề nghị xử lý"})
		if !open {
			act(incoming.NameFinished, incoming.Finished{Person: person.Person, Late: r.IntN(10) == 0, Judged: l.clock.UTC()}, incoming.FinishedFacts{Result: "Đã xong"})
		}
	}
}

// forget lets go of what the views have read, but for the last event.
func (l *busyOffice) forget() {
	for i := len(l.stmts) - 2; i >= 0 && l.stmts[i] != nil; i-- {
		l.stmts[i], l.facts[i] = nil, nil
	}
	clear(l.versions)
	packageContents.Clear()
}

// officeQuestions are what people ask all day.
func officeQuestions(v *Views, now time.Time) map[string]func(testing.TB) {
	clerk, person := view.Staff{Org: sxd, Person: "clerk", Now: now}, view.Staff{Org: sxd, Person: "nguoi-7-3", Now: now}
	head := view.Staff{Org: sxd, Person: "nguoi-7-0", Now: now}
	list := func(q view.IncomingQuery) func(testing.TB) {
		return func(t testing.TB) {
			if _, err := v.Incoming(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
	work := func(q view.WorkQuery) func(testing.TB) {
		return func(t testing.TB) {
			if _, err := v.Work(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
	counts := func(s view.Staff) func(testing.TB) {
		return func(t testing.TB) {
			if _, err := v.WorkCounts(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	return map[string]func(testing.TB){
		"all":               list(view.IncomingQuery{Staff: clerk}),
		"register":          list(view.IncomingQuery{Staff: clerk, Register: "chung", Year: 2020}),
		"open":              list(view.IncomingQuery{Staff: clerk, Open: true}),
		"late":              list(view.IncomingQuery{Staff: clerk, Late: true}),
		"common-word":       list(view.IncomingQuery{Staff: clerk, Words: "kế hoạch"}),
		"rare-word":         list(view.IncomingQuery{Staff: clerk, Words: "4711c"}),
		"number":            list(view.IncomingQuery{Staff: clerk, Number: "781/CV"}),
		"arrival-number":    list(view.IncomingQuery{Staff: clerk, Number: "100"}),
		"month":             list(view.IncomingQuery{Staff: clerk, From: "2019-03-01", To: "2019-03-31"}),
		"nothing-there":     list(view.IncomingQuery{Staff: clerk, State: view.IncomingFinished, TypeName: "Báo cáo", Person: "nguoi-7-3"}),
		"person":            list(view.IncomingQuery{Staff: person}),
		"person-word":       list(view.IncomingQuery{Staff: person, Words: "kế hoạch"}),
		"person-rare":       list(view.IncomingQuery{Staff: person, Words: "4711c"}),
		"head":              list(view.IncomingQuery{Staff: head, State: view.IncomingFinished}),
		"work-mine":         work(view.WorkQuery{Staff: person, Box: view.BoxMine}),
		"work-unit":         work(view.WorkQuery{Staff: head, Box: view.BoxUnit}),
		"work-clerk":        work(view.WorkQuery{Staff: clerk, Box: view.BoxMine}),
		"work-late-leader":  work(view.WorkQuery{Staff: view.Staff{Org: sxd, Person: "leader", Now: now}, Box: view.BoxLate}),
		"counts-clerk":      counts(clerk),
		"counts-leader":     counts(view.Staff{Org: sxd, Person: "leader", Now: now}),
		"counts-specialist": counts(person),
	}
}

// BenchmarkOfficeQuestions measures answers as the documents become more: they must not take longer. With -short it ends at 100,000.
func BenchmarkOfficeQuestions(b *testing.B) {
	l := newBusyOffice(b)
	v := openViews(b, filepath.Join(b.TempDir(), "views.db"), l, Options{})
	for _, documents := range []int{10_000, 100_000, 1_000_000} {
		if documents > 100_000 && testing.Short() {
			break
		}
		for start := time.Now(); l.made < documents; {
			l.next(b, min(l.made+10_000, documents))
			if err := v.CatchUp(b.Context()); err != nil {
				b.Fatal(err)
			}
			l.forget()
			if l.made == documents {
				b.Logf("%d documents, %d events, in %v", documents, len(l.stmts), time.Since(start).Round(time.Second))
			}
		}
		questions := officeQuestions(v, l.clock)
		for _, name := range sortedNames(mapOf(questions)) {
			b.Run(fmt.Sprintf("documents=%d/%s", documents, name), func(b *testing.B) {
				for b.Loop() {
					questions[name](b)
				}
			})
		}
	}
}

// BenchmarkOfficeReplay reads the work of an agency into new views; one operation is one event.
func BenchmarkOfficeReplay(b *testing.B) {
	l := newBusyOffice(b)
	l.next(b, 20_000)
	n := 0
	cpu := time.Duration(0)
	for n < b.N {
		start := cpuTime()
		v, err := Open(b.Context(), filepath.Join(b.TempDir(), "views.db"), l, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := v.CatchUp(b.Context()); err != nil {
			b.Fatal(err)
		}
		cpu += cpuTime() - start
		n += len(l.stmts)
		if err := v.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-µs/event")
}
