package store

import "context"

// Ask returns nil once the journal's writer has taken a transaction of ours and ended it, behind whatever it is
// at work on. The transaction changes nothing, so that nothing is written: asking costs the disk nothing, and
// a commit that hangs in it holds the answer back. It may outlast ctx, for nobody can call a commit off.
func (s *Store) Ask(context.Context) error { return s.Update(func(*Tx) error { return nil }) }
