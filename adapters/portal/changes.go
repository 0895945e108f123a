package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// Changes of an agency's office by forms. They happen once like acts (press), and carry the version of the thing that they change.

// changeInput reads the fields of one form.
type changeInput struct {
	*actInput
	settings *view.Settings
	agency   string // code that operations name it by
	item     string // id of the thing that is changed, "" a new one
	own      bool   // the form of a person about what is the person's own
}

// changeReaders read the forms by their acts. What cannot be understood becomes a sentence in problems.
var changeReaders = map[string]func(*changeInput) OfficeChange{
	"SetUnit":            (*changeInput).setUnit,
	"CloseUnit":          (*changeInput).closeUnit,
	"SetPerson":          (*changeInput).setPerson,
	"RemovePerson":       (*changeInput).removePerson,
	"Delegate":           (*changeInput).delegate,
	"WithdrawDelegation": (*changeInput).withdraw,
	"SetRegister":        (*changeInput).setRegister,
	"SetSeries":          (*changeInput).setSeries,
	"SetChain":           (*changeInput).setChain,
	"SetRetention":       (*changeInput).setRetention,
	"SetFilePlan":        (*changeInput).setFilePlan,
	"SetDeadlines":       (*changeInput).setDeadlines,
	"SetCalendar":        (*changeInput).setCalendar,
}

// doChange does what a form asks of the office, as doAct does what one asks of a document.
func (p *Portal) doChange(v *visit, done string, own bool) (*actFailure, error) {
	form := v.r.PostForm
	id, name := form.Get("id"), form.Get("act")
	read, ok := changeReaders[name]
	if !actID.MatchString(id) || !ok {
		return nil, fail(http.StatusBadRequest)
	}
	settings, err := p.settingsOf(v)
	if err != nil {
		return nil, err
	}
	failed := &actFailure{Name: name, ID: id, Status: http.StatusUnprocessableEntity, Values: kept(form)}
	in := &changeInput{actInput: &actInput{v: v, form: form, now: p.cfg.Node.Now()}, settings: settings, agency: v.org.Code, item: form.Get("item"), own: own}
	c := read(in)
	if len(in.problems) > 0 {
		failed.Said = in.problems
		return failed, nil
	}
	return p.press(v, actRequest{Target: schemas.ActTarget{ID: in.item}, Name: name, Done: done}, failed, func(ctx context.Context) (Acted, error) {
		acted, err := p.cfg.Office.Change(ctx, p.actor(v), id, c)
		var r *Refused
		if errors.As(err, &r) {
			err = r.withNames(settings)
		}
		p.offices.forget(v.account.Org)
		return acted, err
	})
}

// withNames lets a refusal speak of units and persons by their names.
func (r *Refused) withNames(s *view.Settings) *Refused {
	c := *r
	c.Broken = slices.Clone(r.Broken)
	for i := range c.Broken {
		c.Broken[i].Detail = idInText.ReplaceAllStringFunc(c.Broken[i].Detail, func(id string) string {
			if u, ok := unitIn(s, id); ok && u.Name != "" {
				return u.Name
			}
			if p, ok := personIn(s, id); ok {
				return personWords(p.PersonRef)
			}
			return id
		})
	}
	return &c
}

var idInText = regexp.MustCompile(`[a-z0-9-]+`)

// stale says whether somebody else was faster.
func (x *actFailure) wasStale() bool { return x != nil && slices.Contains(x.Codes, "TRAM-7004") }

// change is one of these operations on one thing, as the form saw it.
func (in *changeInput) change(kind, id string, ops ...schemas.Operation) OfficeChange {
	seen, _ := in.seen()
	return OfficeChange{Reason: in.text("basis", textMost, !in.own), Seen: &SeenSetting{Kind: kind, ID: id, Version: seen}, Operations: ops}
}

// itemID is the id of the thing: that of the form, or of a new one what was typed, else what is proposed.
func (in *changeInput) itemID(field, proposed string, taken func(id string) bool) string {
	if in.item != "" {
		if !taken(in.item) {
			in.trouble("form.bad", "field", in.label(field))
		}
		return in.item
	}
	id := strings.TrimSpace(in.form.Get(field))
	if id == "" {
		id = freeID(proposed, taken)
	}
	switch {
	case !officeID.MatchString(id):
		in.trouble("form.id", "field", in.label(field))
	case taken(id):
		in.trouble("form.taken", "field", in.label(field), "value", id)
	}
	return id
}

