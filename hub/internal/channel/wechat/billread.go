package wechat

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/statement"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// ReadBill reads a bill strictly. Columns are found by their names, because there are several layouts; each line must be
// about our merchant; the sums at the end must be those of the lines.
//
// UNVERIFIED (section 7.2): that a code order which was reversed after it was paid is one REVOKED line beside the paid one,
// and that the number of trades counts every line.
func (c *Channel) ReadBill(kind channel.BillKind, r io.Reader, line func(channel.BillLine) error) error {
	b := &billReader{lines: statement.Day.Lines(r), channel: c}
	var err error
	switch kind {
	case channel.TradeBill:
		err = b.trades(line)
	case channel.FundsBill:
		err = b.funds(line)
	default:
		err = fault.New(fault.Invalid, "wechat.bill_kind", "there is no bill of kind %q", kind)
	}
	if err != nil && b.lines.Number() > 0 {
		return fmt.Errorf("line %d: %w", b.lines.Number(), err)
	}
	return err
}

// billReader is a bill that is being read.
type billReader struct {
	lines   *statement.Lines
	channel *Channel
	columns statement.Columns
}

var bom = []byte("\xef\xbb\xbf")

// header reads a line of column names; they have no backticks.
func (b *billReader) header(must ...string) (statement.Columns, error) {
	raw, err := b.lines.Next()
	if err == io.EOF {
		return statement.Columns{}, fault.New(fault.Invalid, "bill.cut", "the bill ends before its end")
	}
	if err != nil {
		return statement.Columns{}, err
	}
	text, err := statement.Text(bytes.TrimPrefix(raw, bom))
	if err != nil {
		return statement.Columns{}, err
	}
	return statement.Header(strings.Split(text, ","), must...)
}

// row reads the next line of cells, each behind a backtick; more is false before the summary. A free text may hold line
// ends: what begins without a backtick goes on with the line before, until the cells are enough.
func (b *billReader) row(summary string) (row statement.Row, more bool, err error) {
	var whole string
	for {
		raw, err := b.lines.Next()
		if err == io.EOF {
			return row, false, fault.New(fault.Invalid, "bill.cut", "the bill ends before its end")
		}
		if err != nil {
			return row, false, err
		}
		text, err := statement.Text(raw)
		switch {
		case err != nil:
			return row, false, err
		case whole == "" && strings.HasPrefix(text, summary):
			b.lines.Unread()
			return row, false, nil
		case whole == "":
			var ok bool
			if whole, ok = strings.CutPrefix(text, "`"); !ok {
				return row, false, fault.New(fault.Invalid, "bill.columns", "a line begins without a backtick")
			}
		case strings.HasPrefix(text, "`"), strings.HasPrefix(text, summary), len(whole)+len(text) > statement.Day.MaxLine:
			return row, false, fault.New(fault.Invalid, "bill.columns", "a line has too few cells")
		default:
			whole += "\n" + text
		}
		cells := strings.Split(whole, ",`")
		if len(cells) < b.columns.Count() {
			continue
		}
		row, err = b.columns.Row(cells)
		return row, true, err
	}
}

// summary reads the two lines of sums and the end.
func (b *billReader) summary(must ...string) (statement.Row, error) {
	columns, err := b.header(must...)
	if err != nil {
		return statement.Row{}, err
	}
	b.columns = columns
	row, more, err := b.row("\x00") // no second summary
	if err != nil || !more {
		return row, err
	}
	return row, b.lines.Ended()
}

// tradeSums are the columns that the summary sums up, each under its name there.
var tradeSums = [...]struct{ column, summary string }{
	{"应结订单金额", "应结订单总金额"}, {"退款金额", "退款总金额"}, {"充值券退款金额", "充值券退款总金额"},
	{"手续费", "手续费总金额"}, {"订单金额", "订单总金额"}, {"申请退款金额", "申请退款总金额"},
}

