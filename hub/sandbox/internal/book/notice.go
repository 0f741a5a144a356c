package book

import (
	"database/sql"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// What a notice tells.
const (
	ToldPaid   = "paid"
	ToldClosed = "closed"
	ToldRefund = "refund"
)

// Notice is something that a merchant is to be told.
type Notice struct {
	ID     int64
	What   string
	URL    string
	Sign   string // how WeChat Pay writes it: v2's kind of signature, or what its door for v3 makes of it
	Made   time.Time
	Tries  int // sendings before
	Order  order.Order
	Refund order.Given // when What is ToldRefund
}

// Notable reports an address that notices are sent to: on this machine alone, so that a test never posts to strangers.
func Notable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(address) > 256 {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// Noted has a value when there may be notices to send.
func (b *Book) Noted() <-chan struct{} { return b.noted }

func (b *Book) poke(tx *sqlite.Tx) {
	tx.AfterCommit(func() {
		select {
		case b.noted <- struct{}{}:
		default:
		}
	})
}

// note writes down what the merchant is to be told of an order, in the transaction that changed it.
func (b *Book) note(tx *sqlite.Tx, o *order.Order, fresh bool, line *order.Line) error {
	if fresh && Notable(o.Notify) {
		b.poke(tx) // something may happen to it by itself
		if err := tx.Exec(`INSERT INTO wants (order_id, refund_id, url, sign) VALUES (?, 0, ?, ?)`, o.ID, o.Notify, o.NotifySign); err != nil {
			return err
		}
	} else if fresh {
		return nil
	}
	switch ended := o.State == order.Closed || o.State == order.Undone || o.State == order.Refused; {
	case line != nil && line.Kind == order.Charge:
		return b.tell(tx, o.ID, 0, 0, ToldPaid, line.At)
	case ended && o.Wallet == pay.Alipay: // the others tell of success alone
		return b.tell(tx, o.ID, 0, 0, ToldClosed, o.EndedAt)
	}
	return nil
}

// noteBack is note for a refund. Alipay tells of it where it tells of the order.
func (b *Book) noteBack(tx *sqlite.Tx, o *order.Order, g *order.Given, fresh bool) error {
	if fresh && Notable(g.Notify) {
		b.poke(tx)
		err := tx.Exec(`INSERT INTO wants (order_id, refund_id, url, sign) VALUES (?, ?, ?, ?)`, o.ID, g.ID, g.Notify, g.NotifySign)
		if err != nil {
			return err
		}
	}
	if g.State != order.Returned && (g.State != order.Shut || o.Wallet != pay.WeChat) {
		return nil
	}
	at := g.ID
	if o.Wallet == pay.Alipay {
		at = 0
	}
	return b.tell(tx, o.ID, g.ID, at, ToldRefund, g.EndedAt)
}

// tell makes a notice where one is wanted: once of each kind.
func (b *Book) tell(tx *sqlite.Tx, orderID, refundID, wantedAt int64, what string, at time.Time) error {
	n, err := tx.ExecCount(`INSERT INTO notices (order_id, refund_id, what, url, sign, made, tries, due, taken)
		SELECT order_id, ?, ?, url, sign, ?, 0, ?, 0 FROM wants WHERE order_id = ? AND refund_id = ? ON CONFLICT DO NOTHING`,
		refundID, what, at.UnixMilli(), at.UnixMilli(), orderID, wantedAt)
	if err == nil && n > 0 {
		b.poke(tx)
	}
	return err
}

// Send makes a notice of an order that is paid, or of one of its refunds that is done, as if the merchant had wanted it at
// that address. found is false when there is none.
func (b *Book) Send(now time.Time, w pay.Wallet, number, refund, address, sign string) (found bool, err error) {
	err = b.update(now, func(tx *sqlite.Tx) error {
		what, query := ToldPaid, `SELECT id, 0 FROM orders WHERE wallet = ? AND number = ? AND paid IS NOT NULL AND ? = '' LIMIT 1`
		if refund != "" {
			what, query = ToldRefund, `SELECT o.id, r.id FROM orders o JOIN refunds r ON r.order_id = o.id
				WHERE o.wallet = ? AND o.number = ? AND r.number = ? AND r.state = 'returned' LIMIT 1`
		}
		var orderID, refundID int64
		err := tx.QueryRow(query, string(w), number, refund).Scan(&orderID, &refundID)
		if sqlite.NoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		b.poke(tx)
		return tx.Exec(`INSERT INTO notices (order_id, refund_id, what, url, sign, made, tries, due, taken) VALUES (?, ?, ?, ?, ?, ?, 0, ?, 0)
			ON CONFLICT (order_id, refund_id, what) DO UPDATE SET url = excluded.url, sign = excluded.sign, tries = 0, due = excluded.due, taken = 0`,
			orderID, refundID, what, address, sign, now.UnixMilli(), now.UnixMilli())
	})
	if err != nil {
		return false, fmt.Errorf("make a notice: %w", err)
	}
	return found, nil
}

// Upcoming is when the next notice is due, or the next change of something whose merchant wants to be told; the zero time:
// nothing of the kind is planned.
func (b *Book) Upcoming() (next time.Time, err error) {
	var due sql.NullInt64
	err = b.db.View(func(tx *sqlite.Tx) error {
		// The few that have something planned first, whatever the planner thinks.
		return tx.QueryRow(`SELECT min(due) FROM (SELECT min(due) AS due FROM notices WHERE due IS NOT NULL
			UNION ALL SELECT * FROM (SELECT o.due FROM orders o CROSS JOIN wants w ON w.order_id = o.id AND w.refund_id = 0
				WHERE o.due IS NOT NULL ORDER BY o.due LIMIT 1)
			UNION ALL SELECT * FROM (SELECT r.due FROM refunds r CROSS JOIN wants w ON w.order_id = r.order_id AND w.refund_id IN (0, r.id)
				WHERE r.due IS NOT NULL ORDER BY r.due LIMIT 1))`).Scan(&due)
	})
	if err != nil {
		return next, fmt.Errorf("look for notices: %w", err)
	}
	return moment(due), nil
}

// DueNotices writes down what happened by itself and gives up to limit notices that are due, oldest first.
func (b *Book) DueNotices(now time.Time, limit int) (list []Notice, err error) {
	if err := b.Settle(now); err != nil {
		return nil, err
	}
	err = b.db.View(func(tx *sqlite.Tx) error {
		var of, refund []int64
		err := tx.Query(func(rows sqlite.Rows) error {
			var n Notice
			var orderID, refundID, made int64
			err := rows.Scan(&n.ID, &orderID, &refundID, &n.What, &n.URL, &n.Sign, &made, &n.Tries)
			n.Made = at(made)
			list, of, refund = append(list, n), append(of, orderID), append(refund, refundID)
			return err
		}, `SELECT id, order_id, refund_id, what, url, sign, made, tries FROM notices WHERE due <= ? ORDER BY due, id LIMIT ?`, now.UnixMilli(), limit)
		for i := range list {
			if err == nil {
				list[i].Order, err = scan(tx.QueryRow(selectOrder+` WHERE id = ?`, of[i]))
			}
			if err == nil && refund[i] != 0 {
				list[i].Refund, err = scanGiven(tx.QueryRow(selectGiven+` WHERE r.id = ?`, refund[i]), &of[i])
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	return list, nil
}

// Tried notes that a notice was sent for the n-th time: taken, or to be sent again at next, or given up when that is zero.
func (b *Book) Tried(now time.Time, id int64, tries int, taken bool, next time.Time) error {
	return b.update(now, func(tx *sqlite.Tx) error {
		return tx.Exec(`UPDATE notices SET tries = ?, taken = ?, due = ? WHERE id = ?`, tries, taken, millis(next), id)
	})
}

// Waiting counts notices that are still to be sent, those that were taken, and those given up.
func (b *Book) Waiting() (waiting, taken, given int, err error) {
	err = b.db.View(func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT coalesce(sum(due IS NOT NULL), 0), coalesce(sum(taken), 0), coalesce(sum(due IS NULL AND taken = 0), 0) FROM notices`).
			Scan(&waiting, &taken, &given)
	})
	if err != nil {
		return 0, 0, 0, fmt.Errorf("count notices: %w", err)
	}
	return waiting, taken, given, nil
}
