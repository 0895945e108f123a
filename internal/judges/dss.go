package judges

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Material is what the judge may use to trust certificates and to know whether they are revoked. All are files.
type Material struct {
	Trust    []string  // certificates, PEM or DER: those that issued themselves are trusted, others only complete chains
	CRLs     []string  // DER or PEM
	OCSPs    []string  // responses, DER
	Detached []string  // what detached signatures refer to
	At       time.Time // the time to judge at, or to sign at; zero is now
	PolicyID string    // a signature policy that is known: its identifier, and
	Policy   string    // the file with it
	Lenient  bool      // when signing: go on without revocation data, with expired certificates, and so on
}

func (m Material) fields() []field {
	var out []field
	for _, list := range []struct {
		key   string
		files []string
	}{{"trust", m.Trust}, {"crl", m.CRLs}, {"ocsp", m.OCSPs}, {"detached", m.Detached}} {
		for _, f := range list.files {
			out = append(out, field{list.key, f})
		}
	}
	if !m.At.IsZero() {
		out = append(out, field{"at", m.At.UTC().Format(time.RFC3339)})
	}
	if m.PolicyID != "" {
		out = append(out, field{"policyid", m.PolicyID}, field{"policyfile", m.Policy})
	}
	if m.Lenient {
		out = append(out, field{"lenient", "true"})
	}
	return out
}

// Opinion is what the judge says of one document.
type Opinion struct {
	Signatures []SignatureOpinion
}

// SignatureOpinion is what it says of one signature.
type SignatureOpinion struct {
	Indication    string // TOTAL_PASSED, TOTAL_FAILED, INDETERMINATE
	SubIndication string // HASH_FAILURE and so on
	Level         string // XAdES-BASELINE-B and so on
	Signer        string
	SigningTime   time.Time
	BestTime      time.Time
	Errors        []string
	Warnings      []string
	Structure     []string // what the schema says against it
	Timestamps    []string // type, whether its imprint was found and fits, whether its signature fits, indication
}

// Passed tells whether there are signatures and all are TOTAL-PASSED.
func (o *Opinion) Passed() bool {
	for _, s := range o.Signatures {
		if s.Indication != "TOTAL_PASSED" {
			return false
		}
	}
	return len(o.Signatures) > 0
}

// String tells everything, for failing tests.
func (o *Opinion) String() string {
	var b strings.Builder
	for i, s := range o.Signatures {
		fmt.Fprintf(&b, "signature %d: %s %s, %s, by %q at %s (best %s)\n", i+1, s.Indication, s.SubIndication, s.Level, s.Signer,
			s.SigningTime.Format(time.RFC3339), s.BestTime.Format(time.RFC3339))
		for _, l := range []struct {
			name string
			list []string
		}{{"error", s.Errors}, {"warning", s.Warnings}, {"structure", s.Structure}, {"time-stamp", s.Timestamps}} {
			for _, m := range l.list {
				fmt.Fprintf(&b, "  %s: %s\n", l.name, m)
			}
		}
	}
	if len(o.Signatures) == 0 {
		return "no signature"
	}
	return b.String()
}

// Validate judges every signature of a file: XAdES, ASiC or PAdES.
func (j *Judge) Validate(file string, m Material) (*Opinion, error) {
	return j.validate(file, m, nil)
}

// ValidateWithReports also writes simple.xml, detailed.xml and diagnostic.xml into a folder.
func (j *Judge) ValidateWithReports(file string, m Material, dir string) (*Opinion, error) {
	return j.validate(file, m, []field{{"report", dir}})
}

