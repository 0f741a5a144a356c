package channeltest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// BillSubject is a connector whose bills are to be proven.
type BillSubject struct {
	Wallet    pay.Wallet
	AlipayKey string // the merchant's own public key for Alipay, in PEM
	Funds     bool   // the wallet has a funds bill
	NoUndone  bool   // what was reversed stands in no bill
	Rules     channel.BillRules
	Connect   func(*testing.T, *Sandbox) channel.Channel
}

// billFault makes the sandbox's bills wrong from now on.
func (s *Sandbox) billFault(t *testing.T, kind string) {
	t.Helper()
	var got any
	s.post(t, "/sandbox/faults", map[string]any{"bill": kind}, &got)
}

// Bills lives through a day at a sandbox and holds the wallet's bills against its ledger.
func Bills(t *testing.T, b BillSubject) {
	s := start(t, b.AlipayKey)
	c := b.Connect(t, s)
	biller := c.(channel.Biller)
	s.Agree(t, map[string]any{"fee_ppm": map[string]int64{string(b.Wallet): 5000}})
	day := s.Now()
	refs := liveADay(t, s, b.Wallet, c)

	fetch := func(day time.Time, kind channel.BillKind) (lines []channel.BillLine, err error) {
		var file bytes.Buffer
		if err := biller.Bill(t.Context(), day, kind, &file); err != nil {
			return nil, err
		}
		err = biller.ReadBill(kind, &file, func(l channel.BillLine) error { lines = append(lines, l); return nil })
		return lines, err
	}
	must := func(what string, err error, want fault.Kind) {
		t.Helper()
		if err == nil || fault.KindOf(err) != want {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	_, err := fetch(day, channel.TradeBill)
	must("today's bill", err, fault.Unavailable)
	s.Wait(b.Rules.ReadyAt(day).Sub(s.Now()) - time.Second)
	_, err = fetch(day, channel.TradeBill)
	must("a second too early", err, fault.Unavailable)
	s.Wait(time.Second)
	_, err = fetch(day.AddDate(0, 0, -1), channel.TradeBill)
	must("a day without any trade", err, fault.NotFound)
	_, err = fetch(day.AddDate(0, 0, -b.Rules.KeptDays-1), channel.TradeBill)
	must("too old", err, fault.NotFound)
	lines, err := fetch(day, channel.TradeBill)
	if err != nil {
		t.Fatalf("the bill: %v", err)
	}
	b.compare(t, s, lines, refs)

	funds, err := fetch(day, channel.FundsBill)
	if b.Funds && err != nil {
		t.Errorf("the funds bill: %v", err)
	} else if b.Funds {
		var net, moved int64
		for _, l := range lines {
			net += map[string]int64{"payment": 1, "refund": -1, "reversal": -1}[l.Kind]*l.Amount.Fen() - l.Fee.Fen()
		}
		for _, l := range funds {
			moved += map[bool]int64{true: -1, false: 1}[l.Out] * l.Amount.Fen()
		}
		if net != moved || len(funds) < len(lines) {
			t.Errorf("the trade bill nets %d fen, the funds bill %d in %d lines", net, moved, len(funds))
		}
	} else {
		must("a funds bill that is not offered", err, fault.NotFound)
	}
	for _, f := range []string{"damaged", "truncated", "totals"} {
		s.billFault(t, f)
		_, err := fetch(day, channel.TradeBill)
		must(f, err, fault.Invalid)
		if b.Funds {
			_, err = fetch(day, channel.FundsBill)
			must(f+" funds bill", err, fault.Invalid)
		}
	}
	s.billFault(t, "")
	b.spoil(t, biller, day)
	if again, err := fetch(day, channel.TradeBill); err != nil || len(again) != len(lines) {
		t.Errorf("whole again: %d lines, %v", len(again), err)
	}
}

// spoil puts bytes that no encoding has into the name of the goods, which nobody reads: the line is refused all the same, for who
// cannot be sure of a letter cannot be sure of the columns.
func (b BillSubject) spoil(t *testing.T, biller channel.Biller, day time.Time) {
	t.Helper()
	var file bytes.Buffer
	if err := biller.Bill(t.Context(), day, channel.TradeBill, &file); err != nil {
		t.Fatalf("the bill: %v", err)
	}
	const utf8, gbk = "商品", "\xc9\xcc\xc6\xb7"
	at := max(bytes.LastIndex(file.Bytes(), []byte(utf8)), bytes.LastIndex(file.Bytes(), []byte(gbk)))
	if at < 0 {
		if b.Wallet != pay.UnionPay { // whose file has digits alone
			t.Error("the bill names no goods")
		}
		return
	}
	file.Bytes()[at], file.Bytes()[at+1] = 0xff, 0xff
	err := biller.ReadBill(channel.TradeBill, &file, func(channel.BillLine) error { return nil })
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("a letter of no encoding: %v", err)
	}
}

// liveADay pays, undoes and gives back, and tells the wallet's numbers of the orders.
func liveADay(t *testing.T, s *Sandbox, w pay.Wallet, c channel.Channel) map[string]string {
	t.Helper()
	refs := map[string]string{}
	sale := func(n int, fen int64, fate string) channel.Ref {
		o := channel.Order{OutTradeNo: fmt.Sprintf("01JBILL%019d", n), SentAt: s.Now(), Amount: money.Fen(fen), Code: s.code(t, w, fate),
			Subject: "tea", Store: "st1", Terminal: "t1", Expires: s.Now().Add(75 * time.Second)}
		ref := channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount, SentAt: o.SentAt}
		a := c.Pay(t.Context(), o)
		if a.Finding == channel.Pending {
			a = c.Query(t.Context(), ref)
		}
		if (a.Finding == channel.Approved) != (fate < "50") {
			t.Fatalf("sale %d: %+v", n, a)
		}
		ref.WalletRef = a.WalletRef
		refs[o.OutTradeNo] = a.WalletRef
		return ref
	}
	first := sale(1, 10_000, "00")
	sale(2, 1, "01")
	undone := sale(3, 2_500, "02")
	sale(4, 777, "50")
	s.Wait(20 * time.Second)
	if a := c.Reverse(t.Context(), undone); a.Finding != channel.Reversed {
		t.Fatalf("reverse: %+v", a)
	}
	refunder := c.(channel.Refunder)
	for i, fen := range []int64{333, 9_667} {
		r := channel.Refund{OutRefundNo: fmt.Sprintf("01JBACK%019d", i), SentAt: s.Now(), Order: first, Amount: money.Fen(fen)}
		if a := refunder.Refund(t.Context(), r); a.Finding != channel.Refunded && a.Finding != channel.RefundTaken {
			t.Fatalf("refund: %+v", a)
		}
		s.Wait(2 * time.Minute)
	}
	sale(5, 3_141, "03")
	return refs
}

