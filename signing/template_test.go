package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
)

// reference returns a Reference with the digest of content.
func reference(uri, transforms string, content []byte) string {
	sum := sha256.Sum256(content)
	if transforms != "" {
		transforms = "<Transforms>" + transforms + "</Transforms>"
	}
	return `<Reference URI="` + uri + `">` + transforms + `<DigestMethod Algorithm="` + signing.DigestSHA256 + `"></DigestMethod><DigestValue>` +
		base64.StdEncoding.EncodeToString(sum[:]) + `</DigestValue></Reference>`
}

// signature returns a Signature whose value is yet to be computed by sealed.
func signature(l leaf, refs ...string) string {
	alg := signing.ECDSASHA256
	if _, ok := l.key.Public().(*ecdsa.PublicKey); !ok {
		alg = signing.RSASHA256
	}
	return sigOpen + `<SignedInfo><CanonicalizationMethod Algorithm="` + signing.ExcC14N + `"></CanonicalizationMethod><SignatureMethod Algorithm="` + alg +
		`"></SignatureMethod>` + strings.Join(refs, "") + `</SignedInfo><SignatureValue>?</SignatureValue><KeyInfo><X509Data><X509Certificate>` +
		base64.StdEncoding.EncodeToString(l.cert.Raw) + `</X509Certificate></X509Data></KeyInfo>` + sigClose
}

// sealed computes the value of the Signature in doc whose value is "?". SHA-256 and exclusive canonicalisation, whatever it says.
func sealed(t testing.TB, l leaf, doc string) string {
	t.Helper()
	end := strings.Index(doc, "</SignedInfo><SignatureValue>?<")
	if end < 0 {
		t.Fatalf("no signature to seal in %s", doc)
	}
	r := signing.Range{Start: int64(strings.LastIndex(doc[:end], "<SignedInfo>")), End: int64(end + len("</SignedInfo>"))}
	var b bytes.Buffer
	if err := signing.Canonicalize(context.Background(), &b, signing.BytesSource(doc), r, signing.Context{}, signing.ExcC14N, nil); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	value, err := l.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := l.key.Public().(*ecdsa.PublicKey); ok {
		value = rawECDSA(t, value)
	}
	return doc[:end] + strings.Replace(doc[end:], ">?<", ">"+base64.StdEncoding.EncodeToString(value)+"<", 1)
}

// rawECDSA turns DER into r and s of 32 bytes each.
func rawECDSA(t testing.TB, der []byte) []byte {
	t.Helper()
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	rs.R.FillBytes(raw[:32])
	rs.S.FillBytes(raw[32:])
	return raw
}

// signBase64 signs what the text of the element with this Id encodes.
func signBase64(t testing.TB, l leaf, doc, id string, content []byte) string {
	ref := reference("#"+id, `<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"></Transform>`, content)
	end := strings.LastIndex(doc, "</")
	return sealed(t, l, doc[:end]+signature(l, ref)+doc[end:])
}
