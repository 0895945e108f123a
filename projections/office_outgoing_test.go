package projections

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/internal/view"
)

// outgoingLog is an officeLog whose agency also writes documents. Acts are judged by the deciders.
type outgoingLog struct {
	*officeLog
	outgoing map[string]outgoing.State
	sent     map[string]paperSpec
}

func newOutgoingLog(t testing.TB) *outgoingLog {
	o := &outgoingLog{officeLog: newOfficeLog(t), outgoing: map[string]outgoing.State{}, sent: map[string]paperSpec{}}
	o.begin(t)
	for _, s := range []directory.Series{{ID: "qd", Types: []string{"quyết định"}, Notation: "{type}-SXD"}, {ID: "cv", Notation: "SXD-{type}"}} {
		o.change(t, directory.NameSeriesSet, directory.SeriesSet{Org: sxd, Series: s}, directory.WordFacts{Name: "Sổ " + s.ID})
	}
	for _, c := range []directory.Chain{
		{ID: "thuong", Steps: []directory.Step{{Role: directory.RoleHead, Unit: "author", Days: 2}, {Role: directory.RoleLeader}}},
		{ID: "mot", Steps: []directory.Step{{Role: directory.RoleLeader}}},
	} {
		o.change(t, directory.NameChainSet, directory.ChainSet{Org: sxd, Chain: c}, directory.WordFacts{Name: "Quy trình " + c.ID})
	}
	o.change(t, directory.NameDeadlinesSet, directory.DeadlinesSet{Org: sxd, Rules: []directory.DeadlineRule{
		{What: "approve", Days: 1}, {What: "assign", Days: 1}, {What: "handle", Days: 5}, {What: "issue", Days: 1}, {What: "present", Days: 1}, {What: "register", Days: 1}}}, nil)
	o.change(t, directory.NameCalendarSet, directory.CalendarSet{Org: sxd, Year: 2026, Calendar: directory.Calendar{Holidays: []string{"2026-11-11"}, Working: []string{"2026-11-14"}}}, nil)
	return o
}

// do lets a person ("a/b": a in the place of b) do something with an outgoing document. It gives the refusal, if it is one.
func (o *outgoingLog) do(t testing.TB, who, id string, decide func(outgoing.State, outgoing.By) ([]events.New, error)) error {
	t.Helper()
	who, other, _ := strings.Cut(who, "/")
	office := o.office(t)
	st, ok := office.Standing(who, other, o.clock)
	if !ok {
		return errors.New("no standing")
	}
	list, err := decide(o.outgoing[id], outgoing.By{At: o.clock, Standing: st, Office: office})
	var refused *outgoing.Refusal
	if errors.As(err, &refused) {
		return err
	}
	if err != nil {
		t.Fatal(err)
	}
	o.outgoingEvents(t, id, list, packageOf(fmt.Sprintf("act %d of %s", len(o.stmts), id)))
	o.carryOn(t, id)
	return nil
}

func (o *outgoingLog) outgoingEvents(t testing.TB, id string, list []events.New, pkg *events.PackageRef) {
	t.Helper()
	for _, n := range list {
		pos := o.add(t, record{stream: outgoing.Stream(sxd, id), name: n.Name, data: n.Data, facts: n.Facts, pkg: pkg, actor: sxd})
		var err error
		if o.outgoing[id], err = outgoing.Fold(o.outgoing[id], o.event(t, pos)); err != nil {
			t.Fatal(err)
		}
	}
}

// carryOn does what the node does.
func (o *outgoingLog) carryOn(t testing.TB, id string) {
	t.Helper()
	step := func(list []events.New, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		o.outgoingEvents(t, id, list, nil)
	}
	for s := o.outgoing[id]; ; s = o.outgoing[id] {
		switch s.Next() {
		case outgoing.TodoNumber:
			if s.Chosen == 0 {
				book := bookName(s.Issue.Book, s.Issue.Year)
				o.last[book]++
				step(outgoing.DecideChosen(s, o.last[book]))
				break
			}
			o.add(t, record{stream: s.Book().Stream(s.Chosen), name: numbering.NameTaken, data: numbering.Taken{Holder: outgoing.Stream(sxd, id)}})
			step(outgoing.DecideNumbered(s, numbering.State{Holder: outgoing.Stream(sxd, id)}))
			if strings.HasPrefix(id, "void") {
				return // given up before it goes out
			}
		case outgoing.TodoSeal:
			if len(s.Latest.Recipients) == 0 {
				step(outgoing.DecideSent(s, nil))
				break
			}
			p := paperSpec{from: sxd, number: outgoing.FormatNumber(s.Number), notation: s.Issue.Notation, subject: "Văn bản " + id, typ: s.Latest.Type, date: s.Issue.Date}
			for _, to := range s.Latest.Recipients {
				p.to = append(p.to, to.Org)
			}
			o.sent[id] = p
			step(outgoing.DecideSealed(s, p.key()))
		case outgoing.TodoSend:
			p := o.sent[id]
			pos := o.receive(t, p)
			o.offer(t, p, pos, p.to[0]) // one before, the rest after the outgoing document knows
			d := p.pkg().SHA256
			step(outgoing.DecideSent(s, &d))
			o.offer(t, p, pos, p.to[1:]...)
		default:
			return
		}
	}
}

