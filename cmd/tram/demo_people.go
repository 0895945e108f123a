package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// office is one agency of the demonstration: what its own document system would know.
type office struct {
	code, name string
	clerk      string // who signs its letters, in words
	position   string
	notation   string // of its letters, e.g. "SNV-VP"
	node       *demoNode
	dir        string
	id         identity
	api        *client
	numbers    *counter
	tally      *tally
}

// counter gives the numbers of one office's letters.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

// tally counts what the demonstration itself has seen, to be compared with what the records say at the end.
type tally struct {
	mu                                sync.Mutex
	documents, acknowledged, statuses int
	refused, duplicates               int
}

func (t *tally) add(f func(*tally)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t)
}

// letter is what an office writes.
type letter struct {
	kind     string // type name
	notation string // "" the office's
	subject  string
	content  string
	to       []*office
	toCodes  []schemas.Organisation // further recipients, by code
	priority schemas.Priority
	due      int // days from today; 0 none
	files    []schemas.File
	answers  *sent // the letter it replies to
	business schemas.Business
	pages    int
	copies   int

	by      *person     // who signs before the office; nil: nobody
	level   xades.Level // of a XAdES signature; empty: a plain XML signature, as most systems make it
	stamper tsp.Stamper // for level B-T
}

// sent is a letter that was signed, and perhaps handed in.
type sent struct {
	from  *office
	doc   *schemas.Document
	bytes []byte
	reply httpapi.AcceptedAnswer
}

func (o *office) organisation() schemas.Organisation {
	return schemas.Organisation{ID: o.code, Name: o.name, InCharge: "Tỉnh Bắc Giang", Address: "Bắc Giang"}
}

// write makes and signs a letter.
func (o *office) write(ctx context.Context, l letter) (*sent, error) {
	now := time.Now()
	number := o.numbers.next()
	notation := l.notation
	if notation == "" {
		notation = o.notation
	}
	today := schemas.DateOf(now.In(vietnam))
	d := &schemas.Document{
		From: o.organisation(), Code: schemas.DocumentCode{Number: fmt.Sprint(number), Notation: notation},
		Promulgation: schemas.Promulgation{Place: "Bắc Giang", Date: today},
		Type:         schemas.DocumentType{Type: "2", Name: l.kind}, Subject: l.subject, Content: l.content,
		Signer: schemas.Signer{Competence: "", Position: o.position, FullName: o.clerk},
		Other: schemas.OtherInfo{Priority: l.priority, PageAmount: fmt.Sprint(max(l.pages, 1)),
			PromulgationAmount: fmt.Sprint(max(l.copies, len(l.to)+len(l.toCodes)))},
		Business: l.business,
	}
	if l.by != nil {
		d.Signer = schemas.Signer{Position: l.by.position, FullName: l.by.name}
	}
	if e := schemas.FindDocumentType(l.kind, 2); e != nil {
		d.Type.Detail = fmt.Sprint(e.Number)
	}
	d.DocumentID = fmt.Sprintf("%s,%s,%s", o.code, today, d.Code)
	for _, to := range l.to {
		d.To = append(d.To, schemas.Organisation{ID: to.code, Name: to.name})
		d.ToPlaces = append(d.ToPlaces, to.name)
	}
	d.To = append(d.To, l.toCodes...)
	if l.due > 0 {
		d.DueDate = schemas.DateOf(now.In(vietnam).AddDate(0, 0, l.due))
	}
	if a := l.answers; a != nil {
		d.ResponseFor = []schemas.ResponseFor{{OrganID: a.from.code, Code: a.doc.Code.String(), DocumentID: a.doc.DocumentID, PromulgationDate: a.doc.Promulgation.Date}}
	}
	unsigned, layout, err := schemas.MarshalDocument(d, l.files, schemas.WriteOptions{Time: now})
	if err != nil {
		return nil, err
	}
	s := &sent{from: o, doc: d}
	if l.level == xades.NoLevel {
		s.bytes, err = signing.Sign(unsigned, o.id.key, o.id.chain, signing.SignOptions{At: layout.SignatureSlot})
	} else {
		s.bytes, err = o.seal(ctx, unsigned, l, now)
	}
	return s, err
}

// send writes a letter and hands it in.
func (o *office) send(ctx context.Context, l letter) (*sent, error) {
	s, err := o.write(ctx, l)
	if err != nil {
		return nil, err
	}
	return s, o.handIn(ctx, s)
}

// handIn hands a signed letter in, and counts it.
func (o *office) handIn(ctx context.Context, s *sent) error {
	answer, err := o.api.sendReader(ctx, bytes.NewReader(s.bytes), int64(len(s.bytes)))
	if err != nil {
		return fmt.Errorf("%s: %s: %w", o.name, s.doc.Code, err)
	}
	s.reply = answer
	o.tally.add(func(t *tally) {
		if answer.Duplicate {
			t.duplicates++
		} else {
			t.documents++
		}
	})
	return nil
}

// refused hands bytes in that must be refused, and gives the refusal.
func (o *office) refused(ctx context.Context, b []byte) (*refusedError, error) {
	_, err := o.api.sendReader(ctx, bytes.NewReader(b), int64(len(b)))
	var r *refusedError
	switch {
	case err == nil:
		return nil, fmt.Errorf("%s: a package that must be refused was accepted", o.name)
	case !errors.As(err, &r):
		return nil, err
	}
	o.tally.add(func(t *tally) { t.refused++ })
	return r, nil
}

