package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/schemas"
)

// act is a verified act of a person in the work of an agency, with what the deciders of its target need of it.
type act struct {
	h        *handIn
	pkg      *schemas.Package
	form     *schemas.DossierAction
	agency   document.Party
	office   *directory.Office  // of the agency; not to be changed
	standing directory.Standing // of the person, as of h.at
}

// at is as of when the act is judged. The first event that it leads to keeps it in its data as "judged": by that it is judged again.
func (a *act) at() time.Time { return a.h.at }

// decideAct decides an act by the state of its target and what other streams say. That an act was done before is not for it to find:
// the header id says so.
type decideAct func(context.Context, Streams, Own) ([]events.New, error)

// planTarget names the stream of the target for an agency's identity, and fills the command of its kind: planIncoming, planOutgoing
// and planDossier, each in a file of its own (plan_incoming.go, …).
func (a *act) planTarget() (stream func(org, id string) string, decide decideAct, err error) {
	switch a.form.Target.Kind {
	case schemas.TargetIncoming:
		stream, decide = incoming.Stream, a.planIncoming()
	case schemas.TargetOutgoing:
		stream, decide = outgoing.Stream, a.planOutgoing()
	case schemas.TargetDossier:
		stream, decide = dossier.Stream, a.planDossier()
	}
	if decide == nil {
		// The form says which acts there are on what: another cannot be read.
		return nil, nil, fmt.Errorf("couldn't plan act: no %s on %s", a.form.Act.Name(), a.form.Target.Kind)
	}
	return stream, decide, err
}

// locate finds the stream of the target: the agency goes on with what those it succeeds have begun, and with what came to them; what it
// begins itself bears its own name.
func (a *act) locate(ctx context.Context, streams Streams, name func(org, id string) string) (string, error) {
	for _, org := range a.agency.Identities {
		stream := name(org, a.form.Target.ID)
		if exists, err := streams.Exists(ctx, stream); err != nil || exists {
			return stream, err
		}
	}
	if a.form.Target.Kind == schemas.TargetIncoming && isDocumentKey(a.form.Target.ID) {
		d, err := streams.Document(ctx, document.StreamPrefix+a.form.Target.ID)
		if err != nil {
			return "", err
		}
		if as, ok := RecipientOf(d, a.agency.Identities); ok {
			return name(as, a.form.Target.ID), nil
		}
	}
	return name(a.agency.Org, a.form.Target.ID), nil
}

// planAction is for one act of a person. What the person may do is the kind's own rule; here it is found who asks: the agency by the
// signature, the person and in whose place by the agency's part of the directory.
func (h *handIn) planAction(ctx context.Context, p *schemas.Package) (*plan, error) {
	// Nobody brings an agency's acts but the agency: there is nothing to vouch for, and what a peer's agencies do within their
	// walls is that node's record.
	if h.caller.Kind != KindAgency && h.caller.Kind != KindNode {
		return nil, Refuse(CodeForbidden)
	}
	agency, err := h.admit(p.Header.From)
	if err != nil {
		return nil, err
	}
	v, err := h.verify(ctx, h.body.src)
	if err != nil {
		return nil, err
	}
	if err := h.bind(v, agency.Org); err != nil {
		return nil, err
	}
	if least := h.required(agency.Org, p.Kind); policy.Level(h.verdict.assurance) < policy.Level(least) {
		return nil, Refuse(CodeAssurance).With("required: " + least)
	}
	a := &act{h: h, pkg: p, form: p.Action, agency: agency}
	if err := a.person(); err != nil {
		return nil, err
	}
	name, decide, err := a.planTarget()
	if err != nil {
		return nil, err
	}
	var pl *plan
	pl = &plan{
		stream: name(agency.Org, a.form.Target.ID), actor: agency.Org, assurance: h.verdict.assurance, warnings: warnings(p.Warnings),
		header: h.actID(p, agency),
		decide: func(ctx context.Context, streams Streams, own Own) ([]events.New, outcome, error) {
			if err := a.current(own); err != nil {
				return nil, outcome{}, err
			}
			own.Stream = pl.stream
			news, err := decide(ctx, streams, own)
			if err != nil {
				return nil, outcome{}, err
			}
			return news, outcome{}, a.rebuildable(news)
		},
	}
	if len(agency.Identities) > 1 {
		pl.locate = func(ctx context.Context, streams Streams) (string, error) { return a.locate(ctx, streams, name) }
	}
	return pl, nil
}

// person finds who acts, and by what right.
func (a *act) person() error {
	var ok bool
	if a.office, ok = a.h.snap.Directory.Office(a.agency.Org); !ok {
		return Refuse(CodeOfficeNone).With(a.agency.Code)
	}
	who, place := a.pkg.Header.Person.Account, a.form.For
	if a.standing, ok = a.office.Standing(who, "", a.h.at); !ok {
		return Refuse(CodePersonUnknown).At("/Package/Header/Message/Person/Account").With(who)
	}
	if place == "" {
		return nil
	}
	if a.standing, ok = a.office.Standing(who, place, a.h.at); !ok {
		return Refuse(CodeNotInPlace).At("/Package/Body/DossierAction/For").With(who, place)
	}
	return nil
}

// actID binds the header id to the bytes of the act: it is the one-time id of a click, and an act done twice is two acts. So it is
// not enough, as it is for a submission, that the same is said again under another signature.
func (h *handIn) actID(p *schemas.Package, agency document.Party) *headerID {
	return &headerID{id: p.Header.ID, issuers: agency.Identities, bind: submission.Bind{
		Issuer: agency.Identities[0], Package: h.body.digest, Content: h.body.digest,
	}}
}

// current refuses an act on what is not any more what the person has seen.
func (a *act) current(own Own) error {
	if seen := a.form.Seen; seen != nil && *seen != own.Version {
		return Refuse(CodeActStale).At("/Package/Body/DossierAction/Seen").
			With(fmt.Sprintf("seen %d", *seen), fmt.Sprintf("now %d", own.Version))
	}
	return nil
}

// rebuildable says whether what was decided can be judged again: it must say as of when it was judged.
func (a *act) rebuildable(news []events.New) error {
	if len(news) == 0 {
		return fmt.Errorf("couldn't decide act %s: nothing to record", a.form.Act.Name())
	}
	var d struct {
		Judged time.Time `json:"judged"`
	}
	b, err := events.MarshalObject(news[0].Data)
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err == nil && !d.Judged.Equal(a.h.at) {
		err = fmt.Errorf("%s says it was judged as of %s, it is %s", news[0].Name, d.Judged, a.h.at)
	}
	if err != nil {
		return fmt.Errorf("couldn't decide act %s: %w", a.form.Act.Name(), err)
	}
	return nil
}
