package gateway

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/internal/bilingual"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// AcceptedBefore is a recorded acceptance that is to be judged again, with everything that the record keeps of it.
type AcceptedBefore struct {
	Event    events.Event // first of its append
	Snapshot *Snapshot    // of the event's basis; Trust is nil if the record had no trust list then
	Origin   string
	Pinned   []events.Digest // nil: not known
	Evidence []byte          // as stored; its digest is the statement's
	Known    *Known          // the same, read
	Package  signing.Source  // its digest is the statement's
}

// Rejudged is an acceptance judged again up to its decision, which depends on the history.
type Rejudged struct {
	Kind     string
	Unproved []bilingual.Text // what had to be assumed
	At       time.Time

	h *handIn
	p *plan
}

// ErrRejudged is wrapped by errors that say what in a recorded acceptance does not hold.
var ErrRejudged = errors.New("not as recorded")

func wrong(rule, format string, args ...any) error {
	return &RejudgeError{Rule: rule, Err: fmt.Errorf(format, args...)}
}

// RejudgeError says what in a recorded decision does not hold. Rule is one word for it.
type RejudgeError struct {
	Rule string
	Err  error
}

func (e *RejudgeError) Error() string { return e.Rule + ": " + e.Err.Error() }

// Unwrap gives the cause and ErrRejudged.
func (e *RejudgeError) Unwrap() []error { return []error{e.Err, ErrRejudged} }

// Rejudge parses and verifies the package of a recorded acceptance as of then, by the functions that accepted it. An error that wraps
// ErrRejudged is about the record; every other one means that it could not be judged.
func Rejudge(ctx context.Context, in AcceptedBefore) (*Rejudged, error) {
	s := &in.Event.Statement
	stored, chains := in.Known.e, in.Known.chains
	r := &Rejudged{At: JudgedAt(in.Event)}
	h := &handIn{
		terms: &terms{origin: in.Origin, pinned: in.Pinned, maxPackage: s.Package.Length, trial: in.Snapshot.Policy.Policy.Trial},
		snap:  in.Snapshot, at: r.At, read: s.Time,
		body: &body{src: in.Package, digest: s.Package.SHA256, size: in.Package.Size()},
	}
	r.h = h
	if s.Client == ClientNode && s.Cause != nil {
		if s.Cause.Origin != in.Origin || s.Cause.Position >= in.Event.Position {
			return nil, wrong("cause", "event %d of %s is none before it", s.Cause.Position, s.Cause.Origin)
		}
		h.follows = s.Cause
	}
	if h.body.size != s.Package.Length {
		return nil, wrong("package", "it has %d bytes, the statement says %d", h.body.size, s.Package.Length)
	}
	if err := r.assume(in, chains); err != nil {
		return nil, err
	}
	if err := r.caller(s); err != nil {
		return nil, err
	}
	if err := r.handed(stored, s); err != nil {
		return nil, err
	}
	var err error
	if r.p, err = h.judge(ctx); err != nil {
		return nil, r.verdict(ctx, "package", err)
	}
	r.Kind = string(h.kind)
	return r, r.evidence(ctx, in)
}

// verdict makes a refusal of the rules an error about the record.
func (r *Rejudged) verdict(ctx context.Context, rule string, err error) error {
	var refusal *Refusal
	if ctx.Err() != nil || !errors.As(err, &refusal) {
		return err
	}
	if refusal.Code >= 3000 && refusal.Code < 4000 {
		rule = "signature"
	}
	return wrong(rule, "refused with %d %s: %w", refusal.Code, strings.Join(refusal.Details, "; "), err)
}

// assume fills in what the record does not say: whom the configuration let begin, and whom it believed before there was a list.
func (r *Rejudged) assume(in AcceptedBefore, chains [][]*x509.Certificate) error {
	h := r.h
	if in.Pinned == nil && h.snap.Directory.Version() < 0 && len(chains) > 0 && len(chains[0]) > 0 {
		r.Unproved = append(r.Unproved, bilingual.Say("rằng quản trị viên mở danh bạ đã được ghi trong cấu hình",
			"that the administrator who began the directory was pinned in the configuration"))
		for _, c := range chains {
			if len(c) > 0 {
				h.terms.pinned = append(h.terms.pinned, events.Sum(c[0].Raw))
			}
		}
	}
	if h.snap.Trust != nil {
		return nil
	}
	t, err := in.Known.Trust()
	if err != nil {
		return wrong("evidence", "couldn't use stored chains: %w", err)
	}
	snap := *h.snap
	snap.Trust = t
	h.snap, h.terms.before, h.terms.assumed = &snap, t, true
	r.Unproved = append(r.Unproved, bilingual.Say("rằng cấu hình đã tin các tổ chức chứng thực, khi sổ chưa có danh sách tin cậy",
		"that the configuration believed the authorities, before the record had a trust list"))
	return nil
}

