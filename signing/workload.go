package signing

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Workload is one document of the benchmarks, signed, with what is needed to verify it: the same for `go test -bench`
// and for `tram bench`.
type Workload struct {
	Name     string
	Document []byte
	Tokens   int // tokens of the document, about
	options  VerifyOptions
}

// Workloads signs the documents whose verification has targets: 2 KB, a usual package of 20 KB, 230 KB of 5,000 elements,
// and 10 MB of attachment in base64. trust must hold the authority of chain, and at lie in its validity.
func Workloads(key crypto.Signer, chain []*x509.Certificate, trust *Trust, at time.Time) ([]Workload, error) {
	var out []Workload
	for _, c := range []struct {
		name       string
		rows       int
		attachment int
	}{{"2KB", 0, 1 << 10}, {"20KB", 0, 18 << 10}, {"230KB", 5000, 1 << 10}, {"10MB", 0, 10 << 20}} {
		doc, err := Sign(benchDocument(c.rows, c.attachment), key, chain, SignOptions{})
		if err != nil {
			return nil, fmt.Errorf("couldn't make workload %s: %w", c.name, err)
		}
		out = append(out, Workload{Name: c.name, Document: doc, Tokens: 60 + 4*c.rows, options: VerifyOptions{Trust: trust, At: at}})
	}
	return out, nil
}

// Verify verifies the document once, and fails if it is not accepted.
func (w *Workload) Verify() error {
	_, err := VerifyPackage(context.Background(), BytesSource(w.Document), w.options)
	return err
}

// benchDocument returns an edXML document with so many table cells and so many bytes of attachment in lines of base64.
func benchDocument(cells, attachment int) []byte {
	const e = "edXML:"
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<edXML xmlns=\"http://www.mic.gov.vn/TBT/QCVN_102_2016\">" +
		"<edXML:edXMLEnvelope xmlns:edXML=\"http://www.mic.gov.vn/TBT/QCVN_102_2016\"><edXML:edXMLHeader><edXML:MessageHeader>\n")
	field := func(name, value string) { b.WriteString("<" + e + name + ">" + value + "</" + e + name + ">\n") }
	for _, org := range []string{"From", "To"} {
		b.WriteString("<" + e + org + ">")
		field("OrganId", "000.00.15.H02")
		field("OrganName", "Sở Nội vụ tỉnh Bắc Giang")
		field("Email", "snv@example.vn")
		b.WriteString("</" + e + org + ">\n")
	}
	field("DocumentId", "000.00.15.H02,2026/11/22,315/BC-SNV")
	field("Subject", "Báo cáo kết quả thực hiện công tác cải cách hành chính quý IV năm 2026")
	b.WriteString("</edXML:MessageHeader><edXML:TraceHeaderList><edXML:TraceHeader/></edXML:TraceHeaderList></edXML:edXMLHeader>" +
		"<edXML:edXMLBody><edXML:edXMLManifest version=\"1.0\"><edXML:Reference xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:href=\"cid:1\"/></edXML:edXMLManifest>\n")
	for i := range cells {
		fmt.Fprintf(&b, "<v k=\"%d\">%d đã xử lý</v>\n", i%10, 100000000000000+i)
	}
	b.WriteString("</edXML:edXMLBody></edXML:edXMLEnvelope><AttachmentEncoded><Attachment><ContentId>cid:1</ContentId><c>\n")
	const line = "UEsDBBQACAgIAHVtd1kAAAAAAAAAAAAAAAAYAAAAeGwvZHJhd2luZ3MvZHJhd2luZzEueG1sndBd\n"
	for n := 0; n < attachment; n += len(line) {
		b.WriteString(line)
	}
	b.WriteString("</c></Attachment></AttachmentEncoded></edXML>\n")
	return []byte(b.String())
}
