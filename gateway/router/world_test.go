package router_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router"
)

// A world is a few nodes in one process, each with its own store on disk, router and clock hand. Packages are small
// JSON texts here instead of signed XML: what is tested is what happens after the door, and the door decides
// with the real deciders. The tests with signed XML through the real door are in network_test.go.

// fataler is what testing.T and rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

type world struct {
	t     fataler
	dir   string
	mu    sync.Mutex
	now   time.Time
	nodes []*node
	cut   map[string]bool // "a>b": a cannot reach b
	// openStore opens a node's record, also again after kill.
	openStore func(n *node) (worldStore, error)
	// faults are consumed one for each hand-over: "" none, "before" fails before it is sent, "after" the peer records
	// it and the answer is lost.
	faults []string
	posts  map[string]int // package and peer → hand-overs that reached the peer
}

// orgs of each node; the first letters are its identifier space.
var agencies = map[string][]string{
	"province": {"H02", "H02.05", "H02.18"},
	"vpcp":     {"G22", "G22.01"},
	"ministry": {"G12", "G12.18"},
}

func nodeOf(org string) string {
	for n, list := range agencies {
		if slices.Contains(list, org) {
			return n
		}
	}
	return ""
}

func origin(name string) string { return name + ".example/log" }

type node struct {
	w    *world
	name string

	options  sqlitestore.Options
	keeper   router.Keeper
	verifier string

	mu       sync.Mutex
	store    worldStore
	router   *router.Router
	snapshot gateway.Snapshot
	giveUp   int
	locks    sync.Mutex
	window   int
	parallel int
	fault    func(name string) (done, fails bool) // of recording an event of this name; nil: none
}

func newWorld(t fataler, dir string, names ...string) *world {
	w := &world{
		t: t, dir: dir, now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), cut: map[string]bool{}, posts: map[string]int{},
		openStore: func(n *node) (worldStore, error) {
			return sqlitestore.Open(context.Background(), filepath.Join(dir, n.name), n.options)
		},
	}
	overCluster(w)
	for _, name := range names {
		w.nodes = append(w.nodes, w.newNode(name))
	}
	for _, n := range w.nodes {
		n.open()
		n.found()
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Millisecond)
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
}

func (w *world) node(name string) *node {
	for _, n := range w.nodes {
		if n.name == name || origin(n.name) == name {
			return n
		}
	}
	w.t.Fatalf("no node %q", name)
	return nil
}

func (w *world) close() {
	for _, n := range w.nodes {
		n.kill()
	}
}

// keys are made once: making them is slow, and nothing here depends on them differing between tests.
var keys = sync.OnceValue(func() map[string]*testKeys {
	out := map[string]*testKeys{}
	for name := range agencies {
		_, log, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC),
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			panic(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		out[name] = &testKeys{log: log, node: key, cert: cert}
	}
	return out
})

type testKeys struct {
	log  ed25519.PrivateKey
	node *ecdsa.PrivateKey
	cert *x509.Certificate
}

func (w *world) newNode(name string) *node {
	k := keys()[name]
	n := &node{w: w, name: name, giveUp: 10}
	n.options = sqlitestore.Options{
		Origin: origin(name), LogKey: k.log, NodeKey: k.node, NodeChain: []*x509.Certificate{k.cert}, Now: w.clock,
		MinFree: -1, SegmentSize: 1 << 20, Readers: 2,
	}
	var err error
	if n.verifier, err = ledger.LogKey(origin(name), k.log.Public().(ed25519.PublicKey)); err != nil {
		w.t.Fatalf("%v", err)
	}
	n.keeper = router.FileKeeper(filepath.Join(w.dir, name+".positions"))
	return n
}

// open starts the node, or starts it again after kill.
func (n *node) open() {
	s, err := n.w.openStore(n)
	if err != nil {
		n.w.t.Fatalf("couldn't open %s: %v", n.name, err)
	}
	n.mu.Lock()
	n.store, n.snapshot = s, gateway.Snapshot{}
	n.snapshot.Policy.Policy.Delivery.GiveUpDays = n.giveUp
	n.mu.Unlock()
	n.router, err = router.New(router.Options{
		Log: s, Node: n, Transport: transport{n}, Now: n.w.clock, Jitter: func() float64 { return 0.5 }, Keeper: n.keeper,
		Window: n.window, Parallel: n.parallel, KeepEvery: time.Minute,
	})
	if err != nil {
		n.w.t.Fatalf("%v", err)
	}
}

