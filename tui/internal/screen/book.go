package screen

import (
	"cmp"
	"slices"
	"time"

	"cloudcashier/shared/localapi"
)

// kept bounds the sales in memory: far above what a screen shows, and enough for every sale that
// can be open at once on one till.
const kept = 200

// Book is what the screen knows of the till's sales. Events come in order and always count; the
// answer to a question counts only when no event about that sale came since it was asked, because
// it may have been overtaken.
type Book struct {
	sales   map[string]localapi.Sale
	changed map[string]uint64
	clock   uint64
}

// NewBook makes an empty book.
func NewBook() *Book {
	return &Book{sales: map[string]localapi.Sale{}, changed: map[string]uint64{}}
}

// Mark is the moment a question is asked; hand it to [Book.Answer] with the answer.
func (b *Book) Mark() uint64 { return b.clock }

// Event takes a sale from the agent's stream.
func (b *Book) Event(s localapi.Sale) {
	b.clock++
	b.sales[s.ID], b.changed[s.ID] = s, b.clock
	b.trim()
}

// Answer takes a sale from an answer to a question asked at the mark.
func (b *Book) Answer(mark uint64, s localapi.Sale) {
	if s.ID == "" || b.changed[s.ID] > mark {
		return
	}
	b.sales[s.ID] = s
	b.trim()
}

// Sale finds a sale.
func (b *Book) Sale(id string) (localapi.Sale, bool) {
	s, ok := b.sales[id]
	return s, ok
}

// Order finds the newest sale of an order number, but not the sale except; none for the empty number.
func (b *Book) Order(no, except string) (localapi.Sale, bool) {
	for _, s := range b.Newest(kept) {
		if no != "" && s.OrderNo == no && s.ID != except {
			return s, true
		}
	}
	return localapi.Sale{}, false
}

// Newest lists the newest n sales, newest first.
func (b *Book) Newest(n int) []localapi.Sale {
	list := make([]localapi.Sale, 0, len(b.sales))
	for _, s := range b.sales {
		list = append(list, s)
	}
	slices.SortFunc(list, func(x, y localapi.Sale) int {
		return cmp.Or(y.CreatedAt.Compare(x.CreatedAt), cmp.Compare(y.ID, x.ID))
	})
	return list[:min(n, len(list))]
}

// Open lists the sales that are not settled, newest first.
func (b *Book) Open() []localapi.Sale {
	return slices.DeleteFunc(b.Newest(kept), func(s localapi.Sale) bool { return s.State.Final() })
}

// settledSince reports that a sale got its result at or after t.
func settledSince(s localapi.Sale, t time.Time) bool {
	return s.State.Final() && s.FinishedAt != nil && !s.FinishedAt.Before(t)
}

// trim forgets the oldest settled sales; an open one is never forgotten.
func (b *Book) trim() {
	if len(b.sales) <= kept {
		return
	}
	list := b.Newest(len(b.sales))
	for i := len(list) - 1; i >= 0 && len(b.sales) > kept; i-- {
		if list[i].State.Final() {
			delete(b.sales, list[i].ID)
			delete(b.changed, list[i].ID)
		}
	}
}
