package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/schemas"
)

// The afternoon in three offices. Everything is done by people at the portal, with the forms that its pages offer them.

const (
	planSubject    = "Về việc triển khai dạy học hai buổi trên ngày và bố trí giáo viên năm học 2026 - 2027"
	inviteSubject  = "Họp rà soát quy hoạch khu dân cư Tân Thanh"
	paperSubject   = "Đơn đề nghị xem xét hỗ trợ sửa chữa nhà văn hóa thôn Đoài"
	dossierTitle   = "Hồ sơ triển khai dạy học hai buổi trên ngày năm học 2026 - 2027"
	wrongAddressee = "Không thuộc chức năng của Sở Nội vụ; đề nghị gửi Sở Xây dựng."
)

// work plays the afternoon.
func (d *day) work(ctx context.Context) error {
	if err := d.openOffices(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{d.draftPlan, d.approvePlan, d.issuePlan, d.handlePlan, d.keepDossier, d.returned, d.late} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("couldn't play the work of the offices: %w", err)
		}
	}
	return nil
}

// inDays is a day from now, as a date field sends it.
func inDays(n int) string { return time.Now().In(vietnam).AddDate(0, 0, n).Format(time.DateOnly) }

func (d *day) draftPlan(ctx context.Context) error {
	d.say.at("15:40", "Chuyên viên phòng Khoa giáo - Văn xã soạn công văn, trình ký. / A specialist drafts a letter and submits it.")
	b, err := d.at(ctx, "chuyenvien.vpub")
	if err != nil {
		return err
	}
	if err := b.open(ctx, "/drafts/new?kind="+url.QueryEscape("công văn")); err != nil {
		return err
	}
	if err := b.act(ctx, "SaveDraft", url.Values{
		"subject": {planSubject}, "content": {"UBND tỉnh yêu cầu các cơ quan rà soát biên chế giáo viên và báo cáo phương án bố trí."}, "signer": {"nv-101"}, "competence": {"TM. ỦY BAN NHÂN DÂN"},
		"recipients": {d.unit("Sở Nội vụ").code, d.unit("Huyện Hiệp Hòa").code, d.centre.code}, "to_places": {"Như trên;\nLưu: VT, VX."}, "due_date": {inDays(14)}, "pages": {"3"},
	}, demoFile{"Cong van day hoc hai buoi.pdf", demoPDF("Công văn")}); err != nil {
		return err
	}
	d.plan = b.last()
	if err := b.act(ctx, "Submit", url.Values{"note": {"Kính trình lãnh đạo xem xét."}}); err != nil {
		return err
	}
	head, err := d.at(ctx, "truongphong.vpub")
	if err != nil {
		return err
	}
	if err := head.follow(ctx, "/", "/outgoing/", planSubject); err != nil {
		return err
	}
	if err := head.act(ctx, "SendBack", url.Values{"reason": {"Bổ sung thời hạn báo cáo và căn cứ pháp lý."}}); err != nil {
		return err
	}
	d.say.note("Trưởng phòng trả lại để bổ sung; chuyên viên sửa thành phiên bản 2 và trình lại. / Sent back, revised, submitted again.")
	if err := b.open(ctx, "/outgoing/"+d.plan+"/edit"); err != nil {
		return err
	}
	if err := b.act(ctx, "SaveDraft", url.Values{"note": {"Thêm thời hạn báo cáo và căn cứ"},
		"content": {"Căn cứ Luật Giáo dục; UBND tỉnh yêu cầu các cơ quan rà soát biên chế giáo viên và báo cáo phương án bố trí trong hai tuần."}}); err != nil {
		return err
	}
	return b.act(ctx, "Submit", url.Values{"note": {"Đã bổ sung theo ý kiến của Trưởng phòng."}})
}

func (d *day) approvePlan(ctx context.Context) error {
	for _, s := range []struct{ user, note string }{
		{"truongphong.vpub", "Nhất trí."}, {"phochutich.vpub", "Đồng ý trình Chủ tịch."}, {"chutich.vpub", ""},
	} {
		b, err := d.at(ctx, s.user)
		if err != nil {
			return err
		}
		if err := b.follow(ctx, "/", "/outgoing/", planSubject); err != nil {
			return err
		}
		if err := b.act(ctx, "Approve", url.Values{"note": {s.note}}); err != nil {
			return err
		}
	}
	d.say.note("Trưởng phòng và Phó Chủ tịch duyệt, Chủ tịch ký. / Approved twice, then signed by the chairman.")
	return nil
}

func (d *day) issuePlan(ctx context.Context) error {
	b, err := d.at(ctx, "vanthu.vpub")
	if err != nil {
		return err
	}
	if err := b.follow(ctx, "/", "/outgoing/", planSubject); err != nil {
		return err
	}
	if err := b.act(ctx, "Issue", nil); err != nil {
		return err
	}
	if err := eventually(ctx, "the sending of the letter", func() error {
		if err := b.open(ctx, "/outgoing/"+d.plan); err != nil {
			return err
		}
		if !slices.Contains(b.acts(), "RecallIssued") { // what was sent can be asked back
			return fmt.Errorf("the page offers %s", strings.Join(b.acts(), ", "))
		}
		return nil
	}); err != nil {
		return err
	}
	d.say.at("16:00", "Văn thư cấp số, đóng dấu cơ quan, gửi ba nơi: %s. / Numbered, sealed and sent to three recipients.", b.heading())
	return nil
}

