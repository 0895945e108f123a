//go:build peers

package portal

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tram-exchange/tram/internal/view"
)

// TestBrowserPast: a clerk looks at a register and a document as of a day and comes back.
func TestBrowserPast(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			p, past := newPastPortal(t, nil)
			server := httptest.NewServer(p.Handler())
			defer server.Close()
			b := openTab(t, server.URL+"/portal", s.name, s.width, s.height, s.mobile)
			b.open("/")
			b.signIn("vanthu.snv", testPassword)
			b.open("/registers/incoming")
			all := eval[int](b, "document.querySelectorAll('#rows tr').length")
			b.look("past-now")
			b.do(chromedp.Click(".asof > summary"))
			b.picture("past-control")
			b.do(chromedp.SetValue("#at", testNow.AddDate(0, 0, -2).Format(time.DateOnly)))
			b.press(".asof button")
			b.do(chromedp.WaitVisible(".ribbon.past"))
			b.look("past-register")
			if then := eval[int](b, "document.querySelectorAll('#rows tr').length"); then == 0 || then >= all {
				t.Errorf("%d rows then, %d now", then, all)
			}
			b.press("#rows .sub a")
			b.do(chromedp.WaitVisible(".ribbon.past"))
			b.look("past-document")
			b.open("/registers/incoming?at=2030-01-01")
			b.look("past-future")
			past.err = &view.BuildingError{Read: 40, Size: 100}
			b.open("/registers/incoming?at=2026-11-01")
			b.look("past-waiting")
			past.err = nil
			b.do(chromedp.WaitVisible(".asof summary")) // the page has asked again by itself
			b.do(chromedp.WaitVisible("form.filters"))
			b.open("/documents/" + p.fixture.docs[0].doc.Row.Document + "?at=2020-01-01")
			b.press(".ribbon.past a")
			if eval[int](b, "document.querySelectorAll('.ribbon.past').length") != 0 {
				t.Error("back to now leads to the past")
			}
		})
	}
}
