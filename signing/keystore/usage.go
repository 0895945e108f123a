package keystore

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
)

var (
	oidKeyUsage    = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	ekuServer      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	ekuClient      = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	ekuTimeStamp   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	ekuOCSP        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}
)

// requestedUsage makes the extensions of a request that a certificate for p should have, so that CheckPurpose will accept it.
func requestedUsage(p Purpose) ([]pkix.Extension, error) {
	usage := byte(0x80) // digitalSignature
	var ext []asn1.ObjectIdentifier
	switch p {
	case Organisation, Person, Administrator:
		usage = 0xC0 // and nonRepudiation
	case Node:
		ext = []asn1.ObjectIdentifier{ekuServer, ekuClient}
	case TLS:
		ext = []asn1.ObjectIdentifier{ekuServer}
	case Client:
		ext = []asn1.ObjectIdentifier{ekuClient}
	case TSA:
		ext = []asn1.ObjectIdentifier{ekuTimeStamp}
	case OCSP:
		ext = []asn1.ObjectIdentifier{ekuOCSP}
	default:
		return nil, fmt.Errorf("couldn't make certificate request: a key for %s gets no certificate here", p)
	}
	length := 1
	if usage&0x40 != 0 {
		length = 2
	}
	ku, err := asn1.Marshal(asn1.BitString{Bytes: []byte{usage}, BitLength: length})
	if err != nil {
		return nil, fmt.Errorf("couldn't encode key usage: %w", err)
	}
	out := []pkix.Extension{{Id: oidKeyUsage, Critical: true, Value: ku}}
	if len(ext) > 0 {
		eku, err := asn1.Marshal(ext)
		if err != nil {
			return nil, fmt.Errorf("couldn't encode extended key usage: %w", err)
		}
		out = append(out, pkix.Extension{Id: oidExtKeyUsage, Critical: p == TSA, Value: eku})
	}
	return out, nil
}
