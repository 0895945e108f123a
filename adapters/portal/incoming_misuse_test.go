package portal

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// What goes wrong on the pages of incoming documents, by mistake and on purpose: the record stays as it was, and the page says why.

// record is all that the office holds, to see that nothing has changed.
func (p *testPortal) record(t *testing.T) string {
	t.Helper()
	p.office.mu.Lock()
	defer p.office.mu.Unlock()
	var all []any
	for _, x := range p.office.incoming {
		all = append(all, x.IncomingDocument)
	}
	b, err := json.Marshal(append(all, len(p.office.done), p.office.position, p.office.numbers))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// stage puts a document where an act is possible for those who have the right.
func (p *testPortal) stage(x *fakeIncoming, act string) {
	p.office.mu.Lock()
	defer p.office.mu.Unlock()
	x.Asked, x.Row.InCharge, x.Row.Cooperating, x.asked, x.assigner = false, view.Assignee{}, nil, "huong", "huong"
	x.seenBy = []string{"minh", "binh"} // who had it once still sees it
	switch act {
	case "RegisterIncoming", "RefuseIncoming":
		x.Row.State = view.IncomingArrived
	case "Present":
		x.Row.State = view.IncomingRegistered
	case "Assign":
		x.Row.State, x.Row.InCharge = view.IncomingPresented, view.Assignee{Person: p.office.ref("huong")}
	case "AgreeRecall", "DeclineRecall":
		x.Row.State, x.Asked = view.IncomingRegistered, true
	case "Reopen":
		x.Row.State, x.Row.InCharge = view.IncomingFinished, p.office.assignee(schemas.Assignee{Unit: "tccc", Person: "binh"})
	default:
		x.Row.State, x.Row.InCharge = view.IncomingAssigned, p.office.assignee(schemas.Assignee{Unit: "tccc", Person: "binh"})
	}
}

// incomingForms are the acts of the page: who may do each, and a form that could be read.
var incomingForms = []struct {
	act, by string
	fields  []string
}{
	{"RegisterIncoming", "lan", []string{"register", "chung"}},
	{"RefuseIncoming", "lan", []string{"reason", "gửi nhầm"}},
	{"Present", "lan", []string{"to", "huong"}},
	{"Assign", "huong", []string{"in_charge", "tccc/minh"}},
	{"StartHandling", "binh", nil},
	{"GiveOpinion", "huong", []string{"text", "gấp"}},
	{"ChangeDeadline", "huong", []string{"due_in", "3", "reason", "chờ số liệu"}},
	{"LinkReply", "binh", []string{"reply", "outgoing:du-thao-1"}},
	{"FinishHandling", "binh", []string{"result", "xong"}},
	{"TransferBack", "binh", []string{"reason", "không thuộc phòng"}},
	{"Reopen", "huong", []string{"reason", "bổ sung"}},
	{"AgreeRecall", "lan", nil},
	{"DeclineRecall", "lan", []string{"reason", "đã giải quyết"}},
}

// TestIncomingFormsNeedRightAndToken: each act of the page, by everybody who may not do it, and with each kind of forged form, changes
// nothing and says why; by whom it is for it is done.
func TestIncomingFormsNeedRightAndToken(t *testing.T) {
	p := newTestPortal(t, nil)
	at := map[string]*visitor{}
	for _, who := range []string{"lan", "huong", "binh", "minh", "thao", "dang", "quan", "luu"} {
		at[who] = p.person(t, who)
	}
	if len(incomingForms) != len(actOrder) {
		t.Errorf("%d acts are tried of %d", len(incomingForms), len(actOrder))
	}
	x := p.office.find(expressID())
	path := "/incoming/" + expressID()
	var said int
	for _, c := range incomingForms {
		p.stage(x, c.act)
		form := with1(at[c.by].fields(path, c.act), c.fields...)
		before := p.record(t)
		for who, v := range at {
			if slices.Contains(p.office.may(who, x), c.act) {
				continue
			}
			a := v.send("POST", path+"/act", with1(form, "form", v.token(), "id", newActID()))
			switch {
			case !p.office.sees(who, x):
				if a.StatusCode != http.StatusNotFound || strings.Contains(a.body, x.Row.Subject) {
					t.Errorf("%s by %s, who may not see it: %s", c.act, who, a.Status)
				}
			case a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "Bạn không có quyền làm việc này"):
				t.Errorf("%s by %s: %s %q", c.act, who, a.Status, noticeOf(a.body))
			default:
				said++
			}
		}
		v := at[c.by]
		cross := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		for what, a := range map[string]answer{
			"no token":         v.send("POST", path+"/act", with1(form, "form", "")),
			"made up":          v.send("POST", path+"/act", with1(form, "form", strings.Repeat("A", 43))),
			"another person's": v.send("POST", path+"/act", with1(form, "form", at["thao"].token())),
			"another site":     v.send("POST", path+"/act", form, cross("Sec-Fetch-Site", "cross-site")),
			"another origin":   v.send("POST", path+"/act", form, cross("Origin", "https://xau.example")),
		} {
			if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "nên trạm không thực hiện") {
				t.Errorf("%s, %s: %s", c.act, what, a.Status)
			}
		}
		if a := v.send("GET", path+"/act?"+form.Encode(), nil); a.StatusCode != http.StatusMethodNotAllowed && a.StatusCode != http.StatusNotFound {
			t.Errorf("%s by a link: %s", c.act, a.Status)
		}
		if after := p.record(t); after != before {
			t.Fatalf("%s: the record has changed", c.act)
		}
		if a := v.follow(v.send("POST", path+"/act", form)); !strings.Contains(noticeOf(a.body), "Đã") || p.record(t) == before {
			t.Errorf("%s by %s: %q", c.act, c.by, noticeOf(a.body))
		}
	}
	if said < 2*len(incomingForms) {
		t.Errorf("only %d acts without the right were told so", said)
	}
}

