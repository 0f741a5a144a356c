package broker

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	mqtt "github.com/mochi-mqtt/server/v2"
	mochi "github.com/mochi-mqtt/server/v2/packets"

	"cloudcashier/shared/wire"
)

// payloads keeps the bytes that the hook is given.
type payloads struct {
	hook
	keep func([]byte)
}

func (p *payloads) Provides(b byte) bool { return b == mqtt.OnPacketRead }
func (p *payloads) OnPacketRead(_ *mqtt.Client, pk mochi.Packet) (mochi.Packet, error) {
	if pk.FixedHeader.Type == mochi.Publish {
		p.keep(pk.Payload)
	}
	return pk, nil
}

// client speaks MQTT by hand, so that it can also speak it badly.
type client struct {
	t    *testing.T
	conn net.Conn
	in   chan packets.ControlPacket // closed when the line is
}

// secure opens a TLS connection; nil certificates mean none.
func (h *hub) secure(cert ...tls.Certificate) (*client, error) {
	raw, err := h.dial()
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{Certificates: cert, RootCAs: h.ca.Pool(), ServerName: "hub.test"})
	if err := conn.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	c := &client{t: h.t, conn: conn, in: make(chan packets.ControlPacket, 1024)}
	go func() {
		defer close(c.in)
		for {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				return
			}
			c.in <- p
		}
	}()
	return c, nil
}

// greeting is a CONNECT as a till sends it.
func greetingOf(client string) *packets.ConnectPacket {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession, p.ClientIdentifier, p.Keepalive = "MQTT", 4, true, client, 15
	return p
}

// connect brings a till to its CONNACK.
func (h *hub) connect(u till) *client {
	h.t.Helper()
	c, err := h.secure(u.cert)
	if err != nil {
		h.t.Fatal(err)
	}
	c.send(greetingOf(u.id))
	if p, ok := c.next().(*packets.ConnackPacket); !ok || p.ReturnCode != packets.Accepted {
		h.t.Fatalf("no CONNACK: %v", p)
	}
	return c
}

// listen subscribes a till to what is its.
func (c *client) listen(u till) *client {
	c.t.Helper()
	c.send(subscribe(wire.Topic(u.id, wire.Down)))
	if p, ok := c.next().(*packets.SubackPacket); !ok || p.ReturnCodes[0] > 1 {
		c.t.Fatalf("no SUBACK: %v", p)
	}
	return c
}

func (c *client) send(p packets.ControlPacket) {
	var b bytes.Buffer
	_ = p.Write(&b)
	_, _ = c.conn.Write(b.Bytes()) // a cut line shows in next
}

func (c *client) publish(u till, payload []byte) {
	c.send(publish(wire.Topic(u.id, wire.Up), 1, payload))
}

// next is the next packet, nil when the line was cut.
func (c *client) next() packets.ControlPacket {
	c.t.Helper()
	select {
	case p := <-c.in:
		return p
	case <-time.After(20 * time.Second): // above every deadline of the broker's
		c.t.Fatal("nothing comes and nobody hangs up")
		return nil
	}
}

// pending are the packets that came by now.
func (c *client) pending() (list []packets.ControlPacket) {
	for {
		select {
		case p, ok := <-c.in:
			if !ok {
				return list
			}
			list = append(list, p)
		default:
			return list
		}
	}
}

// down reads messages until n durable ones came, verifying each.
func (c *client) down(h *hub, u till, n int) (list []wire.Envelope) {
	c.t.Helper()
	for len(list) < n {
		p := c.next()
		if p == nil {
			c.t.Fatalf("cut after %d of %d messages", len(list), n)
		}
		if m, ok := p.(*packets.PublishPacket); ok {
			if e := open(c.t, h, u, m); e.Seq > 0 {
				list = append(list, e)
			}
		}
	}
	return list
}

func open(t *testing.T, h *hub, u till, m *packets.PublishPacket) wire.Envelope {
	t.Helper()
	e, err := wire.Open(m.Payload, u.id, wire.Down, h.key.Public().(ed25519.PublicKey))
	if err != nil || m.Qos != 0 || m.Retain || m.TopicName != wire.Topic(u.id, wire.Down) {
		t.Fatalf("%v: %v", m, err)
	}
	return e
}

// nextPublish skips what is not a message.
func (c *client) nextPublish() (*packets.PublishPacket, bool) {
	for {
		switch p := c.next().(type) {
		case nil:
			return nil, false
		case *packets.PublishPacket:
			return p, true
		}
	}
}

// rest lets virtual time pass, with pings that keep the line up.
func (c *client) rest(d time.Duration) {
	for ; d > 5*time.Second; d -= 5 * time.Second {
		time.Sleep(5 * time.Second)
		c.send(packets.NewControlPacket(packets.Pingreq))
	}
	time.Sleep(d)
	synctest.Wait()
}

// alive tells whether a PINGREQ is still answered, reading what comes before.
func (c *client) alive() bool {
	c.t.Helper()
	c.send(packets.NewControlPacket(packets.Pingreq))
	for {
		switch c.next().(type) {
		case nil:
			return false
		case *packets.PingrespPacket:
			return true
		}
	}
}

func publish(topic string, qos byte, payload []byte) *packets.PublishPacket {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Qos, p.Payload, p.MessageID = topic, qos, payload, 9
	return p
}

func subscribe(topics ...string) *packets.SubscribePacket {
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = 7, topics, make([]byte, len(topics))
	return p
}

var errDisk = errors.New("disk full")
