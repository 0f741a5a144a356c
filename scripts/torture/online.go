package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"cloudcashier/scripts/internal/rig"
)

// online is a payment through the merchant API. A lost answer is asked for again under the same order number, with
// the same body.
func (l *workload) online(ctx context.Context, c customer) {
	body, err := json.Marshal(map[string]any{"order_no": c.order, "amount": c.amount, "code": c.code, "subject": "goods", "wait_ms": c.waitMS})
	if err != nil {
		l.w.defect(err.Error())
		return
	}
	l.mu.Lock()
	l.asked[c.order] = c.amount
	l.mu.Unlock()
	post := rig.Call{Method: http.MethodPost, Path: "/v1/payments", Body: body}
	var other sync.WaitGroup
	if c.twice {
		other.Go(func() { l.demand(ctx, c, post) })
	}
	p := l.demand(ctx, c, post)
	other.Wait()
	if p.ID == "" {
		return
	}
	if c.again > 0 && rest(ctx, c.again) {
		l.demand(ctx, c, post)
	}
	if c.cancel > 0 && rest(ctx, c.cancel) {
		l.call(ctx, c, rig.Call{Method: http.MethodPost, Path: "/v1/payments/" + p.ID + "/cancel"})
	}
	for range c.patient {
		if !rest(ctx, 300*time.Millisecond) {
			return
		}
		l.call(ctx, c, rig.Call{Method: http.MethodGet, Path: "/v1/payments/" + p.ID})
	}
	l.returnOnline(ctx, c, p.ID) // at the end: from then on the payment's answer says what went back
}

// demand repeats a request until it is answered with a payment.
func (l *workload) demand(ctx context.Context, c customer, post rig.Call) rig.Payment {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for ctx.Err() == nil {
		if p, ok := l.call(ctx, c, post); ok {
			return p
		}
		rest(ctx, 100*time.Millisecond)
	}
	return rig.Payment{}
}

// call asks the hub and records the payment it shows; false when it shows none.
func (l *workload) call(ctx context.Context, c customer, call rig.Call) (p rig.Payment, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	asked := time.Now()
	answer, err := l.w.lab.Do(ctx, call)
	if err != nil {
		return p, false // lost
	}
	if !answer.Proven {
		l.w.defect(fmt.Sprintf("order %s: an answer that the hub did not sign: %d %s", c.order, answer.Status, answer.Body))
		return p, false
	}
	if answer.Status/100 != 2 {
		paid := call.Method == http.MethodPost && call.Path != "/v1/payments" && answer.Status == http.StatusConflict // a cancellation that came too late
		if answer.Status < 500 && !paid {
			l.w.defect(fmt.Sprintf("order %s is refused: %d %s", c.order, answer.Status, answer.Body))
		}
		return p, false
	}
	if err := json.Unmarshal(answer.Body, &p); err != nil {
		l.w.defect(fmt.Sprintf("order %s: %v in %s", c.order, err, answer.Body))
		return p, false
	}
	if p.Outcome != p.Status.Outcome() {
		l.w.shown.complain("payment %s is %s and called %s", p.ID, p.Status, p.Outcome)
	}
	s := sight{Asked: asked, At: time.Now(), Where: "API " + call.Method, State: string(p.Status), Outcome: p.Outcome, Amount: p.Amount, Payment: p.ID}
	l.w.shown.saw(p.ID, s)
	if s.final() {
		l.same(c.order, p.ID, string(answer.Body))
	}
	return p, true
}

// same checks that a final answer stays the same, byte for byte.
func (l *workload) same(order, payment, body string) {
	l.mu.Lock()
	first, known := l.finals[order]
	if !known {
		l.finals[order] = body
	}
	l.mu.Unlock()
	if known && first != body {
		l.w.shown.complain("order %s (payment %s) was answered with\n  %s\nand then with\n  %s", order, payment, first, body)
	}
}
