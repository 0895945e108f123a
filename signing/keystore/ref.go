package keystore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Kind is where a key lives.
type Kind string

// The kinds of references.
const (
	PEM     Kind = "pem"
	PKCS12  Kind = "pkcs12"
	PKCS11  Kind = "pkcs11"
	Service Kind = "remote"
)

// maxRef bounds the text of a reference, in bytes.
const maxRef = 4096

// ErrSecretInReference: a reference holds a PIN or password itself. Put it into a file with mode 0600 and name that by pin-source.
var ErrSecretInReference = errors.New("a reference must not hold a secret; use pin-source=file:PATH or pin-source=env:NAME")

// Ref names a key. The zero Ref names none.
type Ref struct {
	kind   Kind
	text   string // without the query
	path   string // PEM, PKCS12
	pin    string // source of the PIN or password
	token  TokenRef
	remote string
	cred   string
}

// TokenRef is what a pkcs11: reference says (RFC 7512).
type TokenRef struct {
	Module  string // module-path
	Token   string // label of the token
	Serial  string
	Slot    uint
	HasSlot bool
	Object  string // label of the key
	ID      []byte // CKA_ID of the key
}

// ParseRef reads a reference. Text without a known scheme is the path of a PEM file.
func ParseRef(s string) (Ref, error) {
	r, err := parseRef(s)
	if err != nil {
		return Ref{}, fmt.Errorf("couldn't read key reference %q: %w", redact(s), err)
	}
	return r, nil
}

// MustParseRef is for references that the program itself writes.
func MustParseRef(s string) Ref {
	r, err := ParseRef(s)
	if err != nil {
		panic(err)
	}
	return r
}

func parseRef(s string) (Ref, error) {
	switch {
	case s == "":
		return Ref{}, errors.New("it is empty")
	case len(s) > maxRef:
		return Ref{}, fmt.Errorf("it has %d bytes, limit is %d", len(s), maxRef)
	case strings.ContainsAny(s, "\x00\r\n"):
		return Ref{}, errors.New("it has a line break or a zero byte")
	}
	scheme, rest, found := strings.Cut(s, ":")
	if !found {
		scheme = ""
	}
	switch Kind(strings.ToLower(scheme)) {
	case PKCS12:
		path, query, _ := strings.Cut(rest, "?")
		if path == "" {
			return Ref{}, errors.New("no path")
		}
		attrs, err := parseQuery(query, "pin-source")
		return Ref{kind: PKCS12, text: "pkcs12:" + path, path: path, pin: attrs["pin-source"]}, err
	case PKCS11:
		return parsePKCS11(rest)
	case Service:
		name, cred, _ := strings.Cut(rest, "/")
		if name == "" || strings.Contains(rest, "?") {
			return Ref{}, errors.New("want remote:NAME or remote:NAME/CREDENTIAL")
		}
		cred, err := url.PathUnescape(cred)
		return Ref{kind: Service, text: "remote:" + rest, remote: name, cred: cred}, err
	case PEM:
		if rest == "" {
			return Ref{}, errors.New("no path")
		}
		return Ref{kind: PEM, text: rest, path: rest}, nil
	}
	return Ref{kind: PEM, text: s, path: s}, nil
}

// parsePKCS11 reads what follows "pkcs11:". Attributes that would narrow the choice in a way we do not check are refused, so
// that nothing is silently ignored.
func parsePKCS11(rest string) (Ref, error) {
	path, query, _ := strings.Cut(rest, "?")
	r := Ref{kind: PKCS11, text: "pkcs11:" + path}
	seen := map[string]bool{}
	for attr := range strings.SplitSeq(path, ";") {
		if attr == "" {
			continue
		}
		name, raw, ok := strings.Cut(attr, "=")
		value, err := url.PathUnescape(raw)
		if !ok || err != nil || seen[name] {
			return Ref{}, fmt.Errorf("attribute %q is malformed or given twice", name)
		}
		seen[name] = true
		switch name {
		case "token":
			r.token.Token = value
		case "serial":
			r.token.Serial = value
		case "object":
			r.token.Object = value
		case "id":
			r.token.ID = []byte(value)
		case "slot-id":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return Ref{}, fmt.Errorf("slot-id %q is no number", value)
			}
			r.token.Slot, r.token.HasSlot = uint(n), true
		case "type":
			if value != "private" {
				return Ref{}, fmt.Errorf("type %q: a key reference is of type private", value)
			}
		case "pin-value":
			return Ref{}, ErrSecretInReference
		default:
			return Ref{}, fmt.Errorf("attribute %q isn't supported", name)
		}
	}
	attrs, err := parseQuery(query, "module-path", "pin-source")
	if err != nil {
		return Ref{}, err
	}
	r.token.Module, r.pin = attrs["module-path"], attrs["pin-source"]
	if r.token.Token == "" && r.token.Serial == "" && !r.token.HasSlot {
		return Ref{}, errors.New("it names no token: want token=, serial= or slot-id=")
	}
	return r, nil
}

