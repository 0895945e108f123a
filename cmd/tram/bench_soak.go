package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// soakPart is how long one line of a soak lasts.
const soakPart = 15 * time.Second

// hold keeps 256 senders going for as long as asked. So many packages cannot be signed beforehand, so they are signed as
// they are sent, with P-256: an RSA signature would take twice the time that the node has for the whole package, and the
// senders would be what is measured. The node works more for each, as P-256 takes longer to verify. The rate is not the
// one of the other runs; what this shows is whether rate, delays and memory stay where they are.
func (b *bench) hold(ctx context.Context) error {
	attachment, err := usualAttachment()
	if err != nil {
		return err
	}
	if b.profile != "" {
		if err := b.restart(ctx, b.profile+"/soak.prof"); err != nil {
			return err
		}
	}
	b.report.Notes = append(b.report.Notes, "packages of the soak are signed while they are sent, with P-256, on the same processors")
	end := time.Now().Add(b.soak)
	var all loadResult
	var first, last float64
	fmt.Fprintf(b.say, "%8s %10s %9s %9s %12s %9s %9s %7s %8s\n", "time", "packages", "/s", "p99 ms", "register p99", "node MiB", "Go MiB", "commit", "node µs")
	for start := time.Now(); time.Now().Before(end); {
		l, err := newLoad(b.site, 256)
		if err != nil {
			return err
		}
		until := time.Now().Add(min(soakPart, time.Until(end)))
		l.next = func(agency int) (benchPackage, bool, error) {
			if !time.Now().Before(until) {
				return benchPackage{}, false, nil
			}
			p, err := b.site.make(agency, attachment)
			return p, true, err
		}
		r, err := l.run(ctx)
		if err != nil {
			return err
		}
		if err := b.site.prove(r.receipts); err != nil {
			return err
		}
		memory, err := b.site.memory("VmRSS")
		if err != nil {
			return err
		}
		heap, err := b.site.heap(ctx)
		if err != nil {
			return err
		}
		all.packages += r.packages
		all.seconds += r.seconds
		all.processor += r.processor
		all.sending += r.sending
		all.took, all.lags = append(all.took, r.took...), append(all.lags, r.lags...)
		if last = r.rate(); first == 0 {
			first = last
		}
		fmt.Fprintf(b.say, "%8s %10d %9.0f %9.1f %12.1f %9d %9d %7.1f %8.0f\n", time.Since(start).Round(time.Second), all.packages, r.rate(),
			ms("", quantile(r.took, 0.99)).Value, ms("", quantile(r.lags, 0.99)).Value, memory>>20, heap>>20, r.group, float64(r.processor.Microseconds())/float64(r.packages))
		all.group = r.group
	}
	b.accepted(256, &all, 0, true)
	steady := last / first
	b.report.Rows = append(b.report.Rows, benchRow{Name: fmt.Sprintf("rate of the last %v against the first", soakPart), Value: last, Unit: "packages/s", Limit: &first, Ratio: &steady,
		LimitIs: "the first part of the same run"})
	peak, err := b.site.memory("VmHWM")
	if err != nil {
		return err
	}
	b.report.Rows = append(b.report.Rows, benchRow{Name: "memory of the node at its peak", Value: float64(peak) / (1 << 20), Unit: "MiB"})
	return nil
}

// heap is how much memory Go's part of the node has in use; the rest of its memory is SQLite's, most of it pages it keeps.
func (s *benchSite) heap(ctx context.Context) (int64, error) {
	c, err := s.client(filepath.Join(s.demoNode.dir(), "keys", "admin.token"))
	if err != nil {
		return 0, err
	}
	resp, err := c.do(ctx, http.MethodGet, "/metrics", nil, nil, 0, "", "")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "go_memstats_heap_inuse_bytes "); ok {
			v, err := strconv.ParseFloat(rest, 64)
			return int64(v), err
		}
	}
	return 0, errors.Join(errors.New("couldn't find the heap among the node's figures"), lines.Err())
}
