// Package policy is the acceptance policy of a node as it was in force at any time: which algorithms count, which
// assurance is needed, how much one package may ask for. The node records it when its configuration changes, so that
// every decision names, by a log position, the rules it was judged by.
package policy

import (
	"encoding/json"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// Stream is the one stream of the policy.
const Stream = "policy"

// NameSet is the one event.
const NameSet = "policy.set.v1"

// Set is the data of policy.set.v1.
type Set struct {
	Number uint64          `json:"number"` // counts from 1
	Digest events.Digest   `json:"digest"` // SHA-256 of Policy as it stands here
	Policy json.RawMessage `json:"policy"` // canonical encoding: see Policy.Encode
}

// Policy is what a node accepts. Its canonical encoding is compact JSON in the order of the fields.
type Policy struct {
	Signature  SignatureRules    `json:"signature"`
	Assurance  map[string]string `json:"assurance"` // least level by package kind; "" is every other kind
	Limits     Limits            `json:"limits"`
	Delivery   DeliveryRules     `json:"delivery"`
	SelfServe  SelfServe         `json:"self_service"`
	Trial      bool              `json:"trial"`      // trial certificates are accepted; shown everywhere
	Revocation string            `json:"revocation"` // "none", "if-available", "when-named", "required": see RevocationRules
	// RevocationMaxAge is how old, in seconds, what an authority says of revocation may be; 0: until the next update that it promised.
	RevocationMaxAge int64           `json:"revocation_max_age,omitempty"`
	Roots            []events.Digest `json:"roots"` // SHA-256 of trusted root certificates, ascending
}

// What Policy.Revocation says must be known of every certificate between a signer and the authority on the trust list.
const (
	RevocationNone        = "none"         // nobody is asked
	RevocationIfAvailable = "if-available" // who is known to be revoked is refused; if nobody can say, it is accepted and marked
	RevocationWhenNamed   = "when-named"   // likewise, but a certificate that names a place to ask needs an answer
	RevocationRequired    = "required"     // every certificate needs an answer
)

// SignatureRules say which algorithms count.
type SignatureRules struct {
	Digests           []string `json:"digests"`           // e.g. "SHA-256"
	Signatures        []string `json:"signatures"`        // e.g. "RSA-PKCS1-v1_5", "RSA-PSS", "ECDSA"
	Canonicalisations []string `json:"canonicalisations"` // algorithm URIs
	RSABits           int      `json:"rsa_bits"`          // least
	Curves            []string `json:"curves"`            // "P-256", "P-384"
	MaxSignatures     int      `json:"max_signatures"`    // of one package
	MaxReferences     int      `json:"max_references"`    // of one signature
}

// Limits bound one package. Zero means the default of the reader.
type Limits struct {
	PackageBytes  int64 `json:"package_bytes"`
	UnpackedBytes int64 `json:"unpacked_bytes"` // of one attachment
	Recipients    int   `json:"recipients"`
	Attachments   int   `json:"attachments"`
}

// DeliveryRules say how long delivery is tried.
type DeliveryRules struct {
	LeaseSeconds int64 `json:"lease_seconds"`
	GiveUpDays   int   `json:"give_up_days"` // after which the sender sees "không gửi được"
}

// SelfServe says what an agency may change of its own in the directory.
type SelfServe struct {
	Certificates bool `json:"certificates"`
	Clients      bool `json:"clients"`
}

// State is the policy in force. The zero value is "none yet".
type State struct {
	Number  uint64
	Digest  events.Digest
	Policy  Policy
	Address events.Address // of the event that set it
	Basis   uint64         // position of that event, plus one
}

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return int64(s.Number) - 1 }

// Refusal is the answer to a policy that cannot be.
type Refusal struct {
	Reason Reason
	Detail string
}

// Reason says why.
type Reason string

// Reasons. They are stable.
const (
	ReasonLevel     Reason = "level"     // unknown assurance level
	ReasonAlgorithm Reason = "algorithm" // unknown or too weak
	ReasonLimit     Reason = "limit"     // negative or beyond what the reader can do
	ReasonValue     Reason = "value"     // other value out of range
)

func (r *Refusal) Error() string { return fmt.Sprintf("policy refused: %s %s", r.Reason, r.Detail) }
