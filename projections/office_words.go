package projections

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

// Names, days and words that answers about an agency's work have in common.

// speaker knows an agency's words for persons and units, and its days.
type speaker struct {
	q      *question
	office *directory.Office // with the names of the snapshot; nil: none
	now    time.Time
	today  string
}

func (q *question) speaker(s *scope) *speaker {
	office, _ := q.directory.state.Office(s.office.Org)
	return &speaker{q: q, office: office, now: s.now, today: directory.Day(s.now)}
}

func (s *speaker) person(id string) view.PersonRef {
	ref := view.PersonRef{ID: id}
	if s.office != nil && id != "" {
		if p, ok := s.office.Person(id); ok {
			ref.Name, ref.Position = p.Name, p.Position
		}
	}
	return ref
}

func (s *speaker) unit(id string) view.UnitRef {
	ref := view.UnitRef{ID: id}
	if s.office != nil && id != "" {
		if u, ok := s.office.Unit(id); ok {
			ref.Name = u.Name
		}
	}
	return ref
}

func (s *speaker) assignee(unit, person string) view.Assignee {
	return view.Assignee{Unit: s.unit(unit), Person: s.person(person)}
}

func (s *speaker) assignees(list []directory.Assignee) []view.Assignee {
	var out []view.Assignee
	for _, a := range list {
		out = append(out, s.assignee(a.Unit, a.Person))
	}
	return out
}

// deadline of something that is not done: late is a matter of today.
func (s *speaker) deadline(day string) view.Deadline {
	d := view.Deadline{Day: day}
	if day == "" {
		return d
	}
	d.Late = day < s.today
	if s.office != nil {
		d.Left = s.office.Calendar.Between(s.today, day)
	}
	return d
}

// kept is the deadline of what is done.
func (s *speaker) kept(day string, late bool) view.Deadline {
	return view.Deadline{Day: day, Late: day != "" && late}
}

// stands says in whose place each act may be done, where it is not in the own name, and lists the acts once each, those in the own name
// first.
func stands(s *scope, sp *speaker, may func(directory.Standing) []string) (view.May, map[string]view.PersonRef) {
	var list view.May
	var places map[string]view.PersonRef
	known := map[string]bool{}
	for _, st := range s.standings {
		for _, act := range may(st) {
			if known[act] {
				continue
			}
			known[act] = true
			list = append(list, act)
			if st.For != "" {
				if places == nil {
					places = map[string]view.PersonRef{}
				}
				places[act] = sp.person(st.For)
			}
		}
	}
	return list, places
}

// acts are the events of a target's stream, as recorded.
func (q *question) acts(ctx context.Context, t *target) ([]events.Event, error) {
	var out []events.Event
	err := eachRow(ctx, q.conn, "SELECT id, statement, facts, destroyed FROM act WHERE target = ? ORDER BY id", []any{t.id}, func(rows *sql.Rows) error {
		var e events.Event
		if err := rows.Scan(&e.Position, &e.Bytes, &e.Facts, &e.Destroyed); err != nil {
			return err
		}
		var err error
		if e.Statement, err = events.DecodeStatement(e.Bytes); err != nil {
			return err
		}
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't load acts: %w", err)
	}
	return out, nil
}

// actData is what the data of acts have in common: ids, codes, days and numbers.
type actData struct {
	Person      string               `json:"person"`
	For         string               `json:"for"`
	To          json.RawMessage      `json:"to"`
	InCharge    json.RawMessage      `json:"in_charge"`
	Of          []directory.Assignee `json:"of"`
	Cooperating []directory.Assignee `json:"cooperating"`
	Unit        string               `json:"unit"`
}

// actFacts is what the words of acts have in common.
type actFacts struct {
	Note, Reason, Opinion, Text, Result, Question string
	Files                                         []struct {
		Name        string `json:"name"`
		ContentType string `json:"content_type"`
		Description string `json:"description"`
		Size        int64  `json:"size"`
	} `json:"files"`
}

func (f *actFacts) text() string {
	for _, s := range []string{f.Note, f.Reason, f.Opinion, f.Text, f.Result, f.Question} {
		if s != "" {
			return s
		}
	}
	return ""
}

func (f *actFacts) files() []view.Attachment {
	var out []view.Attachment
	for i, a := range f.Files {
		out = append(out, view.Attachment{Index: i, Name: a.Name, ContentType: a.ContentType, Description: a.Description, Size: a.Size})
	}
	return out
}

// trailDetails are the members of an act's data that a sentence about it needs.
var trailDetails = []string{"register", "book", "year", "n", "due", "before", "late", "again", "agree", "leader", "channel", "document", "outgoing", "by", "item", "task",
	"file_plan", "retention", "items", "version", "step", "series", "notation", "date", "code", "chain"}

// trail tells the life of a target. words decides of each act whether the asker may read its text; nil: of all.
func (sp *speaker) trail(list []events.Event, words func(events.Event) bool) ([]view.Trail, error) {
	out := make([]view.Trail, 0, len(list))
	for _, e := range list {
		line, err := sp.act(e, words == nil || words(e))
		if err != nil {
			return nil, fmt.Errorf("couldn't read act %d: %w", e.Position, err)
		}
		out = append(out, line)
	}
	return out, nil
}

func (sp *speaker) act(e events.Event, words bool) (view.Trail, error) {
	line := view.Trail{Position: e.Position, At: e.Statement.Time, Name: e.Statement.Name}
	var d actData
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return line, err
	}
	line.Person, line.For = sp.person(d.Person), sp.person(d.For)
	for _, raw := range []json.RawMessage{d.To, d.InCharge} {
		if a, ok := assigneeIn(raw); ok {
			line.To = append(line.To, sp.assignee(a.Unit, a.Person))
		}
	}
	line.To = append(line.To, sp.assignees(append(d.Cooperating, d.Of...))...)
	var all map[string]json.RawMessage
	if err := json.Unmarshal(e.Statement.Data, &all); err != nil {
		return line, err
	}
	for _, name := range trailDetails {
		if s := plain(all[name]); s != "" {
			if line.Detail == nil {
				line.Detail = map[string]string{}
			}
			line.Detail[name] = s
		}
	}
	if p := e.Statement.Package; p != nil && d.Person != "" {
		line.Package = hex.EncodeToString(p.SHA256[:])
	}
	if e.Facts == nil || !words {
		return line, nil
	}
	var f actFacts
	if err := json.Unmarshal(e.Facts, &f); err != nil {
		return line, err
	}
	line.Text, line.Files = f.text(), f.files()
	return line, nil
}

// assigneeIn reads a person's id or an assignee.
func assigneeIn(raw json.RawMessage) (a directory.Assignee, ok bool) {
	if len(raw) == 0 {
		return a, false
	}
	if raw[0] == '"' {
		return a, json.Unmarshal(raw, &a.Person) == nil && a.Person != ""
	}
	return a, json.Unmarshal(raw, &a) == nil && !a.IsZero()
}

// plain is a string, number or truth as text; anything else is none.
func plain(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case '{', '[', 'n', 'f':
		return ""
	}
	return string(raw)
}
