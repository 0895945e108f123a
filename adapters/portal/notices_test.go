package portal

import (
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// codeFor is what the person reads in the message.
func codeFor(t *testing.T, p *testPortal) string {
	t.Helper()
	codes, err := p.accounts.Notices().Codes(t.Context(), p.clock.now(), 10)
	if err != nil || len(codes) != 1 {
		t.Fatalf("codes to send: %+v, %v", codes, err)
	}
	return codes[0].Code
}

func waysOf(t *testing.T, p *testPortal, username string) []notice.Way {
	t.Helper()
	acc, err := p.accounts.Account(t.Context(), username)
	if err != nil {
		t.Fatal(err)
	}
	ways, err := p.accounts.Notices().Ways(t.Context(), acc.ID)
	if err != nil {
		t.Fatal(err)
	}
	return ways
}

func TestPersonChoosesHowToBeTold(t *testing.T) {
	p := newTestPortal(t, nil)
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	v := newVisitor(t, server)
	v.signIn("binh.snv")
	if a := v.get("/account"); !strings.Contains(a.body, "Báo việc ngoài cổng") || !strings.Contains(a.body, "Chưa đặt.") {
		t.Errorf("the account page does not offer it: %s", a.Status)
	}
	for _, bad := range []string{"", "khong phai thu", "a@b.vn\r\nBcc: c@d.vn"} {
		if a := v.post("/account/notices/address", "channel", "email", "address", bad); a.StatusCode != 422 || !strings.Contains(a.body, "không đúng dạng") {
			t.Errorf("address %q: %s", bad, a.Status)
		}
	}
	if a := v.post("/account/notices/address", "channel", "email", "address", "binh@snv.example"); a.StatusCode != 303 {
		t.Fatalf("a good address: %s", a.Status)
	}
	if a := v.get("/account?done=code"); !strings.Contains(a.body, "binh@snv.example") || !strings.Contains(a.body, "notice-code") {
		t.Error("the page does not ask for the code")
	}
	if ways := waysOf(t, p, "binh.snv"); len(ways) > 0 {
		t.Errorf("used before it is confirmed: %+v", ways)
	}
	code := codeFor(t, p)
	if a := v.post("/account/notices/confirm", "code", "00000000x"); a.StatusCode != 422 || !strings.Contains(a.body, "Mã không đúng") {
		t.Errorf("a wrong code: %s", a.Status)
	}
	if strings.Contains(v.get("/account").body, code) {
		t.Error("the page shows the code")
	}
	if a := v.post("/account/notices/confirm", "code", " "+code[:4]+" "+code[4:]); a.StatusCode != 303 {
		t.Fatalf("the right code: %s", a.Status)
	}
	ways := waysOf(t, p, "binh.snv")
	if len(ways) != 1 || ways[0].From == 0 {
		t.Fatalf("ways are %+v: what was before must not be told", ways)
	}
	form := url.Values{"form": {v.token()}, "channel": {"email"}, "pace": {"hour"}, "at": {"08:15"}, "kind": {"work", "late"}}
	if a := v.send("POST", "/account/notices", form); a.StatusCode != 303 {
		t.Fatalf("a choice: %s", a.Status)
	}
	if w := waysOf(t, p, "binh.snv")[0]; w.Pace != notice.Hourly || w.Minute != 8*60+15 || len(w.Kinds) != 2 || !w.Wants(notice.Late) {
		t.Errorf("choice is %+v", w)
	}
	for name, pairs := range map[string][]string{"pace": {"pace", "always", "at", "08:00"}, "time": {"pace", "day", "at", "25:00"}, "kind": {"pace", "day", "at", "08:00", "kind", "subject"}} {
		if a := v.post("/account/notices", append(pairs, "channel", "email")...); a.StatusCode != 400 {
			t.Errorf("a bad %s: %s", name, a.Status)
		}
	}
	if a := v.post("/account/notices/change", "channel", "email", "do", "remove"); a.StatusCode != 303 || len(waysOf(t, p, "binh.snv")) > 0 {
		t.Errorf("removal: %s, left %+v", a.Status, waysOf(t, p, "binh.snv"))
	}
	if a := v.post("/account/notices", "channel", "email", "pace", "day", "at", "08:00"); a.StatusCode != 409 {
		t.Errorf("a choice for what is gone: %s", a.Status)
	}
}

var secretForm = regexp.MustCompile(`whsec_[A-Za-z0-9+/=&#;0-9]+`)

func TestWebhookSecretIsShownOnce(t *testing.T) {
	p := newTestPortal(t, nil)
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	v := newVisitor(t, server)
	v.signIn("binh.snv")
	for _, bad := range []string{"http://hook.example/", "https://u:p@hook.example/", "javascript:alert(1)", "https://hook.example/#x"} {
		if a := v.post("/account/notices/address", "channel", "webhook", "address", bad); a.StatusCode != 422 || len(waysOf(t, p, "binh.snv")) > 0 {
			t.Errorf("webhook %q: %s", bad, a.Status)
		}
	}
	a := v.post("/account/notices/address", "channel", "webhook", "address", "https://hook.example/tram")
	first := secretForm.FindString(a.body)
	if a.StatusCode != 200 || first == "" {
		t.Fatalf("the secret is not shown: %s", a.Status)
	}
	if again := v.get("/account"); strings.Contains(again.body, "whsec_") || !strings.Contains(again.body, "https://hook.example/tram") {
		t.Error("the page shows the secret again, or not the address")
	}
	a = v.post("/account/notices/change", "channel", "webhook", "do", "secret")
	if second := secretForm.FindString(a.body); second == "" || second == first {
		t.Errorf("another secret: %q", second)
	}
	if strings.Contains(p.log.String(), "whsec_") || strings.Contains(p.log.String(), "hook.example") {
		t.Error("secret or address stands in the log")
	}
	// What was paused is said, and tried again on demand.
	w := waysOf(t, p, "binh.snv")[0]
	w.Tries, w.Paused, w.Trouble = 12, true, notice.Private
	if err := p.accounts.Notices().Failed(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if a := v.get("/account"); !strings.Contains(a.body, "Đã tạm dừng") || !strings.Contains(a.body, "mạng nội bộ") {
		t.Error("the page does not say that it is paused and why")
	}
	if a := v.post("/account/notices/change", "channel", "webhook", "do", "resume"); a.StatusCode != 303 || waysOf(t, p, "binh.snv")[0].Paused {
		t.Errorf("try again: %s", a.Status)
	}
}

// One person's forms change nothing of another's; a node that tells nobody has none; another person at the account has chosen nothing.
func TestNoticesBelongToThePerson(t *testing.T) {
	p := newTestPortal(t, nil)
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	v := newVisitor(t, server)
	v.signIn("binh.snv")
	v.post("/account/notices/address", "channel", "webhook", "address", "https://hook.example/tram")
	other := newVisitor(t, server)
	other.signIn("minh.snv")
	if a := other.post("/account/notices/change", "channel", "webhook", "do", "remove"); len(waysOf(t, p, "binh.snv")) != 1 {
		t.Errorf("another's form took it away: %s", a.Status)
	}
	if strings.Contains(other.get("/account").body, "hook.example") {
		t.Error("another sees the address")
	}
	p.clock.pass(time.Minute)
	if err := p.accounts.SetPerson(t.Context(), "binh.snv", "binh"); err != nil || len(waysOf(t, p, "binh.snv")) != 1 {
		t.Errorf("the same person said again: %v, left %+v", err, waysOf(t, p, "binh.snv"))
	}
	if err := p.accounts.SetPerson(t.Context(), "binh.snv", "nguoi-khac"); err != nil || len(waysOf(t, p, "binh.snv")) > 0 {
		t.Errorf("another person: %v, left %+v", err, waysOf(t, p, "binh.snv"))
	}
	silent := newTestPortal(t, func(c *Config, _ *AccountsConfig) { c.Notices = NoticeRules{Email: true, Domains: []string{"gov.vn"}} })
	quiet := httptest.NewServer(silent.Handler())
	defer quiet.Close()
	v = newVisitor(t, quiet)
	v.signIn("binh.snv")
	if a := v.post("/account/notices/address", "channel", "webhook", "address", "https://hook.example/tram"); a.StatusCode != 404 {
		t.Errorf("a channel that is not open: %s", a.Status)
	}
	if a := v.post("/account/notices/address", "channel", "email", "address", "a@thu.example"); a.StatusCode != 422 || !strings.Contains(a.body, "gov.vn") {
		t.Errorf("an address of a domain that is not open: %s", a.Status)
	}
}

// What has been late for long says to whom it was raised, in the list of what is late and in no other.
func TestLateListSaysToWhomItWasRaised(t *testing.T) {
	p := newTestPortal(t, func(c *Config, _ *AccountsConfig) { c.Notices.Escalate = notice.Escalation{Head: 1, Leader: 4} })
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	v := newVisitor(t, server)
	v.signIn("huong.snv")
	count := func(path string) map[string]int {
		body := v.get(path).body
		return map[string]int{"head": strings.Count(body, "Báo lên trưởng đơn vị"), "leader": strings.Count(body, "Báo lên lãnh đạo")}
	}
	want := map[string]int{}
	page, err := p.office.Work(t.Context(), view.WorkQuery{Staff: view.Staff{Org: orgInterior, Person: "huong", Now: p.clock.now()}, Box: view.BoxLate, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range page.Rows {
		if late := -w.Due.Left; late > 4 {
			want["leader"]++
		} else if late > 1 {
			want["head"]++
		}
	}
	if len(want) == 0 {
		t.Fatal("nothing in the fixture is late for long")
	}
	if got := count("/?box=late"); got["head"] != want["head"] || got["leader"] != want["leader"] {
		t.Errorf("the list says %v, want %v of %d", got, want, len(page.Rows))
	}
	if got := count("/"); got["head"]+got["leader"] > 0 {
		t.Errorf("the own list says it, too: %v", got)
	}
}
