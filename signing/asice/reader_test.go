package asice

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
)

var day = time.Date(2026, 11, 22, 7, 30, 0, 0, time.UTC)

// file is one entry of a hand-made ZIP file. Zero fields are filled in as they should be.
type file struct {
	name, content string
	deflate       bool
	flags         uint16
	localName     string // other than name
	localFlags    *uint16
	localSize     *uint32
	method        *uint16
	extra         string // central
	localExtra    string
	comment       string
	size, crc     *uint32 // as stated, both places
	gap           string  // bytes before the local header
	descriptor    string  // "", "marked", "bare", "wrong"
	behind        string  // bytes appended to the deflate stream
	madeBy        uint8   // system of attributes
	attributes    uint32
}

func ptr[T any](v T) *T { return &v }

// build makes a ZIP file byte by byte, right or wrong.
func build(t testing.TB, files []file, change func(end []byte) []byte) []byte {
	t.Helper()
	var out, dir bytes.Buffer
	put := func(w *bytes.Buffer, v ...any) {
		for _, x := range v {
			if err := binary.Write(w, binary.LittleEndian, x); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, f := range files {
		out.WriteString(f.gap)
		at := uint32(out.Len())
		packed := []byte(f.content)
		method := uint16(stored)
		if f.deflate {
			method = deflated
			var b bytes.Buffer
			w, err := flate.NewWriter(&b, 9)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, f.content)
			w.Close()
			b.WriteString(f.behind)
			packed = b.Bytes()
		}
		if f.method != nil {
			method = *f.method
		}
		crc, size := crc32.ChecksumIEEE([]byte(f.content)), uint32(len(f.content))
		if f.crc != nil {
			crc = *f.crc
		}
		if f.size != nil {
			size = *f.size
		}
		flags, localName := f.flags, f.localName
		if localName == "" {
			localName = f.name
		}
		lcrc, lpacked, lsize := crc, uint32(len(packed)), size
		if f.descriptor != "" {
			flags |= flagDescriptor
			lcrc, lpacked, lsize = 0, 0, 0
		}
		lflags := flags
		if f.localFlags != nil {
			lflags = *f.localFlags
		}
		if f.localSize != nil {
			lsize = *f.localSize
		}
		put(&out, uint32(localMark), uint16(20), lflags, method, uint32(0), lcrc, lpacked, lsize, uint16(len(localName)), uint16(len(f.localExtra)))
		out.WriteString(localName + f.localExtra)
		out.Write(packed)
		switch f.descriptor {
		case "marked":
			put(&out, uint32(descriptorMark), crc, uint32(len(packed)), size)
		case "bare":
			put(&out, crc, uint32(len(packed)), size)
		case "wrong":
			put(&out, uint32(descriptorMark), crc, uint32(len(packed)), size+1)
		}
		put(&dir, uint32(centralMark), uint16(f.madeBy)<<8|20, uint16(20), flags, method, uint32(0), crc, uint32(len(packed)), size,
			uint16(len(f.name)), uint16(len(f.extra)), uint16(len(f.comment)), uint16(0), uint16(0), f.attributes, at)
		dir.WriteString(f.name + f.extra + f.comment)
	}
	var end bytes.Buffer
	put(&end, uint32(endMark), uint16(0), uint16(0), uint16(len(files)), uint16(len(files)), uint32(dir.Len()), uint32(out.Len()), uint16(0))
	e := end.Bytes()
	if change != nil {
		e = change(e)
	}
	return append(append(out.Bytes(), dir.Bytes()...), e...)
}

func good(more ...file) []file {
	return append([]file{{name: "mimetype", content: MediaType}}, more...)
}

func openBytes(b []byte, l Limits) (*Container, error) {
	return Open(bytes.NewReader(b), int64(len(b)), l)
}

func TestOpen(t *testing.T) {
	doc := file{name: "a.xml", content: "<a/>"}
	zeros := strings.Repeat("\x00", 3<<20)
	for _, test := range []struct {
		name  string
		files []file
		end   func([]byte) []byte
		l     Limits
		want  Refusal
	}{
		{name: "plain", files: good(doc)},
		{name: "deflated", files: good(file{name: "a.xml", content: "<a/>", deflate: true})},
		{name: "sizes behind", files: good(file{name: "a.xml", content: "<a/>", deflate: true, descriptor: "marked"}, doc2)},
		{name: "sizes behind, no mark", files: good(file{name: "a.xml", content: "<a/>", descriptor: "bare"}, doc2)},
		{name: "type as comment", files: good(doc), end: func(e []byte) []byte {
			e[20] = byte(len(typeComment))
			return append(e, typeComment...)
		}},
		{name: "permissions", files: good(file{name: "a.xml", madeBy: madeByUnix, attributes: 0o100644 << 16})},
		{name: "permissions alone", files: good(file{name: "a.xml", madeBy: madeByUnix, attributes: 0o600<<16 | 0x20})},
		{name: "link", files: good(file{name: "a.xml", content: "/etc/passwd", madeBy: madeByUnix, attributes: 0o120777 << 16}), want: Ambiguous},
		{name: "link, Mac", files: good(file{name: "a.xml", content: "b.xml", madeBy: madeByMac, attributes: 0o120777 << 16}), want: Ambiguous},
		{name: "called a folder", files: good(file{name: "a.xml", attributes: 0x10}), want: Ambiguous},
		{name: "folders", files: good(file{name: "META-INF/signatures.xml", content: "<s/>"}, file{name: "Văn bản/số 1.xml", content: "<a/>"})},

		{name: "no zip", files: nil, end: func([]byte) []byte { return []byte("no zip file at all, though long enough for one") }, want: NotZIP},
		{name: "empty", files: nil, want: BadType},
		{name: "comment", files: good(doc), end: func(e []byte) []byte { e[20] = 1; return append(e, 'x') }, want: NotZIP},
		{name: "bytes behind", files: good(doc), end: func(e []byte) []byte { return append(e, 'x') }, want: NotZIP},
		{name: "bytes before", files: []file{{name: "mimetype", content: MediaType, gap: "MZ"}}, want: Ambiguous},
		{name: "gap", files: good(file{name: "a.xml", gap: "hidden"}), want: Ambiguous},
		{name: "volumes", files: good(doc), end: func(e []byte) []byte { e[4] = 1; return e }, want: Ambiguous},
		{name: "fewer entries than there are", files: good(doc), end: func(e []byte) []byte { e[8], e[10] = 1, 1; return e }, want: Ambiguous},
		{name: "more entries than there are", files: good(doc), end: func(e []byte) []byte { e[8], e[10] = 3, 3; return e }, want: NotZIP},
		{name: "other local name", files: good(file{name: "a.xml", localName: "b.xml"}), want: Ambiguous},
		{name: "other local flags", files: good(file{name: "a.xml", localFlags: ptr(uint16(flagUTF8))}), want: Ambiguous},
		{name: "other local size", files: good(file{name: "a.xml", content: "abc", localSize: ptr(uint32(2))}), want: Ambiguous},
		{name: "wrong sizes behind", files: good(file{name: "a.xml", content: "abc", descriptor: "wrong"}), want: Ambiguous},
		{name: "entry comment", files: good(file{name: "a.xml", comment: "x"}), want: Ambiguous},
		{name: "zip64", files: good(file{name: "a.xml", extra: "\x01\x00\x00\x00"}), want: Ambiguous},
		{name: "second name", files: good(file{name: "a.xml", extra: "\x75\x70\x01\x00\x01"}), want: Ambiguous},
		{name: "cut extra field", files: good(file{name: "a.xml", extra: "\x75"}), want: Ambiguous},
		{name: "local second name", files: good(file{name: "a.xml", localExtra: "\x75\x70\x00\x00"}), want: Ambiguous},
		{name: "unknown flag", files: good(file{name: "a.xml", flags: 1 << 4}), want: Ambiguous},
		{name: "stored with another size", files: good(file{name: "a.xml", content: "abc", size: ptr(uint32(9))}), want: Ambiguous},
		{name: "encrypted", files: good(file{name: "a.xml", flags: flagEncrypted}), want: Encrypted},
		{name: "encrypted, strongly", files: good(file{name: "a.xml", extra: "\x01\x99\x00\x00"}), want: Encrypted},
		{name: "other method", files: good(file{name: "a.xml", method: ptr(uint16(12))}), want: Method},

		{name: "absolute", files: good(file{name: "/a.xml"}), want: BadName},
		{name: "climbing", files: good(file{name: "x/../../a.xml"}), want: BadName},
		{name: "here", files: good(file{name: "./a.xml"}), want: BadName},
		{name: "backslash", files: good(file{name: `x\a.xml`}), want: BadName},
		{name: "drive", files: good(file{name: "C:a.xml"}), want: BadName},
		{name: "stream", files: good(file{name: "a.xml:x"}), want: BadName},
		{name: "directory", files: good(file{name: "META-INF/"}), want: BadName},
		{name: "no name", files: good(file{name: ""}), want: BadName},
		{name: "zero byte", files: good(file{name: "a.xml\x00"}), want: BadName},
		{name: "right-to-left", files: good(file{name: "a\u202elmx.exe"}), want: BadName},
		{name: "not UTF-8", files: good(file{name: "a\xff.xml"}), want: BadName},
		{name: "decomposed", files: good(file{name: "e\u0302.xml"}), want: BadName},
		{name: "dot at the end", files: good(file{name: "a.xml."}), want: BadName},
		{name: "long name", files: good(file{name: strings.Repeat("a", 256)}), want: BadName},

		{name: "twice", files: good(doc, doc), want: Duplicate},
		{name: "other case", files: good(doc, file{name: "A.xml"}), want: Duplicate},
		{name: "other width", files: good(doc, file{name: "ａ.xml"}), want: Duplicate},
		{name: "meta in other case", files: good(file{name: "META-INF/signatures.xml"}, file{name: "meta-inf/signatures.xml"}), want: Duplicate},

		{name: "no type", files: []file{doc}, want: BadType},
		{name: "type not first", files: []file{doc, {name: "mimetype", content: MediaType}}, want: BadType},
		{name: "type deflated", files: []file{{name: "mimetype", content: MediaType, deflate: true}}, want: BadType},
		{name: "type with extra field", files: []file{{name: "mimetype", content: MediaType, localExtra: "\x55\x54\x00\x00"}}, want: BadType},
		{name: "type with sizes behind", files: []file{{name: "mimetype", content: MediaType, descriptor: "marked"}}, want: BadType},
		{name: "other type", files: []file{{name: "mimetype", content: strings.Replace(MediaType, "-e+", "-s+", 1)}}, want: BadType},
		{name: "type with line end", files: []file{{name: "mimetype", content: MediaType + "\n"}}, want: BadType},

		{name: "bomb", files: good(file{name: "a.xml", content: zeros, deflate: true}), want: Ratio},
		{name: "large", files: good(doc), l: Limits{Size: 100}, want: TooLarge},
		{name: "large entry", files: good(doc), l: Limits{Entry: 3}, want: TooLarge},
		{name: "large in all", files: good(doc), l: Limits{Total: 33}, want: TooLarge},
		{name: "many", files: good(doc), l: Limits{Entries: 1}, want: TooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := build(t, test.files, test.end)
			c, err := openBytes(b, test.l)
			if test.want != "" {
				if !errors.Is(err, &Error{Refusal: test.want}) || c != nil {
					t.Fatalf("got %v, expected %s", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range test.files {
				if got := c.Entries()[i].Name; got != f.name {
					t.Errorf("entry %d is %q, expected %q", i, got, f.name)
				}
				got, err := c.Read(f.name, 1<<20)
				if err != nil || string(got) != f.content {
					t.Errorf("%s: %q, %v", f.name, got, err)
				}
			}
		})
	}
}

var doc2 = file{name: "b.xml", content: "<b/>"}

func TestDamaged(t *testing.T) {
	for name, f := range map[string]file{
		"checksum":            {name: "a.xml", content: "abc", crc: ptr(uint32(1))},
		"shorter than stated": {name: "a.xml", content: "abc", deflate: true, size: ptr(uint32(4))},
		"longer than stated":  {name: "a.xml", content: "abc", deflate: true, size: ptr(uint32(2))},
		"bytes behind":        {name: "a.xml", content: "abc", deflate: true, behind: "hidden"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := openBytes(build(t, good(f), nil), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read("a.xml", 1<<20); !errors.Is(err, &Error{Refusal: Damaged}) {
				t.Errorf("got %v, expected %s", err, Damaged)
			}
		})
	}
	c, err := openBytes(build(t, good(doc2), nil), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read("b.xml", 3); !errors.Is(err, &Error{Refusal: TooLarge}) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := c.Read("c.xml", 3); !errors.Is(err, &Error{Refusal: NoEntry}) {
		t.Errorf("not there: %v", err)
	}
}

// A deflated entry can be read at any offset, as a stored one can.
func TestSource(t *testing.T) {
	content := strings.Repeat("Ủy ban nhân dân tỉnh Bắc Giang. ", 5000)
	c, err := openBytes(build(t, good(file{name: "a.xml", content: content, deflate: true}, file{name: "b.xml", content: content}), nil), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.xml", "b.xml"} {
		src, ok := c.Source(name)
		if !ok || src.Size() != int64(len(content)) {
			t.Fatalf("%s: %v", name, ok)
		}
		for _, off := range []int{0, 70_000, 100, 100, len(content) - 5} {
			b := make([]byte, 7)
			n, err := src.ReadAt(b, int64(off))
			want := content[off:min(off+7, len(content))]
			if string(b[:n]) != want || (err == io.EOF) != (n < 7) {
				t.Errorf("%s at %d: %q, %v, expected %q", name, off, b[:n], err, want)
			}
		}
		if all, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size())); err != nil || string(all) != content {
			t.Errorf("%s: %d bytes, %v", name, len(all), err)
		}
	}
	if _, ok := c.Detached("../a.xml"); ok {
		t.Error("a reference that climbs was resolved")
	}
	if _, ok := c.Detached("mimetype"); ok {
		t.Error("mimetype was resolved as a data object")
	}
	if _, ok := c.Detached("a.xml"); !ok {
		t.Error("a.xml was not resolved")
	}
}

// What a Builder writes is what it said it would, can be opened strictly, and by Go's own reader.
func TestBuilder(t *testing.T) {
	ctx := context.Background()
	b := NewBuilder(day)
	for name, content := range map[string]string{"packages/1.xml": "<a/>"} {
		if err := b.Add(ctx, name, "application/xml", signing.BytesSource(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", "/x", "../x", "packages/1.xml", "PACKAGES/1.xml", "META-INF/x", "meta-inf/x", "MimeType", "a b", "đ"} {
		if err := b.Add(ctx, name, "", signing.BytesSource("x")); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if err := b.AddMeta("x", "", nil); err == nil {
		t.Error("a data object was taken for META-INF")
	}
	if err := b.AddSignatures(Signable()); err != nil {
		t.Fatal(err)
	}
	write := func() []byte {
		var w bytes.Buffer
		if err := b.WriteTo(ctx, &w); err != nil {
			t.Fatal(err)
		}
		return w.Bytes()
	}
	file := write()
	if int64(len(file)) != b.Size() || !bytes.Equal(file, write()) {
		t.Errorf("%d bytes, said %d; or not the same twice", len(file), b.Size())
	}
	c, err := openBytes(file, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Objects(), " "); got != "packages/1.xml" {
		t.Errorf("objects: %s", got)
	}
	if got := c.Signatures(); len(got) != 1 || got[0] != SignaturesName {
		t.Errorf("signatures: %s", got)
	}
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		mine, err2 := c.Read(c.Entries()[i].Name, 1<<20)
		if err != nil || err2 != nil || f.Name != c.Entries()[i].Name || !bytes.Equal(content, mine) || !f.Modified.Equal(day) {
			t.Errorf("%s: %v, %v, %s", f.Name, err, err2, f.Modified)
		}
	}
}

// changing gives other bytes the second time it is read.
type changing struct{ reads int }

func (c *changing) Size() int64 { return 4 }
func (c *changing) ReadAt(p []byte, off int64) (int, error) {
	if off == 0 {
		c.reads++
	}
	return signing.BytesSource(strings.Repeat(string(rune('0'+c.reads)), 4)).ReadAt(p, off)
}

func TestSourceThatChanges(t *testing.T) {
	b := NewBuilder(day)
	if err := b.Add(context.Background(), "a", "", &changing{}); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteTo(context.Background(), io.Discard); !errors.Is(err, errChanged) {
		t.Errorf("got %v, expected %v", err, errChanged)
	}
}

func TestAssertion(t *testing.T) {
	ctx := context.Background()
	make1 := func(change func(manifest string) string) []byte {
		b := NewBuilder(day)
		for _, name := range []string{"a.xml", "b/c.xml"} {
			if err := b.Add(ctx, name, "application/xml", signing.BytesSource("<"+name+"/>")); err != nil {
				t.Fatal(err)
			}
		}
		var manifest []byte
		if err := b.Assert(func(m []byte) ([]byte, error) { manifest = m; return []byte("token"), nil }); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			o := &b.meta[0]
			o.src = signing.BytesSource(change(string(manifest)))
			o.Size = o.src.Size()
			again, err := b.object(ctx, "META-INF/again", "", o.src)
			if err != nil {
				t.Fatal(err)
			}
			o.SHA256, o.crc = again.SHA256, again.crc
		}
		var w bytes.Buffer
		if err := b.WriteTo(ctx, &w); err != nil {
			t.Fatal(err)
		}
		return w.Bytes()
	}
	c, err := openBytes(make1(nil), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Assertions(ctx)
	if err != nil || len(list) != 1 || string(list[0].Token) != "token" || len(list[0].References) != 2 || len(list[0].Uncovered(c)) != 0 {
		t.Fatalf("got %+v, %v", list, err)
	}
	for name, test := range map[string]struct {
		change func(string) string
		want   Refusal
	}{
		"other digest": {func(m string) string { return swapDigests(m) }, Mismatch},
		"not there":    {func(m string) string { return strings.Replace(m, "b/c.xml", "b/d.xml", 1) }, NoEntry},
		"climbing":     {func(m string) string { return strings.Replace(m, "b/c.xml", "../c.xml", 1) }, BadContent},
		"elsewhere":    {func(m string) string { return strings.Replace(m, "b/c.xml", "http://x/c.xml", 1) }, BadContent},
		"twice":        {func(m string) string { return strings.Replace(m, "b/c.xml", "a.xml", 1) }, BadContent},
		"SHA-1": {func(m string) string {
			return strings.Replace(m, signing.DigestSHA256, "http://www.w3.org/2000/09/xmldsig#sha1", 1)
		}, BadContent},
		"not XML":     {func(m string) string { return m + "<x" }, BadContent},
		"more behind": {func(m string) string { return m + "<x/>" }, BadContent},
		"no token":    {func(m string) string { return strings.Replace(m, "timestamp.tst", "timestamp2.tst", 1) }, NoEntry},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := openBytes(make1(test.change), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Assertions(ctx); !errors.Is(err, &Error{Refusal: test.want}) {
				t.Errorf("got %v, expected %s", err, test.want)
			}
		})
	}
	c, err = openBytes(make1(func(m string) string {
		i := strings.LastIndex(m, "<asic:DataObjectReference")
		return m[:i] + "</asic:ASiCManifest>"
	}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if list, err = c.Assertions(ctx); err != nil || len(list) != 1 || len(list[0].Uncovered(c)) != 1 {
		t.Errorf("an object left out: %+v, %v", list, err)
	}
}

// swapDigests exchanges the two digests of a manifest.
func swapDigests(m string) string {
	parts := strings.Split(m, "<ds:DigestValue>")
	a, b := parts[1][:44], parts[2][:44]
	return parts[0] + "<ds:DigestValue>" + b + parts[1][44:] + "<ds:DigestValue>" + a + parts[2][44:]
}

// Whatever is opened is what Go's own reader sees too, name by name and byte by byte; nothing panics.
func FuzzOpen(f *testing.F) {
	f.Add(build(f, good(file{name: "a.xml", content: "<a/>", deflate: true, descriptor: "marked"}, doc2), nil))
	f.Add(build(f, good(file{name: "META-INF/ASiCManifest.xml", content: "<a/>"}, file{name: "é.xml", content: "x"}), nil))
	files, err := filepath.Glob("../../testdata/evidence/*.asice")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := Limits{Entries: 100, Entry: 1 << 20, Total: 4 << 20}
		c, err := openBytes(b, l)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("neither refused nor cut off: %v", err)
			}
			return
		}
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
			t.Fatalf("opened here, not there: %v", err)
		}
		if len(z.File) != len(c.Entries()) {
			t.Fatalf("%d entries here, %d there", len(c.Entries()), len(z.File))
		}
		for i, e := range c.Entries() {
			mine, err := c.Read(e.Name, 1<<20)
			if err != nil {
				continue
			}
			if z.File[i].Name != e.Name {
				t.Fatalf("%q here, %q there", e.Name, z.File[i].Name)
			}
			r, err := z.File[i].Open()
			if err != nil {
				t.Fatalf("%q opened here, not there: %v", e.Name, err)
			}
			theirs, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(mine, theirs) {
				t.Fatalf("%q differs, %v", e.Name, err)
			}
		}
		_, _ = c.Assertions(context.Background())
	})
}
