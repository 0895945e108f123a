// Package orgid reads the identifiers of organisations. Two forms are in use side by side, and test systems have
// codes of their own, so an identifier is a token first: the directory says what it means, this package only says how
// it is written and when two of them are the same.
//
//   - QCVN 102:2016, least significant part first: 000.00.00.H49 (a province), 002.00.20.H13
//   - QĐ 20/2020/QĐ-TTg, most significant part first: H49, H49.02.03
//   - anything else is opaque: vxp.saas.02, 28.22.H17
//
// It lives in internal because schemas and events must agree on it and neither may import the other.
package orgid

import (
	"errors"
	"fmt"
	"strings"
)

// MaxLength is the greatest length of an identifier, in bytes (QĐ 20/2020).
const MaxLength = 35

// Form is the way an identifier is written.
type Form uint8

// Forms.
const (
	Opaque   Form = iota // neither of the two below
	QCVN102              // 000.00.00.H49
	Decision             // QĐ 20/2020: H49.02.03
)

func (f Form) String() string {
	return [...]string{"opaque", "qcvn102", "qd20"}[f]
}

// ID is an identifier that some organisation could have.
type ID struct {
	text string // canonical
	form Form
}

// ErrForm is wrapped by every error of Parse.
var ErrForm = errors.New("no identifier has this form")

// Parse reads an identifier. White space around it is dropped, and letters of the two official forms are made
// capitals; opaque identifiers keep theirs.
func Parse(s string) (ID, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return ID{}, fmt.Errorf("couldn't read organisation identifier: %w: it is empty", ErrForm)
	}
	if len(s) > MaxLength {
		return ID{}, fmt.Errorf("couldn't read organisation identifier: %w: it has %d bytes, limit is %d", ErrForm, len(s), MaxLength)
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && !isLetter(c) && c != '.' && c != '-' && c != '_' {
			return ID{}, fmt.Errorf("couldn't read organisation identifier: %w: byte %d is none of letters, digits, dot, hyphen and underscore", ErrForm, i+1)
		}
	}
	if s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return ID{}, fmt.Errorf("couldn't read organisation identifier: %w: it has an empty part", ErrForm)
	}
	upper := strings.ToUpper(s)
	switch {
	case isQCVN102(upper):
		return ID{upper, QCVN102}, nil
	case isDecision(upper):
		return ID{upper, Decision}, nil
	}
	return ID{s, Opaque}, nil
}

// String is the canonical text. It parses to the same ID.
func (id ID) String() string { return id.text }

// Form says how the identifier is written.
func (id ID) Form() Form { return id.form }

// IsZero reports whether id is no identifier.
func (id ID) IsZero() bool { return id.text == "" }

// Canonical is the text by which identifiers are compared. What is no identifier is returned trimmed.
func Canonical(s string) string {
	id, err := Parse(s)
	if err != nil {
		return strings.TrimSpace(s)
	}
	return id.text
}

// Equal reports whether a and b are the same identifier. An old and a new code of one organisation are not:
// that is what Aliases and the directory are for.
func Equal(a, b string) bool { return Canonical(a) == Canonical(b) }

// Compare orders identifiers from the most significant part on: the organisations of one province stand together,
// superiors before subordinates, whatever the form. It is a total order that agrees with Equal.
func Compare(a, b string) int {
	ca, cb := Canonical(a), Canonical(b)
	if c := strings.Compare(sortKey(ca), sortKey(cb)); c != 0 {
		return c
	}
	return strings.Compare(ca, cb)
}

func sortKey(s string) string {
	id, err := Parse(s)
	if err != nil {
		return s
	}
	parts := id.parts()
	return strings.Join(parts, "\x00")
}

// parts are the parts from the most significant on; trailing parts of zeros of the old form are left out.
func (id ID) parts() []string {
	parts := strings.Split(id.text, ".")
	if id.form != QCVN102 {
		return parts
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	for len(parts) > 1 && strings.Trim(parts[len(parts)-1], "0") == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// TopLevel is the level-1 code that the identifier stands under (H49, G22), or "" for an opaque one.
func (id ID) TopLevel() string {
	switch id.form {
	case QCVN102:
		return id.text[strings.LastIndexByte(id.text, '.')+1:]
	case Decision:
		top, _, _ := strings.Cut(id.text, ".")
		return top
	}
	return ""
}

// Under reports whether the identifier is prefix or stands under it, in either form ("H05.01.02" under "H05.01";
// "000.00.01.H05" under "H05").
func (id ID) Under(prefix string) bool {
	p, err := Parse(prefix)
	if err != nil || id.IsZero() {
		return false
	}
	if id.text == p.text {
		return true
	}
	if id.form == Opaque || p.form == Opaque {
		return id.form == Opaque && p.form == Opaque && strings.HasPrefix(id.text, p.text+".")
	}
	a, b := id.parts(), p.parts()
	if len(a) < len(b) {
		return false
	}
	if id.form != p.form && len(b) > 1 {
		return false // only level 1 is known to be numbered alike in both forms
	}
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Counterpart is the code in the other form where it follows from the rules alone: that of a level-1 organisation
// (000.00.00.H41 and H41). Below level 1 the two registers were numbered separately, so there only the directory knows.
func Counterpart(s string) (string, bool) {
	id, err := Parse(s)
	if err != nil || id.form == Opaque {
		return "", false
	}
	parts := id.parts()
	if len(parts) != 1 {
		return "", false
	}
	if id.form == QCVN102 {
		return parts[0], true
	}
	return "000.00.00." + parts[0], true
}

func isQCVN102(s string) bool {
	return len(s) == 13 && s[3] == '.' && s[6] == '.' && s[9] == '.' && s[10] >= 'A' && s[10] <= 'K' &&
		allDigits(s[:3]) && allDigits(s[4:6]) && allDigits(s[7:9]) && allDigits(s[11:])
}

func isDecision(s string) bool {
	top, rest, more := strings.Cut(s, ".")
	if len(top) != 3 || top[0] < 'A' || top[0] > 'K' || !allDigits(top[1:]) {
		return false
	}
	for more {
		var part string
		part, rest, more = strings.Cut(rest, ".")
		if len(part) < 2 || strings.ContainsAny(part, "-_") {
			return false
		}
	}
	return true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }
