package pades

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/signing"
)

// reader gathers a Document.
type reader struct {
	ctx   context.Context
	src   signing.Source
	lim   Limits
	base  int64
	file  *file // nil if broken
	work  *work
	doc   *Document
	all   []*candidate
	store *material
}

// Read finds and checks the signatures inside a PDF. The error is about reading the source or the context, never about the file: what
// is wrong with that stands in the Document. It is safe for concurrent use.
func Read(ctx context.Context, src signing.Source, lim Limits) (*Document, error) {
	r := &reader{ctx: ctx, src: src, lim: lim.withDefaults(), work: &work{}, doc: &Document{}, store: &material{}}
	for _, step := range []func() error{r.header, r.find, r.prepare, r.digest, r.judge} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("couldn't read signatures of PDF: %w", err)
		}
		if r.doc.Problem == NotPDF || r.doc.Problem == Encrypted {
			return r.doc, nil
		}
	}
	r.levels()
	return r.doc, nil
}

// tell takes what is wrong with the file into the document; other errors are returned.
func (r *reader) tell(err error) error {
	var big *tooBigError
	var problem Problem
	switch {
	case err == nil:
		return nil
	case isBad(err):
		problem = Broken
	case errors.As(err, &big):
		problem = TooBig
	default:
		return err
	}
	if r.doc.Problem == "" {
		r.doc.Problem, r.doc.Detail = problem, err.Error()
	}
	return nil
}

func (r *reader) header() error {
	head := make([]byte, min(1<<10, r.src.Size()))
	if err := readFull(r.src, head, 0); err != nil {
		return err
	}
	at := bytes.Index(head, []byte("%PDF-"))
	if at < 0 {
		r.doc.Problem, r.doc.Detail = NotPDF, "no %PDF- within the first 1024 octets"
		return nil
	}
	r.base = int64(at)
	return nil
}

// find lists the signatures of all revisions, or of a search if the structure is broken.
func (r *reader) find() error {
	f, err := open(r.ctx, r.src, r.base, r.lim, r.work)
	if err == nil {
		for _, rev := range f.revisions {
			if rev.trailer.get("Encrypt") != nil {
				r.doc.Problem, r.doc.Detail = Encrypted, "encrypted: not read"
				return nil
			}
		}
		r.file, r.doc.Revisions = f, len(f.revisions)
		err = r.walk()
	}
	broken := isBad(err)
	if err := r.tell(err); err != nil {
		return err
	}
	if !broken {
		return nil
	}
	for _, c := range r.all {
		c.newest = false // it can't be told
	}
	return r.search()
}

func (r *reader) walk() error {
	list, bad, err := r.file.signatures(0)
	r.add(list, "", "")
	if err != nil {
		return err
	}
	for i := 1; i < len(r.file.revisions); i++ {
		older, _, err := r.file.signatures(i)
		if err != nil && !isBad(err) {
			return err
		}
		r.add(older, RemovedLater, "a later revision of the file doesn't list this signature")
	}
	r.store, err = r.file.store(0)
	if err := r.tell(err); err != nil {
		return err
	}
	r.doc.Certificates, r.doc.CRLs, r.doc.OCSPs = r.store.certificates, r.store.crls, r.store.ocsps
	return bad
}

func (r *reader) search() error {
	list, encrypted, err := scan(r.ctx, r.src, r.lim, r.work)
	if encrypted {
		r.doc.Problem, r.doc.Detail = Encrypted, "encrypted: not read"
		return nil
	}
	r.doc.Scanned = true
	r.add(list, FoundByScan, "found by searching, because the structure of the file is broken")
	return r.tell(err)
}

// add takes signatures that aren't there yet, with a note if one is given.
func (r *reader) add(list []found, note Problem, detail string) {
	for _, s := range list {
		at, ok := s.contents()
		known := slices.ContainsFunc(r.all, func(c *candidate) bool {
			o, placed := c.contents()
			return ok && placed && o.start == at.start || !ok && !placed && c.field == s.field
		})
		if known {
			continue
		}
		if len(r.all) == r.lim.MaxSignatures {
			_ = r.tell(&tooBigError{fmt.Sprintf("more than %d signatures", r.lim.MaxSignatures)})
			return
		}
		c := &candidate{found: s, sig: &Signature{}, newest: note == ""}
		if note != "" {
			c.sig.note(note, detail)
		}
		r.all = append(r.all, c)
	}
}

func (r *reader) prepare() error {
	for _, c := range r.all {
		if err := c.prepare(r.src); err != nil {
			return err
		}
	}
	slices.SortStableFunc(r.all, func(a, b *candidate) int { return int(min(max(a.sig.Covers-b.sig.Covers, -1), 1)) })
	return nil
}

func (r *reader) digest() error { return digest(r.ctx, r.src, r.all) }

func (r *reader) judge() error {
	for _, c := range r.all {
		switch {
		case !c.clear || len(c.sig.Problems) > 0:
		case c.sig.Whole && c.newest: // its revision is the newest, which has been read
			c.store = r.store
		default:
			if err := c.inRevision(r.ctx, r.src, r.base, r.lim, r.work); err != nil {
				return err
			}
		}
		c.judge(r.store)
		if r.file != nil && c.clear && !c.sig.Whole {
			var err error
			if c.sig.Later, err = r.file.later(c.sig.Covers, r.store); err != nil {
				return err
			}
		}
		for _, l := range c.sig.Later {
			if k := breaks(c.sig.Certifies, l.Kinds); len(k) > 0 {
				c.sig.note(AgainstCertification, fmt.Sprintf("a later revision changed %s, which this signature's permissions (P %d) don't allow", strings.Join(k, ", "), c.sig.Certifies))
			}
		}
		r.doc.Signatures = append(r.doc.Signatures, c.sig)
	}
	return nil
}

// full says whether a document security store has what a check needs later.
func (m *material) full() bool {
	return m != nil && len(m.certificates) > 0 && len(m.crls)+len(m.ocsps) > 0
}

// levels says which of the levels of EN 319 142-1 each signature has, by what is there.
func (r *reader) levels() {
	for _, c := range r.all {
		s := c.sig
		if s.SubFilter != "ETSI.CAdES.detached" || !s.Intact || date(c.d.get("M")).IsZero() { // M must be there (6.3)
			continue
		}
		archived := slices.ContainsFunc(r.all, func(o *candidate) bool {
			return o.sig.Stamp && o.sig.Intact && o.sig.Covers > s.Covers && o.store.full()
		})
		switch s.Level = "B-B"; {
		case len(r.doc.Proofs(s)) == 0:
		case archived:
			s.Level = "B-LTA"
		case r.store.full():
			s.Level = "B-LT"
		default:
			s.Level = "B-T"
		}
	}
}
