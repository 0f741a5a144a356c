package hubd

import (
	"crypto/ed25519"
	"path/filepath"
	"testing"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/storedvalue"
)

func TestOperatorsKeepStoredValue(t *testing.T) {
	h, dir := openHub(t, "")
	if err := h.store.Update(func(tx *store.Tx) error {
		return tx.PutMerchant(registry.Merchant{ID: "mer_1", Created: time.Now()})
	}); err != nil {
		t.Fatal(err)
	}
	runHub(t, h)
	serves(t, h)
	ctx := t.Context()
	a, err := OpenStoredAccount(ctx, dir, StoredOrder{Name: "Wang"})
	if err != nil || a.Merchant != "mer_1" || a.Balance != 0 {
		t.Fatalf("%+v, %v", a, err)
	}
	for range 2 { // the same number adds once
		if a, err = ChangeStoredAccount(ctx, dir, a.ID, "topup", StoredOrder{Amount: 5000, Number: "T1", By: "mei"}); err != nil || a.Balance != 5000 {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	for name, c := range map[string]struct {
		account string
		o       StoredOrder
		code    string
	}{
		"another amount under a number": {a.ID, StoredOrder{Amount: 1, Number: "T1", By: "mei"}, "account.number"},
		"no number":                     {a.ID, StoredOrder{Amount: 1, By: "mei"}, "account.number"},
		"nobody":                        {a.ID, StoredOrder{Amount: 1, Number: "T2"}, "account.who"},
		"taking away":                   {a.ID, StoredOrder{Amount: -1, Number: "T2", By: "mei"}, "money.not_positive"},
		"no such account":               {"sva_x", StoredOrder{Amount: 1, Number: "T2", By: "mei"}, "account.unknown"},
	} {
		if _, err := ChangeStoredAccount(ctx, dir, c.account, "topup", c.o); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	code, err := MintStoredCode(ctx, dir, a.ID, StoredOrder{Amount: 1000, Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	text, err := pay.ParseCode(code.Code)
	if err != nil {
		t.Fatal(err)
	}
	read, err := storedvalue.Parse(text, h.keys.signing().Public().(ed25519.PublicKey))
	if err != nil || read.Serial != code.Serial || read.Most != money.Fen(1000) || !read.Holds(h.keys.storedSecret(code.Serial), storedvalue.Sale{}) {
		t.Errorf("%+v, %v", read.Terms, err)
	}
	for _, life := range []time.Duration{0, time.Second, 32 * 24 * time.Hour} {
		if _, err := MintStoredCode(ctx, dir, a.ID, StoredOrder{Life: life}); fault.CodeOf(err) != "account.life" {
			t.Errorf("a life of %s: %v", life, err)
		}
	}
	if a, err = ChangeStoredAccount(ctx, dir, a.ID, "revoke", StoredOrder{By: "mei", Note: "lost"}); err != nil || !a.Revoked {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := MintStoredCode(ctx, dir, a.ID, StoredOrder{Life: time.Hour}); fault.CodeOf(err) != "account.revoked" {
		t.Errorf("a code of a closed account: %v", err)
	}
	if list, err := StoredAccounts(filepath.Join(dir, "hub.db")); err != nil || len(list) != 1 || list[0].Balance != 5000 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestOfflineLimitsAreTheMostParticular and reach the till signed, for itself alone.
func TestOfflineLimitsAreTheMostParticular(t *testing.T) {
	h, dir := openHub(t, "")
	t.Cleanup(func() { _ = h.Close() })
	limits := func(merchant, terminal string, count int) OfflineConfig {
		return OfflineConfig{Merchant: merchant, Terminal: terminal, PerSale: 100, Count: count, Sum: 1000, Age: time.Hour, Valid: 90 * time.Minute, Collect: 24 * time.Hour}
	}
	till := registry.Terminal{ID: "trm_1", Merchant: "mer_1"}
	if got := h.offlinePolicy(till); got != "" {
		t.Errorf("without limits: %q", got)
	}
	h.cfg.Offline = []OfflineConfig{limits("mer_1", "", 2), limits("", "", 1), limits("", "trm_1", 3), limits("mer_2", "trm_1", 4)}
	for _, c := range []struct {
		merchant, terminal string
		want               int
	}{{"mer_1", "trm_1", 3}, {"mer_1", "trm_2", 2}, {"mer_3", "trm_2", 1}, {"mer_2", "trm_1", 4}} {
		text := h.offlinePolicy(registry.Terminal{ID: c.terminal, Merchant: c.merchant})
		p, err := storedvalue.OpenPolicy(text, c.terminal, h.keys.signing().Public().(ed25519.PublicKey))
		if err != nil || p.Count != c.want || p.Expires.Sub(p.Issued) != 90*time.Minute {
			t.Errorf("%+v: %+v, %v", c, p, err)
		}
	}
	// the configuration says it again after it was written
	cfg := h.cfg
	cfg.Data, cfg.Channels = dir, []ChannelConfig{{Name: "sv", Wallet: pay.StoredValue}}
	path := filepath.Join(dir, "hub.yaml")
	if err := cfg.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := LoadConfig(path)
	if err != nil || len(back.Offline) != 4 || back.Offline[0] != cfg.Offline[0] || !back.hasStoredValue() {
		t.Errorf("%+v, %v", back, err)
	}
	cfg.Channels = nil
	if err := cfg.Validate(); fault.CodeOf(err) != "config.values" {
		t.Errorf("without the channel: %v", err)
	}
	cfg.Channels = []ChannelConfig{{Name: "sv", Wallet: pay.StoredValue}}
	for name, change := range map[string]func(*OfflineConfig){
		"no count": func(o *OfflineConfig) { o.Count = 0 }, "never collected": func(o *OfflineConfig) { o.Collect = 0 }, "no life": func(o *OfflineConfig) { o.Valid = 0 }, "no sum": func(o *OfflineConfig) { o.Sum = 0 },
	} {
		bad := limits("", "", 1)
		change(&bad)
		cfg.Offline = []OfflineConfig{bad}
		if err := cfg.Validate(); fault.CodeOf(err) != "config.values" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
