package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/tram-exchange/tram/adapters/portal"
)

// checks is the node's health: what the operator's page, /readyz?verbose and an alarm read.
func (a *app) checks(ctx context.Context) ([]portal.Check, error) {
	now := time.Now()
	ready := portal.Check{Name: portal.CheckReady, State: portal.StateOK}
	if err := a.node.Ready(ctx); err != nil {
		ready.State, ready.Detail = portal.StateBad, err.Error()
	}
	out := []portal.Check{ready}
	disk, err := a.diskCheck()
	if err != nil {
		return nil, err
	}
	head := a.store.Head()
	out = append(out, disk,
		portal.Check{Name: portal.CheckHead, State: portal.StateOK, Number: float64(head.Size), Unit: portal.UnitCount, At: head.Time})
	lag, err := a.views.Health(ctx)
	if err != nil {
		return nil, err
	}
	views := portal.Check{Name: portal.CheckViewLag, State: portal.StateOK, Number: lag.Lag.Seconds(), Unit: portal.UnitSeconds}
	switch {
	case lag.Lag > time.Minute:
		views.State = portal.StateBad
	case lag.Lag > 5*time.Second:
		views.State = portal.StateWarn
	}
	out = append(out, views, a.workCheck(now))
	out = append(out, a.rebuild.checks()...)
	out = append(out, a.stamps.check(), a.public.check())
	out = append(out, a.backups.check()...)
	out = append(out, a.clusterCheck(now)...)
	out = append(out, a.witnesses.checks()...)
	told, err := a.notifyChecks(ctx, now)
	if err != nil {
		return nil, err
	}
	out = append(out, told...)
	alarms, err := a.watch.checks(ctx)
	if err != nil {
		return nil, err
	}
	out = append(out, alarms...)
	out = append(out, a.watch.pollChecks()...)
	if count, subject := a.node.RevocationUnknown(); count > 0 {
		out = append(out, portal.Check{Name: portal.CheckRevocation, Subject: subject, State: portal.StateWarn, Number: float64(count), Unit: portal.UnitCount,
			Detail: "không hỏi được tổ chức chứng thực / authorities do not answer"})
	}
	out = append(out, a.certificateChecks(now)...)
	return append(out, a.peerChecks(now)...), nil
}

func (a *app) diskCheck() (portal.Check, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(a.c.path(a.c.Data), &st); err != nil {
		return portal.Check{}, fmt.Errorf("couldn't see the free space of the disk: %w", err)
	}
	free, total := float64(st.Bavail)*float64(st.Bsize), float64(st.Blocks)*float64(st.Bsize)
	c := portal.Check{Name: portal.CheckDisk, State: portal.StateOK, Number: free, Unit: portal.UnitBytes}
	if total > 0 {
		c.Share = 1 - free/total
	}
	least := float64(a.c.MinFreeMiB) * (1 << 20)
	switch {
	case free < least:
		c.State = portal.StateBad
	case free < 3*least:
		c.State = portal.StateWarn
	}
	return c, nil
}

// certificateChecks warns before the certificate of a key, of an authority or of an administrator ends.
func (a *app) certificateChecks(now time.Time) []portal.Check {
	var out []portal.Check
	add := func(whose string, ends time.Time) {
		c := portal.Check{Name: portal.CheckCertificate, Subject: whose, State: portal.StateOK, At: ends, Unit: portal.UnitDays, Number: ends.Sub(now).Hours() / 24}
		switch {
		case ends.Before(now):
			c.State = portal.StateBad
		case ends.Before(now.AddDate(0, 0, a.c.CertificateWarningDays)):
			c.State = portal.StateWarn
		}
		out = append(out, c)
	}
	for _, cert := range a.keys.chain[1:] {
		add(cert.Subject.CommonName, cert.NotAfter)
	}
	out = append(out, a.keyChecks(now)...)
	for _, cert := range slices.Concat(a.keys.admins, a.recordedTrust().Certificates()) {
		add(cert.Subject.CommonName, cert.NotAfter)
	}
	return out
}

