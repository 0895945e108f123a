package timestamp_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/timestamp"
)

const origin = "tram.example/log"

var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// stamp is a command about a head of this size, made at this time.
func stamp(size uint64, at time.Time) timestamp.Stamp {
	root := events.Sum([]byte{byte(size)})
	checkpoint := ledger.Head{Origin: origin, Size: size, Root: root}.Text() + "\n— signatures\n"
	imprint, err := timestamp.Imprint("SHA-256", []byte(checkpoint))
	if err != nil {
		panic(err)
	}
	raw := []byte("token over " + checkpoint)
	return timestamp.Stamp{Raw: raw, Stamped: timestamp.Stamped{Size: size, Root: root, Checkpoint: checkpoint, Hash: "SHA-256",
		Imprint: hex.EncodeToString(imprint), Token: events.Sum(raw), TSA: "CN=TSA", Signer: events.Sum([]byte("certificate")),
		Time: at, Until: at.AddDate(2, 0, 0)}}
}

// event is what a store makes of a decision.
func event(t testing.TB, position uint64, n events.New, raw []byte) events.Event {
	t.Helper()
	data, err := events.MarshalObject(n.Data)
	if err != nil {
		t.Fatal(err)
	}
	sum := events.Sum(raw)
	return events.Event{Position: position, Statement: events.Statement{Origin: origin, Stream: timestamp.Stream, Name: n.Name, Data: data, Evidence: &sum}}
}

func TestStampsInOrder(t *testing.T) {
	var s timestamp.State
	for i, c := range []timestamp.Stamp{stamp(5, day), stamp(6, day), stamp(100, day.AddDate(0, 0, 1))} {
		news, err := timestamp.Decide(s, c)
		if err != nil || len(news) != 1 || news[0].Name != timestamp.NameStamped {
			t.Fatalf("%d: %v, %v", i, news, err)
		}
		if s, err = timestamp.Fold(s, event(t, c.Size, news[0], c.Raw)); err != nil {
			t.Fatal(err)
		}
		if s.Version() != int64(i) || s.Last.Size != c.Size || s.Address.Position != c.Size {
			t.Errorf("%d: %+v", i, s)
		}
	}
	for name, c := range map[string]timestamp.Stamp{"same head": stamp(100, day.AddDate(0, 0, 2)), "smaller head": stamp(99, day.AddDate(0, 0, 2)), "older": stamp(101, day)} {
		if news, err := timestamp.Decide(s, c); !errors.Is(err, timestamp.ErrBehind) {
			t.Errorf("%s: %v, %v", name, news, err)
		}
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	for name, change := range map[string]func(*timestamp.Stamp){
		"no token":         func(c *timestamp.Stamp) { c.Raw = nil },
		"another token":    func(c *timestamp.Stamp) { c.Raw = []byte("x") },
		"no authority":     func(c *timestamp.Stamp) { c.TSA = "" },
		"no signer":        func(c *timestamp.Stamp) { c.Signer = events.Digest{} },
		"no time":          func(c *timestamp.Stamp) { c.Time = time.Time{} },
		"no end":           func(c *timestamp.Stamp) { c.Until = time.Time{} },
		"another size":     func(c *timestamp.Stamp) { c.Size++ },
		"another root":     func(c *timestamp.Stamp) { c.Root[0] ^= 1 },
		"no checkpoint":    func(c *timestamp.Stamp) { c.Checkpoint = "" },
		"huge checkpoint":  func(c *timestamp.Stamp) { c.Checkpoint += strings.Repeat("x", 20000) },
		"not a checkpoint": func(c *timestamp.Stamp) { c.Checkpoint = "x" },
		"other lines":      func(c *timestamp.Stamp) { c.Checkpoint += "— another\n" },
		"another imprint":  func(c *timestamp.Stamp) { c.Imprint = strings.Repeat("0", 64) },
		"another hash":     func(c *timestamp.Stamp) { c.Hash = "SHA-512" },
		"unknown hash":     func(c *timestamp.Stamp) { c.Hash = "SHA-1" },
	} {
		c := stamp(5, day)
		change(&c)
		if news, err := timestamp.Decide(timestamp.State{}, c); err == nil {
			t.Errorf("%s: %v", name, news)
		}
	}
	good, err := timestamp.Decide(timestamp.State{}, stamp(5, day))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*events.Event){
		"unknown event":    func(e *events.Event) { e.Statement.Name = "ledger.checkpoint-forgotten.v1" },
		"no data":          func(e *events.Event) { e.Statement.Data = json.RawMessage("{") },
		"another log":      func(e *events.Event) { e.Statement.Origin = "other.example/log" },
		"no evidence":      func(e *events.Event) { e.Statement.Evidence = nil },
		"another evidence": func(e *events.Event) { d := events.Sum(nil); e.Statement.Evidence = &d },
		"before its head":  func(e *events.Event) { e.Position = 4 },
		"changed imprint": func(e *events.Event) {
			e.Statement.Data = json.RawMessage(strings.Replace(string(e.Statement.Data), `"imprint":"`, `"imprint":"0`, 1))
		},
		"changed authority": func(e *events.Event) {
			e.Statement.Data = json.RawMessage(strings.Replace(string(e.Statement.Data), "CN=TSA", "", 1))
		},
	} {
		e := event(t, 5, good[0], stamp(5, day).Raw)
		change(&e)
		if s, err := timestamp.Fold(timestamp.State{}, e); err == nil || s.Count != 0 {
			t.Errorf("%s: folded", name)
		}
	}
	e := event(t, 5, good[0], stamp(5, day).Raw)
	s, err := timestamp.Fold(timestamp.State{}, e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := timestamp.Fold(s, e); err == nil {
		t.Error("folded twice")
	}
}

// A chain begins with the stamp asked for, each next one covers the event of the one before and was made in its certificate's life, and
// no other way leads to a certificate that is valid longer.
func TestChain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var stamps []timestamp.Placed
		at, position := day, uint64(1)
		for range rapid.IntRange(1, 12).Draw(rt, "stamps") {
			at = at.AddDate(0, rapid.IntRange(0, 20).Draw(rt, "months"), 1)
			size := position + uint64(rapid.IntRange(0, 3).Draw(rt, "more"))
			s := stamp(size, at).Stamped
			s.Until = at.AddDate(0, rapid.IntRange(1, 30).Draw(rt, "life"), 0)
			position = size + uint64(rapid.IntRange(0, 2).Draw(rt, "later"))
			stamps = append(stamps, timestamp.Placed{Stamped: s, Position: position})
			position++
		}
		first := rapid.IntRange(0, len(stamps)-1).Draw(rt, "first")
		chain := timestamp.Chain(timestamp.Next(stamps), first)
		if chain[0] != first || !slices.IsSorted(chain) {
			rt.Fatalf("chain %v from %d", chain, first)
		}
		links := func(i, j int) bool {
			return j > i && !stamps[j].Time.After(stamps[i].Until) && stamps[j].Size > stamps[i].Position
		}
		for k := 1; k < len(chain); k++ {
			if !links(chain[k-1], chain[k]) {
				rt.Fatalf("chain %v: %d does not follow %d", chain, chain[k], chain[k-1])
			}
		}
		reached := make([]bool, len(stamps))
		reached[first] = true
		last := chain[len(chain)-1]
		for j := first; j < len(stamps); j++ {
			for i := range j {
				reached[j] = reached[j] || reached[i] && links(i, j)
			}
			if reached[j] && stamps[j].Until.After(stamps[last].Until) {
				rt.Fatalf("chain %v ends with %s, %d can be reached and is good until %s", chain, stamps[last].Until, j, stamps[j].Until)
			}
		}
	})
}

