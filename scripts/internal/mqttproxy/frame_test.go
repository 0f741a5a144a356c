package mqttproxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func parse(text string) (Packet, error) { return Read(bufio.NewReader(strings.NewReader(text))) }

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, bytes, want string }{ // want: in the error; empty: none
		{"publish of quality 0", "\x30\x05\x00\x01tab", ""},
		{"publish of quality 1", "\x32\x06\x00\x01t\x00\x07a", ""},
		{"publish again", "\x3a\x05\x00\x01t\x00\x07", ""},
		{"acknowledgement", "\x40\x02\x00\x07", ""},
		{"ping", "\xc0\x00", ""},
		{"subscribe", "\x82\x06\x00\x01\x00\x01t\x00", ""},
		{"long", "\x30\x83\x01\x00\x01t" + strings.Repeat("x", 128), ""},
		{"nothing", "", "EOF"},
		{"no length", "\x30", "unexpected EOF"},
		{"cut off", "\x30\x05\x00\x01t", "unexpected EOF"},
		{"length without end", "\x30\xff\xff\xff\xff\x01", "no end"},
		{"needlessly long length", "\x30\x85\x00\x00\x01tab", "longer than it needs"},
		{"too long", "\x30\xff\xff\xff\x7f", "too many"},
		{"quality 2", "\x34\x06\x00\x01t\x00\x07a", "flags 4"},
		{"quality 3", "\x36\x06\x00\x01t\x00\x07a", "flags 6"},
		{"again with quality 0", "\x38\x05\x00\x01tab", "flags 8"},
		{"no topic", "\x30\x02\x00\x00", "topic of 0 bytes"},
		{"no room for a topic", "\x30\x01\x00", "without a topic"},
		{"topic beyond the end", "\x30\x03\x00\x05t", "topic of 5 bytes"},
		{"wildcard", "\x30\x03\x00\x01#", `publish to "#"`},
		{"topic that is no text", "\x30\x03\x00\x01\xff", "publish to"},
		{"publish without a number", "\x32\x05\x00\x01t\x00\x00", "without a number"},
		{"publish with half a number", "\x32\x04\x00\x01t\x00", "without a number"},
		{"acknowledgement of nothing", "\x40\x02\x00\x00", "names no packet"},
		{"long acknowledgement", "\x40\x03\x00\x01\x00", "3 bytes"},
		{"flags on a ping", "\xc1\x00", "flags 1"},
		{"ping that says something", "\xc0\x01a", "1 bytes"},
		{"subscribe without its flags", "\x80\x06\x00\x01\x00\x01t\x00", "flags 0"},
		{"stranger", "\x50\x02\x00\x01", "type 5"},
		{"reserved", "\xf0\x00", "type 15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := parse(c.bytes)
			if c.want == "" && (err != nil || string(p.Append(nil)) != c.bytes) {
				t.Errorf("%v, %v", p, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := parse(""); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the end between two packets is %v", err)
	}
}

func TestMessageKeepsEveryField(t *testing.T) {
	for _, m := range []Message{
		{Topic: "cashier/v1/trm_1/up", QoS: 1, ID: 513, Payload: []byte("{}")},
		{Topic: "t", Payload: []byte{}},
		{Topic: "t", QoS: 1, ID: 1, Dup: true, Retain: true, Payload: []byte{0}},
	} {
		p, err := parse(string(m.Packet().Append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Message()
		if err != nil || got.Dup != m.Dup || got.Retain != m.Retain || got.QoS != m.QoS || got.Topic != m.Topic || got.ID != m.ID || !bytes.Equal(got.Payload, m.Payload) {
			t.Errorf("%+v became %+v, %v", m, got, err)
		}
	}
	if _, err := (Packet{Type: Pingreq}).Message(); err == nil {
		t.Error("a ping has a message")
	}
}

// FuzzRead: what is accepted travels on byte for byte, and nothing behind it is touched.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"\x30\x05\x00\x01tab", "\x32\x06\x00\x01t\x00\x07a\xc0\x00", "\x40\x02\x00\x07", "\x82\x06\x00\x01\x00\x01t\x00", "\x30\x83\x01\x00\x01t", "\x10\x80\x80\x80\x01"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		p, err := Read(r)
		if err != nil {
			return
		}
		again := p.Append(nil)
		rest, _ := io.ReadAll(r) // of memory
		if !bytes.Equal(append(again, rest...), data) {
			t.Fatalf("%x became %x", data, again)
		}
		if p.Type != Publish {
			return
		}
		m, err := p.Message()
		if err != nil || !bytes.Equal(m.Packet().Append(nil), again) {
			t.Fatalf("%+v, %v became %x", m, err, m.Packet().Append(nil))
		}
	})
}
