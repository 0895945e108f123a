package portal

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// dossierBody is the page of one dossier.
type dossierBody struct {
	view.Dossier
	Plan     string
	Items    []itemLine
	Removed  []itemLine
	Tasks    []view.Task
	Opinions []trailLine
	Lines    []trailLine
	Acts     []*actForm
	Readings []view.Reading
	MayKnow  bool
	Path     string
	Stale    string
	Typed    []typedField
	TypedOf  string
	Refused  []string
	Links    []linkButton
}

// itemLine is a line of the contents.
type itemLine struct {
	view.DossierItem
	Path  string
	Files []fileLine
}

// dossierOrder is the order in which the page offers acts.
var dossierOrder = []string{"AddItem", "GiveTask", "FinishTask", "RecordDecision", "GiveOpinion", "HandOver", "ClassifyDossier", "CloseDossier", "Reopen", "RemoveItem"}

func (p *Portal) findDossier(v *visit) (view.Dossier, error) {
	id := v.r.PathValue("id")
	if !isTargetID(id) {
		return view.Dossier{}, view.ErrNotFound
	}
	return p.cfg.OfficeViews.Dossier(v.ctx(), p.staffOf(v), id)
}

func (p *Portal) dossier(v *visit) error {
	d, err := p.findDossier(v)
	if err != nil {
		return err
	}
	if err := p.lookedAt(v, view.Target{Kind: "dossier", ID: d.Row.ID}, "page"); err != nil {
		return err
	}
	return p.showDossier(v, d, nil)
}

// actDossier does what a form of the page asks for; files come with one that puts them in.
func (p *Portal) actDossier(v *visit) error {
	d, err := p.findDossier(v)
	if err != nil {
		return err
	}
	name := v.r.PostForm.Get("act")
	if !slices.Contains(dossierOrder, name) {
		return fail(http.StatusBadRequest)
	}
	failed, err := p.doAct(v, actRequest{Target: schemas.ActTarget{Kind: schemas.TargetDossier, ID: d.Row.ID}, Name: name, Done: "/dossiers/" + d.Row.ID})
	if err != nil || failed == nil {
		return err
	}
	if d, err = p.findDossier(v); err != nil {
		return err
	}
	failed.judgeStale(v, d.Version)
	return p.showDossier(v, d, failed)
}

func (p *Portal) showDossier(v *visit, d view.Dossier, failed *actFailure) error {
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	b := dossierBody{Dossier: d, Path: "/dossiers/" + d.Row.ID, Tasks: d.Tasks}
	for _, e := range lists.FilePlan {
		if e.Code == d.Row.FilePlan {
			b.Plan = e.Title
		}
	}
	for _, i := range d.Items {
		l := itemLine{i, "", p.sentFiles(b.Path, i.Package, i.Files)}
		if i.Visible && i.Target.ID != "" {
			l.Path = targetPath(i.Target)
		}
		if i.Removed != "" {
			b.Removed = append(b.Removed, l)
			continue
		}
		b.Items = append(b.Items, l)
	}
	for _, t := range slices.Backward(d.Trail) {
		l := p.trailLine(v, t, b.Path)
		if t.Name == "dossier.opinion-given.v1" {
			b.Opinions = append(b.Opinions, l)
		}
		b.Lines = append(b.Lines, l)
	}
	p.dossierForms(v, &b, lists, failed)
	if d.Row.State == view.DossierOpen && lists.files(v.person) {
		b.Links = append(b.Links, linkButton{with("/drafts/new", "dossier", d.Row.ID), "edit", v.words.say("draft.new")})
	}
	b.Links = append(b.Links, linkButton{b.Path + "/print", "print", v.words.say("dossier.print")})
	if b.Readings, b.MayKnow, err = p.readingsOf(v, view.Target{Kind: "dossier", ID: d.Row.ID}); err != nil {
		return err
	}
	v.follow(view.Target{Kind: "dossier", ID: d.Row.ID}, d.Version)
	status := http.StatusOK
	if failed != nil {
		status = failed.Status
	}
	title, _ := cut(d.Row.Title, headSubject)
	if d.Row.Destroyed != "" {
		title = v.words.say("doc.destroyed")
	}
	return p.render(v, status, "dossier", "dossiers", title, p.doneNotice(v), b)
}

