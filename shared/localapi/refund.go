package localapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"cloudcashier/shared/pay"
)

// RefundState is where a refund stands at the till. Package sale holds its law.
type RefundState string

// The states of a refund, in order of life.
const (
	RefundQueued    RefundState = "queued"    // journalled; the hub has not answered: not refunded yet
	RefundPending   RefundState = "pending"   // the hub has it and works on it
	RefundSucceeded RefundState = "succeeded" // proven: the money went back
	RefundFailed    RefundState = "failed"    // proven: nothing went back
)

// Outcome derives the word people are told.
func (s RefundState) Outcome() pay.RefundOutcome {
	switch s {
	case RefundSucceeded:
		return pay.Refunded
	case RefundFailed:
		return pay.NotRefunded
	default:
		return pay.RefundInDoubt
	}
}

// Final reports whether the money question is settled.
func (s RefundState) Final() bool { return s.Outcome() != pay.RefundInDoubt }

// NewRefund asks for money of a paid sale to go back. A wallet's money is given back by the hub alone:
// without a connection the refund is queued. Other money is given back by hand, at that moment.
type NewRefund struct {
	Amount   int64  `json:"amount"`              // fen
	RefundNo string `json:"refund_no,omitempty"` // the shop's own number; repeated with the same content it gives the same refund
	Reason   string `json:"reason,omitempty"`    // for people
	// Approval is who stands for what the operator on duty may not do alone. It belongs to this request: a repeat of a
	// refund_no gives the same refund and asks nobody again.
	Approval *Approval `json:"approval,omitempty"`
}

// Refund is what the till knows of a refund.
type Refund struct {
	ID         string            `json:"id"`
	RefundNo   string            `json:"refund_no"`
	Kind       RefundKind        `json:"kind"`
	Sale       string            `json:"sale"`
	Amount     int64             `json:"amount"` // fen
	Tender     Tender            `json:"tender"`
	State      RefundState       `json:"state"`
	Outcome    pay.RefundOutcome `json:"outcome"`
	Code       string            `json:"code"`    // a stable word for the message: "refund_queued", "refund.too_much"
	Message    string            `json:"message"` // for the cashier, in English; Code is for translation
	Reason     string            `json:"reason,omitempty"`
	Operator   string            `json:"operator,omitempty"`    // who was on duty
	ApprovedBy string            `json:"approved_by,omitempty"` // who stood for it beside them
	RefundID   string            `json:"refund_id,omitempty"`   // the hub's
	WalletRef  string            `json:"wallet_ref,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`
	FinishedAt *time.Time        `json:"finished_at,omitempty"`
}

// Refunds is the answer of GET /v1/sales/{id}/refunds, oldest first.
type Refunds struct {
	Refunds []Refund `json:"refunds"`
}

// NewRefund asks for money of a paid sale to go back.
func (c *Client) NewRefund(ctx context.Context, saleID string, n NewRefund) (r Refund, err error) {
	return r, c.do(ctx, http.MethodPost, "/v1/sales/"+url.PathEscape(saleID)+"/refunds", n, &r)
}

// Refunds reads all refunds of a sale, oldest first.
func (c *Client) Refunds(ctx context.Context, saleID string) ([]Refund, error) {
	var list Refunds
	err := c.do(ctx, http.MethodGet, "/v1/sales/"+url.PathEscape(saleID)+"/refunds", nil, &list)
	return list.Refunds, err
}

// Refund reads one refund.
func (c *Client) Refund(ctx context.Context, id string) (r Refund, err error) {
	return r, c.do(ctx, http.MethodGet, "/v1/refunds/"+url.PathEscape(id), nil, &r)
}
