package sandbox

import (
	"maps"
	"net/http"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// setTerms is POST /sandbox/terms: what a merchant agrees upon with the wallets beyond its numbers and keys. What is not
// said stays as it is.
func (s *Sandbox) setTerms(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Name   string               `json:"name"`
		FeePPM map[pay.Wallet]int64 `json:"fee_ppm"`
		Subs   []string             `json:"subs"`
	}
	if done, err := decode(w, r, &asked); done || err != nil {
		return err
	}
	s.minting.Lock()
	defer s.minting.Unlock()
	known := s.merchants.Named(asked.Name)
	if known == nil {
		return fault.New(fault.Invalid, "sandbox.terms", "there is no merchant of that name: make it first")
	}
	m := *known
	t := m.Terms
	t.FeePPM = maps.Clone(t.FeePPM)
	for wallet, ppm := range asked.FeePPM {
		if _, real := shapes[wallet]; !real || ppm < 0 || ppm > 1_000_000 {
			return fault.New(fault.Invalid, "sandbox.terms", "fee_ppm is by wallet, in millionths from 0 to 1000000")
		}
		if t.FeePPM == nil {
			t.FeePPM = map[pay.Wallet]int64{}
		}
		t.FeePPM[wallet] = ppm
	}
	if asked.Subs != nil {
		t.Subs = asked.Subs
	}
	for _, sub := range t.Subs {
		if s.merchants.Named(sub) == nil || sub == m.Name {
			return fault.New(fault.Invalid, "sandbox.terms", "subs are names of other merchants that are there")
		}
	}
	if err := m.Agree(t); err != nil {
		return err
	}
	if err := s.book.SaveTerms(&m); err != nil {
		return err
	}
	s.merchants.Put(&m)
	return answerJSON(w, map[string]string{"name": m.Name})
}
