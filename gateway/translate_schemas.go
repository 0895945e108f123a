package gateway

import (
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/schemas"
)

// schemaCodes gives the published number for each reason of the reader. A test checks that no reason is missing.
var schemaCodes = map[schemas.Code]int{
	schemas.XMLMalformed:          CodeMalformed,
	schemas.XMLTruncated:          CodeTruncated,
	schemas.XMLEncoding:           CodeEncoding,
	schemas.XMLForbidden:          CodeDTD,
	schemas.XMLTooDeep:            CodeDepth,
	schemas.XMLTokenTooBig:        CodeAttributeSize,
	schemas.XMLDuplicateAttribute: CodeDuplicateAttribute,
	schemas.XMLUnboundPrefix:      CodePrefix,
	schemas.XMLInstance:           CodeInstance,
	schemas.TooBig:                CodeTextSize,
	schemas.UnknownRoot:           CodeNamespace,
	schemas.UnknownKind:           CodeKindUnknown,
	schemas.SchemaElement:         CodeUnknownElement,
	schemas.SchemaAttribute:       CodeAttribute,
	schemas.SchemaText:            CodeStrayText,
	schemas.SchemaMissing:         CodeMissing,
	schemas.SchemaValue:           CodeValue,
	schemas.MissingField:          CodeRequired,
	schemas.RepeatedField:         CodeRepeated,
	schemas.TooMany:               CodeTooMany,
	schemas.FieldTooLong:          CodeLength,
	schemas.BadDate:               CodeDate,
	schemas.FutureDate:            CodeFutureDate,
	schemas.BadCode:               CodeValue,
	schemas.BadIdentifier:         CodeOrganisationCode,
	schemas.DuplicateRecipient:    CodeRecipientTwice,
	schemas.AmbiguousKind:         CodeAmbiguousKind,
	schemas.HeaderMismatch:        CodeHeaderMismatch,
	schemas.Secret:                CodeSecret,
	schemas.AttachmentBase64:      CodeAttachment,
	schemas.AttachmentMissing:     CodeReferenceUnmatched,
	schemas.AttachmentUnlisted:    CodeReferenceUnmatched,
	schemas.AttachmentDuplicate:   CodeAttachmentTwice,
	schemas.AttachmentZip:         CodeArchive,
	schemas.AttachmentEncrypted:   CodeArchiveEncrypted,
	schemas.AttachmentBomb:        CodeZipBomb,
	schemas.AttachmentName:        CodeEntryName,
	schemas.AttachmentDigest:      CodeAttachmentDigest,
}

// refuseParse turns the reader's refusal into the published one. The first problem gives the number, all of them the
// details; for a secret package neither field nor details leave, since both could hold its content.
func refuseParse(err error) error {
	var r *schemas.Refusal
	if !errors.As(err, &r) {
		return fmt.Errorf("couldn't read package: %w", err)
	}
	if r.Has(schemas.Secret) {
		return Refuse(CodeSecret)
	}
	first := r.Problems[0]
	code, ok := schemaCodes[first.Code]
	if !ok {
		return fmt.Errorf("couldn't number the reader's refusal %q", first.Code)
	}
	out := Refuse(code).At(first.Path)
	for _, p := range r.Problems {
		d := string(p.Code)
		if p.Path != "" {
			d += " " + p.Path
		}
		if p.Offset >= 0 {
			d += fmt.Sprintf(" @%d", p.Offset)
		}
		if p.Detail != "" {
			d += ": " + p.Detail
		}
		out = out.With(d)
	}
	return out
}
