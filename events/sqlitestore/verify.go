package sqlitestore

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// VerifyOptions say what a verification can lean on beside the folder itself.
type VerifyOptions struct {
	Origin     string      // expected origin line; empty: what the store says
	Key        *ledger.Key // whoever signs the heads: the log's verifier key or the node certificate; nil: not proved
	Checkpoint []byte      // a checkpoint kept from earlier, which the record must contain; nil: not proved
	Workers    int         // how many segments are read, and events judged, at a time; 0: GOMAXPROCS

	// Event is called for each event from From on, several at a time and in no order, after everything else has been found
	// good: the place to verify signatures as of acceptance. What it gives, if not nil, is called in order of position, one at
	// a time: the place for what depends on the events before.
	Event func(e events.Event, stored Stored) (then func() error, err error)

	// Judged is told after each few events how many of how many were taken in order; head is the tree over them.
	Judged func(done, size uint64, head func() ledger.Head)

	// Earlier is a head that an earlier verification came to: the record must have had the same root at that size.
	Earlier *ledger.Head

	// Problems is how many bad things are looked for before it ends; 0: one. Beyond the first only those are named that
	// do not follow from one before.
	Problems int

	// Destroyed says of what else than the record's own decisions cover that it was lawfully destroyed. nil: nothing was.
	Destroyed func(e events.Event) bool

	// Entries are entries from a position on, as they were published (a multiple of 256; nil: not known). They are not believed, and
	// only asked when a root is wrong and the record itself can't tell where: in its last, unfinished tile.
	Entries func(from uint64) []events.Digest

	vfs    string
	memory int // bytes for what is kept of packages and evidence; 0: verifyMemory
}

// VerifyReport says what was found. The record is good if Problem is nil; Unproved then says what that leaves open.
type VerifyReport struct {
	Origin       string
	Events       uint64
	Packages     uint64 // distinct, each read and hashed
	PackageBytes int64
	Evidence     uint64 // distinct
	Size         uint64
	Root         events.Digest
	SignedSize   uint64            // size of the stored signed head
	Log          logbook.State     // what the log says of itself: its keys, the lost log that it goes on from
	Destroyed    destruction.State // what the record itself says was decided and done
	FactsGone    uint64            // events whose facts were destroyed under one of these decisions
	PackagesGone uint64            // distinct packages whose bytes were
	Unreferenced []Stretch
	Unproved     []bilingual.Text
	Problem      *Problem   // the first bad thing
	Problems     []*Problem // all that were looked for, the first too
}

// Stretch is bytes of a segment that are not zero and that no event refers to: left behind by appends that
// were refused or cut off. They are no error.
type Stretch struct {
	File   string
	Offset int64
	Length int64
}

// Problem is one bad thing and where it is.
type Problem struct {
	Kind     string         // format, database, log, event, position, version, index, facts, evidence, package, segment, tree, head, checkpoint, older checkpoint, earlier verification, signature
	Position *uint64        // of the event, if it is about one
	Package  *events.Digest // if it is about one
	File     string         // relative to the folder
	Offset   int64          // in File, or -1
	Reason   string
}

func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", p.Kind, p.Reason)
	if p.Position != nil {
		fmt.Fprintf(&b, "; position %d", *p.Position)
	}
	if p.Package != nil {
		fmt.Fprintf(&b, "; package %s", p.Package)
	}
	if p.File != "" {
		fmt.Fprintf(&b, "; file %s", p.File)
	}
	if p.Offset >= 0 {
		fmt.Fprintf(&b, ", offset %d", p.Offset)
	}
	return b.String()
}

func problem(kind, format string, args ...any) *Problem {
	return &Problem{Kind: kind, Offset: -1, File: dbName, Reason: fmt.Errorf(format, args...).Error()}
}

func (p *Problem) at(position uint64) *Problem { p.Position = &position; return p }
func (p *Problem) of(pkg events.Digest) *Problem {
	p.Package = &pkg
	return p
}
func (p *Problem) in(file string, offset int64) *Problem { p.File, p.Offset = file, offset; return p }

