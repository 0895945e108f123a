package httpapi

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type httpMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newHTTPMetrics(r prometheus.Registerer) (*httpMetrics, error) {
	m := &httpMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tram_http_requests_total", Help: "HTTP requests by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tram_http_request_seconds", Help: "Time of HTTP requests by route, long polls included.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2.5, 14),
		}, []string{"method", "route"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("couldn't register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *httpMetrics) observe(r Route, status int, d time.Duration) {
	m.requests.WithLabelValues(r.Method, r.Pattern, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(r.Method, r.Pattern).Observe(d.Seconds())
}
