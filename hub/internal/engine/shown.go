package engine

import (
	"context"
	"fmt"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// wayToShow finds the merchant's way to a wallet whose customers can scan a code that we show.
func (e *Engine) wayToShow(a Ask) (*way, error) {
	if a.CodeAge > codeLife {
		return nil, fault.New(fault.Invalid, "payment.stale", "this was asked for %d seconds ago: ask anew", int(a.CodeAge.Seconds()))
	}
	var found *way
	for _, candidate := range e.Ways {
		w := e.ways[candidate.Name]
		if w.shows == nil || candidate.Merchant != "" && candidate.Merchant != a.Merchant || a.Wallet != "" && candidate.Wallet != a.Wallet {
			continue
		}
		if found != nil && found.Wallet != w.Wallet {
			return nil, fault.New(fault.Invalid, "payment.wallet_needed", "codes of several wallets can be shown: say which wallet, %s or %s", found.Wallet, w.Wallet)
		}
		if found == nil {
			found = w
		}
	}
	switch {
	case found != nil:
		return found, nil
	case a.Wallet == pay.UnionPay || a.Wallet == pay.StoredValue:
		return nil, fault.New(fault.Invalid, "payment.qr_unavailable", "%s has no code to be shown: scan the customer's, or show one of another wallet", a.Wallet)
	}
	return nil, fault.New(fault.Invalid, "payment.no_channel", "no wallet whose code can be shown is set up for this merchant: scan the customer's code")
}

// present asks for the text of a payment's code, for the first time or again.
func (e *Engine) present(ctx context.Context, w *way, p payment.Payment) channel.Answer {
	if w.shows == nil {
		return channel.Answer{Finding: channel.Unknown, Err: fmt.Errorf("channel %q has no codes to show any more: put it back as it was", w.Name)}
	}
	return w.shows.Present(ctx, e.orderOf(p, pay.Code{}))
}
