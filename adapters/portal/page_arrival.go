package portal

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// arrivalBody is the page of one incoming document: what it is, who has it, what happened, what can be done now.
type arrivalBody struct {
	view.IncomingDocument
	Title    string
	Head     string
	Rest     bool
	Document *view.Document // as the exchange brought it, nil when it came on paper
	Files    []fileLine
	Lines    []trailLine
	Acts     []*actForm
	Links    []linkButton
	Verdict  *Verdict
	Stamp    *Stamp
	Readings []view.Reading
	MayKnow  bool // of readings
	Path     string
	Stale    string // what others did meanwhile
	Typed    []typedField
	TypedOf  string // name of the act
	Refused  []string
	Ribbons  []ribbon
}

// fileLine is a file to save, for the part "file-link".
type fileLine struct {
	view.Attachment
	Path string
	PDF  bool
}

// trailLine is one act in the life of a target, for the part "trail".
type trailLine struct {
	view.Trail
	Tone     string
	Sentence string
	Files    []fileLine
}

// actOrder is the order in which a page offers acts: the usual next step first, what takes something back last.
var actOrder = []string{"AgreeRecall", "DeclineRecall", "RegisterIncoming", "Assign", "StartHandling", "FinishHandling", "Present", "LinkReply", "GiveOpinion", "ChangeDeadline", "Reopen", "TransferBack", "RefuseIncoming"}

const readingsShown = 100

// openArrival finds an incoming document for this person, or answers as for one that does not exist.
func (p *Portal) openArrival(v *visit) (view.IncomingDocument, error) {
	id := v.r.PathValue("id")
	if id == "" || len(id) > 64 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return view.IncomingDocument{}, view.ErrNotFound
	}
	return p.cfg.OfficeViews.IncomingDocument(v.ctx(), p.staffOf(v), id)
}

func (p *Portal) arrival(v *visit) error {
	d, err := p.openArrival(v)
	if err != nil {
		return err
	}
	if err := p.lookedAt(v, view.Target{Kind: "incoming", ID: d.Row.ID}, "page"); err != nil {
		return err
	}
	return p.showArrival(v, d, nil)
}

// actArrival does what a form of the page asks for.
func (p *Portal) actArrival(v *visit) error {
	d, err := p.openArrival(v)
	if err != nil {
		return err
	}
	name := v.r.PostForm.Get("act")
	if !slices.Contains(actOrder, name) {
		return fail(http.StatusBadRequest)
	}
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetIncoming, ID: d.Row.ID}, Name: name, Done: "/incoming/" + d.Row.ID})
	if err != nil || failed == nil {
		return err
	}
	// Look again: somebody may have been faster, and may have taken the document out of sight.
	if d, err = p.openArrival(v); err != nil {
		return err
	}
	if seen, err := strconv.ParseUint(v.r.PostForm.Get("seen"), 10, 64); err == nil && seen != d.Version && len(failed.Codes) > 0 {
		failed.Stale, failed.Status = true, http.StatusConflict
	}
	return p.showArrival(v, d, failed)
}

func (p *Portal) showArrival(v *visit, d view.IncomingDocument, failed *actFailure) error {
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	b := arrivalBody{IncomingDocument: d, Path: "/incoming/" + d.Row.ID}
	b.Title = documentTitle(v.words, view.RegisterRow{Number: d.Row.Number, TypeName: d.Row.TypeName, Destroyed: d.Row.Destroyed})
	b.Head, b.Rest = cut(d.Row.Subject, headSubject)
	if err := p.arrivalRecord(v, &b); err != nil {
		return err
	}
	for _, t := range slices.Backward(registration(d.Trail)) {
		b.Lines = append(b.Lines, p.trailLine(v, t, b.Path))
	}
	if err := p.arrivalActs(v, &b, lists, failed); err != nil {
		return err
	}
	b.Links = p.arrivalLinks(v, d.Row, lists)
	if b.Readings, err = p.cfg.OfficeViews.Readings(v.ctx(), p.staffOf(v), view.Target{Kind: "incoming", ID: d.Row.ID}, readingsShown); err == nil {
		b.MayKnow = true
	} else if !errors.Is(err, view.ErrNotFound) {
		return err
	}
	v.follow(view.Target{Kind: "incoming", ID: d.Row.ID}, d.Version)
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
	}
	return p.render(v, status, "arrival", "arrivals", b.Title, p.arrivalNotice(v, d.Row), b)
}

