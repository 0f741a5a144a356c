package sale_test

import (
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/wire"
)

// simHub is the hub as a till must be able to rely on it: one payment per key, a fence that is a
// tombstone, and news that are repeated until acknowledged. A refusal binds it to nothing.
type simHub struct {
	payments map[string]*simPayment
	fenced   map[string]bool // this key will never be charged
	news     []simDown
	acked    uint64
	calling  bool // the repeating is under way
}

type simDown struct {
	seq  uint64
	key  string
	news sale.News
}

// simPayment is a payment with its wallet's truth.
type simPayment struct {
	status sale.Event // the hub's last word
	net    int        // what the wallet has taken and not given back
	code   sale.News  // the code to show, of a sale that wants one
	void   bool       // and the wallet takes no money for it any more
}

func newSimHub() simHub {
	return simHub{payments: map[string]*simPayment{}, fenced: map[string]bool{}}
}

func (p *simPayment) settledUnpaid() bool {
	return p.status == sale.Declined || p.status == sale.Reversed || p.status == sale.Closed
}

func (p *simPayment) final() bool { return p.settledUnpaid() || p.status == sale.Approved }

func (w *world) hubTakes(kind wire.Kind, key string, exp time.Duration) {
	p := w.hub.payments[key]
	w.note("hub", key, string(kind))
	switch {
	case p != nil:
		if kind == wire.KindCancel && !p.final() && p.status != sale.Undoing {
			w.hubMoves(key, p, sale.Undoing)
			w.after(w.upTo(20*time.Second), func() { w.hubUndoes(key, p) })
			return
		}
		if kind == wire.KindPay && w.faulty(0.1) { // a late copy, refused for itself: it says nothing of the payment
			w.tell(key, sale.News{Event: sale.Refused, Reason: "late"})
			return
		}
		w.tell(key, w.word(key, p))
	case kind == "query": // a hub would have to say what it knows: nothing yet
		w.tell(key, sale.News{Event: sale.Fenced})
	case kind == wire.KindPay && w.hub.fenced[key]:
		w.tell(key, sale.News{Event: sale.Refused})
	case kind != wire.KindPay:
		w.hub.fenced[key] = true
		w.tell(key, sale.News{Event: sale.Fenced})
	case w.now >= exp || w.faulty(0.1): // too late, or too busy: the next copy may be taken
		w.tell(key, sale.News{Event: sale.Refused})
	default:
		w.charge(key)
	}
}

// charge is the wallet's side, with the hub's patience over it.
func (w *world) charge(key string) {
	p := &simPayment{}
	w.hub.payments[key] = p
	if w.journal[key].Mode == wire.ModeQR {
		w.present(key, p)
		return
	}
	w.hubMoves(key, p, sale.Accepted)
	steps, d := w.rng.IntN(3), time.Duration(0)
	for range steps {
		d += w.upTo(10 * time.Second)
		word := []sale.Event{sale.Accepted, sale.Password, sale.Doubt}[w.rng.IntN(3)]
		w.after(d, func() {
			if !p.final() && p.status != sale.Undoing {
				w.hubMoves(key, p, word)
			}
		})
	}
	d += w.upTo(10 * time.Second)
	fate := w.rng.IntN(10)
	if fate < 8 && w.rng.IntN(4) == 0 { // the money moves before the hub learns of it
		w.after(w.upTo(d+1), func() {
			if !p.final() && fate < 6 {
				p.net = 1
			}
		})
	}
	w.after(d, func() {
		switch {
		case p.final() || p.status == sale.Undoing:
		case fate < 6:
			p.net = 1
			w.hubMoves(key, p, sale.Approved)
		case fate < 8:
			w.hubMoves(key, p, sale.Declined)
		case fate < 9:
			w.hubMoves(key, p, sale.Closed)
		default: // never answered: given up
			w.hubMoves(key, p, sale.Undoing)
			w.after(w.upTo(30*time.Second), func() { w.hubUndoes(key, p) })
		}
	})
}

func (w *world) hubUndoes(key string, p *simPayment) {
	if w.rng.IntN(4) == 0 && p.net == 1 { // the wallet will not: it stays charged
		w.hubMoves(key, p, sale.Approved)
		return
	}
	p.net, p.void = 0, true
	w.hubMoves(key, p, sale.Reversed)
}

func (w *world) hubMoves(key string, p *simPayment, to sale.Event) {
	p.status = to
	w.note("hub says", key, string(to))
	w.tell(key, w.word(key, p))
}

// tell stores the news and repeats it until the till has it.
func (w *world) tell(key string, n sale.News) {
	m := simDown{seq: uint64(len(w.hub.news) + 1), key: key, news: n}
	w.hub.news = append(w.hub.news, m)
	if w.up {
		w.carry(func() { w.receive(m) })
	}
	if !w.hub.calling {
		w.hub.calling = true
		w.after(4*time.Second, w.callAgain)
	}
}

func (w *world) callAgain() {
	waiting := w.hub.news[w.hub.acked:]
	if len(waiting) == 0 {
		w.hub.calling = false
		return
	}
	if w.up {
		for _, m := range waiting[:min(len(waiting), 20)] {
			w.carry(func() { w.receive(m) })
		}
	}
	w.after(4*time.Second, w.callAgain)
}
