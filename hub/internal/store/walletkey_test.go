package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
)

func TestWalletKeysChangeTogetherOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s, err := Open(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.DB().Close()
	at := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	first := vault.Record{Name: "k", Version: 1, Channel: "c", Kind: vault.RSA, Holder: vault.Sealed, State: vault.Active, KEK: "kek", DEK: []byte("CANARY-dek"),
		Sealed: []byte("CANARY-sealed"), Public: []byte("public"), Fingerprint: strings.Repeat("f", 64), Created: at, Changed: at}
	if err := s.ChangeWalletKeys(nil, []vault.Record{first}, "test"); err != nil {
		t.Fatal(err)
	}
	next, verify := first, first
	next.Version, verify.State = 2, vault.VerifyOnly
	bad := next
	bad.Fingerprint = "short"
	for what, list := range map[string][]vault.Record{"a row that a CHECK refuses": {verify, bad}, "two active versions": {next}, "the same version twice": {verify, next, next}} {
		if err := s.ChangeWalletKeys([]vault.Record{first}, list, "test"); err == nil {
			t.Errorf("%s was stored", what)
		}
	}
	stale := first
	stale.DEK = []byte("another")
	if err := s.ChangeWalletKeys([]vault.Record{stale}, []vault.Record{verify}, "test"); fault.CodeOf(err) != "vault.raced" {
		t.Errorf("a change of a row that is no longer so: %v", err)
	}
	list, err := s.WalletKeys()
	if err != nil || len(list) != 1 || list[0].State != vault.Active {
		t.Fatalf("%v, %v", list, err)
	}
	if err := s.ChangeWalletKeys([]vault.Record{first}, []vault.Record{verify, next}, "test"); err != nil {
		t.Fatal(err)
	}
	if list, err = WalletKeys(path); err != nil || len(list) != 2 || list[0].State != vault.VerifyOnly || string(list[1].Sealed) != "CANARY-sealed" {
		t.Errorf("%v, %v", list, err)
	}
	var out strings.Builder
	if err := Export(path, "events", &out); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), `"key/k"`) != 3 || strings.Contains(out.String(), "CANARY") {
		t.Errorf("events: %s", out.String())
	}
}
