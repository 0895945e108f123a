package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// A draft is written in one form: the kind first, then what every draft says, then what the form of the kind asks for.

// draftBody is the form of a draft, new or the next version.
type draftBody struct {
	Form     *actForm
	Kinds    []kindGroup // to choose from, when none is chosen
	Kind     schemas.KindForm
	Again    string // address of choosing the kind
	Leaders  []view.PersonRef
	Series   []view.Named
	Units    []view.Named
	Dossiers []view.Named
	Answers  []view.Named // incoming documents that it may answer
	Pick     recipientPick
	Before   []draftFile // files of the version before
	Relation string
	Related  string // in words
	Stale    string
	Cancel   string
	New      bool
}

type kindGroup struct {
	Title string
	Kinds []kindLine
}

type kindLine struct {
	schemas.KindForm
	Path string
}

// draftFile is a file of the version before that may stay.
type draftFile struct {
	view.Attachment
	Keep bool
}

// usualKinds stand first: most of what an agency writes is one of these.
var usualKinds = []string{"Công văn", "Tờ trình", "Báo cáo", "Kế hoạch", "Quyết định", "Thông báo", "Giấy mời"}

// newDraftPage lets the kind be chosen, then shows its form.
func (p *Portal) newDraftPage(v *visit) error {
	lists, err := p.mayDraft(v)
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	kind, ok := schemas.KindOf(q.Get("kind"))
	if !ok {
		return p.show(v, "kinds", "drafts", v.words.say("draft.kind.title"), draftBody{Kinds: kindGroups(v.words, q)})
	}
	f := p.newActForm(v, "SaveDraft", "/drafts/new", 0, nil)
	f.Values.Set("kind", kind.Name)
	for _, name := range []string{"reply_to", "dossier", "relation", "related"} {
		if s := q.Get(name); s != "" && len(s) <= 64 {
			f.Values.Set(name, s)
		}
	}
	if err := p.draftFrom(v, f); err != nil {
		return err
	}
	return p.showDraft(v, lists, f, nil, view.OutgoingDocument{})
}

// mayDraft says whether the person makes documents. The record judges again.
func (p *Portal) mayDraft(v *visit) (*officeLists, error) {
	lists, err := p.officeOf(v)
	if err != nil {
		return nil, err
	}
	if !lists.drafts(v.person) {
		return nil, errGone
	}
	return lists, nil
}

func kindGroups(w words, q url.Values) []kindGroup {
	line := func(k schemas.KindForm) kindLine {
		return kindLine{k, with("/drafts/new", "kind", k.Name, "reply_to", q.Get("reply_to"), "dossier", q.Get("dossier"), "relation", q.Get("relation"), "related", q.Get("related"))}
	}
	usual, rest := kindGroup{Title: w.say("draft.kinds.usual")}, kindGroup{Title: w.say("draft.kinds.rest")}
	for _, name := range usualKinds {
		if k, ok := schemas.KindOf(name); ok {
			usual.Kinds = append(usual.Kinds, line(k))
		}
	}
	for _, k := range schemas.Kinds() {
		if !slices.ContainsFunc(usual.Kinds, func(u kindLine) bool { return u.Name == k.Name }) {
			rest.Kinds = append(rest.Kinds, line(k))
		}
	}
	return []kindGroup{usual, rest}
}

// draftFrom fills in what follows from the document that is answered, or that is updated, replaced or corrected.
func (p *Portal) draftFrom(v *visit, f *actForm) error {
	if id := f.Value("reply_to"); isTargetID(id) {
		d, err := p.cfg.OfficeViews.IncomingDocument(v.ctx(), p.staffOf(v), id)
		if err != nil {
			return err
		}
		if d.Row.Destroyed == "" {
			f.Values.Set("subject", v.words.say("draft.answers", "number", d.Row.Number))
			if d.Row.From.Code != "" {
				f.Values.Add("recipients", d.Row.From.Code)
			}
			f.Values.Set("priority", fmt.Sprint(d.Row.Priority))
		}
	}
	if id := f.Value("related"); isTargetID(id) && slices.Contains(relations, f.Value("relation")) {
		d, err := p.cfg.OfficeViews.OutgoingDocument(v.ctx(), p.staffOf(v), id)
		if err != nil {
			return err
		}
		for _, to := range d.Row.To {
			f.Values.Add("recipients", to.Code)
		}
		if f.Value("relation") != "correction" && len(d.Versions) > 0 {
			f.fillDraft(d.Versions[0])
		}
	}
	return nil
}

