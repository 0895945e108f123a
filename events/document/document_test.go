package document

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
)

const (
	home   = "bacgiang.example/log"
	vpcp   = "vpcp.example/log"
	docID  = "H02.05,2026/11/20,12/STC-NS"
	seller = "H02.05" // the sender of most tests
)

var noon = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC) // 12:00 in Việt Nam

func dig(name string) events.Digest { return events.Sum([]byte(name)) }

// parties of the tests: code → what the directory says.
var parties = map[string]Party{
	"H02.05":        {Known: true, Org: "H02.05", Identities: []string{"H02.05"}},
	"000.00.05.H02": {Known: true, Org: "H02.05", Identities: []string{"H02.05"}},
	"H02.06":        {Known: true, Org: "H02.06", Identities: []string{"H02.06"}},
	"000.00.06.H02": {Known: true, Org: "H02.06", Identities: []string{"H02.06"}},
	"H02.07":        {Known: true, Org: "H02.07", Identities: []string{"H02.07"}},
	"H02.old":       {Known: true, Org: "H02.06", Via: []string{"H02.old"}, Identities: []string{"H02.06", "H02.old"}},
	"H05.05":        {Known: true, Org: "H05.05", Identities: []string{"H05.05", "H02.05"}}, // succeeds H02.05, and H02.06
	"H02.shut":      {Known: true, Org: "H02.shut", Closed: true, Identities: []string{"H02.shut"}},
	"G22":           {Known: true, Org: "G22", Node: vpcp, Identities: []string{"G22"}},
	"G22.01":        {Known: true, Org: "G22.01", Node: vpcp, Identities: []string{"G22.01"}},
}

func party(code string) Party {
	p := parties[code]
	p.Code = code
	return p
}

func all(codes ...string) (out []Party) {
	for _, c := range codes {
		out = append(out, party(c))
	}
	return out
}

// receive is a good document of H02.05 for the recipients, in a package of its own.
func receive(to ...string) Receive {
	return Receive{
		At: noon, DocumentID: docID, Sender: party("H02.05"), Package: dig("package 1"), Content: dig("content"),
		Assurance: AssuranceOwn, Required: AssuranceAgency, Promulgated: "2026-11-22", Recipients: all(to...),
		Facts: Facts{DocumentID: docID, Subject: "Về việc dự toán"},
	}
}

// with gives a changed copy.
func (c Receive) with(f func(*Receive)) Receive { f(&c); return c }

// keep folds what a decision says, as a store would keep it, at position 10 + number of events.
func keep(t testing.TB, s State, d Decision, pkg events.Digest) (State, []events.Event) {
	t.Helper()
	var out []events.Event
	for _, n := range d.Events {
		data, err := events.MarshalObject(n.Data)
		if err != nil {
			t.Fatal(err)
		}
		e := events.Event{Position: 10 + uint64(s.events), Statement: events.Statement{
			Origin: home, Name: n.Name, Time: noon, Data: data, Package: &events.PackageRef{SHA256: pkg, Length: 9},
		}}
		if s, err = Fold(s, e); err != nil {
			t.Fatalf("couldn't fold what was decided: %v", err)
		}
		out = append(out, e)
	}
	return s, out
}

func mustReceive(t testing.TB, s State, c Receive) State {
	t.Helper()
	d, err := DecideReceive(s, c)
	if err != nil {
		t.Fatal(err)
	}
	s, _ = keep(t, s, d, c.Package)
	return s
}

// answer says in a word what was decided: outcome, "earlier" with its position, or "!" and the reason.
func answer(d Decision, err error) string {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		return "!" + string(r.Reason)
	case err != nil:
		return err.Error()
	case d.Outcome == OutcomeEarlier:
		return fmt.Sprintf("earlier %d", d.Earlier.Position)
	}
	return string(d.Outcome)
}

func TestKey(t *testing.T) {
	// printf 'tram document v1\nH02.05\nH02.05,2026/11/20,12/STC-NS' | sha256sum
	const want = "document/280c6a975ebf753003cb7c503883f9b1b1db47525d39ac9e19f9c43149a0af07"
	if got := Stream("H02.05", docID); got != want {
		t.Errorf("got %s, expected %s", got, want)
	}
	// Composed and decomposed spelling are one name; everything else counts.
	if Key("H02", "12/Q\u0110-u\u0309y") != Key("H02", "12/Q\u0110-\u1ee7y") {
		t.Error("Unicode form matters")
	}
	for _, other := range []string{" " + docID, strings.ToLower(docID), docID + "\n"} {
		if Key("H02.05", docID) == Key("H02.05", other) {
			t.Errorf("%q has the same key", other)
		}
	}
	if got := Keys([]string{"H05.05", "H02.05"}, docID); len(got) != 2 || got[1] != Key("H02.05", docID) || got[0] == got[1] {
		t.Errorf("got %v", got)
	}
}

