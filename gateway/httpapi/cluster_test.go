package httpapi_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/esdbstore"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/projections"
	"github.com/tram-exchange/tram/schemas"
)

// worldStore is the record of a world's node.
type worldStore interface {
	events.Store
	gateway.Destroyer
	Close() error
}

// besideNode is another node on the log of the world's node, with views and a front of its own.
type besideNode struct {
	store *esdbstore.Store
	views *projections.Views
	node  *gateway.Node
	api   *httpapi.API
}

// TestOverACluster runs scenarios of one node again with two nodes on one log: each request goes to the other node than the one before,
// and what they have decided is judged again at the end of each.
func TestOverACluster(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"Road": TestRoad, "SamePackageAtOnce": TestSamePackageAtOnce, "SameDocumentAtOnce": TestSameDocumentAtOnce,
		"TakersGetDifferentEntries": TestTakersGetDifferentEntries, "TakeAgainByName": TestTakeAgainByName, "LeaseEnds": TestLeaseEnds,
		"RecallOfUnknownDocumentWarns": TestRecallOfUnknownDocumentWarns, "RevocationAtOnce": TestRevocationAtOnce,
		"SubmissionIDOfRefusedPackageStaysFree": TestSubmissionIDOfRefusedPackageStaysFree,
		"TakersOnTwoNodes":                      takersOnTwoNodes, "RecallOverTwoNodes": recallOverTwoNodes, "DestructionOverTwoNodes": destructionOverTwoNodes,
	} {
		t.Run(name, f)
	}
}

func overCluster(t testing.TB) bool { return strings.HasPrefix(t.Name(), "TestOverACluster/") }

// openCluster opens the log for two nodes; the first sequences.
func (w *world) openCluster(logKey ed25519.PrivateKey) {
	w.t.Helper()
	server, err := esdbtest.NewCluster().Start()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(server.Stop)
	for _, dir := range []string{"node", "beside"} {
		if err := os.MkdirAll(filepath.Join(w.dir, dir), 0o700); err != nil {
			w.t.Fatal(err)
		}
	}
	objects, err := esdbstore.NewFolder(filepath.Join(w.dir, "objects"))
	if err != nil {
		w.t.Fatal(err)
	}
	o := esdbstore.Options{Origin: origin, Connection: server.Connection(), Objects: objects, LogKey: logKey, NodeKey: w.nodeKey, NodeChain: w.chain, Now: w.clock.Now}
	first, err := esdbstore.Open(w.ctx, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = first
	o.Follow = true
	second, err := esdbstore.Open(w.ctx, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = second.Close() })
	w.beside = &besideNode{store: second}
}

// startBeside starts the other node as the world's own was.
func (w *world) startBeside() {
	w.t.Helper()
	b := w.beside
	var err error
	if b.views, err = projections.Open(w.ctx, filepath.Join(w.dir, "beside", "views.db"), b.store, projections.Options{Now: w.clock.Now}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = b.views.Close() })
	c := w.config
	c.Store, c.Destroyer, c.Views, c.Past, c.Metrics, c.SpoolDir = b.store, b.store, b.views, nil, nil, filepath.Join(w.dir, "spool-beside")
	c.RecordsPolicy = func() bool { return false }
	c.Forget = func(ctx context.Context) error { return b.views.Rebuild(ctx, nil) }
	if b.node, err = gateway.New(c); err != nil {
		w.t.Fatal(err)
	}
	if _, err := b.store.Wait(w.ctx, w.store.Head().Size-1); err != nil {
		w.t.Fatal(err)
	}
	if err := b.node.Start(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	cfg := w.apiConfig
	cfg.Node, cfg.Extra = b.node, nil
	if b.api, err = httpapi.New(cfg, nil); err != nil {
		w.t.Fatal(err)
	}
	w.running.Go(func() { _ = b.views.Run(w.ctx) })
	w.running.Go(func() { _ = b.node.Run(w.ctx) })
}

// front is what a world's address leads to: its node, or two nodes in turn.
func (w *world) front() http.Handler {
	if w.beside == nil {
		return w.api
	}
	var n atomic.Uint64
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if n.Add(1)%2 == 1 || strings.HasSuffix(r.URL.Path, "/evidence") {
			w.api.ServeHTTP(rw, r)
			return
		}
		w.beside.api.ServeHTTP(rw, r)
	})
}