// arrivalRecord adds what the exchange knows of the document, and its files.
func (p *Portal) arrivalRecord(v *visit, b *arrivalBody) error {
	r := b.Row
	if r.Destroyed != "" {
		return nil
	}
	sum, files := b.Package, b.IncomingDocument.Files
	if r.Document != "" {
		doc, err := p.cfg.Views.Document(v.ctx(), p.reader(v), r.Document)
		if err != nil {
			return err
		}
		b.Document, sum, files = &doc, doc.Package.SHA256, doc.Attachments
		b.Ribbons = ribbonsOf(doc)
	}
	if sum == "" {
		return nil
	}
	for _, a := range files {
		b.Files = append(b.Files, fileLine{a, fmt.Sprintf("%s/files/%s/%d", b.Path, sum, a.Index), isPDF(a.Name, a.ContentType)})
	}
	verdict, err := p.cfg.Node.Verdict(v.ctx(), sum)
	if err != nil && !errors.Is(err, view.ErrNotFound) {
		return err
	}
	if err == nil {
		b.Verdict = &verdict
	}
	if b.Document != nil {
		stamp, err := p.cfg.Node.Proved(v.ctx(), b.Document.Package.Position)
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			return err
		}
		if err == nil {
			b.Stamp = &stamp
		}
	}
	return nil
}

// arrivalActs adds the forms of what the person may do, with a refused one as it was sent.
func (p *Portal) arrivalActs(v *visit, b *arrivalBody, lists *officeLists, failed *actFailure) error {
	for _, name := range actOrder {
		if !slices.Contains(b.May, name) {
			continue
		}
		f := p.newActForm(v, name, b.Path+"/act", b.Version, b.Stands)
		f.Office = lists
		switch name {
		case "LinkReply":
			own, err := p.replies(v)
			if err != nil {
				return err
			}
			f.Data = own
		case "ChangeDeadline":
			if b.Row.Due.Day != "" {
				f.Values.Set("due", b.Row.Due.Day)
			}
		case "Assign":
			if b.Row.State == view.IncomingPresented { // it lies with who assigns
				break
			}
			f.Values.Set("in_charge", strings.TrimSuffix(b.Row.InCharge.Unit.ID+"/"+b.Row.InCharge.Person.ID, "/"))
			for _, c := range b.Row.Cooperating {
				f.Values.Add("cooperating", strings.TrimSuffix(c.Unit.ID+"/"+c.Person.ID, "/"))
			}
		}
		f.Aside = name == "Present" && b.Row.State == view.IncomingPresented // a second time is not the usual next step
		f.keep(failed)
		b.Acts = append(b.Acts, f)
	}
	oneNext(b.Acts)
	if failed == nil {
		return nil
	}
	if failed.Stale {
		b.Stale = v.words.say("act.stale")
		if len(b.Lines) > 0 {
			b.Stale += " " + v.words.say("act.stale.last", "what", b.Lines[0].Sentence)
		}
	}
	if !slices.Contains(b.May, failed.Name) { // there is no form any more to put the words back into
		b.Typed, b.TypedOf, b.Refused = typedFields(v.words, failed.Values), failed.Name, failed.Said
	}
	return nil
}

// repliesOffered is how many own documents the form offers as the reply.
const repliesOffered = 50

// replies are the agency's own drafts and documents, the latest first, as the form offers them.
func (p *Portal) replies(v *visit) ([]view.Named, error) {
	page, err := p.cfg.OfficeViews.Outgoing(v.ctx(), view.OutgoingQuery{Staff: p.staffOf(v), Limit: repliesOffered})
	if err != nil {
		return nil, err
	}
	var out []view.Named
	for _, r := range page.Rows {
		if r.State == view.OutgoingCancelled || r.Destroyed != "" {
			continue
		}
		id := "outgoing:" + r.ID
		if r.Document != "" {
			id = "document:" + r.Document
		}
		subject, _ := cut(r.Subject, 90)
		out = append(out, view.Named{ID: id, Name: strings.TrimSpace(cmp.Or(r.Number, v.words.workState(r.State)) + " – " + subject)})
	}
	return out, nil
}

