package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cloudcashier/scripts/internal/rig"
)

// clone copies a till's folder while its agent is down and has both copies sell for a while: a card that was copied, a
// machine restored beside the one it was to replace. Real customers pay at both. Then the copy is taken away as it is.
func (s *supervisor) clone(ctx context.Context) {
	plain := s.w.tills[min(scanners, len(s.w.tills)-1):] // of two copies of a sale that waits for a scan both may be paid
	t := plain[s.dice.IntN(len(plain))]
	name, d := fmt.Sprintf("%s-copy-%d", t.name(), s.clones+1), 5*time.Second+s.span(6*time.Second)
	begun := s.upset([]*program{&t.program}, func() {
		s.w.diary.note("kill -9 %s, and %s beside it for %s", t.name(), name, d.Round(time.Millisecond))
		t.kill()
		s.count(func(c *counts) { c.agents++ })
		twin, err := s.w.copyOf(t, name)
		var both sync.WaitGroup
		both.Go(func() {
			if err := t.up(context.WithoutCancel(ctx)); err != nil {
				s.w.defect(t.name() + " does not come back: " + err.Error())
			}
		})
		if err == nil {
			err = twin.up(context.WithoutCancel(ctx))
		}
		both.Wait()
		if err != nil {
			s.w.defect(fmt.Sprintf("%s does not start: %v", name, err))
			return
		}
		eyes, shut := context.WithCancel(ctx)
		both.Go(func() { s.w.watch(eyes, twin) })
		s.w.join(twin)
		rest(ctx, d)
		twin.gone.Store(true)
		twin.kill()
		shut()
		both.Wait()
	})
	if begun {
		s.clones++
	}
}

// copyOf copies a till's folder, which no agent has open.
func (w *world) copyOf(t *till, name string) (*till, error) {
	copied, err := t.Copy(name)
	if err != nil {
		return nil, err
	}
	twin := &till{Till: copied, of: t, terminal: t.terminal}
	twin.program = program{name: name, fell: w.defect, start: func() (*rig.Process, error) {
		return w.rig.Start(name, "cashier-agent", "run", "--data", twin.Data)
	}, ready: func(ctx context.Context) error {
		_, err := twin.Client.Status(ctx)
		return err
	}}
	return twin, nil
}

// join lets customers come to a copy of a till.
func (w *world) join(twin *till) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.twins = append(w.twins, twin)
}

// copies are the copies of tills that ever were.
func (w *world) copies() []*till {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.twins
}

// selling are the tills and the copies that customers come to now.
func (w *world) selling() []*till {
	all := w.tills
	for _, t := range w.copies() {
		if !t.gone.Load() {
			all = append(all[:len(all):len(all)], t)
		}
	}
	return all
}

// linked tells whether a till ever reached the hub, by its own word.
func (w *world) linked(t *till) bool {
	logs, _ := filepath.Glob(filepath.Join(w.rig.LogDir(), t.name()+".*.log")) // the pattern is good
	for _, path := range logs {
		if strings.Contains(readLog(path), "linked to the hub") {
			return true
		}
	}
	return false
}

func (w *world) logs() []string {
	logs, _ := filepath.Glob(filepath.Join(w.rig.LogDir(), "*.log")) // the pattern is good
	return logs
}

// readLog reads a log; what cannot be read says so.
func readLog(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
