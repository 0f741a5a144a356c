package gateway_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/gateway"
	"cloudcashier/shared/fault"
)

// flipped changes one bit of the signature inside an Authorization header.
func flipped(authorization string) string {
	head, sig, _ := strings.Cut(authorization, `signature="`)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(sig, `"`))
	if err != nil {
		panic(err)
	}
	raw[0] ^= 1
	return head + `signature="` + base64.StdEncoding.EncodeToString(raw) + `"`
}

func TestAuthentication(t *testing.T) {
	h := open(t, nil)
	h.keys["key_other_scheme"] = h.keys[cherry.keyID]
	for _, m := range []merchant{apple, cherry} {
		sign := func(edit func(*call)) func(*call) []string {
			return func(c *call) []string { a := m.sign(*c); edit(c); return []string{a} }
		}
		as := func(keyID string) func(*call) []string {
			return func(c *call) []string { n := m; n.keyID = keyID; return []string{n.sign(*c)} }
		}
		header := func(edit func(string) string) func(*call) []string {
			return func(c *call) []string { return []string{edit(m.sign(*c))} }
		}
		replace := func(old, new string) func(*call) []string {
			return header(func(a string) string { return strings.Replace(a, old, new, 1) })
		}
		shifted := func(d time.Duration) func(*call) []string {
			return func(c *call) []string { c.at = c.at.Add(d); return []string{m.sign(*c)} }
		}
		nonce := func(n string) func(*call) []string {
			return func(c *call) []string { c.nonce = n; return []string{m.sign(*c)} }
		}
		reorder := func(a string) string {
			scheme, rest, _ := strings.Cut(a, " ")
			f := strings.Split(rest, ",")
			return scheme + " " + f[3] + ", " + f[1] + " ," + f[0] + "," + f[2]
		}
		for _, row := range []struct {
			name string
			auth func(*call) []string
			code string // "" when it is let in
		}{
			{"as it should be", sign(func(*call) {}), ""},
			{"fields in another order", header(reorder), ""},
			{"four minutes behind", shifted(-4 * time.Minute), ""},
			{"four minutes ahead", shifted(4 * time.Minute), ""},
			{"six minutes behind", shifted(-6 * time.Minute), "auth.clock"},
			{"six minutes ahead", shifted(6 * time.Minute), "auth.clock"},
			{"the method changed", sign(func(c *call) { c.method = "GET" }), "auth.signature"},
			{"the path changed", sign(func(c *call) { c.target = "/v1/payment" }), "auth.signature"},
			{"the path written otherwise", sign(func(c *call) { c.target = "/v1/%70ayments" }), "auth.signature"},
			{"a query added", sign(func(c *call) { c.target += "?a=b" }), "auth.signature"},
			{"an empty query added", sign(func(c *call) { c.target += "?" }), "auth.signature"},
			{"the body changed", sign(func(c *call) { c.body = strings.Replace(c.body, "1280", "1281", 1) }), "auth.signature"},
			{"a blank after the body", sign(func(c *call) { c.body += " " }), "auth.signature"},
			{"no body", sign(func(c *call) { c.body = "" }), "auth.signature"},
			{"the signature changed", header(flipped), "auth.signature"},
			{"the timestamp changed", replace(`timestamp="1`, `timestamp="01`), "auth.signature"},
			{"the nonce changed", replace(`nonce="`, `nonce="x`), "auth.signature"},
			{"the key changed", replace(m.keyID, banana.keyID), "auth.signature"},
			{"an unknown key", as("key_nobody"), "auth.signature"},
			{"a revoked key", as("key_revoked"), "auth.signature"},
			{"a key without a secret", as("key_empty"), "auth.signature"},
			{"a key of the other scheme", as(map[string]string{apple.keyID: cherry.keyID, cherry.keyID: apple.keyID}[m.keyID]), "auth.signature"},
			{"a nonce of eight", nonce("abcdEF_-"), ""},
			{"that nonce again", nonce("abcdEF_-"), "auth.replayed"},
			{"a nonce of seven", nonce("abcdEF1"), "auth.malformed"},
			{"a nonce of 65", nonce(strings.Repeat("n", 65)), "auth.malformed"},
			{"a nonce with a blank", nonce("abcd efgh"), "auth.malformed"},
			{"no header", func(*call) []string { return nil }, "auth.missing"},
			{"two headers", func(c *call) []string { return []string{m.sign(*c), m.sign(*c)} }, "auth.malformed"},
			{"an empty header", func(*call) []string { return []string{""} }, "auth.malformed"},
			{"another scheme", header(func(a string) string { return "Basic" + a[strings.Index(a, " "):] }), "auth.malformed"},
			{"the scheme in small letters", header(func(a string) string { i := strings.Index(a, " "); return strings.ToLower(a[:i]) + a[i:] }), "auth.malformed"},
			{"a field missing", header(func(a string) string { return a[:strings.LastIndex(a, ",")] }), "auth.malformed"},
			{"a field twice", header(func(a string) string { return a + `,nonce="abcdefgh"` }), "auth.malformed"},
			{"a field unknown", header(func(a string) string { return a + `,realm="x"` }), "auth.malformed"},
			{"a comma at the end", header(func(a string) string { return a + "," }), "auth.malformed"},
			{"a field without quotes", replace(`key_id="`+m.keyID+`"`, "key_id="+m.keyID), "auth.malformed"},
			{"a field empty", replace(`key_id="`+m.keyID+`"`, `key_id=""`), "auth.malformed"},
			{"a timestamp with a sign", replace(`timestamp="`, `timestamp="+`), "auth.malformed"},
			{"a timestamp far away", replace(`timestamp="`, `timestamp="9999`), "auth.malformed"},
			{"a signature in base64url", replace(`signature="`, `signature="_-`), "auth.malformed"},
			{"a signature cut short", header(func(a string) string { return a[:len(a)-5] + `"` }), "auth.signature"},
		} {
			c := newCall("POST", "/v1/payments", order(newCall("", "", "").nonce, ""))
			authorization := row.auth(&c)
			before := len(h.asks)
			a := h.send(t, c, authorization...)
			if row.code == "" {
				if err := h.verify(m, a); a.status != 200 || err != nil {
					t.Errorf("%s: %d %s: %v", row.name, a.status, a.body, err)
				}
				continue
			}
			v := a.fields(t)
			if a.status != 401 || v["code"] != row.code || len(h.asks) != before {
				t.Errorf("%s: %d %s, want %s", row.name, a.status, a.body, row.code)
			}
			if a.header.Get("Cashier-Signature") != "" || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: headers %v", row.name, a.header)
			}
		}
	}
}

