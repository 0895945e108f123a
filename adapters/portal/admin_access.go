package portal

import (
	"errors"
	"slices"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Who administers an agency's office, and what that person does not thereby see.

const roleAdministrator = "administrator"

// worksOnDocuments refuses who only administers the office: neither with own duties nor in the place of another does that person read
// anything. All else is for the views to judge.
func (p *Portal) worksOnDocuments(v *visit) error {
	if v.person == "" {
		return errGone
	}
	lists, err := p.officeOf(v)
	if errors.Is(err, view.ErrNotFound) {
		return nil // no office: there is nothing to see, and the pages say so
	}
	if err != nil {
		return err
	}
	if lists.onlyAdministers(v.person) {
		return errGone
	}
	return nil
}

// onlyAdministers says whether to administer is all that the person does today.
func (l *officeLists) onlyAdministers(person string) bool {
	return slices.Equal(l.roles(person), []string{roleAdministrator}) && !l.actsForAnother(person)
}

// actsForAnother says whether a delegation to the person is in force.
func (l *officeLists) actsForAnother(person string) bool {
	return slices.ContainsFunc(l.Delegations, func(d view.Delegation) bool { return d.To.ID == person && d.InForce })
}

// settingsOf is all of the office of the visitor's agency, as the views know it now, once per visit.
func (p *Portal) settingsOf(v *visit) (*view.Settings, error) {
	if v.settings == nil {
		s, err := p.cfg.OfficeViews.Settings(v.ctx(), v.account.Org)
		if err != nil {
			return nil, err
		}
		v.settings = &s
	}
	return v.settings, nil
}

// administersOffice refuses who does not administer the office at this moment. The directory judges every change again.
func (p *Portal) administersOffice(v *visit) error {
	if v.person == "" {
		return errGone
	}
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	if !hasDuty(s, v.person, roleAdministrator, p.cfg.Node.Now()) {
		return errGone
	}
	return nil
}

func hasDuty(s *view.Settings, person, role string, now time.Time) bool {
	me, ok := personIn(s, person)
	return ok && !me.Gone && slices.ContainsFunc(me.Duties, func(d view.DutySettings) bool { return d.Role == role && inForce(d.From, d.Until, now) })
}

func inForce(from, until, now time.Time) bool {
	return !now.Before(from) && (until.IsZero() || now.Before(until))
}

func personIn(s *view.Settings, id string) (view.PersonSettings, bool) {
	for _, p := range s.Persons {
		if p.ID == id {
			return p, true
		}
	}
	return view.PersonSettings{}, false
}

func unitIn(s *view.Settings, id string) (view.UnitSettings, bool) {
	for _, u := range s.Units {
		if u.ID == id {
			return u, true
		}
	}
	return view.UnitSettings{}, false
}
