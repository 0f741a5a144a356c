package till_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// ledger sums a till up as it goes, by what the calls said, shift by shift.
type ledger struct {
	*rig
	random *rand.Rand
	n      int
	open   []localapi.Sale
	paid   []localapi.Sale
	backs  []localapi.Refund
	wallet map[string]pay.Wallet
	began  map[string]int64
	net    map[string]int64 // of the open shift, by tender and wallet
	drawer int64
	from   int64 // the event that ended the last shift
}

func (l *ledger) shift() int64 { return l.till.Status().Shift.Number }

func (l *ledger) took(s localapi.Sale) {
	l.paid = append(l.paid, s)
	l.net[string(s.Tender)+string(s.Wallet)] += s.Amount
	if s.Tender == localapi.TenderCash {
		l.drawer += s.Amount
	}
}

func (l *ledger) gave(x localapi.Refund) {
	l.net[string(x.Tender)+string(l.wallet[x.Sale])] -= x.Amount
	if x.Tender == localapi.TenderCash {
		l.drawer -= x.Amount
	}
}

// step does something a shop does.
func (l *ledger) step() {
	l.n++
	amount := 1 + l.random.Int64N(2000)
	switch l.random.IntN(12) {
	case 0:
		l.took(l.begin(localapi.NewSale{Amount: amount, Tender: localapi.TenderCash}))
	case 1, 2:
		s := l.begin(localapi.NewSale{Amount: 1280, Code: fmt.Sprintf("13%016d", l.n), Again: true, OrderNo: fmt.Sprint("W-", l.n)})
		if s.State == localapi.StateSending {
			l.leave(s.ID, wire.KindPay)
			l.open, l.began[s.ID] = append(l.open, s), l.shift()
		}
	case 3:
		l.cut()
		if s, err := l.offline(l.n, 1280); err == nil {
			l.open, l.began[s.ID] = append(l.open, s), l.shift()
		}
		l.till.LinkChanged(hublink.State{Up: true, Since: l.now()})
	case 4, 5:
		l.answerSale()
	case 6:
		l.takeBack(amount)
	case 7:
		l.answerRefund()
	case 8:
		kind := []localapi.MovementKind{localapi.CashIn, localapi.CashOut, localapi.CashDrop}[l.random.IntN(3)]
		l.move(kind, amount)
		l.drawer += map[localapi.MovementKind]int64{localapi.CashIn: amount, localapi.CashOut: -amount, localapi.CashDrop: -amount}[kind]
	case 9:
		if _, fresh, err := l.till.NewShift(localapi.NewShift{Float: amount}); err == nil && fresh {
			l.drawer += amount
		}
	case 10:
		l.crash()
		l.pass(46 * time.Second)
	case 11:
		l.end()
	}
}

func (l *ledger) answerSale() {
	if len(l.open) == 0 {
		return
	}
	i := l.random.IntN(len(l.open))
	s := l.open[i]
	status := []pay.Status{pay.StatusSucceeded, pay.StatusSucceeded, pay.StatusDeclined, pay.StatusUnknown, pay.StatusPending}[l.random.IntN(5)]
	answer := result(s.ID, status)
	if s.Wallet == pay.StoredValue {
		answer.Wallet = s.Wallet
	}
	if status == pay.StatusDeclined {
		answer.Reason = "balance_low"
	}
	l.hub(wire.KindResult, answer)
	now, err := l.till.Sale(s.ID)
	if err != nil {
		l.Fatal(err)
	}
	if now.State.Final() {
		l.open = append(l.open[:i], l.open[i+1:]...)
	}
	if now.State == localapi.StatePaid {
		l.wallet[now.ID] = now.Wallet
		l.took(now)
	}
}

func (l *ledger) takeBack(amount int64) {
	if len(l.paid) == 0 {
		return
	}
	x, _, err := l.till.NewRefund(l.paid[l.random.IntN(len(l.paid))].ID, localapi.NewRefund{Amount: amount})
	if err != nil {
		return // no more of it may go back
	}
	l.began[x.ID] = l.shift()
	if x.State == localapi.RefundSucceeded {
		l.gave(x)
	} else {
		l.backs = append(l.backs, x)
	}
}

func (l *ledger) answerRefund() {
	if len(l.backs) == 0 {
		return
	}
	i := l.random.IntN(len(l.backs))
	x := l.backs[i]
	status := []pay.RefundStatus{pay.RefundSucceeded, pay.RefundFailed, pay.RefundPending}[l.random.IntN(3)]
	l.hub(wire.KindRefundResult, back(x, status))
	if status != pay.RefundPending {
		l.backs = append(l.backs[:i], l.backs[i+1:]...)
	}
	if status == pay.RefundSucceeded {
		l.gave(x)
	}
}

