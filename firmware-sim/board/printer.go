package board

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"cloudcashier/firmware-sim/escpos"
	"cloudcashier/shared/fault"
)

// bufferMax is a printer's receive buffer; beyond it the line stands still.
const bufferMax = 4 << 10

// PrinterOptions say which printer it is. The zero value has 48 columns.
type PrinterOptions struct {
	Columns int
	// Mute leaves the echo (GS ( H) unanswered, as simple makes do.
	Mute bool
}

// Printer is a pretended receipt printer: a pty, a receive buffer, and paper. Like a real one it
// answers DLE EOT at once, whatever it is doing, keeps its buffer when the cable is pulled, and goes on
// with it after a refill. Its methods may be called from any goroutine.
type Printer struct {
	link string
	opts PrinterOptions

	mu      sync.Mutex
	changed chan struct{} // closed and made anew whenever something below changes
	line    *pair
	paper   *escpos.Machine
	buffer  []byte
	partial []byte // of a real-time command
	paperAt int    // paper ends when so much is printed; negative: never
	trouble PrinterTrouble
	shut    int // pulses when the drawer was closed last
	dropAt  int // so many bytes are kept before dropN are lost
	dropN   int
	byByte  time.Duration // a pause after each byte
	done    bool
	work    sync.WaitGroup
}

// PrinterTrouble is what a person could see at the printer.
type PrinterTrouble struct {
	PaperOut  bool `json:"paper_out"`
	NearEnd   bool `json:"near_end"`
	CoverOpen bool `json:"cover_open"`
}

func (t PrinterTrouble) stopped() bool { return t.PaperOut || t.CoverOpen }

// PrinterState is what a printer tells about itself.
type PrinterState struct {
	Link    string `json:"link"`
	Device  string `json:"device,omitempty"`
	Plugged bool   `json:"plugged"`
	PrinterTrouble
	Slips    []string `json:"slips"`   // the cut ones, as text
	Current  string   `json:"current"` // what stands on the paper since the last cut
	Printed  int      `json:"printed"` // lines and pictures
	Buffered int      `json:"buffered"`
	Drawer
	Complaints []string `json:"complaints"`
}

// Drawer is the cash drawer that hangs on the printer: a pulse opens it, a person closes it.
type Drawer struct {
	Pulses int  `json:"pulses"`
	Open   bool `json:"drawer_open"`
}

// NewPrinter plugs a printer in under link.
func NewPrinter(link string, opts PrinterOptions) (*Printer, error) {
	if opts.Columns == 0 {
		opts.Columns = 48
	}
	if opts.Columns < 16 || opts.Columns > 96 {
		return nil, fault.New(fault.Invalid, "board.columns", "a printer has 16 to 96 columns, 32 and 48 are usual")
	}
	p := &Printer{link: link, opts: opts, changed: make(chan struct{}), paper: escpos.New(opts.Columns), paperAt: -1, dropAt: -1}
	if err := p.Replug(); err != nil {
		return nil, err
	}
	p.work.Go(p.print)
	return p, nil
}

// touch wakes whoever waits for a change. The caller holds the lock.
func (p *Printer) touch() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// change does something to the printer as a person would.
func (p *Printer) change(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
	p.touch()
}

// PaperAfter lets the paper end when so many more lines or pictures are printed; at once with 0.
func (p *Printer) PaperAfter(n int) {
	p.change(func() {
		p.paperAt = p.paper.Used + n
		p.trouble.PaperOut = n <= 0
	})
}

// Refill puts new paper in. What is in the buffer is printed on it.
func (p *Printer) Refill() {
	p.change(func() { p.paperAt, p.trouble.PaperOut, p.trouble.NearEnd = -1, false, false })
}

// NearEnd tells that the paper is about to end.
func (p *Printer) NearEnd(is bool) { p.change(func() { p.trouble.NearEnd = is }) }

// Cover opens or closes the cover.
func (p *Printer) Cover(open bool) { p.change(func() { p.trouble.CoverOpen = open }) }

// CloseDrawer pushes the drawer shut.
func (p *Printer) CloseDrawer() { p.change(func() { p.shut = p.paper.Pulses }) }

// Slow makes the printer pause after each byte.
func (p *Printer) Slow(pause time.Duration) { p.change(func() { p.byByte = pause }) }

// DropBytes loses n bytes of what comes after the next skip.
func (p *Printer) DropBytes(skip, n int) { p.change(func() { p.dropAt, p.dropN = skip, n }) }

// Unplug pulls the cable: what the printer has it prints, what it answers nobody hears.
func (p *Printer) Unplug() (err error) {
	p.change(func() { err = p.unplug() })
	return err
}

func (p *Printer) unplug() error {
	if p.line == nil {
		return nil
	}
	err := removeLink(p.link, p.line.name)
	p.line.close()
	p.line = nil
	return err
}

// PowerCut switches the printer off: its port goes, and so does what was not on the paper yet.
func (p *Printer) PowerCut() (err error) {
	p.change(func() {
		p.buffer, p.partial = nil, nil
		p.paper.PowerCut()
		err = p.unplug()
	})
	return err
}

// Replug plugs the printer in again, as a new pty behind the same link.
func (p *Printer) Replug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return ErrClosed
	}
	if err := p.unplug(); err != nil {
		return err
	}
	line, err := openPair()
	if err != nil {
		return err
	}
	if err := placeLink(p.link, line.name); err != nil {
		line.close()
		return err
	}
	p.line = line
	p.touch()
	p.work.Go(func() { p.listen(line) })
	return nil
}

