package gateway

import (
	"context"
	"net/http"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// Payment is what a merchant sees of a payment. All fields but those of a QR are always there; what does not
// apply is null. The answer for a payment whose outcome is final is the same, byte for byte, each time, until
// money of it is refunded.
type Payment struct {
	ID             string      `json:"id"`
	OrderNo        string      `json:"order_no" doc:"the merchant's own number"`
	Status         pay.Status  `json:"status" enum:"created,pending,unknown,succeeded,declined,reversing,reversed,closed"`
	Outcome        pay.Outcome `json:"outcome" enum:"paid,not_paid,unknown" doc:"paid and not_paid are proven; unknown means: do not charge again, do not hand over"`
	Amount         int64       `json:"amount" doc:"in fen"`
	Currency       string      `json:"currency"`
	RefundedAmount int64       `json:"refunded_amount" doc:"in fen; what the wallet proved to have given back"`
	Wallet         *string     `json:"wallet" doc:"wechat, alipay, unionpay; null while it is not known"`
	Channel        *string     `json:"channel" doc:"our way to the wallet; null before one is chosen"`
	WalletRef      *string     `json:"wallet_ref" doc:"the wallet's own number; null for a payment that is not paid"`
	PaidAt         *time.Time  `json:"paid_at" doc:"by the wallet's clock"`
	Decline        *Decline    `json:"decline" doc:"why it was declined; null for any other status"`
	QR             *string     `json:"qr,omitempty" doc:"the text of the QR to show the customer; there only while it may be shown"`
	QRUntil        *time.Time  `json:"qr_until,omitempty" doc:"with qr: when it ends. Afterwards the wallet takes no money for it"`
	Advice         string      `json:"advice" doc:"what to do now"`
	CreatedAt      time.Time   `json:"created_at"`
}

// Decline is why a payment was refused.
type Decline struct {
	Code    string `json:"code" doc:"stable, the same for every wallet"`
	Message string `json:"message" doc:"for the cashier"`
}

// Payments is a list, newest first.
type Payments struct {
	Payments []Payment `json:"payments" nullable:"false"`
}

// advice is one stable sentence for each status.
var advice = map[pay.Status]string{
	pay.StatusCreated:   "wait: do not charge again",
	pay.StatusPending:   "wait: do not charge again",
	pay.StatusUnknown:   "do not charge again and do not hand over: ask again until the outcome is paid or not_paid",
	pay.StatusSucceeded: "paid: hand over",
	pay.StatusDeclined:  "not paid: scan a fresh code under a new order number",
	pay.StatusReversing: "being undone: do not charge again until the outcome is not_paid",
	pay.StatusReversed:  "not paid, nothing was kept: to charge, scan a fresh code under a new order number",
	pay.StatusClosed:    "not paid: to charge, scan a fresh code under a new order number",
}

const adviceShow = "show the QR until qr_until: do not charge again; ask for the outcome, or cancel it"

const advicePassword = "wait: the customer is confirming in the wallet; do not charge again"

// view shows a payment. Times are cut to the millisecond, the precision in which they are stored,
// so that the first answer equals every later one.
func view(p payment.Payment) Payment {
	v := Payment{
		ID: p.ID, OrderNo: p.OrderNo, Status: p.Status, Outcome: p.Outcome(),
		Amount: p.Amount.Fen(), Currency: string(p.Amount.Currency()), RefundedAmount: p.Refunded.Fen(),
		Wallet: some(string(p.Wallet)), Channel: some(p.Attempt.Channel),
		Advice: advice[p.Status], CreatedAt: shown(p.Created),
	}
	if !p.Final() || p.Outcome() == pay.Paid {
		v.WalletRef = some(p.Attempt.WalletRef) // of one that is not paid it may still be learnt, and would change the answer
	}
	if p.Showing() {
		ends := shown(p.Ends())
		v.QR, v.QRUntil, v.Advice = some(p.Attempt.QR), &ends, adviceShow
	}
	if p.Waiting && p.Status == pay.StatusPending {
		v.Advice = advicePassword
	}
	if !p.PaidAt.IsZero() {
		at := shown(p.PaidAt)
		v.PaidAt = &at
	}
	if p.Status == pay.StatusDeclined {
		v.Decline = &Decline{Code: p.Decline.Code, Message: p.Decline.Message}
	}
	return v
}

func shown(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type paymentAnswer struct {
	Status int
	Body   Payment
}

type paymentsAnswer struct{ Body Payments }

type paymentInput struct {
	ID string `path:"id" doc:"the payment's identifier"`
}

type readInput struct {
	ID      string `path:"id" doc:"the payment's identifier"`
	Refresh string `query:"refresh" enum:"wallet" doc:"wallet: ask the wallet first"`
}

type listInput struct {
	OrderNo string `query:"order_no" required:"true" doc:"the merchant's own number"`
	Refresh string `query:"refresh" enum:"wallet" doc:"wallet: ask the wallet first about payments without an outcome"`
}

func (g *Gateway) create(ctx context.Context, _ *struct{}) (*paymentAnswer, error) {
	d := askedOf(ctx)
	ask, wait, err := g.parseAsk(d)
	if err == nil {
		err = checkQuery(d.query)
	}
	if err != nil {
		return nil, problemOf(err, moves)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.draining, cancel)()
	ask.Once, ask.Wait = d.once, wait
	p, err := g.deps.Collector.Collect(ctx, ask)
	if err != nil {
		return nil, g.failed(err, moves)
	}
	return answerOf(p), nil
}

func (g *Gateway) cancel(ctx context.Context, in *paymentInput) (*paymentAnswer, error) {
	d := askedOf(ctx)
	err := checkPaymentID(in.ID)
	if err == nil {
		err = noBody(d.body)
	}
	if err == nil {
		err = checkQuery(d.query)
	}
	if err != nil {
		return nil, problemOf(err, moves)
	}
	p, err := g.deps.Collector.Cancel(ctx, d.merchant, in.ID)
	if err != nil {
		return nil, g.failed(alike(err), moves)
	}
	if !p.Final() {
		ctx, cancel := context.WithTimeout(ctx, defaultWait)
		defer cancel()
		defer context.AfterFunc(g.draining, cancel)()
		later, err := g.deps.Collector.Await(ctx, d.merchant, p.ID)
		if err == nil {
			p = later
		} else { // what Cancel told is still true
			g.deps.Log.Error("cannot wait for a payment", logs.Payment, p.ID, logs.Err, err)
		}
	}
	return answerOf(p), nil
}

// answerOf answers 200 when the outcome is final, else 202 with the payment as it stands.
func answerOf(p payment.Payment) *paymentAnswer {
	if p.Final() {
		return &paymentAnswer{Status: http.StatusOK, Body: view(p)}
	}
	return &paymentAnswer{Status: http.StatusAccepted, Body: view(p)}
}

func (g *Gateway) read(ctx context.Context, in *readInput) (*paymentAnswer, error) {
	d := askedOf(ctx)
	err := checkPaymentID(in.ID)
	if err == nil {
		err = checkRead(d, in.Refresh, "refresh")
	}
	if err != nil {
		return nil, problemOf(err, asks)
	}
	get := g.deps.Reader.Payment
	if in.Refresh != "" {
		get = g.deps.Collector.Refresh
	}
	p, err := get(ctx, d.merchant, in.ID)
	if err != nil {
		return nil, g.failed(alike(err), asks)
	}
	return &paymentAnswer{Status: http.StatusOK, Body: view(p)}, nil
}

// maxRefresh bounds the questions to wallets that one list may cause; an order has one open payment.
const maxRefresh = 3

func (g *Gateway) list(ctx context.Context, in *listInput) (*paymentsAnswer, error) {
	d := askedOf(ctx)
	err := checkOrderNo(in.OrderNo)
	if err == nil {
		err = checkRead(d, in.Refresh, "order_no", "refresh")
	}
	if err != nil {
		return nil, problemOf(err, asks)
	}
	found, err := g.deps.Reader.Payments(ctx, d.merchant, in.OrderNo)
	if err != nil {
		return nil, g.failed(err, asks)
	}
	refreshed := 0
	answer := &paymentsAnswer{Body: Payments{Payments: make([]Payment, 0, len(found))}}
	for _, p := range found {
		if in.Refresh != "" && !p.Final() && refreshed < maxRefresh {
			refreshed++
			if p, err = g.deps.Collector.Refresh(ctx, d.merchant, p.ID); err != nil {
				return nil, g.failed(err, asks)
			}
		}
		answer.Body.Payments = append(answer.Body.Payments, view(p))
	}
	return answer, nil
}

// failed logs what the operator must see and makes the answer.
func (g *Gateway) failed(err error, e effect) error {
	if fault.KindOf(err) == fault.Internal {
		g.deps.Log.Error("a merchant's request failed", logs.Err, err)
	}
	return problemOf(err, e)
}

var errNoPayment = fault.New(fault.NotFound, "payment.unknown", "there is no such payment")

// checkPaymentID answers for a crooked identifier as for one that does not exist.
func checkPaymentID(s string) error {
	if id.Check(id.Payment, s) != nil {
		return errNoPayment
	}
	return nil
}

// alike makes every "not found" the same answer, whoever's the payment is.
func alike(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return errNoPayment
	}
	return err
}

// checkRead checks what a question carries beside its path.
func checkRead(d *asked, refresh string, known ...string) error {
	if err := checkQuery(d.query, known...); err != nil {
		return err
	}
	if refresh != "" && refresh != "wallet" {
		return invalid("query", "refresh can only be \"wallet\"")
	}
	if len(d.body) > 0 {
		return invalid("body", "a GET carries no body")
	}
	return nil
}
