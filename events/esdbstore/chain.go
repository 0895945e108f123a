package esdbstore

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// chains are the certificates of those who signed heads, by digest: few, and needed for every receipt.
type chains struct {
	mu    sync.Mutex
	known map[events.Digest][]*x509.Certificate
}

func encodeChain(chain []*x509.Certificate) (b []byte) {
	for _, c := range chain {
		b = append(b, c.Raw...)
	}
	return b
}

// keepChain puts the chain of this node where all nodes find it, and gives its name; nil if it has none.
func (s *Store) keepChain(ctx context.Context) (*events.Digest, error) {
	if len(s.opts.NodeChain) == 0 {
		return nil, nil
	}
	b := encodeChain(s.opts.NodeChain)
	d := events.Sum(b)
	s.chains.mu.Lock()
	_, kept := s.chains.known[d]
	s.chains.mu.Unlock()
	if kept {
		return &d, nil
	}
	if err := s.opts.Objects.Put(ctx, Chains, d, bytes.NewReader(b), int64(len(b))); err != nil {
		return nil, err
	}
	s.chains.mu.Lock()
	s.chains.known[d] = s.opts.NodeChain
	s.chains.mu.Unlock()
	return &d, nil
}

// chainOf gives the chain that a head names: not nil, empty if it names none.
func (s *Store) chainOf(ctx context.Context, d *events.Digest) ([]*x509.Certificate, error) {
	if d == nil {
		return []*x509.Certificate{}, nil
	}
	s.chains.mu.Lock()
	chain, ok := s.chains.known[*d]
	s.chains.mu.Unlock()
	if ok {
		return chain, nil
	}
	b, err := readObject(ctx, s.opts.Objects, Chains, *d)
	if err == nil {
		chain, err = x509.ParseCertificates(b)
	}
	if err == nil && len(chain) == 0 {
		err = errors.New("no certificates")
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the certificates of who signed a head: %w", err)
	}
	s.chains.mu.Lock()
	s.chains.known[*d] = chain
	s.chains.mu.Unlock()
	return chain, nil
}

// checkSigner says whether a head's second line is by the first certificate of the chain that it comes with.
func (s *Store) checkSigner(h events.Head) error {
	if len(h.Chain) == 0 {
		return nil
	}
	v, err := ledger.CertificateKey(h.Chain[0]).Verifiers(h.Origin)
	if err == nil {
		_, _, err = ledger.OpenCheckpoint(h.Checkpoint, h.Origin, v...)
	}
	if err != nil {
		return fmt.Errorf("the head of size %d is not signed with the certificate %q that it names: %w", h.Size, h.Chain[0].Subject, err)
	}
	return nil
}
