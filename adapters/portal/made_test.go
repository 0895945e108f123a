package portal

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// formID finds the one-time id and the version that the form of an act on a page holds.
func formID(t *testing.T, body, act string) (id, seen string) {
	t.Helper()
	for _, form := range strings.Split(body, "<form")[1:] {
		if !strings.Contains(form, `name="act" value="`+act+`"`) {
			continue
		}
		i := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(form)
		s := regexp.MustCompile(`name="seen" value="([^"]+)"`).FindStringSubmatch(form)
		if i == nil || s == nil {
			break
		}
		return i[1], s[1]
	}
	t.Fatalf("no form of %s on the page", act)
	return "", ""
}

// upload sends a form with files, given as "name|content".
func (v *visitor) upload(path string, fields url.Values, files ...string) answer {
	v.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if !fields.Has("form") {
		fields.Set("form", v.token())
	}
	for name, values := range fields {
		for _, s := range values {
			if err := w.WriteField(name, s); err != nil {
				v.t.Fatal(err)
			}
		}
	}
	for _, f := range files {
		name, content, _ := strings.Cut(f, "|")
		part, err := w.CreateFormFile("files", name)
		if err != nil {
			v.t.Fatal(err)
		}
		if _, err := part.Write([]byte(content)); err != nil {
			v.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		v.t.Fatal(err)
	}
	return v.send("POST", path, nil, func(r *http.Request) {
		r.Body, r.ContentLength = http.NoBody, 0
		body := bytes.NewReader(b.Bytes())
		r.Body, r.ContentLength = readCloser{body}, int64(body.Len())
		r.Header.Set("Content-Type", w.FormDataContentType())
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func (p *testPortal) last(t *testing.T) fakeAct {
	t.Helper()
	p.office.mu.Lock()
	defer p.office.mu.Unlock()
	if len(p.office.done) == 0 {
		t.Fatal("nothing was done")
	}
	return p.office.done[len(p.office.done)-1]
}

// TestDraftFromKindToIssue goes the whole way by HTTP: kind, form, refused once with what was typed kept, saved, another version with a
// file that stays, submitted, approved, signed, issued.
func TestDraftFromKindToIssue(t *testing.T) {
	p := newTestPortal(t, nil)
	minh := p.visitor(t, false)
	minh.signIn("minh.snv")
	if body := minh.get("/drafts/new").body; strings.Count(body, "kind-card") != 29 {
		t.Errorf("%d kinds to choose from, expected 29", strings.Count(body, "kind-card"))
	}
	page := minh.get("/drafts/new?kind=Gi%E1%BA%A5y+m%E1%BB%9Di").body
	for _, name := range []string{"x-invited", "x-time", "x-venue", "x-chair"} {
		if !strings.Contains(page, `name="`+name+`"`) {
			t.Errorf("the form of an invitation has no %s", name)
		}
	}
	id, seen := formID(t, page, "SaveDraft")
	form := url.Values{"id": {id}, "seen": {seen}, "act": {"SaveDraft"}, "kind": {"Giấy mời"}, "x-time": {"8 giờ ngày 30/11/2026"}, "x-venue": {"Hội trường tầng 2"}, "content": {"Nội dung họp"}, "recipients": {orgAgri, orgDistrict},
		"to_places": {"Như trên\r\n\r\nLưu: VT"}, "signer": {"huong"}, "priority": {"1"}, "kept_by": {"vp"}, "pages": {"2"}}
	// Looking for a recipient is no act: everything comes back.
	look := url.Values{}
	for k, x := range form {
		look[k] = x
	}
	look.Set("find", "Văn phòng")
	look.Set("search", "1")
	a := minh.upload("/drafts/new", look, "giay moi.pdf|%PDF-1.7")
	if a.StatusCode != 200 || !strings.Contains(a.body, "Văn phòng Ủy ban nhân dân") || !strings.Contains(a.body, "Hội trường tầng 2") || !strings.Contains(a.body, "giay moi.pdf") || len(p.office.done) != 0 {
		t.Errorf("search for recipients: %s, %d acts", a.Status, len(p.office.done))
	}
	held := regexp.MustCompile(`name="held" value="([^"]+)"`).FindStringSubmatch(a.body)
	if held == nil {
		t.Fatal("the file was not kept")
	}
	form.Set("held", held[1])
	if a = minh.upload("/drafts/new", form); a.StatusCode != 422 || !strings.Contains(a.body, "Trích yếu nội dung") || !strings.Contains(a.body, "Hội trường tầng 2") {
		t.Errorf("draft without a subject: %s", a.Status)
	}
	form.Set("subject", "họp giao ban tháng 12")
	if a = minh.upload("/drafts/new", form); a.StatusCode != 303 || a.Header.Get("Location") != "/portal/outgoing/"+id+"?did="+id {
		t.Fatalf("draft not saved: %s to %q", a.Status, a.Header.Get("Location"))
	}
	did := p.last(t)
	draft := did.action.Act.(schemas.SaveDraft).Draft
	if draft.Type != "giấy mời" || !slices.Equal(draft.Recipients, []string{orgAgri, orgDistrict}) || !slices.Equal(draft.ToPlaces, []string{"Như trên", "Lưu: VT"}) || draft.Signer != "huong" || len(draft.Fields) != 2 || draft.Priority != 1 {
		t.Errorf("draft is %+v", draft)
	}
	if !slices.Equal(did.files, []string{"giay moi.pdf|application/pdf|8"}) {
		t.Errorf("files are %q", did.files)
	}
	page = minh.get("/outgoing/" + id).body
	if !strings.Contains(page, "Cần bổ sung trước khi trình") || !strings.Contains(page, "Kính mời") {
		t.Error("the page does not say what is missing")
	}
	// The next version keeps one file and brings another; the page shows what changed, word by word.
	_, seen = formID(t, minh.get("/outgoing/"+id+"/edit").body, "SaveDraft")
	form.Set("id", newActID())
	form.Set("seen", seen)
	form.Set("keep", "0")
	form.Del("held")
	form.Set("subject", "họp giao ban tháng 12 năm 2026")
	form.Set("x-invited", "Giám đốc các sở")
	form.Set("note", "thêm năm")
	if a = minh.upload("/outgoing/"+id+"/edit", form, `..\..\C:\phu luc.xlsx|PK`); a.StatusCode != 303 {
		t.Fatalf("version not saved: %s", a.Status)
	}
	if files := p.last(t).files; !slices.Equal(files, []string{"giay moi.pdf|application/pdf|8", "phu luc.xlsx|" + typeXLSX + "|2"}) {
		t.Errorf("files of the version are %q", files)
	}
	if page = minh.get("/outgoing/" + id).body; !strings.Contains(page, "<ins> năm 2026</ins>") && !strings.Contains(page, "<ins>12 năm 2026</ins>") {
		t.Error("the page does not show the words that were put in")
	}
	act := func(v *visitor, name, value, field string) answer {
		t.Helper()
		aid, aseen := formID(t, v.get("/outgoing/"+id).body, name)
		return v.post("/outgoing/"+id+"/act", "id", aid, "seen", aseen, "act", name, field, value)
	}
	if a = act(minh, "Submit", "", "note"); a.StatusCode != 303 {
		t.Fatalf("not submitted: %s", a.Status)
	}
	binh, huong, lan := newVisitor(t, minh.server), newVisitor(t, minh.server), newVisitor(t, minh.server)
	binh.signIn("binh.snv")
	huong.signIn("huong.snv")
	lan.signIn("lan.snv")
	if body := binh.get("/outgoing/" + id).body; strings.Contains(body, ">Ký</button>") || !strings.Contains(body, ">Duyệt</button>") {
		t.Error("the head's step is not called an approval")
	}
	if a = act(binh, "Approve", "", "note"); a.StatusCode != 303 {
		t.Fatalf("not approved: %s", a.Status)
	}
	if body := huong.get("/outgoing/" + id).body; !strings.Contains(body, ">Ký</button>") {
		t.Error("the leader's step is not called a signature")
	}
	if a = act(huong, "Approve", "", "note"); a.StatusCode != 303 {
		t.Fatalf("not signed: %s", a.Status)
	}
	if a = act(lan, "Issue", "31/12/2026", "date"); a.StatusCode != 422 {
		t.Errorf("issued under a day that is still to come: %s", a.Status)
	}
	aid, aseen := formID(t, lan.get("/outgoing/"+id).body, "Issue")
	for range 2 { // a second click does nothing twice
		if a = lan.post("/outgoing/"+id+"/act", "id", aid, "seen", aseen, "act", "Issue", "date", ""); a.StatusCode != 303 {
			t.Fatalf("not issued: %s", a.Status)
		}
	}
	if n := len(p.office.done); n != 6 {
		t.Errorf("%d acts were done, expected 6", n)
	}
	if body := lan.get("/outgoing").body; !strings.Contains(body, "họp giao ban tháng 12 năm 2026") || !strings.Contains(body, "TB-SNV") {
		t.Error("it is not in the register")
	}
}

// TestStaleSignatureKeepsWords: who is slower sees what happened, and what was typed.
func TestStaleSendBackKeepsWords(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("binh.snv")
	id, seen := formID(t, v.get("/outgoing/du-thao-5").body, "SendBack")
	p.office.mu.Lock()
	x := p.office.findMade("du-thao-5")
	p.office.step(x, "binh", "approved", "", testNow)
	p.office.mu.Unlock()
	a := v.post("/outgoing/du-thao-5/act", "id", id, "seen", seen, "act", "SendBack", "reason", "Sai thể thức phần nơi nhận")
	if a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "Sai thể thức phần nơi nhận") || !strings.Contains(a.body, "TRAM-7002") && !strings.Contains(a.body, "đã thay đổi") {
		t.Errorf("stale act: %s", a.Status)
	}
}

// TestWhatAPersonMayNotSeeIsNotThere: drafts of another unit, and what hangs on them.
func TestForeignDraftsAreNotThere(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("thao.snv")
	never := v.get("/outgoing/khong-co")
	for _, path := range []string{"/outgoing/du-thao-2", "/outgoing/du-thao-2/edit", "/dossiers/put?outgoing=du-thao-2", "/outgoing/du-thao-2/files/" + keyOf("du-thao-2b") + "/0", "/drafts/new?kind=C%C3%B4ng+v%C4%83n&relation=replace&related=du-thao-2"} {
		if a := v.get(path); a.StatusCode != 404 || len(a.body) == 0 || strings.Contains(a.body, "chỉ tiêu") {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	if never.StatusCode != 404 {
		t.Errorf("what never was: %s", never.Status)
	}
	if body := v.get("/drafts?list=open").body; strings.Contains(body, "chỉ tiêu") || !strings.Contains(body, "công tác văn thư") {
		t.Error("the list of drafts does not end at the unit")
	}
}

func TestCopyAndRelations(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("lan.snv")
	page := v.get("/drafts/copy?outgoing=di-1").body
	id, seen := formID(t, page, "MakeCopy")
	form := url.Values{"id": {id}, "seen": {seen}, "act": {"MakeCopy"}, "original": {"outgoing:di-1"}, "copy_form": {"TrS"}, "signer": {"huong"}, "recipients": {orgAgri}}
	if a := v.upload("/drafts/copy", form); a.StatusCode != 422 || !strings.Contains(a.body, "Phần được trích") {
		t.Errorf("extract that does not say what: %s", a.Status)
	}
	form.Set("extract", "Mục II")
	if a := v.upload("/drafts/copy", form); a.StatusCode != 303 {
		t.Fatalf("copy: %s", a.Status)
	}
	if c := p.last(t).action.Act.(schemas.MakeCopy); c.Of != "di-1" || c.Form != "TrS" || c.Extract != "Mục II" {
		t.Errorf("copy is %+v", c)
	}
	if body := v.get("/outgoing/" + id).body; !strings.Contains(body, "Bản trích sao công văn") || !strings.Contains(body, "<bdi>Mục II</bdi>") || !strings.Contains(body, `<a href="/portal/outgoing/di-1">`) || strings.Contains(body, "Không có trích yếu") {
		t.Error("the page of the extract does not say what it is and of what")
	}
	if body := v.get("/drafts?list=open").body; !strings.Contains(body, `Bản trích sao</bdi></span> <bdi lang="vi">công văn`) || strings.Contains(body, "Không có trích yếu") {
		t.Error("the list does not call it an extract")
	}
	// The leader sends it back: it is made again in its place, once.
	huong := newVisitor(t, v.server)
	huong.signIn("huong.snv")
	huong.follow(huong.send("POST", "/outgoing/"+id+"/act", with1(huong.fields("/outgoing/"+id, "SendBack"), "reason", "thiếu dấu")))
	again := "/drafts/copy?outgoing=di-1&remake=" + id
	if body := v.get("/outgoing/" + id).body; !strings.Contains(body, strings.ReplaceAll(again, "&", "&amp;")) {
		t.Error("a copy that was sent back cannot be made again")
	}
	remade := with1(v.fields(again, "MakeCopy"), "copy_form", "TrS", "signer", "huong", "recipients", orgAgri, "extract", "Mục II và III")
	for range 2 {
		v.follow(v.upload("/drafts/copy", remade))
	}
	if did := p.last(t); did.action.Target.ID != id || did.packageID != remade.Get("id") || p.office.findMade(id).Row.State != view.OutgoingSubmitted {
		t.Errorf("made again as %+v", did.action)
	}
	if a := v.get("/drafts/copy?remake=di-3&outgoing=di-1"); a.StatusCode != 404 {
		t.Errorf("what is no copy is made again: %s", a.Status)
	}
	page = v.get("/drafts/new?relation=replace&related=di-1&kind=C%C3%B4ng+v%C4%83n").body
	id, seen = formID(t, page, "SaveDraft")
	if a := v.upload("/drafts/new", url.Values{"id": {id}, "seen": {seen}, "act": {"SaveDraft"}, "kind": {"Công văn"}, "subject": {"thay thế"}, "relation": {"replace"}, "related": {"di-1"}}); a.StatusCode != 303 {
		t.Fatalf("replacement: %s", a.Status)
	}
	if d := p.last(t).action.Act.(schemas.SaveDraft).Draft; d.Relation != "replace" || d.RelatedTo != "di-1" {
		t.Errorf("replacement is %+v", d)
	}
}

func TestRegisterOfOutgoingHasEveryNumber(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("lan.snv")
	body := v.get("/outgoing/print").body
	for n := 1; n <= p.office.numbers["di-cv"]; n++ {
		if !strings.Contains(body, fmt.Sprintf(">%d/SNV-TCCC<", n)) {
			t.Errorf("number %d is not in the printed register", n)
		}
	}
	if !strings.Contains(body, "Phát hành nhầm nơi nhận") {
		t.Error("a void number does not say why")
	}
	if body := v.get("/outgoing").body; strings.Contains(body, "Phát hành nhầm nơi nhận") {
		t.Error("the list of issued documents holds a void number")
	}
	a := v.get("/outgoing/export")
	if a.Header.Get("Content-Type") != typeXLSX || !strings.HasPrefix(a.body, "PK") {
		t.Errorf("export is %s", a.Header.Get("Content-Type"))
	}
}

func TestDossierActs(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("minh.snv")
	id, seen := formID(t, v.get("/dossiers/new").body, "OpenDossier")
	if a := v.post("/dossiers/new", "id", id, "seen", seen, "act", "OpenDossier", "title", "Kiện toàn ban chỉ đạo"); a.StatusCode != 422 || !strings.Contains(a.body, "Kiện toàn ban chỉ đạo") {
		t.Errorf("dossier outside the file plan: %s", a.Status)
	}
	if a := v.post("/dossiers/new", "id", id, "seen", seen, "act", "OpenDossier", "title", "Kiện toàn ban chỉ đạo", "file_plan", "01.TCCC", "due_in", "10"); a.StatusCode != 303 {
		t.Fatalf("dossier: %s", a.Status)
	}
	act := func(name string, pairs ...string) answer {
		t.Helper()
		aid, aseen := formID(t, v.get("/dossiers/"+id).body, name)
		return v.post("/dossiers/"+id+"/act", append([]string{"id", aid, "seen", aseen, "act", name}, pairs...)...)
	}
	for _, c := range []struct {
		name  string
		pairs []string
	}{
		{"GiveTask", []string{"task_to", "tccc/minh", "task_text", "Lập danh sách", "due_in", "5"}},
		{"RecordDecision", []string{"decision", "Thống nhất thành phần"}},
		{"GiveOpinion", []string{"text", "Cần thêm đại diện sở Tài chính"}},
		{"ClassifyDossier", []string{"file_plan", "02.CCHC", "reason", "đúng lĩnh vực"}},
	} {
		if a := act(c.name, c.pairs...); a.StatusCode != 303 {
			t.Errorf("%s: %s %s", c.name, a.Status, regexp.MustCompile(`role="alert">.*?</div>`).FindString(a.body))
		}
	}
	p.office.mu.Lock()
	task := p.office.findDossier(id).Tasks[0]
	p.office.mu.Unlock()
	if a := act("FinishTask", "task", task.ID, "task_result", "xong"); a.StatusCode != 303 {
		t.Errorf("task: %s", a.Status)
	}
	// A document goes in from its own page; a file from the dossier's.
	pid, pseen := formID(t, v.get("/dossiers/put?outgoing=di-1&words=kien+toan").body, "AddItem")
	if a := v.post("/dossiers/put", "id", pid, "seen", pseen, "item", "outgoing:di-1"); a.StatusCode != 422 {
		t.Errorf("no dossier chosen: %s", a.Status)
	}
	if a := v.post("/dossiers/put", "id", pid, "seen", pseen, "item", "outgoing:di-1", "dossier", id); a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/portal/outgoing/di-1") {
		t.Errorf("put: %s", a.Status)
	}
	if a := v.post("/dossiers/put", "id", newActID(), "item", "outgoing:du-thao-3", "dossier", id); a.StatusCode != 404 {
		t.Errorf("what one may not see goes into a dossier: %s", a.Status)
	}
	fid, fseen := formID(t, v.get("/dossiers/"+id).body, "AddItem")
	if a := v.upload("/dossiers/"+id+"/files", url.Values{"id": {fid}, "seen": {fseen}, "act": {"AddItem"}}); a.StatusCode != 422 {
		t.Errorf("no file: %s", a.Status)
	}
	if a := v.upload("/dossiers/"+id+"/files", url.Values{"id": {fid}, "seen": {fseen}, "act": {"AddItem"}, "note": {"bản ký"}}, "bien ban.pdf|%PDF"); a.StatusCode != 303 {
		t.Errorf("file: %s", a.Status)
	}
	if a := act("RemoveItem", "item_no", "2", "reason", "nhầm"); a.StatusCode != 303 {
		t.Errorf("remove: %s", a.Status)
	}
	if a := act("CloseDossier"); a.StatusCode != 303 {
		t.Errorf("close: %s", a.Status)
	}
	body := v.get("/dossiers/" + id + "/print").body
	if !strings.Contains(body, "MỤC LỤC") || strings.Contains(body, "bien ban.pdf") || !strings.Contains(body, "triển khai nhiệm vụ công tác nội vụ") {
		t.Error("the contents list is not what lies in the dossier")
	}
	if got := p.office.opened[len(p.office.opened)-1]; got != "minh dossier/"+id+" page" {
		t.Errorf("latest opening is %q", got)
	}
}

// TestHiddenItemsStayHidden: an item that the reader may not see has its number, nothing else.
func TestHiddenItemsStayHidden(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("minh.snv")
	for _, path := range []string{"/dossiers/ho-so-1", "/dossiers/ho-so-1/print"} {
		if body := v.get(path).body; !strings.Contains(body, "Bạn không có quyền xem tài liệu này.") {
			t.Errorf("%s does not say that an item is hidden", path)
		}
	}
}
