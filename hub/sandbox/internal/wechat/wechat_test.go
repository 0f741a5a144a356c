package wechat

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestSignatureVectors signs the published vectors and the handbook's own.
func TestSignatureVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID, Input string
		Output    struct{ MD5, HMAC string }
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 3 {
		t.Fatalf("%d vectors, want 3", len(vectors))
	}
	for _, v := range vectors {
		text, key, _ := strings.Cut(v.Input, "&key=")
		// Neither an empty parameter nor the signature itself is signed.
		f := fields{{"device_info_", ""}, {"sign", "X"}}
		for _, pair := range strings.Split(text, "&") {
			name, value, _ := strings.Cut(pair, "=")
			f = append(f, field{name, value})
		}
		slices.SortFunc(f, func(a, b field) int { return strings.Compare(a.name, b.name) })
		if got := signature(signMD5, key, f); got != v.Output.MD5 {
			t.Errorf("%s MD5 is %s, want %s", v.ID, got, v.Output.MD5)
		}
		if got := signature(signHMAC, key, f); got != v.Output.HMAC {
			t.Errorf("%s HMAC is %s, want %s", v.ID, got, v.Output.HMAC)
		}
		if got := forge(v.Output.MD5); got == v.Output.MD5 || len(got) != 32 {
			t.Errorf("%s: a forged signature is %s", v.ID, got)
		}
	}
}

func TestParseXML(t *testing.T) {
	good := map[string]fields{
		"<xml></xml>":         {},
		"<xml><a>1</a></xml>": {{"a", "1"}},
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n <b>x</b>\n <a><![CDATA[<&]]></a></xml>\n": {{"a", "<&"}, {"b", "x"}},
		"<xml><a/><b></b></xml>": {{"a", ""}, {"b", ""}},
		"<xml><a>&lt;&amp;&gt;&quot;&apos;&#20013;&#x4e2d;</a></xml>":  {{"a", "<&>\"'中中"}},
		"<xml><a>1<![CDATA[2]]>3<![CDATA[]]]]><![CDATA[>]]></a></xml>": {{"a", "123]]>"}},
		"<xml><a-b.c_1>中</a-b.c_1></xml>":                              {{"a-b.c_1", "中"}},
	}
	for text, want := range good {
		if got, err := parseXML(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	bad := []string{
		"", "x", "<xml>", "</xml>", "<xml></xml>x", "<xml></xml><xml></xml>", "<xml></xml></xml>", "<XML></XML>", "<root></root>",
		"<xml><a>1</a>", "<xml><a>1</b></xml>", "<xml><a>1</xml>", "<xml><a>1</a ></xml>", "<xml><a >1</a></xml>",
		"<xml><a>1</a><a>1</a></xml>", "<xml><a>1</a><b/><a/></xml>",
		"<xml><a><b>1</b></a></xml>", "<xml>text</xml>", "<xml><a b=\"c\">1</a></xml>", "<xml x=\"y\"></xml>",
		"<!DOCTYPE xml><xml></xml>", "<?xml version=\"1.0\"?><!DOCTYPE xml [<!ENTITY e \"x\">]><xml><a>&e;</a></xml>",
		"<xml><a>&e;</a></xml>", "<xml><a>&;</a></xml>", "<xml><a>& b</a></xml>", "<xml><a>&#0;</a></xml>", "<xml><a>&#xd800;</a></xml>",
		"<xml><a>&#x110000;</a></xml>", "<xml><a>&#-1;</a></xml>", "<xml><!-- c --><a>1</a></xml>", "<xml><a><!-- c --></a></xml>",
		"<xml><a><![CDATA[1]></a></xml>", "<xml><a>]]></a></xml>", "<xml><?pi x?></xml>", "<xml><a>\x01</a></xml>", "<xml><a>\x00</a></xml>",
		"<xml><1>1</1></xml>", "<xml><>1</></xml>", "<xml><a", "<xml><", "<xml><a/", "<?xml version=\"1.0\"", "<?xml <x> ?><xml></xml>",
		" <?xml version=\"1.0\"?><xml></xml>", "\ufeff<xml></xml>",
		"<xml><" + strings.Repeat("a", 65) + ">1</" + strings.Repeat("a", 65) + "></xml>",
		"<?xml version=\"1.0\" encoding=\"GBK\"?><xml></xml>", "<xml><a>\xff</a></xml>",
	}
	var many strings.Builder
	for i := range 65 {
		many.WriteString("<a" + strings.Repeat("x", i) + "/>")
	}
	bad = append(bad, "<xml>"+many.String()+"</xml>")
	for _, text := range bad {
		if got, err := parseXML(text); err == nil {
			t.Errorf("%q was taken: %v", text, got)
		}
	}
}

// FuzzXML holds the parser to three things: it never panics, what it takes it can write and take
// again, and names stand once and in order.
func FuzzXML(f *testing.F) {
	for _, seed := range []string{
		"<xml><a>1</a></xml>", "<?xml version=\"1.0\"?><xml><a><![CDATA[x]]>&amp;&#65;</a><b/></xml>", "<xml><a>]]]]><![CDATA[></a></xml>",
		"<!DOCTYPE x><xml/>", "<xml><a><b/></a></xml>", "<xml>&", "<xml><a>1</a><a>2</a></xml>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseXML(text)
		if err != nil {
			return
		}
		for i := 1; i < len(got); i++ {
			if got[i-1].name >= got[i].name {
				t.Fatalf("%q stands before %q", got[i-1].name, got[i].name)
			}
		}
		again, err := parseXML(string(appendXML(nil, got)))
		if err != nil || !slices.Equal(got, again) {
			t.Fatalf("%q became %q (%v)", got, again, err)
		}
	})
}
