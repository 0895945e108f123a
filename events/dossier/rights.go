package dossier

import (
	"fmt"

	"github.com/tram-exchange/tram/events/directory"
)

// Who may do what. Decide and May ask the same functions, so that what is offered is what is accepted. First it is asked whether the
// dossier exists for the person, then for the right, then whether it stands where this can be done.

func leader(st directory.Standing) bool { return st.Has(directory.RoleLeader) }

// leads says whether the person is above who has it in charge.
func (s State) leads(st directory.Standing) bool {
	return leader(st) || st.HasFor(directory.RoleHead, s.Unit)
}

// manages says whether the person has it in charge, or is above who has.
func (s State) manages(st directory.Standing) bool {
	return st.Is(s.InCharge) && st.Handles() || s.leads(st)
}

// helps says whether the person was given a task in it.
func (s State) helps(st directory.Standing) bool {
	for _, t := range s.tasks.All() {
		if st.Takes(t.To) {
			return true
		}
	}
	return false
}

// Concerns says whether the dossier exists for the person: for all others it does not. Clerks and auditors of the agency, leaders, the
// head of its unit, who has it in charge or had, who was given a task; and archivists once it is closed.
func (s State) Concerns(st directory.Standing) bool {
	if s.Phase == PhaseNone {
		return false
	}
	if s.manages(st) || st.HasFor(directory.RoleClerk, "") || st.HasFor(directory.RoleAuditor, "") ||
		s.Phase == PhaseClosed && st.HasFor(directory.RoleArchivist, "") || s.helps(st) {
		return true
	}
	_, had := s.before.Get(st.Name())
	return had && st.Handles()
}

// may says whether the person may do the act with the dossier as it stands. task is that of FinishTask.
func (s State) may(act string, st directory.Standing, task string) error {
	if !st.Handles() {
		return refuse(ReasonRight)
	}
	if act == actOpen {
		if s.Phase != PhaseNone {
			return refuse(ReasonOpened)
		}
		return nil
	}
	switch {
	case !s.Concerns(st):
		return refuse(ReasonUnknown)
	case !s.right(act, st, task):
		return refuse(ReasonRight)
	case s.Events >= maxActs && act != actClose:
		return refuse(ReasonFull, fmt.Sprintf("%d acts", s.Events))
	case act == actReopen && s.Phase == PhaseOpen:
		return refuse(ReasonNotClosed)
	case act != actReopen && s.Phase == PhaseClosed:
		return refuse(ReasonClosed)
	}
	if act == actClose {
		switch {
		case s.OpenTasks > 0:
			return refuse(ReasonOpenTasks, fmt.Sprint(s.OpenTasks))
		case s.Number == 0:
			return refuse(ReasonNumbering)
		}
	}
	return nil
}

func (s State) right(act string, st directory.Standing, task string) bool {
	switch act {
	case actClassify, actRemove, actGiveTask, actDecision, actHandOver, actClose:
		return s.manages(st)
	case actAdd, actOpine:
		return s.manages(st) || s.helps(st)
	case actFinishTask:
		if t, ok := s.tasks.Get(task); ok {
			return s.manages(st) || st.Takes(t.To)
		}
		return s.manages(st) || s.helps(st)
	case actReopen:
		return s.leads(st)
	}
	return false
}

// May names the acts that the person may do with the dossier now, as the forms name them.
func May(s State, st directory.Standing) []string {
	if s.Phase == PhaseNone {
		return nil
	}
	var out []string
	for _, act := range []string{
		actAdd, actOpine, actGiveTask, actDecision, actClassify, actRemove, actHandOver, actClose, actReopen,
	} {
		if s.may(act, st, "") == nil {
			out = append(out, act)
		}
	}
	if s.Phase == PhaseOpen && s.mayFinishAny(st) {
		out = append(out, actFinishTask)
	}
	return out
}

// mayFinish says whether the person may end the task now.
func (s State) mayFinish(task string, st directory.Standing) bool {
	t, ok := s.tasks.Get(task)
	return ok && !t.Done && s.may(actFinishTask, st, task) == nil
}

func (s State) mayFinishAny(st directory.Standing) bool {
	if s.OpenTasks == 0 {
		return false
	}
	for id := range s.tasks.All() {
		if s.mayFinish(id, st) {
			return true
		}
	}
	return false
}
