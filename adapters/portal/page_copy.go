package portal

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// copyBody is the form of a copy: sao y, sao lục, trích sao.
type copyBody struct {
	Form    *actForm
	Forms   []string
	Title   string
	Leaders []view.PersonRef
	Pick    recipientPick
	Back    string
}

// mayCopy says whether the person makes copies: clerks and leaders do. The record judges again.
func (p *Portal) mayCopy(v *visit) (*officeLists, error) {
	lists, err := p.officeOf(v)
	if err != nil {
		return nil, err
	}
	if !lists.copies(v.person) {
		return nil, errGone
	}
	return lists, nil
}

func (l *officeLists) copies(person string) bool {
	return slices.ContainsFunc(l.roles(person), func(r string) bool { return r == "clerk" || r == "leader" })
}

// copyPage begins a copy of a document that came, or of an own one.
func (p *Portal) copyPage(v *visit) error {
	q := v.r.URL.Query()
	for _, kind := range []string{"outgoing", "incoming"} {
		if id := q.Get(kind); isTargetID(id) {
			f := p.newActForm(v, "MakeCopy", "/drafts/copy", 0, nil)
			f.Values.Set("original", kind+":"+id)
			if kind == "incoming" {
				f.Values.Set("copy_form", schemas.CopyOfCopy)
			}
			if again := q.Get("remake"); again != "" {
				if err := p.copyAgain(v, f, again); err != nil {
					return err
				}
			}
			return p.showCopy(v, f, nil)
		}
	}
	return view.ErrNotFound
}

// copyAgain begins with a copy that was sent back: it is made again, in its place.
func (p *Portal) copyAgain(v *visit, f *actForm, id string) error {
	d, err := p.ownCopy(v, id)
	if err != nil {
		return err
	}
	f.Seen = d.Version
	f.Values.Set("remake", id)
	f.Values.Set("copy_form", d.Row.Copy)
	if len(d.Versions) > 0 {
		last := d.Versions[0]
		f.Values.Set("signer", last.Signer.ID)
		f.Values.Set("competence", last.Competence)
		f.Values.Set("extract", last.Extract)
		f.Values.Set("to_places", strings.Join(last.ToPlaces, "\n"))
		for _, r := range last.Recipients {
			f.Values.Add("recipients", r.Code)
		}
	}
	return nil
}

// ownCopy is a copy that the agency has made. Whether it can be made again is judged by the record.
func (p *Portal) ownCopy(v *visit, id string) (view.OutgoingDocument, error) {
	if !isTargetID(id) {
		return view.OutgoingDocument{}, view.ErrNotFound
	}
	d, err := p.cfg.OfficeViews.OutgoingDocument(v.ctx(), p.staffOf(v), id)
	if err == nil && d.Row.Copy == "" {
		err = view.ErrNotFound
	}
	return d, err
}

func (p *Portal) showCopy(v *visit, f *actForm, failed *actFailure) error {
	lists, err := p.mayCopy(v)
	if err != nil {
		return err
	}
	f.Office, f.Upload = lists, true
	f.keep(failed)
	t, ok := parseTarget(f.Value("original"))
	if !ok {
		return fail(http.StatusBadRequest)
	}
	original, err := p.putItem(v, t)
	if err != nil {
		return err
	}
	f.Values.Set("copy_of", t.ID)
	forms := copyForms
	if t.Kind == schemas.TargetOutgoing { // a copy of a copy is one of a document that somebody else made
		forms = []string{schemas.CopyTrue, schemas.CopyExtract}
	}
	b := copyBody{Form: f, Forms: forms, Title: original.Title, Leaders: lists.Leaders, Back: original.Back}
	if b.Pick, err = p.pickRecipients(v, f.Values["recipients"], f.Value("find")); err != nil {
		return err
	}
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
	}
	return p.render(v, status, "copy", "drafts", v.words.say("act.MakeCopy"), "", b)
}

// makeCopy makes it, under the one-time id of the form, or in the place of one that was sent back.
func (p *Portal) makeCopy(v *visit) error {
	if _, err := p.mayCopy(v); err != nil {
		return err
	}
	form, id, seen := v.r.PostForm, v.r.PostForm.Get("id"), uint64(0)
	if again := form.Get("remake"); again != "" {
		d, err := p.ownCopy(v, again)
		if err != nil {
			return err
		}
		id, seen = again, d.Version
	}
	fresh := func() *actForm { return p.newActForm(v, "MakeCopy", "/drafts/copy", seen, nil) }
	if form.Has("search") {
		return p.showCopy(v, fresh(), p.keptForm(v, "MakeCopy"))
	}
	t, ok := parseTarget(form.Get("original"))
	if !ok {
		return fail(http.StatusBadRequest)
	}
	if _, err := p.putItem(v, t); err != nil {
		return err // what one may not see one does not copy
	}
	form.Set("copy_of", t.ID)
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetOutgoing, ID: id}, Name: "MakeCopy", Done: "/outgoing/" + id})
	if err != nil || failed == nil {
		return err
	}
	return p.showCopy(v, fresh(), failed)
}