func TestReceiveRefused(t *testing.T) {
	peer := func(c *Receive) {
		c.Peer = &FromPeer{Hop: PeerHop{Origin: vpcp, Position: 4, Received: noon}}
		c.Sender, c.Recipients = party("G22"), all("H02.05", "nowhere")
	}
	recall := func(c *Receive) {
		c.Business, c.Effects = 1, []EffectRequest{{Kind: EffectRecall, Document: "aa"}}
	}
	tests := []struct {
		name   string
		c      Receive
		want   Reason
		codes  []string
		detail string
	}{
		{"secret", receive("H02.06").with(func(c *Receive) { c.Secrecy, c.SecrecyPath = "mat", "CodeNotation" }), ReasonSecret, nil, "CodeNotation"},
		{"no id", receive("H02.06").with(func(c *Receive) { c.DocumentID = "" }), ReasonIncomplete, nil, ""},
		{"no package", receive("H02.06").with(func(c *Receive) { c.Package = events.Digest{} }), ReasonIncomplete, nil, ""},
		{"no content", receive("H02.06").with(func(c *Receive) { c.Content = events.Digest{} }), ReasonIncomplete, nil, ""},
		{"unknown sender", receive("H02.06").with(func(c *Receive) { c.Sender = party("H99") }), ReasonSenderUnknown, []string{"H99"}, ""},
		{"closed sender", receive("H02.06").with(func(c *Receive) { c.Sender = party("H02.shut") }), ReasonSenderClosed, []string{"H02.shut"}, "H02.shut"},
		{"succeeded sender", receive("H02.07").with(func(c *Receive) { c.Sender = party("H02.old") }), ReasonSenderClosed, []string{"H02.old"}, "H02.06"},
		{"sender of another node", receive("H02.06").with(func(c *Receive) { c.Sender = party("G22") }), ReasonSenderElsewhere, []string{"G22"}, vpcp},
		{"sender not of the peer", receive().with(peer).with(func(c *Receive) { c.Sender = party("H02.06") }), ReasonSenderNotOfPeer, []string{"H02.06"}, vpcp},
		{"peer's claim for another peer", receive().with(peer).with(func(c *Receive) { c.Peer.Hop.Origin = "x" }), ReasonSenderNotOfPeer, []string{"G22"}, "x"},
		{"peer without receive time", receive().with(peer).with(func(c *Receive) { c.Peer = &FromPeer{Hop: PeerHop{Origin: vpcp}} }), ReasonIncomplete, nil, "peer"},
		{"too little assurance", receive("H02.06").with(func(c *Receive) { c.Assurance = AssuranceChannel }), ReasonAssurance, nil, "channel"},
		{"custody for own", receive("H02.06").with(func(c *Receive) { c.Assurance, c.Required = AssuranceCustody, AssuranceOwn }), ReasonAssurance, nil, "custody"},
		{"unknown assurance", receive("H02.06").with(func(c *Receive) { c.Assurance, c.Required = "good", "" }), ReasonAssurance, nil, "good"},
		{"tomorrow", receive("H02.06").with(func(c *Receive) { c.Promulgated = "2026-11-23" }), ReasonFutureDate, nil, "2026-11-23"},
		{"no date", receive("H02.06").with(func(c *Receive) { c.Promulgated = "2026-02-30" }), ReasonDate, nil, "2026-02-30"},
		{"unknown business", receive("H02.06").with(func(c *Receive) { c.Business = 4 }), ReasonBusiness, nil, ""},
		{"effect of a new document", receive("H02.06").with(recall).with(func(c *Receive) { c.Business = 0 }), ReasonBusiness, nil, "recall"},
		{"other effect", receive("H02.06").with(recall).with(func(c *Receive) { c.Business = 3 }), ReasonBusiness, nil, "recall"},
		{"effect on nothing", receive("H02.06").with(recall).with(func(c *Receive) { c.Effects = []EffectRequest{{Kind: EffectRecall}} }), ReasonIncomplete, nil, "recall"},
		{"effect on itself", receive("H02.06").with(recall).with(func(c *Receive) {
			c.Effects = []EffectRequest{{Kind: EffectRecall, Document: Key("H02.05", docID)}}
		}), ReasonOwnDocument, nil, ""},
		{"another's document", receive("H02.06").with(recall).with(func(c *Receive) {
			c.Effects = []EffectRequest{{Kind: EffectRecall, Document: "aa", Owner: party("H02.06")}}
		}), ReasonNotOwner, []string{"H02.06"}, ""},
		{"unknown organisation's document", receive("H02.06").with(recall).with(func(c *Receive) {
			c.Effects = []EffectRequest{{Kind: EffectRecall, Document: "aa", Owner: party("H99")}}
		}), ReasonNotOwner, []string{"H99"}, ""},
		{"effects for unknown", receive("H02.06").with(func(c *Receive) {
			c.Business = 2
			c.Effects = []EffectRequest{{Kind: EffectUpdate, Document: "aa", Added: all("H98", "H02.shut"), Removed: all("H99"), Recipients: all("H99")}}
		}), ReasonRecipientsUnknown, []string{"H99", "H98", "H02.shut"}, ""},
		{"nobody", receive(), ReasonNoRecipients, nil, ""},
		{"unknown recipients", receive("H98", "H02.06", "H99", "H98", "H02.shut"), ReasonRecipientsUnknown, []string{"H98", "H99", "H02.shut"}, ""},
		{"closed recipients", receive("H02.06", "H02.shut"), ReasonRecipientsClosed, []string{"H02.shut"}, ""},
		{"peer hands over nobody of ours", receive().with(peer).with(func(c *Receive) { c.Recipients = all("G22.01", "nowhere") }), ReasonNoRecipients, nil, ""},
		{"peer hands over somebody unknown", receive().with(peer).with(func(c *Receive) { c.Peer.Handed = []string{"nowhere"} }), ReasonRecipientsUnknown, []string{"nowhere"}, ""},
		{"peer hands over its own", receive().with(peer).with(func(c *Receive) {
			c.Recipients, c.Peer.Handed = all("G22.01"), []string{"G22.01"}
		}), ReasonRecipientsUnknown, []string{"G22.01"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := DecideReceive(State{}, test.c)
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("got %+v, %v", d, err)
			}
			if r.Reason != test.want || !slices.Equal(r.Codes, test.codes) || r.Detail != test.detail || len(d.Events) > 0 {
				t.Errorf("got %+v, expected %s %v %q", r, test.want, test.codes, test.detail)
			}
		})
	}
}

