package keystore

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tram-exchange/tram/signing"
)

// Errors that callers act on.
var (
	// ErrNoKey: no key for the purpose and holder is valid at that time. Configure one.
	ErrNoKey = errors.New("no valid key")
	// ErrKeyMismatch: the certificate isn't that of the key.
	ErrKeyMismatch = errors.New("the certificate is not that of the key")
	// ErrSignatureMismatch: a token or service answered with a signature that its certificate does not verify. It was thrown away.
	ErrSignatureMismatch = errors.New("the signature that came back does not verify with the key's certificate")
	// ErrWrongPIN: the PIN or password is wrong. It is not tried again: tokens lock themselves after a few wrong ones.
	ErrWrongPIN = errors.New("wrong PIN or password")
	// ErrPINLocked: the token has locked its PIN; its security officer has to set a new one.
	ErrPINLocked = errors.New("the token's PIN is locked")
	// ErrLastTry: one more wrong PIN would lock the token, so it is not tried unasked. Log in once by hand with the right one.
	ErrLastTry = errors.New("only one try is left for the token's PIN")
	// ErrNoToken: the token isn't there (taken out, not started, other label).
	ErrNoToken = errors.New("token not found")
	// ErrKeyNotFound: the token or service has no such key.
	ErrKeyNotFound = errors.New("key not found")
	// ErrNoPKCS11: this program was built without PKCS#11 (CGO_ENABLED=0).
	ErrNoPKCS11 = errors.New("this build has no PKCS#11: build with cgo")
	// ErrClosed: the key was closed.
	ErrClosed = errors.New("key is closed")
)

// Options of Open. The zero value opens PEM and PKCS#12 files relative to the working directory.
type Options struct {
	// Purpose that the key is opened for: refused if its certificate isn't for it. Empty: any, and Key.For decides later.
	Purpose Purpose
	// Base is the folder of relative paths.
	Base string
	// Chain is a PEM file with the certificate and its intermediates, for keys that don't carry them. Empty: from the file,
	// the token or the service, or NAME.crt beside a PEM file.
	Chain string
	// NoCertificate opens a key that has none yet, for a certificate request.
	NoCertificate bool
	// Getenv reads "env:NAME" sources; nil: os.Getenv.
	Getenv func(string) string
	// Prompt asks a person for a PIN or password when the reference names no source; nil: nobody is there.
	Prompt func(what string) (string, error)
	// Remotes finds the signing service of a remote: reference; nil: none is configured.
	Remotes func(name string) (Remote, bool)
	// Tokens shares sessions and remembers wrong PINs between keys. Needed for pkcs11: references.
	Tokens *Tokens
	// Wait says how a remote signature is waited for; zero: see Waiting.
	Wait Waiting
}

// Key is an open key. Its methods may be called concurrently.
type Key struct {
	Ref Ref
	// Signer signs for Options.Purpose, or for any purpose of the certificate. It refuses what the purpose forbids, and it
	// checks every signature that comes from outside this process. Sign waits for as long as it takes; see WithContext.
	Signer crypto.Signer
	// Chain is the certificate, then its intermediates as far as they are known; empty for a log key and with NoCertificate.
	Chain []*x509.Certificate
	// Purposes that key and certificate allow.
	Purposes []Purpose
	// NotBefore and NotAfter are those of the certificate; zero without one.
	NotBefore, NotAfter time.Time
	// Location is where it lives, for people.
	Location string

	raw    crypto.Signer
	closer func() error
}

// Close releases what the key holds. Signing with it afterwards may fail.
func (k *Key) Close() error {
	if k.closer == nil {
		return nil
	}
	return k.closer()
}

// For gives the signer bound to a purpose, or an ErrWrongPurpose.
func (k *Key) For(p Purpose) (crypto.Signer, error) {
	if err := CheckPurpose(p, k.raw.Public(), k.leaf()); err != nil {
		return nil, err
	}
	return &guarded{Signer: k.raw, purpose: p}, nil
}

func (k *Key) leaf() *x509.Certificate {
	if len(k.Chain) == 0 {
		return nil
	}
	return k.Chain[0]
}

