package directory

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
)

var (
	day0   = time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	expiry = day0.AddDate(3, 0, 0)
)

// dig is a digest that can be told from others by its name.
func dig(name string) events.Digest { return events.Sum([]byte(name)) }

func at(days int) time.Time { return day0.AddDate(0, 0, days) }

// record folds what a decision says, as a store would keep it.
func record(t testing.TB, s State, d Decision, now time.Time) (State, []events.Event) {
	t.Helper()
	var out []events.Event
	for _, n := range d.Events {
		data, err := events.MarshalObject(n.Data)
		if err != nil {
			t.Fatal(err)
		}
		var facts []byte
		if n.Facts != nil {
			if facts, err = events.MarshalObject(n.Facts); err != nil {
				t.Fatal(err)
			}
		}
		e := events.Event{Position: 100 + s.events, Facts: facts, Statement: events.Statement{
			Origin: "node.example/log", Stream: Stream, Version: s.events, Name: n.Name, Time: now, Data: data,
		}}
		if s, err = Fold(s, e); err != nil {
			t.Fatalf("couldn't fold what was decided: %v", err)
		}
		out = append(out, e)
	}
	return s, out
}

func mustChange(t testing.TB, s State, c Change) State {
	t.Helper()
	d, err := Decide(s, c)
	if err != nil {
		t.Fatalf("change %s: %v", c.ID, err)
	}
	next, _ := record(t, s, d, c.At)
	return next
}

func change(id string, signer string, days int, ops ...Operation) Change {
	return Change{ID: id, Content: dig("content of " + id), At: at(days), Signer: dig(signer), Operations: ops}
}

func org(code string) Holder { return Holder{HolderOrganisation, code} }

func enrol(h Holder, name string, p ...Purpose) EnrolCertificate {
	return EnrolCertificate{Holder: h, SHA256: dig(name), Purposes: p, From: day0.AddDate(-1, 0, 0), Until: expiry}
}

func peer(origin string, prefixes ...string) PeerSet {
	return PeerSet{
		Origin: origin, URLs: []string{"https://" + origin}, TLS: []events.Digest{dig("tls " + origin)},
		Verifiers: []string{origin + "+1+AA"}, Prefixes: prefixes,
	}
}

// world is a small directory: two agencies here (one with an old code), one at the peer vpcp, which is trusted for G22.
func world(t testing.TB) State {
	t.Helper()
	g := change("genesis", "root", 0,
		enrol(Holder{HolderOperator, "center"}, "root", PurposeSign),
		AddOrganisation{Code: "000.00.00.H02", Other: []Code{{Code: "H02"}}, Name: "UBND tỉnh Bắc Giang", Level: 1},
		AddOrganisation{Code: "H02.05", Name: "Sở Tài chính", Level: 2, Parent: "H02"},
		enrol(org("H02.05"), "seal 05", PurposeSign),
		AddPeer{Peer: peer("vpcp.example/log", "G22"), Name: "VPCP"},
		enrol(Holder{HolderPeer, "vpcp.example/log"}, "vpcp signer", PurposePeer),
		AddOrganisation{Code: "G22", Name: "Văn phòng Chính phủ", Node: "vpcp.example/log"},
	)
	g.Pinned = []events.Digest{dig("root")}
	return mustChange(t, State{}, g)
}

