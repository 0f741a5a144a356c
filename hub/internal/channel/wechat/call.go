package wechat

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

var header = http.Header{
	"Content-Type": {"text/xml; charset=utf-8"},
	"Accept":       {"text/xml, text/plain"},
	"User-Agent":   {"cloud-cashier"},
}

// protocolRefusal is return_code=FAIL: the only answer that carries no signature.
type protocolRefusal struct {
	text     string // return_msg
	verified bool   // it came over TLS from the verified host
}

func (e *protocolRefusal) Error() string {
	return fmt.Sprintf("return_code FAIL: %q", carry.Printable(e.text))
}

// call posts one signed body and gives back the answer's fields once they are proven to be
// WeChat Pay's, signed, and about our merchant and this order.
func (c *Channel) call(ctx context.Context, via http.RoundTripper, to *url.URL, body []byte, outTradeNo string) (fields, error) {
	ctx, cancel := context.WithTimeout(ctx, rules.CallTimeout)
	defer cancel()
	raw, verified, err := carry.Post(ctx, via, to, header, body)
	if err != nil {
		return nil, fault.Wrap(carry.Scrub(err), fault.InDoubt, "wechat.transport", "no usable answer from WeChat Pay")
	}
	got, err := parse(string(raw))
	if err != nil {
		return nil, fault.Wrap(err, fault.InDoubt, "wechat.garbled", "the answer is garbled")
	}
	switch code := got.get("return_code"); code {
	case "SUCCESS":
	case "FAIL":
		return nil, fault.Wrap(&protocolRefusal{got.get("return_msg"), verified}, fault.InDoubt, "wechat.protocol",
			"WeChat Pay did not take the request: check appid, merchant number and APIv2 key")
	default:
		return nil, doubt("garbled", "return_code is %q", carry.Printable(code))
	}
	switch sign := got.get("sign"); {
	case sign == "":
		return nil, doubt("unsigned", "the answer is not signed")
	case !c.sign.matches(got, sign):
		return nil, doubt("signature", "the answer's signature is wrong: check the APIv2 key and the sign type")
	case !c.ours(got):
		return nil, doubt("foreign", "the answer is for another merchant")
	}
	// A refusal names no order; whoever names one must name ours.
	if n := got.get("out_trade_no"); n != "" && n != outTradeNo {
		return nil, doubt("foreign", "the answer is for another order")
	}
	return got, nil
}

func doubt(code, format string, args ...any) error {
	return fault.New(fault.InDoubt, "wechat."+code, format, args...)
}