// Description names type and size of the key, e.g. "RSA 2048" or "P-256".
func (k *Key) Description() string { return describe(k.raw.Public()) }

func describe(pub crypto.PublicKey) string {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", pub.N.BitLen())
	case *ecdsa.PublicKey:
		return pub.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return fmt.Sprintf("%T", pub)
}

// Open opens the key that ref names. ctx bounds the opening only.
func Open(ctx context.Context, ref Ref, o Options) (*Key, error) {
	k, err := open(ctx, ref, o)
	if err != nil {
		return nil, fmt.Errorf("couldn't open key %s: %w", ref, err)
	}
	if err := k.finish(o); err != nil {
		return nil, fmt.Errorf("couldn't open key %s: %w", ref, errors.Join(err, k.Close()))
	}
	return k, nil
}

func open(ctx context.Context, ref Ref, o Options) (*Key, error) {
	switch ref.Kind() {
	case PEM:
		return openPEM(ref, o)
	case PKCS12:
		return openPKCS12(ref, o)
	case PKCS11:
		return openToken(ctx, ref, o)
	case Service:
		return openRemote(ctx, ref, o)
	}
	return nil, errors.New("it names no key")
}

// finish finds the chain, checks that all belongs together and binds the purpose.
func (k *Key) finish(o Options) error {
	if o.Chain != "" {
		chain, err := signing.LoadCertificates(resolve(o.Base, o.Chain))
		if err != nil {
			return err
		}
		k.Chain = chain
	}
	if o.NoCertificate || o.Purpose.bare() {
		k.Chain = nil
	}
	if len(k.Chain) > 0 {
		k.Chain = ordered(k.raw, k.Chain)
		leaf := k.Chain[0]
		if !signing.KeyFits(k.raw, leaf) {
			return fmt.Errorf("%w: certificate of %q", ErrKeyMismatch, leaf.Subject)
		}
		k.NotBefore, k.NotAfter = leaf.NotBefore, leaf.NotAfter
	}
	k.Purposes = PurposesOf(k.raw.Public(), k.leaf())
	if o.Purpose != "" {
		signer, err := k.For(o.Purpose)
		if err != nil {
			return err
		}
		k.Signer = signer
		return nil
	}
	k.Signer = &guarded{Signer: k.raw}
	return nil
}

// ordered puts the certificate of the key first and its issuers behind it, as far as they are there. Others are left out.
func ordered(key crypto.Signer, certs []*x509.Certificate) []*x509.Certificate {
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return signing.KeyFits(key, c) })
	if i < 0 {
		return certs
	}
	chain := []*x509.Certificate{certs[i]}
	for len(chain) < 10 {
		last := chain[len(chain)-1]
		j := slices.IndexFunc(certs, func(c *x509.Certificate) bool {
			return string(c.RawSubject) == string(last.RawIssuer) && !slices.ContainsFunc(chain, c.Equal) && last.CheckSignatureFrom(c) == nil
		})
		if j < 0 {
			break
		}
		chain = append(chain, certs[j])
	}
	return chain
}

// ContextSigner is a crypto.Signer whose signing can be given up: a token may be slow, and a person who has to agree on the
// phone slower.
type ContextSigner interface {
	crypto.Signer
	SignContext(ctx context.Context, rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

// WithContext binds a signer to a context, for code that only knows crypto.Signer. A signer that cannot be given up is asked
// only if ctx hasn't ended.
func WithContext(ctx context.Context, s crypto.Signer) crypto.Signer {
	return bound{Signer: s, ctx: ctx}
}

type bound struct {
	crypto.Signer
	ctx context.Context
}

func (b bound) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return signContext(b.ctx, b.Signer, rand, digest, opts)
}

func signContext(ctx context.Context, s crypto.Signer, rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("couldn't sign: %w", err)
	}
	if cs, ok := s.(ContextSigner); ok {
		return cs.SignContext(ctx, rand, digest, opts)
	}
	return s.Sign(rand, digest, opts)
}
