package engine

import (
	"context"
	"fmt"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// walletToShow finds whose code is to be shown: the one that was named, or the merchant's only one that has such codes.
func (e *Engine) walletToShow(a Ask) (found pay.Wallet, err error) {
	if a.CodeAge > codeLife {
		return "", fault.New(fault.Invalid, "payment.stale", "this was asked for %d seconds ago: ask anew", int(a.CodeAge.Seconds()))
	}
	for _, c := range e.roads.Load().table.Channels {
		if !c.Shows || c.Merchant != "" && c.Merchant != a.Merchant || a.Wallet != "" && c.Wallet != a.Wallet {
			continue
		}
		if found != "" && found != c.Wallet {
			return "", fault.New(fault.Invalid, "payment.wallet_needed", "codes of several wallets can be shown: say which wallet, %s or %s", found, c.Wallet)
		}
		found = c.Wallet
	}
	switch {
	case found != "":
		return found, nil
	case a.Wallet == pay.UnionPay || a.Wallet == pay.StoredValue:
		return "", fault.New(fault.Invalid, "payment.qr_unavailable", "%s has no code to be shown: scan the customer's, or show one of another wallet", a.Wallet)
	}
	return "", fault.New(fault.Invalid, "payment.no_channel", "no wallet whose code can be shown is set up for this merchant: scan the customer's code")
}

// present asks for the text of a payment's code, for the first time or again.
func (e *Engine) present(ctx context.Context, w *way, p payment.Payment) channel.Answer {
	if w.shows == nil {
		return channel.Answer{Finding: channel.Unknown, Err: fmt.Errorf("channel %q has no codes to show any more: put it back as it was", w.Name)}
	}
	return w.shows.Present(ctx, e.orderOf(p, pay.Code{}))
}
