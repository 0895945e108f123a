package router_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/gateway/router/exchange"
	"github.com/tram-exchange/tram/gateway/router/peer"
	"github.com/tram-exchange/tram/projections"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// A network is full nodes in one process: signed XML through the real door, real stores, real TLS on loopback with
// certificates on both sides, the real exchange of directories. Only time is held in hand.
type network struct {
	t   testing.TB
	dir string
	ca  *trialca.Authority

	mu   sync.Mutex
	now  time.Time
	cut  bool // nobody reaches anybody
	drop int  // so many answers are lost after the other side has sent them

	nodes map[string]*full
	keys  map[string]crypto.Signer // agencies' signing keys
	certs map[string]*x509.Certificate
}

// testLog shows what a node says only when the test fails.
type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// full is one node.
type full struct {
	w        *network
	name     string
	space    string // identifier space
	log      ed25519.PrivateKey
	key      crypto.Signer
	cert     *x509.Certificate
	admin    crypto.Signer
	adminOf  *x509.Certificate
	url      string // fixed, though the node comes and goes
	listener net.Listener

	store    *sqlitestore.Store
	views    *projections.Views
	node     *gateway.Node
	router   *router.Router
	exchange *exchange.Exchange
	client   *peer.Client
	server   *httptest.Server
	stop     func()
	changes  int
}

var spaces = map[string]string{"province": "H02", "vpcp": "G22", "ministry": "G12"}

func newNetwork(t testing.TB, names ...string) *network {
	w := &network{
		t: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), nodes: map[string]*full{},
		keys: map[string]crypto.Signer{}, certs: map[string]*x509.Certificate{},
	}
	var err error
	w.ca, err = trialca.New("Thử nghiệm", rand.Reader, w.clock)
	w.must(err)
	for _, name := range names {
		n := &full{w: w, name: name, space: spaces[name]}
		_, n.log, err = ed25519.GenerateKey(rand.Reader)
		w.must(err)
		n.key, n.cert, err = w.ca.Issue(trialca.Leaf{Name: name + ".example", Use: trialca.Node, Hosts: []string{name + ".example", "127.0.0.1"}})
		w.must(err)
		n.admin, n.adminOf, err = w.ca.Issue(trialca.Leaf{Name: "Quản trị " + name, Use: trialca.Sign})
		w.must(err)
		n.listener, err = net.Listen("tcp", "127.0.0.1:0")
		w.must(err)
		n.url = "https://" + n.listener.Addr().String()
		w.nodes[name] = n
	}
	for _, name := range names {
		n := w.nodes[name]
		n.open()
		n.genesis()
	}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.close()
		}
	})
	return w
}

func (w *network) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *network) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Microsecond)
	return w.now
}

func (w *network) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (n *full) origin() string { return n.name + ".example/log" }

func (n *full) certificate() (*tls.Certificate, error) {
	return &tls.Certificate{Certificate: [][]byte{n.cert.Raw, n.w.ca.Certificate.Raw}, PrivateKey: n.key, Leaf: n.cert}, nil
}

