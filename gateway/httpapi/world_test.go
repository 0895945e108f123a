package httpapi_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/gateway/router/peer"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/projections"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// world is a province node with its real store, views and router behind a real TLS listener, and everybody who calls it.
type world struct {
	t      testing.TB
	ctx    context.Context
	dir    string
	ca     *trialca.Authority
	other  *trialca.Authority // an authority that nobody trusts
	people *trialca.Authority // another that nobody trusts, until a trust list names it for persons
	lists  *revocationLists   // what the authority says of revocation
	clock  *clock
	store  worldStore
	beside *besideNode // another node on the same log, in tests over a cluster
	views  *projections.Views
	node   *gateway.Node
	router *router.Router
	api    *httpapi.API
	server *httptest.Server
	free   *freeSpace
	logged *logBook

	nodeKey   crypto.Signer
	chain     []*x509.Certificate
	agencies  map[string]*agency
	actors    map[string]*actor
	changes   int
	adminKey  crypto.Signer
	adminCert *x509.Certificate
	vpcp      *peerNode

	forged       bool           // events were written past the door: the rules need not give them
	config       gateway.Config // of the node, for others on the same record
	apiConfig    httpapi.Config
	metrics      *prometheus.Registry
	keys         map[string]*agency // made for vectors
	custody      vectorCustody      // of the sender, where it works in its office
	lastPackage  string
	lastDocument string
	lastTaken    string
	cancel       context.CancelFunc
	running      sync.WaitGroup
}

// clock is set by tests and never goes back.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type freeSpace struct {
	mu    sync.Mutex
	bytes uint64
}

func (f *freeSpace) set(n uint64) { f.mu.Lock(); defer f.mu.Unlock(); f.bytes = n }
func (f *freeSpace) get(string) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes, nil
}

// logBook keeps what the node logs, to look for what must not be there.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// agency is an organisation with its signing key.
type agency struct {
	code string
	name string
	key  crypto.Signer
	cert *x509.Certificate
}

// actor is somebody who calls, by token or by certificate.
type actor struct {
	name  string
	token string
	tls   *tls.Certificate
}

// peerNode is the log and TLS identity of another node, as far as this one sees it.
type peerNode struct {
	origin string
	log    ed25519.PrivateKey
	store  *sqlitestore.Store
	node   crypto.Signer
	cert   *x509.Certificate
}

const origin = "tram.bacgiang.example/log"
const peerOrigin = "tram.vpcp.example/log"

// Organisations of the world. sender writes to recipient and second; other has no part; reader has a recorded right over
// sender's documents; closed has recipient as its successor.
const (
	codeSender    = "H02.05"
	codeRecipient = "H02.06"
	codeSecond    = "H02.07"
	codeOther     = "H02.08"
	codeReader    = "H02.09"
	codeClosed    = "H02.10"
	codeVPCP      = "G22"
	codeOldForm   = "000.00.06.H02" // another code of recipient
	codeGone      = "H02.11"        // closed without successor
)

type worldOptions struct {
	limits gateway.Limits
	api    httpapi.Config
	policy func(*policy.Policy)
	past   view.Past // nil: real ones
	start  time.Time // of the clock
	http2  bool
}

