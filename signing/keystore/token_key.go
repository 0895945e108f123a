//go:build cgo

package keystore

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"
)

// maxObjects bounds what is read of a token.
const maxObjects = 256

// tokenKey is a private key in a token. The handle belongs to one connection and is looked up again in the next.
type tokenKey struct {
	token *token
	ref   TokenRef
	pin   func() (string, error)
	asked bool
	id    []byte
	label string
	pub   crypto.PublicKey

	mu     sync.Mutex
	handle pkcs11.ObjectHandle
	epoch  int
}

func openToken(ctx context.Context, ref Ref, o Options) (*Key, error) {
	tokens := o.Tokens
	if tokens == nil {
		tokens = NewTokens()
	}
	k := &tokenKey{ref: ref.Token(), asked: ref.PINSource() == "" && o.Prompt != nil}
	k.pin = func() (string, error) { return o.secret(ref, "PIN of token "+ref.String()) }
	var err error
	if k.token, err = tokens.open(k.ref, k.pin, k.asked); err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	if err := k.do(ctx, func(s session) error {
		if err := k.locate(s); err != nil {
			return err
		}
		all, err := k.certificates(s)
		if slices.ContainsFunc(all, func(c *x509.Certificate) bool { return signingKeyEqual(c.PublicKey, k.pub) }) {
			chain = all // else the key has none yet
		}
		return err
	}); err != nil {
		return nil, err
	}
	if k.pub == nil {
		return nil, fmt.Errorf("%w: key %q has neither a public key nor a certificate in the token", ErrKeyNotFound, k.label)
	}
	out := &Key{Ref: ref, raw: verifying{k}, Chain: chain, Location: fmt.Sprintf("PKCS#11 token %q, key %q", k.token.name, k.label)}
	if o.Tokens == nil {
		out.closer = tokens.Close
	}
	return out, nil
}

func signingKeyEqual(a, b crypto.PublicKey) bool {
	pub, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(b)
}

// do runs f with a session; if the connection turns out to be lost, once more with a new one. f must be repeatable:
// looking up is, and so is signing, for a signature that didn't come out does not exist.
func (k *tokenKey) do(ctx context.Context, f func(session) error) error {
	var err error
	for range 2 {
		var s session
		if s, err = k.token.take(ctx, k.ref, k.pin, k.asked); err != nil {
			if lost(err) {
				k.token.disconnect(s.epoch)
				continue
			}
			if errors.Is(err, ErrNoToken) && k.token.revive() {
				continue
			}
			return err
		}
		err = f(s)
		k.token.give(s, lost(err))
		if !lost(err) {
			return err
		}
		k.token.disconnect(s.epoch)
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("token %q: %w", k.token.name, err)
}

// locate finds the private key in this connection, and the first time its public key.
func (k *tokenKey) locate(s session) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.epoch == s.epoch && k.handle != 0 {
		return nil
	}
	objects, err := k.find(s, pkcs11.CKO_PRIVATE_KEY, k.ref.Object, k.ref.ID)
	if err != nil {
		return err
	}
	if len(objects) == 0 {
		return fmt.Errorf("%w in token %q: object %q, id %x", ErrKeyNotFound, k.token.name, k.ref.Object, k.ref.ID)
	}
	if len(objects) > 1 {
		return fmt.Errorf("%d keys of token %q fit; name one by object= and id=", len(objects), k.token.name)
	}
	attrs, err := k.ctx().GetAttributeValue(s.handle, objects[0], []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil), pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
	if err != nil {
		return fmt.Errorf("couldn't read key: %w", err)
	}
	k.id, k.label = attrs[0].Value, string(attrs[1].Value)
	if k.pub == nil {
		if err := k.readPublic(s); err != nil {
			return err
		}
	}
	k.handle, k.epoch = objects[0], s.epoch
	return nil
}

func (k *tokenKey) ctx() *pkcs11.Ctx { return k.token.module.ctx }

