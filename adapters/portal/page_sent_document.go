package portal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// sentDocument is the page of one document that the agency makes: its versions, its chain, who has it, what recipients have done,
// what happened, and what can be done now.
type sentDocument struct {
	view.OutgoingDocument
	Title     string
	Head      string
	Rest      bool
	Latest    *view.DraftVersion
	Fields    []labelled
	Missing   []string
	Files     []fileLine
	Versions  []versionLine
	Steps     []stepLine
	Follow    []followLine
	Lines     []trailLine
	Acts      []*actForm
	Links     []linkButton
	Readings  []view.Reading
	MayKnow   bool
	Path      string
	Kept      string
	Series    string
	Stale     string
	Typed     []typedField
	TypedOf   string
	Refused   []string
	Recalled  bool
	Numbering bool
	Beside    []relatedLine
}

// relatedLine is another document that this one has to do with.
type relatedLine struct {
	view.Relation
	Path string // "" it cannot be opened here
}

type labelled struct{ Label, Text string }

// linkButton leads to a form that has a page of its own.
type linkButton struct{ Path, Icon, Label string }

// versionLine is one version with what it changed.
type versionLine struct {
	view.DraftVersion
	Changes []change
	Files   []fileLine
}

// stepLine is one step of the chain.
type stepLine struct {
	view.ChainStep
	Who string
}

// followLine is what one recipient has done.
type followLine struct {
	view.RecipientState
	Answer string // status code in words, "" none yet
	Tone   string
}

// headRecipients is how many recipients stand in the head of the page.
const headRecipients = 3

// sentOrder is the order in which the page offers acts.
var sentOrder = []string{"Submit", "Approve", "Issue", "AskOpinion", "GiveOpinion", "SendBack", "RecallIssued", "Cancel"}

// openSent finds a document that the agency makes, for this person.
func (p *Portal) openSent(v *visit) (view.OutgoingDocument, error) {
	id := v.r.PathValue("id")
	if !isTargetID(id) {
		return view.OutgoingDocument{}, view.ErrNotFound
	}
	return p.cfg.OfficeViews.OutgoingDocument(v.ctx(), p.staffOf(v), id)
}

func (p *Portal) sentPage(v *visit) error {
	d, err := p.openSent(v)
	if err != nil {
		return err
	}
	if err := p.lookedAt(v, view.Target{Kind: "outgoing", ID: d.Row.ID}, "page"); err != nil {
		return err
	}
	return p.showSent(v, d, nil)
}

// actSent does what a form of the page asks for.
func (p *Portal) actSent(v *visit) error {
	d, err := p.openSent(v)
	if err != nil {
		return err
	}
	name := v.r.PostForm.Get("act")
	if !slices.Contains(sentOrder, name) {
		return fail(http.StatusBadRequest)
	}
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetOutgoing, ID: d.Row.ID}, Name: name, Done: "/outgoing/" + d.Row.ID})
	if err != nil || failed == nil {
		return err
	}
	if d, err = p.openSent(v); err != nil { // somebody may have been faster
		return err
	}
	failed.judgeStale(v, d.Version)
	return p.showSent(v, d, failed)
}

// judgeStale says whether the act was refused because the target has changed since the page was drawn.
func (x *actFailure) judgeStale(v *visit, version uint64) {
	if seen, err := strconv.ParseUint(v.r.PostForm.Get("seen"), 10, 64); err == nil && seen != version && len(x.Codes) > 0 {
		x.Stale, x.Status = true, http.StatusConflict
	}
}

