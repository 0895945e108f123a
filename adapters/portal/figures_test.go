package portal

import (
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
	"pgregory.net/rapid"
)

// TestEveryFigureOpensTheListItCounts follows every link of the statistics and compares the total of the list with the figure.
func TestEveryFigureOpensTheListItCounts(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("lan.snv")
	link := regexp.MustCompile(`<td><a href="/portal([^"]+)">([\d.]+)</a></td>`)
	count := regexp.MustCompile(`id="count">([\d.]+) `)
	followed := 0
	for _, path := range []string{"/statistics", "/statistics?from=2026-11-10&to=2026-11-20", "/statistics?from=2026-10-01&to=2026-11-22&unit=tccc"} {
		a := v.get(path)
		if a.StatusCode != 200 {
			t.Fatalf("%s: %s", path, a.Status)
		}
		for _, m := range link.FindAllStringSubmatch(a.body, -1) {
			address := html.UnescapeString(m[1])
			list := v.get(address)
			n := count.FindStringSubmatch(list.body)
			if n == nil || n[1] != m[2] {
				t.Errorf("%s: the figure %s opens %s with %v", path, m[2], address, n)
			}
			followed++
		}
	}
	if followed < 30 {
		t.Errorf("only %d figures were followed", followed)
	}
	for _, bad := range []string{"?from=2026-11-20&to=2026-11-10", "?from=hôm+qua&to=2026-11-10", "?from=1990-01-01&to=2026-11-10", "?from=2026-11-10"} {
		if a := v.get("/statistics" + bad); a.StatusCode != 200 || !strings.Contains(a.body, "Khoảng ngày chưa đúng") {
			t.Errorf("%s: %s", bad, a.Status)
		}
	}
}

// TestColumnsStayInTheChart: whatever the figures are, every bar lies within the drawing and is as high as its figure.
func TestColumnsStayInTheChart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 3).Draw(t, "columns")
		table := figureTable{Columns: []figureColumn{{"a", "in"}, {"b", "out"}, {"c", "done"}}[:columns]}
		for i := range rapid.IntRange(0, 60).Draw(t, "rows") {
			var cells []figure
			for range columns {
				cells = append(cells, figure{N: rapid.IntRange(0, 1_000_000).Draw(t, "n")})
			}
			table.add(strconv.Itoa(i), cells...)
		}
		c := newColumnChart(table, rapid.Bool().Draw(t, "stacked"))
		for _, g := range c.Groups {
			for _, b := range g.Bars {
				if b.H < 0 || b.Y < 0 || b.Y+b.H > c.Base || b.X < 30 || b.X+b.Width > c.Width+2 || b.Width < 1 {
					t.Fatalf("bar %+v leaves the drawing %d × %d", b, c.Width, c.Height)
				}
			}
		}
	})
}

// TestLeaderInThreeTouches counts the touches from the navigation: the page, the act, the deed. Nothing is typed.
func TestLeaderActs(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("huong.snv")
	body := v.get("/leader").body
	form := func(path string) url.Values {
		t.Helper()
		for _, f := range strings.Split(body, "<form")[1:] {
			f, _, _ = strings.Cut(f, "</form>")
			if !strings.Contains(f, `action="/portal`+path+`"`) {
				continue
			}
			values := url.Values{}
			for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`).FindAllStringSubmatch(f, -1) {
				values.Set(m[1], m[2])
			}
			return values
		}
		t.Fatalf("no form for %s", path)
		return nil
	}
	sign := form("/leader/outgoing/du-thao-2")
	if sign.Get("act") != "Approve" {
		t.Fatalf("the first form is %q", sign.Get("act"))
	}
	if a := v.send("POST", "/leader/outgoing/du-thao-2", sign); a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/portal/leader?did=") {
		t.Fatalf("sign: %s", a.Status)
	}
	if s := p.office.findMade("du-thao-2").Row.State; s != view.OutgoingSigned {
		t.Errorf("after the signature it is %s", s)
	}
	id := regexp.MustCompile(`action="/portal/leader/incoming/([^"]+)"`).FindStringSubmatch(body)
	if id == nil {
		t.Fatal("nothing to assign")
	}
	assign := form("/leader/incoming/" + id[1])
	assign.Set("in_charge", "tccc")
	assign.Set("opinion", "Nghiên cứu, đề xuất.")
	if a := v.send("POST", "/leader/incoming/"+id[1], assign); a.StatusCode != 303 {
		t.Fatalf("assign: %s", a.Status)
	}
	if a := p.last(t).action.Act.(schemas.Assign); a.InCharge != (schemas.Assignee{Unit: "tccc"}) || a.Opinion != "Nghiên cứu, đề xuất." || !a.Due.IsZero() {
		t.Errorf("assignment is %+v", a)
	}
	// What somebody else has done meanwhile is said, and nothing happens.
	stale := form("/leader/outgoing/du-thao-2")
	stale.Set("id", newActID())
	if a := v.send("POST", "/leader/outgoing/du-thao-2", stale); a.StatusCode != 409 {
		t.Errorf("a second signature: %s", a.Status)
	}
	// Sending back takes a reason with the touch: the button is the reason.
	head := newVisitor(t, v.server)
	head.signIn("binh.snv")
	body = head.get("/leader").body
	back := formFields(t, body, "SendBack")
	reason := regexp.MustCompile(`<button class="big" name="reason" value="([^"]+)">`).FindStringSubmatch(body)
	if reason == nil {
		t.Fatal("no reason to choose")
	}
	if a := head.send("POST", "/leader/outgoing/du-thao-5", with1(back, "reason", "")); a.StatusCode != 422 {
		t.Errorf("sent back without a reason: %s", a.Status)
	}
	head.follow(head.send("POST", "/leader/outgoing/du-thao-5", with1(back, "reason", html.UnescapeString(reason[1]))))
	if a := p.last(t).action.Act.(schemas.SendBack); a.Reason != html.UnescapeString(reason[1]) || p.office.findMade("du-thao-5").Row.State != view.OutgoingSentBack {
		t.Errorf("sent back with %q", a.Reason)
	}
	for path, want := range map[string]int{"/leader/incoming/du-thao-2": 400, "/leader/outgoing/khong-co": 404, "/leader/dossier/ho-so-1": 400} {
		if a := v.send("POST", path, sign); a.StatusCode != want {
			t.Errorf("%s: %s, expected %d", path, a.Status, want)
		}
	}
	if n := len(p.office.done); n != 3 {
		t.Errorf("%d acts were done, expected 3", n)
	}
}
