package portal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func newTestAccounts(t testing.TB, change func(*AccountsConfig)) (*Accounts, *clockwork) {
	t.Helper()
	clock := &clockwork{t: testNow}
	c := AccountsConfig{Path: filepath.Join(t.TempDir(), "portal.db"), Now: clock.now, Cost: cheap}
	if change != nil {
		change(&c)
	}
	a, err := OpenAccounts(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if _, err := a.CreateAccount(t.Context(), NewAccount{Username: "Lan", Org: orgInterior, Role: RoleClerk, Password: testPassword}); err != nil {
		t.Fatal(err)
	}
	return a, clock
}

func try(t testing.TB, a *Accounts, name, password, address, device string) (SignedIn, error) {
	t.Helper()
	return a.SignIn(t.Context(), Attempt{Username: name, Password: password, Address: address, Device: device, Agent: "test"})
}

func TestCreateAccountRefuses(t *testing.T) {
	a, _ := newTestAccounts(t, nil)
	good := NewAccount{Username: "binh", Org: orgInterior, Role: RoleClerk, Password: testPassword}
	for _, c := range []struct {
		name   string
		change func(*NewAccount)
		want   error
	}{
		{"taken, in other case", func(n *NewAccount) { n.Username = " LAN " }, ErrTaken},
		{"short", func(n *NewAccount) { n.Username = "b" }, nil},
		{"diacritics", func(n *NewAccount) { n.Username = "bình" }, nil},
		{"markup", func(n *NewAccount) { n.Username = "<b>" }, nil},
		{"role", func(n *NewAccount) { n.Role = "root" }, nil},
		{"clerk of nowhere", func(n *NewAccount) { n.Org = "" }, nil},
		{"auditor without right", func(n *NewAccount) { n.Role = RoleAuditor }, nil},
		{"language", func(n *NewAccount) { n.Language = "fr" }, nil},
		{"short password", func(n *NewAccount) { n.Password = "ngắn quá" }, ErrWeakPassword},
		{"one sign", func(n *NewAccount) { n.Password = strings.Repeat("a", 40) }, ErrWeakPassword},
		{"the name", func(n *NewAccount) { n.Password = "binh12345678"[:12] }, ErrWeakPassword},
		{"well known", func(n *NewAccount) { n.Password = "matkhau12345" }, ErrWeakPassword},
		{"endless", func(n *NewAccount) { n.Password = strings.Repeat("dài ", 100) }, ErrWeakPassword},
		{"no text", func(n *NewAccount) { n.Password = "abcdefghijkl\xff" }, ErrWeakPassword},
	} {
		n := good
		c.change(&n)
		if _, err := a.CreateAccount(t.Context(), n); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, expected %v", c.name, err, c.want)
		}
	}
	if _, err := a.CreateAccount(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	list, err := a.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Username != "binh" || list[1].Username != "lan" {
		t.Errorf("list is %v, %v", list, err)
	}
}

func TestNothingSecretLiesInTheFile(t *testing.T) {
	a, _ := newTestAccounts(t, nil)
	in, err := try(t, a, "lan", testPassword, "10.0.0.1", "")
	if err != nil {
		t.Fatal(err)
	}
	try(t, a, "my secret typed into the wrong field", "x", "10.9.8.7", "")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(a.cfg.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("portal.db has mode %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(a.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{testPassword, in.Token, in.Device, "wrong field", "10.9.8.7"} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("portal.db holds %q", s)
		}
	}
	if !bytes.Contains(b, []byte("$argon2id$v=19$m=64,t=1,p=1$")) {
		t.Error("portal.db holds no argon2id hash with its cost")
	}
}

func TestWrongPasswordsCloseTheDoorForAWhile(t *testing.T) {
	a, clock := newTestAccounts(t, nil)
	var locked *LockedError
	fail := func(n int, name, address string) {
		for i := range n {
			if _, err := try(t, a, name, "sai rồi sai rồi", address, ""); !errors.Is(err, ErrWrong) {
				t.Fatalf("try %d for %s: %v, expected a wrong password", i, name, err)
			}
		}
	}
	for _, name := range []string{"lan", "nobody"} { // a name that does not exist behaves the same
		fail(5, name, "10.0.0.1")
		if _, err := try(t, a, name, testPassword, "10.0.0.2", ""); !errors.As(err, &locked) || !locked.Until.Equal(clock.now().Add(30*time.Second)) {
			t.Fatalf("%s: %v, expected closed for 30 s", name, err)
		}
		// Each further failure doubles the delay up to the longest, and no further.
		for _, d := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
			clock.t = locked.Until
			fail(1, name, "10.0.0.3")
			if _, err := try(t, a, name, testPassword, "10.0.0.2", ""); !errors.As(err, &locked) || locked.Until.Sub(clock.now()) != d {
				t.Fatalf("%s: %v, expected closed for %v", name, err, d)
			}
		}
		clock.t = locked.Until
	}
	if _, err := try(t, a, "lan", testPassword, "10.0.0.2", ""); err != nil {
		t.Fatalf("after the delay: %v", err)
	}
	fail(4, "lan", "10.0.0.4") // a right password has cleared the counter
	if _, err := try(t, a, "lan", testPassword, "10.0.0.4", ""); err != nil {
		t.Fatal(err)
	}
}

