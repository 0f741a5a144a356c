package gateway_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// call is a request before it is signed; tests spoil its parts.
type call struct {
	method, target, body string
	at                   time.Time
	nonce                string
}

func (m merchant) sign(c call) string {
	ts := strconv.FormatInt(c.at.Unix(), 10)
	text := fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n", c.method, c.target, ts, c.nonce, c.body)
	scheme, sig := "CASHIER-HMAC-SHA256", []byte(nil)
	if m.priv != nil {
		scheme, sig = "CASHIER-ED25519", ed25519.Sign(m.priv, []byte(text))
	} else {
		mac := hmac.New(sha256.New, m.secret)
		mac.Write([]byte(text))
		sig = mac.Sum(nil)
	}
	return fmt.Sprintf(`%s key_id="%s",timestamp="%s",nonce="%s",signature="%s"`, scheme, m.keyID, ts, c.nonce,
		base64.StdEncoding.EncodeToString(sig))
}

func newCall(method, target, body string) call {
	return call{method: method, target: target, body: body, at: time.Now(), nonce: rand.Text()}
}

// answer is what came back, with the nonce that was asked with.
type answer struct {
	status int
	header http.Header
	body   string
	nonce  string
}

func (a answer) fields(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("answer %d is no JSON object: %v\n%s", a.status, err, a.body)
	}
	return v
}

// send makes the request with the Authorization header as given.
func (h *house) send(t testing.TB, c call, authorization ...string) answer {
	t.Helper()
	a, err := h.try(c, authorization...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (h *house) try(c call, authorization ...string) (answer, error) {
	req, err := http.NewRequest(c.method, h.url+c.target, strings.NewReader(c.body))
	if err != nil {
		return answer{}, err
	}
	req.Header["Authorization"] = authorization
	resp, err := h.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body), c.nonce}, err
}

// do signs, sends, and insists that the answer is signed rightly.
func (h *house) do(t testing.TB, m merchant, method, target, body string) answer {
	t.Helper()
	c := newCall(method, target, body)
	a := h.send(t, c, m.sign(c))
	if err := h.verify(m, a); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, target, a.status, a.body, err)
	}
	return a
}

func (h *house) verify(m merchant, a answer) error {
	sig, err := base64.StdEncoding.DecodeString(a.header.Get("Cashier-Signature"))
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, "%d\n%s\n%s\n%s\n", a.status, a.header.Get("Cashier-Timestamp"), a.nonce, a.body)
	mac := hmac.New(sha256.New, m.secret)
	mac.Write(text)
	keyID := a.header.Get("Cashier-Key-Id")
	switch {
	case a.header.Get("Cashier-Nonce") != a.nonce:
		return fmt.Errorf("nonce %q is not the request's", a.header.Get("Cashier-Nonce"))
	case m.priv == nil && (keyID != m.keyID || !hmac.Equal(mac.Sum(nil), sig)):
		return fmt.Errorf("signature by %q does not verify", keyID)
	case m.priv != nil && (keyID != "hub_1" || !ed25519.Verify(h.hubKey, text, sig)):
		return fmt.Errorf("signature by %q does not verify", keyID)
	}
	return nil
}
