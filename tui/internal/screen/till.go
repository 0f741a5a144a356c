package screen

import (
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/words"
)

const (
	// armedFor is how long a code scanned before its amount stays in memory. The agent counts a
	// code's 45 seconds from when it gets it, so these ten come off the wallet's minute first.
	armedFor = 10 * time.Second
	// askAfter is when the screen asks the cashier to wait on or to stop, rather than guess.
	askAfter = 60 * time.Second
	// recovered is how fresh a result may be that a restarted screen shows again.
	recovered = 2 * time.Minute
)

// work is the question to the agent under way; there is one at most, so Enter twice is one sale.
type work int

const (
	idle work = iota
	starting
	stopping
	changing
)

// Till is the screen of one sale: amount, scan, result.
type Till struct {
	d      *Desk
	loaded bool // the first list of sales was seen

	text       string     // the amount as typed
	order      string     // minted at the first Enter for this amount, repeated until the agent has answered
	except     string     // a cancelled sale under the same order number, which is not the one we wait for
	unsure     bool       // the agent may have taken the sale; its answer was lost
	wallet     pay.Wallet // whose code is to be shown for this amount; "" when the customer's is scanned
	run        typedRun   // of the amount, when a slow scanner may be typing it
	insist     bool       // the cashier said that it is another customer than the one in doubt
	cash       int64      // what was handed over for this amount, in fen; 0 when it is not paid in cash
	sure       int64      // the large amount that the cashier has looked at once more
	armed      pay.Code
	armedUntil time.Time
	work       work

	sale    string   // the sale on the screen; "" while an amount is typed
	earlier bool     // that sale is not the one just made
	parked  []string // sales left open to serve the next customer, oldest first
	handed  []string // sales accepted offline that are not on the screen: the agent collects them
	late    []string // parked sales that have a result nobody has seen yet

	bill   bill // that is being paid in parts
	notice func(words.Lang) string
}

// NewTill makes the screen.
func NewTill(d *Desk) *Till { return &Till{d: d} }

// Update handles a message of the console or an answer of the agent.
func (t *Till) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Key:
		return t.key(msg)
	case Scan:
		return t.scan(msg)
	case Unread:
		t.unread()
	case Noticed:
		t.noticed(msg.Notice)
	case priced:
		t.priced(msg)
	case partsBack:
		t.partsBack(msg)
	case Changed:
		t.follow()
	case Returned:
		t.returned(msg.Refund)
	case Ticked:
		t.expire()
	case started:
		t.started(msg)
	case stopped:
		t.stopped(msg)
	case replaced:
		t.replaced(msg)
	case changed:
		t.changed(msg)
	}
	return nil
}

// Settled reports whether the screen may be left without an open question about money.
func (t *Till) Settled() bool {
	return !slices.ContainsFunc(t.d.Book.Open(), func(s localapi.Sale) bool { return !handedOver(s) }) && !t.unsure && t.work == idle
}

// Shown identifies what the screen shows: it changes when the cashier should look again.
func (t *Till) Shown() string {
	s, _ := t.d.Book.Sale(t.sale)
	return t.sale + string(s.State)
}

// face is what the screen shows and what its keys mean.
type face int

const (
	faceEntry face = iota
	faceStarting
	faceUnsure
	faceWaiting
	faceRunning
	faceShown
	faceUnknown
	faceDeferred
	facePaid
	faceNotPaid
)

func (t *Till) face() face {
	s, ok := t.d.Book.Sale(t.sale)
	switch {
	case !ok && t.work == starting:
		return faceStarting
	case !ok && t.unsure:
		return faceUnsure
	case !ok:
		return faceEntry
	case s.State.Outcome() == pay.Paid:
		return facePaid
	case s.State.Outcome() == pay.NotPaid:
		return faceNotPaid
	case s.State == localapi.StateWaiting:
		return faceWaiting
	case handedOver(s):
		return faceDeferred
	case s.State == localapi.StateUnknown, s.State == localapi.StateCancelling, t.d.Away():
		return faceUnknown // without the agent nothing about a running sale is known
	case s.State == localapi.StateShown:
		return faceShown
	}
	return faceRunning
}

func (t *Till) key(k Key) tea.Cmd {
	f := t.face()
	if f != faceStarting {
		t.notice = nil
	}
	if sign, ok := amountSign(k); ok {
		return t.typed(f, sign)
	}
	switch f {
	case faceEntry:
		if cmd, ok := t.deskKey(k); ok {
			return cmd
		}
		switch k {
		case "enter":
			return t.start()
		case "backspace":
			if t.text != "" {
				t.edit(t.text[:len(t.text)-1])
			}
		case "f4":
			t.wantCode()
		case "esc":
			t.clear()
		}
	case faceUnsure:
		switch k {
		case "enter":
			return t.start()
		case "esc":
			t.clear()
		}
	case faceWaiting:
		switch k {
		case "esc":
			return t.stop(t.sale)
		case "f4":
			t.wantCode()
		}
	case faceRunning, faceShown:
		switch k {
		case "esc":
			t.confirmStop()
		case "f6":
			if t.showingCode() { // nobody would see it, and the next scan would be taken for it
				t.Refuse(words.NoticeCodeShown)
				return nil
			}
			t.park()
		}
	case faceUnknown:
		switch k {
		case "esc":
			if s, _ := t.d.Book.Sale(t.sale); s.State != localapi.StateCancelling && !t.d.Away() {
				t.confirmStop()
			}
		case "enter", "f6":
			t.park()
		}
	case faceDeferred:
		switch k {
		case "esc":
			t.confirmStop()
		case "enter", "f6":
			t.next()
		}
	case facePaid, faceNotPaid:
		switch k {
		case "enter", "esc", "f6":
			t.next()
		case "f5":
			if f == faceNotPaid {
				return t.again()
			}
		}
	}
	return nil
}

