package signing

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestJoinBases(t *testing.T) {
	for _, c := range []struct{ values, want string }{
		{"a", "a"},
		{"http://x.vn/a/b c", "http://x.vn/a/c"},
		{"http://x.vn/a/b/ c/ d", "http://x.vn/a/b/c/d"},
		{"http://x.vn/a/b ../c", "http://x.vn/c"},
		{"http://x.vn/a/b ../../../c", "http://x.vn/c"},
		{"http://x.vn c", "http://x.vn/c"},
		{"http://x.vn/a?q c", "http://x.vn/c"},
		{"http://x.vn/a?q#f ?r", "http://x.vn/a?r"},
		{"http://x.vn/a /b/./c/../d", "http://x.vn/b/d"},
		{"http://x.vn/a //y.vn/b", "http://y.vn/b"},
		{"http://x.vn/a urn:b", "urn:b"},
		{"../bar/ foo", "../bar/foo"},
		{"something/else ../bar/ foo", "bar/foo"},
		{".. x", "../x"},
		{"a/.. x", "x"},
		{"../.. ../x", "../../../x"},
		{"a/b/ ../../..", "../"},
		{"a/b ./", "a/"},
		{"a/b .", "a/"},
		{"a//b c//d", "a/c/d"},
		{"/a/b c", "/a/c"},
		{"/a ../../c", "/c"},
		{"a/b/ #frag", "a/b/"},
	} {
		if got := joinBases(strings.Fields(c.values)); got != c.want {
			t.Errorf("%s: %q, want %q", c.values, got, c.want)
		}
	}
	if got := joinBases([]string{"a/b", ""}); got != "a/b" {
		t.Errorf("empty value: %q", got)
	}
	if got := joinBases([]string{"a/", ".."}); got != "" {
		t.Errorf("back to the start: %q", got)
	}
}

// TestJoinRelativeStaysRelative: what two relative values come to is relative, and joining again from a folder gives no other path.
func TestJoinRelativeStaysRelative(t *testing.T) {
	path := rapid.StringMatching(`(\.\./|\./|a/|bc/|/)?(\.\./|\./|d/)*(e|\.\.|\.|)`)
	rapid.Check(t, func(t *rapid.T) {
		base, ref := strings.TrimLeft(path.Draw(t, "base"), "/"), strings.TrimLeft(path.Draw(t, "ref"), "/")
		got := joinURI(base, ref)
		if strings.HasPrefix(got, "/") || strings.Contains(got, "//") {
			t.Fatalf("%q and %q come to %q", base, ref, got)
		}
		if ref != "" && withoutDots(got) != got {
			t.Fatalf("%q and %q come to %q, which has dots to remove", base, ref, got)
		}
	})
}
