package projections

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
)

// The data of the events that make up nine tenths of a log is read here without reflection: encoding/json alone would cost a
// third of replay. The record writes JSON without white space; whatever is written otherwise, or is of another type than
// expected, is left to encoding/json (see decode), which judges it. Only what views use is read.

// jsonScan walks over compact JSON. After the first surprise it is bad and gives zero values.
type jsonScan struct {
	b   []byte
	bad bool
}

func (s *jsonScan) take(c byte) bool {
	if s.bad || len(s.b) == 0 || s.b[0] != c {
		return false
	}
	s.b = s.b[1:]
	return true
}

func (s *jsonScan) want(c byte) {
	if !s.take(c) {
		s.bad = true
	}
}

// object calls f for each member; f must read the value. Names are as we write them, and each stands once: in anything else
// encoding/json finds what it finds.
func (s *jsonScan) object(f func(name []byte)) {
	var seen [32][]byte
	n := 0
	s.want('{')
	if s.take('}') {
		return
	}
	for !s.bad {
		name := s.raw()
		s.want(':')
		if s.bad || n == len(seen) || !plainName(name) {
			s.bad = true
			return
		}
		for _, other := range seen[:n] {
			if string(other) == string(name) {
				s.bad = true
				return
			}
		}
		seen[n] = name
		n++
		f(name)
		if s.take('}') {
			return
		}
		s.want(',')
	}
}

// plainName says that encoding/json, which ignores case, can take the name for no other.
func plainName(name []byte) bool {
	for _, c := range name {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// list calls f for each element; f must read it.
func (s *jsonScan) list(f func()) {
	s.want('[')
	if s.take(']') {
		return
	}
	for !s.bad {
		f()
		if s.take(']') {
			return
		}
		s.want(',')
	}
}

// raw reads a string without escapes.
func (s *jsonScan) raw() []byte {
	s.want('"')
	for i, c := range s.b {
		switch {
		case c == '"':
			v := s.b[:i]
			s.b = s.b[i+1:]
			return v
		case c == '\\' || c < ' ':
			s.bad = true
			return nil
		}
	}
	s.bad = true
	return nil
}

func (s *jsonScan) text() string {
	if s.bad || len(s.b) == 0 || s.b[0] != '"' {
		s.bad = true
		return ""
	}
	for i := 1; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			v := s.b[1:i]
			s.b = s.b[i+1:]
			if !utf8.Valid(v) {
				s.bad = true
			}
			return string(v)
		case c == '\\':
			return s.escaped()
		case c < ' ':
			s.bad = true
			return ""
		}
	}
	s.bad = true
	return ""
}

// escaped reads a string that has escapes.
func (s *jsonScan) escaped() string {
	for i := 1; i < len(s.b); i++ {
		switch s.b[i] {
		case '\\':
			i++
		case '"':
			var v string
			if json.Unmarshal(s.b[:i+1], &v) != nil {
				s.bad = true
			}
			s.b = s.b[i+1:]
			return v
		}
	}
	s.bad = true
	return ""
}

func (s *jsonScan) number() int64 {
	i := 0
	for i < len(s.b) && (s.b[i] == '-' || '0' <= s.b[i] && s.b[i] <= '9') {
		i++
	}
	n, err := strconv.ParseInt(string(s.b[:i]), 10, 64)
	if err != nil {
		s.bad = true
	}
	s.b = s.b[i:]
	return n
}

func (s *jsonScan) digest() (d events.Digest) {
	var err error
	if d, err = events.ParseDigest(string(s.raw())); err != nil {
		s.bad = true
	}
	return d
}

func (s *jsonScan) time() time.Time {
	t, err := time.Parse(time.RFC3339, string(s.raw()))
	if err != nil {
		s.bad = true
	}
	return t
}

// skip passes over any value.
func (s *jsonScan) skip() {
	if s.bad || len(s.b) == 0 {
		s.bad = true
		return
	}
	switch s.b[0] {
	case '"':
		for i := 1; i < len(s.b); i++ {
			switch s.b[i] {
			case '\\':
				i++
			case '"':
				s.b = s.b[i+1:]
				return
			}
		}
		s.bad = true
	case '{':
		s.want('{')
		if s.take('}') {
			return
		}
		for !s.bad {
			s.skip()
			s.want(':')
			s.skip()
			if s.take('}') {
				return
			}
			s.want(',')
		}
	case '[':
		s.list(s.skip)
	default: // number, true, false, null
		i := 0
		for i < len(s.b) && s.b[i] != ',' && s.b[i] != '}' && s.b[i] != ']' {
			i++
		}
		if i == 0 {
			s.bad = true
		}
		s.b = s.b[i:]
	}
}

