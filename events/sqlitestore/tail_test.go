package sqlitestore

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/tram-exchange/tram/events"
)

func TestTail(t *testing.T) {
	made := func(from, n uint64, size int) []events.Event {
		list := make([]events.Event, n)
		for i := range list {
			list[i] = events.Event{Position: from + uint64(i), Bytes: make([]byte, size, size+10)}
		}
		return list
	}
	holds := func(tl *tail, from, to uint64) {
		t.Helper()
		list, ok := tl.read(from, to)
		if !ok || uint64(len(list)) != to-from {
			t.Fatalf("events %d to %d are not in the tail (%d to %d)", from, to, tl.from, tl.from+uint64(len(tl.list)))
		}
		for i, e := range list {
			if e.Position != from+uint64(i) {
				t.Fatalf("position %d, expected %d", e.Position, from+uint64(i))
			}
			if cap(e.Bytes) != len(e.Bytes) {
				t.Fatalf("event %d can be appended to", e.Position)
			}
		}
	}
	lacks := func(tl *tail, from, to uint64) {
		t.Helper()
		if _, ok := tl.read(from, to); ok {
			t.Fatalf("events %d to %d are in the tail (%d to %d)", from, to, tl.from, tl.from+uint64(len(tl.list)))
		}
	}

	tl := &tail{from: 100}
	lacks(tl, 99, 100)
	lacks(tl, 100, 101)
	lacks(tl, 101, 100)
	tl.add(made(100, 10, 5))
	holds(tl, 100, 110)
	holds(tl, 109, 110)
	lacks(tl, 99, 101)
	lacks(tl, 109, 111)

	old, _ := tl.read(100, 110)
	for at := uint64(110); at < 3*tailEvents; at += 90 {
		tl.add(made(at, 90, 5))
		holds(tl, at, at+90)
		if len(tl.list) > tailEvents {
			t.Fatalf("%d events are kept, limit %d", len(tl.list), tailEvents)
		}
	}
	lacks(tl, 100, 110)
	if old[0].Position != 100 || old[9].Position != 109 {
		t.Fatal("what a reader holds has changed")
	}

	end := tl.from + uint64(len(tl.list))
	tl.add(made(end, 3, tailBytes/4))
	holds(tl, end, end+3)
	tl.add(made(end+3, 2, tailBytes/4))
	holds(tl, end+4, end+5)
	if tl.bytes > tailBytes {
		t.Fatalf("%d bytes are kept, limit %d", tl.bytes, tailBytes)
	}
	tl.add(made(end+5, 1, tailBytes+1))
	lacks(tl, end+5, end+6)
	if tl.bytes != 0 || len(tl.list) != 0 || tl.from != end+6 {
		t.Fatalf("%d bytes in %d events from %d, expected none from %d", tl.bytes, len(tl.list), tl.from, end+6)
	}
}

// What followers get of the tail is what the database would have given them, to the last field.
func TestTailIsWhatIsStored(t *testing.T) {
	ctx := context.Background()
	s := openTest(t, t.TempDir(), testOptions())
	for i := range 5 {
		_, err := s.Append(ctx, events.Append{
			Stream: "document/1", Expected: int64(2*i) - 1, Actor: "H02 \"x\"", Client: "cert:00", Cause: &events.Address{Origin: "other.example/log", Position: 7},
			Basis: events.Basis{Directory: 3, Policy: 4}, Package: newPackage(fmt.Append(nil, "<edXML/>", i)), Evidence: []byte("evidence"),
			Events: []events.New{
				{Name: "a.v1", Data: map[string]string{"k": "v<&>"}, Facts: map[string]string{"subject": "Về việc"}},
				{Name: "b.v1", Data: struct{}{}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(ctx, plain("other", int64(i)-1)); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (all, stream, one []events.Event) {
		t.Helper()
		into := func(list *[]events.Event) func(events.Event) error {
			return func(e events.Event) error { *list = append(*list, e); return nil }
		}
		if err := s.All(ctx, 1, into(&all)); err != nil {
			t.Fatal(err)
		}
		if err := s.Stream(ctx, "document/1", 2, into(&stream)); err != nil {
			t.Fatal(err)
		}
		e, err := s.Event(ctx, 3)
		if err != nil {
			t.Fatal(err)
		}
		return all, stream, append(one, e)
	}
	a1, s1, o1 := read()
	if len(a1) != 14 || len(s1) != 8 {
		t.Fatalf("%d events and %d of the stream, expected 14 and 8", len(a1), len(s1))
	}
	s.tail.drop(len(s.tail.list) - 1) // some of the stream is still there
	a2, s2, o2 := read()
	s.tail.drop(1)
	a3, s3, o3 := read()
	for _, c := range [][2][]events.Event{{a1, a2}, {s1, s2}, {o1, o2}, {a2, a3}, {s2, s3}, {o2, o3}} {
		if !reflect.DeepEqual(c[0], c[1]) {
			t.Errorf("the tail gave\n%+v\nthe database\n%+v", c[0], c[1])
		}
	}
}
