package schemas

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// withContent is the SDK sample with other content in its only attachment.
func withContent(t testing.TB, name, text string) []byte {
	t.Helper()
	good := string(vectorNamed(t, "sdk-new").bytes)
	start := strings.Index(good, "<edXML:ContentTransferEncoded>") + len("<edXML:ContentTransferEncoded>")
	end := strings.Index(good, "</edXML:ContentTransferEncoded>")
	return []byte(strings.ReplaceAll(good[:start], "10842_VPCP.pdf", name) + text + good[end:])
}

// layout writes base64 in one of the ways that senders break it up.
func layout(r *rand.Rand, text string, way int) string {
	var b strings.Builder
	switch way {
	case 0:
		return text
	case 1, 2:
		end := map[int]string{1: "\n", 2: "&#13;\n"}[way]
		for len(text) > 76 {
			b.WriteString(text[:76] + end)
			text = text[76:]
		}
		b.WriteString(text)
	case 3: // white space anywhere, some characters as references, some in CDATA, comments between
		for i := 0; i < len(text); {
			n := min(1+r.IntN(200), len(text)-i)
			switch part := text[i : i+n]; r.IntN(9) {
			case 0:
				b.WriteString(" \t" + part)
			case 1:
				fmt.Fprintf(&b, "&#%d;%s", part[0], part[1:])
			case 2:
				fmt.Fprintf(&b, "&#x%x;%s", part[0], part[1:])
			case 3:
				if r.IntN(40) == 0 && strings.Count(b.String(), "<") < 20 {
					b.WriteString("<![CDATA[" + part + "]]>")
				} else {
					b.WriteString(part)
				}
			case 4:
				if r.IntN(40) == 0 && strings.Count(b.String(), "<") < 20 {
					b.WriteString("<!-- x -->")
				}
				b.WriteString(part)
			default:
				b.WriteString(part)
			}
			i += n
		}
	}
	return b.String()
}

// Any place of an attachment is read as if it lay decoded in memory, however the text is broken up.
func TestRawReadsAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, size := range []int{0, 1, 2, 3, 4, 100, 24_575, 24_576, 24_577, 98_304, 300_001} {
		content := noise(size)
		text := base64.StdEncoding.EncodeToString(content)
		for way := range 4 {
			p, err := Parse(context.Background(), ReceivedBytes(withContent(t, "ảnh.tif", layout(r, text, way))), Options{Now: vectorTime})
			if err != nil {
				t.Fatalf("%d bytes, way %d: %v", size, way, err)
			}
			raw := p.Attachments[0].Raw()
			if raw.Size() != int64(size) {
				t.Fatalf("%d bytes, way %d: Size is %d", size, way, raw.Size())
			}
			if got, err := io.ReadAll(io.NewSectionReader(raw, 0, raw.Size())); err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d bytes, way %d: read %d bytes in sequence (%v)", size, way, len(got), err)
			}
			for range 60 {
				from, n := r.IntN(size+2), r.IntN(40_000)
				b := make([]byte, n)
				got, err := raw.ReadAt(b, int64(from))
				want := content[min(from, size):min(from+n, size)]
				if got != len(want) || !bytes.Equal(b[:got], want) || (got < n) != (err == io.EOF) && n > 0 {
					t.Fatalf("%d bytes, way %d: ReadAt(%d, %d) gives %d (%v), want %d", size, way, n, from, got, err, len(want))
				}
			}
			if _, err := raw.ReadAt(make([]byte, 1), -1); err == nil {
				t.Fatal("reads before the start")
			}
		}
	}
}

