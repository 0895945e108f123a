package revocation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxRequest bounds an OCSP request, in bytes, and maxAsked the certificates that it asks for.
const (
	maxRequest = 64 << 10
	maxAsked   = 64
)

// Record is what a responder knows of one certificate.
type Record struct {
	Status Status
	At     time.Time // of the revocation
	Reason int
}

// ResponderOptions say for whom a Responder answers. Issuer, Key, Certificate, Now and Lookup are required.
type ResponderOptions struct {
	Issuer      *x509.Certificate // of the certificates that are asked for
	Key         crypto.Signer     // RSA, ECDSA or Ed25519
	Certificate *x509.Certificate // of Key: Issuer itself, or one that it issued for OCSP signing and that goes along
	Now         func() time.Time
	// Validity is how long after ThisUpdate the next update is. Default one hour; negative: none is told.
	Validity time.Duration
	// Lookup gives the state of a serial number; Unknown for one that was never issued. Safe for concurrent use. An error is answered with tryLater.
	Lookup func(serial *big.Int) (Record, error)
	// Rand is for signing. Nil: signatures are made without (ECDSA as in RFC 6979), so that an answer can be repeated.
	Rand io.Reader
}

// Responder is a small OCSP responder (RFC 6960) for trials and tests. Safe for concurrent use.
type Responder struct {
	o ResponderOptions
}

// NewResponder returns a responder.
func NewResponder(o ResponderOptions) (*Responder, error) {
	if o.Issuer == nil || o.Key == nil || o.Certificate == nil || o.Now == nil || o.Lookup == nil {
		return nil, errors.New("couldn't make OCSP responder: issuer, key, certificate, clock and records are needed")
	}
	if pub, ok := o.Certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(o.Key.Public()) {
		return nil, fmt.Errorf("couldn't make OCSP responder: the key isn't that of %q", o.Certificate.Subject)
	}
	if _, _, err := signWith(o.Key); err != nil {
		return nil, fmt.Errorf("couldn't make OCSP responder: %w", err)
	}
	if o.Validity == 0 {
		o.Validity = time.Hour
	}
	return &Responder{o}, nil
}

// certID is what a request names a certificate with.
type certID struct {
	raw               []byte // the element
	hash              crypto.Hash
	nameHash, keyHash []byte
	serial            *big.Int
}

type request struct {
	ids   []certID
	nonce []byte // extension value; nil: none
}

func readRequest(der []byte) (*request, error) {
	in := cryptobyte.String(der)
	var outer, tbs, part, list cryptobyte.String
	var has bool
	version := 0
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1(&tbs, asn1.SEQUENCE) || !tbs.ReadOptionalASN1(&part, &has, explicit(0)) ||
		has && (!part.ReadASN1Integer(&version) || version != 0) || !tbs.SkipOptionalASN1(explicit(1)) || !tbs.ReadASN1(&list, asn1.SEQUENCE) {
		return nil, errMalformed
	}
	r := &request{}
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) {
			return nil, errMalformed
		}
		id, err := readCertID(&one)
		if err != nil {
			return nil, err
		}
		if r.ids = append(r.ids, id); len(r.ids) > maxAsked {
			return nil, fmt.Errorf("more than %d certificates asked for", maxAsked)
		}
	}
	if !tbs.ReadOptionalASN1(&part, &has, explicit(2)) || !tbs.Empty() {
		return nil, errMalformed
	}
	if !has {
		return r, nil
	}
	var exts cryptobyte.String
	if !part.ReadASN1(&exts, asn1.SEQUENCE) || !part.Empty() {
		return nil, errMalformed
	}
	return r, extensions(exts, func(id oid, critical bool, v cryptobyte.String) error {
		switch {
		case id.Equal(oidNonce):
			if len(v) > 256 {
				return errMalformed
			}
			r.nonce = v
		case critical:
			return fmt.Errorf("critical extension %s is not understood", id)
		}
		return nil
	})
}

func readCertID(in *cryptobyte.String) (certID, error) {
	var c certID
	var element cryptobyte.String
	if !in.ReadASN1Element(&element, asn1.SEQUENCE) {
		return c, errMalformed
	}
	c.raw = element
	var id cryptobyte.String
	c.serial = new(big.Int)
	if !element.ReadASN1(&id, asn1.SEQUENCE) {
		return c, errMalformed
	}
	alg, ok := algorithmID(&id)
	if !ok || !id.ReadASN1((*cryptobyte.String)(&c.nameHash), asn1.OCTET_STRING) || !id.ReadASN1((*cryptobyte.String)(&c.keyHash), asn1.OCTET_STRING) ||
		!id.ReadASN1Integer(c.serial) || !id.Empty() {
		return c, errMalformed
	}
	for _, d := range digests {
		if d.id.Equal(alg) {
			c.hash = d.hash
		}
	}
	return c, nil
}

