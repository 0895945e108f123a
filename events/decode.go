package events

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// DecodeStatement reads what Encode writes and nothing else: encoding the result gives b again, byte for byte.
// Data of the result is a part of b.
func DecodeStatement(b []byte) (Statement, error) { return decode(b, nil) }

// Decoder is DecodeStatement for many statements: origins, names, actors and clients that come again and again are
// one string in memory. It is not safe for concurrent use; the zero value is ready.
type Decoder struct {
	known map[string]string
}

// maxKnown bounds what a Decoder remembers.
const maxKnown = 4096

// Decode is DecodeStatement.
func (k *Decoder) Decode(b []byte) (Statement, error) {
	if k.known == nil || len(k.known) > maxKnown {
		k.known = map[string]string{}
	}
	return decode(b, k.known)
}

func decode(b []byte, known map[string]string) (Statement, error) {
	if len(b) > MaxStatement {
		return Statement{}, fmt.Errorf("couldn't decode statement: %d bytes, limit %d", len(b), MaxStatement)
	}
	d := decoder{b: b, known: known}
	s := d.statement()
	if d.err != nil {
		return Statement{}, fmt.Errorf("couldn't decode statement at byte %d: %w", d.i, d.err)
	}
	return s, nil
}

// decoder walks over b; after the first error every step is void.
type decoder struct {
	b     []byte
	i     int
	err   error
	known map[string]string // or nil
}

func (d *decoder) statement() (s Statement) {
	d.expect(`{"origin":`)
	s.Origin = d.common()
	d.expect(`,"stream":`)
	s.Stream = d.text()
	d.expect(`,"version":`)
	s.Version = d.number()
	d.expect(`,"name":`)
	s.Name = d.common()
	d.expect(`,"time":"`)
	s.Time = d.time()
	d.expect(`","actor":`)
	s.Actor = d.common()
	d.expect(`,"client":`)
	s.Client = d.common()
	if d.has(`,"cause":{"origin":`) {
		s.Cause = &Address{Origin: d.text()}
		d.expect(`,"position":`)
		s.Cause.Position = d.number()
		d.expect(`}`)
	}
	d.expect(`,"basis":{"directory":`)
	s.Basis.Directory = d.number()
	d.expect(`,"policy":`)
	s.Basis.Policy = d.number()
	d.expect(`}`)
	if d.has(`,"package":{"sha256":"`) {
		s.Package = new(PackageRef)
		d.hex(s.Package.SHA256[:])
		d.expect(`","length":`)
		s.Package.Length = int64(d.number())
		d.expect(`}`)
	}
	if d.has(`,"facts":"`) {
		s.Facts = new(Digest)
		d.hex(s.Facts[:])
		d.expect(`"`)
	}
	if d.has(`,"evidence":"`) {
		s.Evidence = new(Digest)
		d.hex(s.Evidence[:])
		d.expect(`"`)
	}
	d.expect(`,"data":`)
	s.Data = d.data()
	d.expect(nonceMember)
	d.hex(s.Nonce[:])
	d.expect(`"}`)
	if d.err == nil && d.i != len(d.b) {
		d.err = errors.New("more bytes follow")
	}
	return s
}

func (d *decoder) has(lit string) bool {
	if d.err != nil || len(d.b)-d.i < len(lit) || string(d.b[d.i:d.i+len(lit)]) != lit {
		return false
	}
	d.i += len(lit)
	return true
}

func (d *decoder) expect(lit string) {
	if !d.has(lit) && d.err == nil {
		d.err = fmt.Errorf("expected %s", lit)
	}
}

// text reads a non-empty string in the spelling of appendString.
func (d *decoder) text() string {
	d.expect(`"`)
	if d.err != nil {
		return ""
	}
	rest := d.b[d.i:]
	for n, c := range rest {
		if c == '"' {
			if n == 0 || !utf8.Valid(rest[:n]) {
				break
			}
			d.i += n + 1
			return string(rest[:n])
		}
		if c < 0x20 {
			break
		}
		if c == '\\' {
			return d.escapedText()
		}
	}
	d.err = errors.New("expected a non-empty UTF-8 string")
	return ""
}

