package channeltest

import "testing"

// Start runs a sandbox with one merchant, for tests that play no fates.
func Start(t *testing.T) *Sandbox {
	t.Helper()
	return start(t, "")
}

// Scan has a customer scan the code that we show, and do what the scenario's two digits say.
func (s *Sandbox) Scan(t *testing.T, qr, scenario string) (verdict string) {
	t.Helper()
	var told struct {
		Verdict string `json:"verdict"`
	}
	s.post(t, "/sandbox/pay", map[string]string{"qr": qr, "scenario": scenario}, &told)
	return told.Verdict
}

// Ledger reads what the wallet booked for one order.
func (s *Sandbox) Ledger(t *testing.T, outTradeNo string) []Line {
	t.Helper()
	return s.ledger(t, outTradeNo)
}

// Another makes one more merchant at the sandbox.
func (s *Sandbox) Another(t *testing.T, name string) (m Merchant) {
	t.Helper()
	s.post(t, "/sandbox/merchants", map[string]string{"name": name}, &m)
	return m
}
