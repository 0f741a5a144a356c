package gateway

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// maxReason is how many characters of a reason every wallet shows.
const maxReason = 80

// Refund is what a merchant sees of a refund. All fields are always there; what does not apply is
// null. The answer for a refund whose outcome is final is the same, byte for byte, each time.
type Refund struct {
	ID         string            `json:"id"`
	Payment    string            `json:"payment" doc:"the payment whose money goes back"`
	RefundNo   string            `json:"refund_no" doc:"the merchant's own number; a till's for a till's refund"`
	Amount     int64             `json:"amount" doc:"in fen"`
	Currency   string            `json:"currency"`
	Status     pay.RefundStatus  `json:"status" enum:"created,pending,unknown,succeeded,failed"`
	Outcome    pay.RefundOutcome `json:"outcome" enum:"refunded,not_refunded,unknown" doc:"refunded and not_refunded are proven; unknown means: do not refund again under another number"`
	Reason     *string           `json:"reason" doc:"as it was given"`
	Decline    *Decline          `json:"decline" doc:"why it failed; null for any other status"`
	WalletRef  *string           `json:"wallet_ref" doc:"the wallet's own number of the refund; some wallets have none"`
	Advice     string            `json:"advice" doc:"what to do now"`
	CreatedAt  time.Time         `json:"created_at"`
	RefundedAt *time.Time        `json:"refunded_at" doc:"by the wallet's clock, or the hub's when the wallet does not tell"`
}

// Refunds is a list, newest first.
type Refunds struct {
	Refunds []Refund `json:"refunds" nullable:"false"`
}

var refundAdvice = map[pay.RefundStatus]string{
	pay.RefundCreated:   "wait: do not refund again under another number",
	pay.RefundPending:   "the wallet is giving the money back: wait, do not refund again under another number",
	pay.RefundUnknown:   "do not refund again under another number: ask again until the outcome is refunded or not_refunded",
	pay.RefundSucceeded: "refunded: nothing is left to do",
	pay.RefundFailed:    "not refunded: to refund, correct the cause and use a new refund number",
}

func viewRefund(r payment.Refund) Refund {
	v := Refund{ID: r.ID, Payment: r.Payment, RefundNo: r.RefundNo, Amount: r.Amount.Fen(), Currency: string(r.Amount.Currency()),
		Status: r.Status, Outcome: r.Outcome(), Reason: some(r.Reason), WalletRef: some(r.WalletRef), Advice: refundAdvice[r.Status],
		CreatedAt: shown(r.Created)}
	if !r.RefundedAt.IsZero() {
		at := shown(r.RefundedAt)
		v.RefundedAt = &at
	}
	if r.Status == pay.RefundFailed {
		v.Decline = &Decline{Code: r.Decline.Code, Message: r.Decline.Message}
	}
	return v
}

type refundAnswer struct {
	Status int
	Body   Refund
}

type refundsAnswer struct{ Body Refunds }

type readRefundInput struct {
	ID      string `path:"id" doc:"the refund's identifier"`
	Refresh string `query:"refresh" enum:"wallet" doc:"wallet: ask the wallet first"`
}

// newRefund is the body of POST /v1/payments/{id}/refunds, for the document; [Gateway.parseRefund] reads it.
type newRefund struct {
	RefundNo string `json:"refund_no" minLength:"1" maxLength:"64" pattern:"^[!-~]+$" doc:"your number for the refund, and the idempotency key: one for all your payments"`
	Amount   int64  `json:"amount" minimum:"1" maximum:"10000000000" doc:"in fen; at most what is left of the payment"`
	Reason   string `json:"reason,omitempty" maxLength:"80" doc:"shown in the customer's wallet"`
	WaitMS   int64  `json:"wait_ms,omitempty" minimum:"0" maximum:"60000" default:"5000" doc:"how long the answer may wait for the outcome. It is not part of what must be equal in a repeated request"`
}

