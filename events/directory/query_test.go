package directory

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
)

func TestInSpace(t *testing.T) {
	tests := []struct {
		prefix, code string
		want         bool
	}{
		{"H02", "H02", true},
		{"H02", "H02.05", true},
		{"H02", "H02.05.13", true},
		{"H02", "000.00.00.H02", true},
		{"H02", "000.00.05.H02", true},
		{"H02", "28.22.H02", true},
		{"H02.05", "000.00.05.H02", true},
		{"H02.05", "013.00.05.H02", true},
		{"H02.05", "000.00.06.H02", false},
		{"H02.05", "H02", false},
		{"000.00.05.H02", "H02.05", true},
		{"H02", "H021", false},
		{"H02", "H05.H02", false}, // not the old form: other parts are no numbers
		{"H02", "X.00.H02", false},
		{"H02", "", false},
		{"", "H02", false},
		{"H", "H02", false},
	}
	for _, test := range tests {
		if got := InSpace(test.prefix, test.code); got != test.want {
			t.Errorf("InSpace(%q, %q): got %v, expected %v", test.prefix, test.code, got, test.want)
		}
	}
}

func TestCertificateInForce(t *testing.T) {
	s := world(t)
	s = mustChange(t, s, change("c", "root", 5,
		enrol(org("H02"), "lost", PurposeSign, PurposeTLS),
		RevokeCertificate{SHA256: dig("lost"), From: at(3), Reason: "mất thiết bị"},
		enrol(org("H02"), "paused", PurposeSign),
		RevokeCertificate{SHA256: dig("paused"), From: at(6), Suspend: true},
		enrol(org("H02"), "wider", PurposeSign),
		enrol(org("H02"), "wider", PurposeTLS, PurposeSign),
	))
	check := func(name string, days int, p Purpose, want bool) {
		t.Helper()
		c, ok := s.Certificate(dig(name))
		if !ok {
			t.Fatalf("%s is not enrolled", name)
		}
		if got := c.ValidAt(at(days), p); got != want {
			t.Errorf("%s for %s on day %d: got %v, expected %v", name, p, days, got, want)
		}
	}
	check("seal 05", 1, PurposeSign, true)
	check("seal 05", 1, PurposeTLS, false)
	check("seal 05", -400, PurposeSign, false)
	check("seal 05", 1200, PurposeSign, false)
	check("lost", 2, PurposeSign, true) // what was signed before stays valid
	check("lost", 3, PurposeSign, false)
	check("lost", 3, PurposeTLS, false)
	check("paused", 5, PurposeSign, true)
	check("paused", 6, PurposeSign, false)
	check("wider", 6, PurposeTLS, true)
	s = mustChange(t, s, change("d", "root", 7, enrol(org("H02"), "paused", PurposeSign)))
	check("paused", 8, PurposeSign, true)
	s = mustChange(t, s, change("e", "root", 8, RevokeCertificate{SHA256: dig("lost"), From: at(1)}))
	check("lost", 2, PurposeSign, false)

	o, _ := s.Organisation("H02")
	if want := []events.Digest{dig("lost"), dig("paused"), dig("wider")}; !slices.Equal(o.Holds, want) {
		t.Errorf("H02 holds %v, expected %v", o.Holds, want)
	}
	if _, ok := s.Certificate(dig("nobody")); ok {
		t.Error("found a certificate that was never enrolled")
	}
}

