package schemas

import (
	"time"

	"github.com/tram-exchange/tram/internal/orgid"
	"github.com/tram-exchange/tram/internal/xmlstream"
)

// message is an edXML message while it is read: document and status share their elements.
type message struct {
	doc         Document
	status      bool // a StatusCode was seen
	statusCode  string
	description string
	timestamp   string
	staff       Staff // of the status
	body        bool  // anything of a document's body or business was seen

	dateRaw, dueRaw string
	business        string
	besideTrace     bool // Bussiness stands in the header itself
	businessCount   int

	response    ResponseFor
	trace       TraceHeader
	update      BusinessUpdateInfo
	receiver    Receiver
	replacement Replacement
	person      Staff
	refs        []manifestRef
	attachments []attachmentDraft
	ref         manifestRef
	attachment  attachmentDraft
}

// Lengths above which a field is odd or refused, in characters. The first figure is the one that hubs in the field
// use. The few fields that identify a document are refused above it; the others only far above it, since a long
// address is no reason to keep a document from its recipient.
const (
	lenOrganID   = 35
	lenOrganName = 200
	lenSubject   = 500
	lenNumber    = 11
	lenNotation  = 30
	lenLong      = 4000
)

const (
	envelopePath = "/edXML/edXMLEnvelope"
	headerPath   = envelopePath + "/edXMLHeader"
	messagePath  = headerPath + "/MessageHeader"
	tracePath    = headerPath + "/TraceHeaderList"
	manifestPath = envelopePath + "/edXMLBody/edXMLManifest"
	encodedPath  = "/edXML/AttachmentEncoded"
)

type fields map[string]binding

func (m *message) businessPath() string {
	if m.besideTrace {
		return headerPath + "/Bussiness"
	}
	return tracePath + "/Bussiness"
}

// field binds a leaf to a place in the message.
func (f fields) field(path string, warn, limit int, at func(m *message) *string) {
	f[path] = binding{warn: warn, limit: limit, set: func(r *reader, v string) { *at(&r.msg) = v }}
}

// list binds a repeatable leaf to a list.
func (f fields) list(path string, warn, limit int, at func(m *message) *[]string) {
	f[path] = binding{many: true, warn: warn, limit: limit, set: func(r *reader, v string) {
		if v != "" {
			l := at(&r.msg)
			*l = append(*l, v)
		}
	}}
}

// edxmlBindings is what the reader does with each element of edxml-accept.xsd.
func edxmlBindings() map[string]binding {
	f := fields{}
	f.organisation(messagePath+"/From", func(m *message) *Organisation { return &m.doc.From })
	f.organisation(messagePath+"/To", func(m *message) *Organisation { return &m.doc.To[len(m.doc.To)-1] })
	f[messagePath+"/To"] = binding{many: true, open: func(r *reader, _ *xmlstream.Token) { r.msg.doc.To = append(r.msg.doc.To, Organisation{}) }}
	f.message()
	f.otherInfo()
	f.response()
	f.status()
	f[tracePath+"/TraceHeader"] = binding{many: true,
		open:  func(r *reader, _ *xmlstream.Token) { r.msg.trace = TraceHeader{} },
		close: func(r *reader) { r.msg.doc.Trace.Headers = append(r.msg.doc.Trace.Headers, r.msg.trace) }}
	f.field(tracePath+"/TraceHeader/OrganId", lenOrganID, 200, func(m *message) *string { return &m.trace.OrganID })
	f.field(tracePath+"/TraceHeader/Timestamp", 30, 200, func(m *message) *string { return &m.trace.Timestamp })
	f.business(tracePath + "/Bussiness")
	f.business(headerPath + "/Bussiness")
	f.manifest()
	f.encoded()
	return f
}

func (f fields) organisation(path string, at func(m *message) *Organisation) {
	f.field(path+"/OrganId", 0, lenOrganID, func(m *message) *string { return &at(m).ID })
	f.field(path+"/OrganizationInCharge", 500, lenLong, func(m *message) *string { return &at(m).InCharge })
	f.field(path+"/OrganName", 0, lenOrganName, func(m *message) *string { return &at(m).Name })
	f.field(path+"/OrganAdd", 500, lenLong, func(m *message) *string { return &at(m).Address })
	f.field(path+"/Email", 100, 1000, func(m *message) *string { return &at(m).Email })
	f.field(path+"/Telephone", 50, 1000, func(m *message) *string { return &at(m).Telephone })
	f.field(path+"/Fax", 50, 1000, func(m *message) *string { return &at(m).Fax })
	f.field(path+"/Website", 200, 1000, func(m *message) *string { return &at(m).Website })
}

