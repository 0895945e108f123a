//go:build peers

package portal

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// key presses keys, one after another.
func (b *tab) key(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// until waits for something to become true on the page, or on the one that comes instead.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(30*time.Second)))
		if err == nil {
			return
		}
		if gone := err.Error(); ctx.Err() != nil || !strings.Contains(gone, "navigated") && !strings.Contains(gone, "context") {
			b.t.Fatalf("%s: waited in vain until %s: %v", b.name, what, err)
		}
		b.do(chromedp.WaitReady("body"))
	}
}

// TestBrowserLive: a second browser sees what the first did, without being loaded again; and what it says offline and after the end.
func TestBrowserLive(t *testing.T) {
	p := newTestPortal(t, nil)
	p.livePause = 50 * time.Millisecond
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	base, path := server.URL+"/portal", "/incoming/"+expressID()
	clerk, leader := openTab(t, base, "live-clerk", 1280, 900, false), openTab(t, base, "live-leader", 390, 844, true)
	clerk.open(path)
	clerk.signIn("lan.snv", testPassword)
	clerk.openAct("RegisterIncoming")
	clerk.sendAct("RegisterIncoming", "Số đến: 50.")

	// The leader's list is on the telephone, and stays there.
	leader.open("/")
	leader.signIn("huong.snv", testPassword)
	eval[bool](leader, `window.stays = true`)
	row := `!!document.querySelector('#work [data-key="incoming/` + expressID() + `"]')`
	if eval[bool](leader, row) {
		t.Fatal("the leader has it before")
	}
	before := eval[string](leader, `document.querySelector('.pages [data-count=mine]').textContent`)
	clerk.openAct("Present")
	clerk.choose("#Present-to", "huong")
	clerk.sendAct("Present", "Đã trình")
	leader.until("the list shows the document", row)
	if after := eval[string](leader, `document.querySelector('.pages [data-count=mine]').textContent`); before == after || !eval[bool](leader, `window.stays`) {
		t.Errorf("the count was %s and is %s, or the page was loaded again", before, after)
	}
	leader.until("the bell rings", `document.querySelector('.bell .n').textContent > 0 && !document.querySelector('.bell .n').hidden`)
	leader.look("today")

	// Both look at the document; the leader types while the clerk presents it to somebody else.
	leader.open(path)
	leader.openAct("GiveOpinion")
	leader.do(chromedp.SendKeys("#GiveOpinion-text", "Giao phòng TCCC"))
	clerk.open(path)
	clerk.openAct("Present")
	clerk.choose("#Present-to", "hai")
	clerk.sendAct("Present", "Đã trình")
	leader.until("the page says that it has changed", `!document.getElementById('changed').hidden`)
	if typed := eval[string](leader, `document.querySelector('#GiveOpinion-text').value`); typed != "Giao phòng TCCC" {
		t.Errorf("what the leader typed is %q", typed)
	}
	leader.look("changed")
	leader.press("#changed a")
	leader.until("the new state is there", `document.querySelector('#holder').textContent.includes('Trần Quốc Hải')`)

	// Offline, and back.
	offline := func(is bool) {
		t.Helper()
		if _, err := chromedp.Call(leader.ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}); err != nil {
			t.Fatal(err)
		}
	}
	offline(true)
	leader.until("the page says that it is offline", `!document.getElementById('offline').hidden`)
	leader.look("offline")
	offline(false)
	leader.until("the page says that it is back", `document.getElementById('offline').hidden`)

	// Signed out in another window.
	eval[bool](leader, `(fetch('/portal/signout', {method: 'POST', redirect: 'manual', body: new URLSearchParams({form: document.querySelector('[name=form]').value})}), true)`)
	leader.until("the page says that the session has ended", `!document.getElementById('ended').hidden`)
	leader.look("ended")
}

// TestBrowserKeyboard: the day's work without a mouse.
func TestBrowserKeyboard(t *testing.T) {
	p := newTestPortal(t, nil)
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	b := openTab(t, server.URL+"/portal", "keys", 1280, 900, false)
	at := func() string {
		return eval[string](b, `document.activeElement.id || document.activeElement.closest('[data-key]')?.dataset.key || document.activeElement.tagName`)
	}
	b.open("/")
	// Tab leads past the link to the content to the name, the password and the button.
	b.do(chromedp.SendKeys("#username", "lan.snv"))
	b.key("\t")
	b.key(testPassword, "\r")
	b.until("the day is there", `!!document.getElementById('work')`)
	b.key("\t")
	if skip := eval[string](b, `document.activeElement.className`); skip != "skip" {
		t.Errorf("Tab leads first to %q, expected the link to the content", skip)
	}
	// Lines: down, down, up.
	first := eval[[]string](b, `[...document.querySelectorAll('[data-key]')].slice(0, 2).map(e => e.dataset.key)`)
	for _, step := range []struct{ key, to string }{{"j", first[0]}, {"j", first[1]}, {"k", first[0]}} {
		if b.key(step.key); at() != step.to {
			t.Errorf("%s leads to %q, expected %q", step.key, at(), step.to)
		}
	}
	if wide := eval[string](b, `getComputedStyle(document.activeElement).outlineWidth`); wide != "3px" {
		t.Errorf("the line in focus is framed by %s", wide)
	}
	b.key("\r")
	b.until("the document is there", `!!document.getElementById('act-RegisterIncoming')`)
	// The act: open by Enter, its first field in focus, closed by Escape, sent by Enter.
	eval[bool](b, `(document.querySelector('#act-RegisterIncoming summary').focus(), true)`)
	b.key("\r")
	b.until("the form is open", `document.activeElement.id === 'RegisterIncoming-register'`)
	b.key("\u001b")
	b.until("the form is closed", `!document.getElementById('act-RegisterIncoming').open && document.activeElement.tagName === 'SUMMARY'`)
	b.key("\r")
	b.until("the form is open again", `document.activeElement.id === 'RegisterIncoming-register'`)
	b.key("\t")
	b.until("the button is in focus", `document.activeElement.matches('#act-RegisterIncoming .foot-row button')`)
	b.key("\r")
	b.until("it is registered", `document.querySelector('main .notice.good')?.textContent.includes('Số đến: 50.')`)
	// Pages and search.
	b.key("g", "d")
	b.until("the register is there", `location.pathname.endsWith('/incoming')`)
	b.key("g", "v")
	b.until("the day is back", `!!document.getElementById('work')`)
	b.key("/")
	if at() != "q" {
		t.Errorf("/ leads to %q", at())
	}
	b.key("g", "d")                                                                                             // in a field these are letters
	if typed := eval[string](b, `document.getElementById('q').value`); strings.TrimPrefix(typed, "/") != "gd" { // chromedp sends the letter of a key that the page has taken
		t.Errorf("the field holds %q", typed)
	}
	eval[bool](b, `(document.activeElement.blur(), true)`)
	// The list of keys; switched off they rest.
	b.key("?")
	b.until("the list of keys is open", `document.getElementById('keys').open`)
	b.look("list")
	b.click("#keys-off")
	b.key("\u001b")
	b.until("the list is closed", `!document.getElementById('keys').open`)
	eval[bool](b, `(document.activeElement.blur(), true)`)
	b.key("j")
	if got := at(); strings.HasPrefix(got, "incoming/") {
		t.Errorf("switched off, j still leads to %q", got)
	}
}
