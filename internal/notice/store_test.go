package notice

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// accountsTable is what portal.db has of accounts, as far as this package asks for it.
const accountsTable = `CREATE TABLE accounts (id TEXT PRIMARY KEY, org TEXT NOT NULL, person TEXT NOT NULL, language TEXT NOT NULL, disabled INTEGER NOT NULL) STRICT;
	INSERT INTO accounts VALUES('tk-1','H02.02','nv-1','vi',0),('tk-2','H02.02','nv-2','en',0);`

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T) (*Store, *sql.DB, *clock) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "portal.db")+"?_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec(accountsTable + Schema); err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)}
	return NewStore(db, c.now, nil), db, c
}

// code is the one that waits to be sent.
func code(t *testing.T, s *Store, c *clock) Code {
	t.Helper()
	codes, err := s.Codes(t.Context(), c.t, 10)
	if err != nil || len(codes) != 1 {
		t.Fatalf("codes to send: %v, %v", codes, err)
	}
	return codes[0]
}

func confirmed(t *testing.T, s *Store, c *clock, account, address string, from uint64) {
	t.Helper()
	if err := s.AskEmail(t.Context(), account, address, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(t.Context(), account, code(t, s, c).Code, from); err != nil {
		t.Fatal(err)
	}
}

func ways(t *testing.T, s *Store, account string) []Way {
	t.Helper()
	list, err := s.Ways(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAddressIsUsedOnlyOnceConfirmed(t *testing.T) {
	s, _, c := open(t)
	if err := s.AskEmail(t.Context(), "tk-1", "lan@snv.example.gov.vn", nil); err != nil {
		t.Fatal(err)
	}
	if live, err := s.Live(t.Context(), c.t); err != nil || len(live) > 0 {
		t.Fatalf("an address that nobody confirmed is live: %v, %v", live, err)
	}
	first := code(t, s, c)
	if first.Address != "lan@snv.example.gov.vn" || len(first.Code) != 8 || first.Language != "vi" {
		t.Errorf("code is %+v", first)
	}
	if err := s.CodeSent(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if codes, err := s.Codes(t.Context(), c.t, 10); err != nil || len(codes) > 0 {
		t.Errorf("sent, and to be sent again: %v, %v", codes, err)
	}
	if e, err := s.Asked(t.Context(), "tk-1"); err != nil || e.Address != first.Address || e.Sent.IsZero() {
		t.Errorf("waits: %+v, %v", e, err)
	}
	if err := s.Confirm(t.Context(), "tk-2", first.Code, 1); !errors.Is(err, ErrCode) {
		t.Errorf("another account confirms with it: %v", err)
	}
	if err := s.Confirm(t.Context(), "tk-1", first.Code, 42); err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(t.Context(), "tk-1", first.Code, 42); !errors.Is(err, ErrCode) {
		t.Errorf("the code counts twice: %v", err)
	}
	w := ways(t, s, "tk-1")
	if len(w) != 1 || w[0].Address != first.Address || w[0].From != 42 || w[0].Org != "H02.02" || w[0].Person != "nv-1" || !w[0].Confirmed.Equal(c.t) {
		t.Errorf("ways are %+v", w)
	}
	// Another address waits for its own code, and the one before counts until then.
	if err := s.AskEmail(t.Context(), "tk-1", "lan@khac.example", nil); err != nil {
		t.Fatal(err)
	}
	if w := ways(t, s, "tk-1"); w[0].Address != first.Address {
		t.Errorf("the new address is used before it is confirmed: %+v", w)
	}
	if err := s.Confirm(t.Context(), "tk-1", code(t, s, c).Code, 99); err != nil {
		t.Fatal(err)
	}
	if w := ways(t, s, "tk-1"); w[0].Address != "lan@khac.example" || w[0].From != 42 || w[0].Set != 2 {
		t.Errorf("after the new one is confirmed: %+v", w)
	}
}

func TestCodesAreFewAndShortLived(t *testing.T) {
	s, _, c := open(t)
	ask := func() error { return s.AskEmail(t.Context(), "tk-1", "a@b.vn", nil) }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	right := code(t, s, c).Code
	for range codeTries {
		if err := s.Confirm(t.Context(), "tk-1", "no", 0); !errors.Is(err, ErrCode) {
			t.Fatal(err)
		}
	}
	if err := s.Confirm(t.Context(), "tk-1", right, 0); !errors.Is(err, ErrCode) {
		t.Errorf("after %d wrong tries the code still counts: %v", codeTries, err)
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	right = code(t, s, c).Code
	c.t = c.t.Add(codeLife)
	if err := s.Confirm(t.Context(), "tk-1", right, 0); !errors.Is(err, ErrCode) {
		t.Errorf("after its time the code still counts: %v", err)
	}
	if codes, err := s.Codes(t.Context(), c.t, 10); err != nil || len(codes) > 0 {
		t.Errorf("a code is sent after its time: %v, %v", codes, err)
	}
	for range codesADay - 2 {
		if err := errors.Join(ask(), s.Remove(t.Context(), "tk-1", ByEmail)); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(); !errors.Is(err, ErrTooOften) {
		t.Errorf("one more code the same day: %v", err)
	}
	c.t = c.t.Add(24 * time.Hour)
	if err := ask(); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

func TestWhatIsToldStaysUntilItArrived(t *testing.T) {
	s, _, c := open(t)
	confirmed(t, s, c, "tk-1", "a@b.vn", 10)
	w := ways(t, s, "tk-1")[0]
	w.UpTo, w.Telling = 15, "2026-12-01"
	if err := s.Begin(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	w.Tries, w.Next, w.Trouble = 1, c.t.Add(time.Minute), Unreachable
	if err := s.Failed(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if live, _ := s.Live(t.Context(), c.t); len(live) > 0 {
		t.Errorf("live before its time: %+v", live)
	}
	live, err := s.Live(t.Context(), c.t.Add(time.Minute))
	if err != nil || len(live) != 1 || !live[0].Begun() || live[0].From != 10 || live[0].UpTo != 15 || live[0].Tries != 1 || live[0].Trouble != Unreachable {
		t.Fatalf("live is %+v, %v", live, err)
	}
	if st, err := s.Standing(t.Context()); err != nil || st != (Standing{Ways: 1, Waiting: 1, Failing: 1}) {
		t.Errorf("standing is %+v, %v", st, err)
	}
	if err := s.Settle(t.Context(), live[0], c.t.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if w = ways(t, s, "tk-1")[0]; w.From != 16 || w.Day != "2026-12-01" || w.Begun() || w.Tries != 0 || w.Trouble != NoTrouble || !w.Told.Equal(c.t) || !w.Next.Equal(c.t.Add(time.Hour)) {
		t.Errorf("afterwards %+v", w)
	}
	if err := s.Settle(t.Context(), live[0], c.t); err != nil {
		t.Fatal(err)
	}
	if w = ways(t, s, "tk-1")[0]; w.From != 16 {
		t.Errorf("settled twice: %+v", w)
	}
}

// What a sender learns late about an address that was changed meanwhile counts for nothing.
func TestChangedAddressForgetsWhatWentWrong(t *testing.T) {
	s, _, c := open(t)
	if _, err := s.SetWebhook(t.Context(), "tk-1", "https://a.example/x", 5); err != nil {
		t.Fatal(err)
	}
	old := ways(t, s, "tk-1")[0]
	if _, err := s.SetWebhook(t.Context(), "tk-1", "https://b.example/x", 7); err != nil {
		t.Fatal(err)
	}
	old.Tries, old.Paused, old.UpTo = 9, true, 6
	for name, err := range map[string]error{"begin": s.Begin(t.Context(), old), "failed": s.Failed(t.Context(), old), "settle": s.Settle(t.Context(), old, c.t), "pass": s.Pass(t.Context(), old)} {
		if !errors.Is(err, ErrNoWay) {
			t.Errorf("%s of the address before: %v", name, err)
		}
	}
	if w := ways(t, s, "tk-1")[0]; w.Paused || w.Tries != 0 || w.From != 5 || w.Address != "https://b.example/x" {
		t.Errorf("way is %+v", w)
	}
}

func TestChoices(t *testing.T) {
	s, db, c := open(t)
	secret, err := s.SetWebhook(t.Context(), "tk-1", "https://a.example/x", 5)
	if err != nil || !strings.HasPrefix(secret, "whsec_") || len(secret) != 50 {
		t.Fatalf("secret %q, %v", secret, err)
	}
	other, err := s.NewSecret(t.Context(), "tk-1")
	if err != nil || other == secret {
		t.Errorf("another secret: %q, %v", other, err)
	}
	choose := func(p Pace, from uint64) {
		t.Helper()
		if err := s.Choose(t.Context(), "tk-1", ByWebhook, Choice{Kinds: []Kind{Work, Late}, Pace: p, Minute: 60}, from); err != nil {
			t.Fatal(err)
		}
	}
	choose(AtOnce, 20)
	if w := ways(t, s, "tk-1")[0]; w.From != 5 || w.Pace != AtOnce || !w.Wants(Late) || w.Wants(Done) || w.Minute != 60 || w.Secret != other {
		t.Errorf("a new choice must not lose what is untold: %+v", w)
	}
	choose(Never, 20)
	if live, _ := s.Live(t.Context(), c.t); len(live) > 0 {
		t.Errorf("never, and live: %+v", live)
	}
	choose(Daily, 30)
	if w := ways(t, s, "tk-1")[0]; w.From != 30 {
		t.Errorf("what came while nothing was wanted is told: %+v", w)
	}
	if err := s.Choose(t.Context(), "tk-2", ByWebhook, Usual(), 0); !errors.Is(err, ErrNoWay) {
		t.Errorf("a choice for a channel that is not there: %v", err)
	}
	for _, bad := range []Choice{{Kinds: []Kind{"subject"}, Pace: Daily}, {Pace: "often"}, {Pace: Daily, Minute: 1440}, {Pace: Daily, Minute: -1}} {
		if err := s.Choose(t.Context(), "tk-1", ByWebhook, bad, 0); err == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
	// A closed account is told nothing; an account that is gone leaves nothing.
	if _, err := db.Exec(`UPDATE accounts SET disabled=1`); err != nil {
		t.Fatal(err)
	}
	if live, _ := s.Live(t.Context(), c.t); len(live) > 0 {
		t.Errorf("closed, and live: %+v", live)
	}
	if _, err := db.Exec(`DELETE FROM accounts`); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow(`SELECT (SELECT count(*) FROM notice_ways) + (SELECT count(*) FROM notice_codes)`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows left, %v", n, err)
	}
}

func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"lan.nt@snv.bacgiang.gov.vn": true, "a+b@x.vn": true, "A@X.VN": true, "a@xn--d1acufc.xn--p1ai": true,
		"": false, "a": false, "@x.vn": false, "a@": false, "a@x": false, "a@b@x.vn": false, "a..b@x.vn": false, ".a@x.vn": false, "a b@x.vn": false,
		"a@x.vn\r\nBcc: b@x.vn": false, "Lan <a@x.vn>": false, `"a"@x.vn`: false, "a@[127.0.0.1]": false, "a@127.0.0.1": false, "ă@x.vn": false, "a@-x.vn": false, "a@x.vn, b@x.vn": false,
		strings.Repeat("a", 65) + "@x.vn": false, "a@" + strings.Repeat("b.", 130) + "vn": false,
	} {
		if err := CheckEmail(address, nil); (err == nil) != ok || err != nil && !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v, want it taken: %v", address, err, ok)
		}
	}
	for address, ok := range map[string]bool{"a@gov.vn": true, "a@snv.GOV.vn": true, "a@notgov.vn": false, "a@gov.vn.evil.com": false} {
		if err := CheckEmail(address, []string{"gov.vn"}); (err == nil) != ok || err != nil && !errors.Is(err, ErrForeign) {
			t.Errorf("%q of gov.vn: %v, want it taken: %v", address, err, ok)
		}
	}
	for address, ok := range map[string]bool{
		"https://hook.example/a?token=x": true, "https://hook.example:8443/": true, "https://10.0.0.1/": true, // where it leads is judged when it is called
		"http://hook.example/": false, "https:///x": false, "https://u:p@hook.example/": false, "https://hook.example/#x": false, "file:///etc/passwd": false, "https:hook.example": false,
		"": false, "https://hook.example/ x": false, "https://hook.example/\r\nX: y": false, "https://hook.example/" + strings.Repeat("x", 500): false,
	} {
		if err := CheckURL(address); (err == nil) != ok {
			t.Errorf("%q: %v, want it taken: %v", address, err, ok)
		}
	}
}

func TestEscalation(t *testing.T) {
	e := Escalation{Head: 2, Leader: 5}
	for late, want := range map[int]string{-1: "", 0: "", 2: "", 3: "head", 5: "head", 6: "leader", 100: "leader"} {
		if got := e.To(late); got != want {
			t.Errorf("late for %d: %q, want %q", late, got, want)
		}
	}
	if got := (Escalation{}).To(100); got != "" {
		t.Errorf("without a rule told to %q", got)
	}
}
