package portal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
	"pgregory.net/rapid"
)

// fields reads the hidden fields of one form of a page, by the act's name.
func (v *visitor) fields(path, act string) url.Values {
	v.t.Helper()
	a := v.get(path)
	return formFields(v.t, a.body, act)
}

var (
	hidden   = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)
	actForms = regexp.MustCompile(`(?s)<form [^>]*data-once>.*?</form>`)
)

func formFields(t testing.TB, page, act string) url.Values {
	t.Helper()
	for _, form := range actForms.FindAllString(page, -1) {
		if !strings.Contains(form, `name="act" value="`+act+`"`) {
			continue
		}
		f := url.Values{}
		for _, m := range hidden.FindAllStringSubmatch(form, -1) {
			f.Set(m[1], m[2])
		}
		return f
	}
	t.Fatalf("no form of %s on the page", act)
	return nil
}

func with1(f url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for k, v := range f {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

const express = "6188/CĐ-UBND"

func expressID() string { return keyOf(orgOffice + express) }

// follow sends a form and reads the page it leads to.
func (v *visitor) follow(a answer) answer {
	v.t.Helper()
	if a.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("expected to be led on, got %s: %s", a.Status, noticeOf(a.body))
	}
	return v.get(strings.TrimPrefix(a.Header.Get("Location"), "/portal"))
}

var notices = regexp.MustCompile(`(?s)<(?:p|div) class="notice[^"]*"[^>]*>(.*?)</(?:p|div)>`)

func noticeOf(page string) string {
	var out []string
	for _, m := range notices.FindAllStringSubmatch(page, -1) {
		out = append(out, regexp.MustCompile(`(?s)<[^>]*>`).ReplaceAllString(m[1], ""))
	}
	return strings.Join(out, " / ")
}

// TestAClickIsOneAct: two clicks at once, a reload, and one that comes after the node was started anew are one act.
func TestAClickIsOneAct(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("lan.snv")
	path := "/incoming/" + expressID()
	form := v.fields(path, "RegisterIncoming")
	var running sync.WaitGroup
	inside, release := make(chan struct{}), make(chan struct{})
	calls := 0
	p.office.hold = func(string, schemas.DossierAction) {
		calls++
		close(inside)
		<-release
	}
	answers := make([]answer, 2)
	running.Go(func() { answers[0] = v.send("POST", path+"/act", form) })
	<-inside
	running.Go(func() { answers[1] = v.send("POST", path+"/act", form) })
	close(release)
	running.Wait()
	p.office.hold = nil
	for i, a := range answers {
		if page := v.follow(a); !strings.Contains(noticeOf(page.body), "Đã vào sổ.") {
			t.Errorf("click %d: %s %q", i, a.Status, noticeOf(page.body))
		}
	}
	if a := v.follow(v.send("POST", path+"/act", form)); !strings.Contains(noticeOf(a.body), "Đã vào sổ.") {
		t.Errorf("a reload: %q", noticeOf(a.body))
	}
	p.clicks = newClickTable() // as after a restart: only the record knows
	if a := v.follow(v.send("POST", path+"/act", form)); !strings.Contains(noticeOf(a.body), "không có gì bị ghi hai lần") {
		t.Errorf("after a restart: %q", noticeOf(a.body))
	}
	if n := len(p.office.done); n != 1 || calls != 1 {
		t.Errorf("%d acts recorded, %d calls while it ran, expected one of each", n, calls)
	}
	if did := p.office.done[0]; did.packageID != form.Get("id") || did.by != (Actor{Org: orgInterior, Person: "lan"}) || did.action.Seen == nil || did.action.Target.ID != expressID() {
		t.Errorf("recorded %+v", did)
	}
}

// TestTheSameFormWithOtherWordsIsSaid: what was typed after the first sending is not lost, and not taken for recorded.
func TestTheSameFormWithOtherWordsIsSaid(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("huong.snv")
	path := "/incoming/" + expressID()
	form := v.fields(path, "GiveOpinion")
	v.follow(v.send("POST", path+"/act", with1(form, "text", "ý kiến thứ nhất")))
	a := v.send("POST", path+"/act", with1(form, "text", "ý kiến thứ hai"))
	if a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "chưa được ghi") || !strings.Contains(a.body, "ý kiến thứ hai</textarea>") {
		t.Errorf("other words: %s %q", a.Status, noticeOf(a.body))
	}
	again := formFields(t, a.body, "GiveOpinion")
	if again.Get("id") == form.Get("id") {
		t.Error("the form came back with the id that is used up")
	}
	v.follow(v.send("POST", path+"/act", with1(again, "text", "ý kiến thứ hai")))
	if n := len(p.office.done); n != 2 {
		t.Errorf("%d opinions recorded, expected 2", n)
	}
}

