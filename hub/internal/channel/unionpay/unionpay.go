// Package unionpay speaks UnionPay's full-channel gateway 5.1.0 for payment codes: a signed form
// in, signed fields out (handbook: wallets, section 4). Consumption 01/06 charges, query 00/00
// asks, reversal 99/01 undoes, refund 04/00 and undo 31/00 give money back; keys are RSA (signMethod 01).
//
// It refuses to believe an answer whose certificate is not UnionPay's, whose signature does not
// cover every field, or that is about another merchant, order, moment or amount: all of these are
// Unknown. It never decides, repeats or remembers anything.
//
// Newcomers get one thing wrong: respCode 00 of a consumption means accepted, not paid. Only a
// query tells, and there too respCode speaks of the question; the money is in origRespCode.
//
// UNVERIFIED, and so written to be safe either way:
//   - the texts of most respCodes: what is not in a table here is no decline of a pay call
//   - what a query says after a reversal: txnType 99 with origRespCode 00 is read as reversed, a
//     failure as declined; a wallet that goes on saying 00 as for a sale is taken at its word
//   - what a reversal answers for an order that failed; for one that never came 34 is expected
//   - 06 is taken for "not carried out, come again"; the code's single use guards against the rest
//   - traceTime has no year: it is taken from the order's own time
//   - backUrl is needed: UnionPay's samples name a fixed address for who wants no notices
//
// Reverse undoes what is in doubt with 99/01; what is known to be paid is given back by Refund, and there by the
// undo 31/00 when it is all of a payment, on its own day, and [Config.Void] says that the contract has it. UNVERIFIED,
// and so: an undo that is refused is sent as a refund under the same number, once UnionPay knows no such undo.
package unionpay

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
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

// Config is one merchant's way to UnionPay. All fields are needed but those that say what is
// taken when they are empty.
type Config struct {
	BaseURL     string              // https://gateway.95516.com/gateway/api; http is taken for this machine only
	FileURL     string              // https://filedownload.95516.com/, where settlement files are; without it there are no bills
	MerID       string              // the merchant, 15 digits
	TermID      string              // the terminal registered at UnionPay, 8 digits; not sent when empty
	ChannelType string              // 07 or 08, as the contract says; 07 when empty
	BackURL     string              // where UnionPay posts notices; NoNotices when empty
	PrivateKey  crypto.Signer       // the merchant's signing key (RSA); it must be safe for concurrent use
	Cert        *x509.Certificate   // the key's certificate; its serial number is sent as certId
	SignRoots   *x509.CertPool      // who vouches for UnionPay's signing certificate: acp root
	SignMiddle  []*x509.Certificate // between root and signing certificate: acp middle
	Void        bool                // give all of a payment back on its own day by 消费撤销 (31), not by a refund
	Signer      string              // third part of that certificate's name; Production when empty
	RootCAs     *x509.CertPool      // who may vouch for the gateway's host; nil means the system's
	Now         func() time.Time    // judges certificates and the day's end; UnionPay refuses a clock that is far off
}

// The names in UnionPay's signing certificates.
const (
	Production = "中国银联股份有限公司"
	Test       = "00040000:SIGN"
)

// NoNotices is the address UnionPay's samples send when no notices are wanted.
const NoNotices = "http://www.specialUrl.com"

// String keeps key material out of logs and messages.
func (c Config) String() string { return "unionpay acp 5.1.0, merchant " + c.MerID }

// GoString keeps %#v from showing key material.
func (c Config) GoString() string { return c.String() }

// LogValue keeps slog from showing key material.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Channel is the connector. It is safe for concurrent use.
type Channel struct {
	merID, termID, channelType, backURL, certID string

	void bool

	key         crypto.Signer
	trust       *trust
	now         func() time.Time
	back, query *url.URL
	file        *url.URL // nil without settlement files
	via         http.RoundTripper
}

var (
	_ channel.Channel  = (*Channel)(nil)
	_ channel.Refunder = (*Channel)(nil)
)

// String keeps key material out of logs and messages.
func (c *Channel) String() string { return "unionpay acp 5.1.0, merchant " + c.merID }

// rules are section 6.3: queries at 1, 2, 4, 8, 16 and 32 s, then the reversal. UnionPay's day ends
// at 23:00 and with it the reversal. An order has no expiry of its own here: 90 s is the code's
// minute and half of another for clocks, after which UnionPay refuses a request that arrives late.
var rules = channel.Rules{
	CallTimeout:      10 * time.Second,
	FirstQuery:       time.Second,
	QueryEvery:       time.Second,
	QueryDoubles:     true,
	GiveUp:           63 * time.Second,
	ReverseNotBefore: 0,
	ReverseEvery:     3 * time.Second,
	UndoWindow:       24 * time.Hour,
	UndoDayEnds:      23 * time.Hour,
	Travel:           90 * time.Second,
}

// Rules gives UnionPay's pace and windows.
func (c *Channel) Rules() channel.Rules { return rules }

