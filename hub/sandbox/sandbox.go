package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cloudcashier/hub/sandbox/internal/alipay"
	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/unionpay"
	"cloudcashier/hub/sandbox/internal/wechat"
	"cloudcashier/hub/sandbox/internal/wechatv3"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// Config is what a sandbox needs.
type Config struct {
	DataDir string // made when missing; holds the ledger and all keys
	Listen  string // host:port; port 0 picks a free one
	Now     func() time.Time
	Log     *slog.Logger
}

// Sandbox is the pretended wallets on one port.
type Sandbox struct {
	now       func() time.Time
	log       *slog.Logger
	wait      func(context.Context, time.Duration) // holds an answer back
	listener  net.Listener
	tls       *tls.Config
	authority string // PEM
	clients   *keys.Authority
	chain     *keys.Chain    // UnionPay's
	platform  *keys.Platform // WeChat Pay's, API v3
	ant       *keys.Ant      // Alipay's certificates; nil until somebody wants one
	dir       string

	book      *book.Book
	merchants *merchant.Directory
	minting   sync.Mutex // one merchant is made at a time
	faults    faults
	notices   *notices
	busy      busy
	wechat    *wechat.Door
	wechatv3  *wechatv3.Door
	alipay    *alipay.Door
	unionpay  *unionpay.Door
}

// New opens the ledger, makes or loads the keys and binds the address. Call Run next: it serves, and
// it alone closes what New opened.
func New(cfg Config) (*Sandbox, error) {
	if cfg.DataDir == "" || cfg.Listen == "" || cfg.Now == nil || cfg.Log == nil {
		return nil, fault.New(fault.Invalid, "sandbox.config", "the sandbox needs a data folder, an address, a clock and a logger")
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "sandbox.folder", "cannot use %s as the sandbox's data folder: name one that can be written", cfg.DataDir)
	}
	s := &Sandbox{now: cfg.Now, log: cfg.Log, wait: wait, dir: cfg.DataDir}
	s.notices = newNotices(s)
	if err := s.loadKeys(cfg.DataDir); err != nil {
		return nil, err
	}
	var err error
	if s.book, err = book.Open(filepath.Join(cfg.DataDir, "sandbox.db")); err != nil {
		return nil, err
	}
	if err := s.open(cfg.Listen); err != nil {
		return nil, errors.Join(err, s.book.Close())
	}
	return s, nil
}

func (s *Sandbox) loadKeys(dir string) error {
	server, err := keys.LoadAuthority(filepath.Join(dir, "tls-ca.pem"), "Cloud Cashier sandbox TLS")
	if err != nil {
		return err
	}
	cert, err := server.LoadServer(filepath.Join(dir, "tls-server.pem"))
	if err != nil {
		return err
	}
	if s.clients, err = keys.LoadAuthority(filepath.Join(dir, "merchant-ca.pem"), "Cloud Cashier sandbox merchants"); err != nil {
		return err
	}
	if s.chain, err = keys.LoadChain(dir, unionpay.Signer); err != nil {
		return err
	}
	if s.platform, err = keys.LoadPlatform(dir); err != nil {
		return err
	}
	s.authority = server.PEM()
	s.tls = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequestClientCert, // verified by the one door that wants it
		NextProtos:   []string{"http/1.1"},  // official SDKs depend on header spelling, which HTTP/2 loses
	}
	return nil
}

func (s *Sandbox) open(listen string) error {
	known, err := s.book.Merchants()
	if err != nil {
		return err
	}
	if err := s.book.LoadTerms(known); err != nil {
		return err
	}
	s.merchants = merchant.NewDirectory(known)
	s.wechat = &wechat.Door{Merchants: s.merchants, Book: s.book, Clients: s.clients.Pool(), Nonce: rand.Text, BillFault: s.faults.bill}
	s.wechatv3 = wechatv3.New(s.merchants, s.book, s.platform, rand.Text)
	s.alipay = &alipay.Door{Merchants: s.merchants, Book: s.book, Secret: rand.Text(), Nonce: rand.Text, BillFault: s.faults.bill}
	s.unionpay = &unionpay.Door{Merchants: s.merchants, Book: s.book, Keys: s.chain, BillFault: s.faults.bill}
	if s.listener, err = net.Listen("tcp", listen); err != nil {
		return fault.Wrap(err, fault.Unavailable, "sandbox.listen", "cannot listen on %s: stop what uses it or choose another address", listen)
	}
	return nil
}

// Addr is the host and port really bound.
func (s *Sandbox) Addr() string { return s.listener.Addr().String() }

// grace is how long running requests may take to finish once the sandbox is told to stop.
const grace = 5 * time.Second

// Run serves until ctx ends or the ledger fails, then closes everything.
func (s *Sandbox) Run(ctx context.Context) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	server := s.server(serving)
	unserved := newcomers{conns: map[net.Conn]struct{}{}}
	server.ConnState = unserved.note
	split := newSplit(s.listener, s.tls)
	failed := make(chan error, 4) // one place for each goroutine below
	var parts sync.WaitGroup
	parts.Go(func() { failed <- server.Serve(split.secure) })
	parts.Go(func() { failed <- server.Serve(split.plain) })
	parts.Go(func() { failed <- s.book.Run(serving) })
	parts.Go(func() {
		if err := s.notices.run(serving); err != nil { // it ends well only when it is told to
			failed <- err
		}
	})
	parts.Go(split.run)
	s.log.Info("sandbox serves", "addr", s.Addr(), "signing", keys.Backend())

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop() // ends answers that are being held back
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	split.close()
	unserved.close()
	if server.Shutdown(ending) != nil {
		_ = server.Close() // cut who does not finish
	}
	parts.Wait()
	if closing := s.book.Close(); err == nil && closing != nil {
		err = fmt.Errorf("close the ledger: %w", closing)
	}
	if err != nil {
		s.log.Error("sandbox failed", logs.Err, err)
	}
	return err
}

func (s *Sandbox) server(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // a body has 64 KiB at most
		WriteTimeout:      60 * time.Second, // above the longest an answer is held back: 8 s and slow_ms
		IdleTimeout:       75 * time.Second, // as front servers do; clients should give up first
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
