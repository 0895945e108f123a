package projections

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/internal/view"
)

// TestWhoMayAsk is the table of reader and question. What the reader may not see must be the answer for "does not exist".
func TestWhoMayAsk(t *testing.T) {
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{})
	ctx := t.Context()
	during, after, before := testNow(), time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2022, 10, 31, 0, 0, 0, 0, time.UTC)
	readers := map[string]view.Reader{
		"sender":        {Orgs: []string{ubnd}, Now: during},
		"recipient":     {Orgs: []string{sxd}, Now: during},
		"outsider":      {Orgs: []string{stp}, Now: during},
		"nobody":        {Now: during},
		"unknown":       {Orgs: []string{"X99"}, Now: during},
		"empty":         {Orgs: []string{""}, Now: during},
		"auditor":       {Audit: true, Now: during},
		"right":         {Right: "thanh-tra", Now: during},
		"right-ended":   {Right: "thanh-tra", Now: after},
		"right-early":   {Right: "thanh-tra", Now: before},
		"right-unknown": {Right: "khac", Now: during},
	}
	register := func(org string, dir view.Direction) func(view.Reader) error {
		return func(r view.Reader) error {
			page, err := v.Register(ctx, view.RegisterQuery{Reader: r, Org: org, Direction: dir})
			if err != nil && (len(page.Rows) > 0 || page.Total != 0 || page.AsOf != 0) {
				return fmt.Errorf("refused with content: %+v", page)
			}
			return err
		}
	}
	page := func(p paperSpec) func(view.Reader) error {
		return func(r view.Reader) error {
			d, err := v.Document(ctx, r, p.key())
			if err != nil && (d.Stream != "" || d.Row.Number != "") {
				return fmt.Errorf("refused with content: %+v", d)
			}
			return err
		}
	}
	pkg := func(d events.Digest) func(view.Reader) error {
		return func(r view.Reader) error {
			k, err := v.MayRead(ctx, r, d.String())
			if err != nil && k != "" {
				return fmt.Errorf("refused with content: %s", k)
			}
			return err
		}
	}
	for _, c := range []struct {
		question string
		ask      func(view.Reader) error
		allowed  string
	}{
		{"outgoing register of the sender", register(ubnd, view.Outgoing), "sender auditor"},
		{"incoming register of the sender", register(ubnd, view.Incoming), "sender auditor"},
		{"outgoing register of the recipient", register(sxd, view.Outgoing), "recipient auditor right"},
		{"incoming register of the recipient", register(sxd, view.Incoming), "recipient auditor right"},
		{"register of nobody", register("", view.Outgoing), "auditor"},
		{"register of an unknown one", register("X99", view.Incoming), "auditor"},
		{"not taken of the sender", func(r view.Reader) error { _, err := v.NotTaken(ctx, r, ubnd, 0); return err }, "sender auditor"},
		{"not taken of the recipient", func(r view.Reader) error { _, err := v.NotTaken(ctx, r, sxd, 0); return err }, "recipient auditor right"},
		{"the letter", page(s.letter), "sender recipient auditor right"},
		{"the letter's package", pkg(s.letter.pkg().SHA256), "sender recipient auditor right"},
		{"the status on it", pkg(s.status), "sender recipient auditor right"},
		{"the request to have it back", pkg(s.askedBack), "sender recipient auditor right"},
		{"a document recalled after it was taken", page(s.recalled), "recipient outsider auditor right"}, // here sxd sends, stp has it
		{"its package", pkg(s.recalled.pkg().SHA256), "recipient outsider auditor right"},
		{"a resent document", page(s.resent), "outsider recipient auditor right"}, // stp sends
		{"its second package", pkg(events.Sum([]byte("resent"))), "outsider recipient auditor right"},
		{"a document between others", page(s.waiting), "auditor"},
		{"a destroyed document", page(s.destroyed), "sender auditor"}, // here ubnd receives
		{"an unknown document", page(paperSpec{from: ubnd}), ""},
		{"a malformed key", func(r view.Reader) error { _, err := v.Document(ctx, r, "../x"); return err }, ""},
		{"an unknown package", pkg(events.Sum([]byte("unknown"))), ""},
		{"a malformed package", func(r view.Reader) error { _, err := v.MayRead(ctx, r, strings.Repeat("z", 64)); return err }, ""},
	} {
		for name, r := range readers {
			allowed := strings.Contains(" "+c.allowed+" ", " "+name+" ")
			err := c.ask(r)
			if allowed && err != nil || !allowed && !errors.Is(err, view.ErrNotFound) {
				t.Errorf("%s asks for %s: %v, allowed: %v", name, c.question, err, allowed)
			}
		}
	}
	// Taken back before it was handed out: the recipient never had it.
	r := view.Reader{Orgs: []string{syt}}
	for question, ask := range map[string]func(view.Reader) error{"page": page(s.recalled), "package": pkg(s.recalled.pkg().SHA256)} {
		if err := ask(r); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s of a withdrawn document: %v", question, err)
		}
	}
	if got := numbers(t, v, view.RegisterQuery{Org: syt, Direction: view.Incoming}); got != "7816 16 7" {
		t.Errorf("register of the recipient of a withdrawn document: %q", got)
	}
	if got := numbers(t, v, view.RegisterQuery{Org: syt, Direction: view.Incoming, Words: "nhầm số liệu"}); got != "" {
		t.Errorf("search for a withdrawn document: %q", got)
	}
}

