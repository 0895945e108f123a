package portal

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// wordsOfDocuments are the subjects and numbers of all documents and dossiers of the fixture.
func (p *testPortal) wordsOfDocuments() []string {
	var out []string
	for _, d := range p.fixture.docs {
		out = append(out, d.doc.Row.Subject, d.doc.Row.Number)
	}
	for _, x := range p.office.outgoing {
		out = append(out, x.Row.Subject, x.Row.Number)
	}
	for _, x := range p.office.dossiers {
		out = append(out, x.Row.Title, x.Row.Code)
	}
	return slices.DeleteFunc(out, func(s string) bool { return len([]rune(s)) < 5 })
}

// TestAdministratorReadsNothing: whoever only administers finds no page of any document, list, file or figure, and no word of one on the
// pages that there are; by a delegation in force of somebody who works on documents he does, and after it not.
func TestAdministratorReadsNothing(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("quan.snv")
	doc := p.fixture.docs[slices.IndexFunc(p.fixture.docs, func(d *fakeDoc) bool { return d.doc.Row.Number == express })].doc
	fill := strings.NewReplacer("{sha256}", doc.Package.SHA256, "{index}", "0", "{position}", "1", "{key}", doc.Row.Document, "{direction}", "incoming", "{kind}", "incoming")
	address := func(rt route) string {
		path := rt.path
		if strings.HasPrefix(path, "/incoming/") || strings.HasPrefix(path, "/leader/") {
			path = strings.ReplaceAll(path, "{id}", doc.Row.Document)
		}
		return fill.Replace(madePath(path))
	}
	gone := func(path string) bool {
		t.Helper()
		a := v.get(path)
		return a.StatusCode == http.StatusNotFound
	}
	documents := 0
	for _, rt := range routes {
		if rt.method == "GET" && slices.Contains([]access{staff, readersAndStaff, readers}, rt.access) {
			if documents++; !gone(address(rt)) {
				t.Errorf("%s is open to who only administers", rt.path)
			}
		}
	}
	if documents < 40 {
		t.Errorf("only %d routes of documents were tried", documents)
	}
	for _, path := range []string{"/search?q=mua", "/incoming?words=mua", "/statistics?from=2026-01-01", "/incoming/print?list=all", "/dossiers?list=all"} {
		if !gone(path) {
			t.Errorf("%s is open to who only administers", path)
		}
	}
	// What there is instead says nothing of documents.
	words := p.wordsOfDocuments()
	if len(words) < 30 {
		t.Fatalf("only %d words to look for", len(words))
	}
	for _, path := range []string{"/", "/menu", "/account", "/help", "/away", "/office", "/office/units", "/office/units/tccc", "/office/persons", "/office/persons/lan", "/office/persons/quan",
		"/office/delegations", "/office/rules", "/office/rules/series?id=cv", "/office/history"} {
		a := v.get(path)
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, a.Status)
		}
		for _, w := range words {
			if strings.Contains(a.body, w) {
				t.Errorf("%s shows %q", path, w)
			}
		}
		if regexp.MustCompile(`data-count="[a-z/-]+">[^0]`).MatchString(strings.ReplaceAll(a.body, `" hidden>`, `">0`)) {
			t.Errorf("%s counts work", path)
		}
	}
	if a := v.get("/"); strings.Contains(a.body, `href="/portal/incoming"`) || !strings.Contains(a.body, `href="/portal/office"`) {
		t.Error("the navigation of who only administers is not his")
	}

	// In the place of the clerk, for as long as that lasts.
	p.office.mu.Lock()
	p.office.office.Delegations = []view.Delegation{{ID: "uq-1", From: p.office.ref("lan"), To: p.office.ref("quan"), InForce: true}}
	p.office.mu.Unlock()
	p.clock.pass(officeLife)
	if gone("/incoming") {
		t.Error("who acts for the clerk finds no arrivals")
	}
	if a := v.get("/"); !strings.Contains(a.body, `href="/portal/incoming"`) {
		t.Error("who acts for the clerk has no way to the arrivals")
	}
	p.office.mu.Lock()
	p.office.office.Delegations[0].InForce = false
	p.office.mu.Unlock()
	p.clock.pass(officeLife)
	if !gone("/incoming") {
		t.Error("a delegation that has ended still opens the arrivals")
	}
}

func (p *testPortal) lastChange(t *testing.T) OfficeChange {
	t.Helper()
	p.office.mu.Lock()
	defer p.office.mu.Unlock()
	if len(p.office.changed) == 0 {
		t.Fatal("nothing was changed")
	}
	return p.office.changed[len(p.office.changed)-1]
}