// Verify reads everything in the folder again and compares it with everything it must agree with. It only reads,
// takes no lock, and works while a node has the store open: it then judges the record as of its start.
//
// progress, if not nil, is told from one goroutine how many of about how many bytes are done.
//
// An error means that the verification could not be done (e.g. ctx ended), not that something is wrong: that is
// VerifyReport.Problem.
//
// Memory: 64 MiB for what is kept of packages and evidence, whatever the size of the record (more goes to a temporary file, 65 bytes for each
// package), what decisions destroy, and a few batches of events.
func Verify(ctx context.Context, dir string, opts VerifyOptions, progress func(done, total int64)) (VerifyReport, error) {
	if _, err := os.Stat(dir); err != nil {
		return VerifyReport{}, fmt.Errorf("couldn't verify %s: %w", dir, err)
	}
	if opts.Workers == 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	memory := cmp.Or(opts.memory, verifyMemory)
	v := &verifier{ctx: ctx, dir: dir, opts: opts, meter: meter{report: progress}, places: newPlacedSorter(memory * 3 / 4), evidence: newNamedEvidence(memory / 4)}
	defer v.places.close()
	defer v.evidence.close()
	_, err := rand.Read(v.key[:])
	if err == nil {
		err = v.run()
	}
	var p *Problem
	if errors.As(err, &p) {
		if !slices.Contains(v.report.Problems, p) {
			v.report.Problems = append(v.report.Problems, p)
		}
		err = nil
	}
	if len(v.report.Problems) > 0 {
		v.report.Problem = v.report.Problems[0]
	}
	switch {
	case ctx.Err() != nil:
		return v.report, ctx.Err()
	case err != nil:
		return v.report, fmt.Errorf("couldn't verify %s: %w", dir, err)
	}
	return v.report, nil
}

// found takes a bad thing that does not hinder what follows. It gives it back if no more are looked for.
func (v *verifier) found(p *Problem) error {
	v.report.Problems = append(v.report.Problems, p)
	if len(v.report.Problems) < v.opts.Problems {
		return nil
	}
	return p
}

// named says whether something bad was found at a position.
func (v *verifier) named(position uint64) bool {
	return slices.ContainsFunc(v.report.Problems, func(p *Problem) bool { return p.Position != nil && *p.Position == position })
}

// meter counts bytes done.
type meter struct {
	report      func(done, total int64)
	done, total int64
}

func (m *meter) add(n int64) {
	m.done += n
	if m.report != nil {
		m.report(min(m.done, m.total), m.total)
	}
}

type verifier struct {
	ctx    context.Context
	dir    string
	opts   VerifyOptions
	report VerifyReport
	meter  meter
	key    [32]byte // random: nobody can make two different sets with one sum

	db       *conn
	row      logRow
	signed   ledger.Head // the stored checkpoint, if any
	older    ledger.Head // the one given
	earlier  ledger.Head // what an earlier verification came to
	evidence *namedEvidence
	places   *sorter[placed]
	dbBytes  int64 // of the meter, spread over the events

	streams, packages setSum // what the indexes must hold, from the events
	tail              map[string]uint64

	decided   *destruction.Index
	undecided error                              // why that could not be read
	gone      map[events.Digest]destruction.Mark // packages that a decision covers
}

// record is a package where it lies.
type record struct {
	at       place
	length   int64
	position uint64
	sum      events.Digest
	mark     *destruction.Mark // nil: no decision covers it
	wiped    bool              // found destroyed
}

func (v *verifier) run() error {
	if err := v.openAll(); err != nil {
		return err
	}
	err := v.database()
	if e := v.db.close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := v.segments(); err != nil {
		return err
	}
	return v.hook()
}

