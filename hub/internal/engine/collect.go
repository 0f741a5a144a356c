package engine

import (
	"context"
	"log/slog"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// codeLife is how old a code may be, from the scan, when it reaches the hub.
const codeLife = 45 * time.Second

// Ask is what a door asks the engine to collect.
type Ask struct {
	Merchant, Store, Terminal string
	Source                    payment.Source
	Key                       string // idempotency key: a till's sale, or a merchant's order number
	BodyHash                  string // of what was asked under Key
	OrderNo                   string
	Amount                    money.Amount
	Code                      pay.Code
	CodeAge                   time.Duration // since the scan, by a monotonic clock
	Subject                   string
	Metadata                  string    // JSON object, kept as it came; may be empty
	Deferred                  time.Time // when the till took it without a connection; zero: it was connected

	Once *Once         // of a request that may be carried out once; nil: it may be repeated
	Wait time.Duration // how long Collect waits for the outcome of what it has taken in

	Shown  bool       // show the customer a code instead of taking his: Code is empty
	Wallet pay.Wallet // whose code; empty when the merchant has but one that can be shown
}

func (a Ask) scope() string { return payment.Payment{Source: a.Source, Terminal: a.Terminal}.Scope() }

// Collect takes a payment in and begins to collect it. It returns once the payment is stored, or later, when a.Wait or ctx ends or its
// outcome is final or its code is there to be shown, with the payment as it then stands; the
// wallet is called in the background; one of stored value is stored with its end. The same Key with the same BodyHash gives the payment that
// is there already; with another one, Conflict. Other errors: Invalid (nothing is stored), Denied when a.Once was used before,
// Conflict when the order is paid or being paid or the code was used, Unavailable when the channel
// is too busy (nothing is stored), InDoubt when storage failed.
func (e *Engine) Collect(ctx context.Context, a Ask) (payment.Payment, error) {
	p, fresh, w, err := e.collect(ctx, a)
	if w != nil {
		defer w.quit()
	}
	if err != nil || a.Wait <= 0 {
		return p, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Wait)
	defer cancel()
	if fresh {
		return w.until(ctx, p, told), nil
	}
	return e.Await(ctx, a.Merchant, p.ID)
}

// collect is Collect without the waiting; fresh tells a payment taken in now from one that was there, and w watches it when somebody
// wants to wait.
func (e *Engine) collect(ctx context.Context, a Ask) (p payment.Payment, fresh bool, w *watch[payment.Payment], err error) {
	q, err := e.admit(a)
	var s *seat
	if err == nil {
		s, _ = e.seatNow(q, nil)
	}
	if s == nil { // a repeated request needs neither a fresh code nor a place; others may wait for one
		if earlier, ok, trouble := e.known(a); ok || trouble != nil {
			return earlier, false, nil, trouble
		}
		if err == nil {
			s, err = e.sit(ctx, q)
		}
		if err != nil {
			return p, false, nil, err
		}
	}
	if a.Wait > 0 {
		w = e.paid.join(q.Payment)
	}
	p, fresh, err = e.intake(a, q.Payment, s)
	if err != nil || !underWay(p, fresh) {
		s.leave(routing.Neither, 0, e.Now())
		return p, fresh, w, err
	}
	out := &trip{question: q, seat: s}
	if !a.Shown { // a code that is shown stays with the channel that made it
		out.until = q.At.Add(codeLife - a.CodeAge)
	}
	e.setOut(p.ID, out)
	e.spawn(p.ID, func() {
		defer s.leave(routing.Failed, 0, e.Now()) // a step that panicked
		defer e.leave(p.ID)
		e.perform(p, payment.TaskSubmit, a.Code)
	})
	return p, true, w, nil
}

// underWay reports that a payment taken in now waits for the wallet's answer: one of stored value has
// it already.
func underWay(p payment.Payment, fresh bool) bool { return fresh && !p.Final() }

// known finds the payment of a repeated request without a place.
func (e *Engine) known(a Ask) (p payment.Payment, ok bool, err error) {
	err = e.Store.View(func(tx *store.Tx) error {
		p, err = tx.PaymentByKey(a.Merchant, a.Source, a.scope(), a.Key)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	return p, true, same(p, a)
}

func same(p payment.Payment, a Ask) error {
	if p.BodyHash != a.BodyHash {
		return fault.New(fault.Conflict, "payment.order_conflict",
			"%s was asked for before with other content: use a new number, or repeat the first request unchanged", a.Key)
	}
	return nil
}

// admit checks what can be checked without storing, and gives the question which channel is to take it.
func (e *Engine) admit(a Ask) (q routing.Question, err error) {
	if err := a.Amount.Charge(); err != nil {
		return q, err
	}
	if a.Shown {
		wallet, err := e.walletToShow(a)
		if err != nil {
			return q, err
		}
		q = questionOf(a, e.IDs.New(id.Payment), wallet, e.Now())
		q.Shown = true
		return q, nil
	}
	wallet, ok := a.Code.Wallet()
	if !ok {
		return q, fault.New(fault.Invalid, "code.unknown_wallet",
			"the code is of no wallet taken here: scan a WeChat, Alipay, UnionPay or stored-value code")
	}
	switch {
	case !a.Deferred.IsZero() && wallet != pay.StoredValue:
		return q, fault.New(fault.Invalid, "code.not_deferrable", "a code of %s must be charged at once: nothing was charged, scan a fresh one", wallet)
	case !a.Deferred.IsZero(): // how old it may be is for the channel, which answers with a decline
	case a.CodeAge > codeLife:
		return q, fault.New(fault.Invalid, "code.expired", "the code is %d seconds old: scan a fresh one", int(a.CodeAge.Seconds()))
	}
	return questionOf(a, e.IDs.New(id.Payment), wallet, e.Now()), nil
}

// inside is a channel whose books are the hub's own. It is asked in the transaction that takes the
// payment in, so that no crash comes between the two.
type inside interface {
	PayWithin(*store.Tx, channel.Order) (channel.Answer, error)
}

// intake stores the payment with its call already marked begun: a crash before the call leaves is
// then taken for one after it, which is slower and never wrong.
func (e *Engine) intake(a Ask, paymentID string, s *seat) (p payment.Payment, fresh bool, err error) {
	now, w := e.Now(), s.way
	p = payment.Payment{ID: paymentID, Merchant: a.Merchant, Store: a.Store, Terminal: a.Terminal, Source: a.Source,
		Key: a.Key, BodyHash: a.BodyHash, OrderNo: a.OrderNo, Amount: a.Amount, Subject: a.Subject, Metadata: a.Metadata,
		Wallet: w.Wallet, Status: pay.StatusCreated, Created: now, Deferred: a.Deferred,
		Attempt: payment.Attempt{ID: e.IDs.New(id.Attempt), Channel: w.Name, OutTradeNo: e.IDs.OutTradeNo(), Status: pay.StatusCreated, Stamp: e.clock.outside(now),
			Route: s.route(nil)}}
	if a.Shown {
		p.Attempt.Shown, p.Attempt.Until = true, now.Add(w.showing.GiveUp)
	}
	if p, _, err = payment.Apply(payment.Called(p, now), payment.Event{Kind: payment.Submit}, now); err != nil {
		return p, false, err
	}
	minted := p.ID
	e.enter(minted)
	update := e.Store.UpdateAgain
	if _, ok := w.Channel.(inside); ok {
		update = e.Store.Update
	}
	asked := p
	err = update(func(tx *store.Tx) (err error) {
		p, fresh, err = e.take(tx, a, asked, w, now)
		return err
	})
	if err != nil || !underWay(p, fresh) {
		e.leave(minted)
	}
	if a.Once != nil && err == nil {
		a.Once.Used = true
	}
	return p, fresh && err == nil, err
}

// take stores a payment that is asked for, or gives the one that its key made before. What it refuses it mostly refuses before it
// has written anything. It may run twice.
func (e *Engine) take(tx *store.Tx, a Ask, p payment.Payment, w *way, now time.Time) (payment.Payment, bool, error) {
	others, err := tx.PaymentsByOrder(a.Merchant, a.OrderNo, 20)
	if err != nil {
		return p, false, err
	}
	for _, o := range others {
		if o.Source == a.Source && o.Scope() == a.scope() && o.Key == a.Key {
			return again(tx, o, a)
		}
	}
	refusal := e.mayCollect(tx, a, others)
	if refusal == nil && !a.Shown {
		refusal = e.useCode(tx, p, a, now)
	}
	if k := fault.KindOf(refusal); refusal != nil && k != fault.Conflict && k != fault.Invalid {
		return p, false, refusal // not ours: the storage's
	}
	if refusal != nil && !bears(a, refusal) { // also an old key must hear of its payment, whatever became of the order since
		o, err := tx.PaymentByKey(a.Merchant, a.Source, a.scope(), a.Key)
		switch {
		case err == nil:
			return again(tx, o, a)
		case fault.KindOf(err) != fault.NotFound:
			return p, false, err
		}
		return p, false, refusal
	}
	if err := once(tx, a.Once); err != nil {
		return p, false, err
	}
	stored, err := tx.InsertPayment(p)
	if err == nil && !stored { // its key has made one under another order number
		if p, err = tx.PaymentByKey(a.Merchant, a.Source, a.scope(), a.Key); err == nil {
			err = same(p, a)
		}
		return p, false, err
	}
	if err != nil {
		return p, false, err
	}
	return e.takeIn(tx, a, p, w, refusal, now)
}

// again gives the payment of a repeated request.
func again(tx *store.Tx, p payment.Payment, a Ask) (payment.Payment, bool, error) {
	if err := same(p, a); err != nil {
		return p, false, err
	}
	return p, false, once(tx, a.Once)
}

// takeIn stores what a payment that is there now needs next, or its end.
func (e *Engine) takeIn(tx *store.Tx, a Ask, p payment.Payment, w *way, refusal error, now time.Time) (payment.Payment, bool, error) {
	if err := tx.PutWork(store.Work{Entity: p.ID, Task: payment.TaskSubmit, Due: now, Begun: true}); err != nil {
		return p, false, err
	}
	err := tx.Append(store.Event{Entity: p.ID, Kind: "payment.submit", Cause: string(a.Source), At: now, First: true,
		Body: changeOf(p, payment.Event{Kind: payment.Submit}, "")})
	if err != nil {
		return p, false, err
	}
	if e.Log.Enabled(e.life, slog.LevelDebug) { // its end is told at level info, with all that it is about
		tx.AfterCommit(func() {
			e.Log.Debug("payment taken in", logs.Payment, p.ID, logs.Order, p.OrderNo, logs.Channel, w.Name, "out_trade_no", p.Attempt.OutTradeNo)
		})
	}
	after := p
	switch own, ok := w.Channel.(inside); {
	case refusal != nil:
		after, err = e.apply(tx, p, "engine", payment.Event{Kind: payment.Refuse,
			Decline: payment.Decline{Code: "order_paid", Message: fault.MessageOf(refusal)}}, now)
	case ok:
		after, err = e.payInside(tx, own, p, a.Code, now)
	default:
		err = e.tell(tx, p, now)
	}
	return after, true, err
}

// payInside has the payment's end stored with its beginning.
func (e *Engine) payInside(tx *store.Tx, own inside, p payment.Payment, code pay.Code, now time.Time) (payment.Payment, error) {
	answer, err := own.PayWithin(tx, e.orderOf(p, code))
	if err != nil {
		return p, err
	}
	return e.apply(tx, p, "wallet", payment.Learn(p, payment.TaskSubmit, answer, e.rules(p), now), now)
}

// bears reports that a refusal ends a sale whose goods are gone already. Such a sale is stored as a
// declined payment, so that the loss is on the books and a person hears of it. Other refusals may
// pass, and the till comes again.
func bears(a Ask, refusal error) bool {
	return !a.Deferred.IsZero() && fault.CodeOf(refusal) == "payment.order_paid"
}

// mayCollect refuses a key that was fenced, and an order that is paid or may yet be: the customer must never be charged twice for one
// thing.
func (e *Engine) mayCollect(tx *store.Tx, a Ask, others []payment.Payment) error {
	if a.Source == payment.FromTill {
		fenced, err := tx.Fenced(a.Terminal, a.Key)
		if err != nil {
			return err
		}
		if fenced {
			return fault.New(fault.Conflict, "payment.fenced", "this sale was given up before it arrived: nothing was charged, scan again")
		}
	}
	if err := belongs(tx, a); err != nil {
		return err
	}
	for _, o := range others {
		switch o.Outcome() {
		case pay.Paid:
			return fault.New(fault.Conflict, "payment.order_paid", "order %s is paid already (%s): do not charge again", a.OrderNo, o.ID)
		case pay.Unknown:
			return fault.New(fault.Conflict, "payment.order_open", "order %s is being paid (%s): wait for its outcome", a.OrderNo, o.ID)
		}
	}
	return nil
}

// useCode refuses a code that made a payment before.
func (e *Engine) useCode(tx *store.Tx, p payment.Payment, a Ask, now time.Time) error {
	usedBy, err := tx.UseCode(e.digest(a.Code), p.ID, now.UnixMilli())
	if err == nil && usedBy != "" {
		err = fault.New(fault.Conflict, "code.used", "this code made a payment before: ask the customer for a fresh one")
	}
	return err
}

// belongs refuses a store or terminal of somebody else.
func belongs(tx *store.Tx, a Ask) error {
	if a.Source == payment.FromTill { // the terminal's certificate said whose it is
		return nil
	}
	if a.Store != "" {
		if owner, err := tx.StoreOf(a.Store); err != nil || owner != a.Merchant {
			return mine(err, "store", a.Store)
		}
	}
	if a.Terminal != "" {
		if t, err := tx.TerminalInTx(a.Terminal); err != nil || t.Merchant != a.Merchant {
			return mine(err, "terminal", a.Terminal)
		}
	}
	return nil
}

func mine(err error, what, name string) error {
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	return fault.New(fault.Invalid, "payment."+what, "%s %q is none of this merchant's", what, name)
}

// Cancel undoes a payment that is not final: at once when nothing was sent, else by a reversal that
// is carried on until the wallet proves the end. One that is paid is refused (Conflict): refund it.
func (e *Engine) Cancel(_ context.Context, merchant, paymentID string) (p payment.Payment, err error) {
	now := e.Now()
	err = e.Store.Update(func(tx *store.Tx) error {
		if p, err = tx.Payment(paymentID); err != nil {
			return err
		}
		if p.Merchant != merchant {
			return fault.New(fault.NotFound, "payment.unknown", "there is no payment %q", paymentID)
		}
		if p.Outcome() == pay.Paid {
			return fault.New(fault.Conflict, "payment.paid", "this payment is paid: refund it instead of cancelling")
		}
		if p.Final() || p.Attempt.Status == pay.StatusReversing {
			return nil
		}
		p, err = e.apply(tx, p, "merchant", payment.Event{Kind: payment.Cancel}, now)
		return err
	})
	return p, err
}
