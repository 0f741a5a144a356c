package unionpay

import (
	"context"
	"net/http"
	"net/url"

	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

var header = http.Header{
	"Content-Type": {"application/x-www-form-urlencoded;charset=UTF-8"},
	"Accept":       {"*/*"},
	"User-Agent":   {"cloud-cashier"},
}

// call posts one signed request and gives back what the answer says, once all of it is proven to
// be UnionPay's and not about another merchant, order or moment.
func (c *Channel) call(ctx context.Context, to *url.URL, form []byte, n name) (fields, error) {
	ctx, cancel := context.WithTimeout(ctx, rules.CallTimeout)
	defer cancel()
	body, _, err := carry.Post(ctx, c.via, to, header, form)
	if err != nil {
		return nil, fault.Wrap(carry.Scrub(err), fault.InDoubt, "unionpay.transport", "no usable answer from UnionPay")
	}
	got, err := split(string(body))
	if err != nil {
		return nil, fault.Wrap(err, fault.InDoubt, "unionpay.garbled", "UnionPay's answer cannot be believed")
	}
	if err := c.trust.verify(got, c.now()); err != nil {
		return nil, fault.Wrap(carry.Scrub(err), fault.InDoubt, "unionpay.signature", "the answer is not signed by UnionPay: check root, middle and signer")
	}
	// A refusal at the gate may name nothing; whoever names something must name ours.
	for _, same := range [...]field{{"merId", c.merID}, {"orderId", n.orderID}, {"txnTime", n.txnTime}} {
		if v := got.get(same.name); v != "" && v != same.value {
			return nil, doubt("foreign", "the answer names another %s", same.name)
		}
	}
	return got, nil
}

func doubt(code, format string, args ...any) error {
	return fault.New(fault.InDoubt, "unionpay."+code, format, args...)
}
