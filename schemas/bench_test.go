package schemas

import (
	"context"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// sampleDocument has every field of the form, for tests of writing.
func sampleDocument() *Document {
	return &Document{
		From: Organisation{ID: "H05.07", InCharge: "UBND tỉnh Bắc Ninh", Name: "Sở Nông nghiệp và Môi trường", Address: "Số 2 đường Lý Thái Tổ",
			Email: "snnmt@bacninh.example", Telephone: "0204 000 111", Fax: "0204 000 112", Website: "https://snnmt.bacninh.example"},
		To:         []Organisation{{ID: "H05", Name: "UBND tỉnh Bắc Ninh"}, {ID: "000.00.00.G22", Name: "Văn phòng Chính phủ"}},
		DocumentID: "H05.07,2025/11/18,1204/SNNMT-KHTC", Code: DocumentCode{Number: "1204", Notation: "SNNMT-KHTC"},
		Promulgation: Promulgation{Place: "Bắc Ninh", Date: Date{2025, time.November, 18}},
		Type:         DocumentType{Type: "2", Detail: "14", Name: "Báo cáo", Entry: FindDocumentType("báo cáo", 2)},
		Subject:      "Báo cáo kết quả thực hiện kế hoạch năm 2025", Content: "Kèm 02 biểu tổng hợp <chính thức> & 01 phụ lục.",
		Signer:  Signer{Competence: "KT. GIÁM ĐỐC", Position: "Phó Giám đốc", FullName: "Nguyễn Văn Bình"},
		DueDate: Date{2025, time.December, 1}, ToPlaces: []string{"Như trên", "Lưu: VT"},
		Other: OtherInfo{Priority: PriorityUrgent, PriorityRaw: "1", SphereOfPromulgation: "Kế hoạch", TyperNotation: "KHTC", PromulgationAmount: "5",
			PageAmount: "12", Direction: "false", ReplyFors: "88/UBND-TH", ReferenceCodes: "REF-1", Appendixes: []string{"Phụ lục I", "Phụ lục II"}},
		ResponseFor: []ResponseFor{{OrganID: "H05", Code: "88/UBND-TH", DocumentID: "H05,2025/10/01,88/UBND-TH", PromulgationDate: Date{2025, time.October, 1}, DateRaw: "2025/10/01"}},
		Steering:    Steering{Raw: "3", Meaning: SteeringReport}, TaskCodes: []string{"NV-2025-118"}, ApplicationType: "QLVB",
		Trace:           TraceList{Headers: []TraceHeader{{OrganID: "H05.07", Timestamp: "2025/11/18 10:00:00"}}},
		Business:        Business{Present: true, Reason: "Gửi mới", Paper: "0", Staff: []Staff{{Department: "Văn phòng", DepartmentID: "VP", Name: "Lê Thị Hòa", ID: "hoalt", Email: "hoalt@bacninh.example", Mobile: "0900 000 003"}}},
		ManifestVersion: "1.0",
	}
}

// noise does not compress, as a PDF does not.
func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	return b
}

func samplePackage(tb testing.TB, attachment int, raw bool) []byte {
	tb.Helper()
	f := FileBytes("bao cao.pdf", "application/pdf", noise(attachment))
	f.Raw = raw
	b, _, err := MarshalDocument(sampleDocument(), []File{f}, WriteOptions{Time: vectorTime})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// BenchmarkParse: the target for 20 KB is well under 30 µs.
func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name string
		size int
		raw  bool
	}{{"20KB-zip", 11_400, false}, {"20KB-raw", 11_500, true}, {"1MB-raw", 780_000, true}} {
		b.Run(c.name, func(b *testing.B) {
			in := ReceivedBytes(samplePackage(b, c.size, c.raw))
			b.SetBytes(in.Size())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(context.Background(), in, Options{Now: vectorTime}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParseTokens parses elements rather than base64.
func BenchmarkParseTokens(b *testing.B) {
	d := sampleDocument()
	for i := range 1000 {
		d.To = append(d.To, Organisation{ID: "H05.99." + strconv.Itoa(1000+i), Name: "Xã thử nghiệm"})
	}
	doc, _, err := MarshalDocument(d, nil, WriteOptions{Time: vectorTime})
	if err != nil {
		b.Fatal(err)
	}
	in := ReceivedBytes(doc)
	b.SetBytes(in.Size())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(context.Background(), in, Options{Now: vectorTime}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan is the floor in the same run: the token scanner alone over the 20 KB package.
func BenchmarkScan(b *testing.B) {
	doc := samplePackage(b, 11_400, false)
	var s xmlstream.Scanner
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		s.ResetBytes(doc, xmlstream.Limits{})
		for {
			_, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
