package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/schemas"
)

// documentContent is what "the same document" means (document.Receive.Content): everything the sender says in it except
// to whom, on what way and with which signature. It is taken from the model, so that the same document written by another
// program, or vouched for by somebody else, is the same; attachments count as their text in the package.
//
// The list of fields is fixed: a field added to the model later joins under a new first line only, or resends of older
// documents would be refused as other content.
func documentContent(p *schemas.Package) (events.Digest, error) {
	d := p.Document
	w := contentHash{h: sha256.New()}
	w.text("tram document content v1", d.DocumentID)
	w.text(d.From.ID, d.From.InCharge, d.From.Name, d.From.Address, d.From.Email, d.From.Telephone, d.From.Fax, d.From.Website)
	w.text(d.Code.Number, d.Code.Notation, d.Promulgation.Place, isoDate(d.Promulgation.Date))
	w.text(d.Type.Type, d.Type.Detail, d.Type.Name, d.Subject, d.Content)
	w.text(d.Signer.Competence, d.Signer.Position, d.Signer.FullName, isoDate(d.DueDate))
	w.list(d.ToPlaces)
	w.text(d.Other.PriorityRaw, d.Other.SphereOfPromulgation, d.Other.TyperNotation, d.Other.PromulgationAmount,
		d.Other.PageAmount, d.Other.Direction, d.Other.ReplyFors, d.Other.ReferenceCodes)
	w.list(d.Other.Appendixes)
	w.number(len(d.ResponseFor))
	for _, r := range d.ResponseFor {
		w.text(r.OrganID, r.Code, r.DocumentID, r.DateRaw)
	}
	w.text(d.Steering.Raw, d.ApplicationType)
	w.list(d.TaskCodes)
	w.business(&d.Business)
	w.number(len(d.Extensions))
	for _, e := range d.Extensions {
		w.text(e.Namespace, e.Local, e.Text)
	}
	w.number(len(p.Attachments))
	for i := range p.Attachments {
		a := &p.Attachments[i]
		w.text(a.Name, a.ContentID, a.ContentType, a.Description)
		w.number(int(a.Text.Len()))
		if m, ok := p.Source.(inMemory); ok {
			w.h.Write(m.Bytes()[a.Text.Start:a.Text.End])
			continue
		}
		if _, err := io.Copy(w.h, io.NewSectionReader(p.Source, a.Text.Start, a.Text.Len())); err != nil {
			return events.Digest{}, fmt.Errorf("couldn't read attachment: %w", err)
		}
	}
	return events.Digest(w.h.Sum(nil)), nil
}

// inMemory is a source that need not be copied to be read; most packages are small enough for one.
type inMemory interface{ Bytes() []byte }

// contentHash writes values so that no two lists of values give the same bytes: each has its length before it.
type contentHash struct {
	h   hash.Hash
	buf []byte
}

func (w *contentHash) number(n int) {
	w.buf = binary.BigEndian.AppendUint64(w.buf[:0], uint64(n))
	w.h.Write(w.buf)
}

func (w *contentHash) text(values ...string) {
	for _, v := range values {
		w.buf = binary.BigEndian.AppendUint64(w.buf[:0], uint64(len(v)))
		w.buf = append(w.buf, v...)
		w.h.Write(w.buf)
	}
}

func (w *contentHash) list(values []string) {
	w.number(len(values))
	w.text(values...)
}

func (w *contentHash) business(b *schemas.Business) {
	w.number(int(b.Type))
	w.text(b.DocumentID, b.Reason, b.Paper)
	w.number(len(b.Updates))
	for _, u := range b.Updates {
		w.text(fmt.Sprint(u.Content, u.Recipients))
		w.number(len(u.Receivers))
		for _, r := range u.Receivers {
			w.text(r.OrganID, fmt.Sprint(r.Added))
		}
	}
	w.number(len(b.Replacements))
	for _, r := range b.Replacements {
		w.text(r.DocumentID)
		w.list(r.OrganIDs)
	}
	w.number(len(b.Staff))
	for _, s := range b.Staff {
		w.text(s.Department, s.DepartmentID, s.Name, s.ID, s.Email, s.Mobile)
	}
}
