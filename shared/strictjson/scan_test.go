package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// byTokens is the plain way to scan: the standard library's tokens, one by one.
func byTokens(data []byte) (names []string, fine bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	type open struct {
		keys map[string]bool // nil for an array
		key  bool
	}
	var stack []open
	for {
		token, err := d.Token()
		if err != nil {
			return nil, false
		}
		top := &open{}
		if len(stack) > 0 {
			top = &stack[len(stack)-1]
		}
		if name, ok := token.(string); ok && top.keys != nil && top.key {
			if top.keys[name] {
				return nil, false
			}
			if len(stack) == 1 {
				names = append(names, name)
			}
			top.keys[name], top.key = true, false
			continue
		}
		top.key = top.keys != nil
		switch token {
		case json.Delim('{'):
			stack = append(stack, open{keys: map[string]bool{}, key: true})
		case json.Delim('['):
			stack = append(stack, open{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
		if len(stack) > maxDepth {
			return nil, false
		}
		if len(stack) == 0 {
			break
		}
	}
	_, err := d.Token()
	return names, err == io.EOF
}

// FuzzScan holds the scan against the plain way.
func FuzzScan(f *testing.F) {
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, `"k%d":[{"a":",}"}],`, i)
	}
	for _, text := range []string{`{"a":1,"b":{"a":[{"c":"d"},{"c":2}]}}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"\"":1,"\\":2,"x\\\"y":{}}`,
		`[1,"a","a",{"q":null}]`, `"s"`, ` 12 `, `{} {}`, `{"a":"}{][,:\""}`, "{\"\xff\":1,\"\xfe\":2}", `{"ä":1,"ä":2}`, `{`, ``, `]`, `{"a":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}`,
		`[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]`, "{" + many.String() + `"z":0}`, "{" + many.String() + `"k3":0}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, fine := byTokens(data)
		got, err := scan(data)
		if fine != (err == nil) || fine && !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; the plain way: %q, %t", data, got, err, want, fine)
		}
	})
}
