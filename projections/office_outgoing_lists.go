package projections

import (
	"cmp"
	"slices"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/internal/view"
)

// Where an outgoing document stands: in which lists and in the register, who sees it, and what somebody must do about it.

func (r *outgoingRow) derive(d *derivation) {
	s := &r.State
	d.list(listAuthor, s.Author())
	d.list(listAuthorUnit, s.Opened.Unit)
	d.list(listType, Fold(s.Latest.Type))
	r.concern(d)
	for _, to := range s.Latest.Recipients {
		d.list(listParty, to.Org)
	}
	if r.open() {
		d.listNumber(listOpen, 0)
	}
	if r.About != 0 {
		d.listNumber(listAbout, r.About)
	}
	r.work(d)
	if d.number == 0 {
		return
	}
	r.register(d)
	if !r.void() {
		d.fact = countedFact{day: s.Issue.Date, unit: d.id(s.Opened.Unit), typ: d.id(Fold(s.Latest.Type)), outcome: outcomeOutgoing}
	}
}

// roleName names those who have a role for a unit, or (roleIn) any duty in it.
func roleName(role, unit string) string { return role + "/" + unit }

const (
	roleIn      = "in"
	roleAnyHead = "any-head"
)

// outgoingRoles are those who see the documents of a unit.
var outgoingRoles = []directory.Role{directory.RoleClerk, directory.RoleSpecialist, directory.RoleHead, directory.RoleAuditor}

// fit takes in the roles of a standing.
func (s *scope) fit(st directory.Standing) {
	units := []string{""}
	for i := range s.office.Units {
		units = append(units, s.office.Units[i].ID)
	}
	for _, u := range units {
		for _, role := range outgoingRoles {
			if st.HasFor(role, u) {
				note(s.roles, roleName(string(role), u), st.For)
			}
		}
		if st.InUnit(u) {
			note(s.roles, roleName(roleIn, u), st.For)
		}
	}
	if st.Has(directory.RoleHead) {
		note(s.roles, roleAnyHead, st.For)
	}
}

// concern lets those see the document whom the deciders let (outgoing.State.Concerns), and those who head, serve or audit a unit that
// was asked.
func (r *outgoingRow) concern(d *derivation) {
	s := &r.State
	roles := func(unit string, list ...directory.Role) {
		for _, role := range list {
			d.list(listRole, roleName(string(role), unit))
		}
	}
	d.list(listPerson, s.Opened.Person)
	d.list(listPerson, s.Author())
	roles(s.Opened.Unit, outgoingRoles...)
	for _, o := range s.Asked {
		d.list(listPerson, cmp.Or(o.For, o.Person))
		for _, a := range o.Of {
			d.list(listPerson, a.Person)
			if a.Unit != "" {
				roles(a.Unit, directory.RoleClerk, directory.RoleHead, directory.RoleAuditor)
			}
			if a.Person == "" {
				d.list(listRole, roleName(roleIn, a.Unit))
			}
		}
	}
	for _, step := range s.Chain.Steps {
		d.list(listPerson, step.Person)
		switch {
		case step.Person != "":
		case step.Role == "": // the signature of a copy
			d.list(listRole, roleAnyHead)
		default:
			roles(step.Unit, directory.Role(step.Role))
		}
	}
}

// open: not issued and not given up.
func (r *outgoingRow) open() bool {
	switch r.State.Phase {
	case outgoing.PhaseIssued, outgoing.PhaseCancelled, outgoing.PhaseRecalled:
		return false
	}
	return true
}

// void: the document has a number and was given up.
func (r *outgoingRow) void() bool {
	return r.State.Phase == outgoing.PhaseCancelled && r.State.Number > 0
}

// register gives the lists of the register the same as those of all outgoing documents, and those of the number.
func (r *outgoingRow) register(d *derivation) {
	s := &r.State
	for _, l := range d.lists {
		if list := l.class & (1<<classBits - 1); list != listWith && list != listWithUnit && list != listAbout {
			d.lists = append(d.lists, listKey{targetIssued.class(list), l.what})
		}
	}
	put := func(list uint8, what uint64) { d.lists = append(d.lists, listKey{targetIssued.class(list), what}) }
	put(listBook, uint64(d.id(bookName(s.Issue.Series, s.Issue.Year))))
	put(listShelf, uint64(d.id(s.Issue.Series)))
	put(listYear, uint64(s.Issue.Year))
	put(listMonth, month(s.Issue.Date))
	if !r.void() {
		put(listValid, 0)
	}
}

// work of an outgoing document.
func (r *outgoingRow) work(d *derivation) {
	s := &r.State
	item := workItem{since: r.Step, prio: uint8(s.Latest.Priority), due: d.due, body: workBody{Since: r.StepAt, From: r.StepBy}}
	author := func(what string) {
		item.what, item.body.Unit, item.body.Person = workNumber(what), s.Opened.Unit, s.Author()
		d.list(listWith, s.Author())
		d.list(listWithUnit, s.Opened.Unit)
		d.do(item, workPerson, s.Author(), "")
	}
	clerk := func(what string) {
		item.what = workNumber(what)
		d.do(item, workPool, "", s.Author())
	}
	switch s.Phase {
	case outgoing.PhaseDraft:
		author(view.WorkDraft)
	case outgoing.PhaseSentBack:
		author(view.WorkReturned)
	case outgoing.PhaseSubmitted:
		r.approval(d, item)
	case outgoing.PhaseSigned:
		clerk(view.WorkIssue)
	case outgoing.PhaseNumbered:
		if s.Refused != 0 { // the node's own door did not let it out: issue it again, or give it up
			clerk(view.WorkIssue)
		}
	case outgoing.PhaseIssued:
		if r.Untaken > 0 {
			item.due = r.TakeBy
			clerk(view.WorkNotTaken)
		}
		for _, f := range r.Refused {
			item = workItem{since: f.Position, prio: item.prio, body: workBody{Since: f.At}}
			clerk(view.WorkRefusedBy)
		}
	}
	for _, a := range r.Asked {
		d.give(workItem{since: a.Position, what: workNumber(view.WorkOpinion), prio: item.prio, due: a.Due, body: workBody{Since: a.At, From: a.By}}, a.Unit, a.Person, a.By)
	}
}

// approval is the work of the step at which it stands: of a person, or of whoever has the role for the unit.
func (r *outgoingRow) approval(d *derivation, item workItem) {
	step, ok := r.State.Step()
	if !ok {
		return
	}
	item.what = workNumber(view.WorkApprove)
	if step.Signs {
		item.what = workNumber(view.WorkSign)
	}
	item.body.Unit, item.body.Person = step.Unit, step.Person
	d.list(listWith, step.Person)
	d.list(listWithUnit, step.Unit)
	if step.Person != "" {
		d.do(item, workPerson, step.Person, r.State.Author())
		return
	}
	class := workRole(directory.Role(step.Role))
	if class == workHead {
		class = workStep
	}
	d.do(item, class, step.Unit, r.State.Author())
	// It is for those who have the role, not for all of the unit.
	w := &d.work[len(d.work)-1]
	w.lists = slices.DeleteFunc(w.lists, func(l listKey) bool { return l.class == workUnit })
}

// workRole is the class of work for whoever has a role.
func workRole(role directory.Role) uint8 {
	switch role {
	case directory.RoleClerk:
		return workPool
	case directory.RoleHead:
		return workHead
	case directory.RoleSpecialist:
		return workSpecialist
	}
	return workLeader
}
