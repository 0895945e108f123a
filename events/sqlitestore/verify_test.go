package sqlitestore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql/driver"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// fillStore records a bit of everything, so much that tiles are full and the indexes partly merged.
func fillStore(t testing.TB, s *Store) {
	t.Helper()
	r := mrand.New(mrand.NewPCG(1, 1))
	versions := map[string]int64{}
	for i := range 700 {
		stream := fmt.Sprintf("document/%d", r.IntN(300))
		v, ok := versions[stream]
		if !ok {
			v = -1
		}
		a := events.Append{
			Stream: stream, Expected: v, Actor: "H02", Client: "node", Basis: events.Basis{Policy: uint64(i / 2)},
			Events: []events.New{{Name: "a.v1", Data: map[string]int{"i": i}}},
		}
		if i%3 == 0 {
			a.Package = newPackage(bytes.Repeat([]byte{byte(i)}, 100+r.IntN(3000)))
			a.Events[0].Facts = map[string]string{"subject": fmt.Sprint("văn bản ", i)}
		}
		if i%100 == 0 {
			a.Package = newPackage(bytes.Repeat([]byte{byte(i)}, 300<<10))
			a.Evidence = fmt.Appendf(nil, "evidence %d", i/200)
		}
		if _, err := s.Append(context.Background(), a); err != nil {
			t.Fatal(err)
		}
		versions[stream] = v + 1
	}
}

func smallOptions() Options {
	o := testOptions()
	o.runLength, o.SegmentSize = 250, 1<<20
	return o
}

func logKey() *ledger.Key {
	key, _ := testKeys()
	line, err := ledger.LogKey(testOrigin, key.Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	k, err := ledger.ParseKey([]byte(line))
	if err != nil {
		panic(err)
	}
	return &k
}

// verify verifies twice: as ever, and with room for a few packages and one piece of evidence, the rest in temporary files. Both must say the
// same.
func verify(t testing.TB, dir string, o VerifyOptions) VerifyReport {
	t.Helper()
	r, err := Verify(context.Background(), dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Size < 100 && r.Size%2 == 0 || r.Problem != nil && r.Problem.Kind == "package" && r.Problem.Offset%5 != 0 {
		return r // of the tests that do one step or byte after the other, some will do
	}
	o.memory = 2000
	small, err := Verify(context.Background(), dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	small.Destroyed, small.SignedSize, small.Unproved = r.Destroyed, r.SignedSize, r.Unproved // pointers; a node may be signing meanwhile
	same := (r.Problem == nil) == (small.Problem == nil)
	switch { // of segments that are read side by side one may be found bad before the other
	case r.Problem == nil:
		same = reflect.DeepEqual(r, small)
	case same:
		same = r.Problem.Kind == small.Problem.Kind && len(r.Problems) == len(small.Problems)
	}
	if !same {
		t.Errorf("with little memory it says\n%+v (%v), else\n%+v (%v)", small, small.Problem, r, r.Problem)
	}
	return r
}

// A sorter gives the same order whatever fits into memory.
func TestSorter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) placed {
			n := rapid.Int64Range(0, 5)
			return placed{place{n.Draw(t, "segment"), n.Draw(t, "offset")}, rapid.Int64().Draw(t, "length"), uint64(n.Draw(t, "position")),
				events.Sum([]byte{byte(n.Draw(t, "sum"))}), rapid.Bool().Draw(t, "covered")}
		}), 0, 40).Draw(t, "rows")
		s := newPlacedSorter(placedMemory * rapid.IntRange(1, 50).Draw(t, "most"))
		defer s.close()
		for i := range rows {
			rows[i].length = int64(i) // tells equal ones apart
			if err := s.add(rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[placed]bool{}
		var last placed
		for r, err := range s.sorted() {
			if err != nil {
				t.Fatal(err)
			}
			if len(seen) > 0 && s.compare(last, r) > 0 {
				t.Fatalf("%+v comes after %+v", r, last)
			}
			seen[r], last = true, r
		}
		for _, r := range rows {
			if !seen[r] {
				t.Fatalf("%+v is lost", r)
			}
		}
		if len(seen) != len(rows) {
			t.Fatalf("%d rows out of %d", len(seen), len(rows))
		}
	})
}

