// Package schemas knows the forms: which XML packages exist, what stands in them, and how they are read
// and written. It turns received bytes into a parsed package, and models into bytes, and nothing more: who
// signed (package signing) and whether the package is welcome (package gateway) is decided elsewhere.
//
// There are two families. edXML (QCVN 102:2016/BTTTT, one namespace, see NamespaceEdXML) carries documents
// and status messages between agencies. Trạm packages (NamespaceTram) carry what edXML has no form for: changes of the
// directory, submissions, which bring somebody else's file in unaltered, and the acts of an agency's work. Both are read by one strict streaming
// reader that is driven by the published XSD itself (see Files), so that schema and reader cannot drift apart.
//
// Reading goes in four stages, each with refusals of its own (see Stage): strict XML, schema, rules, attachments.
// The reader keeps ranges of large content, never copies: memory does not grow with the size of a package.
package schemas

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"
)

// Namespaces of the two families and of what stands inside them.
const (
	NamespaceEdXML = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
	NamespaceTram  = "https://github.com/tram-exchange/tram/schemas/tram-1"
	NamespaceDS    = "http://www.w3.org/2000/09/xmldsig#"
	NamespaceXLink = "http://www.w3.org/1999/xlink"
)

// Source is the bytes of a package, readable at any place. It is read concurrently, and must not change.
type Source interface {
	io.ReaderAt
	Size() int64
}

// Received is a package as it came in: its bytes and their digest, which is its identity. Nothing is known about it yet.
type Received struct {
	Source
	SHA256 [32]byte
}

// NewReceived reads the whole source once to know its digest. Whoever has hashed the bytes on arrival fills
// Received directly instead.
func NewReceived(src Source) (Received, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(src, 0, src.Size())); err != nil {
		return Received{}, fmt.Errorf("couldn't hash package: %w", err)
	}
	return Received{Source: src, SHA256: [32]byte(h.Sum(nil))}, nil
}

// Digest is the SHA-256 of the bytes.
func (r Received) Digest() [32]byte { return r.SHA256 }

// Kind says what form a package has. The values are stable and may be stored.
type Kind string

// The kinds this version reads. Everything else is refused.
const (
	KindDocument        Kind = "edxml.document" // new, recall, update, replace: see Document.Business.Type
	KindStatus          Kind = "edxml.status"
	KindDirectoryChange Kind = "tram.directory-change"
	KindSubmission      Kind = "tram.submission"
	KindDestruction     Kind = "tram.destruction"
	KindDossierAction   Kind = "tram.dossier-action"
)

// IsEdXML reports whether the package is of the edXML family.
func (k Kind) IsEdXML() bool { return k == KindDocument || k == KindStatus }

// Package is a parsed package: well formed, valid against the published schema, within the rules. It says
// nothing about signatures. Exactly one of Document, Status, Change, Submission, Destruction and Action is set, by Kind.
// A Package is not changed after Parse and may be read concurrently.
type Package struct {
	Received
	Kind Kind

	Document    *Document
	Status      *Status
	Change      *DirectoryChange
	Submission  *Submission
	Destruction *Destruction
	Action      *DossierAction

	// Header is the header of a Trạm package, nil for edXML.
	Header *Header

	// Attachments of a document, in the order of the manifest; those outside the manifest after them. Of an action, its Files.
	Attachments []Attachment

	// Signatures are the places of ds:Signature elements that stand in the header, from '<' to after '>'.
	Signatures []Range
	// UnnamespacedSignature: a Signature or DigitalSignature element outside the ds namespace was seen.
	// It is shown and counts as none. Empty ones count here too.
	UnnamespacedSignature bool
	// SignatureSlot is where the organisation's signature belongs: the offset of the header's end tag.
	SignatureSlot int64

	// Secrecy found in the package. Parse refuses any package where it is not SecrecyNone, so a Package in hand
	// has SecrecyNone; the refusal carries the level found.
	Secrecy Secrecy

	// Warnings: what was normalised or looks odd, and did not refuse the package.
	Warnings []Warning
}

// Sender is the organisation (or other actor, for Trạm packages) that the package says it comes from, as written.
func (p *Package) Sender() string {
	switch {
	case p.Document != nil:
		return p.Document.From.ID
	case p.Status != nil:
		return p.Status.From.ID
	case p.Header != nil:
		return p.Header.From
	}
	return ""
}

// Range is a half-open range of byte offsets in the package.
type Range struct{ Start, End int64 }

// Len is the number of bytes.
func (r Range) Len() int64 { return r.End - r.Start }

// Warning is something a clerk or an integrator may want to know, and no reason to refuse.
type Warning struct {
	Code   string // stable, e.g. "document-type-unknown"
	Path   string // element, as in Problem
	Detail string // English, for logs and integrators; clipped
}

// Options are what reading depends on beyond the bytes. The zero value has the defaults and no clock: with a zero
// Now, no date counts as in the future.
type Options struct {
	// Now judges future dates, in +07:00.
	Now time.Time
	// SecrecyElements are the extension elements in which senders state secrecy (policy).
	SecrecyElements []SecrecyElement
	// Steering says how the sender's side counts SteeringType.
	Steering SteeringProfile
	// Limits; zero fields take the defaults of DefaultLimits.
	Limits Limits
}

// Limits bound what one package may ask of the reader. All sizes are in bytes.
type Limits struct {
	MaxPackage     int64 // of the XML
	MaxRecipients  int   // To elements
	MaxAttachments int
	MaxRepeats     int   // of any other repeated element, and operations of a DirectoryChange
	MaxUnpacked    int64 // of one attachment, unpacked
	MaxRatio       int64 // unpacked to packed, judged above RatioFloor
	RatioFloor     int64 // unpacked size under which the ratio is not judged
	MaxEntries     int   // entries of one zip
	MaxProblems    int   // problems listed in one refusal
	MaxWarnings    int
}

// DefaultLimits are used for zero fields of Options.Limits.
var DefaultLimits = Limits{
	MaxPackage:     512 << 20,
	MaxRecipients:  5000,
	MaxAttachments: 500,
	MaxRepeats:     5000,
	MaxUnpacked:    1 << 30,
	MaxRatio:       100,
	RatioFloor:     16 << 20,
	MaxEntries:     10000,
	MaxProblems:    20,
	MaxWarnings:    50,
}
