package broker

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/wire"
)

// durable gives the numbers of the messages that came by now.
func (c *client) durable(h *hub, u till) []uint64 {
	list := []uint64{}
	for _, p := range c.pending() {
		if m, ok := p.(*packets.PublishPacket); ok {
			if e := open(c.t, h, u, m); e.Seq > 0 {
				list = append(list, e.Seq)
			}
		}
	}
	return list
}

func span(from, to uint64) []uint64 {
	list := []uint64{}
	for ; from <= to; from++ {
		list = append(list, from)
	}
	return list
}

func same(t *testing.T, what string, got, want []uint64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestSendsWhatWaitsAfterHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a := h.enrol("trm_a")
		for i := range 3 {
			h.mail.put(a.id, fmt.Sprint("k", i))
		}
		c := h.connect(a)
		h.Wake(a.id)
		synctest.Wait()
		same(t, "before it listens", c.durable(h, a), []uint64{})
		c.listen(a)
		h.Wake(a.id)
		time.Sleep(time.Minute / 4)
		same(t, "before hello", c.durable(h, a), []uint64{})
		c.publish(a, a.hello(t, 0, "b"))
		first, ok := c.nextPublish()
		if !ok || open(t, h, a, first).Kind != wire.KindWelcome {
			t.Fatal("the first message is no welcome")
		}
		for i, e := range c.down(h, a, 3) {
			r, err := wire.Decode[wire.Result](e)
			if err != nil || e.Seq != uint64(i+1) || e.Kind != wire.KindResult || r.Key != fmt.Sprint("k", i) || !e.At.Equal(time.Unix(9, 0)) {
				t.Errorf("message %d: %+v, %v", i, e, err)
			}
		}
		h.mail.put(a.id, "new")
		h.Wake(a.id)
		synctest.Wait()
		same(t, "woken", c.durable(h, a), []uint64{4})
		h.finish(c)
	})
}

func TestSendsAgainUntilAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a := h.enrol("trm_a")
		h.mail.put(a.id, "k1")
		h.mail.put(a.id, "k2")
		c := h.connect(a).listen(a)
		c.publish(a, a.hello(t, 0, "b"))
		synctest.Wait()
		same(t, "at once", c.durable(h, a), []uint64{1, 2})
		for i, wait := range []int{1, 2, 5, 10, 10, 10} {
			c.rest(time.Duration(wait)*time.Second - time.Millisecond)
			same(t, fmt.Sprint("before patience ", i, " ends"), c.durable(h, a), []uint64{})
			time.Sleep(time.Millisecond)
			synctest.Wait()
			same(t, fmt.Sprint("after patience ", i), c.durable(h, a), []uint64{1, 2})
		}
		c.publish(a, a.ack(t, 1))
		c.rest(999 * time.Millisecond)
		same(t, "after the first was acknowledged", c.durable(h, a), []uint64{})
		c.rest(2 * time.Millisecond)
		same(t, "then", c.durable(h, a), []uint64{2}) // and the patience starts over
		c.publish(a, a.ack(t, 7))                     // of the future: ignored
		c.rest(3 * time.Second)
		same(t, "after a wrong acknowledgement", c.durable(h, a), []uint64{2})
		c.publish(a, a.pay(t, 1, "k")) // carries none
		c.publish(a, a.seal(t, wire.Envelope{Kind: wire.KindPay, Seq: 2, Ack: 2}, wire.Pay{Key: "k"}))
		c.rest(time.Minute)
		same(t, "after all were acknowledged", c.durable(h, a), []uint64{})
		if n := h.mail.left(a.id); n != 0 {
			t.Errorf("%d messages left", n)
		}
		if s := h.Stats(); s.Resent != 6*2+2 {
			t.Errorf("%+v", s)
		}
		h.mail.put(a.id, "k3")
		h.Wake(a.id)
		synctest.Wait()
		same(t, "the next", c.durable(h, a), []uint64{3})
		h.finish(c)
	})
}

func TestStartsOverAtHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a := h.enrol("trm_a")
		for range 5 {
			h.mail.put(a.id, "k")
		}
		c := h.connect(a).listen(a)
		c.publish(a, a.hello(t, 0, "b"))
		synctest.Wait()
		same(t, "first connection", c.durable(h, a), span(1, 5))
		c.conn.Close()
		synctest.Wait()
		h.mail.put(a.id, "k")
		h.Wake(a.id) // nobody there
		c = h.connect(a).listen(a)
		c.publish(a, a.hello(t, 3, "b"))
		synctest.Wait()
		same(t, "second connection", c.durable(h, a), span(4, 6))
		if n := h.mail.left(a.id); n != 3 {
			t.Errorf("%d messages left", n)
		}
		c.publish(a, a.hello(t, 3, "b")) // again on the same line
		synctest.Wait()
		same(t, "hello again", c.durable(h, a), span(4, 6))
		h.finish(c)
	})
}

