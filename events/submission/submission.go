// Package submission binds the header id of a Submission package to what it carried: an id that its issuer has used once
// never comes to mean something else. The file inside is decided on its document's stream; the id is bound by a step of
// its own just before, which says the same however often it is repeated.
package submission

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// NameIDBound is the one event.
const NameIDBound = "submission.id-bound.v1"

// StreamPrefix begins the name of every stream of this package.
const StreamPrefix = "submission/"

// Stream is the stream of one id of one issuer: an organisation's identity or "channel:<name>". Neither holds a line feed.
func Stream(issuer, id string) string {
	sum := sha256.Sum256([]byte("tram submission v1\n" + issuer + "\n" + id))
	return StreamPrefix + hex.EncodeToString(sum[:])
}

// IDBound is the data of submission.id-bound.v1.
type IDBound struct {
	Issuer  string        `json:"issuer"`  // identity or "channel:<name>": whose id it is
	Package events.Digest `json:"package"` // of the package that used it first
	Content events.Digest `json:"content"` // of its signed content without signatures: what "the same package" means
}

// Bind is the command. The stream says which id is meant.
type Bind struct {
	Issuer  string
	Package events.Digest
	Content events.Digest
}

// State of one id.
type State struct {
	Bound IDBound
	Done  bool
}

// Errors of Decide.
var (
	ErrIDTaken    = errors.New("couldn't bind header id: it means another package")
	ErrIncomplete = errors.New("couldn't bind header id: no issuer, package or content")
)

// Decide gives the one event, none if the id means this content already: that of the same bytes, or of the same content
// signed again. It stays bound even if the package was not recorded after all; then only the same content gets through.
func Decide(s State, c Bind) ([]events.New, error) {
	switch {
	case c.Issuer == "" || c.Package.IsZero() || c.Content.IsZero():
		return nil, ErrIncomplete
	case s.Done && s.Bound.Content != c.Content:
		return nil, ErrIDTaken
	case s.Done:
		return nil, nil
	}
	return []events.New{{Name: NameIDBound, Data: IDBound(c)}}, nil
}

// Fold gives the state after one more event. It never changes s. An unknown event name, or a second event, is an error.
func Fold(s State, e events.Event) (State, error) {
	if e.Statement.Name != NameIDBound {
		return s, fmt.Errorf("couldn't fold header id: unknown event %q", e.Statement.Name)
	}
	if s.Done {
		return s, fmt.Errorf("couldn't fold header id: second event at position %d", e.Position)
	}
	var d IDBound
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return s, fmt.Errorf("couldn't fold header id: couldn't read %s at position %d: %w", e.Statement.Name, e.Position, err)
	}
	return State{Bound: d, Done: true}, nil
}

// FoldAll folds a whole stream.
func FoldAll(history []events.Event) (State, error) {
	var s State
	for _, e := range history {
		var err error
		if s, err = Fold(s, e); err != nil {
			return s, err
		}
	}
	return s, nil
}
