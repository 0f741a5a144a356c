// Package scanner reads barcode scanners on serial ports and says what was scanned: a payment code,
// a product, a link, or nothing usable. Scanners may come and go, also under another name.
//
// It refuses to repair: a frame with one bad byte, half a frame at an unplug, a code with a wrong
// check digit are thrown away whole, because a guessed digit in a payment code is somebody else's
// code. It refuses to guess what a scanner understands: it tells one nothing but what its profile
// names. It refuses to keep or log a payment code: what it remembers against double reads is a keyed
// hash.
//
// Newcomers get one thing wrong: one read is not one scan. A code arrives in pieces, or two codes
// in one piece, and only the framer knows where one ends.
package scanner

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/agent/internal/pulse"
	"cloudcashier/agent/internal/serialline"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// queueMax is how many scans wait for a slow reader: more than a cashier scans in the minute that a
// payment code lives.
const queueMax = 64

// Scan is one reading of a code.
type Scan struct {
	Kind    Kind
	Code    pay.Code  // for Payment only
	Text    string    // for Product and Receipt only: what was read
	AIM     string    // the symbology as the scanner names it, such as "]Q1"; often ""
	Scanner string    // the path given in Config
	At      time.Time // when its bytes came, from Deps.Now with its monotonic reading
	Message string    // for the cashier

	slot int // of its scanner in the configuration
}

// State tells whether the scanner of a path is there.
type State struct {
	Path      string
	Connected bool
	Since     time.Time // of Connected
	Message   string    // what the cashier can do about it, "" when all is well

	Profile    string
	Baud       int  // the port's speed while connected
	SpeedWrong bool // nothing but garbage comes
	Stuck      bool // it reads the same code over and over
}

// Config says which scanners to read.
type Config struct {
	// Paths name one scanner each, also as a pattern such as /dev/serial/by-id/*Honeywell*: the first
	// device that matches and opens is taken. Each may carry options: see ParseSpec.
	Paths []string
	Baud  int // 0 is 9600; of those that name none. All have 8 data bits, no parity, 1 stop bit

	DoubleRead time.Duration // the same product or link again on a scanner is dropped within this; 0 is 700 ms
	CodeMemory time.Duration // the same payment code again is a Duplicate within this; 0 is 60 s
}

// Deps are what the package needs from the world. Changed and Claims may be nil.
type Deps struct {
	Now     func() time.Time
	Log     *slog.Logger
	Rand    io.Reader   // cryptographic: the key of the hashes is drawn from it
	Changed func(State) // called, in order, when a scanner's state has changed; must not block
	Claims  *serialline.Claims
}

// Set is all scanners of a till.
type Set struct {
	config  Config
	specs   []Spec // of Config.Paths
	wrong   error  // of the first that cannot be read; Run refuses to start then
	deps    Deps
	scans   chan Scan
	readers []*reader
	poll    time.Duration // pollEvery
	wanted  atomic.Bool   // a scan is waited for

	yielding sync.Mutex // one producer at a time makes room in the queue
	memory   *memory
	pulses   []readerPulse
	keyless  error // why the memory has no key; Run refuses to start then

	mu      sync.Mutex // guards what follows
	states  []State
	dropped int
}

// New makes the set; nothing is opened before Run.
func New(config Config, deps Deps) *Set {
	if config.Baud == 0 {
		config.Baud = 9600 // what nearly every scanner with a real serial line is shipped with
	}
	if config.DoubleRead == 0 {
		config.DoubleRead = 700 * time.Millisecond
	}
	if config.CodeMemory == 0 {
		config.CodeMemory = time.Minute
	}
	if deps.Claims == nil {
		deps.Claims = serialline.NewClaims()
	}
	s := &Set{config: config, deps: deps, scans: make(chan Scan, queueMax), poll: pollEvery}
	s.memory, s.keyless = newMemory(deps.Rand)
	for slot, path := range config.Paths {
		spec, err := ParseSpec(path)
		if err != nil && s.wrong == nil {
			s.wrong = err
		}
		if spec.Baud == 0 {
			spec.Baud = config.Baud
		}
		s.specs = append(s.specs, spec)
		s.readers = append(s.readers, newReader(s, slot, spec))
		s.states = append(s.states, State{Path: spec.Path, Profile: spec.Profile, Since: deps.Now(), Message: "not looked for yet"})
	}
	s.pulses = make([]readerPulse, len(s.states))
	for i := range s.pulses {
		s.pulses[i].Pulse = pulse.New()
	}
	return s
}

