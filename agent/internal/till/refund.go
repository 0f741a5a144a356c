package till

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
	"cloudcashier/shared/wire"
)

// maxReason bounds why a refund is asked for, in bytes: a wallet shows eighty characters of it.
const maxReason = 80

// refunds are those that are not settled.
type refunds struct {
	open  map[string]store.RefundRow
	bySeq map[uint64]string // those with a message in the outbox
}

func (r *refunds) keep(before, row store.RefundRow) {
	delete(r.bySeq, before.Seq)
	delete(r.open, row.ID)
	if row.Seq != 0 {
		r.bySeq[row.Seq] = row.ID
	}
	if !row.State.Final() {
		r.open[row.ID] = row
	}
}

// resumeRefunds takes up what is not settled. What was queued is asked with the same words under the
// same key, and what the hub had is asked about: its answer may have come while nobody listened.
func (t *Till) resumeRefunds(tx *store.Tx) error {
	t.refunds = refunds{open: map[string]store.RefundRow{}, bySeq: map[uint64]string{}}
	rows, err := tx.OpenRefunds()
	if err != nil {
		return err
	}
	for _, row := range rows {
		after, err := t.cfg.Rules.StepRefund(row.Refund, sale.RefundNews{Event: sale.RefundRestart}, t.Now())
		if err != nil {
			return err
		}
		if after != row.Refund {
			if row, err = tx.ChangeRefund(row, after, sale.RefundRestart, t.Now()); err != nil {
				return err
			}
		}
		t.refunds.keep(row, row)
	}
	return nil
}

// NewRefund asks for money of a paid sale to go back, or gives the refund that the same request asked
// for before; fresh tells which. With a number that was used for anything else it is a Conflict.
//
// A wallet's money is only queued here: the hub alone can give it back, and until it has said so the
// refund says "not refunded yet". Cash and the like are given back at once, link or no link.
//
// Somebody has to stand for it where the hub names operators ([duty.Refund]). That is asked once: a repeat gives the same
// refund, and an approval is worth nothing outside its request.
func (t *Till) NewRefund(saleID string, n localapi.NewRefund) (r localapi.Refund, fresh bool, err error) {
	amount := money.Fen(n.Amount)
	if err := amount.Charge(); err != nil {
		return r, false, err
	}
	return t.giveBack(wish{sale: saleID, kind: localapi.RefundPlain, no: n.RefundNo, why: n.Reason, amount: amount, approval: n.Approval})
}

// writeRefund commits what became of a refund, and only then remembers it and tells. The caller
// holds the lock.
func (t *Till) writeRefund(before store.RefundRow, what string, write func(*store.Tx) (store.RefundRow, error)) (row store.RefundRow, err error) {
	var of localapi.Sale
	if err := t.update(func(tx *store.Tx) (err error) {
		if row, err = write(tx); err != nil {
			return err
		}
		sold, err := tx.Sale(row.Sale)
		if err != nil {
			return err
		}
		of = t.view(sold)
		return tx.AddRefunds(&of)
	}); err != nil {
		return before, err
	}
	t.refunds.keep(before, row)
	t.Log.Info("refund changed", logs.Sale, row.Sale, logs.Refund, row.ID, logs.Kind, what, logs.Status, string(row.State))
	v, status := store.ViewRefund(row.Refund), t.status()
	t.watchers.tell(localapi.Event{Kind: localapi.EventRefund, Refund: &v})
	t.watchers.tell(localapi.Event{Kind: localapi.EventSale, Sale: &of})
	t.watchers.tell(localapi.Event{Kind: localapi.EventStatus, Status: &status})
	if row.Asking != "" {
		t.Wake()
	}
	t.Grown()
	t.stir()
	return row, nil
}

// stepRefund applies one event to an open refund. also joins the transaction. The caller holds the lock.
func (t *Till) stepRefund(before store.RefundRow, n sale.RefundNews, also func(*store.Tx) error) error {
	after, err := t.cfg.Rules.StepRefund(before.Refund, n, t.Now())
	if err != nil {
		return err
	}
	heard := after
	heard.Heard = before.Heard // memory only
	if heard == before.Refund {
		if also != nil {
			err = t.update(also)
		}
		if err == nil {
			t.refunds.keep(before, store.RefundRow{Refund: after, Seq: before.Seq})
		}
		return err
	}
	_, err = t.writeRefund(before, string(n.Event), func(tx *store.Tx) (store.RefundRow, error) {
		row, err := tx.ChangeRefund(before, after, n.Event, t.Now())
		if err == nil && also != nil {
			err = also(tx)
		}
		return row, err
	})
	return err
}