// find lists the objects of a class with a label and an id, as far as they are given.
func (k *tokenKey) find(s session, class uint, label string, id []byte) (_ []pkcs11.ObjectHandle, err error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if label != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	if len(id) > 0 {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	if err := k.ctx().FindObjectsInit(s.handle, template); err != nil {
		return nil, fmt.Errorf("couldn't search token: %w", err)
	}
	defer func() {
		if ferr := k.ctx().FindObjectsFinal(s.handle); err == nil && ferr != nil {
			err = fmt.Errorf("couldn't search token: %w", ferr)
		}
	}()
	var out []pkcs11.ObjectHandle
	for len(out) < maxObjects {
		part, _, err := k.ctx().FindObjects(s.handle, 32)
		if err != nil {
			return nil, fmt.Errorf("couldn't search token: %w", err)
		}
		if len(part) == 0 {
			break
		}
		out = append(out, part...)
	}
	return out, nil
}

// readPublic reads the public key from the object beside the private one, else from its certificate.
func (k *tokenKey) readPublic(s session) error {
	label, id := k.label, k.id
	if len(id) > 0 {
		label = "" // the identifier is what ties them together; labels may differ
	}
	objects, err := k.find(s, pkcs11.CKO_PUBLIC_KEY, label, id)
	if err != nil {
		return err
	}
	if len(objects) > 0 {
		k.pub, err = k.exportPublic(s, objects[0])
		return err
	}
	if objects, err = k.find(s, pkcs11.CKO_CERTIFICATE, label, id); err != nil {
		return err
	}
	for _, o := range objects {
		if c, err := k.readCertificate(s, o); err == nil {
			k.pub = c.PublicKey
			return nil
		}
	}
	return nil
}

func (k *tokenKey) exportPublic(s session, o pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	get := func(types ...uint) ([]*pkcs11.Attribute, error) {
		var template []*pkcs11.Attribute
		for _, t := range types {
			template = append(template, pkcs11.NewAttribute(t, nil))
		}
		attrs, err := k.ctx().GetAttributeValue(s.handle, o, template)
		if err != nil {
			return nil, fmt.Errorf("couldn't read public key: %w", err)
		}
		return attrs, nil
	}
	if attrs, err := get(pkcs11.CKA_MODULUS, pkcs11.CKA_PUBLIC_EXPONENT); err == nil {
		e := new(big.Int).SetBytes(attrs[1].Value)
		if !e.IsInt64() || e.Int64() > 1<<31-1 || len(attrs[0].Value) == 0 {
			return nil, errors.New("couldn't read public key: RSA exponent is out of range")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(attrs[0].Value), E: int(e.Int64())}, nil
	} else if lost(err) {
		return nil, err
	}
	attrs, err := get(pkcs11.CKA_EC_PARAMS, pkcs11.CKA_EC_POINT)
	if err != nil {
		return nil, err
	}
	var oid asn1.ObjectIdentifier
	var point []byte
	if _, err := asn1.Unmarshal(attrs[0].Value, &oid); err != nil {
		return nil, fmt.Errorf("couldn't read curve: %w", err)
	}
	if _, err := asn1.Unmarshal(attrs[1].Value, &point); err != nil {
		point = attrs[1].Value // some tokens leave out the wrapping
	}
	for _, c := range curves {
		if c.oid.Equal(oid) {
			return ecdsa.ParseUncompressedPublicKey(c.curve, point)
		}
	}
	return nil, fmt.Errorf("couldn't use key: curve %v isn't supported", oid)
}

var curves = []struct {
	oid   asn1.ObjectIdentifier
	curve elliptic.Curve
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}, elliptic.P256()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 34}, elliptic.P384()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 35}, elliptic.P521()},
}

// certificates reads all certificates of the token: the key's own and those that may be its issuers.
func (k *tokenKey) certificates(s session) ([]*x509.Certificate, error) {
	objects, err := k.find(s, pkcs11.CKO_CERTIFICATE, "", nil)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, o := range objects {
		c, err := k.readCertificate(s, o)
		if lost(err) {
			return nil, err
		}
		if err == nil { // else of another kind, or damaged: it is not needed
			out = append(out, c)
		}
	}
	return out, nil
}

func (k *tokenKey) readCertificate(s session, o pkcs11.ObjectHandle) (*x509.Certificate, error) {
	attrs, err := k.ctx().GetAttributeValue(s.handle, o, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	if err != nil {
		return nil, fmt.Errorf("couldn't read certificate: %w", err)
	}
	c, err := x509.ParseCertificate(attrs[0].Value)
	if err != nil {
		return nil, fmt.Errorf("couldn't parse certificate of token: %w", err)
	}
	return c, nil
}

func (k *tokenKey) Public() crypto.PublicKey { return k.pub }

func (k *tokenKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), rand, digest, opts)
}

