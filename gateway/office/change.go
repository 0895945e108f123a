package office

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
)

// Change is what a person of an agency asks to be changed of the agency's own part of the directory. Its operations name the agency
// by one of its codes (gateway.CodeOf).
type Change struct {
	Org        string // identity of the agency
	Person     string // id in its part of the directory
	PackageID  string // one-time id of the click
	Reason     string // the decision it follows
	Seen       *Seen  // nil: whatever others did meanwhile
	Operations []schemas.Operation
}

// Seen is what the person saw of one thing of the office. A change after that by somebody else makes the ask void, among all that go by
// this Office; the operator and an agency's own key may still come in between.
type Seen struct {
	Kind string // unit, person, register, series, chain, file-plan, retention; deadlines and calendar have no id
	ID   string
	At   uint64 // log position of its latest change, 0: there was none of this id
}

// Change makes a package of a change, signs it with the agency's key in custody in the name of the person, and hands it in by the door,
// where the directory says whether the person may. What was done under the id before is the answer.
func (o *Office) Change(ctx context.Context, c Change) (Done, error) {
	defer o.things.Lock("change/" + c.PackageID)()
	if d, known, err := o.changedBefore(ctx, c); known || err != nil {
		return d, err
	}
	defer o.things.Lock("office/" + c.Org)()
	if c.Seen != nil {
		if office, ok := o.o.Node.Snapshot().Directory.Office(c.Org); ok && c.Seen.now(office) != c.Seen.At {
			return Done{}, gateway.Refuse(gateway.CodeActStale).With(c.Seen.Kind, c.Seen.ID)
		}
	}
	acc, err := o.sign(ctx, c.Org, func(w io.Writer) error {
		h := o.header(Act{Org: c.Org, Person: c.Person, PackageID: c.PackageID})
		h.To = []string{"node:" + o.o.Node.Origin()}
		_, err := schemas.WriteDirectoryChange(w, h, schemas.DirectoryChange{Reason: c.Reason, Operations: c.Operations})
		return err
	}, func(r io.Reader) (gateway.Accepted, error) {
		return o.o.Node.Accept(ctx, gateway.Caller{Client: gateway.ClientNode, Kind: gateway.KindNode}, r, -1)
	})
	if err != nil {
		return Done{}, err
	}
	return Done{Stream: acc.Stream, Position: acc.Position, Package: acc.SHA256, Again: acc.Duplicate}, nil
}

// changedBefore finds the change of this agency that was accepted under the id. Another's is for the door to refuse.
func (o *Office) changedBefore(ctx context.Context, c Change) (Done, bool, error) {
	at, ok := o.o.Node.Snapshot().Directory.ChangeAccepted(c.PackageID)
	if !ok {
		return Done{}, false, nil
	}
	e, err := o.o.Log.Event(ctx, at.Position)
	if err != nil {
		return Done{}, false, fmt.Errorf("couldn't read event %d: %w", at.Position, err)
	}
	var d directory.ChangeAccepted
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return Done{}, false, fmt.Errorf("couldn't read event %d: %w", at.Position, err)
	}
	if d.Holder != (directory.Holder{Kind: directory.HolderOrganisation, ID: c.Org}) || d.Person != c.Person {
		return Done{}, false, nil
	}
	var sum events.Digest
	if e.Statement.Package != nil {
		sum = e.Statement.Package.SHA256
	}
	return Done{Stream: directory.Stream, Position: e.Position, Package: sum, Again: true}, true, nil
}

// now is the latest change of the thing, 0 if there is none.
func (s *Seen) now(o *directory.Office) uint64 {
	switch s.Kind {
	case "unit":
		u, _ := o.Unit(s.ID)
		return u.LastChange
	case "person":
		p, _ := o.Person(s.ID)
		return p.LastChange
	case "register":
		r, _ := o.Register(s.ID)
		return r.LastChange
	case "series":
		x, _ := o.SeriesOf(s.ID)
		return x.LastChange
	case "chain":
		x, _ := o.Chain(s.ID)
		return x.LastChange
	case "file-plan":
		x, _ := o.FilePlanEntry(s.ID)
		return x.LastChange
	case "retention":
		x, _ := o.Retention(s.ID)
		return x.LastChange
	case "deadlines":
		return o.DeadlinesChange
	case "calendar":
		return o.CalendarChange
	}
	return o.Position
}
