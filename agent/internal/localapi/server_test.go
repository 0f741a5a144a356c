package localapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/localapi"
	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// door is the API on a real socket before a till without a journal: what reaches that till panics.
// Package agentd has the tests with a whole one.
type door struct {
	path   string
	till   *till.Till
	client *api.Client
	server *localapi.Server
	stop   func() error // ends the server and gives what Run said
}

var deps = localapi.Deps{Now: time.Now, Zone: time.UTC, Log: slog.New(slog.DiscardHandler)}

func open(t *testing.T) *door {
	t.Helper()
	dir, err := os.MkdirTemp("", "door") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &door{path: filepath.Join(dir, localapi.SocketName), till: new(till.Till)}
	if d.server, err = localapi.New(d.path, d.till, deps); err != nil {
		t.Fatal(err)
	}
	d.client = api.NewClient(d.path)
	t.Cleanup(d.client.Close)
	return d
}

func (d *door) serve(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.server.Run(ctx) }()
	stopped := false
	d.stop = func() error {
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if !stopped {
			_ = d.stop()
		}
	})
}

// raw sends bytes as they are and gives status and body.
func (d *door) raw(t *testing.T, method, path, body string) (int, string, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", d.path) }}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://agent"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(answer)
}

func TestSloppyRequestsAreProblems(t *testing.T) {
	d := open(t)
	d.serve(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/v1/sales", `{"amount":1,"amout":2}`, 400, "json.field"},
		{"POST", "/v1/sales", `{"amount":1,"amount":2}`, 400, "json.malformed"},
		{"POST", "/v1/sales", `{"amount":1.5}`, 400, "json.field"},
		{"POST", "/v1/sales", `{"amount":1} {}`, 400, "json.malformed"},
		{"POST", "/v1/sales", ``, 400, "json.malformed"},
		{"POST", "/v1/sales", `{"amount":1,"subject":"` + strings.Repeat("x", 17<<10) + `"}`, 400, "api.body"},
		{"POST", "/v1/sales?wait_ms=1", `{"amount":1}`, 400, "api.parameter"},
		{"GET", "/v1/sales?limit=0", "", 400, "api.limit"},
		{"GET", "/v1/sales?limit=ten", "", 400, "api.limit"},
		{"GET", "/v1/sales?after=3", "", 400, "api.parameter"},
		{"GET", "/v1/sales?find=x&from=today", "", 400, "api.day"},
		{"GET", "/v1/sales?to=2026-13-01", "", 400, "api.day"},
		{"GET", "/v1/sales?find=x&limit=0", "", 400, "api.limit"},
		{"GET", "/v1/bills/B-1?limit=1", "", 400, "api.parameter"},
		{"POST", "/v1/sales?find=x", `{"amount":1}`, 400, "api.parameter"},
		{"POST", "/v1/sales", `{"amount":100,"tender":"cash","received":99}`, 400, "sale.received"},
		{"POST", "/v1/sales", `{"amount":100,"received":200}`, 400, "sale.received"},
		{"POST", "/v1/sales", `{"amount":100,"bill":"B"}`, 400, "bill.total"},
		{"POST", "/v1/sales", `{"amount":100,"bill_total":200}`, 400, "bill.number"},
		{"POST", "/v1/sales", `{"amount":100,"bill":"` + strings.Repeat("x", 65) + `","bill_total":200}`, 400, "sale.bill"},
		{"POST", "/v1/sales/sale_1/refunds", `{}`, 400, "money.not_positive"},
		{"POST", "/v1/sales/sale_1/refunds", `{"amount":1,"tender":"cash"}`, 400, "json.field"},
		{"POST", "/v1/sales/sale_1/refunds", `{"amount":"1"}`, 400, "json.field"},
		{"POST", "/v1/sales/sale_1/refunds?force=1", `{"amount":1}`, 400, "api.parameter"},
		{"GET", "/v1/sales/sale_1/refunds?limit=1", "", 400, "api.parameter"},
		{"POST", "/v1/shifts", `{"float":-1}`, 400, "shift.float"},
		{"POST", "/v1/shifts", `{"cash":1}`, 400, "json.field"},
		{"GET", "/v1/shifts?limit=0", "", 400, "api.limit"},
		{"GET", "/v1/shifts/first", "", 400, "shift.number"},
		{"GET", "/v1/shifts/0", "", 400, "shift.number"},
		{"POST", "/v1/shifts/current/movements", `{"kind":"up","amount":1}`, 400, "movement.kind"},
		{"POST", "/v1/shifts/current/movements", `{"kind":"in"}`, 400, "money.not_positive"},
		{"POST", "/v1/shifts/current/close", `{"number":1}`, 400, "shift.counted"},
		{"POST", "/v1/shifts/1/close", `{"number":1,"counted":1}`, 404, "api.unknown"},
		{"DELETE", "/v1/refunds/ref_1", "", 404, "api.unknown"},
		{"GET", "/", "", 404, "api.unknown"},
		{"GET", "/v1/sales/sale_1", "", 500, "internal"}, // a panic: this till has no journal
		{"GET", "/v1/sales/sale_1", "", 500, "internal"},
	} {
		status, media, body := d.raw(t, c.method, c.path, c.body)
		if status != c.status || media != "application/problem+json" || !strings.Contains(body, `"code":"`+c.code+`"`) {
			t.Errorf("%s %s: %d %s %s; want %d %s", c.method, c.path, status, media, body, c.status, c.code)
		}
	}
}

