package sandbox_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/sandbox"
)

// began is where every test's clock starts: noon in China.
var began = time.Date(2026, 1, 1, 4, 0, 0, 0, time.UTC)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// furnished is a data folder with two merchants in it, made once: RSA keys are slow to make.
var furnished = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "sandbox-test-")
	if err != nil {
		panic(err)
	}
	s, err := sandbox.New(sandbox.Config{DataDir: dir, Listen: "127.0.0.1:0", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for _, name := range []string{"shop", "other"} {
		body, _ := json.Marshal(map[string]string{"name": name, "alipay_public_key": string(testdata("app_rsa.pub.pem"))})
		resp, err := http.Post("http://"+s.Addr()+"/sandbox/merchants", "application/json", bytes.NewReader(body))
		if err != nil || resp.StatusCode != http.StatusOK {
			panic(fmt.Sprint("no merchant: ", err))
		}
		resp.Body.Close()
	}
	stop()
	if err := <-ended; err != nil {
		panic(err)
	}
	return dir
})

func TestMain(m *testing.M) {
	if dir := os.Getenv(servedFolder); dir != "" {
		serveForBench(dir)
		return
	}
	code := m.Run()
	_ = os.RemoveAll(furnished())
	os.Exit(code)
}

func testdata(name string) []byte {
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		panic(err)
	}
	return b
}

type merchant struct {
	CA     string
	WeChat struct {
		AppID      string `json:"appid"`
		MchID      string `json:"mch_id"`
		APIKey     string `json:"api_key"`
		ClientCert string `json:"client_cert"`
		ClientKey  string `json:"client_key"`
	}
	Alipay struct {
		AppID     string `json:"app_id"`
		SellerID  string `json:"seller_id"`
		PublicKey string `json:"public_key"`
	}
	UnionPay struct {
		MerID    string `json:"mer_id"`
		SignCert string `json:"sign_cert"`
		SignKey  string `json:"sign_key"`
		Root     string
		Middle   string
		Signer   string
	}
}

// lab is a running sandbox with a merchant talking to it.
type lab struct {
	t      *testing.T
	clock  *clock
	dir    string
	s      *sandbox.Sandbox
	heldMu sync.Mutex
	held   []time.Duration // how long answers were held back
	merchant
	appKey *rsa.PrivateKey

	bare, withCert *http.Client // https; withCert shows the merchant's certificate
	stop           func()
	numbers        int
	moments        map[string]string // UnionPay's txnTime of each number
}

func start(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, clock: &clock{t: began}, dir: t.TempDir()}
	copyFiles(t, furnished(), l.dir)
	block, _ := pem.Decode(testdata("app_rsa.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	l.appKey = key.(*rsa.PrivateKey)
	l.up()
	t.Cleanup(func() { l.stop() })
	return l
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (l *lab) up() {
	l.t.Helper()
	s, err := sandbox.New(sandbox.Config{DataDir: l.dir, Listen: "127.0.0.1:0", Now: l.clock.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		l.t.Fatal(err)
	}
	l.s = s
	s.HoldBackWith(func(_ context.Context, d time.Duration) {
		l.heldMu.Lock()
		defer l.heldMu.Unlock()
		l.held = append(l.held, d)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	l.bare = &http.Client{}
	l.merchant = merchant{}
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "shop"}, &l.merchant)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(l.CA))
	cert, err := tls.X509KeyPair([]byte(l.WeChat.ClientCert), []byte(l.WeChat.ClientKey))
	if err != nil {
		l.t.Fatal(err)
	}
	l.bare = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	l.withCert = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}}}
	l.stop = sync.OnceFunc(func() {
		l.bare.CloseIdleConnections()
		l.withCert.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			l.t.Errorf("Run ended: %v", err)
		}
	})
}

// restart closes the sandbox and opens its folder again.
func (l *lab) restart() {
	l.t.Helper()
	l.stop()
	l.up()
}

// crash goes on with the files as kill -9 would have left them at this instant: a copy, taken while
// the sandbox has them open, so that nothing it does while closing can help.
func (l *lab) crash() {
	l.t.Helper()
	dir := l.t.TempDir()
	copyFiles(l.t, l.dir, dir)
	l.stop()
	l.dir = dir
	l.up()
}

// send does one request and gives status and body; cut is a connection closed without a byte.
func (l *lab) send(c *http.Client, method, target, contentType string, body []byte) (status int, answer []byte, cut bool) {
	l.t.Helper()
	req, err := http.NewRequest(method, target, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := c.Do(req)
	if errors.Is(err, io.EOF) {
		return 0, nil, true
	}
	if err != nil {
		l.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatalf("%s %s: %v", method, target, err)
	}
	return resp.StatusCode, answer, false
}

// control does one control request and demands 200.
func (l *lab) control(method, path string, body, into any) {
	l.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		l.t.Fatal(err)
	}
	status, answer, _ := l.send(l.bare, method, "http://"+l.s.Addr()+path, "application/json", text)
	if status != http.StatusOK {
		l.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			l.t.Fatal(err)
		}
	}
}

// heldBack gives how long answers were held back since it was last asked.
func (l *lab) heldBack() []time.Duration {
	l.heldMu.Lock()
	defer l.heldMu.Unlock()
	out := l.held
	l.held = nil
	return out
}

func (l *lab) code(wallet, scenario string) string {
	l.t.Helper()
	var a struct{ Code string }
	l.control("POST", "/sandbox/codes", map[string]string{"wallet": wallet, "scenario": scenario}, &a)
	return a.Code
}

type line struct {
	Wallet, Kind, Mch string
	Number            string `json:"out_trade_no"`
	WalletRef         string `json:"wallet_ref"`
	Refund            string `json:"out_refund_no"`
	Amount            int64
	At                time.Time
}

func (l *lab) ledger() (lines []line) {
	l.t.Helper()
	status, body, _ := l.send(l.bare, "GET", "http://"+l.s.Addr()+"/sandbox/ledger", "", nil)
	if status != http.StatusOK {
		l.t.Fatalf("ledger: %d %s", status, body)
	}
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var x line
		if err := d.Decode(&x); err == io.EOF {
			return lines
		} else if err != nil {
			l.t.Fatal(err)
		}
		lines = append(lines, x)
	}
}

func (l *lab) number() string {
	l.numbers++
	return fmt.Sprintf("N%07d", l.numbers)
}
