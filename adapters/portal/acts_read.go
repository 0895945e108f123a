package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// actInput reads the fields of one act. What cannot be understood becomes a sentence, all of them at once.
type actInput struct {
	v        *visit
	form     url.Values
	lists    *officeLists
	now      time.Time
	problems []string
}

// actReader finds what reads the form of an act, nil for none.
func actReader(name string) func(*actInput) schemas.Act {
	for _, group := range []map[string]func(*actInput) schemas.Act{incomingActs, outgoingActs, dossierActs} {
		if read, ok := group[name]; ok {
			return read
		}
	}
	return nil
}

func (in *actInput) trouble(key string, pairs ...any) {
	in.problems = append(in.problems, in.v.words.say(key, pairs...))
}

// label is what the form calls a field.
func (in *actInput) label(name string) string { return in.v.words.say("field." + name) }

// textMost bounds one field, in characters.
const (
	lineMost = 500
	textMost = 10000
)

// text reads words. Line ends become \n; control characters and what is no UTF-8 are dropped, so that what is signed can be read.
func (in *actInput) text(name string, most int, required bool) string {
	s := cleanText(in.form.Get(name))
	if n := utf8.RuneCountInString(s); n > most {
		in.trouble("form.long", "field", in.label(name), "n", n, "most", most)
	}
	if required && s == "" {
		in.trouble("form.missing", "field", in.label(name))
	}
	return s
}

func cleanText(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || isBidiControl(r) || r == 0xFFFE || r == 0xFFFF) {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// date reads a day as people type it or as a date field sends it.
func (in *actInput) date(name string, required bool) schemas.Date {
	typed := strings.TrimSpace(in.form.Get(name))
	if typed == "" {
		typed = in.form.Get(name + "_date") // picked in the calendar, without script
	}
	iso, ok := parseDate(typed)
	if !ok {
		in.trouble("register.bad.date", "value", typed)
		return schemas.Date{}
	}
	if iso == "" {
		if required {
			in.trouble("form.missing", "field", in.label(name))
		}
		return schemas.Date{}
	}
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		in.trouble("register.bad.date", "value", typed)
		return schemas.Date{}
	}
	return schemas.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
}

// due reads a deadline: "rule" for that of the agency, a number of working days, or "date" for the field beside.
func (in *actInput) due(required bool) schemas.Date {
	switch choice := in.form.Get("due_in"); choice {
	case "", "rule":
		if required {
			return in.notPast(in.date("due", true))
		}
		if in.form.Get("due_in") == "" && in.form.Get("due")+in.form.Get("due_date") != "" {
			return in.notPast(in.date("due", false))
		}
		return schemas.Date{}
	case "date":
		return in.notPast(in.date("due", true))
	default:
		n, err := strconv.Atoi(choice)
		if err != nil || n < 0 || n > 400 {
			in.trouble("form.bad", "field", in.label("due"))
			return schemas.Date{}
		}
		day := in.lists.Days.Add(in.now, n)
		return schemas.Date{Year: day.Year(), Month: day.Month(), Day: day.Day()}
	}
}

func (in *actInput) notPast(d schemas.Date) schemas.Date {
	if !d.IsZero() && schemas.DateOf(in.now).After(d) {
		in.trouble("form.past", "field", in.label("due"))
	}
	return d
}

// assignee reads "unit", or "unit/person", or "/person" of the office.
func (in *actInput) assignee(name string, required bool) schemas.Assignee {
	value := in.form.Get(name)
	if value == "" {
		if required {
			in.trouble("form.choose", "field", in.label(name))
		}
		return schemas.Assignee{}
	}
	a, ok := in.lists.assignee(value)
	if !ok {
		in.trouble("form.bad", "field", in.label(name))
	}
	return a
}

// assignees reads several, each once.
func (in *actInput) assignees(name string) []schemas.Assignee {
	var out []schemas.Assignee
	for _, value := range in.form[name] {
		a, ok := in.lists.assignee(value)
		if !ok {
			in.trouble("form.bad", "field", in.label(name))
			continue
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// person reads a person's id.
func (in *actInput) person(name string, required bool) string {
	id := in.form.Get(name)
	switch {
	case id == "" && required:
		in.trouble("form.choose", "field", in.label(name))
	case id != "" && in.lists.personName(id) == "":
		in.trouble("form.bad", "field", in.label(name))
	}
	return id
}

// number reads a whole number within bounds; empty is 0.
func (in *actInput) number(name string, most int) int {
	s := strings.TrimSpace(in.form.Get(name))
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		in.trouble("form.number", "field", in.label(name), "most", most)
		return 0
	}
	return n
}

// choice reads one of a list; empty is the first.
func (in *actInput) choice(name string, of ...string) string {
	s := in.form.Get(name)
	if s == "" && len(of) > 0 {
		return of[0]
	}
	if !slices.Contains(of, s) {
		in.trouble("form.bad", "field", in.label(name))
	}
	return s
}

// named reads the id of something that the office lists; empty is none.
func (in *actInput) named(name string, of []view.Named) string {
	s := in.form.Get(name)
	if s != "" && !slices.ContainsFunc(of, func(n view.Named) bool { return n.ID == s }) {
		in.trouble("form.bad", "field", in.label(name))
	}
	return s
}

// seen reads the version that the page showed.
func (in *actInput) seen() (uint64, bool) {
	s := in.form.Get("seen")
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}
