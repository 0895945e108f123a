package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// TestEveryKindOfProblemHasWords reads the kinds out of the program's text.
func TestEveryKindOfProblemHasWords(t *testing.T) {
	kinds := map[string]string{}
	for _, pattern := range []string{"verify*.go", "timestamping_verify.go", filepath.Join("..", "..", "events", "sqlitestore", "verify*.go")} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			must(t, err)
			ast.Inspect(f, func(n ast.Node) bool {
				var kind ast.Expr
				switch n := n.(type) {
				case *ast.CallExpr:
					if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "problem" || f.Name == "remoteProblem") {
						kind = n.Args[0]
					}
				case *ast.KeyValueExpr:
					if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Kind" {
						kind = n.Value
					}
				}
				if s, ok := kind.(*ast.BasicLit); ok {
					if text, err := strconv.Unquote(s.Value); err == nil {
						kinds[text] = name
					}
				}
				return true
			})
		}
	}
	kinds[kindRules], kinds[kindPublished] = "verify_rerun.go", "verify_published.go"
	if len(kinds) < 20 {
		t.Errorf("only the kinds %v were found: the test looks for something else than what is there", kinds)
	}
	for kind, name := range kinds {
		if w := problemWords[kind]; w.Vi == "" || w.En == "" {
			t.Errorf("there are no words for %q (%s)", kind, name)
		}
	}
}

// TestAnswerInBothLanguages: programs get the English where it was, and the Vietnamese beside it.
func TestAnswerInBothLanguages(t *testing.T) {
	a := newVerifyAnswer("node", "tram", time.Unix(0, 0))
	a.take(sqlitestore.VerifyReport{Unproved: []bilingual.Text{noKeyGiven}})
	a.unproved(unprovedText(rerun.Unproved{What: noOlderHead, Count: 2, First: 7}))
	a.Notes = append(a.Notes, noPolicyGiven)
	a.bad(&verifyProblem{Kind: kindRules, Reason: "x"})
	b, err := json.Marshal(a)
	must(t, err)
	var got struct {
		Unproved, Notes []string
		Vi              struct{ Unproved, Notes []string }
		Problems        []struct{ Vi string }
	}
	must(t, json.Unmarshal(b, &got))
	switch {
	case len(got.Unproved) != 2 || got.Unproved[0] != noKeyGiven.En || got.Unproved[1] != noOlderHead.En+" (2 events, first 7)":
		t.Errorf("English is %q", got.Unproved)
	case len(got.Vi.Unproved) != 2 || got.Vi.Unproved[0] != noKeyGiven.Vi || got.Vi.Unproved[1] != noOlderHead.Vi+" (2 sự kiện, đầu tiên là 7)":
		t.Errorf("Vietnamese is %q", got.Vi.Unproved)
	case len(got.Notes) != 1 || len(got.Vi.Notes) != 1 || got.Vi.Notes[0] != noPolicyGiven.Vi:
		t.Errorf("notes are %q and %q", got.Notes, got.Vi.Notes)
	case len(got.Problems) != 1 || got.Problems[0].Vi != problemWords[kindRules].Vi:
		t.Errorf("problems are %+v", got.Problems)
	}
	page, err := a.html()
	must(t, err)
	vi, en := strings.Index(string(page), noKeyGiven.Vi), strings.Index(string(page), noKeyGiven.En)
	if vi < 0 || en < vi {
		t.Errorf("the report has the Vietnamese at %d and the English at %d", vi, en)
	}
}

// A node that is stopped between its first tiles and its first checkpoint has published nothing yet, and nothing is wrong with it.
func TestTilesBeforeTheFirstCheckpoint(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	h := newHistory(t, key)
	h.grow("one", 10)
	must(t, os.Remove(filepath.Join(h.data, logFolder, tiles.CheckpointPath)))
	v := &verification{dir: h.data, answer: newVerifyAnswer(h.data, "tram", time.Now()), progress: func(string, int64, int64) {}}
	must(t, v.published(t.Context()))
	if a := v.answer; !a.OK || a.Published != nil || len(a.Unproved) != 1 || !strings.Contains(a.Unproved[0].En, "no checkpoint yet") {
		t.Errorf("it says %+v", a)
	}
	must(t, os.RemoveAll(filepath.Join(h.data, logFolder)))
	v.answer.Unproved = nil
	must(t, v.published(t.Context()))
	if a := v.answer; !a.OK || len(a.Unproved) != 1 || !strings.Contains(a.Unproved[0].En, "no files") {
		t.Errorf("without files it says %+v", a)
	}
}
