package directory

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

var (
	codePool   = []string{"H02", "000.00.00.H02", "H02.05", "H02.06", "000.00.05.H02", "G22", "G22.01", "H05", "bad code", ""}
	keyPool    = []string{"root", "second", "seal 05", "seal G22", "vpcp signer", "x"}
	signerPool = append([]string{"root", "root", "root", "root", "root", "root", "root"}, keyPool...)
	idPool     = []string{"a", "b", "c", ""}
	originPool = []string{"vpcp.example/log", "h05.example/log"}
	kindPool   = []HolderKind{HolderOrganisation, HolderOrganisation, HolderOperator, HolderPeer, HolderChannel, "king"}
	allPurpose = []Purpose{PurposeSign, PurposePeer, PurposePerson, PurposeTLS, PurposeVoucher, "rule"}
)

func drawOperation(t *rapid.T) Operation {
	pick := func(pool []string, label string) string { return rapid.SampledFrom(pool).Draw(t, label) }
	code := func(label string) string { return pick(codePool, label) }
	day := func(label string) int { return rapid.IntRange(-3, 12).Draw(t, label) }
	holder := func() Holder {
		kind := rapid.SampledFrom(kindPool).Draw(t, "holder")
		switch kind {
		case HolderOrganisation:
			return Holder{kind, code("holder code")}
		case HolderPeer:
			return Holder{kind, pick(originPool, "holder origin")}
		}
		return Holder{kind, pick(idPool, "holder id")}
	}
	key := func() events.Digest { return dig(pick(keyPool, "key")) }
	switch rapid.IntRange(0, 15).Draw(t, "operation") {
	case 0:
		op := AddOrganisation{Code: code("code"), Parent: pick([]string{"", "", "H02"}, "parent"), Node: pick(append(originPool, "", ""), "node")}
		if rapid.Bool().Draw(t, "other") {
			op.Other = []Code{{Code: code("other"), From: at(day("from")), Until: at(day("until"))}}
		}
		return op
	case 1:
		return ChangeOrganisation{Code: code("code"), Parent: code("parent"), Name: "x", Local: rapid.Bool().Draw(t, "local")}
	case 2, 3:
		return CloseOrganisation{Code: code("code"), Successor: code("successor"), From: at(day("from"))}
	case 4:
		return AddCode{code("organisation"), Code{Code: code("code"), From: at(day("from"))}}
	case 5:
		return RemoveCode{Organisation: code("organisation"), Code: code("code"), Until: at(day("until"))}
	case 6:
		p := rapid.SliceOfN(rapid.SampledFrom(allPurpose), 0, 2).Draw(t, "purposes")
		return EnrolCertificate{Holder: holder(), SHA256: key(), Purposes: p, From: at(day("from")), Until: at(day("until") + 30)}
	case 7:
		return RevokeCertificate{SHA256: key(), From: at(day("from")), Suspend: rapid.Bool().Draw(t, "suspend")}
	case 8:
		return RegisterClient{ID: pick(idPool, "id"), Holder: holder(), Token: ptr(key())}
	case 9:
		return RemoveClient{pick(idPool, "id")}
	case 10:
		return AddPeer{Peer: peer(pick(originPool, "origin"), pick([]string{"H05", "G22", "G23"}, "prefix"))}
	case 11:
		return ChangePeer{Peer: peer(pick(originPool, "origin"), pick([]string{"H05", "G22", "G23"}, "prefix"))}
	case 12:
		return GrantReading{ID: pick(idPool, "id"), Reader: holder(), Organisation: code("organisation"), Until: at(day("until"))}
	case 13:
		return TrustAuthority{Certificate: []byte(pick(keyPool, "authority")), AuthorityKind: rapid.SampledFrom(append(authorityKinds, "king")).Draw(t, "kind"),
			Purposes: rapid.SliceOfN(rapid.SampledFrom(append(authorityPurposes, "rule")), 0, 2).Draw(t, "for"),
			From:     at(day("from")), Until: at(day("until") + 10)}
	case 14:
		return DistrustAuthority{SHA256: key(), From: at(day("from"))}
	}
	return RevokeReading{ID: pick(idPool, "id"), Until: at(day("until"))}
}

