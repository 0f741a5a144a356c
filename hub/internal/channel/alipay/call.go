package alipay

import (
	"context"
	"errors"
	"net/http"

	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

var header = http.Header{
	"Content-Type": {"application/x-www-form-urlencoded;charset=utf-8"},
	"Accept":       {"application/json"},
	"User-Agent":   {"cloud-cashier"},
}

// call posts one signed request and gives back what its node says, once that is proven to be
// Alipay's and not about another order or seller.
func (c *Channel) call(ctx context.Context, m method, form []byte, outTradeNo string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, rules.CallTimeout)
	defer cancel()
	body, _, err := carry.Post(ctx, c.via, c.gateway, header, form)
	if err != nil {
		return answer{}, fault.Wrap(carry.Scrub(err), fault.InDoubt, "alipay.transport", "no usable answer from Alipay")
	}
	p, err := splitParts(body, m.node)
	if err != nil {
		return answer{}, fault.Wrap(err, fault.InDoubt, "alipay.garbled", "Alipay's answer cannot be believed")
	}
	if err := c.genuine(ctx, p); err != nil {
		return answer{}, fault.Wrap(err, fault.InDoubt, "alipay.signature", "the answer's signature is wrong: check Alipay's public key or certificate")
	}
	raw, err := c.open(p)
	var got answer
	if err == nil {
		got, err = parse(raw)
	}
	if err == nil && c.content != nil && !p.sealed && got.code == "10000" {
		err = errors.New("a success is not encrypted")
	}
	if err != nil {
		return answer{}, fault.Wrap(err, fault.InDoubt, "alipay.garbled", "Alipay's answer cannot be believed")
	}
	// A refusal may name no order; whoever names one must name ours.
	switch {
	case got.outTradeNo != "" && got.outTradeNo != outTradeNo:
		return answer{}, doubt("foreign", "the answer is for another order")
	case got.sellerID != "" && got.sellerID != c.sellerID:
		return answer{}, doubt("foreign", "the answer is for another merchant")
	}
	return got, nil
}

func doubt(code, format string, args ...any) error {
	return fault.New(fault.InDoubt, "alipay."+code, format, args...)
}

// genuine checks a node's signature: with the key that the answer's certificate number names, or, in public-key mode,
// with Alipay's key or one that it replaced.
func (c *Channel) genuine(ctx context.Context, p parts) error {
	if c.certs != nil {
		key := c.certs.known(string(p.certSN))
		if key == nil {
			var err error
			if key, err = c.fetchCert(ctx, string(p.certSN)); err != nil {
				return err
			}
		}
		return verify(key, p.raw, p.sign)
	}
	err := verify(c.wallet, p.raw, p.sign)
	for i := 0; err != nil && i < len(c.former); i++ {
		err = verify(c.former[i], p.raw, p.sign)
	}
	return err
}
