package document

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
)

// report is a status of a document of H02.05 by the organisation with the code.
func report(by, code string) ReportStatus {
	return ReportStatus{
		At: noon, Document: Key("H02.05", docID), Reporter: party(by), About: party("H02.05"), Code: code,
		Timestamp: "2026/11/22 12:00:00", Package: dig(by + code), Content: dig("status " + by + code),
		Assurance: AssuranceOwn, Required: AssuranceAgency, Facts: StatusFacts{Staff: "Nguyễn Văn A"},
	}
}

// askBack is a 13 of the sender about a recipient.
func askBack(about string) ReportStatus {
	c := report("H02.05", "13")
	c.About, c.Package = party(about), dig("ask "+about)
	return c
}

func (c ReportStatus) with(f func(*ReportStatus)) ReportStatus { f(&c); return c }

func (c ReportStatus) atTime(t string) ReportStatus {
	c.Timestamp, c.Package, c.Content = t, dig(t+c.Code), dig(t+c.Reporter.Code+c.Code)
	return c
}

// from puts a status on its way through the peer.
func (c ReportStatus) from(origin string) ReportStatus {
	c.Peer = &FromPeer{Hop: PeerHop{Origin: origin, Position: 3, Received: noon}}
	return c
}

func effect(kind EffectKind, by string, recipients ...string) RecordEffect {
	return RecordEffect{Effect: EffectOn{Kind: kind, Document: Key("H02.05", docID), Recipients: recipients}, By: by, Sender: "H02.05"}
}

type step struct {
	cmd  any
	want string // as answer says
}

// play runs steps on a document to H02.06, G22 and H02.07, and gives the state at the end.
func play(t *testing.T, steps []step) State {
	t.Helper()
	s := mustReceive(t, State{}, receive("H02.06", "G22", "H02.07"))
	for i, st := range steps {
		var d Decision
		var err error
		var pkg events.Digest
		switch c := st.cmd.(type) {
		case ReportStatus:
			d, err = DecideStatus(s, c)
			pkg = c.Package
		case RecordEffect:
			d, err = DecideEffect(s, c)
		case Receive:
			d, err = DecideReceive(s, c)
			pkg = c.Package
		}
		if got := answer(d, err); got != st.want {
			t.Fatalf("step %d: got %q (%v), expected %q", i+1, got, err, st.want)
		}
		s, _ = keep(t, s, d, pkg)
	}
	return s
}

