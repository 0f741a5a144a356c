package unionpay_test

import (
	"crypto/rsa"
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"cloudcashier/hub/internal/channel/unionpay"
)

func file(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// testKey is the throw-away key of the vectors: here it is the merchant's and UnionPay's.
func testKey(t testing.TB) *rsa.PrivateKey { return privateKey(t, file(t, "test_rsa.pem")) }

// TestVector makes the handbook's U-1.
func TestVector(t *testing.T) {
	var v struct{ String, SHA256Hex, Signature string }
	if err := json.Unmarshal([]byte(file(t, "vector.json")), &v); err != nil {
		t.Fatal(err)
	}
	params, err := unionpay.Split(v.String)
	if err != nil {
		t.Fatal(err)
	}
	key := testKey(t)
	text, hash, sign, err := unionpay.Sign(key, params)
	if err != nil || text != v.String || hash != v.SHA256Hex || sign != v.Signature {
		t.Errorf("Sign = %s\n%s\n%s, %v", text, hash, sign, err)
	}
	params["signature"] = v.Signature
	if err := unionpay.Matches(&key.PublicKey, params); err != nil {
		t.Errorf("the vector's signature: %v", err)
	}
	for _, bad := range []string{"", strings.ToLower(sign), sign[:len(sign)-1], sign + "\n", strings.Replace(sign, "=", "", 1)} {
		params["signature"] = bad
		if unionpay.Matches(&key.PublicKey, params) == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}

func TestSplit(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("&f" + strings.Repeat("x", i%30) + string(rune('a'+i/30)) + "=1")
		}
		return b.String()[1:]
	}
	for in, want := range map[string]map[string]string{
		"a=1":                         {"a": "1"},
		"b=2&a=1":                     {"a": "1", "b": "2"},
		"a=b=c&d=":                    {"a": "b=c", "d": ""},
		"a=+/%2B ==&b=\r\n\t":         {"a": "+/%2B ==", "b": "\r\n\t"},
		"a={x=1&y=2}&b=2":             {"a": "{x=1&y=2}", "b": "2"},
		"a=成功[2&000]&b=[{c&d},{e}]&c": nil,
		"a=成功[2&000]&b=[{c&d},{e}]":   {"a": "成功[2&000]", "b": "[{c&d},{e}]"},
		"a=}]&b=1":                    {"a": "}]", "b": "1"},
		many(96):                      {},
	} {
		got, err := unionpay.Split(in)
		if (err != nil) != (want == nil) || len(want) > 0 && !maps.Equal(got, want) {
			t.Errorf("Split(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for name, in := range map[string]string{
		"empty": "", "no value": "a", "no name": "=1", "twice": "a=1&a=1", "twice, apart": "a=1&b=2&a=3", "twice, empty": "a=&a=",
		"amp at the end": "a=1&", "amp first": "&a=1", "two amps": "a=1&&b=2", "open brace": "a={x&b=2", "open bracket": "a=[x&b=2",
		"wrong end": "a={x]&b=2", "blank in a name": "a b=1", "encoded name": "%61=1", "dot in a name": "a.b=1", "dash in a name": "a-b=1",
		"unicode name": "é=1", "zero": "a=\x00", "zero in a name": "a\x00=1", "control": "a=\x1b[1m", "DEL": "a=\x7f", "no UTF-8": "a=\xd6\xd0",
		"html": "<html><body>busy</body></html>", "json": `{"a":"1"}`, "long name": strings.Repeat("a", 33) + "=1",
		"long value": "a=" + strings.Repeat("x", 8<<10+1), "too many": many(97), "line end in a name": "a=1&\nb=2",
	} {
		if got, err := unionpay.Split(in); err == nil {
			t.Errorf("%s: taken as %v", name, got)
		}
	}
}

// FuzzSplit: no panic; and what is taken means the same when written again in another order.
func FuzzSplit(f *testing.F) {
	f.Add("respCode=00&respMsg=成功[0000000]&txnAmt=100&signature=abc+/==")
	f.Add("a={x=1&y=2}&b=[&]&c=")
	f.Add("a=1&a=2")
	f.Add("a=-----BEGIN CERTIFICATE-----\r\nMII+/=\r\n-----END CERTIFICATE-----&b=1")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := unionpay.Split(in)
		if err != nil {
			return
		}
		var out []string
		for k, v := range got {
			out = append(out, k+"="+v)
		}
		again, err := unionpay.Split(strings.Join(out, "&"))
		if err != nil || !maps.Equal(got, again) {
			t.Fatalf("took %v, again %v (%v)", got, again, err)
		}
	})
}