// Close switches it off for good.
func (p *Printer) Close() error {
	p.mu.Lock()
	p.done = true
	err := p.unplug()
	p.touch()
	p.mu.Unlock()
	p.work.Wait()
	return err
}

// State tells how the printer is.
func (p *Printer) State() PrinterState {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PrinterState{Link: p.link, Plugged: p.line != nil, PrinterTrouble: p.trouble, Current: p.paper.Current().Text(p.opts.Columns),
		Printed: p.paper.Used, Buffered: len(p.buffer), Drawer: Drawer{p.paper.Pulses, p.paper.Pulses > p.shut}, Complaints: slices.Clone(p.paper.Complaints)}
	if p.line != nil {
		s.Device = p.line.name
	}
	for _, slip := range p.paper.Slips {
		s.Slips = append(s.Slips, slip.Text(p.opts.Columns))
	}
	return s
}

// Await waits until the printer is as wanted; false when ctx ends first.
func (p *Printer) Await(ctx context.Context, wanted func(PrinterState) bool) bool {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		if wanted(p.State()) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// PNG draws a slip that was cut, counted from 0 (NotFound).
func (p *Printer) PNG(n int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < 0 || n >= len(p.paper.Slips) {
		return nil, fault.New(fault.NotFound, "board.slip", "slip %d is not cut yet: there are %d", n, len(p.paper.Slips))
	}
	var out bytes.Buffer
	err := p.paper.Slips[n].PNG(&out, p.opts.Columns)
	return out.Bytes(), err
}

// listen takes what comes down one line until it is cut.
func (p *Printer) listen(line *pair) {
	raw := make([]byte, 512)
	for {
		n, err := line.master.Read(raw)
		if n > 0 {
			p.take(line, raw[:n])
		}
		if err != nil {
			return
		}
	}
}

// take answers what is asked in real time, and puts the rest into the buffer, waiting for room there.
func (p *Printer) take(line *pair, raw []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range raw {
		if len(p.buffer) >= bufferMax {
			p.touch() // the head must know before we wait for it
		}
		for len(p.buffer) >= bufferMax && !p.done && p.line == line {
			changed := p.changed
			p.mu.Unlock()
			<-changed
			p.mu.Lock()
		}
		p.partial = append(p.partial, b)
		reply, realTime := p.now()
		switch {
		case reply != nil:
			_ = line.write(reply) // nobody hears a printer without a line
		case !realTime:
			for _, b := range p.partial {
				p.keep(b)
			}
			p.partial = nil
		}
	}
	p.touch()
}

// now looks at the bytes that may be a command of real time: DLE EOT n and DLE DC4 1 m t.
func (p *Printer) now() (reply []byte, realTime bool) {
	c := p.partial
	switch {
	case c[0] != 0x10:
		return nil, false
	case len(c) == 1:
		return nil, true
	case c[1] == 0x04 && len(c) == 2, c[1] == 0x14 && len(c) < 5:
		return nil, true
	case c[1] == 0x14 && c[2] == 1:
		p.paper.Pulses++
		p.partial = nil
		return nil, true
	case c[1] == 0x04 && c[2] >= 1 && c[2] <= 4:
		p.partial = nil
		return []byte{p.status(c[2])}, true
	}
	return nil, false
}

// status is the byte that DLE EOT n asks for.
func (p *Printer) status(n byte) byte {
	b, t := byte(0x12), p.trouble
	set := func(is bool, bits byte) {
		if is {
			b |= bits
		}
	}
	switch n {
	case 1:
		set(t.stopped(), 0x08)
		set(p.paper.Pulses > p.shut, 0x04) // pin 3 of its connector; on others the bit has the other sense
	case 2:
		set(t.CoverOpen, 0x04)
		set(t.PaperOut, 0x20)
	case 4:
		set(t.NearEnd || t.PaperOut, 0x0c)
		set(t.PaperOut, 0x60)
	}
	return b
}

// keep puts one byte into the buffer, unless it is one of those to lose.
func (p *Printer) keep(b byte) {
	switch {
	case p.dropAt > 0:
		p.dropAt--
	case p.dropAt == 0 && p.dropN > 0:
		p.dropN--
		return
	}
	p.buffer = append(p.buffer, b)
}

// print empties the buffer onto the paper until the printer is closed.
func (p *Printer) print() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.done {
		if len(p.buffer) == 0 || p.trouble.stopped() {
			changed := p.changed
			p.mu.Unlock()
			<-changed
			p.mu.Lock()
			continue
		}
		used, slips := p.paper.Used, len(p.paper.Slips)
		reply := p.paper.Put(p.buffer[0])
		p.buffer = p.buffer[1:]
		if p.paperAt >= 0 && p.paper.Used >= p.paperAt {
			p.trouble.PaperOut = true
		}
		if p.paper.Used != used || len(p.paper.Slips) != slips || len(p.buffer) == 0 || len(p.buffer) == bufferMax-1 || reply != nil {
			p.touch() // not for every byte: those who wait would keep the lock busy
		}
		line, pause := p.line, p.byByte
		if p.opts.Mute && len(reply) > 1 {
			reply = nil
		}
		p.mu.Unlock()
		if line != nil && reply != nil {
			_ = line.write(reply)
		}
		if pause > 0 {
			time.Sleep(pause)
		}
		p.mu.Lock()
	}
}
