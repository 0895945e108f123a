package schemas

import (
	"regexp"
	"slices"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// abbreviations are those of Phụ lục III in the order of Điều 7; công văn and thư công have none.
var abbreviations = []string{"NQ", "QĐ", "CT", "QC", "QyĐ", "TC", "TB", "HD", "CTr", "KH", "PA", "ĐA", "DA", "BC", "BB", "TTr", "HĐ", "", "CĐ",
	"BGN", "BTT", "GUQ", "GM", "GGT", "GNP", "PG", "PC", "PB", ""}

func TestKinds(t *testing.T) {
	kinds := Kinds()
	if len(kinds) != 29 {
		t.Fatalf("%d kinds", len(kinds))
	}
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	english := map[string]bool{}
	for i, k := range kinds {
		if k.ND30 != i+1 || k.Name == "" || k.En == "" || english[k.En] || k.Abbreviation != abbreviations[i] {
			t.Errorf("kind %d: %+v", i+1, k)
		}
		english[k.En] = true
		found, ok := KindOf(k.Name)
		if !ok || found.Name != k.Name {
			t.Errorf("%q is found as %q, %t", k.Name, found.Name, ok)
		}
		seen := map[string]bool{}
		var required []string
		var filled []DraftField
		for _, f := range k.Fields {
			if !name.MatchString(f.Name) || seen[f.Name] || f.Vi == "" || f.En == "" || f.Shape == "" || !norm.NFC.IsNormalString(f.Vi) {
				t.Errorf("%s: field %+v", k.Name, f)
			}
			seen[f.Name] = true
			if f.Required {
				required = append(required, f.Name)
				filled = append(filled, DraftField{f.Name, "x"})
			}
			if f.Required && k.Model == "" {
				t.Errorf("%s has no model and requires %s", k.Name, f.Name)
			}
		}
		if got := k.Missing([]DraftField{{"x", "y"}}); !slices.Equal(got, required) {
			t.Errorf("%s: missing %q, expected %q", k.Name, got, required)
		}
		if got := k.Missing(filled); got != nil {
			t.Errorf("%s: filled in and missing %q", k.Name, got)
		}
		for i := range filled {
			filled[i].Value = " \n"
		}
		if got := k.Missing(filled); !slices.Equal(got, required) {
			t.Errorf("%s: blank and missing %q", k.Name, got)
		}
	}
	for _, other := range []string{"", "nghị định", "bản cam kết", "giấy đi đường", "thông tư"} {
		if k, ok := KindOf(other); ok {
			t.Errorf("%q is found as %q", other, k.Name)
		}
	}
	if k, ok := KindOf("QUYẾT ĐỊNH"); !ok || k.Abbreviation != "QĐ" {
		t.Errorf("got %+v", k)
	}
}
