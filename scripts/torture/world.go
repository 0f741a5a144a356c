package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/scripts/internal/mqttproxy"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/freeport"
	"cloudcashier/shared/localapi"
)

// till is a till under torture, its line to the hub, and what watches its screen.
type till struct {
	*rig.Till
	program
	line     *link
	post     *mqttproxy.Proxy // behind the line; nil: nobody is in the middle
	scanner  bool
	lane     sync.Mutex // one customer at a time stands at the scanner
	terminal string
	of       *till        // this is a copy of that one
	gone     atomic.Bool  // the copy was taken away
	served   atomic.Int64 // customers who stand here
	linked   atomic.Bool  // its screen shows a line to the hub
}

// world is everything that runs.
type world struct {
	rig    *rig.Rig
	shown  *shown
	diary  *diary
	lab    *rig.Lab // the merchant's view; the hub behind it is killed and started again
	hub    program
	wallet *link // from the hub to the wallets
	box    program
	boxURL string
	tills  []*till
	over   atomic.Bool // phase 1 is over

	mu      sync.Mutex
	defects []string // ends nobody wanted, refusals nobody expected
	twins   []*till  // copies of tills
}

// diary is what was done, line by line, for the one who must find out why.
type diary struct {
	mu    sync.Mutex
	file  *os.File
	began time.Time
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.file, "%s %7.2f %s\n", time.Now().UTC().Format("15:04:05.000"), time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// defect records something that must not happen, whatever the books say.
func (w *world) defect(what string) {
	w.diary.note("DEFECT %s", what)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.defects = append(w.defects, what)
}

func (w *world) defectCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.defects)
}

// scanners is how many tills have one; the others get their codes through the local API.
const scanners = 3

// build starts everything and returns when all tills are connected.
func build(ctx context.Context, dir string, o options) (*world, error) {
	r, err := rig.New(dir, o.bin)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(r.LogDir(), "torture.log"))
	if err != nil {
		return nil, err
	}
	w := &world{rig: r, shown: newShown(), diary: &diary{file: file, began: time.Now()}}
	if err := w.startWallets(ctx); err != nil {
		return w, err
	}
	if err := w.startHub(ctx); err != nil {
		return w, err
	}
	for n := range o.tills {
		t, err := w.addTill(ctx, n, o.seed)
		if err != nil {
			return w, err
		}
		w.tills = append(w.tills, t)
	}
	return w, nil
}

func (w *world) startWallets(ctx context.Context) error {
	address, err := freeport.Address()
	if err != nil {
		return err
	}
	w.boxURL = "http://" + address
	data := filepath.Join(w.rig.Dir, "wallets")
	w.box = program{name: "sandbox", fell: w.defect, start: func() (*rig.Process, error) {
		return w.rig.Start("sandbox", "cashier-hub", "sandbox", "--data", data, "--listen", address)
	}, ready: func(ctx context.Context) error { return get(ctx, w.boxURL+"/sandbox/health") }}
	if err := w.box.up(ctx); err != nil {
		return err
	}
	w.wallet, err = newLink(address)
	return err
}

// startHub sets the lab up. Later starts are `serve` on what the lab wrote, as a shop's hub starts: unlike `lab` it
// must come up while the wallets are away.
func (w *world) startHub(ctx context.Context) error {
	data := filepath.Join(w.rig.Dir, "hub")
	lab, err := w.rig.StartLab(ctx, data, "--sandbox", "http://"+w.wallet.address())
	if err != nil {
		return err
	}
	lab.Sandbox = w.boxURL // our own questions go past the faults
	w.lab = lab
	w.hub = program{name: "hub", fell: w.defect, now: lab.Process, start: func() (*rig.Process, error) {
		return w.rig.Start("hub", "cashier-hub", "serve", "--config", filepath.Join(data, "hub.yaml"))
	}, ready: func(ctx context.Context) error {
		answer, err := lab.Do(ctx, rig.Call{Method: http.MethodGet, Path: "/v1/payments?order_no=nobody"})
		if err == nil && answer.Status != http.StatusOK {
			err = fmt.Errorf("the hub answers %d: %s", answer.Status, answer.Body)
		}
		return err
	}}
	return nil
}

