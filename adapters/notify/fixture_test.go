package notify

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// The fixture is the office of one agency in memory, the true store of choices, and a sender that does what a test says.

// tuesday is a working day, nine in the morning.
var tuesday = time.Date(2026, 12, 1, 9, 0, 0, 0, vietnam)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// fakeViews keeps the contract of view.OfficeViews as far as this package asks.
type fakeViews struct {
	mu     sync.Mutex
	office view.Office
	notes  map[string][]view.Note                  // by person, latest first
	work   map[string]map[view.Box][]view.WorkItem // by person
	none   map[string]bool                         // persons without any duty
	asked  int
	fail   error
}

func newFakeViews() *fakeViews {
	duty := func(role, unit string) []view.OfficeDuty { return []view.OfficeDuty{{Role: role, Unit: unit}} }
	person := func(id string, duties []view.OfficeDuty) view.OfficePerson {
		return view.OfficePerson{PersonRef: view.PersonRef{ID: id}, Duties: duties}
	}
	return &fakeViews{notes: map[string][]view.Note{}, work: map[string]map[view.Box][]view.WorkItem{}, none: map[string]bool{}, office: view.Office{
		Org:      "H02.02",
		Units:    []view.OfficeUnit{{ID: "phong"}, {ID: "to", Parent: "phong"}, {ID: "khac"}},
		Persons:  []view.OfficePerson{person("lan", duty("specialist", "to")), person("binh", duty("head", "phong")), person("duc", duty("leader", "")), person("ha", duty("head", "khac")), person("mai", duty("clerk", ""))},
		Holidays: []string{"2026-12-02"}, Working: []string{"2026-12-05"},
	}}
}

func (v *fakeViews) note(person string, position uint64, kind string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.notes[person] = slices.Insert(v.notes[person], 0, view.Note{Position: position, Kind: kind})
}

func (v *fakeViews) put(person string, box view.Box, items ...view.WorkItem) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.work[person] == nil {
		v.work[person] = map[view.Box][]view.WorkItem{}
	}
	v.work[person][box] = append(v.work[person][box], items...)
}

func (v *fakeViews) may(s view.Staff) error {
	v.asked++
	if v.fail != nil {
		return v.fail
	}
	known := slices.ContainsFunc(v.office.Persons, func(p view.OfficePerson) bool { return p.ID == s.Person })
	if s.Org != v.office.Org || !known || v.none[s.Person] {
		return view.ErrNotFound
	}
	return nil
}

func (v *fakeViews) Notes(_ context.Context, s view.Staff, after uint64, limit int) ([]view.Note, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.may(s); err != nil {
		return nil, err
	}
	var out []view.Note
	for _, n := range v.notes[s.Person] {
		if n.Position >= after && len(out) < limit {
			out = append(out, n)
		}
	}
	return out, nil
}

// Work gives two items a page, so that paging is always at work.
func (v *fakeViews) Work(_ context.Context, q view.WorkQuery) (page view.Page[view.WorkItem], _ error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.may(q.Staff); err != nil {
		return page, err
	}
	list := v.work[q.Staff.Person][q.Box]
	from := len(q.Cursor)
	end := min(from+2, len(list))
	page.Rows = list[from:end]
	if end < len(list) {
		page.Next = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"[:end]
	}
	return page, nil
}

func (v *fakeViews) Office(context.Context, string) (view.Office, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.office, v.fail
}

// sent is a message as it arrived.
type sent struct {
	account string
	message Message
}

// fakeSender brings messages to a list. What outcome says happens after the message has arrived, or instead, as arrive says.
type fakeSender struct {
	mu      sync.Mutex
	list    []sent
	tried   int
	place   func(notice.Way) string
	outcome func(w notice.Way, m Message) (arrives bool, err error)
}

func (f *fakeSender) Place(w notice.Way) string {
	if f.place != nil {
		return f.place(w)
	}
	return w.Address
}

func (f *fakeSender) Send(_ context.Context, w notice.Way, m Message) error {
	f.mu.Lock()
	outcome := f.outcome
	f.tried++
	f.mu.Unlock()
	arrives, err := true, error(nil)
	if outcome != nil {
		arrives, err = outcome(w, m)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if arrives {
		f.list = append(f.list, sent{w.Account, m})
	}
	return err
}

func (f *fakeSender) take() []sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.list
	f.list = nil
	slices.SortFunc(out, func(a, b sent) int { return cmp.Compare(a.account, b.account) })
	return out
}