func (o *outgoingLog) mustDo(t testing.TB, who, id string, decide func(outgoing.State, outgoing.By) ([]events.New, error)) {
	t.Helper()
	if err := o.do(t, who, id, decide); err != nil {
		t.Fatalf("%s with %s: %v", who, id, err)
	}
}

type decideOutgoing = func(outgoing.State, outgoing.By) ([]events.New, error)

func saveDraft(id, typ, subject string, change func(*outgoing.Draft)) decideOutgoing {
	d := outgoing.Draft{Type: typ, Known: true, Subject: subject, Content: "Nội dung " + subject, Signer: "leader", ToPlaces: []string{"Lưu: VT"}, KeptBy: "Văn thư", Copies: 3,
		Recipients: outgoing.Recipients{List: []outgoing.Recipient{{Code: ubnd, Org: ubnd}, {Code: syt, Org: syt}}}, Files: []outgoing.FileFacts{{Name: "du-thao.pdf", Size: 3}}}
	if change != nil {
		change(&d)
	}
	return func(s outgoing.State, by outgoing.By) ([]events.New, error) {
		return outgoing.DecideSave(s, outgoing.Save{By: by, Org: sxd, ID: id, Draft: d, Note: "Bản của " + by.Standing.Person})
	}
}

func submitDraft(chain string) decideOutgoing {
	return func(s outgoing.State, by outgoing.By) ([]events.New, error) {
		return outgoing.DecideSubmit(s, outgoing.Submit{By: by, Chain: chain, Note: "Kính trình"})
	}
}

func approveDraft(s outgoing.State, by outgoing.By) ([]events.New, error) {
	return outgoing.DecideApprove(s, outgoing.Approve{By: by, Note: "Nhất trí"})
}

func sendBackDraft(s outgoing.State, by outgoing.By) ([]events.New, error) {
	return outgoing.DecideSendBack(s, outgoing.SendBack{By: by, Reason: "Sửa lại căn cứ"})
}

func issueSigned(s outgoing.State, by outgoing.By) ([]events.New, error) {
	return outgoing.DecideIssue(s, outgoing.Issue{By: by, Abbreviation: map[string]string{"quyết định": "QĐ"}[s.Latest.Type]})
}

func cancelDraft(s outgoing.State, by outgoing.By) ([]events.New, error) {
	return outgoing.DecideCancel(s, outgoing.Cancel{By: by, Reason: "Ban hành nhầm"})
}

func askOpinion(of ...directory.Assignee) decideOutgoing {
	return func(s outgoing.State, by outgoing.By) ([]events.New, error) {
		return outgoing.DecideAsk(s, outgoing.Ask{By: by, Of: of, Question: "Xin ý kiến", Due: "2026-12-20"})
	}
}

func giveOpinion(s outgoing.State, by outgoing.By) ([]events.New, error) {
	return outgoing.DecideOpinion(s, outgoing.Opine{By: by, Text: "Đồng ý"})
}

func recallIssued(s outgoing.State, by outgoing.By) ([]events.New, error) {
	return outgoing.DecideRecall(s, outgoing.Recall{By: by, Reason: "Sai số liệu"})
}

// issued takes a document all the way.
func (o *outgoingLog) issued(t testing.TB, id, typ, subject string, change func(*outgoing.Draft)) {
	t.Helper()
	o.mustDo(t, "specialist", id, saveDraft(id, typ, subject, change))
	o.mustDo(t, "specialist", id, submitDraft("mot"))
	o.mustDo(t, "leader", id, approveDraft)
	o.mustDo(t, "clerk", id, issueSigned)
}