// TestAStalePageShowsTheNewStateAndKeepsTheWords.
func TestAStalePageShowsTheNewStateAndKeepsTheWords(t *testing.T) {
	p := newTestPortal(t, nil)
	clerk, leader := p.visitor(t, false), p.visitor(t, false)
	clerk.signIn("lan.snv")
	leader.signIn("huong.snv")
	path := "/incoming/" + expressID()
	old := clerk.fields(path, "RefuseIncoming")
	clerk.follow(clerk.send("POST", path+"/act", clerk.fields(path, "RegisterIncoming")))
	present := clerk.fields(path, "Present")
	// Somebody else gives an opinion: the version moves, the act is still possible.
	leader.follow(leader.send("POST", path+"/act", with1(leader.fields(path, "GiveOpinion"), "text", "Trình anh Hải.")))
	a := clerk.send("POST", path+"/act", with1(present, "to", "hai", "note", "Kính trình & <b>gấp</b>"))
	if a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "Ai đó vừa xử lý") || !strings.Contains(a.body, "Nguyễn Thị Hương cho ý kiến") {
		t.Errorf("stale: %s %q", a.Status, noticeOf(a.body))
	}
	if !strings.Contains(a.body, "Kính trình &amp; &lt;b&gt;gấp&lt;/b&gt;</textarea>") || !strings.Contains(a.body, `value="hai" selected`) {
		t.Error("what was typed is gone")
	}
	fresh := formFields(t, a.body, "Present")
	if fresh.Get("seen") == present.Get("seen") || fresh.Get("id") != present.Get("id") {
		t.Errorf("the form came back with %v", fresh)
	}
	clerk.follow(clerk.send("POST", path+"/act", with1(fresh, "to", "hai", "note", "Kính trình")))
	// Now the form is not offered any more: the words stand beside.
	a = clerk.send("POST", path+"/act", with1(old, "reason", "gửi nhầm, xin chuyển đúng nơi"))
	if a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "Những gì bạn đã gõ") || !strings.Contains(a.body, "gửi nhầm, xin chuyển đúng nơi") || strings.Contains(a.body, `id="act-RefuseIncoming"`) {
		t.Errorf("an act that is past: %s %q", a.Status, noticeOf(a.body))
	}
	if n := len(p.office.done); n != 3 {
		t.Errorf("%d acts recorded, expected 3", n)
	}
}

// TestEveryFieldThatIsWrongIsSaid: forms that cannot be read never reach the record, and keep what was typed.
func TestEveryFieldThatIsWrongIsSaid(t *testing.T) {
	p := newTestPortal(t, nil)
	x := p.office.find(expressID())
	x.Row.State = view.IncomingAssigned
	x.Row.InCharge = p.office.assignee(schemas.Assignee{Unit: "tccc", Person: "binh"})
	visitors := map[string]*visitor{}
	for _, who := range []string{"huong", "binh"} {
		visitors[who] = p.visitor(t, false)
		visitors[who].signIn(who + ".snv")
	}
	path := "/incoming/" + expressID()
	long := strings.Repeat("ợ", 10001)
	for _, c := range []struct {
		who, act string
		pairs    []string
		says     string
		keeps    string
	}{
		{"binh", "TransferBack", nil, "Hãy điền “Lý do”.", ""},
		{"binh", "TransferBack", []string{"reason", " \u202e\u0000 "}, "Hãy điền “Lý do”.", ""},
		{"binh", "FinishHandling", []string{"result", long}, "có 10.001 ký tự, nhiều nhất là 10.000", long},
		{"binh", "LinkReply", nil, "Hãy chọn “Văn bản trả lời”.", ""},
		{"binh", "LinkReply", []string{"reply", "outgoing:" + strings.Repeat("x", 65)}, "không còn trong danh sách", ""},
		{"huong", "Assign", []string{"opinion", "giữ lại"}, "Hãy chọn “Chủ trì”.", "giữ lại"},
		{"huong", "Assign", []string{"in_charge", "nowhere/minh"}, "“Chủ trì” không còn trong danh sách", ""},
		{"huong", "Assign", []string{"in_charge", "tccc/ghost"}, "“Chủ trì” không còn trong danh sách", ""},
		{"huong", "Assign", []string{"in_charge", "tccc", "cooperating", "tccc"}, "không thể đồng thời", ""},
		{"huong", "Assign", []string{"in_charge", "tccc", "due_in", "date", "due", "31/02/2027"}, "không phải ngày", ""},
		{"huong", "Assign", []string{"in_charge", "tccc", "due_in", "date", "due", "01/11/2026"}, "đã qua", ""},
		{"huong", "Assign", []string{"in_charge", "tccc", "due_in", "1e9"}, "“Thời hạn giải quyết” không còn", ""},
		{"huong", "ChangeDeadline", []string{"due_in", "date", "reason", "vì mưa"}, "Hãy điền “Thời hạn giải quyết”.", "vì mưa"},
		{"huong", "GiveOpinion", []string{"text", "\x00\xff"}, "Hãy điền “Ý kiến”.", ""},
	} {
		v := visitors[c.who]
		a := v.send("POST", path+"/act", with1(v.fields(path, c.act), c.pairs...))
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, c.says) || c.keeps != "" && !strings.Contains(a.body, c.keeps+"</textarea>") ||
			!strings.Contains(a.body, `id="act-`+c.act+`" open`) {
			t.Errorf("%s %q: %s %q, expected %q", c.act, c.pairs, a.Status, noticeOf(a.body), c.says)
		}
	}
	if n := len(p.office.done); n != 0 {
		t.Errorf("%d of them were recorded", n)
	}
}

