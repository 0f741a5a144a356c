package wechat_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"cloudcashier/hub/internal/channel/wechat"
)

// TestVectors signs the handbook's vectors W2-1 to W2-3, parsed from XML as the wallet writes it.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID     string
		Input  string
		Output struct{ MD5, HMAC string }
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 3 {
		t.Fatalf("%d vectors, want 3", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			params, key, _ := strings.Cut(v.Input, "&key=")
			var doc strings.Builder
			doc.WriteString("<xml>\n")
			for _, p := range strings.Split(params, "&") {
				name, value, _ := strings.Cut(p, "=")
				doc.WriteString("<" + name + "><![CDATA[" + value + "]]></" + name + ">\n")
			}
			if !strings.Contains(params, "device_info") {
				doc.WriteString("<device_info></device_info><attach/>") // empty counts as absent
			}
			for kind, want := range map[string]string{"MD5": v.Output.MD5, "HMAC-SHA256": v.Output.HMAC} {
				signed := doc.String() + "<sign>" + want + "</sign></xml>"
				if got, carried, err := wechat.Sign(kind, key, signed); err != nil || got != want || !carried {
					t.Errorf("%s: %s, carried %t, %v; want %s", kind, got, carried, err, want)
				}
				low := doc.String() + "<sign>" + strings.ToLower(want) + "</sign></xml>"
				if _, carried, _ := wechat.Sign(kind, key, low); carried {
					t.Errorf("%s: a lower-case signature was taken", kind)
				}
			}
		})
	}
}

func TestParse(t *testing.T) {
	many := func(n int) string { // n different elements
		var b strings.Builder
		for i := range n {
			b.WriteString("<f" + strings.Repeat("x", i) + ">1</f" + strings.Repeat("x", i) + ">")
		}
		return "<xml>" + b.String() + "</xml>"
	}
	good := map[string]map[string]string{
		`<xml></xml>`: {},
		"<?xml version=\"1.0\"?>\n<xml> \n</xml>\n":                {},
		`<xml><a>1</a><b/><c></c></xml>`:                           {"a": "1", "b": "", "c": ""},
		`<xml><a><![CDATA[<b>&amp;]]></a></xml>`:                   {"a": "<b>&amp;"},
		`<xml><a>x<![CDATA[y]]>z<![CDATA[]]></a></xml>`:            {"a": "xyz"},
		`<xml><a>&lt;&gt;&amp;&quot;&apos;&#33;&#x4e2d;</a></xml>`: {"a": `<>&"'!中`},
		`<xml><a> 支付 </a></xml>`:                                   {"a": " 支付 "},
		`<xml><coupon_id_0>1</coupon_id_0></xml>`:                  {"coupon_id_0": "1"},
		many(64): nil,
	}
	for in, want := range good {
		got, err := wechat.Parse(in)
		if err != nil || (want != nil && len(got) != len(want)) {
			t.Errorf("Parse(%.80q) = %v, %v; want %v", in, got, err, want)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("Parse(%.80q)[%s] = %q, want %q", in, k, got[k], v)
			}
		}
	}
	for name, in := range map[string]string{
		"empty": "", "text": "hello", "other root": "<html></html>", "root only opened": "<xml>",
		"no end": "<xml><a>1</a>", "element not closed": "<xml><a>1</xml>", "wrong end": "<xml><a>1</b></xml>",
		"end with space":     "<xml><a>1</a ></xml>",
		"twice":              "<xml><a>1</a><a>1</a></xml>",
		"twice, apart":       "<xml><a>1</a><b>2</b><a/></xml>",
		"nested":             "<xml><a><b>1</b></a></xml>",
		"deep":               "<xml>" + strings.Repeat("<a>", 5000) + "</xml>",
		"attribute":          `<xml><a b="c">1</a></xml>`,
		"attribute on root":  `<xml a="b"></xml>`,
		"namespace":          `<xml><x:a>1</x:a></xml>`,
		"doctype":            `<!DOCTYPE xml [<!ENTITY e "x">]><xml><a>&e;</a></xml>`,
		"external entity":    `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml/>`,
		"unknown entity":     `<xml><a>&nbsp;</a></xml>`,
		"half an entity":     `<xml><a>&amp</a></xml>`,
		"empty reference":    `<xml><a>&#;</a></xml>`,
		"zero reference":     `<xml><a>&#0;</a></xml>`,
		"surrogate":          `<xml><a>&#xd800;</a></xml>`,
		"huge reference":     `<xml><a>&#99999999999;</a></xml>`,
		"signed reference":   `<xml><a>&#+33;</a></xml>`,
		"comment":            `<xml><!-- --><a>1</a></xml>`,
		"comment in a value": `<xml><a>1<!-- -->2</a></xml>`,
		"instruction":        `<xml><?php ?><a>1</a></xml>`,
		"late declaration":   ` <?xml version="1.0"?><xml></xml>`,
		"open declaration":   `<?xml version="1.0"`,
		"text between":       `<xml>text<a>1</a></xml>`,
		"CDATA between":      `<xml><![CDATA[x]]><a>1</a></xml>`,
		"CDATA open":         `<xml><a><![CDATA[x</a></xml>`,
		"stray CDATA end":    `<xml><a>x]]></a></xml>`,
		"after the root":     `<xml></xml><xml></xml>`,
		"text after":         `<xml></xml>x`,
		"control character":  "<xml><a>\x01</a></xml>",
		"control reference":  "<xml><a>&#1;</a></xml>",
		"not UTF-8":          "<xml><a>\xd6\xd0</a></xml>",
		"BOM":                "\ufeff<xml></xml>",
		"too many":           many(65),
		"too large":          "<xml><a>" + strings.Repeat("x", 32<<10) + "</a></xml>",
		"name starts bad":    "<xml><1a>1</1a></xml>",
		"long name":          "<xml><" + strings.Repeat("a", 70) + "/></xml>",
		"empty name":         "<xml><>1</></xml>",
		"many parts":         "<xml><a>" + strings.Repeat("<![CDATA[x]]>", 17) + "</a></xml>",
	} {
		if got, err := wechat.Parse(in); err == nil {
			t.Errorf("%s: taken as %v", name, got)
		}
	}
}

// FuzzParse: no panic; and what is taken means the same when written again.
func FuzzParse(f *testing.F) {
	f.Add(`<xml><return_code><![CDATA[SUCCESS]]></return_code><total_fee>100</total_fee></xml>`)
	f.Add(`<?xml version="1.0" encoding="UTF-8"?><xml><a>&lt;&#x4e2d;</a><b/></xml>`)
	f.Add(`<xml><a><![CDATA[]]>]]&gt;</a></xml>`)
	f.Add(`<xml><a>1</a><a>2</a></xml>`)
	f.Fuzz(func(t *testing.T, in string) {
		got, err := wechat.Parse(in)
		if err != nil {
			return
		}
		var doc strings.Builder
		doc.WriteString("<xml>")
		for k, v := range got {
			doc.WriteString("<" + k + ">" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(v) + "</" + k + ">")
		}
		doc.WriteString("</xml>")
		again, err := wechat.Parse(doc.String())
		if err != nil && doc.Len() > 32<<10 {
			return // it was larger when escaped
		}
		if err != nil || len(again) != len(got) {
			t.Fatalf("took %v, which is not taken again: %v", got, err)
		}
		for k, v := range got {
			if again[k] != v {
				t.Errorf("%s: %q became %q", k, v, again[k])
			}
		}
	})
}