// follow returns when the other node has and shows all that the world's node has.
func (b *besideNode) follow(w *world) error {
	size := w.store.Head().Size
	_, err := b.store.Wait(w.ctx, size-1)
	return errors.Join(err, b.node.CatchUp(w.ctx), b.views.WaitFor(w.ctx, size))
}

// takersOnTwoNodes: whoever empties a mailbox at two nodes gets everything once.
func takersOnTwoNodes(t *testing.T) {
	w := newWorld(t)
	const documents = 20
	for i := range documents {
		if a := w.post("sender", w.signed(w.doc(fmt.Sprint(640+i)))); a.status != http.StatusCreated {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
	}
	w.step()
	var mu sync.Mutex
	taken := map[string]int{}
	take := func(n *gateway.Node, most int) int {
		caller, err := n.Authenticate(gateway.Credential{Token: w.actors["recipient"].token})
		if err != nil {
			t.Error(err)
			return 0
		}
		got, err := n.Take(w.ctx, caller, gateway.TakeRequest{Max: most})
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, e := range got {
			taken[e.ID]++
		}
		return len(got)
	}
	var wg sync.WaitGroup
	for _, n := range []*gateway.Node{w.node, w.beside.node} {
		for worker := range 3 {
			wg.Go(func() {
				for take(n, 1+worker) > 0 {
				}
			})
		}
	}
	wg.Wait()
	w.step()
	take(w.node, 100) // what was passed by while another was deciding
	if len(taken) != documents {
		t.Errorf("%d entries taken, expected %d", len(taken), documents)
	}
	for id, n := range taken {
		if n != 1 {
			t.Errorf("entry %s was taken %d times", id, n)
		}
	}
}

// recallOverTwoNodes: a document is handed in at one node and recalled at the other.
func recallOverTwoNodes(t *testing.T) {
	w := newWorld(t)
	var acc, recalled httpapi.AcceptedAnswer
	target := w.doc("660")
	w.post("sender", w.signed(target)).into(t, &acc)
	w.step()
	w.post("sender", w.signed(w.doc("661", func(d *schemas.Document) {
		d.Business = schemas.Business{Type: schemas.BusinessRecall, DocumentID: target.DocumentID}
	}))).into(t, &recalled)
	w.step()
	for range 2 { // at each node
		var box httpapi.MailboxPage
		w.call("recipient", http.MethodGet, "/v1/mailbox", nil).into(t, &box)
		for _, e := range box.Entries {
			if e.Package == acc.SHA256 {
				t.Errorf("a recalled document is still offered: %+v", e)
			}
		}
	}
}

// destructionOverTwoNodes: decided at one node, carried out by the other, gone at both.
func destructionOverTwoNodes(t *testing.T) {
	w := newWorld(t)
	pkg := w.signed(w.doc("670"))
	var acc httpapi.AcceptedAnswer
	w.post("sender", pkg).into(t, &acc)
	w.acknowledged("recipient")
	key, err := events.ParseDigest(acc.Document)
	if err != nil {
		t.Fatal(err)
	}
	if a := w.destroy("d-1", schemas.Destruction{Targets: []schemas.Target{{Document: (*[32]byte)(&key)}}}, codeSender, "H02"); a.status != http.StatusCreated {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	if _, err := w.node.CarryOut(w.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := w.beside.node.CarryOut(w.ctx); err != nil { // which finds nothing left to do, or would be refused by the version
		t.Fatal(err)
	}
	w.step()
	for range 2 {
		if a := w.call("sender", http.MethodGet, "/v1/packages/"+acc.SHA256, nil); a.status != http.StatusGone && a.status != http.StatusNotFound {
			t.Errorf("destroyed, and answered with %d", a.status)
		}
		if p := w.post("sender", pkg).problem(t); p.Code != gateway.CodeDestroyedAgain {
			t.Errorf("the same bytes again: %+v", p)
		}
	}
	s, err := destruction.Load(w.ctx, w.beside.store)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Decisions) != 1 || !s.Decisions[0].Complete() {
		t.Errorf("decisions %+v", s.Decisions)
	}
}
