// Package hubd puts a hub together: store, engine, broker, gateway, in that order, and stops them
// in the reverse one.
//
// It refuses to run twice on one folder, to write once another hub took its database over, and to start on a configuration it does not understand
// whole. Newcomers get one thing wrong: ports are bound by [Open], so an address in use is told at
// once, and served by [Hub.Run].
package hubd

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"cloudcashier/hub/internal/broker"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/gateway"
	"cloudcashier/hub/internal/noticedoor"
	"cloudcashier/hub/internal/portal"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/run"
)

// Deps is what a hub takes from the outside world.
type Deps struct {
	Now    func() time.Time
	Random io.Reader
	Log    *slog.Logger

	Credentials string // folder of the service manager's secrets; empty when there is none
}

// Hub is one node.
type Hub struct {
	cfg     Config
	deps    Deps
	keys    *keys
	ids     *id.Source
	lock    *os.File
	store   *store.Store
	wallets *walletKeys
	engine  *engine.Engine
	broker  *broker.Broker
	gateway *gateway.Gateway
	http    net.Listener
	mqtt    net.Listener

	set    channelSet               // in force; the refreshing part's alone once the hub runs
	opened map[string]openedChannel // its connectors

	operators net.Listener // nil: the folder's path is too long for a socket

	notices *noticedoor.Door // nil: none is configured
	noticed net.Listener     // its port
}

// Open locks the folder, loads keys, opens the database and the channels, and binds both ports.
func Open(cfg Config, deps Deps) (h *Hub, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h = &Hub{cfg: cfg, deps: deps, ids: id.NewSource(deps.Now, deps.Random)}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	if h.lock, err = LockFolder(cfg.Data, "hub"); err != nil {
		return h, err
	}
	if h.keys, err = loadKeys(filepath.Join(cfg.Data, "keys"), deps.Random, deps.Now()); err != nil {
		return h, err
	}
	node, err := keep(filepath.Join(cfg.Data, "node"), func() ([]byte, error) { return []byte(h.ids.New("nod")), nil })
	if err != nil {
		return h, err
	}
	if h.store, err = store.Open(cfg.DatabaseFile(), deps.Now); err != nil {
		return h, err
	}
	if h.wallets, err = openWalletKeys(cfg, deps, h.keys, h.store); err != nil {
		return h, err
	}
	ways, err := h.loadChannels()
	if err != nil {
		return h, err
	}
	if h.operators, err = h.listenOperators(); err != nil {
		return h, err
	}
	if h.http, err = listen("http", cfg.HTTP); err != nil {
		return h, err
	}
	if h.mqtt, err = listen("mqtt", cfg.MQTT); err != nil {
		return h, err
	}
	h.engine = engine.New(engine.Deps{Store: h.store, Node: string(node), Ways: ways, Routes: h.set.file.table(h.set.version), CodeKey: h.keys.derive("payment-code"), Now: deps.Now, IDs: h.ids,
		Log: deps.Log.With("part", "engine"), Told: func(terminal string) { h.broker.Wake(terminal) }})
	if err = h.openNotices(); err != nil {
		return h, err
	}
	return h, h.openDoors()
}

// openDoors makes the broker and the gateway on the bound ports.
func (h *Hub) openDoors() error {
	cert, err := h.keys.serverTLS(h.deps.Random, h.cfg.Hosts, h.deps.Now())
	if err != nil {
		return err
	}
	forTerminals := &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: h.keys.ca.Pool(), MinVersion: tls.VersionTLS12, Time: h.deps.Now}
	h.broker, err = broker.New(
		broker.Config{Listener: h.mqtt, TLS: forTerminals, SigningKey: h.keys.signing(), TicketKey: h.keys.ticket, MaxConnections: terminalsMost(),
			Offline: h.offlinePolicy, Operators: h.roster},
		broker.Deps{Desk: engine.Desk{Engine: h.engine}, Archive: engine.Desk{Engine: h.engine}, Mailbox: mailbox{h.store}, Directory: h.store, Now: h.engine.Now, IDs: h.ids,
			Log: h.deps.Log.With("part", "broker")})
	if err != nil {
		return err
	}
	var page http.Handler
	if h.cfg.Portal.User != "" {
		if page, err = h.openPortal(); err != nil {
			return err
		}
	}
	advertised := h.cfg.Terminal
	if advertised == "" {
		advertised = h.mqtt.Addr().String()
	}
	h.gateway, err = gateway.New(
		gateway.Config{Listener: h.http, TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
			SigningKey: h.keys.signing(), SigningKeyID: "hub", HashKey: h.keys.derive("body-hash"), MetricsToken: h.MetricsToken()},
		gateway.Deps{Collector: h.engine, Refunder: h.engine, Reader: h.engine, Keys: newKeyring(h.store, h.keys, h.deps.Now), Nonces: h.store,
			Enroller: &enroller{store: h.store, keys: h.keys, ids: h.ids, random: h.deps.Random, now: h.deps.Now, mqtt: advertised},
			Portal:   page, Ready: h.store.DB().Err, Gauges: h.gauges, Now: h.deps.Now, Log: h.deps.Log.With("part", "gateway")})
	return err
}

