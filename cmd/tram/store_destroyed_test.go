package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
)

// destroyedStream is a stream of destruction as far as names go.
type destroyedStream []string

func (s destroyedStream) Stream(_ context.Context, stream string, from uint64, f func(events.Event) error) error {
	for v := from; v < uint64(len(s)); v++ {
		if err := f(events.Event{Statement: events.Statement{Stream: stream, Version: v, Name: s[v]}}); err != nil {
			return err
		}
	}
	return nil
}

// What one node destroys is out of the views of every other when it has read so far, also if it fails first or was away meanwhile.
func TestWhatAnotherNodeDestroyedIsForgotten(t *testing.T) {
	file := filepath.Join(t.TempDir(), forgottenFile)
	decided, forgotten := 0, 0
	var fails error
	open := func() *forgetter {
		return &forgetter{file: file, decide: func() { decided++ }, forget: func(context.Context) error {
			if fails == nil {
				forgotten++
			}
			return fails
		}}
	}
	f := open()
	want := func(s destroyedStream, d, g int) {
		t.Helper()
		f.record = s
		if err := f.look(t.Context()); !errors.Is(err, fails) {
			t.Fatalf("got %v, expected %v", err, fails)
		}
		if decided != d || forgotten != g {
			t.Errorf("%d decisions seen and %d times forgotten, expected %d and %d", decided, forgotten, d, g)
		}
	}
	s := destroyedStream{}
	want(s, 0, 0)
	s = append(s, destruction.NameDecided)
	want(s, 1, 0)
	want(s, 1, 0)
	s = append(s, destruction.NameExecuted, destruction.NameDecided)
	fails = errors.New("no room")
	want(s, 2, 0)
	want(s, 2, 0) // it is not said to be done, and the decision is not new
	fails = nil
	want(s, 2, 1)
	want(s, 2, 1)
	s = append(s, destruction.NameExecuted)
	f = open() // comes back after it was away
	want(s, 2, 2)
	f = open()
	want(s, 2, 2)
}