func TestGenesis(t *testing.T) {
	c := change("g", "root", 0, AddOrganisation{Code: "H02"})
	c.SignerFrom, c.SignerUntil = day0.AddDate(-1, 0, 0), expiry
	if _, err := Decide(State{}, c); reason(err) != ReasonNotPinned {
		t.Fatalf("got %v, expected %s", err, ReasonNotPinned)
	}
	c.Pinned = []events.Digest{dig("other"), dig("root")}
	d, err := Decide(State{}, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Events[0].Data.(ChangeAccepted); got.Authority != AuthorityGenesis || got.Events != 3 || got.Operations != 1 {
		t.Errorf("got %+v", got)
	}
	s, _ := record(t, State{}, d, c.At)
	cert, ok := s.Certificate(dig("root"))
	if !ok || !cert.ValidAt(at(1), PurposeSign) || cert.Holder.Kind != HolderOperator {
		t.Fatalf("signer of the genesis change is no administrator: %+v", cert)
	}
	// The pinned certificate has no power over a directory that has begun, except as enrolled.
	other := change("2", "other", 1, AddOrganisation{Code: "H05"})
	other.Pinned = c.Pinned
	if _, err := Decide(s, other); reason(err) != ReasonSignerUnknown {
		t.Errorf("got %v, expected %s", err, ReasonSignerUnknown)
	}
	if _, err := Decide(s, change("2", "root", 1, AddOrganisation{Code: "H05"})); err != nil {
		t.Errorf("administrator was refused: %v", err)
	}
	// A signer whose certificate has ended would lock everybody out.
	c.SignerUntil = day0.AddDate(0, 0, -1)
	if _, err := Decide(State{}, c); bad(err, 0) != ReasonLastAdministrator {
		t.Errorf("got %v, expected %s", err, ReasonLastAdministrator)
	}
}

func reason(err error) Reason {
	var r *Refusal
	if !errors.As(err, &r) {
		return ""
	}
	return r.Reason
}

// bad is the reason of the n-th bad operation.
func bad(err error, n int) Reason {
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != ReasonBadOperations || n >= len(r.Bad) {
		return ""
	}
	return r.Bad[n].Reason
}

func TestOperationsRefused(t *testing.T) {
	s := world(t)
	s = mustChange(t, s, change("more", "root", 1,
		AddOrganisation{Code: "H02.06"}, AddOrganisation{Code: "H02.07"},
		AddOrganisation{Code: "H05"}, AddOrganisation{Code: "000.00.00.H06"},
		CloseOrganisation{Code: "H02.07", From: at(1)},
		AddCode{Organisation: "H02.06", Code: Code{Code: "06.alias", Until: at(10)}},
		enrol(org("H02.06"), "seal 06", PurposeSign),
		RevokeCertificate{SHA256: dig("seal 06")},
		RegisterClient{ID: "qlvb-05", Holder: org("H02.05"), Token: ptr(dig("token"))},
		RegisterClient{ID: "gone", Holder: org("H02.05"), Token: ptr(dig("gone"))},
		RemoveClient{ID: "gone"},
		GrantReading{ID: "right-1", Reader: Holder{HolderAuditor, "ktnn"}, Organisation: "H02", Until: at(30)},
		TrustAuthority{Certificate: []byte("state ca"), AuthorityKind: AuthorityState, Name: "CA"},
		TrustAuthority{Certificate: []byte("public ca"), AuthorityKind: AuthorityPublic, Until: at(20)},
		TrustAuthority{Certificate: []byte("bad ca"), AuthorityKind: AuthorityOther},
		DistrustAuthority{SHA256: dig("bad ca"), From: at(2)},
	))
	tests := []struct {
		name string
		op   Operation
		want Reason
	}{
		{"code twice", AddOrganisation{Code: "H02"}, ReasonCodeTaken},
		{"alias of another", AddOrganisation{Code: "000.00.00.H02"}, ReasonCodeTaken},
		{"old form of another at level 1", AddOrganisation{Code: "000.00.00.H05"}, ReasonCodeTaken},
		{"new form of another at level 1", AddOrganisation{Code: "H06"}, ReasonCodeTaken},
		{"old form beside its own code", AddOrganisation{Code: "X.1", Other: []Code{{Code: "000.00.00.H05"}}}, ReasonCodeTaken},
		{"old form given to another", AddCode{Organisation: "H02.05", Code: Code{Code: "000.00.00.H05"}}, ReasonCodeTaken},
		{"ended alias of another", AddOrganisation{Code: "X.1", Other: []Code{{Code: "06.alias", From: at(20)}}}, ReasonCodeTaken},
		{"same code twice", AddOrganisation{Code: "H09", Other: []Code{{Code: "H09"}}}, ReasonCodeExists},
		{"no code", AddOrganisation{}, ReasonCodeMalformed},
		{"code with space", AddOrganisation{Code: "H 02"}, ReasonCodeMalformed},
		{"code of 36", AddOrganisation{Code: "H02.4567890123456789012345678901234567"}, ReasonCodeMalformed},
		{"unknown parent", AddOrganisation{Code: "H09", Parent: "H08"}, ReasonCodeUnknown},
		{"unknown node", AddOrganisation{Code: "H09", Node: "nobody.example/log"}, ReasonPeerUnknown},
		{"period", AddOrganisation{Code: "H09", Other: []Code{{Code: "H09.1", From: at(2), Until: at(1)}}}, ReasonPeriod},
		{"change nothing", ChangeOrganisation{Code: "H02"}, ReasonEmpty},
		{"change unknown", ChangeOrganisation{Code: "H99", Name: "x"}, ReasonCodeUnknown},
		{"own parent", ChangeOrganisation{Code: "H02", Parent: "H02"}, ReasonParentCycle},
		{"own grandparent", ChangeOrganisation{Code: "H02", Parent: "H02.05"}, ReasonParentCycle},
		{"move to unknown node", ChangeOrganisation{Code: "H02", Node: "nobody.example/log"}, ReasonPeerUnknown},
		{"close unknown", CloseOrganisation{Code: "H99"}, ReasonCodeUnknown},
		{"close twice", CloseOrganisation{Code: "H02.07"}, ReasonAlreadyClosed},
		{"succeed itself", CloseOrganisation{Code: "H02", Successor: "000.00.00.H02"}, ReasonSuccessorCycle},
		{"closed successor", CloseOrganisation{Code: "H02.06", Successor: "H02.07", From: at(2)}, ReasonSuccessorClosed},
		{"unknown successor", CloseOrganisation{Code: "H02.06", Successor: "H99"}, ReasonCodeUnknown},
		{"alias it has", AddCode{Organisation: "H02", Code: Code{Code: "000.00.00.H02"}}, ReasonCodeExists},
		{"alias it has for a time", AddCode{Organisation: "H02.06", Code: Code{Code: "06.alias", From: at(9)}}, ReasonCodeExists},
		{"alias of another", AddCode{Organisation: "H02", Code: Code{Code: "H02.05"}}, ReasonCodeTaken},
		{"remove last", RemoveCode{Organisation: "H02.05", Code: "H02.05"}, ReasonCodeLast},
		{"remove last valid then", RemoveCode{Organisation: "H02.06", Code: "H02.06", Until: at(10)}, ReasonCodeLast},
		{"remove another's", RemoveCode{Organisation: "H02.06", Code: "H02"}, ReasonCodeUnknown},
		{"remove ended", RemoveCode{Organisation: "H02.06", Code: "06.alias", Until: at(11)}, ReasonCodeUnknown},
		{"enrol for unknown", enrol(org("H99"), "x", PurposeSign), ReasonCodeUnknown},
		{"enrol for unknown peer", enrol(Holder{HolderPeer, "x"}, "x", PurposePeer), ReasonPeerUnknown},
		{"enrol for no kind", enrol(Holder{"king", "x"}, "x", PurposeSign), ReasonHolder},
		{"enrol for no name", enrol(Holder{HolderOperator, ""}, "x", PurposeSign), ReasonHolder},
		{"enrol for nothing", enrol(org("H02"), "x"), ReasonPurpose},
		{"enrol agency as peer", enrol(org("H02"), "x", PurposePeer), ReasonPurpose},
		{"enrol for another", enrol(org("H02"), "seal 05", PurposeSign), ReasonCertificateTaken},
		{"enrol twice", enrol(org("H02.05"), "seal 05", PurposeSign), ReasonCertificateExists},
		{"enrol revoked", enrol(org("H02.06"), "seal 06", PurposeSign), ReasonCertificateEnded},
		{"enrol expired", EnrolCertificate{org("H02"), dig("old"), []Purpose{PurposeSign}, at(-20), at(-10)}, ReasonCertificateEnded},
		{"enrol reversed", EnrolCertificate{org("H02"), dig("old"), []Purpose{PurposeSign}, at(20), at(10)}, ReasonPeriod},
		{"revoke unknown", RevokeCertificate{SHA256: dig("nobody")}, ReasonCertificateNone},
		{"revoke twice", RevokeCertificate{SHA256: dig("seal 06"), From: at(2)}, ReasonCertificateEnded},
		{"suspend revoked", RevokeCertificate{SHA256: dig("seal 06"), From: at(0), Suspend: true}, ReasonCertificateEnded},
		{"last administrator", RevokeCertificate{SHA256: dig("root")}, ReasonLastAdministrator},
		{"last administrator later", RevokeCertificate{SHA256: dig("root"), From: at(50)}, ReasonLastAdministrator},
		{"last administrator suspended", RevokeCertificate{SHA256: dig("root"), Suspend: true}, ReasonLastAdministrator},
		{"client id used", RegisterClient{ID: "qlvb-05", Holder: org("H02"), Token: ptr(dig("t2"))}, ReasonClientTaken},
		{"client id used before", RegisterClient{ID: "gone", Holder: org("H02"), Token: ptr(dig("t2"))}, ReasonClientTaken},
		{"token used", RegisterClient{ID: "c2", Holder: org("H02"), Token: ptr(dig("token"))}, ReasonCredential},
		{"token used before", RegisterClient{ID: "c2", Holder: org("H02"), Token: ptr(dig("gone"))}, ReasonCredential},
		{"no credential", RegisterClient{ID: "c2", Holder: org("H02")}, ReasonCredential},
		{"two credentials", RegisterClient{ID: "c2", Holder: org("H02"), Token: ptr(dig("a")), TLS: ptr(dig("b"))}, ReasonCredential},
		{"client of nobody", RegisterClient{ID: "c2", Holder: org("H99"), Token: ptr(dig("a"))}, ReasonCodeUnknown},
		{"sends for nobody", RegisterClient{ID: "c2", Holder: org("H02"), Token: ptr(dig("a")), SendsFor: []string{"H99"}}, ReasonCodeUnknown},
		{"client without id", RegisterClient{Holder: org("H02"), Token: ptr(dig("a"))}, ReasonEmpty},
		{"remove unknown client", RemoveClient{ID: "nobody"}, ReasonClientUnknown},
		{"remove removed client", RemoveClient{ID: "gone"}, ReasonClientUnknown},
		{"peer twice", AddPeer{Peer: peer("vpcp.example/log", "G22")}, ReasonPeerExists},
		{"peer without key", AddPeer{Peer: PeerSet{Origin: "x", TLS: []events.Digest{dig("x")}}}, ReasonPeerIncomplete},
		{"peer without certificate", AddPeer{Peer: PeerSet{Origin: "x", Verifiers: []string{"k"}}}, ReasonPeerIncomplete},
		{"peer in another's space", AddPeer{Peer: peer("x", "G22.01")}, ReasonSpaceOverlaps},
		{"peer around another's space", AddPeer{Peer: peer("x", "G", "000.00.00.G22")}, ReasonSpaceOverlaps},
		{"peer with another's certificate", AddPeer{Peer: PeerSet{Origin: "x", Verifiers: []string{"k"}, TLS: []events.Digest{dig("tls vpcp.example/log")}}}, ReasonCertificateTaken},
		{"peer with odd prefix", AddPeer{Peer: peer("x", "H05 ")}, ReasonCodeMalformed},
		{"change unknown peer", ChangePeer{Peer: peer("x", "H05")}, ReasonPeerUnknown},
		{"right twice", GrantReading{ID: "right-1", Reader: org("H02"), Organisation: "H02.05"}, ReasonRightTaken},
		{"right without id", GrantReading{Reader: org("H02"), Organisation: "H02.05"}, ReasonEmpty},
		{"right over nobody", GrantReading{ID: "r2", Reader: org("H02"), Organisation: "H99"}, ReasonCodeUnknown},
		{"right to odd document", GrantReading{ID: "r2", Reader: org("H02"), Organisation: "H02", Document: "12/QĐ"}, ReasonRightUnknown},
		{"right reversed", GrantReading{ID: "r2", Reader: org("H02"), Organisation: "H02.05", From: at(5), Until: at(4)}, ReasonPeriod},
		{"revoke unknown right", RevokeReading{ID: "r2"}, ReasonRightUnknown},
		{"revoke ended right", RevokeReading{ID: "right-1", Until: at(31)}, ReasonRightUnknown},
		{"authority without certificate", TrustAuthority{AuthorityKind: AuthorityState}, ReasonAuthorityCertificate},
		{"authority too large", TrustAuthority{Certificate: make([]byte, MaxAuthorityBytes+1), AuthorityKind: AuthorityState}, ReasonAuthorityCertificate},
		{"authority of no kind", TrustAuthority{Certificate: []byte("ca"), AuthorityKind: "royal"}, ReasonPolicyItem},
		{"authority for no purpose", TrustAuthority{Certificate: []byte("ca"), AuthorityKind: AuthorityState, Purposes: []AuthorityPurpose{"rule"}}, ReasonPurpose},
		{"authority reversed", TrustAuthority{Certificate: []byte("ca"), AuthorityKind: AuthorityState, From: at(9), Until: at(8)}, ReasonPeriod},
		{"authority twice", TrustAuthority{Certificate: []byte("state ca"), AuthorityKind: AuthorityState, Name: "CA"}, ReasonAuthorityExists},
		{"distrust unknown", DistrustAuthority{SHA256: dig("ca")}, ReasonAuthorityUnknown},
		{"distrust after its end", DistrustAuthority{SHA256: dig("public ca"), From: at(21)}, ReasonAuthorityEnded},
		{"distrust twice", DistrustAuthority{SHA256: dig("bad ca"), From: at(5)}, ReasonAuthorityEnded},
		{"no policy", SetPolicy{}, ReasonEmpty},
		{"unknown level", SetPolicy{Assurance: []RequiredAssurance{{Level: "high"}}}, ReasonPolicyItem},
		{"level of nobody", SetPolicy{Assurance: []RequiredAssurance{{Sender: "H99", Level: "own"}}}, ReasonCodeUnknown},
		{"element without namespace", SetPolicy{SecrecyElements: []SecrecyElement{{Local: "DoMat"}}}, ReasonPolicyItem},
		{"negative limit", SetPolicy{Limits: []Limit{{"delivery-days", -1}}}, ReasonPolicyItem},
		{"unknown operation", strange{}, ReasonUnknownOperation},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := Decide(s, change("c", "root", 3, AddOrganisation{Code: "H77"}, test.op))
			var r *Refusal
			if !errors.As(err, &r) || r.Reason != ReasonBadOperations {
				t.Fatalf("got %+v, %v, expected refusal %s", d, err, test.want)
			}
			if len(r.Bad) != 1 || r.Bad[0].Reason != test.want || r.Bad[0].Index != 1 || r.Bad[0].Kind != test.op.Kind() {
				t.Errorf("got %+v, expected %s of operation 1 (%s)", r.Bad, test.want, test.op.Kind())
			}
			if len(d.Events) != 0 {
				t.Errorf("a refused change has %d events", len(d.Events))
			}
		})
	}
}

