package schemas

// DossierAction is one act of a person in the work of an agency: with an incoming document, with a draft that becomes an outgoing
// one, or with a work dossier. The header names the agency (From) and the person (Person.Account is the person's id in the
// agency's part of the directory). It is signed with the agency's key, its own or that kept in custody.
type DossierAction struct {
	Target ActTarget
	// Seen is how many events of the target the person had seen; an act on what has changed meanwhile is refused. nil: not compared.
	Seen *uint64
	// For is the person in whose place it is done, by a delegation or as the substitute; "" in the own name.
	For string
	Act Act
	// Files carried by the act (a scan, the versions of a draft); at most MaxActionFiles. File i of the act is Package.Attachments[i].
	Files []ActFile
}

// MaxActionFiles is how many files one action carries.
const MaxActionFiles = 100

// ActFile names one file of an action. The content is in Package.Attachments, in the same order.
type ActFile struct {
	Name        string
	ContentType string
	Description string
	SHA256      [32]byte // of the decoded content: Parse has checked it
	Size        int64
}

// TargetKind says what an act is about.
type TargetKind string

// Kinds of targets.
const (
	TargetIncoming TargetKind = "incoming" // a document that came to the agency, also on paper
	TargetOutgoing TargetKind = "outgoing" // a draft and what became of it
	TargetDossier  TargetKind = "dossier"  // a work dossier
)

// ActTarget is what an act is about.
type ActTarget struct {
	Kind TargetKind
	// ID: for a document that came through the exchange its document key (64 hex digits); for everything that begins in the
	// agency an id chosen by whoever begins it, 1..64 of [a-z0-9-] (a UUID).
	ID string
}

// Act is one of the types below, always as a value. Its element has the type's name.
type Act interface{ Name() string }

// Assignee is a unit, or a person in it, or a person.
type Assignee struct {
	Unit   string // id, "" none
	Person string // id, "" the unit as such
}

// Acts on an incoming document (TargetIncoming). NĐ 30/2020 Điều 21–24.
type (
	// RegisterIncoming takes a document into the register of arrivals; it gets the next number. 03.
	RegisterIncoming struct {
		Register string // id of the register, "" the agency's first
	}
	// RegisterPaper registers what came on paper or by another channel, with its scan in Files.
	RegisterPaper struct {
		Register   string
		Channel    string // paper, mail, fax, by-hand, other
		FromName   string
		FromCode   string // organisation code, "" unknown
		Number     string
		Notation   string
		Date       Date
		TypeName   string
		Subject    string
		Signer     string
		Priority   Priority
		Pages      int
		DueDate    Date // that the sender asks for
		ReceivedOn Date
	}
	// RefuseIncoming gives a document back with a reason. 02.
	RefuseIncoming struct{ Reason string }
	// Present lays it before a leader or head.
	Present struct {
		To   string // person
		Note string
	}
	// Assign says who handles it: one in charge, others cooperating. Done again it replaces the assignment before. 04.
	Assign struct {
		InCharge    Assignee
		Cooperating []Assignee
		Due         Date // zero: by the rule of the agency
		Opinion     string
	}
	// TransferBack gives an assignment back to whoever made it.
	TransferBack struct{ Reason string }
	// StartHandling says that work has begun. 05.
	StartHandling struct{ Note string }
	// ChangeDeadline moves the deadline, with a reason.
	ChangeDeadline struct {
		Due    Date
		Reason string
	}
	// LinkReply says which document answers it.
	LinkReply struct {
		Document string // key of an issued document; or
		Outgoing string // id of the draft
	}
	// FinishHandling ends it. 06.
	FinishHandling struct{ Result string }
	// AgreeRecall gives a document back that its sender asks for. 15.
	AgreeRecall struct{ Reason string }
	// DeclineRecall keeps it, with a reason. 16.
	DeclineRecall struct{ Reason string }
	// Reopen takes an end back (incoming document or dossier).
	Reopen struct{ Reason string }
)

// GiveOpinion adds words of a person to any target.
type GiveOpinion struct{ Text string }

// Acts on an outgoing document (TargetOutgoing). NĐ 30/2020 Điều 10–19, 25.
type (
	// SaveDraft begins a draft, or adds a version to it: all of its words and files anew.
	SaveDraft struct {
		Draft Draft
		Note  string // what has changed
	}
	// AskOpinion asks others for their opinion on the draft.
	AskOpinion struct {
		Of       []Assignee
		Question string
		Due      Date
	}
	// Submit begins a chain of approval with the latest version, or goes on after it was sent back.
	Submit struct {
		Chain string // id, "" the agency's first for the kind
		Note  string
	}
	// Approve agrees at the step the draft stands at; at a step that signs, it is the signature.
	Approve struct{ Note string }
	// SendBack returns it to its author.
	SendBack struct{ Reason string }
	// Issue numbers, seals and sends what was signed.
	Issue struct {
		Series string // id, "" the agency's for the kind
		Date   Date   // zero: today
	}
	// Cancel ends a draft that was not sent; a number that it has is void, with the reason in the register.
	Cancel struct{ Reason string }
	// RecallIssued asks recipients to give an issued document back (status 13).
	RecallIssued struct {
		Recipients []string // codes; none: all
		Reason     string
	}
	// MakeCopy issues a copy of a document that the agency has: sao y, sao lục, trích sao.
	MakeCopy struct {
		Form       string // CopyTrue, CopyOfCopy, CopyExtract
		Of         string // document key, or id of an own outgoing document
		Recipients []string
		ToPlaces   []string
		Extract    string // what was taken, for an extract
		Signer     string // person
		Competence string
	}
)

