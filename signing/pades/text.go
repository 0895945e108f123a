package pades

import (
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

const maxText = 2000 // characters of one text that the report keeps

// high is PDFDocEncoding (ISO 32000-1 D.3) where it differs from Latin-1.
var high = map[byte]rune{
	0x18: '˘', 0x19: 'ˇ', 0x1A: 'ˆ', 0x1B: '˙', 0x1C: '˝', 0x1D: '˛', 0x1E: '˚', 0x1F: '˜',
	0x80: '•', 0x81: '†', 0x82: '‡', 0x83: '…', 0x84: '—', 0x85: '–', 0x86: 'ƒ', 0x87: '⁄', 0x88: '‹', 0x89: '›', 0x8A: '−', 0x8B: '‰', 0x8C: '„',
	0x8D: '“', 0x8E: '”', 0x8F: '‘', 0x90: '’', 0x91: '‚', 0x92: '™', 0x93: 'ﬁ', 0x94: 'ﬂ', 0x95: 'Ł', 0x96: 'Œ', 0x97: 'Š', 0x98: 'Ÿ', 0x99: 'Ž',
	0x9A: 'ı', 0x9B: 'ł', 0x9C: 'œ', 0x9D: 'š', 0x9E: 'ž', 0xA0: '€',
}

// text decodes a text string: UTF-16 or UTF-8 with a byte order mark, else PDFDocEncoding. Control characters become spaces.
func text(v any) string {
	s, ok := v.(str)
	if !ok {
		return ""
	}
	b := s.b
	if len(b) > 4*maxText {
		b = b[:4*maxText]
	}
	var runes []rune
	switch {
	case len(b) >= 2 && (b[0] == 0xFE && b[1] == 0xFF || b[0] == 0xFF && b[1] == 0xFE):
		little := b[0] == 0xFF
		units := make([]uint16, 0, len(b)/2)
		for b = b[2:]; len(b) >= 2; b = b[2:] {
			u := uint16(b[0])<<8 | uint16(b[1])
			if little {
				u = u<<8 | u>>8
			}
			units = append(units, u)
		}
		runes = utf16.Decode(units)
	case len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF:
		runes = []rune(strings.ToValidUTF8(string(b[3:]), "\uFFFD"))
	default:
		for _, c := range b {
			r, ok := high[c]
			if !ok {
				r = rune(c)
			}
			runes = append(runes, r)
		}
	}
	return clean(runes)
}

func clean(runes []rune) string {
	var out strings.Builder
	for i, r := range runes {
		if i == maxText {
			break
		}
		switch {
		case r == 0x1B: // language codes in UTF-16 text strings stand between escapes; rare enough to be left in
			r = ' '
		case r < 0x20 || r == 0x7F || r >= 0x80 && r < 0xA0:
			r = ' '
		case r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069: // direction overrides could make a name read otherwise
			r = ' '
		case !utf8.ValidRune(r):
			r = utf8.RuneError
		}
		out.WriteRune(r)
	}
	return strings.TrimSpace(out.String())
}

// date reads D:YYYYMMDDHHmmSSOHH'mm' (ISO 32000-1 7.9.4); parts may be missing from the right. No zone counts as UTC.
func date(v any) time.Time {
	s := strings.TrimPrefix(text(v), "D:")
	digits := 0
	for digits < len(s) && digits < 14 && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	const layout = "20060102150405"
	if digits < 4 || digits%2 != 0 {
		return time.Time{}
	}
	t, err := time.Parse(layout[:digits], s[:digits])
	if err != nil || t.IsZero() {
		return time.Time{}
	}
	zone := strings.TrimSuffix(strings.ReplaceAll(s[digits:], "'", ""), " ")
	if zone == "" || zone[0] == 'Z' || digits < 14 {
		return t
	}
	if len(zone) == 3 {
		zone += "00"
	}
	z, err := time.Parse("-0700", zone)
	if err != nil {
		return t
	}
	_, offset := z.Zone()
	return t.Add(-time.Duration(offset) * time.Second)
}