func TestClients(t *testing.T) {
	s := world(t)
	s = mustChange(t, s, change("c", "root", 1,
		AddOrganisation{Code: "H02.06"},
		RegisterClient{ID: "agency", Holder: org("000.00.00.H02"), Token: ptr(dig("agency"))},
		RegisterClient{ID: "clerk", Holder: org("H02.05"), TLS: ptr(dig("clerk")), SendsFor: []string{"H02.06", "H02.06"}},
		RegisterClient{ID: "folder", Holder: Holder{HolderChannel, "folder"}, Token: ptr(dig("folder")), SendsFor: []string{"H02.06"}},
		RegisterClient{ID: "mail", Holder: Holder{HolderChannel, "mail"}, Token: ptr(dig("mail"))},
		RegisterClient{ID: "vpcp", Holder: Holder{HolderPeer, "vpcp.example/log"}, TLS: ptr(dig("vpcp"))},
		RegisterClient{ID: "operator", Holder: Holder{HolderOperator, "center"}, Token: ptr(dig("operator"))},
		RegisterClient{ID: "removed", Holder: org("H02"), Token: ptr(dig("removed"))},
		RemoveClient{ID: "removed"},
		CloseOrganisation{Code: "H02.05", Successor: "H02", From: at(10)},
	))
	tests := []struct {
		client, org string
		days        int
		want        bool
	}{
		{"agency", "H02", 1, true},
		{"agency", "H02.05", 9, false},
		{"agency", "H02.05", 10, true}, // as its successor
		{"agency", "H02.06", 1, false},
		{"agency", "G22", 1, false},
		{"clerk", "H02.05", 1, true},
		{"clerk", "H02.06", 1, true},
		{"clerk", "H02", 1, false},
		{"folder", "H02.06", 1, true},
		{"folder", "H02", 1, false},
		{"mail", "H02", 1, true},
		{"mail", "G22", 1, false},
		{"vpcp", "G22", 1, true},
		{"vpcp", "H02", 1, false},
		{"operator", "H02", 1, false},
		{"agency", "H99", 1, false},
	}
	for _, test := range tests {
		c, ok := s.Client(test.client)
		if !ok {
			t.Fatalf("no client %s", test.client)
		}
		if got := s.MaySendFor(c, test.org, at(test.days)); got != test.want {
			t.Errorf("%s for %s on day %d: got %v, expected %v", test.client, test.org, test.days, got, test.want)
		}
	}
	if c, ok := s.ClientByToken(dig("agency")); !ok || c.ID != "agency" || c.Holder.ID != "H02" {
		t.Errorf("by token: got %+v, %v", c, ok)
	}
	if c, ok := s.ClientByTLS(dig("clerk")); !ok || c.ID != "clerk" || !slices.Equal(c.SendsFor, []string{"H02.06"}) {
		t.Errorf("by certificate: got %+v, %v", c, ok)
	}
	for name, found := range map[string]bool{
		"token as certificate": has(s.ClientByTLS(dig("agency"))),
		"certificate as token": has(s.ClientByToken(dig("clerk"))),
		"removed by token":     has(s.ClientByToken(dig("removed"))),
		"removed by id":        has(s.Client("removed")),
	} {
		if found {
			t.Errorf("%s: found", name)
		}
	}
	agency, _ := s.Client("agency")
	if got := s.Acts(agency, at(10)); !slices.Equal(got, []string{"H02", "H02.05"}) {
		t.Errorf("agency acts for %v", got)
	}
	operator, _ := s.Client("operator")
	if got := s.Acts(operator, at(10)); got != nil {
		t.Errorf("operator acts for %v", got)
	}
}

func has(_ *Client, ok bool) bool { return ok }

