package sandbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// giving is one paid order of 1.00 and the merchant who refunds it.
type giving struct {
	*lab
	wallet, number string
	since          time.Time
}

func (l *lab) giving(t *testing.T, wallet, fate string) *giving {
	t.Helper()
	g := &giving{lab: l, wallet: wallet, number: l.number(), since: l.clock.now()}
	if wallet == "wechat" {
		g.wechat("pay/micropay", g.wechatPay(g.number, g.code(wallet, fate)))
	} else {
		g.alipay("alipay.trade.pay", g.alipayPay(g.number, g.code(wallet, fate)))
	}
	return g
}

func yuan(fen int) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

func (g *giving) refund(no string, fen int) (fields, string) {
	g.t.Helper()
	if g.wallet == "alipay" {
		got, word := g.alipay("alipay.trade.refund", fields{"out_trade_no": g.number, "out_request_no": no, "refund_amount": yuan(fen)})
		if word == "10000" {
			word += " " + got["fund_change"] + " " + got["refund_fee"]
		}
		return got, word
	}
	return g.wechat("secapi/pay/refund", g.wechatRef(g.number).with("out_refund_no", no).with("total_fee", "100").with("refund_fee", fmt.Sprint(fen)))
}

// ask gives the state of a refund: its status, or the word of the refusal.
func (g *giving) ask(no string) (fields, string) {
	g.t.Helper()
	if g.wallet == "alipay" {
		got, word := g.alipay("alipay.trade.fastpay.refund.query", fields{"out_trade_no": g.number, "out_request_no": no})
		if word == "10000" {
			word = "(" + got["refund_status"] + ")"
		}
		return got, word
	}
	got, word := g.wechat("pay/refundquery", g.wechatRef(g.number).without("out_trade_no").with("out_refund_no", no))
	if word == "SUCCESS" {
		word = got["refund_status_0"]
	}
	return got, word
}

func (g *giving) state() (word string) {
	if g.wallet == "alipay" {
		_, word = g.alipay("alipay.trade.query", fields{"out_trade_no": g.number})
		return word
	}
	_, word = g.wechat("pay/orderquery", g.wechatRef(g.number))
	return word
}

func (g *giving) undo() (word string) {
	if g.wallet == "alipay" {
		_, word = g.alipay("alipay.trade.cancel", fields{"out_trade_no": g.number})
		return word
	}
	got, _ := g.wechat("secapi/pay/reverse", g.wechatRef(g.number))
	return got["err_code"] + got["result_code"]
}

// booked is the order's part of the ledger: "charge 100 @0, refund 40 @3000".
func (g *giving) booked() string {
	var all []string
	for _, x := range g.ledger() {
		if x.Number == g.number {
			all = append(all, fmt.Sprintf("%s %d @%d", x.Kind, x.Amount, x.At.Sub(g.since).Milliseconds()))
		}
	}
	return strings.Join(all, ", ")
}

