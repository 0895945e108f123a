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

// historyItems is how many things are listed of one change.
const historyItems = 50

// History gives the latest changes of an agency's office, latest first. before is what the call before returned as next, 0 at first; next is
// 0 when nothing older is known by its place (directory.KeptChanges).
func (o *Office) History(ctx context.Context, org string, before uint64, limit int) (list []view.OfficeChange, next uint64, err error) {
	office, ok := o.o.Node.Snapshot().Directory.Office(org)
	if !ok {
		return nil, 0, nil
	}
	for i := len(office.Changes) - 1; i >= 0; i-- {
		version := office.Changes[i]
		if before > 0 && version >= before {
			continue
		}
		if len(list) == limit {
			return list, version + 1, nil
		}
		c, err := o.changeAt(ctx, office, org, version)
		if err != nil {
			return nil, 0, fmt.Errorf("couldn't read the history of %s: %w", org, err)
		}
		list = append(list, c)
	}
	return list, 0, nil
}

// changeAt reads the change that begins at a version of the directory's stream, as far as it is about the office.
func (o *Office) changeAt(ctx context.Context, office *directory.Office, org string, version uint64) (c view.OfficeChange, err error) {
	left := 0 // of its events, still to come
	err = o.o.Log.Stream(ctx, directory.Stream, version, func(e events.Event) error {
		if e.Statement.Version == version {
			var d directory.ChangeAccepted
			if c, d, err = beganChange(office, e); err != nil {
				return err
			}
			left = d.Events
		} else if item, is, err := changedItem(office, org, e); err != nil {
			return err
		} else if is && len(c.Items) == historyItems {
			c.More++
		} else if is {
			c.Items = append(c.Items, item)
		}
		if left--; left == 0 {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return c, err
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
