package book

import (
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/sqlite"
)

// GiveBack carries out a request to give money of a paid order back under a number of its own.
func (b *Book) GiveBack(now time.Time, of Ref, asked order.Contra) (v order.ContraVerdict, back order.Contra, err error) {
	err = b.update(now, func(tx *sqlite.Tx) error {
		v, back = order.ContraNoOrder, asked
		o, found, err := find(tx, of)
		if err != nil {
			return fmt.Errorf("load order: %w", err)
		}
		if !found || o.ID == 0 {
			return nil
		}
		var taken int
		err = tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM contras WHERE mch = ?1 AND number = ?2
			UNION ALL SELECT 1 FROM orders WHERE wallet = ?3 AND mch = ?1 AND number = ?2)`, o.Mch, asked.Number, string(o.Wallet)).Scan(&taken)
		if err != nil {
			return fmt.Errorf("look for the number: %w", err)
		}
		if taken > 0 {
			v = order.ContraNumberUsed
			return nil
		}
		before, how, err := givenBack(tx, o.ID)
		if err != nil {
			return err
		}
		back.Of = o.Ref()
		if v = back.Judge(o, before, how, now); v != order.ContraTaken {
			return nil
		}
		err = tx.QueryRow(`INSERT INTO contras (order_id, mch, number, stamp, kind, amount, created) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			o.ID, o.Mch, back.Number, back.Stamp, string(back.Kind), back.Amount.Fen(), back.Created.UnixMilli()).Scan(&back.ID)
		if err == nil {
			line := back.Line()
			_, err = tx.Exec(`INSERT INTO lines (order_id, kind, amount, at) VALUES (?, ?, ?, ?)`,
				o.ID, string(line.Kind), line.Amount.Fen(), line.At.UnixMilli())
		}
		if err != nil {
			return fmt.Errorf("store what goes back: %w", err)
		}
		return nil
	})
	return v, back, err
}

// givenBack sums what went back of an order already; how is empty when nothing did.
func givenBack(tx *sqlite.Tx, orderID int64) (sum money.Amount, how order.ContraKind, err error) {
	var fen int64
	err = tx.QueryRow(`SELECT coalesce(sum(amount), 0), coalesce(max(kind), '') FROM contras WHERE order_id = ?`, orderID).Scan(&fen, &how)
	if err != nil {
		return sum, how, fmt.Errorf("sum what went back: %w", err)
	}
	return money.Fen(fen), how, nil
}

// ReverseUnlessBack carries out a reversal, unless money of the order went back in another way.
func (b *Book) ReverseUnlessBack(now time.Time, r Ref) (s order.Step, err error) {
	err = b.update(now, func(tx *sqlite.Tx) error {
		o, found, err := find(tx, r)
		if err != nil {
			return fmt.Errorf("load order: %w", err)
		}
		if !found {
			s = order.Step{Verdict: order.Absent}
			return nil
		}
		_, how, err := givenBack(tx, o.ID)
		if err != nil {
			return err
		}
		if how != "" {
			s = order.Step{Order: o, Verdict: order.TooLate}
			return nil
		}
		if s = order.Reverse(o, now); !s.Save {
			return nil
		}
		return b.store(tx, &s.Order, s.Line)
	})
	return s, err
}

// FindBack finds what went back by the merchant's number and stamp, or by the wallet's number.
func (b *Book) FindBack(r Ref) (back order.Contra, found bool, err error) {
	err = b.db.View(func(tx *sqlite.Tx) error {
		var (
			orderID, fen, created int64
			err                   error
		)
		const what = `SELECT id, order_id, number, stamp, kind, amount, created FROM contras WHERE mch = ?`
		if r.WalletRef != "" {
			id, _ := order.ParseRef(r.WalletRef)
			err = tx.QueryRow(what+` AND id = ?`, r.Mch, id).Scan(&back.ID, &orderID, &back.Number, &back.Stamp, &back.Kind, &fen, &created)
		} else {
			err = tx.QueryRow(what+` AND number = ? AND stamp = ?`, r.Mch, r.Number, r.Stamp).
				Scan(&back.ID, &orderID, &back.Number, &back.Stamp, &back.Kind, &fen, &created)
		}
		if sqlite.NoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find what went back: %w", err)
		}
		back.Amount, back.Created = money.Fen(fen), at(created)
		o, err := scan(tx.QueryRow(selectOrder+` WHERE id = ?`, orderID))
		back.Of, found = o.Ref(), r.WalletRef == "" || back.Ref() == r.WalletRef
		return err
	})
	return back, found, err
}
