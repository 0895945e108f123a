package document

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

var (
	recipientPool = []string{"H02.06", "000.00.06.H02", "H02.old", "H02.07", "G22", "G22.01", "H02.shut", "H99"}
	senderPool    = []string{"H02.05", "H02.05", "H02.05", "000.00.05.H02", "H05.05", "H02.06"}
	reporterPool  = []string{"H02.06", "H02.06", "000.00.06.H02", "H02.07", "G22", "H02.05"}
	orgPool       = []string{"H02.06", "H02.07", "G22", "H05.09"}
	statusPool    = []string{"01", "02", "03", "04", "05", "06", "13", "13", "15", "16", "07", "x"}
)

// drawCommand gives any command on the stream of one document, with what identifies the package.
func drawCommand(t *rapid.T, n int) (any, events.Digest) {
	pick := func(pool []string, label string) string { return rapid.SampledFrom(pool).Draw(t, label) }
	some := func(pool []string, label string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(pool), 0, 3).Draw(t, label)
	}
	pkg := dig(fmt.Sprint("package ", rapid.IntRange(0, n).Draw(t, "package")))
	switch rapid.IntRange(0, 5).Draw(t, "command") {
	case 0, 1:
		c := receive(some(recipientPool[:6], "to")...).with(func(c *Receive) {
			c.Sender, c.Package, c.Failed = party(pick(senderPool, "sender")), pkg, some(orgPool, "failed")
			if rapid.IntRange(0, 7).Draw(t, "other") == 0 {
				c.Content = dig("other")
			}
		})
		return c, pkg
	case 2:
		e := RecordEffect{
			Effect: EffectOn{
				Kind:     rapid.SampledFrom([]EffectKind{EffectRecall, EffectUpdate, EffectReplace}).Draw(t, "effect"),
				Document: Key("H02.05", docID), Recipients: some(orgPool, "concerned"),
			},
			By: pick([]string{"aa", "bb", "cc"}, "by"), Sender: pick([]string{"H02.05", "H02.05", "H02.06"}, "sender"),
		}
		if e.Effect.Kind == EffectUpdate {
			e.Effect.Recipients, e.Effect.Removed = nil, some(orgPool, "removed")
			for _, org := range some(orgPool, "added") {
				e.Effect.Added = append(e.Effect.Added, Recipient{Org: org, Codes: []string{org}})
			}
		}
		return e, pkg
	}
	c := report(pick(reporterPool, "reporter"), pick(statusPool, "code")).atTime(fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "time")))
	c.About = party(pick(append(recipientPool[:6:6], "H02.05"), "about"))
	c.Package = dig(c.Timestamp + c.Code + c.Reporter.Code + c.About.Code)
	if c.Reporter.Node != "" {
		c = c.from(vpcp)
	}
	return c, c.Package
}

