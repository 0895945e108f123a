package delivery

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
)

const peerOrigin = "vpcp.example/log"

var start = time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)

func clock(d time.Duration) time.Time { return start.Add(d) }

func dig(name string) events.Digest { return events.Sum([]byte(name)) }

func ptr[T any](v T) *T { return &v }

// keep folds what a decision says, as a store would keep it, at position 10 + number of events.
func keep(t testing.TB, s State, d Decision, now time.Time, cause *events.Address) (State, []events.Event) {
	t.Helper()
	var out []events.Event
	for _, n := range d.Events {
		data, err := events.MarshalObject(n.Data)
		if err != nil {
			t.Fatal(err)
		}
		e := events.Event{Position: 10 + uint64(s.Events), Statement: events.Statement{
			Origin: "node.example/log", Name: n.Name, Time: now, Data: data, Cause: cause,
		}}
		if s, err = Fold(s, e); err != nil {
			t.Fatalf("couldn't fold what was decided: %v", err)
		}
		out = append(out, e)
	}
	return s, out
}

// decide gives the decision for any command.
func decide(s State, cmd any) (Decision, error) {
	switch c := cmd.(type) {
	case Offer:
		return DecideOffer(s, c)
	case Take:
		return DecideTake(s, c)
	case Acknowledge:
		return DecideAcknowledge(s, c)
	case TakeBack:
		return DecideTakeBack(s, c)
	case SetMark:
		return DecideMark(s, c)
	case RecordForwarded:
		return DecideForwarded(s, c)
	case RecordAttempt:
		return DecideAttempt(s, c)
	}
	panic(fmt.Sprintf("no decider for %T", cmd))
}

func offer(cause uint64, node string) Offer {
	return Offer{
		Offered: Offered{
			Item: "document/aa", ItemID: ItemDocument, Org: "H02.05", From: "G22", Node: node,
			Package: dig("package"), Size: 20480, Priority: 3, Assurance: "own",
		},
		Cause: events.Address{Origin: "node.example/log", Position: cause},
	}
}

func take(client string, after time.Duration) Take {
	return Take{At: clock(after), Client: client, Lease: 5 * time.Minute}
}

func attempt(reason string, after, giveUp time.Duration) RecordAttempt {
	return RecordAttempt{At: clock(after), Reason: reason, Attempts: 3, GiveUp: giveUp}
}

func forwarded(node string) RecordForwarded {
	return RecordForwarded{Forwarded{Node: node, Position: 7, Receipt: dig("receipt")}}
}

// now is when a command takes place, for those that say so.
func now(cmd any) time.Time {
	switch c := cmd.(type) {
	case Take:
		return c.At
	case RecordAttempt:
		return c.At
	}
	return start
}

// step is a command and what is expected of it: the names of the events without "delivery." and ".v1", joined by "+",
// or "earlier 12" (position), "nothing", or "!" and the reason of the refusal.
type step struct {
	cmd  any
	want string
}

func answer(d Decision, err error) string {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		return "!" + string(r.Reason)
	case err != nil:
		return err.Error()
	case d.Outcome == OutcomeEarlier:
		return fmt.Sprintf("earlier %d", d.Earlier.Position)
	case d.Outcome == OutcomeNothing:
		return "nothing"
	}
	var names []string
	for _, e := range d.Events {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(e.Name, "delivery."), ".v1"))
	}
	return strings.Join(names, "+")
}