// TestRefundScripts plays refunds step by step: refund NO FEN, ask NO, state, undo, and the passing of
// time; then the ledger.
func TestRefundScripts(t *testing.T) {
	for _, c := range []struct{ name, wallet, fate, script, ledger string }{
		{"in two parts", "wechat", "00", `ask R1=REFUNDNOTEXIST; refund R1 40=SUCCESS; ask R1=PROCESSING; state=REFUND; +2999ms; ask R1=PROCESSING; +1ms;
			ask R1=SUCCESS; refund R2 60=INVALID_REQ_TOO_MUCH; ask R2=REFUNDNOTEXIST; +57s; refund R2 60=SUCCESS; +1h; ask R2=SUCCESS; refund R3 1=ERROR;
			refund R1 40=SUCCESS; ask R1=SUCCESS; undo=TRADE_ERRORFAIL`, "charge 100 @0, refund 40 @3000, refund 60 @63000"},
		{"in two parts", "alipay", "00", `ask R1=(); refund R1 40=10000 Y 0.40; ask R1=(REFUND_SUCCESS); state=TRADE_SUCCESS; refund R1 40=10000 N 0.40;
			undo=ACQ.CANCEL_NOT_ALLOWED; +1s; refund R2 60=10000 Y 1.00; state=TRADE_CLOSED; refund R3 1=ACQ.TRADE_HAS_CLOSE; refund R1 40=10000 N 1.00`,
			"charge 100 @0, refund 40 @0, refund 60 @1000"},
		{"another amount", "wechat", "00", `refund R1 40=SUCCESS; +1h; refund R1 41=REFUND_FEE_MISMATCH; ask R1=SUCCESS`, "charge 100 @0, refund 40 @3000"},
		{"another amount", "alipay", "00", `refund R1 40=10000 Y 0.40; refund R1 41=ACQ.DISCORDANT_REPEAT_REQUEST`, "charge 100 @0, refund 40 @0"},
		{"beyond", "wechat", "00", `refund R1 40=SUCCESS; +1h; refund R2 61=ERROR; refund R2 60=SUCCESS; +3s`, "charge 100 @0, refund 40 @3000, refund 60 @3603000"},
		{"beyond", "alipay", "00", `refund R1 40=10000 Y 0.40; refund R2 61=ACQ.REASON_TRADE_REFUND_FEE_ERR; ask R2=()`, "charge 100 @0, refund 40 @0"},
		{"reversed before", "wechat", "00", `undo=SUCCESS; refund R1 40=ERROR; state=REVOKED`, "charge 100 @0, reversal 100 @0"},
		{"reversed before", "alipay", "00", `undo=refund; refund R1 40=ACQ.TRADE_HAS_CLOSE; state=TRADE_CLOSED`, "charge 100 @0, reversal 100 @0"},
		{"the last day", "wechat", "00", `+8760h; refund R1 40=SUCCESS; +3s`, "charge 100 @0, refund 40 @31536003000"},
		{"too late", "wechat", "00", `+8760h; +1ms; refund R1 40=TRADE_OVERDUE`, "charge 100 @0"},
		{"too late", "alipay", "00", `+8760h; +1ms; refund R1 40=ACQ.TRADE_HAS_FINISHED`, "charge 100 @0"},
		{"given up", "wechat", "73", `refund R1 40=SUCCESS; +3s; ask R1=REFUNDCLOSE; refund R1 40=SUCCESS; ask R1=REFUNDCLOSE; +1m; refund R2 100=SUCCESS`, "charge 100 @0"},
		{"given up", "alipay", "73", `refund R1 40=ACQ.SELLER_BALANCE_NOT_ENOUGH; ask R1=()`, "charge 100 @0"},
		{"an empty account", "wechat", "74", `refund R1 40=NOTENOUGH; ask R1=REFUNDNOTEXIST`, "charge 100 @0"},
		{"an empty account", "alipay", "74", `refund R1 40=ACQ.SELLER_BALANCE_NOT_ENOUGH; ask R1=()`, "charge 100 @0"},
		{"unpaid", "wechat", "55", `refund R1 40=ORDER_NOT_READY`, ""},
		{"unpaid", "alipay", "55", `refund R1 40=ACQ.TRADE_STATUS_ERROR`, ""},
		{"never paid", "wechat", "61", `refund R1 40=INVALID_TRANSACTIONID; ask R1=REFUNDNOTEXIST`, ""},
		{"never paid", "alipay", "61", `refund R1 40=ACQ.TRADE_NOT_EXIST; ask R1=ACQ.TRADE_NOT_EXIST`, ""},
	} {
		t.Run(c.wallet+"/"+c.name, func(t *testing.T) {
			l := start(t)
			g := l.giving(t, c.wallet, c.fate)
			prefix := g.number // WeChat's refund numbers are a merchant's, not an order's
			for step := range strings.SplitSeq(c.script, ";") {
				step = strings.Join(strings.Fields(step), " ")
				if d, ok := strings.CutPrefix(step, "+"); ok {
					pause, err := time.ParseDuration(d)
					if err != nil {
						t.Fatal(err)
					}
					l.clock.advance(pause)
					continue
				}
				what, want, _ := strings.Cut(step, "=")
				words := strings.Fields(what)
				var got string
				switch words[0] {
				case "refund":
					var fen int
					fmt.Sscan(words[2], &fen)
					_, got = g.refund(prefix+words[1], fen)
				case "ask":
					_, got = g.ask(prefix + words[1])
				case "state":
					got = g.state()
				case "undo":
					got = g.undo()
				default:
					t.Fatalf("step %q", step)
				}
				if got != want {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			if got := g.booked(); got != c.ledger {
				t.Errorf("the ledger says %q, want %q", got, c.ledger)
			}
		})
	}
}

// TestRefundAnswersInFull: what the wallets' own documents promise, field by field.
func TestRefundAnswersInFull(t *testing.T) {
	l := start(t)
	w := l.giving(t, "wechat", "00")
	got, _ := w.refund(w.number+"R", 40)
	for name, want := range map[string]string{"out_trade_no": w.number, "out_refund_no": w.number + "R", "refund_fee": "40", "total_fee": "100",
		"cash_fee": "100", "cash_refund_fee": "40", "fee_type": "CNY", "coupon_refund_fee": "0"} {
		if got[name] != want {
			t.Errorf("refund: %s is %q, want %q", name, got[name], want)
		}
	}
	if len(got["refund_id"]) != 28 || len(got["transaction_id"]) != 28 || got["refund_status"] != "" {
		t.Errorf("refund: %v", got)
	}
	l.clock.advance(time.Hour)
	for _, f := range []fields{
		w.wechatRef(w.number), w.wechatRef(w.number).without("out_trade_no").with("refund_id", got["refund_id"]),
		w.wechatRef(w.number).without("out_trade_no").with("transaction_id", got["transaction_id"]),
		w.wechatRef("other").with("out_refund_no", w.number+"R"), // the refund's number wins
	} {
		asked, word := w.wechat("pay/refundquery", f)
		if word != "SUCCESS" || asked["refund_count"] != "1" || asked["out_refund_no_0"] != w.number+"R" || asked["refund_id_0"] != got["refund_id"] ||
			asked["refund_status_0"] != "SUCCESS" || asked["refund_fee_0"] != "40" || asked["refund_success_time_0"] != "2026-01-01 12:00:03" ||
			asked["out_trade_no"] != w.number || asked["refund_recv_accout_0"] == "" {
			t.Errorf("%v: %s %v", f, word, asked)
		}
	}
	if _, word := w.wechat("pay/refundquery", w.wechatRef("x").without("out_trade_no")); word != "LACK_PARAMS" {
		t.Errorf("a question about nothing: %s", word)
	}
	if _, word := w.wechat("pay/refundquery", w.wechatRef("x").without("out_trade_no").with("refund_id", "5000000001202601010000000099")); word != "REFUNDNOTEXIST" {
		t.Errorf("nobody's refund_id: %s", word)
	}
	a := l.giving(t, "alipay", "00")
	a.refund("R", 40)
	params := a.alipayParams("alipay.trade.fastpay.refund.query", map[string]any{"out_trade_no": a.number, "out_request_no": "R", "query_options": []string{"gmt_refund_pay"}})
	asked, _ := a.alipayRaw("alipay.trade.fastpay.refund.query", params)
	for name, want := range map[string]string{"out_trade_no": a.number, "out_request_no": "R", "refund_amount": "0.40", "total_amount": "1.00",
		"refund_status": "REFUND_SUCCESS", "gmt_refund_pay": l.clock.now().In(time.FixedZone("", 8*3600)).Format(time.DateTime)} {
		if asked[name] != want {
			t.Errorf("refund.query: %s is %q, want %q", name, asked[name], want)
		}
	}
	if asked, _ := a.ask("R"); asked["gmt_refund_pay"] != "" {
		t.Error("gmt_refund_pay was told without being asked for")
	}
	// Without a number only the whole may go back.
	b := l.giving(t, "alipay", "00")
	if _, word := b.alipay("alipay.trade.refund", fields{"out_trade_no": b.number, "refund_amount": "0.40"}); word != "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL" {
		t.Errorf("a part without a number: %s", word)
	}
	if whole, _ := b.alipay("alipay.trade.refund", fields{"out_trade_no": b.number, "refund_amount": "1.00"}); whole["fund_change"] != "Y" {
		t.Errorf("the whole without a number: %v", whole)
	}
}

// TestRefundIsRefusedUnlessProper: certificate, parameters, and whose order it is.
func TestRefundIsRefusedUnlessProper(t *testing.T) {
	l := start(t)
	w := l.giving(t, "wechat", "00")
	good := w.wechatRef(w.number).with("out_refund_no", "REFUND01").with("total_fee", "100").with("refund_fee", "40")
	bare := l.withCert
	l.withCert = l.bare
	if _, word := l.wechat("secapi/pay/refund", good); word != "gate CERT_ERROR" {
		t.Errorf("without the merchant's certificate: %s", word)
	}
	l.withCert = bare
	for name, c := range map[string]struct {
		f    fields
		want string
	}{
		"no number":        {good.without("out_refund_no"), "gate LACK_PARAMS"},
		"no order":         {good.without("out_trade_no"), "LACK_PARAMS"},
		"no total":         {good.without("total_fee"), "gate LACK_PARAMS"},
		"another total":    {good.with("total_fee", "101"), "REFUND_FEE_MISMATCH"},
		"nothing back":     {good.with("refund_fee", "0"), "PARAM_ERROR"},
		"yuan":             {good.with("refund_fee", "0.40"), "PARAM_ERROR"},
		"another currency": {good.with("refund_fee_type", "USD"), "PARAM_ERROR"},
		"a long reason":    {good.with("refund_desc", strings.Repeat("冷", 81)), "PARAM_ERROR"},
		"an unknown field": {good.with("refund_channel", "ORIGINAL"), "PARAM_ERROR"},
		"nobody's order":   {good.with("out_trade_no", "NOBODY"), "INVALID_TRANSACTIONID"},
	} {
		if _, word := l.wechat("secapi/pay/refund", c.f); word != c.want {
			t.Errorf("%s: %s, want %s", name, word, c.want)
		}
	}
	if _, word := l.wechat("secapi/pay/refund", good); word != "SUCCESS" {
		t.Errorf("the proper one: %s", word)
	}
	other := l.giving(t, "wechat", "00")
	if _, word := other.refund("REFUND01", 40); word != "REFUND_FEE_MISMATCH" {
		t.Errorf("another order's refund number: %s", word)
	}
	a := l.giving(t, "alipay", "00")
	for name, biz := range map[string]fields{
		"no amount":        {"out_trade_no": a.number, "out_request_no": "R"},
		"no order":         {"out_request_no": "R", "refund_amount": "0.40"},
		"three decimals":   {"out_trade_no": a.number, "out_request_no": "R", "refund_amount": "0.401"},
		"nothing back":     {"out_trade_no": a.number, "out_request_no": "R", "refund_amount": "0.00"},
		"an unknown field": {"out_trade_no": a.number, "out_request_no": "R", "refund_amount": "0.40", "refund_fee": "0.40"},
	} {
		if _, word := a.alipay("alipay.trade.refund", biz); word != "ACQ.INVALID_PARAMETER" {
			t.Errorf("%s: %s", name, word)
		}
	}
	if _, word := a.alipay("alipay.trade.fastpay.refund.query", fields{"out_trade_no": a.number}); word != "ACQ.INVALID_PARAMETER" {
		t.Errorf("a question without a number: %s", word)
	}
}

// TestRefundsOutliveACrash: what was taken is made once, at its moment, whoever restarts in between.
func TestRefundsOutliveACrash(t *testing.T) {
	l := start(t)
	g := l.giving(t, "wechat", "00")
	g.refund(g.number+"R", 40)
	l.clock.advance(time.Second)
	l.crash()
	g.lab = l
	if _, word := g.ask(g.number + "R"); word != "PROCESSING" {
		t.Errorf("after a crash it is %s", word)
	}
	l.clock.advance(time.Hour)
	l.crash()
	if got, want := g.booked(), "charge 100 @0, refund 40 @3000"; got != want {
		t.Errorf("the ledger says %q, want %q", got, want)
	}
	status, body, _ := l.send(l.bare, "GET", "http://"+l.s.Addr()+"/sandbox/ledger", "", nil)
	var names []string
	for text := range strings.Lines(string(body)) {
		var x struct {
			Kind   string
			Refund string `json:"out_refund_no"`
		}
		if err := json.Unmarshal([]byte(text), &x); err != nil {
			t.Fatal(err)
		}
		names = append(names, x.Kind+" "+x.Refund)
	}
	if want := []string{"charge ", "refund " + g.number + "R"}; status != 200 || !slices.Equal(names, want) {
		t.Errorf("the ledger's lines are %v, want %v", names, want)
	}
}