// openAll opens the database and counts the bytes to read.
func (v *verifier) openAll() error {
	b, err := os.ReadFile(filepath.Join(v.dir, "format"))
	if errors.Is(err, fs.ErrNotExist) {
		return problem("format", "file format is missing").in("format", -1)
	}
	if err != nil {
		return err
	}
	if string(b) != formatLine {
		return problem("format", "format %q, this program knows %q", b, formatLine).in("format", 0)
	}
	path := filepath.Join(v.dir, dbName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return problem("database", "file is missing")
	}
	if err != nil {
		return err
	}
	v.dbBytes = info.Size()
	v.meter.total = v.dbBytes
	segments, err := filepath.Glob(filepath.Join(v.dir, segmentDir, "*.seg"))
	if err != nil {
		return err
	}
	for _, s := range segments {
		if info, err := os.Stat(s); err == nil {
			v.meter.total += info.Size()
		}
	}
	v.db, err = openConn(path, "ro", v.opts.vfs, "busy_timeout(10000)", "cache_size(-65536)", "query_only(on)", "trusted_schema(off)")
	if err != nil {
		return problem("database", "%w", err)
	}
	return nil
}

// database checks everything in the database, in one snapshot.
func (v *verifier) database() error {
	if _, err := v.db.exec(`BEGIN`); err != nil {
		return problem("database", "couldn't begin reading: %w", err)
	}
	for _, step := range []func() error{
		v.integrity, v.schema, v.logRow, v.checkpoints, v.destructions, v.eventRows, v.destructionsRead, v.streamIndex, v.packageIndex, v.evidenceRows,
	} {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			var p *Problem
			if !errors.As(err, &p) && v.ctx.Err() == nil && !errors.Is(err, errHook) {
				p = problem("database", "%w", err) // SQLite says the file is damaged
				err = p
			}
			return err
		}
	}
	_, err := v.db.exec(`COMMIT`)
	return err
}

var errHook = errors.New("caller's own error")

func (v *verifier) integrity() error {
	var c [1]driver.Value
	return v.db.query(c[:], func() error {
		if c[0] != "ok" {
			return problem("database", "SQLite's integrity check says: %v", c[0])
		}
		return nil
	}, `PRAGMA integrity_check(1)`)
}

// schema compares the tables with those this program makes: an index or trigger of another's hand is a change.
func (v *verifier) schema() error {
	if err := checkFormat(v.db); err != nil {
		return problem("database", "%w", err)
	}
	mem, err := openConn(":memory:", "memory", "")
	if err != nil {
		return err
	}
	defer mem.close()
	if err := mem.script(schema); err != nil {
		return err
	}
	got, err := schemaText(v.db)
	if err != nil {
		return err
	}
	want, err := schemaText(mem)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return problem("database", "tables are %q, expected %q", got, want)
	}
	return nil
}

func schemaText(c *conn) (out []string, err error) {
	var v [3]driver.Value
	err = c.query(v[:], func() error {
		out = append(out, fmt.Sprint(v[0], " ", v[1], " ", v[2]))
		return nil
	}, `SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name`)
	return out, err
}

func (v *verifier) logRow() error {
	var n [2]driver.Value
	if _, err := v.db.one(n[:], `SELECT count(*), sum(id) FROM log`); err != nil {
		return err
	}
	if n[0] != int64(1) || n[1] != int64(1) {
		return problem("log", "table log has %v rows, expected 1", n[0])
	}
	row, err := readLog(v.db)
	if err != nil {
		return problem("log", "%w", err)
	}
	v.row = row
	v.report.Origin, v.report.Size, v.report.Root = row.origin, row.size, row.root
	if v.opts.Origin != "" && row.origin != v.opts.Origin {
		return problem("log", "origin %q, expected %q", row.origin, v.opts.Origin)
	}
	if row.end.offset != align(row.end.offset, blockSize) {
		return problem("log", "end of segments %d is not a multiple of %d", row.end.offset, blockSize)
	}
	return nil
}

