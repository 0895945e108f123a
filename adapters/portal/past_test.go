package portal

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// fakePast is the fixture as it stood: documents accepted by then, in the state they have now.
type fakePast struct {
	f      *fixture
	err    error // every Open fails with it
	opened int
}

type fakePastViews struct{ fakeViews }

func (fakePastViews) Close() error { return nil }

// No page of the portal asks these.
func (fakePastViews) Mailbox(context.Context, view.MailboxQuery) (p view.Page[view.MailboxEntry], err error) {
	return p, view.ErrNotFound
}

func (fakePastViews) MailboxEntry(context.Context, string) (e view.MailboxEntry, err error) {
	return e, view.ErrNotFound
}
func (fakePastViews) WaitFor(context.Context, uint64) error { return nil }

func (p *fakePast) Resolve(_ context.Context, at time.Time) (view.Moment, error) {
	m := view.Moment{At: at}
	for _, d := range p.f.docs {
		if !d.doc.Package.At.After(at) {
			m.Position, m.Last = d.doc.Package.Position+1, d.doc.Package.At
		}
	}
	return m, nil
}

func (p *fakePast) Open(_ context.Context, m view.Moment, _ string) (view.PastViews, error) {
	p.opened++
	if p.err != nil {
		return nil, p.err
	}
	g := *p.f
	g.docs = nil
	for _, d := range p.f.docs {
		if !d.doc.Package.At.After(m.At) {
			g.docs = append(g.docs, d)
		}
	}
	return fakePastViews{fakeViews{&g}}, nil
}

func newPastPortal(t testing.TB, change func(*Config)) (*testPortal, *fakePast) {
	past := &fakePast{}
	p := newTestPortal(t, func(c *Config, _ *AccountsConfig) {
		past.f = c.Views.(fakeViews).fixture
		c.Past = past
		if change != nil {
			change(c)
		}
	})
	return p, past
}

// TestPastPages: the control is there, the banner says which day, links stay in the past, and the way back is there.
func TestPastPages(t *testing.T) {
	p, past := newPastPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("vanthu.snv")
	now := v.get("/registers/incoming?state=waiting")
	if !strings.Contains(now.body, `type="date" name="at"`) || strings.Contains(now.body, "ribbon past") || past.opened > 0 {
		t.Error("a page of now: no date control, or it says to be of the past")
	}
	day := testNow.AddDate(0, 0, -2).Format(time.DateOnly)
	then := v.get("/registers/incoming?at=" + day)
	if then.StatusCode != http.StatusOK || !strings.Contains(then.body, "Bạn đang xem quá khứ: như lúc hết ngày") {
		t.Fatalf("%s", then.Status)
	}
	rows := func(a answer) int { return strings.Count(a.body, `<td class="sub"`) }
	if all := v.get("/registers/incoming"); rows(then) == 0 || rows(then) >= rows(all) {
		t.Errorf("%d rows then, %d now", rows(then), rows(all))
	}
	for _, want := range []string{`?at=` + day + `"`, `/registers/incoming?at=` + day + `&amp;state=waiting"`, `href="/portal/registers/incoming">Về hiện tại`, `/registers/incoming/print?at=` + day} {
		if !strings.Contains(then.body, want) {
			t.Errorf("no %s on the page", want)
		}
	}
	if a := v.get("/registers/incoming/print?at=" + day); !strings.Contains(a.body, "Như lúc hết ngày") {
		t.Error("the printed register doesn't say as of when it is")
	}
	first := p.fixture.docs[0].doc
	for _, d := range p.fixture.docs {
		if d.doc.Package.At.After(first.Package.At) && strings.Contains(v.get("/documents/"+d.doc.Row.Document).body, "<article") {
			first = d.doc
		}
	}
	if a := v.get("/documents/" + first.Row.Document + "?at=" + url.QueryEscape(first.Package.At.Add(time.Minute).Format(time.RFC3339))); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Bạn đang xem quá khứ: như lúc") {
		t.Errorf("a document then: %s", a.Status)
	}
	if a := v.get("/documents/" + first.Row.Document + "?at=2020-01-01"); a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, "Lúc đó chưa có trang này") {
		t.Errorf("a document before it was there: %s", a.Status)
	}
	opened := past.opened
	for _, at := range []string{"2027-01-01", "hôm qua", "9999999999"} {
		if a := v.get("/registers/incoming?at=" + url.QueryEscape(at)); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `role="alert"`) || strings.Contains(a.body, "ribbon past") {
			t.Errorf("%s: %s", at, a.Status)
		}
	}
	stranger := p.visitor(t, false)
	stranger.signIn("vanthu.ln")
	foreign := p.fixture.add(orgOffice, "9/UBND", "Công văn", "không liên quan", testNow.AddDate(0, 0, -5), 0, orgInterior, view.StateWaiting).doc
	if a := stranger.get("/documents/" + foreign.Row.Document + "?at=" + day); a.StatusCode != http.StatusNotFound || strings.Contains(a.body, "Lúc đó") || past.opened != opened {
		t.Errorf("a stranger: %s, or the past was opened for him", a.Status)
	}
}

// TestPastWaits: a past that is being made, or cannot be, is said on a page that asks again by itself.
func TestPastWaits(t *testing.T) {
	p, past := newPastPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("vanthu.snv")
	for _, c := range []struct {
		err     error
		status  int
		refresh bool
		says    string
	}{
		{&view.BuildingError{Read: 250, Size: 1000}, http.StatusAccepted, true, `value="25"`},
		{view.ErrPastBusy, http.StatusServiceUnavailable, true, "nhiều ngày khác"},
		{view.ErrPastRoom, http.StatusServiceUnavailable, false, "không đủ chỗ"},
		{context.Canceled, 0, false, ""},
	} {
		past.err = c.err
		a := v.get("/registers/incoming?at=2026-11-01")
		if c.status != 0 && a.StatusCode != c.status || (a.Header.Get("Refresh") != "") != c.refresh || !strings.Contains(a.body, c.says) {
			t.Errorf("%v: %s, Refresh %q", c.err, a.Status, a.Header.Get("Refresh"))
		}
		if c.says != "" && !strings.Contains(a.body, "Về hiện tại") {
			t.Errorf("%v: no way back", c.err)
		}
	}
}

// TestPastOff: a portal without a past has no control and takes no day.
func TestPastOff(t *testing.T) {
	p := newTestPortal(t, nil)
	v := p.visitor(t, false)
	v.signIn("vanthu.snv")
	if a := v.get("/registers/incoming?at=2026-11-01"); a.StatusCode != http.StatusOK || strings.Contains(a.body, "asof") {
		t.Errorf("%s", a.Status)
	}
}
