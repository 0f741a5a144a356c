package gateway_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudcashier/hub/internal/gateway"
	"cloudcashier/shared/fault"
)

const csr = "-----BEGIN CERTIFICATE REQUEST-----\nMAo=\n-----END CERTIFICATE REQUEST-----\n"

func activation(code string) call {
	body, _ := json.Marshal(map[string]string{"code": code, "csr": csr, "name": "till 1"})
	return newCall("POST", "/terminal/v1/activate", string(body))
}

func TestActivation(t *testing.T) {
	var moved atomic.Int64 // nanoseconds that the clock is ahead
	h := open(t, func(_ *gateway.Config, d *gateway.Deps) {
		d.Now = func() time.Time { return time.Now().Add(time.Duration(moved.Load())) }
	})
	h.enrol = func(code string) (gateway.Enrolment, error) {
		switch code {
		case "GOOD-CODE":
			return gateway.Enrolment{Terminal: "trm_1", Merchant: "mer_1", Store: "sto_1", Certificate: "C", CA: "A", MQTT: "m:1", HubKey: "k"}, nil
		case "USED-CODE":
			return gateway.Enrolment{}, fault.New(fault.Conflict, "activation.other_key", "used")
		case "OLD-CODE":
			return gateway.Enrolment{}, fault.New(fault.Denied, "activation.expired", "expired")
		case "SICK-CODE":
			return gateway.Enrolment{}, errors.New("the disk is gone")
		}
		return gateway.Enrolment{}, fault.New(fault.NotFound, "activation.unknown", "unknown")
	}
	good := `{"terminal":"trm_1","merchant":"mer_1","store":"sto_1","certificate":"C","ca":"A","mqtt":"m:1","hub_key":"k"}` + "\n"
	for range 20 { // a shop with many tills behind one address
		if a := h.send(t, activation("GOOD-CODE")); a.status != 200 || a.body != good {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	unknown, old := h.send(t, activation("NO-SUCH-CODE")), h.send(t, activation("OLD-CODE"))
	if unknown.status != http.StatusForbidden || unknown.body != old.body {
		t.Errorf("a guesser tells %d %s from %s", unknown.status, unknown.body, old.body)
	}
	if a := h.send(t, activation("USED-CODE")); a.status != http.StatusConflict || a.fields(t)["code"] != "activation.used" {
		t.Errorf("used: %d %s", a.status, a.body)
	}
	if a := h.send(t, activation("SICK-CODE")); a.status != 500 || strings.Contains(a.body, "disk") {
		t.Errorf("broken storage: %d %s", a.status, a.body)
	}
	h.send(t, activation("GUESS-4"))
	h.send(t, activation("GUESS-5"))
	a := h.send(t, activation("GOOD-CODE"))
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("the sixth try: %d %s", a.status, a.body)
	}
	moved.Store(int64(61 * time.Second))
	if a := h.send(t, activation("GOOD-CODE")); a.status != 200 {
		t.Errorf("a minute later: %d %s", a.status, a.body)
	}
	for name, body := range map[string]string{
		"no code":  `{"csr":"` + strings.ReplaceAll(csr, "\n", `\n`) + `"}`,
		"no csr":   `{"code":"GOOD-CODE"}`,
		"bad csr":  `{"code":"GOOD-CODE","csr":"hello"}`,
		"unknown":  `{"code":"GOOD-CODE","csr":"x","key":"y"}`,
		"bad name": `{"code":"GOOD-CODE","csr":"` + strings.ReplaceAll(csr, "\n", `\n`) + `","name":"a\u0007"}`,
		"no JSON":  `code=GOOD-CODE`,
	} {
		if a := h.send(t, newCall("POST", "/terminal/v1/activate", body)); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := h.send(t, newCall("POST", "/terminal/v1/activate", strings.Repeat(" ", 9<<10))); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("big body: %d", a.status)
	}
	if log := h.log.String(); strings.Contains(log, "-CODE") || !strings.Contains(log, "the disk is gone") {
		t.Errorf("log:\n%s", log)
	}
}

func TestHealthReadinessMetrics(t *testing.T) {
	ready := errors.New("the store opens")
	h := open(t, func(c *gateway.Config, d *gateway.Deps) {
		d.Ready = func() error { return ready }
		d.Gauges = func() map[string]float64 { return map[string]float64{"open_payments": 3, "bad name": 1} }
	})
	if a := h.send(t, newCall("GET", "/healthz", "")); a.status != 200 {
		t.Errorf("healthz: %d", a.status)
	}
	if a := h.send(t, newCall("GET", "/readyz", "")); a.status != 503 || strings.Contains(a.body, "store") {
		t.Errorf("readyz: %d %s", a.status, a.body)
	}
	ready = nil
	if a := h.send(t, newCall("GET", "/readyz", "")); a.status != 200 {
		t.Errorf("readyz: %d", a.status)
	}
	h.do(t, apple, "POST", "/v1/payments", order("A-1", ""))
	h.do(t, apple, "GET", "/v1/payments/"+h.byKey["mer_apple A-1"].ID, "")
	h.send(t, newCall("GET", "/v1/"+secretCode, ""))
	h.send(t, newCall("GET", "/"+secretCode, ""))
	for _, auth := range []string{"", "Bearer", "Bearer ", "Bearer metrics-tokem", "metrics-token"} {
		if a := h.send(t, newCall("GET", "/metrics", ""), auth); a.status != 401 {
			t.Errorf("metrics by %q: %d", auth, a.status)
		}
	}
	a := h.send(t, newCall("GET", "/metrics", ""), "Bearer metrics-token")
	for _, want := range []string{
		`cashier_http_requests_total{route="POST /v1/payments",status="200"} 1`,
		`cashier_http_requests_total{route="GET /v1/payments/{id}",status="200"} 1`,
		`cashier_http_unauthenticated_total{code="auth.missing"} 1`,
		"cashier_open_payments 3", "cashier_http_in_flight 1", `cashier_http_request_seconds_count{route="POST /v1/payments"} 1`,
	} {
		if !strings.Contains(a.body, want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
	if a.status != 200 || strings.Contains(a.body, secretCode) || strings.Contains(a.body, "pay_") || strings.Contains(a.body, "bad name") {
		t.Errorf("metrics: %d %s", a.status, a.body)
	}
	without := open(t, func(c *gateway.Config, _ *gateway.Deps) { c.MetricsToken = "" })
	if a := without.send(t, newCall("GET", "/metrics", ""), "Bearer "); a.status != 404 {
		t.Errorf("metrics without a token: %d", a.status)
	}
}

func TestNewRefusesWhatIsMissing(t *testing.T) {
	if _, err := gateway.New(gateway.Config{}, gateway.Deps{}); err == nil {
		t.Error("an empty door was built")
	}
}
