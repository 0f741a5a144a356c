// Package gateway is the merchants' door: JSON over HTTPS, every request signed by the merchant
// and every answer signed back (DESIGN section 6.3), and the one place where a till trades its
// activation code for a certificate.
//
// It refuses what it cannot prove: a request is verified over its raw bytes before any of them is
// parsed, and JSON with unknown, doubled or differently spelt keys is not taken. It decides
// nothing about money; whoever implements [Collector] and [Refunder] does.
//
// Newcomers get one thing wrong: an error answer says what became of this request, not of the
// order. Only a payment's outcome says whether the customer was charged.
package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path"
	"sync"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
)

// Collector moves money. Every call is about one merchant; another merchant's payment is NotFound.
type Collector interface {
	// Collect records the payment, has it sent, and waits for its end, its QR, a.Wait or ctx: the end of ctx is no error.
	// With the payment a.Once is used up; when it was before, Collect fails and says so there. The same key and body give the payment that is
	// there; another body is a fault with code [OrderConflict].
	Collect(ctx context.Context, a engine.Ask) (payment.Payment, error)
	Cancel(ctx context.Context, merchant, id string) (payment.Payment, error)
	// Refresh asks the wallet now.
	Refresh(ctx context.Context, merchant, id string) (payment.Payment, error)
	// Await returns when the payment is final, or a QR is there to be shown, or ctx ends; the end of ctx is no error.
	Await(ctx context.Context, merchant, id string) (payment.Payment, error)
}

// Refunder gives money back. Every call is about one merchant; another merchant's payment or refund is
// NotFound.
type Refunder interface {
	// Refund records the refund and has it sent, or records that it was turned away. The same key and
	// body give the refund that is there; another body is a fault with code [RefundConflict].
	Refund(ctx context.Context, a engine.RefundAsk) (payment.Refund, error)
	// RefreshRefund asks the wallet now.
	RefreshRefund(ctx context.Context, merchant, id string) (payment.Refund, error)
	// AwaitRefund returns when the refund is final or ctx ends; the end of ctx is no error.
	AwaitRefund(ctx context.Context, merchant, id string) (payment.Refund, error)
}

// Reader reads payments and refunds of one merchant.
type Reader interface {
	Payment(ctx context.Context, merchant, id string) (payment.Payment, error)
	Payments(ctx context.Context, merchant, orderNo string) ([]payment.Payment, error) // newest first, at most 100
	ReadRefund(ctx context.Context, merchant, id string) (payment.Refund, error)
	Refunds(ctx context.Context, merchant, paymentID string) ([]payment.Refund, error) // newest first, at most 200
}

// APIKey is a merchant's key: a shared secret, or the public half of the merchant's own key.
type APIKey struct {
	ID       string
	Merchant string
	Secret   []byte            // for CASHIER-HMAC-SHA256
	Public   ed25519.PublicKey // for CASHIER-ED25519
	Revoked  bool
}

// Keys finds keys; NotFound when there is none. It is asked on every request, so it should
// answer from memory.
type Keys interface {
	APIKey(keyID string) (APIKey, error)
}

// Nonces remembers nonces durably: a restart must not make a recorded request fresh again.
type Nonces interface {
	// UseNonce reports whether the key has not used the nonce; it may be forgotten at expires.
	UseNonce(keyID, nonce string, expires time.Time) (fresh bool, err error)
}

// Enrolment is what a till gets for its activation code.
type Enrolment struct {
	Terminal    string `json:"terminal" doc:"the till's identifier"`
	Merchant    string `json:"merchant"`
	Store       string `json:"store"`
	Certificate string `json:"certificate" doc:"the till's client certificate, PEM"`
	CA          string `json:"ca" doc:"the hub's certificate authority, PEM"`
	MQTT        string `json:"mqtt" doc:"address of the terminals' door, host:port"`
	HubKey      string `json:"hub_key" doc:"Ed25519 public key that signs the hub's messages, base64"`
}

// Enroller trades a one-time code for a certificate. A code nobody may use is Denied or NotFound;
// one that another key has used is Conflict; the same key again gets the same certificate.
type Enroller interface {
	Enrol(ctx context.Context, code string, csrPEM []byte, name string) (Enrolment, error)
}

// Config is what the gateway needs to know.
type Config struct {
	Listener net.Listener // for Run
	TLS      *tls.Config  // for Run; at least a certificate

	SigningKey   ed25519.PrivateKey // signs answers to CASHIER-ED25519 requests
	SigningKeyID string             // its name in Cashier-Key-Id
	HashKey      []byte             // keys the hash of request bodies, so that a stored hash does not give the payment code away; must stay the same as long as the database lives
	MetricsToken string             // bearer token of /metrics; without one there is no /metrics
	Limits       Limits
}

