package sandbox_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// TestUnionPayDay: until 23:00 a payment of the day is reversed or undone; afterwards only a refund
// gives money back.
func TestUnionPayDay(t *testing.T) {
	l := start(t)
	refs := map[string]string{}
	for _, n := range []string{"DAY00001", "DAY00002", "DAY00003"} {
		got, _ := l.unionpay(backTrans, l.unionpayPay(n, l.code("unionpay", "00")))
		refs[n] = got["queryId"]
	}
	reverse := func(n string) string {
		_, word := l.unionpay(backTrans, l.unionpayBase("99/01", n).with("channelType", "08"))
		return word
	}
	back := func(kind, n, of, fen string) string {
		_, word := l.unionpay(backTrans, l.unionpayBack(kind, n, refs[of], fen))
		return word
	}
	l.clock.advance(10*time.Hour + 59*time.Minute + 59*time.Second)
	if word := reverse("DAY00001"); word != "00" {
		t.Errorf("22:59:59: %s", word)
	}
	l.clock.advance(time.Second)
	if word := reverse("DAY00002"); word != "30" {
		t.Errorf("23:00:00: %s", word)
	}
	if word := back("31/00", "UNDO0002", "DAY00002", "100"); word != "35" {
		t.Errorf("undone at 23:00:00: %s", word)
	}
	if word := back("04/00", "BACK0002", "DAY00002", "100"); word != "00" {
		t.Errorf("refunded at 23:00:00: %s", word)
	}
	l.clock.advance(30 * 24 * time.Hour)
	if word := back("04/00", "BACK0003", "DAY00003", "100"); word != "35" {
		t.Errorf("after 30 days: %s", word)
	}
}

// TestUnionPayGivesBack: refunds in parts up to the whole, an undo of the whole once, never both, and
// each an order of its own.
func TestUnionPayGivesBack(t *testing.T) {
	l := start(t)
	refs := map[string]string{}
	for _, n := range []string{"SALE0001", "SALE0002", "SALE0003"} {
		got, _ := l.unionpay(backTrans, l.unionpayPay(n, l.code("unionpay", "00")))
		refs[n] = got["queryId"]
	}
	unpaid, _ := l.unionpay(backTrans, l.unionpayPay("SALE0004", l.code("unionpay", "55")))
	refs["SALE0004"] = unpaid["queryId"]
	for i, c := range []struct{ kind, number, of, fen, want string }{
		{"04/00", "BACK0001", "SALE0001", "60", "00"}, {"04/00", "BACK0001", "SALE0001", "60", "12"}, {"04/00", "BACK0001", "SALE0001", "10", "12"},
		{"04/00", "BACK0002", "SALE0001", "41", "37"}, {"04/00", "BACK0002", "SALE0001", "40", "00"}, {"04/00", "BACK0003", "SALE0001", "1", "35"},
		{"31/00", "UNDO0001", "SALE0001", "100", "35"}, // refunded before
		{"31/00", "UNDO0002", "SALE0002", "99", "35"}, {"31/00", "UNDO0003", "SALE0002", "100", "00"}, {"31/00", "UNDO0004", "SALE0002", "100", "35"},
		{"04/00", "BACK0004", "SALE0002", "1", "35"}, // undone before
		{"04/00", "BACK0005", "SALE0004", "1", "35"}, {"04/00", "SALE0003", "SALE0003", "1", "12"}, {"04/00", "BACK0006", "SALE0003", "0", "10"},
	} {
		if got, word := l.unionpay(backTrans, l.unionpayBack(c.kind, c.number, refs[c.of], c.fen)); word != c.want {
			t.Errorf("%d, %+v: %s %v", i, c, word, got)
		}
	}
	byName := l.unionpayBase("04/00", "BACK0007")
	maps.Copy(byName, fields{"channelType": "08", "txnAmt": "100", "backUrl": "http://127.0.0.1/n", "origOrderId": "SALE0003", "origTxnTime": l.moment("SALE0003")})
	for _, bad := range []fields{byName.without("origTxnTime"), byName.without("origOrderId"), byName.with("txnTime", "20260101110000")} {
		if _, word := l.unionpay(backTrans, bad); word != "10" {
			t.Errorf("%v: %s", bad, word)
		}
	}
	if _, word := l.unionpay(backTrans, byName.with("origTxnTime", "20260101120001")); word != "35" {
		t.Errorf("of another moment: %s", word)
	}
	if _, word := l.unionpay(backTrans, byName); word != "00" {
		t.Errorf("by number and moment: %s", word)
	}
	for _, n := range []string{"SALE0001", "SALE0002", "SALE0003"} {
		if _, word := l.unionpay(backTrans, l.unionpayBase("99/01", n).with("channelType", "08")); word != "30" {
			t.Errorf("%s reversed after money went back: %s", n, word)
		}
		if _, word := l.unionpay(queryTrans, l.unionpayBase("00/00", n)); word != "00:00" {
			t.Errorf("%s: %s", n, word) // the sale stays what it was
		}
	}
	if got, word := l.unionpay(queryTrans, l.unionpayBase("00/00", "BACK0001")); word != "00:05" || len(l.ledger()) != 4 {
		t.Errorf("a refund that was taken this moment: %s %v, %d lines", word, got, len(l.ledger()))
	}
	l.clock.advance(3 * time.Second)
	l.crash()
	got, word := l.unionpay(queryTrans, l.unionpayBase("00/00", "BACK0001"))
	if word != "00:00" || got["txnType"] != "04" || got["txnAmt"] != "60" || got["origQryId"] != refs["SALE0001"] || got["queryId"] == refs["SALE0001"] {
		t.Errorf("a refund: %s %v", word, got)
	}
	if _, word := l.unionpay(queryTrans, l.unionpayBase("00/00", "BACK0003")); word != "34" {
		t.Errorf("one that was refused: %s", word)
	}
	if _, word := l.unionpay(queryTrans, l.unionpayBase("00/00", "BACK0001").with("txnTime", "20260101120001")); word != "34" {
		t.Errorf("at another moment: %s", word)
	}
	byRef := l.unionpayBase("00/02", "BACK0001").without("orderId").without("txnTime").with("queryId", got["queryId"])
	if got, word := l.unionpay(queryTrans, byRef); word != "00:00" || got["orderId"] != "BACK0001" {
		t.Errorf("by queryId: %s %v", word, got)
	}
	var lines []string
	for _, x := range l.ledger() {
		if (x.Refund != "") != (x.Kind == "refund" || x.Number == "SALE0002" && x.Kind == "reversal") {
			t.Errorf("a line of the ledger names what goes back %q: %+v", x.Refund, x)
		}
		lines = append(lines, fmt.Sprint(x.Number, " ", x.Kind, " ", x.Amount))
	}
	slices.Sort(lines)
	want := []string{"SALE0001 charge 100", "SALE0001 refund 40", "SALE0001 refund 60", "SALE0002 charge 100", "SALE0002 reversal 100", "SALE0003 charge 100", "SALE0003 refund 100"}
	if !slices.Equal(lines, want) {
		t.Errorf("the ledger holds %q\nwant %q", lines, want)
	}
}
