package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/gateway"
	"cloudcashier/hub/internal/payment"
)

// dial opens a bare TLS connection; everything on it ends within ten seconds.
func (h *house) dial(t *testing.T) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", h.addr, &tls.Config{RootCAs: h.roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func status(t *testing.T, c net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestSlowClients(t *testing.T) {
	h := open(t, func(c *gateway.Config, _ *gateway.Deps) {
		c.Limits.BodyTimeout, c.Limits.HeaderTimeout = 100*time.Millisecond, 50*time.Millisecond
	})
	body := h.dial(t)
	fmt.Fprintf(body, "POST /v1/payments HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n{")
	if got := status(t, body); got != http.StatusRequestTimeout {
		t.Errorf("slow body: %d", got)
	}
	header := h.dial(t)
	fmt.Fprintf(header, "GET /healthz HTTP/1.1\r\nHost: ")
	if rest, err := io.ReadAll(header); err != nil || strings.Contains(string(rest), "200 OK") {
		t.Errorf("slow header: %q %v", rest, err)
	}
}

func TestSizes(t *testing.T) {
	h := open(t, nil)
	big := h.dial(t) // refused by its length alone: nobody reads what would follow
	fmt.Fprintf(big, "POST /v1/payments HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n", 64<<10+1)
	if got := status(t, big); got != http.StatusRequestEntityTooLarge {
		t.Errorf("big body: %d", got)
	}
	chunked := h.dial(t)
	fmt.Fprintf(chunked, "POST /v1/payments HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", 65<<10, strings.Repeat(" ", 65<<10))
	if got := status(t, chunked); got != http.StatusRequestEntityTooLarge {
		t.Errorf("big body in chunks: %d", got)
	}
	whole := newCall("POST", "/v1/payments", strings.Repeat(" ", 64<<10))
	if a := h.send(t, whole, apple.sign(whole)); a.status != 400 {
		t.Errorf("a body of exactly the limit: %d", a.status)
	}
	if a := h.send(t, newCall("GET", "/healthz", ""), strings.Repeat("a", 32<<10)); a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("big header: %d", a.status)
	}
}

func TestOverload(t *testing.T) {
	h := open(t, func(c *gateway.Config, _ *gateway.Deps) { c.Limits.Requests = 1 })
	h.script(func(b *books) { b.fate = func(*payment.Payment) {} })
	h.script(func(b *books) { b.awaiting = make(chan context.Context) })
	done := make(chan answer)
	go func() {
		c := newCall("POST", "/v1/payments", order("A-1", `,"wait_ms":60000`))
		a, _ := h.try(c, apple.sign(c))
		done <- a
	}()
	<-h.awaiting
	c := newCall("POST", "/v1/payments", order("A-2", ""))
	a := h.send(t, c, apple.sign(c))
	if v := a.fields(t); a.status != 503 || a.header.Get("Retry-After") != "1" || v["retry_same"] != true || v["outcome_known"] != true {
		t.Errorf("%d %v", a.status, v)
	}
	if a := h.send(t, newCall("GET", "/healthz", "")); a.status != 200 {
		t.Errorf("health under load: %d", a.status)
	}
	h.change(paid)
	<-done
	h.script(func(b *books) { b.fate = nil })
	if a := h.send(t, c, apple.sign(c)); a.status != 200 {
		t.Errorf("afterwards the same request: %d %s", a.status, a.body)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	h := open(t, func(c *gateway.Config, _ *gateway.Deps) { c.Limits.Connections = 1 })
	first := h.dial(t)
	fmt.Fprintf(first, "GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n")
	if got := status(t, first); got != 200 {
		t.Fatalf("first: %d", got)
	}
	if second, err := tls.Dial("tcp", h.addr, &tls.Config{RootCAs: h.roots}); err == nil {
		second.Close()
		t.Error("a second connection was let in")
	}
}

func TestHTTP2(t *testing.T) {
	h := open(t, nil)
	h.client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	resp, err := h.client.Get(h.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("spoke %s", resp.Proto)
	}
	if a := h.do(t, cherry, "POST", "/v1/payments?", order("A-1", "")); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestCrookedPathsAreNotRedirected(t *testing.T) {
	h := open(t, nil)
	for _, target := range []string{"/v1//payments", "/v1/../metrics", "/./healthz", "//v1/payments", "/portal/../healthz"} {
		c := h.dial(t)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: hub\r\n\r\n", target)
		if got := status(t, c); got != http.StatusNotFound {
			t.Errorf("%s: %d", target, got)
		}
	}
}
