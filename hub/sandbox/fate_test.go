package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// fates is the law of payment codes as merchants see it. A script is a list of steps in order:
// pay, query and undo with the word that must come back (WeChat's/Alipay's when they differ), the
// passing of time, and the ledger of this order (kind@milliseconds since the first step).
var fates = []struct{ code, script string }{
	{"00", `pay=SUCCESS/10000 query=SUCCESS/TRADE_SUCCESS pay=SUCCESS/10000 ledger=charge@0 +3s undo=N/refund
		query=REVOKED/TRADE_CLOSED undo=N/refund pay=ORDERREVERSED/ACQ.TRADE_HAS_CLOSE ledger=charge@0,reversal@3000`},
	{"49", `pay=SUCCESS/10000 ledger=charge@0`},
	{"57", `pay=SUCCESS/10000 ledger=charge@0`},
	{"50", `pay=NOTENOUGH/ACQ.BUYER_BALANCE_NOT_ENOUGH pay=NOTENOUGH/ACQ.BUYER_BALANCE_NOT_ENOUGH query=PAYERROR/TRADE_CLOSED
		undo=N/close query=REVOKED/TRADE_CLOSED ledger=`},
	{"51", `pay=AUTHCODEEXPIRE/ACQ.PAYMENT_AUTH_CODE_INVALID query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST ledger=`},
	{"52", `pay=AUTH_CODE_INVALID/ACQ.PAYMENT_AUTH_CODE_INVALID query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST ledger=`},
	{"53", `pay=USERPAYING/10003 query=USERPAYING/WAIT_BUYER_PAY +4999ms query=USERPAYING/WAIT_BUYER_PAY ledger= +1ms
		query=SUCCESS/TRADE_SUCCESS pay=SUCCESS/10000 +1h ledger=charge@5000 undo=N/refund ledger=charge@5000,reversal@3605000`},
	{"53", `pay=USERPAYING/10003 +1h ledger=charge@5000 query=SUCCESS/TRADE_SUCCESS`},
	{"53", `pay=USERPAYING/10003 +2s undo=USERPAYING/close +1h query=SUCCESS/TRADE_CLOSED ledger=charge@5000/`},
	{"54", `pay=USERPAYING/10003 +4999ms query=USERPAYING/WAIT_BUYER_PAY +1ms query=PAYERROR/TRADE_CLOSED
		pay=TRADE_ERROR/ACQ.TRADE_HAS_CLOSE undo=N/close query=REVOKED/TRADE_CLOSED +1h ledger=`},
	{"55", `pay=USERPAYING/10003 +119999ms query=USERPAYING/WAIT_BUYER_PAY +1ms query=CLOSED/WAIT_BUYER_PAY
		pay=ORDERCLOSED/10003 +3h query=CLOSED/TRADE_CLOSED pay=ORDERCLOSED/ACQ.TRADE_HAS_CLOSE ledger=`},
	{"55", `pay=USERPAYING/10003 +14999ms undo=USERPAYING/close query=USERPAYING/TRADE_CLOSED +1ms undo=N/close
		query=REVOKED/TRADE_CLOSED pay=ORDERREVERSED/ACQ.TRADE_HAS_CLOSE +4h ledger=`},
	{"60", `pay=cut query=SUCCESS/TRADE_SUCCESS pay=SUCCESS/10000 ledger=charge@0`},
	{"61", `pay=cut query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST pay=cut ledger=`},
	{"62", `pay=SYSTEMERROR/ACQ.SYSTEM_ERROR query=SUCCESS/TRADE_SUCCESS pay=SUCCESS/10000 ledger=charge@0`},
	{"63", `pay=SYSTEMERROR/ACQ.SYSTEM_ERROR query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST pay=SYSTEMERROR/ACQ.SYSTEM_ERROR ledger=`},
	{"64", `pay=SUCCESS/10000 held=8s pay=SUCCESS/10000 held= ledger=charge@0`},
	{"65", `pay=forged query=SUCCESS/TRADE_SUCCESS pay=SUCCESS/10000 ledger=charge@0`},
	{"66", `pay=garbled query=SUCCESS/TRADE_SUCCESS pay=SUCCESS/10000 ledger=charge@0`},
	{"70", `pay=cut query=USERPAYING/WAIT_BUYER_PAY undo=Y/retry query=USERPAYING/WAIT_BUYER_PAY undo=Y/retry undo=N/close
		query=REVOKED/TRADE_CLOSED undo=N/close +4h ledger=`},
	{"71", `pay=cut query=USERPAYING/WAIT_BUYER_PAY +20s undo=N/close query=REVOKED/TRADE_CLOSED +5999ms undo=N/close
		query=REVOKED/TRADE_CLOSED ledger= +1ms query=SUCCESS/TRADE_SUCCESS +4s ledger=charge@26000 undo=N/refund
		query=REVOKED/TRADE_CLOSED undo=N/refund +4h ledger=charge@26000,reversal@30000`},
	{"71", `pay=cut +4h query=CLOSED/TRADE_CLOSED undo=N/close +4h ledger=`},
	{"72", `pay=cut query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST query=SUCCESS/TRADE_SUCCESS
		query=SUCCESS/TRADE_SUCCESS ledger=charge@0`},
	{"72", `pay=cut query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST undo=N/refund query=REVOKED/TRADE_CLOSED ledger=charge@0,reversal@0`},
	{"80", `pay=503 query=503 undo=503 +9999ms query=503 pay=503 +1ms query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST pay=503
		query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST undo=ORDERNOTEXIST/ ledger=`},
	{"90", `pay=FREQUENCY_LIMITED/isv.app-call-limited query=ORDERNOTEXIST/ACQ.TRADE_NOT_EXIST pay=SUCCESS/10000
		query=SUCCESS/TRADE_SUCCESS pay=SUCCESS/10000 ledger=charge@0`},
}