// SignContext waits for a session until ctx ends; a call into the module cannot be broken off. The randomness is the token's own.
func (k *tokenKey) SignContext(ctx context.Context, _ io.Reader, digest []byte, opts crypto.SignerOpts) (sig []byte, err error) {
	mech, data, err := mechanism(k.pub, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign with token: %w", err)
	}
	err = k.do(ctx, func(s session) error {
		if err := k.locate(s); err != nil {
			return err
		}
		k.mu.Lock()
		handle := k.handle
		k.mu.Unlock()
		if err := k.ctx().SignInit(s.handle, []*pkcs11.Mechanism{mech}, handle); err != nil {
			return fmt.Errorf("couldn't begin to sign: %w", err)
		}
		var err error
		if sig, err = k.ctx().Sign(s.handle, data); err != nil {
			return fmt.Errorf("couldn't sign: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't sign with token: %w", err)
	}
	if pub, ok := k.pub.(*ecdsa.PublicKey); ok {
		sig = ecdsaDER(pub, sig)
	}
	return sig, nil
}

// digestInfo are the prefixes of RFC 8017 §9.2, note 1.
var digestInfo = map[crypto.Hash][]byte{
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	crypto.SHA384: {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
	crypto.SHA512: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

var pssHashes = map[crypto.Hash][2]uint{
	crypto.SHA256: {pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256},
	crypto.SHA384: {pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384},
	crypto.SHA512: {pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512},
}

// mechanism says how the token is to sign, and what.
func mechanism(pub crypto.PublicKey, digest []byte, opts crypto.SignerOpts) (*pkcs11.Mechanism, []byte, error) {
	h := opts.HashFunc()
	switch pub.(type) {
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			m, ok := pssHashes[h]
			if !ok {
				return nil, nil, fmt.Errorf("digest %v isn't accepted", h)
			}
			params := pkcs11.NewPSSParams(m[0], m[1], uint(saltLength(&rsa.PSSOptions{SaltLength: pss.SaltLength, Hash: h})))
			return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, params), digest, nil
		}
		prefix, ok := digestInfo[h]
		if !ok {
			return nil, nil, fmt.Errorf("digest %v isn't accepted", h)
		}
		return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil), append(append([]byte{}, prefix...), digest...), nil
	case *ecdsa.PublicKey:
		return pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), digest, nil
	case ed25519.PublicKey:
		return nil, nil, errors.New("Ed25519 in a token isn't supported")
	}
	return nil, nil, fmt.Errorf("key of type %T", pub)
}

// GenerateInToken makes a key pair inside the token: it cannot be read out. ref names the token and, as object, the label.
// The answer names the new key by its identifier too.
func GenerateInToken(ctx context.Context, ref Ref, t KeyType, o Options) (Ref, error) {
	out, err := generateInToken(ctx, ref, t, o)
	if err != nil {
		return Ref{}, fmt.Errorf("couldn't make key in %s: %w", ref, err)
	}
	return out, nil
}

func generateInToken(ctx context.Context, ref Ref, t KeyType, o Options) (Ref, error) {
	k, done, err := tokenFor(ref, o)
	if err != nil {
		return Ref{}, err
	}
	defer done()
	id := make([]byte, 16)
	if _, err := io.ReadFull(rand.Reader, id); err != nil {
		return Ref{}, fmt.Errorf("couldn't make identifier: %w", err)
	}
	mech, special, err := generation(t)
	if err != nil {
		return Ref{}, err
	}
	label := ref.Token().Object
	if label == "" {
		return Ref{}, errors.New("the reference has no object=: a new key needs a name")
	}
	common := func(class uint) []*pkcs11.Attribute {
		return []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, id)}
	}
	public := append(append(common(pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true)), special...)
	private := append(common(pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false))
	err = k.once(ctx, func(s session) error {
		same, err := k.find(s, pkcs11.CKO_PRIVATE_KEY, label, nil)
		if err != nil {
			return err
		}
		if len(same) > 0 {
			return fmt.Errorf("the token has a key named %q already", label)
		}
		if _, _, err := k.ctx().GenerateKeyPair(s.handle, []*pkcs11.Mechanism{mech}, public, private); err != nil {
			return fmt.Errorf("couldn't generate key pair: %w", err)
		}
		return nil
	})
	return ref.WithObject(label, id), err
}