// TestAHostileDocumentIsText: script in its words, a subject of 5,000 letters and a file name that climbs, on every page that shows it.
func TestAHostileDocumentIsText(t *testing.T) {
	p := newTestPortal(t, nil)
	const script = `<script>alert(1)</script><img src=x onerror=alert(2)>"'`
	long := string([]rune(strings.Repeat("Về việc nghiêng ngả, ", 250))[:4994]) + " cuối."
	x := p.office.find(expressID())
	for _, subject := range []string{script, long, strings.Repeat("ợ", 5000)} {
		x.Row.Subject, x.Row.TypeName, x.Row.From.Name, x.Row.Signer = subject, script, script, script
		x.Trail = append(x.Trail[:1:1], view.Trail{Position: 1, At: testNow, Name: "incoming.opinion-given.v1", Person: view.PersonRef{ID: "x", Name: script}, Text: script,
			Package: keyOf("x"), Files: []view.Attachment{{Name: "../../etc/\u202epasswd<b>.pdf", Size: 1}}})
		for who, paths := range map[string][]string{
			"lan":   {"/", "/incoming", "/incoming?list=all", "/incoming/print?list=all", "/incoming/print?list=all&form=follow", "/incoming/" + expressID(), "/search?q=" + url.QueryEscape("6188"), "/notes"},
			"huong": {"/incoming/" + expressID(), "/leader"},
		} {
			v := p.person(t, who)
			for _, path := range paths {
				a := v.get(path)
				if a.StatusCode != http.StatusOK || strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") || strings.Contains(a.body, "\u202e") {
					t.Errorf("%s of %s with subject %.20q: %s, or something of it is no text", path, who, subject, a.Status)
				}
			}
			if a := v.get("/incoming/" + expressID()); !strings.Contains(a.body, html.EscapeString(subject[:40])) && subject != script {
				t.Errorf("the page lacks the subject %.20q", subject)
			}
		}
	}
	if a := p.person(t, "lan").get("/incoming/" + expressID()); !strings.Contains(a.body, strings.Repeat("ợ", 5000)) {
		t.Error("the whole of a subject of 5,000 letters can't be read on the page")
	}
}

