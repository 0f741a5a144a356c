package hubtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// Payment is what the books say about one payment.
type Payment struct {
	ID, Terminal, Key, OrderNo, OutTradeNo string
	Status, Attempt                        pay.Status
	Outcome                                pay.Outcome
	Cause                                  string // why it is being undone
	Wallet                                 pay.Wallet
	Fen                                    int64
	Tries, Looks                           int  // calls since the attempt moved; answered looks after it was undone
	Resting                                bool // nothing is planned for it any more
}

func short(p payment.Payment) Payment {
	return Payment{ID: p.ID, Terminal: p.Terminal, Key: p.Key, OrderNo: p.OrderNo, OutTradeNo: p.Attempt.OutTradeNo, Status: p.Status,
		Attempt: p.Attempt.Status, Outcome: p.Outcome(), Cause: p.Attempt.Cause, Wallet: p.Wallet, Fen: p.Amount.Fen(),
		Tries: p.Attempt.Tries, Looks: p.Attempt.Checks}
}

// Exception is a doubt about a payment, or a refund of it, that people are told of.
type Exception struct {
	Payment, Refund, Kind, Matter, Owner string
	Open                                 bool
}

// Books are the hub's records.
type Books struct {
	Payments   []Payment
	Refunds    []Refund
	Exceptions []Exception
	Kinds      map[string]int      // events by kind
	Causes     map[string]int      // events by cause
	Copies     map[string][]string // hashes of each terminal's journal, in order
	Waiting    int                 // messages that terminals have not acknowledged
	Epoch      int64               // of the lease
	Newest     int64               // number of the newest event
}

// Newest is the number of the newest event that is committed.
func (h *Hub) Newest() (seq int64, err error) {
	err = h.store.View(func(tx *store.Tx) error { return tx.QueryRow("SELECT coalesce(max(seq), 0) FROM event").Scan(&seq) })
	return seq, err
}

// Open counts payments that are not settled and messages that are not acknowledged, and what is still planned
// for any payment.
func (h *Hub) Open() (open, planned int, err error) {
	err = h.store.View(func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT (SELECT count(*) FROM payment WHERE finished_at IS NULL) + (SELECT count(*) FROM down),
 (SELECT count(*) FROM work)`).Scan(&open, &planned)
	})
	return open, planned, err
}

// Books reads everything, in one moment, and follows the chains of events.
func (h *Hub) Books() (b Books, err error) {
	b = Books{Kinds: map[string]int{}, Causes: map[string]int{}, Copies: map[string][]string{}}
	err = h.store.View(func(tx *store.Tx) error {
		payments, err := tx.RecentPayments(10_000)
		if err != nil {
			return err
		}
		work, err := tx.AllWork()
		if err != nil {
			return err
		}
		planned := map[string]bool{}
		for _, w := range work {
			planned[w.Entity] = true
		}
		for _, p := range payments {
			one := short(p)
			one.Resting = !planned[p.ID]
			b.Payments = append(b.Payments, one)
		}
		if err := b.readRefunds(tx); err != nil {
			return err
		}
		if err := b.readExceptions(tx); err != nil {
			return err
		}
		if err := b.readEvents(tx); err != nil {
			return err
		}
		if err := b.readCopies(tx); err != nil {
			return err
		}
		return tx.QueryRow("SELECT (SELECT count(*) FROM down), (SELECT coalesce(max(epoch), 0) FROM lease)").Scan(&b.Waiting, &b.Epoch)
	})
	return b, err
}

func (b *Books) readExceptions(tx *store.Tx) error {
	return tx.Query(func(rows sqlite.Rows) error {
		var x Exception
		err := rows.Scan(&x.Payment, &x.Refund, &x.Kind, &x.Matter, &x.Owner, &x.Open)
		b.Exceptions = append(b.Exceptions, x)
		return err
	}, "SELECT payment, coalesce(refund, ''), kind, matter, owner, resolved_at IS NULL FROM exception ORDER BY id")
}

// readEvents counts the events and holds each against the one before it of the same entity, by the
// published form of the chain and not by the code that wrote it.
func (b *Books) readEvents(tx *store.Tx) error {
	heads := map[string]string{}
	return tx.Query(func(rows sqlite.Rows) error {
		var entity, kind, body, cause string
		var at, seq int64
		var prev, hash []byte
		if err := rows.Scan(&seq, &entity, &kind, &body, &cause, &at, &prev, &hash); err != nil {
			return err
		}
		sum := sha256.New()
		for _, part := range [][]byte{prev, []byte(entity), []byte(kind), []byte(body), []byte(cause)} {
			sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
			sum.Write(part)
		}
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(at)))
		if string(prev) != heads[entity] || string(sum.Sum(nil)) != string(hash) {
			return fmt.Errorf("event %d of %s does not follow the one before it", seq, entity)
		}
		heads[entity], b.Newest = string(hash), seq
		b.Kinds[kind]++
		b.Causes[cause]++
		return nil
	}, "SELECT seq, entity, kind, body, cause, at, prev, hash FROM event ORDER BY seq")
}

func (b *Books) readCopies(tx *store.Tx) error {
	return tx.Query(func(rows sqlite.Rows) error {
		var terminal, hash string
		err := rows.Scan(&terminal, &hash)
		b.Copies[terminal] = append(b.Copies[terminal], hash)
		return err
	}, "SELECT terminal, lower(hex(hash)) FROM till_record ORDER BY terminal, seq")
}
