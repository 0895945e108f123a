package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
)

var (
	tortureFor  = flag.Duration("torture", 2*time.Second, "how long TestTorture kills nodes")
	tortureSeed = flag.Uint64("torture-seed", 0, "seed of TestTorture's moments; 0: another each time")
)

// torture is two nodes that deliver to each other, witness each other, publish and copy their logs, while they are killed.
type torture struct {
	*pair
	site  *benchSite // all agencies, those of the two nodes in turn: every document goes to the other node
	nodes []*demoNode
	r     *mrand.Rand
	all   []taken
	kills int
}

func newTorture(t *testing.T, seed uint64) *torture {
	t.Helper()
	ctx := t.Context()
	w := &torture{pair: newPair(t), r: mrand.New(mrand.NewPCG(seed, 1))}
	w.nodes = []*demoNode{w.province, w.vpcp}
	w.site = &benchSite{dir: filepath.Dir(w.province.dir())}
	ops := map[*demoNode][]schemas.Operation{}
	for _, n := range w.nodes {
		must(t, n.stop())
		must(t, errors.Join(n.configure("requests_per_minute: 0 ", "requests_per_minute: -1 "),
			n.configure(`  to: ""  `, `  to: "`+n.dir()+`.copy"`), n.configure("  every: 1h  ", "  every: 1s  ")))
		must(t, n.start(ctx))
	}
	for i := range benchAgencies {
		n := w.nodes[i%2]
		o := &office{code: fmt.Sprintf("%s.%02d", n.org, 10+i), name: fmt.Sprintf("Đơn vị %d", i), node: n}
		o.dir = filepath.Join(w.site.dir, "agencies", o.code)
		more, id, err := trialAgency{code: o.code, name: o.name, key: trialca.P256}.enrol(n.ca, o.dir)
		must(t, err)
		o.api, err = n.client(filepath.Join(o.dir, "token"))
		must(t, err)
		o.id = id
		w.site.units, w.site.tokens = append(w.site.units, o), append(w.site.tokens, o.api.token)
		ops[n] = append(ops[n], more...)
	}
	for n, list := range ops {
		_, err := n.change(ctx, "Đơn vị", list...)
		must(t, err)
	}
	for _, n := range w.nodes { // a node that changes its own directory reads that of its peers
		_, err := w.grow(t, n)
		must(t, err)
	}
	for i := range benchAgencies { // until each knows the other's agencies
		until(t, "directory of the other node", func() bool {
			g, err := w.site.one(ctx, i, []byte("đầu"))
			if err == nil {
				w.all = append(w.all, g)
			}
			return err == nil
		})
	}
	return w
}

// round sends, kills one of the nodes or both at some moment, proves what they left, and starts them again.
func (w *torture) round(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	wait := w.site.sendUntil(ctx, benchAgencies)
	moment := time.NewTimer(time.Duration(w.r.IntN(400)) * time.Millisecond)
	<-moment.C
	var dead []*demoNode
	switch k := w.r.IntN(5); k {
	case 0, 1:
		dead = w.nodes[:1]
	case 2, 3:
		dead = w.nodes[1:]
	default:
		dead = w.nodes
	}
	for _, n := range dead {
		must(t, n.kill())
		w.kills++
	}
	cancel()
	got, _ := wait()
	w.all = append(w.all, got...)
	for _, n := range dead {
		w.proveDead(t, n, true)
		if w.r.IntN(3) == 0 { // killed once more while it starts
			starting, stop := context.WithTimeout(t.Context(), time.Duration(w.r.IntN(150))*time.Millisecond)
			_ = n.start(starting)
			stop()
			must(t, n.kill())
			w.kills++
		}
		must(t, n.start(t.Context()))
	}
	w.checkReceipts(t)
	for i, g := range got {
		if i%8 == 0 { // the same bytes again: the same statement
			again, err := w.site.again(t.Context(), g.benchPackage)
			if err != nil || again.position != g.position {
				t.Fatalf("package %s handed in again: position %d, want %d (%v)", g.sum, again.position, g.position, err)
			}
		}
	}
}

// proveDead proves what a node left, its second copy and its published log, before anything can repair them. The views of one that was killed
// can be ahead of the signed head that is stored: they are compared when it has ended by itself.
func (w *torture) proveDead(t *testing.T, n *demoNode, killed bool) {
	t.Helper()
	a, err := runVerification(t.Context(), verifyOptions{dir: n.data(), keyFile: n.keyFile(), noViews: killed}, nil)
	must(t, err)
	if !a.OK {
		t.Fatalf("%s after it was killed: %+v", n.name, a.Error)
	}
	copied := n.dir() + ".copy"
	if _, err := sqlitestore.OpenReader(t.Context(), copied); err == nil {
		r, err := sqlitestore.Verify(t.Context(), copied, sqlitestore.VerifyOptions{}, nil)
		must(t, err)
		if r.Problem != nil || r.Size > a.Size {
			t.Fatalf("copy of %s: %v, %d events of %d", n.name, r.Problem, r.Size, a.Size)
		}
	}
	if _, _, err := checkLog(t.Context(), n.dir(), ""); err != nil {
		t.Fatalf("published log of %s: %v", n.name, err)
	}
}