func TestRawReadsConcurrently(t *testing.T) {
	content := noise(200_000)
	p, err := Parse(context.Background(), ReceivedBytes(withContent(t, "ảnh.tif", layout(nil, base64.StdEncoding.EncodeToString(content), 1))), Options{})
	if err != nil {
		t.Fatal(err)
	}
	raw := p.Attachments[0].Raw()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			for range 200 {
				from := r.IntN(len(content) - 1000)
				b := make([]byte, 1000)
				if _, err := raw.ReadAt(b, int64(from)); err != nil || !bytes.Equal(b, content[from:from+1000]) {
					t.Errorf("reads wrong bytes at %d (%v)", from, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Archives of Go's own writer, whatever is in them, are read back; ours and Go's reader see the same files.
func TestZipRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		if rapid.Bool().Draw(t, "comment") {
			z.SetComment("ghi chú PK\x05\x06 của công cụ")
		}
		contents := list(t, "files", 1, func() []byte { return rapid.SliceOfN(rapid.Byte(), 0, 500).Draw(t, "content") })
		for i, c := range contents {
			h := &zip.FileHeader{Name: fmt.Sprintf("tệp %d.txt", i), Method: rapid.SampledFrom([]uint16{zip.Store, zip.Deflate}).Draw(t, "method")}
			w, err := z.CreateHeader(h)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(c)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		src := bytes.NewReader(b.Bytes())
		entries, bad, err := readZip(src, DefaultLimits)
		if bad != nil || err != nil || len(entries) != len(contents) {
			t.Fatalf("lists %d of %d files: %+v, %v", len(entries), len(contents), bad, err)
		}
		for i, e := range entries {
			r, err := openEntry(src, e)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, contents[i]) {
				t.Fatalf("entry %d has %d bytes (%v), want %d", i, len(got), err, len(contents[i]))
			}
		}
	})
}

// An archive whose words and bytes differ gives an error, never more bytes than it promised.
func TestLyingZip(t *testing.T) {
	content := bytes.Repeat([]byte("một dòng văn bản\n"), 500)
	for _, c := range []struct {
		name string
		at   int // in the central directory
		to   byte
	}{{"less than it holds", 24, 10}, {"more than it holds", 26, 1}, {"another check sum", 16, 0x5a}} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create("10842_VPCP.pdf")
		if err != nil {
			t.Fatal(err)
		}
		w.Write(content)
		z.Close()
		archive := b.Bytes()
		central := bytes.LastIndex(archive, []byte("PK\x01\x02"))
		archive[central+c.at] ^= c.to
		p, err := Parse(context.Background(), ReceivedBytes(withContent(t, "10842_VPCP.pdf", base64.StdEncoding.EncodeToString(archive))), Options{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		a := &p.Attachments[0]
		r, err := a.Open()
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		n, err := io.Copy(io.Discard, r)
		var problem *Problem
		if !errors.As(err, &problem) || problem.Code != AttachmentZip || n > a.Size {
			t.Errorf("%s: read %d bytes of %d (%v), want a problem %s", c.name, n, a.Size, err, AttachmentZip)
		}
	}
}

// Guards are judged before anything of an archive's size is kept.
func TestZipLimits(t *testing.T) {
	lim := DefaultLimits
	lim.MaxEntries = 3
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 4 {
		z.Create(fmt.Sprint(i))
	}
	z.Close()
	if _, bad, err := readZip(bytes.NewReader(b.Bytes()), lim); err != nil || bad == nil || bad.code != AttachmentBomb {
		t.Errorf("four entries with a limit of three: %+v, %v", bad, err)
	}
	// Two entries that share the same packed bytes.
	b.Reset()
	z = zip.NewWriter(&b)
	w, _ := z.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Store})
	w.Write(noise(5000))
	z.Close()
	one := b.Bytes()
	c := bytes.LastIndex(one, []byte("PK\x01\x02"))
	e := bytes.LastIndex(one, []byte("PK\x05\x06"))
	two := append(append(append([]byte(nil), one[:e]...), one[c:e]...), one[e:]...)
	end := two[len(two)-22:]
	end[8], end[10] = 2, 2
	end[12] = byte(2 * (e - c))
	if _, bad, err := readZip(bytes.NewReader(two), DefaultLimits); err != nil || bad == nil || bad.code != AttachmentBomb {
		t.Errorf("overlapping entries: %+v, %v", bad, err)
	}
}

func TestFileNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"a.pdf": true, "Công văn số 12.pdf": true, "biểu (1).xlsx": true, ".gitignore": true, "con_duong.pdf": true, "common.pdf": true, "aux1.txt": true,
		"a..b.pdf": true, strings.Repeat("a", 255): true,
		"": false, ".": false, "..": false, "a/b": false, `a\b`: false, "/a": false, "C:a": false, "a\x00b": false, "a\nb": false, "a\x7fb": false, "con": false, "CON.txt": false,
		"Lpt1.pdf": false, "nul.tar.gz": false, "a.": false, "a ": false, " a": false, "a\u202eb": false, "a\u2066b": false, "a\u2028b": false, "a\xffb": false,
		"a*b": false, "a?b": false, `a"b`: false, "a<b": false, "a|b": false, strings.Repeat("a", 256): false,
	} {
		if why := fileNameFault(name); (why == "") != ok {
			t.Errorf("%.40q: %q, want ok %v", name, why, ok)
		}
	}
	for name, ok := range map[string]bool{"a/b.pdf": true, "a/": true, "phụ lục/a/b": true, "a/../b": false, "../a": false, "/a": false, "a//b": false, "a/con/b": false, "a/.": false, "": false} {
		if why := entryNameFault(name); (why == "") != ok {
			t.Errorf("entry %q: %q, want ok %v", name, why, ok)
		}
	}
}

func TestOpenEntry(t *testing.T) {
	p, err := Parse(context.Background(), ReceivedBytes(vectorNamed(t, "several-entries").bytes), Options{Now: vectorTime})
	if err != nil {
		t.Fatal(err)
	}
	a := &p.Attachments[0]
	for i, e := range a.Entries {
		r, err := a.OpenEntry(i)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != e.Size || n == 0 {
			t.Errorf("entry %s has %d bytes (%v), want %d", e.Name, n, err, e.Size)
		}
	}
	for _, i := range []int{-1, len(a.Entries)} {
		if _, err := a.OpenEntry(i); err == nil {
			t.Errorf("opens entry %d of %d", i, len(a.Entries))
		}
	}
	if _, err := new(Attachment).Open(); err == nil {
		t.Error("opens an attachment of no package")
	}
}
