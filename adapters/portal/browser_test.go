//go:build peers

package portal

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/tram-exchange/tram/internal/view"
)

// The portal in a real browser, as a clerk uses it: at a desk and on a telephone. Pictures of every page go to
// .screens at the top of the repository, for people to look at.

const chromium = "/usr/bin/chromium"

// tab is one browser with a person at it.
type tab struct {
	t         *testing.T
	ctx       context.Context
	base      string
	name      string // of the pictures
	width     int64
	downloads string
	mu        sync.Mutex
	console   []string
}

func openTab(t *testing.T, base, name string, width, height int64, mobile bool) *tab {
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("couldn't find the browser: %v", err)
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir())}
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() { chromedp.Cancel(ctx); cancel() })
	b := &tab{t: t, ctx: ctx, base: base, name: name, width: width, downloads: t.TempDir()}
	var view []chromedp.EmulateViewportOption
	if mobile {
		view = append(view, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(2))
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height, view...)); err != nil {
		t.Fatalf("couldn't start the browser: %v", err)
	}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleWarning {
				b.mu.Lock()
				b.console = append(b.console, m.String())
				b.mu.Unlock()
			}
		}
	}()
	if _, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: b.downloads}); err != nil {
		t.Fatalf("couldn't allow downloads: %v", err)
	}
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", b.name, err)
	}
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base+path), chromedp.WaitReady("main"))
}

// press clicks something that leads to another page and waits for it.
func (b *tab) press(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	// To the middle of the window: on a telephone the navigation covers its lower edge, and would be pressed instead.
	eval[bool](b, `(document.querySelector(`+strconv.Quote(selector)+`)?.scrollIntoView({block: 'center'}), true)`)
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(selector)); err != nil {
		b.t.Fatalf("%s: couldn't press %s: %v", b.name, selector, err)
	}
	b.do(chromedp.WaitReady("main"))
}

func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: couldn't evaluate %s: %v", b.name, expression, err)
	}
	return v
}

// look judges the page as a person would see it and takes its picture. Console messages that name an expected status are
// the browser's own note of that answer.
func (b *tab) look(page string, expected ...string) {
	b.t.Helper()
	if wide := eval[int](b, "document.documentElement.scrollWidth"); int64(wide) > b.width {
		over := eval[string](b, `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map(e => e.tagName + '.' + e.className).join(' ')`)
		b.t.Errorf("%s %s: page is %d wide, the window %d: %s", b.name, page, wide, b.width, over)
	}
	if b.width < 500 {
		// Touch targets: 44 px, except links within running text and bars of a chart, whose links stand in the table beside it too.
		small := eval[string](b, `[...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')].filter(e => {
			const r = e.getBoundingClientRect(), s = getComputedStyle(e)
			return r.width > 1 && r.height > 1 && s.visibility !== 'hidden' && r.height < 43.5 && !e.closest('label') && !(s.display === 'inline' && e.closest('p, dd, li')) && !e.closest('.skip, .tools, .sheet, svg')
		}).map(e => e.tagName + '.' + e.className + ' ' + Math.round(e.getBoundingClientRect().height) + ' ' + e.textContent.trim().slice(0, 30)).join(' | ')`)
		if small != "" && !strings.HasPrefix(page, "print") {
			b.t.Errorf("%s %s: too small for fingers: %s", b.name, page, small)
		}
	}
	if un := eval[string](b, `[...document.querySelectorAll('input:not([type=hidden]), select')].filter(e => !e.labels.length && !e.getAttribute('aria-label')).map(e => e.name).join(' ')`); un != "" {
		b.t.Errorf("%s %s: fields without label: %s", b.name, page, un)
	}
	if un := eval[string](b, `[...document.querySelectorAll('button, a')].filter(e => !e.textContent.trim() && !e.getAttribute('aria-label')).map(e => e.outerHTML.slice(0, 80)).join(' ')`); un != "" {
		b.t.Errorf("%s %s: buttons without words: %s", b.name, page, un)
	}
	if bad := eval[string](b, contrastScript); bad != "" {
		b.t.Errorf("%s %s: contrast below WCAG AA: %s", b.name, page, bad)
	}
	b.axe(page)
	b.mu.Lock()
	console := strings.Join(slices.DeleteFunc(b.console, func(m string) bool {
		return slices.ContainsFunc(expected, func(status string) bool { return strings.Contains(m, "status of "+status) })
	}), "\n")
	b.console = nil
	b.mu.Unlock()
	if console != "" {
		b.t.Errorf("%s %s: console: %s", b.name, page, console)
	}
	// A message that was not found shows its key, one that was not filled its braces. Those of a notation are meant.
	if raw := eval[string](b, `(document.body.innerText.match(/\{(?!(type|unit|year)\})[a-z]+\}|\b(act|app|column|done|due|duty|error|event|field|form|list|live|nav|note|ribbon|search|state|today|work)\.[a-z][\w.-]*/g) || []).join(' ')`); raw != "" {
		b.t.Errorf("%s %s: words are missing: %s", b.name, page, raw)
	}
	b.picture(page)
	b.dark(page)
}

