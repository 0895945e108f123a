package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/schemas"
)

// IssueRecord is what a document is made from as it goes out. An events.Store has it.
type IssueRecord interface {
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error)
}

// Issuing is a numbered document as it goes out: edXML, not signed yet. The files stand in the packages of the acts that brought them,
// and are read from there when it is written. It is to be closed.
type Issuing struct {
	Document schemas.Document
	Files    []schemas.File
	// Time dates it: that of the clerk's act, so that the same document made again is the same.
	Time time.Time

	open []io.Closer
}

// Write writes the edXML. Where its signature goes is in the layout.
func (i *Issuing) Write(w io.Writer) (schemas.Layout, error) {
	return schemas.WriteDocument(w, &i.Document, i.Files, schemas.WriteOptions{Time: i.Time})
}

// Close closes the packages.
func (i *Issuing) Close() error {
	var err error
	for _, c := range i.open {
		err = errors.Join(err, c.Close())
	}
	return err
}

// BuildEdXML makes what goes out of the numbered document on a stream: the version that was signed, with the names that the directory has.
// CodeDestroyed when words or files that it needs were destroyed.
//
// The signer is who signed: for who stood in, the own name and position under the competence that the draft has ("KT.", "TL."). Who
// clicked what, and in whose place, is in the record of the stream.
func BuildEdXML(ctx context.Context, record IssueRecord, d directory.State, stream string) (*Issuing, error) {
	b := &issueBuilder{ctx: ctx, record: record, directory: d, stream: stream, out: &Issuing{}}
	if err := b.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't make the document of %s: %w", stream, err), b.out.Close())
	}
	return b.out, nil
}

type issueBuilder struct {
	ctx       context.Context
	record    IssueRecord
	directory directory.State
	stream    string
	out       *Issuing
	at        time.Time
}

func (b *issueBuilder) build() error {
	own, err := b.outgoing(b.stream)
	if err != nil {
		return err
	}
	s, words := own.state, own.words
	if s.Number == 0 || s.Phase == outgoing.PhaseCancelled {
		return fmt.Errorf("it has no number: it is in phase %q", s.Phase)
	}
	b.at, b.out.Time = s.Issue.Judged, s.Issue.Judged
	doc := &b.out.Document
	*doc = schemas.Document{
		From: b.sender(s.Org), DocumentID: issuedID(s),
		Code:         schemas.DocumentCode{Number: outgoing.FormatNumber(s.Number), Notation: s.Issue.Notation},
		Promulgation: schemas.Promulgation{Place: words.Place, Date: dateIn(s.Issue.Date)},
		Type:         schemas.DocumentType{Name: capital(own.version.Type)},
		Subject:      words.Subject, Content: contentOf(own.version.Type, words.Content, words.Fields), Signer: b.signer(own), DueDate: dateIn(own.version.Due),
		ToPlaces: words.ToPlaces,
		Other: schemas.OtherInfo{
			Priority: schemas.Priority(own.version.Priority), PromulgationAmount: count(own.version.Copies), PageAmount: count(own.version.Pages),
		},
		Business: schemas.Business{Present: true},
	}
	for _, r := range own.version.Recipients {
		doc.To = append(doc.To, schemas.Organisation{ID: r.Code, Name: b.name(r.Org)})
	}
	if err := b.answers(own.version.ReplyTo); err != nil {
		return err
	}
	if s.Opened.Copy != nil {
		return b.copyOf(own)
	}
	if err := b.relate(own); err != nil {
		return err
	}
	return b.files(own.pkg)
}

// made is an outgoing document with the words of the version that was signed.
type made struct {
	state   outgoing.State
	version outgoing.Revised
	words   outgoing.RevisedFacts
	pkg     *events.PackageRef // with the files
	agency  string             // whose person signed: who succeeds an agency signs what that has begun
}