type fixture struct {
	t      testing.TB
	clock  *clock
	views  *fakeViews
	db     *sql.DB
	store  *notice.Store
	hook   *fakeSender
	mail   *fakeSender
	o      Options
	notify *Notifier
}

const accountsTable = `CREATE TABLE accounts (id TEXT PRIMARY KEY, org TEXT NOT NULL, person TEXT NOT NULL, language TEXT NOT NULL, disabled INTEGER NOT NULL) STRICT;`

func newFixture(t testing.TB) *fixture {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "portal.db")+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=synchronous(0)&_pragma=journal_mode(memory)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec(accountsTable + notice.Schema); err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, clock: &clock{t: tuesday}, views: newFakeViews(), db: db, hook: &fakeSender{}, mail: &fakeSender{}}
	f.mail.place = func(notice.Way) string { return codePlace }
	f.store = notice.NewStore(db, f.clock.now, nil)
	f.o = Options{Views: f.views, Choices: f.store, Senders: map[notice.Channel]Sender{notice.ByWebhook: f.hook, notice.ByEmail: f.mail}, Now: f.clock.now,
		Jitter: func() float64 { return 0.5 }, Link: "https://tram.example/portal", Remind: 7*60 + 30, Escalate: notice.Escalation{Head: 2, Leader: 5}}
	f.restart()
	return f
}

// restart begins again with what is kept.
func (f *fixture) restart() {
	f.t.Helper()
	var err error
	if f.notify, err = New(f.o); err != nil {
		f.t.Fatal(err)
	}
}

// account of a person who wants everything by webhook at a pace.
func (f *fixture) account(person string, pace notice.Pace, kinds ...notice.Kind) {
	f.t.Helper()
	if _, err := f.db.Exec(`INSERT INTO accounts VALUES(?, 'H02.02', ?, 'vi', 0)`, "tk-"+person, person); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.store.SetWebhook(context.Background(), "tk-"+person, "https://"+person+".example/hook", 1); err != nil {
		f.t.Fatal(err)
	}
	f.choose(person, pace, kinds...)
}

func (f *fixture) choose(person string, pace notice.Pace, kinds ...notice.Kind) {
	f.t.Helper()
	if kinds == nil {
		kinds = notice.Kinds
	}
	if err := f.store.Choose(context.Background(), "tk-"+person, notice.ByWebhook, notice.Choice{Kinds: kinds, Pace: pace, Minute: 8 * 60}, 1); err != nil {
		f.t.Fatal(err)
	}
}

// email adds an e-mail address to an account that is there.
func (f *fixture) email(person string) {
	f.t.Helper()
	if err := f.store.AskEmail(context.Background(), "tk-"+person, person+"@snv.example", nil); err != nil {
		f.t.Fatal(err)
	}
	codes, err := f.store.Codes(context.Background(), f.clock.now(), 100)
	if err != nil {
		f.t.Fatal(err)
	}
	i := slices.IndexFunc(codes, func(c notice.Code) bool { return c.Account == "tk-"+person })
	if err := errors.Join(f.store.Confirm(context.Background(), "tk-"+person, codes[i].Code, 1),
		f.store.Choose(context.Background(), "tk-"+person, notice.ByEmail, notice.Choice{Kinds: notice.Kinds, Pace: notice.AtOnce}, 1)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) way(person string) notice.Way {
	f.t.Helper()
	ways, err := f.store.Ways(context.Background(), "tk-"+person)
	if err != nil || len(ways) == 0 {
		f.t.Fatalf("ways of %s: %v, %v", person, ways, err)
	}
	return ways[len(ways)-1]
}

// step looks once, and gives what arrived.
func (f *fixture) step() []sent {
	f.t.Helper()
	if _, err := f.notify.Step(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	return append(f.hook.take(), f.mail.take()...)
}

// counts of the only message.
func (f *fixture) counts(list []sent) map[notice.Kind]int {
	f.t.Helper()
	if len(list) != 1 {
		f.t.Fatalf("%d messages, want one: %+v", len(list), list)
	}
	out := map[notice.Kind]int{}
	for _, c := range list[0].message.Counts {
		out[c.Kind] = c.N
	}
	return out
}