func TestReadingRights(t *testing.T) {
	s := world(t)
	document := dig("document").String()
	auditor := Holder{HolderAuditor, "ktnn"}
	s = mustChange(t, s, change("c", "root", 1,
		GrantReading{ID: "all", Reader: auditor, Organisation: "000.00.00.H02", From: at(2), Until: at(10), Reason: "Quyết định 12/QĐ-UBND"},
		GrantReading{ID: "one", Reader: org("H02"), Organisation: "H02.05", Document: document},
		GrantReading{ID: "cut", Reader: auditor, Organisation: "H02.05", Until: at(10)},
	))
	s = mustChange(t, s, change("d", "root", 3, RevokeReading{ID: "cut"}))
	tests := []struct {
		reader   Holder
		org, doc string
		days     int
		want     bool
	}{
		{auditor, "H02", document, 1, false},
		{auditor, "H02", document, 2, true},
		{auditor, "H02", "", 9, true},
		{auditor, "H02", document, 10, false},
		{Holder{HolderOrganisation, "ktnn"}, "H02", document, 2, false},
		{org("H02"), "H02.05", document, 400, true},
		{org("H02"), "H02.05", dig("other").String(), 400, false},
		{org("H02"), "H02.05", "", 400, false},
		{org("H02.05"), "H02", document, 2, false},
		{auditor, "H02.05", document, 2, true},
		{auditor, "H02.05", document, 3, false},
	}
	for _, test := range tests {
		if got := s.MayRead(test.reader, test.org, test.doc, at(test.days)); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
	var got []string
	s.Rights(auditor, at(2), func(r *Reading) bool { got = append(got, r.Right); return true })
	if !slices.Equal(got, []string{"all", "cut"}) {
		t.Errorf("rights on day 2: got %v", got)
	}
	if r, ok := s.Right("cut"); !ok || !r.Until.Equal(at(3)) {
		t.Errorf("got %+v, %v", r, ok)
	}
}

func TestPolicyItems(t *testing.T) {
	s := world(t)
	if got := s.RequiredAssurance("H02", "edxml.document"); got != "" {
		t.Errorf("without items: got %q", got)
	}
	s = mustChange(t, s, change("c", "root", 1, SetPolicy{
		Assurance: []RequiredAssurance{
			{Level: "custody"}, {Kind: "edxml.status", Level: "channel"},
			{Sender: "000.00.00.H02", Level: "own"}, {Sender: "H02", Kind: "edxml.status", Level: "agency"},
		},
		SecrecyElements: []SecrecyElement{{Namespace: "urn:a", Local: "DoMat"}, {Sender: "H02.05", Namespace: "urn:b", Local: "Mat"}},
		Limits:          []Limit{{"delivery-days", 7}},
	}))
	for _, test := range []struct{ sender, kind, want string }{
		{"H02", "edxml.status", "agency"},
		{"H02", "edxml.document", "own"},
		{"H02.05", "edxml.status", "channel"},
		{"H02.05", "edxml.document", "custody"},
		{"", "", "custody"},
	} {
		if got := s.RequiredAssurance(test.sender, test.kind); got != test.want {
			t.Errorf("%s %s: got %q, expected %q", test.sender, test.kind, got, test.want)
		}
	}
	if got := s.SecrecyElements("H02"); len(got) != 1 || got[0].Local != "DoMat" {
		t.Errorf("elements of H02: %v", got)
	}
	if got := s.SecrecyElements("H02.05"); len(got) != 2 {
		t.Errorf("elements of H02.05: %v", got)
	}
	if v, ok := s.Limit("delivery-days"); !ok || v != 7 {
		t.Errorf("limit: got %d, %v", v, ok)
	}
	before := s
	s = mustChange(t, s, change("d", "root", 2, SetPolicy{
		Assurance:       []RequiredAssurance{{Sender: "H02", Kind: "edxml.status"}},
		SecrecyElements: []SecrecyElement{{Namespace: "urn:a"}, {Namespace: "urn:a", Local: "Khac"}},
		Limits:          []Limit{{"delivery-days", 3}},
	}))
	if got := s.RequiredAssurance("H02", "edxml.status"); got != "own" {
		t.Errorf("after taking an item away: got %q", got)
	}
	if got := s.SecrecyElements("H02"); len(got) != 1 || got[0].Local != "Khac" {
		t.Errorf("elements after change: %v", got)
	}
	if got := before.SecrecyElements("H02"); len(got) != 1 || got[0].Local != "DoMat" {
		t.Errorf("the earlier state has changed: %v", got)
	}
	if _, ok := s.Limit("x"); ok {
		t.Error("found a limit that was never set")
	}
}

func TestPeers(t *testing.T) {
	s := world(t)
	p := peer("vpcp.example/log", "G22", "G23")
	p.TLS = []events.Digest{dig("new tls")}
	next := mustChange(t, s, change("c", "root", 1, ChangePeer{Peer: p}, AddPeer{Peer: peer("h05.example/log", "H05")}))
	if got, ok := next.PeerByTLS(dig("new tls")); !ok || got.Origin != "vpcp.example/log" || got.Name != "VPCP" {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := next.PeerByTLS(dig("tls vpcp.example/log")); ok {
		t.Error("the replaced certificate still names the peer")
	}
	if _, ok := s.PeerByTLS(dig("tls vpcp.example/log")); !ok {
		t.Error("the earlier state has changed")
	}
	if got := next.Peers(); !slices.Equal(got, []string{"vpcp.example/log", "h05.example/log"}) {
		t.Errorf("got %v", got)
	}
	if _, ok := next.Peer("x"); ok {
		t.Error("found a peer that was never added")
	}
}

func TestOrganisationChanges(t *testing.T) {
	s := mustChange(t, world(t), change("c", "root", 1,
		ChangeOrganisation{Code: "000.00.00.H02", Name: "Tên mới", Level: 3, Node: "vpcp.example/log"},
		ChangeOrganisation{Code: "G22", Local: true, Parent: "H02"},
	))
	o, _ := s.Organisation("H02")
	if o.Name != "Tên mới" || o.Level != 3 || o.Node != "vpcp.example/log" || o.Parent != "" {
		t.Errorf("got %+v", o)
	}
	if o, _ = s.Organisation("G22"); o.Node != "" || o.Parent != "H02" || o.Name != "Văn phòng Chính phủ" {
		t.Errorf("got %+v", o)
	}
	n := 0
	s.Organisations(func(*Organisation) bool { n++; return n < 2 })
	if n != 2 {
		t.Errorf("visited %d organisations, expected to stop at 2", n)
	}
}

func TestFoldErrors(t *testing.T) {
	s := world(t)
	tests := []struct {
		name  string
		s     State
		event string
		data  string
		want  string
	}{
		{"unknown event", s, "directory.exploded.v1", `{}`, "unknown event"},
		{"not JSON", s, NameCodeAdded, `{`, "couldn't read data"},
		{"first event", State{}, NameOrganisationAdded, `{"org":"H02"}`, "first event"},
		{"change twice", s, NameChangeAccepted, `{"change":"genesis","content":"` + dig("x").String() + `","signer":"` + dig("x").String() + `"}`, "came before"},
		{"organisation twice", s, NameOrganisationAdded, `{"org":"000.00.00.H02"}`, "came before"},
		{"unknown organisation", s, NameOrganisationChanged, `{"org":"H99"}`, "unknown organisation"},
		{"own successor", s, NameOrganisationClosed, `{"org":"H02","from":"2026-01-01T00:00:00Z","successor":"H02"}`, "succeed itself"},
		{"unknown successor", s, NameOrganisationClosed, `{"org":"H02","from":"2026-01-01T00:00:00Z","successor":"H99"}`, "unknown organisation"},
		{"another's code", s, NameCodeAdded, `{"org":"H02","code":"H02.05"}`, "belongs to"},
		{"no code", s, NameCodeRemoved, `{"org":"H02","code":"H02.05","until":"2026-01-01T00:00:00Z"}`, "no code"},
		{"another's certificate", s, NameCertificateEnrolled, `{"certificate":"` + dig("root").String() + `","holder":{"kind":"organisation","id":"H02"}}`, "another holder"},
		{"unknown certificate", s, NameCertificateRevoked, `{"certificate":"` + dig("x").String() + `"}`, "unknown certificate"},
		{"unknown client", s, NameClientRemoved, `{"client":"x"}`, "unknown client"},
		{"peer twice", s, NamePeerAdded, `{"origin":"vpcp.example/log"}`, "came before"},
		{"unknown peer", s, NamePeerChanged, `{"origin":"x"}`, "unknown peer"},
		{"unknown right", s, NameReadingRevoked, `{"right":"x"}`, "unknown right"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Fold(test.s, events.Event{Position: 7, Statement: events.Statement{Name: test.event, Data: []byte(test.data)}})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "couldn't fold directory") {
				t.Errorf("got %v, expected %q", err, test.want)
			}
			if !reflect.DeepEqual(got, test.s) {
				t.Error("an error has changed the state")
			}
		})
	}
}

