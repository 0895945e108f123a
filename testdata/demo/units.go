// Package demo holds the facts that the demonstration plays with: the 38 units of Bắc Giang's plan of 2005, in two phases.
package demo

import (
	"embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

//go:embed bac-giang-units.csv
var unitsCSV string

//go:embed office-ubnd.yaml office-so.yaml office-huyen.yaml
var offices embed.FS

// Offices of the demonstration, each a list of operations for "tram directory change".
const (
	OfficeOfCommittee  = "office-ubnd.yaml"
	OfficeOfDepartment = "office-so.yaml" // also printed in docs/operations.md
	OfficeOfDistrict   = "office-huyen.yaml"
)

// Office is one of them.
func Office(name string) ([]byte, error) {
	b, err := offices.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read office: %w", err)
	}
	return b, nil
}

// Unit is one line of the list.
type Unit struct {
	Phase int
	Name  string
	Level string // tỉnh, sở, chi cục, cục, ban, thanh tra, ủy ban, đơn vị, huyện
}

// Units are all of them, in the order of the list: the first is the committee's office.
func Units() ([]Unit, error) {
	rows, err := csv.NewReader(strings.NewReader(unitsCSV)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("couldn't read list of units: %w", err)
	}
	var out []Unit
	for _, r := range rows[1:] {
		phase, err := strconv.Atoi(r[0])
		if err != nil {
			return nil, fmt.Errorf("couldn't read list of units: phase %q: %w", r[0], err)
		}
		out = append(out, Unit{Phase: phase, Name: r[2], Level: r[3]})
	}
	return out, nil
}
