// Package console is the one Bubble Tea model of the till: it routes keys, ticks and the agent's
// news to the screens, and frames what they draw.
//
// It refuses to know what a screen does, and never waits: reading the agent's stream, asking the
// agent and every timer happen in commands and one goroutine. Newcomers get one thing wrong:
// nothing here calls Program.Send, which blocks and from inside Update never returns; news lies in
// a bounded mailbox until a command fetches it.
package console

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	_ "cloudcashier/tui/internal/quiet" // before Bubble Tea asks the terminal
	"cloudcashier/tui/internal/screen"
	"cloudcashier/tui/internal/settings"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

const (
	// refreshLimit is how many sales the screen asks for: every open one, and the lists.
	refreshLimit = 50
	refreshIdle  = 5 * time.Second // in case an event was lost between two connections
	refreshBusy  = 2 * time.Second // while a question about money is open
	refreshAway  = time.Second     // while the agent does not answer
	refreshTime  = 3 * time.Second // bound of one look
)

// Config is what the console needs from outside.
type Config struct {
	Doors    screen.Doors
	Sync     func(ctx context.Context) (localapi.Status, error) // has the agent send now what waits
	Events   func(ctx context.Context, on func(localapi.Event)) error
	Now      func() time.Time
	NewOrder func() string
	Zone     *time.Location
	Lang     words.Lang
	Chinese  bool // the terminal can show Chinese
	Theme    widget.Theme
	In       io.Reader
	Out      io.Writer

	Settings  settings.Settings
	Save      func(settings.Settings) error // nil: they are kept nowhere
	Trouble   string                        // why the saved ones are not used
	Continued <-chan os.Signal              // the process was stopped and goes on: the terminal may be another's
}

type (
	idleTick   struct{}
	secondTick struct{}
	newsMsg    struct{ news news }
	refreshed  struct {
		mark   uint64
		status localapi.Status
		sales  []localapi.Sale
		err    error
	}
	synced struct {
		status localapi.Status
		err    error
	}
)

// Model is the console.
type Model struct {
	ctx  context.Context
	cfg  Config
	desk *screen.Desk
	box  *mailbox
	arb  Arbiter

	till  *screen.Till // hears everything, whoever is shown
	sales *screen.Sales
	menu  *screen.Menu
	keys  *screen.KeyList
	pages []screen.Page // all of them: an answer goes to whoever asked

	w, h       int
	refreshing bool
	again      bool      // asked for while one was under way
	bells      int       // that are still to be rung
	training   bool      // what stands on the screen is of a training till
	looked     time.Time // when the agent was last asked
	touched    time.Time // when the last key was pressed
}

// New makes the console. The context ends its commands.
func New(ctx context.Context, cfg Config) *Model {
	prefs := newPrefs(cfg)
	d := &screen.Desk{Doors: cfg.Doors, NewOrder: cfg.NewOrder, Zone: cfg.Zone, Theme: prefs.Theme(), Lang: cfg.Lang,
		Now: cfg.Now(), Book: screen.NewBook(), Returns: screen.NewReturns(), Prefs: prefs}
	m := &Model{ctx: ctx, cfg: cfg, desk: d, box: newMailbox(), till: screen.NewTill(d), sales: screen.NewSales(d), menu: screen.NewMenu(d), keys: screen.NewKeyList(d)}
	m.pages = append(append([]screen.Page{m.till, m.sales, m.menu, m.keys}, m.menu.Pages()...), m.sales.Pages()...)
	d.Home, d.Page, d.Menu, d.KeyList = m.till, m.till, m.menu, m.keys
	m.touched = d.Now
	return m
}

// Run shows the console until it is left or ctx ends.
func Run(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithCancel(ctx)
	m := New(ctx, cfg)
	// Thirty frames a second keep a result from waiting longer than 33 ms to be drawn, and a small board idle.
	p := tea.NewProgram(m, tea.WithInput(cfg.In), tea.WithOutput(cfg.Out), tea.WithAltScreen(),
		tea.WithoutSignalHandler(), tea.WithFPS(30))
	var parts sync.WaitGroup
	parts.Go(func() { follow(ctx, cfg.Events, m.box) })
	parts.Go(func() { resume(ctx, cfg.Continued, p) })
	parts.Go(func() {
		// Leaving the front way: ended by its context, Bubble Tea closes the keyboard under its own reader.
		<-ctx.Done()
		p.Quit()
	})
	_, err := p.Run()
	cancel()
	parts.Wait()
	return err
}

