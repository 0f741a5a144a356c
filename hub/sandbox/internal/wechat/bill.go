package wechat

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Section 2.5: the trade bill and the funds bill. Of the trade bill's types ALL alone is pretended.
var (
	tradeBillRules = []rule{{"bill_date", true, 8, isDate}, {"bill_type", true, 16, only("ALL")}, {"tar_type", false, 8, only("GZIP")}}
	fundsBillRules = []rule{{"bill_date", true, 8, isDate}, {"account_type", true, 16, only("Basic", "Operation", "Fees")}, {"tar_type", false, 8, only("GZIP")}}
)

const dateLayout = "20060102"

func isDate(s string) bool {
	_, err := time.ParseInLocation(dateLayout, s, beijing)
	return err == nil
}

// billReady is the hour of the next day from which a bill is there.
const billReady = 10 * time.Hour

// DownloadBill is POST /pay/downloadbill: text, or gzip, without a signature.
func (d *Door) DownloadBill(r door.Request) (door.Reply, error) {
	c, reply := d.admit(r, tradeBillRules)
	return d.bill(r, c, reply, tradeText)
}

// DownloadFundFlow is POST /pay/downloadfundflow, with the merchant's certificate and HMAC-SHA256 alone.
func (d *Door) DownloadFundFlow(r door.Request) (door.Reply, error) {
	c, reply := d.certified(r, fundsBillRules)
	if c != nil && c.kind != signHMAC {
		c, reply = nil, gate("SIGNERROR", "签名错误")
	}
	return d.bill(r, c, reply, fundsText)
}

// billWords are what the gate's refusals are called here. UNVERIFIED: which error_code goes with which.
var billWords = map[string][2]string{
	"SIGNERROR": {"SIGN ERROR", "20001"}, "LACK_PARAMS": {"missing parameter", "20001"}, "PARAM_ERROR": {"data format error", "20001"},
}

func billRefused(text, code string) door.Reply {
	body := appendXML(nil, []field{{"return_code", "FAIL"}, {"return_msg", text}, {"error_code", code}})
	return door.Reply{Status: http.StatusOK, ContentType: contentType, Body: body, Verdict: text}
}

// writing makes a bill's text of a day; nil when nothing happened.
type writing func(c *call, all []book.Booked, day time.Time, f door.BillFault) []byte

func (d *Door) bill(r door.Request, c *call, refused door.Reply, text writing) (door.Reply, error) {
	if c == nil {
		word, known := billWords[refused.Verdict]
		if !known {
			word = [2]string{refused.Verdict, "20001"}
		}
		return billRefused(word[0], word[1]), nil
	}
	day, err := time.ParseInLocation(dateLayout, c.fields.get("bill_date"), beijing)
	if err != nil {
		return billRefused("data format error", "20001"), nil
	}
	switch ends := day.Add(24 * time.Hour); {
	case r.Now.Before(ends):
		return billRefused("NO Bill Exist", "20002"), nil
	case r.Now.Before(ends.Add(billReady)):
		return billRefused("Bill Creating", "20002"), nil
	}
	if err := d.Book.Settle(r.Now); err != nil {
		return door.Reply{}, err
	}
	all, err := d.Book.Booked(pay.WeChat, c.mch(), day.Add(24*time.Hour))
	if err != nil {
		return door.Reply{}, err
	}
	f := d.BillFault()
	out := text(c, all, day, f)
	if out == nil {
		return billRefused("NO Bill Exist", "20002"), nil
	}
	out = f.Text(out)
	reply := door.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: out, Verdict: "bill"}
	if c.fields.get("tar_type") == "GZIP" {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(out) // into memory
		if err := z.Close(); err != nil {
			return door.Reply{}, fmt.Errorf("pack the bill: %w", err)
		}
		reply.ContentType, reply.Body = "application/x-gzip", f.Packed(packed.Bytes())
	}
	return reply, nil
}

// line writes cells as bills have them: each behind a backtick.
func line(out *bytes.Buffer, cells ...string) {
	for i := range cells {
		cells[i] = strings.NewReplacer("`", " ", "\r", " ", "\n", " ").Replace(cells[i])
	}
	out.WriteString("`" + strings.Join(cells, ",`") + "\r\n")
}

func yuan(fen int64) string { return money.Fen(fen).Yuan() }

const (
	mark        = "\xef\xbb\xbf"
	tradeHeader = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号," +
		"退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n"
	tradeSums   = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
	fundsHeader = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r\n"
	fundsSums   = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n"
)

