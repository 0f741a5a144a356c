// Package strictjson decodes JSON from strangers: it refuses duplicate keys, unknown fields,
// deep nesting and bytes after the value, all of which encoding/json takes in silence.
//
// Newcomers get one thing wrong: bound the size before reading; this package sees only what was read.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"cloudcashier/shared/fault"
)

// maxDepth bounds nesting; no message of ours goes deeper than four.
const maxDepth = 16

// Decode reads exactly one JSON value into v. Its errors are Invalid and name the field.
func Decode(data []byte, v any) error {
	keys, err := scan(data)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "json.malformed", "the body is not acceptable JSON: %v", err)
	}
	if err := spelt(keys, reflect.TypeOf(v)); err != nil {
		return fault.Wrap(err, fault.Invalid, "json.field", "the body does not fit: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fault.Wrap(err, fault.Invalid, "json.field", "the body does not fit: %s", describe(err))
	}
	return nil
}

// describe keeps values out of messages: a payment code may stand in any of them.
func describe(err error) string {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Sprintf("field %q wants %s, not %s", te.Field, te.Type, te.Value)
	}
	return err.Error()
}

// spelt refuses top-level keys that are no field's name to the letter: encoding/json takes "AMOUNT"
// for "amount".
func spelt(keys []string, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for _, key := range keys {
		known := false
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			known = known || name == key || name == "" && t.Field(i).Name == key
		}
		if !known {
			return fmt.Errorf("field %q is not known", key)
		}
	}
	return nil
}

// scan walks the tokens once: one value, bounded depth, no key twice in one object. It lists the
// keys of the outermost object.
func scan(data []byte) (names []string, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	type frame struct {
		keys map[string]bool // nil for an array
		key  bool            // a key comes next
	}
	var stack []frame
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, errors.New("it does not parse")
		}
		var top *frame
		if len(stack) > 0 {
			top = &stack[len(stack)-1]
		}
		if name, ok := token.(string); ok && top != nil && top.keys != nil && top.key {
			if top.keys[name] {
				return nil, fmt.Errorf("key %q stands twice", name)
			}
			if len(stack) == 1 {
				names = append(names, name)
			}
			top.keys[name], top.key = true, false
			continue
		}
		if top != nil {
			top.key = top.keys != nil
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, frame{keys: map[string]bool{}, key: true})
		case json.Delim('['):
			stack = append(stack, frame{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
		if len(stack) > maxDepth {
			return nil, errors.New("it nests too deep")
		}
		if len(stack) == 0 {
			break
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return names, nil
}
