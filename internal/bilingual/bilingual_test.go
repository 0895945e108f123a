package bilingual

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEverySentenceHasBothLanguages reads the sentences out of the program's text: both are there, differ, take the same
// arguments, and the first is Vietnamese.
func TestEverySentenceHasBothLanguages(t *testing.T) {
	root := filepath.Join("..", "..")
	found := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || filepath.Dir(name) == filepath.Join(root, "internal", "bilingual") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if called(n.Fun, "Say") {
					found++
					if bad := sentence(n); bad != "" {
						t.Errorf("%s: %s", set.Position(n.Pos()), bad)
					}
				}
			case *ast.CompositeLit:
				if called(n.Type, "Text") && len(n.Elts) > 0 {
					t.Errorf("%s: a sentence is made with Say", set.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 20 {
		t.Errorf("only %d sentences were found: the test looks for something else than what is there", found)
	}
}

func called(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	p, ok := s.X.(*ast.Ident)
	return ok && p.Name == "bilingual"
}

var verbs = regexp.MustCompile(`%(\[[0-9]+\])?[a-z]`)

// sentence says what is wrong with a call of Say.
func sentence(c *ast.CallExpr) string {
	if len(c.Args) < 2 {
		return "it has one language"
	}
	var said [2]string
	for i := range said {
		s, ok := literal(c.Args[i])
		if !ok {
			return "its words are not written out"
		}
		said[i] = s
	}
	vi, en := said[0], said[1]
	a, b := verbs.FindAllString(vi, -1), verbs.FindAllString(en, -1)
	if strings.Contains(vi+en, "%[") {
		slices.Sort(a)
		slices.Sort(b)
	}
	switch {
	case strings.TrimSpace(vi) == "" || strings.TrimSpace(en) == "":
		return "one language is empty"
	case !slices.Equal(a, b):
		return "its languages take different arguments: " + strings.Join(a, " ") + "; " + strings.Join(b, " ")
	case !vietnamese(vi):
		return "its first language is not Vietnamese: " + vi
	case vietnamese(strings.ReplaceAll(en, "Trạm", "")): // the name stays
		return "its second language is not English: " + en
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		x, ok := literal(e.X)
		y, also := literal(e.Y)
		return x + y, ok && also
	}
	return "", false
}

// vietnamese text has a letter that English has not.
func vietnamese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x1EA0 && r <= 0x1EF9 || strings.ContainsRune("ăâđêôơưĂÂĐÊÔƠƯàáãèéìíòóõùúýĩũ", r)
	})
}

func TestSentenceIsCheckedByItsLanguages(t *testing.T) {
	for text, bad := range map[string]bool{
		`bilingual.Say("không có khóa", "no key")`:                      false,
		`bilingual.Say("thiếu %d trong %s", "%d are missing of %s", n)`: false,
		`bilingual.Say("trong %[2]s thiếu %[1]d", "%[1]d of %[2]s")`:    false,
		`bilingual.Say("thiếu %d", "missing")`:                          true,
		`bilingual.Say("", "no key")`:                                   true,
		`bilingual.Say("no key", "no key")`:                             true,
		`bilingual.Say("không có khóa", "không có khóa")`:               true,
		`bilingual.Say("không có khóa")`:                                true,
		`bilingual.Say(vi, "no key")`:                                   true,
	} {
		e, err := parser.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := sentence(e.(*ast.CallExpr)); (got != "") != bad {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestText(t *testing.T) {
	a := Say("%d sự kiện", "%d events", 3).And(Raw("; x"))
	if a != (Text{Vi: "3 sự kiện; x", En: "3 events; x"}) || a.String() != a.En || a.IsZero() {
		t.Errorf("it is %+v", a)
	}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var again, before Text
	if err := json.Unmarshal(b, &again); err != nil || again != a {
		t.Errorf("%s is read as %+v (%v)", b, again, err)
	}
	if err := json.Unmarshal([]byte(`"as before"`), &before); err != nil || before != Raw("as before") {
		t.Errorf("a string is read as %+v (%v)", before, err)
	}
	if err := json.Unmarshal([]byte(`7`), &before); err == nil {
		t.Error("a number was read")
	}
}
