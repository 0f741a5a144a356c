package till_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// count closes the open shift with a sum.
func (r *rig) closeShift(counted int64) localapi.Shift {
	r.Helper()
	z, err := r.till.CloseShift(localapi.CloseShift{Number: r.till.Status().Shift.Number, Counted: &counted})
	if err != nil {
		r.Fatal(err)
	}
	return z
}

func (r *rig) move(kind localapi.MovementKind, amount int64) {
	r.Helper()
	if _, _, err := r.till.MoveCash(localapi.NewMovement{Kind: kind, Amount: amount}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) openShift(float int64) localapi.Shift {
	r.Helper()
	s, _, err := r.till.NewShift(localapi.NewShift{Float: float})
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// lines writes the lines of a report down: what, its state, and the shift it began in.
func lines(list []localapi.ShiftLine) (text string) {
	for _, l := range list {
		text += fmt.Sprintf("%s %s %d from %d, ", l.Kind, l.State, l.Amount, l.Shift)
	}
	return text
}

// TestAShift follows two shifts: an unknown sale and a refund are carried over, and settle in the second.
func TestAShift(t *testing.T) {
	r := newRig(t)
	if s := r.openShift(20000); s.Number != 1 || !s.Blind || s.Expected != nil || s.ByItself || s.Float != 20000 {
		t.Fatalf("%+v", s)
	}
	cash := r.cash("C-1")
	sold := r.paid(1)
	r.refund(cash.ID, localapi.NewRefund{Amount: 80})
	queued := r.refund(sold.ID, localapi.NewRefund{Amount: 300})
	doubt := r.charging(2)
	r.hub(wire.KindResult, result(doubt.ID, pay.StatusUnknown))
	r.move(localapi.CashIn, 5000)
	r.move(localapi.CashOut, 700)
	r.move(localapi.CashDrop, 10000)
	const drawer = 20000 + 1280 - 80 + 5000 - 700 - 10000
	x, err := r.till.CurrentShift()
	if err != nil || !x.Blind || x.Expected != nil || len(x.Tenders) != 1 {
		t.Errorf("whoever counts is told %+v, %v", x, err)
	}
	if x, err = r.till.ReportShift(localapi.ReportShift{}); err != nil || x.Blind || *x.Expected != drawer || x.Closed {
		t.Errorf("%+v, %v", x, err)
	}
	if s := r.till.Status().Shift; s.Number != 1 || s.PendingLines != 2 || s.OpenedAt == nil {
		t.Errorf("%+v", s)
	}
	r.pass(time.Minute)
	z := r.closeShift(drawer - 50)
	want := []localapi.ShiftTender{{Tender: "cash", Count: 1, Gross: 1280, Refunds: 1, Refunded: 80, Net: 1200},
		{Tender: "wallet", Wallet: pay.WeChat, Count: 1, Gross: 1280, Net: 1280}}
	if z.Number != 1 || !z.Closed || *z.Expected != drawer || *z.Difference != -50 || !reflect.DeepEqual(z.Tenders, want) || z.FirstSale != 1 || z.LastSale != 3 {
		t.Errorf("%+v", z)
	}
	if got := lines(z.Pending); got != "refund queued 300 from 1, sale unknown 1280 from 1, " || z.PendingAmount != 1580 {
		t.Errorf("carries over %s", got)
	}
	r.crash()
	r.hub(wire.KindResult, result(doubt.ID, pay.StatusSucceeded))
	r.hub(wire.KindRefundResult, back(queued, pay.RefundSucceeded))
	again, err := r.till.Shift(1)
	if err != nil || !reflect.DeepEqual(again, z) {
		t.Errorf("a closed shift is %+v, was %+v, %v", again, z, err)
	}
	z = r.closeShift(0)
	want = []localapi.ShiftTender{{Tender: "wallet", Wallet: pay.WeChat, Count: 1, Gross: 1280, Refunds: 1, Refunded: 300, Net: 980}}
	if z.Number != 2 || !z.ByItself || *z.Expected != 0 || !reflect.DeepEqual(z.Tenders, want) || z.PendingCount != 0 || z.FirstSale != 0 {
		t.Errorf("%+v", z)
	}
	if got := lines(z.Carried); got != "sale paid 1280 from 1, refund succeeded 300 from 1, " {
		t.Errorf("settled %s", got)
	}
	list, err := r.till.Shifts(5)
	if err != nil || len(list) != 2 || list[0].Number != 2 || !reflect.DeepEqual(list[1], again) {
		t.Errorf("%+v, %v", list, err)
	}
	if got := r.events(""); got != "shift_opened cash_in cash_out cash_drop shift_closed shift_closed" {
		t.Error(got)
	}
}

// TestTheSameRequestAgain: an answer that was lost is given again, and nothing happens twice.
func TestTheSameShiftRequestAgain(t *testing.T) {
	r := newRig(t)
	first, second := r.openShift(100), r.openShift(100)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("%+v, %+v", first, second)
	}
	move := localapi.NewMovement{Kind: localapi.CashIn, Amount: 5, Why: "coins", No: "M-1"}
	one, fresh, err := r.till.MoveCash(move)
	again, refresh, err2 := r.till.MoveCash(move)
	if err != nil || err2 != nil || !fresh || refresh || one != again {
		t.Errorf("%+v %v %v, %+v %v %v", one, fresh, err, again, refresh, err2)
	}
	move.Amount = 6
	_, _, err = r.till.MoveCash(move)
	r.refused("another amount", err, "movement.other_content")
	counted := int64(90)
	end := localapi.CloseShift{Number: 1, Counted: &counted, Note: "n"}
	z, err := r.till.CloseShift(end)
	if err != nil || *z.Difference != -15 {
		t.Fatalf("%+v, %v", z, err)
	}
	r.crash()
	if same, err := r.till.CloseShift(end); err != nil || !reflect.DeepEqual(z, same) {
		t.Errorf("%+v, %v; was %+v", same, err, z)
	}
	counted++
	_, err = r.till.CloseShift(end)
	r.refused("counted again", err, "shift.closed")
	end.Number = 3
	_, err = r.till.CloseShift(end)
	r.refused("a shift that is not yet", err, "shift.number")
	end.Number = 0
	_, err = r.till.CloseShift(end)
	r.refused("no number", err, "shift.number")
	if s := r.till.Status().Shift; s.Number != 2 || s.OpenedAt != nil {
		t.Errorf("%+v", s)
	}
}

func TestWhatNoShiftTakes(t *testing.T) {
	r := newRig(t)
	sum, less, more := int64(5), int64(-1), int64(100_000_000_01)
	for name, n := range map[string]localapi.CloseShift{
		"no count": {Number: 1}, "two counts": {Number: 1, Counted: &sum, Denominations: []localapi.Denomination{{Value: 100, Count: 1}}},
		"less than nothing": {Number: 1, Counted: &less}, "too much": {Number: 1, Counted: &more},
	} {
		_, err := r.till.CloseShift(n)
		r.refused(name, err, "shift.counted")
	}
	_, err := r.till.CloseShift(localapi.CloseShift{Number: 1, Denominations: []localapi.Denomination{{Value: 100, Count: -1}}})
	r.refused("fewer than no coins", err, "shift.denomination")
	_, _, err = r.till.NewShift(localapi.NewShift{Float: -1})
	r.refused("float", err, "shift.float")
	_, _, err = r.till.MoveCash(localapi.NewMovement{Kind: "sideways", Amount: 1})
	r.refused("kind", err, "movement.kind")
	_, _, err = r.till.MoveCash(localapi.NewMovement{Kind: localapi.CashIn})
	r.refused("nothing", err, "money.not_positive")
	_, err = r.till.Shift(7)
	r.refused("a shift of the future", err, "shift.unknown")
	r.cash("C-1")
	_, _, err = r.till.NewShift(localapi.NewShift{Float: 100})
	r.refused("money was first", err, "shift.begun")
	r.closeShift(0)
	r.openShift(100)
	_, _, err = r.till.NewShift(localapi.NewShift{Float: 200})
	r.refused("another float", err, "shift.open")
	z, err := r.till.CloseShift(localapi.CloseShift{Number: 2, Denominations: []localapi.Denomination{{Value: 10000, Count: 3}, {Value: 10, Count: 7}}})
	if err != nil || *z.Counted != 30070 || len(z.Denominations) != 2 {
		t.Errorf("%+v, %v", z, err)
	}
	r.free = 1 << 20
	r.pass(time.Second)
	_, _, err = r.till.NewShift(localapi.NewShift{})
	r.refused("a full disk", err, "till.storage_full")
	r.closeShift(0) // but a shift that is open can be ended
}

// TestP16TheShiftIsClosing: whenever the power fails, the number is used once and none is lost.
func TestP16TheShiftIsClosing(t *testing.T) {
	r := newRig(t)
	r.openShift(100)
	r.cash("C-1")
	counted := int64(1380)
	end := localapi.CloseShift{Number: 1, Counted: &counted}
	if err := r.journal.Close(); err != nil { // before the commit
		t.Fatal(err)
	}
	if z, err := r.till.CloseShift(end); fault.KindOf(err) != fault.InDoubt {
		t.Fatalf("closed on no disk: %+v, %v", z, err)
	}
	for range 3 {
		r.start()
		if s := r.till.Status().Shift; s.Number != 1 || s.OpenedAt == nil {
			t.Fatalf("%+v", s)
		}
		if err := r.journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	z, err := r.till.CloseShift(end)
	if err != nil || z.Number != 1 || *z.Difference != 0 {
		t.Fatalf("%+v, %v", z, err)
	}
	for range 3 { // behind the commit, before the answer
		r.crash()
		if same, err := r.till.CloseShift(end); err != nil || !reflect.DeepEqual(same, z) {
			t.Fatalf("%+v, %v", same, err)
		}
		if s := r.till.Status().Shift; s.Number != 2 {
			t.Fatalf("%+v", s)
		}
	}
	if got := r.events(""); got != "shift_opened shift_closed" {
		t.Error(got)
	}
}

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

// TestShiftsOfRandomDays: a whole till, with crashes, against sums made by hand and by the database. SEEDS=n tries more.
func TestShiftsOfRandomDays(t *testing.T) {
	seeds := 6
	if n, err := strconv.Atoi(os.Getenv("SEEDS")); err == nil {
		seeds = n
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