// The day begins in Việt Nam, seven hours before it does in London.
func TestFutureDateInVietnam(t *testing.T) {
	for _, test := range []struct {
		at, date string
		want     string
	}{
		{"2026-11-21T16:59:59Z", "2026-11-22", "!future-date"},
		{"2026-11-21T17:00:00Z", "2026-11-22", "record"},
		{"2026-11-22T16:59:59Z", "2026-11-22", "record"},
		{"2026-11-22T16:59:59Z", "2026-11-23", "!future-date"},
	} {
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		c := receive("H02.06").with(func(c *Receive) { c.At, c.Promulgated = at, test.date })
		if got := answer(DecideReceive(State{}, c)); got != test.want {
			t.Errorf("%s at %s: got %s, expected %s", test.date, test.at, got, test.want)
		}
		// From a peer the sealed receive time counts, however late the package comes.
		c = receive("H02.06").with(func(c *Receive) {
			c.At, c.Promulgated, c.Sender = at.AddDate(0, 0, 9), test.date, party("G22")
			c.Peer = &FromPeer{Hop: PeerHop{Origin: vpcp, Received: at}}
		})
		if got := answer(DecideReceive(State{}, c)); got != test.want {
			t.Errorf("%s received by the peer at %s: got %s, expected %s", test.date, test.at, got, test.want)
		}
	}
}