func (p *testPortal) administrator(t *testing.T) *visitor {
	t.Helper()
	v := p.visitor(t, false)
	v.signIn("quan.snv")
	return v
}

func TestUnitsAreChangedOnce(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.administrator(t)
	form := with1(v.fields("/office/units/_new", "SetUnit"), "unit_name", "Phòng Chuyển đổi số", "unit_short", "CĐS", "unit_parent", "vp", "basis", "Quyết định số 12/QĐ-SNV")
	a := v.send("POST", "/office/change", form)
	if page := v.follow(a); !strings.Contains(noticeOf(page.body), "Đã lưu đơn vị.") || !strings.Contains(page.body, "Phòng Chuyển đổi số") {
		t.Errorf("after saving: %q", noticeOf(page.body))
	}
	c := p.lastChange(t)
	if want := (schemas.SetUnit{Agency: "H02.15", Unit: "phong-chuyen-doi-so", Name: "Phòng Chuyển đổi số", Short: "CĐS", Parent: "vp"}); len(c.Operations) != 1 || c.Operations[0] != want ||
		c.Reason != "Quyết định số 12/QĐ-SNV" || *c.Seen != (SeenSetting{Kind: "unit", ID: want.Unit}) {
		t.Errorf("asked for %+v %+v", c, c.Seen)
	}
	// The same form again is the same change; with other words it is none.
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { v.send("POST", "/office/change", form) })
	}
	all.Wait()
	if n := len(p.office.changed); n != 1 {
		t.Errorf("%d changes of one form", n)
	}
	if a := v.send("POST", "/office/change", with1(form, "unit_name", "Khác")); a.StatusCode != http.StatusConflict || len(p.office.changed) != 1 {
		t.Errorf("the form with other words: %s, %d changes", a.Status, len(p.office.changed))
	}
	// A name that gives the same id gets the next one.
	form = with1(v.fields("/office/units/_new", "SetUnit"), "unit_name", "Phòng chuyển đổi số", "basis", "QĐ 13")
	v.follow(v.send("POST", "/office/change", form))
	if got := p.lastChange(t).Operations[0].(schemas.SetUnit).Unit; got != "phong-chuyen-doi-so-2" {
		t.Errorf("the second unit of the name is %q", got)
	}
}

// TestUnitForm: what is refused says so in the form, with what was typed.
func TestUnitForm(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.administrator(t)
	form := v.fields("/office/units/tccc", "SetUnit")
	for name, test := range map[string]struct {
		form url.Values
		says string
	}{
		"no decision":       {with1(form, "unit_name", "Phòng <script>alert(1)</script>", "basis", ""), "Hãy điền “Căn cứ”."},
		"no name":           {with1(form, "unit_name", " ", "basis", "QĐ"), "Hãy điền “Tên đơn vị”."},
		"a very long name":  {with1(form, "unit_name", strings.Repeat("dài ", 1250), "basis", "QĐ"), "nhiều nhất là 200"},
		"a unit of nowhere": {with1(form, "unit_name", "X", "unit_parent", "../x", "basis", "QĐ"), "không còn trong danh sách"},
		"an unknown unit":   {with1(form, "unit_name", "X", "item", "khong-co", "basis", "QĐ"), ""},
		"part of itself":    {with1(form, "unit_name", "X", "unit_parent", "tccc", "basis", "QĐ"), "không thể thuộc chính nó"},
	} {
		test.form.Set("id", newActID())
		a := v.send("POST", "/office/change", test.form)
		if name == "an unknown unit" {
			if a.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", name, a.Status)
			}
			continue
		}
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), test.says) {
			t.Errorf("%s: %s %q", name, a.Status, noticeOf(a.body))
		}
		if strings.Contains(a.body, "<script>alert") {
			t.Errorf("%s: a script got onto the page", name)
		}
		if name == "no decision" && !strings.Contains(a.body, "&lt;script&gt;alert(1)&lt;/script&gt;") {
			t.Error("what was typed is gone")
		}
	}
	if len(p.office.changed) != 0 {
		t.Errorf("%d changes", len(p.office.changed))
	}
	// A unit with people in it is not closed, and the page says who.
	a := v.send("POST", "/office/change", with1(v.fields("/office/units/tccc", "CloseUnit"), "basis", "QĐ 1"))
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "Trần Văn Bình") || !strings.Contains(a.body, "TRAM-4007") {
		t.Errorf("closing a unit with people: %s %q", a.Status, noticeOf(a.body))
	}
	v.follow(v.send("POST", "/office/change", with1(v.fields("/office/units/cchc", "CloseUnit"), "basis", "QĐ 2")))
	if page := v.get("/office/units"); !strings.Contains(page.body, "Đơn vị đã giải thể") {
		t.Error("the closed unit is not listed as such")
	}
	// Without the token of the session nothing is done; without an id neither.
	form = with1(v.fields("/office/units/vp", "SetUnit"), "unit_name", "Văn phòng", "basis", "QĐ")
	n := len(p.office.changed)
	for status, bad := range map[int]url.Values{http.StatusForbidden: with1(form, "form", "x"), http.StatusBadRequest: with1(form, "id", "1")} {
		if a := v.send("POST", "/office/change", bad); a.StatusCode != status || len(p.office.changed) != n {
			t.Errorf("forged form: %s", a.Status)
		}
	}
	if a := v.send("POST", "/office/change", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); a.StatusCode != http.StatusForbidden || len(p.office.changed) != n {
		t.Errorf("from another site: %s", a.Status)
	}
	// A node that does not answer: nobody knows, and the same form can be sent again.
	p.office.fail = http.ErrHandlerTimeout
	if a := v.send("POST", "/office/change", form); a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, form.Get("id")) {
		t.Errorf("no answer: %s", a.Status)
	}
	v.follow(v.send("POST", "/office/change", form))
}