// typed puts a sign to the amount; on a result it begins the next one.
func (t *Till) typed(f face, sign byte) tea.Cmd {
	switch f {
	case faceWaiting:
		t.Refuse(words.NoticeSaleWaits)
	case faceRunning, faceShown:
		if t.showingCode() {
			t.Refuse(words.NoticeCodeShown)
			return nil
		}
		t.d.Ring(ringRefusal)
		t.tell(func(l words.Lang) string { return l.Say(words.NoticeSaleRuns, t.d.KeyOf(OnSale, "F6")) })
	case faceUnknown:
		t.park()
		t.append(sign)
	case facePaid, faceNotPaid, faceDeferred:
		t.leave()
		t.append(sign)
	case faceEntry:
		t.append(sign)
	}
	return nil
}

func (t *Till) scan(s Scan) tea.Cmd {
	code, kind := s.Read()
	if digits, ok := s.label(); ok && kind == "product" {
		return t.askPrice(digits)
	}
	if kind != "" {
		t.noticed(notice(kind))
		return nil
	}
	switch t.face() {
	case faceEntry, facePaid, faceNotPaid, faceDeferred:
		t.armed, t.armedUntil = code, t.d.Now.Add(armedFor)
		if t.sale == "" && t.text != "" {
			return t.start()
		}
		t.notice = nil
	case faceWaiting:
		return t.replace(code)
	case faceRunning, faceShown, faceUnknown:
		if t.showingCode() && !t.d.Away() {
			return t.scanInstead(code)
		}
		t.Refuse(words.NoticeScanAlready)
	case faceStarting, faceUnsure:
		t.Refuse(words.NoticeScanBusy)
	}
	return nil
}

// fresh gives the armed code while it is young enough, and forgets it otherwise.
func (t *Till) fresh() pay.Code {
	if !t.d.Now.Before(t.armedUntil) {
		t.armed = pay.Code{}
	}
	return t.armed
}

func (t *Till) expire() {
	if !t.armed.IsZero() && t.fresh().IsZero() && t.face() == faceEntry {
		t.Refuse(words.ArmedGone)
	}
}

// follow takes up what changed in the book: an answer that was lost, a result of a parked sale,
// a sale that the shop's own software or an earlier run of this screen began.
func (t *Till) follow() {
	t.followHeir()
	if s, ok := t.d.Book.Order(t.order, t.except); ok && t.sale == "" && (t.unsure || t.work == starting) {
		t.show(s.ID)
	}
	t.parked = slices.DeleteFunc(t.parked, func(id string) bool {
		s, ok := t.d.Book.Sale(id)
		settled := ok && s.State.Final()
		if settled {
			t.late = append(t.late, id)
		}
		return settled
	})
	t.followHanded()
	for _, s := range t.d.Book.Open() {
		if handedOver(s) || slices.Contains(t.handed, s.ID) || s.ID == t.sale || s.ID == t.except || slices.Contains(t.parked, s.ID) {
			continue
		}
		if t.free() {
			t.show(s.ID)
			continue
		}
		t.parked = append(t.parked, s.ID)
	}
	if newest := t.d.Book.Newest(1); !t.loaded && t.d.Connected {
		t.loaded = true
		if t.free() && len(newest) == 1 && settledSince(newest[0], t.d.Now.Add(-recovered)) {
			t.show(newest[0].ID)
			t.earlier = true
		}
		t.offerBill()
	}
	if t.free() && len(t.late) > 0 {
		t.next()
	}
}

// free reports that nothing would be lost by showing a sale.
func (t *Till) free() bool {
	return t.sale == "" && t.text == "" && !t.unsure && t.work == idle && t.armed.IsZero()
}

// show puts a sale on the screen.
func (t *Till) show(id string) {
	t.clear()
	t.sale, t.work, t.earlier = id, idle, false
	t.parked = slices.DeleteFunc(t.parked, func(p string) bool { return p == id })
}

// clear empties the amount and what belongs to it.
func (t *Till) clear() {
	t.text, t.order, t.except, t.wallet, t.unsure, t.insist, t.armed, t.notice = "", "", "", "", false, false, pay.Code{}, nil
	t.cash, t.sure = 0, 0
}

// park leaves an open sale to the agent and serves the next customer.
func (t *Till) park() {
	t.parked = append(t.parked, t.sale)
	t.leave()
}

// leave takes the sale off the screen. A question to stop it goes on without it.
func (t *Till) leave() {
	if s, _ := t.d.Book.Sale(t.sale); handedOver(s) && !slices.Contains(t.handed, s.ID) {
		t.handed = append(t.handed, s.ID)
	}
	t.sale, t.earlier = "", false
	t.closeBill()
	if t.work == stopping || t.work == changing {
		t.work = idle
	}
}

// next leaves a result: for a parked sale's result, then for a sale that waits, then for an amount.
func (t *Till) next() {
	t.leave()
	if len(t.late) > 0 {
		id := t.late[0]
		t.late = t.late[1:]
		t.show(id)
		t.earlier = true
		return
	}
	for _, id := range t.parked {
		if s, _ := t.d.Book.Sale(id); s.State == localapi.StateWaiting {
			t.show(id)
			return
		}
	}
}

func (t *Till) tell(f func(words.Lang) string) { t.notice = f }

// Refuse tells the cashier why something was not done, with a sound.
func (t *Till) Refuse(why words.Key) {
	t.d.Ring(ringRefusal)
	t.Tell(why)
}

// Tell tells the cashier what was done.
func (t *Till) Tell(what words.Key) {
	t.tell(func(l words.Lang) string { return l.Say(what) })
}
