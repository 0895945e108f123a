package tsp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/tram-exchange/tram/signing/cms"
)

// Media types of requests and answers (RFC 3161 3.4).
const (
	QueryType = "application/timestamp-query"
	ReplyType = "application/timestamp-reply"
)

// TrialPolicy is the policy of trial authorities: an arc under the example enterprise number, which says nothing to anybody.
const TrialPolicy = "1.3.6.1.4.1.32473.1.3161.1"

// Options of an Authority.
type Options struct {
	Now      func() time.Time // nil: time.Now
	Rand     io.Reader        // of serial numbers and signatures; nil: crypto/rand. Read under a lock
	Policy   string           // dotted; empty: TrialPolicy
	Accuracy time.Duration    // whole microseconds; zero: one second
	Hash     crypto.Hash      // of the signature; zero: by the key
	PSS      bool             // for RSA keys
}

// Authority makes time-stamps itself. It is for trials: its clock is that of the machine it runs on, nobody has audited it, and whoever has
// its key can date back. Serial numbers are nanoseconds and 64 random bits, hence unique across restarts without a state;
// times never decrease within one process. Safe for concurrent use.
type Authority struct {
	key    crypto.Signer
	chain  []*x509.Certificate
	o      Options
	policy asn1.ObjectIdentifier

	mu   sync.Mutex // over rand and last
	last time.Time
}

// NewAuthority makes one from a key and its certificate, which must be for time-stamping alone, followed by those of its issuers if they
// shall be embedded.
func NewAuthority(key crypto.Signer, chain []*x509.Certificate, o Options) (*Authority, error) {
	if len(chain) == 0 {
		return nil, errors.New("couldn't make time-stamping authority: no certificate")
	}
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(chain[0].PublicKey) {
		return nil, errors.New("couldn't make time-stamping authority: the certificate isn't for the key")
	}
	if err := checkCertificate(chain[0]); err != nil {
		return nil, fmt.Errorf("couldn't make time-stamping authority: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Policy == "" {
		o.Policy = TrialPolicy
	}
	if o.Accuracy == 0 {
		o.Accuracy = time.Second
	}
	if o.Accuracy < 0 || o.Accuracy%time.Microsecond != 0 {
		return nil, fmt.Errorf("couldn't make time-stamping authority: accuracy %v isn't in whole microseconds", o.Accuracy)
	}
	policy, err := parseOID(o.Policy)
	if err != nil {
		return nil, fmt.Errorf("couldn't make time-stamping authority: %w", err)
	}
	return &Authority{key: key, chain: chain, o: o, policy: policy}, nil
}

// Certificates are those of the authority, its own first.
func (a *Authority) Certificates() []*x509.Certificate { return a.chain }

// Stamp implements Stamper. The token embeds the certificates.
func (a *Authority) Stamp(ctx context.Context, hash crypto.Hash, imprint []byte) (*Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("couldn't make time-stamp: %w", err)
	}
	if err := checkImprint(hash, imprint); err != nil {
		return nil, fmt.Errorf("couldn't make time-stamp: %w", err)
	}
	der, err := a.token(&Request{Hash: hash, Imprint: imprint, Certificates: true})
	if err != nil {
		return nil, err
	}
	t, err := Parse(der)
	if err != nil {
		return nil, err
	}
	return t, t.Verify(imprint)
}

// next returns the time and serial number of the next token.
func (a *Authority) next() (time.Time, *big.Int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.o.Now().UTC()
	if c := a.chain[0]; now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return now, nil, errTime
	}
	if now.Before(a.last) {
		now = a.last
	}
	a.last = now
	var serial [16]byte
	binary.BigEndian.PutUint64(serial[:8], uint64(now.UnixNano()))
	if _, err := io.ReadFull(a.o.Rand, serial[8:]); err != nil {
		return now, nil, fmt.Errorf("couldn't draw serial number: %w", err)
	}
	return now.Truncate(time.Millisecond), new(big.Int).SetBytes(serial[:]), nil
}

// errTime: the clock stands outside the life of the certificate.
var errTime = errors.New("couldn't make time-stamp: the clock stands outside the validity of the authority's certificate")