// hearRefund applies the hub's word to the refund it is about.
func (t *Till) hearRefund(e wire.Envelope, key string, n sale.RefundNews) error {
	if row, ok := t.refunds.open[key]; ok {
		return t.stepRefund(row, n, t.storing(e))
	}
	var row store.RefundRow
	err := t.read(func(tx *store.Tx) (err error) {
		row, err = tx.Refund(key)
		return err
	})
	if err == nil {
		_, err = t.cfg.Rules.StepRefund(row.Refund, n, t.Now()) // settled: nothing moves, but a contradiction shows
	}
	if err != nil {
		return err
	}
	if also := t.storing(e); also != nil {
		return t.update(also)
	}
	return nil
}

// ofRefund reports that a key names a refund: the kind of what we mint stands in front.
func ofRefund(key string) bool { return strings.HasPrefix(key, id.Refund+"_") }

// decodeRefund reads the hub's word about a refund.
func decodeRefund(e wire.Envelope) (key string, n sale.RefundNews, err error) {
	if e.Kind == wire.KindRefused {
		r, err := wire.Decode[wire.Refused](e)
		return r.Key, sale.RefundNotTakenOf(r), err
	}
	r, err := wire.Decode[wire.RefundResult](e)
	if err != nil {
		return r.Key, n, err
	}
	n, err = sale.RefundEventOf(r)
	return r.Key, n, err
}

// outgoingRefunds are the requests that the hub has not answered, oldest first.
func (t *Till) outgoingRefunds() (list []hublink.Message) {
	for seq, key := range t.refunds.bySeq {
		row := t.refunds.open[key]
		list = append(list, hublink.Message{Seq: seq, Kind: row.Asking, Body: store.RefundMessage(row.Refund)})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Seq < list[j].Seq })
	return list
}

// overdueRefunds has those asked about, oldest first, of which the hub has said nothing for long.
func (t *Till) overdueRefunds(now time.Time) {
	for _, key := range slices.Sorted(maps.Keys(t.refunds.open)) {
		row := t.refunds.open[key]
		if due, ok := t.cfg.Rules.RefundDue(row.Refund); ok && !due.After(now) {
			_ = t.guard("deadline", row.Sale, func() error { return t.stepRefund(row, sale.RefundNews{Event: sale.RefundOverdue}, nil) })
		}
	}
}

// countRefunds puts the refunds that are not settled into the status.
func (t *Till) countRefunds(s *localapi.Status, oldest time.Time) time.Time {
	s.Queue += len(t.refunds.bySeq)
	for _, row := range t.refunds.open {
		s.OpenRefunds++
		s.PendingRefundsAmount += row.Amount.Fen()
		if row.State == localapi.RefundQueued {
			s.QueuedRefunds++
		}
		if row.Seq != 0 && (oldest.IsZero() || row.Created.Before(oldest)) {
			oldest = row.Created
		}
	}
	return oldest
}

// withRefunds is a sale as others see it, with what went back of it.
func (t *Till) withRefunds(row store.Row) (localapi.Sale, error) {
	v := t.view(row)
	if row.State != localapi.StatePaid {
		return v, nil
	}
	return v, t.read(func(tx *store.Tx) error { return tx.AddRefunds(&v) })
}

// Refund reads one refund.
func (t *Till) Refund(refundID string) (v localapi.Refund, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err = t.read(func(tx *store.Tx) error {
		row, err := tx.Refund(refundID)
		v = store.ViewRefund(row.Refund)
		return err
	})
	return v, err
}

// Refunds reads all refunds of a sale, oldest first.
func (t *Till) Refunds(saleID string) ([]localapi.Refund, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := []localapi.Refund{}
	err := t.read(func(tx *store.Tx) error {
		if _, err := tx.Sale(saleID); err != nil {
			return err
		}
		rows, err := tx.RefundsOf(saleID)
		for _, row := range rows {
			list = append(list, store.ViewRefund(row.Refund))
		}
		return err
	})
	return list, err
}
