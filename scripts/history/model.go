package history

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"cloudcashier/shared/pay"
)

// one is a payment as the model knows it. An empty id: it was made by a request whose answer nobody heard.
type one struct {
	key, body, id string
	status        pay.Status
}

// notPaid stands for a final status of those that are not paid, not yet known which.
const notPaid pay.Status = "not paid"

// order is the state of one order: its payments, by key. It is a value; steps copy it.
type order []one

func (o order) find(key string) int {
	return slices.IndexFunc(o, func(p one) bool { return p.key == key })
}

func (o order) with(i int, p one) order {
	n := slices.Clone(o)
	n[i] = p
	return n
}

// turn says whether a payment that is at from may be found at to, and what is known then. It knows no
// events, only what people were promised: an end never changes, what is being undone never ends paid, and
// "created" may come back as long as a wallet takes nothing.
func turn(from, to pay.Status) bool {
	switch {
	case from == notPaid:
		return to.Outcome() == pay.NotPaid
	case to == notPaid:
		return from.Outcome() != pay.Paid
	case from.Final():
		return to == from
	case from == pay.StatusReversing:
		return to == pay.StatusReversing || to == pay.StatusReversed || to == pay.StatusClosed
	}
	return true
}

// move gives the order with payment i found at a status; ok is false when it cannot be.
func (o order) move(i int, to pay.Status) (order, bool) {
	if !turn(o[i].status, to) {
		return nil, false
	}
	p := o[i]
	if p.status != to && to == notPaid && p.status.Outcome() == pay.NotPaid {
		return o, true // more is known already
	}
	p.status = to
	return o.with(i, p), true
}

// taken is a further payment, allowed only when all others are proven not paid by then.
func (o order) taken(p one) (order, bool) {
	for i := range o {
		var ok bool
		if o, ok = o.move(i, notPaid); !ok {
			return nil, false
		}
	}
	n := append(slices.Clone(o), p)
	slices.SortFunc(n, func(a, b one) int { return strings.Compare(a.key, b.key) })
	return n, true
}

// seen gives the order after a payment was shown.
func (o order) seen(key string, s Shown) (order, bool) {
	i := o.find(key)
	if i < 0 || o[i].id != "" && o[i].id != s.ID || o[i].body != s.Body {
		return nil, false
	}
	n, ok := o.move(i, s.Status)
	if !ok {
		return nil, false
	}
	p := n[i]
	p.id = s.ID
	return n.with(i, p), true
}

// step is every state that an ask and its answer may lead to; none: it cannot have been.
func (o order) step(a Ask, h Heard) []order {
	switch a.Kind {
	case Pay:
		return o.pay(a, h)
	case Cancel:
		return o.cancel(a, h)
	}
	return o.list(h)
}

func some(o order, ok bool) []order {
	if !ok {
		return nil
	}
	return []order{o}
}

func (o order) pay(a Ask, h Heard) (next []order) {
	i := o.find(a.Key)
	switch {
	case h.Lost && i >= 0:
		return []order{o}
	case h.Lost:
		next = append(next, o)
		if n, ok := o.taken(one{key: a.Key, body: a.Body, status: pay.StatusCreated}); ok {
			next = append(next, n)
		}
		return next
	case h.Refused == OtherBody:
		if i >= 0 && o[i].body != a.Body {
			return []order{o}
		}
		return nil
	case h.Refused == OrderPaid, h.Refused == OrderOpen:
		if i >= 0 {
			return nil // known by its key: it is answered by what there is
		}
		for j := range o {
			if h.Refused == OrderPaid {
				next = append(next, some(o.move(j, pay.StatusSucceeded))...)
			} else if !o[j].status.Final() && o[j].status != notPaid {
				next = append(next, o)
			}
		}
		return next
	case h.Refused != "":
		return []order{o}
	case i >= 0:
		if o[i].body != a.Body {
			return nil
		}
		return some(o.seen(a.Key, h.Payments[a.Key]))
	}
	p := h.Payments[a.Key]
	if p.Body != a.Body {
		return nil
	}
	return some(o.taken(one{a.Key, a.Body, p.ID, p.Status}))
}

func (o order) cancel(a Ask, h Heard) (next []order) {
	i := o.find(a.Key)
	switch {
	case i < 0:
		return nil
	case h.Refused == Paid:
		return some(o.move(i, pay.StatusSucceeded))
	case h.Refused != "":
		return []order{o}
	case h.Lost:
		next = append(next, o)
		for _, s := range []pay.Status{pay.StatusReversing, pay.StatusClosed} {
			next = append(next, some(o.move(i, s))...)
		}
		return next
	}
	s := h.Payments[a.Key]
	if s.Status != pay.StatusReversing && s.Status.Outcome() != pay.NotPaid {
		return nil // it was answered, and is neither being undone nor over
	}
	return some(o.seen(a.Key, s))
}

// list is a look at all payments of the order: exactly those there are.
func (o order) list(h Heard) []order {
	if h.Lost || h.Refused != "" {
		return []order{o}
	}
	if len(h.Payments) != len(o) {
		return nil
	}
	for key, s := range h.Payments {
		var ok bool
		if o, ok = o.seen(key, s); !ok {
			return nil
		}
	}
	return []order{o}
}

// model is the law of orders as porcupine reads it, one order at a time.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: func(all []porcupine.Operation) (parts [][]porcupine.Operation) {
			at := map[string]int{}
			for _, op := range all {
				name := op.Input.(Ask).Order
				i, known := at[name]
				if !known {
					i = len(parts)
					at[name], parts = i, append(parts, nil)
				}
				parts[i] = append(parts[i], op)
			}
			return parts
		},
		Init: func() []any { return []any{order{}} },
		Step: func(state, input, output any) (next []any) {
			for _, o := range state.(order).step(input.(Ask), output.(Heard)) {
				next = append(next, o)
			}
			return next
		},
		Equal: func(a, b any) bool { return slices.Equal(a.(order), b.(order)) },
		Hash: func(state any) uint64 {
			h := fnv.New64a()
			for _, p := range state.(order) {
				fmt.Fprintf(h, "%s %s %s %s\n", p.key, p.body, p.id, p.status)
			}
			return h.Sum64()
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
		DescribeState:     func(state any) string { return fmt.Sprint(state) },
	}
	return m.ToModel()
}
