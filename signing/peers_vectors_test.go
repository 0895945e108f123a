//go:build peers

package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 the vectors are of its time
	"crypto/hmac"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"hash"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

const (
	rsaSHA1  = dsNamespace + "rsa-sha1"
	dsaSHA1  = dsNamespace + "dsa-sha1"
	hmacSHA1 = dsNamespace + "hmac-sha1"
	hmacMD5  = "http://www.w3.org/2001/04/xmldsig-more#hmac-md5"
)

// vectorLab returns a laboratory with the algorithms of 2002 and every key that belongs to a vector: those in the document,
// those of the folder's certificates, and the shared secret.
func vectorLab(t *testing.T, dir, doc, secret string) *laboratory {
	var keys []crypto.PublicKey
	certs, err := filepath.Glob(filepath.Join(vectors, dir, "certs", "*.der"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range certs {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := x509.ParseCertificate(b); err == nil {
			keys = append(keys, c.PublicKey)
		}
	}
	number := func(name string) *big.Int {
		m := regexp.MustCompile(`<(?:\w+:)?` + name + `>([^<]*)</`).FindStringSubmatch(doc)
		if m == nil {
			return nil
		}
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(m[1]), ""))
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(b)
	}
	if n, e := number("Modulus"), number("Exponent"); n != nil {
		keys = append(keys, &rsa.PublicKey{N: n, E: int(e.Int64())})
	}
	if y := number("Y"); y != nil {
		keys = append(keys, &dsa.PublicKey{Parameters: dsa.Parameters{P: number("P"), Q: number("Q"), G: number("G")}, Y: y})
	}
	sha, md := signatureAlgorithm{rsaPKCS1, crypto.SHA1}, signatureAlgorithm{rsaPKCS1, crypto.MD5}
	return &laboratory{
		xpointer:   true,
		digests:    map[string]crypto.Hash{dsNamespace + "sha1": crypto.SHA1, "http://www.w3.org/2001/04/xmldsig-more#md5": crypto.MD5},
		algorithms: map[string]signatureAlgorithm{rsaSHA1: sha, dsaSHA1: sha, hmacSHA1: sha, hmacMD5: md},
		hash: func(alg string) hash.Hash {
			switch alg {
			case hmacSHA1:
				return hmac.New(sha1.New, []byte(secret))
			case hmacMD5:
				return hmac.New(md5.New, []byte(secret))
			}
			return nil
		},
		check: func(alg string, embedded [][]byte, sum, value []byte) bool {
			if alg == hmacSHA1 || alg == hmacMD5 {
				return bytes.Equal(sum, value)
			}
			all := keys
			for _, der := range embedded {
				if c, err := x509.ParseCertificate(der); err == nil {
					all = append(all, c.PublicKey)
				}
			}
			for _, key := range all {
				switch k := key.(type) {
				case *rsa.PublicKey:
					if alg == rsaSHA1 && rsa.VerifyPKCS1v15(k, crypto.SHA1, sum, value) == nil {
						return true
					}
				case *dsa.PublicKey:
					if alg == dsaSHA1 && len(value) == 40 && dsa.Verify(k, sum, new(big.Int).SetBytes(value[:20]), new(big.Int).SetBytes(value[20:])) {
						return true
					}
				}
			}
			return false
		},
	}
}

