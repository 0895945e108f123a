package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing/verdict"
)

func TestFindingsAreFolded(t *testing.T) {
	var findings []evidence.Finding
	for i := range 50 {
		findings = append(findings,
			evidence.Finding{Part: fmt.Sprintf("receipts/%012d.tlog-proof", i), ID: "time-unproved", Result: verdict.Warning, Vi: "chưa có dấu", En: "no time-stamp"},
			evidence.Finding{Part: "good", ID: "receipt", Result: verdict.Passed, Vi: "được", En: "fine"})
	}
	findings = append(findings,
		evidence.Finding{ID: "receipt", Result: verdict.Failed, Vi: "sai", En: "wrong", Detail: "one\nreason"},
		evidence.Finding{Part: "b", ID: "receipt", Result: verdict.Failed, Vi: "sai", En: "wrong", Detail: "another"},
		evidence.Finding{Part: "c", ID: "receipt", Result: verdict.Failed, Vi: "sai", En: "wrong", Detail: "another"})
	var b bytes.Buffer
	printFindings(newPalette(&b), findings)
	out := b.String()
	for text, n := range map[string]int{"no time-stamp": 1, "000000000002.tlog-proof … (×50)": 1, "000000000003": 0, "fine": 0, "receipt: one; reason": 1, "receipt: another": 1, "b, c\n": 1, "vật chứa / container": 1} {
		if got := strings.Count(out, text); got != n {
			t.Errorf("%q stands %d times, expected %d:\n%s", text, got, n, out)
		}
	}
}
