package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// forged is a package in memory for the store, which does not judge signatures.
type forged struct{ *bytes.Reader }

func (f forged) Size() int64 { return f.Reader.Size() }
func (f forged) Digest() events.Digest {
	b := make([]byte, f.Reader.Size())
	if _, err := f.Reader.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		panic(err)
	}
	return events.Sum(b)
}

// TestTamper changes copies of a real node's data in every way that somebody with the disk has, and some that only
// somebody with the node's keys has. Each time tram verify must end with 1 and say where.
func TestTamper(t *testing.T) {
	s := testSite(t)
	var got []taken
	for i := range 6 {
		g, err := s.one(t.Context(), i, bytes.Repeat([]byte("báo cáo "), 100+i*5000)) // small ones, and ones beyond a group
		must(t, err)
		got = append(got, g)
	}
	must(t, s.stop())
	short := filepath.Join(t.TempDir(), "short")
	must(t, os.CopyFS(short, os.DirFS(s.data())))
	must(t, s.start(t.Context()))
	for i := range 3 {
		g, err := s.one(t.Context(), i, []byte("x"))
		must(t, err)
		got = append(got, g)
	}
	last := got[len(got)-1]
	must(t, s.stop())
	s.proved(t, last.receipt)
	_, checkpoint, _ := bytes.Cut(last.receipt, []byte("\n\n"))
	kept := filepath.Join(t.TempDir(), "checkpoint")
	must(t, os.WriteFile(kept, checkpoint, 0o600))
	first := int64(got[0].position)

	change := func(query string, args ...any) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, "events.db"))
			must(t, err)
			defer db.Close()
			for q := range strings.SplitSeq(query, ";") {
				r, err := db.ExecContext(t.Context(), q, args...)
				must(t, err)
				if n, err := r.RowsAffected(); err != nil || n == 0 {
					t.Fatalf("%s changed nothing (%v)", q, err)
				}
			}
		}
	}
	// The byte in the middle of a value, one bit over.
	flipBlob := func(table, column, where string, args ...any) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, "events.db"))
			must(t, err)
			defer db.Close()
			var b []byte
			must(t, db.QueryRowContext(t.Context(), "SELECT "+column+" FROM "+table+" WHERE "+where, args...).Scan(&b))
			was := bytes.Clone(b)
			b[len(b)/2] ^= 1
			_, err = db.ExecContext(t.Context(), "UPDATE "+table+" SET "+column+" = ? WHERE "+column+" = ?", b, was)
			must(t, err)
		}
	}
	segment := func(offset func(b []byte) int) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			file := filepath.Join(dir, "packages", "00000001.seg")
			b, err := os.ReadFile(file)
			must(t, err)
			b[offset(b)] ^= 1
			must(t, os.WriteFile(file, b, 0o600))
		}
	}
	inside := func(g taken) func([]byte) int {
		return func(b []byte) int {
			i := bytes.Index(b, g.body)
			if i < 0 {
				t.Fatalf("package %s is not in the segment", g.sum)
			}
			return i + len(g.body)/2
		}
	}
	cases := []struct {
		name   string
		change func(*testing.T, string)
		kinds  string // that may be named, separated by blanks
		at     int64  // position that must be named; -1: any or none
	}{
		{"statement", flipBlob("events", "statement", "position = ?", first), "event tree position version", first},
		{"statement that still reads as one, in the last tile", func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, "events.db"))
			must(t, err)
			defer db.Close()
			var b []byte
			must(t, db.QueryRowContext(t.Context(), "SELECT statement FROM events WHERE position = ?", first).Scan(&b))
			digit := &b[len(b)-len(`"}`)-1] // of the nonce
			*digit = map[bool]byte{true: '1', false: '0'}[*digit == '0']
			_, err = db.ExecContext(t.Context(), "UPDATE events SET statement = ? WHERE position = ?", b, first)
			must(t, err)
		}, "head checkpoint", first},
		{"facts", flipBlob("events", "facts", "position = ?", first), "facts", first},
		{"salt", flipBlob("events", "salt", "position = ?", first), "facts", first},
		{"place of a package", change("UPDATE events SET offset = offset + 64 WHERE position = ?", first), "package segment event", first},
		{"stream index", change("INSERT INTO streams SELECT 'document/other', 0, ?", first), "index", -1},
		{"package index", change("INSERT INTO packages SELECT zeroblob(32), ?", first), "index", -1},
		{"evidence", flipBlob("evidence", "bytes", "1 LIMIT 1"), "evidence", -1},
		{"evidence removed", change("DELETE FROM evidence WHERE sha256 = (SELECT sha256 FROM evidence LIMIT 1)"), "evidence", -1},
		{"root", flipBlob("log", "root", "id = 1"), "log head", -1},
		{"checkpoint", flipBlob("log", "checkpoint", "id = 1"), "log head", -1},
		{"size", change("UPDATE log SET size = size - 1"), "log head", -1},
		{"event removed", change("DELETE FROM events WHERE position = ?", first), "position event", -1},
		{"last event removed", change("DELETE FROM events WHERE position = (SELECT max(position) FROM events)"), "position event head log tree", -1},
		{"event added", change("INSERT INTO events SELECT max(position) + 1, (SELECT statement FROM events WHERE position = 3), NULL, NULL, NULL, NULL FROM events"), "position event head log tree version facts", -1},
		{"events swapped", func(t *testing.T, dir string) {
			change("UPDATE events SET position = -1 WHERE position = ?; UPDATE events SET position = ?1 WHERE position = ?1 + 1; UPDATE events SET position = ?1 + 1 WHERE position = -1", first)(t, dir)
		}, "position event tree version index", -1},
		{"byte of a package", segment(inside(got[1])), "package", int64(got[1].position)},
		{"byte of a large package", segment(inside(got[5])), "package", int64(got[5].position)},
		{"byte of a record's header", segment(func(b []byte) int { return inside(got[1])(b) - len(got[1].body)/2 - 20 }), "package segment", int64(got[1].position)},
		{"segment removed", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "packages", "00000001.seg")))
		}, "package segment", -1},
		{"format", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "format"), []byte("tram store 2\n"), 0o600))
		}, "format", -1},
		{"event inserted", func(t *testing.T, dir string) {
			change("UPDATE events SET position = -position WHERE position > ?; UPDATE events SET position = 1 - position WHERE position < 0;"+
				"INSERT INTO events SELECT position + 1, statement, salt, facts, segment, offset FROM events WHERE position = ?1", first)(t, dir)
		}, "position event tree version index", -1},
		{"row of a register", func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, "views.db"))
			must(t, err)
			defer db.Close()
			r, err := db.ExecContext(t.Context(), "DELETE FROM delivery WHERE rowid = (SELECT min(rowid) FROM delivery)")
			must(t, err)
			if n, err := r.RowsAffected(); err != nil || n != 1 {
				t.Fatalf("%d rows changed (%v)", n, err)
			}
		}, "views", -1},
		{"published checkpoint", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "log", "checkpoint"), 100))
		}, "published", -1},
		{"signed by nobody", s.acceptForged(t, got[0], func(b []byte) []byte {
			// An insider with the node's keys records a document that its sender never signed: all seals are good.
			return bytes.Replace(b, []byte("<edXML:Subject>"), []byte("<edXML:Subject>Khẩn: "), 1)
		}), "signature", -1},
		{"offered to somebody else", s.recordForged(t, func(store *sqlitestore.Store) events.Append {
			// … or hands a document to an agency it was not sent to.
			var a events.Append
			must(t, store.All(t.Context(), 0, func(e events.Event) error {
				var d delivery.Offered
				if e.Statement.Name == delivery.NameOffered && json.Unmarshal(e.Statement.Data, &d) == nil {
					d.Org = d.From
					a = events.Append{Stream: delivery.Stream(d.Item, d.ItemID, d.Org), Expected: -1, Actor: "node", Client: "node", Cause: e.Statement.Cause,
						Basis: e.Statement.Basis, Events: []events.New{{Name: delivery.NameOffered, Data: d}}}
				}
				return nil
			}))
			return a
		}), "rules", -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			must(t, os.CopyFS(dir, os.DirFS(s.data())))
			c.change(t, dir)
			code, a := verifyJSON(t, dir, "--key", s.keyFile())
			if code != 1 || a.OK || a.Error == nil {
				t.Fatalf("tram verify ended with %d: %+v", code, a)
			}
			if !strings.Contains(" "+c.kinds+" ", " "+strings.Fields(a.Error.Kind)[0]+" ") {
				t.Errorf("kind is %q, want one of %q: %s", a.Error.Kind, c.kinds, a.Error.Reason)
			}
			if c.at >= 0 && (a.Error.Position == nil || *a.Error.Position != uint64(c.at)) {
				t.Errorf("position is %v, want %d: %s", a.Error.Position, c.at, a.Error.Reason)
			}
			if a.Error.Position == nil && a.Error.File == "" && a.Error.Package == nil {
				t.Errorf("it does not say where: %+v", a.Error)
			}
			t.Logf("%s: %s", a.Error.Kind, a.Error.Reason)
		})
	}

	// A tail cut off together with its head is a good record: only a checkpoint from before shows it.
	t.Run("cut tail", func(t *testing.T) {
		if code, a := verifyJSON(t, short, "--key", s.keyFile()); code != 0 || len(a.Unproved) == 0 {
			t.Errorf("without a checkpoint: ended with %d, unproved %q, want 0 and a word about it", code, a.Unproved)
		}
		code, a := verifyJSON(t, short, "--key", s.keyFile(), "--checkpoint", kept)
		if code != 1 || a.Error == nil || a.Error.Kind != "older checkpoint" {
			t.Errorf("with a checkpoint: ended with %d: %+v", code, a.Error)
		}
	})
	t.Run("other key", func(t *testing.T) {
		other := testSite(t)
		if code, a := verifyJSON(t, s.data(), "--key", other.keyFile()); code != 1 || a.Error == nil {
			t.Errorf("ended with %d: %+v", code, a.Error)
		}
	})
}

