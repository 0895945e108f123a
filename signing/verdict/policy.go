package verdict

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Policy says what a signature must be to count. It is a YAML file (or JSON, which is YAML); fields that are left out have the
// value of DefaultPolicy, fields that are not known are an error. It never changes after it was made.
type Policy struct {
	// Name is written into every verdict.
	Name string `yaml:"name"`
	// Coverage says how much of a document has to be signed.
	Coverage Coverage `yaml:"coverage"`
	// Levels is the least XAdES level by package kind; "default" stands for every kind not named.
	Levels map[string]string `yaml:"levels"`
	// Digests, Signatures and Keys list what is accepted; what is not listed is refused.
	Digests    map[string]Rule `yaml:"digests"`
	Signatures map[string]Rule `yaml:"signatures"`
	Keys       []KeyRule       `yaml:"keys"`
	Revocation RevocationRule  `yaml:"revocation"`
	// SigningCertificate says whether the signed property that names the certificate has to be there.
	SigningCertificate Demand `yaml:"signing_certificate_property"`
	// SignaturePolicies are what a signature may claim to follow.
	SignaturePolicies SignaturePolicyRule `yaml:"signature_policies"`
}

// Coverage is how much of a document has to be signed.
type Coverage string

// The coverages.
const (
	CoverDocument   Coverage = "document"   // everything that means anything
	CoverReferences Coverage = "references" // whatever the signatures refer to
)

// Demand says what follows where something is missing.
type Demand string

// The demands.
const (
	Require Demand = "required" // the check fails
	Warn    Demand = "warn"     // it is told
	Ignore  Demand = "ignore"
)

// Rule is when an algorithm counts.
type Rule struct {
	// Before is the end of its time: it counts for what is proved to have existed before. Zero: no end.
	Before Date `yaml:"before"`
	// Mark adds a warning wherever it is used.
	Mark bool `yaml:"mark"`
}

// KeyRule accepts the keys of a type that have at least as many bits.
type KeyRule struct {
	Type   string `yaml:"type"` // "RSA" or "ECDSA"
	Bits   int    `yaml:"bits"`
	Before Date   `yaml:"before"`
}

// RevocationRule says what has to be known about revocation.
type RevocationRule struct {
	// Required is "when-named": for certificates that name a source, or for whose issuer there is a list; "always"; "never".
	Required string `yaml:"required"`
	// Freshness is the greatest age of an answer at the time it is used for. Zero: what the answer itself says (nextUpdate).
	Freshness Duration `yaml:"freshness"`
	// Grace is how long after the best time of the signature an answer must have been made, so that a revocation asked for
	// just before it is in it.
	Grace Duration `yaml:"grace"`
}

// The values of RevocationRule.Required.
const (
	RevocationWhenNamed = "when-named"
	RevocationAlways    = "always"
	RevocationNever     = "never"
)

// SignaturePolicyRule says what a signature policy identifier has to be.
type SignaturePolicyRule struct {
	Unknown Demand            `yaml:"unknown"` // what follows where one is claimed that Known does not list
	Known   []SignaturePolicy `yaml:"known"`
}

// SignaturePolicy is one that is known.
type SignaturePolicy struct {
	ID string `yaml:"id"`
	// SHA256 of the policy document, hex; where set, a signature that gives another digest is a POLICY_PROCESSING_ERROR.
	SHA256 string `yaml:"sha256"`
}

// Date is a day (its first instant in Việt Nam, +07:00) or an RFC 3339 time.
type Date struct{ time.Time }

// vietnam is +07:00, where the dates of the law begin.
var vietnam = time.FixedZone("+07", 7*3600)

// UnmarshalYAML reads it.
func (d *Date) UnmarshalYAML(b []byte) error {
	var s string
	if err := yaml.Unmarshal(b, &s); err != nil {
		return err
	}
	if s == "" {
		return nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, vietnam)
	if err != nil {
		if t, err = time.Parse(time.RFC3339, s); err != nil {
			return fmt.Errorf("couldn't read date %q: want 2027-12-31 or RFC 3339", s)
		}
	}
	d.Time = t
	return nil
}

// Duration is a Go duration ("36h"), or days ("7d").
type Duration time.Duration

// UnmarshalYAML reads it.
func (d *Duration) UnmarshalYAML(b []byte) error {
	var s string
	if err := yaml.Unmarshal(b, &s); err != nil {
		return err
	}
	var n int
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if _, err := fmt.Sscanf(days, "%d", &n); err != nil || fmt.Sprint(n) != days || n < 0 || n > 36500 {
			return fmt.Errorf("couldn't read duration %q", s)
		}
		*d = Duration(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("couldn't read duration %q: want 0s or more, as 36h or 7d", s)
	}
	*d = Duration(v)
	return nil
}

// DefaultPolicyYAML is the default policy as a file with comments, to start an own one from.
//
//go:embed default.yaml
var DefaultPolicyYAML []byte

