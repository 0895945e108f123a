package schemas

import (
	"strconv"
	"sync"
	"time"
)

// Operations of a DirectoryChange on an agency's own part of the directory. Agency is a code of the agency. Ids are its own, 1..64 of
// [a-z0-9-]. A word (name, position, title) left empty stays as before; everything else is said anew.
type (
	// SetUnit begins a unit or changes it; a closed one is open again.
	SetUnit struct {
		Agency string
		Unit   string
		Name   string
		Short  string // abbreviation in notations
		Parent string // "" the agency itself
	}
	// CloseUnit ends a unit that nothing needs any more.
	CloseUnit struct {
		Agency string
		Unit   string
	}
	// SetPerson begins a person or says anew all that the person does.
	SetPerson struct {
		Agency   string
		Person   string // never a name
		Name     string
		Position string
		Duties   []OfficeDuty
	}
	// RemovePerson says that the person has left.
	RemovePerson struct {
		Agency string
		Person string
	}
	// Delegate lets To act in the place of From for a period.
	Delegate struct {
		Agency     string
		Delegation string
		From, To   string
		Roles      []string // none: all but administrator
		Start      time.Time
		End        time.Time // exclusive
		Reason     string
	}
	// WithdrawDelegation ends one at once.
	WithdrawDelegation struct {
		Agency     string
		Delegation string
	}
	// SetRegister begins a register of arrivals or changes it.
	SetRegister struct {
		Agency   string
		Register string
		Name     string
		Types    []string // kinds of documents, none: all
		Closed   bool
	}
	// SetSeries begins a series of numbers or changes it.
	SetSeries struct {
		Agency   string
		Series   string
		Name     string
		Types    []string // names as in DocumentTypes, none: all
		Copies   bool
		Notation string // "{type}-UBND"
		Closed   bool
	}
	// SetChain begins a chain of approval or changes it; the last step signs.
	SetChain struct {
		Agency string
		Chain  string
		Name   string
		Types  []string // names as in DocumentTypes, none: all
		Steps  []OfficeStep
		Closed bool
	}
	// SetFilePlan begins a heading of the file plan or changes it.
	SetFilePlan struct {
		Agency    string
		Code      string
		Title     string
		Retention string
		Unit      string // "" any
		Closed    bool
	}
	// SetRetention begins a retention period or changes it.
	SetRetention struct {
		Agency    string
		Retention string
		Name      string
		Years     int // 0: permanent
	}
	// SetDeadlines replaces all rules.
	SetDeadlines struct {
		Agency string
		Rules  []OfficeDeadline
	}
	// SetCalendar replaces the days of one year.
	SetCalendar struct {
		Agency   string
		Year     int
		Holidays []Date
		Working  []Date // Saturdays and Sundays that are worked
	}
)

// OfficeDuty is a role of a person: clerk, specialist, head, leader, administrator, auditor, archivist.
type OfficeDuty struct {
	Role  string
	Unit  string // "" the whole agency
	From  time.Time
	Until time.Time // exclusive, zero open
}

// OfficeStep is one step of a chain.
type OfficeStep struct {
	Role string
	Unit string // id; "author": the author's
	Days int    // working days, 0 none
}

// OfficeDeadline is a rule: register, present, assign, handle, approve, issue, dossier.
type OfficeDeadline struct {
	What     string
	Priority Priority // from this urgency on
	Days     int      // working days, 0: the same day
}

func (SetUnit) operation()            {}
func (CloseUnit) operation()          {}
func (SetPerson) operation()          {}
func (RemovePerson) operation()       {}
func (Delegate) operation()           {}
func (WithdrawDelegation) operation() {}
func (SetRegister) operation()        {}
func (SetSeries) operation()          {}
func (SetChain) operation()           {}
func (SetFilePlan) operation()        {}
func (SetRetention) operation()       {}
func (SetDeadlines) operation()       {}
func (SetCalendar) operation()        {}

// officeForm is one operation, by its element: how it is read, written and judged (see actForm).
type officeForm struct {
	bind  func(f fields)
	write func(x *xmlWriter, op Operation) bool // false: it is another operation
	judge func(r *reader, path string, op Operation) bool
}

// officeOp makes the form of T. Its first member is always the agency.
func officeOp[T Operation](name string, agency func(v *T) *string, members ...member[T]) officeForm {
	members = append([]member[T]{{name: "Agency", bind: plain("Agency", agency).bind, write: plain("Agency", agency).write,
		judge: func(r *reader, path string, v *T) { r.identifier(path, *agency(v), true) }}}, members...)
	return officeForm{
		bind: func(f fields) {
			f.operation(name, func(t *tramDraft) { t.office = new(T) }, func(t *tramDraft) Operation { return *t.office.(*T) })
			bindMembers(f, changePath+"/"+name, func(t *tramDraft) *T { return t.office.(*T) }, members)
		},
		write: func(x *xmlWriter, op Operation) bool {
			v, ok := op.(T)
			if ok {
				writeMembers(x, name, &v, members)
			}
			return ok
		},
		judge: func(r *reader, path string, op Operation) bool {
			v, ok := op.(T)
			if ok {
				judgeMembers(r, path, &v, members)
			}
			return ok
		},
	}
}

