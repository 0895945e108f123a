//go:build peers

package portal

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/tram-exchange/tram/internal/view"
)

// What an agency makes, in a real browser: every flow is clicked through, at a desk and on a telephone.

// desk is one browser at which people of the agency sit down one after the other.
type desk struct {
	*tab
	p      *testPortal
	mobile bool
}

// atDesks runs a flow at every width.
func atDesks(t *testing.T, flow func(*desk)) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			p := newTestPortal(t, nil)
			server := httptest.NewServer(p.Handler())
			defer server.Close()
			defer server.CloseClientConnections() // open pages wait for news
			flow(&desk{openTab(t, server.URL+"/portal", "made-"+s.name, s.width, s.height, s.mobile), p, s.mobile})
		})
	}
}

// enter signs in as a person of the office, whoever was there before.
func (d *desk) enter(person string) {
	d.t.Helper()
	if _, err := chromedp.Call(d.ctx, network.ClearBrowserCookies, struct{}{}); err != nil {
		d.t.Fatal(err)
	}
	d.still()
	d.open("/signin")
	d.signIn(person+".snv", testPassword)
}

// still asks for no movement: colours that are on their way would be judged.
func (d *desk) still() {
	d.t.Helper()
	if _, err := chromedp.Call(d.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}); err != nil {
		d.t.Fatal(err)
	}
}

// tap presses something on the page, in the middle of the window: at its edge other things may lie on top.
func (d *desk) tap(selector string) {
	d.t.Helper()
	eval[bool](d.tab, `(document.querySelector(`+strconv.Quote(selector)+`).scrollIntoView({block: 'center'}), true)`)
	d.do(chromedp.Click(selector))
}

// at signs in and opens a page.
func (d *desk) at(person, path string) {
	d.t.Helper()
	d.enter(person)
	d.open(path)
}

// act opens the form of an act, lets it be filled in, and sends it; the page that follows must say what was done.
func (d *desk) act(name, says string, fill ...chromedp.Action[chromedp.Void]) {
	d.t.Helper()
	d.openAct(name)
	d.do(fill...)
	d.look("act-" + name)
	d.sendAct(name, says)
}

// send sends the form of a page of its own.
func (d *desk) send(says string) {
	d.t.Helper()
	d.press("form.card .foot-row button.main")
	d.says(says)
}

func (d *desk) says(words string) {
	d.t.Helper()
	if got := eval[string](d.tab, `document.querySelector('main .notice.good')?.textContent.trim() ?? document.querySelector('main .notice.bad')?.textContent.trim() ?? ''`); !strings.Contains(got, words) {
		d.t.Errorf("%s: the page says %q, expected %q", d.name, got, words)
	}
}

// id is that of the document or dossier whose page is open.
func (d *desk) id() string {
	d.t.Helper()
	at, _, _ := strings.Cut(location(d.tab), "?")
	return at[strings.LastIndex(at, "/")+1:]
}

func (d *desk) paper(page string) {
	d.t.Helper()
	if !d.mobile {
		d.onPaper(page)
		d.still()
	}
}

// expect says in which state a document that the agency makes must be.
func (d *desk) expect(id, state string) {
	d.t.Helper()
	d.p.office.mu.Lock()
	defer d.p.office.mu.Unlock()
	if got := d.p.office.findMade(id).Row.State; got != state {
		d.t.Errorf("%s: the document is %q, expected %q", d.name, got, state)
	}
}

