package main

import (
	"context"
	"fmt"
	"time"
)

// soakPart is how long one line of a soak lasts.
const soakPart = 15 * time.Second

// hold keeps 256 senders going for as long as asked. So many packages cannot be signed beforehand, so they are signed as
// they are sent, which takes most of the processors' time: the rate is not the one of the other runs. What it shows is
// whether rate, delays and memory stay where they are.
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
	b.report.Notes = append(b.report.Notes, "packages of the soak are signed while they are sent, on the same processors")
	end := time.Now().Add(b.soak)
	var all loadResult
	var first, last float64
	fmt.Fprintf(b.say, "%8s %10s %9s %9s %12s %10s %10s\n", "time", "packages", "/s", "p99 ms", "register p99", "node MiB", "commit")
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
		all.packages += r.packages
		all.seconds += r.seconds
		all.processor += r.processor
		all.took, all.lags = append(all.took, r.took...), append(all.lags, r.lags...)
		if last = r.rate(); first == 0 {
			first = last
		}
		fmt.Fprintf(b.say, "%8s %10d %9.0f %9.1f %12.1f %10d %10.1f\n", time.Since(start).Round(time.Second), all.packages, r.rate(),
			ms("", quantile(r.took, 0.99)).Value, ms("", quantile(r.lags, 0.99)).Value, memory>>20, r.group)
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
