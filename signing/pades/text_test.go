package pades

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestText(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"Duyet", "Duyet"},
		{"H\xE0 N\x80i \xA0", "Hà N•i €"},
		{"\x18\x1F\x92\x9E", "˘˜™ž"},
		{"\xFE\xFF\x00K\x00\xFD\x00 \x1E\xD1", "Ký ố"},
		{"\xFF\xFEK\x00\xFD\x00", "Ký"},
		{"\xEF\xBB\xBFKý số", "Ký số"},
		{"\xEF\xBB\xBFa\xFFb", "a\uFFFDb"},
		{"\xFE\xFF\xD8\x00", "\uFFFD"}, // half a pair
		{"a\x00b\nc\x7F", "a b c"},
		{"\xFE\xFF\x20\x2E\x00a\x20\x66\x00b", "a b"}, // direction overrides
		{"", ""},
		{strings.Repeat("x", 3*maxText), strings.Repeat("x", maxText)},
	} {
		if got := text(str{b: []byte(tt.in)}); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
	if text(int64(5)) != "" || text(nil) != "" {
		t.Error("text of what is no string")
	}
}

func TestDate(t *testing.T) {
	for in, want := range map[string]string{
		"D:20261122172030+07'00'": "2026-11-22T10:20:30Z",
		"D:20261122172030+07'00":  "2026-11-22T10:20:30Z",
		"D:20261122172030+07":     "2026-11-22T10:20:30Z",
		"20261122102030Z":         "2026-11-22T10:20:30Z",
		"D:20261122102030Z00'00'": "2026-11-22T10:20:30Z",
		"D:20261122":              "2026-11-22T00:00:00Z",
		"D:2026":                  "2026-01-01T00:00:00Z",
		"D:20261122102030-05'30'": "2026-11-22T15:50:30Z",
		"D:20261399":              "",
		"D:202":                   "",
		"hôm nay":                 "",
		"":                        "",
	} {
		got := ""
		if d := date(str{b: []byte(in)}); !d.IsZero() {
			got = d.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestObjects(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want any
	}{
		{"12", int64(12)}, {"-0.5", -0.5}, {"+3", int64(3)}, {"true", true}, {"null", nil}, {"/A#20B#", name("A B#")}, {"/", name("")},
		{"12 0 R", ref{12, 0}}, {"12 0 Rx", int64(12)}, {"12 0 obj", int64(12)}, {"12 % c\n 3 R ", ref{12, 3}},
		{"[1 2 0 R/a]", array{int64(1), ref{2, 0}, name("a")}},
		{`(a\(b\)(c)\101\n\r\t\b\f\\\q\
d` + "\r\n)", str{b: []byte("a(b)(c)A\n\r\t\b\f\\qd\n"), end: 34}},
		{"<4 14 2 5>", str{b: []byte("AB\x50"), hex: true, end: 10}},
		{"endobj", keyword("endobj")},
	} {
		got, err := newLexer(strings.NewReader(tt.in), int64(len(tt.in)), 0, 1000).object(0)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %#v (%v), want %#v", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"", "(a", "<4", "<4x>", "[1", "<</A 1", "<<1 2>>", "<</A>>", "[>>", ")", ">", strings.Repeat("[", 100), strings.Repeat("x", 300), "(" + strings.Repeat("x", 2000) + ")"} {
		if v, err := newLexer(strings.NewReader(in), int64(len(in)), 0, 1000).object(0); err == nil {
			t.Errorf("%q: %v", in, v)
		}
	}
	v, err := newLexer(strings.NewReader("<</A 1/A 2>>"), 12, 0, 10).object(0)
	if d, ok := v.(*dict); err != nil || !ok || d.get("A") != int64(2) || len(d.twice) != 1 {
		t.Errorf("key twice: %v %v", v, err)
	}
}

func TestUnpredict(t *testing.T) {
	parms := &dict{m: map[name]any{"Predictor": int64(12), "Columns": int64(3)}}
	got, err := unpredict([]byte{0, 1, 2, 3, 1, 1, 1, 1, 2, 1, 1, 1, 3, 2, 2, 2, 4, 1, 1, 1}, parms)
	if want := []byte{1, 2, 3, 1, 2, 3, 2, 3, 4, 3, 5, 6, 4, 6, 7}; err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
	for _, bad := range [][]byte{{0, 1, 2}, {5, 1, 2, 3}} {
		if _, err := unpredict(bad, parms); err == nil {
			t.Errorf("%v taken", bad)
		}
	}
	if _, err := unpredict(nil, &dict{m: map[name]any{"Predictor": int64(2)}}); err == nil {
		t.Error("TIFF prediction taken")
	}
}
