// Package noticedoor is where wallets tell of their own accord what became of an order: a POST to an address that
// each channel has of its own, /notify/ and an unguessable word.
//
// It refuses what is not for a channel of ours, too large, too slow or too much, and what the channel's own connector
// does not find signed by its wallet; it logs no body. The signature is all it believes: wallets post from many addresses, and
// the word in the path only says whose key to try. It listens on a port of its own, because wallets want a
// certificate that the world trusts, or a front end, and merchants and tills trust the hub's own.
//
// Newcomers get one thing wrong: a notice is no news about money. It is a reason to ask the wallet, and it may be answered with
// "taken" only when that question is stored, or nothing is left to ask.
package noticedoor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/shared/logs"
)

// Path is what stands before a channel's word.
const Path = "/notify/"

// Bounds. A wallet's longest notice is UnionPay's, 6 KiB with its certificate.
const (
	maxBody       = 32 << 10
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	writeTimeout  = 15 * time.Second
	idleTimeout   = 60 * time.Second
	drainTimeout  = 10 * time.Second
)

// Line is one channel's address.
type Line struct {
	Word    string // unguessable, of letters and digits
	Channel string // its name
	Noticer channel.Noticer
}

// Config is what the door needs to know.
type Config struct {
	Listener net.Listener
	TLS      *tls.Config // nil: plain HTTP, behind a front end that ends TLS
	Lines    []Line      // at first; see [Door.Relay]
	Limits   Limits
}

// Limits bounds what strangers can use up. Zero fields take the figures in [Limits.orDefault].
type Limits struct {
	PerSecond     int // requests of everybody; a burst may have twice as many
	LinePerSecond int // requests of one channel; likewise
	AtOnce        int // notices being verified or stored
	Connections   int
}

func (l Limits) orDefault() Limits {
	set := func(n *int, def int) {
		if *n == 0 {
			*n = def
		}
	}
	set(&l.PerSecond, 2000) // an RSA signature is verified in 40 µs: a twelfth of one core
	set(&l.LinePerSecond, 500)
	set(&l.AtOnce, 64)
	set(&l.Connections, 512)
	return l
}

// Deps is what the door stands on.
type Deps struct {
	// Hear takes in a verified notice. An error means that storage failed and nothing was taken.
	Hear func(channel string, n channel.Notice) (engine.Hearing, error)
	Now  func() time.Time
	Log  *slog.Logger
}

// The outcomes beside those of the engine. They are all the metrics have: strangers choose everything else.
const (
	outcomeForged    = "forged"    // the connector does not find it signed by the wallet, or not for this merchant
	outcomeMalformed = "malformed" // no POST, a query, too large, broken off
	outcomeNowhere   = "nowhere"   // no channel has that address
	outcomeLimited   = "limited"   // too many at once or in a second
	outcomeFailed    = "failed"    // our own trouble: the wallet comes again
)

// Door is the door. Make it with [New].
type Door struct {
	cfg    Config
	deps   Deps
	lines  atomic.Pointer[map[string]*line]
	all    *rate.Limiter
	places chan struct{}
	count  map[string]*atomic.Int64
}

type line struct {
	Line
	limit *rate.Limiter
}

// New builds the door; nothing is served before [Door.Run].
func New(cfg Config, deps Deps) (*Door, error) {
	if deps.Hear == nil || deps.Now == nil || deps.Log == nil {
		return nil, errors.New("noticedoor: a dependency is missing")
	}
	cfg.Limits = cfg.Limits.orDefault()
	l := cfg.Limits
	d := &Door{cfg: cfg, deps: deps, all: rate.NewLimiter(rate.Limit(l.PerSecond), 2*l.PerSecond),
		places: make(chan struct{}, l.AtOnce), count: map[string]*atomic.Int64{}}
	for _, h := range engine.Hearings {
		d.count[string(h)] = new(atomic.Int64)
	}
	for _, o := range []string{outcomeForged, outcomeMalformed, outcomeNowhere, outcomeLimited, outcomeFailed} {
		d.count[o] = new(atomic.Int64)
	}
	d.lines.Store(&map[string]*line{})
	return d, d.Relay(cfg.Lines)
}

