package portal

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// What goes wrong on the pages of what an agency makes, by mistake and on purpose: nothing is done that was not asked for, nothing that
// was typed is lost, and each refusal says why.

// person signs in as one of the office.
func (p *testPortal) person(t *testing.T, id string) *visitor {
	t.Helper()
	v := p.visitor(t, false)
	v.signIn(id + ".snv")
	return v
}

// madeChanges are the forms of these pages: where they stand, where they are sent, and something for what they ask.
var madeChanges = []struct{ by, page, path, act, field, value string }{
	{"minh", "/drafts/new?kind=C%C3%B4ng+v%C4%83n", "/drafts/new", "SaveDraft", "subject", "x"},
	{"minh", "/outgoing/du-thao-1/edit", "/outgoing/du-thao-1/edit", "SaveDraft", "subject", "x"},
	{"minh", "/outgoing/du-thao-1", "/outgoing/du-thao-1/act", "Submit", "note", "x"},
	{"minh", "/outgoing/du-thao-1", "/outgoing/du-thao-1/act", "AskOpinion", "of", "vp/thao"},
	{"minh", "/outgoing/du-thao-1", "/outgoing/du-thao-1/act", "GiveOpinion", "text", "x"},
	{"minh", "/outgoing/du-thao-1", "/outgoing/du-thao-1/act", "Cancel", "reason", "x"},
	{"huong", "/outgoing/du-thao-2", "/outgoing/du-thao-2/act", "Approve", "note", "x"},
	{"huong", "/outgoing/du-thao-2", "/outgoing/du-thao-2/act", "SendBack", "reason", "x"},
	{"huong", "/leader", "/leader/outgoing/du-thao-2", "Approve", "", ""},
	{"lan", "/outgoing/du-thao-4", "/outgoing/du-thao-4/act", "Issue", "date", ""},
	{"lan", "/outgoing/di-1", "/outgoing/di-1/act", "RecallIssued", "reason", "x"},
	{"lan", "/drafts/copy?outgoing=di-1", "/drafts/copy", "MakeCopy", "signer", "huong"},
	{"minh", "/dossiers/new", "/dossiers/new", "OpenDossier", "title", "x"},
	{"minh", "/dossiers/put?outgoing=di-1", "/dossiers/put", "AddItem", "dossier", "ho-so-1"},
	{"minh", "/dossiers/ho-so-1", "/dossiers/ho-so-1/files", "AddItem", "note", "x"},
	{"minh", "/dossiers/ho-so-1", "/dossiers/ho-so-1/act", "GiveTask", "task_text", "x"},
	{"minh", "/dossiers/ho-so-1", "/dossiers/ho-so-1/act", "RecordDecision", "decision", "x"},
	{"minh", "/dossiers/ho-so-1", "/dossiers/ho-so-1/act", "HandOver", "hand_to", "binh"},
	{"minh", "/dossiers/ho-so-1", "/dossiers/ho-so-1/act", "ClassifyDossier", "reason", "x"},
	{"minh", "/dossiers/ho-so-1", "/dossiers/ho-so-1/act", "RemoveItem", "item_no", "1"},
}

