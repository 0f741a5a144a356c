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
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
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

// line is one connection to the hub; one caller uses it at a time.
type line struct {
	m    *merchant
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte
}

func (m *merchant) dial(ctx context.Context) (*line, error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("call the hub: %w", err)
	}
	return &line{m: m, conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}, nil
}

// longest a payment may take here.
const longest = 30 * time.Second

var errNotPaid = errors.New("the payment is not paid")

// pay collects one payment and sees that the hub signed that it is paid.
func (l *line) pay(o order) error {
	m := l.m
	l.body = fmt.Appendf(l.body[:0], `{"order_no":"%s","amount":100,"code":"%s","subject":"tea","wait_ms":20000}`, o.number, o.code)
	now := time.Now()
	stamp := strconv.FormatInt(now.Unix(), 10)
	l.out = fmt.Appendf(l.out[:0], "POST /v1/payments HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Authorization: CASHIER-HMAC-SHA256 key_id=\"%s\",timestamp=\"%s\",nonce=\"%s\",signature=\"%s\"\r\n\r\n%s",
		m.address, len(l.body), m.keyID, stamp, o.nonce, m.sign("POST\n/v1/payments\n"+stamp+"\n"+o.nonce+"\n", l.body), l.body)
	if err := l.conn.SetDeadline(now.Add(longest)); err != nil {
		return err
	}
	if _, err := l.conn.Write(l.out); err != nil {
		return fmt.Errorf("ask the hub: %w", err)
	}
	status, head, err := l.read()
	if err != nil {
		return fmt.Errorf("the hub's answer: %w", err)
	}
	if head.nonce != o.nonce || head.signature != m.sign(status+"\n"+head.stamp+"\n"+head.nonce+"\n", l.body) {
		return fmt.Errorf("the hub's answer (%s) is not signed: %s", status, l.body)
	}
	if status != "200" || !bytes.Contains(l.body, []byte(`"status":"succeeded"`)) {
		return fmt.Errorf("%w: %s: %s", errNotPaid, status, l.body)
	}
	return nil
}

// sign is over the head and the body, each followed by a line end.
func (m *merchant) sign(head string, body []byte) string {
	mac := hmac.New(sha256.New, m.secret)
	mac.Write([]byte(head))
	mac.Write(body)
	mac.Write([]byte("\n"))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

type head struct{ stamp, nonce, signature string }

// read takes an answer; its body is in l.body.
func (l *line) read() (status string, h head, err error) {
	first, err := l.in.ReadString('\n')
	if err != nil {
		return "", h, err
	}
	fields := strings.SplitN(first, " ", 3)
	if len(fields) < 2 {
		return "", h, fmt.Errorf("it begins with %q", first)
	}
	length := -1
	for {
		text, err := l.in.ReadString('\n')
		if err != nil {
			return "", h, err
		}
		if text = strings.TrimSpace(text); text == "" {
			break
		}
		name, value, _ := strings.Cut(text, ": ")
		switch name {
		case "Content-Length":
			if length, err = strconv.Atoi(value); err != nil {
				return "", h, err
			}
		case "Cashier-Timestamp":
			h.stamp = value
		case "Cashier-Nonce":
			h.nonce = value
		case "Cashier-Signature":
			h.signature = value
		}
	}
	if length < 0 || length > 1<<20 {
		return "", h, fmt.Errorf("it has no length")
	}
	l.body = append(l.body[:0], make([]byte, length)...)
	_, err = io.ReadFull(l.in, l.body)
	return fields[1], h, err
}
