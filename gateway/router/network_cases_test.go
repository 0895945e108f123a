package router_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router/peer"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
)

func TestNetworkLearnsAgencies(t *testing.T) {
	w := newNetwork(t, "province", "vpcp")
	if _, id := w.letter("H02", "0", []string{"G22"}, nil); id == "" {
		t.Fatal("no id")
	}
	b, _ := w.letter("H02", "0", []string{"G22", "G22.05"}, nil)
	var r *gateway.Refusal
	if _, err := w.hand("H02", b); !errors.As(err, &r) || r.Code != gateway.CodeRecipientsUnknown || len(r.Details) != 2 {
		t.Fatalf("answer %v, expected a refusal that names both unknown recipients", err)
	}
	w.learn()
	d := w.nodes["province"].node.Snapshot().Directory
	for _, code := range []string{"G22", "G22.05", "G22.18"} {
		if got := d.Resolve(code, w.clock()); got.Node != "vpcp.example/log" {
			t.Errorf("%s is %+v at the province, expected it to be served by VPCP's node", code, got)
		}
	}
	o, _ := d.Organisation("G22.05")
	if o.Name != "Cơ quan G22.05" || o.Parent != "G22" {
		t.Errorf("G22.05 is known as %+v", o)
	}
	before := w.nodes["province"].store.Head().Size
	w.learn()
	w.nodes["province"].close()
	w.nodes["province"].open()
	w.learn()
	if got := w.nodes["province"].store.Head().Size; got != before {
		t.Errorf("learning again recorded %d events", got-before)
	}
	// What changes later is learned too; a change that is known in part teaches the rest.
	v := w.nodes["vpcp"]
	v.change(append([]schemas.Operation{
		schemas.AddOrganisation{Code: "G22.77", Name: "Cục mới", Level: 2, Parent: "G22"},
		schemas.AddCode{Organisation: "G22.05", Code: schemas.OrganisationCode{Code: "000.00.05.G22"}},
		schemas.CloseOrganisation{Code: "G22.18", Successor: "G22.77", From: schemas.Date{Year: 2026, Month: 11, Day: 1}},
		schemas.RegisterClient{ID: "secret-client", Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: "G22"}, TokenSHA256: &[32]byte{1}},
	}, v.agency("G22.77")...)...)
	w.nodes["province"].change(schemas.AddOrganisation{Code: "G22.77", Name: "Cục mới", Level: 2, Node: v.origin()})
	w.learn()
	d = w.nodes["province"].node.Snapshot().Directory
	if got := d.Resolve("G22.18", w.clock()); got.Org != "G22.77" {
		t.Errorf("closed G22.18 leads to %+v, expected its successor", got)
	}
	if got := d.Resolve("000.00.05.G22", w.clock()); got.Org != "G22.05" {
		t.Errorf("new code leads to %+v", got)
	}
	if _, ok := d.Client("secret-client"); ok {
		t.Error("a client was published")
	}
}

func TestNetworkDocumentAndStatuses(t *testing.T) {
	w := newNetwork(t, "province", "vpcp", "ministry")
	w.learn()
	p, v, m := w.nodes["province"], w.nodes["vpcp"], w.nodes["ministry"]
	b, id := w.letter("H02", "1", []string{"H02.05", "G22", "G22.05", "G12"}, nil)
	acc := w.mustHand("H02", b)
	again := w.mustHand("H02", b)
	if !again.Duplicate || again.Position != acc.Position {
		t.Errorf("the same bytes again: %+v, expected position %d", again, acc.Position)
	}
	w.settle()
	p.want("H02", id, "document", "H02.05", delivery.PhaseOffered)
	for _, x := range []struct {
		n   *full
		org string
	}{{v, "G22"}, {v, "G22.05"}, {m, "G12"}} {
		p.want("H02", id, "document", x.org, delivery.PhaseForwarded)
		x.n.want("H02", id, "document", x.org, delivery.PhaseOffered)
		if got := x.n.bytes(acc.SHA256); !bytes.Equal(got, b) {
			t.Errorf("%s has other bytes", x.n.name)
		}
	}
	v.want("H02", id, "document", "G12", delivery.PhaseNone)
	for _, code := range []string{"01", "03"} {
		s := w.report("G22", "H02", id, code)
		got := w.mustHand("G22", s)
		w.settle()
		p.want("H02", id, delivery.ItemStatus(got.SHA256), "H02", delivery.PhaseOffered)
		v.want("H02", id, delivery.ItemStatus(got.SHA256), "H02", delivery.PhaseForwarded)
	}
}