// Destroyed facts take names away and nothing else.
func TestFoldWithoutFacts(t *testing.T) {
	g := change("g", "root", 0, AddOrganisation{Code: "H02", Name: "Tên"})
	g.Pinned, g.SignerFrom, g.SignerUntil = []events.Digest{dig("root")}, at(-1), expiry
	d, err := Decide(State{}, g)
	if err != nil {
		t.Fatal(err)
	}
	whole, recorded := record(t, State{}, d, g.At)
	var bare State
	for _, e := range recorded {
		e.Facts, e.Destroyed = nil, e.Facts != nil
		if bare, err = Fold(bare, e); err != nil {
			t.Fatal(err)
		}
	}
	if o, _ := whole.Organisation("H02"); o.Name != "Tên" {
		t.Errorf("name: got %q", o.Name)
	}
	o, _ := bare.Organisation("H02")
	if o.Name != "" {
		t.Errorf("name without facts: got %q", o.Name)
	}
	o.Name = "Tên"
	if !reflect.DeepEqual(whole, bare) {
		t.Error("the state depends on facts in more than names")
	}
	if whole.Version() != 2 || whole.Basis() != recorded[2].Position+1 || (State{}).Version() != -1 || (State{}).Basis() != 0 {
		t.Errorf("version %d, basis %d", whole.Version(), whole.Basis())
	}
}
