package alipay

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/statement"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// ReadBill reads a bill strictly: GBK, lines of "#" around a table, columns found by their names, our own account, the
// sums at the end equal to those of the lines.
//
// UNVERIFIED (section 7.4): the fee is below zero at a payment; what a cancel gave back is a refund without a number; the
// whole of the funds bill.
func (c *Channel) ReadBill(kind channel.BillKind, r io.Reader, line func(channel.BillLine) error) error {
	b := &billReader{lines: statement.Day.Lines(simplifiedchinese.GBK.NewDecoder().Reader(r)), account: c.sellerID}
	var err error
	switch kind {
	case channel.TradeBill:
		err = b.trades(line)
	case channel.FundsBill:
		err = b.funds(line)
	default:
		err = fault.New(fault.Invalid, "alipay.bill_kind", "there is no bill of kind %q", kind)
	}
	if err != nil && b.lines.Number() > 0 {
		return fmt.Errorf("line %d: %w", b.lines.Number(), err)
	}
	return err
}

// billReader is a bill that is being read.
type billReader struct {
	lines   *statement.Lines
	account string
	columns statement.Columns
	subject int // the column of the free text that may hold commas
}

func badBill(format string, args ...any) error {
	return fault.New(fault.Invalid, "alipay.bill_line", format, args...)
}

// next reads a line; the decoder writes U+FFFD for what is no GBK, and Text refuses it.
func (b *billReader) next() (string, error) {
	raw, err := b.lines.Next()
	if err == io.EOF {
		return "", fault.New(fault.Invalid, "bill.cut", "the bill ends before its end")
	}
	if err != nil {
		return "", err
	}
	return statement.Text(raw)
}

