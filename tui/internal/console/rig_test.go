package console_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/saving"
	"cloudcashier/tui/internal/screen"
	"cloudcashier/tui/internal/settings"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

const wechatCode = "134567890123456742"

var errLost = fault.Wrap(errors.New("read: connection reset"), fault.Unavailable, "agent.away", "no agent answers")

var errDial = fault.Wrap(&net.OpError{Op: "dial", Net: "unix", Err: syscall.ECONNREFUSED}, fault.Unavailable, "agent.away",
	"no agent answers")

// agent is the other side of the local API, kept in memory and obeying its rule: the same order
// number with the same amount is the same sale while that is open.
type agent struct {
	mu      sync.Mutex
	list    []localapi.Sale // oldest first
	status  localapi.Status
	asked   []string // what was asked, without the codes
	codes   []string
	gone    bool  // nothing answers
	lose    error // an answer that gets lost: the question is obeyed all the same
	refuse  error
	created int
	refunds []localapi.Refund // oldest first
	syncs   int
	crew    // who works here
	shift   shiftBook
	back    office // of store staff
}

func (a *agent) NewSale(ctx context.Context, n localapi.NewSale) (localapi.Sale, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	again := ""
	if n.Again {
		again = " again"
	}
	if n.Mode != "" {
		again += " " + n.Mode + " " + string(n.Wallet)
	}
	again += deskPart(n)
	a.asked = append(a.asked, fmt.Sprintf("new %d %s code=%t%s", n.Amount, n.OrderNo, n.Code != "", again))
	if a.gone {
		return localapi.Sale{}, errDial
	}
	if a.refuse != nil {
		return localapi.Sale{}, a.refuse
	}
	s, ok := a.open(n)
	if !ok {
		a.created++
		s = localapi.Sale{ID: fmt.Sprintf("sale_%d", a.created), OrderNo: n.OrderNo, Amount: n.Amount,
			Tender: localapi.TenderWallet, State: localapi.StateWaiting, Outcome: pay.Unknown, CreatedAt: time.Now()}
		takeDesk(&s, n)
		if n.Code != "" {
			a.codes = append(a.codes, n.Code)
			now := time.Now()
			s.State, s.Wallet, s.ScannedAt = localapi.StateSending, pay.WeChat, &now
		}
		a.list = append(a.list, s)
	}
	s = a.shows(s.ID, n)
	err := a.lose
	a.lose = nil
	return s, err
}

// shows is what mode qr, or a code for a sale that shows one, makes of a sale.
func (a *agent) shows(id string, n localapi.NewSale) localapi.Sale {
	i := slices.IndexFunc(a.list, func(s localapi.Sale) bool { return s.ID == id })
	s := &a.list[i]
	switch {
	case n.Mode != "" && s.State == localapi.StateWaiting:
		s.Mode, s.State, s.Wallet, s.Reason = n.Mode, localapi.StateSending, n.Wallet, "qr_asking"
	case n.Code != "" && s.Mode != "":
		a.codes = append(a.codes, n.Code)
		s.State, s.QR, s.QRUntil = localapi.StateCancelling, "", nil
	}
	return *s
}

func (a *agent) open(n localapi.NewSale) (localapi.Sale, bool) {
	for _, s := range a.list {
		if s.OrderNo == n.OrderNo && s.Amount == n.Amount && (!s.State.Final() || s.State == localapi.StatePaid) {
			return s, true
		}
	}
	return localapi.Sale{}, false
}

func (a *agent) Cancel(ctx context.Context, id string) (localapi.Sale, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, "cancel "+id)
	if a.gone {
		return localapi.Sale{}, errDial
	}
	for i, s := range a.list {
		if s.ID != id {
			continue
		}
		switch {
		case s.State == localapi.StateWaiting:
			a.list[i].State, a.list[i].Reason = localapi.StateCancelled, "cancelled"
		case !s.State.Final():
			a.list[i].State = localapi.StateCancelling
		}
		a.list[i].Outcome = a.list[i].State.Outcome()
		err := a.lose
		a.lose = nil
		return a.list[i], err
	}
	return localapi.Sale{}, fault.New(fault.NotFound, "sale.none", "there is no sale %s", id)
}