// handlePlan: two recipients work in the portal, the third has software of its own.
func (d *day) handlePlan(ctx context.Context) error {
	for _, r := range []struct {
		short, leader, unit, person, specialist, result string
	}{
		{"snv", "giamdoc.snv", "phong-tccb", "nv-006", "chuyenvien.snv", "Đã tham mưu phương án bổ sung 120 biên chế giáo viên."},
		{"hiephoa", "chutich.hiephoa", "phong-tckh", "nv-206", "chuyenvien.hiephoa", "Đã bố trí kinh phí dạy học hai buổi trên ngày của huyện."},
	} {
		clerk, err := d.at(ctx, "vanthu."+r.short)
		if err != nil {
			return err
		}
		if err := eventually(ctx, "the arrival at "+r.short, func() error { return clerk.follow(ctx, "/incoming", "/incoming/", planSubject) }); err != nil {
			return err
		}
		id := clerk.last()
		if err := clerk.act(ctx, "RegisterIncoming", nil); err != nil {
			return err
		}
		leader := d.accountOf[r.leader]
		if err := clerk.act(ctx, "Present", url.Values{"to": {d.personOf(leader.Username)}, "note": {"Kính trình lãnh đạo cho ý kiến phân công."}}); err != nil {
			return err
		}
		b, err := d.at(ctx, r.leader)
		if err != nil {
			return err
		}
		if err := b.follow(ctx, "/", "/incoming/", planSubject); err != nil {
			return err
		}
		if err := b.act(ctx, "Assign", url.Values{"in_charge": {r.unit + "/" + r.person}, "due_in": {"5"}, "opinion": {"Giao tham mưu, báo cáo trước hạn."}}); err != nil {
			return err
		}
		w, err := d.at(ctx, r.specialist)
		if err != nil {
			return err
		}
		if err := w.follow(ctx, "/", "/incoming/", planSubject); err != nil {
			return err
		}
		for _, act := range []struct {
			name   string
			values url.Values
		}{
			{"StartHandling", url.Values{"note": {"Đang rà soát số liệu."}}},
			{"GiveOpinion", url.Values{"text": {"Đề nghị phối hợp với ngành giáo dục để thống nhất số liệu."}}},
			{"FinishHandling", url.Values{"result": {r.result}}},
		} {
			if err := w.open(ctx, "/incoming/"+id); err != nil {
				return err
			}
			if err := w.act(ctx, act.name, act.values); err != nil {
				return err
			}
		}
		d.say.note("%s: vào sổ, trình, phân công, xử lý, hoàn thành. / Registered, presented, assigned, handled, finished.", clerk.heading())
	}
	if err := d.handleAtCentre(ctx); err != nil {
		return err
	}
	b, err := d.at(ctx, "vanthu.vpub")
	if err != nil {
		return err
	}
	if err := eventually(ctx, "the end at three recipients", func() error {
		if err := b.open(ctx, "/outgoing/"+d.plan); err != nil {
			return err
		}
		if n := strings.Count(words(b.page), "Đã hoàn thành xử lý"); n < 3 {
			return fmt.Errorf("the sender sees %d of 3 finished", n)
		}
		return nil
	}); err != nil {
		return err
	}
	d.say.at("16:20", "Người gửi thấy cả ba nơi đã hoàn thành. / The sender sees all three finished.")
	return nil
}

// handleAtCentre: the Government Office takes it with software of its own, through the API.
func (d *day) handleAtCentre(ctx context.Context) error {
	for {
		letters, err := d.centre.take(ctx, 1)
		if err != nil {
			return err
		}
		for _, l := range letters {
			if l.Document != nil && l.Document.Subject == planSubject {
				return d.centre.report(ctx, &sent{doc: l.Document}, "", schemas.StatusArrived, schemas.StatusAccepted, schemas.StatusAssigned, schemas.StatusProcessing, schemas.StatusDone)
			}
		}
	}
}

func (d *day) keepDossier(ctx context.Context) error {
	b, err := d.at(ctx, "chuyenvien.vpub")
	if err != nil {
		return err
	}
	if err := b.open(ctx, "/dossiers/new"); err != nil {
		return err
	}
	if err := b.act(ctx, "OpenDossier", url.Values{"file_plan": {"03.VX"}, "title": {dossierTitle}, "due_in": {"20"}}); err != nil {
		return err
	}
	id := b.last()
	for _, act := range []struct {
		name   string
		values url.Values
	}{
		{"AddItem", url.Values{"item": {"outgoing:" + d.plan}, "note": {"Công văn chỉ đạo"}}},
		{"GiveTask", url.Values{"task_to": {"phong-vx/nv-105"}, "task_text": {"Tổng hợp báo cáo của hai cơ quan."}, "due_in": {"10"}}},
		{"RecordDecision", url.Values{"decision": {"Bổ sung 120 biên chế giáo viên từ học kỳ hai."}}},
	} {
		if err := b.open(ctx, "/dossiers/"+id); err != nil {
			return err
		}
		if err := b.act(ctx, act.name, act.values); err != nil {
			return err
		}
	}
	d.say.at("16:30", "Lập hồ sơ công việc: %s; văn bản, nhiệm vụ và quyết định nằm trong hồ sơ. / A work dossier with its document, task and decision.", b.heading())
	return nil
}

