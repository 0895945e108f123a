package schemas

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// genOfficeOperations gives an operation on an agency's own part of every kind.
func genOfficeOperations(t *rapid.T) []Operation {
	code := genCode.Draw(t, "agency")
	own := func() string { return genOwn.Draw(t, "own") }
	some := func() string { return maybe(t, func() string { return line(t) }) }
	moment := func() time.Time { return maybe(t, func() time.Time { return genInstant.Draw(t, "moment") }) }
	role := func() string {
		return rapid.SampledFrom([]string{"clerk", "specialist", "head", "leader", "administrator", "auditor", "archivist"}).Draw(t, "role")
	}
	kinds := func() []string {
		return list(t, "kinds", 0, func() string {
			return rapid.SampledFrom([]string{"Quyết định", "công văn", "tờ trình"}).Draw(t, "kind")
		})
	}
	unit := maybe(t, own)
	day := func() Date { return genDate.Draw(t, "day") }
	duty := func() OfficeDuty { return OfficeDuty{role(), unit, moment(), moment()} }
	step := func() OfficeStep { return OfficeStep{role(), unit, rapid.IntRange(0, 99).Draw(t, "days")} }
	rule := func() OfficeDeadline {
		what := rapid.SampledFrom([]string{"register", "present", "assign", "handle", "approve", "issue", "dossier"}).Draw(t, "what")
		return OfficeDeadline{what, Priority(rapid.IntRange(0, 4).Draw(t, "priority")), rapid.IntRange(0, 99).Draw(t, "days")}
	}
	return []Operation{
		SetUnit{code, own(), some(), some(), unit},
		CloseUnit{code, own()},
		SetPerson{code, own(), some(), some(), list(t, "duties", 0, duty)},
		RemovePerson{code, own()},
		Delegate{code, own(), own(), own(), list(t, "roles", 0, role), moment(), genInstant.Draw(t, "end"), some()},
		WithdrawDelegation{code, own()},
		SetRegister{code, own(), some(), list(t, "types", 0, func() string { return line(t) }), genBool.Draw(t, "closed")},
		SetSeries{code, own(), some(), kinds(), genBool.Draw(t, "copies"), "{type}-UBND", genBool.Draw(t, "closed")},
		SetChain{code, own(), some(), kinds(), list(t, "steps", 1, step), genBool.Draw(t, "closed")},
		SetFilePlan{code, line(t), some(), own(), unit, genBool.Draw(t, "closed")},
		SetRetention{code, own(), some(), rapid.IntRange(0, 200).Draw(t, "years")},
		SetDeadlines{code, list(t, "rules", 0, rule)},
		SetCalendar{code, rapid.IntRange(1000, 9999).Draw(t, "year"), list(t, "holidays", 0, day), list(t, "working", 0, day)},
	}
}

// Every operation on an agency's own part is read as it was written.
func TestOfficeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHeader(t, KindDirectoryChange)
		c := DirectoryChange{Operations: genOfficeOperations(t)}
		b, _, err := MarshalDirectoryChange(h, c)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(context.Background(), ReceivedBytes(b), Options{Now: vectorTime})
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if diff := cmp.Diff(c, *p.Change, sameModel); diff != "" {
			t.Fatalf("read change differs:\n%s", diff)
		}
	})
}
