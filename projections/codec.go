package projections

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Rows of views.db hold small records in a binary form of our own: unsigned varints, lengths before bytes. It never leaves
// the file; a change of it raises schemaVersion.

func putUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func putText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// putTime writes a time in microseconds, the precision of the record; zero is the zero time.
func putTime(b []byte, t int64) []byte { return binary.AppendVarint(b, t) }

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

var errRow = errors.New("row is cut short")

// reader of such a record. After the first error it gives zero values.
type rowReader struct {
	b   []byte
	err error
}

func (r *rowReader) fail() {
	if r.err == nil {
		r.err = errRow
	}
	r.b = nil
}

func (r *rowReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *rowReader) id() uint32 { return uint32(r.uint()) }

func (r *rowReader) time() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *rowReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *rowReader) text() string { return string(r.bytes(r.uint())) }

func (r *rowReader) digest() (d [32]byte) {
	copy(d[:], r.bytes(32))
	return d
}

func (r *rowReader) more() bool { return r.err == nil && len(r.b) > 0 }

// dict numbers the strings that repeat: organisations, clients, codes, names of events. Numbers start at 1; 0 is "".
// It only grows. Safe for concurrent use.
type dict struct {
	mu    sync.RWMutex
	ids   map[string]uint32
	texts []string // texts[0] is ""
}

func newDict() *dict {
	return &dict{ids: map[string]uint32{"": 0}, texts: []string{""}}
}

// id gives the number of s, a new one if it has none.
func (d *dict) id(s string) uint32 {
	d.mu.RLock()
	n, ok := d.ids[s]
	d.mu.RUnlock()
	if ok {
		return n
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n, ok := d.ids[s]; ok {
		return n
	}
	n = uint32(len(d.texts))
	d.ids[s] = n
	d.texts = append(d.texts, s)
	return n
}

// find gives the number of s, false if it has none: then no row can hold it.
func (d *dict) find(s string) (uint32, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n, ok := d.ids[s]
	return n, ok
}

// all gives the strings by number. The slice must not be changed.
func (d *dict) all() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.texts[:len(d.texts):len(d.texts)]
}

// restore adds a string that views.db has under this number.
func (d *dict) restore(id uint32, s string) error {
	if int(id) != len(d.texts) {
		return fmt.Errorf("couldn't load dictionary: number %d, expected %d", id, len(d.texts))
	}
	d.ids[s] = id
	d.texts = append(d.texts, s)
	return nil
}