// TestTellsWhatIsForgotten: a copy of the till acknowledged what the till never had. Told so, it can go on.
func TestTellsWhatIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a := h.enrol("trm_a")
		for range 5 {
			h.mail.put(a.id, "k")
		}
		greet := func(ack uint64) (c *client, skipped []uint64, numbers []uint64) {
			c = h.connect(a).listen(a)
			c.publish(a, a.hello(t, ack, "b"))
			synctest.Wait()
			for i, p := range c.pending() {
				m, ok := p.(*packets.PublishPacket)
				if !ok {
					continue
				}
				switch e := open(t, h, a, m); {
				case e.Kind == wire.KindSkipped:
					s, err := wire.Decode[wire.Skipped](e)
					if err != nil || e.Seq != 0 || len(numbers) > 0 {
						t.Errorf("message %d is %+v, %v", i, e, err)
					}
					skipped = append(skipped, s.Through)
				case e.Seq > 0:
					numbers = append(numbers, e.Seq)
				}
			}
			return c, skipped, numbers
		}
		c, skipped, numbers := greet(0) // the till itself: nothing is missing
		same(t, "skipped at first", skipped, nil)
		same(t, "sent at first", numbers, span(1, 5))
		copied := h.connect(a).listen(a) // the copy, which stores four
		copied.publish(a, a.hello(t, 0, "b2"))
		synctest.Wait()
		copied.publish(a, a.ack(t, 4))
		synctest.Wait()
		if n := h.mail.left(a.id); n != 1 {
			t.Fatalf("%d messages left", n)
		}
		c.conn.Close()
		c, skipped, numbers = greet(2)
		same(t, "skipped", skipped, []uint64{4})
		same(t, "sent", numbers, []uint64{5})
		if s := h.Stats(); s.Skips != 1 {
			t.Errorf("%+v", s)
		}
		c.publish(a, a.ack(t, 5))
		synctest.Wait()
		c.conn.Close()
		c, skipped, numbers = greet(4) // nothing waits, and the next number would be a gap all the same
		same(t, "skipped when nothing waits", skipped, []uint64{5})
		same(t, "sent when nothing waits", numbers, nil)
		h.mail.put(a.id, "new")
		h.Wake(a.id)
		synctest.Wait()
		same(t, "then", c.durable(h, a), []uint64{6})
		c.conn.Close()
		c, skipped, _ = greet(5)
		same(t, "skipped of a till that has all", skipped, nil)
		h.finish(c, copied)
	})
}

// TestWindow: a long queue goes out in order, never more than the window ahead of the till.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a := h.enrol("trm_a")
		const n = 1000
		for range n {
			h.mail.put(a.id, "k")
		}
		c := h.connect(a).listen(a)
		c.publish(a, a.hello(t, 0, "b"))
		synctest.Wait()
		same(t, "at once", c.durable(h, a), span(1, window))
		got := uint64(window)
		for got < n {
			c.publish(a, a.ack(t, got-window+16))
			synctest.Wait()
			next := c.durable(h, a)
			same(t, "after 16 more", next, span(got+1, min(got+16, n)))
			got += uint64(len(next))
			if len(next) == 0 {
				t.Fatal("stuck")
			}
		}
		c.publish(a, a.ack(t, n))
		synctest.Wait()
		if left := h.mail.left(a.id); left != 0 {
			t.Errorf("%d messages left", left)
		}
		h.finish(c)
	})
}

func TestMailboxFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a := h.enrol("trm_a")
		h.mail.put(a.id, "k")
		h.mail.err = fault.New(fault.Unavailable, "store.away", "away")
		c := h.connect(a).listen(a)
		c.publish(a, a.hello(t, 0, "b"))
		c.rest(5 * time.Second)
		same(t, "while the store is away", c.durable(h, a), []uint64{})
		h.mail.mu.Lock()
		h.mail.err = nil
		h.mail.mu.Unlock()
		c.rest(2 * time.Second)
		if list := c.durable(h, a); len(list) == 0 {
			t.Error("nothing comes when it is back")
		}
		h.mail.mu.Lock()
		h.mail.err = errDisk
		h.mail.mu.Unlock()
		h.Wake(a.id)
		<-h.done()
		c.conn.Close()
		if err := h.end(); !errors.Is(err, errDisk) {
			t.Errorf("Run: %v", err)
		}
	})
}

// TestStopsCleanly: Run returns only when everything it started has, whatever the tills do.
func TestStopsCleanly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		clients := []*client{}
		for i := range 5 {
			u := h.enrol(fmt.Sprint("trm_", i))
			h.mail.put(u.id, "k")
			c := h.connect(u).listen(u)
			c.publish(u, u.hello(t, 0, "b"))
			clients = append(clients, c)
		}
		half := must(h.dial())
		synctest.Wait()
		if err := h.end(); err != nil {
			t.Error(err)
		}
		if s := h.Stats(); s.Connections+s.Sessions+s.Pending != 0 {
			t.Errorf("%+v", s)
		}
		h.Wake("trm_1")
		h.Revoke("trm_1")
		half.Close()
		for _, c := range clients {
			c.conn.Close()
		}
	})
}
