package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/bilingual"
)

//go:embed verify_report.html
var verifyReportText string

var verifyReport = template.Must(template.New("report").Funcs(template.FuncMap{"local": reportTime, "count": reportCount}).Parse(verifyReportText))

// verifyClaim is one line of the report: something that a record can be proved to be.
type verifyClaim struct {
	State  string // proved, open (not proved), bad, or idle (not looked at, because something before it is bad)
	Vi, En string
	Detail string // numbers, names, digests
}

// Mark is what stands before the line; the report must say the same in black and white.
func (c verifyClaim) Mark() string {
	return map[string]string{"proved": "✓ đúng", "open": "– chưa chứng minh", "bad": "✗ SAI", "idle": "· chưa xét"}[c.State]
}

// html is the printable report.
func (a *verifyAnswer) html() ([]byte, error) {
	var b bytes.Buffer
	err := verifyReport.Execute(&b, struct {
		*verifyAnswer
		Claims  []verifyClaim
		Explain []verifyWords
	}{a, a.claims(), a.explain()})
	if err != nil {
		return nil, fmt.Errorf("couldn't write report: %w", err)
	}
	return b.Bytes(), nil
}

func reportTime(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(vietnam).Format("02/01/2006 15:04:05 -07:00")
}

// reportCount writes a number as Vietnamese readers write it.
func reportCount(v any) string {
	s := fmt.Sprint(v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "." + s[i:]
	}
	return s
}

// claims are all lines, in the order in which they build on each other.
func (a *verifyAnswer) claims() []verifyClaim {
	list := []verifyClaim{
		a.claim(true, "Mỗi sự kiện còn nguyên từng byte, đúng chỗ; không thiếu, không thừa, không đổi thứ tự",
			"Every event is unchanged to the byte and in its place; none is missing, added or moved",
			fmt.Sprintf("%s sự kiện / events", reportCount(a.Events)),
			"format", "database", "log", "event", "position", "version", "index", "facts", "evidence", "tree", "head"),
		a.claim(true, "Mỗi gói tin còn nguyên từng byte", "Every package is unchanged to the byte",
			fmt.Sprintf("%s gói tin / packages, %s byte", reportCount(a.Packages), reportCount(a.Bytes)), "package", "segment"),
		a.claim(true, "Chữ ký của người gửi đúng tại thời điểm tiếp nhận, theo chứng cứ đã lưu", "Senders' signatures hold as of acceptance, by the evidence kept then",
			a.judgedText(), "signature", "earlier verification"),
		a.claim(a.Rules != nil, "Mỗi quyết định đúng là điều các quy tắc cho ra từ lịch sử trước nó (quyết định lại)", "Every decision is what the rules give on the history before it (decided again)",
			a.rulesText(), kindRules),
		a.claim(a.Key != "" && a.Signed > 0, "Sổ này do trạm ký", "The record is signed by the node",
			a.signedText(), "checkpoint", "log key"),
		a.claim(a.Since != nil, "Từ mốc đã giữ trước đây đến nay không bị cắt bớt hay viết lại", "Nothing was cut off or rewritten since a checkpoint kept from earlier",
			a.sinceText(), "older checkpoint"),
		a.claim(a.Stamps > 0, "Dấu thời gian của bên thứ ba đúng", "Time-stamps by a third party hold",
			fmt.Sprintf("%s dấu / stamps", reportCount(a.Stamps)), "time-stamp"),
		a.claim(a.Published != nil, "Nhật ký công khai đúng với sổ", "The published log is that of the record", a.publishedText(), kindPublished),
		a.claim(a.Published != nil && a.Published.Satisfied, "Các nhân chứng đã thấy cùng một nhật ký", "Witnesses have seen the same log", a.witnessText(), "cosignatures"),
		a.claim(a.Views != nil, "Sổ đăng ký và trang tra cứu đúng với sự kiện (dựng lại và so sánh)", "Registers say what the events say (built again and compared)",
			a.viewsText(), "views"),
	}
	return list
}

func (a *verifyAnswer) rulesText() string {
	if a.Rules == nil {
		return "chưa xét lại / not asked"
	}
	return fmt.Sprintf("%s quyết định / decisions, %s sự kiện / events", reportCount(a.Rules.Appends), reportCount(a.Rules.Events))
}