// outgoingDay is a log in which everything happens that views of outgoing documents know of.
func newOutgoingDay(t testing.TB) *outgoingLog {
	o := newOutgoingLog(t)
	o.mustDo(t, "specialist", "nhap", saveDraft("nhap", "công văn", "Về việc dự thảo quy chế", nil))
	o.mustDo(t, "specialist", "nhap", saveDraft("nhap", "công văn", "Về việc góp ý quy chế làm việc", nil))
	o.mustDo(t, "specialist", "nhap", askOpinion(directory.Assignee{Unit: "vp"}, directory.Assignee{Person: "other-head"}))
	o.mustDo(t, "other", "nhap", giveOpinion)

	o.mustDo(t, "specialist", "trinh", saveDraft("trinh", "công văn", "Về việc trình duyệt", nil))
	o.mustDo(t, "specialist", "trinh", submitDraft("thuong"))
	o.mustDo(t, "head", "trinh", approveDraft)

	o.mustDo(t, "specialist", "tra", saveDraft("tra", "công văn", "Về việc bị trả lại", nil))
	o.mustDo(t, "specialist", "tra", submitDraft("thuong"))
	o.mustDo(t, "head", "tra", sendBackDraft)

	o.mustDo(t, "specialist", "ky", saveDraft("ky", "công văn", "Về việc đã ký chờ phát hành", nil))
	o.mustDo(t, "specialist", "ky", submitDraft("mot"))
	o.mustDo(t, "leader", "ky", approveDraft)

	o.issued(t, "di-1", "công văn", "Về việc thẩm định công trình cầu", nil)
	o.issued(t, "void-2", "công văn", "Về việc ban hành nhầm", nil)
	o.mustDo(t, "clerk", "void-2", cancelDraft)
	o.issued(t, "di-3", "công văn", "Về việc đính chính", func(d *outgoing.Draft) {
		d.Relation, d.RelatedTo = outgoing.RelationCorrection, "di-1"
		d.Related = outgoing.Related{Phase: outgoing.PhaseIssued, Type: "công văn", Document: o.outgoing["di-1"].Document}
	})
	o.issued(t, "giay", "công văn", "Gửi bản giấy", func(d *outgoing.Draft) {
		d.Recipients.List = nil
		d.ToPlaces = []string{"Hộ gia đình ông Tư"}
	})
	o.issued(t, "qd", "quyết định", "Quyết định phê duyệt", nil)
	o.take(t, o.sent["di-1"], ubnd)
	o.acknowledge(t, o.sent["di-1"], ubnd)
	o.status(t, o.sent["di-1"], ubnd, "06")
	o.take(t, o.sent["di-1"], syt)
	o.acknowledge(t, o.sent["di-1"], syt)
	o.status(t, o.sent["di-1"], syt, "02")
	o.mustDo(t, "leader", "qd", recallIssued)
	return o
}

func (o *outgoingLog) ids() []string { return sortedNames(mapOf(o.outgoing)) }