func generation(t KeyType) (*pkcs11.Mechanism, []*pkcs11.Attribute, error) {
	if bits := t.bits(); bits > 0 {
		return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil), []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, bits), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})}, nil
	}
	for _, c := range curves {
		if t.curve() == c.curve {
			params, err := asn1.Marshal(c.oid)
			if err != nil {
				return nil, nil, fmt.Errorf("couldn't encode curve: %w", err)
			}
			return pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil), []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params)}, nil
		}
	}
	return nil, nil, fmt.Errorf("keys of type %q are not made in tokens", t)
}

// tokenFor logs in to the token of ref without looking for a key.
func tokenFor(ref Ref, o Options) (k *tokenKey, done func(), err error) {
	if ref.Kind() != PKCS11 {
		return nil, nil, errors.New("it names no token")
	}
	done = func() {}
	if o.Tokens == nil {
		o.Tokens = NewTokens()
		done = func() { _ = o.Tokens.Close() }
	}
	k = &tokenKey{ref: ref.Token(), asked: ref.PINSource() == "" && o.Prompt != nil}
	k.pin = func() (string, error) { return o.secret(ref, "PIN of token "+ref.String()) }
	if k.token, err = o.Tokens.open(k.ref, k.pin, k.asked); err != nil {
		done()
		return nil, nil, err
	}
	return k, done, nil
}

// once is do for what must not be repeated.
func (k *tokenKey) once(ctx context.Context, f func(session) error) error {
	s, err := k.token.take(ctx, k.ref, k.pin, k.asked)
	if err != nil {
		return err
	}
	err = f(s)
	k.token.give(s, lost(err))
	if lost(err) {
		k.token.disconnect(s.epoch)
	}
	return err
}

// ImportToToken puts the certificate of a key, and those behind it, into its token, so that the reference alone names all of
// them. The first certificate must be that of the key; what the token has already is left alone.
func ImportToToken(ctx context.Context, ref Ref, chain []*x509.Certificate, o Options) error {
	if err := importToToken(ctx, ref, chain, o); err != nil {
		return fmt.Errorf("couldn't put certificate into %s: %w", ref, err)
	}
	return nil
}

func importToToken(ctx context.Context, ref Ref, chain []*x509.Certificate, o Options) error {
	k, done, err := tokenFor(ref, o)
	if err != nil {
		return err
	}
	defer done()
	return k.once(ctx, func(s session) error {
		if err := k.locate(s); err != nil {
			return err
		}
		if len(chain) == 0 || k.pub == nil || !signingKeyEqual(k.pub, chain[0].PublicKey) {
			return ErrKeyMismatch
		}
		present, err := k.certificates(s)
		if err != nil {
			return err
		}
		for i, c := range chain {
			if slices.ContainsFunc(present, c.Equal) {
				continue
			}
			if err := k.addCertificate(s, c, i == 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *tokenKey) addCertificate(s session, c *x509.Certificate, own bool) error {
	serial, err := asn1.Marshal(c.SerialNumber)
	if err != nil {
		return fmt.Errorf("couldn't encode serial number: %w", err)
	}
	label, id := c.Subject.CommonName, c.SubjectKeyId
	if own {
		label, id = k.label, k.id
	}
	_, err = k.ctx().CreateObject(s.handle, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE), pkcs11.NewAttribute(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id), pkcs11.NewAttribute(pkcs11.CKA_SUBJECT, c.RawSubject), pkcs11.NewAttribute(pkcs11.CKA_ISSUER, c.RawIssuer),
		pkcs11.NewAttribute(pkcs11.CKA_SERIAL_NUMBER, serial), pkcs11.NewAttribute(pkcs11.CKA_VALUE, c.Raw),
	})
	if err != nil {
		return fmt.Errorf("couldn't store certificate of %q: %w", c.Subject, err)
	}
	return nil
}
