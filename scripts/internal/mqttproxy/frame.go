package mqttproxy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Type is a kind of MQTT packet.
type Type byte

// The packets that tills and the hub use. Anything else is a fault of one of them.
const (
	Connect    Type = 1
	Connack    Type = 2
	Publish    Type = 3
	Puback     Type = 4
	Subscribe  Type = 8
	Suback     Type = 9
	Pingreq    Type = 12
	Pingresp   Type = 13
	Disconnect Type = 14
)

// most bounds a packet's body: the hub takes twice its longest message, and a till sends none longer.
const most = 64 << 10

// Packet is one packet as it travels. Its body is opaque but for publishes and their acknowledgements.
type Packet struct {
	Type  Type
	Flags byte
	Body  []byte
}

// Message is what a publish says.
type Message struct {
	Dup, Retain bool
	QoS         byte
	Topic       string
	ID          uint16 // of the packet, with quality 1
	Payload     []byte
}

// ErrFrame marks what MQTT 3.1.1 or our house does not allow.
var ErrFrame = errors.New("not MQTT as it is spoken here")

// Read reads one packet. Its errors are [ErrFrame] or the connection's; io.EOF only before the first byte.
func Read(r *bufio.Reader) (p Packet, err error) {
	first, err := r.ReadByte()
	if err != nil {
		return p, err
	}
	p.Type, p.Flags = Type(first>>4), first&0x0f
	n, err := length(r)
	if err != nil {
		return p, fmt.Errorf("packet of type %d: %w", p.Type, err)
	}
	p.Body = make([]byte, n)
	if _, err := io.ReadFull(r, p.Body); err != nil {
		return p, fmt.Errorf("packet of type %d: %w", p.Type, io.ErrUnexpectedEOF)
	}
	if err := p.check(); err != nil {
		return p, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return p, nil
}

// length reads the variable length; one with a needless byte is refused, so that a packet has one form only.
func length(r *bufio.Reader) (n int, err error) {
	for shift := 0; shift < 28; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		n |= int(b&0x7f) << shift
		if b&0x80 != 0 {
			continue
		}
		if b == 0 && shift > 0 {
			return 0, fmt.Errorf("%w: its length is longer than it needs to be", ErrFrame)
		}
		if n > most {
			return 0, fmt.Errorf("%w: %d bytes are too many", ErrFrame, n)
		}
		return n, nil
	}
	return 0, fmt.Errorf("%w: its length has no end", ErrFrame)
}

// check is what can be said about a packet by itself.
func (p Packet) check() error {
	flags, size := byte(0), -1
	switch p.Type {
	case Publish:
		_, err := p.Message()
		return err
	case Subscribe:
		flags = 2
	case Puback, Connack:
		size = 2
	case Pingreq, Pingresp, Disconnect:
		size = 0
	case Connect, Suback:
	default:
		return fmt.Errorf("packet of type %d is not spoken here", p.Type)
	}
	switch {
	case p.Flags != flags:
		return fmt.Errorf("packet of type %d has flags %x", p.Type, p.Flags)
	case size >= 0 && len(p.Body) != size:
		return fmt.Errorf("packet of type %d has %d bytes, not %d", p.Type, len(p.Body), size)
	case p.Type == Puback && p.ID() == 0:
		return errors.New("an acknowledgement names no packet")
	}
	return nil
}

// ID is the packet that an acknowledgement is about.
func (p Packet) ID() uint16 {
	if p.Type != Puback || len(p.Body) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(p.Body)
}

// Message reads a publish.
func (p Packet) Message() (m Message, err error) {
	if p.Type != Publish {
		return m, fmt.Errorf("packet of type %d is no publish", p.Type)
	}
	m.Dup, m.QoS, m.Retain = p.Flags&8 != 0, p.Flags>>1&3, p.Flags&1 != 0
	if m.QoS > 1 || m.Dup && m.QoS == 0 {
		return m, fmt.Errorf("publish with flags %x", p.Flags)
	}
	rest := p.Body
	if len(rest) < 2 {
		return m, errors.New("publish without a topic")
	}
	n := int(binary.BigEndian.Uint16(rest))
	if rest = rest[2:]; n == 0 || n > len(rest) {
		return m, fmt.Errorf("publish with a topic of %d bytes in %d", n, len(rest))
	}
	m.Topic, rest = string(rest[:n]), rest[n:]
	if !utf8.ValidString(m.Topic) || strings.ContainsAny(m.Topic, "#+\x00") {
		return m, fmt.Errorf("publish to %q", m.Topic)
	}
	if m.QoS == 1 {
		if len(rest) < 2 || rest[0] == 0 && rest[1] == 0 {
			return m, errors.New("publish of quality 1 without a number")
		}
		m.ID, rest = binary.BigEndian.Uint16(rest), rest[2:]
	}
	m.Payload = rest
	return m, nil
}

// Packet is the publish as it travels.
func (m Message) Packet() Packet {
	p := Packet{Type: Publish, Flags: m.QoS << 1}
	if m.Dup {
		p.Flags |= 8
	}
	if m.Retain {
		p.Flags |= 1
	}
	p.Body = binary.BigEndian.AppendUint16(nil, uint16(len(m.Topic)))
	p.Body = append(p.Body, m.Topic...)
	if m.QoS > 0 {
		p.Body = binary.BigEndian.AppendUint16(p.Body, m.ID)
	}
	p.Body = append(p.Body, m.Payload...)
	return p
}

// Append adds the packet's bytes.
func (p Packet) Append(to []byte) []byte {
	to = append(to, byte(p.Type)<<4|p.Flags)
	for n := len(p.Body); ; {
		b := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			b |= 0x80
		}
		if to = append(to, b); n == 0 {
			return append(to, p.Body...)
		}
	}
}