func TestLives(t *testing.T) {
	const week = 7 * 24 * time.Hour
	again := take("a", 0)
	again.Request = ptr(dig("request 1"))
	other := take("a", time.Second)
	other.Request = ptr(dig("request 2"))
	stranger := take("b", time.Second)
	stranger.Request = again.Request
	final := attempt("refused:2004", time.Hour, week)
	final.Final = true
	moved := offer(6, "")
	wrongItem := offer(5, "")
	wrongItem.Org = "H02.06"
	tests := []struct {
		name  string
		steps []step
		phase Phase
	}{
		{"taken and acknowledged", []step{
			{offer(5, ""), "offered"}, {take("a", 0), "taken"}, {Acknowledge{"a"}, "acknowledged"},
			{Acknowledge{"a"}, "earlier 12"}, {take("a", time.Hour), "!acknowledged"}, {offer(6, ""), "earlier 10"},
		}, PhaseAcknowledged},
		{"offered twice", []step{{offer(5, ""), "offered"}, {offer(5, ""), "earlier 10"}, {offer(9, ""), "earlier 10"}}, PhaseOffered},
		{"another item", []step{{offer(5, ""), "offered"}, {wrongItem, "!other-item"}}, PhaseOffered},
		{"never offered", []step{
			{take("a", 0), "!unknown"}, {Acknowledge{"a"}, "!unknown"}, {TakeBack{"b"}, "!unknown"}, {SetMark{MarkUpdated, "b"}, "!unknown"},
			{forwarded(peerOrigin), "!unknown"}, {attempt("unreachable", 0, 0), "!unknown"},
		}, PhaseNone},
		{"incomplete", []step{
			{Offer{}, "!incomplete"}, {offer(5, ""), "offered"}, {Take{At: start, Lease: time.Second}, "!incomplete"},
			{Take{At: start, Client: "a"}, "!incomplete"}, {Acknowledge{}, "!incomplete"}, {TakeBack{}, "!incomplete"},
			{SetMark{"odd", "b"}, "!incomplete"}, {SetMark{MarkUpdated, ""}, "!incomplete"}, {RecordForwarded{}, "!incomplete"},
			{RecordAttempt{At: start}, "!incomplete"}, {attempt("Máy chủ bận", 0, 0), "!incomplete"},
		}, PhaseOffered},
		{"parallel takers", []step{
			{offer(5, ""), "offered"}, {take("a", 0), "taken"}, {take("b", time.Second), "!leased"}, {take("a", time.Second), "!leased"},
			{take("b", 5*time.Minute), "taken"}, {take("a", 6*time.Minute), "!leased"},
			{Acknowledge{"a"}, "acknowledged"}, {Acknowledge{"b"}, "earlier 13"},
		}, PhaseAcknowledged},
		{"same request again", []step{
			{offer(5, ""), "offered"}, {again, "taken"}, {again, "earlier 11"}, {other, "!leased"}, {stranger, "!leased"},
		}, PhaseTaken},
		{"acknowledged before taken", []step{{offer(5, ""), "offered"}, {Acknowledge{"a"}, "!not-taken"}}, PhaseOffered},
		{"acknowledged after the lease", []step{
			{offer(5, ""), "offered"}, {take("a", 0), "taken"}, {Acknowledge{"a"}, "acknowledged"},
		}, PhaseAcknowledged},
		{"recalled before taken", []step{
			{offer(5, ""), "offered"}, {TakeBack{"r"}, "withdrawn"}, {TakeBack{"r"}, "earlier 11"}, {TakeBack{"r2"}, "earlier 11"},
			{take("a", 0), "!withdrawn"}, {Acknowledge{"a"}, "!withdrawn"}, {SetMark{MarkUpdated, "u"}, "earlier 11"},
			{offer(9, ""), "earlier 10"}, {attempt("not-taken", 9*week, week), "nothing"},
		}, PhaseWithdrawn},
		{"recalled while leased", []step{
			{offer(5, ""), "offered"}, {take("a", 0), "taken"}, {TakeBack{"r"}, "marked"}, {TakeBack{"r"}, "earlier 12"},
			{TakeBack{"r2"}, "marked"}, {Acknowledge{"a"}, "acknowledged"},
		}, PhaseAcknowledged},
		{"recalled after the lease", []step{
			{offer(5, ""), "offered"}, {take("a", 0), "taken"}, {TakeBack{"r"}, "marked"}, {take("b", time.Hour), "taken"},
		}, PhaseTaken},
		{"recalled after acknowledgement", []step{
			{offer(5, ""), "offered"}, {take("a", 0), "taken"}, {Acknowledge{"a"}, "acknowledged"}, {TakeBack{"r"}, "marked"},
		}, PhaseAcknowledged},
		{"updated and replaced", []step{
			{offer(5, ""), "offered"}, {SetMark{MarkUpdated, "u"}, "marked"}, {SetMark{MarkUpdated, "u"}, "earlier 11"},
			{SetMark{MarkReplaced, "u"}, "marked"}, {take("a", 0), "taken"},
		}, PhaseTaken},
		{"not taken for a week", []step{
			{offer(5, ""), "offered"}, {attempt("not-taken", 6*24*time.Hour, week), "nothing"}, {attempt("not-taken", week, week), "failed"},
			{attempt("not-taken", 2*week, week), "nothing"}, {take("a", 2*week), "taken"},
		}, PhaseTaken},
		{"never given up", []step{{offer(5, ""), "offered"}, {attempt("not-taken", 99*week, 0), "nothing"}}, PhaseOffered},
		{"taken ones do not fail", []step{{offer(5, ""), "offered"}, {take("a", 0), "taken"}, {attempt("x", 9*week, week), "nothing"}}, PhaseTaken},
		{"peer", []step{
			{offer(5, peerOrigin), "offered"}, {take("a", 0), "!elsewhere"}, {Acknowledge{"a"}, "!elsewhere"},
			{forwarded("x"), "!wrong-node"}, {forwarded(peerOrigin), "forwarded"}, {forwarded(peerOrigin), "earlier 11"},
			{attempt("unreachable", time.Hour, week), "nothing"}, {TakeBack{"r"}, "marked"},
		}, PhaseForwarded},
		{"not for a peer", []step{{offer(5, ""), "offered"}, {forwarded(peerOrigin), "!here"}}, PhaseOffered},
		{"peer is away", []step{
			{offer(5, peerOrigin), "offered"}, {attempt("unreachable", time.Minute, week), "retrying"},
			{attempt("unreachable", time.Hour, week), "nothing"}, {attempt("busy", 2*time.Hour, week), "retrying"},
			{attempt("busy", 26*time.Hour, week), "retrying"}, {attempt("busy", week, week), "failed"},
			{attempt("busy", 2*week, week), "nothing"}, {forwarded(peerOrigin), "forwarded"},
		}, PhaseForwarded},
		{"failed and revived", []step{
			{offer(5, peerOrigin), "offered"}, {attempt("unreachable", week, week), "failed"}, {offer(5, peerOrigin), "earlier 10"},
			{offer(4, peerOrigin), "earlier 10"}, {offer(6, peerOrigin), "offered"}, {offer(6, peerOrigin), "earlier 10"},
			{attempt("unreachable", week, week), "retrying"}, {forwarded(peerOrigin), "forwarded"},
		}, PhaseForwarded},
		{"revived after moving here", []step{
			{offer(5, peerOrigin), "offered"}, {attempt("unreachable", week, week), "failed"}, {moved, "offered"}, {take("a", week), "taken"},
		}, PhaseTaken},
		{"refused for good", []step{
			{offer(5, peerOrigin), "offered"}, {final, "failed"}, {final, "nothing"}, {TakeBack{"r"}, "withdrawn"},
		}, PhaseWithdrawn},
		{"given up, then refused for good", []step{
			{offer(5, peerOrigin), "offered"}, {attempt("unreachable", week, week), "failed"}, {final, "failed"}, {final, "nothing"},
		}, PhaseFailed},
		{"recalled before forwarded", []step{
			{offer(5, peerOrigin), "offered"}, {attempt("unreachable", 0, week), "retrying"}, {TakeBack{"r"}, "withdrawn"},
			{attempt("unreachable", time.Hour, week), "nothing"},
		}, PhaseWithdrawn},
		{"peer had it after all", []step{
			{offer(5, peerOrigin), "offered"}, {TakeBack{"r"}, "withdrawn"}, {forwarded(peerOrigin), "forwarded+marked"}, {TakeBack{"r"}, "earlier 13"},
		}, PhaseForwarded},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s State
			for i, st := range test.steps {
				d, err := decide(s, st.cmd)
				if got := answer(d, err); got != st.want {
					t.Fatalf("step %d (%T): got %q, expected %q", i+1, st.cmd, got, st.want)
				}
				var cause *events.Address
				if o, ok := st.cmd.(Offer); ok {
					cause = &o.Cause
				}
				// A revival happens a week later in these lives.
				at := now(st.cmd)
				if _, ok := st.cmd.(Offer); ok && s.Phase == PhaseFailed {
					at = clock(week)
				}
				s, _ = keep(t, s, d, at, cause)
			}
			if s.Phase != test.phase {
				t.Errorf("phase is %q, expected %q", s.Phase, test.phase)
			}
		})
	}
}

