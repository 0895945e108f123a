package exchange

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
)

func TestIDs(t *testing.T) {
	x := newWorld(t).a.x
	p := x.prefix()
	for _, c := range []struct {
		id       string
		position uint64
		part     int
		ok       bool
	}{
		{p + "0", 0, -1, true},
		{p + "57", 57, -1, true},
		{p + "57:0", 57, 0, true},
		{p + "57:12", 57, 12, true},
		{p + "9223372036854775807", 1<<63 - 1, -1, true},
		{id: ""},
		{id: p},
		{id: p + "9223372036854775808"},
		{id: p + "057"},
		{id: p + "+57"},
		{id: p + "-1"},
		{id: p + "57:"},
		{id: p + "57:-1"},
		{id: p + "57:01"},
		{id: p + "57:1:1"},
		{id: p + "57:each"},
		{id: strings.ToUpper(p) + "57"},
		{id: "dir:57"},
		{id: strings.Replace(p, "dir:", "dir:0", 1) + "57"},
	} {
		position, part, ok := x.parseID(c.id)
		if ok != c.ok || ok && (position != c.position || part != c.part) {
			t.Errorf("%q is %d, %d, %t, expected %d, %d, %t", c.id, position, part, ok, c.position, c.part, c.ok)
		}
		if c.ok && x.id(c.position, c.part) != c.id {
			t.Errorf("id is %q, expected %q", x.id(c.position, c.part), c.id)
		}
	}
}

// Of every kind of operation: what peers are told. The order of the cases matters, one directory carries them all.
func TestPublished(t *testing.T) {
	w := newWorld(t)
	a := w.a
	sign, tls, both := a.certificate("H02", schemas.PurposeSign), a.certificate("H02", schemas.PurposeTLS), a.certificate("H02", schemas.PurposeTLS, schemas.PurposeSign)
	a.change(schemas.AddOrganisation{Code: "G22", Name: "Văn phòng Chính phủ", Level: 1, Node: w.b.origin})
	elsewhere := w.b.certificate("G22", schemas.PurposeSign)
	onlySign := both
	onlySign.Purposes = []schemas.Purpose{schemas.PurposeSign}
	day := schemas.Date{Year: 2026, Month: 11, Day: 1}
	later := schemas.Date{Year: 2027, Month: 1, Day: 1}
	for i, c := range []struct {
		name     string
		op, want schemas.Operation // nil: nothing is published
	}{
		{"own agency", schemas.AddOrganisation{Code: "H02.05", Name: "Sở", Level: 2, Parent: "H02"},
			schemas.AddOrganisation{Code: "H02.05", Name: "Sở", Level: 2, Parent: "H02", Node: a.origin}},
		{"another below it", schemas.AddOrganisation{Code: "H02.06", Name: "Sở", Level: 2}, schemas.AddOrganisation{Code: "H02.06", Name: "Sở", Level: 2, Node: a.origin}},
		{"below an agency elsewhere", schemas.AddOrganisation{Code: "H02.07", Name: "Sở", Level: 2, Parent: "G22"},
			schemas.AddOrganisation{Code: "H02.07", Name: "Sở", Level: 2, Node: a.origin}},
		{"agency elsewhere", schemas.AddOrganisation{Code: "G22.05", Name: "Cục", Level: 2, Node: w.b.origin}, nil},
		{"name", schemas.ChangeOrganisation{Code: "H02.05", Name: "Sở mới"}, schemas.ChangeOrganisation{Code: "H02.05", Name: "Sở mới"}},
		{"name elsewhere", schemas.ChangeOrganisation{Code: "G22.05", Name: "Cục mới"}, nil},
		{"parent elsewhere", schemas.ChangeOrganisation{Code: "H02.06", Parent: "G22"}, nil},
		{"code", schemas.AddCode{Organisation: "H02.05", Code: schemas.OrganisationCode{Code: "000.00.05.H02"}},
			schemas.AddCode{Organisation: "H02.05", Code: schemas.OrganisationCode{Code: "000.00.05.H02"}}},
		{"code elsewhere", schemas.AddCode{Organisation: "G22.05", Code: schemas.OrganisationCode{Code: "000.00.05.G22"}}, nil},
		{"code removed", schemas.RemoveCode{Organisation: "H02.05", Code: "000.00.05.H02", From: later},
			schemas.RemoveCode{Organisation: "H02.05", Code: "000.00.05.H02", From: later}},
		{"code removed elsewhere", schemas.RemoveCode{Organisation: "G22.05", Code: "000.00.05.G22", From: later}, nil},
		{"signing certificate", sign, sign},
		{"TLS certificate", tls, nil},
		{"certificate for both", both, onlySign},
		{"certificate elsewhere", elsewhere, nil},
		{"signing certificate revoked", schemas.RevokeCertificate{Holder: holder("H02"), SHA256: sha256.Sum256(sign.DER), From: w.now, Reason: "mất"},
			schemas.RevokeCertificate{Holder: holder("H02"), SHA256: sha256.Sum256(sign.DER), From: w.now, Reason: "mất"}},
		{"TLS certificate revoked", schemas.RevokeCertificate{Holder: holder("H02"), SHA256: sha256.Sum256(tls.DER), From: w.now}, nil},
		{"certificate revoked elsewhere", schemas.RevokeCertificate{Holder: holder("G22"), SHA256: sha256.Sum256(elsewhere.DER), From: w.now}, nil},
		{"client", schemas.RegisterClient{ID: "qlvb", Holder: holder("H02"), TokenSHA256: &[32]byte{1}}, nil},
		{"client removed", schemas.RemoveClient{ID: "qlvb"}, nil},
		{"peer", schemas.ChangePeer{Peer: w.b.asPeer()}, nil},
		{"right", schemas.GrantReading{ID: "r1", Reader: schemas.Holder{Kind: schemas.HolderAuditor, ID: "thanh-tra"}, Organisation: "H02", From: w.now, To: w.now.Add(time.Hour)}, nil},
		{"right ended", schemas.RevokeReading{ID: "r1", From: w.now.Add(time.Minute)}, nil},
		{"policy", schemas.SetPolicy{Assurance: []schemas.RequiredAssurance{{Level: "own"}}}, nil},
		{"closed", schemas.CloseOrganisation{Code: "H02.06", Successor: "H02.05", From: day}, schemas.CloseOrganisation{Code: "H02.06", Successor: "H02.05", From: day}},
		{"closed elsewhere", schemas.CloseOrganisation{Code: "G22.05", From: day}, nil},
	} {
		last := a.accepted()
		before := a.x.id(last[len(last)-1], -1)
		position := a.change(c.op)
		id, got := a.next(before)
		var want []schemas.Operation
		if c.want != nil {
			want = []schemas.Operation{c.want}
			if id != a.x.id(position, -1) {
				t.Errorf("%d %s: id %q, expected %q", i, c.name, id, a.x.id(position, -1))
			}
		}
		if !slices.Equal(normal(got), normal(want)) {
			t.Errorf("%d %s: published\n%s, expected\n%s", i, c.name, normal(got), normal(want))
		}
	}
}

