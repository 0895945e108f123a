package xmlstream

import "fmt"

// ErrorKind classes what can be wrong with the form of a document. The text of a kind is stable.
type ErrorKind uint8

// The kinds of errors. Callers map them to refusals; their order is not significant.
const (
	Malformed          ErrorKind = iota + 1 // not well-formed
	Truncated                               // ends too early
	Encoding                                // not UTF-8, another encoding declared, or a character XML does not allow
	DTD                                     // has a document type
	Entity                                  // refers to an entity that is not predefined
	TooDeep                                 // Limits.MaxDepth
	TokenTooBig                             // a tag, comment or processing instruction over Limits.MaxToken
	TooManyAttributes                       // Limits.MaxAttrs or Limits.MaxBinds
	TooManyTokens                           // Limits.MaxTokens
	TooLarge                                // Limits.MaxSize
	DuplicateAttribute                      // same attribute twice, by name or by expanded name
	UndeclaredPrefix                        // prefix without a declaration
	BadNamespace                            // a declaration that Namespaces in XML forbids
)

var errorKindNames = [...]string{"unknown", "malformed", "truncated", "encoding", "dtd", "entity", "too-deep", "token-too-big",
	"too-many-attributes", "too-many-tokens", "too-large", "duplicate-attribute", "undeclared-prefix", "bad-namespace"}

func (k ErrorKind) String() string {
	if int(k) < len(errorKindNames) {
		return errorKindNames[k]
	}
	return errorKindNames[0]
}

// SyntaxError says what is wrong with a document and where.
type SyntaxError struct {
	Kind   ErrorKind
	Offset int64 // byte in the source
	Line   int   // from 1
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("couldn't read XML at line %d, byte %d: %s (%s)", e.Line, e.Offset, e.Msg, e.Kind)
}
