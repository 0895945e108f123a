//go:build peers

package portal

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// The daily work in a real browser: every flow of an incoming document is clicked through, at a desk and on a telephone.

// leaveStaff signs out by the own menu.
func (b *tab) leaveStaff() {
	b.t.Helper()
	b.do(chromedp.Click(".menu > summary"))
	b.press(`.sheet-menu form[action$="/signout"] button`)
}

// openAct opens the form of an act.
func (b *tab) openAct(name string) {
	b.t.Helper()
	b.click("#act-" + name + " > summary")
	b.do(chromedp.WaitVisible("#act-" + name + " form button"))
}

// click presses something that stays on the page, in the middle of the window: see press.
func (b *tab) click(selector string) {
	b.t.Helper()
	eval[bool](b, `(document.querySelector(`+strconv.Quote(selector)+`).scrollIntoView({block: 'center'}), true)`)
	b.do(chromedp.Click(selector))
}

// sendAct presses the button of an open form and waits for the page that says what was done.
func (b *tab) sendAct(name, says string) {
	b.t.Helper()
	b.press("#act-" + name + " form .foot-row button")
	if got := eval[string](b, `document.querySelector('main .notice.good')?.textContent.trim() ?? ''`); !strings.Contains(got, says) {
		b.t.Errorf("%s: after %s the page says %q, expected %q", b.name, name, got, says)
	}
}

func (b *tab) choose(selector, value string) {
	b.t.Helper()
	eval[bool](b, `(e => { e.value = '`+value+`'; e.dispatchEvent(new Event('change', {bubbles: true})); return e.value === '`+value+`' })(document.querySelector('`+selector+`'))`)
}

// attach puts a file into a file field, as the file chooser does.
func (b *tab) attach(selector, name, content string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles(selector, []string{path}))
}

// state of a document in the fixture's office.
func (p *testPortal) state(id string) string {
	p.office.mu.Lock()
	defer p.office.mu.Unlock()
	return p.office.find(id).Row.State
}

func TestBrowserIncoming(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			p := newTestPortal(t, nil)
			server := httptest.NewServer(p.Handler())
			t.Cleanup(server.Close) // after the browser, which keeps asking
			b := openTab(t, server.URL+"/portal", "office-"+s.name, s.width, s.height, s.mobile)
			id := keyOf(orgOffice + "6188/CĐ-UBND")
			expect := func(state string) {
				t.Helper()
				if got := p.state(id); got != state {
					t.Errorf("the document is %q, expected %q", got, state)
				}
			}

			// The clerk registers and presents.
			b.open("/")
			b.signIn("lan.snv", testPassword)
			b.look("today-clerk")
			b.press(`.row a[href$="` + id + `"]`)
			b.look("arrival-arrived")
			b.openAct("RegisterIncoming")
			b.look("act-register")
			b.sendAct("RegisterIncoming", "Đã vào sổ")
			expect(view.IncomingRegistered)
			b.openAct("Present")
			b.choose("#Present-to", "huong")
			b.do(chromedp.SendKeys("#Present-note", "Công điện hoả tốc, kính trình Giám đốc."))
			b.look("act-present")
			b.sendAct("Present", "Đã trình")
			expect(view.IncomingPresented)
			b.open("/incoming")
			b.look("arrivals")
			b.open("/incoming?list=all&words=mua+lu")
			b.look("arrivals-filtered")
			b.open("/incoming?words=khongcogi")
			b.look("arrivals-none")
			b.open("/incoming/print?list=all")
			b.look("print-arrivals")
			if !s.mobile {
				b.onPaper("print-arrivals-paper")
			}
			b.open("/incoming/print?list=all&form=follow")
			b.look("print-follow")
			if !s.mobile {
				b.onPaper("print-follow-paper")
			}
			b.open("/incoming/new")
			b.look("paper")
			b.leaveStaff()

			// The leader assigns.
			b.signIn("huong.snv", testPassword)
			b.look("today-leader")
			b.open("/?box=watch")
			b.look("today-watch")
			b.open("/?box=late")
			b.look("today-late")
			b.open("/notes")
			b.look("notes")
			b.open("/incoming/" + id)
			b.look("arrival-presented")
			b.openAct("Assign")
			b.choose("#Assign-in_charge", "tccc/minh")
			b.click("#act-Assign .many summary")
			b.click(`#act-Assign input[name=cooperating][value="vp"]`)
			eval[bool](b, `(document.querySelector('#act-Assign input[name=due_in][value="3"]').click(), true)`)
			b.do(chromedp.SendKeys("#Assign-opinion", "Phòng TCCC chủ trì, báo cáo tôi trước 16 giờ hằng ngày."))
			b.look("act-assign")
			b.sendAct("Assign", "Đã phân công")
			expect(view.IncomingAssigned)
			b.openAct("ChangeDeadline")
			eval[bool](b, `(document.querySelector('#act-ChangeDeadline input[name=due_in][value="5"]').click(), true)`)
			b.do(chromedp.SendKeys("#ChangeDeadline-reason", "Chờ số liệu các xã."))
			b.sendAct("ChangeDeadline", "Đã đổi thời hạn")
			b.look("arrival-assigned")
			b.leaveStaff()

			// The specialist handles.
			b.signIn("minh.snv", testPassword)
			b.look("today-specialist")
			b.open("/incoming/" + id)
			b.openAct("StartHandling")
			b.sendAct("StartHandling", "bắt đầu xử lý")
			expect(view.IncomingHandling)
			b.openAct("GiveOpinion")
			b.do(chromedp.SendKeys("#GiveOpinion-text", "Đã đôn đốc 7 xã; còn 2 xã chưa báo cáo."))
			b.sendAct("GiveOpinion", "Đã ghi ý kiến")
			b.openAct("LinkReply")
			b.choose("#LinkReply-reply", "outgoing:du-thao-1")
			b.sendAct("LinkReply", "Đã gắn văn bản trả lời")
			b.openAct("FinishHandling")
			b.do(chromedp.SendKeys("#FinishHandling-result", "Đã tổng hợp, có văn bản trả lời."))
			b.sendAct("FinishHandling", "Đã kết thúc")
			expect(view.IncomingFinished)
			b.look("arrival-finished")
			b.openAct("Reopen")
			b.do(chromedp.SendKeys("#Reopen-reason", "Bổ sung số liệu."))
			b.sendAct("Reopen", "Đã mở lại")
			b.openAct("TransferBack")
			b.do(chromedp.SendKeys("#TransferBack-reason", "Không thuộc chức năng của phòng."))
			b.look("act-transfer-back")
			b.sendAct("TransferBack", "Đã chuyển trả")
			expect(view.IncomingPresented)
			b.open("/search?q=mua+lu")
			b.look("search-staff")
			b.open("/menu")
			b.look("menu")
			b.leaveStaff()

			// The auditor sees who opened it; the administrator opens nothing.
			b.signIn("dang.snv", testPassword)
			b.open("/incoming/" + id)
			b.click("#readings summary")
			b.look("arrival-auditor")
			b.leaveStaff()
			b.signIn("quan.snv", testPassword)
			b.look("today-admin")
			b.leaveStaff()

			// In English, and the clerk returns one to its sender.
			b.signIn("lan.snv", testPassword)
			other := keyOf(orgDistrict + "388/UBND-NN")
			b.open("/incoming/" + other)
			b.do(chromedp.Click(".menu > summary"))
			b.picture("menu-own")
			b.press(`.sheet-menu form[action$="/language"] button`)
			b.look("arrival-en")
			b.openAct("RefuseIncoming")
			b.do(chromedp.SendKeys("#RefuseIncoming-reason", "Gửi nhầm cơ quan."))
			b.sendAct("RefuseIncoming", "Returned to the sender")
			if got := p.state(other); got != view.IncomingRefused {
				t.Errorf("the other document is %q", got)
			}
		})
	}
}

