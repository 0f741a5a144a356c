package store_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// sold is a paid payment of 100 fen of a till.
func (h *house) sold(n int, merchant, terminal, key string) payment.Payment {
	p := made(n, merchant, terminal, payment.FromTill, key)
	p.Status, p.Attempt.Status, p.PaidAt, p.Finished, p.Attempt.Settled = pay.StatusSucceeded, pay.StatusSucceeded, at, at, at
	h.insert(p)
	return p
}

func back(no string, p payment.Payment, fen int64) payment.Refund {
	return payment.Refund{ID: "ref_" + no, Payment: p.ID, Merchant: p.Merchant, Terminal: p.Terminal, Source: payment.FromTill, Key: no, BodyHash: "h",
		RefundNo: no, OutRefundNo: "REFUND00" + no, Amount: money.Fen(fen), Status: pay.RefundCreated, Created: at, NotBefore: at, Since: at}
}

func (h *house) refund(r payment.Refund) {
	h.Helper()
	h.must(h.Update(func(tx *store.Tx) error { return tx.InsertRefund(r) }))
}

func (h *house) saveRefund(r payment.Refund) {
	h.Helper()
	h.must(h.Update(func(tx *store.Tx) error { return tx.SaveRefund(r) }))
}

// sums wants what a payment has given back and what is under way.
func (h *house) sums(id string, refunded, refunding int64) {
	h.Helper()
	h.must(h.View(func(tx *store.Tx) error {
		p, err := tx.Payment(id)
		if p.Refunded.Fen() != refunded || p.Refunding.Fen() != refunding {
			h.Errorf("%d refunded and %d under way, want %d and %d", p.Refunded.Fen(), p.Refunding.Fen(), refunded, refunding)
		}
		return err
	}))
}