func TestStatusLives(t *testing.T) {
	r := func(code string) ReportStatus { return report("H02.06", code) }
	later := func(code string) ReportStatus { return r(code).atTime("2026/11/22 13:00:00") }
	other := r("03")
	other.Content = dig("something else")
	signedAgain := r("03")
	signedAgain.Package = dig("signed again")
	tests := []struct {
		name  string
		steps []step
		stage Stage
		asked EffectKind
	}{
		{"in order", []step{
			{r("01"), "record"}, {r("03"), "record"}, {r("04"), "record"}, {r("05"), "record"}, {r("06"), "record"},
		}, StageDone, ""},
		{"05 and 04 repeat", []step{{r("05"), "record"}, {later("05"), "record"}, {r("04"), "record"}, {later("04"), "record"}}, StageProcessing, ""},
		{"03 and 05 at once, nothing more", []step{{r("03"), "record"}, {r("05"), "record"}}, StageProcessing, ""},
		{"06 alone", []step{{r("06"), "record"}}, StageDone, ""},
		{"late ones", []step{{r("06"), "record"}, {r("01"), "record"}, {r("03"), "record"}, {r("05"), "record"}}, StageDone, ""},
		{"the same message", []step{{r("03"), "record"}, {r("03"), "earlier 11"}, {signedAgain, "earlier 11"}, {other, "!other-content"}}, StageAccepted, ""},
		{"the same code later", []step{
			{r("01"), "record"}, {later("01"), "!already-reported"}, {r("03"), "record"}, {later("03"), "!already-reported"},
			{r("06"), "record"}, {later("06"), "!already-reported"},
		}, StageDone, ""},
		{"refused", []step{
			{r("01"), "record"}, {r("02"), "record"}, {r("03"), "!already-refused"}, {r("05"), "!already-refused"}, {later("01"), "!already-refused"},
			{later("02"), "!already-reported"}, {r("02"), "earlier 12"},
		}, StageRefused, ""},
		{"refused after acceptance", []step{{r("03"), "record"}, {r("02"), "!already-accepted"}}, StageAccepted, ""},
		{"refused after 05 without 03", []step{{r("05"), "record"}, {r("02"), "!already-accepted"}}, StageProcessing, ""},
		{"answers to nothing", []step{{r("15"), "!nothing-asked"}, {r("16"), "!nothing-asked"}}, StageNone, ""},
		{"taken back by 13", []step{
			{r("03"), "record"}, {askBack("H02.06"), "record"}, {r("15"), "record"}, {r("05"), "!already-taken-back"},
			{r("02"), "!already-taken-back"}, {later("15"), "!already-answered"}, {r("16"), "!already-answered"},
			{askBack("H02.06").atTime("x"), "!already-taken-back"},
		}, StageTakenBack, ""},
		{"13 refused, asked again", []step{
			{askBack("H02.06"), "record"}, {askBack("H02.06"), "earlier 11"}, {askBack("H02.06").atTime("x"), "!already-reported"},
			{r("16"), "record"}, {r("03"), "record"}, {askBack("H02.06").atTime("y"), "record"}, {later("15"), "record"},
		}, StageTakenBack, ""},
		{"13 about another", []step{{askBack("H02.07"), "record"}, {r("15"), "!nothing-asked"}}, StageNone, ""},
		{"13 to everybody", []step{{askBack("H02.05"), "record"}, {report("G22", "15").from(vpcp), "record"}}, StageNone, EffectRecall},
		{"recalled by a document", []step{
			{effect(EffectRecall, "aa"), "record"}, {effect(EffectRecall, "aa"), "earlier 11"}, {r("15"), "record"},
		}, StageTakenBack, ""},
		{"recalled from others", []step{{effect(EffectRecall, "aa", "H02.07"), "record"}, {r("15"), "!nothing-asked"}}, StageNone, ""},
		{"answer to an update ends nothing", []step{
			{effect(EffectUpdate, "aa"), "record"}, {r("15"), "record"}, {r("03"), "record"}, {effect(EffectReplace, "bb"), "record"}, {r("16"), "record"},
		}, StageAccepted, ""},
		{"recall and update: the recall counts", []step{
			{effect(EffectRecall, "aa"), "record"}, {effect(EffectUpdate, "bb"), "record"},
		}, StageNone, EffectRecall},
		{"update asked", []step{{effect(EffectUpdate, "bb"), "record"}}, StageNone, EffectUpdate},
		{"unassigned codes", []step{{r("07"), "record"}, {r("44"), "record"}, {later("44"), "record"}, {r("00"), "record"}}, StageNone, ""},
		{"odd codes", []step{{r("3"), "!status-code"}, {r("003"), "!status-code"}, {r("null"), "!status-code"}, {r("0x"), "!status-code"}}, StageNone, ""},
		{"not everybody", []step{
			{report("H02.05", "03"), "!not-recipient"}, {report("G22.01", "03").from(vpcp), "!not-recipient"},
			{report("H99", "03"), "!sender-unknown"}, {report("H02.shut", "03"), "!not-recipient"},
			{askBack("H02.06").with(func(c *ReportStatus) { c.Reporter = party("H02.07") }), "!not-owner"},
			{askBack("G22.01"), "!not-recipient"},
			{report("G22", "03"), "!sender-elsewhere"}, {report("G22", "03").from("x"), "!sender-not-of-peer"},
			{report("H02.06", "03").from(vpcp), "!sender-not-of-peer"},
			{report("H02.old", "03"), "!sender-closed"},
			{r("03").with(func(c *ReportStatus) { c.Assurance = AssuranceChannel }), "!assurance"},
			{r("03").with(func(c *ReportStatus) { c.Timestamp = "" }), "!incomplete"},
			{r("03").with(func(c *ReportStatus) { c.Package = events.Digest{} }), "!incomplete"},
			{r("03").with(func(c *ReportStatus) { c.Document = "aa" }), "!wrong-stream"},
		}, StageNone, ""},
		{"by alias", []step{{report("000.00.06.H02", "03"), "record"}}, StageAccepted, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := play(t, test.steps).Progress("H02.06")
			if p.Stage != test.stage || p.Asked != test.asked {
				t.Errorf("got %+v, expected stage %d, asked %q", p, test.stage, test.asked)
			}
		})
	}
}