func (a *Authority) token(r *Request) ([]byte, error) {
	now, serial, err := a.next()
	if err != nil {
		return nil, err
	}
	info, err := a.info(r, now, serial)
	if err != nil {
		return nil, fmt.Errorf("couldn't make time-stamp: %w", err)
	}
	o := cms.SignOptions{ContentType: cms.OIDTSTInfo, Hash: a.o.Hash, PSS: a.o.PSS, SigningTime: now, Rand: lockedReader{a}}
	if r.Certificates {
		o.Certificates = a.chain
	}
	der, err := cms.Sign(info, a.key, a.chain[0], o)
	if err != nil {
		return nil, fmt.Errorf("couldn't make time-stamp: %w", err)
	}
	return der, nil
}

// lockedReader reads the authority's randomness under its lock.
type lockedReader struct{ a *Authority }

func (r lockedReader) Read(p []byte) (int, error) {
	r.a.mu.Lock()
	defer r.a.mu.Unlock()
	return r.a.o.Rand.Read(p)
}

func (a *Authority) info(r *Request, now time.Time, serial *big.Int) ([]byte, error) {
	oid, ok := cms.OIDByHash(r.Hash)
	if !ok {
		return nil, fmt.Errorf("hash function %v", r.Hash)
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1ObjectIdentifier(a.policy)
		addImprint(b, oid, r.Imprint)
		b.AddASN1BigInt(serial)
		b.AddASN1(casn1.GeneralizedTime, func(b *cryptobyte.Builder) { b.AddBytes([]byte(now.Format("20060102150405.999Z"))) })
		addAccuracy(b, a.o.Accuracy)
		if r.Nonce != nil {
			b.AddASN1BigInt(r.Nonce)
		}
	})
	return b.Bytes()
}

func addAccuracy(b *cryptobyte.Builder, d time.Duration) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if s := int64(d / time.Second); s > 0 {
			b.AddASN1Int64(s)
		}
		if ms := int64(d % time.Second / time.Millisecond); ms > 0 {
			b.AddASN1Int64WithTag(ms, casn1.Tag(0).ContextSpecific())
		}
		if us := int64(d % time.Millisecond / time.Microsecond); us > 0 {
			b.AddASN1Int64WithTag(us, casn1.Tag(1).ContextSpecific())
		}
	})
}

// Respond answers a request in DER with an answer in DER, whatever the request is.
func (a *Authority) Respond(request []byte) []byte {
	r, err := ParseRequest(request)
	switch {
	case errors.Is(err, errCriticalExtension):
		return refusal(UnacceptedExtension, "a critical extension isn't known")
	case err != nil:
		return refusal(BadDataFormat, "the request can't be read")
	case r.Policy != "" && r.Policy != a.o.Policy:
		return refusal(UnacceptedPolicy, "the policy of this authority is "+a.o.Policy)
	case checkImprint(r.Hash, r.Imprint) != nil:
		return refusal(BadAlg, "accepted are SHA-256, SHA-384 and SHA-512")
	}
	token, err := a.token(r)
	switch {
	case errors.Is(err, errTime):
		return refusal(TimeNotAvailable, "the clock stands outside the validity of the certificate")
	case err != nil:
		return refusal(SystemFailure, "no signature could be made")
	}
	return response(Granted, "", NoFailure, token)
}

func refusal(f Failure, text string) []byte { return response(Rejection, text, f, nil) }

func response(s Status, text string, f Failure, token []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(int64(s))
			if text != "" {
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(casn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
				})
			}
			if f >= 0 {
				b.AddASN1(casn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddBytes(failureBits(f)) })
			}
		})
		b.AddBytes(token)
	})
	return b.BytesOrPanic() // of constants and a token that is in DER
}

// failureBits is the content of a named BIT STRING in DER: no zero bits behind the last one.
func failureBits(f Failure) []byte {
	bits := bytes.Repeat([]byte{0}, int(f)/8+2)
	bits[0] = byte(7 - f%8)
	bits[int(f)/8+1] = 0x80 >> (f % 8)
	return bits
}

// ServeHTTP answers POST requests of application/timestamp-query. What is wrong with a request is said in the answer, as RFC 3161 has it;
// HTTP errors are for what is no request at all.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "time-stamp requests are POSTed", http.StatusMethodNotAllowed)
		return
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != QueryType {
		http.Error(w, "want "+QueryType, http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	if err != nil {
		http.Error(w, fmt.Sprintf("the request can't be read; the limit is %d octets", MaxRequest), http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", ReplyType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(a.Respond(body))
}
