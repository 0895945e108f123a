package xades

import (
	"bytes"
	"errors"
	"io"
	"sort"

	"github.com/tram-exchange/tram/signing"
)

// spliced is a document with bytes put in here and there. The document itself is not copied; what is put in stays in memory.
type spliced struct {
	parts []piece
	size  int64
}

// piece is bytes of something, at an offset of the whole.
type piece struct {
	at    int64
	from  io.ReaderAt
	start int64
	n     int64
}

func newSpliced(src signing.Source) *spliced {
	return &spliced{parts: []piece{{from: src, n: src.Size()}}, size: src.Size()}
}

// insert replaces the bytes of r with b, and returns the new document; s stays as it is.
func (s *spliced) insert(r signing.Range, b []byte) *spliced {
	out := &spliced{size: s.size - r.Len() + int64(len(b))}
	add := func(p piece) {
		if p.n > 0 {
			out.parts = append(out.parts, p)
		}
	}
	inserted := piece{from: bytes.NewReader(b), n: int64(len(b))}
	for _, p := range s.parts {
		end := p.at + p.n
		if k := min(end, r.Start) - p.at; k > 0 {
			add(piece{from: p.from, start: p.start, n: k})
		}
		if inserted.n > 0 && end >= r.Start {
			add(inserted)
			inserted.n = 0
		}
		if k := end - max(p.at, r.End); k > 0 {
			add(piece{from: p.from, start: p.start + p.n - k, n: k})
		}
	}
	var at int64
	for i := range out.parts {
		out.parts[i].at = at
		at += out.parts[i].n
	}
	return out
}

// Size implements signing.Source.
func (s *spliced) Size() int64 { return s.size }

// ReadAt implements signing.Source.
func (s *spliced) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("couldn't read at a negative offset")
	}
	read := 0
	for i := sort.Search(len(s.parts), func(i int) bool { return s.parts[i].at+s.parts[i].n > off }); i < len(s.parts) && read < len(b); i++ {
		p := &s.parts[i]
		skip := off - p.at
		want := b[read:min(int64(len(b)), int64(read)+p.n-skip)]
		n, err := p.from.ReadAt(want, p.start+skip)
		read += n
		off += int64(n)
		if n < len(want) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return read, err
		}
	}
	if read < len(b) {
		return read, io.EOF
	}
	return read, nil
}

// WriteTo writes the whole document.
func (s *spliced) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(s, 0, s.size))
}

// place says which bytes to replace by what, so that xml stands at the end of the unsigned properties.
func (p *Properties) place(xml string) (signing.Range, []byte, error) {
	q := p.qualifying
	up := q.child(Namespace, "UnsignedProperties")
	list := up.child(Namespace, "UnsignedSignatureProperties")
	if p.only(q, "UnsignedProperties") != up || p.only(up, "UnsignedSignatureProperties") != list {
		return signing.Range{}, nil, errors.New("the unsigned properties stand more than once")
	}
	const open, end = `<xades:UnsignedSignatureProperties xmlns:xades="` + Namespace + `">`, `</xades:UnsignedSignatureProperties>`
	switch {
	case list != nil:
		return list.append(xml)
	case up != nil && len(up.children) > 0: // these come first
		return signing.Range{Start: up.inner.Start, End: up.inner.Start}, []byte(open + xml + end), nil
	case up != nil:
		return up.append(open + xml + end)
	}
	return q.append(`<xades:UnsignedProperties xmlns:xades="` + Namespace + `"><xades:UnsignedSignatureProperties>` + xml + end + `</xades:UnsignedProperties>`)
}

// append puts xml before the end tag of n.
func (n *node) append(xml string) (signing.Range, []byte, error) {
	at := n.inner.End
	if n.empty {
		return signing.Range{Start: at, End: at + 2}, []byte(">" + xml + "</" + n.name + ">"), nil
	}
	return signing.Range{Start: at, End: at}, []byte(xml), nil
}
