package hubd

import (
	"encoding/json"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Exception is a doubt about a payment, as operators see it.
type Exception struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind"`
	State      string          `json:"state"` // "open", "resolved"
	Owner      string          `json:"owner"` // "hub": the schedule is at it; "operations": a person must look
	Matter     string          `json:"matter"`
	Payment    string          `json:"payment_id"`
	Refund     string          `json:"refund_id,omitempty"` // when the doubt is about a refund
	Merchant   string          `json:"merchant"`
	OrderNo    string          `json:"order_no"`
	Amount     int64           `json:"amount"` // minor units
	Currency   string          `json:"currency"`
	Wallet     pay.Wallet      `json:"wallet"`
	OutTradeNo string          `json:"out_trade_no"`
	Outcome    pay.Outcome     `json:"outcome"` // of the payment now
	Attempt    pay.Status      `json:"attempt"` // now
	OpenedAt   time.Time       `json:"opened_at"`
	DeadlineAt time.Time       `json:"deadline_at"`
	ResolvedAt *time.Time      `json:"resolved_at,omitempty"`
	By         string          `json:"resolved_by,omitempty"`
	Decision   string          `json:"decision,omitempty"`
	Note       string          `json:"note,omitempty"`
	Known      json.RawMessage `json:"known"` // when it was opened
}

// Money is the amount for people.
func (x Exception) Money() string { return money.Fen(x.Amount).String() }

// About is the payment or refund whose doubt it is.
func (x Exception) About() string {
	if x.Refund != "" {
		return x.Refund
	}
	return x.Payment
}

func exceptionOf(x payment.Exception, p payment.Payment) Exception {
	e := Exception{ID: x.ID, Kind: string(x.Kind), State: "open", Owner: string(x.Owner), Matter: x.Matter, Payment: x.Payment, Refund: x.Refund,
		Merchant: p.Merchant, OrderNo: p.OrderNo, Amount: p.Amount.Fen(), Currency: string(p.Amount.Currency()),
		Wallet: p.Wallet, OutTradeNo: p.Attempt.OutTradeNo, Outcome: p.Outcome(), Attempt: p.Attempt.Status, OpenedAt: x.Opened,
		DeadlineAt: x.Deadline, By: x.By, Decision: string(x.Decision), Note: x.Note, Known: json.RawMessage(x.Known)}
	if !x.Resolved.IsZero() {
		at := x.Resolved
		e.State, e.ResolvedAt = "resolved", &at
	}
	return e
}

// Exceptions lists the open exceptions of a database that may be in use or a copy, oldest first; the
// resolved ones too when all are asked for. It changes nothing.
func Exceptions(path string, all bool) ([]Exception, error) {
	rows, payments, err := store.Exceptions(path, all)
	if err != nil {
		return nil, err
	}
	list := make([]Exception, len(rows))
	for i, x := range rows {
		list[i] = exceptionOf(x, payments[x.Payment])
	}
	return list, nil
}

// FindException reads one exception, open or resolved (NotFound).
func FindException(path, id string) (Exception, error) {
	list, err := Exceptions(path, true)
	if err != nil {
		return Exception{}, err
	}
	for _, x := range list {
		if x.ID == id {
			return x, nil
		}
	}
	return Exception{}, fault.New(fault.NotFound, "exception.unknown", "there is no exception %q: list them with --all", id)
}
