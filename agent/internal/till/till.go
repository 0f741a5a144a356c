// Package till takes one step of one sale or refund at a time: it asks the law, writes the journal in one
// transaction, and only then lets anybody see or send the result.
//
// It refuses to guess. When the journal fails, nobody knows what is stored: the till stops, says
// nothing about any sale, and the next start resumes every open one from the disk. A customer's
// code lives in its memory alone, from the scan until the sale leaves "sending"; of a stored-value code
// nothing but a claim for the one sale is kept, which may be stored. Newcomers get one
// thing wrong: what is in memory never runs ahead of the journal, except [Till.Leaving], which
// notes what may have left; a restart assumes the worst about exactly that.
package till

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"cloudcashier/agent/internal/pulse"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// maxOpen bounds the sales that are not settled. A till has a handful; with thousands something
// is wrong that another sale would make worse.
const maxOpen = 2000

// Config is what the till is told once.
type Config struct {
	Rules                     sale.Rules
	Version                   string
	Terminal, Store, Merchant string
	ConfirmAbove              int64             // fen; shown to the cashier's screen, which asks
	HubKey                    ed25519.PublicKey // verifies stored-value codes, the offline limits and the list of operators
	Zone                      *time.Location    // where the shop's day begins; UTC when nil
	Training                  bool              // nothing of it is real, and all of it says so
}

// Deps is what the till needs from the composition root.
type Deps struct {
	Now     func() time.Time // with a monotonic reading: codes age by it
	Log     *slog.Logger
	IDs     *id.Source
	Journal *store.Store
	Wake    func() // tells the link that Outgoing has grown; must not block
	Grown   func() // tells the link that the journal has, which can wait a moment; must not block
	Sync    func() // tells the link to send all of it now; must not block
	// Free tells how many bytes the journal's disk still takes. It is asked once a second at most.
	Free func() (uint64, error)
}

// Till holds the open sales.
type Till struct {
	cfg Config
	Deps

	mu      sync.Mutex // held through a whole step, commit included: steps come one at a time
	open    map[string]*held
	bySeq   map[uint64]*held // those with a message in the outbox
	refunds refunds
	count   uint64 // of sales taken into open; orders them
	most    int    // maxOpen
	down    uint64 // hub messages stored without a gap
	copied  copied // what the hub has of the journal
	room    room   // on the journal's disk
	limits  limits // for what is accepted without a connection
	staff   staff  // who may work here, and who does
	shift   current
	broken  error         // the journal's failure
	failed  chan struct{} // closed with it

	kick     chan struct{} // the deadlines or the surroundings changed
	pulse    pulse.Pulse
	around   surroundings
	watchers watchers
}

// held is an open sale in memory.
type held struct {
	row   store.Row
	code  pay.Code // while sending, and only when scanned in this process's life
	place uint64
	again allowed

	instead instead // the customer's own code, which waits for the end of ours
	hidden  bool    // the watchers were told that our code is off the screen
}

// New makes the till and resumes every open sale and refund: what may have left is fenced, codes
// and deadlines did not survive.
func New(cfg Config, d Deps) (*Till, error) {
	t := &Till{cfg: cfg, Deps: d, open: map[string]*held{}, bySeq: map[uint64]*held{}, most: maxOpen,
		failed: make(chan struct{}), kick: make(chan struct{}, 1), pulse: pulse.New()}
	if t.cfg.Zone == nil {
		t.cfg.Zone = time.UTC
	}
	t.around.link.Since = d.Now()
	err := d.Journal.Update(func(tx *store.Tx) (err error) {
		if t.down, err = tx.DownSeq(); err != nil {
			return err
		}
		if t.copied.through, err = tx.Copied(); err != nil {
			return err
		}
		t.copied.saved = t.copied.through
		if t.copied.since, err = tx.EventAt(t.copied.through + 1); err != nil {
			return err
		}
		policy, offset, err := tx.Offline()
		if err != nil {
			return err
		}
		t.limits = t.readLimits(policy, offset)
		if err := errors.Join(t.resumeStaff(tx), t.resumeShift(tx)); err != nil {
			return err
		}
		rows, err := tx.Open()
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row, err = t.resume(tx, row); err != nil {
				return err
			}
			t.hold(row, pay.Code{})
		}
		return t.resumeRefunds(tx)
	})
	if err != nil {
		return nil, fmt.Errorf("resume open sales and refunds: %w", err)
	}
	t.copied.head = d.Journal.Head()
	return t, nil
}

func (t *Till) resume(tx *store.Tx, row store.Row) (store.Row, error) {
	now := t.Now()
	after, err := t.cfg.Rules.Step(row.Sale, sale.News{Event: sale.Restart}, now)
	if err != nil || durable(after) == durable(row.Sale) {
		row.Sale = after
		return row, err
	}
	t.Log.Info("sale resumed", logs.Sale, row.ID, logs.Order, row.OrderNo, logs.Status, string(after.State))
	return tx.Change(row, after, sale.Restart, now)
}

// durable is a sale without what the journal does not keep.
func durable(s sale.Sale) sale.Sale {
	s.Left, s.Heard, s.QREnds = false, time.Time{}, time.Time{}
	return s
}

// Run carries the deadlines until ctx ends or the journal fails.
func (t *Till) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if next, ok := t.overdue(); ok {
			timer.Reset(max(next, 0))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.failed:
			return t.broken
		case <-timer.C:
		case <-t.pulse:
		case <-t.kick:
			t.announce()
		}
	}
}

// Ask returns nil once the loop of the deadlines has come by, which takes the till's lock in every round.
func (t *Till) Ask(ctx context.Context) error { return t.pulse.Ask(ctx) }

