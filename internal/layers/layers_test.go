package layers

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tram-exchange/tram/"

// allowed says which rooms a room may import, beside itself and internal. A room that is not listed may import
// nothing of ours; cmd may import everything. Adapters never import each other.
var allowed = map[string][]string{
	"events":      {},
	"schemas":     {},
	"internal":    {},
	"signing":     {"schemas"},
	"projections": {"events", "schemas"},
	"gateway":     {"events", "schemas", "signing"},
	"adapters":    {"schemas", "signing", "gateway"},
}

// room is the first element of a package path of ours, or "" for the path of somebody else.
func room(path string) string {
	rest, ours := strings.CutPrefix(path, module)
	if !ours {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// adapter is the folder below adapters/ that a package belongs to.
func adapter(path string) string {
	rest, _ := strings.CutPrefix(path, module+"adapters/")
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// violation says why from may not import to, or "".
func violation(from, to string) string {
	rf, rt := room(from), room(to)
	switch {
	case rt == "" || rf == "cmd":
		return ""
	case rf == "adapters" && rt == "adapters":
		if adapter(from) != adapter(to) {
			return "an adapter never imports another"
		}
		return ""
	case rf == rt:
		return ""
	case rt == "internal":
		return ""
	case rt == "cmd":
		return "nothing imports cmd"
	}
	if !slices.Contains(allowed[rf], rt) {
		return rf + " may not import " + rt
	}
	return ""
}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImportGraph(t *testing.T) {
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("couldn't list packages: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	rooms := map[string]int{}
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("couldn't read go list: %v", err)
		}
		rooms[room(p.ImportPath)]++
		for _, to := range p.Imports {
			if why := violation(p.ImportPath, to); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, to, why)
			}
		}
	}
	for r := range allowed {
		if rooms[r] == 0 {
			t.Errorf("the test saw no package of %s: is the list still right?", r)
		}
	}
}

func TestViolation(t *testing.T) {
	for _, c := range []struct {
		from, to string
		bad      bool
	}{
		{"events/document", "events", false},
		{"events/document", "internal/orgid", false},
		{"events", "schemas", true},
		{"schemas", "signing", true},
		{"signing", "schemas", false},
		{"signing", "events", true},
		{"projections", "gateway", true},
		{"gateway", "projections", true},
		{"gateway/httpapi", "gateway", false},
		{"adapters/portal", "projections", true},
		{"adapters/portal", "adapters/vxp", true},
		{"adapters/portal/assets", "adapters/portal", false},
		{"cmd/tram", "projections", false},
		{"gateway", "cmd/tram", true},
	} {
		if got := violation(module+c.from, module+c.to); (got != "") != c.bad {
			t.Errorf("%s → %s: got %q, want a violation: %v", c.from, c.to, got, c.bad)
		}
	}
}
