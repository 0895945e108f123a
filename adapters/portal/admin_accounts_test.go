package portal

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// twoAdministrators gives the fixture a second one, and an account of another agency with a person of the same id.
func twoAdministrators(t *testing.T) (*testPortal, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	p := newTestPortal(t, func(c *Config, _ *AccountsConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	p.secondAdministrator()
	if _, err := p.accounts.CreateAccount(t.Context(), NewAccount{Username: "linh.khac", Org: orgAgri, Role: RoleStaff, Person: "nv-001", Password: testPassword}); err != nil {
		t.Fatal(err)
	}
	return p, log
}

// secondAdministrator makes "thao" administrator too, and gives the office somebody without an account.
func (p *testPortal) secondAdministrator() {
	p.office.mu.Lock()
	defer p.office.mu.Unlock()
	for i := range p.office.settings.Persons {
		if x := &p.office.settings.Persons[i]; x.ID == "thao" {
			x.Duties = append(x.Duties, view.DutySettings{Role: roleAdministrator})
		}
	}
	p.office.settings.Persons = append(p.office.settings.Persons, view.PersonSettings{PersonRef: view.PersonRef{ID: "nv-001", Name: "Bùi Khánh Linh"}})
	p.office.sync()
}

var (
	secret = regexp.MustCompile(`<p class="secret"><bdi>([^<]+)</bdi>`)
	askID  = regexp.MustCompile(`name="ask" value="([^"]+)"`)
)

func (v *visitor) accountAct(person, act string, pairs ...string) answer {
	v.t.Helper()
	return v.post("/office/persons/"+person+"/account", append([]string{"act", act}, pairs...)...)
}

func halfOf(t *testing.T, a answer) string {
	t.Helper()
	m := secret.FindStringSubmatch(a.body)
	if m == nil || a.StatusCode != http.StatusOK {
		t.Fatalf("no half of a password: %s %q", a.Status, noticeOf(a.body))
	}
	return m[1]
}

// TestAccountsTakeTwo: one administrator asks, another grants, neither half alone is a password, and nobody grants what he asked.
func TestAccountsTakeTwo(t *testing.T) {
	p, log := twoAdministrators(t)
	quan, thao := p.administrator(t), p.visitor(t, false)
	thao.signIn("thao.snv")
	page := quan.get("/office/persons/nv-001")
	if !strings.Contains(page.body, `name="username" value="linh.bk"`) || strings.Contains(page.body, "GrantAccount") || strings.Contains(page.body, "linh.khac") {
		t.Error("the card of a person without an account is not right")
	}
	first := halfOf(t, quan.accountAct("nv-001", "AskAccount", "username", "Linh.BK "))
	ask := askID.FindStringSubmatch(thao.get("/office/persons/nv-001").body)
	if ask == nil {
		t.Fatal("the other administrator sees no ask")
	}
	if page := quan.get("/office/persons/nv-001"); strings.Contains(page.body, "GrantAccount") || strings.Contains(page.body, first) {
		t.Error("who asked may grant, or sees the half again")
	}
	if a := quan.accountAct("nv-001", "GrantAccount", "ask", ask[1]); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), "người quản trị khác") {
		t.Errorf("granted by who asked: %s %q", a.Status, noticeOf(a.body))
	}
	if a := thao.accountAct("lan", "GrantAccount", "ask", ask[1]); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("granted on another person's page: %s", a.Status)
	}
	if page := thao.get("/office"); !strings.Contains(page.body, "Bùi Khánh Linh") {
		t.Error("what waits is not on the first page")
	}
	second := halfOf(t, thao.accountAct("nv-001", "GrantAccount", "ask", ask[1]))
	if a := thao.accountAct("nv-001", "GrantAccount", "ask", ask[1]); a.StatusCode != http.StatusUnprocessableEntity || strings.Contains(a.body, second) {
		t.Errorf("granted twice: %s", a.Status)
	}
	tries := p.visitor(t, false)
	for _, wrong := range []string{first, second, second + "-" + first, first + second} {
		if a := tries.post("/signin", "username", "linh.bk", "password", wrong); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q lets in: %s", wrong, a.Status)
		}
	}
	p.clock.pass(time.Hour)
	linh := p.visitor(t, false)
	if a := linh.post("/signin", "username", "linh.bk", "password", first+"-"+second); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("both halves: %s %q", a.Status, noticeOf(a.body))
	}
	if a := linh.get("/"); a.StatusCode != http.StatusSeeOther || !strings.HasSuffix(a.Header.Get("Location"), "/account") {
		t.Errorf("the one-time password need not be changed: %s", a.Status)
	}
	if acc, _, err := p.accounts.accountOf(t.Context(), orgInterior, "nv-001"); err != nil || acc.Role != RoleStaff || acc.Org != orgInterior || acc.DisplayName != "Bùi Khánh Linh" {
		t.Errorf("the account is %+v, %v", acc, err)
	}
	for _, want := range []string{"portal account asked for", "portal account not granted", "portal account granted"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	for _, never := range []string{first, second} {
		if strings.Contains(log.String(), never) {
			t.Error("the log holds half a password")
		}
	}
}