func newWorld(t testing.TB, opts ...func(*worldOptions)) *world {
	t.Helper()
	var o worldOptions
	for _, f := range opts {
		f(&o)
	}
	if o.start.IsZero() {
		o.start = time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	w := &world{
		t: t, ctx: ctx, dir: t.TempDir(), clock: &clock{now: o.start},
		free: &freeSpace{bytes: 1 << 40}, logged: &logBook{}, agencies: map[string]*agency{}, actors: map[string]*actor{},
		keys: map[string]*agency{}, cancel: cancel,
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.ca, err = trialca.New("Thử nghiệm", rand.Reader, w.clock.Now)
	must(err)
	w.other, err = trialca.New("Người lạ", rand.Reader, w.clock.Now)
	must(err)
	w.people, err = trialca.New("Chứng thực cá nhân", rand.Reader, w.clock.Now)
	must(err)
	w.lists = &revocationLists{ca: w.ca, now: w.clock.Now}
	nodeKey, nodeCert, err := w.ca.Issue(trialca.Leaf{Name: "tram.bacgiang.example", Use: trialca.Node, Hosts: []string{"tram.bacgiang.example", "127.0.0.1", "localhost"}})
	must(err)
	w.nodeKey, w.chain = nodeKey, []*x509.Certificate{nodeCert, w.ca.Certificate}
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	w.adminKey, w.adminCert, err = w.ca.Issue(trialca.Leaf{Name: "Quản trị danh bạ", Use: trialca.Sign})
	must(err)

	if overCluster(t) {
		w.openCluster(logKey)
	} else {
		w.store, err = sqlitestore.Open(ctx, filepath.Join(w.dir, "node"), sqlitestore.Options{
			Origin: origin, LogKey: logKey, NodeKey: nodeKey, NodeChain: w.chain, Now: w.clock.Now, MinFree: -1,
		})
		must(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.views, err = projections.Open(ctx, filepath.Join(w.dir, "node", "views.db"), w.store, projections.Options{Now: w.clock.Now})
	must(err)
	t.Cleanup(func() { _ = w.views.Close() })
	trust, err := signing.NewTrust([]*x509.Certificate{w.ca.Certificate}, true)
	must(err)
	pol := policy.Default()
	pol.Trial, pol.Revocation = true, "none"
	pol.SelfServe = policy.SelfServe{Certificates: true, Clients: true}
	if o.policy != nil {
		o.policy(&pol)
	}
	logger := slog.New(slog.NewJSONHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg := prometheus.NewRegistry()
	operatorToken, operatorDigest := newToken(t)
	w.actors["operator"] = &actor{name: "operator", token: operatorToken}
	past := o.past
	if past == nil {
		kept, err := projections.OpenPast(filepath.Join(w.dir, "node", "asof"), w.store, w.views, projections.PastOptions{
			Options: projections.Options{Now: w.clock.Now}, Wait: time.Minute})
		must(err)
		t.Cleanup(func() { _ = kept.Close() })
		past = kept
	}
	w.config = gateway.Config{
		Past:   past,
		Origin: origin, Store: w.store, Views: w.views, Chain: w.chain, Trust: trust, Policy: pol, Destroyer: w.store,
		Forget: func(ctx context.Context) error { return w.views.Rebuild(ctx, nil) },
		Pinned: []events.Digest{sha256.Sum256(w.adminCert.Raw)}, SpoolDir: filepath.Join(w.dir, "spool"), DataDir: w.dir,
		Local:      []gateway.LocalClient{{Name: "operator", Kind: gateway.KindOperator, SHA256: operatorDigest}},
		Revocation: w.lists,
		Limits:     o.limits, Now: w.clock.Now, Log: logger, Metrics: reg, Free: w.free.get,
	}
	w.metrics = reg
	w.node, err = gateway.New(w.config)
	must(err)
	must(w.node.Start(ctx))
	w.router, err = router.New(router.Options{Log: w.store, Node: w.node, Transport: nowhere{}, Now: w.clock.Now})
	must(err)
	cfg := o.api
	cfg.Node, cfg.Schemas, cfg.Metrics, cfg.Log, cfg.Version = w.node, schemas.Files(), reg, logger, "test"
	cfg.Extra = append(cfg.Extra, httpapi.EvidenceRoute(w.node, evidence.NewMaker(evidence.Options{
		Record: w.store, Key: w.nodeKey, Chain: w.chain, Now: w.clock.Now}, 2, time.Minute)))
	w.apiConfig = cfg
	w.api, err = httpapi.New(cfg, reg)
	must(err)
	if w.beside != nil {
		w.startBeside()
	}
	w.serve(o.http2)
	w.populate()
	w.running.Go(func() { _ = w.views.Run(ctx) })
	follow := w.node.Run // of this node: a test may put another in its place
	w.running.Go(func() { _ = follow(ctx) })
	t.Cleanup(func() {
		cancel()
		w.running.Wait()
		if !t.Failed() && !w.forged {
			w.judgedAgain(t)
		}
	})
	return w
}

// nowhere is a transport to peers that are not there.
type nowhere struct{}

func (nowhere) Deliver(context.Context, peer.Target, peer.Handover) ([]byte, error) {
	return nil, &peer.FailedError{Class: peer.ClassUnreachable, Err: io.EOF}
}

func (nowhere) Receipt(context.Context, peer.Target, events.Digest) ([]byte, error) {
	return nil, &peer.FailedError{Class: peer.ClassUnreachable, Err: io.EOF}
}

func newToken(t testing.TB) (string, events.Digest) {
	t.Helper()
	token, err := gateway.NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return token, gateway.TokenDigest(token)
}

func (w *world) serve(http2 bool) {
	cert := tls.Certificate{PrivateKey: w.nodeKey, Leaf: w.chain[0]}
	for _, c := range w.chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }
	peers, err := peer.NewHandler(peer.HandlerOptions{Door: w.node, Directory: noChanges{}, Refuse: w.api.Refuse})
	if err != nil {
		w.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/peer/", peers)
	mux.Handle("/", w.front())
	w.server = httptest.NewUnstartedServer(mux)
	w.server.Config = w.api.Server(mux, get)
	w.server.TLS = w.server.Config.TLSConfig
	w.server.TLS.Certificates = []tls.Certificate{cert} // or httptest would answer callers without SNI with one of its own
	if w.server.EnableHTTP2 = http2; http2 {
		w.server.TLS.NextProtos = []string{"h2", "http/1.1"} // as ListenAndServeTLS would
	}
	w.server.StartTLS()
	w.t.Cleanup(w.server.Close)
}

// noChanges publishes nothing to peers.
type noChanges struct{}

func (noChanges) Next(context.Context, string) (string, []byte, error) { return "", nil, nil }

// populate brings the directory to life by signed changes, the first of them the genesis change.
func (w *world) populate() {
	t := w.t
	names := map[string]string{
		codeSender: "Sở Kế hoạch và Đầu tư", codeRecipient: "Sở Tài chính", codeSecond: "Sở Nội vụ", codeOther: "Sở Y tế",
		codeReader: "Thanh tra tỉnh", codeClosed: "Sở Thương mại", codeGone: "Ban Dự án cũ",
	}
	ops := []schemas.Operation{
		schemas.AddOrganisation{Code: "H02", Name: "UBND tỉnh Bắc Giang", Level: 1},
	}
	for _, code := range []string{codeSender, codeRecipient, codeSecond, codeOther, codeReader, codeClosed, codeGone} {
		ops = append(ops, schemas.AddOrganisation{Code: code, Name: names[code], Level: 2, Parent: "H02"})
		ops = append(ops, w.newAgency(code, names[code])...)
	}
	ops = append(ops,
		schemas.AddCode{Organisation: codeRecipient, Code: schemas.OrganisationCode{Code: codeOldForm}},
		schemas.CloseOrganisation{Code: codeClosed, Successor: codeRecipient, From: schemas.Date{Year: 2025, Month: 1, Day: 1}},
		schemas.CloseOrganisation{Code: codeGone, From: schemas.Date{Year: 2025, Month: 1, Day: 1}},
	)
	ops = append(ops, w.newPeer()...)
	// Everybody who calls.
	for name, code := range map[string]string{"sender": codeSender, "recipient": codeRecipient, "second": codeSecond, "other": codeOther, "reader": codeReader} {
		ops = append(ops, w.newClient(name, schemas.Holder{Kind: schemas.HolderOrganisation, ID: code}))
	}
	ops = append(ops,
		w.newClient("vpcp", schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeVPCP}),
		w.newClient("channel", schemas.Holder{Kind: schemas.HolderChannel, ID: "folder"}),
		w.newClient("auditor", schemas.Holder{Kind: schemas.HolderAuditor, ID: "kiem-toan"}),
		schemas.GrantReading{ID: "right-1", Reader: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeReader}, Organisation: codeSender,
			From: w.clock.Now().Add(-time.Hour), To: w.clock.Now().AddDate(1, 0, 0), Reason: "Thanh tra năm 2026"},
		schemas.GrantReading{ID: "right-2", Reader: schemas.Holder{Kind: schemas.HolderAuditor, ID: "kiem-toan"}, Organisation: codeSender,
			From: w.clock.Now().Add(-time.Hour), To: w.clock.Now().AddDate(1, 0, 0), Reason: "Kiểm toán năm 2026"},
	)
	channelKey, channelCert := w.issue(w.ca, trialca.Leaf{Name: "Kênh thư mục", Use: trialca.Sign})
	w.agencies["channel:folder"] = &agency{code: "channel:folder", key: channelKey, cert: channelCert}
	ops = append(ops, schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderChannel, ID: "folder"},
		Purposes: []schemas.Purpose{schemas.PurposeChannel}, DER: channelCert.Raw})
	if acc, err := w.change(ops...); err != nil {
		t.Fatalf("couldn't hand in the genesis change: %v", err)
	} else if want := uint64(1 + w.lists.number); acc.Position != want { // the policy is first, then what was learnt of revocation
		t.Fatalf("genesis change at position %d, expected %d", acc.Position, want)
	}
}

func (w *world) issue(ca *trialca.Authority, l trialca.Leaf) (crypto.Signer, *x509.Certificate) {
	w.t.Helper()
	key, cert, err := ca.Issue(l)
	if err != nil {
		w.t.Fatal(err)
	}
	return key, cert
}

// newAgency gives the organisation a signing key, and a voucher key under "voucher:" + code.
func (w *world) newAgency(code, name string) []schemas.Operation {
	key, cert := w.issue(w.ca, trialca.Leaf{Name: name, OrgCode: code, Use: trialca.Sign})
	w.agencies[code] = &agency{code: code, name: name, key: key, cert: cert}
	vkey, vcert := w.issue(w.ca, trialca.Leaf{Name: name + " (bảo lãnh)", OrgCode: code, Use: trialca.Sign})
	w.agencies["voucher:"+code] = &agency{code: code, name: name, key: vkey, cert: vcert}
	holder := schemas.Holder{Kind: schemas.HolderOrganisation, ID: code}
	return []schemas.Operation{
		schemas.EnrolCertificate{Holder: holder, Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: cert.Raw},
		schemas.EnrolCertificate{Holder: holder, Purposes: []schemas.Purpose{schemas.PurposeVoucher}, DER: vcert.Raw},
	}
}

// newClient registers a token.
func (w *world) newClient(name string, h schemas.Holder) schemas.Operation {
	token, digest := newToken(w.t)
	w.actors[name] = &actor{name: name, token: token}
	d := [32]byte(digest)
	return schemas.RegisterClient{ID: name, Holder: h, TokenSHA256: &d}
}

// newPeer makes VPCP's node known: it serves G22.
func (w *world) newPeer() []schemas.Operation {
	t := w.t
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, cert := w.issue(w.ca, trialca.Leaf{Name: "tram.vpcp.example", Use: trialca.Node, Hosts: []string{"tram.vpcp.example"}})
	w.vpcp = &peerNode{origin: peerOrigin, log: priv, node: key, cert: cert}
	w.actors["peer"] = &actor{name: "peer", tls: &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}}
	w.vpcp.store, err = sqlitestore.Open(w.ctx, filepath.Join(w.dir, "vpcp"), sqlitestore.Options{
		Origin: peerOrigin, LogKey: priv, NodeKey: key, NodeChain: []*x509.Certificate{cert}, Now: w.clock.Now, MinFree: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.vpcp.store.Close() })
	skey, scert := w.issue(w.ca, trialca.Leaf{Name: "Văn phòng Chính phủ", OrgCode: codeVPCP, Use: trialca.Sign})
	w.agencies[codeVPCP] = &agency{code: codeVPCP, name: "Văn phòng Chính phủ", key: skey, cert: scert}
	return []schemas.Operation{
		schemas.AddPeer{Peer: schemas.Peer{
			Origin: peerOrigin, Name: "Trạm Văn phòng Chính phủ", URLs: []string{"https://tram.vpcp.example"},
			CertificateSHA256s: [][32]byte{sha256.Sum256(cert.Raw)}, Verifiers: []string{verifierKey(peerOrigin, pub)}, Prefixes: []string{"G22"},
		}},
		schemas.AddOrganisation{Code: codeVPCP, Name: "Văn phòng Chính phủ", Level: 1, Node: peerOrigin},
		schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeVPCP},
			Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: scert.Raw},
	}
}

