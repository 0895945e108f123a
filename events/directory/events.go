package directory

import (
	"time"

	"github.com/tram-exchange/tram/events"
)

// Stream is the one stream of the directory.
const Stream = "directory"

// Names of events. They are never derived from Go types and never reused.
const (
	NameChangeAccepted      = "directory.change-accepted.v1"
	NameOrganisationAdded   = "directory.organisation-added.v1"
	NameOrganisationChanged = "directory.organisation-changed.v1"
	NameOrganisationClosed  = "directory.organisation-closed.v1"
	NameCodeAdded           = "directory.code-added.v1"
	NameCodeRemoved         = "directory.code-removed.v1"
	NameCertificateEnrolled = "directory.certificate-enrolled.v1"
	NameCertificateRevoked  = "directory.certificate-revoked.v1"
	NameClientRegistered    = "directory.client-registered.v1"
	NameClientRemoved       = "directory.client-removed.v1"
	NamePeerAdded           = "directory.peer-added.v1"
	NamePeerChanged         = "directory.peer-changed.v1"
	NameReadingGranted      = "directory.reading-granted.v1"
	NameReadingRevoked      = "directory.reading-revoked.v1"
	NamePolicySet           = "directory.policy-set.v1"
	NameAuthorityTrusted    = "directory.authority-trusted.v1"
	NameAuthorityDistrusted = "directory.authority-distrusted.v1"
)

// ChangeAccepted is the first event of every accepted change; those of its operations follow in the same append.
type ChangeAccepted struct {
	Change     string        `json:"change"`           // header id
	Content    events.Digest `json:"content"`          // digest of the signed content, without signatures
	Authority  Authority     `json:"authority"`        // by what right it was accepted
	Signer     events.Digest `json:"signer"`           // SHA-256 of the signer's certificate
	Holder     Holder        `json:"holder"`           // whose certificate it is
	Person     string        `json:"person,omitempty"` // by authority office: who it was, id in the agency's office
	Operations int           `json:"operations"`       // number of operations
	Events     int           `json:"events"`           // number of events of the change, this one included
	Judged     time.Time     `json:"judged"`           // as of when it was judged (Change.At)
}

// ChangeFacts are the words of a change.
type ChangeFacts struct {
	Reason   string `json:"reason,omitempty"`
	Person   string `json:"person,omitempty"`
	Position string `json:"position,omitempty"`
	Account  string `json:"account,omitempty"`
}

// OrganisationAdded: Org is the stable identity and itself a code of the organisation from From on.
type OrganisationAdded struct {
	Org    string    `json:"org"`
	Parent string    `json:"parent,omitempty"` // identity
	Level  int       `json:"level,omitempty"`
	Node   string    `json:"node,omitempty"` // origin of the node that serves it, "" this one
	From   time.Time `json:"from,omitzero"`  // zero: always
}

// OrganisationFacts are the words about an organisation.
type OrganisationFacts struct {
	Name string `json:"name,omitempty"`
}

// OrganisationChanged sets what is not empty.
type OrganisationChanged struct {
	Org    string `json:"org"`
	Parent string `json:"parent,omitempty"`
	Level  int    `json:"level,omitempty"`
	Node   string `json:"node,omitempty"`  // new origin
	Local  bool   `json:"local,omitempty"` // true: this node serves it from now on
}

// OrganisationClosed ends an organisation from a time on.
type OrganisationClosed struct {
	Org       string    `json:"org"`
	From      time.Time `json:"from"`
	Successor string    `json:"successor,omitempty"` // identity
}

// CodeAdded gives an organisation a further code.
type CodeAdded struct {
	Org   string    `json:"org"`
	Code  string    `json:"code"`
	From  time.Time `json:"from,omitzero"`  // zero: always
	Until time.Time `json:"until,omitzero"` // exclusive; zero: open
}

// CodeRemoved ends the validity of a code.
type CodeRemoved struct {
	Org   string    `json:"org"`
	Code  string    `json:"code"`
	Until time.Time `json:"until"` // exclusive
}

// CertificateEnrolled binds a certificate to its holder. Enrolling a suspended one again lifts the suspension.
type CertificateEnrolled struct {
	Certificate events.Digest `json:"certificate"` // SHA-256 of the DER
	Holder      Holder        `json:"holder"`
	Purposes    []Purpose     `json:"purposes"`
	From        time.Time     `json:"from"`  // not before
	Until       time.Time     `json:"until"` // not after, inclusive as in X.509
}

