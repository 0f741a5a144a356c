package till

import (
	"maps"
	"slices"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

// skipped is what the log keeps of messages that somebody else acknowledged.
type skipped struct {
	From    uint64 `json:"from"`
	Through uint64 `json:"through"`
}

// skip goes on behind messages that were acknowledged in this till's name and will never come. Any of them may have
// been the end of a sale or a refund.
func (t *Till) skip(e wire.Envelope) error {
	s, err := wire.Decode[wire.Skipped](e)
	if err != nil {
		t.Log.Error("the hub's word about its messages is malformed: update the agent", logs.Err, err)
		return nil
	}
	if s.Through <= t.down {
		return nil
	}
	t.Log.Error("ALARM: somebody else took messages for this till: a cloned till, or an old journal was put back; call the operator of the hub",
		"from", t.down+1, "through", s.Through)
	now := t.Now()
	err = t.update(func(tx *store.Tx) error {
		if err := tx.Append("", "skipped", skipped{t.down + 1, s.Through}, now); err != nil {
			return err
		}
		tx.AfterCommit(func() { t.down = s.Through })
		return tx.SetDownSeq(s.Through)
	})
	if err != nil {
		return err
	}
	t.askAll(now)
	t.Grown()
	if t.broken != nil {
		return t.ending()
	}
	return nil
}

// askAll asks the hub about every sale and every refund that waits for its word.
func (t *Till) askAll(now time.Time) {
	for _, h := range t.open {
		if _, waits := t.cfg.Rules.Due(h.row.Sale); !waits || h.row.Asking != "" {
			continue
		}
		_ = t.guard("skipped", h.row.ID, func() error { return t.step(h, sale.News{Event: sale.Overdue}, now, nil) })
	}
	for _, key := range slices.Sorted(maps.Keys(t.refunds.open)) {
		row := t.refunds.open[key]
		if _, waits := t.cfg.Rules.RefundDue(row.Refund); waits {
			_ = t.guard("skipped", row.Sale, func() error { return t.stepRefund(row, sale.RefundNews{Event: sale.RefundOverdue}, nil) })
		}
	}
}
