// Package history records what concurrent clients asked of a hub and what they heard, and says whether one
// hub that did one thing after the other, and keeps to the law of orders, could have answered so.
//
// It refuses to guess about an answer that nobody heard: the request may have taken effect at any moment
// after it was made, or never, and any history that fits one of these is good. Newcomers get one thing
// wrong: it is told nothing of the order in which things happened but when each request was made and
// answered; two that overlap may be in either order, also when a log says otherwise.
package history

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"cloudcashier/shared/pay"
)

// Kind is what a client asks.
type Kind string

// The kinds.
const (
	Pay    Kind = "pay"    // collect Body under Key
	Cancel Kind = "cancel" // undo the payment under Key, which the client knows to be there
	List   Kind = "list"   // all payments of the order
)

// The refusals that say something about the order. Others say that nothing was done.
const (
	OtherBody = "payment.order_conflict"
	OrderPaid = "payment.order_paid"
	OrderOpen = "payment.order_open"
	Paid      = "payment.paid" // to a cancellation
)

// Ask is a request about one order.
type Ask struct {
	Kind             Kind
	Order, Key, Body string
}

// Shown is a payment as an answer shows it. Body is what it says was asked for.
type Shown struct {
	ID, Body string
	Status   pay.Status
}

// Heard is an answer: payments by key, or a refusal, or nothing.
type Heard struct {
	Payments map[string]Shown
	Refused  string
	Lost     bool
}

// Book is a history that is being written. The zero Book is empty; it may be used by many at a time.
type Book struct {
	mu    sync.Mutex
	clock int64
	ops   []porcupine.Operation
}

// Begin notes that a client asks, and gives the function that notes what it hears. When that is never
// called the answer is lost.
func (b *Book) Begin(client int, a Ask) (end func(Heard)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock++
	at := len(b.ops)
	b.ops = append(b.ops, porcupine.Operation{ClientId: client, Input: a, Output: Heard{Lost: true}, Call: b.clock, Return: math.MaxInt64})
	return func(h Heard) {
		if h.Lost { // it may yet take effect
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.clock++
		b.ops[at].Output, b.ops[at].Return = h, b.clock
	}
}

// Count tells how many requests were made, and how many answers were lost.
func (b *Book) Count() (asked, lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, op := range b.ops {
		if op.Output.(Heard).Lost {
			lost++
		}
	}
	return len(b.ops), lost
}

// Check judges the history; an error tells the order that cannot have been so. No judgement within
// patience is an error too.
func (b *Book) Check(patience time.Duration) error {
	b.mu.Lock()
	ops := slices.Clone(b.ops)
	b.mu.Unlock()
	m := model()
	for _, part := range m.Partition(ops) {
		m := m
		m.Partition = nil
		switch result, info := porcupine.CheckOperationsVerbose(m, part, patience); result {
		case porcupine.Ok:
		case porcupine.Unknown:
			return fmt.Errorf("no judgement in %v about\n%s", patience, tell(part))
		default:
			return fmt.Errorf("no hub that keeps to the law of orders can have answered so%s:\n%s", picture(m, info), tell(part))
		}
	}
	return nil
}

// picture draws the history for a browser and says where.
func picture(m porcupine.Model, info porcupine.LinearizationInfo) string {
	f, err := os.CreateTemp("", "history-*.html")
	if err != nil {
		return ""
	}
	defer f.Close()
	if porcupine.Visualize(m, info, f) != nil {
		return ""
	}
	return ", see " + f.Name()
}

func tell(part []porcupine.Operation) string {
	var lines []string
	for _, op := range part {
		until := fmt.Sprint(op.Return)
		if op.Return == math.MaxInt64 {
			until = "?"
		}
		lines = append(lines, fmt.Sprintf("  %6d to %6s  client %d  %v -> %v", op.Call, until, op.ClientId, op.Input, op.Output))
	}
	return strings.Join(lines, "\n")
}
