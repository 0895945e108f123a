package cms

import (
	"bytes"
	"slices"
)

// header is the identifier and length of one element.
type header struct {
	tag     byte
	size    int // octets of the header
	length  int // octets of the content; -1 if indefinite
	minimal bool
}

func (h header) constructed() bool { return h.tag&0x20 != 0 }
func (h header) universal() bool   { return h.tag&0xC0 == 0 }

func readHeader(b []byte) (header, *Error) {
	if len(b) < 2 {
		return header{}, problemf(Malformed, "element is cut off")
	}
	h := header{tag: b[0], size: 2, minimal: true}
	if h.tag&0x1F == 0x1F {
		return h, problemf(Malformed, "tag number above 30")
	}
	switch n := int(b[1] & 0x7F); {
	case b[1] < 0x80:
		h.length = n
	case n == 0:
		h.length, h.minimal = -1, false
		if !h.constructed() {
			return h, problemf(Malformed, "indefinite length of a primitive element")
		}
		return h, nil
	case n > 4:
		return h, problemf(TooBig, "length in %d octets, limit is 4", n)
	default:
		if len(b) < 2+n {
			return h, problemf(Malformed, "length is cut off")
		}
		for _, c := range b[2 : 2+n] {
			h.length = h.length<<8 | int(c)
		}
		h.size += n
		h.minimal = b[2] != 0 && h.length >= 0x80
	}
	if h.length > len(b)-h.size {
		return h, problemf(Malformed, "element of %d octets, %d are there", h.length, len(b)-h.size)
	}
	return h, nil
}

// scanner walks all elements of an encoding once.
type scanner struct {
	elements int
	der      bool // nothing seen that DER forbids
}

// isString tells universal types that BER may cut in pieces and DER may not.
func isString(tag byte) bool {
	switch tag & 0x1F {
	case 3, 4, 12, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30:
		return true
	}
	return false
}

// element returns how many octets the first element of b has.
func (s *scanner) element(b []byte, depth int) (int, *Error) {
	if s.elements++; s.elements > maxElements {
		return 0, problemf(TooBig, "more than %d elements", maxElements)
	}
	if depth > maxDepth {
		return 0, problemf(TooBig, "elements nested deeper than %d", maxDepth)
	}
	h, err := readHeader(b)
	if err != nil {
		return 0, err
	}
	if !h.minimal || h.universal() && h.constructed() && isString(h.tag) {
		s.der = false
	}
	if h.length >= 0 {
		if h.constructed() {
			for in := b[h.size : h.size+h.length]; len(in) > 0; {
				n, err := s.element(in, depth+1)
				if err != nil {
					return 0, err
				}
				in = in[n:]
			}
		} else if !primitiveDER(h.tag, b[h.size:h.size+h.length]) {
			s.der = false
		}
		return h.size + h.length, nil
	}
	n := h.size
	for {
		if len(b)-n < 2 {
			return 0, problemf(Malformed, "indefinite length without an end")
		}
		if b[n] == 0 && b[n+1] == 0 {
			return n + 2, nil
		}
		m, err := s.element(b[n:], depth+1)
		if err != nil {
			return 0, err
		}
		n += m
	}
}

// primitiveDER tells the values that have more encodings than one in BER.
func primitiveDER(tag byte, v []byte) bool {
	switch tag {
	case 0x01:
		return len(v) == 1 && (v[0] == 0 || v[0] == 0xFF)
	case 0x02, 0x0A:
		return len(v) == 1 || len(v) > 1 && !(v[0] == 0 && v[1] < 0x80) && !(v[0] == 0xFF && v[1] >= 0x80)
	case 0x05:
		return len(v) == 0
	}
	return true
}

// exact returns the one DER element that b starts with. With ber it is made DER if it isn't (changed tells that), and what follows it
// is returned; without, anything but DER and any octet behind it is an error.
func exact(b []byte, ber bool) (der, rest []byte, changed bool, err *Error) {
	s := scanner{der: true}
	n, err := s.element(b, 0)
	switch {
	case err != nil:
		return nil, nil, false, err
	case !ber && n != len(b):
		return nil, nil, false, problemf(NotDER, "%d octets behind the end", len(b)-n)
	case s.der:
		return b[:n], b[n:], false, nil
	case !ber:
		return nil, nil, false, problemf(NotDER, "encoded in BER, want DER")
	}
	der, _ = toDER(b[:n])
	return der, b[n:], true, nil
}

// toDER re-encodes the first element of b, which a scanner has accepted, and returns how many octets that was. The order of sets is kept.
func toDER(b []byte) (der []byte, n int) {
	h, _ := readHeader(b)
	if !h.constructed() {
		return appendElement(nil, h.tag, b[h.size:h.size+h.length]), h.size + h.length
	}
	joined := h.universal() && isString(h.tag)
	var content []byte
	n = h.size
	for h.length < 0 || n < h.size+h.length {
		if h.length < 0 && b[n] == 0 && b[n+1] == 0 {
			n += 2
			break
		}
		part, m := toDER(b[n:])
		n += m
		if joined {
			ph, _ := readHeader(part)
			part = part[ph.size:]
			if h.tag&0x1F == 3 && len(part) > 0 && len(content) > 0 {
				content[0] = part[0] // unused bits: only the last part has any
				part = part[1:]
			}
		}
		content = append(content, part...)
	}
	tag := h.tag
	if joined {
		tag &^= 0x20
	}
	return appendElement(nil, tag, content), n
}

// appendElement appends tag, shortest length and content.
func appendElement(dst []byte, tag byte, content []byte) []byte {
	n := len(content)
	dst = append(slices.Grow(dst, n+6), tag)
	switch {
	case n < 0x80:
		dst = append(dst, byte(n))
	case n < 1<<8:
		dst = append(dst, 0x81, byte(n))
	case n < 1<<16:
		dst = append(dst, 0x82, byte(n>>8), byte(n))
	case n < 1<<24:
		dst = append(dst, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		dst = append(dst, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, content...)
}

// set encodes elements as a SET OF in the order of DER.
func set(tag byte, elements [][]byte) []byte {
	sorted := slices.Clone(elements)
	slices.SortFunc(sorted, bytes.Compare)
	return appendElement(nil, tag, bytes.Join(sorted, nil))
}
