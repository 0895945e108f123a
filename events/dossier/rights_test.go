package dossier

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

// goodActs are acts that nothing speaks against but right and order.
func goodActs() []Act {
	return []Act{
		Classify{FilePlan: "01", Retention: "vv"}, Add{Document: letter("x")}, Remove{Item: 1, Reason: "Nhầm"}, Opine{Text: "Nhất trí"},
		GiveTask{Task: "t9", To: of("nv"), Text: "Góp ý"}, FinishTask{Task: "t1"}, Decision{Text: "Đồng ý"}, HandOver{To: "binh"}, Close{},
		Reopen{Reason: "Còn việc"},
	}
}

// places are where a dossier may stand, with who is who.
func places() []struct {
	name string
	h    func(fataler) *story
} {
	return []struct {
		name string
		h    func(fataler) *story
	}{
		{"not there", begin},
		{"an of nv has it, and one item; kt has a task", func(t fataler) *story { return withTask(t).do("an", Add{Document: letter("d1")}) }},
		{"the same, the task is done", func(t fataler) *story {
			return withTask(t).do("an", Add{Document: letter("d1")}).do("giang", FinishTask{Task: "t1"})
		}},
		{"son of nv1 has it, after an of nv", func(t fataler) *story {
			return opened(t).do("an", HandOver{To: "son"}).do("son", Add{Document: letter("d1")})
		}},
		{"the leader dung has it; minh has a task", func(t fataler) *story {
			return begin(t).do("dung", Open{FilePlan: "01", Title: "x"}).number(1).do("dung", Add{Document: letter("d1")}).
				do("dung", GiveTask{Task: "t1", To: of("/minh"), Text: "x"})
		}},
		{"without its code", func(t fataler) *story {
			return begin(t).do("an", Open{FilePlan: "01", Title: "x"}).do("an", Add{Document: letter("d1")})
		}},
		{"closed by an", closed},
	}
}

// Every act in every place by everybody: testdata/rights.txt is to be read by people who know the office.
func TestRights(t *testing.T) {
	var b strings.Builder
	for _, p := range places() {
		fmt.Fprintf(&b, "# %s\n", p.name)
		h := p.h(t)
		for i := range goodActs() {
			answers := map[string][]string{}
			var name string
			for _, who := range people {
				act := goodActs()[i]
				name = act.act()
				_, err := Decide(h.state, h.command(who, act))
				why := string(reason(err))
				if err == nil {
					why = "may"
				}
				answers[why] = append(answers[why], who)
				if may := slices.Contains(May(h.state, standing(t, who, h.at)), name); may != (err == nil) && !paramsMatter(why) {
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

// paramsMatter says whether a refusal follows from what the act says, not from who does it and where the dossier stands.
func paramsMatter(why string) bool {
	return slices.Contains([]Reason{ReasonSame, ReasonItem, ReasonTask, ReasonTaskDone, ReasonOutside}, Reason(why))
}
