package sandbox

import (
	"context"
	"time"
)

// HoldBackWith replaces the clock that holds answers back. Call it before Run.
func (s *Sandbox) HoldBackWith(f func(context.Context, time.Duration)) { s.wait = f }

// Routes gives the handler, for callers from addresses that no test can have.
var Routes = (*Sandbox).routes