// outgoing reads a document that an agency makes, or made.
func (b *issueBuilder) outgoing(stream string) (m made, err error) {
	versions := map[int]events.Event{}
	var brought *events.PackageRef // what was signed or sealed outside, if it was brought
	err = b.record.Stream(b.ctx, stream, 0, func(e events.Event) error {
		if m.state, err = outgoing.Fold(m.state, e); err != nil {
			return err
		}
		if e.Statement.Name == outgoing.NameSigned {
			m.agency = e.Statement.Actor
		}
		switch name := e.Statement.Name; {
		case name == outgoing.NameRevised:
			versions[m.state.Latest.Version] = e
		case name == outgoing.NameSigned && m.state.Signed.Files > 0, name == outgoing.NameIssueAsked && m.state.Issue.Files > 0:
			brought = e.Statement.Package
		}
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("couldn't read %s: %w", stream, err)
	}
	e, ok := versions[m.state.Signed.Version]
	if !ok {
		return m, fmt.Errorf("%s: %w", stream, errNothingSigned)
	}
	if m.pkg = e.Statement.Package; brought != nil {
		m.pkg = brought
	}
	if err := json.Unmarshal(e.Statement.Data, &m.version); err != nil {
		return m, fmt.Errorf("couldn't read event %d: %w", e.Position, err)
	}
	return m, wordsOf(e, &m.words)
}

var errNothingSigned = errors.New("nothing was signed")

// wordsOf reads the facts of an event.
func wordsOf(e events.Event, v any) error {
	if e.Destroyed {
		return Refuse(CodeDestroyed).With(fmt.Sprintf("position %d", e.Position))
	}
	if e.Facts == nil {
		return nil
	}
	if err := json.Unmarshal(e.Facts, v); err != nil {
		return fmt.Errorf("couldn't read the facts of event %d: %w", e.Position, err)
	}
	return nil
}

// sender is the agency, or the one that succeeds it, by the code that is valid as it is issued.
func (b *issueBuilder) sender(org string) schemas.Organisation {
	org = b.directory.Heir(org, b.at)
	return schemas.Organisation{ID: CodeOf(b.directory, org, b.at), Name: b.name(org)}
}

// agencies are one that began something, and all whose work goes on with its own: who succeeds it, and those that one succeeds.
func (b *issueBuilder) agencies(org string) []string {
	return append([]string{org}, b.directory.Identities(b.directory.Heir(org, b.at), b.at)...)
}

func (b *issueBuilder) name(org string) string {
	if o, ok := b.directory.Organisation(org); ok && o.Name != "" {
		return o.Name
	}
	return org
}

func (b *issueBuilder) signer(own made) schemas.Signer {
	out := schemas.Signer{Competence: own.words.Competence}
	if o, ok := b.directory.Office(own.agency); ok {
		if p, ok := o.Person(own.state.Signed.Person); ok {
			out.Position, out.FullName = p.Position, p.Name
		}
	}
	return out
}

// issuedID is the DocumentId by the usual convention. The identity of who numbered it stands in it, not a code that may change, so that the
// document keeps its key.
func issuedID(s outgoing.State) string {
	return conventionalID(s.Book().Org, s.Issue.Date, outgoing.FormatNumber(s.Number)+"/"+s.Issue.Notation)
}

func conventionalID(org, date, code string) string {
	return org + "," + strings.ReplaceAll(date, "-", "/") + "," + code
}

// relate says what the document does to the earlier one that it is about. A correction goes out as an update: edXML has no other word
// for it. Nobody is taken off the list of recipients by that; a recall says so in so many words.
func (b *issueBuilder) relate(own made) error {
	v := own.version
	if v.Relation == "" {
		return nil
	}
	before, err := b.ownDocument(own.state.Org, v.RelatedTo)
	if err != nil {
		return err
	}
	if before.state.Sent.Document == "" {
		return nil // nobody in the exchange has it
	}
	business := &b.out.Document.Business
	earlier := before.code() + " ngày " + vietnameseDate(before.state.Issue.Date)
	id := issuedID(before.state)
	if v.Relation == outgoing.RelationReplace {
		business.Type, business.Reason = schemas.BusinessReplace, "Thay thế văn bản số "+earlier
		r := schemas.Replacement{DocumentID: id}
		for _, to := range before.version.Recipients {
			r.OrganIDs = append(r.OrganIDs, to.Code)
		}
		business.Replacements = []schemas.Replacement{r}
		return nil
	}
	business.Type, business.DocumentID, business.Reason = schemas.BusinessUpdate, id, "Cập nhật văn bản số "+earlier
	if v.Relation == outgoing.RelationCorrection {
		business.Reason = "Đính chính văn bản số " + earlier
	}
	u := schemas.BusinessUpdateInfo{Content: true}
	for _, to := range v.Recipients {
		if !slices.ContainsFunc(before.version.Recipients, func(r outgoing.Recipient) bool { return r.Org == to.Org }) {
			u.Recipients = true
			u.Receivers = append(u.Receivers, schemas.Receiver{OrganID: to.Code, Added: true})
		}
	}
	business.Updates = []schemas.BusinessUpdateInfo{u}
	return nil
}

func (m made) code() string {
	return outgoing.FormatNumber(m.state.Number) + "/" + m.state.Issue.Notation
}

// ownDocument reads another outgoing document of the agency, begun by it or by one that it succeeds.
func (b *issueBuilder) ownDocument(org, id string) (m made, err error) {
	for _, of := range b.agencies(org) {
		if m, err = b.outgoing(outgoing.Stream(of, id)); !errors.Is(err, errNothingSigned) {
			return m, err
		}
	}
	return m, err
}

// files are those of an act, in the order in which it brought them.
func (b *issueBuilder) files(ref *events.PackageRef) error {
	if ref == nil {
		return nil
	}
	pkg, err := b.record.OpenPackage(b.ctx, ref.SHA256)
	if errors.Is(err, events.ErrDestroyed) {
		return Refuse(CodeDestroyed).With("package " + ref.SHA256.String())
	}
	if err != nil {
		return fmt.Errorf("couldn't open package %s: %w", ref.SHA256, err)
	}
	b.out.open = append(b.out.open, pkg)
	p, err := schemas.Parse(b.ctx, schemas.Received{Source: pkg, SHA256: ref.SHA256}, schemas.Options{})
	if err != nil {
		return fmt.Errorf("couldn't read package %s: %w", ref.SHA256, err)
	}
	for i := range p.Attachments {
		a := &p.Attachments[i]
		b.out.Files = append(b.out.Files, schemas.File{Name: a.Name, ContentType: a.ContentType, Description: a.Description, Open: a.Open})
	}
	return nil
}

// maxContent is how many characters edXML's Content may have.
const maxContent = 10000

// contentOf is the content with what the form of the kind asks for beside it, a line each: edXML has no places for these.
func contentOf(kind, content string, fields []outgoing.Field) string {
	labels := map[string]string{}
	if k, ok := schemas.KindOf(kind); ok {
		for _, f := range k.Fields {
			labels[f.Name] = f.Vi
		}
	}
	lines := []string{}
	if content != "" {
		lines = append(lines, content)
	}
	for _, f := range fields {
		label := labels[f.Name]
		if label == "" {
			label = f.Name
		}
		if f.Value != "" {
			lines = append(lines, label+": "+f.Value)
		}
	}
	return strings.Join(lines, "\n")
}

func dateIn(day string) schemas.Date {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return schemas.Date{}
	}
	return schemas.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
}

// vietnameseDate writes yyyy-MM-dd as people do.
func vietnameseDate(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("02/01/2006")
}

func count(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// capital writes the name of a kind as documents do.
func capital(s string) string {
	for i := range s {
		if i > 0 {
			return strings.ToUpper(s[:i]) + s[i:]
		}
	}
	return strings.ToUpper(s)
}
