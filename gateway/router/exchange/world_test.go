package exchange

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router/peer"
	"github.com/tram-exchange/tram/projections"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// A world is two nodes with real stores and doors. Only the way between them is a function call, which the test may break.
type world struct {
	t    *testing.T
	ca   *trialca.Authority
	now  time.Time
	a, b *side
}

type side struct {
	w             *world
	origin, space string
	dir           string
	log           ed25519.PrivateKey
	key, admin    crypto.Signer
	cert, adminOf *x509.Certificate
	changes       int

	store *sqlitestore.Store
	views *projections.Views
	node  *gateway.Node
	x     *Exchange
	asked []string // what this side asked the other for
	calls int      // so many questions are answered still; negative: all
}

var errCut = errors.New("cable cut")

// Change implements Source: the question goes to the other side.
func (s *side) Change(ctx context.Context, from peer.Target, after string) (string, []byte, error) {
	if s.calls == 0 {
		return "", nil, errCut
	}
	s.calls--
	s.asked = append(s.asked, after)
	for _, o := range []*side{s.w.a, s.w.b} {
		if o.origin == from.Origin {
			return o.x.Next(ctx, after)
		}
	}
	return "", nil, fmt.Errorf("nobody is %s", from.Origin)
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}
	var err error
	w.ca, err = trialca.New("Thử nghiệm", rand.Reader, w.clock)
	w.must(err)
	w.a, w.b = w.side("province.example/log", "H02"), w.side("vpcp.example/log", "G22")
	w.a.genesis(w.b)
	w.b.genesis(w.a)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		var r *gateway.Refusal
		if errors.As(err, &r) {
			w.t.Fatal(err, r.Details)
		}
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.now = w.now.Add(time.Microsecond)
	return w.now
}

func (w *world) side(origin, space string) *side {
	s := &side{w: w, origin: origin, space: space, dir: w.t.TempDir(), calls: -1}
	var err error
	_, s.log, err = ed25519.GenerateKey(rand.Reader)
	w.must(err)
	s.key, s.cert, err = w.ca.Issue(trialca.Leaf{Name: origin, Use: trialca.Node, Hosts: []string{"127.0.0.1"}})
	w.must(err)
	s.admin, s.adminOf, err = w.ca.Issue(trialca.Leaf{Name: "Quản trị " + space, Use: trialca.Sign})
	w.must(err)
	s.open()
	w.t.Cleanup(s.close)
	return s
}

func (s *side) open() {
	w, ctx := s.w, context.Background()
	clock := func() time.Time { return w.now } // the world's clock moves only with what the test does
	var err error
	s.store, err = sqlitestore.Open(ctx, filepath.Join(s.dir, "data"), sqlitestore.Options{
		Origin: s.origin, LogKey: s.log, NodeKey: s.key, NodeChain: []*x509.Certificate{s.cert}, Now: clock, MinFree: -1,
	})
	w.must(err)
	s.views, err = projections.Open(ctx, filepath.Join(s.dir, "views.db"), s.store, projections.Options{Now: clock})
	w.must(err)
	trust, err := signing.NewTrust([]*x509.Certificate{w.ca.Certificate}, true)
	w.must(err)
	p := policy.Default()
	p.Trial, p.Revocation = true, "none"
	chain := []*x509.Certificate{s.cert, w.ca.Certificate}
	s.node, err = gateway.New(gateway.Config{
		Origin: s.origin, Store: s.store, Views: s.views, Chain: chain, Trust: trust, Policy: p,
		Pinned: []events.Digest{sha256.Sum256(s.adminOf.Raw)}, SpoolDir: filepath.Join(s.dir, "spool"), Now: clock,
		Free: func(string) (uint64, error) { return 1 << 40, nil },
	})
	w.must(err)
	w.must(s.node.Start(ctx))
	s.x, err = New(Options{Log: s.store, Node: s.node, Source: s, Key: s.key, Chain: chain, Now: clock})
	w.must(err)
}

func (s *side) close() { s.w.must(errors.Join(s.views.Close(), s.store.Close())) }

// asPeer is what the other node's directory says of this one.
func (s *side) asPeer() schemas.Peer {
	verifier, err := ledger.LogKey(s.origin, s.log.Public().(ed25519.PublicKey))
	s.w.must(err)
	return schemas.Peer{
		Origin: s.origin, Name: s.space, URLs: []string{"https://127.0.0.1:1"}, CertificateSHA256s: [][32]byte{sha256.Sum256(s.cert.Raw)},
		Verifiers: []string{verifier}, Prefixes: []string{s.space},
	}
}

// genesis makes the other node known, and the first agency here.
func (s *side) genesis(o *side) {
	s.change(
		schemas.AddPeer{Peer: o.asPeer()},
		schemas.EnrolCertificate{
			Holder: schemas.Holder{Kind: schemas.HolderPeer, ID: o.origin}, Purposes: []schemas.Purpose{schemas.PurposePeer}, DER: o.cert.Raw,
		},
		schemas.AddOrganisation{Code: s.space, Name: "Cơ quan " + s.space, Level: 1},
	)
}

// change hands in a directory change of the administrator and gives the position of its acceptance.
func (s *side) change(ops ...schemas.Operation) uint64 {
	s.w.t.Helper()
	s.changes++
	b, _, err := schemas.MarshalDirectoryChange(schemas.Header{
		ID: fmt.Sprintf("%s-%d", s.space, s.changes), From: "node:" + s.origin, IssuedAt: s.w.clock(),
	}, schemas.DirectoryChange{Operations: ops})
	s.w.must(err)
	b, err = signing.Sign(b, s.admin, []*x509.Certificate{s.adminOf}, signing.SignOptions{})
	s.w.must(err)
	_, err = s.node.Accept(context.Background(), gateway.Caller{Client: "node", Kind: gateway.KindAdministrator}, bytes.NewReader(b), int64(len(b)))
	s.w.must(err)
	accepted := s.accepted()
	return accepted[len(accepted)-1]
}

// accepted are the positions of the changes that a side has recorded, its own and learned ones.
func (s *side) accepted() (out []uint64) {
	s.w.must(s.store.Stream(context.Background(), directory.Stream, 0, func(e events.Event) error {
		if e.Statement.Name == directory.NameChangeAccepted {
			out = append(out, e.Position)
		}
		return nil
	}))
	return out
}

func (s *side) state() directory.State { return s.node.Snapshot().Directory }

func (s *side) certificate(code string, purposes ...schemas.Purpose) schemas.EnrolCertificate {
	s.w.t.Helper()
	_, cert, err := s.w.ca.Issue(trialca.Leaf{Name: "Cơ quan " + code, OrgCode: code, Use: trialca.Sign})
	s.w.must(err)
	return schemas.EnrolCertificate{Holder: holder(code), Purposes: purposes, DER: cert.Raw}
}

func holder(code string) schemas.Holder {
	return schemas.Holder{Kind: schemas.HolderOrganisation, ID: code}
}

// next asks a side for what it publishes, and reads it.
func (s *side) next(after string) (string, []schemas.Operation) {
	s.w.t.Helper()
	id, b, err := s.x.Next(context.Background(), after)
	s.w.must(err)
	if b == nil {
		return id, nil
	}
	c, err := parse(context.Background(), b)
	s.w.must(err)
	return id, c.Operations
}
