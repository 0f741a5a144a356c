// Package store is a bad sample.
package store

import (
	crand "crypto/rand"
	old "math/rand"
	"math/rand/v2"
	"os"
	"time"
)

var now func() time.Time = time.Now // want "time.Now below the composition root"

func draw(chance *rand.Rand, home func(string) string) (int, error) {
	_ = time.Since(time.Time{}) // want "time.Since"
	_ = time.Until(time.Time{}) // want "time.Until"
	_ = old.Intn(3)             // want "rand.Intn"
	_ = os.Getenv("HOME")       // want "os.Getenv"
	_, _ = os.LookupEnv("HOME") // want "os.LookupEnv"
	_, err := crand.Read(nil)   // want "rand.Read"
	_ = rand.New(rand.NewPCG(1, 2)).IntN(3)
	_, _ = os.ReadFile("x")
	return chance.IntN(3) + rand.IntN(3), err // want "rand.IntN"
}

func shadow() string {
	os := struct{ Getenv func(string) string }{}
	return os.Getenv("a local variable of that name")
}
