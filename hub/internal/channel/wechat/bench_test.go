package wechat_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/shared/pay"
)

// memory answers without a network, so that only the connector is measured.
type memory string

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	io.Copy(io.Discard, r.Body)
	w := httptest.NewRecorder()
	io.WriteString(w, string(m))
	return w.Result(), nil
}

func BenchmarkPay(b *testing.B) {
	cfg := config(b, "https://127.0.0.1:1", nil, "")
	c, err := wechat.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	wechat.Via(c, memory(genuine("HMAC-SHA256")("/pay/micropay", nil)))
	o := channeltest.SampleOrder(pay.WeChat)
	b.ReportAllocs()
	for b.Loop() {
		if a := c.Pay(context.Background(), o); a.Finding != channel.Approved {
			b.Fatalf("%+v", a)
		}
	}
}
