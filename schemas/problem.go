package schemas

import (
	"fmt"
	"strings"
)

// Stage is how far a package came before it was refused.
type Stage string

// The stages, in order. Problems of an earlier stage hide those of the later ones; rules and attachments are listed together.
const (
	StageXML        Stage = "xml"        // not strict XML: only the first problem is known
	StageSchema     Stage = "schema"     // not valid against the published XSD: only the first problem is known
	StageRules      Stage = "rules"      // cardinalities, dates, codes, secrecy
	StageAttachment Stage = "attachment" // nothing but attachments is at fault
)

// Code is the stable reason of a problem. Values are never reused with another meaning.
type Code string

// Reasons at the strict-XML stage.
const (
	XMLMalformed          Code = "xml-malformed"
	XMLTruncated          Code = "xml-truncated"
	XMLEncoding           Code = "xml-encoding"            // not UTF-8, or declared as something else
	XMLForbidden          Code = "xml-dtd"                 // DTD or entity other than the five
	XMLTooDeep            Code = "xml-too-deep"            // nesting
	XMLTokenTooBig        Code = "xml-token-too-big"       // attribute, name or tag
	XMLDuplicateAttribute Code = "xml-duplicate-attribute" // after namespace processing
	XMLUnboundPrefix      Code = "xml-unbound-prefix"
	XMLInstance           Code = "xml-xsi" // xsi:type and xsi:nil would change what the schema means
	TooBig                Code = "too-big" // package, or a text field beyond any sensible size
)

// Reasons at the schema stage.
const (
	UnknownRoot     Code = "unknown-root"     // root element or its namespace is none of ours
	UnknownKind     Code = "unknown-kind"     // Trạm package of a kind that this version does not know
	SchemaElement   Code = "schema-element"   // element not allowed here
	SchemaAttribute Code = "schema-attribute" // attribute not allowed, missing, or of a bad value
	SchemaText      Code = "schema-text"      // text where only elements may stand
	SchemaMissing   Code = "schema-missing"   // element ends before a required child
	SchemaValue     Code = "schema-value"     // text that the element's type does not allow
)

// Reasons at the rule stage.
const (
	MissingField       Code = "missing-field"
	RepeatedField      Code = "repeated-field" // an element that may stand once stands twice
	TooMany            Code = "too-many"       // recipients, attachments, …
	FieldTooLong       Code = "field-too-long"
	BadDate            Code = "bad-date"
	FutureDate         Code = "future-date"
	BadCode            Code = "bad-code" // a value outside a code list that decides something, or a bad CodeNumber
	BadIdentifier      Code = "bad-identifier"
	DuplicateRecipient Code = "duplicate-recipient" // the very same code twice; aliases are the directory's matter
	AmbiguousKind      Code = "ambiguous-kind"      // document and status at once
	HeaderMismatch     Code = "header-mismatch"     // Trạm header and body contradict each other
	Secret             Code = "secret"
)

// Reasons for attachments.
const (
	AttachmentBase64    Code = "attachment-base64"
	AttachmentMissing   Code = "attachment-missing"   // the manifest names a content id that is not there
	AttachmentUnlisted  Code = "attachment-unlisted"  // an attachment that the manifest does not name
	AttachmentDuplicate Code = "attachment-duplicate" // two with one content id
	AttachmentZip       Code = "attachment-zip"       // broken archive
	AttachmentEncrypted Code = "attachment-encrypted"
	AttachmentBomb      Code = "attachment-bomb"
	AttachmentName      Code = "attachment-name" // file name that could escape a folder or a screen
	AttachmentDigest    Code = "attachment-digest"
)

// Codes lists every reason there is, for those who must have an answer to each.
func Codes() []Code {
	return []Code{
		XMLMalformed, XMLTruncated, XMLEncoding, XMLForbidden, XMLTooDeep, XMLTokenTooBig, XMLDuplicateAttribute, XMLUnboundPrefix, XMLInstance, TooBig,
		UnknownRoot, UnknownKind, SchemaElement, SchemaAttribute, SchemaText, SchemaMissing, SchemaValue,
		MissingField, RepeatedField, TooMany, FieldTooLong, BadDate, FutureDate, BadCode, BadIdentifier, DuplicateRecipient, AmbiguousKind, HeaderMismatch, Secret,
		AttachmentBase64, AttachmentMissing, AttachmentUnlisted, AttachmentDuplicate, AttachmentZip, AttachmentEncrypted, AttachmentBomb, AttachmentName, AttachmentDigest,
	}
}

// Problem is one reason why a package is refused.
type Problem struct {
	Code   Code
	Path   string // e.g. "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/To[2]/OrganId"; "" if unknown
	Offset int64  // byte offset in the package, -1 if it has none
	Detail string // English, one clause, for integrators; never holds content of a secret package
	Value  string // the offending value, clipped to 80 characters; "" if none or if it must not be shown
}

// Error says what is wrong and where, without Value: errors end up in logs, which hold nothing of a document.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(string(p.Code))
	if p.Path != "" {
		b.WriteString(" at " + p.Path)
	}
	if p.Offset >= 0 {
		fmt.Fprintf(&b, " (byte %d)", p.Offset)
	}
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	return b.String()
}

// Refusal is the error of Parse for a package that is at fault (any other error is the node's: reading failed, or
// the context ended). Problems holds at least one; errors.As finds the first as *Problem.
type Refusal struct {
	Stage    Stage
	Kind     Kind    // "" if not recognised
	Sender   string  // as written; "" if it could not be read
	Secrecy  Secrecy // level found, if a problem is Secret
	Problems []*Problem
	More     bool // there were more problems than Limits.MaxProblems
}

func (r *Refusal) Error() string {
	if len(r.Problems) == 1 {
		return "couldn't parse package: " + r.Problems[0].Error()
	}
	return fmt.Sprintf("couldn't parse package: %d problems, first: %s", len(r.Problems), r.Problems[0].Error())
}

// Unwrap lets errors.As find a *Problem.
func (r *Refusal) Unwrap() []error {
	errs := make([]error, len(r.Problems))
	for i, p := range r.Problems {
		errs[i] = p
	}
	return errs
}

// Has reports whether one of the problems has the code.
func (r *Refusal) Has(c Code) bool {
	for _, p := range r.Problems {
		if p.Code == c {
			return true
		}
	}
	return false
}

const clipRunes = 80

// clip shortens a value for a message.
func clip(s string) string {
	n := 0
	for i := range s {
		if n == clipRunes {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
