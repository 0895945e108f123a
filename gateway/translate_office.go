package gateway

import (
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/schemas"
)

// officeOperation translates an operation on an agency's own part of the directory; false: it is another one.
func officeOperation(op schemas.Operation) (directory.Operation, bool) {
	switch op := op.(type) {
	case schemas.SetUnit:
		return directory.SetUnit{Agency: normalCode(op.Agency), ID: op.Unit, Name: op.Name, Short: op.Short, Parent: op.Parent}, true
	case schemas.CloseUnit:
		return directory.CloseUnit{Agency: normalCode(op.Agency), ID: op.Unit}, true
	case schemas.SetPerson:
		o := directory.SetPerson{Agency: normalCode(op.Agency), ID: op.Person, Name: op.Name, Position: op.Position}
		for _, d := range op.Duties {
			o.Duties = append(o.Duties, directory.Duty{Role: directory.Role(d.Role), Unit: d.Unit, From: d.From, Until: d.Until})
		}
		return o, true
	case schemas.RemovePerson:
		return directory.RemovePerson{Agency: normalCode(op.Agency), ID: op.Person}, true
	case schemas.Delegate:
		o := directory.Delegate{Agency: normalCode(op.Agency), ID: op.Delegation, From: op.From, To: op.To, Start: op.Start, End: op.End, Reason: op.Reason}
		for _, r := range op.Roles {
			o.Roles = append(o.Roles, directory.Role(r))
		}
		return o, true
	case schemas.WithdrawDelegation:
		return directory.WithdrawDelegation{Agency: normalCode(op.Agency), ID: op.Delegation}, true
	}
	return officeRule(op)
}

// officeRule translates an operation on what an agency works by.
func officeRule(op schemas.Operation) (directory.Operation, bool) {
	switch op := op.(type) {
	case schemas.SetRegister:
		return directory.SetRegister{Agency: normalCode(op.Agency),
			Register: directory.Register{ID: op.Register, Name: op.Name, Types: op.Types, Closed: op.Closed}}, true
	case schemas.SetSeries:
		return directory.SetSeries{Agency: normalCode(op.Agency), Series: directory.Series{
			ID: op.Series, Name: op.Name, Types: kindNames(op.Types), Copies: op.Copies, Notation: op.Notation, Closed: op.Closed}}, true
	case schemas.SetChain:
		o := directory.SetChain{Agency: normalCode(op.Agency),
			Chain: directory.Chain{ID: op.Chain, Name: op.Name, Types: kindNames(op.Types), Closed: op.Closed}}
		for _, s := range op.Steps {
			o.Steps = append(o.Steps, directory.Step{Role: directory.Role(s.Role), Unit: s.Unit, Days: s.Days})
		}
		return o, true
	case schemas.SetFilePlan:
		return directory.SetFilePlan{Agency: normalCode(op.Agency), FilePlanEntry: directory.FilePlanEntry{
			Code: op.Code, Title: op.Title, Retention: op.Retention, Unit: op.Unit, Closed: op.Closed}}, true
	case schemas.SetRetention:
		return directory.SetRetention{Agency: normalCode(op.Agency),
			Retention: directory.Retention{ID: op.Retention, Name: op.Name, Years: op.Years}}, true
	case schemas.SetDeadlines:
		o := directory.SetDeadlines{Agency: normalCode(op.Agency)}
		for _, r := range op.Rules {
			o.Rules = append(o.Rules, directory.DeadlineRule{What: r.What, Priority: int(r.Priority), Days: r.Days})
		}
		return o, true
	case schemas.SetCalendar:
		return directory.SetCalendar{Agency: normalCode(op.Agency), Year: op.Year,
			Calendar: directory.Calendar{Holidays: calendarDays(op.Holidays), Working: calendarDays(op.Working)}}, true
	}
	return nil, false
}

// kindNames are the names of the code lists, however they were written; the reader has found each there.
func kindNames(in []string) []string {
	var out []string
	for _, name := range in {
		if e := schemas.FindDocumentType(name, schemas.GroupAdministrative); e != nil {
			name = e.Name
		}
		out = append(out, name)
	}
	return out
}

func calendarDays(in []schemas.Date) []string {
	var out []string
	for _, d := range in {
		out = append(out, fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day))
	}
	return out
}

// custodyEnough refuses what an agency's key in custody has signed where the policy wants the agency's own signature: a change of its
// office says who acts for it.
func (h *handIn) custodyEnough(signer events.Digest, kind schemas.Kind) error {
	c, ok := h.snap.Directory.Certificate(signer)
	if !ok || c.Holder.Kind != directory.HolderOrganisation || c.ValidAt(h.at, directory.PurposeSign) || !c.ValidAt(h.at, directory.PurposeCustody) {
		return nil
	}
	if least := h.required(c.Holder.ID, kind); policy.Level(document.AssuranceCustody) < policy.Level(least) {
		return Refuse(CodeAssurance).With("required: " + least)
	}
	return nil
}

// officeCode numbers refusals that have to do with the person for whom the agency's key in custody signs.
func officeCode(r *directory.Refusal) (int, bool) {
	if r.Reason == directory.ReasonPersonNoRight {
		return CodeOfficePerson, true
	}
	for _, b := range r.Bad {
		switch b.Reason {
		case directory.ReasonPersonNoRight:
			return CodeOfficePerson, true
		case directory.ReasonOwnRights:
			return CodeOwnRights, true
		}
	}
	return 0, false
}
