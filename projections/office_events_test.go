package projections

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/internal/view"
)

// TestAskedBack: a request for a document is work for the clerk until it is answered; what was taken back before anybody acted is no
// work at all.
func TestAskedBack(t *testing.T) {
	o := newOfficeLog(t)
	o.begin(t)
	papers := make([]paperSpec, 3)
	for i := range papers {
		papers[i] = paperSpec{from: ubnd, number: string(rune('1' + i)), notation: "UBND", subject: "Gửi nhầm", typ: "Công văn", date: "2026-11-02", to: []string{sxd}}
		pos := o.receive(t, papers[i])
		o.offer(t, papers[i], pos, sxd)
		o.exchange[papers[i].key()] = &incoming.Exchange{Document: papers[i].key(), Priority: 1, Arrived: o.clock}
	}
	gone, asked, given := papers[0], papers[1], papers[2]
	o.add(t, record{stream: deliveryStream(gone, sxd), name: delivery.NameWithdrawn, data: delivery.Withdrawn{By: "status:00"}})
	for _, p := range []paperSpec{asked, given} {
		o.must(t, "clerk", p.key(), incoming.Register{})
		o.add(t, record{stream: deliveryStream(p, sxd), name: delivery.NameMarked, data: delivery.Marked{Mark: delivery.MarkRecalled, By: "status:00"}})
	}
	state := func(v *Views, p paperSpec) string {
		doc, err := v.IncomingDocument(t.Context(), o.staff("clerk"), p.key())
		if err != nil {
			t.Fatal(err)
		}
		return doc.Row.State + " " + strings.Join(doc.May, ",")
	}
	work := func(v *Views) string {
		page, err := v.Work(t.Context(), view.WorkQuery{Staff: o.staff("clerk"), Box: view.BoxMine})
		return listOf(page.Rows, err, func(w view.WorkItem) string { return w.What + ":" + w.Number })
	}
	v := openViews(t, viewsPath(t), o, Options{})
	if got := work(v); got != "present:2/UBND present:3/UBND asked:2/UBND asked:3/UBND" {
		t.Errorf("work while both are asked for: %q", got)
	}
	if got := state(v, gone); got != "withdrawn " {
		t.Errorf("taken back: %q", got)
	}
	if got := state(v, asked); got != "registered AgreeRecall,DeclineRecall" { // answer first
		t.Errorf("asked for: %q", got)
	}
	for p, code := range map[*paperSpec]string{&asked: "16", &given: "15"} {
		o.add(t, record{stream: p.stream(), name: document.NameStatusReported, actor: sxd, pkg: packageOf("answer" + code), data: document.StatusReported{
			Document: p.key(), Code: code, Reporter: sxd, ReporterCode: sxd, To: []string{ubnd}, Assurance: "own"}, facts: document.StatusFacts{}})
	}
	o.incomingEvents(t, given.key(), must(incoming.DecideWithdrawn(o.incoming[given.key()], incoming.Exchange{Document: given.key(), Back: incoming.BackGiven}, "status:00")), nil)
	if err := v.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := work(v); got != "present:2/UBND" {
		t.Errorf("work after the answers: %q", got)
	}
	if got := state(v, given); got != "withdrawn " {
		t.Errorf("given back: %q", got)
	}
	if got := state(v, asked); got != "registered Present,LinkReply" {
		t.Errorf("kept: %q", got)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestBeforeTheOffice: what waited when the office began has arrived; what another program had taken is there once somebody acts on it.
func TestBeforeTheOffice(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	if _, err := v.IncomingDocument(t.Context(), d.staff("clerk"), d.acknowledged); !errors.Is(err, view.ErrNotFound) {
		t.Errorf("taken by another program: %v", err)
	}
	d.exchange[d.acknowledged] = &incoming.Exchange{Document: d.acknowledged, Arrived: d.clock}
	d.must(t, "clerk", d.acknowledged, incoming.Register{})
	if err := v.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc, err := v.IncomingDocument(t.Context(), d.staff("clerk"), d.acknowledged)
	if err != nil || doc.Row.State != view.IncomingRegistered || doc.Row.Subject != "Phần mềm khác đã nhận" || doc.Row.ArrivedAt.After(d.clock.Add(-time.Minute)) {
		t.Errorf("registered after all: %v %+v", err, doc.Row)
	}
	for _, org := range []string{ubnd, "X99", ""} {
		s := d.staff("clerk")
		s.Org = org
		if _, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: s}); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("the same person in %q: %v", org, err)
		}
	}
}

