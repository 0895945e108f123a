package witness_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

// network is three witnesses behind real HTTP; fault stands before one of them if it is set.
type network struct {
	clock     *clock
	witnesses []*witness.Witness
	evidence  []*evidence
	fault     []func(rw http.ResponseWriter, r *http.Request, next http.Handler)
	peers     []witness.Peer
}

var names = []string{"province", "vpcp", "archive"}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{clock: newClock(), fault: make([]func(http.ResponseWriter, *http.Request, http.Handler), len(names))}
	for i, name := range names {
		e := &evidence{}
		w := newWitness(t, name+".example/w", newMemory(), n.clock, e, origin)
		mux := http.NewServeMux()
		mux.HandleFunc("/witness/add-checkpoint", func(rw http.ResponseWriter, r *http.Request) {
			if f := n.fault[i]; f != nil {
				f(rw, r, n.witnesses[i])
				return
			}
			n.witnesses[i].ServeHTTP(rw, r)
		})
		mux.Handle("/elsewhere/add-checkpoint", w)
		s := httptest.NewServer(mux)
		t.Cleanup(s.Close)
		n.witnesses, n.evidence = append(n.witnesses, w), append(n.evidence, e)
		n.peers = append(n.peers, witness.Peer{Name: name, Key: cosigner(t, name+".example/w").Key, URL: s.URL + "/witness/"})
	}
	return n
}

func (n *network) client(t *testing.T, k int, timeout time.Duration) *witness.Client {
	t.Helper()
	p, err := witness.NewPolicy(k, n.peers...)
	return witness.NewClient(must(t, p, err), witness.ClientOptions{Timeout: timeout})
}

func gather(t *testing.T, c *witness.Client, l *testLog, size int64) (witness.Result, error) {
	t.Helper()
	return c.Gather(context.Background(), l.checkpoint(t, size), witness.ProveFrom(l))
}

func TestGather(t *testing.T) {
	n := newNetwork(t)
	l := newLog(origin).grow(t, "a", 300)
	c := n.client(t, 2, time.Minute)
	for _, size := range []int64{1, 1, 2, 17, 256, 300} {
		res, err := gather(t, c, l, size)
		if err != nil {
			t.Fatal(err)
		}
		if !res.Verdict.Satisfied || len(res.Verdict.Cosignatures) != 3 || res.Verdict.Head.Size != uint64(size) {
			t.Fatalf("size %d: %+v", size, res.Verdict)
		}
		opened, err := note.Open(res.Checkpoint, note.VerifierList(l.signer(t)))
		if err != nil || opened.Text != l.text(t, size) {
			t.Fatalf("the log's own line is gone: %v", err)
		}
		for i, name := range names {
			s := res.Verdict.Cosignatures[i]
			if s.Name != name || !s.Time.Equal(start) || res.Replies[i].Err != nil || !res.Replies[i].Time.Equal(start) {
				t.Errorf("size %d: %+v, %+v", size, s, res.Replies[i])
			}
			found := false
			for _, u := range opened.UnverifiedSigs {
				at, ok := judge("— "+u.Name+" "+u.Base64+"\n", name+".example/w", public(name+".example/w"), opened.Text)
				found = found || ok && at == start.Unix()
			}
			if !found {
				t.Errorf("no line of %s in %s", name, res.Checkpoint)
			}
		}
		// A second round over the merged checkpoint replaces lines and adds none.
		again, err := c.Gather(context.Background(), res.Checkpoint, witness.ProveFrom(l))
		if err != nil || bytes.Count(again.Checkpoint, []byte("— ")) != 4 {
			t.Fatalf("again: %v\n%s", err, again.Checkpoint)
		}
	}
}

