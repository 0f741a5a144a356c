package wechatv3_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechatv3"
	"cloudcashier/shared/pay"
)

// TestVectors are the handbook's W3-1 to W3-8.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID, Output string
		Input      json.RawMessage
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors) != 8 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		var message string
		var sealed struct{ Key, Nonce, AAD, Plaintext string }
		if json.Unmarshal(v.Input, &message) == nil {
			if v.ID <= "W3-3" {
				lines := strings.SplitN(message, "\n", 5)
				body := strings.TrimSuffix(lines[4], "\n")
				if got := wechatv3.SignedText(lines[0], lines[1], lines[2], lines[3], []byte(body)); string(got) != message {
					t.Errorf("%s: signed text is %q", v.ID, got)
				}
				if got, err := wechatv3.Sign(testKey(), []byte(message)); err != nil || got != v.Output {
					t.Errorf("%s: signature %s, %v", v.ID, got, err)
				}
				continue
			}
			lines := strings.SplitN(message, "\n", 3)
			head := http.Header{"Wechatpay-Timestamp": {lines[0]}, "Wechatpay-Nonce": {lines[1]}, "Wechatpay-Serial": {serial}, "Wechatpay-Signature": {v.Output}}
			body := []byte(strings.TrimSuffix(lines[2], "\n"))
			if err := wechatv3.Verify(&testKey().PublicKey, head, body); err != nil {
				t.Errorf("%s: %v", v.ID, err)
			}
			if err := wechatv3.Verify(&testKey().PublicKey, head, append(body, ' ')); err == nil {
				t.Errorf("%s: another body verifies", v.ID)
			}
			continue
		}
		if err := json.Unmarshal(v.Input, &sealed); err != nil {
			t.Fatal(err)
		}
		want := []byte(sealed.Plaintext)
		if strings.HasSuffix(sealed.Plaintext, ".pem") {
			if want, err = os.ReadFile("testdata/" + sealed.Plaintext); err != nil {
				t.Fatal(err)
			}
		}
		got, err := wechatv3.Unseal(sealed.Key, sealed.Nonce, sealed.AAD, v.Output)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %q, %v", v.ID, got, err)
		}
		if _, err := wechatv3.Unseal(sealed.Key, sealed.Nonce, sealed.AAD+"x", v.Output); err == nil {
			t.Errorf("%s: other associated data was taken", v.ID)
		}
	}
}

// certificate makes a platform certificate over the test's key.
func certificate(t *testing.T, number int64, from, until time.Time) (serial string, text []byte) {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "Tenpay.com sign"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &testKey().PublicKey, testKey())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%X", number), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// sealFor encrypts as the wallet does, written apart from ours.
func sealFor(key, nonce, associated string, plain []byte) object {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return object{"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": associated,
		"ciphertext": base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte(nonce), plain, []byte(associated)))}
}

type issued struct {
	serial string
	text   []byte
}

func listOf(key string, all ...issued) object {
	var data []object
	for _, c := range all {
		data = append(data, object{"serial_no": c.serial, "effective_time": "2024-01-01T00:00:00+08:00", "expire_time": "2029-01-01T00:00:00+08:00",
			"encrypt_certificate": sealFor(key, "61f9c719728a", "certificate", c.text)})
	}
	return object{"data": data}
}

// platform is a wallet with certificates that change.
type platform struct {
	*told
	list    object
	signs   string // the certificate it signs with
	fetched int
	now     atomic.Int64
}

func newPlatform(t *testing.T, change func(*wechatv3.Config)) *platform {
	t.Helper()
	p := &platform{}
	p.now.Store(clock.Unix())
	at := func() time.Time { return time.Unix(p.now.Load(), 0).UTC() }
	p.told = newTold(t, func(c *wechatv3.Config) {
		c.PublicKeys, c.Certificates, c.Now = nil, true, at
		if change != nil {
			change(c)
		}
	})
	p.seal = func(h http.Header, body []byte) { sealAt(h, body, at(), p.signs) }
	p.answer = func(r *http.Request) (int, []byte) {
		if r.URL.Path == "/v3/certificates" {
			p.fetched++
			return http.StatusOK, text(p.list)
		}
		return http.StatusOK, text(paid("SUCCESS"))
	}
	return p
}

func (p *platform) asks(t *testing.T, want channel.Finding, fetched int) {
	t.Helper()
	if a := p.Query(t.Context(), channeltest.SampleRef()); a.Finding != want || p.fetched != fetched {
		t.Errorf("found %q (%v) with %d downloads, want %q with %d", a.Finding, a.Err, p.fetched, want, fetched)
	}
}

func (p *platform) wait(d time.Duration) { p.now.Add(int64(d / time.Second)) }

