package sandbox

import (
	"net/http"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/fault"
)

// customerPays has a customer scan a code that a merchant shows; scenario is his fate, as of a payment code.
func (s *Sandbox) customerPays(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		QR       string `json:"qr"`
		Scenario string `json:"scenario"`
	}
	if done, err := decode(w, r, &asked); done || err != nil {
		return err
	}
	if asked.Scenario == "" {
		asked.Scenario = "00"
	}
	if !scenarioShape.MatchString(asked.Scenario) {
		return fault.New(fault.Invalid, "sandbox.scenario", "scenario is two digits, 00 to 99")
	}
	step, found, err := s.book.Scan(s.now().UTC().Truncate(time.Millisecond), asked.QR, order.FateOf(asked.Scenario))
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.Invalid, "sandbox.qr", "no merchant shows this code: give the text of one as a wallet made it")
	}
	return answerJSON(w, map[string]string{"seen": string(step.Verdict), "out_trade_no": step.Order.Number})
}