// A witness that fails costs its cosignature, nothing else; with two such the quorum of two is not reached.
func TestGatherWithFaults(t *testing.T) {
	type handler = func(http.ResponseWriter, *http.Request, http.Handler)
	answer := func(status int, kind, body string) handler {
		return func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.Header().Set("Content-Type", kind)
			rw.WriteHeader(status)
			fmt.Fprint(rw, body)
		}
	}
	const size = "text/x.tlog.size"
	wrong := newWitness(t, "vpcp.example/w", newMemory(), newClock(), &evidence{}, origin).Add(context.Background(),
		newLog(origin).grow(t, "other", 3).request(t, 0, 3)).Body
	l := newLog(origin).grow(t, "a", 30)
	stranger := newWitness(t, "stranger.example/w", newMemory(), newClock(), &evidence{}, origin).Add(context.Background(), l.request(t, 0, 20)).Body
	for name, f := range map[string]handler{
		"down":                    answer(500, "text/plain", "out of order"),
		"unknown origin":          answer(404, "text/plain", "who?"),
		"forbidden":               answer(403, "text/plain", "no"),
		"empty answer":            answer(200, "text/plain", ""),
		"garbage":                 answer(200, "text/plain", "\x00\xff"),
		"cosignature of other":    answer(200, "text/plain", wrong),
		"stranger's":              answer(200, "text/plain", stranger),
		"text before lines":       answer(200, "text/plain", "more\n\n"+wrong),
		"endless":                 answer(200, "text/plain", strings.Repeat("— a AAAAAAAA\n", 1<<16)),
		"conflict without type":   answer(409, "text/plain", "5\n"),
		"conflict without size":   answer(409, size, "all\n"),
		"conflict with huge size": answer(409, size, "99999999999999999999\n"),
		"conflict with its own":   answer(409, size, "0\n"),
		"refuses the first proof": answer(422, "text/plain", "no"),
		"elsewhere": func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(rw, r, "/elsewhere/add-checkpoint", http.StatusTemporaryRedirect)
		},
		"cut off": func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) },
		"answers another size in each round": func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
			var old int
			fmt.Fscanf(r.Body, "old %d\n", &old)
			answer(409, size, fmt.Sprintf("%d\n", old+1))(rw, r, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.fault[1] = f
			res, err := gather(t, n.client(t, 2, time.Minute), l, 20)
			if err != nil || len(res.Verdict.Cosignatures) != 2 || !res.Verdict.Satisfied || res.Replies[1].Err == nil {
				t.Fatalf("%v, %+v", err, res)
			}
			if errors.Is(res.Replies[1].Err, witness.ErrBehind) || errors.Is(res.Replies[1].Err, witness.ErrSplit) {
				t.Errorf("a fault is taken for an accusation: %v", res.Replies[1].Err)
			}
			n.fault[2] = f
			if res, err = gather(t, n.client(t, 2, time.Minute), l, 21); !errors.Is(err, witness.ErrQuorum) || res.Verdict.Satisfied || len(res.Verdict.Cosignatures) != 1 {
				t.Fatalf("%v, %+v", err, res.Verdict)
			}
		})
	}
}

// A witness that hangs is left behind at the time-out; the next round finds that its cosigning had succeeded.
func TestGatherTimesOut(t *testing.T) {
	n := newNetwork(t)
	l := newLog(origin).grow(t, "a", 30)
	n.fault[0] = func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(httptest.NewRecorder(), r)
		<-r.Context().Done()
	}
	c := n.client(t, 2, 100*time.Millisecond)
	res, err := gather(t, c, l, 10)
	if err != nil || !errors.Is(res.Replies[0].Err, context.DeadlineExceeded) {
		t.Fatalf("%v, %+v", err, res.Replies)
	}
	n.fault[0] = nil
	if res, err = gather(t, n.client(t, 3, time.Minute), l, 10); err != nil || len(res.Verdict.Cosignatures) != 3 {
		t.Fatalf("%v, %+v", err, res.Replies)
	}
}

func TestGatherFindsThatWeAreBehind(t *testing.T) {
	n := newNetwork(t)
	l := newLog(origin).grow(t, "a", 30)
	if _, err := gather(t, n.client(t, 3, time.Minute), l, 25); err != nil {
		t.Fatal(err)
	}
	for _, log := range []*testLog{l, l.fork(t, 20, "after a restored backup", 3)} {
		res, err := gather(t, n.client(t, 0, time.Minute), log, 22)
		var behind *witness.BehindError
		if !errors.Is(err, witness.ErrBehind) || !errors.As(err, &behind) || behind.Theirs != 25 || behind.Ours != 22 || behind.Witness != "province" {
			t.Fatalf("%v", err)
		}
		if len(res.Verdict.Cosignatures) != 0 {
			t.Errorf("cosigned: %+v", res.Verdict)
		}
	}
}

