package alipay_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"cloudcashier/hub/internal/channel/alipay"
)

// testKey is the throw-away key of the vectors: here it is the application's and Alipay's.
func testKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	raw, err := os.ReadFile("testdata/test_rsa.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

// TestVectors makes the handbook's A2-1, A2-2, A2-3 and A2-6 and takes the answers among them.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ ID, Input, Output string }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 4 {
		t.Fatalf("%d vectors, want 4", len(vectors))
	}
	key := testKey(t)
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			if got, err := alipay.Sign(key, v.Input); err != nil || got != v.Output {
				t.Errorf("Sign = %s, %v; want %s", got, err, v.Output)
			}
			if err := alipay.Verify(&key.PublicKey, []byte(v.Input), []byte(v.Output)); err != nil {
				t.Errorf("Verify = %v", err)
			}
			if v.ID == "A2-1" { // a request
				return
			}
			body := `{"alipay_trade_precreate_response":` + v.Input + `,"sign":"` + v.Output + `"}`
			node, sign, err := alipay.Split([]byte(body), "alipay_trade_precreate_response")
			if err != nil || string(node) != v.Input || string(sign) != v.Output {
				t.Errorf("Split = %s, %s, %v", node, sign, err)
			}
			if v.ID == "A2-6" { // an encrypted node is text; TestContent opens it
				return
			}
			if code, _, err := alipay.Parse(node); err != nil || code == "" {
				t.Errorf("Parse = %q, %v", code, err)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	good := map[string]string{ // body → node
		`{"n":{},"sign":"s"}`:                                `{}`,
		`{"n":{"a":"}{\"","b":[{"c":"]"}]},"sign":"s"}`:      `{"a":"}{\"","b":[{"c":"]"}]}`,
		`{"n":{"a":"\\"},"sign":"s"}`:                        `{"a":"\\"}`,
		`{"n":{"a":"\\\""},"sign":"s"}`:                      `{"a":"\\\""}`,
		" {\n\"n\" : {\"a\": 1 } , \"sign\" : \"s\" }\r\n":   `{"a": 1 }`,
		`{"n":{"sign":"x"},"alipay_cert_sn":"c","sign":"s"}`: `{"sign":"x"}`,
		`{"n":{"n":{}},"sign":"s","alipay_cert_sn":"c"}`:     `{"n":{}}`,
		`{"n":` + nested(16) + `,"sign":"s"}`:                nested(16),
		`{"n":{"a":"支付"},"sign":"s"}`:                        `{"a":"支付"}`,
	}
	for body, want := range good {
		node, sign, err := alipay.Split([]byte(body), "n")
		if err != nil || string(node) != want || string(sign) != "s" {
			t.Errorf("Split(%.80s) = %s, %s, %v; want %s", body, node, sign, err, want)
		}
	}
	for name, body := range map[string]string{
		"empty": ``, "no object": `[]`, "text": `"n"`, "no member": `{}`, "open": `{"n":{},"sign":"s"`,
		"sign first":          `{"sign":"s","n":{}}`,
		"cert first":          `{"alipay_cert_sn":"c","n":{},"sign":"s"}`,
		"error_response":      `{"error_response":{"code":"40002"},"sign":"s"}`,
		"error_response too":  `{"n":{},"error_response":{},"sign":"s"}`,
		"other node":          `{"m":{},"sign":"s"}`,
		"other case":          `{"N":{},"sign":"s"}`,
		"escaped name":        `{"\u006e":{},"sign":"s"}`,
		"unsigned":            `{"n":{}}`,
		"empty signature":     `{"n":{},"sign":""}`,
		"null signature":      `{"n":{},"sign":null}`,
		"signature an object": `{"n":{},"sign":{}}`,
		"signature escaped":   `{"n":{},"sign":"a\/b"}`,
		"two signatures":      `{"n":{},"sign":"s","sign":"s"}`,
		"two certificates":    `{"n":{},"alipay_cert_sn":"c","alipay_cert_sn":"c","sign":"s"}`,
		"two nodes":           `{"n":{},"n":{},"sign":"s"}`,
		"unknown name":        `{"n":{},"x":"y","sign":"s"}`,
		"node a text escaped": `{"n":"a\/b","sign":"s"}`,
		"node an array":       `{"n":[],"sign":"s"}`,
		"node not closed":     `{"n":{"a":1,"sign":"s"}`,
		"string not closed":   `{"n":{"a":"1},"sign":"s"}`,
		"trailing comma":      `{"n":{},"sign":"s",}`,
		"no comma":            `{"n":{}"sign":"s"}`,
		"no colon":            `{"n"{},"sign":"s"}`,
		"after the end":       `{"n":{},"sign":"s"}{}`,
		"too deep":            `{"n":` + nested(17) + `,"sign":"s"}`,
		"very deep":           `{"n":` + strings.Repeat("{", 60000),
		"BOM":                 "\ufeff" + `{"n":{},"sign":"s"}`,
		"newline in name":     "{\"n\n\":{},\"sign\":\"s\"}",
	} {
		if node, sign, err := alipay.Split([]byte(body), "n"); err == nil {
			t.Errorf("%s: taken as %s, %s", name, node, sign)
		}
	}
}

