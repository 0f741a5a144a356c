package alipay

import (
	"fmt"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
)

// billing is a bill that is being written.
type billing struct {
	m   *merchant.Merchant
	day time.Time
	now time.Time
	off int64 // how far the sums lie
	out strings.Builder
}

const (
	longDate = "2006年01月02日 15:04:05"
	rule80   = "#-----------------------------------------"
)

func (b *billing) begin(name, header string) {
	b.out.WriteString("#支付宝" + name + "查询\r\n#账号：[" + b.m.Alipay.SellerID + "0156]\r\n#起始日期：[" + b.day.Format(longDate) + "]   终止日期：[" +
		b.day.Add(24*time.Hour).Format(longDate) + "]\r\n" + rule80 + name + "列表" + rule80[1:] + "\r\n" + header + "\r\n")
}

func (b *billing) end(name, sums string) {
	b.out.WriteString(rule80 + name + "列表结束" + rule80[1:] + "\r\n" + sums + "#导出时间：[" + b.now.In(china).Format(longDate) + "]\r\n")
}

func yuan(fen int64) string { return money.Fen(fen).Yuan() }

// cells writes one line; text cells end with a TAB, so that spreadsheets leave numbers alone.
func (b *billing) cells(text ...string) { b.out.WriteString(strings.Join(text, ",") + "\r\n") }

// feeOf is what a line changes at the fee: below zero when some of it comes back.
func (b *billing) feeOf(x book.Booked) int64 {
	before, after := x.Before.Fen(), x.Before.Fen()-x.Amount.Fen()
	if x.Kind == order.Charge {
		before, after = 0, x.Amount.Fen()
	}
	return b.m.Fee(wallet, after) - b.m.Fee(wallet, before)
}

const tradeHeader = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）," +
	"支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"

// trades is section 7.4's detail file, and the sums by store. A refund is a line with amounts below zero.
func (b *billing) trades(all []book.Booked) (text [2]string) {
	b.begin("业务明细", tradeHeader)
	paid, back, paidFen, backFen, fees := 0, 0, int64(0), int64(0), int64(0)
	for _, x := range all {
		if x.At.Before(b.day) {
			continue
		}
		o, kind, fen, number := x.Order, "交易", x.Amount.Fen(), ""
		if x.Kind == order.Charge {
			paid, paidFen = paid+1, paidFen+fen
		} else {
			kind, fen = "退款", -fen
			back, backFen = back+1, backFen+fen
		}
		if x.Refund != nil {
			number = x.Refund.Number
		}
		fee := b.feeOf(x)
		fees += fee
		at := x.At.In(china).Format(timeLayout)
		b.cells(o.Ref()+"\t", o.Number+"\t", kind+"\t", "商品, 一件\t", o.Created.In(china).Format(timeLayout), at, o.Store+"\t", "\t", "\t", o.Terminal+"\t",
			"*客(159****5620)\t", yuan(fen), yuan(fen), "0.00", "0.00", "0.00", "0.00", "0.00", "\t", "0.00", "0.00", number+"\t", yuan(-fee), "0.00", "\t")
	}
	if paid+back == 0 {
		return text
	}
	b.end("业务明细", fmt.Sprintf("#交易合计：%d笔，商家实收共%s元，商家优惠共0.00元\r\n#退款合计：%d笔，商家实收退款共%s元，商家优惠退款共0.00元\r\n",
		paid, yuan(paidFen+b.off), back, yuan(backFen)))
	sums := fmt.Sprintf("#支付宝业务汇总查询\r\n门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）\r\n"+
		"合计\t,\t,%d,%d,%s,%s,0.00,0.00,0.00,%s,0.00,%s\r\n", paid, back, yuan(paidFen+backFen), yuan(paidFen+backFen), yuan(-fees), yuan(paidFen+backFen-fees))
	return [2]string{b.out.String(), sums}
}

const fundsHeader = "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注"

// funds is the bill signcustomer: what moved on the account, the fee a line of its own. Its layout is UNVERIFIED.
func (b *billing) funds(all []book.Booked) (text [2]string) {
	b.begin("账务明细", fundsHeader)
	ins, outs, in, out, balance, flow := 0, 0, int64(0), int64(0), int64(0), 0
	move := func(x book.Booked, what string, fen int64) {
		flow++
		if balance += fen; x.At.Before(b.day) || fen == 0 {
			return
		}
		came, went := yuan(fen), ""
		if fen < 0 {
			came, went = "", yuan(fen)
			outs, out = outs+1, out+fen
		} else {
			ins, in = ins+1, in+fen
		}
		b.cells(fmt.Sprintf("%s%020d\t", x.At.In(china).Format("20060102"), flow), x.Order.Ref()+"\t", x.Order.Number+"\t", "商品\t",
			x.At.In(china).Format(timeLayout), "\t", came, went, yuan(balance), "支付宝\t", what+"\t", "\t")
	}
	for _, x := range all {
		what, fee, sign := "在线支付", "收费", int64(1)
		if x.Kind != order.Charge {
			what, fee, sign = "交易退款", "退费", -1
		}
		move(x, what, sign*x.Amount.Fen())
		move(x, fee, -b.feeOf(x))
	}
	if ins+outs == 0 {
		return text
	}
	b.end("账务明细", fmt.Sprintf("#支出合计：%d笔，共%s元\r\n#收入合计：%d笔，共%s元\r\n", outs, yuan(out), ins, yuan(in+b.off)))
	sums := fmt.Sprintf("#支付宝账务汇总查询\r\n类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）\r\n合计,%d,%s,%d,%s,%s\r\n", ins, yuan(in), outs, yuan(out), yuan(in+out))
	return [2]string{b.out.String(), sums}
}