// TestMadeFormsCannotBeForged: without the token of the session, with that of another person, from another site, or without a session,
// no form of these pages does anything.
func TestMadeFormsCannotBeForged(t *testing.T) {
	p := newTestPortal(t, nil)
	at := map[string]*visitor{}
	for _, who := range []string{"minh", "huong", "lan", "binh"} {
		at[who] = p.person(t, who)
	}
	foreign := at["binh"].fields("/outgoing/du-thao-5", "Approve").Get("form")
	upload := func(v *visitor, path string, form url.Values, change ...func(*http.Request)) answer {
		if slices.Contains([]string{"/drafts/new", "/outgoing/du-thao-1/edit", "/drafts/copy", "/dossiers/ho-so-1/files"}, path) {
			if len(change) == 0 {
				return v.upload(path, form)
			}
			return v.send("POST", path, url.Values{"form": form["form"]}, change...)
		}
		return v.send("POST", path, form, change...)
	}
	for _, c := range madeChanges {
		v := at[c.by]
		form := v.fields(c.page, c.act)
		if c.field != "" {
			form.Set(c.field, c.value)
		}
		for what, a := range map[string]answer{
			"no token":       upload(v, c.path, with1(form, "form", "")),
			"another's":      upload(v, c.path, with1(form, "form", foreign)),
			"made up":        upload(v, c.path, with1(form, "form", strings.Repeat("A", 43))),
			"another site":   upload(v, c.path, form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }),
			"another origin": upload(v, c.path, form, func(r *http.Request) { r.Header.Set("Origin", "https://xau.example") }),
		} {
			if a.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s, %s: %s", c.path, c.act, what, a.Status)
			}
		}
		stranger := newVisitor(t, v.server)
		if a := upload(stranger, c.path, form); a.StatusCode == http.StatusOK || a.StatusCode == http.StatusSeeOther && !strings.HasPrefix(a.Header.Get("Location"), "/portal/signin") {
			t.Errorf("%s %s without a session: %s", c.path, c.act, a.Status)
		}
		if a := v.send("GET", c.path+"?"+form.Encode(), nil); a.StatusCode == http.StatusSeeOther {
			t.Errorf("%s %s by a link: %s", c.path, c.act, a.Status)
		}
	}
	if len(p.office.done) != 0 {
		t.Errorf("%d acts were done: %+v", len(p.office.done), p.office.done[0].action)
	}
}

// TestOneNumberHoweverOftenPressed: clicks at once, a reload, and a second window of the same clerk issue under one number.
func TestOneNumberHoweverOftenPressed(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.person(t, "lan")
	form, second := v.fields("/outgoing/du-thao-4", "Issue"), v.fields("/outgoing/du-thao-4", "Issue")
	before := p.office.numbers["di-vb"]
	var running sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		running.Go(func() { answers[i] = v.send("POST", "/outgoing/du-thao-4/act", form) })
	}
	running.Wait()
	for i, a := range append(answers, v.send("POST", "/outgoing/du-thao-4/act", form)) {
		if page := v.follow(a); !strings.Contains(noticeOf(page.body), "Đã phát hành") {
			t.Errorf("click %d: %q", i, noticeOf(page.body))
		}
	}
	a := v.send("POST", "/outgoing/du-thao-4/act", second)
	if a.StatusCode != http.StatusConflict || !strings.Contains(noticeOf(a.body), "đã thay đổi") {
		t.Errorf("a second window: %s %q", a.Status, noticeOf(a.body))
	}
	if n := p.office.numbers["di-vb"]; n != before+1 {
		t.Errorf("%d numbers were taken, expected one", n-before)
	}
	if n := strings.Count(v.get("/outgoing/print").body, fmt.Sprintf(">%d/TB-SNV<", before+1)); n != 1 {
		t.Errorf("the register has the number %d times", n)
	}
}

// TestTwoClerksAtOnce: of two persons who press at the same time one issues, the other is told what happened.
func TestTwoClerksAtOnce(t *testing.T) {
	p := newTestPortal(t, nil)
	p.office.office.Persons = slices.Clone(p.office.office.Persons)
	for i, x := range p.office.office.Persons {
		if x.ID == "thao" {
			p.office.office.Persons[i].Duties = append(slices.Clone(x.Duties), view.OfficeDuty{Role: "clerk"})
		}
	}
	clerks := []*visitor{p.person(t, "lan"), p.person(t, "thao")}
	forms := []url.Values{clerks[0].fields("/outgoing/du-thao-4", "Issue"), clerks[1].fields("/outgoing/du-thao-4", "Issue")}
	before := p.office.numbers["di-vb"]
	var running sync.WaitGroup
	answers := make([]answer, 2)
	for i := range clerks {
		running.Go(func() { answers[i] = clerks[i].send("POST", "/outgoing/du-thao-4/act", forms[i]) })
	}
	running.Wait()
	status := []int{answers[0].StatusCode, answers[1].StatusCode}
	slices.Sort(status)
	if !slices.Equal(status, []int{http.StatusSeeOther, http.StatusConflict}) {
		t.Errorf("the answers are %v", status)
	}
	if n := p.office.numbers["di-vb"]; n != before+1 {
		t.Errorf("%d numbers were taken, expected one", n-before)
	}
}

