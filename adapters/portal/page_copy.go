package portal

import (
	"net/http"
	"slices"

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
			return p.showCopy(v, f, nil)
		}
	}
	return view.ErrNotFound
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
	b := copyBody{Form: f, Forms: copyForms, Title: original.Title, Leaders: lists.Leaders, Back: original.Back}
	if b.Pick, err = p.pickRecipients(v, f.Values["recipients"], f.Value("find")); err != nil {
		return err
	}
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
	}
	return p.render(v, status, "copy", "drafts", v.words.say("act.MakeCopy"), "", b)
}

// makeCopy makes it, under the one-time id of the form.
func (p *Portal) makeCopy(v *visit) error {
	if _, err := p.mayCopy(v); err != nil {
		return err
	}
	form, id := v.r.PostForm, v.r.PostForm.Get("id")
	fresh := func() *actForm { return p.newActForm(v, "MakeCopy", "/drafts/copy", 0, nil) }
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
