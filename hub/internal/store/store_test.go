package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

var at = time.UnixMilli(1_700_000_000_000).UTC()

// house is a store with two merchants, each with two tills.
type house struct {
	*testing.T
	*store.Store
	path string
}

func open(t *testing.T) *house {
	h := &house{T: t, path: filepath.Join(t.TempDir(), "hub.db")}
	h.start()
	t.Cleanup(func() { _ = h.DB().Close() })
	h.must(h.Update(func(tx *store.Tx) error {
		for i := range 4 {
			mer, sto := fmt.Sprintf("mer_%d", i/2), fmt.Sprintf("sto_%d", i/2)
			if err := tx.PutMerchant(registry.Merchant{ID: mer, Created: at}); err != nil {
				return err
			}
			if err := tx.PutStore(registry.Store{ID: sto, Merchant: mer, Created: at}); err != nil {
				return err
			}
			if err := tx.PutTerminal(registry.Terminal{ID: fmt.Sprintf("trm_%d", i), Merchant: mer, Store: sto,
				Key: bytes.Repeat([]byte{byte(i)}, 32), Serial: fmt.Sprint(i), Created: at}); err != nil {
				return err
			}
		}
		return nil
	}))
	return h
}

func (h *house) start() {
	s, err := store.Open(h.path, func() time.Time { return at })
	h.must(err)
	h.Store = s
}

// restart closes the file and opens it again.
func (h *house) restart() {
	h.Helper()
	h.must(h.DB().Close())
	h.start()
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) nonce(key, nonce string, want bool) {
	h.Helper()
	if fresh, err := h.UseNonce(key, nonce, at.Add(time.Minute)); err != nil || fresh != want {
		h.Errorf("nonce %s of %s is fresh: %v (%v), want %v", nonce, key, fresh, err, want)
	}
}

func TestANonceIsUsedOnce(t *testing.T) {
	h := open(t)
	h.nonce("key_1", "aaaaaaaa", true)
	h.nonce("key_1", "aaaaaaaa", false)
	h.nonce("key_1", "bbbbbbbb", true)
	h.nonce("key_2", "aaaaaaaa", true)
	h.restart()
	h.nonce("key_1", "aaaaaaaa", false)
}

// TestSweepForgetsWhatExpiredAndNothingElse: what is swept too early can be used once more.
func TestSweepForgetsWhatExpiredAndNothingElse(t *testing.T) {
	h := open(t)
	use := func(digest byte, at time.Time) (by string) {
		h.must(h.Update(func(tx *store.Tx) (err error) {
			by, err = tx.UseCode([]byte{digest}, "pay_1", at.UnixMilli())
			return err
		}))
		return by
	}
	h.nonce("key_1", "aaaaaaaa", true)
	use(1, at)
	h.must(h.Sweep(at.Add(59*time.Second), time.Minute, 100))
	h.nonce("key_1", "aaaaaaaa", false)
	if use(1, at) != "pay_1" {
		t.Error("a code was forgotten inside its memory")
	}
	h.must(h.Sweep(at.Add(61*time.Second), time.Minute, 100))
	h.nonce("key_1", "aaaaaaaa", true)
	if use(1, at) != "" {
		t.Error("a code is never forgotten")
	}
}

func (h *house) insert(p payment.Payment) {
	h.Helper()
	h.must(h.Update(func(tx *store.Tx) error {
		fresh, err := tx.InsertPayment(p)
		if err == nil && !fresh {
			err = fmt.Errorf("%s is there already", p.Key)
		}
		return err
	}))
}

// made is a payment that is being sent.
func made(n int, merchant, terminal string, source payment.Source, key string) payment.Payment {
	return payment.Payment{ID: fmt.Sprintf("pay_%d", n), Merchant: merchant, Terminal: terminal, Source: source, Key: key, BodyHash: "h",
		OrderNo: "A-1", Amount: money.Fen(100), Wallet: pay.WeChat, Status: pay.StatusPending, Created: at,
		Attempt: payment.Attempt{ID: fmt.Sprintf("att_%d", n), Channel: "w", OutTradeNo: fmt.Sprintf("T000000%d", n), Status: pay.StatusPending, Sent: at}}
}

