package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/internal/keylock"
	"github.com/tram-exchange/tram/signing/revocation"
)

// Revocation is asked for every certificate between a signer and its anchor, as of the time a package is judged at. What was
// learnt is remembered by chain until the answers are due to be replaced, so that a signer's second package costs a map
// look-up; KeepFresh asks again before that. Nothing is asked inside a verifier's slot: an authority that is slow holds up its own
// signers, nobody else.

const (
	// askAgain is how long "nobody could say" is an answer. The first hand-in after that waits for another try.
	askAgain = 30 * time.Second
	// maxStandings bounds what is remembered. When it is full everything is forgotten.
	maxStandings = 16384
	// idle is for how long after its last package a signer's answers are kept fresh.
	idle = 36 * time.Hour
)

// RevocationEvidence is what was known of one certificate when a package was judged.
type RevocationEvidence struct {
	Status string         `json:"status"`           // good or unknown: others are refused
	Kind   string         `json:"kind,omitempty"`   // crl or ocsp
	Answer *events.Digest `json:"answer,omitempty"` // SHA-256 of the DER, kept by an event validation.answer-kept.v1
	Named  bool           `json:"named,omitempty"`  // unknown although the certificate names a place to ask
	// Responder is what was known of the certificate that signed the answer, where that had to be judged.
	Responder *RevocationEvidence `json:"responder,omitempty"`
}

// standing is what is known of one chain. It is never changed, but for used.
type standing struct {
	key      events.Digest
	chain    []*x509.Certificate
	worst    revocation.Status
	refuse   *revocation.CertificateStatus // the certificate that the status is about, unless good
	named    bool                          // an unknown one names a place to ask, or an answer was there but of no use
	evidence []RevocationEvidence
	answers  []*revocation.Answer
	sum      events.Digest // of the evidence

	asked, until time.Time // it counts from asked until
	ends         time.Time // a revocation to come; zero: none
	used         atomic.Int64
}

// covers says whether it can be gone by now for a package judged as of a time.
func (s *standing) covers(now, at time.Time) bool {
	return now.Before(s.until) && at.Before(s.until) && (s.ends.IsZero() || at.Before(s.ends))
}

type standings struct {
	mu    sync.RWMutex
	m     map[events.Digest]*standing
	keys  map[shortChain]events.Digest // of chains as the trust list hands them out: the same pointers for the same chain
	asked keylock.Locks                // one question about a chain at a time
	kept  recent                       // digests of answers that are certainly in the record
}

func (s *standings) get(key events.Digest) *standing {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[key]
}

func (s *standings) put(st *standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil || len(s.m) >= maxStandings {
		s.m = make(map[events.Digest]*standing)
	}
	if before := s.m[st.key]; before != nil {
		st.used.Store(before.used.Load())
	}
	s.m[st.key] = st
}

func (s *standings) all() []*standing {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*standing, 0, len(s.m))
	for _, st := range s.m {
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b *standing) int { return a.until.Compare(b.until) })
	return out
}

// shortChain is a chain of up to four certificates, by where they lie: it spares hashing them for each package.
type shortChain [4]*x509.Certificate

// key is the SHA-256 over the certificates.
func (s *standings) key(chain []*x509.Certificate) events.Digest {
	var short shortChain
	if copy(short[:], chain) < len(chain) {
		return chainKey(chain)
	}
	s.mu.RLock()
	key, ok := s.keys[short]
	s.mu.RUnlock()
	if ok {
		return key
	}
	key = chainKey(chain)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || len(s.keys) >= maxStandings {
		s.keys = make(map[shortChain]events.Digest)
	}
	s.keys[short] = key
	return key
}

func chainKey(chain []*x509.Certificate) events.Digest {
	h := sha256.New()
	for _, c := range chain {
		h.Write(c.Raw)
	}
	return events.Digest(h.Sum(nil))
}

func (n *Node) freshness(p *policy.Policy) revocation.Freshness {
	return revocation.Freshness{MaxAge: time.Duration(p.RevocationMaxAge) * time.Second}
}