// begin reads what stands above the lines: the bill's name, the account, the day, a rule, the columns.
func (b *billReader) begin(name string, must ...string) error {
	for _, want := range []*regexp.Regexp{
		regexp.MustCompile(`^#支付宝` + name + `查询$`),
		regexp.MustCompile(`^#账号：\[` + b.account + `0156\]$`),
		regexp.MustCompile(`^#起始日期：\[.{8,40}\] *终止日期：\[.{8,40}\]$`),
		regexp.MustCompile(`^#-+` + name + `列表-+$`),
	} {
		text, err := b.next()
		if err != nil {
			return err
		}
		if !want.MatchString(text) {
			return badBill("the bill does not begin as one of this account does")
		}
	}
	text, err := b.next()
	if err != nil {
		return err
	}
	names := strings.Split(text, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	b.subject = slices.Index(names, "商品名称")
	b.columns, err = statement.Header(names, must...)
	return err
}

// row reads the next line; more is false at the rule that ends them. A comma in the goods' name makes too many cells:
// what stands on both sides of it is told by the columns' number.
func (b *billReader) row(name string) (row statement.Row, more bool, err error) {
	text, err := b.next()
	if err != nil {
		return row, false, err
	}
	if strings.HasPrefix(text, "#") {
		if strings.Trim(text, "#-") != name+"列表结束" {
			return row, false, badBill("a line begins as none of this bill does")
		}
		return row, false, nil
	}
	cells := strings.Split(text, ",")
	if more := len(cells) - b.columns.Count(); more > 0 && b.subject >= 0 {
		whole := strings.Join(cells[b.subject:b.subject+more+1], ",")
		cells = slices.Replace(cells, b.subject, b.subject+more+1, whole)
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	row, err = b.columns.Row(cells)
	return row, true, err
}

// end reads the lines of sums, each against its shape and the amounts it must say, and the end.
func (b *billReader) end(sums ...billSum) error {
	for _, s := range sums {
		text, err := b.next()
		if err != nil {
			return err
		}
		said := s.shape.FindStringSubmatch(text)
		if said == nil {
			return badBill("the sums are not written as they should be")
		}
		if err := statement.Count("the number of lines", said[1], s.count); err != nil {
			return err
		}
		for i := range s.of {
			fen, err := statement.Fen(said[i+2])
			if err == nil {
				err = s.of[i].Must("a sum", fen)
			}
			if err != nil {
				return err
			}
		}
	}
	text, err := b.next()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(text, "#导出时间：[") {
		return badBill("the bill does not end as it should")
	}
	return b.lines.Ended()
}

// billSum is a line of sums: its shape finds the number of lines, then the amounts.
type billSum struct {
	shape *regexp.Regexp
	count int
	of    []*statement.Sum
}

var (
	paidShape = regexp.MustCompile(`^#交易合计：([0-9]+)笔，商家实收共(-?[0-9.]+)元，商家优惠共(-?[0-9.]+)元$`)
	backShape = regexp.MustCompile(`^#退款合计：([0-9]+)笔，商家实收退款共(-?[0-9.]+)元，商家优惠退款共(-?[0-9.]+)元$`)
	outShape  = regexp.MustCompile(`^#支出合计：([0-9]+)笔，共(-?[0-9.]+)元$`)
	inShape   = regexp.MustCompile(`^#收入合计：([0-9]+)笔，共(-?[0-9.]+)元$`)
)

// sides are what is summed up of payments, or of refunds.
type sides struct {
	count           int
	received, given statement.Sum // by the merchant; of the merchant's own discount
}

func (s *sides) sum(shape *regexp.Regexp) billSum {
	return billSum{shape, s.count, []*statement.Sum{&s.received, &s.given}}
}

func (b *billReader) trades(line func(channel.BillLine) error) error {
	const name = "业务明细"
	err := b.begin(name, "支付宝交易号", "商户订单号", "业务类型", "商品名称", "完成时间", "订单金额（元）", "商家实收（元）", "商家优惠（元）",
		"退款批次号/请求号", "服务费（元）")
	if err != nil {
		return err
	}
	var paid, back sides
	for {
		row, more, err := b.row(name)
		if err != nil {
			return err
		}
		if !more {
			return b.end(paid.sum(paidShape), back.sum(backShape))
		}
		var fen [4]int64
		for i, column := range []string{"订单金额（元）", "商家实收（元）", "商家优惠（元）", "服务费（元）"} {
			if fen[i], err = row.Fen(column); err != nil {
				return err
			}
		}
		l, err := trade(row, fen[0], fen[3])
		if err != nil {
			return err
		}
		side := &paid
		if l.Kind != "payment" {
			side = &back
		}
		side.count++
		side.received.Add(fen[1])
		side.given.Add(fen[2])
		if err := line(l); err != nil {
			return err
		}
	}
}

// trade reads one line of a trade bill.
func trade(row statement.Row, amount, fee int64) (l channel.BillLine, err error) {
	l = channel.BillLine{OutTradeNo: row.Get("商户订单号"), WalletRef: row.Get("支付宝交易号"), OutRefundNo: row.Get("退款批次号/请求号"), Fee: money.Fen(-fee)}
	switch row.Get("业务类型") {
	case "交易":
		if l.Kind = "payment"; fee > 0 || l.OutRefundNo != "" {
			return l, badBill("a payment has a refund's cells")
		}
	case "退款":
		if l.Kind, amount = "refund", -amount; l.OutRefundNo == "" {
			l.Kind = "reversal" // a cancel has no number of its own
		}
		if fee < 0 || l.OutRefundNo != "" && !statement.Number(l.OutRefundNo, 64) {
			return l, badBill("a refund has a payment's cells, or a number that is none")
		}
	default:
		return l, badBill("a line has a kind that is neither payment nor refund")
	}
	if l.Amount = money.Fen(amount); l.Amount.Charge() != nil {
		return l, badBill("a line moves no amount above zero")
	}
	if !statement.Number(l.OutTradeNo, 64) || !statement.Number(l.WalletRef, 64) {
		return l, badBill("a line names its trade by no number")
	}
	l.At, err = statement.At(row.Get("完成时间"))
	return l, err
}

func (b *billReader) funds(line func(channel.BillLine) error) error {
	const name = "账务明细"
	err := b.begin(name, "账务流水号", "业务流水号", "商户订单号", "商品名称", "发生时间", "收入金额（+元）", "支出金额（-元）", "账户余额（元）", "业务类型")
	if err != nil {
		return err
	}
	var in, out sides
	for {
		row, more, err := b.row(name)
		if err != nil {
			return err
		}
		if !more {
			return b.end(billSum{outShape, out.count, []*statement.Sum{&out.received}}, billSum{inShape, in.count, []*statement.Sum{&in.received}})
		}
		came, err := optional(row, "收入金额（+元）")
		if err != nil {
			return err
		}
		went, err := optional(row, "支出金额（-元）")
		if err != nil {
			return err
		}
		l := channel.BillLine{Kind: row.Get("业务类型"), OutTradeNo: row.Get("商户订单号"), WalletRef: row.Get("业务流水号"), Fee: money.Fen(0), Out: went != 0}
		switch {
		case l.Kind == "" || came < 0 || went > 0 || (came == 0) == (went == 0):
			return badBill("a line does not say what moved which way")
		case l.OutTradeNo != "" && !statement.Number(l.OutTradeNo, 64), l.WalletRef != "" && !statement.Number(l.WalletRef, 64):
			return badBill("a line names its trade by no number")
		case l.Out:
			out.count++
			out.received.Add(went)
			l.Amount = money.Fen(-went)
		default:
			in.count++
			in.received.Add(came)
			l.Amount = money.Fen(came)
		}
		if l.At, err = statement.At(row.Get("发生时间")); err == nil {
			err = line(l)
		}
		if err != nil {
			return err
		}
	}
}

// optional reads an amount that may be left out.
func optional(row statement.Row, name string) (int64, error) {
	if row.Get(name) == "" {
		return 0, nil
	}
	return row.Fen(name)
}
