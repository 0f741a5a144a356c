package storedvalue_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	connector "cloudcashier/hub/internal/channel/storedvalue"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/storedvalue"
)

var (
	start = time.Unix(1_700_000_000, 0).UTC()
	key   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
)

func secret(serial string) []byte { return []byte((serial + strings.Repeat("-", 16))[:16]) }

// bank is the channel over a real database, with a clock set by hand.
type bank struct {
	*testing.T
	*connector.Channel
	store *store.Store
	path  string
	now   time.Time
	n     int
}

func newBank(t *testing.T) *bank {
	b := &bank{T: t, now: start, path: filepath.Join(t.TempDir(), "hub.db")}
	s, err := store.Open(b.path, func() time.Time { return b.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.DB().Close() })
	b.store = s
	b.Channel = connector.New(connector.Config{Store: s, Key: key.Public().(ed25519.PublicKey), Secret: secret,
		Collect: func(string, string) time.Duration { return 24 * time.Hour }, Now: func() time.Time { return b.now }})
	b.update(func(tx *store.Tx) error {
		for _, m := range []string{"mer_1", "mer_2"} {
			if err := tx.PutMerchant(registry.Merchant{ID: m, Created: start}); err != nil {
				return err
			}
		}
		if err := tx.InsertStoredAccount(store.StoredAccount{ID: "sva_1", Merchant: "mer_1", Created: start}); err != nil {
			return err
		}
		return tx.InsertStoredEntry(store.StoredEntry{Account: "sva_1", Kind: "topup", Number: "t1", Amount: money.Fen(10_000), At: start})
	})
	t.Cleanup(func() {
		if n, err := store.StoredAstray(b.path); n != 0 || err != nil {
			t.Errorf("%d accounts do not add up, %v", n, err)
		}
	})
	return b
}

func (b *bank) update(fn func(*store.Tx) error) {
	b.Helper()
	if err := b.store.Update(fn); err != nil {
		b.Fatal(err)
	}
}

func (b *bank) balance() (fen int64) {
	b.Helper()
	b.update(func(tx *store.Tx) error {
		a, err := tx.StoredAccount("sva_1")
		fen = a.Balance.Fen()
		return err
	})
	return fen
}

func (b *bank) code(serial string) pay.Code {
	b.Helper()
	c, err := storedvalue.Mint(storedvalue.Terms{Account: "sva_1", Serial: serial, Merchant: "mer_1", Most: money.Fen(8000),
		NotBefore: start, NotAfter: start.Add(time.Hour)}, secret(serial), key)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// order is a claim of a till's on a code, for one sale.
func (b *bank) order(serial string, fen int64) channel.Order {
	b.Helper()
	b.n++
	o := channel.Order{OutTradeNo: fmt.Sprintf("01J%023d", b.n), Amount: money.Fen(fen), Merchant: "mer_1", Terminal: "trm_1",
		Key: fmt.Sprintf("sale_%d", b.n), OrderNo: fmt.Sprintf("A-%d", b.n), Expires: b.now.Add(time.Minute)}
	return b.claimed(o, serial)
}

func (b *bank) claimed(o channel.Order, serial string) channel.Order {
	b.Helper()
	c, err := storedvalue.Parse(b.code(serial), key.Public().(ed25519.PublicKey))
	if err != nil {
		b.Fatal(err)
	}
	if o.Code, err = c.Claim(storedvalue.Sale{Terminal: o.Terminal, Key: o.Key, OrderNo: o.OrderNo, Amount: o.Amount}); err != nil {
		b.Fatal(err)
	}
	return o
}

func (b *bank) pay(o channel.Order, want channel.Finding, decline channel.DeclineCode) {
	b.Helper()
	a := b.Pay(b.Context(), o)
	if a.Finding != want || a.Decline.Code != decline || (want == channel.Declined) != (a.Decline.Message != "") {
		b.Errorf("pay: %+v, want %s %s", a, want, decline)
	}
	if want == channel.Approved && (a.WalletRef == "" || !a.PaidAt.Equal(b.now) || a.PaidAt.Location() != time.UTC) {
		b.Errorf("approved: %+v", a)
	}
	if q := b.Query(b.Context(), ref(o)); q.Finding != want || q.Decline != a.Decline || q.WalletRef != a.WalletRef {
		b.Errorf("then a query: %+v, want %+v", q, a)
	}
}

func ref(o channel.Order) channel.Ref {
	return channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount}
}

