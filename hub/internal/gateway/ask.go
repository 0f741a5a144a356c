package gateway

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/strictjson"
)

const (
	defaultWait = 5 * time.Second
	maxWait     = 60 * time.Second
	maxOrderNo  = 64
	maxSubject  = 127  // characters; the shortest that a wallet takes
	maxMetadata = 4096 // bytes
)

// newPayment is the body of POST /v1/payments, for the document; [parseAsk] reads it.
type newPayment struct {
	OrderNo  string         `json:"order_no" minLength:"1" maxLength:"64" pattern:"^[!-~]+$" doc:"your number for the order, and the idempotency key"`
	Amount   int64          `json:"amount" minimum:"1" maximum:"10000000000" doc:"in fen"`
	Currency string         `json:"currency,omitempty" enum:"CNY" default:"CNY"`
	Code     string         `json:"code,omitempty" minLength:"10" maxLength:"512" doc:"the customer's payment code"`
	Mode     string         `json:"mode,omitempty" enum:"qr" doc:"instead of code: show a QR to the customer; the answer holds it as qr"`
	Wallet   string         `json:"wallet,omitempty" enum:"wechat,alipay" doc:"with mode: whose QR. It may be left out by a merchant who has but one that can be shown"`
	Subject  string         `json:"subject" minLength:"1" maxLength:"127" doc:"shown in the customer's wallet"`
	Store    string         `json:"store,omitempty" pattern:"^sto_[0-9A-Z]{26}$"`
	Terminal string         `json:"terminal,omitempty" pattern:"^trm_[0-9A-Z]{26}$"`
	WaitMS   int64          `json:"wait_ms,omitempty" minimum:"0" maximum:"60000" default:"5000" doc:"how long the answer may wait for the outcome. It is not part of what must be equal in a repeated request"`
	Metadata map[string]any `json:"metadata,omitempty" doc:"an object of yours, at most 4096 bytes, kept as it came"`
}

func invalid(field, format string, args ...any) error {
	return fault.New(fault.Invalid, "request."+field, format, args...)
}