// Run owns all ports until ctx ends, and returns when everything it started has ended. Scanners
// that are missing are waited for; only a wrong configuration is an error. It is called once.
func (s *Set) Run(ctx context.Context) error {
	if s.config.Baud < 0 || s.config.DoubleRead < 0 || s.config.CodeMemory < 0 {
		return fault.New(fault.Invalid, "scanner.config", "scanner speed and times must not be negative: correct the configuration")
	}
	if s.wrong != nil {
		return s.wrong
	}
	for _, spec := range s.specs {
		if _, err := filepath.Match(spec.Path, ""); err != nil || spec.Path == "" {
			return fault.New(fault.Invalid, "scanner.path", "scanner path %q is empty or a broken pattern: correct it", spec.Path)
		}
	}
	if s.keyless != nil {
		return s.keyless
	}
	var readers sync.WaitGroup
	for _, r := range s.readers {
		readers.Go(func() { r.run(ctx) })
	}
	<-ctx.Done()
	readers.Wait()
	return nil
}

// readerPulse is one reader's.
type readerPulse struct {
	pulse.Pulse
	opening atomic.Bool // the reader is inside a device's driver
}

// Ask returns nil once every reader has come by. One that waits for a driver to open its device is not waited
// for: a broken device must not take the till with it, and no restart mends it.
func (s *Set) Ask(ctx context.Context) error {
	for i := range s.pulses {
		if s.pulses[i].opening.Load() {
			continue
		}
		if err := s.pulses[i].Pulse.Ask(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Scans gives the scans in order. When nobody reads, the oldest is dropped: a payment code lives
// about a minute, and the newest scan is the one the cashier waits for. It is never closed.
func (s *Set) Scans() <-chan Scan { return s.scans }

// Dropped counts the scans that nobody read in time.
func (s *Set) Dropped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// States tells how each path of Config is, in its order.
func (s *Set) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]State(nil), s.states...)
}

// Forget makes the next reading of a payment code a Payment again. The till calls it for a code that
// it did not use, as when no sale was open; else the cashier's second scan would be a Duplicate.
func (s *Set) Forget(code pay.Code) { s.memory.forget(s.codeTag(code)) }

// Want tells whether a sale waits for a scan. Scanners that the host can trigger read while one does, and rest
// otherwise. It does not block.
func (s *Set) Want(scan bool) { s.wanted.Store(scan) }

// Beep has the scanner of a scan say whether the till took it. It does not block; a scanner that knows no beeps
// stays silent.
func (s *Set) Beep(scan Scan, good bool) {
	if scan.slot < len(s.readers) {
		s.readers[scan.slot].beep.Store(int32(map[bool]int{true: beepGood, false: beepBad}[good]))
	}
}

// take decides what a frame becomes: a scan, a Duplicate, or nothing when it is a double read.
func (s *Set) take(slot int, at time.Time, f frame, found finding) {
	path := s.specs[slot].Path
	scan := Scan{Kind: found.kind, Code: found.code, Text: found.text, AIM: f.aim, Scanner: path, At: at, Message: found.message, slot: slot}
	switch {
	case found.kind == Payment:
		again, tell := s.memory.again(s.codeTag(found.code), at, s.config.CodeMemory, s.config.DoubleRead)
		if !tell || again && f.again {
			return // a gun that keeps staring at the phone, or that did not hear our answer
		}
		if again {
			scan.Kind, scan.Code = Duplicate, pay.Code{}
			scan.Message = "this payment code was scanned already: look at the sale; for another payment, have the customer show a new code"
		}
	case f.flaw == sound:
		if again, _ := s.memory.again(s.memory.tag(strconv.Itoa(slot), f.text), at, s.config.DoubleRead, 0); again {
			return
		}
	}
	s.deps.Log.Info("scanned", logs.Kind, string(scan.Kind), "scanner", path)
	s.yield(scan)
}

func (s *Set) codeTag(code pay.Code) tag { return s.memory.tag("", code.Reveal()) }

// yield queues a scan without ever waiting: a reader that waits leaves bytes to the kernel, which
// drops the newest when its 4 KiB are full.
func (s *Set) yield(scan Scan) {
	s.yielding.Lock()
	defer s.yielding.Unlock()
	for {
		select {
		case s.scans <- scan:
			return
		default:
		}
		select {
		case old := <-s.scans:
			s.drop(old)
		default: // read meanwhile
		}
	}
}

// drop counts a scan that nobody read. Its payment code may be scanned again.
func (s *Set) drop(old Scan) {
	if old.Kind == Payment {
		s.Forget(old.Code)
	}
	s.mu.Lock()
	s.dropped++
	total := s.dropped
	s.mu.Unlock()
	s.deps.Log.Warn("scan dropped, nobody reads the scans", logs.Kind, string(old.Kind), "scanner", old.Scanner, "dropped", total)
}

// tell notes a reader's state. Each reader tells of its own slot, so that its calls are in order.
func (s *Set) tell(slot int, state State) {
	s.mu.Lock()
	last := s.states[slot]
	if state.Since = last.Since; state == last {
		s.mu.Unlock()
		return
	}
	if state.Connected != last.Connected {
		state.Since = s.deps.Now()
	}
	s.states[slot] = state
	s.mu.Unlock()
	s.deps.Log.Info("scanner state", "scanner", state.Path, "connected", state.Connected, "message", state.Message)
	if s.deps.Changed != nil {
		s.deps.Changed(state)
	}
}
