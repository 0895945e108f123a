package schemas

import (
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf8"
)

// Archives are read by their central directory, strictly: it must lie right before its end record, within the
// archive, and not be larger than the limits allow, before any of it is kept. That keeps memory small where a
// general reader would build a list of whatever an attacker writes, and makes sure that a reader which goes by the
// local headers sees the same file.

const (
	zipLocalSize   = 30
	zipCentralSize = 46
	zipEndSize     = 22
	zip64LocSize   = 20
	zip64EndSize   = 56

	zipLocal   = 0x04034b50
	zipCentral = 0x02014b50
	zipEnd     = 0x06054b50
	zip64Loc   = 0x07064b50
	zip64End   = 0x06064b50

	zipStore   = 0
	zipDeflate = 8

	maxEntryName = 255 // bytes
)

// zipProblem is what is wrong with an archive.
type zipProblem struct {
	code   Code
	detail string
	value  string
}

func zipBad(format string, args ...any) *zipProblem {
	return &zipProblem{code: AttachmentZip, detail: fmt.Sprintf(format, args...)}
}

// looksZipped reports whether base64 text starts as an archive does (PK 3 4).
func (e *encoded) looksZipped() bool {
	return e.count >= 8 && string(e.head[:4]) == "UEsD" && e.head[4] == 'B'
}

// zipDirectory is where the central directory lies.
type zipDirectory struct {
	offset, size, records int64
}

// readZip lists an archive. A non-nil problem is the package's fault; err is the source's.
func readZip(src Source, lim Limits) (entries []Entry, bad *zipProblem, err error) {
	d, bad, err := findZipDirectory(src)
	if bad != nil || err != nil {
		return nil, bad, err
	}
	if d.records > int64(lim.MaxEntries) || d.size > int64(lim.MaxEntries)*(zipCentralSize+maxEntryName) {
		return nil, &zipProblem{code: AttachmentBomb, detail: fmt.Sprintf("archive lists %d files in %d bytes, limit is %d files", d.records, d.size, lim.MaxEntries)}, nil
	}
	dir := make([]byte, d.size)
	if _, err := readFull(src, dir, d.offset); err != nil {
		return nil, nil, err
	}
	var unpacked, packed int64
	for i := int64(0); i < d.records; i++ {
		e, n, bad := centralEntry(dir)
		if bad != nil {
			return nil, bad, nil
		}
		dir = dir[n:]
		if e.header < 0 || e.packed < 0 || e.Size < 0 || e.header+zipLocalSize+e.packed > d.offset {
			return nil, zipBad("archive entry lies outside the archive"), nil
		}
		if unpacked += e.Size; unpacked > lim.MaxUnpacked || unpacked < 0 {
			return nil, &zipProblem{code: AttachmentBomb, detail: fmt.Sprintf("archive unpacks to more than %d bytes", lim.MaxUnpacked)}, nil
		}
		packed += e.packed
		if !e.dir {
			entries = append(entries, e)
		}
	}
	if len(dir) > 0 {
		return nil, zipBad("archive directory has %d bytes too many", len(dir)), nil
	}
	if packed > src.Size() {
		return nil, &zipProblem{code: AttachmentBomb, detail: "archive entries overlap"}, nil
	}
	if unpacked > lim.RatioFloor && unpacked/max(src.Size(), 1) > lim.MaxRatio {
		return nil, &zipProblem{code: AttachmentBomb, detail: fmt.Sprintf("archive of %d bytes unpacks to %d, more than %d times", src.Size(), unpacked, lim.MaxRatio)}, nil
	}
	return entries, nil, nil
}

// findZipDirectory finds the end record: the last one whose comment reaches exactly to the end.
func findZipDirectory(src Source) (d zipDirectory, bad *zipProblem, err error) {
	size := src.Size()
	for _, tail := range []int64{1 << 10, zipEndSize + 1<<16} {
		tail = min(tail, size)
		b := make([]byte, tail)
		if _, err := readFull(src, b, size-tail); err != nil {
			return d, nil, err
		}
		for i := len(b) - zipEndSize; i >= 0; i-- {
			r := b[i:]
			if le32(r) == zipEnd && int(le16(r[20:])) == len(r)-zipEndSize {
				return endRecord(src, r, size-tail+int64(i))
			}
		}
		if tail == size {
			break
		}
	}
	return d, zipBad("archive has no end, it is cut or broken"), nil
}

