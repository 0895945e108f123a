package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/tram-exchange/tram/projections"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/tsp"
)

// Object numbers of the demonstration's PDFs.
const (
	pdfCatalog = iota + 1
	pdfPages
	pdfPage
	pdfContents
	pdfFont
	pdfSignature
	pdfField
	pdfEnd // the first free number
)

// demoPDF is a one-page PDF that says a word; enough to be opened.
func demoPDF(title string) []byte {
	text := projections.Fold(title) // the built-in font knows no Vietnamese letters
	stream := fmt.Sprintf("BT /F1 24 Tf 72 720 Td (%s) Tj ET", strings.NewReplacer("\\", "", "(", "", ")", "").Replace(text))
	f := pdfFile{b: []byte("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"), size: pdfSignature}
	f.revise([]pdfObject{
		{pdfCatalog, "<< /Type /Catalog /Pages 2 0 R >>"},
		{pdfPages, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"},
		{pdfPage, "<< " + pdfPageEntries + " >>"},
		{pdfContents, fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream)},
		{pdfFont, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"},
	})
	return f.b
}

const pdfPageEntries = "/Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>"

// pdfObject is one object of a revision.
type pdfObject struct {
	number int
	body   string
}

// pdfFile is a PDF that grows by revisions.
type pdfFile struct {
	b    []byte
	size int // one more than the highest object number
	last int // where the newest cross-reference table begins; 0: there is none yet
}

// revise appends objects, which replace earlier ones of their number, and a cross-reference table. Numbers ascend. It gives
// where each begins.
func (f *pdfFile) revise(objects []pdfObject) map[int]int {
	at := make(map[int]int, len(objects))
	for _, o := range objects {
		at[o.number] = len(f.b)
		f.b = fmt.Appendf(f.b, "%d 0 obj\n%s\nendobj\n", o.number, o.body)
	}
	start := len(f.b)
	f.b = append(f.b, "xref\n"...)
	if f.last == 0 {
		f.b = append(f.b, "0 1\n0000000000 65535 f \n"...)
	}
	for _, o := range objects {
		f.b = fmt.Appendf(f.b, "%d 1\n%010d 00000 n \n", o.number, at[o.number])
	}
	f.b = fmt.Appendf(f.b, "trailer\n<< /Size %d /Root %d 0 R", f.size, pdfCatalog)
	if f.last > 0 {
		f.b = fmt.Appendf(f.b, " /Prev %d", f.last)
	}
	f.b = fmt.Appendf(f.b, " >>\nstartxref\n%d\n%%%%EOF\n", start)
	f.last = start
	return at
}

// pdfRoom is how many octets a signature may have, with certificate and time-stamp.
const pdfRoom = 12 << 10

// signDemoPDF signs a PDF of demoPDF as a desktop program would (PAdES, EN 319 142-1): one more revision with a signature over everything else, and
// a time-stamp over its value (level B-T).
func signDemoPDF(ctx context.Context, doc []byte, who *person, now time.Time, stamper tsp.Stamper) ([]byte, error) {
	f := pdfFile{b: bytes.Clone(doc), size: pdfEnd, last: bytes.LastIndex(doc, []byte("\nxref\n")) + 1}
	const noRange = "[0 0000000000 0000000000 0000000000]"
	at := f.revise([]pdfObject{
		{pdfCatalog, fmt.Sprintf("<< /Type /Catalog /Pages 2 0 R /AcroForm << /SigFlags 3 /Fields [%d 0 R] >> >>", pdfField)},
		{pdfPage, fmt.Sprintf("<< %s /Annots [%d 0 R] >>", pdfPageEntries, pdfField)},
		{pdfSignature, fmt.Sprintf("<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /Name %s /M (%s) /ByteRange %s /Contents <%s> >>",
			pdfText(who.name), now.UTC().Format("D:20060102150405Z"), noRange, strings.Repeat("0", 2*pdfRoom))},
		{pdfField, fmt.Sprintf("<< /Type /Annot /Subtype /Widget /FT /Sig /T (ChuKy1) /V %d 0 R /P 3 0 R /Rect [0 0 0 0] /F 132 >>", pdfSignature)},
	})
	from := at[pdfSignature]
	open := from + bytes.Index(f.b[from:], []byte("/Contents <")) + len("/Contents ")
	end := open + 2*pdfRoom + len("<>")
	copy(f.b[from+bytes.Index(f.b[from:], []byte(noRange)):], fmt.Sprintf("[0 %010d %010d %010d]", open, end, len(f.b)-end))
	digest := tsp.HashOf(crypto.SHA256, append(bytes.Clone(f.b[:open]), f.b[end:]...))
	message, err := stampedCMS(ctx, digest, who.id, stamper)
	if err != nil {
		return nil, err
	}
	if len(message) > pdfRoom {
		return nil, fmt.Errorf("couldn't sign PDF: the signature has %d octets, the room for it %d", len(message), pdfRoom)
	}
	hex.Encode(f.b[open+1:], message)
	return f.b, nil
}

// stampedCMS signs a digest and has the signature time-stamped.
func stampedCMS(ctx context.Context, digest []byte, id identity, stamper tsp.Stamper) ([]byte, error) {
	der, err := cms.SignDetached(digest, id.key, id.chain[0], cms.SignOptions{Hash: crypto.SHA256, Certificates: []*x509.Certificate{id.chain[0]}})
	if err != nil {
		return nil, err
	}
	d, err := cms.Parse(der, cms.Options{})
	if err != nil {
		return nil, err
	}
	token, err := stamper.Stamp(ctx, crypto.SHA256, tsp.HashOf(crypto.SHA256, d.Signers[0].Signature))
	if err != nil {
		return nil, err
	}
	return d.WithUnsigned(0, cms.Attribute{Type: cms.OIDSignatureTimeStamp, Values: [][]byte{token.Raw}})
}

// pdfText is a text string in UTF-16, in hex.
func pdfText(s string) string {
	b := []byte{0xFE, 0xFF}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return "<" + hex.EncodeToString(b) + ">"
}
