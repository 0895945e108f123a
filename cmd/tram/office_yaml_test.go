package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/testdata/demo"
)

// docs/operations.md prints the example as it is, and its short one is one too.
func TestDocsPrintTheOffice(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, b := range strings.Split(string(docs), "```yaml\n- office:")[1:] {
		block, _, _ := strings.Cut(b, "```")
		blocks = append(blocks, "- office:"+block)
	}
	whole, err := demo.Office(demo.OfficeOfDepartment)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(whole), "\n") // its first line is a comment
	if len(blocks) == 0 || !strings.Contains(string(docs), string(whole)) {
		t.Errorf("docs/operations.md prints another office than testdata/demo has (%d blocks):\n%s", len(blocks), body)
	}
	for _, b := range blocks {
		if _, err := readOffice([]byte(b)); err != nil {
			t.Errorf("%v in\n%s", err, b)
		}
	}
}

func readOffice(b []byte) ([]schemas.Operation, error) {
	var list []operationYAML
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&list); err != nil {
		return nil, err
	}
	var ops []schemas.Operation
	for _, y := range list {
		some, err := y.operations(writing{})
		if err != nil {
			return nil, err
		}
		ops = append(ops, some...)
	}
	return ops, nil
}

// What is named comes before what names it, and what takes away comes last.
func TestOfficeOperations(t *testing.T) {
	ops, err := readOffice([]byte(`
- office:
    agency: H02.02
    close_units: [c]
    remove_persons: [p]
    withdraw_delegations: [d]
    delegations: [{id: e, from: a, to: b, roles: [leader], end: 02/01/2027}]
    calendars: [{year: 2027, holidays: [2027-02-28..2027-03-01, 30/04/2027], working: [2027-01-09]}]
    deadlines: [{what: handle, priority: 1, days: 2}]
    file_plan: [{code: 01.TH, title: T, retention: r, unit: u, closed: true}]
    retentions: [{id: r, name: R, years: 5}, {id: v, name: V, permanent: true}]
    chains: [{id: k, name: K, types: [công văn], steps: [{role: head, unit: author, days: 1}], closed: true}]
    series: [{id: s, name: S, types: [công văn], copies: true, notation: X, closed: true}]
    registers: [{id: g, name: G, types: [đơn], closed: true}]
    persons: [{id: a, name: A, position: P, duties: [{role: head, unit: u, from: 01/01/2027, until: 2027-02-01T08:00:00+07:00}]}]
    units: [{id: u, name: U, short: S, parent: t}]
`))
	if err != nil {
		t.Fatal(err)
	}
	const agency = "H02.02"
	at := func(text string) (d schemas.Date) { d, _ = dayOf(text); return d }
	first, _ := momentOf("01/01/2027")
	until, _ := momentOf("2027-02-01T08:00:00+07:00")
	end, _ := momentOf("02/01/2027")
	want := []schemas.Operation{
		schemas.SetUnit{Agency: agency, Unit: "u", Name: "U", Short: "S", Parent: "t"},
		schemas.SetPerson{Agency: agency, Person: "a", Name: "A", Position: "P", Duties: []schemas.OfficeDuty{{Role: "head", Unit: "u", From: first, Until: until}}},
		schemas.SetRegister{Agency: agency, Register: "g", Name: "G", Types: []string{"đơn"}, Closed: true},
		schemas.SetSeries{Agency: agency, Series: "s", Name: "S", Types: []string{"công văn"}, Copies: true, Notation: "X", Closed: true},
		schemas.SetChain{Agency: agency, Chain: "k", Name: "K", Types: []string{"công văn"}, Steps: []schemas.OfficeStep{{Role: "head", Unit: "author", Days: 1}}, Closed: true},
		schemas.SetRetention{Agency: agency, Retention: "r", Name: "R", Years: 5},
		schemas.SetRetention{Agency: agency, Retention: "v", Name: "V"},
		schemas.SetFilePlan{Agency: agency, Code: "01.TH", Title: "T", Retention: "r", Unit: "u", Closed: true},
		schemas.SetDeadlines{Agency: agency, Rules: []schemas.OfficeDeadline{{What: "handle", Priority: 1, Days: 2}}},
		schemas.SetCalendar{Agency: agency, Year: 2027, Holidays: []schemas.Date{at("2027-02-28"), at("2027-03-01"), at("2027-04-30")}, Working: []schemas.Date{at("2027-01-09")}},
		schemas.Delegate{Agency: agency, Delegation: "e", From: "a", To: "b", Roles: []string{"leader"}, End: end},
		schemas.WithdrawDelegation{Agency: agency, Delegation: "d"},
		schemas.RemovePerson{Agency: agency, Person: "p"},
		schemas.CloseUnit{Agency: agency, Unit: "c"},
	}
	if diff := cmp.Diff(want, ops); diff != "" {
		t.Error(diff)
	}
}
