package broker

import (
	"bytes"
	"fmt"
	"slices"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

// Keepalives a terminal may ask for, in seconds: below, pings cost more than payments; above, a
// dead line is noticed too late.
const (
	minKeepalive = 5
	maxKeepalive = 60
)

// hook is where mochi asks us. All of it runs on the terminal's own reading goroutine.
type hook struct {
	mqtt.HookBase
	b *Broker
}

func (h *hook) ID() string { return "cashier" }

func (h *hook) Provides(what byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnSessionEstablish, mqtt.OnPacketRead,
		mqtt.OnACLCheck, mqtt.OnSubscribed, mqtt.OnUnsubscribed, mqtt.OnPublish}, what) >= 0
}

// OnConnect refuses, without an answer, what no till of ours would ask for.
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	c := cl.Net.Conn.(*conn)
	if err := greeting(c.Terminal, pk); err != nil {
		h.b.count.refusedConnections.Add(1)
		h.b.Log.Warn("a terminal's connect was refused", logs.Terminal, c.Terminal, "from", c.Address, logs.Err, err)
		return err
	}
	return nil
}

// greeting is the rule for CONNECT. mochi publishes wills past the access check, resumes other
// people's sessions by client id, and lets a keepalive of zero live for ever.
func greeting(terminal string, pk packets.Packet) error {
	switch k := pk.Connect.Keepalive; {
	case pk.ProtocolVersion != 4:
		return fmt.Errorf("MQTT version byte %d is not spoken here", pk.ProtocolVersion)
	case pk.Connect.ClientIdentifier != terminal:
		return fmt.Errorf("client id %.64q is not the certificate's", pk.Connect.ClientIdentifier)
	case pk.Connect.WillFlag:
		return fmt.Errorf("wills are refused")
	case !pk.Connect.Clean:
		return fmt.Errorf("kept sessions are refused")
	case k < minKeepalive || k > maxKeepalive:
		return fmt.Errorf("keepalive of %d s is outside %d to %d", k, minKeepalive, maxKeepalive)
	}
	return nil
}

// OnConnectAuthenticate asks the Directory whether the certificate is still the terminal's.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	c := cl.Net.Conn.(*conn)
	var err error
	if c.known, err = h.b.authenticate(c.Caller); err != nil {
		h.b.count.refusedConnections.Add(1)
		h.b.Log.Warn("a terminal was refused", logs.Terminal, c.Terminal, "from", c.Address, logs.Err, err)
		return false
	}
	h.b.door.authenticated(c)
	return true
}

// OnSessionEstablish makes the connection the terminal's live one, before mochi looks for an older one.
func (h *hook) OnSessionEstablish(cl *mqtt.Client, _ packets.Packet) {
	c := cl.Net.Conn.(*conn)
	c.session = h.b.establish(c.Caller, c.known, &mqttLine{c, cl})
}

// mqttLine is the way to a terminal that came through our own door.
type mqttLine struct {
	*conn
	client *mqtt.Client
}

// Send implements Line.
func (l *mqttLine) Send(payload []byte) error {
	return l.client.WritePacket(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish},
		TopicName:   wire.Topic(l.Terminal, wire.Down),
		Payload:     payload,
	})
}

// OnPacketRead cuts a terminal that sends what it never should. It sees a publish as it came: later
// mochi has lowered the quality and dropped, without a word, what it did not like.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c := cl.Net.Conn.(*conn)
	if err := packet(c.Terminal, pk); err != nil {
		h.refuse(c, err)
		return pk, packets.ErrRejectPacket // the only error that mochi does not ignore here; it ends the connection
	}
	return pk, nil
}

// packet is the rule for everything a terminal sends.
func packet(terminal string, pk packets.Packet) error {
	switch pk.FixedHeader.Type {
	case packets.Publish:
		switch {
		case pk.TopicName != wire.Topic(terminal, wire.Up):
			return fmt.Errorf("publish to %.80q", pk.TopicName)
		case pk.FixedHeader.Retain:
			return fmt.Errorf("retained publish")
		case pk.FixedHeader.Qos > 1:
			return fmt.Errorf("publish of quality %d", pk.FixedHeader.Qos)
		}
	case packets.Connect, packets.Subscribe, packets.Unsubscribe, packets.Puback, packets.Pingreq, packets.Disconnect:
	default:
		return fmt.Errorf("packet of type %d", pk.FixedHeader.Type)
	}
	return nil
}

func (h *hook) refuse(c *conn, err error) {
	h.b.refuse(c.Caller, err)
}

// OnACLCheck allows two strings.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	c := cl.Net.Conn.(*conn)
	if write {
		return topic == wire.Topic(c.Terminal, wire.Up)
	}
	if topic == wire.Topic(c.Terminal, wire.Down) {
		return true
	}
	h.refuse(c, fmt.Errorf("subscribe to %.80q", topic))
	return false
}

// OnSubscribed notes when the terminal began to listen.
func (h *hook) OnSubscribed(cl *mqtt.Client, pk packets.Packet, codes []byte) {
	s := cl.Net.Conn.(*conn).session
	for i, f := range pk.Filters {
		if f.Filter == wire.Topic(s.known.ID, wire.Down) && codes[i] <= 1 {
			s.kick(func(o *orders) { o.listening = true })
		}
	}
}

// OnUnsubscribed notes when it stopped.
func (h *hook) OnUnsubscribed(cl *mqtt.Client, pk packets.Packet) {
	s := cl.Net.Conn.(*conn).session
	if s != nil && slices.ContainsFunc(pk.Filters, func(f packets.Subscription) bool { return f.Filter == wire.Topic(s.known.ID, wire.Down) }) {
		s.kick(func(o *orders) { o.listening = false })
	}
}

// OnPublish hands a message over and waits for the commit. CodeSuccessIgnore: acknowledge, deliver
// to nobody. ErrRejectPacket: neither; it is the only error that keeps mochi from acknowledging.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if h.b.take(cl.Net.Conn.(*conn).session, pk.Payload) {
		return pk, packets.CodeSuccessIgnore
	}
	return pk, packets.ErrRejectPacket
}