// kill ends the node without a word: positions are not kept, hand-overs under way are lost.
func (n *node) kill() {
	n.mu.Lock()
	s := n.store
	n.store = nil
	n.mu.Unlock()
	if s != nil {
		if err := s.Close(); err != nil {
			n.w.t.Fatalf("couldn't close %s: %v", n.name, err)
		}
	}
}

func (n *node) up() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.store != nil
}

// found writes the directory: its own agencies, the other nodes and theirs.
func (n *node) found() {
	var news []events.New
	for _, o := range n.w.nodes {
		if o == n {
			continue
		}
		news = append(news, events.New{Name: directory.NamePeerAdded, Data: directory.PeerSet{
			Origin: origin(o.name), URLs: []string{"https://" + o.name + ".example"}, Verifiers: []string{o.verifier},
			TLS: []events.Digest{events.Sum(keys()[o.name].cert.Raw)}, Prefixes: agencies[o.name][:1],
		}})
	}
	for _, o := range n.w.nodes {
		served := ""
		if o != n {
			served = origin(o.name)
		}
		for _, org := range agencies[o.name] {
			news = append(news, events.New{Name: directory.NameOrganisationAdded, Data: directory.OrganisationAdded{
				Org: org, Node: served,
			}})
		}
	}
	n.direct(news...)
}

// direct appends directory events.
func (n *node) direct(news ...events.New) {
	version := int64(-1)
	n.each(directory.Stream, func(e events.Event) { version = int64(e.Statement.Version) })
	id := fmt.Sprintf("change-%d", version+1)
	news = append([]events.New{{Name: directory.NameChangeAccepted, Data: directory.ChangeAccepted{
		Change: id, Content: events.Sum([]byte(id)), Authority: directory.AuthorityGenesis, Signer: events.Sum([]byte("admin")),
		Holder: directory.Holder{Kind: directory.HolderOperator, ID: "admin"}, Operations: len(news),
	}}}, news...)
	_, err := n.store.Append(context.Background(), events.Append{
		Stream: directory.Stream, Expected: version, Actor: "node", Client: "node", Events: news,
	})
	if err != nil {
		n.w.t.Fatalf("couldn't write the directory: %v", err)
	}
}

func (n *node) each(stream string, f func(events.Event)) {
	if err := n.store.Stream(context.Background(), stream, 0, func(e events.Event) error { f(e); return nil }); err != nil {
		n.w.t.Fatalf("%v", err)
	}
}

// Origin, Snapshot, Record and Receipt are the core of a gateway, without the door.

func (n *node) Origin() string { return origin(n.name) }

func (n *node) Snapshot() *gateway.Snapshot {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.snapshot
	if n.store == nil {
		return &s
	}
	err := n.store.All(context.Background(), s.Size, func(e events.Event) error {
		var err error
		if e.Statement.Stream == directory.Stream {
			if s.Directory, err = directory.Fold(s.Directory, e); err != nil {
				return err
			}
			s.Basis.Directory = e.Position + 1
		}
		s.Size = e.Position + 1
		return nil
	})
	if err != nil && !errors.Is(err, events.ErrClosed) {
		n.w.t.Fatalf("%v", err)
	}
	n.snapshot = s
	return &s
}

func (n *node) Record(ctx context.Context, s gateway.Step) (events.Sealed, bool, error) {
	if !n.up() {
		return events.Sealed{}, false, events.ErrClosed
	}
	n.mu.Lock()
	fault := n.fault
	n.mu.Unlock()
	if fault == nil {
		return record(ctx, n.store, s)
	}
	lost, decide := false, s.Decide
	s.Decide = func(past []events.Event) ([]events.New, error) {
		news, err := decide(past)
		if err != nil || len(news) == 0 {
			return news, err
		}
		done, fails := fault(news[0].Name)
		if fails && !done {
			return nil, errInjected
		}
		lost = fails
		return news, nil
	}
	sealed, fresh, err := record(ctx, n.store, s)
	if lost && err == nil {
		return events.Sealed{}, false, errInjected
	}
	return sealed, fresh, err
}

