package scanner

import "time"

// Frame is a frame as the tests see it: Flaw is "" for a sound one.
type Frame struct{ Text, AIM, Flaw string }

// Framer is the framer with its frames collected.
type Framer struct {
	inner  framer
	Frames []Frame
}

func NewFramer() *Framer {
	f := &Framer{}
	f.inner = framer{whole: wholeCode, yield: func(got frame) {
		flaws := map[flaw]string{sound: "", garbled: "garbled", oversize: "oversize", cut: "cut"}
		f.Frames = append(f.Frames, Frame{got.text, got.aim, flaws[got.flaw]})
	}}
	return f
}

func (f *Framer) Feed(p []byte)        { f.inner.feed(p) }
func (f *Framer) Idle(d time.Duration) { f.inner.idle(d) }
func (f *Framer) Reset()               { f.inner.reset() }

const (
	FrameMax     = frameMax
	ShortGap     = shortGap
	LongGap      = longGap
	QueueMax     = queueMax
	SightingsMax = sightingsMax
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