// done says whether the whole text was read as expected.
func (s *jsonScan) done() bool { return !s.bad && len(s.b) == 0 }

// scanData reads the data of the frequent events into dst; false: let encoding/json do it.
func scanData(data []byte, dst any) bool {
	s := &jsonScan{b: data}
	switch v := dst.(type) {
	case *delivery.Offered:
		s.offered(v)
	case *delivery.Taken:
		s.object(func(name []byte) {
			switch string(name) {
			case "client":
				v.Client = s.text()
			case "until":
				v.Until = s.time()
			default:
				s.skip()
			}
		})
	case *delivery.Acknowledged:
		s.object(func(name []byte) {
			if string(name) == "client" {
				v.Client = s.text()
			} else {
				s.skip()
			}
		})
	case *delivery.Forwarded:
		s.object(func(name []byte) {
			switch string(name) {
			case "node":
				v.Node = s.text()
			case "position":
				v.Position = uint64(s.number())
			case "receipt":
				v.Receipt = s.digest()
			default:
				s.skip()
			}
		})
	case *document.Received:
		s.received(v)
	case *document.StatusReported:
		s.statusReported(v)
	default:
		return false
	}
	return s.done()
}

func (s *jsonScan) offered(v *delivery.Offered) {
	s.object(func(name []byte) {
		switch string(name) {
		case "item":
			v.Item = s.text()
		case "item_id":
			v.ItemID = s.text()
		case "org":
			v.Org = s.text()
		case "from":
			v.From = s.text()
		case "node":
			v.Node = s.text()
		case "package":
			v.Package = s.digest()
		case "size":
			v.Size = s.number()
		case "priority":
			v.Priority = int(s.number())
		case "assurance":
			v.Assurance = s.text()
		default:
			s.skip()
		}
	})
}

func (s *jsonScan) received(v *document.Received) {
	s.object(func(name []byte) {
		switch string(name) {
		case "business":
			v.Business = int(s.number())
		case "sender":
			v.Sender = s.text()
		case "sender_node":
			v.SenderNode = s.text()
		case "assurance":
			v.Assurance = s.text()
		case "priority":
			v.Priority = int(s.number())
		case "recipients":
			s.list(func() {
				var r document.Recipient
				s.object(func(name []byte) {
					if string(name) == "org" {
						r.Org = s.text()
					} else {
						s.skip()
					}
				})
				v.Recipients = append(v.Recipients, r)
			})
		case "peer":
			v.Peer = s.peer()
		default:
			s.skip()
		}
	})
}

func (s *jsonScan) statusReported(v *document.StatusReported) {
	s.object(func(name []byte) {
		switch string(name) {
		case "code":
			v.Code = s.text()
		case "reporter":
			v.Reporter = s.text()
		case "about":
			v.About = s.text()
		case "timestamp":
			v.Timestamp = s.text()
		case "assurance":
			v.Assurance = s.text()
		case "peer":
			v.Peer = s.peer()
		default:
			s.skip()
		}
	})
}

func (s *jsonScan) peer() *document.PeerHop {
	h := &document.PeerHop{}
	s.object(func(name []byte) {
		switch string(name) {
		case "origin":
			h.Origin = s.text()
		case "position":
			h.Position = uint64(s.number())
		default:
			s.skip()
		}
	})
	return h
}

// scanFacts reads what search uses of a document's words; false: let encoding/json do it.
func scanFacts(text []byte, f *document.Facts) bool {
	s := &jsonScan{b: text}
	s.object(func(name []byte) {
		switch string(name) {
		case "code_number":
			f.CodeNumber = s.text()
		case "code_notation":
			f.CodeNotation = s.text()
		case "subject":
			f.Subject = s.text()
		case "type_name":
			f.TypeName = s.text()
		case "promulgation_date":
			f.PromulgationDate = s.text()
		case "sender_name":
			f.SenderName = s.text()
		case "content":
			f.Content = s.text()
		case "signer":
			f.Signer = &document.SignerFacts{}
			s.object(func(name []byte) {
				if string(name) == "name" {
					f.Signer.Name = s.text()
				} else {
					s.skip()
				}
			})
		case "attachments":
			s.list(func() {
				var a document.AttachmentFacts
				s.object(func(name []byte) {
					if string(name) == "name" {
						a.Name = s.text()
					} else {
						s.skip()
					}
				})
				f.Attachments = append(f.Attachments, a)
			})
		default:
			s.skip()
		}
	})
	return s.done()
}
