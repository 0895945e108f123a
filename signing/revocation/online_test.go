package revocation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// network is a world whose authority answers over HTTP, as the tests tell it to.
type network struct {
	*world
	clock  *clock
	server *httptest.Server

	mu      sync.Mutex
	handler http.HandlerFunc
	asked   atomic.Int64
}

func (n *network) serve(h http.HandlerFunc) { n.mu.Lock(); defer n.mu.Unlock(); n.handler = h }

// serveBytes answers everything with b.
func (n *network) serveBytes(b []byte) {
	n.serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) })
}

func newNetwork(t *testing.T, crl, ocsp bool) *network {
	n := &network{clock: &clock{t: day}}
	n.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.asked.Add(1)
		n.mu.Lock()
		h := n.handler
		n.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(n.server.Close)
	n.serve(http.NotFound)
	var p trialca.Places
	if crl {
		p.CRL = n.server.URL + "/ca.crl"
	}
	if ocsp {
		p.OCSP = n.server.URL + "/ocsp"
	}
	n.world = newWorld(t, p)
	return n
}

func (n *network) options() revocation.OnlineOptions {
	return revocation.OnlineOptions{Now: n.clock.now, AllowPrivate: true, Jitter: func() float64 { return 1 }}
}

func (n *network) find(s revocation.Source) ([]revocation.Answer, error) {
	n.tb.Helper()
	return s.Find(context.Background(), n.leaf, n.mid.Certificate, day)
}

// want checks an answer and how often the server was asked since the last time.
func (n *network) want(s revocation.Source, status revocation.Status, asked int64, refuse string) []revocation.Answer {
	n.tb.Helper()
	before := n.asked.Load()
	got, err := n.find(s)
	if refuse == "" && err != nil || refuse != "" && (err == nil || !strings.Contains(err.Error(), refuse)) {
		n.tb.Errorf("error %v, want %q", err, refuse)
	}
	if status == revocation.Unknown && len(got) > 0 || status != revocation.Unknown && (len(got) != 1 || got[0].Status != status) {
		n.tb.Errorf("%+v, want %s", got, status)
	}
	if d := n.asked.Load() - before; d != asked {
		n.tb.Errorf("asked %d times, want %d", d, asked)
	}
	return got
}

func TestOnlineCRL(t *testing.T) {
	n := newNetwork(t, true, false)
	first := n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day, NextUpdate: day.Add(hour)})
	n.serveBytes(first)
	var fetches []revocation.Fetch
	o := n.options()
	o.OnFetch = func(f revocation.Fetch) { fetches = append(fetches, f) }
	s := revocation.NewOnline(o)
	if got := n.want(s, revocation.Good, 1, ""); got[0].Source != n.server.URL+"/ca.crl" {
		t.Errorf("source %q", got[0].Source)
	}
	n.want(s, revocation.Good, 0, "") // kept
	n.clock.add(hour)
	n.serveBytes(n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day.Add(hour), NextUpdate: day.Add(2 * hour), Entries: []trialca.Revoked{{Serial: n.leaf.SerialNumber, At: day, Reason: 1}}}))
	n.want(s, revocation.Revoked, 1, "") // replaced when it was to be
	n.clock.add(hour)
	n.serveBytes(first)
	n.want(s, revocation.Revoked, 1, "what is at hand is of") // an older one never takes the place of a newer
	if len(fetches) != 3 || fetches[0].Kind != revocation.CRL || fetches[0].Bytes != len(first) || fetches[2].Err == nil {
		t.Errorf("fetches %+v", fetches)
	}
}