func (p *Portal) dossierForms(v *visit, b *dossierBody, lists *officeLists, failed *actFailure) {
	for _, name := range dossierOrder {
		if !slices.Contains(b.May, name) {
			continue
		}
		f := p.newActForm(v, name, b.Path+"/act", b.Version, b.Stands)
		f.Office = lists
		switch name {
		case "AddItem":
			f.Path, f.Upload = b.Path+"/files", true
		case "FinishTask":
			var open []view.Named
			for _, t := range b.Tasks {
				if !t.Done {
					text, _ := cut(t.Text, 80)
					open = append(open, view.Named{ID: t.ID, Name: text + " – " + assigneeName(t.To)})
				}
			}
			f.Data = open
		case "RemoveItem", "RecordDecision":
			f.Data = itemNames(b.Items, name == "RemoveItem")
		case "HandOver":
			f.Data = lists.workers()
		case "ClassifyDossier":
			f.Data = lists.filePlanNames()
			f.Values.Set("file_plan", b.Row.FilePlan)
		}
		f.keep(failed)
		b.Acts = append(b.Acts, f)
	}
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

// itemNames are the items as a form offers them: by their number in the dossier, or as documents.
func itemNames(items []itemLine, byNumber bool) []view.Named {
	var out []view.Named
	for _, i := range items {
		subject, _ := cut(strings.TrimSpace(i.Number+" "+i.Subject), 90)
		if subject == "" && len(i.DossierItem.Files) > 0 {
			subject = fileName(i.DossierItem.Files[0].Name)
		}
		switch {
		case byNumber:
			out = append(out, view.Named{ID: strconv.Itoa(i.No), Name: fmt.Sprintf("%d. %s", i.No, subject)})
		case i.Visible && i.Target.ID != "":
			out = append(out, view.Named{ID: i.Target.Kind + ":" + i.Target.ID, Name: subject})
		}
	}
	return out
}

// dossierFile gives a file that lies in the dossier itself, or that an act carried.
func (p *Portal) dossierFile(v *visit) error {
	d, sum, known, err := p.dossierFileOf(v)
	if err != nil {
		return err
	}
	return p.sendFile(v, view.Target{Kind: "dossier", ID: d.Row.ID}, sum, known.Index, fmt.Sprintf("tep-%d", known.Index+1))
}

func (p *Portal) dossierFileOf(v *visit) (d view.Dossier, sum string, a view.Attachment, err error) {
	if d, err = p.findDossier(v); err != nil {
		return d, "", a, err
	}
	sum = v.r.PathValue("sha256")
	index, err := strconv.Atoi(v.r.PathValue("index"))
	if err != nil || !isHex(sum, 64) || d.Row.Destroyed != "" {
		return d, "", a, view.ErrNotFound
	}
	var files []view.Attachment
	for _, i := range d.Items {
		if i.Package == sum && i.Visible {
			files = append(files, i.Files...)
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

// dossierSignatures shows the signatures that stand inside a file of the dossier.
func (p *Portal) dossierSignatures(v *visit) error {
	d, sum, known, err := p.dossierFileOf(v)
	if err != nil {
		return err
	}
	if err := p.lookedAt(v, view.Target{Kind: "dossier", ID: d.Row.ID}, "attachment"); err != nil {
		return err
	}
	return p.showFileSignatures(v, sum, known, "/dossiers/"+d.Row.ID, d.Row.Title)
}

func (p *Portal) printDossier(v *visit) error {
	s, err := p.contentsSheet(v)
	if err != nil {
		return err
	}
	return p.show(v, "sheet", "dossiers", s.Title, s)
}

func (p *Portal) exportDossier(v *visit) error {
	s, err := p.contentsSheet(v)
	if err != nil {
		return err
	}
	return p.sendXLSX(v, s, fmt.Sprintf("muc-luc-%s.xlsx", plainNumber(view.RegisterRow{Number: v.r.PathValue("id"), Document: strings.Repeat("0", 12)})))
}

// contentsSheet is the contents list (mục lục văn bản, tài liệu) of a dossier. What the reader may not see stands with its number alone.
func (p *Portal) contentsSheet(v *visit) (*sheet, error) {
	d, err := p.findDossier(v)
	if err != nil {
		return nil, err
	}
	if err := p.lookedAt(v, view.Target{Kind: "dossier", ID: d.Row.ID}, "page"); err != nil {
		return nil, err
	}
	path := "/dossiers/" + d.Row.ID
	s := &sheet{Kind: "contents", Title: v.words.say("print.title.contents"), Org: v.org, At: p.cfg.Node.Now(), Node: p.cfg.Name, Back: path, XLSX: path + "/export", About: "print.contents.form",
		Made: "print.contents.made", Period: strings.TrimSpace(d.Row.Code + " " + d.Row.Title)}
	if d.Row.Retention != "" {
		s.Filters = []string{v.words.say("dossier.retention", "time", d.Row.Retention)}
	}
	for _, t := range d.Trail {
		s.AsOf = max(s.AsOf, t.Position)
	}
	if d.Row.Destroyed != "" {
		s.Period = v.words.say("error.destroyed", "decision", d.Row.Destroyed)
	}
	for i, w := range []float64{6, 20, 14, 60, 34, 10, 24} {
		s.Columns = append(s.Columns, sheetColumn{v.words.say("print.contents." + strconv.Itoa(i+1)), w})
	}
	for _, i := range d.Items {
		if i.Removed != "" {
			continue
		}
		if !i.Visible {
			s.Rows = append(s.Rows, []string{strconv.Itoa(i.No), "", "", v.words.say("dossier.hidden"), "", "", ""})
			continue
		}
		subject := i.Subject
		if i.TypeName != "" && !strings.HasPrefix(strings.ToLower(subject), strings.ToLower(i.TypeName)) {
			subject = i.TypeName + ": " + subject
		}
		if subject == "" {
			var names []string
			for _, f := range i.Files {
				names = append(names, fileName(f.Name))
			}
			subject = strings.Join(names, "; ")
		}
		s.Rows = append(s.Rows, []string{strconv.Itoa(i.No), i.Number, dateWords(i.Date), subject, partyName(i.Author), i.Pages, i.Note})
	}
	return s, nil
}
