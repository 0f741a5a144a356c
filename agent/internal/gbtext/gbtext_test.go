package gbtext_test

import (
	"testing"

	"cloudcashier/agent/internal/gbtext"
)

func TestEncode(t *testing.T) {
	for text, want := range map[string]string{"a1": "a1", "付": "\xb8\xb6", "¥1": "\xa3\xa41", "a\x1b\x0cb": "a??b", "😀": "?", "\u20ac": "\xa2\xe3", "\u0080": "?"} {
		if got := gbtext.Encode(text); string(got) != want {
			t.Errorf("%q: %x, want %x", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	text := gbtext.Encode("a付款b")
	for columns, want := range []string{"", "a", "a", "a付", "a付", "a付款", "a付款b", "a付款b"} {
		if got := gbtext.Cut(text, columns); string(got) != string(gbtext.Encode(want)) {
			t.Errorf("%d columns: %x", columns, got)
		}
	}
}
