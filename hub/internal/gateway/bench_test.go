package gateway_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/gateway"
	"cloudcashier/hub/internal/payment"
)

// instant answers at once, so that what is measured is the door alone.
type instant struct {
	*books
	p payment.Payment
}

func (i instant) Collect(_ context.Context, a engine.Ask) (payment.Payment, error) {
	a.Once.Used = true
	return i.p, nil
}

func (i instant) UseNonce(string, string, time.Time) (bool, error) { return true, nil }

func (i instant) APIKey(string) (gateway.APIKey, error) {
	return gateway.APIKey{ID: apple.keyID, Merchant: "mer_apple", Secret: apple.secret}, nil
}

// BenchmarkPayment is the door's share of one payment: verify, read, answer, sign; without TLS and
// net/http. The figure to stay under is 60 µs.
func BenchmarkPayment(b *testing.B) {
	shop := newBooks()
	p, err := shop.Collect(context.Background(), engine.Ask{OrderNo: "A-1"})
	if err != nil {
		b.Fatal(err)
	}
	deps := instant{shop, p}
	gw, err := gateway.New(gateway.Config{SigningKey: cherry.priv, SigningKeyID: "hub", HashKey: apple.secret}, gateway.Deps{
		Collector: deps, Refunder: deps, Reader: deps, Keys: deps, Nonces: deps, Enroller: deps, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	c := newCall("POST", "/v1/payments", order("A-1", ""))
	authorization := apple.sign(c)
	b.ReportAllocs()
	for b.Loop() {
		r, _ := http.NewRequest(c.method, c.target, strings.NewReader(c.body))
		r.RequestURI, r.RemoteAddr = c.target, "127.0.0.1:1"
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		if gw.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	}
}