var errInjected = errors.New("injected fault")

func record(ctx context.Context, store events.Store, s gateway.Step) (events.Sealed, bool, error) {
	for {
		var past []events.Event
		if err := store.Stream(ctx, s.Stream, 0, func(e events.Event) error { past = append(past, e); return nil }); err != nil {
			return events.Sealed{}, false, err
		}
		news, err := s.Decide(past)
		if err != nil || len(news) == 0 {
			return events.Sealed{}, false, err
		}
		sealed, err := store.Append(ctx, events.Append{
			Stream: s.Stream, Expected: int64(len(past)) - 1, Actor: "node", Client: "node", Cause: s.Cause,
			Evidence: s.Evidence, Events: news,
		})
		var conflict *events.ConflictError
		if errors.As(err, &conflict) {
			continue
		}
		return sealed, err == nil, err
	}
}

func (n *node) Receipt(ctx context.Context, position uint64) ([]byte, error) {
	e, err := n.store.Event(ctx, position)
	if err != nil {
		return nil, err
	}
	proof, head, err := n.store.Proof(ctx, position, 0)
	if err != nil {
		return nil, err
	}
	r := ledger.Receipt{Bytes: e.Bytes, Position: position, Proof: proof, Checkpoint: head.Checkpoint, Chain: n.options.NodeChain}
	return r.Encode(), nil
}

// pack is a package of this world.
type pack struct {
	Kind      string   `json:"kind"` // "document" or "status"
	From      string   `json:"from"`
	To        []string `json:"to,omitempty"`
	ID        string   `json:"id"`
	Business  int      `json:"business,omitempty"`
	Effects   []effect `json:"effects,omitempty"`
	Priority  int      `json:"priority,omitempty"`
	Code      string   `json:"code,omitempty"`
	About     string   `json:"about,omitempty"` // status: ResponseFor.OrganId
	Timestamp string   `json:"timestamp,omitempty"`
	Sealed    string   `json:"sealed,omitempty"` // differs between packages of the same content
	Padding   string   `json:"padding,omitempty"`
}

type effect struct {
	ID      string   `json:"id"`
	Content bool     `json:"content,omitempty"`
	Only    []string `json:"only,omitempty"`
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

func (p pack) bytes() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b
}

func (p pack) content() events.Digest {
	p.To, p.Sealed = nil, ""
	return events.Sum(p.bytes())
}

// submit hands a package in at its sender's node.
func (w *world) submit(p pack) error {
	_, err := w.node(nodeOf(p.From)).accept(p.bytes(), nil, "token:"+p.From)
	return err
}

func (w *world) mustSubmit(p pack) {
	w.t.Helper()
	if err := w.submit(p); err != nil {
		w.t.Fatalf("couldn't submit %+v: %v", p, err)
	}
}

func (n *node) party(code string, at time.Time) document.Party {
	d := n.Snapshot().Directory
	r := d.Resolve(code, at)
	return document.Party{
		Code: code, Known: r.Known, Org: r.Org, Via: r.Via, Closed: r.Closed, Node: r.Node, Identities: d.Identities(r.Org, at),
	}
}

func (n *node) parties(codes []string, at time.Time) []document.Party {
	var out []document.Party
	for _, c := range codes {
		out = append(out, n.party(c, at))
	}
	return out
}