func (f fields) message() {
	p := messagePath
	f.field(p+"/DocumentId", 0, 200, func(m *message) *string { return &m.doc.DocumentID })
	f.field(p+"/Code/CodeNumber", 0, lenNumber, func(m *message) *string { return &m.doc.Code.Number })
	f.field(p+"/Code/CodeNotation", 0, lenNotation, func(m *message) *string { return &m.doc.Code.Notation })
	f.field(p+"/PromulgationInfo/Place", 50, 1000, func(m *message) *string { return &m.doc.Promulgation.Place })
	f[p+"/PromulgationInfo/PromulgationDate"] = binding{limit: 100, set: func(r *reader, v string) {
		r.msg.dateRaw, r.msg.doc.Promulgation.Date = v, r.date(v)
	}}
	f.field(p+"/DocumentType/Type", 3, 1000, func(m *message) *string { return &m.doc.Type.Type })
	f.field(p+"/DocumentType/TypeDetail", 3, 1000, func(m *message) *string { return &m.doc.Type.Detail })
	f.field(p+"/DocumentType/TypeName", 100, 1000, func(m *message) *string { return &m.doc.Type.Name })
	f.field(p+"/Subject", 0, lenSubject, func(m *message) *string { return &m.doc.Subject })
	f.field(p+"/Content", 500, 10000, func(m *message) *string { return &m.doc.Content })
	f.field(p+"/SignerInfo/Competence", 100, 1000, func(m *message) *string { return &m.doc.Signer.Competence })
	f.field(p+"/SignerInfo/Position", 100, 1000, func(m *message) *string { return &m.doc.Signer.Position })
	f.field(p+"/SignerInfo/FullName", 50, 1000, func(m *message) *string { return &m.doc.Signer.FullName })
	f[p+"/DueDate"] = binding{limit: 100, set: func(r *reader, v string) { r.msg.dueRaw, r.msg.doc.DueDate = v, r.date(v) }}
	f.list(p+"/ToPlaces/Place", 150, 1000, func(m *message) *[]string { return &m.doc.ToPlaces })
	f.field(p+"/SteeringType", 3, 100, func(m *message) *string { return &m.doc.Steering.Raw })
	f.list(p+"/ResponseForTask/TaskCode", 100, 1000, func(m *message) *[]string { return &m.doc.TaskCodes })
	f.field(p+"/ApplicationType", 100, 1000, func(m *message) *string { return &m.doc.ApplicationType })
}

func (f fields) otherInfo() {
	p := messagePath + "/OtherInfo"
	f.field(p+"/Priority", 3, 100, func(m *message) *string { return &m.doc.Other.PriorityRaw })
	f.field(p+"/SphereOfPromulgation", 100, 1000, func(m *message) *string { return &m.doc.Other.SphereOfPromulgation })
	f.field(p+"/TyperNotation", 10, 1000, func(m *message) *string { return &m.doc.Other.TyperNotation })
	f.field(p+"/PromulgationAmount", 9, 100, func(m *message) *string { return &m.doc.Other.PromulgationAmount })
	f.field(p+"/PageAmount", 9, 100, func(m *message) *string { return &m.doc.Other.PageAmount })
	f.field(p+"/Direction", 5, 100, func(m *message) *string { return &m.doc.Other.Direction })
	f.field(p+"/ReplyFors", 500, lenLong, func(m *message) *string { return &m.doc.Other.ReplyFors })
	f.field(p+"/ReferenceCodes", 500, lenLong, func(m *message) *string { return &m.doc.Other.ReferenceCodes })
	f.list(p+"/Appendixes/Appendix", 500, lenLong, func(m *message) *[]string { return &m.doc.Other.Appendixes })
}