type strange struct{}

func (strange) Kind() string { return "Strange" }

func ptr[T any](v T) *T { return &v }

func TestRefusalNamesEveryBadOperation(t *testing.T) {
	s := world(t)
	_, err := Decide(s, change("c", "root", 1,
		AddOrganisation{Code: "H02"}, AddOrganisation{Code: "H08"}, CloseOrganisation{Code: "H99"}, RemoveClient{ID: "x"}))
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v", err)
	}
	want := []BadOperation{
		{0, "AddOrganisation", ReasonCodeTaken, "H02"},
		{2, "CloseOrganisation", ReasonCodeUnknown, "H99"},
		{3, "RemoveClient", ReasonClientUnknown, "x"},
	}
	if !reflect.DeepEqual(r.Bad, want) {
		t.Errorf("got %+v, expected %+v", r.Bad, want)
	}
}

func TestSameChangeAgain(t *testing.T) {
	s := world(t)
	c := change("c", "root", 1, AddOrganisation{Code: "H08"})
	d, err := Decide(s, c)
	if err != nil {
		t.Fatal(err)
	}
	s, recorded := record(t, s, d, c.At)
	c.At, c.Signer = at(5), dig("root")
	again, err := Decide(s, c)
	if err != nil || again.Outcome != OutcomeEarlier || again.Earlier.Position != recorded[0].Position || again.Count != 2 {
		t.Errorf("got %+v, %v, expected earlier at %d", again, err, recorded[0].Position)
	}
	c.Content = dig("other")
	if _, err := Decide(s, c); reason(err) != ReasonIDReused {
		t.Errorf("got %v, expected %s", err, ReasonIDReused)
	}
	for _, c := range []Change{change("", "root", 1, SetPolicy{}), change("d", "root", 1)} {
		if _, err := Decide(s, c); reason(err) != ReasonEmpty {
			t.Errorf("got %v, expected %s", err, ReasonEmpty)
		}
	}
}

