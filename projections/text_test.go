package projections

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func tokensOf(s string) []string { return strings.Fields(string(appendWords(nil, s))) }

func TestWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"Nghị quyết", "nghi nghị quyet quyết"},
		{norm.NFD.String("Nghị quyết"), "nghi nghị quyet quyết"},
		{"ĐẤT đai", "dat đất dai đai"},
		{"Ðất (eth)", "dat đất eth"}, // U+00D0, written by old converters
		{"Ɖất", "dat đất"},           // U+0189
		{"ke hoach 2022", "ke hoach 2022"},
		{"12/NQ-HĐND", "12 nq hdnd hđnd"},
		{"hoà bình", "hoa hòa binh bình"},
		{"hòa bình", "hoa hòa binh bình"},
		{"Thuỷ lợi, THỦY LỢI", "thuy thủy loi lợi thuy thủy loi lợi"},
		{"khoẻ khỏe", "khoe khỏe khoe khỏe"},
		{"quý quỹ", "quy qúy quy qũy"}, // placed alike in documents and queries, so it finds itself
		{"hoàn toán", "hoan hoàn toan toán"},
		{"ưu tiên đường sắt", "uu ưu tien tiên duong đường sat sắt"},
		{"", ""},
		{" - / \" * ( ) : ^ ", ""},
		{"\xff\xfe", ""},
		{"\u0301", "\u0301"},
	} {
		if got := strings.Join(tokensOf(c.text), " "); got != c.want {
			t.Errorf("words of %q: %q, expected %q", c.text, got, c.want)
		}
	}
}

// TestWordsForms: a text has the same words composed and decomposed, in upper and lower case, and no word is over-long.
func TestWordsForms(t *testing.T) {
	vietnamese := rapid.StringOfN(rapid.RuneFrom([]rune("aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệóòỏõọốồổỗộớờởỡợúùủũụứừửữựíìỉĩịýỳỷỹỵ /-.0123456789")), 0, 40, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := vietnamese.Draw(t, "text")
		want := tokensOf(s)
		for _, form := range []string{norm.NFD.String(s), strings.ToUpper(s), norm.NFD.String(strings.ToUpper(s)), norm.NFKC.String(s)} {
			if got := tokensOf(form); !slices.Equal(got, want) {
				t.Fatalf("words of %q: %q, expected %q", form, got, want)
			}
		}
		if foldNumber(s) != foldNumber(norm.NFD.String(strings.ToUpper(s))) {
			t.Fatalf("number %q differs by form", s)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text") + strings.Repeat("ế", rapid.IntRange(0, 80).Draw(t, "more"))
		for _, w := range tokensOf(s) {
			if !utf8.ValidString(w) || len(w) > maxWord+2*utf8.UTFMax {
				t.Fatalf("word %q of %q", w, s)
			}
		}
	})
}

func TestFoldNumber(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"7816/VPCP-TTĐT", "7816/vpcp-ttdt"},
		{" 7816 / VPCP - TTÐT ", "7816/vpcp-ttdt"},
		{"12/QĐ-UBND", "12/qd-ubnd"},
		{norm.NFD.String("01/CTr-ĐU"), "01/ctr-du"},
		{"", ""}, {"   ", ""}, {"\xff\x00", ""},
	} {
		if got := foldNumber(c.in); got != c.want {
			t.Errorf("number %q: %q, expected %q", c.in, got, c.want)
		}
	}
}
