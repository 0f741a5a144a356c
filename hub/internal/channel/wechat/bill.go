package wechat

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/hub/internal/channel/statement"
	"cloudcashier/shared/fault"
)

var _ channel.Biller = (*Channel)(nil)

// billRules are section 7.1: the file of a day is there after ten in the morning, for three months.
var billRules = channel.BillRules{Ready: 10 * time.Hour, KeptDays: 90, Timeout: 10 * time.Minute}

// BillRules gives WeChat Pay's days.
func (c *Channel) BillRules() channel.BillRules { return billRules }

// Bill fetches a day's trade bill (pay/downloadbill, all of it) or the basic account's funds bill (pay/downloadfundflow).
// Neither is signed: that it is WeChat Pay's, TLS alone says. A refusal is XML, without a signature either.
func (c *Channel) Bill(ctx context.Context, day time.Time, kind channel.BillKind, w io.Writer) error {
	if err := billRules.Ask(day, c.now()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, billRules.Timeout)
	defer cancel()
	var via http.RoundTripper
	var to *url.URL
	var body []byte
	switch kind {
	case channel.TradeBill:
		fields := [8]field{{"appid", c.appID}, {"bill_date", day.In(beijing).Format(billDate)}, {"bill_type", "ALL"}, {"mch_id", c.mchID},
			{"nonce_str", c.nonce()}, {"sign_type", c.sign.kind}, {"tar_type", "GZIP"}}
		via, to, body = c.open, c.tradeBill, c.seal(fields[:])
	case channel.FundsBill: // HMAC-SHA256 whatever the merchant signs with else, and with the certificate
		fields := [8]field{{"account_type", "Basic"}, {"appid", c.appID}, {"bill_date", day.In(beijing).Format(billDate)}, {"mch_id", c.mchID},
			{"nonce_str", c.nonce()}, {"sign_type", signHMAC}, {"tar_type", "GZIP"}}
		via, to, body = c.withCert, c.fundsBill, c.sealWith(c.fundSign, fields[:])
	default:
		return fault.New(fault.Invalid, "wechat.bill_kind", "there is no bill of kind %q", kind)
	}
	answer, _, err := carry.Stream(ctx, via, to, header, body)
	if err != nil {
		return fault.Wrap(carry.Scrub(err), fault.Unavailable, "wechat.transport", "no bill from WeChat Pay")
	}
	defer answer.Close()
	packed := bufio.NewReader(&breaking{r: answer})
	head, err := packed.Peek(2)
	switch {
	case err != nil:
		return fault.Wrap(carry.Scrub(err), fault.Unavailable, "wechat.transport", "no bill from WeChat Pay")
	case head[0] == '<':
		return billRefused(packed)
	}
	return statement.Day.Gunzip(w, packed)
}

const billDate = "20060102"

// breaking marks a connection that breaks: the bill may come whole the next time.
type breaking struct{ r io.Reader }

func (b *breaking) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		err = fault.Wrap(carry.Scrub(err), fault.Unavailable, "wechat.transport", "the bill broke off")
	}
	return n, err
}

// billRefused reads why there is no bill. The texts are the wallet's, in several spellings (section 2.5).
func billRefused(r io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err != nil {
		return err
	}
	got, err := parse(string(raw))
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "wechat.garbled", "the answer is neither a bill nor a refusal")
	}
	text := got.get("return_msg")
	kind, code := fault.Invalid, "wechat.bill_refused"
	switch word := strings.ToLower(text); {
	case strings.Contains(word, "no bill exist"):
		kind, code = fault.NotFound, "wechat.no_bill"
	case strings.Contains(word, "bill creating"), strings.Contains(word, "systemerror"), strings.Contains(word, "system error"),
		strings.Contains(word, "gzip error"): // theirs, while they make the file
		kind, code = fault.Unavailable, "wechat.bill_not_ready"
	}
	return fault.New(kind, code, "WeChat Pay gives no bill: %q (%q)", carry.Printable(text), carry.Printable(got.get("error_code")))
}