func TestStrangersCannotLockOutAKnownDevice(t *testing.T) {
	a, clock := newTestAccounts(t, nil)
	first, err := try(t, a, "lan", testPassword, "10.0.0.1", "")
	if err != nil || first.Device == "" {
		t.Fatalf("first sign-in: %v, device %q", err, first.Device)
	}
	for day := range 30 { // an attacker keeps failing, from the clerk's own address too
		for range 20 {
			try(t, a, "lan", "sai rồi sai rồi", "10.0.0.1", "")
			clock.pass(20 * time.Minute)
		}
		in, err := try(t, a, "lan", testPassword, "10.0.0.1", first.Device)
		if err != nil || in.Device != "" {
			t.Fatalf("day %d: the clerk at the usual desk: %v, new device %q", day, err, in.Device)
		}
	}
	// The device's own tries count too, and a made-up device is none.
	for range 5 {
		if _, err := try(t, a, "lan", "sai rồi sai rồi", "10.0.0.1", first.Device); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	var locked *LockedError
	if _, err := try(t, a, "lan", testPassword, "10.0.0.1", first.Device); !errors.As(err, &locked) {
		t.Errorf("a known device may guess for ever: %v", err)
	}
	clock.pass(time.Hour)
	if in, err := try(t, a, "lan", testPassword, "10.77.0.1", "made-up"); err != nil || in.Device == "" {
		t.Errorf("made-up device: %v", err)
	}
	// A device of one account is none of another.
	if _, err := a.CreateAccount(t.Context(), NewAccount{Username: "binh", Org: orgInterior, Role: RoleClerk, Password: testPassword}); err != nil {
		t.Fatal(err)
	}
	if in, err := try(t, a, "binh", testPassword, "10.77.0.1", first.Device); err != nil || in.Device == "" {
		t.Errorf("a stranger's device was taken for known: %v", err)
	}
}

func TestOneAddressCannotTryAllNames(t *testing.T) {
	a, _ := newTestAccounts(t, nil)
	var locked *LockedError
	tries := 0
	for ; tries < 100; tries++ {
		// Many addresses of one /64 are one; every try takes another name.
		_, err := try(t, a, "name"+strings.Repeat("x", tries), "sai rồi sai rồi", "2001:db8::"+string(rune('a'+tries%6)), "")
		if errors.As(err, &locked) {
			break
		}
	}
	if tries != 30 {
		t.Errorf("an address had %d tries, expected 30", tries)
	}
	if _, err := try(t, a, "lan", testPassword, "2001:db8:1::1", ""); err != nil {
		t.Errorf("another network is shut out: %v", err)
	}
	// One's own right password takes back that attempt only: it does not clear the address.
	if _, err := try(t, a, "lan", testPassword, "2001:db8::1", ""); !errors.As(err, &locked) {
		t.Errorf("closed address: %v", err)
	}
}

func TestManyAtOnceAreNoWayAroundTheLockout(t *testing.T) {
	a, _ := newTestAccounts(t, func(c *AccountsConfig) { c.Slots = 8 })
	var wg sync.WaitGroup
	var mu sync.Mutex
	looked := 0
	for range 40 {
		wg.Go(func() {
			_, err := a.SignIn(context.Background(), Attempt{Username: "lan", Password: "sai rồi sai rồi", Address: "10.0.0.1"})
			var locked *LockedError
			switch {
			case errors.Is(err, ErrWrong):
				mu.Lock()
				looked++
				mu.Unlock()
			case !errors.As(err, &locked):
				t.Errorf("unexpected: %v", err)
			}
		})
	}
	wg.Wait()
	if looked != 5 {
		t.Errorf("%d passwords were looked at, expected 5", looked)
	}
}

func TestAFloodIsToldToComeBack(t *testing.T) {
	a, _ := newTestAccounts(t, func(c *AccountsConfig) { c.Slots = 1 })
	leave, err := a.hash.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.hash.line = 0 // nobody may wait
	for range 8 {
		if _, err := try(t, a, "lan", testPassword, "10.0.0.1", ""); !errors.Is(err, ErrBusy) {
			t.Fatalf("error %v, expected busy", err)
		}
	}
	leave()
	a.hash.line = 16
	if _, err := try(t, a, "lan", testPassword, "10.0.0.1", ""); err != nil {
		t.Errorf("busy tries were counted as wrong: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	a, clock := newTestAccounts(t, nil)
	begin := func() SignedIn {
		in, err := try(t, a, "lan", testPassword, "10.0.0.1", "")
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	alive := func(in SignedIn) bool {
		_, _, err := a.session(t.Context(), in.Token)
		if err != nil && !errors.Is(err, ErrNoSession) {
			t.Fatal(err)
		}
		return err == nil
	}
	in := begin()
	clock.pass(29 * time.Minute)
	if !alive(in) {
		t.Fatal("ended before its idle time")
	}
	clock.pass(30 * time.Minute)
	if alive(in) {
		t.Error("idle for 30 minutes and still alive")
	}
	in = begin()
	for range 35 { // in use all the time
		clock.pass(20 * time.Minute)
		if !alive(in) {
			t.Fatal("ended while in use")
		}
	}
	clock.pass(20 * time.Minute)
	if alive(in) {
		t.Error("alive after 12 hours")
	}
	in, other := begin(), begin()
	if in.Token == other.Token {
		t.Error("two sessions share a token")
	}
	if err := a.endOtherSessions(t.Context(), in.Account.ID, in.Token); err != nil || alive(other) || !alive(in) {
		t.Errorf("ending the others: %v", err)
	}
	if err := a.endSession(t.Context(), in.Token); err != nil || alive(in) {
		t.Errorf("sign-out: %v", err)
	}
	in, other = begin(), begin()
	if err := a.changePassword(t.Context(), in.Account, in.Token, testPassword, "một câu hoàn toàn mới"); err != nil || !alive(in) || alive(other) {
		t.Errorf("own change of password keeps this session and ends the others: %v", err)
	}
	if err := a.SetPassword(t.Context(), "lan", testPassword, true); err != nil || alive(in) {
		t.Errorf("password set by the administrator ends all: %v", err)
	}
	in = begin()
	if err := a.Disable(t.Context(), "lan", true); err != nil || alive(in) {
		t.Errorf("disabled account has a session: %v", err)
	}
	if _, err := try(t, a, "lan", testPassword, "10.0.0.1", ""); !errors.Is(err, ErrWrong) {
		t.Errorf("disabled account signs in: %v", err)
	}
	if err := a.Disable(t.Context(), "nobody", true); !errors.Is(err, ErrNoAccount) {
		t.Errorf("disabling nobody: %v", err)
	}
}

func TestSessionsPerAccountAreBounded(t *testing.T) {
	a, clock := newTestAccounts(t, nil)
	var first SignedIn
	for i := range sessionsPerAccount + 5 {
		in, err := try(t, a, "lan", testPassword, "10.0.0.1", "")
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = in
		}
		clock.pass(time.Second)
	}
	list, err := a.sessions(t.Context(), first.Account.ID, "")
	if err != nil || len(list) != sessionsPerAccount {
		t.Errorf("%d sessions, %v, expected %d", len(list), err, sessionsPerAccount)
	}
	if _, _, err := a.session(t.Context(), first.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("the oldest session: %v", err)
	}
}

func TestHashIsMadeAnewAtTodaysCost(t *testing.T) {
	a, _ := newTestAccounts(t, nil)
	a.hash.cost.Passes = 2
	if _, err := try(t, a, "lan", testPassword, "10.0.0.1", ""); err != nil {
		t.Fatal(err)
	}
	var hash string
	if err := a.db.QueryRow(`SELECT hash FROM accounts`).Scan(&hash); err != nil || !strings.Contains(hash, "t=2") {
		t.Errorf("hash is %s, %v", hash, err)
	}
	if _, err := try(t, a, "lan", testPassword, "10.0.0.1", ""); err != nil {
		t.Error(err)
	}
}

func TestCountersAreBounded(t *testing.T) {
	a, clock := newTestAccounts(t, func(c *AccountsConfig) {
		c.Lockout = DefaultLockout
		c.Lockout.Rows = 50
	})
	for i := range 300 {
		try(t, a, "name", "x", "10.0."+strings.Repeat("1", i%3+1)+"."+string(rune('0'+i%10)), "")
		clock.pass(time.Second)
		if _, err := a.db.Exec(`INSERT OR IGNORE INTO failures VALUES(?,1,?,0)`, failureKey("address", string(rune(i))), millis(clock.now())); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.tx(t.Context(), func(tx *sql.Tx) error { return a.cfg.Lockout.tidy(tx, clock.now()) }); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := a.db.QueryRow(`SELECT count(*) FROM failures`).Scan(&n); err != nil || n > 50 {
		t.Errorf("%d counters, %v, expected at most 50", n, err)
	}
}

func TestNewerFileIsRefused(t *testing.T) {
	a, _ := newTestAccounts(t, nil)
	if _, err := a.db.Exec(`PRAGMA user_version=9`); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAccounts(a.cfg); err == nil || !strings.Contains(err.Error(), "9") {
		t.Errorf("error %v, expected one that names the format", err)
	}
}

func TestSamePasswordHoweverComposed(t *testing.T) {
	a, _ := newTestAccounts(t, nil)
	decomposed := "con đường xưa em đi"
	if decomposed == testPassword {
		decomposed = strings.NewReplacer("ờ", "o\u031b\u0300", "ư", "u\u031b").Replace(testPassword)
	}
	if _, err := try(t, a, "lan", decomposed, "10.0.0.1", ""); err != nil {
		t.Errorf("decomposed: %v", err)
	}
}

// FuzzParseHash: a damaged portal.db neither crashes the node nor makes one sign-in take all its memory.
func FuzzParseHash(f *testing.F) {
	for _, s := range []string{"", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$AAAA", "$argon2i$v=19$m=64,t=1,p=1$$", "$argon2id$v=19$m=64,t=0,p=0$c2FsdHNhbHQ$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, salt, key, err := parseHash(s)
		if err != nil {
			return
		}
		if c.Memory > maxHashMemory || c.Passes > maxHashPasses || c.Passes == 0 || c.Threads == 0 || len(salt) < 8 || len(key) != keyLength {
			t.Errorf("took %q as %+v", s, c)
		}
	})
}

func BenchmarkSignIn(b *testing.B) {
	a, _ := newTestAccounts(b, func(c *AccountsConfig) { c.Cost = DefaultHashCost })
	for b.Loop() {
		if _, err := try(b, a, "lan", testPassword, "10.0.0.1", ""); err != nil {
			b.Fatal(err)
		}
	}
}
