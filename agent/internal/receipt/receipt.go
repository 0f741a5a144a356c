// Package receipt is what stands on a slip of paper, and its bytes: ESC/POS with Chinese in GB18030.
// It is arithmetic on values; it prints nothing.
//
// It refuses characters that printers in the field cannot show (those of four bytes in GB18030: they
// become a question mark), control characters in texts, and commands longer than [CommandMax], so that
// a printer which lost the start of one is back in step soon. Newcomers get one thing wrong: a
// character's width is not counted in runes. In GB18030 it is its number of bytes, one column for
// ASCII and two for Chinese, and never more: the layout leans on that.
package receipt

import (
	"bytes"
	"fmt"
	"time"

	"cloudcashier/agent/internal/gbtext"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Columns of the two papers, in ASCII characters of the printer's font A.
const (
	Columns58mm = 32
	Columns80mm = 48
)

// CommandMax bounds our longest command in bytes: a QR of the longest sale id.
const CommandMax = 128

// Slip is what a receipt tells. Times are shown as they are: bring them into the shop's zone.
type Slip struct {
	Title            string // the shop's name
	Store, Terminal  string
	Number           int64 // of the sale on this till; the barcode
	Sale             string
	OrderNo, Subject string
	Amount           money.Amount
	Tender           localapi.Tender
	Wallet           pay.Wallet
	WalletRef        string
	Paid             time.Time
	Received, Change money.Amount // of cash; zero when nobody told
	Bill             Bill         // that it pays a part of
	Copy             int          // from 1
	Reprint          bool         // says so on its face
	Printed          time.Time
}

// Doc is what stands on one slip, top to bottom.
type Doc []Item

// Item is one thing on a slip. One of its kinds is set.
type Item struct {
	Kind        Kind
	Left, Right string // Text has Left alone; Pair both
	Center      bool
}

// Kind is what an item is.
type Kind int

// The kinds of items.
const (
	Text    Kind = iota // wrapped
	Pair                // two ends of one line, Right never cut
	Rule                // a line of dashes
	Big                 // double height and width, centred
	QR                  // of Left, centred
	Barcode             // Code 128 of the digits in Left, centred
)

var tenders = map[localapi.Tender]string{localapi.TenderCash: "现金 Cash", localapi.TenderOther: "其他 Other"}

var wallets = map[pay.Wallet]string{pay.WeChat: "微信支付 WeChat", pay.Alipay: "支付宝 Alipay", pay.UnionPay: "云闪付 UnionPay",
	pay.StoredValue: "储值 Stored value"}

const timeLayout = "2006-01-02 15:04:05"

// New lays out the receipt of a paid sale.
func New(s Slip) Doc {
	var d Doc
	add := func(items ...Item) { d = append(d, items...) }
	pair := func(left, right string) {
		if right != "" {
			add(Item{Kind: Pair, Left: left, Right: right})
		}
	}
	if s.Reprint {
		add(Item{Kind: Big, Left: "重打 REPRINT"})
	}
	if s.Title != "" {
		add(Item{Kind: Big, Left: s.Title})
	}
	add(Item{Kind: Rule})
	pair("小票号 No.", Number(s.Number))
	pair("时间 Time", s.Paid.Format(timeLayout))
	pair("门店 Store", s.Store)
	pair("终端 Till", s.Terminal)
	if s.OrderNo != s.Sale {
		pair("订单 Order", s.OrderNo)
	}
	if s.Subject != "" {
		add(Item{Kind: Text, Left: s.Subject})
	}
	add(Item{Kind: Rule})
	pair("付款方式 Paid by", how(s.Tender, s.Wallet))
	pair("流水号 Ref.", s.WalletRef)
	pair("合计 Total", Yuan(s.Amount))
	add(s.cash()...)
	add(s.Bill.items()...)
	add(Item{Kind: Rule}, Item{Kind: Big, Left: "已付款 PAID"}, Item{Kind: Big, Left: Yuan(s.Amount)}, Item{Kind: Rule},
		Item{Kind: QR, Left: s.Sale}, Item{Kind: Barcode, Left: Code(s.Number, s.Terminal)}, Item{Kind: Text, Left: s.Sale, Center: true})
	if s.Reprint {
		add(Item{Kind: Text, Left: "重打于 Reprinted " + s.Printed.Format(timeLayout), Center: true},
			Item{Kind: Text, Left: "重打小票，不是又一笔付款", Center: true})
	}
	if s.Copy > 1 {
		add(Item{Kind: Text, Left: fmt.Sprintf("第 %d 联 Copy %d", s.Copy, s.Copy), Center: true})
	}
	return d
}

// Yuan is an amount as paper shows it. The wide sign is the one that GB18030 has in two bytes.
func Yuan(a money.Amount) string { return "￥" + a.Yuan() }

// row is one printed line.
type row struct {
	text   []byte // GB18030
	center bool
	big    bool
}

// rows gives an item's lines; none for what is drawn.
func (i Item) rows(columns int) (out []row) {
	switch i.Kind {
	case Rule:
		return []row{{text: bytes.Repeat([]byte("-"), columns)}}
	case Big:
		for _, line := range wrap(gbtext.Encode(i.Left), columns/2) {
			out = append(out, row{text: line, center: true, big: true})
		}
	case Text:
		for _, line := range wrap(gbtext.Encode(i.Left), columns) {
			out = append(out, row{text: line, center: i.Center})
		}
	case Pair:
		left, right := gbtext.Encode(i.Left), gbtext.Encode(i.Right)
		if len(left)+1+len(right) <= columns {
			gap := bytes.Repeat([]byte(" "), columns-len(left)-len(right))
			return []row{{text: append(append(left, gap...), right...)}}
		}
		for _, line := range wrap(left, columns) {
			out = append(out, row{text: line})
		}
		for _, line := range wrap(right, columns) {
			out = append(out, row{text: append(bytes.Repeat([]byte(" "), columns-len(line)), line...)})
		}
	}
	return out
}

// wrap cuts a text into lines, never through a character.
func wrap(text []byte, columns int) (lines [][]byte) {
	var line []byte
	for len(text) > 0 {
		size := 1
		if text[0] >= 0x80 {
			size = 2
		}
		if len(line)+size > columns {
			lines, line = append(lines, line), nil
		}
		line, text = append(line, text[:size]...), text[size:]
	}
	return append(lines, line)
}