// DefaultPolicy follows the list of technical requirements of 2025: no SHA-1, RSA of 2048 bits and more, PSS and ECDSA; RSA
// PKCS#1 v1.5, which the systems in use still make, is accepted and marked.
func DefaultPolicy() *Policy {
	var p Policy
	if err := yaml.UnmarshalWithOptions(DefaultPolicyYAML, &p, yaml.DisallowUnknownField()); err != nil {
		panic("verdict: default policy: " + err.Error()) // it is part of the program, and a test reads it
	}
	return &p
}

// maxPolicyFile bounds a policy file, in bytes.
const maxPolicyFile = 256 << 10

// LoadPolicy reads a policy file.
func LoadPolicy(path string) (*Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open policy: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPolicyFile+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read policy: %w", err)
	}
	p, err := ParsePolicy(b)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return p, nil
}

// ParsePolicy reads a policy. Lists that it gives replace those of the default policy whole; they are not merged.
func ParsePolicy(b []byte) (*Policy, error) {
	if len(b) > maxPolicyFile {
		return nil, fmt.Errorf("couldn't read policy: more than %d bytes", maxPolicyFile)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New("couldn't read policy: empty")
	}
	var p Policy
	if err := yaml.UnmarshalWithOptions(b, &p, yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("couldn't read policy: %w", err)
	}
	p.fill(DefaultPolicy())
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("couldn't read policy: %w", err)
	}
	return &p, nil
}

// fill takes what p leaves out from d.
func (p *Policy) fill(d *Policy) {
	if p.Name == "" {
		p.Name = "(unnamed)"
	}
	if p.Coverage == "" {
		p.Coverage = d.Coverage
	}
	if p.Levels == nil {
		p.Levels = d.Levels
	}
	if p.Digests == nil {
		p.Digests = d.Digests
	}
	if p.Signatures == nil {
		p.Signatures = d.Signatures
	}
	if p.Keys == nil {
		p.Keys = d.Keys
	}
	if p.Revocation.Required == "" {
		p.Revocation.Required = d.Revocation.Required
	}
	if p.SigningCertificate == "" {
		p.SigningCertificate = d.SigningCertificate
	}
	if p.SignaturePolicies.Unknown == "" {
		p.SignaturePolicies.Unknown = d.SignaturePolicies.Unknown
	}
}

func (p *Policy) validate() error {
	demands := []Demand{Require, Warn, Ignore}
	switch {
	case p.Coverage != CoverDocument && p.Coverage != CoverReferences:
		return fmt.Errorf("coverage %q: want document or references", p.Coverage)
	case !slices.Contains([]string{RevocationWhenNamed, RevocationAlways, RevocationNever}, p.Revocation.Required):
		return fmt.Errorf("revocation required %q: want when-named, always or never", p.Revocation.Required)
	case !slices.Contains(demands, p.SigningCertificate):
		return fmt.Errorf("signing_certificate_property %q: want required, warn or ignore", p.SigningCertificate)
	case !slices.Contains(demands, p.SignaturePolicies.Unknown):
		return fmt.Errorf("signature_policies unknown %q: want required, warn or ignore", p.SignaturePolicies.Unknown)
	}
	for kind, level := range p.Levels {
		if !slices.Contains(kinds, kind) {
			return fmt.Errorf("level of %q: want a kind of package (%s)", kind, strings.Join(kinds, ", "))
		}
		if levelRank(level) < 0 {
			return fmt.Errorf("level %q of %s: want any, B-B, B-T, B-LT or B-LTA", level, kind)
		}
	}
	for name := range p.Digests {
		if !slices.Contains([]string{"SHA-1", "SHA-256", "SHA-384", "SHA-512"}, name) {
			return fmt.Errorf("digest %q: want SHA-1, SHA-256, SHA-384 or SHA-512", name)
		}
	}
	for name := range p.Signatures {
		if !slices.Contains([]string{sigPKCS1, sigPSS, sigECDSA}, name) {
			return fmt.Errorf("signature %q: want %s, %s or %s", name, sigPKCS1, sigPSS, sigECDSA)
		}
	}
	for _, k := range p.Keys {
		if k.Type != "RSA" && k.Type != "ECDSA" || k.Bits <= 0 {
			return fmt.Errorf("key %s of %d bits: want RSA or ECDSA and a number of bits", k.Type, k.Bits)
		}
	}
	return nil
}

// The levels that a policy can ask for, least first.
var levels = []string{"any", "B-B", "B-T", "B-LT", "B-LTA"}

// kinds are what a policy can ask a level of: those of package schemas, which a test compares, and all others together.
var kinds = []string{"default", "edxml.document", "edxml.status", "tram.directory-change", "tram.submission", "tram.destruction", "tram.dossier-action"}

// levelRank orders levels; -1 is none.
func levelRank(l string) int { return slices.Index(levels, l) }

// level returns what is required of a kind of package.
func (p *Policy) level(kind string) string {
	if l, ok := p.Levels[kind]; ok && kind != "" {
		return l
	}
	if l, ok := p.Levels["default"]; ok {
		return l
	}
	return "any"
}
