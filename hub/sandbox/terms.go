package sandbox

import (
	"maps"
	"net/http"

	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// Agreement is the answer of POST /sandbox/terms: what a merchant agreed upon with the wallets beyond its account. What it
// did not ask for is empty. Certificates are PEM.
type Agreement struct {
	Name   string `json:"name"`
	Alipay struct {
		AppCert    string `json:"app_cert"`    // appCertPublicKey.crt
		Cert       string `json:"cert"`        // alipayCertPublicKey_RSA2.crt, the first that was made
		Root       string `json:"root"`        // alipayRootCert.crt
		ContentKey string `json:"content_key"` // AES, base64
	} `json:"alipay"`
	Subs map[string]Sub `json:"subs"` // by name
}

// Sub is a merchant that a service provider stands for.
type Sub struct {
	SubMchID     string `json:"sub_mch_id"`
	SubAppID     string `json:"sub_appid"`
	AppAuthToken string `json:"app_auth_token"`
	SellerID     string `json:"seller_id"` // also its number as Alipay's sub merchant
}

type termsAsked struct {
	Name        string               `json:"name"`
	FeePPM      map[pay.Wallet]int64 `json:"fee_ppm"`
	Subs        []string             `json:"subs"`               // other merchants, to be stood for
	Certificate bool                 `json:"alipay_certificate"` // certificate mode, for ever; again: Alipay changes its certificate
	ContentKey  bool                 `json:"alipay_content_key"` // AES
}

// setTerms is POST /sandbox/terms. What is not said stays as it is.
func (s *Sandbox) setTerms(w http.ResponseWriter, r *http.Request) error {
	var asked termsAsked
	if done, err := decode(w, r, &asked); done || err != nil {
		return err
	}
	s.minting.Lock()
	defer s.minting.Unlock()
	known := s.merchants.Named(asked.Name)
	if known == nil {
		return fault.New(fault.Invalid, "sandbox.terms", "there is no merchant of that name: make it first")
	}
	m := *known
	t, err := s.newTerms(&m, asked)
	if err != nil {
		return err
	}
	if err := m.Agree(t); err != nil {
		return err
	}
	if err := s.book.SaveTerms(&m); err != nil {
		return err
	}
	s.merchants.Put(&m)
	a := Agreement{Name: m.Name, Subs: map[string]Sub{}}
	a.Alipay.AppCert, a.Alipay.ContentKey = t.AppCert, t.ContentKey
	if len(t.Own) > 0 {
		a.Alipay.Cert, a.Alipay.Root = t.Own[0].Chain, s.ant.Roots
	}
	for name, token := range t.Subs {
		sub := s.merchants.Named(name)
		a.Subs[name] = Sub{SubMchID: sub.WeChat.MchID, SubAppID: sub.WeChat.AppID, AppAuthToken: token, SellerID: sub.Alipay.SellerID}
	}
	return answerJSON(w, a)
}

func (s *Sandbox) newTerms(m *merchant.Merchant, asked termsAsked) (t merchant.Terms, err error) {
	t = m.Terms
	t.FeePPM = maps.Clone(t.FeePPM)
	for wallet, ppm := range asked.FeePPM {
		if _, real := shapes[wallet]; !real || ppm < 0 || ppm > 1_000_000 {
			return t, fault.New(fault.Invalid, "sandbox.terms", "fee_ppm is by wallet, in millionths from 0 to 1000000")
		}
		if t.FeePPM == nil {
			t.FeePPM = map[pay.Wallet]int64{}
		}
		t.FeePPM[wallet] = ppm
	}
	for _, sub := range asked.Subs {
		if s.merchants.Named(sub) == nil || sub == m.Name {
			return t, fault.New(fault.Invalid, "sandbox.terms", "subs are names of other merchants that are there")
		}
	}
	t.StandFor(asked.Subs)
	if asked.ContentKey {
		t.MintContentKey()
	}
	if asked.Certificate && m.Alipay.App == nil {
		return t, fault.New(fault.Invalid, "sandbox.terms", "a certificate is of a public key: give alipay_public_key first")
	}
	if asked.Certificate || len(t.Own) > 0 {
		if s.ant == nil { // made when first wanted, for RSA keys cost time
			if s.ant, err = keys.LoadAnt(s.dir); err != nil {
				return t, err
			}
		}
	}
	if asked.Certificate {
		err = t.Certify(m, s.ant)
	}
	return t, err
}
