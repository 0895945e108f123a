package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
)

// recall: a whole document is taken back by another one (edXML business type 1). Who has not taken it never sees it.
func (d *day) recall(ctx context.Context) error {
	interior, quick, slow := d.unit("Sở Nội vụ"), d.unit("Sở Tư pháp"), d.unit("Thanh tra tỉnh")
	d.say.at("13:30", "Sở Nội vụ phát hiện giấy mời ghi nhầm ngày và thu hồi. / An invitation is recalled.")
	s, err := interior.send(ctx, letter{kind: "Giấy mời", notation: "GM-SNV", to: []*office{quick, slow}, subject: "Họp Hội đồng tuyển dụng viên chức năm 2026"})
	if err != nil {
		return err
	}
	if _, err := quick.take(ctx, 1); err != nil {
		return err
	}
	if _, err := interior.until(ctx, s, "first acknowledgement", func(a httpapi.DocumentAnswer) bool {
		return inState(a, "acknowledged") == 1 && inState(a, "waiting") == 1
	}); err != nil {
		return err
	}
	if _, err := interior.send(ctx, letter{kind: "Công văn", to: []*office{quick, slow}, answers: s,
		subject: "Về việc thu hồi giấy mời họp Hội đồng tuyển dụng viên chức", business: schemas.Business{Present: true, Type: schemas.BusinessRecall, Reason: "Ghi nhầm ngày họp"}}); err != nil {
		return err
	}
	doc, err := interior.until(ctx, s, "recall", func(a httpapi.DocumentAnswer) bool {
		return stateOf(a, slow) == "withdrawn" && stateOf(a, quick) == "recalled"
	})
	if err != nil {
		return err
	}
	if err := quick.report(ctx, s, "", schemas.StatusTakeBackAgreed); err != nil {
		return err
	}
	// The recall itself is a document too, and reaches both.
	for _, o := range []*office{quick, slow} {
		if _, err := o.take(ctx, 1); err != nil {
			return err
		}
	}
	d.say.note("%s: %s; %s: %s và đồng ý (15). / Not yet taken: gone from the mailbox; taken: marked.", quick.name, vietnameseState(stateOf(doc, quick)), slow.name, vietnameseState(stateOf(doc, slow)))
	return nil
}

// takeBack: one recipient is asked to give a document back (status 13).
func (d *day) takeBack(ctx context.Context) error {
	trade, plan := d.unit("Sở Công nghiệp"), d.unit("Sở Kế hoạch và Đầu tư")
	d.say.at("13:50", "Sở Công nghiệp lấy lại công văn gửi nhầm (trạng thái 13). / Status 13 asks a document back.")
	s, err := trade.send(ctx, letter{kind: "Công văn", to: []*office{plan}, subject: "Về việc đăng ký nhu cầu điện năm 2027 của các khu công nghiệp"})
	if err != nil {
		return err
	}
	if _, err := trade.until(ctx, s, "offer", func(a httpapi.DocumentAnswer) bool { return stateOf(a, plan) == "waiting" }); err != nil {
		return err
	}
	if err := trade.report(ctx, s, plan.code, schemas.StatusTakeBack); err != nil {
		return err
	}
	if _, err := trade.until(ctx, s, "take-back", func(a httpapi.DocumentAnswer) bool { return stateOf(a, plan) == "withdrawn" }); err != nil {
		return err
	}
	d.say.note("%s chưa lấy: văn bản rời hộp thư. / It left the mailbox untaken.", plan.name)
	return nil
}

// update changes a document that recipients already hold (business type 2).
func (d *day) update(ctx context.Context) error {
	secretariat := d.units[0]
	holders := []*office{d.unit("Sở Xây dựng"), d.unit("Sở Giao thông vận tải")}
	d.say.at("14:10", "Văn phòng UBND tỉnh đổi giờ họp: cập nhật giấy mời. / A meeting is moved: update.")
	s, err := secretariat.send(ctx, letter{kind: "Giấy mời", notation: "GM-UBND", to: holders, subject: "Họp giao ban công tác quy hoạch lúc 14 giờ ngày 25/11/2026"})
	if err != nil {
		return err
	}
	for _, o := range holders {
		if _, err := o.take(ctx, 1); err != nil {
			return err
		}
	}
	if _, err := secretariat.send(ctx, letter{kind: "Giấy mời", notation: "GM-UBND", to: holders, subject: "Họp giao ban công tác quy hoạch lúc 8 giờ ngày 26/11/2026 (thay đổi giờ)",
		business: schemas.Business{Present: true, Type: schemas.BusinessUpdate, DocumentID: s.doc.DocumentID, Reason: "Thay đổi thời gian họp",
			Updates: []schemas.BusinessUpdateInfo{{Content: true}}}}); err != nil {
		return err
	}
	for _, o := range holders {
		if _, err := o.take(ctx, 1); err != nil {
			return err
		}
		if err := o.report(ctx, s, "", schemas.StatusTakeBackAgreed); err != nil {
			return err
		}
	}
	if _, err := secretariat.until(ctx, s, "status 15", func(a httpapi.DocumentAnswer) bool {
		return lastStatus(a, holders[0]) == "15" && lastStatus(a, holders[1]) == "15"
	}); err != nil {
		return err
	}
	d.say.note("Hai sở đã có bản mới và đồng ý cập nhật (15). / Both hold the new version.")
	return nil
}