var officeID = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// idOf makes an id of a name: "Phòng Tổ chức" gives "phong-to-chuc".
func idOf(name string) string {
	words := strings.FieldsFunc(strings.ToLower(withoutMarks(name)), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	id := strings.Join(words, "-")
	if len(id) > 60 {
		id = strings.Trim(id[:60], "-")
	}
	return id
}

func freeID(id string, taken func(string) bool) string {
	for n := 2; id != "" && taken(id) && n < 1000; n++ {
		if next := fmt.Sprintf("%s-%d", strings.TrimRight(id, "-0123456789"), n); !taken(next) {
			return next
		}
	}
	return id
}

func (in *changeInput) setUnit() OfficeChange {
	op := schemas.SetUnit{Agency: in.agency, Name: in.text("unit_name", 200, true), Short: in.text("unit_short", 20, false), Parent: in.form.Get("unit_parent")}
	op.Unit = in.itemID("unit_id", idOf(op.Name), func(id string) bool { _, ok := unitIn(in.settings, id); return ok })
	if op.Parent != "" {
		if _, ok := unitIn(in.settings, op.Parent); !ok {
			in.trouble("form.bad", "field", in.label("unit_parent"))
		}
	}
	return in.change("unit", op.Unit, op)
}

func (in *changeInput) closeUnit() OfficeChange {
	return in.change("unit", in.item, schemas.CloseUnit{Agency: in.agency, Unit: in.item})
}

// dutyRoles in the order of the form.
var dutyRoles = []string{"clerk", "specialist", "head", "leader", "administrator", "auditor", "archivist"}

func (in *changeInput) setPerson() OfficeChange {
	op := schemas.SetPerson{Agency: in.agency, Name: in.text("person_name", 200, true), Position: in.text("person_position", 200, false)}
	known := func(id string) bool { _, ok := personIn(in.settings, id); return ok }
	op.Person = in.itemID("person_id", nextPerson(in.settings), known) // never made of a name
	before, _ := personIn(in.settings, op.Person)
	for _, row := range dutyRowsOf(in.form) {
		if duty, ok := in.duty(row, before); ok {
			op.Duties = append(op.Duties, duty)
		}
	}
	return in.change("person", op.Person, op)
}

// nextPerson is the id after the greatest of the usual form: "nv-012" gives "nv-013".
func nextPerson(s *view.Settings) string {
	greatest := 0
	for _, p := range s.Persons {
		if n, err := strconv.Atoi(strings.TrimPrefix(p.ID, "nv-")); err == nil && strings.HasPrefix(p.ID, "nv-") {
			greatest = max(greatest, n)
		}
	}
	return fmt.Sprintf("nv-%03d", greatest+1)
}

// dutyRow is one line of duties as it was typed.
type dutyRow struct{ Role, Unit, From, Until string }

const dutyRowsMost = 20

// dutyRowsOf pairs the fields of the lines, which browsers send in their order.
func dutyRowsOf(form url.Values) []dutyRow {
	var rows []dutyRow
	at := func(name string, i int) string {
		if l := form[name]; i < len(l) {
			return strings.TrimSpace(l[i])
		}
		return ""
	}
	for i := range min(len(form["duty_role"]), dutyRowsMost) {
		rows = append(rows, dutyRow{at("duty_role", i), at("duty_unit", i), at("duty_from", i), at("duty_until", i)})
	}
	return rows
}

// duty reads a line; false: it says nothing, or what it says was complained about. A duty that stays as it was keeps its very moments.
func (in *changeInput) duty(row dutyRow, before view.PersonSettings) (schemas.OfficeDuty, bool) {
	if row.Role == "" {
		if row.Unit != "" || row.From != "" || row.Until != "" {
			in.trouble("form.choose", "field", in.label("duty_role"))
		}
		return schemas.OfficeDuty{}, false
	}
	if !slices.Contains(dutyRoles, row.Role) {
		in.trouble("form.bad", "field", in.label("duty_role"))
		return schemas.OfficeDuty{}, false
	}
	duty := schemas.OfficeDuty{Role: row.Role, Unit: row.Unit, From: in.dayBegin("duty_from", row.From), Until: in.dayEnd("duty_until", row.Until)}
	switch row.Role {
	case "specialist", "head":
		if row.Unit == "" {
			in.trouble("duty.unit.need", "role", in.v.words.say("duty."+row.Role))
		}
	case "leader", roleAdministrator, "auditor":
		if row.Unit != "" {
			in.trouble("duty.unit.none", "role", in.v.words.say("duty."+row.Role))
		}
	}
	for _, d := range before.Duties {
		if d.Role == duty.Role && d.Unit == duty.Unit && typedDayOf(d.From) == typedDayOf(duty.From) && lastDayOf(d.Until) == lastDayOf(duty.Until) {
			duty.From, duty.Until = d.From, d.Until
		}
	}
	return duty, true
}

// dayBegin reads a day as its first moment in +07:00; empty is zero.
func (in *changeInput) dayBegin(name, typed string) time.Time {
	iso, ok := parseDate(typed)
	if !ok {
		in.trouble("register.bad.date", "value", typed)
		return time.Time{}
	}
	if iso == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, iso, vietnamTime)
	if err != nil {
		in.trouble("form.missing", "field", in.label(name))
	}
	return t
}

