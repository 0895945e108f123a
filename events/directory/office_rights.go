package directory

import "time"

// officeAuthority is the right of a person for whom the node signs with the agency's key in custody.
func (s State) officeAuthority(agency Holder, c Change) (Authority, Holder, *Refusal) {
	if o, ok := s.Office(agency.ID); ok {
		if p, ok := o.Person(c.Person); ok && !p.Gone {
			return AuthorityOffice, agency, nil
		}
	}
	return "", Holder{}, &Refusal{Reason: ReasonPersonNoRight, Detail: c.Person}
}

// mayChange says whether the signer may do the operation to the agency's own part of the directory.
func (j *judge) mayChange(org *Organisation, op officeOperation) verdict {
	switch {
	case j.administrates():
	case j.authority != AuthorityAgency && j.authority != AuthorityOffice, j.holder.ID != org.ID:
		return wrong(ReasonNotAllowed, org.ID)
	}
	switch {
	case org.Node != "":
		return wrong(ReasonNotServed, org.ID)
	case org.closedAt(j.c.At):
		return wrong(ReasonAlreadyClosed, org.ID)
	case j.authority == AuthorityOffice && !j.personMay(org.ID, op):
		return wrong(ReasonPersonNoRight, j.c.Person)
	}
	return good
}

// personMay says whether the person may do it in an office: who is administrator before the change, everything; everybody, delegate
// what is his own, and take that back.
func (j *judge) personMay(org string, op officeOperation) bool {
	o, _ := j.before.Office(org)
	if own, ok := o.Standing(j.c.Person, "", j.c.At); ok && own.Has(RoleAdministrator) {
		return true
	}
	switch op := op.(type) {
	case Delegate:
		return op.From == j.c.Person
	case WithdrawDelegation:
		now, _ := j.s.Office(org)
		d, ok := now.Delegation(op.ID)
		return ok && d.From == j.c.Person
	}
	return false
}

// widened refuses what would let the person who asks do more than before the change, in the own name or in another's place, now or
// later: another person, an operator or the agency's own key must say that. So an administrator of an office cannot make himself
// reader or leader, by whatever way: own duties, duties of one who has delegated to him, or a unit moved under his own.
func (j *judge) widened(org string) verdict {
	if j.authority != AuthorityOffice {
		return good
	}
	before, _ := j.before.Office(org)
	after, _ := j.s.Office(org)
	had := before.grants(j.c.Person, j.c.At)
	for _, g := range after.grants(j.c.Person, j.c.At) {
		if !g.heldBy(had, before, after) {
			return wrong(ReasonOwnRights, j.c.Person)
		}
	}
	return good
}

// grant is a duty that a person has at some time from now on, in the own name or in the place of another.
type grant struct {
	inPlaceOf string
	duty      Duty
}

// grants are all that a person will be able to do from a time on if nothing changes.
func (o *Office) grants(person string, now time.Time) []grant {
	var out []grant
	add := func(inPlaceOf string, d Duty, from, until time.Time) {
		d.From = later(later(d.From, from), now)
		if d.Until.IsZero() || !until.IsZero() && until.Before(d.Until) {
			d.Until = until
		}
		if period(d.From, d.Until) {
			out = append(out, grant{inPlaceOf, d})
		}
	}
	p, ok := o.Person(person)
	if !ok || p.Gone {
		return nil
	}
	for _, d := range p.Duties {
		add("", d, now, time.Time{})
	}
	for i := range o.Delegations {
		d := &o.Delegations[i]
		if d.To != person || d.endedAt(now) {
			continue
		}
		other, _ := o.Person(d.From)
		for _, duty := range other.Duties {
			if d.covers(duty.Role) {
				add(d.From, duty, d.Start, d.End)
			}
		}
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// heldBy says whether one of the grants of before covers all of it: the same role in the place of the same person, for the whole
// period, and for every unit there was before that it is for.
func (g grant) heldBy(had []grant, before, after *Office) bool {
	for _, h := range had {
		if h.inPlaceOf == g.inPlaceOf && h.duty.Role == g.duty.Role && !g.duty.From.Before(h.duty.From) &&
			(h.duty.Until.IsZero() || !g.duty.Until.IsZero() && !g.duty.Until.After(h.duty.Until)) &&
			before.reaches(h.duty.Unit, g.duty.Unit, after) {
			return true
		}
	}
	return false
}

// reaches says whether a duty for unit had was for all that one for unit has is for after a change. A unit that is new has nothing in
// it and nobody yet.
func (o *Office) reaches(had, has string, after *Office) bool {
	if !o.Within(has, had) {
		return false
	}
	for _, u := range o.Units {
		if after.Within(u.ID, has) && !o.Within(u.ID, had) {
			return false
		}
	}
	return true
}
