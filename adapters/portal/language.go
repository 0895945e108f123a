package portal

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/tram-exchange/tram/internal/bilingual"
)

// Languages of the portal. Vietnamese comes first wherever both are listed.
const (
	Vietnamese = "vi"
	English    = "en"
)

var languages = []string{Vietnamese, English}

// message is one text in both languages; {name} stands for what the caller gives.
type message struct{ vi, en string }

func (m message) in(language string) string {
	if language == English {
		return m.en
	}
	return m.vi
}

// catalogue holds every word that a page shows and that is not data. A test keeps it complete.
type catalogue map[string]message

func newCatalogue(parts ...map[string]message) catalogue {
	c := catalogue{}
	for _, part := range parts {
		for key, m := range part {
			if _, twice := c[key]; twice {
				panic("portal: message " + key + " stands twice in the catalogue")
			}
			c[key] = m
		}
	}
	return c
}

// words speaks one language.
type words struct {
	language string
	all      catalogue
}

// has tells whether the catalogue knows the key.
func (w words) has(key string) bool { _, ok := w.all[key]; return ok }

// in gives a sentence in the language of the page.
func (w words) in(t bilingual.Text) string {
	if w.language == English {
		return t.En
	}
	return t.Vi
}

// text gives a message with pairs of name and value put in. A value that could turn the direction of the text
// around it is fenced in with the Unicode isolates.
func (w words) text(key string, pairs ...any) (string, error) {
	m, ok := w.all[key]
	if !ok {
		return "", fmt.Errorf("couldn't find message %q in the catalogue", key)
	}
	s := m.in(w.language)
	if len(pairs) == 0 {
		return s, nil
	}
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("couldn't fill message %q: names and values don't pair", key)
	}
	list := make([]string, 0, len(pairs))
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, "{"+fmt.Sprint(pairs[i])+"}", isolate(w.value(pairs[i+1])))
	}
	return strings.NewReplacer(list...).Replace(s), nil
}

// say is text for keys that are known to exist; the key itself shows if one does not.
func (w words) say(key string, pairs ...any) string {
	s, err := w.text(key, pairs...)
	if err != nil {
		return key
	}
	return s
}

func (w words) value(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return moment(v)
	case int:
		return w.number(int64(v))
	case int64:
		return w.number(v)
	case uint64:
		return w.number(int64(v))
	}
	return fmt.Sprint(v)
}

// isolate fences text that has right-to-left letters or direction controls, and drops what is no text.
func isolate(s string) string {
	turns := strings.ContainsFunc(s, func(r rune) bool {
		return isBidiControl(r) || unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko)
	})
	if !turns {
		return s
	}
	return "\u2068" + strings.Map(func(r rune) rune {
		if isBidiControl(r) {
			return -1
		}
		return r
	}, s) + "\u2069"
}

func isBidiControl(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x061C
}

// fileName is a name as shown: control and direction signs become visible, so that no name pretends another type.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if isBidiControl(r) || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '\u25A1'
		}
		return r
	}, s)
}

// vietnamTime: dates without zone are +07:00 everywhere in the node.
var vietnamTime = time.FixedZone("+07:00", 7*60*60)

func moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(vietnamTime).Format("02/01/2006 15:04")
}

func day(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(vietnamTime).Format("02/01/2006")
}

// dateWords turns a yyyy-MM-dd of the record into dd/MM/yyyy; anything else stays as it is.
func dateWords(s string) string {
	t, err := time.Parse("2006-01-02", s)
	if err != nil {
		return s
	}
	return t.Format("02/01/2006")
}

// parseDate reads dd/MM/yyyy as people type it (also d/M/yyyy, with - or . between) or yyyy-MM-dd, and gives yyyy-MM-dd.
func parseDate(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", true
	}
	for _, layout := range []string{"2/1/2006", "2-1-2006", "2.1.2006", "2006-01-02", "02012006"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1900 && t.Year() <= 2999 {
			return t.Format("2006-01-02"), true
		}
	}
	return "", false
}

func (w words) number(n int64) string {
	sep := "."
	if w.language == English {
		sep = ","
	}
	digits := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + sep + digits[i:]
	}
	return sign + digits
}

func (w words) decimal(f float64, places int) string {
	s := fmt.Sprintf("%.*f", places, f)
	whole, rest, _ := strings.Cut(s, ".")
	point := ","
	if w.language == English {
		point = "."
	}
	if rest = strings.TrimRight(rest, "0"); rest == "" {
		return whole
	}
	return whole + point + rest
}

// bytes writes a size in the units people know.
func (w words) bytes(n int64) string {
	switch {
	case n < 0:
		return "–"
	case n < 1<<10:
		return w.number(n) + " B"
	case n < 1<<20:
		return w.decimal(float64(n)/(1<<10), 1) + " KB"
	case n < 1<<30:
		return w.decimal(float64(n)/(1<<20), 1) + " MB"
	}
	return w.decimal(float64(n)/(1<<30), 1) + " GB"
}

// span says a length of time in its largest unit.
func (w words) span(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d < time.Second:
		return w.number(d.Milliseconds()) + " ms"
	case d < time.Minute:
		return w.say("span.seconds", "n", int64(d/time.Second))
	case d < time.Hour:
		return w.say("span.minutes", "n", int64(d/time.Minute))
	case d < 48*time.Hour:
		return w.say("span.hours", "n", int64(d/time.Hour))
	}
	return w.say("span.days", "n", int64(d/(24*time.Hour)))
}

// cut shortens a text for a list at a word's end; tail tells that something is left off.
func cut(s string, runes int) (head string, tail bool) {
	n := 0
	for i := range s {
		if n++; n > runes {
			head = s[:i]
			if sp := strings.LastIndexFunc(head, unicode.IsSpace); sp > i/2 {
				head = head[:sp]
			}
			return strings.TrimRightFunc(head, unicode.IsSpace), true
		}
	}
	return s, false
}

// withoutMarks drops Vietnamese diacritics: "Báo cáo Đê điều" becomes "Bao cao De dieu".
func withoutMarks(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == 'đ':
			return 'd'
		case r == 'Đ':
			return 'D'
		}
		return r
	}, norm.NFD.String(s))
}
