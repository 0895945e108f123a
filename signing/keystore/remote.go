package keystore

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// Errors of remote signing.
var (
	// ErrRefused: the holder, or the service, declined to sign. Do not ask again unasked.
	ErrRefused = errors.New("the holder refused to sign")
	// ErrExpired: nobody agreed in time. It can be asked again.
	ErrExpired = errors.New("nobody agreed in time")
	// ErrService: the service failed or cannot be reached; it may work later.
	ErrService = errors.New("signing service failed")
	// ErrUnauthorized: the service does not accept our credentials.
	ErrUnauthorized = errors.New("signing service refused our credentials")
)

// State is how far a remote signature has come.
type State string

// A request is pending until the holder has agreed; the other states are final.
const (
	Pending State = "pending"
	Signed  State = "signed"
	Refused State = "refused"
	Expired State = "expired"
)

// Credential is a key that a signing service holds for somebody.
type Credential struct {
	ID          string
	Description string
	Enabled     bool
	Chain       []*x509.Certificate // the certificate first
	// Algorithms are the OIDs of signature or key algorithms that the service names.
	Algorithms []string
	// Approval tells that the holder has to agree to each request, on the phone for instance.
	Approval bool
	// Batch is how many digests one request may hold, at least 1.
	Batch int
}

// Algorithm is how a digest is to be signed.
type Algorithm struct {
	Hash crypto.Hash // of the digests: SHA-256, SHA-384 or SHA-512
	PSS  bool        // RSA keys: RSASSA-PSS with a salt as long as the digest
}

// SignRequest asks for signatures over digests, all by one credential and agreed to at once.
type SignRequest struct {
	Credential Credential
	Algorithm  Algorithm
	Digests    [][]byte
	// Description is what the holder is shown before agreeing; not every service shows it.
	Description string
}

// Operation is a request that a service has taken.
type Operation struct {
	ID    string // for Poll; may be empty once State is final
	State State
	// Signatures in the order of the digests, once State is Signed. As the service gave them: not verified, and ECDSA either
	// in DER or as r and s of fixed length.
	Signatures [][]byte
	// Reason explains Refused or Expired, as the service says it.
	Reason string
	// Next is how long the service asks to wait before the next Poll; zero: as the caller likes.
	Next time.Duration
}

// Remote is a signing service: VNPT SmartCA, Viettel MySign, MISA eSign and their like, or anything that speaks the API
// of the Cloud Signature Consortium (CSC). Implementations are safe for concurrent use; every method gives up when ctx ends.
//
// Request must not be repeated after an error of which it is unknown whether the service has seen it: the holder's phone would
// ring twice, or a second signature be made. Credentials, Credential and Poll may be repeated.
type Remote interface {
	Credentials(ctx context.Context) ([]Credential, error)
	Credential(ctx context.Context, id string) (Credential, error)
	Request(ctx context.Context, r SignRequest) (Operation, error)
	Poll(ctx context.Context, id string) (Operation, error)
}

// Waiting is how a pending signature is waited for.
type Waiting struct {
	// Every is the time between polls unless the service names one; default 2 s.
	Every time.Duration
	// Longest is how long the holder may take; default 3 min. After it Sign fails with ErrExpired.
	Longest time.Duration
	// After is time.After unless a test has its own.
	After func(time.Duration) <-chan time.Time
}

func (w Waiting) withDefaults() Waiting {
	if w.Every <= 0 {
		w.Every = 2 * time.Second
	}
	if w.Longest <= 0 {
		w.Longest = 3 * time.Minute
	}
	if w.After == nil {
		w.After = time.After
	}
	return w
}

func openRemote(ctx context.Context, ref Ref, o Options) (*Key, error) {
	name, id := ref.Remote()
	var service Remote
	if o.Remotes != nil {
		service, _ = o.Remotes(name)
	}
	if service == nil {
		return nil, fmt.Errorf("no signing service %q is configured", name)
	}
	cred, err := findCredential(ctx, service, id)
	if err != nil {
		return nil, err
	}
	if len(cred.Chain) == 0 {
		return nil, fmt.Errorf("%w: credential %q has no certificate", ErrKeyNotFound, cred.ID)
	}
	if !cred.Enabled {
		return nil, fmt.Errorf("%w: credential %q is disabled", ErrKeyNotFound, cred.ID)
	}
	s := &remoteSigner{service: service, cred: cred, wait: o.Wait.withDefaults()}
	return &Key{Ref: ref, raw: verifying{s}, Chain: cred.Chain, Location: "service " + name + ", credential " + cred.ID}, nil
}

