package httpapi_test

import (
	"context"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway/rerun"
)

// judgedAgain judges the whole record of the world again: whatever a test did through the door, the rules must give the same.
func (w *world) judgedAgain(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	r, err := rerun.New(ctx, rerun.Options{Origin: origin, Record: w.store, Pinned: w.config.Pinned})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.All(ctx, 0, func(e events.Event) error { return r.One(ctx, e, rerun.Source{}) }); err != nil {
		t.Errorf("judged again: %v", err)
		return
	}
	if _, err := r.Finish(ctx); err != nil {
		t.Errorf("judged again: %v", err)
	}
}
