package portal

import (
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/schemas"
)

// TestEveryKindHasItsForm: each of the 29 kinds opens the form that the decree gives it, is saved with all its fields, says nothing is
// missing, and comes back whole to be changed.
func TestEveryKindHasItsForm(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("minh.snv")
	choose := html.UnescapeString(v.get("/drafts/new").body)
	if n := len(schemas.Kinds()); n != 29 {
		t.Fatalf("there are %d kinds", n)
	}
	for _, kind := range schemas.Kinds() {
		t.Run(kind.En, func(t *testing.T) {
			path := with("/drafts/new", "kind", kind.Name)
			if !strings.Contains(choose, `href="/portal`+path+`"`) {
				t.Errorf("%s cannot be chosen", kind.Name)
			}
			form := v.fields(path, "SaveDraft")
			page := v.get(path).body
			form.Set("subject", "trích yếu của "+kind.Name)
			form.Set("signer", "huong")
			want := map[string]string{}
			for _, f := range kind.Fields {
				if !strings.Contains(page, `name="x-`+f.Name+`"`) || !strings.Contains(page, html.EscapeString(f.Vi)) {
					t.Errorf("the form does not ask for %q", f.Vi)
				}
				typed, stored := "Nội dung "+f.Name, "Nội dung "+f.Name
				if f.Shape == schemas.ShapeDay {
					typed, stored = "30/11/2026", "2026-11-30"
				}
				form.Set("x-"+f.Name, typed)
				want[f.Name] = stored
			}
			saved := v.follow(v.upload("/drafts/new", form))
			draft := p.last(t).action.Act.(schemas.SaveDraft).Draft
			if draft.Type != kind.Name || len(draft.Fields) != len(want) {
				t.Errorf("saved %+v", draft)
			}
			for _, f := range draft.Fields {
				if want[f.Name] != f.Value {
					t.Errorf("%s is %q, expected %q", f.Name, f.Value, want[f.Name])
				}
			}
			if strings.Contains(saved.body, "Cần bổ sung trước khi trình") {
				t.Errorf("the page says that something is missing: %s", noticeOf(saved.body))
			}
			if !strings.Contains(saved.body, "Dự thảo "+kind.Name) {
				t.Error("the page does not say what it is")
			}
			edit := v.get("/outgoing/" + form.Get("id") + "/edit").body
			for name := range want {
				if value := html.EscapeString(form.Get("x-" + name)); !strings.Contains(edit, `value="`+value+`"`) && !strings.Contains(edit, ">"+value+"</textarea>") {
					t.Errorf("the next version begins without %s", name)
				}
			}
		})
	}
}

// TestMissingFieldsDoNotStopADraft: what a form needs before it is submitted is named, and nothing else.
func TestMissingFieldsDoNotStopADraft(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("minh.snv")
	for _, kind := range schemas.Kinds() {
		form := v.fields(with("/drafts/new", "kind", kind.Name), "SaveDraft")
		form.Set("subject", "mới bắt đầu")
		page := v.follow(v.upload("/drafts/new", form)).body
		said := noticeOf(page)
		if !strings.Contains(said, "Người ký") {
			t.Errorf("%s: a draft without a signer is not told so: %q", kind.Name, said)
		}
		if !strings.Contains(said, "Bổ sung ngay") || strings.Contains(page, `class="act primary"`) {
			t.Errorf("%s: the next step of a draft that can't be submitted yet is not to complete it: %q", kind.Name, said)
		}
		for _, f := range kind.Fields {
			if named := strings.Contains(said, f.Vi); named != f.Required {
				t.Errorf("%s: %q named as missing: %v, required: %v", kind.Name, f.Vi, named, f.Required)
			}
		}
	}
}

// TestUnknownKinds: what is no kind of the decree leads to the choice, and is not saved under a made-up name.
func TestUnknownKinds(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("minh.snv")
	if body := v.get("/drafts/new?kind=Thi%E1%BB%87p+c%C6%B0%E1%BB%9Bi").body; !strings.Contains(body, "kind-card") {
		t.Error("an unknown kind does not lead to the choice")
	}
	form := v.fields("/drafts/new?kind=C%C3%B4ng+v%C4%83n", "SaveDraft")
	for _, kind := range []string{"Thiệp cưới", "", "<script>"} {
		if a := v.upload("/drafts/new", with1(form, "kind", kind, "subject", "x")); a.StatusCode == 303 {
			t.Errorf("kind %q: %s", kind, a.Status)
		}
	}
	if a := v.upload("/drafts/new", url.Values{"act": {"SaveDraft"}, "kind": {"Công văn"}, "subject": {"x"}, "id": {"khong-phai-mot-ma"}}); a.StatusCode != 400 {
		t.Errorf("an id that no form has: %s", a.Status)
	}
	if len(p.office.done) != 0 {
		t.Errorf("%d acts were done", len(p.office.done))
	}
}
