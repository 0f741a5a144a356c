// Package board is the till's hardware, pretended: a receipt printer ([Printer]), and a barcode
// scanner ([Scanner]) on a pseudo-terminal that splits, glues, repeats and garbles what it sends, obeys
// the commands of its make, and can be pulled out and put back.
//
// It refuses to be kind: nothing is buffered for a reader that is not there yet beyond what the
// kernel holds, and bytes on their way when the plug is pulled are lost, as on a real port.
// Newcomers get one thing wrong: the pty's number changes with every [Scanner.Replug]; only the
// link keeps its name, as udev's names do.
package board

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"cloudcashier/shared/fault"
)

// Errors a caller may want to tell apart.
var (
	ErrUnplugged = fault.New(fault.Conflict, "board.unplugged", "the scanner is unplugged: plug it in first")
	ErrClosed    = fault.New(fault.Conflict, "board.closed", "the scanner is closed: make a new one")
	errUnheard   = fault.New(fault.Unavailable, "board.unheard", "the host acknowledged nothing: does it read this scanner, as SSI?")
)

// writeLimit bounds one write to a pty whose reader has stopped reading (its buffer is full after
// 4 KiB); a real scanner would drop the bytes just the same.
const writeLimit = 2 * time.Second

// Scanner is a pretended barcode scanner. Its methods may be called from any goroutine; scans are
// sent one after the other.
type Scanner struct {
	link string
	opts Options

	sending sync.Mutex // one scan at a time goes down the line
	dice    *rand.Rand // guarded by sending

	mu    sync.Mutex // guards what follows
	line  *pair      // nil while unplugged
	gone  chan struct{}
	scans int
	done  bool

	hearing   sync.WaitGroup
	heard     chan bool // the host's ACK or NAK
	changed   chan struct{}
	commands  []string
	lit, off  bool
	stuck     bool
	good, bad int // beeps
}

// State is what a scanner tells about itself.
type State struct {
	Link    string `json:"link"`
	Device  string `json:"device,omitempty"` // the pty behind the link, "" while unplugged
	Plugged bool   `json:"plugged"`
	Scans   int    `json:"scans"`          // codes sent in full
	Baud    int    `json:"baud,omitempty"` // the speed that the reader chose

	Commands []string `json:"commands,omitempty"` // what the host said, the newest last
	Lit      bool     `json:"lit,omitempty"`      // the host has triggered it
	Off      bool     `json:"off,omitempty"`      // the host has switched it off
	Stuck    bool     `json:"stuck,omitempty"`    // its trigger sticks
	Good     int      `json:"good,omitempty"`     // beeps that the host asked for
	Bad      int      `json:"bad,omitempty"`
}

// NewScanner plugs a scanner in under link, a path that is free or a left-over symbolic link.
func NewScanner(link string, opts Options) (*Scanner, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	s := &Scanner{link: link, opts: opts, dice: rand.New(rand.NewPCG(opts.Seed, 0)), heard: make(chan bool, 1), changed: make(chan struct{})}
	if err := s.Replug(); err != nil {
		return nil, err
	}
	return s, nil
}

// Scan sends one code, framed and spoilt as the options say.
func (s *Scanner) Scan(code string) error { return s.Glue(code) }