// TestRefusalsStandBesideTheForm: with their number, and with the words kept; the same form can be sent again.
func TestRefusalsStandBesideTheForm(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("lan.snv")
	path := "/incoming/" + expressID()
	form := with1(v.fields(path, "RefuseIncoming"), "reason", "không đúng thẩm quyền")
	p.office.refuse = &Refused{Code: 7060, Vi: "Văn bản này phải <b>vào sổ</b>.", En: "Register it."}
	a := v.send("POST", path+"/act", form)
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "phải &lt;b&gt;vào sổ&lt;/b&gt;") || !strings.Contains(a.body, "TRAM-7060") || !strings.Contains(a.body, "không đúng thẩm quyền</textarea>") {
		t.Errorf("refused: %s %q", a.Status, noticeOf(a.body))
	}
	if strings.Contains(a.body, "Ai đó vừa xử lý") {
		t.Error("nobody was faster")
	}
	p.office.fail = errors.New("secret detail of the disk")
	a = v.send("POST", path+"/act", form)
	if a.StatusCode != http.StatusServiceUnavailable || strings.Contains(a.body, "secret") || !strings.Contains(a.body, "Hãy bấm lại") || formFields(t, a.body, "RefuseIncoming").Get("id") != form.Get("id") {
		t.Errorf("unknown: %s %q", a.Status, noticeOf(a.body))
	}
	if a := v.follow(v.send("POST", path+"/act", form)); !strings.Contains(noticeOf(a.body), "Đã trả lại") {
		t.Errorf("sent again: %q", noticeOf(a.body))
	}
	// Somebody without the right, and forged ids.
	for name, f := range map[string]url.Values{"no id": with1(form, "id", ""), "an id of another form": with1(form, "id", strings.ToUpper(newActID())), "an act of another kind": with1(form, "act", "Issue"), "no act": with1(form, "act", "")} {
		if a := v.send("POST", path+"/act", f); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	thao := p.visitor(t, false)
	thao.signIn("thao.snv")
	if a := thao.send("POST", path+"/act", with1(form, "form", thao.token(), "id", newActID())); a.StatusCode != http.StatusNotFound {
		t.Errorf("somebody whom it does not concern: %s", a.Status)
	}
	log := p.log.String()
	for _, s := range []string{"act=RefuseIncoming", "code=7060", "portal act failed", "secret detail of the disk"} {
		if !strings.Contains(log, s) {
			t.Errorf("the log lacks %q", s)
		}
	}
	if strings.Contains(log, "thẩm quyền") {
		t.Error("the log holds what was typed")
	}
}

