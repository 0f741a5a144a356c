package wire

import (
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// ModeQR asks for a code that the customer scans.
const ModeQR = "qr"

// MaxQR bounds the text of a code that is shown, in bytes. Wallets give addresses of about fifty.
const MaxQR = 512

// Check refuses a Pay that asks for two things at once, or for one that nobody knows (Invalid). Seal looks at it, and so
// does whoever takes a payment in; Decode does not, for a hub tells a till that is newer than itself so in an answer.
func (p Pay) Check() error {
	switch p.Mode {
	case "":
		if p.Wallet != "" {
			return fault.New(fault.Invalid, "wire.wallet", "a payment by the customer's code names no wallet: the code does")
		}
		return nil
	case ModeQR:
	default:
		return fault.New(fault.Invalid, "wire.mode", "mode %q is not known here: update", cutName(p.Mode))
	}
	if p.Code != "" || p.CodeAgeMS != 0 || p.DeferredAt != nil {
		return fault.New(fault.Invalid, "wire.mode", "a payment by a code that is shown has no code of the customer's")
	}
	if p.Wallet != "" && !Shows(p.Wallet) {
		return fault.New(fault.Invalid, "wire.wallet", "no code of %q is shown to customers", cutName(string(p.Wallet)))
	}
	return nil
}

// Shows reports that a wallet's customers can scan a code.
func Shows(w pay.Wallet) bool { return w == pay.WeChat || w == pay.Alipay || w == pay.UnionPay }

// Check refuses a Result whose code could not be shown, or should not be any more (Invalid).
func (r Result) Check() error {
	switch {
	case r.QR == "" && r.QRUntil == nil:
		return nil
	case r.QR == "" || r.QRUntil == nil || r.QRUntil.IsZero():
		return fault.New(fault.Invalid, "wire.qr", "a code to show and the end of its life come together")
	case r.Status != pay.StatusCreated && r.Status != pay.StatusPending && r.Status != pay.StatusUnknown, r.PaymentID == "":
		return fault.New(fault.Invalid, "wire.qr", "a payment that is %q has no code to show", cutName(string(r.Status)))
	}
	return CheckQR(r.QR)
}

// CheckQR refuses a text that is too long for a code, or holds anything but printable ASCII (Invalid).
func CheckQR(text string) error {
	if text == "" || len(text) > MaxQR {
		return fault.New(fault.Invalid, "wire.qr", "the text of a code has 1 to %d bytes, not %d", MaxQR, len(text))
	}
	for _, b := range []byte(text) {
		if b <= ' ' || b >= 0x7f {
			return fault.New(fault.Invalid, "wire.qr", "the text of a code holds a byte that no wallet's has")
		}
	}
	return nil
}

// cutName keeps a foreign word in an error short.
func cutName(s string) string { return s[:min(len(s), 32)] }
