package merchant

import (
	"slices"

	"cloudcashier/shared/pay"
)

// Terms are what a merchant agreed upon with the wallets beyond its numbers and keys.
type Terms struct {
	FeePPM map[pay.Wallet]int64 `json:"fee_ppm,omitempty"` // what is withheld of a sale, in millionths; usual rates when absent
	Subs   []string             `json:"subs,omitempty"`    // names of the merchants it stands for as a service provider
}

// usualPPM are what small shops pay; invented for UnionPay.
var usualPPM = map[pay.Wallet]int64{pay.WeChat: 6000, pay.Alipay: 6000, pay.UnionPay: 3800}

// Agree takes new terms.
func (m *Merchant) Agree(t Terms) error {
	m.Terms = t
	return nil
}

// Rate is what a wallet withholds, in millionths.
func (m *Merchant) Rate(w pay.Wallet) int64 {
	if ppm, agreed := m.Terms.FeePPM[w]; agreed {
		return ppm
	}
	return usualPPM[w]
}

// Fee is what is withheld of an amount in fen, half a fen upwards.
func (m *Merchant) Fee(w pay.Wallet, fen int64) int64 { return (fen*m.Rate(w) + 500_000) / 1_000_000 }

// StandsFor reports that the merchant is a service provider of the named one.
func (m *Merchant) StandsFor(name string) bool { return slices.Contains(m.Terms.Subs, name) }
