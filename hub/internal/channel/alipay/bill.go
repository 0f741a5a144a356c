package alipay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/hub/internal/channel/statement"
	"cloudcashier/shared/fault"
)

var _ channel.Biller = (*Channel)(nil)

// billRules are section 7.4: the file of a day is there about nine in the morning. How long it is kept is not said there;
// three months is what we dare.
var billRules = channel.BillRules{Ready: 9 * time.Hour, KeptDays: 90, Timeout: 10 * time.Minute}

// BillRules gives Alipay's days.
func (c *Channel) BillRules() channel.BillRules { return billRules }

var billQuery = method{"alipay.data.dataservice.bill.downloadurl.query", "alipay_data_dataservice_bill_downloadurl_query_response"}

// billKinds are what Alipay calls its bills: in the request, and in the names of the archive's files.
var billKinds = map[channel.BillKind]struct{ asked, named string }{
	channel.TradeBill: {"trade", "业务明细"}, channel.FundsBill: {"signcustomer", "账务明细"},
}

var plainHeader = http.Header{"Accept": {"*/*"}, "User-Agent": {"cloud-cashier"}}

// Bill asks for the address of a day's bill, which is good for half a minute, and fetches the archive there. The address
// is signed, what comes from it is not. Written is the file with the single lines, in GBK; the one with sums by store is
// left in the archive.
func (c *Channel) Bill(ctx context.Context, day time.Time, kind channel.BillKind, w io.Writer) error {
	name, known := billKinds[kind]
	if !known {
		return fault.New(fault.Invalid, "alipay.bill_kind", "there is no bill of kind %q", kind)
	}
	if err := billRules.Ask(day, c.now()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, billRules.Timeout)
	defer cancel()
	at, err := c.billAddress(ctx, name.asked, day.In(beijing).Format(time.DateOnly))
	if err != nil {
		return err
	}
	answer, _, err := carry.Stream(ctx, c.via, at, plainHeader, nil)
	if err != nil {
		return fault.Wrap(carry.Scrub(err), fault.Unavailable, "alipay.transport", "no bill from Alipay")
	}
	defer answer.Close()
	packed, err := statement.Day.ReadPacked(answer)
	switch {
	case fault.KindOf(err) == fault.Invalid:
		return err
	case err != nil:
		return fault.Wrap(carry.Scrub(err), fault.Unavailable, "alipay.transport", "the bill broke off")
	}
	return statement.Day.Unzip(w, packed, c.inArchive(name.named, day.In(beijing).Format("20060102")))
}

// inArchive knows the names that belong into the archive, in GBK: account, 0156, day, and what it is.
func (c *Channel) inArchive(named, day string) func(string) (ours, wanted bool) {
	single, errS := simplifiedchinese.GBK.NewEncoder().String(named + ".csv")
	sums, errT := simplifiedchinese.GBK.NewEncoder().String(named + "(汇总).csv")
	return func(name string) (ours, wanted bool) {
		rest, ok := strings.CutPrefix(name, c.sellerID+"0156_"+day+"_")
		if !ok || errS != nil || errT != nil {
			return false, false
		}
		return rest == single || rest == sums, rest == single
	}
}

// billRefusals are why there is no bill (section 7.4); what is not here needs a person.
var billRefusals = map[string]fault.Kind{
	"NO_BILL_DATA": fault.NotFound, "BILL_NOT_EXIST": fault.NotFound, "BILL_DATE_BEFORE_REGISTRATION": fault.NotFound,
	"UNKNOWN_ERROR": fault.Unavailable, "SYSTEM_ERROR": fault.Unavailable, "SYSTEM_RATE_LIMIT": fault.Unavailable, "USER_RATE_LIMIT": fault.Unavailable,
}

func (c *Channel) billAddress(ctx context.Context, kind, day string) (*url.URL, error) {
	content := append(appendMember(appendMember(nil, "bill_type", kind), "bill_date", day), '}')
	form, err := c.form(billQuery, content)
	if err != nil {
		return nil, err
	}
	got, err := c.call(ctx, billQuery, form, "")
	switch {
	case fault.CodeOf(err) == "alipay.transport":
		return nil, fault.Wrap(err, fault.Unavailable, "alipay.transport", "no bill from Alipay")
	case err != nil:
		return nil, fault.Wrap(err, fault.Invalid, fault.CodeOf(err), "Alipay's answer about a bill cannot be believed")
	case got.code == "10000":
		return c.billURL(got.billURL)
	case got.code == "20000", got.code == "40005":
		return nil, fault.New(fault.Unavailable, "alipay.bill_not_ready", "Alipay gives no bill now: %q", carry.Printable(got.code+" "+got.subCode))
	}
	word := strings.ToUpper(got.subCode[strings.LastIndexByte(got.subCode, '.')+1:])
	kindOf, known := billRefusals[word]
	if !known {
		kindOf = fault.Invalid
	}
	return nil, fault.New(kindOf, "alipay.no_bill", "Alipay gives no bill: %q", carry.Printable(got.code+" "+got.subCode))
}

// billURL takes an address at the gateway's own host or at one of Alipay's. The documents show it with http; a bill is
// other people's money and travels under TLS.
func (c *Channel) billURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Host == "" || len(text) > 2048 {
		return nil, fault.New(fault.Invalid, "alipay.bill_address", "the bill's address is none")
	}
	own := u.Host == c.gateway.Host && u.Scheme == c.gateway.Scheme
	theirs := (strings.HasSuffix(u.Host, ".alipay.com") || strings.HasSuffix(u.Host, ".alipaydev.com")) && (u.Scheme == "https" || u.Scheme == "http")
	switch {
	case own:
	case theirs:
		u.Scheme = "https"
	default:
		return nil, fault.New(fault.Invalid, "alipay.bill_address", "the bill's address is not at Alipay: %q", carry.Printable(fmt.Sprintf("%s://%s", u.Scheme, u.Host)))
	}
	return u, nil
}
