package gateway

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/schemas"
)

// source is a document that another one answers or copies, in the words that the record has of it.
type source struct {
	organ, from  string // code and name of whose it is
	number, date string // số/ký hiệu, yyyy-MM-dd
	documentID   string
	kind         string
	subject      string
	pkg          *events.PackageRef // with its files
}

// answers says which documents it replies to. Those whose words are gone, or which came on paper from somebody without a code, cannot be
// named in edXML and are left out: the draft still names them in the record.
func (b *issueBuilder) answers(ids []string) error {
	for _, id := range ids {
		s, err := b.received(id)
		if err != nil {
			return err
		}
		if s == nil || s.organ == "" || s.number == "" {
			continue
		}
		b.out.Document.ResponseFor = append(b.out.Document.ResponseFor, schemas.ResponseFor{
			OrganID: s.organ, Code: s.number, DocumentID: s.documentID, PromulgationDate: dateIn(s.date),
		})
	}
	return nil
}

// received reads a document of the exchange by its key, or what came on paper by its id; nil if there is none, or its words are gone.
func (b *issueBuilder) received(id string) (*source, error) {
	var out *source
	read := func(e events.Event) error {
		if out != nil || e.Destroyed {
			return nil
		}
		var err error
		switch e.Statement.Name {
		case document.NameReceived:
			out, err = ofExchange(e)
		case incoming.NamePaperEntered:
			out, err = ofPaper(e)
		}
		return err
	}
	streams := []string{document.StreamPrefix + id}
	if org, _, err := outgoing.ParseStream(b.stream); err == nil {
		for _, of := range b.agencies(org) {
			streams = append(streams, incoming.Stream(of, id))
		}
	}
	for _, stream := range streams {
		if err := b.record.Stream(b.ctx, stream, 0, read); err != nil {
			return nil, fmt.Errorf("couldn't read %s: %w", stream, err)
		}
		if out != nil {
			return out, nil
		}
	}
	return nil, nil
}

func ofExchange(e events.Event) (*source, error) {
	var d document.Received
	var f document.Facts
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return nil, fmt.Errorf("couldn't read event %d: %w", e.Position, err)
	}
	if err := wordsOf(e, &f); err != nil {
		return nil, err
	}
	return &source{
		organ: d.SenderCode, from: f.SenderName, number: f.CodeNumber + "/" + f.CodeNotation, date: f.PromulgationDate,
		documentID: f.DocumentID, kind: f.TypeName, subject: f.Subject, pkg: e.Statement.Package,
	}, nil
}

func ofPaper(e events.Event) (*source, error) {
	var d incoming.PaperEntered
	var f incoming.PaperFacts
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return nil, fmt.Errorf("couldn't read event %d: %w", e.Position, err)
	}
	if err := wordsOf(e, &f); err != nil {
		return nil, err
	}
	out := &source{organ: f.FromCode, from: f.FromName, date: d.Date, kind: f.TypeName, subject: f.Subject, pkg: e.Statement.Package}
	if f.Number != "" && f.Notation != "" {
		out.number = f.Number + "/" + f.Notation
		out.documentID = conventionalID(f.FromCode, d.Date, out.number)
	}
	return out, nil
}

// copyForms are the headings of copies.
var copyForms = map[string]string{outgoing.FormTrue: "Sao y", outgoing.FormOfCopy: "Sao lục", outgoing.FormExtract: "Trích sao"}

// copyOf makes a copy of the document: the files of the original and, beside them, the form of the copy (NĐ 30/2020 Điều 25–27, Phụ
// lục I): heading, number, place and day, who signs, for whom. Files of the act are scans of the original, and come first. An extract
// has nothing of the original but what was taken: it stands in the form, or in the files of the act.
func (b *issueBuilder) copyOf(own made) error {
	of := own.state.Opened.Copy
	original, err := b.original(own.state.Org, of)
	if err != nil {
		return err
	}
	doc := &b.out.Document
	if doc.Type.Name == "" {
		doc.Type.Name = original.kind
	}
	heading := copyForms[of.Form]
	about := strings.TrimSpace(capital(original.kind) + " số " + original.number + " ngày " + vietnameseDate(original.date) + " của " + original.from)
	doc.Subject = clipRunes(heading+": "+about+" – "+original.subject, maxSubject)
	doc.Content = original.subject
	if err := b.files(own.pkg); err != nil {
		return err
	}
	if of.Form != outgoing.FormExtract {
		if err := b.files(original.pkg); err != nil {
			return err
		}
	}
	form := copyForm{heading: heading, about: about, subject: original.subject, extract: own.words.Extract, doc: doc}
	file := schemas.FileBytes("hinh-thuc-sao.txt", "text/plain; charset=utf-8", []byte(form.String()))
	file.Description = heading
	b.out.Files = append(b.out.Files, file)
	return nil
}

// original reads what is copied.
func (b *issueBuilder) original(org string, of *outgoing.CopyOf) (*source, error) {
	if of.Outgoing != "" {
		m, err := b.ownDocument(org, of.Outgoing)
		if err != nil {
			return nil, err
		}
		if m.state.Opened.Copy != nil { // a copy of a copy of one's own
			s, err := b.original(org, m.state.Opened.Copy)
			return s, err
		}
		return &source{
			organ: m.state.Org, from: b.name(m.state.Org), number: m.code(), date: m.state.Issue.Date, kind: m.version.Type,
			subject: m.words.Subject, pkg: m.pkg,
		}, nil
	}
	id := of.Incoming
	if id == "" {
		id = of.Document
	}
	s, err := b.received(id)
	if err == nil && s == nil {
		err = Refuse(CodeDestroyed).With(id)
	}
	return s, err
}

// copyForm is the form of a copy, as a text for people.
type copyForm struct {
	heading, about, subject, extract string
	doc                              *schemas.Document
}

func (f copyForm) String() string {
	var b strings.Builder
	line := func(parts ...string) {
		b.WriteString(strings.Join(parts, ""))
		b.WriteString("\r\n")
	}
	d := f.doc
	date := d.Promulgation.Date
	line(strings.ToUpper(f.heading))
	line()
	line(d.From.Name)
	line("Số: ", d.Code.String())
	day := fmt.Sprintf("ngày %02d tháng %02d năm %d", date.Day, date.Month, date.Year)
	if d.Promulgation.Place != "" {
		day = d.Promulgation.Place + ", " + day
	}
	line(day)
	line()
	line(f.heading, " từ: ", f.about)
	if f.subject != "" {
		line("Trích yếu: ", f.subject)
	}
	if f.extract != "" {
		line()
		line("Phần được trích:")
		line(f.extract)
	}
	line()
	line("Nơi nhận:")
	for _, to := range d.To {
		line("- ", to.Name)
	}
	for _, to := range d.ToPlaces {
		line("- ", to)
	}
	line()
	for _, s := range []string{d.Signer.Competence, d.Signer.Position, d.Signer.FullName} {
		if s != "" {
			line(s)
		}
	}
	return b.String()
}

// maxSubject is how many characters a subject has in edXML.
const maxSubject = 500

func clipRunes(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
