package asice

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tram-exchange/tram/signing"
)

// Entry is one file of a container.
type Entry struct {
	Name string
	Size int64 // unpacked, bytes
	CRC  uint32

	offset int64 // of the packed bytes
	packed int64
	method uint16
	meta   bool // in META-INF
}

// Container is a container that is well-formed (see the package comment). Its methods may be called concurrently.
type Container struct {
	src     io.ReaderAt
	entries []Entry
	index   map[string]int
}

const (
	localMark      = 0x04034b50
	centralMark    = 0x02014b50
	endMark        = 0x06054b50
	descriptorMark = 0x08074b50
	localSize      = 30
	centralSize    = 46
	endSize        = 22

	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3
	flagUTF8       = 1 << 11
	flagsKnown     = flagDescriptor | flagUTF8 | 1<<1 | 1<<2 // the last two say how hard deflate tried

	stored   = 0
	deflated = 8
)

// Open reads the form of a container, nothing of its content but mimetype. Errors are *Error, or of src.
func Open(src io.ReaderAt, size int64, l Limits) (*Container, error) {
	c, err := open(src, size, l.withDefaults())
	if err != nil {
		var refused *Error
		if errors.As(err, &refused) {
			return nil, err
		}
		return nil, fmt.Errorf("couldn't read container: %w", err)
	}
	return c, nil
}

func open(src io.ReaderAt, size int64, l Limits) (*Container, error) {
	if size > l.Size {
		return nil, refuse(TooLarge, "", "%d bytes, limit %d", size, l.Size)
	}
	dir, at, count, err := readDirectory(src, size)
	if err != nil {
		return nil, err
	}
	if count > l.Entries {
		return nil, refuse(TooLarge, "", "%d entries, limit %d", count, l.Entries)
	}
	c := &Container{src: src, index: make(map[string]int, min(count, 1024))}
	rows := rowReader{src: src, end: at}
	same := make(map[string]string, min(count, 1024))
	var total int64
	for i := 0; i < count; i++ {
		h, rest, err := parseCentral(dir)
		if err != nil {
			return nil, err
		}
		dir = rest
		if why := checkName(h.name); why != "" {
			return nil, refuse(BadName, h.name, "%s", why)
		}
		if other, twice := same[folded(h.name)]; twice {
			return nil, refuse(Duplicate, h.name, "also stands as %q", other)
		}
		same[folded(h.name)] = h.name
		if err := h.check(l); err != nil {
			return nil, err
		}
		if total += h.size; total > l.Total {
			return nil, refuse(TooLarge, h.name, "all entries unpack to more than %d bytes", l.Total)
		}
		e, err := rows.next(h)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			if err := checkType(src, e, h); err != nil {
				return nil, err
			}
		}
		e.meta = isMeta(e.Name)
		c.index[e.Name] = len(c.entries)
		c.entries = append(c.entries, e)
	}
	switch {
	case len(dir) != 0:
		return nil, refuse(Ambiguous, "", "%d bytes behind the last entry of the directory", len(dir))
	case count == 0:
		return nil, refuse(BadType, "", "the container is empty")
	case rows.at != at:
		return nil, refuse(Ambiguous, "", "%d bytes between the last entry and the directory", at-rows.at)
	}
	return c, nil
}

