package broker

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/wire"
)

func pubacks(list []packets.ControlPacket) (n int) {
	for _, p := range list {
		if _, ok := p.(*packets.PubackPacket); ok {
			n++
		}
	}
	return n
}

// TestAcknowledgesAfterTheCommit holds the desk and looks at the line.
func TestAcknowledgesAfterTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, newPipes())
		a, b := h.enrol("trm_a"), h.enrol("trm_b")
		commit := make(chan error)
		h.desk.on = func(ctx context.Context, m any) error { return <-commit }
		c, other := h.connect(a), h.connect(b)
		for i, c1 := range []struct {
			err  error
			acks int
		}{
			{nil, 1},
			{errDisk, 0},
			{fault.New(fault.Unavailable, "store.busy", "busy"), 0},
			{fault.New(fault.Invalid, "desk.confused", "the desk must not cut the line by a word"), 0},
			{nil, 1},
		} {
			c.publish(a, a.pay(t, uint64(i+1), "k"))
			time.Sleep(10 * time.Second)
			if list := c.pending(); len(list) != 0 {
				t.Fatalf("%d: before the commit came %v", i, list)
			}
			if !other.alive() {
				t.Fatal("one till's wait stops another")
			}
			commit <- c1.err
			synctest.Wait()
			if n := pubacks(c.pending()); n != c1.acks {
				t.Errorf("%d: %d acknowledgements after %v", i, n, c1.err)
			}
			if !c.alive() {
				t.Fatalf("%d: cut", i)
			}
		}
		if s := h.Stats(); s.Received != 5 || s.Committed != 2 || s.DeskErrors != 3 {
			t.Errorf("%+v", s)
		}
		h.finish(c, other)
	})
}

// TestPanicsStayWithTheirMessage: no acknowledgement, that till is cut, everybody else goes on.
func TestPanicsStayWithTheirMessage(t *testing.T) {
	h := newHub(t, nil)
	a, b := h.enrol("trm_a"), h.enrol("trm_b")
	h.desk.on = func(_ context.Context, m any) error {
		if m.(wire.Pay).Key == "boom" {
			panic("boom")
		}
		return nil
	}
	c, other := h.connect(a), h.connect(b)
	c.publish(a, a.pay(t, 1, "boom"))
	if p := c.next(); p != nil {
		t.Errorf("after the panic came %v", p)
	}
	other.publish(b, b.pay(t, 1, "fine"))
	if _, ok := other.next().(*packets.PubackPacket); !ok {
		t.Error("another till was hurt")
	}
	c = h.connect(a)
	c.publish(a, a.pay(t, 2, "fine"))
	if _, ok := c.next().(*packets.PubackPacket); !ok {
		t.Error("the till cannot come back")
	}
	if s := h.Stats(); s.Panics != 1 || s.Committed != 2 {
		t.Errorf("%+v", s)
	}
}

// TestForgedMessagesCut: never handed over, never acknowledged, and the line is gone.
func TestForgedMessagesCut(t *testing.T) {
	h := newHub(t, nil)
	a, b := h.enrol("trm_a"), h.enrol("trm_b")
	good := a.pay(t, 1, "k")
	down, err := wire.Seal(wire.Envelope{Kind: wire.KindResult, Seq: 1}, wire.Result{}, a.id, wire.Down, a.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string][]byte{
		"another till's":   b.pay(t, 1, "k"),
		"signed by b as a": till{id: a.id, key: b.key}.pay(t, 1, "k"),
		"changed":          bytes.Replace(good, []byte(`"amount":1`), []byte(`"amount":2`), 1),
		"unsigned":         good[:bytes.Index(good, []byte(`,"sig"`))],
		"a hub's kind":     down,
		"noise":            []byte("\x00\xff"),
		"nothing":          {},
		"big":              append(bytes.Clone(good), bytes.Repeat([]byte(" "), wire.MaxMessage)...),
		"huge number":      a.pay(t, 1<<60, "k"),
		"body of another":  a.seal(t, wire.Envelope{Kind: wire.KindFence, Seq: 1}, wire.Pay{Key: "k"}),
		"body unknown":     a.seal(t, wire.Envelope{Kind: wire.KindPay, Seq: 1}, map[string]int{"more": 1}),
		"hello of nothing": a.seal(t, wire.Envelope{Kind: wire.KindHello}, []int{}),
	} {
		c := h.connect(a)
		c.publish(a, payload)
		if p := c.next(); p != nil {
			t.Errorf("%s: answered by %v", name, p)
		}
	}
	if got := h.desk.seen(); len(got) != 0 {
		t.Errorf("the desk was handed %v", got)
	}
}

