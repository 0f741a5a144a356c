// Package wechatv3 speaks WeChat Pay's API v3: JSON over HTTPS, each message signed with RSA (handbook: wallets, section 1).
// It shows codes that customers scan (native), charges payment codes where the merchant may (codepay), asks, closes,
// reverses, gives back, reads what WeChat Pay posts to our door, and fetches its bills.
//
// It refuses to believe an answer that is not signed with a key of WeChat Pay's that we hold, not of these minutes, not
// strict JSON, or not about our merchant, order, amount and currency: all of these are Unknown. It decides and repeats
// nothing; all it remembers are the platform's certificates.
//
// Newcomers get one thing wrong: an HTTP status proves as little as an unsigned word. "404, no such order" is signed when
// it comes from WeChat Pay, because answers to well-signed requests are; where a merchant's are not, UnsignedRefusals says
// so for the channel.
package wechatv3

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

// PublicKey is a key of WeChat Pay's, handed to the merchant on its platform.
type PublicKey struct {
	ID  string // PUB_KEY_ID_…
	Key *rsa.PublicKey
}

// Config is one merchant's way to WeChat Pay. All is needed but RootCAs, the partner's fields, NotifyURL, the
// switches, and one of PublicKeys and Certificates.
type Config struct {
	BaseURL string // https://api.mch.weixin.qq.com; http is taken for this machine only
	AppID   string // bound to the merchant; a partner's own (sp_appid)
	MchID   string // who signs: the merchant, or the partner (sp_mchid)
	Sub     Sub    // whom a partner collects for; empty: MchID is the merchant itself

	Key    crypto.Signer // of the merchant's API certificate; it must be safe for concurrent use
	Serial string        // that certificate's serial number, hex
	APIKey string        // the APIv3 key, 32 characters: certificates and notices are sealed with it

	// How answers are verified. With both, answers of either kind are believed: that is the change from one to the other.
	PublicKeys   []PublicKey // WeChat Pay asks for the first in each request
	Certificates bool        // download the platform's certificates, too

	NotifyURL        string // where WeChat Pay posts notices, without a query
	Codepay          bool   // take payment codes by v3; UNVERIFIED that every merchant may, v2 is the default
	UnsignedRefusals bool   // believe a 4xx without a signature when TLS proves the host
	Gzip             bool   // have bills sent packed

	RootCAs  *x509.CertPool   // who may vouch for the wallet's host; nil means the system's
	DeviceIP string           // the till's, or the hub's
	Now      func() time.Time // the wall clock: WeChat Pay refuses one that is five minutes off
	Nonce    func() string    // 1 to 32 of [0-9A-Za-z], never the same twice
}

// Sub is a partner's merchant.
type Sub struct {
	AppID string // sub_appid; may be empty
	MchID string // sub_mchid
}

// String keeps the keys out of logs and messages.
func (c Config) String() string { return "wechat v3, merchant " + c.MchID + ", appid " + c.AppID }

// GoString keeps %#v from showing the keys.
func (c Config) GoString() string { return c.String() }

// LogValue keeps slog from showing the keys.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Channel is the connector. It is safe for concurrent use.
type Channel struct {
	who       parties
	key       crypto.Signer
	serial    string
	apiKey    []byte
	trust     *trust
	notifyURL string
	deviceIP  string
	now       func() time.Time
	nonce     func() string
	via       http.RoundTripper
	base      *url.URL

	codepay, unsigned, gzip bool
}

var _ channel.Channel = (*Channel)(nil)

// String keeps the keys out of logs and messages.
func (c *Channel) String() string { return "wechat v3, merchant " + c.who.mchID }

// GoString keeps %#v from showing the keys.
func (c *Channel) GoString() string { return c.String() }

// LogValue keeps slog from showing the keys.
func (c *Channel) LogValue() slog.Value { return slog.StringValue(c.String()) }

// rules are section 6.1, as with v2. codepay takes no expiry; a code lives its minute, so after 75 s nothing can still arrive.
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

// Rules gives WeChat Pay's pace and windows for payment codes.
func (c *Channel) Rules() channel.Rules { return rules }

// New checks the whole configuration and names every fault in it (Invalid).
func New(cfg Config) (*Channel, error) {
	base, err := checkConfig(&cfg)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "wechatv3.config", "the WeChat Pay v3 channel of merchant %q is not configured right", cfg.MchID)
	}
	return &Channel{
		who: parties{cfg.AppID, cfg.MchID, cfg.Sub}, key: cfg.Key, serial: strings.ToUpper(cfg.Serial), apiKey: []byte(cfg.APIKey),
		trust: newTrust(cfg.PublicKeys, cfg.Certificates), notifyURL: cfg.NotifyURL, deviceIP: cfg.DeviceIP, now: cfg.Now, nonce: cfg.Nonce,
		via: carry.NewTransport(cfg.RootCAs, nil, 256), base: base,
		codepay: cfg.Codepay, unsigned: cfg.UnsignedRefusals, gzip: cfg.Gzip,
	}, nil
}

