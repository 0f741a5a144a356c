package hubd

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"time"

	connector "cloudcashier/hub/internal/channel/storedvalue"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/storedvalue"
)

// OfflineConfig is what tills may take without a connection. The most particular entry wins: a
// terminal's own, then its merchant's, then everybody's.
type OfflineConfig struct {
	Merchant string        `yaml:"merchant,omitempty"`
	Terminal string        `yaml:"terminal,omitempty"`
	PerSale  int64         `yaml:"per_sale"` // fen
	Count    int           `yaml:"count"`    // sales that the hub has not answered for
	Sum      int64         `yaml:"sum"`      // fen, of those
	Age      time.Duration `yaml:"age"`      // of the oldest of them, beyond which no more are taken
	Valid    time.Duration `yaml:"valid"`    // how long a till goes by these limits without hearing from the hub
	Collect  time.Duration `yaml:"collect"`  // how long after the scan the hub still collects
}

// collectAnyway is for what a till took under limits that have left the configuration since.
const collectAnyway = 7 * 24 * time.Hour

func (c Config) offlineOf(merchant, terminal string) (best OfflineConfig, ok bool) {
	rank := -1
	for _, o := range c.Offline {
		if o.Merchant != "" && o.Merchant != merchant || o.Terminal != "" && o.Terminal != terminal {
			continue
		}
		r := 0
		if o.Merchant != "" {
			r++
		}
		if o.Terminal != "" {
			r += 2
		}
		if r > rank {
			best, ok, rank = o, true, r
		}
	}
	return best, ok
}

// policy is the entry as one terminal gets it, signed by nobody yet.
func (o OfflineConfig) policy(terminal string, now time.Time) (storedvalue.Policy, error) {
	p := storedvalue.Policy{Terminal: terminal, PerSale: money.Fen(o.PerSale), Count: o.Count, Sum: money.Fen(o.Sum), Age: o.Age,
		Issued: now, Expires: now.Add(o.Valid)}
	return p, p.Check()
}

// offlinePolicy is what a terminal hears at each greeting.
func (h *Hub) offlinePolicy(t registry.Terminal) string {
	o, ok := h.cfg.offlineOf(t.Merchant, t.ID)
	if !ok {
		return ""
	}
	p, err := o.policy(t.ID, h.deps.Now())
	var signed string
	if err == nil {
		signed, err = storedvalue.SignPolicy(p, h.keys.signing())
	}
	if err != nil {
		h.deps.Log.Error("the offline limits cannot be signed: look at the configuration", logs.Terminal, t.ID, logs.Err, err)
	}
	return signed
}

// storedValue is the channel to the hub's own balances.
func (h *Hub) storedValue() *connector.Channel {
	return connector.New(connector.Config{Store: h.store, Key: h.keys.signing().Public().(ed25519.PublicKey), Secret: h.keys.storedSecret, Now: h.deps.Now,
		Collect: func(merchant, terminal string) time.Duration {
			if o, ok := h.cfg.offlineOf(merchant, terminal); ok {
				return o.Collect
			}
			return collectAnyway
		}})
}

// StoredAccount is a stored-value account as operators see it.
type StoredAccount struct {
	ID        string    `json:"id"`
	Merchant  string    `json:"merchant"`
	Name      string    `json:"name"`
	Balance   int64     `json:"balance"` // minor units
	Currency  string    `json:"currency"`
	Revoked   bool      `json:"revoked"`
	CreatedAt time.Time `json:"created_at"`
}

// Money is the balance for people.
func (a StoredAccount) Money() string { return money.Fen(a.Balance).String() }

func storedAccountOf(a store.StoredAccount) StoredAccount {
	return StoredAccount{ID: a.ID, Merchant: a.Merchant, Name: a.Name, Balance: a.Balance.Fen(), Currency: string(money.CNY), Revoked: a.Revoked, CreatedAt: a.Created}
}

