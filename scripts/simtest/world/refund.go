package world

import (
	"context"
	"fmt"
	"time"

	"cloudcashier/hub/hubtest"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// wish is a refund that somebody asked a till for.
type wish struct {
	till    *till
	number  string // the shop's
	sale    string
	order   string
	fen     int64
	offline bool            // when it was asked
	shown   localapi.Refund // what the screen said last; zero: nothing, it was refused or the till died over it
}

// claim is a refund that a merchant's server asked for.
type claim struct {
	number string
	order  string
	fen    int64
	told   hubtest.Refund // at the end; zero before
}

// returns draws what customers bring back when.
func (w *World) returns() (plan []step) {
	luck := w.luck("returns")
	for _, t := range w.tills {
		for n := range 1 + luck.IntN(3) {
			number := fmt.Sprintf("R-%s-%d", t.name, n+1)
			which, part, again := luck.IntN(4), luck.IntN(5), luck.IntN(4)
			at := 8*time.Second + time.Duration(luck.Int64N(int64(faulty-9*time.Second)))
			later := at + time.Duration(luck.Int64N(int64(10*time.Second)))
			plan = append(plan, step{at, func() { w.takeBack(t, number, which, part) }})
			if again == 0 && later < faulty-time.Second {
				plan = append(plan, step{later, func() { w.takeBackAgain(t, number) }})
			}
			if again == 1 && later < faulty-time.Second { // the merchant's office gives the same money back
				plan = append(plan, step{later, func() { w.claimOf(t, number) }})
			}
		}
	}
	return plan
}

// takeBack has a cashier give money of one of the till's paid sales back: all, a part, or more than there is.
func (w *World) takeBack(t *till, number string, which, part int) {
	w.ask(t, func(r *tillRun) {
		list, err := r.till.Sales(50)
		if err != nil {
			return
		}
		var paid []localapi.Sale
		for _, s := range list {
			if s.State == localapi.StatePaid {
				paid = append(paid, s)
			}
		}
		if len(paid) == 0 {
			return
		}
		s := paid[which%len(paid)]
		fen := []int64{s.Amount, s.Amount, max(s.Amount/2, 1), 1, s.Amount + 1}[part]
		w.asksBack(t, r, s, number, fen)
	})
}

func (w *World) asksBack(t *till, r *tillRun, s localapi.Sale, number string, fen int64) {
	offline := r.till.Status().Link == "down"
	w.mu.Lock()
	w.wishes[number] = &wish{till: t, number: number, sale: s.ID, order: s.OrderNo, fen: fen, offline: offline}
	w.mu.Unlock()
	x, _, err := r.till.NewRefund(s.ID, localapi.NewRefund{Amount: fen, RefundNo: number})
	if r.gone() {
		return
	}
	w.note("%s takes %d fen of %s back as %s: %s", t.name, fen, s.OrderNo, number, said(err))
	switch {
	case err == nil:
		w.showsBack(t, x)
		if fen > s.Amount {
			w.fail("%s took a refund of %d fen of a sale over %d", t.name, fen, s.Amount)
		}
	case fault.CodeOf(err) == "refund.too_much":
		w.saw("refund refused for too much")
	}
}

// takeBackAgain asks for the same refund once more, and then for another one under its number.
func (w *World) takeBackAgain(t *till, number string) {
	w.ask(t, func(r *tillRun) {
		for _, one := range w.wishesOf(t) {
			if one.number != number || one.shown.ID == "" {
				continue
			}
			x, fresh, err := r.till.NewRefund(one.sale, localapi.NewRefund{Amount: one.fen, RefundNo: number})
			if r.gone() || fault.KindOf(err) == fault.Unavailable || fault.KindOf(err) == fault.InDoubt {
				return
			}
			if err != nil || fresh || x.ID != one.shown.ID {
				w.fail("%s took refund %s a second time: fresh %v, %v", t.name, number, fresh, err)
				return
			}
			w.showsBack(t, x)
			_, _, err = r.till.NewRefund(one.sale, localapi.NewRefund{Amount: one.fen + 1, RefundNo: number})
			if k := fault.KindOf(err); !r.gone() && k != fault.Conflict && k != fault.Unavailable && k != fault.InDoubt {
				w.fail("%s took another refund under number %s: %v", t.name, number, err)
			}
			w.saw("refund asked for twice under its number")
			return
		}
	})
}

// wishesOf are a till's, in order of their numbers.
func (w *World) wishesOf(t *till) (list []wish) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := 1; ; n++ {
		one := w.wishes[fmt.Sprintf("R-%s-%d", t.name, n)]
		if one == nil && n > 3 {
			return list
		}
		if one != nil {
			list = append(list, *one)
		}
	}
}