// caller finds who handed the package in.
func (r *Rejudged) caller(s *events.Statement) error {
	c, unproved, ok := RecordedCaller(r.h.snap.Directory, s.Client, s.Actor, r.h.read)
	if !ok {
		return wrong("caller", "the directory of the basis does not know %s", s.Client)
	}
	if !unproved.IsZero() {
		r.Unproved = append(r.Unproved, unproved)
	}
	r.h.caller = c
	return nil
}

// handed opens the hand-over of a peer, if the record says that there was one, and judges when it was judged.
func (r *Rejudged) handed(stored *Evidence, s *events.Statement) error {
	h := r.h
	if stored.Peer == nil {
		if early, late := s.Time.Add(-MaxDeciding-MaxAppend), s.Time.Add(maxPeerAhead); h.at.Before(early) || h.at.After(late) {
			return wrong("time", "judged as of %s, recorded at %s", h.at.Format(time.RFC3339Nano), s.Time.Format(time.RFC3339Nano))
		}
		return nil
	}
	if h.caller.Kind != KindPeer {
		return wrong("caller", "%s is no peer", s.Client)
	}
	err := h.openHandover(&Handover{Receipt: []byte(stored.Peer.Receipt), Evidence: stored.Peer.Evidence, Handed: stored.Peer.Handed}, s.Time)
	if err != nil {
		return wrong("receipt", "%w", err)
	}
	return nil
}

// evidence judges revocation by the stored answers, and says whether the evidence is what the rules give.
func (r *Rejudged) evidence(ctx context.Context, in AcceptedBefore) error {
	stored, chains := in.Known.e, in.Known.chains
	h, p := r.h, &r.h.snap.Policy.Policy
	if stored.Policy != signing.PolicyVersion {
		r.Unproved = append(r.Unproved, bilingual.Say("rằng quy tắc chữ ký %s cho cùng kết quả với quy tắc %s của chương trình này",
			"that the signature rules %s gave the same as those of this program, %s", stored.Policy, signing.PolicyVersion))
	}
	if err := r.sameChains(chains); err != nil {
		return err
	}
	asked := p.Revocation != policy.RevocationNone && p.Revocation != ""
	if asked != (len(stored.Revocation) > 0) && len(chains) > 0 || asked && stored.MaxAge != p.RevocationMaxAge {
		return wrong("revocation", "policy %q with age %d, the evidence is about %d chains with age %d",
			p.Revocation, p.RevocationMaxAge, len(stored.Revocation), stored.MaxAge)
	}
	if err := r.revocation(ctx, in.Known); err != nil {
		return err
	}
	want, err := encodeEvidence(h.chains, stored.Revocation, stored.MaxAge, h.peer)
	if err != nil {
		return err
	}
	if stored.Policy == signing.PolicyVersion && !bytes.Equal(want, in.Evidence) {
		return wrong("evidence", "stored %.200q, the rules give %.200q", in.Evidence, want)
	}
	return nil
}

// sameChains compares the chains found with those stored. Where authorities are cross-signed there may be several good ones: then it is
// enough that the stored one is one of them.
func (r *Rejudged) sameChains(stored [][]*x509.Certificate) error {
	h := r.h
	if len(h.chains) != len(stored) {
		return wrong("evidence", "%d chains are stored, the package has %d signatures", len(stored), len(h.chains))
	}
	for i, chain := range h.chains {
		if slices.EqualFunc(chain, stored[i], (*x509.Certificate).Equal) {
			continue
		}
		if len(stored[i]) == 0 || !stored[i][0].Equal(chain[0]) {
			return wrong("evidence", "signature %d was made by another certificate than the evidence says", i+1)
		}
		var among []signing.Authority
		for _, a := range h.snap.Trust.Authorities() {
			if slices.ContainsFunc(stored[i], a.Certificate.Equal) {
				among = append(among, a)
			}
		}
		t, err := signing.NewTrustList(among, true)
		if err != nil {
			return wrong("evidence", "%w", err)
		}
		found, err := chainFor(t, chain[0], stored[i], h.at, h.purposes[i])
		if err != nil || !slices.EqualFunc(found, stored[i], (*x509.Certificate).Equal) {
			return wrong("evidence", "the stored chain of signature %d does not lead to an authority that was believed then", i+1)
		}
		h.chains[i] = found
	}
	return nil
}

