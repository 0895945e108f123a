package evidence

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// addEvidence adds the stored evidence of an event as it was stored, and the answers of authorities that it refers to.
func (m *maker) addEvidence(ctx context.Context, sum events.Digest, row *StatementEntry) error {
	b, err := m.o.Record.Evidence(ctx, sum)
	if err != nil {
		return fmt.Errorf("couldn't read stored evidence: %w", err)
	}
	row.Evidence = evidenceDir + sum.String() + ".json"
	if err := m.add(ctx, row.Evidence, typeJSON, b); err != nil {
		return err
	}
	e, err := gateway.DecodeEvidence(b)
	if err != nil {
		return err
	}
	for _, chain := range e.Chains {
		if a, ok := readChain(chain); ok {
			m.asked = append(m.asked, a)
		}
	}
	for _, answer := range e.Answers() {
		raw, err := m.o.Record.Evidence(ctx, answer)
		if errors.Is(err, events.ErrNotFound) {
			return fmt.Errorf("couldn't find the answer %s that the evidence refers to: %w", answer, err)
		}
		if err != nil {
			return fmt.Errorf("couldn't read stored answer: %w", err)
		}
		name := revocationDir + answer.String() + ".der"
		row.Revocation = append(row.Revocation, name)
		if err := m.add(ctx, name, typeDER, raw); err != nil {
			return err
		}
	}
	return nil
}

// asked is a certificate about whose revocation somebody is asked.
type asked struct {
	certificate *x509.Certificate
	others      []*x509.Certificate
	purpose     signing.Purpose
}

func readChain(chain [][]byte) (a asked, ok bool) {
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		switch {
		case err != nil:
			return a, false
		case i == 0:
			a.certificate = c
		default:
			a.others = append(a.others, c)
		}
	}
	return a, a.certificate != nil
}

// answerTime bounds asking, over all certificates together. Who cannot be reached is missing in the container, no more.
const answerTime = 20 * time.Second

// addAnswers adds what is known now of the revocation of every certificate in the container.
func (m *maker) addAnswers(ctx context.Context) error {
	if m.o.Believe == nil {
		return nil
	}
	trust, source := m.o.Believe()
	if trust == nil || source == nil {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	k := revocation.Checker{Source: source}
	done := map[[32]byte]bool{}
	for _, a := range m.asked {
		fp := signing.Fingerprint(a.certificate)
		if done[fp] {
			continue
		}
		done[fp] = true
		res := trust.CheckFor(a.certificate, a.others, m.at, a.purpose)
		if len(res.Chain) == 0 {
			continue
		}
		st := k.Chain(asking, res.Chain, m.at, revocation.Freshness{Now: m.at, Skew: time.Minute})
		for _, raw := range st.Evidence() {
			if len(raw) > maxCRL {
				continue
			}
			if err := m.add(ctx, revocationDir+events.Sum(raw).String()+".der", typeDER, raw); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