// officeForms lists the operations, in the order of the schema.
var officeForms = sync.OnceValue(func() []officeForm {
	return append(peopleForms(), ruleForms()...)
})

func peopleForms() []officeForm {
	return []officeForm{
		officeOp("SetUnit", func(o *SetUnit) *string { return &o.Agency },
			plain("Unit", func(o *SetUnit) *string { return &o.Unit }),
			words("Name", func(o *SetUnit) *string { return &o.Name }),
			plain("Short", func(o *SetUnit) *string { return &o.Short }),
			plain("Parent", func(o *SetUnit) *string { return &o.Parent })),
		officeOp("CloseUnit", func(o *CloseUnit) *string { return &o.Agency },
			plain("Unit", func(o *CloseUnit) *string { return &o.Unit })),
		officeOp("SetPerson", func(o *SetPerson) *string { return &o.Agency },
			plain("Person", func(o *SetPerson) *string { return &o.Person }),
			plain("Name", func(o *SetPerson) *string { return &o.Name }),
			plain("Position", func(o *SetPerson) *string { return &o.Position }),
			duties()),
		officeOp("RemovePerson", func(o *RemovePerson) *string { return &o.Agency },
			plain("Person", func(o *RemovePerson) *string { return &o.Person })),
		officeOp("Delegate", func(o *Delegate) *string { return &o.Agency },
			plain("Delegation", func(o *Delegate) *string { return &o.Delegation }),
			plain("From", func(o *Delegate) *string { return &o.From }),
			plain("To", func(o *Delegate) *string { return &o.To }),
			lines("Role", maxOfficeList, func(o *Delegate) *[]string { return &o.Roles }, nil),
			moment("Start", func(o *Delegate) *time.Time { return &o.Start }),
			moment("End", func(o *Delegate) *time.Time { return &o.End }),
			words("Reason", func(o *Delegate) *string { return &o.Reason })),
		officeOp("WithdrawDelegation", func(o *WithdrawDelegation) *string { return &o.Agency },
			plain("Delegation", func(o *WithdrawDelegation) *string { return &o.Delegation })),
	}
}

func ruleForms() []officeForm {
	return []officeForm{
		officeOp("SetRegister", func(o *SetRegister) *string { return &o.Agency },
			plain("Register", func(o *SetRegister) *string { return &o.Register }),
			words("Name", func(o *SetRegister) *string { return &o.Name }),
			lines("Type", maxOfficeList, func(o *SetRegister) *[]string { return &o.Types }, nil),
			yes("Closed", func(o *SetRegister) *bool { return &o.Closed })),
		officeOp("SetSeries", func(o *SetSeries) *string { return &o.Agency },
			plain("Series", func(o *SetSeries) *string { return &o.Series }),
			words("Name", func(o *SetSeries) *string { return &o.Name }),
			lines("Type", maxOfficeList, func(o *SetSeries) *[]string { return &o.Types }, knownKinds),
			yes("Copies", func(o *SetSeries) *bool { return &o.Copies }),
			notation("Notation", func(o *SetSeries) *string { return &o.Notation }),
			yes("Closed", func(o *SetSeries) *bool { return &o.Closed })),
		officeOp("SetChain", func(o *SetChain) *string { return &o.Agency },
			plain("Chain", func(o *SetChain) *string { return &o.Chain }),
			words("Name", func(o *SetChain) *string { return &o.Name }),
			lines("Type", maxOfficeList, func(o *SetChain) *[]string { return &o.Types }, knownKinds),
			steps(),
			yes("Closed", func(o *SetChain) *bool { return &o.Closed })),
		officeOp("SetFilePlan", func(o *SetFilePlan) *string { return &o.Agency },
			plain("Code", func(o *SetFilePlan) *string { return &o.Code }),
			words("Title", func(o *SetFilePlan) *string { return &o.Title }),
			plain("Retention", func(o *SetFilePlan) *string { return &o.Retention }),
			plain("Unit", func(o *SetFilePlan) *string { return &o.Unit }),
			yes("Closed", func(o *SetFilePlan) *bool { return &o.Closed })),
		officeOp("SetRetention", func(o *SetRetention) *string { return &o.Agency },
			plain("Retention", func(o *SetRetention) *string { return &o.Retention }),
			words("Name", func(o *SetRetention) *string { return &o.Name }),
			number("Years", func(o *SetRetention) *int { return &o.Years })),
		officeOp("SetDeadlines", func(o *SetDeadlines) *string { return &o.Agency }, deadlineRules()),
		officeOp("SetCalendar", func(o *SetCalendar) *string { return &o.Agency },
			number("Year", func(o *SetCalendar) *int { return &o.Year }),
			days("Holiday", func(o *SetCalendar) *[]Date { return &o.Holidays }),
			days("Working", func(o *SetCalendar) *[]Date { return &o.Working })),
	}
}

