package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
)

// wallet is a pretended wallet with a truth of its own, in virtual time. The last two digits of the
// code choose what happens, as in the sandbox. It knows an order by its number and the second it was
// sent in, as UnionPay does.
type wallet struct {
	mu     sync.Mutex
	orders map[string]*order
	turned map[string]bool // orders told once to come back
	pays   int             // pay calls that arrived
	calls  int
	undos  int            // reversals that arrived
	paysOf map[string]int // pay calls of each order
	misled int            // calls that said shown of an order by code, or the other way
	lazy   bool           // makes an order of a shown code only when somebody scans it, as Alipay does

	backs    map[string]*back // refunds, by number
	apart    time.Duration    // between two of one order
	linger   time.Duration    // before a refund's answer leaves
	sendings int              // refund calls that arrived

	misconfigured bool // codes that end in 58 are refused for the merchant number's sake; without it they pay
}

type order struct {
	fate              string
	sent              int64 // in seconds
	since             time.Time
	queries, tries    int
	closed            bool
	charged, returned int
	late              time.Time

	shown, scanned bool
	expires        time.Time // of a shown code
}

var errLost = errors.New("connection reset")

func newWallet() *wallet {
	return &wallet{orders: map[string]*order{}, turned: map[string]bool{}, paysOf: map[string]int{}, backs: map[string]*back{}}
}

func (*wallet) Rules() channel.Rules {
	return channel.Rules{CallTimeout: 10 * time.Second, FirstQuery: 5 * time.Second, QueryEvery: 5 * time.Second, GiveUp: 45 * time.Second,
		ReverseNotBefore: 15 * time.Second, ReverseEvery: 5 * time.Second, UndoWindow: 24 * time.Hour, Travel: 75 * time.Second}
}

func (w *wallet) Pay(ctx context.Context, o channel.Order) channel.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pays++
	w.paysOf[o.OutTradeNo]++
	code := o.Code.Reveal()
	fate := code[len(code)-2:]
	if fate == "90" && !w.turned[o.OutTradeNo] {
		w.turned[o.OutTradeNo] = true
		return channel.Answer{Finding: channel.Busy}
	}
	if fate == "58" && w.misconfigured {
		w.orders[o.OutTradeNo] = &order{fate: fate, sent: o.SentAt.Unix(), since: time.Now(), closed: true}
		return channel.Answer{Finding: channel.Declined, Decline: channel.Decline{Code: channel.Misconfigured, Wallet: "NOAUTH"}}
	}
	if fate == "61" || fate == "63" || fate == "80" { // never arrives, or is not taken
		return channel.Answer{Finding: channel.Unknown, Err: errLost}
	}
	if fate == "99" {
		panic("connector bug")
	}
	ord := &order{fate: fate, sent: o.SentAt.Unix(), since: time.Now()}
	w.orders[o.OutTradeNo] = ord
	switch fate {
	case "50":
		ord.closed = true
		return channel.Answer{Finding: channel.Declined, Decline: channel.Decline{Code: channel.BalanceLow, Wallet: "NOTENOUGH"}}
	case "53", "54", "55":
		return channel.Answer{Finding: channel.Pending}
	case "70", "71":
		return channel.Answer{Finding: channel.Unknown, Err: errLost}
	}
	ord.charged++
	switch fate {
	case "60", "62", "65", "66", "72":
		return channel.Answer{Finding: channel.Unknown, Err: errLost}
	case "64":
		w.mu.Unlock()
		select {
		case <-time.After(8 * time.Second):
		case <-ctx.Done():
		}
		w.mu.Lock()
	}
	return channel.Answer{Finding: channel.Approved, WalletRef: "W1", PaidAt: time.Now()}
}

func (w *wallet) Query(_ context.Context, r channel.Ref) channel.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	o := w.orders[r.OutTradeNo]
	if o == nil || o.sent != r.SentAt.Unix() {
		return channel.Answer{Finding: channel.Absent}
	}
	if o.shown != r.Shown {
		w.misled++
	}
	if w.unscanned(o) {
		return channel.Answer{Finding: channel.Absent}
	}
	if o.queries++; o.fate == "72" && o.queries <= 2 {
		return channel.Answer{Finding: channel.Absent}
	}
	return w.state(o)
}

func (w *wallet) state(o *order) channel.Answer {
	typed := time.Since(o.since) >= 5*time.Second
	switch {
	case o.shown && !o.scanned && !time.Now().Before(o.expires):
		o.closed = true
	case !o.late.IsZero() && time.Now().After(o.late):
		o.late, o.charged, o.closed = time.Time{}, o.charged+1, false
	case o.fate == "53" && typed && !o.closed && o.charged == 0:
		o.charged++
	case o.fate == "54" && typed:
		return channel.Answer{Finding: channel.Declined, Decline: channel.Decline{Code: channel.CustomerRefused}}
	}
	switch {
	case o.closed:
		return channel.Answer{Finding: channel.Reversed}
	case o.charged > o.returned:
		return channel.Answer{Finding: channel.Approved, WalletRef: "W1", PaidAt: time.Now()}
	}
	return channel.Answer{Finding: channel.Pending, Working: o.shown && !o.scanned}
}

func (w *wallet) Reverse(_ context.Context, r channel.Ref) channel.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	w.undos++
	o := w.orders[r.OutTradeNo]
	if o == nil || o.sent != r.SentAt.Unix() {
		return channel.Answer{Finding: channel.Absent}
	}
	if o.shown != r.Shown {
		w.misled++
	}
	if w.unscanned(o) {
		return channel.Answer{Finding: channel.Absent}
	}
	w.state(o)
	if o.tries++; o.fate == "70" && o.tries <= 2 {
		return channel.Answer{Finding: channel.Unknown, Err: errors.New("recall=Y")}
	}
	if o.fate == "71" && o.tries == 1 {
		o.late = time.Now().Add(6 * time.Second)
	}
	o.returned, o.closed = o.charged, true
	if o.shown && !w.lazy { // closed, or to be refunded, it says: a query proves it
		return channel.Answer{Finding: channel.Pending, Working: true}
	}
	return channel.Answer{Finding: channel.Reversed}
}

// net is what customers are out of.
func (w *wallet) net() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.orders {
		w.state(o)
		n += o.charged - o.returned
	}
	return n
}

func (w *wallet) payCalls() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pays
}

func (w *wallet) reversals() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.undos
}

// callsMade counts queries and reversals.
func (w *wallet) callsMade() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

// paysFor is how often the wallet was asked to charge for one attempt.
func (w *wallet) paysFor(no string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paysOf[no]
}

// netOf is what the customer of one attempt is out of.
func (w *wallet) netOf(no string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.orders[no]
	if o == nil {
		return 0
	}
	w.state(o)
	return o.charged - o.returned
}

func (w *wallet) fateOf(no string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if o := w.orders[no]; o != nil {
		return o.fate
	}
	return ""
}

// strangers counts charges under numbers that none of the payments has.
func (w *wallet) strangers(known []payment.Payment) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for no, o := range w.orders {
		if o.charged > o.returned && !slices.ContainsFunc(known, func(p payment.Payment) bool { return p.Attempt.OutTradeNo == no }) {
			n++
		}
	}
	return n
}
