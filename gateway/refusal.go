package gateway

import (
	"errors"
	"fmt"
	"strings"
)

// Refusal is the one shape of a negative answer. It is an error, so that it travels through ordinary returns;
// everything that is not a *Refusal is the node's own fault and is answered with CodeInternal.
type Refusal struct {
	Code      int      // number of the published catalogue, never reused
	ID        string   // the same in words, stable: "signature-missing"
	HTTP      int      // HTTP status
	Field     string   // path of the field concerned, e.g. "/edXML/edXMLEnvelope/…/To[2]/OrganId"; "" if none
	Vi        string   // one sentence that says what to change, Vietnamese
	En        string   // the same in English
	Retryable bool     // handing in the same bytes again later can succeed
	Details   []string // e.g. every unknown recipient; identifiers and codes only
	cause     error    // for the log, never for the wire
}

// Error is for logs of the node, not for callers.
func (r *Refusal) Error() string {
	s := fmt.Sprintf("refused %d %s", r.Code, r.ID)
	if r.Field != "" {
		s += " at " + r.Field
	}
	if r.cause != nil {
		s += ": " + r.cause.Error()
	}
	return s
}

// Unwrap gives the cause, if the refusal has one.
func (r *Refusal) Unwrap() error { return r.cause }

// At returns a copy that names the field concerned.
func (r *Refusal) At(field string) *Refusal {
	c := *r
	c.Field = limitText(field, 300)
	return &c
}

// With returns a copy with details (identifiers and codes, never document text), bounded in number and length.
func (r *Refusal) With(details ...string) *Refusal {
	c := *r
	c.Details = append([]string(nil), c.Details...)
	for _, d := range details {
		if len(c.Details) == maxDetails {
			break
		}
		c.Details = append(c.Details, limitText(d, 200))
	}
	return &c
}

// Because returns a copy that carries the cause for the log.
func (r *Refusal) Because(err error) *Refusal {
	c := *r
	c.cause = err
	return &c
}

// Is makes errors.Is(err, gateway.Refuse(code)) compare by code.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.Code == r.Code
}

// maxDetails bounds what one answer can carry; a package may name thousands of unknown recipients.
const maxDetails = 200

// Refuse gives the catalogue's refusal with this code. An unknown code is a programming error and gives
// CodeInternal, which the catalogue test keeps from happening.
func Refuse(code int) *Refusal {
	if e, ok := byCode[code]; ok {
		return e.refusal()
	}
	return byCode[CodeInternal].refusal().Because(fmt.Errorf("couldn't find refusal %d in the catalogue", code))
}

// AsRefusal turns any error into the refusal that is answered for it.
func AsRefusal(err error) *Refusal {
	if err == nil {
		return nil
	}
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return Refuse(CodeInternal).Because(err)
}

// limitText cuts s to at most n bytes at a rune border and drops control characters, because field paths and
// details echo what a stranger sent.
func limitText(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f {
			return ' '
		}
		return c
	}, s)
	if len(s) <= n {
		return s
	}
	cut := n
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
