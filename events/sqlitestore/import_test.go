package sqlitestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
)

// copyInto copies a record into a folder with a commit every few events.
func copyInto(t testing.TB, from, to string, opts ImportOptions) (total Copied, err error) {
	t.Helper()
	ctx := context.Background()
	src, err := OpenReader(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	im, err := OpenImport(ctx, to, testOrigin, opts)
	if err != nil {
		return total, err
	}
	defer func() { err = errors.Join(err, im.Close()) }()
	for !total.Done {
		c, err := im.Copy(ctx, src)
		if err != nil {
			return total, err
		}
		total = Copied{total.Events + c.Events, total.Packages + c.Packages, total.Bytes + c.Bytes, c.Done}
	}
	return total, nil
}

func copyOptions() ImportOptions {
	return ImportOptions{MinFree: -1, SegmentSize: 1 << 20, runLength: 250, Batch: 97}
}

// sameRecord compares all that two folders say.
func sameRecord(t testing.TB, a, b string) {
	t.Helper()
	ctx := context.Background()
	var rs [2]*Reader
	for i, dir := range []string{a, b} {
		r, err := OpenReader(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		rs[i] = r
	}
	if x, y := rs[0].Head(), rs[1].Head(); !bytes.Equal(x.Checkpoint, y.Checkpoint) || x.Size != y.Size {
		t.Fatalf("heads are %+v and %+v", x, y)
	}
	var list []Raw
	if err := rs[0].Raw(ctx, 0, rs[0].Head().Size, func(e Raw) error { list = append(list, e); return nil }); err != nil {
		t.Fatal(err)
	}
	all := func(r *Reader, e Raw) string {
		p, err := r.OpenRaw(ctx, e)
		if err != nil {
			return err.Error()
		}
		defer p.Close()
		bs, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
		if err != nil {
			t.Fatal(err)
		}
		return string(bs)
	}
	n := 0
	err := rs[1].Raw(ctx, 0, rs[1].Head().Size, func(e Raw) error {
		w := list[n]
		n++
		if e.Position != w.Position || !bytes.Equal(e.Bytes, w.Bytes) || !bytes.Equal(e.Facts, w.Facts) || !bytes.Equal(e.Salt, w.Salt) || e.Destroyed != w.Destroyed || e.PackageDestroyed != w.PackageDestroyed {
			t.Errorf("event %d differs", e.Position)
		}
		if all(rs[0], w) != all(rs[1], e) {
			t.Errorf("package of event %d differs", e.Position)
		}
		if d := e.Statement.Evidence; d != nil {
			if _, err := rs[1].Evidence(ctx, *d); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if err != nil || n != len(list) {
		t.Errorf("%d events, expected %d: %v", n, len(list), err)
	}
}

// A copy taken while the store runs, again and again, is the same record; it verifies by itself and a store goes on from it.
func TestImport(t *testing.T) {
	ctx := context.Background()
	from, to := t.TempDir(), t.TempDir()
	s := openTest(t, from, smallOptions())
	if c, err := copyInto(t, from, to, copyOptions()); err != nil || c.Events != 0 || !c.Done {
		t.Fatalf("copy of an empty record: %+v, %v", c, err)
	}
	fillStore(t, s)
	first, err := copyInto(t, from, to, copyOptions()) // while the store is open: up to the last stored head
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		a := events.Append{Stream: fmt.Sprintf("more/%d", i), Expected: -1, Actor: "a", Client: "c", Events: []events.New{{Name: "n.v1", Data: struct{}{}}}}
		switch i % 3 {
		case 0:
			a.Package = newPackage(bytes.Repeat([]byte{0}, 300<<10)) // known
		case 1:
			a.Package = newPackage(fmt.Appendf(nil, "package %d", i/6)) // some of them twice
		}
		if _, err := s.Append(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := copyInto(t, from, to, copyOptions())
	if err != nil || first.Events+second.Events != 1000 || first.Packages == 0 || second.Packages > 60 {
		t.Fatalf("copied %+v and %+v, %v", first, second, err)
	}
	if again, err := copyInto(t, from, to, copyOptions()); err != nil || again.Events != 0 || again.Packages != 0 {
		t.Errorf("copied %+v once more, %v", again, err)
	}
	sameRecord(t, from, to)
	if r := verify(t, to, VerifyOptions{Key: logKey()}); r.Problem != nil || r.Events != 1000 || r.SignedSize != 1000 || len(r.Unreferenced) != 0 {
		t.Errorf("copy: %+v", r)
	}
	o := openTest(t, to, smallOptions())
	if _, err := o.Append(ctx, events.Append{Stream: "more/0", Expected: 0, Actor: "a", Client: "c", Events: []events.New{{Name: "n.v1", Data: struct{}{}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := copyInto(t, from, to, copyOptions()); !errors.Is(err, ErrLocked) {
		t.Errorf("copy into a running store's folder: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := copyInto(t, from, to, copyOptions()); !errors.Is(err, ErrAhead) {
		t.Errorf("copy into a folder that is ahead: %v", err)
	}
	if _, err := copyInto(t, to, from, copyOptions()); err != nil {
		t.Errorf("copy the other way: %v", err)
	}
}

// runSQL changes a closed record behind the store's back.
func runSQL(t testing.TB, dir, sql string) {
	t.Helper()
	c, err := openConn(filepath.Join(dir, dbName), "rw", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.script(sql); err != nil {
		t.Fatal(err)
	}
}

func TestImportRefuses(t *testing.T) {
	from := t.TempDir()
	s := openTest(t, from, smallOptions())
	fillStore(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	half := t.TempDir() // a copy of an earlier state
	if _, err := copyInto(t, from, half, copyOptions()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sql  string
		want error
	}{
		"statement":   {`UPDATE events SET statement = CAST(replace(CAST(statement AS TEXT), '"actor":"H02"', '"actor":"H03"') AS BLOB) WHERE position = 300`, ErrSource},
		"swapped":     {`UPDATE events SET position = -5 WHERE position = 300; UPDATE events SET position = 300 WHERE position = 301; UPDATE events SET position = 301 WHERE position = -5`, ErrSource},
		"facts":       {`UPDATE events SET facts = CAST('{}' AS BLOB) WHERE position = 300`, ErrSource},
		"salt":        {`UPDATE events SET salt = zeroblob(32) WHERE position = 300`, ErrSource},
		"salt alone":  {`UPDATE events SET facts = NULL WHERE position = 300`, ErrSource},
		"evidence":    {`UPDATE evidence SET bytes = CAST('x' AS BLOB)`, ErrSource},
		"no evidence": {`DELETE FROM evidence`, ErrSource},
		"place":       {`UPDATE events SET (segment, offset) = (SELECT segment, offset FROM events WHERE position = 303) WHERE position = 300`, ErrSource},
		"gone":        {`DELETE FROM events WHERE position = 300`, nil},
		"tile":        {`UPDATE tiles SET hashes = zeroblob(8192) WHERE level = 0 AND number = 0`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bad, to := copyDir(t, from), t.TempDir()
			runSQL(t, bad, c.sql)
			src, err := OpenReader(context.Background(), bad)
			if err != nil {
				return // found before anything was copied
			}
			src.Close()
			_, err = copyInto(t, bad, to, copyOptions())
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("copied, or refused for another reason: %v", err)
			}
			// What was copied before is good, and the good source goes on from it.
			if r := verify(t, to, VerifyOptions{Key: logKey()}); r.Problem != nil {
				t.Errorf("what was copied before: %v", r.Problem)
			}
			if _, err := copyInto(t, from, to, copyOptions()); err != nil {
				t.Error(err)
			}
			sameRecord(t, from, to)
		})
	}
	t.Run("package", func(t *testing.T) {
		bad := copyDir(t, from)
		path := filepath.Join(bad, segmentDir, segmentName(1))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[recordHeader+10] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := copyInto(t, bad, t.TempDir(), copyOptions()); err == nil || !strings.Contains(err.Error(), "hash to") {
			t.Errorf("a changed package was copied: %v", err)
		}
	})
	t.Run("fork", func(t *testing.T) {
		other := t.TempDir()
		s := openTest(t, other, smallOptions())
		fillStore(t, s)
		fillStore2(t, s)
		s.Close()
		if _, err := copyInto(t, other, half, copyOptions()); !errors.Is(err, ErrForked) {
			t.Errorf("another log of the same name was copied on top: %v", err)
		}
	})
	t.Run("origin", func(t *testing.T) {
		if _, err := OpenImport(context.Background(), half, "other.example/log", copyOptions()); !errors.Is(err, ErrOtherLog) {
			t.Errorf("opened for another origin: %v", err)
		}
	})
	t.Run("changed target", func(t *testing.T) {
		bad := copyDir(t, half)
		runSQL(t, bad, `UPDATE events SET statement = CAST(replace(CAST(statement AS TEXT), '"actor":"H02"', '"actor":"H03"') AS BLOB) WHERE position = 699`)
		if _, err := copyInto(t, from, bad, copyOptions()); err == nil {
			t.Error("a changed copy was continued")
		}
	})
}

func fillStore2(t testing.TB, s *Store) {
	t.Helper()
	for i := range 10 {
		if _, err := s.Append(context.Background(), events.Append{Stream: fmt.Sprintf("x/%d", i), Expected: -1, Actor: "a", Client: "c", Events: []events.New{{Name: "n.v1", Data: struct{}{}}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// What was destroyed is copied as destroyed.
func TestImportDestroyed(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	s := openTest(t, from, smallOptions())
	fillStore(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	runSQL(t, from, `UPDATE events SET salt = NULL, facts = NULL, segment = NULL, offset = NULL WHERE position IN (3, 300)`)
	if _, err := copyInto(t, from, to, copyOptions()); err != nil {
		t.Fatal(err)
	}
	sameRecord(t, from, to)
	gone := func(e events.Event) bool { return e.Position == 3 || e.Position == 300 }
	if r := verify(t, to, VerifyOptions{Key: logKey(), Destroyed: gone}); r.Problem != nil {
		t.Error(r.Problem)
	}
}
