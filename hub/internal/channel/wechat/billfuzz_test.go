package wechat

import (
	"strings"
	"testing"

	"cloudcashier/hub/internal/channel"
)

// FuzzReadBill: whatever a bill says, it is read or refused, and no line that is handed on moves nothing.
func FuzzReadBill(f *testing.F) {
	f.Add("\xef\xbb\xbf交易时间,商户号,特约商户号,微信订单号,商户订单号,交易状态,货币种类,应结订单金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款状态,手续费,订单金额,申请退款金额\r\n" +
		"`2026-01-01 12:00:00,`1,`0,`4,`A,`SUCCESS,`CNY,`0.01,`0,`0,`0.00,`0.00,`,`0.00000,`0.01,`0.00\r\n" +
		"总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n`1,`0.01,`0.00,`0.00,`0.00000,`0.01,`0.00\r\n")
	c := &Channel{mchID: "1"}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []channel.BillKind{channel.TradeBill, channel.FundsBill} {
			_ = c.ReadBill(kind, strings.NewReader(text), func(l channel.BillLine) error {
				if l.Amount.Charge() != nil || strings.HasPrefix(l.OutTradeNo, "=") {
					t.Errorf("handed on: %+v", l)
				}
				return nil
			})
		}
	})
}