// TestStaleOfficeForm: whoever was slower sees what is there now, keeps what was typed, and can say it again.
func TestStaleOfficeForm(t *testing.T) {
	p := newTestPortal(t, nil)
	first, second := p.administrator(t), p.administrator(t)
	one, other := first.fields("/office/units/tccc", "SetUnit"), second.fields("/office/units/tccc", "SetUnit")
	first.follow(first.send("POST", "/office/change", with1(one, "unit_name", "Phòng Tổ chức cán bộ", "basis", "QĐ 1")))
	a := second.send("POST", "/office/change", with1(other, "unit_name", "Phòng Công chức", "basis", "QĐ 2"))
	if a.StatusCode != http.StatusConflict || !strings.Contains(noticeOf(a.body), "Hiện nay: Phòng Tổ chức cán bộ") || !strings.Contains(a.body, `value="Phòng Công chức"`) {
		t.Fatalf("the slower one: %s %q", a.Status, noticeOf(a.body))
	}
	again := with1(formFields(t, a.body, "SetUnit"), "unit_name", "Phòng Công chức", "basis", "QĐ 2")
	if again.Get("seen") == other.Get("seen") {
		t.Error("the form still says what was seen before")
	}
	second.follow(second.send("POST", "/office/change", again))
	if u, _ := unitIn(&p.office.settings, "tccc"); u.Name != "Phòng Công chức" {
		t.Errorf("the unit is %q", u.Name)
	}
	// Deadlines and the calendar are one thing each.
	x, y := first.fields("/office/rules/calendar?id=2026", "SetCalendar"), second.fields("/office/rules/calendar?id=2026", "SetCalendar")
	first.follow(first.send("POST", "/office/change", with1(x, "holidays", "01/01/2026 - 02/01/2026\r\n30/04/2026", "working_days", "22/08/2026", "basis", "TB 1")))
	if got := p.office.settings.Holidays; !slices.Equal(got, []string{"2026-01-01", "2026-01-02", "2026-04-30"}) {
		t.Errorf("holidays %v", got)
	}
	if a := second.send("POST", "/office/change", with1(y, "holidays", "", "basis", "TB 2")); a.StatusCode != http.StatusConflict {
		t.Errorf("the slower calendar: %s", a.Status)
	}
}

