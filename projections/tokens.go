package projections

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tram-exchange/tram/events/document"
)

// Tokens of the one column of words. Words consist of letters and digits; every other token begins with a sign, so that
// nothing a document says can pass for its sender.
const (
	signNumber    = '#' // three characters of number and notation
	signSender    = '@' // the sender, in the row of the document itself
	signLate      = '&' // the sender, in later rows
	signRecipient = '>' // a recipient
	signType      = '%' // type name
	signDate      = '=' // year, month or day
	signOffice    = '!' // kind and agency of a target that is found by a row of its own
)

// appendWords appends the tokens of the words of a text.
func appendWords(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	eachWord(s, func(plain, exact []byte) {
		if len(plain) > 0 {
			b = append(append(b, ' '), plain...)
		}
		if placed := placeTone(exact); string(placed) != string(plain) {
			b = append(append(b, ' '), placed...)
		}
	})
	return b
}

// gramRunes is the folded number as it is cut into grams: what the tokenizer would split on is replaced.
func gramRunes(folded string) []rune {
	out := make([]rune, 0, len(folded)+2)
	for _, r := range folded {
		if r < utf8.RuneSelf && (r <= ' ' || strings.ContainsRune("\"'`\\\x7f", r)) {
			r = '_'
		}
		out = append(out, r)
	}
	return out
}