// open starts the node, or starts it again.
func (n *full) open() {
	w := n.w
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	n.store, err = sqlitestore.Open(ctx, filepath.Join(w.dir, n.name), sqlitestore.Options{
		Origin: n.origin(), LogKey: n.log, NodeKey: n.key, NodeChain: []*x509.Certificate{n.cert}, Now: w.clock, MinFree: -1,
	})
	w.must(err)
	n.views, err = projections.Open(ctx, filepath.Join(w.dir, n.name, "views.db"), n.store, projections.Options{Now: w.clock})
	w.must(err)
	trust, err := signing.NewTrust([]*x509.Certificate{w.ca.Certificate}, true)
	w.must(err)
	p := policy.Default()
	p.Trial, p.Revocation, p.Delivery.GiveUpDays = true, "none", 10
	n.node, err = gateway.New(gateway.Config{
		Origin: n.origin(), Store: n.store, Views: n.views, Chain: []*x509.Certificate{n.cert, w.ca.Certificate}, Trust: trust, Policy: p,
		Pinned: []events.Digest{sha256.Sum256(n.adminOf.Raw)}, SpoolDir: filepath.Join(w.dir, n.name+".spool"), Now: w.clock,
		Free: func(string) (uint64, error) { return 1 << 40, nil },
	})
	w.must(err)
	w.must(n.node.Start(ctx))
	n.client, err = peer.NewClient(peer.ClientOptions{Certificate: n.certificate, Now: w.clock, Dial: w.dial})
	w.must(err)
	n.router, err = router.New(router.Options{
		Log: n.store, Node: n.node, Transport: n.client, Now: w.clock, Jitter: func() float64 { return 0 },
		Keeper: router.FileKeeper(filepath.Join(w.dir, n.name, "router.json")),
	})
	w.must(err)
	n.exchange, err = exchange.New(exchange.Options{
		Log: n.store, Node: n.node, Source: n.client, Key: n.key, Chain: []*x509.Certificate{n.cert, w.ca.Certificate}, Now: w.clock,
		Logger: slog.New(slog.NewTextHandler(testLog{w.t}, nil)),
	})
	w.must(err)
	handler, err := peer.NewHandler(peer.HandlerOptions{Door: n.node, Directory: n.exchange, Heard: n.router.Heard})
	w.must(err)
	n.server = httptest.NewUnstartedServer(handler)
	if n.listener == nil {
		n.listener, err = net.Listen("tcp", strings.TrimPrefix(n.url, "https://"))
		w.must(err)
	}
	n.server.Listener.Close()
	n.server.Listener = n.listener
	cert, _ := n.certificate()
	n.server.TLS = &tls.Config{Certificates: []tls.Certificate{*cert}, ClientAuth: tls.RequireAnyClientCert}
	n.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	n.server.StartTLS()
	n.listener = nil
	var run sync.WaitGroup
	run.Go(func() { _ = n.views.Run(ctx) })
	n.stop = func() { cancel(); run.Wait() }
}

func (n *full) close() {
	if n.store == nil {
		return
	}
	n.server.CloseClientConnections()
	n.server.Close()
	n.client.Close()
	n.stop()
	n.judgedAgain()
	n.w.must(errors.Join(n.views.Close(), n.store.Close()))
	n.store = nil
}

// judgedAgain judges the node's whole record again.
func (n *full) judgedAgain() {
	n.w.t.Helper()
	ctx := context.Background()
	r, err := rerun.New(ctx, rerun.Options{Origin: n.origin(), Record: n.store, Pinned: []events.Digest{sha256.Sum256(n.adminOf.Raw)}})
	n.w.must(err)
	if err := n.store.All(ctx, 0, func(e events.Event) error { return r.One(ctx, e, rerun.Source{}) }); err != nil {
		n.w.t.Errorf("%s judged again: %v", n.name, err)
		return
	}
	report, err := r.Finish(ctx)
	n.w.must(err)
	n.w.t.Logf("%s: %+v", n.name, report)
}