func (a *agent) NewRefund(ctx context.Context, saleID string, n localapi.NewRefund) (localapi.Refund, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, fmt.Sprintf("refund %s %d %s", saleID, n.Amount, n.RefundNo)+a.extras(n.Reason, n.Approval))
	if a.gone {
		return localapi.Refund{}, errDial
	}
	if a.refuse != nil {
		return localapi.Refund{}, a.refuse
	}
	for _, x := range a.refunds {
		if x.RefundNo == n.RefundNo {
			return x, nil
		}
	}
	if err := a.stands(n.Amount, n.Approval); err != nil {
		return localapi.Refund{}, err
	}
	x := localapi.Refund{ID: fmt.Sprintf("ref_%d", len(a.refunds)+1), RefundNo: n.RefundNo, Sale: saleID, Amount: n.Amount,
		Tender: localapi.TenderWallet, State: localapi.RefundQueued, Outcome: pay.RefundInDoubt, Code: "refund_queued", CreatedAt: time.Now()}
	a.refunds = append(a.refunds, x)
	for i := range a.list {
		if a.list[i].ID == saleID {
			a.list[i].RefundingAmount += n.Amount
		}
	}
	err := a.lose
	a.lose = nil
	return x, err
}

func (a *agent) Refunds(ctx context.Context, saleID string) (list []localapi.Refund, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return nil, errDial
	}
	for _, x := range a.refunds {
		if x.Sale == saleID {
			list = append(list, x)
		}
	}
	return list, nil
}

func (a *agent) Sync(ctx context.Context) (localapi.Status, error) {
	a.mu.Lock()
	a.syncs++
	a.mu.Unlock()
	return a.Status(ctx)
}

func (a *agent) Sales(ctx context.Context, limit int) ([]localapi.Sale, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return nil, errDial
	}
	var list []localapi.Sale
	for i := len(a.list) - 1; i >= 0 && len(list) < limit; i-- {
		list = append(list, a.list[i])
	}
	return list, nil
}

func (a *agent) Status(ctx context.Context) (localapi.Status, error) {
	a.mu.Lock()
	if a.back.hung {
		a.mu.Unlock()
		<-ctx.Done()
		a.mu.Lock()
		defer a.mu.Unlock()
		return localapi.Status{}, ctx.Err()
	}
	defer a.mu.Unlock()
	if a.gone {
		return localapi.Status{}, errDial
	}
	return a.status, nil
}

// rig is a console in a bubble of virtual time, with its commands run as Bubble Tea runs them.
type rig struct {
	t      *testing.T
	m      *console.Model
	agent  *agent
	msgs   chan tea.Msg
	ctx    context.Context
	orders int
	left   bool
	bells  bells
}

// play runs a test in a bubble; the console has looked at the agent once.
func play(t *testing.T, lang words.Lang, prepare func(a *agent), f func(r *rig)) {
	t.Helper()
	playOn(t, lang, widget.Theme{}, prepare, f)
}

// playOn is play on a terminal that can show more.
func playOn(t *testing.T, lang words.Lang, theme widget.Theme, prepare func(a *agent), f func(r *rig)) {
	t.Helper()
	playWith(t, lang, func(c *console.Config) { c.Theme = theme }, prepare, f)
}

// playWith is play with more of the console's world changed.
func playWith(t *testing.T, lang words.Lang, change func(*console.Config), prepare func(a *agent), f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer func() {
			cancel()
			<-time.After(2 * time.Second) // the tick under way ends too
		}()
		r := &rig{t: t, msgs: make(chan tea.Msg, 4096), ctx: ctx, agent: &agent{}}
		r.agent.back.settings = settings.Default()
		r.agent.back.settings.ConfirmAbove = 0 // its own test asks
		r.agent.status = localapi.Status{Version: "0.1.0", Terminal: "trm_01JTEST00000000000003F7K2Q", Store: "Store 1",
			Link: "up", LinkSince: time.Now().Add(-time.Hour),
			Scanners: []localapi.Scanner{{Path: "/dev/scanner0", Connected: true}}}
		if prepare != nil {
			prepare(r.agent)
		}
		cfg := console.Config{Doors: screen.Doors{Agent: r.agent, Refunds: r.agent, Receipts: r.agent, Archive: r.agent, Staff: r.agent,
			Office: r.agent, Files: saving.Files{}, Reports: r.agent, Drawer: r.agent, Trainer: trainer{r.agent}}, Out: &r.bells, Sync: r.agent.Sync, Now: time.Now, NewOrder: func() string {
			r.orders++
			return fmt.Sprintf("ORDER%07d", r.orders)
		}, Zone: time.FixedZone("CST", 8*3600), Lang: lang, Chinese: true, Settings: r.agent.back.settings, Save: r.agent.back.save}
		change(&cfg)
		r.m = console.New(ctx, cfg)
		r.run(r.m.Init())
		r.send(console.Resize(160, 50))
		f(r)
	})
}

func (r *rig) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		select {
		case r.msgs <- msg:
		case <-r.ctx.Done():
		}
	}()
}

// send gives a message to the console and lets everything settle that needs no time.
func (r *rig) send(msg tea.Msg) {
	_, cmd := r.m.Update(msg)
	r.run(cmd)
	r.settle()
}

