package alipay

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/keys"
)

func testdata(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSignatureVectors verifies a request and signs answers as the handbook's vectors say.
func TestSignatureVectors(t *testing.T) {
	private, err := keys.DecodeRSA(testdata(t, "app_rsa.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(testdata(t, "app_rsa.pub.pem")))
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		t.Fatal(err)
	}
	public, err := keys.DecodePublic(testdata(t, "app_rsa.pub.pem"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ ID, Input, Output string }
	if err := json.Unmarshal([]byte(testdata(t, "vectors.json")), &vectors); err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, v := range vectors {
		switch v.ID {
		case "A2-1":
			params := map[string]string{"sign": v.Output, "notify_url": ""}
			for _, pair := range strings.Split(v.Input, "&") {
				name, value, _ := strings.Cut(pair, "=")
				params[name] = value
			}
			if got := string(signedText(params)); got != v.Input {
				t.Errorf("%s: the signed text is %s", v.ID, got)
			}
			if !verify(public, signedText(params), v.Output) {
				t.Errorf("%s does not verify", v.ID)
			}
			for _, bad := range []string{"", "AAAA", v.Output[1:], v.Output + "=", v.Output[:100] + "\n" + v.Output[100:], "B" + v.Output[1:], strings.TrimRight(v.Output, "=")} {
				if verify(public, signedText(params), bad) {
					t.Errorf("%s: %q verifies", v.ID, bad)
				}
			}
			params["version"] = "1.1"
			if verify(public, signedText(params), v.Output) {
				t.Errorf("%s verifies for a changed request", v.ID)
			}
			done++
		case "A2-2", "A2-3":
			body, err := seal(signing{key: keys.NewSigner(private)}, "alipay_trade_pay_response", json.RawMessage(v.Input))
			want := `{"alipay_trade_pay_response":` + v.Input + `,"sign":"` + v.Output + `"}`
			if err != nil || string(body) != want {
				t.Errorf("%s: %s (%v)", v.ID, body, err)
			}
			forged, err := seal(signing{key: keys.NewSigner(private), forged: true}, "alipay_trade_pay_response", json.RawMessage(v.Input))
			if err != nil || len(forged) != len(body) || string(forged) == string(body) {
				t.Errorf("%s forged: %s (%v)", v.ID, forged, err)
			}
			done++
		case "A3-1", "A3-2":
			signed, rest, _ := strings.Cut(v.Input, "\n")
			lines := strings.SplitN(rest, "\n", 3)
			r := door.Request{Method: lines[0], Body: []byte(strings.TrimSuffix(lines[2], "\n"))}
			if got := string(restText(signed, lines[1], r)); got != v.Input || !verify(public, restText(signed, lines[1], r), v.Output) {
				t.Errorf("%s: the signed text is %q", v.ID, got)
			}
			r.Body = append(r.Body, ' ')
			if verify(public, restText(signed, lines[1], r), v.Output) {
				t.Errorf("%s verifies for a changed request", v.ID)
			}
			done++
		case "A3-3":
			lines := strings.SplitN(v.Input, "\n", 3)
			got, err := restSign(signing{key: keys.NewSigner(private)}, lines[0], lines[1], []byte(strings.TrimSuffix(lines[2], "\n")))
			if err != nil || got != v.Output {
				t.Errorf("%s: %s (%v)", v.ID, got, err)
			}
			done++
		}
	}
	// An encoder that escapes < or / would change bytes that other clients build their texts from.
	if body, err := seal(signing{}, "x", map[string]string{"a": "</&>"}); err != nil || string(body) != `{"x":{"a":"</&>"}}` {
		t.Errorf("unsigned: %s (%v)", body, err)
	}
	if done != 6 {
		t.Errorf("%d vectors were tried, want 6", done)
	}
}

func TestTimeout(t *testing.T) {
	now := time.Date(2026, 1, 1, 15, 30, 0, 0, time.UTC) // 23:30 in China
	for text, want := range map[string]time.Duration{
		"1m": time.Minute, "90m": 90 * time.Minute, "2h": 2 * time.Hour, "15d": 15 * 24 * time.Hour, "1c": 30 * time.Minute,
	} {
		if got, ok := parseTimeout(text, now); !ok || got.Sub(now) != want {
			t.Errorf("%s: %s, %t; want %s", text, got.Sub(now), ok, want)
		}
	}
	for _, text := range []string{"", "m", "0m", "16d", "361h", "1s", "1.5h", "-1m", "+1m", "1M", "2c", "99999999d", " 1m"} {
		if got, ok := parseTimeout(text, now); ok {
			t.Errorf("%q was taken as %s", text, got)
		}
	}
}
