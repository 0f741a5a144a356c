package engine_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/wire"
)

func (*wallet) PresentRules() channel.Rules {
	return channel.Rules{CallTimeout: 10 * time.Second, FirstQuery: 3 * time.Second, QueryEvery: 3 * time.Second, GiveUp: 2 * time.Minute,
		ReverseEvery: 2 * time.Second, UndoWindow: 24 * time.Hour, Travel: 150 * time.Second}
}

// Present makes one order of a number, whatever comes; other words under the number are refused.
func (w *wallet) Present(_ context.Context, o channel.Order) channel.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pays++
	w.paysOf[o.OutTradeNo]++
	ord := w.orders[o.OutTradeNo]
	switch {
	case !o.Code.IsZero():
		panic("a shown order with a payment code")
	case ord == nil && !time.Now().Before(o.Expires):
		return channel.Answer{Finding: channel.Declined, Decline: channel.Decline{Code: channel.Misconfigured}}
	case ord == nil:
		ord = &order{shown: true, sent: o.SentAt.Unix(), since: time.Now(), expires: o.Expires.Truncate(time.Second)}
		w.orders[o.OutTradeNo] = ord
	case !ord.shown || ord.sent != o.SentAt.Unix() || !ord.expires.Equal(o.Expires.Truncate(time.Second)):
		return channel.Answer{Finding: channel.Unknown, Err: errors.New("OUT_TRADE_NO_USED")}
	}
	if w.state(ord); ord.closed || ord.charged > 0 {
		return channel.Answer{Finding: channel.Unknown, Err: errors.New("ORDERPAID or ORDERCLOSED")}
	}
	return channel.Answer{Finding: channel.Pending, Working: true, QR: textOf(o.OutTradeNo)}
}

func textOf(no string) string { return "weixin://wxpay/bizpayurl?pr=" + no }

// unscanned reports an order that is no order yet.
func (w *wallet) unscanned(o *order) bool { return w.lazy && o.shown && !o.scanned }

// scan is a customer before a shown code; it reports that he was let in.
func (w *wallet) scan(no, fate string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.orders[no]
	if o == nil || !o.shown || o.scanned {
		return false
	}
	if w.state(o); o.closed || !time.Now().Before(o.expires) {
		return false
	}
	o.scanned, o.fate, o.since = true, fate, time.Now()
	switch fate {
	case "53", "55", "70", "71":
	default:
		o.charged++
	}
	return true
}

// customer is somebody before a till's screen, or with a picture of it: he may come after it was given up.
func (s *simulation) customer(key string) {
	fate := []string{"00", "53", "55", "70", "71", "72"}[s.rng.IntN(6)]
	if text := s.shown[key]; text != "" && s.rng.IntN(3) == 0 {
		no := strings.TrimPrefix(text, textOf(""))
		if s.line.scan(no, fate) || s.other != nil && s.other.scan(no, fate) {
			s.note("%s scanned", key)
		}
	}
}

// saleOf asks for a sale's payment: by its code, or by one that is shown.
func saleOf(key, code string) wire.Pay {
	if code == "" {
		return shownAtTill(key)
	}
	return fromTill(key, code)
}

// charges is how often the customers of one attempt were charged, whatever went back.
func (w *wallet) charges(no string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o := w.orders[no]; o != nil {
		return o.charged
	}
	return 0
}
