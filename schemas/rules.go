package schemas

import (
	"time"
	"unicode/utf8"

	"github.com/tram-exchange/tram/internal/orgid"
)

// clockSkew is how far a status may lie ahead of us before its time counts as in the future.
const clockSkew = 5 * time.Minute

// length judges the length of a field that is being read.
func (r *reader) length(n *node, v string) {
	b := &n.bind
	if b.limit > 0 && len(v) > b.limit {
		if c := utf8.RuneCountInString(v); c > b.limit {
			r.problem(FieldTooLong, r.path(), "", "field has %d characters, limit is %d", c, b.limit)
			return
		}
	}
	if b.warn > 0 && len(v) > b.warn {
		if c := utf8.RuneCountInString(v); c > b.warn {
			r.warn("field-long", r.path(), "field has %d characters, other systems may cut it after %d", c, b.warn)
		}
	}
}

// date reads the date of the field that is open.
func (r *reader) date(v string) Date {
	if v == "" {
		return Date{}
	}
	d, ok := ParseDate(v)
	if !ok {
		r.problem(BadDate, r.path(), v, "date is not a day written as yyyy/MM/dd")
	}
	return d
}

// flag reads 0 or 1 of the field that is open.
func (r *reader) flag(v string) bool {
	if v != "0" && v != "1" {
		r.problem(BadCode, r.path(), v, "value is neither 0 nor 1")
	}
	return v == "1"
}

func (r *reader) required(path, v string) bool {
	if v == "" {
		r.problem(MissingField, path, "", "required field is missing")
	}
	return v != ""
}

// identifier judges the form of an organisation's code. Whether it exists is the directory's matter.
func (r *reader) identifier(path, v string, required bool) {
	if v == "" {
		if required {
			r.required(path, v)
		}
		return
	}
	if len(v) > lenOrganID {
		return // refused as too long when it was read
	}
	if _, err := orgid.Parse(v); err != nil {
		r.problem(BadIdentifier, path, v, "organisation code has a form that none can have")
	}
}

// sender is the sender as far as it has been read.
func (r *reader) sender() string {
	if r.tram.header.From != "" {
		return r.tram.header.From
	}
	return clip(r.msg.doc.From.ID)
}

// finish judges what is known only at the end, and hands out the package.
func (r *reader) finish() (*Package, error) {
	switch {
	case r.g == nil: // cannot be: a document has a root
		return nil, &Refusal{Stage: StageXML, Problems: []*Problem{{Code: XMLTruncated, Offset: -1}}}
	case r.g.namespace == NamespaceTram:
		r.finishTram()
	case r.msg.status:
		r.finishStatus()
	default:
		r.finishDocument()
	}
	ruleProblems := len(r.problems)
	if err := r.files(); err != nil {
		return nil, err
	}
	if len(r.problems) == 0 {
		return r.pkg, nil
	}
	stage := StageRules
	if ruleProblems == 0 {
		stage = StageAttachment
	}
	ref := &Refusal{Stage: stage, Kind: r.kind, Sender: r.sender(), Problems: r.problems, More: r.more}
	if r.pkg.Secrecy != SecrecyNone {
		// Nothing of a secret's content goes any further, not even in the other problems of the package.
		ref.Secrecy, ref.More = r.pkg.Secrecy, false
		ref.Problems = []*Problem{{Code: Secret, Path: r.secretPath(), Offset: -1, Detail: "package is marked as a state secret"}}
	}
	return nil, ref
}

func (r *reader) secretPath() string {
	for _, p := range r.problems {
		if p.Code == Secret {
			return p.Path
		}
	}
	return ""
}

// files opens what the package carries. Nothing is opened once a secrecy mark is found.
func (r *reader) files() error {
	if r.pkg.Secrecy != SecrecyNone {
		return nil
	}
	if r.kind == KindDocument {
		return r.attachments()
	}
	if r.kind == KindSubmission {
		return r.submittedFile()
	}
	if r.kind == KindDossierAction {
		return r.actionFiles()
	}
	return nil
}

func (r *reader) finishDocument() {
	r.kind = KindDocument
	m, d := &r.msg, &r.msg.doc
	r.required(messagePath+"/From/OrganName", d.From.Name)
	r.identifier(messagePath+"/From/OrganId", d.From.ID, true)
	r.recipients()
	if r.required(messagePath+"/Code/CodeNumber", d.Code.Number) && !validNumber(d.Code.Number) {
		r.problem(BadCode, messagePath+"/Code/CodeNumber", d.Code.Number, "number of a document is digits, with at most a short suffix")
	}
	r.required(messagePath+"/Code/CodeNotation", d.Code.Notation)
	r.required(messagePath+"/Subject", d.Subject)
	datePath := messagePath + "/PromulgationInfo/PromulgationDate"
	if r.required(datePath, m.dateRaw) && !r.opts.Now.IsZero() && d.Promulgation.Date.After(DateOf(r.opts.Now)) {
		r.problem(FutureDate, datePath, m.dateRaw, "date is after today, %s in Viet Nam", DateOf(r.opts.Now))
	}
	if d.DocumentID == "" && d.From.ID != "" && d.Code.Number != "" && d.Code.Notation != "" && !d.Promulgation.Date.IsZero() {
		d.DocumentID = d.From.ID + "," + d.Promulgation.Date.String() + "," + d.Code.String()
		r.warn("document-id-derived", messagePath+"/DocumentId", "sender left out DocumentId; it is derived as the convention says")
	}
	for i := range d.ResponseFor {
		if _, err := orgid.Parse(d.ResponseFor[i].OrganID); err != nil {
			r.identifier(indexed(messagePath+"/ResponseFor", i)+"/OrganId", d.ResponseFor[i].OrganID, false)
		}
	}
	r.businessRules()
	r.codes()
	r.secrecy()
	r.pkg.Kind, r.pkg.Document = r.kind, d.clone()
	if len(m.refs)+len(m.attachments) == 0 && d.Business.Type == BusinessNew {
		r.warn("no-attachment", manifestPath, "document has no attachment")
	}
}

