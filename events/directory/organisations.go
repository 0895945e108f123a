package directory

import (
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/orgid"
)

// maxCode is the greatest length of a code: QĐ 20/2020/QĐ-TTg says 35 characters.
const maxCode = 35

// wellFormed says whether a code is a token that the register may hold. Codes are opaque (real ones include "vxp.saas.02" and
// "28.22.H17"): the register, not the form, says what exists.
func wellFormed(code string) bool {
	return token(code, maxCode) && !strings.HasPrefix(code, ".") && !strings.HasSuffix(code, ".")
}

// token says whether s is 1 to most characters of letters, digits and . - _ : /
func token(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte(".-_:/", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// period says whether from ≤ until, as far as they are set, and more than a moment lies between.
func period(from, until time.Time) bool { return until.IsZero() || until.After(from) }

func (j *judge) addOrganisation(op AddOrganisation) (verdict, error) {
	node := op.Node
	switch {
	case j.authority == AuthorityAgency:
		return wrong(ReasonNotAllowed, op.Code), nil
	case j.authority == AuthorityPeer && node != "" && node != j.holder.ID:
		return wrong(ReasonOutsideSpace, node), nil
	case j.authority == AuthorityPeer:
		node = j.holder.ID
	case node != "":
		if _, ok := j.s.peers.Get(node); !ok {
			return wrong(ReasonPeerUnknown, node), nil
		}
	}
	codes := append([]Code{{Code: op.Code, From: op.From}}, op.Other...)
	seen := make(map[string]bool, len(codes))
	for _, c := range codes {
		if v := j.newCode(c, ""); v != good {
			return v, nil
		}
		if seen[c.Code] {
			return wrong(ReasonCodeExists, c.Code), nil
		}
		seen[c.Code] = true
	}
	parent := ""
	if op.Parent != "" {
		o, v := j.named(op.Parent)
		if v != good {
			return v, nil
		}
		parent = o.ID
	}
	first := firstCode(codes)
	id := codes[first]
	err := j.emit(NameOrganisationAdded, OrganisationAdded{
		Org: id.Code, Parent: parent, Level: op.Level, Node: node, From: utc(id.From),
	}, words(OrganisationFacts{Name: op.Name}))
	for i, c := range codes {
		if i != first && err == nil {
			err = j.emit(NameCodeAdded, CodeAdded{Org: id.Code, Code: c.Code, From: utc(c.From), Until: utc(c.Until)}, nil)
		}
	}
	return good, err
}

// firstCode says which code names the organisation for ever: the first, unless it has the form of QCVN 102:2016 and one in the
// form of QĐ 20/2020 that never ends comes with it.
func firstCode(codes []Code) int {
	if !oldForm(strings.Split(codes[0].Code, ".")) {
		return 0
	}
	for i, c := range codes {
		if parts := strings.Split(c.Code, "."); c.Until.IsZero() && levelOne(parts[0]) {
			return i
		}
	}
	return 0
}

// newCode says what is wrong with giving the code to the organisation (to a new one, if org is "").
func (j *judge) newCode(c Code, org string) verdict {
	if !wellFormed(c.Code) {
		return wrong(ReasonCodeMalformed, c.Code)
	}
	if !period(c.From, c.Until) {
		return wrong(ReasonPeriod, c.Code)
	}
	if v := j.inSpace(c.Code); v != good {
		return v
	}
	// What Resolve takes for the same organisation cannot become another: at level 1 the two forms follow from each other.
	if other, has := orgid.Counterpart(c.Code); has {
		if owner, taken := j.s.codes.Get(other); taken && owner != org {
			return wrong(ReasonCodeTaken, c.Code)
		}
	}
	owner, taken := j.s.codes.Get(c.Code)
	if !taken {
		return good
	}
	if owner != org {
		return wrong(ReasonCodeTaken, c.Code)
	}
	o, _ := j.s.orgs.Get(org)
	for _, have := range o.Codes {
		overlaps := (have.Until.IsZero() || c.From.Before(have.Until)) && (c.Until.IsZero() || have.From.Before(c.Until))
		if have.Code == c.Code && overlaps {
			return wrong(ReasonCodeExists, c.Code)
		}
	}
	return good
}

func (j *judge) changeOrganisation(op ChangeOrganisation) (verdict, error) {
	o, v := j.named(op.Code)
	if v != good {
		return v, nil
	}
	if v := j.manages(o); v != good {
		return v, nil
	}
	d := OrganisationChanged{Org: o.ID, Level: op.Level, Node: op.Node, Local: op.Local}
	switch {
	case op.Name == "" && op.Parent == "" && op.Node == "" && !op.Local && op.Level == 0:
		return wrong(ReasonEmpty, op.Code), nil
	case j.authority == AuthorityPeer && (op.Local || op.Node != "" && op.Node != o.Node):
		return wrong(ReasonOutsideSpace, op.Node), nil
	case op.Local && op.Node != "":
		return wrong(ReasonPeerUnknown, op.Node), nil
	case op.Node != "":
		if _, ok := j.s.peers.Get(op.Node); !ok {
			return wrong(ReasonPeerUnknown, op.Node), nil
		}
	}
	if op.Parent != "" {
		p, v := j.named(op.Parent)
		if v != good {
			return v, nil
		}
		for up := p; up != nil; up, _ = j.s.orgs.Get(up.Parent) {
			if up.ID == o.ID {
				return wrong(ReasonParentCycle, op.Parent), nil
			}
		}
		d.Parent = p.ID
	}
	return good, j.emit(NameOrganisationChanged, d, words(OrganisationFacts{Name: op.Name}))
}

func (j *judge) closeOrganisation(op CloseOrganisation) (verdict, error) {
	o, v := j.named(op.Code)
	if v != good {
		return v, nil
	}
	if v := j.manages(o); v != good {
		return v, nil
	}
	from := j.orNow(op.From)
	switch {
	case o.Closed:
		return wrong(ReasonAlreadyClosed, op.Code), nil
	case from.Before(o.From):
		return wrong(ReasonPeriod, op.Code), nil
	}
	d := OrganisationClosed{Org: o.ID, From: from}
	if op.Successor != "" {
		next, v := j.named(op.Successor)
		if v != good {
			return v, nil
		}
		// A peer that could name a successor outside would make another node's agency answer for its documents.
		if j.authority == AuthorityPeer && next.Node != j.holder.ID {
			return wrong(ReasonOutsideSpace, op.Successor), nil
		}
		if j.s.succeeds(next.ID, o.ID) {
			return wrong(ReasonSuccessorCycle, op.Successor), nil
		}
		if next.closedAt(from) && next.Successor == "" {
			return wrong(ReasonSuccessorClosed, op.Successor), nil
		}
		d.Successor = next.ID
	}
	return good, j.emit(NameOrganisationClosed, d, nil)
}

func (j *judge) addCode(op AddCode) (verdict, error) {
	o, v := j.named(op.Organisation)
	if v != good {
		return v, nil
	}
	if v := j.manages(o); v != good {
		return v, nil
	}
	if v := j.newCode(op.Code, o.ID); v != good {
		return v, nil
	}
	return good, j.emit(NameCodeAdded, CodeAdded{
		Org: o.ID, Code: op.Code.Code, From: utc(op.Code.From), Until: utc(op.Code.Until),
	}, nil)
}

func (j *judge) removeCode(op RemoveCode) (verdict, error) {
	o, v := j.named(op.Organisation)
	if v != good {
		return v, nil
	}
	if v := j.manages(o); v != good {
		return v, nil
	}
	until := j.orNow(op.Until)
	found, other := false, false
	for _, c := range o.Codes {
		lasts := c.Until.IsZero() || until.Before(c.Until)
		switch {
		case c.Code == op.Code && lasts && !until.After(c.From):
			return wrong(ReasonPeriod, op.Code), nil
		case c.Code == op.Code:
			found = found || lasts
		default:
			other = other || validAt(c.From, c.Until, until)
		}
	}
	switch {
	case !found:
		return wrong(ReasonCodeUnknown, op.Code), nil
	case !other:
		return wrong(ReasonCodeLast, op.Code), nil
	}
	return good, j.emit(NameCodeRemoved, CodeRemoved{Org: o.ID, Code: op.Code, Until: until}, nil)
}
