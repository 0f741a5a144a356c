package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"cloudcashier/shared/logs"
)

const (
	maxHeader    = 16 << 10 // our largest header is below 1 KiB
	maxBody      = 64 << 10 // the largest request is a payment with 4 KiB of metadata
	idleTimeout  = 60 * time.Second
	writeTimeout = maxWait + 15*time.Second // an answer may come only after the longest wait
	maxStreams   = 100                      // requests at once on one HTTP/2 connection
)

// Run serves until ctx ends. Then it takes no more, answers waiting payments as they stand, and
// returns after the last request has.
func (g *Gateway) Run(ctx context.Context) error {
	if g.cfg.Listener == nil || g.cfg.TLS == nil {
		return errors.New("gateway: Run needs a listener and TLS")
	}
	defer g.drain()
	srv := g.server()
	served := make(chan error, 1)
	go func() { served <- srv.ServeTLS(g.cfg.Listener, "", "") }()
	select {
	case err := <-served:
		return fmt.Errorf("gateway: serve: %w", err)
	case <-ctx.Done():
	}
	g.drain()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.cfg.Limits.DrainTimeout)
	defer cancel()
	if err := srv.Shutdown(limit); err != nil {
		g.deps.Log.Warn("gateway stops with requests still open", logs.Err, err)
		srv.Close()
	}
	<-served
	g.life.Lock() // every request has returned; none starts from here on
	return nil
}

func (g *Gateway) server() *http.Server {
	config := g.cfg.TLS.Clone()
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	var open atomic.Int64
	return &http.Server{
		Handler:           g.handler,
		TLSConfig:         config,
		ReadHeaderTimeout: g.cfg.Limits.HeaderTimeout,
		ReadTimeout:       g.cfg.Limits.BodyTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(g.deps.Log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				if open.Add(1) > int64(g.cfg.Limits.Connections) {
					c.Close() // before TLS: refusing costs us nothing
				}
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			}
		},
	}
}
