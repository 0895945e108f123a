package pades_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/pades"
	"github.com/tram-exchange/tram/signing/trialca"
)

func read(t testing.TB, b []byte) *pades.Document {
	t.Helper()
	d, err := pades.Read(t.Context(), signing.BytesSource(b), pades.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const person = "/Name " + "(Nguyen Van An)" + "/M(D:20261122172030+07'00')/Location(H\xE0 N\x80i)"

func words(reason string) string { return person + "/Reason " + utf16Text(reason) }

const reason = "Ký duyệt công văn số 01/UBND-VP, đã kiểm tra thể thức"

func TestReadSigned(t *testing.T) {
	for _, style := range []string{"table", "stream", "hybrid"} {
		for _, tt := range []struct {
			name string
			kind trialca.KeyType
			h    how
			alg  cms.Kind
		}{
			{"P-256", trialca.P256, how{}, cms.ECDSA},
			{"RSA", trialca.RSA2048, how{hash: crypto.SHA512}, cms.RSAPKCS1},
			{"PSS", trialca.RSA2048, how{pss: true}, cms.RSAPSS},
			{"stamped", trialca.P256, how{stamp: true}, cms.ECDSA},
			{"Adobe", trialca.P256, how{sub: "adbe.pkcs7.detached", signTime: true}, cms.ECDSA},
		} {
			t.Run(style+" "+tt.name, func(t *testing.T) {
				w := newWorld(t, tt.kind)
				p := newPDF(style)
				tt.h.entries = words(reason)
				p.sign(t, w, "ChuKy1", tt.h)
				d := read(t, p.b)
				if d.Problem != "" || len(d.Signatures) != 1 || d.Revisions != 2 || d.Scanned {
					t.Fatalf("%+v", d)
				}
				s := d.Signatures[0]
				if !s.Intact || !s.Whole || len(s.Notes) != 0 || len(s.Later) != 0 {
					t.Fatalf("problems %v, notes %v, whole %v, later %v", s.Problems, s.Notes, s.Whole, s.Later)
				}
				if s.Field != "ChuKy1" || s.Reason != reason || s.Name != "Nguyen Van An" || s.Location != "Hà N•i" || !s.Claimed.Equal(at) || s.Filter != "Adobe.PPKLite" {
					t.Fatalf("says %q %q %q %q %v %q", s.Field, s.Reason, s.Name, s.Location, s.Claimed, s.Filter)
				}
				if !s.Signer.Equal(w.cert) || len(s.Certificates) != 1 || s.Algorithm.Kind != tt.alg || s.Covers != int64(len(p.b)) || s.After != 0 {
					t.Fatalf("signer %v, algorithm %v, covers %d of %d", s.Signer, s.Algorithm, s.Covers, len(p.b))
				}
				level := "B-B"
				when, stamped := s.Stamped()
				switch {
				case tt.h.sub != "":
					level = ""
				case tt.h.stamp:
					level = "B-T"
				}
				if stamped != tt.h.stamp || stamped && !when.Equal(at) || s.Level != level {
					t.Fatalf("stamped %v %v, level %q", stamped, when, s.Level)
				}
			})
		}
	}
}

// Person, organisation, validation material and a document time-stamp, one revision each.
func TestReadRevisions(t *testing.T) {
	for _, style := range []string{"table", "stream", "hybrid"} {
		t.Run(style, func(t *testing.T) {
			w, office := newWorld(t, trialca.P256), newWorld(t, trialca.RSA2048)
			p := newPDF(style)
			p.sign(t, w, "ca-nhan", how{entries: words(reason)})
			p.sign(t, office, "co-quan", how{entries: words("Ký số của cơ quan")})
			p.store([][]byte{w.ca.Certificate.Raw, office.ca.Certificate.Raw}, [][]byte{{0x30, 0x00}})
			p.sign(t, w, "dau-thoi-gian", how{sub: "ETSI.RFC3161"})
			d := read(t, p.b)
			if d.Problem != "" || len(d.Signatures) != 3 || d.Revisions != 5 || len(d.Certificates) != 2 || len(d.CRLs) != 1 {
				t.Fatalf("%+v", d)
			}
			for i, s := range d.Signatures {
				if !s.Intact || s.Whole != (i == 2) || len(s.Notes) != 0 {
					t.Fatalf("%d: problems %v, notes %v, whole %v", i, s.Problems, s.Notes, s.Whole)
				}
			}
			first, second, stamp := d.Signatures[0], d.Signatures[1], d.Signatures[2]
			if first.Field != "ca-nhan" || second.Field != "co-quan" || !stamp.Stamp || !stamp.Claimed.Equal(at) || first.Level != "B-LTA" || second.Level != "B-LTA" || stamp.Level != "" {
				t.Fatalf("%q %q %v %q", first.Field, second.Field, stamp.Stamp, first.Level)
			}
			if len(d.Proofs(first)) != 1 || len(d.Proofs(stamp)) != 0 {
				t.Fatal("the document time-stamp proves what it covers, and nothing else")
			}
			if len(first.Later) != 3 || !slices.Equal(first.Later[1].Kinds, []string{"catalog", "validation"}) || !slices.Equal(first.Later[0].Kinds, []string{"catalog", "signature"}) {
				t.Fatalf("later: %v", first.Later)
			}
		})
	}
}

func TestContentChangedLater(t *testing.T) {
	for _, style := range []string{"table", "stream"} {
		w := newWorld(t, trialca.P256)
		p := newPDF(style)
		p.sign(t, w, "a", how{})
		p.overwrite()
		s := read(t, p.b).Signatures[0]
		if !s.Intact || s.Whole || s.After == 0 || len(s.Later) != 1 || !slices.Equal(s.Later[0].Kinds, []string{"content"}) {
			t.Fatalf("%s: intact %v, whole %v, later %v", style, s.Intact, s.Whole, s.Later)
		}
		p = newPDF(style)
		p.sign(t, w, "a", how{})
		p.b = append(p.b, "\r\n \n"...)
		if s := read(t, p.b).Signatures[0]; !s.Intact || !s.Whole || s.After != 4 {
			t.Fatalf("white space behind the end: %+v", s)
		}
	}
}

// A later revision that drops a signature doesn't make it disappear.
func TestSignatureRemoved(t *testing.T) {
	w := newWorld(t, trialca.P256)
	p := newPDF("table")
	p.sign(t, w, "a", how{})
	p.sign(t, w, "b", how{})
	p.fields = p.fields[1:]
	p.revise([]object{{catalogObject, p.catalog(), ""}})
	d := read(t, p.b)
	if len(d.Signatures) != 2 {
		t.Fatalf("%d signatures", len(d.Signatures))
	}
	gone := d.Signatures[0]
	if gone.Field != "a" || !gone.Intact || len(gone.Notes) != 1 || gone.Notes[0].Problem != pades.RemovedLater || len(d.Signatures[1].Notes) != 0 {
		t.Fatalf("%+v", gone)
	}
}

type attack struct {
	name string
	want pades.Problem // of a signature; empty: it holds, with a note
	make func(t testing.TB, w *world) []byte
}

const claimed = "/M(D:20261122172030+07'00')"

// signedWith makes a file of one signature with a change.
func signedWith(h how, then func(b []byte, p *pdf) []byte) func(testing.TB, *world) []byte {
	return func(t testing.TB, w *world) []byte {
		p := newPDF("table")
		h.room = 1400
		h.entries += claimed
		p.sign(t, w, "a", h)
		if then == nil {
			return p.b
		}
		return then(p.b, p)
	}
}

func replace(old, with string) func([]byte, *pdf) []byte {
	return func(b []byte, _ *pdf) []byte {
		if len(old) != len(with) || !strings.Contains(string(b), old) {
			panic("no " + old)
		}
		return []byte(strings.Replace(string(b), old, with, 1))
	}
}

func attacks() []attack {
	return []attack{
		{"content changed", "digest-mismatch", signedWith(how{}, replace("Cong van 01", "Cong van 02"))},
		{"signature dictionary changed", "digest-mismatch", signedWith(how{entries: "/Reason(dong y)"}, replace("dong y", "phe an"))},
		{"range from 1", pades.RangeStart, signedWith(how{ranges: func(r [4]int) [4]int { r[0]++; r[1]--; return r }}, nil)},
		{"gap too wide", pades.RangeGap, signedWith(how{ranges: func(r [4]int) [4]int { r[1] -= 10; return r }}, nil)},
		{"gap too wide behind", pades.RangeGap, signedWith(how{ranges: func(r [4]int) [4]int { r[2]++; r[3]--; return r }}, nil)},
		{"gap without brackets", pades.RangeGap, signedWith(how{ranges: func(r [4]int) [4]int { r[1]++; r[2]--; r[3]++; return r }}, nil)},
		{"no gap", pades.RangeGap, signedWith(how{ranges: func(r [4]int) [4]int { return [4]int{0, 100, 100, r[2] + r[3] - 100} }}, nil)},
		{"ranges overlap", pades.BadByteRange, signedWith(how{ranges: func(r [4]int) [4]int { r[2] = 10; return r }}, nil)},
		{"beyond the end", pades.RangeBeyond, signedWith(how{ranges: func(r [4]int) [4]int { r[3] += 100; return r }}, nil)},
		{"huge", pades.RangeBeyond, signedWith(how{ranges: func(r [4]int) [4]int { r[3] = 9999999999; return r }}, nil)},
		{"short end", pades.RangeEnd, signedWith(how{ranges: func(r [4]int) [4]int { r[3] -= 20; return r }}, nil)},
		{"null range", pades.BadByteRange, signedWith(how{}, replace("/ByteRange [", "/ByteRangX ["))},
		{"negative", pades.BadByteRange, signedWith(how{}, replace("/ByteRange [0 0", "/ByteRange [0 -"))},
		{"contents missing", pades.NoContents, signedWith(how{}, replace("/Contents <", "/Contentx <"))},
		{"contents empty", pades.NoContents, signedWith(how{change: func(b []byte) []byte { return nil }}, nil)},
		{"contents twice", pades.Ambiguous, signedWith(how{entries: "/Contents <00>"}, nil)},
		{"range twice", pades.Ambiguous, signedWith(how{entries: "/ByteRange [0 0 0 0]"}, nil)},
		{"contents no CMS", "malformed", signedWith(how{change: func([]byte) []byte { return []byte{0x30, 0x01, 0x05, 0x00} }}, nil)},
		{"contents with octets behind", "", signedWith(how{change: func(b []byte) []byte { return append(b, 0, 0, 1) }}, nil)},
		{"value changed", "value-mismatch", signedWith(how{change: func(b []byte) []byte { b[len(b)-1] ^= 1; return b }}, nil)},
		{"own content", pades.OwnContent, func(t testing.TB, w *world) []byte {
			return signedWith(how{change: func([]byte) []byte {
				der, err := cms.Sign([]byte("khác"), w.key, w.cert, cms.SignOptions{Certificates: []*x509.Certificate{w.cert}})
				if err != nil {
					t.Fatal(err)
				}
				return der
			}}, nil)(t, w)
		}},
		{"a time-stamp as a signature", pades.OwnContent, func(t testing.TB, w *world) []byte {
			return signedWith(how{change: func([]byte) []byte { return w.message(t, how{sub: "ETSI.RFC3161", hash: crypto.SHA256}) }}, nil)(t, w)
		}},
		{"SHA-1 format", pades.LegacySubFilter, signedWith(how{sub: "adbe.pkcs7.sha1"}, nil)},
		{"RSA without CMS", pades.LegacySubFilter, signedWith(how{sub: "adbe.x509.rsa_sha1"}, nil)},
		{"unknown format", pades.SubFilter, signedWith(how{sub: "ETSI.XAdES"}, nil)},
		{"another signature's Contents", "digest-mismatch", func(t testing.TB, w *world) []byte {
			var other []byte
			signedWith(how{entries: "/Reason(x)", change: func(b []byte) []byte { other = b; return b }}, nil)(t, w)
			return signedWith(how{change: func([]byte) []byte { return other }}, nil)(t, w)
		}},
		{"not listed by the signed revision", pades.NotInRevision, wrapped},
		{"catalogue later leads to a copy", pades.RangeGap, copied},
	}
}

// wrapped keeps a signed revision whole and lists its signature only in a revision behind it: the covered one knows no form.
func wrapped(t testing.TB, w *world) []byte {
	p := newPDF("table")
	p.hide = true
	p.sign(t, w, "a", how{room: 1400, entries: claimed})
	p.hide = false
	p.revise([]object{{catalogObject, p.catalog(), ""}})
	return p.b
}

// copied appends a copy of the signature dictionary and lists that instead: its Contents stands elsewhere than its ranges say.
func copied(t testing.TB, w *world) []byte {
	p := newPDF("table")
	p.sign(t, w, "a", how{room: 1400, entries: claimed})
	s := string(p.b)
	from := strings.LastIndex(s, "<</Type/Sig/")
	dict := s[from : from+strings.Index(s[from:], "\nendobj")]
	num := p.fields[0] - 1
	p.revise([]object{{num, dict, ""}})
	return p.b
}

func TestAttacks(t *testing.T) {
	w := newWorld(t, trialca.P256)
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) { checkAttack(t, a.make(t, w), a.want) })
	}
}