// showsBack is a till's screen telling how a refund stands.
func (w *World) showsBack(t *till, x localapi.Refund) {
	w.mu.Lock()
	one := w.wishes[x.RefundNo]
	if one == nil {
		w.blame(fmt.Sprintf("%s shows refund %s, which nobody asked for", t.name, x.RefundNo))
		w.mu.Unlock()
		return
	}
	before := one.shown
	if before.ID != "" && (before.ID != x.ID || before.State.Final() && before.Outcome != x.Outcome) {
		w.blame(fmt.Sprintf("%s showed refund %s as %s, then as %s", t.name, x.RefundNo, before.State, x.State))
	}
	if x.Outcome != x.State.Outcome() || x.Amount != one.fen {
		w.blame(fmt.Sprintf("%s shows refund %s as %s over %d, outcome %s", t.name, x.RefundNo, x.State, x.Amount, x.Outcome))
	}
	one.shown = x
	if before.State == x.State {
		w.mu.Unlock()
		return
	}
	w.write(fmt.Sprintf("%s shows refund %s of %s as %s", t.name, x.RefundNo, one.order, x.State))
	if x.State == localapi.RefundSucceeded && one.offline && x.Tender == localapi.TenderWallet {
		w.seen["refund queued offline, then made"]++
	}
	w.mu.Unlock()
	if x.Tender == localapi.TenderWallet {
		w.covers(one.order)
	}
}

// covers holds what people were told of an order's refunds against the wallet.
func (w *World) covers(order string) {
	var told int64
	w.mu.Lock()
	for _, one := range w.wishes {
		if one.order == order && one.shown.Outcome == pay.Refunded {
			told += one.fen
		}
	}
	for _, c := range w.claims {
		if c.order == order && c.told.Outcome == pay.Refunded {
			told += c.fen
		}
	}
	w.mu.Unlock()
	if back := w.bank.backOf(order); back < told {
		w.fail("people were told that %d fen of %s went back, the wallet gave %d", told, order, back)
	}
}

// remembersBacks holds a till that has just started against what it had said of refunds.
func (w *World) remembersBacks(t *till, r *tillRun) {
	for _, one := range w.wishesOf(t) {
		list, err := r.till.Refunds(one.sale)
		if err != nil {
			w.fail("%s cannot read its refunds: %v", t.name, err)
			return
		}
		found := false
		for _, x := range list {
			if x.RefundNo == one.number {
				found = true
				w.showsBack(t, x)
			}
		}
		if !found && one.shown.ID != "" {
			w.fail("%s forgot refund %s, which it had shown as %s", t.name, one.number, one.shown.State)
		}
	}
}

// claimOf has the merchant's office give back what a cashier takes back as well.
func (w *World) claimOf(t *till, number string) {
	for _, one := range w.wishesOf(t) {
		if one.number != number || one.shown.Tender != localapi.TenderWallet || t.run == nil || t.run.gone() {
			continue
		}
		s, ok := w.newestSale(t.run, one.order)
		if ok && s.ID == one.sale && s.PaymentID != "" {
			w.claim("office-"+number, one.order, s.PaymentID, one.fen, 0)
		}
		return
	}
}