func TestOnlineOCSP(t *testing.T) {
	n := newNetwork(t, true, true)
	key, cert := n.issue(n.mid, trialca.Leaf{Name: "OCSP", Use: trialca.OCSP}, nil)
	responder := n.answering(n.mid, key, cert, day, hour, revocation.Record{Status: revocation.Good})
	var methods []string
	n.serve(func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method)
		http.StripPrefix("/ocsp", responder).ServeHTTP(w, r)
	})
	n.want(revocation.NewOnline(n.options()), revocation.Good, 1, "") // the CRL is not asked for
	o := n.options()
	o.Nonce = seeded("nonce")
	s := revocation.NewOnline(o)
	n.want(s, revocation.Good, 1, "")
	if strings.Join(methods, " ") != "GET POST" {
		t.Errorf("asked by %s, want GET, and POST with a nonce", methods)
	}
	// An answer to another's question, with that nonce.
	replay := responder.Respond(requestWithNonce(t, n, "another"))
	n.serveBytes(replay)
	n.want(revocation.NewOnline(o), revocation.Unknown, 2, "nonce differs")
	// A responder that cannot: the CRL is there.
	crl := n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day})
	n.serve(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ca.crl" {
			_, _ = w.Write(crl)
			return
		}
		_, _ = w.Write([]byte{0x30, 3, 0x0a, 1, 3})
	})
	if got := n.want(revocation.NewOnline(n.options()), revocation.Good, 2, "tryLater"); got[0].Kind != revocation.CRL {
		t.Errorf("%+v", got)
	}
}

// requestWithNonce catches what is asked with a nonce.
func requestWithNonce(t *testing.T, n *network, label string) []byte {
	t.Helper()
	var body []byte
	n.serve(func(_ http.ResponseWriter, r *http.Request) {
		b := make([]byte, 4096)
		k, _ := r.Body.Read(b)
		if r.Method == http.MethodPost {
			body = b[:k]
		}
	})
	o := n.options()
	o.Nonce = seeded(label)
	_, _ = n.find(revocation.NewOnline(o))
	if len(body) == 0 {
		t.Fatal("nothing was asked")
	}
	return body
}

func TestOnlineFailure(t *testing.T) {
	n := newNetwork(t, true, false)
	good := n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day, NextUpdate: day.Add(hour)})
	n.serve(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	s := revocation.NewOnline(n.options())
	n.want(s, revocation.Unknown, 1, "503")
	n.want(s, revocation.Unknown, 0, "not asked again before 2026-11-22T08:00:10Z")
	n.clock.add(9 * time.Second)
	n.want(s, revocation.Unknown, 0, "not asked again")
	n.clock.add(time.Second)
	n.want(s, revocation.Unknown, 1, "503")
	n.clock.add(19 * time.Second) // twice as long
	n.want(s, revocation.Unknown, 0, "not asked again")
	n.clock.add(time.Second)
	n.serveBytes(good)
	n.want(s, revocation.Good, 1, "")
	// Once it is stale and nobody answers, the stale one is given with the reason: what that means is policy.
	n.clock.add(hour)
	n.serve(http.NotFound)
	n.want(s, revocation.Good, 1, "404")
	n.want(s, revocation.Good, 0, "404")
	n.clock.add(24 * hour)
	k := revocation.Checker{Source: s}
	st := k.Chain(context.Background(), n.chain()[:2], n.clock.now(), revocation.Freshness{})
	if st.Status() != revocation.Unknown || !strings.Contains(st.Certificates[0].Why, "was to be replaced") || !strings.Contains(st.Certificates[0].Why, "404") {
		t.Errorf("%s (%s)", st.Status(), st.Certificates[0].Why)
	}
}

// TestOnlineOdd: what servers may not do.
func TestOnlineOdd(t *testing.T) {
	n := newNetwork(t, true, false)
	stranger, err := trialca.New("CA cấp chứng thư", seeded("stranger"), n.clock.now)
	n.must(err)
	forged := n.crl(stranger, trialca.CRLOptions{ThisUpdate: day})
	ofRoot := n.crl(n.root, trialca.CRLOptions{ThisUpdate: day})
	for name, c := range map[string]struct {
		serve  http.HandlerFunc
		asked  int64
		refuse string
	}{
		"garbage":           {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, 1, "malformed"},
		"another's":         {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(forged) }, 1, "names the key"},
		"the one above":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(ofRoot) }, 1, "it is not by"},
		"endless redirects": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, 4, "more than 3 redirects"},
		"to a file": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, 1, "only http and https"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			b := make([]byte, 1<<20)
			for range 65 {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}, 1, "more than 67108864 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			n.tb = t
			n.serve(c.serve)
			n.want(revocation.NewOnline(n.options()), revocation.Unknown, c.asked, c.refuse)
		})
	}
	n.tb = t
	// Garbage does not push out what was good.
	s := revocation.NewOnline(n.options())
	n.serveBytes(n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day, NextUpdate: day.Add(hour)}))
	n.want(s, revocation.Good, 1, "")
	n.clock.add(hour)
	n.serveBytes(forged)
	n.want(s, revocation.Good, 1, "names the key")
}