func TestStatusOfUnknownDocument(t *testing.T) {
	if got := answer(DecideStatus(State{}, report("H02.06", "03"))); got != "!document-unknown" {
		t.Errorf("got %s", got)
	}
	// Neither does an effect that came early make it known.
	d, err := DecideEffect(State{}, effect(EffectRecall, "aa"))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := keep(t, State{}, d, dig("x"))
	if got := answer(DecideStatus(s, report("H02.06", "03"))); got != "!document-unknown" {
		t.Errorf("got %s", got)
	}
}

func TestStatusSaysWhoIsTold(t *testing.T) {
	s := mustReceive(t, State{}, receive("H02.06", "G22"))
	tests := []struct {
		name  string
		c     ReportStatus
		about string
		to    []string
	}{
		{"recipient", report("000.00.06.H02", "03"), "H02.06", []string{"H02.05"}},
		{"peer's recipient", report("G22", "03").from(vpcp), "G22", []string{"H02.05"}},
		{"13 to one", askBack("000.00.06.H02"), "H02.06", []string{"H02.06"}},
		{"13 to all", askBack("000.00.05.H02"), "", []string{"H02.06", "G22"}},
		{"successor of the sender", askBack("H02.06").with(func(c *ReportStatus) { c.Reporter = party("H05.05") }), "H02.06", []string{"H02.06"}},
		{"successor of a recipient", report("H02.07", "03").with(func(c *ReportStatus) { c.Reporter.Identities = []string{"H02.07", "H02.06"} }), "H02.06", []string{"H02.05"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := DecideStatus(s, test.c)
			if err != nil {
				t.Fatal(err)
			}
			got := d.Events[0].Data.(StatusReported)
			if got.About != test.about || !slices.Equal(got.To, test.to) || got.ReporterCode != test.c.Reporter.Code || got.Document != s.Document {
				t.Errorf("got %+v", got)
			}
			if (got.Peer != nil) != (test.c.Peer != nil) {
				t.Errorf("peer: got %+v", got.Peer)
			}
			if test.c.Code != "13" {
				if len(d.Events) != 1 {
					t.Errorf("%d events", len(d.Events))
				}
				return
			}
			back := d.Events[1].Data.(Recalled)
			if back.By != "status:"+test.c.Package.String() || (len(back.Recipients) == 0) != (test.about == "") || back.Sender != test.c.Reporter.Org {
				t.Errorf("got %+v", back)
			}
		})
	}
}

func TestEffects(t *testing.T) {
	key := Key("H02.05", docID)
	s := mustReceive(t, State{}, receive("H02.06", "G22"))
	tests := []struct {
		name string
		c    RecordEffect
		want string
	}{
		{"recall", effect(EffectRecall, "aa"), "record"},
		{"replace", effect(EffectReplace, "aa"), "record"},
		{"by the successor", RecordEffect{effect(EffectRecall, "aa").Effect, "aa", "H05.05", []string{"H05.05", "H02.05"}}, "record"},
		{"by another", RecordEffect{effect(EffectRecall, "aa").Effect, "aa", "H02.06", []string{"H02.06"}}, "!not-owner"},
		{"by itself", effect(EffectRecall, key), "!own-document"},
		{"by nobody", RecordEffect{Effect: effect(EffectRecall, "aa").Effect, By: "aa"}, "!incomplete"},
		{"by nothing", effect(EffectRecall, ""), "!incomplete"},
		{"unknown kind", effect("eat", "aa"), "!business"},
		{"another stream", RecordEffect{EffectOn{Kind: EffectRecall, Document: "bb"}, "aa", "H02.05", nil}, "!wrong-stream"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := DecideEffect(s, test.c)
			if got := answer(d, err); got != test.want {
				t.Fatalf("got %s, expected %s", got, test.want)
			}
			next, _ := keep(t, s, d, dig("x"))
			if test.want == "record" {
				if got := answer(DecideEffect(next, test.c)); got != "earlier 11" {
					t.Errorf("again: got %s", got)
				}
			}
		})
	}
}

