package portal

import (
	"errors"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

// documentBody is the page of one document.
type documentBody struct {
	view.Document
	Title      string
	Head       string // beginning of the subject
	Rest       bool   // the subject is longer than Head
	Standing   string // where the document stands for the reader's own agency, "" when that says nothing
	Ribbons    []ribbon
	Recipients []recipientLine
	Done       int
	Statuses   []view.StatusRow
	History    []told
	Verdict    *Verdict
	LogHead    *Head  // latest head of the log, nil if not known
	Stamp      *Stamp // time-stamp over the log that proves when the document was there, nil if none yet
	Assurance  string // message key part
	Path       string // of the document, for links
	Past       pastControl
}

type ribbon struct {
	Kind     string // recalled, updated, replaced
	Document string // key of the other document, "" if not known here
	Number   string
}

type recipientLine struct {
	view.RecipientState
	ReasonText string
}

// headSubject is how many characters of a subject stand in the page's head before it folds.
const headSubject = 400

// open finds a document for this reader, or answers as for one that does not exist.
func (p *Portal) open(v *visit) (view.Document, error) {
	key := v.r.PathValue("key")
	if !isHex(key, 64) {
		return view.Document{}, view.ErrNotFound
	}
	return p.cfg.Views.Document(v.ctx(), p.reader(v), key)
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// opened writes who looked at what, without any content.
func (p *Portal) opened(v *visit, what string, d view.Document, more ...any) {
	p.cfg.Log.Info("portal document opened", append([]any{"account", v.account.ID, "session", v.session.ID, "what", what,
		"document", d.Row.Document, "right", p.reader(v).Right}, more...)...)
}

func (p *Portal) document(v *visit) error {
	d, err := p.open(v)
	if err != nil {
		return err
	}
	path := "/documents/" + d.Row.Document
	past := p.readPast(v, path)
	if past.At != "" {
		title := documentTitle(v.words, d.Row)
		views, done, err := p.viewsAt(v, &past)
		if err == nil {
			defer done()
			d, err = views.Document(v.ctx(), p.reader(v), d.Row.Document)
		}
		if err != nil {
			return p.pastTrouble(v, past, "", title, err)
		}
	}
	b := documentBody{Past: past, Document: d, Path: path, Statuses: newestFirst(d.Statuses)}
	b.Title = documentTitle(v.words, d.Row)
	b.Head, b.Rest = cut(d.Row.Subject, headSubject)
	b.Ribbons = ribbonsOf(d)
	b.Standing = standing(d, p.reader(v).Orgs)
	b.Assurance = d.Row.Assurance
	if !v.words.has("assurance." + b.Assurance) {
		b.Assurance = "unknown"
	}
	for _, r := range d.Recipients {
		if r.Name == "" {
			r.Name = p.names.name(v.ctx(), r.Org)
		}
		b.Recipients = append(b.Recipients, recipientLine{r, v.words.reason(r.Reason)})
		if toneOf(r.State) == "done" {
			b.Done++
		}
	}
	for _, h := range d.History {
		b.History = append(b.History, p.tell(v, d, h))
	}
	slices.SortStableFunc(b.History, func(a, c told) int { return int(int64(c.Position) - int64(a.Position)) })
	if d.Row.Destroyed == "" && d.Package.SHA256 != "" {
		verdict, err := p.cfg.Node.Verdict(v.ctx(), d.Package.SHA256)
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			return err
		}
		if err == nil {
			b.Verdict = &verdict
		}
	}
	head, err := p.cfg.Node.Head(v.ctx())
	if err != nil && !errors.Is(err, view.ErrNotFound) {
		return err
	}
	if err == nil {
		b.LogHead = &head
	}
	if d.Package.SHA256 != "" {
		stamp, err := p.cfg.Node.Proved(v.ctx(), d.Package.Position)
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			return err
		}
		if err == nil {
			b.Stamp = &stamp
		}
	}
	p.opened(v, "page", d)
	return p.show(v, "document", "", b.Title, b)
}

// documentTitle names a document as people do: "Công văn số 7816/VPCP-TTĐT".
func documentTitle(w words, r view.RegisterRow) string {
	number, _ := cut(r.Number, 80)
	kind, _ := cut(r.TypeName, 80)
	switch {
	case r.Destroyed != "":
		return w.say("doc.destroyed")
	case number == "":
		return w.say("doc.unnumbered")
	case kind == "":
		return w.say("doc.plain", "number", number)
	}
	return w.say("doc.of", "type", kind, "number", number)
}

// standing is the state for the sender as a whole, or for the recipient that the reader belongs to. A recall is told by
// the ribbon already.
func standing(d view.Document, orgs []string) string {
	state := d.Row.State
	if !slices.Contains(orgs, d.Row.From.Org) {
		for _, r := range d.Recipients {
			if slices.Contains(orgs, r.Org) {
				state = r.State
			}
		}
	}
	if state == view.StateRecalled {
		return ""
	}
	return state
}

// ribbonsOf says at the top of the page what has become of the document since.
func ribbonsOf(d view.Document) []ribbon {
	var out []ribbon
	for _, r := range d.Related {
		switch kind := strings.TrimSuffix(r.Kind, "-by"); {
		case kind == r.Kind: // what this document does to others stands under "related"
		case kind == "recalled", kind == "updated", kind == "replaced":
			out = append(out, ribbon{kind, r.Document, r.Number})
		}
	}
	if d.Row.State == view.StateRecalled && !slices.ContainsFunc(out, func(r ribbon) bool { return r.Kind == "recalled" }) {
		out = append(out, ribbon{Kind: "recalled"})
	}
	return out
}

// tell puts names and words to an event.
func (p *Portal) tell(v *visit, d view.Document, h view.HistoryEntry) told {
	t := told{HistoryEntry: h, Tone: toneOfEvent(h.Name), ClientWords: v.words.client(h.Client), Reason: v.words.reason(h.Detail["reason"])}
	t.OrgName = p.names.name(v.ctx(), h.Org)
	switch {
	case h.Actor != "node":
		t.ActorName = p.names.name(v.ctx(), h.Actor)
	case strings.HasPrefix(h.Name, "document."): // the node's own step on the sender's behalf: a recall, an update
		t.ActorName = d.Row.From.Name
	default:
		t.ActorName = v.words.say("event.node")
	}
	t.Sentence = v.words.sentence(t)
	return t
}

// newestFirst orders statuses for reading.
func newestFirst(s []view.StatusRow) []view.StatusRow {
	s = slices.Clone(s)
	slices.SortStableFunc(s, func(a, b view.StatusRow) int { return b.At.Compare(a.At) })
	return s
}