// parseQuery reads name=value pairs of these names only. Errors never show values: people put PINs there.
func parseQuery(query string, names ...string) (map[string]string, error) {
	out := map[string]string{}
	for attr := range strings.SplitSeq(query, "&") {
		if attr == "" {
			continue
		}
		name, raw, _ := strings.Cut(attr, "=")
		if name == "pin-value" || name == "password" || name == "pin" {
			return nil, ErrSecretInReference
		}
		known := false
		for _, n := range names {
			known = known || n == name
		}
		value, err := url.PathUnescape(raw)
		if _, twice := out[name]; !known || twice || err != nil || value == "" {
			return nil, fmt.Errorf("query attribute %q isn't supported, malformed or given twice", name)
		}
		out[name] = value
	}
	return out, nil
}

// redact hides the query of a reference that couldn't be read.
func redact(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	if i := strings.Index(s, "pin-value"); i >= 0 {
		s = s[:i] + "…"
	}
	if head, _, ok := strings.Cut(s, "?"); ok {
		return head + "?…"
	}
	return s
}

// Kind tells where the key lives; empty for the zero Ref.
func (r Ref) Kind() Kind { return r.kind }

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r.kind == "" }

// Path is the file of a PEM or PKCS#12 reference.
func (r Ref) Path() string { return r.path }

// Token is what a pkcs11: reference says.
func (r Ref) Token() TokenRef { return r.token }

// Remote gives the service and the credential (empty: its only one) of a remote: reference.
func (r Ref) Remote() (service, credential string) { return r.remote, r.cred }

// PINSource is where the PIN or password comes from: "file:PATH", "env:NAME" or empty.
func (r Ref) PINSource() string { return r.pin }

// String is the reference without its query, for logs and lists.
func (r Ref) String() string { return r.text }

// Text is the whole reference, as ParseRef reads it. It holds no secret, only where secrets are.
func (r Ref) Text() string {
	var q []string
	if r.token.Module != "" {
		q = append(q, "module-path="+escapeAttr(r.token.Module))
	}
	if r.pin != "" {
		q = append(q, "pin-source="+escapeAttr(r.pin))
	}
	if len(q) == 0 {
		return r.text
	}
	return r.text + "?" + strings.Join(q, "&")
}

// WithObject is the same token with another key, for naming one that has just been generated.
func (r Ref) WithObject(label string, id []byte) Ref {
	r.token.Object, r.token.ID = label, id
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+escapeAttr(value))
		}
	}
	add("token", r.token.Token)
	add("serial", r.token.Serial)
	if r.token.HasSlot {
		add("slot-id", strconv.FormatUint(uint64(r.token.Slot), 10))
	}
	add("object", label)
	if len(id) > 0 {
		var b strings.Builder
		for _, c := range id {
			b.WriteString("%" + hex.EncodeToString([]byte{c}))
		}
		parts = append(parts, "id="+b.String())
	}
	r.text = "pkcs11:" + strings.Join(parts, ";")
	return r
}

// escapeAttr percent-encodes what has a meaning in RFC 7512.
func escapeAttr(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-._~/:", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// resolve makes a path absolute against base.
func resolve(base, path string) string {
	if path == "" || filepath.IsAbs(path) || base == "" {
		return path
	}
	return filepath.Join(base, path)
}
