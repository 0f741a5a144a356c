package world

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/agent/agenttest"
	"cloudcashier/hub/hubtest"
	"cloudcashier/scripts/simtest/disk"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// The files.
const (
	journalFile  = "journal.db"
	databaseFile = "hub.db"
	tillsMost    = 3
)

var (
	hubKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	quiet  = slog.New(slog.DiscardHandler)
)

// tillKeys are the tills' own.
var tillKeys = sync.OnceValue(func() (keys []ed25519.PrivateKey) {
	for n := range tillsMost {
		keys = append(keys, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n + 1)}, ed25519.SeedSize)))
	}
	return keys
})

func terminalID(n int) string { return fmt.Sprintf("trm_01JGJ%021d", n) }

var terminals = sync.OnceValue(func() (list []hubtest.Terminal) {
	for n, key := range tillKeys() {
		list = append(list, hubtest.Terminal{ID: terminalID(n), Key: key.Public().(ed25519.PublicKey)})
	}
	return list
})

// templates are the images of an empty journal and an empty database: copied, not made again.
var templates = sync.OnceValues(func() (t struct{ journal, database []byte }, err error) {
	for file, into := range map[string]*[]byte{journalFile: &t.journal, databaseFile: &t.database} {
		d, err := disk.New()
		if err != nil {
			return t, err
		}
		path := d.Start().Path(file)
		if file == journalFile {
			err = agenttest.Template(path, disk.VFS, entropy(1))
		} else {
			err = hubtest.Template(path, disk.VFS, time.Unix(0, 0), terminals())
		}
		if err != nil {
			return t, err
		}
		*into = d.Get(file)
		if err := d.Free(); err != nil {
			return t, err
		}
	}
	return t, nil
})

// Prepare makes what all schedules share, outside any bubble.
func Prepare() error {
	_, err := templates()
	return err
}

func entropy(seed uint64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

// till is a place where a till stands: a disk that outlives the runs of its program.
type till struct {
	w       *World
	n       int
	name    string
	disk    *disk.Disk
	step    int64 // seconds its wall clock is off
	run     *tillRun
	runs    int
	line    *wireLine
	outage  time.Time // no network before it
	arrived map[string]int
	head    uint64 // the newest event that was ever seen committed
	back    time.Time
	full    atomic.Bool              // and says so
	tight   bool                     // it was full once: the program may end over it
	dark    bool                     // the next death at a write is a power cut
	away    bool                     // was offline longer than a code lives
	shown   map[string]localapi.Sale // by sale, what the screen said last
	failing disk.Fault               // planned last
	closed  []localapi.Shift         // as their cashier heard it
}

// tillRun is one run of the program.
type tillRun struct {
	of      *till
	proc    *disk.Process
	till    *agenttest.Till
	cancel  context.CancelFunc
	killed  atomic.Bool
	ended   bool
	stopped bool
	err     error
}

func (r *tillRun) gone() bool { return r.killed.Load() || r.proc.Dead() }

func (t *till) terminal() hubtest.Terminal { return terminals()[t.n] }

func (t *till) offline() bool {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	return time.Now().Before(t.outage)
}

// start starts the program; an error means that it could not.
func (t *till) start() {
	w := t.w
	t.runs++
	r := &tillRun{of: t, proc: t.disk.Start()}
	now := func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return reading(w.began, t.step)
	}
	seed := w.luck("run/" + t.name).Uint64()
	var err error
	r.till, err = agenttest.Start(agenttest.Config{Journal: r.proc.Path(journalFile), VFS: disk.VFS, Terminal: terminalID(t.n),
		Store: hubtest.Store, Merchant: hubtest.Merchant, Key: tillKeys()[t.n], HubKey: hubKey.Public().(ed25519.PublicKey), Now: now, Log: quiet,
		Rand: rand.New(rand.NewPCG(seed, 1)), Entropy: entropy(seed), Open: r.open, Free: t.free})
	if err != nil {
		if !r.proc.Dead() && !t.tight && !r.proc.Struck() {
			w.fail("%s does not start: %v", t.name, err)
		}
		w.note("%s does not start", t.name)
		r.proc.Kill()
		t.run, t.back = nil, time.Now().Add(3*time.Second)
		return
	}
	w.note("%s starts", t.name)
	w.remembers(t, r)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	t.run = r
	watching, unwatch := context.WithCancel(context.Background())
	w.runs.Go(func() {
		_ = r.till.Watch(watching, func(e localapi.Event) {
			if e.Sale != nil && !r.gone() {
				w.shows(t, *e.Sale)
			}
			if e.Refund != nil && !r.gone() {
				w.showsBack(t, *e.Refund)
			}
		})
	})
	w.runs.Go(func() {
		err := r.till.Run(ctx)
		unwatch()
		w.mu.Lock()
		defer w.mu.Unlock()
		r.ended, r.err = true, err
	})
}

