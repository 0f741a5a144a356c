package merchant

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/shared/pay"
)

// Terms are what a merchant agreed upon with the wallets beyond its numbers and keys.
type Terms struct {
	FeePPM     map[pay.Wallet]int64 `json:"fee_ppm,omitempty"`     // what is withheld of a sale, in millionths; usual rates when absent
	Subs       map[string]string    `json:"subs,omitempty"`        // names of the merchants it stands for as a service provider, with Alipay's token
	AppCert    string               `json:"app_cert,omitempty"`    // certificate mode at Alipay: the application's, PEM
	Own        []OwnCert            `json:"own,omitempty"`         // Alipay's for this merchant, PEM; the last one signs
	RootSN     string               `json:"root_sn,omitempty"`     // of Alipay's root file
	ContentKey string               `json:"content_key,omitempty"` // AES at Alipay, base64
}

// OwnCert is a certificate of Alipay's, with the authority's behind it.
type OwnCert struct {
	Chain string `json:"chain"`
	Key   string `json:"key"`
}

// Agreed is what of the terms is needed to speak: read from them by Agree.
type Agreed struct {
	AppSN   string
	Signers []Signer
	Content []byte
}

// Signer is a certificate of Alipay's that signs answers.
type Signer struct {
	SN, Chain string
	Key       *keys.Signer
}

// usualPPM are what small shops pay; invented for UnionPay.
var usualPPM = map[pay.Wallet]int64{pay.WeChat: 6000, pay.Alipay: 6000, pay.UnionPay: 3800}

// Agree takes new terms.
func (m *Merchant) Agree(t Terms) error {
	var a Agreed
	if t.AppCert != "" {
		cert, err := keys.ReadCert(t.AppCert)
		if err != nil {
			return fmt.Errorf("certificate of application %s: %w", m.Alipay.AppID, err)
		}
		a.AppSN = keys.SN(cert)
	}
	for _, own := range t.Own {
		cert, err := keys.ReadCert(own.Chain)
		if err != nil {
			return fmt.Errorf("Alipay's certificate for %q: %w", m.Name, err)
		}
		key, err := keys.DecodeRSA(own.Key)
		if err != nil {
			return err
		}
		a.Signers = append(a.Signers, Signer{SN: keys.SN(cert), Chain: own.Chain, Key: keys.NewSigner(key)})
	}
	if t.ContentKey != "" {
		var err error
		if a.Content, err = base64.StdEncoding.DecodeString(t.ContentKey); err != nil {
			return fmt.Errorf("content key of %q: %w", m.Name, err)
		}
	}
	m.Terms, m.Agreed = t, a
	return nil
}

// Certify puts the merchant into certificate mode, or gives it a further certificate of Alipay's.
func (t *Terms) Certify(m *Merchant, ant *keys.Ant) error {
	if t.AppCert == "" {
		cert, err := ant.Certify(m.Alipay.AppID, m.Name, m.Alipay.App)
		if err != nil {
			return err
		}
		t.AppCert, t.RootSN = cert, ant.RootSN
	}
	chain, key, err := ant.Own(m.Alipay.SellerID)
	t.Own = append(slices.Clip(t.Own), OwnCert{chain, key})
	return err
}

// StandFor makes the merchant a service provider of others, each with a token of its own.
func (t *Terms) StandFor(names []string) {
	t.Subs = maps.Clone(t.Subs)
	if t.Subs == nil {
		t.Subs = map[string]string{}
	}
	for _, name := range names {
		if t.Subs[name] == "" {
			t.Subs[name] = "2026" + rand.Text()
		}
	}
}

// MintContentKey makes an AES key.
func (t *Terms) MintContentKey() {
	t.ContentKey = base64.StdEncoding.EncodeToString([]byte(rand.Text())[:16])
}

// StandsFor reports that the merchant is a service provider of the named one.
func (m *Merchant) StandsFor(name string) bool { return m.Terms.Subs[name] != "" }

// Authorised names the merchant that gave the provider that token at Alipay; empty when none did.
func (m *Merchant) Authorised(token string) string {
	for name, is := range m.Terms.Subs {
		if is == token {
			return name
		}
	}
	return ""
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

// Percent writes a rate of millionths as bills do: 0.60%.
func Percent(ppm int64) string { return fmt.Sprintf("%d.%02d%%", ppm/10_000, ppm%10_000/100) }