// normal are operations to compare: times in UTC, and nothing but the words.
func normal(ops []schemas.Operation) (out []string) {
	for _, op := range ops {
		if r, ok := op.(schemas.RevokeCertificate); ok {
			r.From = r.From.UTC().Truncate(time.Millisecond)
			op = r
		}
		out = append(out, fmt.Sprintf("%T %+v", op, op))
	}
	return out
}

func TestNext(t *testing.T) {
	a := newWorld(t).a
	genesis := a.accepted()[0]
	quiet := a.change(schemas.SetPolicy{Assurance: []schemas.RequiredAssurance{{Level: "own"}}})
	loud := a.change(
		schemas.AddOrganisation{Code: "H02.05", Name: "Sở", Level: 2},
		schemas.RegisterClient{ID: "qlvb", Holder: holder("H02"), TokenSHA256: &[32]byte{1}},
		schemas.AddCode{Organisation: "H02.05", Code: schemas.OrganisationCode{Code: "000.00.05.H02"}},
	)
	id := func(position uint64, part int) string { return a.x.id(position, part) }
	for restarted := range 2 {
		for _, c := range []struct {
			after, id string
			ops       int
		}{
			{"", id(genesis, -1), 1},
			{id(genesis, -1), id(loud, -1), 2},
			{id(quiet, -1), id(loud, -1), 2},
			{id(genesis+1, -1), id(loud, -1), 2}, // a position between
			{id(loud, -1), "", 0},
			{id(loud+1000, -1), "", 0},
			{id(loud, -1) + eachSuffix, id(loud, 0), 1},
			{id(loud, 0), id(loud, 1), 1},
			{id(loud, 1), id(loud, 2), 0},
			{id(loud, 999), id(loud, 1000), 0},
			{id(quiet, -1) + eachSuffix, id(quiet, 0), 0},
		} {
			got, ops := a.next(c.after)
			if got != c.id || len(ops) != c.ops {
				t.Errorf("restarted %d: after %q comes %q with %d operations, expected %q with %d", restarted, c.after, got, len(ops), c.id, c.ops)
			}
		}
		for _, after := range []string{"x", a.x.prefix() + "01", id(loud, 0) + eachSuffix, eachSuffix, id(genesis+1, -1) + eachSuffix, id(genesis+1, 0)} {
			_, b, err := a.x.Next(context.Background(), after)
			var r *gateway.Refusal
			if b != nil || !errors.As(err, &r) || r.Code != gateway.CodeParameter {
				t.Errorf("after %q: %v, expected the parameter to be refused", after, err)
			}
		}
		a.close()
		a.open()
	}
}