// checkAttack: the problem is told, and nothing else is shown as if all were well.
func checkAttack(t *testing.T, b []byte, want pades.Problem) {
	t.Helper()
	d := read(t, b)
	if len(d.Signatures) == 0 {
		t.Fatalf("no signature: %+v", d)
	}
	if want == "" {
		if s := d.Signatures[0]; !s.Intact || len(s.Notes) == 0 {
			t.Fatalf("problems %v, notes %v", s.Problems, s.Notes)
		}
		return
	}
	told := false
	for _, s := range d.Signatures {
		told = told || slices.ContainsFunc(s.Problems, func(f pades.Finding) bool { return f.Problem == want && f.Detail != "" })
		if s.Intact && len(s.Notes) == 0 {
			t.Errorf("signature of field %q is shown as if nothing were wrong", s.Field)
		}
	}
	if !told {
		t.Fatalf("%+v, want %s", d.Signatures[0], want)
	}
}

func TestDocuments(t *testing.T) {
	w := newWorld(t, trialca.P256)
	plain := newPDF("table")
	signed := newPDF("table")
	signed.sign(t, w, "a", how{})
	locked := newPDF("table")
	locked.sign(t, w, "a", how{})
	broken := strings.Replace(string(signed.b), "startxref", "startxxxx", -1)
	for _, tt := range []struct {
		name       string
		b          string
		problem    pades.Problem
		signatures int
	}{
		{"plain", string(plain.b), "", 0},
		{"empty", "", pades.NotPDF, 0},
		{"word", "PK\x03\x04 không phải PDF", pades.NotPDF, 0},
		{"head only", "%PDF-1.7\n", pades.Broken, 0},
		{"encrypted", strings.Replace(string(locked.b), "/Root 1 0 R/Prev", "/Encrypt<</V 4>>/Root 1 0 R/Prev", 1), pades.Encrypted, 0},
		{"no startxref", broken, pades.Broken, 1},
		{"cut off", string(signed.b[:len(signed.b)-60]), pades.Broken, 1},
		{"circle", strings.Replace(string(plain.b), "/Root", "/Prev "+last(plain.b)+"/Root", 1), pades.Broken, 0},
		{"startxref astray", strings.Replace(string(plain.b), "startxref\n", "startxref\n9", 1), pades.Broken, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := read(t, []byte(tt.b))
			if d.Problem != tt.problem || len(d.Signatures) != tt.signatures || (d.Problem != "") != (d.Detail != "") {
				t.Fatalf("%+v", d)
			}
			if tt.signatures > 0 && (!d.Scanned || len(d.Signatures[0].Notes) == 0) {
				t.Fatalf("doesn't say that it was searched: %+v", d.Signatures[0])
			}
		})
	}
}

