package fleet

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cloudcashier/shared/id"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

const terminal = "trm_1"

// bench is one till at a line whose other end the test holds.
type bench struct {
	t     *testing.T
	till  *till
	line  *line
	hub   ed25519.PrivateKey
	sales *bytes.Buffer
	seq   uint64

	far net.Conn
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, hub: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)), sales: &bytes.Buffer{}}
	f := &fleet{ids: id.NewSource(time.Now, nil), stats: &stats{sales: b.sales, outcomes: map[string]int{}, states: map[string]int{},
		causes: map[string]int{}, ends: map[string]pay.Outcome{}, all: make(chan struct{})}}
	b.till = &till{f: f, wake: make(chan struct{}, 1), open: map[string]*sale{},
		who: identity{terminal: terminal, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32)), hubKey: b.hub.Public().(ed25519.PublicKey)}}
	f.tills = []*till{b.till}
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	b.line, b.far = &line{conn: near, up: wire.Topic(terminal, wire.Up), in: bufio.NewReader(near)}, far
	return b
}

// sends has the till forward what is due and gives the kinds of messages that came, as any MQTT library reads them.
func (b *bench) sends(most int) (kinds []wire.Kind) {
	b.t.Helper()
	done := make(chan error, 1)
	go func() { _, err := b.till.forward(b.line); done <- err }()
	for range most {
		p, err := packets.ReadPacket(b.far)
		if err != nil {
			b.t.Fatal(err)
		}
		m, ok := p.(*packets.PublishPacket)
		if !ok || m.TopicName != b.line.up || m.Qos != 1 || m.MessageID == 0 {
			b.t.Fatalf("it sends %v", p)
		}
		e, err := wire.Open(m.Payload, terminal, wire.Up, b.till.who.key.Public().(ed25519.PublicKey))
		if err != nil {
			b.t.Fatal(err)
		}
		kinds = append(kinds, e.Kind)
	}
	if err := <-done; err != nil {
		b.t.Fatal(err)
	}
	return kinds
}

// hears hands the till a message of the hub's.
func (b *bench) hears(seq uint64, kind wire.Kind, body any) {
	b.t.Helper()
	data, err := wire.Seal(wire.Envelope{Kind: kind, ID: "msg_1", Seq: seq, At: time.Now()}, body, terminal, wire.Down, b.hub)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.till.receive(data); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) sells(key string) {
	b.till.sell(&sale{key: key, orderNo: key, code: "130000000000000000", amount: 100, scanned: time.Now()})
}

// ends are the finished sales as they are written down: key, state, outcome.
func (b *bench) ends() (list string) {
	b.t.Helper()
	for line := range bytes.Lines(b.sales.Bytes()) {
		var s Sold
		if err := json.Unmarshal(line, &s); err != nil {
			b.t.Error(err)
		}
		list += fmt.Sprint(s.Key, " ", s.State, " ", s.Outcome, ";")
	}
	return list
}

// TestATillOfAFleetKeepsToTheLaw: what it does about a sale is what the agent does.
func TestATillOfAFleetKeepsToTheLaw(t *testing.T) {
	paid := wire.Result{Key: "s", PaymentID: "p", Status: pay.StatusSucceeded, Outcome: pay.Paid}
	pending := wire.Result{Key: "s", PaymentID: "p", Status: pay.StatusPending, Outcome: pay.Unknown}
	fenced := wire.Result{Key: "s", Status: pay.StatusClosed, Outcome: pay.NotPaid}
	refused := wire.Refused{Key: "s", Code: "payment.busy"}
	for name, play := range map[string]func(*bench) (want string){
		"paid": func(b *bench) string {
			b.sends(1)
			b.hears(1, wire.KindResult, pending)
			b.hears(2, wire.KindResult, paid)
			return "s succeeded paid;"
		},
		"asks again until it hears": func(b *bench) string {
			b.sends(1)
			time.Sleep(firstRetry)
			b.sends(1)
			b.hears(1, wire.KindResult, pending)
			time.Sleep(time.Minute)
			b.sends(0)
			b.hears(2, wire.KindResult, paid)
			return "s succeeded paid;"
		},
		"a message that skips a number is ignored": func(b *bench) string {
			b.hears(2, wire.KindResult, paid)
			return ""
		},
		"a repeated message says nothing new": func(b *bench) string {
			b.hears(1, wire.KindResult, paid)
			b.hears(1, wire.KindResult, fenced)
			b.hears(2, wire.KindResult, paid)
			return "s succeeded paid;"
		},
		"never sent past its life": func(b *bench) string {
			time.Sleep(codeLife)
			b.sends(0)
			return "s lapsed not_paid;"
		},
		"fenced when it may have left": func(b *bench) string {
			b.sends(1)
			time.Sleep(codeLife)
			if got := b.sends(1); got[0] != wire.KindFence {
				b.t.Errorf("it sends %v", got)
			}
			b.hears(1, wire.KindResult, fenced)
			return "s lapsed not_paid;"
		},
		"a refusal is believed behind the fence": func(b *bench) string {
			b.sends(1)
			b.hears(1, wire.KindRefused, refused)
			if got := b.sends(1); got[0] != wire.KindFence {
				b.t.Errorf("it sends %v", got)
			}
			b.hears(2, wire.KindResult, fenced)
			return "s refused payment.busy not_paid;"
		},
		"a refused one that another copy of paid": func(b *bench) string {
			b.sends(1)
			b.hears(1, wire.KindRefused, refused)
			b.sends(1)
			b.hears(2, wire.KindResult, paid)
			return "s succeeded paid;"
		},
		"a hub that falls silent is asked": func(b *bench) string {
			b.sends(1)
			b.hears(1, wire.KindResult, pending)
			time.Sleep(quietTime)
			if got := b.sends(1); got[0] != wire.KindFence {
				b.t.Errorf("it sends %v", got)
			}
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.sells("s")
				b.till.overdue(time.Now())
				if want := play(b); b.ends() != want {
					t.Errorf("it ends %q, want %q", b.ends(), want)
				}
				if n := b.till.f.stats.report("", 1).Contested; n != 0 {
					t.Errorf("%d settled sales were told another end", n)
				}
			})
		})
	}
}