// change hands in a signed directory change as the administrator.
func (w *world) change(ops ...schemas.Operation) (gateway.Accepted, error) {
	w.t.Helper()
	w.changes++
	b, _, err := schemas.MarshalDirectoryChange(schemas.Header{
		ID: fmt.Sprintf("change-%d", w.changes), From: "node:" + origin, To: []string{"node:" + origin}, IssuedAt: w.clock.Now(),
		Person: schemas.Person{Name: "Nguyễn Văn Quản Trị"},
	}, schemas.DirectoryChange{Reason: "Quyết định thử nghiệm", Operations: ops})
	if err != nil {
		w.t.Fatal(err)
	}
	signed := w.sign(b, &agency{key: w.adminKey, cert: w.adminCert})
	caller := gateway.Caller{Client: gateway.ClientNode, Kind: gateway.KindAdministrator, Name: "genesis"}
	acc, err := w.node.Accept(w.ctx, caller, bytes.NewReader(signed), int64(len(signed)))
	if err == nil && w.beside != nil {
		err = w.beside.follow(w)
	}
	return acc, err
}

func (w *world) sign(b []byte, a *agency) []byte {
	w.t.Helper()
	signed, err := signing.Sign(b, a.key, []*x509.Certificate{a.cert}, signing.SignOptions{})
	if err != nil {
		w.t.Fatalf("couldn't sign: %v", err)
	}
	return signed
}