// TestKeysAreScoped: merchants and tills number their sales without knowing of each other.
func TestKeysAreScoped(t *testing.T) {
	h := open(t)
	all := []payment.Payment{
		made(0, "mer_0", "trm_0", payment.FromTill, "k"), made(1, "mer_0", "trm_1", payment.FromTill, "k"),
		made(2, "mer_1", "trm_2", payment.FromTill, "k"), made(3, "mer_0", "trm_0", payment.FromAPI, "k"),
		made(4, "mer_1", "", payment.FromAPI, "k"),
	}
	for _, p := range slices.Backward(all) {
		h.insert(p)
	}
	h.must(h.View(func(tx *store.Tx) error {
		for _, p := range all {
			if got, err := tx.PaymentByKey(p.Merchant, p.Source, p.Scope(), p.Key); err != nil || got != p {
				t.Errorf("%s %s %s: got %s, %v; want %s", p.Merchant, p.Source, p.Terminal, got.ID, err, p.ID)
			}
		}
		if _, err := tx.PaymentByKey("mer_2", payment.FromAPI, "", "k"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a merchant without payments: %v", err)
		}
		for merchant, want := range map[string]int{"mer_0": 3, "mer_1": 2, "mer_2": 0} {
			list, err := tx.PaymentsByOrder(merchant, "A-1", 10)
			if err != nil || len(list) != want {
				t.Errorf("%s has %d payments of the order, %v; want %d", merchant, len(list), err, want)
			}
		}
		return nil
	}))
	// The API's orders are one whichever till they name, so this is the same key again.
	again := made(5, "mer_0", "trm_1", payment.FromAPI, "k")
	var fresh bool
	h.must(h.Update(func(tx *store.Tx) (err error) { fresh, err = tx.InsertPayment(again); return err }))
	if fresh {
		t.Error("one key has two payments")
	}
}

func TestAFenceIsKeptForItsTillAlone(t *testing.T) {
	h := open(t)
	for range 2 {
		h.must(h.Update(func(tx *store.Tx) error { return tx.PutFence("trm_0", "k", at) }))
	}
	h.restart()
	h.must(h.View(func(tx *store.Tx) error {
		for _, c := range []struct {
			terminal, key string
			want          bool
		}{{"trm_0", "k", true}, {"trm_0", "l", false}, {"trm_1", "k", false}} {
			if got, err := tx.Fenced(c.terminal, c.key); err != nil || got != c.want {
				t.Errorf("%s of %s is fenced: %v, %v", c.key, c.terminal, got, err)
			}
		}
		return nil
	}))
}

func TestARevokedTerminalIsDenied(t *testing.T) {
	h := open(t)
	if got, err := h.Terminal("trm_1"); err != nil || got.Merchant != "mer_0" {
		t.Errorf("%+v, %v", got, err)
	}
	h.must(h.Update(func(tx *store.Tx) error {
		return tx.Exec("UPDATE terminal SET revoked = 1 WHERE id = 'trm_1'")
	}))
	if _, err := h.Terminal("trm_1"); fault.KindOf(err) != fault.Denied {
		t.Errorf("revoked: %v", err)
	}
	if _, err := h.Terminal("trm_9"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("unknown: %v", err)
	}
}

// TestMessagesWaitUntilAcknowledged: each till has numbers of its own without gaps, also after a restart.
func TestMessagesWaitUntilAcknowledged(t *testing.T) {
	h := open(t)
	put := func(terminal string) {
		h.must(h.Update(func(tx *store.Tx) error { return tx.PutDown(terminal, wire.KindResult, wire.Result{Key: "k"}, at) }))
	}
	waiting := func(terminal string, after uint64, want ...uint64) {
		t.Helper()
		list, err := h.Waiting(terminal, after, 10)
		got := []uint64{}
		for _, d := range list {
			got = append(got, d.Seq)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s above %d: %v, %v; want %v", terminal, after, got, err, want)
		}
	}
	forgotten := func(terminal string, want uint64) {
		t.Helper()
		if got, err := h.Forgotten(terminal); err != nil || got != want {
			t.Errorf("%s: %d are forgotten, %v; want %d", terminal, got, err, want)
		}
	}
	forgotten("trm_0", 0)
	for range 3 {
		put("trm_0")
	}
	put("trm_1")
	forgotten("trm_0", 0)
	waiting("trm_0", 0, 1, 2, 3)
	waiting("trm_0", 2, 3)
	waiting("trm_1", 0, 1)
	h.must(h.Acknowledge("trm_0", 2))
	waiting("trm_0", 0, 3)
	waiting("trm_1", 0, 1)
	forgotten("trm_0", 2)
	h.must(h.Acknowledge("trm_0", 3))
	forgotten("trm_0", 3)
	h.restart()
	put("trm_0")
	waiting("trm_0", 0, 4)
	forgotten("trm_0", 3)
	put("trm_0") // 4 and 5 wait, and a database put back has forgotten that the till was told up to 40
	h.must(h.Acknowledge("trm_0", 40))
	waiting("trm_0", 0, 41, 42)
	put("trm_0")
	waiting("trm_0", 40, 41, 42, 43)
	h.must(h.Acknowledge("trm_0", 43))
	h.must(h.Acknowledge("trm_0", 50))
	put("trm_0")
	waiting("trm_0", 50, 51)
	waiting("trm_1", 0, 1)
	if _, err := h.Forgotten("trm_9"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of an unknown terminal: %v", err)
	}
}

