package router_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/schemas"
)

// follower judges a node's record again while it grows.
type follower struct {
	n    *full
	r    *rerun.Rerun
	next uint64
}

func (n *full) follower(streams int) *follower {
	r, err := rerun.New(context.Background(), rerun.Options{
		Origin: n.origin(), Record: n.store, Pinned: []events.Digest{sha256.Sum256(n.adminOf.Raw)}, Streams: streams,
	})
	n.w.must(err)
	return &follower{n: n, r: r}
}

func (f *follower) follow() error {
	ctx := context.Background()
	return f.n.store.All(ctx, f.next, func(e events.Event) error {
		f.next = e.Position + 1
		return f.r.One(ctx, e, rerun.Source{})
	})
}

// chance does one thing that may happen to the network, allowed or not.
func (w *network) chance(random *rand.Rand, documents map[string][]string, i int) string {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	agencies := []string{"H02", "H02.05", "H02.18", "G22", "G22.05", "G22.18"}
	from := pick(agencies...)
	some := func() (out []string) {
		for _, a := range agencies {
			if a != from && random.IntN(3) == 0 {
				out = append(out, a)
			}
		}
		if len(out) == 0 {
			out = []string{agencies[(random.IntN(5)+1)%6]}
		}
		return out
	}
	earlier := func() (number, id string, ok bool) {
		if len(documents[from]) == 0 {
			return "", "", false
		}
		number = pick(documents[from]...)
		return number, from + ",2026/11/20," + number + "/VB", true
	}
	number := fmt.Sprint(1000 + i)
	switch what := random.IntN(14); what {
	case 0, 1, 2:
		b, _ := w.letter(from, number, some(), nil)
		if _, err := w.hand(from, b); err == nil {
			documents[from] = append(documents[from], number)
		}
		return "new"
	case 3:
		if old, _, ok := earlier(); ok {
			b, _ := w.letter(from, old, some(), nil)
			_, _ = w.hand(from, b)
		}
		return "resent"
	case 4, 5:
		_, id, ok := earlier()
		if !ok {
			return ""
		}
		b, _ := w.letter(from, number, some(), func(d *schemas.Document) {
			d.ResponseFor = []schemas.ResponseFor{{OrganID: from, DocumentID: id, Code: number}}
			if what == 4 {
				d.Business = schemas.Business{Present: true, Type: schemas.BusinessRecall, Reason: "Nhầm", DocumentID: id}
				return
			}
			d.Business = schemas.Business{Present: true, Type: schemas.BusinessUpdate, DocumentID: id, Reason: "Sửa",
				Updates: []schemas.BusinessUpdateInfo{{Content: random.IntN(2) == 0, Recipients: true,
					Receivers: []schemas.Receiver{{OrganID: pick(agencies...), Added: random.IntN(2) == 0}}}}}
		})
		if _, err := w.hand(from, b); err == nil {
			documents[from] = append(documents[from], number)
		}
		return "effect"
	case 6, 7:
		owner := pick(agencies...)
		if len(documents[owner]) == 0 {
			return ""
		}
		old := pick(documents[owner]...)
		b, _, err := schemas.MarshalStatus(&schemas.Status{
			From: w.organisation(from), Code: schemas.StatusCode(pick("01", "02", "03", "06", "13", "15", "16")), Description: "thử",
			ResponseFor: schemas.ResponseFor{OrganID: owner, Code: old + "/VB", DocumentID: owner + ",2026/11/20," + old + "/VB",
				PromulgationDate: schemas.Date{Year: 2026, Month: 11, Day: 20}},
			Timestamp: w.clock(), TimestampRaw: w.clock().Format("2006/01/02 15:04:05"),
		})
		w.must(err)
		_, _ = w.hand(from, w.sign(b, from))
		return "status"
	case 8, 9:
		n := w.at(from)
		c, err := n.node.Authenticate(gateway.Credential{Token: "token of " + from})
		if err != nil {
			return ""
		}
		w.must(n.views.WaitFor(context.Background(), n.store.Head().Size))
		taken, err := n.node.Take(context.Background(), c, gateway.TakeRequest{Max: 2, Lease: time.Minute})
		w.must(err)
		for _, e := range taken {
			if random.IntN(3) > 0 {
				_, err := n.node.Acknowledge(context.Background(), c, e.ID)
				w.must(err)
			}
		}
		return "taken"
	case 10:
		w.advance(time.Duration(random.IntN(100)) * time.Hour)
		return "time"
	case 11:
		n := w.at(from)
		if random.IntN(2) == 0 {
			w.mu.Lock()
			w.cut = !w.cut
			w.mu.Unlock()
			return "cut"
		}
		n.change(schemas.AddOrganisation{Code: n.space + "." + number, Name: "Cơ quan mới", Level: 2, Parent: n.space})
		return "directory"
	default:
		for _, n := range w.sorted() {
			_, err := n.router.Step(context.Background())
			w.must(err)
		}
		return "routed"
	}
}

// TestNetworkJudgedAgainAfterAnything lets two nodes live through what comes, and judges their records again after every step.
func TestNetworkJudgedAgainAfterAnything(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newNetwork(t, "province", "vpcp")
			w.learn()
			random := rand.New(rand.NewPCG(seed, 2026))
			documents := map[string][]string{}
			var followers []*follower
			for _, n := range w.sorted() {
				followers = append(followers, n.follower(0), n.follower(4)) // the second forgets nearly everything at once
			}
			for i := range 60 {
				what := w.chance(random, documents, i)
				for _, f := range followers {
					if err := f.follow(); err != nil {
						t.Fatalf("%s after step %d (%s): %v", f.n.name, i, what, err)
					}
				}
			}
			w.mu.Lock()
			w.cut = false
			w.mu.Unlock()
			w.settle()
			for _, f := range followers {
				if err := f.follow(); err != nil {
					t.Fatalf("%s at rest: %v", f.n.name, err)
				}
				report, err := f.r.Finish(context.Background())
				w.must(err)
				t.Logf("%s: %+v", f.n.name, report)
				for _, u := range report.Unproved {
					if owed := "that recipients will be offered"; len(u.What.En) > len(owed) && u.What.En[:len(owed)] == owed {
						t.Errorf("%s at rest: %+v", f.n.name, u)
					}
				}
			}
		})
	}
}
