package projections

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/internal/view"
)

// officeDump asks everything about an agency's work, for everybody in it.
func officeDump(t testing.TB, o *officeLog, v *Views, ids []string) string {
	t.Helper()
	var out []any
	put := func(what string, answer any, err error) {
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			t.Fatalf("%s: %v", what, err)
		}
		out = append(out, []any{what, answer, err != nil})
	}
	for _, person := range append(sortedNames(mapOf(officePersons)), "nobody") {
		s := o.staff(person)
		list, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: s})
		put("incoming", list, err)
		found, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: s, Words: "cong"})
		put("words", found, err)
		files, err := v.Dossiers(t.Context(), view.DossierQuery{Staff: s})
		put("dossiers", files, err)
		counts, err := v.WorkCounts(t.Context(), s)
		put("counts", counts, err)
		for _, box := range []view.Box{view.BoxMine, view.BoxUnit, view.BoxLate, view.BoxWatch} {
			work, err := v.Work(t.Context(), view.WorkQuery{Staff: s, Box: box})
			put(string(box), work, err)
		}
		for _, id := range ids {
			doc, err := v.IncomingDocument(t.Context(), s, id)
			put("document", doc, err)
			readings, err := v.Readings(t.Context(), s, view.Target{Kind: "incoming", ID: id}, 0)
			put("readings", readings, err)
		}
		for _, id := range sortedNames(mapOf(o.dossiers)) {
			file, err := v.Dossier(t.Context(), s, id)
			put("dossier", file, err)
		}
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOfficeSameAnswers: whatever the way there, the answers are the same to the byte, and Compare finds nothing.
func TestOfficeSameAnswers(t *testing.T) {
	d := newOfficeDay(t)
	want := officeDump(t, d.officeLog, openViews(t, viewsPath(t), d, Options{}), d.all())
	if len(want) < 100_000 {
		t.Fatalf("the answers are too few to compare: %d bytes", len(want))
	}
	for _, n := range []int{1, 7, 1000} {
		path := viewsPath(t)
		v := openViews(t, path, d, Options{LiveBatch: n, CatchUpBatch: n})
		if got := officeDump(t, d.officeLog, v, d.all()); got != want {
			t.Errorf("%d events a transaction: answers differ:\n%s", n, firstDifference(got, want))
		}
		if c := comparison(t, d.testLog, path); c.Difference != nil {
			t.Errorf("%d events a transaction: %v", n, c.Difference)
		}
	}
}

// TestOfficeTampered: a change in any table of an agency's work is found and named.
func TestOfficeTampered(t *testing.T) {
	d := newOfficeDay(t)
	path := viewsPath(t)
	if err := openViews(t, path, d, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sql, want string }{
		{"UPDATE target SET state = 6 WHERE state = 5", "views.db: table target, row id="},
		{"UPDATE target SET facts = replace(facts, 'Đơn', 'Don')", "views.db: table target, row id="},
		{"DELETE FROM act WHERE id = (SELECT max(id) FROM act)", "views.db: table act, row target="},
		{"UPDATE act SET facts = replace(facts, 'Kính', 'Kinh')", "views.db: table act, row target="},
		{"DELETE FROM holding", "views.db: table holding, row dossier="},
		{"UPDATE opened SET at = at + 1", "views.db: table opened, row k="},
		{"UPDATE work SET due = '2030-01-01' WHERE id = (SELECT min(id) FROM work)", "views.db: table work, row id="},
		{"DELETE FROM listed WHERE id = (SELECT max(id) FROM target) AND class = 96", "views.db: table listed, row class=96"},
		{"INSERT INTO listed SELECT org, class, what + 1000, id FROM listed LIMIT 1", "views.db: table listed: has"},
		{"UPDATE workin SET who = who + 1000 WHERE class = 1", "views.db: table workin, row class=1"},
		{"UPDATE listcount SET n = n + 1 WHERE class = 32", "views.db: table listcount, row org="},
		{"DELETE FROM workcount", "views.db: table workcount, row org="},
	} {
		copied := tampered(t, path, c.sql)
		if got := comparison(t, d.testLog, copied).Difference; got == nil || !strings.HasPrefix(got.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", c.sql, got, c.want)
		}
	}
}

