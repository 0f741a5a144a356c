package main

import (
	"slices"
	"strings"
	"testing"

	"cloudcashier/scripts/internal/rig"
)

// TestCompareFindsEveryDifference: a fen, a kind, a number, one too many, one too few.
func TestCompareFindsEveryDifference(t *testing.T) {
	told := []movement{{"wechat", "charge", "A", "", 100}, {"wechat", "refund", "A", "R1", 30}, {"alipay", "charge", "A", "", 100}}
	booked := func() []rig.Entry {
		return []rig.Entry{{Wallet: "alipay", Kind: "charge", OutTradeNo: "A", Amount: 100}, {Wallet: "wechat", Kind: "charge", OutTradeNo: "A", Amount: 100},
			{Wallet: "wechat", Kind: "refund", OutTradeNo: "A", OutRefundNo: "R1", Amount: 30}}
	}
	if out := compare(told, booked()); len(out) > 0 {
		t.Errorf("equal books differ: %v", out)
	}
	for name, spoil := range map[string]func(b []rig.Entry) []rig.Entry{
		"a fen":       func(b []rig.Entry) []rig.Entry { b[2].Amount++; return b },
		"the kind":    func(b []rig.Entry) []rig.Entry { b[1].Kind = "reversal"; return b },
		"the refund":  func(b []rig.Entry) []rig.Entry { b[2].OutRefundNo = "R2"; return b },
		"the order":   func(b []rig.Entry) []rig.Entry { b[0].OutTradeNo = "B"; return b },
		"one missing": func(b []rig.Entry) []rig.Entry { return b[1:] },
		"one doubled": func(b []rig.Entry) []rig.Entry { return append(b, b[2]) },
	} {
		if len(compare(told, spoil(booked()))) == 0 {
			t.Errorf("%s was not noticed", name)
		}
	}
}

// TestSilenceIsNoAgreement: whatever was not tried is a difference, and so is a row that went otherwise.
func TestSilenceIsNoAgreement(t *testing.T) {
	var rows []row
	for sdk, names := range calls {
		for _, call := range names {
			rows = append(rows, row{SDK: sdk + " 1", Call: call}, row{SDK: sdk + " 1", Call: call, Side: "request", Changes: 1},
				row{SDK: sdk + " 1", Call: call, Side: "answer", Changes: 1})
		}
	}
	for sdk := range calls {
		for _, name := range notices {
			rows = append(rows, row{SDK: sdk + " 1", Call: name})
		}
	}
	if out := append(uncovered(rows), wrong(rows)...); len(out) > 0 {
		t.Fatalf("a whole day is not enough: %v", out)
	}
	for i := range rows {
		less := slices.Delete(slices.Clone(rows), i, i+1)
		if out := uncovered(less); len(out) != 1 || !strings.Contains(out[0], rows[i].Call) {
			t.Errorf("without %v: %v", rows[i], out)
		}
		none := slices.Clone(rows)
		none[i].Changes = 0
		if out := uncovered(none); (rows[i].Side != "") != (len(out) == 1) {
			t.Errorf("with no change in %v: %v", rows[i], out)
		}
		other := slices.Clone(rows)
		other[i].Got = "paid"
		if len(wrong(other)) != 1 {
			t.Errorf("%v went otherwise, unnoticed", rows[i])
		}
	}
}