// standing finds out about a chain. more are answers that came along, asked besides the node's own source.
func (n *Node) standing(ctx context.Context, chain []*x509.Certificate, at time.Time, p *policy.Policy, more revocation.Source) (*standing, error) {
	key := n.standings.key(chain)
	now := n.Now()
	if st := n.standings.get(key); st != nil && st.covers(now, at) && (st.worst == revocation.Good || more == nil) {
		st.used.Store(now.Unix())
		return st, nil
	}
	defer n.standings.asked.Lock(key.String())()
	if st := n.standings.get(key); st != nil && st.covers(n.Now(), at) && (st.worst == revocation.Good || more == nil) {
		return st, nil // somebody else has asked meanwhile
	}
	st, err := n.ask(ctx, key, chain, at, p, more)
	if err != nil {
		return nil, err
	}
	st.used.Store(now.Unix())
	return st, nil
}

// ask asks the sources, keeps the answers gone by in the record, and remembers the outcome.
func (n *Node) ask(ctx context.Context, key events.Digest, chain []*x509.Certificate, at time.Time, p *policy.Policy, more revocation.Source) (*standing, error) {
	source := n.c.Revocation
	if more != nil {
		source = revocation.Join(source, more)
	}
	limit, cancel := context.WithTimeout(ctx, n.l.RevocationWait)
	f := n.freshness(p)
	found := (&revocation.Checker{Source: source}).Chain(limit, chain, at, f)
	cancel()
	if err := ctx.Err(); err != nil {
		return nil, Refuse(CodeCutShort).Because(err)
	}
	st := newStanding(key, chain, found, n.Now(), f, n.c.RevocationRecheck)
	for _, a := range st.answers {
		if err := n.keep(ctx, a); err != nil {
			return nil, err
		}
	}
	n.metrics.revocation(st.worst.String())
	if st.worst == revocation.Good || st.worst == revocation.Unknown && more == nil {
		n.standings.put(st)
	}
	return st, nil
}

// newStanding sums a chain up.
func newStanding(key events.Digest, chain []*x509.Certificate, found revocation.ChainStatus, now time.Time, f revocation.Freshness, recheck time.Duration) *standing {
	st := &standing{key: key, chain: chain, worst: found.Status(), asked: now, until: now.Add(recheck)}
	sum := sha256.New()
	for i := range found.Certificates {
		c := &found.Certificates[i]
		if c.Status == st.worst && c.Status != revocation.Good && st.refuse == nil {
			st.refuse = c
		}
		if c.Status == revocation.Unknown && (c.Named || len(c.Passed) > 0) {
			st.named = true
		}
		e := st.describe(c, f)
		st.evidence = append(st.evidence, *e)
		fmt.Fprintf(sum, "%s %s %v %t\n", e.Status, e.Kind, e.Answer, e.Named)
		for r := e.Responder; r != nil; r = r.Responder {
			fmt.Fprintf(sum, "by %s %s %v\n", r.Status, r.Kind, r.Answer)
		}
	}
	if st.worst == revocation.Unknown {
		st.until = now.Add(askAgain)
	}
	st.sum = events.Digest(sum.Sum(nil))
	return st
}

// describe writes down what was found about one certificate, and for how long it will do.
func (st *standing) describe(c *revocation.CertificateStatus, f revocation.Freshness) *RevocationEvidence {
	e := &RevocationEvidence{Status: c.Status.String(), Named: c.Status == revocation.Unknown && c.Named}
	a := c.Answer
	if a == nil {
		return e
	}
	sum := events.Sum(a.Raw)
	e.Kind, e.Answer = string(a.Kind), &sum
	st.answers = append(st.answers, a)
	until := a.NextUpdate
	if aged := a.ThisUpdate.Add(f.MaxAge); f.MaxAge > 0 && (until.IsZero() || aged.Before(until)) {
		until = aged
	}
	if until.IsZero() {
		until = a.ThisUpdate
	}
	if until.Before(st.until) {
		st.until = until
	}
	if (a.Status == revocation.Revoked || a.Status == revocation.Suspended) && (st.ends.IsZero() || a.At.Before(st.ends)) {
		st.ends = a.At
	}
	if c.Responder != nil {
		e.Responder = st.describe(c.Responder, f)
	}
	return e
}

