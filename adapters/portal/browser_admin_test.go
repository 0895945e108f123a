//go:build peers

package portal

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tram-exchange/tram/schemas"
)

// fill types into a field after emptying it.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	eval[bool](b, `(document.querySelector('`+selector+`').value = '', true)`)
	b.do(chromedp.SendKeys(selector, text))
}

// says fails unless the page's notice of success says this.
func (b *tab) says(want string) {
	b.t.Helper()
	if got := eval[string](b, `document.querySelector('main .notice.good')?.textContent.trim() ?? ''`); !strings.Contains(got, want) {
		b.t.Errorf("%s: the page says %q, expected %q", b.name, got, want)
	}
}

// refuses fails unless the page says in red why something was not done.
func (b *tab) refuses(want string) {
	b.t.Helper()
	if got := eval[string](b, `[...document.querySelectorAll('main [role=alert]')].map(e => e.textContent.trim()).join(' ')`); !strings.Contains(got, want) {
		b.t.Errorf("%s: the page refuses with %q, expected %q", b.name, got, want)
	}
}

// TestBrowserAdministration: the administrator of an agency's office at a desk and on a telephone, and a person who goes away.
func TestBrowserAdministration(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			p := newTestPortal(t, nil)
			server := httptest.NewServer(p.Handler())
			defer server.Close()
			b := openTab(t, server.URL+"/portal", "office-"+s.name, s.width, s.height, s.mobile)
			const send = "main form[action$='/change'] button.main"

			b.open("/")
			b.signIn("quan.snv", testPassword)
			b.look("admin-today")
			b.press(`.nav-office a`)
			b.look("admin-office")

			// A unit: one with people is not closed; a new one is made.
			b.open("/office/units")
			b.look("admin-units")
			b.press(`.row a[href$="/units/tccc"]`)
			b.do(chromedp.Click("details.act.danger > summary"), chromedp.WaitVisible("details.act.danger form button"), chromedp.SendKeys("#CloseUnit-basis", "QĐ 1"))
			b.press("details.act.danger form button")
			b.refuses("Trần Văn Bình")
			b.look("admin-unit-refused", "422")
			b.open("/office/units/_new")
			b.fill("#SetUnit-unit_name", "Phòng Chuyển đổi số")
			b.fill("#SetUnit-unit_short", "CĐS")
			b.choose("#SetUnit-unit_parent", "vp")
			b.fill("#SetUnit-basis", "Quyết định số 12/QĐ-SNV ngày 20/11/2026")
			b.look("admin-unit-new")
			b.press(send)
			b.says("Đã lưu đơn vị")

			// A person with two duties, one of them to the end of a year.
			b.open("/office/persons")
			b.look("admin-persons")
			b.open("/office/persons/minh")
			b.choose("#role-1", "archivist")
			b.fill("#until-1", "31/12/2026")
			b.fill("#SetPerson-basis", "Quyết định số 15/QĐ-SNV")
			b.look("admin-person")
			b.press(send)
			b.says("Đã lưu người và nhiệm vụ")
			if op := p.lastChange(t).Operations[0].(schemas.SetPerson); len(op.Duties) != 2 || op.Duties[1].Role != "archivist" || op.Duties[1].Until.IsZero() {
				t.Errorf("asked for %+v", op)
			}
			b.open("/office/persons/quan")
			b.choose("#role-1", "leader")
			b.fill("#SetPerson-basis", "Tự phong")
			b.press(send)
			b.refuses("không tự mở rộng quyền")
			b.look("admin-own-rights", "422")

			// Who acts for whom; rules; calendar; history.
			b.open("/office/delegations")
			b.choose("#Delegate-from", "huong")
			b.choose("#Delegate-delegate_to", "hai")
			b.fill("#Delegate-end", "30/11/2026")
			b.fill("#Delegate-basis", "Lịch công tác tuần 48")
			b.press(send)
			b.says("Đã ghi ủy quyền")
			b.look("admin-delegations")
			b.open("/office/rules")
			b.look("admin-rules")
			b.open("/office/rules/series?id=cv")
			b.do(chromedp.Click(".many summary"))
			b.look("admin-series")
			b.open("/office/rules/chain?id=thuong")
			b.look("admin-chain")
			b.open("/office/rules/deadlines")
			b.look("admin-deadlines")
			b.open("/office/rules/calendar?id=2026")
			b.fill("#SetCalendar-holidays", "01/01/2026 - 02/01/2026\n30/04/2026\n")
			b.fill("#SetCalendar-basis", "Thông báo nghỉ Tết")
			b.look("admin-calendar")
			b.press(send)
			b.says("Đã lưu lịch")
			b.open("/office/history")
			b.look("admin-history")
			b.dark("admin-history")
			b.open("/menu")
			b.look("admin-menu")
			b.leaveStaff()

			// An account takes two: one asks, another grants.
			p.secondAdministrator()
			b.signIn("quan.snv", testPassword)
			b.open("/office/persons/nv-001")
			b.look("admin-account-none")
			b.press("#account form button")
			b.look("admin-account-asked")
			b.press("main a.button.main")
			b.look("admin-account-waits")
			b.leaveStaff()
			b.signIn("thao.snv", testPassword)
			b.open("/office")
			b.look("admin-office-asks")
			b.open("/office/persons/nv-001")
			b.press("#account button.main")
			b.look("admin-account-granted")
			b.press("main a.button.main")
			b.press("#account button.danger")
			b.look("admin-account-disabled")
			b.leaveStaff()

			// A person goes away, by the own menu.
			b.signIn("binh.snv", testPassword)
			b.do(chromedp.Click(".menu > summary"))
			b.press(`.sheet-menu a[href$="/away"]`)
			b.look("away-empty")
			b.choose("#Delegate-delegate_to", "minh")
			b.fill("#Delegate-end", "21/11/2026")
			b.press("main form[action$='/away'] button.main")
			b.refuses("đã qua")
			b.look("away-refused", "422")
			b.fill("#Delegate-end", "30/11/2026")
			b.press("main form[action$='/away'] button.main")
			b.says("Đã ghi ủy quyền")
			b.look("away")
			b.press(".holders button.danger")
			b.says("Đã kết thúc ủy quyền")
		})
	}
}
