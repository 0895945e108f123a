package schemas

import (
	"sync"

	"github.com/tram-exchange/tram/internal/orgid"
)

// Bounds of the lists of an act.
const (
	maxRecipients = 5000
	maxAssignees  = 100
	maxWords      = 100 // places in words, documents answered
	maxFields     = 50
)

// actForm is one kind of act, by its element.
type actForm struct {
	name  string
	on    []TargetKind
	files bool // may carry files
	bind  func(f fields)
	write func(x *xmlWriter, a Act) bool // false: it is another act
	judge func(r *reader, path string, a Act)
}

// form makes the form of T. In check is what members cannot say of themselves.
func form[T Act](on []TargetKind, files bool, check func(r *reader, path string, a *T), members ...member[T]) actForm {
	var none T
	name := none.Name()
	return actForm{name: name, on: on, files: files,
		bind: func(f fields) {
			path := actionPath + "/" + name
			f[path] = binding{
				open:  actOpener[T],
				close: func(r *reader) { r.tram.action.Act = *r.tram.act.(*T) },
			}
			bindMembers(f, path, func(t *tramDraft) *T { return t.act.(*T) }, members)
		},
		write: func(x *xmlWriter, a Act) bool {
			v, ok := a.(T)
			if ok {
				writeMembers(x, name, &v, members)
			}
			return ok
		},
		judge: func(r *reader, path string, a Act) {
			v := a.(T)
			judgeMembers(r, path, &v, members)
			if check != nil {
				check(r, path, &v)
			}
		},
	}
}

// Targets that acts fit.
var (
	onIncoming = []TargetKind{TargetIncoming}
	onOutgoing = []TargetKind{TargetOutgoing}
	onDossier  = []TargetKind{TargetDossier}
	onEnded    = []TargetKind{TargetIncoming, TargetDossier}
	onAny      = []TargetKind{TargetIncoming, TargetOutgoing, TargetDossier}
)

// actForms lists the acts, in the order of the schema.
var actForms = sync.OnceValue(func() []actForm {
	return append(append(incomingForms(), outgoingForms()...), dossierForms()...)
})

func incomingForms() []actForm {
	return []actForm{
		form(onIncoming, false, nil, plain("Register", func(a *RegisterIncoming) *string { return &a.Register })),
		form(onIncoming, true, nil,
			plain("Register", func(a *RegisterPaper) *string { return &a.Register }),
			plain("Channel", func(a *RegisterPaper) *string { return &a.Channel }),
			words("FromName", func(a *RegisterPaper) *string { return &a.FromName }),
			organisation("FromCode", func(a *RegisterPaper) *string { return &a.FromCode }),
			notation("Number", func(a *RegisterPaper) *string { return &a.Number }),
			notation("Notation", func(a *RegisterPaper) *string { return &a.Notation }),
			past("Date", func(a *RegisterPaper) *Date { return &a.Date }),
			words("TypeName", func(a *RegisterPaper) *string { return &a.TypeName }),
			words("Subject", func(a *RegisterPaper) *string { return &a.Subject }),
			words("Signer", func(a *RegisterPaper) *string { return &a.Signer }),
			count("Priority", func(a *RegisterPaper) *Priority { return &a.Priority }),
			count("Pages", func(a *RegisterPaper) *int { return &a.Pages }),
			due("DueDate", func(a *RegisterPaper) *Date { return &a.DueDate }),
			past("ReceivedOn", func(a *RegisterPaper) *Date { return &a.ReceivedOn })),
		form(onIncoming, false, nil, reason("Reason", func(a *RefuseIncoming) *string { return &a.Reason })),
		form(onIncoming, false, nil,
			plain("To", func(a *Present) *string { return &a.To }),
			words("Note", func(a *Present) *string { return &a.Note })),
		form(onIncoming, false, chargeOnce,
			assignee("InCharge", func(a *Assign) *Assignee { return &a.InCharge }),
			assignees("Cooperating", func(a *Assign) *[]Assignee { return &a.Cooperating }),
			due("Due", func(a *Assign) *Date { return &a.Due }),
			words("Opinion", func(a *Assign) *string { return &a.Opinion })),
		form(onIncoming, false, nil, reason("Reason", func(a *TransferBack) *string { return &a.Reason })),
		form(onIncoming, false, nil, words("Note", func(a *StartHandling) *string { return &a.Note })),
		form(onIncoming, false, nil,
			due("Due", func(a *ChangeDeadline) *Date { return &a.Due }),
			reason("Reason", func(a *ChangeDeadline) *string { return &a.Reason })),
		form(onIncoming, false, nil,
			plain("Document", func(a *LinkReply) *string { return &a.Document }),
			plain("Outgoing", func(a *LinkReply) *string { return &a.Outgoing })),
		form(onIncoming, true, nil, words("Result", func(a *FinishHandling) *string { return &a.Result })),
		form(onIncoming, false, nil, words("Reason", func(a *AgreeRecall) *string { return &a.Reason })),
		form(onIncoming, false, nil, reason("Reason", func(a *DeclineRecall) *string { return &a.Reason })),
		form(onEnded, false, nil, reason("Reason", func(a *Reopen) *string { return &a.Reason })),
		form(onAny, true, nil, reason("Text", func(a *GiveOpinion) *string { return &a.Text })),
	}
}

