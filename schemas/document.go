package schemas

import "time"

// Organisation is one end of an exchange, as edXML writes it in From and To. Only ID and, for the sender, Name
// are required.
type Organisation struct {
	ID        string // OrganId as written: QCVN 102:2016 form, QĐ 20/2020 form, or an opaque token
	InCharge  string // OrganizationInCharge: cơ quan chủ quản
	Name      string // OrganName
	Address   string // OrganAdd
	Email     string
	Telephone string
	Fax       string
	Website   string
}

// Document is an edXML document, of any business type. Strings are as written, without surrounding white space; codes and
// dates are read, with the raw value beside them where senders disagree.
type Document struct {
	From            Organisation
	To              []Organisation
	DocumentID      string // "OrganId,yyyy/MM/dd,CodeNumber/CodeNotation" by convention; derived so if the sender left it out
	Code            DocumentCode
	Promulgation    Promulgation
	Type            DocumentType
	Subject         string // trích yếu
	Content         string
	Signer          Signer
	DueDate         Date // hạn xử lý; zero if none
	ToPlaces        []string
	Other           OtherInfo
	ResponseFor     []ResponseFor
	Steering        Steering
	TaskCodes       []string // ResponseForTask
	ApplicationType string
	Trace           TraceList
	Business        Business
	Extensions      []Extension // elements of other namespaces in the header, text only, at most 16
	ManifestVersion string
}

// DocumentCode is số và ký hiệu.
type DocumentCode struct {
	Number   string // "7816"
	Notation string // "VPCP-TTĐT"
}

func (c DocumentCode) String() string { return c.Number + "/" + c.Notation }

// Promulgation is where and when the document was issued.
type Promulgation struct {
	Place string
	Date  Date
}

// DocumentType is the type as written and, if its name (the only reliable field) or its numbers are in the code
// lists, the entry meant.
type DocumentType struct {
	Type   string // group: "1" legal, "2" administrative; real senders write other things
	Detail string // number inside the group
	Name   string // TypeName
	Entry  *DocumentTypeEntry
}

// Signer is who signed the document, as the document says.
type Signer struct {
	Competence string // "TL. BỘ TRƯỞNG"
	Position   string
	FullName   string
}

// OtherInfo of QCVN 102:2016.
type OtherInfo struct {
	Priority             Priority
	PriorityRaw          string
	SphereOfPromulgation string
	TyperNotation        string
	PromulgationAmount   string // số lượng bản
	PageAmount           string
	Direction            string // "true", "false", or as written
	ReplyFors            string
	ReferenceCodes       string
	Appendixes           []string
}

// ResponseFor names the document that this one (or a status) answers.
type ResponseFor struct {
	OrganID          string
	Code             string // "267/VPCP-TTĐT"
	DocumentID       string
	PromulgationDate Date   // zero if none or not readable
	DateRaw          string // as written
}

// TraceList is what systems on the way wrote before signing. Trạm never adds to it: hops are events.
type TraceList struct {
	Headers []TraceHeader
}

// TraceHeader is one hop.
type TraceHeader struct {
	OrganID   string
	Timestamp string // as written: yyyy/MM/dd HH:mm:ss
}

// BusinessType is BussinessDocType. The double s is the wire spelling.
type BusinessType int

// Business types.
const (
	BusinessNew     BusinessType = 0 // mới
	BusinessRecall  BusinessType = 1 // thu hồi
	BusinessUpdate  BusinessType = 2 // cập nhật
	BusinessReplace BusinessType = 3 // thay thế
)

// Business says what the document does to earlier ones.
type Business struct {
	Present      bool // the element stood in the package
	Type         BusinessType
	DocumentID   string // of the document updated
	Reason       string
	Paper        string // "1": a paper copy follows
	Updates      []BusinessUpdateInfo
	Replacements []Replacement
	Staff        []Staff
}

// BusinessUpdateInfo says what an update changes (BussinessDocumentInfo).
type BusinessUpdateInfo struct {
	Content    bool // DocumentInfo = 1
	Recipients bool // DocumentReceiver = 1
	Receivers  []Receiver
}

// Receiver is a recipient added or removed by an update.
type Receiver struct {
	OrganID string
	Added   bool // ReceiverType 1; false: removed (0)
}

// Replacement names one replaced document and the organisations concerned.
type Replacement struct {
	DocumentID string
	OrganIDs   []string
}

// Staff is a person who can be asked.
type Staff struct {
	Department   string
	DepartmentID string
	Name         string
	ID           string
	Email        string
	Mobile       string
}

// Extension is an element of another namespace, found in the header.
type Extension struct {
	Namespace string
	Local     string
	Text      string // of the element and its descendants, clipped to 256 bytes
}

// Affected is an earlier document that a recall, update or replacement concerns.
type Affected struct {
	DocumentID string   // "" if the sender gave only a code
	OrganID    string   // whose document it is: "" means the sender's
	Code       string   // "267/VPCP-TTĐT", if given
	OrganIDs   []string // recipients concerned; nil: all
}

// Affects lists the earlier documents that this one recalls, updates or replaces, in the order written and each
// once. It is empty for a new document (whose ResponseFor is an answer, not an effect).
func (d *Document) Affects() []Affected {
	var out []Affected
	seen := make(map[string]bool)
	add := func(a Affected) {
		key := a.DocumentID + "\x00" + a.Code
		if a.DocumentID != "" {
			key = a.DocumentID
		}
		if key == "\x00" || seen[key] {
			return
		}
		seen[key] = true
		out = append(out, a)
	}
	if d.Business.Type == BusinessReplace {
		for _, r := range d.Business.Replacements {
			add(Affected{DocumentID: r.DocumentID, OrganIDs: r.OrganIDs})
		}
	}
	if d.Business.Type != BusinessNew && d.Business.DocumentID != "" {
		add(Affected{DocumentID: d.Business.DocumentID})
	}
	if len(out) == 0 && d.Business.Type != BusinessNew {
		for _, r := range d.ResponseFor {
			add(Affected{DocumentID: r.DocumentID, OrganID: r.OrganID, Code: r.Code})
		}
	}
	return out
}

// Status is an edXML status message: what became of a document.
type Status struct {
	From         Organisation
	ResponseFor  ResponseFor
	Staff        Staff
	Code         StatusCode
	Description  string
	Timestamp    time.Time // second precision, +07:00
	TimestampRaw string    // as written: yyyy/MM/dd HH:mm:ss; part of the business key
	Extensions   []Extension
}

// Date is a day, without time or zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// IsZero reports whether there is no date.
func (d Date) IsZero() bool { return d == Date{} }