// TestOfficeProperties plays random days of work. Everybody sees what concerns him by the deciders' word and no more, is offered what the
// deciders accept, and counts, boxes and pages agree with each other, however the log was read.
func TestOfficeProperties(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := &officePlay{officeLog: newOfficeLog(t), r: rand.New(rand.NewPCG(seed, 5))}
			p.begin(t)
			path := viewsPath(t)
			v := openViews(t, path, p, Options{LiveBatch: 1 + int(seed)%5, CatchUpBatch: 1 + int(seed)%5, Now: p.now})
			for range 4 {
				for range 30 {
					p.step(t)
				}
				if err := v.CatchUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				p.check(t, v)
			}
			if c := comparison(t, p.testLog, path); c.Difference != nil {
				t.Error(c.Difference)
			}
			whole := openViews(t, viewsPath(t), p, Options{Now: p.now})
			if got, want := officeDump(t, p.officeLog, v, p.ids), officeDump(t, p.officeLog, whole, p.ids); got != want {
				t.Errorf("answers differ:\n%s", firstDifference(got, want))
			}
		})
	}
}

func (p *officePlay) now() time.Time { return p.clock }

type officePlay struct {
	*officeLog
	r    *rand.Rand
	ids  []string
	done int
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// step is one thing that happens. Much of it is refused.
func (p *officePlay) step(t *testing.T) {
	people := sortedNames(mapOf(officePersons))
	p.done++
	switch n := p.r.IntN(20); {
	case n == 0 || len(p.ids) < 3:
		p.ids = append(p.ids, p.arrive(t, 100+p.done, "Về việc "+pick(p.r, "công trình", "cầu đường", "quy hoạch"), p.r.IntN(5)))
	case n == 1:
		id := fmt.Sprint("giay-", p.done)
		if p.act(t, "clerk", "", id, incoming.Enter{Channel: "paper", Facts: incoming.PaperFacts{Subject: "Đơn về công trình", FromName: "Ông Tư"}}) == nil {
			p.ids = append(p.ids, id)
		}
	case n == 2:
		p.later(p.r.IntN(3))
	case n == 3 && p.r.IntN(3) == 0:
		from, to := pick(p.r, people...), pick(p.r, people...)
		if from != to {
			p.delegate(t, fmt.Sprint("uy-quyen-", p.done), from, to, pick(p.r, []directory.Role(nil), []directory.Role{directory.RoleLeader}, []directory.Role{directory.RoleSpecialist})...)
		}
	case n == 4:
		id := pick(p.r, "ho-so-a", "ho-so-b", "ho-so-c")
		_ = p.file(t, pick(p.r, people...), id, p.dossierAct())
	case n == 5 && p.r.IntN(4) == 0:
		person := pick(p.r, people...)
		duties := officePersons[person]
		if p.r.IntN(2) == 0 {
			duties = nil
		}
		p.change(t, directory.NamePersonSet, directory.PersonSet{Org: sxd, Person: person, Duties: duties}, directory.PersonFacts{})
	default:
		person, other := pick(p.r, people...), ""
		if p.r.IntN(4) == 0 {
			other = pick(p.r, people...)
		}
		if p.r.IntN(2) == 0 {
			person = pick(p.r, "clerk", "leader", "specialist", "head")
			other = ""
		}
		_ = p.act(t, person, other, pick(p.r, p.ids...), p.incomingAct())
	}
}

func (p *officePlay) assignee() directory.Assignee {
	return pick(p.r, directory.Assignee{Unit: "ql"}, directory.Assignee{Unit: "ql-1"}, directory.Assignee{Unit: "vp"}, directory.Assignee{Unit: "ql", Person: "specialist"},
		directory.Assignee{Unit: "ql-1", Person: "subordinate"}, directory.Assignee{Unit: "vp", Person: "other"}, directory.Assignee{Person: "head"}, directory.Assignee{Unit: "ql", Person: "head"})
}

func (p *officePlay) incomingAct() incoming.Act {
	switch p.r.IntN(11) {
	case 0, 1:
		return incoming.Register{}
	case 2:
		return incoming.Present{To: pick(p.r, "leader", "deputy", "head"), Note: "Kính trình"}
	case 3, 4, 5:
		a := incoming.Assign{InCharge: p.assignee(), Opinion: "Đề nghị xử lý"}
		if p.r.IntN(2) == 0 {
			a.Cooperating = []directory.Assignee{p.assignee()}
		}
		return a
	case 6:
		return incoming.TransferBack{Reason: "Không đúng chức năng"}
	case 7:
		return incoming.Start{}
	case 8:
		return incoming.Opine{Text: "Nhất trí"}
	case 9:
		return incoming.Finish{Result: "Xong"}
	}
	return pick[incoming.Act](p.r, incoming.Reopen{Reason: "Chưa đủ"}, incoming.Refuse{Reason: "Nhầm"})
}

func (p *officePlay) dossierAct() dossier.Act {
	switch p.r.IntN(8) {
	case 0, 1:
		return dossier.Open{FilePlan: "01.QL", Title: "Hồ sơ công trình", Due: pick(p.r, "", "2026-12-20")}
	case 2, 3:
		id := pick(p.r, p.ids...)
		return dossier.Add{Document: &dossier.Found{Target: dossier.Target{Kind: "incoming", ID: id}, Document: id, Exists: p.incoming[id].Number != 0}}
	case 4:
		return dossier.GiveTask{Task: fmt.Sprint("viec-", p.done), To: p.assignee(), Text: "Làm việc"}
	case 5:
		return dossier.HandOver{To: pick(p.r, "specialist", "other", "head"), Reason: "Bàn giao"}
	case 6:
		return dossier.Close{}
	}
	return dossier.Reopen{Reason: "Bổ sung"}
}

// standingsOf are all a person may act by.
func (p *officePlay) standingsOf(t *testing.T, person string) []directory.Standing {
	office := p.office(t)
	var out []directory.Standing
	for _, other := range append([]string{""}, sortedNames(mapOf(officePersons))...) {
		if st, ok := office.Standing(person, other, p.clock); ok && other != person {
			out = append(out, st)
		}
	}
	return out
}

func (p *officePlay) check(t *testing.T, v *Views) {
	t.Helper()
	for person := range officePersons {
		standings := p.standingsOf(t, person)
		seen := p.checkDocuments(t, v, person, standings)
		for id, s := range p.dossiers {
			want := slices.ContainsFunc(standings, s.Concerns)
			d, err := v.Dossier(t.Context(), p.staff(person), id)
			if want != (err == nil) || err != nil && !errors.Is(err, view.ErrNotFound) {
				t.Errorf("%s asks for dossier %s: %v, by the decider it is seen: %v", person, id, err, want)
			}
			for _, act := range d.May {
				if !slices.ContainsFunc(standings, func(st directory.Standing) bool { return slices.Contains(dossier.May(s, st), act) }) {
					t.Errorf("%s may %s with dossier %s, by the decider not", person, act, id)
				}
			}
		}
		p.checkWork(t, v, person, seen)
	}
}

func (p *officePlay) checkDocuments(t *testing.T, v *Views, person string, standings []directory.Standing) map[string]bool {
	t.Helper()
	archivist := slices.ContainsFunc(standings, func(st directory.Standing) bool { return st.HasFor(directory.RoleArchivist, "") })
	seen := map[string]bool{}
	for _, id := range p.ids {
		s, x := p.incoming[id], p.exchange[id]
		want := slices.ContainsFunc(standings, s.Concerns)
		doc, err := v.IncomingDocument(t.Context(), p.staff(person), id)
		if archivist && err == nil && !want {
			want = slices.ContainsFunc(doc.Dossiers, func(d view.DossierRow) bool { return d.State == view.DossierClosed })
		}
		if want != (err == nil) || err != nil && !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s asks for %s (%s): %v, by the decider it is seen: %v", person, id, s.Phase, err, want)
		}
		if seen[id] = err == nil; err != nil {
			continue
		}
		may := map[string]bool{}
		for _, st := range standings {
			for _, act := range incoming.May(s, st, x) {
				may[act] = true
			}
		}
		if got := sortedNames(setOf(doc.May)); !slices.Equal(got, sortedNames(mapOf(may))) {
			t.Errorf("%s may do %v with %s, by the decider %v", person, got, id, may)
		}
	}
	var listed []string
	cursor := ""
	for {
		page, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: p.staff(person), Cursor: cursor, Limit: 3})
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			t.Fatal(err)
		}
		for _, r := range page.Rows {
			listed = append(listed, r.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	whole, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: p.staff(person), Limit: 500})
	if err != nil && !errors.Is(err, view.ErrNotFound) {
		t.Fatal(err)
	}
	var all []string
	for _, r := range whole.Rows {
		all = append(all, r.ID)
	}
	if diff := cmp.Diff(all, listed); diff != "" {
		t.Errorf("%s: pages of three differ from one page: %s", person, diff)
	}
	for _, id := range p.ids {
		if seen[id] != slices.Contains(all, id) {
			t.Errorf("%s: %s is seen: %v, and in the list: %v", person, id, seen[id], !seen[id])
		}
	}
	return seen
}