// Whatever is asked for: what is decided can be folded; a refusal changes nothing; decisions repeat; replay gives the same state;
// and what must hold of every directory holds.
func TestProperties(t *testing.T) {
	start := world(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := start
		var history []events.Event
		for i := range rapid.IntRange(1, 40).Draw(rt, "changes") {
			c := change(fmt.Sprint("change ", i), rapid.SampledFrom(signerPool).Draw(rt, "signer"), i)
			c.SelfService = SelfService{rapid.Bool().Draw(rt, "certificates"), rapid.Bool().Draw(rt, "clients")}
			for range rapid.IntRange(1, 2).Draw(rt, "operations") {
				c.Operations = append(c.Operations, drawOperation(rt))
			}
			d, err := Decide(s, c)
			again, err2 := Decide(s, c)
			if !reflect.DeepEqual(d, again) || !reflect.DeepEqual(err, err2) {
				rt.Fatalf("decisions differ: %+v, %v and %+v, %v", d, err, again, err2)
			}
			var r *Refusal
			if err != nil && !errors.As(err, &r) {
				rt.Fatalf("neither decision nor refusal: %v", err)
			}
			if err != nil {
				continue
			}
			var recorded []events.Event
			s, recorded = record(t, s, d, c.At)
			history = append(history, recorded...)
			if got := recorded[0].Statement.Name; got != NameChangeAccepted {
				rt.Fatalf("first event is %s", got)
			}
			if e, err := Decide(s, c); err != nil || e.Outcome != OutcomeEarlier || e.Count != len(recorded) {
				rt.Fatalf("the same change again: got %+v, %v", e, err)
			}
		}
		replayed := start
		for _, e := range history {
			var err error
			if replayed, err = Fold(replayed, e); err != nil {
				rt.Fatal(err)
			}
		}
		if !reflect.DeepEqual(s, replayed) {
			rt.Fatal("replay gives another state")
		}
		invariants(rt, s)
	})
}

func invariants(t *rapid.T, s State) {
	owner := map[string]string{}
	s.Organisations(func(o *Organisation) bool {
		for _, c := range o.Codes {
			if other, ok := owner[c.Code]; ok && other != o.ID {
				t.Fatalf("%s belongs to %s and %s", c.Code, other, o.ID)
			}
			owner[c.Code] = o.ID
		}
		if o.Codes[0].Code != o.ID {
			t.Fatalf("%s: first code is %s", o.ID, o.Codes[0].Code)
		}
		// Chains of successors and of parents end.
		seen := map[string]bool{}
		for next := o; next != nil && next.Successor != ""; next, _ = s.Organisation(next.Successor) {
			if seen[next.ID] {
				t.Fatalf("%s succeeds itself", o.ID)
			}
			seen[next.ID] = true
		}
		clear(seen)
		for up := o; up != nil && up.Parent != ""; up, _ = s.Organisation(up.Parent) {
			if seen[up.ID] {
				t.Fatalf("%s is its own ancestor", o.ID)
			}
			seen[up.ID] = true
		}
		// Who acts for a closed organisation has its identity.
		for _, day := range []int{0, 5, 20} {
			r := s.Resolve(o.ID, at(day))
			if !r.Known {
				continue
			}
			found := false
			for _, id := range s.Identities(r.Org, at(day)) {
				found = found || id == o.ID
			}
			if !found {
				t.Fatalf("%s acts for %s on day %d without its identity", r.Org, o.ID, day)
			}
		}
		return true
	})
	admins := 0
	for _, fp := range s.admins {
		if c, _ := s.Certificate(fp); !c.Revoked {
			admins++
		}
	}
	if admins == 0 {
		t.Fatal("nobody may change the directory")
	}
}

// Words never get into what is hashed for ever.
func TestPayloadsHoldNoFacts(t *testing.T) {
	const sentinel = "NGUYỄN VĂN A"
	g := change("g", "root", 0,
		AddOrganisation{Code: "H02", Name: sentinel},
		ChangeOrganisation{Code: "H02", Name: sentinel},
		AddPeer{Peer: peer("x", "H05"), Name: sentinel},
		ChangePeer{Peer: peer("x", "H05"), Name: sentinel},
		enrol(Holder{HolderOperator, "a"}, "root", PurposeSign),
		enrol(org("H02"), "s", PurposeSign),
		RevokeCertificate{SHA256: dig("s"), Reason: sentinel},
		GrantReading{ID: "r", Reader: org("H02"), Organisation: "H02", Reason: sentinel},
		TrustAuthority{Certificate: []byte("ca"), AuthorityKind: AuthorityState, Name: sentinel},
		DistrustAuthority{SHA256: dig("ca"), Reason: sentinel},
	)
	g.Pinned = []events.Digest{dig("root")}
	g.Facts = ChangeFacts{Reason: sentinel, Person: sentinel, Position: sentinel, Account: sentinel}
	d, err := Decide(State{}, g)
	if err != nil {
		t.Fatal(err)
	}
	words := 0
	for _, e := range d.Events {
		data, err := events.MarshalObject(e.Data)
		if err != nil {
			t.Fatal(err)
		}
		if contains(data, sentinel) {
			t.Errorf("%s: data holds words: %s", e.Name, data)
		}
		if e.Facts != nil {
			facts, err := events.MarshalObject(e.Facts)
			if err != nil {
				t.Fatal(err)
			}
			if contains(facts, sentinel) {
				words++
			}
		}
	}
	if words != 9 {
		t.Errorf("%d events keep the words in their facts, expected 9", words)
	}
}

func contains(b []byte, s string) bool { return bytes.Contains(b, []byte(s)) }
