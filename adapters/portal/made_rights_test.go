package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/view"
)

// formOf is a form as it would be drawn for somebody who may do the act: its token and its one-time id are true, the rest is asked for.
func (v *visitor) formOf(act string, version uint64, pairs ...string) url.Values {
	v.t.Helper()
	return with1(url.Values{"form": {v.token()}, "id": {newActID()}, "act": {act}, "seen": {strconv.FormatUint(version, 10)}}, pairs...)
}

// madeAsks is something for every field that an act asks for.
var madeAsks = map[string][]string{
	"Submit": nil, "Approve": nil, "Issue": nil, "CloseDossier": nil,
	"SendBack": {"reason", "x"}, "Cancel": {"reason", "x"}, "RecallIssued": {"reason", "x"}, "Reopen": {"reason", "x"}, "AskOpinion": {"of", "vp/thao"}, "GiveOpinion": {"text", "x"},
	"AddItem": {"item", "outgoing:di-1"}, "RemoveItem": {"item_no", "1", "reason", "x"}, "GiveTask": {"task_to", "tccc/minh", "task_text", "x"}, "FinishTask": {"task", "viec-1"},
	"RecordDecision": {"decision", "x"}, "HandOver": {"hand_to", "binh"}, "ClassifyDossier": {"file_plan", "02.CCHC", "reason", "x"},
}