func TestNeeded(t *testing.T) {
	w := newWorld(t)
	a := w.a
	known, revoked, suspended, fresh := a.certificate("H02", schemas.PurposeSign), a.certificate("H02", schemas.PurposeSign),
		a.certificate("H02", schemas.PurposeSign), a.certificate("H02", schemas.PurposeSign)
	revoke := func(c schemas.EnrolCertificate, suspend bool) schemas.Operation {
		return schemas.RevokeCertificate{Holder: c.Holder, SHA256: sha256.Sum256(c.DER), From: w.now, Suspend: suspend}
	}
	a.change(known, revoked, suspended,
		schemas.AddOrganisation{Code: "H02.05", Name: "Sở", Level: 2, Parent: "H02"},
		schemas.AddOrganisation{Code: "H02.06", Name: "Sở cũ", Level: 2},
		schemas.AddCode{Organisation: "H02.05", Code: schemas.OrganisationCode{Code: "H02.OLD", From: schemas.Date{Year: 2026, Month: 11, Day: 1}}},
		schemas.AddCode{Organisation: "H02.05", Code: schemas.OrganisationCode{Code: "H02.NEW"}},
	)
	w.now = w.now.Add(time.Hour)
	a.change(revoke(revoked, false), revoke(suspended, true), schemas.CloseOrganisation{Code: "H02.06", From: schemas.DateOf(w.now)},
		schemas.RemoveCode{Organisation: "H02.05", Code: "H02.OLD", From: schemas.DateOf(w.now)})
	w.now = w.now.Add(time.Hour)
	for _, c := range []struct {
		name string
		op   schemas.Operation
		want bool
	}{
		{"new agency", schemas.AddOrganisation{Code: "H02.09"}, true},
		{"known agency", schemas.AddOrganisation{Code: "H02.05"}, false},
		{"same name", schemas.ChangeOrganisation{Code: "H02.05", Name: "Sở"}, false},
		{"other name", schemas.ChangeOrganisation{Code: "H02.05", Name: "Sở mới"}, true},
		{"same level", schemas.ChangeOrganisation{Code: "H02.05", Level: 2}, false},
		{"other level", schemas.ChangeOrganisation{Code: "H02.05", Level: 3}, true},
		{"same parent", schemas.ChangeOrganisation{Code: "H02.05", Parent: "H02"}, false},
		{"other parent", schemas.ChangeOrganisation{Code: "H02.05", Parent: "H02.06"}, true},
		{"name of an unknown agency", schemas.ChangeOrganisation{Code: "H02.09", Name: "Sở"}, false},
		{"close an open agency", schemas.CloseOrganisation{Code: "H02.05"}, true},
		{"close a closed agency", schemas.CloseOrganisation{Code: "H02.06"}, false},
		{"close an unknown agency", schemas.CloseOrganisation{Code: "H02.09"}, false},
		{"new code", schemas.AddCode{Organisation: "H02.05", Code: schemas.OrganisationCode{Code: "H02.X"}}, true},
		{"known code", schemas.AddCode{Organisation: "H02.05", Code: schemas.OrganisationCode{Code: "H02.NEW"}}, false},
		{"remove a code", schemas.RemoveCode{Organisation: "H02.05", Code: "H02.NEW"}, true},
		{"remove a removed code", schemas.RemoveCode{Organisation: "H02.05", Code: "H02.OLD"}, false},
		{"remove an unknown code", schemas.RemoveCode{Organisation: "H02.05", Code: "H02.X"}, false},
		{"remove of an unknown agency", schemas.RemoveCode{Organisation: "H02.09", Code: "H02.NEW"}, false},
		{"fresh certificate", fresh, true},
		{"known certificate", known, false},
		{"revoked certificate", revoked, false},
		{"suspended certificate comes back", suspended, true},
		{"not a certificate", schemas.EnrolCertificate{DER: []byte("x")}, false},
		{"revoke", revoke(known, false), true},
		{"revoke the revoked", revoke(revoked, false), false},
		{"suspend the suspended", revoke(suspended, true), false},
		{"revoke the suspended", revoke(suspended, false), true},
		{"revoke the unknown", revoke(fresh, false), false},
	} {
		if got := a.x.needed(a.state(), c.op); got != c.want {
			t.Errorf("%s: needed is %t, expected %t", c.name, got, c.want)
		}
	}
	w.now = w.now.AddDate(50, 0, 0)
	if a.x.needed(a.state(), fresh) {
		t.Error("a certificate that has run out is needed")
	}
}

