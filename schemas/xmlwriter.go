package schemas

import (
	"bufio"
	"fmt"
	"io"
	"unicode/utf8"
)

// Layout says what the writer of a package must tell the signer.
type Layout struct {
	SignatureSlot int64 // byte offset at which the organisation's Signature is to be inserted
	Size          int64 // bytes written
}

// xmlWriter writes XML with a first error that sticks. Text is escaped as canonical XML has it, so that a verifier
// finds most of what it hashes verbatim in the file.
type xmlWriter struct {
	w      *bufio.Writer
	offset int64
	slot   int64
	err    error
}

func newXMLWriter(w io.Writer) *xmlWriter {
	x := &xmlWriter{w: bufio.NewWriterSize(w, 32<<10)}
	x.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	return x
}

func (x *xmlWriter) raw(s string) {
	if x.err == nil {
		_, x.err = x.w.WriteString(s)
		x.offset += int64(len(s))
	}
}

// Write lets content be streamed into the open element. It must need no escaping.
func (x *xmlWriter) Write(p []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	n, err := x.w.Write(p)
	x.offset += int64(n)
	x.err = err
	return n, err
}

// text writes an element with text and attributes (name, value, …; those with an empty value are left out).
func (x *xmlWriter) text(name, value string, attrs ...string) {
	x.open(name, attrs...)
	x.escape(name, value, false)
	x.close(name)
}

// optional writes an element unless it would be empty.
func (x *xmlWriter) optional(name, value string, attrs ...string) {
	if value != "" {
		x.text(name, value, attrs...)
	}
}

func (x *xmlWriter) open(name string, attrs ...string) {
	x.raw("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] == "" {
			continue
		}
		x.raw(" " + attrs[i] + `="`)
		x.escape(name, attrs[i+1], true)
		x.raw(`"`)
	}
	x.raw(">")
}

func (x *xmlWriter) close(name string) { x.raw("</" + name + ">") }

// signatureHere marks the place of the signature.
func (x *xmlWriter) signatureHere() { x.slot = x.offset }

func (x *xmlWriter) escape(name, s string, attr bool) {
	last := 0
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		var e string
		switch {
		case c == '&':
			e = "&amp;"
		case c == '<':
			e = "&lt;"
		case c == '>' && !attr:
			e = "&gt;"
		case c == '"' && attr:
			e = "&quot;"
		case c == '\r':
			e = "&#xD;"
		case c == '\n' && attr:
			e = "&#xA;"
		case c == '\t' && attr:
			e = "&#x9;"
		case c == utf8.RuneError && n == 1, c < ' ' && c != '\n' && c != '\t', c == 0xFFFE, c == 0xFFFF:
			if x.err == nil {
				x.err = fmt.Errorf("couldn't write %s: byte %d is a character that XML does not have", name, i)
			}
			return
		}
		if e != "" {
			x.raw(s[last:i])
			x.raw(e)
			last = i + n
		}
		i += n
	}
	x.raw(s[last:])
}

func (x *xmlWriter) end() (Layout, error) {
	x.raw("\n")
	if x.err == nil {
		x.err = x.w.Flush()
	}
	if x.err != nil {
		return Layout{}, fmt.Errorf("couldn't write package: %w", x.err)
	}
	return Layout{SignatureSlot: x.slot, Size: x.offset}, nil
}