// object decodes a JSON object whose keys are exactly among fields: encoding/json would take
// "AMOUNT" for "amount", so that one body could hold two amounts. Values stay out of its errors,
// for one of them may be a payment code.
func object(body []byte, fields map[string]any) error {
	var raw map[string]json.RawMessage
	if err := strictjson.Decode(body, &raw); err != nil {
		return err
	}
	if raw == nil {
		return invalid("body", "the body is no JSON object")
	}
	for name, value := range raw {
		to, known := fields[name]
		if !known {
			return invalid("field", "field %q is not known here: see /openapi.json", clip(name))
		}
		if bytes.Equal(value, []byte("null")) {
			return invalid(name, "field %q is null: leave it out instead", name)
		}
		if err := json.Unmarshal(value, to); err != nil {
			return invalid(name, "field %q has the wrong type", name)
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 32 {
		return s[:32] + "…"
	}
	return s
}

// parseAsk reads the body of POST /v1/payments.
func (g *Gateway) parseAsk(d *asked) (engine.Ask, time.Duration, error) {
	var (
		n        newPayment
		metadata json.RawMessage
		wait     = defaultWait.Milliseconds()
		none     engine.Ask
	)
	err := object(d.body, map[string]any{
		"order_no": &n.OrderNo, "amount": &n.Amount, "currency": &n.Currency, "code": &n.Code, "mode": &n.Mode, "wallet": &n.Wallet,
		"subject": &n.Subject, "store": &n.Store, "terminal": &n.Terminal, "wait_ms": &wait, "metadata": &metadata,
	})
	if err != nil {
		return none, 0, err
	}
	if err := checkMode(n); err != nil {
		return none, 0, err
	}
	if err := checkOrderNo(n.OrderNo); err != nil {
		return none, 0, err
	}
	if n.Currency == "" {
		n.Currency = string(money.CNY)
	}
	amount, err := money.New(n.Amount, money.Currency(n.Currency))
	if err != nil {
		return none, 0, err
	}
	if err := amount.Charge(); err != nil {
		return none, 0, err
	}
	var code pay.Code
	if n.Mode == "" {
		if code, err = pay.ParseCode(n.Code); err != nil {
			return none, 0, err
		}
	}
	if err := checkSubject(n.Subject); err != nil {
		return none, 0, err
	}
	if n.Store != "" {
		if err := id.Check(id.Store, n.Store); err != nil {
			return none, 0, invalid("store", "store is no store identifier (sto_…)")
		}
	}
	if n.Terminal != "" {
		if err := id.Check(id.Terminal, n.Terminal); err != nil {
			return none, 0, invalid("terminal", "terminal is no terminal identifier (trm_…)")
		}
	}
	if wait < 0 || wait > maxWait.Milliseconds() {
		return none, 0, invalid("wait_ms", "wait_ms must be from 0 to %d", maxWait.Milliseconds())
	}
	kept, canonical, err := checkMetadata(metadata)
	if err != nil {
		return none, 0, err
	}
	return engine.Ask{
		Merchant: d.merchant, Store: n.Store, Terminal: n.Terminal, Source: payment.FromAPI,
		Key: n.OrderNo, OrderNo: n.OrderNo, Amount: amount, Code: code, Subject: n.Subject, Metadata: kept,
		Shown: n.Mode != "", Wallet: pay.Wallet(n.Wallet),
		BodyHash: g.bodyHash(n.OrderNo, strconv.FormatInt(n.Amount, 10), n.Currency, code.Reveal(), n.Subject,
			n.Store, n.Terminal, canonical, n.Mode, n.Wallet),
	}, time.Duration(wait) * time.Millisecond, nil
}

// checkMode takes a payment code, or the mode to show one with or without its wallet.
func checkMode(n newPayment) error {
	switch {
	case n.Mode == "" && n.Wallet != "":
		return invalid("wallet", "wallet goes with mode only: a payment code says itself whose it is")
	case n.Mode == "" && n.Code == "":
		return invalid("code", "the payment code is missing: scan the customer's code and send it as code, or show one with mode \"qr\"")
	case n.Mode == "":
		return nil
	case n.Code != "":
		return invalid("mode", "give code or mode, not both")
	case n.Mode != "qr":
		return invalid("mode", "the only mode is \"qr\"")
	}
	switch w := pay.Wallet(n.Wallet); w {
	case "", pay.WeChat, pay.Alipay, pay.UnionPay: // which of them can be shown is the engine's to say
		return nil
	}
	return invalid("wallet", "wallet is wechat or alipay")
}

// checkOrderNo takes 1 to 64 visible ASCII characters.
func checkOrderNo(s string) error {
	visible := func(r rune) bool { return r > ' ' && r <= '~' }
	if s == "" || len(s) > maxOrderNo || strings.ContainsFunc(s, func(r rune) bool { return !visible(r) }) {
		return invalid("order_no", "order_no must be 1 to %d visible ASCII characters without blanks", maxOrderNo)
	}
	return nil
}

func checkSubject(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return invalid("subject", "subject is missing: say in a few words what is paid for")
	case utf8.RuneCountInString(s) > maxSubject:
		return invalid("subject", "subject is longer than %d characters", maxSubject)
	case strings.ContainsFunc(s, unicode.IsControl), strings.ContainsRune(s, utf8.RuneError):
		return invalid("subject", "subject holds characters that cannot be shown")
	}
	return nil
}

// checkMetadata gives the object as it came, without white space, and a form that is the same
// whatever the order of its keys.
func checkMetadata(raw json.RawMessage) (kept, canonical string, err error) {
	if raw == nil {
		return "", "", nil
	}
	if raw[0] != '{' {
		return "", "", invalid("metadata", "metadata must be a JSON object")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return "", "", invalid("metadata", "metadata does not parse")
	}
	if compact.Len() > maxMetadata {
		return "", "", invalid("metadata", "metadata is above %d bytes", maxMetadata)
	}
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return "", "", invalid("metadata", "metadata does not parse")
	}
	sorted, err := json.Marshal(tree)
	if err != nil {
		return "", "", invalid("metadata", "metadata does not parse")
	}
	return compact.String(), string(sorted), nil
}

// bodyHash tells whether two requests ask the same. It is keyed: a payment code has too few
// digits to hide behind a plain hash.
func (g *Gateway) bodyHash(fields ...string) string {
	mac := hmac.New(sha256.New, g.cfg.HashKey)
	var text []byte
	for _, f := range fields {
		text = append(strconv.AppendInt(text, int64(len(f)), 10), ':')
		text = append(text, f...)
	}
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}

// noBody refuses a body that would be ignored; {} counts as none.
func noBody(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	return object(body, nil)
}

// checkQuery refuses parameters that are unknown or stand twice.
func checkQuery(raw string, known ...string) error {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return invalid("query", "the query does not parse")
	}
	for name, v := range values {
		if !slices.Contains(known, name) {
			return invalid("query", "query parameter %q is not known here", clip(name))
		}
		if len(v) > 1 {
			return invalid("query", "query parameter %q stands twice", name)
		}
	}
	return nil
}