// TestScriptsStayWords: what people type is shown as they typed it, wherever it is shown.
func TestScriptsStayWords(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.person(t, "minh")
	const evil = `<script>alert("đi")</script><img src=x onerror=alert(1)>'"{{.}}`
	form := with1(v.fields("/drafts/new?kind=Gi%E1%BA%A5y+m%E1%BB%9Di", "SaveDraft"), "subject", evil, "content", evil, "x-invited", evil, "x-time", evil, "x-venue", evil, "to_places", evil, "competence", evil, "place", evil, "signer", "huong", "note", evil, "recipients", orgAgri)
	v.follow(v.upload("/drafts/new", form, evil+".pdf|%PDF"))
	id := form.Get("id")
	path := "/outgoing/" + id
	v.follow(v.upload(path+"/edit", with1(v.fields(path+"/edit", "SaveDraft"), "kind", "Giấy mời", "subject", evil+" lần 2", "signer", "huong", "x-invited", evil+"!", "x-time", "1", "x-venue", "1", "note", evil, "recipients", orgAgri)))
	v.follow(v.send("POST", path+"/act", with1(v.fields(path, "AskOpinion"), "of", "vp/thao", "question", evil)))
	v.follow(v.send("POST", path+"/act", with1(v.fields(path, "Submit"), "note", evil)))
	binh := p.person(t, "binh")
	binh.follow(binh.send("POST", path+"/act", with1(binh.fields(path, "Approve"), "note", evil)))
	dossier := with1(v.fields("/dossiers/new", "OpenDossier"), "title", evil, "file_plan", "01.TCCC")
	v.follow(v.send("POST", "/dossiers/new", dossier))
	hs := "/dossiers/" + dossier.Get("id")
	for _, c := range []struct{ act, field, more, value string }{{"GiveTask", "task_text", "task_to", "tccc/minh"}, {"RecordDecision", "decision", "", ""}, {"GiveOpinion", "text", "", ""}, {"ClassifyDossier", "reason", "file_plan", "02.CCHC"}} {
		v.follow(v.send("POST", hs+"/act", with1(v.fields(hs, c.act), c.field, evil, cmp.Or(c.more, "x"), c.value)))
	}
	v.follow(v.upload(hs+"/files", with1(v.fields(hs, "AddItem"), "note", evil), evil+".pdf|%PDF"))
	v.follow(v.send("POST", "/dossiers/put", with1(v.fields("/dossiers/put?outgoing="+id, "AddItem"), "dossier", dossier.Get("id"), "note", evil)))
	huong := p.person(t, "huong")
	shown := 0
	for _, at := range []string{path, "/drafts?list=open", "/drafts?list=open&words=" + url.QueryEscape(evil), "/outgoing?with=" + url.QueryEscape(evil), "/leader", "/", "/notes", hs, hs + "/print", "/dossiers?words=alert", "/search?q=alert",
		"/dossiers/put?outgoing=" + id, "/statistics?from=" + url.QueryEscape(evil), "/drafts/new?kind=C%C3%B4ng+v%C4%83n&find=" + url.QueryEscape(evil)} {
		body := huong.get(at).body
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
			t.Errorf("%s: what was typed became part of the page", at)
		}
		shown += strings.Count(body, "&lt;script&gt;alert")
	}
	if shown < 30 {
		t.Errorf("what was typed was seen %d times, expected more", shown)
	}
	a := huong.send("POST", path+"/act", with1(huong.fields(path, "SendBack"), "reason", " ", "x", evil))
	if a.StatusCode != http.StatusUnprocessableEntity || strings.Contains(a.body, "<script>alert") {
		t.Errorf("a refused form: %s", a.Status)
	}
}

