package gateway

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/verdict"
)

// Judgement is how the signatures of a package were judged when it was accepted: what the record keeps beside it.
type Judgement struct {
	Position uint64    // of the event that accepted it
	At       time.Time // as of when it was judged
	Kind     string
	Evidence Evidence
	Chains   [][]*x509.Certificate // of each signature in document order
	Digest   events.Digest         // of the stored evidence
}

// PackageJudgement reads it. CodeNotFound unless the caller may read the package.
func (n *Node) PackageJudgement(ctx context.Context, c Caller, sha256 events.Digest) (Judgement, error) {
	if err := n.mayRead(ctx, c, sha256); err != nil {
		return Judgement{}, err
	}
	return n.Judgement(ctx, sha256)
}

// Judgement is PackageJudgement without rights: for the node's own parts, never for a route.
func (n *Node) Judgement(ctx context.Context, sha256 events.Digest) (Judgement, error) {
	positions, err := n.c.Store.FindPackage(ctx, sha256)
	if err != nil {
		return Judgement{}, fmt.Errorf("couldn't look for package: %w", err)
	}
	for _, p := range positions {
		e, err := n.c.Store.Event(ctx, p)
		if err != nil {
			return Judgement{}, fmt.Errorf("couldn't read event %d: %w", p, err)
		}
		if e.Statement.Evidence != nil {
			return n.judgement(ctx, e)
		}
	}
	return Judgement{}, Refuse(CodeNotFound)
}

func (n *Node) judgement(ctx context.Context, e events.Event) (Judgement, error) {
	j := Judgement{Position: e.Position, At: JudgedAt(e), Kind: kindOf(e.Statement.Name), Digest: *e.Statement.Evidence}
	b, err := n.c.Store.Evidence(ctx, j.Digest)
	if err != nil {
		return j, fmt.Errorf("couldn't read evidence %s: %w", j.Digest, err)
	}
	if j.Evidence, err = DecodeEvidence(b); err != nil {
		return j, err
	}
	for _, ders := range j.Evidence.Chains {
		chain, err := parseChain(ders)
		if err != nil {
			return j, err
		}
		j.Chains = append(j.Chains, chain)
	}
	return j, nil
}

// JudgedAt is the time as of which an accepted package was judged: the peer's sealed receive time, else when it came in.
func JudgedAt(e events.Event) time.Time {
	var d struct {
		Judged time.Time `json:"judged"`
	}
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil || d.Judged.IsZero() {
		return e.Statement.Time
	}
	return d.Judged
}

// PackageAnswer is a CRL or OCSP response that the evidence of the package refers to. CodeNotFound for every other digest, and
// unless the caller may read the package.
func (n *Node) PackageAnswer(ctx context.Context, c Caller, sha256, answer events.Digest) ([]byte, error) {
	j, err := n.PackageJudgement(ctx, c, sha256)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(j.Evidence.Answers(), answer) {
		return nil, Refuse(CodeNotFound)
	}
	b, err := n.c.Store.Evidence(ctx, answer)
	if err != nil {
		return nil, fmt.Errorf("couldn't read answer %s: %w", answer, err)
	}
	return b, nil
}

// PackageVerdict judges the signatures of a stored package as of its acceptance, by the words of EN 319 102-1, with the
// authorities of today's trust list and the answers that were kept then. Of certificates about which none was kept, those of
// time-stamps above all, it is asked now, for a short time. CodeNotFound unless the caller may read it.
func (n *Node) PackageVerdict(ctx context.Context, c Caller, sha256 events.Digest) (*verdict.Verdict, error) {
	if err := n.mayRead(ctx, c, sha256); err != nil {
		return nil, err
	}
	return n.Verdict(ctx, sha256)
}

// Verdict is PackageVerdict without rights: for the node's own parts, never for a route.
func (n *Node) Verdict(ctx context.Context, sha256 events.Digest) (*verdict.Verdict, error) {
	j, err := n.Judgement(ctx, sha256)
	if err != nil {
		return nil, err
	}
	var raws [][]byte
	for _, d := range j.Evidence.Answers() {
		raw, err := n.c.Store.Evidence(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("couldn't read answer %s: %w", d, err)
		}
		raws = append(raws, raw)
	}
	p, err := n.c.Store.OpenPackage(ctx, sha256)
	if errors.Is(err, events.ErrNotFound) {
		return nil, Refuse(CodeDestroyed).Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open package: %w", err)
	}
	defer p.Close()
	release, err := n.slot(ctx, p.Size() > n.l.SpoolThreshold)
	if err != nil {
		return nil, err
	}
	defer release()
	rules := n.Snapshot().Policy.Policy.Signature
	asking, cancel := context.WithTimeout(ctx, n.l.RevocationWait)
	defer cancel()
	v, err := verdict.Judge(ctx, p, verdict.Options{
		Trust: n.Snapshot().Trust, At: j.At, Kind: j.Kind,
		Revocation:    revocation.Otherwise(revocation.NewOffline(raws...), revocation.Within(asking, n.c.Revocation)),
		Proofs:        []verdict.Proof{{Time: j.At, By: "receipt of " + n.c.Origin}},
		MaxSignatures: rules.MaxSignatures, MaxReferences: rules.MaxReferences,
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't judge stored package: %w", err)
	}
	return v, nil
}

// TrustList is the list of authorities with what the directory says of each.
type TrustList struct {
	Recorded    bool   // the record has a list; else these are the configured authorities
	AsOf        uint64 // log position of the directory read
	Authorities []ListedAuthority
}

// ListedAuthority is one entry.
type ListedAuthority struct {
	signing.Authority
	Name       string
	Distrusted bool // taken off; Until says from when
	Trusted    bool // at the time asked for, its own validity included
}

// TrustList reads the trust list as of a time. It is nobody's secret: everybody may check whom a node believes.
func (n *Node) TrustList(at time.Time) (TrustList, error) {
	s := n.Snapshot()
	out := TrustList{Recorded: s.Directory.HasTrustList(), AsOf: s.Basis.Directory}
	if !out.Recorded {
		for _, a := range n.c.Trust.Authorities() {
			out.Authorities = append(out.Authorities, listAuthority(a, "", false, at))
		}
		return out, nil
	}
	for _, a := range s.Directory.AllAuthorities() {
		entry, err := recordedAuthority(a)
		if err != nil {
			return out, fmt.Errorf("couldn't list authority %s: %w", a.Authority, err)
		}
		out.Authorities = append(out.Authorities, listAuthority(entry, a.Name, a.Distrusted, at))
	}
	return out, nil
}

func listAuthority(a signing.Authority, name string, distrusted bool, at time.Time) ListedAuthority {
	c := a.Certificate
	trusted := !at.Before(a.From) && (a.Until.IsZero() || at.Before(a.Until)) && !at.Before(c.NotBefore) && !at.After(c.NotAfter)
	return ListedAuthority{Authority: a, Name: name, Distrusted: distrusted, Trusted: trusted}
}