func (t *till) free() (uint64, error) {
	if t.full.Load() {
		return 2 << 20, nil
	}
	return 1 << 40, nil
}

// kill ends the program as kill -9 does; its line breaks.
func (t *till) kill(silent bool) {
	r := t.run
	if r == nil {
		return
	}
	t.sees()
	r.killed.Store(true)
	r.proc.Kill()
	r.cancel()
	t.hangUp(silent)
	t.run = nil
}

func (t *till) hangUp(silent bool) {
	t.w.mu.Lock()
	n := t.line
	t.w.mu.Unlock()
	if n != nil {
		n.sever(silent, t.w.luck("cut/"+t.name))
	}
}

// stop ends the program as its operator does.
func (t *till) stop() {
	if t.run != nil {
		t.run.stopped = true
		t.run.cancel()
		t.run = nil
	}
}

// sees notes how far the journal is known to be committed.
func (t *till) sees() {
	if r := t.run; r != nil && !r.proc.Dead() {
		t.head = max(t.head, r.till.Head())
	}
}

// hub is a place where a hub runs. All stand on one machine: SQLite is shared through its memory.
type hub struct {
	w       *World
	name    string
	disk    *disk.Disk
	run     *hubRun
	runs    int
	back    time.Time // when its program is started again; zero: it is not awaited
	failing disk.Fault
}

// hubRun is one run of the program.
type hubRun struct {
	of     *hub
	proc   *disk.Process
	hub    *hubtest.Hub
	gate   gate
	cancel context.CancelFunc
	killed atomic.Bool
	lines  []*wireLine
	leads  bool
	ended  bool
	err    error
	number int
}

func (r *hubRun) gone() bool { return r.killed.Load() || r.proc.Dead() }

func (h *hub) start() {
	w := h.w
	h.runs++
	r := &hubRun{of: h, proc: h.disk.Start(), number: w.hubRuns()}
	clock := func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return reading(w.began, w.hubStep)
	}
	now := func() time.Time { r.gate.pass(); return clock() }
	seed := w.luck("run/" + h.name).Uint64()
	c := hubtest.Config{Database: r.proc.Path(databaseFile), VFS: disk.VFS, Node: h.name, Key: hubKey, Now: now, Clock: clock, Log: quiet,
		Entropy: entropy(seed), Leads: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			r.leads = true
			w.write(h.name + " leads")
		}}
	for _, wallet := range []pay.Wallet{pay.WeChat, pay.Alipay} {
		c.Ways = append(c.Ways, hubtest.Way{Name: string(wallet), Wallet: wallet, Channel: way{w.bank, wallet, r}})
	}
	var err error
	if r.hub, err = hubtest.Start(c); err != nil {
		if !r.proc.Dead() && !r.proc.Struck() {
			w.fail("%s does not start: %v", h.name, err)
		}
		r.proc.Kill()
		h.run, h.back = nil, time.Now().Add(3*time.Second)
		return
	}
	w.note("%s starts", h.name)
	w.recalls(h, r)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	h.run, h.back = r, time.Time{}
	w.runs.Go(func() {
		err := r.hub.Run(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		r.ended, r.err = true, err
	})
}

// kill ends the program as kill -9 does.
func (h *hub) kill(silent bool) {
	r := h.run
	if r == nil {
		return
	}
	h.w.newest()
	r.killed.Store(true)
	r.proc.Kill()
	r.gate.open()
	r.cancel()
	h.hangUp(r, silent)
	h.run = nil
}

func (h *hub) hangUp(r *hubRun, silent bool) {
	h.w.mu.Lock()
	lines := r.lines
	h.w.mu.Unlock()
	for _, n := range lines {
		n.sever(silent, h.w.luck("cut/"+h.name))
	}
}

func (h *hub) stop() {
	if r := h.run; r != nil {
		r.gate.open()
		r.cancel()
		h.hangUp(r, false)
		h.run = nil
	}
}

// serving is the hub that a till reaches; nil when none leads.
func (w *World) serving(luck *rand.Rand) (best *hubRun) {
	stale := luck.IntN(4) == 0
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.hubs {
		r := h.run
		if r == nil || r.gone() || !r.leads || r.ended {
			continue
		}
		if best == nil || (r.number > best.number) != stale {
			best = r
		}
	}
	return best
}

func (w *World) hubRuns() (n int) {
	for _, h := range w.hubs {
		n += h.runs
	}
	return n
}
