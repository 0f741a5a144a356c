package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/strictjson"
)

type target struct {
	A int               `json:"a"`
	B []string          `json:"b"`
	C map[string]target `json:"c"`
	D json.RawMessage   `json:"d"`
}

func TestDecode(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"a":1,"b":["x","x"],"c":{"k":{"a":2},"l":{}},"d":{"q":[1,{"r":null}]}}`: true,
		`{}`:                        true,
		` {"a":1} ` + "\n":          true,
		`{"a":1,"a":2}`:             false,
		`{"c":{"k":{"a":1,"a":1}}}`: false,
		`{"d":{"q":1,"q":2}}`:       false,
		`{"d":[{"q":1},{"q":2}]}`:   true,
		`{"z":1}`:                   false,
		`{"a":1} {}`:                false,
		`{"a":1}x`:                  false,
		`{"a":1.0}`:                 false,
		`{"a":1e2}`:                 false,
		`{"a":"1"}`:                 false,
		`{"a":9223372036854775808}`: false,
		``:                          false,
		`{`:                         false,
		`{"a":`:                     false,
		`[`:                         false,
		`{"d":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: false,
	} {
		var v target
		err := strictjson.Decode([]byte(text), &v)
		if (err == nil) != ok || (err != nil && fault.KindOf(err) != fault.Invalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestErrorsKeepValuesInside(t *testing.T) {
	var v target
	err := strictjson.Decode([]byte(`{"a":"130061098828009406"}`), &v)
	if err == nil || strings.Contains(err.Error(), "13006109") {
		t.Errorf("%v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[]}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v target
		if strictjson.Decode(data, &v) == nil && !json.Valid(data) {
			t.Fatal("took what is not JSON")
		}
	})
}
