package router

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics shows Status to Prometheus. Labels are origins of peers, which only signed directory changes add.
type metrics struct{ r *Router }

var (
	behindDesc = prometheus.NewDesc("tram_router_behind_events", "Sealed events that the router has not followed yet.", nil, nil)
	stopDesc   = prometheus.NewDesc("tram_router_stopped", "1 while the router has stopped or waits for the node (full disk).", nil, nil)
	depthDesc  = prometheus.NewDesc("tram_peer_queue_recipients", "Recipients whose node has not answered yet.", []string{"peer"}, nil)
	oldestDesc = prometheus.NewDesc("tram_peer_queue_oldest_seconds", "Age of the oldest package that waits for the peer, 0 if none does.", []string{"peer"}, nil)
	flightDesc = prometheus.NewDesc("tram_peer_handovers_in_flight", "Packages on their way to the peer.", []string{"peer"}, nil)
	waitDesc   = prometheus.NewDesc("tram_peer_waiting", "1 while the peer does not answer.", []string{"peer"}, nil)
)

func (m metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{behindDesc, stopDesc, depthDesc, oldestDesc, flightDesc, waitDesc} {
		ch <- d
	}
}

func (m metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	s := m.r.Status()
	gauge(behindDesc, float64(s.Behind))
	gauge(stopDesc, flag(s.Stopped != ""))
	now := m.r.o.Now()
	for _, q := range s.Queues {
		age := 0.0
		if !q.Oldest.IsZero() {
			age = now.Sub(q.Oldest).Seconds()
		}
		gauge(depthDesc, float64(q.Depth), q.Origin)
		gauge(oldestDesc, age, q.Origin)
		gauge(flightDesc, float64(q.InFlight), q.Origin)
		gauge(waitDesc, flag(q.Waiting), q.Origin)
	}
}
