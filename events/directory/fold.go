package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Fold gives the state after one more event of the directory stream. It never changes s. An unknown event name, or an event
// that cannot follow, is an error. Facts are read for names to show; if they were destroyed, names are empty and everything
// else is the same.
func Fold(s State, e events.Event) (State, error) {
	data, facts, err := decode(e.Statement.Name, e.Statement.Data, e.Facts)
	if err != nil {
		return s, fmt.Errorf("couldn't fold directory at position %d: %w", e.Position, err)
	}
	next, err := s.apply(data, facts, e.Statement.Time, events.Address{Origin: e.Statement.Origin, Position: e.Position})
	if err != nil {
		return s, fmt.Errorf("couldn't fold directory: %s at position %d: %w", e.Statement.Name, e.Position, err)
	}
	return next, nil
}

// decode reads data and facts of an event. Both results are values of the payload types, never pointers.
func decode(name string, data, facts []byte) (d, f any, err error) {
	switch name {
	case NameChangeAccepted:
		return read[ChangeAccepted, none](data, facts)
	case NameOrganisationAdded:
		return read[OrganisationAdded, OrganisationFacts](data, facts)
	case NameOrganisationChanged:
		return read[OrganisationChanged, OrganisationFacts](data, facts)
	case NameOrganisationClosed:
		return read[OrganisationClosed, none](data, facts)
	case NameCodeAdded:
		return read[CodeAdded, none](data, facts)
	case NameCodeRemoved:
		return read[CodeRemoved, none](data, facts)
	case NameCertificateEnrolled:
		return read[CertificateEnrolled, none](data, facts)
	case NameCertificateRevoked:
		return read[CertificateRevoked, none](data, facts)
	case NameClientRegistered:
		return read[ClientRegistered, none](data, facts)
	case NameClientRemoved:
		return read[ClientRemoved, none](data, facts)
	case NamePeerAdded:
		d, f, err = read[PeerSet, PeerFacts](data, facts)
		return peerAdded{d.(PeerSet)}, f, err
	case NamePeerChanged:
		d, f, err = read[PeerSet, PeerFacts](data, facts)
		return peerChanged{d.(PeerSet)}, f, err
	case NameReadingGranted:
		return read[ReadingGranted, none](data, facts)
	case NameReadingRevoked:
		return read[ReadingRevoked, none](data, facts)
	case NameAuthorityTrusted:
		return read[AuthorityTrusted, AuthorityFacts](data, facts)
	case NameAuthorityDistrusted:
		return read[AuthorityDistrusted, none](data, facts)
	case NamePolicySet:
		return read[PolicySet, none](data, facts)
	}
	return decodeOffice(name, data, facts)
}

// none stands for facts that the state does not keep.
type none struct{}

type (
	peerAdded   struct{ PeerSet }
	peerChanged struct{ PeerSet }
)

func read[D, F any](data, facts []byte) (any, any, error) {
	var d D
	var f F
	if err := json.Unmarshal(data, &d); err != nil {
		return d, f, fmt.Errorf("couldn't read data: %w", err)
	}
	if _, skip := any(f).(none); !skip && len(facts) > 0 {
		if err := json.Unmarshal(facts, &f); err != nil {
			return d, f, fmt.Errorf("couldn't read facts: %w", err)
		}
	}
	return d, f, nil
}

// apply is the fold proper. Decide uses it too, so that an operation sees what earlier ones of the same change did.
func (s State) apply(data, facts any, now time.Time, at events.Address) (State, error) {
	s.events++
	s.basis = at.Position + 1
	if s.events == 1 {
		if _, ok := data.(ChangeAccepted); !ok {
			return s, fmt.Errorf("the first event is not %s", NameChangeAccepted)
		}
	}
	switch d := data.(type) {
	case ChangeAccepted:
		if _, ok := s.changes.Get(d.Change); ok {
			return s, fmt.Errorf("change %q came before", d.Change)
		}
		s.began = s.events - 1
		s.changes = s.changes.Set(d.Change, accepted{content: d.Content, address: at, events: d.Events})
		return s, nil
	case OrganisationAdded:
		f, _ := facts.(OrganisationFacts)
		return s.organisationAdded(d, f)
	case OrganisationChanged:
		f, _ := facts.(OrganisationFacts)
		return s.organisationChanged(d, f)
	case OrganisationClosed:
		return s.organisationClosed(d)
	case CodeAdded:
		return s.codeAdded(d)
	case CodeRemoved:
		return s.codeRemoved(d)
	case CertificateEnrolled:
		return s.certificateEnrolled(d, now)
	case CertificateRevoked:
		return s.certificateRevoked(d)
	case ClientRegistered:
		return s.clientRegistered(d)
	case ClientRemoved:
		return s.clientRemoved(d)
	case peerAdded:
		f, _ := facts.(PeerFacts)
		return s.peerAdded(d.PeerSet, f)
	case peerChanged:
		f, _ := facts.(PeerFacts)
		return s.peerChanged(d.PeerSet, f)
	case ReadingGranted:
		return s.readingGranted(d)
	case ReadingRevoked:
		return s.readingRevoked(d)
	case AuthorityTrusted:
		f, _ := facts.(AuthorityFacts)
		return s.authorityTrusted(d, f)
	case AuthorityDistrusted:
		return s.authorityDistrusted(d)
	case PolicySet:
		return s.policySet(d), nil
	}
	return s.applyOffice(data, facts, at)
}

