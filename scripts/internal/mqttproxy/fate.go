package mqttproxy

import (
	"bytes"
	"time"
)

// Rates are shares in a thousand of the publishes, each way; the rest passes. Acks is the share of the
// acknowledgements (PUBACK), of which each third is lost, doubled or delayed.
type Rates struct {
	Lost, Doubled, Swapped, Delayed, Late, Damaged int
	Acks                                           int
	Longest                                        time.Duration // a late one's; a delayed one waits a second at most
}

// Counts is what was done so far.
type Counts struct {
	Passed                                         [2]int // publishes, by the way
	Lost, Doubled, Swapped, Delayed, Late, Damaged int
	Acks                                           int
	Across                                         int    // delayed ones that travelled on a later connection than they came on
	Replayed                                       [2]int // by the way
	Strange                                        []string
}

// delayed is a packet that waits.
type delayed struct {
	packet Packet
	way    Way
	from   *pair
	timer  *time.Timer
}

// soon bounds a short delay, and how long a packet waits to be overtaken.
const soon = time.Second

// Disturb sets what happens from now on, until [Proxy.Calm].
func (p *Proxy) Disturb(r Rates) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rates = r
}

// Calm lets everything pass from now on, and what was delayed at once.
func (p *Proxy) Calm() {
	p.mu.Lock()
	p.rates = Rates{}
	var due []*delayed
	for l := range p.late {
		if l.timer.Stop() {
			due = append(due, l)
		}
	}
	p.mu.Unlock()
	for _, l := range due {
		p.deliver(l)
	}
}

// Busy tells whether packets are being disturbed now.
func (p *Proxy) Busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rates != Rates{}
}

// Counts tells what was done.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Quiet tells for how long no message has passed.
func (p *Proxy) Quiet() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.moved)
}

// judge says what travels on now in the place of a packet.
func (p *Proxy) judge(c *pair, way Way, packet Packet) []Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch packet.Type {
	case Publish:
		return p.message(c, way, packet)
	case Puback:
		return p.acknowledgement(c, way, packet)
	}
	return []Packet{packet}
}

// fate is what happens to a message.
type fate int

const (
	lost fate = iota
	doubled
	swapped
	postponed
	tardy
	spoilt
	spared
)

// fate gives the one that a number below a thousand stands for.
func (r Rates) fate(n int) fate {
	for f, share := range []int{lost: r.Lost, doubled: r.Doubled, swapped: r.Swapped, postponed: r.Delayed, tardy: r.Late, spoilt: r.Damaged} {
		if n -= share; n < 0 {
			return fate(f)
		}
	}
	return spared
}

func (p *Proxy) message(c *pair, way Way, packet Packet) (out []Packet) {
	p.moved = time.Now()
	p.seen[way].add(packet)
	f := p.rates.fate(p.dice.IntN(1000))
	if f == swapped && p.held[way] != nil {
		f = spared // it overtakes the other
	}
	switch f {
	case lost:
		p.counts.Lost++
	case doubled:
		p.counts.Doubled++
		out = []Packet{packet, again(packet)}
	case swapped:
		p.counts.Swapped++
		p.held[way] = p.later(c, way, packet, soon)
		return nil
	case postponed:
		p.counts.Delayed++
		p.later(c, way, packet, p.span(soon))
	case tardy:
		p.counts.Late++
		p.later(c, way, packet, p.span(p.rates.Longest))
	case spoilt:
		p.counts.Damaged++
		out = []Packet{p.damaged(packet)}
	default:
		p.counts.Passed[way]++
		out = []Packet{packet}
	}
	if h := p.held[way]; h != nil && len(out) > 0 {
		p.held[way] = nil
		if h.timer.Stop() {
			delete(p.late, h)
			out = append(out, h.packet)
		}
	}
	return out
}

func (p *Proxy) acknowledgement(c *pair, way Way, packet Packet) []Packet {
	n := p.dice.IntN(1000)
	if n >= p.rates.Acks {
		return []Packet{packet}
	}
	p.counts.Acks++
	switch n % 3 {
	case 0:
		return nil
	case 1:
		return []Packet{packet, packet}
	}
	p.later(c, way, packet, p.span(soon))
	return nil
}

// span draws a time below a bound. The caller holds the lock.
func (p *Proxy) span(most time.Duration) time.Duration {
	return time.Duration(p.dice.Int64N(int64(most) + 1))
}

// later keeps a packet back. The caller holds the lock.
func (p *Proxy) later(c *pair, way Way, packet Packet, d time.Duration) *delayed {
	l := &delayed{packet: packet, way: way, from: c}
	p.late[l] = true
	l.timer = time.AfterFunc(d, func() { p.deliver(l) })
	return l
}

// deliver sends a packet that waited: on the till's connection of now, whichever that is, or on its next.
func (p *Proxy) deliver(l *delayed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.late, l)
	if p.held[l.way] == l {
		p.held[l.way] = nil
	}
	for c := p.live; c != nil && !p.hasStopped; c = p.live {
		p.mu.Unlock()
		err := c.ends[l.way].write(l.packet)
		p.mu.Lock()
		if err == nil {
			if c != l.from {
				p.counts.Across++
			}
			return
		}
		if p.live == c {
			p.live = nil // it broke, and nobody has noticed yet
		}
	}
	p.waiting[l.way] = append(p.waiting[l.way], l.packet)
}

// again is a packet's second copy as MQTT sends it.
func again(packet Packet) Packet {
	if m, err := packet.Message(); err == nil && m.QoS > 0 {
		m.Dup = true
		return m.Packet()
	}
	return packet
}

// damaged changes one bit of what a message says. The caller holds the lock.
func (p *Proxy) damaged(packet Packet) Packet {
	m, err := packet.Message()
	if err != nil || len(m.Payload) == 0 {
		return packet
	}
	m.Payload = bytes.Clone(m.Payload)
	m.Payload[p.dice.IntN(len(m.Payload))] ^= 1 << p.dice.IntN(8)
	return m.Packet()
}
