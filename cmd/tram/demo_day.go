package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// day is the believable working day that the demonstration plays: a province with its departments and districts,
// and the Government Office.
type day struct {
	say            *narrator
	province, vpcp *demoNode
	centre         *office   // Văn phòng Chính phủ
	units          []*office // of the province, in the order of their list
	by             map[string]*office
	tally          *tally

	offices   []*demoOffice
	accountOf map[string]demoAccount // of the offices' people, by user name
	browsers  map[string]*browser    // likewise, signed in
	plan      string                 // id of the letter that goes from draft to the end

	authorities *demoAuthorities
	chairman    *person     // of the province
	stamper     tsp.Stamper // for those who sign
	decided     *sent       // the decision that evidence is made of
	earlier     *sent       // what Sở Y tế sent before its key was lost
	revokedAt   time.Time
}

// narrator tells the day, with the hour it could have been.
type narrator struct {
	w    io.Writer
	pace time.Duration
}

func (n *narrator) at(clock, format string, args ...any) {
	fmt.Fprintf(n.w, "\n%s  %s\n", clock, fmt.Sprintf(format, args...))
	time.Sleep(n.pace)
}

func (n *narrator) note(format string, args ...any) {
	fmt.Fprintf(n.w, "       %s\n", fmt.Sprintf(format, args...))
	time.Sleep(n.pace / 3)
}

func (d *day) unit(name string) *office {
	o := d.by[name]
	if o == nil {
		panic("the demonstration knows no unit " + name)
	}
	return o
}