func findCredential(ctx context.Context, service Remote, id string) (Credential, error) {
	if id != "" {
		return service.Credential(ctx, id)
	}
	all, err := service.Credentials(ctx)
	if err != nil {
		return Credential{}, err
	}
	if len(all) != 1 {
		var ids []string
		for _, c := range all {
			ids = append(ids, c.ID)
		}
		return Credential{}, fmt.Errorf("%w: the service has %d credentials, name one of them: %s", ErrKeyNotFound, len(all), strings.Join(ids, ", "))
	}
	if len(all[0].Chain) > 0 {
		return all[0], nil
	}
	return service.Credential(ctx, all[0].ID)
}

type remoteSigner struct {
	service Remote
	cred    Credential
	wait    Waiting
}

func (s *remoteSigner) Public() crypto.PublicKey { return s.cred.Chain[0].PublicKey }

func (s *remoteSigner) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.SignContext(context.Background(), rand, digest, opts)
}

// SignContext asks for one signature and waits until the holder has agreed. The randomness is the service's own.
func (s *remoteSigner) SignContext(ctx context.Context, _ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	_, pss := opts.(*rsa.PSSOptions)
	sigs, err := SignRemote(ctx, s.service, SignRequest{
		Credential: s.cred, Algorithm: Algorithm{Hash: opts.HashFunc(), PSS: pss}, Digests: [][]byte{digest},
	}, s.wait)
	if err != nil {
		return nil, err
	}
	return sigs[0], nil
}

// SignRemote makes a request and waits for its end. Each signature has been verified with the credential's certificate, and
// ECDSA is in DER. When ctx ends the waiting ends with its cause; the holder may still agree, to no effect.
func SignRemote(ctx context.Context, service Remote, r SignRequest, w Waiting) ([][]byte, error) {
	w = w.withDefaults()
	op, err := service.Request(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask for signature: %w", err)
	}
	var waited time.Duration
	for op.State == Pending {
		pause := w.Every
		if op.Next > 0 {
			pause = min(op.Next, w.Longest)
		}
		if waited >= w.Longest {
			return nil, fmt.Errorf("couldn't get signature: %w: waited %v", ErrExpired, w.Longest)
		}
		select {
		case <-w.After(pause):
			waited += pause
		case <-ctx.Done():
			return nil, fmt.Errorf("couldn't wait for signature: %w", context.Cause(ctx))
		}
		id := op.ID
		if op, err = service.Poll(ctx, id); err != nil {
			return nil, fmt.Errorf("couldn't ask after signature: %w", err)
		}
		if op.ID == "" {
			op.ID = id
		}
	}
	switch op.State {
	case Signed:
		return checkRemote(r, op.Signatures)
	case Refused:
		return nil, fmt.Errorf("couldn't get signature: %w: %.200q", ErrRefused, op.Reason)
	case Expired:
		return nil, fmt.Errorf("couldn't get signature: %w: %.200q", ErrExpired, op.Reason)
	}
	return nil, fmt.Errorf("couldn't get signature: %w: state %.40q", ErrService, op.State)
}

// checkRemote verifies what a service signed, and gives ECDSA signatures the form of crypto.Signer.
func checkRemote(r SignRequest, sigs [][]byte) ([][]byte, error) {
	if len(sigs) != len(r.Digests) {
		return nil, fmt.Errorf("%w: %d signatures for %d digests", ErrSignatureMismatch, len(sigs), len(r.Digests))
	}
	if len(r.Credential.Chain) == 0 {
		return nil, fmt.Errorf("%w: the credential has no certificate", ErrKeyNotFound)
	}
	pub := r.Credential.Chain[0].PublicKey
	var opts crypto.SignerOpts = r.Algorithm.Hash
	if r.Algorithm.PSS {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: r.Algorithm.Hash}
	}
	out := make([][]byte, len(sigs))
	for i, sig := range sigs {
		if key, ok := pub.(*ecdsa.PublicKey); ok {
			sig = ecdsaDER(key, sig)
		}
		if err := VerifyDigest(pub, r.Digests[i], sig, opts); err != nil {
			return nil, err
		}
		out[i] = sig
	}
	return out, nil
}

// ecdsaDER gives an ECDSA signature in DER, as crypto.Signer does, whichever form it comes in.
func ecdsaDER(pub *ecdsa.PublicKey, sig []byte) []byte {
	size := (pub.Curve.Params().BitSize + 7) / 8
	if len(sig) != 2*size {
		return sig
	}
	if r := new(struct{ R, S *big.Int }); isDER(sig, r) {
		return sig // DER that happens to be as long
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])})
	if err != nil {
		return sig // does not happen with integers; verification would refuse it
	}
	return der
}

func isDER(sig []byte, into any) bool {
	rest, err := asn1.Unmarshal(sig, into)
	return err == nil && len(rest) == 0
}
