package events

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxStatement is the greatest length of an encoded statement, in bytes. It bounds what a reader must hold.
const MaxStatement = 1 << 20

// timeLayout is RFC 3339 in UTC with exactly six decimals.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Encode gives the one encoding of the statement: a single line of JSON without white space, members in the
// order of docs/formats.md, empty optional members left out. It fails if a member cannot be written so that
// DecodeStatement reads the same back.
func (s *Statement) Encode() ([]byte, error) {
	return s.AppendEncoding(make([]byte, 0, 640+len(s.Data)))
}

// AppendEncoding appends the encoding to dst.
func (s *Statement) AppendEncoding(dst []byte) ([]byte, error) {
	if err := s.encodable(); err != nil {
		return nil, fmt.Errorf("couldn't encode statement: %w", err)
	}
	start := len(dst)
	b := append(dst, `{"origin":`...)
	b = appendString(b, s.Origin)
	b = append(b, `,"stream":`...)
	b = appendString(b, s.Stream)
	b = append(b, `,"version":`...)
	b = strconv.AppendUint(b, s.Version, 10)
	b = append(b, `,"name":`...)
	b = appendString(b, s.Name)
	b = append(b, `,"time":"`...)
	b = s.Time.UTC().AppendFormat(b, timeLayout)
	b = append(b, `","actor":`...)
	b = appendString(b, s.Actor)
	b = append(b, `,"client":`...)
	b = appendString(b, s.Client)
	if s.Cause != nil {
		b = append(b, `,"cause":{"origin":`...)
		b = appendString(b, s.Cause.Origin)
		b = append(b, `,"position":`...)
		b = strconv.AppendUint(b, s.Cause.Position, 10)
		b = append(b, '}')
	}
	b = append(b, `,"basis":{"directory":`...)
	b = strconv.AppendUint(b, s.Basis.Directory, 10)
	b = append(b, `,"policy":`...)
	b = strconv.AppendUint(b, s.Basis.Policy, 10)
	b = append(b, '}')
	if s.Package != nil {
		b = append(b, `,"package":{"sha256":"`...)
		b = hex.AppendEncode(b, s.Package.SHA256[:])
		b = append(b, `","length":`...)
		b = strconv.AppendInt(b, s.Package.Length, 10)
		b = append(b, '}')
	}
	if s.Facts != nil {
		b = append(b, `,"facts":"`...)
		b = hex.AppendEncode(b, s.Facts[:])
		b = append(b, '"')
	}
	if s.Evidence != nil {
		b = append(b, `,"evidence":"`...)
		b = hex.AppendEncode(b, s.Evidence[:])
		b = append(b, '"')
	}
	b = append(b, `,"data":`...)
	b = append(b, s.Data...)
	b = append(b, nonceMember...)
	b = hex.AppendEncode(b, s.Nonce[:])
	b = append(b, '"', '}')
	if n := len(b) - start; n > MaxStatement {
		return nil, fmt.Errorf("couldn't encode statement: %d bytes, limit %d", n, MaxStatement)
	}
	return b, nil
}

const nonceMember = `,"nonce":"`

func (s *Statement) encodable() error {
	for _, f := range [...]struct{ name, value string }{
		{"origin", s.Origin}, {"stream", s.Stream}, {"name", s.Name}, {"actor", s.Actor}, {"client", s.Client},
	} {
		if f.value == "" {
			return fmt.Errorf("%s is empty", f.name)
		}
		if !utf8.ValidString(f.value) {
			return fmt.Errorf("%s is not UTF-8", f.name)
		}
	}
	if s.Version > math.MaxInt64 {
		return fmt.Errorf("version %d is too large", s.Version)
	}
	t := s.Time.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Errorf("year %d is not of four digits", y)
	}
	if !t.Equal(t.Truncate(time.Microsecond)) {
		return fmt.Errorf("time %v is finer than a microsecond", t)
	}
	if c := s.Cause; c != nil {
		if c.Origin == "" || !utf8.ValidString(c.Origin) {
			return fmt.Errorf("origin of cause is empty or not UTF-8")
		}
		if c.Position > math.MaxInt64 {
			return fmt.Errorf("position of cause %d is too large", c.Position)
		}
	}
	if s.Basis.Directory > math.MaxInt64 || s.Basis.Policy > math.MaxInt64 {
		return fmt.Errorf("basis %d, %d is too large", s.Basis.Directory, s.Basis.Policy)
	}
	if s.Package != nil && s.Package.Length < 0 {
		return fmt.Errorf("length of package %d is negative", s.Package.Length)
	}
	return checkObject(s.Data)
}

// appendString writes s as a JSON string: quotation mark, reverse solidus and the characters below U+0020 are
// escaped (\" \\ \u00xx), everything else stands for itself.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		if c < 0x20 {
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		} else {
			b = append(b, '\\', c)
		}
		from = i + 1
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// MarshalObject writes v as the record keeps event data and facts: one compact JSON object, without HTML
// escaping, members in the order of v's Go type.
func MarshalObject(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("couldn't marshal %T: %w", v, err)
	}
	b := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if err := checkObject(b); err != nil {
		return nil, fmt.Errorf("couldn't marshal %T: %w", v, err)
	}
	return b, nil
}

// Digest is what a statement says of facts: SHA-256(Salt ‖ Text).
func (f *Facts) Digest() Digest {
	h := sha256.New()
	h.Write(f.Salt[:])
	h.Write(f.Text)
	return Digest(h.Sum(nil))
}
