package projections

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// openRecord is a testLog as a record.
type openRecord struct{ *testLog }

func (openRecord) Close() error { return nil }

func comparison(t *testing.T, l *testLog, path string) Comparison {
	t.Helper()
	c, err := Compare(t.Context(), path, CompareOptions{Dir: t.TempDir(), Open: func(context.Context) (Record, error) { return openRecord{l}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCompareAlike: whatever the transactions were, and while the views are open, nothing differs.
func TestCompareAlike(t *testing.T) {
	s := newScenario(t)
	for _, n := range []int{1, 7, 1000} {
		path := viewsPath(t)
		openViews(t, path, s, Options{LiveBatch: n, CatchUpBatch: n})
		c := comparison(t, s.testLog, path)
		if c.Difference != nil || c.Position != s.Head().Size || c.Rows < 100 {
			t.Errorf("%d events a transaction: %+v, %v", n, c, c.Difference)
		}
	}
}

// TestCompareBehind: views that have not read everything are compared as of where they stand.
func TestCompareBehind(t *testing.T) {
	s := newScenario(t)
	path := viewsPath(t)
	openViews(t, path, &until{log: s, size: 40}, Options{})
	if c := comparison(t, s.testLog, path); c.Difference != nil || c.Position != 40 {
		t.Errorf("%+v, %v", c, c.Difference)
	}
}

// TestCompareNothing: no views.db is not a difference.
func TestCompareNothing(t *testing.T) {
	s := newScenario(t)
	_, err := Compare(t.Context(), viewsPath(t), CompareOptions{Open: func(context.Context) (Record, error) { return openRecord{s.testLog}, nil }})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, expected that there is none", err)
	}
}

// TestCompareOtherNumbers: a dictionary in another order means the same.
func TestCompareOtherNumbers(t *testing.T) {
	s := newScenario(t)
	path := viewsPath(t)
	v, err := Open(t.Context(), path, s, Options{Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{vpcp, "own", stp, "document.received.v1"} {
		v.w.dict.id(text)
	}
	if err := v.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if c := comparison(t, s.testLog, path); c.Difference != nil {
		t.Error(c.Difference)
	}
}

// TestCompareTampered: a change in any table is found and named.
func TestCompareTampered(t *testing.T) {
	s := newScenario(t)
	whole := viewsPath(t)
	if err := openViews(t, whole, s, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range []struct {
		sql  string
		want string // begins the words of the difference
	}{
		{"UPDATE meta SET origin = 'x/log'", `views.db: table meta, row one=1, origin: has "x/log"`},
		{"UPDATE meta SET last = zeroblob(32)", "views.db: table meta, row one=1, last (event "},
		{"UPDATE meta SET schema = 1", "views.db: table meta, row one=1, schema: has 1"},
		{"UPDATE meta SET position = 'x'", "views.db: table meta: has a row that cannot be read"},
		{"DELETE FROM meta", "views.db: table meta: has 0 rows"},
		{"UPDATE dict SET s = 'H99' WHERE s = 'H02.05'", `views.db: table dict, row s="H02.05": has no row`},
		{"INSERT INTO dict VALUES (1000, 'thừa')", `views.db: table dict, row s="thừa": has a row`},
		{"UPDATE dict SET id = id + 1000 WHERE s = 'H02.05'", `views.db: table doc, row id=11, `},
		{"UPDATE counter SET n = n + 1 WHERE name = 'documents'", `views.db: table counter, row name="documents", n: has`},
		{"INSERT INTO cursor VALUES ('router', 9999999)", `views.db: table cursor, row name="router", position: has 9999999`},
		{"UPDATE directory SET facts = replace(facts, 'Sở', 'So') WHERE id = 3", "views.db: table directory, row id=3, facts (event 3): has"},
		{"DELETE FROM directory WHERE id = 3", "views.db: table directory, row id=3 (event 3): has no row"},
		{"UPDATE doc SET state = 6 WHERE id = (SELECT min(id) FROM doc)", "views.db: table doc, row id=11, state (event 11): has"},
		{"UPDATE doc SET org = 3 WHERE id = (SELECT min(id) FROM doc)", "views.db: table doc, row id=11, org (event 11): has"},
		{"UPDATE doc SET body = CAST(body || x'00' AS BLOB) WHERE id = (SELECT min(id) FROM doc)", "views.db: table doc, row id=11, body (event 11): has x'"},
		{"UPDATE doc SET body = substr(body, 1, 20) WHERE id = (SELECT min(id) FROM doc)", "views.db: table doc, row id=11, body (event 11): has couldn't read"},
		{"UPDATE doc SET k = k + 1 WHERE id = (SELECT max(id) FROM doc)", "views.db: table doc, row id="},
		{"DELETE FROM doc WHERE id = (SELECT min(id) FROM doc)", "views.db: table doc, row id=11 (event 11): has no row, the log says one"},
		{"INSERT INTO doc SELECT id + 100000, k, key, org, state, business, date, number, type, body FROM doc LIMIT 1", "views.db: table doc, row id=100011 (event 100011): has a row"},
		{"UPDATE paper SET facts = replace(facts, 'đầu tư', 'dau tu') WHERE id = 11", "views.db: table paper, row id=11, facts (event 11): has"},
		{"UPDATE delivery SET state = 4 WHERE id = (SELECT min(id) FROM delivery)", "views.db: table delivery, row id=12, state"},
		{"UPDATE delivery SET body = (SELECT body FROM delivery ORDER BY id DESC LIMIT 1) WHERE id = 12", "views.db: table delivery, row id=12, body."},
		{"UPDATE history SET entries = (SELECT entries FROM history ORDER BY doc DESC LIMIT 1) WHERE doc = 11", "views.db: table history, row doc=11, id=11, id (event 11)"},
		{"DELETE FROM history WHERE doc = 11", "views.db: table history, row doc=11, event=11 (event 11): has no row"},
		{"UPDATE history SET entries = CAST(entries || entries AS BLOB) WHERE doc = 11", "views.db: table history, row doc=11, event="},
		{"UPDATE status SET data = replace(data, '03', '06')", "views.db: table status, row doc=11, id="},
		{"UPDATE package SET kind = 1 - kind", "views.db: table package, row k="},
		{"UPDATE late SET doc = doc + 1", "views.db: table late, row id="},
		{"INSERT INTO words (rowid, t) VALUES (11, 'chuthem')", `views.db: table words, row word="chuthem": has a row`},
		{"INSERT INTO words (rowid, t) VALUES (25, 'day')", `views.db: table words, row word="day", documents (event 25): has document 25 too`},
		{"INSERT INTO words (words) VALUES ('delete-all')", "views.db: table words, row word="},
		{"INSERT INTO words (words, rank) VALUES ('hashsize', 1)", "views.db: table words_config, row k="},
		{"DROP INDEX doc_org", `views.db: table sqlite_schema, row name="doc_org": has no row`},
		{"CREATE TRIGGER t AFTER INSERT ON doc BEGIN DELETE FROM paper; END", `views.db: table sqlite_schema, row name="t": has a row`},
	} {
		t.Run(c.sql, func(t *testing.T) {
			path := viewsPath(t)
			copyFile(t, whole, path)
			db, err := sql.Open("sqlite", "file:"+path)
			if err != nil {
				t.Fatal(err)
			}
			r, err := db.Exec(c.sql)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := r.RowsAffected(); err == nil && n == 0 && !strings.HasPrefix(c.sql, "DROP") && !strings.HasPrefix(c.sql, "CREATE") {
				t.Fatal("the tampering changed nothing")
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			got := comparison(t, s.testLog, path)
			if got.Difference == nil || !strings.HasPrefix(got.Difference.Error(), c.want) {
				t.Errorf("found %v\nexpected %s", got.Difference, c.want)
			}
			if got.Difference != nil {
				seen[got.Difference.Table] = true
			}
		})
	}
	for _, table := range []string{"meta", "dict", "counter", "cursor", "directory", "doc", "paper", "delivery", "history", "status", "package", "words", "late"} {
		if !seen[table] {
			t.Errorf("no tampering was found in table %s", table)
		}
	}
}

// TestCompareDamaged: a file that SQLite cannot read, or whose index does not fit, is a difference.
func TestCompareDamaged(t *testing.T) {
	s := newScenario(t)
	for name, change := range map[string]func(b []byte) []byte{
		"rubbish": func([]byte) []byte { return []byte(strings.Repeat("rác ", 5000)) },
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"page":    func(b []byte) []byte { clear(b[8192*6 : 8192*7]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := viewsPath(t)
			if err := openViews(t, path, s, Options{}).Close(); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if c := comparison(t, s.testLog, path); c.Difference == nil {
				t.Error("no difference")
			}
		})
	}
}