// step lets the router and the views do all there is to do.
func (w *world) step() {
	w.t.Helper()
	if _, err := w.router.Step(w.ctx); err != nil {
		w.t.Fatalf("couldn't route: %v", err)
	}
	if err := w.views.WaitFor(w.ctx, w.store.Head().Size); err != nil {
		w.t.Fatalf("couldn't wait for views: %v", err)
	}
	if w.beside != nil {
		if err := w.beside.follow(w); err != nil {
			w.t.Fatalf("couldn't wait for the other node: %v", err)
		}
	}
}

// client is an HTTP client of the actor; nil: nobody in particular.
func (w *world) client(a *actor) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(w.ca.Certificate)
	cfg := &tls.Config{RootCAs: pool, ServerName: "tram.bacgiang.example", Time: w.clock.Now}
	if a != nil && a.tls != nil {
		cfg.Certificates = []tls.Certificate{*a.tls}
	}
	tr := &http.Transport{TLSClientConfig: cfg, MaxIdleConnsPerHost: 100, ForceAttemptHTTP2: w.server.EnableHTTP2}
	w.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// answer is an HTTP answer, read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) problem(t testing.TB) httpapi.Problem {
	t.Helper()
	var p httpapi.Problem
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("the answer is not of the one shape: %v: status %d: %.300s", err, a.status, a.body)
	}
	if p.Status != a.status {
		t.Errorf("status %d in the body, %d on the wire", p.Status, a.status)
	}
	return p
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if a.status >= 300 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("couldn't read answer: %v: %.300s", err, a.body)
	}
}

// call sends one request as the actor ("" nobody) and reads the answer.
func (w *world) call(who, method, path string, body []byte, headers ...string) answer {
	w.t.Helper()
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(w.ctx, method, w.server.URL+path, r)
	if err != nil {
		w.t.Fatal(err)
	}
	a := w.actors[who]
	if a == nil && who != "" {
		w.t.Fatalf("no actor %q", who)
	}
	if a != nil && a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/xml")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.client(a).Do(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, b}
}

func (w *world) post(who string, b []byte) answer {
	w.t.Helper()
	return w.call(who, http.MethodPost, "/v1/packages", b, "Accept", "application/json")
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verifierKey(origin string, pub ed25519.PublicKey) string {
	key, err := ledgerLogKey(origin, pub)
	if err != nil {
		panic(err)
	}
	return key
}

// until looks until something is so. What a server does with half a request has no other signal than its metrics.
func (w *world) until(so func() bool) {
	w.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	deadline := time.After(20 * time.Second)
	for !so() {
		select {
		case <-look.C:
		case <-deadline:
			w.t.Fatal("waited in vain")
		}
	}
}

func logPublic(t testing.TB) ed25519.PublicKey {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}
