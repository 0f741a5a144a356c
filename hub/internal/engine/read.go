package engine

import (
	"context"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
)

// Payment reads a merchant's payment (NotFound, also for another merchant's).
func (e *Engine) Payment(_ context.Context, merchant, paymentID string) (p payment.Payment, err error) {
	err = e.Store.View(func(tx *store.Tx) error {
		p, err = tx.Payment(paymentID)
		return err
	})
	if err == nil && p.Merchant != merchant {
		return payment.Payment{}, fault.New(fault.NotFound, "payment.unknown", "there is no payment %q", paymentID)
	}
	return p, err
}

// Payments lists an order's payments, newest first.
func (e *Engine) Payments(_ context.Context, merchant, orderNo string) (list []payment.Payment, err error) {
	err = e.Store.View(func(tx *store.Tx) error {
		list, err = tx.PaymentsByOrder(merchant, orderNo, 100)
		return err
	})
	return list, err
}

// Recent lists payments for operations: the open ones first, then the newest.
func (e *Engine) Recent(limit int) (list []payment.Payment, err error) {
	err = e.Store.View(func(tx *store.Tx) error {
		list, err = tx.RecentPayments(limit)
		return err
	})
	return list, err
}

// Await waits until the outcome is final, or a code is there to be shown, or ctx ends, and gives the payment as it
// then stands.
func (e *Engine) Await(ctx context.Context, merchant, paymentID string) (payment.Payment, error) {
	w := e.paid.join(paymentID)
	defer w.quit()
	p, err := e.Payment(ctx, merchant, paymentID)
	if err != nil {
		return p, err
	}
	return w.until(ctx, p, told), nil
}

// told reports that there is nothing more to wait for.
func told(p payment.Payment) bool { return p.Final() || p.Showing() }
