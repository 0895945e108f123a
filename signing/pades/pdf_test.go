package pades_test

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

var at = time.Date(2026, 11, 22, 10, 20, 30, 0, time.UTC)

func clock() time.Time { return at }

// world is who signs in these tests.
type world struct {
	ca     *trialca.Authority
	key    crypto.Signer
	cert   *x509.Certificate
	tsa    *tsp.Authority
	tsaKey crypto.Signer
}

func newWorld(t testing.TB, kind trialca.KeyType) *world {
	t.Helper()
	ca, err := trialca.New("CA thử nghiệm PDF", rand.Reader, clock)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{ca: ca}
	if w.key, w.cert, err = ca.Issue(trialca.Leaf{Name: "Nguyễn Văn An", OrgCode: "H02", Use: trialca.Sign, Key: kind}); err != nil {
		t.Fatal(err)
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		t.Fatal(err)
	}
	var cert *x509.Certificate
	w.tsaKey, cert, err = ca.IssueWith(trialca.Leaf{Name: "TSA thử nghiệm", Use: trialca.Sign}, func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, nil
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage})
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.tsa, err = tsp.NewAuthority(w.tsaKey, []*x509.Certificate{cert}, tsp.Options{Now: clock}); err != nil {
		t.Fatal(err)
	}
	return w
}

// pdf is a small file that grows by revisions.
type pdf struct {
	b      []byte
	style  string // "table", "stream" (cross-reference streams and packed objects), "hybrid"
	next   int
	prev   int
	fields []int
	dss    int
	hide   bool // leave the form out of the catalogue
}

const (
	catalogObject = 1
	pageObject    = 3
	contentObject = 4
)

func newPDF(style string) *pdf {
	p := &pdf{style: style, next: 5, prev: -1}
	p.b = []byte("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	p.revise([]object{
		{catalogObject, p.catalog(), ""},
		{2, "<</Type/Pages/Kids[3 0 R]/Count 1>>", ""},
		{pageObject, p.page(), ""},
		{contentObject, "<</Length 44>>", "BT /F1 24 Tf 72 720 Td (Cong van 01) Tj ET  \n"[:44]},
	})
	return p
}

func (p *pdf) catalog() string {
	s := "<</Type/Catalog/Pages 2 0 R"
	if len(p.fields) > 0 && !p.hide {
		s += "/AcroForm<</SigFlags 3/Fields[" + p.refs() + "]>>"
	}
	if p.dss > 0 {
		s += fmt.Sprintf("/DSS %d 0 R", p.dss)
	}
	return s + ">>"
}

func (p *pdf) page() string {
	return "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/Annots[" + p.refs() + "]>>"
}

func (p *pdf) refs() string {
	var s []string
	for _, f := range p.fields {
		s = append(s, fmt.Sprintf("%d 0 R", f))
	}
	return strings.Join(s, " ")
}

type object struct {
	num    int
	dict   string
	stream string
}

// revise appends objects and cross-references, and returns where each object begins.
func (p *pdf) revise(list []object) map[int]int {
	offsets := map[int]int{}
	var packed []object
	for _, o := range list {
		if p.style == "stream" && o.stream == "" && !strings.Contains(o.dict, "/ByteRange") {
			packed = append(packed, o)
			continue
		}
		offsets[o.num] = len(p.b)
		if o.stream != "" {
			p.b = fmt.Appendf(p.b, "%d 0 obj\n%s\nstream\n%s\nendstream\nendobj\n", o.num, o.dict, o.stream)
			continue
		}
		p.b = fmt.Appendf(p.b, "%d 0 obj\n%s\nendobj\n", o.num, o.dict)
	}
	container := 0
	if len(packed) > 0 {
		container = p.next
		p.next++
		offsets[container] = len(p.b)
		p.b = append(p.b, packObjects(container, packed)...)
	}
	switch p.style {
	case "stream":
		p.xrefStream(offsets, packed, container, p.prev)
	case "hybrid":
		// The table hides the page; the stream beside it shows it.
		hidden := map[int]int{}
		if at, ok := offsets[pageObject]; ok {
			hidden[pageObject] = at
			delete(offsets, pageObject)
		}
		beside := -1
		if len(hidden) > 0 {
			keep := p.prev
			p.xrefStream(hidden, nil, 0, -1)
			beside, p.prev = p.prev, keep
		}
		p.table(offsets, beside)
	default:
		p.table(offsets, -1)
	}
	return offsets
}

