package channeltest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/sandbox"
	"cloudcashier/shared/pay"
)

// Sandbox is a running sandbox with one merchant, and the clock it lives by.
type Sandbox struct {
	Base     string         // https://127.0.0.1:4711
	Roots    *x509.CertPool // trusts it
	Merchant Merchant

	control string // http://127.0.0.1:4711: the sandbox's own doors, on the same port
	mu      sync.Mutex
	now     time.Time
}

// Merchant is what the sandbox tells a merchant about itself.
type Merchant = sandbox.Account

// Line is one movement of money in the wallet's own ledger.
type Line struct {
	Wallet     pay.Wallet `json:"wallet"`
	OutTradeNo string     `json:"out_trade_no"`
	WalletRef  string     `json:"wallet_ref"`
	Kind       string     `json:"kind"` // charge, reversal, refund
	Amount     int64      `json:"amount"`

	OutRefundNo string `json:"out_refund_no"` // of a refund
}

// Now is the sandbox's time: it stands still until the test moves it.
func (s *Sandbox) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Wait moves the sandbox's time on.
func (s *Sandbox) Wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// start runs a sandbox until the test ends and makes a merchant; alipayKey is the merchant's own
// public key for Alipay, in PEM.
func start(t *testing.T, alipayKey string) *Sandbox {
	t.Helper()
	// Eight in the morning in China, today: UnionPay's day ends at 23:00, and a test must not meet that
	// by accident.
	s := &Sandbox{now: now().UTC().Truncate(24 * time.Hour)}
	box, err := sandbox.New(sandbox.Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", Now: s.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the sandbox ended with %v", err)
		}
	})
	s.Base, s.control = "https://"+box.Addr(), "http://"+box.Addr()
	about := map[string]string{"name": "tea shop"}
	if alipayKey != "" {
		about["alipay_public_key"] = alipayKey
	}
	s.post(t, "/sandbox/merchants", about, &s.Merchant)
	s.Roots = x509.NewCertPool()
	if !s.Roots.AppendCertsFromPEM([]byte(s.Merchant.CA)) {
		t.Fatalf("the sandbox's ca is no certificate: %q", s.Merchant.CA)
	}
	return s
}

// post asks one of the sandbox's own doors.
func (s *Sandbox) post(t *testing.T, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(s.control+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s %s %v", path, resp.Status, raw, err)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("%s: %v in %s", path, err, raw)
	}
}

// code makes a fresh payment code whose fate is told by its last two digits.
func (s *Sandbox) code(t *testing.T, w pay.Wallet, fate string) pay.Code {
	t.Helper()
	var got struct{ Code string }
	s.post(t, "/sandbox/codes", map[string]string{"wallet": string(w), "scenario": fate}, &got)
	if !strings.HasSuffix(got.Code, fate) {
		t.Fatalf("the sandbox gave a code that does not end in %s", fate)
	}
	code, err := pay.ParseCode(got.Code)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// Ledger reads what the wallet booked for one order.
func (s *Sandbox) Ledger(t *testing.T, outTradeNo string) (lines []Line) {
	t.Helper()
	resp, err := http.Get(s.control + "/sandbox/ledger")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for d := json.NewDecoder(resp.Body); ; {
		var l Line
		switch err := d.Decode(&l); {
		case err == io.EOF:
			return lines
		case err != nil:
			t.Fatalf("the ledger: %v", err)
		case l.OutTradeNo == outTradeNo:
			lines = append(lines, l)
		}
	}
}