// end closes the shift and compares its report with the sums made on the way and with the database's.
func (l *ledger) end() {
	l.Helper()
	counted := max(l.drawer, 0)
	z := l.closeShift(counted)
	if *z.Expected != l.drawer || *z.Difference != counted-l.drawer {
		l.Errorf("shift %d expects %d in the drawer, want %d", z.Number, *z.Expected, l.drawer)
	}
	for _, one := range z.Tenders {
		if k := string(one.Tender) + string(one.Wallet); l.net[k] != one.Net {
			l.Errorf("shift %d: %s is %d, want %d", z.Number, k, one.Net, l.net[k])
		} else {
			delete(l.net, k)
		}
	}
	for k, net := range l.net {
		l.Errorf("shift %d leaves out %s: %d", z.Number, k, net)
	}
	if z.PendingCount != len(l.open)+len(l.backs) {
		l.Errorf("shift %d carries over %d, want %d and %d", z.Number, z.PendingCount, len(l.open), len(l.backs))
	}
	for _, p := range z.Pending {
		if l.began[p.ID] != p.Shift {
			l.Errorf("%s is from shift %d, want %d", p.ID, p.Shift, l.began[p.ID])
		}
	}
	for sql, want := range l.sums(z) {
		if want[0] != want[1] {
			l.Errorf("shift %d: the database says %d, the report %d of\n%s", z.Number, want[0], want[1], sql)
		}
	}
	l.net, l.drawer, l.from = map[string]int64{}, 0, z.LastEvent+1
}

// sums asks the database over the shift's range of the log; beside each answer stands the report's.
func (l *ledger) sums(z localapi.Shift) map[string][2]int64 {
	db, err := sqlite.OpenReadOnly(l.path)
	if err != nil {
		l.Fatal(err)
	}
	defer db.Close()
	var gross, sold, refunded int64
	for _, one := range z.Tenders {
		gross, sold, refunded = gross+one.Gross, sold+one.Count, refunded+one.Refunded
	}
	all := map[string][2]int64{
		`SELECT coalesce(sum(body ->> '$.amount'), 0) FROM event WHERE type NOT LIKE 'refund.%' AND body ->> '$.state' = 'paid' AND `:              {0, gross},
		`SELECT count(*) FROM event WHERE type NOT LIKE 'refund.%' AND body ->> '$.state' = 'paid' AND `:                                           {0, sold},
		`SELECT coalesce(sum(body ->> '$.amount'), 0) FROM event WHERE type LIKE 'refund.%' AND body ->> '$.state' = 'succeeded' AND `:             {0, refunded},
		`SELECT coalesce(sum(iif(type = 'cash_in', 1, -1) * (body ->> '$.amount')), 0) FROM event WHERE type GLOB 'cash_*' AND `:                   {0, z.PaidIn - z.PaidOut - z.Dropped},
		`SELECT coalesce(sum(body ->> '$.float'), 0) FROM event WHERE type = 'shift_opened' AND `:                                                  {0, z.Float},
		`SELECT (SELECT count(*) FROM sale WHERE finished_at IS NULL) + (SELECT count(*) FROM refund WHERE finished_at IS NULL) FROM event WHERE `: {0, int64(z.PendingCount)},
		`SELECT (SELECT coalesce(max(seq), 0) FROM sale) FROM event WHERE `:                                                                        {0, z.LastSale},
	}
	for sql, pair := range all {
		if err := db.QueryRow(sql+`seq > ? AND seq <= ?`, l.from, z.LastEvent+1).Scan(&pair[0]); err != nil {
			l.Fatal(sql, err)
		}
		all[sql] = pair
	}
	return all
}

// TestShiftsOfRandomDays: a whole till, with crashes, against sums made by hand and by the database. SEEDS=n tries a day in a hundred
// of them: one costs as much as a hundred schedules of the law.
func TestShiftsOfRandomDays(t *testing.T) {
	seeds := 6
	if n, err := strconv.Atoi(os.Getenv("SEEDS")); err == nil {
		seeds = max(seeds, n/100)
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := newRig(t)
			r.greet(limits(), 0)
			l := &ledger{rig: r, random: rand.New(rand.NewPCG(uint64(seed), 1)), wallet: map[string]pay.Wallet{}, began: map[string]int64{}, net: map[string]int64{}}
			for range 120 {
				l.step()
			}
			l.end()
			l.end()
		})
	}
}

// TestReportsWhileSelling: who reads reports never sees half a sale, and nobody waits for ever.
func TestReportsWhileSelling(t *testing.T) {
	r := newRig(t)
	const sales, readers = 60, 3
	done := make(chan struct{})
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			last := int64(0)
			for {
				x, err := r.till.ReportShift(localapi.ReportShift{})
				if err != nil || len(x.Tenders) == 1 && x.Tenders[0].Gross != 1280*x.Tenders[0].Count || x.LastEvent < last && x.Number == 1 {
					t.Errorf("%+v, %v", x, err)
				}
				last = x.LastEvent
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	var inFirst int64
	for n := range sales {
		r.cash(fmt.Sprint("C-", n))
		if n == sales/2 {
			inFirst = r.closeShift(0).Tenders[0].Count
		}
	}
	close(done)
	all.Wait()
	x, err := r.till.ReportShift(localapi.ReportShift{})
	if err != nil || x.Number != 2 || inFirst+x.Tenders[0].Count != sales || inFirst != sales/2+1 {
		t.Errorf("%d in the first, %+v, %v", inFirst, x, err)
	}
}
