package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// asked is a refund that a till or the hub answered: from then on it must never be forgotten.
type asked struct {
	Till     string // empty: the merchant API
	RefundNo string
	Of       string // sale or payment
	Amount   int64
}

// returned is a refund in a till's journal.
type returned struct {
	Type, ID, Sale string
	RefundNo       string `json:"refund_no"`
	RefundID       string `json:"refund_id"` // the hub's
	Amount         int64
	Outcome        pay.RefundOutcome
	Till           string `json:"-"`
}

// refundPatience is how long somebody repeats a request for a refund; it is taken or not, also then.
const refundPatience = 15 * time.Second

// giveBack asks a till for money of a paid sale, with the same words until it answers. Nobody asks at a copy: it is
// taken away before it could tell the end.
func (l *workload) giveBack(ctx context.Context, c customer, sale string) {
	if c.back == 0 || c.till.of != nil {
		return
	}
	now, _ := l.w.shown.last(sale)
	for n := 0; n < 20 && !now.final() && rest(ctx, 250*time.Millisecond); n++ { // whoever returns goods has paid for them
		l.glance(ctx, c.till, sale)
		now, _ = l.w.shown.last(sale)
	}
	if now.Outcome != pay.Paid {
		return
	}
	want := localapi.NewRefund{Amount: c.back, RefundNo: "R" + c.order, Reason: "cold"}
	ctx, cancel := context.WithTimeout(ctx, refundPatience)
	defer cancel()
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, 3*time.Second)
		r, err := c.till.Client.NewRefund(try, sale, want)
		cancel()
		switch fault.KindOf(err) {
		case fault.Invalid, fault.Denied, fault.Conflict, fault.NotFound:
			l.w.defect(fmt.Sprintf("%s refuses refund %s: %v", c.till.name(), want.RefundNo, err))
			return
		}
		if err == nil {
			l.promise(asked{c.till.name(), r.RefundNo, sale, r.Amount})
			return
		}
		rest(ctx, 60*time.Millisecond)
	}
}

// returnOnline asks the hub for money of a paid order.
func (l *workload) returnOnline(ctx context.Context, c customer, payment string) {
	now, ok := l.w.shown.last(payment)
	if c.back == 0 || !ok || now.Outcome != pay.Paid {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, refundPatience)
	defer cancel()
	for ctx.Err() == nil {
		answer, err := l.w.lab.AskRefund(ctx, payment, "R"+c.order, c.back, time.Duration(c.waitMS)*time.Millisecond)
		var r rig.Refund
		switch {
		case err != nil || answer.Status >= http.StatusInternalServerError || answer.Status == http.StatusTooManyRequests:
			rest(ctx, 100*time.Millisecond)
			continue
		case answer.Status/100 != 2:
			l.w.defect(fmt.Sprintf("order %s: a refund is refused: %d %s", c.order, answer.Status, answer.Body))
		default:
			if err := json.Unmarshal(answer.Body, &r); err != nil {
				l.w.defect(fmt.Sprintf("order %s: %v in %s", c.order, err, answer.Body))
				return
			}
			l.promise(asked{"", r.RefundNo, payment, r.Amount})
		}
		return
	}
}

func (l *workload) promise(a asked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backs = append(l.backs, a)
}

// refunds: every refund that was answered is in its book, and a till and the hub say the same of each.
func (e evidence) refunds() (out []string) {
	hub, numbers := map[string]rig.Returned{}, map[string]bool{}
	for _, r := range e.books.Refunds {
		hub[r.ID] = r
		numbers[fmt.Sprint("", r.RefundNo, r.Payment, r.Amount)] = true
	}
	told := map[string]bool{}
	for _, r := range e.returned {
		numbers[fmt.Sprint(r.Till, r.RefundNo, r.Sale, r.Amount)] = true
		switch at, ok := hub[r.RefundID]; {
		case r.RefundID == "" && r.Outcome == pay.Refunded:
			out = append(out, fmt.Sprintf("%s: refund %s is done and the hub never had it", r.Till, r.ID))
		case r.RefundID == "" || e.copies[r.Till] && r.Outcome == pay.RefundInDoubt:
		case !ok || at.Amount != r.Amount || at.Outcome != r.Outcome:
			out = append(out, fmt.Sprintf("%s: refund %s over %d is %s; the hub's %s over %d is %s", r.Till, r.ID, r.Amount, r.Outcome, r.RefundID, at.Amount, at.Outcome))
		}
		told[r.RefundID] = true
	}
	for _, a := range e.backs {
		if !numbers[fmt.Sprint(a.Till, a.RefundNo, a.Of, a.Amount)] {
			out = append(out, fmt.Sprintf("refund %s over %d of %s was answered by %q and stands in no book there", a.RefundNo, a.Amount, a.Of, a.Till))
		}
	}
	terminal := map[string]string{}
	for _, p := range e.payments {
		terminal[p.ID] = p.Terminal
	}
	for _, r := range hub {
		if terminal[r.Payment] != "" && !told[r.ID] {
			out = append(out, fmt.Sprintf("hub: refund %s of %s is %s and no till asked for it", r.ID, r.Payment, r.Outcome))
		}
	}
	return out
}