// nested is an object depth levels deep.
func nested(depth int) string {
	return strings.Repeat(`{"a":`, depth-1) + `{}` + strings.Repeat(`}`, depth-1)
}

func TestParse(t *testing.T) {
	for raw, want := range map[string][2]string{
		`{}`:               {"", ""},
		`{"code":"10000"}`: {"10000", ""},
		" { \"code\" : \"10000\" , \"x\" : 12 , \"out_trade_no\" : \"T1\" } ":                      {"10000", "T1"},
		`{"x":[1,{"code":"2"}],"y":{"out_trade_no":"T2"},"z":null,"b":true,"n":-1.5e3,"code":"1"}`: {"1", ""},
		`{"code":"\u0031\"\\"}`:   {`1"\`, ""},
		`{"v":"\\","code":"1"}`:   {"1", ""},
		`{"Code":"2","code":"1"}`: {"1", ""},
	} {
		code, order, err := alipay.Parse([]byte(raw))
		if err != nil || code != want[0] || order != want[1] {
			t.Errorf("Parse(%s) = %q, %q, %v; want %q", raw, code, order, err, want)
		}
	}
	var many strings.Builder
	for i := range 129 {
		many.WriteString(`"` + strings.Repeat("x", i+1) + `":1,`)
	}
	for name, raw := range map[string]string{
		"twice": `{"code":"1","code":"2"}`, "unknown twice": `{"x":1,"x":1}`, "escaped name": `{"cod\u0065":"1"}`,
		"number": `{"code":10000}`, "null": `{"code":null}`, "object": `{"code":{}}`, "array": `[]`, "text": `"x"`,
		"cut": `{"code":"1"`, "comma": `{"code":"1",}`, "single quotes": `{'code':'1'}`, "comment": `{"code":"1"/**/}`,
		"bad escape": `{"code":"\x"}`, "raw newline": "{\"code\":\"\n\"}", "not UTF-8": "{\"code\":\"\xff\"}",
		"brackets crossed": `{"x":[}]}`, "too many": `{` + many.String() + `"code":"1"}`, "deep": `{"x":` + nested(40) + `}`,
	} {
		if code, _, err := alipay.Parse([]byte(raw)); err == nil {
			t.Errorf("%s: taken with code %q", name, code)
		}
	}
}

// FuzzSplit: no panic; what is split is a part of the body, and what Parse takes of it encoding/json
// reads the same way.
func FuzzSplit(f *testing.F) {
	f.Add([]byte(`{"n":{"code":"10000","out_trade_no":"T1"},"sign":"s"}`))
	f.Add([]byte(`{"n":{"a":"}{\"","b":[{"c":"]"}],"code":"\u0031"},"alipay_cert_sn":"c","sign":"s"}`))
	f.Add([]byte(`{"sign":"s","n":{}}`))
	f.Add([]byte(`{"n":{"code":"1","code":"2"},"sign":"s"}`))
	f.Add([]byte(`{"n":{"x":tr,"y":-},"sign":"s"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		node, sign, err := alipay.Split(body, "n")
		if err != nil {
			return
		}
		if !bytes.Contains(body, node) || !bytes.Contains(body, sign) {
			t.Fatalf("split off %q and %q, which the body does not hold", node, sign)
		}
		code, order, err := alipay.Parse(node)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(node, &want); err != nil {
			t.Fatalf("took %q, which is no JSON: %v", node, err)
		}
		for name, got := range map[string]string{"code": code, "out_trade_no": order} {
			var text string
			if want[name] != nil {
				if err := json.Unmarshal(want[name], &text); err != nil {
					t.Fatal(err)
				}
			}
			if got != text {
				t.Errorf("%s is %q, want %q", name, got, text)
			}
		}
	})
}