func (g *Gateway) parseRefund(d *asked, paymentID string) (engine.RefundAsk, time.Duration, error) {
	var n newRefund
	wait := defaultWait.Milliseconds()
	err := object(d.body, map[string]any{"refund_no": &n.RefundNo, "amount": &n.Amount, "reason": &n.Reason, "wait_ms": &wait})
	if err != nil {
		return engine.RefundAsk{}, 0, err
	}
	visible := func(r rune) bool { return r > ' ' && r <= '~' }
	amount := money.Fen(n.Amount)
	switch {
	case n.RefundNo == "" || len(n.RefundNo) > maxOrderNo || strings.ContainsFunc(n.RefundNo, func(r rune) bool { return !visible(r) }):
		err = invalid("refund_no", "refund_no must be 1 to %d visible ASCII characters without blanks", maxOrderNo)
	case utf8.RuneCountInString(n.Reason) > maxReason:
		err = invalid("reason", "reason is longer than %d characters", maxReason)
	case strings.ContainsFunc(n.Reason, unicode.IsControl), strings.ContainsRune(n.Reason, utf8.RuneError):
		err = invalid("reason", "reason holds characters that cannot be shown")
	case wait < 0 || wait > maxWait.Milliseconds():
		err = invalid("wait_ms", "wait_ms must be from 0 to %d", maxWait.Milliseconds())
	default:
		err = amount.Charge()
	}
	return engine.RefundAsk{Merchant: d.merchant, Source: payment.FromAPI, Key: n.RefundNo, RefundNo: n.RefundNo, Amount: amount, Reason: n.Reason,
		Payment: paymentID, BodyHash: g.bodyHash(paymentID, n.RefundNo, strconv.FormatInt(n.Amount, 10), n.Reason)}, time.Duration(wait) * time.Millisecond, err
}

// createRefund answers a refund that our own law turned away with a problem, each time the same: the
// wallet was not asked. One that the wallet refused is a refund that failed.
func (g *Gateway) createRefund(ctx context.Context, in *paymentInput) (*refundAnswer, error) {
	d := askedOf(ctx)
	err := checkPaymentID(in.ID)
	var ask engine.RefundAsk
	var wait time.Duration
	if err == nil {
		ask, wait, err = g.parseRefund(d, in.ID)
	}
	if err == nil {
		err = checkQuery(d.query)
	}
	if err != nil {
		return nil, problemOf(err, moves)
	}
	r, err := g.deps.Refunder.Refund(ctx, ask)
	if k := fault.KindOf(err); err != nil {
		err = g.failed(alike(err), moves)
		if p, ok := err.(*Problem); ok && (k == fault.InDoubt || k == fault.Internal) {
			p.Advice = "do not refund again under another number; send the same request again, or read the payment's refunds"
		}
		return nil, err
	}
	if r.Status == pay.RefundFailed && r.Sent.IsZero() {
		return nil, problemOf(fault.New(fault.Conflict, r.Decline.Code, "%s", r.Decline.Message), moves)
	}
	if !r.Final() && wait > 0 {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		defer context.AfterFunc(g.draining, cancel)()
		later, err := g.deps.Refunder.AwaitRefund(ctx, d.merchant, r.ID)
		if err == nil {
			r = later
		} else { // what Refund told is still true
			g.deps.Log.Error("cannot wait for a refund", "refund", r.ID, logs.Err, err)
		}
	}
	status := http.StatusAccepted
	if r.Final() {
		status = http.StatusOK
	}
	return &refundAnswer{Status: status, Body: viewRefund(r)}, nil
}

func (g *Gateway) listRefunds(ctx context.Context, in *paymentInput) (*refundsAnswer, error) {
	d := askedOf(ctx)
	err := checkPaymentID(in.ID)
	if err == nil {
		err = checkRead(d, "")
	}
	if err != nil {
		return nil, problemOf(err, asks)
	}
	found, err := g.deps.Reader.Refunds(ctx, d.merchant, in.ID)
	if err != nil {
		return nil, g.failed(alike(err), asks)
	}
	answer := &refundsAnswer{Body: Refunds{Refunds: make([]Refund, 0, len(found))}}
	for _, r := range found {
		answer.Body.Refunds = append(answer.Body.Refunds, viewRefund(r))
	}
	return answer, nil
}

var errNoRefund = fault.New(fault.NotFound, "refund.unknown", "there is no such refund")

func (g *Gateway) readRefund(ctx context.Context, in *readRefundInput) (*refundAnswer, error) {
	d := askedOf(ctx)
	var err error
	if id.Check(id.Refund, in.ID) != nil {
		err = errNoRefund
	} else {
		err = checkRead(d, in.Refresh, "refresh")
	}
	if err != nil {
		return nil, problemOf(err, asks)
	}
	get := g.deps.Reader.ReadRefund
	if in.Refresh != "" {
		get = g.deps.Refunder.RefreshRefund
	}
	r, err := get(ctx, d.merchant, in.ID)
	if fault.KindOf(err) == fault.NotFound {
		err = errNoRefund
	}
	if err != nil {
		return nil, g.failed(err, asks)
	}
	return &refundAnswer{Status: http.StatusOK, Body: viewRefund(r)}, nil
}
