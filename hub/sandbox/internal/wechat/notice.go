package wechat

import (
	"bytes"
	"crypto/aes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/pay"
)

// ladder is section 2.6's.
var ladder = []time.Duration{15 * time.Second, 15 * time.Second, 30 * time.Second, 3 * time.Minute,
	30 * time.Minute, 30 * time.Minute, 30 * time.Minute, 30 * time.Minute, time.Hour}

// Notice writes what WeChat Pay posts (section 2.6): of an order, signed like an answer; of a refund, encrypted and not signed.
func (d *Door) Notice(n book.Notice) (door.Post, error) {
	m := d.Merchants.WeChatMch(n.Order.Mch)
	if m == nil {
		return door.Post{}, fmt.Errorf("notice %d is for no merchant", n.ID)
	}
	p := door.Post{ContentType: contentType, Ladder: ladder, Taken: func(status int, body []byte) bool {
		f, err := parseXML(string(body))
		return status == http.StatusOK && err == nil && f.get("return_code") == "SUCCESS"
	}}
	if n.What == book.ToldRefund {
		p.Body = appendXML(nil, []field{{"return_code", "SUCCESS"}, {"appid", m.WeChat.AppID}, {"mch_id", m.WeChat.MchID},
			{"nonce_str", d.Nonce()}, {"req_info", sealInfo(m.WeChat.APIKey, refundInfo(n))}})
		return p, nil
	}
	kind := signType(n.Sign)
	if kind == "" {
		kind = signMD5
	}
	c := &call{door: d, merchant: m, kind: kind}
	p.Body = c.reply(order.Step{}, "", append(c.money(n.Order), field{"result_code", "SUCCESS"})...).Body
	return p, nil
}

// noticeWords are the states as a refund's notice names them.
var noticeWords = map[order.RefundState]string{order.Returned: "SUCCESS", order.Shut: "REFUNDCLOSE"}

// refundInfo is what a refund's notice tells, in a root of its own.
func refundInfo(n book.Notice) []byte {
	whole, back := strconv.FormatInt(n.Order.Amount.Fen(), 10), strconv.FormatInt(n.Refund.Amount.Fen(), 10)
	fs := []field{{"out_refund_no", n.Refund.Number}, {"out_trade_no", n.Order.Number}, {"refund_account", "REFUND_SOURCE_UNSETTLED_FUNDS"},
		{"refund_fee", back}, {"refund_id", n.Refund.Ref(pay.WeChat)}, {"refund_recv_accout", "支付用户零钱"}, {"refund_request_source", "API"},
		{"refund_status", noticeWords[n.Refund.State]}, {"settlement_refund_fee", back}, {"settlement_total_fee", whole}, {"total_fee", whole},
		{"transaction_id", n.Order.Ref()}}
	if n.Refund.State == order.Returned {
		fs = append(fs, field{"success_time", n.Refund.EndedAt.In(beijing).Format(time.DateTime)})
	}
	slices.SortFunc(fs, func(a, b field) int { return strings.Compare(a.name, b.name) })
	text := appendXML(nil, fs)
	text = bytes.Replace(text, []byte("<xml>"), []byte("<root>"), 1)
	return append(bytes.TrimSuffix(text, []byte("</xml>")), "</root>"...)
}

// sealInfo is AES-256-ECB with PKCS #7 under the key's MD5 in lower-case hex, in base64.
func sealInfo(apiKey string, text []byte) string {
	sum := md5.Sum([]byte(apiKey))
	block, _ := aes.NewCipher([]byte(hex.EncodeToString(sum[:]))) // it fails for other lengths than this alone
	pad := aes.BlockSize - len(text)%aes.BlockSize
	text = append(text, bytes.Repeat([]byte{byte(pad)}, pad)...)
	for at := 0; at < len(text); at += aes.BlockSize {
		block.Encrypt(text[at:], text[at:])
	}
	return base64.StdEncoding.EncodeToString(text)
}
