package world

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"cloudcashier/agent/agenttest"
	"cloudcashier/hub/hubtest"
	"cloudcashier/shared/wire"
)

// gate stops a hub as a stopped process is: it neither tells the time, nor calls, nor hears or speaks, until
// it is opened again.
type gate struct {
	mu      sync.Mutex
	shut    chan struct{}
	waiting int // in front of it
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut, g.waiting = make(chan struct{}), 0
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

func (g *gate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut != nil
}

// pass waits until the gate is open. Those who waited go on in the order in which they came, each at an
// instant of its own.
func (g *gate) pass() {
	g.mu.Lock()
	shut := g.shut
	g.waiting++
	place := time.Duration(g.waiting)
	g.mu.Unlock()
	if shut != nil {
		<-shut
		time.Sleep(place * time.Microsecond)
	}
}

const (
	deaf   = 20 * time.Second // a line that was cut in silence is missed after this at most
	lineIn = 512              // as the product's
)

var errLine = errors.New("the line is cut")

// wireLine is one connection between a till and a hub: the till's end is an agenttest.Line, the hub's a
// hubtest.Line.
type wireLine struct {
	w       *World
	till    *tillRun
	hub     *hubRun
	session *hubtest.Session
	up      *rand.Rand // both guarded by mu
	down    *rand.Rand
	inbox   chan letter // to the hub
	in      chan []byte // to the till
	lost    chan error
	ended   chan struct{}

	mu             sync.Mutex
	cut            bool
	tillOut        bool // the till has left it
	upLast, dnLast time.Time
}

// letter is a message on its way to the hub.
type letter struct {
	payload []byte
	kind    wire.Kind
	key     string
	taken   chan struct{} // to be closed when the hub acknowledges; nil: it is not
}

// open is how a till connects.
func (t *tillRun) open(ctx context.Context) (agenttest.Line, error) {
	w, of := t.of.w, t.of
	luck := w.luck("dial/" + of.name)
	if err := w.sleep(ctx, luck, 30*time.Millisecond+time.Duration(luck.Int64N(int64(200*time.Millisecond)))); err != nil {
		return nil, err
	}
	if t.gone() || of.offline() {
		if err := w.sleep(ctx, luck, time.Second+time.Duration(luck.Int64N(int64(7*time.Second)))); err != nil {
			return nil, err
		}
		return nil, errors.New("the network is down")
	}
	h := w.serving(luck)
	if h == nil {
		return nil, errors.New("connection refused")
	}
	if h.gate.closed() {
		if err := w.sleep(ctx, luck, 8*time.Second); err != nil {
			return nil, err
		}
		return nil, errors.New("connecting takes too long")
	}
	n := &wireLine{w: w, till: t, hub: h, up: w.luck("up/" + of.name), down: w.luck("down/" + of.name),
		inbox: make(chan letter, 1<<12), in: make(chan []byte, lineIn), lost: make(chan error, 1), ended: make(chan struct{})}
	var err error
	if n.session, err = h.hub.Join(of.terminal(), (*hubEnd)(n)); err != nil {
		return nil, err
	}
	w.mu.Lock()
	of.line = n
	h.lines = append(h.lines, n)
	w.mu.Unlock()
	w.runs.Go(n.read)
	return n, nil
}

// sleep waits in virtual time, or until ctx ends.
func (w *World) sleep(ctx context.Context, luck *rand.Rand, d time.Duration) error {
	timer := time.NewTimer(w.in(luck, d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read hands the hub what arrives, one message after the other.
func (n *wireLine) read() {
	for {
		select {
		case <-n.ended:
			n.session.Leave()
			return
		case l := <-n.inbox:
			n.hub.gate.pass()
			if n.hub.gone() {
				continue
			}
			n.w.arrives(n, l)
			if n.session.Take(l.payload) && l.taken != nil {
				luck := n.w.luck("puback/" + n.till.of.name)
				if !(n.w.on("drop") && luck.IntN(6) == 0) {
					n.w.after(luck, 5*time.Millisecond+time.Duration(luck.Int64N(int64(100*time.Millisecond))), func() { closeOnce(l.taken) })
				}
			}
		}
	}
}

var closing sync.Mutex

func closeOnce(c chan struct{}) {
	closing.Lock()
	defer closing.Unlock()
	select {
	case <-c:
	default:
		close(c)
	}
}

// luckOf draws what becomes of one message: how many copies arrive, and when each.
func (w *World) luckOf(luck *rand.Rand) (copies []time.Duration) {
	drop, double, far, farther := luck.IntN(6) == 0, luck.IntN(8) == 0, luck.IntN(6) == 0, luck.IntN(12) == 0
	for range 2 {
		d := 5*time.Millisecond + time.Duration(luck.Int64N(int64(80*time.Millisecond)))
		more, most := time.Duration(luck.Int64N(int64(25*time.Second))), time.Duration(luck.Int64N(int64(150*time.Second)))
		if far && w.on("delay") {
			d += more
		}
		if farther && w.on("delay minutes") {
			d += most
		}
		copies = append(copies, d)
	}
	if !double || !w.on("double") {
		copies = copies[:1]
	}
	if drop && w.on("drop") {
		copies = copies[1:]
	}
	return copies
}

// stray is from which delay on a message travels by itself, as one that some broker had kept: it does not hold
// up the line.
const stray = 10 * time.Second

// keep makes an arrival come after the one before it, unless messages may overtake each other.
func (n *wireLine) keep(last *time.Time, d time.Duration) time.Duration {
	at := time.Now().Add(d)
	if d >= stray {
		return d
	}
	if !n.w.on("reorder") && at.Before(*last) {
		at = last.Add(time.Microsecond)
	}
	if at.After(*last) {
		*last = at
	}
	return time.Until(at)
}

// Publish is the till speaking.
func (n *wireLine) Publish(qos byte, payload []byte) (<-chan struct{}, error) {
	l := letter{payload: payload}
	taken := make(chan struct{})
	if qos > 0 {
		l.taken = taken
	}
	if n.till.gone() {
		return taken, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tillOut {
		return nil, errLine
	}
	n.w.leaves(n.till, &l)
	for _, d := range n.w.luckOf(n.up) {
		if n.cut && !n.w.on("delay minutes") {
			continue
		}
		n.w.after(n.up, n.keep(&n.upLast, d), func() { n.w.deliver(n, l) })
	}
	return taken, nil
}

// deliver brings a letter to the hub: over its own line, or over the till's present one when that is gone.
func (w *World) deliver(n *wireLine, l letter) {
	n.mu.Lock()
	dead := n.cut || n.hub.gone()
	n.mu.Unlock()
	if dead {
		w.mu.Lock()
		n = n.till.of.line
		w.mu.Unlock()
		n.mu.Lock()
		dead = n.cut || n.hub.gone()
		n.mu.Unlock()
		if dead {
			return
		}
		if l.kind == wire.KindPay {
			w.saw("charge delivered over a later line")
		}
	}
	select {
	case n.inbox <- l:
	default:
	}
}

// In and Lost are the till listening.
func (n *wireLine) In() <-chan []byte  { return n.in }
func (n *wireLine) Lost() <-chan error { return n.lost }

// Close is the till hanging up; the hub notices a little later.
func (n *wireLine) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.tillOut {
		n.tillOut = true
		n.endLater(time.Duration(10 * time.Millisecond))
	}
}

// endLater ends the hub's side. The caller holds n.mu.
func (n *wireLine) endLater(d time.Duration) {
	if n.cut {
		return
	}
	n.cut = true
	n.w.after(n.w.luck("end/"+n.till.of.name), d, func() { close(n.ended) })
}

// break cuts a line: each end notices by itself, at once or much later.
func (n *wireLine) sever(silent bool, luck *rand.Rand) {
	n.mu.Lock()
	defer n.mu.Unlock()
	here, there := time.Millisecond, time.Millisecond
	if silent {
		here, there = time.Duration(luck.Int64N(int64(deaf))), time.Duration(luck.Int64N(int64(deaf)))
	}
	n.endLater(there)
	n.w.after(n.w.luck("loss/"+n.till.of.name), here, func() {
		select {
		case n.lost <- errLine:
		default:
		}
	})
}

// hubEnd is the hub's end of a line.
type hubEnd wireLine

// Send is the hub speaking.
func (e *hubEnd) Send(payload []byte) error {
	n := (*wireLine)(e)
	n.hub.gate.pass()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hub.gone() || n.cut {
		return errLine
	}
	n.w.says(n, payload)
	for _, d := range n.w.luckOf(n.down) {
		n.w.after(n.down, n.keep(&n.dnLast, d), func() { n.w.bring(n, payload) })
	}
	return nil
}

// bring brings a message to the till, over whichever line it has.
func (w *World) bring(n *wireLine, payload []byte) {
	w.mu.Lock()
	now := n.till.of.line
	w.mu.Unlock()
	if now.till.gone() || now != n && !w.on("delay minutes") {
		return
	}
	select {
	case now.in <- payload:
	default:
	}
}

// Close is the hub hanging up.
func (e *hubEnd) Close() error {
	n := (*wireLine)(e)
	n.sever(false, nil)
	return nil
}

// peek reads what a message is about, for the story and the rare states.
func peek(payload []byte) (e wire.Envelope, key string) {
	var body struct {
		Key string `json:"key"`
	}
	if json.Unmarshal(payload, &e) != nil {
		return e, ""
	}
	switch e.Kind {
	case wire.KindPay, wire.KindFence, wire.KindCancel, wire.KindResult, wire.KindRefused:
		_ = json.Unmarshal(e.Body, &body)
	}
	return e, body.Key
}

// leaves looks at what leaves a till.
func (w *World) leaves(t *tillRun, l *letter) {
	e, key := peek(l.payload)
	l.kind, l.key = e.Kind, key
	if e.Kind != wire.KindPay {
		return
	}
	var p wire.Pay
	_ = json.Unmarshal(e.Body, &p)
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.known[p.OrderNo]
	if i == nil {
		w.blame(fmt.Sprintf("%s sent a charge for order %s, which nobody entered", t.of.name, p.OrderNo))
		return
	}
	i.sent[key]++
	s, known := i.scans[p.Code]
	switch age := time.Since(s); {
	case !known:
		w.blame(fmt.Sprintf("%s sent a code that was not scanned for order %s", t.of.name, p.OrderNo))
	case age > tillCodeLife:
		w.blame(fmt.Sprintf("%s sent a code %s after its scan, for order %s", t.of.name, age, p.OrderNo))
	}
}

// arrives looks at what reaches a hub.
func (w *World) arrives(n *wireLine, l letter) {
	if l.kind != wire.KindPay {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.till.of.arrived[l.key]++; n.till.of.arrived[l.key] == 2 {
		w.seen["a charge arrived twice"]++
	}
}

// says looks at what a hub tells.
func (w *World) says(n *wireLine, payload []byte) {
	if !bytes.Contains(payload, []byte(`"kind":"result"`)) && !bytes.Contains(payload, []byte(`"kind":"refused"`)) {
		return
	}
	e, _ := peek(payload)
	switch e.Kind {
	case wire.KindResult:
		var r wire.Result
		if json.Unmarshal(e.Body, &r) == nil && r.PaymentID == "" {
			w.saw("fenced before it arrived")
		}
	case wire.KindRefused:
		var r wire.Refused
		if json.Unmarshal(e.Body, &r) == nil && r.Code == "payment.fenced" {
			w.saw("refused behind the fence")
		}
	}
}