// TestSuccessorsOffice: who works for an agency that succeeds another sees what that one had.
func TestSuccessorsOffice(t *testing.T) {
	d := newOfficeDay(t)
	d.change(t, directory.NameUnitSet, directory.UnitSet{Org: bn, Unit: "vp"}, directory.WordFacts{Name: "Văn phòng"})
	d.change(t, directory.NamePersonSet, directory.PersonSet{Org: bn, Person: "clerk", Duties: []directory.Duty{{Role: directory.RoleClerk}}}, directory.PersonFacts{Name: "Bà Văn thư"})
	v := openViews(t, viewsPath(t), d, Options{})
	s := view.Staff{Org: bn, Person: "clerk", Now: d.clock}
	if page, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: s}); err != nil || len(page.Rows) != 0 {
		t.Fatalf("before: %v %d rows", err, len(page.Rows))
	}
	d.change(t, directory.NameOrganisationClosed, directory.OrganisationClosed{Org: sxd, Successor: bn, From: d.clock.Truncate(time.Microsecond)}, nil)
	if err := v.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Now = d.clock
	page, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: s, Limit: 500})
	if err != nil || len(page.Rows) != len(d.all())-1 {
		t.Fatalf("after: %v %d rows", err, len(page.Rows))
	}
	if _, err := v.IncomingDocument(t.Context(), s, d.assigned); err != nil {
		t.Errorf("page: %v", err)
	}
	if found, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: s, Words: "tranh chấp"}); err != nil || len(found.Rows) != 1 {
		t.Errorf("words: %v %d rows", err, len(found.Rows))
	}
	counts, err := v.WorkCounts(t.Context(), s)
	if err != nil || counts["mine/register"] != 3 {
		t.Errorf("counts: %v %v", err, counts)
	}
}

// TestOfficeDestroyed: words that were destroyed are in no answer and nowhere in views.db, and all else is as before.
func TestOfficeDestroyed(t *testing.T) {
	d := newOfficeDay(t)
	words := map[string]string{d.paper: "tranh chấp", d.assigned: "công trình số 2"}
	for i, b := range d.stmts {
		if stmt := d.event(t, uint64(i)).Statement; len(b) > 0 && (stmt.Stream == incoming.Stream(sxd, d.paper) || stmt.Stream == "document/"+d.assigned || stmt.Stream == dossier.Stream(sxd, "ho-so-2")) {
			d.destroy(uint64(i))
		}
	}
	path := viewsPath(t)
	v := openViews(t, path, d, Options{})
	answers := officeDump(t, d.officeLog, v, d.all())
	for _, gone := range []string{"tranh chấp", "công trình số 2\"", "đã xong", "quet.pdf", "88/STP-VB"} {
		if strings.Contains(answers, gone) {
			t.Errorf("an answer has %q", gone)
		}
	}
	for id, text := range words {
		if page, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: d.staff("clerk"), Words: text}); err != nil || len(page.Rows) != 0 && d.name(page.Rows[0].ID) == d.name(id) {
			t.Errorf("found by %q: %v %d rows", text, err, len(page.Rows))
		}
		if doc, err := v.IncomingDocument(t.Context(), d.staff("leader"), id); err != nil || doc.Row.Destroyed == "" || doc.Row.Subject != "" || doc.Row.ArrivalNumber == 0 {
			t.Errorf("page: %v %+v", err, doc.Row)
		}
	}
	if file, err := v.Dossier(t.Context(), d.staff("leader"), "ho-so-2"); err != nil || file.Row.Destroyed == "" || file.Row.Title != "" || file.Row.Code == "" {
		t.Errorf("dossier: %v %+v", err, file.Row)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"tranh chấp", "đã xong", "quet.pdf"} {
		if strings.Contains(string(b), gone) {
			t.Errorf("views.db has %q", gone)
		}
	}
}

