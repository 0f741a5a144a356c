package id_test

import (
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"cloudcashier/shared/id"
)

func TestSource(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	s := id.NewSource(func() time.Time { return at }, rand.NewChaCha8([32]byte{1}))
	last := ""
	for range 1000 {
		got := s.New(id.Payment)
		if got <= last {
			t.Fatalf("%s does not sort after %s", got, last)
		}
		if err := id.Check(id.Payment, got); err != nil {
			t.Fatal(err)
		}
		if id.Check(id.Sale, got) == nil {
			t.Fatalf("%s passes as a sale", got)
		}
		last = got
	}
	if no := s.OutTradeNo(); !regexp.MustCompile(`^[0-9A-Za-z]{8,32}$`).MatchString(no) {
		t.Errorf("out_trade_no %q does not fit every wallet", no)
	}
	for _, bad := range []string{"", "pay_", "pay_01", "01HF7YAT00", "pay_01hf7yat00zzzzzzzzzzzzzzz!"} {
		if id.Check(id.Payment, bad) == nil {
			t.Errorf("Check took %q", bad)
		}
	}
}