// chargeOnce: whoever is in charge does not cooperate beside.
func chargeOnce(r *reader, path string, a *Assign) {
	for i, c := range a.Cooperating {
		if c == a.InCharge {
			r.problem(RepeatedField, indexed(path+"/Cooperating", i), "", "unit or person is in charge already")
		}
	}
}

func outgoingForms() []actForm {
	return []actForm{
		form(onOutgoing, true, nil,
			part("Draft", func(a *SaveDraft) *Draft { return &a.Draft }, draftRules, draftMembers()),
			words("Note", func(a *SaveDraft) *string { return &a.Note })),
		form(onOutgoing, false, nil,
			assignees("Of", func(a *AskOpinion) *[]Assignee { return &a.Of }),
			words("Question", func(a *AskOpinion) *string { return &a.Question }),
			due("Due", func(a *AskOpinion) *Date { return &a.Due })),
		form(onOutgoing, false, nil,
			plain("Chain", func(a *Submit) *string { return &a.Chain }),
			words("Note", func(a *Submit) *string { return &a.Note })),
		form(onOutgoing, true, nil, words("Note", func(a *Approve) *string { return &a.Note })),
		form(onOutgoing, true, nil, reason("Reason", func(a *SendBack) *string { return &a.Reason })),
		form(onOutgoing, true, nil,
			plain("Series", func(a *Issue) *string { return &a.Series }),
			past("Date", func(a *Issue) *Date { return &a.Date })),
		form(onOutgoing, false, nil, reason("Reason", func(a *Cancel) *string { return &a.Reason })),
		form(onOutgoing, false, nil,
			recipients(func(a *RecallIssued) *[]string { return &a.Recipients }),
			reason("Reason", func(a *RecallIssued) *string { return &a.Reason })),
		form(onOutgoing, true, copyRules,
			plain("Form", func(a *MakeCopy) *string { return &a.Form }),
			plain("Of", func(a *MakeCopy) *string { return &a.Of }),
			recipients(func(a *MakeCopy) *[]string { return &a.Recipients }),
			places(func(a *MakeCopy) *[]string { return &a.ToPlaces }),
			words("Extract", func(a *MakeCopy) *string { return &a.Extract }),
			plain("Signer", func(a *MakeCopy) *string { return &a.Signer }),
			words("Competence", func(a *MakeCopy) *string { return &a.Competence })),
	}
}

func draftMembers() []member[Draft] {
	return []member[Draft]{
		words("Type", func(d *Draft) *string { return &d.Type }),
		words("Subject", func(d *Draft) *string { return &d.Subject }),
		words("Content", func(d *Draft) *string { return &d.Content }),
		recipients(func(d *Draft) *[]string { return &d.Recipients }),
		places(func(d *Draft) *[]string { return &d.ToPlaces }),
		count("Priority", func(d *Draft) *Priority { return &d.Priority }),
		due("DueDate", func(d *Draft) *Date { return &d.DueDate }),
		plain("Signer", func(d *Draft) *string { return &d.Signer }),
		words("Competence", func(d *Draft) *string { return &d.Competence }),
		plain("Series", func(d *Draft) *string { return &d.Series }),
		words("Place", func(d *Draft) *string { return &d.Place }),
		count("Pages", func(d *Draft) *int { return &d.Pages }),
		count("Copies", func(d *Draft) *int { return &d.Copies }),
		plain("KeptBy", func(d *Draft) *string { return &d.KeptBy }),
		formFields(),
		lines("ReplyTo", maxWords, func(d *Draft) *[]string { return &d.ReplyTo }, nil),
		plain("Dossier", func(d *Draft) *string { return &d.Dossier }),
		plain("Relation", func(d *Draft) *string { return &d.Relation }),
		plain("RelatedTo", func(d *Draft) *string { return &d.RelatedTo }),
	}
}

