package gateway_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/gateway"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/pay"
)

// books is the other side of the gateway's interfaces: payments in memory, scripted by the test.
type books struct {
	mu        sync.Mutex
	ids       *id.Source
	byKey     map[string]*payment.Payment
	asks      []engine.Ask
	collected int
	refreshed int
	awaiting  chan context.Context // each Await announces itself here when it is not nil
	changed   chan struct{}
	fate      func(*payment.Payment) // what becomes of a new payment; paid when nil
	fail      error                  // what every call answers when set
	refunds   []*payment.Refund
	back      func(*payment.Refund) // what becomes of a new refund; done when nil
	nonces    map[string]time.Time
	keys      map[string]gateway.APIKey
	enrol     func(code string) (gateway.Enrolment, error)
}

var began = time.Date(2026, 3, 1, 8, 0, 0, 123456789, time.UTC)

func newBooks() *books {
	return &books{
		ids: id.NewSource(func() time.Time { return began }, nil), byKey: map[string]*payment.Payment{},
		changed: make(chan struct{}), nonces: map[string]time.Time{}, keys: map[string]gateway.APIKey{},
	}
}

func paid(p *payment.Payment) {
	p.Status, p.PaidAt = pay.StatusSucceeded, began.Add(time.Second).In(time.FixedZone("CST", 8*3600))
	p.Attempt.WalletRef = "4200001"
}

func (b *books) Collect(ctx context.Context, a engine.Ask) (payment.Payment, error) {
	if err := b.once(a.Once); err != nil {
		return payment.Payment{}, err
	}
	p, err := b.collect(a)
	if err != nil || p.Final() || a.Wait == 0 {
		return p, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Wait)
	defer cancel()
	return b.Await(ctx, a.Merchant, p.ID)
}

func (b *books) once(o *engine.Once) error {
	if o == nil {
		return nil
	}
	fresh, err := b.UseNonce(o.Key, o.Nonce, o.Expires)
	if o.Used, o.Replayed = fresh, !fresh; o.Replayed && err == nil {
		err = fault.New(fault.Denied, "auth.replayed", "this nonce was used before")
	}
	return err
}

func (b *books) collect(a engine.Ask) (payment.Payment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asks = append(b.asks, a)
	if b.fail != nil {
		return payment.Payment{}, b.fail
	}
	if p, ok := b.byKey[a.Merchant+" "+a.Key]; ok {
		if p.BodyHash != a.BodyHash {
			return payment.Payment{}, fault.New(fault.Conflict, gateway.OrderConflict, "order %s was asked with another body", a.OrderNo)
		}
		return *p, nil
	}
	b.collected++
	p := &payment.Payment{ID: b.ids.New(id.Payment), Merchant: a.Merchant, Key: a.Key, BodyHash: a.BodyHash, OrderNo: a.OrderNo,
		Amount: a.Amount, Wallet: pay.WeChat, Status: pay.StatusPending, Created: began,
		Attempt: payment.Attempt{Channel: "chn_wechat", Shown: a.Shown, Stamp: began, Until: began.Add(6 * time.Minute)}}
	if b.fate != nil {
		b.fate(p)
	} else {
		paid(p)
	}
	b.byKey[a.Merchant+" "+a.Key] = p
	return *p, nil
}

func (b *books) find(merchant, id string) (*payment.Payment, error) {
	if b.fail != nil {
		return nil, b.fail
	}
	for _, p := range b.byKey {
		if p.ID == id && p.Merchant == merchant {
			return p, nil
		}
	}
	return nil, fault.New(fault.NotFound, "payment.unknown", "there is no payment %q", id)
}

func (b *books) Payment(_ context.Context, merchant, id string) (payment.Payment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.find(merchant, id)
	if err != nil {
		return payment.Payment{}, err
	}
	return *p, nil
}

func (b *books) Payments(_ context.Context, merchant, orderNo string) (list []payment.Payment, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.byKey {
		if p.Merchant == merchant && p.OrderNo == orderNo {
			list = append(list, *p)
		}
	}
	return list, b.fail
}

func (b *books) Refresh(ctx context.Context, merchant, id string) (payment.Payment, error) {
	b.mu.Lock()
	b.refreshed++
	b.mu.Unlock()
	return b.Payment(ctx, merchant, id)
}

