package schemas

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/tram-exchange/tram/internal/orgid"
)

// State secrets do not travel through Trạm (QĐ 28/2018, QCVN 102:2016), and edXML has no field that says
// "secret", so the marks that people make are looked for: the extension element that a sender uses for it, the secrecy form of a
// notation (12/MẬT-UBND), and the stamp in capitals standing alone in a text. The syllable has many innocent uses
// (mật độ, bảo mật, mật ong), also in headlines written in capitals, so the stamp only counts where it stands by itself.

// Secrecy is a level of state secrecy.
type Secrecy int

// Levels.
const (
	SecrecyNone     Secrecy = iota
	SecrecyMat              // mật
	SecrecyToiMat           // tối mật
	SecrecyTuyetMat         // tuyệt mật
)

var secrecyNames = [...][2]string{{"none", "không mật"}, {"mat", "mật"}, {"toi-mat", "tối mật"}, {"tuyet-mat", "tuyệt mật"}}

// String is the name used in Trạm headers: none, mat, toi-mat, tuyet-mat.
func (s Secrecy) String() string { return secrecyNames[min(max(s, 0), SecrecyTuyetMat)][0] }

// Vietnamese is the name people read.
func (s Secrecy) Vietnamese() string { return secrecyNames[min(max(s, 0), SecrecyTuyetMat)][1] }

// SecrecyOfNotation is the level that a notation (or number and notation, or DocumentId) states by one of its parts.
func SecrecyOfNotation(s string) Secrecy {
	if !mayMark(s) {
		return SecrecyNone
	}
	s = strings.ToUpper(norm.NFC.String(s))
	parts := strings.FieldsFunc(s, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	level := SecrecyNone
	for i, p := range parts {
		switch p {
		case "MẬT":
			level = max(level, stampLevel(parts, i))
		case "TỐIMẬT":
			level = max(level, SecrecyToiMat)
		case "TUYỆTMẬT":
			level = max(level, SecrecyTuyetMat)
		}
	}
	return level
}

// stampLevel is the level of the MẬT at parts[i], by the word before it.
func stampLevel(parts []string, i int) Secrecy {
	if i > 0 {
		switch parts[i-1] {
		case "TỐI":
			return SecrecyToiMat
		case "TUYỆT":
			return SecrecyTuyetMat
		}
	}
	return SecrecyMat
}

// word is a word of a text: what stands between white space and punctuation.
type word struct {
	text     string
	capitals bool // letters only, all capitals
	joined   bool // nothing but spaces, or one hyphen or underscore, between it and the word before
	hyphen   bool // joined by the latter
}

// ordinaryBefore and ordinaryAfter are words that make an ordinary word with MẬT, whatever stands around it.
var (
	ordinaryBefore = map[string]bool{"BẢO": true, "BÍ": true, "THÂN": true, "CƠ": true, "NGỌT": true, "ĐƯỜNG": true, "RỈ": true, "TÚI": true}
	ordinaryAfter  = map[string]bool{"ĐỘ": true, "ONG": true, "MÃ": true, "KHẨU": true, "THIẾT": true, "THƯ": true, "VỤ": true, "NGHỊ": true,
		"HOA": true, "MÍA": true, "GẤU": true, "DANH": true, "PHỤC": true, "THÁM": true, "ƯỚC": true, "LỆNH": true}
)

// typeWords start the names of document types: after a stamp at the very start, a headline begins with one.
var typeWords = map[string]bool{"BÁO CÁO": true, "CÔNG VĂN": true, "CÔNG ĐIỆN": true, "QUYẾT ĐỊNH": true, "NGHỊ QUYẾT": true, "CHỈ THỊ": true,
	"KẾ HOẠCH": true, "THÔNG BÁO": true, "TỜ TRÌNH": true, "PHƯƠNG ÁN": true, "ĐỀ ÁN": true, "HƯỚNG DẪN": true, "QUY CHẾ": true,
	"QUY ĐỊNH": true, "CHƯƠNG TRÌNH": true, "BIÊN BẢN": true, "GIẤY MỜI": true, "V V": true}

// SecrecyOfText is the level that a stamp in a text states: TỐI MẬT or TUYỆT MẬT in capitals, or MẬT in capitals
// standing alone, that is, with no word in capitals right beside it.
func SecrecyOfText(s string) Secrecy {
	if !mayMark(s) {
		return SecrecyNone
	}
	words := splitWords(norm.NFC.String(s))
	level := SecrecyNone
	for i, w := range words {
		switch {
		case w.text == "TUYỆTMẬT":
			level = max(level, SecrecyTuyetMat)
		case w.text == "TỐIMẬT":
			level = max(level, SecrecyToiMat)
		case w.text == "MẬT":
			level = max(level, stampAt(words, i))
		}
	}
	return level
}

// stampAt judges the MẬT at words[i].
func stampAt(words []word, i int) Secrecy {
	var before, after word
	if words[i].joined {
		before = words[i-1]
	}
	if i+1 < len(words) && words[i+1].joined {
		after = words[i+1]
	}
	if ordinaryAfter[strings.ToUpper(after.text)] || ordinaryBefore[strings.ToUpper(before.text)] {
		return SecrecyNone
	}
	switch before.text {
	case "TỐI":
		return SecrecyToiMat
	case "TUYỆT":
		return SecrecyTuyetMat
	}
	// 12/MẬT-UBND: a hyphen makes words of ordinary language, but does not take a stamp its standing.
	if (!before.capitals || words[i].hyphen) && (!after.capitals || words[i+1].hyphen) {
		return SecrecyMat
	}
	if before.text == "" && i+2 < len(words) && typeWords[after.text+" "+words[i+2].text] {
		return SecrecyMat
	}
	return SecrecyNone
}

func splitWords(s string) []word {
	var words []word
	var b strings.Builder
	joined, hyphen, capitals, letters := false, false, true, 0
	flush := func() {
		if b.Len() > 0 {
			words = append(words, word{b.String(), capitals && letters > 0, joined && len(words) > 0, hyphen})
			b.Reset()
			joined, hyphen = true, false
		}
		capitals, letters = true, 0
	}
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case unicode.IsLetter(c):
			letters++
			capitals = capitals && unicode.IsUpper(c)
			b.WriteRune(c)
		case unicode.IsDigit(c):
			capitals = false
			b.WriteRune(c)
		case c == '\u00ad' || c == '\u200b' || c == '\u200c' || c == '\u200d' || c == '\u2060' || c == '\ufeff':
			// invisible: belongs to the word around it
		case c == '\n' || c == '\r':
			flush()
			joined = false
		case unicode.IsSpace(c):
			flush()
		case (c == '-' || c == '_') && b.Len() > 0 && i+1 < len(runes) && unicode.IsLetter(runes[i+1]):
			flush()
			hyphen = true
		default:
			flush()
			joined = false
		}
	}
	flush()
	return words
}

