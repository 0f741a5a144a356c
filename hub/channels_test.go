package main

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"cloudcashier/hub/hubd"
)

// TestChannelHelpShowsEveryKey: the help is the file's description, so nothing that the file may hold is missing there.
func TestChannelHelpShowsEveryKey(t *testing.T) {
	keys := map[string]bool{}
	yamlKeys(reflect.TypeFor[hubd.ChannelFile](), keys)
	if !keys["wechat_v3"] || !keys["open_most"] || len(keys) < 50 {
		t.Fatalf("only %d keys were found", len(keys))
	}
	for key := range keys {
		if !regexp.MustCompile(`\b` + key + `\b`).MatchString(channelHelp) {
			t.Errorf("the help does not tell of %s", key)
		}
	}
}

// yamlKeys gathers the keys of a type and of those in it.
func yamlKeys(of reflect.Type, keys map[string]bool) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		f := of.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if tag, ok := f.Tag.Lookup("yaml"); !ok || tag == "-" {
			continue
		}
		if key != "" {
			keys[key] = true
		}
		yamlKeys(f.Type, keys)
	}
}
