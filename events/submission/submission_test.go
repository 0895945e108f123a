package submission

import (
	"errors"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
)

func TestBind(t *testing.T) {
	first := Bind{Issuer: "H02.05", Package: events.Sum([]byte("package")), Content: events.Sum([]byte("content"))}
	again, other, empty := first, first, first
	again.Package = events.Sum([]byte("signed again"))
	other.Package, other.Content = events.Sum([]byte("other")), events.Sum([]byte("other content"))
	empty.Content = events.Digest{}

	news, err := Decide(State{}, first)
	if err != nil || len(news) != 1 || news[0].Name != NameIDBound || news[0].Facts != nil {
		t.Fatalf("first: got %+v, %v", news, err)
	}
	data, err := events.MarshalObject(news[0].Data)
	want := `{"issuer":"H02.05","package":"` + first.Package.String() + `","content":"` + first.Content.String() + `"}`
	if err != nil || string(data) != want {
		t.Fatalf("got %s, %v, expected %s", data, err, want)
	}
	e := events.Event{Statement: events.Statement{Name: NameIDBound, Data: data}}
	s, err := FoldAll([]events.Event{e})
	if err != nil || !s.Done || s.Bound != IDBound(first) {
		t.Fatalf("got %+v, %v", s, err)
	}
	for _, test := range []struct {
		name string
		c    Bind
		want error
	}{
		{"same bytes", first, nil},
		{"same content signed again", again, nil},
		{"other content", other, ErrIDTaken},
		{"incomplete", empty, ErrIncomplete},
	} {
		if news, err := Decide(s, test.c); !errors.Is(err, test.want) || len(news) != 0 {
			t.Errorf("%s: got %+v, %v", test.name, news, err)
		}
	}
	if _, err := FoldAll([]events.Event{e, e}); err == nil || !strings.Contains(err.Error(), "second event") {
		t.Errorf("second event: got %v", err)
	}
	for _, e := range []struct{ name, data, want string }{{"submission.freed.v1", "{}", "unknown event"}, {NameIDBound, "{", "couldn't read"}} {
		if _, err := Fold(State{}, events.Event{Statement: events.Statement{Name: e.name, Data: []byte(e.data)}}); err == nil || !strings.Contains(err.Error(), e.want) {
			t.Errorf("%s: got %v", e.name, err)
		}
	}
}

func TestStream(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range [][2]string{{"H02", "1"}, {"H02", "2"}, {"H02.05", "1"}, {"channel:H02", "1"}} {
		s := Stream(k[0], k[1])
		if seen[s] || !strings.HasPrefix(s, StreamPrefix) || len(s) != len(StreamPrefix)+64 {
			t.Errorf("%v: got %s", k, s)
		}
		seen[s] = true
	}
}
