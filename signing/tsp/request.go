package tsp

import (
	"crypto"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/tram-exchange/tram/signing/cms"
)

// Request asks for a time-stamp (RFC 3161 2.4.1).
type Request struct {
	Hash         crypto.Hash
	HashOID      asn1.ObjectIdentifier // set by ParseRequest; Hash is zero if it isn't known
	Imprint      []byte
	Policy       string   // dotted; empty: whatever the authority has
	Nonce        *big.Int // nil: none
	Certificates bool     // the answer shall embed the authority's
}

// Marshal encodes the request.
func (r *Request) Marshal() ([]byte, error) {
	oid, ok := cms.OIDByHash(r.Hash)
	if !ok {
		return nil, fmt.Errorf("couldn't encode time-stamp request: hash function %v", r.Hash)
	}
	var policy asn1.ObjectIdentifier
	if r.Policy != "" {
		var err error
		if policy, err = parseOID(r.Policy); err != nil {
			return nil, fmt.Errorf("couldn't encode time-stamp request: %w", err)
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		addImprint(b, oid, r.Imprint)
		if policy != nil {
			b.AddASN1ObjectIdentifier(policy)
		}
		if r.Nonce != nil {
			b.AddASN1BigInt(r.Nonce)
		}
		if r.Certificates {
			b.AddASN1Boolean(true)
		}
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("couldn't encode time-stamp request: %w", err)
	}
	return der, nil
}

func addImprint(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, imprint []byte) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid); b.AddASN1NULL() })
		b.AddASN1OctetString(imprint)
	})
}

// ParseRequest reads a request. The hash function need not be one that is accepted.
func ParseRequest(der []byte) (*Request, error) {
	if len(der) > MaxRequest {
		return nil, fmt.Errorf("couldn't read time-stamp request: %d octets, limit is %d", len(der), MaxRequest)
	}
	r, err := readRequest(der)
	if err != nil {
		return nil, fmt.Errorf("couldn't read time-stamp request: %w", err)
	}
	return r, nil
}

func readRequest(der []byte) (*Request, error) {
	in := cryptobyte.String(der)
	var req cryptobyte.String
	var version int
	r := &Request{}
	if !in.ReadASN1(&req, casn1.SEQUENCE) || !in.Empty() || !req.ReadASN1Integer(&version) || version != 1 {
		return nil, problemf(Malformed, "not a TimeStampReq of version 1")
	}
	var err error
	if r.Hash, r.HashOID, r.Imprint, err = readImprint(&req); err != nil {
		return nil, err
	}
	if req.PeekASN1Tag(casn1.OBJECT_IDENTIFIER) {
		var policy asn1.ObjectIdentifier
		if !req.ReadASN1ObjectIdentifier(&policy) {
			return nil, problemf(Malformed, "policy can't be read")
		}
		r.Policy = policy.String()
	}
	if req.PeekASN1Tag(casn1.INTEGER) {
		if r.Nonce, err = readNonce(&req); err != nil {
			return nil, err
		}
	}
	if req.PeekASN1Tag(casn1.BOOLEAN) && !req.ReadASN1Boolean(&r.Certificates) {
		return nil, problemf(Malformed, "certReq can't be read")
	}
	if err := readExtensions(&req, casn1.Tag(0).Constructed().ContextSpecific()); err != nil {
		return nil, err
	}
	if !req.Empty() {
		return nil, problemf(Malformed, "octets behind the request")
	}
	return r, nil
}

// Status of an answer (RFC 3161 2.4.2).
type Status int

// The statuses.
const (
	Granted Status = iota
	GrantedWithMods
	Rejection
	Waiting
	RevocationWarning
	RevocationNotification
)

var statusNames = [...]string{"granted", "grantedWithMods", "rejection", "waiting", "revocationWarning", "revocationNotification"}

func (s Status) String() string {
	if s >= 0 && int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", int(s))
}

// Failure is a bit of PKIFailureInfo.
type Failure int

