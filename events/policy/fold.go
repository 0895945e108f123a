package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
)

// Encode is the canonical encoding and its SHA-256: compact JSON, members in the order of the fields (of a map: in the order of
// their names), lists whose order means nothing sorted and without repetition, no list null.
func (p Policy) Encode() (text []byte, digest events.Digest, err error) {
	p.Signature.Digests = set(p.Signature.Digests)
	p.Signature.Signatures = set(p.Signature.Signatures)
	p.Signature.Canonicalisations = set(p.Signature.Canonicalisations)
	p.Signature.Curves = set(p.Signature.Curves)
	if p.Assurance == nil {
		p.Assurance = map[string]string{}
	}
	roots := slices.Clone(p.Roots)
	slices.SortFunc(roots, func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) })
	p.Roots = append([]events.Digest{}, slices.Compact(roots)...)
	text, err = events.MarshalObject(p)
	if err != nil {
		return nil, events.Digest{}, fmt.Errorf("couldn't encode policy: %w", err)
	}
	return text, events.Sum(text), nil
}

func set(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return slices.Compact(out)
}

// Fold gives the state after one more event of the policy stream. It never changes s. An unknown event name, or a policy that is
// not the one its digest names, is an error. Members that this version does not know are ignored: a policy written by a
// later version can still be read.
func Fold(s State, e events.Event) (State, error) {
	if e.Statement.Name != NameSet {
		return s, fmt.Errorf("couldn't fold policy: unknown event %q", e.Statement.Name)
	}
	var d Set
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return s, fmt.Errorf("couldn't fold policy: couldn't read %s at position %d: %w", e.Statement.Name, e.Position, err)
	}
	if got := events.Sum(d.Policy); got != d.Digest {
		return s, fmt.Errorf("couldn't fold policy: digest at position %d is %s, expected %s", e.Position, got, d.Digest)
	}
	if d.Number != s.Number+1 {
		return s, fmt.Errorf("couldn't fold policy: number at position %d is %d, expected %d", e.Position, d.Number, s.Number+1)
	}
	var p Policy
	if err := json.Unmarshal(d.Policy, &p); err != nil {
		return s, fmt.Errorf("couldn't fold policy: couldn't read policy at position %d: %w", e.Position, err)
	}
	return State{
		Number:  d.Number,
		Digest:  d.Digest,
		Policy:  p,
		Address: events.Address{Origin: e.Statement.Origin, Position: e.Position},
		Basis:   e.Position + 1,
	}, nil
}

// Decide gives the event that puts p in force, or none if it is in force already. A refusal is a *Refusal.
func Decide(s State, p Policy) ([]events.New, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	text, digest, err := p.Encode()
	if err != nil {
		return nil, err
	}
	if s.Number > 0 && digest == s.Digest {
		return nil, nil
	}
	return []events.New{{Name: NameSet, Data: Set{Number: s.Number + 1, Digest: digest, Policy: text}}}, nil
}

// Level orders assurance: own 4, custody 3, agency 2, channel 1, everything else 0.
func Level(assurance string) int {
	return max(0, slices.Index([]string{"", "channel", "agency", "custody", "own"}, assurance))
}

func (p Policy) check() error {
	for kind, level := range p.Assurance {
		if Level(level) < 1 {
			return &Refusal{Reason: ReasonLevel, Detail: kind + "=" + level}
		}
	}
	for _, l := range []struct {
		known, used []string
	}{
		{[]string{"SHA-256", "SHA-384", "SHA-512"}, p.Signature.Digests},
		{[]string{"RSA-PKCS1-v1_5", "RSA-PSS", "ECDSA"}, p.Signature.Signatures},
		{[]string{"P-256", "P-384", "P-521"}, p.Signature.Curves},
	} {
		for _, v := range l.used {
			if !slices.Contains(l.known, v) {
				return &Refusal{Reason: ReasonAlgorithm, Detail: v}
			}
		}
	}
	if p.Signature.RSABits < leastRSABits {
		return &Refusal{Reason: ReasonAlgorithm, Detail: fmt.Sprintf("RSA of %d bits, least %d", p.Signature.RSABits, leastRSABits)}
	}
	l := p.Limits
	if l.PackageBytes < 0 || l.UnpackedBytes < 0 || l.Recipients < 0 || l.Attachments < 0 ||
		p.Signature.MaxSignatures < 0 || p.Signature.MaxReferences < 0 {
		return &Refusal{Reason: ReasonLimit, Detail: "negative"}
	}
	if p.Delivery.LeaseSeconds <= 0 || p.Delivery.GiveUpDays < 0 {
		return &Refusal{Reason: ReasonValue, Detail: "delivery"}
	}
	switch p.Revocation {
	case RevocationNone, RevocationIfAvailable, RevocationWhenNamed, RevocationRequired:
	default:
		return &Refusal{Reason: ReasonValue, Detail: "revocation " + p.Revocation}
	}
	if p.RevocationMaxAge < 0 {
		return &Refusal{Reason: ReasonValue, Detail: "revocation age"}
	}
	return nil
}

// leastRSABits: shorter keys are outside the list of the 2025 circular.
const leastRSABits = 2048

// Default is the policy of a node that has configured nothing.
func Default() Policy {
	return Policy{
		Signature: SignatureRules{
			Digests:    []string{"SHA-256", "SHA-384", "SHA-512"},
			Signatures: []string{"ECDSA", "RSA-PKCS1-v1_5", "RSA-PSS"},
			Canonicalisations: []string{
				"http://www.w3.org/2001/10/xml-exc-c14n#",
				"http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
			},
			RSABits:       leastRSABits,
			Curves:        []string{"P-256", "P-384"},
			MaxSignatures: 16,
			MaxReferences: 600,
		},
		// An agency that has enrolled a key for its old system has said that this is good enough; a channel nobody enrolled has not.
		Assurance:  map[string]string{"": "agency"},
		Delivery:   DeliveryRules{LeaseSeconds: 300, GiveUpDays: 7},
		Revocation: RevocationIfAvailable,
	}
}

// Required is the least assurance for a package kind.
func (p Policy) Required(kind string) string {
	if level, ok := p.Assurance[kind]; ok {
		return level
	}
	return p.Assurance[""]
}
