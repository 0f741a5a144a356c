// Package payment is a bad sample.
package payment

import (
	"testing"
	"time"
)

type lexer struct{}

func (lexer) Skip() {}

func TestLaw(t *testing.T) {
	time.Sleep(time.Second) // want "time.Sleep in a test"
	t.Skip("no")            // want "t.Skip: a skipped test proves nothing"
	t.Run("x", func(u *testing.T) {
		u.SkipNow() // want "u.SkipNow"
	})
	var l lexer
	l.Skip()
}

func helper(tb testing.TB) {
	tb.Skipf("no") // want "tb.Skipf"
}
