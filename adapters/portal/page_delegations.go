package portal

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Delegations: an administrator's page of all, and everybody's page of the own.

// delegationLine is one in a list.
type delegationLine struct {
	view.DelegationSettings
	State    string // now, later, ended
	Roles    string
	Days     string
	Withdraw *actForm // nil: not to be withdrawn by the reader
}

// delegationState says how a delegation stands.
func delegationState(d view.DelegationSettings, now time.Time) string {
	switch {
	case !d.Withdrawn.IsZero() || !now.Before(d.End):
		return "ended"
	case now.Before(d.Start):
		return "later"
	}
	return "now"
}

func (w words) delegationLine(d view.DelegationSettings, now time.Time) delegationLine {
	l := delegationLine{DelegationSettings: d, State: delegationState(d, now), Roles: w.say("away.all"),
		Days: w.say("away.days", "from", day(d.Start), "until", lastDayOf(d.End))}
	if len(d.Roles) > 0 {
		var roles []string
		for _, r := range d.Roles {
			roles = append(roles, w.say("duty."+r))
		}
		l.Roles = strings.Join(roles, ", ")
	}
	return l
}

// delegationsBody is a page of delegations.
type delegationsBody struct {
	Tabs   []listTab
	Own    bool
	None   string // why the reader has nothing to delegate
	Form   *actForm
	From   []view.PersonRef
	To     []view.PersonRef
	Roles  []string
	Lines  []delegationLine // that have not ended
	ToMe   []delegationLine
	Ended  []delegationLine
	Failed []string // of a withdrawal
}

// endedMost bounds the list of those that have ended.
const endedMost = 50

func (p *Portal) officeDelegations(v *visit) error { return p.showDelegations(v, nil) }

func (p *Portal) showDelegations(v *visit, failed *actFailure) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	b := p.delegations(v, s, failed, func(view.DelegationSettings) bool { return true }, "/office/change")
	b.Tabs, b.From, b.Roles = v.officeTabs("delegations"), peopleAtWork(s, ""), slices.DeleteFunc(slices.Clone(dutyRoles), func(r string) bool { return r == roleAdministrator })
	return p.render(v, statusOf(failed), "delegations", "office", v.words.say("office.tab.delegations"), p.doneNotice(v), b)
}

// away is where a person says who acts for him while he is away.
func (p *Portal) away(v *visit) error { return p.showAway(v, nil) }

func (p *Portal) changeAway(v *visit) error {
	if act := v.r.PostForm.Get("act"); act != "Delegate" && act != "WithdrawDelegation" {
		return fail(400)
	}
	failed, err := p.doChange(v, "/away", true)
	if err != nil || failed == nil {
		return err
	}
	return p.showAway(v, failed)
}

func (p *Portal) showAway(v *visit, failed *actFailure) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	b := p.delegations(v, s, failed, func(d view.DelegationSettings) bool { return d.From.ID == v.person }, "/away")
	b.Own = true
	now := p.cfg.Node.Now()
	me, _ := personIn(s, v.person)
	for _, d := range me.Duties {
		if d.Role != roleAdministrator && !slices.Contains(b.Roles, d.Role) {
			b.Roles = append(b.Roles, d.Role)
		}
	}
	if len(b.Roles) == 0 {
		b.Form, b.None = nil, v.words.say("away.nothing")
	}
	for _, d := range s.Delegations {
		if d.To.ID == v.person && delegationState(d, now) != "ended" {
			b.ToMe = append(b.ToMe, v.words.delegationLine(d, now))
		}
	}
	return p.render(v, statusOf(failed), "delegations", "away", v.words.say("away.title"), p.doneNotice(v), b)
}

// delegations are those that the reader may see here, with the form of a new one.
func (p *Portal) delegations(v *visit, s *view.Settings, failed *actFailure, mine func(view.DelegationSettings) bool, path string) delegationsBody {
	now := p.cfg.Node.Now()
	var b delegationsBody
	b.Form = p.newChangeForm(v, "Delegate", "", 0, map[string]string{"start": day(now)})
	b.Form.Path = path
	b.Form.keep(failed)
	without := ""
	if path == "/away" {
		without = v.person
	}
	b.To = peopleAtWork(s, without)
	for _, d := range s.Delegations {
		if !mine(d) {
			continue
		}
		l := v.words.delegationLine(d, now)
		if l.State == "ended" {
			b.Ended = append(b.Ended, l)
			continue
		}
		l.Withdraw = p.newChangeForm(v, "WithdrawDelegation", d.ID, 0, nil)
		l.Withdraw.Path = path
		b.Lines = append(b.Lines, l)
	}
	byStart := func(x, y delegationLine) int { return cmp.Or(y.Start.Compare(x.Start), strings.Compare(x.ID, y.ID)) }
	slices.SortFunc(b.Lines, byStart)
	slices.SortFunc(b.Ended, byStart)
	b.Ended = b.Ended[:min(len(b.Ended), endedMost)]
	if failed != nil && failed.Name == "WithdrawDelegation" {
		b.Failed = failed.Said
	}
	return b
}

// peopleAtWork are those who work here, but for one, in order of name.
func peopleAtWork(s *view.Settings, without string) []view.PersonRef {
	var out []view.PersonRef
	for _, p := range s.Persons {
		if !p.Gone && p.ID != without {
			out = append(out, p.PersonRef)
		}
	}
	slices.SortStableFunc(out, func(a, b view.PersonRef) int { return strings.Compare(givenName(a.Name), givenName(b.Name)) })
	return out
}

// givenName is the last word of a name, by which Vietnamese names are put in order, without marks.
func givenName(name string) string {
	words := strings.Fields(strings.ToLower(withoutMarks(name)))
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}
