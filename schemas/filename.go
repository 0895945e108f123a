package schemas

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// windowsDevices are names that open a device on Windows, whatever extension follows.
var windowsDevices = map[string]bool{
	"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true,
	"com1": true, "com2": true, "com3": true, "com4": true, "com5": true, "com6": true, "com7": true, "com8": true, "com9": true,
	"lpt1": true, "lpt2": true, "lpt3": true, "lpt4": true, "lpt5": true, "lpt6": true, "lpt7": true, "lpt8": true, "lpt9": true,
}

// fileNameFault says why a name must not become a file, or "". A file name is one plain name without folders.
func fileNameFault(name string) string {
	if strings.Contains(name, "/") {
		return "has a folder in its name"
	}
	return partFault(name)
}

// entryNameFault judges the name of an archive entry, which may stand in folders of the archive.
func entryNameFault(name string) string {
	if len(name) > maxEntryName {
		return "has a name of more than 255 bytes"
	}
	if strings.HasPrefix(name, "/") {
		return "has an absolute path"
	}
	for _, part := range strings.Split(strings.TrimSuffix(name, "/"), "/") {
		if why := partFault(part); why != "" {
			return why
		}
	}
	return ""
}

func partFault(part string) string {
	switch {
	case part == "":
		return "has an empty name"
	case len(part) > maxEntryName:
		return "has a name of more than 255 bytes"
	case !utf8.ValidString(part):
		return "has a name that is not UTF-8"
	case part == "." || part == "..":
		return "has a path that leaves its folder"
	case strings.ContainsAny(part, `\:*?"<>|`):
		return `has one of \ : * ? " < > | in its name`
	case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || strings.HasPrefix(part, " "):
		return "has a name that starts or ends with a space, or ends with a dot"
	}
	for _, c := range part {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029' || c == utf8.RuneError {
			return "has a control character in its name"
		}
	}
	base, _, _ := strings.Cut(part, ".")
	if windowsDevices[strings.ToLower(strings.TrimRight(base, " "))] {
		return "has the name of a Windows device"
	}
	return ""
}