// Relay puts other channels' addresses in force. A channel that is gone keeps its own while this hub runs: its orders may still be
// told of. It is not safe to be called twice at once.
func (d *Door) Relay(lines []Line) error {
	before, next := *d.lines.Load(), map[string]*line{}
	l := d.cfg.Limits.LinePerSecond
	for _, one := range lines {
		if len(one.Word) < 16 || next[one.Word] != nil || one.Noticer == nil {
			return fmt.Errorf("noticedoor: channel %q has no word of its own, or takes no notices", one.Channel)
		}
		next[one.Word] = &line{one, rate.NewLimiter(rate.Limit(l), 2*l)}
		if was := before[one.Word]; was != nil {
			next[one.Word].limit = was.limit
		}
	}
	for word, was := range before {
		if next[word] == nil {
			next[word] = was
		}
	}
	d.lines.Store(&next)
	return nil
}

// Stats counts requests by outcome, since the start.
func (d *Door) Stats() map[string]int64 {
	out := map[string]int64{}
	for name, n := range d.count {
		out[name] = n.Load()
	}
	return out
}

// ServeHTTP answers one request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply, outcome := d.answer(w, r)
	d.count[outcome].Add(1)
	w.Header().Set("Content-Type", reply.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(reply.Body)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body) // a wallet that hung up comes again
}

func plain(status int) channel.Reply {
	return channel.Reply{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(http.StatusText(status) + "\n")}
}

// answer does what is cheap first: a stranger's request is turned away before anything is read of it.
func (d *Door) answer(w http.ResponseWriter, r *http.Request) (channel.Reply, string) {
	now := d.deps.Now()
	if !d.all.AllowN(now, 1) {
		return plain(http.StatusTooManyRequests), outcomeLimited
	}
	word, ok := strings.CutPrefix(r.URL.Path, Path)
	to := (*d.lines.Load())[word]
	switch {
	case !ok || to == nil:
		return plain(http.StatusNotFound), outcomeNowhere
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return plain(http.StatusMethodNotAllowed), outcomeMalformed
	case r.URL.RawQuery != "" || r.ContentLength > maxBody:
		return plain(http.StatusBadRequest), outcomeMalformed
	case !to.limit.AllowN(now, 1):
		return to.Noticer.Reply(false), outcomeLimited
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return plain(http.StatusBadRequest), outcomeMalformed
	}
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	default:
		return to.Noticer.Reply(false), outcomeLimited
	}
	outcome := d.hear(to, channel.Posted{Header: r.Header, Body: body, At: now.UTC()})
	return to.Noticer.Reply(engine.Hearing(outcome).Took()), outcome
}

// hear has the notice verified, and only then looked at. A panic on the way took nothing.
func (d *Door) hear(to *line, p channel.Posted) (outcome string) {
	defer func() {
		if v := recover(); v != nil {
			d.deps.Log.Error("a notice panicked", logs.Channel, to.Channel, logs.Err, v, "stack", string(debug.Stack()))
			outcome = outcomeFailed
		}
	}()
	n, err := to.Noticer.Notice(p)
	if err != nil {
		d.deps.Log.Warn("a notice is not the wallet's, or not for this channel", logs.Channel, to.Channel, logs.Err, err)
		return outcomeForged
	}
	heard, err := d.deps.Hear(to.Channel, n)
	if err != nil {
		d.deps.Log.Error("a notice could not be stored; the wallet sends it again", logs.Channel, to.Channel, logs.Err, err)
		return outcomeFailed
	}
	if !heard.Took() {
		d.deps.Log.Warn("a genuine notice does not fit: look at the wallet's platform", logs.Channel, to.Channel, "heard", heard,
			"out_trade_no", n.OutTradeNo, "out_refund_no", n.OutRefundNo)
	}
	return string(heard)
}

// Run serves until ctx ends.
func (d *Door) Run(ctx context.Context) error {
	var open atomic.Int64
	srv := &http.Server{Handler: d, TLSConfig: d.cfg.TLS, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(d.deps.Log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				if open.Add(1) > int64(d.cfg.Limits.Connections) {
					_ = c.Close()
				}
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			}
		}}
	served := make(chan error, 1)
	go func() {
		if d.cfg.TLS != nil {
			served <- srv.ServeTLS(d.cfg.Listener, "", "")
		} else {
			served <- srv.Serve(d.cfg.Listener)
		}
	}()
	select {
	case err := <-served:
		return fmt.Errorf("noticedoor: serve: %w", err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if srv.Shutdown(limit) != nil {
		_ = srv.Close()
	}
	<-served
	return nil
}
