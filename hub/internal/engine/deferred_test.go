package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/pay"
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
