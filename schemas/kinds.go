package schemas

import (
	"slices"
	"strings"
	"sync"
)

// FieldShape says what is written into a field of a form.
type FieldShape string

// Shapes.
const (
	ShapeLine FieldShape = "line"
	ShapeText FieldShape = "text" // several lines
	ShapeDay  FieldShape = "day"  // yyyy-MM-dd
)

// FormField is one field that the form of a kind has beside those that every draft has (Draft.Fields).
type FormField struct {
	Name     string // of DraftField
	Vi, En   string // label
	Shape    FieldShape
	Required bool
}

// KindForm is one of the 29 kinds of NĐ 30/2020 Điều 7, and what its form asks for.
type KindForm struct {
	DocumentTypeEntry
	En string // English name
	// Model is the number of the model in Phụ lục III of the decree that the form follows, "" none: where it has none, fields are those
	// that practice has, and none of them is required.
	Model  string
	Fields []FormField
}

// Kinds lists the 29 kinds in the order of the decree.
func Kinds() []KindForm { return slices.Clone(kinds()) }

// KindOf finds the kind that a name means, as FindDocumentType does.
func KindOf(name string) (KindForm, bool) {
	e := FindDocumentType(name, GroupAdministrative)
	if e == nil || e.Group != GroupAdministrative || e.ND30 == 0 {
		return KindForm{}, false
	}
	return kinds()[e.ND30-1], true
}

// Missing names the required fields that are empty, in the order of the form.
func (k KindForm) Missing(fields []DraftField) []string {
	var out []string
	for _, f := range k.Fields {
		if f.Required && !slices.ContainsFunc(fields, func(d DraftField) bool { return d.Name == f.Name && strings.TrimSpace(d.Value) != "" }) {
			out = append(out, f.Name)
		}
	}
	return out
}

// kinds joins the code list with the forms below.
var kinds = sync.OnceValue(func() []KindForm {
	out := make([]KindForm, len(forms))
	for _, e := range documentTypes {
		if e.ND30 > 0 {
			out[e.ND30-1] = forms[e.ND30-1]
			out[e.ND30-1].DocumentTypeEntry = e
		}
	}
	return out
})

func lineField(name, vi, en string) FormField { return FormField{name, vi, en, ShapeLine, false} }
func textField(name, vi, en string) FormField { return FormField{name, vi, en, ShapeText, false} }
func dayField(name, vi, en string) FormField  { return FormField{name, vi, en, ShapeDay, false} }

func (f FormField) required() FormField {
	f.Required = true
	return f
}

// Fields that several forms have.
var (
	fieldGround  = textField("ground", "Căn cứ ban hành", "Legal ground").required()
	fieldTime    = lineField("time", "Thời gian", "Time").required()
	fieldPlace   = lineField("venue", "Địa điểm", "Venue").required()
	fieldPerson  = lineField("person", "Ông (bà)", "Person").required()
	fieldPost    = lineField("post", "Chức vụ", "Position")
	fieldParties = textField("parties", "Các bên", "Parties")
	fieldItems   = textField("items", "Văn bản, tài liệu kèm theo", "Documents enclosed")
	fieldWith    = lineField("issued-with", "Ban hành kèm theo", "Issued with")
)

// forms are in the order of the decree's list. Model numbers and fields of the models are those of Phụ lục III: 1.1 nghị quyết, 1.2
// quyết định, 1.4 the kinds that have no model of their own, 1.5 công văn, 1.6 công điện, 1.7 giấy mời, 1.8 giấy giới thiệu, 1.9 biên
// bản, 1.10 giấy nghỉ phép. Their labels were written down from knowledge of the models, not from the decree's text: to be compared
// with it before an agency relies on a field being asked for.
var forms = [29]KindForm{
	{En: "resolution", Model: "1.1", Fields: []FormField{fieldGround}},
	{En: "decision", Model: "1.2", Fields: []FormField{fieldGround}},
	{En: "directive", Model: "1.4"},
	{En: "regulations", Model: "1.4", Fields: []FormField{fieldWith}},
	{En: "rules", Model: "1.4", Fields: []FormField{fieldWith}},
	{En: "communiqué", Model: "1.4"},
	{En: "notice", Model: "1.4"},
	{En: "guidance", Model: "1.4"},
	{En: "programme", Model: "1.4"},
	{En: "plan", Model: "1.4"},
	{En: "scheme", Model: "1.4"},
	{En: "proposal", Model: "1.4"},
	{En: "project", Model: "1.4"},
	{En: "report", Model: "1.4"},
	{En: "minutes", Model: "1.9", Fields: []FormField{
		fieldTime, fieldPlace, textField("attendees", "Thành phần tham dự", "Attendees").required(), lineField("chair", "Chủ trì", "Chair").required(),
		lineField("secretary", "Thư ký", "Secretary").required(),
	}},
	{En: "submission", Model: "1.4"},
	{En: "contract", Fields: []FormField{fieldParties}},
	{En: "official letter", Model: "1.5"},
	{En: "official telegram", Model: "1.6"},
	{En: "memorandum", Fields: []FormField{fieldParties}},
	{En: "agreement", Fields: []FormField{fieldParties}},
	{En: "authorisation", Fields: []FormField{
		lineField("person", "Người được ủy quyền", "Authorised person"), fieldPost, textField("scope", "Nội dung ủy quyền", "Scope"),
		dayField("until", "Có giá trị đến hết ngày", "Valid until"),
	}},
	{En: "invitation", Model: "1.7", Fields: []FormField{
		textField("invited", "Kính mời", "Invited").required(), fieldTime, fieldPlace, lineField("chair", "Chủ trì", "Chair"),
	}},
	{En: "letter of introduction", Model: "1.8", Fields: []FormField{
		fieldPerson, fieldPost, lineField("sent-to", "Được cử đến", "Sent to").required(), textField("matter", "Về việc", "Matter").required(),
		dayField("until", "Có giá trị đến hết ngày", "Valid until").required(),
	}},
	{En: "leave permit", Model: "1.10", Fields: []FormField{
		fieldPerson, fieldPost, dayField("from", "Nghỉ từ ngày", "From").required(), dayField("until", "Đến hết ngày", "Until").required(),
		lineField("where", "Nơi nghỉ phép", "Where"),
	}},
	{En: "dispatch slip", Fields: []FormField{fieldItems}},
	{En: "transfer slip", Fields: []FormField{fieldItems, lineField("transferred-to", "Chuyển đến", "Transferred to")}},
	{En: "notification slip", Fields: []FormField{textField("matter", "Nội dung báo", "Matter")}},
	{En: "official's personal letter"},
}