func decide(s State, cmd any) (Decision, error) {
	switch c := cmd.(type) {
	case Receive:
		return DecideReceive(s, c)
	case ReportStatus:
		return DecideStatus(s, c)
	case RecordEffect:
		return DecideEffect(s, c)
	}
	panic(fmt.Sprintf("no decider for %T", cmd))
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s State
		var history []events.Event
		for n := range rapid.IntRange(1, 40).Draw(rt, "steps") {
			cmd, pkg := drawCommand(rt, n)
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
			if err == nil && (d.Outcome == OutcomeEarlier) != (len(d.Events) == 0) {
				rt.Fatalf("outcome %q with %d events", d.Outcome, len(d.Events))
			}
			if d.Outcome == OutcomeEarlier && d.Earlier.Origin != home {
				rt.Fatalf("earlier without address: %+v", d)
			}
			var recorded []events.Event
			s, recorded = keep(t, s, d, pkg)
			history = append(history, recorded...)
			invariants(rt, before, s, recorded)
			if err == nil {
				// Once more: known, whatever it was. A document whose delivery failed is handed over again in new packages only.
				if c, ok := cmd.(Receive); ok && d.Outcome == OutcomeEarlier {
					c.Failed = nil
					cmd = c
				}
				if d, err := decide(s, cmd); err != nil || d.Outcome != OutcomeEarlier {
					rt.Fatalf("%T twice: got %s", cmd, answer(d, err))
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

func invariants(t *rapid.T, before, s State, recorded []events.Event) {
	seen := map[string]bool{}
	for _, r := range s.Recipients {
		if seen[r.Org] {
			t.Fatalf("%s is a recipient twice", r.Org)
		}
		seen[r.Org] = true
		p, was := s.Progress(r.Org), before.Progress(r.Org)
		if (was.Stage == StageRefused || was.Stage == StageTakenBack) && p.Stage != was.Stage {
			t.Fatalf("%s went from an end (%d) to %d", r.Org, was.Stage, p.Stage)
		}
		if p.Stage < was.Stage {
			t.Fatalf("%s went back from %d to %d", r.Org, was.Stage, p.Stage)
		}
		if p.Stage == StageRefused && was.Stage >= StageAccepted && was.Stage <= StageDone {
			t.Fatalf("%s has accepted and refused", r.Org)
		}
		if p.Stage == StageTakenBack && !slices.ContainsFunc(s.Effects, func(e Effect) bool { return e.Kind == EffectRecall && e.concerns(r.Org) }) {
			t.Fatalf("%s has given back what nobody recalled", r.Org)
		}
	}
	if s.Received && (s.Sender != "H02.05" && s.Sender != "H05.05" && s.Sender != "H02.06") {
		t.Fatalf("sender is %s", s.Sender)
	}
	if before.Received && (s.Sender != before.Sender || s.Content != before.Content || s.Address != before.Address) {
		t.Fatal("the document has become another")
	}
	for _, e := range s.Effects {
		if s.Document == Key("H02.05", docID) && e.Sender == "H02.06" && s.Received {
			found := false
			for _, x := range before.Effects {
				found = found || reflect.DeepEqual(x, e)
			}
			if !found && before.Received {
				t.Fatalf("an effect of another sender: %+v", e)
			}
		}
	}
	// One answer of a recipient at a time, to something asked.
	for _, e := range recorded {
		if e.Statement.Name == NameResent && !before.Received {
			t.Fatal("resent before it was received")
		}
	}
}

// Words never get into what is hashed for ever: every string of every fact is a sentinel, and none is seen in any data.
func TestPayloadsHoldNoFacts(t *testing.T) {
	const sentinel = "NGUYỄN VĂN A"
	facts, status := Facts{}, StatusFacts{}
	for _, v := range []any{&facts, &status} {
		if n := fill(reflect.ValueOf(v).Elem(), sentinel); n < 5 {
			t.Fatalf("%T has only %d strings", v, n)
		}
	}
	c := receive("H02.06", "G22").with(func(c *Receive) {
		c.Facts, c.DocumentID = facts, sentinel
		c.Business = 2
		c.Effects = []EffectRequest{{Kind: EffectUpdate, Document: "aa", Added: all("H02.07")}}
	})
	var news []events.New
	var s State
	do := func(cmd any, pkg events.Digest) {
		t.Helper()
		d, err := decide(s, cmd)
		if err != nil {
			t.Fatal(err)
		}
		news = append(news, d.Events...)
		s, _ = keep(t, s, d, pkg)
	}
	do(c, c.Package)
	do(c.with(func(c *Receive) { c.Package, c.Recipients = dig("again"), all("G22.01") }), dig("again"))
	r := report("H02.06", "03")
	r.Document, r.Facts = s.Document, status
	do(r, r.Package)
	back := askBack("H02.06")
	back.Document, back.Facts = s.Document, status
	do(back, back.Package)
	for _, kind := range []EffectKind{EffectRecall, EffectUpdate, EffectReplace} {
		e := effect(kind, "cc")
		e.Effect.Document = s.Document
		do(e, dig("x"))
	}
	names := map[string]bool{}
	for _, e := range news {
		names[e.Name] = true
		data, err := events.MarshalObject(e.Data)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(sentinel)) {
			t.Errorf("%s: data holds words: %s", e.Name, data)
		}
	}
	if len(names) != 6 {
		t.Errorf("tested %d events, expected all 6", len(names))
	}
}

// fill sets every string within v and says how many there were.
func fill(v reflect.Value, s string) int {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return 1
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), s)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return fill(v.Index(0), s)
	case reflect.Struct:
		n := 0
		for i := range v.NumField() {
			n += fill(v.Field(i), s)
		}
		return n
	}
	return 0
}

func BenchmarkFoldReceived(b *testing.B) {
	c := receive("H02.06", "G22")
	d, err := DecideReceive(State{}, c)
	if err != nil {
		b.Fatal(err)
	}
	_, recorded := keep(b, State{}, d, c.Package)
	benchmark(b, State{}, recorded[0])
}

func BenchmarkFoldStatus(b *testing.B) {
	s := mustReceive(b, State{}, receive("H02.06", "G22"))
	d, err := DecideStatus(s, report("H02.06", "03"))
	if err != nil {
		b.Fatal(err)
	}
	_, recorded := keep(b, s, d, dig("x"))
	benchmark(b, s, recorded[0])
}

func benchmark(b *testing.B, s State, e events.Event) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fold(s, e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkDecideReceive(b *testing.B) {
	c := receive("H02.06", "G22")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecideReceive(State{}, c); err != nil {
			b.Fatal(err)
		}
	}
}