// take takes everything that waits, downloads it as a document system would, and acknowledges it. It waits for the
// first entry and goes on until want documents (not statuses) have been taken.
func (o *office) take(ctx context.Context, want int) ([]*schemas.Package, error) {
	var got []*schemas.Package
	for documents := 0; documents < want; {
		var taken httpapi.TakenAnswer
		if err := o.api.call(ctx, http.MethodPost, "/v1/mailbox/take", nil, httpapi.TakeBody{Max: 20, Wait: 30}, &taken); err != nil {
			return got, fmt.Errorf("%s: %w", o.name, err)
		}
		if len(taken.Entries) == 0 {
			return got, fmt.Errorf("%s waited for %d documents and got %d", o.name, want, documents)
		}
		for _, e := range taken.Entries {
			p, err := o.fetch(ctx, e.Package)
			if err != nil {
				return got, err
			}
			if err := o.api.acknowledge(ctx, e.ID, filepath.Join(o.dir, e.Package+".ack.receipt")); err != nil {
				return got, fmt.Errorf("%s: %w", o.name, err)
			}
			if e.Kind == "document" {
				documents++
				o.tally.add(func(t *tally) { t.acknowledged++ })
			}
			got = append(got, p)
		}
	}
	return got, nil
}

func (o *office) fetch(ctx context.Context, sha256 string) (*schemas.Package, error) {
	resp, err := o.api.do(ctx, http.MethodGet, "/v1/packages/"+url.PathEscape(sha256), nil, nil, 0, "", "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.name, err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		return nil, fmt.Errorf("%s: couldn't download package: %w", o.name, err)
	}
	return schemas.Parse(ctx, schemas.ReceivedBytes(b.Bytes()), schemas.Options{})
}

// emptied waits until nothing is left to be taken: the list is a view, which follows what was just acknowledged.
func (o *office) emptied(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := o.waiting(ctx)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s still has %d entries after all were taken", o.name, left)
		case <-tick.C:
		}
	}
}

// waiting counts open entries that have not been taken.
func (o *office) waiting(ctx context.Context) (int, error) {
	var page httpapi.MailboxPage
	if err := o.api.call(ctx, http.MethodGet, "/v1/mailbox", nil, nil, &page); err != nil {
		return 0, fmt.Errorf("%s: %w", o.name, err)
	}
	n := 0
	for _, e := range page.Entries {
		if e.State == "waiting" {
			n++
		}
	}
	return n, nil
}

// report sends statuses about a letter, in order.
func (o *office) report(ctx context.Context, s *sent, of string, codes ...schemas.StatusCode) error {
	for i, code := range codes {
		// The claimed time is part of a status message's identity; two in one second would be one.
		st := answerTo(s.doc, code, o.organisation(), of, time.Now().Add(time.Duration(i)*time.Second))
		st.Staff = schemas.Staff{Department: "Văn thư", Name: o.clerk}
		doc, layout, err := schemas.MarshalStatus(st)
		if err != nil {
			return err
		}
		signed, err := signing.Sign(doc, o.id.key, o.id.chain, signing.SignOptions{At: layout.SignatureSlot})
		if err != nil {
			return err
		}
		if _, err := o.api.sendReader(ctx, bytes.NewReader(signed), int64(len(signed))); err != nil {
			return fmt.Errorf("%s: status %s: %w", o.name, code, err)
		}
		o.tally.add(func(t *tally) { t.statuses++ })
	}
	return nil
}

// document asks the node for the state of a letter.
func (o *office) document(ctx context.Context, s *sent) (httpapi.DocumentAnswer, error) {
	var d httpapi.DocumentAnswer
	err := o.api.call(ctx, http.MethodGet, "/v1/documents/"+s.reply.Document, nil, nil, &d)
	if err != nil {
		return d, fmt.Errorf("%s: %w", o.name, err)
	}
	return d, nil
}

// until asks for the state of a letter until it is as wanted: views follow the record with a small delay, and a peer
// answers when it can.
func (o *office) until(ctx context.Context, s *sent, what string, ok func(httpapi.DocumentAnswer) bool) (httpapi.DocumentAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := o.document(ctx, s)
		var r *refusedError
		if err != nil && !(errors.As(err, &r) && r.Status == http.StatusNotFound) {
			return d, err
		}
		if err == nil && ok(d) {
			return d, nil
		}
		select {
		case <-ctx.Done():
			return d, fmt.Errorf("%s: %s: %s never happened", o.name, s.doc.Code, what)
		case <-tick.C:
		}
	}
}

// enrolOffices makes keys for offices of a node and hands in the signed change that lets them in.
func enrolOffices(ctx context.Context, n *demoNode, reason string, offices ...*office) error {
	var ops []schemas.Operation
	for _, o := range offices {
		o.dir = filepath.Join(n.dir(), "agencies", o.code)
		t := trialAgency{code: o.code, name: o.name}
		more, id, err := n.office.enrol(t, o.dir)
		if err != nil {
			return err
		}
		if old := oldCode(o.code); old != "" {
			add := more[0].(schemas.AddOrganisation)
			add.Other = []schemas.OrganisationCode{{Code: old}}
			more[0] = add
		}
		ops = append(ops, more...)
		o.id, o.node = id, n
		if o.api, err = n.client(filepath.Join(o.dir, "token")); err != nil {
			return err
		}
	}
	_, err := n.change(ctx, reason, ops...)
	return err
}

// oldCode is the form of QCVN 102:2016 of a second-level code of QĐ 20/2020: "H02.07" was "000.00.07.H02".
func oldCode(code string) string {
	first, second, ok := strings.Cut(code, ".")
	if !ok || len(second) != 2 {
		return ""
	}
	return "000.00." + second + "." + first
}