// watchCertificates says in the log, at start and twice a day, which certificates end soon.
func (a *app) watchCertificates(ctx context.Context) error {
	tick := time.NewTicker(12 * time.Hour)
	defer tick.Stop()
	for {
		for _, c := range a.certificateChecks(time.Now()) {
			if c.State != portal.StateOK {
				a.log.Warn("certificate ends soon", "subject", c.Subject, "ends", c.At, "days", int(c.Number))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// registerGauges publishes the same figures as the checks to Prometheus.
func (a *app) registerGauges() error {
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	for _, c := range []prometheus.Collector{
		gauge("tram_node_certificate_seconds", "Seconds until the node certificate ends.", func() float64 {
			return time.Until(a.keys.chain[0].NotAfter).Seconds()
		}),
		keyMetrics{ring: a.keys.ring, now: time.Now},
		gauge("tram_router_behind", "Sealed events that the router has not followed.", func() float64 {
			if !a.inOffice() {
				return 0 // another node delivers
			}
			return float64(a.router.Status().Behind)
		}),
		gauge("tram_peer_queue", "Recipients of other nodes that wait, over all peers.", func() float64 {
			n := int64(0)
			for _, q := range a.router.Status().Queues {
				n += q.Depth
			}
			return float64(n)
		}),
	} {
		if err := a.metrics.Register(c); err != nil {
			return fmt.Errorf("couldn't register metric: %w", err)
		}
	}
	return nil
}

// peerChecks shows the queue of each peer.
func (a *app) peerChecks(now time.Time) []portal.Check {
	var out []portal.Check
	st := a.router.Status()
	if st.Stopped != "" {
		out = append(out, portal.Check{Name: "router", State: portal.StateBad, Number: float64(st.Behind), Unit: portal.UnitCount, Detail: st.Stopped})
	}
	for _, q := range st.Queues {
		c := portal.Check{Name: portal.CheckPeerQueue, Subject: q.Origin, State: portal.StateOK, Number: float64(q.Depth), Unit: portal.UnitCount, Since: q.Oldest}
		if q.Waiting {
			c.State, c.Detail = portal.StateWarn, fmt.Sprintf("%s %s", q.Last.Text, local(q.Last.At))
		}
		if q.Depth > 0 && !q.Oldest.IsZero() && now.Sub(q.Oldest) > 24*time.Hour {
			c.State = portal.StateBad
		}
		out = append(out, c)
	}
	return out
}

var badness = map[string]int{portal.StateBad: 0, portal.StateWarn: 1, portal.StateOK: 2}

func worstFirst(a, b portal.Check) int { return cmp.Compare(badness[a.State], badness[b.State]) }

// checkLine is a check in one line of plain text.
func checkLine(c portal.Check) string {
	s := fmt.Sprintf("%-4s %s", c.State, c.Name)
	if c.Subject != "" {
		s += " " + c.Subject
	}
	if c.Unit != portal.UnitNone && c.Unit != portal.UnitTime {
		s += fmt.Sprintf(" %.0f %s", c.Number, c.Unit)
	}
	if !c.At.IsZero() {
		s += " " + local(c.At)
	}
	if c.Detail != "" {
		s += ": " + c.Detail
	}
	return s
}

// writeReady replaces the file in one step, so that whoever waits for it never reads half of it.
func writeReady(file string, addresses map[string]string) error {
	b, err := json.Marshal(addresses)
	if err != nil {
		return fmt.Errorf("couldn't encode addresses: %w", err)
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("couldn't write %s: %w", filepath.Base(file), err)
	}
	if err := os.Rename(tmp, file); err != nil {
		return fmt.Errorf("couldn't write %s: %w", filepath.Base(file), err)
	}
	return nil
}
