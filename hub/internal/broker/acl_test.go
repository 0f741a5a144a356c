package broker

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/wire"
)

// TestAccess tries every operation of every device on every topic while a victim is connected. One
// certificate reaches two topics, each in one way; nothing else leaves a trace anywhere.
func TestAccess(t *testing.T) {
	h := newHub(t, nil)
	victim := h.enrol("trm_victim")
	watch := h.connect(victim).listen(victim)
	watch.publish(victim, victim.hello(t, 0, "b"))

	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	devices := []struct {
		name    string
		till    till
		allowed bool
	}{
		{"own", h.enrol("trm_own"), true},
		{"sibling", h.enrol("trm_sibling"), true},
		{"unknown", h.certify("trm_unknown", stranger, time.Now(), false), false},
		{"revoked", h.enrol("trm_revoked"), false},
	}
	h.dir.change("trm_revoked", func(r *registry.Terminal) { r.Revoked = true })

	pairs, passed := 0, 0
	for _, d := range devices {
		up, down := wire.Topic(d.till.id, wire.Up), wire.Topic(d.till.id, wire.Down)
		topics := map[string]string{
			"own up": up, "own down": down, "victim up": wire.Topic(victim.id, wire.Up), "victim down": wire.Topic(victim.id, wire.Down),
			"prefix": strings.TrimSuffix(up, "p"), "parent": "cashier/v1/" + d.till.id, "suffix": up + "/x", "suffix down": down + "/x", "trailing slash": up + "/",
			"plus": "cashier/v1/+/down", "hash": "#", "hash below": down + "/#", "victim hash": "cashier/v1/" + victim.id + "/#",
			"sys": "$SYS/broker/version", "shared": "$share/g/" + down, "shared victim": "$share/g/" + wire.Topic(victim.id, wire.Down),
			"empty": "", "empty level": strings.Replace(up, "/v1/", "/v1//", 1), "leading slash": "/" + up, "case": strings.ToUpper(up),
			"NUL": up + "\x00", "not UTF-8": up + "\xff", "long": up + strings.Repeat("x", 20_000), "longest": strings.Repeat("x", 65_535),
		}
		for name, topic := range topics {
			for op, try := range operations {
				pairs++
				want := d.allowed && (op == "subscribe" && name == "own down" || (op == "publish 0" || op == "publish 1") && name == "own up")
				if got := try(h, d.till, topic); got != want {
					t.Errorf("%s: %s on %s: allowed = %v, want %v", d.name, op, name, got, want)
				} else if got {
					passed++
				}
			}
		}
	}
	if pairs < 200 || passed != 2*3 {
		t.Errorf("%d pairs, %d allowed", pairs, passed)
	}
	if !watch.alive() {
		t.Fatal("the victim was cut")
	}
	for _, p := range watch.pending() {
		if m, ok := p.(*packets.PublishPacket); ok {
			t.Errorf("the victim received %q", m.Payload)
		}
	}
	if n := h.server.Topics.Retained.Len(); n != len(h.server.Topics.Messages("$SYS/#")) {
		t.Errorf("%d messages are retained", n)
	}
	if got := h.desk.seen(); len(got) != 0 {
		t.Errorf("the desk was handed %v", got)
	}
}

// operations try one thing and tell whether it was allowed.
var operations = map[string]func(h *hub, u till, topic string) bool{
	"publish 0": publishing(func(p *packets.PublishPacket) { p.Qos = 0 }),
	"publish 1": publishing(func(p *packets.PublishPacket) { p.Qos = 1 }),
	"publish 2": publishing(func(p *packets.PublishPacket) { p.Qos = 2 }),
	"retained":  publishing(func(p *packets.PublishPacket) { p.Retain = true }),
	"subscribe": func(h *hub, u till, topic string) bool {
		c := h.try(u, greetingOf(u.id))
		if c == nil {
			return false
		}
		defer c.conn.Close()
		c.send(subscribe(topic))
		ack, ok := c.next().(*packets.SubackPacket)
		return ok && ack.ReturnCodes[0] <= 2
	},
	"will": func(h *hub, u till, topic string) bool {
		hello := greetingOf(u.id)
		hello.WillFlag, hello.WillTopic, hello.WillMessage, hello.WillRetain = true, topic, []byte("FORGED"), true
		c := h.try(u, hello)
		if c == nil {
			return false
		}
		c.conn.Close() // die
		return true
	},
}

func publishing(shape func(*packets.PublishPacket)) func(*hub, till, string) bool {
	return func(h *hub, u till, topic string) bool {
		c := h.try(u, greetingOf(u.id))
		if c == nil {
			return false
		}
		defer c.conn.Close()
		p := publish(topic, 1, u.ack(h.t, 0))
		shape(p)
		c.send(p)
		return c.alive()
	}
}

// try connects; nil when that was refused.
func (h *hub) try(u till, hello *packets.ConnectPacket) *client {
	c, err := h.secure(u.cert)
	if err != nil {
		return nil
	}
	c.send(hello)
	if ack, ok := c.next().(*packets.ConnackPacket); !ok || ack.ReturnCode != packets.Accepted {
		c.conn.Close()
		return nil
	}
	return c
}

// TestConnectRules has one till ask for connections of every kind.
func TestConnectRules(t *testing.T) {
	h := newHub(t, nil)
	u := h.enrol("trm_own")
	h.enrol("trm_other")
	for name, c := range map[string]struct {
		change func(*packets.ConnectPacket)
		want   bool
	}{
		"as a till":           {func(*packets.ConnectPacket) {}, true},
		"shortest keepalive":  {func(p *packets.ConnectPacket) { p.Keepalive = 5 }, true},
		"longest keepalive":   {func(p *packets.ConnectPacket) { p.Keepalive = 60 }, true},
		"keepalive too short": {func(p *packets.ConnectPacket) { p.Keepalive = 4 }, false},
		"keepalive too long":  {func(p *packets.ConnectPacket) { p.Keepalive = 61 }, false},
		"no keepalive":        {func(p *packets.ConnectPacket) { p.Keepalive = 0 }, false},
		"kept session":        {func(p *packets.ConnectPacket) { p.CleanSession = false }, false},
		"MQTT 3.1":            {func(p *packets.ConnectPacket) { p.ProtocolName, p.ProtocolVersion = "MQIsdp", 3 }, false},
		"MQTT 5":              {func(p *packets.ConnectPacket) { p.ProtocolVersion = 5 }, false},
		"another till's id":   {func(p *packets.ConnectPacket) { p.ClientIdentifier = "trm_other" }, false},
		"id with a wildcard":  {func(p *packets.ConnectPacket) { p.ClientIdentifier = "+" }, false},
		"no id":               {func(p *packets.ConnectPacket) { p.ClientIdentifier = "" }, false},
		"will on its own topic": {func(p *packets.ConnectPacket) {
			p.WillFlag, p.WillTopic, p.WillMessage = true, wire.Topic("trm_own", wire.Up), []byte("x")
		}, false},
		"will of quality 2": {func(p *packets.ConnectPacket) {
			p.WillFlag, p.WillQos, p.WillTopic, p.WillMessage = true, 2, "x", []byte("x")
		}, false},
		"user name and password": {func(p *packets.ConnectPacket) {
			p.UsernameFlag, p.Username, p.PasswordFlag, p.Password = true, "admin", true, []byte("x")
		}, true},
	} {
		p := greetingOf(u.id)
		c.change(p)
		client := h.try(u, p)
		if got := client != nil; got != c.want {
			t.Errorf("%s: allowed = %v, want %v", name, got, c.want)
		}
		if client != nil {
			client.conn.Close()
		}
	}
}