// play runs the day. Each step is a function of its own, so that the list reads as the day went.
func (d *day) play(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.directiveFromCentre, d.directiveOfCommittee, d.reports, d.decision, d.request, d.express, d.aliasAndClosed,
		d.oldSystem, d.refusals, d.duplicate, d.suspension, d.recall, d.takeBack, d.update, d.replacement, d.lostKey, d.powerCut,
		d.afterRevocation, d.work, d.dailyStamp,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

const committee = "Văn phòng UBND tỉnh"

func (d *day) directiveFromCentre(ctx context.Context) error {
	secretariat := d.unit(committee)
	d.say.at("07:40", "Văn phòng Chính phủ gửi công văn chỉ đạo cho tỉnh. / The Government Office sends a directive.")
	s, err := d.centre.send(ctx, letter{kind: "Công văn", notation: "VPCP-TH", to: []*office{secretariat}, due: 5, priority: schemas.PriorityUrgent,
		subject: "Về việc báo cáo tình hình kinh tế - xã hội và giải ngân vốn đầu tư công tháng 11 năm 2026",
		content: "Đề nghị UBND tỉnh báo cáo trước ngày làm việc thứ năm kể từ ngày nhận văn bản.", pages: 2})
	if err != nil {
		return err
	}
	d.say.note("%s, vị trí %d trong sổ của trạm VPCP. / Sealed at position %d of VPCP's log.", s.doc.Code, s.reply.Position, s.reply.Position)
	if _, err := secretariat.take(ctx, 1); err != nil {
		return err
	}
	if err := secretariat.report(ctx, s, "", schemas.StatusArrived, schemas.StatusAccepted, schemas.StatusAssigned); err != nil {
		return err
	}
	doc, err := d.centre.until(ctx, s, "status 04", func(a httpapi.DocumentAnswer) bool { return lastStatus(a, secretariat) == "04" })
	if err != nil {
		return err
	}
	d.say.note("Văn phòng UBND tỉnh tiếp nhận; VPCP thấy %d trạng thái, mới nhất %s. / Statuses came back across both nodes.", len(doc.Statuses), lastStatus(doc, secretariat))
	return nil
}

func (d *day) directiveOfCommittee(ctx context.Context) error {
	d.say.at("08:05", "UBND tỉnh ban hành chỉ thị cho %d đơn vị. / The committee issues a directive to all units.", len(d.units)-1)
	others := d.units[1:]
	s, err := d.units[0].send(ctx, letter{kind: "Chỉ thị", notation: "CT-UBND", to: others, pages: 4,
		subject: "Về tăng cường trao đổi văn bản điện tử có ký số giữa các cơ quan nhà nước trên địa bàn tỉnh",
		files:   []schemas.File{schemas.FileBytes("Chi thi ve trao doi van ban dien tu.pdf", "application/pdf", demoPDF("Chỉ thị"))}})
	if err != nil {
		return err
	}
	late := 3 // the last three districts are busy with the floods today
	var g errgroup.Group
	for _, o := range others[:len(others)-late] {
		g.Go(func() error {
			if _, err := o.take(ctx, 1); err != nil {
				return err
			}
			return o.report(ctx, s, "", schemas.StatusAccepted)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	taken := len(others) - late
	doc, err := d.units[0].until(ctx, s, "acknowledgements", func(a httpapi.DocumentAnswer) bool {
		return inState(a, "acknowledged") == taken && len(a.Statuses) == taken
	})
	if err != nil {
		return err
	}
	d.say.note("%d đơn vị đã nhận và vào sổ, %d chưa lấy: %s. / Who has not taken it is known.", inState(doc, "acknowledged"), inState(doc, "waiting"), names(doc, "waiting"))
	return nil
}

func (d *day) reports(ctx context.Context) error {
	plan := d.unit("Sở Kế hoạch và Đầu tư")
	d.say.at("08:30", "Các sở gửi báo cáo tháng; Sở Kế hoạch và Đầu tư gửi cả VPCP. / Departments report.")
	var g errgroup.Group
	for _, name := range []string{"Sở Tài chính", "Sở Y tế", "Sở Giáo dục - Đào tạo", "Sở Xây dựng", "Chi cục Kiểm lâm", "Cục Thống kê"} {
		o := d.unit(name)
		g.Go(func() error {
			_, err := o.send(ctx, letter{kind: "Báo cáo", notation: "BC-" + o.notation, to: []*office{d.units[0]}, pages: 12,
				subject: "Báo cáo kết quả công tác tháng 11 và phương hướng nhiệm vụ tháng 12 năm 2026 của " + o.name,
				files:   []schemas.File{schemas.FileBytes("bao-cao-thang-11.pdf", "application/pdf", demoPDF("Báo cáo"))}})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s, err := plan.send(ctx, letter{kind: "Báo cáo", notation: "BC-SKHĐT", to: []*office{d.units[0], d.centre}, pages: 30,
		subject: "Báo cáo tình hình giải ngân vốn đầu tư công 11 tháng năm 2026 của tỉnh Bắc Giang",
		files: []schemas.File{
			schemas.FileBytes("Báo cáo giải ngân 11 tháng.pdf", "application/pdf", demoPDF("Giải ngân")),
			schemas.FileBytes("Phụ lục 01 - Danh mục dự án.csv", "text/csv", []byte("Dự án;Kế hoạch;Giải ngân\nĐường vành đai V;120;98\nBệnh viện Sản - Nhi;75;75\n")),
		}})
	if err != nil {
		return err
	}
	if _, err := d.units[0].take(ctx, 7); err != nil {
		return err
	}
	if _, err := d.centre.take(ctx, 1); err != nil {
		return err
	}
	if err := d.centre.report(ctx, s, "", schemas.StatusAccepted); err != nil {
		return err
	}
	if _, err := plan.until(ctx, s, "status 03 of VPCP", func(a httpapi.DocumentAnswer) bool { return lastStatus(a, d.centre) == "03" }); err != nil {
		return err
	}
	d.say.note("7 báo cáo đã đến Văn phòng UBND tỉnh, 1 đến VPCP qua trạm bạn. / One crossed to the other node, unaltered.")
	return nil
}

func (d *day) request(ctx context.Context) error {
	district, finance := d.unit("Huyện Hiệp Hòa"), d.unit("Sở Tài chính")
	d.say.at("09:15", "Huyện Hiệp Hòa trình xin bổ sung kinh phí, kèm hai tệp; Sở Tài chính trả lời. / A district's request, and the reply.")
	s, err := district.send(ctx, letter{kind: "Tờ trình", notation: "TTr-UBND", to: []*office{d.units[0], finance}, due: 10, pages: 3,
		level: xades.LevelT, stamper: d.stamper,
		subject: "Về việc bổ sung kinh phí khắc phục sạt lở kè sông Cầu đoạn qua xã Mai Đình",
		files: []schemas.File{
			schemas.FileBytes("Tờ trình.pdf", "application/pdf", demoPDF("Tờ trình")),
			schemas.FileBytes("Dự toán chi tiết.csv", "text/csv", []byte("Hạng mục;Thành tiền (triệu đồng)\nĐá hộc;820\nNhân công;310\nMáy thi công;275\n")),
		}})
	if err != nil {
		return err
	}
	if _, err := district.verdict(ctx, s, "B-T"); err != nil {
		return err
	}
	d.say.note("Chữ ký có dấu thời gian (XAdES B-T): trạm kiểm cả hai. / The signature carries a time-stamp.")
	for _, o := range []*office{d.units[0], finance} {
		if _, err := o.take(ctx, 1); err != nil {
			return err
		}
		if err := o.report(ctx, s, "", schemas.StatusAccepted, schemas.StatusProcessing); err != nil {
			return err
		}
	}
	if _, err := finance.send(ctx, letter{kind: "Công văn", notation: "STC-NSNN", to: []*office{district}, answers: s, pages: 1,
		subject: "Về việc thẩm định dự toán khắc phục sạt lở kè sông Cầu, huyện Hiệp Hòa"}); err != nil {
		return err
	}
	if err := finance.report(ctx, s, "", schemas.StatusDone); err != nil {
		return err
	}
	if _, err := district.take(ctx, 1); err != nil {
		return err
	}
	doc, err := district.until(ctx, s, "status 06", func(a httpapi.DocumentAnswer) bool { return lastStatus(a, finance) == "06" })
	if err != nil {
		return err
	}
	d.say.note("Huyện thấy: Sở Tài chính đã hoàn thành (06), văn bản trả lời đã về; %d lượt trạng thái. / Feedback (hồi báo) is complete.", len(doc.Statuses))
	return nil
}

func (d *day) express(ctx context.Context) error {
	var districts []*office
	for _, o := range d.units {
		if strings.HasPrefix(o.name, "Huyện") || strings.HasPrefix(o.name, "Thị xã") {
			districts = append(districts, o)
		}
	}
	d.say.at("09:50", "Công điện HỎA TỐC ứng phó mưa lũ cho %d huyện, thị xã. / An express message to the districts.", len(districts))
	s, err := d.units[0].send(ctx, letter{kind: "Công điện", notation: "CĐ-UBND", to: districts, priority: schemas.PriorityExpress,
		subject: "Về việc tập trung ứng phó mưa lũ trên sông Thương, sông Lục Nam và sông Cầu"})
	if err != nil {
		return err
	}
	var g errgroup.Group
	for i, o := range districts {
		want := 1
		if i >= len(districts)-3 {
			want = 2 // these still had the directive of this morning
		}
		g.Go(func() error { _, err := o.take(ctx, want); return err })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if _, err := d.units[0].until(ctx, s, "acknowledgements", func(a httpapi.DocumentAnswer) bool { return inState(a, "acknowledged") == len(districts) }); err != nil {
		return err
	}
	d.say.note("Tất cả đã nhận, kể cả ba huyện sáng nay chưa lấy chỉ thị. / All have it.")
	return nil
}

func (d *day) aliasAndClosed(ctx context.Context) error {
	culture, sport := d.unit("Sở Văn hóa - Thông tin"), d.unit("Sở Thể dục Thể thao")
	d.say.at("10:20", "Sở Thể dục Thể thao nhập vào Sở Văn hóa - Thông tin: danh bạ đổi bằng một gói tin có ký. / Two departments merge by a signed change.")
	if _, err := d.province.change(ctx, "Quyết định hợp nhất hai sở", schemas.CloseOrganisation{Code: sport.code, Successor: culture.code, From: schemas.DateOf(time.Now().In(vietnam))}); err != nil {
		return err
	}
	s, err := d.unit("Sở Nội vụ").send(ctx, letter{kind: "Thông báo", notation: "TB-SNV", to: []*office{sport},
		toCodes: []schemas.Organisation{{ID: oldCode(d.units[0].code), Name: d.units[0].name}, {ID: d.units[0].code, Name: d.units[0].name}},
		subject: "Về việc sắp xếp tổ chức bộ máy các cơ quan chuyên môn thuộc UBND tỉnh"})
	if err != nil {
		return err
	}
	if _, err := culture.take(ctx, 1); err != nil {
		return err
	}
	if _, err := d.units[0].take(ctx, 1); err != nil {
		return err
	}
	d.say.note("%s gửi tới mã đã đóng %s: đến nơi kế thừa; mã cũ và mã mới của một cơ quan chỉ tính một lần. / Closed codes lead on, aliases count once.", s.doc.Code, sport.code)
	return nil
}

// oldSystem: an agency whose software cannot sign. The agency's enrolled key vouches for the file, which travels unaltered.
func (d *day) oldSystem(ctx context.Context) error {
	school := d.unit("Trường Chính trị")
	d.say.at("10:45", "Trường Chính trị còn phần mềm cũ không biết ký: cơ quan bảo đảm cho tệp. / An old system is vouched for.")
	to := d.unit("Sở Nội vụ")
	now := time.Now()
	today := schemas.DateOf(now.In(vietnam))
	inner := &schemas.Document{From: school.organisation(), To: []schemas.Organisation{{ID: to.code, Name: to.name}},
		Code: schemas.DocumentCode{Number: fmt.Sprint(school.numbers.next()), Notation: "TB-TCT"}, Promulgation: schemas.Promulgation{Place: "Bắc Giang", Date: today},
		Type: schemas.DocumentType{Type: "2", Name: "Thông báo"}, Subject: "Về việc khai giảng lớp bồi dưỡng ngạch chuyên viên khóa 12",
		Signer: schemas.Signer{Position: school.position, FullName: school.clerk}}
	inner.DocumentID = fmt.Sprintf("%s,%s,%s", school.code, today, inner.Code)
	file, _, err := schemas.MarshalDocument(inner, nil, schemas.WriteOptions{Time: now})
	if err != nil {
		return err
	}
	r, err := school.refused(ctx, file)
	if err != nil {
		return err
	}
	d.say.note("Gửi thẳng: từ chối %d (%s). / Unsigned as it is: refused.", r.Code, r.Vi)
	id, err := newID("submission")
	if err != nil {
		return err
	}
	outer, layout, err := schemas.MarshalSubmission(schemas.Header{ID: id, From: school.code, To: []string{to.code}, IssuedAt: now,
		Person: schemas.Person{Name: school.clerk, Position: "Văn thư"}},
		schemas.Submission{Voucher: schemas.VouchedByAgency, Sender: school.code, Channel: "folder:qlvb-cu", ReceivedAt: now,
			Reason: "Phần mềm quản lý văn bản cũ chưa ký số được", MediaType: "application/xml", FileName: "thong-bao.edxml", FileSHA256: sha256.Sum256(file)}, file)
	if err != nil {
		return err
	}
	signed, err := signing.Sign(outer, school.id.key, school.id.chain, signing.SignOptions{At: layout.SignatureSlot})
	if err != nil {
		return err
	}
	s := &sent{from: school, doc: inner, bytes: signed}
	if err := school.handIn(ctx, s); err != nil {
		return err
	}
	if _, err := to.take(ctx, 1); err != nil {
		return err
	}
	d.say.note("Qua gói bảo đảm: nhận, mức tin cậy “%s”, hiển thị mãi cùng văn bản. / Accepted as vouched by the agency.", s.reply.Assurance)
	return nil
}

func (d *day) refusals(ctx context.Context) error {
	d.say.at("11:10", "Những gì trạm không nhận. / What is refused.")
	interior := d.unit("Sở Nội vụ")
	secret, err := interior.write(ctx, letter{kind: "Công văn", notation: "MẬT/SNV", to: []*office{d.units[0]}, subject: "MẬT"})
	if err != nil {
		return err
	}
	tampered, err := interior.write(ctx, letter{kind: "Công văn", to: []*office{d.units[0]}, subject: "Về việc cử cán bộ đi học năm 2026"})
	if err != nil {
		return err
	}
	changed := bytes.Replace(tampered.bytes, []byte("năm 2026"), []byte("năm 2027"), 1)
	stranger, err := interior.write(ctx, letter{kind: "Công văn", to: []*office{d.units[0]}, subject: "Về việc phối hợp tổ chức hội nghị",
		toCodes: []schemas.Organisation{{ID: "H99.01", Name: "Sở không có"}, {ID: "H99.02", Name: "Sở cũng không có"}}})
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what  string
		bytes []byte
	}{{"Văn bản mật", secret.bytes}, {"Gói bị sửa sau khi ký", changed}, {"Nơi nhận không có trong danh bạ", stranger.bytes}} {
		r, err := interior.refused(ctx, c.bytes)
		if err != nil {
			return err
		}
		d.say.note("%s: từ chối %d — %s %s", c.what, r.Code, r.Vi, string(r.Details))
	}
	return nil
}

func (d *day) duplicate(ctx context.Context) error {
	health := d.unit("Sở Y tế")
	d.say.at("11:30", "Sở Y tế gửi lại cùng một gói vì mất mạng lúc chờ biên nhận. / The same package again.")
	s, err := health.send(ctx, letter{kind: "Công văn", to: []*office{d.units[0]}, subject: "Về việc phòng, chống dịch bệnh mùa đông - xuân"})
	if err != nil {
		return err
	}
	first := s.reply.Position
	d.earlier = s
	if err := health.handIn(ctx, s); err != nil {
		return err
	}
	if !s.reply.Duplicate || s.reply.Position != first {
		return fmt.Errorf("the same package was answered with position %d, the first time it was %d", s.reply.Position, first)
	}
	if _, err := d.units[0].take(ctx, 1); err != nil {
		return err
	}
	d.say.note("Vẫn vị trí %d, một văn bản, một lần nhận. / Same position, one document.", first)
	return nil
}
