package refusal

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
)

func TestRefusal(t *testing.T) {
	digest := events.Sum([]byte("package"))
	tests := []struct {
		name string
		c    Record
		want string
	}{
		{"whole", Record{Digest: digest, Caller: "token:a", Sender: "H02", Code: "2004"},
			`{"digest":"` + digest.String() + `","caller":"token:a","sender":"H02","code":"2004"}`},
		{"of a secret", Record{Digest: digest, Caller: "token:a", Sender: "H02", Code: "3001", Secret: true},
			`{"caller":"token:a","sender":"H02","code":"3001"}`},
		{"unknown", Record{Caller: "token:a", Code: "2004"}, `{"caller":"token:a","code":"2004"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			news, err := Decide(State{}, test.c)
			if err != nil || len(news) != 1 || news[0].Name != NameRecorded || news[0].Facts != nil {
				t.Fatalf("got %+v, %v", news, err)
			}
			data, err := events.MarshalObject(news[0].Data)
			if err != nil || string(data) != test.want {
				t.Fatalf("got %s, %v, expected %s", data, err, test.want)
			}
			e := events.Event{Position: 6, Statement: events.Statement{Origin: "o", Name: NameRecorded, Data: data}}
			s, err := Fold(State{}, e)
			if err != nil || !s.Done || s.Address.Position != 6 || !reflect.DeepEqual(s.Recorded, news[0].Data) {
				t.Errorf("got %+v, %v", s, err)
			}
			if again, err := Decide(s, test.c); err != nil || len(again) != 0 {
				t.Errorf("twice: got %v, %v", again, err)
			}
			if _, err := Fold(s, e); err == nil || !strings.Contains(err.Error(), "second event") {
				t.Errorf("second event: got %v", err)
			}
		})
	}
	for _, c := range []Record{{Code: "2004"}, {Caller: "token:a"}} {
		if _, err := Decide(State{}, c); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	for _, e := range []struct{ name, data, want string }{{"refusal.taken-back.v1", "{}", "unknown event"}, {NameRecorded, "{", "couldn't read"}} {
		if _, err := Fold(State{}, events.Event{Statement: events.Statement{Name: e.name, Data: []byte(e.data)}}); err == nil || !strings.Contains(err.Error(), e.want) {
			t.Errorf("%s: got %v", e.name, err)
		}
	}
	if got := Stream([16]byte{0: 0xab, 15: 1}); got != "refusal/ab000000000000000000000000000001" {
		t.Errorf("got %s", got)
	}
}
