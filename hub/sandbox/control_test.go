package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/sandbox"
	"cloudcashier/shared/fault"
)

func TestMerchants(t *testing.T) {
	l := start(t)
	var again, other merchant
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "shop"}, &again)
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "other"}, &other)
	if again != l.merchant {
		t.Error("the same name gave another merchant")
	}
	if other.WeChat.MchID == l.WeChat.MchID || other.WeChat.APIKey == l.WeChat.APIKey || other.Alipay.PublicKey == l.Alipay.PublicKey || other.CA != l.CA {
		t.Error("two merchants share what they must not, or not what they must")
	}
	for text, want := range map[string]string{
		l.WeChat.AppID: `^wx[0-9]{16}$`, l.WeChat.MchID: `^16[0-9]{8}$`, l.WeChat.APIKey: `^[0-9A-Z]{32}$`,
		l.Alipay.AppID: `^2021[0-9]{12}$`, l.Alipay.SellerID: `^2088[0-9]{12}$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%s does not match %s", text, want)
		}
	}
	// A new public key replaces the old one: requests signed with the old one are refused.
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "shop", "alipay_public_key": l.Alipay.PublicKey}, nil)
	if _, word := l.alipay("alipay.trade.query", fields{"out_trade_no": "x"}); word != "isv.invalid-signature" {
		t.Errorf("after the key was replaced: %s", word)
	}
	l.restart()
	if again.WeChat != l.WeChat || again.Alipay != l.Alipay || again.CA != l.CA {
		t.Error("a restart gave another merchant")
	}
	if _, word := l.alipay("alipay.trade.query", fields{"out_trade_no": "x"}); word != "isv.invalid-signature" {
		t.Errorf("after a restart: %s", word)
	}
}

func TestControlRefuses(t *testing.T) {
	l := start(t)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/sandbox/merchants", `{"name":"x","colour":"red"}`, 400}, {"POST", "/sandbox/merchants", `{"name":""}`, 400}, {"POST", "/sandbox/merchants", `{}`, 400},
		{"POST", "/sandbox/merchants", `{"name":"x\ny"}`, 400}, {"POST", "/sandbox/merchants", `{"name":"` + strings.Repeat("x", 65) + `"}`, 400},
		{"POST", "/sandbox/merchants", `{"name":"x","alipay_public_key":"x"}`, 400}, {"POST", "/sandbox/merchants", `{"name":"x","name":"y"}`, 400}, {"POST", "/sandbox/merchants", `{`, 400}, {"POST", "/sandbox/merchants", ``, 400},
		{"POST", "/sandbox/merchants", strings.Repeat(" ", 64<<10+1), 413}, {"GET", "/sandbox/merchants", "", 404},
		{"POST", "/sandbox/codes", `{"wallet":"qq"}`, 400}, {"POST", "/sandbox/codes", `{"wallet":"wechat","scenario":"5"}`, 400}, {"POST", "/sandbox/codes", `{"wallet":"wechat","scenario":"100"}`, 400},
		{"POST", "/sandbox/codes", `{"wallet":"wechat","scenario":"x1"}`, 400}, {"POST", "/sandbox/codes", `{"wallet":"wechat","n":1}`, 400}, {"GET", "/sandbox/codes", "", 404},
		{"POST", "/sandbox/faults", `{"rates":{"lost":1}}`, 400}, {"POST", "/sandbox/faults", `{"rates":{"lost_before":1.1}}`, 400}, {"POST", "/sandbox/faults", `{"rates":{"lost_before":-0.1}}`, 400},
		{"POST", "/sandbox/faults", `{"rates":{"lost_before":0.6,"garbled":0.6}}`, 400}, {"POST", "/sandbox/faults", `{"rates":{"slow_ms":30001}}`, 400}, {"POST", "/sandbox/faults", `{"rates":{"slow_ms":1.5}}`, 400},
		{"POST", "/sandbox/ledger", "", 404}, {"POST", "/sandbox/pay", `{}`, 400}, {"POST", "/sandbox/pay", `{"qr":"weixin://wxpay/bizpayurl?pr=bx0000000001"}`, 400}, {"POST", "/sandbox/pay", `{"qr":"x","scenario":"5"}`, 400}, {"GET", "/sandbox/pay", "", 404}, {"POST", "/sandbox/age", `{"hours":0}`, 400}, {"POST", "/sandbox/age", `{"hours":8785}`, 400}, {"GET", "/sandbox/bills/wechat/2026-01-01", "", 404}, {"GET", "/sandbox/bills/unionpay/20260101", "", 400}, {"GET", "/", "", 404}, {"POST", "/wechat/pay/refund", "", 404},
		{"GET", "/sandbox/health", "", 200},
	} {
		status, body, _ := l.send(l.bare, c.method, "https://"+l.s.Addr()+c.path, "application/json", []byte(c.body))
		var p struct{ Code, Detail string }
		if status != c.want || status >= 400 && (json.Unmarshal(body, &p) != nil || p.Code == "" || p.Detail == "") {
			t.Errorf("%s %s %.60s: %d %s, want %d", c.method, c.path, c.body, status, body, c.want)
		}
	}
}

// TestStrangers asks as callers from elsewhere would.
func TestStrangers(t *testing.T) {
	l := start(t)
	for _, c := range []struct {
		remote, target string
		want           int
	}{
		{"192.0.2.1:4711", "http://x/sandbox/health", 403}, {"192.0.2.1:4711", "https://x/sandbox/health", 403}, {"192.0.2.1:4711", "https://x/sandbox/ledger", 403},
		{"[2001:db8::1]:4711", "https://x/sandbox/health", 403}, {"192.0.2.1:4711", "http://x/wechat/pay/micropay", 403}, {"192.0.2.1:4711", "http://x/alipay/gateway.do", 403},
		{"192.0.2.1:4711", "https://x/wechat/pay/micropay", 200}, {"", "https://x/sandbox/health", 403},
		{"127.0.0.1:4711", "http://x/sandbox/health", 200}, {"[::1]:4711", "http://x/sandbox/health", 200}, {"[::ffff:127.0.0.1]:4711", "http://x/sandbox/health", 200},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		w := httptest.NewRecorder()
		sandbox.Routes(l.s).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s from %s: %d, want %d", c.target, c.remote, w.Code, c.want)
		}
	}
}

func TestCodes(t *testing.T) {
	l := start(t)
	seen := map[string]bool{}
	for wallet, shape := range map[string]string{"wechat": `^1[0-5][0-9]{14}77$`, "alipay": `^28[0-9]{14}77$`, "unionpay": `^62[0-9]{15}77$`} {
		for range 20 {
			c := l.code(wallet, "77")
			if !regexp.MustCompile(shape).MatchString(c) || seen[c] {
				t.Errorf("%s: %s", wallet, c)
			}
			seen[c] = true
		}
	}
	if c := l.code("wechat", ""); !strings.HasSuffix(c, "00") {
		t.Errorf("without a scenario: %s", c)
	}

	pay := func(wallet, number, code string) string {
		if wallet == "wechat" {
			_, word := l.wechat("pay/micropay", l.wechatPay(number, code))
			return word
		}
		_, word := l.alipay("alipay.trade.pay", l.alipayPay(number, code))
		return word
	}
	for _, w := range []struct{ wallet, typed, good, expired, used string }{
		{"wechat", "150000000000000000", "SUCCESS", "AUTHCODEEXPIRE", "AUTH_CODE_INVALID"},
		{"alipay", "300000000000000000", "10000", "ACQ.PAYMENT_AUTH_CODE_INVALID", "ACQ.PAYMENT_AUTH_CODE_INVALID"},
	} {
		// What the wallet never executed used no code.
		down := l.code(w.wallet, "80")
		if one, two := pay(w.wallet, l.number(), down), pay(w.wallet, l.number(), down); one != "503" || two != "503" {
			t.Errorf("%s: a code during an outage: %s, then %s", w.wallet, one, two)
		}
		issued, kept := l.code(w.wallet, "00"), l.code(w.wallet, "00")
		first, second := l.number(), l.number()
		l.clock.advance(time.Minute)
		if got := pay(w.wallet, first, issued); got != w.good {
			t.Errorf("%s: a code of a minute: %s", w.wallet, got)
		}
		if got := pay(w.wallet, second, issued); got != w.used {
			t.Errorf("%s: a code used by another order: %s", w.wallet, got)
		}
		l.clock.advance(time.Millisecond)
		if got := pay(w.wallet, second, kept); got != w.expired {
			t.Errorf("%s: a code of more than a minute: %s", w.wallet, got)
		}
		if got := pay(w.wallet, second, w.typed); got != w.good {
			t.Errorf("%s: a typed code: %s", w.wallet, got)
		}
		l.restart()
		if got := pay(w.wallet, l.number(), w.typed); got != w.used {
			t.Errorf("%s: the typed code again, after a restart: %s", w.wallet, got)
		}
	}
}

// TestFaults turns each rate up to one and looks at the answer and at what was really done.
func TestFaults(t *testing.T) {
	l := start(t)
	set := func(body string) {
		t.Helper()
		l.control("POST", "/sandbox/faults", json.RawMessage(body), nil)
	}
	for _, c := range []struct {
		rates, want string
		charged     string // yes, no, or both
	}{
		{`{"lost_before":1}`, "cut", "no"}, {`{"lost_after":1}`, "cut", "yes"}, {`{"error_5xx":1}`, "502", "both"}, {`{"garbled":1}`, "garbled", "yes"},
		{`{"slow_ms":30000}`, "SUCCESS", "yes"}, {`{}`, "SUCCESS", "yes"},
	} {
		set(`{"seed":7,"rates":` + c.rates + `}`)
		charged, orders := 0, 16
		before := len(l.ledger())
		l.heldBack()
		for range orders {
			if _, word := l.wechat("pay/micropay", l.wechatPay(l.number(), l.code("wechat", "00"))); word != c.want {
				t.Errorf("%s: %s", c.rates, word)
			}
		}
		charged = len(l.ledger()) - before
		if got := map[bool]string{true: "both"}[charged > 0 && charged < orders]; got != c.charged && c.charged == "both" ||
			c.charged == "yes" && charged != orders || c.charged == "no" && charged != 0 {
			t.Errorf("%s: %d of %d were charged", c.rates, charged, orders)
		}
		if held := l.heldBack(); (len(held) > 0) != strings.Contains(c.rates, "slow") {
			t.Errorf("%s: held back %v", c.rates, held)
		}
	}

	// One seed, one sequence; and the setting is shown.
	play := func(seed string) (words string) {
		set(`{"seed":` + seed + `,"rates":{"lost_before":0.2,"lost_after":0.2,"error_5xx":0.2,"garbled":0.2}}`)
		for range 12 {
			_, word := l.wechat("pay/orderquery", l.wechatRef("none"))
			words += word + " "
		}
		return words
	}
	if one := play("1"); one != play("1") || one == play("2") || strings.Count(one, "cut ") == 12 {
		t.Errorf("seed 1 gave %s", one)
	}
	status, body, _ := l.send(l.bare, "GET", "http://"+l.s.Addr()+"/sandbox/faults", "", nil)
	if status != 200 || !bytes.Contains(body, []byte(`{"seed":2,"rates":{"lost_before":0.2,`)) {
		t.Errorf("the setting shown: %d %s", status, body)
	}
	set(`{"rates":{"lost_before":0.25,"lost_after":0.25,"error_5xx":0.25,"garbled":0.25}}`)
	for range 12 {
		if _, word := l.wechat("pay/orderquery", l.wechatRef("none")); word == "ORDERNOTEXIST" {
			t.Error("a request went unharmed although the rates sum to 1")
		}
	}
	set(`{}`)
	if _, word := l.wechat("pay/orderquery", l.wechatRef("none")); word != "ORDERNOTEXIST" {
		t.Errorf("healed: %s", word)
	}
}

// TestTogether sends equal and colliding requests at once.
func TestTogether(t *testing.T) {
	l := start(t)
	code, second := l.code("wechat", "00"), l.code("wechat", "00")
	all := func(n int, f func(i int) (fields, string)) (words map[string]int, refs map[string]bool) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		words, refs = map[string]int{}, map[string]bool{}
		for i := range n {
			wg.Go(func() {
				got, word := f(i)
				mu.Lock()
				defer mu.Unlock()
				words[word]++
				refs[got["transaction_id"]] = true
			})
		}
		wg.Wait()
		return words, refs
	}
	words, refs := all(50, func(int) (fields, string) { return l.wechat("pay/micropay", l.wechatPay("SAME", code)) })
	if words["SUCCESS"] != 50 || len(refs) != 1 || len(l.ledger()) != 1 {
		t.Errorf("50 equal requests: %v, %d references, %d lines", words, len(refs), len(l.ledger()))
	}
	numbers := make([]string, 50)
	for i := range numbers {
		numbers[i] = l.number()
	}
	words, _ = all(50, func(i int) (fields, string) { return l.wechat("pay/micropay", l.wechatPay(numbers[i], second)) })
	if words["SUCCESS"] != 1 || words["AUTH_CODE_INVALID"] != 49 || len(l.ledger()) != 2 {
		t.Errorf("50 orders with one code: %v, %d lines", words, len(l.ledger()))
	}
	words, _ = all(50, func(int) (fields, string) { return l.wechat("secapi/pay/reverse", l.wechatRef("SAME")) })
	if words["N"] != 50 || len(l.ledger()) != 3 {
		t.Errorf("50 reversals: %v, %d lines", words, len(l.ledger()))
	}
}

// TestLedgerOrder books charges that were planned earlier before what happens later.
func TestLedgerOrder(t *testing.T) {
	l := start(t)
	l.alipay("alipay.trade.pay", l.alipayPay("LATE", l.code("alipay", "71")))
	l.wechat("pay/micropay", l.wechatPay("SLOW", l.code("wechat", "53")))
	l.clock.advance(2 * time.Second)
	l.alipay("alipay.trade.pay", l.alipayPay("SLOWER", l.code("alipay", "53")))
	l.alipay("alipay.trade.cancel", fields{"out_trade_no": "LATE"})
	l.clock.advance(time.Minute)
	l.restart()
	l.wechat("pay/micropay", l.wechatPay("NOW", l.code("wechat", "00")))
	l.wechat("secapi/pay/reverse", l.wechatRef("SLOW"))
	var got []string
	for _, x := range l.ledger() {
		got = append(got, x.Kind+" "+x.Number+" "+x.At.Sub(began).String())
	}
	want := "charge SLOW 5s, charge SLOWER 7s, charge LATE 8s, charge NOW 1m2s, reversal SLOW 1m2s"
	if strings.Join(got, ", ") != want {
		t.Errorf("the ledger is %v, want %s", got, want)
	}
}

// TestSecrets looks for payment codes and keys where they must not be.
func TestSecrets(t *testing.T) {
	l := start(t)
	fresh, err := sandbox.New(sandbox.Config{DataDir: filepath.Join(l.dir, "fresh"), Listen: "127.0.0.1:0", Now: l.clock.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{l.code("wechat", "00"), l.code("alipay", "00"), l.code("wechat", "53"), l.code("unionpay", "00")}
	l.wechat("pay/micropay", l.wechatPay("S1", codes[0]))
	l.alipay("alipay.trade.pay", l.alipayPay("S2", codes[1]))
	l.wechat("pay/micropay", l.wechatPay("S3", codes[2]))
	l.stop()
	err = filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", d.Name(), info.Mode().Perm())
		}
		data, err := os.ReadFile(path)
		for _, code := range codes {
			if bytes.Contains(data, []byte(code)) {
				t.Errorf("%s holds a payment code", d.Name())
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if err := fresh.Run(ended); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	now, log := func() time.Time { return began }, slog.New(slog.DiscardHandler)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	halved := t.TempDir()
	copyFiles(t, furnished(), halved)
	if err := os.Remove(filepath.Join(halved, "tls-ca.pem")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  sandbox.Config
		code string
	}{
		"empty":       {sandbox.Config{}, "sandbox.config"},
		"no clock":    {sandbox.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Log: log}, "sandbox.config"},
		"folder":      {sandbox.Config{DataDir: file, Listen: "127.0.0.1:0", Now: now, Log: log}, "sandbox.folder"},
		"address":     {sandbox.Config{DataDir: t.TempDir(), Listen: busy.Addr().String(), Now: now, Log: log}, "sandbox.listen"},
		"half a keys": {sandbox.Config{DataDir: halved, Listen: "127.0.0.1:0", Now: now, Log: log}, "sandbox.keys"},
	} {
		if _, err := sandbox.New(c.cfg); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// TestConnections are the ways a connection can misbehave; none keeps the sandbox from serving or ending.
func TestConnections(t *testing.T) {
	l := start(t)
	for _, text := range []string{"", "\x16", "\x16\x03\x01\x00\x05hello", "\x00\x00", "GET ", "220 mail\r\n\r\n"} {
		conn, err := net.Dial("tcp", l.s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, scheme := range []string{"http", "https"} {
		if status, _, _ := l.send(l.bare, "GET", scheme+"://"+l.s.Addr()+"/sandbox/health", "", nil); status != http.StatusOK {
			t.Errorf("%s: %d", scheme, status)
		}
	}
	l.stop()
	if _, err := net.Dial("tcp", l.s.Addr()); err == nil {
		t.Error("somebody still listens")
	}
}