// StoredCode is a code just signed: bearer money until it is spent.
type StoredCode struct {
	Code      string    `json:"code"`
	Account   string    `json:"account"`
	Serial    string    `json:"serial"`
	Most      int64     `json:"most"` // minor units
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// StoredOrder is what an operator asks about stored value; which fields count depends on what is asked.
type StoredOrder struct {
	Merchant string        `json:"merchant,omitempty"` // of a new account; the only one when empty
	Name     string        `json:"name,omitempty"`
	Amount   int64         `json:"amount,omitempty"` // minor units: of a topup, or the most that a code pays
	Number   string        `json:"number,omitempty"` // of a topup: repeated it adds nothing
	Life     time.Duration `json:"life_ns,omitempty"`
	By       string        `json:"by,omitempty"`
	Note     string        `json:"note,omitempty"`
}

// StoredAccounts lists the accounts of a database that may be in use or a copy. It changes nothing.
func StoredAccounts(path string) ([]StoredAccount, error) {
	rows, err := store.StoredAccounts(path)
	list := make([]StoredAccount, len(rows))
	for i, a := range rows {
		list[i] = storedAccountOf(a)
	}
	return list, err
}

// FindStoredAccount reads one account (NotFound).
func FindStoredAccount(path, account string) (StoredAccount, error) {
	list, err := StoredAccounts(path)
	if err != nil {
		return StoredAccount{}, err
	}
	for _, a := range list {
		if a.ID == account {
			return a, nil
		}
	}
	return StoredAccount{}, fault.New(fault.NotFound, "account.unknown", "there is no account %q: list them with \"storedvalue account list\"", account)
}

// OpenStoredAccount has the hub that runs on a folder open an account.
func OpenStoredAccount(ctx context.Context, folder string, o StoredOrder) (a StoredAccount, err error) {
	return a, operate(ctx, folder, "/v1/storedvalue/accounts", o, &a)
}

// ChangeStoredAccount has it change an account: "topup" or "revoke".
func ChangeStoredAccount(ctx context.Context, folder, account, what string, o StoredOrder) (a StoredAccount, err error) {
	return a, operate(ctx, folder, "/v1/storedvalue/accounts/"+account+"/"+what, o, &a)
}

// MintStoredCode has it sign a code of an account.
func MintStoredCode(ctx context.Context, folder, account string, o StoredOrder) (c StoredCode, err error) {
	return c, operate(ctx, folder, "/v1/storedvalue/accounts/"+account+"/codes", o, &c)
}

// operateStored adds what operators may ask about stored value.
func (h *Hub) operateStored(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/storedvalue/accounts", serve(h, func(_ *http.Request, o StoredOrder) (any, error) { return h.openAccount(o) }))
	mux.HandleFunc("POST /v1/storedvalue/accounts/{id}/topup", serve(h, func(r *http.Request, o StoredOrder) (any, error) {
		return h.topUp(r.PathValue("id"), o)
	}))
	mux.HandleFunc("POST /v1/storedvalue/accounts/{id}/revoke", serve(h, func(r *http.Request, o StoredOrder) (any, error) {
		return h.changeAccount(r.PathValue("id"), "revoke", o, func(tx *store.Tx) (bool, error) {
			return true, tx.RevokeStoredAccount(r.PathValue("id"))
		})
	}))
	mux.HandleFunc("POST /v1/storedvalue/accounts/{id}/codes", serve(h, func(r *http.Request, o StoredOrder) (any, error) {
		return h.mintCode(r.PathValue("id"), o)
	}))
}

func (h *Hub) openAccount(o StoredOrder) (StoredAccount, error) {
	if o.Name == "" || len(o.Name) > 64 {
		return StoredAccount{}, fault.New(fault.Invalid, "account.name", "give the account a name of 1 to 64 bytes")
	}
	var a store.StoredAccount
	err := h.store.Update(func(tx *store.Tx) (err error) {
		if o.Merchant, err = tx.MerchantNamed(o.Merchant); err != nil {
			return err
		}
		a = store.StoredAccount{ID: h.ids.New(id.StoredAccount), Merchant: o.Merchant, Name: o.Name, Balance: money.Fen(0), Created: h.deps.Now()}
		if err := tx.InsertStoredAccount(a); err != nil {
			return err
		}
		return tx.Append(store.Event{Entity: a.ID, Kind: "storedvalue.opened", Cause: "operator", At: a.Created,
			Body: map[string]any{"merchant": a.Merchant, "name": a.Name}})
	})
	return storedAccountOf(a), err
}

// topUp adds to a balance. The same number again adds nothing.
func (h *Hub) topUp(account string, o StoredOrder) (StoredAccount, error) {
	amount := money.Fen(o.Amount)
	if err := amount.Charge(); err != nil {
		return StoredAccount{}, err
	}
	if o.Number == "" || len(o.Number) > 64 {
		return StoredAccount{}, fault.New(fault.Invalid, "account.number", "a topup needs a number of its own, of 1 to 64 bytes")
	}
	return h.changeAccount(account, "topup", o, func(tx *store.Tx) (bool, error) {
		was, ok, err := tx.StoredEntry("topup", o.Number)
		if err != nil {
			return false, err
		}
		if ok && (was.Account != account || was.Amount != amount) {
			return false, fault.New(fault.Conflict, "account.number", "topup %s was %s for %s: use another number", o.Number, was.Amount, was.Account)
		}
		if ok {
			return false, nil
		}
		return true, tx.InsertStoredEntry(store.StoredEntry{Account: account, Kind: "topup", Number: o.Number, Amount: amount, At: h.deps.Now()})
	})
}

// changeAccount does one thing to an account in one transaction and gives it as it is then.
func (h *Hub) changeAccount(account, what string, o StoredOrder, do func(*store.Tx) (changed bool, err error)) (StoredAccount, error) {
	if o.By == "" || len(o.By) > 64 || len(o.Note) > 1000 {
		return StoredAccount{}, fault.New(fault.Invalid, "account.who", "say who asks (a name of up to 64 bytes), and why in up to 1000")
	}
	var a store.StoredAccount
	err := h.store.Update(func(tx *store.Tx) (err error) {
		if _, err = tx.StoredAccount(account); err != nil {
			return err
		}
		changed, err := do(tx)
		if err != nil {
			return err
		}
		if a, err = tx.StoredAccount(account); err != nil || !changed {
			return err
		}
		return tx.Append(store.Event{Entity: account, Kind: "storedvalue." + what, Cause: o.By, At: h.deps.Now(),
			Body: map[string]any{"amount": o.Amount, "number": o.Number, "note": o.Note, "balance": a.Balance.Fen()}})
	})
	return storedAccountOf(a), err
}

// codeLifeMost bounds a code's life: a lost code is money in the wrong hands for as long.
const codeLifeMost = 31 * 24 * time.Hour

// mintCode signs a code. Nothing of it is stored: its secret can be worked out again from the serial.
func (h *Hub) mintCode(account string, o StoredOrder) (StoredCode, error) {
	var a store.StoredAccount
	if err := h.store.View(func(tx *store.Tx) (err error) {
		a, err = tx.StoredAccount(account)
		return err
	}); err != nil {
		return StoredCode{}, err
	}
	most := a.Balance
	if o.Amount > 0 {
		most = money.Fen(o.Amount)
	}
	switch {
	case a.Revoked:
		return StoredCode{}, fault.New(fault.Conflict, "account.revoked", "account %s is closed: it has no codes any more", account)
	case most.Charge() != nil:
		return StoredCode{}, fault.New(fault.Invalid, "account.most", "the most that the code pays is not between one fen and %s", money.Fen(money.Max))
	case o.Life < time.Minute || o.Life > codeLifeMost:
		return StoredCode{}, fault.New(fault.Invalid, "account.life", "a code lives between a minute and %s", codeLifeMost)
	}
	from := h.deps.Now().UTC().Truncate(time.Second)
	t := storedvalue.Terms{Account: a.ID, Serial: h.ids.New(id.StoredCode), Merchant: a.Merchant, Most: most, NotBefore: from, NotAfter: from.Add(o.Life)}
	code, err := storedvalue.Mint(t, h.keys.storedSecret(t.Serial), h.keys.signing())
	return StoredCode{Code: code.Reveal(), Account: t.Account, Serial: t.Serial, Most: t.Most.Fen(), NotBefore: t.NotBefore, NotAfter: t.NotAfter}, err
}

// hasStoredValue reports that the configuration has the channel.
func (c Config) hasStoredValue() bool {
	for _, ch := range c.Channels {
		if ch.Wallet == pay.StoredValue {
			return true
		}
	}
	return false
}