// TestBrowserDraft: from the kind to the signature, sent back once on the way; then issued, and in the register.
func TestBrowserDraft(t *testing.T) {
	atDesks(t, func(d *desk) {
		d.at("minh", "/drafts")
		d.look("drafts")
		d.press(".page-head a.main")
		d.look("kinds")
		d.press(`.kind-card[href*="gi%E1%BA%A5y+m%E1%BB%9Di"]`)
		d.look("draft-empty")
		d.do(chromedp.SendKeys("#SaveDraft-subject", "họp giao ban tháng 12 năm 2026"), chromedp.SendKeys("#SaveDraft-x-invited", "Giám đốc các sở, Chủ tịch UBND các huyện"),
			chromedp.SendKeys("#SaveDraft-x-time", "8 giờ ngày 30/11/2026"), chromedp.SendKeys("#SaveDraft-x-venue", "Hội trường tầng 2"), chromedp.SendKeys("[name=find]", "nông nghiệp"))
		d.press("[name=search]")
		d.tap(`#recipients-found input[name=recipients]`)
		d.do(chromedp.SendKeys("#SaveDraft-to_places", "Lưu: VT, TCCC"))
		d.choose("#SaveDraft-signer", "huong")
		d.attach("input[type=file]", "Giấy mời.pdf", "%PDF-1.7")
		d.look("draft-form")
		d.send("Đã lưu dự thảo")
		d.look("draft")
		id := d.id()
		d.press(`.acts a[href$="/edit"]`)
		d.do(chromedp.SendKeys("#SaveDraft-content", "Nội dung: đánh giá kết quả tháng 11."), chromedp.SendKeys("#SaveDraft-note", "Bổ sung nội dung họp"))
		d.look("draft-edit")
		d.send("Đã lưu dự thảo")
		d.look("draft-versions")
		d.openAct("AskOpinion")
		d.tap("#act-AskOpinion .many summary")
		d.tap(`#act-AskOpinion input[name=of][value="vp/thao"]`)
		d.do(chromedp.SendKeys("#AskOpinion-question", "Văn phòng có vướng lịch không?"))
		d.look("act-AskOpinion")
		d.sendAct("AskOpinion", "Đã xin ý kiến")
		d.at("thao", "/outgoing/"+id)
		d.act("GiveOpinion", "Đã ghi ý kiến", chromedp.SendKeys("#GiveOpinion-text", "Hội trường tầng 2 đã có lịch; đề nghị phòng họp số 1."))
		d.at("minh", "/outgoing/"+id)
		d.act("Submit", "Đã trình duyệt")
		d.look("draft-submitted")
		d.at("binh", "/outgoing/"+id)
		d.act("Approve", "Đã ghi")
		d.at("huong", "/outgoing/"+id)
		d.act("SendBack", "Đã trả lại", chromedp.SendKeys("#SendBack-reason", "Đổi địa điểm sang phòng họp số 1."))
		d.expect(id, view.OutgoingSentBack)
		d.at("minh", "/outgoing/"+id)
		d.look("draft-sent-back")
		d.act("Submit", "Đã trình duyệt")
		d.at("binh", "/outgoing/"+id)
		d.act("Approve", "Đã ghi")
		d.at("huong", "/outgoing/"+id)
		d.dark("draft")
		d.act("Approve", "Đã ghi")
		d.expect(id, view.OutgoingSigned)
		d.at("lan", "/drafts?list=toissue")
		d.look("drafts-to-issue")
		d.press(`#rows a[href$="/outgoing/` + id + `"]`)
		d.act("Issue", "Đã phát hành")
		d.expect(id, view.OutgoingIssued)
		d.look("issued")
	})
}

