// Package alipay speaks Alipay's gateway v2 for payment codes and for codes that are shown: a signed form
// in, signed JSON out (handbook: wallets, section 3). alipay.trade.pay charges, alipay.trade.precreate gives
// a code to show, alipay.trade.query asks, alipay.trade.cancel undoes, alipay.trade.refund gives back and
// alipay.trade.fastpay.refund.query asks about that; keys are RSA (RSA2), in public-key or certificate mode.
// Notices come as forms, signed likewise.
//
// It refuses to believe an answer whose node is not signed by Alipay, byte for byte as received and
// before it is parsed, or that is about another order or amount: all of these are Unknown. So is
// error_response, signed or not. It never decides, repeats or remembers anything.
//
// Newcomers get one thing wrong: code 20000, ACQ.SYSTEM_ERROR and "this trade is paid already" are
// no declines; the money may have moved. Only a query tells.
package alipay

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

// Config is one merchant's way to Alipay. All fields but Certs, ContentKey, Partner, RootCAs,
// FormerKeys and NotifyURL are needed.
type Config struct {
	GatewayURL string           // https://openapi.alipay.com/gateway.do; http is taken for this machine only
	AppID      string           // the application
	SellerID   string           // whose account is paid, 2088…
	PrivateKey crypto.Signer    // the application's RSA key; it must be safe for concurrent use
	WalletKey  *rsa.PublicKey   // Alipay's public key for this application
	FormerKeys []*rsa.PublicKey // those it replaces, while Alipay may still sign with them; may be empty
	Certs      *Certificates    // certificate mode: Alipay's keys come with it, WalletKey and FormerKeys are empty; nil: public-key mode
	ContentKey []byte           // AES key of the contents, 16 bytes; nil: they travel in clear inside TLS
	Partner    Partner          // whom a service provider acts for
	RootCAs    *x509.CertPool   // who may vouch for the gateway's host; nil means the system's
	NotifyURL  string           // where Alipay posts notices of a trade and its refunds; none are asked for when empty
	Now        func() time.Time // stamps every request; Alipay refuses a clock that is far off
}

// String keeps key material out of logs and messages.
func (c Config) String() string {
	return "alipay gateway v2, app " + c.AppID + ", seller " + c.SellerID
}

// GoString keeps %#v from showing key material.
func (c Config) GoString() string { return c.String() }

// LogValue keeps slog from showing key material.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Channel is the connector. It is safe for concurrent use.
type Channel struct {
	appID, sellerID, notifyURL string

	key     crypto.Signer
	wallet  *rsa.PublicKey
	former  []*rsa.PublicKey
	certs   *certs  // nil in public-key mode
	content *sealer // nil when contents are not encrypted
	partner Partner
	now     func() time.Time
	gateway *url.URL
	via     http.RoundTripper
}

var _ channel.Channel = (*Channel)(nil)

// String keeps key material out of logs and messages.
func (c *Channel) String() string {
	return "alipay gateway v2, app " + c.appID + ", seller " + c.sellerID
}

// rules are section 6.2: query every 3 s; a cancel is taken at once and within 24 hours. A code
// lives its minute and time_expire closes the trade, so after 75 s nothing can still arrive.
var rules = channel.Rules{
	CallTimeout:      10 * time.Second,
	FirstQuery:       3 * time.Second,
	QueryEvery:       3 * time.Second,
	GiveUp:           45 * time.Second,
	ReverseNotBefore: 0,
	ReverseEvery:     3 * time.Second,
	UndoWindow:       24 * time.Hour,
	Travel:           75 * time.Second,
}

// Rules gives Alipay's pace and windows.
func (c *Channel) Rules() channel.Rules { return rules }

// New checks the whole configuration and names every fault in it (Invalid).
func New(cfg Config) (*Channel, error) {
	gateway, err := checkConfig(cfg)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "alipay.config", "the Alipay channel of app %q is not configured right", cfg.AppID)
	}
	known, err := newCerts(cfg.Certs)
	content, errKey := newSealer(cfg.ContentKey)
	if err := errors.Join(err, errKey); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "alipay.config", "the Alipay channel of app %q is not configured right", cfg.AppID)
	}
	return &Channel{
		certs: known, content: content, partner: cfg.Partner, notifyURL: cfg.NotifyURL,
		appID: cfg.AppID, sellerID: cfg.SellerID, key: cfg.PrivateKey, wallet: cfg.WalletKey, former: cfg.FormerKeys, now: cfg.Now,
		gateway: gateway, via: carry.NewTransport(cfg.RootCAs, nil, 256),
	}, nil
}

