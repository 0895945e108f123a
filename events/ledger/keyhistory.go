package ledger

import (
	"bytes"
	"fmt"
)

const (
	historyVersion = "tram-key-history-1"
	maxHistory     = 16 << 20 // bytes
)

// KeyHistory leads from the first key of a log to the one in force: a file for those who check offline. See the package
// comment for its form.
type KeyHistory struct {
	First     string   // verifier key; a reader believes the one that he knows, not this one
	Rotations [][]byte // receipts of the rotations, in order
}

// Encode writes the file.
func (h KeyHistory) Encode() []byte {
	b := append([]byte(historyVersion+"\n"+h.First), '\n')
	for _, r := range h.Rotations {
		b = append(b, r...)
	}
	return b
}

// IsKeyHistory says whether a file begins as a key history does.
func IsKeyHistory(file []byte) bool { return bytes.HasPrefix(file, []byte(historyVersion+"\n")) }

// ParseKeyHistory reads the file strictly. Nothing in it is verified: see Chain and FollowKeys.
func ParseKeyHistory(file []byte) (h KeyHistory, err error) {
	if len(file) > maxHistory {
		return h, fmt.Errorf("couldn't parse key history: %d bytes, limit %d", len(file), maxHistory)
	}
	rest, ok := bytes.CutPrefix(file, []byte(historyVersion+"\n"))
	if !ok {
		return h, fmt.Errorf("couldn't parse key history: first line %.40q, expected %q", firstLine(file), historyVersion)
	}
	first, rest, ok := bytes.Cut(rest, []byte("\n"))
	if !ok {
		return h, fmt.Errorf("couldn't parse key history: it ends after the first key")
	}
	h.First = string(first)
	if _, err := parseLogKey("", h.First); err != nil {
		return KeyHistory{}, fmt.Errorf("couldn't parse key history: %w", err)
	}
	for i := 1; len(rest) > 0; i++ {
		// The next one begins where its first line stands again: nothing else in a receipt looks like it.
		end := bytes.Index(rest[1:], []byte("\n"+proofVersion+"\n"))
		one := rest
		if end >= 0 {
			one = rest[:end+2]
		}
		if _, _, err := readRotation(one); err != nil {
			return KeyHistory{}, fmt.Errorf("couldn't parse key history: rotation %d: %w", i, err)
		}
		h.Rotations = append(h.Rotations, one)
		rest = rest[len(one):]
	}
	return h, nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// Chain proves every rotation from the first key of the file on. It is for whoever trusts the file as a whole.
func (h KeyHistory) Chain() (KeyChain, error) { return FollowKeys(h.First, h.Rotations) }
