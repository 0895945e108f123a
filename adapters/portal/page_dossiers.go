package portal

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// Work dossiers: the list, opening one, and putting a document into one.

const dossierPage = 50

var dossierLists = []string{"open", "late", "closed", "all"}

type dossierFilter struct {
	List, Words, FilePlan, InCharge, Year string
	Active                                int

	query view.DossierQuery
}

type dossiersBody struct {
	Filter      dossierFilter
	Tabs        []listTab
	Office      *officeLists
	FilePlan    []view.Named
	Workers     []view.PersonRef
	Years       []view.Named
	Lines       []view.DossierRow
	First, Last int
	Total       string
	Next, Start string
	Clear       string
	Notice      string
	MayOpen     bool
}

func (p *Portal) readDossiers(v *visit, lists *officeLists) dossierFilter {
	q := v.r.URL.Query()
	get := func(name string) string {
		s, _ := cut(strings.TrimSpace(strings.ToValidUTF8(q.Get(name), "")), 300)
		return s
	}
	f := dossierFilter{List: get("list"), Words: get("words"), FilePlan: get("plan"), InCharge: get("person"), Year: get("year")}
	if !slices.Contains(dossierLists, f.List) {
		f.List = "open"
		if f.Words != "" || slices.Equal(lists.roles(v.person), []string{"archivist"}) {
			f.List = "all"
		}
	}
	f.query = view.DossierQuery{Staff: p.staffOf(v), Words: f.Words, Cursor: q.Get("after"), Limit: dossierPage}
	switch f.List {
	case "open":
		f.query.State = view.DossierOpen
	case "closed":
		f.query.State = view.DossierClosed
	case "late":
		f.query.State, f.query.Late = view.DossierOpen, true
	}
	if slices.ContainsFunc(lists.FilePlan, func(e view.FilePlanEntry) bool { return e.Code == f.FilePlan }) {
		f.query.FilePlan = f.FilePlan
	}
	if lists.person(f.InCharge).ID != "" {
		f.query.InCharge = f.InCharge
	}
	if n, err := strconv.Atoi(f.Year); err == nil && n >= 1900 && n <= 2999 {
		f.query.Year = n
		f.Active++
	}
	for _, s := range []string{f.Words, f.query.FilePlan, f.query.InCharge} {
		if s != "" {
			f.Active++
		}
	}
	return f
}

func (f dossierFilter) address(path string, more ...string) string {
	return with(path, append([]string{"list", f.List, "words", f.Words, "plan", f.FilePlan, "person", f.InCharge, "year", f.Year}, more...)...)
}

func (p *Portal) dossiers(v *visit) error {
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	f := p.readDossiers(v, lists)
	b := dossiersBody{Filter: f, Office: lists, FilePlan: lists.filePlanNames(), Workers: lists.workers(), Years: yearsBack(p.cfg.Node.Now()), MayOpen: lists.files(v.person)}
	page, err := p.cfg.OfficeViews.Dossiers(v.ctx(), f.query)
	if err != nil && f.query.Cursor != "" && errors.Is(err, view.ErrQuery) {
		f.query.Cursor, b.Notice = "", v.words.say("register.bad.cursor")
		page, err = p.cfg.OfficeViews.Dossiers(v.ctx(), f.query)
	}
	if err != nil {
		return err
	}
	before := 0
	if f.query.Cursor != "" {
		if before, _ = strconv.Atoi(v.r.URL.Query().Get("n")); before < 0 || before > 1<<30 {
			before = 0
		}
		b.Start = f.address("/dossiers")
	}
	b.Lines, b.First, b.Last, b.Total = page.Rows, before+1, before+len(page.Rows), p.totalOf(v, page.Total)
	if page.Next != "" {
		b.Next = f.address("/dossiers", "after", page.Next, "n", strconv.Itoa(b.Last))
	}
	for _, l := range dossierLists {
		b.Tabs = append(b.Tabs, listTab{Label: v.words.say("dossier.list." + l), Path: f.address("/dossiers", "list", l), Current: l == f.List})
	}
	b.Clear = with("/dossiers", "list", f.List)
	return p.render(v, http.StatusOK, "dossiers", "dossiers", v.words.say("nav.dossiers"), p.doneNotice(v), b)
}

// dossierForm opens one.
type dossierForm struct {
	Form    *actForm
	Workers []view.PersonRef
	Plan    []view.Named
	Stale   string
}

func (p *Portal) mayFile(v *visit) (*officeLists, error) {
	lists, err := p.officeOf(v)
	if err != nil {
		return nil, err
	}
	if !lists.files(v.person) {
		return nil, errGone
	}
	return lists, nil
}

func (p *Portal) newDossierPage(v *visit) error { return p.showNewDossier(v, nil) }

func (p *Portal) showNewDossier(v *visit, failed *actFailure) error {
	lists, err := p.mayFile(v)
	if err != nil {
		return err
	}
	f := p.newActForm(v, "OpenDossier", "/dossiers/new", 0, nil)
	f.Office = lists
	f.Values.Set("dossier_charge", v.person)
	f.keep(failed)
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
	}
	return p.render(v, status, "newdossier", "dossiers", v.words.say("act.OpenDossier"), "", dossierForm{Form: f, Workers: lists.workers(), Plan: lists.filePlanNames()})
}

// openDossier opens one: its id in the record is the one-time id of the form.
func (p *Portal) openDossier(v *visit) error {
	if _, err := p.mayFile(v); err != nil {
		return err
	}
	id := v.r.PostForm.Get("id")
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetDossier, ID: id}, Name: "OpenDossier", Done: "/dossiers/" + id})
	if err != nil || failed == nil {
		return err
	}
	return p.showNewDossier(v, failed)
}