var (
	appShape    = regexp.MustCompile(`^[0-9]{10,32}$`)
	sellerShape = regexp.MustCompile(`^2088[0-9]{12}$`)
)

func checkConfig(cfg Config) (*url.URL, error) {
	var faults []error
	must := func(ok bool, text string) {
		if !ok {
			faults = append(faults, errors.New(text))
		}
	}
	const example = "https://openapi.alipay.com/gateway.do"
	gateway, err := carry.WalletURL("GatewayURL", cfg.GatewayURL, example)
	if err != nil {
		faults = append(faults, err)
	}
	must(err != nil || gateway.Path != "/", "GatewayURL: write it as "+example)
	must(appShape.MatchString(cfg.AppID), "AppID: the digits of the application")
	must(sellerShape.MatchString(cfg.SellerID), "SellerID: 16 digits, 2088…")
	// 2048: what RSA2 asks for.
	must(cfg.PrivateKey != nil && longRSA(cfg.PrivateKey.Public()), "PrivateKey: the application's RSA key, 2048 bits or more")
	if cfg.Certs == nil {
		must(cfg.WalletKey != nil && longRSA(cfg.WalletKey), "WalletKey: Alipay's RSA public key, 2048 bits or more")
	} else {
		must(cfg.WalletKey == nil && len(cfg.FormerKeys) == 0, "Certs: in certificate mode there is no WalletKey")
	}
	if err := cfg.Partner.check(); err != nil {
		faults = append(faults, err)
	}
	for _, k := range cfg.FormerKeys {
		must(k != nil && longRSA(k), "FormerKeys: RSA public keys, 2048 bits or more")
	}
	must(cfg.NotifyURL == "" || carry.NotifyURL(cfg.NotifyURL), "NotifyURL: an absolute URL of at most 256 characters, without a query")
	must(cfg.Now != nil, "Now: a clock")
	return gateway, errors.Join(faults...)
}

func longRSA(k crypto.PublicKey) bool {
	pub, ok := k.(*rsa.PublicKey)
	return ok && pub != nil && pub.N != nil && pub.N.BitLen() >= 2048
}

// The methods, each with the name of its answer's node.
var (
	tradePay    = method{"alipay.trade.pay", "alipay_trade_pay_response"}
	tradeQuery  = method{"alipay.trade.query", "alipay_trade_query_response"}
	tradeCancel = method{"alipay.trade.cancel", "alipay_trade_cancel_response"}
)

type method struct{ name, node string }

// Pay charges the customer whose code was scanned.
func (c *Channel) Pay(ctx context.Context, o channel.Order) channel.Answer {
	if a, ok := refuse(o); !ok {
		return a
	}
	form, err := c.form(tradePay, c.payContent(o))
	if err != nil {
		return unsent(err)
	}
	got, err := c.call(ctx, tradePay, form, o.OutTradeNo)
	if err != nil {
		return unknown(err)
	}
	return payFinding(got, channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount}, c.now)
}

// unsent judges an order whose request could not be signed: it was not sent, so it was not charged.
func unsent(err error) channel.Answer {
	if fault.CodeOf(err) == "alipay.busy" { // and it may be sent in a moment
		return channel.Answer{Finding: channel.Busy, Err: err}
	}
	a := declined("", misconfigured)
	a.Err = err
	return a
}

// Query asks how an attempt stands.
func (c *Channel) Query(ctx context.Context, r channel.Ref) channel.Answer {
	got, err := c.about(ctx, tradeQuery, r.OutTradeNo)
	if err != nil {
		return unknown(err)
	}
	return queryFinding(got, r, c.now)
}

// Reverse asks to close the trade when unpaid and to give all money back when paid.
func (c *Channel) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	got, err := c.about(ctx, tradeCancel, r.OutTradeNo)
	if err != nil {
		return unknown(err)
	}
	return cancelFinding(got, r)
}

// about calls a method that takes nothing but the order's number.
func (c *Channel) about(ctx context.Context, m method, outTradeNo string) (answer, error) {
	if !carry.OrderNumber(outTradeNo) {
		return answer{}, errOrderNumber
	}
	form, err := c.form(m, orderContent(outTradeNo))
	if err != nil {
		return answer{}, err
	}
	return c.call(ctx, m, form, outTradeNo)
}
