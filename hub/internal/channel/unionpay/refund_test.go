package unionpay_test

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

const backRef = "202601022020000000007"

func taken(code string) map[string]string {
	return answer("04", "00", code, "orderId", refund().OutRefundNo, "txnTime", "20260102090000", "txnAmt", "5000", "currencyCode", "156", "queryId", backRef)
}

func given(orig string) map[string]string {
	return with(taken("00"), "origRespCode", orig, "traceTime", "0102090001", "origQryId", refund().Order.WalletRef)
}

// TestRefundAnswers: what was taken is not given yet, and a refusal counts only when UnionPay knows
// no such refund, because it may answer a repeat.
func TestRefundAnswers(t *testing.T) {
	x := newTold(t)
	say := func(now, asked map[string]string) channel.RefundAnswer {
		first, second := seal(x.key, genuineCert(), now), seal(x.key, genuineCert(), asked)
		x.body = func(path string) string {
			if path == backPath {
				return first
			}
			return second
		}
		return x.Refund(t.Context(), refund())
	}
	absent := with(taken("34"), "txnType", "00", "txnSubType", "00", "queryId", "")
	for _, k := range []struct {
		code  string
		asked map[string]string
		want  channel.RefundFinding
	}{
		{"00", absent, channel.RefundTaken}, {"A6", absent, channel.RefundTaken}, {"05", absent, channel.RefundTaken}, {"06", absent, channel.RefundBusy},
		{"03", absent, channel.RefundUnknown}, {"04", absent, channel.RefundUnknown}, {"12", absent, channel.RefundUnknown}, {"34", absent, channel.RefundUnknown}, {"78", absent, channel.RefundUnknown},
		{"37", absent, channel.RefundRefused}, {"35", absent, channel.RefundRefused}, {"10", absent, channel.RefundRefused},
		{"37", given("00"), channel.Refunded}, {"10", given("05"), channel.RefundTaken}, {"37", with(absent, "respCode", "10"), channel.RefundUnknown},
	} {
		a := say(taken(k.code), k.asked)
		if a.Finding != k.want || (a.Decline.Message != "") != (k.want == channel.RefundRefused) {
			t.Errorf("%s: %+v, want %q", k.code, a, k.want)
		}
		if k.want == channel.RefundTaken && a.WalletRef != backRef {
			t.Errorf("%s: %+v", k.code, a)
		}
	}
	for name, value := range map[string]string{"merId": "777290058110049", "orderId": "01JREFUND00000000000000002", "txnTime": "20260102090001", "txnAmt": "5001", "currencyCode": "840", "txnType": "31", "txnSubType": "01"} {
		if a := say(with(taken("00"), name, value), absent); a.Finding != channel.RefundUnknown {
			t.Errorf("%s=%s: %+v", name, value, a)
		}
	}
}

// TestRefundMoment: a refund is sent while its moment is the current time, and after that only asked
// about; sent at another moment it would be another refund.
func TestRefundMoment(t *testing.T) {
	x := newTold(t)
	absent := with(taken("34"), "txnType", "00", "txnSubType", "00", "queryId", "")
	for _, k := range []struct {
		after time.Duration
		asked map[string]string
		want  channel.RefundFinding
		left  int
	}{
		{5 * time.Minute, absent, channel.RefundTaken, 1}, {5*time.Minute + 1, absent, channel.RefundRefused, 0}, {24 * time.Hour, given("00"), channel.Refunded, 0},
		{24 * time.Hour, given("05"), channel.RefundTaken, 0}, {24 * time.Hour, with(absent, "respCode", "03"), channel.RefundUnknown, 0},
	} {
		sent, asked := seal(x.key, genuineCert(), taken("00")), seal(x.key, genuineCert(), k.asked)
		left := 0
		x.body = func(path string) string {
			if path == backPath {
				left++
				return sent
			}
			return asked
		}
		x.now = refund().SentAt.Add(k.after)
		if a := x.Refund(t.Context(), refund()); a.Finding != k.want || left != k.left || (a.Decline.Message != "") != (k.want == channel.RefundRefused) {
			t.Errorf("after %s: %+v, %d left, want %q", k.after, a, left, k.want)
		}
	}
}

