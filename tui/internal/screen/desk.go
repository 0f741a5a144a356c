// Package screen holds the screens of the till: each a struct with Init, Update and View in its
// own file, and the desk they all stand at.
//
// It refuses to decide about money (the agent does) and to do any work inside Update: a command
// does it and comes back as a message. Newcomers get one thing wrong: what a sale is comes only
// from the [Book], never from what a key asked for.
package screen

import (
	"context"
	"errors"
	"net"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/saving"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Agent is what the screens ask of the agent on this till.
type Agent interface {
	NewSale(ctx context.Context, n localapi.NewSale) (localapi.Sale, error)
	Cancel(ctx context.Context, id string) (localapi.Sale, error)
	Sales(ctx context.Context, limit int) ([]localapi.Sale, error)
	Status(ctx context.Context) (localapi.Status, error)
}

// askTimeout bounds one question to the agent. It answers from its own disk, in milliseconds;
// past this a cashier wants to be told.
const askTimeout = 5 * time.Second

// Doors are what the screens ask of the agent, each declared beside the screen that asks.
type Doors struct {
	Agent    Agent
	Refunds  Refunds
	Receipts Receipts
	Archive  Archive
	Staff    Staff
	Office   Office
	Reports  Reports
	Drawer   Drawer
	Trainer  Trainer
	Files    saving.Files
}

// DoorsOf opens every door of one agent.
func DoorsOf(c *localapi.Client) Doors {
	return Doors{
		Agent:    c,
		Refunds:  c,
		Receipts: c,
		Archive:  c,
		Staff:    c,
		Office:   c,
		Reports:  c,
		Drawer:   c,
		Trainer:  c,
		Files:    saving.Files{Mounts: []string{"/media/*", "/media/*/*", "/run/media/*/*", "/mnt/*"}},
	}
}

// Page is a screen. It shows itself from the moment it is sent [Entered]; keys, news and the answers to
// its questions come through Update.
type Page interface {
	Update(tea.Msg) tea.Cmd
	View(w, h int) string
	Hints() []Hint
}

// Dialog lies over a page and takes every key until it is done.
type Dialog interface {
	Press(k Key) (cmd tea.Cmd, done bool)
	View(t widget.Theme, w, h int) string
	Hints() []Hint
	Stale() bool // the question has answered itself: the dialog goes away
}

// Desk is what every screen sees. Only Update writes it.
type Desk struct {
	Doors
	NewOrder func() string // mints an order number
	Zone     *time.Location
	Theme    widget.Theme
	Lang     words.Lang
	Now      time.Time // of the message being handled; screens have no clock of their own

	Book      *Book
	Returns   *Returns
	Status    localapi.Status
	Connected bool      // the agent has answered at least once
	AwaySince time.Time // zero while the agent answers
	Hung      bool      // it is there and does not answer

	Prefs *Prefs

	Home    Page     // where amounts are typed
	Menu    Page     // of store staff
	KeyList Page     // every key
	Page    Page     // the one shown
	Dialogs []Dialog // the last one is on top and receives the keys

	rings int // how often the bell is to be rung
}

// Show turns to a page.
func (d *Desk) Show(p Page) tea.Cmd {
	d.Page = p
	return p.Update(Entered{})
}

// Clock writes a time of day in the shop's zone.
func (d *Desk) Clock(t time.Time) string { return t.In(d.Zone).Format("15:04") }

// Open lays a dialog on top.
func (d *Desk) Open(one Dialog) { d.Dialogs = append(d.Dialogs, one) }

// Away reports that the agent did not answer the last question.
func (d *Desk) Away() bool { return !d.AwaySince.IsZero() }

// ask makes a command of one question to the agent, bounded in time.
func ask(f func(ctx context.Context) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		defer cancel()
		return f(ctx)
	}
}

// Key is one key after the input arbiter: a printable sign, or a name such as "enter" or "f2".
type Key string

// Entered tells a page that it is shown from now on.
type Entered struct{}

// Noticed is a scan the agent did not use.
type Noticed struct{ Notice localapi.Notice }

// Returned tells that a refund changed.
type Returned struct{ Refund localapi.Refund }

// Changed tells that sales or the agent's state changed.
type Changed struct{}

// Ticked tells that a second went by.
type Ticked struct{}

// Hint is a key and what it does now.
type Hint struct{ Key, Text string }

// verdict says what a failed question means for what was asked.
type verdict int

const (
	refused verdict = iota // the agent said no: nothing happened
	notSent                // it never reached the agent: nothing happened
	unsure                 // it may have reached the agent
)

// verdictOf reads an error of the agent's client. The client calls a broken connection
// Unavailable too, so only a failed dial proves that nothing was sent.
func verdictOf(err error) verdict {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return notSent
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.Denied:
		return refused
	case fault.Unavailable:
		if fault.CodeOf(err) != "agent.away" {
			return refused
		}
	}
	return unsure
}
