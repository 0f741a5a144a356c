package scanner

import "time"

// Frame is a frame as the tests see it: Flaw is "" for a sound one.
type Frame struct {
	Text, AIM, Flaw string
	Again           bool
}

// Framer is the framer with its frames collected.
type Framer struct {
	inner  framer
	Frames []Frame
}

func NewFramer() *Framer {
	f := &Framer{}
	f.inner = framer{whole: wholeCode, yield: func(got frame) { f.Frames = append(f.Frames, seen(got)) }}
	return f
}

func seen(got frame) Frame {
	flaws := map[flaw]string{sound: "", garbled: "garbled", oversize: "oversize", cut: "cut"}
	return Frame{got.text, got.aim, flaws[got.flaw], got.again}
}

// Packets is the cutter of SSI with its frames and answers collected.
type Packets struct {
	inner   packets
	Frames  []Frame
	Answers [][]byte
}

func NewPackets() *Packets {
	p := &Packets{}
	p.inner = packets{yield: func(got frame) { p.Frames = append(p.Frames, seen(got)) },
		answer: func(a []byte) { p.Answers = append(p.Answers, a) }}
	return p
}

func (p *Packets) Feed(raw []byte)      { p.inner.feed(raw) }
func (p *Packets) Idle(d time.Duration) { p.inner.idle(d) }

// SSIPacket is a packet of ours, DecodePacket one of the scanner's.
func SSIPacket(opcode byte, payload ...byte) []byte { return ssiPacket(opcode, payload...) }

func DecodePacket(status, kind byte, text string) []byte {
	p := append([]byte{byte(ssiHeader + 1 + len(text)), ssiDecode, 0, status, kind}, text...)
	sum := ssiSum(p)
	return append(p, byte(sum>>8), byte(sum))
}

// FastLook has the readers look for their devices all the time.
func (s *Set) FastLook() { s.poll = 2 * time.Millisecond }

func (f *Framer) Feed(p []byte)        { f.inner.feed(p) }
func (f *Framer) Idle(d time.Duration) { f.inner.idle(d) }
func (f *Framer) Reset()               { f.inner.reset() }

const (
	FrameMax     = frameMax
	ShortGap     = shortGap
	LongGap      = longGap
	QueueMax     = queueMax
	SightingsMax = sightingsMax
	Retrigger    = retrigger
)

// Classify gives what classify makes of a sound frame.
func Classify(aim, text string) Scan {
	found := classify(frame{text: text, aim: aim})
	return Scan{Kind: found.kind, Code: found.code, Text: found.text, Message: found.message}
}

// Sightings counts what a set remembers.
func (s *Set) Sightings() int {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return len(s.memory.seen)
}

// Take puts a text through the memory and the queue as if the scanner of Paths[slot] had sent it.
func (s *Set) Take(slot int, text string, at time.Time) {
	f := frame{text: text}
	s.take(slot, at, f, classify(f))
}

// TakeAgain is Take for a frame that the device marked as a repetition.
func (s *Set) TakeAgain(slot int, text string, at time.Time) {
	f := frame{text: text, again: true}
	s.take(slot, at, f, classify(f))
}