// New checks the whole configuration and names every fault in it (Invalid).
func New(cfg Config) (*Channel, error) {
	base, err := checkConfig(&cfg)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "unionpay.config", "the UnionPay channel of merchant %q is not configured right", cfg.MerID)
	}
	var file *url.URL
	if cfg.FileURL != "" {
		if file, err = carry.WalletURL("FileURL", cfg.FileURL, "https://filedownload.95516.com/"); err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "unionpay.config", "the UnionPay channel of merchant %q has no good FileURL", cfg.MerID)
		}
		file = file.JoinPath("/") // the address ends with it, and a redirect is not followed
	}
	return &Channel{
		file: file, merID: cfg.MerID, termID: cfg.TermID, channelType: cfg.ChannelType, backURL: cfg.BackURL, void: cfg.Void,
		certID: cfg.Cert.SerialNumber.String(), key: cfg.PrivateKey, trust: newTrust(cfg), now: cfg.Now,
		back: base.JoinPath("backTransReq.do"), query: base.JoinPath("queryTrans.do"),
		via: carry.NewTransport(cfg.RootCAs, nil, 256),
	}, nil
}

var (
	merShape  = regexp.MustCompile(`^[0-9]{15}$`)
	termShape = regexp.MustCompile(`^([0-9]{8})?$`)
)

func checkConfig(cfg *Config) (*url.URL, error) {
	var faults []error
	must := func(ok bool, text string) {
		if !ok {
			faults = append(faults, errors.New(text))
		}
	}
	if cfg.ChannelType == "" {
		cfg.ChannelType = "07"
	}
	if cfg.BackURL == "" {
		cfg.BackURL = NoNotices
	}
	if cfg.Signer == "" {
		cfg.Signer = Production
	}
	base, err := carry.WalletURL("BaseURL", cfg.BaseURL, "https://gateway.95516.com/gateway/api")
	if err != nil {
		faults = append(faults, err)
	}
	must(merShape.MatchString(cfg.MerID), "MerID: the merchant number, 15 digits")
	must(termShape.MatchString(cfg.TermID), "TermID: 8 digits, or none")
	must(cfg.ChannelType == "07" || cfg.ChannelType == "08", "ChannelType: 07 or 08")
	must(carry.NotifyURL(cfg.BackURL), "BackURL: an absolute URL of at most 256 characters, without a query")
	must(cfg.PrivateKey != nil && longRSA(cfg.PrivateKey.Public()), "PrivateKey: the merchant's RSA signing key, 2048 bits or more")
	must(cfg.Cert != nil, "Cert: the certificate of the signing key")
	if cfg.Cert != nil && cfg.PrivateKey != nil {
		pub, ok := cfg.Cert.PublicKey.(*rsa.PublicKey)
		must(ok && pub.Equal(cfg.PrivateKey.Public()), "Cert: it belongs to another key")
	}
	must(cfg.SignRoots != nil, "SignRoots: UnionPay's root certificate; without it any answer could be forged")
	must(!strings.Contains(cfg.Signer, "@"), "Signer: the third part of the certificate's name, without @")
	must(cfg.Now != nil, "Now: a clock")
	return base, errors.Join(faults...)
}

func longRSA(k crypto.PublicKey) bool {
	pub, ok := k.(*rsa.PublicKey)
	return ok && pub != nil && pub.N != nil && pub.N.BitLen() >= 2048
}

// Pay charges the customer whose code was scanned. The best it can say is Pending.
func (c *Channel) Pay(ctx context.Context, o channel.Order) channel.Answer {
	if a, ok := refuse(o); !ok {
		return a
	}
	form, err := c.form(c.payFields(o))
	if fault.CodeOf(err) == codeBusy { // not sent, and it may be in a moment
		return channel.Answer{Finding: channel.Busy, Err: err}
	}
	if err != nil { // not sent, so not charged
		a := declined("", misconfigured)
		a.Err = err
		return a
	}
	name := naming(o.OutTradeNo, o.SentAt)
	got, err := c.call(ctx, c.back, form, name)
	if err != nil {
		return unknown(err)
	}
	return payFinding(got, name, o.Amount)
}

// Query asks how an attempt stands.
func (c *Channel) Query(ctx context.Context, r channel.Ref) channel.Answer {
	got, err := c.about(ctx, c.query, kindQuery, r)
	if err != nil {
		return unknown(err)
	}
	return queryFinding(got, r, c.now)
}

// Reverse asks to close the order when unpaid and to give all money back when paid. After 23:00
// UnionPay takes no reversal of the day before, and only tells: an order that failed is closed,
// and one that was paid needs a refund, which is a person's decision.
func (c *Channel) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	if !c.now().Before(rules.UndoUntil(r.SentAt)) {
		return c.reverseLate(ctx, r)
	}
	got, err := c.about(ctx, c.back, kindReversal, r)
	if err != nil {
		return unknown(err)
	}
	return reverseFinding(got, r)
}

func (c *Channel) reverseLate(ctx context.Context, r channel.Ref) channel.Answer {
	a := c.Query(ctx, r)
	switch a.Finding {
	case channel.Declined: // it failed, and cannot be paid any more
		return channel.Answer{Finding: channel.Reversed, WalletRef: a.WalletRef}
	case channel.Approved:
		return unknown(doubt("too_late", "paid, and UnionPay's day is over: only a refund gives the money back"))
	case channel.Pending:
		return unknown(doubt("too_late", "UnionPay's day is over and it is still at work: wait for its settlement file"))
	}
	return a
}

// about calls for something that is named by the order's number and moment alone.
func (c *Channel) about(ctx context.Context, to *url.URL, k kind, r channel.Ref) (fields, error) {
	if !carry.OrderNumber(r.OutTradeNo) || r.SentAt.IsZero() {
		return nil, errOrderNumber
	}
	name := naming(r.OutTradeNo, r.SentAt)
	form, err := c.form(c.orderFields(k, name))
	if err != nil {
		return nil, err
	}
	return c.call(ctx, to, form, name)
}
