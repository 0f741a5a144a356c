package wechatv3

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Section 7.1: a day's bill is there at ten in the morning after, and for three months.
const (
	billFrom = 24*time.Hour + 10*time.Hour
	billKept = 92 * 24 * time.Hour
)

const (
	tradeHeader  = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
	tradeSummary = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
	// UNVERIFIED names (section 7.3).
	fundsHeader  = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"
	fundsSummary = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
)

// wanted is a bill as a request names it.
type wanted struct {
	kind, day, packed, mch string
}

// bill says where a day's bill is, and its hash.
func (c *call) bill() (door.Reply, error) {
	q, err := url.ParseQuery(c.Query)
	if err != nil {
		return c.bad("", "查询参数")
	}
	kind := c.args[0]
	w := wanted{kind: kind, day: q.Get("bill_date"), packed: q.Get("tar_type"), mch: c.mch}
	own, values := "bill_type", "ALL"
	if kind == "fundflowbill" {
		own, values = "account_type", "BASIC"
	}
	for name, v := range q {
		switch {
		case len(v) != 1, name != "bill_date" && name != "tar_type" && name != own && (name != "sub_mchid" || kind == "fundflowbill"),
			name == own && v[0] != values, name == "tar_type" && v[0] != "GZIP":
			return c.bad("", name+"不支持")
		}
	}
	if sub := q.Get("sub_mchid"); sub != "" {
		if reply, bad := c.ofPartner(sub); bad {
			return reply, nil
		}
		w.mch = c.mch
	}
	day, err := time.ParseInLocation(time.DateOnly, w.day, beijing)
	none := func() (door.Reply, error) {
		return c.refuse(http.StatusBadRequest, "NO_STATEMENT_EXIST", "账单文件不存在", ""), nil
	}
	switch {
	case err != nil:
		return c.bad("", "bill_date格式错误")
	case !c.Now.After(day.Add(24*time.Hour)) || c.Now.After(day.Add(billKept)):
		return none()
	case c.Now.Before(day.Add(billFrom)):
		return c.refuse(http.StatusBadRequest, "STATEMENT_CREATING", "账单生成中，请稍后再试", ""), nil
	}
	text, err := c.door.write(w, c.merchant.WeChat.MchID, c.Now)
	if err != nil {
		return door.Reply{}, err
	}
	if text == nil {
		return none()
	}
	sum := sha1.Sum(text)
	token := base64.RawURLEncoding.EncodeToString([]byte(strings.Join([]string{w.kind, w.day, w.packed, w.mch}, "|")))
	return c.ok(map[string]any{"hash_type": "SHA1", "hash_value": hex.EncodeToString(sum[:]),
		"download_url": c.Base + Prefix + "/v3/billdownload/file?token=" + token}), nil
}

// download gives the file itself, unsigned.
func (c *call) download() (door.Reply, error) {
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(c.Query, "token="))
	parts := strings.Split(string(text), "|")
	if err != nil || len(parts) != 4 {
		return c.refuse(http.StatusBadRequest, "PARAM_ERROR", "token无效", ""), nil
	}
	file, err := c.door.write(wanted{parts[0], parts[1], parts[2], parts[3]}, c.merchant.WeChat.MchID, c.Now)
	if err != nil {
		return door.Reply{}, err
	}
	r := door.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: file, Verdict: "bill"}
	if parts[2] == "GZIP" {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write(file)
		if closing := z.Close(); err != nil || closing != nil {
			return door.Reply{}, fmt.Errorf("pack a bill: %w, %w", err, closing)
		}
		r.ContentType, r.Body = "application/x-gzip", packed.Bytes()
	}
	return r, nil
}

// write makes a bill's text; nil when nothing moved that day.
func (d *Door) write(w wanted, signs string, now time.Time) ([]byte, error) {
	day, err := time.ParseInLocation(time.DateOnly, w.day, beijing)
	if err != nil {
		return nil, nil // a token of nobody's
	}
	if err := d.book.Settle(now); err != nil {
		return nil, err
	}
	moved, err := d.book.Booked(pay.WeChat, w.mch, day.Add(24*time.Hour))
	moved = slices.DeleteFunc(moved, func(m book.Booked) bool { return m.At.Before(day) })
	if err != nil || len(moved) == 0 {
		return nil, err
	}
	m := d.merchants.WeChatMch(w.mch)
	if w.kind == "fundflowbill" {
		return funds(m, moved), nil
	}
	return d.trades(m, moved, signs), nil
}

