package directory

import (
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
)

// AuthorityKind says what sort of authority issues certificates. The values are those of the DirectoryChange schema.
type AuthorityKind string

// Kinds of authorities.
const (
	AuthorityState  AuthorityKind = "state"  // the state's own, for official use
	AuthorityPublic AuthorityKind = "public" // licensed to serve the public
	AuthorityTrial  AuthorityKind = "trial"  // for trying out
	AuthorityOther  AuthorityKind = "other"
)

// AuthorityPurpose says for which certificates an authority is believed.
type AuthorityPurpose string

// Purposes of authorities.
const (
	AuthorityForOrganisations AuthorityPurpose = "organisation"
	AuthorityForPersons       AuthorityPurpose = "person"
	AuthorityForTimeStamps    AuthorityPurpose = "time-stamp"
	AuthorityForNodes         AuthorityPurpose = "node"
)

var (
	authorityKinds    = []AuthorityKind{AuthorityState, AuthorityPublic, AuthorityTrial, AuthorityOther}
	authorityPurposes = []AuthorityPurpose{AuthorityForOrganisations, AuthorityForPersons, AuthorityForTimeStamps, AuthorityForNodes}
)

// Bounds of the trust list: of one certificate's DER, which the statement carries, and of the list, which every node reads whole.
const (
	MaxAuthorityBytes = 8 << 10
	MaxAuthorities    = 500
)

// TrustedAuthority is one entry of the trust list. Not to be changed by readers.
type TrustedAuthority struct {
	AuthorityTrusted
	Name           string // from facts: empty when they were destroyed
	Distrusted     bool
	DistrustedFrom time.Time
}

// Period is when the authority is believed: from ≤ t < until, zero is open. An authority that was never believed, because it was
// distrusted from before its first day, has until not after from.
func (a *TrustedAuthority) Period() (from, until time.Time) {
	from, until = a.From, a.Until
	if a.Distrusted && (until.IsZero() || a.DistrustedFrom.Before(until)) {
		until = a.DistrustedFrom
	}
	return from, until
}

// TrustedAt says whether the authority is believed at the time.
func (a *TrustedAuthority) TrustedAt(at time.Time) bool {
	from, until := a.Period()
	return validAt(from, until, at)
}

// Authority by the SHA-256 of its certificate's DER, believed now or not.
func (s State) Authority(sha256 events.Digest) (*TrustedAuthority, bool) {
	return s.authorities.Get(sha256.String())
}

// Authorities is the trust list at a time, in order of adding.
func (s State) Authorities(at time.Time) []*TrustedAuthority {
	return slices.DeleteFunc(s.AllAuthorities(), func(a *TrustedAuthority) bool { return !a.TrustedAt(at) })
}

// AllAuthorities are all that were ever put on the trust list, in order of adding, with their last word.
func (s State) AllAuthorities() []*TrustedAuthority {
	out := make([]*TrustedAuthority, len(s.authorityList))
	for i, sum := range s.authorityList {
		out[i], _ = s.Authority(sum)
	}
	return out
}

// HasTrustList says whether the record has a trust list: whether any authority was ever put on it.
func (s State) HasTrustList() bool { return len(s.authorityList) > 0 }

// TrustListVersion counts the changes of the trust list: what was made of the list of one version holds while it stays.
func (s State) TrustListVersion() uint64 { return s.trustEvents }

// WithTrust is s with the changes of the trust list among the operations made, whoever may make them: for those who judge the
// later operations of a change.
func (s State) WithTrust(ops []Operation, at time.Time) State {
	for _, op := range ops {
		switch op := op.(type) {
		case TrustAuthority:
			if next, err := s.authorityTrusted(op.event(), AuthorityFacts{Name: op.Name}); err == nil {
				s = next
			}
		case DistrustAuthority:
			from := op.From
			if from.IsZero() {
				from = at
			}
			if next, err := s.authorityDistrusted(AuthorityDistrusted{Authority: op.SHA256, From: from}); err == nil {
				s = next
			}
		}
	}
	return s
}

