package pades

import (
	"strconv"
)

// section is a run of cross-reference entries: a table, read where it lies, or the unpacked data of a stream.
type section struct {
	first, count int64
	table        int64 // offset in the source; -1 for data
	stride       int64
	w            [3]int
	data         []byte
}

// entry of a cross-reference: free (0), at offset a (1), or in object stream a (2).
type entry struct {
	kind byte
	a    int64
}

const maxSections = 20_000

// entry finds the one of an object number.
func (s *section) entry(f *file, num int64) (entry, bool, error) {
	if num < s.first || num-s.first >= s.count {
		return entry{}, false, nil
	}
	i := num - s.first
	if s.table < 0 {
		return s.packedEntry(i)
	}
	var line [20]byte
	if err := readFull(f.src, line[:s.stride], s.table+i*s.stride); err != nil {
		return entry{}, false, err
	}
	at, err := strconv.ParseInt(string(line[:10]), 10, 64)
	if err != nil || at < 0 || line[10] != ' ' || line[16] != ' ' {
		return entry{}, false, badf("cross-reference of object %d can't be read", num)
	}
	switch line[17] {
	case 'n':
		return entry{1, at}, true, nil
	case 'f':
		return entry{}, true, nil
	}
	return entry{}, false, badf("cross-reference of object %d is neither n nor f", num)
}

func (s *section) packedEntry(i int64) (entry, bool, error) {
	width := s.w[0] + s.w[1] + s.w[2]
	row := s.data[i*int64(width):]
	field := func(n int) (v int64) {
		for _, c := range row[:n] {
			v = v<<8 | int64(c)
		}
		row = row[n:]
		return v
	}
	kind := int64(1)
	if s.w[0] > 0 {
		kind = field(s.w[0])
	}
	e := entry{kind: byte(kind), a: field(s.w[1])}
	if kind < 0 || kind > 2 || e.a < 0 {
		return entry{}, true, nil // an unknown type is a reference to null (ISO 32000-1 7.5.8.3)
	}
	return e, true, nil
}

// readXref reads the table or stream at an offset and appends its sections. It returns the trailer.
func (f *file) readXref(at int64) (*dict, error) {
	if at < 0 || at >= f.size-f.base {
		return nil, badf("cross-references at %d, the file has %d octets", at, f.size)
	}
	l := f.lexer(f.base + at)
	v, err := l.object(0)
	if err != nil {
		return nil, err
	}
	if v == keyword("xref") {
		return f.readTable(l)
	}
	if _, ok := v.(int64); !ok {
		return nil, badf("no cross-references at %d", at)
	}
	obj, err := f.indirect(f.base+at, -1)
	if err != nil {
		return nil, err
	}
	s, ok := obj.(*stream)
	if !ok || s.get("Type") != name("XRef") {
		return nil, badf("no cross-references at %d", at)
	}
	return s.dict, f.readStream(s)
}

func (f *file) readTable(l *lexer) (*dict, error) {
	for {
		v, err := l.object(0)
		if err != nil {
			return nil, err
		}
		if v == keyword("trailer") {
			break
		}
		first, ok1 := v.(int64)
		v, err = l.object(0)
		if err != nil {
			return nil, err
		}
		count, ok2 := v.(int64)
		if !ok1 || !ok2 || first < 0 || count < 0 || count > f.size/19 || first > 1<<40 {
			return nil, badf("cross-reference table can't be read at %d", l.pos)
		}
		if len(f.sections) >= maxSections {
			return nil, &tooBigError{"more than 20000 parts of cross-reference tables"}
		}
		if count == 0 {
			continue
		}
		if err := l.skip(); err != nil {
			return nil, err
		}
		s := section{first: first, count: count, table: l.pos, stride: 20}
		// Some writers end lines with one octet, although the standard wants two.
		var line [20]byte
		if s.table+20 <= f.size {
			if err := readFull(f.src, line[:], s.table); err != nil {
				return nil, err
			}
			if (line[18] == '\n' || line[18] == '\r') && !isSpace(int(line[19])) {
				s.stride = 19
			}
		}
		if s.table+count*s.stride > f.size {
			return nil, badf("cross-reference table of %d entries at %d is cut off", count, s.table)
		}
		l.pos = s.table + count*s.stride
		f.sections = append(f.sections, s)
	}
	v, err := l.object(0)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*dict)
	if !ok {
		return nil, badf("no trailer behind the cross-reference table")
	}
	return d, nil
}

func (f *file) readStream(s *stream) error {
	w, ok := s.get("W").(array)
	if !ok || len(w) != 3 {
		return badf("cross-reference stream without W")
	}
	var widths [3]int
	for i, v := range w {
		n, ok := v.(int64)
		if !ok || n < 0 || n > 8 {
			return badf("cross-reference stream with W %v", w)
		}
		widths[i] = int(n)
	}
	width := int64(widths[0] + widths[1] + widths[2])
	size, ok := s.get("Size").(int64)
	if !ok || size < 0 || width == 0 {
		return badf("cross-reference stream without Size")
	}
	index, ok := s.get("Index").(array)
	if !ok {
		index = array{int64(0), size}
	}
	if _, direct := s.get("Length").(int64); !direct {
		return badf("length of a cross-reference stream isn't a number") // to follow a reference its entries would be needed
	}
	data, err := f.unpack(s, 0)
	if err != nil {
		return err
	}
	if len(f.sections)+len(index)/2 > maxSections {
		return &tooBigError{"more than 20000 parts of cross-reference tables"}
	}
	if len(index)%2 != 0 {
		return badf("cross-reference stream with an index of %d numbers", len(index))
	}
	for i := 0; i < len(index); i += 2 {
		first, ok1 := index[i].(int64)
		count, ok2 := index[i+1].(int64)
		if !ok1 || !ok2 || first < 0 || count < 0 || count > int64(len(data))/width {
			return badf("cross-reference stream with a bad index")
		}
		f.sections = append(f.sections, section{first: first, count: count, table: -1, w: widths, data: data[:count*width]})
		data = data[count*width:]
	}
	return nil
}