// What a peer says of agencies outside its space stays out; what comes with it and after it comes in.
func TestOutsideItsSpace(t *testing.T) {
	w := newWorld(t)
	w.b.change(
		schemas.AddOrganisation{Code: "G22.05", Name: "Cục", Level: 2, Parent: "G22"},
		schemas.AddOrganisation{Code: "H02.66", Name: "Sở giả", Level: 2},
		schemas.AddOrganisation{Code: "G220", Name: "Giống tên", Level: 1},
		w.b.certificate("G22.05", schemas.PurposeSign),
	)
	w.b.change(schemas.AddOrganisation{Code: "G22.06", Name: "Vụ", Level: 2})
	n, err := w.a.x.Step(context.Background())
	w.must(err)
	if n != 4 { // genesis, two operations alone, the last change
		t.Errorf("%d changes were recorded, expected 4", n)
	}
	d := w.a.state()
	for code, want := range map[string]bool{"G22": true, "G22.05": true, "G22.06": true, "H02.66": false, "G220": false} {
		if o, ok := organisation(d, code); ok != want || ok && o.Node != w.b.origin {
			t.Errorf("%s is %+v, %t, expected it to be known: %t", code, o, ok, want)
		}
	}
	before := len(w.a.accepted())
	for _, restart := range []bool{false, true} {
		if restart {
			w.a.close()
			w.a.open()
		}
		if n, err := w.a.x.Step(context.Background()); n != 0 || err != nil || len(w.a.accepted()) != before {
			t.Errorf("restart %t: asking again recorded %d changes: %v", restart, n, err)
		}
	}
}

// Wherever the way breaks and the node is started again, it ends with the same directory, and nothing is recorded twice.
func TestRestartInTheMiddle(t *testing.T) {
	for calls := range 9 {
		t.Run(fmt.Sprint(calls), func(t *testing.T) {
			w := newWorld(t)
			w.b.change(schemas.AddOrganisation{Code: "G22.05", Name: "Cục", Level: 2})
			w.a.change(schemas.AddOrganisation{Code: "G22.06", Name: "Vụ", Level: 2, Node: w.b.origin})
			w.b.change( // known in part: asked for one by one
				schemas.AddOrganisation{Code: "G22.06", Name: "Vụ", Level: 2},
				schemas.AddCode{Organisation: "G22.06", Code: schemas.OrganisationCode{Code: "000.00.06.G22"}},
				schemas.AddOrganisation{Code: "G22.07", Name: "Viện", Level: 2},
			)
			own := len(w.a.accepted())
			w.a.calls = calls
			first, err := w.a.x.Step(context.Background())
			if w.a.calls == 0 && len(w.a.asked) < 8 && !errors.Is(err, errCut) {
				t.Errorf("the way was cut after %d questions: %v", calls, err)
			}
			w.a.close()
			w.a.open()
			w.a.calls = -1
			second, err := w.a.x.Step(context.Background())
			w.must(err)
			if got := len(w.a.accepted()) - own; got != 4 || first+second != 4 {
				t.Errorf("%d and %d changes were learned, %d recorded, expected 4", first, second, got)
			}
			for _, code := range []string{"G22", "G22.05", "G22.06", "000.00.06.G22", "G22.07"} {
				if o, ok := organisation(w.a.state(), code); !ok || o.Node != w.b.origin {
					t.Errorf("%s is %+v, expected it to be served by %s", code, o, w.b.origin)
				}
			}
			// The same run goes on where it was: only one question, after the last change.
			w.a.asked = nil
			_, err = w.a.x.Step(context.Background())
			w.must(err)
			last := w.b.accepted()
			if want := []string{w.b.x.id(last[len(last)-1], -1)}; !slices.Equal(w.a.asked, want) {
				t.Errorf("asked again after %q, expected %q", w.a.asked, want)
			}
		})
	}
}