// compare holds a trade bill against the ledger, line by line.
func (b BillSubject) compare(t *testing.T, s *Sandbox, lines []channel.BillLine, refs map[string]string) {
	t.Helper()
	kinds := map[string]string{"charge": "payment", "reversal": "reversal", "refund": "refund"}
	var want, got []string
	for _, number := range slices.Sorted(maps.Keys(refs)) {
		booked := s.Ledger(t, number)
		undone := slices.ContainsFunc(booked, func(l Line) bool { return l.Kind == "reversal" })
		for _, l := range booked {
			if b.NoUndone && undone {
				continue
			}
			if b.Wallet == pay.UnionPay && l.Kind == "refund" {
				number = "" // its file names the payment by the wallet's number alone
			}
			want = append(want, fmt.Sprintln(kinds[l.Kind], number, refs[l.OutTradeNo], l.OutRefundNo, l.Amount))
		}
	}
	var fee int64
	for _, l := range lines {
		got = append(got, fmt.Sprintln(l.Kind, l.OutTradeNo, l.WalletRef, l.OutRefundNo, l.Amount.Fen()))
		fee += l.Fee.Fen()
		if l.At.Before(s.Now().Add(-48*time.Hour)) || l.At.After(s.Now()) || l.At.Location() != time.UTC {
			t.Errorf("a line of %s", l.At)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if strings.Join(want, "") != strings.Join(got, "") {
		t.Errorf("the ledger has\n%sthe bill\n%s", strings.Join(want, ""), strings.Join(got, ""))
	}
	// 0.5 % of 0.01 and of 31.41, half a fen upwards; of the 100.00 all came back, and the fee with it, but not at UnionPay.
	wantFee := int64(0 + 16)
	if b.Wallet == pay.UnionPay {
		wantFee += 50
	}
	if fee != wantFee {
		t.Errorf("the bill's fees are %d fen, want %d", fee, wantFee)
	}
}
