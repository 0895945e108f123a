package schemas

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Code lists normalise and warn; they never refuse. What decides something (BussinessDocType, StatusCode, flags) is judged in
// rules.go instead.

// Priority is the urgency of a document.
type Priority int

// Priorities.
const (
	PriorityNormal  Priority = 0 // thường
	PriorityUrgent  Priority = 1 // khẩn
	PriorityVery    Priority = 2 // thượng khẩn
	PriorityExpress Priority = 3 // hỏa tốc
	PriorityTimed   Priority = 4 // hỏa tốc hẹn giờ
)

var priorityNames = [...]string{"thường", "khẩn", "thượng khẩn", "hỏa tốc", "hỏa tốc hẹn giờ"}

// Vietnamese is the name people read, "" for none of the list.
func (p Priority) Vietnamese() string {
	if p < 0 || int(p) >= len(priorityNames) {
		return ""
	}
	return priorityNames[p]
}

// StatusCode is the two-digit code of a status message.
type StatusCode string

// Status codes. 07–12 and 14 are not assigned.
const (
	StatusArrived        StatusCode = "01" // đã đến
	StatusRejected       StatusCode = "02" // từ chối tiếp nhận
	StatusAccepted       StatusCode = "03" // đã tiếp nhận
	StatusAssigned       StatusCode = "04" // phân công xử lý
	StatusProcessing     StatusCode = "05" // đang xử lý
	StatusDone           StatusCode = "06" // hoàn thành
	StatusTakeBack       StatusCode = "13" // lấy lại; the only one that the original sender reports
	StatusTakeBackAgreed StatusCode = "15" // đồng ý cập nhật/lấy lại
	StatusTakeBackDenied StatusCode = "16" // từ chối cập nhật/lấy lại
)

// StatusCodes lists the codes in order.
func StatusCodes() []StatusCode {
	return []StatusCode{StatusArrived, StatusRejected, StatusAccepted, StatusAssigned, StatusProcessing, StatusDone,
		StatusTakeBack, StatusTakeBackAgreed, StatusTakeBackDenied}
}

// Vietnamese is the name people read, "" for a code that is not in the list.
func (c StatusCode) Vietnamese() string {
	switch c {
	case StatusArrived:
		return "Đã đến"
	case StatusRejected:
		return "Từ chối tiếp nhận"
	case StatusAccepted:
		return "Đã tiếp nhận"
	case StatusAssigned:
		return "Đã phân công xử lý"
	case StatusProcessing:
		return "Đang xử lý"
	case StatusDone:
		return "Đã hoàn thành"
	case StatusTakeBack:
		return "Yêu cầu lấy lại"
	case StatusTakeBackAgreed:
		return "Đồng ý cập nhật hoặc lấy lại"
	case StatusTakeBackDenied:
		return "Từ chối cập nhật hoặc lấy lại"
	}
	return ""
}

// FromSender reports whether the status is reported by the sender of the document, not by a recipient.
func (c StatusCode) FromSender() bool { return c == StatusTakeBack }

// Vietnamese is the name people read, "" for none of the list.
func (b BusinessType) Vietnamese() string {
	switch b {
	case BusinessNew:
		return "mới"
	case BusinessRecall:
		return "thu hồi"
	case BusinessUpdate:
		return "cập nhật"
	case BusinessReplace:
		return "thay thế"
	}
	return ""
}

// SteeringMeaning is what a SteeringType means, once the sender's way of counting is known.
type SteeringMeaning int

// Meanings.
const (
	SteeringNone   SteeringMeaning = iota // không phải văn bản chỉ đạo
	SteeringOrder                         // chỉ đạo
	SteeringReport                        // báo cáo thực hiện chỉ đạo
)

// Vietnamese is the name people read.
func (s SteeringMeaning) Vietnamese() string {
	switch s {
	case SteeringOrder:
		return "văn bản chỉ đạo"
	case SteeringReport:
		return "báo cáo thực hiện chỉ đạo"
	}
	return "không phải văn bản chỉ đạo"
}

// Steering is SteeringType as written, and as understood.
type Steering struct {
	Raw     string
	Meaning SteeringMeaning
}

// SteeringProfile says how a sender's side counts SteeringType: two ways are in use.
type SteeringProfile int

// Profiles.
const (
	SteeringFromOne  SteeringProfile = iota // 1 none, 2 order, 3 report (0 is read as none)
	SteeringFromZero                        // 0 none, 1 order, 2 report
)

