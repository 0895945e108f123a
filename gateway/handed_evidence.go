package gateway

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/signing/revocation"
)

// handedFormat begins evidence on its way to another node, with the answers that it refers to.
const handedFormat = "tram-handed-evidence-1"

// maxHanded bounds the answers that travel with one package, in bytes: OCSP responses and short lists. Longer ones stay behind, or a
// list of a megabyte would travel with every package; the other node asks for itself, as it would have to anyway.
const maxHanded = 256 << 10

// maxHandedAnswers bounds their number, when they are taken in.
const maxHandedAnswers = 64

type handedEvidence struct {
	Format   string   `json:"format"`
	Evidence []byte   `json:"evidence"` // as stored
	Answers  [][]byte `json:"answers"`  // DER
}

// EvidenceReader reads stored evidence by its digest; events.Store is one.
type EvidenceReader interface {
	Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error)
}

// PackEvidence adds to stored evidence the CRLs and OCSP responses that it refers to, so that another node can judge as of
// then. Evidence that refers to none, or is not of a format known here, goes as it is.
func PackEvidence(ctx context.Context, r EvidenceReader, stored []byte) ([]byte, error) {
	e, err := DecodeEvidence(stored)
	if err != nil {
		return stored, nil // kept as it came from somewhere else
	}
	out := handedEvidence{Format: handedFormat, Evidence: stored}
	size := 0
	for _, d := range e.Answers() {
		raw, err := r.Evidence(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("couldn't read answer %s: %w", d, err)
		}
		if size+len(raw) > maxHanded {
			continue
		}
		size += len(raw)
		out.Answers = append(out.Answers, raw)
	}
	if len(out.Answers) == 0 {
		return stored, nil
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("couldn't pack evidence: %w", err)
	}
	return b, nil
}

// unpackHanded takes apart what PackEvidence put together; anything else is evidence without answers.
func unpackHanded(b []byte) (stored []byte, answers [][]byte) {
	var h handedEvidence
	if json.Unmarshal(b, &h) != nil || h.Format != handedFormat || len(h.Answers) > maxHandedAnswers {
		return b, nil
	}
	return h.Evidence, h.Answers
}

// handedAnswers are the answers of a peer as a source. They are read when they are first asked for, which they seldom are.
type handedAnswers struct {
	raws [][]byte
	once sync.Once
	read *revocation.Offline
}

// Find implements revocation.Source.
func (h *handedAnswers) Find(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]revocation.Answer, error) {
	h.once.Do(func() { h.read = revocation.NewOffline(h.raws...) })
	return h.read.Find(ctx, cert, issuer, at)
}
