// Package words says everything on the screen in Chinese and in English, and picks the language.
//
// It refuses to show what it cannot say: a reason without a translation falls back to the
// agent's own English message, never to a bare code. Newcomers get one thing wrong: signs whose
// width depends on the terminal's locale (long dashes, curly quotes, dots, arrows) tear a line
// apart on half of the terminals, so they stay out of the catalogue; a test looks for them.
package words

import (
	"fmt"
	"strings"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// Lang is a language of the screen.
type Lang string

// The languages.
const (
	ZH Lang = "zh"
	EN Lang = "en"
)

// Other is the language the switch key leads to.
func (l Lang) Other() Lang {
	if l == ZH {
		return EN
	}
	return ZH
}

// Say gives the sentence in this language, with its blanks filled.
func (l Lang) Say(k Key, args ...any) string {
	s := k.en
	if l == ZH {
		s = k.zh
	}
	if len(args) == 0 {
		return s
	}
	return fmt.Sprintf(s, args...)
}

// reason is why a sale stands as it does and what the cashier does next.
type reason struct{ why, next Key }

// Why explains a sale that is not paid; with the agent's English message when its reason is new to us.
func (l Lang) Why(s localapi.Sale) string {
	if r, ok := reasons[s.Reason]; ok {
		return l.Say(r.why)
	}
	return s.Message
}

// Next says what the cashier does now that a sale is not paid. After an undoing the customer's
// phone may still show a payment, whatever the reason was.
func (l Lang) Next(s localapi.Sale) string {
	if Lost(s) {
		return l.Say(reasons["deferred_refused"].next)
	}
	if s.State == localapi.StateReversed {
		return l.Say(reasons["reversed"].next)
	}
	if r, ok := reasons[s.Reason]; ok {
		return l.Say(r.next)
	}
	return l.Say(NextScanAgain)
}

// Lost reports a sale whose goods were handed over offline and that could not be collected. One that
// the cashier stopped is none.
func Lost(s localapi.Sale) bool {
	return s.DeferredAt != nil && s.State.Outcome() == pay.NotPaid && s.Reason != "cancelled" && s.Reason != "reversed"
}

// Wallet names how a sale is paid.
func (l Lang) Wallet(s localapi.Sale) string {
	if s.Tender == localapi.TenderCash {
		return l.Say(TenderCash)
	}
	return l.WalletName(s.Wallet)
}

// WalletName names a wallet; "-" while it is not known.
func (l Lang) WalletName(w pay.Wallet) string {
	switch w {
	case pay.WeChat:
		return l.Say(WalletWeChat)
	case pay.Alipay:
		return l.Say(WalletAlipay)
	case pay.UnionPay:
		return l.Say(WalletUnionPay)
	case pay.StoredValue:
		return l.Say(WalletStored)
	}
	return "-"
}

// State is the short word for a list: what is known about the money.
func (l Lang) State(s localapi.State) string {
	switch s {
	case localapi.StatePaid:
		return l.Say(WordPaid)
	case localapi.StateDeclined, localapi.StateReversed, localapi.StateLapsed, localapi.StateCancelled:
		return l.Say(WordNotPaid)
	case localapi.StateWaiting:
		return l.Say(WordWaiting)
	case localapi.StateSending, localapi.StateAccepted, localapi.StateShown, localapi.StatePassword:
		return l.Say(WordRunning)
	case localapi.StateDeferred:
		return l.Say(WordDeferred)
	}
	return l.Say(WordUnknown)
}

// Refund says how a refund stands. A refusal that is new to us says so in our words and gives the
// agent's English message for the reason.
func (l Lang) Refund(r localapi.Refund) string {
	if k, ok := refunds[r.Code]; ok {
		return l.Say(k)
	}
	if r.State == localapi.RefundFailed {
		return l.Say(refunds["refund_failed"]) + ": " + r.Message
	}
	return r.Message
}

// Notice tells of a scan that was not used, by its kind; the agent's message for a new kind.
func (l Lang) Notice(n localapi.Notice) string {
	if k, ok := notices[n.Kind]; ok {
		return l.Say(k)
	}
	if k, ok := staffNotices[n.Kind]; ok {
		return l.Say(k)
	}
	return n.Message
}

// Pick chooses the language: what was asked for, else what the locale says. The Linux text
// console holds 512 glyphs and no Chinese, so it gets English unless Chinese was asked for.
func Pick(asked, lcAll, lcMessages, lang, term string) (Lang, error) {
	switch Lang(asked) {
	case ZH, EN:
		return Lang(asked), nil
	case "":
	default:
		return "", fmt.Errorf("--lang %s is not known: use zh or en", asked)
	}
	locale := lang
	if lcMessages != "" {
		locale = lcMessages
	}
	if lcAll != "" {
		locale = lcAll
	}
	if strings.HasPrefix(strings.ToLower(locale), "zh") && term != "linux" {
		return ZH, nil
	}
	return EN, nil
}
