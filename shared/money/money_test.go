package money_test

import (
	"math"
	"testing"

	"cloudcashier/shared/money"
)

func TestParseYuan(t *testing.T) {
	for text, want := range map[string]int64{
		"0.1": 10, "0.10": 10, "12.05": 1205, "88": 8800, "0.00": 0, "-0.04": -4, "100000000.00": money.Max, "007.5": 750,
	} {
		got, err := money.ParseYuan(text)
		if err != nil || got != money.Fen(want) {
			t.Errorf("ParseYuan(%q) = %v, %v; want %d fen", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", ".", "1.", ".5", "1.005", "1e2", "+1", " 1", "1 ", "1,000.00", "１", "--1", "1.-1", "0x10", "9999999999999999", "1.2.3",
	} {
		if got, err := money.ParseYuan(text); err == nil {
			t.Errorf("ParseYuan(%q) = %v, want an error", text, got)
		}
	}
}

func FuzzYuanRoundTrip(f *testing.F) {
	for _, n := range []int64{0, 1, 99, 100, -1, -100, money.Max, 1<<53 + 1} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		if n > 1e17-1 || n < -(1e17-1) {
			return
		}
		got, err := money.ParseYuan(money.Fen(n).Yuan())
		if err != nil || got.Fen() != n {
			t.Fatalf("%d -> %q -> %v, %v", n, money.Fen(n).Yuan(), got, err)
		}
	})
}

func TestAddRefusesOverflow(t *testing.T) {
	if _, err := money.Fen(math.MaxInt64).Add(money.Fen(1)); err == nil {
		t.Error("overflow accepted")
	}
	if _, err := money.Fen(math.MinInt64).Add(money.Fen(-1)); err == nil {
		t.Error("underflow accepted")
	}
	if _, err := money.Fen(1).Add(money.Amount{}); err == nil {
		t.Error("mixed currencies accepted")
	}
	if got, err := money.Fen(3).Add(money.Fen(-5)); err != nil || got.Fen() != -2 {
		t.Errorf("3 + -5 = %v, %v", got, err)
	}
}

func TestCharge(t *testing.T) {
	for n, ok := range map[int64]bool{-1: false, 0: false, 1: true, money.Max: true, money.Max + 1: false, math.MinInt64: false} {
		if err := money.Fen(n).Charge(); (err == nil) != ok {
			t.Errorf("Charge(%d) = %v", n, err)
		}
	}
	if got := money.Fen(math.MinInt64).Yuan(); got != "-92233720368547758.08" {
		t.Errorf("smallest amount prints as %s", got)
	}
}
