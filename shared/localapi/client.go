package localapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloudcashier/shared/fault"
)

// maxAnswer bounds an answer: a thousand sales are well below it.
const maxAnswer = 4 << 20

// Client speaks to the agent behind one socket. It is safe for concurrent use.
type Client struct {
	http *http.Client
	sock string
}

// NewClient makes a client of the agent at the socket. Nothing is dialled yet.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", socket)
	}
	return &Client{sock: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 4}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// NewSale starts a sale.
func (c *Client) NewSale(ctx context.Context, n NewSale) (s Sale, err error) {
	return s, c.do(ctx, http.MethodPost, "/v1/sales", n, &s)
}

// Sale reads one sale.
func (c *Client) Sale(ctx context.Context, id string) (s Sale, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/sales/"+url.PathEscape(id), nil, &s)
}

// Sales reads the newest sales, newest first.
func (c *Client) Sales(ctx context.Context, limit int) ([]Sale, error) {
	var list Sales
	err := c.do(ctx, http.MethodGet, "/v1/sales?limit="+strconv.Itoa(limit), nil, &list)
	return list.Sales, err
}

// Cancel stops a sale: at once when nothing was sent, else by undoing it at the hub.
func (c *Client) Cancel(ctx context.Context, id string) (s Sale, err error) {
	return s, c.do(ctx, http.MethodPost, "/v1/sales/"+url.PathEscape(id)+"/cancel", nil, &s)
}

// Status reads the till's state.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Sync has the till send now what the hub does not have yet, and reads the till's state.
func (c *Client) Sync(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, http.MethodPost, "/v1/sync", nil, &s)
}

// Events hands every event to on until ctx ends or the agent goes away.
func (c *Client) Events(ctx context.Context, on func(Event)) error {
	resp, err := c.send(ctx, http.MethodGet, "/v1/events", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problem(resp)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var e Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("agent event: %w", err)
		}
		on(e)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.Wrap(io.ErrUnexpectedEOF, fault.Unavailable, "agent.away", "the agent at %s went away", c.sock)
}

func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, r)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var op *net.OpError
		if method == http.MethodGet || errors.As(err, &op) && op.Op == "dial" {
			return nil, fault.Wrap(err, fault.Unavailable, "agent.away",
				"no agent answers at %s: start it with cashier-agent run", c.sock)
		}
		return nil, fault.Wrap(err, fault.InDoubt, "agent.lost",
			"the agent at %s went away before it answered: ask for the sale before you try again", c.sock)
	}
	return resp, nil
}

func (c *Client) do(ctx context.Context, method, path string, body, answer any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return problem(resp)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("agent answer: %w", err)
	}
	return nil
}

// problem turns an error answer back into the fault it was.
func problem(resp *http.Response) error {
	var p Problem
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&p); err != nil || p.Detail == "" {
		return fault.New(fault.Internal, "agent.answer", "the agent answered %s", resp.Status)
	}
	return fault.New(KindOfStatus(resp.StatusCode), p.Code, "%s", p.Detail)
}

var statusOfKind = map[fault.Kind]int{
	fault.Invalid: http.StatusBadRequest, fault.NotFound: http.StatusNotFound, fault.Conflict: http.StatusConflict,
	fault.Denied: http.StatusForbidden, fault.Unavailable: http.StatusServiceUnavailable,
	fault.InDoubt: http.StatusGatewayTimeout, fault.Internal: http.StatusInternalServerError,
}

// StatusOfKind is the HTTP status that stands for a kind of error.
func StatusOfKind(k fault.Kind) int { return statusOfKind[k] }

// KindOfStatus is the kind an HTTP status stands for; Internal for any other.
func KindOfStatus(status int) fault.Kind {
	for k, s := range statusOfKind {
		if s == status {
			return k
		}
	}
	return fault.Internal
}
