package httpapi_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/schemas"
)

// drafting is a world in which the sender's people make documents. When it ends, its record is judged again.
type drafting struct {
	*world
	office *office.Office
	acts   int
}

func newDrafting(t *testing.T) *drafting {
	w := officeIn(t, "issued")
	o, err := office.New(office.Options{Log: w.store, Node: w.node, Custody: w.custody})
	if err != nil {
		t.Fatal(err)
	}
	return &drafting{world: w, office: o}
}

func (d *drafting) do(person, target string, act schemas.Act, files ...schemas.File) answer {
	d.t.Helper()
	d.acts++
	return d.tryAct(fmt.Sprintf("viec-%d", d.acts), person, target, act, files...)
}

func (d *drafting) must(person, target string, act schemas.Act, files ...schemas.File) {
	d.t.Helper()
	if a := d.do(person, target, act, files...); a.status >= 300 {
		d.t.Fatalf("%s of %s by %s: status %d: %s", act.Name(), target, person, a.status, a.body)
	}
	if err := d.office.Carry(d.ctx, outgoing.Stream(codeSender, target)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *drafting) state(id string) outgoing.State {
	d.t.Helper()
	s, err := d.node.Others().Outgoing(d.ctx, outgoing.Stream(codeSender, id))
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// sent is what went out of a document.
func (d *drafting) sent(id string) (*schemas.Package, document.State) {
	d.t.Helper()
	d.world.step()
	s := d.state(id)
	doc, err := d.node.Others().Document(d.ctx, document.StreamPrefix+s.Document)
	if err != nil || s.Phase != outgoing.PhaseIssued || !doc.Received {
		d.t.Fatalf("%s is in phase %q, refused with %d: %v", id, s.Phase, s.Refused, err)
	}
	pkg, err := d.store.OpenPackage(d.ctx, doc.Package)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = pkg.Close() })
	p, err := schemas.Parse(d.ctx, schemas.Received{Source: pkg, SHA256: doc.Package}, schemas.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	return p, doc
}

func files(t *testing.T, p *schemas.Package) (out []string) {
	t.Helper()
	for i := range p.Attachments {
		f, err := p.Attachments[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(b), "\r\n")
		out = append(out, p.Attachments[i].Name+": "+text)
	}
	return out
}

// What was issued is replaced, corrected and copied; the earlier document learns of it, and each has the next number of its book.
func TestWhatFollowsAnIssuedDocument(t *testing.T) {
	d := newDrafting(t)
	first := d.state("d").Document
	scan := schemas.FileBytes("cong-van.txt", "text/plain", []byte("toàn văn"))
	make := func(id, signer string, draft schemas.Draft) {
		draft.Subject, draft.Signer, draft.Type = "V/v "+id, "dung", "Công văn"
		d.must("an", id, schemas.SaveDraft{Draft: draft}, scan)
		d.must("binh", id, schemas.Submit{})
		d.must("cuc", id, schemas.Approve{})
		d.must(signer, id, schemas.Approve{})
		d.must("em", id, schemas.Issue{})
	}
	make("thay-the", "dung", schemas.Draft{Recipients: []string{codeRecipient}, Relation: "replace", RelatedTo: "d"})
	make("dinh-chinh", "lan/dung", schemas.Draft{Recipients: []string{codeRecipient, codeOther}, Relation: "correction", RelatedTo: "d"})
	p, _ := d.sent("thay-the")
	if p.Document.Code.String() != "02/SKHĐT" || p.Document.Business.Type != schemas.BusinessReplace || !slices.Equal(files(t, p), []string{"cong-van.txt: toàn văn"}) {
		t.Errorf("got %s, %+v, %q", p.Document.Code, p.Document.Business, files(t, p))
	}
	p, doc := d.sent("dinh-chinh")
	if p.Document.Code.String() != "03/SKHĐT" || p.Document.Signer.FullName != "Người lan" || doc.Assurance != document.AssuranceCustody {
		t.Errorf("got %s, %+v, %s", p.Document.Code, p.Document.Signer, doc.Assurance)
	}
	earlier, err := d.node.Others().Document(d.ctx, document.StreamPrefix+first)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []document.EffectKind
	for _, e := range earlier.Effects {
		kinds = append(kinds, e.Kind)
	}
	slices.Sort(kinds)
	if want := []document.EffectKind{document.EffectReplace, document.EffectUpdate}; !slices.Equal(kinds, want) {
		t.Errorf("the earlier document has %v, expected %v", kinds, want)
	}
	if _, ok := earlier.Recipient(codeOther); !ok {
		t.Error("who got the correction is no recipient of what it corrects")
	}

	d.must("em", "sao", schemas.MakeCopy{Form: schemas.CopyTrue, Of: "thay-the", Recipients: []string{codeSecond}, Signer: "cuc", Competence: "TL. GIÁM ĐỐC"})
	d.must("cuc", "sao", schemas.Approve{})
	d.must("em", "sao", schemas.Issue{})
	p, _ = d.sent("sao")
	if p.Document.Code.String() != "01/SY-SKHĐT" || !slices.Equal(files(t, p), []string{"cong-van.txt: toàn văn", "hinh-thuc-sao.txt: SAO Y"}) {
		t.Errorf("got %s, %q", p.Document.Code, files(t, p))
	}
}

// A number that was given up stays void, and the next document has the next.
func TestVoidNumbers(t *testing.T) {
	w := officeIn(t, "numbered")
	o, err := office.New(office.Options{Log: w.store, Node: w.node, Custody: w.custody})
	if err != nil {
		t.Fatal(err)
	}
	w.act("huy", "em", schemas.Cancel{Reason: "Sai thể thức"})
	if err := o.Carry(w.ctx, outgoing.Stream(codeSender, "d")); err != nil {
		t.Fatal(err)
	}
	d := &drafting{world: w, office: o}
	d.must("an", "e", schemas.SaveDraft{Draft: schemas.Draft{Type: "Công văn", Subject: "V/v khác", ToPlaces: []string{"Lưu: VT"}, Signer: "dung"}})
	d.must("an", "e", schemas.Submit{})
	d.must("cuc", "e", schemas.Approve{})
	d.must("dung", "e", schemas.Approve{})
	d.must("em", "e", schemas.Issue{})
	if s := d.state("e"); s.Number != 2 || s.Phase != outgoing.PhaseIssued {
		t.Errorf("got number %d in phase %q", s.Number, s.Phase)
	}
	number, err := w.node.Others().Number(w.ctx, numbering.Stream(codeSender, numbering.Series("chung"), 2026, 1))
	if err != nil || !number.Voided || number.Holder != outgoing.Stream(codeSender, "d") {
		t.Errorf("got %+v, %v", number, err)
	}
}

// What the door refuses keeps its number; closed recipients are found before that, when the clerk issues it again.
func TestRecipientClosesBeforeItIsSent(t *testing.T) {
	w := officeIn(t, "sealed")
	w.clock.Add(24 * time.Hour)
	w.mustChange(schemas.CloseOrganisation{Code: codeSecond, From: schemas.DateOf(w.clock.Now())})
	d := &drafting{world: w}
	var err error
	if d.office, err = office.New(office.Options{Log: w.store, Node: w.node, Custody: w.custody}); err != nil {
		t.Fatal(err)
	}
	if err := d.office.Carry(d.ctx, outgoing.Stream(codeSender, "d")); err != nil {
		t.Fatal(err)
	}
	if s := d.state("d"); s.Phase != outgoing.PhaseNumbered || s.Refused != gateway.CodeRecipientClosed {
		t.Fatalf("got phase %q, refused with %d", s.Phase, s.Refused)
	}
	p := d.do("em", "d", schemas.Issue{}).problem(t)
	if p.Code != gateway.CodeRecipientClosed || !slices.Contains(p.Details, codeSecond) {
		t.Errorf("got %+v", p)
	}
	d.must("em", "d", schemas.Cancel{Reason: "Nơi nhận đã giải thể"})
	if s := d.state("d"); s.Phase != outgoing.PhaseCancelled || s.Number != 1 {
		t.Errorf("got %+v", s)
	}
}