// TestAFormAfterSignOutDoesNothingAndGivesTheWordsBack.
func TestAFormAfterSignOutDoesNothingAndGivesTheWordsBack(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("huong.snv")
	path := "/incoming/" + expressID()
	form := with1(v.fields(path, "GiveOpinion"), "text", "một ý kiến dài <script>alert(1)</script>")
	v.post("/signout")
	a := v.send("POST", path+"/act", form)
	if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "một ý kiến dài &lt;script&gt;") || len(p.office.done) != 0 {
		t.Errorf("after sign-out: %s, %d recorded", a.Status, len(p.office.done))
	}
	if a := v.send("POST", path+"/act", form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "một ý kiến dài") {
		t.Errorf("from another site: %s", a.Status)
	}
	v.signIn("huong.snv")
	if a := v.send("POST", path+"/act", form); a.StatusCode != http.StatusForbidden || len(p.office.done) != 0 {
		t.Errorf("a form of the session before: %s", a.Status)
	}
	body, kind := upload(t, with1(form, "act", "RegisterPaper"), "a.pdf", "application/pdf", []byte("%PDF"))
	v.post("/signout")
	if a := v.sendBody("/incoming/new", kind, body); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/portal/signin") {
		t.Errorf("files after sign-out: %s", a.Status)
	}
}

