package portal

import (
	"context"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/view"
)

// A page leads to one next step: of several acts that could be it, the first alone looks like it.
func TestOneActIsTheNextStep(t *testing.T) {
	for _, c := range []struct{ acts, next string }{
		{"Assign FinishHandling Present", "Assign"},
		{"Present LinkReply", "Present"},
		{"StartHandling FinishHandling TransferBack", "StartHandling"},
		{"LinkReply GiveOpinion", ""},
		{"", ""},
	} {
		var acts []*actForm
		for _, name := range strings.Fields(c.acts) {
			acts = append(acts, &actForm{Name: name})
		}
		oneNext(acts)
		next := []string{}
		for _, f := range acts {
			if !f.Aside && actTone(f.Name) == "primary" {
				next = append(next, f.Name)
			}
		}
		if got := strings.Join(next, " "); got != c.next {
			t.Errorf("of %q the next step is %q, not %q", c.acts, got, c.next)
		}
	}
	again := []*actForm{{Name: "Present", Aside: true}, {Name: "LinkReply"}}
	if oneNext(again); !again[0].Aside {
		t.Error("what was set aside came back")
	}
}

// idleOffice is an office in which only what is late is left.
type idleOffice struct{ OfficeViews }

func (idleOffice) Work(context.Context, view.WorkQuery) (view.Page[view.WorkItem], error) {
	return view.Page[view.WorkItem]{}, nil
}

func (idleOffice) WorkCounts(context.Context, view.Staff) (map[string]int, error) {
	return map[string]int{"late": 3}, nil
}

// Whoever has nothing to do but is answerable for late work reads of it on the empty page, and is not told to be done.
func TestEmptyTodayNamesTheOtherLists(t *testing.T) {
	p := newTestPortal(t, func(c *Config, _ *AccountsConfig) { c.OfficeViews = idleOffice{c.OfficeViews} })
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	v := newVisitor(t, server)
	v.signIn("huong.snv")
	others := regexp.MustCompile(`(?s)class="empty big".*?</p>`)
	for path, want := range map[string][]string{
		"/":          {"Không có việc nào chờ chính bạn.", "box=late", "Quá hạn (<span data-count=\"late\">3</span>)"},
		"/?box=unit": {"Không có việc nào chờ đơn vị của bạn.", "box=late"},
		"/?box=late": {"Không có việc nào quá hạn."},
	} {
		empty := others.FindString(v.get(path).body)
		for _, s := range want {
			if !strings.Contains(empty, s) {
				t.Errorf("%s does not say %q: %s", path, s, empty)
			}
		}
		if strings.Contains(empty, "Bạn đã làm xong") {
			t.Errorf("%s says that all is done", path)
		}
	}
}
