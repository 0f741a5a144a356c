package fleet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// As much of MQTT 3.1.1 as a till needs: CONNECT, SUBSCRIBE, PUBLISH at quality 0 and 1, PINGREQ. A
// library's client costs several goroutines and tens of KiB; here there are thousands of clients.
const (
	typeConnect   = 1 << 4
	typeConnAck   = 2 << 4
	typePublish   = 3 << 4
	typePubAck    = 4 << 4
	typeSubscribe = 8<<4 | 2
	typeSubAck    = 9 << 4
	typePing      = 12 << 4
	typePong      = 13 << 4

	keepAlive  = 15 * time.Second
	silence    = keepAlive + 5*time.Second // without even a pong the line is dead
	writeTime  = 5 * time.Second
	maxPacket  = 64 << 10
	readBuffer = 1 << 10 // a message has about 600 bytes
)

// line is one MQTT connection, used once. One goroutine reads it, several may write.
type line struct {
	conn net.Conn
	up   string
	in   *bufio.Reader

	mu sync.Mutex
	id uint16
}

// field is a length of two bytes and that much text.
func field(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// write sends a packet whole, or breaks the line.
func (n *line) write(head byte, body []byte) error {
	packet := make([]byte, 0, len(body)+5)
	packet = append(packet, head)
	for rest := len(body); ; {
		digit := byte(rest % 128)
		if rest /= 128; rest > 0 {
			packet = append(packet, digit|128)
			continue
		}
		packet = append(packet, digit)
		break
	}
	packet = append(packet, body...)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := n.conn.Write(packet)
	return err
}

// read gives the next packet. Whoever says nothing for too long is gone.
func (n *line) read() (head byte, body []byte, err error) {
	if err := n.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return 0, nil, err
	}
	if head, err = n.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	size := 0
	for shift := 0; ; shift += 7 {
		digit, err := n.in.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		if size |= int(digit&127) << shift; digit < 128 {
			break
		}
		if shift == 21 {
			return 0, nil, errors.New("a packet's length has more than four bytes")
		}
	}
	if size > maxPacket {
		return 0, nil, fmt.Errorf("a packet of %d bytes", size)
	}
	body = make([]byte, size)
	_, err = io.ReadFull(n.in, body)
	return head, body, err
}

// greet connects and subscribes. Nothing else may be read before it returns.
func (n *line) greet(client, down string) error {
	body := append(field(nil, "MQTT"), 4, 2) // protocol level 4, clean session
	body = binary.BigEndian.AppendUint16(body, uint16(keepAlive/time.Second))
	if err := n.write(typeConnect, field(body, client)); err != nil {
		return err
	}
	head, answer, err := n.read()
	if err != nil {
		return err
	}
	if head != typeConnAck || len(answer) != 2 || answer[1] != 0 {
		return fmt.Errorf("connecting was answered by %x %x", head, answer)
	}
	if err := n.write(typeSubscribe, append(field([]byte{0, 1}, down), 0)); err != nil {
		return err
	}
	head, answer, err = n.read()
	if err != nil {
		return err
	}
	if head != typeSubAck || len(answer) != 3 || answer[2] != 0 { // a refusal is a code, not an error
		return fmt.Errorf("subscribing was answered by %x %x", head, answer)
	}
	return nil
}

// publish sends a message up.
func (n *line) publish(qos byte, payload []byte) error {
	body := field(make([]byte, 0, len(n.up)+len(payload)+4), n.up)
	if qos > 0 {
		n.mu.Lock()
		n.id++
		if n.id == 0 {
			n.id = 1
		}
		id := n.id
		n.mu.Unlock()
		body = binary.BigEndian.AppendUint16(body, id)
	}
	return n.write(typePublish|qos<<1, append(body, payload...))
}

func (n *line) ping() error { return n.write(typePing, nil) }

// message gives what a PUBLISH at quality 0 carries; nil for other packets.
func message(head byte, body []byte, topic string) []byte {
	if head&0xf0 != typePublish || head&0x06 != 0 || len(body) < 2 {
		return nil
	}
	size := int(binary.BigEndian.Uint16(body))
	if len(body) < 2+size || string(body[2:2+size]) != topic {
		return nil
	}
	return body[2+size:]
}