func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestVerifyAGoodStore(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, smallOptions())
	if r := verify(t, dir, VerifyOptions{Key: logKey()}); r.Problem != nil || r.Events != 0 || r.SignedSize != 0 {
		t.Fatalf("empty store: %+v", r)
	}
	fillStore(t, s)
	old := s.Head().Checkpoint
	var last, total int64
	n := 0
	o := VerifyOptions{Key: logKey(), Checkpoint: old, Event: func(e events.Event, stored Stored) (func() error, error) {
		inOrder := func() error {
			if int(e.Position) != n%700 {
				t.Errorf("event %d came after %d others", e.Position, n)
			}
			n++
			return nil
		}
		p, err := stored.OpenPackage()
		if e.Statement.Package == nil {
			if !errors.Is(err, events.ErrNotFound) {
				t.Errorf("event %d: open gave %v", e.Position, err)
			}
			return inOrder, nil
		}
		if err != nil {
			return nil, err
		}
		defer p.Close()
		b, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
		if err != nil || events.Sum(b) != e.Statement.Package.SHA256 {
			t.Errorf("event %d: hook reads another package, %v", e.Position, err)
		}
		return inOrder, nil
	}}
	// While the node runs.
	r, err := Verify(context.Background(), dir, o, func(done, all int64) {
		if done < last || done > all {
			t.Errorf("progress %d of %d after %d", done, all, last)
		}
		last, total = done, all
	})
	if err != nil || r.Problem != nil {
		t.Fatal(r.Problem, err)
	}
	if n != 700 || r.Events != 700 || r.Size != 700 || r.Root != s.Head().Root || r.Evidence != 4 || len(r.Unreferenced) != 0 {
		t.Errorf("%d calls of the hook, report %+v", n, r)
	}
	if last < total*9/10 {
		t.Errorf("progress ended at %d of %d", last, total)
	}
	if s.recent.active.from == 0 {
		t.Error("no index run was merged: the test proves less than it should")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Stopped, and copied as a backup.
	dir = copyDir(t, dir)
	r = verify(t, dir, o)
	if r.Problem != nil || r.SignedSize != 700 || len(r.Unproved) != 0 {
		t.Errorf("report %+v", r)
	}
	r = verify(t, dir, VerifyOptions{})
	if r.Problem != nil || len(r.Unproved) != 2 {
		t.Errorf("without key and older checkpoint: report %+v", r)
	}
	openTest(t, dir, smallOptions())
}

// stored is a stopped store, made once for the mutation tests.
func stored(t testing.TB) (dir string, checkpoint []byte) {
	dir = t.TempDir()
	s := openTest(t, dir, smallOptions())
	fillStore(t, s)
	checkpoint = s.Head().Checkpoint
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, checkpoint
}

// change runs SQL on a copy of the database, beside the same segments, and leaves no write-ahead log. It gives an
// empty name if a constraint forbids the change.
func change(t testing.TB, dir string, script string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{dbName, "format"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, segmentDir), filepath.Join(to, segmentDir)); err != nil {
		t.Fatal(err)
	}
	c, err := openConn(filepath.Join(to, dbName), "rw", "", "synchronous(off)")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.script(script); err != nil {
		if strings.Contains(err.Error(), "UNIQUE constraint failed") {
			return ""
		}
		t.Fatalf("%s: %v", script, err)
	}
	return to
}

