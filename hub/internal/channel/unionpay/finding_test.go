package unionpay_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// told is a connector whose wallet says what the test sets.
type told struct {
	*unionpay.Channel
	key  *rsa.PrivateKey
	now  time.Time
	body func(path string) string
}

func newTold(t *testing.T) *told {
	x := &told{key: testKey(t), now: clock}
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) { io.WriteString(w, x.body(r.URL.Path)) })
	cfg := config(t, s.URL, s.Roots)
	cfg.Now = func() time.Time { return x.now }
	var err error
	if x.Channel, err = unionpay.New(cfg); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *told) says(m map[string]string) {
	body := seal(x.key, genuineCert(), m)
	x.body = func(string) string { return body }
}

func (x *told) pay(ctx context.Context, m map[string]string) channel.Answer {
	x.says(m)
	return x.Pay(ctx, channeltest.SampleOrder(pay.UnionPay))
}

func (x *told) ask(ctx context.Context, m map[string]string) channel.Answer {
	x.says(m)
	return x.Query(ctx, channeltest.SampleRef())
}

func (x *told) undo(ctx context.Context, m map[string]string) channel.Answer {
	x.says(m)
	return x.Reverse(ctx, channeltest.SampleRef())
}

// TestPayCodes is section 4.7, every row, and what each proves of a pay call.
func TestPayCodes(t *testing.T) {
	x := newTold(t)
	want := map[string]struct {
		finding channel.Finding
		reason  channel.DeclineCode
	}{}
	put := func(finding channel.Finding, reason channel.DeclineCode, codes string) {
		for _, c := range strings.Fields(codes) {
			want[c] = struct {
				finding channel.Finding
				reason  channel.DeclineCode
			}{finding, reason}
		}
	}
	put(channel.Pending, "", "00 A6 05")
	put(channel.Busy, "", "06")
	put(channel.Unknown, "", "03 04 12 34 35 37 45 69 78 98 99 0 000 ZZ 0x")
	put(channel.Declined, channel.RefusedOther, "01 42 43 44 60 62 63 65 66 67 68 77")
	put(channel.Declined, channel.RiskRefused, "36 40 41")
	put(channel.Declined, channel.LimitExceeded, "33 38 39")
	put(channel.Declined, channel.CodeUsed, "61")
	put(channel.Declined, channel.BalanceLow, "64")
	put(channel.Declined, channel.Misconfigured, "02 10 11 13 30 31")
	refusals := 0
	for code, w := range want {
		a := x.pay(t.Context(), with(accepted(), "respCode", code))
		if a.Finding != w.finding || a.Decline.Code != w.reason || a.Finding == channel.Unknown && a.Err == nil {
			t.Errorf("%s: found %q %q (%v), want %q %q", code, a.Finding, a.Decline.Code, a.Err, w.finding, w.reason)
		}
		if a.Finding == channel.Declined {
			refusals++
			if a.Decline.Wallet != code || a.Decline.Message == "" {
				t.Errorf("%s: declined as %+v", code, a.Decline)
			}
		}
		if a.Finding == channel.Pending && (!a.Working || a.WalletRef != channeltest.SampleWalletRef) {
			t.Errorf("%s: %+v", code, a)
		}
	}
	if refusals != len(unionpay.PayDeclines) {
		t.Errorf("%d refusals are tested, the table has %d", refusals, len(unionpay.PayDeclines))
	}
	if a := x.pay(t.Context(), with(accepted(), "respCode", "")); a.Finding != channel.Unknown {
		t.Errorf("no respCode: %+v", a)
	}
	// The gate refuses what it cannot read without naming it.
	gate := answer("01", "06", "11", "orderId", "", "txnTime", "", "merId", "")
	if a := x.pay(t.Context(), gate); a.Finding != channel.Declined || a.Decline.Code != channel.Misconfigured || a.Err == nil {
		t.Errorf("the gate's refusal: %+v", a)
	}
	if a := x.pay(t.Context(), with(gate, "respCode", "64")); a.Finding != channel.Unknown {
		t.Errorf("a refusal that names nothing: %+v", a)
	}
}

