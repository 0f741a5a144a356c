package alipay

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
)

// ladder is section 3.5's: eight sendings in about 25 hours.
var ladder = []time.Duration{4 * time.Minute, 10 * time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour}

// Notice writes what Alipay posts (section 3.5): a form without empty values, signed over all of it but sign and sign_type. Its
// notify_id stays the same whenever it is sent.
func (d *Door) Notice(n book.Notice, now time.Time) (door.Post, error) {
	o := n.Order
	m := d.Merchants.AlipayApp(o.Mch)
	if m == nil {
		return door.Post{}, fmt.Errorf("notice %d is for no merchant", n.ID)
	}
	id := sha256.Sum256([]byte(m.Alipay.AppID + strconv.FormatInt(n.ID, 10)))
	clock := func(t time.Time) string { return t.In(china).Format(timeLayout) }
	buyer := about(o)
	f := map[string]string{"notify_time": clock(now), "notify_type": "trade_status_sync", "notify_id": hex.EncodeToString(id[:17]),
		"app_id": m.Alipay.AppID, "auth_app_id": m.Alipay.AppID, "charset": "utf-8", "version": "1.0",
		"trade_no": o.Ref(), "out_trade_no": o.Number, "seller_id": m.Alipay.SellerID, "buyer_id": buyer.BuyerUserID, "buyer_logon_id": buyer.BuyerLogonID,
		"total_amount": o.Amount.Yuan(), "gmt_create": clock(o.Created), "trade_status": "TRADE_CLOSED"}
	if !o.PaidAt.IsZero() {
		f["receipt_amount"], f["invoice_amount"], f["buyer_pay_amount"], f["point_amount"] = o.Amount.Yuan(), o.Amount.Yuan(), o.Amount.Yuan(), "0.00"
		f["gmt_payment"], f["fund_bill_list"] = clock(o.PaidAt), `[{"amount":"`+o.Amount.Yuan()+`","fundChannel":"ALIPAYACCOUNT"}]`
	}
	switch {
	case n.What == book.ToldPaid:
		f["trade_status"] = "TRADE_SUCCESS"
	case n.What == book.ToldRefund:
		f["out_biz_no"], f["refund_fee"], f["send_back_fee"] = n.Refund.Number, o.Refunded.Yuan(), n.Refund.Amount.Yuan()
		f["gmt_refund"] = n.Refund.EndedAt.In(china).Format(timeLayout + ".000")
		if o.Refunded != o.Amount {
			f["trade_status"] = "TRADE_SUCCESS"
			break
		}
		f["gmt_close"] = clock(n.Refund.EndedAt)
	default:
		f["gmt_close"] = clock(o.EndedAt)
		if o.State == order.Undone && o.Returned {
			f["refund_fee"] = o.Amount.Yuan()
		}
	}
	sum := sha256.Sum256(signedText(f))
	key := m.Alipay.Key
	if n := len(m.Agreed.Signers); n > 0 { // certificate mode: the newest
		key = m.Agreed.Signers[n-1].Key
	}
	raw, err := key.Sign(sum)
	if err != nil {
		return door.Post{}, fmt.Errorf("sign notice: %w", err)
	}
	form := url.Values{"sign": {base64.StdEncoding.EncodeToString(raw)}, "sign_type": {"RSA2"}}
	for name, value := range f {
		form.Set(name, value)
	}
	return door.Post{ContentType: "application/x-www-form-urlencoded; charset=utf-8", Body: []byte(form.Encode()), Ladder: ladder,
		Taken: func(status int, body []byte) bool { return status == http.StatusOK && string(body) == "success" }}, nil
}