// fillDraft writes a version into the form. The kind, the relation and the ids of the form stay.
func (f *actForm) fillDraft(d view.DraftVersion) {
	set := func(name, value string) {
		if value != "" {
			f.Values.Set(name, value)
		}
	}
	set("subject", d.Subject)
	set("content", d.Content)
	f.Values.Del("recipients")
	for _, r := range d.Recipients {
		f.Values.Add("recipients", r.Code)
	}
	set("to_places", strings.Join(d.ToPlaces, "\n"))
	set("priority", fmt.Sprint(d.Priority))
	set("due_date", d.DueDate)
	set("signer", d.Signer.ID)
	set("competence", d.Competence)
	set("series", d.Series)
	set("place", d.Place)
	if d.Pages > 0 {
		set("pages", fmt.Sprint(d.Pages))
	}
	if d.Copies > 0 {
		set("copies", fmt.Sprint(d.Copies))
	}
	set("kept_by", d.KeptBy)
	for _, x := range d.Fields {
		set("x-"+x[0], x[1])
	}
	set("dossier", d.Dossier)
	if len(d.ReplyTo) > 0 {
		f.Values["reply_to"] = slices.Clone(d.ReplyTo)
	}
}

// editDraftPage shows the latest version, to be made the next one.
func (p *Portal) editDraftPage(v *visit) error {
	d, err := p.editable(v)
	if err != nil {
		return err
	}
	if err := p.lookedAt(v, view.Target{Kind: "outgoing", ID: d.Row.ID}, "page"); err != nil {
		return err
	}
	return p.showEdit(v, d, nil)
}

// editable finds a draft of which the person may save another version.
func (p *Portal) editable(v *visit) (view.OutgoingDocument, error) {
	d, err := p.openSent(v)
	if err != nil {
		return d, err
	}
	if !slices.Contains(d.May, "SaveDraft") || len(d.Versions) == 0 {
		return d, view.ErrNotFound
	}
	return d, nil
}

func (p *Portal) showEdit(v *visit, d view.OutgoingDocument, failed *actFailure) error {
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	f := p.newActForm(v, "SaveDraft", "/outgoing/"+d.Row.ID+"/edit", d.Version, d.Stands)
	latest := d.Versions[0]
	f.Values.Set("kind", latest.Type)
	if kind, ok := schemas.KindOf(v.r.URL.Query().Get("kind")); ok {
		f.Values.Set("kind", kind.Name)
	}
	f.Values.Set("relation", latest.Relation)
	f.Values.Set("related", latest.RelatedTo)
	f.fillDraft(latest)
	v.follow(view.Target{Kind: "outgoing", ID: d.Row.ID}, d.Version)
	return p.showDraft(v, lists, f, failed, d)
}

// showDraft shows the form, with what was said of it and what was typed.
func (p *Portal) showDraft(v *visit, lists *officeLists, f *actForm, failed *actFailure, d view.OutgoingDocument) error {
	f.Office, f.Upload = lists, true
	f.keep(failed)
	kind, ok := schemas.KindOf(f.Value("kind"))
	if !ok {
		return fail(http.StatusBadRequest)
	}
	b := draftBody{Form: f, Kind: kind, Leaders: lists.Leaders, Series: lists.seriesOf(kind.Name), Units: lists.unitNames(), Relation: f.Value("relation"), New: d.Row.ID == ""}
	b.Again = with("/drafts/new", "reply_to", f.Value("reply_to"), "dossier", f.Value("dossier"), "relation", f.Value("relation"), "related", f.Value("related"))
	b.Cancel = "/drafts"
	if !b.New {
		b.Cancel, b.Again = "/outgoing/"+d.Row.ID, ""
		for _, a := range d.Versions[0].Files {
			b.Before = append(b.Before, draftFile{a, failed == nil})
		}
	}
	var err error
	if b.Pick, err = p.pickRecipients(v, f.Values["recipients"], f.Value("find")); err != nil {
		return err
	}
	if b.Dossiers, err = p.openDossiers(v); err != nil {
		return err
	}
	if b.Answers, err = p.answerable(v, f.Values["reply_to"]); err != nil {
		return err
	}
	if id := f.Value("related"); b.Relation != "" && isTargetID(id) {
		r, err := p.cfg.OfficeViews.OutgoingDocument(v.ctx(), p.staffOf(v), id)
		if err != nil {
			return err
		}
		b.Related = documentTitle(v.words, view.RegisterRow{Number: r.Row.Number, TypeName: r.Row.TypeName, Destroyed: r.Row.Destroyed})
	}
	if failed != nil && failed.Stale {
		b.Stale = v.words.say("act.stale")
	}
	status := http.StatusOK
	if failed != nil && failed.Status != 0 {
		status = failed.Status
	}
	title := v.words.say("draft.new.title", "kind", kind.Name)
	if !b.New {
		title = v.words.say("draft.edit.title", "n", len(d.Versions)+1)
	}
	return p.render(v, status, "draft", "drafts", title, "", b)
}

