package agentd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/identity"
	"cloudcashier/agent/internal/rehearsal"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/run"
)

// trainingDir is where the training till keeps its journal, inside the till's folder. It is thrown away whenever
// training ends, and at every start.
const trainingDir = "training"

// modes holds the real till, and the training till while there is one. The training till has a journal of its own and
// a rehearsal for a hub; it has no link, no printer and no drawer, so that there is nothing to keep apart.
type modes struct {
	dir  string
	who  identity.Identity
	real *till.Till
	free func() (uint64, error)
	Deps
	scanners func() []api.Scanner

	mu    sync.RWMutex // held for reading by whoever works with the till in force
	train *session
	over  chan struct{}   // closed when another till is in force
	live  context.Context // the agent's own; nil once it ends
}

// session is one training.
type session struct {
	till *till.Till
	stop context.CancelFunc
	done chan struct{}
}

func newModes(ctx context.Context, c Config, d Deps, who identity.Identity, real *till.Till, free func() (uint64, error), scanners func() []api.Scanner) (*modes, error) {
	m := &modes{dir: filepath.Join(c.Dir, trainingDir), who: who, real: real, free: free, Deps: d, scanners: scanners, over: make(chan struct{}), live: ctx}
	return m, m.clean() // an agent that was killed in training left it
}

func (m *modes) clean() error {
	if err := os.RemoveAll(m.dir); err != nil {
		return fault.Wrap(err, fault.Internal, "training.folder", "cannot throw away %s: it is left from training and holds nothing real; delete it", m.dir)
	}
	return nil
}

// Run carries trainings until ctx ends.
func (m *modes) Run(ctx context.Context) error {
	<-ctx.Done()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = nil
	return m.end()
}

// Enter gives the till in force.
func (m *modes) Enter() (*till.Till, <-chan struct{}, func()) {
	m.mu.RLock()
	if m.train != nil {
		return m.train.till, m.over, m.mu.RUnlock
	}
	return m.real, m.over, m.mu.RUnlock
}

// Train begins training or ends it.
func (m *modes) Train(on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case on == (m.train != nil):
		return nil
	case !on:
		return m.end()
	case m.live == nil:
		return fault.New(fault.Unavailable, "training.ending", "the agent is ending: try again when it runs")
	}
	if open := m.real.Status().OpenSales; open > 0 {
		return fault.New(fault.Conflict, "training.sale_open", "%d real sales are not settled: wait until they are, or cancel them, then train", open)
	}
	s, err := m.begin()
	if err != nil {
		return errors.Join(err, m.clean())
	}
	m.turn(s)
	m.Log.Info("training begins", logs.Terminal, m.who.Terminal)
	return nil
}

// begin opens a training till on an empty journal.
func (m *modes) begin() (*session, error) {
	if err := m.clean(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "training.folder", "cannot make %s: training needs a journal of its own", m.dir)
	}
	journal, err := store.Open(filepath.Join(m.dir, store.FileName), m.Entropy)
	if err != nil {
		return nil, err
	}
	var hub *rehearsal.Rehearsal // made after the till, which wakes it
	t, err := till.New(
		till.Config{Rules: sale.Default, Version: "training", Terminal: m.who.Terminal, Store: m.who.Store, Merchant: m.who.Merchant, Training: true},
		till.Deps{Now: m.Now, Log: m.Log, IDs: id.NewSource(m.Now, m.Entropy), Journal: journal, Wake: func() { hub.Wake() },
			Grown: func() {}, Sync: func() {}, Free: m.free})
	if err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	hub = rehearsal.New(t, m.Now, m.Log)
	t.LinkChanged(hublink.State{Up: true, Since: m.Now()})
	t.ScannersChanged(m.scanners())
	ctx, stop := context.WithCancel(m.live)
	s := &session{till: t, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		err := run.Group(ctx, run.Part{Name: "training journal", Run: journal.Run}, run.Part{Name: "training till", Run: t.Run},
			run.Part{Name: "rehearsal", Run: hub.Run})
		if err != nil && ctx.Err() == nil { // it stays training, and broken, until somebody ends it: real mode is never a surprise
			m.Log.Error("training failed: end it and begin anew", logs.Err, err)
		}
	}()
	return s, nil
}

// end stops training and throws its journal away. The caller holds the lock.
func (m *modes) end() error {
	if m.train == nil {
		return nil
	}
	s := m.train
	m.turn(nil)
	s.stop()
	<-s.done
	m.Log.Info("training ends", logs.Terminal, m.who.Terminal)
	return m.clean()
}

func (m *modes) turn(s *session) {
	m.train = s
	close(m.over)
	m.over = make(chan struct{})
}

// scannersChanged tells both tills.
func (m *modes) scannersChanged() {
	list := m.scanners()
	m.real.ScannersChanged(list)
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.train != nil {
		m.train.till.ScannersChanged(list)
	}
}
