package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are about the door itself. Labels are routes and statuses, never identifiers or codes:
// strangers choose those.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	denied   *prometheus.CounterVec
}

func newMetrics(gauges func() map[string]float64) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cashier_http_requests_total", Help: "Requests answered.",
		}, []string{"route", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cashier_http_request_seconds", Help: "Time from the request's header to its answer, waiting included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "cashier_http_in_flight", Help: "Requests being answered."}),
		denied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cashier_http_unauthenticated_total", Help: "Merchant requests refused before they were looked at.",
		}, []string{"code"}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.inFlight, m.denied, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if gauges != nil {
		m.registry.MustRegister(snapshot(gauges))
	}
	return m
}

// observe serves the request and counts it.
func (m *metrics) observe(next http.Handler, w http.ResponseWriter, r *http.Request, now func() time.Time) {
	m.inFlight.Inc()
	defer m.inFlight.Dec()
	seen := &statusWriter{ResponseWriter: w}
	began := now()
	next.ServeHTTP(seen, r)
	route := r.Pattern
	if route == "" {
		route = "none"
	}
	m.latency.WithLabelValues(route).Observe(now().Sub(began).Seconds())
	m.requests.WithLabelValues(route, strconv.Itoa(seen.code())).Inc()
}

func (m *metrics) refused(code string) { m.denied.WithLabelValues(code).Inc() }

// page serves the registry to who holds the token.
func (m *metrics) page(token string) http.Handler {
	page := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	want := sha256.Sum256([]byte("Bearer " + token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization"))) // equal lengths for the comparison
		if token == "" {
			noRoute().write(w)
			return
		}
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		page.ServeHTTP(w, r)
	})
}

// snapshot turns the hub's own figures into gauges at each scrape.
type snapshot func() map[string]float64

// gaugeName is a figure's name, with the channel it is of: our own configuration's word, not a stranger's.
var gaugeName = regexp.MustCompile(`^([a-z][a-z0-9_]*)(?:\{channel="([A-Za-z0-9._-]{1,64})"\})?$`)

// Describe tells nothing: the names are known only when asked.
func (s snapshot) Describe(chan<- *prometheus.Desc) {}

// Collect reads the figures.
func (s snapshot) Collect(ch chan<- prometheus.Metric) {
	for name, value := range s() {
		parts := gaugeName.FindStringSubmatch(name)
		if parts == nil {
			continue
		}
		var labels, of []string
		if parts[2] != "" {
			labels, of = []string{"channel"}, parts[2:]
		}
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("cashier_"+parts[1], "See the hub's operations page.", labels, nil),
			prometheus.GaugeValue, value, of...)
	}
}

// statusWriter remembers the status for those outside.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
