package till

import (
	"cmp"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// checkMode refuses what no till shows.
func checkMode(n localapi.NewSale) error {
	switch {
	case n.Mode == "" && n.Wallet != "":
		return fault.New(fault.Invalid, "sale.wallet", `"wallet" says whose code is shown: send it with "mode":"qr" alone`)
	case n.Mode == "":
		return nil
	case n.Mode != wire.ModeQR:
		return fault.New(fault.Invalid, "sale.mode", "mode %q is not known: it is %q, or left out", n.Mode, wire.ModeQR)
	case n.Tender != localapi.TenderWallet:
		return fault.New(fault.Invalid, "sale.mode", "a sale paid by %s has no code to show", string(n.Tender))
	case n.Code != "":
		return fault.New(fault.Invalid, "sale.code", `a sale has one code, the customer's or ours: send "code" or "mode", not both`)
	case n.Wallet != "" && !wire.Shows(n.Wallet):
		return fault.New(fault.Invalid, "sale.wallet", "no code of %q is shown to customers: name WeChat, Alipay or UnionPay, or leave it to the hub", string(n.Wallet))
	}
	return nil
}

// showing is the wish for a code to show. Without a connection there is none at once: a code that came up later, or
// that nobody can see paid, would be worse than none.
func (t *Till) showing(w pay.Wallet) (shown, error) {
	if !t.linked() {
		return shown{}, fault.New(fault.Conflict, "sale.qr_offline",
			"No connection to the hub: no code can be shown, and nothing was begun. Take cash, or wait for the connection.")
	}
	return shown{news: sale.News{Event: sale.Show, Wallet: w}, use: func(*store.Tx) error { return nil }}, nil
}

// otherWallet refuses another wallet's code beside one that may be paid.
func otherWallet(last store.Row) error {
	return fault.New(fault.Conflict, "sale.qr_open",
		"order %s shows another wallet's code, sale %s: cancel that first, and show this one when it is proven not paid", last.OrderNo, last.ID)
}

// ourClock puts the end of a code, which the hub tells by its own clock, on this till's. The reading is monotonic:
// whoever sets the clock now changes nothing.
func (t *Till) ourClock(s sale.Sale, n sale.News) sale.News {
	until := n.QRUntil
	if until.IsZero() {
		until = s.QRUntil
	}
	if s.Mode != wire.ModeQR || until.IsZero() {
		return n
	}
	t.around.mu.Lock()
	offset := t.around.link.Offset
	t.around.mu.Unlock()
	now := t.Now()
	n.QREnds = now.Add(until.Sub(now.Add(offset)))
	return n
}

// instead is the customer's own code, scanned while ours was shown. It must not be charged beside ours: it waits
// here, in memory alone like every code, until the hub has proven that ours was not paid and never will be.
type instead struct {
	on   bool
	code pay.Code // none once it grew too old: a fresh one may still come
	at   time.Time
}

// takesCode reports that a code that is brought for the sale's order is charged once ours is proven unpaid. A bare scan,
// which names no order, counts only while ours is shown: later it may be the next customer's.
func (h *held) takesCode() bool {
	return h != nil && (h.row.Shows() || h.row.Mode == wire.ModeQR && h.row.State == localapi.StateCancelling && h.instead.on)
}

// replace stops a sale whose code is shown for the sake of one that was scanned. A code that is read twice keeps its age.
func (t *Till) replace(h *held, code pay.Code, at time.Time) error {
	if h.instead.on && h.instead.code == code {
		return nil
	}
	before := h.instead
	h.instead = instead{on: true, code: code, at: at}
	if h.row.State == localapi.StateCancelling {
		t.stir() // its life ends at another time
		return nil
	}
	err := t.step(h, sale.News{Event: sale.Cancel}, t.Now(), nil)
	if err != nil {
		h.instead = before
	}
	return err
}

// heir is the sale that charges the scanned code, after the one whose code was shown.
type heir struct {
	row   store.Row
	shown shown
	again allowed
}

// heirOf makes the heir of a sale that is about to be settled; nil when there is none to be. It is stored in the
// transaction of the proof: no instant knows of two sales that could both be paid.
func (t *Till) heirOf(h *held, after sale.Sale) (*heir, error) {
	if !h.instead.on || !after.State.Final() || after.State.Outcome() != pay.NotPaid {
		return nil, nil
	}
	now, kept := t.Now(), h.instead
	if kept.code.IsZero() || now.Sub(kept.at) >= t.cfg.Rules.CodeLife {
		return nil, tooOld()
	}
	if err := t.roomForMore(); err != nil {
		return nil, err
	}
	var usedBy string
	if err := t.read(func(tx *store.Tx) (err error) {
		usedBy, err = tx.CodeUsed(t.digest(kept.code))
		return err
	}); err != nil || usedBy != "" {
		return nil, cmp.Or(err, codeUsed())
	}
	like, err := t.besideBut(h, after.Amount, h.again, now)
	if err != nil {
		return nil, err
	}
	s := sale.New(t.newSaleID(), after.OrderNo, after.Subject, after.Amount, now)
	s.Operator = after.Operator
	s.Bill = after.Bill
	x := &heir{again: allowed{said: h.again.said, like: like}}
	if x.shown, err = t.shown(s, kept.code, kept.at); err != nil {
		return nil, err
	}
	if x.shown.news.Event != sale.Scan { // the connection is lost: what is left of the code's life is no time to defer it
		return nil, tooOld()
	}
	x.row.Sale, err = t.cfg.Rules.Step(s, x.shown.news, kept.at)
	return x, err
}

func tooOld() error {
	return fault.New(fault.Conflict, "qr_rescan", "The shown code is void, and the scanned one grew too old meanwhile. Ask for a fresh one and charge again.")
}

// insteadOf is the body of the heir's event.
type insteadOf struct {
	Of string `json:"of"`
}

// insert stores the heir in the transaction that settles the sale before it.
func (x *heir) insert(tx *store.Tx, of string, now time.Time) (err error) {
	if x == nil {
		return nil
	}
	if x.row, err = insert(tx, x.row.Sale, now); err != nil {
		return err
	}
	if err := tx.Append(x.row.ID, "instead", insteadOf{Of: of}, now); err != nil {
		return err
	}
	if err := noteAgain(tx, x.row.ID, x.again.like, now); err != nil {
		return err
	}
	return x.shown.use(tx)
}

// settle tells what became of the scanned code once the sale before it is settled.
func (t *Till) settle(x *heir, none error, of store.Row) {
	switch {
	case none != nil:
		t.Log.Info("a scanned code is not charged", logs.Sale, of.ID, logs.Order, of.OrderNo, logs.Err, none)
		t.Notice(localapi.Notice{Kind: fault.CodeOf(none), Message: fault.MessageOf(none)})
	case x != nil:
		h := t.hold(x.row, x.shown.code)
		h.again = x.again
		t.Log.Info("sale begun instead", logs.Sale, x.row.ID, logs.Order, x.row.OrderNo, logs.Status, string(x.row.State), "of", of.ID)
		t.tellSale(h.row)
	}
}

// dropOld forgets scanned codes that waited past their life. wait is how long until
// the next one grows too old.
func (t *Till) dropOld(now time.Time) (wait time.Duration, ok bool) {
	for _, h := range t.open {
		if h.instead.code.IsZero() {
			continue
		}
		left := h.instead.at.Add(t.cfg.Rules.CodeLife).Sub(now)
		if left <= 0 {
			h.instead.code = pay.Code{}
			t.Notice(localapi.Notice{Kind: "qr_waits", Message: "The scanned code grew too old before the shown one was proven unpaid, and was not used. Do not charge again yet: scan a fresh one when the sale says not paid."})
		} else if !ok || left < wait {
			wait, ok = left, true
		}
	}
	return wait, ok
}

// hide does what a lost connection means for codes that are shown: none that was not asked for yet is asked for later,
// and none stays on a screen that could not tell of its payment. The caller holds the lock.
func (t *Till) hide() {
	up := t.linked()
	for _, h := range t.open {
		switch {
		case h.row.Mode != wire.ModeQR:
		case !up && h.row.State == localapi.StateSending && !h.row.Left:
			_ = t.guard("lost connection", h.row.ID, func() error { return t.step(h, sale.News{Event: sale.Overdue}, t.Now(), nil) })
		case h.row.State == localapi.StateShown && h.hidden == up:
			h.hidden = !up
			v := t.view(h.row)
			t.watchers.tell(localapi.Event{Kind: localapi.EventSale, Sale: &v})
		}
	}
}

// newestOf is a sale as a caller sees it who brought a code for it: the heir, when the sale could be stopped at once.
func (t *Till) newestOf(h *held) localapi.Sale {
	for _, x := range t.open {
		if x.row.OrderNo == h.row.OrderNo {
			return t.view(x.row)
		}
	}
	return t.view(h.row)
}