// appendGrams appends a token for every three consecutive characters; the end is filled up with '$', so that every
// character begins one and one or two characters can be found as the beginning of a token.
func appendGrams(b []byte, folded string) []byte {
	if folded == "" {
		return b
	}
	runes := append(gramRunes(folded), '$', '$')
	for i := range len(runes) - 2 {
		b = append(b, ' ', signNumber)
		for _, r := range runes[i : i+3] {
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

func appendDate(b []byte, date string) []byte {
	if len(date) != len("2006-01-02") {
		return b
	}
	for _, n := range [...]int{4, 7, 10} {
		b = append(b, ' ', signDate)
		b = append(b, date[:n]...)
	}
	return b
}

// appendOrg appends the token of an organisation. Identities are opaque and their case counts, which the tokenizer
// ignores: whatever is not a usual character of a code is written as hexadecimal.
func appendOrg(b []byte, sign byte, org string) []byte {
	b = append(b, ' ', sign)
	for i := range len(org) {
		c := org[i]
		if 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' {
			b = append(b, c)
			continue
		}
		b = append(b, '_')
		b = hex.AppendEncode(b, []byte{c})
	}
	return b
}

// appendOffice appends the tokens by which targets of a kind and agency are found.
func appendOffice(b []byte, kind targetKind, org string) []byte {
	b = append(appendOrg(b, signOffice, org), '/')
	return strconv.AppendUint(b, uint64(kind), 10)
}

// appendType appends the token of a folded type name.
func appendType(b []byte, folded string) []byte {
	if folded == "" {
		return b
	}
	b = append(b, ' ', signType)
	return append(b, strings.ReplaceAll(folded, " ", "_")...)
}

// searchable is what a document is found by, worked out from its facts before the writer sees it.
type searchable struct {
	number string // folded
	typ    string // folded
	date   string
	tokens []byte // all but sender and recipients
}

func makeSearchable(f *document.Facts) searchable {
	s := searchable{
		number: foldNumber(codeOf(f)),
		typ:    Fold(f.TypeName),
		date:   f.PromulgationDate,
	}
	b := make([]byte, 0, 1024)
	b = appendWords(b, f.Subject)
	b = appendWords(b, f.Content)
	b = appendWords(b, f.TypeName)
	b = appendWords(b, f.SenderName)
	b = appendWords(b, f.CodeNumber)
	b = appendWords(b, f.CodeNotation)
	if f.Signer != nil {
		b = appendWords(b, f.Signer.Name)
	}
	for i := range f.Attachments {
		b = appendWords(b, f.Attachments[i].Name)
	}
	b = appendGrams(b, s.number)
	b = appendType(b, s.typ)
	s.tokens = appendDate(b, s.date)
	return s
}

// codeOf is số và ký hiệu as people write it.
func codeOf(f *document.Facts) string {
	if f.CodeNotation == "" {
		return f.CodeNumber
	}
	return f.CodeNumber + "/" + f.CodeNotation
}

// matchParts are the conditions of a full-text query, all of which must hold.
type matchParts []string

func quote(token string) string { return `"` + strings.ReplaceAll(token, `"`, `""`) + `"` }

func (m *matchParts) add(token []byte) {
	*m = append(*m, quote(strings.TrimPrefix(string(token), " ")))
}

// addAny adds alternatives.
func (m *matchParts) addAny(tokens [][]byte) {
	alt := make([]string, len(tokens))
	for i, t := range tokens {
		alt[i] = quote(strings.TrimPrefix(string(t), " "))
	}
	*m = append(*m, "("+strings.Join(alt, " OR ")+")")
}

// addWords adds the words of a query; the last one counts as a beginning unless a sign or space follows it.
func (m *matchParts) addWords(query string) {
	const maxWords = 32
	type pair struct{ plain, exact, placed string }
	var list []pair
	eachWord(query, func(plain, exact []byte) {
		p := pair{plain: string(plain), exact: string(exact)}
		p.placed = string(placeTone(exact))
		list = append(list, p)
	})
	if len(list) > maxWords {
		list = list[:maxWords]
	}
	for i, w := range list {
		last := i == len(list)-1
		token := w.placed
		if w.exact == w.plain {
			token = w.plain
		}
		if token == "" {
			continue
		}
		q := quote(token)
		if last {
			q += " *"
			if w.exact != w.plain && w.placed != w.exact {
				// "hoà" may be a whole word, found as "hòa", or the beginning of "hoàn".
				q = "(" + q + " OR " + quote(w.exact) + " *)"
			}
		}
		*m = append(*m, q)
	}
}

// addNumber adds a part of number and notation, folded.
func (m *matchParts) addNumber(folded string) {
	if folded == "" {
		return
	}
	runes := gramRunes(folded)
	if len(runes) > 64 {
		runes = runes[:64]
	}
	if len(runes) < 3 {
		*m = append(*m, quote(string(signNumber)+string(runes))+" *")
		return
	}
	for i := range len(runes) - 2 {
		*m = append(*m, quote(string(signNumber)+string(runes[i:i+3])))
	}
}

// openYears is how far a period without beginning or end reaches.
const openYears = 100

// addDates adds the years, months and days that make up a period. Without a beginning or an end it reaches so many years; what is
// dated further away is of no register. A period of more years adds nothing: the rows alone decide.
func (m *matchParts) addDates(from, to string) {
	first, err1 := time.Parse(time.DateOnly, from)
	last, err2 := time.Parse(time.DateOnly, to)
	switch {
	case err1 != nil && err2 != nil:
		return
	case err1 != nil:
		first = time.Date(last.Year()-openYears, 1, 1, 0, 0, 0, 0, time.UTC)
	case err2 != nil:
		last = time.Date(first.Year()+openYears, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	if last.Before(first) || last.Year()-first.Year() > openYears {
		return
	}
	var tokens [][]byte
	for t := first; !t.After(last); {
		layout, next := time.DateOnly, t.AddDate(0, 0, 1)
		if end := t.AddDate(1, 0, 0); t.YearDay() == 1 && !end.AddDate(0, 0, -1).After(last) {
			layout, next = "2006", end
		} else if end := t.AddDate(0, 1, 0); t.Day() == 1 && !end.AddDate(0, 0, -1).After(last) {
			layout, next = "2006-01", end
		}
		tokens = append(tokens, []byte(string(signDate)+t.Format(layout)))
		t = next
	}
	m.addAny(tokens)
}

// String is the expression for MATCH.
func (m matchParts) String() string { return strings.Join(m, " AND ") }
