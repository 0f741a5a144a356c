package portal_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/portal"
	"cloudcashier/shared/pay"
)

type roads []portal.Channel

func (r roads) Channels() []portal.Channel            { return r }
func (r roads) Recent(int) ([]payment.Payment, error) { return nil, nil }

// TestChannelsAreShown with their state in the reader's language, as text and nothing more.
func TestChannelsAreShown(t *testing.T) {
	list := roads{{Name: "a<b>", Wallet: pay.WeChat, State: "open", Answered: 3, Failed: 17, Mean: 42 * time.Millisecond}, {Name: "c", Wallet: pay.Alipay, State: "taking"}}
	p, err := portal.New(portal.Config{User: "ops", PasswordHash: hash() + "\n"}, portal.Deps{Books: list, Roads: list, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for language, wants := range map[string][]string{"en": {"Channels", "a&lt;b&gt;", "breaker open", "takes payments", "17", "42 ms"}, "zh": {"通道", "已熔断", "正常"}} {
		r := httptest.NewRequest(http.MethodGet, "/portal/", nil)
		r.Header.Set("Accept-Language", language)
		r.SetBasicAuth("ops", password)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %q in the page (%d)", language, want, w.Code)
			}
		}
	}
}