// dark judges the page with dark colours, and goes back.
func (b *tab) dark(page string) {
	b.t.Helper()
	for _, scheme := range []string{"dark", "light"} {
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}); err != nil {
			b.t.Fatal(err)
		}
		if scheme == "dark" {
			if bad := eval[string](b, contrastScript); bad != "" {
				b.t.Errorf("%s %s, dark: contrast below WCAG AA: %s", b.name, page, bad)
			}
			b.axe(page + ", dark")
			b.picture(page + "-dark")
		}
	}
}

// axe lets axe-core (npm ci in assets brings it) judge the page by WCAG 2.2 AA. Serious and critical findings fail.
func (b *tab) axe(page string) {
	b.t.Helper()
	if axeSource == "" {
		b.t.Fatal("couldn't find axe-core: run npm ci in adapters/portal/assets")
	}
	eval[bool](b, axeSource+"; true")
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations']}).then(r =>
		r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical').map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target + ' ' + n.html.slice(0, 120)).join(' ; ')).join(' | '))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s %s: couldn't run axe: %v", b.name, page, err)
	}
	if found != "" {
		b.t.Errorf("%s %s: axe: %s", b.name, page, found)
	}
}

var axeSource = func() string {
	source, err := os.ReadFile(filepath.Join("assets", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return ""
	}
	return string(source)
}()

func (b *tab) picture(page string) {
	b.t.Helper()
	eval[bool](b, "(scrollTo(0, 0), true)")
	take := chromedp.FullScreenshot(100)
	if b.width < 500 && eval[int](b, "document.body.scrollHeight") > 4000 {
		take = chromedp.CaptureScreenshot() // a page of fifty cards is too long to look at
	}
	shot, err := chromedp.Run(b.ctx, take)
	if err != nil {
		b.t.Fatalf("%s %s: couldn't take a picture: %v", b.name, page, err)
	}
	dir := filepath.Join("..", "..", ".screens")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, b.name+"-"+page+".png"), shot, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// onPaper looks at the page as the printer sees it: A4 landscape less margins is 1047 px wide.
func (b *tab) onPaper(page string) {
	b.t.Helper()
	for _, media := range []string{"print", ""} {
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media}); err != nil {
			b.t.Fatal(err)
		}
		if media != "print" {
			b.do(chromedp.EmulateViewport(b.width, 900))
			continue
		}
		const width = 1047
		b.do(chromedp.EmulateViewport(width, 740))
		if wide := eval[int64](b, "document.documentElement.scrollWidth"); wide > width {
			b.t.Errorf("%s: the sheet is %d wide, the paper %d", page, wide, width)
		}
		if shown := eval[string](b, `[...document.querySelectorAll('nav, .top, .foot, button, .tools')].filter(e => e.checkVisibility()).map(e => e.className).join(' ')`); shown != "" {
			b.t.Errorf("%s: on paper stands %s", page, shown)
		}
		b.picture(page)
	}
}

// contrastScript finds text whose contrast to its background is below 4.5 (3 for large text).
const contrastScript = `(() => {
  const rgb = s => { const m = s.match(/[\d.]+/g); return m ? m.map(Number) : [0, 0, 0, 0] }
  const lum = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2] }
  const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > .5) return c } return [255, 255, 255] }
  const bad = new Set()
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement
    if (!walk.currentNode.textContent.trim() || !e.checkVisibility() || e.closest('svg')) continue
    const s = getComputedStyle(e), a = lum(rgb(s.color)), b = lum(back(e)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
    const size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.66 && s.fontWeight >= 700
    if (ratio < (large ? 3 : 4.5)) bad.add(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2))
  }
  return [...bad].slice(0, 6).join(' | ')
})()`

