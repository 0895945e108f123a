//go:build peers

package portal

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tram-exchange/tram/internal/notice"
)

// A person sets up both channels, sees the secret once, and a paused channel, at a desk and on a telephone.
func TestBrowserNotices(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			p := newTestPortal(t, nil)
			server := httptest.NewServer(p.Handler())
			defer server.Close()
			b := openTab(t, server.URL+"/portal", s.name, s.width, s.height, s.mobile)
			b.open("/")
			b.signIn("binh.snv", testPassword)
			b.open("/account")
			b.look("account-notices-none")
			b.do(chromedp.SendKeys("#address-email", "binh@snv.example"))
			b.press("#notices-email details button")
			b.look("account-notices-code")
			b.do(chromedp.SendKeys("#notice-code", codeFor(t, p)))
			b.press("#notices-email .inner button")
			b.do(chromedp.Click("#notices-email [name=kind][value=status]"))
			b.press("#notices-email form button.main")
			b.do(chromedp.SendKeys("#address-webhook", "https://phan-mem.snv.example/tram/bao-viec"))
			b.press("#notices-webhook details button")
			if secret := eval[string](b, `document.querySelector('code.secret').textContent`); !strings.HasPrefix(secret, "whsec_") {
				t.Errorf("the secret is %q", secret)
			}
			b.look("account-notices-secret")
			ways := waysOf(t, p, "binh.snv")
			if len(ways) != 2 || !ways[0].Wants(notice.Status) {
				t.Fatalf("ways are %+v", ways)
			}
			hook := ways[1]
			hook.Tries, hook.Paused, hook.Trouble = 12, true, notice.Unreachable
			if err := p.accounts.Notices().Failed(t.Context(), hook); err != nil {
				t.Fatal(err)
			}
			b.open("/account")
			b.look("account-notices-paused")
			b.press("#notices-webhook [value=resume]")
			if waysOf(t, p, "binh.snv")[1].Paused {
				t.Error("it is still paused")
			}
		})
	}
}
