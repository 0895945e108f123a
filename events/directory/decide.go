package directory

import (
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Decide judges a change. A refusal is a *Refusal; every other error is a defect of the caller. The same state and command
// always give the same decision.
func Decide(s State, c Change) (Decision, error) {
	c.At = c.At.UTC().Truncate(time.Microsecond)
	if c.ID == "" || len(c.Operations) == 0 || c.Content.IsZero() {
		return Decision{}, &Refusal{Reason: ReasonEmpty, Detail: c.ID}
	}
	if before, ok := s.changes.Get(c.ID); ok {
		if before.content != c.Content {
			return Decision{}, &Refusal{Reason: ReasonIDReused, Detail: c.ID}
		}
		return Decision{Outcome: OutcomeEarlier, Earlier: before.address, Count: before.events}, nil
	}
	authority, holder, refusal := s.authority(c)
	if refusal != nil {
		return Decision{}, refusal
	}
	j := &judge{c: c, authority: authority, holder: holder, before: s}
	first := ChangeAccepted{
		Change: c.ID, Content: c.Content, Authority: authority, Signer: c.Signer, Holder: holder, Operations: len(c.Operations), Judged: c.At,
	}
	if authority == AuthorityOffice {
		first.Person = c.Person
	}
	var err error
	if j.s, err = s.apply(first, nil, c.At, events.Address{}); err != nil {
		return Decision{}, err
	}
	for i, op := range c.Operations {
		j.index, j.kind = i, op.Kind()
		if err := j.operation(op); err != nil {
			return Decision{}, err
		}
	}
	if err := j.finish(); err != nil {
		return Decision{}, err
	}
	if len(j.bad) > 0 {
		return Decision{}, &Refusal{Reason: ReasonBadOperations, Bad: j.bad}
	}
	first.Events = 1 + len(j.out)
	return Decision{
		Outcome: OutcomeRecord,
		Events:  append([]events.New{{Name: NameChangeAccepted, Data: first, Facts: words(c.Facts)}}, j.out...),
	}, nil
}

// authority says by what right the signer may change the directory.
func (s State) authority(c Change) (Authority, Holder, *Refusal) {
	if s.events == 0 {
		if !slices.Contains(c.Pinned, c.Signer) {
			return "", Holder{}, &Refusal{Reason: ReasonNotPinned, Detail: c.Signer.String()}
		}
		return AuthorityGenesis, genesisHolder(c), nil
	}
	cert, ok := s.Certificate(c.Signer)
	if !ok {
		return "", Holder{}, &Refusal{Reason: ReasonSignerUnknown, Detail: c.Signer.String()}
	}
	var authority Authority
	valid := cert.ValidAt(c.At, PurposeSign)
	switch cert.Holder.Kind {
	case HolderOperator:
		authority = AuthorityAdministrator
	case HolderOrganisation:
		authority = AuthorityAgency
		if o, _ := s.orgs.Get(cert.Holder.ID); o.Node != "" || o.closedAt(c.At) {
			return "", Holder{}, &Refusal{Reason: ReasonSignerNoRight, Detail: c.Signer.String()}
		}
		if !valid && cert.ValidAt(c.At, PurposeCustody) {
			return s.officeAuthority(cert.Holder, c)
		}
	case HolderPeer:
		authority = AuthorityPeer
		valid = valid || cert.ValidAt(c.At, PurposePeer)
	default:
		return "", Holder{}, &Refusal{Reason: ReasonSignerNoRight, Detail: c.Signer.String()}
	}
	if !valid {
		// A certificate that is in force, but for other purposes, has no right; otherwise its time is the matter.
		for _, p := range cert.Purposes {
			if cert.ValidAt(c.At, p) {
				return "", Holder{}, &Refusal{Reason: ReasonSignerNoRight, Detail: c.Signer.String()}
			}
		}
		return "", Holder{}, &Refusal{Reason: ReasonSignerInvalid, Detail: c.Signer.String()}
	}
	return authority, cert.Holder, nil
}

// genesisHolder is the operator for whom the genesis change enrols its own signer, or an operator named "administrator".
func genesisHolder(c Change) Holder {
	for _, op := range c.Operations {
		if e, ok := op.(EnrolCertificate); ok && e.SHA256 == c.Signer && administrator(e.Holder, e.Purposes) {
			return e.Holder
		}
	}
	return Holder{Kind: HolderOperator, ID: "administrator"}
}

// judge goes through the operations of one change. s is the state after those judged good so far.
type judge struct {
	c         Change
	before    State // the change
	s         State
	authority Authority
	holder    Holder
	index     int
	kind      string
	out       []events.New
	bad       []BadOperation
	revoked   []int // operations that took an administrator's certificate away
	ofOffices int   // operations on agencies' own parts
}

// verdict is what is wrong with one operation; the zero value is nothing.
type verdict struct {
	reason Reason
	detail string
}

var good verdict

func wrong(r Reason, detail string) verdict { return verdict{r, detail} }

func (j *judge) operation(op Operation) error {
	v, err := j.dispatch(op)
	if v != good {
		j.bad = append(j.bad, BadOperation{Index: j.index, Kind: j.kind, Reason: v.reason, Detail: v.detail})
	}
	return err
}

func (j *judge) dispatch(op Operation) (verdict, error) {
	if of, ok := op.(officeOperation); ok {
		return j.officeOperation(of)
	}
	if j.authority == AuthorityOffice {
		return wrong(ReasonNotAllowed, j.c.Person), nil
	}
	switch op := op.(type) {
	case AddOrganisation:
		return j.addOrganisation(op)
	case ChangeOrganisation:
		return j.changeOrganisation(op)
	case CloseOrganisation:
		return j.closeOrganisation(op)
	case AddCode:
		return j.addCode(op)
	case RemoveCode:
		return j.removeCode(op)
	case EnrolCertificate:
		return j.enrolCertificate(op)
	case RevokeCertificate:
		return j.revokeCertificate(op)
	case RegisterClient:
		return j.registerClient(op)
	case RemoveClient:
		return j.removeClient(op)
	case AddPeer:
		return j.addPeer(op)
	case ChangePeer:
		return j.changePeer(op)
	case GrantReading:
		return j.grantReading(op)
	case RevokeReading:
		return j.revokeReading(op)
	case TrustAuthority:
		return j.trustAuthority(op)
	case DistrustAuthority:
		return j.distrustAuthority(op)
	case SetPolicy:
		return j.setPolicy(op)
	}
	return wrong(ReasonUnknownOperation, op.Kind()), nil
}

// emit records an event and lets later operations see it.
func (j *judge) emit(name string, data, facts any) error {
	s, err := j.s.apply(named(name, data), facts, j.c.At, events.Address{})
	if err != nil {
		return err
	}
	j.s = s
	j.out = append(j.out, events.New{Name: name, Data: data, Facts: facts})
	return nil
}

// named gives data its type where one type serves two events.
func named(name string, data any) any {
	switch name {
	case NamePeerAdded:
		return peerAdded{data.(PeerSet)}
	case NamePeerChanged:
		return peerChanged{data.(PeerSet)}
	}
	return data
}

// After is the state once a decision on s is recorded, but for positions: for those who look ahead before they record.
func After(s State, d Decision, now time.Time) (State, error) {
	var err error
	for _, e := range d.Events {
		if s, err = s.apply(named(e.Name, e.Data), e.Facts, now, events.Address{}); err != nil {
			return s, fmt.Errorf("couldn't look past the decision: %w", err)
		}
	}
	return s, nil
}

func (j *judge) administrates() bool {
	return j.authority == AuthorityGenesis || j.authority == AuthorityAdministrator
}

// manages says whether the signer may change the organisation itself and its codes.
func (j *judge) manages(o *Organisation) verdict {
	switch {
	case j.administrates():
		return good
	case j.authority == AuthorityPeer && o.Node == j.holder.ID:
		return good
	case j.authority == AuthorityPeer:
		return wrong(ReasonOutsideSpace, o.ID)
	}
	return wrong(ReasonNotAllowed, o.ID)
}

// inSpace says whether a code lies in the peer's identifier space, if a peer has signed.
func (j *judge) inSpace(code string) verdict {
	if j.authority != AuthorityPeer {
		return good
	}
	p, _ := j.s.peers.Get(j.holder.ID)
	for _, prefix := range p.Prefixes {
		if InSpace(prefix, code) {
			return good
		}
	}
	return wrong(ReasonOutsideSpace, code)
}

// named finds an organisation by any code that it ever had.
func (j *judge) named(code string) (*Organisation, verdict) {
	id, ok := j.s.codes.Get(code)
	if !ok {
		return nil, wrong(ReasonCodeUnknown, code)
	}
	o, _ := j.s.orgs.Get(id)
	return o, good
}

// finish adds what a genesis change must have, and refuses a change after which nobody could change the directory.
func (j *judge) finish() error {
	if j.authority == AuthorityGenesis {
		if _, ok := j.s.Certificate(j.c.Signer); !ok {
			err := j.emit(NameCertificateEnrolled, CertificateEnrolled{
				Certificate: j.c.Signer, Holder: j.holder, Purposes: []Purpose{PurposeSign},
				From: j.c.SignerFrom.UTC(), Until: j.c.SignerUntil.UTC(),
			}, nil)
			if err != nil {
				return err
			}
		}
	}
	for _, fp := range j.s.admins {
		if c, _ := j.s.Certificate(fp); !c.Revoked && c.ValidAt(j.c.At, PurposeSign) {
			return nil
		}
	}
	if j.authority == AuthorityGenesis && len(j.revoked) == 0 {
		j.bad = append(j.bad, BadOperation{Index: -1, Reason: ReasonLastAdministrator, Detail: j.c.Signer.String()})
	}
	for _, i := range j.revoked {
		j.bad = append(j.bad, BadOperation{Index: i, Kind: j.c.Operations[i].Kind(), Reason: ReasonLastAdministrator})
	}
	slices.SortStableFunc(j.bad, func(a, b BadOperation) int { return a.Index - b.Index })
	return nil
}

func (j *judge) orNow(t time.Time) time.Time {
	if t.IsZero() {
		return j.c.At
	}
	return t.UTC()
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// words gives facts as an event wants them: nil if there are none.
func words[T comparable](facts T) any {
	var empty T
	if facts == empty {
		return nil
	}
	return facts
}
