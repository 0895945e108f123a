package portal

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// outgoingActs reads the forms of what can be done with a document that the agency makes (NĐ 30/2020 Điều 10–19, 25).
var outgoingActs = map[string]func(*actInput) schemas.Act{
	"SaveDraft": readDraft,
	"AskOpinion": func(in *actInput) schemas.Act {
		a := schemas.AskOpinion{Of: in.assignees("of"), Question: in.text("question", textMost, false), Due: in.due(false)}
		if len(a.Of) == 0 {
			in.trouble("form.choose", "field", in.label("of"))
		}
		return a
	},
	"Submit": func(in *actInput) schemas.Act {
		return schemas.Submit{Chain: in.named("chain", in.lists.chainNames()), Note: in.text("note", textMost, false)}
	},
	"Approve":  func(in *actInput) schemas.Act { return schemas.Approve{Note: in.text("note", textMost, false)} },
	"SendBack": func(in *actInput) schemas.Act { return schemas.SendBack{Reason: in.text("reason", textMost, true)} },
	"Issue": func(in *actInput) schemas.Act {
		a := schemas.Issue{Series: in.named("series", in.lists.seriesNames()), Date: in.date("date", false)}
		if a.Date.After(schemas.DateOf(in.now)) {
			in.trouble("form.future", "field", in.label("date"))
		}
		return a
	},
	"Cancel": func(in *actInput) schemas.Act { return schemas.Cancel{Reason: in.text("reason", textMost, true)} },
	"RecallIssued": func(in *actInput) schemas.Act {
		return schemas.RecallIssued{Recipients: in.codes("recipients"), Reason: in.text("reason", textMost, true)}
	},
	"MakeCopy": readCopy,
}

// Relations of a draft to an own document that was issued.
var relations = []string{"update", "replace", "correction"}

// readDraft reads one version of a draft: all that it says.
func readDraft(in *actInput) schemas.Act {
	kind, ok := schemas.KindOf(in.form.Get("kind"))
	if !ok {
		in.trouble("form.bad", "field", in.label("kind"))
	}
	d := schemas.Draft{
		Type: kind.Name, Subject: in.text("subject", 5000, true), Content: in.text("content", 20000, false), Recipients: in.codes("recipients"),
		ToPlaces: in.lines("to_places"), Priority: schemas.Priority(in.number("priority", 4)), DueDate: in.date("due_date", false), Signer: in.person("signer", false),
		Competence: in.text("competence", 200, false), Series: in.named("series", in.lists.seriesNames()), Place: in.text("place", 200, false),
		Pages: in.number("pages", 9999), Copies: in.number("copies", 99999), KeptBy: in.named("kept_by", in.lists.unitNames()),
		ReplyTo: in.ids("reply_to"), Dossier: in.id("dossier"),
	}
	if rel := in.form.Get("relation"); rel != "" {
		d.Relation, d.RelatedTo = in.choice("relation", relations...), in.id("related")
	}
	for _, f := range kind.Fields {
		name := "x-" + f.Name
		value := ""
		switch f.Shape {
		case schemas.ShapeDay:
			if day := in.date(name, false); !day.IsZero() {
				value = day.Time().Format(time.DateOnly)
			}
		case schemas.ShapeText:
			value = in.further(name, f, textMost)
		default:
			value = in.further(name, f, lineMost)
		}
		if value != "" {
			d.Fields = append(d.Fields, schemas.DraftField{Name: f.Name, Value: value})
		}
	}
	return schemas.SaveDraft{Draft: d, Note: in.text("note", textMost, false)}
}

// further reads a further field of the form of a kind, which has its label with it.
func (in *actInput) further(name string, f schemas.FormField, most int) string {
	s := cleanText(in.form.Get(name))
	if n := utf8.RuneCountInString(s); n > most {
		in.trouble("form.long", "field", in.v.words.fieldLabel(f), "n", n, "most", most)
	}
	return s
}

func (w words) fieldLabel(f schemas.FormField) string {
	if w.language == English {
		return f.En
	}
	return f.Vi
}

