package alipay

import (
	"archive/zip"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/order"
)

// Section 3.4: the address of a bill. Months and the bills of direct-pay merchants are not pretended.
var billRules = []rule{{"bill_type", true, 32, nil}, {"bill_date", true, 10, nil}, {"smid", false, 20, nil}}

// billReady is the hour of the next day from which a bill is there; billLife is how long its address is good.
// UNVERIFIED: both, and that there is none before.
const (
	billReady = 9 * time.Hour
	billLife  = 30 * time.Second
)

// files are what a bill is called in the archive, by its type.
var files = map[string]string{"trade": "业务明细", "signcustomer": "账务明细"}

// billAddress is alipay.data.dataservice.bill.downloadurl.query.
func (c *call) billAddress() (door.Reply, error) {
	if bad := c.content.check(billRules); bad != "" {
		return c.billRefused("INVAILID_ARGUMENTS", "入参不合法") // sic
	}
	kind := c.content.text("bill_type")
	if files[kind] == "" {
		return c.billRefused("TYPE_NOT_SUPPORTED", "不支持的账单类型")
	}
	day, err := time.ParseInLocation(time.DateOnly, c.content.text("bill_date"), china)
	if err != nil {
		return c.billRefused("INVAILID_ARGUMENTS", "入参不合法")
	}
	if c.now.Before(day.Add(24*time.Hour + billReady)) {
		return c.billRefused("BILL_NOT_EXIST", "账单不存在")
	}
	text, err := c.door.billText(c.merchant, kind, day, c.now)
	if err != nil {
		return door.Reply{}, err
	}
	if text[0] == "" {
		return c.billRefused("BILL_NOT_EXIST", "账单不存在")
	}
	asked := url.Values{"bizType": {kind}, "userId": {c.merchant.Alipay.AppID}, "bizDates": {day.Format("20060102")},
		"expires": {strconv.FormatInt(c.now.Add(billLife).Unix(), 10)}}
	asked.Set("token", c.door.token(asked))
	return c.reply(order.Step{}, node{Code: "10000", Msg: "Success", BillDownloadURL: c.base + "/alipay/downloadBillFile.resource?" + asked.Encode()}, "bill")
}

func (c *call) billRefused(code, text string) (door.Reply, error) {
	return c.reply(order.Step{}, node{Code: "40004", Msg: "Business Failed", SubCode: code, SubMsg: text}, code)
}

// token seals what an address says.
func (d *Door) token(asked url.Values) string {
	mac := hmac.New(sha256.New, []byte(d.Secret))
	for _, name := range []string{"bizType", "userId", "bizDates", "expires"} {
		mac.Write([]byte(asked.Get(name) + "\n"))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Download is GET at the address: the archive, to whoever holds the address while it is good.
func (d *Door) Download(r door.Request) (door.Reply, error) {
	refused := door.Reply{Status: http.StatusForbidden, ContentType: "text/html;charset=utf-8", Body: []byte("<html><body>expired</body></html>\n")}
	asked, err := url.ParseQuery(r.Query)
	if err != nil || r.Method != http.MethodGet || !hmac.Equal([]byte(asked.Get("token")), []byte(d.token(asked))) {
		return refused, nil
	}
	until, err := strconv.ParseInt(asked.Get("expires"), 10, 64)
	m := d.Merchants.AlipayApp(asked.Get("userId"))
	day, badDay := time.ParseInLocation("20060102", asked.Get("bizDates"), china)
	if err != nil || m == nil || badDay != nil || r.Now.Unix() > until {
		return refused, nil
	}
	f := d.BillFault()
	text, err := d.billText(m, asked.Get("bizType"), day, r.Now)
	if err != nil {
		return door.Reply{}, err
	}
	packed, err := archive(m, files[asked.Get("bizType")], day, text, f)
	if err != nil {
		return door.Reply{}, err
	}
	return door.Reply{Status: http.StatusOK, ContentType: "application/zip", Body: packed, Verdict: "bill"}, nil
}

// archive packs the two files under names in GBK, without the flag that would say so.
func archive(m *merchant.Merchant, name string, day time.Time, text [2]string, f door.BillFault) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i, suffix := range []string{".csv", "(汇总).csv"} {
		named, err := simplifiedchinese.GBK.NewEncoder().String(m.Alipay.SellerID + "0156_" + day.Format("20060102") + "_" + name + suffix)
		if err != nil {
			return nil, fmt.Errorf("name a bill: %w", err)
		}
		content, err := simplifiedchinese.GBK.NewEncoder().String(text[i])
		if err != nil {
			return nil, fmt.Errorf("write a bill in GBK: %w", err)
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: named, NonUTF8: true, Method: zip.Deflate})
		if err == nil {
			_, err = w.Write(f.Text([]byte(content)))
		}
		if err != nil {
			return nil, fmt.Errorf("pack a bill: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack a bill: %w", err)
	}
	return f.Packed(out.Bytes()), nil
}

// billText makes the two files of a day, of single lines and of sums; nothing when nothing happened.
func (d *Door) billText(m *merchant.Merchant, kind string, day time.Time, now time.Time) (text [2]string, err error) {
	if err := d.Book.Settle(now); err != nil {
		return text, err
	}
	all, err := d.Book.Booked(wallet, m.Alipay.AppID, day.Add(24*time.Hour))
	if err != nil {
		return text, err
	}
	b := &billing{m: m, day: day, now: now, off: d.BillFault().Off()}
	if kind == "trade" {
		return b.trades(all), nil
	}
	return b.funds(all), nil
}
