package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/signing"
)

// The rules of the door are functions of a package, a snapshot, these terms, and what streams say. Nothing else may decide, or a
// record could not be judged again (package rerun).

// terms are what of a node's configuration takes part in its decisions.
type terms struct {
	origin     string
	pinned     []events.Digest
	before     *signing.Trust // believed while the record has no trust list
	assumed    bool           // before is not known, but what the record's own chains lead to
	trial      bool           // trial authorities may be on the list
	maxPackage int64
	leftOut    func(authority events.Digest, err error) // told of entries of the list that cannot be used; nil: nobody
}

// trustOf makes the trust of a state of the directory. What cannot be used is left out and named.
func (t *terms) trustOf(d directory.State) (*signing.Trust, error) {
	return TrustOf(d, t.before, t.trial, t.leftOut)
}

// MaxDeciding is how long a decision may take from the reading of directory and policy to its append. What took longer is decided
// anew: else the record could show trust in what had long been revoked.
const MaxDeciding = 10 * time.Minute

// MaxAppend is how much later than that an event may be dated at most: the append itself, and a clock that was put right meanwhile.
const MaxAppend = 2 * time.Minute

// Streams is what a decision reads of streams beside its own. The node asks its store; a record that is judged again, what it was
// then.
type Streams interface {
	Exists(ctx context.Context, stream string) (bool, error)
	Document(ctx context.Context, stream string) (document.State, error)
	Delivery(ctx context.Context, stream string) (delivery.State, error)
	HeaderID(ctx context.Context, stream string) (submission.State, error)
	// Event is one that was recorded before.
	Event(ctx context.Context, at events.Address) (events.Event, error)
	// The work of agencies.
	Incoming(ctx context.Context, stream string) (incoming.State, error)
	Outgoing(ctx context.Context, stream string) (outgoing.State, error)
	Dossier(ctx context.Context, stream string) (dossier.State, error)
	Number(ctx context.Context, stream string) (numbering.State, error)
	// Destruction is what was decided to be destroyed.
	Destruction(ctx context.Context) (destruction.State, error)
	// Gather finds what a target of a destruction covers now.
	Gather(ctx context.Context, t destruction.Target, scope destruction.Scope) (destruction.Covered, error)
}

// Own is the state of the stream that is decided on: of its kind, the others are zero.
type Own struct {
	Stream      string // of an act of a person: its name
	Version     uint64 // how many events it has
	Document    document.State
	Directory   directory.State
	Destruction destruction.State
	Incoming    incoming.State
	Outgoing    outgoing.State
	Dossier     dossier.State
}

// OwnOf folds the history of one of an agency's things: an incoming or outgoing document, a dossier.
func OwnOf(stream string, history []events.Event) (Own, error) {
	return ownOf(stream, history, func([]events.Event) (directory.State, error) {
		return directory.State{}, errors.New("couldn't fold the directory here")
	})
}

// ownOf folds the stream that is decided on; directory gives that of a directory's history.
func ownOf(stream string, history []events.Event, directoryAt func([]events.Event) (directory.State, error)) (o Own, err error) {
	o.Version = uint64(len(history))
	switch {
	case stream == directory.Stream:
		o.Directory, err = directoryAt(history)
	case stream == destruction.Stream:
		o.Destruction, err = destruction.FoldAll(history)
	case strings.HasPrefix(stream, incoming.StreamPrefix):
		o.Incoming, err = foldAll(history, incoming.Fold)
	case strings.HasPrefix(stream, outgoing.StreamPrefix):
		o.Outgoing, err = foldAll(history, outgoing.Fold)
	case strings.HasPrefix(stream, dossier.StreamPrefix):
		o.Dossier, err = foldAll(history, dossier.Fold)
	default:
		o.Document, err = foldAll(history, document.Fold)
	}
	return o, err
}

// storeStreams reads streams from a store.
type storeStreams struct{ store events.Store }

var errSeen = errors.New("seen")

// Exists says whether a stream has an event.
func (s storeStreams) Exists(ctx context.Context, stream string) (bool, error) {
	err := s.store.Stream(ctx, stream, 0, func(events.Event) error { return errSeen })
	if errors.Is(err, errSeen) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("couldn't look for stream: %w", err)
	}
	return false, nil
}

// Document folds a document's stream.
func (s storeStreams) Document(ctx context.Context, stream string) (document.State, error) {
	d, err := foldStream(ctx, s.store, stream, document.Fold)
	if err != nil {
		return d, fmt.Errorf("couldn't load document: %w", err)
	}
	return d, nil
}

// Delivery folds one delivery stream.
func (s storeStreams) Delivery(ctx context.Context, stream string) (delivery.State, error) {
	d, err := foldStream(ctx, s.store, stream, delivery.Fold)
	if err != nil {
		return d, fmt.Errorf("couldn't load delivery: %w", err)
	}
	return d, nil
}

// HeaderID folds the stream of a header id.
func (s storeStreams) HeaderID(ctx context.Context, stream string) (submission.State, error) {
	d, err := foldStream(ctx, s.store, stream, submission.Fold)
	if err != nil {
		return d, fmt.Errorf("couldn't load header id: %w", err)
	}
	return d, nil
}

// Event reads an event of this log.
func (s storeStreams) Event(ctx context.Context, at events.Address) (events.Event, error) {
	e, err := s.store.Event(ctx, at.Position)
	if err == nil && e.Statement.Origin != at.Origin {
		err = fmt.Errorf("event %d is of %s, expected %s", at.Position, e.Statement.Origin, at.Origin)
	}
	if err != nil {
		return e, fmt.Errorf("couldn't read event: %w", err)
	}
	return e, nil
}

// Incoming folds the stream of an incoming document.
func (s storeStreams) Incoming(ctx context.Context, stream string) (incoming.State, error) {
	d, err := foldStream(ctx, s.store, stream, incoming.Fold)
	if err != nil {
		return d, fmt.Errorf("couldn't load incoming document: %w", err)
	}
	return d, nil
}

// Outgoing folds the stream of an outgoing document.
func (s storeStreams) Outgoing(ctx context.Context, stream string) (outgoing.State, error) {
	d, err := foldStream(ctx, s.store, stream, outgoing.Fold)
	if err != nil {
		return d, fmt.Errorf("couldn't load outgoing document: %w", err)
	}
	return d, nil
}

// Dossier folds the stream of a dossier.
func (s storeStreams) Dossier(ctx context.Context, stream string) (dossier.State, error) {
	d, err := foldStream(ctx, s.store, stream, dossier.Fold)
	if err != nil {
		return d, fmt.Errorf("couldn't load dossier: %w", err)
	}
	return d, nil
}

// Number folds the stream of a number.
func (s storeStreams) Number(ctx context.Context, stream string) (numbering.State, error) {
	d, err := foldStream(ctx, s.store, stream, numbering.Fold)
	if err != nil {
		return d, fmt.Errorf("couldn't load number: %w", err)
	}
	return d, nil
}

func foldStream[S any](ctx context.Context, store events.Store, stream string, fold func(S, events.Event) (S, error)) (S, error) {
	var s S
	err := store.Stream(ctx, stream, 0, func(e events.Event) (err error) {
		s, err = fold(s, e)
		return err
	})
	return s, err
}

func foldAll[S any](history []events.Event, fold func(S, events.Event) (S, error)) (S, error) {
	var s S
	for _, e := range history {
		var err error
		if s, err = fold(s, e); err != nil {
			return s, err
		}
	}
	return s, nil
}
