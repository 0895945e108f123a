package directory

import (
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Change is the command made from a verified DirectoryChange package. Codes are normalised (internal/orgid); holders
// of kind organisation are named by any of their codes.
type Change struct {
	ID      string        // header id
	Content events.Digest // of the signed content without signatures: what "the same change" means
	At      time.Time     // when it is judged: node time (for a peer's change, the peer's sealed receive time)
	Signer  events.Digest // SHA-256 of the certificate whose signature covers the whole change, already verified
	// SignerFrom and SignerUntil are the validity of that certificate; used only by a genesis change, which enrols it.
	SignerFrom, SignerUntil time.Time
	Person                  string          // id of the person in the agency's office for whom the node signs with the agency's key in custody
	Pinned                  []events.Digest // administrator certificates of the configuration; judge a genesis change only
	SelfService             SelfService     // of the node's policy
	Facts                   ChangeFacts
	Operations              []Operation
}

// SelfService says what an agency may change of its own.
type SelfService struct {
	Certificates bool // enrol certificates for itself
	Clients      bool // register and remove its own clients
}

// Operation is one of the operation types of this package, as a value.
type Operation interface {
	// Kind is the element name in the DirectoryChange schema, e.g. "AddOrganisation".
	Kind() string
}

type (
	// AddOrganisation registers an organisation. Its identity is Code, or, if Code has the form of QCVN 102:2016 and
	// Other has one in the form of QĐ 20/2020, the first of those.
	AddOrganisation struct {
		Code   string
		Other  []Code
		Name   string
		Level  int
		Parent string    // code, "" none
		Node   string    // origin of a known peer, "" this node
		From   time.Time // zero: always
	}
	// ChangeOrganisation changes what is not empty. Local takes it over from a peer to this node.
	ChangeOrganisation struct {
		Code   string
		Name   string
		Parent string
		Node   string
		Local  bool
		Level  int
	}
	// CloseOrganisation ends an organisation; documents go to the successor from then on.
	CloseOrganisation struct {
		Code      string
		Successor string    // code, "" none
		From      time.Time // zero: at once
	}
	// AddCode gives an organisation an alias. A code once given never belongs to another organisation.
	AddCode struct {
		Organisation string // any of its codes
		Code         Code
	}
	// RemoveCode ends an alias. The last valid code cannot be removed: close the organisation.
	RemoveCode struct {
		Organisation string
		Code         string
		Until        time.Time // zero: at once
	}
	// EnrolCertificate binds a certificate to its holder.
	EnrolCertificate struct {
		Holder      Holder
		SHA256      events.Digest // of the DER
		Purposes    []Purpose
		From, Until time.Time // validity of the certificate
	}
	// RevokeCertificate ends or, with Suspend, interrupts the use of a certificate.
	RevokeCertificate struct {
		SHA256  events.Digest
		From    time.Time // zero: at once
		Suspend bool
		Reason  string
	}
	// RegisterClient lets a program in by exactly one of Token and TLS.
	RegisterClient struct {
		ID       string
		Holder   Holder
		Token    *events.Digest
		TLS      *events.Digest
		SendsFor []string // codes
	}
	// RemoveClient ends it. Its id and credentials are never given again.
	RemoveClient struct{ ID string }
	// AddPeer makes another node known.
	AddPeer struct {
		Peer PeerSet
		Name string
	}
	// ChangePeer replaces all that is known of a peer.
	ChangePeer struct {
		Peer PeerSet
		Name string
	}
	// GrantReading gives a right to read another's documents.
	GrantReading struct {
		ID           string
		Reader       Holder
		Organisation string    // code; "" every agency: for an auditor, and without Document
		Document     string    // hex document key (events/document.Key), "" all
		From, Until  time.Time // zero From: at once
		Reason       string
	}
	// RevokeReading ends it.
	RevokeReading struct {
		ID    string
		Until time.Time // zero: at once
	}
	// TrustAuthority puts an authority on the trust list, or replaces what the list says of it.
	TrustAuthority struct {
		Certificate   []byte // DER, at most MaxAuthorityBytes
		AuthorityKind AuthorityKind
		Purposes      []AuthorityPurpose // none: every purpose
		From, Until   time.Time          // zero: open
		Name          string
	}
	// DistrustAuthority takes it off.
	DistrustAuthority struct {
		SHA256 events.Digest // of the DER
		From   time.Time     // zero: at once
		Reason string
	}
	// SetPolicy replaces the named policy items. Senders are named by code.
	SetPolicy struct {
		Assurance       []RequiredAssurance
		SecrecyElements []SecrecyElement
		Limits          []Limit
	}
)

// Kind is the element name.
func (AddOrganisation) Kind() string { return "AddOrganisation" }

// Kind is the element name.
func (ChangeOrganisation) Kind() string { return "ChangeOrganisation" }

// Kind is the element name.
func (CloseOrganisation) Kind() string { return "CloseOrganisation" }

// Kind is the element name.
func (AddCode) Kind() string { return "AddCode" }

// Kind is the element name.
func (RemoveCode) Kind() string { return "RemoveCode" }

// Kind is the element name.
func (EnrolCertificate) Kind() string { return "EnrolCertificate" }

// Kind is the element name.
func (RevokeCertificate) Kind() string { return "RevokeCertificate" }

// Kind is the element name.
func (RegisterClient) Kind() string { return "RegisterClient" }

// Kind is the element name.
func (RemoveClient) Kind() string { return "RemoveClient" }

// Kind is the element name.
func (AddPeer) Kind() string { return "AddPeer" }

// Kind is the element name.
func (ChangePeer) Kind() string { return "ChangePeer" }

// Kind is the element name.
func (GrantReading) Kind() string { return "GrantReading" }

// Kind is the element name.
func (RevokeReading) Kind() string { return "RevokeReading" }

// Kind is the element name.
func (SetPolicy) Kind() string { return "SetPolicy" }

// Kind is the element name.
func (TrustAuthority) Kind() string { return "TrustAuthority" }

// Kind is the element name.
func (DistrustAuthority) Kind() string { return "DistrustAuthority" }

// Authority is the right by which a change was accepted.
type Authority string

// Authorities.
const (
	AuthorityGenesis       Authority = "genesis"       // first change, signed by a pinned administrator certificate
	AuthorityAdministrator Authority = "administrator" // a valid certificate of an operator with PurposeSign
	AuthorityAgency        Authority = "agency"        // a valid PurposeSign certificate of an organisation, for its own things
	AuthorityPeer          Authority = "peer"          // a valid certificate of a peer, for its own identifier space
)

// Outcome says what a decision is.
type Outcome string

// Outcomes.
const (
	OutcomeRecord  Outcome = "record"  // append Events
	OutcomeEarlier Outcome = "earlier" // the same change was accepted before: answer with Earlier
)

// Decision is what Decide says when it does not refuse.
type Decision struct {
	Outcome Outcome
	Events  []events.New
	Earlier events.Address // address of the change-accepted event, when OutcomeEarlier
	Count   int            // number of events of the earlier change, consecutive from Earlier on
}

// Reason says why a change or an operation is refused.
type Reason string

// Reasons. They are stable.
const (
	ReasonBadOperations     Reason = "bad-operations"      // see Bad
	ReasonEmpty             Reason = "empty"               // no operations, or no id
	ReasonIDReused          Reason = "id-reused"           // the id belongs to another change
	ReasonNotPinned         Reason = "not-pinned"          // genesis change not signed by a pinned administrator certificate
	ReasonSignerUnknown     Reason = "signer-unknown"      // certificate is not enrolled
	ReasonSignerInvalid     Reason = "signer-invalid"      // certificate is not valid, or revoked, at the time
	ReasonSignerNoRight     Reason = "signer-no-right"     // certificate is not one that may change the directory
	ReasonNotAllowed        Reason = "not-allowed"         // the signer may not do this operation
	ReasonOutsideSpace      Reason = "outside-space"       // outside the peer's identifier space
	ReasonCodeMalformed     Reason = "code-malformed"      // not an organisation code
	ReasonCodeTaken         Reason = "code-taken"          // the code belongs, or has belonged, to another organisation
	ReasonCodeUnknown       Reason = "code-unknown"        // no organisation has the code
	ReasonCodeLast          Reason = "code-last"           // the last valid code cannot be removed
	ReasonCodeExists        Reason = "code-exists"         // the organisation has this code already
	ReasonPeriod            Reason = "period"              // ends before it begins
	ReasonParentCycle       Reason = "parent-cycle"        // an organisation would be its own ancestor
	ReasonSuccessorCycle    Reason = "successor-cycle"     // an organisation would succeed itself
	ReasonSuccessorClosed   Reason = "successor-closed"    // the successor is closed and has none itself
	ReasonAlreadyClosed     Reason = "already-closed"      // the organisation is closed
	ReasonCertificateTaken  Reason = "certificate-taken"   // enrolled for another holder
	ReasonCertificateExists Reason = "certificate-exists"  // enrolled already, with the same purposes
	ReasonCertificateEnded  Reason = "certificate-ended"   // revoked for good, or expired
	ReasonCertificateNone   Reason = "certificate-unknown" // not enrolled
	ReasonLastAdministrator Reason = "last-administrator"  // nobody could change the directory any more
	ReasonPurpose           Reason = "purpose"             // unknown purpose, none, or not for this holder
	ReasonHolder            Reason = "holder"              // unknown holder
	ReasonClientTaken       Reason = "client-taken"        // client id was used before
	ReasonClientUnknown     Reason = "client-unknown"      // no such client, or removed already
	ReasonCredential        Reason = "credential"          // not exactly one credential, or one used before
	ReasonPeerExists        Reason = "peer-exists"         // known already
	ReasonPeerUnknown       Reason = "peer-unknown"        // no such peer
	ReasonPeerIncomplete    Reason = "peer-incomplete"     // no origin, URL, certificate or verifier key
	ReasonSpaceOverlaps     Reason = "space-overlaps"      // prefix covers organisations of this or another node
	ReasonRightTaken        Reason = "right-taken"         // id of the right was used before
	ReasonRightUnknown      Reason = "right-unknown"       // no such right, or ended already
	ReasonPolicyItem        Reason = "policy-item"         // unknown level, name or value
	ReasonUnknownOperation  Reason = "unknown-operation"

	ReasonAuthorityCertificate Reason = "authority-certificate" // no certificate, or too large
	ReasonAuthorityLimit       Reason = "authority-limit"       // the trust list is full
	ReasonAuthorityExists      Reason = "authority-exists"      // on the trust list already, with the same words
	ReasonAuthorityUnknown     Reason = "authority-unknown"     // not on the trust list
	ReasonAuthorityEnded       Reason = "authority-ended"       // not trusted at that time any more
)

// Refusal is the answer to a change that is not accepted. Nothing of it takes effect.
type Refusal struct {
	Reason Reason
	Bad    []BadOperation // every bad operation, when ReasonBadOperations
	Detail string         // the value concerned: an id, code or certificate
}

// BadOperation names one operation that cannot be done.
type BadOperation struct {
	Index  int    // from 0, in the order written
	Kind   string // element name
	Reason Reason
	Detail string // the code, id or certificate concerned
}

func (r *Refusal) Error() string {
	if len(r.Bad) == 0 {
		return fmt.Sprintf("directory change refused: %s %s", r.Reason, r.Detail)
	}
	parts := make([]string, len(r.Bad))
	for i, b := range r.Bad {
		parts[i] = fmt.Sprintf("operation %d (%s): %s %s", b.Index+1, b.Kind, b.Reason, b.Detail)
	}
	return "directory change refused: " + strings.Join(parts, "; ")
}