func TestAuthority(t *testing.T) {
	s := world(t)
	s = mustChange(t, s, change("more", "root", 1,
		AddOrganisation{Code: "H02.06"},
		enrol(org("H02.05"), "person 05", PurposePerson),
		enrol(Holder{HolderChannel, "folder:x"}, "channel", PurposeChannel),
		enrol(Holder{HolderOperator, "second"}, "second", PurposeSign),
		enrol(org("G22"), "seal G22", PurposeSign),
		RegisterClient{ID: "c05", Holder: org("H02.05"), Token: ptr(dig("t05"))},
		RegisterClient{ID: "c06", Holder: org("H02.06"), Token: ptr(dig("t06"))},
	))
	s = mustChange(t, s, change("revoke", "root", 2, RevokeCertificate{SHA256: dig("second")}))
	own := SelfService{Certificates: true, Clients: true}
	vpcp := "vpcp signer"
	tests := []struct {
		name   string
		signer string
		self   SelfService
		op     Operation
		want   Reason // of the operation or the change, "" accepted
	}{
		{"revoked administrator", "second", own, AddOrganisation{Code: "H08"}, ReasonSignerInvalid},
		{"person", "person 05", own, RevokeCertificate{SHA256: dig("seal 05")}, ReasonSignerNoRight},
		{"channel", "channel", own, RevokeCertificate{SHA256: dig("channel")}, ReasonSignerNoRight},
		{"agency of another node", "seal G22", own, RevokeCertificate{SHA256: dig("seal G22")}, ReasonSignerNoRight},
		{"nobody", "nobody", own, AddOrganisation{Code: "H08"}, ReasonSignerUnknown},

		{"agency adds", "seal 05", own, AddOrganisation{Code: "H08"}, ReasonNotAllowed},
		{"agency changes itself", "seal 05", own, ChangeOrganisation{Code: "H02.05", Name: "x"}, ReasonNotAllowed},
		{"agency closes itself", "seal 05", own, CloseOrganisation{Code: "H02.05"}, ReasonNotAllowed},
		{"agency gives itself a code", "seal 05", own, AddCode{"H02.05", Code{Code: "H02.55"}}, ReasonNotAllowed},
		{"agency removes a code", "seal 05", own, RemoveCode{Organisation: "H02.05", Code: "H02.05"}, ReasonNotAllowed},
		{"agency enrols", "seal 05", own, enrol(org("H02.05"), "new", PurposeSign), ""},
		{"agency enrols, not allowed", "seal 05", SelfService{Clients: true}, enrol(org("H02.05"), "new", PurposeSign), ReasonNotAllowed},
		{"agency enrols for another", "seal 05", own, enrol(org("H02.06"), "new", PurposeSign), ReasonNotAllowed},
		{"agency enrols administrator", "seal 05", own, enrol(Holder{HolderOperator, "me"}, "new", PurposeSign), ReasonNotAllowed},
		{"agency revokes its own", "seal 05", SelfService{}, RevokeCertificate{SHA256: dig("person 05")}, ""},
		{"agency revokes another's", "seal 05", own, RevokeCertificate{SHA256: dig("root")}, ReasonNotAllowed},
		{"agency registers", "seal 05", own, RegisterClient{ID: "n", Holder: org("H02.05"), TLS: ptr(dig("n"))}, ""},
		{"agency registers, not allowed", "seal 05", SelfService{}, RegisterClient{ID: "n", Holder: org("H02.05"), TLS: ptr(dig("n"))}, ReasonNotAllowed},
		{"agency registers for another", "seal 05", own, RegisterClient{ID: "n", Holder: org("H02.06"), TLS: ptr(dig("n"))}, ReasonNotAllowed},
		{"agency sends for another", "seal 05", own, RegisterClient{ID: "n", Holder: org("H02.05"), TLS: ptr(dig("n")), SendsFor: []string{"H02"}}, ReasonNotAllowed},
		{"agency removes its client", "seal 05", SelfService{}, RemoveClient{"c05"}, ""},
		{"agency removes another's", "seal 05", own, RemoveClient{"c06"}, ReasonNotAllowed},
		{"agency adds peer", "seal 05", own, AddPeer{Peer: peer("x", "H05")}, ReasonNotAllowed},
		{"agency grants", "seal 05", own, GrantReading{ID: "r", Reader: org("H02.06"), Organisation: "H02.05"}, ReasonNotAllowed},
		{"agency ungrants", "seal 05", own, RevokeReading{ID: "r"}, ReasonNotAllowed},
		{"agency sets policy", "seal 05", own, SetPolicy{Limits: []Limit{{"x", 1}}}, ReasonNotAllowed},

		{"agency trusts", "seal 05", own, TrustAuthority{Certificate: []byte("ca"), AuthorityKind: AuthorityState}, ReasonNotAllowed},
		{"agency distrusts", "seal 05", own, DistrustAuthority{SHA256: dig("state ca")}, ReasonNotAllowed},
		{"peer trusts", vpcp, own, TrustAuthority{Certificate: []byte("ca"), AuthorityKind: AuthorityState}, ReasonNotAllowed},
		{"peer distrusts", vpcp, own, DistrustAuthority{SHA256: dig("state ca")}, ReasonNotAllowed},

		{"peer adds", vpcp, own, AddOrganisation{Code: "G22.01", Parent: "G22"}, ""},
		{"peer adds, old form", vpcp, own, AddOrganisation{Code: "000.00.01.G22"}, ""},
		{"peer names itself", vpcp, own, AddOrganisation{Code: "G22.01", Node: "vpcp.example/log"}, ""},
		{"peer names another", vpcp, own, AddOrganisation{Code: "G22.01", Node: "x"}, ReasonOutsideSpace},
		{"peer adds outside", vpcp, own, AddOrganisation{Code: "H02.99"}, ReasonOutsideSpace},
		{"peer adds alias outside", vpcp, own, AddOrganisation{Code: "G22.01", Other: []Code{{Code: "H02.99"}}}, ReasonOutsideSpace},
		{"peer adds like prefix", vpcp, own, AddOrganisation{Code: "G221"}, ReasonOutsideSpace},
		{"peer changes its own", vpcp, own, ChangeOrganisation{Code: "G22", Name: "VPCP"}, ""},
		{"peer changes ours", vpcp, own, ChangeOrganisation{Code: "H02.05", Name: "x"}, ReasonOutsideSpace},
		{"peer gives away", vpcp, own, ChangeOrganisation{Code: "G22", Local: true}, ReasonOutsideSpace},
		{"peer adds code", vpcp, own, AddCode{"G22", Code{Code: "000.00.00.G22"}}, ""},
		{"peer adds code outside", vpcp, own, AddCode{"G22", Code{Code: "G01"}}, ReasonOutsideSpace},
		{"peer closes", vpcp, own, CloseOrganisation{Code: "G22"}, ""},
		{"peer closes ours", vpcp, own, CloseOrganisation{Code: "H02.05"}, ReasonOutsideSpace},
		{"peer names our agency successor", vpcp, own, CloseOrganisation{Code: "G22", Successor: "H02"}, ReasonOutsideSpace},
		{"peer enrols", vpcp, own, enrol(org("G22"), "new", PurposeSign), ""},
		{"peer enrols for TLS", vpcp, own, enrol(org("G22"), "new", PurposeTLS), ReasonNotAllowed},
		{"peer enrols for ours", vpcp, own, enrol(org("H02.05"), "new", PurposeSign), ReasonOutsideSpace},
		{"peer enrols administrator", vpcp, own, enrol(Holder{HolderOperator, "me"}, "new", PurposeSign), ReasonOutsideSpace},
		{"peer revokes", vpcp, own, RevokeCertificate{SHA256: dig("seal G22")}, ""},
		{"peer revokes ours", vpcp, own, RevokeCertificate{SHA256: dig("seal 05")}, ReasonOutsideSpace},
		{"peer registers", vpcp, own, RegisterClient{ID: "n", Holder: org("G22"), TLS: ptr(dig("n"))}, ReasonNotAllowed},
		{"peer removes client", vpcp, own, RemoveClient{"c05"}, ReasonNotAllowed},
		{"peer changes itself", vpcp, own, ChangePeer{Peer: peer("vpcp.example/log", "G22", "H")}, ReasonNotAllowed},
		{"peer adds itself", vpcp, own, AddPeer{Peer: peer("vpcp.example/log", "H")}, ReasonNotAllowed},
		{"peer grants", vpcp, own, GrantReading{ID: "r", Reader: org("G22"), Organisation: "H02.05"}, ReasonNotAllowed},
		{"peer sets policy", vpcp, own, SetPolicy{Limits: []Limit{{"x", 1}}}, ReasonNotAllowed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := change("c", test.signer, 3, test.op)
			c.SelfService = test.self
			d, err := Decide(s, c)
			got := reason(err)
			if got == ReasonBadOperations {
				got = bad(err, 0)
			}
			if got != test.want || (err == nil) != (test.want == "") {
				t.Fatalf("got %q (%v), expected %q", got, err, test.want)
			}
			if err == nil {
				record(t, s, d, c.At)
			}
		})
	}
}

