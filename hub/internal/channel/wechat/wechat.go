// Package wechat speaks WeChat Pay's protocol for payment codes and for codes that are shown, API v2:
// signed XML over HTTPS (handbook: wallets, section 2). micropay charges, orderquery asks,
// secapi/pay/reverse undoes, secapi/pay/refund gives back (both need the merchant's client
// certificate), refundquery asks about that. unifiedorder gives a code to show; such an order knows no
// reverse: closeorder ends it unpaid, and when it was paid after all a refund gives the money back. Notices
// of orders are signed, those of refunds encrypted.
//
// It refuses to believe an answer that is not strict XML, not signed with our key, or not about
// our merchant, order, amount and currency: all of these are Unknown. It never decides, repeats
// or remembers anything.
//
// Newcomers get one thing wrong: result_code=FAIL is no decline. "The customer is typing the
// password" and "our bank did not answer" arrive there too, and the money may move after them.
package wechat

import (
	"context"
	"crypto/cipher"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

// Config is one merchant's way to WeChat Pay. All fields but RootCAs, SignType, SubMchID,
// SubAppID and NotifyURL are needed.
type Config struct {
	BaseURL    string           // https://api.mch.weixin.qq.com; http is taken for this machine only
	AppID      string           // the appid bound to the merchant
	MchID      string           // the merchant number
	SubMchID   string           // the merchant that a service provider stands for; empty when MchID is the merchant itself
	SubAppID   string           // that merchant's appid, when it has one
	APIKey     string           // the APIv2 key, 32 characters
	SignType   string           // HMAC-SHA256 (also when empty) or MD5; answers are held to the same
	ClientCert tls.Certificate  // the merchant's certificate, shown only to /secapi
	RootCAs    *x509.CertPool   // who may vouch for the wallet's host; nil means the system's
	DeviceIP   string           // spbill_create_ip
	NotifyURL  string           // where WeChat Pay posts notices of shown orders and of refunds; none are asked for when empty
	Now        func() time.Time // stands in when an approval names no time
	Nonce      func() string    // 1 to 32 of [0-9A-Za-z], never the same twice
}

// String keeps the key out of logs and messages.
func (c Config) String() string { return "wechat v2, merchant " + c.MchID + ", appid " + c.AppID }

// GoString keeps %#v from showing the key.
func (c Config) GoString() string { return c.String() }

// LogValue keeps slog from showing the key.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Channel is the connector. It is safe for concurrent use.
type Channel struct {
	appID, mchID, deviceIP string
	subMchID, subAppID     string

	notifyURL string
	noticeKey cipher.Block // opens what refund notices tell

	sign     *signer
	fundSign *signer // the funds bill is signed with HMAC-SHA256 alone
	now      func() time.Time
	nonce    func() string
	open     http.RoundTripper // shows no certificate
	withCert http.RoundTripper // shows the merchant's certificate
	micropay *url.URL
	query    *url.URL
	reverse  *url.URL

	refund, refundQuery  *url.URL
	unified, closing     *url.URL
	tradeBill, fundsBill *url.URL
}

var _ channel.Channel = (*Channel)(nil)

// String keeps the key out of logs and messages.
func (c *Channel) String() string { return "wechat v2, merchant " + c.mchID + ", appid " + c.appID }

// rules are section 6.1: query every 5 s, give up after 45 s, no reversal before 15 s. A code
// lives its minute and time_expire closes the order, so after 75 s nothing can still arrive.
var rules = channel.Rules{
	CallTimeout:      10 * time.Second,
	FirstQuery:       5 * time.Second,
	QueryEvery:       5 * time.Second,
	GiveUp:           45 * time.Second,
	ReverseNotBefore: 15 * time.Second,
	ReverseEvery:     5 * time.Second,
	UndoWindow:       7 * 24 * time.Hour,
	Travel:           75 * time.Second,
}

// Rules gives WeChat Pay's pace and windows.
func (c *Channel) Rules() channel.Rules { return rules }

// New checks the whole configuration and names every fault in it (Invalid).
func New(cfg Config) (*Channel, error) {
	base, err := checkConfig(&cfg)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "wechat.config", "the WeChat Pay channel of merchant %q is not configured right", cfg.MchID)
	}
	cert := cfg.ClientCert
	return &Channel{
		appID: cfg.AppID, mchID: cfg.MchID, deviceIP: cfg.DeviceIP,
		subMchID: cfg.SubMchID, subAppID: cfg.SubAppID,
		notifyURL: cfg.NotifyURL, noticeKey: newNoticeKey(cfg.APIKey),
		sign: newSigner(cfg.SignType, cfg.APIKey), fundSign: newSigner(signHMAC, cfg.APIKey), now: cfg.Now, nonce: cfg.Nonce,
		// 256: the hub's calls in flight at once, each on a warm connection. Reversals are rare.
		open:     carry.NewTransport(cfg.RootCAs, nil, 256),
		withCert: carry.NewTransport(cfg.RootCAs, &cert, 32),
		micropay: base.JoinPath("pay/micropay"),
		query:    base.JoinPath("pay/orderquery"),
		reverse:  base.JoinPath("secapi/pay/reverse"),

		refund: base.JoinPath("secapi/pay/refund"), refundQuery: base.JoinPath("pay/refundquery"),
		unified: base.JoinPath("pay/unifiedorder"), closing: base.JoinPath("pay/closeorder"),
		tradeBill: base.JoinPath("pay/downloadbill"), fundsBill: base.JoinPath("pay/downloadfundflow"),
	}, nil
}

