package storedvalue_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/money"
)

// model is what the channel must have booked: the truth of a wallet in a few lines.
type model struct {
	balance  int64
	fate     map[string]channel.Finding // by out_trade_no
	kept     map[string]int64           // of each paid order, after refunds
	spent    map[string]bool            // serials
	refunded map[string]int64           // by out_refund_no
}

// TestAgainstAModel plays drawn calls, repeated, crossed and out of order, and compares every answer and the
// balance with the model. A failure names its seed, which replays.
func TestAgainstAModel(t *testing.T) {
	for seed := range uint64(20) {
		b := newBank(t)
		m := &model{balance: 10_000, fate: map[string]channel.Finding{}, kept: map[string]int64{}, spent: map[string]bool{}, refunded: map[string]int64{}}
		rng := rand.New(rand.NewPCG(seed, 0))
		type sold struct {
			channel.Order
			serial string
		}
		var orders []sold
		for step := range 120 {
			if len(orders) == 0 || rng.IntN(3) == 0 {
				serial := fmt.Sprintf("s%d", rng.IntN(30))
				orders = append(orders, sold{b.order(serial, 1+rng.Int64N(2500)), serial})
			}
			o := orders[rng.IntN(len(orders))]
			what, got, want := "", channel.Finding(""), channel.Finding("")
			switch rng.IntN(5) {
			case 0, 1:
				what, got, want = "pay", b.Pay(t.Context(), o.Order).Finding, m.pay(o.Order, o.serial)
			case 2:
				what, got, want = "query", b.Query(t.Context(), ref(o.Order)).Finding, channel.Absent
				if f, ok := m.fate[o.OutTradeNo]; ok {
					want = f
				}
			case 3:
				what, got, want = "reverse", b.Reverse(t.Context(), ref(o.Order)).Finding, channel.Reversed
				m.reverse(o.OutTradeNo)
			case 4:
				r := channel.Refund{OutRefundNo: fmt.Sprintf("R%07d", rng.IntN(8)), Order: ref(o.Order), Amount: money.Fen(1 + rng.Int64N(900))}
				what, got, want = "refund", channel.Finding(b.Refund(t.Context(), r).Finding), channel.Finding(m.refund(r))
			}
			if got != want || b.balance() != m.balance {
				t.Fatalf("seed %d, step %d: %s of %s found %q, want %q; balance %d, want %d", seed, step, what, o.OutTradeNo, got, want, b.balance(), m.balance)
			}
		}
	}
}

func (m *model) pay(o channel.Order, serial string) channel.Finding {
	if f, ok := m.fate[o.OutTradeNo]; ok {
		return f
	}
	m.fate[o.OutTradeNo] = channel.Declined
	if !m.spent[serial] && m.balance >= o.Amount.Fen() {
		m.fate[o.OutTradeNo], m.spent[serial] = channel.Approved, true
		m.kept[o.OutTradeNo] = o.Amount.Fen()
		m.balance -= o.Amount.Fen()
	}
	return m.fate[o.OutTradeNo]
}

func (m *model) reverse(no string) {
	switch m.fate[no] {
	case channel.Approved:
		m.balance += m.kept[no]
		m.kept[no], m.fate[no] = 0, channel.Reversed
	case "":
		m.fate[no] = channel.Reversed
	}
}

func (m *model) refund(r channel.Refund) channel.RefundFinding {
	key := fmt.Sprintf("%s %s %d", r.OutRefundNo, r.Order.OutTradeNo, r.Amount.Fen())
	if _, again := m.refunded[key]; again {
		return channel.Refunded
	}
	if _, other := m.refunded[r.OutRefundNo]; other {
		return channel.RefundUnknown // the number was another refund's
	}
	no := r.Order.OutTradeNo
	if m.fate[no] != channel.Approved || r.Amount.Fen() > m.kept[no] {
		return channel.RefundRefused
	}
	m.kept[no] -= r.Amount.Fen()
	m.balance += r.Amount.Fen()
	m.refunded[key], m.refunded[r.OutRefundNo] = r.Amount.Fen(), r.Amount.Fen()
	return channel.Refunded
}
