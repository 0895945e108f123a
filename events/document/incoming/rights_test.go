package incoming

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/rights.txt anew")

// goodActs are acts that nothing speaks against but right and order. Heads assign within their units.
func goodActs(who string) []Act {
	unit := map[string]string{"cuc": "nv", "hoa": "kt", "lan": "vp"}[who]
	if unit == "" {
		unit = "nv"
	}
	return []Act{
		Register{}, Refuse{Reason: "Sai nơi nhận"}, Present{To: "oanh"}, Assign{InCharge: of(unit), Opinion: "Gấp"},
		TransferBack{Reason: "Không thuộc đơn vị"}, Start{}, Opine{Text: "Nhất trí"}, ChangeDeadline{Due: "2026-12-02", Reason: "Gấp"},
		LinkReply{Outgoing: "tra-loi", Own: true}, Finish{Result: "Xong"}, Agree{}, Reopen{Reason: "Còn việc"},
	}
}

// places are where a document may stand, with who is who.
func places() []struct {
	name string
	h    func(fataler) *story
} {
	asked := func(t fataler) *story { h := handling(t); h.x.Back, h.x.By = BackAsked, "by"; return h }
	return []struct {
		name string
		h    func(fataler) *story
	}{
		{"arrived", arrived},
		{"registering", func(t fataler) *story { return arrived(t).do("em", Register{}) }},
		{"registered", registered},
		{"presented to the leader dung", presented},
		{"presented to the head cuc", func(t fataler) *story { return registered(t).do("em", Present{To: "cuc"}) }},
		{"assigned to an of nv, kt cooperating", assigned},
		{"handled by an of nv, kt cooperating", handling},
		{"assigned to the unit nv1", func(t fataler) *story { return registered(t).do("dung", Assign{InCharge: of("nv1")}) }},
		{"assigned by the head cuc, to binh", func(t fataler) *story {
			return registered(t).do("em", Present{To: "cuc"}).do("cuc", Assign{InCharge: of("nv/binh")})
		}},
		{"assigned to giang of kt, after an of nv", func(t fataler) *story { return assigned(t).do("dung", Assign{InCharge: of("kt/giang")}) }},
		{"given back by an to dung", func(t fataler) *story { return assigned(t).do("an", TransferBack{Reason: "x"}) }},
		{"finished by an", finished},
		{"refused", func(t fataler) *story { return arrived(t).do("em", Refuse{Reason: "x"}) }},
		{"asked back while an handles it", asked},
		{"withdrawn, and given again", withdrawn},
		{"withdrawn", func(t fataler) *story { h := withdrawn(t); h.x.Back = BackGiven; return h }},
	}
}

// Every act in every place by everybody: testdata/rights.txt is to be read by people who know the office.
func TestRights(t *testing.T) {
	var b strings.Builder
	for _, p := range places() {
		fmt.Fprintf(&b, "# %s\n", p.name)
		h := p.h(t)
		for i := range goodActs("") {
			answers := map[string][]string{}
			var name string
			for _, who := range people {
				act := goodActs(who)[i]
				name = act.act()
				_, err := Decide(h.state, h.command(who, act))
				why := string(reason(err))
				if err == nil {
					why = "may"
				}
				answers[why] = append(answers[why], who)
				if may := slices.Contains(May(h.state, standing(t, who, h.at), h.x), name); may != (err == nil) && why != string(ReasonSame) {
					t.Errorf("%s: May says %v of %s by %s, Decide %v", p.name, may, name, who, err)
				}
			}
			fmt.Fprintf(&b, "%s\n", name)
			for _, why := range slices.Sorted(maps.Keys(answers)) {
				fmt.Fprintf(&b, "\t%s: %s\n", why, strings.Join(answers[why], " "))
			}
		}
	}
	const file = "testdata/rights.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Error("who may do what has changed: run the test with -update and read the difference")
	}
}
