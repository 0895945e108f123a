package gateway

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

func TestCatalogue(t *testing.T) {
	ids, last := map[string]int{}, 0
	for _, e := range Catalogue() {
		if e.Code <= last {
			t.Errorf("%d stands after %d: the list is in order and no number stands twice", e.Code, last)
		}
		last = e.Code
		if other, twice := ids[e.ID]; twice || e.ID == "" || strings.ToLower(e.ID) != e.ID {
			t.Errorf("%d: id %q (also %d)", e.Code, e.ID, other)
		}
		ids[e.ID] = e.Code
		if e.HTTP < 400 || e.HTTP > 599 {
			t.Errorf("%d: HTTP status %d", e.Code, e.HTTP)
		}
		for _, text := range []string{e.Vi, e.En} {
			if len(text) < 20 || !strings.HasSuffix(text, ".") {
				t.Errorf("%d: no sentence: %q", e.Code, text)
			}
		}
		if strings.IndexFunc(e.Vi, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
			t.Errorf("%d: not Vietnamese: %q", e.Code, e.Vi)
		}
		if got := Refuse(e.Code); got.Code != e.Code {
			t.Errorf("Refuse(%d) gives %d", e.Code, got.Code)
		}
	}
}

// constants lists the values of a string type's constants in the Go files of a folder.
func constants(t *testing.T, dir, typeName string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != typeName || len(v.Values) != 1 {
				return true
			}
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, s)
			}
			return true
		})
	}
	if len(out) == 0 {
		t.Fatalf("found no constants of type %s in %s", typeName, dir)
	}
	return out
}

// Whatever reason another room gives has a number here.
func TestEveryReasonHasANumber(t *testing.T) {
	for _, c := range constants(t, "../schemas", "Code") {
		if _, ok := byCode[schemaCodes[schemas.Code(c)]]; !ok {
			t.Errorf("schemas.Code %q has no number", c)
		}
	}
	for _, c := range constants(t, "../signing", "Refusal") {
		if _, ok := byCode[signingCodes[signing.Refusal(c)]]; !ok && c != "" {
			t.Errorf("signing.Refusal %q has no number", c)
		}
	}
	for _, c := range constants(t, "../events/document/incoming", "Reason") {
		if _, ok := byCode[incomingCodes[incoming.Reason(c)]]; !ok {
			t.Errorf("incoming.Reason %q has no number", c)
		}
	}
	for _, c := range constants(t, "../events/dossier", "Reason") {
		if _, ok := byCode[dossierCodes[dossier.Reason(c)]]; !ok {
			t.Errorf("dossier.Reason %q has no number", c)
		}
	}
	for _, c := range constants(t, "../events/document", "Reason") {
		switch document.Reason(c) {
		case document.ReasonOtherContent: // depends on what was handed in
		case document.ReasonWrongStream: // a defect of ours
		default:
			if _, ok := byCode[documentCodes[document.Reason(c)]]; !ok {
				t.Errorf("document.Reason %q has no number", c)
			}
		}
	}
}

func TestRefusal(t *testing.T) {
	base := Refuse(CodeRecipientsUnknown)
	r := base.At("/a\x00b").With("H99", strings.Repeat("ạ", 500)).Because(errors.New("cause"))
	if base.Field != "" || base.Details != nil || base.cause != nil {
		t.Error("a refusal of the catalogue was changed")
	}
	if r.Field != "/a b" || len(r.Details) != 2 || len(r.Details[1]) > 205 {
		t.Errorf("field %q, details %q", r.Field, r.Details)
	}
	if !errors.Is(fmt.Errorf("wrapped: %w", r), Refuse(CodeRecipientsUnknown)) || errors.Is(r, Refuse(CodeSecret)) {
		t.Error("errors.Is doesn't compare by number")
	}
	many := base
	for range 300 {
		many = many.With("x")
	}
	if len(many.Details) != maxDetails {
		t.Errorf("%d details, limit %d", len(many.Details), maxDetails)
	}
	if got := AsRefusal(errors.New("disk on fire")); got.Code != CodeInternal || strings.Contains(got.En+got.Vi, "fire") {
		t.Errorf("an error of the node is answered with %+v", got)
	}
}