func (p SteeringProfile) meaning(raw string) (SteeringMeaning, bool) {
	if len(raw) != 1 || raw[0] < '0' || raw[0] > '3' {
		return SteeringNone, raw == ""
	}
	n := int(raw[0] - '0')
	if p == SteeringFromOne {
		return SteeringMeaning(max(n-1, 0)), true
	}
	return SteeringMeaning(n % 3), n < 3
}

// code is how the profile writes a meaning.
func (p SteeringProfile) code(m SteeringMeaning) string {
	if p == SteeringFromOne {
		m++
	}
	return string(rune('0' + int(m)))
}

// Groups of document types.
const (
	GroupLegal          = 1 // văn bản quy phạm pháp luật
	GroupAdministrative = 2 // văn bản hành chính
)

// DocumentTypeEntry is one entry of the code lists of document types.
type DocumentTypeEntry struct {
	Group        int    // GroupLegal or GroupAdministrative
	Number       int    // inside the group, QCVN 102:2016 as amended in 2022; 0: it has none
	Name         string // Vietnamese, lower case
	Abbreviation string // NĐ 30/2020 Phụ lục III; "" if it has none
	ND30         int    // place among the 29 types of NĐ 30/2020 Điều 7; 0: not one of them
}

// DocumentTypes lists the code lists: legal documents, then administrative ones. Some names stand in both.
func DocumentTypes() []DocumentTypeEntry { return append([]DocumentTypeEntry(nil), documentTypes...) }

var documentTypes = []DocumentTypeEntry{
	{GroupLegal, 1, "hiến pháp", "", 0},
	{GroupLegal, 2, "luật", "", 0},
	{GroupLegal, 3, "pháp lệnh", "", 0},
	{GroupLegal, 4, "lệnh", "", 0},
	{GroupLegal, 5, "nghị quyết", "", 0},
	{GroupLegal, 6, "nghị quyết liên tịch", "", 0},
	{GroupLegal, 7, "nghị định", "", 0},
	{GroupLegal, 8, "quyết định", "", 0},
	{GroupLegal, 9, "thông tư", "", 0},
	{GroupLegal, 10, "thông tư liên tịch", "", 0},
	{GroupLegal, 11, "chỉ thị", "", 0},
	{GroupLegal, 12, "bộ luật", "", 0},
	{GroupLegal, 13, "văn bản quy phạm pháp luật của đơn vị hành chính - kinh tế đặc biệt", "", 0},
	{GroupAdministrative, 1, "nghị quyết", "NQ", 1},
	{GroupAdministrative, 2, "quyết định", "QĐ", 2},
	{GroupAdministrative, 3, "chỉ thị", "CT", 3},
	{GroupAdministrative, 4, "quy chế", "QC", 4},
	{GroupAdministrative, 5, "quy định", "QyĐ", 5},
	{GroupAdministrative, 6, "thông cáo", "TC", 6},
	{GroupAdministrative, 7, "thông báo", "TB", 7},
	{GroupAdministrative, 8, "hướng dẫn", "HD", 8},
	{GroupAdministrative, 9, "chương trình", "CTr", 9},
	{GroupAdministrative, 10, "kế hoạch", "KH", 10},
	{GroupAdministrative, 11, "phương án", "PA", 11},
	{GroupAdministrative, 12, "đề án", "ĐA", 12},
	{GroupAdministrative, 13, "dự án", "DA", 13},
	{GroupAdministrative, 14, "báo cáo", "BC", 14},
	{GroupAdministrative, 15, "biên bản", "BB", 15},
	{GroupAdministrative, 16, "tờ trình", "TTr", 16},
	{GroupAdministrative, 17, "hợp đồng", "HĐ", 17},
	{GroupAdministrative, 18, "công văn", "", 18},
	{GroupAdministrative, 19, "công điện", "CĐ", 19},
	{GroupAdministrative, 20, "bản ghi nhớ", "BGN", 20},
	{GroupAdministrative, 21, "bản cam kết", "", 0},
	{GroupAdministrative, 22, "bản thỏa thuận", "BTT", 21},
	{GroupAdministrative, 23, "giấy chứng nhận", "", 0},
	{GroupAdministrative, 24, "giấy ủy quyền", "GUQ", 22},
	{GroupAdministrative, 25, "giấy mời", "GM", 23},
	{GroupAdministrative, 26, "giấy giới thiệu", "GGT", 24},
	{GroupAdministrative, 27, "giấy nghỉ phép", "GNP", 25},
	{GroupAdministrative, 28, "giấy đi đường", "", 0},
	{GroupAdministrative, 29, "giấy biên nhận hồ sơ", "", 0},
	{GroupAdministrative, 30, "phiếu gửi", "PG", 26},
	{GroupAdministrative, 31, "phiếu chuyển", "PC", 27},
	{GroupAdministrative, 32, "thư công", "", 29},
	{GroupAdministrative, 0, "phiếu báo", "PB", 28},
}

