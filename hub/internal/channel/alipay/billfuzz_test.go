package alipay

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"cloudcashier/hub/internal/channel"
)

// FuzzReadBill: whatever a bill says, it is read or refused, and no line that is handed on moves nothing.
func FuzzReadBill(f *testing.F) {
	head, err := simplifiedchinese.GBK.NewEncoder().String("#支付宝业务明细查询\r\n#账号：[20881234567890120156]\r\n#起始日期：[2026年01月01日 00:00:00]   终止日期：[2026年01月02日 00:00:00]\r\n#----业务明细列表----\r\n")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(head)
	c := &Channel{sellerID: "2088123456789012"}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []channel.BillKind{channel.TradeBill, channel.FundsBill} {
			_ = c.ReadBill(kind, strings.NewReader(text), func(l channel.BillLine) error {
				if l.Amount.Charge() != nil {
					t.Errorf("handed on: %+v", l)
				}
				return nil
			})
		}
	})
}