func (w *world) addTill(ctx context.Context, n int, seed uint64) (*till, error) {
	name := fmt.Sprintf("till-%d", n+1)
	activated, err := w.rig.Activate(ctx, w.lab, name)
	if err != nil {
		return nil, err
	}
	t := &till{Till: activated}
	door := w.lab.MQTTAddress()
	if !guarded(n) {
		if err := w.interpose(t, seed+uint64(n)); err != nil {
			return nil, err
		}
		door = t.post.Address()
	}
	if t.line, err = newLink(door); err != nil {
		return nil, err
	}
	if err := t.Through(t.line.address()); err != nil {
		return nil, err
	}
	if t.scanner = n < scanners; t.scanner {
		if err := t.PlugScanner(ctx); err != nil {
			return nil, err
		}
	}
	args := []string{"run", "--data", t.Data}
	if t.scanner {
		args = append(args, "--scanner", filepath.Join(w.rig.Dir, name+".scanner"))
	}
	t.program = program{name: name, fell: w.defect, start: func() (*rig.Process, error) {
		return w.rig.Start(name, "cashier-agent", args...)
	}, ready: func(ctx context.Context) error {
		status, err := t.Client.Status(ctx)
		if err == nil {
			t.terminal = status.Terminal
		}
		return err
	}}
	return t, t.up(ctx)
}

// name settles which of the two embedded it is.
func (t *till) name() string { return t.program.name }

// heal undoes every fault: phase 2 begins.
func (w *world) heal(ctx context.Context) error {
	w.wallet.heal()
	for _, t := range w.tills {
		t.line.heal()
		if t.post != nil {
			t.post.Calm()
		}
	}
	return w.faults(ctx, 0, rates{})
}

// rates are shares in a thousand of the requests at the wallets' doors, and the longest hold in milliseconds.
type rates struct{ lostBefore, lostAfter, error5xx, garbled, slow int }

func (w *world) faults(ctx context.Context, seed uint64, r rates) error {
	body := fmt.Sprintf(`{"seed":%d,"rates":{"lost_before":0.%03d,"lost_after":0.%03d,"error_5xx":0.%03d,"garbled":0.%03d,"slow_ms":%d}}`,
		seed, r.lostBefore, r.lostAfter, r.error5xx, r.garbled, r.slow)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.boxURL+"/sandbox/faults", strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("set the wallets' fault rates: %w", err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("set the wallets' fault rates: %s", answer.Status)
	}
	return nil
}

// stop ends the tills and the hub in order; the wallets stay to be asked for their ledger.
func (w *world) stop() {
	var all sync.WaitGroup
	for _, t := range w.tills {
		all.Go(func() {
			if err := t.stop(); err != nil {
				w.defect(err.Error())
			}
		})
	}
	all.Wait()
	if err := w.hub.stop(); err != nil {
		w.defect(err.Error())
	}
}

// close ends whatever still runs.
func (w *world) close() {
	for _, p := range w.programs() {
		p.doom()
	}
	w.rig.Close()
	for _, t := range w.tills {
		t.line.close()
		if t.post != nil {
			t.post.Close()
		}
	}
	if w.wallet != nil {
		w.wallet.close()
	}
	w.diary.file.Close()
}

func (w *world) programs() []*program {
	all := []*program{&w.hub, &w.box}
	for _, t := range append(w.copies(), w.tills...) {
		all = append(all, &t.program)
	}
	return all
}

// watch shows the till's screen to the record: its events as long as they come, and its list now and then.
func (w *world) watch(ctx context.Context, t *till) {
	var both sync.WaitGroup
	both.Go(func() {
		for ctx.Err() == nil {
			stream, asked := w.shown.stream(), time.Now()
			err := t.Client.Events(ctx, func(e localapi.Event) {
				if e.Sale != nil {
					w.shown.sale(t, "events", stream, asked, *e.Sale)
				}
				if e.Status != nil {
					t.linked.Store(e.Status.Link == "up")
				}
			})
			t.linked.Store(false)
			if err != nil {
				rest(ctx, 50*time.Millisecond) // it is down
			}
		}
	})
	both.Go(func() {
		for rest(ctx, time.Second) {
			w.look(ctx, t, 40)
		}
	})
	both.Wait()
}

// look reads the till's newest sales as its screen does.
func (w *world) look(ctx context.Context, t *till, most int) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	asked := time.Now()
	sales, err := t.Client.Sales(ctx, most)
	if err != nil {
		return // down, paused or busy: a screen asks again
	}
	for _, sale := range sales {
		w.shown.sale(t, "list", 0, asked, sale)
	}
}

// rest waits; false when ctx ended.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var said bytes.Buffer
	if _, err := said.ReadFrom(answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status + " " + said.String())
	}
	return nil
}
