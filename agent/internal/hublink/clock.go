package hublink

import "time"

// clock knows how far the hub's clock is ahead of ours. A sample is off by half its round trip at
// most, so that the quickest one is the best; but two samples that cannot both be right mean that a
// clock was set or has drifted, and then the newer one is.
type clock struct {
	known       bool
	offset, rtt time.Duration
}

// take adds a sample: asked and answered by our clock, there by the hub's.
func (c *clock) take(asked, answered, there time.Time) {
	rtt := answered.Sub(asked)
	if rtt < 0 {
		return // our clock was set while we waited
	}
	offset := there.Sub(asked) - rtt/2
	if apart := (offset - c.offset).Abs(); !c.known || rtt <= c.rtt || apart > (rtt+c.rtt)/2 {
		c.known, c.offset, c.rtt = true, offset, rtt
	}
}
