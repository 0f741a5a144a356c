package wechatv3

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

const (
	maxRow    = 64 << 10
	maxFields = 64
)

// layout is the form of one kind of bill: which columns must be there, and what its last two lines sum up.
type layout struct {
	columns []string
	summary string // the summary's header begins so; no header of a row does
	sums    []string
}

var layouts = map[channel.BillKind]layout{
	channel.TradeBill: {
		columns: strings.Split("交易时间,商户号,特约商户号,微信订单号,商户订单号,交易状态,货币种类,应结订单金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款状态,手续费,订单金额,申请退款金额", ","),
		summary: "总交易单数,",
		sums:    strings.Split("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额", ","),
	},
	channel.FundsBill: { // UNVERIFIED column names (section 7.3): another header is refused, not guessed at
		columns: strings.Split("记账时间,微信支付业务单号,资金流水单号,业务类型,收支类型,收支金额(元),业务凭证号", ","),
		summary: "资金流水总笔数,",
		sums:    strings.Split("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额", ","),
	},
}

// summed says which column each sum is of.
var summed = map[string]string{"应结订单总金额": "应结订单金额", "退款总金额": "退款金额", "充值券退款总金额": "充值券退款金额",
	"手续费总金额": "手续费", "订单总金额": "订单金额", "申请退款总金额": "申请退款金额"}

// ReadBill reads a bill strictly: columns by their names, every row with as many fields as the header, every amount
// exact, nothing after the summary, and the summary equal to the sums of the rows. What it handed on before an error is
// worth nothing.
func (c *Channel) ReadBill(kind channel.BillKind, r io.Reader, line func(channel.BillLine) error) error {
	form, known := layouts[kind]
	if !known {
		return fault.New(fault.Invalid, "wechatv3.bill_kind", "WeChat Pay has no bill of the kind %q", kind)
	}
	b := &bill{c: c, kind: kind, form: form, line: line, sums: map[string]int64{}}
	var own *fault.Error
	switch err := b.read(r); {
	case err == nil:
		return nil
	case errors.Is(err, errHeard): // the reader's own reason
		return errors.Unwrap(err)
	case errors.As(err, &own):
		return err
	default:
		return fault.Wrap(err, fault.Invalid, "wechatv3.bill_form", "line %d of the bill is not of the form we know", b.at)
	}
}

var errHeard = errors.New("the caller gave up")

// heard carries the caller's own error through.
type heard struct{ error }

func (h heard) Unwrap() error        { return h.error }
func (h heard) Is(target error) bool { return target == errHeard }

// bill is one that is being read.
type bill struct {
	c    *Channel
	kind channel.BillKind
	form layout
	line func(channel.BillLine) error
	at   int // line

	header []string
	place  map[string]int
	sums   map[string]int64 // of columns, in 1/100,000 yuan; counts in ones
}

func (b *bill) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), maxRow)
	lines.Split(splitLines)
	next := func() (string, bool) {
		if !lines.Scan() {
			return "", false
		}
		b.at++
		return lines.Text(), true
	}
	first, _ := next()
	if err := b.readHeader(strings.TrimPrefix(first, "\ufeff")); err != nil {
		return err
	}
	row, open := "", false
	for {
		text, ok := next()
		if !ok {
			return errors.Join(lines.Err(), errors.New("the bill ends without a summary"))
		}
		summary := strings.HasPrefix(text, b.form.summary)
		if !strings.HasPrefix(text, "`") && !summary {
			if row += "\n" + text; !open || len(row) > maxRow { // a free text with a line end in it
				return errors.New("a line that belongs to no row")
			}
			continue
		}
		if open {
			if err := b.readRow(row); err != nil {
				return err
			}
		}
		if summary {
			return b.readSummary(text, next, lines.Err)
		}
		row, open = text, true
	}
}

