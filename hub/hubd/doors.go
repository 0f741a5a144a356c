package hubd

import (
	"sync"
	"syscall"
	"time"

	"cloudcashier/hub/internal/broker"
	"cloudcashier/hub/internal/gateway"
	"cloudcashier/hub/internal/store"
)

// mailbox hands the store's messages to the broker in the broker's own words.
type mailbox struct{ *store.Store }

// Waiting implements broker.Mailbox.
func (m mailbox) Waiting(terminal string, after uint64, limit int) ([]broker.Down, error) {
	list, err := m.Store.Waiting(terminal, after, limit)
	if err != nil {
		return nil, err
	}
	downs := make([]broker.Down, len(list))
	for i, d := range list {
		downs[i] = broker.Down(d)
	}
	return downs, nil
}

// keyring answers for API keys from memory, so that a request costs no read. A revoked key stops
// working when its entry ages out.
type keyring struct {
	store *store.Store
	keys  *keys
	now   func() time.Time

	mu    sync.Mutex
	known map[string]knownKey
}

type knownKey struct {
	key   gateway.APIKey
	until time.Time
}

const (
	keyLife  = 5 * time.Second // the longest a revoked key goes on working
	keysMost = 10_000          // entries; beyond it the memory starts afresh
)

func newKeyring(s *store.Store, k *keys, now func() time.Time) *keyring {
	return &keyring{store: s, keys: k, now: now, known: map[string]knownKey{}}
}

// APIKey implements gateway.Keys.
func (r *keyring) APIKey(id string) (gateway.APIKey, error) {
	now := r.now()
	r.mu.Lock()
	hit, ok := r.known[id]
	r.mu.Unlock()
	if ok && now.Before(hit.until) {
		return hit.key, nil
	}
	k, err := r.store.APIKey(id)
	if err != nil {
		return gateway.APIKey{}, err
	}
	key := gateway.APIKey{ID: k.ID, Merchant: k.Merchant, Public: k.Public, Revoked: k.Revoked}
	if k.Public == nil {
		key.Secret = []byte(r.keys.apiSecret(k.ID))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= keysMost {
		clear(r.known)
	}
	r.known[id] = knownKey{key, now.Add(keyLife)}
	return key, nil
}

const (
	// terminalsWanted is what one hub serves, and needs a file descriptor each.
	terminalsWanted = 20_000
	// otherFiles is what the hub needs besides: the merchants' connections, calls to wallets, the database.
	otherFiles = 9_000
)

// terminalsMost is how many terminals this process may hold without running out of file descriptors: a
// hub that cannot open a connection to a wallet is of no use to the terminals it lets in. The Go
// runtime has raised the soft limit to the hard one by now.
func terminalsMost() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return terminalsWanted
	}
	room := int64(min(files.Cur, 1<<30))
	return int(min(terminalsWanted, max(room-otherFiles, room/2)))
}

// gauges are the figures an operator watches.
func (h *Hub) gauges() map[string]float64 {
	figures := map[string]float64{}
	_ = h.store.View(func(tx *store.Tx) error {
		open, unknown, oldest, err := tx.Open()
		if err != nil {
			return err // the scrape shows fewer figures; the store tells its own failure
		}
		figures["open_payments"], figures["unknown_payments"] = float64(open), float64(unknown)
		figures["oldest_open_age_seconds"] = 0
		if oldest > 0 {
			figures["oldest_open_age_seconds"] = h.deps.Now().Sub(time.UnixMilli(oldest)).Seconds()
		}
		refunds, doubtful, err := tx.OpenRefunds()
		if err != nil {
			return err
		}
		figures["open_refunds"], figures["unknown_refunds"] = float64(refunds), float64(doubtful)
		exceptions, err := tx.OpenExceptions()
		figures["open_exceptions"] = float64(exceptions)
		return err
	})
	figures["work_queue_depth"] = float64(h.engine.Depth())
	signs := h.wallets.vault.Stats()
	figures["signatures_waiting"], figures["signatures_made"], figures["signatures_refused"] = float64(signs.Waiting), float64(signs.Done), float64(signs.Refused)
	h.channelGauges(figures)
	b := h.broker.Stats()
	figures["terminals_arrived"], figures["terminals_turned_away"] = float64(b.Connected), float64(b.RefusedConnections)
	figures["terminals_connected"], figures["terminal_clones"] = float64(b.Sessions), float64(b.Clones)
	figures["terminal_skips"] = float64(b.Skips)
	figures["terminal_messages_received"], figures["terminal_messages_committed"] = float64(b.Received), float64(b.Committed)
	figures["terminal_messages_failed"], figures["terminal_messages_refused"] = float64(b.DeskErrors), float64(b.RefusedPackets)
	if h.notices != nil {
		for outcome, n := range h.notices.Stats() {
			figures["notices_"+outcome] = float64(n)
		}
	}
	return figures
}