func TestBrowserPaper(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			p := newTestPortal(t, nil)
			server := httptest.NewServer(p.Handler())
			t.Cleanup(server.Close) // after the browser, which keeps asking
			b := openTab(t, server.URL+"/portal", "office-"+s.name, s.width, s.height, s.mobile)
			b.open("/incoming/new")
			b.signIn("lan.snv", testPassword)
			b.do(chromedp.SendKeys("#RegisterPaper-from_name", "Công ty CP Xây dựng Lục Ngạn"), chromedp.SendKeys("#RegisterPaper-number", "12"), chromedp.SendKeys("#RegisterPaper-notation", "CV-XD"),
				chromedp.SendKeys("#RegisterPaper-date", "20/11/2026"), chromedp.SendKeys("#RegisterPaper-subject", "v/v đề nghị xác nhận hồ sơ năng lực"))
			b.choose("#RegisterPaper-type_name", "Công văn")
			b.attach(`input[type=file]`, "quét 12.pdf", "%PDF-1.7 scan")
			// The first time the record says no: everything stays, the file too.
			p.office.mu.Lock()
			p.office.refuse = &Refused{Code: 7061, Vi: "Ngày đến trước ngày văn bản.", En: "Received before it was dated."}
			p.office.mu.Unlock()
			b.press("main form .foot-row button")
			b.look("paper-refused", "422")
			if got := eval[string](b, `document.querySelector('#RegisterPaper-subject').value + '|' + document.querySelector('.held').textContent.trim()`); !strings.HasPrefix(got, "v/v đề nghị xác nhận hồ sơ năng lực|quét 12.pdf") {
				t.Errorf("the form came back with %q", got)
			}
			b.press("main form .foot-row button")
			b.look("paper-done")
			p.office.mu.Lock()
			did := p.office.done[len(p.office.done)-1]
			p.office.mu.Unlock()
			if a, ok := did.action.Act.(schemas.RegisterPaper); !ok || a.FromName != "Công ty CP Xây dựng Lục Ngạn" || !slices.Equal(did.files, []string{"quét 12.pdf|application/pdf|13"}) {
				t.Errorf("recorded %+v with %v", did.action.Act, did.files)
			}
		})
	}
}