func readCopy(in *actInput) schemas.Act {
	a := schemas.MakeCopy{Form: in.choice("copy_form", copyForms...), Of: in.id("copy_of"), Recipients: in.codes("recipients"), ToPlaces: in.lines("to_places"),
		Signer: in.person("signer", true), Competence: in.text("competence", 200, false)}
	if a.Of == "" {
		in.trouble("form.choose", "field", in.label("copy_of"))
	}
	if a.Form == schemas.CopyExtract {
		a.Extract = in.text("extract", textMost, true)
	}
	if len(a.Recipients)+len(a.ToPlaces) == 0 {
		in.trouble("form.choose", "field", in.label("recipients"))
	}
	return a
}

var copyForms = []string{schemas.CopyTrue, schemas.CopyOfCopy, schemas.CopyExtract}

// recipientsMost is how many organisations one document names here.
const recipientsMost = 500

// codes reads organisation codes, each once. Whether there is such an organisation is judged by the record.
func (in *actInput) codes(name string) []string {
	var out []string
	for _, c := range in.form[name] {
		if c = strings.TrimSpace(c); c == "" || len(c) > 64 || slices.Contains(out, c) {
			continue
		}
		if out = append(out, c); len(out) > recipientsMost {
			in.trouble("form.many", "field", in.label(name), "most", recipientsMost)
			break
		}
	}
	return out
}

// lines reads one entry of each line.
func (in *actInput) lines(name string) []string {
	var out []string
	for _, l := range strings.Split(in.text(name, textMost, false), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	if len(out) > 100 {
		in.trouble("form.many", "field", in.label(name), "most", 100)
		out = out[:100]
	}
	return out
}

// id reads the id of a target; ids reads several, each once.
func (in *actInput) id(name string) string {
	id := in.form.Get(name)
	if id != "" && !isTargetID(id) {
		in.trouble("form.bad", "field", in.label(name))
		return ""
	}
	return id
}

func (in *actInput) ids(name string) []string {
	var out []string
	for _, id := range in.form[name] {
		if isTargetID(id) && !slices.Contains(out, id) && len(out) < 100 {
			out = append(out, id)
		}
	}
	return out
}

// isTargetID says whether a target may have the id.
func isTargetID(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Lists of the office as forms offer them: what is closed is for looking at what was.

func (l *officeLists) seriesNames() []view.Named {
	var out []view.Named
	for _, s := range l.Series {
		if !s.Closed {
			out = append(out, view.Named{ID: s.ID, Name: s.Name})
		}
	}
	return out
}

// seriesOf are those a kind may be numbered in: its own, else those for every kind.
func (l *officeLists) seriesOf(kind string) []view.Named {
	var own, any []view.Named
	for _, s := range l.Series {
		switch {
		case s.Closed:
		case len(s.Types) == 0:
			any = append(any, view.Named{ID: s.ID, Name: s.Name})
		case slices.ContainsFunc(s.Types, func(t string) bool { return strings.EqualFold(t, kind) }):
			own = append(own, view.Named{ID: s.ID, Name: s.Name})
		}
	}
	return append(own, any...)
}

func (l *officeLists) chainNames() []view.Named {
	var out []view.Named
	for _, c := range l.Chains {
		if !c.Closed {
			out = append(out, view.Named{ID: c.ID, Name: c.Name})
		}
	}
	return out
}

// chainsOf are those a kind may go through.
func (l *officeLists) chainsOf(kind string) []view.Named {
	var out []view.Named
	for _, c := range l.Chains {
		if !c.Closed && (len(c.Types) == 0 || slices.ContainsFunc(c.Types, func(t string) bool { return strings.EqualFold(t, kind) })) {
			out = append(out, view.Named{ID: c.ID, Name: c.Name})
		}
	}
	return out
}

func (l *officeLists) unitNames() []view.Named {
	var out []view.Named
	for _, u := range l.Units {
		if !u.Closed {
			out = append(out, view.Named{ID: u.ID, Name: u.Name})
		}
	}
	return out
}