func (r *rig) settle() {
	for {
		synctest.Wait()
		select {
		case msg := <-r.msgs:
			switch msg := msg.(type) {
			case nil:
			case tea.QuitMsg:
				r.left = true
			case tea.BatchMsg:
				for _, cmd := range msg {
					r.run(cmd)
				}
			default:
				_, cmd := r.m.Update(msg)
				r.run(cmd)
			}
		default:
			return
		}
	}
}

// pass lets virtual time go by.
func (r *rig) pass(d time.Duration) {
	const step = 10 * time.Millisecond
	for ; d > 0; d -= step {
		<-time.After(min(step, d))
		r.settle()
	}
}

var named = map[string]tea.KeyType{"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "backspace": tea.KeyBackspace,
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "f1": tea.KeyF1, "home": tea.KeyHome, "f7": tea.KeyF7, "f8": tea.KeyF8, "f9": tea.KeyF9,
	"f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4, "f5": tea.KeyF5, "f6": tea.KeyF6, "f10": tea.KeyF10, "f11": tea.KeyF11, "f12": tea.KeyF12, "ctrl+q": tea.KeyCtrlQ,
	"ctrl+c": tea.KeyCtrlC, "ctrl+j": tea.KeyCtrlJ, "ctrl+b": tea.KeyCtrlB}

func keyMsg(k string) tea.KeyMsg {
	if kind, ok := named[k]; ok {
		return tea.KeyMsg{Type: kind}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
}

// keys presses keys at a person's pace.
func (r *rig) keys(keys ...string) {
	for _, k := range keys {
		r.send(keyMsg(k))
		r.pass(100 * time.Millisecond)
	}
}

// amount types an amount sign by sign.
func (r *rig) amount(s string) {
	for _, sign := range s {
		r.keys(string(sign))
	}
}

// wedge types a scan as a scanner does that sends all in one write, with Enter.
func (r *rig) wedge(code string) {
	r.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(code)})
	r.send(keyMsg("enter"))
	r.send(keyMsg("ctrl+j"))
}

// sale changes a sale at the agent and tells of it.
func (r *rig) sale(id string, change func(s *localapi.Sale)) {
	r.t.Helper()
	r.agent.mu.Lock()
	found := false
	var now localapi.Sale
	for i := range r.agent.list {
		if r.agent.list[i].ID == id {
			found = true
			change(&r.agent.list[i])
			r.agent.list[i].Outcome = r.agent.list[i].State.Outcome()
			if r.agent.list[i].State.Final() && r.agent.list[i].FinishedAt == nil {
				at := time.Now()
				r.agent.list[i].FinishedAt = &at
			}
			now = r.agent.list[i]
		}
	}
	r.agent.mu.Unlock()
	if !found {
		r.t.Fatalf("the agent has no %s", id)
	}
	r.m.Post(localapi.Event{Kind: localapi.EventSale, Sale: &now})
	r.settle()
}

// refunded changes a refund at the agent and tells of it and of its sale, as the agent does.
func (r *rig) refunded(id string, s localapi.RefundState, code string) {
	r.t.Helper()
	r.agent.mu.Lock()
	var now localapi.Refund
	for i := range r.agent.refunds {
		x := &r.agent.refunds[i]
		if x.ID != id {
			continue
		}
		x.State, x.Outcome, x.Code = s, s.Outcome(), code
		now = *x
	}
	r.agent.mu.Unlock()
	if now.ID == "" {
		r.t.Fatalf("the agent has no %s", id)
	}
	r.m.Post(localapi.Event{Kind: localapi.EventRefund, Refund: &now})
	r.sale(now.Sale, func(sale *localapi.Sale) {
		if s.Final() {
			sale.RefundingAmount -= now.Amount
		}
		if s == localapi.RefundSucceeded {
			sale.RefundedAmount += now.Amount
		}
	})
}

func (r *rig) state(id string, s localapi.State, reason string) {
	r.t.Helper()
	r.sale(id, func(sale *localapi.Sale) { sale.State, sale.Reason = s, reason })
}

func (r *rig) view() string { return ansi.Strip(r.m.View()) }

func (r *rig) sees(parts ...string) {
	r.t.Helper()
	for _, p := range parts {
		if !strings.Contains(r.view(), p) {
			r.t.Fatalf("the screen lacks %q:\n%s", p, r.view())
		}
	}
}

func (r *rig) lacks(parts ...string) {
	r.t.Helper()
	for _, p := range parts {
		if strings.Contains(r.view(), p) {
			r.t.Fatalf("the screen shows %q:\n%s", p, r.view())
		}
	}
}

func (r *rig) asked(want ...string) {
	r.t.Helper()
	r.agent.mu.Lock()
	defer r.agent.mu.Unlock()
	if got := strings.Join(r.agent.asked, "; "); got != strings.Join(want, "; ") {
		r.t.Fatalf("asked %q, want %q", got, strings.Join(want, "; "))
	}
}