func (b *tab) signIn(username, password string) {
	b.t.Helper()
	b.do(chromedp.Clear("#username"), chromedp.SendKeys("#username", username), chromedp.SendKeys("#password", password))
	b.press("main form button")
}

// download presses a link that saves a file and waits until the file lies there.
func (b *tab) download(selector, name string) []byte {
	b.t.Helper()
	b.do(chromedp.Click(selector))
	path := filepath.Join(b.downloads, name)
	for end := time.Now().Add(20 * time.Second); ; {
		body, err := os.ReadFile(path)
		if err == nil {
			return body
		}
		if !errors.Is(err, os.ErrNotExist) || time.Now().After(end) {
			list, _ := os.ReadDir(b.downloads)
			b.t.Fatalf("%s: couldn't find download %q: %v; there is %v", b.name, name, err, list)
		}
		select {
		case <-b.ctx.Done():
			b.t.Fatal(b.ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var screens = []struct {
	name          string
	width, height int64
	mobile        bool
}{{"desk", 1280, 900, false}, {"phone", 390, 844, true}}

func TestBrowserClerk(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			p := newTestPortal(t, func(c *Config, _ *AccountsConfig) { c.Trial = true })
			nasty := p.fixture.add(orgOffice, "1/<b>x</b>-UBND", "Công văn", "<script>document.title='hỏng'</script><img src=x onerror=alert(1)> \u202egnud iộn iảhp iougn\u202c "+strings.Repeat("dàidằngdặc", 500), testNow.AddDate(0, 0, -3), 2, orgInterior, view.StateWaiting)
			server := httptest.NewServer(p.Handler())
			defer server.Close()
			b := openTab(t, server.URL+"/portal", s.name, s.width, s.height, s.mobile)
			b.open("/")
			b.look("signin")
			b.signIn("vanthu.snv", "sai mật khẩu rồi")
			b.look("signin-wrong", "401")
			b.signIn("vanthu.snv", testPassword)
			b.look("home")

			b.open("/registers/incoming")
			b.look("incoming")
			if s.mobile {
				b.do(chromedp.Click(".rest summary"))
				b.picture("incoming-filters")
			} else {
				b.do(chromedp.Click(".rest summary"), chromedp.SendKeys("#from", "22/11/2026"), chromedp.SendKeys("#words", "mua lu"), chromedp.Click(".filters button.main"),
					chromedp.WaitVisible(`#results .clear`))
				b.look("incoming-filtered")
				if n := eval[int](b, "document.querySelectorAll('#rows tr').length"); n != 2 {
					t.Errorf("filter found %d rows, expected 2", n)
				}
			}
			b.open("/registers/outgoing")
			b.look("outgoing")
			b.open("/registers/outgoing/print?from=01/11/2026&to=30/11/2026")
			b.look("print-outgoing")
			b.open("/registers/incoming/print")
			b.look("print-incoming")
			if !s.mobile {
				b.onPaper("print-paper")
			}
			b.open("/registers/incoming?words=khongcogi")
			b.look("incoming-none")
			b.open("/registers/incoming?from=31/02/2026&with=xyz")
			b.look("incoming-problems")
			b.open("/not-taken")
			b.look("nottaken")

			b.open("/")
			b.do(chromedp.SendKeys("#q", "phap ly"), chromedp.SetValue("#q", "388/UBND"))
			b.press(".find button")
			b.look("search")
			b.press("main .entries a")
			b.do(chromedp.WaitVisible(`#files .in-file .pdf summary`))
			b.look("document")
			for _, summary := range []string{"#files .in-file .pdf summary", "#signatures .signature details summary"} {
				b.do(chromedp.Click(summary))
			}
			b.picture("document-signatures")
			for _, d := range []struct{ selector, name, body string }{
				{"#files li:nth-child(2) a", "Phụ lục thiệt hại từng xã.xlsx", "PK.."},
				{"#files li:nth-child(3) a", "hoa donfdp.exe", "<script>alert(1)</script>"},
				{"#files li.package a", "388-UBND-NN.edxml", "<edXML>"},
			} {
				if body := b.download(d.selector, d.name); !strings.HasPrefix(string(body), d.body) {
					t.Errorf("%s: download begins %q, expected %q", d.name, body[:min(20, len(body))], d.body)
				}
			}
			b.open("/documents/" + keyOf(orgAgri+"512/SNN-TL"))
			b.look("document-recalled")
			b.open("/documents/" + keyOf(orgInterior+"1040/SNV-TNXH"))
			b.look("document-failed")
			b.open("/documents/" + nasty.doc.Row.Document)
			b.look("document-nasty")
			if title := eval[string](b, "document.title"); !strings.HasPrefix(title, "Công văn số 1/<b>x</b>-UBND") {
				t.Errorf("title is %q", title)
			}
			b.open("/documents/" + keyOf(orgDistrict+"388/UBND-NN") + "/attachments/0/signatures")
			b.look("file-signatures")
			b.open("/documents/" + keyOf(orgDistrict+"388/UBND-NN") + "/attachments/1/signatures")
			b.look("file-signatures-none")
			b.open("/trust")
			b.look("trust")
			b.open("/help")
			b.look("help")
			b.open("/account")
			b.look("account")
			b.press(".tongue button")
			b.look("account-en")
			b.open("/")
			b.look("home-en")
			b.open("/registers/incoming")
			b.look("incoming-en")
			b.open("/documents/" + keyOf(orgDistrict+"388/UBND-NN"))
			b.look("document-en")
			b.press(".tongue button")
			if s.mobile {
				b.open("/account")
				b.press(".only-narrow button")
			} else {
				b.press(".leave button")
			}
			b.look("signed-out")
		})
	}
}

func TestBrowserOperatorAndAuditor(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			p := newTestPortal(t, nil)
			server := httptest.NewServer(p.Handler())
			defer server.Close()
			b := openTab(t, server.URL+"/portal", s.name, s.width, s.height, s.mobile)
			b.open("/")
			b.signIn("vanhanh", testPassword)
			b.look("health")
			b.open("/help")
			b.mu.Lock()
			b.console = nil
			b.mu.Unlock()
			if _, err := chromedp.Run(b.ctx, chromedp.NavigateResponse(b.base+"/registers/incoming")); err != nil {
				t.Fatal(err)
			}
			b.picture("operator-404")
			b.open("/account")
			b.mu.Lock()
			b.console = nil // the 404 above is on the console, rightly
			b.mu.Unlock()
			if s.mobile {
				b.press(".only-narrow button")
			} else {
				b.press(".leave button")
			}
			b.signIn("kiemtra", testPassword)
			b.look("auditor")
			b.press(".agencies .button")
			b.look("auditor-register")
			b.open("/proofs")
			b.look("proofs")
			b.press("#verify button.main")
			b.look("proofs-running")
			p.fixture.proofs.end(func(r *Verification) {
				r.Outcome, r.Size, r.Events, r.Packages, r.Judged = OutcomeProved, 4312, 4312, 800, 800
			})
			b.do(chromedp.WaitVisible("#verify button.main")) // the page follows by itself
			b.look("proofs-done")
			b.do(chromedp.Navigate(b.base+"/proofs/reports/20261121-070000"), chromedp.WaitReady("p")) // a page of its own
			b.picture("proofs-report")
			b.open("/proofs")
			if s.mobile {
				b.open("/account")
				b.press(".only-narrow button")
			} else {
				b.press(".leave button")
			}
			b.signIn("thanhtra", testPassword)
			b.look("auditor-all")
			b.do(chromedp.SetValue("#find", "mua lũ"))
			b.press("form[role=search] button.main")
			b.look("find")
			b.press("#results .sub a")
			b.look("find-document")
		})
	}
}

// TestBrowserWithoutScript signs in, filters and signs out with JavaScript switched off.
func TestBrowserWithoutScript(t *testing.T) {
	p := newTestPortal(t, nil)
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	b := openTab(t, server.URL+"/portal", "plain", 1280, 900, false)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.open("/registers/incoming?state=waiting")
	b.signIn("vanthu.snv", testPassword)
	if at := location(b); !strings.HasSuffix(at, "/registers/incoming?state=waiting") {
		t.Errorf("after sign-in at %s, expected the page asked for", at)
	}
	b.do(chromedp.SendKeys("#words", "khan cap mua lu"))
	b.press(".filters button.main")
	if at := location(b); !strings.Contains(at, "words=khan+cap+mua+lu") || !strings.Contains(at, "state=waiting") {
		t.Errorf("filter without script leads to %s", at)
	}
	b.press(".chips a")
	b.press(".leave button")
}

func location(b *tab) string {
	b.t.Helper()
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	return at
}
