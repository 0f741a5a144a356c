package scanner_test

import (
	"testing"

	"cloudcashier/agent/internal/scanner"
	"cloudcashier/shared/fault"
)

// ean gives twelve digits their check digit.
func ean(digits string) string {
	for c := '0'; c <= '9'; c++ {
		if s := scanner.ReadProduct(digits + string(c)); s.Kind == scanner.Product {
			return digits + string(c)
		}
	}
	return digits + "?"
}

func TestPrices(t *testing.T) {
	prices, err := scanner.ParsePrices("02,20-24,25-29:i4vp5")
	if err != nil {
		t.Fatal(err)
	}
	for digits, want := range map[string]int64{
		ean("021234501280"): 1280, ean("201234501280"): 1280, ean("241234500001"): 1,
		ean("251234901280"): 1280, ean("291234999999"): 99999,
		ean("201234500000"): 0, // a label of nothing
		ean("301234501280"): 0, "6901234567892": 0, "": 0, "20123450128": 0, "2012345012x05": 0,
	} {
		price, ok := prices.Read(digits)
		if ok != (want != 0) || ok && price.Fen() != want {
			t.Errorf("%s: %v, %v; want %d", digits, price, ok, want)
		}
	}
	good := ean("201234501280")
	for c := byte('0'); c <= '9'; c++ {
		if price, ok := prices.Read(good[:12] + string(c)); ok != (c == good[12]) {
			t.Errorf("check digit %c: %v, %v", c, price, ok)
		}
	}
	for _, bad := range []string{"30", "2", "20-", "-20", "24-20", "20:", "20:p5", "20-29;", ",", "2x", "03-05", "02-19"} {
		if p, err := scanner.ParsePrices(bad); fault.CodeOf(err) != "scanner.prices" {
			t.Errorf("%q: %v, %v", bad, p, err)
		}
	}
	if none, err := scanner.ParsePrices(""); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}
