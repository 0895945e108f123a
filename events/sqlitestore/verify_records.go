package sqlitestore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"iter"
	"os"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
)

// verifyMemory bounds what is kept of packages and evidence while a record is verified, in bytes: what is more lies in a temporary
// file. It is enough for half a million packages without one.
const verifyMemory = 64 << 20

// placed is where an event says that its package lies.
type placed struct {
	at       place
	length   int64
	position uint64
	sum      events.Digest
	covered  bool // by a decision to destroy it (verifier.gone)
}

const placedSize, placedMemory = 65, 80 // bytes in a file, and in memory

func newPlacedSorter(memory int) *sorter[placed] {
	return &sorter[placed]{
		most: max(1, memory/placedMemory), size: placedSize,
		put: func(b []byte, r placed) {
			for i, n := range [...]uint64{uint64(r.at.segment), uint64(r.at.offset), uint64(r.length), r.position} {
				binary.BigEndian.PutUint64(b[8*i:], n)
			}
			copy(b[32:], r.sum[:])
			b[64] = 0
			if r.covered {
				b[64] = 1
			}
		},
		get: func(b []byte) placed {
			n := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
			return placed{place{int64(n(0)), int64(n(1))}, int64(n(2)), n(3), events.Digest(b[32:64]), b[64] == 1}
		},
		compare: func(a, b placed) int {
			return cmp.Or(cmp.Compare(a.at.segment, b.at.segment), cmp.Compare(a.at.offset, b.at.offset), cmp.Compare(a.position, b.position))
		},
	}
}

// distinctPlaces are the packages in the order in which they lie, each once, by segment. Records must not overlap otherwise.
type distinctPlaces struct {
	sorter   *sorter[placed]
	file     *os.File // nil: they are in rows
	rows     []placed
	segments map[int64]sortedRun // of rows, or of bytes of file
}

// distinct drops the further events of a package already seen.
func (v *verifier) distinct() (*distinctPlaces, error) {
	d := &distinctPlaces{sorter: v.places, segments: map[int64]sortedRun{}}
	take := func(r placed) error { d.rows = append(d.rows, r); return nil }
	at := func() int64 { return int64(len(d.rows)) }
	flush := func() error { return nil }
	if v.places.file == nil {
		d.rows = v.places.rows[:0] // never overtakes what is read
	} else {
		var err error
		if d.file, err = unnamedFile(); err != nil {
			return nil, err
		}
		w := newRowWriter(v.places, d.file, 0)
		take, at = w.write, func() int64 { return w.at }
		flush = func() error { _, err := w.flush(); return err }
	}
	var last placed
	some := false
	end := func() error {
		if !some {
			return nil
		}
		s, begun := d.segments[last.at.segment]
		if !begun {
			s.from = at()
		}
		err := take(last)
		s.to = at()
		d.segments[last.at.segment] = s
		return err
	}
	for r, err := range v.places.sorted() {
		switch {
		case err != nil:
			return d, err
		case some && last.at == r.at && last.sum == r.sum && last.length == r.length:
			last.covered = last.covered || r.covered
			continue
		case some && last.at.segment == r.at.segment && last.at.offset+recordSize(last.length) > r.at.offset:
			return d, problem("package", "its place overlaps that of package %s of event %d", last.sum, last.position).
				at(r.position).of(r.sum).in(segmentDir+"/"+segmentName(r.at.segment), r.at.offset)
		}
		if err := end(); err != nil {
			return d, err
		}
		last, some = r, true
	}
	return d, errors.Join(end(), flush())
}

func (d *distinctPlaces) close() {
	if d.file != nil {
		_ = d.file.Close()
	}
}

// of gives the packages of a segment, with what destroys them.
func (d *distinctPlaces) of(segment int64, gone map[events.Digest]destruction.Mark) iter.Seq2[record, error] {
	run := d.segments[segment]
	with := func(p placed) record {
		r := record{at: p.at, length: p.length, position: p.position, sum: p.sum}
		if p.covered {
			m := gone[p.sum]
			r.mark = &m
		}
		return r
	}
	return func(yield func(record, error) bool) {
		if d.file == nil {
			for _, p := range d.rows[run.from:run.to] {
				if !yield(with(p), nil) {
					return
				}
			}
			return
		}
		next := d.sorter.readFrom(d.file, run)
		for n := (run.to - run.from) / placedSize; n > 0; n-- {
			p, err := next()
			if !yield(with(p), rowError(err)) || err != nil {
				return
			}
		}
	}
}

// naming is evidence that an event names.
type naming struct {
	sum      events.Digest
	position uint64
}

const namedSize, namedMemory = 40, 40

// namedEvidence is which evidence events name, and by which first. Most events name what was just named: that is not noted again.
type namedEvidence struct {
	*sorter[naming]
	seen map[events.Digest]struct{}
	most int // of seen
}

func newNamedEvidence(memory int) *namedEvidence {
	return &namedEvidence{
		seen: map[events.Digest]struct{}{}, most: max(1, memory/2/100),
		sorter: &sorter[naming]{
			most: max(1, memory/2/namedMemory), size: namedSize,
			put: func(b []byte, r naming) { copy(b, r.sum[:]); binary.BigEndian.PutUint64(b[32:], r.position) },
			get: func(b []byte) naming { return naming{events.Digest(b[:32]), binary.BigEndian.Uint64(b[32:])} },
			compare: func(a, b naming) int {
				return cmp.Or(bytes.Compare(a.sum[:], b.sum[:]), cmp.Compare(a.position, b.position))
			},
		},
	}
}

func (n *namedEvidence) note(sum events.Digest, position uint64) error {
	if _, known := n.seen[sum]; known {
		return nil
	}
	if len(n.seen) >= n.most {
		clear(n.seen)
	}
	n.seen[sum] = struct{}{}
	return n.add(naming{sum, position})
}

// first gives each once, in order of its digest, with the first event that names it.
func (n *namedEvidence) first() iter.Seq2[naming, error] {
	return func(yield func(naming, error) bool) {
		var last events.Digest
		some := false
		for r, err := range n.sorted() {
			if err == nil && some && r.sum == last {
				continue
			}
			last, some = r.sum, true
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
