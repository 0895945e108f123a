package asice

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// checkName says why a name cannot be that of an entry, or "". What unpacks to different places, or to none, on different
// systems is refused.
func checkName(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case len(name) > maxName:
		return "it is too long"
	case !utf8.ValidString(name):
		return "it is not UTF-8"
	case !norm.NFC.IsNormalString(name):
		return "it is not in the composed form of Unicode"
	case strings.HasPrefix(name, "/"):
		return "it is absolute"
	case strings.ContainsAny(name, `\:*?"<>|`):
		return "it has a character that means something else on another system"
	}
	for _, r := range name {
		if r != ' ' && !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || r != ' ' && unicode.IsSpace(r) {
			return "it has a character that cannot be seen"
		}
	}
	for _, part := range strings.Split(name, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return "a part of it is empty, . or .."
		case strings.HasPrefix(part, " ") || strings.HasSuffix(part, " ") || strings.HasSuffix(part, "."):
			return "a part of it begins or ends with a space, or ends with a dot"
		}
	}
	return ""
}

// folded is equal for names that one or the other file system takes for the same.
func folded(name string) string { return norm.NFKC.String(cases.Fold().String(name)) }

// isMeta tells whether the name lies in META-INF, however it is written.
func isMeta(name string) bool { return strings.HasPrefix(folded(name), "meta-inf/") }