func TestLaterOperationsSeeEarlierOnes(t *testing.T) {
	s := world(t)
	s = mustChange(t, s, change("c", "root", 1,
		RevokeCertificate{SHA256: dig("root")}, // allowed, because a new administrator comes with it
		enrol(Holder{HolderOperator, "next"}, "next", PurposeSign),
		AddOrganisation{Code: "H05"},
		AddOrganisation{Code: "H05.01", Parent: "H05"},
		CloseOrganisation{Code: "H02", Successor: "H05"},
		enrol(org("H05.01"), "seal 0501", PurposeSign),
	))
	if _, err := Decide(s, change("d", "root", 2, AddOrganisation{Code: "H06"})); reason(err) != ReasonSignerInvalid {
		t.Errorf("got %v, expected %s", err, ReasonSignerInvalid)
	}
	if _, err := Decide(s, change("d", "next", 2, AddOrganisation{Code: "H06"})); err != nil {
		t.Error(err)
	}
	// … but a chain may not come back.
	_, err := Decide(s, change("e", "next", 2,
		AddOrganisation{Code: "H06"}, CloseOrganisation{Code: "H05", Successor: "H06", From: at(9)}, CloseOrganisation{Code: "H06", Successor: "H02"}))
	if got := bad(err, 0); got != ReasonSuccessorCycle {
		t.Errorf("got %v, expected %s", err, ReasonSuccessorCycle)
	}
}

