package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestBugsFit: each planted bug still finds the text it changes.
func TestBugsFit(t *testing.T) {
	for _, b := range bugs {
		source, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(b.file)))
		if err != nil {
			t.Fatal(err)
		}
		if wrong, err := b.planted(string(source)); err != nil || wrong == string(source) {
			t.Errorf("%s: %v", b.name, err)
		}
	}
}