func (b *billReader) trades(line func(channel.BillLine) error) (err error) {
	b.columns, err = b.header("交易时间", "商户号", "特约商户号", "微信订单号", "商户订单号", "交易状态", "货币种类", "应结订单金额", "微信退款单号", "商户退款单号",
		"退款金额", "充值券退款金额", "退款状态", "手续费", "订单金额", "申请退款金额")
	if err != nil {
		return err
	}
	var sums [len(tradeSums)]statement.Sum
	count := 0
	for ; ; count++ {
		row, more, err := b.row("总交易单数")
		if err != nil {
			return err
		}
		if !more {
			break
		}
		var fen [len(tradeSums)]int64
		for i, s := range tradeSums {
			if fen[i], err = row.Fen(s.column); err != nil {
				return err
			}
			sums[i].Add(fen[i])
		}
		l, moved, err := b.trade(row, fen[3], fen[4], fen[5])
		if err == nil && moved {
			err = line(l)
		}
		if err != nil {
			return err
		}
	}
	must := []string{"总交易单数"}
	for _, s := range tradeSums {
		must = append(must, s.summary)
	}
	total, err := b.summary(must...)
	if err != nil {
		return err
	}
	if err := statement.Count(must[0], total.Get(must[0]), count); err != nil {
		return err
	}
	for i, s := range tradeSums {
		said, err := total.Fen(s.summary)
		if err == nil {
			err = sums[i].Must(s.summary, said)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// trade reads one line; moved is false when no money did: a refund that failed.
func (b *billReader) trade(row statement.Row, fee, paid, back int64) (l channel.BillLine, moved bool, err error) {
	bad := func(format string, args ...any) (channel.BillLine, bool, error) {
		return l, false, fault.New(fault.Invalid, "wechat.bill_line", format, args...)
	}
	if row.Get("商户号") != b.channel.mchID || none(row.Get("特约商户号")) != b.channel.subMchID || row.Get("货币种类") != string(money.CNY) {
		return bad("a line is for another merchant or in another currency")
	}
	l = channel.BillLine{OutTradeNo: row.Get("商户订单号"), WalletRef: row.Get("微信订单号"), OutRefundNo: none(row.Get("商户退款单号")), RefundRef: none(row.Get("微信退款单号")),
		Fee: money.Fen(fee)}
	if l.At, err = statement.At(row.Get("交易时间")); err != nil {
		return l, false, err
	}
	if !statement.Number(l.OutTradeNo, 32) || !statement.Number(l.WalletRef, 32) {
		return bad("a line names its order by no number")
	}
	amount := back
	switch row.Get("交易状态") {
	case "SUCCESS":
		if l.Kind, amount = "payment", paid; l.OutRefundNo != "" || l.RefundRef != "" || back != 0 {
			return bad("a payment has a refund's cells")
		}
	case "REFUND":
		if l.Kind = "refund"; !statement.Number(l.OutRefundNo, 64) || !statement.Number(l.RefundRef, 32) || paid != 0 {
			return bad("a refund names itself by no number, or has a payment's amount")
		}
	case "REVOKED":
		if l.Kind = "reversal"; paid != 0 || l.RefundRef != "" && !statement.Number(l.RefundRef, 32) || l.OutRefundNo != "" && !statement.Number(l.OutRefundNo, 64) {
			return bad("a reversal has a payment's amount, or a number that is none")
		}
	default:
		return bad("a line has a state that no paid order has")
	}
	if l.Amount = money.Fen(amount); l.Amount.Charge() != nil {
		return bad("a line moves no amount above zero")
	}
	return l, row.Get("退款状态") != "FAIL", nil
}

// none reads the wallet's way to say that there is no number.
func none(cell string) string {
	if cell == "0" {
		return ""
	}
	return cell
}

// funds reads the funds bill (section 7.3; its layout is UNVERIFIED).
func (b *billReader) funds(line func(channel.BillLine) error) (err error) {
	b.columns, err = b.header("记账时间", "微信支付业务单号", "资金流水单号", "业务类型", "收支类型", "收支金额(元)", "账户结余(元)", "业务凭证号")
	if err != nil {
		return err
	}
	var in, out statement.Sum
	count, ins := 0, 0
	for ; ; count++ {
		row, more, err := b.row("资金流水总笔数")
		if err != nil {
			return err
		}
		if !more {
			break
		}
		fen, err := row.Fen("收支金额(元)")
		if err != nil {
			return err
		}
		l := channel.BillLine{Kind: row.Get("业务类型"), WalletRef: row.Get("微信支付业务单号"), OutTradeNo: none(row.Get("业务凭证号")), Amount: money.Fen(fen),
			Out: row.Get("收支类型") == "支出", Fee: money.Fen(0)}
		if l.Out {
			out.Add(fen)
		} else {
			ins++
			in.Add(fen)
		}
		switch {
		case l.Kind == "" || l.Amount.Charge() != nil || !l.Out && row.Get("收支类型") != "收入":
			return fault.New(fault.Invalid, "wechat.bill_line", "a line does not say what moved which way")
		case l.WalletRef != "" && !statement.Number(l.WalletRef, 64), l.OutTradeNo != "" && !statement.Number(l.OutTradeNo, 64):
			return fault.New(fault.Invalid, "wechat.bill_line", "a line names its order by no number")
		}
		if l.At, err = statement.At(row.Get("记账时间")); err == nil {
			err = line(l)
		}
		if err != nil {
			return err
		}
	}
	total, err := b.summary("资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额")
	if err != nil {
		return err
	}
	for name, is := range map[string]int{"资金流水总笔数": count, "收入笔数": ins, "支出笔数": count - ins} {
		if err := statement.Count(name, total.Get(name), is); err != nil {
			return err
		}
	}
	for name, is := range map[string]*statement.Sum{"收入金额": &in, "支出金额": &out} {
		said, err := total.Fen(name)
		if err == nil {
			err = is.Must(name, said)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