func (p *Portal) showSent(v *visit, d view.OutgoingDocument, failed *actFailure) error {
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	b := sentDocument{OutgoingDocument: d, Path: "/outgoing/" + d.Row.ID, Kept: lists.keeper(d.Row.KeptBy), Recalled: d.Row.State == view.OutgoingRecalled,
		Numbering: d.Row.State == view.OutgoingNumbering || d.Row.State == view.OutgoingNumbered}
	b.Title = sentTitle(v.words, d.Row)
	b.Head, b.Rest = cut(d.Row.Subject, headSubject)
	for _, s := range lists.Series {
		if s.ID == d.Row.Series {
			b.Series = s.Name
		}
	}
	p.sentVersions(v, &b, lists)
	for _, s := range d.Chain {
		b.Steps = append(b.Steps, stepLine{s, v.words.stepWho(s)})
	}
	for _, r := range d.Recipients {
		if d.Row.IssuedAt.IsZero() && len(d.Recipients) <= headRecipients {
			break // the head names them, and none has done anything yet
		}
		l := followLine{RecipientState: r, Tone: statusTone(r.LastStatus)}
		if r.LastStatus != "" {
			l.Answer = v.words.status(r.LastStatus)
		}
		b.Follow = append(b.Follow, l)
	}
	for _, t := range slices.Backward(d.Trail) {
		b.Lines = append(b.Lines, p.trailLine(v, t, b.Path))
	}
	for _, r := range d.Related {
		switch l := (relatedLine{Relation: r}); {
		case r.Target.ID != "":
			l.Path = targetPath(r.Target)
			b.Beside = append(b.Beside, l)
		case r.Number != "": // a message of the exchange, such as that of a recall, has none and says nothing
			b.Beside = append(b.Beside, l)
		}
	}
	p.sentActs(v, &b, lists, failed)
	if b.Readings, b.MayKnow, err = p.readingsOf(v, view.Target{Kind: "outgoing", ID: d.Row.ID}); err != nil {
		return err
	}
	v.follow(view.Target{Kind: "outgoing", ID: d.Row.ID}, d.Version)
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
	}
	section := "drafts"
	if d.Row.Number != "" {
		section = "sent"
	}
	return p.render(v, status, "sentdocument", section, b.Title, p.doneNotice(v), b)
}

// readingsOf a target, and whether the person may know of them.
func (p *Portal) readingsOf(v *visit, t view.Target) ([]view.Reading, bool, error) {
	list, err := p.cfg.OfficeViews.Readings(v.ctx(), p.staffOf(v), t, readingsShown)
	if errors.Is(err, view.ErrNotFound) {
		return nil, false, nil
	}
	return list, err == nil, err
}

func sentTitle(w words, r view.OutgoingRow) string {
	if r.Copy != "" && r.Destroyed == "" {
		if r.Number != "" {
			return w.say("doc.of", "type", w.copyTitle(r.Copy), "number", r.Number)
		}
		return w.copyTitle(r.Copy) + " " + lowerFirst(r.TypeName)
	}
	if r.Number == "" && r.Destroyed == "" {
		return w.say("draft.title", "kind", cmp.Or(lowerFirst(r.TypeName), w.say("draft.untyped")))
	}
	return documentTitle(w, view.RegisterRow{Number: r.Number, TypeName: r.TypeName, Destroyed: r.Destroyed})
}

// copyTitle names a copy by its form.
func (w words) copyTitle(form string) string { return w.named("copy.title.", form, "copy.title.SY") }

// stepWho names who acts, or acted, at a step.
func (w words) stepWho(s view.ChainStep) string {
	if name := cmp.Or(s.Person.Name, s.Person.ID); name != "" {
		return name
	}
	role := s.Role
	if w.has("duty." + role) {
		role = w.say("duty." + role)
	}
	if unit := cmp.Or(s.Unit.Name, s.Unit.ID); unit != "" {
		return role + " – " + unit
	}
	return role
}

// statusTone colours the latest status of a recipient.
func statusTone(code string) string {
	switch code {
	case "":
		return "open"
	case "02", "16":
		return "bad"
	case "06":
		return "done"
	}
	return "half"
}

// sentVersions adds the words of the latest version and what each version changed.
func (p *Portal) sentVersions(v *visit, b *sentDocument, lists *officeLists) {
	if b.Row.Destroyed != "" {
		return
	}
	all := b.OutgoingDocument.Versions
	for i, x := range all {
		l := versionLine{DraftVersion: x, Files: p.sentFiles(b.Path, x.Package, x.Files)}
		if i+1 < len(all) {
			l.Changes = v.words.draftChanges(lists, all[i+1], x)
		}
		b.Versions = append(b.Versions, l)
	}
	if len(all) == 0 {
		return
	}
	b.Latest, b.Files = &all[0], b.Versions[0].Files
	kind, ok := schemas.KindOf(b.Latest.Type)
	if !ok {
		return
	}
	if b.Row.Copy != "" { // it has the words of its original, not a form
		return
	}
	var fields []schemas.DraftField
	for _, f := range b.Latest.Fields {
		fields = append(fields, schemas.DraftField{Name: f[0], Value: f[1]})
	}
	missing := kind.Missing(fields)
	for _, f := range kind.Fields {
		for _, x := range fields {
			if x.Name == f.Name {
				text := x.Value
				if f.Shape == schemas.ShapeDay {
					text = dateWords(text)
				}
				b.Fields = append(b.Fields, labelled{v.words.fieldLabel(f), text})
			}
		}
		if slices.Contains(missing, f.Name) {
			b.Missing = append(b.Missing, v.words.fieldLabel(f))
		}
	}
	if b.Latest.Signer.ID == "" {
		b.Missing = append(b.Missing, v.words.say("field.signer"))
	}
}

