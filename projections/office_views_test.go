package projections

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/internal/view"
)

// names of the documents of the day, for messages.
func (d *officeDay) name(id string) string {
	for _, n := range []struct{ name, id string }{
		{"old", d.old}, {"acknowledged", d.acknowledged}, {"arrived", d.arrived}, {"urgent", d.urgent}, {"registered", d.registered}, {"presented", d.presented},
		{"assigned", d.assigned}, {"unit", d.unit}, {"returned", d.returned}, {"handled", d.handled}, {"finished", d.finished}, {"late", d.late},
		{"refused", d.refused}, {"asked", d.asked}, {"paper", d.paper},
	} {
		if n.id == id {
			return n.name
		}
	}
	return id
}

// TestWhoSeesWhat is the table of people and what they see of an agency's work. Whatever is not in it must be the answer for "does not
// exist", on its page as in every list.
func TestWhoSeesWhat(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	everything := "paper refused asked late finished handled returned unit assigned presented registered urgent arrived old"
	for _, c := range []struct{ person, incoming, dossiers string }{
		{"clerk", everything, "ho-so-2 ho-so-1"},
		{"leader", everything, "ho-so-2 ho-so-1"},
		{"deputy", everything, "ho-so-2 ho-so-1"},
		{"auditor", everything, "ho-so-2 ho-so-1"},
		{"admin", "-", "-"},
		{"idle", "-", "-"},
		{"unknown", "-", "-"},
		{"archivist", "finished", "ho-so-2"},
		{"head", "late finished handled returned unit assigned", "ho-so-2 ho-so-1"},
		{"specialist", "late finished handled returned unit assigned", "ho-so-2 ho-so-1"},
		{"subordinate", "unit", ""},
		{"other-head", "assigned", "ho-so-1"},
		{"other", "late finished handled returned unit assigned", "ho-so-2 ho-so-1"}, // stands in for specialist, and vp cooperates
	} {
		t.Run(c.person, func(t *testing.T) {
			page, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: d.staff(c.person)})
			got := listOf(page.Rows, err, func(r view.IncomingRow) string { return d.name(r.ID) })
			if got != c.incoming {
				t.Errorf("incoming: %q, expected %q", got, c.incoming)
			}
			files, err := v.Dossiers(t.Context(), view.DossierQuery{Staff: d.staff(c.person)})
			if got := listOf(files.Rows, err, func(r view.DossierRow) string { return r.ID }); got != c.dossiers {
				t.Errorf("dossiers: %q, expected %q", got, c.dossiers)
			}
			for _, id := range d.all() {
				seen := slices.Contains(strings.Fields(c.incoming), d.name(id))
				if _, err := v.IncomingDocument(t.Context(), d.staff(c.person), id); seen != (err == nil) || err != nil && !errors.Is(err, view.ErrNotFound) {
					t.Errorf("page of %s: %v, expected that it is seen: %v", d.name(id), err, seen)
				}
				if id == d.paper || id == d.acknowledged {
					continue
				}
				r := view.Reader{Orgs: []string{sxd}, Person: c.person, Now: d.clock}
				if _, err := v.Document(t.Context(), r, id); seen != (err == nil) || err != nil && !errors.Is(err, view.ErrNotFound) {
					t.Errorf("document %s: %v, expected that it is seen: %v", d.name(id), err, seen)
				}
			}
			for _, id := range []string{"ho-so-1", "ho-so-2"} {
				seen := slices.Contains(strings.Fields(c.dossiers), id)
				if _, err := v.Dossier(t.Context(), d.staff(c.person), id); seen != (err == nil) || err != nil && !errors.Is(err, view.ErrNotFound) {
					t.Errorf("page of %s: %v, expected that it is seen: %v", id, err, seen)
				}
			}
		})
	}
}

// listOf names rows, "-" for not found.
func listOf[R any](rows []R, err error, name func(R) string) string {
	if errors.Is(err, view.ErrNotFound) {
		return "-"
	}
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, r := range rows {
		out = append(out, name(r))
	}
	return strings.Join(out, " ")
}

