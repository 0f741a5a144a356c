// Package pulse is how a loop is asked whether it still turns: whoever asks hands over a token, and only the
// loop itself can take it, between two of its rounds.
//
// It refuses to be kept: a pulse has no buffer, so that nobody can answer for later. Newcomers get one thing
// wrong: a loop that takes the token and then hangs has answered once, and not the next time; one answer says
// that the loop came by, not that it is well.
package pulse

import (
	"context"
	"time"
)

// Pulse is one loop's. The loop receives from it wherever it waits.
type Pulse chan struct{}

// New makes one.
func New() Pulse { return make(Pulse) }

// Ask returns nil once the loop has come by, and ctx's error when it did not in time.
func (p Pulse) Ask(ctx context.Context) error {
	select {
	case p <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// During answers for a loop while fn runs, which bounds its own time, and for no longer than most: a call that
// breaks its own bound is a loop that hangs.
func (p Pulse) During(most time.Duration, fn func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		late := time.NewTimer(most)
		defer late.Stop()
		for {
			select {
			case <-p:
			case <-late.C:
				return
			case <-done:
				return
			}
		}
	}()
	defer func() {
		close(done)
		<-ended
	}()
	fn()
}