func outgoingLines(t *testing.T, v *Views, q view.OutgoingQuery) string {
	t.Helper()
	page, err := v.Outgoing(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	if page.Next == "" && q.Cursor == "" && page.Total != len(page.Rows) {
		t.Errorf("%+v: total %d, rows %d", q, page.Total, len(page.Rows))
	}
	var out []string
	for _, r := range page.Rows {
		out = append(out, r.ID)
	}
	return strings.Join(out, " ")
}

func TestOutgoingLists(t *testing.T) {
	o := newOutgoingDay(t)
	v := openViews(t, viewsPath(t), o, Options{})
	for _, c := range []struct {
		who  string
		q    view.OutgoingQuery
		want string
	}{
		{"clerk", view.OutgoingQuery{}, "qd giay di-3 void-2 di-1 ky tra trinh nhap"},
		{"clerk", view.OutgoingQuery{Open: true}, "ky tra trinh nhap"},
		{"clerk", view.OutgoingQuery{State: view.OutgoingSubmitted}, "trinh"},
		{"clerk", view.OutgoingQuery{State: view.OutgoingSigned}, "ky"},
		{"clerk", view.OutgoingQuery{State: view.OutgoingRecalled}, "qd"},
		{"clerk", view.OutgoingQuery{Issued: true, Series: "cv", Year: 2026}, "giay di-3 void-2 di-1"},
		{"clerk", view.OutgoingQuery{Issued: true, Series: "cv"}, "giay di-3 void-2 di-1"},
		{"clerk", view.OutgoingQuery{Issued: true, Series: "qd", Year: 2026}, "qd"},
		{"clerk", view.OutgoingQuery{Issued: true, Series: "cv", Year: 2025}, ""},
		{"clerk", view.OutgoingQuery{Issued: true, Valid: true, Series: "cv"}, "giay di-3 di-1"},
		{"clerk", view.OutgoingQuery{Issued: true, State: view.OutgoingCancelled}, "void-2"},
		{"clerk", view.OutgoingQuery{Author: "specialist", Open: true}, "ky tra trinh nhap"},
		{"clerk", view.OutgoingQuery{Author: "head"}, ""},
		{"clerk", view.OutgoingQuery{Unit: "ql", Open: true}, "ky tra trinh nhap"},
		{"clerk", view.OutgoingQuery{Unit: "vp"}, ""},
		{"clerk", view.OutgoingQuery{TypeName: "Quyết định"}, "qd"},
		{"clerk", view.OutgoingQuery{Recipient: syt, Issued: true, Series: "cv"}, "di-3 void-2 di-1"},
		{"clerk", view.OutgoingQuery{Words: "quy che"}, "nhap"},
		{"clerk", view.OutgoingQuery{Words: "quy chế làm việc"}, "nhap"},
		{"clerk", view.OutgoingQuery{Words: "du thao"}, "qd giay di-3 void-2 di-1 ky tra trinh nhap"}, // the name of the file
		{"clerk", view.OutgoingQuery{Words: "cong trinh cau"}, "di-1"},
		{"clerk", view.OutgoingQuery{Words: "dinh chinh", Issued: true}, "di-3"},
		{"clerk", view.OutgoingQuery{Words: "dinh chinh", Open: true}, ""},
		{"clerk", view.OutgoingQuery{Number: "03/SXD"}, "di-3"},
		{"clerk", view.OutgoingQuery{Number: "qđ-sxd"}, "qd"},
		{"clerk", view.OutgoingQuery{From: "2026-11-02", To: "2026-11-02", Series: "cv"}, "giay di-3 void-2 di-1"},
		{"clerk", view.OutgoingQuery{From: "2026-11-03"}, ""},
		{"leader", view.OutgoingQuery{Open: true}, "ky tra trinh nhap"},
		{"auditor", view.OutgoingQuery{Open: true}, "ky tra trinh nhap"},
		{"head", view.OutgoingQuery{Open: true}, "ky tra trinh nhap"},
		{"specialist", view.OutgoingQuery{Open: true}, "ky tra trinh nhap"},
		{"subordinate", view.OutgoingQuery{}, ""}, // of a part of the unit: the unit's documents are not his
		{"other", view.OutgoingQuery{}, "nhap"},
		{"other-head", view.OutgoingQuery{}, "nhap"},
		{"archivist", view.OutgoingQuery{}, ""},
	} {
		c.q.Staff = o.staff(c.who)
		if got := outgoingLines(t, v, c.q); got != c.want {
			t.Errorf("%s %+v: %q, expected %q", c.who, c.q, got, c.want)
		}
	}
	for _, who := range []string{"admin", "idle", "nobody"} {
		if _, err := v.Outgoing(t.Context(), view.OutgoingQuery{Staff: o.staff(who)}); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s: %v", who, err)
		}
	}
	for _, q := range []view.OutgoingQuery{{State: "?"}, {From: "1.1.2026"}, {Cursor: "x"}} {
		q.Staff = o.staff("clerk")
		if _, err := v.Outgoing(t.Context(), q); !errors.Is(err, view.ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func outgoingPage(t *testing.T, o *outgoingLog, v *Views, who, id string) view.OutgoingDocument {
	t.Helper()
	doc, err := v.OutgoingDocument(t.Context(), o.staff(who), id)
	if err != nil {
		t.Fatalf("%s asks for %s: %v", who, id, err)
	}
	return doc
}

func TestOutgoingDocument(t *testing.T) {
	o := newOutgoingDay(t)
	v := openViews(t, viewsPath(t), o, Options{})

	doc := outgoingPage(t, o, v, "clerk", "di-1")
	r := doc.Row
	if r.Number != "01/SXD" || r.SeqNumber != 1 || r.Series != "cv" || r.Year != 2026 || r.State != view.OutgoingIssued || r.TypeName != "Công văn" || r.Subject != "Về việc thẩm định công trình cầu" ||
		r.Signer.Name != "Ông leader" || r.Author.ID != "specialist" || r.Unit.Name != "Phòng Quản lý xây dựng" || r.Received != 2 || r.Finished != 1 || r.RefusedBy != 1 ||
		r.KeptBy != "Văn thư" || r.Copies != 3 || len(r.To) != 2 || r.To[0].Name != "UBND tỉnh Bắc Giang" || r.Void != "" || r.Document != o.outgoing["di-1"].Document {
		t.Errorf("row: %+v", r)
	}
	if len(doc.Recipients) != 2 || doc.Recipients[0].State != view.StateAcknowledged || doc.Recipients[0].LastStatus != "06" ||
		doc.Recipients[1].LastStatus != "02" || doc.Recipients[1].Reason != "Đã tiếp nhận" {
		t.Errorf("recipients: %+v", doc.Recipients)
	}
	if len(doc.Statuses) != 2 || len(doc.Versions) != 1 || doc.Versions[0].Files[0].Name != "du-thao.pdf" || doc.Versions[0].Package == "" {
		t.Errorf("statuses %+v, versions %+v", doc.Statuses, doc.Versions)
	}
	if len(doc.Related) != 1 || doc.Related[0].Kind != "corrected-by" || doc.Related[0].Number != "03/SXD" || doc.Related[0].Target != (view.Target{Kind: "outgoing", ID: "di-3"}) {
		t.Errorf("related: %+v", doc.Related)
	}
	if got := outgoingPage(t, o, v, "clerk", "di-3").Related; len(got) != 1 || got[0].Kind != "corrects" || got[0].Number != "01/SXD" {
		t.Errorf("related: %+v", got)
	}

	doc = outgoingPage(t, o, v, "specialist", "nhap")
	if len(doc.Versions) != 2 || doc.Versions[0].No != 2 || doc.Versions[0].Note != "Bản của specialist" || doc.Version != 5 || doc.Row.With.Person.ID != "specialist" ||
		!slices.Contains(doc.May, "Submit") || len(doc.Recipients) != 2 || doc.Recipients[0].State != "" {
		t.Errorf("draft: %+v", doc)
	}
	doc = outgoingPage(t, o, v, "leader", "trinh")
	if len(doc.Chain) != 2 || doc.Chain[0].State != "approved" || doc.Chain[0].Person.ID != "head" || doc.Chain[0].Note != "Nhất trí" || doc.Chain[0].Due.Late ||
		doc.Chain[1].State != "current" || doc.Chain[1].Due.Day != "2026-11-03" || !slices.Contains(doc.May, "Approve") {
		t.Errorf("chain: %+v, may %v", doc.Chain, doc.May)
	}
	if doc = outgoingPage(t, o, v, "specialist", "tra"); doc.Chain[0].State != "sent-back" || doc.Chain[0].Note != "Sửa lại căn cứ" || doc.Row.State != view.OutgoingSentBack {
		t.Errorf("sent back: %+v", doc.Chain)
	}
	if doc = outgoingPage(t, o, v, "clerk", "void-2"); doc.Row.Void != "Ban hành nhầm" || doc.Row.Number != "02/SXD" || doc.Row.State != view.OutgoingCancelled {
		t.Errorf("void: %+v", doc.Row)
	}
	if doc = outgoingPage(t, o, v, "clerk", "giay"); doc.Row.State != view.OutgoingIssued || doc.Row.Document != "" || doc.Row.SeqNumber != 4 || len(doc.Row.To) != 0 {
		t.Errorf("paper: %+v", doc.Row)
	}
	for _, c := range [][2]string{{"other", "di-1"}, {"subordinate", "nhap"}, {"admin", "nhap"}, {"clerk", "khong-co"}} {
		if _, err := v.OutgoingDocument(t.Context(), o.staff(c[0]), c[1]); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s asks for %s: %v", c[0], c[1], err)
		}
	}
}

func TestOutgoingWork(t *testing.T) {
	o := newOutgoingDay(t)
	v := openViews(t, viewsPath(t), o, Options{})
	for who, want := range map[string]string{
		"specialist": "draft nhap, returned tra",
		"head":       "",
		"leader":     "sign trinh",
		"deputy":     "", // another is named to sign
		"clerk":      "issue ky, not-taken di-3, refused-by di-1",
		"other":      "",
		"other-head": "opinion nhap",
		"auditor":    "",
	} {
		var got []string
		page, err := v.Work(t.Context(), view.WorkQuery{Staff: o.staff(who), Box: view.BoxMine})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range page.Rows {
			got = append(got, w.What+" "+w.Target.ID)
		}
		slices.Sort(got)
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %q, expected %q", who, s, want)
		}
	}
	page, err := v.Work(t.Context(), view.WorkQuery{Staff: o.staff("specialist"), Box: view.BoxWatch})
	if err != nil || len(page.Rows) == 0 {
		t.Errorf("what the author waits for: %+v, %v", page, err)
	}
}

func TestNotes(t *testing.T) {
	o := newOutgoingDay(t)
	v := openViews(t, viewsPath(t), o, Options{})
	for who, want := range map[string]string{
		"specialist": "status di-1 02, status di-1 06, done qd 1, done giay 4, done di-3 3, done di-1 1, returned tra ",
		"leader":     "sign qd , sign giay , sign di-3 , sign void-2 , sign di-1 , sign ky , sign trinh ",
		"other":      "",
		"other-head": "opinion nhap ", // asked as head of the unit, and by name
	} {
		list, err := v.Notes(t.Context(), o.staff(who), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range list {
			got = append(got, n.Kind+" "+n.Target.ID+" "+n.Code)
			if n.At.IsZero() || n.Position == 0 {
				t.Errorf("%s: %+v", who, n)
			}
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %q, expected %q", who, s, want)
		}
		if len(list) > 1 {
			if later, err := v.Notes(t.Context(), o.staff(who), list[0].Position, 0); err != nil || len(later) != 1 {
				t.Errorf("%s, from the last on: %v, %v", who, later, err)
			}
		}
	}
}

// TestNotesKept: the last notesKept of each person, however the log is read.
func TestNotesKept(t *testing.T) {
	o := newOutgoingLog(t)
	for i := range notesKept + 40 {
		o.arrive(t, i, "Về việc đến nhiều", 0)
	}
	var dumps []string
	for _, n := range []int{7, 100_000} {
		v := openViews(t, viewsPath(t), o, Options{LiveBatch: n, CatchUpBatch: n})
		list, err := v.Notes(t.Context(), o.staff("clerk"), 0, 500)
		if err != nil || len(list) != notesKept {
			t.Fatalf("%d notes, %v", len(list), err)
		}
		if list[0].Position != uint64(len(o.stmts)-1) {
			t.Errorf("latest note is of %d", list[0].Position)
		}
		var count int
		if err := v.db.read.QueryRow("SELECT count(*) FROM note").Scan(&count); err != nil || count != notesKept {
			t.Errorf("%d rows: %v", count, err)
		}
		dumps = append(dumps, fmt.Sprint(list))
	}
	if dumps[0] != dumps[1] {
		t.Error("notes differ by the way they were made")
	}
}

// outgoingDump asks everything about outgoing documents, statistics and notes, for everybody.
func outgoingDump(t testing.TB, o *outgoingLog, v *Views) string {
	t.Helper()
	var out []string
	put := func(answer any, err error) {
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%+v", answer), fmt.Sprint(err))
	}
	for _, person := range append(sortedNames(mapOf(officePersons)), "nobody") {
		s := o.staff(person)
		for _, q := range []view.OutgoingQuery{{}, {Issued: true}, {Words: "cong"}, {Open: true, Limit: 2}} {
			q.Staff = s
			page, err := v.Outgoing(t.Context(), q)
			put(page, err)
		}
		for _, id := range o.ids() {
			doc, err := v.OutgoingDocument(t.Context(), s, id)
			put(doc, err)
		}
		st, err := v.Statistics(t.Context(), view.StatisticsQuery{Staff: s})
		put(st, err)
		notes, err := v.Notes(t.Context(), s, 0, 0)
		put(notes, err)
		counts, err := v.WorkCounts(t.Context(), s)
		put(sortedCounts(counts), err)
	}
	office, err := v.Office(t.Context(), sxd)
	put(office, err)
	return strings.Join(out, "\n")
}

func sortedCounts(m map[string]int) []string {
	var out []string
	for k, n := range m {
		out = append(out, fmt.Sprint(k, "=", n))
	}
	slices.Sort(out)
	return out
}

func TestOutgoingSameAnswers(t *testing.T) {
	o := newOutgoingDay(t)
	want := outgoingDump(t, o, openViews(t, viewsPath(t), o, Options{}))
	for _, n := range []int{1, 7, 1000} {
		path := viewsPath(t)
		v := openViews(t, path, o, Options{LiveBatch: n, CatchUpBatch: n})
		if got := outgoingDump(t, o, v); got != want {
			t.Errorf("%d events a transaction: answers differ:\n%s", n, firstDifference(got, want))
		}
		if c := comparison(t, o.testLog, path); c.Difference != nil {
			t.Errorf("%d events a transaction: %v", n, c.Difference)
		}
	}
}

// TestOutgoingTampered: a change in any table of the statistics, notes and registers is found and named.
func TestOutgoingTampered(t *testing.T) {
	o := newOutgoingDay(t)
	path := viewsPath(t)
	if err := openViews(t, path, o, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sql, want string }{
		{"UPDATE fact SET outcome = 2", "views.db: table fact, row id="},
		{"DELETE FROM fact WHERE id = (SELECT max(id) FROM fact)", "views.db: table fact, row id="},
		{"UPDATE tally SET n = n + 1 WHERE dim = 0 AND unit = -1", "views.db: table tally, row {"},
		{"DELETE FROM tally WHERE dim = 2", "views.db: table tally, row {"},
		{"UPDATE note SET code = '9'", "views.db: table note, row org="},
		{"DELETE FROM listed WHERE class = 128", "views.db: table listed, row class=128"},
		{"UPDATE target SET number = number + 1 WHERE kind = 2 AND number <> 0", "views.db: table target, row id="},
	} {
		copied := tampered(t, path, c.sql)
		if got := comparison(t, o.testLog, copied).Difference; got == nil || !strings.HasPrefix(got.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", c.sql, got, c.want)
		}
	}
}

// TestOutgoingProperties plays random days: everybody sees and may do what the deciders say, and pages are one list cut in pieces,
// whatever the filter.
func TestOutgoingProperties(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := &outgoingPlay{outgoingLog: newOutgoingLog(t), r: rand.New(rand.NewPCG(seed, 6))}
			path := viewsPath(t)
			n := 1 + int(seed)%5
			v := openViews(t, path, p, Options{LiveBatch: n, CatchUpBatch: n, Now: func() time.Time { return p.clock }})
			for range 3 {
				for range 60 {
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
		})
	}
}

type outgoingPlay struct {
	*outgoingLog
	r *rand.Rand
	n int
}

var outgoingPeople = []string{"specialist", "specialist", "head", "leader", "clerk", "subordinate", "other", "other-head", "deputy", "other/specialist"}

func (p *outgoingPlay) step(t *testing.T) {
	p.n++
	ids := p.ids()
	if p.r.IntN(6) == 0 || len(ids) == 0 {
		id := fmt.Sprint(pick(p.r, "van-ban-", "van-ban-", "void-"), p.n)
		_ = p.do(t, pick(p.r, outgoingPeople...), id, saveDraft(id, pick(p.r, "công văn", "quyết định", "báo cáo"), "Về việc công trình "+fmt.Sprint(p.n), func(d *outgoing.Draft) {
			d.Recipients.List = d.Recipients.List[:p.r.IntN(3)]
			d.Priority = p.r.IntN(5)
		}))
		return
	}
	id := pick(p.r, ids...)
	switch p.r.IntN(12) {
	case 0:
		p.later(p.r.IntN(3))
	case 1:
		if sent, ok := p.sent[id]; ok && p.outgoing[id].Phase == outgoing.PhaseIssued && len(sent.to) > 0 {
			p.status(t, sent, pick(p.r, sent.to...), pick(p.r, "02", "03", "06"))
		}
	case 2:
		_ = p.do(t, pick(p.r, outgoingPeople...), id, askOpinion(pick(p.r, directory.Assignee{Unit: "vp"}, directory.Assignee{Person: "other"}, directory.Assignee{Unit: "ql-1"})))
	case 3:
		_ = p.do(t, pick(p.r, outgoingPeople...), id, giveOpinion)
	default:
		act := pick(p.r, submitDraft("thuong"), submitDraft("mot"), approveDraft, approveDraft, approveDraft, issueSigned, issueSigned, sendBackDraft, cancelDraft, recallIssued)
		_ = p.do(t, pick(p.r, outgoingPeople...), id, act)
	}
}

func (p *outgoingPlay) check(t *testing.T, v *Views) {
	t.Helper()
	office := p.office(t)
	for person := range officePersons {
		var standings []directory.Standing
		for _, other := range append([]string{""}, sortedNames(mapOf(officePersons))...) {
			if st, ok := office.Standing(person, other, p.clock); ok && other != person {
				standings = append(standings, st)
			}
		}
		seen := map[string]bool{}
		for id, s := range p.outgoing {
			want := slices.ContainsFunc(standings, s.Concerns)
			doc, err := v.OutgoingDocument(t.Context(), p.staff(person), id)
			if seen[id] = err == nil; want && err != nil || err != nil && !errors.Is(err, view.ErrNotFound) {
				t.Errorf("%s asks for %s (%s): %v, by the decider it is seen", person, id, s.Phase, err)
			}
			if err == nil && !want && !p.asked(office, s, person) {
				t.Errorf("%s sees %s (%s), by the decider not", person, id, s.Phase)
			}
			may := map[string]bool{}
			for _, st := range standings {
				for _, act := range outgoing.May(s, outgoing.By{At: p.clock, Standing: st, Office: office}) {
					may[act] = true
				}
			}
			if got := sortedNames(setOf(doc.May)); !slices.Equal(got, sortedNames(mapOf(may))) {
				t.Errorf("%s may do %v with %s, by the decider %v", person, got, id, may)
			}
		}
		p.checkWork(t, v, person, seen)
		for _, q := range []view.OutgoingQuery{{}, {Open: true}, {Issued: true}, {Series: "cv", Year: 2026}, {Valid: true}, {TypeName: "Công văn"}, {Unit: "ql"}, {Words: "cong trinh"},
			{Issued: true, Words: "cong"}, {Author: "specialist"}, {From: "2026-11-03", To: "2026-12-31"}, {State: view.OutgoingIssued}} {
			p.checkPages(t, v, person, q, seen)
		}
	}
}

// asked: heads, clerks and auditors above a unit that was asked see more than the deciders say.
func (p *outgoingPlay) asked(office *directory.Office, s outgoing.State, person string) bool {
	st, _ := office.Standing(person, "", p.clock)
	for _, a := range s.Asked {
		for _, of := range a.Of {
			if of.Unit != "" && (st.HasFor(directory.RoleHead, of.Unit) || st.HasFor(directory.RoleClerk, of.Unit) || st.HasFor(directory.RoleAuditor, of.Unit)) {
				return true
			}
		}
	}
	return false
}

func (p *outgoingPlay) checkWork(t *testing.T, v *Views, person string, seen map[string]bool) {
	t.Helper()
	for _, box := range []view.Box{view.BoxMine, view.BoxUnit, view.BoxLate, view.BoxWatch} {
		page, err := v.Work(t.Context(), view.WorkQuery{Staff: p.staff(person), Box: box, Limit: 200})
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			t.Fatal(err)
		}
		for _, w := range page.Rows {
			if w.Target.Kind == "outgoing" && !seen[w.Target.ID] {
				t.Errorf("%s: work %s of %s in box %s, which is not seen", person, w.What, w.Target.ID, box)
			}
		}
	}
}

