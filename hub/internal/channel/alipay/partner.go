package alipay

import (
	"errors"
	"regexp"
)

// Partner is whom a service provider acts for. Empty fields are not sent.
type Partner struct {
	AppAuthToken string // the merchant's authorisation of the provider's application; a secret
	SubMerchant  string // the merchant's number below a provider that collects for it: sub_merchant.merchant_id
}

var (
	tokenShape = regexp.MustCompile(`^[0-9A-Za-z]{8,40}$`)
	subShape   = regexp.MustCompile(`^[0-9]{8,19}$`)
)

func (p Partner) check() error {
	switch {
	case p.AppAuthToken != "" && !tokenShape.MatchString(p.AppAuthToken):
		return errors.New("Partner.AppAuthToken: 8 to 40 letters and digits, or none")
	case p.SubMerchant != "" && !subShape.MatchString(p.SubMerchant):
		return errors.New("Partner.SubMerchant: 8 to 19 digits, or none")
	}
	return nil
}

// appendSub names the sub merchant in a payment.
func (p Partner) appendSub(j []byte) []byte {
	if p.SubMerchant == "" {
		return j
	}
	return append(append(append(j, `,"sub_merchant":{"merchant_id":"`...), p.SubMerchant...), `"}`...)
}