// dial is the network between the nodes, as bad as the test wants it.
func (w *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	cut := w.cut
	w.mu.Unlock()
	if cut {
		return nil, errors.New("cable cut")
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &badConn{Conn: c, w: w}, nil
}

// badConn loses answers: what the other side has sent in answer to a request never arrives.
type badConn struct {
	net.Conn
	w       *network
	written int
}

func (c *badConn) Write(b []byte) (int, error) {
	c.written += len(b)
	return c.Conn.Write(b)
}

func (c *badConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.w.mu.Lock()
	lose := c.w.drop > 0 && c.written > 8<<10 // past the handshake and into a package
	if lose {
		c.w.drop--
	}
	c.w.mu.Unlock()
	if lose {
		c.Conn.Close()
		return 0, errors.New("answer lost")
	}
	return n, err
}

// genesis makes the other nodes known, and the node's own agencies.
func (n *full) genesis() {
	var ops []schemas.Operation
	for _, o := range n.w.sorted() {
		if o == n {
			continue
		}
		verifier, err := ledger.LogKey(o.origin(), o.log.Public().(ed25519.PublicKey))
		n.w.must(err)
		ops = append(ops,
			schemas.AddPeer{Peer: schemas.Peer{
				Origin: o.origin(), Name: o.name, URLs: []string{o.url}, CertificateSHA256s: [][32]byte{sha256.Sum256(o.cert.Raw)},
				Verifiers: []string{verifier}, Prefixes: []string{o.space},
			}},
			schemas.EnrolCertificate{
				Holder:   schemas.Holder{Kind: schemas.HolderPeer, ID: o.origin()},
				Purposes: []schemas.Purpose{schemas.PurposePeer}, DER: o.cert.Raw,
			},
		)
	}
	ops = append(ops, schemas.AddOrganisation{Code: n.space, Name: "Cơ quan " + n.space, Level: 1})
	ops = append(ops, n.agency(n.space)...)
	for _, code := range []string{n.space + ".05", n.space + ".18"} {
		ops = append(ops, schemas.AddOrganisation{Code: code, Name: "Cơ quan " + code, Level: 2, Parent: n.space})
		ops = append(ops, n.agency(code)...)
	}
	n.change(ops...)
}

func (w *network) sorted() []*full {
	var out []*full
	for _, name := range []string{"province", "vpcp", "ministry"} {
		if n := w.nodes[name]; n != nil {
			out = append(out, n)
		}
	}
	return out
}

// agency gives an organisation a signing key.
func (n *full) agency(code string) []schemas.Operation {
	key, cert, err := n.w.ca.Issue(trialca.Leaf{Name: "Cơ quan " + code, OrgCode: code, Use: trialca.Sign})
	n.w.must(err)
	n.w.keys[code], n.w.certs[code] = key, cert
	holder := schemas.Holder{Kind: schemas.HolderOrganisation, ID: code}
	token := sha256.Sum256([]byte("token of " + code))
	return []schemas.Operation{
		schemas.EnrolCertificate{Holder: holder, Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: cert.Raw},
		schemas.RegisterClient{ID: code, Holder: holder, TokenSHA256: &token},
	}
}

// change hands in a directory change signed by the administrator.
func (n *full) change(ops ...schemas.Operation) {
	n.w.t.Helper()
	n.changes++
	b, _, err := schemas.MarshalDirectoryChange(schemas.Header{
		ID: fmt.Sprintf("%s-%d", n.name, n.changes), From: "node:" + n.origin(), IssuedAt: n.w.clock(),
	}, schemas.DirectoryChange{Operations: ops})
	n.w.must(err)
	b, err = signing.Sign(b, n.admin, []*x509.Certificate{n.adminOf}, signing.SignOptions{})
	n.w.must(err)
	_, err = n.node.Accept(context.Background(), gateway.Caller{Client: "node", Kind: gateway.KindAdministrator}, bytes.NewReader(b), int64(len(b)))
	n.w.must(err)
}

// learn lets every node read the others' directories.
func (w *network) learn() {
	w.t.Helper()
	for _, n := range w.sorted() {
		if _, err := n.exchange.Step(context.Background()); err != nil {
			w.t.Fatalf("%s: %v", n.name, err)
		}
	}
}

// at finds the node that serves an agency.
func (w *network) at(code string) *full {
	for _, n := range w.nodes {
		if strings.HasPrefix(code, n.space) {
			return n
		}
	}
	w.t.Fatalf("nobody serves %s", code)
	return nil
}

func (w *network) organisation(code string) schemas.Organisation {
	return schemas.Organisation{ID: code, Name: "Cơ quan " + code}
}

// letter is a signed document. Its DocumentId is its number.
func (w *network) letter(from, number string, to []string, edit func(*schemas.Document)) (b []byte, id string) {
	w.t.Helper()
	d := &schemas.Document{
		From: w.organisation(from), DocumentID: from + ",2026/11/20," + number + "/VB", Code: schemas.DocumentCode{Number: number, Notation: "VB"},
		Promulgation: schemas.Promulgation{Place: "Bắc Giang", Date: schemas.Date{Year: 2026, Month: 11, Day: 20}},
		Type:         schemas.DocumentType{Type: "2", Detail: "18", Name: "Công văn"}, Subject: "Về việc số " + number,
		Signer: schemas.Signer{FullName: "Nguyễn Văn A", Position: "Chủ tịch"},
	}
	for _, code := range to {
		d.To = append(d.To, w.organisation(code))
	}
	if edit != nil {
		edit(d)
	}
	b, _, err := schemas.MarshalDocument(d, []schemas.File{schemas.FileBytes("cv.txt", "text/plain", bytes.Repeat([]byte("nội dung "), 2000))},
		schemas.WriteOptions{Time: w.clock()})
	w.must(err)
	return w.sign(b, from), d.DocumentID
}

// report is a signed status message.
func (w *network) report(from, about, id, code string) []byte {
	w.t.Helper()
	b, _, err := schemas.MarshalStatus(&schemas.Status{
		From: w.organisation(from), ResponseFor: schemas.ResponseFor{OrganID: about, Code: "1/VB", DocumentID: id,
			PromulgationDate: schemas.Date{Year: 2026, Month: 11, Day: 20}},
		Staff: schemas.Staff{Name: "Trần Thị B"}, Code: schemas.StatusCode(code), Timestamp: w.clock().Truncate(time.Second),
	})
	w.must(err)
	return w.sign(b, from)
}

func (w *network) sign(b []byte, from string) []byte {
	w.t.Helper()
	b, err := signing.Sign(b, w.keys[from], []*x509.Certificate{w.certs[from]}, signing.SignOptions{})
	w.must(err)
	return b
}

// hand hands a package in for an agency at its own node.
func (w *network) hand(from string, b []byte) (gateway.Accepted, error) {
	n := w.at(from)
	return n.node.Accept(context.Background(), gateway.Caller{Client: "token:" + from, Kind: gateway.KindAgency, Orgs: []string{from}},
		bytes.NewReader(b), int64(len(b)))
}

func (w *network) mustHand(from string, b []byte) gateway.Accepted {
	w.t.Helper()
	acc, err := w.hand(from, b)
	if err != nil {
		var r *gateway.Refusal
		errors.As(err, &r)
		w.t.Fatalf("couldn't hand in: %v %v", err, r.Details)
	}
	return acc
}

// settle lets every node that is up work until nothing is left to do.
func (w *network) settle() {
	w.t.Helper()
	for range 30 {
		rest := true
		for _, n := range w.sorted() {
			if n.store == nil {
				continue
			}
			p, err := n.router.Step(context.Background())
			w.must(err)
			w.must(router.Check(context.Background(), n.store, n.store.Head().Size))
			rest = rest && p.Answered == 0 && p.Followed == 0 && p.Next.IsZero()
		}
		if rest {
			return
		}
		w.advance(10 * time.Minute)
	}
	w.t.Fatal("nodes do not come to rest")
}

func (n *full) entry(sender, id, item, org string) delivery.State {
	n.w.t.Helper()
	var s delivery.State
	n.w.must(n.store.Stream(context.Background(), delivery.Stream(document.Stream(sender, id), item, org), 0, func(e events.Event) (err error) {
		s, err = delivery.Fold(s, e)
		return err
	}))
	return s
}

func (n *full) want(sender, id, item, org string, phase delivery.Phase, wantMarks ...string) {
	n.w.t.Helper()
	if s := n.entry(sender, id, item, org); s.Phase != phase || !slices.Equal(marks(s), wantMarks) {
		n.w.t.Fatalf("%s: %s %s for %s is %q with marks %v (reason %q), expected %q with %v", n.name, item, id, org, s.Phase, marks(s), s.Reason, phase, wantMarks)
	}
}

func (n *full) bytes(sha events.Digest) []byte {
	n.w.t.Helper()
	r, err := n.store.OpenPackage(context.Background(), sha)
	n.w.must(err)
	defer r.Close()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	n.w.must(err)
	return b
}