func endRecord(src Source, r []byte, at int64) (d zipDirectory, bad *zipProblem, err error) {
	d = zipDirectory{offset: int64(le32(r[16:])), size: int64(le32(r[12:])), records: int64(le16(r[10:]))}
	if le16(r[4:]) != le16(r[6:]) || le16(r[8:]) != le16(r[10:]) {
		return d, zipBad("archive is split over several files"), nil
	}
	if d.records == 0xffff || d.size == 0xffffffff || d.offset == 0xffffffff {
		if d, at, bad, err = endRecord64(src, at); bad != nil || err != nil {
			return d, bad, err
		}
	}
	if d.offset < 0 || d.size < 0 || d.records < 0 || d.size > at || d.offset != at-d.size {
		return d, zipBad("archive directory is not where the archive says"), nil
	}
	return d, nil, nil
}

// endRecord64 reads the zip64 records before the end record at the given offset. It returns where they start.
func endRecord64(src Source, at int64) (d zipDirectory, start int64, bad *zipProblem, err error) {
	if at < zip64LocSize+zip64EndSize {
		return d, 0, zipBad("archive lacks its zip64 record"), nil
	}
	b := make([]byte, zip64LocSize+zip64EndSize)
	start = at - int64(len(b))
	if _, err := readFull(src, b, start); err != nil {
		return d, 0, nil, err
	}
	if le32(b) != zip64End || le32(b[zip64EndSize:]) != zip64Loc || int64(le64(b[zip64EndSize+8:])) != start {
		return d, 0, zipBad("archive lacks its zip64 record"), nil
	}
	return zipDirectory{offset: int64(le64(b[48:])), size: int64(le64(b[40:])), records: int64(le64(b[32:]))}, start, nil, nil
}

// centralEntry reads the entry at the start of the central directory.
func centralEntry(b []byte) (e Entry, n int, bad *zipProblem) {
	if len(b) < zipCentralSize || le32(b) != zipCentral {
		return e, 0, zipBad("archive directory is broken")
	}
	name, extra, comment := int(le16(b[28:])), int(le16(b[30:])), int(le16(b[32:]))
	n = zipCentralSize + name + extra + comment
	if n > len(b) {
		return e, 0, zipBad("archive directory is cut")
	}
	flags := le16(b[8:])
	e = Entry{Name: string(b[zipCentralSize : zipCentralSize+name]), Size: int64(le32(b[24:])), packed: int64(le32(b[20:])),
		header: int64(le32(b[42:])), method: le16(b[10:]), crc: le32(b[16:])}
	if flags&(1|1<<6|1<<13) != 0 || e.method == 99 {
		return e, 0, &zipProblem{code: AttachmentEncrypted, detail: "archive is encrypted"}
	}
	if e.method != zipStore && e.method != zipDeflate {
		return e, 0, zipBad("archive is packed by method %d, only stored and deflated are read", e.method)
	}
	if !zip64Fields(&e, b[zipCentralSize+name:zipCentralSize+name+extra]) {
		return e, 0, zipBad("archive entry lacks its zip64 sizes")
	}
	if !utf8.ValidString(e.Name) { // an old tool's code page; the name is only shown
		e.Name = strings.ToValidUTF8(e.Name, "_")
	}
	if why := entryNameFault(e.Name); why != "" {
		return e, 0, &zipProblem{code: AttachmentName, detail: "archive entry " + why, value: e.Name}
	}
	e.dir = strings.HasSuffix(e.Name, "/")
	return e, n, nil
}

