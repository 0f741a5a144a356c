package till

// Overdue takes the steps of deadlines that passed, as Run does.
func (t *Till) Overdue() { t.overdue() }

// LimitOpen replaces maxOpen.
func (t *Till) LimitOpen(n int) { t.most = n }

// Codes counts the payment codes in memory.
func (t *Till) Codes() (n int) {
	for _, h := range t.open {
		if !h.code.IsZero() {
			n++
		}
		if !h.instead.code.IsZero() {
			n++
		}
	}
	return n
}

// Announce tells what changed around the till, as Run does.
func (t *Till) Announce() { t.announce() }
