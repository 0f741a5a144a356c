package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"cloudcashier/shared/pay"
)

// Refund is a refund as the merchant API shows it.
type Refund struct {
	ID         string            `json:"id"`
	Payment    string            `json:"payment"`
	RefundNo   string            `json:"refund_no"`
	Amount     int64             `json:"amount"`
	Status     pay.RefundStatus  `json:"status"`
	Outcome    pay.RefundOutcome `json:"outcome"`
	WalletRef  string            `json:"wallet_ref"`
	RefundedAt *time.Time        `json:"refunded_at"`
}

// Returned is a line of `cashier-hub export refunds`.
type Returned struct {
	ID          string            `json:"id"`
	Payment     string            `json:"payment"`
	RefundNo    string            `json:"refund_no"`
	Amount      int64             `json:"amount"`
	Status      pay.RefundStatus  `json:"status"`
	Outcome     pay.RefundOutcome `json:"outcome"`
	Wallet      pay.Wallet        `json:"wallet"`
	OutTradeNo  string            `json:"out_trade_no"`
	OutRefundNo string            `json:"out_refund_no"`
}

// Refunds exports the hub's refunds.
func (l *Lab) Refunds(ctx context.Context) (list []Returned, err error) {
	out, _, err := l.rig.Run(ctx, "cashier-hub", "export", "refunds", "--data", l.Data)
	if err != nil {
		return nil, err
	}
	err = eachLine(out, func(line []byte) error {
		var r Returned
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		list = append(list, r)
		return nil
	})
	return list, err
}

// AskRefund asks for a refund and waits for it up to wait. The answer may be a refusal; it is signed.
func (l *Lab) AskRefund(ctx context.Context, paymentID, no string, amount int64, wait time.Duration) (Answer, error) {
	body, err := json.Marshal(map[string]any{"refund_no": no, "amount": amount, "reason": "demo return", "wait_ms": wait.Milliseconds()})
	if err != nil {
		return Answer{}, fmt.Errorf("ask for a refund: %w", err)
	}
	a, err := l.Do(ctx, Call{Method: http.MethodPost, Path: "/v1/payments/" + paymentID + "/refunds", Body: body})
	if err == nil && !a.Proven {
		err = fmt.Errorf("the hub's answer about refund %s (%d) is not signed by the hub: %s", no, a.Status, a.Body)
	}
	return a, err
}

// Refund asks for a refund that must be taken, and returns it when its outcome is final.
func (l *Lab) Refund(ctx context.Context, paymentID, no string, amount int64) (r Refund, err error) {
	a, err := l.AskRefund(ctx, paymentID, no, amount, 10*time.Second)
	if err != nil {
		return r, err
	}
	err = Await(ctx, "refund "+no+" is settled", func() (bool, error) {
		if a.Status/100 != 2 {
			return false, fmt.Errorf("the hub answers refund %s with %d: %s", no, a.Status, a.Body)
		}
		if err := json.Unmarshal(a.Body, &r); err != nil || r.Outcome != pay.RefundInDoubt {
			return err == nil, err
		}
		a, err = l.Do(ctx, Call{Method: http.MethodGet, Path: "/v1/refunds/" + r.ID})
		return false, fmt.Errorf("refund is %s, %v", r.Status, err)
	})
	return r, err
}

// auditRefunds compares what the hub says of refunds with what the wallets booked, and gives what
// went back of each payment by the hub's word.
func (b Books) auditRefunds(differ func(format string, args ...any)) (back map[string]int64) {
	back = map[string]int64{}
	booked := map[string]Entry{}
	for _, e := range b.Ledger {
		if e.Kind != "refund" {
			continue
		}
		name := string(e.Wallet) + " " + e.OutTradeNo + " " + e.OutRefundNo
		if _, twice := booked[name]; twice {
			differ("the wallet gave back twice under %s", name)
		}
		booked[name] = e
	}
	for _, r := range b.Refunds {
		name := string(r.Wallet) + " " + r.OutTradeNo + " " + r.OutRefundNo
		e, given := booked[name]
		delete(booked, name)
		switch r.Outcome {
		case pay.Refunded:
			back[r.Payment] += r.Amount
			if !given || e.Amount != r.Amount {
				differ("refund %s (%s) is done with %d fen; the wallet gave back %d", r.ID, r.RefundNo, r.Amount, e.Amount)
			}
		case pay.NotRefunded:
			if given {
				differ("refund %s (%s) is %s; the wallet gave back %d", r.ID, r.RefundNo, r.Status, e.Amount)
			}
		default:
			differ("refund %s (%s) is still %s", r.ID, r.RefundNo, r.Status)
		}
	}
	for name, e := range booked {
		if e.OutRefundNo == e.OutTradeNo+"R" { // an order whose code was shown, undone: WeChat Pay's way is a refund
			continue
		}
		differ("the wallet gave back %d under %s, which the hub does not know", e.Amount, name)
	}
	return back
}
