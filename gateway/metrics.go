package gateway

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the numbers an operator watches. Labels are bounded: refusal codes come from the catalogue.
type metrics struct {
	accepted  *prometheus.CounterVec   // by kind and outcome
	refused   *prometheus.CounterVec   // by code
	stages    *prometheus.HistogramVec // seconds by stage
	bytes     prometheus.Counter
	conflicts prometheus.Counter
	taken     prometheus.Counter
	inflight  prometheus.Gauge
	asked     *prometheus.CounterVec // by what was learnt of revocation
	audited   *prometheus.CounterVec // by what was read
}

// revocation counts a question about a chain by its answer.
func (m *metrics) revocation(status string) { m.asked.WithLabelValues(status).Inc() }

func newMetrics(r prometheus.Registerer, n *Node) (*metrics, error) {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tram_packages_accepted_total", Help: "Packages answered with a receipt, by kind and outcome (new, earlier, resent).",
		}, []string{"kind", "outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tram_packages_refused_total", Help: "Packages refused, by code of the published list.",
		}, []string{"code"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tram_accept_seconds", Help: "Time of a hand-in by stage: receive, verify (with parsing), decide (with the commit), total.",
			Buckets: prometheus.ExponentialBuckets(0.00005, 2, 20),
		}, []string{"stage"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tram_received_bytes_total", Help: "Bytes of packages received to their end.",
		}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tram_append_conflicts_total", Help: "Decisions made again because the stream had moved on.",
		}),
		taken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tram_mailbox_taken_total", Help: "Mailbox entries handed out under a lease.",
		}),
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tram_revocation_asked_total", Help: "Questions to authorities about a chain, by answer (good, revoked, suspended, unknown).",
		}, []string{"status"}),
		audited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tram_audit_readings_total", Help: "What auditors were given of the log: statement, facts, evidence, package; withheld: asked for and not covered by a right.",
		}, []string{"what"}),
		inflight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tram_accept_in_flight", Help: "Hand-ins under way.",
		}),
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	for _, c := range []prometheus.Collector{
		m.accepted, m.refused, m.stages, m.bytes, m.conflicts, m.taken, m.inflight, m.asked, m.audited,
		gauge("tram_spool_memory_bytes", "Bytes of bodies held in memory.", func() float64 { b, _ := n.spool.inUse(); return float64(b) }),
		gauge("tram_spool_disk_bytes", "Bytes of bodies held in the encrypted spool.", func() float64 { _, b := n.spool.inUse(); return float64(b) }),
		gauge("tram_mailbox_waiting", "Long polls under way.", func() float64 { return float64(len(n.waiters)) }),
		gauge("tram_log_size", "Events in the log, under a signed head.", func() float64 { return float64(n.c.Store.Head().Size) }),
		gauge("tram_disk_free_bytes", "Free bytes on the node's disk.", func() float64 { b, _ := n.free(); return float64(b) }),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("couldn't register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) refusal(code int) { m.refused.WithLabelValues(strconv.Itoa(code)).Inc() }

func (m *metrics) stage(name string, d time.Duration) {
	m.stages.WithLabelValues(name).Observe(d.Seconds())
}
