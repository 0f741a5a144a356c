package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"cloudcashier/shared/pay"
)

// Show asks for a QR to show the customer.
func (l *Lab) Show(ctx context.Context, orderNo string, amount int64, wallet pay.Wallet) (p Payment, err error) {
	body, err := json.Marshal(map[string]any{"order_no": orderNo, "amount": amount, "mode": "qr", "wallet": wallet, "subject": "demo goods"})
	if err != nil {
		return p, fmt.Errorf("ask for a QR: %w", err)
	}
	return l.payment(ctx, Call{Method: http.MethodPost, Path: "/v1/payments", Body: body})
}

// Scan has a customer scan a shown QR; it gives what he sees, "charged" when he paid.
func (l *Lab) Scan(ctx context.Context, qr, fate string) (seen string, err error) {
	var answer struct {
		Seen string `json:"seen"`
	}
	err = l.sandbox(ctx, http.MethodPost, "/sandbox/pay", map[string]string{"qr": qr, "scenario": fate},
		func(body []byte) error { return json.Unmarshal(body, &answer) })
	return answer.Seen, err
}

// Refresh reads a payment after the hub asked the wallet.
func (l *Lab) Refresh(ctx context.Context, id string) (Payment, error) {
	return l.payment(ctx, Call{Method: http.MethodGet, Path: "/v1/payments/" + id + "?refresh=wallet"})
}

// Cancel has a payment undone.
func (l *Lab) Cancel(ctx context.Context, id string) (Payment, error) {
	return l.payment(ctx, Call{Method: http.MethodPost, Path: "/v1/payments/" + id + "/cancel"})
}
