package schemas

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"runtime"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew; review the difference")

// The written form is frozen, byte for byte: other systems depend on its order and prefixes.
func TestWrittenForm(t *testing.T) {
	f := FileBytes("báo cáo & phụ lục.pdf", "application/pdf", []byte("%PDF-1.7 nội dung"))
	f.Raw, f.Description = true, "Báo cáo"
	doc, _, err := MarshalDocument(sampleDocument(), []File{f}, WriteOptions{Time: vectorTime})
	if err != nil {
		t.Fatal(err)
	}
	status, _, err := MarshalStatus(&Status{From: Organisation{ID: "H05", Name: "UBND tỉnh Bắc Ninh"}, Code: StatusAccepted, Description: "Đã vào sổ số 2214",
		Timestamp: vectorTime, Staff: Staff{Department: "Văn thư", Name: "Nguyễn Thị Thoa", Mobile: "0900 000 002", Email: "vanthu@bacninh.example"},
		ResponseFor: ResponseFor{OrganID: "H05.07", Code: "1204/SNNMT-KHTC", DocumentID: "H05.07,2025/11/18,1204/SNNMT-KHTC", PromulgationDate: Date{2025, time.November, 18}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"written-document": doc, "written-status": status} {
		path := "../testdata/packages/good/" + name + ".xml"
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is written as\n%s\nwant\n%s", name, got, want)
		}
	}
}

// The same document, files and time give the same bytes, zipped or not; another time gives others.
func TestWritingIsDeterministic(t *testing.T) {
	write := func(at time.Time) []byte {
		b, _, err := MarshalDocument(sampleDocument(), []File{FileBytes("a.pdf", "", noise(5000))}, WriteOptions{Time: at})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !bytes.Equal(write(vectorTime), write(vectorTime.UTC())) {
		t.Error("written twice it differs")
	}
	if bytes.Equal(write(vectorTime), write(vectorTime.Add(time.Hour))) {
		t.Error("the time makes no difference")
	}
}

// zeros is a file of any size.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

func TestMemoryOfWriting(t *testing.T) {
	const size = 64 << 20
	for name, raw := range map[string]bool{"zip": false, "raw": true} {
		f := File{Name: "bản đồ.tif", ContentType: "image/tiff", Raw: raw, Open: func() (io.ReadCloser, error) { return io.NopCloser(&zeros{size}), nil }}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		l, err := WriteDocument(io.Discard, sampleDocument(), []File{f}, WriteOptions{Time: vectorTime})
		runtime.ReadMemStats(&after)
		if err != nil || raw && l.Size < size {
			t.Fatalf("%s: %d bytes (%v)", name, l.Size, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
			t.Errorf("%s: allocated %d bytes in all, want at most 4 MiB", name, got)
		}
	}
}

// A file that fails half way gives an error, not a shorter package.
func TestFileFails(t *testing.T) {
	f := FileBytes("a.pdf", "", nil)
	f.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(&zeros{100}, brokenReader{})), nil
	}
	for _, raw := range []bool{true, false} {
		f.Raw = raw
		if _, err := WriteDocument(io.Discard, sampleDocument(), []File{f}, WriteOptions{Time: vectorTime}); err == nil {
			t.Error("writes a package of half a file")
		}
	}
	if _, err := WriteSubmission(io.Discard, Header{}, Submission{}, brokenReader{}); err == nil {
		t.Error("writes a submission of half a file")
	}
	if _, err := Parse(context.Background(), ReceivedBytes(nil), Options{}); err == nil {
		t.Error("reads nothing as a package")
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }
