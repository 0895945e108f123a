package witness_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

// site is one witness with all that it serves.
func site(t *testing.T, o witness.Options) (*witness.Witness, witness.Peer, *httptest.Server) {
	t.Helper()
	o.Cosigner, o.Store, o.Now, o.Split = cosigner(t, "w.example/w"), newMemory(), newClock().now, (&evidence{}).keep
	w, err := witness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/w/add-checkpoint", w)
	mux.HandleFunc("/w/latest", w.ServeLatest)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return w, witness.Peer{Name: "w", Key: o.Cosigner.Key, URL: s.URL + "/w"}, s
}

func clientOf(t *testing.T, o witness.ClientOptions, peers ...witness.Peer) *witness.Client {
	t.Helper()
	p, err := witness.NewPolicy(1, peers...)
	return witness.NewClient(must(t, p, err), o)
}

// A witness that says it has seen more, or other, shows what our own key signed.
func TestAccusationIsProved(t *testing.T) {
	_, peer, _ := site(t, witness.Options{Keys: keysOf(t, origin)})
	l := newLog(origin).grow(t, "a", 30)
	if _, err := gather(t, clientOf(t, witness.ClientOptions{}, peer), l, 30); err != nil {
		t.Fatal(err)
	}
	ours := func(b []byte) {
		t.Helper()
		n, err := note.Open(b, note.VerifierList(l.signer(t)))
		if err != nil || n.Text != l.text(t, 30) {
			t.Errorf("not proved by our own signature: %v", err)
		}
	}
	behind := new(witness.BehindError)
	if _, err := gather(t, clientOf(t, witness.ClientOptions{}, peer), l, 20); !errors.As(err, &behind) || behind.Theirs != 30 {
		t.Fatal(err)
	}
	ours(behind.Cosigned)
	split := new(witness.SplitError)
	if _, err := gather(t, clientOf(t, witness.ClientOptions{}, peer), l.fork(t, 20, "b", 15), 35); !errors.As(err, &split) || split.Size != 30 {
		t.Fatal(err)
	}
	ours(split.Cosigned)
}

// Only a checkpoint that the log signed and that was not joined is doubted, and never one that was.
func TestDoubt(t *testing.T) {
	var doubted []string
	w, _, _ := site(t, witness.Options{Keys: keysOf(t, origin), Doubt: func(o string, b []byte) {
		if o != origin {
			t.Errorf("doubt about %q", o)
		}
		doubted = append(doubted, string(b))
	}})
	l := newLog(origin).grow(t, "a", 30)
	forked := l.fork(t, 10, "b", 30)
	for _, c := range []struct {
		body   []byte
		status int
		doubt  string
	}{
		{l.request(t, 0, 20), 200, ""},
		{l.request(t, 0, 25), 409, ""}, // only doesn't know how far we are
		{l.request(t, 0, 15), 409, string(l.checkpoint(t, 15))},
		{forked.request(t, 20, 40), 422, string(forked.checkpoint(t, 40))},
		{l.request(t, 20, 30), 200, ""},
		{newLog("x.example/log").grow(t, "a", 5).request(t, 0, 5), 404, ""},
	} {
		doubted = nil
		if a := w.Add(context.Background(), c.body); a.Status != c.status {
			t.Errorf("answered %+v, expected %d", a, c.status)
		}
		if c.doubt == "" && len(doubted) > 0 || c.doubt != "" && (len(doubted) != 1 || doubted[0] != c.doubt) {
			t.Errorf("status %d: doubts %q", c.status, doubted)
		}
	}
}

func TestServeLatest(t *testing.T) {
	w, peer, server := site(t, witness.Options{Keys: keysOf(t, origin)})
	get := func(method, origin string) int {
		t.Helper()
		req, err := http.NewRequest(method, peer.URL+"/latest?origin="+url.QueryEscape(origin), nil)
		resp, err := server.Client().Do(must(t, req, err))
		must(t, resp, err).Body.Close()
		return resp.StatusCode
	}
	if s := get("GET", origin); s != 404 {
		t.Errorf("before the first: %d", s)
	}
	l := newLog(origin).grow(t, "a", 3)
	if a := w.Add(context.Background(), l.request(t, 0, 3)); a.Status != 200 {
		t.Fatal(a)
	}
	for _, c := range []struct {
		method, origin string
		want           int
	}{{"GET", origin, 200}, {"HEAD", origin, 200}, {"POST", origin, 405}, {"GET", "x.example/log", 404}, {"GET", "", 404}} {
		if s := get(c.method, c.origin); s != c.want {
			t.Errorf("%s %q: %d, expected %d", c.method, c.origin, s, c.want)
		}
	}
}

type unreachable struct{ asked int }

func (u *unreachable) Do(*http.Request) (*http.Response, error) {
	u.asked++
	return nil, errors.New("no route")
}

// A witness that is away is asked less and less often, and at once again when it was reached.
func TestRest(t *testing.T) {
	clock, net := newClock(), &unreachable{}
	c := clientOf(t, witness.ClientOptions{HTTP: net, Rest: time.Second, Now: clock.now}, witness.Peer{Name: "w", Key: cosigner(t, "w.example/w").Key, URL: "https://w.example"})
	l := newLog(origin).grow(t, "a", 3)
	for i, d := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second} {
		if d > 0 {
			clock.move(d - time.Nanosecond)
			if res, err := gather(t, c, l, 3); !errors.Is(err, witness.ErrQuorum) || !errors.Is(res.Replies[0].Err, witness.ErrResting) {
				t.Errorf("%d: asked too early: %v", i, res.Replies[0].Err)
			}
			clock.move(time.Nanosecond)
		}
		if res, _ := gather(t, c, l, 3); errors.Is(res.Replies[0].Err, witness.ErrResting) || net.asked != i+1 {
			t.Errorf("%d: not asked: %v", i, res.Replies[0].Err)
		}
	}
}