func TestWrongKeysAreToldAlike(t *testing.T) {
	h := open(t, nil)
	var told []string
	for _, keyID := range []string{apple.keyID, "key_nobody", "key_revoked", "key_empty", cherry.keyID} {
		m := merchant{keyID: keyID, secret: []byte("not the secret of anybody")}
		c := newCall("GET", "/v1/payments?order_no=A-1", "")
		told = append(told, h.send(t, c, m.sign(c)).body)
	}
	for i, body := range told {
		if body != told[0] {
			t.Errorf("%d: %s differs from %s", i, body, told[0])
		}
	}
}

// TestRefusedAnswersAreSignedOnce: also what never reached the engine uses its nonce up.
func TestRefusedAnswersAreSignedOnce(t *testing.T) {
	h := open(t, nil)
	for _, body := range []string{"{", order("A-1", `,"wait_ms":-1`)} {
		c := newCall("POST", "/v1/payments", body)
		if a := h.send(t, c, apple.sign(c)); a.status != 400 || a.header.Get("Cashier-Signature") == "" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
		if a := h.send(t, c, apple.sign(c)); a.status != 401 || a.header.Get("Cashier-Signature") != "" {
			t.Errorf("%s again: %d %s", body, a.status, a.body)
		}
	}
}

func TestReplayedAnswersAreNotSigned(t *testing.T) {
	h := open(t, nil)
	c := newCall("POST", "/v1/payments", order("A-1", ""))
	if a := h.send(t, c, apple.sign(c)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := h.send(t, c, apple.sign(c)); a.status != 401 || a.header.Get("Cashier-Signature") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := h.send(t, c, merchant{keyID: banana.keyID, secret: banana.secret}.sign(c)); a.status != 200 {
		t.Errorf("the same nonce by another key: %d %s", a.status, a.body)
	}
	read := newCall("GET", "/v1/payments?order_no=A-1", "")
	if a := h.send(t, read, apple.sign(read)); a.status != 200 {
		t.Errorf("a question: %d %s", a.status, a.body)
	}
	if a := h.send(t, read, apple.sign(read)); a.status != 401 || a.header.Get("Cashier-Signature") != "" {
		t.Errorf("the same question again: %d %v", a.status, a.header)
	}
	for name, expires := range h.nonces {
		if kept := expires.Sub(c.at); kept < 5*time.Minute || kept > 6*time.Minute {
			t.Errorf("%s is kept for %v", name, kept)
		}
	}
}

// brokenKeys is storage that fails.
type brokenKeys struct{}

func (brokenKeys) APIKey(string) (gateway.APIKey, error) {
	return gateway.APIKey{}, errors.New("the disk is gone")
}

func (brokenKeys) UseNonce(string, string, time.Time) (bool, error) {
	return true, errors.New("the disk is gone")
}

func TestNobodyIsLetInWhenStorageFails(t *testing.T) {
	for name, edit := range map[string]func(*gateway.Deps){
		"keys":   func(d *gateway.Deps) { d.Keys = brokenKeys{} },
		"nonces": func(d *gateway.Deps) { d.Nonces = brokenKeys{} },
	} {
		h := open(t, func(_ *gateway.Config, d *gateway.Deps) { edit(d) })
		for _, c := range []call{newCall("GET", "/v1/payments?order_no=A-1", ""), newCall("POST", "/v1/payments", "{")} {
			a := h.send(t, c, apple.sign(c))
			if a.status != 503 || a.header.Get("Retry-After") == "" || len(h.asks) != 0 || strings.Contains(a.body, "disk") ||
				a.header.Get("Cashier-Signature") != "" {
				t.Errorf("%s: %s: %d %s", name, c.method, a.status, a.body)
			}
		}
	}
}

func TestEveryAnswerAfterAuthenticationIsSigned(t *testing.T) {
	h := open(t, nil)
	h.script(func(b *books) { b.fail = fault.New(fault.InDoubt, "wallet.lost", "the answer is lost") })
	for _, m := range []merchant{apple, cherry} {
		for _, c := range []struct {
			method, target, body string
			status               int
		}{
			{"POST", "/v1/payments", "{", 400},
			{"POST", "/v1/payments", order("A-1", ""), 504},
			{"GET", "/v1/payments/pay_01ARZ3NDEKTSV4RRFFQ69G5FAV", "", 504},
			{"GET", "/v1/payments", "", 400},
			{"GET", "/v1/nothing", "", 404},
			{"GET", "/v1/payments/", "", 404},
			{"POST", "/v1/payments/pay_01ARZ3NDEKTSV4RRFFQ69G5FAV", "", 405},
			{"GET", "/v1/payments/a/cancel", "", 405},
			{"GET", "/terminal/v1/activate", "", 405},
		} {
			if strings.HasPrefix(c.target, "/terminal") {
				if a := h.send(t, newCall(c.method, c.target, "")); a.status != c.status {
					t.Errorf("%s: %d", c.target, a.status)
				}
				continue
			}
			if a := h.do(t, m, c.method, c.target, c.body); a.status != c.status || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s: %d %s", c.method, c.target, a.status, a.body)
			}
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodHead} {
		c := newCall(method, "/v1/payments", "")
		if a := h.send(t, c, apple.sign(c)); a.status != 405 {
			t.Errorf("%s: %d", method, a.status)
		}
	}
}

// An HMAC key whose secret is missing or short is signed for by whoever guesses that.
func TestAnEmptySecretOpensNothing(t *testing.T) {
	h := open(t, nil)
	h.keys["key_short"] = gateway.APIKey{ID: "key_short", Merchant: "mer_apple", Secret: []byte("0123456789abcde")}
	for _, m := range []merchant{{keyID: "key_empty", secret: []byte{}}, {keyID: "key_short", secret: []byte("0123456789abcde")}} {
		c := newCall("POST", "/v1/payments", order("A-1", ""))
		if a := h.send(t, c, m.sign(c)); a.status != 401 || len(h.asks) != 0 {
			t.Errorf("%s: %d %s", m.keyID, a.status, a.body)
		}
	}
}