// TestQueryStates is section 4.4: respCode is about the question, origRespCode about the money.
func TestQueryStates(t *testing.T) {
	x := newTold(t)
	for _, k := range []struct {
		answer map[string]string
		want   channel.Finding
		reason channel.DeclineCode
	}{
		{state("00"), channel.Approved, ""}, {state("A6"), channel.Approved, ""},
		{with(state("00"), "txnType", "00", "txnSubType", "00"), channel.Approved, ""}, // UNVERIFIED which type it repeats
		{state("03"), channel.Pending, ""}, {state("04"), channel.Pending, ""}, {state("05"), channel.Pending, ""},
		{state("01"), channel.Declined, channel.RefusedOther}, {state("64"), channel.Declined, channel.BalanceLow},
		{state("61"), channel.Declined, channel.CodeUsed}, {state("82"), channel.Declined, channel.RefusedOther}, {state("C1"), channel.Declined, channel.RefusedOther},
		{state("06"), channel.Unknown, ""}, {state("12"), channel.Unknown, ""}, {state("34"), channel.Unknown, ""}, {state("98"), channel.Unknown, ""}, {state("99"), channel.Unknown, ""},
		{state(""), channel.Unknown, ""}, {state("0"), channel.Unknown, ""}, {state("000"), channel.Unknown, ""}, {state("a6"), channel.Unknown, ""}, {state("-1"), channel.Unknown, ""},
		{answer("00", "00", "34"), channel.Absent, ""}, {answer("00", "00", "34", "orderId", ""), channel.Unknown, ""},
		{with(state("00"), "respCode", "34"), channel.Absent, ""},
		{with(state("00"), "respCode", "10"), channel.Unknown, ""}, {with(state("00"), "respCode", "11"), channel.Unknown, ""},
		{with(state("00"), "respCode", "03"), channel.Unknown, ""}, {with(state("00"), "respCode", ""), channel.Unknown, ""}, {with(state("64"), "respCode", "64"), channel.Unknown, ""},
		// The reversal has the same number and moment: its 00 is not the sale's.
		{with(state("00"), "txnType", "99", "txnSubType", "01"), channel.Reversed, ""},
		{with(state("00"), "txnType", "99", "txnSubType", "01", "queryId", "9"), channel.Reversed, ""},
		{with(state("05"), "txnType", "99", "txnSubType", "01"), channel.Unknown, ""}, {with(state("64"), "txnType", "99", "txnSubType", "01"), channel.Unknown, ""},
		{with(state("00"), "txnType", "99", "txnAmt", "1"), channel.Unknown, ""},
		{with(state("00"), "txnType", "31"), channel.Unknown, ""}, {with(state("00"), "txnType", "04"), channel.Unknown, ""}, {with(state("00"), "txnType", ""), channel.Unknown, ""},
	} {
		a := x.ask(t.Context(), k.answer)
		if a.Finding != k.want || a.Decline.Code != k.reason || (a.Finding == channel.Unknown) != (a.Err != nil) {
			t.Errorf("%s %s %s: found %q %q (%v), want %q %q", k.answer["txnType"], k.answer["respCode"], k.answer["origRespCode"], a.Finding, a.Decline.Code, a.Err, k.want, k.reason)
		}
		if a.Finding == channel.Approved && (!a.PaidAt.Equal(time.Date(2026, 1, 1, 4, 0, 3, 0, time.UTC)) || a.WalletRef != channeltest.SampleWalletRef) {
			t.Errorf("approved as %+v", a)
		}
	}
}

