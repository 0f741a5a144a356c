package carry_test

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"cloudcashier/hub/internal/channel/carry"
)

func TestForm(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		ok   bool
	}{
		"a usual one":     {"a=1&b=%E8%8C%B6+tea&sign=ab%2B%2F%3D", true},
		"an empty value":  {"a=&b=1", true},
		"lines":           {"cert=a%0D%0Ab", true},
		"nothing":         {"", false},
		"a name twice":    {"a=1&a=1", false},
		"twice, encoded":  {"a=1&%61=2", false},
		"no name":         {"=1", false},
		"a strange name":  {"a b=1", false},
		"a semicolon":     {"a=1;b=2", false},
		"half a per cent": {"a=%4", false},
		"a control byte":  {"a=%00", false},
		"no UTF-8":        {"a=%ff", false},
		"too long":        {"a=" + strings.Repeat("x", 9<<10), false},
		"too many":        {strings.Repeat("a", 1) + "=1" + manyFields(), false},
	} {
		if _, err := carry.Form([]byte(c.body)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func manyFields() string {
	var b strings.Builder
	for i := range 26 * 26 {
		b.WriteString("&n" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "=1")
	}
	return b.String()
}

func TestNotifyURL(t *testing.T) {
	for address, ok := range map[string]bool{"https://pay.example.com/notify/0a": true, "http://127.0.0.1:80/n": true, "": false, "/notify": false, "ftp://a/b": false,
		"https://a/b?c=d": false, "https://a/b#c": false, "https://u:p@a/b": false, "https://a/" + strings.Repeat("b", 256): false} {
		if carry.NotifyURL(address) != ok {
			t.Errorf("%q: want %t", address, ok)
		}
	}
}

// FuzzForm: no panic; and what is taken means the same when written again.
func FuzzForm(f *testing.F) {
	f.Add("a=1&b=%E8%8C%B6+tea&sign=ab%2B%2F%3D")
	f.Add("a=1&a=2")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := carry.Form([]byte(in))
		if err != nil {
			return
		}
		v := url.Values{}
		for name, value := range got {
			v.Set(name, value)
		}
		if again, err := carry.Form([]byte(v.Encode())); err != nil || !maps.Equal(got, again) {
			t.Fatalf("took %v, again %v (%v)", got, again, err)
		}
	})
}