// Glue sends several codes without a pause between them, so that one read may hold them all.
func (s *Scanner) Glue(codes ...string) error {
	if err := s.mayRead(); err != nil {
		return err
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	for turn := range max(1, s.opts.Repeat) {
		if turn > 0 {
			if err := s.pause(s.opts.RepeatEvery); err != nil {
				return err
			}
		}
		if err := s.emit(codes); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.scans += len(codes)
	if s.opts.HostTrigger {
		s.lit = false // a trigger is good for one reading
	}
	s.mu.Unlock()
	return nil
}

// emit sends codes as bytes in one go, or each as packets.
func (s *Scanner) emit(codes []string) error {
	if s.opts.Dialect == SSI {
		for _, code := range codes {
			if err := s.packets(code); err != nil {
				return err
			}
		}
		return nil
	}
	var raw []byte
	for _, code := range codes {
		raw = append(raw, s.opts.frame(code, s.dice)...)
	}
	return s.send(raw)
}

// Write sends raw bytes as they are: half a frame, noise, a device's chatter.
func (s *Scanner) Write(raw []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.write(raw)
}

// send cuts raw into the pieces that the options ask for.
func (s *Scanner) send(raw []byte) error {
	size, rest := len(raw), s.opts.SplitPause
	if s.opts.Split > 0 {
		size = s.opts.Split
	}
	if s.opts.Paced {
		size, rest = 1, 10*time.Second/time.Duration(s.opts.Baud) // 8N1: ten bits a byte
	}
	for len(raw) > 0 {
		n := min(size, len(raw))
		if err := s.write(raw[:n]); err != nil {
			return err
		}
		if raw = raw[n:]; len(raw) > 0 {
			if err := s.pause(rest); err != nil {
				return err
			}
		}
	}
	return nil
}

// write puts bytes on the line, garbled when the reader listens at another speed than ours.
func (s *Scanner) write(raw []byte) error {
	line, err := s.plugged()
	if err != nil {
		return err
	}
	if !s.sameSpeed(line) {
		raw = garble(raw)
	}
	if err := line.write(raw); err != nil {
		if errors.Is(err, os.ErrClosed) {
			return ErrUnplugged
		}
		return fault.Wrap(err, fault.Unavailable, "board.write", "nobody takes the scanner's bytes: open %s and read it", s.link)
	}
	return nil
}

// sameSpeed reports whether the reader has the speed of our line.
func (s *Scanner) sameSpeed(line *pair) bool {
	if s.opts.Baud == 0 {
		return true
	}
	speed, err := line.speed()
	return err != nil || speed == s.opts.Baud
}

// pause waits unless the plug is pulled.
func (s *Scanner) pause(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-gone:
		return ErrUnplugged
	}
}

func (s *Scanner) plugged() (*pair, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.done:
		return nil, ErrClosed
	case s.line == nil:
		return nil, ErrUnplugged
	}
	return s.line, nil
}

// Unplug pulls the plug: the reader sees a hang-up, bytes on their way are lost, the link goes.
// A scanner already unplugged stays so.
func (s *Scanner) Unplug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unplug()
}

func (s *Scanner) unplug() error {
	if s.line == nil {
		return nil
	}
	err := removeLink(s.link, s.line.name) // first, so that nobody opens what is about to go
	close(s.gone)
	s.line.close()
	s.line = nil
	return err
}

// Replug plugs the scanner in again, as a new pty behind the same link; when it is plugged in, it
// is pulled out first.
func (s *Scanner) Replug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return ErrClosed
	}
	if err := s.unplug(); err != nil {
		return err
	}
	line, err := openPair()
	if err != nil {
		return err
	}
	if err := placeLink(s.link, line.name); err != nil {
		line.close()
		return err
	}
	s.line, s.gone = line, make(chan struct{})
	s.lit, s.off = false, false // it has forgotten
	s.hearing.Go(func() { s.hear(line) })
	return nil
}

// Drain waits until a reader has taken every byte sent, at most for d; false when bytes are left.
func (s *Scanner) Drain(d time.Duration) (bool, error) {
	const look = 5 * time.Millisecond
	for ; d > 0; d -= look {
		line, err := s.plugged()
		if err != nil {
			return false, err
		}
		switch taken, err := line.taken(); {
		case err != nil:
			return false, fmt.Errorf("ask whether the bytes on %s are read: %w", s.link, err)
		case taken:
			return true, nil
		}
		if err := s.pause(look); err != nil {
			return false, err
		}
	}
	return false, nil
}

// BaudRate tells the speed that the reader set on the port; 38400 is a pty nobody has set.
func (s *Scanner) BaudRate() (int, error) {
	line, err := s.plugged()
	if err != nil {
		return 0, err
	}
	return line.speed()
}

// State tells how the scanner is.
func (s *Scanner) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := State{Link: s.link, Plugged: s.line != nil, Scans: s.scans, Commands: slices.Clone(s.commands), Lit: s.lit, Off: s.off,
		Stuck: s.stuck, Good: s.good, Bad: s.bad}
	if s.line != nil {
		state.Device = s.line.name
		state.Baud, _ = s.line.speed() // 0 when the kernel will not say
	}
	return state
}

// Close unplugs for good and removes the link.
func (s *Scanner) Close() error {
	s.mu.Lock()
	s.done, s.stuck = true, false
	err := s.unplug()
	s.mu.Unlock()
	s.hearing.Wait()
	return err
}
