// Package store is a bad sample.
package store

import (
	"log"
	"os"
)

func open() {
	log.Fatalf("no") // want "log.Fatalf: return an error"
	log.Panic("no")  // want "log.Panic"
	os.Exit(1)       // want "os.Exit outside main"
	panic("no")      // want "panic: return an error"
}

func shadow(panic func(string)) { panic("mine") }
