package till

import (
	"context"
	"sync"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

const (
	maxWatchers = 32 // a till has a screen or two and the shop's program
	maxBacklog  = 64 // events a watcher may be behind before it must ask again
)

// surroundings are what the till shows of others. They have a lock of their own, so that telling
// them never waits for a commit.
type surroundings struct {
	mu       sync.Mutex
	link     hublink.State
	scanners []localapi.Scanner
	printer  *localapi.Printer
	display  *localapi.Display
	voice    *localapi.Voice
}

// ScannersChanged tells the till how the scanners stand. It does not block.
func (t *Till) ScannersChanged(list []localapi.Scanner) {
	t.around.mu.Lock()
	t.around.scanners = append([]localapi.Scanner(nil), list...)
	t.around.mu.Unlock()
	t.stir()
}

// PrinterChanged tells the till how the receipt printer stands. It does not block.
func (t *Till) PrinterChanged(p localapi.Printer) {
	t.around.mu.Lock()
	t.around.printer = &p
	t.around.mu.Unlock()
	t.stir()
}

// Status is the till at a glance.
func (t *Till) Status() localapi.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status()
}

func (t *Till) status() localapi.Status {
	t.around.mu.Lock()
	link, scanners := t.around.link, append([]localapi.Scanner{}, t.around.scanners...)
	printer, display, voice := t.around.printer, t.around.display, t.around.voice // never changed, only replaced
	t.around.mu.Unlock()
	s := localapi.Status{Version: t.cfg.Version, Terminal: t.cfg.Terminal, Store: t.cfg.Store, Merchant: t.cfg.Merchant,
		Link: "down", LinkSince: link.Since.UTC(), LinkMessage: link.Message, Queue: len(t.bySeq), OpenSales: len(t.open),
		ClockOffsetMS: link.Offset.Milliseconds(), Scanners: scanners, Printer: printer,
		Display: display, Voice: voice, Operator: t.viewDuty(), ConfirmAbove: t.cfg.ConfirmAbove, Training: t.cfg.Training}
	if link.Up {
		s.Link = "up"
	}
	var oldest time.Time
	for _, h := range t.open {
		row := h.row
		if until := t.sendUntil(row); until != nil && (s.SendUntil == nil || until.Before(*s.SendUntil)) {
			s.SendUntil = until
		}
		if row.State != localapi.StateWaiting && (row.State != localapi.StateSending || row.Left) {
			s.PendingAmount += row.Amount.Fen()
		}
		if !row.Deferred.IsZero() {
			s.Offline.Count++
			s.Offline.Sum += row.Amount.Fen()
			if at := row.Deferred.UTC(); s.Offline.Oldest == nil || at.Before(*s.Offline.Oldest) {
				s.Offline.Oldest = &at
			}
		}
		if row.Seq != 0 && (oldest.IsZero() || row.Scanned.Before(oldest)) {
			oldest = row.Scanned
		}
	}
	if oldest = t.countRefunds(&s, oldest); !oldest.IsZero() {
		oldest = oldest.UTC()
		s.OldestWaiting = &oldest
	}
	s.Offline.Limits = t.limitsInForce()
	s.Unsynced, s.UnsyncedSince = t.unsynced()
	s.Shift = localapi.ShiftStatus{Number: t.shift.number, OpenedAt: t.shift.opened, PendingLines: len(t.open) + len(t.refunds.open)}
	return s
}

// sendUntil is when the life of a sale's code ends; nil when it is not being sent.
func (t *Till) sendUntil(row store.Row) *time.Time {
	if row.State != localapi.StateSending {
		return nil
	}
	until := row.Scanned.Add(t.cfg.Rules.CodeLife).UTC().Truncate(time.Millisecond)
	return &until
}

// view is a sale as others see it: the journal's words, and the link's while it waits for that.
func (t *Till) view(row store.Row) localapi.Sale {
	v := store.View(row.Sale)
	v.Training = t.cfg.Training
	v.SendUntil = t.sendUntil(row)
	switch up := t.linked(); {
	case row.State == localapi.StateSending && !row.Left && row.Mode == "" && !up:
		v.Reason, v.Message = sale.LinkDown.Reason, sale.LinkDown.Message
	case row.State == localapi.StateShown && !up:
		v.Reason, v.Message = sale.CodeHidden.Reason, sale.CodeHidden.Message
	case row.State == localapi.StateShown && t.Now().Before(row.QREnds):
		until := row.QREnds.UTC().Truncate(time.Millisecond)
		v.QR, v.QRUntil = row.QR, &until
	}
	return v
}