func TestPersonsAndDuties(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.administrator(t)
	form := with1(v.fields("/office/persons/_new", "SetPerson"), "person_name", "Bùi Khánh Linh", "person_position", "Chuyên viên", "basis", "QĐ tuyển dụng")
	form["duty_role"], form["duty_unit"] = []string{"specialist", "clerk", ""}, []string{"cchc", "", ""}
	form["duty_from"], form["duty_until"] = []string{"01/12/2026", "", ""}, []string{"31/12/2027", "", ""}
	v.follow(v.send("POST", "/office/change", form))
	got := p.lastChange(t).Operations[0].(schemas.SetPerson)
	if got.Person != "nv-001" || len(got.Duties) != 2 || !got.Duties[0].From.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, vietnamTime)) || !got.Duties[0].Until.Equal(time.Date(2028, 1, 1, 0, 0, 0, 0, vietnamTime)) ||
		got.Duties[1] != (schemas.OfficeDuty{Role: "clerk"}) {
		t.Errorf("asked for %+v", got)
	}
	for name, test := range map[string]struct{ role, unit, until, says string }{
		"a head of nothing":      {"head", "", "", "phải gắn với một đơn vị"},
		"a leader of one unit":   {"leader", "vp", "", "không gắn với đơn vị"},
		"a role of nowhere":      {"king", "", "", "không còn trong danh sách"},
		"a day that is none":     {"clerk", "", "31/02/2027", "31/02/2027"},
		"a unit without a role":  {"", "vp", "", "Hãy chọn “Vai trò”"},
		"an id that is a script": {"clerk", "", "", "a-z, 0-9"},
	} {
		bad := with1(v.fields("/office/persons/_new", "SetPerson"), "person_name", "Người Mới", "basis", "QĐ", "duty_role", test.role, "duty_unit", test.unit, "duty_from", "", "duty_until", test.until)
		if name == "an id that is a script" {
			bad.Set("person_id", "<script>")
		}
		a := v.send("POST", "/office/change", bad)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), test.says) || !strings.Contains(a.body, `value="Người Mới"`) {
			t.Errorf("%s: %s %q", name, a.Status, noticeOf(a.body))
		}
	}
	if taken := v.send("POST", "/office/change", with1(v.fields("/office/persons/_new", "SetPerson"), "person_name", "X", "person_id", "lan", "basis", "QĐ")); taken.StatusCode != http.StatusUnprocessableEntity ||
		!strings.Contains(noticeOf(taken.body), "đã có") {
		t.Errorf("an id that is taken: %s %q", taken.Status, noticeOf(taken.body))
	}
	// A duty that stays as it is keeps its moments to the second.
	p.office.mu.Lock()
	i := slices.IndexFunc(p.office.settings.Persons, func(x view.PersonSettings) bool { return x.ID == "minh" })
	moment := testNow.Add(-time.Hour)
	p.office.settings.Persons[i].Duties[0].From = moment
	p.office.mu.Unlock()
	keep := with1(v.fields("/office/persons/minh", "SetPerson"), "person_name", "Lê Đức Minh", "person_position", "Chuyên viên chính", "basis", "QĐ",
		"duty_role", "specialist", "duty_unit", "tccc", "duty_from", day(moment), "duty_until", "")
	v.follow(v.send("POST", "/office/change", keep))
	if got := p.lastChange(t).Operations[0].(schemas.SetPerson); got.Position != "Chuyên viên chính" || !got.Duties[0].From.Equal(moment) {
		t.Errorf("asked for %+v", got)
	}
	// Nobody gives himself duties, and the page says so before and after.
	if page := v.get("/office/persons/quan"); !strings.Contains(page.body, "Đây là bạn.") || strings.Contains(page.body, `value="RemovePerson"`) {
		t.Error("the own page doesn't say what cannot be done")
	}
	own := with1(v.fields("/office/persons/quan", "SetPerson"), "person_name", "Vũ Văn Quân", "basis", "QĐ")
	own["duty_role"], own["duty_unit"], own["duty_from"], own["duty_until"] = []string{"administrator", "leader"}, []string{"", ""}, []string{"", ""}, []string{"", ""}
	if a := v.send("POST", "/office/change", own); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "không tự mở rộng quyền") {
		t.Errorf("own rights: %s %q", a.Status, noticeOf(a.body))
	}
	v.follow(v.send("POST", "/office/change", with1(v.fields("/office/persons/thao", "RemovePerson"), "basis", "QĐ nghỉ hưu")))
	if page := v.get("/office/persons?gone=1"); !strings.Contains(page.body, "Phạm Thị Thảo") {
		t.Error("who has left is not listed")
	}
	if page := v.get("/office/persons?words=binh"); !strings.Contains(page.body, "Trần Văn Bình") || strings.Contains(page.body, "Lê Đức Minh") {
		t.Error("the list does not look for a name")
	}
	history := v.get("/office/history").body
	for _, want := range []string{"Vũ Văn Quân", "Rời cơ quan: Phạm Thị Thảo", "QĐ nghỉ hưu", "Người: Bùi Khánh Linh (Chuyên viên, Phòng Cải cách hành chính đến hết 31/12/2027; Văn thư)"} {
		if !strings.Contains(history, want) {
			t.Errorf("the history does not say %q", want)
		}
	}
}

