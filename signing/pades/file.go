package pades

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/signing"
)

// file is a PDF whose cross-references have been followed.
type file struct {
	ctx       context.Context
	src       signing.Source
	size      int64
	base      int64 // of "%PDF-", from which offsets count
	lim       Limits
	sections  []section  // newest first
	revisions []revision // newest first
	packed    map[place]*packed
	work      *work
}

// work counts what was done against the limits, over all views of one file.
type work struct {
	objects int
	decoded int64
	parsed  int64
}

// maxParsed bounds the octets that are read to parse objects: forged files could have each object end late.
const maxParsed = 128 << 20

func (w *work) read(n int64) error {
	if w == nil {
		return nil
	}
	if w.parsed += n; w.parsed > maxParsed {
		return &tooBigError{"more than 128 MiB of objects to parse"}
	}
	return nil
}

// revision is one cross-reference section with its trailer.
type revision struct {
	first   int   // section that its view starts with
	own     int   // sections that are its own
	at      int64 // offset of the table
	trailer *dict
}

// place names an object stream in a view.
type place struct {
	num  int64
	from int
}

// packed is an object stream that was unpacked.
type packed struct {
	data []byte
	at   map[int64]int // object number to offset in data
}

func (w *work) object(l *Limits) error {
	if w.objects++; w.objects > l.MaxObjects {
		return &tooBigError{fmt.Sprintf("more than %d objects to read", l.MaxObjects)}
	}
	return nil
}

// open follows startxref and the chain of cross-references. A badError means that the structure is broken.
func open(ctx context.Context, src signing.Source, base int64, lim Limits, w *work) (*file, error) {
	f := &file{ctx: ctx, src: src, size: src.Size(), base: base, lim: lim, packed: map[place]*packed{}, work: w}
	at, err := f.startxref()
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	for more := true; more; {
		if seen[at] {
			return nil, badf("cross-references lead in a circle at %d", at)
		}
		if seen[at] = true; len(f.revisions) == lim.MaxRevisions {
			return nil, &tooBigError{fmt.Sprintf("more than %d cross-reference sections", lim.MaxRevisions)}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rev := revision{first: len(f.sections), at: at}
		if rev.trailer, err = f.readXref(at); err != nil {
			return nil, err
		}
		if hybrid, ok := rev.trailer.get("XRefStm").(int64); ok && !seen[hybrid] {
			seen[hybrid] = true
			if _, err := f.readXref(hybrid); err != nil {
				return nil, err
			}
		}
		rev.own = len(f.sections) - rev.first
		f.revisions = append(f.revisions, rev)
		switch prev := rev.trailer.get("Prev").(type) {
		case int64:
			at = prev
		case nil:
			more = false
		default:
			return nil, badf("Prev isn't a number")
		}
	}
	return f, nil
}

// startxref finds the last one, within the last 2 KiB.
func (f *file) startxref() (int64, error) {
	tail := make([]byte, min(f.size, 2<<10))
	if err := readFull(f.src, tail, f.size-int64(len(tail))); err != nil {
		return 0, err
	}
	i := bytes.LastIndex(tail, []byte("startxref"))
	if i < 0 {
		return 0, badf("no startxref at the end of the file")
	}
	l := newLexer(f.src, f.size, f.size-int64(len(tail))+int64(i)+9, 1<<10)
	v, err := l.object(0)
	if err != nil {
		return 0, err
	}
	at, ok := v.(int64)
	if !ok || at < 0 || at >= f.size-f.base {
		return 0, badf("startxref isn't an offset in the file")
	}
	return at, nil
}

func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("couldn't read PDF: %w", err)
}

// lexer reads objects of the file from an offset on.
func (f *file) lexer(at int64) *lexer {
	l := newLexer(f.src, f.size, at, f.lim.MaxContents)
	l.work = f.work
	return l
}

// indirect reads "num gen obj" and the object behind it at an offset of the source. A want below 0 takes any number.
func (f *file) indirect(at, want int64) (any, error) {
	if err := f.work.object(&f.lim); err != nil {
		return nil, err
	}
	if err := f.ctx.Err(); err != nil {
		return nil, err
	}
	l := f.lexer(at)
	var head [3]any
	for i := range head {
		var err error
		if head[i], err = l.object(0); err != nil {
			return nil, err
		}
	}
	num, ok := head[0].(int64)
	if _, gen := head[1].(int64); !ok || !gen || head[2] != keyword("obj") || want >= 0 && num != want {
		return nil, badf("no object %d at %d", want, at)
	}
	v, err := l.object(0)
	if err != nil {
		return nil, err
	}
	if k, ok := v.(keyword); ok {
		if k == "endobj" {
			return nil, nil
		}
		return nil, badf("%q as object %d", k, num)
	}
	d, ok := v.(*dict)
	if !ok {
		return v, nil
	}
	return l.streamOf(d)
}

