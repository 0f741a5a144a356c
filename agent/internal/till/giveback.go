package till

import (
	"cloudcashier/agent/internal/duty"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/roster"
)

// wish is a request for money to go back.
type wish struct {
	sale, no, why string
	kind          localapi.RefundKind
	amount        money.Amount // of a void: none, it is the sale's
	approval      *localapi.Approval
}

// Void gives all of a sale back on its own day. Asked again it gives the refund that it made; like [Till.NewRefund] in all else.
func (t *Till) Void(saleID string, n localapi.NewVoid) (localapi.Refund, bool, error) {
	no := n.RefundNo
	if no == "" {
		no = "V-" + saleID
	}
	return t.giveBack(wish{sale: saleID, kind: localapi.RefundVoid, no: no, why: n.Reason, approval: n.Approval})
}

// giveBack makes the refund that a wish is about, or gives the one that it made before.
func (t *Till) giveBack(w wish) (r localapi.Refund, fresh bool, err error) {
	if err := checkText("refund_no", w.no, maxOrderNo); err != nil {
		return r, false, err
	}
	if err := checkText("reason", w.why, maxReason); err != nil {
		return r, false, err
	}
	approver := ""
	if w.approval != nil {
		if known, ok, err := t.repeated(w); err != nil || ok {
			return store.ViewRefund(known.Refund), false, err
		}
		if err := t.prove(w.approval.Operator, w.approval.PIN, func(o roster.Operator) error {
			approver = o.ID
			return nil
		}); err != nil {
			return r, false, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var of store.Row
	var earlier []sale.Refund
	var known store.RefundRow
	repeat := false
	err = t.read(func(tx *store.Tx) (err error) {
		if known, repeat, err = w.in(tx); err != nil || repeat {
			return err
		}
		of, earlier, err = soldWith(tx, w.sale)
		return err
	})
	if err != nil || repeat {
		return store.ViewRefund(known.Refund), false, err
	}
	if err := t.roomForMore(); err != nil {
		return r, false, err
	}
	if len(t.refunds.open) >= t.most {
		return r, false, fault.New(fault.Unavailable, "refund.too_many_open", "%d refunds of this till are not settled: let the hub settle them first", len(t.refunds.open))
	}
	x, err := t.newRefund(w, of, earlier, approver)
	if err != nil {
		return r, false, err
	}
	row, err := t.writeRefund(store.RefundRow{}, "new", func(tx *store.Tx) (store.RefundRow, error) { return tx.InsertRefund(x, t.Now()) })
	if err == nil {
		t.staff.used = t.Now()
	}
	return store.ViewRefund(row.Refund), err == nil, err
}

// repeated looks for the refund that the wish made before, before anybody is asked for a PIN again.
func (t *Till) repeated(w wish) (known store.RefundRow, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err = t.read(func(tx *store.Tx) error {
		known, ok, err = w.in(tx)
		return err
	})
	return known, ok, err
}

// in looks for it in the journal. A number that was used for anything else is a Conflict.
func (w wish) in(tx *store.Tx) (known store.RefundRow, ok bool, err error) {
	if w.no == "" {
		return known, false, nil
	}
	known, ok, err = tx.RefundByNo(w.no)
	if err != nil || !ok {
		return known, ok, err
	}
	if known.Sale != w.sale || known.Kind != w.kind || known.Why != w.why || w.kind == localapi.RefundPlain && known.Amount != w.amount {
		return store.RefundRow{}, false, fault.New(fault.Conflict, "refund.other_content",
			"refund number %s is a %s of %s of sale %s: repeat exactly that, or use another number", w.no, string(known.Kind), known.Amount, known.Sale)
	}
	return known, true, nil
}

// soldWith is a sale of this till and its refunds.
func soldWith(tx *store.Tx, saleID string) (of store.Row, earlier []sale.Refund, err error) {
	if of, err = tx.Sale(saleID); err != nil {
		if fault.KindOf(err) == fault.NotFound && id.Check(id.Sale, saleID) == nil {
			err = fault.New(fault.NotFound, "sale.other_till", "this till did not sell it: refund it on the till that did, or at the hub. Nothing went back")
		}
		return of, nil, err
	}
	rows, err := tx.RefundsOf(saleID)
	for _, row := range rows {
		earlier = append(earlier, row.Refund)
	}
	return of, earlier, err
}

// newRefund asks the laws: whether so much can go back, and who stands for it. The caller holds the lock.
func (t *Till) newRefund(w wish, of store.Row, earlier []sale.Refund, approver string) (x sale.Refund, err error) {
	x = sale.Refund{ID: t.IDs.New(id.Refund), RefundNo: w.no, Kind: w.kind, Amount: w.amount, Why: w.why}
	if x.RefundNo == "" {
		x.RefundNo = x.ID
	}
	if w.kind == localapi.RefundVoid {
		x, err = sale.NewVoid(of.Sale, x, earlier, t.Now(), t.cfg.Zone)
	} else {
		x, err = sale.NewRefund(of.Sale, x, earlier, t.Now())
	}
	if err != nil {
		return x, err
	}
	ask := duty.Refund{Amount: x.Amount, Stood: map[string]money.Amount{}}
	for _, e := range earlier {
		by := duty.Authority{Operator: e.Operator, ApprovedBy: e.Approver}.By()
		if by == "" || e.State == localapi.RefundFailed {
			continue
		}
		sum := e.Amount
		if before, ok := ask.Stood[by]; ok {
			if sum, err = sum.Add(before); err != nil {
				return x, err
			}
		}
		ask.Stood[by] = sum
	}
	a, err := t.authority(approver, ask)
	x.Operator, x.Approver = a.Operator, a.ApprovedBy
	return x, err
}