// arrivalNotice says what was done. Who registers a document writes its number on the paper, so it stands there.
func (p *Portal) arrivalNotice(v *visit, r view.IncomingRow) string {
	done, ok := p.did(v)
	if ok && !done.Again && r.ArrivalNumber > 0 && (done.Name == "RegisterIncoming" || done.Name == "RegisterPaper") {
		return v.words.say("done."+done.Name) + " " + v.words.say("done.number", "n", strconv.Itoa(r.ArrivalNumber))
	}
	return p.doneNotice(v)
}

// registration tells as one line what a person asked for and the node did: the number and the entry follow by themselves.
func registration(trail []view.Trail) []view.Trail {
	done := slices.IndexFunc(trail, func(t view.Trail) bool { return t.Name == "incoming.registered.v1" })
	if done < 0 {
		return trail
	}
	var out []view.Trail
	for _, t := range trail {
		switch t.Name {
		case "incoming.registration-asked.v1":
			trail[done].Person, trail[done].For = t.Person, t.For
		case "incoming.number-chosen.v1":
		case "incoming.registered.v1":
			out = append(out, trail[done])
		default:
			out = append(out, t)
		}
	}
	return out
}

// trailLine puts words to an act.
func (p *Portal) trailLine(v *visit, t view.Trail, path string) trailLine {
	l := trailLine{Trail: t, Tone: trailTone(t.Name), Sentence: v.words.trail(t)}
	for _, f := range t.Files {
		if t.Package != "" {
			l.Files = append(l.Files, fileLine{f, fmt.Sprintf("%s/files/%s/%d", path, t.Package, f.Index), isPDF(f.Name, f.ContentType)})
		}
	}
	return l
}

// trail says who did what.
func (w words) trail(t view.Trail) string {
	if t.Name == "delivery.offered.v1" { // words for readers of the record say into whose mailbox; here it is the own one
		t.Name = "incoming.arrived.v1"
	}
	if !w.has("event." + t.Name) {
		return w.say("event.other", "name", t.Name)
	}
	actor := cmp.Or(t.Person.Name, t.Person.ID)
	if actor == "" {
		actor = w.say("event.node")
	}
	if t.For.ID != "" {
		actor = w.say("event.instead", "actor", actor, "for", cmp.Or(t.For.Name, t.For.ID))
	}
	var to []string
	for _, a := range t.To {
		if name := assigneeName(a); name != "" {
			to = append(to, name)
		}
	}
	key := "event." + t.Name
	due := dateWords(t.Detail["due"])
	if due != "" && w.has(key+".due") {
		key += ".due"
	}
	if t.Detail["agree"] != "" && w.has(key+".agree") {
		key += ".agree"
	}
	number := cmp.Or(t.Detail["number"], t.Detail["n"])
	if number != "" && w.has(key+".number") {
		key += ".number"
	}
	return w.say(key, "actor", actor, "to", strings.Join(to, ", "), "due", due, "number", number)
}

func trailTone(name string) string {
	switch {
	case strings.HasSuffix(name, ".finished.v1"), strings.HasSuffix(name, ".registered.v1"), strings.HasSuffix(name, ".signed.v1"), strings.HasSuffix(name, ".sent.v1"), strings.HasSuffix(name, ".closed.v1"):
		return "done"
	case strings.HasSuffix(name, ".refused.v1"), strings.HasSuffix(name, ".send-refused.v1"):
		return "bad"
	case strings.HasSuffix(name, ".transferred-back.v1"), strings.HasSuffix(name, ".withdrawn.v1"), strings.HasSuffix(name, ".sent-back.v1"), strings.HasSuffix(name, ".reopened.v1"), strings.HasSuffix(name, ".cancelled.v1"):
		return "back"
	}
	return "open"
}