// clone copies the document out of the reader, whose memory serves the next package.
func (d *Document) clone() *Document {
	c := *d
	return &c
}

func (r *reader) recipients() {
	d := &r.msg.doc
	if len(d.To) == 0 {
		r.required(messagePath+"/To", "")
		return
	}
	seen := make(map[string]bool, len(d.To))
	for i := range d.To {
		id, err := orgid.Parse(d.To[i].ID)
		if err != nil {
			r.identifier(indexed(messagePath+"/To", i)+"/OrganId", d.To[i].ID, true)
			continue
		}
		if seen[id.String()] {
			r.problem(DuplicateRecipient, indexed(messagePath+"/To", i)+"/OrganId", d.To[i].ID, "recipient stands twice")
		}
		seen[id.String()] = true
	}
}

// businessRules judges what a document does to earlier ones: these codes decide, so they refuse.
func (r *reader) businessRules() {
	m, b := &r.msg, &r.msg.doc.Business
	if !b.Present {
		return
	}
	path := m.businessPath() + "/BussinessDocType"
	switch m.business {
	case "0", "1", "2", "3":
		b.Type = BusinessType(m.business[0] - '0')
	case "":
		r.warn("business-type-missing", path, "BussinessDocType is missing, read as 0 (new)")
	default:
		r.problem(BadCode, path, m.business, "BussinessDocType is none of 0, 1, 2, 3")
		return
	}
	for i := range b.Replacements {
		if b.Type == BusinessReplace && b.Replacements[i].DocumentID == "" {
			r.problem(MissingField, m.businessPath()+"/ReplacementInfoList/ReplacementInfo/DocumentId", "", "required field is missing")
			return
		}
	}
	if b.Type == BusinessNew || len(m.doc.Affects()) > 0 {
		return
	}
	what := map[BusinessType]string{BusinessRecall: messagePath + "/ResponseFor", BusinessUpdate: m.businessPath() + "/DocumentId",
		BusinessReplace: m.businessPath() + "/ReplacementInfoList"}[b.Type]
	r.problem(MissingField, what, "", "the package does not say which document it concerns")
}

func (r *reader) finishStatus() {
	r.kind = KindStatus
	m := &r.msg
	s := &Status{From: m.doc.From, Staff: m.staff, Description: m.description, TimestampRaw: m.timestamp, Extensions: m.doc.Extensions}
	if m.body || len(m.doc.To) > 0 && m.doc.Subject != "" {
		r.problem(AmbiguousKind, messagePath+"/StatusCode", "", "package has a StatusCode and parts of a document")
	}
	r.identifier(messagePath+"/From/OrganId", s.From.ID, true)
	switch len(m.doc.ResponseFor) {
	case 0:
		r.required(messagePath+"/ResponseFor", "")
	case 1:
		s.ResponseFor = m.doc.ResponseFor[0]
		r.identifier(messagePath+"/ResponseFor/OrganId", s.ResponseFor.OrganID, true)
		r.required(messagePath+"/ResponseFor/Code", s.ResponseFor.Code)
		r.required(messagePath+"/ResponseFor/DocumentId", s.ResponseFor.DocumentID)
	default:
		r.problem(RepeatedField, messagePath+"/ResponseFor[2]", "", "a status answers one document")
	}
	r.statusCode(s)
	r.statusTime(s)
	r.secrecy()
	r.pkg.Kind, r.pkg.Status = r.kind, s
}

func (r *reader) statusCode(s *Status) {
	path := messagePath + "/StatusCode"
	v := r.msg.statusCode
	if !r.required(path, v) {
		return
	}
	if len(v) == 1 {
		r.warn("status-code-short", path, "status code has one digit, read as 0%s", v)
		v = "0" + v
	}
	s.Code = StatusCode(v)
	if s.Code.Vietnamese() == "" {
		r.problem(BadCode, path, v, "status code is not in the list")
	}
}

func (r *reader) statusTime(s *Status) {
	path := messagePath + "/Timestamp"
	if !r.required(path, s.TimestampRaw) {
		return
	}
	t, ok := parseTimestamp(s.TimestampRaw)
	if !ok {
		r.problem(BadDate, path, s.TimestampRaw, "time is not written as yyyy/MM/dd HH:mm:ss")
		return
	}
	s.Timestamp = t
	if !r.opts.Now.IsZero() && t.After(r.opts.Now.Add(clockSkew)) {
		r.problem(FutureDate, path, s.TimestampRaw, "time lies in the future")
	}
}

// validNumber: digits, then at most three letters ("12", "12a", "07-bis").
func validNumber(v string) bool {
	i := 0
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		i++
	}
	if i == 0 {
		return false
	}
	rest := v[i:]
	if rest == "" {
		return true
	}
	if rest[0] == '-' || rest[0] == '.' {
		rest = rest[1:]
	}
	n := 0
	for _, c := range rest {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == 'đ' || c == 'Đ') {
			return false
		}
		n++
	}
	return n >= 1 && n <= 3
}