func TestCovering(t *testing.T) {
	stamps := []timestamp.Placed{{Stamped: stamp(5, day).Stamped, Position: 5}, {Stamped: stamp(9, day).Stamped, Position: 9}}
	for position, want := range map[uint64]int{0: 0, 4: 0, 5: 1, 8: 1, 9: -1} {
		if got := timestamp.Covering(stamps, position); got != want {
			t.Errorf("position %d: %d, expected %d", position, got, want)
		}
	}
}

func TestRenewalDue(t *testing.T) {
	s := stamp(5, day).Stamped // good for two years
	month := 30 * 24 * time.Hour
	short := s
	short.Until = day.Add(10 * 24 * time.Hour)
	for _, test := range []struct {
		name string
		last timestamp.Stamped
		ages timestamp.Ages
		now  time.Time
		want timestamp.Renewal
	}{
		{"none yet", timestamp.Stamped{}, timestamp.Ages{}, day, timestamp.Renewal{}},
		{"certificate", s, timestamp.Ages{}, day, timestamp.Renewal{Due: s.Until.Add(-month), Why: "certificate"}},
		{"late", s, timestamp.Ages{}, s.Until.Add(-month + 1), timestamp.Renewal{Due: s.Until.Add(-month), Why: "certificate", Behind: true}},
		{"hash ages first", s, timestamp.Ages{Hash: map[string]time.Time{"SHA-256": day.AddDate(1, 0, 0)}}, day,
			timestamp.Renewal{Due: day.AddDate(1, 0, 0).Add(-month), Why: "algorithm"}},
		{"another hash ages", s, timestamp.Ages{Hash: map[string]time.Time{"SHA-384": day.AddDate(1, 0, 0)}}, day,
			timestamp.Renewal{Due: s.Until.Add(-month), Why: "certificate"}},
		{"tree ages first", s, timestamp.Ages{Tree: day.AddDate(1, 0, 0), Margin: 24 * time.Hour}, day,
			timestamp.Renewal{Due: day.AddDate(1, 0, -1), Why: "algorithm"}},
		{"short certificate", short, timestamp.Ages{}, day, timestamp.Renewal{Due: day.Add(5 * 24 * time.Hour), Why: "certificate"}},
	} {
		if got := timestamp.RenewalDue(test.last, test.ages, test.now); got != test.want {
			t.Errorf("%s: %+v, expected %+v", test.name, got, test.want)
		}
	}
}
