package office

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
)

// Act is what a person asks for, signed in.
type Act struct {
	Org       string // identity of the agency
	Person    string // id in its part of the directory
	PackageID string // one-time id of the click
	Action    schemas.DossierAction
	Files     []schemas.File // file i is that of Action.Files[i]; they may be described by the node: Action.Files empty
}

// Done is an act in the record.
type Done struct {
	Stream   string
	Position uint64
	Package  events.Digest
	Again    bool  // it was done before, under this id
	Pending  error // why not everything that follows is done yet; the node goes on by itself
}

// Do makes a package of an act, signs it with the agency's key in custody, hands it in by the door, and carries on what follows. An act
// whose id was used before is not done again: what was done then is the answer.
func (o *Office) Do(ctx context.Context, a Act) (Done, error) {
	defer o.things.Lock("act/" + a.Org + "/" + a.PackageID)() // a click that is still under way is waited for
	if d, known, err := o.before(ctx, a); known || err != nil {
		return d, err
	}
	acc, err := o.sign(ctx, a.Org, func(w io.Writer) error {
		_, err := schemas.WriteDossierAction(w, o.header(a), a.Action, a.Files)
		return err
	}, func(r io.Reader) (gateway.Accepted, error) {
		return o.o.Node.Accept(ctx, gateway.Caller{Client: gateway.ClientNode, Kind: gateway.KindNode}, r, -1)
	})
	if errors.Is(err, gateway.Refuse(gateway.CodeHeaderTaken)) { // another node of the log was quicker
		if d, known, again := o.before(ctx, a); known || again != nil {
			return d, again
		}
	}
	if err != nil {
		return Done{}, err
	}
	d := Done{Stream: acc.Stream, Position: acc.Position, Package: acc.SHA256, Again: acc.Duplicate}
	d.Pending = o.Carry(context.WithoutCancel(ctx), acc.Stream)
	return d, nil
}

// header of the package of an act.
func (o *Office) header(a Act) schemas.Header {
	dir, now := o.o.Node.Snapshot().Directory, o.o.Node.Now()
	h := schemas.Header{ID: a.PackageID, From: gateway.CodeOf(dir, a.Org, now), IssuedAt: now, Person: schemas.Person{Account: a.Person}}
	if office, ok := dir.Office(a.Org); ok {
		p, _ := office.Person(a.Person)
		h.Person.Name, h.Person.Position = p.Name, p.Position
	}
	if h.Person.Name == "" {
		h.Person.Name = a.Person // the form wants a name; where the words were destroyed the id stands for it
	}
	return h
}

// before finds what was done under the id. An id that was bound without an act being recorded is lost: the node stopped in between.
func (o *Office) before(ctx context.Context, a Act) (Done, bool, error) {
	for _, org := range o.o.Node.Snapshot().Directory.Identities(a.Org, o.o.Node.Now()) {
		s, err := o.streams.HeaderID(ctx, submission.Stream(org, a.PackageID))
		if err != nil {
			return Done{}, false, err
		}
		if !s.Done {
			continue
		}
		positions, err := o.o.Log.FindPackage(ctx, s.Bound.Package)
		if err != nil {
			return Done{}, false, fmt.Errorf("couldn't look for an act: %w", err)
		}
		if len(positions) == 0 {
			return Done{}, false, gateway.Refuse(gateway.CodeActInterrupted).With(a.PackageID)
		}
		e, err := o.o.Log.Event(ctx, positions[0])
		if err != nil {
			return Done{}, false, fmt.Errorf("couldn't read event %d: %w", positions[0], err)
		}
		return Done{Stream: e.Statement.Stream, Position: e.Position, Package: s.Bound.Package, Again: true}, true, nil
	}
	return Done{}, false, nil
}
