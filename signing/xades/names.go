package xades

// Namespaces.
const (
	Namespace    = "http://uri.etsi.org/01903/v1.3.2#"
	Namespace141 = "http://uri.etsi.org/01903/v1.4.1#"
	dsNamespace  = "http://www.w3.org/2000/09/xmldsig#"
)

// SignedPropertiesType is the Type of the reference that signs the properties.
const SignedPropertiesType = "http://uri.etsi.org/01903#SignedProperties"

// Commitments that a signer can make (EN 319 132-1 §5.2.3 names them in TS 119 172).
const (
	ProofOfOrigin   = "http://uri.etsi.org/01903/v1.2.2#ProofOfOrigin"
	ProofOfApproval = "http://uri.etsi.org/01903/v1.2.2#ProofOfApproval"
	ProofOfCreation = "http://uri.etsi.org/01903/v1.2.2#ProofOfCreation"
	ProofOfReceipt  = "http://uri.etsi.org/01903/v1.2.2#ProofOfReceipt"
	ProofOfDelivery = "http://uri.etsi.org/01903/v1.2.2#ProofOfDelivery"
	ProofOfSender   = "http://uri.etsi.org/01903/v1.2.2#ProofOfSender"
)

// Level is one of the baseline levels of EN 319 132-1 §6. Each contains the one before it.
type Level string

// The levels. NoLevel is for signatures that are none of them: they have no signed properties, or lack what the first level needs.
const (
	NoLevel Level = ""
	LevelB  Level = "B-B"   // signed properties: when it was signed, by which certificate
	LevelT  Level = "B-T"   // a time-stamp proves when the signature existed
	LevelLT Level = "B-LT"  // what is needed to judge the certificates is in the document
	LevelA  Level = "B-LTA" // archive time-stamps keep all that provable
)

// rank orders the levels.
func (l Level) rank() int {
	switch l {
	case LevelB:
		return 1
	case LevelT:
		return 2
	case LevelLT:
		return 3
	case LevelA:
		return 4
	}
	return 0
}

// Reaches reports whether l is m or above.
func (l Level) Reaches(m Level) bool { return l.rank() >= m.rank() }

// ParseLevel reads the name of a level: B-B, B-T, B-LT or B-LTA.
func ParseLevel(s string) (Level, bool) {
	l := Level(s)
	return l, l.rank() > 0
}
