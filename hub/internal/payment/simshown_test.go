package payment_test

import (
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
)

// The step simulator's wallet for orders whose code is shown: the customer comes at a moment of his own, also
// after it was closed, and the wallet has an order before that (WeChat Pay) or not (Alipay).

var simShown = channel.Rules{CallTimeout: 10 * time.Second, FirstQuery: 3 * time.Second, QueryEvery: 3 * time.Second,
	GiveUp: 2 * time.Minute, ReverseEvery: 2 * time.Second, UndoWindow: 7 * 24 * time.Hour, Travel: 150 * time.Second}

// settleShown lets the customer scan when his time has come.
func (w *world) settleShown(o *order) {
	if !o.scanned && o.scans > 0 && w.now >= o.scans && o.status == channel.Pending && o.scans < o.expires {
		o.scanned, o.settles = true, o.scans+o.settles
	}
	if !o.scanned && o.status == channel.Pending && w.now >= o.expires {
		o.status = channel.Reversed // the code has grown old
	}
	if o.scanned && o.status == channel.Pending && o.fate == channel.Approved && w.now >= o.settles && o.settles >= o.expires {
		o.status = channel.Reversed // he typed too long
	}
}

func (w *world) newShown(until time.Duration) *order {
	o := &order{status: channel.Pending, fate: channel.Approved, expires: until}
	if w.rng.IntN(4) > 0 {
		o.scans = w.now + w.upTo(simShown.GiveUp+20*time.Second) + 1
	}
	switch w.rng.IntN(5) {
	case 0:
		o.settles = w.upTo(40 * time.Second)
	case 1:
		o.fate = channel.Pending // he never types his password
	}
	if w.faulty(0.2) {
		o.recalls = 1 + w.rng.IntN(3)
	}
	return o
}

// shower is the wallet for orders whose code is shown.
func (w *world) shower(p payment.Payment, task payment.Task) channel.Answer {
	no, until := p.Attempt.OutTradeNo, p.Attempt.Until.Sub(base(0))
	o := w.orders[no]
	if o != nil {
		w.settle(o)
	}
	switch task {
	case payment.TaskSubmit, payment.TaskPresent:
		switch {
		case o == nil && w.now >= until:
			return channel.Answer{Finding: channel.Declined}
		case o == nil && w.faulty(0.1):
			return channel.Answer{Finding: channel.Busy}
		case o == nil:
			o = w.newShown(until)
			w.orders[no] = o
		}
		if o.status != channel.Pending {
			return channel.Answer{Finding: channel.Unknown}
		}
		return channel.Answer{Finding: channel.Pending, Working: true, QR: "qr"}
	case payment.TaskReverse:
		return w.withdraw(o)
	}
	if o == nil || w.lazy && !o.scanned {
		return channel.Answer{Finding: channel.Absent}
	}
	if w.faulty(0.05) {
		return channel.Answer{Finding: channel.Unknown}
	}
	return channel.Answer{Finding: o.status, Working: !o.scanned, PaidAt: base(w.now)}
}

// withdraw closes an unpaid order, which is a word that proves nothing at a wallet that has it at once, or gives the money back.
func (w *world) withdraw(o *order) channel.Answer {
	switch {
	case o == nil || w.lazy && !o.scanned:
		return channel.Answer{Finding: channel.Absent}
	case o.recalls > 0:
		o.recalls--
		return channel.Answer{Finding: channel.Unknown}
	case o.status == channel.Approved && !w.lazy && w.faulty(0.6):
		return channel.Answer{Finding: channel.Pending, Working: true} // the refund is on its way, and not there
	case o.status == channel.Pending && o.scanned && o.fate == channel.Approved && w.faulty(0.5):
		o.books = w.now + w.upTo(10*time.Second) + 1
	}
	o.returned, o.status = o.charged, channel.Reversed
	if !w.lazy {
		return channel.Answer{Finding: channel.Pending, Working: true}
	}
	return channel.Answer{Finding: channel.Reversed}
}