func (p *outgoingPlay) checkPages(t *testing.T, v *Views, person string, q view.OutgoingQuery, seen map[string]bool) {
	t.Helper()
	q.Staff, q.Limit = p.staff(person), 500
	whole, err := v.Outgoing(t.Context(), q)
	if errors.Is(err, view.ErrNotFound) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var all, pages []string
	for _, r := range whole.Rows {
		all = append(all, r.ID)
		if !seen[r.ID] {
			t.Errorf("%s: %+v gives %s, which is not seen", person, q, r.ID)
		}
	}
	if q == (view.OutgoingQuery{Staff: q.Staff, Limit: 500}) {
		for id := range seen {
			if seen[id] != slices.Contains(all, id) {
				t.Errorf("%s: %s is seen: %v, and in the list: %v", person, id, seen[id], !seen[id])
			}
		}
	}
	for q.Limit = 3; ; {
		page, err := v.Outgoing(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != len(all) {
			t.Errorf("%s: %+v: total %d, expected %d", person, q, page.Total, len(all))
		}
		for _, r := range page.Rows {
			pages = append(pages, r.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if diff := cmp.Diff(all, pages); diff != "" {
		t.Errorf("%s: %+v: pages of three differ from one page: %s", person, q, diff)
	}
	if q.Words == "" && (q.Issued || q.Series != "") {
		for i := 1; i < len(whole.Rows); i++ {
			a, b := &whole.Rows[i-1], &whole.Rows[i]
			if a.Series == b.Series && (a.Year < b.Year || a.Year == b.Year && a.SeqNumber <= b.SeqNumber) {
				t.Errorf("%s: number %d comes before %d", person, a.SeqNumber, b.SeqNumber)
			}
		}
	}
}