// keep records an answer once.
func (n *Node) keep(ctx context.Context, a *revocation.Answer) error {
	d := validation.Kept{Answer: events.Sum(a.Raw), Kind: string(a.Kind), Length: int64(len(a.Raw)), ThisUpdate: a.ThisUpdate, NextUpdate: a.NextUpdate}
	if _, ok := n.standings.kept.get(d.Answer); ok {
		return nil
	}
	_, _, err := n.Record(ctx, Step{Stream: validation.Stream(d.Answer), Evidence: a.Raw, Decide: func(history []events.Event) ([]events.New, error) {
		var s validation.State
		for _, e := range history {
			var err error
			if s, err = validation.Fold(s, e); err != nil {
				return nil, err
			}
		}
		return validation.Decide(s, d, a.Raw)
	}})
	if err != nil {
		return fmt.Errorf("couldn't keep what an authority said: %w", err)
	}
	n.standings.kept.put(d.Answer, nil)
	return nil
}

// revoked judges the signers of a verified package by the policy's rule and completes the plan's evidence.
func (h *handIn) revoked(ctx context.Context, pl *plan) error {
	p := &h.snap.Policy.Policy
	var found []*standing
	if p.Revocation != policy.RevocationNone && p.Revocation != "" {
		var more revocation.Source
		if h.peer != nil && len(h.peer.answers) > 0 {
			more = &handedAnswers{raws: h.peer.answers}
		}
		for _, chain := range h.chains {
			st, err := h.n.standing(ctx, chain, h.at, p, more)
			if err != nil {
				return err
			}
			mode := p.Revocation
			if h.urgent {
				mode = policy.RevocationIfAvailable
			}
			if err := allows(mode, st); err != nil {
				return err
			}
			if st.worst == revocation.Unknown && st.named {
				pl.notes = append(pl.notes, Warning{Code: "revocation-unknown", Detail: st.refuse.Certificate.Subject.CommonName})
			}
			found = append(found, st)
		}
	}
	var err error
	pl.evidence, err = h.n.evidence(h.chains, found, p, h.peer)
	return err
}

// allows is the policy's rule.
func allows(mode string, st *standing) error {
	if st.worst == revocation.Good {
		return nil
	}
	c := st.refuse
	detail := c.Certificate.Subject.CommonName
	switch st.worst {
	case revocation.Revoked:
		return Refuse(CodeRevoked).With(detail, revocation.ReasonName(c.Answer.Reason), c.Answer.At.UTC().Format(time.RFC3339))
	case revocation.Suspended:
		return Refuse(CodeSuspended).With(detail, c.Answer.At.UTC().Format(time.RFC3339))
	}
	if mode == policy.RevocationRequired || mode == policy.RevocationWhenNamed && st.named {
		return Refuse(CodeRevocationUnknown).With(detail).Because(fmt.Errorf("revocation of %s is not known: %s", c.Certificate.Subject, c.Why))
	}
	return nil
}

// RefreshRevocation asks again about every chain in use whose answers will soon be due, and about those of certificates
// enrolled since the last call, so that hand-ins find the answers there. An authority that cannot be reached is asked again the
// next time.
func (n *Node) RefreshRevocation(ctx context.Context) error {
	snap := n.Snapshot()
	p := &snap.Policy.Policy
	if n.c.Revocation == nil || p.Revocation == policy.RevocationNone || p.Revocation == "" {
		return nil
	}
	if err := n.warm(ctx, snap); err != nil {
		return err
	}
	now := n.Now()
	for _, st := range n.standings.all() {
		life := st.until.Sub(st.asked)
		if st.until.Sub(now) > life/4 && now.Before(st.until) || now.Sub(time.Unix(st.used.Load(), 0)) > idle {
			continue
		}
		unlock := n.standings.asked.Lock(st.key.String())
		_, err := n.ask(ctx, st.key, st.chain, now, p, nil)
		unlock()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// RevocationUnknown counts the chains in use of which nobody can say now whether they were revoked, though there is a place to
// ask, and names the subject of one.
func (n *Node) RevocationUnknown() (count int, subject string) {
	now := n.Now()
	for _, st := range n.standings.all() {
		if st.worst == revocation.Unknown && st.named && now.Sub(time.Unix(st.used.Load(), 0)) <= idle {
			count, subject = count+1, st.refuse.Certificate.Subject.CommonName
		}
	}
	return count, subject
}

// refreshEvery is the pace of KeepFresh.
const refreshEvery = time.Minute

// KeepFresh calls RefreshRevocation once a minute until ctx ends.
func (n *Node) KeepFresh(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		if err := n.RefreshRevocation(ctx); err != nil && ctx.Err() == nil {
			n.c.Log.Warn("couldn't refresh what is known of revocation", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