// claimBack has a merchant's server give back what it sold: once, in two parts, or twice at once.
func (w *World) claimBack(v *invoice, p hubtest.Payment) {
	luck := w.luck("claims/" + v.order)
	way, wait := luck.IntN(5), time.Duration(luck.Int64N(int64(5*time.Second)))
	switch {
	case p.Outcome != pay.Paid || way == 0:
	case way == 1:
		w.claim("B-"+v.order+"-1", v.order, p.ID, max(p.Fen/2, 1), wait)
		w.claim("B-"+v.order+"-2", v.order, p.ID, max(p.Fen/3, 1), 2*wait)
	case way == 2: // each believes that the money is there
		w.claim("B-"+v.order+"-1", v.order, p.ID, p.Fen, wait)
		w.claim("B-"+v.order+"-2", v.order, p.ID, p.Fen, wait)
	default:
		w.claim("B-"+v.order+"-1", v.order, p.ID, p.Fen, wait)
	}
}

// claim asks for a refund until it has an answer, and waits for the end.
func (w *World) claim(number, order, paymentID string, fen int64, wait time.Duration) {
	c := &claim{number: number, order: order, fen: fen}
	w.mu.Lock()
	w.claims[number] = c
	w.mu.Unlock()
	luck := w.luck("claim/" + number)
	w.shops.Go(func() {
		_ = w.sleep(w.life, luck, wait)
		for w.life.Err() == nil {
			h := w.serving(luck)
			if h == nil {
				_ = w.sleep(w.life, luck, time.Second)
				continue
			}
			ctx, end := context.WithTimeout(w.life, 10*time.Second)
			r, err := h.hub.Refund(ctx, paymentID, number, fen)
			if err == nil && !h.gone() {
				r, err = h.hub.AwaitRefund(ctx, r.ID)
			}
			end()
			if err == nil && !h.gone() && r.Status.Final() {
				w.mu.Lock()
				c.told = r
				w.mu.Unlock()
				w.note("server hears refund %s of %s is %s (%s)", number, order, r.Status, r.Why)
				w.covers(order)
				return
			}
			if k := fault.KindOf(err); err != nil && !h.gone() && (k == fault.Invalid || k == fault.Conflict || k == fault.NotFound) {
				w.fail("a merchant's server was refused refund %s: %v", number, err)
				return
			}
			_ = w.sleep(w.life, luck, time.Second+time.Duration(luck.Int64N(int64(2*time.Second))))
		}
	})
}

// refunding names who still waits for the end of a refund; empty: nobody.
func (w *World) refunding() string {
	for _, t := range w.tills {
		if t.run != nil && t.run.till.Status().OpenRefunds > 0 {
			return t.name + " has refunds open"
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.claims {
		if !c.told.Status.Final() {
			return "a merchant's server waits for the end of a refund"
		}
	}
	return ""
}

// judgeReturns holds what tills and merchants were told of refunds against the hub's books.
func (w *World) judgeReturns(books hubtest.Books) {
	w.bank.judgeBacks(books)
	by := map[string]hubtest.Refund{}
	for _, r := range books.Refunds {
		if _, twice := by[r.Terminal+"/"+r.Key]; twice {
			w.fail("a refund was taken in twice under one key")
		}
		by[r.Terminal+"/"+r.Key] = r
	}
	keys := map[string]bool{}
	for _, one := range w.wishes {
		x := one.shown
		if x.Tender != localapi.TenderWallet {
			continue
		}
		key := terminalID(one.till.n) + "/" + x.ID
		keys[key] = true
		if r, has := by[key]; !has || r.Outcome != x.Outcome || r.Fen != x.Amount {
			w.fail("%s shows refund %s as %s over %d, at the hub it is %q over %d", one.till.name, one.number, x.State, x.Amount, r.Status, r.Fen)
		}
	}
	for _, c := range w.claims {
		keys["/"+c.number] = true
		if r := by["/"+c.number]; r.Outcome != c.told.Outcome || r.ID != c.told.ID {
			w.fail("the merchant was told that refund %s is %s, at the hub it is %q", c.number, c.told.Status, r.Status)
		}
	}
	for key, r := range by {
		if !keys[key] {
			w.fail("the hub has a refund over %d fen that nobody asked for", r.Fen)
		}
	}
}