// readDirectory finds the central directory by the record at the very end.
func readDirectory(src io.ReaderAt, size int64) (dir []byte, at int64, count int, err error) {
	tail := make([]byte, min(size, endSize+int64(len(typeComment))))
	if err := readFull(src, tail, size-int64(len(tail))); err != nil {
		return nil, 0, 0, err
	}
	end := int64(-1)
	for _, comment := range []int{0, len(typeComment)} {
		i := len(tail) - endSize - comment
		if i >= 0 && binary.LittleEndian.Uint32(tail[i:]) == endMark && int(binary.LittleEndian.Uint16(tail[i+20:])) == comment &&
			string(tail[i+endSize:]) == typeComment[:comment] {
			end = int64(i)
			break
		}
	}
	if end < 0 {
		return nil, 0, 0, refuse(NotZIP, "", "no end of a central directory at the end of the file (or a comment behind it)")
	}
	r := tail[end:]
	end += size - int64(len(tail))
	u16 := func(i int) int { return int(binary.LittleEndian.Uint16(r[i:])) }
	length, at := int64(binary.LittleEndian.Uint32(r[12:])), int64(binary.LittleEndian.Uint32(r[16:]))
	count = u16(10)
	switch {
	case u16(4) != 0 || u16(6) != 0 || u16(8) != count:
		return nil, 0, 0, refuse(Ambiguous, "", "it is one of several volumes")
	case count == 0xffff || at == 0xffffffff || length == 0xffffffff:
		return nil, 0, 0, refuse(Ambiguous, "", "Zip64 is not accepted")
	case at+length != end:
		return nil, 0, 0, refuse(Ambiguous, "", "the directory of %d bytes at %d does not end at %d, where its end is recorded", length, at, end)
	case length > maxDirectory:
		return nil, 0, 0, refuse(TooLarge, "", "directory of %d bytes, limit %d", length, maxDirectory)
	}
	dir = make([]byte, length)
	return dir, at, count, readFull(src, dir, at)
}

// typeComment is the one archive comment that the form knows (EN 319 162-1, annex A).
const typeComment = "mimetype=" + MediaType

func readFull(src io.ReaderAt, b []byte, at int64) error {
	n, err := src.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Attributes of an entry: who wrote them, and what they call a file.
const (
	madeByUnix = 3
	madeByMac  = 19
	modeKind   = 0o170000
	modeFile   = 0o100000
	dosNoFile  = 0x08 | 0x10 // a volume's name, a folder
)

// header is what the central directory says of an entry.
type header struct {
	name   string
	flags  uint16
	method uint16
	crc    uint32
	packed int64
	size   int64
	offset int64 // of the local header
	extra  []byte
}

func parseCentral(b []byte) (h header, rest []byte, err error) {
	if len(b) < centralSize || binary.LittleEndian.Uint32(b) != centralMark {
		return h, nil, refuse(NotZIP, "", "the directory ends early or holds something else")
	}
	u16 := func(i int) int { return int(binary.LittleEndian.Uint16(b[i:])) }
	u32 := func(i int) int64 { return int64(binary.LittleEndian.Uint32(b[i:])) }
	name, extra, comment := u16(28), u16(30), u16(32)
	end := centralSize + name + extra + comment
	if len(b) < end {
		return h, nil, refuse(NotZIP, "", "the directory ends inside an entry")
	}
	h = header{
		name: string(b[centralSize : centralSize+name]), flags: uint16(u16(8)), method: uint16(u16(10)), crc: uint32(u32(16)),
		packed: u32(20), size: u32(24), offset: u32(42), extra: b[centralSize+name : centralSize+name+extra],
	}
	if comment != 0 {
		return h, nil, refuse(Ambiguous, h.name, "it has a comment")
	}
	if u16(34) != 0 {
		return h, nil, refuse(Ambiguous, h.name, "it begins on another volume")
	}
	// Dates and permissions say nothing here, but a program that unpacks would make a link or a folder of what is read as a file.
	if kind := u32(38) >> 16 & modeKind; (b[5] == madeByUnix || b[5] == madeByMac) && kind != 0 && kind != modeFile || u32(38)&dosNoFile != 0 {
		return h, nil, refuse(Ambiguous, h.name, "its attributes say that it is not a file")
	}
	return h, b[end:], nil
}

// check judges an entry by what the directory says of it.
func (h *header) check(l Limits) error {
	switch {
	case h.flags&flagEncrypted != 0 || h.flags&(1<<6|1<<13) != 0:
		return refuse(Encrypted, h.name, "")
	case h.flags&^flagsKnown != 0:
		return refuse(Ambiguous, h.name, "flags %#04x", h.flags)
	case h.method != stored && h.method != deflated:
		return refuse(Method, h.name, "method %d, expected stored or deflated", h.method)
	case h.method == stored && h.packed != h.size:
		return refuse(Ambiguous, h.name, "stored in %d bytes, unpacks to %d", h.packed, h.size)
	case h.packed == 0xffffffff || h.size == 0xffffffff || h.offset == 0xffffffff:
		return refuse(Ambiguous, h.name, "Zip64 is not accepted")
	case h.size > l.Entry:
		return refuse(TooLarge, h.name, "%d bytes, limit %d", h.size, l.Entry)
	case h.size > freeRatio && h.size/max(h.packed, 1) > l.Ratio:
		return refuse(Ratio, h.name, "%d bytes unpack to %d, limit %d to 1", h.packed, h.size, l.Ratio)
	}
	return checkExtra(h.name, h.extra)
}

// checkExtra refuses the extra fields that give an entry another name, size or key.
func checkExtra(name string, b []byte) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return refuse(Ambiguous, name, "extra field ends early")
		}
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if len(b) < 4+n {
			return refuse(Ambiguous, name, "extra field ends early")
		}
		switch id {
		case 0x0001:
			return refuse(Ambiguous, name, "Zip64 is not accepted")
		case 0x7075, 0x6375:
			return refuse(Ambiguous, name, "an extra field gives another name or comment")
		case 0x9901, 0x0017:
			return refuse(Encrypted, name, "")
		}
		b = b[4+n:]
	}
	return nil
}

