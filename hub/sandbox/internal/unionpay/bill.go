package unionpay

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/order"
)

// The day that settles ends at 23:00, and its file is there at nine in the morning after.
const (
	dayEnds  = 23 * time.Hour
	fileFrom = 9 * time.Hour
)

// settleDate is the day in which what was asked for at that moment settles.
func settleDate(at time.Time) time.Time {
	y, m, d := order.DayEnd(at, dayEnds).In(china).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, china)
}

// FileTransfer is POST to the download host: 76/01, the settlement file of one day.
func (d *Door) FileTransfer(r door.Request) (door.Reply, error) {
	return d.serve(r, map[string]service{"76 01": {fileRules, (*call).file}})
}

var fileRules = join(common, map[string]rule{"fileType": must(`00`), "settleDate": must(`[01][0-9][0-3][0-9]`), "txnTime": must(moment)})

func (c *call) file() (door.Reply, error) {
	if !c.timely() {
		return c.refuse("10", "订单发送时间不正确[6100031]")
	}
	day, known := c.lastDay(c.params["settleDate"])
	if !known {
		return c.refuse("10", "报文格式错误:settleDate[6100030]")
	}
	none := func() (door.Reply, error) { return c.refuse("98", "文件不存在[9800000]") }
	if c.now.Before(day.Add(24*time.Hour + fileFrom)) {
		return none()
	}
	merID := c.merchant.UnionPay.MerID
	rows, err := c.door.Rows(c.now, merID, day)
	if err != nil {
		return door.Reply{}, err
	}
	if len(rows) == 0 {
		return none()
	}
	content, err := pack(day, merID, rows, c.door.BillFault())
	if err != nil {
		return door.Reply{}, err
	}
	out := c.echo()
	out["settleDate"], out["fileType"] = c.params["settleDate"], "00"
	out["fileName"], out["fileContent"] = merID+"_"+day.Format("20060102")+".zip", content
	return c.reply(order.Step{}, out, "00", success)
}

// lastDay is the latest day of that month and date which is not to come; MMDD names no year.
func (c *call) lastDay(mmdd string) (day time.Time, ok bool) {
	for year := c.now.In(china).Year(); year >= c.now.In(china).Year()-4; year-- {
		at, err := time.ParseInLocation("20060102", strconv.Itoa(year)+mmdd, china)
		if err == nil && !at.After(c.now) {
			return at, true
		}
	}
	return day, false
}

// Rows are the lines of a day's ZM file, of one merchant or of all.
func (d *Door) Rows(now time.Time, merID string, day time.Time) ([]string, error) {
	if err := d.Book.Settle(now); err != nil {
		return nil, err
	}
	ends := day.Add(dayEnds)
	moved, err := d.Book.Day(wallet, merID, ends.Add(-24*time.Hour), ends)
	if err != nil {
		return nil, err
	}
	rows := make([]string, len(moved))
	for i, m := range moved {
		rows[i] = row(m, d.Merchants.UnionPayMer(m.Order.Mch), d.BillFault().Off())
	}
	return rows, nil
}

// Day reads a date, YYYY-MM-DD, in China.
func Day(text string) (time.Time, error) { return time.ParseInLocation(time.DateOnly, text, china) }

// widths of the fields of a ZM file (section 4.8, newer edition), in bytes of GBK.
var widths = [...]int{3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98}

// row is one line, its net amount off by so many fen. The file has no header, so only the place of a field says what it is.
// UNVERIFIED: the codes of field 1, the sign before fee and settled amounts (C to the merchant, D from
// it), that refunds cost nothing.
func row(m book.Moved, of *merchant.Merchant, off int64) string {
	o := m.Order
	number, ref, at, sum := o.Number, o.Ref(), o.Created, o.Amount
	code, txnType, subType, sign, fee := "S22", "01", "06", "C", of.Fee(wallet, o.Amount.Fen())
	id, origin, ofTrace, ofTime := o.ID, "", "", ""
	if b := m.Back; b != nil {
		number, ref, at, sum, id = b.Number, b.Ref(wallet), b.Created, b.Amount, b.ID
		code, txnType, subType, sign, fee = "S30", "04", "00", "D", 0
		if b.Undo {
			code, txnType = "S31", "31"
		}
		origin, ofTrace, ofTime = o.Ref(), traceNo(o.ID), o.Created.In(china).Format(traceLayout)
	}
	net := sum.Fen() - fee + off
	fields := [len(widths)]string{0: code, 1: "00000000000", 2: "00000000000", 3: traceNo(id), 4: at.In(china).Format(traceLayout), 5: "622848*********1234",
		6: fmt.Sprintf("%012d", sum.Fen()), 7: "5411", 8: "08", 9: ref, 11: number, 12: "01", 13: ofTrace, 14: ofTime,
		15: fmt.Sprintf("D%012d", fee), 16: fmt.Sprintf("%s%012d", sign, sum.Fen()), 17: "0201", 19: txnType, 20: subType, 21: "000000",
		26: origin, 27: o.Mch, 32: fmt.Sprintf("%s%012d", sign, net), 33: o.Terminal, 34: ascii(o.Attach), 39: "5"}
	var out strings.Builder
	for i, f := range fields {
		if i > 0 {
			out.WriteByte(' ')
		}
		if len(f) > widths[i] {
			f = f[:widths[i]] // orderId may have 40, the file gives it 32
		}
		out.WriteString(f)
		out.WriteString(strings.Repeat(" ", widths[i]-len(f)))
	}
	return out.String()
}

const traceLayout = "0102150405"

func traceNo(id int64) string { return strconv.FormatInt(1_000_000+id%1_000_000, 10)[1:] }

// ascii keeps what GBK and UTF-8 write alike; anything else is left out, so that widths are right.
func ascii(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return ""
		}
	}
	return s
}

// pack makes fileContent: base64 of a zlib stream of a ZIP file with the day's transactions and its
// disputes, of which there are none.
func pack(day time.Time, merID string, rows []string, fault door.BillFault) (string, error) {
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	for _, file := range [...]struct{ kind, text string }{{"ZM_", strings.Join(rows, "\r\n") + "\r\n"}, {"ZME_", ""}} {
		f, err := z.Create("INN" + day.Format("060102") + "88" + file.kind + merID)
		if err == nil {
			_, err = f.Write(fault.Text([]byte(file.text)))
		}
		if err != nil {
			return "", fmt.Errorf("pack the file: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return "", fmt.Errorf("pack the file: %w", err)
	}
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(fault.Packed(zipped.Bytes())); err != nil {
		return "", fmt.Errorf("pack the file: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("pack the file: %w", err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}