func TestOnlineUnchanged(t *testing.T) {
	n := newNetwork(t, true, false)
	der := n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day, NextUpdate: day.Add(24 * hour)})
	var not int
	n.serve(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			not++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(der)
	})
	o := n.options()
	o.Renew = hour
	s := revocation.NewOnline(o)
	n.want(s, revocation.Good, 1, "")
	n.clock.add(hour)
	n.want(s, revocation.Good, 1, "")
	n.want(s, revocation.Good, 0, "")
	n.clock.add(hour)
	n.want(s, revocation.Good, 1, "")
	if not != 2 {
		t.Errorf("%d answers without content, want 2", not)
	}
}

func TestOnlineRestart(t *testing.T) {
	n := newNetwork(t, true, true)
	o := n.options()
	o.Folder = filepath.Join(t.TempDir(), "cache")
	der := n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day, NextUpdate: day.Add(hour)})
	n.serve(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ca.crl" {
			_, _ = w.Write(der)
			return
		}
		http.StripPrefix("/ocsp", n.answering(n.mid, nil, nil, day, hour, revocation.Record{Status: revocation.Good})).ServeHTTP(w, r)
	})
	n.want(revocation.NewOnline(o), revocation.Good, 1, "")
	n.serve(http.NotFound)
	n.want(revocation.NewOnline(o), revocation.Good, 0, "") // after a restart, without the network
	files, err := os.ReadDir(o.Folder)
	n.must(err)
	if len(files) != 1 {
		t.Fatalf("%d files kept, want 1", len(files))
	}
	// Whoever writes into the folder cannot make anybody believe anything.
	n.must(os.WriteFile(filepath.Join(o.Folder, files[0].Name()), []byte("garbage"), 0o644))
	n.want(revocation.NewOnline(o), revocation.Unknown, 2, "404")
	for _, name := range []string{"a", "b", "c"} {
		n.must(os.WriteFile(filepath.Join(o.Folder, name), nil, 0o644))
	}
	n.must(os.Chtimes(filepath.Join(o.Folder, "b"), day.AddDate(-9, 0, 0), day.AddDate(-9, 0, 0)))
	n.must(revocation.Prune(o.Folder, 3))
	if _, err := os.Stat(filepath.Join(o.Folder, "b")); !os.IsNotExist(err) {
		t.Errorf("the oldest file is still there: %v", err)
	}
}

// TestOnlineOnce: many ask at once, the server is asked once.
func TestOnlineOnce(t *testing.T) {
	n := newNetwork(t, true, false)
	der := n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day, NextUpdate: day.Add(hour)})
	arrived, release := make(chan struct{}, 50), make(chan struct{})
	n.serve(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = w.Write(der)
	})
	s := revocation.NewOnline(n.options())
	var wg sync.WaitGroup
	var good atomic.Int64
	for range 50 {
		wg.Go(func() {
			if got, err := n.find(s); err == nil && len(got) == 1 {
				good.Add(1)
			}
		})
	}
	<-arrived // the first; the others wait for it or come too late to ask
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Find(ctx, n.leaf, n.mid.Certificate, day); !errors.Is(err, context.Canceled) {
		t.Errorf("someone who gave up gets %v", err)
	}
	close(release)
	wg.Wait()
	if good.Load() != 50 || n.asked.Load() != 1 {
		t.Errorf("%d got the answer, asked %d times", good.Load(), n.asked.Load())
	}
}