// TestPaperWithASubjectOf5000: it is taken whole; one letter more is refused in the form, which keeps it.
func TestPaperWithASubjectOf5000(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.person(t, "lan")
	form := paperForm(v)
	before := p.record(t)
	body, kind := upload(t, with1(form, "subject", strings.Repeat("ợ", 5001)), "", "", nil)
	a := v.sendBody("/incoming/new", kind, body)
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "có 5.001 ký tự, nhiều nhất là 5.000") || !strings.Contains(a.body, strings.Repeat("ợ", 5001)+"</textarea>") || p.record(t) != before {
		t.Errorf("5,001 letters: %s %q", a.Status, noticeOf(a.body))
	}
	subject := `<script>alert(1)</script>` + strings.Repeat("ợ", 4975)
	body, kind = upload(t, with1(form, "subject", subject), "../../../etc/cron.d/tram", "application/pdf", []byte("%PDF"))
	page := v.follow(v.sendBody("/incoming/new", kind, body))
	if did := p.office.done[0]; did.action.Act.(schemas.RegisterPaper).Subject != subject || !slices.Equal(did.files, []string{"tram|application/pdf|4"}) {
		t.Errorf("recorded %d letters, files %q", len([]rune(did.action.Act.(schemas.RegisterPaper).Subject)), did.files)
	}
	if strings.Contains(page.body, "<script>alert") || !regexp.MustCompile(`Số đến: `+strconv.Itoa(p.office.numbers["chung"])+`\.`).MatchString(noticeOf(page.body)) {
		t.Errorf("the page says %q", noticeOf(page.body))
	}
	// Others than clerks have no such page and no such act.
	before = p.record(t)
	for _, who := range []string{"huong", "minh", "dang", "quan"} {
		o := p.person(t, who)
		body, kind := upload(t, with1(form, "form", o.token(), "id", newActID()), "a.pdf", "application/pdf", []byte("%PDF"))
		if a := o.sendBody("/incoming/new", kind, body); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusUnprocessableEntity || p.record(t) != before {
			t.Errorf("paper registered by %s: %s %q", who, a.Status, noticeOf(a.body))
		}
	}
}

// TestADocumentAskedBackWaitsForAnAnswer: everybody sees why nothing else can be done; a clerk answers.
func TestADocumentAskedBackWaitsForAnAnswer(t *testing.T) {
	p := newTestPortal(t, nil)
	x := p.office.find(expressID())
	p.stage(x, "DeclineRecall")
	path := "/incoming/" + expressID()
	for _, who := range []string{"dang", "minh", "lan"} {
		v := p.person(t, who)
		if a := v.get(path); !strings.Contains(a.body, "Nơi gửi xin lấy lại văn bản này") || strings.Contains(a.body, `id="act-DeclineRecall"`) != (who == "lan") {
			t.Errorf("%s does not see it, or may answer", who)
		}
	}
	v := p.person(t, "lan")
	if a := v.send("POST", path+"/act", v.fields(path, "DeclineRecall")); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "Hãy điền “Lý do”") {
		t.Errorf("without a reason: %s %q", a.Status, noticeOf(a.body))
	}
	a := v.follow(v.send("POST", path+"/act", with1(v.fields(path, "DeclineRecall"), "reason", "đã giải quyết")))
	if !strings.Contains(a.body, "Nguyễn Thị Lan không trả lại văn bản mà nơi gửi xin lấy lại") || strings.Contains(a.body, "Nơi gửi xin lấy lại văn bản này") {
		t.Errorf("answered: %q", noticeOf(a.body))
	}
}

// TestNotesSayOfWhat: with number and subject, and the bell is quiet once they were seen.
func TestNotesSayOfWhat(t *testing.T) {
	p := newTestPortal(t, nil)
	clerk, leader := p.person(t, "lan"), p.person(t, "huong")
	path := "/incoming/" + expressID()
	clerk.follow(clerk.send("POST", path+"/act", clerk.fields(path, "RegisterIncoming")))
	clerk.follow(clerk.send("POST", path+"/act", with1(clerk.fields(path, "Present"), "to", "huong")))
	quiet := regexp.MustCompile(`data-count="notes" hidden`)
	if quiet.MatchString(leader.get("/").body) {
		t.Error("the bell is quiet before")
	}
	a := leader.get("/notes")
	if !strings.Contains(a.body, "Nguyễn Thị Lan trình bạn phân công") || !strings.Contains(a.body, "tập trung ứng phó với mưa lũ") || !strings.Contains(a.body, express) {
		t.Error("the note does not say of what")
	}
	if !quiet.MatchString(a.body) || !quiet.MatchString(leader.get("/").body) {
		t.Error("the bell still rings after the notes were seen")
	}
}