func last(b []byte) string {
	s := string(b)
	s = s[strings.LastIndex(s, "startxref\n")+10:]
	return s[:strings.Index(s, "\n")]
}

func TestLimits(t *testing.T) {
	w := newWorld(t, trialca.P256)
	p := newPDF("stream")
	for range 3 {
		p.sign(t, w, "a", how{room: 2000})
	}
	for name, lim := range map[string]pades.Limits{
		"signatures": {MaxSignatures: 2}, "revisions": {MaxRevisions: 2}, "objects": {MaxObjects: 10}, "contents": {MaxContents: 1000}, "decoded": {MaxDecoded: 200},
	} {
		d, err := pades.Read(t.Context(), signing.BytesSource(p.b), lim)
		if err != nil || d.Problem != pades.TooBig || d.Detail == "" {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
}

type failing struct{ signing.BytesSource }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 1000 {
		return 0, errDisk
	}
	return f.BytesSource.ReadAt(p, off)
}

var errDisk = errors.New("disk")

func TestErrorsOfTheSource(t *testing.T) {
	w := newWorld(t, trialca.P256)
	p := newPDF("table")
	p.sign(t, w, "a", how{})
	if _, err := pades.Read(t.Context(), failing{p.b}, pades.Limits{}); !errors.Is(err, errDisk) {
		t.Fatalf("error of the source: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pades.Read(ctx, signing.BytesSource(p.b), pades.Limits{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("ended context: %v", err)
	}
}

// Every octet of a signed file changed in turn: it is not intact any more, except within Contents, of which every fifth is tried.
func TestMutations(t *testing.T) {
	w := newWorld(t, trialca.P256)
	p := newPDF("table")
	p.sign(t, w, "a", how{room: 1500, entries: words(reason)})
	good := read(t, p.b).Signatures[0]
	open, shut := good.ByteRange[1], good.ByteRange[2]
	for i := range p.b {
		inside := int64(i) > open && int64(i) < shut-1
		if inside && i%5 > 0 {
			continue
		}
		for _, x := range []byte{0x01, 0x80} {
			b := slices.Clone(p.b)
			b[i] ^= x
			for _, s := range read(t, b).Signatures {
				if s.Intact && !inside {
					t.Fatalf("octet %d changed by %#x, and it holds", i, x)
				}
				if s.Intact && !s.Signer.Equal(w.cert) {
					t.Fatalf("octet %d changed by %#x: another signer", i, x)
				}
			}
		}
	}
}

func TestBigFile(t *testing.T) {
	w := newWorld(t, trialca.P256)
	p := newPDF("table")
	filler := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	for range 24 {
		p.revise([]object{{p.next, "<</Length 1048576>>", filler}})
		p.next++
	}
	p.sign(t, w, "a", how{})
	d := read(t, p.b)
	if len(d.Signatures) != 1 || !d.Signatures[0].Intact {
		t.Fatalf("%+v", d)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read(t, p.b)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Fatalf("%d octets of memory for a file of %d", n, len(p.b))
	}
}

func TestCertification(t *testing.T) {
	w := newWorld(t, trialca.P256)
	for p, want := range map[string]struct {
		certifies int
		note      bool
	}{"/P 1": {1, true}, "/P 2": {2, true}, "": {2, true}, "/P 7": {2, true}} {
		f := newPDF("table")
		f.sign(t, w, "a", how{entries: "/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/V/1.2" + p + ">>>>]"})
		f.sign(t, w, "b", how{})
		s := read(t, f.b).Signatures[0]
		if s.Certifies != want.certifies || !s.Intact || len(s.Notes) != 0 {
			t.Fatalf("%s: certifies %d, notes %v", p, s.Certifies, s.Notes)
		}
		f.overwrite()
		s = read(t, f.b).Signatures[0]
		if !s.Intact || len(s.Notes) != 1 || s.Notes[0].Problem != pades.AgainstCertification {
			t.Fatalf("%s: %v", p, s.Notes)
		}
	}
}

// Files made to keep a reader busy end in time, with or without what they hide.
func TestBusyFiles(t *testing.T) {
	deep := strings.Repeat("<</A", 200_000)
	for name, body := range map[string]string{
		"ranges without objects": strings.Repeat("/ByteRange ", 300_000),
		"objects without end":    strings.Repeat("1 0 obj<</ByteRange(", 150_000),
		"numbers":                strings.Repeat("obj ", 500_000) + "/ByteRange",
		"dictionaries":           "1 0 obj" + deep + "/ByteRange",
		"long table":             "xref\n" + strings.Repeat("0 0\n", 400_000) + "trailer<<>>",
		"many parts":             "xref\n" + strings.Repeat("0 1\n0000000000 65535 f \n", 60_000) + "trailer<<>>",
	} {
		b := "%PDF-1.7\n" + body + "\nstartxref\n9\n%%EOF\n"
		d := read(t, []byte(b))
		if d.Problem == "" && name != "long table" {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
}

// What was prepared in the signed part and is shown by a later revision, or exchanged by it, is told: shadow attacks.
func TestShadows(t *testing.T) {
	w := newWorld(t, trialca.P256)
	const font, drawing, note, pages, page = 50, 51, 52, 53, 54
	before := []object{
		{font, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", ""},
		{drawing, "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 4>>", "q Q "},
		{note, "<</Type/Annot/Subtype/FreeText/Rect[0 0 500 500]/Contents(khac)>>", ""},
		{pages, "<</Type/Pages/Kids[54 0 R]/Count 1>>", ""},
		{page, "<</Type/Page/Parent 53 0 R/MediaBox[0 0 595 842]>>", ""},
	}
	for _, style := range []string{"table", "stream"} {
		for name, tt := range map[string]struct {
			change func(p *pdf) []object
			want   string
		}{
			"other pages": {func(p *pdf) []object {
				return []object{{catalogObject, strings.Replace(p.catalog(), "/Pages 2 0 R", "/Pages 53 0 R", 1), ""}}
			}, "page"},
			"font exchanged": {func(*pdf) []object { return []object{{font, "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>", ""}} }, "content"},
			"drawing exchanged": {func(*pdf) []object {
				return []object{{drawing, "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 4>>", "Q q "}}
			}, "content"},
			"note brought out": {func(p *pdf) []object {
				return []object{{pageObject, strings.Replace(p.page(), "/Annots[", "/Annots[52 0 R ", 1), ""}}
			}, "annotation"},
			"page made larger": {func(p *pdf) []object { return []object{{pageObject, strings.Replace(p.page(), "842", "999", 1), ""}} }, "page"},
			"action on opening": {func(p *pdf) []object {
				return []object{{catalogObject, strings.Replace(p.catalog(), "/Pages", "/OpenAction<</S/URI/URI(http://a.example)>>/Pages", 1), ""}}
			}, "other"},
			"form of XML": {func(p *pdf) []object {
				return []object{{catalogObject, strings.Replace(p.catalog(), "/SigFlags", "/XFA(x)/SigFlags", 1), ""}}
			}, "content"},
			"nothing but the catalogue": {func(p *pdf) []object { return []object{{catalogObject, p.catalog(), ""}} }, ""},
		} {
			p := newPDF(style)
			p.next = 60
			p.revise(before)
			p.sign(t, w, "a", how{})
			p.revise(tt.change(p))
			s := read(t, p.b).Signatures[0]
			if !s.Intact || s.Whole || len(s.Later) != 1 {
				t.Fatalf("%s: %+v", name, s)
			}
			strange := slices.DeleteFunc(slices.Clone(s.Later[0].Kinds), func(k string) bool { return k == "catalog" })
			if strings.Join(strange, " ") != tt.want {
				t.Errorf("%s %s: %v, want %q", style, name, s.Later[0].Kinds, tt.want)
			}
		}
	}
}

// BenchmarkRead reads a signed file of 16 MiB.
func BenchmarkRead(b *testing.B) {
	w := newWorld(b, trialca.P256)
	p := newPDF("table")
	for range 16 {
		p.revise([]object{{p.next, "<</Length 1048576>>", strings.Repeat("0123456789abcdef", 1<<16)}})
		p.next++
	}
	p.sign(b, w, "a", how{})
	b.SetBytes(int64(len(p.b)))
	b.ReportAllocs()
	for b.Loop() {
		if d := read(b, p.b); !d.Signatures[0].Intact {
			b.Fatal(d.Signatures[0].Problems)
		}
	}
}
