package schemas

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// Destruction asks for the lawful destruction of content.
type Destruction struct {
	Decisions []Decision
	Reason    string
	Scope     string // all, packages, facts
	NotBefore time.Time
	Targets   []Target
}

// Decision is one agency's decision to destroy.
type Decision struct {
	Organisation string // code of the agency that keeps the records and decided
	Number       string // number and notation
	Date         Date
	DecidedBy    string
	Ground       string
	Appraisal    string
}

// Target is one thing to destroy: exactly one member is set.
type Target struct {
	Document *[32]byte // key
	Package  *[32]byte // SHA-256
	Event    *uint64   // position
}

const destructionPath = "/Package/Body/Destruction"

// MaxTargets is how many targets a Destruction may have.
const MaxTargets = 2000

func (f fields) destruction() {
	p := destructionPath + "/Decision"
	f[p] = binding{
		many:  true,
		open:  func(r *reader, _ *xmlstream.Token) { r.tram.decision = Decision{} },
		close: func(r *reader) { r.tram.destroy.Decisions = append(r.tram.destroy.Decisions, r.tram.decision) },
	}
	f.text(p+"/Organisation", func(t *tramDraft) *string { return &t.decision.Organisation })
	f.text(p+"/Number", func(t *tramDraft) *string { return &t.decision.Number })
	f.day(p+"/Date", func(t *tramDraft) *Date { return &t.decision.Date })
	f.text(p+"/DecidedBy", func(t *tramDraft) *string { return &t.decision.DecidedBy })
	f.text(p+"/Ground", func(t *tramDraft) *string { return &t.decision.Ground })
	f.text(p+"/Appraisal", func(t *tramDraft) *string { return &t.decision.Appraisal })
	p = destructionPath
	f.text(p+"/Reason", func(t *tramDraft) *string { return &t.destroy.Reason })
	f.text(p+"/Scope", func(t *tramDraft) *string { return &t.destroy.Scope })
	f.instant(p+"/NotBefore", func(t *tramDraft) *time.Time { return &t.destroy.NotBefore })
	for name, read := range map[string]func(v string) Target{
		"Document":      func(v string) Target { return Target{Document: digestOf(v)} },
		"PackageSHA256": func(v string) Target { return Target{Package: digestOf(v)} },
		"Event": func(v string) Target {
			n, _ := strconv.ParseUint(v, 10, 64) // at most 15 digits by the schema
			return Target{Event: &n}
		},
	} {
		f[p+"/"+name] = binding{many: true, set: func(r *reader, v string) {
			if len(r.tram.destroy.Targets) >= MaxTargets {
				r.fail(StageRules, &Problem{Code: TooMany, Path: r.path(), Offset: -1, Detail: fmt.Sprintf("more than %d targets", MaxTargets)})
				return
			}
			r.tram.destroy.Targets = append(r.tram.destroy.Targets, read(v))
		}}
	}
}

// digestOf reads a digest whose form the schema has seen to.
func digestOf(v string) *[32]byte {
	var d [32]byte
	hex.Decode(d[:], []byte(v))
	return &d
}

// finishDestruction judges what the schema cannot say of a destruction.
func (r *reader) finishDestruction() {
	d := r.tram.destroy
	for i, c := range d.Decisions {
		path := indexed(destructionPath+"/Decision", i)
		r.identifier(path+"/Organisation", c.Organisation, true)
		if now := r.opts.Now; !now.IsZero() && c.Date.After(DateOf(now)) {
			r.problem(FutureDate, path+"/Date", c.Date.format('-'), "date is after today, %s in Viet Nam", DateOf(now))
		}
		for name, words := range map[string]string{"Number": c.Number, "Ground": c.Ground, "Appraisal": c.Appraisal} {
			r.secret(SecrecyOfText(words), path+"/"+name)
		}
	}
	r.secret(SecrecyOfText(d.Reason), destructionPath+"/Reason")
	if d.Scope == "packages" {
		for i, t := range d.Targets {
			if t.Event != nil {
				r.problem(BadCode, indexed(destructionPath+"/*", i), d.Scope, "an event has no package of its own: name the package")
			}
		}
	}
	r.pkg.Destruction = &d
}

// WriteDestruction writes a request to destroy, unsigned: see Layout. The header's Kind is set by it. Times are written in UTC.
func WriteDestruction(w io.Writer, h Header, d Destruction) (Layout, error) {
	if len(d.Decisions) == 0 || len(d.Targets) == 0 {
		return Layout{}, errors.New("couldn't write destruction: it has no decision or no target")
	}
	x := newXMLWriter(w)
	x.tramHeader(h, "Destruction")
	x.raw(`<Body Id="body"><Destruction>`)
	for _, c := range d.Decisions {
		x.raw("<Decision>")
		x.text("Organisation", c.Organisation)
		x.text("Number", c.Number)
		x.text("Date", c.Date.format('-'))
		x.text("DecidedBy", c.DecidedBy)
		x.text("Ground", c.Ground)
		x.optional("Appraisal", c.Appraisal)
		x.raw("</Decision>")
	}
	x.optional("Reason", d.Reason)
	x.text("Scope", d.Scope)
	x.instant("NotBefore", d.NotBefore)
	for i, t := range d.Targets {
		switch {
		case t.Document != nil:
			x.digest("Document", *t.Document)
		case t.Package != nil:
			x.digest("PackageSHA256", *t.Package)
		case t.Event != nil:
			x.text("Event", strconv.FormatUint(*t.Event, 10))
		default:
			return Layout{}, fmt.Errorf("couldn't write destruction: target %d names nothing", i+1)
		}
	}
	x.raw("</Destruction></Body></Package>")
	return x.end()
}

// MarshalDestruction is WriteDestruction into memory.
func MarshalDestruction(h Header, d Destruction) ([]byte, Layout, error) {
	var b bytes.Buffer
	l, err := WriteDestruction(&b, h, d)
	return b.Bytes(), l, err
}
