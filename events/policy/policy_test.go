package policy

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

func keep(t testing.TB, s State, news []events.New) State {
	t.Helper()
	for _, n := range news {
		data, err := events.MarshalObject(n.Data)
		if err != nil {
			t.Fatal(err)
		}
		s, err = Fold(s, events.Event{Position: 40 + s.Number, Statement: events.Statement{Origin: "o", Name: n.Name, Data: data}})
		if err != nil {
			t.Fatalf("couldn't fold what was decided: %v", err)
		}
	}
	return s
}

func TestDecide(t *testing.T) {
	p := Default()
	news, err := Decide(State{}, p)
	if err != nil || len(news) != 1 {
		t.Fatalf("got %v, %v", news, err)
	}
	s := keep(t, State{}, news)
	if s.Number != 1 || s.Version() != 0 || s.Basis != 41 || s.Address != (events.Address{Origin: "o", Position: 40}) || s.Policy.Signature.RSABits != 2048 {
		t.Errorf("got %+v", s)
	}
	if news, err = Decide(s, p); err != nil || len(news) != 0 {
		t.Errorf("the same policy again: got %v, %v", news, err)
	}
	// Order and repetition in lists mean nothing.
	shuffled := p
	shuffled.Signature.Digests = []string{"SHA-512", "SHA-256", "SHA-384", "SHA-256"}
	if news, err = Decide(s, shuffled); err != nil || len(news) != 0 {
		t.Errorf("the same policy in other order: got %v, %v", news, err)
	}
	p.Delivery.GiveUpDays = 3
	if news, err = Decide(s, p); err != nil || len(news) != 1 {
		t.Fatalf("got %v, %v", news, err)
	}
	if s = keep(t, s, news); s.Number != 2 || s.Policy.Delivery.GiveUpDays != 3 {
		t.Errorf("got %+v", s)
	}
	if (State{}).Version() != -1 {
		t.Error("an empty stream has a version")
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Policy)
		want   Reason
	}{
		{"level", func(p *Policy) { p.Assurance = map[string]string{"edxml.status": "high"} }, ReasonLevel},
		{"no level", func(p *Policy) { p.Assurance = map[string]string{"": ""} }, ReasonLevel},
		{"SHA-1", func(p *Policy) { p.Signature.Digests = []string{"SHA-256", "SHA-1"} }, ReasonAlgorithm},
		{"DSA", func(p *Policy) { p.Signature.Signatures = []string{"DSA"} }, ReasonAlgorithm},
		{"curve", func(p *Policy) { p.Signature.Curves = []string{"P-224"} }, ReasonAlgorithm},
		{"short keys", func(p *Policy) { p.Signature.RSABits = 1024 }, ReasonAlgorithm},
		{"negative limit", func(p *Policy) { p.Limits.Recipients = -1 }, ReasonLimit},
		{"no lease", func(p *Policy) { p.Delivery.LeaseSeconds = 0 }, ReasonValue},
		{"revocation", func(p *Policy) { p.Revocation = "perhaps" }, ReasonValue},
		{"revocation age", func(p *Policy) { p.RevocationMaxAge = -1 }, ReasonValue},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := Default()
			test.change(&p)
			news, err := Decide(State{}, p)
			var r *Refusal
			if !errors.As(err, &r) || r.Reason != test.want || len(news) > 0 {
				t.Errorf("got %v, %v, expected %s", news, err, test.want)
			}
		})
	}
}

func TestFoldErrors(t *testing.T) {
	news, err := Decide(State{}, Default())
	if err != nil {
		t.Fatal(err)
	}
	s := keep(t, State{}, news)
	good, err := events.MarshalObject(news[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, event, data, want string
		s                       State
	}{
		{"unknown event", "policy.torn.v1", "{}", "unknown event", State{}},
		{"not JSON", NameSet, "{", "couldn't read", State{}},
		{"another policy", NameSet, strings.Replace(string(good), "2048", "1024", 1), "digest", State{}},
		{"twice", NameSet, string(good), "number", s},
		{"odd policy", NameSet, `{"number":1,"digest":"` + events.Sum([]byte(`[]`)).String() + `","policy":[]}`, "couldn't read policy", State{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Fold(test.s, events.Event{Statement: events.Statement{Name: test.event, Data: []byte(test.data)}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, expected %q", err, test.want)
			}
			if got.Number != test.s.Number {
				t.Error("an error has changed the state")
			}
		})
	}
}

func TestRequired(t *testing.T) {
	p := Policy{Assurance: map[string]string{"": "custody", "edxml.status": "channel"}}
	if got := p.Required("edxml.status"); got != "channel" {
		t.Errorf("got %q", got)
	}
	if got := p.Required("edxml.document"); got != "custody" {
		t.Errorf("got %q", got)
	}
	if !slices.IsSorted([]int{Level("no such"), Level("channel"), Level("agency"), Level("custody"), Level("own")}) || Level("") != 0 || Level("channel") != 1 {
		t.Error("levels are out of order")
	}
}

// What is decided can be folded, is the policy that was asked for, and is not decided twice.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s State
		for range rapid.IntRange(1, 8).Draw(rt, "changes") {
			p := Default()
			p.Signature.RSABits = rapid.SampledFrom([]int{1024, 2048, 3072}).Draw(rt, "bits")
			p.Delivery.GiveUpDays = rapid.IntRange(0, 2).Draw(rt, "days")
			p.Trial = rapid.Bool().Draw(rt, "trial")
			for range rapid.IntRange(0, 2).Draw(rt, "roots") {
				p.Roots = append(p.Roots, events.Sum([]byte{rapid.Byte().Draw(rt, "root")}))
			}
			news, err := Decide(s, p)
			var r *Refusal
			if err != nil {
				if !errors.As(err, &r) {
					rt.Fatal(err)
				}
				continue
			}
			before := s
			s = keep(t, s, news)
			if again, err := Decide(s, p); err != nil || len(again) != 0 {
				rt.Fatalf("decided twice: %v, %v", again, err)
			}
			_, want, err := p.Encode()
			if err != nil || s.Digest != want {
				rt.Fatalf("digest is %s, expected %s, %v", s.Digest, want, err)
			}
			if len(news) == 0 && !reflect.DeepEqual(before, s) {
				rt.Fatal("nothing decided, and the state has changed")
			}
		}
	})
}