var (
	longAgo = clock.Add(-1000 * time.Hour)
	someDay = clock.Add(10000 * time.Hour)
)

// TestCertificatesChange follows a merchant through the life of certificates.
func TestCertificatesChange(t *testing.T) {
	p := newPlatform(t, nil)
	old, oldText := certificate(t, 0x111111111111, longAgo, clock.Add(48*time.Hour))
	next, nextText := certificate(t, 0x222222222222, clock, someDay)
	p.list, p.signs = listOf(apiKey, issued{old, oldText}), old
	p.asks(t, channel.Approved, 1)
	p.asks(t, channel.Approved, 1)
	p.list = listOf(apiKey, issued{old, oldText}, issued{next, nextText})
	p.wait(30 * time.Minute)
	p.signs = next // before an hour is over: looked for once, and then known
	p.asks(t, channel.Approved, 2)
	if got := p.head.Get("Wechatpay-Serial"); got != "" {
		t.Errorf("the certificates were asked for with %q", got)
	}
	p.signs = old
	p.asks(t, channel.Approved, 2)
	if got := p.head.Get("Wechatpay-Serial"); got != next {
		t.Errorf("asked for the certificate %q, want the newest, %q", got, next)
	}
	p.signs = "333333333333" // nobody's
	p.asks(t, channel.Unknown, 2)
	p.wait(2 * time.Minute)
	p.asks(t, channel.Unknown, 3) // looked again, once a minute
	p.asks(t, channel.Unknown, 3)
	p.signs = next
	p.wait(time.Hour)
	p.asks(t, channel.Approved, 4) // each hour
	p.wait(2 * time.Hour)
	if a := p.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat)); a.Finding != channel.Approved || p.fetched != 4 {
		t.Errorf("a customer waited for %d downloads: %q (%v)", p.fetched-4, a.Finding, a.Err)
	}
	p.wait(48 * time.Hour)
	p.signs = old // it ran out
	p.asks(t, channel.Unknown, 5)
}

// TestCertificatesBelieved changes one thing at a time in an honest list.
func TestCertificatesBelieved(t *testing.T) {
	good, goodText := certificate(t, 0x111111111111, longAgo, someDay)
	_, over := certificate(t, 0x111111111111, longAgo, clock)
	for name, k := range map[string]struct {
		list  object
		signs string
	}{
		"another APIv3 key":       {listOf("x"+apiKey[1:], issued{good, goodText}), good},
		"signed by one not in it": {listOf(apiKey, issued{good, goodText}), "222222222222"},
		"another serial":          {listOf(apiKey, issued{"222222222222", goodText}), "222222222222"},
		"no certificate":          {listOf(apiKey, issued{good, []byte("hello")}), good},
		"none":                    {listOf(apiKey), good},
		"run out":                 {listOf(apiKey, issued{good, over}), good},
		"no list":                 {object{"data": "x"}, good},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t, nil)
			p.list, p.signs = k.list, k.signs
			if a := p.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat)); a.Finding != channel.Busy || a.Err == nil {
				t.Errorf("found %q (%v): a payment left whose answer nobody can verify", a.Finding, a.Err)
			}
			if len(p.asked) != 1 {
				t.Errorf("asked %v", p.asked)
			}
			p.asks(t, channel.Unknown, 2)
		})
	}
	t.Run("tag", func(t *testing.T) {
		p := newPlatform(t, nil)
		p.list, p.signs = listOf(apiKey, issued{good, goodText}), good
		sealed := p.list["data"].([]object)[0]["encrypt_certificate"].(object)
		raw, err := base64.StdEncoding.DecodeString(sealed["ciphertext"].(string))
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)-1] ^= 1
		sealed["ciphertext"] = base64.StdEncoding.EncodeToString(raw)
		p.asks(t, channel.Unknown, 1)
	})
}

// TestFromOneToTheOther is a merchant that changes from certificates to the public key: both are believed meanwhile.
func TestFromOneToTheOther(t *testing.T) {
	p := newPlatform(t, func(c *wechatv3.Config) {
		c.PublicKeys = []wechatv3.PublicKey{{ID: keyID, Key: &testKey().PublicKey}}
	})
	good, goodText := certificate(t, 0x111111111111, longAgo, someDay)
	p.list, p.signs = listOf(apiKey, issued{good, goodText}), good
	p.asks(t, channel.Approved, 1)
	p.signs = keyID
	p.asks(t, channel.Approved, 1)
	if got := p.head.Get("Wechatpay-Serial"); got != keyID {
		t.Errorf("asked for %q", got)
	}
	p.signs = "PUB_KEY_ID_0000000000000000000000000009"
	p.asks(t, channel.Unknown, 1)
}
