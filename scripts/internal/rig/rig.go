// Package rig runs the real programs for a story or a test: a lab hub, tills with pretended scanners, a
// merchant at the API. It looks at them from outside only: sockets, doors, exports, log files.
//
// It refuses to leave anything behind: every program it started is killed and awaited by [Rig.Close]. Newcomers
// get one thing wrong: nothing here decides what is right; [Audit] compares the three books and says how they
// differ, whatever anybody was told.
package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Rig is one folder with programs running in it.
type Rig struct {
	Dir string // everything the programs write
	bin string

	mu        sync.Mutex
	processes []*Process
	secrets   []Secret
	runs      map[string]int
}

// Secret is something that may appear in no log, export or metric.
type Secret struct{ What, Value string }

// New makes a rig in dir with the programs in bin.
func New(dir, bin string) (*Rig, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, fmt.Errorf("find the programs: %w", err)
	}
	for _, name := range []string{"cashier-hub", "cashier-agent", "firmware-sim"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("no %s in %s: run make build", name, bin)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o700); err != nil {
		return nil, fmt.Errorf("make the rig's folder: %w", err)
	}
	return &Rig{Dir: dir, bin: bin, runs: map[string]int{}}, nil
}

// Program is the path of a built program; an absolute path stays what it is.
func (r *Rig) Program(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.bin, name)
}

// LogDir is where the programs' output goes.
func (r *Rig) LogDir() string { return filepath.Join(r.Dir, "log") }

// Remember adds what [Rig.Leaks] looks for.
func (r *Rig) Remember(what, value string) {
	if value == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, Secret{what, value})
}

// Process is a started program.
type Process struct {
	Name  string
	Log   string // file
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{}
	err   error
}

// Start starts a program; its output goes to a log file named after it and the number of its run.
func (r *Rig) Start(name, program string, args ...string) (*Process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs[name]++
	p := &Process{Name: name, done: make(chan struct{}), Log: filepath.Join(r.LogDir(), fmt.Sprintf("%s.%d.log", name, r.runs[name]))}
	log, err := os.Create(p.Log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()
	p.cmd = exec.Command(r.Program(program), args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Dir = r.Dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // ^C is for us to hand on; if we die, they die
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	r.processes = append(r.processes, p)
	return p, nil
}

// Running is the last process that was started under the name; nil when none was.
func (r *Rig) Running(name string) *Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.processes) - 1; i >= 0; i-- {
		if r.processes[i].Name == name {
			return r.processes[i]
		}
	}
	return nil
}

// limiter starts a program whose files cannot grow beyond a size: to its database that is a full disk. It
// belongs to util-linux, which every Debian has.
const limiter = "/usr/bin/prlimit"

func limits(kib int, program string) []string {
	return []string{fmt.Sprintf("--fsize=%d", kib<<10), program}
}

// Run runs a program to its end and gives what it printed; its errors carry what it complained about.
func (r *Rig) Run(ctx context.Context, program string, args ...string) (out []byte, complaint string, err error) {
	cmd := exec.CommandContext(ctx, r.Program(program), args...)
	cmd.Dir = r.Dir
	out, err = cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		complaint = string(exit.Stderr)
	}
	if err != nil {
		err = fmt.Errorf("%s %v: %w: %s", program, args, err, complaint)
	}
	return out, complaint, err
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill is kill -9; it returns when the process is gone.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Signal sends a signal and returns at once.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the process to end and kills it when it takes longer than the 25 s a program has for it.
func (p *Process) Stop() error {
	_ = p.Signal(syscall.SIGTERM) // already gone is as good
	select {
	case <-p.done:
		return p.err
	case <-time.After(30 * time.Second):
		p.Kill()
		return fmt.Errorf("%s did not stop in 30 s after SIGTERM", p.Name)
	}
}

func (p *Process) end(s syscall.Signal) {
	_ = p.Signal(s)
	<-p.done
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Say writes a line to the process's standard input.
func (p *Process) Say(line string) error {
	_, err := io.WriteString(p.stdin, line+"\n")
	return err
}

// Close ends everything that still runs.
func (r *Rig) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.processes) - 1; i >= 0; i-- {
		_ = r.processes[i].Signal(syscall.SIGCONT)
		_ = r.processes[i].Signal(syscall.SIGKILL)
	}
	for _, p := range r.processes {
		<-p.done
	}
}

// Await asks again and again until the question is answered with yes or the context ends; the last reason why
// not becomes the error.
func Await(ctx context.Context, what string, answered func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var reason error
	for {
		yes, err := answered()
		if yes {
			return nil
		}
		if err != nil {
			reason = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain until %s: %w", what, errors.Join(ctx.Err(), reason))
		case <-tick.C:
		}
	}
}
