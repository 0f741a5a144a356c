package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/id"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

const merchant = "mer_1"

// house is a hub's store and engine in a bubble, around a wallet that outlives its restarts.
type house struct {
	t      *testing.T
	dir    string
	wallet *wallet
	way    channel.Channel // to the wallet
	ways   []engine.Way    // instead, when there are any
	routes routing.Table
	logs   logBook
	seed   byte
	node   string
	heard  func() // called when something was written for the till

	*hub
}

// hub is one run of an engine over the house's files, with a gate that can stop it in its tracks.
type hub struct {
	store  *store.Store
	engine *engine.Engine
	gate   *gate
	cancel context.CancelFunc
	done   chan error
}

// close ends the hub and gives what Run said.
func (h *hub) close() error {
	h.cancel()
	return errors.Join(<-h.done, h.store.DB().Close())
}

func (h *house) stop() { h.end(h.hub) }

func (h *house) end(one *hub) {
	if err := one.close(); err != nil {
		h.t.Error(err)
	}
}

var till = registry.Terminal{ID: "trm_1", Merchant: merchant, Store: "sto_1", Name: "till", Key: bytes.Repeat([]byte{1}, 32), Serial: "01"}

func newHouse(t *testing.T) *house {
	w := newWallet()
	return newHouseOver(t, w, w)
}

func newHouseOver(t *testing.T, w *wallet, way channel.Channel) *house {
	return newHouseOn(t, &house{wallet: w, way: way})
}

func newHouseOn(t *testing.T, h *house) *house {
	h.t, h.dir, h.node, h.heard = t, memoryDir(t), "n1", func() {}
	h.start()
	err := h.store.Update(func(tx *store.Tx) error {
		if err := tx.PutMerchant(registry.Merchant{ID: merchant, Created: time.Now()}); err != nil {
			return err
		}
		if err := tx.PutStore(registry.Store{ID: "sto_1", Merchant: merchant, Created: time.Now()}); err != nil {
			return err
		}
		return tx.PutTerminal(till)
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// logBook takes the lines of several lives of a hub: an abandoned one still writes.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text.Bytes())
}

func (h *house) start() { h.run(h.open()) }

// open makes a hub that does not run yet.
func (h *house) open() context.Context {
	s, err := store.Open(filepath.Join(h.dir, "hub.db"), time.Now)
	if err != nil {
		h.t.Fatal(err)
	}
	h.seed++
	one := &hub{store: s, gate: &gate{}, done: make(chan error, 1)}
	one.engine = engine.New(engine.Deps{Store: s, Node: h.node, Ways: h.gatedWays(one.gate), Routes: h.routes,
		CodeKey: []byte("k"), Now: one.gate.now, IDs: id.NewSource(time.Now, rand.NewChaCha8([32]byte{h.seed})),
		Log: slog.New(slog.NewJSONHandler(&h.logs, nil)), Told: func(string) { h.heard() }})
	ctx, cancel := context.WithCancel(context.Background())
	one.cancel = cancel
	if err := one.engine.Lead(ctx); err != nil {
		h.t.Fatal(err)
	}
	h.hub = one
	return ctx
}

// gatedWays are the ways with the hub's gate before each.
func (h *house) gatedWays(g *gate) (list []engine.Way) {
	ways := h.ways
	if ways == nil {
		ways = []engine.Way{{Name: "w", Wallet: pay.WeChat, Channel: h.way}, {Name: "sv", Wallet: pay.StoredValue, Channel: h.way}}
	}
	for _, w := range ways {
		way := gated{w.Channel, g}
		w.Channel = way
		if _, shows := way.Channel.(channel.Presenter); !shows || w.Wallet == pay.StoredValue {
			w.Channel = screenless{way, way}
		}
		list = append(list, w)
	}
	return list
}

func (h *house) run(ctx context.Context) {
	one := h.hub
	go func() { one.done <- one.engine.Run(ctx) }()
}

// memoryDir is a folder in memory where there is one: here the records matter, not the disk.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "cashier-engine-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// abandon lets the hub end by itself on files nobody looks at any more: it begins no further call.
func (h *house) abandon() { go h.end(h.hub) }

func ask(order, code string) engine.Ask {
	c, err := pay.ParseCode(code)
	if err != nil {
		panic(err)
	}
	return engine.Ask{Merchant: merchant, Source: payment.FromAPI, Key: order, BodyHash: order + c.Mask(), OrderNo: order,
		Amount: money.Fen(100), Code: c, Subject: "tea"}
}

func (h *house) collect(a engine.Ask) payment.Payment {
	h.t.Helper()
	p, err := h.engine.Collect(h.t.Context(), a)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) await(paymentID string, patience time.Duration) payment.Payment {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := h.engine.Await(ctx, merchant, paymentID)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func copyDatabase(from, to string) error {
	for _, name := range []string{"hub.db", "hub.db-wal"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (h *house) told() (results []wire.Result, refused []wire.Refused) {
	h.t.Helper()
	downs, err := h.store.Waiting(till.ID, 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	for i, d := range downs {
		if d.Seq != uint64(i+1) {
			h.t.Errorf("message %d has number %d", i, d.Seq)
		}
		switch d.Kind {
		case wire.KindResult:
			var r wire.Result
			if err := json.Unmarshal(d.Body, &r); err != nil {
				h.t.Error(err)
			}
			results = append(results, r)
		case wire.KindRefused:
			var r wire.Refused
			if err := json.Unmarshal(d.Body, &r); err != nil {
				h.t.Error(err)
			}
			refused = append(refused, r)
		}
	}
	return results, refused
}

func fromTill(key, code string) wire.Pay {
	return wire.Pay{Key: key, OrderNo: "O-" + key, Amount: 100, Currency: "CNY", Code: code}
}