// accept is the door: what the gateway does with a verified package.
func (n *node) accept(b []byte, from *document.FromPeer, client string) (receipt []byte, err error) {
	n.locks.Lock()
	defer n.locks.Unlock()
	var p pack
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, err
	}
	now := n.w.clock()
	at := now
	if from != nil {
		at = from.Hop.Received
	}
	sender := n.party(p.From, at)
	stream := document.Stream(sender.Org, p.ID)
	if p.Kind == "status" {
		owner := n.party(p.About, at)
		if p.Code == "13" {
			owner = sender
		}
		stream = document.Stream(owner.Org, p.ID)
	}
	var state document.State
	var size int64
	n.each(stream, func(e events.Event) {
		if state, err = document.Fold(state, e); err != nil {
			n.w.t.Fatalf("%v", err)
		}
		size++
	})
	var d document.Decision
	if p.Kind == "status" {
		d, err = document.DecideStatus(state, document.ReportStatus{
			At: now, Document: strings.TrimPrefix(stream, document.StreamPrefix), Reporter: sender, About: n.party(p.About, at),
			Code: p.Code, Timestamp: p.Timestamp, Package: events.Sum(b), Content: p.content(), Assurance: "own", Peer: from,
		})
	} else {
		c := document.Receive{
			At: now, DocumentID: p.ID, Sender: sender, Package: events.Sum(b), Content: p.content(), Business: p.Business,
			Priority: p.Priority, Assurance: "own", Recipients: n.parties(p.To, at), Peer: from,
			Facts: document.Facts{DocumentID: p.ID},
		}
		for _, f := range p.Effects {
			c.Effects = append(c.Effects, document.EffectRequest{
				Kind:     []document.EffectKind{"", document.EffectRecall, document.EffectUpdate, document.EffectReplace}[p.Business],
				Document: document.Key(sender.Org, f.ID), Content: f.Content, Recipients: n.parties(f.Only, at),
				Added: n.parties(f.Added, at), Removed: n.parties(f.Removed, at), Held: n.held(document.Stream(sender.Org, f.ID)),
			})
		}
		for _, r := range state.Recipients {
			if n.delivery(delivery.Stream(stream, delivery.ItemDocument, r.Org)).Phase == delivery.PhaseFailed {
				c.Failed = append(c.Failed, r.Org)
			}
		}
		d, err = document.DecideReceive(state, c)
	}
	if err != nil {
		return nil, err
	}
	if d.Outcome == document.OutcomeEarlier {
		return n.Receipt(context.Background(), d.Earlier.Position)
	}
	sealed, err := n.store.Append(context.Background(), events.Append{
		Stream: stream, Expected: size - 1, Actor: sender.Org, Client: client, Package: eventstest.NewPackage(b), Events: d.Events,
		Evidence: []byte("evidence of " + p.ID),
	})
	if err != nil {
		return nil, err
	}
	return ledger.NewReceipt(sealed, 0, n.options.NodeChain)
}

// held are the recipients of a document that this node answers for, but for those it was recalled from.
func (n *node) held(stream string) []document.Recipient {
	var s document.State
	n.each(stream, func(e events.Event) {
		var err error
		if s, err = document.Fold(s, e); err != nil {
			n.w.t.Fatalf("%v", err)
		}
	})
	if !s.Received {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Recipients), func(r document.Recipient) bool {
		_, recalled := s.Recalled(r.Org)
		return r.Elsewhere || recalled
	})
}

func (n *node) delivery(stream string) delivery.State {
	var s delivery.State
	n.each(stream, func(e events.Event) {
		var err error
		if s, err = delivery.Fold(s, e); err != nil {
			n.w.t.Fatalf("%v", err)
		}
	})
	return s
}

// acceptFromPeer checks the peer's receipt under the key in the directory and takes the package in.
func (n *node) acceptFromPeer(from string, b []byte, h gateway.Handover) ([]byte, error) {
	p, ok := n.Snapshot().Directory.Peer(from)
	if !ok {
		return nil, fmt.Errorf("%s is no peer of %s", from, n.name)
	}
	v, err := note.NewVerifier(p.Verifiers[0])
	if err != nil {
		return nil, err
	}
	r, _, err := ledger.CheckReceipt(h.Receipt, ledger.VerifierKey(v))
	if err != nil {
		return nil, err
	}
	if r.Statement.Package == nil || r.Statement.Package.SHA256 != events.Sum(b) {
		return nil, errors.New("receipt of another package")
	}
	n.w.mu.Lock()
	n.w.posts[events.Sum(b).String()+">"+n.name]++
	n.w.mu.Unlock()
	return n.accept(b, &document.FromPeer{
		Hop: document.PeerHop{Origin: from, Position: r.Position, Received: r.Statement.Time}, Handed: h.Handed,
	}, "peer:"+from)
}