// Init starts the ticking, the mailbox and the first look.
func (m *Model) Init() tea.Cmd {
	return tea.Batch(second(), m.fetch(), m.refresh())
}

func second() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return secondTick{} })
}

// fetch waits for news; every news asks for the next.
func (m *Model) fetch() tea.Cmd {
	return func() tea.Msg {
		n, ok := m.box.wait(m.ctx)
		if !ok {
			return nil
		}
		return newsMsg{n}
	}
}

// Update routes a message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.desk.Now = m.cfg.Now()
	shown, loaded := m.till.Shown(), m.till.Loaded()
	cmd := m.route(msg)
	if m.till.Shown() != shown {
		m.desk.Page = m.till // nobody misses a result behind another screen
		if loaded {
			m.desk.Ring(m.till.Tone())
		}
	}
	m.dropStale()
	if times := m.desk.TakeRing(); times > 0 && m.desk.Prefs.Sound {
		cmd = tea.Batch(cmd, m.ring(times))
	}
	return m, tea.Batch(cmd, m.mode())
}

func (m *Model) route(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.KeyMsg:
		return m.press(msg)
	case idleTick:
		return tea.Batch(m.inputs(m.arb.Idle(m.desk.Now)), m.awaitIdle())
	case secondTick:
		cmds := []tea.Cmd{second(), m.tell(screen.Ticked{}), m.lock()}
		if !m.refreshing && m.due() {
			cmds = append(cmds, m.refresh())
		}
		return tea.Batch(cmds...)
	case newsMsg:
		return tea.Batch(m.take(msg.news), m.fetch())
	case refreshed:
		return m.refreshed(msg)
	case synced:
		m.synced(msg)
	case struck:
		return m.struck()
	default: // an answer to a question of one of them
		cmds := make([]tea.Cmd, len(m.pages))
		for i, p := range m.pages {
			cmds[i] = p.Update(msg)
		}
		return tea.Batch(cmds...)
	}
	return nil
}

// tell gives news to the till, and to the page shown.
func (m *Model) tell(msg tea.Msg) tea.Cmd {
	cmd := m.till.Update(msg)
	if m.desk.Page != m.till {
		cmd = tea.Batch(cmd, m.desk.Page.Update(msg))
	}
	return cmd
}

func (m *Model) take(n news) tea.Cmd {
	for _, s := range n.sales {
		m.desk.Book.Event(s)
	}
	if n.status != nil {
		m.desk.Status = *n.status
	}
	cmds := []tea.Cmd{}
	for _, x := range n.refunds {
		m.desk.Returns.Event(x)
		cmds = append(cmds, m.tell(screen.Returned{Refund: x}))
	}
	for _, notice := range n.notices {
		cmds = append(cmds, m.notice(notice))
	}
	if n.lost {
		cmds = append(cmds, m.refresh())
	}
	return tea.Batch(append(cmds, m.tell(screen.Changed{}))...)
}

func (m *Model) refreshed(r refreshed) tea.Cmd {
	m.refreshing = false
	d := m.desk
	if r.err != nil {
		if !d.Away() {
			d.AwaySince = d.Now
		}
		d.Hung = errors.Is(r.err, context.DeadlineExceeded)
	} else {
		d.AwaySince, d.Hung, d.Connected, d.Status = time.Time{}, false, true, r.status
		for _, s := range r.sales {
			if s.Training == r.status.Training { // else another till came into force between the two answers
				d.Book.Answer(r.mark, s)
			}
		}
	}
	cmd := m.tell(screen.Changed{})
	if m.again && r.err == nil {
		return tea.Batch(cmd, m.refresh())
	}
	return cmd
}