// change gives s with a changed copy of an organisation.
func (s State) change(org string, f func(o *Organisation)) (State, error) {
	o, ok := s.orgs.Get(org)
	if !ok {
		return s, fmt.Errorf("unknown organisation %q", org)
	}
	next := *o
	f(&next)
	s.orgs = s.orgs.Set(org, &next)
	return s, nil
}

func (s State) organisationAdded(d OrganisationAdded, f OrganisationFacts) (State, error) {
	if _, ok := s.codes.Get(d.Org); ok {
		return s, fmt.Errorf("code %q came before", d.Org)
	}
	s.codes = s.codes.Set(d.Org, d.Org)
	s.orgs = s.orgs.Set(d.Org, &Organisation{
		ID: d.Org, Name: f.Name, Codes: []Code{{Code: d.Org, From: d.From}},
		Parent: d.Parent, Level: d.Level, Node: d.Node, From: d.From,
	})
	return s, nil
}

func (s State) organisationChanged(d OrganisationChanged, f OrganisationFacts) (State, error) {
	return s.change(d.Org, func(o *Organisation) {
		if f.Name != "" {
			o.Name = f.Name
		}
		if d.Parent != "" {
			o.Parent = d.Parent
		}
		if d.Level != 0 {
			o.Level = d.Level
		}
		if d.Node != "" || d.Local {
			o.Node = d.Node
		}
	})
}

func (s State) organisationClosed(d OrganisationClosed) (State, error) {
	if o, ok := s.orgs.Get(d.Org); ok && o.Closed {
		return s, fmt.Errorf("%q was closed before", d.Org)
	}
	if d.Successor != "" {
		if s.succeeds(d.Successor, d.Org) {
			return s, fmt.Errorf("%q would succeed itself", d.Org)
		}
		var err error
		if s, err = s.change(d.Successor, func(o *Organisation) { o.Succeeds = append(slices.Clip(o.Succeeds), d.Org) }); err != nil {
			return s, err
		}
	}
	return s.change(d.Org, func(o *Organisation) { o.Closed, o.ClosedFrom, o.Successor = true, d.From, d.Successor })
}

// succeeds says whether the chain of successors of org (whenever they take effect) is or reaches target.
func (s State) succeeds(org, target string) bool {
	for org != "" {
		if org == target {
			return true
		}
		o, ok := s.orgs.Get(org)
		if !ok {
			return false
		}
		org = o.Successor
	}
	return false
}

func (s State) codeAdded(d CodeAdded) (State, error) {
	if owner, ok := s.codes.Get(d.Code); ok && owner != d.Org {
		return s, fmt.Errorf("code %q belongs to %q", d.Code, owner)
	}
	s.codes = s.codes.Set(d.Code, d.Org)
	return s.change(d.Org, func(o *Organisation) {
		o.Codes = append(slices.Clip(o.Codes), Code{Code: d.Code, From: d.From, Until: d.Until})
	})
}