// streamOf returns d, or the stream if the keyword follows.
func (l *lexer) streamOf(d *dict) (any, error) {
	v, err := l.object(0)
	if err != nil {
		if isBad(err) {
			return d, nil // whatever follows, the dictionary is whole
		}
		return nil, err
	}
	if v != keyword("stream") {
		return d, nil
	}
	c, err := l.next()
	if err != nil {
		return nil, err
	}
	if c == '\r' {
		if c, err = l.next(); err != nil {
			return nil, err
		}
	}
	if c != '\n' {
		l.pos--
	}
	return &stream{d, l.pos}, nil
}

// object resolves an object number as a view that starts at a section sees it. An object that doesn't exist is nil.
func (f *file) object(num int64, from int) (any, error) {
	for i := from; i < len(f.sections); i++ {
		e, ok, err := f.sections[i].entry(f, num)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		switch e.kind {
		case 1:
			return f.indirect(f.base+e.a, num)
		case 2:
			return f.fromPacked(e.a, num, from)
		}
		return nil, nil
	}
	return nil, nil
}

// resolve follows references until something else.
func (f *file) resolve(v any, from int) (any, error) {
	for range 8 {
		r, ok := v.(ref)
		if !ok {
			return v, nil
		}
		var err error
		if v, err = f.object(r.num, from); err != nil {
			return nil, err
		}
	}
	return nil, badf("references lead too far")
}

// dictAt resolves v to a dictionary; of a stream it is the stream's. nil if it is something else.
func (f *file) dictAt(v any, from int) (*dict, error) {
	v, err := f.resolve(v, from)
	if err != nil {
		return nil, err
	}
	switch d := v.(type) {
	case *dict:
		return d, nil
	case *stream:
		return d.dict, nil
	}
	return nil, nil
}

func (f *file) arrayAt(v any, from int) (array, error) {
	v, err := f.resolve(v, from)
	a, _ := v.(array)
	return a, err
}

// unpack returns the data of a stream, after FlateDecode if it has that.
func (f *file) unpack(s *stream, from int) ([]byte, error) {
	v, err := f.resolve(s.get("Length"), from)
	if err != nil {
		return nil, err
	}
	n, ok := v.(int64)
	if !ok || n < 0 || n > f.size-s.data {
		return nil, badf("length of the stream at %d isn't one", s.data)
	}
	left := f.lim.MaxDecoded - f.work.decoded
	if n > left {
		return nil, &tooBigError{fmt.Sprintf("streams of more than %d octets", f.lim.MaxDecoded)}
	}
	filters, parms, err := f.filters(s, from)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, n)
	if err := readFull(f.src, raw, s.data); err != nil {
		return nil, err
	}
	if filters == 0 {
		f.work.decoded += n
		return raw, nil
	}
	z, err := zlib.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, badf("stream at %d can't be unpacked", s.data)
	}
	out, err := io.ReadAll(io.LimitReader(z, left+1))
	f.work.decoded += int64(len(out))
	switch {
	case int64(len(out)) > left:
		return nil, &tooBigError{fmt.Sprintf("streams of more than %d octets", f.lim.MaxDecoded)}
	case err != nil:
		return nil, badf("stream at %d can't be unpacked", s.data)
	}
	return unpredict(out, parms)
}

// filters says whether s is packed by FlateDecode (1) or not at all (0); anything else is an error.
func (f *file) filters(s *stream, from int) (int, *dict, error) {
	v, err := f.resolve(s.get("Filter"), from)
	if err != nil {
		return 0, nil, err
	}
	p, err := f.resolve(s.get("DecodeParms"), from)
	if err != nil {
		return 0, nil, err
	}
	if a, ok := v.(array); ok {
		if len(a) == 0 {
			return 0, nil, nil
		}
		if len(a) > 1 {
			return 0, nil, badf("stream at %d has several filters", s.data)
		}
		v = a[0]
		if pa, ok := p.(array); ok && len(pa) == 1 {
			if p, err = f.resolve(pa[0], from); err != nil {
				return 0, nil, err
			}
		}
	}
	parms, _ := p.(*dict)
	switch v {
	case nil:
		return 0, nil, nil
	case name("FlateDecode"), name("Fl"):
		return 1, parms, nil
	}
	return 0, nil, badf("stream at %d has filter %v", s.data, v)
}