// TestOfficePast: an agency's work as of a moment is for who may see it today.
func TestOfficePast(t *testing.T) {
	d := newOfficeDay(t)
	was := d.Head().Size
	d.mustFile(t, "head", "ho-so-2", dossier.Reopen{Reason: "Bổ sung"})
	d.change(t, directory.NamePersonSet, directory.PersonSet{Org: sxd, Person: "specialist"}, directory.PersonFacts{})
	live := openViews(t, viewsPath(t), d, Options{Now: func() time.Time { return d.clock }})
	old := openViews(t, viewsPath(t), &until{log: d, size: was}, Options{Now: func() time.Time { return d.clock }, rights: live})
	p := &pastViews{Views: old, live: live}
	doc, err := p.IncomingDocument(t.Context(), d.staff("head"), d.assigned)
	if err != nil || doc.Row.State != view.IncomingAssigned || len(doc.May) != 0 {
		t.Errorf("the head then: %v %+v %v", err, doc.Row, doc.May)
	}
	if list, err := p.Dossiers(t.Context(), view.DossierQuery{Staff: d.staff("archivist")}); err != nil || len(list.Rows) != 0 {
		t.Errorf("the archivist sees a dossier that is open again: %v %+v", err, list.Rows)
	}
	if list, err := old.Dossiers(t.Context(), view.DossierQuery{Staff: d.staff("archivist")}); err != nil || len(list.Rows) != 1 {
		t.Errorf("by the moment alone: %v %+v", err, list.Rows)
	}
	for what, ask := range map[string]func() error{
		"documents": func() error {
			_, err := p.Incoming(t.Context(), view.IncomingQuery{Staff: d.staff("specialist")})
			return err
		},
		"work": func() error {
			_, err := p.Work(t.Context(), view.WorkQuery{Staff: d.staff("specialist"), Box: view.BoxMine})
			return err
		},
		"a page":    func() error { _, err := p.IncomingDocument(t.Context(), d.staff("specialist"), d.assigned); return err },
		"a dossier": func() error { _, err := p.Dossier(t.Context(), d.staff("specialist"), "ho-so-1"); return err },
		"a document": func() error {
			_, err := p.Document(t.Context(), view.Reader{Orgs: []string{sxd}, Person: "specialist", Now: d.clock}, d.assigned)
			return err
		},
	} {
		if err := ask(); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("one who has no duty any more asks for %s: %v", what, err)
		}
	}
	if page, err := p.Work(t.Context(), view.WorkQuery{Staff: d.staff("head"), Box: view.BoxUnit}); err != nil || len(page.Rows) == 0 {
		t.Errorf("the head's box then: %v %d rows", err, len(page.Rows))
	}
}

// TestPersonReads: the questions about documents, asked for a person of an agency.
func TestPersonReads(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	for person, want := range map[string]string{
		"clerk": "refused asked late finished handled returned unit assigned presented registered urgent arrived acknowledged old", "auditor": "refused asked late finished handled returned unit assigned presented registered urgent arrived acknowledged old",
		"specialist": "late finished handled returned unit assigned", "subordinate": "unit", "other-head": "assigned", "archivist": "finished", "admin": "-", "idle": "-", "nobody": "-",
	} {
		r := view.Reader{Orgs: []string{sxd}, Person: person, Now: d.clock}
		page, err := v.Register(t.Context(), view.RegisterQuery{Reader: r, Org: sxd, Direction: view.Incoming})
		if got := listOf(page.Rows, err, func(r view.RegisterRow) string { return d.name(r.Document) }); got != want {
			t.Errorf("register for %s: %q, expected %q", person, got, want)
		}
		found, err := v.Search(t.Context(), view.SearchQuery{Reader: r, TypeName: "Công văn"})
		if got := listOf(found.Rows, err, func(r view.RegisterRow) string { return d.name(r.Document) }); got != want {
			t.Errorf("search for %s: %q, expected %q", person, got, want)
		}
		for i := range page.Rows {
			if page.Rows[i].ArrivedAt.IsZero() {
				t.Errorf("register for %s: row %+v", person, page.Rows[i])
			}
		}
		if _, err := v.NotTaken(t.Context(), r, sxd, 0); (err == nil) != (person == "clerk" || person == "auditor") {
			t.Errorf("not taken for %s: %v", person, err)
		}
	}
	// Pages of one go through all that a person sees.
	r := view.Reader{Orgs: []string{sxd}, Person: "specialist", Now: d.clock}
	var got []string
	for cursor := ""; ; {
		page, err := v.Register(t.Context(), view.RegisterQuery{Reader: r, Org: sxd, Direction: view.Incoming, Cursor: cursor, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Rows {
			got = append(got, d.name(row.Document))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if s := strings.Join(got, " "); s != "late finished handled returned unit assigned" {
		t.Errorf("page by page: %q", s)
	}
}