func TestPrivateAddresses(t *testing.T) {
	n := newNetwork(t, true, false)
	n.serveBytes(n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day}))
	o := n.options()
	o.AllowPrivate = false
	n.want(revocation.NewOnline(o), revocation.Unknown, 0, "not public")
	// A name that leads there is found out when connecting, and so is a redirect.
	for _, u := range []string{"http://localhost:1/x", "http://LOCALHOST/x", "http://[::1]/x", "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/x", "ldap://ca.example/x", "http:///x", "http://user:secret@ca.example/x", "file:///etc/passwd"} {
		cert := *n.leaf
		cert.CRLDistributionPoints = []string{u}
		got, err := revocation.NewOnline(o).Find(context.Background(), &cert, n.mid.Certificate, day)
		if len(got) > 0 || err == nil {
			t.Errorf("%s was asked: %v", u, err)
		}
	}
}

// TestDialGuard: what a harmless looking name or a redirect leads to is found out where the connection is made.
func TestDialGuard(t *testing.T) {
	n := newNetwork(t, true, false)
	address := n.server.Listener.Addr().String()
	o := n.options()
	if err := revocation.Dial(context.Background(), o, address); err != nil {
		t.Errorf("where private addresses are allowed: %v", err)
	}
	o.AllowPrivate = false
	if err := revocation.Dial(context.Background(), o, address); !errors.Is(err, revocation.ErrPrivateAddress) {
		t.Errorf("error %v, want ErrPrivateAddress", err)
	}
}

// TestOnlineForgets: what does not fit into memory is asked for again.
func TestOnlineForgets(t *testing.T) {
	n := newNetwork(t, true, false)
	lists := map[string][]byte{"/ca.crl": n.crl(n.mid, trialca.CRLOptions{ThisUpdate: day}), "/root.crl": n.crl(n.root, trialca.CRLOptions{ThisUpdate: day})}
	n.serve(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(lists[r.URL.Path]) })
	above := *n.mid.Certificate
	above.CRLDistributionPoints = []string{n.server.URL + "/root.crl"}
	for limit, want := range map[int64]int64{1: 4, 1 << 20: 2} {
		o := n.options()
		o.MaxMemory = limit
		s := revocation.NewOnline(o)
		before := n.asked.Load()
		for range 2 {
			for _, c := range [][2]*x509.Certificate{{n.leaf, n.mid.Certificate}, {&above, n.root.Certificate}} {
				if got, err := find(t, s, c[0], c[1]); err != nil || len(got) != 1 || got[0].Status != revocation.Good {
					t.Fatalf("%+v, %v", got, err)
				}
			}
		}
		if d := n.asked.Load() - before; d != want {
			t.Errorf("with %d bytes asked %d times, want %d", limit, d, want)
		}
	}
}

// BenchmarkOnlineCached judges a chain by what was fetched before, as a node does for every package.
func BenchmarkOnlineCached(b *testing.B) {
	n := &network{clock: &clock{t: day}}
	n.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ca := n.mid
		if strings.HasPrefix(r.URL.Path, "/root") {
			ca = n.root
		}
		http.StripPrefix(strings.Join(strings.SplitN(r.URL.EscapedPath(), "/", 3)[:2], "/"), n.answering(ca, nil, nil, day, hour, revocation.Record{Status: revocation.Good})).ServeHTTP(w, r)
	}))
	defer n.server.Close()
	n.world = newWorld(b, trialca.Places{OCSP: n.server.URL + "/root"}, trialca.Places{OCSP: n.server.URL + "/mid"})
	k := revocation.Checker{Source: revocation.NewOnline(n.options())}
	b.ReportAllocs()
	for b.Loop() {
		if st := k.Chain(context.Background(), n.chain(), day, revocation.Freshness{}); st.Status() != revocation.Good {
			b.Fatal(st.Certificates[0].Why, st.Certificates[1].Why)
		}
	}
}
