// Package bilingual is a sentence in the two languages of the people who read it: what a verification leaves open is found deep in
// the layers, where nobody knows yet who will read it.
package bilingual

import (
	"encoding/json"
	"fmt"
)

// Text is one sentence. Texts are compared by ==, so that what is said twice can be counted.
type Text struct {
	Vi string `json:"vi"`
	En string `json:"en"`
}

// Say makes a sentence; args go into both (use %[n]d where the order differs). That no sentence lacks one of its languages is
// held by the test of this package.
func Say(vi, en string, args ...any) Text {
	if len(args) > 0 {
		vi, en = fmt.Sprintf(vi, args...), fmt.Sprintf(en, args...)
	}
	return Text{Vi: vi, En: en}
}

// Raw is what has no language: a name, an error of the system.
func Raw(s string) Text { return Text{Vi: s, En: s} }

// IsZero says whether nothing is said.
func (t Text) IsZero() bool { return t == Text{} }

// String is the English.
func (t Text) String() string { return t.En }

// And adds to a sentence.
func (t Text) And(more Text) Text { return Text{Vi: t.Vi + more.Vi, En: t.En + more.En} }

// UnmarshalJSON also takes a plain string, which is what was written before there were two languages.
func (t *Text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = Raw(s)
		return nil
	}
	type plain Text
	if err := json.Unmarshal(b, (*plain)(t)); err != nil {
		return fmt.Errorf("couldn't read sentence: %w", err)
	}
	return nil
}