func (f fields) response() {
	p := messagePath + "/ResponseFor"
	f[p] = binding{many: true,
		open:  func(r *reader, _ *xmlstream.Token) { r.msg.response = ResponseFor{} },
		close: func(r *reader) { r.msg.doc.ResponseFor = append(r.msg.doc.ResponseFor, r.msg.response) }}
	f.field(p+"/OrganId", 0, lenOrganID, func(m *message) *string { return &m.response.OrganID })
	f.field(p+"/Code", 100, 200, func(m *message) *string { return &m.response.Code })
	f.field(p+"/DocumentId", 0, 200, func(m *message) *string { return &m.response.DocumentID })
	f[p+"/PromulgationDate"] = binding{limit: 100, set: func(r *reader, v string) {
		d, ok := ParseDate(v)
		if !ok && v != "" {
			r.warn("date-unreadable", r.path(), "date is not yyyy/MM/dd")
		}
		r.msg.response.PromulgationDate, r.msg.response.DateRaw = d, v
	}}
}

func (f fields) status() {
	p := messagePath
	f[p+"/StatusCode"] = binding{limit: 100, set: func(r *reader, v string) { r.msg.status, r.msg.statusCode = true, v }}
	f.field(p+"/Description", 500, 10000, func(m *message) *string { return &m.description })
	f.field(p+"/Timestamp", 0, 100, func(m *message) *string { return &m.timestamp })
	f.staff(p+"/StaffInfo", func(m *message) *Staff { return &m.staff })
}

func (f fields) staff(path string, at func(m *message) *Staff) {
	f.field(path+"/Department", 250, 1000, func(m *message) *string { return &at(m).Department })
	f.field(path+"/DepartmentId", 100, 1000, func(m *message) *string { return &at(m).DepartmentID })
	f.field(path+"/Staff", 100, 1000, func(m *message) *string { return &at(m).Name })
	f.field(path+"/StaffId", 100, 1000, func(m *message) *string { return &at(m).ID })
	f.field(path+"/Email", 100, 1000, func(m *message) *string { return &at(m).Email })
	f.field(path+"/Mobile", 50, 1000, func(m *message) *string { return &at(m).Mobile })
}

func (f fields) business(p string) {
	f[p] = binding{open: func(r *reader, _ *xmlstream.Token) {
		m := &r.msg
		m.doc.Business.Present, m.body, m.besideTrace = true, true, p == headerPath+"/Bussiness"
		if m.businessCount++; m.businessCount == 2 && r.frames[len(r.frames)-1].occurrence == 1 {
			r.problem(RepeatedField, r.path(), "", "Bussiness stands in more than one place")
		}
	}}
	f.field(p+"/DocumentId", 0, 200, func(m *message) *string { return &m.doc.Business.DocumentID })
	f.field(p+"/BussinessDocType", 0, 100, func(m *message) *string { return &m.business })
	f.field(p+"/BussinessDocReason", 500, lenLong, func(m *message) *string { return &m.doc.Business.Reason })
	f.field(p+"/Paper", 10, 100, func(m *message) *string { return &m.doc.Business.Paper })

	u := p + "/BussinessDocumentInfo"
	f[u] = binding{many: true,
		open:  func(r *reader, _ *xmlstream.Token) { r.msg.update = BusinessUpdateInfo{} },
		close: func(r *reader) { r.msg.doc.Business.Updates = append(r.msg.doc.Business.Updates, r.msg.update) }}
	f[u+"/DocumentInfo"] = binding{limit: 100, set: func(r *reader, v string) { r.msg.update.Content = r.flag(v) }}
	f[u+"/DocumentReceiver"] = binding{limit: 100, set: func(r *reader, v string) { r.msg.update.Recipients = r.flag(v) }}
	f[u+"/ReceiverList/Receiver"] = binding{many: true,
		open: func(r *reader, _ *xmlstream.Token) { r.msg.receiver = Receiver{} },
		close: func(r *reader) {
			if _, err := orgid.Parse(r.msg.receiver.OrganID); err != nil {
				r.identifier(r.path()+"/OrganId", r.msg.receiver.OrganID, true)
			}
			r.msg.update.Receivers = append(r.msg.update.Receivers, r.msg.receiver)
		}}
	f.field(u+"/ReceiverList/Receiver/OrganId", 0, lenOrganID, func(m *message) *string { return &m.receiver.OrganID })
	f[u+"/ReceiverList/Receiver/ReceiverType"] = binding{limit: 100, set: func(r *reader, v string) { r.msg.receiver.Added = r.flag(v) }}

	l := p + "/ReplacementInfoList"
	f[l] = binding{many: true}
	f[l+"/ReplacementInfo"] = binding{many: true,
		open: func(r *reader, _ *xmlstream.Token) { r.msg.replacement = Replacement{} },
		close: func(r *reader) {
			r.msg.doc.Business.Replacements = append(r.msg.doc.Business.Replacements, r.msg.replacement)
		}}
	f.field(l+"/ReplacementInfo/DocumentId", 0, 200, func(m *message) *string { return &m.replacement.DocumentID })
	f.list(l+"/ReplacementInfo/OrganIdList/OrganId", 0, lenOrganID, func(m *message) *[]string { return &m.replacement.OrganIDs })

	f[p+"/StaffInfo"] = binding{many: true,
		open:  func(r *reader, _ *xmlstream.Token) { r.msg.person = Staff{} },
		close: func(r *reader) { r.msg.doc.Business.Staff = append(r.msg.doc.Business.Staff, r.msg.person) }}
	f.staff(p+"/StaffInfo", func(m *message) *Staff { return &m.person })
}