// Limits bounds what strangers can use up. Zero fields take the figures in [Limits.orDefault].
type Limits struct {
	HeaderTimeout time.Duration
	BodyTimeout   time.Duration
	DrainTimeout  time.Duration
	Requests      int // merchant requests at once; waiting payments count
	Connections   int
}

func (l Limits) orDefault() Limits {
	set := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	set(&l.HeaderTimeout, 5*time.Second)
	set(&l.BodyTimeout, 10*time.Second)
	set(&l.DrainTimeout, 20*time.Second) // the hub's own budget for stopping is 25 s
	if l.Requests == 0 {
		l.Requests = 4096 // 5,500 payments/s at a wallet answering in 500 ms is 2,750 in flight
	}
	if l.Connections == 0 {
		l.Connections = 8192 // two for each request in flight; about 40 KiB each
	}
	return l
}

// Deps is what the gateway stands on.
type Deps struct {
	Collector Collector
	Refunder  Refunder
	Reader    Reader
	Keys      Keys
	Nonces    Nonces
	Enroller  Enroller
	Portal    http.Handler              // serves /portal/; nil for none
	Ready     func() error              // nil error: the hub can take payments
	Gauges    func() map[string]float64 // read at each scrape; "open_payments" becomes cashier_open_payments
	Now       func() time.Time
	Log       *slog.Logger
}

// Gateway is the door. Make it with [New].
type Gateway struct {
	cfg      Config
	deps     Deps
	handler  http.Handler
	auth     *authenticator
	tries    *throttle
	metrics  *metrics
	requests chan struct{} // one token per merchant request in flight

	draining context.Context // ends when Run is told to stop, so that waiting payments answer at once
	drain    context.CancelFunc
	life     sync.RWMutex // read-held by each request; Run takes it last, to outlive them all
}

// New builds the door; nothing listens before [Gateway.Run].
func New(cfg Config, deps Deps) (*Gateway, error) {
	switch {
	case deps.Collector == nil || deps.Refunder == nil || deps.Reader == nil || deps.Keys == nil || deps.Nonces == nil || deps.Enroller == nil:
		return nil, errors.New("gateway: a dependency is missing")
	case deps.Now == nil || deps.Log == nil:
		return nil, errors.New("gateway: clock or log is missing")
	case len(cfg.SigningKey) != ed25519.PrivateKeySize || cfg.SigningKeyID == "":
		return nil, errors.New("gateway: the key that signs answers, or its name, is missing")
	case len(cfg.HashKey) < 16:
		return nil, errors.New("gateway: HashKey needs at least 16 bytes")
	}
	cfg.Limits = cfg.Limits.orDefault()
	g := &Gateway{
		cfg: cfg, deps: deps, tries: newThrottle(deps.Now), metrics: newMetrics(deps.Gauges),
		requests: make(chan struct{}, cfg.Limits.Requests),
		auth:     newAuthenticator(deps.Keys, deps.Nonces, deps.Now, deps.Log),
	}
	g.draining, g.drain = context.WithCancel(context.Background())
	operations, document, err := g.operations()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", g.merchants(operations))
	mux.Handle("/terminal/v1/activate", g.activation(operations))
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(document)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", g.readyz)
	mux.Handle("GET /metrics", g.metrics.page(cfg.MetricsToken))
	if deps.Portal != nil {
		mux.Handle("/portal/", deps.Portal)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { noRoute().write(w) })
	g.handler = g.outermost(mux)
	return g, nil
}

// Handler is the whole door without a listener.
func (g *Gateway) Handler() http.Handler { return g.handler }

// outermost counts requests, turns away crooked paths (the mux would redirect, and a redirect
// cannot carry a signature on), and keeps Run from returning under a request.
func (g *Gateway) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.life.TryRLock() {
			overloaded().write(w)
			return
		}
		defer g.life.RUnlock()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if clean := path.Clean(r.URL.Path); r.URL.Path != clean && r.URL.Path != clean+"/" {
			noRoute().write(w)
			return
		}
		g.metrics.observe(next, w, r, g.deps.Now)
	})
}

func (g *Gateway) readyz(w http.ResponseWriter, _ *http.Request) {
	if g.draining.Err() != nil || (g.deps.Ready != nil && g.deps.Ready() != nil) {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n"))
}