// feeOf is what a line changes at the fee: below zero when some of it comes back.
func feeOf(m *merchant.Merchant, b book.Booked) int64 {
	before, after := b.Before.Fen(), b.Before.Fen()-b.Amount.Fen()
	if b.Kind == order.Charge {
		before, after = 0, b.Amount.Fen()
	}
	return m.Fee(pay.WeChat, after) - m.Fee(pay.WeChat, before)
}

// tradeText is a trade bill of type ALL (section 7.2).
func tradeText(c *call, all []book.Booked, day time.Time, f door.BillFault) []byte {
	out := bytes.NewBufferString(mark + tradeHeader)
	count, settled, paid, back, fees := 0, int64(0), int64(0), int64(0), int64(0)
	m, sub := c.payee(), "0"
	if c.sub != nil {
		sub = m.WeChat.MchID
	}
	for _, b := range all {
		if b.At.Before(day) {
			continue
		}
		state, refundID, refundNo, kind, status := "SUCCESS", "0", "0", "", ""
		owed, given, fee := b.Amount.Fen(), int64(0), feeOf(m, b)
		if b.Kind != order.Charge {
			state, kind, status, owed, given = "REVOKED", "ORIGINAL", "SUCCESS", 0, b.Amount.Fen()
		}
		if b.Kind == order.Refund {
			state, refundID, refundNo = "REFUND", b.Refund.Ref(pay.WeChat), b.Refund.Number
		}
		count, settled, paid, back, fees = count+1, settled+owed, paid+owed, back+given, fees+fee
		o, way := b.Order, "MICROPAY"
		if o.Shown {
			way = "NATIVE"
		}
		line(out, b.At.In(beijing).Format(time.DateTime), c.merchant.WeChat.AppID, c.merchant.WeChat.MchID, sub, o.Terminal, o.Ref(), o.Number,
			fmt.Sprintf("oUpF8uMuAJO_M2pxb1%010d", o.ID), way, state, "OTHERS", "CNY", yuan(owed), "0.00", refundID, refundNo, yuan(given), "0.00",
			kind, status, "商品, 一件", o.Attach, yuan(fee)+"000", merchant.Percent(m.Rate(pay.WeChat)), yuan(owed), yuan(given), "")
	}
	if count == 0 {
		return nil
	}
	out.WriteString(tradeSums)
	line(out, strconv.Itoa(count), yuan(settled), yuan(back), "0.00", yuan(fees)+"000", yuan(paid+f.Off()), yuan(back))
	return out.Bytes()
}

// fundsText is a funds bill (section 7.3), the fee a line of its own. Nothing is ever paid out here, so the balance grows.
func fundsText(c *call, all []book.Booked, day time.Time, f door.BillFault) []byte {
	if c.fields.get("account_type") != "Basic" {
		return nil // fees are withheld from the basic account
	}
	out := bytes.NewBufferString(mark + fundsHeader)
	var balance, in, paid int64
	ins, outs, flow := 0, 0, 0
	move := func(b book.Booked, ref, what string, fen int64) {
		flow++
		if balance += fen; b.At.Before(day) || fen == 0 {
			return
		}
		way, sum := "收入", fen
		if fen < 0 {
			way, sum = "支出", -fen
			outs, paid = outs+1, paid+sum
		} else {
			ins, in = ins+1, in+sum
		}
		line(out, b.At.In(beijing).Format(time.DateTime), ref, fmt.Sprintf("%s%018d", b.At.In(beijing).Format(dateLayout), flow), what, what, way,
			yuan(sum), yuan(balance), "system", "", b.Order.Number)
	}
	for _, b := range all {
		fee := feeOf(c.payee(), b)
		switch b.Kind {
		case order.Charge:
			move(b, b.Order.Ref(), "交易", b.Amount.Fen())
			move(b, b.Order.Ref(), "扣除交易手续费", -fee)
		case order.Refund:
			move(b, b.Refund.Ref(pay.WeChat), "退款", -b.Amount.Fen())
			move(b, b.Refund.Ref(pay.WeChat), "退还交易手续费", -fee)
		default:
			move(b, b.Order.Ref(), "撤销", -b.Amount.Fen())
			move(b, b.Order.Ref(), "退还交易手续费", -fee)
		}
	}
	if ins+outs == 0 {
		return nil
	}
	out.WriteString(fundsSums)
	line(out, strconv.Itoa(ins+outs), strconv.Itoa(ins), yuan(in+f.Off()), strconv.Itoa(outs), yuan(paid))
	return out.Bytes()
}