// returned: a letter that went to the wrong department comes back with a reason.
func (d *day) returned(ctx context.Context) error {
	b, err := d.at(ctx, "chuyenvien.vpub")
	if err != nil {
		return err
	}
	if err := b.open(ctx, "/drafts/new?kind="+url.QueryEscape("giấy mời")); err != nil {
		return err
	}
	if err := b.act(ctx, "SaveDraft", d.invitation(), demoFile{"Giay moi.pdf", demoPDF("Giấy mời")}); err != nil {
		return err
	}
	id := b.last()
	if err := b.act(ctx, "Submit", nil); err != nil {
		return err
	}
	for _, s := range []struct{ user, act string }{{"phochutich.vpub", "Approve"}, {"vanthu.vpub", "Issue"}} {
		who, err := d.at(ctx, s.user)
		if err != nil {
			return err
		}
		if err := who.open(ctx, "/outgoing/"+id); err != nil {
			return err
		}
		if err := who.act(ctx, s.act, nil); err != nil {
			return err
		}
	}
	clerk, err := d.at(ctx, "vanthu.snv")
	if err != nil {
		return err
	}
	if err := eventually(ctx, "the arrival of the invitation", func() error { return clerk.follow(ctx, "/incoming", "/incoming/", inviteSubject) }); err != nil {
		return err
	}
	if err := clerk.act(ctx, "RefuseIncoming", url.Values{"reason": {wrongAddressee}}); err != nil {
		return err
	}
	sender, err := d.at(ctx, "vanthu.vpub")
	if err != nil {
		return err
	}
	if err := eventually(ctx, "the return of the invitation", func() error {
		if err := sender.open(ctx, "/outgoing/"+id); err != nil {
			return err
		}
		if !strings.Contains(words(sender.page), wrongAddressee) {
			return fmt.Errorf("the sender does not see the reason")
		}
		return nil
	}); err != nil {
		return err
	}
	d.say.at("16:40", "Sở Nội vụ trả lại một giấy mời gửi nhầm, kèm lý do; người gửi thấy ngay. / A wrongly addressed letter comes back with its reason.")
	return nil
}

func (d *day) invitation() url.Values {
	v := url.Values{"subject": {inviteSubject}, "content": {"Kính mời dự họp."}, "signer": {"nv-102"}, "competence": {"KT. CHỦ TỊCH"}, "recipients": {d.unit("Sở Nội vụ").code}}
	kind, _ := schemas.KindOf("giấy mời")
	answers := map[string]string{"invited": "Đại diện lãnh đạo Sở Nội vụ", "time": "8 giờ, thứ Sáu", "venue": "Phòng họp số 2, trụ sở UBND tỉnh", "chair": "Phó Chủ tịch UBND tỉnh"}
	for _, f := range kind.Fields {
		v.Set("x-"+f.Name, answers[f.Name])
	}
	return v
}

// late: what came on paper long ago and was left lying is registered after its day, and everybody sees that.
func (d *day) late(ctx context.Context) error {
	b, err := d.at(ctx, "vanthu.hiephoa")
	if err != nil {
		return err
	}
	if err := b.open(ctx, "/incoming/new"); err != nil {
		return err
	}
	if err := b.act(ctx, "RegisterPaper", url.Values{"channel": {"paper"}, "from_name": {"Ban quản lý thôn Đoài"}, "number": {"05"}, "notation": {"ĐN"}, "date": {inDays(-20)},
		"type_name": {"Công văn"}, "subject": {paperSubject}, "signer": {"Nguyễn Văn Thỏa"}, "pages": {"2"}, "received_on": {inDays(-15)}, "due_date": {inDays(-2)}},
		demoFile{"scan.pdf", demoPDF("Đơn đề nghị")}); err != nil {
		return err
	}
	d.say.at("16:50", "Huyện Hiệp Hòa vào sổ một văn bản giấy đến từ hai tuần trước: quá hạn, ghi rõ trong sổ. / A paper letter of two weeks ago is registered late.")
	head, err := d.at(ctx, "chutich.hiephoa")
	if err != nil {
		return err
	}
	if err := eventually(ctx, "the late letter before the chairman", func() error { return head.follow(ctx, "/?box=late", "/incoming/", paperSubject) }); err != nil {
		return err
	}
	d.say.note("Chủ tịch huyện thấy trong hộp “Quá hạn”: %s. / The district's chairman sees it among what is late.", head.heading())
	return nil
}

// personOf is who a user is in the office.
func (d *day) personOf(user string) string {
	for _, o := range d.offices {
		for _, p := range o.people {
			if p.user+"."+o.short == user {
				return p.person
			}
		}
	}
	return ""
}
