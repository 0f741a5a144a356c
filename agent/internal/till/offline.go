package till

import (
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/storedvalue"
)

// limits are what the hub lets this till accept without a connection, and how its clock stood.
type limits struct {
	text   string // as the hub signed it, verified again at each use; empty: nothing is accepted
	policy storedvalue.Policy
	offset time.Duration // the hub's clock minus ours, as last known
}

// readLimits takes what is the hub's, and for this till; anything else allows nothing.
func (t *Till) readLimits(text string, offset time.Duration) limits {
	l := limits{text: text, offset: offset}
	if text == "" {
		return l
	}
	var err error
	if l.policy, err = storedvalue.OpenPolicy(text, t.cfg.Terminal, t.cfg.HubKey); err != nil {
		t.Log.Error("the limits for what is accepted without a connection are not this till's: nothing is accepted", logs.Err, err)
		return limits{offset: offset}
	}
	return l
}

// limitsInForce are none when the hub set none, or too long ago.
func (t *Till) limitsInForce() *localapi.OfflineLimits {
	p := t.limits.policy
	if t.limits.text == "" || !p.Valid(t.hubTime(t.Now())) {
		return nil
	}
	return &localapi.OfflineLimits{PerSale: p.PerSale.Fen(), Count: p.Count, Sum: p.Sum.Fen(), AgeS: int64(p.Age / time.Second), ExpiresAt: p.Expires}
}

func sameLimits(a, b *localapi.OfflineLimits) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// Greeted keeps the limits that came with the hub's greeting; none void those that were kept. An
// error means that the journal failed.
func (t *Till) Greeted(policy string, offset time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.readLimits(policy, offset)
	if next.text == t.limits.text && (next.offset-t.limits.offset).Abs() < time.Second {
		return nil
	}
	if err := t.update(func(tx *store.Tx) error { return tx.SetOffline(next.text, next.offset) }); err != nil {
		return err
	}
	t.limits = next
	t.stir()
	return nil
}

// hubTime is the hub's clock as far as it is known here. It is never before the moment at which the
// hub signed the limits: a clock that was set back must not make them last.
func (t *Till) hubTime(now time.Time) time.Time {
	at := now.Add(t.limits.offset).UTC().Truncate(time.Millisecond)
	if at.Before(t.limits.policy.Issued) {
		return t.limits.policy.Issued
	}
	return at
}

// shown is what a customer's code means for one sale.
type shown struct {
	news sale.News
	code pay.Code                 // to be kept in memory and sent; none when a claim was stored instead
	use  func(tx *store.Tx) error // joins the transaction that stores it: limits, and the code is used
}

// shown reads a code for a sale. Of a stored-value code nothing is kept but a claim that fits this
// sale alone; without a connection the claim is stored, provided that the hub's limits allow it.
func (t *Till) shown(s sale.Sale, code pay.Code, at time.Time) (shown, error) {
	wallet, err := walletOf(code)
	if err != nil {
		return shown{}, err
	}
	digest := t.digest(code)
	now := t.Now()
	plain := shown{news: sale.News{Event: sale.Scan, Wallet: wallet}, code: code,
		use: func(tx *store.Tx) error { return tx.UseCode(digest, s.ID, now) }}
	if wallet != pay.StoredValue {
		return plain, nil
	}
	stored, err := storedvalue.Parse(code, t.cfg.HubKey)
	if err != nil {
		return shown{}, err
	}
	hubTime := t.hubTime(at)
	if err := stored.Allow(t.cfg.Merchant, s.Amount, hubTime, storedvalue.Slack); err != nil {
		return shown{}, err
	}
	claim, err := stored.Claim(storedvalue.Sale{Terminal: t.cfg.Terminal, Key: s.ID, OrderNo: s.OrderNo, Amount: s.Amount})
	if err != nil {
		return shown{}, err
	}
	// Remembered until a day after nobody can show it any more.
	until := now
	if ends := stored.NotAfter.Add(-t.limits.offset); ends.After(now) {
		until = ends
	}
	plain.code, plain.use = claim, func(tx *store.Tx) error { return tx.UseCode(digest, s.ID, until) }
	if t.linked() {
		return plain, nil
	}
	return t.deferred(plain, s, claim, hubTime)
}

// deferred makes a claim one that is stored. The limits are looked at in the transaction that does.
func (t *Till) deferred(plain shown, s sale.Sale, claim pay.Code, hubTime time.Time) (shown, error) {
	if t.limits.text == "" {
		return shown{}, sale.NoPolicy()
	}
	policy, err := storedvalue.OpenPolicy(t.limits.text, t.cfg.Terminal, t.cfg.HubKey)
	if err != nil {
		return shown{}, err
	}
	return shown{
		news: sale.News{Event: sale.Defer, Wallet: pay.StoredValue, Claim: claim.Reveal(), Deferred: hubTime},
		use: func(tx *store.Tx) error {
			waiting, err := tx.Waiting(s.ID)
			if err != nil {
				return err
			}
			if err := sale.Within(policy, waiting, s.Amount, hubTime); err != nil {
				return err
			}
			return plain.use(tx)
		}}, nil
}

// digest names a code among those that were used. A stored-value code is named by its serial.
func (t *Till) digest(code pay.Code) []byte {
	if w, _ := code.Wallet(); w == pay.StoredValue {
		if stored, err := storedvalue.Parse(code, t.cfg.HubKey); err == nil {
			return t.Journal.DigestName(stored.Serial)
		}
	}
	return t.Journal.Digest(code)
}

func (t *Till) linked() bool {
	t.around.mu.Lock()
	defer t.around.mu.Unlock()
	return t.around.link.Up
}
