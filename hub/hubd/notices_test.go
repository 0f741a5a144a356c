package hubd

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"cloudcashier/hub/internal/noticedoor"
	"cloudcashier/shared/pay"
)

// A hub with the door asks each wallet to post to an address of its channel's own, the same after a restart, and answers there.
func TestEachChannelHasAnAddress(t *testing.T) {
	cfg := vaultConfig(t)
	must(t, KeepKeys(cfg, testDeps(), alipayKeys(t)))
	cfg.Notices = NoticesConfig{Listen: "127.0.0.1:0", URL: "https://pay.example.com/hub/"}
	var first string
	for range 2 {
		h, err := Open(cfg, testDeps())
		must(t, err)
		address := h.notifyURL(cfg.Channels[0])
		path, ok := strings.CutPrefix(address, "https://pay.example.com/hub")
		word := strings.TrimPrefix(path, noticedoor.Path)
		if !ok || len(word) != 32 || word == path || address == h.notifyURL(ChannelConfig{Name: "b"}) || first != "" && address != first {
			t.Errorf("the channel's address is %s, before it was %q", address, first)
		}
		first = address
		if own := h.notifyURL(ChannelConfig{Name: "a", NotifyURL: "https://other.example.com/n"}); own != "https://other.example.com/n" {
			t.Errorf("the channel's own address became %s", own)
		}
		w := httptest.NewRecorder()
		h.notices.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader("a=b")))
		if w.Body.String() != "fail" || h.gauges()["notices_forged"] != 1 {
			t.Errorf("a forged notice is answered with %q, counted %v", w.Body, h.notices.Stats())
		}
		must(t, h.Close())
	}
	cfg.Notices = NoticesConfig{}
	h, err := Open(cfg, testDeps())
	must(t, err)
	if at := h.notifyURL(cfg.Channels[0]); at != "" || h.notices != nil {
		t.Errorf("without a door notices are asked for at %q", at)
	}
	must(t, h.Close())
}

func TestNoticesConfig(t *testing.T) {
	for name, c := range map[string]struct {
		notices NoticesConfig
		bad     string
	}{
		"none":              {NoticesConfig{}, ""},
		"a front end":       {NoticesConfig{Listen: "127.0.0.1:8080", URL: "https://pay.example.com"}, ""},
		"its own TLS":       {NoticesConfig{Listen: ":443", URL: "https://pay.example.com", Cert: "c", Key: "k"}, ""},
		"open in the clear": {NoticesConfig{Listen: ":80", URL: "http://pay.example.com"}, "notices.cert"},
		"no key":            {NoticesConfig{Listen: ":443", Cert: "c"}, "notices.cert"},
		"no port":           {NoticesConfig{Listen: "pay.example.com", Cert: "c", Key: "k"}, "notices.listen"},
		"no door":           {NoticesConfig{URL: "https://pay.example.com"}, "notices.listen"},
		"a query":           {NoticesConfig{Listen: "[::1]:80", URL: "https://pay.example.com/?a=1"}, "notices.url"},
	} {
		err := Config{Data: "d", HTTP: "a:1", MQTT: "a:2", Hosts: []string{"a"}, Notices: c.notices, Channels: []ChannelConfig{{Name: "s", Wallet: pay.StoredValue}}}.Validate()
		if (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%s: %v, want %q", name, err, c.bad)
		}
	}
	cfg := Config{Notices: NoticesConfig{Cert: "n.pem", Key: "n.key"}}
	cfg.rebase("/etc/hub")
	if cfg.Notices.Cert != filepath.Join("/etc/hub", "n.pem") || cfg.Notices.Key != filepath.Join("/etc/hub", "n.key") {
		t.Errorf("%+v", cfg.Notices)
	}
}
