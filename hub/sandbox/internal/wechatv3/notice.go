package wechatv3

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
)

// ladder is section 1.10's.
var ladder = []time.Duration{15 * time.Second, 15 * time.Second, 30 * time.Second, 3 * time.Minute, 10 * time.Minute,
	20 * time.Minute, 30 * time.Minute, 30 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour}

// told is how a notice that is wanted in the words of v3 stands in the book: with who gets it, which of a partner's orders is the
// partner.
const told = "v3 "

// Told reports a notice that this door writes.
func Told(sign string) bool { return strings.HasPrefix(sign, told) }

// wish is [order.Order.NotifySign] of what this merchant asks for.
func (c *call) wish() string { return told + c.merchant.WeChat.MchID }

// Notice writes what WeChat Pay posts: sealed with the merchant's APIv3 key and signed with the public key, which new merchants get
// whatever they configured.
func (d *Door) Notice(n book.Notice, now time.Time) (door.Post, error) {
	mch := strings.TrimPrefix(n.Sign, told)
	if d.merchants.WeChatMch(mch) == nil {
		return door.Post{}, fmt.Errorf("notice %d is for no merchant", n.ID)
	}
	kind, resource := "TRANSACTION.SUCCESS", d.state(mch, n.Order)
	resource["trade_state"] = "SUCCESS" // what the notice is about, whatever was refunded since
	if n.What == book.ToldRefund {
		resource = d.refunded(mch, n.Order, &n.Refund)
		kind = "REFUND." + resource["refund_status"].(string)
	}
	body, header, err := d.envelope(mch, kind, resource, now)
	return door.Post{ContentType: "application/json", Header: header, Body: body, Ladder: ladder, Taken: taken}, err
}

// taken reads the merchant's answer: an empty body is a yes, too.
func taken(status int, body []byte) bool {
	var said struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(body, &said)
	return (status == http.StatusOK || status == http.StatusNoContent) && (said.Code == "" || said.Code == "SUCCESS")
}

// refunded is a refund as its notice tells it.
func (d *Door) refunded(mch string, o order.Order, g *order.Given) map[string]any {
	out := refundState(o, g)
	out["refund_status"] = out["status"]
	for _, name := range []string{"status", "channel", "create_time", "funds_account", "promotion_detail"} {
		delete(out, name)
	}
	out["amount"] = map[string]any{"total": o.Amount.Fen(), "refund": g.Amount.Fen(), "payer_total": o.Amount.Fen(), "payer_refund": g.Amount.Fen()}
	for k, v := range d.names(mch, o.Mch) {
		if k != "appid" && k != "sp_appid" {
			out[k] = v
		}
	}
	return out
}

func (d *Door) envelope(mchid, kind string, resource map[string]any, now time.Time) ([]byte, http.Header, error) {
	original := map[bool]string{true: "transaction", false: "refund"}[kind == "TRANSACTION.SUCCESS"]
	sealed := encrypt(d.merchants.WeChatMch(mchid).WeChat.V3Key(), d.nonce()[:12], original, encode(resource))
	sealed["original_type"] = original
	body := encode(map[string]any{"id": "EV-" + d.nonce(), "create_time": now.In(beijing).Format(time.RFC3339), "resource_type": "encrypt-resource",
		"event_type": kind, "summary": map[string]string{"TRANSACTION.SUCCESS": "支付成功", "REFUND.SUCCESS": "退款成功", "REFUND.CLOSED": "退款关闭"}[kind],
		"resource": sealed})
	header, err := d.byPublicKey().seal(now, d.nonce(), body)
	if err == nil {
		header["Wechatpay-Signature-Type"] = []string{"WECHATPAY2-SHA256-RSA2048"}
	}
	return body, header, err
}