// revocation judges the chains again by the stored answers alone, and by the policy's rule.
func (r *Rejudged) revocation(ctx context.Context, known *Known) error {
	stored, h := known.e, r.h
	if len(stored.Revocation) == 0 {
		return nil
	}
	if len(stored.Revocation) != len(h.chains) {
		return wrong("revocation", "evidence about %d chains, there are %d", len(stored.Revocation), len(h.chains))
	}
	f := revocation.Freshness{MaxAge: time.Duration(stored.MaxAge) * time.Second}
	mode := h.snap.Policy.Policy.Revocation
	if h.urgent {
		mode = policy.RevocationIfAvailable
	}
	for i, chain := range h.chains {
		st := newStanding(events.Digest{}, chain, known.checker.Chain(ctx, chain, h.at, f), h.at, f, time.Hour)
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(st.evidence) != len(stored.Revocation[i]) {
			return wrong("revocation", "evidence about %d certificates of chain %d, there are %d", len(stored.Revocation[i]), i+1, len(st.evidence))
		}
		for j := range st.evidence {
			got, want := &st.evidence[j], &stored.Revocation[i][j]
			if got.Status != want.Status || got.Kind != want.Kind || got.Named != want.Named {
				return wrong("revocation", "certificate %d of chain %d is %s by the stored answers, the evidence says %s", j+1, i+1, got.Status, want.Status)
			}
		}
		if err := allows(mode, st); err != nil {
			return r.verdict(ctx, "revocation", err)
		}
	}
	return nil
}

// Decided is what the rules give for a recorded acceptance.
type Decided struct {
	Stream string
	Actor  string
	Cause  *events.Address
	// HeaderID is the stream of the header id that had to be bound just before; "" if none had.
	HeaderID string
	Events   []events.New // none: it was known before, and should not have been recorded
}

// Decide decides by the state of the stream and by what others said then. Errors are as for Rejudge.
func (r *Rejudged) Decide(ctx context.Context, streams Streams, own Own) (Decided, error) {
	news, _, err := r.p.news(ctx, streams, own)
	if err != nil {
		return Decided{}, r.verdict(ctx, "decision", err)
	}
	out := Decided{Stream: r.p.stream, Actor: r.p.actor, Cause: r.h.cause(), Events: news}
	if i := r.p.header; i != nil && len(news) > 0 {
		stream, c, err := i.find(ctx, streams)
		if err != nil {
			return Decided{}, err
		}
		s, err := streams.HeaderID(ctx, stream)
		if err != nil {
			return Decided{}, err
		}
		if !s.Done || s.Bound.Issuer != c.Issuer || s.Bound.Content != c.Content {
			return Decided{}, wrong("header id", "%s of %s was not bound to it before", i.id, c.Issuer)
		}
		out.HeaderID = stream
	}
	return out, nil
}

// Find says on which stream it is decided.
func (r *Rejudged) Find(ctx context.Context, streams Streams) (string, error) {
	if err := r.p.find(ctx, streams); err != nil {
		return "", r.verdict(ctx, "decision", err)
	}
	return r.p.stream, nil
}

// RecordedCaller is the caller whom an event of a time names, as the directory knew it when it called: an organisation that has been closed
// since midnight had called before. unproved says what of that the directory does not know; ok is false for a stranger.
func RecordedCaller(d directory.State, client, actor string, at time.Time) (c Caller, unproved bilingual.Text, ok bool) {
	if c, unproved, ok = recordedCaller(d, client, actor, at); !ok {
		c, unproved, ok = recordedCaller(d, client, actor, at.Add(-MaxDeciding))
	}
	return c, unproved, ok
}

func recordedCaller(d directory.State, client, actor string, at time.Time) (c Caller, unproved bilingual.Text, ok bool) {
	kind, name, _ := strings.Cut(client, ":")
	switch {
	case client == ClientNode:
		return Caller{Client: client, Kind: KindNode}, bilingual.Text{}, true
	case strings.HasPrefix(name, "local:") && (kind == "token" || kind == "cert"):
		return Caller{Client: client, Kind: KindOperator}, bilingual.Say("rằng cấu hình đã nêu những bên gọi mà danh bạ không biết",
			"that the configuration named the callers whom the directory does not know"), true
	case kind == "portal":
		return Caller{Client: client, Kind: KindAgency, Orgs: d.Identities(actor, at)}, bilingual.Say("rằng người dùng đã đăng nhập tại cổng", "that people were signed in at the portal"), true
	case kind == "peer":
		p, known := d.Peer(name)
		if !known {
			return Caller{}, bilingual.Text{}, false
		}
		return peerCaller(p), bilingual.Text{}, true
	case kind == "token":
		t, known := d.Client(name)
		if !known || t.Token == nil {
			return Caller{}, bilingual.Text{}, false
		}
		c, ok = clientCaller(d, t, client, at)
		return c, bilingual.Text{}, ok
	case kind == "cert":
		sum, err := events.ParseDigest(name)
		if err != nil {
			return Caller{}, bilingual.Text{}, false
		}
		if t, known := d.ClientByTLS(sum); known {
			c, ok = clientCaller(d, t, client, at)
			return c, bilingual.Text{}, ok
		}
		if e, known := d.Certificate(sum); known {
			c, ok = holderCaller(d, e.Holder, client, at)
			c.tls = sum
			return c, bilingual.Text{}, ok && c.stands(d, at)
		}
	}
	return Caller{}, bilingual.Text{}, false
}
