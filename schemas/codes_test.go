package schemas

import (
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

func TestDocumentTypes(t *testing.T) {
	seen := map[int]string{}
	numbers := map[[2]int]bool{}
	for _, e := range DocumentTypes() {
		if e.ND30 > 0 {
			if seen[e.ND30] != "" {
				t.Errorf("%s and %s are both number %d of the decree", seen[e.ND30], e.Name, e.ND30)
			}
			seen[e.ND30] = e.Name
			if e.Abbreviation == "" && e.Name != "công văn" && e.Name != "thư công" {
				t.Errorf("%s has no abbreviation", e.Name)
			}
		}
		if key := [2]int{e.Group, e.Number}; e.Number > 0 && numbers[key] {
			t.Errorf("%v stands twice", key)
		} else {
			numbers[key] = true
		}
		for _, name := range []string{e.Name, norm.NFD.String(e.Name), "  " + e.Name + "\u00a0"} {
			if got := FindDocumentType(name, e.Group); got == nil || *got != e {
				t.Errorf("%q is found as %+v, want %+v", name, got, e)
			}
		}
	}
	if len(seen) != 29 {
		t.Errorf("%d types of the decree, want 29", len(seen))
	}
}

func TestFindDocumentType(t *testing.T) {
	for _, c := range []struct {
		name  string
		group int
		want  string
		legal bool
	}{
		{"Công văn", 1, "công văn", false}, {"CÔNG  VĂN", 0, "công văn", false}, {"Giấy uỷ quyền", 2, "giấy ủy quyền", false}, {"Bản thoả thuận", 2, "bản thỏa thuận", false},
		{"Quyết định (cá biệt)", 0, "quyết định", false}, {"Quyết định", 2, "quyết định", false}, {"Quyết định", 1, "quyết định", true}, {"Quy chế", 2, "quy chế", false}, {"Nghị định", 2, "nghị định", true},
		{"Thư mời họp", 2, "", false}, {"", 2, "", false}, {"(cá biệt)", 2, "", false},
	} {
		got := FindDocumentType(c.name, c.group)
		if c.want == "" {
			if got != nil {
				t.Errorf("%q is found as %+v", c.name, got)
			}
			continue
		}
		if got == nil || got.Name != c.want || (got.Group == GroupLegal) != c.legal {
			t.Errorf("%q in group %d is found as %+v, want %s", c.name, c.group, got, c.want)
		}
	}
	if e := findDocumentTypeNumber("2", "18"); e == nil || e.Name != "công văn" {
		t.Errorf("2/18 is %+v", e)
	}
	for _, n := range [][2]string{{"2", "0"}, {"2", ""}, {"", "18"}, {"2", "99"}, {"9", "1"}, {"2", "x"}} {
		if e := findDocumentTypeNumber(n[0], n[1]); e != nil {
			t.Errorf("%v is %+v", n, e)
		}
	}
}

func TestSteering(t *testing.T) {
	for _, c := range []struct {
		p    SteeringProfile
		raw  string
		want SteeringMeaning
		ok   bool
	}{{SteeringFromOne, "0", SteeringNone, true}, {SteeringFromOne, "1", SteeringNone, true}, {SteeringFromOne, "2", SteeringOrder, true}, {SteeringFromOne, "3", SteeringReport, true},
		{SteeringFromZero, "0", SteeringNone, true}, {SteeringFromZero, "1", SteeringOrder, true}, {SteeringFromZero, "2", SteeringReport, true}, {SteeringFromZero, "3", SteeringNone, false},
		{SteeringFromOne, "", SteeringNone, true}, {SteeringFromOne, "9", SteeringNone, false}, {SteeringFromOne, "12", SteeringNone, false}} {
		if got, ok := c.p.meaning(c.raw); got != c.want || ok != c.ok {
			t.Errorf("profile %d, %q is %v %v, want %v %v", c.p, c.raw, got, ok, c.want, c.ok)
		}
	}
	for _, p := range []SteeringProfile{SteeringFromOne, SteeringFromZero} {
		for _, m := range []SteeringMeaning{SteeringNone, SteeringOrder, SteeringReport} {
			if got, ok := p.meaning(p.code(m)); got != m || !ok {
				t.Errorf("profile %d writes %v so that it reads %v", p, m, got)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range StatusCodes() {
		if c.Vietnamese() == "" {
			t.Errorf("status %s has no name", c)
		}
	}
	for p := PriorityNormal; p <= PriorityTimed; p++ {
		if p.Vietnamese() == "" {
			t.Errorf("priority %d has no name", p)
		}
	}
	for b := BusinessNew; b <= BusinessReplace; b++ {
		if b.Vietnamese() == "" {
			t.Errorf("business type %d has no name", b)
		}
	}
	if StatusCode("07").Vietnamese()+Priority(5).Vietnamese()+Priority(-1).Vietnamese()+BusinessType(4).Vietnamese() != "" {
		t.Error("values outside the lists have names")
	}
}

func TestDates(t *testing.T) {
	for s, ok := range map[string]bool{"2025/11/18": true, "2024/02/29": true, "2025/02/29": false, "2025/13/01": false, "2025/00/10": false, "2025/10/00": false, "2025/04/31": false,
		"2025/1/8": false, "25/11/2018": false, "2025-11-18": false, "": false, "0000/01/01": false, "２０２５/11/18": false, "2025/11/18 ": false, "+025/11/18": false} {
		d, got := ParseDate(s)
		if got != ok || ok && d.String() != s {
			t.Errorf("%q is %v %v, want %v", s, d, got, ok)
		}
	}
	// 17:30 UTC is already the next day in Viet Nam.
	if d := DateOf(time.Date(2025, 11, 18, 17, 30, 0, 0, time.UTC)); d.Vietnamese() != "19/11/2025" {
		t.Errorf("day is %s, want 19/11/2025", d.Vietnamese())
	}
	if got := (Date{2025, 11, 18}).Time().UTC().Format(time.RFC3339); got != "2025-11-17T17:00:00Z" {
		t.Errorf("day starts %s", got)
	}
	days := []Date{{2024, 12, 31}, {2025, 1, 1}, {2025, 1, 2}, {2025, 2, 1}}
	for i := range days {
		for j := range days {
			if days[i].After(days[j]) != (i > j) {
				t.Errorf("%v after %v is %v", days[i], days[j], i <= j)
			}
		}
	}
	for s, ok := range map[string]bool{"2025/11/18 09:15:30": true, "2025/11/18 24:00:00": false, "2025/11/18 09:60:00": false, "2025/11/18 09:15:60": false, "2025/11/18T09:15:30": false, "2025/11/18 09:15": false} {
		if got, isTime := parseTimestamp(s); isTime != ok || ok && FormatTimestamp(got) != s {
			t.Errorf("%q is %v %v, want %v", s, got, isTime, ok)
		}
	}
}

// The border between today and tomorrow is midnight in Viet Nam, whatever zone the clock is in.
func TestFutureDateInVietnam(t *testing.T) {
	doc := vectorNamed(t, "sdk-new") // 18/11/2025
	for at, refusedThen := range map[time.Time]bool{
		time.Date(2025, 11, 17, 16, 59, 59, 0, time.UTC): true,
		time.Date(2025, 11, 17, 17, 0, 0, 0, time.UTC):   false,
		{}: false, // no clock, no judgement
	} {
		_, err := Parse(t.Context(), ReceivedBytes(doc.bytes), Options{Now: at})
		if (err != nil) != refusedThen {
			t.Errorf("at %v: %v, want refused %v", at, err, refusedThen)
		}
	}
}

func TestValidNumber(t *testing.T) {
	for s, ok := range map[string]bool{"1": true, "0123": true, "12a": true, "07-bis": true, "15.A": true, "": false, "a12": false, "74fass22": false, "12abcd": false, "12-": false, "12/3": false, "1 2": false} {
		if validNumber(s) != ok {
			t.Errorf("%q is valid=%v", s, !ok)
		}
	}
}

func TestAffects(t *testing.T) {
	d := &Document{ResponseFor: []ResponseFor{{OrganID: "H05", Code: "1/A", DocumentID: "x"}, {Code: "2/B"}, {DocumentID: "x"}}}
	if got := d.Affects(); got != nil {
		t.Errorf("a new document affects %v", got)
	}
	d.Business.Type = BusinessRecall
	if got := d.Affects(); len(got) != 2 || got[0].DocumentID != "x" || got[0].OrganID != "H05" || got[1].Code != "2/B" {
		t.Errorf("a recall by ResponseFor affects %+v", got)
	}
	d.Business.DocumentID = "y"
	if got := d.Affects(); len(got) != 1 || got[0].DocumentID != "y" {
		t.Errorf("a recall by DocumentId affects %+v", got)
	}
	d.Business.Type, d.Business.Replacements = BusinessReplace, []Replacement{{"z", []string{"H05"}}, {"y", nil}}
	if got := d.Affects(); len(got) != 2 || got[0].OrganIDs[0] != "H05" || got[1].DocumentID != "y" {
		t.Errorf("a replacement affects %+v", got)
	}
}
