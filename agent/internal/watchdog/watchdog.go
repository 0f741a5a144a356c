// Package watchdog tells the service manager that the till does its business: that it is ready, that it stops,
// and, again and again, that every part without which nothing can be sold has just answered.
//
// It refuses to speak for a part that is silent: one loop that hangs, be it the journal's writer behind a disk
// that hangs, and the service manager hears nothing more and starts the agent again, which is safe at every
// moment. It asks nothing of printers, displays and voices, which no payment waits for, and nothing of the
// network: a till without a line is well.
//
// Newcomers get one thing wrong: a timer that sends "I live" proves that the timer lives. Here each part is asked
// something that only its own loop can answer, and the asking writes nothing to the disk.
package watchdog

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"cloudcashier/shared/logs"
)

// rounds is how often all parts are asked within the time after which the service manager loses patience: one
// slow round, such as a disk that takes its five seconds, is no reason for a restart.
const rounds = 4

// unwatched is the time between rounds under a service manager that has asked for no watchdog: the first says
// when the till is ready, the later ones keep its status line true.
const unwatched = 10 * time.Second

// Part is what the till cannot sell without.
type Part struct {
	Name string
	// Ask returns nil once the part's own loop has answered. It may block for as long as the part hangs; it is
	// not called again before it has returned.
	Ask func(ctx context.Context) error
}

// Watchdog asks the parts in turn.
type Watchdog struct {
	log    *slog.Logger
	notify func(state string) error
	every  time.Duration
	parts  []*asked
	silent string // the names that were told last
	ready  bool
	deaf   bool // the service manager's socket failed, and it was told
}

// asked is a part and the question that is on its way to it.
type asked struct {
	Part
	answer chan error // nil: none is
}

// New makes a watchdog of the parts. notify takes one line for the service manager, and every is the time between
// two rounds.
func New(log *slog.Logger, notify func(state string) error, every time.Duration, parts ...Part) *Watchdog {
	w := &Watchdog{log: log, notify: notify, every: every}
	for _, p := range parts {
		w.parts = append(w.parts, &asked{Part: p})
	}
	return w
}

// Systemd gives what [New] wants, as systemd has written it into the environment. It is ok when there is a
// service manager that listens.
func Systemd(log *slog.Logger) (notify func(state string) error, every time.Duration, ok bool) {
	if sent, err := daemon.SdNotify(false, "STATUS=starting"); err != nil || !sent {
		if err != nil {
			log.Warn("the service manager does not listen: the watchdog is off", logs.Err, err)
		}
		return nil, 0, false
	}
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog time cannot be read: the watchdog is off", logs.Err, err)
	}
	if every = within / rounds; every <= 0 {
		every = unwatched
	}
	return func(state string) error {
		_, err := daemon.SdNotify(false, state)
		return err
	}, every, true
}

// Run asks until ctx ends, and says so.
func (w *Watchdog) Run(ctx context.Context) error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		silent := w.round(ctx)
		if ctx.Err() != nil {
			break
		}
		w.say(silent)
		select {
		case <-ctx.Done():
		case <-tick.C:
			continue
		}
		break
	}
	w.tell(daemon.SdNotifyStopping)
	return nil
}

// round asks every part that owes no answer, waits for all of them for the time of one round, and names those
// that are silent.
func (w *Watchdog) round(ctx context.Context) (silent []string) {
	ctx, cancel := context.WithTimeout(ctx, w.every)
	defer cancel()
	for _, p := range w.parts {
		select {
		case <-p.answer: // to a question of an earlier round
			p.answer = nil
		default:
		}
		if p.answer == nil {
			answer := make(chan error, 1)
			p.answer = answer
			go func() { answer <- p.Ask(ctx) }()
		}
	}
	for _, p := range w.parts {
		var err error
		select {
		case err = <-p.answer:
			p.answer = nil
		default: // those that have answered already must not be lost to a deadline that has passed
			select {
			case err = <-p.answer:
				p.answer = nil
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if err != nil {
			silent = append(silent, p.Name)
		}
	}
	return silent
}

// say tells the service manager, and people when it is news, how the round went.
func (w *Watchdog) say(silent []string) {
	names := strings.Join(silent, ", ")
	news := names != w.silent
	w.silent = names
	switch {
	case names != "":
		if news {
			w.log.Error("the till hangs: the service manager starts it again unless this passes", "silent", names)
			w.tell("STATUS=does not answer: " + names)
		}
	case !w.ready:
		w.ready = true
		w.tell(daemon.SdNotifyReady + "\nSTATUS=sells\n" + daemon.SdNotifyWatchdog)
	case news:
		w.log.Info("the till answers again")
		w.tell("STATUS=sells\n" + daemon.SdNotifyWatchdog)
	default:
		w.tell(daemon.SdNotifyWatchdog)
	}
}

func (w *Watchdog) tell(state string) {
	err := w.notify(state)
	if err != nil && !w.deaf {
		w.log.Warn("the service manager does not listen", logs.Err, err)
	}
	w.deaf = err != nil
}