// tellSale tells the watchers and the link about a committed change. The caller holds the lock.
func (t *Till) tellSale(row store.Row) {
	v, status := t.view(row), t.status()
	t.watchers.tell(localapi.Event{Kind: localapi.EventSale, Sale: &v})
	t.watchers.tell(localapi.Event{Kind: localapi.EventStatus, Status: &status})
	if row.Asking != "" {
		t.Wake()
	}
	t.Grown()
	t.stir()
}

// announce tells the watchers that the surroundings changed.
func (t *Till) announce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hide()
	status := t.status()
	if t.watchers.told(status) {
		return
	}
	for _, h := range t.open {
		if h.row.State == localapi.StateSending { // its words may name the link
			v := t.view(h.row)
			t.watchers.tell(localapi.Event{Kind: localapi.EventSale, Sale: &v})
		}
	}
	t.watchers.tell(localapi.Event{Kind: localapi.EventStatus, Status: &status})
}

// Notice tells the watchers about a scan that was not used.
func (t *Till) Notice(n localapi.Notice) {
	t.watchers.tell(localapi.Event{Kind: localapi.EventScan, Notice: &n})
}

// Watch subscribes to everything that changes from now on. Close it.
func (t *Till) Watch() (*Watch, error) { return t.watchers.add() }

type watchers struct {
	mu   sync.Mutex
	all  map[*Watch]bool
	last localapi.Status // the last one told
}

func (w *watchers) add() (*Watch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) >= maxWatchers {
		return nil, fault.New(fault.Unavailable, "events.too_many", "%d readers of events are connected: close one", maxWatchers)
	}
	if w.all == nil {
		w.all = map[*Watch]bool{}
	}
	one := &Watch{of: w, ready: make(chan struct{}, 1)}
	w.all[one] = true
	return one, nil
}

func (w *watchers) tell(e localapi.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Status != nil {
		w.last = *e.Status
	}
	for one := range w.all {
		one.put(e)
	}
}

// told reports that the watchers know this status already.
func (w *watchers) told(s localapi.Status) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.last
	same := len(last.Scanners) == len(s.Scanners) && last.Link == s.Link && last.LinkMessage == s.LinkMessage &&
		last.Unsynced == s.Unsynced && sameLimits(last.Offline.Limits, s.Offline.Limits) &&
		last.ClockOffsetMS == s.ClockOffsetMS && last.LinkSince.Equal(s.LinkSince) && alike(last.Printer, s.Printer) &&
		alike(last.Display, s.Display) && alike(last.Voice, s.Voice) && alike(last.Operator, s.Operator)
	for i := 0; same && i < len(s.Scanners); i++ {
		same = last.Scanners[i] == s.Scanners[i]
	}
	return same
}

func alike[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// Watch is one reader of events. A slow one loses all it has not read and is told so.
type Watch struct {
	of      *watchers
	mu      sync.Mutex
	backlog []localapi.Event
	lost    bool
	ready   chan struct{} // holds a token while there may be something to read
}

func (w *Watch) put(e localapi.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.backlog) >= maxBacklog {
		w.backlog, w.lost = nil, true
	}
	w.backlog = append(w.backlog, e)
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// Next waits for the next event; ok is false when ctx ended first.
func (w *Watch) Next(ctx context.Context) (e localapi.Event, ok bool) {
	for {
		if e, ok := w.take(); ok {
			return e, true
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			return e, false
		}
	}
}

func (w *Watch) take() (e localapi.Event, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.lost:
		w.lost = false
		return localapi.Event{Kind: localapi.EventDropped}, true
	case len(w.backlog) > 0:
		e, w.backlog = w.backlog[0], w.backlog[1:]
		return e, true
	}
	return e, false
}

// Close ends the subscription.
func (w *Watch) Close() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	delete(w.of.all, w)
}
