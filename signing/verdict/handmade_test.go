package verdict_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// handmade writes a signature, of level B-B, that package signing would not make. Everything in it is in canonical form already.
type handmade struct {
	text      string // of the root element <d xmlns="urn:example:d">
	algorithm string
	hash      crypto.Hash // of the signature
	digest    string
	over      crypto.Hash // of the reference
	reference string      // instead of the one to the whole document
	noKeyInfo bool
	none      bool                        // no reference at all
	stamp     func(imprint []byte) []byte // makes a token over the content, for an AllDataObjectsTimeStamp
}

const dsNamespace = "http://www.w3.org/2000/09/xmldsig#"

func (m handmade) sign(w *world, key crypto.Signer, cert *x509.Certificate) []byte {
	w.t.Helper()
	if m.text == "" {
		m.text = "Quyết định"
	}
	doc := `<d xmlns="urn:example:d">` + m.text + `</d>`
	if m.reference == "" {
		m.reference = fmt.Sprintf(`<Reference URI=""><Transforms><Transform Algorithm="%senveloped-signature"></Transform></Transforms>`+
			`<DigestMethod Algorithm="%s"></DigestMethod><DigestValue>%s</DigestValue></Reference>`, dsNamespace, m.digest, base64.StdEncoding.EncodeToString(sum(m.over, doc)))
	}
	stamped := ""
	if m.stamp != nil {
		stamped = `<xades:SignedDataObjectProperties><xades:AllDataObjectsTimeStamp><CanonicalizationMethod xmlns="` + dsNamespace + `" Algorithm="` + signing.ExcC14N +
			`"></CanonicalizationMethod><xades:EncapsulatedTimeStamp>` + base64.StdEncoding.EncodeToString(m.stamp(sum(m.over, doc))) +
			`</xades:EncapsulatedTimeStamp></xades:AllDataObjectsTimeStamp></xades:SignedDataObjectProperties>`
	}
	properties := fmt.Sprintf(`<xades:SignedProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" Id="p1"><xades:SignedSignatureProperties><xades:SigningTime>%s</xades:SigningTime>`+
		`<xades:SigningCertificateV2><xades:Cert><xades:CertDigest><DigestMethod xmlns="%[2]s" Algorithm="%[3]s"></DigestMethod><DigestValue xmlns="%[2]s">%[4]s</DigestValue>`+
		`</xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>%[5]s</xades:SignedProperties>`,
		day.Format(time.RFC3339), dsNamespace, signing.DigestSHA256, base64.StdEncoding.EncodeToString(sum(crypto.SHA256, string(cert.Raw))), stamped)
	inside := fmt.Sprintf(`<CanonicalizationMethod Algorithm="%[1]s"></CanonicalizationMethod><SignatureMethod Algorithm="%[2]s"></SignatureMethod>%[3]s`+
		`<Reference Type="%[4]s" URI="#p1"><Transforms><Transform Algorithm="%[1]s"></Transform></Transforms><DigestMethod Algorithm="%[5]s"></DigestMethod><DigestValue>%[6]s</DigestValue></Reference>`,
		signing.ExcC14N, m.algorithm, m.reference, xades.SignedPropertiesType, signing.DigestSHA256, base64.StdEncoding.EncodeToString(sum(crypto.SHA256, properties)))
	if m.none {
		inside = fmt.Sprintf(`<CanonicalizationMethod Algorithm="%s"></CanonicalizationMethod><SignatureMethod Algorithm="%s"></SignatureMethod>`, signing.ExcC14N, m.algorithm)
	}
	value, err := key.Sign(rand.Reader, sum(m.hash, `<SignedInfo xmlns="`+dsNamespace+`">`+inside+`</SignedInfo>`), m.hash)
	if err != nil {
		w.t.Fatal(err)
	}
	if pub, ok := key.Public().(*ecdsa.PublicKey); ok {
		value = raw(w, pub, value)
	}
	b := new(strings.Builder)
	fmt.Fprintf(b, `<Signature xmlns="%s" Id="s1"><SignedInfo>%s</SignedInfo><SignatureValue>%s</SignatureValue>`, dsNamespace, inside, base64.StdEncoding.EncodeToString(value))
	if !m.noKeyInfo {
		fmt.Fprintf(b, `<KeyInfo><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo>`, base64.StdEncoding.EncodeToString(cert.Raw))
	}
	fmt.Fprintf(b, `<Object><xades:QualifyingProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" Target="#s1">%s</xades:QualifyingProperties></Object>`, properties)
	b.WriteString("</Signature>")
	return []byte(strings.Replace(doc, "</d>", b.String()+"</d>", 1))
}

func sum(h crypto.Hash, s string) []byte {
	if h == crypto.SHA1 { // the vectors that show it refused
		v := sha1.Sum([]byte(s))
		return v[:]
	}
	f := h.New()
	f.Write([]byte(s))
	return f.Sum(nil)
}

func raw(w *world, pub *ecdsa.PublicKey, der []byte) []byte {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		w.t.Fatal(err)
	}
	n := (pub.Curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*n)
	rs.R.FillBytes(out[:n])
	rs.S.FillBytes(out[n:])
	return out
}