// overdue takes the steps of deadlines that passed and tells how long until the next one.
func (t *Till) overdue() (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	var late []*held
	for _, h := range t.open {
		if due, has := t.cfg.Rules.Due(h.row.Sale); has && !due.After(now) {
			late = append(late, h)
		}
	}
	slices.SortFunc(late, func(a, b *held) int { return cmp.Compare(a.place, b.place) }) // oldest first, as they are asked about
	for _, h := range late {
		t.guard("deadline", h.row.ID, func() error {
			return t.step(h, sale.News{Event: sale.Overdue}, now, nil)
		})
	}
	t.overdueRefunds(now)
	t.endIdle(now)
	if t.broken != nil {
		return 0, false
	}
	next := func(due time.Time, has bool) {
		if !has {
			return
		}
		// A step that keeps failing is tried once a second, not in a hot loop.
		if left := max(due.Sub(now), 0); !ok || left < wait {
			wait, ok = left, true
		}
		if wait == 0 {
			wait = time.Second
		}
	}
	for _, h := range t.open {
		next(t.cfg.Rules.Due(h.row.Sale))
	}
	if left, has := t.dropOld(now); has {
		next(now.Add(left), true)
	}
	for _, row := range t.refunds.open {
		next(t.cfg.Rules.RefundDue(row.Refund))
	}
	next(t.dutyEnds())
	return wait, ok
}

// guard isolates a panic: the sale stays where its last commit left it, the others go on.
func (t *Till) guard(what, saleID string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "till.panic", "a step of the till panicked: %v", p)
			t.Log.Error("till panicked", logs.Kind, what, logs.Sale, saleID, logs.Err, err, "stack", string(debug.Stack()))
		}
	}()
	return fn()
}

// hold takes an open sale into memory.
func (t *Till) hold(row store.Row, code pay.Code) *held {
	t.count++
	h := &held{row: row, code: code, place: t.count}
	t.open[row.ID] = h
	if row.Seq != 0 {
		t.bySeq[row.Seq] = h
	}
	return h
}

// step applies one event to an open sale: decide, commit, and only then remember and tell. also
// joins the transaction. The caller holds the lock.
func (t *Till) step(h *held, n sale.News, at time.Time, also func(*store.Tx) error) error {
	before := h.row
	after, err := t.cfg.Rules.Step(before.Sale, n, at)
	if err != nil {
		return err
	}
	row := store.Row{Sale: after, Seq: before.Seq}
	heir, noHeir := t.heirOf(h, after)
	if changed := durable(after) != durable(before.Sale); changed || also != nil {
		err = t.update(func(tx *store.Tx) (err error) {
			if changed {
				if row, err = tx.Change(before, after, n.Event, t.Now()); err != nil {
					return err
				}
			}
			if err := heir.insert(tx, before.ID, t.Now()); err != nil {
				return err
			}
			if also != nil {
				return also(tx)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	t.remember(h, row)
	if row.State != before.State {
		t.Log.Info("sale changed", logs.Sale, row.ID, logs.Order, row.OrderNo, logs.Kind, string(n.Event),
			logs.Status, string(row.State), logs.Payment, row.PaymentID)
	}
	if row.State != before.State && row.State.Final() && !row.Deferred.IsZero() && row.State != localapi.StatePaid {
		t.Log.Warn("a sale accepted without a connection ended without its money", logs.Sale, row.ID, logs.Order, row.OrderNo,
			logs.Status, string(row.State), "reason", row.Reason, "amount", row.Amount.Fen())
	}
	if durable(row.Sale) != durable(before.Sale) {
		t.tellSale(h.row)
	}
	t.settle(heir, noHeir, h.row)
	return nil
}

// remember puts a committed row into memory, and drops what is settled.
func (t *Till) remember(h *held, row store.Row) {
	before := h.row
	h.row = row
	if before.Seq != row.Seq {
		delete(t.bySeq, before.Seq)
		if row.Seq != 0 {
			t.bySeq[row.Seq] = h
		}
	}
	if row.State != localapi.StateSending {
		h.code = pay.Code{} // it can never be sent again
	}
	h.hidden = false
	if row.State.Final() {
		h.instead = instead{} // it was charged by another sale, or never may be
		delete(t.open, row.ID)
	}
}

// update writes the journal. Any failure that is not an answer to the caller ends the till: what
// is stored is unknown, and only the next start can tell.
func (t *Till) update(fn func(*store.Tx) error) error {
	if t.broken != nil {
		return t.ending()
	}
	t.look() // a full disk gives its reserve up before the write that needs it
	err := t.Journal.Update(fn)
	t.copied.head = t.Journal.Head()
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.Denied:
		return err
	}
	if err != nil {
		t.fail(err)
		return fault.Wrap(err, fault.InDoubt, "till.journal",
			"the journal failed: nothing is known of this change until the agent has started again")
	}
	return nil
}

func (t *Till) fail(err error) {
	t.broken = fmt.Errorf("journal: %w", err)
	close(t.failed)
}

// read looks into the journal. A failure to read ends the till like one to write.
func (t *Till) read(fn func(*store.Tx) error) error {
	if t.broken != nil {
		return t.ending()
	}
	err := t.Journal.View(fn)
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.Denied:
		return err
	}
	if err != nil {
		t.fail(err)
		return t.ending()
	}
	return nil
}

func (t *Till) ending() error {
	return fault.Wrap(t.broken, fault.Unavailable, "till.ending", "the journal failed and the agent is ending: start it again")
}

// stir has Run look at the deadlines and the surroundings again.
func (t *Till) stir() {
	select {
	case t.kick <- struct{}{}:
	default:
	}
}