func TestNetworkRecallAndUpdate(t *testing.T) {
	w := newNetwork(t, "province", "vpcp")
	w.learn()
	p, v := w.nodes["province"], w.nodes["vpcp"]
	b, id := w.letter("H02", "1", []string{"H02.05", "G22", "G22.05"}, nil)
	w.mustHand("H02", b)
	w.settle()
	// Update: content, G22.18 added, G22 removed.
	b, second := w.letter("H02", "2", []string{"H02.05", "G22.05"}, func(d *schemas.Document) {
		d.Business = schemas.Business{Present: true, Type: schemas.BusinessUpdate, DocumentID: id, Reason: "Sửa", Updates: []schemas.BusinessUpdateInfo{{
			Content: true, Recipients: true, Receivers: []schemas.Receiver{{OrganID: "G22.18", Added: true}, {OrganID: "G22"}},
		}}}
	})
	w.mustHand("H02", b)
	w.settle()
	v.want("H02", id, "document", "G22", delivery.PhaseWithdrawn)
	v.want("H02", id, "document", "G22.05", delivery.PhaseOffered, "updated")
	v.want("H02", second, "document", "G22.18", delivery.PhaseOffered)
	v.want("H02", second, "document", "G22", delivery.PhaseNone)
	p.want("H02", id, "document", "G22", delivery.PhaseForwarded, "recalled")
	p.want("H02", id, "document", "H02.05", delivery.PhaseOffered, "updated")
	// Status 13 asks one recipient for it, a recall takes it from all.
	w.mustHand("H02", w.report("H02", "G22.05", id, "13"))
	w.settle()
	v.want("H02", id, "document", "G22.05", delivery.PhaseWithdrawn, "updated")
	p.want("H02", id, "document", "H02.05", delivery.PhaseOffered, "updated")
	b, third := w.letter("H02", "3", []string{"G22.18"}, func(d *schemas.Document) {
		d.Business = schemas.Business{Present: true, Type: schemas.BusinessRecall, Reason: "Nhầm"}
		d.ResponseFor = []schemas.ResponseFor{{OrganID: "H02", Code: "2/VB", DocumentID: second, PromulgationDate: schemas.Date{Year: 2026, Month: 11, Day: 20}}}
	})
	w.mustHand("H02", b)
	w.settle()
	v.want("H02", second, "document", "G22.18", delivery.PhaseWithdrawn)
	v.want("H02", third, "document", "G22.18", delivery.PhaseOffered)
	p.want("H02", second, "document", "H02.05", delivery.PhaseWithdrawn)
}

// TestNetworkAcrossRestarts: the other side dies, answers are lost, this side dies; in the end there is one entry.
func TestNetworkAcrossRestarts(t *testing.T) {
	w := newNetwork(t, "province", "vpcp")
	w.learn()
	p, v := w.nodes["province"], w.nodes["vpcp"]
	v.close()
	b, id := w.letter("H02", "1", []string{"G22"}, nil)
	acc := w.mustHand("H02", b)
	if _, err := p.router.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if q := p.router.Status().Queues; len(q) != 1 || q[0].Depth != 1 || q[0].Last.Reason != peer.ClassUnreachable {
		t.Fatalf("queue %+v, expected one waiting for a peer that is away", q)
	}
	v.open()
	w.mu.Lock()
	w.drop = 1
	w.mu.Unlock()
	w.advance(time.Minute)
	if _, err := p.router.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s := p.entry("H02", id, "document", "G22"); s.Phase != delivery.PhaseRetrying || s.Reason != peer.ClassInterrupted {
		t.Fatalf("delivery is %q (%s), expected retrying after a lost answer", s.Phase, s.Reason)
	}
	p.close()
	v.close()
	v.open()
	p.open()
	w.settle()
	p.want("H02", id, "document", "G22", delivery.PhaseForwarded)
	v.want("H02", id, "document", "G22", delivery.PhaseOffered)
	positions, err := v.store.FindPackage(context.Background(), acc.SHA256)
	if err != nil || len(positions) != 1 {
		t.Errorf("the peer recorded the package at %v (%v), expected once", positions, err)
	}
	if q := p.router.Status().Queues; len(q) != 1 || q[0].Depth != 0 {
		t.Errorf("queue %+v, expected it to be empty", q)
	}
}