// Indexes of documentTypes, by folded name; the administrative entry first where both groups have the name.
var typesByName = sync.OnceValue(func() map[string][]*DocumentTypeEntry {
	m := make(map[string][]*DocumentTypeEntry, 4*len(documentTypes))
	for i := len(documentTypes) - 1; i >= 0; i-- {
		e := &documentTypes[i]
		first, n := utf8.DecodeRuneInString(e.Name)
		names := map[string]bool{foldName(e.Name): true, strings.ToUpper(e.Name): true, string(unicode.ToUpper(first)) + e.Name[n:]: true}
		for name := range names { // the usual ways of writing need no folding
			m[name] = append(m[name], e)
		}
	}
	return m
})

// FindDocumentType finds the entry that a TypeName means; group (1, 2 or 0 for unknown) decides between a legal and an
// administrative document of the same name. Case, spacing, Unicode form and the place of tone marks do not matter.
func FindDocumentType(name string, group int) *DocumentTypeEntry {
	entries, ok := typesByName()[name]
	if !ok {
		entries = typesByName()[foldName(name)]
	}
	if len(entries) == 0 {
		return nil
	}
	for _, e := range entries {
		if e.Group == group {
			return e
		}
	}
	return entries[0]
}

// findDocumentTypeNumber finds an entry by numbers, for senders who leave the name out.
func findDocumentTypeNumber(group, number string) *DocumentTypeEntry {
	g, ok1 := digits(group)
	n, ok2 := digits(number)
	if !ok1 || !ok2 || group == "" || number == "" || len(number) > 3 || n == 0 {
		return nil
	}
	for i := range documentTypes {
		if e := &documentTypes[i]; e.Group == g && e.Number == n {
			return e
		}
	}
	return nil
}

// oldTones are the places of tone marks that two spellings of Vietnamese disagree on.
var oldTones = strings.NewReplacer("oà", "òa", "oá", "óa", "oả", "ỏa", "oã", "õa", "oạ", "ọa",
	"oè", "òe", "oé", "óe", "oẻ", "ỏe", "oẽ", "õe", "oẹ", "ọe",
	"uỳ", "ùy", "uý", "úy", "uỷ", "ủy", "uỹ", "ũy", "uỵ", "ụy")

// foldName makes names comparable: NFC, lower case, one spelling of tone marks, single spaces, no remark in brackets.
func foldName(s string) string {
	s = strings.ToLower(norm.NFC.String(s))
	if i := strings.IndexByte(s, '('); i > 0 {
		s = s[:i]
	}
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return unicode.IsSpace(c) || c == '\u00a0' }), " ")
	// quy and quý keep their spelling: the u belongs to qu.
	return strings.ReplaceAll(oldTones.Replace(strings.ReplaceAll(s, "qu", "q\x00")), "q\x00", "qu")
}

// codes reads the code lists of a document.
func (r *reader) codes() {
	d := &r.msg.doc
	group, _ := digits(clipBytes(d.Type.Type, 2))
	d.Type.Entry = FindDocumentType(d.Type.Name, group)
	switch {
	case d.Type.Name == "":
		d.Type.Entry = findDocumentTypeNumber(d.Type.Type, d.Type.Detail)
		r.warn("document-type-missing", messagePath+"/DocumentType/TypeName", "document type has no name")
	case d.Type.Entry == nil:
		r.warn("document-type-unknown", messagePath+"/DocumentType/TypeName", "document type is not in the code lists")
	}
	o := &d.Other
	if n, ok := digits(o.PriorityRaw); ok && len(o.PriorityRaw) == 1 && Priority(n) <= PriorityTimed {
		o.Priority = Priority(n)
	} else if o.PriorityRaw != "" {
		r.warn("priority-unknown", messagePath+"/OtherInfo/Priority", "priority is none of 0 to 4, read as 0")
	}
	var ok bool
	if d.Steering.Meaning, ok = r.opts.Steering.meaning(d.Steering.Raw); !ok {
		r.warn("steering-unknown", messagePath+"/SteeringType", "steering type is not in the list, read as none")
	}
}

func clipBytes(s string, n int) string {
	if len(s) > n {
		return ""
	}
	return s
}