func TestEvents(t *testing.T) {
	d := open(t)
	d.serve(t)
	events := make(chan api.Event, 100)
	ended := make(chan error, 1)
	go func() { ended <- d.client.Events(t.Context(), func(e api.Event) { events <- e }) }()
	next := func() (e api.Event) {
		select {
		case e = <-events:
		case err := <-ended:
			t.Fatalf("the stream ended: %v", err)
		}
		return e
	}
	if e := next(); e.Kind != api.EventStatus || e.Status.Link != "down" {
		t.Fatalf("the first event is %+v", e)
	}
	d.till.Notice(api.Notice{Kind: "product", Text: "6901234567892", Message: "A product."})
	if e := next(); e.Kind != api.EventScan || e.Notice.Text != "6901234567892" {
		t.Errorf("%+v", e)
	}
	if err := d.stop(); err != nil { // a stream does not hold the door open
		t.Error(err)
	}
	if err := <-ended; fault.CodeOf(err) != "agent.away" {
		t.Errorf("the reader was told %v", err)
	}
}

// TestAStreamOutlivesTheLimitOfARequest counts heartbeats for longer than a request may take.
func TestAStreamOutlivesTheLimitOfARequest(t *testing.T) {
	d := open(t)
	d.server.Hurry(200*time.Millisecond, time.Millisecond)
	d.serve(t)
	c, err := net.Dial("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /v1/events HTTP/1.1\r\nHost: agent\r\n\r\n")
	const enough = 400
	beats := 0
	for lines := bufio.NewScanner(c); beats < enough && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), ": ") {
			beats++
		}
	}
	if beats < enough {
		t.Errorf("the stream was cut after %d heartbeats", beats)
	}
}

func TestTheSocket(t *testing.T) {
	d := open(t)
	info, err := os.Stat(d.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	d.serve(t)
	if _, err := localapi.New(d.path, d.till, deps); fault.CodeOf(err) != "agent.running" {
		t.Errorf("a second door: %v", err)
	}
	if _, err := d.client.Status(t.Context()); err != nil {
		t.Errorf("the first door suffered: %v", err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}

	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	_ = left.Close() // as a killed agent leaves it
	again, err := localapi.New(d.path, d.till, deps)
	if err != nil {
		t.Fatalf("a stale socket stands in the way: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(d.path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := localapi.New(d.path, d.till, deps); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a file was taken for a socket: %v", err)
	}
	if data, _ := os.ReadFile(d.path); string(data) != "precious" {
		t.Error("the file is gone")
	}
	if _, err := localapi.New(filepath.Join(strings.Repeat("x", 120), "s"), d.till, deps); fault.CodeOf(err) != "agent.socket" {
		t.Errorf("a path too long: %v", err)
	}
}
