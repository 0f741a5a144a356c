package mqttproxy

import (
	"context"
	"time"
)

// reel is how many messages a tape holds: a day of a till, one way.
const reel = 2048

// tape is the newest messages of one way, as they came.
type tape struct {
	ring []Packet
	next int
}

func (t *tape) add(p Packet) {
	if len(t.ring) < reel {
		t.ring = append(t.ring, p)
		return
	}
	t.ring[t.next] = p
	t.next = (t.next + 1) % reel
}

// last gives the newest of them, oldest first.
func (t *tape) last(most int) []Packet {
	all := append(append([]Packet{}, t.ring[t.next:]...), t.ring[:t.next]...)
	return all[max(0, len(all)-most):]
}

// Replay sends the newest messages that were ever seen once more, both ways in turn, whatever became of them the
// first time. It returns when the last has left, or ctx ended.
func (p *Proxy) Replay(ctx context.Context, most int) {
	p.mu.Lock()
	tapes := [2][]Packet{Up: p.seen[Up].last(most), Down: p.seen[Down].last(most)}
	p.mu.Unlock()
	for i := range max(len(tapes[Up]), len(tapes[Down])) {
		for way, tape := range tapes {
			if i < len(tape) && !p.replay(ctx, Way(way), tape[i]) {
				return
			}
		}
	}
}

// replay sends one message as soon as there is a connection that takes it.
func (p *Proxy) replay(ctx context.Context, way Way, packet Packet) bool {
	for ctx.Err() == nil && p.ctx.Err() == nil {
		p.mu.Lock()
		c := p.live
		p.mu.Unlock()
		if c != nil && c.ends[way].write(packet) == nil {
			p.mu.Lock()
			p.counts.Replayed[way]++
			p.moved = time.Now()
			p.mu.Unlock()
			return true
		}
		select {
		case <-ctx.Done():
		case <-p.ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}