var (
	idShape     = regexp.MustCompile(`^[0-9A-Za-z]{1,32}$`)
	mchShape    = regexp.MustCompile(`^[0-9]{6,32}$`)
	keyShape    = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)
	serialShape = regexp.MustCompile(`^[0-9A-Fa-f]{8,40}$`)
	keyIDShape  = regexp.MustCompile(`^PUB_KEY_ID_[0-9]{10,64}$`)
)

func checkConfig(cfg *Config) (*url.URL, error) {
	var faults []error
	must := func(ok bool, text string) {
		if !ok {
			faults = append(faults, errors.New(text))
		}
	}
	base, err := carry.WalletURL("BaseURL", cfg.BaseURL, "https://api.mch.weixin.qq.com")
	if err != nil {
		faults = append(faults, err)
	}
	must(idShape.MatchString(cfg.AppID), "AppID: 1 to 32 letters and digits, as on the merchant platform")
	must(mchShape.MatchString(cfg.MchID), "MchID: the digits of the merchant number")
	must(cfg.Sub == (Sub{}) || mchShape.MatchString(cfg.Sub.MchID) && cfg.Sub.MchID != cfg.MchID, "Sub.MchID: the digits of the partner's merchant, another than its own")
	must(cfg.Sub.AppID == "" || idShape.MatchString(cfg.Sub.AppID), "Sub.AppID: 1 to 32 letters and digits, or nothing")
	must(cfg.Key != nil && longRSA(cfg.Key.Public()), "Key: the RSA key of the merchant's API certificate, 2048 bits or more")
	must(serialShape.MatchString(cfg.Serial), "Serial: the hex serial number of the merchant's API certificate")
	must(keyShape.MatchString(cfg.APIKey), "APIKey: the 32 letters and digits of the APIv3 key")
	must(len(cfg.PublicKeys) > 0 || cfg.Certificates, "PublicKeys or Certificates: one way to verify answers at least")
	for _, k := range cfg.PublicKeys {
		must(keyIDShape.MatchString(k.ID) && k.Key != nil && longRSA(k.Key), "PublicKeys: each a PUB_KEY_ID_… with its RSA key, 2048 bits or more")
	}
	must(cfg.NotifyURL == "" || carry.NotifyURL(cfg.NotifyURL), "NotifyURL: an absolute URL of at most 256 characters, without a query")
	must(net.ParseIP(cfg.DeviceIP) != nil, "DeviceIP: an IPv4 or IPv6 address")
	must(cfg.Now != nil, "Now: a clock")
	must(cfg.Nonce != nil, "Nonce: a source of nonces")
	return base, errors.Join(faults...)
}

func longRSA(k crypto.PublicKey) bool {
	pub, ok := k.(*rsa.PublicKey)
	return ok && pub != nil && pub.N != nil && pub.N.BitLen() >= 2048
}

// Pay charges the customer whose code was scanned.
func (c *Channel) Pay(ctx context.Context, o channel.Order) channel.Answer {
	if !c.codepay {
		a := declined("", misconfigured)
		a.Err = fault.New(fault.Invalid, "wechatv3.codepay", "this channel takes no payment codes: use the v2 channel, or switch codepay on where WeChat Pay allows it")
		return a
	}
	if a, ok := refuse(o); !ok {
		return a
	}
	got, err := c.ask(ctx, http.MethodPost, c.transactions("codepay"), c.payRequest(o))
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
	to := c.transactions("out-trade-no", r.OutTradeNo)
	to.RawQuery = c.who.query()
	got, err := c.ask(ctx, http.MethodGet, to, nil)
	if err != nil {
		return failed(err)
	}
	a, state := c.queryFinding(got, r)
	if state == stateRefund && r.Shown {
		return c.undoneByRefund(ctx, r, a)
	}
	return a
}

// Reverse asks to close the order when unpaid and to give all money back when paid.
func (c *Channel) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	if !carry.OrderNumber(r.OutTradeNo) {
		return unknown(errOrderNumber)
	}
	if r.Shown {
		return c.takeBack(ctx, r)
	}
	got, err := c.ask(ctx, http.MethodPost, c.transactions("out-trade-no", r.OutTradeNo, "reverse"), c.who.body(true))
	if err != nil {
		return failed(err)
	}
	return c.reverseFinding(got, r)
}

// transactions is an address below /v3/pay/transactions, or the partner's.
func (c *Channel) transactions(parts ...string) *url.URL {
	first := "v3/pay/transactions"
	if c.who.partner() {
		first = "v3/pay/partner/transactions"
	}
	return c.base.JoinPath(append([]string{first}, parts...)...)
}
