package till

import "cloudcashier/shared/localapi"

// WaitsForScan reports whether a scan would be used: a sale waits for one, or the newest of all shows a code of ours
// that a scanned one may replace.
func (t *Till) WaitsForScan() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.open {
		if h.row.State == localapi.StateWaiting || h.place == t.count && h.row.Shows() {
			return true
		}
	}
	return false
}
