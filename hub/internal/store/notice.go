package store

import "cloudcashier/hub/internal/payment"

// PaymentByNumber finds the payment as seen from the attempt that goes by a number at its wallet, in force or left (NotFound).
func (tx *Tx) PaymentByNumber(outTradeNo string) (payment.Payment, error) {
	p, err := scanPayment(tx.QueryRow("SELECT "+attemptColumns+"FROM attempt a JOIN payment p ON p.id = a.payment WHERE a.out_trade_no = ?", outTradeNo).Scan)
	return p, found(err, "payment", outTradeNo)
}

// RefundByNumber finds the refund that goes by a number at its wallet (NotFound).
func (tx *Tx) RefundByNumber(outRefundNo string) (payment.Refund, error) {
	r, err := scanRefund(tx.QueryRow("SELECT "+refundColumns+"WHERE out_refund_no = ?", outRefundNo).Scan)
	return r, found(err, "refund", outRefundNo)
}