// draftRules: the kind decides the form, the series and the chain, so it must be one of the list.
func draftRules(r *reader, path string, d *Draft) {
	if e := FindDocumentType(d.Type, GroupAdministrative); e == nil || e.ND30 == 0 {
		r.problem(BadCode, path+"/Type", d.Type, "kind of document is none of the 29 of NĐ 30/2020")
	}
	switch {
	case d.Relation != "" && d.RelatedTo == "":
		r.required(path+"/RelatedTo", "")
	case d.Relation == "" && d.RelatedTo != "":
		r.required(path+"/Relation", "")
	}
}

func copyRules(r *reader, path string, c *MakeCopy) {
	switch {
	case c.Form == CopyExtract:
		r.required(path+"/Extract", c.Extract)
	case c.Extract != "":
		r.problem(BadCode, path+"/Extract", "", "only an extract says what was taken")
	}
}

func dossierForms() []actForm {
	return []actForm{
		form(onDossier, false, nil,
			words("FilePlan", func(a *OpenDossier) *string { return &a.FilePlan }),
			words("Title", func(a *OpenDossier) *string { return &a.Title }),
			plain("Retention", func(a *OpenDossier) *string { return &a.Retention }),
			plain("InCharge", func(a *OpenDossier) *string { return &a.InCharge }),
			due("Due", func(a *OpenDossier) *Date { return &a.Due })),
		form(onDossier, false, nil,
			words("FilePlan", func(a *ClassifyDossier) *string { return &a.FilePlan }),
			words("Title", func(a *ClassifyDossier) *string { return &a.Title }),
			plain("Retention", func(a *ClassifyDossier) *string { return &a.Retention }),
			words("Reason", func(a *ClassifyDossier) *string { return &a.Reason })),
		form(onDossier, true, itemRules,
			documentTarget("Item", func(a *AddItem) *ActTarget { return &a.Item }),
			words("Note", func(a *AddItem) *string { return &a.Note })),
		form(onDossier, false, nil,
			ordinal("Item", func(a *RemoveItem) *uint64 { return &a.Item }),
			reason("Reason", func(a *RemoveItem) *string { return &a.Reason })),
		form(onDossier, true, nil,
			plain("Task", func(a *GiveTask) *string { return &a.Task }),
			assignee("To", func(a *GiveTask) *Assignee { return &a.To }),
			reason("Text", func(a *GiveTask) *string { return &a.Text }),
			due("Due", func(a *GiveTask) *Date { return &a.Due })),
		form(onDossier, true, nil,
			plain("Task", func(a *FinishTask) *string { return &a.Task }),
			words("Result", func(a *FinishTask) *string { return &a.Result })),
		form(onDossier, true, nil,
			reason("Text", func(a *RecordDecision) *string { return &a.Text }),
			documentTarget("Document", func(a *RecordDecision) *ActTarget { return &a.Document })),
		form(onDossier, false, nil,
			plain("To", func(a *HandOver) *string { return &a.To }),
			words("Reason", func(a *HandOver) *string { return &a.Reason })),
		form(onDossier, false, nil, words("Note", func(a *CloseDossier) *string { return &a.Note })),
	}
}

// itemRules: either a document is put in, or files are.
func itemRules(r *reader, path string, a *AddItem) {
	files := len(r.tram.action.Files)
	switch {
	case a.Item == ActTarget{} && files == 0:
		r.required(path+"/Item", "")
	case a.Item != ActTarget{} && files > 0:
		r.problem(RepeatedField, actionPath+"/File[1]", "", "a document is put in already: files go in by an act of their own")
	}
}

// identified judges the i-th code of a list. Its path is only made when something is wrong.
func (r *reader) identified(path string, i int, code string) bool {
	if _, err := orgid.Parse(code); err != nil {
		r.identifier(indexed(path, i), code, true)
		return false
	}
	return true
}

// canonical is one writing of a code that can be read.
func canonical(code string) string {
	id, err := orgid.Parse(code)
	if err != nil {
		return code
	}
	return id.String()
}