// The failures.
const (
	NoFailure           Failure = -1
	BadAlg              Failure = 0
	BadRequest          Failure = 2
	BadDataFormat       Failure = 5
	TimeNotAvailable    Failure = 14
	UnacceptedPolicy    Failure = 15
	UnacceptedExtension Failure = 16
	AddInfoNotAvailable Failure = 17
	SystemFailure       Failure = 25
)

var failureNames = map[Failure]string{BadAlg: "badAlg", BadRequest: "badRequest", BadDataFormat: "badDataFormat", TimeNotAvailable: "timeNotAvailable",
	UnacceptedPolicy: "unacceptedPolicy", UnacceptedExtension: "unacceptedExtension", AddInfoNotAvailable: "addInfoNotAvailable", SystemFailure: "systemFailure"}

func (f Failure) String() string {
	if n, ok := failureNames[f]; ok {
		return n
	}
	return fmt.Sprintf("failure %d", int(f))
}

// StatusError is the answer of an authority that gives no token.
type StatusError struct {
	Status   Status
	Text     string    // as the authority wrote it, at most 200 octets, printable
	Failures []Failure // may be empty
}

func (e *StatusError) Error() string {
	out := "the authority answered " + e.Status.String()
	for _, f := range e.Failures {
		out += ", " + f.String()
	}
	if e.Text != "" {
		out += fmt.Sprintf(", %q", e.Text)
	}
	return out
}

// ParseResponse reads a TimeStampResp and the token in it. If there is none, the error is a *StatusError.
func ParseResponse(der []byte) (*Token, error) {
	in := cryptobyte.String(der)
	var resp, info cryptobyte.String
	if len(der) > MaxToken || !in.ReadASN1(&resp, casn1.SEQUENCE) || !in.Empty() || !resp.ReadASN1(&info, casn1.SEQUENCE) {
		return nil, fmt.Errorf("couldn't read time-stamp answer: %w", problemf(Malformed, "not a TimeStampResp"))
	}
	status, err := readStatus(info)
	if err != nil {
		return nil, fmt.Errorf("couldn't read time-stamp answer: %w", err)
	}
	granted := status.Status == Granted || status.Status == GrantedWithMods
	switch {
	case granted && (resp.Empty() || len(status.Failures) > 0):
		return nil, fmt.Errorf("couldn't read time-stamp answer: %w", problemf(Malformed, "status %v without a token, or with a failure", status.Status))
	case !granted && !resp.Empty():
		return nil, fmt.Errorf("couldn't read time-stamp answer: %w", problemf(Malformed, "status %v with a token", status.Status))
	case !granted:
		return nil, status
	}
	return Parse(resp)
}

func readStatus(info cryptobyte.String) (*StatusError, error) {
	e := &StatusError{}
	var code int
	if !info.ReadASN1Integer(&code) || code < 0 || code >= len(statusNames) {
		return nil, problemf(Malformed, "status isn't 0 to %d", len(statusNames)-1)
	}
	e.Status = Status(code)
	if info.PeekASN1Tag(casn1.SEQUENCE) {
		var texts, text cryptobyte.String
		if !info.ReadASN1(&texts, casn1.SEQUENCE) || texts.Empty() {
			return nil, problemf(Malformed, "status text can't be read")
		}
		var all []string
		for !texts.Empty() {
			if !texts.ReadASN1(&text, casn1.UTF8String) {
				return nil, problemf(Malformed, "status text can't be read")
			}
			all = append(all, string(text))
		}
		e.Text = printable(strings.Join(all, "; "), 200)
	}
	if info.PeekASN1Tag(casn1.BIT_STRING) {
		var bits asn1.BitString
		if !info.ReadASN1BitString(&bits) {
			return nil, problemf(Malformed, "failure information can't be read")
		}
		for i := range min(bits.BitLength, 64) {
			if bits.At(i) == 1 {
				e.Failures = append(e.Failures, Failure(i))
			}
		}
	}
	if !info.Empty() {
		return nil, problemf(Malformed, "octets behind the status")
	}
	return e, nil
}

// printable cuts s and takes out what could trouble a terminal or log.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7F && r < 0xA0 || r == 0xFFFD {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}
