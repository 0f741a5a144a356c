// Package hubtest is test support: one hub without its program's surroundings. Store, engine and broker
// are the product's own; the disk, the terminals' lines, the wallets, clock and chance are the caller's,
// in the spirit of net/http/httptest. It serves simulations that know both ends.
//
// It refuses to be part of a program: no main package may import it. Newcomers get one thing wrong: a hub
// is not stopped by forgetting it. Kill its disk, its lines and its ways to the wallets, cancel Run, and
// wait for Run; and a hub that stands by takes no line.
package hubtest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"time"

	"cloudcashier/hub/internal/broker"
	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/id"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/run"
	"cloudcashier/shared/sqlite"
)

// The words of a wallet and of a terminal's line, for who brings them.
type (
	Channel = channel.Channel
	Order   = channel.Order
	Ref     = channel.Ref
	Answer  = channel.Answer
	Decline = channel.Decline
	Finding = channel.Finding
	Rules   = channel.Rules
	Line    = broker.Line
	Session = broker.Session
)

// What an answer proves.
const (
	Approved = channel.Approved
	Declined = channel.Declined
	Pending  = channel.Pending
	Busy     = channel.Busy
	Absent   = channel.Absent
	Reversed = channel.Reversed
	Unknown  = channel.Unknown
)

// Why a wallet declines.
const (
	BalanceLow      = channel.BalanceLow
	CodeExpired     = channel.CodeExpired
	CodeUsed        = channel.CodeUsed
	CustomerRefused = channel.CustomerRefused
)

// The one merchant and store of a template.
const (
	Merchant = "mer_1"
	Store    = "sto_1"
)

// Terminal is a till that the hub knows.
type Terminal struct {
	ID  string
	Key ed25519.PublicKey
}

func (t Terminal) serial() string { return "serial of " + t.ID }

// Way is a channel to a wallet.
type Way struct {
	Name    string
	Wallet  pay.Wallet
	Channel Channel
}

// Config is a hub and its world.
type Config struct {
	Database string // path, as VFS knows it
	VFS      string // the file system of SQLite that the database is on
	Node     string // names this hub among those on the database
	Key      ed25519.PrivateKey
	Ways     []Way
	Now      func() time.Time // may block, as a stopped hub does
	Clock    func() time.Time // of identifiers; never blocks
	Log      *slog.Logger
	Entropy  io.Reader // for identifiers
	Leads    func()    // told once this hub leads and takes lines
}

// Hub is one run of a hub.
type Hub struct {
	Config
	store  *store.Store
	engine *engine.Engine
	broker *broker.Broker
}

// mailbox hands the store's messages to the broker in the broker's own words.
type mailbox struct{ *store.Store }

// Waiting implements broker.Mailbox.
func (m mailbox) Waiting(terminal string, after uint64, limit int) ([]broker.Down, error) {
	list, err := m.Store.Waiting(terminal, after, limit)
	downs := make([]broker.Down, len(list))
	for i, d := range list {
		downs[i] = broker.Down(d)
	}
	return downs, err
}

// Template creates a database that knows a merchant, a store and terminals, so that its file can be
// copied instead of made again.
func Template(path, vfs string, at time.Time, terminals []Terminal) error {
	s, err := store.Open(path, func() time.Time { return at }, sqlite.Through(vfs))
	if err != nil {
		return err
	}
	err = s.Update(func(tx *store.Tx) error {
		if err := tx.PutMerchant(registry.Merchant{ID: Merchant, Created: at}); err != nil {
			return err
		}
		if err := tx.PutStore(registry.Store{ID: Store, Merchant: Merchant, Created: at}); err != nil {
			return err
		}
		for _, t := range terminals {
			if err := tx.PutTerminal(registry.Terminal{ID: t.ID, Merchant: Merchant, Store: Store, Name: t.ID, Key: t.Key, Serial: t.serial(), Created: at}); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, s.DB().Close())
}

// Start opens the database. Nothing happens before Run.
func Start(c Config) (*Hub, error) {
	s, err := store.Open(c.Database, c.Clock, sqlite.Through(c.VFS), sqlite.Readers(1))
	if err != nil {
		return nil, err
	}
	h := &Hub{Config: c, store: s}
	ids := id.NewSource(c.Clock, c.Entropy)
	ways := make([]engine.Way, len(c.Ways))
	for i, w := range c.Ways {
		ways[i] = engine.Way{Name: w.Name, Wallet: w.Wallet, Channel: w.Channel}
	}
	h.engine = engine.New(engine.Deps{Store: s, Node: c.Node, Ways: ways, CodeKey: []byte("test"), Now: c.Now, IDs: ids,
		Log: c.Log, Told: func(terminal string) { h.broker.Wake(terminal) }})
	h.broker, err = broker.Inside(c.Key, broker.Deps{Desk: engine.Desk{Engine: h.engine}, Archive: engine.Desk{Engine: h.engine}, Mailbox: mailbox{s}, Directory: s,
		Now: h.engine.Now, IDs: ids, Log: c.Log})
	if err != nil {
		return nil, errors.Join(err, s.DB().Close())
	}
	return h, nil
}

// Run is the hub's life: it waits until it leads, serves, and ends with ctx, when its storage fails or when
// another hub took over. The database is closed then.
func (h *Hub) Run(ctx context.Context) error {
	err := h.engine.Lead(ctx)
	if err == nil {
		err = run.Group(ctx,
			run.Part{Name: "store", Run: h.store.DB().Run},
			run.Part{Name: "engine", Run: h.engine.Run},
			run.Part{Name: "broker", Run: h.broker.Run},
			run.Part{Name: "door", Run: func(ctx context.Context) error { h.Leads(); <-ctx.Done(); return nil }})
	}
	return errors.Join(err, h.store.DB().Close())
}

// Join takes a terminal's line in.
func (h *Hub) Join(t Terminal, l Line) (*Session, error) {
	return h.broker.Join(broker.Caller{Terminal: t.ID, Key: t.Key, Serial: t.serial(), Address: "test"}, l)
}

// Collect asks for a payment as a merchant's server does.
func (h *Hub) Collect(ctx context.Context, orderNo, code string, fen int64) (Payment, error) {
	c, err := pay.ParseCode(code)
	if err != nil {
		return Payment{}, err
	}
	p, err := h.engine.Collect(ctx, engine.Ask{Merchant: Merchant, Source: payment.FromAPI, Key: orderNo, BodyHash: orderNo + c.Mask(),
		OrderNo: orderNo, Amount: money.Fen(fen), Code: c, Subject: "tea"})
	return short(p), err
}

// Cancel asks for a payment's end as a merchant's server does.
func (h *Hub) Cancel(ctx context.Context, paymentID string) (Payment, error) {
	p, err := h.engine.Cancel(ctx, Merchant, paymentID)
	return short(p), err
}

// Await waits for a payment's end, or for ctx's.
func (h *Hub) Await(ctx context.Context, paymentID string) (Payment, error) {
	p, err := h.engine.Await(ctx, Merchant, paymentID)
	return short(p), err
}