// press hands a key to the arbiter and what comes out of it to the screens.
func (m *Model) press(msg tea.KeyMsg) tea.Cmd {
	m.touched = m.desk.Now
	m.arb.Amount = m.desk.Page == m.till && len(m.desk.Dialogs) == 0
	name, signs := msg.String(), msg.Runes
	if msg.Type != tea.KeyRunes && msg.Type != tea.KeySpace {
		signs = nil
	}
	if msg.Alt {
		signs = nil // ESC and a digit: noise, "alt+3"
	}
	return tea.Batch(m.inputs(m.arb.Press(name, signs, msg.Paste, m.desk.Now)), m.awaitIdle())
}

func (m *Model) awaitIdle() tea.Cmd {
	wait := m.arb.Wait(m.desk.Now)
	if wait == 0 {
		return nil
	}
	return tea.Tick(wait, func(time.Time) tea.Msg { return idleTick{} })
}

func (m *Model) inputs(inputs []any) tea.Cmd {
	var cmds []tea.Cmd
	for _, in := range inputs {
		m.dropStale()
		switch in := in.(type) {
		case screen.Scan:
			if m.tested(in) {
				continue
			}
			if number, ok := in.Receipt(); ok {
				cmds = append(cmds, m.receipt(number))
				continue
			}
			m.desk.Page = m.till
			cmds = append(cmds, m.scan(in))
		case screen.Unread:
			cmds = append(cmds, m.till.Update(in))
		case screen.Key:
			cmds = append(cmds, m.key(in))
		}
	}
	return tea.Batch(cmds...)
}

// scan goes to the till, except while a question stands on the screen.
func (m *Model) scan(s screen.Scan) tea.Cmd {
	if len(m.desk.Dialogs) > 0 {
		m.till.Refuse(words.NoticeAnswerFirst)
		return nil
	}
	return m.till.Update(s)
}

// key goes to the dialog on top, else to the console's own keys, else to the screen shown.
func (m *Model) key(k screen.Key) tea.Cmd {
	d := m.desk
	if n := len(d.Dialogs); n > 0 {
		top := d.Dialogs[n-1]
		cmd, done := top.Press(k)
		if i := slices.Index(d.Dialogs, top); done && i >= 0 { // the answer may have opened another
			d.Dialogs = slices.Delete(d.Dialogs, i, i+1)
		}
		return cmd
	}
	switch k = d.Prefs.Keys.Canonical(d.On(), k); k {
	case "":
		return nil // what it did was moved to another key
	case "f1":
		return m.turn(m.keys)
	case "f2":
		if d.Lang.Other() == words.ZH && !m.cfg.Chinese {
			m.till.Refuse(words.NoticeConsoleEnglish)
			return nil
		}
		d.Lang = d.Lang.Other()
		return nil
	case "f3":
		return m.turn(m.sales)
	case "f12":
		return m.turn(m.menu)
	case "f8":
		return m.sync()
	case "f11":
		if d.Status.Operator == nil {
			return m.turn(m.menu.Duty)
		}
		return m.menu.Duty.Lock()
	case "f10", "ctrl+q":
		m.askQuit()
		return nil
	}
	return d.Page.Update(k)
}

// turn opens a page, or leaves it when it is shown already.
func (m *Model) turn(p screen.Page) tea.Cmd {
	if m.desk.Page == p {
		p = m.till
	}
	return m.desk.Show(p)
}

func (m *Model) askQuit() {
	l := m.desk.Lang
	body := l.Say(words.ConfirmQuitBody)
	if !m.till.Settled() {
		body = l.Say(words.ConfirmQuitOpen) + " " + body
	}
	m.desk.Open(&screen.Confirm{Title: l.Say(words.ConfirmQuitTitle), Body: body,
		YesText: l.Say(words.ConfirmQuitYes), NoText: l.Say(words.ConfirmQuitNo), YesKey: "ctrl+q",
		Yes: func() tea.Cmd { return tea.Quit }})
}

// dropStale closes the questions that have answered themselves.
func (m *Model) dropStale() {
	d := m.desk
	for len(d.Dialogs) > 0 {
		top := d.Dialogs[len(d.Dialogs)-1]
		if !top.Stale() {
			return
		}
		d.Dialogs = d.Dialogs[:len(d.Dialogs)-1]
	}
}