// TestIncomingFilters is the table of filters.
func TestIncomingFilters(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	tomorrow := d.staff("clerk")
	tomorrow.Now = tomorrow.Now.AddDate(0, 0, 2) // Wednesday
	for _, c := range []struct {
		name string
		q    view.IncomingQuery
		want string
	}{
		{"a state", view.IncomingQuery{State: view.IncomingPresented}, "returned presented"},
		{"arrived", view.IncomingQuery{State: view.IncomingArrived}, "urgent arrived old"},
		{"refused", view.IncomingQuery{State: view.IncomingRefused}, "refused"},
		{"open", view.IncomingQuery{Open: true}, "paper asked late handled returned unit assigned presented registered urgent arrived old"},
		{"a register and year", view.IncomingQuery{Register: "chung", Year: 2026}, "paper asked late finished handled returned unit assigned presented registered"},
		{"another year", view.IncomingQuery{Register: "chung", Year: 2025}, ""},
		{"an empty register", view.IncomingQuery{Register: "mat"}, ""},
		{"a year", view.IncomingQuery{Year: 2026, State: view.IncomingFinished}, "finished"},
		{"paper", view.IncomingQuery{Channel: "paper"}, "paper"},
		{"exchange", view.IncomingQuery{Channel: "exchange", State: view.IncomingRefused}, "refused"},
		{"sender", view.IncomingQuery{Correspondent: stp}, "paper"},
		{"sender unknown", view.IncomingQuery{Correspondent: "X99"}, ""},
		{"a unit", view.IncomingQuery{Unit: "ql"}, "late handled unit assigned"},
		{"a unit that cooperates", view.IncomingQuery{Unit: "vp"}, "assigned"},
		{"a person", view.IncomingQuery{Person: "specialist"}, "late handled assigned"},
		{"type", view.IncomingQuery{TypeName: "công văn", State: view.IncomingRefused}, "refused"},
		{"words with diacritics", view.IncomingQuery{Words: "thẩm định"}, "arrived"},
		{"words without", view.IncomingQuery{Words: "tham dinh"}, "arrived"},
		{"other diacritics", view.IncomingQuery{Words: "thâm định"}, ""},
		{"words of paper", view.IncomingQuery{Words: "tranh chap"}, "paper"},
		{"words and state", view.IncomingQuery{Words: "cap phep", State: view.IncomingFinished}, "finished"},
		{"number of the document", view.IncomingQuery{Number: "11/UBND"}, "urgent"},
		{"number of paper", view.IncomingQuery{Number: "88/STP"}, "paper"},
		{"arrival number, then number", view.IncomingQuery{Number: "3"}, "assigned unit"},
		{"days", view.IncomingQuery{From: "2026-11-02", To: "2026-11-02", State: view.IncomingRefused}, "refused"},
		{"days before", view.IncomingQuery{To: "2026-11-01"}, ""},
		{"late today", view.IncomingQuery{Late: true}, ""},
		{"late the day after tomorrow", view.IncomingQuery{Late: true, Staff: tomorrow}, "paper asked late returned presented registered urgent arrived"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.q.Staff.Org == "" {
				c.q.Staff = d.staff("clerk")
			}
			page, err := v.Incoming(t.Context(), c.q)
			got := listOf(page.Rows, err, func(r view.IncomingRow) string { return d.name(r.ID) })
			if c.name == "late the day after tomorrow" {
				for _, r := range page.Rows {
					if !r.Due.Late || r.Due.Left >= 0 {
						t.Errorf("%s: deadline %+v", d.name(r.ID), r.Due)
					}
				}
			}
			if got != c.want {
				t.Errorf("%q, expected %q", got, c.want)
			}
			if page.Total != len(page.Rows) {
				t.Errorf("total %d of %d rows", page.Total, len(page.Rows))
			}
		})
	}
	for name, q := range map[string]view.IncomingQuery{"state": {State: "x"}, "day": {From: "2.11.2026"}, "cursor": {Cursor: "x"}} {
		q.Staff = d.staff("clerk")
		if _, err := v.Incoming(t.Context(), q); !errors.Is(err, view.ErrQuery) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
}

