package portal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// The pages of who administers an agency's office. They show no document and no count of any.

// officeTabs are the parts of the office.
func (v *visit) officeTabs(current string) []listTab {
	var tabs []listTab
	for _, t := range [][2]string{{"units", "/office/units"}, {"persons", "/office/persons"}, {"delegations", "/office/delegations"}, {"rules", "/office/rules"}, {"history", "/office/history"}} {
		tabs = append(tabs, listTab{Label: v.words.say("office.tab." + t[0]), Path: t[1], Current: t[0] == current})
	}
	return tabs
}

// newChangeForm is a fresh form that changes a thing as it stands.
func (p *Portal) newChangeForm(v *visit, name, item string, version uint64, values map[string]string) *actForm {
	f := p.newActForm(v, name, "/office/change", version, nil)
	f.Values.Set("item", item)
	for k, s := range values {
		f.Values.Set(k, s)
	}
	return f
}

// changeOffice does what one of the forms asks for; a form that was refused comes back on the page it came from.
func (p *Portal) changeOffice(v *visit) error {
	form := v.r.PostForm
	item := form.Get("item")
	switch act := form.Get("act"); act {
	case "SetUnit", "CloseUnit":
		failed, err := p.doChange(v, "/office/units", false)
		if err != nil || failed == nil {
			return err
		}
		return p.showUnit(v, item, failed)
	case "SetPerson", "RemovePerson":
		failed, err := p.doChange(v, "/office/persons", false)
		if err != nil || failed == nil {
			return err
		}
		return p.showPerson(v, item, failed)
	case "Delegate", "WithdrawDelegation":
		failed, err := p.doChange(v, "/office/delegations", false)
		if err != nil || failed == nil {
			return err
		}
		return p.showDelegations(v, failed)
	default:
		kind, ok := ruleKindOf(act)
		if !ok {
			return fail(http.StatusBadRequest)
		}
		failed, err := p.doChange(v, "/office/rules", false)
		if err != nil || failed == nil {
			return err
		}
		return p.showRule(v, kind, item, failed)
	}
}

// statusOf is the status of a page with a form that was refused, or without.
func statusOf(failed *actFailure) int {
	if failed == nil {
		return http.StatusOK
	}
	if failed.wasStale() {
		return http.StatusConflict
	}
	return failed.Status
}

// officeBody is the first page: what there is, and what is still missing for the daily work.
type officeBody struct {
	Tiles   []officeTile
	Missing []string
	Lines   []historyLine
	Asks    []askLine // for accounts, that wait for another administrator
}

type officeTile struct {
	Icon, Label, Path string
	N                 int
}

func (p *Portal) officePage(v *visit) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	now := p.cfg.Node.Now()
	b := officeBody{Missing: v.words.missing(s, now)}
	tile := func(icon, label, path string, n int) {
		b.Tiles = append(b.Tiles, officeTile{icon, v.words.say("office.tab." + label), path, n})
	}
	tile("folder", "units", "/office/units", count(s.Units, func(u view.UnitSettings) bool { return !u.Closed }))
	tile("people", "persons", "/office/persons", count(s.Persons, func(x view.PersonSettings) bool { return !x.Gone }))
	tile("copy", "delegations", "/office/delegations", count(s.Delegations, func(d view.DelegationSettings) bool { return delegationState(d, now) == "now" }))
	tile("book", "rules", "/office/rules", len(s.Registers)+len(s.Series)+len(s.Chains)+len(s.FilePlan))
	changes, _, err := p.cfg.Office.History(v.ctx(), v.account.Org, 0, 5)
	if err != nil {
		return err
	}
	b.Lines = v.words.historyLines(s, changes)
	if b.Asks, err = p.askLines(v, s); err != nil {
		return err
	}
	return p.show(v, "office", "office", v.words.say("nav.office"), b)
}

func count[T any](list []T, is func(T) bool) int {
	n := 0
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}

// missing says what the daily work needs and the office does not have.
func (w words) missing(s *view.Settings, now time.Time) []string {
	var out []string
	need := func(there bool, key string, pairs ...any) {
		if !there {
			out = append(out, w.say(key, pairs...))
		}
	}
	for _, role := range []string{"clerk", "leader"} {
		need(slices.ContainsFunc(s.Persons, func(p view.PersonSettings) bool { return hasDuty(s, p.ID, role, now) }), "office.missing.role", "role", w.say("duty."+role))
	}
	admins := count(s.Persons, func(p view.PersonSettings) bool { return hasDuty(s, p.ID, roleAdministrator, now) })
	need(admins > 1, "office.missing.second")
	need(slices.ContainsFunc(s.Registers, func(r view.RegisterSettings) bool { return !r.Closed }), "office.missing.register")
	need(slices.ContainsFunc(s.Series, func(x view.SeriesSettings) bool { return !x.Closed && !x.Copies }), "office.missing.series")
	need(slices.ContainsFunc(s.Chains, func(x view.ChainSettings) bool { return !x.Closed }), "office.missing.chain")
	year := strconv.Itoa(now.In(vietnamTime).Year())
	need(slices.ContainsFunc(s.Holidays, func(d string) bool { return strings.HasPrefix(d, year) }), "office.missing.calendar", "year", year)
	for _, p := range s.Persons {
		need(p.Gone || len(p.Duties) > 0, "office.missing.duty", "name", personWords(p.PersonRef))
	}
	return out
}

func personWords(p view.PersonRef) string {
	if p.Name == "" {
		return p.ID
	}
	return p.Name
}
