package unionpay

import (
	"context"
	"encoding/base64"
	"io"
	"regexp"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/hub/internal/channel/statement"
	"cloudcashier/shared/fault"
)

var _ channel.Biller = (*Channel)(nil)

// billRules are section 4.8: the settlement day ends at 23:00, its file is there about nine in the morning (UNVERIFIED). How
// long it is kept is not said there; it names no year, so that it must be less than one.
var billRules = channel.BillRules{DayEnds: 23 * time.Hour, Ready: 9 * time.Hour, KeptDays: 90, Timeout: 10 * time.Minute}

// BillRules gives UnionPay's days.
func (c *Channel) BillRules() channel.BillRules { return billRules }

// fileSurely is when "no such file" means that there was no trade: before, it may only be late.
const fileSurely = 3 * time.Hour

// fileBounds are narrower than others', because the signature is over the whole file and it must be held in memory.
var fileBounds = func() statement.Bounds { b := statement.Day; b.Packed = 16 << 20; return b }()

// maxFileAnswer is a file of those bounds in base64, and the fields beside it.
const maxFileAnswer = 24 << 20

// Bill fetches the settlement file of a day (76/01). UnionPay has no other: what it withheld stands in its lines.
func (c *Channel) Bill(ctx context.Context, day time.Time, kind channel.BillKind, w io.Writer) error {
	switch {
	case kind == channel.FundsBill:
		return fault.New(fault.NotFound, "unionpay.no_bill", "UnionPay has no funds bill: the trade bill has the fees")
	case kind != channel.TradeBill:
		return fault.New(fault.Invalid, "unionpay.bill_kind", "there is no bill of kind %q", kind)
	case c.file == nil:
		return fault.New(fault.Invalid, "unionpay.no_file_url", "the channel names no host of settlement files: set file_url")
	}
	now := c.now()
	if err := billRules.Ask(day, now); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, billRules.Timeout)
	defer cancel()
	got, err := c.fetch(ctx, day, now)
	if err != nil {
		return err
	}
	packed, err := base64.StdEncoding.Strict().DecodeString(got.get("fileContent"))
	if err != nil {
		return fault.New(fault.Invalid, "bill.damaged", "the settlement file is no base64")
	}
	zipped, err := fileBounds.Inflate(packed)
	if err != nil {
		return err
	}
	return fileBounds.Unzip(w, zipped, c.inArchive)
}

var archiveName = regexp.MustCompile(`^[0-9A-Za-z]{0,24}(ZME?)_([0-9]{15})$`)

// inArchive knows the names that belong into the archive: transactions, and disputes.
func (c *Channel) inArchive(name string) (ours, wanted bool) {
	m := archiveName.FindStringSubmatch(name)
	if m == nil || m[2] != c.merID {
		return false, false
	}
	return true, m[1] == "ZM"
}

// fetch gives the answer that holds the file, proven to be UnionPay's, of our merchant and day.
func (c *Channel) fetch(ctx context.Context, day, now time.Time) (fields, error) {
	date := day.In(beijing).Format("0102")
	form, err := c.form(fields{{"accessType", "0"}, {"bizType", "000000"}, {"certId", c.certID}, {"encoding", "UTF-8"}, {"fileType", "00"}, {"merId", c.merID},
		{"settleDate", date}, {"signMethod", "01"}, {"txnSubType", "01"}, {"txnTime", now.In(beijing).Format(timeLayout)}, {"txnType", "76"}, {"version", "5.1.0"}})
	if err != nil {
		return nil, err
	}
	answer, _, err := carry.Stream(ctx, c.via, c.file, header, form)
	if err != nil {
		return nil, fault.Wrap(carry.Scrub(err), fault.Unavailable, "unionpay.transport", "no settlement file from UnionPay")
	}
	defer answer.Close()
	body, err := statement.Bounds{Packed: maxFileAnswer}.ReadPacked(answer)
	switch {
	case fault.KindOf(err) == fault.Invalid:
		return nil, err
	case err != nil:
		return nil, fault.Wrap(carry.Scrub(err), fault.Unavailable, "unionpay.transport", "the settlement file broke off")
	}
	got, err := splitWithin(string(body), maxFileAnswer)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "unionpay.garbled", "UnionPay's answer cannot be believed")
	}
	if err := c.trust.verify(got, now); err != nil {
		return nil, fault.Wrap(carry.Scrub(err), fault.Invalid, "unionpay.signature", "the answer is not signed by UnionPay: check root, middle and signer")
	}
	code := got.get("respCode")
	switch {
	case got.get("merId") != "" && got.get("merId") != c.merID:
		return nil, fault.New(fault.Invalid, "unionpay.foreign", "the answer is for another merchant")
	case code == "00" && (got.get("merId") == "" || got.get("settleDate") != date || got.get("txnType") != "76" || got.get("fileContent") == ""):
		return nil, fault.New(fault.Invalid, "unionpay.foreign", "the answer is about another day, or holds no file")
	case code == "00":
		return got, nil
	case code == "98" && !now.Before(billRules.ReadyAt(day).Add(fileSurely)):
		return nil, fault.New(fault.NotFound, "unionpay.no_bill", "UnionPay has no file of that day")
	case code == "98", code == "99", code == "03", code == "06", code == "02":
		return nil, fault.New(fault.Unavailable, "unionpay.bill_not_ready", "UnionPay gives no file now: %s", code)
	}
	return nil, fault.New(fault.Invalid, "unionpay.bill_refused", "UnionPay gives no file: %s %q", carry.Printable(code), carry.Printable(got.get("respMsg")))
}
