package sale_test

import (
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// chargedInstead stands among the states reached for a scanned code that was paid in the place of one that was shown.
const chargedInstead localapi.State = "instead"

// qrBugs are planted into sales by a code that is shown.
type qrBugs struct {
	overLapses     bool // the code's time is over: not paid
	restartForgets bool // a restart takes the code as never shown
	stopForgets    bool // a cancelled code is not paid at once
	scanBeside     bool // a scanned code is charged while ours is shown
	scanEarly      bool // a scanned code is charged while ours is being cancelled
	asksOffline    bool // a code is asked for without a connection
}

// wantCode asks for a code to show; without a connection the customer waits, or pays otherwise.
func (w *world) wantCode(key string) {
	s, ok := w.open[key]
	if !ok || s.State != localapi.StateWaiting {
		if stored := w.journal[key]; stored.State == localapi.StateWaiting {
			w.after(5*time.Second, func() { w.wantCode(key) })
		}
		return
	}
	if !w.up && !w.bugs.asksOffline {
		w.note("no code", key, "")
		w.after(5*time.Second, func() { w.wantCode(key) })
		return
	}
	if !w.up {
		w.violation("%s asks for a code without a connection", key)
	}
	if !w.apply(key, sale.News{Event: sale.Show, Wallet: pay.WeChat}) {
		w.after(5*time.Second, func() { w.wantCode(key) })
	}
	if w.rng.IntN(3) == 0 {
		w.after(w.upTo(60*time.Second), func() { w.scanInstead(key) })
	}
}

// unask ends what was not asked for when the connection broke.
func (w *world) unask() {
	for _, key := range w.order {
		if s, ok := w.open[key]; ok && s.Mode == wire.ModeQR && s.State == localapi.StateSending && !s.Left {
			w.apply(key, sale.News{Event: sale.Overdue})
		}
	}
}

// scanInstead is a customer who brings out a code after all.
func (w *world) scanInstead(key string) {
	s, ok := w.open[key]
	if !ok || !s.Shows() {
		return
	}
	w.note("scan", key, "instead")
	w.instead[key] = w.at()
	if w.bugs.scanBeside {
		w.adopt(w.heirOf(key, sale.Sale{State: localapi.StateReversed}))
		delete(w.instead, key)
		return
	}
	w.apply(key, sale.News{Event: sale.Cancel})
	if w.bugs.scanEarly {
		if _, waits := w.instead[key]; waits {
			w.adopt(w.heirOf(key, sale.Sale{State: localapi.StateReversed}))
			delete(w.instead, key)
		}
	}
}

// heirOf journals the sale that charges the scanned code, once the one before it is proven unpaid.
func (w *world) heirOf(key string, after sale.Sale) (heir string) {
	at, waits := w.instead[key]
	if !waits || !after.State.Final() || after.State.Outcome() != pay.NotPaid || w.at().Sub(at) >= simRules.CodeLife {
		return ""
	}
	heir = key + "_instead"
	s, err := simRules.Step(sale.New(heir, key, "", money.Fen(100), w.at()), sale.News{Event: sale.Scan, Wallet: pay.WeChat}, at)
	if err != nil {
		w.violation("no heir: %v", err)
	}
	w.journal[heir] = s
	w.order = append(w.order, heir)
	return heir
}

// adopt shows and sends the heir.
func (w *world) adopt(heir string) {
	if heir == "" || w.open == nil {
		return
	}
	s := w.journal[heir]
	w.open[heir], w.codes[heir] = s, true
	w.show(s)
	if due, ok := simRules.Due(s); ok {
		w.watch(heir, due.Sub(start)-w.now)
	}
	w.flush()
}

// byOurClock is what the till does with the end of a code: the clocks agree here.
func byOurClock(s sale.Sale, n sale.News) sale.News {
	if n.QREnds = n.QRUntil; n.QREnds.IsZero() {
		n.QREnds = s.QRUntil
	}
	return n
}

// word is how the hub tells of a payment: a code's text comes with it, or was told before.
func (w *world) word(key string, p *simPayment) sale.News {
	n := sale.News{Event: p.status, PaymentID: "pay_" + key, Amount: 100}
	if p.status != sale.Shown {
		return n
	}
	if w.rng.IntN(4) == 0 {
		n.Event = sale.Accepted
		return n
	}
	n.QR, n.QRUntil = p.code.QR, p.code.QRUntil
	return n
}

// present is the wallet's side of a code: the customer pays whenever, also when the till shows it no more, until the
// wallet takes no money for it.
func (w *world) present(key string, p *simPayment) {
	w.hubMoves(key, p, sale.Accepted)
	open := func() bool { return !p.final() && p.status != sale.Undoing }
	w.after(w.upTo(5*time.Second), func() {
		if !open() {
			return
		}
		life := 15*time.Second + w.upTo(45*time.Second)
		p.code = sale.News{QR: "weixin://" + key, QRUntil: w.at().Add(life)}
		w.hubMoves(key, p, sale.Shown)
		if w.rng.IntN(10) < 6 {
			w.after(w.upTo(life), func() { w.customerPays(key, p) })
		}
		w.after(life+w.upTo(10*time.Second), func() { w.codeEnds(key, p) })
	})
}

func (w *world) customerPays(key string, p *simPayment) {
	if p.void || p.net != 0 {
		return
	}
	w.note("pays", key, "")
	p.net = 1
	if w.rng.IntN(3) == 0 && !p.final() && p.status != sale.Undoing {
		w.hubMoves(key, p, sale.Password)
	}
	w.after(w.upTo(10*time.Second), func() {
		if !p.final() && p.status != sale.Undoing {
			w.hubMoves(key, p, sale.Approved)
		}
	})
}

// codeEnds is the hub asking the wallet about a code whose time is over, and having it closed.
func (w *world) codeEnds(key string, p *simPayment) {
	switch {
	case p.final() || p.status == sale.Undoing:
	case p.net == 1:
		w.hubMoves(key, p, sale.Approved)
	case w.rng.IntN(2) == 0:
		p.void = true
		w.hubMoves(key, p, sale.Closed)
	default:
		w.hubMoves(key, p, sale.Undoing)
		w.after(w.upTo(20*time.Second), func() { w.hubUndoes(key, p) })
	}
}

// qrBug is what a planted bug makes of an event.
func (w *world) qrBug(s sale.Sale, n sale.News) (after sale.Sale, done bool) {
	if s.Mode != wire.ModeQR || s.State.Final() {
		return s, false
	}
	shown := s.State == localapi.StateShown
	forgotten := w.bugs.overLapses && n.Event == sale.Overdue && shown || w.bugs.restartForgets && n.Event == sale.Restart && shown ||
		w.bugs.stopForgets && n.Event == sale.Cancel && shown
	if !forgotten {
		return s, false
	}
	s.QR, s.QRUntil, s.QREnds = "", time.Time{}, time.Time{}
	return w.end(s, localapi.StateLapsed), true
}
