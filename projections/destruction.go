package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/internal/view"
)

// What a decision to destroy changes in the views is only what it says: which document goes, under which decision. The words
// themselves are not taken out row by row: they lie in tables, in the index of words and in free pages. The views are made anew
// from a log that no longer has them (Views.Rebuild), and only then is the destruction recorded as carried out.

func (b *batch) destructionDecided(ctx context.Context, e *decoded, data *destruction.Decided) error {
	d := destruction.Decision{Decided: *data}
	if e.Facts != nil {
		if err := json.Unmarshal(e.Facts, &d.Facts); err != nil {
			return fmt.Errorf("couldn't read facts: %w", err)
		}
	}
	words := d.Words()
	for _, t := range data.Targets {
		doc, err := b.concerned(ctx, t.Key())
		if err != nil {
			return err
		}
		if doc == nil {
			continue
		}
		itself := t.Document != "" || t.Package != nil && key(*t.Package) == doc.pkg || t.Event != nil && *t.Event == doc.received
		if itself && doc.decision == 0 {
			doc.decision = b.id(words)
		}
		l := b.line(e)
		l.pkg = nil // the request is no package of the document
		l.open = true
		b.with(&l, "decision", words)
		b.with(&l, "scope", string(data.Scope))
		b.history(doc, &l)
	}
	return nil
}

func (b *batch) destructionExecuted(ctx context.Context, e *decoded, data *destruction.Executed) error {
	doc, err := b.concerned(ctx, data.Document)
	if err != nil || doc == nil {
		return err
	}
	l := b.line(e)
	l.open = true
	b.with(&l, "facts", strconv.Itoa(data.Facts))
	b.with(&l, "packages", strconv.Itoa(data.Packages))
	b.history(doc, &l)
	return nil
}

// concerned is the document with a key, nil if there is none.
func (b *batch) concerned(ctx context.Context, text string) (*docState, error) {
	if text == "" {
		return nil, nil
	}
	k, err := parseKey(text)
	if err != nil {
		return nil, err
	}
	return b.document(ctx, k)
}

// destroyedBy is the decision under which the words of a document were destroyed, "" while they are there.
func (q *question) destroyedBy(d *docState) string {
	switch {
	case !d.destroyed:
		return ""
	case d.decision == 0:
		return view.DestroyedByUnrecorded
	}
	return q.text(d.decision)
}