// CertificateRevoked ends the use of a certificate from a time on.
type CertificateRevoked struct {
	Certificate events.Digest `json:"certificate"`
	From        time.Time     `json:"from"`
	Suspended   bool          `json:"suspended,omitempty"` // until enrolled again
}

// ReasonFacts are the words of a revocation or grant.
type ReasonFacts struct {
	Reason string `json:"reason,omitempty"`
}

// AuthorityTrusted puts an authority on the trust list, or replaces what the list says of it. Trusting again one that was
// distrusted ends that: From says where a gap must stay.
type AuthorityTrusted struct {
	Authority   events.Digest      `json:"authority"`          // SHA-256 of Certificate
	Certificate []byte             `json:"certificate"`        // DER; it names an authority, never a natural person's key
	Kind        AuthorityKind      `json:"kind"`               //
	Purposes    []AuthorityPurpose `json:"purposes,omitempty"` // ascending; none: every purpose
	From        time.Time          `json:"from,omitzero"`      // zero: always
	Until       time.Time          `json:"until,omitzero"`     // exclusive; zero: open
}

// AuthorityFacts are the words about an authority.
type AuthorityFacts struct {
	Name string `json:"name,omitempty"`
}

// AuthorityDistrusted takes an authority off the trust list from a time on. What was judged before stays as it was judged.
type AuthorityDistrusted struct {
	Authority events.Digest `json:"authority"`
	From      time.Time     `json:"from"`
}

// ClientRegistered lets a program in by exactly one of Token and TLS.
type ClientRegistered struct {
	Client   string         `json:"client"`
	Holder   Holder         `json:"holder"`
	Token    *events.Digest `json:"token,omitempty"`     // SHA-256 of the token
	TLS      *events.Digest `json:"tls,omitempty"`       // SHA-256 of the certificate
	SendsFor []string       `json:"sends_for,omitempty"` // identities, besides the holder's own
}

// ClientRemoved ends it.
type ClientRemoved struct {
	Client string `json:"client"`
}

// PeerSet is the data of peer-added and peer-changed: all that is known of a peer.
type PeerSet struct {
	Origin      string          `json:"origin"`
	URLs        []string        `json:"urls,omitempty"`
	TLS         []events.Digest `json:"tls,omitempty"`         // SHA-256 of certificates accepted
	Authorities [][]byte        `json:"authorities,omitempty"` // or DER of those who issue them
	Verifiers   []string        `json:"verifiers,omitempty"`   // note verifier keys of its checkpoints
	Prefixes    []string        `json:"prefixes,omitempty"`    // identifier space it is trusted for
}

// PeerFacts are the words about a peer.
type PeerFacts struct {
	Name string `json:"name,omitempty"`
}

// ReadingGranted gives a right to read.
type ReadingGranted struct {
	Right    string    `json:"right"`
	Reader   Holder    `json:"reader"`
	Org      string    `json:"org"`                // whose documents, as sender or recipient; "" everybody's
	Document string    `json:"document,omitempty"` // hex key of one document; "" all of them
	From     time.Time `json:"from"`
	Until    time.Time `json:"until,omitzero"` // exclusive; zero: open
}

// ReadingRevoked ends it.
type ReadingRevoked struct {
	Right string    `json:"right"`
	Until time.Time `json:"until"`
}

// PolicySet replaces the named items.
type PolicySet struct {
	Assurance       []RequiredAssurance `json:"assurance,omitempty"`
	SecrecyElements []SecrecyElement    `json:"secrecy_elements,omitempty"`
	Limits          []Limit             `json:"limits,omitempty"`
}

// RequiredAssurance: packages of this sender and kind need at least this level.
type RequiredAssurance struct {
	Sender string `json:"sender,omitempty"` // identity, "" everybody
	Kind   string `json:"kind,omitempty"`   // package kind, "" every kind
	Level  string `json:"level"`            // own, custody, agency, channel; "" takes the item away
}

// SecrecyElement is an extension element in which a sender states secrecy.
type SecrecyElement struct {
	Sender    string `json:"sender,omitempty"` // identity, "" everybody
	Namespace string `json:"namespace"`
	Local     string `json:"local"` // "" takes the item of this sender and namespace away
}

// Limit is a named number, e.g. "delivery-days".
type Limit struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}