// TestAccountsOfOthers: a new password ends sessions; nobody touches the own account, another agency's, or what the operator stopped.
func TestAccountsOfOthers(t *testing.T) {
	p, _ := twoAdministrators(t)
	quan, thao := p.administrator(t), p.visitor(t, false)
	thao.signIn("thao.snv")
	lan := p.visitor(t, false)
	lan.signIn("lan.snv")
	refused := func(what string, a answer, says string) {
		t.Helper()
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(noticeOf(a.body), says) || secret.MatchString(a.body) {
			t.Errorf("%s: %s %q", what, a.Status, noticeOf(a.body))
		}
	}
	for _, act := range []string{"AskAccount", "GrantAccount", "DropAsk", "DisableAccount", "EnableAccount"} {
		refused("own "+act, quan.accountAct("quan", act), "Đây là tài khoản của bạn")
	}
	refused("a name that is taken", quan.accountAct("nv-001", "AskAccount", "username", "lan.snv"), "đã có người dùng")
	refused("a name that is none", quan.accountAct("nv-001", "AskAccount", "username", "x' OR 1=1"), "2 đến 64")
	refused("one who has left", quan.accountAct("hoa", "AskAccount", "username", "hoa.dt"), "đã rời cơ quan")
	if a := quan.accountAct("khong-co", "AskAccount", "username", "x.y"); a.StatusCode != http.StatusNotFound {
		t.Errorf("nobody: %s", a.Status)
	}
	if a := quan.send("POST", "/office/persons/lan/account", url.Values{"act": {"DisableAccount"}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("without the form's token: %s", a.Status)
	}
	// The person concerned grants nothing: not even as an administrator.
	halfOf(t, quan.accountAct("thao", "AskAccount"))
	asks, err := p.accounts.asks(t.Context(), orgInterior)
	if err != nil || len(asks) != 1 || asks[0].Username != "thao.snv" {
		t.Fatalf("asks %v, %v", asks, err)
	}
	if _, _, err := p.accounts.grant(t.Context(), orgInterior, asks[0].ID, Account{ID: "tk-x", Org: orgInterior, Person: "thao"}, func(accountAsk) bool { return true }); !errors.Is(err, ErrOneAdministrator) {
		t.Errorf("granted by the person concerned: %v", err)
	}
	if _, _, err := p.accounts.grant(t.Context(), orgInterior, asks[0].ID, Account{ID: "tk-y", Org: orgAgri, Person: "x"}, func(accountAsk) bool { return true }); !errors.Is(err, ErrOneAdministrator) {
		t.Errorf("granted by another agency: %v", err)
	}
	if _, _, err := p.accounts.grant(t.Context(), orgAgri, asks[0].ID, Account{ID: "tk-y", Org: orgAgri, Person: "x"}, func(accountAsk) bool { return true }); !errors.Is(err, ErrNoAsk) {
		t.Errorf("another agency's ask: %v", err)
	}
	quan.accountAct("thao", "DropAsk", "ask", asks[0].ID)

	// A new password for the clerk: her session ends.
	first := halfOf(t, quan.accountAct("lan", "AskAccount", "username", "ignored.name"))
	if a := lan.get("/incoming"); a.StatusCode != http.StatusOK {
		t.Errorf("asking alone ends the session: %s", a.Status)
	}
	second := halfOf(t, thao.accountAct("lan", "GrantAccount", "ask", askID.FindStringSubmatch(thao.get("/office/persons/lan").body)[1]))
	if a := lan.get("/incoming"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the old session goes on: %s", a.Status)
	}
	lan = p.visitor(t, false)
	if a := lan.post("/signin", "username", "lan.snv", "password", first+"-"+second); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the new password: %s", a.Status)
	}
	// Stopped and let in again by the agency; what the operator stopped stays.
	quan.follow(quan.accountAct("lan", "DisableAccount"))
	if a := lan.get("/account"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a disabled account goes on: %s", a.Status)
	}
	quan.follow(quan.accountAct("lan", "EnableAccount"))
	if acc, _, err := p.accounts.accountOf(t.Context(), orgInterior, "lan"); err != nil || acc.Disabled {
		t.Errorf("the account is %+v, %v", acc, err)
	}
	if err := p.accounts.Disable(t.Context(), "lan.snv", true); err != nil {
		t.Fatal(err)
	}
	refused("what the operator stopped", quan.accountAct("lan", "EnableAccount"), "chỉ người vận hành")

	// An ask of one who administers no more, or whose account is stopped, or that is old, is none.
	halfOf(t, quan.accountAct("minh", "AskAccount"))
	ask := askID.FindStringSubmatch(thao.get("/office/persons/minh").body)[1]
	if err := p.accounts.Disable(t.Context(), "quan.snv", true); err != nil {
		t.Fatal(err)
	}
	refused("the ask of a stopped account", thao.accountAct("minh", "GrantAccount", "ask", ask), "không còn")
	if err := p.accounts.Disable(t.Context(), "quan.snv", false); err != nil {
		t.Fatal(err)
	}
	p.clock.pass(askLife)
	thao.signIn("thao.snv")
	refused("an old ask", thao.accountAct("minh", "GrantAccount", "ask", ask), "không còn")
}

// TestOneAdministratorGivesNoAccount: alone, nobody is offered what would let him in as somebody else.
func TestOneAdministratorGivesNoAccount(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.administrator(t)
	page := v.get("/office/persons/huong").body
	if strings.Contains(page, "AskAccount") || !strings.Contains(page, "tram account password huong.snv") || !strings.Contains(page, "DisableAccount") {
		t.Error("who is the only administrator is offered a password of the leader, or not told whom to ask")
	}
	if page := v.get("/office/persons").body; !strings.Contains(page, "huong.snv") || !strings.Contains(page, "vanthu.snv") {
		t.Error("the list does not say who has an account")
	}
}