// upload makes a form with one file; an empty name sends no file.
func upload(t testing.TB, fields url.Values, name, contentType string, content []byte) (body []byte, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	put := func(k string) {
		for _, s := range fields[k] {
			if err := w.WriteField(k, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("form")
	for k := range fields {
		if k != "form" {
			put(k)
		}
	}
	if name != "" {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="files"; filename="%s"`, name)}, "Content-Type": {contentType}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

func (v *visitor) sendBody(path, kind string, body []byte) answer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), "POST", v.server.URL+"/portal"+path, bytes.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	res, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{res, string(b)}
}

func paperForm(v *visitor) url.Values {
	return with1(v.fields("/incoming/new", "RegisterPaper"), "from_name", "Công ty Lục Ngạn", "channel", "paper", "number", "12", "notation", "CV-XD", "date", "20/11/2026", "received_on", "22/11/2026",
		"type_name", "Công văn", "subject", "đề nghị xác nhận", "priority", "1", "pages", "3")
}

// TestPaperWithItsScan: file names that try to escape are cleaned, a refused form keeps its files, and the scan can be read afterwards.
func TestPaperWithItsScan(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("lan.snv")
	form := paperForm(v)
	p.office.refuse = &Refused{Code: 7061, Vi: "Chưa được.", En: "Not yet."}
	body, kind := upload(t, form, `..\\..\\etc/pas\u202Eswd`+"\u202e"+`.pdf`, "text/html", []byte("%PDF-1.7"))
	a := v.sendBody("/incoming/new", kind, body)
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, `name="held" value="`) || !strings.Contains(a.body, "đề nghị xác nhận</textarea>") {
		t.Fatalf("refused: %s %q", a.Status, noticeOf(a.body))
	}
	held := regexp.MustCompile(`name="held" value="([0-9a-f]+)"`).FindStringSubmatch(a.body)[1]
	again := with1(form, "held", held)
	body, kind = upload(t, again, "Phụ lục.xlsx", "application/octet-stream", []byte("PK.."))
	done := v.sendBody("/incoming/new", kind, body)
	page := v.follow(done)
	if !strings.Contains(noticeOf(page.body), "Đã đăng ký văn bản giấy.") || !strings.Contains(page.body, "Phụ lục.xlsx") {
		t.Errorf("done: %q", noticeOf(page.body))
	}
	did := p.office.done[0]
	for _, f := range did.files {
		name := strings.Split(f, "|")[0]
		if strings.ContainsAny(name, `/\`) || strings.Contains(name, "..") || strings.ContainsFunc(name, isBidiControl) {
			t.Errorf("recorded the file name %q", name)
		}
	}
	if len(did.files) != 2 || !strings.HasSuffix(did.files[0], "|application/pdf|8") || did.files[1] != "Phụ lục.xlsx|application/vnd.openxmlformats-officedocument.spreadsheetml.sheet|4" {
		t.Errorf("files: %q", did.files)
	}
	act, ok := did.action.Act.(schemas.RegisterPaper)
	if !ok || act.FromName != "Công ty Lục Ngạn" || act.Date != (schemas.Date{Year: 2026, Month: 11, Day: 20}) || act.Priority != 1 || act.Pages != 3 || did.action.Target.ID != form.Get("id") {
		t.Errorf("recorded %+v for %s", did.action.Act, did.action.Target.ID)
	}
	if len(p.holds.kept) != 0 || p.holds.bytes != 0 {
		t.Error("the files are still held after the act")
	}
	// The same form once more is the same act.
	if a := v.follow(v.sendBody("/incoming/new", kind, body)); !strings.Contains(noticeOf(a.body), "Đã đăng ký") || len(p.office.done) != 1 {
		t.Errorf("sent again: %q, %d recorded", noticeOf(a.body), len(p.office.done))
	}
}

// TestUploadsAreBounded in size and number, need the token before a byte of a file is read, and leave nothing behind.
func TestUploadsAreBounded(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("lan.snv")
	form := paperForm(v)
	body, kind := upload(t, with1(form, "form", "forged"), "a.pdf", "application/pdf", []byte("%PDF"))
	if a := v.sendBody("/incoming/new", kind, body); a.StatusCode != http.StatusForbidden {
		t.Errorf("a forged token: %s", a.Status)
	}
	if a := v.sendBody("/incoming/new", "multipart/form-data", body); a.StatusCode != http.StatusBadRequest {
		t.Errorf("no boundary: %s", a.Status)
	}
	if a := v.sendBody("/incoming/new", kind, body[:len(body)/2]); a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusForbidden {
		t.Errorf("half a form: %s", a.Status)
	}
	body, kind = upload(t, with1(form, "subject", strings.Repeat("x", uploadField+1)), "", "", nil)
	if a := v.sendBody("/incoming/new", kind, body); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a field of 256 KiB: %s", a.Status)
	}
	var many bytes.Buffer
	w := multipart.NewWriter(&many)
	for k, values := range form {
		if k == "form" {
			w.WriteField(k, values[0])
		}
	}
	w.WriteField("id", form.Get("id"))
	for i := range uploadFiles + 1 {
		part, _ := w.CreateFormFile("files", fmt.Sprintf("%d.pdf", i))
		part.Write([]byte("%PDF"))
	}
	w.Close()
	if a := v.sendBody("/incoming/new", w.FormDataContentType(), many.Bytes()); a.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, "20 tệp") {
		t.Errorf("21 files: %s", a.Status)
	}
	if _, err := spoolFile(t.TempDir(), strings.NewReader("12345"), 4); !errors.Is(err, errTooLarge) {
		t.Errorf("a file over the bound: %v", err)
	}
	for range cap(p.holds.slots) {
		p.holds.slots <- struct{}{}
	}
	body, kind = upload(t, form, "a.pdf", "application/pdf", []byte("%PDF"))
	if a := v.sendBody("/incoming/new", kind, body); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("too many at once: %s", a.Status)
	}
	if len(p.office.done) != 0 || len(p.holds.kept) != 0 {
		t.Errorf("%d recorded, %d held", len(p.office.done), len(p.holds.kept))
	}
}

// TestSpooledFilesComeBackWhole and are not readable on disk; a changed byte ends in an error.
func TestSpooledFilesComeBackWhole(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 100_000).Draw(r, "content")
		s, err := spoolFile(t.TempDir(), bytes.NewReader(content), 1<<20)
		if err != nil {
			r.Fatal(err)
		}
		defer s.Close()
		for range 2 {
			body, err := s.open()
			if err != nil {
				r.Fatal(err)
			}
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, content) {
				r.Fatalf("came back with %d bytes of %d, %v", len(got), len(content), err)
			}
		}
		if len(content) < 16 {
			return
		}
		disk := make([]byte, len(content))
		if _, err := s.f.ReadAt(disk, 0); err != nil || bytes.Contains(disk, content[:16]) {
			r.Fatalf("the disk holds the file as it is, %v", err)
		}
		if _, err := s.f.WriteAt([]byte{disk[3] ^ 1}, 3); err != nil {
			r.Fatal(err)
		}
		body, err := s.open()
		if err != nil {
			r.Fatal(err)
		}
		if _, err := io.ReadAll(body); err == nil {
			r.Fatal("a changed byte was not seen")
		}
	})
}

// TestHeldFilesAreLetGo after an hour, or when there are too many.
func TestHeldFilesAreLetGo(t *testing.T) {
	clock := &clockwork{t: testNow}
	h := newHolds(clock.now)
	one := func() heldFile {
		at, err := spoolFile(t.TempDir(), strings.NewReader("x"), 10)
		if err != nil {
			t.Fatal(err)
		}
		return heldFile{Name: "x", Size: 1, at: at}
	}
	first := one()
	h.put("a", []heldFile{first})
	for i := range holdsMost {
		h.put(fmt.Sprint(i), []heldFile{one()})
	}
	if h.get("a") != nil || len(h.kept) != holdsMost || h.bytes != holdsMost {
		t.Errorf("%d held, %d bytes", len(h.kept), h.bytes)
	}
	if _, err := first.at.f.Stat(); err == nil {
		t.Error("the oldest file is still open")
	}
	clock.pass(holdLife)
	if h.get("5") != nil || h.bytes != 0 {
		t.Errorf("after an hour %d bytes are held", h.bytes)
	}
	h.put("b", []heldFile{one()})
	h.close()
	if len(h.kept) != 0 {
		t.Error("closing keeps files")
	}
}

// TestEveryOpeningIsRecordedFirst: what cannot be recorded is not shown.
func TestEveryOpeningIsRecordedFirst(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("huong.snv")
	d := p.fixture.docs[slices.IndexFunc(p.fixture.docs, func(d *fakeDoc) bool { return d.doc.Row.Number == "388/UBND-NN" })].doc
	path := "/incoming/" + d.Row.Document
	for tail, what := range map[string]string{"": "page", "/files/" + d.Package.SHA256 + "/1": "attachment", "/package/" + d.Package.SHA256: "package", "/evidence": "evidence", "/files/" + d.Package.SHA256 + "/0/signatures": "attachment"} {
		p.office.opened = nil
		if a := v.get(path + tail); a.StatusCode != 200 || !slices.Equal(p.office.opened, []string{"huong incoming/" + d.Row.Document + " " + what}) {
			t.Errorf("%s: %s, recorded %q", tail, a.Status, p.office.opened)
		}
		p.office.openFails = errors.New("no disk")
		if a := v.get(path + tail); a.StatusCode != 500 || strings.Contains(a.body, d.Row.Subject) || strings.HasPrefix(a.body, "PK") {
			t.Errorf("%s is shown although it could not be recorded: %s", tail, a.Status)
		}
		p.office.openFails = nil
	}
	if strings.Contains(p.log.String(), d.Row.Subject) {
		t.Error("the log holds the subject")
	}
}

// TestLiveAnswersAtOnceWhenSomethingChanged, and tells an ended session without keeping one alive.
func TestLiveAnswersAtOnceWhenSomethingChanged(t *testing.T) {
	p := newTestPortal(t, nil)
	p.livePause, p.liveWait = time.Millisecond, 5*time.Second
	v := p.visitor(t, false)
	v.signIn("lan.snv")
	page := v.get("/incoming/" + expressID()).body
	attr := func(name string) string {
		m := regexp.MustCompile(` data-` + name + `="([^"]*)"`).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("the page lacks data-%s", name)
		}
		return m[1]
	}
	ask := with("/live", "mark", attr("mark"), "kind", attr("kind"), "id", attr("id"), "seen", attr("seen"))
	p.liveWait = 20 * time.Millisecond
	if a := v.get(ask); a.StatusCode != 200 || !strings.Contains(a.body, `"changed":false`) || !strings.Contains(a.body, `"mark":"`+attr("mark")+`"`) {
		t.Errorf("nothing happened: %s %s", a.Status, a.body)
	}
	p.liveWait = 5 * time.Second
	answers := make(chan answer)
	go func() { answers <- v.get(ask) }()
	leader := p.visitor(t, false)
	leader.signIn("huong.snv")
	leader.follow(leader.send("POST", "/incoming/"+expressID()+"/act", with1(leader.fields("/incoming/"+expressID(), "GiveOpinion"), "text", "gấp")))
	if a := <-answers; !strings.Contains(a.body, `"changed":true`) {
		t.Errorf("somebody acted: %s %s", a.Status, a.body)
	}
	// Half an hour of asking is no work.
	for range 7 {
		p.clock.pass(5 * time.Minute)
		p.liveWait = time.Millisecond
		v.get(ask)
	}
	if a := v.get("/"); a.StatusCode != 303 {
		t.Errorf("asking kept the session alive: %s", a.Status)
	}
	if a := v.get(ask); a.StatusCode != 303 || len(a.Cookies()) != 0 {
		t.Errorf("asking without a session: %s, cookies %v", a.Status, a.Cookies())
	}
}
