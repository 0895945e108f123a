package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that docs/faults.md names is there, in the package that it names.
func TestFaultsAreTested(t *testing.T) {
	b, err := os.ReadFile("../../docs/faults.md")
	must(t, err)
	names := regexp.MustCompile("`([a-z][a-z/]*/?[a-z]*)`|`(Test[A-Za-z]+)`")
	pkg, n := "", 0
	for _, line := range strings.Split(string(b), "\n") {
		pkg = ""
		for _, m := range names.FindAllStringSubmatch(line, -1) {
			if m[1] != "" {
				pkg = m[1]
				continue
			}
			files, err := filepath.Glob(filepath.Join("../..", pkg, "*_test.go"))
			must(t, err)
			found := false
			for _, f := range files {
				src, err := os.ReadFile(f)
				must(t, err)
				found = found || strings.Contains(string(src), "\nfunc "+m[2]+"(")
			}
			if !found {
				t.Errorf("docs/faults.md names %s in %q, which is not there", m[2], pkg)
			}
			n++
		}
	}
	if n < 30 {
		t.Errorf("docs/faults.md names %d tests only", n)
	}
}
