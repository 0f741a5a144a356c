package counter

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/shared/pay"
)

func TestArrivals(t *testing.T) {
	t.Parallel()
	due := arrivals(1000, 10*time.Second, 7)
	if n := len(due); n < 9500 || n > 10500 {
		t.Errorf("%d customers in ten seconds at 1,000 a second", n)
	}
	close, last := 0, time.Duration(0)
	for _, at := range due {
		if at < last || at >= 10*time.Second {
			t.Fatalf("a customer at %v after %v", at, last)
		}
		if at-last < 100*time.Microsecond {
			close++
		}
		last = at
	}
	if share := float64(close) / float64(len(due)); share < 0.08 || share > 0.11 { // 1 - exp(-0.1)
		t.Errorf("%.3f of them come within a tenth of the mean gap: people who know nothing of each other do in 0.095", share)
	}
	if again := arrivals(1000, 10*time.Second, 7); len(again) != len(due) || again[17] != due[17] {
		t.Error("the same seed gives other arrivals")
	}
}

// pretended is a hub that answers each connection through a function.
func pretended(t *testing.T, answer func(net.Conn, *bufio.Reader)) *merchant {
	t.Helper()
	m := &merchant{address: "hub", keyID: "key", secret: []byte("secret"), wallet: pay.Alipay, run: "run"}
	m.connect = func(context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			answer(far, bufio.NewReader(far))
		}()
		return near, nil
	}
	return m
}

// asked reads one request and gives its nonce.
func asked(in *bufio.Reader) (nonce string, err error) {
	length := 0
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if _, rest, ok := strings.Cut(text, `nonce="`); ok {
			nonce, _, _ = strings.Cut(rest, `"`)
		}
		if rest, ok := strings.CutPrefix(text, "Content-Length: "); ok {
			for _, digit := range strings.TrimSpace(rest) {
				length = 10*length + int(digit-'0')
			}
		}
		if text == "\r\n" {
			_, err = io.CopyN(io.Discard, in, int64(length))
			return nonce, err
		}
	}
}

// signed is a signature made anew, by nothing that a line uses.
func signed(secret []byte, text string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (m *merchant) answerFor(nonce, body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nCashier-Timestamp: 1\r\nCashier-Nonce: " + nonce +
		"\r\nCashier-Signature: " + signed(m.secret, "200\n1\n"+nonce+"\n"+body+"\n") + "\r\n\r\n" + body
}

const paid = `{"status":"succeeded"}`

// TestAWaitBeginsWhenItIsDue: a hub that stands still for a second makes all wait who were due meanwhile, not only
// the ones that were being served.
func TestAWaitBeginsWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *merchant
		from := time.Now()
		m = pretended(t, func(c net.Conn, in *bufio.Reader) {
			for {
				nonce, err := asked(in)
				if err != nil {
					return
				}
				if at := time.Since(from); at < time.Second { // the stall, at the start
					time.Sleep(time.Second - at)
				}
				if _, err := io.WriteString(c, m.answerFor(nonce, paid)); err != nil {
					return
				}
			}
		})
		got, err := m.open(context.Background(), 1000, 2*time.Second, 1)
		if err != nil || got.failed > 0 || got.paid < 1800 {
			t.Fatalf("%d paid, %d not (%v), %v", got.paid, got.failed, got.first, err)
		}
		if most := got.quantile(75); most < 400*time.Millisecond { // half were due in the stall, half of them in its first half
			t.Errorf("the longest quarter waited %v and more: those who were due in the stall are left out", most)
		}
	})
}

// TestAnAnswerMustBeSigned: what is not signed over exactly this, or not paid, is no payment.
func TestAnAnswerMustBeSigned(t *testing.T) {
	t.Parallel()
	for name, bend := range map[string]func(string) string{
		"another body":     func(s string) string { return strings.Replace(s, "succeeded", "succeedeD", 1) },
		"another nonce":    func(s string) string { return strings.Replace(s, "Nonce: ", "Nonce: x", 1) },
		"no signature":     func(s string) string { return strings.Replace(s, "Cashier-Signature", "Signature", 1) },
		"another status":   func(s string) string { return strings.Replace(s, "200 OK", "202 OK", 1) },
		"no length at all": func(s string) string { return strings.Replace(s, "Content-Length", "Length", 1) },
	} {
		var m *merchant
		m = pretended(t, func(c net.Conn, in *bufio.Reader) {
			nonce, err := asked(in)
			if err == nil {
				_, _ = io.WriteString(c, bend(m.answerFor(nonce, paid)))
			}
		})
		l, err := m.dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := l.pay(m.customer()); err == nil {
			t.Errorf("%s is taken for a payment", name)
		}
	}
	var m *merchant
	m = pretended(t, func(c net.Conn, in *bufio.Reader) {
		nonce, err := asked(in)
		if err == nil {
			_, _ = io.WriteString(c, m.answerFor(nonce, `{"status":"declined"}`))
		}
	})
	l, err := m.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.pay(m.customer()); !errors.Is(err, errNotPaid) {
		t.Errorf("a declined payment: %v", err)
	}
}

// TestEachRequestIsSigned: also the second one of a line, over what it says itself.
func TestEachRequestIsSigned(t *testing.T) {
	t.Parallel()
	heads := make(chan string, 2)
	var m *merchant
	m = pretended(t, func(c net.Conn, in *bufio.Reader) {
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			words := strings.Split(r.Header.Get("Authorization"), `"`) // CASHIER-HMAC-SHA256 key_id="key",timestamp="…",nonce="…",signature="…"
			if len(words) != 9 || words[1] != "key" || words[7] != signed(m.secret, r.Method+"\n"+r.URL.Path+"\n"+words[3]+"\n"+words[5]+"\n"+string(body)+"\n") {
				t.Errorf("not signed: %v over %s", words, body)
			}
			heads <- words[7]
			if _, err := io.WriteString(c, m.answerFor(words[5], paid)); err != nil {
				return
			}
		}
	})
	l, err := m.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.pay(m.customer()); err != nil {
			t.Fatal(err)
		}
	}
	if <-heads == <-heads {
		t.Error("two payments have one signature")
	}
}

func TestCustomersAreAllDifferent(t *testing.T) {
	t.Parallel()
	m := &merchant{wallet: pay.WeChat, run: "r", base: 99_999_999_999_990}
	seen := map[string]bool{}
	for range 1000 {
		o := m.customer()
		if seen[o.code] || seen[o.number] || seen[o.nonce] || len(o.code) != 18 || !strings.HasPrefix(o.code, "13") || !strings.HasSuffix(o.code, "00") {
			t.Fatalf("customer %v", o)
		}
		seen[o.code], seen[o.number], seen[o.nonce] = true, true, true
	}
}