// saveNewDraft begins a draft: its id in the record is the one-time id of the form, so that it too comes once.
func (p *Portal) saveNewDraft(v *visit) error {
	lists, err := p.mayDraft(v)
	if err != nil {
		return err
	}
	form, id := v.r.PostForm, v.r.PostForm.Get("id")
	fresh := func(failed *actFailure) error {
		return p.showDraft(v, lists, p.newActForm(v, "SaveDraft", "/drafts/new", 0, nil), failed, view.OutgoingDocument{})
	}
	if form.Has("search") {
		return fresh(p.keptForm(v, "SaveDraft"))
	}
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetOutgoing, ID: id}, Name: "SaveDraft", Done: "/outgoing/" + id})
	if err != nil || failed == nil {
		return err
	}
	return fresh(failed)
}

// keptForm is a form that was sent only to look for recipients: it comes back as it was.
func (p *Portal) keptForm(v *visit, name string) *actFailure {
	return &actFailure{Name: name, ID: v.r.PostForm.Get("id"), Status: http.StatusOK, Values: kept(v.r.PostForm), Held: v.held}
}

// saveVersion adds a version: the files of the one before that stay are carried anew, because a version is whole.
func (p *Portal) saveVersion(v *visit) error {
	d, err := p.editable(v)
	if err != nil {
		return err
	}
	if v.r.PostForm.Has("search") {
		return p.showEdit(v, d, p.keptForm(v, "SaveDraft"))
	}
	if err := p.carryOver(v, d.Versions[0]); err != nil {
		return err
	}
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetOutgoing, ID: d.Row.ID}, Name: "SaveDraft", Done: "/outgoing/" + d.Row.ID})
	if err != nil || failed == nil {
		return err
	}
	if d, err = p.editable(v); err != nil {
		return err
	}
	failed.Stale = v.r.PostForm.Get("seen") != fmt.Sprint(d.Version) && len(failed.Codes) > 0
	return p.showEdit(v, d, failed)
}

// carryOver takes files of a version into the spool of this form, before those that came with it.
func (p *Portal) carryOver(v *visit, before view.DraftVersion) error {
	var stay []heldFile
	total := int64(0)
	for _, f := range v.held {
		total += f.Size
	}
	done := func(files []heldFile) {
		for _, f := range files {
			f.at.Close()
		}
	}
	for _, a := range before.Files {
		if !slices.Contains(v.r.PostForm["keep"], fmt.Sprint(a.Index)) {
			continue
		}
		body, err := p.cfg.Node.Attachment(v.ctx(), before.Package, a.Index)
		if err != nil {
			done(stay)
			return fmt.Errorf("couldn't carry file %d over: %w", a.Index, err)
		}
		at, err := spoolFile(p.cfg.Spool, body.Body, uploadMost-total)
		body.Body.Close()
		if err != nil {
			done(stay)
			return uploadProblem(err)
		}
		total += at.size
		stay = append(stay, heldFile{Name: uploadName(body.Name), ContentType: uploadType(body.Name, body.ContentType), Size: at.size, sum: at.sum, at: at})
	}
	if len(stay) == 0 {
		return nil
	}
	v.r.PostForm.Del("keep") // they are held by the form from here on
	v.held = append(stay, v.held...)
	p.holds.put(p.holdKey(v), v.held)
	return nil
}

// upperFirst writes the name of a kind as it stands at the head of a line; the list of kinds has small letters.
func upperFirst(s string) string {
	for i, r := range s {
		return strings.ToUpper(string(r)) + s[i+len(string(r)):]
	}
	return s
}