func TestRecalled(t *testing.T) {
	update := effect(EffectUpdate, "uu")
	update.Effect.Removed, update.Effect.Added = []string{"G22"}, []Recipient{{Org: "H05.09", Codes: []string{"H05.09"}}}
	s := play(t, []step{{effect(EffectRecall, "rr", "H02.07"), "record"}, {update, "record"}})
	for org, want := range map[string]string{"H02.07": "rr", "G22": "uu", "H02.06": "", "H05.09": ""} {
		if by, ok := s.Recalled(org); by != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v, expected %q", org, by, ok, want)
		}
	}
	if _, ok := s.Recipient("H05.09"); !ok {
		t.Error("who was added is no recipient")
	}
	again := receive("H02.06", "H02.07", "G22").with(func(c *Receive) { c.Package = dig("again"); c.Failed = []string{"G22"} })
	if got := answer(DecideReceive(s, again)); got != "earlier 10" {
		t.Errorf("handed in again after the recall: got %s", got)
	}
	// Added again by a later update.
	update.By, update.Effect.Removed, update.Effect.Added = "vv", nil, []Recipient{{Org: "G22", Codes: []string{"G22"}}}
	d, err := DecideEffect(s, update)
	if err != nil {
		t.Fatal(err)
	}
	next, _ := keep(t, s, d, dig("x"))
	if _, ok := next.Recalled("G22"); ok {
		t.Error("still recalled from who was added again")
	}
	// Recalled from all: nobody can be added by handing it in again.
	s = play(t, []step{{effect(EffectRecall, "rr"), "record"}})
	again.Recipients = all("H02.06", "G22.01")
	var r *Refusal
	if _, err := DecideReceive(s, again); !errors.As(err, &r) || r.Reason != ReasonRecalled || !slices.Equal(r.Codes, []string{"G22.01"}) {
		t.Errorf("got %v", err)
	}
}

// Between nodes a recall may overtake what it recalls.
func TestEffectBeforeDocument(t *testing.T) {
	update := effect(EffectUpdate, "uu")
	update.Effect.Added = []Recipient{{Org: "H02.07", Codes: []string{"H02.07"}}}
	var s State
	for _, c := range []RecordEffect{effect(EffectRecall, "rr", "H02.06"), update} {
		d, err := DecideEffect(s, c)
		if err != nil {
			t.Fatal(err)
		}
		s, _ = keep(t, s, d, dig("x"))
	}
	if s.Received || s.Version() != 1 {
		t.Errorf("got %+v", s)
	}
	c := receive("H02.06", "G22")
	d, err := DecideReceive(s, c)
	if err != nil || d.Outcome != OutcomeRecord {
		t.Fatalf("got %+v, %v", d, err)
	}
	s, _ = keep(t, s, d, c.Package)
	if by, ok := s.Recalled("H02.06"); !ok || by != "rr" {
		t.Errorf("the early recall is lost: %q, %v", by, ok)
	}
	if len(s.Recipients) != 3 || s.Recipients[2].Org != "H02.07" {
		t.Errorf("the early addition is lost: %+v", s.Recipients)
	}
	if got := answer(DecideStatus(s, report("H02.06", "15"))); got != "record" {
		t.Errorf("answer to the early recall: got %s", got)
	}
	// Another sender cannot take the stream over.
	if got := answer(DecideReceive(s, c.with(func(c *Receive) { c.Sender, c.Package = party("H02.06"), dig("p") }))); got != "!wrong-stream" {
		t.Errorf("got %s", got)
	}
}

