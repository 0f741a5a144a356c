package announce_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/announce"
	"cloudcashier/shared/fault"
)

// golden is what openssl dgst -sha256 -hmac makes of "cashier speaker v1\n" and the body.
const golden = "WCL5ntrnKWcu0LQyDIveSeC3FaXhwhke8dJ0/PnHA8g="

var (
	key     = []byte("0123456789abcdef")
	message = announce.Message{ID: "pay_1", Fen: 1280, Wallet: "wechat", At: 1764061200000, TTL: 30}
)

func TestSealed(t *testing.T) {
	body, signature, err := announce.Seal(message, key)
	if err != nil {
		t.Fatal(err)
	}
	// Golden: other makers' speakers are built to these bytes.
	if string(body) != `{"id":"pay_1","fen":1280,"wallet":"wechat","at":1764061200000,"ttl":30}` {
		t.Errorf("%s", body)
	}
	if signature != golden {
		t.Errorf("%s", signature)
	}
	if m, err := announce.Open(body, signature, key); err != nil || m != message {
		t.Errorf("%+v, %v", m, err)
	}
	for what, open := range map[string]func() error{
		"another key": func() error { _, err := announce.Open(body, signature, []byte("0123456789abcdeg")); return err },
		"another amount": func() error {
			_, err := announce.Open([]byte(strings.Replace(string(body), "1280", "1281", 1)), signature, key)
			return err
		},
		"no signature":      func() error { _, err := announce.Open(body, "", key); return err },
		"half a signature":  func() error { _, err := announce.Open(body, signature[:20], key); return err },
		"a signature of no": func() error { _, err := announce.Open(body, "!", key); return err },
	} {
		if err := open(); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWhatSaysNothing(t *testing.T) {
	for _, bad := range []announce.Message{
		{Fen: 1, Wallet: "wechat", At: 1, TTL: 30}, {ID: strings.Repeat("x", 65), Fen: 1, Wallet: "wechat", TTL: 30},
		{ID: "a", Fen: -1, Wallet: "wechat", TTL: 30}, {ID: "a", Fen: 0, Wallet: "wechat", TTL: 30},
		{ID: "a", Fen: 5, Wallet: announce.Test, TTL: 30}, {ID: "a", Fen: 5, TTL: 30}, {ID: "a", Fen: 5, Wallet: "wechat"},
		{ID: "a", Fen: 5, Wallet: "wechat", TTL: 61},
	} {
		body, signature, err := announce.Seal(bad, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := announce.Open(body, signature, key); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if body, signature, _ := announce.Seal(announce.Message{ID: "t", Wallet: announce.Test, TTL: 5}, key); true {
		if _, err := announce.Open(body, signature, key); err != nil {
			t.Error(err)
		}
	}
}

func TestFresh(t *testing.T) {
	at := time.UnixMilli(message.At)
	for after, want := range map[time.Duration]bool{0: true, 30 * time.Second: true, 31 * time.Second: false, -5 * time.Second: true, -6 * time.Second: false} {
		if message.Fresh(at.Add(after)) != want {
			t.Errorf("%s after it: %v", after, !want)
		}
	}
}

func TestRing(t *testing.T) {
	var r announce.Ring
	for i := range 250 {
		id := fmt.Sprint(i)
		if !r.Take(id) || r.Take(id) {
			t.Fatalf("%s is not said once", id)
		}
	}
	if r.Take("150") || !r.Take("149") {
		t.Error("it remembers another number than a hundred")
	}
}

func TestKeys(t *testing.T) {
	if k, err := announce.ParseKey([]byte("0123456789abcdef\n")); err != nil || string(k) != string(key) {
		t.Errorf("%q, %v", k, err)
	}
	for _, bad := range []string{"", "short", "0123456789abcdef\n0123456789abcdef"} {
		if _, err := announce.ParseKey([]byte(bad)); fault.CodeOf(err) != "announce.key" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"id":"pay_1","fen":1280,"wallet":"wechat","at":1764061200000,"ttl":30}`))
	f.Add([]byte(`{"id":"test_1","fen":0,"wallet":"test","at":0,"ttl":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := announce.Open(body, golden, key); err == nil && string(body) != `{"id":"pay_1","fen":1280,"wallet":"wechat","at":1764061200000,"ttl":30}` {
			t.Errorf("%q passes with the signature of another message", body)
		}
		m, err := announce.Open(body, signatureOf(body), key)
		if err != nil {
			return
		}
		again, signature, err := announce.Seal(m, key)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := announce.Open(again, signature, key); err != nil || back != m {
			t.Errorf("%+v comes back as %+v, %v", m, back, err)
		}
	})
}

// signatureOf signs any bytes as a till with the key could.
func signatureOf(body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("cashier speaker v1\n"))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