// checkpoints reads the stored and the given checkpoint and checks who signed them. Their roots are compared when
// the tree has grown to their sizes.
func (v *verifier) checkpoints() error {
	v.signed.Size, v.older.Size, v.earlier.Size = math.MaxUint64, math.MaxUint64, math.MaxUint64
	if v.opts.Earlier != nil {
		v.earlier = *v.opts.Earlier
		if v.earlier.Origin != v.row.origin || v.earlier.Size > v.row.size {
			return problem("earlier verification", "it was of %q and size %d, the log is %q and has size %d", v.earlier.Origin, v.earlier.Size, v.row.origin, v.row.size)
		}
	}
	if v.opts.Key == nil {
		v.unproved(bilingual.Say("ai đã ký các đầu sổ: không có khóa để đối chiếu", "who signed the heads: no key was given"))
	}
	if len(v.row.checkpoint) == 0 {
		v.unproved(bilingual.Say("rằng đầu sổ đã được ký: chưa lưu đầu sổ nào có chữ ký", "that the head was ever signed: no signed head is stored yet"))
	} else {
		h, err := v.open(v.row.checkpoint, "checkpoint")
		if err != nil {
			return err
		}
		if h.Size > v.row.size {
			return problem("checkpoint", "signed for size %d, the log has %d: events are missing", h.Size, v.row.size)
		}
		if h.Size < v.row.size {
			v.unproved(bilingual.Say("%d sự kiện cuối bằng chữ ký: đầu sổ đã ký có %d sự kiện, sổ có %d",
				"the last %d events by a signature: the stored signed head has size %d, the log %d", v.row.size-h.Size, h.Size, v.row.size))
		}
		v.signed, v.report.SignedSize = h, h.Size
	}
	if v.opts.Checkpoint == nil {
		v.unproved(bilingual.Say("rằng không có sự kiện nào bị cắt ở cuối và sổ không bị viết lại toàn bộ: không có mốc cũ để so",
			"that no events were cut off at the end or all rewritten: no older checkpoint was given"))
		return nil
	}
	h, err := v.open(v.opts.Checkpoint, "older checkpoint")
	if err != nil {
		return err
	}
	if h.Size > v.row.size {
		return problem("older checkpoint", "it was signed for size %d, the log has %d: events were cut off", h.Size, v.row.size)
	}
	v.older = h
	return nil
}

// destructions reads which content the record says was destroyed, for missing is a fault without that. What is wrong with the
// events themselves is for eventRows to find, which knows where to point; only what it does not find is said afterwards.
func (v *verifier) destructions() error {
	r := &Reader{dir: v.dir, db: v.db, row: v.row, head: events.Head{Size: v.row.size}}
	s, err := destruction.Load(v.ctx, r)
	v.report.Destroyed, v.decided, v.gone, v.undecided = s, s.Index(), map[events.Digest]destruction.Mark{}, err
	return nil
}

func (v *verifier) destructionsRead() error {
	if v.undecided != nil {
		return problem("event", "%w", v.undecided)
	}
	return nil
}

// open reads a checkpoint. What log keys say of it is looked at when all events are read (keys): they follow each other by
// events.
func (v *verifier) open(checkpoint []byte, kind string) (h ledger.Head, err error) {
	if v.opts.Key == nil || len(v.opts.Key.Chains()) > 0 {
		if h, err = ledger.ReadCheckpoint(checkpoint); err == nil && h.Origin != v.row.origin {
			err = fmt.Errorf("origin %q, expected %q", h.Origin, v.row.origin)
		}
	} else {
		if _, err := v.opts.Key.Verifiers(v.row.origin); err != nil {
			return h, fmt.Errorf("couldn't use key: %w", errors.Join(errHook, err))
		}
		h, err = v.opts.Key.Open(checkpoint, v.row.origin)
	}
	if err != nil {
		return h, problem(kind, "%w", err)
	}
	return h, nil
}

func (v *verifier) unproved(what bilingual.Text) { v.report.Unproved = append(v.report.Unproved, what) }

// setSum is a sum over a set that does not depend on the order. The random key keeps anyone from making two sets
// with one sum.
type setSum [4]uint64

func (s *setSum) add(h [32]byte) {
	for i := range s {
		s[i] += binary.LittleEndian.Uint64(h[8*i:])
	}
}

func (v *verifier) hashEntry(key []byte, a, b uint64) [32]byte {
	buf := make([]byte, 0, 160)
	buf = append(buf, v.key[:]...)
	buf = binary.LittleEndian.AppendUint64(buf, a)
	buf = binary.LittleEndian.AppendUint64(buf, b)
	buf = append(buf, key...)
	return sha256.Sum256(buf)
}
