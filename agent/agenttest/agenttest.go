// Package agenttest is test support: one till without its program's surroundings. Journal, till and
// link are the product's own; the disk, the line to the hub, clock and chance are the caller's, in the
// spirit of net/http/httptest. It serves simulations that know both ends.
//
// It refuses to be part of a program: no main package may import it. Newcomers get one thing wrong: a
// till is not stopped by forgetting it. Kill its disk and its line, cancel Run, and wait for Run.
package agenttest

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/identity"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/run"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// Line is the product's line to the hub, for who brings one.
type Line = hublink.Line

// Config is a till and its world.
type Config struct {
	Journal                   string // path, as VFS knows it
	VFS                       string // the file system of SQLite that the journal is on
	Terminal, Store, Merchant string
	Key                       ed25519.PrivateKey // signs what goes up
	HubKey                    ed25519.PublicKey
	Now                       func() time.Time // with a monotonic reading
	Log                       *slog.Logger
	Rand                      *rand.Rand // for jitter
	Entropy                   io.Reader  // for identifiers
	Open                      func(context.Context) (Line, error)
	Free                      func() (uint64, error) // bytes free on the disk
	Changed                   func(up bool)          // told how the link stands; may be nil
}

// Till is one run of a till.
type Till struct {
	till    *till.Till
	link    *hublink.Link
	journal *store.Store
}

// Template creates an empty journal, so that its file can be copied instead of made again.
func Template(path, vfs string, entropy io.Reader) error {
	journal, err := store.Open(path, entropy, sqlite.Through(vfs))
	if err != nil {
		return err
	}
	return journal.Close()
}

// Start opens the journal and resumes what it holds. Nothing is sent before Run.
func Start(c Config) (*Till, error) {
	journal, err := store.Open(c.Journal, c.Entropy, sqlite.Through(c.VFS), sqlite.Readers(1))
	if err != nil {
		return nil, err
	}
	one := &Till{journal: journal}
	ids := id.NewSource(c.Now, c.Entropy)
	one.till, err = till.New(
		till.Config{Rules: sale.Default, Version: "test", Terminal: c.Terminal, Store: c.Store, Merchant: c.Merchant},
		till.Deps{Now: c.Now, Log: c.Log, IDs: ids, Journal: journal, Wake: func() { one.link.Wake() },
			Grown: func() { one.link.Grown() }, Sync: func() { one.link.Sync() }, Free: c.Free})
	if err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	who := identity.Identity{Terminal: c.Terminal, Merchant: c.Merchant, Store: c.Store, SigningKey: c.Key, HubKey: c.HubKey}
	changed := func(s hublink.State) {
		one.till.LinkChanged(s)
		if c.Changed != nil {
			c.Changed(s.Up)
		}
	}
	one.link = hublink.New(who, one.till, hublink.Deps{Now: c.Now, Log: c.Log, Rand: c.Rand, Records: one.till, Changed: changed,
		Version: "test", Boot: ids.New("boot"), IDs: ids, Open: c.Open})
	return one, nil
}

// Run is the till's life: it ends with ctx, or when its storage fails. The journal is closed then.
func (t *Till) Run(ctx context.Context) error {
	return run.Group(ctx,
		run.Part{Name: "journal", Run: t.journal.Run},
		run.Part{Name: "till", Run: t.till.Run},
		run.Part{Name: "link", Run: t.link.Run})
}

// NewSale, Scan, Cancel and Sales are what the cashier does.
func (t *Till) NewSale(n localapi.NewSale) (s localapi.Sale, fresh bool, err error) {
	return t.till.NewSale(n)
}

// Scan hands a scanned code over; false: no sale could use it.
func (t *Till) Scan(code string, at time.Time) bool {
	c, err := pay.ParseCode(code)
	return err == nil && t.till.Scan(c, at)
}

// Cancel stops a sale.
func (t *Till) Cancel(saleID string) (localapi.Sale, error) { return t.till.Cancel(saleID) }

// Sales reads the newest sales.
func (t *Till) Sales(limit int) ([]localapi.Sale, error) { return t.till.Sales(limit) }

// NewRefund asks for money of a paid sale to go back, as the cashier does.
func (t *Till) NewRefund(saleID string, n localapi.NewRefund) (r localapi.Refund, fresh bool, err error) {
	return t.till.NewRefund(saleID, n)
}

// Refunds reads all refunds of a sale, oldest first.
func (t *Till) Refunds(saleID string) ([]localapi.Refund, error) { return t.till.Refunds(saleID) }

// Status is the till at a glance.
func (t *Till) Status() localapi.Status { return t.till.Status() }

// Watch gives everything the till tells its screens from now on, until ctx ends.
func (t *Till) Watch(ctx context.Context, on func(localapi.Event)) error {
	w, err := t.till.Watch()
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		e, ok := w.Next(ctx)
		if !ok {
			return nil
		}
		on(e)
	}
}

// Head is the number of the newest event that is committed.
func (t *Till) Head() uint64 { return t.journal.Head() }

// Row is one event of the journal.
type Row struct {
	Seq        uint64
	Sale, Kind string
	Body       json.RawMessage
	Hash       string
}

// Rows reads the journal's events and follows their chain.
func (t *Till) Rows() (rows []Row, err error) {
	heads := map[string]string{}
	for after, more := uint64(0), true; more; {
		var m wire.Records
		if err := t.journal.View(func(tx *store.Tx) (err error) { m, err = tx.Records(after, wire.MaxRecordsBytes); return err }); err != nil {
			return nil, err
		}
		more = len(m.Rows) > 0
		for _, r := range m.Rows {
			want, known := heads[r.Sale]
			if !known {
				want = string(make([]byte, 32))
			}
			if string(r.Prev) != want || r.Seq != after+1 {
				return nil, fmt.Errorf("event %d does not follow the one before it", r.Seq)
			}
			hash := string(r.Hash())
			heads[r.Sale], after = hash, r.Seq
			rows = append(rows, Row{Seq: r.Seq, Sale: r.Sale, Kind: r.Kind, Body: r.Body, Hash: fmt.Sprintf("%x", hash)})
		}
	}
	return rows, nil
}
