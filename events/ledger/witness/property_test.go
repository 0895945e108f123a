package witness_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

// Whatever logs send, whenever the witness restarts and however its store fails: all that it ever cosigned is one
// history that only grows, with times that do not decrease, and what it keeps is never less than what it said.
func TestWitnessKeepsItsPromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, store, e := newClock(), newMemory(), &evidence{}
		branches := []*testLog{newLog(origin).grow(t, "0", rapid.IntRange(1, 40).Draw(t, "leaves"))}
		w := newWitness(t, ourName, store, c, e, origin)
		var said []promise
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			b := branches[rapid.IntRange(0, len(branches)-1).Draw(t, "branch")]
			switch rapid.SampledFrom([]string{"send", "send", "send", "send", "grow", "fork", "restart", "clock"}).Draw(t, "step") {
			case "grow":
				b.grow(t, fmt.Sprint(len(branches)), rapid.IntRange(1, 30).Draw(t, "leaves"))
			case "fork":
				at := rapid.Int64Range(0, b.size-1).Draw(t, "at")
				branches = append(branches, b.fork(t, at, fmt.Sprint("fork ", len(branches)), rapid.IntRange(1, 20).Draw(t, "leaves")))
			case "restart":
				w = newWitness(t, ourName, store, c, e, origin)
			case "clock":
				c.move(time.Duration(rapid.IntRange(-30, 90).Draw(t, "seconds")) * time.Second)
			case "send":
				said = send(t, w, store, b, said)
			}
		}
		checkPromises(t, branches, said)
		for _, x := range e.all {
			if string(x.Cosigned) == string(x.Refused) {
				t.Errorf("evidence of one root: %+v", x)
			}
		}
	})
}

type promise struct {
	size int64
	text string
	at   int64
}

// send draws a request, most often one that a right client would make, and a fault of the store.
func send(t *rapid.T, w *witness.Witness, store *memory, b *testLog, said []promise) []promise {
	size := rapid.Int64Range(0, b.size).Draw(t, "size")
	old := rapid.Int64Range(0, size).Draw(t, "old")
	if n := len(said); n > 0 && rapid.IntRange(0, 4).Draw(t, "right old") > 0 && said[n-1].size <= b.size {
		old = said[n-1].size
		size = rapid.Int64Range(old, b.size).Draw(t, "size from old")
	}
	r := witness.Request{Old: uint64(old), Checkpoint: b.checkpoint(t, size)}
	r.Proof = b.proof(t, old, size)
	if len(r.Proof) > 0 && rapid.IntRange(0, 9).Draw(t, "break proof") == 0 {
		r.Proof[rapid.IntRange(0, len(r.Proof)-1).Draw(t, "hash")][0] ^= 1
	}
	switch rapid.IntRange(0, 7).Draw(t, "fault") {
	case 0:
		store.fault = func() (bool, error) { return false, errors.New("disk full") }
	case 1:
		store.fault = func() (bool, error) { return true, errors.New("time-out") }
	default:
		store.fault = nil
	}
	a := w.Add(context.Background(), r.Encode())
	if a.Status != 200 {
		return said
	}
	text := b.text(t, size)
	at, ok := judge(a.Body, ourName, public(ourName), text)
	if !ok {
		t.Fatalf("answer %q is no cosignature of %q", a.Body, text)
	}
	kept, err := w.Latest(origin)
	if err != nil || !strings.HasPrefix(string(kept), text+"\n") {
		t.Fatalf("cosigned %q, kept %q, %v", text, kept, err)
	}
	return append(said, promise{size, text, at})
}

func checkPromises(t *rapid.T, branches []*testLog, said []promise) {
	for i, p := range said {
		if i > 0 && (p.size < said[i-1].size || p.at < said[i-1].at) {
			t.Fatalf("size %d at %d was cosigned after size %d at %d", p.size, p.at, said[i-1].size, said[i-1].at)
		}
	}
	if len(said) == 0 {
		return
	}
	last := said[len(said)-1]
	for _, b := range branches {
		if b.size < last.size || b.text(t, last.size) != last.text {
			continue
		}
		for _, p := range said {
			if b.text(t, p.size) != p.text {
				t.Fatalf("size %d was cosigned with a root that is no prefix of size %d", p.size, last.size)
			}
		}
		return
	}
	t.Fatalf("no log has the head of size %d that was cosigned", last.size)
}

// One client leads any growing log through witnesses that fail at random; nobody is ever accused.
func TestHonestLogIsNeverAccused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		l := newLog(origin)
		net := &inProcess{witnesses: map[string]*witness.Witness{}, down: map[string]int{}}
		var peers []witness.Peer
		for _, name := range names {
			net.witnesses[name] = newWitness(t, name+".example/w", newMemory(), c, &evidence{}, origin)
			peers = append(peers, witness.Peer{Name: name, Key: cosigner(t, name+".example/w").Key, URL: "http://" + name})
		}
		p, err := witness.NewPolicy(2, peers...)
		if err != nil {
			t.Fatal(err)
		}
		client := witness.NewClient(p, witness.ClientOptions{HTTP: net, Timeout: time.Minute})
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			l.grow(t, "a", rapid.IntRange(0, 300).Draw(t, "leaves"))
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				client = witness.NewClient(p, witness.ClientOptions{HTTP: net, Timeout: time.Minute})
			}
			up := 0
			for _, name := range names {
				net.down[name] = rapid.IntRange(0, 3).Draw(t, "state of "+name)
				if net.down[name] > 1 {
					up++
				}
			}
			res, err := client.Gather(context.Background(), l.checkpoint(t, l.size), witness.ProveFrom(l))
			if errors.Is(err, witness.ErrSplit) || errors.Is(err, witness.ErrBehind) {
				t.Fatalf("an honest log is accused: %v", err)
			}
			if (err == nil) != (up >= 2) || res.Verdict.Satisfied != (up >= 2) || len(res.Verdict.Cosignatures) != up {
				t.Fatalf("%d witnesses up: %v, %+v", up, err, res.Verdict)
			}
			c.move(time.Second)
		}
	})
}
