package portal

import (
	"errors"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

type auditorBody struct {
	Parts     []rightLine // none: no right is in force
	Search    bool        // they cover more than single documents
	Recent    view.Page[view.RegisterRow]
	Agencies  []Organisation
	Agency    string // filter of the list, as typed
	Many      bool   // the list is long enough for a filter
	Cut       int    // only so many are listed
	Log       witnessBody
	Last      *Verification
	Published *Published
}

// rightLine is one recorded right in words.
type rightLine struct {
	RightTo
	Agency string // "" every one
	Period string
}

const (
	agenciesMost  = 200 // listed at once
	agenciesFew   = 12  // up to so many need no filter
	auditorRecent = 8
)

// auditorHome is where an auditor begins: the right, one box to find anything by, the agencies, and how the record stands.
func (p *Portal) auditorHome(v *visit) error {
	var b auditorBody
	if err := p.auditorProofs(v, &b); err != nil {
		return err
	}
	if v.right == nil {
		return p.show(v, "auditor", "home", v.words.say("home.audit"), b)
	}
	for _, part := range v.right.Parts {
		line := rightLine{RightTo: part, Period: p.periodOf(v, part)}
		if part.Org != "" {
			o, err := p.names.organisation(v.ctx(), part.Org)
			if err != nil {
				return err
			}
			line.Agency = o.Name
		}
		b.Parts = append(b.Parts, line)
	}
	if !v.right.Wide() {
		return p.show(v, "auditor", "home", v.words.say("home.audit"), b) // the page links the documents
	}
	b.Search = true
	var err error
	if b.Recent, err = p.cfg.Views.Search(v.ctx(), view.SearchQuery{Reader: p.reader(v), Limit: auditorRecent}); err != nil && !errors.Is(err, view.ErrNotFound) {
		return err
	}
	return p.auditorAgencies(v, &b)
}

func (p *Portal) periodOf(v *visit, r RightTo) string {
	until := v.words.say("home.audit.open")
	if !r.To.IsZero() {
		until = day(r.To)
	}
	return day(r.From) + " – " + until
}

// auditorAgencies fills in those whose registers the right covers.
func (p *Portal) auditorAgencies(v *visit, b *auditorBody) error {
	b.Agency = strings.TrimSpace(strings.ToValidUTF8(v.r.URL.Query().Get("agency"), ""))
	if r := []rune(b.Agency); len(r) > 200 {
		b.Agency = string(r[:200])
	}
	if v.right.All {
		all, err := p.cfg.Node.Organisations(v.ctx(), b.Agency, agenciesMost+1)
		if err != nil {
			return err
		}
		if len(all) > agenciesMost {
			all, b.Cut = all[:agenciesMost], agenciesMost
		}
		b.Agencies, b.Many = all, len(all) > agenciesFew || b.Agency != ""
	}
	for _, org := range v.right.Orgs {
		if v.right.All {
			break // they are among all
		}
		o, err := p.names.organisation(v.ctx(), org)
		if err != nil {
			return err
		}
		b.Agencies = append(b.Agencies, o)
	}
	return p.show(v, "auditor", "home", v.words.say("home.audit"), *b)
}

// auditorProofs fills in how the record as a whole stands.
func (p *Portal) auditorProofs(v *visit, b *auditorBody) error {
	var err error
	if b.Log, err = p.witnesses(v); err != nil {
		return err
	}
	published, err := p.cfg.Proofs.Published(v.ctx())
	if err == nil {
		b.Published = &published
	} else if !errors.Is(err, view.ErrNotFound) {
		return err
	}
	runs, err := p.cfg.Proofs.Verifications(v.ctx())
	for _, run := range runs {
		if !run.Running() {
			b.Last = &run
			break
		}
	}
	return err
}