func TestLease(t *testing.T) {
	s, _ := keep(t, State{}, must(DecideOffer(State{}, offer(5, ""))), start, nil)
	if !s.Takeable(start) || s.Waiting() {
		t.Error("an offered entry is not takeable, or waits for a peer")
	}
	d := must(DecideTake(s, Take{At: clock(1234567891), Client: "a", Lease: time.Minute}))
	if want := clock(time.Minute + 1234567*time.Microsecond); !d.Until.Equal(want) {
		t.Errorf("lease ends %v, expected %v", d.Until, want)
	}
	s, _ = keep(t, s, d, start, nil)
	if !s.Until.Equal(d.Until) || s.Client != "a" || s.Takes != 1 {
		t.Errorf("got %+v", s)
	}
	if !s.Leased(d.Until.Add(-1)) || s.Leased(d.Until) || s.Takeable(d.Until.Add(-1)) || !s.Takeable(d.Until) {
		t.Error("the lease does not end when it says")
	}
	var r *Refusal
	if _, err := DecideTake(s, take("b", 0)); !errors.As(err, &r) || !r.Until.Equal(d.Until) {
		t.Errorf("got %v, expected the end of the lease", err)
	}
	p, _ := keep(t, State{}, must(DecideOffer(State{}, offer(5, peerOrigin))), start, nil)
	if p.Takeable(start) || !p.Waiting() {
		t.Error("an entry for a peer is takeable, or does not wait")
	}
}