func TestSumsFollowTheRefunds(t *testing.T) {
	h := open(t)
	p := h.sold(0, "mer_0", "trm_0", "k")
	one, two := back("1", p, 60), back("2", p, 40)
	h.refund(one)
	h.refund(two)
	h.sums(p.ID, 0, 100)
	one.Status, one.Stamp, one.Sent, one.Called = pay.RefundUnknown, at, at, at
	h.saveRefund(one)
	h.sums(p.ID, 0, 100)
	for _, moved := range []string{"stamp_at - 1", "NULL"} {
		if err := h.Update(func(tx *store.Tx) error { err := tx.Exec("UPDATE refund SET stamp_at = " + moved); return err }); err == nil {
			t.Errorf("the moment that names a refund was set to %s", moved)
		}
	}
	one.Status, one.Finished, one.RefundedAt, one.WalletRef = pay.RefundSucceeded, at.Add(time.Second), at, "W"
	h.saveRefund(one)
	h.sums(p.ID, 60, 40)
	two.Status, two.Finished, two.Decline = pay.RefundFailed, at, payment.Decline{Code: "c", Message: "m", Wallet: "w"}
	h.saveRefund(two)
	h.sums(p.ID, 60, 0)
	h.saveRefund(one) // saved again, nothing moves twice
	h.sums(p.ID, 60, 0)
	away := back("3", p, 1000)
	away.Status, away.Finished, away.Decline = pay.RefundFailed, at, payment.Decline{Code: payment.RefundTooMuch, Message: "m"}
	h.refund(away) // what was turned away takes nothing
	h.sums(p.ID, 60, 0)
	h.restart()
	h.must(h.View(func(tx *store.Tx) error {
		for _, want := range []payment.Refund{one, two, away} {
			if got, err := tx.Refund(want.ID); err != nil || got != want {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
			if got, err := tx.RefundByKey("mer_0", payment.FromTill, "trm_0", want.Key); err != nil || got != want {
				t.Errorf("by its key: %+v, %v", got, err)
			}
		}
		list, err := tx.RefundsOf(p.ID, 2)
		if err != nil || len(list) != 2 || list[0].ID != away.ID {
			t.Errorf("%+v, %v", list, err)
		}
		if s, err := tx.Standing(p.ID); err != nil || s.Count != 1 || !s.Last.Equal(at) {
			t.Errorf("standing: %+v, %v", s, err)
		}
		if _, err := tx.Refund("ref_9"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("nobody's: %v", err)
		}
		return nil
	}))
}

// TestTheFileRefusesRefundsThatCannotBe: whatever a bug above would write.
func TestTheFileRefusesRefundsThatCannotBe(t *testing.T) {
	h := open(t)
	p := h.sold(0, "mer_0", "trm_0", "k")
	unpaid := made(1, "mer_0", "trm_0", payment.FromTill, "l")
	unpaid.OrderNo = "A-2"
	h.insert(unpaid)
	h.refund(back("1", p, 60))
	change := func(edit func(*payment.Refund)) payment.Refund {
		r := back("2", p, 10)
		edit(&r)
		return r
	}
	for name, r := range map[string]payment.Refund{
		"more than is left":            back("2", p, 41),
		"of what is not paid":          back("2", unpaid, 1),
		"of nothing":                   change(func(r *payment.Refund) { r.Payment = "pay_9" }),
		"no money":                     change(func(r *payment.Refund) { r.Amount = money.Fen(0) }),
		"a key twice":                  change(func(r *payment.Refund) { r.Key = "1" }),
		"a number twice":               change(func(r *payment.Refund) { r.OutRefundNo = "REFUND001" }),
		"a short number":               change(func(r *payment.Refund) { r.OutRefundNo = "1234567" }),
		"created and sent":             change(func(r *payment.Refund) { r.Stamp, r.Sent = at, at }),
		"unknown and never sent":       change(func(r *payment.Refund) { r.Status = pay.RefundUnknown }),
		"succeeded, never sent":        change(func(r *payment.Refund) { r.Status, r.Finished, r.RefundedAt = pay.RefundSucceeded, at, at }),
		"succeeded, nobody knows when": change(func(r *payment.Refund) { r.Status, r.Finished, r.Stamp, r.Sent = pay.RefundSucceeded, at, at, at }),
		"succeeded and not finished":   change(func(r *payment.Refund) { r.Status, r.RefundedAt, r.Stamp, r.Sent = pay.RefundSucceeded, at, at, at }),
		"failed without a reason":      change(func(r *payment.Refund) { r.Status, r.Finished = pay.RefundFailed, at }),
		"a reason without failing":     change(func(r *payment.Refund) { r.Decline.Code = "x" }),
		"astray before it was sent": change(func(r *payment.Refund) {
			r.Status, r.Stamp, r.Sent, r.Stray = pay.RefundUnknown, at, at, at.Add(1)
			r.Stray = at.Add(time.Second)
		}),
		"sent, and never first": change(func(r *payment.Refund) { r.Status, r.Sent = pay.RefundUnknown, at }),
		"a status of its own":   change(func(r *payment.Refund) { r.Status = "lost" }),
	} {
		if err := h.Update(func(tx *store.Tx) error { return tx.InsertRefund(r) }); err == nil {
			t.Errorf("%s was taken", name)
		}
		h.sums(p.ID, 0, 60)
	}
	for _, query := range []string{
		"DELETE FROM refund", "UPDATE refund SET amount = 1", "UPDATE refund SET out_refund_no = 'REFUND009'", "UPDATE refund SET payment = 'pay_1'",
		"UPDATE payment SET refunded_amount = 41 WHERE id = 'pay_0'", "UPDATE payment SET refunding_amount = -1 WHERE id = 'pay_0'",
		"UPDATE payment SET amount = 59 WHERE id = 'pay_0'", "UPDATE payment SET status = 'declined', decline_code = 'x' WHERE id = 'pay_0'",
		"INSERT INTO work (entity, task, due_at, begun) VALUES ('ref_1', 'give', 0, 0)",
		"INSERT INTO exception (id, payment, refund, kind, matter, known, owner, opened_at, deadline_at) VALUES ('x', 'pay_0', '', 'slow_refund', '', '', 'hub', 0, 0)",
	} {
		if err := h.Update(func(tx *store.Tx) error { err := tx.Exec(query); return err }); err == nil {
			t.Errorf("%s was taken", query)
		}
	}
	h.sums(p.ID, 0, 60)
}

// TestASaleIsFoundOnItsOwnTillFirst: tills may number alike, and only their own sales are theirs.
func TestASaleIsFoundOnItsOwnTillFirst(t *testing.T) {
	h := open(t)
	a, b := h.sold(0, "mer_0", "trm_0", "k"), h.sold(1, "mer_0", "trm_1", "k")
	c := h.sold(2, "mer_0", "trm_1", "l")
	h.sold(3, "mer_1", "trm_2", "m")
	h.must(h.View(func(tx *store.Tx) error {
		for _, k := range []struct{ terminal, key, want string }{{"trm_0", "k", a.ID}, {"trm_1", "k", b.ID}, {"trm_0", "l", c.ID}, {"trm_0", "m", ""}, {"trm_0", "n", ""}} {
			p, err := tx.TillPayment("mer_0", k.terminal, k.key)
			if p.ID != k.want && k.want != "" || (k.want == "") != (fault.KindOf(err) == fault.NotFound) {
				t.Errorf("%s %s: %s, %v; want %s", k.terminal, k.key, p.ID, err, k.want)
			}
		}
		return nil
	}))
}

func TestExportsRefunds(t *testing.T) {
	h := open(t)
	p := h.sold(0, "mer_0", "trm_0", "k")
	h.refund(back("1", p, 60))
	var out bytes.Buffer
	h.must(store.Export(h.path, "refunds", &out))
	var line map[string]any
	h.must(json.Unmarshal(out.Bytes(), &line))
	for name, want := range map[string]any{"id": "ref_1", "payment": "pay_0", "amount": 60.0, "status": "created", "outcome": "unknown",
		"out_refund_no": "REFUND001", "out_trade_no": "T0000000", "wallet": "wechat", "created_at": at.Format(time.RFC3339), "finished_at": nil} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v in %s", name, line[name], want, out.String())
		}
	}
	out.Reset()
	h.must(store.Export(h.path, "payments", &out))
	if !strings.Contains(out.String(), `"refunded_amount":0`) {
		t.Errorf("payments do not tell what was refunded: %s", out.String())
	}
}
