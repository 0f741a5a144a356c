package channeltest

import (
	"cloudcashier/hub/sandbox"
	"cloudcashier/shared/pay"
	"testing"
)

// Start runs a sandbox until the test ends; alipayKey is the merchant's public key for Alipay, in PEM.
func Start(t *testing.T, alipayKey string) *Sandbox { return start(t, alipayKey) }

// Code makes a fresh payment code.
func (s *Sandbox) Code(t *testing.T, w pay.Wallet, fate string) pay.Code { return s.code(t, w, fate) }

// Agree sets what the sandbox's merchant agreed upon with the wallets, and tells what it got.
func (s *Sandbox) Agree(t *testing.T, terms map[string]any) (a sandbox.Agreement) {
	t.Helper()
	terms["name"] = "tea shop"
	s.post(t, "/sandbox/terms", terms, &a)
	return a
}

// Befriend makes further merchants that the tea shop stands for.
func (s *Sandbox) Befriend(t *testing.T, names ...string) sandbox.Agreement {
	t.Helper()
	for _, name := range names {
		var other Merchant
		s.post(t, "/sandbox/merchants", map[string]any{"name": name}, &other)
	}
	return s.Agree(t, map[string]any{"subs": names})
}

// Stranger makes a further merchant that the tea shop has nothing to do with.
func (s *Sandbox) Stranger(t *testing.T, name string) (m Merchant) {
	t.Helper()
	s.post(t, "/sandbox/merchants", map[string]any{"name": name}, &m)
	return m
}

// Scan has a customer scan the code that we show, and do what the scenario's two digits say.
func (s *Sandbox) Scan(t *testing.T, qr, scenario string) (seen string) {
	t.Helper()
	var told struct {
		Seen string `json:"seen"`
	}
	s.post(t, "/sandbox/pay", map[string]string{"qr": qr, "scenario": scenario}, &told)
	return told.Seen
}