func TestReceive(t *testing.T) {
	c := receive("000.00.06.H02", "G22", "H02.06", "H02.old", "G22").with(func(c *Receive) { c.Sender = party("000.00.05.H02"); c.Priority = 3 })
	d, err := DecideReceive(State{}, c)
	if err != nil {
		t.Fatal(err)
	}
	got := d.Events[0].Data.(Received)
	want := Received{
		Document: Key("H02.05", docID), Sender: "H02.05", SenderCode: "000.00.05.H02", Content: dig("content"), Assurance: "own", Priority: 3, Judged: noon,
		Recipients: []Recipient{
			{Org: "H02.06", Codes: []string{"000.00.06.H02", "H02.06", "H02.old"}},
			{Org: "G22", Codes: []string{"G22"}, Node: vpcp},
		},
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || d.Outcome != OutcomeRecord {
		t.Errorf("got %+v, expected %+v", got, want)
	}
	// A closed code says whom it went to.
	d, err = DecideReceive(State{}, receive("H02.old"))
	if err != nil {
		t.Fatal(err)
	}
	if r := d.Events[0].Data.(Received).Recipients; len(r) != 1 || r[0].Org != "H02.06" || !slices.Equal(r[0].Via, []string{"H02.old"}) || !slices.Equal(r[0].Codes, []string{"H02.old"}) {
		t.Errorf("got %+v", r)
	}
}

func TestReceiveFromPeer(t *testing.T) {
	hop := PeerHop{Origin: vpcp, Position: 4, Received: noon.Add(-time.Hour)}
	c := receive("H02.05", "H02.06", "G22.01", "nowhere").with(func(c *Receive) {
		c.Sender, c.Peer = party("G22"), &FromPeer{Hop: hop, Handed: []string{"H02.05"}}
	})
	d, err := DecideReceive(State{}, c)
	if err != nil {
		t.Fatal(err)
	}
	got := d.Events[0].Data.(Received)
	want := []Recipient{
		{Org: "H02.05", Codes: []string{"H02.05"}},
		{Org: "H02.06", Codes: []string{"H02.06"}, Elsewhere: true},
		{Org: "G22.01", Codes: []string{"G22.01"}, Node: vpcp, Elsewhere: true},
		{Org: "nowhere", Codes: []string{"nowhere"}, Elsewhere: true},
	}
	if fmt.Sprintf("%+v", got.Recipients) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v, expected %+v", got.Recipients, want)
	}
	if got.SenderNode != vpcp || got.Peer == nil || *got.Peer != hop || got.Peer.Address() != (events.Address{Origin: vpcp, Position: 4}) {
		t.Errorf("got %+v", got)
	}
	s, _ := keep(t, State{}, d, c.Package)
	// The same bytes again (a lost answer): the earlier receipt.
	if got := answer(DecideReceive(s, c)); got != "earlier 10" {
		t.Errorf("got %s", got)
	}
	// Later handed over for another one of ours, signed again.
	c.Package, c.Peer = dig("package 2"), &FromPeer{Hop: hop, Handed: []string{"H02.05", "H02.06"}}
	d, err = DecideReceive(s, c)
	if err != nil || d.Outcome != OutcomeResend {
		t.Fatalf("got %+v, %v", d, err)
	}
	if r := d.Events[0].Data.(Resent).Recipients; len(r) != 1 || r[0].Org != "H02.06" || r[0].Elsewhere {
		t.Errorf("got %+v", r)
	}
	s, _ = keep(t, s, d, c.Package)
	if r, _ := s.Recipient("H02.06"); r.Elsewhere {
		t.Errorf("got %+v", r)
	}
	// What recalls a document that is held here may name nobody here.
	recall := receive("G22.01").with(func(c *Receive) {
		c.Sender, c.Peer, c.DocumentID, c.Business = party("G22"), &FromPeer{Hop: hop}, "recall", 1
		c.Effects = []EffectRequest{{Kind: EffectRecall, Document: s.Document}}
	})
	if got := answer(DecideReceive(State{}, recall)); got != "record" {
		t.Errorf("recall for nobody here: got %s", got)
	}
	if got := answer(DecideReceive(State{}, recall.with(func(c *Receive) { c.Business, c.Effects = 0, nil }))); got != "!no-recipients" {
		t.Errorf("document for nobody here: got %s", got)
	}
	// Without a list of those handed over: all that this node serves.
	c = receive("H02.05", "G22.01", "nowhere").with(func(c *Receive) { c.Sender, c.Peer = party("G22"), &FromPeer{Hop: hop} })
	d, err = DecideReceive(State{}, c)
	if err != nil {
		t.Fatal(err)
	}
	if r := d.Events[0].Data.(Received).Recipients; r[0].Elsewhere || !r[1].Elsewhere || !r[2].Elsewhere {
		t.Errorf("got %+v", r)
	}
}

