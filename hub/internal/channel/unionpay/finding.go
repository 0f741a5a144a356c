package unionpay

import (
	"strconv"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/money"
)

func unknown(err error) channel.Answer { return channel.Answer{Finding: channel.Unknown, Err: err} }

func declined(wallet string, d channel.Decline) channel.Answer {
	d.Wallet = wallet
	return channel.Answer{Finding: channel.Declined, Decline: d}
}

// names reports that the answer names merchant, order and moment; [Channel.call] compared what it
// names. One that names nothing proves nothing about ours.
func (f fields) names() bool {
	return f.get("merId") != "" && f.get("orderId") != "" && f.get("txnTime") != ""
}

// is reports the kind of transaction an answer speaks of. A sale and its reversal share number and
// moment, so their answers differ in this alone.
func (f fields) is(k kind) bool {
	return f.get("txnType") == k.txnType && f.get("txnSubType") == k.subType
}

func (f fields) said(code string) string { return carry.Printable(f.get(code)) }

// payFinding judges the answer of a consumption. Whatever was accepted is Pending: UnionPay goes
// on with it, and tells how it ended when it is asked.
func payFinding(got fields, n name, sum money.Amount) channel.Answer {
	code := got.get("respCode")
	d, refused := payDeclines[code]
	switch {
	case refused && d.Code == channel.Misconfigured: // the gate's own refusals need not name an order
		a := declined(code, d)
		a.Err = doubt("misconfigured", "respCode %s: check the merchant's rights, keys and our request", code)
		return a
	case !got.names() || !got.is(kindPay):
		return unknown(doubt("foreign", "respCode %q without the order it speaks of", got.said("respCode")))
	case code == "00" || code == "A6" || code == "05":
		if err := agree(got, channel.Ref{Amount: sum}, false); err != nil {
			return unknown(err)
		}
		return channel.Answer{Finding: channel.Pending, Working: true, WalletRef: got.get("queryId")}
	case code == "06":
		return channel.Answer{Finding: channel.Busy, Err: doubt("busy", "respCode 06: UnionPay is busy, slow down")}
	case refused:
		return declined(code, d)
	}
	return unknown(doubt("refused", "respCode %q leaves the payment open: query", got.said("respCode")))
}

// queryFinding reads origRespCode: respCode only says that the question was understood.
func queryFinding(got fields, r channel.Ref, now func() time.Time) channel.Answer {
	switch code := got.get("respCode"); {
	case !got.names():
		return unknown(doubt("foreign", "respCode %q without the order it speaks of", got.said("respCode")))
	case code == "34":
		return channel.Answer{Finding: channel.Absent}
	case code != "00":
		return unknown(doubt("refused", "respCode %q: ask again", got.said("respCode")))
	}
	state := got.get("origRespCode")
	if got.get("txnType") == kindReversal.txnType {
		// The latest under this number and moment is the reversal, with a queryId of its own.
		if state != "00" {
			return unknown(doubt("state", "the reversal stands at %q", got.said("origRespCode")))
		}
		if err := agree(got, channel.Ref{Amount: r.Amount}, false); err != nil {
			return unknown(err)
		}
		return channel.Answer{Finding: channel.Reversed}
	}
	if t := got.get("txnType"); t != kindPay.txnType && t != kindQuery.txnType {
		return unknown(doubt("foreign", "the answer is about a transaction of type %q", got.said("txnType")))
	}
	if state == "00" || state == "A6" {
		return approved(got, r, now)
	}
	if err := agree(got, r, false); err != nil {
		return unknown(err)
	}
	switch {
	case state == "03" || state == "04" || state == "05":
		return channel.Answer{Finding: channel.Pending, Working: true, WalletRef: got.get("queryId")}
	case failed(state):
		a := declined(state, reasonOf(state))
		a.WalletRef = got.get("queryId")
		return a
	}
	return unknown(doubt("state", "origRespCode is %q", got.said("origRespCode")))
}

// approved holds a success against what was asked for. Whatever disagrees proves nothing.
func approved(got fields, r channel.Ref, now func() time.Time) channel.Answer {
	if err := agree(got, r, true); err != nil {
		return unknown(err)
	}
	a := channel.Answer{Finding: channel.Approved, WalletRef: got.get("queryId")}
	var ok bool
	if a.PaidAt, ok = traceTime(got.get("traceTime"), r.SentAt); !ok {
		// The money is proven; only its minute is not, and ours is close.
		a.PaidAt, a.Err = now().UTC(), doubt("time", "traceTime is missing or wrong: our own clock stands in")
	}
	return a
}

// agree checks that an answer speaks, where it names them or must, of our money and of UnionPay's
// number known before. Order and moment were compared before.
func agree(got fields, r channel.Ref, paid bool) error {
	sum, currency, ref := got.get("txnAmt"), got.get("currencyCode"), got.get("queryId")
	switch {
	case (paid || sum != "") && sum != fen(r.Amount):
		return doubt("amount", "the answer is for another amount: look at the wallet's platform")
	case (paid || currency != "") && currency != cny:
		return doubt("currency", "the answer is in another currency")
	case paid && ref == "":
		return doubt("reference", "the answer names no queryId")
	case r.WalletRef != "" && ref != "" && ref != r.WalletRef:
		return doubt("reference", "the answer is for another queryId")
	}
	return nil
}

// traceTime reads MMDDhhmmss, Beijing's, in the year that brings it nearest to the order's own
// moment. It is false more than a day away from it.
func traceTime(text string, sent time.Time) (time.Time, bool) {
	if len(text) != 10 {
		return time.Time{}, false
	}
	year := sent.In(beijing).Year()
	for y := year - 1; y <= year+1; y++ {
		at, err := time.ParseInLocation(timeLayout, strconv.Itoa(y)+text, beijing)
		if err == nil && at.Sub(sent).Abs() <= 24*time.Hour {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// reverseFinding wants the plain word: 00, about a reversal. Everything else leaves it open, and
// the next query tells.
func reverseFinding(got fields, r channel.Ref) channel.Answer {
	code := got.get("respCode")
	switch {
	case !got.names() || !got.is(kindReversal):
		return unknown(doubt("foreign", "respCode %q without the reversal it speaks of", got.said("respCode")))
	case code == "34":
		return channel.Answer{Finding: channel.Absent} // the request to pay may still be on its way
	case code != "00":
		return unknown(doubt("refused", "respCode %q: not undone, reverse again", got.said("respCode")))
	}
	if err := agree(got, channel.Ref{Amount: r.Amount}, false); err != nil {
		return unknown(err)
	}
	return channel.Answer{Finding: channel.Reversed}
}
