package world

import (
	"context"
	"fmt"
	"time"

	"cloudcashier/hub/hubtest"
	"cloudcashier/scripts/simtest/disk"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// tillCodeLife is how long after its scan a code may leave a till.
const tillCodeLife = 45 * time.Second

// intent is an order that a cashier entered.
type intent struct {
	order   string
	fen     int64
	till    *till
	tender  localapi.Tender
	scans   map[string]time.Time // codes that were scanned for it, and when
	sent    map[string]int       // charges that left, by sale
	sales   []string             // as they were first seen
	certain bool                 // the till said that it has it
	tries   int
}

// invoice is a payment that a merchant's own server asked for.
type invoice struct {
	order string
	told  pay.Outcome
	calls int
	paid  hubtest.Payment
}

// build sets the shop up.
func (w *World) build() error {
	images, err := templates()
	if err != nil {
		return err
	}
	luck := w.luck("world")
	lay := func(file string, image []byte) (*disk.Disk, error) {
		d, err := disk.New()
		if err != nil {
			return nil, err
		}
		return d, d.Put(file, image)
	}
	machine, err := lay(databaseFile, images.database)
	if err != nil {
		return err
	}
	hubs := 1
	if w.on("hub replaced") {
		hubs = 2
	}
	for n := range hubs {
		w.hubs = append(w.hubs, &hub{w: w, name: fmt.Sprint("hub", n+1), disk: machine})
	}
	for n := range 2 + luck.IntN(3)/2 { // two, or three in a third of the schedules
		d, err := lay(journalFile, images.journal)
		if err != nil {
			return err
		}
		w.tills = append(w.tills, &till{w: w, n: n, name: fmt.Sprint("till", n+1), disk: d, step: int64(luck.IntN(600) - 300),
			arrived: map[string]int{}, shown: map[string]localapi.Sale{}})
	}
	for _, h := range w.hubs {
		h.start()
		time.Sleep(w.in(luck, 10*time.Millisecond))
	}
	for _, t := range w.tills {
		t.start()
	}
	return nil
}

// trade draws what is sold when.
func (w *World) trade() (plan []step) {
	luck := w.luck("trade")
	for _, t := range w.tills {
		for n := range 2 + luck.IntN(3) {
			i := &intent{order: fmt.Sprintf("%s-%d", t.name, n+1), fen: int64(1 + luck.IntN(100_000)), till: t, tender: localapi.TenderWallet,
				scans: map[string]time.Time{}, sent: map[string]int{}}
			if luck.IntN(6) == 0 {
				i.tender = localapi.TenderCash
			}
			at := time.Duration(luck.Int64N(int64(faulty - 12*time.Second)))
			way := luck.IntN(4)
			plan = append(plan, step{at, func() { w.enter(i, way == 0) }})
			if way != 0 && i.tender == localapi.TenderWallet {
				plan = append(plan, step{at + time.Second + time.Duration(luck.Int64N(int64(4*time.Second))), func() { w.scan(i) }})
			}
			for _, again := range []struct {
				is   bool
				late time.Duration
				do   func(*intent)
			}{
				{luck.IntN(3) == 0, 40 * time.Second, w.cancelSale},
				{luck.IntN(5) == 0, 5 * time.Second, w.enterAgain},
				{luck.IntN(3) == 0, 90 * time.Second, w.retry},
			} {
				late := time.Duration(luck.Int64N(int64(again.late)))
				if luck.IntN(2) == 0 { // at once, while a first message is still on its way
					late /= 8
				}
				if again.is && w.on("impatient cashier") && at+late < faulty-time.Second {
					plan = append(plan, step{at + late, func() { again.do(i) }})
				}
			}
		}
	}
	for n := range 1 + luck.IntN(2) {
		order, fen := fmt.Sprint("web-", n+1), int64(1+luck.IntN(100_000))
		cancel := time.Duration(0)
		if luck.IntN(3) == 0 {
			cancel = time.Second + time.Duration(luck.Int64N(int64(20*time.Second)))
		}
		plan = append(plan, step{time.Duration(luck.Int64N(int64(faulty - 20*time.Second))), func() { w.sellOnline(order, fen, cancel) }})
	}
	return plan
}

// ask has a till do something on behalf of a cashier, who notices when it has died of it.
func (w *World) ask(t *till, do func(*tillRun)) bool {
	r := t.run
	if r == nil || r.gone() {
		return false
	}
	do(r)
	t.sees()
	return !r.gone()
}

func (w *World) enter(i *intent, withCode bool) {
	n := localapi.NewSale{Amount: i.fen, OrderNo: i.order, Tender: i.tender}
	w.mu.Lock()
	w.known[i.order] = i
	w.mu.Unlock()
	if withCode && i.tender == localapi.TenderWallet {
		n.Code = w.bank.mint(i.order)
		w.mu.Lock()
		i.scans[n.Code] = time.Now()
		w.mu.Unlock()
	}
	w.ask(i.till, func(r *tillRun) {
		s, _, err := r.till.NewSale(n)
		if r.gone() {
			return
		}
		switch {
		case err == nil:
			i.certain = true
			w.shows(i.till, s)
			if i.tender == localapi.TenderCash && !r.till.Status().LinkSince.IsZero() && r.till.Status().Link == "down" {
				w.saw("cash sold without a link")
			}
		case fault.CodeOf(err) == "till.storage_full":
			w.saw("sale refused on a nearly full disk")
		}
		w.note("%s enters %s: %s", i.till.name, i.order, said(err))
	})
}

// said is an error in a word that does not change with the weather.
func said(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.CodeOf(err)
}

func (w *World) scan(i *intent) {
	code := w.bank.mint(i.order)
	w.ask(i.till, func(r *tillRun) {
		w.mu.Lock()
		i.scans[code] = time.Now()
		w.mu.Unlock()
		// A scan goes to the newest sale that waits, whichever the cashier meant.
		for _, other := range w.waiting(r) {
			w.mu.Lock()
			w.known[other].scans[code] = time.Now()
			w.mu.Unlock()
			w.bank.meant(code, other)
			break
		}
		used := r.till.Scan(code, r.nowScan())
		if !r.gone() {
			w.note("%s scans for %s: used %v", i.till.name, i.order, used)
			if used && r.till.Scan(code, r.nowScan()) {
				w.fail("%s took one code twice", i.till.name)
			}
		}
	})
}

// nowScan is the till's clock at a scan.
func (r *tillRun) nowScan() time.Time {
	r.of.w.mu.Lock()
	defer r.of.w.mu.Unlock()
	return reading(r.of.w.began, r.of.step)
}

// waiting lists the orders that wait for a scan, newest first.
func (w *World) waiting(r *tillRun) (orders []string) {
	list, err := r.till.Sales(50)
	if err != nil {
		return nil
	}
	for _, s := range list {
		if s.State == localapi.StateWaiting {
			orders = append(orders, s.OrderNo)
		}
	}
	return orders
}

func (w *World) newestSale(r *tillRun, order string) (localapi.Sale, bool) {
	list, err := r.till.Sales(50)
	if err != nil {
		return localapi.Sale{}, false
	}
	for _, s := range list {
		if s.OrderNo == order {
			return s, true
		}
	}
	return localapi.Sale{}, false
}

func (w *World) cancelSale(i *intent) {
	w.ask(i.till, func(r *tillRun) {
		if s, ok := w.newestSale(r, i.order); ok {
			_, err := r.till.Cancel(s.ID)
			if !r.gone() {
				w.note("%s cancels %s: %s", i.till.name, i.order, said(err))
			}
		}
	})
}

// enterAgain presses the key twice.
func (w *World) enterAgain(i *intent) {
	w.ask(i.till, func(r *tillRun) {
		before, had := w.newestSale(r, i.order)
		s, fresh, err := r.till.NewSale(localapi.NewSale{Amount: i.fen, OrderNo: i.order, Tender: i.tender})
		if err != nil || r.gone() {
			return
		}
		w.shows(i.till, s)
		if had && fresh && (!before.State.Final() || before.State == localapi.StatePaid) {
			w.fail("%s began order %s a second time", i.till.name, i.order)
		}
	})
}

// retry sells an order again whose sale was not paid, with a fresh code.
func (w *World) retry(i *intent) {
	w.ask(i.till, func(r *tillRun) {
		s, ok := w.newestSale(r, i.order)
		if !ok || i.tender != localapi.TenderWallet || !s.State.Final() || s.State == localapi.StatePaid {
			return
		}
		if r.gone() {
			return
		}
		w.enter(i, true)
		w.saw("sold again after not paid")
	})
}

// sellOnline is a merchant's server: it asks until it has an answer, and waits for the end.
func (w *World) sellOnline(order string, fen int64, cancel time.Duration) {
	code := w.bank.mint(order)
	v := &invoice{order: order}
	w.mu.Lock()
	w.api[order] = v
	w.mu.Unlock()
	luck := w.luck("server/" + order)
	began := time.Now()
	cancelled := false
	both := luck.IntN(3) == 0
	w.shops.Go(func() {
		for w.life.Err() == nil {
			h := w.serving(luck)
			if h == nil {
				_ = w.sleep(w.life, luck, time.Second)
				continue
			}
			ctx, end := context.WithTimeout(w.life, 10*time.Second)
			if both && v.calls == 0 {
				w.shops.Go(func() { _, _ = h.hub.Collect(ctx, order, code, fen) })
				w.saw("one key twice in flight")
			}
			v.calls++
			p, err := h.hub.Collect(ctx, order, code, fen)
			if err == nil && !h.gone() {
				if cancel > 0 && !cancelled && time.Since(began) > cancel {
					_, err := h.hub.Cancel(ctx, p.ID)
					cancelled = err == nil
				}
				p, err = h.hub.Await(ctx, p.ID)
			}
			end()
			if err == nil && !h.gone() && p.Status.Final() {
				w.hears(v, p)
				return
			}
			if k := fault.KindOf(err); err != nil && !h.gone() && (k == fault.Invalid || k == fault.Conflict) {
				w.fail("a merchant's server was refused %s: %v", order, err)
				return
			}
			_ = w.sleep(w.life, luck, time.Second+time.Duration(luck.Int64N(int64(2*time.Second))))
		}
	})
}

// hears is a merchant's server being told the end.
func (w *World) hears(v *invoice, p hubtest.Payment) {
	if p.Outcome == pay.Paid && w.bank.net(v.order) != 1 {
		w.fail("the merchant was told that %s is paid, and the wallet has %d", v.order, w.bank.net(v.order))
	}
	w.note("server hears %s is %s", v.order, p.Status)
	w.mu.Lock()
	v.told, v.paid = p.Outcome, p
	w.mu.Unlock()
	w.claimBack(v, p)
}