// Forms of copies (NĐ 30/2020 Điều 25) with the abbreviations of Phụ lục III.
const (
	CopyTrue    = "SY"  // sao y
	CopyOfCopy  = "SL"  // sao lục
	CopyExtract = "TrS" // trích sao
)

// Draft is one version of what is to be issued.
type Draft struct {
	Type       string // one of the 29 kinds: name as in DocumentTypes
	Subject    string
	Content    string   // summary or text
	Recipients []string // organisation codes in the exchange
	ToPlaces   []string // others, in words ("Lưu: VT, VP")
	Priority   Priority
	DueDate    Date   // asked of recipients
	Signer     string // person who is to sign
	Competence string // "TM. ỦY BAN NHÂN DÂN", "KT. CHỦ TỊCH"
	Series     string // id, "" the agency's for the kind
	Place      string // of issue, "" the agency's
	Pages      int
	Copies     int
	KeptBy     string       // unit or person that keeps the file copy
	Fields     []DraftField // what the form of the kind asks for beside these
	ReplyTo    []string     // document keys or incoming ids that it answers
	Dossier    string       // id of the dossier it belongs to
	Relation   string       // "", update, replace, correction (đính chính)
	RelatedTo  string       // id of the own outgoing document that Relation is about
}

// DraftField is one further field of a form.
type DraftField struct{ Name, Value string }

// Acts on a work dossier (TargetDossier). NĐ 30/2020 Điều 28–30.
type (
	// OpenDossier opens it.
	OpenDossier struct {
		FilePlan  string // entry of the file plan
		Title     string
		Retention string // id of a retention period, "" that of the entry
		InCharge  string // person, "" who opens it
		Due       Date
	}
	// ClassifyDossier changes where it belongs and how long it is kept.
	ClassifyDossier struct {
		FilePlan  string
		Title     string // "" stays
		Retention string
		Reason    string
	}
	// AddItem puts something into it.
	AddItem struct {
		Item ActTarget // incoming or outgoing; or none, and Files carries it
		Note string
	}
	// RemoveItem takes something out, with a reason; it stays in the history.
	RemoveItem struct {
		Item   uint64 // its number in the dossier
		Reason string
	}
	// GiveTask gives a task.
	GiveTask struct {
		Task string // id chosen by who gives it
		To   Assignee
		Text string
		Due  Date
	}
	// FinishTask ends one.
	FinishTask struct {
		Task   string
		Result string
	}
	// RecordDecision writes down what was decided.
	RecordDecision struct {
		Text     string
		Document ActTarget // that holds it, none: the words alone
	}
	// HandOver gives the dossier to another person.
	HandOver struct {
		To     string // person
		Reason string
	}
	// CloseDossier ends it: the contents list stands.
	CloseDossier struct{ Note string }
)

// Names of the acts are those of their elements.

// Name is the element name.
func (RegisterIncoming) Name() string { return "RegisterIncoming" }

// Name is the element name.
func (RegisterPaper) Name() string { return "RegisterPaper" }

// Name is the element name.
func (RefuseIncoming) Name() string { return "RefuseIncoming" }

// Name is the element name.
func (Present) Name() string { return "Present" }

// Name is the element name.
func (Assign) Name() string { return "Assign" }

// Name is the element name.
func (TransferBack) Name() string { return "TransferBack" }

// Name is the element name.
func (StartHandling) Name() string { return "StartHandling" }

// Name is the element name.
func (ChangeDeadline) Name() string { return "ChangeDeadline" }

// Name is the element name.
func (LinkReply) Name() string { return "LinkReply" }

// Name is the element name.
func (FinishHandling) Name() string { return "FinishHandling" }

// Name is the element name.
func (AgreeRecall) Name() string { return "AgreeRecall" }

// Name is the element name.
func (DeclineRecall) Name() string { return "DeclineRecall" }

// Name is the element name.
func (Reopen) Name() string { return "Reopen" }

// Name is the element name.
func (SaveDraft) Name() string { return "SaveDraft" }

// Name is the element name.
func (AskOpinion) Name() string { return "AskOpinion" }

// Name is the element name.
func (Submit) Name() string { return "Submit" }

// Name is the element name.
func (Approve) Name() string { return "Approve" }

// Name is the element name.
func (SendBack) Name() string { return "SendBack" }

// Name is the element name.
func (Issue) Name() string { return "Issue" }

// Name is the element name.
func (Cancel) Name() string { return "Cancel" }

// Name is the element name.
func (RecallIssued) Name() string { return "RecallIssued" }

// Name is the element name.
func (MakeCopy) Name() string { return "MakeCopy" }

// Name is the element name.
func (OpenDossier) Name() string { return "OpenDossier" }

// Name is the element name.
func (ClassifyDossier) Name() string { return "ClassifyDossier" }

// Name is the element name.
func (AddItem) Name() string { return "AddItem" }

// Name is the element name.
func (RemoveItem) Name() string { return "RemoveItem" }

// Name is the element name.
func (GiveTask) Name() string { return "GiveTask" }

// Name is the element name.
func (FinishTask) Name() string { return "FinishTask" }

// Name is the element name.
func (RecordDecision) Name() string { return "RecordDecision" }

// Name is the element name.
func (HandOver) Name() string { return "HandOver" }

// Name is the element name.
func (CloseDossier) Name() string { return "CloseDossier" }

// Name is the element name.
func (GiveOpinion) Name() string { return "GiveOpinion" }