// TestAway: everybody delegates what is his own, for days to come, and takes it back; nobody what is another's.
func TestAway(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("binh.snv")
	form := with1(v.fields("/away", "Delegate"), "delegate_to", "minh", "start", "22/11/2026", "end", "30/11/2026", "basis", "Đi công tác")
	page := v.follow(v.send("POST", "/away", with1(form, "from", "huong"))) // a forged name is not listened to
	op := p.lastChange(t).Operations[0].(schemas.Delegate)
	if op.From != "binh" || op.To != "minh" || !op.Start.IsZero() || !op.End.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, vietnamTime)) || len(op.Roles) != 0 || op.Reason != "Đi công tác" || !officeID.MatchString(op.Delegation) {
		t.Errorf("asked for %+v", op)
	}
	if !strings.Contains(noticeOf(page.body), "Đã ghi ủy quyền.") || !strings.Contains(page.body, "đến hết 30/11/2026") {
		t.Errorf("after: %q", noticeOf(page.body))
	}
	for name, test := range map[string]struct{ to, start, end, role, says string }{
		"to oneself":           {"binh", "", "30/11/2026", "", "cho chính người đó"},
		"to nobody":            {"", "", "30/11/2026", "", "Hãy chọn “Người làm thay”"},
		"to one who has left":  {"hoa", "", "30/11/2026", "", "Hãy chọn “Người làm thay”"},
		"without an end":       {"minh", "", "", "", "Hãy điền “Đến hết ngày”"},
		"in the past":          {"minh", "", "01/11/2026", "", "đã qua"},
		"from the past":        {"minh", "01/11/2026", "30/11/2026", "", "đã qua"},
		"backwards":            {"minh", "30/11/2026", "25/11/2026", "", "sau ngày bắt đầu"},
		"administration":       {"minh", "", "30/11/2026", "administrator", "không còn trong danh sách"},
		"a day that is no day": {"minh", "", "31/11/2026", "", "31/11/2026"},
	} {
		n := len(p.office.changed)
		bad := with1(v.fields("/away", "Delegate"), "delegate_to", test.to, "start", test.start, "end", test.end, "basis", "vẫn còn đây")
		if test.role != "" {
			bad.Set("roles", test.role)
		}
		a := v.send("POST", "/away", bad)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), test.says) || len(p.office.changed) != n || !strings.Contains(a.body, "vẫn còn đây") {
			t.Errorf("%s: %s %q", name, a.Status, noticeOf(a.body))
		}
	}
	// Another's is neither shown with a button nor taken back by a forged form; the own is.
	minh := p.visitor(t, false)
	minh.signIn("minh.snv")
	if page := minh.get("/away"); !strings.Contains(page.body, "Tôi làm thay") || strings.Contains(page.body, `value="WithdrawDelegation"`) {
		t.Error("who acts for another does not see that, or can take it back")
	}
	forged := with1(minh.fields("/away", "Delegate"), "act", "WithdrawDelegation", "item", op.Delegation)
	if a := minh.send("POST", "/away", forged); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "không có quyền thay đổi") {
		t.Errorf("another's delegation: %s %q", a.Status, noticeOf(a.body))
	}
	if a := minh.send("POST", "/away", with1(forged, "act", "SetUnit", "id", newActID())); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a unit by the page of delegations: %s", a.Status)
	}
	v.follow(v.send("POST", "/away", v.fields("/away", "WithdrawDelegation")))
	if d := p.office.settings.Delegations[0]; d.Withdrawn.IsZero() {
		t.Error("it was not taken back")
	}
	// An administrator has nothing to delegate, and says for others who acts for whom.
	admin := p.administrator(t)
	if page := admin.get("/away"); !strings.Contains(page.body, "quyền quản trị không ủy quyền") || strings.Contains(page.body, `value="Delegate"`) {
		t.Error("an administrator is offered a delegation")
	}
	substitute := with1(admin.fields("/office/delegations", "Delegate"), "from", "huong", "delegate_to", "hai", "start", "25/11/2026", "end", "27/11/2026", "roles", "leader", "basis", "Lịch công tác tuần 48")
	admin.follow(admin.send("POST", "/office/change", substitute))
	if op := p.lastChange(t).Operations[0].(schemas.Delegate); op.From != "huong" || !slices.Equal(op.Roles, []string{"leader"}) || !op.Start.Equal(time.Date(2026, 11, 25, 0, 0, 0, 0, vietnamTime)) {
		t.Errorf("asked for %+v", op)
	}
}

