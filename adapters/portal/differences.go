package portal

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// What one version of a draft changed, word by word.

// change is one field that is not what it was.
type change struct {
	Label string
	Parts []diffPart
}

// diffPart is a piece of text that stayed ("same"), was taken out ("gone") or put in ("new").
type diffPart struct{ Kind, Text string }

// diffMost bounds the table of a comparison, in words on one side; longer texts are compared line by line.
const diffMost = 1200

// differences compares two texts by words. The texts of its parts, less "gone", joined are the new text; less "new", the old.
func differences(before, after string) []diffPart {
	a, b := wordsOf(before), wordsOf(after)
	if len(a) > diffMost || len(b) > diffMost {
		a, b = strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")
	}
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []diffPart
	add := func(kind string, tokens ...string) {
		text := strings.Join(tokens, "")
		switch {
		case text == "":
		case len(out) > 0 && out[len(out)-1].Kind == kind:
			out[len(out)-1].Text += text
		default:
			out = append(out, diffPart{kind, text})
		}
	}
	add("same", a[:head]...)
	middleA, middleB := a[head:len(a)-tail], b[head:len(b)-tail]
	if len(middleA) > diffMost || len(middleB) > diffMost {
		add("gone", middleA...)
		add("new", middleB...)
	} else {
		common(middleA, middleB, add)
	}
	add("same", a[len(a)-tail:]...)
	return out
}

// common walks along the longest common sequence of tokens.
func common(a, b []string, add func(kind string, tokens ...string)) {
	n := make([][]uint16, len(a)+1)
	for i := range n {
		n[i] = make([]uint16, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			add("same", a[i])
			i, j = i+1, j+1
		case n[i+1][j] >= n[i][j+1]:
			add("gone", a[i])
			i++
		default:
			add("new", b[j])
			j++
		}
	}
	add("gone", a[i:]...)
	add("new", b[j:]...)
}

// wordsOf splits a text after each stretch of space, so that the pieces joined are the text.
func wordsOf(s string) []string {
	var out []string
	start, space := 0, false
	for i, r := range s {
		if space && !unicode.IsSpace(r) {
			out = append(out, s[start:i])
			start = i
		}
		space = unicode.IsSpace(r)
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

// draftChanges lists the fields that differ between two versions.
func (w words) draftChanges(lists *officeLists, before, after view.DraftVersion) []change {
	var out []change
	compare := func(label, a, b string) {
		if a != b {
			out = append(out, change{label, differences(a, b)})
		}
	}
	field := func(name, a, b string) { compare(w.say("field."+name), a, b) }
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return w.number(int64(n))
	}
	field("kind", upperFirst(before.Type), upperFirst(after.Type))
	field("subject", before.Subject, after.Subject)
	field("content", before.Content, after.Content)
	if kind, ok := schemas.KindOf(after.Type); ok {
		for _, f := range kind.Fields {
			compare(w.fieldLabel(f), fieldOf(before, f.Name), fieldOf(after, f.Name))
		}
	}
	field("recipients", parties(before.Recipients), parties(after.Recipients))
	field("to_places", strings.Join(before.ToPlaces, "\n"), strings.Join(after.ToPlaces, "\n"))
	field("priority", w.priority(before.Priority), w.priority(after.Priority))
	field("due_date", dateWords(before.DueDate), dateWords(after.DueDate))
	field("signer", before.Signer.Name, after.Signer.Name)
	field("competence", before.Competence, after.Competence)
	field("place", before.Place, after.Place)
	field("pages", number(before.Pages), number(after.Pages))
	field("copies", number(before.Copies), number(after.Copies))
	field("kept_by", lists.keeper(before.KeptBy), lists.keeper(after.KeptBy))
	compare(w.say("draft.files"), filesInWords(before.Files), filesInWords(after.Files))
	return out
}

func fieldOf(d view.DraftVersion, name string) string {
	at := slices.IndexFunc(d.Fields, func(f [2]string) bool { return f[0] == name })
	if at < 0 {
		return ""
	}
	return d.Fields[at][1]
}

func parties(list []view.Party) string {
	var out []string
	for _, party := range list {
		out = append(out, partyName(party))
	}
	return strings.Join(out, "\n")
}

func filesInWords(list []view.Attachment) string {
	var out []string
	for _, f := range list {
		out = append(out, fmt.Sprintf("%s (%d B)", fileName(f.Name), f.Size))
	}
	return strings.Join(out, "\n")
}