// work of a person as "what:document[:for]".
func (d *officeDay) work(t *testing.T, v *Views, q view.WorkQuery) string {
	t.Helper()
	page, err := v.Work(t.Context(), q)
	return listOf(page.Rows, err, func(w view.WorkItem) string {
		s := w.What + ":" + d.name(w.Target.ID)
		if w.For.ID != "" {
			s += ":" + w.For.ID
		}
		return s
	})
}

// TestWorkBoxes is the table of people and boxes. What is late comes first, then what is urgent, then what is due first, then what is old.
func TestWorkBoxes(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	for _, c := range []struct {
		person string
		box    view.Box
		days   int
		want   string
	}{
		{"clerk", view.BoxMine, 0, "register:urgent present:asked register:arrived present:registered present:paper register:old"},
		{"clerk", view.BoxUnit, 0, ""},
		{"clerk", view.BoxWatch, 0, ""},
		{"leader", view.BoxMine, 0, "assign:presented returned:returned"},
		{"leader", view.BoxWatch, 0, "handle:assigned cooperate:assigned handle:handled handle:late handle:unit"},
		{"leader", view.BoxLate, 0, ""},
		{"deputy", view.BoxMine, 0, ""},
		{"head", view.BoxMine, 0, "handle:unit"},
		{"head", view.BoxUnit, 0, "handle:assigned handle:handled handle:late handle:unit dossier:ho-so-1"},
		{"specialist", view.BoxMine, 0, "handle:assigned handle:handled handle:late dossier:ho-so-1"},
		{"specialist", view.BoxMine, 2, "handle:late handle:assigned handle:handled dossier:ho-so-1"},
		{"specialist", view.BoxLate, 2, "handle:late"},
		{"specialist", view.BoxUnit, 0, "handle:unit"},
		{"specialist", view.BoxWatch, 0, "task:ho-so-1"},
		{"subordinate", view.BoxUnit, 0, "handle:unit"},
		{"subordinate", view.BoxMine, 0, ""},
		{"other-head", view.BoxMine, 0, "cooperate:assigned"},
		{"other-head", view.BoxUnit, 0, "cooperate:assigned task:ho-so-1"},
		{"other", view.BoxMine, 0, "handle:assigned:specialist handle:handled:specialist handle:late:specialist task:ho-so-1 dossier:ho-so-1:specialist"},
		{"other", view.BoxUnit, 0, "cooperate:assigned handle:unit:specialist"},
		{"leader", view.BoxLate, 2, "register:urgent present:asked assign:presented returned:returned handle:late register:arrived present:registered present:paper"},
		{"auditor", view.BoxMine, 0, ""},
		{"auditor", view.BoxLate, 2, "register:urgent present:asked assign:presented returned:returned handle:late register:arrived present:registered present:paper"},
		{"archivist", view.BoxMine, 0, ""},
		{"admin", view.BoxMine, 0, "-"},
	} {
		s := d.staff(c.person)
		s.Now = s.Now.AddDate(0, 0, c.days)
		if got := d.work(t, v, view.WorkQuery{Staff: s, Box: c.box}); got != c.want {
			t.Errorf("%s of %s after %d days: %q, expected %q", c.box, c.person, c.days, got, c.want)
		}
	}
	if got := d.work(t, v, view.WorkQuery{Staff: d.staff("clerk"), Box: view.BoxMine, What: view.WorkPresent}); got != "present:asked present:registered present:paper" {
		t.Errorf("one kind of work: %q", got)
	}
	counts, err := v.WorkCounts(t.Context(), d.staff("specialist"))
	want := map[string]int{"mine": 4, "mine/handle": 3, "mine/dossier": 1, "unit": 1, "unit/handle": 1, "watch": 1, "watch/task": 1, "late": 0}
	if diff := cmp.Diff(want, counts); err != nil || diff != "" {
		t.Errorf("counts: %v %s", err, diff)
	}
	for name, q := range map[string]view.WorkQuery{"box": {Box: "x"}, "kind": {Box: view.BoxMine, What: "x"}, "cursor": {Box: view.BoxMine, Cursor: "1.9.x.1"}} {
		q.Staff = d.staff("clerk")
		if _, err := v.Work(t.Context(), q); !errors.Is(err, view.ErrQuery) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
}

// TestIncomingPage: the page tells the whole story, in the directory's words, and offers what the deciders accept.
func TestIncomingPage(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	doc, err := v.IncomingDocument(t.Context(), d.staff("other"), d.assigned)
	if err != nil {
		t.Fatal(err)
	}
	row := doc.Row
	if row.Number != "22/UBND-XD" || row.ArrivalNumber != 3 || row.Register != "chung" || row.State != view.IncomingAssigned || row.From.Name != "Cơ quan H02" ||
		row.InCharge.Unit.Name != "Phòng Quản lý xây dựng" || row.InCharge.Person.Name != "Ông specialist" || len(row.Cooperating) != 1 ||
		row.Due != (view.Deadline{Day: "2026-11-09", Left: 5}) || row.Priority != 2 || row.Document != d.assigned {
		t.Errorf("row: %+v", row)
	}
	var trail []string
	for _, line := range doc.Trail {
		trail = append(trail, line.Name+" "+line.Person.ID+" "+line.Text)
	}
	if got := strings.Join(trail, "; "); got != "delivery.offered.v1  ; incoming.registration-asked.v1 clerk ; incoming.number-chosen.v1  ; incoming.registered.v1  ; "+
		"incoming.presented.v1 clerk Kính trình; incoming.assigned.v1 leader Khẩn trương thẩm định" {
		t.Errorf("trail: %s", got)
	}
	// The column "ngày chuyển" of the register.
	if last := doc.Trail[len(doc.Trail)-1]; !row.PassedAt.Equal(last.At) || row.PassedAt.IsZero() {
		t.Errorf("passed on at %s, assigned at %s", row.PassedAt, last.At)
	}
	if doc.Opinion != "Khẩn trương thẩm định" || doc.Version != uint64(d.incoming[d.assigned].Events) {
		t.Errorf("opinion %q, version %d", doc.Opinion, doc.Version)
	}
	// other cooperates in the own name, and may begin and end it only in the specialist's place.
	if doc.Stands["StartHandling"].ID != "specialist" || doc.Stands["FinishHandling"].ID != "specialist" || doc.Stands["GiveOpinion"].ID != "" || !slices.Contains(doc.May, "GiveOpinion") {
		t.Errorf("may %v, stands %v", doc.May, doc.Stands)
	}
	doc, err = v.IncomingDocument(t.Context(), d.staff("clerk"), d.paper)
	if err != nil || doc.Row.Subject != "Đơn đề nghị giải quyết tranh chấp" || doc.Row.Number != "88/STP-VB" || doc.Row.From.Name != "Sở Tư pháp" || doc.Row.Channel != "paper" ||
		doc.Row.Date != "2026-10-28" || len(doc.Files) != 1 || doc.Files[0].Name != "quet.pdf" || doc.Package == "" || doc.Row.Document != "" {
		t.Errorf("paper: %v %+v", err, doc)
	}
	if stream, err := v.MayRead(t.Context(), view.Reader{Orgs: []string{sxd}, Person: "leader", Now: d.clock}, doc.Package); err != nil || stream != incoming.Stream(sxd, d.paper) {
		t.Errorf("package of the scan for the leader: %q %v", stream, err)
	}
	for _, r := range []view.Reader{{Orgs: []string{sxd}, Person: "specialist", Now: d.clock}, {Orgs: []string{sxd}, Person: "admin", Now: d.clock}, {Orgs: []string{stp}}, {}} {
		if stream, err := v.MayRead(t.Context(), r, doc.Package); !errors.Is(err, view.ErrNotFound) || stream != "" {
			t.Errorf("package of the scan for %+v: %q %v", r, stream, err)
		}
	}
	if doc, err = v.IncomingDocument(t.Context(), d.staff("head"), d.finished); err != nil || len(doc.Dossiers) != 2 || doc.Row.FinishedAt.IsZero() || doc.Row.Due.Late {
		t.Errorf("finished: %v %+v", err, doc)
	}
}

// TestDossierPage: what lies in a dossier is shown to those who may see it.
func TestDossierPage(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	full, err := v.Dossier(t.Context(), d.staff("head"), "ho-so-1")
	if err != nil {
		t.Fatal(err)
	}
	if full.Row.Code != "01/2026/HS" || full.Row.Title != "Cấp phép công trình cầu" || full.Row.Retention != "20 năm" || full.Row.Items != 2 || full.Row.OpenTasks != 1 ||
		full.Row.Due.Day != "2026-11-20" || len(full.Items) != 3 || len(full.Tasks) != 1 || len(full.Decisions) != 1 || full.Decisions[0].Text != "Đồng ý cấp phép" {
		t.Errorf("page: %+v", full)
	}
	if it := full.Items[0]; !it.Visible || it.Number != "26/UBND-XD" || it.Note != "Văn bản gốc" || it.Target != (view.Target{Kind: "incoming", ID: d.finished}) {
		t.Errorf("item: %+v", it)
	}
	if full.Items[1].Removed != "Xếp nhầm" || full.Tasks[0].To.Person.ID != "other" || full.Tasks[0].Text != "Chuẩn bị phòng họp" {
		t.Errorf("item %+v, task %+v", full.Items[1], full.Tasks[0])
	}
	part, err := v.Dossier(t.Context(), d.staff("other-head"), "ho-so-1") // his specialist has a task in it
	if err != nil || part.Items[0].Visible || part.Items[0].Number != "" || part.Items[0].Note != "" || part.Items[1].Removed != "—" || !part.Items[2].Visible {
		t.Errorf("for one who may not see all: %v %+v", err, part.Items)
	}
	for _, line := range part.Trail {
		if strings.Contains(line.Text, "Văn bản gốc") || line.Detail["document"] != "" {
			t.Errorf("the trail tells of what is not seen: %+v", line)
		}
	}
	for words, want := range map[string]string{"cong trinh": "ho-so-1", "đã xong": "ho-so-2", "01/2026/HS": "ho-so-1", "khác": ""} {
		page, err := v.Dossiers(t.Context(), view.DossierQuery{Staff: d.staff("leader"), Words: words})
		if got := listOf(page.Rows, err, func(r view.DossierRow) string { return r.ID }); got != want {
			t.Errorf("search for %q: %q", words, got)
		}
	}
	for _, c := range []struct {
		q    view.DossierQuery
		want string
	}{
		{view.DossierQuery{State: view.DossierClosed}, "ho-so-2"}, {view.DossierQuery{FilePlan: "01.QL", Year: 2026}, "ho-so-2 ho-so-1"},
		{view.DossierQuery{InCharge: "specialist", State: view.DossierOpen}, "ho-so-1"}, {view.DossierQuery{Year: 2025}, ""}, {view.DossierQuery{Late: true}, ""},
	} {
		c.q.Staff = d.staff("leader")
		page, err := v.Dossiers(t.Context(), c.q)
		if got := listOf(page.Rows, err, func(r view.DossierRow) string { return r.ID }); got != c.want {
			t.Errorf("%+v: %q, expected %q", c.q, got, c.want)
		}
	}
}

// TestReadings: who has opened it is told to leaders and auditors.
func TestReadings(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	of := view.Target{Kind: "incoming", ID: d.assigned}
	for _, person := range []string{"leader", "auditor"} {
		list, err := v.Readings(t.Context(), d.staff(person), of, 0)
		if err != nil || len(list) != 2 || list[0].Person.Name != "Ông head" || list[0].What != "attachment" || list[1].Person.ID != "specialist" || list[1].Org.Name == "" {
			t.Errorf("%s: %v %+v", person, err, list)
		}
	}
	for _, person := range []string{"clerk", "head", "specialist", "admin", "other"} {
		if list, err := v.Readings(t.Context(), d.staff(person), of, 0); !errors.Is(err, view.ErrNotFound) || list != nil {
			t.Errorf("%s: %v %+v", person, err, list)
		}
	}
}
