package delivery

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

func drawCommand(t *rapid.T, node string, at time.Time) any {
	by := rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "by")
	client := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "client")
	switch rapid.IntRange(0, 8).Draw(t, "command") {
	case 0:
		o := offer(uint64(rapid.IntRange(1, 9).Draw(t, "cause")), node)
		o.Package = dig(by) // re-signed
		return o
	case 1, 2:
		c := Take{At: at, Client: client, Lease: time.Minute}
		if rapid.Bool().Draw(t, "request") {
			c.Request = ptr(dig(client))
		}
		return c
	case 3:
		return Acknowledge{client}
	case 4:
		return TakeBack{by}
	case 5:
		return SetMark{rapid.SampledFrom([]Mark{MarkUpdated, MarkReplaced}).Draw(t, "mark"), by}
	case 6:
		return forwarded(peerOrigin)
	}
	return RecordAttempt{
		At: at, Reason: rapid.SampledFrom([]string{"unreachable", "busy"}).Draw(t, "reason"), Attempts: 1,
		Final: rapid.IntRange(0, 9).Draw(t, "final") == 0, GiveUp: 3 * day,
	}
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		node := rapid.SampledFrom([]string{"", peerOrigin}).Draw(rt, "node")
		at := start
		var s State
		var history []events.Event
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 100).Draw(rt, "minutes")) * time.Minute)
			cmd := drawCommand(rt, node, at)
			before := s
			d, err := decide(s, cmd)
			again, err2 := decide(s, cmd)
			if !reflect.DeepEqual(d, again) || !reflect.DeepEqual(err, err2) {
				rt.Fatalf("decisions differ: %+v, %v and %+v, %v", d, err, again, err2)
			}
			var r *Refusal
			if err != nil && (!errors.As(err, &r) || len(d.Events) > 0) {
				rt.Fatalf("got %+v, %v", d, err)
			}
			if (d.Outcome == OutcomeRecord) != (len(d.Events) > 0) {
				rt.Fatalf("outcome %q with %d events", d.Outcome, len(d.Events))
			}
			var cause *events.Address
			if o, ok := cmd.(Offer); ok {
				cause = &o.Cause
			}
			var recorded []events.Event
			s, recorded = keep(t, s, d, at, cause)
			history = append(history, recorded...)
			check(rt, before, s, cmd, d, err)
			// The same command again has no further effect, except that a client may take and hold anew after the lease.
			if err == nil {
				if d2, err := decide(s, cmd); err == nil && d2.Outcome == OutcomeRecord {
					rt.Fatalf("%T twice: got %q again", cmd, answer(d2, nil))
				}
			}
		}
		var replayed State
		for _, e := range history {
			var err error
			if replayed, err = Fold(replayed, e); err != nil {
				rt.Fatal(err)
			}
		}
		if !reflect.DeepEqual(s, replayed) {
			rt.Fatalf("replay gives %+v, expected %+v", replayed, s)
		}
	})
}

// check says what must hold after every step.
func check(t *rapid.T, before, s State, cmd any, d Decision, err error) {
	if s.Phase == PhaseWithdrawn && (s.Takes > 0 || s.AcknowledgedBy != "" || !s.Forward.Receipt.IsZero()) {
		t.Fatalf("withdrawn, and handed out: %+v", s)
	}
	if s.Phase == PhaseAcknowledged && s.Takes == 0 {
		t.Fatalf("acknowledged, and never taken: %+v", s)
	}
	if s.Offer.Node != "" && (s.Takes > 0 || s.AcknowledgedBy != "") {
		t.Fatalf("for another node, and taken here: %+v", s)
	}
	if s.Offer.Node == "" && (s.Phase == PhaseForwarded || s.Phase == PhaseRetrying) {
		t.Fatalf("for this node, and forwarded: %+v", s)
	}
	if before.Phase == PhaseAcknowledged && s.Phase != PhaseAcknowledged {
		t.Fatalf("acknowledged, then %q", s.Phase)
	}
	if before.Phase == PhaseForwarded && s.Phase != PhaseForwarded {
		t.Fatalf("forwarded, then %q", s.Phase)
	}
	if before.Phase == PhaseWithdrawn && s.Phase != PhaseWithdrawn && s.Phase != PhaseForwarded {
		t.Fatalf("withdrawn, then %q", s.Phase)
	}
	if take, ok := cmd.(Take); ok && err == nil && d.Outcome == OutcomeRecord && before.Leased(take.At) {
		t.Fatalf("handed out during a running lease: %+v", before)
	}
	if s.Phase != PhaseNone && (s.Offer.Org != "H02.05" || s.Offers < 1) {
		t.Fatalf("the entry is another one: %+v", s)
	}
}

func benchmarkFold(b *testing.B, name string, data any, s State) {
	raw, err := events.MarshalObject(data)
	if err != nil {
		b.Fatal(err)
	}
	e := events.Event{Position: 9, Statement: events.Statement{Origin: "node.example/log", Name: name, Time: start, Data: raw}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fold(s, e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkFoldOffered(b *testing.B) {
	benchmarkFold(b, NameOffered, offer(5, "").Offered, State{})
}

func BenchmarkFoldTaken(b *testing.B) {
	s, _ := keep(b, State{}, must(DecideOffer(State{}, offer(5, ""))), start, nil)
	benchmarkFold(b, NameTaken, Taken{Client: "token:qlvb-05", Until: start}, s)
}

func BenchmarkFoldAcknowledged(b *testing.B) {
	s, _ := keep(b, State{}, must(DecideOffer(State{}, offer(5, ""))), start, nil)
	s, _ = keep(b, s, must(DecideTake(s, take("a", 0))), start, nil)
	benchmarkFold(b, NameAcknowledged, Acknowledged{Client: "token:qlvb-05"}, s)
}
