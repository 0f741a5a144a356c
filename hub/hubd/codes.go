package hubd

import (
	"context"
	"net/http"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
)

// Bounds of one minting of activation codes.
const (
	maxCodes     = 20_000 // what one hub serves
	maxCodeDays  = 90     // a code lies around on paper for as long
	codesAtOnce  = 500    // rows a transaction, a few milliseconds of the writer's time
	codesMinting = "/v1/activation-codes"
)

// CodeOrder asks for activation codes: each makes one device a terminal of the store.
type CodeOrder struct {
	Store string `json:"store"`
	Count int    `json:"count"`
	Days  int    `json:"days"` // until they expire
	By    string `json:"by"`   // who asks; kept in the event log
}

// Codes are what was minted. Nobody can read them a second time: the hub keeps keyed hashes.
type Codes struct {
	Merchant  string    `json:"merchant"`
	Store     string    `json:"store"`
	ExpiresAt time.Time `json:"expires_at"`
	Codes     []string  `json:"codes"`
}

// mintCodes stores the hashes of fresh codes and tells the codes, once. After an error some may be
// stored that nobody knows; they expire unused.
func (h *Hub) mintCodes(o CodeOrder) (c Codes, err error) {
	if o.Count < 1 || o.Count > maxCodes || o.Days < 1 || o.Days > maxCodeDays {
		return c, fault.New(fault.Invalid, "codes.bounds", "ask for 1 to %d codes that last 1 to %d days", maxCodes, maxCodeDays)
	}
	if o.By == "" {
		return c, fault.New(fault.Invalid, "codes.by", "say who asks: each code lets a device take money for the store")
	}
	now := h.deps.Now()
	c = Codes{Store: o.Store, ExpiresAt: now.Add(time.Duration(o.Days) * 24 * time.Hour).UTC()}
	for len(c.Codes) < o.Count {
		few := make([]string, min(codesAtOnce, o.Count-len(c.Codes)))
		for i := range few {
			if few[i], err = registry.MintCode(h.deps.Random); err != nil {
				return Codes{}, err
			}
		}
		err = h.store.Update(func(tx *store.Tx) error {
			if c.Merchant, err = tx.StoreOf(o.Store); err != nil {
				return err
			}
			if err := h.putCodes(tx, c, few, now); err != nil {
				return err
			}
			return tx.Append(store.Event{Entity: o.Store, Kind: "activation.minted", Cause: "operator", At: now,
				Body: map[string]any{"by": o.By, "codes": len(few), "expires_at": c.ExpiresAt}})
		})
		if err != nil {
			return Codes{}, err
		}
		c.Codes = append(c.Codes, few...)
	}
	return c, nil
}

// putCodes stores the hashes of codes that are not there yet.
func (h *Hub) putCodes(tx *store.Tx, of Codes, codes []string, now time.Time) error {
	for _, typed := range codes {
		code, err := registry.NormalizeCode(typed)
		if err != nil {
			return err
		}
		hash := registry.HashCode(h.keys.derive("activation"), code)
		known, err := tx.ActivationCode(hash)
		if err != nil {
			return err
		}
		if known.Hash != "" {
			continue
		}
		if err := tx.PutActivationCode(registry.ActivationCode{Hash: hash, Merchant: of.Merchant, Store: of.Store,
			Created: now, Expires: of.ExpiresAt}); err != nil {
			return err
		}
	}
	return nil
}

// mint answers operators who ask for codes.
func (h *Hub) mint(_ *http.Request, o CodeOrder) (any, error) { return h.mintCodes(o) }

// MintCodes has the hub that runs on a folder mint activation codes. It is Unavailable when none runs.
// When nobody knows what became of it, ask again: codes that nobody saw expire unused.
func MintCodes(ctx context.Context, folder string, o CodeOrder) (c Codes, err error) {
	return c, operate(ctx, folder, codesMinting, o, &c)
}
