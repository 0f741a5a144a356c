package store

import (
	"time"

	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// Arrival is money of a wallet that the event log tells to have arrived.
type Arrival struct {
	Sale, PaymentID string
	Wallet          pay.Wallet
	Amount          money.Amount
	Begun           time.Time // the customer's code was read then, or ours was wanted
	At              time.Time // the result was stored
}

// EventHead is the newest event there is; 0 when there is none.
func (t *Tx) EventHead() (seq int64, err error) {
	err = t.tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM event`).Scan(&seq)
	return seq, err
}

// Arrivals reads what the event log tells behind an event: at most limit payments by wallet, and the event
// up to which that is all of them. What had begun by the event since, and what was accepted without a
// connection, is left out: nobody waits at the counter for it.
func (t *Tx) Arrivals(after, since int64, limit int) (list []Arrival, through int64, err error) {
	if through, err = t.EventHead(); err != nil || through <= after {
		return nil, after, err
	}
	err = t.tx.Query(func(from sqlite.Rows) error {
		var a Arrival
		var seq, fen, begun, at int64
		err := from.Scan(&seq, &a.Sale, &a.PaymentID, &a.Wallet, &fen, &begun, &at)
		a.Amount, a.Begun, a.At = money.Fen(fen), fromMillis(begun), fromMillis(at)
		if list = append(list, a); len(list) == limit {
			through = seq
		}
		return err
	}, `SELECT e.seq, e.sale, s.payment_id, s.wallet, s.amount, s.scanned_at, e.at FROM event e JOIN sale s ON s.id = e.sale
		WHERE e.seq > ? AND json_extract(e.body, '$.state') = 'paid' AND e.type <> 'contradiction' AND s.state = 'paid'
		AND s.tender = 'wallet' AND s.deferred_at IS NULL AND s.scanned_at IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM event b WHERE b.sale = e.sale AND b.seq <= ? AND json_extract(b.body, '$.state') <> 'waiting')
		ORDER BY e.seq LIMIT ?`, after, since, limit)
	return list, through, err
}
