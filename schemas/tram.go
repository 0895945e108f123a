package schemas

import "time"

// Header is the same for every Trạm package.
type Header struct {
	ID       string // chosen by the sender; the same id with other bytes is refused
	Kind     Kind
	From     string    // organisation code, "channel:<name>", "peer:<origin>" or "node:<origin>"
	To       []string  // same forms; may be empty where the node itself is meant
	IssuedAt time.Time // claimed
	Person   Person    // who did it, where a person did
	Secrecy  Secrecy   // always SecrecyNone in an accepted package
}

// Person is the natural person in whose name a package was made.
type Person struct {
	Name     string
	Position string
	Account  string // sign-in name at the sender's system
}

// DirectoryChange is a list of operations that take effect together or not at all.
type DirectoryChange struct {
	Reason     string // e.g. the decision it follows
	Operations []Operation
}

// Operation is one of the types below: AddOrganisation, ChangeOrganisation, CloseOrganisation, AddCode, RemoveCode,
// EnrolCertificate, RevokeCertificate, RegisterClient, RemoveClient, AddPeer, ChangePeer, GrantReading, RevokeReading,
// SetPolicy, TrustAuthority, DistrustAuthority, and those on an agency's own part: SetUnit, CloseUnit, SetPerson, RemovePerson, Delegate,
// WithdrawDelegation, SetRegister, SetSeries, SetChain, SetFilePlan, SetRetention, SetDeadlines, SetCalendar. They are always stored as values, never as pointers.
type Operation interface{ operation() }

// HolderKind says what a certificate or client belongs to.
type HolderKind string

// Kinds of holders.
const (
	HolderOrganisation HolderKind = "organisation"
	HolderChannel      HolderKind = "channel"
	HolderPeer         HolderKind = "peer"
	HolderNode         HolderKind = "node"
	HolderAuditor      HolderKind = "auditor"
	HolderOperator     HolderKind = "operator"
)

// Holder is who a certificate, a client or a right belongs to.
type Holder struct {
	Kind HolderKind
	ID   string // organisation code, channel name, peer origin, …
}

// Purpose says what an enrolled certificate may do.
type Purpose string

// Purposes.
const (
	PurposeSign       Purpose = "sign"               // the organisation's signature on packages
	PurposeCustody    Purpose = "custody"            // the organisation's key, kept for it by the node
	PurposePerson     Purpose = "person"             // a natural person of the organisation
	PurposeTLS        Purpose = "tls"                // client certificate
	PurposeVoucher    Purpose = "submission-voucher" // vouches for files in a Submission
	PurposeChannel    Purpose = "channel"
	PurposePeer       Purpose = "peer"
	PurposeCheckpoint Purpose = "checkpoint"
)

// OrganisationCode is a further code of an organisation, with the days it is valid.
type OrganisationCode struct {
	Code     string
	From, To Date // From: first day, To: first day no longer; zero: open
}