// Respond answers an OCSPRequest in DER with an OCSPResponse in DER, whatever it was given.
func (r *Responder) Respond(der []byte) []byte {
	q, err := readRequest(der)
	if err != nil || len(q.ids) == 0 {
		return failure(1)
	}
	for _, id := range q.ids {
		if id.hash == 0 {
			return failure(6)
		}
		name, key := issuerHashes(r.o.Issuer, id.hash)
		if !bytes.Equal(name, id.nameHash) || !bytes.Equal(key, id.keyHash) {
			return failure(6) // another authority's certificates
		}
	}
	records := make([]Record, len(q.ids))
	for i, id := range q.ids {
		if records[i], err = r.o.Lookup(id.serial); err != nil {
			return failure(3)
		}
	}
	answer, err := r.sign(q, records)
	if err != nil {
		return failure(2)
	}
	return answer
}

// failure is a response without answer. Its five bytes are the same every time: SEQUENCE of one ENUMERATED.
func failure(status byte) []byte { return []byte{0x30, 3, 0x0a, 1, status} }

func (r *Responder) sign(q *request, records []Record) ([]byte, error) {
	tbs, err := r.data(q, records)
	if err != nil {
		return nil, err
	}
	hash, algorithm, err := signWith(r.o.Key)
	if err != nil {
		return nil, err
	}
	digest := tbs
	if hash != 0 {
		h := hash.New()
		h.Write(tbs)
		digest = h.Sum(nil)
	}
	value, err := r.o.Key.Sign(r.o.Rand, digest, hash)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign OCSP response: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(algorithm)
			if _, ok := r.o.Key.Public().(*rsa.PublicKey); ok {
				b.AddASN1NULL()
			}
		})
		b.AddASN1BitString(value)
		if !r.o.Certificate.Equal(r.o.Issuer) {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(r.o.Certificate.Raw) })
			})
		}
	})
	basic, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return wrapBasic(basic)
}

// signWith says how a key signs.
func signWith(key crypto.Signer) (crypto.Hash, oid, error) {
	switch pub := key.Public().(type) {
	case *rsa.PublicKey:
		return crypto.SHA256, oid{1, 2, 840, 113549, 1, 1, 11}, nil
	case *ecdsa.PublicKey:
		if pub.Curve.Params().BitSize > 256 {
			return crypto.SHA384, oid{1, 2, 840, 10045, 4, 3, 3}, nil
		}
		return crypto.SHA256, oid{1, 2, 840, 10045, 4, 3, 2}, nil
	case ed25519.PublicKey:
		return 0, oid{1, 3, 101, 112}, nil
	default:
		return 0, nil, fmt.Errorf("keys of type %T don't sign OCSP responses", pub)
	}
}

// data writes the ResponseData.
func (r *Responder) data(q *request, records []Record) ([]byte, error) {
	now := r.o.Now().UTC().Truncate(time.Second)
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(explicit(2), func(b *cryptobyte.Builder) {
			key := sha1.Sum(keyBits(r.o.Certificate))
			b.AddASN1OctetString(key[:])
		})
		b.AddASN1GeneralizedTime(now)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for i, id := range q.ids {
				r.addSingle(b, id, records[i], now)
			}
		})
		if q.nonce != nil {
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidNonce)
						b.AddASN1OctetString(q.nonce)
					})
				})
			})
		}
	})
	return b.Bytes()
}

func (r *Responder) addSingle(b *cryptobyte.Builder, id certID, rec Record, now time.Time) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(id.raw)
		switch rec.Status {
		case Good:
			b.AddASN1(asn1.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
		case Revoked, Suspended:
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
				b.AddASN1GeneralizedTime(rec.At.UTC().Truncate(time.Second))
				reason := rec.Reason
				if rec.Status == Suspended {
					reason = CertificateHold
				}
				if reason != Unspecified {
					b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(reason)) })
				}
			})
		default:
			b.AddASN1(asn1.Tag(2).ContextSpecific(), func(*cryptobyte.Builder) {})
		}
		b.AddASN1GeneralizedTime(now)
		if r.o.Validity > 0 {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(now.Add(r.o.Validity)) })
		}
	})
}

// ServeHTTP answers POST, and GET with the request in base64 as the path (RFC 6960 §A.1). Mount it with http.StripPrefix.
func (r *Responder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var der []byte
	var err error
	switch q.Method {
	case http.MethodPost:
		der, err = io.ReadAll(http.MaxBytesReader(w, q.Body, maxRequest))
	case http.MethodGet:
		der, err = pathRequest(q.URL.EscapedPath())
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET or POST", http.StatusMethodNotAllowed)
		return
	}
	if err != nil {
		der = nil // answered as malformed
	}
	answer := r.Respond(der)
	w.Header().Set("Content-Type", "application/ocsp-response")
	if q.Method == http.MethodGet && r.o.Validity > 0 && len(answer) > len(failure(0)) {
		w.Header().Set("Cache-Control", fmt.Sprintf("public, no-transform, must-revalidate, max-age=%d", int(r.o.Validity/time.Second/2)))
	}
	_, _ = w.Write(answer) // the client may have gone
}

func pathRequest(path string) ([]byte, error) {
	s, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil || len(s) > maxRequest {
		return nil, errMalformed
	}
	return base64.StdEncoding.DecodeString(strings.ReplaceAll(s, " ", "+"))
}