func TestItAnswersLikeAWallet(t *testing.T) {
	b := newBank(t)
	o := b.order("s1", 1280)
	if a := b.Query(t.Context(), ref(o)); a.Finding != channel.Absent {
		t.Errorf("before: %+v", a)
	}
	for range 3 { // the same number gives the same answer and takes the money once
		b.pay(o, channel.Approved, "")
	}
	if b.balance() != 8720 {
		t.Errorf("balance %d", b.balance())
	}
	b.pay(b.order("s1", 100), channel.Declined, channel.CodeUsed)
	b.pay(b.order("s2", 8001), channel.Declined, channel.LimitExceeded)
	b.pay(b.order("s2", 8000), channel.Approved, "")
	b.pay(b.order("s3", 721), channel.Declined, channel.BalanceLow)
	b.pay(b.order("s3", 720), channel.Approved, "") // a declined code is not spent
	if b.balance() != 0 {
		t.Errorf("balance %d", b.balance())
	}
	other := ref(o)
	other.Amount = money.Fen(1281)
	if a := b.Query(t.Context(), other); a.Finding != channel.Unknown || a.Err == nil {
		t.Errorf("another amount: %+v", a)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if a := b.Pay(gone, b.order("s9", 1)); a.Finding != channel.Unknown || a.Err == nil {
		t.Errorf("a call that was given up: %+v", a)
	}
}

func TestWhoMayPay(t *testing.T) {
	b := newBank(t)
	for name, change := range map[string]func(*channel.Order){
		"another sale's claim":     func(o *channel.Order) { o.Key = "sale_x" },
		"another order's claim":    func(o *channel.Order) { o.OrderNo = "A-x" },
		"another till's claim":     func(o *channel.Order) { o.Terminal = "trm_2" },
		"another amount's claim":   func(o *channel.Order) { o.Amount = money.Fen(99) },
		"a claim that was changed": func(o *channel.Order) { o.Code, _ = pay.ParseCode(flipped(o.Code.Reveal(), 60)) },
		"no code at all":           func(o *channel.Order) { o.Code, _ = pay.ParseCode("SV1C.AAAA.AAAA.AAAA") },
	} {
		o := b.order("s1", 100)
		change(&o)
		t.Run(name, func(t *testing.T) { b.pay(o, channel.Declined, channel.CodeUsed) })
	}
	foreign := b.order("s1", 100)
	foreign.Merchant = "mer_2"
	b.pay(foreign, channel.Declined, channel.RefusedOther)
	whole := b.order("s1", 100) // from the merchants' API comes the code itself
	whole.Code = b.code("s1")
	b.pay(whole, channel.Approved, "")
	b.update(func(tx *store.Tx) error { return tx.RevokeStoredAccount("sva_1") })
	b.pay(b.order("s2", 100), channel.Declined, channel.RefusedOther)
	if b.balance() != 9900 {
		t.Errorf("balance %d", b.balance())
	}
}

func flipped(s string, i int) string {
	c := []byte(s)
	if c[i]++; c[i] > 'y' {
		c[i] = 'b'
	}
	return string(c)
}

// TestTheMomentThatCounts is the till's when it was offline, and bounded on both sides.
func TestTheMomentThatCounts(t *testing.T) {
	b := newBank(t)
	for i, c := range []struct {
		deferred, now time.Duration // after start; -1: not deferred
		want          channel.DeclineCode
	}{
		{-1, 61 * time.Minute, ""}, {-1, 63 * time.Minute, channel.CodeExpired}, {-1, -3 * time.Minute, channel.CodeExpired},
		{30 * time.Minute, 20 * time.Hour, ""}, {61 * time.Minute, 20 * time.Hour, ""}, {63 * time.Minute, 20 * time.Hour, channel.CodeExpired},
		{30 * time.Minute, 24*time.Hour + 31*time.Minute, ""}, {30 * time.Minute, 24*time.Hour + 33*time.Minute, channel.CodeExpired},
		{30 * time.Minute, 27 * time.Minute, channel.CodeExpired}, // from the future
	} {
		o := b.order(fmt.Sprintf("s%d", i), 100)
		if c.deferred >= 0 {
			o.Deferred = start.Add(c.deferred)
		}
		b.now = start.Add(c.now)
		want := channel.Approved
		if c.want != "" {
			want = channel.Declined
		}
		b.pay(o, want, c.want)
	}
}

func TestAnUndoneOneStaysUndone(t *testing.T) {
	b := newBank(t)
	paid, early, declined := b.order("s1", 1280), b.order("s2", 100), b.order("s1", 200)
	b.pay(paid, channel.Approved, "")
	b.pay(declined, channel.Declined, channel.CodeUsed)
	for range 2 {
		for _, o := range []channel.Order{paid, early, declined} {
			if a := b.Reverse(t.Context(), ref(o)); a.Finding != channel.Reversed {
				t.Errorf("%+v", a)
			}
		}
	}
	if b.balance() != 10_000 {
		t.Errorf("balance %d", b.balance())
	}
	for _, o := range []channel.Order{paid, early} { // a charge that comes late
		b.pay(o, channel.Reversed, "")
	}
	b.pay(b.order("s1", 100), channel.Declined, channel.CodeUsed) // it was shown and spent, whatever became of it
	if b.balance() != 10_000 {
		t.Errorf("balance %d", b.balance())
	}
}

func TestRefunds(t *testing.T) {
	b := newBank(t)
	o := b.order("s1", 1000)
	refund := func(no string, fen int64) channel.Refund {
		return channel.Refund{OutRefundNo: no, Order: ref(o), Amount: money.Fen(fen)}
	}
	want := func(what string, a channel.RefundAnswer, f channel.RefundFinding) {
		t.Helper()
		if a.Finding != f || (f == channel.RefundRefused) != (a.Decline.Code != "") || (f == channel.Refunded) != (a.WalletRef != "" && !a.RefundedAt.IsZero()) {
			t.Errorf("%s: %+v, want %s", what, a, f)
		}
	}
	want("of nothing", b.Refund(t.Context(), refund("R0000000", 1)), channel.RefundRefused)
	b.pay(o, channel.Approved, "")
	want("not asked", b.QueryRefund(t.Context(), refund("R0000001", 400)), channel.RefundAbsent)
	for range 2 {
		want("a part", b.Refund(t.Context(), refund("R0000001", 400)), channel.Refunded)
	}
	want("asked", b.QueryRefund(t.Context(), refund("R0000001", 400)), channel.Refunded)
	want("another amount", b.Refund(t.Context(), refund("R0000001", 401)), channel.RefundUnknown)
	want("too much", b.Refund(t.Context(), refund("R0000002", 601)), channel.RefundRefused)
	want("the rest", b.Refund(t.Context(), refund("R0000003", 500)), channel.Refunded)
	if b.balance() != 9900 {
		t.Errorf("balance %d", b.balance())
	}
	if a := b.Reverse(t.Context(), ref(o)); a.Finding != channel.Reversed || b.balance() != 10_000 {
		t.Errorf("a reversal gives the rest back: %+v, balance %d", a, b.balance())
	}
	want("of an undone one", b.Refund(t.Context(), refund("R0000004", 1)), channel.RefundRefused)
	late := b.order("s2", 100)
	b.pay(late, channel.Approved, "")
	b.now = b.now.Add(366 * 24 * time.Hour)
	want("too late", b.Refund(t.Context(), channel.Refund{OutRefundNo: "R0000005", Order: ref(late), Amount: money.Fen(1)}), channel.RefundRefused)
}

// TestManyAtOnce: a hundred tills and one code, and a balance that allows for few.
func TestManyAtOnce(t *testing.T) {
	b := newBank(t)
	var same, apart []channel.Order
	for i := range 50 {
		same, apart = append(same, b.order("one", 100)), append(apart, b.order(fmt.Sprintf("s%d", i), 1100))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	found := map[channel.Finding]int{}
	for _, o := range append(same, apart...) {
		all.Go(func() {
			a := b.Pay(t.Context(), o)
			mu.Lock()
			defer mu.Unlock()
			found[a.Finding]++
		})
	}
	all.Wait()
	if found[channel.Approved] != 10 || found[channel.Declined] != 90 || b.balance() != 0 {
		t.Errorf("%v, balance %d", found, b.balance())
	}
}

func TestImpossibleBooksAreRefused(t *testing.T) {
	b := newBank(t)
	b.pay(b.order("s1", 100), channel.Approved, "")
	for name, statement := range map[string]string{
		"below nothing":      `INSERT INTO stored_entry (account, kind, number, out_trade_no, amount, at) SELECT 'sva_1', 'charge', 'x', out_trade_no, -10000, 1 FROM stored_order`,
		"a charge that adds": `INSERT INTO stored_entry (account, kind, number, out_trade_no, amount, at) SELECT 'sva_1', 'charge', 'x', out_trade_no, 1, 1 FROM stored_order`,
		"a topup twice":      `INSERT INTO stored_entry (account, kind, number, amount, at) VALUES ('sva_1', 'topup', 't1', 1, 1)`,
		"a charge twice":     `INSERT INTO stored_entry (account, kind, number, out_trade_no, amount, at) SELECT account, kind, number, out_trade_no, amount, at FROM stored_entry WHERE kind = 'charge'`,
		"an entry changed":   `UPDATE stored_entry SET amount = 1`,
		"an entry deleted":   `DELETE FROM stored_entry`,
		"a serial twice":     `INSERT INTO stored_order SELECT '99999999', account, serial, amount, status, '', '', at FROM stored_order`,
		"paid by nobody":     `INSERT INTO stored_order VALUES ('99999999', NULL, NULL, 1, 'paid', '', '', 1)`,
	} {
		err := b.store.Update(func(tx *store.Tx) error {
			return tx.Exec(statement)
		})
		if err == nil || strings.Contains(err.Error(), "syntax") || strings.Contains(err.Error(), "column") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