// maxOfficeList bounds the lists of one operation; the directory has narrower limits of its own.
const maxOfficeList = 400

// knownKinds: what is numbered and approved is one of the kinds of the code lists.
func knownKinds(r *reader, path string, all []string) {
	for i, name := range all {
		if FindDocumentType(name, GroupAdministrative) == nil {
			r.problem(BadCode, indexed(path, i), name, "no kind of document has this name")
		}
	}
}

// moment is an instant that is left out where it is zero.
func moment[T any](name string, at func(v *T) *time.Time) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f.instant(path, func(t *tramDraft) *time.Time { return at(of(t)) })
		},
		write: func(x *xmlWriter, name string, v *T) { x.instant(name, *at(v)) },
	}
}

// yes is an element that says yes, or is not there.
func yes[T any](name string, at func(v *T) *bool) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f[path] = binding{set: func(r *reader, _ string) { *at(of(&r.tram)) = true }}
		},
		write: func(x *xmlWriter, name string, v *T) {
			if *at(v) {
				x.text(name, "true")
			}
		},
	}
}

// number is one that is always written, 0 too.
func number[T any](name string, at func(v *T) *int) member[T] {
	m := count(name, at)
	m.write = func(x *xmlWriter, name string, v *T) { x.text(name, strconv.Itoa(*at(v))) }
	return m
}

// leaves are a list of elements of which each is one value of U, made of its text and attributes.
func leaves[T, U any](name string, at func(v *T) *[]U, read func(r *reader, text string) U, write func(x *xmlWriter, name string, u *U)) member[T] {
	return member[T]{name: name,
		bind: func(f fields, path string, of func(t *tramDraft) *T) {
			f[path] = binding{many: true, set: func(r *reader, v string) {
				if l := at(of(&r.tram)); r.room(len(*l), maxOfficeList) {
					*l = append(*l, read(r, v))
				}
			}}
		},
		write: func(x *xmlWriter, name string, v *T) {
			l := *at(v)
			for i := range l {
				write(x, name, &l[i])
			}
		},
	}
}

func days[T any](name string, at func(v *T) *[]Date) member[T] {
	return leaves(name, at,
		func(r *reader, text string) Date { return r.tramDay(text, r.path()) },
		func(x *xmlWriter, name string, d *Date) { x.text(name, d.format('-')) })
}

func duties() member[SetPerson] {
	return leaves("Duty", func(o *SetPerson) *[]OfficeDuty { return &o.Duties },
		func(r *reader, text string) OfficeDuty {
			return OfficeDuty{Role: text, Unit: r.attr("unit"), From: r.attrInstant("from"), Until: r.attrInstant("until")}
		},
		func(x *xmlWriter, name string, d *OfficeDuty) {
			x.text(name, d.Role, "unit", d.Unit, "from", optionalInstant(d.From), "until", optionalInstant(d.Until))
		})
}

func steps() member[SetChain] {
	return leaves("Step", func(o *SetChain) *[]OfficeStep { return &o.Steps },
		func(r *reader, text string) OfficeStep {
			n, _ := strconv.Atoi(r.attr("days")) // few digits by the schema
			return OfficeStep{Role: text, Unit: r.attr("unit"), Days: n}
		},
		func(x *xmlWriter, name string, s *OfficeStep) {
			days := ""
			if s.Days != 0 {
				days = strconv.Itoa(s.Days)
			}
			x.text(name, s.Role, "unit", s.Unit, "days", days)
		})
}

func deadlineRules() member[SetDeadlines] {
	return leaves("Rule", func(o *SetDeadlines) *[]OfficeDeadline { return &o.Rules },
		func(r *reader, text string) OfficeDeadline {
			n, _ := strconv.Atoi(r.attr("days")) // at most 15 digits by the schema
			p, _ := strconv.Atoi(r.attr("priority"))
			return OfficeDeadline{What: text, Priority: Priority(p), Days: n}
		},
		func(x *xmlWriter, name string, d *OfficeDeadline) {
			x.text(name, d.What, "priority", strconv.Itoa(int(d.Priority)), "days", strconv.Itoa(d.Days))
		})
}

// attrInstant reads an instant of an attribute, zero where there is none.
func (r *reader) attrInstant(name string) time.Time {
	v := r.attr(name)
	if v == "" {
		return time.Time{}
	}
	return r.instant(v)
}

func optionalInstant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return instantText(t)
}

// office is what the reader does with each of these operations.
func (f fields) office() {
	for _, form := range officeForms() {
		form.bind(f)
	}
}

func (x *xmlWriter) officeOperation(op Operation) bool {
	for _, form := range officeForms() {
		if form.write(x, op) {
			return true
		}
	}
	return false
}

// officeRules judges what the schema cannot say of an operation; the rest is the directory's decision.
func (r *reader) officeRules(op Operation, path string) {
	for _, form := range officeForms() {
		if form.judge(r, path, op) {
			return
		}
	}
}
