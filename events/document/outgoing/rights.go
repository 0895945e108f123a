package outgoing

import (
	"slices"

	"github.com/tram-exchange/tram/events/directory"
)

// Who may do what. Deciders and May ask the same functions, so that what is offered is what is accepted. Each asks first whether the
// document exists for the person, then for the right, then whether the document stands where this can be done.

// makers are the roles that make documents.
var makers = []directory.Role{directory.RoleSpecialist, directory.RoleHead, directory.RoleClerk, directory.RoleLeader}

// drafts says whether the person may begin a draft.
func drafts(st directory.Standing) bool { return slices.ContainsFunc(makers, st.Has) }

// unitOf is the unit in whose name the person drafts: that of the first duty as specialist, else as head, clerk or leader.
func unitOf(st directory.Standing) string {
	for _, role := range makers {
		for _, d := range st.Duties {
			if d.Role == role {
				return d.Unit
			}
		}
	}
	return ""
}

// actsAs says whether the act is this person's, in the own name or by whoever stands in.
func actsAs(st directory.Standing, person string) bool {
	if person == "" {
		return false
	}
	return st.For == person || st.For == "" && st.Person == person
}

// works says whether the person is the author, or works on the drafts of the author's unit.
func (s State) works(st directory.Standing) bool {
	return actsAs(st, s.Author()) && drafts(st) ||
		st.HasFor(directory.RoleSpecialist, s.Opened.Unit) || st.HasFor(directory.RoleHead, s.Opened.Unit)
}

// own says whether it is the person's own draft: in the own name or in anybody's place, opened or written.
func (s State) own(st directory.Standing) bool {
	for _, p := range []string{st.Person, st.For} {
		if p != "" && (p == s.Opened.Person || p == s.Opened.For || p == s.Latest.Person || p == s.Latest.For) {
			return true
		}
	}
	return false
}

// asked says whether somebody wants to know the person's opinion.
func (s State) asked(st directory.Standing) bool {
	for _, a := range s.Asked {
		for _, of := range a.Of {
			if actsAs(st, of.Person) || of.Person == "" && st.InUnit(of.Unit) {
				return true
			}
		}
	}
	return false
}

// clerk says whether the person is a clerk of the author's unit, of one above it, or of the agency.
func (s State) clerk(st directory.Standing) bool {
	return st.HasFor(directory.RoleClerk, s.Opened.Unit)
}

// fits says whether the person has what the step asks for, whoever wrote the document.
func (p Step) fits(st directory.Standing) bool {
	if p.Role == "" { // the signature of a copy
		return (st.Has(directory.RoleLeader) || st.Has(directory.RoleHead)) && (p.Person == "" || actsAs(st, p.Person))
	}
	return st.HasFor(directory.Role(p.Role), p.Unit) && (p.Person == "" || actsAs(st, p.Person))
}

// Concerns says whether the document exists for the person: for all others it does not. Leaders, clerks and auditors of the agency,
// heads and specialists of its unit, who made it, who was asked, and who has a step in its chain.
func (s State) Concerns(st directory.Standing) bool {
	if s.Phase == PhaseNone {
		return false
	}
	return s.works(st) || s.clerk(st) || st.Has(directory.RoleLeader) || st.HasFor(directory.RoleAuditor, s.Opened.Unit) ||
		actsAs(st, s.Opened.Person) || actsAs(st, s.Author()) || s.asked(st) ||
		slices.ContainsFunc(s.Chain.Steps, func(p Step) bool { return p.fits(st) })
}

func (s State) exists(by By) error {
	if !s.Concerns(by.Standing) {
		return refuse(ReasonNotFound)
	}
	return nil
}

// not now says why it cannot be done in this phase.
func (s State) notNow() error {
	reason := map[Phase]Reason{
		PhaseSubmitted: ReasonInChain, PhaseNumbering: ReasonNumbering, PhaseNumbered: ReasonNumbered, PhaseSealed: ReasonSealed,
		PhaseIssued: ReasonIssued, PhaseRecalled: ReasonIssued, PhaseCancelled: ReasonCancelled,
	}[s.Phase]
	if reason == "" {
		reason = ReasonOrder
	}
	return refuse(reason, string(s.Phase))
}

func (s State) mayOpen(by By) error {
	if !drafts(by.Standing) {
		return refuse(ReasonRight)
	}
	return nil
}

// mayRevise is also who may submit.
func (s State) mayRevise(by By) error {
	if err := s.exists(by); err != nil {
		return err
	}
	switch {
	case !s.works(by.Standing):
		return refuse(ReasonRight)
	case !s.in(PhaseDraft, PhaseSentBack):
		return s.notNow()
	}
	return nil
}

func (s State) maySave(by By) error {
	if err := s.mayRevise(by); err != nil {
		return err
	}
	if s.Opened.Copy != nil {
		return refuse(ReasonCopy)
	}
	return nil
}

func (s State) mayAsk(by By) error {
	if err := s.exists(by); err != nil {
		return err
	}
	step, inChain := s.Step()
	switch {
	case !s.works(by.Standing) && !(inChain && step.fits(by.Standing)):
		return refuse(ReasonRight)
	case !s.in(PhaseDraft, PhaseSubmitted, PhaseSentBack):
		return s.notNow()
	}
	return nil
}