func packObjects(container int, list []object) []byte {
	var index, body strings.Builder
	for _, o := range list {
		fmt.Fprintf(&index, "%d %d ", o.num, body.Len())
		body.WriteString(o.dict + " ")
	}
	data := deflate([]byte(index.String() + body.String()))
	return fmt.Appendf(nil, "%d 0 obj\n<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream\nendobj\n", container, len(list), index.Len(), len(data), data)
}

func deflate(b []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

func sorted(m map[int]int) []int {
	var out []int
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (p *pdf) table(offsets map[int]int, beside int) {
	start := len(p.b)
	p.b = append(p.b, "xref\n"...)
	if p.prev < 0 {
		p.b = append(p.b, "0 1\n0000000000 65535 f \n"...)
	}
	for _, num := range sorted(offsets) {
		p.b = fmt.Appendf(p.b, "%d 1\n%010d 00000 n \n", num, offsets[num])
	}
	p.b = fmt.Appendf(p.b, "trailer\n<</Size %d/Root 1 0 R", p.next)
	if p.prev >= 0 {
		p.b = fmt.Appendf(p.b, "/Prev %d", p.prev)
	}
	if beside >= 0 {
		p.b = fmt.Appendf(p.b, "/XRefStm %d", beside)
	}
	p.b = fmt.Appendf(p.b, ">>\nstartxref\n%d\n%%%%EOF\n", start)
	p.prev = start
}

func (p *pdf) xrefStream(offsets map[int]int, packed []object, container, prev int) {
	num, start := p.next, len(p.b)
	p.next++
	rows := map[int][6]byte{}
	put := func(n int, kind byte, a, b int) {
		rows[n] = [6]byte{kind, byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a), byte(b)}
	}
	for n, at := range offsets {
		put(n, 1, at, 0)
	}
	for i, o := range packed {
		put(o.num, 2, container, i)
	}
	put(num, 1, start, 0)
	nums := make(map[int]int)
	for n := range rows {
		nums[n] = 0
	}
	var index strings.Builder
	var data []byte
	before := [6]byte{}
	for _, n := range sorted(nums) {
		fmt.Fprintf(&index, "%d 1 ", n)
		row := rows[n]
		data = append(data, 2) // PNG "up"
		for i := range row {
			data = append(data, row[i]-before[i])
		}
		before = row
	}
	data = deflate(data)
	p.b = fmt.Appendf(p.b, "%d 0 obj\n<</Type/XRef/Size %d/Root 1 0 R/W[1 4 1]/Index[%s]/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 6>>/Length %d", num, p.next, index.String(), len(data))
	if prev >= 0 {
		p.b = fmt.Appendf(p.b, "/Prev %d", prev)
	}
	p.b = fmt.Appendf(p.b, ">>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", data, start)
	p.prev = start
}

// utf16Text is a text string in UTF-16BE, in hex.
func utf16Text(s string) string {
	b := []byte{0xFE, 0xFF}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return "<" + hex.EncodeToString(b) + ">"
}

// how says how a signature is made.
type how struct {
	sub      string // SubFilter; empty: ETSI.CAdES.detached
	pss      bool
	hash     crypto.Hash
	stamp    bool // signature time-stamp over the value
	room     int  // octets of Contents; 0: 8192
	entries  string
	change   func(message []byte) []byte // of the CMS before it is put in
	ranges   func(r [4]int) [4]int       // of the ByteRange that is written
	signTime bool
}

const noRange = "[0 0000000000 0000000000 0000000000]"

// sign appends a revision with a signature.
func (p *pdf) sign(t testing.TB, w *world, field string, h how) {
	t.Helper()
	if h.sub == "" {
		h.sub = "ETSI.CAdES.detached"
	}
	if h.room == 0 {
		h.room = 8192
	}
	if h.hash == 0 {
		h.hash = crypto.SHA256
	}
	sig, widget := p.next, p.next+1
	p.next += 2
	p.fields = append(p.fields, widget)
	typ := "Sig"
	if h.sub == "ETSI.RFC3161" {
		typ = "DocTimeStamp"
	}
	dict := "<</Type/" + typ + "/Filter/Adobe.PPKLite/SubFilter/" + h.sub + h.entries + "/ByteRange " + noRange + "/Contents <" + strings.Repeat("0", 2*h.room) + ">>>"
	offsets := p.revise([]object{
		{catalogObject, p.catalog(), ""},
		{pageObject, p.page(), ""},
		{sig, dict, ""},
		{widget, fmt.Sprintf("<</Type/Annot/Subtype/Widget/FT/Sig/T(%s)/V %d 0 R/P 3 0 R/Rect[0 0 0 0]/F 132>>", field, sig), ""},
	})
	from := offsets[sig]
	open := from + bytes.Index(p.b[from:], []byte("/Contents <0000")) + len("/Contents ")
	shut := open + 2*h.room + 2
	r := [4]int{0, open, shut, len(p.b) - shut}
	if h.ranges != nil {
		r = h.ranges(r)
	}
	text := fmt.Sprintf("[%d %010d %010d %010d]", r[0], r[1], r[2], r[3])
	copy(p.b[from+bytes.Index(p.b[from:], []byte(noRange)):], text[:min(len(text), len(noRange))])
	message := w.message(t, h, p.b[:open], p.b[shut:])
	if h.change != nil {
		message = h.change(message)
	}
	if len(message) > h.room {
		t.Fatalf("message of %d octets", len(message))
	}
	hex.Encode(p.b[open+1:], message)
}

func (w *world) message(t testing.TB, h how, parts ...[]byte) []byte {
	t.Helper()
	sum := tsp.HashOf(h.hash, bytes.Join(parts, nil))
	if h.sub == "ETSI.RFC3161" {
		token, err := w.tsa.Stamp(t.Context(), h.hash, sum)
		if err != nil {
			t.Fatal(err)
		}
		return token.Raw
	}
	o := cms.SignOptions{Hash: h.hash, PSS: h.pss, Certificates: []*x509.Certificate{w.cert}}
	if h.signTime {
		o.SigningTime = at
	}
	der, err := cms.SignDetached(sum, w.key, w.cert, o)
	if err != nil {
		t.Fatal(err)
	}
	if !h.stamp {
		return der
	}
	d, err := cms.Parse(der, cms.Options{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.tsa.Stamp(t.Context(), crypto.SHA256, tsp.HashOf(crypto.SHA256, d.Signers[0].Signature))
	if err != nil {
		t.Fatal(err)
	}
	if der, err = d.WithUnsigned(0, cms.Attribute{Type: cms.OIDSignatureTimeStamp, Values: [][]byte{token.Raw}}); err != nil {
		t.Fatal(err)
	}
	return der
}

// store appends a revision with a document security store.
func (p *pdf) store(certs, crls [][]byte) {
	var list []object
	refs := map[string]string{}
	for key, all := range map[string][][]byte{"Certs": certs, "CRLs": crls} {
		for _, der := range all {
			list = append(list, object{p.next, fmt.Sprintf("<</Length %d>>", len(der)), string(der)})
			refs[key] += fmt.Sprintf("%d 0 R ", p.next)
			p.next++
		}
	}
	p.dss = p.next
	p.next++
	list = append(list, object{p.dss, "<</Type/DSS/Certs[" + refs["Certs"] + "]/CRLs[" + refs["CRLs"] + "]>>", ""}, object{catalogObject, p.catalog(), ""})
	p.revise(list)
}

// overwrite appends a revision that changes what the page shows.
func (p *pdf) overwrite() {
	p.revise([]object{{contentObject, "<</Length 44>>", "BT /F1 24 Tf 72 720 Td (Cong van 99) Tj ET  \n"[:44]}})
}
