package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/wire"
)

func (u till) records(t *testing.T, after uint64, rows int) []byte {
	m := wire.Records{After: after, Rows: []wire.Record{}}
	if after > 0 {
		m.Hash = make([]byte, 32)
	}
	for i := range rows {
		m.Rows = append(m.Rows, wire.Record{Seq: after + 1 + uint64(i), Kind: "new", Body: json.RawMessage(`{}`), At: time.Unix(1, 0), Prev: make([]byte, 32)})
	}
	return u.seal(t, wire.Envelope{Kind: wire.KindRecords, At: time.Unix(1, 0)}, m)
}

// words are the hub's about its copy that came by now.
func (c *client) words(h *hub, u till) (list []wire.Stored) {
	c.t.Helper()
	for _, p := range c.pending() {
		m, ok := p.(*packets.PublishPacket)
		if !ok {
			continue
		}
		e := open(c.t, h, u, m)
		s, err := wire.Decode[wire.Stored](e)
		if e.Kind != wire.KindStored || e.Seq != 0 || err != nil {
			c.t.Errorf("%s %d %s, %v", e.Kind, e.Seq, e.Body, err)
		}
		list = append(list, s)
	}
	return list
}

// TestRecordsAreAnsweredByWhatIsStored: after the commit, without a number, whatever was lost before.
func TestRecordsAreAnsweredByWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a := h.enrol("trm_a")
		commit := make(chan error)
		h.desk.on = func(ctx context.Context, m any) error { return <-commit }
		c := h.connect(a).listen(a)
		c.publish(a, a.hello(t, 0, "b1"))
		synctest.Wait()
		c.pending()
		for i, s := range []struct {
			err  error
			want string
		}{{nil, "[{5 0}]"}, {errDisk, "[]"}, {fault.New(fault.Unavailable, "records.busy", "busy"), "[]"}, {nil, "[{5 0}]"}} {
			c.send(publish(wire.Topic(a.id, wire.Up), 0, a.records(t, 2, 3)))
			synctest.Wait()
			if list := c.pending(); len(list) != 0 {
				t.Fatalf("%d: before the commit came %v", i, list)
			}
			commit <- s.err
			synctest.Wait()
			if got := fmt.Sprint(c.words(h, a)); got != s.want || !c.alive() {
				t.Errorf("%d: %s, want %s", i, got, s.want)
			}
		}
		if m, ok := h.desk.seen()[0].(wire.Records); !ok || m.After != 2 || len(m.Rows) != 3 {
			t.Errorf("the desk was handed %+v", h.desk.seen()[0])
		}
		h.finish(c)
	})
}

// TestAPaymentPassesRecords: while the Desk stores records of a till, a payment that comes behind them on the same
// line is taken; what is too much of records is dropped, and the rest answered in order.
func TestAPaymentPassesRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a := h.enrol("trm_a")
		stored := make(chan error)
		h.desk.on = func(ctx context.Context, m any) error {
			if _, ok := m.(wire.Records); ok {
				return <-stored
			}
			return nil
		}
		c := h.connect(a).listen(a)
		c.publish(a, a.hello(t, 0, "b1"))
		synctest.Wait()
		c.pending()
		const many = copyQueue + 5
		for i := range uint64(many) {
			c.send(publish(wire.Topic(a.id, wire.Up), 0, a.records(t, 2*i, 2)))
		}
		c.publish(a, a.pay(t, 1, "k1"))
		synctest.Wait()
		if list := c.pending(); len(list) != 1 || list[0].Details().MessageID == 0 {
			t.Fatalf("while records are stored came %v", list)
		}
		for range copyQueue + 1 { // one is at the Desk, the queue waits
			stored <- nil
		}
		synctest.Wait()
		words := c.words(h, a)
		if n := len(words); n == 0 || words[n-1].Through != 2*(copyQueue+1) {
			t.Errorf("answered by %v", words)
		}
		if taken := len(h.desk.seen()) - 1; taken != copyQueue+1 {
			t.Errorf("%d messages were stored of %d", taken, many)
		}
		h.finish(c)
	})
}

// TestAForkIsNotTalkedOver: words about the copy are merged when the till reads slowly, and the one
// that it must hear is in what it gets.
func TestAForkIsNotTalkedOver(t *testing.T) {
	for _, c := range []struct {
		first, then, want wire.Stored
	}{
		{wire.Stored{Through: 5}, wire.Stored{Through: 8}, wire.Stored{Through: 8}},
		{wire.Stored{Through: 5, Fork: 6}, wire.Stored{Through: 5}, wire.Stored{Through: 5, Fork: 6}},
		{wire.Stored{Through: 5, Fork: 6}, wire.Stored{Through: 5, Fork: 7}, wire.Stored{Through: 5, Fork: 7}},
	} {
		o := orders{}
		o.copied(c.first)
		o.copied(c.then)
		if *o.stored != c.want {
			t.Errorf("%+v then %+v: %+v", c.first, c.then, *o.stored)
		}
	}
}