// replacement puts one document in the place of another (business type 3).
func (d *day) replacement(ctx context.Context) error {
	secretariat, to := d.units[0], []*office{d.unit("Ban Quản lý dự án"), d.unit("Sở Tài nguyên và Môi trường")}
	d.say.at("14:30", "Quyết định mới thay thế quyết định cũ. / A decision replaces another.")
	old, err := secretariat.send(ctx, letter{kind: "Quyết định", notation: "QĐ-UBND", to: to, subject: "Về việc thành lập Tổ công tác giải phóng mặt bằng đường vành đai V"})
	if err != nil {
		return err
	}
	for _, o := range to {
		if _, err := o.take(ctx, 1); err != nil {
			return err
		}
	}
	s, err := secretariat.send(ctx, letter{kind: "Quyết định", notation: "QĐ-UBND", to: to, subject: "Về việc kiện toàn Tổ công tác giải phóng mặt bằng đường vành đai V",
		business: schemas.Business{Present: true, Type: schemas.BusinessReplace, Reason: "Thay đổi nhân sự",
			Replacements: []schemas.Replacement{{DocumentID: old.doc.DocumentID, OrganIDs: []string{to[0].code, to[1].code}}}}})
	if err != nil {
		return err
	}
	for _, o := range to {
		if _, err := o.take(ctx, 1); err != nil {
			return err
		}
	}
	if _, err := secretariat.until(ctx, old, "replacement", func(a httpapi.DocumentAnswer) bool {
		return slices.ContainsFunc(a.Related, func(r httpapi.RelationRow) bool { return r.Kind == "replaced-by" })
	}); err != nil {
		return err
	}
	d.say.note("%s thay thế %s ở cả hai nơi nhận. / Holders of the old one have the new one.", s.doc.Code, old.doc.Code)
	return nil
}

// powerCut kills the other node in the middle of hand-overs, and starts it again. Nothing is lost, nothing comes twice.
func (d *day) powerCut(ctx context.Context) error {
	secretariat := d.units[0]
	d.say.at("15:00", "Trạm VPCP mất điện giữa lúc tỉnh đang gửi. / VPCP loses power while the province is sending.")
	const letters = 6
	sent := make([]*sent, letters)
	var g errgroup.Group
	for i := range letters {
		g.Go(func() error {
			var err error
			sent[i], err = secretariat.send(ctx, letter{kind: "Báo cáo", notation: "BC-UBND", to: []*office{d.centre}, pages: 8,
				subject: fmt.Sprintf("Báo cáo nhanh số %d về tình hình mưa lũ và công tác khắc phục trên địa bàn tỉnh", i+1)})
			return err
		})
		if i == letters/2 {
			if err := d.vpcp.kill(); err != nil {
				return err
			}
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	d.say.note("Tỉnh vẫn nhận đủ %d báo cáo, có biên nhận. / The province accepted all of them, receipts in hand.", letters)
	waits := 0
	for _, s := range sent {
		a, err := secretariat.until(ctx, s, "a state at VPCP", func(a httpapi.DocumentAnswer) bool { return stateOf(a, d.centre) != "" })
		if err != nil {
			return err
		}
		if stateOf(a, d.centre) != "forwarded" {
			waits++
		}
	}
	d.say.note("Hàng đợi tới VPCP: %d văn bản đang chờ. / The queue waits.", waits)
	start := time.Now()
	if err := d.vpcp.start(ctx); err != nil {
		return err
	}
	for _, s := range sent {
		if _, err := secretariat.until(ctx, s, "hand-over", func(a httpapi.DocumentAnswer) bool { return stateOf(a, d.centre) == "forwarded" }); err != nil {
			return err
		}
	}
	got, err := d.centre.take(ctx, letters)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, p := range got {
		if p.Document == nil {
			continue
		}
		if seen[p.Document.DocumentID] {
			return fmt.Errorf("%s came twice", p.Document.DocumentID)
		}
		seen[p.Document.DocumentID] = true
	}
	if err := d.centre.emptied(ctx); err != nil {
		return err
	}
	d.say.note("Có điện lại: %d báo cáo đến VPCP sau %.1f giây, mỗi báo cáo đúng một lần. / The queue drained, each exactly once.", len(seen), time.Since(start).Seconds())
	return nil
}

// recipient is where an office's copy is; the zero row if it is none of the recipients.
func recipient(a httpapi.DocumentAnswer, o *office) httpapi.RecipientRow {
	for _, r := range a.Recipients {
		if r.Org == o.code {
			return r
		}
	}
	return httpapi.RecipientRow{}
}

func stateOf(a httpapi.DocumentAnswer, o *office) string { return recipient(a, o).State }

func lastStatus(a httpapi.DocumentAnswer, o *office) string { return recipient(a, o).LastStatus }

func inState(a httpapi.DocumentAnswer, state string) int {
	n := 0
	for _, r := range a.Recipients {
		if r.State == state {
			n++
		}
	}
	return n
}

func names(a httpapi.DocumentAnswer, state string) string {
	var out []string
	for _, r := range a.Recipients {
		if r.State == state {
			out = append(out, r.Name)
		}
	}
	return strings.Join(out, ", ")
}

func vietnameseState(state string) string {
	switch state {
	case "recalled":
		return "đã lấy, đánh dấu “đã thu hồi”"
	case "withdrawn":
		return "chưa lấy, đã rời hộp thư"
	}
	return state
}