var (
	idShape  = regexp.MustCompile(`^[0-9A-Za-z]{1,32}$`)
	mchShape = regexp.MustCompile(`^[0-9]{6,32}$`)
	keyShape = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)
)

func checkConfig(cfg *Config) (*url.URL, error) {
	var faults []error
	must := func(ok bool, text string) {
		if !ok {
			faults = append(faults, errors.New(text))
		}
	}
	if cfg.SignType == "" {
		cfg.SignType = signHMAC
	}
	base, err := carry.WalletURL("BaseURL", cfg.BaseURL, "https://api.mch.weixin.qq.com")
	if err != nil {
		faults = append(faults, err)
	}
	must(idShape.MatchString(cfg.AppID), "AppID: 1 to 32 letters and digits, as on the merchant platform")
	must(mchShape.MatchString(cfg.MchID), "MchID: the digits of the merchant number")
	if err := cfg.partner(); err != nil {
		faults = append(faults, err)
	}
	must(keyShape.MatchString(cfg.APIKey), "APIKey: the 32 letters and digits of the APIv2 key")
	must(cfg.SignType == signHMAC || cfg.SignType == signMD5, "SignType: HMAC-SHA256 or MD5")
	// Without it nothing could be undone, so a merchant who has none must not charge either.
	must(len(cfg.ClientCert.Certificate) > 0 && cfg.ClientCert.PrivateKey != nil,
		"ClientCert: the merchant's API certificate with its key, needed to reverse and to refund")
	must(net.ParseIP(cfg.DeviceIP) != nil, "DeviceIP: an IPv4 or IPv6 address")
	must(cfg.NotifyURL == "" || carry.NotifyURL(cfg.NotifyURL), "NotifyURL: an absolute URL of at most 256 characters, without a query")
	must(cfg.Now != nil, "Now: a clock")
	must(cfg.Nonce != nil, "Nonce: a source of nonces")
	return base, errors.Join(faults...)
}

// Pay charges the customer whose code was scanned.
func (c *Channel) Pay(ctx context.Context, o channel.Order) channel.Answer {
	if a, ok := refuse(o); !ok {
		return a
	}
	got, err := c.call(ctx, c.open, c.micropay, c.payRequest(o), o.OutTradeNo)
	if err != nil {
		return payFailed(err)
	}
	return c.payFinding(got, channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount})
}

// Query asks how an attempt stands.
func (c *Channel) Query(ctx context.Context, r channel.Ref) channel.Answer {
	if !carry.OrderNumber(r.OutTradeNo) {
		return unknown(errOrderNumber)
	}
	got, err := c.call(ctx, c.open, c.query, c.orderRequest(r.OutTradeNo), r.OutTradeNo)
	if err != nil {
		return unknown(err)
	}
	a := c.queryFinding(got, r)
	if r.Shown && a.Finding == channel.Unknown && got.get("trade_state") == "REFUND" {
		return c.withdrawn(ctx, r, a)
	}
	return a
}

// Reverse asks to close the order when unpaid and to give all money back when paid.
func (c *Channel) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	if !carry.OrderNumber(r.OutTradeNo) {
		return unknown(errOrderNumber)
	}
	if r.Shown {
		return c.withdraw(ctx, r)
	}
	got, err := c.call(ctx, c.withCert, c.reverse, c.orderRequest(r.OutTradeNo), r.OutTradeNo)
	if err != nil {
		return unknown(err)
	}
	return reverseFinding(got, r)
}
