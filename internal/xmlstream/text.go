package xmlstream

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// textSpecial marks (0x80 in its place) each byte of x that text has to look at: control characters, '&', '<',
// '>' and everything from 0x80 on. The lowest mark is exact, higher ones may be false.
func textSpecial(x uint64) uint64 {
	amp := x ^ '&'*ones
	angle := (x | 2*ones) ^ '>'*ones // '<' and '>' differ in this one bit
	return ((x-' '*ones)&^x | (amp-ones)&^amp | (angle-ones)&^angle | x) & highs
}

// cdataSpecial is textSpecial for CDATA sections, where only ']' matters.
func cdataSpecial(x uint64) uint64 {
	end := x ^ ']'*ones
	return ((x-' '*ones)&^x | (end-ones)&^end | x) & highs
}

// plainLines turns each line feed of x into a character without a meaning, so that lines do not interrupt a search.
func plainLines(x uint64) uint64 {
	const low = ^uint64(highs)
	y := x ^ '\n'*ones
	feeds := ^((y&low + low) | y | low) // 0x80 in the place of each line feed, exactly
	return x | feeds>>2
}

// skipText returns the index of the first byte from i on that text has to look at. Most text is short or has letters beyond
// ASCII, the rest is base64: so it goes by eight bytes first, and by 32 once nothing was found.
func skipText(v []byte, i int) int {
	for n := 0; i+8 <= len(v); n++ {
		if n == 6 {
			i = skipLongText(v, i)
			if i+8 > len(v) {
				break
			}
		}
		if m := textSpecial(plainLines(binary.LittleEndian.Uint64(v[i:]))); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(v) && class[v[i]]&cPlainText != 0 {
		i++
	}
	return i
}

// skipLongText passes over plain text in steps of 32 bytes.
func skipLongText(v []byte, i int) int {
	for i+32 <= len(v) {
		w := v[i : i+32 : i+32]
		a := textSpecial(plainLines(binary.LittleEndian.Uint64(w))) | textSpecial(plainLines(binary.LittleEndian.Uint64(w[8:])))
		b := textSpecial(plainLines(binary.LittleEndian.Uint64(w[16:]))) | textSpecial(plainLines(binary.LittleEndian.Uint64(w[24:])))
		if a|b != 0 {
			break
		}
		i += 32
	}
	return i
}

// skipLetters passes over characters beyond ASCII and the plain ones between them, as words of Vietnamese have them, until there are
// eight plain ones in a row. It returns the index it came to; more tells that v ends inside a character, fail that one is
// invalid: it starts at the index.
func skipLetters(v []byte, i int) (int, status) {
	for plain := 0; i < len(v) && plain < 8; {
		switch c := v[i]; {
		case c < 0x80:
			if class[c]&cPlainText == 0 {
				return i, done
			}
			i++
			plain++
			continue
		case c >= 0xC2 && c < 0xE0 && i+1 < len(v) && v[i+1]&0xC0 == 0x80:
			i += 2
		case c > 0xE0 && c < 0xEF && c != 0xED && i+2 < len(v) && v[i+1]&0xC0 == 0x80 && v[i+2]&0xC0 == 0x80:
			i += 3 // neither overlong nor a surrogate, nor one of the last two
		default:
			_, n := runeAt(v[i:])
			if n < 0 {
				return i, fail
			}
			if n == 0 {
				return i, more
			}
			i += n
		}
		plain = 0
	}
	return i, done
}

// text reads character data up to the next '<' or up to the end of a chunk.
func (s *Scanner) text(t *Token) status {
	v := s.buf[s.pos:]
	last := s.eof // v shows everything there is
	if len(v) > s.lim.MaxChunk {
		v, last = v[:s.lim.MaxChunk], false
	}
	var hasRef, hasCR, hasGT bool
	i := 0
	cut := false // a reference or character is not wholly in v
scan:
	for {
		if i < len(v) && class[v[i]]&cPlainText != 0 {
			if i+1 < len(v) && v[i+1] == '<' { // the end of a line, most often
				i++
				break
			}
			i = skipText(v, i)
		}
		if i >= len(v) {
			break
		}
		switch c := v[i]; {
		case c == '<':
			break scan
		case c >= 0x80:
			var st status
			i, st = skipLetters(v, i)
			if st == fail {
				return s.bad(Encoding, s.pos+i, "invalid UTF-8 or a character that XML does not allow")
			}
			if st == more {
				cut = true
				break scan
			}
		case c == '&':
			_, n := reference(v[i:])
			if n == 0 {
				cut = true
				break scan
			}
			if n < 0 {
				return s.badReference(n, s.pos+i)
			}
			hasRef = true
			i += n
		case c == '>':
			if i >= 2 && v[i-1] == ']' && v[i-2] == ']' {
				return s.bad(Malformed, s.pos+i-2, "']]>' in text")
			}
			hasGT = true
			i++
		case c == '\r':
			hasCR = true
			i++
		case c < ' ' && c != '\n' && c != '\t':
			return s.badByte(s.pos + i)
		default:
			i++
		}
	}
	if i == len(v) && !cut && !last {
		i = unsplit(v)
	}
	if i == 0 {
		return more
	}
	v = v[:i]
	if s.state != inContent && (hasRef || !isAllSpace(v)) {
		return s.bad(Malformed, s.pos, "text outside the root element")
	}
	t.Kind, t.HasRef, t.HasCR, t.HasGT = Text, hasRef, hasCR, hasGT
	s.content(t, i, v)
	return done
}

// unsplit shortens a chunk that more text may follow, so that no CR LF and no "]]>" is split.
func unsplit(v []byte) int {
	i := len(v)
	if v[i-1] == '\r' {
		return i - 1
	}
	for n := 0; n < 2 && i > 0 && v[i-1] == ']'; n++ {
		i--
	}
	return i
}

func isAllSpace(v []byte) bool {
	for _, c := range v {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

// content completes a token without name that takes the next n bytes.
func (s *Scanner) content(t *Token, n int, text []byte) {
	t.Start = s.base + int64(s.pos)
	t.Raw = s.buf[s.pos : s.pos+n]
	t.Text = text
	t.Depth = len(s.stack)
	t.Empty, t.Binding, t.URI = false, 0, ""
	t.Name, t.Prefix, t.Local, t.Attrs, t.Decls = nil, nil, nil, nil, nil
	s.pos += n
}

func (s *Scanner) badReference(n, at int) status {
	if n == -2 {
		return s.bad(Entity, at, "entity that is not predefined")
	}
	return s.bad(Malformed, at, "malformed reference, or one to a character that XML does not allow")
}

func (s *Scanner) badByte(at int) status {
	return s.bad(Encoding, at, "character 0x%02X is not allowed in XML", s.buf[at])
}

const cdataOpen, cdataClose = "<![CDATA[", "]]>"

// cdata reads a CDATA section or a chunk of it. s.pos is at its start, or, when inCData, inside.
func (s *Scanner) cdata(t *Token) status {
	skip := 0
	if !s.inCData {
		skip = len(cdataOpen)
	}
	v := s.buf[s.pos+skip:]
	last := s.eof
	if len(v) > s.lim.MaxChunk {
		v, last = v[:s.lim.MaxChunk], false
	}
	i, closed, hasCR := 0, false, false
scan:
	for {
		for i+8 <= len(v) {
			if m := cdataSpecial(binary.LittleEndian.Uint64(v[i:])); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(v) {
			break
		}
		switch c := v[i]; {
		case c >= 0x80:
			_, n := runeAt(v[i:])
			if n < 0 {
				return s.bad(Encoding, s.pos+skip+i, "invalid UTF-8 or a character that XML does not allow")
			}
			if n == 0 {
				last = true // nothing to keep together but this character
				break scan
			}
			i += n
		case c == ']' && hasPrefix(v[i:], cdataClose):
			closed = true
			break scan
		case c == '\r':
			hasCR = true
			i++
		case c < ' ' && c != '\n' && c != '\t':
			return s.badByte(s.pos + skip + i)
		default:
			i++
		}
	}
	n := skip + i
	if closed {
		n += len(cdataClose)
	} else {
		if i > 0 && i == len(v) && !last {
			i = unsplit(v)
			n = skip + i
		}
		if n == 0 || skip > 0 && i == 0 {
			return more
		}
	}
	t.Kind, t.HasRef, t.HasCR, t.HasGT = CData, false, hasCR, true
	s.inCData = !closed
	s.content(t, n, v[:i])
	return done
}

// declaration reads what starts with "<!".
func (s *Scanner) declaration(t *Token) status {
	v := s.view()
	switch {
	case hasPrefix(v, "<!--"):
		return s.comment(t, v)
	case hasPrefix(v, cdataOpen):
		if s.state != inContent {
			return s.bad(Malformed, s.pos, "CDATA section outside the root element")
		}
		return s.cdata(t)
	case hasPrefix(v, "<!DOCTYPE"):
		return s.bad(DTD, s.pos, "a document type is not accepted")
	case isPrefixOf(v, "<!--"), isPrefixOf(v, cdataOpen), isPrefixOf(v, "<!DOCTYPE"):
		return more
	}
	return s.bad(Malformed, s.pos, "unknown markup declaration")
}

func isPrefixOf(b []byte, s string) bool { return len(b) < len(s) && s[:len(b)] == string(b) }

// comment reads a comment; v starts at its "<!--".
func (s *Scanner) comment(t *Token, v []byte) status {
	i := bytes.Index(v[4:], []byte("--"))
	if i < 0 || 4+i+2 >= len(v) {
		if st := s.checkChars(v[4:], s.pos+4, true); st == fail {
			return fail
		}
		return s.short(v)
	}
	if v[4+i+2] != '>' {
		return s.bad(Malformed, s.pos+4+i, "'--' inside a comment")
	}
	if st := s.checkChars(v[4:4+i], s.pos+4, false); st != done {
		return st
	}
	t.Kind = Comment
	s.content(t, 4+i+3, v[4:4+i])
	return done
}

// checkChars refuses characters that XML does not allow. open tells that b may end inside a character.
func (s *Scanner) checkChars(b []byte, at int, open bool) status {
	for i := 0; i < len(b); {
		c := b[i]
		if c >= 0x80 {
			_, n := runeAt(b[i:])
			if n == 0 && open {
				return more
			}
			if n <= 0 {
				return s.bad(Encoding, at+i, "invalid UTF-8 or a character that XML does not allow")
			}
			i += n
			continue
		}
		if c < ' ' && !isSpace(c) {
			return s.badByte(at + i)
		}
		i++
	}
	return done
}

// procInst reads a processing instruction or the XML declaration.
func (s *Scanner) procInst(t *Token) status {
	v := s.view()
	end := bytes.Index(v, []byte("?>"))
	if end < 0 {
		if st := s.checkChars(v, s.pos, true); st == fail {
			return fail
		}
		return s.short(v)
	}
	if end < 2 { // "<?>": the question mark cannot be both
		return s.bad(Malformed, s.pos, "processing instruction without a target")
	}
	i, colon, st := s.name(v[:end], 2)
	if st == fail {
		return fail
	}
	if i == 2 {
		return s.bad(Malformed, s.pos+2, "processing instruction without a target")
	}
	if colon >= 0 {
		return s.bad(BadNamespace, s.pos+2, "colon in the target of a processing instruction")
	}
	target := v[2:i]
	first := s.state == inProlog && !s.fragment && s.base == 0 && (s.pos == 0 || s.pos == 3 && hasPrefix(s.buf, "\xEF\xBB\xBF"))
	isDecl := string(target) == "xml" && first
	if !isDecl && bytes.EqualFold(target, []byte("xml")) {
		return s.bad(Malformed, s.pos, "'<?%s' anywhere but at the very start", target)
	}
	data := v[i:end]
	if len(data) > 0 && !isSpace(data[0]) {
		return s.bad(Malformed, s.pos+i, "no white space after the target of a processing instruction")
	}
	if st := s.checkChars(data, s.pos+i, false); st != done {
		return st
	}
	t.Kind = ProcInst
	if isDecl {
		if st := s.xmlDecl(data, s.pos+i); st != done {
			return st
		}
		t.Kind = XMLDecl
	}
	for len(data) > 0 && isSpace(data[0]) {
		data = data[1:]
	}
	s.content(t, end+2, data)
	t.Local = target
	return done
}

// xmlDecl checks what stands between "<?xml" and "?>".
func (s *Scanner) xmlDecl(b []byte, at int) status {
	rest := b
	version, ok := pseudoAttr(&rest, "version")
	if !ok {
		return s.bad(Malformed, at, "XML declaration without a version")
	}
	if string(version) != "1.0" {
		return s.bad(Malformed, at, "XML version %q, only 1.0 is accepted", version)
	}
	if enc, ok := pseudoAttr(&rest, "encoding"); ok && !bytes.EqualFold(enc, []byte("UTF-8")) {
		return s.bad(Encoding, at, "encoding %q, only UTF-8 is accepted", enc)
	}
	if sa, ok := pseudoAttr(&rest, "standalone"); ok && string(sa) != "yes" && string(sa) != "no" {
		return s.bad(Malformed, at, "standalone is neither yes nor no")
	}
	if !isAllSpace(rest) {
		return s.bad(Malformed, at+len(b)-len(rest), "malformed XML declaration")
	}
	return done
}

// pseudoAttr takes ` name="value"` off the front of *b.
func pseudoAttr(b *[]byte, name string) ([]byte, bool) {
	v := *b
	n := skipSpace(v, 0)
	if n == 0 || !hasPrefix(v[n:], name) {
		return nil, false
	}
	n = skipSpace(v, n+len(name))
	if n >= len(v) || v[n] != '=' {
		return nil, false
	}
	n = skipSpace(v, n+1)
	if n >= len(v) || v[n] != '"' && v[n] != '\'' {
		return nil, false
	}
	end := bytes.IndexByte(v[n+1:], v[n])
	if end < 0 {
		return nil, false
	}
	*b = v[n+1+end+1:]
	return v[n+1 : n+1+end], true
}

func skipSpace(v []byte, i int) int {
	for i < len(v) && isSpace(v[i]) {
		i++
	}
	return i
}