// TestNetworkKeepsStrangersOut: the peer's door opens for certificates in the directory only, and this node hands over
// to the very server in the directory only.
func TestNetworkKeepsStrangersOut(t *testing.T) {
	w := newNetwork(t, "province", "vpcp")
	w.learn()
	p, v := w.nodes["province"], w.nodes["vpcp"]
	b, id := w.letter("H02", "1", []string{"G22"}, nil)
	w.mustHand("H02", b)
	receipt, err := p.node.Receipt(context.Background(), p.store.Head().Size-1)
	w.must(err)
	strangerKey, stranger, err := w.ca.Issue(trialca.Leaf{Name: "stranger.example", Use: trialca.Node, Hosts: []string{"stranger.example"}})
	w.must(err)
	target := peer.Target{Origin: v.origin(), URLs: []string{v.url}, TLS: []events.Digest{sha256.Sum256(v.cert.Raw)}}
	c, err := peer.NewClient(peer.ClientOptions{Now: w.clock, Certificate: func() (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{stranger.Raw}, PrivateKey: strangerKey}, nil
	}})
	w.must(err)
	defer c.Close()
	_, err = c.Deliver(context.Background(), target, peer.Handover{SHA256: sha256.Sum256(b), Size: int64(len(b)), Package: bytes.NewReader(b), Receipt: receipt})
	var refused *peer.RefusedError
	if !errors.As(err, &refused) || refused.Code != gateway.CodeCertificateUnknown || refused.Status != http.StatusUnauthorized {
		t.Errorf("a stranger got %v, expected refusal %d", err, gateway.CodeCertificateUnknown)
	}
	// Bytes that the receipt does not speak of.
	other, _ := w.letter("H02", "2", []string{"G22"}, nil)
	_, err = p.client.Deliver(context.Background(), target, peer.Handover{SHA256: sha256.Sum256(other), Size: int64(len(other)), Package: bytes.NewReader(other), Receipt: receipt})
	if !errors.As(err, &refused) || refused.Code != gateway.CodePeerReceipt {
		t.Errorf("a package with another's receipt got %v, expected refusal %d", err, gateway.CodePeerReceipt)
	}
	// A server with another certificate than the directory's is not spoken to.
	target.TLS = []events.Digest{sha256.Sum256(stranger.Raw)}
	_, err = p.client.Deliver(context.Background(), target, peer.Handover{SHA256: sha256.Sum256(b), Size: int64(len(b)), Package: bytes.NewReader(b), Receipt: receipt})
	var failed *peer.FailedError
	if !errors.As(err, &failed) || failed.Class != peer.ClassUnreachable || failed.Reached {
		t.Errorf("a false server got %v, expected no connection", err)
	}
	v.want("H02", id, "document", "G22", delivery.PhaseNone)
}

// BenchmarkNetworkHandOver is how many signed documents a second reach another node: over TLS, verified again there,
// durable and receipted on both sides.
func BenchmarkNetworkHandOver(b *testing.B) {
	w := newNetwork(b, "province", "vpcp")
	w.learn()
	var work sync.WaitGroup
	next := make(chan []byte)
	for range 32 {
		work.Go(func() {
			for p := range next {
				if _, err := w.hand("H02", p); err != nil {
					b.Errorf("couldn't hand in: %v", err)
				}
			}
		})
	}
	for i := range b.N {
		p, _ := w.letter("H02", fmt.Sprint(i), []string{"G22"}, nil)
		next <- p
	}
	close(next)
	work.Wait()
	b.ResetTimer()
	p, err := w.nodes["province"].router.Step(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if p.Answered != b.N {
		b.Fatalf("%d of %d hand-overs were answered", p.Answered, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
}

// TestNetworkRecallInDoubt: an answer is lost and the document asked back before it is handed over again. The peer is asked
// whether it has it, without sending it again.
func TestNetworkRecallInDoubt(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		t.Run(fmt.Sprint("arrived ", arrived), func(t *testing.T) {
			w := newNetwork(t, "province", "vpcp")
			w.learn()
			p, v := w.nodes["province"], w.nodes["vpcp"]
			b, id := w.letter("H02", "1", []string{"G22"}, nil)
			w.mustHand("H02", b)
			p.client.Close() // connections from before are not cut
			w.mu.Lock()
			if arrived {
				w.drop = 1
			} else {
				w.cut = true
			}
			w.mu.Unlock()
			if _, err := p.router.Step(context.Background()); err != nil {
				t.Fatal(err)
			}
			ask := w.mustHand("H02", w.report("H02", "G22", id, "13"))
			w.mu.Lock()
			w.cut = false
			w.mu.Unlock()
			w.settle()
			if !arrived {
				p.want("H02", id, "document", "G22", delivery.PhaseWithdrawn)
				v.want("H02", id, "document", "G22", delivery.PhaseNone)
				p.want("H02", id, delivery.ItemStatus(ask.SHA256), "G22", delivery.PhaseWithdrawn)
				return
			}
			p.want("H02", id, "document", "G22", delivery.PhaseForwarded, "recalled")
			v.want("H02", id, "document", "G22", delivery.PhaseWithdrawn)
			p.want("H02", id, delivery.ItemStatus(ask.SHA256), "G22", delivery.PhaseForwarded)
		})
	}
}