func TestRules(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.administrator(t)
	form := with1(v.fields("/office/rules/series", "SetSeries"), "rule_name", "Quyết định", "series_notation", "{type}-SNV", "basis", "Quy chế 1")
	form["kinds"] = []string{"Quyết định", "Chỉ thị"}
	v.follow(v.send("POST", "/office/change", form))
	if op := p.lastChange(t).Operations[0].(schemas.SetSeries); op.Series != "quyet-dinh" || !slices.Equal(op.Types, []string{"Quyết định", "Chỉ thị"}) || op.Notation != "{type}-SNV" || op.Copies || op.Closed {
		t.Errorf("asked for %+v", op)
	}
	bad := with1(v.fields("/office/rules/series?id=cv", "SetSeries"), "rule_name", "Công văn", "series_notation", "SAI", "basis", "Quy chế 2")
	bad["kinds"] = []string{"Công văn"}
	if a := v.send("POST", "/office/change", bad); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "Ký hiệu “SAI” không đúng") || !strings.Contains(a.body, `value="Công văn" checked`) {
		t.Errorf("a bad notation: %s %q", a.Status, noticeOf(a.body))
	}
	page := v.get("/office/rules/deadlines").body
	for _, want := range []string{`name="d-handle-0" value="7"`, `name="d-handle-1" value="3"`, `name="d-register-0" value="0"`, `name="d-issue-4" value=""`} {
		if !strings.Contains(page, want) {
			t.Errorf("the deadlines do not say %s", want)
		}
	}
	due := with1(formFields(t, page, "SetDeadlines"), "d-handle-0", "10", "d-handle-3", "0", "d-register-0", "", "basis", "Quy chế 3")
	v.follow(v.send("POST", "/office/change", due))
	if op := p.lastChange(t).Operations[0].(schemas.SetDeadlines); !slices.Equal(op.Rules, []schemas.OfficeDeadline{{What: "handle", Days: 10}, {What: "handle", Priority: 3}}) {
		t.Errorf("asked for %+v", op)
	}
	for _, typed := range []string{"-1", "1001", "ba"} {
		if a := v.send("POST", "/office/change", with1(v.fields("/office/rules/deadlines", "SetDeadlines"), "d-handle-0", typed, "basis", "Q")); a.StatusCode != http.StatusUnprocessableEntity ||
			!strings.Contains(noticeOf(a.body), "“Giải quyết”") || !strings.Contains(a.body, `name="d-handle-0" value="`+typed+`"`) {
			t.Errorf("%s days: %s %q", typed, a.Status, noticeOf(a.body))
		}
	}
	for _, typed := range []string{"01/01/2027", "01/01/2026 - 31/12/2026", "05/05/2026 - 01/05/2026", "mai"} {
		if a := v.send("POST", "/office/change", with1(v.fields("/office/rules/calendar?id=2026", "SetCalendar"), "holidays", typed, "basis", "TB")); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), typed) {
			t.Errorf("holidays %q: %s %q", typed, a.Status, noticeOf(a.body))
		}
	}
	if got := dayLines([]string{"2026-02-16", "2026-02-17", "2026-02-18", "2026-04-30", "2026-12-31"}); got != "16/02/2026 - 18/02/2026\n30/04/2026\n31/12/2026" {
		t.Errorf("days are written as %q", got)
	}
	chain := v.fields("/office/rules/chain?id=thuong", "SetChain")
	chain = with1(chain, "rule_name", "Trình ký", "basis", "Quy chế 4")
	chain["step_role"], chain["step_unit"], chain["step_days"] = []string{"head", "head", "", "leader"}, []string{"author", "vp", "", ""}, []string{"1", "", "", "2"}
	in := &changeInput{actInput: &actInput{v: &visit{words: words{Vietnamese, allMessages}}, form: chain, now: testNow}, settings: &p.office.settings, agency: "H02.15", item: "thuong"}
	op := in.setChain().Operations[0].(schemas.SetChain)
	if want := []schemas.OfficeStep{{Role: "head", Unit: "author", Days: 1}, {Role: "head", Unit: "vp"}, {Role: "leader", Days: 2}}; !slices.Equal(op.Steps, want) || len(in.problems) > 0 {
		t.Errorf("steps %+v, %v", op.Steps, in.problems)
	}
}