func must(d Decision, err error) Decision {
	if err != nil {
		panic(err)
	}
	return d
}

func TestFoldErrors(t *testing.T) {
	fold := func(names ...string) (State, error) {
		data := map[string]string{
			NameOffered: `{"item":"i","item_id":"document","org":"o","from":"f","package":"` + dig("p").String() + `","size":1,"priority":0,"assurance":"own"}`,
			NameTaken:   `{"client":"a","until":"2026-11-22T01:00:00Z"}`, NameAcknowledged: `{"client":"a"}`, NameWithdrawn: `{"by":"b"}`,
			NameMarked: `{"mark":"updated","by":"b"}`, NameForwarded: `{"node":"n","position":1,"receipt":"` + dig("r").String() + `"}`,
			NameRetrying: `{"reason":"r","attempts":1}`, NameFailed: `{"reason":"r","attempts":1}`,
		}
		var s State
		var err error
		for i, name := range names {
			if s, err = Fold(s, events.Event{Position: uint64(i), Statement: events.Statement{Name: name, Data: []byte(data[name])}}); err != nil {
				if i != len(names)-1 {
					t.Fatalf("%v: failed early: %v", names, err)
				}
				return s, err
			}
		}
		return s, nil
	}
	for _, names := range [][]string{
		{NameTaken}, {NameAcknowledged}, {NameWithdrawn}, {NameMarked}, {NameForwarded}, {NameRetrying}, {NameFailed},
		{NameOffered, NameOffered}, {NameOffered, NameAcknowledged}, {NameOffered, NameForwarded}, {NameOffered, NameRetrying},
		{NameOffered, NameTaken, NameWithdrawn}, {NameOffered, NameTaken, NameFailed},
		{NameOffered, NameTaken, NameAcknowledged, NameTaken}, {NameOffered, NameTaken, NameAcknowledged, NameAcknowledged},
		{NameOffered, NameWithdrawn, NameTaken}, {NameOffered, NameWithdrawn, NameMarked}, {NameOffered, NameMarked, NameMarked},
		{NameOffered, NameFailed, NameFailed},
	} {
		if _, err := fold(names...); err == nil || !strings.Contains(err.Error(), "cannot follow") {
			t.Errorf("%v: got %v, expected that it cannot follow", names, err)
		}
	}
	for _, e := range []struct{ name, data, want string }{
		{"delivery.eaten.v1", `{}`, "unknown event"},
		{NameOffered, `{`, "couldn't read"},
		{NameTaken, `{"client":"a","until":"today"}`, "couldn't read"},
		{NameAcknowledged, `[]`, "couldn't read"},
		{NameWithdrawn, `{"by":1}`, "couldn't read"},
		{NameMarked, `{"mark":1}`, "couldn't read"},
		{NameForwarded, `{"receipt":"12"}`, "couldn't read"},
		{NameFailed, `{"attempts":"x"}`, "couldn't read"},
	} {
		_, err := Fold(State{}, events.Event{Statement: events.Statement{Name: e.name, Data: []byte(e.data)}})
		if err == nil || !strings.Contains(err.Error(), e.want) {
			t.Errorf("%s %s: got %v, expected %q", e.name, e.data, err, e.want)
		}
	}
}

func TestStream(t *testing.T) {
	// printf 'tram delivery v1\ndocument/aa\ndocument\nH02.05' | sha256sum
	const want = "delivery/8bd5c721ad0c07529d659af74d786bf8778b658101963a885cbf7a2d18a28716"
	if got := Stream("document/aa", ItemDocument, "H02.05"); got != want {
		t.Errorf("got %s, expected %s", got, want)
	}
	if got := ItemStatus(events.Digest{0: 0xab}); got != "status:ab"+strings.Repeat("0", 62) {
		t.Errorf("got %s", got)
	}
}

func TestFoldDoesNotChangeTheOldState(t *testing.T) {
	s, _ := keep(t, State{}, must(DecideOffer(State{}, offer(5, ""))), start, nil)
	s, _ = keep(t, s, must(DecideMark(s, SetMark{MarkUpdated, "1"})), start, nil)
	s, _ = keep(t, s, must(DecideMark(s, SetMark{MarkUpdated, "2"})), start, nil)
	s, _ = keep(t, s, must(DecideMark(s, SetMark{MarkUpdated, "3"})), start, nil)
	a, _ := keep(t, s, must(DecideMark(s, SetMark{MarkUpdated, "a"})), start, nil)
	before := reflect.ValueOf(a.Marks).Len()
	keep(t, s, must(DecideMark(s, SetMark{MarkUpdated, "b"})), start, nil)
	if a.Marks[before-1].By != "a" {
		t.Errorf("a later fold of an earlier state has written into this one: %+v", a.Marks)
	}
}
