package sqlitestore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
)

// segments reads every segment from its first byte to its last, hashes the records that events refer to and reports
// what else is there.
func (v *verifier) segments() error {
	places, err := v.distinct()
	if places != nil {
		defer places.close()
	}
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for n := int64(1); n <= v.row.end.segment; n++ {
		known[segmentName(n)] = true
	}
	entries, err := os.ReadDir(filepath.Join(v.dir, segmentDir))
	if err != nil {
		return problem("segment", "%w", err).in(segmentDir, -1)
	}
	for _, e := range entries {
		// A segment of a later number is one that a running node has begun meanwhile, or one that was begun when a
		// process ended: nothing refers to it.
		if info, err := e.Info(); err == nil && !known[e.Name()] {
			v.report.Unreferenced = append(v.report.Unreferenced, Stretch{segmentDir + "/" + e.Name(), 0, info.Size()})
		}
	}

	ctx, cancel := context.WithCancelCause(v.ctx)
	defer cancel(nil)
	jobs := make(chan *segmentWalk)
	var walks []*segmentWalk
	progress := make(chan int64, 64)
	var wg sync.WaitGroup
	for range v.opts.Workers {
		wg.Go(func() {
			for w := range jobs {
				if w.err = w.run(ctx, progress); w.err != nil {
					cancel(w.err)
				}
			}
		})
	}
	go func() {
		for n := int64(1); n <= v.row.end.segment; n++ {
			w := &segmentWalk{dir: v.dir, number: n, records: places.of(n, v.gone), end: -1, gone: v.gone}
			if n == v.row.end.segment {
				w.end = v.row.end.offset
			}
			walks = append(walks, w)
			jobs <- w
		}
		close(jobs)
		wg.Wait()
		close(progress)
	}()
	for n := range progress {
		v.meter.add(n)
	}
	var kept uint64           // that a decision covers, and that are still there: nobody has carried it out yet
	for _, w := range walks { // the first bad thing in order of segments, whoever was fastest
		if w.err != nil && !errors.Is(w.err, context.Canceled) {
			return w.err
		}
		v.report.Unreferenced = append(v.report.Unreferenced, w.unreferenced...)
		v.report.Packages += w.read - w.destroyed
		kept += w.kept
		v.report.PackageBytes += w.bytes
	}
	v.report.PackagesGone = uint64(len(v.gone)) - kept
	return v.ctx.Err()
}

// segmentWalk reads one segment.
type segmentWalk struct {
	dir     string
	number  int64
	records iter.Seq2[record, error]
	end     int64 // first free byte of the last segment; -1: not the last

	gone map[events.Digest]destruction.Mark

	f            *os.File
	name         string
	read         uint64 // records
	destroyed    uint64 // those whose bytes are gone
	kept         uint64 // those that are to be destroyed and are still there
	tombs        []tomb
	buf          []byte
	bytes        int64
	unreferenced []Stretch
	err          error
	tell         func(int64)
}

func (w *segmentWalk) run(ctx context.Context, progress chan<- int64) error {
	w.name = segmentDir + "/" + segmentName(w.number)
	w.buf = make([]byte, 1<<20)
	w.tell = func(n int64) { progress <- n }
	var err error
	w.f, err = os.Open(filepath.Join(w.dir, w.name))
	if errors.Is(err, fs.ErrNotExist) {
		return w.problem("file is missing", 0)
	}
	if err != nil {
		return err
	}
	defer w.f.Close()
	info, err := w.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < w.end {
		return w.problem(fmt.Sprintf("file has %d bytes, %d were written", info.Size(), w.end), info.Size())
	}
	at := int64(0)
	for r, err := range w.records {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if err := w.gap(ctx, at, r.at.offset); err != nil {
			return err
		}
		if err := w.record(&r); err != nil {
			return err
		}
		if w.read++; r.mark != nil && !r.wiped {
			w.kept++
		}
		at = r.at.offset + recordSize(r.length)
		if !r.wiped {
			w.bytes += r.length
		}
	}
	to := info.Size()
	if w.end >= 0 {
		to = w.end // a running node may be writing behind it
	}
	if err := w.gap(ctx, at, to); err != nil {
		return err
	}
	w.tell(max(0, info.Size()-max(at, to)))
	return nil
}

func (w *segmentWalk) problem(reason string, offset int64) *Problem {
	p := problem("segment", "%s", reason).in(w.name, offset)
	for r, err := range w.records {
		if err == nil {
			p.at(r.position)
		}
		break
	}
	return p
}

