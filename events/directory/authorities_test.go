package directory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
)

func names(list []*TrustedAuthority) string {
	var out []string
	for _, a := range list {
		out = append(out, a.Name)
	}
	return strings.Join(out, " ")
}

// The list is read as of a time: who was believed then, whatever was decided since.
func TestTrustListAsOf(t *testing.T) {
	s := world(t)
	if s.HasTrustList() || s.TrustListVersion() != 0 || len(s.AllAuthorities()) != 0 {
		t.Fatal("an authority is trusted that nobody named")
	}
	s = mustChange(t, s, change("trust", "root", 1,
		TrustAuthority{Certificate: []byte("state"), AuthorityKind: AuthorityState, Name: "state",
			Purposes: []AuthorityPurpose{AuthorityForPersons, AuthorityForOrganisations, AuthorityForPersons}},
		TrustAuthority{Certificate: []byte("public"), AuthorityKind: AuthorityPublic, Name: "public", From: at(5), Until: at(20)},
		TrustAuthority{Certificate: []byte("tsa"), AuthorityKind: AuthorityOther, Name: "tsa", Purposes: []AuthorityPurpose{AuthorityForTimeStamps}},
	))
	if !s.HasTrustList() || s.TrustListVersion() != 3 {
		t.Errorf("version %d, expected 3", s.TrustListVersion())
	}
	if a, _ := s.Authority(dig("state")); !slices.Equal(a.Purposes, []AuthorityPurpose{AuthorityForOrganisations, AuthorityForPersons}) {
		t.Errorf("purposes %v", a.Purposes)
	}
	s = mustChange(t, s, change("distrust", "root", 3, DistrustAuthority{SHA256: dig("state"), From: at(10), Reason: "key lost"}))
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{at(-99), "state tsa"}, {at(5).Add(-1), "state tsa"}, {at(5), "state public tsa"}, {at(10).Add(-1), "state public tsa"},
		{at(10), "public tsa"}, {at(20), "tsa"},
	} {
		if got := names(s.Authorities(test.at)); got != test.want {
			t.Errorf("at %s: %q, expected %q", test.at, got, test.want)
		}
	}
	// A worse finding moves the end forward; the first words stay.
	s = mustChange(t, s, change("worse", "root", 4, DistrustAuthority{SHA256: dig("state"), From: at(2)}))
	if got := names(s.Authorities(at(3))); got != "tsa" {
		t.Errorf("got %q", got)
	}
	// Trusted again, with a gap.
	s = mustChange(t, s, change("again", "root", 30, TrustAuthority{Certificate: []byte("state"), AuthorityKind: AuthorityState, From: at(30)}))
	for _, test := range []struct {
		at   time.Time
		want string
	}{{at(29), "tsa"}, {at(30), "state tsa"}} {
		if got := names(s.Authorities(test.at)); got != test.want {
			t.Errorf("at %s: %q, expected %q", test.at, got, test.want)
		}
	}
	if got := len(s.AllAuthorities()); got != 3 {
		t.Errorf("%d authorities, expected 3", got)
	}
}

func TestTrustListIsBounded(t *testing.T) {
	s := world(t)
	var ops []Operation
	for i := range MaxAuthorities {
		ops = append(ops, TrustAuthority{Certificate: []byte{1, byte(i), byte(i >> 8)}, AuthorityKind: AuthorityOther})
	}
	s = mustChange(t, s, change("many", "root", 1, ops...))
	_, err := Decide(s, change("more", "root", 2, TrustAuthority{Certificate: []byte("one more"), AuthorityKind: AuthorityOther}))
	if bad(err, 0) != ReasonAuthorityLimit {
		t.Errorf("got %v, expected %s", err, ReasonAuthorityLimit)
	}
}

// An event whose certificate is not the one it names is no history of ours.
func TestAuthorityOfAnotherDigest(t *testing.T) {
	s := world(t)
	_, err := s.apply(AuthorityTrusted{Authority: dig("a"), Certificate: []byte("b"), Kind: AuthorityOther}, nil, day0, events.Address{})
	if err == nil {
		t.Error("folded")
	}
	if _, err = s.apply(AuthorityDistrusted{Authority: dig("a"), From: day0}, nil, day0, events.Address{}); err == nil {
		t.Error("folded")
	}
}

// Every way in which a certificate ends and comes back, looked at from every day.
func TestCertificateStanding(t *testing.T) {
	revoke := func(days int) Operation { return RevokeCertificate{SHA256: dig("seal 05"), From: at(days)} }
	suspend := func(days int) Operation {
		return RevokeCertificate{SHA256: dig("seal 05"), From: at(days), Suspend: true}
	}
	lift := enrol(org("H02.05"), "seal 05", PurposeSign)
	type step struct {
		day int
		op  Operation
	}
	for _, test := range []struct {
		name  string
		steps []step
		want  string // days 0 to 9: g good, s suspended, r revoked
	}{
		{"untouched", nil, "gggggggggg"},
		{"revoked today", []step{{3, revoke(3)}}, "gggrrrrrrr"},
		{"revoked in the past", []step{{5, revoke(2)}}, "ggrrrrrrrr"},
		{"revoked in the future", []step{{2, revoke(7)}}, "gggggggrrr"},
		{"revoked earlier than first said", []step{{2, revoke(7)}, {3, revoke(4)}}, "ggggrrrrrr"},
		{"suspended", []step{{3, suspend(3)}}, "gggsssssss"},
		{"suspended in the past", []step{{5, suspend(1)}}, "gsssssssss"},
		{"suspended in the future", []step{{1, suspend(6)}}, "ggggggssss"},
		{"suspended and lifted", []step{{2, suspend(2)}, {5, lift}}, "ggsssggggg"},
		{"lifted before it began", []step{{1, suspend(6)}, {3, lift}}, "gggggggggg"},
		{"suspended twice", []step{{1, suspend(1)}, {2, lift}, {5, suspend(5)}, {7, lift}}, "gsgggssggg"},
		{"suspended, then revoked", []step{{2, suspend(2)}, {5, revoke(5)}}, "ggsssrrrrr"},
		{"suspended, then revoked from before", []step{{4, suspend(4)}, {5, revoke(2)}}, "ggrrrrrrrr"},
		{"suspended, then revoked later on", []step{{2, suspend(2)}, {3, revoke(8)}}, "ggssssssrr"},
		{"suspended, lifted, revoked", []step{{1, suspend(1)}, {3, lift}, {6, revoke(6)}}, "gssgggrrrr"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := world(t)
			for i, st := range test.steps {
				s = mustChange(t, s, change("step"+string(rune('a'+i)), "root", st.day, st.op))
			}
			c, _ := s.Certificate(dig("seal 05"))
			got := ""
			for day := range 10 {
				standing := c.StandingAt(at(day))
				got += string("gsr"[standing])
				if valid := c.ValidAt(at(day), PurposeSign); valid != (standing == StandingGood) {
					t.Errorf("day %d: valid %t, standing %d", day, valid, standing)
				}
			}
			if got != test.want {
				t.Errorf("days are %s, expected %s", got, test.want)
			}
		})
	}
}