// TestNothingWithoutTheRight sends, for every person and every act of these pages, a form that is true in all but the right.
func TestNothingWithoutTheRight(t *testing.T) {
	p := newTestPortal(t, nil)
	type target struct {
		path    string
		version uint64
		acts    []string
		may     func(person string) view.May
	}
	var targets []target
	for _, x := range p.office.outgoing {
		targets = append(targets, target{"/outgoing/" + x.Row.ID, x.Version, sentOrder, func(who string) view.May {
			if !p.office.seesMade(who, x) {
				return nil
			}
			return p.office.mayMade(who, x)
		}})
	}
	for _, x := range p.office.dossiers {
		targets = append(targets, target{"/dossiers/" + x.Row.ID, x.Version, dossierOrder, func(who string) view.May {
			if !p.office.seesDossier(who, x) {
				return nil
			}
			return p.office.mayDossier(who, x)
		}})
	}
	tried := 0
	for _, x := range officePeople {
		v := p.person(t, x.ID)
		for _, at := range targets {
			for _, act := range at.acts {
				if slices.Contains(at.may(x.ID), act) {
					continue
				}
				a := v.send("POST", at.path+"/act", v.formOf(act, at.version, madeAsks[act]...))
				if a.StatusCode < 400 || a.StatusCode >= 500 {
					t.Errorf("%s, %s on %s: %s", x.ID, act, at.path, a.Status)
				}
				tried++
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d forms were tried", tried)
	}
	if len(p.office.done) != 0 {
		t.Errorf("%d acts were done, the first by %s: %+v", len(p.office.done), p.office.done[0].by.Person, p.office.done[0].action)
	}
}

// TestPagesThatAreNotFor: pages whose every act is closed to a person do not exist for them.
func TestPagesThatAreNotFor(t *testing.T) {
	p := newTestPortal(t, nil)
	for who, paths := range map[string][]string{
		"quan": {"/drafts/new", "/drafts/copy?outgoing=di-1", "/dossiers/new", "/dossiers/put?outgoing=di-1", "/leader", "/outgoing/di-1", "/dossiers/ho-so-1", "/dossiers/ho-so-1/print", "/outgoing/du-thao-2/edit"},
		"dang": {"/drafts/new", "/drafts/copy?outgoing=di-1", "/dossiers/new", "/leader", "/outgoing/du-thao-2/edit"},
		"luu":  {"/drafts/new", "/leader", "/dossiers/ho-so-1", "/dossiers/ho-so-1/export"},
		"thao": {"/leader", "/dossiers/ho-so-1", "/drafts/copy?outgoing=di-2", "/outgoing/du-thao-2"},
		"minh": {"/leader", "/drafts/copy?outgoing=di-1"},
		"lan":  {"/leader"},
	} {
		v := p.person(t, who)
		never := v.get("/outgoing/khong-bao-gio-co")
		for _, path := range paths {
			a := v.get(path)
			if a.StatusCode != http.StatusNotFound {
				t.Errorf("%s, %s: %s", who, path, a.Status)
			} else if strings.Contains(path, "/outgoing/d") && sameBut(a.body) != sameBut(never.body) {
				t.Errorf("%s, %s: the page tells that there is something", who, path)
			}
		}
	}
}

// sameBut takes out what is new on every page.
func sameBut(page string) string { return hidden.ReplaceAllString(page, "") }

// TestClosedDossierTakesNothing: forms drawn while it was open do nothing any more, say so, and give back what was typed.
func TestClosedDossierTakesNothing(t *testing.T) {
	p := newTestPortal(t, nil)
	v, other := p.person(t, "minh"), p.person(t, "binh")
	const path = "/dossiers/ho-so-1"
	v.follow(v.send("POST", path+"/act", with1(v.fields(path, "FinishTask"), "task", "viec-1")))
	forms := map[string]url.Values{}
	for _, act := range dossierOrder {
		if act != "Reopen" && act != "FinishTask" {
			forms[act] = with1(v.fields(path, act), madeAsks[act]...)
		}
	}
	put := with1(v.fields("/dossiers/put?outgoing=di-3", "AddItem"), "dossier", "ho-so-1", "note", "chữ đã gõ")
	other.follow(other.send("POST", path+"/act", other.fields(path, "CloseDossier")))
	done := len(p.office.done)
	for act, form := range forms {
		for _, name := range []string{"reason", "task_text", "decision", "text", "note"} {
			if form.Has(name) || name == "note" && (act == "AddItem" || act == "CloseDossier") {
				form.Set(name, "chữ đã gõ "+act)
			}
		}
		a := v.send("POST", path+"/act", form)
		if act == "AddItem" {
			a = v.upload(path+"/files", with1(form, "item", ""), "a.pdf|%PDF")
		}
		if a.StatusCode != http.StatusConflict || !strings.Contains(noticeOf(a.body), "đã thay đổi") {
			t.Errorf("%s: %s %q", act, a.Status, noticeOf(a.body))
		}
		if act != "HandOver" && !strings.Contains(a.body, "chữ đã gõ "+act) {
			t.Errorf("%s: what was typed is lost", act)
		}
		// Whoever forges the version of the closed one gets no further.
		if a := v.send("POST", path+"/act", v.formOf(act, p.office.findDossier("ho-so-1").Version, madeAsks[act]...)); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s, forged: %s", act, a.Status)
		}
	}
	if a := v.send("POST", "/dossiers/put", put); a.StatusCode < 400 || !strings.Contains(a.body, "chữ đã gõ") {
		t.Errorf("put into it: %s", a.Status)
	}
	if strings.Contains(v.get("/dossiers/put?outgoing=di-3").body, `value="ho-so-1"`) {
		t.Error("a closed dossier is offered")
	}
	if body := v.get(path).body; strings.Contains(body, `id="act-`) && !strings.Contains(body, `id="act-Reopen"`) || strings.Contains(body, "/drafts/new?dossier=") {
		t.Error("the page of a closed dossier offers acts")
	}
	if n := len(p.office.done); n != done {
		t.Errorf("%d acts were done on a closed dossier", n-done)
	}
}

// TestWhatIsClosedWaitsForNothing: a deadline that was kept is not counted on.
func TestWhatIsClosedWaitsForNothing(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.person(t, "minh")
	p.office.findDossier("ho-so-2").Row.Due = view.Deadline{Day: "2026-12-10"}
	p.office.findDossier("ho-so-1").Row.Due = view.Deadline{Day: "2026-12-10"}
	for path, want := range map[string]bool{"/dossiers/ho-so-2": false, "/dossiers?list=closed": false, "/dossiers/ho-so-1": true, "/dossiers": true} {
		_, page, _ := strings.Cut(v.get(path).body, "<main")
		if got := strings.Contains(page, "10/12/2026"); got != want {
			t.Errorf("%s names the deadline: %v", path, got)
		}
	}
}

// TestOutOfOrder: what comes too early or too late is refused, and the record stays as it was.
func TestOutOfOrder(t *testing.T) {
	p := newTestPortal(t, nil)
	at := map[string]*visitor{}
	for _, who := range []string{"minh", "huong", "lan", "binh"} {
		at[who] = p.person(t, who)
	}
	for _, c := range []struct{ who, id, act string }{
		{"lan", "du-thao-1", "Issue"}, {"lan", "du-thao-2", "Issue"}, {"lan", "di-1", "Issue"}, {"lan", "di-7", "Issue"}, // not submitted, not signed, issued, void
		{"huong", "du-thao-1", "Approve"}, {"huong", "du-thao-5", "Approve"}, {"huong", "du-thao-4", "Approve"}, {"huong", "di-1", "Approve"}, {"binh", "du-thao-2", "Approve"},
		{"minh", "du-thao-2", "Submit"}, {"minh", "di-1", "Submit"}, {"minh", "di-1", "Cancel"}, {"lan", "du-thao-4", "RecallIssued"}, {"lan", "di-7", "RecallIssued"}, {"huong", "du-thao-4", "SendBack"},
	} {
		x := p.office.findMade(c.id)
		a := at[c.who].send("POST", "/outgoing/"+c.id+"/act", at[c.who].formOf(c.act, x.Version, madeAsks[c.act]...))
		if a.StatusCode != http.StatusUnprocessableEntity || noticeOf(a.body) == "" {
			t.Errorf("%s, %s on %s: %s %q", c.who, c.act, c.id, a.Status, noticeOf(a.body))
		}
	}
	if a := at["minh"].get("/outgoing/di-1/edit"); a.StatusCode != http.StatusNotFound {
		t.Errorf("another version of what was issued: %s", a.Status)
	}
	if len(p.office.done) != 0 {
		t.Errorf("%d acts were done", len(p.office.done))
	}
}

// TestDaysThatCannotBe: a deadline that is past, a day that no calendar has and a number of days without end are said beside the form.
func TestDaysThatCannotBe(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.person(t, "minh")
	for _, c := range []struct{ page, path, act string }{
		{"/outgoing/du-thao-1", "/outgoing/du-thao-1/act", "AskOpinion"}, {"/dossiers/ho-so-1", "/dossiers/ho-so-1/act", "GiveTask"}, {"/dossiers/new", "/dossiers/new", "OpenDossier"},
	} {
		asks := append([]string{"title", "x", "file_plan", "01.TCCC"}, madeAsks[c.act]...)
		for _, bad := range [][2]string{{"date", "21/11/2026"}, {"date", "31/02/2027"}, {"date", "hôm qua"}, {"date", ""}, {"999999", ""}, {"-1", ""}, {"abc", ""}} {
			a := v.send("POST", c.path, with1(with1(v.fields(c.page, c.act), asks...), "due_in", bad[0], "due", bad[1]))
			if a.StatusCode != http.StatusUnprocessableEntity || noticeOf(a.body) == "" {
				t.Errorf("%s with %q: %s %q", c.act, bad, a.Status, noticeOf(a.body))
			}
		}
	}
	for _, day := range []string{"23/11/2026", "30/02/2026", "2026"} {
		a := p.person(t, "lan")
		if got := a.send("POST", "/outgoing/du-thao-4/act", with1(a.fields("/outgoing/du-thao-4", "Issue"), "date", day)); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("issued on %s: %s", day, got.Status)
		}
	}
	if len(p.office.done) != 0 {
		t.Errorf("%d acts were done", len(p.office.done))
	}
}

// TestADraftSurvivesTheSession: who was signed out while writing loses neither the words nor, having signed in again, the way on.
func TestADraftSurvivesTheSession(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.person(t, "huong")
	form := with1(v.fields("/outgoing/du-thao-2", "SendBack"), "reason", "một lý do dài")
	v.post("/signout")
	a := v.send("POST", "/outgoing/du-thao-2/act", form)
	if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "một lý do dài") {
		t.Errorf("after sign-out: %s", a.Status)
	}
	v.signIn("huong.snv")
	if a := v.send("POST", "/outgoing/du-thao-2/act", form); a.StatusCode != http.StatusForbidden || len(p.office.done) != 0 {
		t.Errorf("the form of the session before: %s", a.Status)
	}
	v.follow(v.send("POST", "/outgoing/du-thao-2/act", with1(v.fields("/outgoing/du-thao-2", "SendBack"), "reason", "một lý do dài")))
}
