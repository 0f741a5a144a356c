package engine_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel/storedvalue"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/id"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	sv "cloudcashier/shared/storedvalue"
	"cloudcashier/shared/wire"
)

// deferred is a stored-value sale that a till took offline two days ago.
func deferred(key, code string) wire.Pay {
	at := time.Now().Add(-48 * time.Hour)
	m := fromTill(key, code)
	m.CodeAgeMS, m.DeferredAt = (48 * time.Hour).Milliseconds(), &at
	return m
}

func (h *house) exceptions() (kinds []string) {
	h.t.Helper()
	list, _, err := store.Exceptions(h.dir+"/hub.db", false)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range list {
		kinds = append(kinds, string(x.Kind)+" "+x.Matter)
	}
	return kinds
}

// TestADeferredSaleIsCollected though its code is old, and only of the wallet that has such codes.
func TestADeferredSaleIsCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		desk := engine.Desk{Engine: h.engine}
		m := deferred("s1", "SV1C.payload.signature.00")
		for range 3 {
			if err := desk.Pay(t.Context(), till, m); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		old := m
		old.Key, old.OrderNo, old.Code, old.DeferredAt = "s2", "O-s2", "SV1C.payload.other.00", nil
		wallets := deferred("s3", "130000000000000000")
		for _, x := range []wire.Pay{old, wallets} {
			if err := desk.Pay(t.Context(), till, x); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		results, refused := h.told()
		if len(results) == 0 {
			t.Fatalf("nothing but refusals: %+v", refused)
		}
		if last := results[len(results)-1]; last.Outcome != pay.Paid || last.Key != "s1" || h.wallet.net() != 1 {
			t.Errorf("%+v, the wallet took %d", last, h.wallet.net())
		}
		if len(refused) != 2 || refused[0].Code != "code.expired" || refused[1].Code != "code.not_deferrable" {
			t.Errorf("%+v", refused)
		}
		if got := h.exceptions(); got != nil {
			t.Errorf("%v", got)
		}
	})
}

// TestALossIsOnTheBooks: a sale whose goods are gone ends as a payment that was not paid, with an
// exception, also when its order was paid otherwise.
func TestALossIsOnTheBooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		desk := engine.Desk{Engine: h.engine}
		if err := desk.Pay(t.Context(), till, deferred("s1", "SV1C.payload.signature.50")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.await(h.collect(ask("O-s2", "130000000000000000")).ID, time.Minute)
		for range 2 {
			if err := desk.Pay(t.Context(), till, deferred("s2", "SV1C.payload.signature.00")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		results, refused := h.told()
		if len(results) == 0 {
			t.Fatalf("nothing but refusals: %+v", refused)
		}
		last := results[len(results)-1]
		if len(refused) != 0 || last.Key != "s2" || last.Status != pay.StatusDeclined || last.Reason != "order_paid" || h.wallet.net() != 1 {
			t.Errorf("%+v, %+v, the wallet took %d", last, refused, h.wallet.net())
		}
		if got := h.exceptions(); len(got) != 2 || got[0] != "deferred_refused declined balance_low" || got[1] != "deferred_refused declined order_paid" {
			t.Errorf("%v", got)
		}
		p, err := h.engine.Payment(t.Context(), merchant, last.PaymentID)
		if err != nil || p.Deferred.IsZero() || !p.Final() {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// TestAnOpenOrderIsTriedAgain: a refusal that may pass is no loss.
func TestAnOpenOrderIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		desk := engine.Desk{Engine: h.engine}
		first := h.collect(ask("O-s1", "130000000000000054")) // the customer will refuse
		m := deferred("s1", "SV1C.payload.signature.00")
		if err := desk.Pay(t.Context(), till, m); err != nil {
			t.Fatal(err)
		}
		if _, refused := h.told(); len(refused) != 1 || refused[0].Code != "payment.order_open" {
			t.Errorf("%+v", refused)
		}
		h.await(first.ID, time.Minute)
		if err := desk.Pay(t.Context(), till, m); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if results, _ := h.told(); len(results) == 0 || results[len(results)-1].Outcome != pay.Paid || h.exceptions() != nil {
			t.Errorf("%+v", results)
		}
	})
}

// TestStoredValueIsOneCommit: taking a payment in and charging the balance cannot come apart, so that
// no crash makes a loss of a sale that was accepted offline. Nothing runs here but the intake.
func TestStoredValueIsOneCommit(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	secret := []byte("0123456789abcdef")
	h := newHouse(t)
	h.stop()
	h.open() // leads, and carries nothing out
	defer h.store.DB().Close()
	bank := storedvalue.New(storedvalue.Config{Store: h.store, Key: key.Public().(ed25519.PublicKey), Secret: func(string) []byte { return secret },
		Collect: func(string, string) time.Duration { return time.Hour }, Now: time.Now})
	told := 0
	e := engine.New(engine.Deps{Store: h.store, Node: h.node, Ways: []engine.Way{{Name: "sv", Wallet: pay.StoredValue, Channel: bank}}, CodeKey: []byte("k"),
		Now: time.Now, IDs: id.NewSource(time.Now, rand.NewChaCha8([32]byte{9})), Log: slog.New(slog.NewJSONHandler(&h.logs, nil)), Told: func(string) { told++ }})
	if err := h.store.Update(func(tx *store.Tx) error {
		if err := tx.InsertStoredAccount(store.StoredAccount{ID: "sva_1", Merchant: merchant, Created: time.Now()}); err != nil {
			return err
		}
		return tx.InsertStoredEntry(store.StoredEntry{Account: "sva_1", Kind: "topup", Number: "t", Amount: money.Fen(150), At: time.Now()})
	}); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	for i, want := range []pay.Status{pay.StatusSucceeded, pay.StatusDeclined} {
		m := wire.Pay{Key: fmt.Sprintf("s%d", i), OrderNo: fmt.Sprintf("O-%d", i), Amount: 100, Currency: "CNY", DeferredAt: &at}
		code, err := sv.Mint(sv.Terms{Account: "sva_1", Serial: fmt.Sprintf("serial-%d", i), Merchant: merchant, Most: money.Fen(100),
			NotBefore: at.Add(-time.Minute), NotAfter: at.Add(time.Minute)}, secret, key)
		if err != nil {
			t.Fatal(err)
		}
		read, err := sv.Parse(code, key.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		claim, err := read.Claim(sv.Sale{Terminal: till.ID, Key: m.Key, OrderNo: m.OrderNo, Amount: money.Fen(100)})
		if err != nil {
			t.Fatal(err)
		}
		m.Code = claim.Reveal()
		for range 2 {
			if err := (engine.Desk{Engine: e}).Pay(t.Context(), till, m); err != nil {
				t.Fatal(err)
			}
			results, refused := h.told()
			if len(refused) != 0 || len(results) == 0 || results[len(results)-1].Status != want || results[len(results)-1].Key != m.Key {
				t.Fatalf("%+v, %+v", results, refused)
			}
		}
	}
	if err := h.store.View(func(tx *store.Tx) error {
		work, err := tx.AllWork()
		a, _ := tx.StoredAccount("sva_1")
		if len(work) != 0 || a.Balance != money.Fen(50) || told == 0 {
			t.Errorf("work %+v, balance %s", work, a.Balance)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := h.exceptions(); len(got) != 1 || got[0] != "deferred_refused declined balance_low" {
		t.Errorf("%v", got)
	}
}