// zip64Fields replaces sizes that do not fit 32 bits by those of the extra field.
func zip64Fields(e *Entry, extra []byte) bool {
	need := []*int64{}
	for _, f := range []*int64{&e.Size, &e.packed, &e.header} {
		if *f == 0xffffffff {
			need = append(need, f)
		}
	}
	if len(need) == 0 {
		return true
	}
	for len(extra) >= 4 {
		id, n := le16(extra), int(le16(extra[2:]))
		if 4+n > len(extra) {
			return false
		}
		if id == 1 {
			for i, f := range need {
				if n < 8*(i+1) {
					return false
				}
				*f = int64(le64(extra[4+8*i:]))
			}
			return true
		}
		extra = extra[4+n:]
	}
	return false
}

// entryData finds an entry's packed bytes and compares the local header with the directory.
func entryData(src Source, e Entry) (start int64, bad *zipProblem, err error) {
	var h [zipLocalSize]byte
	if _, err := readFull(src, h[:], e.header); err != nil {
		return 0, nil, err
	}
	name, extra := int64(le16(h[26:])), int64(le16(h[28:]))
	start = e.header + zipLocalSize + name + extra
	switch {
	case le32(h[:]) != zipLocal:
		return 0, zipBad("archive entry has no header of its own"), nil
	case le16(h[6:])&(1|1<<6|1<<13) != 0:
		return 0, &zipProblem{code: AttachmentEncrypted, detail: "archive is encrypted"}, nil
	case le16(h[8:]) != e.method:
		return 0, zipBad("archive entry is packed by method %d, its directory says %d", le16(h[8:]), e.method), nil
	case start+e.packed > src.Size():
		return 0, zipBad("archive entry is cut"), nil
	}
	b := make([]byte, name)
	if _, err := readFull(src, b, e.header+zipLocalSize); err != nil {
		return 0, nil, err
	}
	if strings.ToValidUTF8(string(b), "_") != e.Name {
		return 0, &zipProblem{code: AttachmentName, detail: "archive entry has another name in its directory", value: e.Name}, nil
	}
	return start, nil, nil
}

// openEntry unpacks an entry. More bytes than the directory says, fewer, or another check sum are an error of the
// reader, and never more than that many bytes come out.
func openEntry(src Source, e Entry) (io.ReadCloser, error) {
	start, bad, err := entryData(src, e)
	if err != nil {
		return nil, err
	}
	if bad != nil {
		return nil, fmt.Errorf("couldn't unpack %q: %w", e.Name, &Problem{Code: bad.code, Offset: -1, Detail: bad.detail})
	}
	r := &entryReader{entry: e, crc: crc32.NewIEEE(), left: e.Size}
	packed := io.NewSectionReader(src, start, e.packed)
	if e.method == zipStore {
		r.r = io.NopCloser(packed)
	} else {
		r.r = flate.NewReader(packed)
	}
	return r, nil
}

type entryReader struct {
	entry Entry
	r     io.ReadCloser
	crc   hash.Hash32
	left  int64
	err   error
}

func (r *entryReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if int64(len(p)) > r.left+1 {
		p = p[:r.left+1]
	}
	n, err := r.r.Read(p)
	if int64(n) > r.left {
		n = int(r.left)
		err = r.fault("unpacks to more than the %d bytes that its archive says", r.entry.Size)
	}
	r.crc.Write(p[:n])
	r.left -= int64(n)
	if err == io.EOF {
		switch {
		case r.left > 0:
			err = r.fault("unpacks to %d bytes less than its archive says", r.left)
		case r.crc.Sum32() != r.entry.crc:
			err = r.fault("does not have the check sum that its archive says")
		}
	} else if err != nil && n == 0 {
		if _, ok := err.(flate.CorruptInputError); ok {
			err = r.fault("is broken: %v", err)
		}
	}
	r.err = err
	return n, err
}

func (r *entryReader) fault(format string, args ...any) error {
	return fmt.Errorf("couldn't unpack %q: %w", r.entry.Name, &Problem{Code: AttachmentZip, Offset: -1, Detail: fmt.Sprintf(format, args...)})
}

func (r *entryReader) Close() error { return r.r.Close() }

func readFull(src io.ReaderAt, b []byte, at int64) (int, error) {
	n, err := src.ReadAt(b, at)
	if n == len(b) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("couldn't read archive: %w", err)
}

func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