func TestVerifyFindsEveryChangedValue(t *testing.T) {
	dir, _ := stored(t)
	c, err := openConn(filepath.Join(dir, dbName), "ro", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	type column struct{ table, name, kind string }
	var columns []column
	var v [3]driver.Value
	err = c.query(v[:], func() error {
		columns = append(columns, column{v[0].(string), v[1].(string), v[2].(string)})
		return nil
	}, `SELECT m.name, p.name, p.type FROM sqlite_schema m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	if len(columns) != 26 {
		t.Fatalf("%d columns: a new one needs a thought here", len(columns))
	}
	keys := map[string]string{"log": "id", "events": "position", "streams": "position", "packages": "position", "evidence": "sha256", "tiles": "level, number"}
	tried := 0
	for _, col := range columns {
		var n [1]driver.Value
		if _, err := c.one(n[:], fmt.Sprintf(`SELECT count(*) FROM %s WHERE %s IS NOT NULL`, col.table, col.name)); err != nil {
			t.Fatal(err)
		}
		rows := n[0].(int64)
		if rows == 0 {
			t.Fatalf("%s.%s: nothing to change", col.table, col.name)
		}
		for row := range min(rows, 3) {
			at := row * (rows - 1) / 2
			one := fmt.Sprintf(`WHERE (%s) IN (SELECT %s FROM %s WHERE %s IS NOT NULL ORDER BY %s LIMIT 1 OFFSET %d)`,
				keys[col.table], keys[col.table], col.table, col.name, keys[col.table], at)
			var changes []string
			switch col.kind {
			case "INTEGER":
				changes = []string{col.name + " + 100000", col.name + " - 100000", "-1"}
				if col.name != "position" && col.name != "id" && col.table != "tiles" {
					changes = append(changes, col.name+" + 1", col.name+" - 1", col.name+" + 4096")
				}
			case "TEXT":
				changes = []string{col.name + " || 'x'", "substr(" + col.name + ", 2)", "'x' || substr(" + col.name + ", 2)"}
			case "BLOB":
				// Every place: the first and last byte, a few between, one more, one less.
				for _, k := range []string{"0", "length(%[1]s) / 3", "length(%[1]s) / 2", "length(%[1]s) - 1"} {
					k = strings.ReplaceAll(k, "%[1]s", col.name)
					changes = append(changes, fmt.Sprintf(`CAST(substr(%[1]s, 1, %[2]s) || CASE substr(%[1]s, 1 + %[2]s, 1) WHEN x'41' THEN x'42' ELSE x'41' END || substr(%[1]s, 2 + %[2]s) AS BLOB)`, col.name, k))
				}
				changes = append(changes, "CAST("+col.name+" || x'00' AS BLOB)", "CAST(substr("+col.name+", 2) AS BLOB)", "x''")
			}
			if col.table == "events" && col.name != "statement" && col.name != "position" {
				changes = append(changes, "NULL")
			}
			for _, to := range changes {
				sql := fmt.Sprintf("PRAGMA ignore_check_constraints = on; UPDATE %s SET %s = %s %s", col.table, col.name, to, one)
				changed := change(t, dir, sql)
				if changed == "" {
					continue
				}
				r := verify(t, changed, VerifyOptions{Key: logKey()})
				if r.Problem == nil {
					t.Errorf("not found: %s", sql)
				} else if col.table == "events" && (r.Problem.Position == nil || r.Problem.Reason == "") {
					t.Errorf("%s: found without its position: %v", sql, r.Problem)
				}
				tried++
			}
		}
	}
	for _, col := range columns {
		if strings.HasPrefix(keys[col.table], col.name) { // once a table
			for _, at := range []int{0, 1} {
				sql := fmt.Sprintf(`DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s ORDER BY %[2]s LIMIT 1 OFFSET (SELECT (count(*) - 1) * %[3]d FROM %[1]s))`, col.table, keys[col.table], at)
				if r := verify(t, change(t, dir, sql), VerifyOptions{Key: logKey()}); r.Problem == nil {
					t.Errorf("not found: %s", sql)
				}
				tried++
			}
		}
	}
	if t.Logf("%d changes, each found", tried); tried < 300 {
		t.Errorf("only %d changes were possible", tried)
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	dir, old := stored(t)
	for name, c := range map[string]struct {
		sql      string
		kind     string
		position int64 // -1: none
	}{
		"statement":       {`UPDATE events SET statement = CAST(replace(CAST(statement AS TEXT), '"actor":"H02"', '"actor":"H03"') AS BLOB) WHERE position = 300`, "tree", 300},
		"facts":           {`UPDATE events SET facts = CAST('{}' AS BLOB) WHERE position = 300`, "facts", 300},
		"removed":         {`DELETE FROM events WHERE position = 300`, "position", 300},
		"swapped":         {`UPDATE events SET position = -5 WHERE position = 300; UPDATE events SET position = 300 WHERE position = 301; UPDATE events SET position = 301 WHERE position = -5`, "event", 301},
		"added":           {`INSERT INTO events SELECT 700, statement, salt, facts, segment, offset FROM events WHERE position = 699`, "version", 700},
		"cut":             {`DELETE FROM events WHERE position = 699`, "head", 699},
		"another place":   {`UPDATE events SET (segment, offset) = (SELECT segment, offset FROM events WHERE position = 303) WHERE position = 300`, "package", -2},
		"index entry":     {`UPDATE streams SET position = position + 1 WHERE position = 10`, "index", -2},
		"index missing":   {`DELETE FROM packages WHERE position = 3`, "index", 3},
		"index added":     {`INSERT INTO packages VALUES (zeroblob(32), 3)`, "index", 3},
		"evidence":        {`UPDATE evidence SET bytes = x'00' WHERE bytes = CAST('evidence 2' AS BLOB)`, "evidence", 400},
		"evidence lost":   {`DELETE FROM evidence WHERE bytes IN (CAST('evidence 1' AS BLOB), CAST('evidence 3' AS BLOB))`, "evidence", 200},
		"evidence moved":  {`UPDATE evidence SET sha256 = zeroblob(32) WHERE bytes = CAST('evidence 1' AS BLOB)`, "evidence", -1},
		"evidence gone":   {`DELETE FROM evidence`, "evidence", 0},
		"evidence added":  {`INSERT INTO evidence VALUES (x'6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', x'00')`, "evidence", -1},
		"tile":            {`UPDATE tiles SET hashes = zeroblob(8192) WHERE number = 1`, "tree", 256},
		"tile added":      {`INSERT INTO tiles VALUES (1, 0, zeroblob(8192))`, "tree", -1},
		"trigger":         {`CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM evidence; END`, "database", -1},
		"format":          {`PRAGMA user_version = 2`, "database", -1},
		"log row":         {`UPDATE log SET indexed = indexed + 1`, "log", -1},
		"packages hidden": {`UPDATE events SET segment = NULL, offset = NULL WHERE position = 300`, "package", 300},
	} {
		r := verify(t, change(t, dir, c.sql), VerifyOptions{Key: logKey(), Checkpoint: old})
		p := r.Problem
		if p == nil || p.Kind != c.kind || c.position >= 0 && (p.Position == nil || *p.Position != uint64(c.position)) || c.position == -1 && p.Position != nil {
			t.Errorf("%s: found %v, expected %s at %d", name, p, c.kind, c.position)
		}
	}
}

// rewrite makes a consistent other store out of the first n events: what a thief of the folder without the log key
// could do, or anyone with it.
func rewrite(t *testing.T, dir string, n int, o Options) string {
	t.Helper()
	to := t.TempDir()
	s := openTest(t, to, o)
	old := openTest(t, copyDir(t, dir), smallOptions())
	err := old.All(context.Background(), 0, func(e events.Event) error {
		if e.Position >= uint64(n) {
			return nil
		}
		_, err := s.Append(context.Background(), events.Append{Stream: e.Statement.Stream, Expected: int64(e.Statement.Version) - 1,
			Actor: e.Statement.Actor, Client: e.Statement.Client, Events: []events.New{{Name: e.Statement.Name, Data: e.Statement.Data}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestVerifyAgainstAnOlderCheckpoint(t *testing.T) {
	dir, old := stored(t)
	for n, want := range map[int]string{300: "cut off", 700: "changed"} {
		other := rewrite(t, dir, n, smallOptions())
		if r := verify(t, other, VerifyOptions{Key: logKey()}); r.Problem != nil {
			t.Fatalf("a record of its own is found bad: %v", r.Problem)
		}
		r := verify(t, other, VerifyOptions{Key: logKey(), Checkpoint: old})
		if r.Problem == nil || r.Problem.Kind != "older checkpoint" || !strings.Contains(r.Problem.Reason, want) {
			t.Errorf("%d events: found %v", n, r.Problem)
		}
	}
	// Grown since: the older checkpoint is inside.
	dir = copyDir(t, dir)
	s := openTest(t, dir, smallOptions())
	for i := range 5 {
		if _, err := s.Append(context.Background(), events.Append{Stream: fmt.Sprint("more/", i), Expected: -1, Actor: "a", Client: "c", Events: []events.New{{Name: "n", Data: struct{}{}}}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if r := verify(t, dir, VerifyOptions{Key: logKey(), Checkpoint: old}); r.Problem != nil || r.Size != 705 {
		t.Errorf("found %v", r.Problem)
	}
	// Signed by others.
	bad := bytes.Replace(old, []byte("700"), []byte("701"), 1)
	if r := verify(t, dir, VerifyOptions{Key: logKey(), Checkpoint: bad}); r.Problem == nil || r.Problem.Kind != "older checkpoint" {
		t.Errorf("found %v", r.Problem)
	}
	o := smallOptions()
	_, o.LogKey, _ = ed25519.GenerateKey(rand.Reader)
	other := rewrite(t, dir, 700, o)
	if r := verify(t, other, VerifyOptions{Key: logKey()}); r.Problem == nil || r.Problem.Kind != "checkpoint" {
		t.Errorf("found %v", r.Problem)
	}
	if _, err := Open(context.Background(), other, smallOptions()); err == nil {
		t.Error("a store of another log key opens")
	}
}

func TestVerifyFindsEveryChangedByteOfASegment(t *testing.T) {
	dir, _ := stored(t)
	files, _ := filepath.Glob(filepath.Join(dir, segmentDir, "*.seg"))
	if len(files) < 2 {
		t.Fatal("one segment only")
	}
	s := openTest(t, copyDir(t, dir), smallOptions())
	type span struct{ from, to int64 }
	covered := map[string][]span{}
	err := readEvents(context.Background(), s.db, testOrigin, 0, 700, func(e *events.Event, at *place) error {
		if at != nil {
			covered[segmentName(at.segment)] = append(covered[segmentName(at.segment)], span{at.offset, at.offset + recordSize(e.Statement.Package.Length)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	inRecord := func(name string, at int64) bool {
		for _, s := range covered[name] {
			if at >= s.from && at < s.to {
				return true
			}
		}
		return false
	}
	r := mrand.New(mrand.NewPCG(5, 5))
	for _, file := range files {
		name := filepath.Base(file)
		info, _ := os.Stat(file)
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		at := []int64{0, 7, 8, 15, 16, 47, 48, 49, info.Size() - 1}
		for range 30 {
			at = append(at, r.Int64N(info.Size()))
		}
		for _, at := range at {
			var b [1]byte
			f.ReadAt(b[:], at)
			was := b[0]
			b[0] ^= 1 << r.IntN(8)
			f.WriteAt(b[:], at)
			rep := verify(t, dir, VerifyOptions{Key: logKey()})
			if inRecord(name, at) {
				p := rep.Problem
				if p == nil || p.Kind != "package" || p.Position == nil || p.Package == nil || p.File != segmentDir+"/"+name || p.Offset > at || p.Offset < 0 {
					t.Errorf("%s byte %d: found %v", name, at, p)
				}
			} else if rep.Problem != nil || len(rep.Unreferenced) != 1 {
				t.Errorf("%s byte %d, in no record: found %v, unreferenced %v", name, at, rep.Problem, rep.Unreferenced)
			}
			f.WriteAt([]byte{was}, at)
		}
	}
	if r := verify(t, dir, VerifyOptions{Key: logKey()}); r.Problem != nil {
		t.Fatalf("the test did not put everything back: %v", r.Problem)
	}
	cut := copyDir(t, dir)
	os.Truncate(filepath.Join(cut, segmentDir, segmentName(1)), 100_000)
	if r := verify(t, cut, VerifyOptions{}); r.Problem == nil || r.Problem.Kind != "package" && r.Problem.Kind != "segment" {
		t.Errorf("cut segment: found %v", r.Problem)
	}
	gone := copyDir(t, dir)
	os.Remove(filepath.Join(gone, segmentDir, segmentName(1)))
	if r := verify(t, gone, VerifyOptions{}); r.Problem == nil || r.Problem.Kind != "segment" || r.Problem.Position == nil {
		t.Errorf("missing segment: found %v", r.Problem)
	}
	extra := copyDir(t, dir)
	os.WriteFile(filepath.Join(extra, segmentDir, "note.txt"), []byte("x"), 0o600)
	if r := verify(t, extra, VerifyOptions{}); r.Problem != nil || len(r.Unreferenced) != 1 {
		t.Errorf("added file: found %v, %v", r.Problem, r.Unreferenced)
	}
}

// dump is everything the database says.
func dump(c *conn) (out string, err error) {
	var b strings.Builder
	for _, q := range []struct {
		sql string
		n   int
	}{
		{`SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2`, 4}, {`PRAGMA user_version`, 1}, {`PRAGMA application_id`, 1},
		{`SELECT * FROM log`, 10}, {`SELECT * FROM events ORDER BY 1`, 6}, {`SELECT * FROM streams ORDER BY 1, 2`, 3},
		{`SELECT * FROM packages ORDER BY 1, 2`, 2}, {`SELECT * FROM evidence ORDER BY 1`, 2}, {`SELECT * FROM tiles ORDER BY 1, 2`, 3},
	} {
		v := make([]driver.Value, q.n)
		if err := c.query(v, func() error { _, err := fmt.Fprintf(&b, "%q\n", v); return err }, q.sql); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func TestVerifyFindsDamagedPages(t *testing.T) {
	dir, _ := stored(t)
	path := filepath.Join(dir, dbName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := func() (string, error) {
		c, err := openConn(path, "ro", "")
		if err != nil {
			return "", err
		}
		defer c.close()
		return dump(c)
	}
	want, err := read()
	if err != nil {
		t.Fatal(err)
	}
	r := mrand.New(mrand.NewPCG(9, 9))
	found, harmless := 0, 0
	for i := range 300 {
		b := bytes.Clone(good)
		at := r.IntN(len(b))
		if i < 100 {
			at = i // the file header
		}
		b[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		rep := verify(t, dir, VerifyOptions{Key: logKey()})
		if rep.Problem != nil {
			found++
		} else if got, err := read(); err != nil || got != want {
			t.Errorf("byte %d: the database says something else, nothing found (%v)", at, err)
		} else {
			harmless++ // free space in a page
		}
		os.Remove(path + "-wal")
		os.Remove(path + "-shm")
	}
	t.Logf("%d of 300 flips found, %d changed no stored value", found, harmless)
	if found < 100 {
		t.Errorf("only %d flips found", found)
	}
}

func selfSigned(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"tram.test.example"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestVerifyWithANodeCertificate(t *testing.T) {
	dir, _ := stored(t)
	_, node := testKeys()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key *ecdsa.PrivateKey
		ok  bool
	}{"the node's": {node, true}, "another": {other, false}} {
		k, err := ledger.ParseKey(selfSigned(t, c.key))
		if err != nil {
			t.Fatal(err)
		}
		r := verify(t, dir, VerifyOptions{Key: &k})
		if c.ok != (r.Problem == nil) {
			t.Errorf("%s: found %v", name, r.Problem)
		}
	}
}
