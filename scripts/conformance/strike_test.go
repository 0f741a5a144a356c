package main

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

const (
	xmlAnswer  = `<xml><appid><![CDATA[wx12]]></appid><attach><![CDATA[]]></attach><total_fee>100</total_fee><sign><![CDATA[AB]]></sign></xml>`
	nodeAnswer = `{"alipay_trade_pay_response":{"code":"10000","a":"{}"},"sign":"abcA=="}`
)

// changedBytes gives each place where two texts of one length differ.
func changedBytes(t *testing.T, a, b string) (at []int) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%q became %q", a, b)
	}
	for i := range len(a) {
		if a[i] != b[i] {
			at = append(at, i)
		}
	}
	return at
}

// TestEveryProtectedByteIsStruckOnce: a byte that is left out is one that a wallet could leave unsigned.
func TestEveryProtectedByteIsStruckOnce(t *testing.T) {
	for _, c := range []struct {
		name, text string
		strike     func(body []byte, at int) ([]byte, string)
		want       string // the bytes that are struck, in order
	}{
		{"values of XML", xmlAnswer, func(b []byte, at int) ([]byte, string) { return strikeXML(b, at, false) }, "wx12" + "100" + "AB"},
		{"names too", xmlAnswer, func(b []byte, at int) ([]byte, string) { return strikeXML(b, at, true) }, "wx12appid" + "100total_fee" + "ABsign"},
		{"a node", nodeAnswer, strikeNode, `{"code":"10000","a":"{}"}` + "abc"},
		{"a node and a certificate's number", `{"alipay_trade_pay_response":{"a":"b"},"alipay_cert_sn":"12","sign":"abcA=="}`, strikeNode, `{"a":"b"}` + "abc"},
		{"an encrypted node", `{"alipay_trade_pay_response":"xyz","sign":"abcA=="}`, strikeNode, `"xyz"` + "abc"},
		{"no node", `{"sign":"abc"}`, strikeNode, ""},
	} {
		struck, seen := "", map[int]bool{}
		for at := 0; ; at++ {
			body, hit := c.strike([]byte(c.text), at)
			places := changedBytes(t, c.text, string(body))
			if hit == "" {
				if len(places) > 0 {
					t.Errorf("%s: changed behind the end", c.name)
				}
				break
			}
			if len(places) != 1 || seen[places[0]] {
				t.Fatalf("%s, %d: changed %v", c.name, at, places)
			}
			seen[places[0]] = true
			struck += c.text[places[0] : places[0]+1]
		}
		if struck != c.want {
			t.Errorf("%s: struck %q, not %q", c.name, struck, c.want)
		}
	}
}

// TestFormsAreStruckBehindTheirEncoding: one byte of one value as the wallet reads it, all others as they were.
func TestFormsAreStruckBehindTheirEncoding(t *testing.T) {
	const query, form = "a=x%3Dy&empty=&b=1+2", "c=%E8%8C%B6"
	read := func(query, form string) string {
		out := ""
		for _, pair := range strings.Split(query+"&"+form, "&") {
			_, value, _ := strings.Cut(pair, "=")
			plain, err := url.QueryUnescape(value)
			if err != nil {
				t.Fatal(err)
			}
			out += plain
		}
		return out
	}
	before, seen := read(query, form), ""
	for at := 0; ; at++ {
		q, f, hit := strikeForm(query, []byte(form), at)
		if hit == "" {
			if q != query || !bytes.Equal(f, []byte(form)) {
				t.Errorf("changed behind the end: %s %s", q, f)
			}
			break
		}
		if places := changedBytes(t, before, read(q, string(f))); len(places) != 1 || places[0] != at {
			t.Fatalf("%d: changed %v", at, places)
		}
		seen += hit
	}
	if want := "aaa" + "bbb" + "ccc"; seen != want {
		t.Errorf("struck %s, not %s", seen, want)
	}
}