func (h *Hub) openPortal() (*portal.Portal, error) {
	hash, err := os.ReadFile(h.cfg.Portal.PasswordFile)
	if err != nil {
		return nil, unreadable(err, h.cfg.Portal.PasswordFile)
	}
	return portal.New(portal.Config{User: h.cfg.Portal.User, PasswordHash: string(hash)},
		portal.Deps{Books: h.engine, Roads: roads{h.engine}, Now: h.deps.Now, Log: h.deps.Log.With("part", "portal")})
}

// WritePassword keeps the hash of an operations password in a file.
func WritePassword(path, password string, random io.Reader) error {
	hash, err := portal.HashPassword(password, random)
	if err != nil {
		return err
	}
	return WriteFile(path, []byte(hash))
}

// Run waits until this hub may write (another may lead on the same database), then serves until ctx
// ends: doors close first, then the engine lets its calls end, then the store.
func (h *Hub) Run(ctx context.Context) error {
	if err := h.engine.Lead(ctx); err != nil {
		return errors.Join(err, h.Close())
	}
	h.deps.Log.Info("hub serves", "http", h.HTTPAddr(), "mqtt", h.MQTTAddr(), "channels", len(h.opened), "from", h.set.source())
	err := run.Group(ctx,
		run.Part{Name: "store", Run: h.store.DB().Run},
		run.Part{Name: "sweeper", Run: h.sweep},
		run.Part{Name: "wallet keys", Run: h.refreshWalletKeys},
		run.Part{Name: "channels", Run: h.refreshChannels},
		run.Part{Name: "engine", Run: h.engine.Run},
		run.Part{Name: "operators", Run: h.serveOperators},
		run.Part{Name: "broker", Run: h.broker.Run},
		run.Part{Name: "notices", Run: h.serveNotices},
		run.Part{Name: "gateway", Run: h.gateway.Run})
	h.deps.Log.Info("hub stopped")
	return errors.Join(err, h.Close())
}

// sweep forgets what has expired, now and then and a little at a time.
func (h *Hub) sweep(ctx context.Context) error {
	const codeMemory = 24 * time.Hour // a wallet's code lives a minute; a day covers any clock
	const atOnce = 500                // rows a transaction: under a millisecond of the writer's time
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	var crowd crowd
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if crowd.settled(h.broker.Stats().Connected) {
				debug.FreeOSMemory()
			}
			at := h.deps.Now()
			if own := h.engine.Now(); own.Before(at) { // forgetting late harms nobody
				at = own
			}
			if err := h.store.Sweep(at, codeMemory, atOnce); err != nil {
				return err
			}
		}
	}
}

// crowd notices when many terminals have come and no more do. Their handshakes leave big stacks behind,
// which each garbage collection halves, and idle terminals cause none; without help a fleet that came
// back at once keeps half as much memory again as one that came in the course of a morning.
type crowd struct {
	before, tidied int64 // arrivals at the last look, and at the last tidying
	again          int   // tidyings to come
}

const (
	manyArrivals = 500
	tidyings     = 3 // from the 16 KiB of a handshake to the 2 KiB of an idle line
)

// settled takes the number of arrivals so far and tells whether to tidy now.
func (c *crowd) settled(arrived int64) bool {
	calm := arrived-c.before < manyArrivals
	c.before = arrived
	if arrived-c.tidied >= manyArrivals {
		c.again, c.tidied = tidyings, arrived
	}
	if !calm || c.again == 0 {
		return false
	}
	c.again--
	return true
}

// Close frees what Open took; Run does it too.
func (h *Hub) Close() error {
	var errs []error
	for _, l := range []net.Listener{h.http, h.mqtt, h.operators, h.noticed} {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if h.wallets != nil {
		h.wallets.close()
	}
	if h.store != nil {
		errs = append(errs, h.store.DB().Close())
	}
	if h.lock != nil {
		if err := h.lock.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// HTTPAddr is where the API listens.
func (h *Hub) HTTPAddr() string { return h.http.Addr().String() }

// MQTTAddr is where terminals connect.
func (h *Hub) MQTTAddr() string { return h.mqtt.Addr().String() }

// CA is the certificate that vouches for the hub, PEM.
func (h *Hub) CA() []byte { return h.keys.ca.CertPEM() }

// MetricsToken is the bearer token of /metrics.
func (h *Hub) MetricsToken() string { return hex.EncodeToString(h.keys.derive("metrics")[:16]) }

func listen(key, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	return l, fault.Wrap(err, fault.Unavailable, "hub.listen", "%s: cannot listen on %s: is another hub running, or the port taken?", key, addr)
}

// LockFolder keeps a second process of the name off the folder as long as this one lives. The lease guards the
// database, this the folder: the kernel frees it the moment the process dies, which is what lets a
// restarted hub take its own lease over without waiting for it to run out.
func LockFolder(dir, name string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "hub.folder", "cannot make %s", dir)
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "hub.folder", "cannot write in %s", dir)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fault.Wrap(err, fault.Conflict, "hub.locked", "another %s runs on %s: stop it first", name, dir)
	}
	return f, nil
}