type (
	// AddOrganisation registers an organisation. Code is its first code and names it for ever.
	AddOrganisation struct {
		Code   string
		Other  []OrganisationCode
		Name   string
		Level  int    // 1 province or ministry, 2 department or district, 3 commune …; 0 unknown
		Parent string // code
		Node   string // origin of the node that serves it; "" this one
		From   Date
	}
	// ChangeOrganisation changes what is not empty.
	ChangeOrganisation struct {
		Code   string
		Name   string
		Parent string
		Node   string
		Level  int
		From   Date
	}
	// CloseOrganisation ends an organisation; documents go to the successor from that day on.
	CloseOrganisation struct {
		Code      string
		Successor string // "" if none
		From      Date
	}
	// AddCode gives an organisation an alias.
	AddCode struct {
		Organisation string
		Code         OrganisationCode
	}
	// RemoveCode ends an alias.
	RemoveCode struct {
		Organisation string
		Code         string
		From         Date
	}
	// EnrolCertificate binds a certificate to its holder.
	EnrolCertificate struct {
		Holder   Holder
		Purposes []Purpose
		DER      []byte
	}
	// RevokeCertificate ends (or, with Suspend, interrupts until enrolled again) the use of a certificate.
	RevokeCertificate struct {
		Holder  Holder
		SHA256  [32]byte // of the DER
		From    time.Time
		Suspend bool
		Reason  string
	}
	// RegisterClient lets a program in, by exactly one of token digest and TLS certificate digest.
	RegisterClient struct {
		ID                string
		Holder            Holder
		TokenSHA256       *[32]byte
		CertificateSHA256 *[32]byte
	}
	// RemoveClient ends it.
	RemoveClient struct{ ID string }
	// AddPeer makes another node known.
	AddPeer struct{ Peer Peer }
	// ChangePeer replaces all that is known of a peer.
	ChangePeer struct{ Peer Peer }
	// GrantReading gives a right to read another's documents for a period.
	GrantReading struct {
		ID           string
		Reader       Holder
		Organisation string // whose documents (as sender or recipient); "" those of every agency, for an auditor only
		DocumentID   string // "" all of them, else this document of Organisation
		From, To     time.Time
		Reason       string
	}
	// RevokeReading ends a grant.
	RevokeReading struct {
		ID   string
		From time.Time
	}
	// SetPolicy replaces the named policy items.
	SetPolicy struct {
		Assurance       []RequiredAssurance
		SecrecyElements []SecrecyElement
		Limits          []PolicyLimit
	}
	// TrustAuthority puts a certification authority on the trust list, or replaces what the list says of it.
	TrustAuthority struct {
		DER         []byte
		Kind        string   // state, public, trial, other
		Purposes    []string // organisation, person, time-stamp, node; none: everybody's certificates
		From, Until time.Time
		Name        string
	}
	// DistrustAuthority takes it off from a time on.
	DistrustAuthority struct {
		SHA256 [32]byte // of the DER
		From   time.Time
		Reason string
	}
)

// Peer is another node.
type Peer struct {
	Origin             string // of its log
	Name               string
	URLs               []string
	CertificateSHA256s [][32]byte // TLS certificates accepted
	Authorities        [][]byte   // or DER of the authority that issues them
	Verifiers          []string   // note verifier keys of its checkpoints
	Prefixes           []string   // identifier space it is trusted for, e.g. "H05", "G22"
}

// RequiredAssurance: packages of this sender and kind need at least this assurance.
type RequiredAssurance struct {
	Sender string // "" everybody
	Kind   Kind   // "" every kind
	Level  string // own, custody, agency, channel
}

// SecrecyElement is an extension element in which a sender states secrecy.
type SecrecyElement struct {
	Sender    string // OrganId; "" everybody
	Namespace string
	Local     string
}

// PolicyLimit is a named number, e.g. "delivery-days".
type PolicyLimit struct {
	Name  string
	Value int64
}

func (AddOrganisation) operation()    {}
func (ChangeOrganisation) operation() {}
func (CloseOrganisation) operation()  {}
func (AddCode) operation()            {}
func (RemoveCode) operation()         {}
func (EnrolCertificate) operation()   {}
func (RevokeCertificate) operation()  {}
func (RegisterClient) operation()     {}
func (RemoveClient) operation()       {}
func (AddPeer) operation()            {}
func (ChangePeer) operation()         {}
func (GrantReading) operation()       {}
func (RevokeReading) operation()      {}
func (SetPolicy) operation()          {}
func (TrustAuthority) operation()     {}
func (DistrustAuthority) operation()  {}

// Submission carries somebody else's file in unaltered: the signer of the package vouches for it.
type Submission struct {
	Voucher    Voucher
	Sender     string // organisation in whose name the file speaks
	Channel    string // where it came from, e.g. "folder:phuong-le-loi", "mail", "portal"
	ReceivedAt time.Time
	Reason     string // why it could not be signed to policy
	MediaType  string // of File, e.g. "application/xml"
	FileName   string
	// File is the original file. File.Raw is its bytes, and their SHA-256 is FileSHA256: Parse has checked it.
	File       Attachment
	FileSHA256 [32]byte
}

// Voucher says on whose word the file comes in.
type Voucher string

// Vouchers.
const (
	VouchedByAgency  Voucher = "agency"
	VouchedByChannel Voucher = "channel"
)