// checkReceipts holds every receipt that ever left against the records as they stand now: the same statement at the same position, under
// a head that the log still begins with.
func (w *torture) checkReceipts(t *testing.T) {
	t.Helper()
	for _, n := range w.nodes {
		r, err := sqlitestore.OpenReader(t.Context(), n.data())
		must(t, err)
		for _, g := range w.all {
			if w.site.units[g.agency].node != n {
				continue
			}
			rec, err := ledger.ParseReceipt(g.receipt)
			must(t, err)
			h, err := ledger.ReadCheckpoint(rec.Checkpoint)
			must(t, err)
			proof, head, err := r.Proof(t.Context(), rec.Position, h.Size)
			if err == nil && head.Root != h.Root {
				err = fmt.Errorf("root of size %d is %s, the receipt says %s", h.Size, head.Root, h.Root)
			}
			if err == nil {
				err = ledger.CheckInclusion(proof, rec.Position, ledger.Entry(rec.Bytes), h.Size, h.Root)
			}
			e, readErr := r.Event(t.Context(), rec.Position)
			if err = errors.Join(err, readErr); err != nil || !bytes.Equal(e.Bytes, rec.Bytes) {
				t.Fatalf("receipt for position %d of %s does not hold any more: %v", rec.Position, n.name, err)
			}
		}
		must(t, r.Close())
	}
}

// collect takes everything out of all mailboxes, once.
func (w *torture) collect(t *testing.T, seen map[string]int) (n int) {
	t.Helper()
	for _, o := range w.site.units {
		for {
			var got httpapi.TakenAnswer
			must(t, o.api.call(t.Context(), http.MethodPost, "/v1/mailbox/take", nil, httpapi.TakeBody{Max: 100}, &got))
			for _, e := range got.Entries {
				seen[e.Package+" "+o.code]++
				must(t, o.api.acknowledge(t.Context(), e.ID, filepath.Join(t.TempDir(), "acknowledged")))
				n++
			}
			if len(got.Entries) == 0 {
				break
			}
		}
	}
	return n
}

// TestTorture kills nodes under load at random moments, with kill -9, and then holds everything against everything: the records, the published
// logs, the copies, every receipt that left, and every mailbox. make torture does it for minutes.
func TestTorture(t *testing.T) {
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("to repeat the moments: -torture-seed %d", seed)
	w := newTorture(t, seed)
	rounds := 0
	for end := time.Now().Add(*tortureFor); rounds == 0 || time.Now().Before(end); rounds++ {
		w.round(t)
	}

	// Everything that was accepted reaches its recipient, once.
	seen := map[string]int{}
	until(t, "all documents in their mailboxes", func() bool {
		w.collect(t, seen)
		for _, g := range w.all {
			if seen[g.sum+" "+w.site.units[(g.agency+1)%benchAgencies].code] == 0 {
				return false
			}
		}
		return true
	})
	for what, n := range seen {
		if n != 1 {
			t.Errorf("%s was handed out %d times", what, n)
		}
	}
	for _, n := range w.nodes {
		must(t, n.stop())
	}
	for _, n := range w.nodes {
		w.proveDead(t, n, false)
		w.once(t, n)
		w.restored(t, n)
	}
	t.Logf("%d rounds, %d kills, %d receipts, %d documents handed out", rounds, w.kills, len(w.all), len(seen))
}

// once says that nothing was recorded or delivered twice.
func (w *torture) once(t *testing.T, n *demoNode) {
	t.Helper()
	r, err := sqlitestore.OpenReader(t.Context(), n.data())
	must(t, err)
	defer r.Close()
	times := map[string]int{}
	must(t, r.All(t.Context(), 0, func(e events.Event) error {
		switch e.Statement.Name {
		case document.NameReceived:
			times["received "+e.Statement.Package.SHA256.String()]++
		case delivery.NameAcknowledged, delivery.NameForwarded:
			times[e.Statement.Name+" "+e.Statement.Stream]++
		}
		return nil
	}))
	for what, k := range times {
		if k != 1 {
			t.Errorf("%s: %s %d times", n.name, what, k)
		}
	}
}

// restored makes a node's folder from its copy, and has it named what the copy does not have.
func (w *torture) restored(t *testing.T, n *demoNode) {
	t.Helper()
	o := restoreOptions{from: n.dir() + ".copy", to: n.dir() + ".restored", checkpoints: []string{filepath.Join(n.data(), logFolder)}, minFree: -1, now: time.Now}
	a, err := restore(t.Context(), o)
	must(t, err)
	if a.Verdict != verdictComplete && a.Verdict != verdictBehind {
		t.Errorf("restored from the copy of %s: %+v", n.name, a)
	}
	if m := a.Missing; m != nil && (m.From != a.Size || m.To != a.KnownSize || m.Unnamed != m.Count) {
		t.Errorf("missing: %+v of %+v", m, a)
	}
}