func (j *Judge) validate(file string, m Material, more []field) (*Opinion, error) {
	answer, err := j.ask("validate", append(append([]field{{"file", file}}, m.fields()...), more...))
	if err != nil {
		return nil, err
	}
	o := new(Opinion)
	for _, f := range answer {
		if f.key == "signatures" {
			n, err := strconv.Atoi(f.value)
			if err != nil || n < 0 || n > 1000 {
				return nil, fmt.Errorf("the judge tells of %q signatures", f.value)
			}
			o.Signatures = make([]SignatureOpinion, n)
			continue
		}
		parts := strings.SplitN(f.key, ".", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("the judge tells of %q", f.key)
		}
		i, err := strconv.Atoi(parts[1])
		if err != nil || i < 0 || i >= len(o.Signatures) {
			return nil, fmt.Errorf("the judge tells of signature %q", parts[1])
		}
		if err := o.Signatures[i].set(parts[2], f.value); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (s *SignatureOpinion) set(key, value string) (err error) {
	switch key {
	case "indication":
		s.Indication = value
	case "subindication":
		s.SubIndication = value
	case "level":
		s.Level = value
	case "signer":
		s.Signer = value
	case "signingtime":
		s.SigningTime, err = time.Parse(time.RFC3339, value)
	case "besttime":
		s.BestTime, err = time.Parse(time.RFC3339, value)
	case "error":
		s.Errors = append(s.Errors, value)
	case "warning":
		s.Warnings = append(s.Warnings, value)
	case "structure":
		s.Structure = append(s.Structure, value)
	case "timestamp":
		s.Timestamps = append(s.Timestamps, value)
	}
	return err
}

// Signing says what the judge shall sign, and how.
type Signing struct {
	Format    string   // XADES (default), ASICE, PADES
	Level     string   // B, T, LT, LTA
	Packaging string   // XADES: ENVELOPED, ENVELOPING, DETACHED, INTERNALLY_DETACHED
	Key       string   // file, PKCS#8 DER
	Chain     []string // files with the certificate of Key, then those above it
	Algorithm string   // RSA (default), RSASSA_PSS, ECDSA
	Digest    string   // SHA256 (default), SHA384, SHA512
	C14N      string   // URI
	Roles     []string // claimed
	City      string
	Policy    string // identifier; its digest is made up
	OldForms  bool   // the forms of before EN 319 132: SigningCertificate, SignerRole, without V2
	Pretty    bool   // indented
	XPath     string // ENVELOPED: where the signature stands
	EmbedXML  bool   // ENVELOPING: as XML, not in base64
	KeyInfo   bool   // sign KeyInfo too

	TSA     string // URL of the time-stamp authority, or
	TSAKey  string // a key (PKCS#8 DER) and
	TSACert []string
}

func (s Signing) fields() []field {
	out := []field{{"level", s.Level}}
	add := func(key, value string) {
		if value != "" {
			out = append(out, field{key, value})
		}
	}
	add("format", s.Format)
	add("packaging", s.Packaging)
	add("key", s.Key)
	add("algorithm", s.Algorithm)
	add("digest", s.Digest)
	add("c14n", s.C14N)
	add("city", s.City)
	add("policy", s.Policy)
	add("xpath", s.XPath)
	add("tsa", s.TSA)
	add("tsakey", s.TSAKey)
	for _, c := range s.Chain {
		add("cert", c)
	}
	for _, c := range s.TSACert {
		add("tsacert", c)
	}
	for _, r := range s.Roles {
		add("role", r)
	}
	if s.OldForms {
		add("en", "false")
	}
	if s.EmbedXML {
		add("embedxml", "true")
	}
	if s.KeyInfo {
		add("signkeyinfo", "true")
	}
	if s.Pretty {
		add("pretty", "true")
	}
	return out
}

// Sign signs file into out.
func (j *Judge) Sign(file, out string, s Signing, m Material) error {
	_, err := j.ask("sign", append(append(s.fields(), m.fields()...), field{"file", file}, field{"out", out}))
	return err
}

// Extend augments the signatures of file to s.Level, into out.
func (j *Judge) Extend(file, out string, s Signing, m Material) error {
	_, err := j.ask("extend", append(append(s.fields(), m.fields()...), field{"file", file}, field{"out", out}))
	return err
}
