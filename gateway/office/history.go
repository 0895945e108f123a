package office

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

const (
	historyStep  = 2000   // events read at a time, from the end of the directory's stream
	historyMost  = 40_000 // events read for one page at most: the directory of a province changes a few thousand times a year
	historyItems = 50     // things listed of one change
)

// History gives the latest changes of an agency's office, latest first. before is what the call before returned as next, 0 at first; next is
// 0 when there is nothing older. A page may hold less than limit, even nothing, and yet have a next one: it looks back only so far at once.
func (o *Office) History(ctx context.Context, org string, before uint64, limit int) (list []view.OfficeChange, next uint64, err error) {
	end := uint64(o.o.Node.Snapshot().Directory.Version() + 1)
	if before > 0 && before < end {
		end = before
	}
	for read := 0; end > 0 && read < historyMost; read += historyStep {
		begin := end - min(end, historyStep)
		found, err := o.changesBetween(ctx, org, begin, end)
		if err != nil {
			return nil, 0, fmt.Errorf("couldn't read the history of %s: %w", org, err)
		}
		for i := len(found) - 1; i >= 0; i-- {
			if len(list) == limit {
				return list, found[i].version + 1, nil
			}
			list = append(list, found[i].change)
		}
		end = begin
	}
	return list, end, nil
}

// changeAt is a change of the office that began at a version of the directory's stream.
type changeAt struct {
	change  view.OfficeChange
	version uint64
}

// changesBetween gives those that began at a version in [begin, end).
func (o *Office) changesBetween(ctx context.Context, org string, begin, end uint64) (out []changeAt, err error) {
	office, ok := o.o.Node.Snapshot().Directory.Office(org)
	if !ok {
		return nil, nil
	}
	var current changeAt
	of, left := false, 0 // whether it changed this office, and how many of its events are still to come
	flush := func() {
		if of {
			out = append(out, current)
		}
		of = false
	}
	err = o.o.Log.Stream(ctx, directory.Stream, begin, func(e events.Event) error {
		if e.Statement.Version >= end && left == 0 {
			return errEnough
		}
		if e.Statement.Name == directory.NameChangeAccepted {
			flush()
			c, d, err := beganChange(office, e)
			current, left = changeAt{c, e.Statement.Version}, d.Events-1
			return err
		}
		if left == 0 {
			return nil // of a change that began before
		}
		left--
		item, is, err := changedItem(office, org, e)
		if err != nil || !is {
			return err
		}
		if of = true; len(current.change.Items) == historyItems {
			current.change.More++
		} else {
			current.change.Items = append(current.change.Items, item)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	flush()
	return out, nil
}

func beganChange(office *directory.Office, e events.Event) (view.OfficeChange, directory.ChangeAccepted, error) {
	var d directory.ChangeAccepted
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return view.OfficeChange{}, d, fmt.Errorf("couldn't read event %d: %w", e.Position, err)
	}
	var f directory.ChangeFacts
	if len(e.Facts) > 0 {
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return view.OfficeChange{}, d, fmt.Errorf("couldn't read facts of event %d: %w", e.Position, err)
		}
	}
	c := view.OfficeChange{Position: e.Position, At: e.Statement.Time, ByKind: string(d.Authority), Reason: f.Reason, By: f.Person}
	if d.Person != "" {
		c.Person = personOf(office, d.Person)
	}
	return c, d, nil
}

func personOf(office *directory.Office, id string) view.PersonRef {
	p, _ := office.Person(id)
	return view.PersonRef{ID: id, Name: p.Name, Position: p.Position}
}

// changedData is what the events of an office have in common, each its part.
type changedData struct {
	Org        string           `json:"org"`
	Unit       string           `json:"unit"`
	Person     string           `json:"person"`
	Delegation string           `json:"delegation"`
	Item       string           `json:"id"`
	Code       string           `json:"code"`
	Year       int              `json:"year"`
	Duties     []directory.Duty `json:"duties"`
}

// changedItem says what an event changed in the office, if it did.
func changedItem(office *directory.Office, org string, e events.Event) (view.OfficeChangeItem, bool, error) {
	name := e.Statement.Name
	if !ofOffice(name) {
		return view.OfficeChangeItem{}, false, nil
	}
	var d changedData
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return view.OfficeChangeItem{}, false, fmt.Errorf("couldn't read event %d: %w", e.Position, err)
	}
	if d.Org != org {
		return view.OfficeChangeItem{}, false, nil
	}
	item := view.OfficeChangeItem{Name: name, ID: d.Item}
	switch name {
	case directory.NameUnitSet, directory.NameUnitClosed:
		item.ID = d.Unit
	case directory.NamePersonSet, directory.NamePersonLeft:
		item.ID = d.Person
	case directory.NameDelegated, directory.NameDelegationWithdrawn:
		item.ID = d.Delegation
		if x, ok := office.Delegation(d.Delegation); ok {
			item.From, item.To = personOf(office, x.From), personOf(office, x.To)
			item.Start, item.End = x.Start, x.End
		}
	case directory.NameFilePlanSet:
		item.ID = d.Code
	case directory.NameCalendarSet:
		item.ID = fmt.Sprint(d.Year)
	}
	for _, x := range d.Duties {
		item.Duties = append(item.Duties, view.DutySettings{Role: string(x.Role), Unit: x.Unit, From: x.From, Until: x.Until})
	}
	item.Word = wordOf(e)
	return item, true, nil
}

// ofOffice says whether an event of this name is of an agency's office.
func ofOffice(name string) bool {
	switch name {
	case directory.NameUnitSet, directory.NameUnitClosed, directory.NamePersonSet, directory.NamePersonLeft, directory.NameDelegated,
		directory.NameDelegationWithdrawn, directory.NameRegisterSet, directory.NameSeriesSet, directory.NameChainSet, directory.NameFilePlanSet,
		directory.NameRetentionSet, directory.NameDeadlinesSet, directory.NameCalendarSet:
		return true
	}
	return false
}

// wordOf is the name that an event gave, "" if it gave none or it was destroyed.
func wordOf(e events.Event) string {
	var f directory.WordFacts
	if len(e.Facts) == 0 || json.Unmarshal(e.Facts, &f) != nil {
		return ""
	}
	return strings.TrimSpace(f.Name)
}
