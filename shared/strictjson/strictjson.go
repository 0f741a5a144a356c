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
	"slices"
	"strings"
	"unicode/utf8"

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

// scan goes through one value once: bounded depth, no key twice in one object. It lists the keys of the outermost object.
func scan(data []byte) (names []string, err error) {
	if !json.Valid(data) {
		return nil, malformed(data)
	}
	var stack []frame
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if len(stack) == maxDepth {
				return nil, errors.New("it nests too deep")
			}
			stack = append(stack, frame{object: data[i] == '{', key: true})
		case '}', ']':
			stack = stack[:len(stack)-1]
		case ',':
			stack[len(stack)-1].key = true
		case '"':
			end := i + 1
			for data[end] != '"' {
				if data[end] == '\\' {
					end++
				}
				end++
			}
			if len(stack) > 0 {
				if top := &stack[len(stack)-1]; top.object && top.key {
					if err := top.meet(data[i : end+1]); err != nil {
						return nil, err
					}
					if len(stack) == 1 {
						names = top.names
					}
				}
			}
			i = end
		}
	}
	return names, nil
}

// frame is an object or an array that is open.
type frame struct {
	object bool
	key    bool     // a key comes next
	names  []string // of an object
	many   map[string]bool
}

// few is how many keys are compared one by one: messages of ours have no more.
const few = 32

func (f *frame) meet(quoted []byte) error {
	name := string(quoted[1 : len(quoted)-1])
	if bytes.ContainsFunc(quoted, func(r rune) bool { return r == '\\' || r >= utf8.RuneSelf }) { // two spellings may be one name
		if err := json.Unmarshal(quoted, &name); err != nil {
			return errors.New("it does not parse")
		}
	}
	f.key = false
	if f.many == nil && len(f.names) == few {
		f.many = map[string]bool{}
		for _, n := range f.names {
			f.many[n] = true
		}
	}
	if f.many[name] || f.many == nil && slices.Contains(f.names, name) {
		return fmt.Errorf("key %q stands twice", name)
	}
	if f.many != nil {
		f.many[name] = true
	}
	f.names = append(f.names, name)
	return nil
}

// malformed says why a text is not one JSON value.
func malformed(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	var first json.RawMessage
	switch err := d.Decode(&first); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case err != nil:
		return errors.New("it does not parse")
	}
	return errors.New("something follows the value")
}