func (p *Portal) sentFiles(path, sum string, files []view.Attachment) []fileLine {
	var out []fileLine
	for _, f := range files {
		if sum != "" {
			out = append(out, fileLine{f, fmt.Sprintf("%s/files/%s/%d", path, sum, f.Index), isPDF(f.Name, f.ContentType)})
		}
	}
	return out
}

// sentActs adds the forms of what the person may do, with a refused one as it was sent.
func (p *Portal) sentActs(v *visit, b *sentDocument, lists *officeLists, failed *actFailure) {
	for _, name := range sentOrder {
		if !slices.Contains(b.May, name) {
			continue
		}
		f := p.newActForm(v, name, b.Path+"/act", b.Version, b.Stands)
		f.Office = lists
		switch name {
		case "Submit":
			f.Aside = len(b.Missing) > 0 // it would be refused: what is missing comes first
			f.Data = lists.chainsOf(b.Row.TypeName)
		case "Approve":
			if b.signs() {
				f.As = "Sign"
			}
		case "Issue":
			f.Data = lists.seriesOf(b.Row.TypeName)
			f.Values.Set("series", b.Row.Series)
		case "RecallIssued":
			f.Data = b.Recipients
		}
		f.keep(failed)
		b.Acts = append(b.Acts, f)
	}
	oneNext(b.Acts)
	b.Links = p.sentLinks(v, b, lists)
	if failed == nil {
		return
	}
	if failed.Stale {
		b.Stale = v.words.say("act.stale")
		if len(b.Lines) > 0 {
			b.Stale += " " + v.words.say("act.stale.last", "what", b.Lines[0].Sentence)
		}
	}
	if !slices.Contains(b.May, failed.Name) {
		b.Typed, b.TypedOf, b.Refused = typedFields(v.words, failed.Values), failed.Name, failed.Said
	}
}

// MayEdit says whether the person may save another version of the draft.
func (b sentDocument) MayEdit() bool { return slices.Contains(b.May, "SaveDraft") }

// signs says whether the step that the draft stands at is the signature. A copy has no other step.
func (b *sentDocument) signs() bool {
	for _, s := range b.Chain {
		if s.State == "current" {
			return s.Signs
		}
	}
	return false
}

// sentLinks lead to what has a page of its own.
func (p *Portal) sentLinks(v *visit, b *sentDocument, lists *officeLists) []linkButton {
	var out []linkButton
	if slices.Contains(b.May, "SaveDraft") {
		out = append(out, linkButton{b.Path + "/edit", "edit", v.words.say("act.SaveDraft")})
	}
	if slices.Contains(b.May, "MakeCopy") {
		out = append(out, linkButton{with("/drafts/copy", "outgoing", b.Row.ID), "copy", v.words.say("act.MakeCopy")})
	}
	if b.Row.Copy != "" && b.Row.State == view.OutgoingSentBack && lists.copies(v.person) {
		for _, r := range b.Related {
			if r.Kind == "copies" && r.Target.ID != "" {
				out = append(out, linkButton{with("/drafts/copy", r.Target.Kind, r.Target.ID, "remake", b.Row.ID), "copy", v.words.say("copy.again")})
			}
		}
	}
	if b.Row.State == view.OutgoingIssued && lists.drafts(v.person) {
		for _, r := range relations {
			out = append(out, linkButton{with("/drafts/new", "relation", r, "related", b.Row.ID, "kind", b.Row.TypeName), "edit", v.words.say("draft.do." + r)})
		}
	}
	if lists.files(v.person) {
		out = append(out, linkButton{with("/dossiers/put", "outgoing", b.Row.ID), "folder", v.words.say("dossier.put")})
	}
	return out
}