func (b *books) Cancel(_ context.Context, merchant, id string) (payment.Payment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.find(merchant, id)
	if err != nil {
		return payment.Payment{}, err
	}
	if p.Outcome() == pay.Paid {
		return payment.Payment{}, fault.New(fault.Conflict, "payment.paid", "this payment is paid: refund it instead of cancelling")
	}
	if !p.Final() {
		p.Status = pay.StatusReversing
	}
	return *p, nil
}

func (b *books) Await(ctx context.Context, merchant, id string) (payment.Payment, error) {
	b.mu.Lock()
	announce := b.awaiting
	b.mu.Unlock()
	if announce != nil {
		announce <- ctx
	}
	for {
		b.mu.Lock()
		changed := b.changed
		b.mu.Unlock()
		p, err := b.Payment(ctx, merchant, id)
		if err != nil || p.Final() || p.Showing() {
			return p, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return p, nil
		}
	}
}

// script changes what the books do, under their lock.
func (b *books) script(f func(*books)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

// change edits every payment and wakes those who wait.
func (b *books) change(f func(*payment.Payment)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.byKey {
		f(p)
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *books) APIKey(keyID string) (gateway.APIKey, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k, ok := b.keys[keyID]; ok {
		return k, nil
	}
	return gateway.APIKey{}, fault.New(fault.NotFound, "key.unknown", "no such key")
}

func (b *books) UseNonce(keyID, nonce string, expires time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, used := b.nonces[keyID+" "+nonce]
	b.nonces[keyID+" "+nonce] = expires
	return !used, nil
}

func (b *books) Enrol(_ context.Context, code string, _ []byte, _ string) (gateway.Enrolment, error) {
	return b.enrol(code)
}

// house is a running gateway with two merchants.
type house struct {
	*books
	url    string
	addr   string
	roots  *x509.CertPool
	client *http.Client
	gw     *gateway.Gateway
	log    *bytes.Buffer
	hubKey ed25519.PublicKey
	stop   func() error
}

type merchant struct {
	keyID  string
	secret []byte
	priv   ed25519.PrivateKey
}

var (
	apple  = merchant{keyID: "key_apple", secret: []byte("0123456789abcdef0123456789abcdef")}
	banana = merchant{keyID: "key_banana", secret: []byte("fedcba9876543210fedcba9876543210")}
	cherry = merchant{keyID: "key_cherry", priv: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
)

func open(t testing.TB, edit func(*gateway.Config, *gateway.Deps)) *house {
	t.Helper()
	b := newBooks()
	b.keys[apple.keyID] = gateway.APIKey{ID: apple.keyID, Merchant: "mer_apple", Secret: apple.secret}
	b.keys[banana.keyID] = gateway.APIKey{ID: banana.keyID, Merchant: "mer_banana", Secret: banana.secret}
	b.keys[cherry.keyID] = gateway.APIKey{ID: cherry.keyID, Merchant: "mer_cherry", Public: cherry.priv.Public().(ed25519.PublicKey)}
	b.keys["key_revoked"] = gateway.APIKey{ID: "key_revoked", Merchant: "mer_apple", Secret: apple.secret, Revoked: true}
	b.keys["key_empty"] = gateway.APIKey{ID: "key_empty", Merchant: "mer_apple"}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, roots := selfSigned(t)
	hub := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	log := &bytes.Buffer{}
	cfg := gateway.Config{Listener: listener, TLS: config, SigningKey: hub, SigningKeyID: "hub_1",
		HashKey: []byte("a key that hashes bodies"), MetricsToken: "metrics-token"}
	deps := gateway.Deps{Collector: b, Refunder: b, Reader: b, Keys: b, Nonces: b, Enroller: b, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(&lockedWriter{w: log}, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if edit != nil {
		edit(&cfg, &deps)
	}
	gw, err := gateway.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- gw.Run(ctx) }()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64}
	h := &house{books: b, addr: listener.Addr().String(), url: "https://" + listener.Addr().String(), roots: roots,
		client: &http.Client{Transport: transport}, gw: gw, log: log, hubKey: hub.Public().(ed25519.PublicKey)}
	h.stop = sync.OnceValue(func() error { transport.CloseIdleConnections(); cancel(); return <-ended })
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return h
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func selfSigned(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{{127, 0, 0, 1}},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

const secretCode = "130061098828009406"

func order(no string, more string) string {
	return fmt.Sprintf(`{"order_no":%q,"amount":1280,"code":%q,"subject":"tea"%s}`, no, secretCode, more)
}
