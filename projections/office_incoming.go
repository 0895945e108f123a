package projections

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

// Incoming documents: a row is there from the offer of a document to an agency that has an office, or from the entry of what came on
// paper; the events of its stream go on with it.

// incomingStates number view.Incoming*. Only add at the end.
var incomingStates = [...]string{
	1: view.IncomingArrived, 2: view.IncomingRegistered, 3: view.IncomingPresented, 4: view.IncomingAssigned, 5: view.IncomingHandling,
	6: view.IncomingFinished, 7: view.IncomingRefused, 8: view.IncomingWithdrawn,
}

const (
	incomingArrived   = 1
	incomingFinished  = 6
	incomingRefused   = 7
	incomingWithdrawn = 8
)

// incomingRow is what is kept of an incoming document.
type incomingRow struct {
	At       int64  `json:"at"`             // of arrival, microseconds
	Place    uint64 `json:"place"`          // event of the arrival
	Day      string `json:"day"`            // of arrival
	From     string `json:"from,omitempty"` // identity of who sent it
	Type     string `json:"type,omitempty"` // folded
	Priority int    `json:"priority,omitempty"`
	Register string `json:"by,omitempty"` // day by which it should be registered
}

// arrived begins the row of a document that is offered to an agency with an office.
func (b *batch) arrived(ctx context.Context, d *docState, v *deliveryState) error {
	org := b.texts(v.org)
	office, ok := b.office(org)
	if !ok || v.peer != 0 || v.kind != kindDocument {
		return nil
	}
	name := hex.EncodeToString(d.key[:])
	t, err := b.target(ctx, targetIncoming, org, name)
	if err != nil {
		return err
	}
	if t == nil {
		if t, err = b.newTarget(v.id, targetIncoming, org, name); err != nil {
			return err
		}
	}
	t.doc = d.id
	row := t.row.(*incomingRow)
	if row.Place == 0 {
		row.Place = v.id
	}
	row.At = v.offered
	row.Day = directory.Day(fromMicros(v.offered))
	row.From, row.Type, row.Priority = b.texts(d.org), d.typ, int(v.priority)
	row.Register = office.Due("register", row.Priority, fromMicros(v.offered))
	if t.state == 0 {
		t.state, t.due = incomingArrived, row.Register
	}
	b.touchTarget(t)
	return nil
}

// arrivalOf is the row of a document that was offered to the agency before it had an office, nil if it never was.
func (b *batch) arrivalOf(ctx context.Context, org, name string) (*target, error) {
	k, err := parseKey(name)
	if err != nil {
		return nil, nil // it came another way
	}
	d, err := b.document(ctx, k)
	if d == nil || err != nil {
		return nil, err
	}
	v, err := b.delivery(ctx, deliveryKey(name, org))
	if v == nil || err != nil {
		return nil, err
	}
	if err := b.arrived(ctx, d, v); err != nil {
		return nil, err
	}
	return b.target(ctx, targetIncoming, org, name)
}

func (r *incomingRow) derive(d *derivation) {
	d.list(listType, r.Type)
	d.list(listParty, r.From)
	d.listNumber(listMonth, month(r.Day))
	if d.state == incomingArrived {
		d.do(workItem{since: r.Place, what: workNumber(view.WorkRegister), prio: uint8(r.Priority), due: r.Register, body: workBody{Since: r.At}}, workPool, "", "")
	}
}

func (r *incomingRow) fold(_ context.Context, _ *batch, t *target, e *decoded) error {
	return fmt.Errorf("incoming document %s: no view knows %s", t.name, e.Statement.Name)
}