func (f fields) manifest() {
	f[manifestPath] = binding{open: func(r *reader, t *xmlstream.Token) {
		r.msg.body = true
		if a := t.Attr("", "version"); a != nil {
			r.msg.doc.ManifestVersion = clip(string(a.AppendValue(nil)))
		}
	}}
	p := manifestPath + "/Reference"
	f[p] = binding{many: true,
		open: func(r *reader, t *xmlstream.Token) {
			r.msg.ref = manifestRef{number: r.occurrence(0)}
			if a := t.Attr(NamespaceXLink, "href"); a != nil {
				r.msg.ref.href = clip(string(a.AppendValue(nil)))
			}
		},
		close: func(r *reader) {
			ref := r.msg.ref
			href := contentID(ref.href)
			switch {
			case ref.contentID == "":
				ref.contentID = href
			case href != "" && href != ref.contentID:
				r.warn("reference-href-differs", ref.path(), "xlink:href names another content id; ContentId counts")
			}
			if ref.contentID == "" {
				r.problem(MissingField, ref.path()+"/ContentId", "", "required field is missing")
				return
			}
			r.msg.refs = append(r.msg.refs, ref)
		}}
	f[p+"/ContentId"] = binding{limit: 200, set: func(r *reader, v string) { r.msg.ref.contentID = contentID(v) }}
	f.field(p+"/ContentType", 100, 1000, func(m *message) *string { return &m.ref.contentType })
	f.field(p+"/Description", 500, lenLong, func(m *message) *string { return &m.ref.description })
	f.field(p+"/AttachmentName", 0, 500, func(m *message) *string { return &m.ref.name })
}

func (f fields) encoded() {
	f[encodedPath] = binding{many: true}
	p := encodedPath + "/Attachment"
	f[p] = binding{many: true,
		open: func(r *reader, _ *xmlstream.Token) {
			r.msg.body, r.msg.attachment = true, attachmentDraft{list: r.occurrence(1), number: r.occurrence(0)}
		},
		close: func(r *reader) { r.msg.attachments = append(r.msg.attachments, r.msg.attachment) }}
	f[p+"/ContentId"] = binding{limit: 200, set: func(r *reader, v string) { r.msg.attachment.contentID = contentID(v) }}
	f.field(p+"/AttachmentName", 0, 500, func(m *message) *string { return &m.attachment.name })
	f.field(p+"/Description", 500, lenLong, func(m *message) *string { return &m.attachment.description })
	f.field(p+"/ContentType", 100, 1000, func(m *message) *string { return &m.attachment.contentType })
	f[p+"/ContentTransferEncoded"] = binding{content: func(r *reader, e *encoded) { r.msg.attachment.encoded = e }}
}

// hanoi is the zone of dates that name none: UTC+07:00 all year.
var hanoi = time.FixedZone("+07", 7*3600)