func TestEffectsInThePayload(t *testing.T) {
	c := receive("H02.06").with(func(c *Receive) {
		c.Business = 2
		c.Effects = []EffectRequest{{
			Kind: EffectUpdate, Document: "aa", Owner: party("000.00.05.H02"), Content: true,
			Recipients: all("H02.06", "000.00.06.H02"), Added: all("G22", "G22", "H02.old"), Removed: all("H02.07"),
		}}
	})
	d, err := DecideReceive(State{}, c)
	if err != nil {
		t.Fatal(err)
	}
	want := []EffectOn{{
		Kind: EffectUpdate, Document: "aa", Content: true, Recipients: []string{"H02.06"}, Removed: []string{"H02.07"},
		Added: []Recipient{{Org: "G22", Codes: []string{"G22"}, Node: vpcp}, {Org: "H02.06", Codes: []string{"H02.old"}, Via: []string{"H02.old"}}},
	}}
	if got := d.Events[0].Data.(Received).Effects; fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v, expected %+v", got, want)
	}
	// From a peer, organisations that are unknown here stand by their code: a list never shrinks to nothing, which means everybody.
	c = c.with(func(c *Receive) {
		c.Sender, c.Recipients, c.Peer = party("G22"), all("H02.06"), &FromPeer{Hop: PeerHop{Origin: vpcp, Received: noon}}
		c.Effects = []EffectRequest{{Kind: EffectUpdate, Document: "aa", Recipients: all("nowhere"), Removed: all("nowhere"), Added: all("H02.06", "nowhere")}}
	})
	if d, err = DecideReceive(State{}, c); err != nil {
		t.Fatal(err)
	}
	e := d.Events[0].Data.(Received).Effects[0]
	if !slices.Equal(e.Recipients, []string{"nowhere"}) || !slices.Equal(e.Removed, []string{"nowhere"}) ||
		len(e.Added) != 2 || e.Added[0].Elsewhere || !e.Added[1].Elsewhere {
		t.Errorf("got %+v", e)
	}
}

func TestFoldErrors(t *testing.T) {
	s := mustReceive(t, State{}, receive("H02.06"))
	key := s.Document
	digest := dig("x").String()
	received := `{"document":"` + key + `","business":0,"sender":"H02.05","sender_code":"H02.05","content":"` + digest + `","assurance":"own","priority":0,"recipients":[]}`
	status := `{"document":"` + key + `","code":"03","reporter":"H02.06","about":"H02.06","timestamp":"t","content":"` + digest + `"}`
	twice := play(t, []step{{effect(EffectRecall, "rr"), "record"}, {report("H02.06", "03").with(func(c *ReportStatus) { c.Timestamp = "t" }), "record"}})
	tests := []struct {
		name  string
		s     State
		event string
		data  string
		want  string
	}{
		{"unknown event", s, "document.burnt.v1", `{}`, "unknown event"},
		{"received twice", s, NameReceived, received, "received before"},
		{"received without package", State{}, NameReceived, received, "no package"},
		{"resent before", State{}, NameResent, `{"document":"aa"}`, "not received"},
		{"resent another", s, NameResent, `{"document":"aa"}`, "expected " + key},
		{"resent without package", s, NameResent, `{"document":"` + key + `"}`, "no package"},
		{"status before", State{}, NameStatusReported, status, "not received"},
		{"status twice", twice, NameStatusReported, status, "reported before"},
		{"status of another", s, NameStatusReported, `{"document":"aa","content":"` + digest + `"}`, "expected " + key},
		{"recalled twice", twice, NameRecalled, `{"document":"` + key + `","by":"rr"}`, "recorded before"},
		{"update of another", s, NameUpdated, `{"document":"aa","by":"rr"}`, "expected " + key},
		{"not JSON", s, NameReplaced, `{`, "JSON"},
		{"odd digest", State{}, NameReceived, `{"content":"xx"}`, "digest"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Fold(test.s, events.Event{Position: 3, Statement: events.Statement{Name: test.event, Data: []byte(test.data)}})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "couldn't fold document") {
				t.Errorf("got %v, expected %q", err, test.want)
			}
			if got.Version() != test.s.Version() {
				t.Error("an error has changed the state")
			}
		})
	}
}