func setOf(list []string) map[string]string {
	out := map[string]string{}
	for _, s := range list {
		out[s] = ""
	}
	return out
}

func (p *officePlay) checkWork(t *testing.T, v *Views, person string, seen map[string]bool) {
	t.Helper()
	counts, err := v.WorkCounts(t.Context(), p.staff(person))
	if errors.Is(err, view.ErrNotFound) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, box := range []view.Box{view.BoxMine, view.BoxUnit, view.BoxLate, view.BoxWatch} {
		n, cursor, last := 0, "", ""
		byWhat := map[string]int{}
		for {
			page, err := v.Work(t.Context(), view.WorkQuery{Staff: p.staff(person), Box: box, Cursor: cursor, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range page.Rows {
				n++
				byWhat[w.What]++
				if w.Target.Kind == "incoming" && !seen[w.Target.ID] {
					t.Errorf("%s: work %s of %s, which is not seen", person, w.What, w.Target.ID)
				}
				order := fmt.Sprint(!w.Due.Late, 4-w.Priority, cmpDue(w.Due.Day))
				if order < last {
					t.Errorf("%s: %s comes after %s", person, order, last)
				}
				last = order
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if counts[string(box)] != n {
			t.Errorf("%s: %d in box %s, counted %d", person, n, box, counts[string(box)])
		}
		for what, n := range byWhat {
			if box != view.BoxLate && counts[string(box)+"/"+what] != n {
				t.Errorf("%s: %d of %s in box %s, counted %d", person, n, what, box, counts[string(box)+"/"+what])
			}
		}
	}
}

// cmpDue sorts no day after all days.
func cmpDue(day string) string {
	if day == "" {
		return "~"
	}
	return day
}

// tampered is a copy of a database that somebody has changed.
func tampered(t *testing.T, path, change string) string {
	t.Helper()
	out := viewsPath(t)
	copyFile(t, path, out)
	db, err := sql.Open("sqlite", "file:"+out)
	if err != nil {
		t.Fatal(err)
	}
	r, err := db.Exec(change)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changed nothing: %v", change, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}