// event is what the operation records.
func (op TrustAuthority) event() AuthorityTrusted {
	d := AuthorityTrusted{
		Authority: events.Sum(op.Certificate), Certificate: op.Certificate, Kind: op.AuthorityKind, From: utc(op.From), Until: utc(op.Until),
	}
	if len(op.Purposes) > 0 {
		d.Purposes = slices.Clone(op.Purposes)
		slices.Sort(d.Purposes)
		d.Purposes = slices.Compact(d.Purposes)
	}
	return d
}

func (s State) authorityTrusted(d AuthorityTrusted, f AuthorityFacts) (State, error) {
	key := d.Authority.String()
	if got := events.Sum(d.Certificate); got != d.Authority {
		return s, fmt.Errorf("certificate of authority %s hashes to %s", key, got)
	}
	before, known := s.authorities.Get(key)
	a := &TrustedAuthority{AuthorityTrusted: d, Name: f.Name}
	if known && a.Name == "" {
		a.Name = before.Name
	}
	s.authorities = s.authorities.Set(key, a)
	if !known {
		s.authorityList = append(slices.Clip(s.authorityList), d.Authority)
	}
	s.trustEvents++
	return s, nil
}

func (s State) authorityDistrusted(d AuthorityDistrusted) (State, error) {
	key := d.Authority.String()
	a, ok := s.authorities.Get(key)
	if !ok {
		return s, fmt.Errorf("unknown authority %s", key)
	}
	next := *a
	next.Distrusted, next.DistrustedFrom = true, d.From
	s.authorities = s.authorities.Set(key, &next)
	s.trustEvents++
	return s, nil
}

func (j *judge) trustAuthority(op TrustAuthority) (verdict, error) {
	sum := events.Sum(op.Certificate)
	fp := sum.String()
	switch {
	case !j.administrates():
		return wrong(ReasonNotAllowed, fp), nil
	case len(op.Certificate) == 0 || len(op.Certificate) > MaxAuthorityBytes:
		return wrong(ReasonAuthorityCertificate, fmt.Sprintf("%d bytes, at most %d", len(op.Certificate), MaxAuthorityBytes)), nil
	case !slices.Contains(authorityKinds, op.AuthorityKind):
		return wrong(ReasonPolicyItem, string(op.AuthorityKind)), nil
	case !period(utc(op.From), utc(op.Until)):
		return wrong(ReasonPeriod, fp), nil
	}
	for _, p := range op.Purposes {
		if !slices.Contains(authorityPurposes, p) {
			return wrong(ReasonPurpose, string(p)), nil
		}
	}
	d := op.event()
	before, known := j.s.Authority(sum)
	switch {
	case !known && len(j.s.authorityList) >= MaxAuthorities:
		return wrong(ReasonAuthorityLimit, fmt.Sprintf("at most %d", MaxAuthorities)), nil
	case known && !before.Distrusted && before.Kind == d.Kind && slices.Equal(before.Purposes, d.Purposes) &&
		before.From.Equal(d.From) && before.Until.Equal(d.Until) && (op.Name == "" || op.Name == before.Name):
		return wrong(ReasonAuthorityExists, fp), nil
	}
	return good, j.emit(NameAuthorityTrusted, d, words(AuthorityFacts{Name: op.Name}))
}

func (j *judge) distrustAuthority(op DistrustAuthority) (verdict, error) {
	fp := op.SHA256.String()
	if !j.administrates() {
		return wrong(ReasonNotAllowed, fp), nil
	}
	a, ok := j.s.Authority(op.SHA256)
	if !ok {
		return wrong(ReasonAuthorityUnknown, fp), nil
	}
	from := j.orNow(op.From)
	// Like a revocation: what is distrusted can only be distrusted from an earlier time on.
	if _, until := a.Period(); !until.IsZero() && !from.Before(until) {
		return wrong(ReasonAuthorityEnded, fp), nil
	}
	return good, j.emit(NameAuthorityDistrusted, AuthorityDistrusted{Authority: op.SHA256, From: from}, words(ReasonFacts{Reason: op.Reason}))
}