// published lists every signature of the vectors with the outcome where the algorithms of its time are allowed. XPath stays refused, and
// references out of the document are without a resolver. Core validation does not look into a ds:Manifest.
var published = map[string]map[string]Refusal{
	"merlin-xmldsig-twenty-three": {
		"signature-enveloped-dsa.xml":              Accepted,
		"signature-enveloping-b64-dsa.xml":         Accepted,
		"signature-enveloping-dsa.xml":             Accepted,
		"signature-enveloping-hmac-sha1-40.xml":    AlgorithmRefused, // truncated: never
		"signature-enveloping-hmac-sha1.xml":       Accepted,
		"signature-enveloping-rsa.xml":             Accepted,
		"signature-external-b64-dsa.xml":           ExternalReference,
		"signature-external-dsa.xml":               ExternalReference,
		"signature-keyname.xml":                    ExternalReference,
		"signature-retrievalmethod-rawx509crt.xml": ExternalReference,
		"signature-x509-crt-crl.xml":               ExternalReference,
		"signature-x509-crt.xml":                   ExternalReference,
		"signature-x509-is.xml":                    ExternalReference,
		"signature-x509-ski.xml":                   ExternalReference,
		"signature-x509-sn.xml":                    ExternalReference,
		"signature.xml":                            "dtd",
	},
	"phaos-xmldsig-three": {
		"signature-big.xml":                                              ExternalReference,
		"signature-dsa-detached.xml":                                     ExternalReference,
		"signature-dsa-enveloped.xml":                                    Accepted,
		"signature-dsa-enveloping.xml":                                   Accepted,
		"signature-dsa-manifest.xml":                                     Accepted,
		"signature-hmac-md5-c14n-enveloping.xml":                         Accepted,
		"signature-hmac-sha1-40-c14n-comments-detached.xml":              AlgorithmRefused,
		"signature-hmac-sha1-40-exclusive-c14n-comments-detached.xml":    AlgorithmRefused,
		"signature-hmac-sha1-exclusive-c14n-comments-detached.xml":       ExternalReference,
		"signature-hmac-sha1-exclusive-c14n-enveloped.xml":               Accepted,
		"signature-rsa-detached-b64-transform.xml":                       Accepted, // in a manifest
		"signature-rsa-detached-xpath-transform.xml":                     Accepted, // likewise
		"signature-rsa-detached-xslt-transform-bad-retrieval-method.xml": Accepted, // likewise; we fetch no keys
		"signature-rsa-detached-xslt-transform-retrieval-method.xml":     Accepted,
		"signature-rsa-detached-xslt-transform.xml":                      Accepted,
		"signature-rsa-detached.xml":                                     ExternalReference,
		"signature-rsa-enveloped-bad-digest-val.xml":                     DigestMismatch,
		"signature-rsa-enveloped-bad-sig.xml":                            MalformedSignature, // the added reference has no digest
		"signature-rsa-enveloped.xml":                                    Accepted,
		"signature-rsa-enveloping.xml":                                   Accepted,
		"signature-rsa-manifest-x509-data-cert-chain.xml":                Accepted,
		"signature-rsa-manifest-x509-data-cert.xml":                      Accepted,
		"signature-rsa-manifest-x509-data-issuer-serial.xml":             Accepted,
		"signature-rsa-manifest-x509-data-ski.xml":                       Accepted,
		"signature-rsa-manifest-x509-data-subject-name.xml":              Accepted,
		"signature-rsa-manifest.xml":                                     Accepted,
		"signature-rsa-xpath-transform-enveloped.xml":                    TransformRefused,
		"signature-rsa-~x509-data-crl.xml":                               Accepted, // revocation is judged elsewhere
	},
	"merlin-exc-c14n-one": {"exc-signature.xml": Accepted},
	"merlin-c14n-three":   {"signature.xml": TransformRefused},
}

// TestPublishedSignatures checks the mathematics of references, canonical forms and values on signatures that others made,
// and that policy refuses every one of them.
func TestPublishedSignatures(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // the keys of the vectors are short
	trust, err := NewTrust(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{"merlin-xmldsig-twenty-three": "secret", "phaos-xmldsig-three": "test"}
	for dir, files := range published {
		for name, want := range files {
			t.Run(dir+"/"+name, func(t *testing.T) {
				doc := readVector(t, dir+"/"+name)
				at := time.Date(2002, 6, 1, 0, 0, 0, 0, time.UTC)
				o := VerifyOptions{Trust: trust, At: at, lab: vectorLab(t, dir, doc, secrets[dir])}
				if got := soleRefusal(t, doc, o); got != want {
					t.Errorf("with the algorithms of its time: %q, want %q", got, want)
				}
				if want == ExternalReference && name != "signature-big.xml" {
					absentContent(t, doc, o)
				}
				o.lab = nil
				byPolicy := AlgorithmRefused
				if want == "dtd" {
					byPolicy = want
				}
				if got := soleRefusal(t, doc, o); got != byPolicy {
					t.Errorf("by policy: %q, want %q", got, byPolicy)
				}
			})
		}
	}
}

// absentContent checks all of a signature but the digest of what it refers to on the network of 2002: with other content in its
// place the value still fits, and the digest does not.
func absentContent(t *testing.T, doc string, o VerifyOptions) {
	o.Detached = func(string) (Source, bool) { return BytesSource("QUJD"), true }
	rep, err := Verify(context.Background(), BytesSource(doc), o)
	if err != nil {
		t.Fatal(err)
	}
	if res := &rep.Signatures[0]; res.Refusal != DigestMismatch || !res.ValueOK || !res.References[0].External {
		t.Errorf("with other content: %q, value fits: %v", res.Refusal, res.ValueOK)
	}
}

// TestEveryVectorIsStated: no signature of the folder is left out of the table.
func TestEveryVectorIsStated(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(vectors, "*", "*signature*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	stated := 0
	for _, files := range published {
		stated += len(files)
	}
	for _, path := range paths {
		if _, ok := published[filepath.Base(filepath.Dir(path))][filepath.Base(path)]; !ok {
			t.Errorf("%s is not stated", path)
		}
	}
	if len(paths) != stated || stated < 40 {
		t.Errorf("%d signatures in the folder, %d stated", len(paths), stated)
	}
}

// soleRefusal verifies a document with one signature.
func soleRefusal(t *testing.T, doc string, o VerifyOptions) Refusal {
	t.Helper()
	rep, err := Verify(context.Background(), BytesSource(doc), o)
	var syntax *xmlstream.SyntaxError
	if errors.As(err, &syntax) {
		return Refusal(syntax.Kind.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Signatures) != 1 {
		t.Fatalf("%d signatures, want 1", len(rep.Signatures))
	}
	return rep.Signatures[0].Refusal
}