func (s State) codeRemoved(d CodeRemoved) (State, error) {
	found := false
	s, err := s.change(d.Org, func(o *Organisation) {
		o.Codes = slices.Clone(o.Codes)
		for i := range o.Codes {
			c := &o.Codes[i]
			if c.Code == d.Code && (c.Until.IsZero() || d.Until.Before(c.Until)) {
				c.Until, found = d.Until, true
			}
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("%q has no code %q to remove", d.Org, d.Code)
	}
	return s, err
}

func (s State) certificateEnrolled(d CertificateEnrolled, now time.Time) (State, error) {
	key := d.Certificate.String()
	before, known := s.certs.Get(key)
	if known && (before.Holder != d.Holder || before.Revoked && !before.Suspended) {
		return s, fmt.Errorf("certificate %s was enrolled for another holder or has ended", key)
	}
	next := &Certificate{SHA256: d.Certificate, Holder: d.Holder, Purposes: d.Purposes, From: d.From, Until: d.Until, Enrolled: now}
	if known {
		next.Suspensions = before.suspendedUntil(now)
	}
	s.certs = s.certs.Set(key, next)
	if administrator(d.Holder, d.Purposes) && !slices.Contains(s.admins, d.Certificate) {
		s.admins = append(slices.Clip(s.admins), d.Certificate)
	}
	if known || d.Holder.Kind != HolderOrganisation {
		return s, nil
	}
	return s.change(d.Holder.ID, func(o *Organisation) { o.Holds = append(slices.Clip(o.Holds), d.Certificate) })
}

// suspendedUntil is the history of suspensions when the running one, if there is one, ends at a time.
func (c *Certificate) suspendedUntil(end time.Time) []Period {
	if !c.Suspended || !c.RevokedFrom.Before(end) {
		return c.Suspensions
	}
	return append(slices.Clip(c.Suspensions), Period{From: c.RevokedFrom, Until: end})
}

// administrator says whether a certificate of the holder with the purposes is an administrator key.
func administrator(h Holder, purposes []Purpose) bool {
	return h.Kind == HolderOperator && slices.Contains(purposes, PurposeSign)
}

func (s State) certificateRevoked(d CertificateRevoked) (State, error) {
	key := d.Certificate.String()
	c, ok := s.certs.Get(key)
	if !ok {
		return s, fmt.Errorf("unknown certificate %s", key)
	}
	next := *c
	next.Suspensions = c.suspendedUntil(d.From)
	next.Revoked, next.RevokedFrom, next.Suspended = true, d.From, d.Suspended
	s.certs = s.certs.Set(key, &next)
	return s, nil
}

func (s State) clientRegistered(d ClientRegistered) (State, error) {
	if _, ok := s.clients.Get(d.Client); ok {
		return s, fmt.Errorf("client %q came before", d.Client)
	}
	s.clients = s.clients.Set(d.Client, &Client{
		ID: d.Client, Holder: d.Holder, Token: d.Token, TLS: d.TLS, SendsFor: d.SendsFor,
	})
	if d.Token != nil {
		s.creds = s.creds.Set("token:"+d.Token.String(), d.Client)
	}
	if d.TLS != nil {
		s.creds = s.creds.Set("tls:"+d.TLS.String(), d.Client)
	}
	return s, nil
}

func (s State) clientRemoved(d ClientRemoved) (State, error) {
	c, ok := s.clients.Get(d.Client)
	if !ok || c.Removed {
		return s, fmt.Errorf("unknown client %q", d.Client)
	}
	next := *c
	next.Removed = true
	s.clients = s.clients.Set(d.Client, &next)
	return s, nil
}

func (s State) peerAdded(d PeerSet, f PeerFacts) (State, error) {
	if _, ok := s.peers.Get(d.Origin); ok {
		return s, fmt.Errorf("peer %q came before", d.Origin)
	}
	s.peerList = append(slices.Clip(s.peerList), d.Origin)
	return s.peerSet(d, f), nil
}

func (s State) peerChanged(d PeerSet, f PeerFacts) (State, error) {
	if _, ok := s.peers.Get(d.Origin); !ok {
		return s, fmt.Errorf("unknown peer %q", d.Origin)
	}
	return s.peerSet(d, f), nil
}

func (s State) peerSet(d PeerSet, f PeerFacts) State {
	p := &Peer{PeerSet: d, Name: f.Name}
	if before, ok := s.peers.Get(d.Origin); ok && p.Name == "" {
		p.Name = before.Name
	}
	s.peers = s.peers.Set(d.Origin, p)
	for _, fp := range d.TLS {
		s.peerTLS = s.peerTLS.Set(fp.String(), d.Origin)
	}
	return s
}

func (s State) readingGranted(d ReadingGranted) (State, error) {
	if _, ok := s.readings.Get(d.Right); ok {
		return s, fmt.Errorf("right %q came before", d.Right)
	}
	s.readings = s.readings.Set(d.Right, &Reading{d})
	keys := []string{rightKey(d.Reader, "")}
	if d.Org != "" {
		keys = append(keys, rightKey(d.Reader, d.Org))
	}
	for _, key := range keys {
		ids, _ := s.rights.Get(key)
		s.rights = s.rights.Set(key, append(slices.Clip(ids), d.Right))
	}
	return s, nil
}

func (s State) readingRevoked(d ReadingRevoked) (State, error) {
	r, ok := s.readings.Get(d.Right)
	if !ok {
		return s, fmt.Errorf("unknown right %q", d.Right)
	}
	next := *r
	next.Until = d.Until
	s.readings = s.readings.Set(d.Right, &next)
	return s, nil
}

func (s State) policySet(d PolicySet) State {
	for _, a := range d.Assurance {
		s.assurance = s.assurance.Set(assuranceKey(a.Sender, a.Kind), a.Level)
	}
	if len(d.SecrecyElements) > 0 {
		s.secrecy = slices.Clone(s.secrecy)
	}
	for _, e := range d.SecrecyElements {
		if e.Local == "" {
			s.secrecy = slices.DeleteFunc(s.secrecy, func(x SecrecyElement) bool {
				return x.Sender == e.Sender && x.Namespace == e.Namespace
			})
		} else if !slices.Contains(s.secrecy, e) {
			s.secrecy = append(s.secrecy, e)
		}
	}
	for _, l := range d.Limits {
		s.limits = s.limits.Set(l.Name, l.Value)
	}
	return s
}
