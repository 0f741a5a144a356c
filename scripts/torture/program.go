package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/rig"
)

// program is one of the programs under torture: killed, paused and started again.
type program struct {
	name  string
	start func() (*rig.Process, error)
	ready func(ctx context.Context) error // nil when it answers

	claim sync.Mutex // held while the supervisor does something to it

	mu     sync.Mutex
	now    *rig.Process
	doomed bool // it ends because we want it to
	fell   func(what string)
}

// comeBack is how long a program may take from its start until it answers. A till connects in far less; the machine
// may be busy with everything else.
const comeBack = 40 * time.Second

// launch starts the program; one that then ends by itself is a finding.
func (p *program) launch() error {
	process, err := p.start()
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.now, p.doomed = process, false
	p.mu.Unlock()
	go func() {
		<-process.Done()
		p.mu.Lock()
		ours := p.doomed || p.now != process
		p.mu.Unlock()
		if !ours {
			p.fell(fmt.Sprintf("%s ended by itself:\n%s", p.name, tail(process.Log)))
		}
	}()
	return nil
}

// up starts the program and returns when it answers.
func (p *program) up(ctx context.Context) error {
	if err := p.launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, comeBack)
	defer cancel()
	err := rig.Await(ctx, p.name+" answers", func() (bool, error) {
		select {
		case <-p.process().Done():
			return true, nil // told already
		default:
		}
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		err := p.ready(try)
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("%w; see %s", err, p.process().Log)
	}
	return nil
}

func (p *program) process() *rig.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// doom says that the program's end is wanted, and gives the process.
func (p *program) doom() *rig.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
	return p.now
}

func (p *program) kill() { p.doom().Kill() }

func (p *program) signal(s syscall.Signal) { _ = p.process().Signal(s) } // already gone: told elsewhere

// stop ends the program in order; one that does not is a finding.
func (p *program) stop() error {
	process := p.doom()
	select {
	case <-process.Done():
		return nil // told already
	default:
	}
	if err := process.Stop(); err != nil {
		return fmt.Errorf("%s does not stop in order: %w\n%s", p.name, err, tail(process.Log))
	}
	return nil
}

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-1500):])
}
