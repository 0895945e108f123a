package asice

import (
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// plain is a stored entry.
type plain struct{ *io.SectionReader }

// unpacked is a deflated entry read as if at any offset. Reading forward goes on where it was; reading back unpacks again
// from the start: those who read a document more than once read it from the start.
type unpacked struct {
	src io.ReaderAt
	e   Entry

	mu  *sync.Mutex
	r   io.ReadCloser
	pos int64
}

// Size is the number of bytes, unpacked.
func (u *unpacked) Size() int64 { return u.e.Size }

// ReadAt implements io.ReaderAt.
func (u *unpacked) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("couldn't read at negative offset %d", off)
	}
	if off >= u.e.Size {
		return 0, io.EOF
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.r == nil || off < u.pos {
		packed := io.NewSectionReader(u.src, u.e.offset, u.e.packed)
		if u.r == nil {
			u.r = flate.NewReader(packed)
		} else if err := u.r.(flate.Resetter).Reset(packed, nil); err != nil {
			return 0, err
		}
		u.pos = 0
	}
	if off > u.pos {
		n, err := io.CopyN(io.Discard, u.r, off-u.pos)
		if u.pos += n; err != nil {
			return 0, u.damaged(err)
		}
	}
	want := p[:min(int64(len(p)), u.e.Size-off)]
	n, err := io.ReadFull(u.r, want)
	u.pos += int64(n)
	switch {
	case err != nil:
		return n, u.damaged(err)
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

func (u *unpacked) damaged(err error) error {
	return refuse(Damaged, u.e.Name, "%v after %d of %d bytes", err, u.pos, u.e.Size)
}

// Copy hands the unpacked bytes of an entry to f in pieces, and then says whether their number and checksum are those of
// the directory. Errors of f are returned as they are.
func (c *Container) Copy(name string, f func([]byte) error) error {
	e, ok := c.Entry(name)
	if !ok {
		return refuse(NoEntry, name, "")
	}
	packed := io.NewSectionReader(c.src, e.offset, e.packed)
	ahead := bufio.NewReader(packed) // a ByteReader, so that flate takes no byte more than its stream has
	var r io.Reader = ahead
	if e.method == deflated {
		r = flate.NewReader(ahead)
	}
	buf := make([]byte, 64<<10)
	var n int64
	sum := uint32(0)
	for {
		k, err := r.Read(buf)
		if n += int64(k); n > e.Size {
			return refuse(Damaged, name, "more than its %d bytes", e.Size)
		}
		sum = crc32.Update(sum, crc32.IEEETable, buf[:k])
		if k > 0 {
			if err := f(buf[:k]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return refuse(Damaged, name, "%v after %d of %d bytes", err, n, e.Size)
		}
	}
	if _, err := ahead.ReadByte(); err != io.EOF {
		return refuse(Damaged, name, "packed bytes lie behind the end of the stream")
	}
	if n != e.Size || sum != e.CRC {
		return refuse(Damaged, name, "%d bytes with checksum %08x, expected %d and %08x", n, sum, e.Size, e.CRC)
	}
	return nil
}