func TestResolve(t *testing.T) {
	s := world(t)
	s = mustChange(t, s, change("c", "root", 1,
		AddOrganisation{Code: "H05", From: at(1)},
		AddOrganisation{Code: "H24"},
		AddCode{"H24", Code{Code: "H24.old", From: at(2), Until: at(4)}},
		CloseOrganisation{Code: "H02", Successor: "H05", From: at(10)},
		CloseOrganisation{Code: "H05", Successor: "G22", From: at(20)},
		CloseOrganisation{Code: "G22", From: at(30)},
	))
	tests := []struct {
		name string
		code string
		at   time.Time
		want Resolution
	}{
		{"unknown", "H99", at(1), Resolution{}},
		{"new form", "H02", at(1), Resolution{Known: true, Direct: "H02", Org: "H02"}},
		{"old form", "000.00.00.H02", at(1), Resolution{Known: true, Direct: "H02", Org: "H02"}},
		{"peer", "G22", at(1), Resolution{Known: true, Direct: "G22", Org: "G22", Node: "vpcp.example/log"}},
		{"level 1 by its other form", "000.00.00.G22", at(1), Resolution{Known: true, Direct: "G22", Org: "G22", Node: "vpcp.example/log"}},
		{"level 1 by its other form, unknown", "000.00.00.H99", at(1), Resolution{}},
		{"not yet", "H05", at(0), Resolution{Expired: true, Direct: "H05"}},
		{"alias not yet", "H24.old", at(1), Resolution{Expired: true, Direct: "H24"}},
		{"alias", "H24.old", at(2), Resolution{Known: true, Direct: "H24", Org: "H24"}},
		{"alias ended", "H24.old", at(4), Resolution{Expired: true, Direct: "H24"}},
		{"day before", "H02", at(10).Add(-1), Resolution{Known: true, Direct: "H02", Org: "H02"}},
		{"successor", "000.00.00.H02", at(10), Resolution{Known: true, Direct: "H02", Org: "H05", Via: []string{"H02"}}},
		{"successor's successor", "H02", at(20), Resolution{Known: true, Direct: "H02", Org: "G22", Via: []string{"H02", "H05"}, Node: "vpcp.example/log"}},
		{"end of the chain", "H02", at(30), Resolution{Known: true, Direct: "H02", Org: "G22", Via: []string{"H02", "H05"}, Node: "vpcp.example/log", Closed: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.want.Written = test.code
			if got := s.Resolve(test.code, test.at); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, expected %+v", got, test.want)
			}
		})
	}
	for _, test := range []struct {
		org  string
		at   time.Time
		want []string
	}{
		{"H05", at(9), []string{"H05"}},
		{"H05", at(10), []string{"H05", "H02"}},
		{"G22", at(19), []string{"G22"}},
		{"G22", at(20), []string{"G22", "H05", "H02"}},
		{"H99", at(20), nil},
	} {
		if got := s.Identities(test.org, test.at); !slices.Equal(got, test.want) {
			t.Errorf("identities of %s: got %v, expected %v", test.org, got, test.want)
		}
	}
}

