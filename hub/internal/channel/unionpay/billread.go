package unionpay

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/statement"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// The fields of a ZM line that we read, by their place in the handbook's table (section 4.8), from 1.
const (
	zmTime   = 5
	zmAmount = 7
	zmQuery  = 10
	zmOrder  = 12
	zmFee    = 16
	zmGross  = 17
	zmType   = 20
	zmOrig   = 27
	zmMer    = 28
	zmNet    = 33
)

// zmWidths are the widths of the first forty fields, in bytes of GBK. What follows is reserved, in one field or in two by
// the edition; the whole line is as long in both.
var zmWidths = [...]int{3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1}

const zmLine = 607

// ReadBill reads a settlement file strictly. It has no header and no sums: each line must be as long as it should be,
// about our merchant, and right in itself. A refund's line names what was paid by UnionPay's number alone.
//
// UNVERIFIED (section 4.8): that D before a fee or an amount takes it from the merchant and C gives it.
func (c *Channel) ReadBill(kind channel.BillKind, r io.Reader, line func(channel.BillLine) error) error {
	if kind != channel.TradeBill {
		return fault.New(fault.Invalid, "unionpay.bill_kind", "there is no bill of kind %q", kind)
	}
	lines := fileBounds.Lines(r)
	for {
		raw, err := lines.Next()
		if err == io.EOF {
			return nil
		}
		var l channel.BillLine
		if err == nil {
			l, err = c.zm(raw)
		}
		if err == nil {
			err = line(l)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", lines.Number(), err)
		}
	}
}

func badLine(format string, args ...any) error {
	return fault.New(fault.Invalid, "unionpay.bill_line", format, args...)
}

// zmKinds are the types of transactions that a file has.
var zmKinds = map[string]string{"01": "payment", "04": "refund", "31": "reversal", "99": "reversal"}

func (c *Channel) zm(raw []byte) (l channel.BillLine, err error) {
	cells, err := zmCells(raw)
	if err != nil {
		return l, err
	}
	at := func(n int) string { return cells[n-1] }
	l = channel.BillLine{Kind: zmKinds[at(zmType)], OutTradeNo: at(zmOrder), WalletRef: at(zmQuery)}
	if l.Kind != "payment" {
		l.OutTradeNo, l.OutRefundNo, l.WalletRef, l.RefundRef = "", at(zmOrder), at(zmOrig), at(zmQuery)
	}
	switch {
	case at(zmMer) != c.merID:
		return l, badLine("a line is for another merchant")
	case l.Kind == "":
		return l, badLine("a line has a type that is none of ours")
	case !statement.Number(at(zmOrder), 32) || !statement.Number(at(zmQuery), 21):
		return l, badLine("a line names itself by no number")
	case l.Kind != "payment" && !statement.Number(l.WalletRef, 21):
		return l, badLine("a line does not say what it gives back")
	}
	fen, err := strconv.ParseUint(at(zmAmount), 10, 62)
	if l.Amount = money.Fen(int64(fen)); err != nil || len(at(zmAmount)) != zmWidths[zmAmount-1] || l.Amount.Charge() != nil {
		return l, badLine("a line moves no amount above zero")
	}
	fee, errFee := signed(at(zmFee))
	gross, errGross := signed(at(zmGross))
	net, errNet := signed(at(zmNet))
	sign := map[bool]int64{true: 1, false: -1}[l.Kind == "payment"]
	if errFee != nil || errGross != nil || errNet != nil || gross != sign*int64(fen) || gross+fee != net {
		return l, badLine("a line's amounts do not fit each other")
	}
	l.Fee = money.Fen(-fee)
	l.At, err = lately(at(zmTime), c.now())
	return l, err
}

// zmCells cuts a line; a blank stands between the fields, and nothing else may.
func zmCells(raw []byte) ([]string, error) {
	if len(raw) != zmLine {
		return nil, badLine("a line has %d bytes, not %d", len(raw), zmLine)
	}
	cells := make([]string, len(zmWidths))
	start := 0
	for i, w := range zmWidths {
		cells[i] = strings.Trim(string(raw[start:start+w]), " ")
		if start += w; raw[start] != ' ' {
			return nil, badLine("the fields of a line are not where they should be: is it GBK?")
		}
		start++
	}
	return cells, nil
}

// signed reads an amount in fen behind its direction: C to the merchant, D from it.
func signed(text string) (int64, error) {
	if len(text) != 13 {
		return 0, badLine("an amount is not written as it should be")
	}
	n, err := strconv.ParseUint(text[1:], 10, 62)
	switch {
	case err != nil:
	case text[0] == 'C':
		return int64(n), nil
	case text[0] == 'D':
		return -int64(n), nil
	}
	return 0, badLine("an amount is not written as it should be")
}

// lately reads MMDDhhmmss in China as the latest such moment that is not to come; the file names no year.
func lately(text string, now time.Time) (time.Time, error) {
	for year := now.In(beijing).Year(); year >= now.In(beijing).Year()-4; year-- { // the 29th of February
		at, err := time.ParseInLocation(timeLayout, strconv.Itoa(year)+text, beijing)
		if err == nil && !at.After(now) {
			return at.UTC(), nil
		}
	}
	return time.Time{}, badLine("a line has no time")
}
