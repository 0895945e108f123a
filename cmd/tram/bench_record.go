package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// growthSizes are the records whose figures are compared: an event must cost the same in each. The last takes minutes and
// is measured with --growth only.
var growthSizes = []uint64{10_000, 100_000, 1_000_000}

// growthDecisions is how many decisions are on their way at a time, as with that many senders.
const growthDecisions = 256

// prove measures tram verify, rules included, on the record that the loads have left.
func (b *bench) prove(ctx context.Context) error {
	fmt.Fprintln(b.say, "proving the record …")
	if err := b.site.stop(); err != nil {
		return err
	}
	start := time.Now()
	a, err := runVerification(ctx, verifyOptions{dir: b.site.data(), noViews: true}, nil)
	if err != nil {
		return err
	}
	if !a.OK {
		return fmt.Errorf("couldn't measure: the record is not good: %s", a.Error.Reason)
	}
	took := time.Since(start)
	key := b.site.units[0].id
	limit, err := proveLimit(ctx, b.site.data(), key, a.Packages)
	if err != nil {
		return err
	}
	b.proved(fmt.Sprintf("verify, rules included, %d events", a.Events), a.Events, took, limit)
	return b.restart(ctx, "")
}

func (b *bench) proved(name string, n uint64, took, limit time.Duration) {
	least, ratio := float64(n)/limit.Seconds(), limit.Seconds()/took.Seconds()
	b.report.Rows = append(b.report.Rows, benchRow{Name: name, Value: float64(n) / took.Seconds(), Unit: "events/s", Limit: &least, Ratio: &ratio,
		LimitIs: "the same files read and hashed, and one public-key operation for each package, on all processors"})
}