func TestHandedInAgain(t *testing.T) {
	first := receive("H02.06", "G22")
	s := mustReceive(t, State{}, first)
	signed := first.with(func(c *Receive) { c.Package = dig("package 2") })
	tests := []struct {
		name string
		c    Receive
		want string
		to   []string
	}{
		{"same bytes", first, "earlier 10", nil},
		{"same bytes, sender since closed", first.with(func(c *Receive) { c.Sender = party("H02.shut") }), "earlier 10", nil},
		{"signed again", signed, "earlier 10", nil},
		{"signed again by alias", signed.with(func(c *Receive) { c.Sender, c.Recipients = party("000.00.05.H02"), all("000.00.06.H02", "G22") }), "earlier 10", nil},
		{"to fewer", signed.with(func(c *Receive) { c.Recipients = all("G22") }), "earlier 10", nil},
		{"to one more", signed.with(func(c *Receive) { c.Recipients = all("H02.06", "H02.07") }), "resend", []string{"H02.07"}},
		{"to one that failed", signed.with(func(c *Receive) { c.Failed = []string{"G22", "H02.99"} }), "resend", []string{"G22"}},
		{"failed, but not named", signed.with(func(c *Receive) { c.Recipients, c.Failed = all("H02.06"), []string{"G22"} }), "earlier 10", nil},
		{"other content", signed.with(func(c *Receive) { c.Content = dig("other") }), "!other-content", nil},
		{"other content to one more", signed.with(func(c *Receive) { c.Content, c.Recipients = dig("other"), all("H02.07") }), "!other-content", nil},
		{"signed again without assurance", signed.with(func(c *Receive) { c.Assurance = AssuranceChannel }), "!assurance", nil},
		{"to somebody unknown", signed.with(func(c *Receive) { c.Recipients = all("H99") }), "!recipients-unknown", nil},
		{"by the successor", signed.with(func(c *Receive) { c.Sender = party("H05.05") }), "earlier 10", nil},
		{"by the successor to one more", signed.with(func(c *Receive) { c.Sender, c.Recipients = party("H05.05"), all("H02.07") }), "resend", []string{"H02.07"}},
		{"by another", signed.with(func(c *Receive) { c.Sender = party("H02.06") }), "!wrong-stream", nil},
		{"another stream", signed.with(func(c *Receive) { c.DocumentID = "x" }), "!wrong-stream", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := DecideReceive(s, test.c)
			if got := answer(d, err); got != test.want {
				t.Fatalf("got %s, expected %s", got, test.want)
			}
			if test.want != "resend" {
				return
			}
			var to []string
			for _, r := range d.Events[0].Data.(Resent).Recipients {
				to = append(to, r.Org)
			}
			if !slices.Equal(to, test.to) || d.Earlier != s.Address {
				t.Errorf("to %v, expected %v; first %v", to, test.to, d.Earlier)
			}
			next, _ := keep(t, s, d, test.c.Package)
			again := test.c
			again.Failed = nil
			if got := answer(DecideReceive(next, again)); got != "earlier 11" {
				t.Errorf("the resent bytes again: got %s", got)
			}
		})
	}
}

// TestEffectsReachHolders: whoever holds the document concerned gets the new one, but for those it is taken from.
func TestEffectsReachHolders(t *testing.T) {
	held := []Recipient{
		{Org: "H02.06", Codes: []string{"H02.06"}}, {Org: "H02.07", Codes: []string{"H02.07"}}, {Org: "G22", Codes: []string{"G22"}, Node: "vpcp"},
	}
	for _, x := range []struct {
		name   string
		effect EffectRequest
		want   []string
	}{
		{"recall", EffectRequest{Kind: EffectRecall}, []string{"H02.06", "H02.07", "G22"}},
		{"replacement for some", EffectRequest{Kind: EffectReplace, Recipients: all("G22")}, []string{"H02.06", "G22"}},
		{"update of the content", EffectRequest{Kind: EffectUpdate, Content: true, Removed: all("H02.07"), Added: all("G22.01")}, []string{"H02.06", "G22.01", "G22"}},
		{"update of recipients", EffectRequest{Kind: EffectUpdate, Added: all("G22.01")}, []string{"H02.06", "G22.01"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.effect.Document, x.effect.Held = "aa", held
			c := receive("H02.06").with(func(c *Receive) {
				c.Business = map[EffectKind]int{EffectRecall: 1, EffectUpdate: 2, EffectReplace: 3}[x.effect.Kind]
				c.Effects = []EffectRequest{x.effect}
			})
			d, err := DecideReceive(State{}, c)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range d.Events[0].Data.(Received).Recipients {
				got = append(got, r.Org)
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("recipients %v, expected %v", got, x.want)
			}
		})
	}
}
