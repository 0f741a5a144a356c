package hubd

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/money"
)

// Demo is a merchant to try things with.
type Demo struct {
	Merchant        string   `json:"merchant"`
	Store           string   `json:"store"`
	APIKeyID        string   `json:"api_key_id"`
	APISecret       string   `json:"-"` // derived
	ActivationCodes []string `json:"activation_codes"`
	StoredAccount   string   `json:"stored_account"` // of a customer with stored value

	Operators []DemoOperator `json:"operators"`
}

// demoBalance is what the demo's customer begins with: 5,000 yuan.
const demoBalance = 5_000_00

// SeedDemo makes the demo merchant once and keeps who it is in the file; later calls find it again.
// The file is written before the records, so that a crash in between leaves nothing twice.
func (h *Hub) SeedDemo(path string, codes int) (d Demo, err error) {
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &d); err != nil {
			return d, fault.Wrap(err, fault.Invalid, "demo.file", "%s is damaged: restore it from your backup", path)
		}
	case errors.Is(err, fs.ErrNotExist):
		d = Demo{Merchant: h.ids.New(id.Merchant), Store: h.ids.New(id.Store), APIKeyID: h.ids.New(id.APIKey),
			StoredAccount: h.ids.New(id.StoredAccount), Operators: h.demoOperators()}
		for range codes {
			code, err := registry.MintCode(h.deps.Random)
			if err != nil {
				return d, err
			}
			d.ActivationCodes = append(d.ActivationCodes, code)
		}
		if data, err = json.Marshal(d); err != nil {
			return d, err
		}
		if err := WriteFile(path, data); err != nil {
			return d, err
		}
	default:
		return d, fault.Wrap(err, fault.Internal, "demo.file", "cannot read %s", path)
	}
	d.APISecret = h.keys.apiSecret(d.APIKeyID)
	return d, h.store.Update(func(tx *store.Tx) error { return h.putDemo(tx, d) })
}

// putDemo stores what is not there yet.
func (h *Hub) putDemo(tx *store.Tx, d Demo) error {
	const codeLife = 30 * 24 * time.Hour
	now := h.deps.Now()
	if err := tx.PutMerchant(registry.Merchant{ID: d.Merchant, Name: "Demo merchant", Created: now}); err != nil {
		return err
	}
	if err := tx.PutStore(registry.Store{ID: d.Store, Merchant: d.Merchant, Name: "Demo store", Created: now}); err != nil {
		return err
	}
	if err := tx.PutAPIKey(store.APIKey{ID: d.APIKeyID, Merchant: d.Merchant}, now); err != nil {
		return err
	}
	if err := h.putDemoAccount(tx, d, now); err != nil {
		return err
	}
	if err := h.putDemoOperators(tx, d, now); err != nil {
		return err
	}
	return h.putCodes(tx, Codes{Merchant: d.Merchant, Store: d.Store, ExpiresAt: now.Add(codeLife)}, d.ActivationCodes, now)
}

// putDemoAccount gives the demo's customer stored value, once.
func (h *Hub) putDemoAccount(tx *store.Tx, d Demo, now time.Time) error {
	if err := tx.InsertStoredAccount(store.StoredAccount{ID: d.StoredAccount, Merchant: d.Merchant, Name: "Demo customer", Created: now}); err != nil {
		return err
	}
	_, ok, err := tx.StoredEntry("topup", d.StoredAccount)
	if err != nil || ok {
		return err
	}
	return tx.InsertStoredEntry(store.StoredEntry{Account: d.StoredAccount, Kind: "topup", Number: d.StoredAccount, Amount: money.Fen(demoBalance), At: now})
}