// TestMessagesOwnTheirBytes: what the desk keeps does not change under it.
func TestMessagesOwnTheirBytes(t *testing.T) {
	h := newHub(t, nil)
	a := h.enrol("trm_a")
	c := h.connect(a)
	const n = 200
	for i := range n {
		c.publish(a, a.seal(t, wire.Envelope{Kind: wire.KindPay, Seq: uint64(i + 1)}, wire.Pay{Key: fmt.Sprintf("key-%03d", i), Code: strings.Repeat(string(rune('a'+i%26)), 18)}))
		if _, ok := c.next().(*packets.PubackPacket); !ok {
			t.Fatal("no PUBACK")
		}
	}
	got := h.desk.seen()
	for i, m := range got {
		if p := m.(wire.Pay); p.Key != fmt.Sprintf("key-%03d", i) || p.Code != strings.Repeat(string(rune('a'+i%26)), 18) {
			t.Errorf("message %d became %+v", i, p)
		}
	}
	if len(got) != n {
		t.Errorf("%d messages", len(got))
	}
}

// TestHookOwnsItsPayload: mochi gives every packet bytes of its own, so that keeping a part of a
// message needs no copy. Should a new version reuse them, this fails.
func TestHookOwnsItsPayload(t *testing.T) {
	h := newHub(t, nil)
	a := h.enrol("trm_a")
	var kept [][]byte
	spy := &payloads{hook: hook{b: h.Broker}, keep: func(p []byte) { kept = append(kept, p) }}
	if err := h.server.AddHook(spy, nil); err != nil {
		t.Fatal(err)
	}
	c := h.connect(a)
	var want [][]byte
	for i := range 50 {
		want = append(want, a.pay(t, uint64(i+1), fmt.Sprint("k", i)))
		c.publish(a, want[i])
		if _, ok := c.next().(*packets.PubackPacket); !ok {
			t.Fatal("no PUBACK")
		}
	}
	c.conn.Close()
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if !bytes.Equal(kept[i], want[i]) {
			t.Fatalf("payload %d was overwritten", i)
		}
	}
}

// TestExpiredPayIsOfAge: the desk's rule for old codes decides about a late message.
func TestExpiredPayIsOfAge(t *testing.T) {
	h := newHub(t, nil)
	a := h.enrol("trm_a")
	c := h.connect(a)
	now := time.Now()
	for i, s := range []struct {
		exp  time.Time
		age  int64
		want int64
	}{
		{time.Time{}, 40, 40},
		{now.Add(time.Hour), 40, 40},
		{now.Add(-time.Second), 40, tooOld},
		{now.Add(-time.Second), tooOld + 1, tooOld + 1},
	} {
		c.publish(a, a.seal(t, wire.Envelope{Kind: wire.KindPay, Seq: uint64(i + 1), Exp: s.exp}, wire.Pay{CodeAgeMS: s.age}))
		if _, ok := c.next().(*packets.PubackPacket); !ok {
			t.Fatal("no PUBACK")
		}
		if got := h.desk.seen()[i].(wire.Pay).CodeAgeMS; got != s.want {
			t.Errorf("%d: age %d, want %d", i, got, s.want)
		}
	}
}