// TestBrowserIssued: the register, what recipients did, and what is done with a document after it was issued.
func TestBrowserIssued(t *testing.T) {
	atDesks(t, func(d *desk) {
		d.at("lan", "/outgoing")
		d.look("register")
		d.open("/outgoing?list=void")
		d.look("register-void")
		d.open("/outgoing?words=khongcogi")
		d.look("register-none")
		d.open("/outgoing/print")
		d.look("print-outgoing")
		d.paper("print-outgoing-paper")
		if body := d.download(`.tools a[download]`, "so-van-ban-di-20261122.xlsx"); !strings.HasPrefix(string(body), "PK") {
			t.Errorf("the workbook begins %q", body[:2])
		}
		d.open("/outgoing/di-1")
		d.look("issued-followed")
		d.act("RecallIssued", "Đã yêu cầu thu hồi", chromedp.SendKeys("#RecallIssued-reason", "Sai ngày họp."))
		d.expect("di-1", view.OutgoingRecalled)
		d.look("recalled")
		d.open("/outgoing/du-thao-4")
		d.act("Cancel", "Đã huỷ", chromedp.SendKeys("#Cancel-reason", "Không còn cần thiết."))
		d.expect("du-thao-4", view.OutgoingCancelled)
		d.look("cancelled")

		// A true copy, an extract, and a copy of what came.
		d.open("/outgoing/di-2")
		d.press(`.acts a[href*="/drafts/copy"]`)
		d.choose("#MakeCopy-signer", "huong")
		d.do(chromedp.SendKeys("#MakeCopy-to_places", "Phòng TCCC"))
		d.look("copy")
		d.send("Đã lập bản sao")
		d.look("copy-made")
		d.open("/drafts/copy?outgoing=di-2")
		d.choose("#MakeCopy-signer", "huong")
		eval[bool](d.tab, `(document.querySelector('input[name=copy_form][value=TrS], select[name=copy_form]').value = 'TrS', document.querySelector('input[name=copy_form][value=TrS]')?.click(), true)`)
		d.do(chromedp.SendKeys("#MakeCopy-extract", "Mục II"), chromedp.SendKeys("#MakeCopy-to_places", "Phòng TCCC"))
		d.look("copy-extract")
		d.send("Đã lập bản sao")

		d.open("/drafts/copy?incoming=" + keyOf(orgOffice+"6131/UBND-NC"))
		if got := eval[string](d.tab, `document.querySelector('[name=copy_form]').value`); got != "SL" {
			t.Errorf("a copy of what came begins as %q", got)
		}
		d.choose("#MakeCopy-signer", "huong")
		d.do(chromedp.SendKeys("#MakeCopy-to_places", "Các phòng"))
		d.look("copy-of-copy")
		d.send("Đã lập bản sao")

		// An update, a replacement and a correction begin with what was issued.
		for _, relation := range relations {
			d.open("/outgoing/di-2")
			d.press(`.acts a[href*="relation=` + relation + `"]`)
			d.look("draft-" + relation)
			if got := eval[string](d.tab, `document.querySelector('[name=relation]').value + ' ' + document.querySelectorAll('[name=recipients]:checked').length`); got != relation+" 3" {
				t.Errorf("the form of a %s says %q", relation, got)
			}
		}
		d.do(chromedp.SendKeys("#SaveDraft-subject", "đính chính số hiệu tại Mục II"), chromedp.SendKeys("#SaveDraft-content", "Sửa “Mục 2” thành “Mục II”."))
		d.send("Đã lưu dự thảo")
		d.look("correction")
	})
}