func TestFates(t *testing.T) {
	l := start(t)
	for _, wallet := range []string{"wechat", "alipay"} {
		for _, f := range fates {
			t.Run(wallet+"/"+f.code, func(t *testing.T) { l.play(t, wallet, f.code, f.script, false) })
		}
	}
}

// Everything that is planned, counted or remembered lives in the file: the same scripts, with the
// sandbox killed before every step.
func TestFatesAcrossCrashes(t *testing.T) {
	done := map[string]bool{}
	for _, f := range fates {
		if done[f.code] { // one script of each
			continue
		}
		done[f.code] = true
		switch f.code {
		case "53", "70", "71", "72", "80", "90":
			t.Run("wechat/"+f.code, func(t *testing.T) { start(t).play(t, "wechat", f.code, f.script, true) })
		}
	}
}

func (l *lab) play(t *testing.T, wallet, code, script string, crash bool) {
	outer := l.t
	l.t = t
	defer func() { l.t = outer }()
	number, payCode := l.number(), l.code(wallet, code)
	if payCode[len(payCode)-2:] != code {
		t.Fatalf("the code ends in %s, want %s", payCode[len(payCode)-2:], code)
	}
	zero := l.clock.now()
	for i, step := range strings.Fields(script) {
		if crash && step[0] != '+' {
			l.crash()
		}
		if d, err := time.ParseDuration(step); err == nil {
			l.clock.advance(d)
			continue
		}
		what, want, _ := strings.Cut(step, "=")
		w, a, both := strings.Cut(want, "/")
		if both {
			want = map[string]string{"wechat": w, "alipay": a}[wallet]
		}
		if got := l.do(wallet, what, number, payCode, zero); got != want {
			t.Fatalf("step %d: %s gave %q, want %q", i+1, what, got, want)
		}
	}
}

// do carries out one step and gives the word that came back.
func (l *lab) do(wallet, what, number, code string, zero time.Time) (word string) {
	l.t.Helper()
	switch wallet + " " + what {
	case "wechat pay":
		_, word = l.wechat("pay/micropay", l.wechatPay(number, code))
	case "wechat query":
		_, word = l.wechat("pay/orderquery", l.wechatRef(number))
	case "wechat undo":
		_, word = l.wechat("secapi/pay/reverse", l.wechatRef(number))
	case "alipay pay":
		_, word = l.alipay("alipay.trade.pay", l.alipayPay(number, code))
	case "alipay query":
		_, word = l.alipay("alipay.trade.query", fields{"out_trade_no": number})
	case "alipay undo":
		_, word = l.alipay("alipay.trade.cancel", fields{"out_trade_no": number})
	case "unionpay pay":
		_, word = l.unionpay(backTrans, l.unionpayPay(number, code))
	case "unionpay query":
		_, word = l.unionpay(queryTrans, l.unionpayBase("00/00", number))
	case "unionpay undo":
		_, word = l.unionpay(backTrans, l.unionpayBase("99/01", number).with("channelType", "08"))
	case "wechat held", "alipay held", "unionpay held":
		for _, d := range l.heldBack() {
			word += d.String()
		}
	case "wechat ledger", "alipay ledger", "unionpay ledger":
		var lines []string
		for _, x := range l.ledger() {
			if x.Number == number && x.Wallet == wallet && x.Amount == 100 {
				lines = append(lines, fmt.Sprintf("%s@%d", x.Kind, x.At.Sub(zero).Milliseconds()))
			}
		}
		word = strings.Join(lines, ",")
	default:
		l.t.Fatalf("no step %q", what)
	}
	return word
}
