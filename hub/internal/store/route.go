package store

import (
	"database/sql"
	"strings"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// LeavePayment stores an attempt that was left together with the one that takes its place.
func (tx *Tx) LeavePayment(left payment.Payment, after *payment.Payment) error {
	if err := tx.SavePayment(&left); err != nil {
		return err
	}
	after.Rev = left.Rev
	if err := tx.insertAttempt(*after); err != nil {
		return err
	}
	return tx.SavePayment(after)
}

// PaymentOf finds what work is about: a payment, or a payment as seen from an attempt of it that was left (NotFound).
func (tx *Tx) PaymentOf(entity string) (payment.Payment, error) {
	if !strings.HasPrefix(entity, id.Attempt+"_") {
		return tx.Payment(entity)
	}
	p, err := scanPayment(tx.QueryRow("SELECT "+attemptColumns+"FROM attempt a JOIN payment p ON p.id = a.payment WHERE a.id = ?", entity).Scan)
	return p, found(err, "attempt", entity)
}

// ChannelOf is the channel that the work about an entity goes to; empty when there is no such entity.
func (tx *Tx) ChannelOf(entity string) (channel string, err error) {
	kind, _, _ := strings.Cut(entity, "_")
	query := map[string]string{
		id.Refund:  "SELECT a.channel FROM refund r JOIN attempt a ON a.payment = r.payment AND a.left_at IS NULL WHERE r.id = ?",
		id.Attempt: "SELECT channel FROM attempt WHERE id = ?",
		id.Payment: "SELECT channel FROM attempt WHERE payment = ? AND left_at IS NULL",
	}[kind]
	if query == "" {
		return "", nil
	}
	if err = tx.QueryRow(query, entity).Scan(&channel); sqlite.NoRows(err) {
		return "", nil
	}
	return channel, err
}

// Underway counts what is still to be asked of a channel: payments, attempts that were left, refunds.
func (tx *Tx) Underway(channel string) (n int, err error) {
	err = tx.QueryRow(`SELECT (SELECT count(*) FROM work w JOIN attempt a ON a.payment = w.entity AND a.left_at IS NULL WHERE a.channel = ?1)
 + (SELECT count(*) FROM work w JOIN attempt a ON a.id = w.entity WHERE a.channel = ?1)
 + (SELECT count(*) FROM work w JOIN refund r ON r.id = w.entity JOIN attempt a ON a.payment = r.payment AND a.left_at IS NULL WHERE a.channel = ?1)`, channel).Scan(&n)
	return n, err
}

// ChannelSet is a version of the channels and rules.
type ChannelSet struct {
	Version int // 0: none was applied
	Body    string
	By      string
	At      time.Time
}

const newestSet = "SELECT version, body, applied_by, at FROM channel_set ORDER BY version DESC LIMIT 1"

func scanSet(scan func(...any) error) (c ChannelSet, err error) {
	var at int64
	err = scan(&c.Version, &c.Body, &c.By, &at)
	if sqlite.NoRows(err) {
		return ChannelSet{}, nil
	}
	c.At = time.UnixMilli(at).UTC()
	return c, err
}

// ChannelSet is the version in force.
func (tx *Tx) ChannelSet() (ChannelSet, error) { return scanSet(tx.QueryRow(newestSet).Scan) }

// ApplyChannelSet stores the version after the one that was read. Conflict when somebody else was faster. about is told in the
// event: names and reasons, no key.
func (tx *Tx) ApplyChannelSet(c ChannelSet, about any) error {
	n, err := tx.ExecCount(`INSERT INTO channel_set (version, body, applied_by, at)
 SELECT ?1, ?2, ?3, ?4 WHERE ?1 = 1 + (SELECT coalesce(max(version), 0) FROM channel_set)`, c.Version, c.Body, c.By, c.At.UnixMilli())
	if err == nil && n != 1 {
		err = fault.New(fault.Conflict, "channel.raced", "the channels were changed by somebody else meanwhile: look with \"channel list\", then repeat the command")
	}
	if err != nil {
		return err
	}
	return tx.Append(Event{Entity: "channels", Kind: "channels.applied", Body: about, Cause: c.By, At: c.At})
}

// Drain is a channel that people keep new payments away from.
type Drain struct {
	Channel, By, Note string
	At                time.Time
}

const drains = "SELECT channel, drained_by, note, at FROM channel_drain ORDER BY channel"

func scanDrain(scan func(...any) error) (d Drain, err error) {
	var at int64
	err = scan(&d.Channel, &d.By, &d.Note, &at)
	d.At = time.UnixMilli(at).UTC()
	return d, err
}

// Drains lists the drained channels.
func (tx *Tx) Drains() (list []Drain, err error) {
	err = tx.Query(func(rows sqlite.Rows) error {
		d, err := scanDrain(rows.Scan)
		list = append(list, d)
		return err
	}, drains)
	return list, err
}

// SetDrain drains a channel, or ends that; what is so already leaves no event.
func (tx *Tx) SetDrain(d Drain, on bool) (changed bool, err error) {
	var n int64
	kind := "channel.drained"
	if on {
		n, err = tx.ExecCount("INSERT INTO channel_drain (channel, drained_by, note, at) VALUES (?,?,?,?) ON CONFLICT DO NOTHING", d.Channel, d.By, d.Note, d.At.UnixMilli())
	} else {
		kind = "channel.undrained"
		n, err = tx.ExecCount("DELETE FROM channel_drain WHERE channel = ?", d.Channel)
	}
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.Append(Event{Entity: "channel/" + d.Channel, Kind: kind, Body: map[string]string{"note": d.Note}, Cause: d.By, At: d.At})
}

// Channels reads the version in force and the drained channels from a database file that may be in use or a copy; a file that is
// not there yet has neither.
func Channels(path string) (c ChannelSet, drained []Drain, err error) {
	db, err := sqlite.OpenReadOnly(path)
	if fault.CodeOf(err) == "storage.missing" {
		return c, nil, nil
	}
	if err != nil {
		return c, nil, err
	}
	defer db.Close()
	if c, err = scanSet(db.QueryRow(newestSet).Scan); err != nil {
		return c, nil, unreadable(path, err)
	}
	rows, err := db.Query(drains)
	if err != nil {
		return c, nil, unreadable(path, err)
	}
	defer rows.Close()
	for rows.Next() {
		d, err := scanDrain(rows.Scan)
		if err != nil {
			return c, nil, unreadable(path, err)
		}
		drained = append(drained, d)
	}
	return c, drained, rows.Err()
}

// Routed is an attempt with the record of why its channel had it.
type Routed struct {
	Attempt, Channel, OutTradeNo string
	Status                       pay.Status
	Sent, Left                   time.Time
	Route                        string // JSON; empty: nothing was chosen
}

// Routes reads a payment and all its attempts, the first one first, from a database file that may be in use or a copy (NotFound).
func Routes(path, paymentID string) (p payment.Payment, list []Routed, err error) {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return p, nil, err
	}
	defer db.Close()
	p, err = scanPayment(db.QueryRow("SELECT "+paymentColumns+"WHERE p.id = ?", paymentID).Scan)
	if sqlite.NoRows(err) {
		return p, nil, found(err, "payment", paymentID)
	}
	if err != nil {
		return p, nil, unreadable(path, err)
	}
	rows, err := db.Query(`SELECT id, channel, out_trade_no, status, sent_at, left_at, route FROM attempt
 WHERE payment = ?1 AND left_at IS NULL OR payment = ?1 AND left_at IS NOT NULL ORDER BY left_at IS NULL, left_at, id`, paymentID)
	if err != nil {
		return p, nil, unreadable(path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Routed
		var sent, left sql.NullInt64
		if err := rows.Scan(&r.Attempt, &r.Channel, &r.OutTradeNo, &r.Status, &sent, &left, &r.Route); err != nil {
			return p, nil, unreadable(path, err)
		}
		r.Sent, r.Left = moment(sent), moment(left)
		list = append(list, r)
	}
	return p, list, rows.Err()
}

// Taken is a stored payment with what a route is chosen by, and the channel it first went to.
type Taken struct {
	Payment, Merchant, Store string
	Wallet                   pay.Wallet
	Amount                   money.Amount
	At                       time.Time
	Channel                  string
}

// TakenBetween hands on the payments of a span, in their order, from a database file that may be in use or a copy.
func TakenBetween(path string, from, to time.Time, each func(Taken)) error {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(`SELECT p.id, p.merchant, p.store, p.wallet, p.amount, p.created_at,
 coalesce((SELECT l.channel FROM attempt l WHERE l.payment = p.id AND l.left_at IS NOT NULL ORDER BY l.left_at LIMIT 1), a.channel)
 FROM payment p JOIN attempt a ON a.payment = p.id AND a.left_at IS NULL WHERE p.created_at >= ? AND p.created_at < ? ORDER BY p.id`, from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return unreadable(path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var t Taken
		var amount, at int64
		if err := rows.Scan(&t.Payment, &t.Merchant, &t.Store, &t.Wallet, &amount, &at, &t.Channel); err != nil {
			return unreadable(path, err)
		}
		t.Amount, t.At = money.Fen(amount), time.UnixMilli(at).UTC()
		each(t)
	}
	return rows.Err()
}
