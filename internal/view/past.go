package view

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Moment is a time resolved to a place in the log.
type Moment struct {
	At       time.Time // the time asked for
	Position uint64    // how many events there were: all with node time at or before At
	Last     time.Time // node time of the last of them; zero if there were none
}

// Past gives the read side as it stood.
type Past interface {
	// Resolve finds the place of a time. ErrQuery for one that lies in the future: nobody knows yet what it holds.
	Resolve(ctx context.Context, at time.Time) (Moment, error)
	// Open gives views as of the moment to an asker (a client or account; "": the node itself); the caller closes them. *BuildingError
	// if they are still being made: ask again later. ErrPastBusy if too many are, or too many of this asker.
	Open(ctx context.Context, m Moment, asker string) (PastViews, error)
}

// PastViews answer as of a moment. Who may read is judged today: whoever may not read a document or register now gets
// ErrNotFound for its past too, and whoever came to it later finds it from the time on when it was theirs. A right recorded
// today opens the past: that is what auditors get it for.
type PastViews interface {
	Views
	Close() error
}

// BuildingError says that views of a moment are being made and how far they have got.
type BuildingError struct {
	Moment     Moment
	Read, Size uint64 // events
}

func (e *BuildingError) Error() string {
	return fmt.Sprintf("views as of position %d are being made: %d of %d events read", e.Moment.Position, e.Read, e.Size)
}

// ErrPastRoom says that views of a moment find no room. The operator must make some, or allow more.
var ErrPastRoom = errors.New("no room for views of that moment")

// ErrPastBusy says that too many moments are being made at the same time. Ask again later.
var ErrPastBusy = errors.New("too many moments of the past are asked for")
