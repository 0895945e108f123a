package orgid

import (
	"errors"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in, want string
		form     Form
		top      string
	}{
		{"000.00.00.H49", "000.00.00.H49", QCVN102, "H49"},
		{" 002.00.20.h13\n", "002.00.20.H13", QCVN102, "H13"},
		{"H49", "H49", Decision, "H49"},
		{"H49.02.03", "H49.02.03", Decision, "H49"},
		{"h37.dn.001", "H37.DN.001", Decision, "H37"},
		{"G12.18", "G12.18", Decision, "G12"},
		{"vxp.saas.02", "vxp.saas.02", Opaque, ""},
		{"28.22.H17", "28.22.H17", Opaque, ""},
		{"00.22.W00", "00.22.W00", Opaque, ""},
		{"L49.02", "L49.02", Opaque, ""},
		{"H49.2", "H49.2", Opaque, ""},
		{"0000.00.00.H49", "0000.00.00.H49", Opaque, ""},
		{"000.00.00.L49", "000.00.00.L49", Opaque, ""},
		{strings.Repeat("a", 35), strings.Repeat("a", 35), Opaque, ""},
	} {
		id, err := Parse(c.in)
		if err != nil || id.String() != c.want || id.Form() != c.form || id.TopLevel() != c.top || id.IsZero() {
			t.Errorf("%q is %q %v under %q (%v), want %q %v under %q", c.in, id, id.Form(), id.TopLevel(), err, c.want, c.form, c.top)
		}
	}
	for _, bad := range []string{"", "  ", strings.Repeat("a", 36), "H49,02", "H 49", "H49/02", "Đ49", "H49..02", ".H49", "H49.", "H49\x00", "<H49>"} {
		if id, err := Parse(bad); !errors.Is(err, ErrForm) || !id.IsZero() {
			t.Errorf("%q is %q (%v), want no identifier", bad, id, err)
		}
	}
}

func TestUnder(t *testing.T) {
	for _, c := range []struct {
		id, prefix string
		want       bool
	}{
		{"H05", "H05", true}, {"H05.01", "H05", true}, {"H05.01.02", "H05.01", true}, {"H05.010", "H05.01", false}, {"H050.01", "H05", false}, {"H05", "H05.01", false},
		{"000.00.00.H05", "H05", true}, {"000.00.01.H05", "H05", true}, {"H05.01", "000.00.00.H05", true}, {"000.00.01.H05", "H05.01", false},
		{"002.00.01.H05", "000.00.01.H05", true}, {"002.00.02.H05", "000.00.01.H05", false},
		{"vxp.saas.02", "vxp", true}, {"vxp.saas.02", "vxp.saas", true}, {"vxp2.saas", "vxp", false}, {"H05", "vxp", false}, {"vxp.H05", "H05", false}, {"H05", "", false},
	} {
		id, err := Parse(c.id)
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Under(c.prefix); got != c.want {
			t.Errorf("%s under %q is %v, want %v", c.id, c.prefix, got, c.want)
		}
	}
	if (ID{}).Under("H05") {
		t.Error("nothing is under H05")
	}
}

func TestCounterpart(t *testing.T) {
	for in, want := range map[string]string{"H41": "000.00.00.H41", "000.00.00.H41": "H41", "h41": "000.00.00.H41", "000.00.12.H41": "", "H41.12": "", "vxp": "", "": ""} {
		got, ok := Counterpart(in)
		if got != want || ok != (want != "") {
			t.Errorf("counterpart of %q is %q %v, want %q", in, got, ok, want)
		}
	}
}

func TestCompareOrdersByPlace(t *testing.T) {
	want := []string{"G22", "H05", "000.00.00.H05", "H05.01", "H05.01.02", "H05.02", "H41"}
	got := append([]string(nil), want...)
	sort.Slice(got, func(i, j int) bool { return got[i] > got[j] })
	sort.Slice(got, func(i, j int) bool { return Compare(got[i], got[j]) < 0 })
	// Which form of one place comes first does not matter; that places stay together does.
	if strings.Join(got, " ") != "G22 000.00.00.H05 H05 H05.01 H05.01.02 H05.02 H41" {
		t.Errorf("order is %v", got)
	}
}

