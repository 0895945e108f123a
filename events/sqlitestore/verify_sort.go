package sqlitestore

import (
	"bufio"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
)

// sorter puts any number of rows in order with a bounded number of them in memory: when that is full it is sorted and written to a
// temporary file, which has no name and goes with the process.
type sorter[T any] struct {
	most    int // rows in memory
	size    int // bytes of a row in a file
	put     func(b []byte, row T)
	get     func(b []byte) T
	compare func(a, b T) int

	rows []T
	file *os.File // nil: everything is in memory
	end  int64
	runs []sortedRun
}

// sortedRun is a stretch of the file.
type sortedRun struct{ from, to int64 }

func (s *sorter[T]) add(row T) error {
	if len(s.rows) >= s.most {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.rows = append(s.rows, row)
	return nil
}

// spill writes what is in memory, in order.
func (s *sorter[T]) spill() error {
	if s.file == nil {
		var err error
		if s.file, err = unnamedFile(); err != nil {
			return err
		}
	}
	slices.SortFunc(s.rows, s.compare)
	w := newRowWriter(s, s.file, s.end)
	for _, r := range s.rows {
		if err := w.write(r); err != nil {
			return err
		}
	}
	to, err := w.flush()
	if err != nil {
		return err
	}
	s.runs = append(s.runs, sortedRun{s.end, to})
	s.end, s.rows = to, s.rows[:0]
	return nil
}

func (s *sorter[T]) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

// sorted gives all rows in order. No more may be added.
func (s *sorter[T]) sorted() iter.Seq2[T, error] {
	if s.file == nil {
		slices.SortFunc(s.rows, s.compare)
		return func(yield func(T, error) bool) {
			for _, r := range s.rows {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	return func(yield func(T, error) bool) {
		var none T
		if err := s.spill(); err != nil {
			yield(none, err)
			return
		}
		s.rows = nil
		m := merging[T]{compare: s.compare}
		for _, run := range s.runs {
			if err := m.open(s.read(run)); err != nil {
				yield(none, err)
				return
			}
		}
		for len(m.heads) > 0 {
			row, err := m.next()
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// read gives the rows of a run, one by one.
func (s *sorter[T]) read(run sortedRun) func() (T, error) { return s.readFrom(s.file, run) }

func (s *sorter[T]) readFrom(f *os.File, run sortedRun) func() (T, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, run.from, run.to-run.from), 1<<15)
	b := make([]byte, s.size)
	return func() (row T, err error) {
		if _, err := io.ReadFull(r, b); err != nil {
			return row, err
		}
		return s.get(b), nil
	}
}

// merging takes the least of several readers' next rows. It implements heap.Interface.
type merging[T any] struct {
	compare func(a, b T) int
	heads   []mergeHead[T]
}

type mergeHead[T any] struct {
	row  T
	more func() (T, error)
}

func (m *merging[T]) Len() int           { return len(m.heads) }
func (m *merging[T]) Less(i, j int) bool { return m.compare(m.heads[i].row, m.heads[j].row) < 0 }
func (m *merging[T]) Swap(i, j int)      { m.heads[i], m.heads[j] = m.heads[j], m.heads[i] }
func (m *merging[T]) Push(x any)         { m.heads = append(m.heads, x.(mergeHead[T])) }
func (m *merging[T]) Pop() any {
	x := m.heads[len(m.heads)-1]
	m.heads = m.heads[:len(m.heads)-1]
	return x
}

func (m *merging[T]) open(more func() (T, error)) error {
	row, err := more()
	if err == nil {
		heap.Push(m, mergeHead[T]{row, more})
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return rowError(err)
}

func (m *merging[T]) next() (T, error) {
	row := m.heads[0].row
	var err error
	if m.heads[0].row, err = m.heads[0].more(); err == nil {
		heap.Fix(m, 0)
		return row, nil
	}
	heap.Pop(m)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return row, rowError(err)
}

func rowError(err error) error {
	if err != nil {
		err = fmt.Errorf("couldn't read temporary file: %w", err)
	}
	return err
}

// rowWriter writes rows behind each other.
type rowWriter[T any] struct {
	s  *sorter[T]
	w  *bufio.Writer
	at int64
	b  []byte
}

func newRowWriter[T any](s *sorter[T], f *os.File, at int64) *rowWriter[T] {
	return &rowWriter[T]{s: s, w: bufio.NewWriterSize(io.NewOffsetWriter(f, at), 1<<17), at: at, b: make([]byte, s.size)}
}

func (w *rowWriter[T]) write(row T) error {
	w.s.put(w.b, row)
	w.at += int64(w.s.size)
	if _, err := w.w.Write(w.b); err != nil {
		return fmt.Errorf("couldn't write temporary file: %w", err)
	}
	return nil
}

func (w *rowWriter[T]) flush() (end int64, err error) {
	if err := w.w.Flush(); err != nil {
		return 0, fmt.Errorf("couldn't write temporary file: %w", err)
	}
	return w.at, nil
}

// unnamedFile makes a temporary file that goes with the process.
func unnamedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "tram-verify-*")
	if err == nil {
		if err = os.Remove(f.Name()); err != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't make temporary file: %w", err)
	}
	return f, nil
}
