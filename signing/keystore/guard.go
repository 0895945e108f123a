package keystore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"io"
)

// guarded is a signer bound to a purpose. It refuses at use what the purpose forbids: weak or missing digests and, for the log
// key, everything but a checkpoint.
type guarded struct {
	crypto.Signer
	purpose Purpose
}

func (g *guarded) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return g.SignContext(context.Background(), rand, digest, opts)
}

func (g *guarded) SignContext(ctx context.Context, rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := g.allowed(digest, opts); err != nil {
		return nil, err
	}
	return signContext(ctx, g.Signer, rand, digest, opts)
}

func (g *guarded) allowed(digest []byte, opts crypto.SignerOpts) error {
	if _, ok := g.Public().(ed25519.PublicKey); ok {
		if opts.HashFunc() != 0 || g.purpose == Log && !isCheckpoint(digest) {
			return fmt.Errorf("couldn't sign with log key: %w: it signs checkpoints only", ErrWrongPurpose)
		}
		if g.purpose == Witness && !isCosignature(digest) {
			return fmt.Errorf("couldn't sign with witness key: %w: it signs cosignatures only", ErrWrongPurpose)
		}
		return nil
	}
	switch h := opts.HashFunc(); h {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
		if len(digest) != h.Size() {
			return fmt.Errorf("couldn't sign: digest has %d bytes, %v has %d", len(digest), h, h.Size())
		}
		return nil
	default:
		return fmt.Errorf("couldn't sign: digest %v isn't accepted, want SHA-256, SHA-384 or SHA-512", h)
	}
}

// isCheckpoint tells the text of a checkpoint, three or more lines without blank ones (C2SP tlog-checkpoint), from anything
// else that somebody might want the log key to sign.
func isCheckpoint(msg []byte) bool {
	lines := bytes.Split(msg, []byte("\n"))
	if len(msg) > 4096 || len(lines) < 4 || len(lines[len(lines)-1]) != 0 {
		return false
	}
	for _, l := range lines[:len(lines)-1] {
		if len(l) == 0 {
			return false
		}
	}
	return len(bytes.Trim(lines[1], "0123456789")) == 0 && len(lines[2]) == 44
}

const cosignaturePrefix = "cosignature/v1\ntime "

// isCosignature tells the message of a cosignature: two lines, then a checkpoint (C2SP tlog-cosignature). Checkpoints of others may
// have extension lines.
func isCosignature(msg []byte) bool {
	rest, ok := bytes.CutPrefix(msg, []byte(cosignaturePrefix))
	at, checkpoint, found := bytes.Cut(rest, []byte("\n"))
	return ok && found && len(at) > 0 && len(bytes.Trim(at, "0123456789")) == 0 && isCheckpoint(checkpoint)
}

// verifying checks what a token or service signed before anybody uses it: faults in hardware and answers to another
// request must not leave the house under the agency's name.
type verifying struct{ ContextSigner }

func (v verifying) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return v.SignContext(context.Background(), rand, digest, opts)
}

func (v verifying) SignContext(ctx context.Context, rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := v.ContextSigner.SignContext(ctx, rand, digest, opts)
	if err != nil {
		return nil, err
	}
	if err := VerifyDigest(v.Public(), digest, sig, opts); err != nil {
		return nil, err
	}
	return sig, nil
}

// VerifyDigest checks a signature as crypto.Signer gives it: ECDSA in DER, RSA by opts PKCS#1 v1.5 or PSS. The error is
// ErrSignatureMismatch.
func VerifyDigest(pub crypto.PublicKey, digest, sig []byte, opts crypto.SignerOpts) error {
	ok := false
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if pss, is := opts.(*rsa.PSSOptions); is {
			ok = rsa.VerifyPSS(pub, opts.HashFunc(), digest, sig, &rsa.PSSOptions{SaltLength: verifySalt(pss), Hash: pss.Hash}) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(pub, opts.HashFunc(), digest, sig) == nil
		}
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(pub, digest, sig)
	case ed25519.PublicKey:
		ok = ed25519.Verify(pub, digest, sig)
	default:
		return fmt.Errorf("couldn't verify signature: key of type %T", pub)
	}
	if !ok {
		return ErrSignatureMismatch
	}
	return nil
}

func verifySalt(o *rsa.PSSOptions) int {
	if o.SaltLength == rsa.PSSSaltLengthAuto {
		return rsa.PSSSaltLengthAuto
	}
	return saltLength(o)
}

// saltLength is the length in bytes that a PSS signature is to have: that of the digest, unless one is given.
func saltLength(o *rsa.PSSOptions) int {
	if o.SaltLength > 0 {
		return o.SaltLength
	}
	return o.Hash.Size()
}