// putBody chooses the dossier that a document goes into.
type putBody struct {
	Form  *actForm
	Title string // of the document
	Words string
	Param string // incoming or outgoing
	ID    string
	Lines []view.DossierRow
	More  bool
	In    []view.DossierRow // it lies in already
	Back  string
}

const putRows = 30

// putItem is the document that goes into a dossier, as far as the person may see it.
func (p *Portal) putItem(v *visit, t schemas.ActTarget) (b putBody, err error) {
	b.Param, b.ID, b.Back = string(t.Kind), t.ID, targetPath(view.Target{Kind: string(t.Kind), ID: t.ID})
	if t.Kind == schemas.TargetIncoming {
		d, err := p.cfg.OfficeViews.IncomingDocument(v.ctx(), p.staffOf(v), t.ID)
		b.Title, b.In = documentTitle(v.words, view.RegisterRow{Number: d.Row.Number, TypeName: d.Row.TypeName, Destroyed: d.Row.Destroyed}), d.Dossiers
		return b, err
	}
	d, err := p.cfg.OfficeViews.OutgoingDocument(v.ctx(), p.staffOf(v), t.ID)
	b.Title, b.In = sentTitle(v.words, d.Row), d.Dossiers
	return b, err
}

func (p *Portal) putPage(v *visit) error {
	q := v.r.URL.Query()
	for _, kind := range []string{"incoming", "outgoing"} {
		if id := q.Get(kind); id != "" {
			if t, ok := parseTarget(kind + ":" + id); ok {
				return p.showPut(v, t, q.Get("words"), nil)
			}
		}
	}
	return view.ErrNotFound
}

func (p *Portal) showPut(v *visit, t schemas.ActTarget, text string, failed *actFailure) error {
	lists, err := p.mayFile(v)
	if err != nil {
		return err
	}
	b, err := p.putItem(v, t)
	if err != nil {
		return err
	}
	b.Words, _ = cut(cleanText(text), 300)
	page, err := p.cfg.OfficeViews.Dossiers(v.ctx(), view.DossierQuery{Staff: p.staffOf(v), State: view.DossierOpen, Words: b.Words, Limit: putRows})
	if err != nil {
		return err
	}
	b.Lines, b.More = page.Rows, page.Next != ""
	b.Form = p.newActForm(v, "AddItem", "/dossiers/put", 0, nil)
	b.Form.Office = lists
	b.Form.keep(failed)
	b.Form.Values.Set("item", string(t.Kind)+":"+t.ID)
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
	}
	return p.render(v, status, "put", "dossiers", v.words.say("dossier.put"), "", b)
}

// put puts the document in. What else happens in the dossier meanwhile does not matter: the version is not compared.
func (p *Portal) put(v *visit) error {
	if _, err := p.mayFile(v); err != nil {
		return err
	}
	form := v.r.PostForm
	t, ok := parseTarget(form.Get("item"))
	if !ok {
		return fail(http.StatusBadRequest)
	}
	b, err := p.putItem(v, t)
	if err != nil {
		return err
	}
	id := form.Get("dossier")
	if !isTargetID(id) {
		return p.showPut(v, t, "", &actFailure{Name: "AddItem", ID: form.Get("id"), Status: http.StatusUnprocessableEntity,
			Said: []string{v.words.say("form.choose", "field", v.words.say("field.dossier"))}, Values: kept(form)})
	}
	form.Del("seen")
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetDossier, ID: id}, Name: "AddItem", Done: b.Back})
	if err != nil || failed == nil {
		return err
	}
	return p.showPut(v, t, "", failed)
}

// openDossiers are those that a draft can belong to, as its form offers them.
func (p *Portal) openDossiers(v *visit) ([]view.Named, error) {
	page, err := p.cfg.OfficeViews.Dossiers(v.ctx(), view.DossierQuery{Staff: p.staffOf(v), State: view.DossierOpen, Limit: 100})
	if err != nil {
		return nil, err
	}
	var out []view.Named
	for _, r := range page.Rows {
		title, _ := cut(r.Title, 90)
		out = append(out, view.Named{ID: r.ID, Name: strings.TrimSpace(r.Code + " " + title)})
	}
	return out, nil
}

// answerable are incoming documents that a draft can answer: those chosen, and those open.
func (p *Portal) answerable(v *visit, chosen []string) ([]view.Named, error) {
	var out []view.Named
	add := func(r view.IncomingRow) {
		if !slices.ContainsFunc(out, func(n view.Named) bool { return n.ID == r.ID }) && r.Destroyed == "" {
			subject, _ := cut(r.Subject, 90)
			out = append(out, view.Named{ID: r.ID, Name: strings.Trim(r.Number+" – "+subject, " –")})
		}
	}
	for _, id := range chosen {
		if !isTargetID(id) || len(out) >= 100 {
			continue
		}
		d, err := p.cfg.OfficeViews.IncomingDocument(v.ctx(), p.staffOf(v), id)
		if errors.Is(err, view.ErrNotFound) {
			continue // not theirs to see any more
		}
		if err != nil {
			return nil, err
		}
		add(d.Row)
	}
	page, err := p.cfg.OfficeViews.Incoming(v.ctx(), view.IncomingQuery{Staff: p.staffOf(v), Open: true, Limit: 50})
	if err != nil {
		return nil, err
	}
	for _, r := range page.Rows {
		if r.ArrivalNumber > 0 {
			add(r)
		}
	}
	return out, nil
}