// splitLines ends lines at LF and takes one CR before it away; the last line may lack both.
func splitLines(data []byte, end bool) (advance int, token []byte, err error) {
	if end && len(data) == 0 {
		return 0, nil, nil
	}
	return bufio.ScanLines(data, end)
}

func (b *bill) readHeader(text string) error {
	b.header = strings.Split(text, ",")
	b.place = map[string]int{}
	for i, name := range b.header {
		if _, twice := b.place[name]; twice || name == "" || len(b.header) > maxFields {
			return errors.New("the header has a column twice, or is none")
		}
		b.place[name] = i
	}
	for _, name := range b.form.columns {
		if _, ok := b.place[name]; !ok {
			return fmt.Errorf("the header lacks the column %s", name)
		}
	}
	return nil
}

// fields takes a row apart: each field begins with a backtick, so that a comma inside one ends nothing.
func fields(row string, want int) ([]string, error) {
	if !strings.HasPrefix(row, "`") || !utf8.ValidString(row) {
		return nil, errors.New("a row without backticks, or not UTF-8")
	}
	out := strings.Split(row[1:], ",`")
	if len(out) != want {
		return nil, fmt.Errorf("a row has %d fields, not %d", len(out), want)
	}
	return out, nil
}

func (b *bill) readRow(row string) error {
	list, err := fields(row, len(b.header))
	if err != nil {
		return err
	}
	get := func(name string) string { return strings.TrimSpace(list[b.place[name]]) }
	tell := b.trade
	if b.kind == channel.FundsBill {
		tell = b.funds
	}
	made, moved, err := tell(get)
	if err != nil || !moved {
		return err
	}
	if err := b.line(made); err != nil {
		return heard{err}
	}
	return nil
}

// add reads an amount and counts it to its column.
func (b *bill) add(column, text string) (int64, error) {
	n, err := fixed(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", column, err)
	}
	if b.sums[column] += n; b.sums[column] > maxSum || b.sums[column] < -maxSum {
		return 0, errors.New("the sums are beyond every size")
	}
	return n, nil
}

// trade reads a row of the trade bill. moved is false for a refund that failed.
func (b *bill) trade(get func(string) string) (l channel.BillLine, moved bool, err error) {
	b.sums["rows"]++
	sums := map[string]int64{}
	for _, column := range summed {
		if sums[column], err = b.add(column, get(column)); err != nil {
			return l, false, err
		}
	}
	own := get("商户号") == b.c.who.mchID
	if b.c.who.partner() {
		own = own && get("特约商户号") == b.c.who.sub.MchID
	}
	if !own || get("货币种类") != string(money.CNY) {
		return l, false, errors.New("a row of another merchant or currency")
	}
	amount := "申请退款金额"
	switch get("交易状态") {
	case "SUCCESS":
		l.Kind, amount = "payment", "订单金额"
	case "REFUND":
		l.Kind = "refund"
	case "REVOKED": // UNVERIFIED how these rows are filled (section 7.2): as a refund's
		l.Kind = "reversal"
	default:
		return l, false, fmt.Errorf("交易状态 is %q", carry.Printable(get("交易状态")))
	}
	l.OutTradeNo, l.WalletRef = get("商户订单号"), get("微信订单号")
	if l.Kind != "payment" {
		l.OutRefundNo, l.RefundRef = unless0(get("商户退款单号")), unless0(get("微信退款单号"))
	}
	if l.Amount, err = fen(sums[amount]); err == nil {
		l.At, err = time.ParseInLocation(time.DateTime, get("交易时间"), beijing)
	}
	if err != nil || l.OutTradeNo == "" || l.WalletRef == "" || l.Amount.Charge() != nil {
		return l, false, errors.Join(err, errors.New("a row without number, amount or time"))
	}
	l.At = l.At.UTC()
	l.Fee = money.Fen(rounded(sums["手续费"]))
	return l, get("退款状态") != "FAIL", nil
}