// mayMark is a quick test: without an M followed by something that could be Ậ, there is no mark.
func mayMark(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if (s[i] == 'M' || s[i] == 'm') && (s[i+1] >= 0x80 || s[i+1] == 'A' || s[i+1] == 'a') {
			return true
		}
	}
	return false
}

// notSecret are the values of a secrecy element that say "not secret"; everything else in it counts as a secret.
var notSecret = map[string]bool{"": true, "0": true, "none": true, "false": true, "khong": true, "không": true, "không mật": true,
	"thường": true, "bình thường": true, "khong mat": true}

func secrecyOfElement(v string) Secrecy {
	switch v = foldName(v); {
	case notSecret[v]:
		return SecrecyNone
	case v == "tuyệt mật" || v == "tuyet mat" || v == "tuyet-mat" || v == "3":
		return SecrecyTuyetMat
	case v == "tối mật" || v == "toi mat" || v == "toi-mat" || v == "2":
		return SecrecyToiMat
	}
	return SecrecyMat
}

// secret notes a mark. The value is not kept.
func (r *reader) secret(level Secrecy, path string) {
	if level == SecrecyNone {
		return
	}
	r.pkg.Secrecy = max(r.pkg.Secrecy, level)
	r.problem(Secret, path, "", "package is marked as a state secret")
}

// secrecy looks for marks in an edXML message.
func (r *reader) secrecy() {
	m, d := &r.msg, &r.msg.doc
	r.secret(SecrecyOfNotation(d.Code.Notation), messagePath+"/Code/CodeNotation")
	r.secret(SecrecyOfNotation(d.Code.Number), messagePath+"/Code/CodeNumber")
	r.secret(SecrecyOfNotation(d.DocumentID), messagePath+"/DocumentId")
	r.secret(SecrecyOfNotation(d.Other.TyperNotation), messagePath+"/OtherInfo/TyperNotation")
	r.secret(SecrecyOfText(d.Subject), messagePath+"/Subject")
	r.secret(SecrecyOfText(d.Content), messagePath+"/Content")
	r.secret(SecrecyOfText(d.Type.Name), messagePath+"/DocumentType/TypeName")
	r.secret(SecrecyOfText(m.description), messagePath+"/Description")
	if level := SecrecyOfText(d.Business.Reason); level != SecrecyNone {
		r.secret(level, m.businessPath()+"/BussinessDocReason")
	}
	for i, a := range d.Other.Appendixes {
		if level := SecrecyOfText(a); level != SecrecyNone {
			r.secret(level, indexed(messagePath+"/OtherInfo/Appendixes/Appendix", i))
		}
	}
	for i := range m.refs {
		ref := &m.refs[i]
		if level := max(SecrecyOfText(ref.description), SecrecyOfText(fileWords(ref.name))); level != SecrecyNone {
			r.secret(level, ref.path())
		}
	}
	for i := range m.attachments {
		a := &m.attachments[i]
		if level := max(SecrecyOfText(a.description), SecrecyOfText(fileWords(a.name))); level != SecrecyNone {
			r.secret(level, a.path())
		}
	}
	for i := range d.Extensions {
		e := &d.Extensions[i]
		for _, s := range r.opts.SecrecyElements {
			if s.Namespace == e.Namespace && s.Local == e.Local && (s.Sender == "" || orgid.Equal(s.Sender, d.From.ID)) {
				r.secret(secrecyOfElement(e.Text), headerPath+"//"+e.Local)
			}
		}
	}
}

// fileWords is a file name as words: the extension is none of them.
func fileWords(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[:i]
	}
	return name
}