// recordForged appends what no decider gave, with the node's own keys: tree and signatures are right.
func (s *benchSite) recordForged(t *testing.T, f func(*sqlitestore.Store) events.Append) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		c := *s.config
		c.Data = dir
		store := s.openStore(t, &c)
		defer store.Close()
		_, err := store.Append(t.Context(), f(store))
		must(t, err)
	}
}

// acceptForged records a changed package as if it had been accepted, with the node's own keys and the evidence of a good one.
func (s *benchSite) acceptForged(t *testing.T, g taken, change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		body := change(g.body)
		if bytes.Equal(body, g.body) {
			t.Fatal("nothing was changed")
		}
		c := *s.config
		c.Data = dir
		store := s.openStore(t, &c)
		defer store.Close()
		e, err := store.Event(t.Context(), g.position)
		must(t, err)
		evidence, err := store.Evidence(t.Context(), *e.Statement.Evidence)
		must(t, err)
		_, err = store.Append(t.Context(), events.Append{
			Stream: e.Statement.Stream + "0", Expected: -1, Actor: e.Statement.Actor, Client: e.Statement.Client, Basis: e.Statement.Basis,
			Package: forged{bytes.NewReader(body)}, Evidence: evidence,
			Events: []events.New{{Name: e.Statement.Name, Data: e.Statement.Data, Facts: json.RawMessage(e.Facts)}},
		})
		must(t, err)
	}
}