// record hashes one record, with its header and padding.
func (w *segmentWalk) record(r *record) error {
	bad := func(offset int64, format string, args ...any) error {
		return problem("package", format, args...).at(r.position).of(r.sum).in(w.name, offset)
	}
	var header [recordHeader]byte
	if _, err := w.f.ReadAt(header[:], r.at.offset); err != nil {
		return bad(r.at.offset, "couldn't read its record: %w", err)
	}
	length, err := headerLength(header[:], r.sum)
	switch {
	case errors.Is(err, events.ErrDestroyed) && r.mark == nil:
		return bad(r.at.offset, "it is destroyed and no decision to destroy it is known")
	case errors.Is(err, events.ErrDestroyed):
		r.wiped = true
		w.destroyed++
	case err != nil:
		return bad(r.at.offset, "%w", err)
	case r.mark != nil && r.mark.Executed:
		return bad(r.at.offset, "its bytes are still there, they were destroyed by %s", markText(*r.mark))
	}
	if length != r.length {
		return bad(r.at.offset, "record length %d, the statement says %d", length, r.length)
	}
	h := sha256.New()
	from := r.at.offset + recordHeader
	for rest := r.length; rest > 0; {
		n, err := w.f.ReadAt(w.buf[:min(rest, int64(len(w.buf)))], from)
		h.Write(w.buf[:n])
		if r.wiped && r.mark.Executed && !allZero(w.buf[:n]) {
			return bad(from, "some of its bytes are still there, they were destroyed by %s", markText(*r.mark))
		}
		from, rest = from+int64(n), rest-int64(n)
		w.tell(int64(n))
		if err != nil && rest > 0 {
			return bad(from, "couldn't read it to its end: %w", err)
		}
	}
	if got := events.Digest(h.Sum(nil)); got != r.sum && !r.wiped {
		return bad(r.at.offset+recordHeader, "its bytes hash to %s", got)
	}
	// The last padding may be missing in a file that ends here.
	pad := w.buf[:r.at.offset+recordSize(r.length)-from]
	n, err := w.f.ReadAt(pad, from)
	if err != nil && err != io.EOF {
		return err
	}
	for i, b := range pad[:n] {
		if b != 0 {
			return bad(from+int64(i), "byte %#x in the padding of its record, expected 0", b)
		}
	}
	w.tell(recordHeader + int64(len(pad)))
	return nil
}

// gap reports what stands between records.
func (w *segmentWalk) gap(ctx context.Context, from, to int64) error {
	var open *Stretch
	for from < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := w.f.ReadAt(w.buf[:min(to-from, int64(len(w.buf)))], from)
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 {
			break
		}
		if err := w.strays(n, from); err != nil {
			return err
		}
		for i := 0; i < n; i += blockSize {
			if allZero(w.buf[i:min(i+blockSize, n)]) {
				open = nil
				continue
			}
			if bad := w.leftOver(from+int64(i), w.buf[i:min(i+blockSize, n)]); bad != nil {
				return bad
			}
			if open == nil {
				w.unreferenced = append(w.unreferenced, Stretch{w.name, from + int64(i), 0})
				open = &w.unreferenced[len(w.unreferenced)-1]
			}
			open.Length += int64(min(i+blockSize, n) - i)
		}
		w.tell(int64(n))
		from += int64(n)
	}
	return nil
}

// strays looks in the buffer for records of destroyed packages. What was destroyed is no stretch that somebody left behind; what
// should be is a fault, wherever it lies.
func (w *segmentWalk) strays(n int, from int64) error {
	if len(w.gone) == 0 {
		return nil
	}
	for i := 0; i+recordHeader <= n; i += recordAlign {
		header := w.buf[i : i+recordHeader]
		if mark := string(header[:len(recordMark)]); mark != recordMark && mark != destroyedMark {
			continue
		}
		sum := events.Digest(header[16:])
		m, covered := w.gone[sum]
		if !covered {
			continue
		}
		if string(header[:len(recordMark)]) == destroyedMark {
			if m.Executed {
				start := from + int64(i) + recordHeader
				w.tombs = append(w.tombs, tomb{start, start + int64(binary.BigEndian.Uint64(header[8:])), sum, m})
			}
			clear(header)
		} else if m.Executed {
			return problem("package", "its bytes are still there, they were destroyed by %s", markText(m)).of(sum).in(w.name, from+int64(i))
		}
	}
	return nil
}

// tomb is where a package lay that is gone.
type tomb struct {
	from, to int64
	sum      events.Digest
	mark     destruction.Mark
}

// leftOver looks for bytes of a destroyed package in a block that is not all zeros.
func (w *segmentWalk) leftOver(at int64, block []byte) error {
	for _, t := range w.tombs {
		from, to := max(t.from, at), min(t.to, at+int64(len(block)))
		if from < to && !allZero(block[from-at:to-at]) {
			return problem("package", "some of its bytes are still there, they were destroyed by %s", markText(t.mark)).of(t.sum).in(w.name, from)
		}
	}
	return nil
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