// unpredict undoes PNG prediction.
func unpredict(b []byte, parms *dict) ([]byte, error) {
	predictor, _ := parms.get("Predictor").(int64)
	if predictor <= 1 {
		return b, nil
	}
	columns, ok := parms.get("Columns").(int64)
	if !ok {
		columns = 1
	}
	colors, ok := parms.get("Colors").(int64)
	if !ok {
		colors = 1
	}
	bits, ok := parms.get("BitsPerComponent").(int64)
	if !ok {
		bits = 8
	}
	if predictor < 10 || columns < 1 || columns > 1<<16 || colors != 1 || bits != 8 {
		return nil, badf("predictor %d with %d columns", predictor, columns)
	}
	width := int(columns)
	if len(b)%(width+1) != 0 {
		return nil, badf("rows of a stream don't fit its predictor")
	}
	before := make([]byte, width)
	out := b[:0]
	for len(b) > 0 {
		kind, row := b[0], b[1:width+1]
		b = b[width+1:]
		for i := range row {
			var left, corner byte
			if i > 0 {
				left, corner = row[i-1], before[i-1]
			}
			switch kind {
			case 0:
			case 1:
				row[i] += left
			case 2:
				row[i] += before[i]
			case 3:
				row[i] += byte((int(left) + int(before[i])) / 2)
			case 4:
				row[i] += paeth(left, before[i], corner)
			default:
				return nil, badf("row of a stream with predictor %d", kind)
			}
		}
		copy(before, row)
		out = append(out, row...)
	}
	return out, nil
}

func paeth(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	pa, pb, pc := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

func abs(n int) int { return max(n, -n) }

// fromPacked reads an object out of an object stream.
func (f *file) fromPacked(container, num int64, from int) (any, error) {
	key := place{container, from}
	p := f.packed[key]
	if p == nil {
		v, err := f.object(container, from)
		if err != nil {
			return nil, err
		}
		s, ok := v.(*stream)
		if !ok || s.get("Type") != name("ObjStm") {
			return nil, badf("object %d isn't an object stream", container)
		}
		if p, err = f.readPacked(s, from); err != nil {
			return nil, err
		}
		if len(f.packed) >= 8 {
			clear(f.packed)
		}
		f.packed[key] = p
	}
	at, ok := p.at[num]
	if !ok {
		return nil, badf("object %d isn't in object stream %d", num, container)
	}
	if err := f.work.object(&f.lim); err != nil {
		return nil, err
	}
	v, err := newLexer(bytes.NewReader(p.data), int64(len(p.data)), int64(at), f.lim.MaxContents).object(0)
	if err != nil {
		return nil, err
	}
	if k, ok := v.(keyword); ok {
		return nil, badf("%q as object %d", k, num)
	}
	return unplaced(v), nil
}

// unplaced takes the positions off strings, for those that stand in an unpacked stream, whose positions are none of the file, and for
// comparing objects.
func unplaced(v any) any {
	switch v := v.(type) {
	case str:
		v.start, v.end = -1, -1
		return v
	case array:
		for i := range v {
			v[i] = unplaced(v[i])
		}
	case *dict:
		for k := range v.m {
			v.m[k] = unplaced(v.m[k])
		}
	case *stream:
		unplaced(v.dict)
	}
	return v
}

func (f *file) readPacked(s *stream, from int) (*packed, error) {
	n, okN := s.get("N").(int64)
	first, okF := s.get("First").(int64)
	data, err := f.unpack(s, from)
	if err != nil {
		return nil, err
	}
	if !okN || !okF || n < 0 || n > 100_000 || first < 0 || first > int64(len(data)) {
		return nil, badf("object stream at %d has no N and First", s.data)
	}
	p := &packed{data: data, at: make(map[int64]int, n)}
	l := newLexer(bytes.NewReader(data), first, 0, 1<<10)
	for range n {
		num, err := l.object(0)
		if err != nil {
			return nil, err
		}
		at, err := l.object(0)
		if err != nil {
			return nil, err
		}
		x, ok1 := num.(int64)
		y, ok2 := at.(int64)
		if !ok1 || !ok2 || y < 0 || y > int64(len(data))-first {
			return nil, badf("object stream at %d has a bad index", s.data)
		}
		p.at[x] = int(first + y)
	}
	return p, nil
}