// TestGolden: what package wire's golden files say is what this end understands.
func TestGolden(t *testing.T) {
	h := newHub(t, nil)
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	a := h.certify("trm_01JGJ0000000000000000000", key, time.Now(), true)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	want := []any{
		wire.Pay{Key: "sale_1", OrderNo: "A-1", Amount: 1280, Currency: "CNY", Code: "130061098828009406", CodeAgeMS: 40, Subject: "收款 <1> & more", ScannedAt: at},
		wire.Fence{Key: "sale_1"}, wire.Cancel{Key: "sale_1"},
		wire.Records{After: 6, Hash: bytes.Repeat([]byte{6}, 32), Rows: []wire.Record{
			{Seq: 7, Sale: "sale_1", Kind: "new", Body: json.RawMessage(`{"state":"paid","order_no":"桌 5 \u003c1\u003e"}`), At: at, Prev: make([]byte, 32)},
			{Seq: 8, Kind: "unusable", Body: json.RawMessage(`{}`), At: at, Prev: bytes.Repeat([]byte{9}, 32)}}},
		wire.Refund{Key: "ref_1", Sale: "sale_1", RefundNo: "R-1", Amount: 280, Currency: "CNY", Reason: "cold", AskedAt: at},
	}
	h.Now = func() time.Time { return at }
	h.Offline = func(t registry.Terminal) string { return "limits of " + t.ID }
	c := h.connect(a).listen(a)
	for _, kind := range []wire.Kind{wire.KindHello, wire.KindPay, wire.KindFence, wire.KindCancel, wire.KindAck, wire.KindRecords, wire.KindRefund} {
		data, err := os.ReadFile(filepath.Join("../../../shared/wire/testdata", "up_"+string(kind)+".json"))
		if err != nil {
			t.Fatal(err)
		}
		c.publish(a, data)
		acked := false
		for welcomed := kind != wire.KindHello; !acked || !welcomed; {
			switch p := c.next().(type) {
			case nil:
				t.Fatalf("%s: cut", kind)
			case *packets.PubackPacket:
				acked = true
			case *packets.PublishPacket:
				e := open(t, h, a, p)
				if e.Kind == wire.KindStored {
					continue // what the desk says is stored
				}
				w, err := wire.Decode[wire.Welcome](e)
				if welcomed = e.Kind == wire.KindWelcome; !welcomed || err != nil || !w.SentAt.Equal(at) || !w.Now.Equal(at) || w.Offline != "limits of "+a.id {
					t.Errorf("answered by %s %s", e.Kind, e.Body)
				}
			}
		}
	}
	got := h.desk.seen()
	for i := range want {
		if len(got) != len(want) || !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("the desk was handed %v, want %v", got, want)
		}
	}
}

// TestPaymentCodesStayOutOfTheLog: whatever goes wrong with a message.
func TestPaymentCodesStayOutOfTheLog(t *testing.T) {
	h := newHub(t, nil)
	a := h.enrol("trm_a")
	const code = "130061098828009406"
	h.desk.on = func(_ context.Context, m any) error { return fault.New(fault.Internal, "x", "no") }
	pay := func(e wire.Envelope) []byte { return a.seal(t, e, wire.Pay{Key: "k", Code: code}) }
	good := pay(wire.Envelope{Kind: wire.KindPay, Seq: 1})
	for _, p := range []*packets.PublishPacket{
		publish(wire.Topic(a.id, wire.Up), 1, good),
		publish(wire.Topic(a.id, wire.Up), 1, good[:len(good)-3]),
		publish(wire.Topic(a.id, wire.Up), 2, good),
		publish(wire.Topic("trm_b", wire.Up), 1, good),
		publish(wire.Topic(a.id, wire.Up), 1, pay(wire.Envelope{Kind: wire.KindFence, Seq: 1})),
	} {
		c := h.connect(a)
		c.send(p)
		c.alive()
		c.conn.Close()
	}
	h.dir.change(a.id, func(r *registry.Terminal) { r.Revoked = true })
	h.admitted(a.id, a.cert)
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	if log := h.log.String(); strings.Contains(log, code) || strings.Contains(log, "1300610") || !strings.Contains(log, "not taken") {
		t.Errorf("log:\n%s", log)
	}
}