func (s State) mayOpine(by By) error {
	if err := s.exists(by); err != nil {
		return err
	}
	st := by.Standing
	inChain := s.Phase == PhaseSubmitted && slices.ContainsFunc(s.Chain.Steps, func(p Step) bool { return p.fits(st) })
	switch {
	case !s.works(st) && !s.asked(st) && !inChain && !st.Has(directory.RoleLeader):
		return refuse(ReasonRight)
	case !s.in(PhaseDraft, PhaseSubmitted, PhaseSentBack):
		return s.notNow()
	}
	return nil
}

func (s State) mayApprove(by By) error {
	if err := s.exists(by); err != nil {
		return err
	}
	step, ok := s.Step()
	if !ok {
		return refuse(ReasonOrder, string(s.Phase))
	}
	open := step
	open.Person = ""
	switch {
	case !open.fits(by.Standing):
		return refuse(ReasonRight)
	case !step.fits(by.Standing):
		return refuse(ReasonNotSigner, step.Person)
	case !step.Signs && s.own(by.Standing):
		return refuse(ReasonOwnDraft)
	}
	return nil
}

// maySendBack: who has the step, his own draft or not, and whoever may revise it, to take it out of the chain again.
func (s State) maySendBack(by By) error {
	if err := s.exists(by); err != nil {
		return err
	}
	step, ok := s.Step()
	switch {
	case !ok:
		return refuse(ReasonOrder, string(s.Phase))
	case !step.fits(by.Standing) && !s.works(by.Standing):
		return refuse(ReasonRight)
	}
	return nil
}

func (s State) mayIssue(by By) error {
	if err := s.exists(by); err != nil {
		return err
	}
	switch {
	case !s.clerk(by.Standing):
		return refuse(ReasonRight)
	case s.Phase == PhaseSigned, s.Phase == PhaseNumbered && s.Refused != 0:
		return nil
	case s.Phase == PhaseSubmitted:
		return refuse(ReasonOrder, string(s.Phase))
	}
	return s.notNow()
}

// mayCancel: before the signature whoever may revise it; after it a clerk, or the signer; of what has a number only a clerk, in whose
// register it stands.
func (s State) mayCancel(by By) error {
	if err := s.exists(by); err != nil {
		return err
	}
	clerk, signer := s.clerk(by.Standing), s.signer(by.Standing)
	var may bool
	switch s.Phase {
	case PhaseDraft, PhaseSentBack, PhaseSubmitted:
		may = s.works(by.Standing)
	case PhaseSigned:
		may = clerk || signer
	case PhaseNumbered:
		may = clerk
	default:
		if !clerk && !signer && !s.works(by.Standing) {
			return refuse(ReasonRight)
		}
		return s.notNow()
	}
	if !may {
		return refuse(ReasonRight)
	}
	return nil
}

// signer says whether the person is who signed it, still with the right to.
func (s State) signer(st directory.Standing) bool {
	n := len(s.Chain.Steps)
	return n > 0 && s.Chain.Steps[n-1].fits(st)
}

func (s State) mayRecall(by By) error {
	if err := s.exists(by); err != nil {
		return err
	}
	switch {
	case !s.clerk(by.Standing) && !s.signer(by.Standing):
		return refuse(ReasonRight)
	case s.Phase == PhaseRecalled:
		return refuse(ReasonRecalled)
	case s.Phase != PhaseIssued || s.Sent.Document == "":
		return refuse(ReasonNotSent, string(s.Phase))
	}
	return nil
}

// mayCopy: copies are the clerks' work, and a leader's.
func mayCopy(by By) error {
	if !by.Standing.Has(directory.RoleClerk) && !by.Standing.Has(directory.RoleLeader) {
		return refuse(ReasonRight)
	}
	return nil
}

// May lists the acts, by the names of schemas, that the person may do with the document now. What an act further asks for (a chain
// that there is, a series, a date) is not asked here. nil: for this person the document does not exist, or there is nothing to do.
func May(s State, by By) []string {
	if s.Phase == PhaseNone {
		if s.mayOpen(by) == nil {
			return []string{"SaveDraft"}
		}
		return nil
	}
	var out []string
	for _, a := range []struct {
		name string
		may  func(By) error
	}{
		{"SaveDraft", s.maySave}, {"AskOpinion", s.mayAsk}, {"GiveOpinion", s.mayOpine}, {"Submit", s.maySubmit},
		{"Approve", s.mayApprove}, {"SendBack", s.maySendBack}, {"Issue", s.mayIssue}, {"Cancel", s.mayCancel},
		{"RecallIssued", s.mayRecall},
	} {
		if a.may(by) == nil {
			out = append(out, a.name)
		}
	}
	if s.Phase == PhaseIssued && mayCopy(by) == nil && s.Concerns(by.Standing) {
		out = append(out, "MakeCopy") // under a new id
	}
	return out
}

// maySubmit: a copy that was sent back is made again, and goes to who signs it with that.
func (s State) maySubmit(by By) error { return s.maySave(by) }