// TestEventsAreChained: the log takes no change, and each row's hash covers the one before it.
func TestEventsAreChained(t *testing.T) {
	h := open(t)
	h.must(h.Update(func(tx *store.Tx) error {
		for range 2 {
			for _, entity := range []string{"pay_1", "pay_2"} {
				if err := tx.Append(store.Event{Entity: entity, Kind: "payment.submit", Body: "x", Cause: "till", At: at}); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	last, seen := map[string][]byte{}, map[string]bool{}
	h.must(h.View(func(tx *store.Tx) error {
		return tx.Query(func(rows sqlite.Rows) error {
			var entity string
			var prev, hash []byte
			if err := rows.Scan(&entity, &prev, &hash); err != nil {
				return err
			}
			if !bytes.Equal(prev, last[entity]) || seen[string(hash)] {
				t.Errorf("an event of %s does not follow the one before it", entity)
			}
			last[entity], seen[string(hash)] = hash, true // equal events differ by what went before
			return nil
		}, "SELECT entity, prev, hash FROM event ORDER BY seq")
	}))
	if len(seen) != 4 {
		t.Errorf("%d events", len(seen))
	}
	for _, change := range []string{"UPDATE event SET body = 'y'", "DELETE FROM event"} {
		if err := h.Update(func(tx *store.Tx) error { err := tx.Exec(change); return err }); err == nil {
			t.Errorf("%s was taken", change)
		}
	}
}

// TestKept: whatever moment a payment or its attempt gets is kept in the form in which it is read.
func TestKept(t *testing.T) {
	odd := time.Now().In(time.FixedZone("", 3600)).Add(1234567)
	p := made(1, "mer_0", "trm_0", payment.FromTill, "k")
	p.Attempt.Route = "{}"
	moments := func(p *payment.Payment) (list []*time.Time) {
		for _, v := range []reflect.Value{reflect.ValueOf(p).Elem(), reflect.ValueOf(&p.Attempt).Elem()} {
			for i := range v.NumField() {
				if at, ok := v.Field(i).Addr().Interface().(*time.Time); ok {
					list = append(list, at)
				}
			}
		}
		return list
	}
	set := moments(&p)
	if len(set) < 13 {
		t.Fatalf("only %d moments were found", len(set))
	}
	for _, at := range set {
		*at = odd
	}
	kept := store.Kept(p)
	for i, at := range moments(&kept) {
		if *at != time.UnixMilli(odd.UnixMilli()).UTC() {
			t.Errorf("moment %d is kept as %v", i, *at)
		}
	}
	p = made(2, "mer_0", "trm_0", payment.FromTill, "k2")
	p.Created, p.Attempt.Sent, p.Attempt.Route = odd, odd, "{}"
	h := open(t)
	h.insert(p)
	h.must(h.View(func(tx *store.Tx) error {
		if got, err := tx.Payment(p.ID); err != nil || got != store.Kept(p) {
			t.Errorf("read as\n%+v, %v\nkept as\n%+v", got, err, store.Kept(p))
		}
		return nil
	}))
}

// TestWhatIsStaleIsNotSaved: whatever changed the payment since, be it a refund of it, what was worked out before does not count.
func TestWhatIsStaleIsNotSaved(t *testing.T) {
	h := open(t)
	p := made(1, "mer_0", "trm_0", payment.FromTill, "k")
	h.insert(p)
	save := func(p payment.Payment) (payment.Payment, error) {
		err := h.Update(func(tx *store.Tx) error { return tx.SavePayment(&p) })
		return p, err
	}
	paid := p
	paid.Status, paid.PaidAt, paid.Finished = pay.StatusSucceeded, at, at
	paid.Attempt.Status, paid.Attempt.Settled = pay.StatusSucceeded, at
	saved, err := save(paid)
	h.must(err)
	if _, err := save(paid); !errors.Is(err, store.ErrStale) {
		t.Errorf("saved twice: %v", err)
	}
	r := back("1", p, 10)
	h.refund(r)
	if _, err := save(saved); !errors.Is(err, store.ErrStale) {
		t.Errorf("saved over a refund: %v", err)
	}
	h.must(h.View(func(tx *store.Tx) error {
		now, err := tx.Payment(p.ID)
		if err != nil || now.Rev != saved.Rev+1 || now.Refunding != r.Amount || now.Status != pay.StatusSucceeded {
			t.Errorf("%+v, %v", now, err)
		}
		return nil
	}))
}
