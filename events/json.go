package events

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds nesting in event data.
const maxDepth = 32

// checkObject says why b is not one JSON object without white space (RFC 8259), in UTF-8, at most maxDepth deep.
func checkObject(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return errors.New("data is not a JSON object")
	}
	c := jsonChecker{b: b}
	if !c.value(0) || c.i != len(b) {
		return fmt.Errorf("data is not compact JSON at byte %d", c.i)
	}
	if !utf8.Valid(b) {
		return errors.New("data is not UTF-8")
	}
	return nil
}

type jsonChecker struct {
	b []byte
	i int
}

func (c *jsonChecker) next(x byte) bool {
	if c.i < len(c.b) && c.b[c.i] == x {
		c.i++
		return true
	}
	return false
}

func (c *jsonChecker) word(s string) bool {
	if len(c.b)-c.i < len(s) || string(c.b[c.i:c.i+len(s)]) != s {
		return false
	}
	c.i += len(s)
	return true
}

func (c *jsonChecker) value(depth int) bool {
	if c.i >= len(c.b) || depth > maxDepth {
		return false
	}
	switch c.b[c.i] {
	case '{':
		return c.list('}', func() bool { return c.text() && c.next(':') && c.value(depth+1) })
	case '[':
		return c.list(']', func() bool { return c.value(depth + 1) })
	case '"':
		return c.text()
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	}
	return c.number()
}

func (c *jsonChecker) list(end byte, element func() bool) bool {
	c.i++
	if c.next(end) {
		return true
	}
	for element() {
		if c.next(end) {
			return true
		}
		if !c.next(',') {
			return false
		}
	}
	return false
}

func (c *jsonChecker) text() bool {
	if !c.next('"') {
		return false
	}
	for c.i < len(c.b) {
		x := c.b[c.i]
		c.i++
		switch {
		case x == '"':
			return true
		case x < 0x20:
			return false
		case x == '\\' && !c.escape():
			return false
		}
	}
	return false
}

func (c *jsonChecker) escape() bool {
	if c.i >= len(c.b) {
		return false
	}
	x := c.b[c.i]
	c.i++
	switch x {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for n := 0; n < 4; n++ {
			if c.i >= len(c.b) || hexValue[c.b[c.i]|0x20] > 15 {
				return false
			}
			c.i++
		}
		return true
	}
	return false
}

func (c *jsonChecker) digits() bool {
	from := c.i
	for c.i < len(c.b) && c.b[c.i]-'0' <= 9 {
		c.i++
	}
	return c.i > from
}

func (c *jsonChecker) number() bool {
	c.next('-')
	if !c.next('0') && !c.digits() {
		return false
	}
	if c.next('.') && !c.digits() {
		return false
	}
	if c.next('e') || c.next('E') {
		if !c.next('+') {
			c.next('-')
		}
		return c.digits()
	}
	return true
}
