package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
)

// acceptance is what is known about how a stored package was judged.
type acceptance struct {
	at       time.Time // earliest proved time: the peer's sealed receive time, else the node's own
	evidence gateway.Evidence
	trust    *signing.Trust // the authorities that the stored chains led to, and no others
}

// acceptanceOf reads the stored evidence of an event that carries a package.
func acceptanceOf(e events.Event, evidence func(events.Digest) ([]byte, error)) (*acceptance, error) {
	if e.Statement.Evidence == nil {
		return nil, errors.New("couldn't judge package: the event names no evidence")
	}
	b, err := evidence(*e.Statement.Evidence)
	if err != nil {
		return nil, fmt.Errorf("couldn't read evidence: %w", err)
	}
	ev, err := gateway.DecodeEvidence(b)
	if err != nil {
		return nil, err
	}
	a := &acceptance{at: e.Statement.Time, evidence: ev}
	if ev.Peer != nil {
		r, err := ledger.ParseReceipt([]byte(ev.Peer.Receipt))
		if err != nil {
			return nil, fmt.Errorf("couldn't read the peer's receipt: %w", err)
		}
		a.at = r.Statement.Time
	}
	var authorities []*x509.Certificate
	for _, chain := range ev.Chains {
		for _, der := range chain[min(1, len(chain)):] {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, fmt.Errorf("couldn't read stored chain: %w", err)
			}
			authorities = append(authorities, c)
		}
	}
	if a.trust, err = signing.NewTrust(authorities, true); err != nil {
		return nil, fmt.Errorf("couldn't use stored chains: %w", err)
	}
	return a, nil
}

// verify judges the package again as of its acceptance.
func (a *acceptance) verify(ctx context.Context, src signing.Source) (*signing.Report, error) {
	return signing.Verify(ctx, src, signing.VerifyOptions{Trust: a.trust, At: a.at})
}

// fits compares a new judgement with the stored one: every signature valid, by the same certificates.
func (a *acceptance) fits(r *signing.Report) error {
	if refusal, detail := r.Refusal(); refusal != signing.Accepted {
		return fmt.Errorf("signature no longer holds: %s %s", refusal, detail)
	}
	if len(r.Signatures) != len(a.evidence.Chains) {
		return fmt.Errorf("the package has %d signatures, the evidence %d", len(r.Signatures), len(a.evidence.Chains))
	}
	for i, s := range r.Signatures {
		chain := a.evidence.Chains[i]
		if len(chain) == 0 || string(s.Certificate.Raw) != string(chain[0]) {
			return fmt.Errorf("signature %d was made by another certificate than the evidence says", i+1)
		}
	}
	return nil
}