// funds reads a row of the fund flow. Its kind is the wallet's own words: the direction, and what it was for.
func (b *bill) funds(get func(string) string) (l channel.BillLine, moved bool, err error) {
	b.sums["rows"]++
	way := get("收支类型")
	if way != "收入" && way != "支出" {
		return l, false, fmt.Errorf("收支类型 is %q", carry.Printable(way))
	}
	b.sums[way+"笔数"]++
	sum, err := b.add(way+"金额", get("收支金额(元)"))
	if err != nil {
		return l, false, err
	}
	l.Kind, l.OutTradeNo, l.WalletRef = way+":"+get("业务类型"), get("业务凭证号"), get("微信支付业务单号")
	l.Fee = money.Fen(0)
	if l.Amount, err = fen(sum); err == nil {
		l.At, err = time.ParseInLocation(time.DateTime, get("记账时间"), beijing)
	}
	if err != nil || l.Amount.Fen() < 0 {
		return l, false, errors.Join(err, errors.New("a row without amount or time"))
	}
	l.At = l.At.UTC()
	return l, l.Amount.Fen() > 0, nil
}

// readSummary holds the bill's own sums against those of its rows; nothing may follow.
func (b *bill) readSummary(header string, next func() (string, bool), failed func() error) error {
	names := strings.Split(header, ",")
	text, ok := next()
	list, err := fields(text, len(names))
	if !ok || err != nil {
		return errors.Join(failed(), err, errors.New("the summary is cut off"))
	}
	place := map[string]string{}
	for i, name := range names {
		place[name] = strings.TrimSpace(list[i])
	}
	for _, name := range b.form.sums {
		said, known := place[name]
		if !known {
			return fmt.Errorf("the summary lacks %s", name)
		}
		want, got, err := int64(0), int64(0), error(nil)
		switch {
		case strings.HasSuffix(name, "总笔数") || name == "总交易单数":
			want = b.sums["rows"]
			got, err = strconv.ParseInt(said, 10, 64)
		case strings.HasSuffix(name, "笔数"):
			want = b.sums[name]
			got, err = strconv.ParseInt(said, 10, 64)
		default:
			column := summed[name]
			if column == "" {
				column = name
			}
			want = b.sums[column]
			got, err = fixed(said)
		}
		if err != nil || got != want {
			return fault.New(fault.Invalid, "wechatv3.bill_sums", "the bill's own %s is not the sum of its rows: a part of it is missing, or was changed", name)
		}
	}
	if text, more := next(); more && text != "" {
		return errors.New("more behind the summary")
	}
	return failed()
}

const (
	unit   = 100_000 // parts of a yuan: fees have five decimals
	maxSum = money.Max * 1_000 * 1_000
)

// fixed reads yuan with up to five decimals, exactly.
func fixed(s string) (int64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, part, _ := strings.Cut(digits, ".")
	if len(whole) == 0 || len(whole) > 11 || len(part) > 5 || strings.HasSuffix(s, ".") {
		return 0, errors.New("no amount")
	}
	n := int64(0)
	for _, d := range whole + part + strings.Repeat("0", 5-len(part)) {
		if d < '0' || d > '9' {
			return 0, errors.New("no amount")
		}
		n = n*10 + int64(d-'0')
	}
	if negative {
		n = -n
	}
	return n, nil
}

// fen wants a whole number of fen.
func fen(n int64) (money.Amount, error) {
	if n%(unit/100) != 0 {
		return money.Amount{}, errors.New("a part of a fen")
	}
	return money.Fen(n / (unit / 100)), nil
}

// rounded is the nearest number of fen, halves away from zero: fees may have parts.
func rounded(n int64) int64 {
	const f = unit / 100
	if n < 0 {
		return -((-n + f/2) / f)
	}
	return (n + f/2) / f
}

// unless0 drops the 0 that stands for nothing.
func unless0(s string) string {
	if s == "0" {
		return ""
	}
	return s
}
