package counter

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// merchant is a shop's server at the hub's API. It is lean, because it shares the processors with the hub: requests
// are written by hand on connections that are kept.
type merchant struct {
	address, keyID string
	secret         []byte
	wallet         pay.Wallet
	run            string // makes orders and nonces of this run its own
	next           atomic.Int64
	base           int64 // of the codes
	connect        func(context.Context) (net.Conn, error)
}

func newMerchant(lab *rig.Lab, wallet pay.Wallet) (*merchant, error) {
	u, err := url.Parse(lab.API)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(lab.CA)
	if err != nil {
		return nil, fmt.Errorf("read the hub's CA: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	base := int64(0)
	for _, b := range random[:5] {
		base = base<<8 | int64(b)
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS13}}
	return &merchant{address: u.Host, keyID: lab.APIKeyID, secret: []byte(lab.APISecret), wallet: wallet, run: fmt.Sprintf("%x", random), base: base,
		connect: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", u.Host) }}, nil
}

// order is one customer at the counter.
type order struct{ number, code, nonce string }

// customer gives the next one, whose wallet pays at once.
func (m *merchant) customer() order {
	n := m.next.Add(1)
	prefix := "13"
	if m.wallet == pay.Alipay {
		prefix = "28"
	}
	return order{number: m.run + "-" + strconv.FormatInt(n, 10), nonce: fmt.Sprintf("%s%08d", m.run, n),
		code: fmt.Sprintf("%s%014d00", prefix, (m.base+n)%100_000_000_000_000)}
}

// line is one connection to the hub; one caller uses it at a time, and what it holds is used again for each of his payments.
type line struct {
	m    *merchant
	conn net.Conn
	in   *bufio.Reader
	seal *seal
	out  []byte
	body []byte
	text []byte // that a signature begins with
	got  answer
}

func (m *merchant) dial(ctx context.Context) (*line, error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("call the hub: %w", err)
	}
	return &line{m: m, conn: conn, in: bufio.NewReaderSize(conn, 4<<10), seal: newSeal(m.secret)}, nil
}

// longest a payment may take here.
const longest = 30 * time.Second

var errNotPaid = errors.New("the payment is not paid")

// pay collects one payment and sees that the hub signed that it is paid.
func (l *line) pay(o order) error {
	l.body = append(append(append(append(append(l.body[:0], `{"order_no":"`...), o.number...), `","amount":100,"code":"`...), o.code...),
		`","subject":"tea","wait_ms":20000}`...)
	now := time.Now()
	l.request(o, now.Unix())
	if err := l.conn.SetDeadline(now.Add(longest)); err != nil {
		return err
	}
	if _, err := l.conn.Write(l.out); err != nil {
		return fmt.Errorf("ask the hub: %w", err)
	}
	if err := l.read(); err != nil {
		return fmt.Errorf("the hub's answer: %w", err)
	}
	g := &l.got
	l.text = append(append(append(l.text[:0], g.status...), '\n'), g.stamp...)
	l.text = append(append(append(l.text, '\n'), g.nonce...), '\n')
	if string(g.nonce) != o.nonce || !bytes.Equal(g.signature, l.seal.over(l.text, l.body)) {
		return fmt.Errorf("the hub's answer (%s) is not signed: %s", g.status, l.body)
	}
	if string(g.status) != "200" || !bytes.Contains(l.body, []byte(`"status":"succeeded"`)) {
		return fmt.Errorf("%w: %s: %s", errNotPaid, g.status, l.body)
	}
	return nil
}

// request writes the signed request with the body.
func (l *line) request(o order, stamp int64) {
	l.text = strconv.AppendInt(append(l.text[:0], "POST\n/v1/payments\n"...), stamp, 10)
	l.text = append(append(append(l.text, '\n'), o.nonce...), '\n')
	b := append(append(l.out[:0], "POST /v1/payments HTTP/1.1\r\nHost: "...), l.m.address...)
	b = strconv.AppendInt(append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...), int64(len(l.body)), 10)
	b = append(append(b, "\r\nAuthorization: CASHIER-HMAC-SHA256 key_id=\""...), l.m.keyID...)
	b = strconv.AppendInt(append(b, "\",timestamp=\""...), stamp, 10)
	b = append(append(b, "\",nonce=\""...), o.nonce...)
	b = append(append(b, "\",signature=\""...), l.seal.over(l.text, l.body)...)
	l.out = append(append(b, "\"\r\n\r\n"...), l.body...)
}

// seal signs with one secret, whose part of each signature is made once.
type seal struct {
	mac       hash.Hash
	sum, text []byte
}

func newSeal(secret []byte) *seal { return &seal{mac: hmac.New(sha256.New, secret)} }

// over signs the head and the body, each followed by a line end (the head's is in it). What it gives is good until the next time.
func (s *seal) over(head, body []byte) []byte {
	s.mac.Reset()
	s.mac.Write(head)
	s.mac.Write(body)
	s.mac.Write([]byte("\n"))
	s.sum = s.mac.Sum(s.sum[:0])
	s.text = base64.StdEncoding.AppendEncode(s.text[:0], s.sum)
	return s.text
}

// answer is an answer's head; its body is in the line.
type answer struct{ status, stamp, nonce, signature []byte }

// read takes an answer.
func (l *line) read() error {
	first, err := l.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	_, rest, ok := bytes.Cut(first, []byte(" "))
	if !ok {
		return fmt.Errorf("it begins with %q", first)
	}
	status, _, _ := bytes.Cut(rest, []byte(" "))
	g := &l.got
	g.status, g.stamp, g.nonce, g.signature = append(g.status[:0], status...), g.stamp[:0], g.nonce[:0], g.signature[:0]
	length := -1
	for {
		text, err := l.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			break
		}
		name, value, _ := bytes.Cut(text, []byte(": "))
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case "Cashier-Timestamp":
			g.stamp = append(g.stamp, value...)
		case "Cashier-Nonce":
			g.nonce = append(g.nonce, value...)
		case "Cashier-Signature":
			g.signature = append(g.signature, value...)
		}
	}
	if length < 0 || length > 1<<20 {
		return fmt.Errorf("it has no length")
	}
	l.body = slices.Grow(l.body[:0], length)[:length]
	_, err = io.ReadFull(l.in, l.body)
	return err
}