// common reads a string that may come again.
func (d *decoder) common() string {
	if d.known == nil {
		return d.text()
	}
	if rest := d.b[d.i:]; d.err == nil && len(rest) > 0 && rest[0] == '"' {
		// What is known needs no closer look: it was read before, up to its quotation mark.
		if n := bytes.IndexByte(rest[1:], '"'); n > 0 {
			if s, ok := d.known[string(rest[1:1+n])]; ok {
				d.i += n + 2
				return s
			}
		}
	}
	from := d.i
	s := d.text()
	if d.err == nil && d.i-from == len(s)+2 { // spelled without escapes
		d.known[s] = s
	}
	return s
}

func (d *decoder) escapedText() string {
	var out []byte
	for d.i < len(d.b) {
		c := d.b[d.i]
		d.i++
		switch {
		case c == '"':
			if len(out) == 0 || !utf8.Valid(out) {
				d.err = errors.New("expected a non-empty UTF-8 string")
			}
			return string(out)
		case c < 0x20:
			d.err = errors.New("control character in string")
			return ""
		case c != '\\':
			out = append(out, c)
		case d.has(`"`):
			out = append(out, '"')
		case d.has(`\`):
			out = append(out, '\\')
		default:
			var v [1]byte
			d.expect(`u00`)
			d.hex(v[:])
			if d.err == nil && v[0] >= 0x20 {
				d.err = fmt.Errorf("U+%04X needs no escape", v[0])
			}
			if d.err != nil {
				return ""
			}
			out = append(out, v[0])
		}
	}
	d.err = errors.New("string does not end")
	return ""
}

// number reads a decimal of at most 2^63-1 without leading zeros.
func (d *decoder) number() uint64 {
	if d.err != nil {
		return 0
	}
	from := d.i
	var v uint64
	for d.i < len(d.b) {
		c := d.b[d.i] - '0'
		if c > 9 {
			break
		}
		if v > (math.MaxInt64-uint64(c))/10 {
			d.err = errors.New("number is too large")
			return 0
		}
		v = v*10 + uint64(c)
		d.i++
	}
	if d.i == from || d.b[from] == '0' && d.i-from > 1 {
		d.err = errors.New("expected a decimal number without leading zeros")
	}
	return v
}

func (d *decoder) hex(dst []byte) {
	if d.err != nil {
		return
	}
	if len(d.b)-d.i < 2*len(dst) || !unhex(dst, d.b[d.i:d.i+2*len(dst)]) {
		d.err = fmt.Errorf("expected %d lower-case hexadecimal digits", 2*len(dst))
		return
	}
	d.i += 2 * len(dst)
}

func (d *decoder) time() time.Time {
	if d.err != nil {
		return time.Time{}
	}
	if len(d.b)-d.i < len(timeLayout) {
		d.err = errors.New("expected a time")
		return time.Time{}
	}
	p := d.b[d.i : d.i+len(timeLayout)]
	ok := p[4] == '-' && p[7] == '-' && p[10] == 'T' && p[13] == ':' && p[16] == ':' && p[19] == '.' && p[26] == 'Z'
	num := func(from, to int) (v int) {
		for _, c := range p[from:to] {
			ok = ok && c-'0' <= 9
			v = v*10 + int(c-'0')
		}
		return v
	}
	year, month, day, hour, minute, second := num(0, 4), num(5, 7), num(8, 10), num(11, 13), num(14, 16), num(17, 19)
	t := time.Date(year, time.Month(month), day, hour, minute, second, num(20, 26)*1000, time.UTC)
	// Date moves a 31st of April to May: what it gives must be what was written.
	y, m, dd := t.Date()
	if !ok || hour > 23 || minute > 59 || second > 59 || y != year || int(m) != month || dd != day {
		d.err = fmt.Errorf("expected a time in the form %s", timeLayout)
		return time.Time{}
	}
	d.i += len(timeLayout)
	return t
}

// data takes the object that ends where the nonce, which has a fixed length, begins.
func (d *decoder) data() []byte {
	const tail = len(nonceMember) + 32 + len(`"}`)
	if d.err != nil {
		return nil
	}
	end := len(d.b) - tail
	if end < d.i {
		d.err = errors.New("expected data and nonce")
		return nil
	}
	v := d.b[d.i:end:end]
	if d.err = checkObject(v); d.err != nil {
		return nil
	}
	d.i = end
	return v
}