// TestATakenRefundDoesNotVanish: what UnionPay gave a number it took, and "no such refund" is no refusal.
func TestATakenRefundDoesNotVanish(t *testing.T) {
	x := newTold(t)
	absent := seal(x.key, genuineCert(), with(taken("34"), "txnType", "00", "txnSubType", "00", "queryId", ""))
	x.body = func(string) string { return absent }
	x.now = refund().SentAt.Add(time.Hour)
	r := refund()
	r.WalletRef = backRef
	if a := x.Refund(t.Context(), r); a.Finding != channel.RefundUnknown || fault.CodeOf(a.Err) != "unionpay.vanished" {
		t.Errorf("%+v, want unknown: it was taken", a)
	}
}

func TestRefundStates(t *testing.T) {
	x := newTold(t)
	ask := func(m map[string]string) channel.RefundAnswer {
		x.says(m)
		return x.QueryRefund(t.Context(), refund())
	}
	for _, k := range []struct {
		answer map[string]string
		want   channel.RefundFinding
	}{
		{given("00"), channel.Refunded}, {given("A6"), channel.Refunded}, {with(given("00"), "origQryId", ""), channel.Refunded},
		{given("03"), channel.RefundTaken}, {given("04"), channel.RefundTaken}, {given("05"), channel.RefundTaken},
		{given("01"), channel.RefundRefused}, {given("37"), channel.RefundRefused}, {given("34"), channel.RefundUnknown}, {given(""), channel.RefundUnknown},
		{with(given("00"), "respCode", "34"), channel.RefundAbsent}, {with(given("00"), "respCode", "10"), channel.RefundUnknown},
		{with(given("00"), "txnAmt", "8888"), channel.RefundUnknown}, {with(given("00"), "txnAmt", ""), channel.RefundUnknown}, {with(given("00"), "currencyCode", ""), channel.RefundUnknown},
		{with(given("00"), "origQryId", "9"), channel.RefundUnknown}, {with(given("00"), "queryId", ""), channel.RefundUnknown}, {with(given("00"), "txnType", "01"), channel.RefundUnknown},
		{with(given("00"), "orderId", ""), channel.RefundUnknown}, {with(given("00"), "txnTime", "20260102090001"), channel.RefundUnknown},
	} {
		a := ask(k.answer)
		if a.Finding != k.want {
			t.Errorf("%v: %+v, want %q", k.answer, a, k.want)
		}
		if a.Finding == channel.Refunded && (a.WalletRef != backRef || !a.RefundedAt.Equal(time.Date(2026, 1, 2, 1, 0, 1, 0, time.UTC))) {
			t.Errorf("refunded as %+v", a)
		}
	}
}

func TestNoRefundWithoutItsMoment(t *testing.T) {
	x := newTold(t)
	x.body = func(string) string { t.Error("a request left"); return "" }
	for name, change := range map[string]func(*channel.Refund){
		"no moment":          func(r *channel.Refund) { r.SentAt = time.Time{} },
		"no moment of order": func(r *channel.Refund) { r.Order.SentAt = time.Time{} },
		"too much":           func(r *channel.Refund) { r.Amount = money.Fen(8889) },
		"nothing":            func(r *channel.Refund) { r.Amount = money.Fen(0) },
		"number":             func(r *channel.Refund) { r.OutRefundNo = strings.Repeat("1", 33) },
		"order's number":     func(r *channel.Refund) { r.Order.OutTradeNo = "" },
	} {
		r := refund()
		change(&r)
		for _, a := range []channel.RefundAnswer{x.Refund(t.Context(), r), x.QueryRefund(t.Context(), r)} {
			if a.Finding != channel.RefundUnknown || a.Err == nil {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
}
