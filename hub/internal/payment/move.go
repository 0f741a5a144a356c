package payment

import (
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// leaves are the proofs on which an attempt whose pay call is just being answered may be left for one on another channel, and
// where it then stands. Nothing else is proof: not an answer that was lost, not "no such order", not a deadline.
var leaves = map[pay.Status]map[EventKind]pay.Status{
	pay.StatusPending: {Refuse: pay.StatusDeclined, Busy: pay.StatusClosed},
}

// elsewhere marks the declines that say something of our merchant number at this channel and nothing of the customer. Whatever is
// not marked ends the payment: the customer's money, card, limit and code are the same everywhere; asking elsewhere after a
// wallet's risk control said no is what that control is there to stop, and costs the merchant both numbers; and a
// reason nobody understood is no reason to charge.
var elsewhere = map[channel.DeclineCode]bool{
	channel.Misconfigured:   true,
	channel.BalanceLow:      false,
	channel.CodeExpired:     false,
	channel.CodeUsed:        false,
	channel.CustomerRefused: false,
	channel.LimitExceeded:   false,
	channel.RiskRefused:     false,
	channel.RefusedOther:    false,
}

// Leavable reports that an answer to the pay call of the payment's attempt proves that it charged nothing, and is worth asking on
// another channel. A code that is shown stays with the channel that made it: somebody may be scanning it.
func Leavable(p Payment, t Task, e Event) bool {
	a := p.Attempt
	_, proven := leaves[a.Status][e.Kind]
	return proven && t == TaskSubmit && !p.Final() && a.Left.IsZero() && p.Deferred.IsZero() && !a.Shown &&
		(e.Kind != Refuse || elsewhere[channel.DeclineCode(e.Decline.Code)])
}

// Leave ends the payment's attempt by a proof that it charged nothing, and begins the next one, whose pay call is about to leave:
// to be stored together, before it does. left is the payment as seen from the attempt that was left: its outcome is no longer the
// payment's, but money that should show up there is still given back. Conflict when it may not be left.
func Leave(p Payment, e Event, next Attempt, at time.Time) (left, after Payment, err error) {
	to, proven := leaves[p.Attempt.Status][e.Kind]
	if !proven || p.Final() || !p.Attempt.Left.IsZero() {
		return p, p, fault.New(fault.Conflict, "payment.not_left", "an attempt that is %s is not left by %q: it may have charged", p.Attempt.Status, e.Kind)
	}
	if next.Status != pay.StatusCreated || next.ID == p.Attempt.ID || next.OutTradeNo == p.Attempt.OutTradeNo || next.Channel == p.Attempt.Channel {
		return p, p, fault.New(fault.Conflict, "payment.not_next", "the next attempt is not a fresh one on another channel")
	}
	left = p
	a := &left.Attempt
	if e.WalletRef != "" {
		a.WalletRef = e.WalletRef
	}
	a.Status, a.Settled, a.Left, a.Tries, a.Checks = to, at, at, 0, 0
	after = p
	after.Attempt, after.Waiting = next, false
	after.Status = pay.StatusCreated
	after, _, err = Apply(Called(after, at), Event{Kind: Submit}, at)
	return left, after, err
}

// Entity names what work and calls are about: the payment, or an attempt of it that was left.
func (p Payment) Entity() string {
	if p.Attempt.Left.IsZero() {
		return p.ID
	}
	return p.Attempt.ID
}
