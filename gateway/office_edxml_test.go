package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/schemas"
)

// issueRecord is a record in memory, with a directory of one agency that makes documents and two that get them.
type issueRecord struct {
	t         *testing.T
	at        time.Time
	streams   map[string][]events.Event
	packages  map[events.Digest][]byte
	directory directory.State
	position  uint64
}

type bytesPackage struct{ *bytes.Reader }

func (bytesPackage) Close() error { return nil }

func (r *issueRecord) Stream(_ context.Context, stream string, from uint64, f func(events.Event) error) error {
	for _, e := range r.streams[stream][from:] {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

func (r *issueRecord) OpenPackage(_ context.Context, sum events.Digest) (events.PackageReader, error) {
	b, ok := r.packages[sum]
	if !ok {
		return nil, events.ErrDestroyed
	}
	return bytesPackage{bytes.NewReader(b)}, nil
}

// record appends, as a store would; pkg may be nil.
func (r *issueRecord) record(stream string, pkg []byte, news []events.New, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, n := range news {
		e := events.Event{Position: r.position, Statement: events.Statement{Origin: "o", Stream: stream, Version: uint64(len(r.streams[stream])), Name: n.Name, Actor: "H02", Time: r.at}}
		r.position++
		if e.Statement.Data, err = events.MarshalObject(n.Data); err != nil {
			r.t.Fatal(err)
		}
		if n.Facts != nil {
			if e.Facts, err = events.MarshalObject(n.Facts); err != nil {
				r.t.Fatal(err)
			}
		}
		if pkg != nil {
			sum := events.Sum(pkg)
			r.packages[sum] = pkg
			e.Statement.Package = &events.PackageRef{SHA256: sum, Length: int64(len(pkg))}
		}
		if stream == directory.Stream {
			if r.directory, err = directory.Fold(r.directory, e); err != nil {
				r.t.Fatal(err)
			}
		}
		r.streams[stream] = append(r.streams[stream], e)
	}
}

func newIssueRecord(t *testing.T) *issueRecord {
	r := &issueRecord{t: t, at: time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC), streams: map[string][]events.Event{}, packages: map[events.Digest][]byte{}}
	news := []events.New{{Name: directory.NameChangeAccepted, Data: directory.ChangeAccepted{}}}
	for code, name := range map[string]string{"H02": "UBND tỉnh Bắc Giang", "H02.11": "Sở Nội vụ", "H02.12": "Sở Tài chính"} {
		news = append(news, events.New{Name: directory.NameOrganisationAdded, Data: directory.OrganisationAdded{Org: code, Level: 1}, Facts: directory.OrganisationFacts{Name: name}})
	}
	for _, p := range []struct {
		id, name, position string
		role               directory.Role
	}{
		{"an", "Nguyễn Văn An", "Chuyên viên", directory.RoleSpecialist}, {"dung", "Trần Thị Dung", "Chủ tịch", directory.RoleLeader},
		{"em", "Lê Em", "Văn thư", directory.RoleClerk}, {"lan", "Phạm Lan", "Phó Chủ tịch", directory.RoleSpecialist},
	} {
		news = append(news, events.New{Name: directory.NamePersonSet, Data: directory.PersonSet{Org: "H02", Person: p.id, Duties: []directory.Duty{{Role: p.role}}},
			Facts: directory.PersonFacts{Name: p.name, Position: p.position}})
	}
	news = append(news,
		events.New{Name: directory.NameDelegated, Data: directory.Delegated{Org: "H02", Delegation: "d", From: "dung", To: "lan", Start: r.at.AddDate(0, 0, -1), End: r.at.AddDate(0, 0, 30)}},
		events.New{Name: directory.NameSeriesSet, Data: directory.SeriesSet{Org: "H02", Series: directory.Series{ID: "chung", Notation: "{type}-UBND"}}},
		events.New{Name: directory.NameSeriesSet, Data: directory.SeriesSet{Org: "H02", Series: directory.Series{ID: "sao", Copies: true, Notation: "{type}-UBND"}}},
		events.New{Name: directory.NameChainSet, Data: directory.ChainSet{Org: "H02", Chain: directory.Chain{ID: "mot", Steps: []directory.Step{{Role: directory.RoleLeader}}}}},
	)
	r.record(directory.Stream, nil, news, nil)
	return r
}

func (r *issueRecord) by(who, inPlaceOf string) outgoing.By {
	r.t.Helper()
	office, _ := r.directory.Office("H02")
	st, ok := office.Standing(who, inPlaceOf, r.at)
	if !ok {
		r.t.Fatalf("no %s for %q", who, inPlaceOf)
	}
	return outgoing.By{At: r.at, Standing: st, Office: office}
}

// pack is the package of an act with files.
func (r *issueRecord) pack(act schemas.Act, files ...schemas.File) []byte {
	r.t.Helper()
	b, _, err := schemas.MarshalDossierAction(schemas.Header{ID: "a-1", From: "H02", IssuedAt: r.at, Person: schemas.Person{Account: "an", Name: "Nguyễn Văn An"}},
		schemas.DossierAction{Target: schemas.ActTarget{Kind: schemas.TargetOutgoing, ID: "d"}, Act: act}, files)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *issueRecord) state(stream string) outgoing.State {
	r.t.Helper()
	s, err := foldAll(r.streams[stream], outgoing.Fold)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// save begins a draft and adds a version, each with a file; sign and number go on with it.
func (r *issueRecord) save(id string, d outgoing.Draft) {
	r.t.Helper()
	stream := outgoing.Stream("H02", id)
	pkg := r.pack(schemas.SaveDraft{Draft: schemas.Draft{Type: d.Type, Subject: d.Subject, Signer: "dung"}},
		schemas.FileBytes(id+"-"+string(rune('1'+r.state(stream).Latest.Version))+".txt", "text/plain", []byte("toàn văn "+d.Subject)))
	news, err := outgoing.DecideSave(r.state(stream), outgoing.Save{By: r.by("an", ""), Org: "H02", ID: id, Draft: d})
	r.record(stream, pkg, news, err)
}

func (r *issueRecord) sign(id, who, inPlaceOf string) {
	r.t.Helper()
	stream := outgoing.Stream("H02", id)
	news, err := outgoing.DecideSubmit(r.state(stream), outgoing.Submit{By: r.by("an", "")})
	r.record(stream, nil, news, err)
	news, err = outgoing.DecideApprove(r.state(stream), outgoing.Approve{By: r.by(who, inPlaceOf)})
	r.record(stream, nil, news, err)
}

func (r *issueRecord) number(id, abbreviation string, n int) {
	r.t.Helper()
	stream := outgoing.Stream("H02", id)
	news, err := outgoing.DecideIssue(r.state(stream), outgoing.Issue{By: r.by("em", ""), Abbreviation: abbreviation})
	r.record(stream, nil, news, err)
	news, err = outgoing.DecideChosen(r.state(stream), n)
	r.record(stream, nil, news, err)
	news, err = outgoing.DecideNumbered(r.state(stream), numbering.State{Holder: stream})
	r.record(stream, nil, news, err)
}

// send records that it went out.
func (r *issueRecord) send(id string) {
	r.t.Helper()
	stream := outgoing.Stream("H02", id)
	news, err := outgoing.DecideSealed(r.state(stream), document.Key("H02", issuedID(r.state(stream))))
	r.record(stream, nil, news, err)
	sum := events.Sum([]byte(id))
	news, err = outgoing.DecideSent(r.state(stream), &sum)
	r.record(stream, nil, news, err)
}

// build makes the document, and reads what was written as a receiver would.
func (r *issueRecord) build(id string) (*schemas.Package, []string) {
	r.t.Helper()
	made, err := BuildEdXML(context.Background(), r, r.directory, outgoing.Stream("H02", id))
	if err != nil {
		r.t.Fatal(err)
	}
	defer made.Close()
	var out [2]bytes.Buffer
	for i := range out {
		if _, err := made.Write(&out[i]); err != nil {
			r.t.Fatal(err)
		}
	}
	if !bytes.Equal(out[0].Bytes(), out[1].Bytes()) {
		r.t.Error("the same document is written differently")
	}
	p, err := schemas.Parse(context.Background(), schemas.ReceivedBytes(out[0].Bytes()), schemas.Options{Now: r.at})
	if err != nil {
		r.t.Fatalf("couldn't read what was written: %v", err)
	}
	if len(p.Warnings) > 0 {
		r.t.Errorf("warnings: %+v", p.Warnings)
	}
	var files []string
	for i := range p.Attachments {
		f, err := p.Attachments[i].Open()
		if err != nil {
			r.t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil {
			r.t.Fatal(err)
		}
		files = append(files, p.Attachments[i].Name+": "+string(b))
	}
	return p, files
}

func letter() outgoing.Draft {
	return outgoing.Draft{
		Type: "công văn", Known: true, Subject: "V/v báo cáo", Content: "Tóm tắt", Signer: "dung", Competence: "TM. ỦY BAN NHÂN DÂN",
		Recipients: outgoing.Recipients{List: []outgoing.Recipient{{Code: "H02.11", Org: "H02.11"}}}, ToPlaces: []string{"Lưu: VT"},
		Priority: 1, Due: "2026-12-10", Place: "Bắc Giang", Pages: 2, Copies: 3,
	}
}

func TestBuildEdXML(t *testing.T) {
	r := newIssueRecord(t)
	asked := document.Key("H02.11", "H02.11,2026/11/20,7/SNV")
	r.record(document.StreamPrefix+asked, []byte("x"), []events.New{{Name: document.NameReceived,
		Data:  document.Received{Document: asked, Sender: "H02.11", SenderCode: "H02.11"},
		Facts: document.Facts{DocumentID: "H02.11,2026/11/20,7/SNV", CodeNumber: "7", CodeNotation: "SNV", PromulgationDate: "2026-11-20"}}}, nil)
	r.record(incoming.Stream("H02", "giay"), []byte("x"), []events.New{{Name: incoming.NamePaperEntered,
		Data: incoming.PaperEntered{Date: "2026-11-21"}, Facts: incoming.PaperFacts{FromName: "Ông A"}}}, nil)
	d := letter()
	d.ReplyTo = []string{asked, "giay", "khong-co"}
	d.Fields = []outgoing.Field{{Name: "venue", Value: "Hội trường"}}
	r.save("d", d)
	r.save("d", d)
	r.sign("d", "lan", "dung")
	if _, err := BuildEdXML(context.Background(), r, r.directory, outgoing.Stream("H02", "d")); err == nil {
		t.Error("made without a number")
	}
	r.number("d", "", 5)
	p, files := r.build("d")
	got := p.Document
	if want := (schemas.Organisation{ID: "H02", Name: "UBND tỉnh Bắc Giang"}); got.From != want {
		t.Errorf("got %+v", got.From)
	}
	if want := []schemas.Organisation{{ID: "H02.11", Name: "Sở Nội vụ"}}; !reflect.DeepEqual(got.To, want) {
		t.Errorf("got %+v", got.To)
	}
	// Who stood in signs with the own name, under the competence of the draft.
	if want := (schemas.Signer{Competence: "TM. ỦY BAN NHÂN DÂN", Position: "Phó Chủ tịch", FullName: "Phạm Lan"}); got.Signer != want {
		t.Errorf("got %+v", got.Signer)
	}
	if got.DocumentID != "H02,2026/11/30,05/UBND" || got.Code.String() != "05/UBND" || got.Promulgation.Place != "Bắc Giang" ||
		got.Promulgation.Date.String() != "2026/11/30" || got.DueDate.String() != "2026/12/10" || got.Type.Name != "Công văn" ||
		got.Subject != "V/v báo cáo" || got.Content != "Tóm tắt\nvenue: Hội trường" || got.Other.Priority != schemas.PriorityUrgent ||
		got.Other.PageAmount != "2" || got.Other.PromulgationAmount != "3" || got.Business.Type != schemas.BusinessNew {
		t.Errorf("got %+v", got)
	}
	if want := []schemas.ResponseFor{{OrganID: "H02.11", Code: "7/SNV", DocumentID: "H02.11,2026/11/20,7/SNV", PromulgationDate: schemas.Date{Year: 2026, Month: 11, Day: 20}, DateRaw: "2026/11/20"}}; !reflect.DeepEqual(got.ResponseFor, want) {
		t.Errorf("got %+v", got.ResponseFor)
	}
	if want := []string{"d-2.txt: toàn văn V/v báo cáo"}; !reflect.DeepEqual(files, want) {
		t.Errorf("got %q", files)
	}
}

// What the signer brings goes out instead of the version's files, and what the clerk brings instead of that.
func TestBuildWithSignedFiles(t *testing.T) {
	r := newIssueRecord(t)
	r.save("d", letter())
	stream := outgoing.Stream("H02", "d")
	news, err := outgoing.DecideSubmit(r.state(stream), outgoing.Submit{By: r.by("an", "")})
	r.record(stream, nil, news, err)
	signed := schemas.FileBytes("ky.pdf", "application/pdf", []byte("đã ký"))
	news, err = outgoing.DecideApprove(r.state(stream), outgoing.Approve{By: r.by("dung", ""), Files: []outgoing.FileFacts{{Name: "ky.pdf"}}})
	r.record(stream, r.pack(schemas.Approve{}, signed), news, err)
	r.number("d", "", 1)
	if _, files := r.build("d"); !reflect.DeepEqual(files, []string{"ky.pdf: đã ký"}) {
		t.Errorf("got %q", files)
	}
	news, err = outgoing.DecideSealed(r.state(stream), "key")
	r.record(stream, nil, news, err)
	news, err = outgoing.DecideSendRefused(r.state(stream), CodeRecipientClosed)
	r.record(stream, nil, news, err)
	sealed := schemas.FileBytes("dau.pdf", "application/pdf", []byte("đã đóng dấu"))
	news, err = outgoing.DecideIssue(r.state(stream), outgoing.Issue{By: r.by("em", ""), Files: []outgoing.FileFacts{{Name: "dau.pdf"}}})
	r.record(stream, r.pack(schemas.Issue{}, sealed), news, err)
	if _, files := r.build("d"); !reflect.DeepEqual(files, []string{"dau.pdf: đã đóng dấu"}) {
		t.Errorf("got %q", files)
	}
}

// Update, correction and replacement name the earlier document as the receiving side understands it.
func TestBuildRelated(t *testing.T) {
	r := newIssueRecord(t)
	r.save("e", letter())
	r.sign("e", "dung", "")
	r.number("e", "", 1)
	before := r.state(outgoing.Stream("H02", "e"))
	relate := func(id, relation string, n int) *schemas.Document {
		d := letter()
		d.Relation, d.RelatedTo, d.Related = relation, "e", outgoing.Related{Phase: outgoing.PhaseIssued, Type: "công văn", Document: r.state(outgoing.Stream("H02", "e")).Sent.Document}
		d.Recipients.List = append(d.Recipients.List, outgoing.Recipient{Code: "H02.12", Org: "H02.12"})
		r.save(id, d)
		r.sign(id, "dung", "")
		r.number(id, "", n)
		p, _ := r.build(id)
		return p.Document
	}
	if got := relate("f", outgoing.RelationUpdate, 2); got.Business.Type != schemas.BusinessNew {
		t.Errorf("what nobody has is updated: %+v", got.Business)
	}
	r.send("e")
	for i, c := range []struct {
		relation, reason string
		kind             schemas.BusinessType
	}{
		{outgoing.RelationUpdate, "Cập nhật văn bản số 01/UBND ngày 30/11/2026", schemas.BusinessUpdate},
		{outgoing.RelationCorrection, "Đính chính văn bản số 01/UBND ngày 30/11/2026", schemas.BusinessUpdate},
		{outgoing.RelationReplace, "Thay thế văn bản số 01/UBND ngày 30/11/2026", schemas.BusinessReplace},
	} {
		d := relate("g"+c.relation, c.relation, 3+i)
		affected := d.Affects()
		if d.Business.Type != c.kind || d.Business.Reason != c.reason || len(affected) != 1 || document.Key("H02", affected[0].DocumentID) != r.state(outgoing.Stream("H02", "e")).Document {
			t.Errorf("%s: got %+v of %+v", c.relation, d.Business, affected)
		}
		added := []schemas.BusinessUpdateInfo{{Content: true, Recipients: true, Receivers: []schemas.Receiver{{OrganID: "H02.12", Added: true}}}}
		if c.kind == schemas.BusinessUpdate && !reflect.DeepEqual(d.Business.Updates, added) {
			t.Errorf("%s: got %+v", c.relation, d.Business.Updates)
		}
		if c.kind == schemas.BusinessReplace && !reflect.DeepEqual(affected[0].OrganIDs, []string{"H02.11"}) {
			t.Errorf("%s: got %+v", c.relation, affected)
		}
	}
	if before.Document != "" {
		t.Error("sent too early")
	}
}

func TestBuildCopy(t *testing.T) {
	r := newIssueRecord(t)
	r.save("e", letter())
	r.sign("e", "dung", "")
	r.number("e", "", 1)
	r.send("e")
	// A document of another agency, as it came.
	doc := schemas.Document{
		From: schemas.Organisation{ID: "H02.11", Name: "Sở Nội vụ"}, To: []schemas.Organisation{{ID: "H02", Name: "UBND"}},
		Code: schemas.DocumentCode{Number: "7", Notation: "SY-SNV"}, Promulgation: schemas.Promulgation{Date: schemas.Date{Year: 2026, Month: 11, Day: 20}},
		Type: schemas.DocumentType{Name: "Quyết định"}, Subject: strings.Repeat("ộ", 490), Business: schemas.Business{Present: true},
	}
	b, _, err := schemas.MarshalDocument(&doc, []schemas.File{schemas.FileBytes("goc.txt", "text/plain", []byte("bản gốc"))}, schemas.WriteOptions{Time: r.at})
	if err != nil {
		t.Fatal(err)
	}
	key := document.Key("H02.11", "H02.11,2026/11/20,7/SY-SNV")
	r.record(document.StreamPrefix+key, b, []events.New{{Name: document.NameReceived,
		Data: document.Received{Document: key, Sender: "H02.11", SenderCode: "H02.11"},
		Facts: document.Facts{SenderName: "Sở Nội vụ", TypeName: "Quyết định", CodeNumber: "7", CodeNotation: "SY-SNV", PromulgationDate: "2026-11-20",
			Subject: doc.Subject}}}, nil)
	made := func(id, form, extract string, of outgoing.Original, n int, files ...schemas.File) (*schemas.Document, []string) {
		stream := outgoing.Stream("H02", id)
		pkg := r.pack(schemas.MakeCopy{Form: form, Of: "e", Signer: "dung", Extract: extract}, files...)
		news, err := outgoing.DecideCopy(outgoing.State{}, outgoing.Copy{By: r.by("em", ""), Org: "H02", ID: id, Form: form, Of: of, Extract: extract, Signer: "dung",
			Competence: "TL. CHỦ TỊCH", Recipients: outgoing.Recipients{List: []outgoing.Recipient{{Code: "H02.12", Org: "H02.12"}}}, ToPlaces: []string{"Lưu: VT"}})
		r.record(stream, pkg, news, err)
		news, err = outgoing.DecideApprove(r.state(stream), outgoing.Approve{By: r.by("dung", "")})
		r.record(stream, nil, news, err)
		r.number(id, "", n)
		p, names := r.build(id)
		return p.Document, names
	}
	own := outgoing.Original{Own: true, Outgoing: "e", Document: r.state(outgoing.Stream("H02", "e")).Document, Type: "công văn", Has: true}
	d, files := made("sy", outgoing.FormTrue, "", own, 1)
	if d.Code.String() != "01/SY-UBND" || d.Type.Name != "Công văn" || d.Subject != "Sao y: Công văn số 01/UBND ngày 30/11/2026 của UBND tỉnh Bắc Giang – V/v báo cáo" {
		t.Errorf("got %s, %s, %q", d.Code, d.Type.Name, d.Subject)
	}
	form := "SAO Y\r\n\r\nUBND tỉnh Bắc Giang\r\nSố: 01/SY-UBND\r\nngày 30 tháng 11 năm 2026\r\n\r\n" +
		"Sao y từ: Công văn số 01/UBND ngày 30/11/2026 của UBND tỉnh Bắc Giang\r\nTrích yếu: V/v báo cáo\r\n\r\n" +
		"Nơi nhận:\r\n- Sở Tài chính\r\n- Lưu: VT\r\n\r\nTL. CHỦ TỊCH\r\nChủ tịch\r\nTrần Thị Dung\r\n"
	if want := []string{"e-1.txt: toàn văn V/v báo cáo", "hinh-thuc-sao.txt: " + form}; !reflect.DeepEqual(files, want) {
		t.Errorf("got %q, expected %q", files, want)
	}
	received := outgoing.Original{Incoming: key, Document: key, Has: true}
	d, files = made("sl", outgoing.FormOfCopy, "", received, 2)
	if d.Code.String() != "02/SL-UBND" || d.Type.Name != "Quyết định" || len([]rune(d.Subject)) != 500 || len(files) != 2 || files[0] != "goc.txt: bản gốc" {
		t.Errorf("got %s, %s, %q, %q", d.Code, d.Type.Name, d.Subject, files)
	}
	// An extract has nothing of the original but what was taken.
	_, files = made("tr", outgoing.FormExtract, "Điều 2. Giao Sở Tài chính.", received, 3, schemas.FileBytes("trich.txt", "text/plain", []byte("Điều 2")))
	if len(files) != 2 || files[0] != "trich.txt: Điều 2" || !strings.Contains(files[1], "Phần được trích:\r\nĐiều 2. Giao Sở Tài chính.\r\n") || !strings.HasPrefix(files[1], "hinh-thuc-sao.txt: TRÍCH SAO\r\n") {
		t.Errorf("got %q", files)
	}
}

// What was destroyed is not sent, and the answer says so.
func TestBuildDestroyed(t *testing.T) {
	stream := outgoing.Stream("H02", "d")
	for name, destroy := range map[string]func(r *issueRecord){
		"words": func(r *issueRecord) {
			for i := range r.streams[stream] {
				if e := &r.streams[stream][i]; e.Facts != nil {
					e.Facts, e.Destroyed = nil, true
				}
			}
		},
		"files": func(r *issueRecord) { r.packages = nil },
	} {
		r := newIssueRecord(t)
		r.save("d", letter())
		r.sign("d", "dung", "")
		r.number("d", "", 1)
		destroy(r)
		if _, err := BuildEdXML(context.Background(), r, r.directory, stream); !errors.Is(err, Refuse(CodeDestroyed)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Each of the 29 kinds goes from draft to edXML: it is asked for what its form asks for, gets the notation that the decree gives it, and
// is understood as that kind on the other side.
func TestBuildEveryKind(t *testing.T) {
	r := newIssueRecord(t)
	for i, kind := range schemas.Kinds() {
		notation := strings.TrimPrefix(kind.Abbreviation+"-UBND", "-")
		id := "k" + outgoing.FormatNumber(i+1)
		d := letter()
		d.Type, d.Missing = kind.Name, kind.Missing(nil)
		if len(d.Missing) > 0 {
			r.save(id, d)
			_, err := outgoing.DecideSubmit(r.state(outgoing.Stream("H02", id)), outgoing.Submit{By: r.by("an", "")})
			if want := "Field/" + d.Missing[0]; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s without %s: got %v", kind.Name, want, err)
			}
		}
		var lines []string
		var given []schemas.DraftField
		for _, f := range kind.Fields {
			d.Fields = append(d.Fields, outgoing.Field{Name: f.Name, Value: "x"})
			given = append(given, schemas.DraftField{Name: f.Name, Value: "x"})
			lines = append(lines, "\n"+f.Vi+": x")
		}
		d.Missing = kind.Missing(given)
		r.save(id, d)
		r.sign(id, "dung", "")
		r.number(id, kind.Abbreviation, i+1)
		p, _ := r.build(id)
		got := p.Document
		if got.Code.Notation != notation || got.Code.Number != outgoing.FormatNumber(i+1) {
			t.Errorf("%s: got %s, expected %s", kind.Name, got.Code, notation)
		}
		if e := got.Type.Entry; e == nil || e.Name != kind.Name || e.ND30 != i+1 {
			t.Errorf("%s is read as %+v", kind.Name, got.Type)
		}
		if got.Content != "Tóm tắt"+strings.Join(lines, "") {
			t.Errorf("%s: content %q", kind.Name, got.Content)
		}
	}
}
