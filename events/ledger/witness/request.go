package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxProof      = 63      // lines, by the specification
	maxCheckpoint = 1 << 16 // bytes; ours have about 700, and a hundred signature lines about 14,000
	maxRequest    = maxCheckpoint + 64 + maxProof*45
	maxSize       = 1 << 62 // leaves; the arithmetic of tlog ends there
)

// Head is what a checkpoint says about a tree. Unlike those of our own logs it may carry extension lines.
type Head struct {
	Origin string
	Size   uint64
	Root   tlog.Hash
}

// parseHead reads the text of a checkpoint strictly (c2sp.org/tlog-checkpoint).
func parseHead(text string) (Head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return Head{}, errors.New("couldn't parse checkpoint: expected origin, size and root, one a line")
	}
	for i, line := range lines[:len(lines)-1] {
		if line == "" {
			return Head{}, fmt.Errorf("couldn't parse checkpoint: line %d is empty", i+1)
		}
	}
	if len(lines[0]) > maxName {
		return Head{}, fmt.Errorf("couldn't parse checkpoint: origin of %d bytes, limit %d", len(lines[0]), maxName)
	}
	h := Head{Origin: lines[0]}
	var err error
	if h.Size, err = parseSize(lines[1]); err != nil {
		return Head{}, fmt.Errorf("couldn't parse checkpoint: %w", err)
	}
	if h.Root, err = parseHash(lines[2]); err != nil {
		return Head{}, fmt.Errorf("couldn't parse checkpoint: %w", err)
	}
	if empty, _ := tlog.TreeHash(0, nil); h.Size == 0 && h.Root != empty {
		return Head{}, fmt.Errorf("couldn't parse checkpoint: root %s of the empty tree, expected %s", h.Root, empty)
	}
	return h, nil
}

func parseSize(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > maxSize || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("size %.40q, expected a decimal number up to %d", s, uint64(maxSize))
	}
	return n, nil
}

func parseHash(s string) (h tlog.Hash, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || len(s) != 44 {
		return h, fmt.Errorf("hash %.60q, expected base64 of %d bytes", s, len(h))
	}
	return tlog.Hash(b), nil
}

// readHead reads the head out of a checkpoint whose signatures nobody has looked at.
func readHead(checkpoint []byte) (Head, error) {
	text, _, ok := bytes.Cut(checkpoint, []byte("\n\n"))
	if !ok {
		return Head{}, errors.New("couldn't parse checkpoint: no signature lines")
	}
	return parseHead(string(text) + "\n")
}

// Request is one add-checkpoint request, nothing of it verified.
type Request struct {
	Old        uint64
	Proof      tlog.TreeProof
	Checkpoint []byte
}

// Encode writes the request body.
func (r Request) Encode() []byte {
	b := strconv.AppendUint([]byte("old "), r.Old, 10)
	for i := range r.Proof {
		b = base64.StdEncoding.AppendEncode(append(b, '\n'), r.Proof[i][:])
	}
	return append(append(b, "\n\n"...), r.Checkpoint...)
}

// ParseRequest reads a request body strictly: what it accepts, Encode writes again byte for byte.
func ParseRequest(body []byte) (Request, error) {
	r, err := parseRequest(body)
	if err != nil {
		return Request{}, fmt.Errorf("couldn't parse request: %w", err)
	}
	return r, nil
}

func parseRequest(body []byte) (r Request, err error) {
	if len(body) > maxRequest {
		return r, fmt.Errorf("%d bytes, limit %d", len(body), maxRequest)
	}
	head, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return r, errors.New("no empty line before a checkpoint")
	}
	lines := strings.Split(string(head), "\n")
	if len(lines)-1 > maxProof {
		return r, fmt.Errorf("%d proof lines, limit %d", len(lines)-1, maxProof)
	}
	old, ok := strings.CutPrefix(lines[0], "old ")
	if !ok {
		return r, fmt.Errorf("first line %.40q, expected old and a size", lines[0])
	}
	if r.Old, err = parseSize(old); err != nil {
		return r, err
	}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return r, err
		}
		r.Proof = append(r.Proof, h)
	}
	if len(checkpoint) > maxCheckpoint {
		return r, fmt.Errorf("checkpoint of %d bytes, limit %d", len(checkpoint), maxCheckpoint)
	}
	// Without known keys Open checks the form of the note only.
	var unverified *note.UnverifiedNoteError
	if _, err := note.Open(checkpoint, note.VerifierList()); !errors.As(err, &unverified) {
		return r, err
	}
	if _, err := parseHead(unverified.Note.Text); err != nil {
		return r, err
	}
	r.Checkpoint = checkpoint
	return r, nil
}
