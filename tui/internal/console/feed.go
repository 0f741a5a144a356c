package console

import (
	"context"
	"slices"
	"sync"
	"time"

	"cloudcashier/shared/localapi"
)

const (
	// mailboxSales bounds the sales waiting to be shown. One till has a handful moving at once;
	// past the bound the screen asks for the list instead.
	mailboxSales = 64
	// mailboxNotices bounds the notices: only the newest are worth reading.
	mailboxNotices = 4

	reconnectMin = 250 * time.Millisecond
	reconnectMax = 2 * time.Second // one socket on the same machine: no need to spare it longer
)

// news is what the agent told since the last look.
type news struct {
	sales   []localapi.Sale
	refunds []localapi.Refund
	status  *localapi.Status
	notices []localapi.Notice
	lost    bool // something was missed: ask for the whole
}

// mailbox holds the newest news for a screen that may be slow. For a sale and for the status the
// latest wins; nothing ever blocks the reader of the agent's stream.
type mailbox struct {
	mu   sync.Mutex
	news news
	at   map[string]int // place of a sale in news.sales
	wake chan struct{}  // holds one token while there is news
}

func newMailbox() *mailbox {
	return &mailbox{at: map[string]int{}, wake: make(chan struct{}, 1)}
}

// put takes an event of the agent.
func (m *mailbox) put(e localapi.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case e.Kind == localapi.EventSale && e.Sale != nil:
		m.putSale(*e.Sale)
	case e.Kind == localapi.EventRefund && e.Refund != nil:
		m.putRefund(*e.Refund)
	case e.Kind == localapi.EventStatus && e.Status != nil:
		m.news.status = e.Status
	case e.Kind == localapi.EventScan && e.Notice != nil:
		m.news.notices = append(m.news.notices, *e.Notice)
		if n := len(m.news.notices); n > mailboxNotices {
			m.news.notices = m.news.notices[n-mailboxNotices:]
		}
	case e.Kind == localapi.EventDropped:
		m.news.lost = true
	default:
		return // a kind newer than this screen
	}
	m.ring()
}

func (m *mailbox) putSale(s localapi.Sale) {
	if i, ok := m.at[s.ID]; ok {
		m.news.sales[i] = s
		return
	}
	if len(m.news.sales) == mailboxSales {
		m.news.lost = true
		return
	}
	m.at[s.ID] = len(m.news.sales)
	m.news.sales = append(m.news.sales, s)
}

// putRefund keeps refunds as putSale keeps sales. A till has few at a time.
func (m *mailbox) putRefund(x localapi.Refund) {
	i := slices.IndexFunc(m.news.refunds, func(y localapi.Refund) bool { return x.ID == y.ID })
	switch {
	case i >= 0:
		m.news.refunds[i] = x
	case len(m.news.refunds) == mailboxSales:
		m.news.lost = true
	default:
		m.news.refunds = append(m.news.refunds, x)
	}
}

// miss notes that the stream broke.
func (m *mailbox) miss() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.news.lost = true
	m.ring()
}

func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default: // it rings already
	}
}

// wait blocks until there is news and takes it; ok is false when ctx ended.
func (m *mailbox) wait(ctx context.Context) (n news, ok bool) {
	select {
	case <-ctx.Done():
		return news{}, false
	case <-m.wake:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, m.news = m.news, news{}
	clear(m.at)
	return n, true
}

// stream reads the agent's events.
type stream func(ctx context.Context, on func(localapi.Event)) error

// follow keeps the stream open until ctx ends, and says so whenever it broke. The first event of
// every connection counts as a break too: what happened before it is not known.
func follow(ctx context.Context, events stream, box *mailbox) {
	pause := reconnectMin
	for ctx.Err() == nil {
		first := true
		_ = events(ctx, func(e localapi.Event) { // why it broke is told by the next question's answer
			if first {
				first, pause = false, reconnectMin
				box.miss()
			}
			box.put(e)
		})
		box.miss()
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
			pause = min(2*pause, reconnectMax)
		}
	}
}
