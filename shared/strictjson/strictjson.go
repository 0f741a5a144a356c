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

	"cloudcashier/shared/fault"
)

// maxDepth bounds nesting; no message of ours goes deeper than four.
const maxDepth = 16

// Decode reads exactly one JSON value into v. Its errors are Invalid and name the field.
func Decode(data []byte, v any) error {
	if err := scan(data); err != nil {
		return fault.Wrap(err, fault.Invalid, "json.malformed", "the body is not acceptable JSON: %v", err)
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

// scan walks the tokens once: one value, bounded depth, no key twice in one object.
func scan(data []byte) error {
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
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return errors.New("it does not parse")
		}
		var top *frame
		if len(stack) > 0 {
			top = &stack[len(stack)-1]
		}
		if name, ok := token.(string); ok && top != nil && top.keys != nil && top.key {
			if top.keys[name] {
				return fmt.Errorf("key %q stands twice", name)
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
			return errors.New("it nests too deep")
		}
		if len(stack) == 0 {
			break
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}