func (a *verifyAnswer) signedText() string {
	if a.Key == "" {
		return "không có khóa để đối chiếu / no key was given"
	}
	return fmt.Sprintf("khóa nêu trên, đến sự kiện / by the key above, up to event %s", reportCount(a.Signed))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// claim is one line: bad if a problem of its kinds was found, idle if another was found and this was not looked at.
func (a *verifyAnswer) claim(proved bool, vi, en, detail string, kinds ...string) verifyClaim {
	c := verifyClaim{State: "open", Vi: vi, En: en, Detail: detail}
	switch {
	case a.hasProblem(kinds...):
		c.State = "bad"
	case !a.OK:
		c.State = "idle" // what came before it may be all that was looked at: claim nothing
	case proved:
		c.State = "proved"
	}
	return c
}

func (a *verifyAnswer) hasProblem(kinds ...string) bool {
	for _, p := range a.Problems {
		for _, k := range kinds {
			if p.Kind == k {
				return true
			}
		}
	}
	return false
}

func (a *verifyAnswer) judgedText() string {
	s := fmt.Sprintf("%s gói tin / packages", reportCount(a.Judged))
	if e := a.Earlier; e != nil {
		s += fmt.Sprintf("; trước sự kiện / before event %s: %s, xét lần cuối / last judged %s", reportCount(e.Size), reportCount(e.Judged), lastRun(e.Runs))
	}
	return s
}

func (a *verifyAnswer) sinceText() string {
	if a.Since == nil {
		return "không có mốc cũ / no older checkpoint was given"
	}
	return fmt.Sprintf("mốc / checkpoint: %s sự kiện / events", reportCount(*a.Since))
}

func (a *verifyAnswer) publishedText() string {
	if a.Published == nil {
		return "không có / none"
	}
	return fmt.Sprintf("%s sự kiện / events, %s tệp / files", reportCount(a.Published.Size), reportCount(a.Published.Files))
}

func (a *verifyAnswer) witnessText() string {
	p := a.Published
	if p == nil || p.Of == 0 {
		return "không có chính sách nhân chứng / no witness policy was given"
	}
	var names []string
	for _, c := range p.Cosigned {
		names = append(names, c.Witness+" ("+reportTime(c.Time)+")")
	}
	return fmt.Sprintf("%d, cần / needed %d/%d: %s", len(p.Cosigned), p.Need, p.Of, orElse(strings.Join(names, ", "), "–"))
}

func (a *verifyAnswer) viewsText() string {
	if a.Views == nil {
		return "không so sánh / not compared"
	}
	return fmt.Sprintf("%s sự kiện / events, %s dòng / rows", reportCount(a.Views.Position), reportCount(a.Views.Rows))
}

// verifyWords is a bad thing in words for people.
type verifyWords struct {
	verifyProblem
	En string
}

// problemWords say what a kind of bad thing means.
var problemWords = map[string]bilingual.Text{
	"format":               bilingual.Say("Thư mục không phải sổ của Trạm, hoặc của phiên bản khác.", "The folder is no record of Trạm, or of another version."),
	"database":             bilingual.Say("Tệp cơ sở dữ liệu hỏng hoặc bị sửa cấu trúc.", "The database file is damaged, or its tables were changed."),
	"log":                  bilingual.Say("Dòng đầu sổ không khớp với chính nó.", "The row that says where the log ends does not agree with itself."),
	"event":                bilingual.Say("Nội dung một sự kiện không hợp lệ: đã bị sửa sau khi ghi.", "An event is not as it was written: it was changed afterwards."),
	"position":             bilingual.Say("Thiếu một sự kiện, hoặc có sự kiện ở sai chỗ.", "An event is missing, or stands in the wrong place."),
	"version":              bilingual.Say("Thứ tự sự kiện của một văn bản bị đứt hoặc bị lặp.", "The events of one document do not follow each other."),
	"index":                bilingual.Say("Bảng chỉ mục không khớp với các sự kiện.", "An index does not agree with the events."),
	"facts":                bilingual.Say("Trích yếu, tên (dữ kiện) của một sự kiện bị sửa hoặc mất.", "The facts of an event (subject, names) were changed or are gone."),
	"evidence":             bilingual.Say("Chứng cứ kiểm tra chữ ký bị sửa, mất hoặc thêm vào.", "Validation evidence was changed, is missing or was added."),
	"package":              bilingual.Say("Một gói tin bị sửa, mất hoặc nằm sai chỗ.", "A package was changed, is missing or lies in the wrong place."),
	"segment":              bilingual.Say("Một tệp chứa gói tin bị cắt hoặc mất.", "A file of packages was cut or is missing."),
	"tree":                 bilingual.Say("Cây băm không khớp với các sự kiện: sự kiện hoặc cây đã bị sửa.", "The hash tree is not that of the events: one of them was changed."),
	"head":                 bilingual.Say("Đầu sổ không khớp với các sự kiện.", "The head of the log is not that of the events."),
	"log key":              bilingual.Say("Việc thay khóa của nhật ký không đúng.", "The keys of the log do not follow each other as they must."),
	"checkpoint":           bilingual.Say("Đầu sổ đã ký không phải của sổ này, hoặc chữ ký không đúng khóa.", "The signed head is not of this record, or not signed by the given key."),
	"older checkpoint":     bilingual.Say("Mốc giữ từ trước cho thấy sổ đã bị cắt hoặc viết lại.", "A checkpoint from earlier shows that the record was cut or rewritten."),
	"earlier verification": bilingual.Say("Phần đã kiểm chứng lần trước nay đã khác.", "What an earlier verification proved is no longer the same."),
	"signature":            bilingual.Say("Chữ ký của một gói tin không đúng theo chứng cứ đã lưu.", "The signature of a package does not hold by the evidence that was kept."),
	kindRules:              bilingual.Say("Một sự kiện không phải là điều mà các quy tắc đã công bố cho ra.", "An event is not what the published rules give."),
	"time-stamp":           bilingual.Say("Dấu thời gian không đúng.", "A time-stamp does not hold."),
	kindPublished:          bilingual.Say("Tệp nhật ký công khai không khớp với sổ.", "A file of the published log is not that of the record."),
	"cosignatures":         bilingual.Say("Không đủ nhân chứng xác nhận nhật ký.", "Not enough witnesses stand behind the log."),
	"views":                bilingual.Say("Sổ đăng ký hiển thị khác với sự kiện đã ghi.", "A register shows something else than the events say."),
	"unreadable":           bilingual.Say("Không đọc được.", "It could not be read."),
}

func (a *verifyAnswer) explain() []verifyWords {
	var out []verifyWords
	for _, p := range a.Problems {
		w := problemWords[p.Kind]
		p.Vi = w.Vi
		out = append(out, verifyWords{p, w.En})
	}
	return out
}
