package portal

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestDifferencesHoldBothTexts: whatever the texts are, what stayed and what went is the old one, what stayed and what came the new one.
func TestDifferencesHoldBothTexts(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"đề nghị ", "phê duyệt ", "45 ", "chỉ tiêu\n", "năm 2027", " ", "\n\n", "a"}), 0, 40).Draw(t, "words"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := text.Draw(t, "before"), text.Draw(t, "after")
		var a, b strings.Builder
		last := ""
		for _, part := range differences(before, after) {
			if part.Text == "" || part.Kind == last {
				t.Fatalf("part %+v after %q", part, last)
			}
			last = part.Kind
			if part.Kind != "new" {
				a.WriteString(part.Text)
			}
			if part.Kind != "gone" {
				b.WriteString(part.Text)
			}
		}
		if a.String() != before || b.String() != after {
			t.Fatalf("parts say %q and %q, expected %q and %q", a.String(), b.String(), before, after)
		}
	})
	long := strings.Repeat("một hai ba\n", 3000)
	if parts := differences(long, long+"bốn"); len(parts) != 2 || parts[1].Text != "bốn" {
		t.Errorf("%d parts of a long text", len(parts))
	}
	if parts := differences("phê duyệt chỉ tiêu năm 2027", "phê duyệt 45 chỉ tiêu năm 2027"); len(parts) != 3 || parts[1] != (diffPart{"new", "45 "}) {
		t.Errorf("parts are %+v", parts)
	}
}
