package incoming

import (
	"slices"

	"github.com/tram-exchange/tram/events/directory"
)

// Who may do what. Decide and May ask the same functions, so that what is offered is what is accepted. First it is asked whether the
// document exists for the person, then for the right, then whether it stands where this can be done.

// works says whether the person has a duty that does anything here at all.
func works(st directory.Standing) bool { return clerk(st) || st.Handles() }

// clerk of the agency: the registers are the agency's.
func clerk(st directory.Standing) bool { return st.HasFor(directory.RoleClerk, "") }

func leader(st directory.Standing) bool { return st.Has(directory.RoleLeader) }

// has says whether it lies before the person.
func (s State) has(st directory.Standing) bool {
	return s.Phase == PhasePresented && st.Is(s.Presented) && (leader(st) || st.Has(directory.RoleHead))
}

// heads says whether the person is the head of the unit in charge.
func (s State) heads(st directory.Standing) bool {
	return s.Assigned() && st.Heads(s.Assignment.InCharge)
}

// handles says whether the person is in charge, or the head of the unit that is.
func (s State) handles(st directory.Standing) bool {
	return s.Assigned() && st.Is(s.Assignment.InCharge.Person) && st.Handles() || s.heads(st)
}

// takesPart says whether it lies before the person, or with the person or a unit, in charge or cooperating.
func (s State) takesPart(st directory.Standing) bool {
	return s.has(st) || s.Assigned() && (st.Takes(s.Assignment.InCharge) || slices.ContainsFunc(s.Assignment.Cooperating, st.Takes))
}

// Concerns says whether the document exists for the person: for all others it does not. Clerks and auditors of the agency, leaders,
// before whom it lay, with whom it lies or once lay.
func (s State) Concerns(st directory.Standing) bool {
	return clerk(st) || leader(st) || st.HasFor(directory.RoleAuditor, "") || s.takesPart(st) ||
		st.Is(s.Presented) && st.Handles() || slices.ContainsFunc(s.Before, st.Takes)
}

// may says whether the person may do the act with the document as it stands.
func (s State) may(act string, st directory.Standing, x *Exchange) error {
	if !works(st) {
		return refuse(ReasonRight)
	}
	if act == actEnter {
		if !clerk(st) {
			return refuse(ReasonRight)
		}
		return nil
	}
	switch {
	case !s.Entered() && x == nil, !s.Concerns(st):
		return refuse(ReasonUnknown)
	case !s.right(act, st):
		return refuse(ReasonRight)
	}
	return s.order(act, x)
}

// right judges the person; where the document stands matters only as far as it says whose it is.
func (s State) right(act string, st directory.Standing) bool {
	switch act {
	case actRegister, actRefuse:
		return clerk(st)
	case actPresent:
		return clerk(st) || leader(st) || s.has(st)
	case actAssign:
		return leader(st) || s.has(st) || s.heads(st)
	case actTransferBack, actStart:
		return s.handles(st)
	case actFinish:
		return s.handles(st) || s.has(st) || leader(st) && !s.Assigned()
	case actOpine:
		return leader(st) || s.takesPart(st)
	case actChangeDeadline:
		return leader(st) || s.heads(st) && st.Is(s.Assignment.By)
	case actLinkReply:
		return clerk(st) || s.handles(st) || s.has(st) || leader(st)
	case actAgree, actDecline:
		return clerk(st) || leader(st)
	case actReopen:
		return leader(st) || s.heads(st) || s.Phase == PhaseWithdrawn && clerk(st)
	}
	return false
}

// fits are the phases in which an act can be done.
var fits = map[string][]Phase{
	actRegister:       {PhaseArrived},
	actRefuse:         {PhaseArrived},
	actPresent:        {PhaseRegistered, PhasePresented},
	actAssign:         {PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling},
	actTransferBack:   {PhaseAssigned, PhaseHandling},
	actStart:          {PhaseAssigned},
	actOpine:          {PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling, PhaseFinished},
	actChangeDeadline: {PhaseAssigned, PhaseHandling},
	actLinkReply:      {PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling, PhaseFinished},
	actFinish:         {PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling},
	actReopen:         {PhaseFinished, PhaseWithdrawn},
}

// order judges where the document stands.
func (s State) order(act string, x *Exchange) error {
	back := BackNone
	if x != nil {
		back = x.Back
	}
	if act == actAgree || act == actDecline {
		return s.answer(x)
	}
	switch {
	case s.Events >= maxActs:
		return refuse(ReasonFull)
	case back == BackAsked && act != actOpine && (act == actReopen || s.Phase != PhaseWithdrawn):
		return refuse(ReasonAsked)
	case back == BackGiven && act != actOpine:
		return refuse(ReasonWithdrawn)
	case s.Phase == PhaseArrived && s.Channel != "":
		return refuse(ReasonNumbering) // entered and asked for in one append: never seen
	case slices.Contains(fits[act], s.Phase):
		return nil
	}
	switch s.Phase {
	case PhaseArrived:
		if act == actReopen {
			return refuse(ReasonNotFinished)
		}
		return refuse(ReasonUnnumbered)
	case PhaseRegistering:
		if act == actRegister || act == actRefuse {
			return refuse(ReasonRegistered)
		}
		return refuse(ReasonNumbering)
	case PhaseRefused:
		return refuse(ReasonRefused)
	case PhaseWithdrawn:
		return refuse(ReasonWithdrawn)
	case PhaseFinished:
		if act == actRegister || act == actRefuse {
			return refuse(ReasonRegistered)
		}
		return refuse(ReasonFinished)
	}
	switch act {
	case actRegister, actRefuse:
		return refuse(ReasonRegistered)
	case actPresent:
		return refuse(ReasonAssigned)
	case actStart:
		if s.Phase == PhaseHandling {
			return refuse(ReasonStarted)
		}
	case actReopen:
		return refuse(ReasonNotFinished)
	}
	return refuse(ReasonNotAssigned)
}

// answer judges whether there is a request of the sender to be answered, wherever the document stands.
func (s State) answer(x *Exchange) error {
	switch {
	case s.Phase == PhaseRefused:
		return refuse(ReasonRefused)
	case x == nil || x.Back != BackAsked:
		return refuse(ReasonNotAsked)
	case x.By != "" && x.By == s.Answered:
		return refuse(ReasonAnswered)
	}
	return nil
}

// May names the acts that the person may do with the document now, as the forms name them. x is as in Command.
func May(s State, st directory.Standing, x *Exchange) []string {
	var out []string
	for _, act := range []string{
		actRegister, actRefuse, actPresent, actAssign, actStart, actFinish, actLinkReply, actChangeDeadline, actTransferBack, actOpine, actAgree, actDecline, actReopen,
	} {
		if s.may(act, st, x) == nil {
			out = append(out, act)
		}
	}
	return out
}
