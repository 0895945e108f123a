package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
)

// acceptance is what is known about how a stored package was judged.
type acceptance struct {
	at       time.Time // as of when it was judged: the peer's sealed receive time, else when it came in
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
	at, err := judgedAt(e)
	if err != nil {
		return nil, err
	}
	trust, err := trustOf(&ev)
	if err != nil {
		return nil, err
	}
	return &acceptance{at: at, evidence: ev, trust: trust}, nil
}

// judgedAt is the time as of which the package of an event was judged.
func judgedAt(e events.Event) (time.Time, error) {
	var data struct {
		Judged time.Time `json:"judged"`
	}
	if err := json.Unmarshal(e.Statement.Data, &data); err != nil {
		return time.Time{}, fmt.Errorf("couldn't read event: %w", err)
	}
	if data.Judged.IsZero() {
		return e.Statement.Time, nil
	}
	return data.Judged, nil
}

// trustOf believes the authorities in stored chains, and no others.
func trustOf(ev *gateway.Evidence) (*signing.Trust, error) {
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
	trust, err := signing.NewTrust(authorities, true)
	if err != nil {
		return nil, fmt.Errorf("couldn't use stored chains: %w", err)
	}
	return trust, nil
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
