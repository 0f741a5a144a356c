package portal_test

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/portal"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

const password = "correct horse"

// hash is made once: each takes a third of a second.
var hash = sync.OnceValue(func() string {
	h, err := portal.HashPassword(password, rand.Reader)
	if err != nil {
		panic(err)
	}
	return h
})

var now = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

type shop struct {
	payments []payment.Payment
	tills    []portal.Terminal
	err      error
}

func (s *shop) Recent(int) ([]payment.Payment, error) { return s.payments, s.err }

func (s *shop) Terminals(int) ([]portal.Terminal, error) { return s.tills, nil }

func one(id string, status pay.Status, age time.Duration) payment.Payment {
	return payment.Payment{ID: id, OrderNo: "order-" + id, Amount: money.Fen(1280), Wallet: pay.WeChat, Status: status, Created: now.Add(-age)}
}

type house struct {
	*shop
	url string
	now time.Time
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{shop: &shop{}, now: now}
	p, err := portal.New(portal.Config{User: "ops", PasswordHash: hash() + "\n"}, portal.Deps{Books: h.shop, Fleet: h.shop,
		Now: func() time.Time { return h.now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	h.url = srv.URL
	return h
}

func (h *house) get(t *testing.T, path, user, password, language string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("GET", h.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	req.Header.Set("Accept-Language", language)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestPageShowsWhatWaitsFirst(t *testing.T) {
	h := open(t)
	h.payments = []payment.Payment{
		one("pay_new_unknown", pay.StatusUnknown, 5*time.Second), one("pay_old_pending", pay.StatusPending, 3*time.Minute),
		one("pay_paid", pay.StatusSucceeded, time.Second), one("pay_declined", pay.StatusDeclined, 2*time.Hour),
	}
	h.payments[2].OrderNo = `<script>alert("x")</script>`
	h.payments[2].Refunded, h.payments[2].Refunding = money.Fen(280), money.Fen(100)
	h.tills = []portal.Terminal{{ID: "trm_1", Name: "Till 1", Store: "sto_1", Link: "down", Since: now.Add(-72 * time.Hour)}, {ID: "trm_2", Link: "up"}}
	resp, body := h.get(t, "/portal/", "ops", password, "")
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	at := 0
	for _, want := range []string{"Waiting for an outcome (2)", "pay_old_pending", "12.80 CNY", "WeChat Pay", "pending", "not known yet", "3 min",
		"pay_new_unknown", "5 s", "Latest payments", "pay_paid", "&lt;script&gt;", "12.80 CNY − 2.80 − 1.00?", ">paid<", "pay_declined", ">not paid<", "2 h",
		"trm_1", "Till 1", ">down<", "3 d", "trm_2", "never"} {
		i := strings.Index(body[at:], want)
		if i < 0 {
			t.Fatalf("%q is missing, or not in its place, in\n%s", want, body)
		}
		at += i
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "style=") {
		t.Error("the page holds what the browser must not run")
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"Cache-Control":           "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if resp, css := h.get(t, "/portal/style.css", "ops", password, ""); resp.StatusCode != 200 || !strings.Contains(css, "table") {
		t.Errorf("style: %d", resp.StatusCode)
	}
	h.err = errors.New("the disk at /dev/sda burns")
	if resp, body := h.get(t, "/portal/", "ops", password, ""); resp.StatusCode != 503 || strings.Contains(body, "disk") {
		t.Errorf("broken storage: %d %s", resp.StatusCode, body)
	}
}

func TestLanguages(t *testing.T) {
	h := open(t)
	for accept, want := range map[string]string{
		"": "Operations", "en": "Operations", "fr-FR": "Operations", "zh-CN,zh;q=0.9,en;q=0.8": "运营总览", "zh": "运营总览",
		"fr, zh-TW;q=0.5, en;q=0.25": "运营总览", "en, zh;q=0.9": "Operations", "zh;q=0, en;q=0.1": "Operations", "zh;q=0.000": "Operations",
	} {
		if _, body := h.get(t, "/portal/", "ops", password, accept); !strings.Contains(body, want) {
			t.Errorf("%q gets no %q", accept, want)
		}
	}
}

func TestOnlyTheAccountIsLetIn(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/portal/", "/portal/style.css", "/portal/nothing"} {
		resp, body := h.get(t, path, "", "", "")
		if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" || strings.Contains(body, "Operations") {
			t.Errorf("%s for nobody: %d", path, resp.StatusCode)
		}
	}
	var told []string
	for _, c := range [][2]string{{"ops", "wrong"}, {"root", password}, {"ops", ""}} {
		resp, body := h.get(t, "/portal/", c[0], c[1], "")
		if resp.StatusCode != 401 {
			t.Errorf("%v: %d", c, resp.StatusCode)
		}
		told = append(told, body)
	}
	if told[0] != told[1] || told[1] != told[2] {
		t.Errorf("a guesser learns from %q", told)
	}
	if resp, _ := h.get(t, "/portal/nothing", "ops", password, ""); resp.StatusCode != 404 {
		t.Errorf("no such page: %d", resp.StatusCode)
	}
	h.get(t, "/portal/", "ops", "wrong 4", "")
	h.get(t, "/portal/", "ops", "wrong 5", "")
	if resp, _ := h.get(t, "/portal/", "ops", "wrong 6", ""); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the sixth guess: %d", resp.StatusCode)
	}
	if resp, _ := h.get(t, "/portal/", "ops", password, ""); resp.StatusCode != 200 {
		t.Errorf("who is known is locked out by a guesser: %d", resp.StatusCode)
	}
	h.now = h.now.Add(time.Minute)
	if resp, _ := h.get(t, "/portal/", "ops", "wrong 7", ""); resp.StatusCode != 401 {
		t.Errorf("a minute later: %d", resp.StatusCode)
	}
}

func TestNewRefusesBadHashes(t *testing.T) {
	fields := strings.Split(hash(), "$")
	for name, bad := range map[string]string{
		"empty": "", "plain": password, "weak": strings.Replace(hash(), "600000", "1000", 1), "endless": strings.Replace(hash(), "600000", "600000000", 1),
		"other scheme": strings.Replace(hash(), "sha256", "md5", 1), "no key": strings.Join(fields[:3], "$"),
		"short key": strings.Join(fields[:3], "$") + "$AAAA", "short salt": fields[0] + "$" + fields[1] + "$AAAA$" + fields[3],
	} {
		if _, err := portal.New(portal.Config{User: "ops", PasswordHash: bad}, portal.Deps{Books: &shop{}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("%s hash is taken", name)
		}
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 257)} {
		if _, err := portal.HashPassword(bad, rand.Reader); err == nil {
			t.Errorf("a password of %d bytes is taken", len(bad))
		}
	}
}