// dayEnd reads a day as the moment after it.
func (in *changeInput) dayEnd(name, typed string) time.Time {
	t := in.dayBegin(name, typed)
	if t.IsZero() {
		return t
	}
	return t.AddDate(0, 0, 1)
}

// typedDayOf and lastDayOf are a period's days as people write them, "" open.
func typedDayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return day(t)
}

func lastDayOf(end time.Time) string {
	if end.IsZero() {
		return ""
	}
	return day(end.Add(-time.Nanosecond))
}

func (in *changeInput) removePerson() OfficeChange {
	return in.change("person", in.item, schemas.RemovePerson{Agency: in.agency, Person: in.item})
}

// delegate reads a delegation; its id is made of the form's, so that a form sent twice is one.
func (in *changeInput) delegate() OfficeChange {
	op := schemas.Delegate{Agency: in.agency, Delegation: "uq-" + strings.ReplaceAll(in.form.Get("id"), "-", "")[:12], From: in.form.Get("from"), To: in.form.Get("delegate_to")}
	if in.own {
		op.From = in.v.person
	}
	for _, f := range [][2]string{{"from", op.From}, {"delegate_to", op.To}} {
		if person, ok := personIn(in.settings, f[1]); !ok || person.Gone {
			in.trouble("form.choose", "field", in.label(f[0]))
		}
	}
	for _, role := range in.form["roles"] {
		if !slices.Contains(dutyRoles, role) || role == roleAdministrator {
			in.trouble("form.bad", "field", in.label("roles"))
			continue
		}
		op.Roles = append(op.Roles, role)
	}
	today := typedDayOf(in.now)
	start, end := in.typed("start"), in.typed("end")
	op.Start, op.End = in.dayBegin("start", start), in.dayEnd("end", end)
	switch {
	case end == "":
		in.trouble("form.missing", "field", in.label("end"))
	case !op.End.IsZero() && !op.End.After(in.now):
		in.trouble("form.past", "field", in.label("end"))
	case !op.Start.IsZero() && !op.Start.Before(op.End) && !op.End.IsZero():
		in.trouble("away.order")
	}
	if typedDayOf(op.Start) == today {
		op.Start = time.Time{} // at once
	} else if !op.Start.IsZero() && op.Start.Before(in.now) {
		in.trouble("form.past", "field", in.label("start"))
	}
	c := OfficeChange{Reason: in.text("basis", textMost, !in.own)}
	op.Reason = c.Reason
	c.Operations = []schemas.Operation{op}
	return c
}

// typed is a day's field, or the calendar beside it.
func (in *changeInput) typed(name string) string {
	if s := strings.TrimSpace(in.form.Get(name)); s != "" {
		return s
	}
	return in.form.Get(name + "_date")
}

func (in *changeInput) withdraw() OfficeChange {
	return OfficeChange{Reason: in.text("basis", textMost, false), Operations: []schemas.Operation{schemas.WithdrawDelegation{Agency: in.agency, Delegation: in.item}}}
}