// TestAnotherEndIsNoticed: the figure that must be zero is not always zero.
func TestAnotherEndIsNoticed(t *testing.T) {
	b := newBench(t)
	b.sells("s")
	b.till.overdue(time.Now())
	b.hears(1, wire.KindResult, wire.Result{Key: "s", PaymentID: "p", Status: pay.StatusSucceeded, Outcome: pay.Paid})
	b.hears(2, wire.KindResult, wire.Result{Key: "s", PaymentID: "p", Status: pay.StatusReversed, Outcome: pay.NotPaid})
	b.hears(3, wire.KindResult, wire.Result{Key: "stranger", PaymentID: "p", Status: pay.StatusSucceeded, Outcome: pay.Paid})
	if n := b.till.f.stats.report("", 1).Contested; n != 2 {
		t.Errorf("%d are noticed", n)
	}
}

// TestGreeting: a library reads what the client says, and the client what the library answers.
func TestGreeting(t *testing.T) {
	for name, c := range map[string]struct {
		connack, suback byte
		good            bool
	}{"let in": {0, 0, true}, "refused": {5, 0, false}, "may not listen": {0, 128, false}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			done := make(chan error, 1)
			go func() { done <- b.line.greet(terminal, "down") }()
			p, err := packets.ReadPacket(b.far)
			hello, ok := p.(*packets.ConnectPacket)
			if err != nil || !ok || hello.Validate() != packets.Accepted || hello.ClientIdentifier != terminal || !hello.CleanSession || hello.Keepalive != 15 {
				t.Fatalf("it says %v, %v", p, err)
			}
			ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			ack.ReturnCode = c.connack
			if err := ack.Write(b.far); err != nil {
				t.Fatal(err)
			}
			if c.connack == 0 {
				p, err := packets.ReadPacket(b.far)
				sub, ok := p.(*packets.SubscribePacket)
				if err != nil || !ok || len(sub.Topics) != 1 || sub.Topics[0] != "down" || sub.Qoss[0] != 0 {
					t.Fatalf("it says %v, %v", p, err)
				}
				ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
				ack.MessageID, ack.ReturnCodes = sub.MessageID, []byte{c.suback}
				if err := ack.Write(b.far); err != nil {
					t.Fatal(err)
				}
			}
			if err := <-done; (err == nil) != c.good {
				t.Errorf("good: %v, %v", c.good, err)
			}
		})
	}
}

// TestMessages: only what comes at quality 0 on the till's own topic is taken, whatever the bytes are.
func TestMessages(t *testing.T) {
	body := append(field(nil, "down"), "hello"...)
	for _, c := range []struct {
		head byte
		body []byte
		want string
	}{{typePublish, body, "hello"}, {typePublish | 2, body, ""}, {typePong, body, ""}, {typePublish, nil, ""}, {typePublish, []byte{0}, ""},
		{typePublish, []byte{0xff, 0xff, 'd'}, ""}, {typePublish, append(field(nil, "else"), 'x'), ""}} {
		if got := message(c.head, c.body, "down"); string(got) != c.want {
			t.Errorf("%x %q: %q", c.head, c.body, got)
		}
	}
	b := newBench(t)
	for _, bytes := range [][]byte{{typePublish, 0xff, 0xff, 0xff, 0xff}, {typePublish, 0xff, 0xff, 0x7f}} {
		go b.far.Write(bytes)
		if _, _, err := b.line.read(); err == nil {
			t.Errorf("a length of %x was taken", bytes)
		}
	}
}