func TestGatherFindsSplit(t *testing.T) {
	n := newNetwork(t)
	l := newLog(origin).grow(t, "a", 30)
	fork := l.fork(t, 12, "b", 18)
	// One witness was shown the other history.
	if a := n.witnesses[2].Add(context.Background(), fork.request(t, 0, 20)); a.Status != 200 {
		t.Fatal(a)
	}
	for i, size := range []int64{20, 25} {
		res, err := gather(t, n.client(t, 2, time.Minute), l, size)
		var split *witness.SplitError
		if !errors.As(err, &split) || split.Witness != "archive" || split.Size != 20 || split.Ours != l.root(t, 20) {
			t.Fatalf("%v", err)
		}
		if errors.Is(err, witness.ErrQuorum) || len(res.Verdict.Cosignatures) != 2 {
			t.Errorf("the other two: %v", res.Verdict)
		}
		if len(n.evidence[2].all) != 1 {
			t.Errorf("size %d: %d pieces of evidence at the witness", size, len(n.evidence[2].all))
		}
		_ = i
	}
}

func TestGatherFindsForgetfulWitness(t *testing.T) {
	n := newNetwork(t)
	l := newLog(origin).grow(t, "a", 30)
	c := n.client(t, 2, time.Minute)
	first, err := gather(t, c, l, 20)
	if err != nil {
		t.Fatal(err)
	}
	n.witnesses[0] = newWitness(t, "province.example/w", newMemory(), n.clock, &evidence{}, origin)
	restarted := n.client(t, 2, time.Minute)
	if err := restarted.Remember(first.Checkpoint); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*witness.Client{c, restarted} {
		res, err := gather(t, c, l, 22)
		if err != nil || !errors.Is(res.Replies[0].Err, witness.ErrForgot) || len(res.Verdict.Cosignatures) != 2 {
			t.Errorf("%v, %+v", err, res.Replies)
		}
	}
	// And the other way round: what witnesses signed for us binds us, also while they are silent.
	for i := range n.fault {
		n.fault[i] = func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { rw.WriteHeader(500) }
	}
	late := n.client(t, 0, time.Minute)
	if err := late.Remember(first.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if _, err := gather(t, late, l, 19); !errors.Is(err, witness.ErrBehind) {
		t.Errorf("%v, expected ErrBehind", err)
	}
}

// The client refuses our own mistakes before any witness is asked or accused.
func TestGatherRefusesOurMistakes(t *testing.T) {
	n := newNetwork(t)
	l := newLog(origin).grow(t, "a", 30)
	c := n.client(t, 1, time.Minute)
	if _, err := gather(t, c, l, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := gather(t, c, l, 9); !errors.Is(err, witness.ErrOlder) {
		t.Errorf("smaller head: %v", err)
	}
	if _, err := gather(t, c, l.fork(t, 5, "b", 5), 10); err == nil || errors.Is(err, witness.ErrSplit) {
		t.Errorf("two roots: %v", err)
	}
	if _, err := gather(t, c, newLog("other.example").grow(t, "a", 11), 11); err == nil || errors.Is(err, witness.ErrQuorum) {
		t.Error("another log was accepted")
	}
	for i := range n.fault {
		n.fault[i] = func(http.ResponseWriter, *http.Request, http.Handler) { t.Error("a witness was asked") }
	}
	for name, prove := range map[string]witness.Prover{
		"none": func(context.Context, uint64, uint64) (tlog.Hash, tlog.TreeProof, error) {
			return tlog.Hash{}, nil, errors.New("tile is lost")
		},
		"false": func(_ context.Context, old, size uint64) (tlog.Hash, tlog.TreeProof, error) {
			return l.root(t, int64(old)), l.proof(t, int64(old)-1, int64(size)), nil
		},
	} {
		res, err := c.Gather(context.Background(), l.checkpoint(t, 20), prove)
		if !errors.Is(err, witness.ErrQuorum) || errors.Is(err, witness.ErrSplit) || len(res.Verdict.Cosignatures) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