// TestRecipientsSide: a recipient sees the document and what concerns itself, not how others handle it.
func TestRecipientsSide(t *testing.T) {
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{})
	full, err := v.Document(t.Context(), view.Reader{Orgs: []string{ubnd}}, s.letter.key())
	if err != nil {
		t.Fatal(err)
	}
	if len(full.Statuses) != 2 || len(full.Recipients) != 3 || full.Recipients[1].State != view.StateForwarded || full.Row.State != view.StateWaiting || full.Row.Signed != "2/3" {
		t.Errorf("sender sees %+v %+v %+v", full.Row, full.Recipients, full.Statuses)
	}
	part, err := v.Document(t.Context(), view.Reader{Orgs: []string{syt}}, s.letter.key())
	if err != nil {
		t.Fatal(err)
	}
	if len(part.Statuses) != 1 || part.Statuses[0].Code != "13" {
		t.Errorf("recipient sees statuses %+v, expected only the request to all", part.Statuses)
	}
	if part.Row.State != view.StateWaiting || part.Row.LastStatus != "" || part.Row.Signed != "" {
		t.Errorf("recipient sees row %+v, expected its own side", part.Row)
	}
	for _, r := range part.Recipients {
		if own := r.Org == syt; own != (r.State != "") || own != (r.Delivery != "") || !own && (r.LastStatus != "" || r.Peer != "") {
			t.Errorf("recipient sees %+v", r)
		}
	}
	for _, h := range part.History {
		if h.Org == sxd || h.Org == vpcp {
			t.Errorf("recipient sees history of another: %+v", h)
		}
	}
	if len(part.History) != 4 { // received, offered to it, asked back, offer of that
		t.Errorf("recipient sees %d lines of history, expected 4", len(part.History))
	}
	if full.Row.Subject != part.Row.Subject || full.Package != part.Package || len(part.Attachments) != 1 {
		t.Errorf("recipient sees another document: %+v", part)
	}
}

// TestRightToOneDocument: a right to one document of an organisation opens that one and no register.
func TestRightToOneDocument(t *testing.T) {
	s := newScenario(t)
	s.add(t, record{stream: directory.Stream, name: directory.NameReadingGranted, data: directory.ReadingGranted{
		Right: "mot", Reader: directory.Holder{Kind: directory.HolderOrganisation, ID: stp}, Org: ubnd, Document: s.letter.key(), From: s.clock.Truncate(time.Microsecond)}})
	v := openViews(t, viewsPath(t), s, Options{})
	for name, r := range map[string]view.Reader{"by id": {Right: "mot"}, "as holder": {Orgs: []string{stp}}} {
		if d, err := v.Document(t.Context(), r, s.letter.key()); err != nil || len(d.Statuses) != 2 {
			t.Errorf("%s: the document: %v %+v", name, err, d.Statuses)
		}
		if _, err := v.MayRead(t.Context(), r, s.letter.pkg().SHA256.String()); err != nil {
			t.Errorf("%s: the package: %v", name, err)
		}
		if _, err := v.Document(t.Context(), r, s.stuck.key()); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s: another document: %v", name, err)
		}
		if _, err := v.Register(t.Context(), view.RegisterQuery{Reader: r, Org: ubnd, Direction: view.Outgoing}); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s: the register: %v", name, err)
		}
	}
}

// TestSuccessor: who succeeds an organisation reads what that one sent and received, from the closing on.
func TestSuccessor(t *testing.T) {
	s := newScenario(t)
	s.add(t, record{stream: directory.Stream, name: directory.NameOrganisationClosed, data: directory.OrganisationClosed{Org: ubnd, Successor: bn, From: s.clock.Truncate(time.Microsecond)}})
	v := openViews(t, viewsPath(t), s, Options{})
	r := view.Reader{Orgs: []string{bn}}
	if _, err := v.Document(t.Context(), r, s.letter.key()); err != nil {
		t.Errorf("document of the predecessor: %v", err)
	}
	if got := numbers(t, v, view.RegisterQuery{Reader: r, Org: ubnd, Direction: view.Outgoing, Words: "dau tu cong"}); got != "7816" {
		t.Errorf("register of the predecessor: %q", got)
	}
	if _, err := v.Document(t.Context(), view.Reader{Orgs: []string{ubnd}}, s.resent.key()); !errors.Is(err, view.ErrNotFound) {
		t.Errorf("the predecessor reads the successor's: %v", err)
	}
}

// TestRelationsKeepSecrets: number and key of another document are told only to those who may see that one.
func TestRelationsKeepSecrets(t *testing.T) {
	s := newScenario(t)
	p := paperSpec{from: ubnd, number: "92", notation: "QĐ-UBND", subject: "Chỉ gửi STP", typ: "Quyết định", date: "2022-11-24", to: []string{stp}}
	pos := s.receive(t, p)
	s.offer(t, p, pos, stp)
	s.add(t, record{stream: s.letter.stream(), name: document.NameReplaced, actor: ubnd, cause: pos, data: document.Replaced{Document: s.letter.key(), By: p.key()}})
	v := openViews(t, viewsPath(t), s, Options{})
	for org, want := range map[string]string{ubnd: "92/QĐ-UBND", sxd: ""} {
		d, err := v.Document(t.Context(), view.Reader{Orgs: []string{org}}, s.letter.key())
		if err != nil || len(d.Related) != 1 {
			t.Fatalf("%s: %v %+v", org, err, d.Related)
		}
		if rel := d.Related[0]; rel.Kind != "replaced-by" || rel.Number != want || (rel.Document != "") != (want != "") {
			t.Errorf("%s sees %+v, expected number %q", org, rel, want)
		}
	}
}
