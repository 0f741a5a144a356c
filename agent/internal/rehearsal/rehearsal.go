// Package rehearsal stands where the hub would stand while a till trains: it answers the training till's messages as
// the hub would, with fates that the amount chooses, so that a cashier can meet every one of them on purpose.
//
// It refuses to know a network, a key, or a wallet: nothing it is given goes anywhere, and a payment code is not even
// looked at beyond whose it is. Newcomers get one thing wrong: it is not a test double of the hub. It keeps no books
// and proves nothing; it only plays.
package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// Text is what a code to show says in training. No wallet takes it for anything.
const Text = "TRAINING-NOT-A-PAYMENT"

// shownLife is how long such a code stays.
const shownLife = 2 * time.Minute

// Rehearsal plays the hub to one till.
type Rehearsal struct {
	till hublink.Till
	now  func() time.Time
	log  *slog.Logger
	wake chan struct{}

	seen  map[uint64]bool
	due   []line         // what is still to be said
	known map[string]end // the sales that were begun, and how they ended
	said  uint64         // the number of the last message
}

// line is something to say at its time.
type line struct {
	at     time.Time
	key    string
	result wire.Result
	refund wire.RefundResult
}

// end is how a sale stands: what it was, and its last word once there is one.
type end struct {
	amount int64
	wallet pay.Wallet
	final  pay.Status
}

// New makes a rehearsal with the clock that the till has.
func New(till hublink.Till, now func() time.Time, log *slog.Logger) *Rehearsal {
	return &Rehearsal{till: till, now: now, log: log, wake: make(chan struct{}, 1), seen: map[uint64]bool{}, known: map[string]end{}, said: till.DownSeq()}
}

// Wake tells that the till has something to say. It does not block.
func (r *Rehearsal) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run plays until ctx ends, or the training journal fails.
func (r *Rehearsal) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		r.listen()
		if err := r.speak(); err != nil {
			return err
		}
		r.listen() // what was said may have made the till ask again
		timer.Stop()
		if len(r.due) > 0 {
			timer.Reset(max(r.due[0].at.Sub(r.now()), 0))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-r.wake:
		}
	}
}

// listen takes what the till has to say, each message once.
func (r *Rehearsal) listen() {
	for _, m := range r.till.Outgoing() {
		if r.seen[m.Seq] || !r.till.Leaving(m.Seq) {
			continue
		}
		r.seen[m.Seq] = true
		switch body := m.Body.(type) {
		case wire.Pay:
			r.pay(body)
		case wire.Cancel:
			r.stop(body.Key)
		case wire.Fence:
			r.fence(body.Key)
		case wire.Refund:
			at := r.now().Add(quick)
			status := pay.RefundSucceeded
			r.later(line{at: at, key: body.Key, refund: wire.RefundResult{Key: body.Key, RefundID: "training_" + body.Key, Status: status,
				Outcome: status.Outcome(), Amount: body.Amount, WalletRef: "TRAINING", RefundedAt: &at}})
		}
	}
}

func (r *Rehearsal) pay(p wire.Pay) {
	one := end{amount: p.Amount, wallet: p.Wallet}
	if code, err := pay.ParseCode(p.Code); err == nil {
		one.wallet, _ = code.Wallet()
	}
	if one.wallet == "" {
		one.wallet = pay.WeChat
	}
	r.known[p.Key] = one
	steps := fateOf(p.Amount)
	if p.Mode == wire.ModeQR {
		steps = shownFate(steps)
	}
	for _, s := range steps {
		result := wire.Result{Key: p.Key, PaymentID: "training_" + p.Key, Status: s.status, Outcome: s.status.Outcome(), Waiting: s.password,
			Reason: s.reason, Message: s.message, Amount: p.Amount, Wallet: one.wallet}
		at := r.now().Add(s.after)
		if s.shown {
			until := r.now().Add(shownLife)
			result.QR, result.QRUntil = Text, &until
		}
		if s.status == pay.StatusSucceeded {
			result.WalletRef, result.PaidAt = "TRAINING", &at
		}
		r.later(line{at: at, key: p.Key, result: result})
	}
}

// stop undoes what is not decided yet, and repeats what is.
func (r *Rehearsal) stop(key string) {
	one := r.known[key]
	r.due = slices.DeleteFunc(r.due, func(l line) bool { return l.key == key })
	status := one.final
	if status == "" {
		status = pay.StatusReversed
	}
	r.answer(key, one, status)
}

// fence lets what is under way go on, and says of the rest that it never came.
func (r *Rehearsal) fence(key string) {
	one, begun := r.known[key]
	if begun && one.final == "" {
		return // its last word is still to come
	}
	r.answer(key, one, one.final)
}

func (r *Rehearsal) answer(key string, one end, status pay.Status) {
	result := wire.Result{Key: key, PaymentID: "training_" + key, Status: status, Outcome: status.Outcome(), Amount: one.amount, Wallet: one.wallet}
	if status == "" { // it never came
		result = wire.Result{Key: key, Status: pay.StatusClosed, Outcome: pay.NotPaid, Reason: "fenced"}
	}
	r.later(line{at: r.now().Add(quick), key: key, result: result})
}

// later puts a line where its time is.
func (r *Rehearsal) later(l line) {
	i := slices.IndexFunc(r.due, func(other line) bool { return other.at.After(l.at) })
	if i < 0 {
		i = len(r.due)
	}
	r.due = slices.Insert(r.due, i, l)
}

// speak says what it is time for.
func (r *Rehearsal) speak() error {
	for len(r.due) > 0 && !r.due[0].at.After(r.now()) {
		l := r.due[0]
		r.due = r.due[1:]
		kind, body := wire.KindResult, any(l.result)
		if l.refund.Key != "" {
			kind, body = wire.KindRefundResult, l.refund
		} else if l.result.Status.Final() {
			one := r.known[l.key]
			one.final = l.result.Status
			r.known[l.key] = one
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write the rehearsal's line: %w", err)
		}
		r.said++
		e := wire.Envelope{V: wire.Version, Kind: kind, ID: fmt.Sprint("training_", r.said), Seq: r.said, At: r.now(), Body: raw}
		if err := r.till.Receive(e); err != nil {
			return err
		}
		r.log.Debug("rehearsed", logs.Sale, l.key, logs.Status, string(l.result.Status))
	}
	return nil
}
