package gateway

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"slices"
	"strconv"

	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/signing"
)

// algorithmNames are the words of the policy for what stands in a signature as URIs.
var algorithmNames = map[string]string{
	signing.DigestSHA256: "SHA-256", signing.DigestSHA384: "SHA-384", signing.DigestSHA512: "SHA-512",
	signing.RSASHA256: "RSA-PKCS1-v1_5", signing.RSASHA384: "RSA-PKCS1-v1_5", signing.RSASHA512: "RSA-PKCS1-v1_5",
	signing.PSSSHA256: "RSA-PSS", signing.PSSSHA384: "RSA-PSS", signing.PSSSHA512: "RSA-PSS",
	signing.ECDSASHA256: "ECDSA", signing.ECDSASHA384: "ECDSA", signing.ECDSASHA512: "ECDSA",
}

// obeys says what of the signatures the recorded policy does not accept. Package signing has its own floor below which
// nothing counts; a policy can only be stricter. An empty list asks for nothing.
func obeys(rules policy.SignatureRules, v *signing.Verified) error {
	sigs := v.Report().Signatures
	for i := range sigs {
		s := &sigs[i]
		if !listed(rules.Signatures, algorithmNames[s.Algorithm]) {
			return Refuse(CodeAlgorithm).With(s.Algorithm)
		}
		for _, d := range s.Digests {
			if !listed(rules.Digests, algorithmNames[d]) {
				return Refuse(CodeAlgorithm).With(d)
			}
		}
		for _, r := range s.References {
			if r.Method != "" && !listed(rules.Canonicalisations, r.Method) {
				return Refuse(CodeAlgorithm).With(r.Method)
			}
		}
		if !listed(rules.Canonicalisations, s.Canonicalization) {
			return Refuse(CodeAlgorithm).With(s.Canonicalization)
		}
		switch key := s.Certificate.PublicKey.(type) {
		case *rsa.PublicKey:
			if bits := key.N.BitLen(); bits < rules.RSABits {
				return Refuse(CodeKeyTooSmall).With(strconv.Itoa(bits) + " bits, at least " + strconv.Itoa(rules.RSABits))
			}
		case *ecdsa.PublicKey:
			if !listed(rules.Curves, key.Curve.Params().Name) {
				return Refuse(CodeKeyTooSmall).With(key.Curve.Params().Name)
			}
		}
	}
	return nil
}

func listed(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