// TestBrowserDossier: opened, filled, worked on, handed over, closed, listed on paper.
func TestBrowserDossier(t *testing.T) {
	atDesks(t, func(d *desk) {
		d.at("minh", "/dossiers")
		d.look("dossiers")
		d.press(".page-head a.main")
		d.do(chromedp.SendKeys("#OpenDossier-title", "Tổng kết công tác nội vụ năm 2026"))
		d.choose("#OpenDossier-file_plan", "01.TCCC")
		d.look("dossier-new")
		d.send("Đã mở hồ sơ")
		d.look("dossier-empty")
		id := d.id()
		d.open("/outgoing/di-1")
		d.press(`.acts a[href*="/dossiers/put"]`)
		d.tap(`.choice input[value="` + id + `"]`)
		d.look("put")
		d.send("Đã đưa vào hồ sơ")
		d.open("/dossiers/" + id)
		d.openAct("AddItem")
		d.attach("#act-AddItem input[type=file]", "Biên bản họp.pdf", "%PDF-1.7")
		d.look("act-AddItem")
		d.sendAct("AddItem", "Đã đưa vào hồ sơ")
		d.openAct("GiveTask")
		d.choose("#GiveTask-task_to", "tccc/minh")
		d.do(chromedp.SendKeys("#GiveTask-task_text", "Tổng hợp số liệu các phòng."))
		d.look("act-GiveTask")
		d.sendAct("GiveTask", "Đã giao nhiệm vụ")
		d.act("GiveOpinion", "Đã ghi ý kiến", chromedp.SendKeys("#GiveOpinion-text", "Cần số liệu của cả ba phòng."))
		d.act("RecordDecision", "Đã ghi quyết định", chromedp.SendKeys("#RecordDecision-decision", "Thống nhất tổ chức hội nghị ngày 25/12."))
		d.openAct("FinishTask")
		eval[bool](d.tab, `(document.querySelector('#FinishTask-task').selectedIndex = 1, true)`)
		d.look("act-FinishTask")
		d.sendAct("FinishTask", "nhiệm vụ xong")
		d.openAct("ClassifyDossier")
		d.choose("#ClassifyDossier-file_plan", "02.CCHC")
		d.do(chromedp.SendKeys("#ClassifyDossier-reason", "Đúng lĩnh vực."))
		d.look("act-ClassifyDossier")
		d.sendAct("ClassifyDossier", "Đã phân loại")
		d.openAct("RemoveItem")
		d.choose("#RemoveItem-item_no", "2")
		d.do(chromedp.SendKeys("#RemoveItem-reason", "Nhầm hồ sơ."))
		d.look("act-RemoveItem")
		d.sendAct("RemoveItem", "Đã lấy ra")
		d.look("dossier")
		d.dark("dossier")
		d.open("/dossiers/" + id + "/print")
		d.look("print-contents")
		d.paper("print-contents-paper")
		d.open("/dossiers/" + id)
		d.openAct("HandOver")
		d.choose("#HandOver-hand_to", "binh")
		d.look("act-HandOver")
		d.sendAct("HandOver", "Đã bàn giao")
		d.at("binh", "/dossiers/"+id)
		d.act("CloseDossier", "Đã kết thúc hồ sơ")
		d.look("dossier-closed")
		d.open("/dossiers/ho-so-1")
		d.look("dossier-late")
		d.open("/dossiers?list=late")
		d.look("dossiers-late")
		d.open("/search?q=tuyen+dung")
		d.look("search")
		d.open("/drafts?words=khongcogi")
		d.look("drafts-none")
	})
}

// TestBrowserLeader: sign and assign with three touches from wherever one is, see what is late with one; then the figures.
func TestBrowserLeader(t *testing.T) {
	atDesks(t, (*desk).lead)
	t.Run("tablet", func(t *testing.T) {
		p := newTestPortal(t, nil)
		server := httptest.NewServer(p.Handler())
		defer server.Close()
		defer server.CloseClientConnections()
		(&desk{openTab(t, server.URL+"/portal", "made-tablet", 768, 1024, true), p, true}).lead()
	})
}

func (d *desk) lead() {
	d.enter("huong")
	d.press(".nav-leader a") // the first touch
	d.look("leader")
	d.dark("leader")
	sign := `.lead-card[data-key="outgoing/du-thao-2"] `
	d.tap(sign + `details.primary > summary`) // the second
	d.look("leader-sign")
	d.press(sign + `details.primary button.big`) // the third
	d.says("Đã ghi")
	d.expect("du-thao-2", view.OutgoingSigned)
	d.tap(`#assign .lead-card details.primary > summary`)
	d.look("leader-assign")
	d.press(`#assign .lead-card details.primary .big-buttons button[value="tccc"]`)
	d.says("Đã phân công")
	d.look("leader-after")
	d.open("/statistics")
	d.look("statistics")
	d.dark("statistics")
	d.press(".figures-card td a")
	d.look("statistics-list")
	d.tap(".menu > summary")
	d.press(`.sheet-menu form[action$="/language"] button`)
	for _, page := range []string{"/leader", "/statistics", "/outgoing/di-1", "/outgoing", "/dossiers/ho-so-1", "/outgoing/du-thao-3"} {
		d.open(page)
		d.look("en" + strings.ReplaceAll(page, "/", "-"))
	}
}
