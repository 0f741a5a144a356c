package till

import (
	"sort"
	"strings"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

var _ hublink.Till = (*Till)(nil)

// Outgoing lists what the hub has not answered, in sending order: doubts before money, the oldest first,
// as what was accepted without a connection is, and refunds last. A charge is listed while its code lives.
func (t *Till) Outgoing() []hublink.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	list := make([]hublink.Message, 0, len(t.bySeq))
	for seq, h := range t.bySeq {
		s := h.row.Sale
		m := hublink.Message{Seq: seq, Kind: s.Asking, Body: store.Message(s)}
		if body, ok := m.Body.(wire.Pay); ok {
			age := now.Sub(s.Scanned)
			switch body.CodeAgeMS = max(age.Milliseconds(), 0); {
			case s.Mode == wire.ModeQR:
				if age >= t.cfg.Rules.CodeLife {
					continue
				}
				body.CodeAgeMS, m.Exp = 0, s.Scanned.Add(t.cfg.Rules.CodeLife)
			case s.Deferred.IsZero():
				if h.code.IsZero() || age >= t.cfg.Rules.CodeLife {
					continue
				}
				body.Code, m.Exp = h.code.Reveal(), s.Scanned.Add(t.cfg.Rules.CodeLife)
			}
			m.Body = body
		}
		list = append(list, m)
	}
	sort.Slice(list, func(i, j int) bool {
		if money := list[i].Kind == wire.KindPay; money != (list[j].Kind == wire.KindPay) {
			return !money
		}
		return list[i].Seq < list[j].Seq
	})
	return append(list, t.outgoingRefunds()...)
}

// Leaving is asked right before a message's first byte may leave; false keeps it here. From a true
// on, a charge counts as one that may have reached the hub.
func (t *Till) Leaving(seq uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.refunds.bySeq[seq]; ok && t.broken == nil {
		return true // any number of times: the hub tells them apart by key
	}
	h, ok := t.bySeq[seq]
	if !ok || t.broken != nil {
		return false
	}
	if h.row.Asking != wire.KindPay {
		return true
	}
	after, err := t.cfg.Rules.Step(h.row.Sale, sale.News{Event: sale.Leave}, t.Now())
	if err != nil || h.code.IsZero() && h.row.Deferred.IsZero() && h.row.Mode != wire.ModeQR {
		return false
	}
	h.row.Sale = after // memory only: a restart assumes it
	return true
}

// DownSeq is the highest hub message below which everything is stored.
func (t *Till) DownSeq() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.down
}

// Receive stores what the hub says. Results tell how a payment stands, not what changed, so one
// that comes out of order or twice does no harm; only what comes in order counts as stored, and
// the hub repeats the rest. An error means that the journal failed.
func (t *Till) Receive(e wire.Envelope) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return t.ending()
	}
	if e.Kind == wire.KindSkipped {
		return t.skip(e)
	}
	if e.Kind != wire.KindResult && e.Kind != wire.KindRefundResult && e.Kind != wire.KindRefused || e.Seq != 0 && e.Seq <= t.down {
		return nil
	}
	key, n, err := decode(e)
	hear := func() error { return t.hear(e, key, n) }
	if e.Kind == wire.KindRefundResult || e.Kind == wire.KindRefused && ofRefund(key) {
		var about sale.RefundNews
		key, about, err = decodeRefund(e)
		hear = func() error { return t.hearRefund(e, key, about) }
	}
	if err == nil {
		err = t.guard("hub message", key, hear)
	}
	if t.broken != nil {
		return err
	}
	if err != nil { // no sale can take it: write it down for a person, and let the hub go on
		t.Log.Error("hub message not usable", logs.Kind, string(e.Kind), logs.Sale, key, "seq", e.Seq, logs.Err, err)
		return t.stray(e, key, err)
	}
	return nil
}

func decode(e wire.Envelope) (key string, n sale.News, err error) {
	if e.Kind == wire.KindRefused {
		r, err := wire.Decode[wire.Refused](e)
		return r.Key, sale.FromRefused(r), err
	}
	r, err := wire.Decode[wire.Result](e)
	if err != nil {
		return r.Key, n, err
	}
	n, err = sale.FromResult(r)
	return r.Key, n, err
}

// hear applies the hub's word to the sale it is about.
func (t *Till) hear(e wire.Envelope, key string, n sale.News) error {
	if h, ok := t.open[key]; ok {
		n = t.ourClock(h.row.Sale, n)
		return t.step(h, n, t.Now(), t.storing(e))
	}
	row, err := t.stored(key)
	if err == nil {
		_, err = t.cfg.Rules.Step(row.Sale, n, t.Now()) // settled: nothing moves, but a contradiction shows
	}
	if err != nil {
		return err
	}
	if also := t.storing(e); also != nil {
		return t.update(also)
	}
	return nil
}

// storing is the part of a transaction that counts a message as stored; nil when it comes out of
// order.
func (t *Till) storing(e wire.Envelope) func(*store.Tx) error {
	if e.Seq == 0 || e.Seq != t.down+1 {
		return nil
	}
	return func(tx *store.Tx) error {
		if err := tx.SetDownSeq(e.Seq); err != nil {
			return err
		}
		tx.AfterCommit(func() { t.down = e.Seq })
		return nil
	}
}

// maxName bounds a name in such a message that may be anything.
const maxName = 64

func cut(s string, most int) string { return strings.ToValidUTF8(s[:min(len(s), most)], "") }

// maxStray bounds what is kept of such a message, in bytes: every event has to fit the hub's copy.
const maxStray = 1000

// stray is what the log keeps of a message no sale could take. Result bodies hold no secrets.
type stray struct {
	Kind  wire.Kind `json:"kind"`
	Seq   uint64    `json:"seq"`
	ID    string    `json:"id"`
	Key   string    `json:"key,omitempty"`
	Body  string    `json:"body"`
	Cause string    `json:"cause"`
}

func (t *Till) stray(e wire.Envelope, key string, cause error) error {
	also := t.storing(e)
	return t.update(func(tx *store.Tx) error {
		saleID, kind := "", "unusable"
		if _, err := tx.Sale(key); err == nil {
			saleID, kind = key, "contradiction"
		} else if fault.KindOf(err) != fault.NotFound {
			return err
		}
		if x, err := tx.Refund(key); err == nil {
			saleID, kind = x.Sale, "refund.contradiction"
		} else if fault.KindOf(err) != fault.NotFound {
			return err
		}
		body := stray{Kind: e.Kind, Seq: e.Seq, ID: cut(e.ID, maxName), Key: cut(key, maxName),
			Body: cut(string(e.Body), maxStray), Cause: fault.CodeOf(cause)}
		if err := tx.Append(saleID, kind, body, t.Now()); err != nil || also == nil {
			return err
		}
		return also(tx)
	})
}

// LinkChanged tells the till how the link stands. It does not block.
func (t *Till) LinkChanged(s hublink.State) {
	t.around.mu.Lock()
	t.around.link = s
	t.around.mu.Unlock()
	t.stir()
}