// fee is what WeChat Pay keeps of a payment; a refund gives its part back.
func fee(m *merchant.Merchant, a money.Amount) int64 { return m.Fee(pay.WeChat, a.Fen()) }

func yuan(n int64) string { return money.Fen(n).Yuan() }

// row is fields with a backtick before each.
func row(fields ...string) string { return "`" + strings.Join(fields, ",`") + "\r\n" }

// trades is the trade bill, ALL: 27 columns and the sums.
func (d *Door) trades(payee *merchant.Merchant, moved []book.Booked, signs string) []byte {
	var out bytes.Buffer
	out.WriteString("\ufeff" + tradeHeader + "\r\n")
	var ordered, back, fees int64
	app := d.merchants.WeChatMch(signs).WeChat.AppID
	for _, m := range moved {
		o, kind, state, cost := m.Order, "MICROPAY", "SUCCESS", fee(payee, m.Amount)
		if o.Shown {
			kind = "NATIVE"
		}
		ref, number, how, done, sum, given := "0", "0", "", "", m.Amount.Fen(), int64(0)
		switch m.Kind {
		case order.Refund:
			state, ref, number = "REFUND", m.Refund.Ref(pay.WeChat), m.Refund.Number
		case order.Reversal: // UNVERIFIED how these rows are filled
			state, ref, number = "REVOKED", fmt.Sprintf("5000000002%018d", o.ID), o.Number
		}
		if m.Kind != order.Charge {
			how, done, sum, given, cost = "ORIGINAL", "SUCCESS", 0, m.Amount.Fen(), -cost
		}
		sub := "0"
		if signs != o.Mch {
			sub = o.Mch
		}
		ordered, back, fees = ordered+sum, back+given, fees+cost
		out.WriteString(row(m.At.In(beijing).Format(time.DateTime), app, signs, sub, o.Terminal, o.Ref(), o.Number, fmt.Sprintf("oUpF8uMuAJO_M2pxb1%010d", o.ID),
			kind, state, "OTHERS", "CNY", yuan(sum), "0.00", ref, number, yuan(given), "0.00", how, done, "茶, 一杯", o.Attach,
			yuan(cost)+"000", merchant.Percent(payee.Rate(pay.WeChat)), yuan(sum), yuan(given), ""))
	}
	out.WriteString(tradeSummary + "\r\n")
	out.WriteString(row(fmt.Sprint(len(moved)), yuan(ordered), yuan(back), "0.00", yuan(fees)+"000", yuan(ordered), yuan(back)))
	return out.Bytes()
}

// funds is the fund flow of the basic account: what came and went, and the fees of each.
func funds(payee *merchant.Merchant, moved []book.Booked) []byte {
	var out bytes.Buffer
	out.WriteString("\ufeff" + fundsHeader + "\r\n")
	var rows, ins, outs int
	var in, gone int64
	put := func(m book.Booked, what, way string, n int64) {
		if n == 0 {
			return
		}
		rows++
		if way == "收入" {
			ins, in = ins+1, in+n
		} else {
			outs, gone = outs+1, gone+n
		}
		out.WriteString(row(m.At.In(beijing).Format(time.DateTime), m.Order.Ref(), fmt.Sprintf("%d%05d", m.Order.ID, rows), what, what, way, yuan(n), yuan(in-gone),
			"system", "", m.Order.Number))
	}
	for _, m := range moved {
		if m.Kind == order.Charge {
			put(m, "交易", "收入", m.Amount.Fen())
			put(m, "扣除交易手续费", "支出", fee(payee, m.Amount))
			continue
		}
		put(m, "退款", "支出", m.Amount.Fen())
		put(m, "退还手续费", "收入", fee(payee, m.Amount))
	}
	out.WriteString(fundsSummary + "\r\n")
	out.WriteString(row(fmt.Sprint(rows), fmt.Sprint(ins), yuan(in), fmt.Sprint(outs), yuan(gone)))
	return out.Bytes()
}