// rowReader walks over the local headers, which must lie in the order of the directory and without gaps.
type rowReader struct {
	src io.ReaderAt
	at  int64 // where the next local header must be
	end int64 // where the directory begins
	buf []byte
}

func (r *rowReader) next(h header) (Entry, error) {
	if h.offset != r.at {
		return Entry{}, refuse(Ambiguous, h.name, "it lies at %d, the entry before it ends at %d", h.offset, r.at)
	}
	var fixed [localSize]byte
	if r.end-r.at < localSize {
		return Entry{}, refuse(Ambiguous, h.name, "its local header would lie in the directory")
	}
	if err := readFull(r.src, fixed[:], r.at); err != nil {
		return Entry{}, err
	}
	u16 := func(i int) int { return int(binary.LittleEndian.Uint16(fixed[i:])) }
	u32 := func(i int) int64 { return int64(binary.LittleEndian.Uint32(fixed[i:])) }
	if u32(0) != localMark {
		return Entry{}, refuse(Ambiguous, h.name, "no local header at %d", r.at)
	}
	n := u16(26) + u16(28)
	if r.end-r.at-localSize < int64(n) {
		return Entry{}, refuse(Ambiguous, h.name, "its local header would lie in the directory")
	}
	r.buf = append(r.buf[:0], make([]byte, n)...)
	if err := readFull(r.src, r.buf, r.at+localSize); err != nil {
		return Entry{}, err
	}
	name, extra := string(r.buf[:u16(26)]), r.buf[u16(26):]
	descriptor := h.flags&flagDescriptor != 0
	sized := uint32(u32(14)) == h.crc && u32(18) == h.packed && u32(22) == h.size
	unsized := u32(14) == 0 && u32(18) == 0 && u32(22) == 0
	if name != h.name || uint16(u16(6)) != h.flags || uint16(u16(8)) != h.method || !sized && !(descriptor && unsized) {
		return Entry{}, refuse(Ambiguous, h.name, "its local header says something else than the directory")
	}
	if err := checkExtra(h.name, extra); err != nil {
		return Entry{}, err
	}
	e := Entry{Name: h.name, Size: h.size, CRC: h.crc, method: h.method, packed: h.packed, offset: r.at + localSize + int64(n)}
	r.at = e.offset + e.packed
	if r.at > r.end {
		return Entry{}, refuse(Ambiguous, h.name, "its bytes would lie in the directory")
	}
	if descriptor {
		return e, r.descriptor(h)
	}
	return e, nil
}

