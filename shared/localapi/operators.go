package localapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Listed is an operator of this till's list, with how their PIN stands here.
type Listed struct {
	Operator
	TriesLeft   int        `json:"tries_left"`             // wrong PINs before it is locked for a while
	LockedUntil *time.Time `json:"locked_until,omitempty"` // by this machine's clock; no PIN is looked at before
}

// Operators is who may work at the till. The hub names them and signs the list.
type Operators struct {
	Operators []Listed   `json:"operators"`
	OnDuty    *Operator  `json:"on_duty,omitempty"`
	Required  bool       `json:"required"`             // nothing is sold without somebody on duty
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // the list's lease: past it nobody signs on or approves. None: the hub names nobody
}

// SignOn asks that a person be on duty. It takes the place of whoever was. It is refused by operator.unknown, .pin (wrong),
// .pin_form (nobody's), .locked, .busy, .expired (the list's lease) and .roster (the list is not the hub's). So is an
// approval, and besides by .role (no supervisor); a refund by .limit, and like a sale by .required.
type SignOn struct {
	Operator string `json:"operator"`
	PIN      string `json:"pin"`
}

// NewVoid asks that all of a sale go back on the day it was paid, when nothing of it went back before. It is a refund with
// all its guarantees.
type NewVoid struct {
	RefundNo string    `json:"refund_no,omitempty"` // one for the sale when empty, so that asking twice gives back once
	Reason   string    `json:"reason,omitempty"`
	Approval *Approval `json:"approval,omitempty"`
}

// RefundKind says what the staff meant by a refund.
type RefundKind string

// The kinds.
const (
	RefundPlain RefundKind = "refund"
	RefundVoid  RefundKind = "void" // all of it, on its day
)

// Operators lists who may work here.
func (c *Client) Operators(ctx context.Context) (o Operators, err error) {
	return o, c.do(ctx, http.MethodGet, "/v1/operators", nil, &o)
}

// SignOn puts a person on duty.
func (c *Client) SignOn(ctx context.Context, n SignOn) (o Operators, err error) {
	return o, c.do(ctx, http.MethodPost, "/v1/operators/sign-on", n, &o)
}

// SignOff takes whoever is on duty off it.
func (c *Client) SignOff(ctx context.Context) (o Operators, err error) {
	return o, c.do(ctx, http.MethodPost, "/v1/operators/sign-off", struct{}{}, &o)
}

// Void gives all of a sale back.
func (c *Client) Void(ctx context.Context, saleID string, n NewVoid) (r Refund, err error) {
	return r, c.do(ctx, http.MethodPost, "/v1/sales/"+url.PathEscape(saleID)+"/void", n, &r)
}
