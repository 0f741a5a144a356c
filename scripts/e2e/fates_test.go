package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// fates is the sandbox's table: what a sale with such a code must come to, and how often the wallet charges
// before all is over (a charge that is given back counts).
var fates = []struct {
	digits  string
	outcome pay.Outcome
	reason  string // of the sale, where all wallets give the same
	charges int
}{
	{"00", pay.Paid, "", 1},
	{"49", pay.Paid, "", 1},
	{"50", pay.NotPaid, "balance_low", 0},
	{"51", pay.NotPaid, "", 0},
	{"52", pay.NotPaid, "code_used", 0},
	{"53", pay.Paid, "", 1},
	{"54", pay.NotPaid, "", 0},
	{"55", pay.NotPaid, "", 0},
	{"60", pay.Paid, "", 1},
	{"61", pay.NotPaid, "", 0},
	{"62", pay.Paid, "", 1},
	{"63", pay.NotPaid, "", 0},
	{"64", pay.Paid, "", 1},
	{"65", pay.Paid, "", 1},
	{"66", pay.Paid, "", 1},
	{"70", pay.NotPaid, "", 0},
	{"71", pay.NotPaid, "", 1},
	{"72", pay.Paid, "", 1},
	{"80", pay.NotPaid, "", 0},
	{"90", pay.Paid, "", 1},
}

// TestEveryFate sells against every fate at every wallet, all at the same time on a few tills. Within two minutes
// nothing may be unknown and each sale must have come to what its row says.
func TestEveryFate(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 3*time.Minute)
	l := lab(t, ctx, r)
	tills := openTills(t, ctx, r, l, 4)

	type made struct {
		name    string
		fate    int
		sale    localapi.Sale
		lasted  time.Duration
		orderNo string
	}
	var mu sync.Mutex
	var all []made
	var sales sync.WaitGroup
	for i, f := range fates {
		for j, wallet := range []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay} {
			till := tills[(3*i+j)%len(tills)]
			m := made{name: fmt.Sprintf("%s %s", wallet, f.digits), fate: i, orderNo: fmt.Sprintf("fate-%s-%s", f.digits, wallet)}
			amount := int64(100 + i)
			sales.Go(func() {
				code, err := l.Code(ctx, wallet, f.digits)
				if err != nil {
					t.Errorf("%s: %v", m.name, err)
					return
				}
				began := time.Now()
				s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: amount, OrderNo: m.orderNo, Code: code})
				if err == nil {
					s, err = till.AwaitSale(ctx, s.ID, "the sale is settled", rig.Settled)
				}
				if err != nil {
					t.Errorf("%s: %v", m.name, err)
					return
				}
				m.sale, m.lasted = s, time.Since(began)
				mu.Lock()
				all = append(all, m)
				mu.Unlock()
			})
		}
	}
	sales.Wait()
	books := agree(t, ctx, l, tills)
	slices.SortFunc(all, func(a, b made) int { return strings.Compare(a.name, b.name) })
	for _, m := range all {
		f := fates[m.fate]
		t.Logf("%-10s %-9s %-8s after %5.1f s: %s", m.name, m.sale.State, m.sale.Outcome, m.lasted.Seconds(), m.sale.Message)
		if m.sale.Outcome != f.outcome || f.reason != "" && m.sale.Reason != f.reason {
			t.Errorf("%s ended %s (%s, reason %q), want %s (%q)", m.name, m.sale.Outcome, m.sale.State, m.sale.Reason, f.outcome, f.reason)
		}
		if m.lasted > 2*time.Minute {
			t.Errorf("%s was unknown for %s", m.name, m.lasted)
		}
		if got := charges(books, m.orderNo); got != f.charges {
			t.Errorf("%s: the wallet charged %d times, want %d", m.name, got, f.charges)
		}
	}
	sealed(t, ctx, r, l, tills)
}

// charges counts how often the wallets charged for an order.
func charges(b rig.Books, orderNo string) (n int) {
	for _, record := range b.Hub {
		for _, e := range b.Ledger {
			if record.OrderNo == orderNo && e.OutTradeNo == record.OutTradeNo && e.Kind == "charge" {
				n++
			}
		}
	}
	return n
}
