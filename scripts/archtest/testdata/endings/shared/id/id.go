// Package id is a sample: it has a row among those that may panic.
package id // wantdir "0 programs"

func mint() { panic("no randomness") }