// TestForged: an answer that is about anything else proves nothing, whoever signed it.
func TestForged(t *testing.T) {
	x := newTold(t)
	other := map[string]string{"merId": "777290058110049", "orderId": "01JSAMPLE00000000000000002", "txnTime": "20260101120003", "txnAmt": "1",
		"currencyCode": "840", "queryId": "4200001234202601010000000002"}
	for name, value := range other {
		for _, v := range []string{value, ""} {
			if a := x.ask(t.Context(), with(state("00"), name, v)); a.Finding != channel.Unknown || a.Err == nil {
				t.Errorf("query, %s=%q: %+v", name, v, a)
			}
		}
		if a := x.ask(t.Context(), with(state("64"), name, value)); a.Finding != channel.Unknown {
			t.Errorf("refused, %s=%q: %+v", name, value, a)
		}
		if name == "queryId" {
			continue // a pay call knows none before
		}
		if a := x.pay(t.Context(), with(accepted(), name, value)); a.Finding != channel.Unknown {
			t.Errorf("pay, %s=%q: %+v", name, value, a)
		}
		if a := x.undo(t.Context(), with(undone(), name, value)); a.Finding != channel.Unknown {
			t.Errorf("reverse, %s=%q: %+v", name, value, a)
		}
	}
	// An answer of one kind is none to another question.
	if a := x.undo(t.Context(), accepted()); a.Finding != channel.Unknown {
		t.Errorf("an accepted sale shows as undone: %+v", a)
	}
	if a := x.undo(t.Context(), state("00")); a.Finding != channel.Unknown {
		t.Errorf("a paid sale shows as undone: %+v", a)
	}
	if a := x.pay(t.Context(), undone()); a.Finding != channel.Unknown {
		t.Errorf("an undone sale shows as accepted: %+v", a)
	}
	// The second of two amounts, and what the signature does not cover.
	body := seal(x.key, genuineCert(), state("00"))
	for name, bad := range map[string]string{
		"amount twice": body + "&txnAmt=8888", "a field more": body + "&x=1", "an empty field more": body + "&x=",
		"a field less": strings.Replace(body, "&settleDate=0101", "", 1), "unsigned": body[:strings.Index(body, "&signature=")],
		"5.0.0": strings.Replace(body, "signMethod=01", "signMethod=11", 1),
	} {
		x.body = func(string) string { return bad }
		if a := x.Query(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestCertificates: the certificate comes with the answer, so anyone can send one.
func TestCertificates(t *testing.T) {
	x := newTold(t)
	mine, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	from, to := clock.AddDate(-1, 0, 0), clock.AddDate(1, 0, 0)
	stranger := newAuthority(newAuthority(nil))
	middle := chain().middle
	try := func(cert string) channel.Answer {
		body := seal(mine, cert, state("00"))
		x.body = func(string) string { return body }
		return x.Query(t.Context(), channeltest.SampleRef())
	}
	good := middle.issue(signerName, &mine.PublicKey, from, to)
	if a := try(good); a.Finding != channel.Approved {
		t.Fatalf("another certificate of UnionPay's: %+v", a)
	}
	for name, cert := range map[string]string{
		"a stranger's authority": stranger.issue(signerName, &mine.PublicKey, from, to),
		"a merchant's":           middle.issue("041@Z2026@777290058110048@00000001", &mine.PublicKey, from, to),
		"production's":           middle.issue("041@Z12@"+unionpay.Production+"@00000001", &mine.PublicKey, from, to),
		"the name elsewhere":     middle.issue("041@"+unionpay.Test+"@x@00000001", &mine.PublicKey, from, to),
		"the name alone":         middle.issue(unionpay.Test, &mine.PublicKey, from, to),
		"expired":                middle.issue(signerName, &mine.PublicKey, from, clock.Add(-time.Second)),
		"not valid yet":          middle.issue(signerName, &mine.PublicKey, clock.Add(time.Second), to),
		"two":                    good + genuineCert(),
		"another key's":          genuineCert(),
		"none":                   "",
		"no PEM":                 "MIIB",
		"not closed":             good[:len(good)-30],
	} {
		if a := try(cert); a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	// Found good once is not good for ever.
	if a := try(good); a.Finding != channel.Approved {
		t.Fatalf("again: %+v", a)
	}
	x.now = to.Add(time.Second)
	if a := try(good); a.Finding != channel.Unknown {
		t.Errorf("expired since: %+v", a)
	}
}

// TestReverseAnswers: only the plain word counts.
func TestReverseAnswers(t *testing.T) {
	x := newTold(t)
	for code, want := range map[string]channel.Finding{"00": channel.Reversed, "34": channel.Absent, "A6": channel.Unknown, "03": channel.Unknown, "04": channel.Unknown,
		"05": channel.Unknown, "06": channel.Unknown, "10": channel.Unknown, "12": channel.Unknown, "30": channel.Unknown, "35": channel.Unknown, "": channel.Unknown} {
		if a := x.undo(t.Context(), with(undone(), "respCode", code)); a.Finding != want || a.WalletRef != "" {
			t.Errorf("%q: %+v, want %q", code, a, want)
		}
	}
	for _, name := range []string{"merId", "orderId", "txnTime", "txnType", "txnSubType"} {
		if a := x.undo(t.Context(), with(undone(), name, "")); a.Finding != channel.Unknown {
			t.Errorf("without %s: %+v", name, a)
		}
	}
}

// TestReverseAfterTheDay: at 23:00 UnionPay stops taking reversals of the day, and only a question
// is left. The reversal must not leave any more.
func TestReverseAfterTheDay(t *testing.T) {
	x := newTold(t)
	reversed := seal(x.key, genuineCert(), undone())
	for _, k := range []struct {
		orig string
		want channel.Finding
	}{{"00", channel.Unknown}, {"05", channel.Unknown}, {"64", channel.Reversed}, {"", channel.Unknown}} {
		asked := seal(x.key, genuineCert(), state(k.orig))
		left := 0
		x.body = func(path string) string {
			if path == backPath {
				left++
				return reversed
			}
			return asked
		}
		x.now = time.Date(2026, 1, 1, 15, 0, 0, 0, time.UTC)
		if a := x.Reverse(t.Context(), channeltest.SampleRef()); a.Finding != k.want || left != 0 {
			t.Errorf("%s at 23:00: %+v, %d reversals left", k.orig, a, left)
		}
		x.now = x.now.Add(-time.Second)
		if a := x.Reverse(t.Context(), channeltest.SampleRef()); a.Finding != channel.Reversed || left != 1 {
			t.Errorf("%s before: %+v, %d reversals left", k.orig, a, left)
		}
	}
}

// TestPaidAt: traceTime has no year.
func TestPaidAt(t *testing.T) {
	x := newTold(t)
	r := channeltest.SampleRef()
	at := func(text string, sent time.Time) channel.Answer {
		r.SentAt = sent
		x.says(with(state("00"), "traceTime", text, "txnTime", sent.In(time.FixedZone("", 8*3600)).Format("20060102150405")))
		return x.Query(t.Context(), r)
	}
	eve := time.Date(2025, 12, 31, 15, 59, 58, 0, time.UTC) // two seconds to midnight in China
	leap := time.Date(2028, 2, 28, 15, 59, 59, 0, time.UTC)
	for _, k := range []struct {
		text string
		sent time.Time
		want time.Time
	}{
		{"0101000001", eve, eve.Add(3 * time.Second)}, {"1231235957", eve.Add(2 * time.Second), eve.Add(-time.Second)},
		{"0229000000", leap, leap.Add(time.Second)}, {"0105120000", eve, time.Time{}}, {"", eve, time.Time{}}, {"01010000", eve, time.Time{}}, {"0230000000", eve, time.Time{}}, {"+101000001", eve, time.Time{}},
	} {
		a := at(k.text, k.sent)
		want := k.want
		if want.IsZero() {
			want = clock
		}
		if a.Finding != channel.Approved || !a.PaidAt.Equal(want) || a.PaidAt.Location() != time.UTC || (a.Err != nil) != k.want.IsZero() {
			t.Errorf("%q, sent %s: %q at %s (%v), want %s", k.text, k.sent, a.Finding, a.PaidAt, a.Err, want)
		}
	}
}

func refund() channel.Refund {
	return channel.Refund{OutRefundNo: "01JREFUND00000000000000001", SentAt: time.Date(2026, 1, 2, 1, 0, 0, 0, time.UTC), Order: channeltest.SampleRef(), Amount: money.Fen(5000)}
}