var genID = rapid.OneOf(
	rapid.StringMatching(`[A-Ka-k][0-9]{2}(\.[0-9A-Za-z]{2,3}){0,4}`),
	rapid.StringMatching(`[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Ka-k][0-9]{2}`),
	rapid.StringMatching(`[a-zA-Z0-9._-]{0,40}`),
)

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := genID.Draw(t, "a"), genID.Draw(t, "b"), genID.Draw(t, "c")
		if Canonical(Canonical(a)) != Canonical(a) {
			t.Fatalf("canonical form of %q is not stable", a)
		}
		if Equal(a, b) != (Compare(a, b) == 0) || Compare(a, b) != -Compare(b, a) {
			t.Fatalf("order of %q and %q is no order", a, b)
		}
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Fatalf("%q <= %q <= %q, but not the first and the last", a, b, c)
		}
		if id, err := Parse(a); err == nil {
			if !id.Under(a) || id.TopLevel() != "" && !id.Under(id.TopLevel()) {
				t.Fatalf("%q is not under itself or its top level", a)
			}
		}
		if other, ok := Counterpart(a); ok {
			if back, ok := Counterpart(other); !ok || back != Canonical(a) {
				t.Fatalf("counterpart of the counterpart of %q is %q", a, back)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"000.00.00.H49", "H49.02.03", "vxp.saas.02", "", "..", "H05,1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(id.String())
		if err != nil || again != id || len(id.String()) > MaxLength || strings.ContainsAny(id.String(), " ,/<\n") {
			t.Fatalf("%q is %q, which is read as %q (%v)", s, id, again, err)
		}
	})
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestAliases(t *testing.T) {
	var a Aliases
	if _, ok := a.Lookup("H05", day("2025-01-01")); ok {
		t.Error("an empty table knows H05")
	}
	for _, c := range []struct {
		code, org, from, to string
		ok                  bool
	}{
		{"000.00.07.H02", "H02.07", "2017-01-01", "2025-07-01", true},
		{"000.00.07.H02", "H99", "2025-06-30", "", false}, // still the other's
		{"000.00.07.h02", "H05.07", "2025-07-01", "", true},
		{"H02", "H02", "2025-07-01", "2025-07-01", false}, // no day
		{"H02", "H02", "2025-07-02", "2025-07-01", false},
	} {
		to := time.Time{}
		if c.to != "" {
			to = day(c.to)
		}
		if got := a.Add(c.code, c.org, day(c.from), to); got != c.ok {
			t.Errorf("Add(%v) is %v", c, got)
		}
	}
	for at, want := range map[string]string{"2016-12-31": "", "2017-01-01": "H02.07", "2025-06-30": "H02.07", "2025-07-01": "H05.07", "2030-01-01": "H05.07"} {
		if got, ok := a.Lookup("000.00.07.H02", day(at)); got != want || ok != (want != "") {
			t.Errorf("on %s it means %q, want %q", at, got, want)
		}
	}
	if !a.End("000.00.07.H02", day("2026-01-01")) || a.End("000.00.07.H02", day("2026-01-01")) {
		t.Error("a code ends once")
	}
	if got, ok := a.Lookup("000.00.07.H02", day("2026-01-01")); ok {
		t.Errorf("after its end it means %q", got)
	}
}

func TestTops(t *testing.T) {
	open, closed := 0, 0
	for _, top := range Tops() {
		got, ok := LookupTop(top.Code + ".01")
		if !ok || got != top || top.Name == "" {
			t.Errorf("%s is found as %+v, want %+v", top.Code, got, top)
		}
		if top.Code[0] == 'H' {
			if top.Closed == "" {
				open++
			} else {
				closed++
			}
		}
		if top.Successor == "" {
			continue
		}
		next, ok := LookupTop(top.Successor)
		if !ok || next.Closed != "" || top.Closed == "" || next.Code[0] != top.Code[0] {
			t.Errorf("%+v has the successor %+v", top, next)
		}
	}
	if open != 34 || closed != 29 {
		t.Errorf("%d provinces are open and %d closed, want 34 and 29", open, closed)
	}
	for code, name := range map[string]string{"H02": "Ủy ban nhân dân tỉnh Bắc Giang", "000.00.12.H41": "Ủy ban nhân dân tỉnh Nghệ An", "K29": "Hội đồng nhân dân Thành phố Hồ Chí Minh", "G22": "Văn phòng Chính phủ",
		"H20": "Ủy ban nhân dân tỉnh Đồng Tháp", "H49": "Ủy ban nhân dân tỉnh Quảng Ninh", "H53": "Ủy ban nhân dân tỉnh Tây Ninh", "H63": "Ủy ban nhân dân tỉnh Yên Bái"} {
		if top, ok := LookupTop(code); !ok || top.Name != name {
			t.Errorf("%s is %+v, want %s", code, top, name)
		}
	}
	if top, _ := LookupTop("H02"); top.Successor != "H05" || top.Closed != "2025-07-01" {
		t.Errorf("H02 is %+v", top)
	}
	for _, none := range []string{"H00", "H64", "G99", "A01", "vxp", ""} {
		if top, ok := LookupTop(none); ok {
			t.Errorf("%q is %+v", none, top)
		}
	}
}
