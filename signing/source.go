package signing

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Source is a document: bytes of a known number that can be read more than once and do not change meanwhile.
// ReadAt must be safe for concurrent use, as that of os.File is.
type Source interface {
	io.ReaderAt
	Size() int64
}

// BytesSource is a document in memory. It is read without copying.
type BytesSource []byte

// ReadAt implements io.ReaderAt.
func (b BytesSource) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("couldn't read at negative offset %d", off)
	}
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size returns the number of bytes.
func (b BytesSource) Size() int64 { return int64(len(b)) }

// Bytes returns the document itself.
func (b BytesSource) Bytes() []byte { return b }

// inMemory is what a Source has if it can give all its bytes at once.
type inMemory interface{ Bytes() []byte }

// FileSource is a document in a file.
type FileSource struct {
	*os.File
	size int64
}

// OpenFile opens a file as a document. The caller closes it.
func OpenFile(path string) (*FileSource, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open document: %w", err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("couldn't open document %s: %w", path, err)
	}
	return &FileSource{File: f, size: st.Size()}, nil
}

// Size returns the number of bytes that the file had when it was opened.
func (f *FileSource) Size() int64 { return f.size }

// ErrNotSigned is returned by SignedReader for bytes that the signature does not cover.
var ErrNotSigned = errors.New("these bytes are not covered by the signature")

// SignedReader serves the bytes of a document that a signature covers, and no others.
type SignedReader struct {
	src    Source
	ranges []Range // sorted, not overlapping
	pos    int64   // of Read, counted in covered bytes
	at     int     // range that pos lies in
	before int64   // covered bytes before that range
}

// NewSignedReader returns a reader of these ranges, which must be sorted and not overlap.
func NewSignedReader(src Source, ranges []Range) *SignedReader {
	return &SignedReader{src: src, ranges: slices.Clone(ranges)}
}

// ReadAt reads at an offset of the source. It returns ErrNotSigned, and nothing else, if any byte asked for
// is not covered, and io.EOF behind the end of the source.
func (r *SignedReader) ReadAt(p []byte, off int64) (int, error) {
	end := min(off+int64(len(p)), r.src.Size())
	if !covers(r.ranges, Range{off, max(off, end)}) {
		return 0, ErrNotSigned
	}
	return r.src.ReadAt(p, off)
}

// Read reads the covered ranges one after the other.
func (r *SignedReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.at < len(r.ranges) && r.pos-r.before >= r.ranges[r.at].Len() {
		r.before += r.ranges[r.at].Len()
		r.at++
	}
	if r.at == len(r.ranges) {
		return 0, io.EOF
	}
	cur := r.ranges[r.at]
	off := cur.Start + (r.pos - r.before)
	p = p[:min(int64(len(p)), cur.End-off)]
	n, err := r.src.ReadAt(p, off)
	r.pos += int64(n)
	if err == io.EOF {
		if n == len(p) {
			err = nil
		} else {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// covers reports whether the sorted ranges hold every byte of want.
func covers(ranges []Range, want Range) bool {
	if want.Len() <= 0 {
		return true
	}
	for _, r := range ranges {
		if want.Start < r.Start {
			return false
		}
		if want.Start < r.End {
			if want.End <= r.End {
				return true
			}
			want.Start = r.End
		}
	}
	return false
}

// merge sorts ranges and joins those that touch.
func merge(ranges []Range) []Range {
	slices.SortFunc(ranges, func(a, b Range) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return 0
	})
	out := ranges[:0]
	for _, r := range ranges {
		if r.Len() <= 0 {
			continue
		}
		if n := len(out); n > 0 && r.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}

// without returns ranges minus hole.
func without(ranges []Range, hole Range) []Range {
	var out []Range
	for _, r := range ranges {
		if hole.End <= r.Start || r.End <= hole.Start {
			out = append(out, r)
			continue
		}
		if r.Start < hole.Start {
			out = append(out, Range{r.Start, hole.Start})
		}
		if hole.End < r.End {
			out = append(out, Range{hole.End, r.End})
		}
	}
	return out
}