// proveLimit is the least that proving a record can take: all bytes read and hashed, and one operation with the public key for each
// package, on all processors.
func proveLimit(ctx context.Context, data string, id identity, packages uint64) (time.Duration, error) {
	one, err := leastWork(id.key, []byte("x"))
	if err != nil {
		return 0, err
	}
	files, err := filepath.Glob(filepath.Join(data, "packages", "*.seg"))
	if err != nil {
		return 0, err
	}
	start := time.Now()
	var left atomic.Int64
	left.Store(int64(packages))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for _, name := range append(files, filepath.Join(data, "events.db")) {
		info, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		const stretch = 4 << 20
		for at := int64(0); at < info.Size(); at += stretch {
			g.Go(func() error { return hashStretch(name, at, min(stretch, info.Size()-at)) })
		}
	}
	for range runtime.NumCPU() {
		g.Go(func() error {
			for left.Add(-1) >= 0 {
				if err := errors.Join(one(), ctx.Err()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = g.Wait()
	return time.Since(start), err
}

func hashStretch(name string, at, n int64) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(sha256.New(), io.NewSectionReader(f, at, n))
	return err
}

// growthRows makes records of growing sizes with the store's own writer, and measures each: appended, integrated (every tile published),
// judged. One event in four has a signed package; rules are measured on the record of a real node (prove).
func (b *bench) growthRows(ctx context.Context, most uint64) error {
	maker, id, err := b.growthMaker()
	if err != nil {
		return err
	}
	for _, size := range growthSizes {
		if size > most {
			break
		}
		fmt.Fprintf(b.say, "a record of %d events …\n", size)
		if err := b.grow(ctx, maker, id, size); err != nil {
			return err
		}
	}
	return nil
}

// growthMaker makes small packages, signed with P-256.
func (b *bench) growthMaker() (*benchSite, identity, error) {
	ca, err := trialca.New("CA bench", rand.Reader, time.Now)
	if err != nil {
		return nil, identity{}, err
	}
	key, cert, err := ca.Issue(trialca.Leaf{Name: "bench", Key: trialca.P256})
	if err != nil {
		return nil, identity{}, err
	}
	chain := []*x509.Certificate{cert, ca.Certificate}
	id := identity{key, chain}
	return &benchSite{units: []*office{{code: "H99.01", name: "Đơn vị đo 1", id: id}, {code: "H99.02", name: "Đơn vị đo 2", id: id}}}, id, nil
}

func (b *bench) grow(ctx context.Context, maker *benchSite, id identity, size uint64) (err error) {
	dir := filepath.Join(b.work, fmt.Sprintf("growth-%d", size))
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	store, err := sqlitestore.Open(ctx, filepath.Join(dir, "data"), sqlitestore.Options{Origin: "do.tram.example/log", LogKey: logKey, NodeKey: id.key, NodeChain: id.chain})
	if err != nil {
		return err
	}
	appended, packages, err := fill(ctx, store, maker, id, size)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	start := time.Now()
	err = tiles.NewWriter(store, tiles.OSFiles(filepath.Join(dir, "log")), tiles.Options{}).Publish(ctx, store.Head())
	integrated := time.Since(start)
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	start = time.Now()
	j := newJudging(ctx)
	r, err := sqlitestore.Verify(ctx, filepath.Join(dir, "data"), sqlitestore.VerifyOptions{
		Event: func(e events.Event, s sqlitestore.Stored) (func() error, error) { return j.event(e, s) }}, nil)
	if err != nil {
		return err
	}
	if r.Problem != nil || j.judged != packages {
		return fmt.Errorf("couldn't measure: %d of %d packages judged, %w", j.judged, packages, r.Problem)
	}
	judged := time.Since(start)
	limit, err := proveLimit(ctx, filepath.Join(dir, "data"), id, packages)
	if err != nil {
		return err
	}
	rate := func(name string, d time.Duration) benchRow {
		return benchRow{Name: fmt.Sprintf("%s, %d events", name, size), Value: float64(size) / d.Seconds(), Unit: "events/s"}
	}
	b.report.Rows = append(b.report.Rows, rate("appended, durable and under a signed head", appended), rate("integrated: tiles published, synced", integrated))
	b.proved(fmt.Sprintf("verify, signatures, %d events", size), size, judged, limit)
	return nil
}

// fill records size events; signing is not counted.
func fill(ctx context.Context, store *sqlitestore.Store, maker *benchSite, id identity, size uint64) (took time.Duration, packages uint64, err error) {
	ev := gateway.Evidence{Format: gateway.EvidenceFormat, Policy: signing.PolicyVersion, Chains: [][][]byte{{}}}
	for _, c := range id.chain {
		ev.Chains[0] = append(ev.Chains[0], c.Raw)
	}
	evidence, err := json.Marshal(ev)
	if err != nil {
		return 0, 0, err
	}
	type data struct {
		Number uint64 `json:"number"`
	}
	const batch = 20_000
	for from := uint64(0); from < size; from += batch {
		n := min(batch, size-from)
		bodies := make([][]byte, (n+3)/4)
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(runtime.NumCPU())
		for i := range bodies {
			g.Go(func() error {
				p, err := maker.make(0, []byte{1})
				bodies[i] = p.body
				return errors.Join(err, gctx.Err())
			})
		}
		if err := g.Wait(); err != nil {
			return 0, 0, err
		}
		start := time.Now()
		g, gctx = errgroup.WithContext(ctx)
		g.SetLimit(growthDecisions)
		for i := range n {
			g.Go(func() error {
				k := from + i
				a := events.Append{Stream: fmt.Sprintf("document/%064x", sha256.Sum256(fmt.Append(nil, k))), Expected: -1, Actor: "H99.01", Client: "node",
					Events: []events.New{{Name: "bench.measured.v1", Data: data{k}}}}
				if i%4 == 0 {
					body := bodies[i/4]
					a.Package, a.Evidence = benchBody{bytes.NewReader(body)}, evidence
					a.Events[0].Facts = map[string]string{"subject": fmt.Sprint("Báo cáo kết quả công tác, lần thứ ", k)}
				}
				_, err := store.Append(gctx, a)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return 0, 0, err
		}
		took += time.Since(start)
		packages += uint64(len(bodies))
	}
	return took, packages, nil
}

// benchBody is a package for a store that is measured without its gateway.
type benchBody struct{ *bytes.Reader }

func (b benchBody) Size() int64 { return b.Reader.Size() }

func (b benchBody) Digest() events.Digest {
	h := sha256.New()
	_, _ = io.Copy(h, io.NewSectionReader(b.Reader, 0, b.Reader.Size()))
	return events.Digest(h.Sum(nil))
}
