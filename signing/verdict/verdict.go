package verdict

import (
	"time"

	"github.com/tram-exchange/tram/signing"
)

// Indication is the verdict in one word (EN 319 102-1, 5.1.3).
type Indication string

// The indications.
const (
	TotalPassed   Indication = "TOTAL-PASSED"
	TotalFailed   Indication = "TOTAL-FAILED"
	Indeterminate Indication = "INDETERMINATE"
)

// SubIndication is the reason of a verdict that is not TOTAL-PASSED; empty otherwise (EN 319 102-1, 5.1.3, tables 5 and 6).
type SubIndication string

// The sub-indications that this package gives.
const (
	FormatFailure            SubIndication = "FORMAT_FAILURE"
	HashFailure              SubIndication = "HASH_FAILURE"
	SigCryptoFailure         SubIndication = "SIG_CRYPTO_FAILURE"
	Revoked                  SubIndication = "REVOKED"
	Expired                  SubIndication = "EXPIRED"
	NotYetValid              SubIndication = "NOT_YET_VALID"
	SigConstraintsFailure    SubIndication = "SIG_CONSTRAINTS_FAILURE"
	ChainConstraintsFailure  SubIndication = "CHAIN_CONSTRAINTS_FAILURE"
	CryptoConstraintsFailure SubIndication = "CRYPTO_CONSTRAINTS_FAILURE"
	CryptoConstraintsNoPOE   SubIndication = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
	PolicyProcessingError    SubIndication = "POLICY_PROCESSING_ERROR"
	PolicyNotAvailable       SubIndication = "SIGNATURE_POLICY_NOT_AVAILABLE"
	TimestampOrderFailure    SubIndication = "TIMESTAMP_ORDER_FAILURE"
	NoSigningCertificate     SubIndication = "NO_SIGNING_CERTIFICATE_FOUND"
	NoCertificateChain       SubIndication = "NO_CERTIFICATE_CHAIN_FOUND"
	RevokedNoPOE             SubIndication = "REVOKED_NO_POE"
	RevokedCANoPOE           SubIndication = "REVOKED_CA_NO_POE"
	OutOfBoundsNoPOE         SubIndication = "OUT_OF_BOUNDS_NO_POE"
	TryLater                 SubIndication = "TRY_LATER"
	SignedDataNotFound       SubIndication = "SIGNED_DATA_NOT_FOUND"
)

// Result is the outcome of one check.
type Result string

// The results.
const (
	Passed  Result = "passed"
	Failed  Result = "failed"  // decides against the signature
	Warning Result = "warning" // does not decide, but a reader should know
	Unknown Result = "unknown" // could not be found out, and decides against the signature because policy asks for it
	Ignored Result = "ignored" // not asked for by policy, or not applicable
)

// Check is one question that was put to a signature, with its answer. Its sentences are complete without Detail, which
// names what exactly (a URI, a certificate, a time) for those who repair things.
type Check struct {
	ID     string `json:"id"`
	Result Result `json:"result"`
	Vi     string `json:"vi"`
	En     string `json:"en"`
	Detail string `json:"detail,omitempty"`
}

// Conclusion is an indication with its reason.
type Conclusion struct {
	Indication    Indication    `json:"indication"`
	SubIndication SubIndication `json:"sub_indication"`
}

// OK reports whether c is TOTAL-PASSED.
func (c Conclusion) OK() bool { return c.Indication == TotalPassed }

// Verdict is what is said of a document. Its JSON form is the output of `tram check --json`.
type Verdict struct {
	Conclusion
	Signatures []SignatureVerdict `json:"signatures"` // in document order; empty, never null
	Checks     []Check            `json:"checks"`     // of the document as a whole

	File      string          `json:"file,omitempty"`
	Size      int64           `json:"size"`
	SHA256    string          `json:"sha256,omitempty"` // hex, of the file
	At        time.Time       `json:"at"`               // the time of the judgement
	Policy    string          `json:"policy"`           // Policy.Name
	Kind      string          `json:"kind,omitempty"`   // of the package, if it is one of ours
	Uncovered []signing.Range `json:"uncovered"`        // what means something and no sound signature covers

	// SignedContent identifies what was signed (signing.Report.SignedContent), hex.
	SignedContent string `json:"signed_content,omitempty"`

	report *signing.Report
}

// Report returns what package signing found, nil where the document could not be read as XML.
func (v *Verdict) Report() *signing.Report { return v.report }

// SignatureVerdict is what is said of one signature.
type SignatureVerdict struct {
	Conclusion
	Signer      string      `json:"signer"`       // subject of the signing certificate; empty if none was found
	SigningTime *time.Time  `json:"signing_time"` // as the signer claims; null if he claims none
	BestTime    time.Time   `json:"best_time"`    // the earliest time at which the signature is proved to have existed
	BestTimeBy  string      `json:"best_time_by"` // what proves it: "time-stamp", "proof" (Options.Proofs) or "validation" (the time of judgement)
	References  []Reference `json:"references"`
	Checks      []Check     `json:"checks"`

	ID        string `json:"id,omitempty"`        // Id attribute
	Level     string `json:"level"`               // "B-B" to "B-LTA", "XMLDSig" without XAdES properties, as far as its parts are sound
	Algorithm string `json:"algorithm,omitempty"` // URI
	C14N      string `json:"canonicalization,omitempty"`
	InHeader  bool   `json:"in_header,omitempty"`
	Whole     bool   `json:"whole_document"`

	PolicyID     string          `json:"policy_id,omitempty"`
	ClaimedRoles []string        `json:"claimed_roles,omitempty"`
	Range        signing.Range   `json:"range"`
	Covered      []signing.Range `json:"covered"`
	Chain        []Certificate   `json:"chain"` // from the signer's to the root
	Timestamps   []Timestamp     `json:"time_stamps"`

	// Evidence is the DER of all revocation answers that the verdict rests on.
	Evidence [][]byte `json:"-"`
}

// Reference is one reference of a signature.
type Reference struct {
	URI    string        `json:"uri"`
	Type   string        `json:"type,omitempty"`
	Digest string        `json:"digest"`
	C14N   string        `json:"canonicalization"`
	Range  signing.Range `json:"range"`
	OK     bool          `json:"ok"`
}

// Certificate is one certificate of a chain, for people and programs.
type Certificate struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"` // hex
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Fingerprint string    `json:"fingerprint"` // hex, SHA-256
	Trial       bool      `json:"trial,omitempty"`
	Revocation  string    `json:"revocation,omitempty"` // "good", "revoked", "suspended", "unknown"; empty for a root
}

// Timestamp is one time-stamp of a signature.
type Timestamp struct {
	Conclusion
	Kind    string    `json:"kind"` // "signature", "archive", "content", ...
	Time    time.Time `json:"time"` // what it says; proved only if it is TOTAL-PASSED
	Signer  string    `json:"signer"`
	Policy  string    `json:"policy,omitempty"`
	Checked time.Time `json:"judged_at"` // the time at which its own certificate was judged
	Checks  []Check   `json:"checks"`
}
