package engine_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
)

// TestAnotherMerchantsPaymentIsOutOfReach: to read, to wait for, to ask about and above all to undo.
func TestAnotherMerchantsPaymentIsOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.collect(ask("A1", "130000000000000155"))
		const stranger = "mer_2"
		_, read := h.engine.Payment(t.Context(), stranger, p.ID)
		_, await := h.engine.Await(t.Context(), stranger, p.ID)
		_, refresh := h.engine.Refresh(t.Context(), stranger, p.ID)
		_, cancel := h.engine.Cancel(t.Context(), stranger, p.ID)
		for name, err := range map[string]error{"read": read, "await": await, "refresh": refresh, "cancel": cancel} {
			if fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s by another merchant: %v", name, err)
			}
		}
		if list, err := h.engine.Payments(t.Context(), stranger, "A1"); err != nil || len(list) != 0 {
			t.Errorf("another merchant lists %v, %v", list, err)
		}
		if got := h.collect(ask("A1", "130000000000000155")); got.ID != p.ID || got.Attempt.Cause != "" {
			t.Errorf("it was touched: %+v", got.Attempt)
		}
	})
}

func TestAnotherMerchantsStoreAndTillAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		for name, edit := range map[string]func(*engine.Ask){
			"payment.store":    func(a *engine.Ask) { a.Store = till.Store },
			"payment.terminal": func(a *engine.Ask) { a.Terminal = till.ID },
		} {
			a := ask("A1", "130000000000000000")
			a.Merchant = "mer_2"
			edit(&a)
			if _, err := h.engine.Collect(t.Context(), a); fault.CodeOf(err) != name {
				t.Errorf("%s of another merchant: %v", name, err)
			}
		}
		if n := h.wallet.payCalls(); n != 0 {
			t.Errorf("%d pay calls", n)
		}
		a := ask("A1", "130000000000000000")
		a.Store, a.Terminal = till.Store, till.ID
		h.await(h.collect(a).ID, time.Minute)
	})
}

// TestCodeDigestsAreKeyed: a code has so few digits that a digest anybody can make gives it away.
func TestCodeDigestsAreKeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		const code = "130000000000000000"
		h.await(h.collect(ask("A1", code)).ID, time.Minute)
		var stored []byte
		if err := h.store.View(func(tx *store.Tx) error { return tx.QueryRow("SELECT digest FROM code_use").Scan(&stored) }); err != nil {
			t.Fatal(err)
		}
		plain := sha256.Sum256([]byte(code))
		unkeyed := hmac.New(sha256.New, nil)
		unkeyed.Write([]byte(code))
		if len(stored) != sha256.Size || bytes.Equal(stored, plain[:]) || bytes.Equal(stored, unkeyed.Sum(nil)) {
			t.Errorf("the digest %x can be made without the key", stored)
		}
	})
}