// descriptor reads the sizes behind an entry, which repeat what the directory says. Its mark is optional.
func (r *rowReader) descriptor(h header) error {
	var b [16]byte
	part := b[:min(16, r.end-r.at)]
	if err := readFull(r.src, part, r.at); err != nil {
		return err
	}
	var want [16]byte
	binary.LittleEndian.PutUint32(want[0:], descriptorMark)
	binary.LittleEndian.PutUint32(want[4:], h.crc)
	binary.LittleEndian.PutUint32(want[8:], uint32(h.packed))
	binary.LittleEndian.PutUint32(want[12:], uint32(h.size))
	switch {
	case len(part) == 16 && b == want:
		r.at += 16
	case len(part) >= 12 && string(part[:12]) == string(want[4:]):
		r.at += 12
	default:
		return refuse(Ambiguous, h.name, "the sizes behind it are not those of the directory")
	}
	return nil
}

// checkType holds the first entry to the rules for mimetype (EN 319 162-1, A.1).
func checkType(src io.ReaderAt, e Entry, h header) error {
	if e.Name != mimetypeName {
		return refuse(BadType, e.Name, "the first entry is not mimetype")
	}
	if e.method != stored || h.flags&flagDescriptor != 0 || len(h.extra) != 0 || e.offset != localSize+int64(len(mimetypeName)) {
		return refuse(BadType, e.Name, "it must be stored, without extra field")
	}
	if e.Size != int64(len(MediaType)) {
		return refuse(BadType, e.Name, "%d bytes, expected %s", e.Size, MediaType)
	}
	b := make([]byte, e.Size)
	if err := readFull(src, b, e.offset); err != nil {
		return err
	}
	if string(b) != MediaType {
		return refuse(BadType, e.Name, "%q, expected %s", b, MediaType)
	}
	return nil
}

// Entries are all files in their order, mimetype first.
func (c *Container) Entries() []Entry { return append([]Entry(nil), c.entries...) }

// Objects are the names of the data objects, in order: everything but mimetype and META-INF.
func (c *Container) Objects() []string {
	var out []string
	for _, e := range c.entries {
		if e.Name != mimetypeName && !e.meta {
			out = append(out, e.Name)
		}
	}
	return out
}

// Meta are the names of the files in META-INF, in order.
func (c *Container) Meta() []string {
	var out []string
	for _, e := range c.entries {
		if e.meta {
			out = append(out, e.Name)
		}
	}
	return out
}

// Entry finds a file by its exact name.
func (c *Container) Entry(name string) (Entry, bool) {
	i, ok := c.index[name]
	if !ok {
		return Entry{}, false
	}
	return c.entries[i], true
}

// Source gives a file as a document: unpacked while it is read, in constant memory. Reading at the very end compares size
// and checksum with those of the directory.
func (c *Container) Source(name string) (signing.Source, bool) {
	e, ok := c.Entry(name)
	if !ok {
		return nil, false
	}
	if e.method == stored {
		return &plain{SectionReader: io.NewSectionReader(c.src, e.offset, e.packed)}, true
	}
	return &unpacked{src: c.src, e: e, mu: new(sync.Mutex)}, true
}

// Read gives a small file whole, checked against size and checksum.
func (c *Container) Read(name string, limit int64) ([]byte, error) {
	e, ok := c.Entry(name)
	if !ok {
		return nil, refuse(NoEntry, name, "")
	}
	if e.Size > limit {
		return nil, refuse(TooLarge, name, "%d bytes, limit %d", e.Size, limit)
	}
	b := make([]byte, 0, e.Size)
	err := c.Copy(name, func(p []byte) error { b = append(b, p...); return nil })
	return b, err
}