// TestLongSubjects: five thousand characters are kept to the last, and shown so that lists stay lists; one more is refused, and stays
// in the form.
func TestLongSubjects(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.person(t, "minh")
	const end = " hết đây"
	long := "về việc " + strings.Repeat("dằng dặc ", 540)
	long += strings.Repeat("ă", 5000-len([]rune(long+end))) + end
	form := with1(v.fields("/drafts/new?kind=C%C3%B4ng+v%C4%83n", "SaveDraft"), "subject", long, "signer", "huong")
	a := v.upload("/drafts/new", with1(form, "subject", long+"ă"))
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "5.001") || !strings.Contains(a.body, long+"ă</textarea>") {
		t.Errorf("one too many: %s %q", a.Status, noticeOf(a.body))
	}
	page := v.follow(v.upload("/drafts/new", form)).body
	if got := p.last(t).action.Act.(schemas.SaveDraft).Draft.Subject; got != long {
		t.Errorf("%d characters were saved", len([]rune(got)))
	}
	if strings.Count(page, end) != 1 || !strings.Contains(page, `<details class="whole">`) {
		t.Errorf("the page shows the end %d times", strings.Count(page, "hết đây"))
	}
	if list := v.get("/drafts").body; strings.Contains(list, "hết đây") || !strings.Contains(list, "dằng dặc") {
		t.Error("the list shows the whole of it, or nothing")
	}
	d := with1(v.fields("/dossiers/new", "OpenDossier"), "title", long, "file_plan", "01.TCCC")
	if a := v.send("POST", "/dossiers/new", d); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "2.000") || !strings.Contains(a.body, "hết đây") {
		t.Errorf("the title of a dossier: %s %q", a.Status, noticeOf(a.body))
	}
	if n := len(p.office.done); n != 1 {
		t.Errorf("%d acts were done, expected one", n)
	}
}

// TestFileNamesStayNames: a name that would lead elsewhere, or look like something else, is signed and saved as a plain one.
func TestFileNamesStayNames(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.person(t, "minh")
	names := []string{"../../../etc/passwd", `..\..\Windows\system.ini`, "/etc/cron.d/x.pdf", "C:\\Users\\a\\b.docx", "bao\u202Efdp.exe", "a\tb.txt", "..", ".", "CON", strings.Repeat("dài", 200) + ".pdf"}
	var files []string
	for _, n := range names {
		files = append(files, n+"|x")
	}
	form := with1(v.fields("/drafts/new?kind=C%C3%B4ng+v%C4%83n", "SaveDraft"), "subject", "tên tệp", "signer", "huong")
	v.follow(v.upload("/drafts/new", form, files...))
	for i, f := range p.last(t).files {
		name, _, _ := strings.Cut(f, "|")
		if strings.ContainsAny(name, "/\\\t\u202e") || name == ".." || name == "." || name == "" || len(name) > 255 {
			t.Errorf("%q was signed as %q", names[i], name)
		}
		a := v.get(fmt.Sprintf("/outgoing/%s/files/%s/%d", form.Get("id"), keyOf(form.Get("id")), i))
		if got := a.Header.Get("Content-Disposition"); a.StatusCode != 200 || !strings.HasPrefix(got, "attachment;") || strings.Contains(got, "..%2F") || strings.Contains(got, "/..") || strings.ContainsAny(got, "\\\u202e") {
			t.Errorf("%q is given back as %s %q", names[i], a.Status, got)
		}
	}
	for _, path := range []string{"/outgoing/..%2F..%2Fetc%2Fpasswd", "/outgoing/" + form.Get("id") + "/files/" + keyOf(form.Get("id")) + "/..%2F0", "/outgoing/" + form.Get("id") + "/files/..%2f..%2f/0", "/dossiers/..%2Fho-so-1", "/outgoing/" + form.Get("id") + "/files/" + keyOf(form.Get("id")) + "/-1"} {
		if a := v.get(path); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}