func TestIdentityIsTheNewFormIfKnown(t *testing.T) {
	tests := []struct {
		name  string
		codes []Code
		want  string
	}{
		{"new form first", []Code{{Code: "H02.05"}, {Code: "000.00.05.H02"}}, "H02.05"},
		{"old form first", []Code{{Code: "000.00.05.H02"}, {Code: "vxp.05"}, {Code: "H02.05"}}, "H02.05"},
		{"new form that ends", []Code{{Code: "000.00.05.H02"}, {Code: "H02.05", Until: at(9)}}, "000.00.05.H02"},
		{"odd code first", []Code{{Code: "vxp.saas.02"}, {Code: "H02.05"}}, "vxp.saas.02"},
		{"only old", []Code{{Code: "28.22.H17"}}, "28.22.H17"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := change("g", "root", 0, AddOrganisation{Code: test.codes[0].Code, Other: test.codes[1:]})
			g.Pinned, g.SignerFrom, g.SignerUntil = []events.Digest{dig("root")}, at(-1), expiry
			s := mustChange(t, State{}, g)
			for _, c := range test.codes {
				if r := s.Resolve(c.Code, at(1)); r.Org != test.want || !r.Known {
					t.Errorf("%s: got %+v, expected %s", c.Code, r, test.want)
				}
			}
		})
	}
}
