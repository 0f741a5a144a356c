// Package book is the sandbox's durable file: merchants, orders, payment codes and the ledger.
//
// It loads an order, asks package order what becomes of it, and stores the whole of that in one
// transaction. It refuses to know why: no wallet's language and no clock live here. Newcomers get
// one thing wrong: nothing happens by itself. A charge planned for later is booked when anybody
// next writes or reads the ledger, dated at its planned moment, and always before what happens
// after it, so the lines stand in the order of their times.
package book

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Book is the open file. It is safe for concurrent use.
type Book struct {
	db *sqlite.DB

	// nextDue is the earliest planned moment in the file, in unix milliseconds, or earlier. It is
	// touched inside write transactions only, which run one at a time.
	nextDue int64
	codes   codes

	noted chan struct{} // capacity one: there may be notices to send
}

// Open opens or creates the file.
func Open(path string) (*Book, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	// As the hub's own file: a payment touches a few pages, the same ones in each commit, and small ones are copied late.
	db, err := sqlite.Open(path, files, sqlite.PageSize(2048), sqlite.Log(8000))
	if err != nil {
		return nil, err
	}
	b := &Book{db: db, noted: make(chan struct{}, 1)}
	if err := b.loadCodes(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

// Run blocks until ctx ends or storage fails.
func (b *Book) Run(ctx context.Context) error { return b.db.Run(ctx) }

// Err is the storage error that ended the file's use, nil before.
func (b *Book) Err() error { return b.db.Err() }

// Close closes the file.
func (b *Book) Close() error { return b.db.Close() }

// never is later than every planned moment.
const never = math.MaxInt64

// update runs fn in a transaction that first writes down what happened by itself until now.
func (b *Book) update(now time.Time, fn func(*sqlite.Tx) error) error {
	return b.db.Update(func(tx *sqlite.Tx) error {
		done := false
		defer func() {
			if !done { // undone: what we know about the next moment may be wrong, look again
				b.nextDue = 0
			}
		}()
		if err := b.settle(tx, now); err != nil {
			return err
		}
		err := fn(tx)
		done = err == nil
		return err
	})
}

// settlePage bounds what is held in memory while many planned moments are carried out.
const settlePage = 256

// moment of something planned: an order's, or that of one of its refunds.
type planned struct{ order, refund int64 }

func (b *Book) settle(tx *sqlite.Tx, now time.Time) error {
	if b.nextDue > now.UnixMilli() {
		return nil
	}
	for {
		var due []planned
		err := tx.Query(func(rows sqlite.Rows) error {
			var p planned
			var at int64
			err := rows.Scan(&at, &p.order, &p.refund)
			due = append(due, p)
			return err
		}, `SELECT due, id, 0 FROM orders WHERE due <= ?1 UNION ALL SELECT due, order_id, id FROM refunds WHERE due <= ?1
			ORDER BY 1, 2, 3 LIMIT ?2`, now.UnixMilli(), settlePage)
		if err != nil {
			return fmt.Errorf("find what is due: %w", err)
		}
		for _, p := range due {
			if err := b.settleOne(tx, p, now); err != nil {
				return err
			}
		}
		if len(due) < settlePage {
			break
		}
	}
	var next sql.NullInt64
	err := tx.QueryRow(`SELECT min(due) FROM (SELECT min(due) AS due FROM orders WHERE due IS NOT NULL
		UNION ALL SELECT min(due) FROM refunds WHERE due IS NOT NULL)`).Scan(&next)
	if b.nextDue = next.Int64; !next.Valid {
		b.nextDue = never
	}
	return err
}

func (b *Book) settleOne(tx *sqlite.Tx, p planned, now time.Time) error {
	o, err := scan(tx.QueryRow(selectOrder+` WHERE id = ?`, p.order))
	if err != nil {
		return fmt.Errorf("load what is due: %w", err)
	}
	if p.refund == 0 {
		return b.store(tx, &o, o.Settle(now))
	}
	g, err := scanGiven(tx.QueryRow(selectGiven+` WHERE r.id = ?`, p.refund), &o.ID)
	if err != nil {
		return fmt.Errorf("load what is due: %w", err)
	}
	return b.storeGiven(tx, &o, &g, g.Settle(&o, now))
}

const selectOrder = `SELECT id, wallet, mch, number, digest, code, born, fate, amount, state, created, expires,
	paid, ended, plan, hidden, again, returned, terminal, store, attach, stamp,
	refunded, parts, last_back, shown FROM orders`

type row interface{ Scan(dest ...any) error }

func scan(r row) (order.Order, error) {
	var (
		o                 order.Order
		amount, refunded  int64
		digest, code      []byte
		created, expires  int64
		born, paid, ended sql.NullInt64
		plan, back        sql.NullInt64
	)
	err := r.Scan(&o.ID, &o.Wallet, &o.Mch, &o.Number, &digest, &code, &born, &o.Fate, &amount, &o.State, &created, &expires,
		&paid, &ended, &plan, &o.Hidden, &o.Again, &o.Returned, &o.Terminal, &o.Store, &o.Attach, &o.Stamp,
		&refunded, &o.Parts, &back, &o.Shown)
	if err != nil {
		return o, err
	}
	copy(o.Digest[:], digest)
	if copy(o.Code.Hash[:], code) > 0 {
		o.Code.Born, o.Code.UsedBy = moment(born), o.ID
	}
	o.Amount, o.Created, o.Expires = money.Fen(amount), at(created), at(expires)
	o.PaidAt, o.EndedAt, o.Plan = moment(paid), moment(ended), moment(plan)
	o.Refunded, o.LastBack = money.Fen(refunded), moment(back)
	return o, nil
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func moment(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return at(ms.Int64)
}

func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// store writes the order, its place among the planned moments, the code it used and the line it
// booked. sql.ErrNoRows says that a new order's number is taken; then nothing is written.
func (b *Book) store(tx *sqlite.Tx, o *order.Order, line *order.Line) error {
	var code, born any // an order never executed used none, nor does one whose code is shown
	if o.State != order.Ghost && o.State != order.Burnt && !o.Shown {
		code, born = o.Code.Hash[:], o.Code.Born.UnixMilli()
	}
	next, fresh := o.Next(), o.ID == 0
	args := [...]any{string(o.Wallet), o.Mch, o.Number, o.Digest[:], code, born, int64(o.Fate), o.Amount.Fen(), string(o.State),
		o.Created.UnixMilli(), o.Expires.UnixMilli(), millis(o.PaidAt), millis(o.EndedAt), millis(o.Plan), millis(next),
		o.Hidden, o.Again, o.Returned, o.Terminal, o.Store, o.Attach, o.Stamp, o.Refunded.Fen(), o.Parts, millis(o.LastBack), o.Shown, o.ID}
	var err error
	if o.ID == 0 {
		err = tx.QueryRow(`INSERT INTO orders (wallet, mch, number, digest, code, born, fate, amount, state, created, expires,
			paid, ended, plan, due, hidden, again, returned, terminal, store, attach, stamp, refunded, parts, last_back, shown)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (wallet, mch, number) DO NOTHING RETURNING id`, args[:len(args)-1]...).Scan(&o.ID)
	} else {
		err = tx.Exec(`UPDATE orders SET wallet = ?, mch = ?, number = ?, digest = ?, code = ?, born = ?, fate = ?, amount = ?, state = ?,
			created = ?, expires = ?, paid = ?, ended = ?, plan = ?, due = ?, hidden = ?, again = ?, returned = ?,
			terminal = ?, store = ?, attach = ?, stamp = ?, refunded = ?, parts = ?, last_back = ?, shown = ? WHERE id = ?`, args[:]...)
	}
	if err == nil && line != nil {
		err = tx.Exec(`INSERT INTO lines (order_id, kind, amount, at) VALUES (?, ?, ?, ?)`,
			o.ID, string(line.Kind), line.Amount.Fen(), line.At.UnixMilli())
	}
	if err == nil {
		err = b.note(tx, o, fresh, line)
	}
	if err != nil {
		return fmt.Errorf("store order: %w", err)
	}
	// Last, so that a write that failed changed nothing in memory.
	if ms := next.UnixMilli(); !next.IsZero() && ms < b.nextDue {
		b.nextDue = ms
	}
	if code != nil {
		b.codes[o.Code.Hash] = codeLife{born: o.Code.Born.UnixMilli(), usedBy: o.ID}
	}
	return nil
}

// Ref names an order by the merchant's number or by the wallet's own, which wins.
type Ref struct {
	Wallet    pay.Wallet
	Mch       string
	Number    string
	Stamp     string // where it is part of the name: an order of another stamp is another order
	WalletRef string
}

// find loads the order; found is false when there is none, and then a number yields the Ghost of an
// order never seen.
func find(tx *sqlite.Tx, r Ref) (o order.Order, found bool, err error) {
	if r.WalletRef != "" {
		id, ok := order.ParseRef(r.WalletRef)
		if !ok {
			return o, false, nil
		}
		o, err = scan(tx.QueryRow(selectOrder+` WHERE id = ?`, id))
		if sqlite.NoRows(err) {
			return order.Order{}, false, nil
		}
		known := o.Wallet == r.Wallet && o.Mch == r.Mch && o.Ref() == r.WalletRef && o.State != order.Ghost && o.State != order.Burnt
		return o, known, err
	}
	o, err = scan(tx.QueryRow(selectOrder+` WHERE wallet = ? AND mch = ? AND number = ?`, string(r.Wallet), r.Mch, r.Number))
	if sqlite.NoRows(err) {
		return order.Order{Wallet: r.Wallet, Mch: r.Mch, Number: r.Number, State: order.Ghost}, true, nil
	}
	if err == nil && o.Stamp != r.Stamp && r.Stamp != "" {
		return order.Order{}, false, nil
	}
	return o, true, err
}