// sentFileOf finds a file of a version, or one that an act carried.
func (p *Portal) sentFileOf(v *visit) (d view.OutgoingDocument, sum string, a view.Attachment, err error) {
	if d, err = p.openSent(v); err != nil {
		return d, "", a, err
	}
	sum = v.r.PathValue("sha256")
	index, err := strconv.Atoi(v.r.PathValue("index"))
	if err != nil || !isHex(sum, 64) || d.Row.Destroyed != "" {
		return d, "", a, view.ErrNotFound
	}
	var files []view.Attachment
	for _, x := range d.Versions {
		if x.Package == sum {
			files = append(files, x.Files...)
		}
	}
	for _, t := range d.Trail {
		if t.Package == sum {
			files = append(files, t.Files...)
		}
	}
	at := slices.IndexFunc(files, func(f view.Attachment) bool { return f.Index == index })
	if at < 0 {
		return d, "", a, view.ErrNotFound
	}
	return d, sum, files[at], nil
}

func (p *Portal) sentFile(v *visit) error {
	d, sum, known, err := p.sentFileOf(v)
	if err != nil {
		return err
	}
	return p.sendFile(v, view.Target{Kind: "outgoing", ID: d.Row.ID}, sum, known.Index, fmt.Sprintf("tep-%d", known.Index+1))
}

// sentSignatures shows the signatures that stand inside a file.
func (p *Portal) sentSignatures(v *visit) error {
	d, sum, known, err := p.sentFileOf(v)
	if err != nil {
		return err
	}
	if err := p.lookedAt(v, view.Target{Kind: "outgoing", ID: d.Row.ID}, "attachment"); err != nil {
		return err
	}
	return p.showFileSignatures(v, sum, known, "/outgoing/"+d.Row.ID, sentTitle(v.words, d.Row))
}

// sentPackage gives the signed package of one act, or of the document as it was sent, unchanged.
func (p *Portal) sentPackage(v *visit) error {
	d, err := p.openSent(v)
	if err != nil {
		return err
	}
	sum := v.r.PathValue("sha256")
	if !isHex(sum, 64) || d.Row.Destroyed != "" || !slices.ContainsFunc(d.Trail, func(t view.Trail) bool { return t.Package == sum }) &&
		!slices.ContainsFunc(d.Versions, func(x view.DraftVersion) bool { return x.Package == sum }) {
		return view.ErrNotFound
	}
	pkg, err := p.cfg.Node.OpenPackage(v.ctx(), sum)
	if err != nil {
		return err
	}
	defer pkg.Close()
	if err := p.lookedAt(v, view.Target{Kind: "outgoing", ID: d.Row.ID}, "package"); err != nil {
		return err
	}
	downloadHeaders(v, "application/octet-stream", plainNumber(view.RegisterRow{Number: d.Row.Number, Document: d.Row.ID + strings.Repeat("-", 12)})+"-"+sum[:8]+".xml")
	v.w.Header().Set("ETag", `"`+sum+`"`)
	http.ServeContent(v.w, v.r, "", p.cfg.Node.Now(), io.NewSectionReader(pkg, 0, pkg.Size()))
	return nil
}

// arrivalLinks lead from an incoming document to what is made of it.
func (p *Portal) arrivalLinks(v *visit, r view.IncomingRow, lists *officeLists) []linkButton {
	if r.ArrivalNumber == 0 || r.Destroyed != "" {
		return nil
	}
	var out []linkButton
	if lists.drafts(v.person) && r.State != view.IncomingFinished && r.State != view.IncomingRefused && r.State != view.IncomingWithdrawn {
		out = append(out, linkButton{with("/drafts/new", "reply_to", r.ID, "kind", "Công văn"), "edit", v.words.say("draft.reply")})
	}
	if lists.copies(v.person) {
		out = append(out, linkButton{with("/drafts/copy", "incoming", r.ID), "copy", v.words.say("act.MakeCopy")})
	}
	if lists.files(v.person) {
		out = append(out, linkButton{with("/dossiers/put", "incoming", r.ID), "folder", v.words.say("dossier.put")})
	}
	return out
}
