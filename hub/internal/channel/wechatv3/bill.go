package wechatv3

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

var _ channel.Biller = (*Channel)(nil)

// Bounds of a bill. A merchant with a million payments a day has 400 MB; CSV of that kind packs ten to one.
const (
	maxBill      = 2 << 30
	maxRatio     = 200
	freeOfRatio  = 1 << 20 // a small bill may be packed as well as it likes
	billPatience = 10 * time.Minute
)

var hashShape = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Bill fetches a day's bill: a signed answer names address and hash, and the file is believed for its hash alone, because
// the download carries no signature (section 7.1).
func (c *Channel) Bill(ctx context.Context, day time.Time, kind channel.BillKind, w io.Writer) error {
	place, hash, err := c.findBill(ctx, day, kind)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, billPatience)
	defer cancel()
	header, err := c.header(http.MethodGet, place, nil)
	if err != nil {
		return err
	}
	away := func(err error) error {
		return fault.Wrap(carry.Scrub(err), fault.Unavailable, "wechatv3.bill_away", "the bill could not be downloaded: fetch it again later")
	}
	answer, err := carry.Open(ctx, c.via, http.MethodGet, place, header, nil)
	if err != nil {
		return away(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return away(doubt("status", "HTTP status %d", answer.StatusCode))
	}
	sum := sha1.New()
	switch err := c.unpack(io.MultiWriter(w, sum), answer.Body); {
	case fault.KindOf(err) == fault.Invalid:
		return err
	case err != nil:
		return away(err)
	case hex.EncodeToString(sum.Sum(nil)) != hash:
		return fault.New(fault.Invalid, "wechatv3.bill_hash", "the bill is not the one whose hash WeChat Pay signed: it was cut or changed on the way")
	}
	return nil
}

// findBill asks where a day's bill is and what its hash must be.
func (c *Channel) findBill(ctx context.Context, day time.Time, kind channel.BillKind) (*url.URL, string, error) {
	to := c.base.JoinPath("v3/bill/tradebill")
	query := "bill_date=" + day.In(beijing).Format(time.DateOnly)
	switch kind {
	case channel.TradeBill:
		query += "&bill_type=ALL"
	case channel.FundsBill:
		to = c.base.JoinPath("v3/bill/fundflowbill")
		query += "&account_type=BASIC"
	default:
		return nil, "", fault.New(fault.Invalid, "wechatv3.bill_kind", "WeChat Pay has no bill of the kind %q", kind)
	}
	if c.gzip {
		query += "&tar_type=GZIP"
	}
	if c.who.partner() && kind == channel.TradeBill {
		query += "&sub_mchid=" + c.who.sub.MchID
	}
	to.RawQuery = query
	got, err := c.ask(ctx, http.MethodGet, to, nil)
	if err != nil {
		return nil, "", noBill(err)
	}
	var told struct {
		HashType    string `json:"hash_type"`
		HashValue   string `json:"hash_value"`
		DownloadURL string `json:"download_url"`
	}
	if err := parse(got, &told); err != nil {
		return nil, "", fault.Wrap(err, fault.Invalid, "wechatv3.bill_garbled", "the answer about the bill is garbled")
	}
	place, err := url.Parse(told.DownloadURL)
	if err != nil || place.User != nil || place.Fragment != "" || place.Scheme != c.base.Scheme || place.Host != c.base.Host && place.Host != "api.mch.weixin.qq.com" {
		return nil, "", fault.New(fault.Invalid, "wechatv3.bill_address", "the bill's address is not at WeChat Pay's host: nothing was fetched")
	}
	if told.HashType != "SHA1" || !hashShape.MatchString(told.HashValue) {
		return nil, "", fault.New(fault.Invalid, "wechatv3.bill_garbled", "the bill's hash is no SHA-1: nothing was fetched")
	}
	return place, told.HashValue, nil
}

// noBill sorts out why there is none.
func noBill(err error) error {
	var r *refusal
	switch {
	case !errors.As(err, &r):
		return fault.Wrap(err, fault.Unavailable, "wechatv3.bill_away", "WeChat Pay does not say where the bill is: ask again later")
	case r.code == "NO_STATEMENT_EXIST":
		return fault.Wrap(err, fault.NotFound, "wechatv3.bill_none", "WeChat Pay has no bill for that day: nothing moved, or the day is out of reach")
	case r.code == "STATEMENT_CREATING" || tooFast[r.code] || r.status >= http.StatusInternalServerError:
		return fault.Wrap(err, fault.Unavailable, "wechatv3.bill_away", "WeChat Pay has not made the bill yet: ask again after ten in the morning")
	}
	return fault.Wrap(err, fault.Invalid, "wechatv3.bill_refused", "WeChat Pay gives no bill: check the merchant's rights")
}

// unpack copies a bill, bounded in size and in how much a packed one may swell. GZIP is the file's form here, not the
// connection's.
func (c *Channel) unpack(w io.Writer, r io.Reader) error {
	raw := &counting{r: r}
	from := io.Reader(raw)
	damaged := func(err error) error {
		return fault.Wrap(err, fault.Invalid, "wechatv3.bill_packed", "the packed bill cannot be unpacked")
	}
	if c.gzip {
		z, err := gzip.NewReader(bufio.NewReader(raw))
		switch {
		case err != nil && raw.err != nil && !errors.Is(raw.err, io.EOF):
			return raw.err
		case err != nil:
			return damaged(err)
		}
		defer z.Close()
		from = z
	}
	page := make([]byte, 64<<10)
	for size := int64(0); ; {
		n, err := from.Read(page)
		size += int64(n)
		if size > maxBill || c.gzip && size > freeOfRatio && size > maxRatio*raw.n {
			return fault.New(fault.Invalid, "wechatv3.bill_size", "the bill is beyond every size: it was not read to its end")
		}
		if _, err := w.Write(page[:n]); err != nil {
			return fault.Wrap(err, fault.Internal, "wechatv3.bill_write", "the bill could not be written")
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && c.gzip && (raw.err == nil || errors.Is(raw.err, io.EOF)):
			return damaged(err)
		case err != nil:
			return err
		}
	}
}

// counting knows how much came over the line, and how that ended.
type counting struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}

// billRules: section 7.1; a tradebill is there at ten in the morning.
var billRules = channel.BillRules{Ready: 10 * time.Hour, KeptDays: 90, Timeout: 10 * time.Minute}

// BillRules gives WeChat Pay's days.
func (c *Channel) BillRules() channel.BillRules { return billRules }
